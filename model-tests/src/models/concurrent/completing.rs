//! Completing, cancelling, beginning and giving up: who wins, and who is told.

use std::sync::Arc;

use loopgate::concurrent;

use super::super::programs::completing as programs;
use super::super::support::{Cell, Owned, failure, here, word};
use crate::harness::{Change, Control, Model, Outcome, Spec, join, start, throw};

pub(in crate::models) static MODELS: &[Model] = &[
    Model {
        name: "f4_cancel_races_completion",
        clauses: &["F-1", "F-2", "F-4", "F-6", "F-12"],
        question: "Does exactly one of cancel and set_result win, and is the other told?",
        outcomes: &["cancelled", "value 1"],
        spec: Spec::allows(
            &[programs::cancel_races_completion],
            &[
                ("cancelled", "mark 1; true; cancelled; true | invalid, cancelled"),
                ("value 1", "false; value 1; false | mark 1; ok"),
            ],
        ),
        body: || cancel_races_completion(true),
        controls: &[Control {
            name: "the work was begun",
            change: Change::Body(|| cancel_races_completion(false)),
            fails_with: "outcome never reached: cancelled",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "f4_cancel_races_exception",
        clauses: &["F-4", "F-6"],
        question: "Does either cancel or set_exception win, and the loser keep its exception?",
        outcomes: &["exception", "cancelled"],
        spec: Spec::allows(
            &[programs::cancel_races_exception],
            &[
                ("exception", "false; raised 1 | ok"),
                ("cancelled", "true; cancelled | invalid, cancelled"),
            ],
        ),
        body: || cancel_races_exception(false),
        controls: &[Control {
            name: "the work was begun",
            change: Change::Body(|| cancel_races_exception(true)),
            fails_with: "outcome never reached: cancelled",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "f5_cancel_races_start",
        clauses: &["F-4", "F-5", "F-16"],
        question: "Is work that was begun never cancelled, and cancelled work never begun?",
        outcomes: &["begun", "cancelled"],
        spec: Spec::allows(
            &[programs::cancel_races_start],
            &[
                ("begun", "false; ok | true; ok"),
                ("cancelled", "true; ok | false; invalid, cancelled"),
            ],
        ),
        body: || cancel_races_start(true),
        controls: &[Control {
            name: "the producer does not ask whether it may begin",
            change: Change::Body(|| cancel_races_start(false)),
            fails_with: "cancelled work was begun",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "f3_cancel_races_cancel",
        clauses: &["F-3", "F-12"],
        question: "Do two cancels both succeed, and call the callbacks once?",
        outcomes: &["called by the main thread", "called by the other"],
        spec: Spec::allows(
            &[programs::cancel_races_cancel],
            &[
                ("called by the main thread", "mark 1; true; true; true | true"),
                ("called by the other", "true; true; true | mark 1; true"),
            ],
        ),
        body: || cancel_races_cancel(false),
        controls: &[Control {
            name: "the other completes instead",
            change: Change::Body(|| cancel_races_cancel(true)),
            fails_with: "a cancel was refused",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "f6_try_complete_races_cancel",
        clauses: &["F-6", "F-16"],
        question: "Does a completion that loses to a cancel still say that the work has ended?",
        outcomes: &["value 1", "cancelled"],
        spec: Spec::allows(
            &[programs::try_complete_races_cancel],
            &[
                ("value 1", "false; ok; value 1 | true"),
                ("cancelled", "true; ok; cancelled | false"),
            ],
        ),
        body: || try_complete_races_cancel(true),
        controls: &[Control {
            name: "set_result, which says nothing of the kind",
            change: Change::Body(|| try_complete_races_cancel(false)),
            fails_with: "deadlock",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "f12_dropped_future_races_completion",
        clauses: &["F-12"],
        question: "Is a value dropped, and the callback called, when nobody holds the future any more?",
        outcomes: &["dropped while pending", "dropped when done"],
        spec: Spec::allows(
            &[programs::dropped_future_races_completion],
            &[
                ("dropped while pending", "false | mark 1; ok"),
                ("dropped when done", "true | mark 1; ok"),
            ],
        ),
        body: || dropped_future_races_completion(true),
        controls: &[Control {
            name: "the promise is dropped empty",
            change: Change::Body(|| dropped_future_races_completion(false)),
            fails_with: "the value was dropped 0 times",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "f7_dropped_promise_races_cancel",
        clauses: &["F-7", "F-16"],
        question: "Does a waiter for the end return when the promise is dropped, cancelled or not?",
        outcomes: &["cancelled and ended", "broken and ended"],
        spec: Spec::allows(
            &[programs::dropped_promise_races_cancel],
            &[
                ("cancelled and ended", "true; ok; cancelled | "),
                ("broken and ended", "false; ok; broken promise | "),
            ],
        ),
        body: || dropped_promise_races_cancel(true),
        controls: &[Control {
            name: "the promise is kept",
            change: Change::Body(|| dropped_promise_races_cancel(false)),
            fails_with: "deadlock",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "f14_add_done_callback_races_completion",
        clauses: &["F-12", "F-14"],
        question: "Is a callback called exactly once, however its adding falls against completion?",
        outcomes: &["by the producer", "at once"],
        spec: Spec::allows(
            &[programs::add_callback_races_completion],
            &[("by the producer", " | true; mark 1; true"), ("at once", "true; mark 1 | true")],
        ),
        body: || add_callback_races_completion(true),
        controls: &[Control {
            name: "it is done before",
            change: Change::Body(|| add_callback_races_completion(false)),
            fails_with: "outcome never reached: by the producer",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "f13_panicking_callback_races_wait",
        clauses: &["F-13", "F-12"],
        question: "Do a waiter and the next callback get the value in spite of a callback's panic?",
        outcomes: &["value 1"],
        spec: Spec::allows(&[programs::panicking_callback], &[("value 1", "value 1 | mark 1; ok")]),
        body: || panicking_callback(true),
        controls: &[Control {
            name: "both in one callback",
            change: Change::Body(|| panicking_callback(false)),
            fails_with: "the second callback was called 0 times",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "f12_callback_may_wait_for_a_waiter",
        clauses: &["F-12"],
        question: "Are waiters released before a callback runs, and no lock held while it does?",
        outcomes: &["value 1"],
        spec: Spec::allows(
            &[programs::callback_waits],
            &[("value 1", "value 1; ok | value 1; ok")],
        ),
        body: || callback_waits(true),
        controls: &[Control {
            name: "the waiter waits for the callback first",
            change: Change::Body(|| callback_waits(false)),
            fails_with: "deadlock",
        }],
        ..Model::DEFAULTS
    },
];

//= SPEC.md#f-4
//= type=test
//# Exactly one of a racing `cancel`, completion and start MUST win, and each loser MUST be told.
//= SPEC.md#f-1
//= type=test
//# A concurrent future MUST move only PENDING to RUNNING, PENDING or RUNNING to FINISHED, and
//# PENDING to CANCELLED; FINISHED and CANCELLED are final.
//= SPEC.md#f-2
//= type=test
//# `cancel` on a PENDING future MUST succeed and release every waiter before it returns true; on a
//# RUNNING or FINISHED one it MUST return false and change nothing.
//= SPEC.md#f-6
//= type=test
//# A second completion, and a completion after a cancel, MUST be refused with the rejected value
//# given back, and MUST change nothing.
//= SPEC.md#f-12
//= type=test
//# Done-callbacks MUST run once each, in order of registration, in the thread that completed or
//# cancelled the future, after its waiters were released and with no lock held.
fn cancel_races_completion(open: bool) -> Outcome {
    let (promise, future) = concurrent::promise::<u32>();
    if !open {
        assert_eq!(promise.set_running_or_notify_cancel(), Ok(true), "nobody else has seen it");
    }
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

//= SPEC.md#f-4
//= type=test
//# Exactly one of a racing `cancel`, completion and start MUST win, and each loser MUST be told.
//= SPEC.md#f-6
//= type=test
//# A second completion, and a completion after a cancel, MUST be refused with the rejected value
//# given back, and MUST change nothing.
fn cancel_races_exception(begun: bool) -> Outcome {
    let (promise, future) = concurrent::promise::<u32>();
    if begun {
        assert_eq!(promise.set_running_or_notify_cancel(), Ok(true), "nobody else has seen it");
    }
    let raised = failure();
    let won = Cell::new(false);
    let producer = start("producer", {
        let (won, raised) = (won.clone(), raised.clone());
        move || match promise.set_exception(raised.clone()) {
            Ok(()) => won.set(true),
            Err(refused) => {
                assert!(refused.cancelled && refused.rejected.same_object(&raised));
            }
        }
    });
    let cancelled = future.cancel();
    let result = future.exception();
    join(producer);
    assert_ne!(cancelled, won.get(), "both won, or neither");
    match result {
        Ok(Some(exception)) if exception.same_object(&raised) => "exception".into(),
        Err(loopgate::ResultError::Cancelled(_)) => "cancelled".into(),
        other => panic!("{other:?}"),
    }
}

//= SPEC.md#f-5
//= type=test
//# `set_running_or_notify_cancel` MUST answer true at most once, and after it did the future cannot
//# be cancelled any more.
//= SPEC.md#f-4
//= type=test
//# Exactly one of a racing `cancel`, completion and start MUST win, and each loser MUST be told.
//= SPEC.md#f-16
//= type=test
//# `wait_ended` MUST return only when the work has really ended: finished, or cancelled and
//# acknowledged by its producer.
fn cancel_races_start(asks: bool) -> Outcome {
    let (promise, future) = concurrent::promise::<u32>();
    let begun = Cell::new(false);
    let producer = start("producer", {
        let begun = begun.clone();
        move || {
            begun.set(!asks || promise.set_running_or_notify_cancel().expect("asked once"));
            if begun.get() {
                let completed = promise.set_result(1).is_ok();
                assert!(completed || !asks, "running work cannot be cancelled");
            }
        }
    });
    let cancelled = future.cancel();
    future.wait_ended().expect("work ends");
    join(producer);
    assert_ne!(cancelled, begun.get(), "cancelled work was begun, or neither happened");
    if cancelled { "cancelled".into() } else { "begun".into() }
}

//= SPEC.md#f-3
//= type=test
//# `cancel` on a CANCELLED future MUST return true and run no callback again.
//= SPEC.md#f-12
//= type=test
//# Done-callbacks MUST run once each, in order of registration, in the thread that completed or
//# cancelled the future, after its waiters were released and with no lock held.
fn cancel_races_cancel(complete: bool) -> Outcome {
    let (promise, future) = concurrent::promise::<u32>();
    let (callers, main) = (Cell::new(Vec::new()), here());
    let noted = callers.clone();
    future.add_done_callback(move |_| noted.update(|callers| callers.push(here())));
    let other = start("other", {
        let future = future.clone();
        move || {
            if complete {
                let _ = promise.set_result(1);
            } else {
                assert!(future.cancel(), "a cancel was refused");
            }
        }
    });
    assert!(future.cancel(), "a cancel was refused");
    join(other);
    assert!(future.cancelled() && future.ended(), "neither has cancelled it");
    match callers.get()[..] {
        [caller] if caller == main => "called by the main thread".into(),
        [_] => "called by the other".into(),
        ref callers => panic!("called {} times", callers.len()),
    }
}

//= SPEC.md#f-6
//= type=test
//# A second completion, and a completion after a cancel, MUST be refused with the rejected value
//# given back, and MUST change nothing.
//= SPEC.md#f-16
//= type=test
//# `wait_ended` MUST return only when the work has really ended: finished, or cancelled and
//# acknowledged by its producer.
fn try_complete_races_cancel(tries: bool) -> Outcome {
    let (promise, future) = concurrent::promise::<u32>();
    let (won, kept) = (Cell::new(false), Cell::new(None));
    let producer = start("producer", {
        let (won, kept) = (won.clone(), kept.clone());
        move || {
            won.set(if tries {
                promise.try_complete(Ok(1))
            } else {
                promise.set_result(1).is_ok()
            });
            // A promise that is dropped would end the work as well.
            kept.set(Some(Arc::new(promise)));
        }
    });
    let cancelled = future.cancel();
    future.wait_ended().expect("work ends");
    join(producer);
    assert_ne!(cancelled, won.get(), "both won, or neither");
    word(&future.result()).into()
}

//= SPEC.md#f-12
//= type=test
//# Done-callbacks MUST run once each, in order of registration, in the thread that completed or
//# cancelled the future, after its waiters were released and with no lock held.
fn dropped_future_races_completion(complete: bool) -> Outcome {
    let (promise, future) = concurrent::promise::<Arc<Owned>>();
    let (calls, drops) = (Cell::new(0), Cell::new(0));
    let count = calls.clone();
    future.add_done_callback(move |_| count.update(|calls| *calls += 1));
    let producer = start("producer", {
        let drops = drops.clone();
        move || {
            if complete {
                assert!(promise.set_result(Arc::new(Owned(drops))).is_ok(), "nobody cancels");
            }
        }
    });
    let done = future.done();
    drop(future);
    join(producer);
    assert_eq!(calls.get(), 1, "not exactly once");
    assert_eq!(drops.get(), 1, "the value was dropped {} times", drops.get());
    if done { "dropped when done".into() } else { "dropped while pending".into() }
}

//= SPEC.md#f-7
//= type=test
//# A producer dropped without completing MUST finish the future with an error that says so.
//= SPEC.md#f-16
//= type=test
//# `wait_ended` MUST return only when the work has really ended: finished, or cancelled and
//# acknowledged by its producer.
fn dropped_promise_races_cancel(dropped: bool) -> Outcome {
    let (promise, future) = concurrent::promise::<u32>();
    let kept = Cell::new(None);
    let producer = start("producer", {
        let kept = kept.clone();
        move || {
            if dropped {
                drop(promise);
            } else {
                kept.set(Some(Arc::new(promise)));
            }
        }
    });
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
fn add_callback_races_completion(raced: bool) -> Outcome {
    let (promise, future) = concurrent::promise::<u32>();
    if !raced {
        promise.set_result(1).expect("nobody cancels");
    }
    let producer = start("producer", move || _ = promise.try_complete(Ok(1)));
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

//= SPEC.md#f-13
//= type=test
//# A done-callback that panics MUST NOT keep its siblings from running and MUST NOT change the
//# outcome.
//= SPEC.md#f-12
//= type=test
//# Done-callbacks MUST run once each, in order of registration, in the thread that completed or
//# cancelled the future, after its waiters were released and with no lock held.
fn panicking_callback(separate: bool) -> Outcome {
    fn first() {
        throw("callback");
    }
    let (promise, future) = concurrent::promise::<u32>();
    let calls = Cell::new(0);
    let count = calls.clone();
    let second = move || count.update(|calls| *calls += 1);
    if separate {
        future.add_done_callback(|_| first());
        future.add_done_callback(move |_| second());
    } else {
        future.add_done_callback(move |_| {
            first();
            second();
        });
    }
    let producer = start("producer", move || promise.set_result(1).expect("nobody cancels"));
    let result = future.result();
    join(producer);
    assert_eq!(calls.get(), 1, "the second callback was called {} times", calls.get());
    word(&result).into()
}

//= SPEC.md#f-12
//= type=test
//# Done-callbacks MUST run once each, in order of registration, in the thread that completed or
//# cancelled the future, after its waiters were released and with no lock held.
fn callback_waits(released_first: bool) -> Outcome {
    let (promise, future) = concurrent::promise::<u32>();
    let (tell, released) = concurrent::promise::<()>();
    future.add_done_callback(move |_| released.result().expect("the waiter tells"));
    let producer = start("producer", move || promise.set_result(1).expect("nobody cancels"));
    let result = future.result();
    if released_first {
        tell.set_result(()).expect("nobody cancels");
        join(producer);
    } else {
        join(producer);
        tell.set_result(()).expect("nobody cancels");
    }
    word(&result).into()
}
