//! Explores one variant: all answers, and for each of them all interleavings.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use loopgate::checkers::model::{Assignment, most_threads, new_places, prepare};

use super::child::Found;
use super::execution::{Tally, check_claims, execution, lock};
use super::finished::executions_completed;
use super::model::Variant;

/// Far more steps than any model has, so that only an endless loop reaches it.
const MOST_STEPS: usize = 20_000;

/// loom's own limit, the main thread included.
const MOST_THREADS: usize = loom::MAX_THREADS;

/// Explores a variant completely, within its bounds; an error says what is missing.
///
/// An execution that goes wrong panics: the hook in `failure` prints it and ends the process.
pub(super) fn explore(variant: Variant) -> Result<Found, String> {
    let tally = Arc::new(Mutex::new(Tally::default()));
    let mut found = Found::default();
    // First come the assignments with the fewest departures: a failure shows with as few as possible.
    let mut queue = VecDeque::from([Assignment::default()]);
    while let Some(assignment) = queue.pop_front() {
        found.assignments += 1;
        let asked = explore_assignment(variant, &assignment, &tally)?;
        found.threads = found.threads.max(most_threads());
        if assignment.departures() < variant.model.choices {
            queue.extend(assignment.extensions(&asked));
        } else {
            found.choices_cut |= !asked.is_empty();
        }
    }
    let tally = lock(&tally);
    eprintln!(
        "HISTORIES {} digest {:x}",
        tally.histories.len(),
        tally.histories.iter().fold(0u64, |a, b| a.wrapping_add(*b))
    );
    found.executions = tally.executions;
    found.outcomes = tally.outcomes.clone().into_iter().collect();
    check_claims(variant, &found)?;
    Ok(found)
}

/// One run of loom; the questions it asked that are not settled.
fn explore_assignment(
    variant: Variant,
    assignment: &Assignment,
    tally: &Arc<Mutex<Tally>>,
) -> Result<Vec<loopgate::checkers::model::Place>, String> {
    prepare(variant.environment(), assignment.clone());
    let before = lock(tally).executions;
    let own_tally = Arc::clone(tally);
    let completed = executions_completed(|| {
        builder(variant).check(move || execution(variant, &own_tally));
    });
    let counted = lock(tally).executions - before;
    match completed {
        Some(number) if number == counted => Ok(new_places()),
        Some(number) => Err(format!("loom says {number} executions, but {counted} were counted")),
        None => Err(format!("loom stopped after {counted} executions and did not finish")),
    }
}

/// Every limit set here, so that no variable of the environment can cut the exploration short.
fn builder(variant: Variant) -> loom::model::Builder {
    let mut builder = loom::model::Builder::new();
    builder.max_threads = MOST_THREADS;
    builder.max_branches = MOST_STEPS;
    builder.max_permutations = None;
    builder.max_duration = None;
    builder.preemption_bound = variant.model.bound;
    builder.checkpoint_file = None;
    builder.checkpoint_interval = usize::MAX;
    builder.location = false;
    builder.log = false;
    builder
}
