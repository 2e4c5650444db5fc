//! The concurrent future without a loop: completing, cancelling, waiting.

use std::time::Duration;

use loopgate::concurrent::{self, ReturnWhen};

use super::support::{Cell, NO_SPURIOUS, failure, word};
use crate::harness::{Change, Control, Model, Outcome, join, start};

/// Long enough to be a wait, short enough to time out at any moment: a model's time is its own.
const SOON: Duration = Duration::from_nanos(5);

pub(super) static MODELS: &[Model] = &[
    Model {
        name: "f4_cancel_races_completion",
        clauses: &["F-1", "F-2", "F-4", "F-6", "F-12"],
        question: "Does exactly one of cancel and set_result win, and is the other told?",
        outcomes: &["cancelled", "value 1"],
        body: cancel_races_completion,
        controls: &[Control {
            name: "a cancel always wins, they say",
            change: Change::Forbid("value 1"),
            fails_with: "outcome not allowed: value 1",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "f5_cancel_races_start",
        clauses: &["F-4", "F-5", "F-16"],
        question: "Is work that was begun never cancelled, and cancelled work never begun?",
        outcomes: &["begun", "cancelled"],
        body: cancel_races_start,
        controls: &[Control {
            name: "a cancel always wins, they say",
            change: Change::Forbid("begun"),
            fails_with: "outcome not allowed: begun",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "f9_result_timeout_races_completion",
        clauses: &["F-8", "F-9", "F-11"],
        question: "Does a wait with a timeout get the value or its own error, and stray wake-ups never end it?",
        outcomes: &["value 1", "timed out"],
        body: result_timeout_races_completion,
        controls: &[Control {
            name: "a wait never times out, they say",
            change: Change::Forbid("timed out"),
            fails_with: "outcome not allowed: timed out",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "f9_result_races_completion",
        clauses: &["F-9", "F-11", "F-12"],
        question: "Does a wait without a timeout get the value, however completion falls?",
        outcomes: &["value 1"],
        body: || result_races_completion(true),
        controls: &[Control {
            name: "nobody completes",
            change: Change::Body(|| result_races_completion(false)),
            fails_with: "deadlock",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "f2_cancel_releases_a_waiter",
        clauses: &["F-2", "F-3", "F-15"],
        question: "Does a cancel release whoever waits for the result?",
        outcomes: &["cancelled"],
        body: cancel_releases_a_waiter,
        controls: &[Control {
            name: "the future was begun, so the cancel is refused",
            change: Change::Body(cancel_is_refused),
            fails_with: "deadlock",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "f7_dropped_promise_races_cancel",
        clauses: &["F-7", "F-16"],
        question: "Does a waiter for the end return when the promise is dropped, cancelled or not?",
        outcomes: &["cancelled and ended", "broken and ended"],
        body: dropped_promise_races_cancel,
        controls: &[Control {
            name: "a cancel always comes first, they say",
            change: Change::Forbid("broken and ended"),
            fails_with: "outcome not allowed: broken and ended",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "f14_add_done_callback_races_completion",
        clauses: &["F-12", "F-14"],
        question: "Is a callback called exactly once, however its adding falls against completion?",
        outcomes: &["by the producer", "at once"],
        body: add_callback_races_completion,
        controls: &[Control {
            name: "it always comes in time, they say",
            change: Change::Forbid("at once"),
            fails_with: "outcome not allowed: at once",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "f15_wait_races_cancel",
        clauses: &["F-15", "F-17", "F-18"],
        question: "Does wait for two futures return when one is completed and the other cancelled?",
        environment: NO_SPURIOUS,
        outcomes: &["value 1, cancelled"],
        body: || wait_races_cancel(true),
        controls: &[Control {
            name: "nobody cancels the second",
            change: Change::Body(|| wait_races_cancel(false)),
            fails_with: "deadlock",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "f17_wait_for_the_first_races_failure",
        clauses: &["F-17", "F-8"],
        question: "Does wait return for the first exception, with what is done by then?",
        environment: NO_SPURIOUS,
        outcomes: &["one done", "two done"],
        body: wait_for_the_first_exception,
        controls: &[Control {
            name: "both are always done, they say",
            change: Change::Forbid("one done"),
            fails_with: "outcome not allowed: one done",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "f20_as_completed_races_completion",
        clauses: &["F-20"],
        question: "Does as_completed yield both futures, in the order in which they were completed?",
        environment: NO_SPURIOUS,
        outcomes: &["second, first"],
        body: as_completed_races_completion,
        controls: &[Control {
            name: "another order, they say",
            change: Change::Forbid("second, first"),
            fails_with: "outcome not allowed: second, first",
        }],
        ..Model::DEFAULTS
    },
];

//= SPEC.md#f-4
//= type=test
//# Exactly one of a racing `cancel`, completion and start MUST win, and each loser MUST be told.
fn cancel_races_completion() -> Outcome {
    let (promise, future) = concurrent::promise::<u32>();
    let called = Cell::new(0);
    let count = called.clone();
    future.add_done_callback(move |_| count.update(|count| *count += 1));
    let won = Cell::new(false);
    let producer = start("producer", {
        let won = won.clone();
        move || won.set(promise.set_result(1).is_ok())
    });
    let cancelled = future.cancel();
    let result = future.result();
    join(producer);
    assert_ne!(cancelled, won.get(), "both won, or neither");
    assert_eq!(cancelled, future.cancelled());
    assert_eq!(called.get(), 1, "callbacks run once");
    word(&result).into()
}

//= SPEC.md#f-5
//= type=test
//# `set_running_or_notify_cancel` MUST answer true at most once, and after it did the future cannot
//# be cancelled any more.
fn cancel_races_start() -> Outcome {
    let (promise, future) = concurrent::promise::<u32>();
    let begun = Cell::new(false);
    let producer = start("producer", {
        let begun = begun.clone();
        move || {
            begun.set(promise.set_running_or_notify_cancel().expect("asked once"));
            if begun.get() {
                promise.set_result(1).expect("running work cannot be cancelled");
            }
        }
    });
    let cancelled = future.cancel();
    future.wait_ended().expect("work ends");
    join(producer);
    assert_ne!(cancelled, begun.get(), "cancelled work was begun, or neither happened");
    if cancelled { "cancelled".into() } else { "begun".into() }
}

//= SPEC.md#f-8
//= type=test
//# A waiter that timed out MUST get an error of its own kind, distinct from every error that the
//# work can raise.
//= SPEC.md#f-9
//= type=test
//# If completion came first, a waiter MUST get the outcome and never a timeout; a timeout MUST
//# leave the future as it was.
//= SPEC.md#f-11
//= type=test
//# A stray wake-up MUST NOT end a wait.
fn result_timeout_races_completion() -> Outcome {
    let (promise, future) = concurrent::promise::<u32>();
    let producer = start("producer", move || promise.set_result(1).expect("nobody cancels"));
    let result = future.result_timeout(SOON);
    join(producer);
    assert_eq!(future.result().ok(), Some(1), "a timeout changed the future");
    word(&result).into()
}

fn result_races_completion(complete: bool) -> Outcome {
    let (promise, future) = concurrent::promise::<u32>();
    let kept = Cell::new(None);
    let producer = start("producer", {
        let kept = kept.clone();
        move || {
            if complete {
                promise.set_result(1).expect("nobody cancels");
            }
            kept.update(|kept| *kept = Some(std::sync::Arc::new(promise)));
        }
    });
    let result = future.result();
    join(producer);
    word(&result).into()
}

//= SPEC.md#f-2
//= type=test
//# `cancel` on a PENDING future MUST succeed and release every waiter before it returns true; on a
//# RUNNING or FINISHED one it MUST return false and change nothing.
//= SPEC.md#f-15
//= type=test
//# CANCELLED MUST count as done for `result`, `exception`, `wait`, `as_completed` and `await`
//# alike.
fn cancel_releases_a_waiter() -> Outcome {
    let (promise, future) = concurrent::promise::<u32>();
    let canceller = start("canceller", {
        let future = future.clone();
        move || assert!(future.cancel() && future.cancel(), "a cancel can be repeated")
    });
    let result = future.result();
    join(canceller);
    drop(promise);
    word(&result).into()
}

fn cancel_is_refused() -> Outcome {
    let (promise, future) = concurrent::promise::<u32>();
    assert!(promise.set_running_or_notify_cancel().expect("asked once"));
    let canceller = start("canceller", {
        let future = future.clone();
        move || assert!(!future.cancel(), "running work cannot be cancelled")
    });
    let result = future.result();
    join(canceller);
    drop(promise);
    word(&result).into()
}

//= SPEC.md#f-7
//= type=test
//# A producer dropped without completing MUST finish the future with an error that says so.
//= SPEC.md#f-16
//= type=test
//# `wait_ended` MUST return only when the work has really ended: finished, or cancelled and
//# acknowledged by its producer.
fn dropped_promise_races_cancel() -> Outcome {
    let (promise, future) = concurrent::promise::<u32>();
    let producer = start("producer", move || drop(promise));
    let cancelled = future.cancel();
    future.wait_ended().expect("a dropped promise ends the work");
    join(producer);
    assert_eq!(cancelled, future.cancelled());
    if cancelled { "cancelled and ended".into() } else { "broken and ended".into() }
}

//= SPEC.md#f-12
//= type=test
//# Done-callbacks MUST run once each, in order of registration, in the thread that completed or
//# cancelled the future, after its waiters were released and with no lock held.
//= SPEC.md#f-14
//= type=test
//# A callback added to a future that is done MUST run at once, in the calling thread.
fn add_callback_races_completion() -> Outcome {
    let (promise, future) = concurrent::promise::<u32>();
    let producer = start("producer", move || promise.set_result(1).expect("nobody cancels"));
    let (calls, at_once) = (Cell::new(0), Cell::new(false));
    let main = loopgate::checkers::model::thread::current_id();
    future.add_done_callback({
        let (calls, at_once) = (calls.clone(), at_once.clone());
        move |future| {
            assert!(future.done(), "called before it was done");
            calls.update(|calls| *calls += 1);
            at_once.set(loopgate::checkers::model::thread::current_id() == main);
        }
    });
    join(producer);
    assert_eq!(calls.get(), 1, "not exactly once");
    if at_once.get() { "at once".into() } else { "by the producer".into() }
}

//= SPEC.md#f-17
//= type=test
//# `wait` MUST return as soon as its condition holds: one future done, one failed with an
//# exception, or all done; cancellation is no failure.
//= SPEC.md#f-18
//= type=test
//# `wait` that times out MUST return the split so far and MUST leave no trace in the futures.
fn wait_races_cancel(cancel: bool) -> Outcome {
    let (first_promise, first) = concurrent::promise::<u32>();
    let (second_promise, second) = concurrent::promise::<u32>();
    let other = start("other", {
        let second = second.clone();
        move || {
            if cancel {
                second.cancel();
            }
            first_promise.set_result(1).expect("nobody cancels the first");
        }
    });
    let both = [first.clone(), second.clone()];
    let split = concurrent::wait(&both, None, ReturnWhen::AllCompleted).expect("two futures");
    join(other);
    assert!(split.not_done.is_empty(), "returned before all were done");
    drop(second_promise);
    format!("{}, {}", word(&first.result()), word(&second.result())).into()
}

//= SPEC.md#f-17
//= type=test
//# `wait` MUST return as soon as its condition holds: one future done, one failed with an
//# exception, or all done; cancellation is no failure.
fn wait_for_the_first_exception() -> Outcome {
    let (first_promise, first) = concurrent::promise::<u32>();
    let (second_promise, second) = concurrent::promise::<u32>();
    let other = start("other", move || {
        first_promise.set_exception(failure()).expect("nobody cancels");
        second_promise.set_result(1).expect("nobody cancels");
    });
    let both = [first, second];
    let split = concurrent::wait(&both, None, ReturnWhen::FirstException).expect("two futures");
    let done = split.done.len();
    join(other);
    assert!(split.done[0].same_future(&both[0]), "the failed one is done");
    if done == 1 { "one done".into() } else { "two done".into() }
}

//= SPEC.md#f-20
//= type=test
//# `as_completed` MUST yield each future once, those that are done first, then in order of
//# completion.
fn as_completed_races_completion() -> Outcome {
    let (first_promise, first) = concurrent::promise::<u32>();
    let (second_promise, second) = concurrent::promise::<u32>();
    // Subscribed before either is done, so that the order is that of completion.
    let futures = concurrent::as_completed(&[first, second], None).expect("two futures");
    let other = start("other", move || {
        second_promise.set_result(2).expect("nobody cancels");
        first_promise.set_result(1).expect("nobody cancels");
    });
    let values: Vec<_> =
        futures.map(|done| done.expect("no timeout").result().expect("a value")).collect();
    join(other);
    if values == [2, 1] { "second, first".into() } else { format!("{values:?}").into() }
}
