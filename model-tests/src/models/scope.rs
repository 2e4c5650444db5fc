//! Timeouts, shields and gatherings, against what other threads complete or cancel.

use std::future::pending;

use loopgate::concurrent::{self, ConcurrentFuture, Promise};
use loopgate::{
    EventLoop, Exception, ResultError, Task, TimeoutError, gather, shield, timeout, wait_for,
};

use super::programs::scope as programs;
use super::support::{Cell, NO_SPURIOUS, SOON, event_loop, running, turns, word};
use crate::harness::{Change, Control, Model, Outcome, Spec, join, start};

pub(super) static MODELS: &[Model] = &[
    Model {
        name: "o1_expiry_races_foreign_completion",
        clauses: &["O-1"],
        question: "Does a timeout yield the value or its own error, and cancel what it gave up?",
        environment: NO_SPURIOUS,
        outcomes: &["value 1", "timed out, cancelled", "timed out, finished"],
        spec: Spec::allows(
            &[programs::expiry_races_completion],
            &[
                ("value 1", "..; false; value 1 | ok"),
                ("timed out, cancelled", "..; true; timeout | invalid, cancelled"),
                ("timed out, finished", "..; false; timeout | ok"),
            ],
        ),
        body: || expiry_races_completion(true),
        controls: &[Control {
            name: "the timeout is around something else",
            change: Change::Body(|| expiry_races_completion(false)),
            fails_with: "outcome never reached: timed out, cancelled",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "o2_foreign_cancel_races_expiry",
        clauses: &["O-2", "C-6"],
        question: "Does a cancel from another thread win over an expiry that comes after it?",
        environment: NO_SPURIOUS,
        outcomes: &["cancelled", "timed out, then cancelled"],
        spec: Spec::allows(
            &[programs::foreign_cancel_races_expiry],
            &[
                ("cancelled", "..; true; continue; caught cancelled; ..; true; cancelled | true"),
                ("cancelled", "..; false; continue; caught cancelled; ..; true; cancelled | true"),
                (
                    "timed out, then cancelled",
                    "..; false; continue; caught timeout; ..; true; cancelled | true",
                ),
            ],
        ),
        body: || foreign_cancel_races_expiry(true),
        controls: &[Control {
            name: "the timeout is shielded from the cancel",
            change: Change::Body(|| foreign_cancel_races_expiry(false)),
            fails_with: "the expiry won over an earlier cancel",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "o5_wait_for_races_foreign_completion",
        clauses: &["O-5", "F-4"],
        question: "Does wait_for yield every value that came before it gave up?",
        environment: NO_SPURIOUS,
        outcomes: &["value 1", "timed out"],
        spec: Spec::allows(
            &[programs::wait_for_races_completion],
            &[
                ("value 1", "..; false; value 1 | ok"),
                ("timed out", "..; true; timeout | invalid, cancelled"),
            ],
        ),
        body: || wait_for_races_completion(true),
        controls: &[Control {
            name: "timeout, which may lose one",
            change: Change::Body(|| wait_for_races_completion(false)),
            fails_with: "a result that came in time was lost",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "o7_shield_races_foreign_cancel",
        clauses: &["O-7", "C-7"],
        question: "Does a shielded task end by itself when whoever awaits it is cancelled elsewhere?",
        environment: NO_SPURIOUS,
        outcomes: &["cancelled"],
        spec: Spec::allows(
            &[programs::shield_races_cancel],
            &[("cancelled", "..; value 1; mark 1; ..; true; cancelled | true; true")],
        ),
        body: || shield_races_cancel(true),
        controls: &[Control {
            name: "without the shield",
            change: Change::Body(|| shield_races_cancel(false)),
            fails_with: "the shielded task was cancelled",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "o8_gather_races_foreign_completions",
        clauses: &["O-8"],
        question: "Does gather yield the values in its own order, whatever order they come in?",
        environment: NO_SPURIOUS,
        outcomes: &["[1, 2]"],
        spec: Spec::allows(
            &[programs::gather_races_completions],
            &[("[1, 2]", "..; gathered 1 2; ..; true | ok; ok")],
        ),
        body: || gather_races_completions(true),
        controls: &[Control {
            name: "one of them does not come",
            change: Change::Body(|| gather_races_completions(false)),
            fails_with: "outcome not allowed: the future is pending",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "o8_gather_races_foreign_cancel",
        clauses: &["O-8", "C-7"],
        question: "Is everything gathered cancelled when a cancel comes while one of them ends?",
        environment: NO_SPURIOUS,
        outcomes: &["cancelled"],
        spec: Spec::allows(
            &[programs::gather_races_cancel],
            &[("cancelled", "..; true; true; cancelled | true")],
        ),
        body: || gather_races_cancel(true),
        controls: &[Control {
            name: "one of them is not gathered",
            change: Change::Body(|| gather_races_cancel(false)),
            fails_with: "one was left running",
        }],
        ..Model::DEFAULTS
    },
];

//= SPEC.md#o-1
//= type=test
//# A `timeout` that expires MUST cancel what it encloses and turn that cancel, and no other, into
//# its own error.
fn expiry_races_completion(around: bool) -> Outcome {
    let event_loop = event_loop();
    let (promise, source) = concurrent::promise::<u32>();
    let awaited = source.clone();
    let task = event_loop.create_task(async move {
        if around {
            timeout(SOON, awaited).await
        } else {
            timeout(SOON, async { Ok(()) }).await?;
            awaited.await
        }
    });
    let (won, result) = complete_at_the_expiry(&event_loop, task.expect("it is open"), promise);
    assert_ne!(won, source.cancelled(), "both won, or neither");
    match result {
        Ok(value) => format!("value {value}").into(),
        Err(why) if why.is::<TimeoutError>() && won => "timed out, finished".into(),
        Err(why) if why.is::<TimeoutError>() => "timed out, cancelled".into(),
        Err(other) => panic!("{other}"),
    }
}

/// Another thread completes what the task awaits when its time is up; whether it won, and the result.
fn complete_at_the_expiry(
    event_loop: &EventLoop,
    task: Task<u32>,
    promise: Promise<u32>,
) -> (bool, Result<u32, Exception>) {
    // It has set its timer, and awaits.
    turns(event_loop, 1);
    event_loop.clock().sleep(SOON);
    let won = Cell::new(false);
    let producer = start("producer", {
        let won = won.clone();
        move || won.set(promise.set_result(1).is_ok())
    });
    // The expiry, and the step that it leads to.
    turns(event_loop, 2);
    join(producer);
    turns(event_loop, 1);
    (won.get(), task.result().map_err(Exception::from))
}

//= SPEC.md#o-2
//= type=test
//# A foreign cancel that arrives in addition to the expiry MUST win: the scope yields
//# `Err(Cancelled)`.
//= SPEC.md#c-6
//= type=test
//# Cancelling a submission MUST be seen by its task no later than the beginning of the next step
//# that starts after the call returned, from any thread.
fn foreign_cancel_races_expiry(exposed: bool) -> Outcome {
    let event_loop = event_loop();
    let (cancelled, before) = (Cell::new(false), Cell::new(false));
    let (look, note, scope) = (cancelled.clone(), before.clone(), Cell::new(""));
    let yielded = scope.clone();
    let submitted = event_loop.handle().run_coroutine_threadsafe_with(move || async move {
        // Set first, so it fires before the expiry, and that queues the step that yields.
        running().call_later(SOON, move || note.set(look.get()))?;
        let enclosed = timeout(SOON, pending::<Result<u32, Exception>>());
        let result = if exposed {
            enclosed.await
        } else {
            let task = running().create_task(enclosed)?;
            let result = shield(task.clone()).await;
            if result.is_err() { task.await } else { result }
        };
        yielded.set(match &result {
            Err(why) if why.is::<TimeoutError>() => "timed out",
            Err(why) if why.is_cancelled() => "cancelled",
            other => panic!("{other:?}"),
        });
        result
    });
    let future = submitted.expect("the loop is open");
    // The task is made, and has set its timers. Then their time has come.
    turns(&event_loop, if exposed { 2 } else { 3 });
    event_loop.clock().sleep(SOON);
    let canceller = start("canceller", {
        let future = future.clone();
        move || {
            assert!(future.cancel(), "the copy comes later");
            cancelled.set(true);
        }
    });
    // The timers, and the step that yields.
    turns(&event_loop, 2);
    join(canceller);
    turns(&event_loop, 4);
    assert!(future.ended(), "the work has ended and nobody says so");
    let in_time = before.get() && scope.get() == "timed out";
    assert!(!in_time, "the expiry won over an earlier cancel");
    match (scope.get(), future.result()) {
        ("timed out", Err(ResultError::Cancelled(_))) => "timed out, then cancelled".into(),
        ("cancelled", Err(ResultError::Cancelled(_))) => "cancelled".into(),
        other => panic!("{other:?}"),
    }
}

//= SPEC.md#o-5
//= type=test
//# `wait_for` MUST return only after what it encloses has ended, and a result that came in time, or
//# in spite of the cancel, MUST be returned.
//= SPEC.md#f-4
//= type=test
//# Exactly one of a racing `cancel`, completion and start MUST win, and each loser MUST be told.
fn wait_for_races_completion(waits_for: bool) -> Outcome {
    let event_loop = event_loop();
    let (promise, source) = concurrent::promise::<u32>();
    let task = event_loop.create_task(async move {
        if waits_for { wait_for(SOON, source).await } else { timeout(SOON, source).await }
    });
    let (won, result) = complete_at_the_expiry(&event_loop, task.expect("it is open"), promise);
    match result {
        Ok(value) => format!("value {value}").into(),
        Err(why) if why.is::<TimeoutError>() => {
            assert!(!won, "a result that came in time was lost");
            "timed out".into()
        }
        Err(other) => panic!("{other}"),
    }
}

//= SPEC.md#o-7
//= type=test
//# Cancelling a task that awaits a `shield` MUST leave the shielded task running, and its later
//# failure MUST be reported if nobody retrieves it.
//= SPEC.md#c-7
//= type=test
//# A submission cancelled while its task cleans up, or swallows the cancel, MUST stay cancelled,
//# and MUST become ended only when the task has ended.
fn shield_races_cancel(shielded: bool) -> Outcome {
    let event_loop = event_loop();
    let (promise, source) = concurrent::promise::<u32>();
    let inner_ended = Cell::new(None);
    let noted = inner_ended.clone();
    let submitted = event_loop.handle().run_coroutine_threadsafe_with(move || async move {
        let inner = running().create_task(async move {
            let result = source.await;
            noted.set(Some(result.is_ok()));
            result
        })?;
        if shielded { shield(inner).await } else { inner.await }
    });
    let future = submitted.expect("the loop is open");
    // The task is made, makes another, and awaits it; that one awaits the source.
    turns(&event_loop, 3);
    let other = start("other", {
        let future = future.clone();
        move || {
            assert!(future.cancel(), "nobody completes it before");
            promise.try_complete(Ok(1));
        }
    });
    turns(&event_loop, 2);
    join(other);
    turns(&event_loop, 3);
    assert!(future.ended(), "the work has ended and nobody says so");
    assert_eq!(inner_ended.get(), Some(true), "the shielded task was cancelled");
    word(&future.result()).into()
}

/// A coroutine that gathers two tasks, each of which awaits one of these.
async fn gathered(sources: [ConcurrentFuture<u32>; 2]) -> Result<Vec<u32>, Exception> {
    let tasks = sources.map(|source| running().create_task(source));
    let tasks = tasks.into_iter().collect::<Result<Vec<_>, _>>()?;
    gather(tasks).await
}

//= SPEC.md#o-8
//= type=test
//# `gather` MUST yield the results in the order of its arguments, MUST yield the first exception at
//# once and leave the others running, and MUST cancel all of them when it is cancelled.
fn gather_races_completions(both: bool) -> Outcome {
    let event_loop = event_loop();
    let (first_promise, first) = concurrent::promise::<u32>();
    let (second_promise, second) = concurrent::promise::<u32>();
    let task = event_loop.create_task(gathered([first, second])).expect("the loop is open");
    // The tasks are made, and await.
    turns(&event_loop, 2);
    let kept = Cell::new(None);
    let other = start("other", {
        let kept = kept.clone();
        move || {
            second_promise.set_result(2).expect("nobody cancels");
            if both {
                first_promise.set_result(1).expect("nobody cancels");
            }
            kept.set(Some(std::sync::Arc::new(first_promise)));
        }
    });
    turns(&event_loop, 1);
    join(other);
    turns(&event_loop, 2);
    match task.result() {
        Ok(values) => format!("{values:?}").into(),
        Err(error) => format!("{error}").into(),
    }
}

//= SPEC.md#o-8
//= type=test
//# `gather` MUST yield the results in the order of its arguments, MUST yield the first exception at
//# once and leave the others running, and MUST cancel all of them when it is cancelled.
//= SPEC.md#c-7
//= type=test
//# A submission cancelled while its task cleans up, or swallows the cancel, MUST stay cancelled,
//# and MUST become ended only when the task has ended.
fn gather_races_cancel(both: bool) -> Outcome {
    let event_loop = event_loop();
    let (promise, first) = concurrent::promise::<u32>();
    let (_second_promise, second) = concurrent::promise::<u32>();
    let (_third_promise, third) = concurrent::promise::<u32>();
    let sources = [first, if both { second.clone() } else { third }];
    let build = move || gathered(sources);
    let submitted = event_loop.handle().run_coroutine_threadsafe_with(build);
    let future = submitted.expect("the loop is open");
    // The task is made, makes two more, and they await.
    turns(&event_loop, 3);
    promise.set_result(1).expect("nobody cancels yet");
    let canceller = start("canceller", {
        let future = future.clone();
        move || assert!(future.cancel(), "one of them has no value")
    });
    // The step of the one that has its value, and of the gathering.
    turns(&event_loop, 2);
    join(canceller);
    turns(&event_loop, 4);
    assert!(future.ended(), "the work has ended and nobody says so");
    assert!(second.cancelled(), "one was left running");
    assert!(matches!(future.result(), Err(ResultError::Cancelled(_))), "{:?}", future.result());
    "cancelled".into()
}
