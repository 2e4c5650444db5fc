//! The self-pipe when the world is unkind to it.

use loopgate::PostError;
use loopgate::checkers::model::{Arc, Condvar, Environment, Mutex, interleaving};
use loopgate::checkers::{break_pipe, fill_pipe};

use super::programs::pipe as programs;
use super::support::{Cell, NO_SPURIOUS, NOT_OBSERVED, count, event_loop, running, slept, turns};
use crate::harness::{Change, Control, Model, Outcome, Spec, join, start};

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
        spec: Spec::allows(
            &[programs::post_and_run],
            &[
                ("no write", "ok | ok"),
                ("the pipe was full", "ok | ok"),
                ("the pipe had room", "ok | ok"),
            ],
        )
        .but_for("what is written, and into how full a pipe"),
        body: || full_pipe(true),
        controls: &[Control {
            name: "the pipe is not full",
            change: Change::Body(|| full_pipe(false)),
            fails_with: "outcome never reached",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "w6_interrupt_races_post",
        clauses: &["W-6", "W-2"],
        question: "Is a post that falls into an interrupted sleep run all the same?",
        environment: INTERRUPTS,
        native: false,
        outcomes: &["slept once", "slept twice", "did not sleep"],
        spec: Spec::allows(
            &[programs::post_and_run],
            &[("slept once", "ok | ok"), ("slept twice", "ok | ok"), ("did not sleep", "ok | ok")],
        )
        .but_for("how often the loop sleeps"),
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
        native: false,
        outcomes: &["run"],
        spec: Spec::allows(&[programs::post_and_run], &[("run", "ok | ok")]),
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
        question: "Is a pipe that breaks reported and replaced, and a post run if it was accepted?",
        environment: END_OF_FILE,
        native: false,
        outcomes: &["sound", "broken, the post accepted", "broken, the post refused"],
        spec: Spec::Below("pipes that break"),
        body: end_of_file,
        controls: &[Control {
            name: "pipes never break",
            change: Change::Environment(Environment::USUAL),
            fails_with: "outcome never reached: broken",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "w8_post_races_the_new_pipe",
        clauses: &["W-8", "W-7", "W-2"],
        question: "Is the next post accepted and run once a broken pipe has been replaced?",
        environment: NO_SPURIOUS,
        outcomes: &["accepted", "refused, then accepted"],
        spec: Spec::Below("pipes that break"),
        body: || new_pipe(true),
        controls: &[Control {
            name: "the pipe is sound",
            change: Change::Body(|| new_pipe(false)),
            fails_with: "outcome never reached: refused, then accepted",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "w7_failing_write_races_sleep",
        clauses: &["W-7", "W-8"],
        question: "Is a post whose wake fails withdrawn, unless the loop has it already?",
        environment: FAILING_WRITES,
        native: false,
        outcomes: &["accepted", "refused", "delivered in spite of the failure"],
        spec: Spec::Below("writes that fail"),
        body: failing_write,
        controls: &[Control {
            name: "writes never fail",
            change: Change::Environment(Environment::USUAL),
            fails_with: "outcome never reached: refused",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "w2_failed_wake_strands_nobody_else",
        clauses: &["W-2", "W-7", "W-8"],
        question: "Is a post run that relied on the byte of another poster whose write fails?",
        threads: 3,
        bound: Some(3),
        environment: Environment { spurious_wakeups: false, ..FAILING_WRITES },
        native: false,
        choices: 1,
        outcomes: &["accepted", "refused, then accepted"],
        spec: Spec::Below("writes that fail"),
        body: failed_wake_of_another,
        controls: &[Control {
            name: "and the byte may vanish",
            change: Change::Environment(Environment {
                lost_bytes: true,
                spurious_wakeups: false,
                ..FAILING_WRITES
            }),
            fails_with: "deadlock",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "w11_posters_do_not_wait_for_a_sleeping_loop",
        clauses: &["W-11", "W-10"],
        question: "Can a thread post to a loop that never runs, and be gone?",
        outcomes: &["accepted"],
        spec: Spec::allows(
            &[programs::post_to_an_idle_loop],
            &[("accepted", "mark 1; continue | ok")],
        ),
        body: || post_to_an_idle_loop(true),
        controls: &[Control {
            name: "the loop is closed",
            change: Change::Body(|| post_to_an_idle_loop(false)),
            fails_with: "the loop is open",
        }],
        ..Model::DEFAULTS
    },
];

/// Counts the reports of a loop, for a poster that waits until its broken pipe has been replaced.
#[derive(Clone)]
struct Reports(Arc<(Mutex<usize>, Condvar)>);

impl Reports {
    fn of(event_loop: &loopgate::EventLoop) -> Reports {
        let reports = Reports(Arc::new((Mutex::new(0), Condvar::new())));
        let counted = reports.clone();
        event_loop.set_exception_handler(move |_| {
            *counted.0.0.lock() += 1;
            counted.0.1.notify_all();
        });
        reports
    }

    fn count(&self) -> usize {
        *self.0.0.lock()
    }

    /// The loop notices a broken pipe by itself, and says so: then the next post may do.
    fn wait_for(&self, count: usize) {
        let mut reported = self.0.0.lock();
        while *reported < count {
            self.0.1.wait(&mut reported);
        }
    }

    /// Posts until it is accepted; how often it was refused.
    fn post_until_accepted(&self, post: impl Fn() -> Result<(), PostError>) -> usize {
        let mut refused = 0;
        while let Err(error) = post() {
            assert!(matches!(error, PostError::WakeFailed(_)), "{error}");
            refused += 1;
            self.wait_for(refused);
        }
        refused
    }
}

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
//# A full pipe MUST count as a delivered wake, and posting to it MUST NOT block or fail.
//= SPEC.md#w-2
//= type=test
//# A post that is accepted while the loop sleeps, or is about to, MUST make that sleep end.
fn full_pipe(full: bool) -> Outcome {
    let event_loop = event_loop();
    if full {
        assert!(fill_pipe(&event_loop) > 0, "it was full before");
    }
    post_and_run(&event_loop);
    let Some(record) = interleaving() else { return NOT_OBSERVED.into() };
    let steps = record.steps;
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
//# A write or a sleep that a signal interrupts MUST be retried or ended early, and never lost.
//= SPEC.md#w-2
//= type=test
//# A post that is accepted while the loop sleeps, or is about to, MUST make that sleep end.
fn interrupted() -> Outcome {
    post_and_run(&event_loop());
    match count("sleeps on", "Pipe") {
        None => NOT_OBSERVED.into(),
        Some(0) => "did not sleep".into(),
        Some(1) => "slept once".into(),
        Some(2) => "slept twice".into(),
        Some(more) => format!("slept {more} times").into(),
    }
}

//= SPEC.md#w-5
//= type=test
//# A loop that finds the pipe readable MUST drain it completely before it takes the inbox.
//= SPEC.md#w-3
//= type=test
//# Between two moments at which the loop begins to sleep, posters MUST undertake at most one write
//# to the pipe.
fn partial_drain() -> Outcome {
    let event_loop = event_loop();
    assert!(fill_pipe(&event_loop) > 1, "it has no room for two");
    post_and_run(&event_loop);
    "run".into()
}

/// One post to a loop that ends its run when the post runs, or when it finds its pipe broken.
///
/// Returns whether the post was refused and how often a broken pipe was reported.
fn post_into_a_pipe_that_may_break(event_loop: &loopgate::EventLoop) -> (bool, usize) {
    let (ran, reports) = (Cell::new(0), Cell::new(0));
    event_loop.set_exception_handler({
        let reports = reports.clone();
        move |_| {
            reports.update(|count| *count += 1);
            running().stop();
        }
    });
    let refused = Cell::new(false);
    let poster = start("poster", {
        let (handle, ran, refused) = (event_loop.handle(), ran.clone(), refused.clone());
        move || {
            let callback = move || {
                ran.update(|count| *count += 1);
                running().stop();
            };
            match handle.call_soon_threadsafe(callback) {
                Ok(_) => {}
                Err(PostError::WakeFailed(_)) => refused.set(true),
                Err(error) => panic!("{error}"),
            }
        }
    });
    event_loop.run_forever().expect("the run is stopped");
    join(poster);
    // A report may have ended the run before the post was taken.
    turns(event_loop, 1);
    assert_eq!(ran.get(), usize::from(!refused.get()), "withdrawn and run, or accepted and not");
    (refused.get(), reports.get())
}

//= SPEC.md#w-8
//= type=test
//# End-of-file on the pipe MUST be reported to the exception handler once and repaired with a new
//# pipe, and MUST NOT make the loop spin.
//= SPEC.md#w-7
//= type=test
//# A post whose wake cannot be delivered MUST be withdrawn and refused with the reason, unless the
//# loop took the entry in the meantime.
fn end_of_file() -> Outcome {
    match post_into_a_pipe_that_may_break(&event_loop()) {
        (false, 0) => "sound".into(),
        (false, _) => "broken, the post accepted".into(),
        (true, 0) => panic!("refused, and the loop was not told that its pipe is broken"),
        (true, _) => "broken, the post refused".into(),
    }
}

//= SPEC.md#w-8
//= type=test
//# End-of-file on the pipe MUST be reported to the exception handler once and repaired with a new
//# pipe, and MUST NOT make the loop spin.
//= SPEC.md#w-7
//= type=test
//# A post whose wake cannot be delivered MUST be withdrawn and refused with the reason, unless the
//# loop took the entry in the meantime.
//= SPEC.md#w-2
//= type=test
//# A post that is accepted while the loop sleeps, or is about to, MUST make that sleep end.
fn new_pipe(broken: bool) -> Outcome {
    let event_loop = event_loop();
    let reports = Reports::of(&event_loop);
    if broken {
        break_pipe(&event_loop);
    }
    let refused = Cell::new(0);
    let poster = start("poster", {
        let (handle, refused, reports) = (event_loop.handle(), refused.clone(), reports.clone());
        move || {
            let post = || handle.call_soon_threadsafe(|| running().stop()).map(drop);
            refused.set(reports.post_until_accepted(post));
        }
    });
    event_loop.run_forever().expect("the run is stopped");
    join(poster);
    assert!(reports.count() <= usize::from(broken), "reported more than once");
    if refused.get() == 0 { "accepted".into() } else { "refused, then accepted".into() }
}

//= SPEC.md#w-7
//= type=test
//# A post whose wake cannot be delivered MUST be withdrawn and refused with the reason, unless the
//# loop took the entry in the meantime.
//= SPEC.md#w-8
//= type=test
//# End-of-file on the pipe MUST be reported to the exception handler once and repaired with a new
//# pipe, and MUST NOT make the loop spin.
fn failing_write() -> Outcome {
    let (refused, _) = post_into_a_pipe_that_may_break(&event_loop());
    let Some(record) = interleaving() else { return NOT_OBSERVED.into() };
    let failed = record.steps.iter().any(|step| step.operation == "the write fails");
    match (failed, refused) {
        (false, false) => "accepted".into(),
        (true, false) => "delivered in spite of the failure".into(),
        (true, true) => "refused".into(),
        (false, true) => panic!("refused without a failure"),
    }
}

//= SPEC.md#w-2
//= type=test
//# A post that is accepted while the loop sleeps, or is about to, MUST make that sleep end.
//= SPEC.md#w-7
//= type=test
//# A post whose wake cannot be delivered MUST be withdrawn and refused with the reason, unless the
//# loop took the entry in the meantime.
//= SPEC.md#w-8
//= type=test
//# End-of-file on the pipe MUST be reported to the exception handler once and repaired with a new
//# pipe, and MUST NOT make the loop spin.
fn failed_wake_of_another() -> Outcome {
    let event_loop = event_loop();
    let reports = Reports::of(&event_loop);
    let other = start("other", {
        let handle = event_loop.handle();
        // Refused or not: whoever is refused knows, and this one leaves it at that.
        move || drop(handle.call_soon_threadsafe(|| ()))
    });
    let refused = Cell::new(0);
    let poster = start("poster", {
        let (handle, refused) = (event_loop.handle(), refused.clone());
        move || {
            let post = || handle.call_soon_threadsafe(|| running().stop()).map(drop);
            refused.set(reports.post_until_accepted(post));
        }
    });
    event_loop.run_forever().expect("the run is stopped");
    join(other);
    join(poster);
    if refused.get() == 0 { "accepted".into() } else { "refused, then accepted".into() }
}

//= SPEC.md#w-11
//= type=test
//# No foreign thread MUST be made to wait for the loop by a post.
//= SPEC.md#w-10
//= type=test
//# A post to a loop that is open but not running MUST be accepted and MUST run in the first batch
//# of the next run.
fn post_to_an_idle_loop(open: bool) -> Outcome {
    let event_loop = event_loop();
    let handle = event_loop.handle();
    if !open {
        event_loop.close().expect("the loop does not run");
    }
    let ran = Cell::new(false);
    let poster = start("poster", {
        let ran = ran.clone();
        move || drop(handle.call_soon_threadsafe(move || ran.set(true)).expect("the loop is open"))
    });
    join(poster);
    let turn = event_loop.run_once(Some(std::time::Duration::ZERO)).expect("a turn");
    assert_eq!(turn, loopgate::Turn::Continue);
    assert!(ran.get() && slept() != Some(true), "the post did not run in the first batch");
    "accepted".into()
}
