//! The life of loops beside [`System`](loopgate_model_tests::spec::System): two in one thread.
//!
//! They are run in every way, stopped from within, from outside and beforehand, left by exit requests, and closed;
//! what they run tries to run and to close both of them. A run that would never end is not drawn.

use loopgate_model_tests::spec::program::{Awaited, MAX_SLOTS, Op, Sleep, Stmt};
use proptest::prelude::*;
use proptest::strategy::Union;

use super::dialogue::{Alphabet, Dialogue, Machine, Operation, PANIC, replay};
use super::support::{Expected, Reached, Suite, regressions, run};

static REACHED: Reached = Reached::new();

const SUITE: Suite =
    Suite { name: "life", regressions: regressions!("life"), programs: 96, longest: 220, seed: 7 };

const ANY_ANSWER: &[&str] = &["ok", "loop closed"];

const EXPECTED: Expected<'_> = Expected {
    operations: &[
        "run_once",
        "run_forever",
        "run_until_complete",
        "stop",
        "stop_local",
        "close",
        "post",
        "call_soon",
        "call_later",
        "is_running",
        "is_closed",
    ],
    states: &["empty", "posted", "queued", "queued and posted", "stopping", "closed"],
    impossible: &[],
    transitions: &[("restart", &["any"])],
    answers: &[
        (
            "run_once",
            &[
                "continue",
                "stop",
                "exit",
                "loop closed",
                "already running",
                "other loop running",
                "reported raised",
            ],
        ),
        (
            "run_forever",
            &[
                "ok",
                "exit",
                "loop closed",
                "already running",
                "other loop running",
                "reported raised",
            ],
        ),
        ("run_until_complete", &["value", "raised", "exit", "stopped early", "loop closed"]),
        ("stop", ANY_ANSWER),
        ("close", &["ok"]),
        ("post", ANY_ANSWER),
        ("call_soon", ANY_ANSWER),
        ("call_later", ANY_ANSWER),
        ("is_running", &["false"]),
        ("is_closed", &["true", "false"]),
    ],
};

struct Life;

impl Alphabet for Life {
    const LOOPS: u8 = 2;

    fn callbacks() -> Vec<Vec<Op>> {
        let sleep = Sleep::Zero;
        vec![
            vec![Op::Mark(0)],
            vec![Op::StopLocal(0), Op::Mark(1)],
            vec![Op::StopLocal(1), Op::Mark(2)],
            vec![Op::Stop(0)],
            vec![Op::Stop(1)],
            vec![Op::Exit(1)],
            vec![Op::RunForever(0)],
            vec![Op::RunForever(1)],
            vec![Op::RunOnce { on: 0, sleep }],
            vec![Op::RunOnce { on: 1, sleep }],
            vec![Op::Close(0)],
            vec![Op::Close(1)],
            vec![Op::Raise(PANIC)],
            vec![Op::IsRunning(0), Op::IsRunning(1), Op::IsClosed(0), Op::IsClosed(1)],
        ]
    }

    fn operations(known: &Dialogue) -> BoxedStrategy<Operation> {
        let over = known.open_loops().is_empty() || known.handles == MAX_SLOTS;
        let mut all = vec![
            (if over { 5 } else { 1 }, Just(Operation::Restart).boxed()),
            (18, told(runs())),
            (10, told(requests())),
            (3, until_complete()),
        ];
        if known.handles < MAX_SLOTS {
            all.push((24, told(schedules(known.handles))));
        }
        Union::new_weighted(all).boxed()
    }

    fn state(known: &Dialogue, op: &Op) -> String {
        match *op {
            Op::RunOnce { on, .. }
            | Op::RunForever(on)
            | Op::RunUntilComplete { on, .. }
            | Op::Stop(on)
            | Op::StopLocal(on)
            | Op::Close(on)
            | Op::Post { on, .. }
            | Op::CallSoon { on, .. }
            | Op::CallLater { on, .. }
            | Op::IsRunning(on)
            | Op::IsClosed(on) => {
                let stopping = known.system.is_stopping(on) && !known.closed[usize::from(on)];
                if stopping { "stopping" } else { known.loop_state(on) }.to_owned()
            }
            _ => "any".to_owned(),
        }
    }

    fn reached() -> &'static Reached {
        &REACHED
    }
}

fn told(ops: impl Strategy<Value = Op> + 'static) -> BoxedStrategy<Operation> {
    ops.prop_map(Operation::Tell).boxed()
}

