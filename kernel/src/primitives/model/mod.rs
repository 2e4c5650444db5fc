//! The side that loom explores: the names of `real`, what loom lacks, and cures for what it misses.
//!
//! Clauses: chapter P, which says how each thing here differs from the real one.
//!
//! loom runs a model again and again, once per interleaving, all its threads on one OS thread. It may
//! leave an order untried if it can see that the order does not matter, so it must see everything that
//! does matter. Hence the rule of this folder: **state that loom does not know is only touched in the
//! same breath as an operation that it does know** (see [`gated`]). Exempt is what no thread can base a
//! decision on: the record of steps, the names of objects, and the roster once nobody can run.
//!
//! What loom cannot explore at all (does the timeout fire, who is notified) is asked of [`choice`],
//! whose answers are fixed before loom starts; the harness starts loom once per vector of answers.
//!
//! * [`environment`]: what the world may do in a model, and the cures, which litmus models switch off;
//! * [`choice`]: questions and their answers;
//! * [`roster`]: which thread waits for what; wakes them, and notices when nobody can run;
//! * [`trace`]: the steps of this execution, for the report of a failure;
//! * [`sync`], [`thread`], [`clock`], [`pipe`], [`poll`]: the counterparts of `real`.

#![allow(unreachable_pub, reason = "reached through `checked`, which is for checkers only")]

use std::cell::RefCell;

pub mod choice;
pub mod clock;
pub mod environment;
mod gated;
pub mod pipe;
pub mod poll;
mod roster;
pub mod sync;
pub mod thread;
pub mod trace;

pub(crate) use loom::thread_local;

use choice::{Answers, Assignment, Place};
use environment::Environment;
use roster::Roster;
use trace::Trace;

/// What one OS thread knows of the exploration that goes on in it.
#[derive(Default)]
struct Run {
    environment: Environment,
    answers: Answers,
    roster: Roster,
    trace: Trace,
    /// The most threads that an execution had.
    threads: usize,
}

std::thread_local! {
    static RUN: RefCell<Run> = RefCell::default();
}

/// Looks at the run. No operation of loom may happen inside: it could switch to another thread.
fn with<R>(look: impl FnOnce(&mut Run) -> R) -> R {
    RUN.with_borrow_mut(look)
}

/// Sets the scene for every execution until the next call. To be called before loom is started.
pub fn prepare(environment: Environment, assignment: Assignment) {
    with(|run| {
        *run = Run { environment, answers: Answers::new(assignment), ..Run::default() };
    });
}

/// Runs one execution's main thread. To be called inside loom.
///
/// # Panics
/// If, when the body has returned, another thread is blocked for ever.
pub fn execute<R>(body: impl FnOnce() -> R) -> R {
    with(|run| {
        run.answers.restart();
        run.roster.restart();
        run.trace.restart();
    });
    roster::begin();
    let result = body();
    roster::finish();
    with(|run| run.threads = run.threads.max(run.roster.len()));
    result
}

/// The questions, beyond those of the assignment, that any execution since [`prepare`] asked.
pub fn new_places() -> Vec<Place> {
    with(|run| run.answers.new_places())
}

/// The most threads that any execution since [`prepare`] had, its main thread included.
pub fn most_threads() -> usize {
    with(|run| run.threads)
}
