//! Chains in both directions beside [`System`](loopgate_model_tests::spec::System): graphs of up to eight futures over
//! two loops.
//!
//! Submissions and tasks await promises, submissions, wrappers and loop futures of either loop, which are settled
//! and cancelled at either end, before, between and after the turns that carry outcomes on; loops close with
//! everything in them.

use loopgate_model_tests::spec::program::{Awaited, Catch, Limit, Local, Op, Query, Sleep, Stmt};
use proptest::prelude::*;

use super::dialogue::{Alphabet, CALLBACKS, Dialogue, Machine, Operation, replay};
use super::support::{Expected, Reached, Suite, regressions, run};

static REACHED: Reached = Reached::new();

const SUITE: Suite = Suite {
    name: "chains",
    regressions: regressions!("chains"),
    programs: 144,
    longest: 220,
    seed: 5,
};

const FUTURES: usize = 8;
const TASKS: usize = 6;

/// Of loops.
const OPEN: &[&str] = &["empty", "posted", "queued", "queued and posted"];
const ANY_LOOP: &[&str] = &["empty", "posted", "queued", "queued and posted", "closed"];
/// Of futures that the program made.
const PROMISES: &[&str] = &[
    "promise, pending",
    "promise, running",
    "promise, cancelled",
    "promise, cancelled and ended",
    "promise, value",
    "promise, exception",
];
/// The same and submissions, which nobody can see running.
const FUTURE_STATES: &[&str] = &[
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
];
/// Of what wraps a future.
const WRAPPERS: &[&str] =
    &["wrapper, pending", "wrapper, value", "wrapper, exception", "wrapper, cancelled"];

const EXPECTED: Expected<'_> = Expected {
    operations: &["wrap_future", "cancel", "result", "wait_ended", "query", "on_done"],
    states: FUTURE_STATES,
    impossible: &[],
    transitions: &[
        ("restart", &["any"]),
        ("new_promise", &["any"]),
        ("run_once", OPEN),
        ("close", OPEN),
        ("submit", ANY_LOOP),
        ("create_task", ANY_LOOP),
        ("wrap_future", &["loop closed"]),
        ("set_running", PROMISES),
        ("set_result", PROMISES),
        ("set_exception", PROMISES),
        ("complete", PROMISES),
        ("drop_promise", PROMISES),
        ("cancel_local", WRAPPERS),
        ("result_local", WRAPPERS),
        ("on_done_local", WRAPPERS),
        ("forget", WRAPPERS),
        (
            "cancel_local",
            &[
                "a task, not suspended",
                "a task, yield",
                "a task, future",
                "a task, local",
                "a task, task",
            ],
        ),
    ],
    answers: &[
        ("submit", &["ok", "loop closed"]),
        ("create_task", &["ok", "loop closed"]),
        ("wrap_future", &["ok", "loop closed"]),
        ("cancel", &["true", "false"]),
        ("cancel_local", &["true", "false"]),
        ("set_running", &["true", "false", "invalid, cancelled", "invalid, finished"]),
        ("set_result", &["ok", "invalid, cancelled", "invalid, finished"]),
        ("set_exception", &["ok", "invalid, cancelled", "invalid, finished"]),
        ("complete", &["true", "false"]),
        (
            "result",
            &[
                "value",
                "raised",
                "cancelled",
                "broken promise",
                "loop closed",
                "foreign loop",
                "timed out",
            ],
        ),
        (
            "result_local",
            &["value", "raised", "cancelled", "broken promise", "loop closed", "pending"],
        ),
        ("wait_ended", &["ok", "timed out"]),
        ("query", &["true", "false"]),
        (
            "run_once",
            &[
                "value",
                "ok",
                "mark",
                "caught cancelled",
                "reported raised",
                "reported broken promise",
                "continue",
            ],
        ),
        ("close", &["ok"]),
    ],
};

struct Chains;

impl Alphabet for Chains {
    const LOOPS: u8 = 2;