fn runs() -> BoxedStrategy<Op> {
    let on = 0..2u8;
    prop_oneof![
        5 => on.clone().prop_map(|on| Op::RunOnce { on, sleep: Sleep::Zero }),
        1 => (on.clone(), 1..3u32)
            .prop_map(|(on, units)| Op::RunOnce { on, sleep: Sleep::Units(units) }),
        2 => on.clone().prop_map(|on| Op::RunOnce { on, sleep: Sleep::Forever }),
        6 => on.prop_map(Op::RunForever),
    ]
    .boxed()
}

fn requests() -> BoxedStrategy<Op> {
    let on = 0..2u8;
    prop_oneof![
        3 => on.clone().prop_map(Op::Stop),
        2 => on.clone().prop_map(Op::StopLocal),
        1 => on.clone().prop_map(Op::Close),
        1 => on.clone().prop_map(Op::IsRunning),
        1 => on.prop_map(Op::IsClosed),
    ]
    .boxed()
}

fn schedules(handle: u8) -> BoxedStrategy<Op> {
    let callbacks = u8::try_from(Life::callbacks().len()).expect("few");
    // Closing from within is not done all the time.
    let callback = prop_oneof![5 => 0..10u8, 1 => 0..callbacks];
    (0..2u8, callback, 0..3u8, 0..3u32)
        .prop_map(move |(on, callback, which, after)| match which {
            0 => Op::Post { on, callback, handle },
            1 => Op::CallSoon { on, callback, handle },
            _ => Op::CallLater { on, after, callback, handle },
        })
        .boxed()
}

fn until_complete() -> BoxedStrategy<Operation> {
    let script = prop::sample::select(vec![
        vec![Stmt::Return(1)],
        vec![Stmt::Await(Awaited::Yield), Stmt::Return(2)],
        vec![Stmt::Await(Awaited::Sleep(2)), Stmt::Return(3)],
        vec![Stmt::Raise(1)],
        vec![Stmt::Do(Op::Exit(2))],
        vec![Stmt::Do(Op::StopLocal(0)), Stmt::Await(Awaited::Yield), Stmt::Return(4)],
        vec![Stmt::Do(Op::StopLocal(1)), Stmt::Await(Awaited::Yield), Stmt::Return(5)],
    ]);
    (0..2u8, script)
        .prop_map(|(on, script)| {
            Operation::Start(Op::RunUntilComplete { on, coroutine: 0 }, script)
        })
        .boxed()
}

//= SPEC.md#s-1
//= type=test
//# `stop` MUST let the running batch end, leave what it scheduled queued for the next run, and be
//# consumed by the run that it ends.
//= SPEC.md#s-2
//= type=test
//# A stop requested while the loop does not run MUST make the next run return after one iteration.
//= SPEC.md#s-3
//= type=test
//# Running a loop that runs, or while another loop runs in the same thread, MUST be refused and
//# MUST change nothing.
//= SPEC.md#s-4
//= type=test
//# `run_until_complete` MUST return the outcome, or an error if the loop was stopped first, and
//# MUST leave nothing behind that stops a later run.
//= SPEC.md#s-5
//= type=test
//# `run_once` MUST run one iteration, sleeping no longer than its timeout.
//= SPEC.md#s-6
//= type=test
//# `close` MUST be refused while the loop runs, MUST be idempotent, and MUST drop all queued work,
//# timers and tasks.
//= SPEC.md#s-8
//= type=test
//# After close every operation that would schedule work MUST be refused with `LoopClosed`.
//= SPEC.md#s-9
//= type=test
//# An exit request MUST leave the run at once, after the future of the work that raised it is done,
//# with the rest of the batch still queued in order.
//= SPEC.md#g-2
//= type=test
//# `stop` from any thread MUST wake the loop and MUST end the run after the batch in which it is
//# reached.
//= SPEC.md#g-3
//= type=test
//# `is_running` and `is_closed` MUST answer for the moment of the call, from any thread.
#[test]
fn s1_loops_live_as_the_spec_says() {
    run::<Machine<Life>>(&SUITE);
    REACHED.check(&SUITE, &EXPECTED);
}

//= SPEC.md#l-5
//= type=test
//# An exception that nobody retrieved MUST be reported to the exception handler when the last
//# handle of its future is dropped.
#[test]
fn l5_the_done_callback_of_a_run_that_was_left_keeps_the_outcome_alive() {
    let callback = 5;
    replay::<Life>(vec![
        Operation::Tell(Op::Post { on: 1, callback, handle: 0 }),
        Operation::Tell(Op::Stop(1)),
        Operation::Start(Op::RunUntilComplete { on: 1, coroutine: 0 }, vec![Stmt::Raise(1)]),
        Operation::Tell(Op::RunForever(1)),
        Operation::Tell(Op::RunOnce { on: 1, sleep: Sleep::Zero }),
        Operation::Tell(Op::RunOnce { on: 1, sleep: Sleep::Zero }),
    ]);
}
