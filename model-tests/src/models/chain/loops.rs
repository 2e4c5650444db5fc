//! Two loops in two threads: a coroutine of the one awaits a coroutine of the other.

use std::future::pending;

use loopgate::{LoopClosed, PostError, concurrent};

use super::super::programs::loops as programs;
use super::super::support::{Cell, LOST_BYTES_ONLY, NO_SPURIOUS, event_loop, running, stop, turns};
use crate::harness::{Change, Control, ELSEWHERE, Model, Outcome, Spec, join, start};

pub(in crate::models) static MODELS: &[Model] = &[
    Model {
        name: "f21_loop_awaits_another_loop",
        clauses: &["C-1", "F-21", "W-2"],
        question: "Does a coroutine get the value of another that runs in another loop?",
        environment: NO_SPURIOUS,
        outcomes: &["value 1"],
        spec: Spec::allows(&[programs::loop_awaits_loop], &[("value 1", ".. | value 1; value 1")]),
        body: loop_awaits_loop,
        controls: &[Control {
            name: "the byte may vanish",
            change: Change::Environment(LOST_BYTES_ONLY),
            fails_with: "deadlock",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "c6_cancel_crosses_to_another_loop",
        clauses: &["C-6", "T-6", "F-16"],
        question: "Is a coroutine cancelled when the one that awaits it in another loop is?",
        environment: NO_SPURIOUS,
        outcomes: &["cancelled in both"],
        spec: Spec::allows(
            &[programs::cancel_crosses],
            &[(
                "cancelled in both",
                "..; ok; true; true | ok; continue; true; continue; true; ok; ok",
            )],
        ),
        body: || cancel_crosses(true),
        controls: &[Control {
            name: "the other loop does not run",
            change: Change::Body(|| cancel_crosses(false)),
            fails_with: "deadlock",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "c8_close_releases_a_loop_that_awaits",
        clauses: &["C-8", "C-9", "U-2"],
        question: "Does a coroutine go on when the loop closes to which it submitted what it awaits?",
        environment: NO_SPURIOUS,
        outcomes: &["refused", "closed"],
        spec: Spec::allows(
            &[programs::close_races_submission, programs::close_releases_a_loop],
            &[
                ("refused", "ok | loop closed"),
                (ELSEWHERE, "ok | ok"),
                ("closed", "ok | ok; loop closed"),
            ],
        ),
        body: close_releases_a_loop,
        controls: &[Control {
            name: "the byte may vanish",
            change: Change::Environment(LOST_BYTES_ONLY),
            fails_with: "deadlock",
        }],
        ..Model::DEFAULTS
    },
];

//= SPEC.md#c-1
//= type=test
//# A task's outcome MUST be copied to its submission through the queue, so that everything the task
//# scheduled before it ended runs before the submitter is released.
//= SPEC.md#f-21
//= type=test
//# Awaiting a concurrent future from any executor MUST wake the last waker that polled it, and
//# dropping the handle MUST withdraw that waker.
//= SPEC.md#w-2
//= type=test
//# A post that is accepted while the loop sleeps, or is about to, MUST make that sleep end.
fn loop_awaits_loop() -> Outcome {
    let there = event_loop();
    let submitted = there.handle().run_coroutine_threadsafe(async { Ok(1) });
    let future = submitted.expect("the loop is open");
    // The task is made, and has ended; the copy is next.
    turns(&there, 2);
    let value = Cell::new(0);
    let other = start("other loop", {
        let value = value.clone();
        move || {
            let here = event_loop();
            value.set(here.run_until_complete(future).expect("the coroutine has a value"));
        }
    });
    turns(&there, 1);
    join(other);
    format!("value {}", value.get()).into()
}

//= SPEC.md#c-6
//= type=test
//# Cancelling a submission MUST be seen by its task no later than the beginning of the next step
//# that starts after the call returned, from any thread.
//= SPEC.md#t-6
//= type=test
//# A cancel MUST be delivered at the kernel awaitable that the task is suspended on, which then
//# yields `Err(Cancelled)` with the message.
//= SPEC.md#f-16
//= type=test
//# `wait_ended` MUST return only when the work has really ended: finished, or cancelled and
//# acknowledged by its producer.
fn cancel_crosses(run: bool) -> Outcome {
    let there = event_loop();
    let (promise, source) = concurrent::promise::<u32>();
    let submitted = there.handle().run_coroutine_threadsafe(source.clone());
    let future = submitted.expect("the loop is open");
    // The task is made, and awaits the source.
    turns(&there, 2);
    let other = start("other loop", {
        let (handle, future) = (there.handle(), future.clone());
        move || {
            let here = event_loop();
            let task = here.create_task(future.clone()).expect("the loop is open");
            turns(&here, 1);
            assert!(task.cancel(), "it awaits");
            turns(&here, 1);
            assert!(task.cancelled(), "the cancel was delivered at the await");
            future.wait_ended().expect("work ends");
            stop(&handle);
        }
    });
    if run {
        there.run_forever().expect("the run is stopped");
    }
    join(other);
    assert!(future.cancelled() && source.cancelled(), "the cancel did not cross");
    drop(promise);
    "cancelled in both".into()
}

//= SPEC.md#c-8
//= type=test
//# Closing a loop MUST finish every accepted submission that is not done, with an error that says
//# the loop was closed; an outcome that the task had already reached MUST be delivered.
//= SPEC.md#c-9
//= type=test
//# The outcome of a concurrent future MUST reach its loop future through the loop's queue, even if
//# it was done when it was wrapped.
//= SPEC.md#u-2
//= type=test
//# Submitting to a closed loop MUST be refused in the submitting thread, and the coroutine MUST be
//# dropped unrun.
fn close_releases_a_loop() -> Outcome {
    let there = event_loop();
    let outcome = Cell::new("");
    let other = start("other loop", {
        let (handle, outcome) = (there.handle(), outcome.clone());
        move || {
            let here = event_loop();
            outcome.set(match handle.run_coroutine_threadsafe(pending::<Result<u32, _>>()) {
                Err(PostError::LoopClosed) => "refused",
                Err(other) => panic!("{other}"),
                Ok(future) => {
                    let awaited = async move { running().wrap_future(future)?.await };
                    let error = here.run_until_complete(awaited).expect_err("it never ran");
                    assert!(error.is::<LoopClosed>(), "{error}");
                    "closed"
                }
            });
        }
    });
    there.close().expect("the loop does not run");
    join(other);
    outcome.get().into()
}
