//! As one page: nothing is loaded, and it reads in the light and in the dark.

use std::fmt::Write as _;

use crate::conformance::suite::{Judgement, Report, Verdict};
use crate::harness::escape;

/// The page for some runtimes beside each other.
#[must_use]
pub fn page(reports: &[Report]) -> String {
    let mut body = String::from("<h1>Conformance to SPEC.md</h1>\n<table class=\"sum\">\n");
    body.push_str(
        "<tr><th>runtime<th>version<th>passed<th>deviates<th>not applicable<th>failed</tr>\n",
    );
    for report in reports {
        let count = |class: &str| report.count(|judgement| word(judgement) == class);
        // Writing to a string does not fail.
        let _ = writeln!(
            body,
            "<tr><td>{}<td>{}<td>{}<td>{}<td>{}<td>{}</tr>",
            escape(&report.identity.runtime),
            escape(&report.identity.version),
            count("passed"),
            count("deviates"),
            count("na"),
            count("failed"),
        );
    }
    body.push_str("</table>\n");
    for report in reports {
        let _ = writeln!(body, "<h2>{}</h2>", escape(&report.identity.runtime));
        report.verdicts.iter().for_each(|verdict| body += &row(verdict));
    }
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>Conformance</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
    )
}

fn word(judgement: &Judgement) -> &'static str {
    match judgement {
        Judgement::Passed { .. } => "passed",
        Judgement::Deviates { .. } => "deviates",
        Judgement::NotApplicable { .. } => "na",
        Judgement::Failed { .. } => "failed",
    }
}

fn row(verdict: &Verdict) -> String {
    let class = word(&verdict.judgement);
    let open = if class == "failed" { " open" } else { "" };
    let (sign, lines) = match &verdict.judgement {
        Judgement::Passed { rounds, seen } => {
            let line =
                format!("{rounds} rounds, {seen} of {} allowed outcomes seen", verdict.allowed);
            ("passed", vec![line])
        }
        Judgement::Deviates { observed, reason } => {
            ("deviates", vec![observed.clone(), reason.clone()])
        }
        Judgement::NotApplicable { lacks, reason } => {
            ("not applicable", vec![format!("lacks {lacks}: {reason}")])
        }
        Judgement::Failed { kind, why } => ("failed", vec![format!("{kind}: {why}")]),
    };
    let mut text = format!(
        "<details class=\"{class}\"{open}><summary><b>{sign}</b> <code>{}</code> {} {}</summary>\n<pre>",
        escape(&verdict.vector),
        escape(&verdict.clauses.join(", ")),
        escape(&verdict.about),
    );
    for line in verdict.program.iter().chain(&lines) {
        text += &escape(line);
        text.push('\n');
    }
    text.push_str("</pre></details>\n");
    text
}

const STYLE: &str = "\
:root { --paper: #fbfaf8; --ink: #1f2328; --line: #d9d6d0; --good: #1a7f37; --bad: #b42318; --odd: #8a5a00; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #16181c; --ink: #e6e6e6; --line: #3a3d44; --good: #57c07a; --bad: #ff8a80; --odd: #e0b050; }
}
body { background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif;
  max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; } th, td { padding: .2rem .8rem; border-bottom: 1px solid var(--line);
  text-align: left; }
details { border-bottom: 1px solid var(--line); padding: .15rem 0; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: 13px; }
.passed b { color: var(--good); } .failed b { color: var(--bad); } .deviates b { color: var(--odd); }
";
