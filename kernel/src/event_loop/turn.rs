//! One iteration.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use super::{Turn, watch};
use crate::core::{LoopCore, Origin};
use crate::exception::{Exception, ExceptionContext, RunError};
use crate::primitives::{Arc, Drained, Pipe, Until};
use crate::ready_queue::Entry;
use crate::wakeup::Posted;

/// Sleeps no longer than `longest`, takes in what came, and runs one batch.
pub(super) fn turn(core: &Rc<LoopCore>, longest: Option<Duration>) -> Result<Turn, RunError> {
    // A report at the end of the last run may have asked for the exit of this one.
    leave_if_asked(core)?;
    let until = how_long(core, longest);
    sleep(core, until, longest.is_some())?;
    core.queue.take_in_timers();
    let batch = run_batch(core);
    watch::arm_again(core);
    #[cfg(feature = "checkers")]
    core.check();
    batch?;
    Ok(if core.stopping.get() { Turn::Stop } else { Turn::Continue })
}

//= SPEC.md#s-2
//# A stop requested while the loop does not run MUST make the next run return after one iteration.
/// Not at all if there is work; otherwise until the first timer. Decides whether posters must wake.
fn how_long(core: &LoopCore, longest: Option<Duration>) -> Until {
    if core.queue.len() > 0 || core.stopping.get() || longest == Some(Duration::ZERO) {
        return Until::Now;
    }
    let timer = core.queue.next_deadline();
    // Who drives the loop, or has it watch descriptors, does not want it to look elsewhere.
    if longest.is_none() && core.watched.borrow().is_empty() && core.gate().spin_for_mail(timer) {
        return Until::Now;
    }
    //= SPEC.md#w-2
    //# A post that is accepted while the loop sleeps, or is about to, MUST make that sleep end.
    if !core.gate().prepare_sleep() {
        return Until::Now;
    }
    core.asleep.set(true);
    let limit = longest.and_then(|longest| core.clock().now().checked_add(longest));
    match timer.into_iter().chain(limit).min() {
        Some(at) => Until::Time(at),
        None => Until::Ready,
    }
}

//= SPEC.md#w-5
//# A loop that finds the pipe readable MUST drain it completely before it takes the inbox.
//= SPEC.md#w-6
//# A write or a sleep that a signal interrupts MUST be retried or ended early, and never lost.
fn sleep(core: &Rc<LoopCore>, until: Until, driven: bool) -> Result<(), RunError> {
    let mut ready = Vec::new();
    // Without watched descriptors a poll that does not sleep could only find our own pipe, and what
    // that has to say is in the inbox. But who drives the loop from outside waits on its descriptor,
    // which a byte that is left in the pipe would keep readable for ever (clause S-10).
    let woken = if until == Until::Now && !driven && core.watched.borrow().is_empty() {
        false
    } else {
        core.poller.borrow_mut().poll(until, &mut ready).map_err(RunError::Poll)?
    };
    // Drained before the mail is taken: a byte written after this belongs to a post taken later.
    let drained = if woken || core.pipe_broken.get() { drain_pipe(core) } else { Ok(()) };
    if core.asleep.replace(false) {
        core.queue.wake_up();
    } else {
        core.queue.look_for_mail();
    }
    //= SPEC.md#q-3
    //# Within one iteration, entries queued before the sleep MUST run before descriptors that
    //# became ready, and these before timers that became due.
    for readiness in ready {
        watch::queue(core, readiness);
    }
    drained
}

fn drain_pipe(core: &LoopCore) -> Result<(), RunError> {
    let pipe = Arc::clone(&core.pipe.borrow());
    let why = match pipe.drain() {
        Ok(Drained::Empty) => return Ok(()),
        Ok(Drained::EndOfFile) => None,
        Err(error) => Some(error.into()),
    };
    // The poll reports an end-of-file once: a repair that fails is tried again in the next turn.
    core.pipe_broken.set(true);
    repair_pipe(core, &pipe, why)?;
    core.pipe_broken.set(false);
    Ok(())
}

