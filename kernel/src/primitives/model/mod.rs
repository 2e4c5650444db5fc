//! The side that is explored: the names of `real`, what the explorers lack, and cures for what they miss.
//!
//! Clauses: chapter P, which says how each thing here differs from the real one.
//!
//! An explorer runs a model again and again, once per interleaving, all its threads on one OS thread. It
//! may leave an order untried if it can see that the order does not matter, so it must see everything
//! that does matter. Hence the rule of this folder: **state that it does not know is only touched in the
//! same breath as a step that it does know** (see [`gated`]). Exempt is what no thread can base a
//! decision on: the record of steps, the names of objects, and the roster once nobody can run.
//!
//! There are two explorers, loom and shuttle, and [`engine`] is the one place that knows which is built.
//! What is no matter of order at all (does the timeout fire, who is notified) is asked of [`choice`].
//!
//! * [`choice`]: questions and their answers;
//! * [`roster`]: which thread waits for what; wakes them, and notices when nobody can run;
//! * [`trace`]: the steps of this execution, for the report of a failure;
//! * [`sync`], [`thread`], [`clock`], [`patience`], [`pipe`], [`poll`]: the counterparts of `real`.

#![allow(unreachable_pub, reason = "reached through `checked`, which is for checkers only")]

use std::cell::RefCell;

pub mod choice;
pub mod clock;
pub mod engine;
mod gated;
pub mod patience;
pub mod pipe;
pub mod poll;
mod roster;
pub mod sync;
pub mod thread;
pub mod trace;

pub(crate) use engine::thread_local;

use crate::primitives::environment::Environment;
use choice::{Answers, Assignment, Place};
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

/// Looks at the run. No step may happen inside: it could switch to another thread.
fn with<R>(look: impl FnOnce(&mut Run) -> R) -> R {
    RUN.with_borrow_mut(look)
}

/// Sets the scene for every execution until the next call. To be called before the explorer is started.
pub fn prepare(environment: Environment, assignment: Assignment) {
    set_scene(environment, Answers::new(assignment, usize::MAX));
}

/// The same for an explorer that finds the answers while it goes: at most `limit` unusual ones in an
/// execution.
pub fn prepare_open(environment: Environment, limit: usize) {
    set_scene(environment, Answers::new(Assignment::default(), limit));
}

fn set_scene(environment: Environment, answers: Answers) {
    let run = Run { environment, answers, ..Run::default() };
    // What the old one held is dropped outside.
    drop(RUN.replace(run));
}

/// Whether the limit of [`prepare_open`] ever kept an answer from being the unusual one.
pub fn answers_were_cut() -> bool {
    with(|run| run.answers.was_cut())
}

/// Runs one execution's main thread. To be called inside the explorer.
///
/// # Panics
/// If, when the body has returned, another thread is blocked for ever, or if a lock, a condition
/// variable, a flag, a pipe or a clock that the execution made is not dropped when all threads have ended.
pub fn execute<R>(body: impl FnOnce() -> R) -> R {
    with(|run| {
        run.answers.restart();
        run.roster.restart();
        run.trace.restart();
    });
    engine::restart();
    roster::begin();
    let result = body();
    roster::finish_main();
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
