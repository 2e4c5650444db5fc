//! One execution of a variant, whoever explores it, and what the executions amount to.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use loopgate::checkers::model::{execute, history, note};

use super::child::{Found, Line};
use super::model::Variant;

/// How often a child says how far it is.
const PROGRESS: Duration = Duration::from_millis(100);

/// What the executions so far amount to.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) executions: u64,
    pub(super) outcomes: BTreeMap<String, u64>,
    /// What the threads did and saw, one number for each way that it went.
    pub(super) histories: HashSet<u64>,
    reported: Option<Instant>,
}

/// Runs the body once, and counts what came of it.
pub(super) fn execution(variant: Variant, tally: &Mutex<Tally>) {
    let outcome = execute(|| {
        let outcome = variant.body()();
        (variant.model.at_end)();
        assert!(variant.allows(&outcome), "outcome not allowed: {outcome}");
        note(outcome.clone());
        outcome
    });
    let history = history();
    let mut tally = lock(tally);
    tally.executions += 1;
    tally.histories.insert(history);
    *tally.outcomes.entry(outcome.into_owned()).or_default() += 1;
    // Asking for the time is slow next to an execution.
    if tally.executions.is_multiple_of(256) {
        let due = tally.reported.is_none_or(|reported| reported.elapsed() >= PROGRESS);
        if due {
            tally.reported = Some(Instant::now());
            Line::Progress(tally.executions).say();
        }
    }
}

/// Each listed outcome came up, with as many threads as the description says.
pub(super) fn check_claims(variant: Variant, found: &Found) -> Result<(), String> {
    let model = variant.model;
    let reached = |outcome: &str| found.outcomes.iter().any(|(reached, _)| reached == outcome);
    let missing: Vec<&str> = model
        .outcomes
        .iter()
        .copied()
        .filter(|outcome| variant.allows(outcome) && !reached(outcome))
        .collect();
    if !missing.is_empty() {
        return Err(format!("outcome never reached: {}", missing.join("; ")));
    }
    if found.threads != model.threads {
        let (has, says) = (found.threads, model.threads);
        return Err(format!("it has {has} threads, but its description says {says}"));
    }
    Ok(())
}

/// The tally.
pub(super) fn lock(tally: &Mutex<Tally>) -> MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}
