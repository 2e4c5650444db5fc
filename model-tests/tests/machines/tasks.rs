//! Tasks beside [`System`](loopgate_model_tests::spec::System): cancels, timeouts and shields in each other.
//!
//! The coroutines are drawn: up to three levels of `timeout`, `wait_for`, `try` and `finally` around awaits of every
//! kind, which cancel, take back and count on the way. Tasks await, shield and gather each other; they are
//! cancelled from outside and from inside, before they begin, while they are suspended in each kind of awaitable,
//! behind no, one and more scopes, while they clean up, and when they are done.

use loopgate_model_tests::spec::program::{Awaited, Catch, Limit, Local, Op, Query, Sleep, Stmt};
use proptest::prelude::*;
use proptest::strategy::Union;

use super::dialogue::{Alphabet, CALLBACKS, Dialogue, GATES, Machine, Operation, Own, out_name};
use super::support::{Expected, Reached, Suite, regressions, run};

static REACHED: Reached = Reached::new();

const SUITE: Suite = Suite {
    name: "tasks",
    regressions: regressions!("tasks"),
    programs: 208,
    longest: 220,
    seed: 6,
};

const TASKS: usize = 14;
const FUTURES: usize = 8;
const LOCALS: usize = 6;

const OPEN: &[&str] = &["empty", "posted", "queued", "queued and posted"];
const ANY_LOOP: &[&str] = &["empty", "posted", "queued", "queued and posted", "closed"];

/// Where a task may stand when it is cancelled, or a cancel is taken back.
const STANDS: &[&str] = &[
    "not begun",
    "in yield, no scope",
    "in yield, one scope",
    "in yield, scopes",
    "in sleep, no scope",
    "in sleep, one scope",
    "in sleep, scopes",
    "in future, no scope",
    "in future, scopes",
    "in local, no scope",
    "in local, one scope",
    "in local, scopes",
    "in task, no scope",
    "in task, scopes",
    "in foreign, no scope",
    "in foreign, one scope",
    "in foreign, scopes",
    "in shield, no scope",
    "in shield, one scope",
    "in shield, scopes",
    "in gather, no scope",
    "in gather, scopes",
    "done: value",
    "done: exception",
    "done: cancelled",
];

const EXPECTED: Expected<'_> = Expected {
    operations: &[
        "restart",
        "new_promise",
        "new_future",
        "set_running",
        "set_result",
        "set_exception",
        "set_loop_result",
        "set_loop_exception",
        "drop_loop_promise",
        "result",
        "result_local",
        "query_local",
        "cancelling",
        "all_tasks",
        "on_done_local",
        "forget",
        "signal",
        "mark",
        "busy",
    ],
    states: &["any"],
    impossible: &[],
    transitions: &[
        ("cancel_local", STANDS),
        ("uncancel", STANDS),
        ("cancel_local", &["own, pending", "own, value", "own, exception", "own, cancelled"]),
        (
            "cancel",
            &[
                "promise, pending",
                "promise, running",
                "promise, cancelled",
                "promise, cancelled and ended",
                "promise, value",
                "promise, exception",
                "submission, pending",
                "submission, cancelled",
                "submission, cancelled and ended",
                "submission, value",
                "submission, exception",
            ],
        ),
        ("run_once", OPEN),
        ("close", OPEN),
        ("submit", ANY_LOOP),
        ("create_task", ANY_LOOP),
    ],
    answers: &[
        ("cancel_local", &["true", "false"]),
        ("cancel", &["true", "false"]),
        ("uncancel", &["count"]),
        ("create_task", &["ok", "loop closed"]),
        ("submit", &["ok", "loop closed"]),
        ("result", &["value", "raised", "cancelled", "timeout", "loop closed", "timed out"]),
        ("result_local", &["value", "raised", "cancelled", "timeout", "loop closed", "pending"]),
        (
            "run_once",
            &[
                "value",
                "ok",
                "gathered",
                "mark",
                "count",
                "true",
                "false",
                "caught cancelled",
                "caught timeout",
                "caught raised",
                "reported raised",
                "reported timeout",
                "continue",
            ],
        ),
        ("close", &["ok"]),
    ],
};

