//! Of `wakers`. A flag with a waker is a gate.

use super::*;

fn flag(gate: u8) -> Stmt {
    Stmt::Await(Awaited::Foreign(gate))
}

pub(in crate::models) fn foreign_waker() -> Program {
    program([
        list![Op::NewLoop(0), Op::Start(1), run_until_complete(0), Op::Join(1)],
        list![Op::Signal(0)],
    ])
    .coroutine(vec![flag(0)])
}

/// The two that are announced have a flag each, and the task says when it has seen which.
fn two_flags() -> Vec<Stmt> {
    vec![flag(0), mark(1), flag(1), mark(2)]
}

pub(in crate::models) fn two_wakes() -> Program {
    program([
        list![
            Op::NewLoop(0),
            create_task(0),
            turns(1),
            Op::Start(1),
            turns(1),
            Op::Join(1),
            turns(2),
            is_local(Query::Done, Local::Task(0)),
        ],
        list![Op::Signal(0), Op::Signal(1)],
    ])
    .coroutine(two_flags())
}

pub(in crate::models) fn two_wakers() -> Program {
    program([
        list![
            Op::NewLoop(0),
            create_task(0),
            turns(1),
            Op::Start(1),
            Op::Start(2),
            turns(1),
            Op::Join(1),
            Op::Join(2),
            turns(2),
            is_local(Query::Done, Local::Task(0)),
        ],
        list![Op::Signal(0)],
        list![Op::Signal(1)],
    ])
    .coroutine(two_flags())
}

/// The loop's own wake and another thread's, both before the step; a third flag is never set.
pub(in crate::models) fn wakes_of_both_sides() -> Program {
    let mut three_flags = two_flags();
    three_flags.push(flag(2));
    program([
        list![
            Op::NewLoop(0),
            create_task(0),
            turns(1),
            call_soon(0),
            turns(4),
            is_local(Query::Done, Local::Task(0)),
        ],
        list![Op::Signal(1)],
    ])
    .callback(list![Op::Start(1), Op::Signal(0), Op::Join(1)])
    .coroutine(three_flags)
}

/// That the first task has ended is future 0: the other thread asks for it before it wakes.
pub(in crate::models) fn late_wake() -> Program {
    program([
        list![
            Op::NewLoop(0),
            Op::NewPromise(0),
            create_task(0),
            turns(1),
            Op::Signal(0),
            Op::Start(1),
            turns(1),
            is_local(Query::Done, Local::Task(0)),
            set_result(0),
            create_task(1),
            turns(1),
            Op::Join(1),
            turns(2),
            cancel_task(1),
            turns(1),
        ],
        list![is(Query::Done, 0), Op::Signal(0)],
    ])
    .coroutine(vec![flag(0)])
    .coroutine(vec![flag(1), mark(1)])
}

pub(in crate::models) fn waker_races_cancel() -> Program {
    program([
        list![
            Op::NewLoop(0),
            create_task(0),
            turns(1),
            Op::Start(1),
            turns(1),
            cancel_task(0),
            turns(1),
            Op::Join(1),
            turns(1),
            Op::ResultLocal(Local::Task(0)),
        ],
        list![Op::Signal(0)],
    ])
    .coroutine(vec![flag(0), Stmt::Return(1)])
}

pub(in crate::models) fn waker_races_close() -> Program {
    program([
        list![
            Op::NewLoop(0),
            create_task(0),
            turns(1),
            Op::Start(1),
            turns(1),
            Op::Close(0),
            Op::Join(1),
            Op::ResultLocal(Local::Task(0)),
        ],
        list![Op::Signal(0)],
    ])
    .coroutine(vec![flag(0), Stmt::Return(1)])
}
