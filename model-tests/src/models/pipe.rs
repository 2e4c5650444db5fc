//! The self-pipe when the world is unkind to it.

use loopgate::PostError;
use loopgate::checkers::fill_pipe;
use loopgate::checkers::model::{Arc, Condvar, Environment, Mutex};

use super::support::{Cell, count, event_loop, running, slept};
use crate::harness::{Change, Control, Model, Outcome, join, start};

const INTERRUPTS: Environment = Environment { interrupts: true, ..Environment::USUAL };
const PARTIAL_DRAINS: Environment =
    Environment { partial_drains: true, pipe_capacity: 2, ..Environment::USUAL };
const END_OF_FILE: Environment = Environment { end_of_file: true, ..Environment::USUAL };
const FAILING_WRITES: Environment = Environment { failing_writes: true, ..Environment::USUAL };

pub(super) static MODELS: &[Model] = &[
    Model {
        name: "w4_full_pipe_races_drain",
        clauses: &["W-4", "W-2"],
        question: "Is a post into a full pipe, or into one that is just drained, run all the same?",
        outcomes: &["no write", "the pipe was full", "the pipe had room"],
        body: full_pipe,
        controls: &[Control {
            name: "the pipe is never full, they say",
            change: Change::Forbid("the pipe was full"),
            fails_with: "outcome not allowed: the pipe was full",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "w6_interrupt_races_post",
        clauses: &["W-6", "W-2"],
        question: "Is a post that falls into an interrupted sleep run all the same?",
        environment: INTERRUPTS,
        outcomes: &["slept once", "slept twice", "did not sleep"],
        body: interrupted,
        controls: &[Control {
            name: "and the byte may vanish",
            change: Change::Environment(Environment { lost_bytes: true, ..INTERRUPTS }),
            fails_with: "deadlock",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "w5_partial_drain_races_post",
        clauses: &["W-5", "W-3"],
        question: "Does a byte that a drain leaves behind cost a turn and nothing else?",
        environment: PARTIAL_DRAINS,
        outcomes: &["run"],
        body: partial_drain,
        controls: &[Control {
            name: "and the byte may vanish",
            change: Change::Environment(Environment { lost_bytes: true, ..PARTIAL_DRAINS }),
            fails_with: "deadlock",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "w8_end_of_file_races_post",
        clauses: &["W-8", "W-7"],
        question: "Is a broken pipe reported and replaced, and every accepted post run?",
        environment: END_OF_FILE,
        choices: 1,
        outcomes: &["sound", "replaced", "replaced, a post refused"],
        body: end_of_file,
        controls: &[Control {
            name: "pipes never break, they say",
            change: Change::Forbid("replaced"),
            fails_with: "outcome not allowed: replaced",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "w7_failing_write_races_sleep",
        clauses: &["W-7"],
        question: "Is a post whose wake fails withdrawn, unless the loop has it already?",
        environment: FAILING_WRITES,
        choices: 2,
        outcomes: &["accepted", "refused, then accepted", "delivered in spite of the failure"],
        body: failing_write,
        controls: &[Control {
            name: "writes never fail, they say",
            change: Change::Forbid("refused, then accepted"),
            fails_with: "outcome not allowed: refused, then accepted",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "w11_posters_do_not_wait_for_a_sleeping_loop",
        clauses: &["W-11", "W-10"],
        question: "Can a thread post to a loop that never runs, and be gone?",
        outcomes: &["accepted"],
        body: post_to_an_idle_loop,
        controls: &[Control {
            name: "a post blocks, they say",
            change: Change::Forbid("accepted"),
            fails_with: "outcome not allowed: accepted",
        }],
        ..Model::DEFAULTS
    },
];

/// Posts something that stops the loop, and runs it.
fn post_and_run(event_loop: &loopgate::EventLoop) {
    let handle = event_loop.handle();
    let poster = start("poster", move || {
        handle.call_soon_threadsafe(|| running().stop()).expect("the loop is open");
    });
    event_loop.run_forever().expect("the run is stopped");
    join(poster);
}

//= SPEC.md#w-4
//= type=test
fn full_pipe() -> Outcome {
    let event_loop = event_loop();
    assert_eq!(fill_pipe(&event_loop), 1);
    post_and_run(&event_loop);
    let steps = loopgate::checkers::model::interleaving().expect("nobody else looks").steps;
    let written: Vec<_> = steps.iter().filter(|step| step.operation == "write").collect();
    match written[..] {
        [] => "no write".into(),
        [write] if write.value.contains("full") => "the pipe was full".into(),
        [_] => "the pipe had room".into(),
        _ => panic!("one post wrote twice"),
    }
}

//= SPEC.md#w-6
//= type=test
fn interrupted() -> Outcome {
    post_and_run(&event_loop());
    match count("sleeps on", "Pipe") {
        0 => "did not sleep".into(),
        1 => "slept once".into(),
        2 => "slept twice".into(),
        more => format!("slept {more} times").into(),
    }
}

//= SPEC.md#w-5
//= type=test
fn partial_drain() -> Outcome {
    let event_loop = event_loop();
    assert_eq!(fill_pipe(&event_loop), 2);
    post_and_run(&event_loop);
    "run".into()
}

//= SPEC.md#w-8
//= type=test
fn end_of_file() -> Outcome {
    let event_loop = event_loop();
    let reports = Arc::new((Mutex::new(0), Condvar::new()));
    let counted = Arc::clone(&reports);
    event_loop.set_exception_handler(move |_| {
        *counted.0.lock() += 1;
        counted.1.notify_all();
    });
    let refused = Cell::new(0);
    let poster = start("poster", {
        let (handle, refused) = (event_loop.handle(), refused.clone());
        let reports = Arc::clone(&reports);
        move || {
            while let Err(error) = handle.call_soon_threadsafe(|| running().stop()) {
                assert!(matches!(error, PostError::WakeFailed(_)), "{error}");
                refused.update(|count| *count += 1);
                // The loop notices a broken pipe by itself, and says so: then the next post may do.
                let mut reported = reports.0.lock();
                while *reported < refused.get() {
                    reports.1.wait(&mut reported);
                }
            }
        }
    });
    event_loop.run_forever().expect("the run is stopped");
    join(poster);
    let reports = *reports.0.lock();
    match (reports, refused.get()) {
        (0, 0) => "sound".into(),
        (_, 0) => "replaced".into(),
        (_, _) => "replaced, a post refused".into(),
    }
}

//= SPEC.md#w-7
//= type=test
fn failing_write() -> Outcome {
    let event_loop = event_loop();
    let (ran, refused) = (Cell::new(0), Cell::new(0));
    let poster = start("poster", {
        let (handle, ran, refused) = (event_loop.handle(), ran.clone(), refused.clone());
        move || {
            let post = || {
                let ran = ran.clone();
                handle.call_soon_threadsafe(move || {
                    ran.update(|count| *count += 1);
                    running().stop();
                })
            };
            while let Err(error) = post() {
                assert!(matches!(error, PostError::WakeFailed(_)), "{error}");
                refused.update(|count| *count += 1);
            }
        }
    });
    event_loop.run_forever().expect("the run is stopped");
    join(poster);
    assert_eq!(ran.get(), 1, "a withdrawn post ran, or an accepted one did not");
    let failed = {
        let steps = loopgate::checkers::model::interleaving().expect("nobody else looks").steps;
        steps.iter().any(|step| step.operation == "the write fails")
    };
    match (failed, refused.get()) {
        (false, 0) => "accepted".into(),
        (true, 0) => "delivered in spite of the failure".into(),
        (true, _) => "refused, then accepted".into(),
        (false, _) => panic!("refused without a failure"),
    }
}

//= SPEC.md#w-11
//= type=test
//= SPEC.md#w-10
//= type=test
fn post_to_an_idle_loop() -> Outcome {
    let event_loop = event_loop();
    let handle = event_loop.handle();
    let ran = Cell::new(false);
    let poster = start("poster", {
        let ran = ran.clone();
        move || drop(handle.call_soon_threadsafe(move || ran.set(true)).expect("the loop is open"))
    });
    join(poster);
    let turn = event_loop.run_once(Some(std::time::Duration::ZERO)).expect("a turn");
    assert_eq!(turn, loopgate::Turn::Continue);
    assert!(ran.get() && !slept(), "the post did not run in the first batch");
    "accepted".into()
}