struct Tasks;

impl Alphabet for Tasks {
    const LOOPS: u8 = 1;

    fn operations(known: &Dialogue) -> BoxedStrategy<Operation> {
        let over = known.closed[0] || known.tasks.len() == TASKS;
        let restart = if over { 6 } else { 1 };
        let mut all = vec![(restart, Just(Operation::Restart).boxed()), (12, beginnings(known))];
        if !known.closed[0] {
            all.push((14, turns()));
        }
        let tasks = of_tasks(known);
        if let Some(tasks) = tasks {
            all.push((14, tasks));
        }
        if !known.futures.is_empty() || !known.locals.is_empty() {
            all.push((5, of_futures(known)));
        }
        all.push((2, told(anything(known, false))));
        Union::new_weighted(all).boxed()
    }

    fn state(known: &Dialogue, op: &Op) -> String {
        match *op {
            Op::RunOnce { on, .. }
            | Op::Close(on)
            | Op::Submit { on, .. }
            | Op::CreateTask { on, .. } => known.loop_state(on).to_owned(),
            Op::Cancel(future) => known.phase(future),
            Op::CancelLocal(Local::Future(slot)) => known.local_state(slot),
            Op::CancelLocal(Local::Task(slot)) | Op::Uncancel(Local::Task(slot)) => {
                task_state(known, slot)
            }
            _ => "any".to_owned(),
        }
    }

    fn reached() -> &'static Reached {
        &REACHED
    }
}

fn task_state(known: &Dialogue, slot: u8) -> String {
    let Some(task) = known.system.task(slot) else { return "none".to_owned() };
    if let Some(out) = task.out {
        return format!("done: {}", out_name(Some(out)));
    }
    match task.awaits {
        _ if !task.started => "not begun".to_owned(),
        None => "between awaits".to_owned(),
        Some(awaits) => {
            // Those that are awaited less often are not told apart behind one scope and behind more.
            let deep = matches!(awaits, "yield" | "sleep" | "local" | "foreign" | "shield");
            let scopes = match task.scopes {
                0 => "no scope",
                1 if deep => "one scope",
                _ => "scopes",
            };
            format!("in {awaits}, {scopes}")
        }
    }
}

fn told(ops: impl Strategy<Value = Op> + 'static) -> BoxedStrategy<Operation> {
    ops.prop_map(Operation::Tell).boxed()
}

fn slot(number: usize) -> u8 {
    u8::try_from(number).expect("programs are small")
}

fn turns() -> BoxedStrategy<Operation> {
    let on = 0;
    told(prop_oneof![
        16 => Just(Op::RunOnce { on, sleep: Sleep::Zero }),
        6 => (1..4u32).prop_map(move |units| Op::RunOnce { on, sleep: Sleep::Units(units) }),
        3 => (1..4u32).prop_map(move |units| Op::Busy { on, units }),
        1 => Just(Op::Close(on)),
    ])
}

fn beginnings(known: &Dialogue) -> BoxedStrategy<Operation> {
    let on = 0;
    let (future, local, task) =
        (slot(known.futures.len()), slot(known.locals.len()), slot(known.tasks.len()));
    let mut all = vec![(1, told(Just(Op::AllTasks(on))))];
    let script = script(known);
    if known.tasks.len() < TASKS {
        let create = script.clone().prop_map(move |script| {
            Operation::Start(Op::CreateTask { on, coroutine: 0, task }, script)
        });
        all.push((12, create.boxed()));
    }
    if known.futures.len() < FUTURES {
        let submit = script.prop_map(move |script| {
            Operation::Start(Op::Submit { on, coroutine: 0, future }, script)
        });
        all.push((3, submit.boxed()));
        all.push((2, told(Just(Op::NewPromise(future)))));
    }
    if known.locals.len() < LOCALS && !known.closed[0] {
        all.push((3, told(Just(Op::NewFuture { on, future: local }))));
    }
    Union::new_weighted(all).boxed()
}

