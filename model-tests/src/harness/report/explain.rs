//! `explain`: what came of a model, how often, and the shortest way to each outcome.

use std::fs;
use std::path::PathBuf;

use crate::harness::command::run::{Options, Verdict, run};
use crate::harness::explore::child::Found;
use crate::harness::model::{Model, Variant};
use crate::harness::report::columns::columns;
use crate::harness::report::counterexample::{clauses, folder, heading, shown};
use crate::harness::report::figures::{grouped, lines};
use crate::harness::report::html::page::{Chart, Page};
use crate::harness::report::table::exploration;

/// Runs a model without its controls and tells; true if it holds.
pub(crate) fn explain(model: &'static Model, options: &Options) -> bool {
    let variant = Variant { model, control: None, class: options.class };
    print!("{}", heading(variant));
    let options = Options { controls: false, keep_shortest: true, ..options.clone() };
    let verdicts = run(&[model], &options);
    let verdict = &verdicts[0];
    for failure in &verdict.failures {
        println!("\nFAILED {failure}");
    }
    let Some(found) = &verdict.found else { return false };
    println!("  explored {}\n", explored(verdict, found));
    let rows: Vec<[String; 2]> =
        found.outcomes.iter().map(|(name, count)| [grouped(*count), name.clone()]).collect();
    print!("{}", lines(&rows, &[true, false]));
    for (outcome, shortest) in &found.shortest {
        println!("\nThe shortest way to `{outcome}`, {} steps:", shortest.steps.len());
        for answer in shortest.answers() {
            println!("  unusual  {answer}");
        }
        print!("{}", columns(shortest));
    }
    for control in model.controls {
        println!("  control: {}; must fail with `{}`", control.name, control.fails_with);
    }
    match write(variant, verdict, found) {
        Ok(path) => {
            println!("  {}", shown(&path));
            true
        }
        Err(error) => {
            println!("FAILED The page cannot be written: {error}");
            false
        }
    }
}

fn explored(verdict: &Verdict, found: &Found) -> String {
    format!(
        "{} executions of {} threads in {:.1} s, under {} vectors of answers: {}",
        grouped(found.executions),
        found.threads,
        verdict.elapsed.as_secs_f64(),
        grouped(found.assignments),
        exploration(verdict),
    )
}

fn write(variant: Variant, verdict: &Verdict, found: &Found) -> std::io::Result<PathBuf> {
    let count = |outcome: &str| {
        let found = found.outcomes.iter().find(|(name, _)| name == outcome);
        grouped(found.map_or(0, |(_, count)| *count))
    };
    let charts = found.shortest.iter().map(|(outcome, shortest)| Chart {
        heading: format!("{outcome} · {} executions, the shortest of them", count(outcome)),
        answers: shortest.answers(),
        interleaving: shortest,
    });
    let page = Page {
        title: variant.title(),
        question: variant.model.question,
        clauses: clauses(variant.model),
        facts: vec![("class", variant.class.to_string()), ("explored", explored(verdict, found))],
        message: None,
        charts: charts.collect(),
    };
    let folder = folder(variant.model.name, None);
    fs::create_dir_all(&folder)?;
    let path = folder.join("explain.html");
    fs::write(&path, page.html())?;
    Ok(path)
}
