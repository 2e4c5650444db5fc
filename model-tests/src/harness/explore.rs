//! Explores one variant: all answers, and for each of them all interleavings.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use loopgate::checkers::model::{Assignment, execute, most_threads, new_places, note, prepare};

use super::child::{Found, Line};
use super::finished::executions_completed;
use super::model::Variant;

/// Far more steps than any model has, so that only an endless loop reaches it.
const MOST_STEPS: usize = 20_000;

/// loom's own limit, the main thread included.
const MOST_THREADS: usize = loom::MAX_THREADS;

/// How often a child says how far it is.
const PROGRESS: Duration = Duration::from_millis(100);

/// How many executions have begun, for the report of one that fails.
static BEGUN: AtomicU64 = AtomicU64::new(0);

/// How many executions have begun in this process.
pub(super) fn executions_begun() -> u64 {
    // Relaxed: whoever asks has seen the execution fail that it asks for.
    BEGUN.load(Ordering::Relaxed)
}

/// What the executions so far amount to.
#[derive(Default)]
struct Tally {
    executions: u64,
    outcomes: BTreeMap<String, u64>,
    reported: Option<Instant>,
}

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

fn execution(variant: Variant, tally: &Mutex<Tally>) {
    BEGUN.fetch_add(1, Ordering::Relaxed);
    let outcome = execute(|| {
        let outcome = variant.body()();
        (variant.model.at_end)();
        assert!(variant.allows(&outcome), "outcome not allowed: {outcome}");
        note(outcome.clone());
        outcome
    });
    let mut tally = lock(tally);
    tally.executions += 1;
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

fn check_claims(variant: Variant, found: &Found) -> Result<(), String> {
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

fn lock(tally: &Mutex<Tally>) -> MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}
