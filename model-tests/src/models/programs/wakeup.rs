//! Of `wakeup`.

use super::*;

pub(in crate::models) fn post_races_sleep() -> Program {
    program([list![Op::NewLoop(0), Op::Start(1), Op::RunForever(0), Op::Join(1)], list![post(0)]])
        .callback(list![Op::StopLocal(0)])
}

/// That both callbacks have run is what a coroutine waits for, with a gate for each.
pub(in crate::models) fn two_posters_share_a_byte() -> Program {
    let both = [0, 1].map(|gate| Stmt::Await(Awaited::Foreign(gate)));
    program([
        list![
            Op::NewLoop(0),
            Op::Start(1),
            Op::Start(2),
            run_until_complete(0),
            Op::Join(1),
            Op::Join(2),
        ],
        list![post(0)],
        list![post(1)],
    ])
    .callback(list![Op::Mark(1), Op::Signal(0)])
    .callback(list![Op::Mark(2), Op::Signal(1)])
    .coroutine(both.into())
}

/// A task sees the flag where the body has a callback that asks.
pub(in crate::models) fn post_before_call_soon() -> Program {
    program([
        list![Op::NewLoop(0), create_task(0), Op::Start(1), turns(1), Op::Join(1), turns(1)],
        list![post(0), Op::Signal(0)],
    ])
    .callback(list![Op::Mark(1)])
    .callback(list![Op::Mark(2)])
    .coroutine(vec![Stmt::Await(Awaited::Foreign(0)), Stmt::Do(call_soon(1))])
}

/// The second turn comes when both are posted, so it need not be repeated until both have run.
pub(in crate::models) fn post_races_drain() -> Program {
    let sleeps = Op::RunOnce { on: 0, sleep: Sleep::Forever };
    program([
        list![Op::NewLoop(0), Op::Start(1), sleeps, Op::Join(1), turns(1)],
        list![post(0), post(1)],
    ])
    .callback(list![Op::Mark(1)])
    .callback(list![Op::Mark(2)])
}

pub(in crate::models) fn post_races_close() -> Program {
    program([list![Op::NewLoop(0), Op::Start(1), Op::Close(0), Op::Join(1)], list![post(0)]])
        .callback(list![Op::Mark(1)])
}

pub(in crate::models) fn cancel_races_run() -> Program {
    program([
        list![Op::NewLoop(0), post(0), Op::Start(1), turns(1), Op::Join(1)],
        list![Op::CancelHandle(0)],
    ])
    .callback(list![Op::Mark(1)])
}

pub(in crate::models) fn cancel_races_close() -> Program {
    program([
        list![Op::NewLoop(0), post(0), Op::Start(1), Op::Close(0), Op::Join(1)],
        list![Op::CancelHandle(0)],
    ])
    .callback(list![Op::Mark(1)])
}
