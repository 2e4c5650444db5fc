//! One execution of a variant, and what all of them amount to. Knows nothing of who explores.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use loopgate::checkers::model::{Assignment, conclude, execute, history, interleaving, measure};
use serde::{Deserialize, Serialize};

use crate::harness::books::histories::Histories;
use crate::harness::explore::child::{Found, Line};
use crate::harness::model::Variant;
use crate::harness::report::interleaving::Interleaving;

/// How often a child says how far it is.
const PROGRESS: Duration = Duration::from_millis(100);

/// Which execution this is: enough to find it again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    /// The vector of answers.
    pub(crate) answers: String,
    /// The number of the execution under these answers, from 1; 0 before the first has begun.
    pub(crate) execution: u64,
}

thread_local! {
    static POSITION: RefCell<Position> = RefCell::default();
}

/// The executions that follow are under these answers.
pub(crate) fn begin(assignment: &Assignment) {
    POSITION.set(Position { answers: assignment.to_string(), execution: 0 });
}

/// Which execution is running, or ran last.
pub(crate) fn position() -> Position {
    POSITION.with_borrow(Position::clone)
}

/// What the executions so far amount to.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) executions: u64,
    /// What the threads did and saw, one number for each way that it went.
    pub(crate) histories: HashSet<u64>,
    outcomes: BTreeMap<String, Reached>,
    /// The shortest interleaving of each outcome is wanted.
    keep_shortest: bool,
    reported: Option<Instant>,
}

/// What is known of an outcome.
#[derive(Debug, Default)]
struct Reached {
    count: u64,
    /// How many steps the shortest execution has, how often it switches threads, and it itself.
    shortest: Option<((usize, usize), Interleaving)>,
}

impl Tally {
    pub(crate) fn new(keep_shortest: bool) -> Tally {
        Tally { keep_shortest, ..Tally::default() }
    }

    /// Hands over what was found.
    pub(crate) fn hand_over(&mut self, found: &mut Found) {
        found.executions = self.executions;
        found.histories = Histories::of(&self.histories);
        for (outcome, reached) in std::mem::take(&mut self.outcomes) {
            let shortest = reached.shortest.map(|(_, shortest)| (outcome.clone(), shortest));
            found.shortest.extend(shortest);
            found.outcomes.push((outcome, reached.count));
        }
    }

    fn count(&mut self, outcome: String) {
        self.executions += 1;
        let reached = self.outcomes.entry(outcome).or_default();
        reached.count += 1;
        if self.keep_shortest {
            let size = measure();
            if reached.shortest.as_ref().is_none_or(|(shortest, _)| size < *shortest) {
                reached.shortest = interleaving().map(|it| (size, it.into()));
            }
        }
    }

    fn report(&mut self) {
        // Asking for the time is slow next to an execution.
        if self.executions.is_multiple_of(256) {
            let due = self.reported.is_none_or(|reported| reported.elapsed() >= PROGRESS);
            if due {
                self.reported = Some(Instant::now());
                Line::Progress(self.executions).say();
            }
        }
    }
}

/// Runs the variant once. To be called by the explorer, once for each interleaving.
pub(crate) fn execution(variant: Variant, tally: &Mutex<Tally>) {
    POSITION.with_borrow_mut(|position| position.execution += 1);
    let outcome = execute(|| {
        let outcome = variant.body()();
        (variant.model.at_end)();
        assert!(variant.allows(&outcome), "outcome not allowed: {outcome}");
        conclude(outcome.clone());
        outcome
    });
    let history = history();
    let mut tally = lock(tally);
    tally.histories.insert(history);
    tally.count(outcome.into_owned());
    tally.report();
}

/// What a variant claims besides: that each outcome is reached, and how many threads it has.
pub(crate) fn check_claims(variant: Variant, found: &Found) -> Result<(), String> {
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

/// Also after a panic, which ends the exploration anyway.
pub(crate) fn lock(tally: &Mutex<Tally>) -> MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}
