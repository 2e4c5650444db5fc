//! The other direction: work elsewhere whose outcome a future of the loop awaits.

use loopgate::checkers::census;
use loopgate::{Exception, ExitRequest, LoopClosed, ResultError, concurrent, current_task};

use super::super::programs::wrap as programs;
use super::super::support::{
    Cell, LOST_BYTES_ONLY, NO_SPURIOUS, event_loop, running, sleep_outcome, turns,
};
use crate::harness::{Change, Control, Model, Outcome, Spec, join, start};

pub(in crate::models) static MODELS: &[Model] = &[
    Model {
        name: "c9_completion_races_wrap",
        clauses: &["C-9", "U-5"],
        question: "Does what a thread posted before it completed a future run before whoever awaits it?",
        environment: NO_SPURIOUS,
        outcomes: &["post, then value"],
        spec: Spec::allows(
            &[programs::completion_races_wrap],
            &[("post, then value", "ok; mark 1; value 1; value 0; continue | ok; ok")],
        ),
        body: || completion_races_wrap(true),
        controls: &[Control {
            name: "it posts after it completed",
            change: Change::Body(|| completion_races_wrap(false)),
            fails_with: "outcome not allowed: value",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "c9_completion_on_the_loop_races_cancel",
        clauses: &["C-9", "C-11", "F-4"],
        question: "Is a future that the loop itself completes, or another thread cancels, awaited rightly?",
        environment: NO_SPURIOUS,
        outcomes: &["value 1", "cancelled"],
        spec: Spec::allows(
            &[programs::completion_on_the_loop],
            &[
                ("value 1", "..; false; true; false; ..; value 1 | false"),
                ("cancelled", "..; false; false; false; ..; cancelled | true"),
            ],
        ),
        body: || completion_on_the_loop(false),
        controls: &[Control {
            name: "the work was begun, so the cancel is refused",
            change: Change::Body(|| completion_on_the_loop(true)),
            fails_with: "outcome never reached: cancelled",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "c10_cancel_of_a_wrapper_races_start",
        clauses: &["C-10", "F-5"],
        question: "Is work whose wrapper was cancelled either never begun or left to end by itself?",
        environment: NO_SPURIOUS,
        outcomes: &["begun", "never begun"],
        spec: Spec::allows(
            &[programs::wrapper_cancel_races_start],
            &[
                ("begun", "ok; true; ok; continue; true; false | true; ok"),
                ("never begun", "ok; true; ok; continue; true; true | false; invalid, cancelled"),
            ],
        ),
        body: || wrapper_cancel_races_start(true),
        controls: &[Control {
            name: "nobody cancels the wrapper",
            change: Change::Body(|| wrapper_cancel_races_start(false)),
            fails_with: "the outcome came through",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "c10_cancel_of_a_wrapper_races_completion",
        clauses: &["C-10", "F-4"],
        question: "Does a cancelled wrapper stay cancelled, whether its source was finished or not?",
        environment: NO_SPURIOUS,
        outcomes: &["the source finished", "the source was cancelled"],
        spec: Spec::allows(
            &[programs::wrapper_cancel_races_completion],
            &[
                ("the source finished", "ok; true; continue; true; true; false | true"),
                ("the source was cancelled", "ok; true; continue; true; true; true | false"),
            ],
        ),
        body: || wrapper_cancel_races_completion(true),
        controls: &[Control {
            name: "nobody cancels the wrapper",
            change: Change::Body(|| wrapper_cancel_races_completion(false)),
            fails_with: "the outcome came through",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "c11_cancelled_source_wakes_its_awaiter",
        clauses: &["C-11", "W-2"],
        question: "Does a task see that what it awaits was cancelled elsewhere, and nobody asked it to stop?",
        environment: NO_SPURIOUS,
        outcomes: &["the loop slept", "the loop did not sleep"],
        spec: Spec::allows(
            &[programs::cancelled_source],
            &[
                ("the loop slept", "caught cancelled; count 0; value 0 | true"),
                ("the loop did not sleep", "caught cancelled; count 0; value 0 | true"),
            ],
        )
        .but_for("whether the loop sleeps"),
        body: cancelled_source,
        controls: &[Control {
            name: "the byte may vanish",
            change: Change::Environment(LOST_BYTES_ONLY),
            fails_with: "deadlock",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "s9_exit_raised_elsewhere_leaves_the_run",
        clauses: &["S-9", "W-2"],
        question: "Does the loop leave when a coroutine passes on an exit request of work elsewhere?",
        environment: NO_SPURIOUS,
        outcomes: &["exit 3"],
        spec: Spec::allows(&[programs::exit_elsewhere], &[("exit 3", "ok; ok; exit 3; ok | ")]),
        body: || exit_elsewhere(true),
        controls: &[
            Control {
                name: "the coroutine keeps it to itself",
                change: Change::Body(|| exit_elsewhere(false)),
                fails_with: "outcome not allowed: no exit",
            },
            Control {
                name: "the byte may vanish",
                change: Change::Environment(LOST_BYTES_ONLY),
                fails_with: "deadlock",
            },
        ],
        ..Model::DEFAULTS
    },
    Model {
        name: "c12_close_races_completion_of_a_source",
        clauses: &["C-12", "L-8", "C-9"],
        question: "May a loop close while another thread completes what one of its futures wraps?",
        environment: NO_SPURIOUS,
        outcomes: &["value 1", "closed"],
        spec: Spec::allows(
            &[programs::close_races_source],
            &[
                ("value 1", "ok; continue; ok; value 1 | ok"),
                ("closed", "ok; continue; ok; loop closed | ok"),
            ],
        ),
        body: || close_races_source(true),
        controls: &[Control {
            name: "the loop is not closed",
            change: Change::Body(|| close_races_source(false)),
            fails_with: "the future is pending",
        }],
        ..Model::DEFAULTS
    },
];

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

//= SPEC.md#c-9
//= type=test
//# The outcome of a concurrent future MUST reach its loop future through the loop's queue, even if
//# it was done when it was wrapped.
//= SPEC.md#c-11
//= type=test
//# A cancelled source MUST cancel the loop future that wraps it.
//= SPEC.md#f-4
//= type=test
//# Exactly one of a racing `cancel`, completion and start MUST win, and each loser MUST be told.
fn completion_on_the_loop(begun: bool) -> Outcome {
    let event_loop = event_loop();
    let (promise, source) = concurrent::promise::<u32>();
    if begun {
        assert_eq!(promise.set_running_or_notify_cancel(), Ok(true), "nobody else has seen it");
    }
    let wrapped = event_loop.wrap_future(source.clone()).expect("the loop is open");
    let (won, cancelled) = (Cell::new(false), Cell::new(false));
    let (note, look) = (won.clone(), wrapped.clone());
    let complete = move || {
        let done = look.done();
        note.set(promise.try_complete(Ok(1)));
        assert_eq!(look.done(), done, "the value overtook the queue");
    };
    event_loop.call_soon(complete).expect("the loop is open");
    let canceller = start("canceller", {
        let (source, cancelled) = (source.clone(), cancelled.clone());
        move || cancelled.set(source.cancel())
    });
    // The completion, and the copy.
    turns(&event_loop, 2);
    join(canceller);
    turns(&event_loop, 1);
    assert_ne!(won.get(), cancelled.get(), "both won, or neither");
    match wrapped.result() {
        Ok(1) if won.get() => "value 1".into(),
        Err(ResultError::Cancelled(_)) if cancelled.get() => "cancelled".into(),
        other => panic!("{other:?}"),
    }
}

//= SPEC.md#c-10
//= type=test
//# Cancelling a wrapped loop future MUST cancel its source at once if the source has not started,
//# and MUST leave running work to end by itself, its outcome dropped.
//= SPEC.md#f-5
//= type=test
//# `set_running_or_notify_cancel` MUST answer true at most once, and after it did the future cannot
//# be cancelled any more.
fn wrapper_cancel_races_start(cancel: bool) -> Outcome {
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
    if cancel {
        assert!(wrapped.cancel(), "nothing was copied yet: that needs a turn");
    }
    source.wait_ended().expect("work ends");
    join(worker);
    turns(&event_loop, 1);
    assert!(wrapped.cancelled(), "the outcome came through");
    assert_ne!(begun.get(), source.cancelled(), "begun and cancelled, or neither");
    assert_eq!(census(&event_loop).parcels, 0, "something is kept for work that is over");
    if begun.get() { "begun".into() } else { "never begun".into() }
}

//= SPEC.md#c-10
//= type=test
//# Cancelling a wrapped loop future MUST cancel its source at once if the source has not started,
//# and MUST leave running work to end by itself, its outcome dropped.
//= SPEC.md#f-4
//= type=test
//# Exactly one of a racing `cancel`, completion and start MUST win, and each loser MUST be told.
fn wrapper_cancel_races_completion(cancel: bool) -> Outcome {
    let event_loop = event_loop();
    let (promise, source) = concurrent::promise::<u32>();
    let wrapped = event_loop.wrap_future(source.clone()).expect("the loop is open");
    let worker = start("worker", move || _ = promise.try_complete(Ok(1)));
    if cancel {
        assert!(wrapped.cancel(), "nothing was copied yet: that needs a turn");
    }
    join(worker);
    turns(&event_loop, 1);
    assert!(wrapped.cancelled(), "the outcome came through");
    assert_eq!(census(&event_loop).parcels, 0, "something is kept for work that is over");
    assert!(source.ended(), "the work has ended and nobody says so");
    if source.cancelled() {
        "the source was cancelled".into()
    } else {
        "the source finished".into()
    }
}

//= SPEC.md#c-11
//= type=test
//# A cancelled source MUST cancel the loop future that wraps it.
//= SPEC.md#w-2
//= type=test
//# A post that is accepted while the loop sleeps, or is about to, MUST make that sleep end.
fn cancelled_source() -> Outcome {
    let event_loop = event_loop();
    let (promise, source) = concurrent::promise::<u32>();
    let canceller = start("canceller", {
        let source = source.clone();
        move || assert!(source.cancel(), "nobody completes it")
    });
    let requests = event_loop.run_until_complete(async move {
        let wrapped = running().wrap_future(source)?;
        match wrapped.await {
            Err(exception) if exception.is_cancelled() => {}
            other => panic!("{other:?}"),
        }
        Ok(current_task().map(|task| task.cancelling()))
    });
    join(canceller);
    drop(promise);
    assert_eq!(requests.expect("the coroutine goes on"), Some(0), "somebody cancelled the task");
    sleep_outcome()
}

//= SPEC.md#s-9
//= type=test
//# An exit request MUST leave the run at once, after the future of the work that raised it is done,
//# with the rest of the batch still queued in order.
//= SPEC.md#w-2
//= type=test
//# A post that is accepted while the loop sleeps, or is about to, MUST make that sleep end.
fn exit_elsewhere(pass_on: bool) -> Outcome {
    let event_loop = event_loop();
    let (promise, source) = concurrent::promise::<u32>();
    let worker = start("worker", move || {
        promise.set_exception(ExitRequest { code: 3 }).expect("nobody cancels");
    });
    let result = event_loop.run_until_complete(async move {
        let result = running().wrap_future(source)?.await;
        if pass_on { result } else { Ok(1) }
    });
    join(worker);
    match result.as_ref().map_err(Exception::exit_request) {
        Err(Some(ExitRequest { code })) => format!("exit {code}").into(),
        _ => "no exit".into(),
    }
}

//= SPEC.md#c-12
//= type=test
//# A source that ends after the loop closed MUST be ignored without an error.
//= SPEC.md#l-8
//= type=test
//# Closing the loop MUST end a pending loop future that the kernel made, with an error that says
//# so.
//= SPEC.md#c-9
//= type=test
//# The outcome of a concurrent future MUST reach its loop future through the loop's queue, even if
//# it was done when it was wrapped.
fn close_races_source(close: bool) -> Outcome {
    let event_loop = event_loop();
    let (promise, source) = loopgate::concurrent::promise::<u32>();
    let wrapped = event_loop.wrap_future(source).expect("the loop is open");
    let worker = start("worker", move || promise.set_result(1).expect("nobody cancels"));
    turns(&event_loop, 1);
    if close {
        event_loop.close().expect("the loop does not run");
    }
    join(worker);
    match wrapped.result() {
        Ok(value) => format!("value {value}").into(),
        Err(ResultError::Exception(why)) if why.is::<LoopClosed>() => "closed".into(),
        Err(other) => panic!("{other}"),
    }
}
