//! Of `chain::cancel`.

use super::*;

fn swallows(handler: Vec<Stmt>) -> Stmt {
    let body = vec![Stmt::Await(Awaited::Yield)];
    Stmt::Try { body, catch: Catch::Cancelled, handler, again: false }
}

/// A submission that another thread cancels after so many turns, and while so many more are run.
fn cancelled(before: usize, raced: usize, after: usize, script: Vec<Stmt>) -> Program {
    program([
        list![
            Op::NewLoop(0),
            Op::SetHandler { on: 0, handler: Handler::Recording },
            submit(0),
            turns(before),
            Op::Start(1),
            turns(raced),
            Op::Join(1),
            turns(after),
            is(Query::Ended, 0),
            result(0),
        ],
        list![Op::Cancel(0), is(Query::Cancelled, 0)],
    ])
    .coroutine(script)
}

pub(in crate::models) fn cancel_races_copy() -> Program {
    cancelled(2, 1, 0, vec![Stmt::Return(1)])
}

pub(in crate::models) fn cancel_races_submission() -> Program {
    cancelled(0, 1, 3, vec![mark(1), Stmt::Await(Awaited::Yield), Stmt::Return(1)])
}

/// A callback looks, queued between the making of the task and its first step.
pub(in crate::models) fn cancel_races_first_step() -> Program {
    let mut program = cancelled(1, 1, 3, vec![mark(1), Stmt::Await(Awaited::Yield)])
        .callback(list![call_soon(1)])
        .callback(list![is(Query::Cancelled, 0)]);
    program.threads[0].insert(2, post(0));
    program
}

/// A callback looks, queued before the step that follows the yield.
pub(in crate::models) fn cancel_races_next_step() -> Program {
    let script =
        vec![Stmt::Do(call_soon(0)), Stmt::Await(Awaited::Yield), mark(1), Stmt::Return(1)];
    cancelled(2, 1, 2, script).callback(list![is(Query::Cancelled, 0)])
}

pub(in crate::models) fn cancel_wakes_the_loop() -> Program {
    program([
        list![
            Op::NewLoop(0),
            Op::NewPromise(1),
            submit(0),
            turns(2),
            Op::Start(1),
            Op::RunForever(0),
            Op::Join(1),
            is(Query::Cancelled, 1),
        ],
        list![Op::Cancel(0), wait_ended(0), Op::Stop(0)],
    ])
    .coroutine(vec![Stmt::Await(Awaited::Future(1))])
}

/// That it has cleaned up is future 2: the waiter asks for it when it is released.
pub(in crate::models) fn cleanup() -> Program {
    program([
        list![
            Op::NewLoop(0),
            Op::NewPromise(1),
            Op::NewPromise(2),
            submit(0),
            turns(2),
            Op::Cancel(0),
            Op::Start(1),
            turns(4),
            Op::Join(1),
        ],
        list![wait_ended(0), is(Query::Done, 2)],
    ])
    .coroutine(vec![Stmt::Try {
        body: vec![Stmt::Await(Awaited::Future(1))],
        catch: Catch::Cancelled,
        handler: vec![Stmt::Await(Awaited::Yield), Stmt::Do(set_result(2))],
        again: true,
    }])
}

pub(in crate::models) fn swallowed_cancel() -> Program {
    cancelled(2, 2, 0, vec![swallows(vec![]), Stmt::Return(1)])
}

pub(in crate::models) fn cancel_races_exception() -> Program {
    cancelled(2, 1, 0, vec![Stmt::Raise(1)])
}

pub(in crate::models) fn exception_in_cleanup() -> Program {
    cancelled(2, 2, 0, vec![swallows(vec![Stmt::Raise(1)]), Stmt::Return(1)])
}
