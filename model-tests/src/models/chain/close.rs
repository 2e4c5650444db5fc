//! Submissions to a loop that stops, closes, is dropped, or leaves its run for good.

use std::future::pending;

use loopgate::{ConcurrentFuture, ExitRequest, PostError, ResultError, RunError, yield_now};

use super::super::programs::close as programs;
use super::super::support::{Cell, NO_SPURIOUS, Owned, event_loop, says_closed, turns, word};
use crate::harness::{Change, Control, ELSEWHERE, Model, Outcome, Spec, join, start};

pub(in crate::models) static MODELS: &[Model] = &[
    Model {
        name: "c8_close_races_submission",
        clauses: &["C-8", "U-1", "U-2", "W-9", "S-7"],
        question: "Does a submitter that blocks return when the loop is closed without having run?",
        environment: NO_SPURIOUS,
        outcomes: &["refused", "closed"],
        spec: Spec::allows(
            &[programs::close_races_submission, programs::close_races_result],
            &[
                ("refused", "ok | loop closed"),
                (ELSEWHERE, "ok | ok"),
                ("closed", "ok | ok; loop closed; ok"),
            ],
        ),
        body: || close_races_submission(true),
        controls: &[Control {
            name: "the loop is not closed",
            change: Change::Body(|| close_races_submission(false)),
            fails_with: "deadlock",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "c8_close_releases_two_submitters",
        clauses: &["C-8", "U-1", "U-2", "S-7"],
        question: "Does every submitter that blocks return when the loop is dropped?",
        threads: 3,
        environment: NO_SPURIOUS,
        outcomes: &["closed, closed", "closed, refused", "refused, closed", "refused, refused"],
        spec: Spec::allows(
            &[programs::two_submissions, programs::two_results],
            &[
                ("closed, closed", " | ok | ok"),
                ("closed, refused", " | ok | loop closed"),
                ("refused, closed", " | loop closed | ok"),
                ("refused, refused", " | loop closed | loop closed"),
                ("closed, closed", " | ok; loop closed; ok | ok; loop closed; ok"),
            ],
        ),
        body: || two_submitters(true),
        controls: &[Control {
            name: "the loop is kept",
            change: Change::Body(|| two_submitters(false)),
            fails_with: "deadlock",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "c8_drop_after_a_turn_races_submission",
        clauses: &["C-8", "U-1", "S-7", "F-16"],
        question: "Does a submission end whether its task never was, is suspended, or is done at the drop?",
        environment: NO_SPURIOUS,
        outcomes: &["refused", "closed", "value 1"],
        spec: Spec::allows(
            &[programs::drop_races_submission, programs::drop_races_result],
            &[
                ("refused", "continue; continue; continue | loop closed"),
                (ELSEWHERE, ".. | ok"),
                ("closed", "continue; continue; continue | ok; loop closed; ok"),
                ("value 1", "continue; continue; ok; continue | ok; value 1; ok"),
            ],
        ),
        body: || drop_after_turns(true),
        controls: &[Control {
            name: "the loop is kept",
            change: Change::Body(|| drop_after_turns(false)),
            fails_with: "deadlock",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "c8_close_races_cancel_of_a_suspended_task",
        clauses: &["C-7", "C-8", "F-16"],
        question: "Does a cancelled submission still end when the loop is closed under it?",
        environment: NO_SPURIOUS,
        outcomes: &["cancelled", "closed"],
        spec: Spec::allows(
            &[programs::close_races_cancel],
            &[
                ("cancelled", "..; ok; cancelled | true; ok; true"),
                ("closed", "..; ok; loop closed | false; ok; false"),
            ],
        ),
        body: || close_races_cancel(true),
        controls: &[Control {
            name: "the loop is not closed",
            change: Change::Body(|| close_races_cancel(false)),
            fails_with: "deadlock",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "c8_close_delivers_an_outcome_that_was_reached",
        clauses: &["C-8"],
        question: "Does a submitter that blocks get the value that its task had when the loop closed?",
        environment: NO_SPURIOUS,
        outcomes: &["value 1"],
        spec: Spec::allows(
            &[programs::close_before_the_copy],
            &[("value 1", "ok; continue; continue; ok | value 1")],
        ),
        body: || close_before_the_copy(2),
        controls: &[Control {
            name: "the task has not begun",
            change: Change::Body(|| close_before_the_copy(1)),
            fails_with: "outcome not allowed: closed",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "w10_stop_races_submission",
        clauses: &["W-10", "S-2", "U-1"],
        question: "Does a loop that was stopped keep what is submitted, and do it when it runs again?",
        environment: NO_SPURIOUS,
        outcomes: &["begun in the first run", "begun in the second run"],
        spec: Spec::allows(
            &[programs::stop_races_submission],
            &[
                (
                    "begun in the first run",
                    "ok; mark 1; continue; continue; continue; true; value 1 | ok",
                ),
                (
                    "begun in the second run",
                    "ok; continue; mark 1; continue; continue; true; value 1 | ok",
                ),
            ],
        ),
        body: || stop_races_submission(true),
        controls: &[Control {
            name: "it does not run again",
            change: Change::Body(|| stop_races_submission(false)),
            fails_with: "accepted, and not done",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "s9_exit_releases_its_submitter",
        clauses: &["S-9", "U-1"],
        question: "Has a submitter its outcome when its coroutine makes the loop leave for good?",
        environment: NO_SPURIOUS,
        outcomes: &["exit 3"],
        spec: Spec::allows(
            &[programs::exit_releases],
            &[("exit 3", "ok; ok; continue; exit 3; false | exit 3")],
        ),
        body: || exit_releases(0),
        controls: &[Control {
            name: "the submitter waits for what is left in the queue",
            change: Change::Body(|| exit_releases(1)),
            fails_with: "deadlock",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "s9_exit_races_cancel",
        clauses: &["S-9", "C-2", "T-7"],
        question: "Does the loop leave for an exit request exactly if its coroutine ran, cancelled or not?",
        environment: NO_SPURIOUS,
        outcomes: &["exit 3", "left, but cancelled", "never ran"],
        spec: Spec::allows(
            &[programs::exit_races_cancel],
            &[
                ("exit 3", "..; mark 1; exit 3; false; true | false"),
                ("left, but cancelled", "..; mark 1; exit 3; true; true | true"),
                ("never ran", "ok; continue; continue; true; false | true"),
            ],
        ),
        body: || exit_races_cancel(false),
        controls: &[Control {
            name: "the cancel comes first",
            change: Change::Body(|| exit_races_cancel(true)),
            fails_with: "outcome never reached",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "g3_closed_is_closed_for_good",
        clauses: &["G-3", "W-9", "U-2"],
        question: "Is a submission refused once the loop was seen closed, and is seeing it open no promise?",
        environment: NO_SPURIOUS,
        outcomes: &["closed, refused", "open, accepted", "open, refused"],
        spec: Spec::allows(
            &[programs::seen_closed, programs::seen_open],
            &[
                ("closed, refused", "ok | true; loop closed"),
                ("open, accepted", "ok | false; ok"),
                ("open, refused", "ok | false; loop closed"),
                ("open, accepted", "ok | false; ok; loop closed"),
            ],
        ),
        body: || seen_closed(false),
        controls: &[Control {
            name: "who saw it open relies on that",
            change: Change::Body(|| seen_closed(true)),
            fails_with: "closed in between",
        }],
        ..Model::DEFAULTS
    },
];

/// Submits from another thread and waits; one word for what came of it.
fn submit_and_tell(event_loop: &loopgate::EventLoop) -> (loopgate::JoinHandle, Cell<&'static str>) {
    let outcome = Cell::new("");
    let submitter = start("submitter", {
        let (handle, outcome) = (event_loop.handle(), outcome.clone());
        move || {
            let drops = Cell::new(0);
            let owned = Owned(drops.clone());
            let submitted = handle.run_coroutine_threadsafe(async move {
                let _owned = owned;
                yield_now().await?;
                Ok(1)
            });
            outcome.set(match submitted {
                Err(PostError::LoopClosed) => {
                    assert_eq!(drops.get(), 1, "a refused coroutine is dropped there and then");
                    "refused"
                }
                Err(other) => panic!("{other}"),
                Ok(future) => {
                    let result = future.result();
                    future.wait_ended().expect("work ends");
                    assert_eq!(drops.get(), 1, "the coroutine is gone before its outcome is seen");
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
//= SPEC.md#w-9
//= type=test
//# Closing and posting MUST be atomic: a post is either refused, with nothing queued, or handed to
//# the loop, which runs it or ends it.
//= SPEC.md#s-7
//= type=test
//# Dropping the loop MUST close it.
fn close_races_submission(close: bool) -> Outcome {
    let event_loop = event_loop();
    let (submitter, outcome) = submit_and_tell(&event_loop);
    if close {
        event_loop.close().expect("the loop does not run");
    }
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
//= SPEC.md#u-1
//= type=test
//# `run_coroutine_threadsafe` MUST return a future that ends in a final state whatever becomes of
//# the loop, if the submission was accepted.
//= SPEC.md#f-16
//= type=test
//# `wait_ended` MUST return only when the work has really ended: finished, or cancelled and
//# acknowledged by its producer.
fn drop_after_turns(dropped: bool) -> Outcome {
    let event_loop = event_loop();
    let (submitter, outcome) = submit_and_tell(&event_loop);
    turns(&event_loop, 3);
    let kept = Some(event_loop).filter(|_| !dropped);
    join(submitter);
    drop(kept);
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
//= SPEC.md#c-8
//= type=test
//# Closing a loop MUST finish every accepted submission that is not done, with an error that says
//# the loop was closed; an outcome that the task had already reached MUST be delivered.
fn close_races_cancel(close: bool) -> Outcome {
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
    if close {
        event_loop.close().expect("the loop does not run");
    }
    join(canceller);
    let result = future.result();
    if says_closed(&result) { "closed".into() } else { word(&result).into() }
}

//= SPEC.md#c-8
//= type=test
//# Closing a loop MUST finish every accepted submission that is not done, with an error that says
//# the loop was closed; an outcome that the task had already reached MUST be delivered.
fn close_before_the_copy(count: usize) -> Outcome {
    let event_loop = event_loop();
    let submitted = event_loop.handle().run_coroutine_threadsafe(async { Ok(1) });
    let future = submitted.expect("the loop is open");
    // The task is made, and has ended; the copy is next.
    turns(&event_loop, count);
    let outcome = Cell::new(String::new());
    let waiter = start("waiter", {
        let outcome = outcome.clone();
        move || {
            let result = future.result();
            outcome.set(if says_closed(&result) { "closed".into() } else { word(&result) });
        }
    });
    event_loop.close().expect("the loop does not run");
    join(waiter);
    outcome.get().into()
}

//= SPEC.md#w-10
//= type=test
//# A post to a loop that is open but not running MUST be accepted and MUST run in the first batch
//# of the next run.
//= SPEC.md#s-2
//= type=test
//# A stop requested while the loop does not run MUST make the next run return after one iteration.
//= SPEC.md#u-1
//= type=test
//# `run_coroutine_threadsafe` MUST return a future that ends in a final state whatever becomes of
//# the loop, if the submission was accepted.
fn stop_races_submission(again: bool) -> Outcome {
    let event_loop = event_loop();
    let (run, begun_in) = (Cell::new(1), Cell::new(0));
    let submission = Cell::new(None);
    let submitter = start("submitter", {
        let (handle, submission) = (event_loop.handle(), submission.clone());
        let (run, begun_in) = (run.clone(), begun_in.clone());
        move || {
            let submitted = handle.run_coroutine_threadsafe_with(move || {
                begun_in.set(run.get());
                async { Ok(1) }
            });
            submission.set(Some(submitted.expect("the loop is open")));
        }
    });
    // The run is one iteration.
    event_loop.stop();
    event_loop.run_forever().expect("the run is stopped");
    run.set(2);
    join(submitter);
    if again {
        turns(&event_loop, 3);
    }
    let future: ConcurrentFuture<u32> = submission.get().expect("the submitter has ended");
    assert!(future.done(), "accepted, and not done");
    assert_eq!(word(&future.result()), "value 1");
    if begun_in.get() == 1 {
        "begun in the first run".into()
    } else {
        "begun in the second run".into()
    }
}

/// What a run left for: the code of an exit request.
fn exit_code(run: &Result<(), RunError>) -> Option<i32> {
    match run {
        Err(RunError::Exit(exit)) => exit.exit_request().map(|request| request.code),
        _ => None,
    }
}

//= SPEC.md#s-9
//= type=test
//# An exit request MUST leave the run at once, after the future of the work that raised it is done,
//# with the rest of the batch still queued in order.
//= SPEC.md#u-1
//= type=test
//# `run_coroutine_threadsafe` MUST return a future that ends in a final state whatever becomes of
//# the loop, if the submission was accepted.
fn exit_releases(which: usize) -> Outcome {
    let event_loop = event_loop();
    let handle = event_loop.handle();
    let futures = [true, false].map(|exits| {
        let submitted = handle.run_coroutine_threadsafe(async move {
            if exits { Err(ExitRequest { code: 3 }.into()) } else { Ok(1) }
        });
        submitted.expect("the loop is open")
    });
    // The tasks are made; their first steps are next.
    turns(&event_loop, 1);
    let waiter = start("waiter", {
        let future = futures[which].clone();
        move || match future.result() {
            Err(ResultError::Exception(exit)) => {
                assert_eq!(exit.exit_request(), Some(ExitRequest { code: 3 }));
            }
            other => panic!("{other:?}"),
        }
    });
    let left = exit_code(&event_loop.run_forever());
    join(waiter);
    assert!(!futures[1].done(), "what was behind it has run");
    left.map_or("no exit".into(), |code| format!("exit {code}").into())
}

//= SPEC.md#s-9
//= type=test
//# An exit request MUST leave the run at once, after the future of the work that raised it is done,
//# with the rest of the batch still queued in order.
//= SPEC.md#c-2
//= type=test
//# The copy MUST be a single step against a racing cancel: either the submission is cancelled and
//# the outcome dropped, or it is finished and the cancel refused.
//= SPEC.md#t-7
//= type=test
//# A task cancelled before its first step MUST end cancelled without running a statement.
fn exit_races_cancel(before: bool) -> Outcome {
    let event_loop = event_loop();
    let ran = Cell::new(false);
    let noted = ran.clone();
    let submitted = event_loop.handle().run_coroutine_threadsafe(async move {
        noted.set(true);
        Err::<u32, _>(ExitRequest { code: 3 }.into())
    });
    let future = submitted.expect("the loop is open");
    // The task is made; its first step is next.
    turns(&event_loop, 1);
    if before {
        future.cancel();
    }
    let canceller = start("canceller", {
        let future = future.clone();
        move || _ = future.cancel()
    });
    let now = Some(std::time::Duration::ZERO);
    let left = exit_code(&event_loop.run_once(now).map(drop));
    join(canceller);
    assert_eq!(left.is_some(), ran.get(), "ran and stayed, or left and had not run");
    match (future.cancelled(), left) {
        (false, Some(3)) => {
            assert!(future.ended(), "the loop left and its submitter waits");
            "exit 3".into()
        }
        (true, Some(3)) => {
            assert!(future.ended(), "the loop left and its submitter waits");
            "left, but cancelled".into()
        }
        (true, None) => "never ran".into(),
        other => panic!("{other:?}"),
    }
}

//= SPEC.md#g-3
//= type=test
//# `is_running` and `is_closed` MUST answer for the moment of the call, from any thread.
//= SPEC.md#w-9
//= type=test
//# Closing and posting MUST be atomic: a post is either refused, with nothing queued, or handed to
//# the loop, which runs it or ends it.
//= SPEC.md#u-2
//= type=test
//# Submitting to a closed loop MUST be refused in the submitting thread, and the coroutine MUST be
//# dropped unrun.
fn seen_closed(rely: bool) -> Outcome {
    let event_loop = event_loop();
    let outcome = Cell::new("");
    let submitter = start("submitter", {
        let (handle, outcome) = (event_loop.handle(), outcome.clone());
        move || {
            let closed = handle.is_closed();
            let submitted = handle.run_coroutine_threadsafe(pending::<Result<u32, _>>());
            outcome.set(match (closed, submitted) {
                (true, Err(PostError::LoopClosed)) => "closed, refused",
                (false, Err(PostError::LoopClosed)) => {
                    assert!(!rely, "closed in between");
                    "open, refused"
                }
                (false, Ok(future)) => {
                    assert!(says_closed(&future.result()), "the loop never ran");
                    "open, accepted"
                }
                (_, other) => panic!("{other:?}"),
            });
        }
    });
    event_loop.close().expect("the loop does not run");
    join(submitter);
    outcome.get().into()
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
//= SPEC.md#s-7
//= type=test
//# Dropping the loop MUST close it.
fn two_submitters(dropped: bool) -> Outcome {
    let event_loop = event_loop();
    let submitters = [submit_and_tell(&event_loop), submit_and_tell(&event_loop)];
    let kept = Some(event_loop).filter(|_| !dropped);
    let words = submitters.map(|(submitter, outcome)| {
        join(submitter);
        outcome.get()
    });
    drop(kept);
    words.join(", ").into()
}
