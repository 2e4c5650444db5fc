//! Verdicts against the ledger: compared, or recorded.

use std::collections::BTreeSet;

use crate::harness::books::class::Class;
use crate::harness::books::ledger::{Count, Entry, Ledger, advice};
use crate::harness::command::run::Verdict;
use crate::harness::report::table::exploration;

/// What the ledger would say of a model that holds; `None` if anything of it failed.
fn entry(verdict: &Verdict) -> Option<Entry<'static>> {
    let found = verdict.found.as_ref().filter(|_| verdict.failures.is_empty())?;
    let count = Count {
        exploration: exploration(verdict),
        executions: found.executions,
        histories: found.histories,
        outcomes: found.outcomes.iter().cloned().collect(),
    };
    let model = verdict.model;
    Some(Entry { name: model.name, clauses: model.clauses, threads: found.threads, count })
}

/// Adds a failure to each model that holds and is not what the ledger says. What failed anyway is not
/// compared.
pub(crate) fn compare(verdicts: &mut [Verdict], ledger: &Ledger) {
    for verdict in verdicts {
        let Some(entry) = entry(verdict) else { continue };
        let changes = ledger.compare(verdict.class, &entry);
        if !changes.is_empty() {
            let (name, class) = (verdict.model.name, verdict.class);
            let changes = changes.join("\n  ");
            let advice = advice(class, &[name]);
            verdict.failures.push(format!(
                "{name}\nIt is not what the ledger says of the class {class}:\n  {changes}\n{advice}\n"
            ));
        }
    }
}

/// Adds a failure to each model that holds and of which the other explorer recorded something else.
#[cfg(shuttle)]
pub(crate) fn compare_explorers(verdicts: &mut [Verdict], ledger: &Ledger) {
    for verdict in verdicts.iter_mut().filter(|verdict| verdict.model.drawn == 0) {
        let Some(entry) = entry(verdict) else { continue };
        let disagreements =
            crate::harness::books::ledger::disagreements(ledger, verdict.class, &entry);
        if !disagreements.is_empty() {
            let (name, disagreements) = (verdict.model.name, disagreements.join("\n  "));
            verdict.failures.push(format!(
                "{name}\nThe explorers disagree:\n  {disagreements}\nOne of them is wrong, or the ledger \
                 is of other sources: `cargo models` says which.\n"
            ));
        }
    }
}

/// Writes what holds into the ledger; a line about it.
pub(crate) fn record(
    verdicts: &[Verdict],
    class: Class,
    ledger: &mut Ledger,
    all: Option<&BTreeSet<&str>>,
) -> Result<String, String> {
    let mut recorded = 0;
    for entry in verdicts.iter().filter_map(entry).filter(|entry| entry.count.executions > 0) {
        ledger.record(class, &entry);
        recorded += 1;
    }
    if let Some(names) = all {
        ledger.retain(names);
    }
    ledger.save()?;
    let left = verdicts.len() - recorded;
    let left =
        if left > 0 { format!("; {left} failed and are not recorded") } else { String::new() };
    Ok(format!("recorded {recorded} models in the class {class}{left}"))
}
