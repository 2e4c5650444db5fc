//! What a campaign came to, as text and as a page.

use std::fmt::Write as _;

use crate::options::Options;
use crate::reach::Reached;
use crate::run::Outcome;

/// A line for each target, and the sum.
pub(crate) fn text(outcomes: &[Outcome], reached: Option<&Reached>) -> String {
    let mut text = String::new();
    for outcome in outcomes {
        let (name, status) = (outcome.target.name, outcome.fuzzed.status);
        let _ = writeln!(
            text,
            "{name:14} {:>6.0} s  {:>10} executions  coverage {:>5}  {}",
            outcome.fuzzed.elapsed.as_secs_f64(),
            status.executions,
            status.coverage,
            verdict(outcome)
        );
    }
    if let Some(reached) = reached {
        let (count, all) = reached.score();
        let _ = writeln!(text, "{count} of {all} clauses with code in the kernel are reached");
    }
    let crashes: usize = outcomes
        .iter()
        .filter(|outcome| !outcome.target.canary)
        .map(|outcome| outcome.crashes.len())
        .sum();
    let _ = writeln!(text, "{} targets, {crashes} crashes", outcomes.len());
    text
}

fn verdict(outcome: &Outcome) -> String {
    match (outcome.target.canary, outcome.crashes.len()) {
        (true, 0) => "CANARY NOT FOUND: this campaign finds nothing".into(),
        (true, _) => "the canary was found".into(),
        (false, 0) => "no crash".into(),
        (false, count) => format!("{count} CRASHES"),
    }
}

/// The page: self-contained.
pub(crate) fn page(options: &Options, outcomes: &[Outcome], reached: Option<&Reached>) -> String {
    let mut body = format!("<pre>{}</pre>\n", escaped(&text(outcomes, reached)));
    let _ = writeln!(
        body,
        "<p>{:.1} minutes, {} at a time{}.</p>",
        options.length.as_secs_f64() / 60.0,
        options.jobs,
        if options.sanitizer { ", with AddressSanitizer" } else { "" }
    );
    for outcome in outcomes {
        let _ =
            writeln!(body, "<h2>{}</h2>\n{}", outcome.target.name, curve(&outcome.fuzzed.curve));
        for crash in &outcome.crashes {
            let _ = writeln!(
                body,
                "<p class=crash>{}</p><pre>{}</pre><pre>{}</pre>",
                escaped(&crash.reason),
                escaped(&crash.command),
                escaped(&crash.test)
            );
        }
    }
    if let Some(reached) = reached {
        body += &clauses(outcomes, reached);
    }
    format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>loopgate campaign</title>\n\
         <style>body{{font:14px/1.5 system-ui,sans-serif;max-width:72em;margin:2em auto;padding:0 1em}}\
         svg{{width:100%;background:#f6f6f6}}polyline{{fill:none;stroke:#369;stroke-width:2}}\
         text{{font-size:12px}}pre{{overflow-x:auto;background:#f6f6f6;padding:.5em}}\
         td,th{{padding:0 .6em;text-align:right}}td:first-child{{text-align:left}}\
         .none{{background:#fdd}}.crash{{color:#a00;font-weight:bold}}</style>\n\
         <h1>Campaign</h1>\n{body}</html>\n"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// Coverage over time, from zero to the most.
fn curve(points: &[(f64, u64)]) -> String {
    let most = points.iter().map(|(_, coverage)| *coverage).max().unwrap_or(0).max(1);
    let last = points.last().map_or(1.0, |(at, _)| at.max(1.0));
    let mut line = String::new();
    for (at, coverage) in points {
        // The numbers are small, and a drawing needs no more.
        #[allow(clippy::cast_precision_loss, reason = "far below 2^52")]
        let height = *coverage as f64 / most as f64;
        let _ = write!(line, "{:.1},{:.1} ", at / last * 950.0, 150.0 - height * 140.0);
    }
    format!(
        "<svg viewBox=\"0 0 960 170\"><polyline points=\"{line}\"/><text x=\"4\" y=\"12\">{most} edges</text>\
         <text x=\"900\" y=\"166\">{last:.0} s</text></svg>"
    )
}

/// A row for each clause that has code, a column for each target.
fn clauses(outcomes: &[Outcome], reached: &Reached) -> String {
    let (count, all) = reached.score();
    let mut table = format!(
        "<h2>Clauses</h2>\n<p>{count} of {all} are reached. A number is how often the first code under the \
         clause's quotation was run by the inputs of a corpus.</p>\n<table><tr><th>clause"
    );
    for outcome in outcomes {
        let _ = write!(table, "<th>{}", outcome.target.name);
    }
    for (clause, runs) in &reached.clauses {
        let class = if runs.iter().any(|runs| *runs > 0) { "" } else { " class=none" };
        let _ = write!(table, "\n<tr{class}><td>{clause}");
        for runs in runs {
            let _ = write!(table, "<td>{runs}");
        }
    }
    table + "</table>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_is_drawn_within_its_frame() {
        let drawn = curve(&[(0.5, 10), (2.0, 40)]);
        assert!(drawn.contains("points=\"237.5,115.0 950.0,10.0 \""), "{drawn}");
        assert!(curve(&[]).contains("1 edges"));
    }
}