fn held(owns: &[Own]) -> Vec<u8> {
    owns.iter().filter(|own| own.held).map(|own| own.slot).collect()
}

fn of_tasks(known: &Dialogue) -> Option<BoxedStrategy<Operation>> {
    let tasks = held(&known.tasks);
    if tasks.is_empty() {
        return None;
    }
    let begun = |slot: &u8| known.system.task(*slot).is_some_and(|task| task.awaits.is_some());
    let mut suspended: Vec<u8> = tasks.iter().copied().filter(begun).collect();
    if suspended.is_empty() {
        suspended.clone_from(&tasks);
    }
    let task = prop_oneof![6 => prop::sample::select(suspended), 1 => prop::sample::select(tasks)];
    let ops = (task, 0..12u8, 0..CALLBACKS).prop_map(|(task, which, callback)| {
        let of = Local::Task(task);
        match which {
            0..=4 => Op::CancelLocal(of),
            5 | 6 => Op::Uncancel(of),
            7 => Op::Cancelling(of),
            8 => Op::QueryLocal { of, what: Query::Cancelled },
            9 | 10 => Op::ResultLocal(of),
            _ => Op::OnDoneLocal { of, callback },
        }
    });
    let forgettable = known.tasks.iter().filter(|task| known.may_forget(true, **task));
    let forgettable: Vec<u8> = forgettable.map(|task| task.slot).collect();
    if forgettable.is_empty() {
        return Some(told(ops));
    }
    let forget = prop::sample::select(forgettable).prop_map(|slot| Op::Forget(Local::Task(slot)));
    Some(told(prop_oneof![12 => ops, 1 => forget]))
}

fn of_futures(known: &Dialogue) -> BoxedStrategy<Operation> {
    let mut all: Vec<(u32, BoxedStrategy<Op>)> = vec![];
    let futures: Vec<u8> = known.futures.iter().map(|future| future.slot).collect();
    if !futures.is_empty() {
        let future = prop::sample::select(futures);
        let limit = Limit::Zero;
        all.push((3, future.clone().prop_map(Op::Cancel).boxed()));
        all.push((1, future.prop_map(move |future| Op::Result { future, limit }).boxed()));
    }
    let promised = known.futures.iter().filter(|future| future.promise);
    let promised: Vec<u8> = promised.map(|future| future.slot).collect();
    if !promised.is_empty() {
        let settle = (prop::sample::select(promised), any::<u8>(), 0..3u8);
        let settle = settle.prop_map(|(future, value, which)| match which {
            0 => Op::SetRunning(future),
            1 => Op::SetException { future, exception: value % 3 },
            _ => Op::SetResult { future, value },
        });
        all.push((2, settle.boxed()));
    }
    let locals: Vec<u8> = known
        .locals
        .iter()
        .filter(|local| local.held && local.promise)
        .map(|local| local.slot)
        .collect();
    if !locals.is_empty() {
        let settle = (prop::sample::select(locals), any::<u8>(), 0..4u8);
        let settle = settle.prop_map(|(future, value, which)| match which {
            0 => Op::CancelLocal(Local::Future(future)),
            1 => Op::SetLoopException { future, exception: value % 3 },
            2 => Op::DropLoopPromise(future),
            _ => Op::SetLoopResult { future, value },
        });
        all.push((3, settle.boxed()));
    }
    if all.is_empty() {
        return Just(Operation::Restart).boxed();
    }
    told(Union::new_weighted(all))
}

