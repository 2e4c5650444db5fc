//! Which of two came first, where the outcome alone does not say it.
//!
//! A task that awaits inside its own step goes on at once if what it awaits is done, and then overtakes
//! what stands in the queue: it takes a task to ask. A wait that times out may or may not have come before
//! the value: it takes the record of the execution to tell.

use loopgate::checkers::model::{Arc, Step, interleaving};
use loopgate::{ResultError, SubmitError, ThreadPoolExecutor, concurrent};

use super::programs::order as programs;
use super::support::{Cell, NO_SPURIOUS, NOT_OBSERVED, SOON, event_loop, running, turns};
use crate::harness::{Change, Control, Model, Outcome, Spec, join, start};

pub(super) static MODELS: &[Model] = &[
    Model {
        name: "c9_wrap_in_a_task_races_completion",
        clauses: &["C-9", "U-5"],
        question: "Does a task that wraps a future and awaits it go on only after the worker's earlier post?",
        environment: NO_SPURIOUS,
        outcomes: &["post, then value"],
        spec: Spec::allows(
            &[programs::wrap_in_a_task],
            &[("post, then value", "mark 1; value 1; value 0; continue | ok; ok")],
        ),
        body: || wrap_in_a_task(true),
        controls: &[Control {
            name: "it posts after it completed",
            change: Change::Body(|| wrap_in_a_task(false)),
            fails_with: "outcome not allowed: value",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "f9_timeout_never_beats_the_value",
        clauses: &["F-9"],
        question: "Does a wait that times out while the value is being stored look again under the lock?",
        outcomes: &["value 1", "timed out first"],
        spec: Spec::allows(
            &[programs::timeout_and_value],
            &[("value 1", "value 1 | ok"), ("timed out first", "timed out | ok")],
        ),
        body: timeout_and_value,
        controls: &[Control {
            name: "the value always comes first, they say",
            change: Change::Forbid("timed out first"),
            fails_with: "outcome not allowed: timed out first",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "e5_nothing_runs_after_the_end_was_told",
        clauses: &["E-5", "E-1"],
        question: "Is work that a pool accepts against its shutdown done before the pool says that it has ended?",
        threads: 3,
        environment: NO_SPURIOUS,
        outcomes: &["refused", "ran in time"],
        spec: Spec::allows(
            &[programs::work_against_the_end],
            &[
                ("refused", "ok; shut down; ok | ok | "),
                ("ran in time", "ok; ok; ok | ok | mark 1"),
            ],
        ),
        body: work_against_the_end,
        controls: &[Control {
            name: "all work is accepted, they say",
            change: Change::Forbid("refused"),
            fails_with: "outcome not allowed: refused",
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
fn wrap_in_a_task(post_first: bool) -> Outcome {
    let event_loop = event_loop();
    let (promise, source) = concurrent::promise::<u32>();
    let order = Cell::new(Vec::new());
    let worker = start("worker", {
        let (handle, order) = (event_loop.handle(), order.clone());
        move || {
            let post = || {
                let order = order.clone();
                let note = move || order.update(|order| order.push("post"));
                handle.call_soon_threadsafe(note).expect("the loop is open");
            };
            if post_first {
                post();
            }
            promise.set_result(1).expect("nobody cancels");
            if !post_first {
                post();
            }
        }
    });
    let noted = order.clone();
    let awaited = event_loop.run_until_complete(async move {
        running().wrap_future(source)?.await?;
        noted.update(|order| order.push("value"));
        Ok(())
    });
    awaited.expect("a value");
    join(worker);
    turns(&event_loop, 1);
    order.get().join(", then ").into()
}

//= SPEC.md#f-9
//= type=test
//# If completion came first, a waiter MUST get the outcome and never a timeout; a timeout MUST
//# leave the future as it was.
fn timeout_and_value() -> Outcome {
    let (promise, future) = concurrent::promise::<u32>();
    let producer = start("producer", move || promise.set_result(1).expect("nobody cancels"));
    let result = future.result_timeout(SOON);
    join(producer);
    let steps = interleaving().map(|recorded| recorded.steps).unwrap_or_default();
    // Both happen with the future locked, so their order in the record is that of the lock.
    let finished = |s: &Step| s.state.as_deref().is_some_and(|state| state.starts_with("FINISHED"));
    let stored = steps.iter().position(|s| s.thread == 1 && finished(s));
    let looked = steps.iter().rposition(|s| s.thread == 0 && s.operation == "stops waiting on");
    match result {
        Ok(value) => format!("value {value}").into(),
        Err(ResultError::TimedOut) if steps.is_empty() => NOT_OBSERVED.into(),
        Err(ResultError::TimedOut) => {
            assert!(looked < stored, "it timed out though the value was there");
            "timed out first".into()
        }
        Err(other) => panic!("{other}"),
    }
}

//= SPEC.md#e-5
//= type=test
//# `shutdown` MUST let queued work run, or cancel it when asked to, and when asked to wait MUST
//# return only after every worker has ended.
fn work_against_the_end() -> Outcome {
    let pool = ThreadPoolExecutor::builder().max_workers(1).build().expect("one worker");
    let pool = Arc::new(pool);
    let closer = start("closer", {
        let pool = Arc::clone(&pool);
        move || pool.shutdown(false, false).expect("does not wait")
    });
    let ended = pool.ended();
    let outcome = match pool.submit(move || Ok(ended.done())) {
        Err(SubmitError::ShutDown) => "refused",
        Err(other) => panic!("{other}"),
        Ok(work) => {
            assert!(!work.result().expect("accepted work runs"), "it ran after the end was told");
            "ran in time"
        }
    };
    join(closer);
    pool.shutdown(true, false).expect("not a worker");
    outcome.into()
}
