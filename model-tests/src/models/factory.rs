//! A task factory that fails, while the submitter cancels, waits, or the loop closes.

use loopgate::{EventLoop, PostError, ResultError};

use super::programs::factory as programs;
use super::support::{Cell, NO_SPURIOUS, event_loop, failure, says_closed, stop, turns};
use crate::harness::{Change, Control, ELSEWHERE, Model, Outcome, Spec, join, start, throw};

pub(super) static MODELS: &[Model] = &[
    Model {
        name: "t15_factory_error_races_cancel",
        clauses: &["T-15", "T-16", "T-14", "X-1"],
        question: "Does the handler get the factory's error once, and the submitter unless it cancelled?",
        environment: NO_SPURIOUS,
        outcomes: &["submitter and handler", "handler alone"],
        spec: Spec::allows(
            &[programs::factory_error_races_cancel],
            &[
                ("submitter and handler", "ok; reported raised 1; continue; raised 1 | false"),
                ("handler alone", "ok; reported raised 1; continue; cancelled | true"),
            ],
        ),
        body: factory_error_races_cancel,
        controls: &[
            Control {
                name: "the submitter always gets it, they say",
                change: Change::Forbid("handler alone"),
                fails_with: "outcome not allowed: handler alone",
            },
            Control {
                name: "the factory does not fail",
                change: Change::Body(factory_does_not_fail),
                fails_with: "the handler was called 0 times",
            },
        ],
        ..Model::DEFAULTS
    },
    Model {
        name: "t15_factory_error_races_wait",
        clauses: &["T-15", "T-14", "U-1"],
        question: "Does a submitter that blocks get the factory's error, and the loop go on?",
        environment: NO_SPURIOUS,
        outcomes: &["exception"],
        spec: Spec::allows(
            &[programs::factory_error_races_wait],
            &[("exception", "reported raised 1; ok | ok; raised 1; ok")],
        ),
        body: || factory_error_races_wait(true),
        controls: &[Control {
            name: "the loop does not run",
            change: Change::Body(|| factory_error_races_wait(false)),
            fails_with: "deadlock",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "t14_factory_panic_races_close",
        clauses: &["T-14", "C-8", "X-2"],
        question: "Does a submission end when its factory panics in a loop that is about to close?",
        environment: NO_SPURIOUS,
        outcomes: &["refused", "closed", "panicked"],
        spec: Spec::allows(
            &[programs::close_races_submission, programs::factory_panic_races_close],
            &[
                ("refused", "continue; ok | loop closed"),
                (ELSEWHERE, "continue; ok | ok"),
                ("closed", "continue; ok | ok; loop closed"),
                ("panicked", "continue; ok | ok; raised 1"),
            ],
        ),
        body: || factory_panic_races_close(true),
        controls: &[Control {
            name: "the loop is not closed",
            change: Change::Body(|| factory_panic_races_close(false)),
            fails_with: "deadlock",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "x5_handler_panic_races_submission",
        clauses: &["X-5", "T-15"],
        question: "Does the loop go on to serve others when the handler itself panics?",
        environment: NO_SPURIOUS,
        outcomes: &["exception, then stopped"],
        spec: Spec::allows(
            &[programs::handler_panics],
            &[("exception, then stopped", "reported raised 1; ok | ok; raised 1; ok")],
        ),
        body: || handler_panics(true),
        controls: &[Control {
            name: "the factory does not fail",
            change: Change::Body(|| handler_panics(false)),
            fails_with: "Ok(1)",
        }],
        ..Model::DEFAULTS
    },
];

/// Counts reports, each of which must carry the very object that `raised` is.
fn count_reports(event_loop: &EventLoop, raised: &loopgate::Exception) -> Cell<usize> {
    let reports = Cell::new(0);
    let (count, expected) = (reports.clone(), raised.clone());
    event_loop.set_exception_handler(move |context| {
        let exception = context.exception.as_ref().expect("an exception is reported");
        assert!(exception.same_object(&expected), "another object: {exception}");
        count.update(|count| *count += 1);
    });
    reports
}

//= SPEC.md#t-15
//= type=test
//# When a factory fails for a submission, the submitter's future and the exception handler MUST get
//# the same exception object, the handler exactly once.
//= SPEC.md#t-16
//= type=test
//# When a factory fails for a submission that was already cancelled, only the exception handler
//# MUST get the exception.
//= SPEC.md#t-14
//= type=test
//# A task factory that fails, panics, or returns a task of another loop or of another coroutine
//# MUST make the creation fail with that exception, MUST drop the coroutine, and MUST NOT stop the
//# loop.
//= SPEC.md#x-1
//= type=test
//# Every clone of an `Exception` MUST be the same object: identity is kept from the place that
//# raised it to every place that observes it.
fn factory_error_races_cancel() -> Outcome {
    submit_to_factory(true)
}

fn factory_does_not_fail() -> Outcome {
    submit_to_factory(false)
}

fn submit_to_factory(fails: bool) -> Outcome {
    let event_loop = event_loop();
    let raised = failure();
    let reports = count_reports(&event_loop, &raised);
    if fails {
        let raise = raised.clone();
        event_loop.set_task_factory(move |_| Err(raise.clone()));
    }
    let submitted = event_loop.handle().run_coroutine_threadsafe(async { Ok::<u32, _>(1) });
    let future = submitted.expect("the loop is open");
    let canceller = start("canceller", {
        let future = future.clone();
        move || _ = future.cancel()
    });
    // The submission; a factory that does not fail needs two turns more.
    turns(&event_loop, if fails { 1 } else { 3 });
    join(canceller);
    assert_eq!(reports.get(), 1, "the handler was called {} times", reports.get());
    match future.result() {
        Err(ResultError::Exception(exception)) if exception.same_object(&raised) => {
            "submitter and handler".into()
        }
        Err(ResultError::Cancelled(_)) => "handler alone".into(),
        other => panic!("{other:?}"),
    }
}

//= SPEC.md#t-14
//= type=test
//# A task factory that fails, panics, or returns a task of another loop or of another coroutine
//# MUST make the creation fail with that exception, MUST drop the coroutine, and MUST NOT stop the
//# loop.
//= SPEC.md#t-15
//= type=test
//# When a factory fails for a submission, the submitter's future and the exception handler MUST get
//# the same exception object, the handler exactly once.
//= SPEC.md#u-1
//= type=test
//# `run_coroutine_threadsafe` MUST return a future that ends in a final state whatever becomes of
//# the loop, if the submission was accepted.
fn factory_error_races_wait(run: bool) -> Outcome {
    let event_loop = event_loop();
    let raised = failure();
    let reports = count_reports(&event_loop, &raised);
    let raise = raised.clone();
    event_loop.set_task_factory(move |_| Err(raise.clone()));
    let submitter = start("submitter", {
        let handle = event_loop.handle();
        move || {
            let submitted = handle.run_coroutine_threadsafe(async { Ok::<u32, _>(1) });
            match submitted.expect("the loop is open").result() {
                Err(ResultError::Exception(exception)) if exception.same_object(&raised) => {}
                other => panic!("{other:?}"),
            }
            stop(&handle);
        }
    });
    if run {
        event_loop.run_forever().expect("the run is stopped");
    }
    join(submitter);
    assert_eq!(reports.get(), 1, "the handler was called {} times", reports.get());
    "exception".into()
}

//= SPEC.md#t-14
//= type=test
//# A task factory that fails, panics, or returns a task of another loop or of another coroutine
//# MUST make the creation fail with that exception, MUST drop the coroutine, and MUST NOT stop the
//# loop.
//= SPEC.md#c-8
//= type=test
//# Closing a loop MUST finish every accepted submission that is not done, with an error that says
//# the loop was closed; an outcome that the task had already reached MUST be delivered.
//= SPEC.md#x-2
//= type=test
//# A panic in a coroutine, callback, factory or executor function MUST become an `Exception` that
//# carries the panic's payload and, when a message is known, its text.
fn factory_panic_races_close(close: bool) -> Outcome {
    let event_loop = event_loop();
    event_loop.set_exception_handler(|context| {
        let exception = context.exception.as_ref().expect("an exception is reported");
        assert_eq!(exception.panic_message(), Some("factory"));
    });
    event_loop.set_task_factory(|_| throw("factory"));
    let outcome = Cell::new("");
    let submitter = start("submitter", {
        let (handle, outcome) = (event_loop.handle(), outcome.clone());
        move || {
            outcome.set(match handle.run_coroutine_threadsafe(async { Ok::<u32, _>(1) }) {
                Err(PostError::LoopClosed) => "refused",
                Err(other) => panic!("{other}"),
                Ok(future) => match future.result() {
                    result if says_closed(&result) => "closed",
                    Err(ResultError::Exception(exception))
                        if exception.panic_message() == Some("factory") =>
                    {
                        "panicked"
                    }
                    other => panic!("{other:?}"),
                },
            });
        }
    });
    turns(&event_loop, 1);
    if close {
        event_loop.close().expect("the loop does not run");
    }
    join(submitter);
    outcome.get().into()
}

//= SPEC.md#x-5
//= type=test
//# A handler that panics MUST NOT stop the loop, and the default handler MUST then receive both the
//# original report and the handler's panic.
//= SPEC.md#t-15
//= type=test
//# When a factory fails for a submission, the submitter's future and the exception handler MUST get
//# the same exception object, the handler exactly once.
fn handler_panics(fails: bool) -> Outcome {
    let event_loop = event_loop();
    event_loop.set_exception_handler(|_| throw("handler"));
    if fails {
        event_loop.set_task_factory(|_| Err(failure()));
    }
    let submitter = start("submitter", {
        let handle = event_loop.handle();
        move || {
            let submitted = handle.run_coroutine_threadsafe(async { Ok::<u32, _>(1) });
            let result = submitted.expect("the loop is open").result();
            assert!(matches!(result, Err(ResultError::Exception(_))), "{result:?}");
            stop(&handle);
        }
    });
    event_loop.run_forever().expect("the run is stopped");
    join(submitter);
    "exception, then stopped".into()
}
