//! Work in a pool, on its way back to a loop or with a loop that goes away.

use loopgate::concurrent::ConcurrentFuture;
use loopgate::{
    Exception, LoopClosed, ResultError, ShutdownError, SubmitError, ThreadPoolExecutor,
    get_running_loop,
};

use super::super::programs::to_loop as programs;
use super::super::support::{Cell, NO_SPURIOUS, SOON, event_loop, turns};
use super::pool_of;
use crate::harness::{Change, Control, Model, Outcome, Spec, join, start};

pub(in crate::models) static MODELS: &[Model] = &[
    Model {
        name: "u4_work_races_the_loop",
        clauses: &["U-4", "U-5", "C-9"],
        question: "Does the value of work in a pool reach the coroutine that awaits it?",
        environment: NO_SPURIOUS,
        outcomes: &["value 1"],
        spec: Spec::allows(
            &[programs::work_for_a_coroutine],
            &[("value 1", "ok; ok; value 1; value 1; ok | ")],
        ),
        body: || work_for_a_coroutine(true),
        controls: &[Control {
            name: "the loop stops meanwhile",
            change: Change::Body(|| work_for_a_coroutine(false)),
            fails_with: "StoppedBeforeDone",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "e4_cancel_of_a_task_races_its_work",
        clauses: &["E-4", "C-10", "T-6"],
        question: "Does cancelling a task that awaits work keep that from running, unless it has begun?",
        environment: NO_SPURIOUS,
        outcomes: &["cancelled, never ran", "cancelled, ran"],
        spec: Spec::allows(
            &[programs::cancel_of_a_task],
            &[
                ("cancelled, never ran", "..; true; continue; ok; cancelled | "),
                ("cancelled, ran", "..; true; continue; ok; cancelled | mark 1"),
            ],
        ),
        body: || cancel_of_a_task(true),
        controls: &[Control {
            name: "nobody cancels it",
            change: Change::Body(|| cancel_of_a_task(false)),
            fails_with: "outcome not allowed: pending",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "e4_cancel_of_a_submission_races_its_work",
        clauses: &["C-6", "C-10", "E-4"],
        question: "Does a cancel from one thread reach work in another through the loop's task?",
        threads: 3,
        bound: Some(2),
        environment: NO_SPURIOUS,
        outcomes: &["cancelled, never ran", "cancelled, ran", "value 1"],
        spec: Spec::allows(
            &[programs::cancel_of_a_submission],
            &[
                ("cancelled, never ran", "..; ok; true; cancelled | true | "),
                ("cancelled, ran", "..; ok; true; cancelled | true | mark 1"),
                ("value 1", "..; ok; true; value 1 | false | mark 1"),
            ],
        ),
        body: || cancel_of_a_submission(true),
        controls: &[Control {
            name: "the work cannot be cancelled: a worker has begun it",
            change: Change::Body(|| cancel_of_a_submission(false)),
            fails_with: "outcome never reached: cancelled, never ran",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "e6_cancel_futures_releases_a_task",
        clauses: &["E-6", "C-11"],
        question: "Does a task go on that awaits queued work when the pool cancels it?",
        environment: NO_SPURIOUS,
        outcomes: &["value 1", "cancelled"],
        spec: Spec::allows(
            &[programs::cancel_futures],
            &[
                ("value 1", "ok; ok; ok; ok; ..; value 1 | mark 1"),
                ("cancelled", "ok; ok; ok; ok; continue; continue; continue; cancelled | "),
            ],
        ),
        body: || cancel_futures(true),
        controls: &[Control {
            name: "queued work is left to run",
            change: Change::Body(|| cancel_futures(false)),
            fails_with: "outcome never reached: cancelled",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "c12_close_races_work",
        clauses: &["C-12", "L-8"],
        question: "May a loop close while a pool does work for it?",
        environment: NO_SPURIOUS,
        outcomes: &["value 1", "closed"],
        spec: Spec::allows(
            &[programs::close_races_work],
            &[
                ("value 1", "ok; ok; continue; ok; ok; value 1 | mark 1"),
                ("closed", "ok; ok; continue; ok; ok; loop closed | mark 1"),
            ],
        ),
        body: || close_races_work(1),
        controls: &[Control {
            name: "it closes without a turn",
            change: Change::Body(|| close_races_work(0)),
            fails_with: "outcome never reached: value 1",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "e10_shutdown_timeout_races_completion",
        clauses: &["E-10"],
        question: "Does the shutdown of the default pool tell its end from its timeout?",
        bound: Some(2),
        environment: NO_SPURIOUS,
        outcomes: &["ended", "timed out"],
        spec: Spec::Below("the default pool, and its shutdown with a limit"),
        body: || default_shutdown(true),
        controls: &[Control {
            name: "it has no timeout",
            change: Change::Body(|| default_shutdown(false)),
            fails_with: "outcome never reached: timed out",
        }],
        ..Model::DEFAULTS
    },
];

//= SPEC.md#u-4
//= type=test
//# `run_in_executor` MUST return its errors at the call, and otherwise a loop future of the work's
//# outcome.
//= SPEC.md#u-5
//= type=test
//# A loop future MUST observe the completion of work after every post that the working thread made
//# before.
//= SPEC.md#c-9
//= type=test
//# The outcome of a concurrent future MUST reach its loop future through the loop's queue, even if
//# it was done when it was wrapped.
fn work_for_a_coroutine(awaited: bool) -> Outcome {
    let (pool, event_loop) = (pool_of(1), event_loop());
    let work =
        event_loop.run_in_executor(Some(&pool), || Ok::<u32, _>(1)).expect("the pool is open");
    if !awaited {
        event_loop.stop();
    }
    let value = event_loop.run_until_complete(work).expect("a value");
    pool.shutdown(true, false).expect("not a worker");
    format!("value {value}").into()
}

/// Runs in the pool, from a coroutine, and awaits that.
async fn await_work(
    pool: &ThreadPoolExecutor,
    work: impl FnOnce() -> Result<u32, Exception> + Send + 'static,
) -> Result<u32, Exception> {
    get_running_loop()?.run_in_executor(Some(pool), work)?.await
}

//= SPEC.md#e-4
//= type=test
//# Work whose future was cancelled before a worker picked it up MUST NOT run, and its future MUST
//# be marked ended.
//= SPEC.md#c-10
//= type=test
//# Cancelling a wrapped loop future MUST cancel its source at once if the source has not started,
//# and MUST leave running work to end by itself, its outcome dropped.
//= SPEC.md#t-6
//= type=test
//# A cancel MUST be delivered at the kernel awaitable that the task is suspended on, which then
//# yields `Err(Cancelled)` with the message.
fn cancel_of_a_task(cancel: bool) -> Outcome {
    let (pool, event_loop) = (std::rc::Rc::new(pool_of(1)), event_loop());
    let ran = Cell::new(false);
    let (own_pool, noted) = (std::rc::Rc::clone(&pool), ran.clone());
    let task = event_loop.create_task(async move {
        let work = move || {
            noted.set(true);
            Ok(1)
        };
        await_work(&own_pool, work).await
    });
    let task = task.expect("the loop is open");
    // The step that hands over the work.
    turns(&event_loop, 1);
    if cancel {
        task.cancel();
    }
    turns(&event_loop, 1);
    pool.shutdown(true, false).expect("not a worker");
    match (task.result(), ran.get()) {
        (Err(ResultError::Cancelled(_)), true) => "cancelled, ran".into(),
        (Err(ResultError::Cancelled(_)), false) => "cancelled, never ran".into(),
        (Err(ResultError::Pending), _) => "pending".into(),
        other => panic!("{other:?}"),
    }
}

//= SPEC.md#c-6
//= type=test
//# Cancelling a submission MUST be seen by its task no later than the beginning of the next step
//# that starts after the call returned, from any thread.
//= SPEC.md#c-10
//= type=test
//# Cancelling a wrapped loop future MUST cancel its source at once if the source has not started,
//# and MUST leave running work to end by itself, its outcome dropped.
//= SPEC.md#e-4
//= type=test
//# Work whose future was cancelled before a worker picked it up MUST NOT run, and its future MUST
//# be marked ended.
fn cancel_of_a_submission(in_the_queue: bool) -> Outcome {
    let (pool, event_loop) = (std::sync::Arc::new(pool_of(1)), event_loop());
    let ran = Cell::new(false);
    let (own_pool, noted) = (std::sync::Arc::clone(&pool), ran.clone());
    let work = move || {
        noted.set(true);
        Ok(1)
    };
    let submitted: Result<ConcurrentFuture<u32>, _> = event_loop
        .handle()
        .run_coroutine_threadsafe_with(move || async move { await_work(&own_pool, work).await });
    let future = submitted.expect("the loop is open");
    // The task is made, and hands over the work.
    turns(&event_loop, 2);
    if !in_the_queue {
        // Nothing is queued any more when the only worker has ended.
        pool.shutdown(true, false).expect("not a worker");
    }
    let canceller = start("canceller", {
        let future = future.clone();
        move || _ = future.cancel()
    });
    // The completion, the step, the copy.
    turns(&event_loop, 3);
    join(canceller);
    turns(&event_loop, 3);
    pool.shutdown(true, false).expect("not a worker");
    assert!(future.ended(), "the work has ended and nobody says so");
    match (future.result(), ran.get()) {
        (Ok(1), true) => "value 1".into(),
        (Err(ResultError::Cancelled(_)), true) => "cancelled, ran".into(),
        (Err(ResultError::Cancelled(_)), false) => "cancelled, never ran".into(),
        other => panic!("{other:?}"),
    }
}

//= SPEC.md#e-6
//= type=test
//# `shutdown` with `cancel_futures` MUST release every waiter of the cancelled futures and mark
//# them ended.
//= SPEC.md#c-11
//= type=test
//# A cancelled source MUST cancel the loop future that wraps it.
fn cancel_futures(cancel: bool) -> Outcome {
    let (pool, event_loop) = (pool_of(1), event_loop());
    let work = event_loop.run_in_executor(Some(&pool), || Ok::<u32, _>(1));
    let work = work.expect("the pool is open");
    let task = event_loop.create_task(work).expect("the loop is open");
    pool.shutdown(true, cancel).expect("not a worker");
    // The step that awaits, the copy, and the step after it.
    turns(&event_loop, 3);
    match task.result() {
        Ok(value) => format!("value {value}").into(),
        Err(ResultError::Cancelled(_)) => "cancelled".into(),
        Err(other) => panic!("{other}"),
    }
}

//= SPEC.md#c-12
//= type=test
//# A source that ends after the loop closed MUST be ignored without an error.
//= SPEC.md#l-8
//= type=test
//# Closing the loop MUST end a pending loop future that the kernel made, with an error that says
//# so.
fn close_races_work(count: usize) -> Outcome {
    let (pool, event_loop) = (pool_of(1), event_loop());
    let work = event_loop.run_in_executor(Some(&pool), || Ok::<u32, _>(1));
    let work = work.expect("the pool is open");
    turns(&event_loop, count);
    event_loop.close().expect("the loop does not run");
    pool.shutdown(true, false).expect("not a worker");
    match work.result() {
        Ok(value) => format!("value {value}").into(),
        Err(ResultError::Exception(why)) if why.is::<LoopClosed>() => "closed".into(),
        Err(other) => panic!("{other}"),
    }
}

//= SPEC.md#e-10
//= type=test
//# `shutdown_default_executor` MUST refuse new default work from the call on, MUST NOT block the
//# loop, and MUST report a timeout as such.
fn default_shutdown(limited: bool) -> Outcome {
    let event_loop = event_loop();
    let work = event_loop.run_in_executor(None, || Ok::<u32, _>(1)).expect("the pool is open");
    let shutdown = event_loop.shutdown_default_executor(limited.then_some(SOON));
    let refused = event_loop.run_in_executor(None, || Ok::<u32, _>(2));
    assert!(matches!(refused, Err(SubmitError::ShutDown)), "accepted after the call");
    let result = event_loop.run_until_complete(shutdown);
    assert_eq!(event_loop.run_until_complete(work).expect("queued work is done"), 1);
    match result {
        Ok(()) => "ended".into(),
        Err(why) => match why.downcast_ref() {
            Some(ShutdownError::TimedOut { workers: 1 }) => "timed out".into(),
            _ => panic!("{why}"),
        },
    }
}