//= SPEC.md#w-8
//# End-of-file on the pipe MUST be reported to the exception handler once and repaired with a new
//# pipe, and MUST NOT make the loop spin.
/// A pipe at end-of-file would be readable for ever: says so once, and makes a new one.
fn repair_pipe(core: &LoopCore, old: &Pipe, why: Option<Exception>) -> Result<(), RunError> {
    let new = Arc::new(Pipe::new().map_err(RunError::Poll)?);
    core.poller.borrow_mut().replace_pipe(old, &new).map_err(RunError::Poll)?;
    core.gate().replace_pipe(Arc::clone(&new));
    core.pipe.replace(new);
    let message = "the wakeup pipe was broken and has been replaced";
    core.queue.handler().report(&ExceptionContext::new(message, why));
    Ok(())
}

//= SPEC.md#q-2
//# An iteration MUST run exactly the entries that were queued when its batch began; what is queued
//# during the batch MUST wait for the next iteration.
fn run_batch(core: &Rc<LoopCore>) -> Result<(), RunError> {
    // A report of the broken pipe may have asked for the exit.
    leave_if_asked(core)?;
    let _batch = core.releases.begin_batch();
    for _ in 0..core.queue.len() {
        if core.releases.is_keeping() && !core.queue.copies_next() {
            core.releases.release();
        }
        let Some(entry) = core.queue.pop() else { break };
        // All of it: what an entry drops when it is over is user code too.
        guard(core, || perform(core, entry));
        leave_if_asked(core)?;
    }
    Ok(())
}

//= SPEC.md#s-9
//# An exit request MUST leave the run at once, after the future of the work that raised it is done,
//# with the rest of the batch still queued in order.
/// What is left of the batch stays queued, in order.
fn leave_if_asked(core: &LoopCore) -> Result<(), RunError> {
    match core.queue.handler().take_exit() {
        Some(exit) => Err(RunError::Exit(exit)),
        None => Ok(()),
    }
}

//= SPEC.md#q-5
//# An accepted callback that is not cancelled MUST run exactly once if the loop goes on to run.
fn perform(core: &Rc<LoopCore>, entry: Entry) {
    match entry {
        Entry::Call(call) => call.run(),
        Entry::Timer(call) => call.run(),
        Entry::Copy(task) => task.deliver(),
        Entry::Report(context) => core.queue.handler().report(&context),
        Entry::Step(key) => {
            let task = core.tasks.borrow().get(key).cloned();
            if let Some(task) = task {
                task.step(Origin::Queued);
            }
        }
        Entry::Posted(Posted::Step(key)) => {
            let task = core.tasks.borrow().get(key).cloned();
            if let Some(task) = task {
                task.step(Origin::Posted);
            }
        }
        Entry::Ready { fd, serial, direction } => watch::call(core, fd, serial, direction),
        Entry::Posted(Posted::Call(call)) => call.run(),
        Entry::Posted(Posted::Begin(submission)) => submission.begin(),
        Entry::Posted(Posted::Cancel(key)) => {
            let task = core.tasks.borrow().get(key).cloned();
            if let Some(task) = task {
                task.cancel_for_submission();
            }
        }
        Entry::Posted(Posted::Parcel(key)) => {
            let parcel = core.parcels.borrow_mut().remove(key);
            if let Some(parcel) = parcel {
                parcel.open();
            }
        }
        Entry::Posted(Posted::Stop) => core.stopping.set(true),
        // Taken in as timers, or dropped, before they reach the queue.
        Entry::Posted(Posted::Timer(..) | Posted::Withdrawn) => {}
    }
}

//= SPEC.md#q-4
//# A callback that panics MUST be reported to the exception handler, and the rest of the batch MUST
//# run.
/// Calls user code; a panic is reported, an exit request ends the run, the batch goes on or stays.
fn guard(core: &LoopCore, body: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(body)) {
        let exception = Exception::from_panic(payload);
        let handler = core.queue.handler();
        if exception.exit_request().is_some() {
            handler.request_exit(exception);
        } else {
            let context = ExceptionContext::new("a callback panicked", Some(exception));
            handler.report(&context);
        }
    }
}
