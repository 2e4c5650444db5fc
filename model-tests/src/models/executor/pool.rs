//! Work in a pool: against cancel, shutdown, panics, a failing initializer, and other work.

use std::sync::Arc;

use loopgate::concurrent::{self, ReturnWhen};
use loopgate::{ResultError, SubmitError, ThreadPoolExecutor};

use super::super::programs::pool as programs;
use super::super::support::{Cell, NO_SPURIOUS, failure, word};
use super::pool_of;
use crate::harness::{Change, Control, ELSEWHERE, Model, Outcome, Spec, join, start, throw};

pub(in crate::models) static MODELS: &[Model] = &[
    Model {
        name: "e4_cancel_races_pick_up",
        clauses: &["E-4", "F-16"],
        question: "Does cancelled work not run, and its future end?",
        environment: NO_SPURIOUS,
        outcomes: &["ran", "cancelled"],
        spec: Spec::allows(
            &[programs::cancel_races_pick_up],
            &[("ran", "ok; ok; false; ok; ok | mark 1"), ("cancelled", "ok; ok; true; ok; ok | ")],
        ),
        body: || cancel_races_pick_up(true),
        controls: &[Control {
            name: "nobody cancels",
            change: Change::Body(|| cancel_races_pick_up(false)),
            fails_with: "outcome never reached: cancelled",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "e6_cancel_futures_races_pick_up",
        clauses: &["E-5", "E-6", "F-15"],
        question: "Does shutdown with cancel_futures release whoever waits for queued work?",
        environment: NO_SPURIOUS,
        outcomes: &["both ran", "second cancelled", "both cancelled"],
        spec: Spec::allows(
            &[programs::cancel_futures_races_pick_up],
            &[
                ("both ran", "..; done 0 1; true; true; false; false | mark 1 | mark 2"),
                ("second cancelled", "..; done 0 1; true; true; false; true | mark 1 | "),
                ("both cancelled", "..; done 0 1; true; true; true; true |  | "),
            ],
        ),
        body: || cancel_futures_races_pick_up(true),
        controls: &[Control {
            name: "queued work is left to run",
            change: Change::Body(|| cancel_futures_races_pick_up(false)),
            fails_with: "outcome never reached",
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
        spec: Spec::allows(
            &[programs::submit_races_shutdown, programs::shutdown_races_result],
            &[
                ("refused", "ok; shut down; ok | ok | "),
                (ELSEWHERE, "ok; ok; ok | ok | "),
                ("value 1", "ok; ok; value 1; ok | ok | "),
            ],
        ),
        body: || submit_races_shutdown(true),
        controls: &[Control {
            name: "nobody shuts it down",
            change: Change::Body(|| submit_races_shutdown(false)),
            fails_with: "outcome never reached: refused",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "e1_work_that_submits_races_shutdown",
        clauses: &["E-1", "E-5"],
        question: "Is work that work submits refused by a shutdown, or done before it returns?",
        environment: NO_SPURIOUS,
        outcomes: &["refused", "accepted and done"],
        spec: Spec::allows(
            &[programs::work_submits],
            &[
                ("refused", "ok; ok; ok; true | shut down | "),
                ("accepted and done", "ok; ok; ok; true | ok | mark 1"),
            ],
        ),
        body: || work_submits(true),
        controls: &[Control {
            name: "the shutdown does not wait",
            change: Change::Body(|| work_submits(false)),
            fails_with: "returned before the work had ended",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "e2_waiting_work_gets_a_second_worker",
        clauses: &["E-2"],
        question: "Is a worker started for work that others wait for, idle as the first may seem?",
        threads: 3,
        environment: NO_SPURIOUS,
        bound: Some(2),
        outcomes: &["both done"],
        spec: Spec::allows(
            &[programs::two_workers],
            &[("both done", "ok; ok; value 0; ok; ok; value 1; value 2; ok |  | value 1 | ok")],
        ),
        body: || two_workers(2),
        controls: &[Control {
            name: "the limit is one worker",
            change: Change::Body(|| two_workers(1)),
            fails_with: "deadlock",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "e2_worker_woken_in_vain_waits_again",
        clauses: &["E-2"],
        question: "Is an idle worker woken for work after another had taken what it was woken for?",
        threads: 3,
        environment: NO_SPURIOUS,
        bound: Some(2),
        only_loom: true,
        outcomes: &["all done"],
        spec: Spec::allows(
            &[programs::woken_in_vain],
            &[(
                "all done",
                "ok; ok; ok; value 1; value 2; ok; value 3; ok; value 4; ok | value 1 | ok |  | ",
            )],
        ),
        body: || woken_in_vain(2),
        controls: &[Control {
            name: "the limit is one worker",
            change: Change::Body(|| woken_in_vain(1)),
            fails_with: "deadlock",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "e5_two_shutdowns_wait",
        clauses: &["E-5"],
        question: "Do two threads that shut a pool down both return only after its work?",
        threads: 3,
        bound: Some(2),
        environment: NO_SPURIOUS,
        outcomes: &["both after the work"],
        spec: Spec::allows(
            &[programs::two_shutdowns],
            &[("both after the work", "ok; ok; ok; true | ok; true | ")],
        ),
        body: || two_shutdowns(true),
        controls: &[Control {
            name: "one of them does not wait",
            change: Change::Body(|| two_shutdowns(false)),
            fails_with: "returned before the work had ended",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "e7_failing_initializer_races_submit",
        clauses: &["E-7", "F-15"],
        question: "Does every future fail when the initializer does, also behind a cancelled one?",
        environment: NO_SPURIOUS,
        outcomes: &["both queued", "second refused"],
        spec: Spec::allows(
            &[programs::failing_initializer],
            &[
                ("both queued", "ok; ok; true; ok; ok; cancelled; ok |  | "),
                ("second refused", "ok; ok; true; broken pool; ok; cancelled; ok |  | "),
                ("second refused", "ok; ok; false; broken pool; ok; broken pool; ok |  | "),
            ],
        ),
        body: || failing_initializer(true),
        controls: &[Control {
            name: "the initializer does not fail",
            change: Change::Body(|| failing_initializer(false)),
            fails_with: "work ran in a broken pool",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "e3_panicking_work_races_wait",
        clauses: &["E-3", "E-2"],
        question: "Does a worker survive the panic of its work and do what comes next?",
        environment: NO_SPURIOUS,
        outcomes: &["panicked, then value 2"],
        spec: Spec::allows(
            &[programs::panicking_work],
            &[("panicked, then value 2", "ok; ok; ok; raised 1; value 2; ok |  | ")],
        ),
        body: || panicking_work(true),
        controls: &[Control {
            name: "the work does not panic",
            change: Change::Body(|| panicking_work(false)),
            fails_with: "Ok(1)",
        }],
        ..Model::DEFAULTS
    },
];

//= SPEC.md#e-4
//= type=test
//# Work whose future was cancelled before a worker picked it up MUST NOT run, and its future MUST
//# be marked ended.
//= SPEC.md#f-16
//= type=test
//# `wait_ended` MUST return only when the work has really ended: finished, or cancelled and
//# acknowledged by its producer.
fn cancel_races_pick_up(cancel: bool) -> Outcome {
    let (pool, ran) = (pool_of(1), Cell::new(false));
    let noted = ran.clone();
    let work = move || {
        noted.set(true);
        Ok(1)
    };
    let future = pool.submit(work).expect("the pool is open");
    let cancelled = cancel && future.cancel();
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
//= SPEC.md#f-15
//= type=test
//# CANCELLED MUST count as done for `result`, `exception`, `wait`, `as_completed` and `await`
//# alike.
fn cancel_futures_races_pick_up(cancel: bool) -> Outcome {
    let pool = pool_of(1);
    let first = pool.submit(|| Ok::<u32, _>(1)).expect("the pool is open");
    let second = pool.submit(|| Ok::<u32, _>(2)).expect("the pool is open");
    pool.shutdown(true, cancel).expect("not a worker");
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
//= SPEC.md#e-5
//= type=test
//# `shutdown` MUST let queued work run, or cancel it when asked to, and when asked to wait MUST
//# return only after every worker has ended.
fn submit_races_shutdown(raced: bool) -> Outcome {
    let pool = Arc::new(pool_of(1));
    let closer = start("closer", {
        let pool = Arc::clone(&pool);
        move || {
            if raced {
                pool.shutdown(false, false).expect("does not wait");
            }
        }
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

//= SPEC.md#e-1
//= type=test
//# A pool MUST refuse zero workers and work after shutdown, each with its own error, and the
//# refused work MUST NOT run.
//= SPEC.md#e-5
//= type=test
//# `shutdown` MUST let queued work run, or cancel it when asked to, and when asked to wait MUST
//# return only after every worker has ended.
fn work_submits(wait: bool) -> Outcome {
    let pool = Arc::new(pool_of(1));
    let (accepted, done) = (Cell::new(false), Cell::new(false));
    let first = pool.submit({
        let (pool, accepted, done) = (Arc::clone(&pool), accepted.clone(), done.clone());
        move || {
            let note = move || {
                done.set(true);
                Ok::<u32, _>(2)
            };
            match pool.submit(note) {
                Ok(_) => accepted.set(true),
                Err(SubmitError::ShutDown) => {}
                Err(other) => panic!("{other}"),
            }
            Ok::<u32, _>(1)
        }
    });
    let first = first.expect("the pool is open");
    pool.shutdown(wait, false).expect("not a worker");
    assert!(first.done(), "returned before the work had ended");
    assert_eq!(accepted.get(), done.get(), "accepted and not done, or done though refused");
    if done.get() { "accepted and done".into() } else { "refused".into() }
}

//= SPEC.md#e-2
//= type=test
//# Work MUST start in the order of submission, and a worker MUST be started only when none is idle
//# and the limit is not reached.
fn two_workers(limit: usize) -> Outcome {
    let pool = pool_of(limit);
    // Its worker is idle after this, or about to be.
    let before = pool.submit(|| Ok::<u32, _>(0)).expect("the pool is open");
    before.result().expect("a value");
    both_at_work(&pool);
    pool.shutdown(true, false).expect("not a worker");
    "both done".into()
}

/// Work that needs two workers at once.
fn both_at_work(pool: &ThreadPoolExecutor) {
    let (tell, told) = concurrent::promise::<u32>();
    let first = pool.submit(move || Ok(told.result()?)).expect("the pool is open");
    let second = pool.submit(move || {
        tell.set_result(1).expect("nobody cancels");
        Ok::<u32, _>(2)
    });
    assert_eq!(first.result().expect("a value"), 1);
    assert_eq!(second.expect("the pool is open").result().expect("a value"), 2);
}

//= SPEC.md#e-2
//= type=test
//# Work MUST start in the order of submission, and a worker MUST be started only when none is idle
//# and the limit is not reached.
fn woken_in_vain(limit: usize) -> Outcome {
    let pool = pool_of(limit);
    both_at_work(&pool);
    // One of the two may be idle and be woken for the first of these, and the other be faster.
    for value in [3, 4] {
        let work = pool.submit(move || Ok::<u32, _>(value)).expect("the pool is open");
        assert_eq!(work.result().expect("a value"), value);
    }
    pool.shutdown(true, false).expect("not a worker");
    "all done".into()
}

//= SPEC.md#e-5
//= type=test
//# `shutdown` MUST let queued work run, or cancel it when asked to, and when asked to wait MUST
//# return only after every worker has ended.
fn two_shutdowns(both_wait: bool) -> Outcome {
    let pool = Arc::new(pool_of(1));
    let work = pool.submit(|| Ok::<u32, _>(1)).expect("the pool is open");
    let other = start("other", {
        let (pool, work) = (Arc::clone(&pool), work.clone());
        move || {
            pool.shutdown(both_wait, false).expect("not a worker");
            assert!(work.done(), "returned before the work had ended");
        }
    });
    pool.shutdown(true, false).expect("not a worker");
    assert!(work.done() && pool.workers() == 0, "returned before the work had ended");
    join(other);
    "both after the work".into()
}

//= SPEC.md#e-7
//= type=test
//# A failing initializer MUST break the pool: every queued future fails with that reason, also
//# behind futures that were cancelled meanwhile, and later work is refused.
//= SPEC.md#f-15
//= type=test
//# CANCELLED MUST count as done for `result`, `exception`, `wait`, `as_completed` and `await`
//# alike.
fn failing_initializer(fails: bool) -> Outcome {
    let pool = ThreadPoolExecutor::builder()
        .max_workers(1)
        .initializer(move || if fails { Err(failure()) } else { Ok(()) });
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
fn panicking_work(panics: bool) -> Outcome {
    let pool = pool_of(1);
    let first = pool
        .submit(move || if panics { throw("work") } else { Ok::<u32, _>(1) })
        .expect("the pool is open");
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
