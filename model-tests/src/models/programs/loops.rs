//! Of `chain::loops`.

use super::*;

pub(in crate::models) fn loop_awaits_loop() -> Program {
    program([
        list![Op::NewLoop(0), submit(0), turns(2), Op::Start(1), turns(1), Op::Join(1)],
        list![Op::NewLoop(1), Op::RunUntilComplete { on: 1, coroutine: 1 }],
    ])
    .coroutine(vec![Stmt::Return(1)])
    .coroutine(vec![Stmt::Await(Awaited::Future(0)), Stmt::Return(1)])
}

pub(in crate::models) fn cancel_crosses() -> Program {
    let turn = Op::RunOnce { on: 1, sleep: Sleep::Zero };
    program([
        list![
            Op::NewLoop(0),
            Op::NewPromise(1),
            submit(0),
            turns(2),
            Op::Start(1),
            Op::RunForever(0),
            Op::Join(1),
            is(Query::Cancelled, 0),
            is(Query::Cancelled, 1),
        ],
        list![
            Op::NewLoop(1),
            Op::CreateTask { on: 1, coroutine: 1, task: 1 },
            turn.clone(),
            cancel_task(1),
            turn,
            is_local(Query::Cancelled, Local::Task(1)),
            wait_ended(0),
            Op::Stop(0),
        ],
    ])
    .coroutine(vec![Stmt::Await(Awaited::Future(1))])
    .coroutine(vec![Stmt::Await(Awaited::Future(0))])
}

/// As in `close`: whether it is refused, and what comes of it if not.
pub(in crate::models) fn close_races_submission() -> Program {
    program([
        list![Op::NewLoop(0), Op::Start(1), Op::Close(0), Op::Join(1)],
        list![Op::NewLoop(1), submit(0)],
    ])
    .coroutine(vec![never()])
}

pub(in crate::models) fn close_releases_a_loop() -> Program {
    program([
        list![Op::NewLoop(0), Op::Start(1), Op::AwaitGate(0), Op::Close(0), Op::Join(1)],
        list![
            Op::NewLoop(1),
            submit(0),
            Op::Signal(0),
            Op::RunUntilComplete { on: 1, coroutine: 1 },
        ],
    ])
    .coroutine(vec![never()])
    .coroutine(vec![Stmt::Await(Awaited::Wrapped(0))])
}
