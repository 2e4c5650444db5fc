//! Of `awake`.

use super::*;

fn busy_until(other: Op) -> Program {
    program([
        list![Op::NewLoop(0), call_soon(0), Op::Start(1), Op::RunForever(0), Op::Join(1)],
        list![other],
    ])
    .callback(list![])
    .callback(list![Op::StopLocal(0)])
}

pub(in crate::models) fn post_races_decision() -> Program {
    busy_until(post(1))
}

pub(in crate::models) fn stop_races_decision() -> Program {
    busy_until(Op::Stop(0))
}

/// The coroutine has its next step queued by itself, and looks for the data in it.
pub(in crate::models) fn wake_is_merged() -> Program {
    let seen = is_local(Query::Done, Local::Task(0));
    program([
        list![
            Op::NewLoop(0),
            create_task(0),
            turns(1),
            Op::Start(1),
            turns(1),
            seen.clone(),
            Op::Join(1),
            turns(1),
            seen,
        ],
        list![Op::Signal(0)],
    ])
    .coroutine(vec![Stmt::Await(Awaited::Yield), Stmt::Await(Awaited::Foreign(0))])
}
