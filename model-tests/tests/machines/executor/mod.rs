//! Pools beside [`Pool`](loopgate_model_tests::spec::executor::Pool), the program's own and the one that a loop makes
//! for itself.
//!
//! Functions and initializers run until the program lets them end, so who is busy, who waits and what is queued is
//! known after each operation. Work is submitted one by one and in bursts, to the pool and through the loop, and
//! cancelled in all of its states; pools are shut down from outside, from one of their own workers and by being
//! dropped, and break. Who picks up what, how each future ends, when those who wait are released, and what is
//! dropped unrun must be what the spec says.

mod observed;
mod programs;
mod real;
mod reference;

use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};

use super::support::{Expected, Reached, Suite, regressions, run};
use programs::{Operation, Programs};
use real::Real;
use reference::{Model, answer_name};

static REACHED: Reached = Reached::new();

const SUITE: Suite = Suite {
    name: "executor",
    regressions: regressions!("executor"),
    programs: 160,
    longest: 200,
    seed: 8,
};

/// States of the program's pool: without a worker, with some.
const ANY: &[&str] = &[
    "open, nobody",
    "open, some idle",
    "open, all busy",
    "open, full",
    "shutting down",
    "shut down",
    "breaking",
    "broken",
];
const BUSY: &[&str] =
    &["open, some idle", "open, all busy", "open, full", "shutting down", "breaking"];
const BUSY_OR_LOOPS: &[&str] = &[
    "open, some idle",
    "open, all busy",
    "open, full",
    "shutting down",
    "breaking",
    "of the loop's pool",
];
/// What a loop has for work without a pool.
const DEFAULT: &[&str] = &["unset", "the program's", "the loop's", "shut down"];
const WORK: &[&str] =
    &["work queued", "work running", "work cancelled, queued", "work cancelled", "work done"];
const WORK_OR_FUTURE: &[&str] = &[
    "work queued",
    "work running",
    "work cancelled, queued",
    "work cancelled",
    "work done",
    "future, work queued",
    "future, work running",
    "future, outcome posted",
    "future cancelled",
    "future done",
];

const SUBMITTED: &[&str] = &["ok", "shut down", "broken pool"];

const EXPECTED: Expected<'_> = Expected {
    operations: &[],
    states: &[],
    impossible: &[],
    transitions: &[
        ("submit", ANY),
        ("run_in_executor", ANY),
        ("run_in_executor, default", DEFAULT),
        ("submit many", ANY),
        ("cancel", WORK_OR_FUTURE),
        ("wait", WORK),
        ("finish", BUSY_OR_LOOPS),
        ("let in", BUSY),
        ("shutdown", ANY),
        ("shutdown, cancel", ANY),
        ("shutdown, wait", ANY),
        ("shutdown, wait, cancel", ANY),
        ("shutdown within", BUSY),
        ("shutdown within, wait", BUSY),
        ("drop", ANY),
        ("set_default_executor", DEFAULT),
        ("shutdown_default_executor", DEFAULT),
        ("shutdown_default_executor, long", DEFAULT),
        ("shutdown_default_executor, short", DEFAULT),
        ("shutdown_default_executor, zero", DEFAULT),
        ("turns", &["any"]),
        ("renew", &["any"]),
    ],
    answers: &[
        ("submit", SUBMITTED),
        ("run_in_executor", SUBMITTED),
        ("run_in_executor, default", SUBMITTED),
        ("submit many", SUBMITTED),
        ("cancel", &["true", "false"]),
        ("wait", &["value", "raised", "broken pool", "cancelled"]),
        ("finish", &["value", "raised", "panicked"]),
        (
            "let in",
            &["ok", "raised", "panicked", "fails queued work", "passes over cancelled work"],
        ),
        ("shut down", &["cancels", "finds nothing to cancel", "a thread has waited for the end"]),
        ("shutdown within", &["ok"]),
        ("shutdown within, wait", &["own worker"]),
        ("set_default_executor", &["ok", "shut down"]),
        ("default shut down", &["ok", "waits", "timed out"]),
        (
            "worker",
            &[
                "takes work when new",
                "takes work when free again",
                "takes work when idle",
                "passes over cancelled work",
                "waits",
                "ends",
            ],
        ),
        ("turns", &["value", "raised", "broken pool", "cancelled", "the end of the loop's pool"]),
    ],
};

struct Machine;

impl StateMachineTest for Machine {
    type SystemUnderTest = Real;
    type Reference = Programs;

    fn init_test(model: &Model) -> Real {
        Real::new(model)
    }

    fn apply(mut real: Real, model: &Model, operation: Operation) -> Real {
        REACHED.transition(operation.name(), model.before);
        REACHED.answer(operation.name(), answer_name(&model.answer));
        for (operation, answer) in &model.seen {
            REACHED.answer(operation, answer);
        }
        let answer = real.take(&operation, model);
        assert_eq!(answer, model.answer, "the answer of {operation:?}");
        real.settle(model, &REACHED);
        real
    }

    fn check_invariants(real: &Real, model: &Model) {
        real.check(model);
    }

    fn teardown(mut real: Real, mut model: Model) {
        // Whatever the program did: what it has begun can end, and then everything does.
        let renewal = Operation::Renew { limit: 1, initializer: false };
        let mut over = false;
        while !over {
            let operation = model.next_end().unwrap_or_else(|| renewal.clone());
            over = matches!(operation, Operation::Renew { .. });
            model = <Programs as ReferenceStateMachine>::apply(model, &operation);
            real = Machine::apply(real, &model, operation);
            real.check(&model);
        }
    }
}

//= SPEC.md#e-1
//= type=test
//# A pool MUST refuse zero workers and work after shutdown, each with its own error, and the
//# refused work MUST NOT run.
//= SPEC.md#e-2
//= type=test
//# Work MUST start in the order of submission, and a worker MUST be started only when none is idle
//# and the limit is not reached.
//= SPEC.md#e-3
//= type=test
//# A function that panics MUST fail only its own future; the worker goes on.
//= SPEC.md#e-4
//= type=test
//# Work whose future was cancelled before a worker picked it up MUST NOT run, and its future
//# MUST be marked ended.
//= SPEC.md#e-5
//= type=test
//# `shutdown` MUST let queued work run, or cancel it when asked to, and when asked to wait MUST
//# return only after every worker has ended.
//= SPEC.md#e-6
//= type=test
//# `shutdown` with `cancel_futures` MUST release every waiter of the cancelled futures and mark
//# them ended.
//= SPEC.md#e-7
//= type=test
//# A failing initializer MUST break the pool: every queued future fails with that reason, also
//# behind futures that were cancelled meanwhile, and later work is refused.
//= SPEC.md#e-8
//= type=test
//# Waiting for a pool's shutdown from one of its own workers MUST be refused with an error.
//= SPEC.md#e-10
//= type=test
//# `shutdown_default_executor` MUST refuse new default work from the call on, MUST NOT block
//# the loop, and MUST report a timeout as such.
//= SPEC.md#u-4
//= type=test
//# `run_in_executor` MUST return its errors at the call, and otherwise a loop future of the work's
//# outcome.
//= SPEC.md#c-10
//= type=test
//# Cancelling a wrapped loop future MUST cancel its source at once if the source has not
//# started, and MUST leave running work to end by itself, its outcome dropped.
//= SPEC.md#c-11
//= type=test
//# A cancelled source MUST cancel the loop future that wraps it.
#[test]
fn e1_pools_live_as_the_spec_says() {
    run::<Machine>(&SUITE);
    REACHED.check(&SUITE, &EXPECTED);
}
