//! On the terminal: a row a chapter, and what failed.

use std::collections::BTreeMap;

use crate::conformance::suite::{Judgement, Report, Verdict};
use crate::harness::lines;

/// Counts by chapter.
#[must_use]
pub fn table(report: &Report) -> String {
    let mut chapters: BTreeMap<String, [usize; 4]> = BTreeMap::new();
    for verdict in &report.verdicts {
        let chapter = verdict.vector.chars().next().unwrap_or('?').to_uppercase().to_string();
        chapters.entry(chapter).or_default()[column(&verdict.judgement)] += 1;
    }
    let mut total = [0; 4];
    let head = ["chapter", "passed", "deviates", "not applicable", "failed"].map(String::from);
    let mut rows = vec![head];
    for (chapter, counts) in chapters {
        total.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        rows.push(row(chapter, counts));
    }
    rows.push(row("all".into(), total));
    lines(&rows, &[false, true, true, true, true])
}

fn row(name: String, [passed, deviates, not_applicable, failed]: [usize; 4]) -> [String; 5] {
    let number = |count: usize| if count == 0 { "-".into() } else { count.to_string() };
    [name, number(passed), number(deviates), number(not_applicable), number(failed)]
}

fn column(judgement: &Judgement) -> usize {
    match judgement {
        Judgement::Passed { .. } => 0,
        Judgement::Deviates { .. } => 1,
        Judgement::NotApplicable { .. } => 2,
        Judgement::Failed { .. } => 3,
    }
}

/// One verdict in full.
#[must_use]
pub fn detail(verdict: &Verdict) -> String {
    let Verdict { vector, clauses, about, program, allowed, judgement } = verdict;
    let head = format!("{vector} ({}) {about}", clauses.join(", "));
    match judgement {
        Judgement::Passed { rounds, seen } => {
            format!(
                "passed    {head}\n  {rounds} rounds, {seen} of {allowed} allowed outcomes seen"
            )
        }
        Judgement::Deviates { observed, reason } => {
            format!("deviates  {head}\n  {observed}\n  {reason}")
        }
        Judgement::NotApplicable { lacks, reason } => {
            format!("not applicable  {head}\n  lacks {lacks}: {reason}")
        }
        Judgement::Failed { kind, why } => {
            let program: String = program.iter().map(|line| format!("\n    {line}")).collect();
            format!("FAILED ({kind})  {head}{program}\n  {why}")
        }
    }
}
