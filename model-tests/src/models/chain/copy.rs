//! Submissions: how the outcome of a task reaches whoever submitted it.

use std::future::pending;

use loopgate::{ConcurrentFuture, EventLoop, Exception, ResultError};

use super::super::programs::copy as programs;
use super::super::support::{
    Cell, LOST_BYTES_ONLY, NO_SPURIOUS, SOON, event_loop, failure, here, running, stop, turns, word,
};
use crate::harness::{Change, Control, Model, Outcome, Spec, join, start};

pub(in crate::models) static MODELS: &[Model] = &[
    Model {
        name: "u1_submission_races_sleep",
        clauses: &["U-1", "C-1", "W-2"],
        question: "Does a blocked submitter get the value of its coroutine?",
        environment: NO_SPURIOUS,
        outcomes: &["value 1"],
        spec: Spec::allows(&[programs::submit_and_wait], &[("value 1", "ok | ok; value 1; ok")]),
        body: submit_and_wait,
        controls: &[Control {
            name: "the byte may vanish",
            change: Change::Environment(LOST_BYTES_ONLY),
            fails_with: "deadlock",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "c1_release_follows_what_the_task_scheduled",
        clauses: &["C-1"],
        question: "Has everything run that a task scheduled before it ended, when its submitter is released?",
        environment: NO_SPURIOUS,
        outcomes: &["scheduled, then released"],
        spec: Spec::allows(
            &[programs::released_after],
            &[("scheduled, then released", ".. | value 1; true")],
        ),
        body: || released_after(false),
        controls: &[Control {
            name: "what it scheduled schedules something more",
            change: Change::Body(|| released_after(true)),
            fails_with: "released before it ran",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "c1_copies_in_a_row_release_everybody",
        clauses: &["C-1", "F-9", "U-1"],
        question: "Does each of two submitters return whose outcomes are copied one behind the other?",
        threads: 3,
        environment: NO_SPURIOUS,
        outcomes: &["1 and 2"],
        spec: Spec::allows(&[programs::copies_in_a_row], &[("1 and 2", ".. | value 1 | value 2")]),
        body: || copies_in_a_row(3),
        controls: &[Control {
            name: "the loop stops short of the copies",
            change: Change::Body(|| copies_in_a_row(2)),
            fails_with: "deadlock",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "f12_callback_in_a_row_may_wait_for_a_submitter",
        clauses: &["F-12", "F-9", "C-1"],
        question: "Is a submitter released before a callback that is behind it in a row of copies is called?",
        environment: NO_SPURIOUS,
        outcomes: &["released before"],
        spec: Spec::allows(&[programs::callback_in_a_row], &[("released before", ".. | value 1")]),
        body: || callback_in_a_row(false),
        controls: &[Control {
            name: "the callback is ahead",
            change: Change::Body(|| callback_in_a_row(true)),
            fails_with: "deadlock",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "x1_exception_releases_a_blocked_submitter",
        clauses: &["X-1", "F-9"],
        question: "Does a submitter that blocks get the very exception that its coroutine raised?",
        environment: NO_SPURIOUS,
        outcomes: &["the same object"],
        spec: Spec::allows(
            &[programs::exception_releases],
            &[("the same object", ".. | raised 1")],
        ),
        body: || exception_releases(true),
        controls: &[Control {
            name: "the loop stops short of the copy",
            change: Change::Body(|| exception_releases(false)),
            fails_with: "deadlock",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "c4_cancel_on_the_loop_releases_a_waiter",
        clauses: &["C-4", "F-16"],
        question: "Is a submission ended as soon as its waiter sees that the loop cancelled its task?",
        environment: NO_SPURIOUS,
        outcomes: &["cancelled and ended"],
        spec: Spec::allows(
            &[programs::cancel_on_the_loop],
            &[("cancelled and ended", ".. | cancelled; true")],
        ),
        body: || cancel_on_the_loop(true),
        controls: &[Control {
            name: "the submission is cancelled, not the task",
            change: Change::Body(|| cancel_on_the_loop(false)),
            fails_with: "cancelled, but not ended",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "c4_cancel_on_the_loop_races_cancel",
        clauses: &["C-4", "F-3", "F-12"],
        question: "May the loop cancel the task while another thread cancels its submission?",
        environment: NO_SPURIOUS,
        outcomes: &["by the loop", "by the submitter"],
        spec: Spec::allows(
            &[programs::both_cancel],
            &[
                ("by the loop", "..; mark 1; continue; true; true | true"),
                ("by the submitter", "..; continue; continue; true; true | mark 1; true"),
            ],
        ),
        body: || both_cancel(true),
        controls: &[Control {
            name: "the submitter does nothing",
            change: Change::Body(|| both_cancel(false)),
            fails_with: "outcome never reached: by the submitter",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "f8_timeout_then_cancel_races_completion",
        clauses: &["F-8", "F-9", "C-2"],
        question: "Can a submitter give up after a timeout and know what became of its coroutine?",
        environment: NO_SPURIOUS,
        outcomes: &["in time", "timed out, cancelled", "timed out, finished first"],
        spec: Spec::allows(
            &[programs::timeout_then_cancel],
            &[
                ("in time", "..; true | value 1; false"),
                ("timed out, cancelled", "..; true | timed out; true"),
                ("timed out, finished first", "..; true | timed out; false"),
            ],
        ),
        body: || timeout_then_cancel(true),
        controls: &[Control {
            name: "it does not cancel",
            change: Change::Body(|| timeout_then_cancel(false)),
            fails_with: "outcome never reached: timed out, cancelled",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "f9_timeout_leaves_the_task_alone",
        clauses: &["F-9", "F-8"],
        question: "Can a submitter whose wait timed out wait again and get the value?",
        environment: NO_SPURIOUS,
        outcomes: &["value 1", "timed out, then value 1"],
        spec: Spec::allows(
            &[programs::wait_again],
            &[
                ("value 1", "..; true | value 1; value 1"),
                ("timed out, then value 1", "..; true | timed out; value 1"),
            ],
        ),
        body: || wait_again(false),
        controls: &[Control {
            name: "it cancels in between",
            change: Change::Body(|| wait_again(true)),
            fails_with: "outcome not allowed: timed out, then cancelled",
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
//= SPEC.md#w-2
//= type=test
//# A post that is accepted while the loop sleeps, or is about to, MUST make that sleep end.
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

/// Submits and runs so many turns: the first makes the task, the second is its first step.
fn submitted(
    event_loop: &EventLoop,
    count: usize,
    coroutine: impl Future<Output = Result<u32, Exception>> + Send + 'static,
) -> ConcurrentFuture<u32> {
    let submitted = event_loop.handle().run_coroutine_threadsafe(coroutine);
    turns(event_loop, count);
    submitted.expect("the loop is open")
}

//= SPEC.md#c-1
//= type=test
//# A task's outcome MUST be copied to its submission through the queue, so that everything the task
//# scheduled before it ended runs before the submitter is released.
fn released_after(nested: bool) -> Outcome {
    let event_loop = event_loop();
    let ran = Cell::new(false);
    let note = ran.clone();
    let future = submitted(&event_loop, 2, async move {
        let note = move || note.set(true);
        let scheduled = running().call_soon(move || {
            if nested {
                running().call_soon(note).expect("the loop is open");
            } else {
                note();
            }
        });
        scheduled.expect("the loop is open");
        Ok(1)
    });
    let waiter = start("waiter", move || {
        future.result().expect("a value");
        assert!(ran.get(), "released before it ran");
    });
    // The copy, behind what the task scheduled; and what that scheduled.
    turns(&event_loop, 2);
    join(waiter);
    "scheduled, then released".into()
}

//= SPEC.md#c-1
//= type=test
//# A task's outcome MUST be copied to its submission through the queue, so that everything the task
//# scheduled before it ended runs before the submitter is released.
//= SPEC.md#f-9
//= type=test
//# If completion came first, a waiter MUST get the outcome and never a timeout; a timeout MUST
//# leave the future as it was.
fn copies_in_a_row(count: usize) -> Outcome {
    let event_loop = event_loop();
    let first = submitted(&event_loop, 0, async { Ok(1) });
    let second = submitted(&event_loop, 2, async { Ok(2) });
    let waiters = [(first, 1), (second, 2)].map(|(future, value)| {
        start("waiter", move || assert_eq!(future.result().expect("a value"), value))
    });
    turns(&event_loop, count - 2);
    waiters.into_iter().for_each(join);
    "1 and 2".into()
}

//= SPEC.md#f-12
//= type=test
//# Done-callbacks MUST run once each, in order of registration, in the thread that completed or
//# cancelled the future, after its waiters were released and with no lock held.
//= SPEC.md#f-9
//= type=test
//# If completion came first, a waiter MUST get the outcome and never a timeout; a timeout MUST
//# leave the future as it was.
fn callback_in_a_row(ahead: bool) -> Outcome {
    let event_loop = event_loop();
    let first = submitted(&event_loop, 0, async { Ok(1) });
    let second = submitted(&event_loop, 2, async { Ok(1) });
    let (awaited, heard) = if ahead { (second, first) } else { (first, second) };
    let waiter = start("waiter", move || {
        awaited.result().expect("a value");
    });
    heard.add_done_callback(move |_| join(waiter));
    turns(&event_loop, 1);
    "released before".into()
}

//= SPEC.md#x-1
//= type=test
//# Every clone of an `Exception` MUST be the same object: identity is kept from the place that
//# raised it to every place that observes it.
//= SPEC.md#f-9
//= type=test
//# If completion came first, a waiter MUST get the outcome and never a timeout; a timeout MUST
//# leave the future as it was.
fn exception_releases(copy: bool) -> Outcome {
    let event_loop = event_loop();
    let raised = failure();
    let raise = raised.clone();
    let future = submitted(&event_loop, 2, async move { Err(raise) });
    let waiter = start("waiter", move || match future.exception() {
        Ok(Some(exception)) if exception.same_object(&raised) => {}
        other => panic!("{other:?}"),
    });
    turns(&event_loop, usize::from(copy));
    join(waiter);
    "the same object".into()
}

//= SPEC.md#c-4
//= type=test
//# A task cancelled on the loop's side MUST cancel its submission and mark it ended in the same
//# step.
//= SPEC.md#f-16
//= type=test
//# `wait_ended` MUST return only when the work has really ended: finished, or cancelled and
//# acknowledged by its producer.
fn cancel_on_the_loop(the_task: bool) -> Outcome {
    let event_loop = event_loop();
    let future = submitted(&event_loop, 2, pending());
    let waiter = start("waiter", {
        let future = future.clone();
        move || {
            assert!(matches!(future.result(), Err(ResultError::Cancelled(_))));
            assert!(future.ended(), "cancelled, but not ended");
        }
    });
    if the_task {
        assert!(event_loop.all_tasks()[0].cancel(), "it is suspended");
    } else {
        assert!(future.cancel(), "it is suspended");
    }
    // The step that is dropped there, and the copy; a posted cancel comes before them.
    turns(&event_loop, 3);
    join(waiter);
    "cancelled and ended".into()
}

//= SPEC.md#c-4
//= type=test
//# A task cancelled on the loop's side MUST cancel its submission and mark it ended in the same
//# step.
//= SPEC.md#f-3
//= type=test
//# `cancel` on a CANCELLED future MUST return true and run no callback again.
//= SPEC.md#f-12
//= type=test
//# Done-callbacks MUST run once each, in order of registration, in the thread that completed or
//# cancelled the future, after its waiters were released and with no lock held.
fn both_cancel(both: bool) -> Outcome {
    let event_loop = event_loop();
    let future = submitted(&event_loop, 2, pending());
    let (callers, main) = (Cell::new(Vec::new()), here());
    let noted = callers.clone();
    future.add_done_callback(move |_| noted.update(|callers| callers.push(here())));
    let submitter = start("submitter", {
        let future = future.clone();
        move || {
            if both {
                assert!(future.cancel(), "a cancelled submission can be cancelled");
            }
        }
    });
    assert!(event_loop.all_tasks()[0].cancel(), "it is suspended");
    turns(&event_loop, 2);
    join(submitter);
    assert!(future.cancelled() && future.ended(), "the work has ended and nobody says so");
    match callers.get()[..] {
        [caller] if caller == main => "by the loop".into(),
        [_] => "by the submitter".into(),
        ref callers => panic!("cancelled {} times", callers.len()),
    }
}

//= SPEC.md#f-8
//= type=test
//# A waiter that timed out MUST get an error of its own kind, distinct from every error that the
//# work can raise.
//= SPEC.md#f-9
//= type=test
//# If completion came first, a waiter MUST get the outcome and never a timeout; a timeout MUST
//# leave the future as it was.
//= SPEC.md#c-2
//= type=test
//# The copy MUST be a single step against a racing cancel: either the submission is cancelled and
//# the outcome dropped, or it is finished and the cancel refused.
fn timeout_then_cancel(cancel: bool) -> Outcome {
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
                Err(ResultError::TimedOut) if cancel && future.cancel() => "timed out, cancelled",
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

//= SPEC.md#f-9
//= type=test
//# If completion came first, a waiter MUST get the outcome and never a timeout; a timeout MUST
//# leave the future as it was.
//= SPEC.md#f-8
//= type=test
//# A waiter that timed out MUST get an error of its own kind, distinct from every error that the
//# work can raise.
fn wait_again(cancel: bool) -> Outcome {
    let event_loop = event_loop();
    let future = submitted(&event_loop, 2, async { Ok(1) });
    let outcome = Cell::new(String::new());
    let submitter = start("submitter", {
        let outcome = outcome.clone();
        move || {
            let first = future.result_timeout(SOON);
            if !matches!(first, Err(ResultError::TimedOut)) {
                return outcome.set(word(&first));
            }
            if cancel {
                future.cancel();
            }
            outcome.set(format!("timed out, then {}", word(&future.result())));
        }
    });
    // The copy.
    turns(&event_loop, 1);
    join(submitter);
    outcome.get().into()
}
