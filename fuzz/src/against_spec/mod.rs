//! Targets that are judged by the executable spec: what the kernel does must be among what the spec allows.
//!
//! An input stands for a program of the spec's alphabet, which names what it makes by slots. Letters do not: they
//! pick among what there is when they are read, and `slots` gives out the numbers. So nearly every string of letters is a
//! program; what is none all the same (a promise that was dropped is named by another thread, somebody waits for
//! ever) is no input and holds.
//!
//! * `futures`: one thread and concurrent futures;
//! * `graph`: one thread, two loops, and futures, tasks and submissions that await each other across them;
//! * `pool`: threads, a pool of workers, and its end, by a schedule;
//! * `races`: threads that race for futures and for a loop, by a schedule.

mod futures;
mod graph;
mod pool;
mod races;
mod slots;

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use loopgate::Clock;
use loopgate::checkers::model::Environment;
use loopgate_model_tests::driver;
use loopgate_model_tests::spec::{NoOutcomes, Outcome, Program as SpecProgram, outcomes_within};

pub use futures::{FutureOp, When};
pub use graph::{GraphBody, GraphOp};
pub use pool::{Life, PoolOp, Workers};
pub use races::{Drive, RaceBody, RaceOp, Races};

use crate::schedule;

/// What the spec allows; `None` if it is no program, or larger than anybody waits for.
type Allowed = Option<Arc<BTreeSet<Outcome>>>;

/// As many programs are remembered: a fuzzer tries many schedules with one program.
const REMEMBERED: usize = 512;

/// Searches that take longer than some hundredths of a second are given up: there are smaller programs.
const MOST_STATES: usize = 20_000;

thread_local! {
    static KNOWN: RefCell<HashMap<SpecProgram, Allowed>> = RefCell::default();
}

fn allowed(program: &SpecProgram) -> Allowed {
    if let Some(known) = KNOWN.with_borrow(|known| known.get(program).cloned()) {
        return known;
    }
    let allowed = match outcomes_within(program, MOST_STATES) {
        Ok(found) => Some(Arc::new(found.allowed)),
        Err(NoOutcomes::Malformed(_) | NoOutcomes::Stuck(..) | NoOutcomes::TooLarge) => None,
    };
    KNOWN.with_borrow_mut(|known| {
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(program.clone(), allowed.clone());
    });
    allowed
}

fn judge(program: &SpecProgram, allowed: &BTreeSet<Outcome>, seen: &Outcome) -> Result<(), String> {
    if allowed.contains(seen) {
        return Ok(());
    }
    let allowed: Vec<String> = allowed.iter().map(|outcome| format!("  {outcome}\n")).collect();
    Err(format!(
        "the kernel did\n  {seen}\nand the spec allows\n{}of {program:?}",
        allowed.concat()
    ))
}

/// Carries out a program of one thread, in virtual time.
fn check(program: SpecProgram) -> Result<(), String> {
    let Some(allowed) = allowed(&program) else { return Ok(()) };
    let program = Arc::new(program);
    let seen = driver::run(&program, &Clock::virtual_time());
    judge(&program, &allowed, &seen)
}

/// Carries out whatever program somebody has written. One of several threads is only looked up: what comes of it on
/// real threads is not decided by an input.
#[cfg(not(shuttle))]
pub(crate) fn check_any(program: SpecProgram) -> Result<(), String> {
    let alone = program.threads.len() == 1 && program.works.is_empty();
    if alone {
        return check(program);
    }
    allowed(&program);
    Ok(())
}

/// Whether the spec can say what comes of a program.
#[cfg(not(shuttle))]
pub(crate) fn is_judged(program: &SpecProgram) -> bool {
    allowed(program).is_some()
}

/// Carries out a program of several threads, by a schedule.
fn check_scheduled(program: SpecProgram, bytes: &[u8]) -> Result<(), String> {
    let Some(allowed) = allowed(&program) else { return Ok(()) };
    let program = Arc::new(program);
    let seen = Arc::new(Mutex::new(None));
    let (run, out) = (Arc::clone(&program), Arc::clone(&seen));
    schedule::run(bytes, Environment::USUAL, move || {
        let outcome = driver::run(&run, &Clock::virtual_time());
        *out.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
    })?;
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner).take();
    judge(&program, &allowed, &seen.ok_or("the program did not come to its end")?)
}
