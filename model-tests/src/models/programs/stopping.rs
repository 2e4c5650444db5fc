//! Of `stopping`.

use super::*;

pub(in crate::models) fn stop_races_sleep() -> Program {
    program([
        list![Op::NewLoop(0), Op::Start(1), Op::RunForever(0), Op::Join(1)],
        list![Op::Stop(0)],
    ])
}

pub(in crate::models) fn post_races_stop() -> Program {
    program([
        list![
            Op::NewLoop(0),
            Op::Start(1),
            Op::StopLocal(0),
            Op::RunForever(0),
            Op::Join(1),
            turns(1),
        ],
        list![post(0)],
    ])
    .callback(list![Op::Mark(1)])
}

/// That the callback has run is what a coroutine waits for in the second run.
pub(in crate::models) fn post_races_the_end() -> Program {
    program([
        list![Op::NewLoop(0), Op::Start(1), turns(1), run_until_complete(0), Op::Join(1)],
        list![post(0)],
    ])
    .callback(list![Op::Mark(1), Op::Signal(0)])
    .coroutine(vec![Stmt::Await(Awaited::Foreign(0))])
}

pub(in crate::models) fn two_stops() -> Program {
    program([
        list![Op::NewLoop(0), Op::Stop(0), Op::Start(1), Op::RunForever(0), Op::Join(1), turns(2)],
        list![Op::Stop(0)],
    ])
}

pub(in crate::models) fn limited_turn() -> Program {
    let limited = Op::RunOnce { on: 0, sleep: Sleep::Units(1) };
    program([list![Op::NewLoop(0), Op::Start(1), limited, Op::Join(1), turns(1)], list![post(0)]])
        .callback(list![Op::Mark(1)])
}

pub(in crate::models) fn deadline_races_post() -> Program {
    program([
        list![
            Op::NewLoop(0),
            Op::Start(1),
            Op::CallAt { on: 0, at: 1, callback: 1, handle: 1 },
            Op::RunForever(0),
            Op::Join(1),
            turns(1),
        ],
        list![post(0)],
    ])
    .callback(list![Op::Mark(1)])
    .callback(list![Op::Mark(2), Op::StopLocal(0)])
}

fn post_later(callback: u8) -> Op {
    Op::PostLater { on: 0, after: 1, callback, handle: callback }
}

/// The stop that the body has only after a cancel comes too late to matter if the timer has fired.
pub(in crate::models) fn timer_races_cancel() -> Program {
    program([
        list![Op::NewLoop(0), Op::Start(1), Op::RunForever(0), Op::Join(1)],
        list![post_later(0), Op::CancelHandle(0), Op::Stop(0)],
    ])
    .callback(list![Op::Mark(1), Op::StopLocal(0)])
}

/// That the earlier one has fired is what a coroutine waits for at the end.
pub(in crate::models) fn earlier_timer() -> Program {
    program([
        list![
            Op::NewLoop(0),
            Op::CallLater { on: 0, after: 2, callback: 0, handle: 0 },
            Op::Start(1),
            Op::RunForever(0),
            Op::Join(1),
            run_until_complete(0),
        ],
        list![post_later(1)],
    ])
    .callback(list![Op::Mark(2), Op::StopLocal(0)])
    .callback(list![Op::Mark(1), Op::Signal(0)])
    .coroutine(vec![Stmt::Await(Awaited::Foreign(0))])
}

pub(in crate::models) fn timer_races_close() -> Program {
    program([list![Op::NewLoop(0), Op::Start(1), Op::Close(0), Op::Join(1)], list![post_later(0)]])
        .callback(list![Op::Mark(1)])
}
