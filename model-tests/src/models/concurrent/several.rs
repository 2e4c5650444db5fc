//! Blocking for several futures.

use loopgate::concurrent::{self, ReturnWhen};

use super::super::programs::several as programs;
use super::super::support::{Cell, NO_SPURIOUS, SOON, failure, word};
use crate::harness::{Change, Control, Model, Outcome, Spec, join, start};

pub(in crate::models) static MODELS: &[Model] = &[
    Model {
        name: "f15_wait_races_cancel",
        clauses: &["F-15", "F-17", "F-18"],
        question: "Does wait for two futures return when one is completed and the other cancelled?",
        environment: NO_SPURIOUS,
        outcomes: &["value 1, cancelled"],
        spec: Spec::allows(
            &[programs::wait_races_cancel],
            &[("value 1, cancelled", "done 0 1; value 1; cancelled | true; ok")],
        ),
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
        spec: Spec::allows(
            &[programs::wait_for_the_first_exception],
            &[("one done", "done 0 | ok; ok"), ("two done", "done 0 1 | ok; ok")],
        ),
        body: || wait_for_the_first_exception(true),
        controls: &[Control {
            name: "nothing fails",
            change: Change::Body(|| wait_for_the_first_exception(false)),
            fails_with: "outcome never reached: one done",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "f17_wait_races_completion_and_cancel",
        clauses: &["F-4", "F-15", "F-17"],
        question: "Does wait return when two threads fight over how its future ends?",
        threads: 3,
        environment: NO_SPURIOUS,
        outcomes: &["value 1", "cancelled"],
        spec: Spec::allows(
            &[programs::wait_races_both],
            &[
                ("value 1", "done 0; value 1 | ok | false"),
                ("cancelled", "done 0; cancelled | invalid, cancelled | true"),
            ],
        ),
        body: || wait_races_both(true),
        controls: &[Control {
            name: "the one was begun and the other keeps silent",
            change: Change::Body(|| wait_races_both(false)),
            fails_with: "deadlock",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "f18_wait_timeout_races_completion",
        clauses: &["F-18", "F-9"],
        question: "Does a wait that times out say what is done by then?",
        environment: NO_SPURIOUS,
        outcomes: &["done", "not done"],
        spec: Spec::allows(
            &[programs::wait_timeout],
            &[("done", "done 0; value 1 | ok"), ("not done", "done; value 1 | ok")],
        ),
        body: || wait_timeout(true),
        controls: &[Control {
            name: "it has no timeout",
            change: Change::Body(|| wait_timeout(false)),
            fails_with: "outcome never reached: not done",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "f18_wait_that_times_out_disturbs_no_other",
        clauses: &["F-17", "F-18"],
        question: "Is a second waiter told although the first leaves while the future completes?",
        threads: 3,
        bound: Some(2),
        environment: NO_SPURIOUS,
        outcomes: &["first done", "first timed out"],
        spec: Spec::allows(
            &[programs::leave_while_completing],
            &[("first done", "done 0 | done 0 | ok"), ("first timed out", "done | done 0 | ok")],
        ),
        body: || leave_while_completing(true),
        controls: &[Control {
            name: "nobody completes",
            change: Change::Body(|| leave_while_completing(false)),
            fails_with: "deadlock",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "f20_as_completed_races_completion",
        clauses: &["F-20"],
        question: "Does as_completed yield both futures, in the order in which they were completed?",
        environment: NO_SPURIOUS,
        outcomes: &["second, first"],
        spec: Spec::Below(
            "it joins the futures before the race, and waits in it: for a program that is one operation",
        ),
        body: || as_completed_races_completion(true),
        controls: &[Control {
            name: "they are completed in the other order",
            change: Change::Body(|| as_completed_races_completion(false)),
            fails_with: "outcome not allowed: [1, 2]",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "f20_as_completed_races_completion_and_cancel",
        clauses: &["F-15", "F-20"],
        question: "Does as_completed yield a completed and a cancelled future, each once, whenever they are done?",
        environment: NO_SPURIOUS,
        outcomes: &["cancelled, value 1", "value 1, cancelled"],
        spec: Spec::allows(
            &[programs::as_completed_races_cancel],
            &[
                ("cancelled, value 1", "completed 1; completed 0; value 1; cancelled | true; ok"),
                ("value 1, cancelled", "completed 0; completed 1; value 1; cancelled | true; ok"),
            ],
        ),
        body: || as_completed_races_cancel(true),
        controls: &[Control {
            name: "nobody cancels",
            change: Change::Body(|| as_completed_races_cancel(false)),
            fails_with: "deadlock",
        }],
        ..Model::DEFAULTS
    },
];

//= SPEC.md#f-17
//= type=test
//# `wait` MUST return as soon as its condition holds: one future done, one failed with an
//# exception, or all done; cancellation is no failure.
//= SPEC.md#f-18
//= type=test
//# `wait` that times out MUST return the split so far and MUST leave no trace in the futures.
//= SPEC.md#f-15
//= type=test
//# CANCELLED MUST count as done for `result`, `exception`, `wait`, `as_completed` and `await`
//# alike.
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
//= SPEC.md#f-8
//= type=test
//# A waiter that timed out MUST get an error of its own kind, distinct from every error that the
//# work can raise.
fn wait_for_the_first_exception(fails: bool) -> Outcome {
    let (first_promise, first) = concurrent::promise::<u32>();
    let (second_promise, second) = concurrent::promise::<u32>();
    let other = start("other", move || {
        first_promise.try_complete(if fails { Err(failure()) } else { Ok(1) });
        second_promise.set_result(1).expect("nobody cancels");
    });
    let both = [first, second];
    let split = concurrent::wait(&both, None, ReturnWhen::FirstException).expect("two futures");
    let done = split.done.len();
    join(other);
    assert!(split.done[0].same_future(&both[0]), "the failed one is done");
    if done == 1 { "one done".into() } else { "two done".into() }
}

//= SPEC.md#f-4
//= type=test
//# Exactly one of a racing `cancel`, completion and start MUST win, and each loser MUST be told.
//= SPEC.md#f-15
//= type=test
//# CANCELLED MUST count as done for `result`, `exception`, `wait`, `as_completed` and `await`
//# alike.
//= SPEC.md#f-17
//= type=test
//# `wait` MUST return as soon as its condition holds: one future done, one failed with an
//# exception, or all done; cancellation is no failure.
fn wait_races_both(act: bool) -> Outcome {
    let (promise, future) = concurrent::promise::<u32>();
    let (completed, kept) = (Cell::new(false), Cell::new(None));
    let producer = start("producer", {
        let (completed, kept) = (completed.clone(), kept.clone());
        move || {
            if act {
                completed.set(promise.set_result(1).is_ok());
            } else {
                assert_eq!(promise.set_running_or_notify_cancel(), Ok(true));
                kept.set(Some(std::sync::Arc::new(promise)));
            }
        }
    });
    let cancelled = Cell::new(false);
    let canceller = start("canceller", {
        let (future, cancelled) = (future.clone(), cancelled.clone());
        move || cancelled.set(act && future.cancel())
    });
    let one = [future.clone()];
    let split = concurrent::wait(&one, None, ReturnWhen::FirstCompleted).expect("one future");
    assert!(split.not_done.is_empty(), "returned before it was done");
    join(producer);
    join(canceller);
    assert_ne!(completed.get(), cancelled.get(), "both won, or neither");
    word(&future.result()).into()
}

//= SPEC.md#f-18
//= type=test
//# `wait` that times out MUST return the split so far and MUST leave no trace in the futures.
//= SPEC.md#f-9
//= type=test
//# If completion came first, a waiter MUST get the outcome and never a timeout; a timeout MUST
//# leave the future as it was.
fn wait_timeout(limited: bool) -> Outcome {
    let (promise, future) = concurrent::promise::<u32>();
    let producer = start("producer", move || promise.set_result(1).expect("nobody cancels"));
    let one = [future.clone()];
    let limit = limited.then_some(SOON);
    let split = concurrent::wait(&one, limit, ReturnWhen::AllCompleted).expect("one future");
    join(producer);
    assert_eq!(split.done.len() + split.not_done.len(), 1, "not a split of one");
    assert_eq!(future.result().ok(), Some(1), "a timeout changed the future");
    if split.done.is_empty() { "not done".into() } else { "done".into() }
}

//= SPEC.md#f-17
//= type=test
//# `wait` MUST return as soon as its condition holds: one future done, one failed with an
//# exception, or all done; cancellation is no failure.
//= SPEC.md#f-18
//= type=test
//# `wait` that times out MUST return the split so far and MUST leave no trace in the futures.
fn leave_while_completing(complete: bool) -> Outcome {
    let (promise, future) = concurrent::promise::<u32>();
    let one = [future];
    let waiter = start("waiter", {
        let one = one.clone();
        move || {
            let split = concurrent::wait(&one, None, ReturnWhen::FirstCompleted).expect("one");
            assert!(split.not_done.is_empty(), "returned before it was done");
        }
    });
    let kept = Cell::new(None);
    let producer = start("producer", {
        let kept = kept.clone();
        move || {
            if complete {
                promise.set_result(1).expect("nobody cancels");
            }
            kept.set(Some(std::sync::Arc::new(promise)));
        }
    });
    let split = concurrent::wait(&one, Some(SOON), ReturnWhen::FirstCompleted).expect("one");
    join(producer);
    join(waiter);
    if split.done.is_empty() { "first timed out".into() } else { "first done".into() }
}

//= SPEC.md#f-20
//= type=test
//# `as_completed` MUST yield each future once, those that are done first, then in order of
//# completion.
fn as_completed_races_completion(second_first: bool) -> Outcome {
    let (first_promise, first) = concurrent::promise::<u32>();
    let (second_promise, second) = concurrent::promise::<u32>();
    // Subscribed before either is done, so that the order is that of completion.
    let futures = concurrent::as_completed(&[first, second], None).expect("two futures");
    let other = start("other", move || {
        if second_first {
            second_promise.set_result(2).expect("nobody cancels");
            first_promise.set_result(1).expect("nobody cancels");
        } else {
            first_promise.set_result(1).expect("nobody cancels");
            second_promise.set_result(2).expect("nobody cancels");
        }
    });
    let values: Vec<_> =
        futures.map(|done| done.expect("no timeout").result().expect("a value")).collect();
    join(other);
    if values == [2, 1] { "second, first".into() } else { format!("{values:?}").into() }
}

//= SPEC.md#f-15
//= type=test
//# CANCELLED MUST count as done for `result`, `exception`, `wait`, `as_completed` and `await`
//# alike.
//= SPEC.md#f-20
//= type=test
//# `as_completed` MUST yield each future once, those that are done first, then in order of
//# completion.
fn as_completed_races_cancel(cancel: bool) -> Outcome {
    let (promise, first) = concurrent::promise::<u32>();
    let (_promise_of_second, second) = concurrent::promise::<u32>();
    let other = start("other", {
        let second = second.clone();
        move || {
            if cancel {
                assert!(second.cancel(), "nobody completes it");
            }
            promise.set_result(1).expect("nobody cancels the first");
        }
    });
    let futures = concurrent::as_completed(&[first, second], None).expect("two futures");
    let words: Vec<String> =
        futures.map(|done| word(&done.expect("no timeout").result())).collect();
    join(other);
    words.join(", ").into()
}
