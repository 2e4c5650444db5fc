//! The concurrent future beside [`Concurrent`](loopgate_model_tests::spec::concurrent::Concurrent).
//!
//! A program acts on one future after another: its producer, up to four handles, threads that are blocked in it,
//! wakers that polled it, and callbacks. What each operation answers, who has been woken, released and called, and
//! what the future says of itself must be what the spec says.

mod real;
mod reference;

use proptest_state_machine::StateMachineTest;

use super::support::{Expected, Reached, Suite, regressions, run};
use real::Real;
use reference::{Model, Operation, Programs};

static REACHED: Reached = Reached::new();

const SUITE: Suite = Suite {
    name: "concurrent",
    regressions: regressions!("concurrent"),
    programs: 224,
    longest: 160,
    seed: 1,
};

const EXPECTED: Expected<'_> = Expected {
    operations: &[
        "start",
        "set_result",
        "set_exception",
        "try_complete",
        "ask producer",
        "drop producer",
        "cancel",
        "add_done_callback",
        "result",
        "exception",
        "wait_ended",
        "poll",
        "clone",
        "drop handle",
        "block",
        "wait",
        "as_completed",
        "renew",
    ],
    states: &["pending", "running", "cancelled", "cancelled and ended", "finished"],
    impossible: &[],
    transitions: &[],
    answers: &[
        ("start", &["true", "false", "refused: cancelled", "refused: too late"]),
        ("set_result", &["ok", "refused: cancelled", "refused: too late"]),
        ("set_exception", &["ok", "refused: cancelled", "refused: too late"]),
        ("try_complete", &["true", "false"]),
        ("ask producer", &["true", "false"]),
        ("cancel", &["true", "false"]),
        ("result", &["value", "exception", "broken promise", "cancelled", "timed out"]),
        ("exception", &["none", "exception", "broken promise", "cancelled", "timed out"]),
        ("wait_ended", &["ok", "timed out"]),
        ("poll", &["value", "exception", "broken promise", "cancelled", "pending"]),
        ("block", &["value", "exception", "none", "broken promise", "cancelled", "ok", "done"]),
        ("wait", &["all done", "none done", "some done", "empty set"]),
        ("as_completed", &["all yielded", "none yielded", "some yielded", "empty set"]),
    ],
};

struct Machine;

impl StateMachineTest for Machine {
    type SystemUnderTest = Real;
    type Reference = Programs;

    fn init_test(_: &Model) -> Real {
        Real::new()
    }

    fn apply(mut real: Real, model: &Model, operation: Operation) -> Real {
        REACHED.transition(operation.name(), model.before);
        if let Some(answer) = model.answer_name(&operation) {
            REACHED.answer(operation.name(), answer);
        }
        let answer = real.take(&operation);
        assert_eq!(answer, model.answer, "the answer of {operation:?}");
        real.check_threads(model, &REACHED);
        real
    }

    fn check_invariants(real: &Real, model: &Model) {
        real.check(model);
    }

    fn teardown(mut real: Real, model: Model) {
        // Whatever the program did: without its producer nobody is left waiting.
        let model = <Programs as proptest_state_machine::ReferenceStateMachine>::apply(
            model,
            &Operation::Renew,
        );
        real.take(&Operation::Renew);
        real.check_threads(&model, &REACHED);
        real.check(&model);
        assert_eq!(model.waiting_threads(), 0);
    }
}

//= SPEC.md#f-1
//= type=test
//# A concurrent future MUST move only PENDING to RUNNING, PENDING or RUNNING to FINISHED, and
//# PENDING to CANCELLED; FINISHED and CANCELLED are final.
//= SPEC.md#f-2
//= type=test
//# `cancel` on a PENDING future MUST succeed and release every waiter before it returns true; on a
//# RUNNING or FINISHED one it MUST return false and change nothing.
//= SPEC.md#f-3
//= type=test
//# `cancel` on a CANCELLED future MUST return true and run no callback again.
//= SPEC.md#f-5
//= type=test
//# `set_running_or_notify_cancel` MUST answer true at most once, and after it did the future cannot
//# be cancelled any more.
//= SPEC.md#f-6
//= type=test
//# A second completion, and a completion after a cancel, MUST be refused with the rejected value
//# given back, and MUST change nothing.
//= SPEC.md#f-7
//= type=test
//# A producer dropped without completing MUST finish the future with an error that says so.
//= SPEC.md#f-9
//= type=test
//# If completion came first, a waiter MUST get the outcome and never a timeout; a timeout MUST
//# leave the future as it was.
//= SPEC.md#f-10
//= type=test
//# A zero timeout MUST NOT block.
//= SPEC.md#f-12
//= type=test
//# Done-callbacks MUST run once each, in order of registration, in the thread that completed or
//# cancelled the future, after its waiters were released and with no lock held.
//= SPEC.md#f-13
//= type=test
//# A done-callback that panics MUST NOT keep its siblings from running and MUST NOT change the
//# outcome.
//= SPEC.md#f-14
//= type=test
//# A callback added to a future that is done MUST run at once, in the calling thread.
//= SPEC.md#f-15
//= type=test
//# CANCELLED MUST count as done for `result`, `exception`, `wait`, `as_completed` and `await`
//# alike.
//= SPEC.md#f-16
//= type=test
//# `wait_ended` MUST return only when the work has really ended: finished, or cancelled and
//# acknowledged by its producer.
//= SPEC.md#f-18
//= type=test
//# `wait` that times out MUST return the split so far and MUST leave no trace in the futures.
//= SPEC.md#f-19
//= type=test
//# `wait` and `as_completed` MUST count a future once however often it is given, and MUST refuse an
//# empty set.
//= SPEC.md#f-20
//= type=test
//# `as_completed` MUST yield each future once, those that are done first, then in order of
//# completion.
//= SPEC.md#f-21
//= type=test
//# Awaiting a concurrent future from any executor MUST wake the last waker that polled it, and
//# dropping the handle MUST withdraw that waker.
#[test]
fn f1_concurrent_futures_behave_as_the_spec() {
    run::<Machine>(&SUITE);
    REACHED.check(&SUITE, &EXPECTED);
}
