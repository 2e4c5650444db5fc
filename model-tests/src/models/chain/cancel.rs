//! Submissions that are cancelled, at every point of their way.

use loopgate::{ResultError, yield_now};

use super::super::programs::cancel as programs;
use super::super::support::{
    Cell, LOST_BYTES_ONLY, NO_SPURIOUS, event_loop, failure, running, sleep_outcome, stop, turns,
    word,
};
use crate::harness::{Change, Control, Model, Outcome, Spec, join, start};

pub(in crate::models) static MODELS: &[Model] = &[
    Model {
        name: "c2_cancel_races_copy",
        clauses: &["C-2", "C-7", "F-4"],
        question: "Is a submission either cancelled or finished, and ended in both cases?",
        environment: NO_SPURIOUS,
        outcomes: &["value 1", "cancelled"],
        spec: Spec::allows(
            &[programs::cancel_races_copy],
            &[
                ("value 1", "..; true; value 1 | false; false"),
                ("cancelled", "..; true; cancelled | true; true"),
            ],
        ),
        body: || cancel_races_copy(true),
        controls: &[Control {
            name: "nobody cancels",
            change: Change::Body(|| cancel_races_copy(false)),
            fails_with: "outcome never reached: cancelled",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "c5_cancel_races_the_submission",
        clauses: &["C-5", "T-7", "F-16"],
        question: "Does a coroutine never run that is cancelled while its task is being made?",
        environment: NO_SPURIOUS,
        outcomes: &["never ran"],
        spec: Spec::allows(
            &[programs::cancel_races_submission],
            &[(
                "never ran",
                "ok; continue; continue; continue; continue; true; cancelled | true; true",
            )],
        ),
        body: || cancel_races_submission(1),
        controls: &[Control {
            name: "the first step is raced as well",
            change: Change::Body(|| cancel_races_submission(2)),
            fails_with: "outcome not allowed: ran",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "c5_cancel_races_the_first_step",
        clauses: &["C-5", "C-6", "T-7"],
        question: "Does a coroutine cancelled before its first step begins never run a statement?",
        environment: NO_SPURIOUS,
        outcomes: &["never ran", "cancelled at its await"],
        spec: Spec::allows(
            &[programs::cancel_races_first_step],
            &[
                ("never ran", "..; continue; true; continue; ..; true; cancelled | true; true"),
                ("never ran", "..; continue; false; continue; ..; true; cancelled | true; true"),
                (
                    "cancelled at its await",
                    "..; continue; false; mark 1; ..; true; cancelled | true; true",
                ),
            ],
        ),
        body: || cancel_races_first_step(true),
        controls: &[Control {
            name: "nobody cancels",
            change: Change::Body(|| cancel_races_first_step(false)),
            fails_with: "cancelled before its second step, and finished",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "c6_cancel_races_the_next_step",
        clauses: &["C-6", "C-7", "T-6"],
        question: "Does a step that begins after cancel has returned see the cancel?",
        environment: NO_SPURIOUS,
        outcomes: &["cancelled at the await", "went on"],
        spec: Spec::allows(
            &[programs::cancel_races_next_step],
            &[
                (
                    "cancelled at the await",
                    "..; true; continue; continue; continue; true; cancelled | true; true",
                ),
                (
                    "cancelled at the await",
                    "..; false; continue; continue; continue; true; cancelled | true; true",
                ),
                ("went on", "..; false; ok; mark 1; ..; true; cancelled | true; true"),
            ],
        ),
        body: || cancel_races_next_step(true),
        controls: &[Control {
            name: "nobody cancels",
            change: Change::Body(|| cancel_races_next_step(false)),
            fails_with: "outcome never reached: cancelled at the await",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "c6_cancel_wakes_a_sleeping_loop",
        clauses: &["C-6", "T-6", "F-16", "W-2"],
        question: "Does cancelling a suspended submission wake its loop, reach its await, and end it?",
        environment: NO_SPURIOUS,
        outcomes: &["the loop slept", "the loop did not sleep"],
        spec: Spec::allows(
            &[programs::cancel_wakes_the_loop],
            &[
                ("the loop slept", "..; ok; true | true; ok; ok"),
                ("the loop did not sleep", "..; ok; true | true; ok; ok"),
            ],
        )
        .but_for("whether the loop sleeps"),
        body: cancel_wakes_the_loop,
        controls: &[Control {
            name: "the byte may vanish",
            change: Change::Environment(LOST_BYTES_ONLY),
            fails_with: "deadlock",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "c7_ended_only_after_the_cleanup",
        clauses: &["C-7", "F-16"],
        question: "Does a cancelled submission say that it has ended only after its coroutine cleaned up?",
        environment: NO_SPURIOUS,
        outcomes: &["cleaned up, then ended"],
        spec: Spec::allows(&[programs::cleanup], &[("cleaned up, then ended", ".. | ok; true")]),
        body: || cleanup(true),
        controls: &[Control {
            name: "it waits for the result instead, which is there at once",
            change: Change::Body(|| cleanup(false)),
            fails_with: "not cleaned up yet",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "c7_swallowed_cancel_races_the_end",
        clauses: &["C-7", "C-2", "T-8"],
        question: "Does a submission stay cancelled whose coroutine swallows that, or ends just then?",
        environment: NO_SPURIOUS,
        outcomes: &["value 1", "cancelled, swallowed", "cancelled, not seen"],
        spec: Spec::allows(
            &[programs::swallowed_cancel],
            &[
                ("value 1", "..; true; value 1 | false; false"),
                ("cancelled, swallowed", "..; caught cancelled; ..; true; cancelled | true; true"),
                ("cancelled, not seen", "..; ok; continue; continue; true; cancelled | true; true"),
            ],
        ),
        body: || swallowed_cancel(false),
        controls: &[Control {
            name: "the cancel comes before the step",
            change: Change::Body(|| swallowed_cancel(true)),
            fails_with: "outcome never reached",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "c3_cancel_races_exception",
        clauses: &["C-3", "C-2", "X-1"],
        question: "Does the exception reach the submitter, or else the handler, and not both?",
        environment: NO_SPURIOUS,
        outcomes: &["submitter", "handler"],
        spec: Spec::allows(
            &[programs::cancel_races_exception],
            &[
                ("submitter", "..; continue; continue; continue; true; raised 1 | false; false"),
                (
                    "handler",
                    "..; continue; continue; reported raised 1; continue; true; cancelled | true; true",
                ),
            ],
        ),
        body: || cancel_races_exception(true),
        controls: &[Control {
            name: "nobody cancels",
            change: Change::Body(|| cancel_races_exception(false)),
            fails_with: "outcome never reached: handler",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "c3_exception_in_the_cleanup_is_reported",
        clauses: &["C-3", "C-7"],
        question: "Does the handler get what a coroutine raises because it was cancelled?",
        environment: NO_SPURIOUS,
        outcomes: &["value 1", "cancelled, reported", "cancelled, not seen"],
        spec: Spec::allows(
            &[programs::exception_in_cleanup],
            &[
                ("value 1", "..; ok; continue; continue; true; value 1 | false; false"),
                (
                    "cancelled, reported",
                    "..; caught cancelled; continue; reported raised 1; ..; cancelled | true; true",
                ),
                ("cancelled, not seen", "..; ok; continue; continue; true; cancelled | true; true"),
            ],
        ),
        body: || exception_in_cleanup(true),
        controls: &[Control {
            name: "it swallows the cancel and raises nothing",
            change: Change::Body(|| exception_in_cleanup(false)),
            fails_with: "outcome never reached: cancelled, reported",
        }],
        ..Model::DEFAULTS
    },
];

//= SPEC.md#c-2
//= type=test
//# The copy MUST be a single step against a racing cancel: either the submission is cancelled and
//# the outcome dropped, or it is finished and the cancel refused.
//= SPEC.md#c-7
//= type=test
//# A submission cancelled while its task cleans up, or swallows the cancel, MUST stay cancelled,
//# and MUST become ended only when the task has ended.
//= SPEC.md#f-4
//= type=test
//# Exactly one of a racing `cancel`, completion and start MUST win, and each loser MUST be told.
fn cancel_races_copy(cancel: bool) -> Outcome {
    let event_loop = event_loop();
    let future =
        event_loop.handle().run_coroutine_threadsafe(async { Ok(1) }).expect("the loop is open");
    // The submission and the step; the copy is next.
    turns(&event_loop, 2);
    let canceller = start("canceller", {
        let future = future.clone();
        move || {
            let cancelled = cancel && future.cancel();
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
//= SPEC.md#f-16
//= type=test
//# `wait_ended` MUST return only when the work has really ended: finished, or cancelled and
//# acknowledged by its producer.
fn cancel_races_submission(raced_turns: usize) -> Outcome {
    let event_loop = event_loop();
    let ran = Cell::new(false);
    let noted = ran.clone();
    let submitted = event_loop.handle().run_coroutine_threadsafe(async move {
        noted.set(true);
        yield_now().await?;
        Ok(1)
    });
    let future = submitted.expect("the loop is open");
    let canceller = start("canceller", {
        let future = future.clone();
        move || assert!(future.cancel(), "it yields before it ends")
    });
    turns(&event_loop, raced_turns);
    join(canceller);
    turns(&event_loop, 4 - raced_turns);
    assert!(future.cancelled() && future.ended(), "the work has ended and nobody says so");
    if ran.get() { "ran".into() } else { "never ran".into() }
}

//= SPEC.md#c-5
//= type=test
//# A submission cancelled before its task began MUST end without running a statement of the
//# coroutine.
//= SPEC.md#t-7
//= type=test
//# A task cancelled before its first step MUST end cancelled without running a statement.
//= SPEC.md#c-6
//= type=test
//# Cancelling a submission MUST be seen by its task no later than the beginning of the next step
//# that starts after the call returned, from any thread.
fn cancel_races_first_step(cancel: bool) -> Outcome {
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
        move || cancelled.set(cancel && future.cancel())
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
//= SPEC.md#c-7
//= type=test
//# A submission cancelled while its task cleans up, or swallows the cancel, MUST stay cancelled,
//# and MUST become ended only when the task has ended.
fn cancel_races_next_step(cancel: bool) -> Outcome {
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
            if cancel && future.cancel() {
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
//= SPEC.md#w-2
//= type=test
//# A post that is accepted while the loop sleeps, or is about to, MUST make that sleep end.
fn cancel_wakes_the_loop() -> Outcome {
    let event_loop = event_loop();
    let (promise, source) = loopgate::concurrent::promise::<u32>();
    let awaited = source.clone();
    let submitted = event_loop.handle().run_coroutine_threadsafe(awaited);
    let future = submitted.expect("the loop is open");
    // The task is made, and awaits the source.
    turns(&event_loop, 2);
    let canceller = start("canceller", {
        let (handle, future) = (event_loop.handle(), future.clone());
        move || {
            assert!(future.cancel(), "it is suspended");
            future.wait_ended().expect("work ends");
            stop(&handle);
        }
    });
    event_loop.run_forever().expect("the run is stopped");
    join(canceller);
    assert!(source.cancelled(), "the cancel did not reach what was awaited");
    drop(promise);
    sleep_outcome()
}

//= SPEC.md#c-7
//= type=test
//# A submission cancelled while its task cleans up, or swallows the cancel, MUST stay cancelled,
//# and MUST become ended only when the task has ended.
//= SPEC.md#f-16
//= type=test
//# `wait_ended` MUST return only when the work has really ended: finished, or cancelled and
//# acknowledged by its producer.
fn cleanup(to_the_end: bool) -> Outcome {
    let event_loop = event_loop();
    let cleaned = Cell::new(false);
    let clean = cleaned.clone();
    let submitted = event_loop.handle().run_coroutine_threadsafe(async move {
        let (_promise, never) = loopgate::concurrent::promise::<u32>();
        let cancelled = never.await;
        yield_now().await?;
        clean.set(true);
        cancelled
    });
    let future = submitted.expect("the loop is open");
    // The task is made, and awaits.
    turns(&event_loop, 2);
    assert!(future.cancel(), "it is suspended");
    let waiter = start("waiter", move || {
        if to_the_end {
            future.wait_ended().expect("work ends");
        } else {
            assert!(matches!(future.result(), Err(ResultError::Cancelled(_))));
        }
        assert!(cleaned.get(), "not cleaned up yet");
    });
    // The cancel, its step, the step after the yield, the copy.
    turns(&event_loop, 4);
    join(waiter);
    "cleaned up, then ended".into()
}

//= SPEC.md#c-7
//= type=test
//# A submission cancelled while its task cleans up, or swallows the cancel, MUST stay cancelled,
//# and MUST become ended only when the task has ended.
//= SPEC.md#c-2
//= type=test
//# The copy MUST be a single step against a racing cancel: either the submission is cancelled and
//# the outcome dropped, or it is finished and the cancel refused.
//= SPEC.md#t-8
//= type=test
//# A coroutine that swallows a cancel MUST be able to go on, to finish with a value, to raise
//# something else, and to be cancelled again.
fn swallowed_cancel(before: bool) -> Outcome {
    let event_loop = event_loop();
    let swallowed = Cell::new(false);
    let noted = swallowed.clone();
    let submitted = event_loop.handle().run_coroutine_threadsafe(async move {
        noted.set(yield_now().await.is_err());
        Ok(1)
    });
    let future = submitted.expect("the loop is open");
    // The task is made and has yielded; its second step and the copy are next.
    turns(&event_loop, 2);
    if before {
        future.cancel();
    }
    let canceller = start("canceller", {
        let future = future.clone();
        move || _ = future.cancel()
    });
    turns(&event_loop, 2);
    join(canceller);
    assert!(future.ended(), "the work has ended and nobody says so");
    match (word(&future.result()).as_str(), swallowed.get()) {
        ("value 1", false) => "value 1".into(),
        ("cancelled", true) => "cancelled, swallowed".into(),
        ("cancelled", false) => "cancelled, not seen".into(),
        other => panic!("{other:?}"),
    }
}

//= SPEC.md#c-3
//= type=test
//# An exception that a task raised after its submission had been cancelled MUST be reported to the
//# exception handler.
//= SPEC.md#x-1
//= type=test
//# Every clone of an `Exception` MUST be the same object: identity is kept from the place that
//# raised it to every place that observes it.
//= SPEC.md#c-2
//= type=test
//# The copy MUST be a single step against a racing cancel: either the submission is cancelled and
//# the outcome dropped, or it is finished and the cancel refused.
fn cancel_races_exception(cancel: bool) -> Outcome {
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
        move || _ = cancel && future.cancel()
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

//= SPEC.md#c-3
//= type=test
//# An exception that a task raised after its submission had been cancelled MUST be reported to the
//# exception handler.
//= SPEC.md#c-7
//= type=test
//# A submission cancelled while its task cleans up, or swallows the cancel, MUST stay cancelled,
//# and MUST become ended only when the task has ended.
fn exception_in_cleanup(raise: bool) -> Outcome {
    let event_loop = event_loop();
    let raised = failure();
    let reports = Cell::new(0);
    let (count, expected) = (reports.clone(), raised.clone());
    event_loop.set_exception_handler(move |context| {
        let exception = context.exception.as_ref().expect("an exception is reported");
        assert!(exception.same_object(&expected), "another object: {exception}");
        count.update(|count| *count += 1);
    });
    let submitted = event_loop.handle().run_coroutine_threadsafe(async move {
        if yield_now().await.is_err() && raise {
            return Err(raised);
        }
        Ok(1)
    });
    let future = submitted.expect("the loop is open");
    // The task is made and has yielded; its second step and the copy are next.
    turns(&event_loop, 2);
    let canceller = start("canceller", {
        let future = future.clone();
        move || _ = future.cancel()
    });
    turns(&event_loop, 2);
    join(canceller);
    assert!(future.ended(), "the work has ended and nobody says so");
    match (word(&future.result()).as_str(), reports.get()) {
        ("value 1", 0) => "value 1".into(),
        ("cancelled", 1) => "cancelled, reported".into(),
        ("cancelled", 0) => "cancelled, not seen".into(),
        other => panic!("{other:?}"),
    }
}
