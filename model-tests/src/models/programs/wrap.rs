//! Of `chain::wrap`.

use super::*;

const WRAPPED: Local = Local::Future(0);

pub(in crate::models) fn completion_races_wrap() -> Program {
    program([
        list![
            Op::NewLoop(0),
            Op::NewPromise(0),
            Op::Start(1),
            wrap(0),
            run_until_complete(0),
            Op::Join(1),
            turns(1),
        ],
        list![post(0), set_result(0)],
    ])
    .callback(list![Op::Mark(1)])
    .coroutine(vec![Stmt::Await(Awaited::Local(0))])
}

pub(in crate::models) fn completion_on_the_loop() -> Program {
    program([
        list![
            Op::NewLoop(0),
            Op::NewPromise(0),
            wrap(0),
            call_soon(0),
            Op::Start(1),
            turns(2),
            Op::Join(1),
            turns(1),
            Op::ResultLocal(WRAPPED),
        ],
        list![Op::Cancel(0)],
    ])
    .callback(list![
        is_local(Query::Done, WRAPPED),
        complete(0),
        is_local(Query::Done, WRAPPED),
    ])
}

pub(in crate::models) fn wrapper_cancel_races_start() -> Program {
    program([
        list![
            Op::NewLoop(0),
            Op::NewPromise(0),
            Op::Start(1),
            wrap(0),
            Op::CancelLocal(WRAPPED),
            wait_ended(0),
            Op::Join(1),
            turns(1),
            is_local(Query::Cancelled, WRAPPED),
            is(Query::Cancelled, 0),
        ],
        list![Op::SetRunning(0), set_result(0)],
    ])
}

pub(in crate::models) fn wrapper_cancel_races_completion() -> Program {
    program([
        list![
            Op::NewLoop(0),
            Op::NewPromise(0),
            wrap(0),
            Op::Start(1),
            Op::CancelLocal(WRAPPED),
            Op::Join(1),
            turns(1),
            is_local(Query::Cancelled, WRAPPED),
            is(Query::Ended, 0),
            is(Query::Cancelled, 0),
        ],
        list![complete(0)],
    ])
}

pub(in crate::models) fn cancelled_source() -> Program {
    program([
        list![Op::NewLoop(0), Op::NewPromise(0), Op::Start(1), run_until_complete(0), Op::Join(1),],
        list![Op::Cancel(0)],
    ])
    .coroutine(vec![Stmt::Try {
        body: vec![Stmt::Await(Awaited::Wrapped(0))],
        catch: Catch::Cancelled,
        handler: vec![Stmt::Do(Op::Cancelling(Local::Current))],
        again: false,
    }])
}

/// Only work can end with an exit request: it is a worker of a pool that raises it.
pub(in crate::models) fn exit_elsewhere() -> Program {
    program([list![Op::NewLoop(0), pool(1), submit_work(0), run_until_complete(0), shutdown()]])
        .coroutine(vec![Stmt::Await(Awaited::Wrapped(0))])
        .work(list![Op::Exit(3)])
}

pub(in crate::models) fn close_races_source() -> Program {
    program([
        list![
            Op::NewLoop(0),
            Op::NewPromise(0),
            wrap(0),
            Op::Start(1),
            turns(1),
            Op::Close(0),
            Op::Join(1),
            Op::ResultLocal(WRAPPED),
        ],
        list![set_result(0)],
    ])
}
