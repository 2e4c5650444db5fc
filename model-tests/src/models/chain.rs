//! Submissions: a coroutine from another thread, and everything that may cross its outcome.

use std::time::Duration;

use loopgate::checkers::census;
use loopgate::checkers::model::Environment;
use loopgate::{LoopClosed, PostError, ResultError, yield_now};

use super::support::{
    Cell, NO_SPURIOUS, event_loop, failure, running, says_closed, stop, turns, word,
};
use crate::harness::{Change, Control, Model, Outcome, join, start};

const SOON: Duration = Duration::from_nanos(5);
const LOST_BYTES: Environment = Environment { lost_bytes: true, ..NO_SPURIOUS };

pub(super) static MODELS: &[Model] = &[
    Model {
        name: "u1_submission_races_sleep",
        clauses: &["U-1", "C-1", "W-2"],
        question: "Does a blocked submitter get the value of its coroutine?",
        environment: NO_SPURIOUS,
        outcomes: &["value 1"],
        body: submit_and_wait,
        controls: &[Control {
            name: "the byte may vanish",
            change: Change::Environment(LOST_BYTES),
            fails_with: "deadlock",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "c2_cancel_races_copy",
        clauses: &["C-2", "C-7", "F-4"],
        question: "Is a submission either cancelled or finished, and ended in both cases?",
        environment: NO_SPURIOUS,
        outcomes: &["value 1", "cancelled"],
        body: cancel_races_copy,
        controls: &[Control {
            name: "a cancel always comes in time, they say",
            change: Change::Forbid("value 1"),
            fails_with: "outcome not allowed: value 1",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "c5_cancel_races_the_first_step",
        clauses: &["C-5", "C-6", "T-7"],
        question: "Does a coroutine cancelled before its first step begins never run a statement?",
        environment: NO_SPURIOUS,
        outcomes: &["never ran", "cancelled at its await"],
        body: cancel_races_first_step,
        controls: &[Control {
            name: "it is always cancelled in time, they say",
            change: Change::Forbid("cancelled at its await"),
            fails_with: "outcome not allowed: cancelled at its await",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "c6_cancel_races_the_next_step",
        clauses: &["C-6", "C-7", "T-6"],
        question: "Does a step that begins after cancel has returned see the cancel?",
        environment: NO_SPURIOUS,
        outcomes: &["cancelled at the await", "went on"],
        body: cancel_races_next_step,
        controls: &[Control {
            name: "it is never cancelled, they say",
            change: Change::Forbid("cancelled at the await"),
            fails_with: "outcome not allowed: cancelled at the await",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "c3_cancel_races_exception",
        clauses: &["C-3", "C-2", "X-1"],
        question: "Does the exception reach the submitter, or else the handler, and not both?",
        environment: NO_SPURIOUS,
        outcomes: &["submitter", "handler"],
        body: cancel_races_exception,
        controls: &[Control {
            name: "the submitter always gets it, they say",
            change: Change::Forbid("handler"),
            fails_with: "outcome not allowed: handler",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "f8_timeout_then_cancel_races_completion",
        clauses: &["F-8", "F-9", "C-2"],
        question: "Can a submitter give up after a timeout and know what became of its coroutine?",
        environment: NO_SPURIOUS,
        outcomes: &["in time", "timed out, cancelled", "timed out, finished first"],
        body: timeout_then_cancel,
        controls: &[Control {
            name: "a cancel after a timeout always succeeds, they say",
            change: Change::Forbid("timed out, finished first"),
            fails_with: "outcome not allowed: timed out, finished first",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "c8_close_races_submission",
        clauses: &["C-8", "U-1", "U-2", "W-9", "S-7"],
        question: "Does a submitter that blocks return when the loop is closed without having run?",
        environment: NO_SPURIOUS,
        outcomes: &["refused", "closed"],
        body: close_races_submission,
        controls: &[Control {
            name: "every submission is accepted, they say",
            change: Change::Forbid("refused"),
            fails_with: "outcome not allowed: refused",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "c8_drop_after_a_turn_races_submission",
        clauses: &["C-8", "U-1", "S-7", "F-16"],
        question: "Does a submission end whether its task never was, is suspended, or is done at the drop?",
        environment: NO_SPURIOUS,
        outcomes: &["refused", "closed", "value 1"],
        body: drop_after_turns,
        controls: &[Control {
            name: "an outcome is lost with the loop, they say",
            change: Change::Forbid("value 1"),
            fails_with: "outcome not allowed: value 1",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "c8_close_races_cancel_of_a_suspended_task",
        clauses: &["C-7", "C-8", "F-16"],
        question: "Does a cancelled submission still end when the loop is closed under it?",
        environment: NO_SPURIOUS,
        outcomes: &["cancelled", "closed"],
        body: close_races_cancel,
        controls: &[Control {
            name: "it is always cancelled first, they say",
            change: Change::Forbid("closed"),
            fails_with: "outcome not allowed: closed",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "c9_completion_races_wrap",
        clauses: &["C-9", "U-5"],
        question: "Does what a thread posted before it completed a future run before whoever awaits it?",
        environment: NO_SPURIOUS,
        outcomes: &["post, then value"],
        body: || completion_races_wrap(true),
        controls: &[Control {
            name: "it posts after it completed",
            change: Change::Body(|| completion_races_wrap(false)),
            fails_with: "outcome not allowed: value",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "c10_cancel_of_a_wrapper_races_start",
        clauses: &["C-10", "F-5"],
        question: "Is work whose wrapper was cancelled either never begun or left to end by itself?",
        environment: NO_SPURIOUS,
        outcomes: &["begun", "never begun"],
        body: wrapper_cancel_races_start,
        controls: &[Control {
            name: "it is never begun, they say",
            change: Change::Forbid("begun"),
            fails_with: "outcome not allowed: begun",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "c12_close_races_completion_of_a_source",
        clauses: &["C-12", "L-8", "C-9"],
        question: "May a loop close while another thread completes what one of its futures wraps?",
        environment: NO_SPURIOUS,
        outcomes: &["value 1", "closed"],
        body: close_races_source,
        controls: &[Control {
            name: "the value always arrives, they say",
            change: Change::Forbid("closed"),
            fails_with: "outcome not allowed: closed",
        }],
        ..Model::DEFAULTS
    },
];

//= SPEC.md#u-1
//= type=test
//# `run_coroutine_threadsafe` MUST return a future that ends in a final state whatever becomes of
//# the loop, if the submission was accepted.
//= SPEC.md#c-1
//= type=test
//# A task's outcome MUST be copied to its submission through the queue, so that everything the task
//# scheduled before it ended runs before the submitter is released.
fn submit_and_wait() -> Outcome {
    let event_loop = event_loop();
    let result = Cell::new(None);
    let submitter = start("submitter", {
        let (handle, result) = (event_loop.handle(), result.clone());
        move || {
            let future =
                handle.run_coroutine_threadsafe(async { Ok(1) }).expect("the loop is open");
            result.set(Some(word(&future.result())));
            stop(&handle);
        }
    });
    event_loop.run_forever().expect("the run is stopped");
    join(submitter);
    result.get().expect("the submitter has ended").into()
}

//= SPEC.md#c-2
//= type=test
//# The copy MUST be a single step against a racing cancel: either the submission is cancelled and
//# the outcome dropped, or it is finished and the cancel refused.
//= SPEC.md#c-7
//= type=test
//# A submission cancelled while its task cleans up, or swallows the cancel, MUST stay cancelled,
//# and MUST become ended only when the task has ended.
fn cancel_races_copy() -> Outcome {
    let event_loop = event_loop();
    let future =
        event_loop.handle().run_coroutine_threadsafe(async { Ok(1) }).expect("the loop is open");
    // The submission and the step; the copy is next.
    turns(&event_loop, 2);
    let canceller = start("canceller", {
        let future = future.clone();
        move || {
            let cancelled = future.cancel();
            assert_eq!(cancelled, future.cancelled(), "told something else than happened");
        }
    });
    turns(&event_loop, 1);
    join(canceller);
    assert!(future.ended(), "the work has ended and nobody says so");
    word(&future.result()).into()
}

//= SPEC.md#c-5
//= type=test
//# A submission cancelled before its task began MUST end without running a statement of the
//# coroutine.
//= SPEC.md#t-7
//= type=test
//# A task cancelled before its first step MUST end cancelled without running a statement.
fn cancel_races_first_step() -> Outcome {
    let event_loop = event_loop();
    let (ran, cancelled, cancelled_first) = (Cell::new(false), Cell::new(false), Cell::new(false));
    // Looks between the making of the task and its first step, in the same queue.
    let (look, note) = (cancelled.clone(), cancelled_first.clone());
    event_loop.set_task_factory(move |coroutine| {
        let (look, note) = (look.clone(), note.clone());
        running().call_soon(move || note.set(look.get())).expect("the loop is open");
        Ok(coroutine.into_task())
    });
    let noted = ran.clone();
    let submitted = event_loop.handle().run_coroutine_threadsafe(async move {
        noted.set(true);
        yield_now().await?;
        Ok(1)
    });
    let future = submitted.expect("the loop is open");
    // The task is made; the look and the first step are next.
    turns(&event_loop, 1);
    let canceller = start("canceller", {
        let (future, cancelled) = (future.clone(), cancelled.clone());
        move || cancelled.set(future.cancel())
    });
    turns(&event_loop, 1);
    join(canceller);
    turns(&event_loop, 3);
    assert!(future.ended(), "the work has ended and nobody says so");
    assert!(!(cancelled_first.get() && ran.get()), "it ran though it was cancelled before");
    assert!(future.cancelled(), "cancelled before its second step, and finished");
    if ran.get() { "cancelled at its await".into() } else { "never ran".into() }
}

//= SPEC.md#c-6
//= type=test
//# Cancelling a submission MUST be seen by its task no later than the beginning of the next step
//# that starts after the call returned, from any thread.
//= SPEC.md#t-6
//= type=test
//# A cancel MUST be delivered at the kernel awaitable that the task is suspended on, which then
//# yields `Err(Cancelled)` with the message.
fn cancel_races_next_step() -> Outcome {
    let event_loop = event_loop();
    let (cancelled, before_step) = (Cell::new(false), Cell::new(false));
    let (look, note, went_on) = (cancelled.clone(), before_step.clone(), Cell::new(false));
    let goes_on = went_on.clone();
    let submitted = event_loop.handle().run_coroutine_threadsafe_with(move || async move {
        // Queued before the step that follows the yield.
        running().call_soon(move || note.set(look.get())).expect("the loop is open");
        yield_now().await?;
        goes_on.set(true);
        Ok(1)
    });
    let future = submitted.expect("the loop is open");
    // The task is made and has yielded; the look and the second step are next.
    turns(&event_loop, 2);
    let canceller = start("canceller", {
        let (future, cancelled) = (future.clone(), cancelled.clone());
        move || {
            if future.cancel() {
                cancelled.set(true);
            }
        }
    });
    turns(&event_loop, 1);
    join(canceller);
    turns(&event_loop, 2);
    assert!(future.ended(), "the work has ended and nobody says so");
    assert!(!(before_step.get() && went_on.get()), "a step began after the cancel and missed it");
    if went_on.get() { "went on".into() } else { "cancelled at the await".into() }
}

//= SPEC.md#c-3
//= type=test
//# An exception that a task raised after its submission had been cancelled MUST be reported to the
//# exception handler.
//= SPEC.md#x-1
//= type=test
//# Every clone of an `Exception` MUST be the same object: identity is kept from the place that
//# raised it to every place that observes it.
fn cancel_races_exception() -> Outcome {
    let event_loop = event_loop();
    let raised = failure();
    let reported = Cell::new(0);
    let (count, expected) = (reported.clone(), raised.clone());
    event_loop.set_exception_handler(move |context| {
        let exception = context.exception.as_ref().expect("an exception is reported");
        assert!(exception.same_object(&expected), "another object: {exception}");
        count.update(|count| *count += 1);
    });
    let raise = raised.clone();
    let submitted =
        event_loop.handle().run_coroutine_threadsafe(async move { Err::<u32, _>(raise) });
    let future = submitted.expect("the loop is open");
    // The submission and the step that raises; the copy is next.
    turns(&event_loop, 2);
    let canceller = start("canceller", {
        let future = future.clone();
        move || _ = future.cancel()
    });
    turns(&event_loop, 1);
    join(canceller);
    assert!(future.ended(), "the work has ended and nobody says so");
    match (future.result(), reported.get()) {
        (Err(ResultError::Exception(exception)), 0) if exception.same_object(&raised) => {
            "submitter".into()
        }
        (Err(ResultError::Cancelled(_)), 1) => "handler".into(),
        (result, reports) => panic!("{result:?} and {reports} reports"),
    }
}

//= SPEC.md#f-8
//= type=test
//# A waiter that timed out MUST get an error of its own kind, distinct from every error that the
//# work can raise.
fn timeout_then_cancel() -> Outcome {
    let event_loop = event_loop();
    let outcome = Cell::new("");
    let submitted = event_loop.handle().run_coroutine_threadsafe(async { Ok(1) });
    let future = submitted.expect("the loop is open");
    // The submission and the step; the copy is next.
    turns(&event_loop, 2);
    let submitter = start("submitter", {
        let (future, outcome) = (future.clone(), outcome.clone());
        move || {
            outcome.set(match future.result_timeout(SOON) {
                Ok(_) => "in time",
                Err(ResultError::TimedOut) if future.cancel() => "timed out, cancelled",
                Err(ResultError::TimedOut) => "timed out, finished first",
                Err(other) => panic!("{other}"),
            });
        }
    });
    turns(&event_loop, 1);
    join(submitter);
    assert!(future.ended(), "the work has ended and nobody says so");
    outcome.get().into()
}

/// Submits from another thread and waits; one word for what came of it.
fn submit_and_tell(event_loop: &loopgate::EventLoop) -> (loopgate::JoinHandle, Cell<&'static str>) {
    let outcome = Cell::new("");
    let submitter = start("submitter", {
        let (handle, outcome) = (event_loop.handle(), outcome.clone());
        move || {
            let submitted = handle.run_coroutine_threadsafe(async {
                yield_now().await?;
                Ok(1)
            });
            outcome.set(match submitted {
                Err(PostError::LoopClosed) => "refused",
                Err(other) => panic!("{other}"),
                Ok(future) => {
                    let result = future.result();
                    future.wait_ended().expect("work ends");
                    if says_closed(&result) { "closed" } else { "value 1" }
                }
            });
        }
    });
    (submitter, outcome)
}

//= SPEC.md#c-8
//= type=test
//# Closing a loop MUST finish every accepted submission that is not done, with an error that says
//# the loop was closed; an outcome that the task had already reached MUST be delivered.
//= SPEC.md#u-1
//= type=test
//# `run_coroutine_threadsafe` MUST return a future that ends in a final state whatever becomes of
//# the loop, if the submission was accepted.
//= SPEC.md#u-2
//= type=test
//# Submitting to a closed loop MUST be refused in the submitting thread, and the coroutine MUST be
//# dropped unrun.
fn close_races_submission() -> Outcome {
    let event_loop = event_loop();
    let (submitter, outcome) = submit_and_tell(&event_loop);
    event_loop.close().expect("the loop does not run");
    join(submitter);
    outcome.get().into()
}

//= SPEC.md#s-7
//= type=test
//# Dropping the loop MUST close it.
//= SPEC.md#c-8
//= type=test
//# Closing a loop MUST finish every accepted submission that is not done, with an error that says
//# the loop was closed; an outcome that the task had already reached MUST be delivered.
fn drop_after_turns() -> Outcome {
    let event_loop = event_loop();
    let (submitter, outcome) = submit_and_tell(&event_loop);
    turns(&event_loop, 3);
    drop(event_loop);
    join(submitter);
    outcome.get().into()
}

//= SPEC.md#c-7
//= type=test
//# A submission cancelled while its task cleans up, or swallows the cancel, MUST stay cancelled,
//# and MUST become ended only when the task has ended.
//= SPEC.md#f-16
//= type=test
//# `wait_ended` MUST return only when the work has really ended: finished, or cancelled and
//# acknowledged by its producer.
fn close_races_cancel() -> Outcome {
    let event_loop = event_loop();
    let submitted = event_loop.handle().run_coroutine_threadsafe(async {
        std::future::pending::<()>().await;
        Ok(1)
    });
    let future = submitted.expect("the loop is open");
    // The submission, the first step.
    turns(&event_loop, 2);
    let canceller = start("canceller", {
        let future = future.clone();
        move || {
            let cancelled = future.cancel();
            future.wait_ended().expect("work ends");
            assert_eq!(cancelled, future.cancelled());
        }
    });
    event_loop.close().expect("the loop does not run");
    join(canceller);
    let result = future.result();
    if says_closed(&result) { "closed".into() } else { word(&result).into() }
}

//= SPEC.md#c-9
//= type=test
//# The outcome of a concurrent future MUST reach its loop future through the loop's queue, even if
//# it was done when it was wrapped.
//= SPEC.md#u-5
//= type=test
//# A loop future MUST observe the completion of work after every post that the working thread made
//# before.
fn completion_races_wrap(post_first: bool) -> Outcome {
    let event_loop = event_loop();
    let (promise, source) = loopgate::concurrent::promise::<u32>();
    let order = Cell::new(Vec::new());
    let worker = start("worker", {
        let (handle, order) = (event_loop.handle(), order.clone());
        move || {
            let post = move || {
                let note = move || order.update(|order| order.push("post"));
                handle.call_soon_threadsafe(note).expect("the loop is open");
            };
            if post_first {
                post();
                promise.set_result(1).expect("nobody cancels");
            } else {
                promise.set_result(1).expect("nobody cancels");
                post();
            }
        }
    });
    let wrapped = event_loop.wrap_future(source).expect("the loop is open");
    event_loop.run_until_complete(wrapped).expect("a value");
    order.update(|order| order.push("value"));
    join(worker);
    turns(&event_loop, 1);
    order.get().join(", then ").into()
}

//= SPEC.md#c-10
//= type=test
//# Cancelling a wrapped loop future MUST cancel its source at once if the source has not started,
//# and MUST leave running work to end by itself, its outcome dropped.
fn wrapper_cancel_races_start() -> Outcome {
    let event_loop = event_loop();
    let (promise, source) = loopgate::concurrent::promise::<u32>();
    let begun = Cell::new(false);
    let worker = start("worker", {
        let begun = begun.clone();
        move || {
            if promise.set_running_or_notify_cancel().expect("asked once") {
                begun.set(true);
                promise.set_result(1).expect("running work cannot be cancelled");
            }
        }
    });
    let wrapped = event_loop.wrap_future(source.clone()).expect("the loop is open");
    assert!(wrapped.cancel(), "nothing was copied yet: that needs a turn");
    source.wait_ended().expect("work ends");
    join(worker);
    turns(&event_loop, 1);
    assert!(wrapped.cancelled(), "the outcome came through");
    assert_ne!(begun.get(), source.cancelled(), "begun and cancelled, or neither");
    assert_eq!(census(&event_loop).parcels, 0, "something is kept for work that is over");
    if begun.get() { "begun".into() } else { "never begun".into() }
}

//= SPEC.md#c-12
//= type=test
//# A source that ends after the loop closed MUST be ignored without an error.
//= SPEC.md#l-8
//= type=test
//# Closing the loop MUST end a pending loop future that the kernel made, with an error that says
//# so.
fn close_races_source() -> Outcome {
    let event_loop = event_loop();
    let (promise, source) = loopgate::concurrent::promise::<u32>();
    let wrapped = event_loop.wrap_future(source).expect("the loop is open");
    let worker = start("worker", move || promise.set_result(1).expect("nobody cancels"));
    turns(&event_loop, 1);
    event_loop.close().expect("the loop does not run");
    join(worker);
    match wrapped.result() {
        Ok(value) => format!("value {value}").into(),
        Err(ResultError::Exception(why)) if why.is::<LoopClosed>() => "closed".into(),
        Err(other) => panic!("{other}"),
    }
}
