//! The matrix of faults and checkers, and what it amounts to.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::checker::{CHECKERS, Checked, Checker, Verdict};
use super::copy::Sources;
use super::coverage;
use super::fault::Fault;
use super::pattern::PATTERNS;
use super::trial::Trial;

/// One row per fault, one column per checker.
pub(crate) fn matrix(faults: &[&Fault], trials: &[Trial]) -> String {
    let mut rows = vec![vec!["fault".to_owned(), "pattern".to_owned()]];
    let asked = |column: &usize| {
        let all = trials.iter().flat_map(|trial| &trial.checked);
        !CHECKERS[*column].is_a_search() || all.clone().any(|(checker, _)| checker == column)
    };
    let columns: Vec<usize> = (0..CHECKERS.len()).filter(asked).collect();
    rows[0].extend(columns.iter().map(|column| CHECKERS[*column].name.to_owned()));
    for (fault, trial) in faults.iter().zip(trials) {
        let mut row = vec![fault.id.clone(), PATTERNS[fault.pattern].0.to_owned()];
        for index in &columns {
            let of_it = trial.checked.iter().find(|(checker, _)| checker == index);
            row.push(of_it.map_or_else(|| "-".into(), |(_, checked)| cell(checked)));
        }
        rows.push(row);
    }
    table(&rows)
}

/// How many of the faults the fuzz targets have found.
pub(crate) fn found_by_search(trials: &[Trial]) -> String {
    let of_searches = |trial: &Trial| trial.checked.iter().any(|(c, _)| CHECKERS[*c].is_a_search());
    let found = |trial: &&Trial| {
        let all = trial.checked.iter().filter(|(checker, _)| CHECKERS[*checker].is_a_search());
        all.flat_map(|(_, checked)| checked).any(|checked| checked.verdict != Verdict::Passed)
    };
    let asked = trials.iter().filter(|trial| of_searches(trial));
    format!(
        "{} of {} faults are found by fuzzing for a minute\n",
        asked.clone().filter(found).count(),
        asked.count()
    )
}

/// `2 of 3 after 12 executions, 0.1 s`: how many caught it, and what the first of them took.
fn cell(checked: &[Checked]) -> String {
    let caught: Vec<&Checked> = checked.iter().filter(|c| c.verdict != Verdict::Passed).collect();
    let mut text = format!("{} of {}", caught.len(), checked.len());
    let executions = caught.iter().filter_map(|checked| match checked.verdict {
        Verdict::Failed { executions } => executions,
        _ => None,
    });
    if let Some(executions) = executions.min() {
        let plural = if executions == 1 { "" } else { "s" };
        let _ = write!(text, " after {executions} execution{plural}");
    }
    if let Some(elapsed) = caught.iter().map(|checked| checked.elapsed).min() {
        let _ = write!(text, ", {:.1} s", elapsed.as_secs_f64());
    }
    if caught.iter().any(|checked| checked.verdict == Verdict::Hung) {
        text += ", hangs";
    }
    text
}

/// Columns as wide as they must be.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(String::len).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
    }
    text
}

/// How many faults there are of each pattern and in each file, and what needs none.
pub(crate) fn coverage(faults: &[Fault], sources: &Sources) -> String {
    let mut text = String::from("by pattern\n");
    let rows = PATTERNS.iter().enumerate().map(|(index, (number, words))| {
        let count = faults.iter().filter(|fault| fault.pattern == index).count();
        vec![format!("  {count:>3}"), (*number).to_owned(), (*words).to_owned()]
    });
    text += &table(&rows.collect::<Vec<_>>());
    text += "by file\n";
    let (required, exempt) = coverage::files(sources);
    for path in required {
        let _ = writeln!(text, "  {:>3}  {path}", coverage::count(faults, &path));
    }
    text += "without a fault, and why\n";
    let mut reasons: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (path, reason) in exempt {
        reasons.entry(reason).or_default().push(path);
    }
    for (reason, paths) in reasons {
        let _ = writeln!(text, "  {reason}:\n    {}", paths.join("\n    "));
    }
    text
}

/// The models that caught nothing: by what was measured if every model was asked, else by the headers.
pub(crate) fn questioned(models: &[String], faults: &[Fault], trials: Option<&[Trial]>) -> String {
    let column = Checker::find("models").expect("there are models");
    let catchers: BTreeSet<&str> = match trials {
        Some(trials) => trials
            .iter()
            .flat_map(|trial| &trial.checked)
            .filter(|(checker, _)| *checker == column)
            .flat_map(|(_, checked)| checked)
            .filter(|checked| checked.verdict != Verdict::Passed)
            .map(|checked| &*checked.name)
            .collect(),
        None => faults
            .iter()
            .flat_map(|fault| &fault.caught_by)
            .filter(|by| by.checker == column)
            .map(|by| &*by.name)
            .collect(),
    };
    let idle: Vec<&String> = models.iter().filter(|name| !catchers.contains(&***name)).collect();
    let mut text =
        format!("{} of {} models catch a fault", models.len() - idle.len(), models.len());
    if trials.is_none() {
        text += ", by the headers";
    }
    text.push('\n');
    for name in idle {
        let _ =
            writeln!(text, "QUESTIONED {name}: no fault is caught by it; write one, or drop it");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_cell_tells_the_first_that_caught_it() {
        let checked = |verdict, millis| Checked {
            name: String::new(),
            verdict,
            elapsed: Duration::from_millis(millis),
            report: String::new(),
        };
        assert_eq!(cell(&[checked(Verdict::Passed, 900)]), "0 of 1");
        let failed = |executions| Verdict::Failed { executions };
        assert_eq!(
            cell(&[checked(failed(Some(12)), 300), checked(failed(Some(7)), 400)]),
            "2 of 2 after 7 executions, 0.3 s"
        );
        assert_eq!(cell(&[checked(failed(Some(1)), 0)]), "1 of 1 after 1 execution, 0.0 s");
        assert_eq!(cell(&[checked(Verdict::Hung, 30_000)]), "1 of 1, 30.0 s, hangs");
    }

    #[test]
    fn models_that_catch_nothing_are_questioned() {
        let models = ["a", "b"].map(String::from);
        let checked = |name: &str, verdict| Checked {
            name: name.into(),
            verdict,
            elapsed: Duration::ZERO,
            report: String::new(),
        };
        let column = Checker::find("models").unwrap();
        let all = vec![
            checked("a", Verdict::Failed { executions: Some(1) }),
            checked("b", Verdict::Passed),
        ];
        let trial = Trial { error: None, checked: vec![(column, all)] };
        let text = questioned(&models, &[], Some(&[trial]));
        assert!(text.starts_with("1 of 2 models catch a fault\nQUESTIONED b:"), "{text}");
        assert!(questioned(&models, &[], None).contains("QUESTIONED a:"));
    }
}
