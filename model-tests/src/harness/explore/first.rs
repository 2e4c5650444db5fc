//! Explores one variant with loom: all answers, and for each of them all interleavings.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex};

use loopgate::checkers::model::{Assignment, Place, most_threads, new_places, prepare};

use crate::harness::explore::child::Found;
use crate::harness::explore::execution::{Tally, begin, check_claims, execution, lock, position};
use crate::harness::explore::finished::executions_completed;
use crate::harness::model::Variant;

/// Far more steps than any model has, so that only an endless loop reaches it.
const MOST_STEPS: usize = 20_000;

/// loom's own limit, the main thread included.
const MOST_THREADS: usize = loom::MAX_THREADS;

/// Explores a variant completely, within its bounds; an error says what is missing.
///
/// An execution that goes wrong panics: the hook in `failure` reports it and ends the process.
pub(crate) fn explore(variant: Variant, keep_shortest: bool) -> Result<Found, String> {
    let tally = Arc::new(Mutex::new(Tally::new(keep_shortest)));
    let mut found = Found::default();
    // First come the assignments with the fewest departures: a failure shows with as few as possible.
    let mut queue = VecDeque::from([Assignment::default()]);
    while let Some(assignment) = queue.pop_front() {
        found.assignments += 1;
        let asked = explore_assignment(variant, &assignment, &tally)?;
        found.threads = found.threads.max(most_threads());
        if assignment.departures() < variant.choices() {
            queue.extend(assignment.extensions(&asked));
        } else {
            found.choices_cut |= !asked.is_empty();
        }
    }
    lock(&tally).hand_over(&mut found);
    check_claims(variant, &found)?;
    Ok(found)
}

/// One run of loom; the questions it asked that are not settled.
fn explore_assignment(
    variant: Variant,
    assignment: &Assignment,
    tally: &Arc<Mutex<Tally>>,
) -> Result<Vec<Place>, String> {
    let before = lock(tally).executions;
    let completed = check(variant, assignment, tally, &builder(variant));
    let counted = lock(tally).executions - before;
    match completed {
        Some(number) if number == counted => Ok(new_places()),
        Some(number) => Err(format!("loom says {number} executions, but {counted} were counted")),
        None => Err(format!("loom stopped after {counted} executions and did not finish")),
    }
}

/// Runs loom; how many executions it says it completed.
fn check(
    variant: Variant,
    assignment: &Assignment,
    tally: &Arc<Mutex<Tally>>,
    builder: &loom::model::Builder,
) -> Option<u64> {
    prepare(variant.environment(), assignment.clone());
    begin(assignment);
    let tally = Arc::clone(tally);
    executions_completed(|| builder.check(move || execution(variant, &tally)))
}

/// Every limit set here, so that no variable of the environment can cut the exploration short.
fn builder(variant: Variant) -> loom::model::Builder {
    let mut builder = loom::model::Builder::new();
    builder.max_threads = MOST_THREADS;
    builder.max_branches = MOST_STEPS;
    builder.max_permutations = None;
    builder.max_duration = None;
    builder.preemption_bound = variant.bound();
    builder.checkpoint_file = None;
    builder.checkpoint_interval = usize::MAX;
    builder.location = false;
    builder.log = false;
    builder
}

/// Explores again up to an execution that failed, and writes loom's schedule for it.
///
/// loom writes the schedule before each execution whose number is a multiple of the interval. So the
/// interval is the number of the one that is looked for, which ends the process by failing again.
pub(crate) fn locate(
    variant: Variant,
    answers: &str,
    execution: u64,
    schedule: &Path,
) -> Result<Found, String> {
    let mut builder = builder(variant);
    builder.checkpoint_interval = usize::try_from(execution).map_err(|_| "too far to be found")?;
    builder.checkpoint_file = Some(schedule.into());
    rerun(variant, answers, &builder);
    Err("it did not fail again: it does not depend on the interleaving alone".into())
}

/// Runs the one execution of a schedule that `locate` wrote. Overwrites the file.
pub(crate) fn replay(variant: Variant, answers: &str, schedule: &Path) -> Result<Found, String> {
    let mut builder = builder(variant);
    builder.checkpoint_file = Some(schedule.into());
    // Both limits are looked at together: stop before the second.
    builder.checkpoint_interval = 2;
    builder.max_permutations = Some(2);
    rerun(variant, answers, &builder);
    match position().execution {
        1 => Err("the execution holds".into()),
        number => Err(format!("the schedule had {number} executions and not one")),
    }
}

fn rerun(variant: Variant, answers: &str, builder: &loom::model::Builder) {
    // The hook reports it as every failure that comes before the first execution.
    let assignment: Assignment =
        answers.parse().unwrap_or_else(|_| panic!("`{answers}` is no vector of answers"));
    let tally = Arc::new(Mutex::new(Tally::default()));
    check(variant, &assignment, &tally, builder);
}
