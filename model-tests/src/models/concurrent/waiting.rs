//! Blocking for one future, with a limit and without.

use loopgate::checkers::promise_for_spinning;
use loopgate::concurrent;

use super::super::programs::waiting as programs;
use super::super::support::{Cell, NO_SPURIOUS, NOT_OBSERVED, SOON, count, word};
use crate::harness::{Change, Control, Model, Outcome, Spec, join, start};

pub(in crate::models) static MODELS: &[Model] = &[
    Model {
        name: "f9_result_timeout_races_completion",
        clauses: &["F-8", "F-9", "F-11"],
        question: "Does a wait with a timeout get the value or its own error, and stray wake-ups never end it?",
        outcomes: &["value 1", "timed out"],
        spec: Spec::allows(
            &[programs::result_timeout_races_completion],
            &[("value 1", "value 1; value 1 | ok"), ("timed out", "timed out; value 1 | ok")],
        ),
        body: || result_timeout_races_completion(true),
        controls: &[Control {
            name: "the wait has no timeout",
            change: Change::Body(|| result_timeout_races_completion(false)),
            fails_with: "outcome never reached: timed out",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "f9_result_races_completion",
        clauses: &["F-9", "F-11", "F-12"],
        question: "Does a wait without a timeout get the value, however completion falls?",
        outcomes: &["value 1"],
        spec: Spec::allows(&[programs::result_races_completion], &[("value 1", "value 1 | ok")]),
        body: || result_races_completion(true),
        controls: &[Control {
            name: "nobody completes",
            change: Change::Body(|| result_races_completion(false)),
            fails_with: "deadlock",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "f9_spinning_result_races_completion",
        clauses: &["F-9", "F-11"],
        question: "Does a wait that spins before it blocks get the value, however completion falls?",
        outcomes: &["blocked", "did not block"],
        spec: Spec::allows(
            &[programs::result_races_completion],
            &[("blocked", "value 1 | ok"), ("did not block", "value 1 | ok")],
        )
        .but_for("whether the wait blocks"),
        body: || spinning_result_races_completion(true),
        controls: &[Control {
            name: "nobody completes",
            change: Change::Body(|| spinning_result_races_completion(false)),
            fails_with: "deadlock",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "f8_result_timeout_races_cancel",
        clauses: &["F-8", "F-9", "F-15"],
        question: "Does a wait with a timeout tell a cancel from its own end?",
        outcomes: &["cancelled", "timed out"],
        spec: Spec::allows(
            &[programs::result_timeout_races_cancel],
            &[("cancelled", "cancelled; true | true"), ("timed out", "timed out; true | true")],
        ),
        body: || result_timeout_races_cancel(false),
        controls: &[Control {
            name: "the work was begun, so the cancel is refused",
            change: Change::Body(|| result_timeout_races_cancel(true)),
            fails_with: "a timeout hid the cancel",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "f9_completion_releases_two_waiters",
        clauses: &["F-9", "F-11"],
        question: "Does one completion release everybody who waits?",
        threads: 3,
        environment: NO_SPURIOUS,
        outcomes: &["value 1, value 1"],
        spec: Spec::allows(
            &[programs::two_waiters],
            &[("value 1, value 1", "value 1 | value 1 | ok")],
        ),
        body: || two_waiters(true),
        controls: &[Control {
            name: "they wait for different futures",
            change: Change::Body(|| two_waiters(false)),
            fails_with: "deadlock",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "f9_who_gives_up_leaves_the_other_to_be_released",
        clauses: &["F-9", "F-8"],
        question: "Is who blocks without a limit released when somebody else's wait timed out before?",
        environment: NO_SPURIOUS,
        outcomes: &["timed out, value 1"],
        spec: Spec::allows(
            &[programs::one_gives_up],
            &[("timed out, value 1", "timed out; ok | value 1")],
        ),
        body: || one_gives_up(true),
        controls: &[Control {
            name: "nobody completes",
            change: Change::Body(|| one_gives_up(false)),
            fails_with: "deadlock",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "f2_cancel_releases_a_waiter",
        clauses: &["F-2", "F-3", "F-15"],
        question: "Does a cancel release whoever waits for the result?",
        outcomes: &["cancelled"],
        spec: Spec::allows(
            &[programs::cancel_releases_a_waiter],
            &[("cancelled", "cancelled | true; true")],
        ),
        body: cancel_releases_a_waiter,
        controls: &[Control {
            name: "the future was begun, so the cancel is refused",
            change: Change::Body(cancel_is_refused),
            fails_with: "deadlock",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "f7_dropped_promise_races_wait",
        clauses: &["F-7", "F-11"],
        question: "Does a promise that is dropped release whoever waits for its result?",
        outcomes: &["broken"],
        spec: Spec::allows(
            &[programs::dropped_promise_races_wait],
            &[("broken", "broken promise | ")],
        ),
        body: || dropped_promise_races_wait(true),
        controls: &[Control {
            name: "the promise is kept",
            change: Change::Body(|| dropped_promise_races_wait(false)),
            fails_with: "deadlock",
        }],
        ..Model::DEFAULTS
    },
];

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
fn result_timeout_races_completion(limited: bool) -> Outcome {
    let (promise, future) = concurrent::promise::<u32>();
    let producer = start("producer", move || promise.set_result(1).expect("nobody cancels"));
    let result = if limited { future.result_timeout(SOON) } else { future.result() };
    join(producer);
    assert_eq!(future.result().ok(), Some(1), "a timeout changed the future");
    word(&result).into()
}

//= SPEC.md#f-9
//= type=test
//# If completion came first, a waiter MUST get the outcome and never a timeout; a timeout MUST
//# leave the future as it was.
//= SPEC.md#f-11
//= type=test
//# A stray wake-up MUST NOT end a wait.
//= SPEC.md#f-12
//= type=test
//# Done-callbacks MUST run once each, in order of registration, in the thread that completed or
//# cancelled the future, after its waiters were released and with no lock held.
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

//= SPEC.md#f-9
//= type=test
//# If completion came first, a waiter MUST get the outcome and never a timeout; a timeout MUST
//# leave the future as it was.
//= SPEC.md#f-11
//= type=test
//# A stray wake-up MUST NOT end a wait.
fn spinning_result_races_completion(complete: bool) -> Outcome {
    let (promise, future) = promise_for_spinning::<u32>(SOON);
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
    assert_eq!(future.result().ok(), Some(1));
    join(producer);
    match count("waits on", "Condvar") {
        Some(0) => "did not block".into(),
        Some(_) => "blocked".into(),
        None => NOT_OBSERVED.into(),
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
//= SPEC.md#f-15
//= type=test
//# CANCELLED MUST count as done for `result`, `exception`, `wait`, `as_completed` and `await`
//# alike.
fn result_timeout_races_cancel(begun: bool) -> Outcome {
    let (promise, future) = concurrent::promise::<u32>();
    if begun {
        assert_eq!(promise.set_running_or_notify_cancel(), Ok(true), "nobody else has seen it");
    }
    let canceller = start("canceller", {
        let future = future.clone();
        move || _ = future.cancel()
    });
    let result = future.result_timeout(SOON);
    join(canceller);
    assert!(future.cancelled(), "a timeout hid the cancel");
    drop(promise);
    word(&result).into()
}

//= SPEC.md#f-9
//= type=test
//# If completion came first, a waiter MUST get the outcome and never a timeout; a timeout MUST
//# leave the future as it was.
//= SPEC.md#f-11
//= type=test
//# A stray wake-up MUST NOT end a wait.
fn two_waiters(same: bool) -> Outcome {
    let (promise, future) = concurrent::promise::<u32>();
    let (_other_promise, other_future) = concurrent::promise::<u32>();
    let second = Cell::new(None);
    let waiter = start("waiter", {
        let (future, second) = (if same { future.clone() } else { other_future }, second.clone());
        move || second.set(Some(word(&future.result())))
    });
    let producer = start("producer", move || promise.set_result(1).expect("nobody cancels"));
    let first = word(&future.result());
    join(producer);
    join(waiter);
    format!("{first}, {}", second.get().expect("the waiter has ended")).into()
}

//= SPEC.md#f-9
//= type=test
//# If completion came first, a waiter MUST get the outcome and never a timeout; a timeout MUST
//# leave the future as it was.
fn one_gives_up(completed: bool) -> Outcome {
    let (promise, future) = concurrent::promise::<u32>();
    let other = Cell::new(None);
    let waiter = start("waiter", {
        let (future, other) = (future.clone(), other.clone());
        move || other.set(Some(word(&future.result())))
    });
    let own = word(&future.result_timeout(SOON));
    if completed {
        promise.set_result(1).expect("nobody cancels");
    }
    join(waiter);
    format!("{own}, {}", other.get().expect("the waiter has ended")).into()
}

//= SPEC.md#f-2
//= type=test
//# `cancel` on a PENDING future MUST succeed and release every waiter before it returns true; on a
//# RUNNING or FINISHED one it MUST return false and change nothing.
//= SPEC.md#f-15
//= type=test
//# CANCELLED MUST count as done for `result`, `exception`, `wait`, `as_completed` and `await`
//# alike.
//= SPEC.md#f-3
//= type=test
//# `cancel` on a CANCELLED future MUST return true and run no callback again.
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
//= SPEC.md#f-11
//= type=test
//# A stray wake-up MUST NOT end a wait.
fn dropped_promise_races_wait(dropped: bool) -> Outcome {
    let (promise, future) = concurrent::promise::<u32>();
    let kept = Cell::new(None);
    let producer = start("producer", {
        let kept = kept.clone();
        move || {
            if dropped {
                drop(promise);
            } else {
                kept.set(Some(std::sync::Arc::new(promise)));
            }
        }
    });
    let result = future.result();
    join(producer);
    match result {
        Err(loopgate::ResultError::Exception(why)) if why.is::<loopgate::BrokenPromise>() => {
            "broken".into()
        }
        other => panic!("{other:?}"),
    }
}