/// Something small that may also be done in a coroutine.
fn anything(known: &Dialogue, in_coroutine: bool) -> BoxedStrategy<Op> {
    let mut all = vec![
        (3, (0..10u8).prop_map(Op::Mark).boxed()),
        (3, (0..GATES).prop_map(Op::Signal).boxed()),
    ];
    if in_coroutine {
        let of = Local::Current;
        all.push((2, Just(Op::CancelLocal(of)).boxed()));
        all.push((3, Just(Op::Uncancel(of)).boxed()));
        all.push((2, Just(Op::Cancelling(of)).boxed()));
        let tasks = held(&known.tasks);
        if !tasks.is_empty() {
            let task = prop::sample::select(tasks).prop_map(Local::Task);
            all.push((3, task.clone().prop_map(Op::CancelLocal).boxed()));
            all.push((1, task.prop_map(Op::Uncancel).boxed()));
        }
    }
    Union::new_weighted(all).boxed()
}

fn awaited(known: &Dialogue) -> BoxedStrategy<Awaited> {
    let mut all = vec![
        (3, Just(Awaited::Yield).boxed()),
        (5, (0..4u32).prop_map(Awaited::Sleep).boxed()),
        (3, (0..GATES).prop_map(Awaited::Foreign).boxed()),
    ];
    let futures: Vec<u8> = known.futures.iter().map(|future| future.slot).collect();
    if !futures.is_empty() {
        let future = prop::sample::select(futures);
        all.push((2, future.clone().prop_map(Awaited::Future).boxed()));
        all.push((1, future.prop_map(Awaited::Wrapped).boxed()));
    }
    let locals = held(&known.locals);
    if !locals.is_empty() {
        all.push((4, prop::sample::select(locals).prop_map(Awaited::Local).boxed()));
    }
    let tasks: Vec<u8> = held(&known.tasks).into_iter().rev().take(5).collect();
    if !tasks.is_empty() {
        let task = prop::sample::select(tasks);
        all.push((4, task.clone().prop_map(Awaited::Task).boxed()));
        all.push((6, task.clone().prop_map(Awaited::Shield).boxed()));
        all.push((4, prop::collection::vec(task, 1..4).prop_map(Awaited::Gather).boxed()));
    }
    Union::new_weighted(all).boxed()
}

/// What coroutines are made of.
#[derive(Clone)]
struct Parts {
    awaited: BoxedStrategy<Awaited>,
    op: BoxedStrategy<Op>,
}

fn script(known: &Dialogue) -> BoxedStrategy<Vec<Stmt>> {
    let parts = Parts { awaited: awaited(known), op: anything(known, true) };
    block(&parts, 3)
}

fn block(parts: &Parts, depth: u32) -> BoxedStrategy<Vec<Stmt>> {
    prop::collection::vec(statement(parts, depth), 1..4).boxed()
}

fn statement(parts: &Parts, depth: u32) -> BoxedStrategy<Stmt> {
    let ends = prop_oneof![
        3 => any::<u8>().prop_map(Stmt::Return),
        2 => (0..3u8).prop_map(Stmt::Raise),
        1 => Just(Stmt::RaiseCancelled),
        1 => Just(Stmt::Panic(3)),
    ];
    let waits = (0..4u32, parts.awaited.clone());
    let waits = waits.prop_map(|(after, what)| Stmt::WaitFor { after, what });
    let mut all = vec![
        (3, parts.op.clone().prop_map(Stmt::Do).boxed()),
        (9, parts.awaited.clone().prop_map(Stmt::Await).boxed()),
        (3, waits.boxed()),
        (1, ends.boxed()),
    ];
    if depth > 0 {
        let inner = block(parts, depth - 1);
        let catch = prop::sample::select(vec![
            Catch::Cancelled,
            Catch::Cancelled,
            Catch::Timeout,
            Catch::Exception,
            Catch::All,
        ]);
        let timeout =
            (0..6u32, inner.clone()).prop_map(|(after, body)| Stmt::Timeout { after, body });
        let tries = (inner.clone(), catch, inner.clone(), any::<bool>())
            .prop_map(|(body, catch, handler, again)| Stmt::Try { body, catch, handler, again });
        let last = (inner.clone(), inner).prop_map(|(body, last)| Stmt::Finally { body, last });
        all.extend([(7, timeout.boxed()), (4, tries.boxed()), (1, last.boxed())]);
    }
    Union::new_weighted(all).boxed()
}

