//! Work in a pool: against cancel, shutdown and a failing initializer, and its way back to a loop.

use loopgate::concurrent::{self, ReturnWhen};
use loopgate::{ResultError, SubmitError, ThreadPoolExecutor};

use super::support::{Cell, NO_SPURIOUS, event_loop, failure, word};
use crate::harness::{Change, Control, Model, Outcome, join, start, throw};

pub(super) static MODELS: &[Model] = &[
    Model {
        name: "e4_cancel_races_pick_up",
        clauses: &["E-4", "F-16"],
        question: "Does cancelled work not run, and its future end?",
        environment: NO_SPURIOUS,
        outcomes: &["ran", "cancelled"],
        body: cancel_races_pick_up,
        controls: &[Control {
            name: "a cancel always comes in time, they say",
            change: Change::Forbid("ran"),
            fails_with: "outcome not allowed: ran",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "e6_cancel_futures_races_pick_up",
        clauses: &["E-5", "E-6", "F-15"],
        question: "Does shutdown with cancel_futures release whoever waits for queued work?",
        environment: NO_SPURIOUS,
        outcomes: &["both ran", "second cancelled", "both cancelled"],
        body: cancel_futures_races_pick_up,
        controls: &[Control {
            name: "everything is cancelled, they say",
            change: Change::Forbid("both ran"),
            fails_with: "outcome not allowed: both ran",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "e1_submit_races_shutdown",
        clauses: &["E-1", "E-5"],
        question: "Is work against a shutdown either refused or run?",
        threads: 3,
        environment: NO_SPURIOUS,
        outcomes: &["refused", "value 1"],
        body: submit_races_shutdown,
        controls: &[Control {
            name: "all work is accepted, they say",
            change: Change::Forbid("refused"),
            fails_with: "outcome not allowed: refused",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "e7_failing_initializer_races_submit",
        clauses: &["E-7", "F-15"],
        question: "Does every future fail when the initializer does, also behind a cancelled one?",
        environment: NO_SPURIOUS,
        outcomes: &["both queued", "second refused"],
        body: failing_initializer,
        controls: &[Control {
            name: "nothing is refused, they say",
            change: Change::Forbid("second refused"),
            fails_with: "outcome not allowed: second refused",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "e3_panicking_work_races_wait",
        clauses: &["E-3", "E-2"],
        question: "Does a worker survive the panic of its work and do what comes next?",
        environment: NO_SPURIOUS,
        outcomes: &["panicked, then value 2"],
        body: panicking_work,
        controls: &[Control {
            name: "the pool dies, they say",
            change: Change::Forbid("panicked, then value 2"),
            fails_with: "outcome not allowed: panicked, then value 2",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "u4_work_races_the_loop",
        clauses: &["U-4", "U-5", "C-9"],
        question: "Does the value of work in a pool reach the coroutine that awaits it?",
        environment: NO_SPURIOUS,
        outcomes: &["value 1"],
        body: work_for_a_coroutine,
        controls: &[Control {
            name: "there is no value, they say",
            change: Change::Forbid("value 1"),
            fails_with: "outcome not allowed: value 1",
        }],
        ..Model::DEFAULTS
    },
];

fn pool() -> ThreadPoolExecutor {
    ThreadPoolExecutor::builder().max_workers(1).build().expect("one worker")
}

//= SPEC.md#e-4
//= type=test
//# Work whose future was cancelled before a worker picked it up MUST NOT run, and its future MUST
//# be marked ended.
fn cancel_races_pick_up() -> Outcome {
    let (pool, ran) = (pool(), Cell::new(false));
    let noted = ran.clone();
    let work = move || {
        noted.set(true);
        Ok(1)
    };
    let future = pool.submit(work).expect("the pool is open");
    let cancelled = future.cancel();
    future.wait_ended().expect("work ends");
    pool.shutdown(true, false).expect("not a worker");
    assert_ne!(cancelled, ran.get(), "ran and cancelled, or neither");
    if cancelled { "cancelled".into() } else { "ran".into() }
}

//= SPEC.md#e-5
//= type=test
//# `shutdown` MUST let queued work run, or cancel it when asked to, and when asked to wait MUST
//# return only after every worker has ended.
//= SPEC.md#e-6
//= type=test
//# `shutdown` with `cancel_futures` MUST release every waiter of the cancelled futures and mark
//# them ended.
fn cancel_futures_races_pick_up() -> Outcome {
    let pool = pool();
    let first = pool.submit(|| Ok::<u32, _>(1)).expect("the pool is open");
    let second = pool.submit(|| Ok::<u32, _>(2)).expect("the pool is open");
    pool.shutdown(true, true).expect("not a worker");
    let both = [first.clone(), second.clone()];
    let split = concurrent::wait(&both, None, ReturnWhen::AllCompleted).expect("two futures");
    assert!(split.not_done.is_empty() && first.ended() && second.ended(), "not ended");
    match (first.cancelled(), second.cancelled()) {
        (false, false) => "both ran".into(),
        (false, true) => "second cancelled".into(),
        (true, true) => "both cancelled".into(),
        (true, false) => panic!("work overtook earlier work"),
    }
}

//= SPEC.md#e-1
//= type=test
//# A pool MUST refuse zero workers and work after shutdown, each with its own error, and the
//# refused work MUST NOT run.
fn submit_races_shutdown() -> Outcome {
    let pool = std::sync::Arc::new(pool());
    let closer = start("closer", {
        let pool = std::sync::Arc::clone(&pool);
        move || pool.shutdown(false, false).expect("does not wait")
    });
    let outcome = match pool.submit(|| Ok::<u32, _>(1)) {
        Err(SubmitError::ShutDown) => "refused".into(),
        Err(other) => panic!("{other}"),
        Ok(future) => word(&future.result()),
    };
    join(closer);
    pool.shutdown(true, false).expect("not a worker");
    outcome.into()
}

//= SPEC.md#e-7
//= type=test
//# A failing initializer MUST break the pool: every queued future fails with that reason, also
//# behind futures that were cancelled meanwhile, and later work is refused.
fn failing_initializer() -> Outcome {
    let pool = ThreadPoolExecutor::builder().max_workers(1).initializer(|| Err(failure()));
    let pool = pool.build().expect("one worker");
    let first = pool.submit(|| Ok::<u32, _>(1)).expect("no worker has begun");
    let cancelled = first.cancel();
    let outcome = match pool.submit(|| Ok::<u32, _>(2)) {
        Ok(second) => {
            assert!(is_broken(&second.result()), "work ran in a broken pool");
            "both queued"
        }
        Err(SubmitError::Broken(why)) => {
            assert_eq!(why.to_string(), "wrong_name");
            "second refused"
        }
        Err(other) => panic!("{other}"),
    };
    first.wait_ended().expect("work ends");
    assert!(cancelled || is_broken(&first.result()), "work ran in a broken pool");
    pool.shutdown(true, false).expect("not a worker");
    outcome.into()
}

fn is_broken(result: &Result<u32, ResultError>) -> bool {
    matches!(result, Err(ResultError::Exception(why)) if why.is::<SubmitError>())
}

//= SPEC.md#e-3
//= type=test
//# A function that panics MUST fail only its own future; the worker goes on.
//= SPEC.md#e-2
//= type=test
//# Work MUST start in the order of submission, and a worker MUST be started only when none is idle
//# and the limit is not reached.
fn panicking_work() -> Outcome {
    let pool = pool();
    let first = pool.submit::<u32, _>(|| throw("work")).expect("the pool is open");
    let second = pool.submit(|| Ok::<u32, _>(2)).expect("the pool is open");
    let message = match first.result() {
        Err(ResultError::Exception(why)) => why.panic_message().map(str::to_owned),
        other => panic!("{other:?}"),
    };
    assert_eq!(message.as_deref(), Some("work"));
    let second = word(&second.result());
    pool.shutdown(true, false).expect("not a worker");
    format!("panicked, then {second}").into()
}

//= SPEC.md#u-4
//= type=test
//# `run_in_executor` MUST return its errors at the call, and otherwise a loop future of the work's
//# outcome.
fn work_for_a_coroutine() -> Outcome {
    let (pool, event_loop) = (pool(), event_loop());
    let work =
        event_loop.run_in_executor(Some(&pool), || Ok::<u32, _>(1)).expect("the pool is open");
    let value = event_loop.run_until_complete(work).expect("a value");
    pool.shutdown(true, false).expect("not a worker");
    format!("value {value}").into()
}
