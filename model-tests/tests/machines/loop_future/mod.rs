//! Loop futures beside [`LoopFuture`](loopgate_model_tests::spec::future::LoopFuture), with the queue that serves
//! those who listen.
//!
//! A program acts on one future after another: its promise, up to three handles, callbacks, and tasks that await
//! it, of its own loop and of another. Those of earlier futures may still be queued. What each operation answers,
//! what runs in which order, and what is reported must be what the spec says.

mod real;
mod reference;

use std::rc::Rc;

use proptest_state_machine::StateMachineTest;

use super::support::{Expected, Reached, Suite, regressions, run};
use real::World;
use reference::{Model, Operation, Programs};

static REACHED: Reached = Reached::new();

const SUITE: Suite = Suite {
    name: "loop_future",
    regressions: regressions!("loop_future"),
    programs: 192,
    longest: 200,
    seed: 4,
};

const EXPECTED: Expected<'_> = Expected {
    operations: &[
        "set_result",
        "set_exception",
        "cancel",
        "drop promise",
        "add_done_callback",
        "result",
        "exception",
        "clone",
        "drop handle",
        "await",
        "await from another loop",
        "turn",
        "close",
        "renew",
    ],
    states: &[
        "pending",
        "value",
        "exception",
        "cancelled",
        "pending, loop closed",
        "value, loop closed",
        "exception, loop closed",
        "cancelled, loop closed",
    ],
    impossible: &[("turn", CLOSED), ("close", CLOSED)],
    transitions: &[],
    answers: &[
        ("set_result", &["ok", "refused: cancelled", "refused: too late"]),
        ("set_exception", &["ok", "refused: cancelled", "refused: too late"]),
        ("cancel", &["true", "false"]),
        ("result", &["value", "raised", "broken promise", "loop closed", "cancelled", "pending"]),
        ("exception", &["none", "raised", "broken promise", "loop closed", "cancelled", "pending"]),
        ("await", &["ok", "loop closed"]),
        (
            "turn",
            &[
                "a callback read",
                "a callback did nothing",
                "a callback panicked",
                "a callback added one",
                "a callback cancelled",
                "an awaiter suspended",
                "an awaiter did not suspend",
                "an awaiter went on",
                "a report",
            ],
        ),
        ("drop", &["a report is queued", "a report is made", "nobody is told"]),
    ],
};

const CLOSED: &[&str] = &[
    "pending, loop closed",
    "value, loop closed",
    "exception, loop closed",
    "cancelled, loop closed",
];

struct Machine;

impl StateMachineTest for Machine {
    type SystemUnderTest = Rc<World>;
    type Reference = Programs;

    fn init_test(_: &Model) -> Rc<World> {
        World::new()
    }

    fn apply(world: Rc<World>, model: &Model, operation: Operation) -> Rc<World> {
        REACHED.transition(operation.name(), model.before);
        for (operation, answer) in &model.seen {
            REACHED.answer(operation, answer);
        }
        let answer = world.take(&operation);
        assert_eq!(answer, model.answer, "the answer of {operation:?}");
        world
    }

    fn check_invariants(world: &Rc<World>, model: &Model) {
        world.check(model);
    }
}

//= SPEC.md#l-1
//= type=test
//# A loop future's done-callbacks MUST be queued and never run inside the call that completed it or
//# added them.
//= SPEC.md#l-2
//= type=test
//# Callbacks and awaiters of one loop future MUST be served in the order in which they came.
//= SPEC.md#l-3
//= type=test
//# `set_result`, `set_exception` and `cancel` on a loop future that is done MUST be refused and
//# change nothing.
//= SPEC.md#l-4
//= type=test
//# Reading the result of a pending loop future MUST be an error and MUST NOT block.
//= SPEC.md#l-5
//= type=test
//# An exception that nobody retrieved MUST be reported to the exception handler when the last
//# handle of its future is dropped.
//= SPEC.md#l-6
//= type=test
//# Awaiting a loop future that is done MUST NOT suspend.
//= SPEC.md#l-7
//= type=test
//# A task of another loop that awaits the future MUST get an error and MUST NOT be suspended on it.
#[test]
fn l1_loop_futures_behave_as_the_spec() {
    run::<Machine>(&SUITE);
    REACHED.check(&SUITE, &EXPECTED);
}