//= SPEC.md#t-1
//= type=test
//# Creating a task MUST queue its first step and MUST NOT run any of it.
//= SPEC.md#t-2
//= type=test
//# A coroutine's `Err` MUST become the task's exception, its `Err(Cancelled)` MUST make the task
//# cancelled, and its value the result.
//= SPEC.md#t-5
//= type=test
//# `cancel` on a live task MUST return true and raise `cancelling` by one; on a task that is done
//# it MUST return false.
//= SPEC.md#t-6
//= type=test
//# A cancel MUST be delivered at the kernel awaitable that the task is suspended on, which then
//# yields `Err(Cancelled)` with the message.
//= SPEC.md#t-7
//= type=test
//# A task cancelled before its first step MUST end cancelled without running a statement.
//= SPEC.md#t-8
//= type=test
//# A coroutine that swallows a cancel MUST be able to go on, to finish with a value, to raise
//# something else, and to be cancelled again.
//= SPEC.md#t-9
//= type=test
//# A coroutine suspended in a foreign awaitable MUST be dropped at that await when it is cancelled,
//# and its task ends cancelled.
//= SPEC.md#t-10
//= type=test
//# Cancelling a task that awaits another task MUST cancel that one and go on waiting for its end.
//= SPEC.md#t-11
//= type=test
//# A cancel that nobody received before the coroutine returned a value MUST make the task
//# cancelled; if it returned an exception the exception stands.
//= SPEC.md#t-12
//= type=test
//# `uncancel` MUST lower `cancelling`, not below zero, and at zero MUST withdraw a cancel that was
//# not yet delivered.
//= SPEC.md#t-13
//= type=test
//# A task that awaits itself MUST get an error.
//= SPEC.md#t-17
//= type=test
//# `current_task` MUST name the task whose step is being run, and `all_tasks` every task that is
//# not done.
//= SPEC.md#t-18
//= type=test
//# `sleep` MUST end not before its delay, and when cancelled MUST withdraw its timer; `yield_now`
//# MUST let everything that is queued run first.
//= SPEC.md#o-1
//= type=test
//# A `timeout` that expires MUST cancel what it encloses and turn that cancel, and no other, into
//# its own error.
//= SPEC.md#o-2
//= type=test
//# A foreign cancel that arrives in addition to the expiry MUST win: the scope yields
//# `Err(Cancelled)`.
//= SPEC.md#o-3
//= type=test
//# A `timeout` around a foreign awaitable MUST drop only that awaitable when it expires or is
//# cancelled.
//= SPEC.md#o-4
//= type=test
//# Of nested timeouts that have expired only the one whose cancel is leaving MUST convert it; a
//# value or another exception MUST pass through.
//= SPEC.md#o-5
//= type=test
//# `wait_for` MUST return only after what it encloses has ended, and a result that came in time, or
//# in spite of the cancel, MUST be returned.
//= SPEC.md#o-6
//= type=test
//# `wait_for` and `timeout` with a zero delay MUST NOT start a coroutine that has not begun.
//= SPEC.md#o-7
//= type=test
//# Cancelling a task that awaits a `shield` MUST leave the shielded task running, and its later
//# failure MUST be reported if nobody retrieves it.
//= SPEC.md#o-8
//= type=test
//# `gather` MUST yield the results in the order of its arguments, MUST yield the first exception at
//# once and leave the others running, and MUST cancel all of them when it is cancelled.
#[test]
fn t1_tasks_behave_as_the_spec() {
    run::<Machine<Tasks>>(&SUITE);
    REACHED.check(&SUITE, &EXPECTED);
}