    fn operations(known: &Dialogue) -> BoxedStrategy<Operation> {
        let mut all = vec![(1, Just(Operation::Restart).boxed())];
        let mut add =
            |weight: u32, operations: BoxedStrategy<Operation>| all.push((weight, operations));
        let full = known.futures.len() == FUTURES && known.locals.len() == FUTURES;
        if known.open_loops().is_empty() || full {
            add(4, Just(Operation::Restart).boxed());
        }
        add(12, turns(known));
        add(10, beginnings(known));
        if known.futures.iter().any(|future| future.promise) {
            add(7, of_promises(known));
        }
        if !known.futures.is_empty() {
            add(10, of_futures(known));
        }
        if known.locals.iter().any(|local| local.held) {
            add(5, of_locals(known));
        }
        if !known.tasks.is_empty() {
            add(2, of_tasks(known));
        }
        prop::strategy::Union::new_weighted(all).boxed()
    }

    fn state(known: &Dialogue, op: &Op) -> String {
        match *op {
            Op::RunOnce { on, .. }
            | Op::Close(on)
            | Op::Submit { on, .. }
            | Op::CreateTask { on, .. } => known.loop_state(on).to_owned(),
            Op::WrapFuture { on, source, .. } if !known.closed[usize::from(on)] => {
                known.phase(source)
            }
            Op::WrapFuture { .. } => "loop closed".to_owned(),
            Op::Cancel(future)
            | Op::SetRunning(future)
            | Op::SetResult { future, .. }
            | Op::SetException { future, .. }
            | Op::Complete { future, .. }
            | Op::DropPromise(future)
            | Op::Result { future, .. }
            | Op::WaitEnded { future, .. }
            | Op::Query { future, .. }
            | Op::OnDone { future, .. } => known.phase(future),
            Op::CancelLocal(Local::Future(slot))
            | Op::ResultLocal(Local::Future(slot))
            | Op::OnDoneLocal { of: Local::Future(slot), .. }
            | Op::Forget(Local::Future(slot)) => known.local_state(slot),
            Op::CancelLocal(Local::Task(slot)) => {
                let awaits = known.system.task(slot).and_then(|task| task.awaits);
                format!("a task, {}", awaits.unwrap_or("not suspended"))
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

fn turns(known: &Dialogue) -> BoxedStrategy<Operation> {
    let open = known.open_loops();
    if open.is_empty() {
        return Just(Operation::Restart).boxed();
    }
    let on = prop::sample::select(open);
    told(prop_oneof![
        24 => on.clone().prop_map(|on| Op::RunOnce { on, sleep: Sleep::Zero }),
        1 => on.prop_map(Op::Close),
    ])
}

fn beginnings(known: &Dialogue) -> BoxedStrategy<Operation> {
    let future = slot(known.futures.len());
    let local = slot(known.locals.len());
    let task = slot(known.tasks.len());
    let mut all = vec![(1, Just(Operation::Restart).boxed())];
    let script = script(known);
    if known.futures.len() < FUTURES {
        all.push((4, told(Just(Op::NewPromise(future)))));
        let submit = (0..2u8, script.clone())
            .prop_map(move |(on, script)| (Op::Submit { on, coroutine: 0, future }, script));
        all.push((8, started(submit)));
    }
    if known.tasks.len() < TASKS {
        let create = (0..2u8, script)
            .prop_map(move |(on, script)| (Op::CreateTask { on, coroutine: 0, task }, script));
        all.push((4, started(create)));
    }
    if known.locals.len() < FUTURES && !known.futures.is_empty() {
        let wrap = (0..2u8, any_future(known)).prop_map(move |(on, source)| Op::WrapFuture {
            on,
            source,
            future: local,
        });
        all.push((8, told(wrap)));
    }
    prop::strategy::Union::new_weighted(all).boxed()
}

fn slot(number: usize) -> u8 {
    u8::try_from(number).expect("programs are small")
}

fn started(of: impl Strategy<Value = (Op, Vec<Stmt>)> + 'static) -> BoxedStrategy<Operation> {
    of.prop_map(|(op, script)| Operation::Start(op, script)).boxed()
}

fn any_future(known: &Dialogue) -> impl Strategy<Value = u8> + Clone + 'static {
    let slots: Vec<u8> = known.futures.iter().map(|future| future.slot).collect();
    prop::sample::select(slots)
}

fn of_promises(known: &Dialogue) -> BoxedStrategy<Operation> {
    let promises = known.futures.iter().filter(|future| future.promise);
    let future = prop::sample::select(promises.map(|future| future.slot).collect::<Vec<_>>());
    told((future, any::<u8>(), 0..6u8, 0..3u8).prop_map(|(future, value, which, exception)| {
        match which {
            0 => Op::SetRunning(future),
            1 => Op::SetResult { future, value },
            2 => Op::SetException { future, exception },
            3 => Op::Complete { future, value },
            4 => Op::DropPromise(future),
            _ => Op::SetRunning(future),
        }
    }))
}

fn of_futures(known: &Dialogue) -> BoxedStrategy<Operation> {
    let limit = Limit::Zero;
    told((any_future(known), 0..9u8, 0..CALLBACKS).prop_map(move |(future, which, callback)| {
        match which {
            0..=2 => Op::Cancel(future),
            3 | 4 => Op::Result { future, limit },
            5 => Op::WaitEnded { future, limit },
            6 => Op::Query { future, what: Query::Ended },
            _ => Op::OnDone { future, callback },
        }
    }))
}

fn of_locals(known: &Dialogue) -> BoxedStrategy<Operation> {
    let held = known.locals.iter().filter(|local| local.held);
    let slot = prop::sample::select(held.map(|local| local.slot).collect::<Vec<_>>());
    let forgettable = known.locals.iter().filter(|local| known.may_forget(false, **local));
    let forgettable: Vec<u8> = forgettable.map(|local| local.slot).collect();
    let ops = (slot, 0..6u8, 0..CALLBACKS).prop_map(|(slot, which, callback)| {
        let of = Local::Future(slot);
        match which {
            0..=2 => Op::CancelLocal(of),
            3 | 4 => Op::ResultLocal(of),
            _ => Op::OnDoneLocal { of, callback },
        }
    });
    if forgettable.is_empty() {
        return told(ops);
    }
    let forget = prop::sample::select(forgettable).prop_map(|slot| Op::Forget(Local::Future(slot)));
    told(prop_oneof![8 => ops, 1 => forget])
}

fn of_tasks(known: &Dialogue) -> BoxedStrategy<Operation> {
    let slots: Vec<u8> = known.tasks.iter().map(|task| task.slot).collect();
    told(prop::sample::select(slots).prop_map(|slot| Op::CancelLocal(Local::Task(slot))))
}

/// A coroutine that carries something on, and may mind being cancelled.
fn script(known: &Dialogue) -> BoxedStrategy<Vec<Stmt>> {
    let end = prop_oneof![
        3 => any::<u8>().prop_map(|value| vec![Stmt::Return(value)]),
        2 => (0..3u8).prop_map(|exception| vec![Stmt::Raise(exception)]),
        1 => Just(vec![]),
    ];
    let mut targets = vec![(1, Just(Awaited::Yield).boxed())];
    if !known.futures.is_empty() {
        targets.push((3, any_future(known).prop_map(Awaited::Future).boxed()));
        targets.push((3, any_future(known).prop_map(Awaited::Wrapped).boxed()));
    }
    let held = |owns: &[super::dialogue::Own]| -> Vec<u8> {
        owns.iter().filter(|own| own.held).map(|own| own.slot).collect()
    };
    let (locals, tasks) = (held(&known.locals), held(&known.tasks));
    if !locals.is_empty() {
        targets.push((4, prop::sample::select(locals).prop_map(Awaited::Local).boxed()));
    }
    if !tasks.is_empty() {
        targets.push((2, prop::sample::select(tasks).prop_map(Awaited::Task).boxed()));
    }
    let target = prop::strategy::Union::new_weighted(targets);
    let minds = (end.clone(), 0..4u8, any::<bool>());
    (target, minds, end, 0..6u8)
        .prop_map(|(target, (mut handler, minds, again), end, shape)| {
            let awaits = Stmt::Await(target);
            if minds == 0 {
                handler.insert(0, Stmt::Await(Awaited::Yield));
            }
            let mut script = vec![match shape {
                0 => Stmt::Do(Op::Mark(1)),
                1 | 2 => awaits,
                3 => Stmt::Finally { body: vec![awaits], last: vec![Stmt::Do(Op::Mark(2))] },
                _ => Stmt::Try { body: vec![awaits], catch: Catch::Cancelled, handler, again },
            }];
            script.extend(end);
            script
        })
        .boxed()
}

//= SPEC.md#c-1
//= type=test
//# A task's outcome MUST be copied to its submission through the queue, so that everything the task
//# scheduled before it ended runs before the submitter is released.
//= SPEC.md#c-3
//= type=test
//# An exception that a task raised after its submission had been cancelled MUST be reported to the
//# exception handler.
//= SPEC.md#c-4
//= type=test
//# A task cancelled on the loop's side MUST cancel its submission and mark it ended in the same
//# step.
//= SPEC.md#c-5
//= type=test
//# A submission cancelled before its task began MUST end without running a statement of the
//# coroutine.
//= SPEC.md#c-6
//= type=test
//# Cancelling a submission MUST be seen by its task no later than the beginning of the next step
//# that starts after the call returned, from any thread.
//= SPEC.md#c-7
//= type=test
//# A submission cancelled while its task cleans up, or swallows the cancel, MUST stay cancelled,
//# and MUST become ended only when the task has ended.
//= SPEC.md#c-8
//= type=test
//# Closing a loop MUST finish every accepted submission that is not done, with an error that says
//# the loop was closed; an outcome that the task had already reached MUST be delivered.
//= SPEC.md#c-9
//= type=test
//# The outcome of a concurrent future MUST reach its loop future through the loop's queue, even if
//# it was done when it was wrapped.
//= SPEC.md#c-10
//= type=test
//# Cancelling a wrapped loop future MUST cancel its source at once if the source has not started,
//# and MUST leave running work to end by itself, its outcome dropped.
//= SPEC.md#c-11
//= type=test
//# A cancelled source MUST cancel the loop future that wraps it.
//= SPEC.md#c-12
//= type=test
//# A source that ends after the loop closed MUST be ignored without an error.
//= SPEC.md#l-8
//= type=test
//# Closing the loop MUST end a pending loop future that the kernel made, with an error that says
//# so.
//= SPEC.md#u-1
//= type=test
//# `run_coroutine_threadsafe` MUST return a future that ends in a final state whatever becomes of
//# the loop, if the submission was accepted.
//= SPEC.md#u-2
//= type=test
//# Submitting to a closed loop MUST be refused in the submitting thread, and the coroutine MUST be
//# dropped unrun.
#[test]
fn c1_chains_behave_as_the_spec() {
    run::<Machine<Chains>>(&SUITE);
    REACHED.check(&SUITE, &EXPECTED);
}

//= SPEC.md#t-3
//= type=test
//# A coroutine MUST be dropped before its outcome can be observed.
//= SPEC.md#l-5
//= type=test
//# An exception that nobody retrieved MUST be reported to the exception handler when the last
//# handle of its future is dropped.
#[test]
fn t3_what_a_closing_loop_drops_is_reported_before_the_submitter_hears() {
    let turn = || Operation::Tell(Op::RunOnce { on: 1, sleep: Sleep::Zero });
    let script = vec![Stmt::Await(Awaited::Wrapped(0))];
    replay::<Chains>(vec![
        Operation::Tell(Op::NewPromise(0)),
        Operation::Tell(Op::SetException { future: 0, exception: 0 }),
        Operation::Start(Op::Submit { on: 1, coroutine: 0, future: 1 }, script),
        Operation::Tell(Op::OnDone { future: 1, callback: 2 }),
        turn(),
        turn(),
        turn(),
        Operation::Tell(Op::Close(1)),
    ]);
}
