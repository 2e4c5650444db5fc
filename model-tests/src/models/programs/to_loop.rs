//! Of `executor::to_loop`.

use super::*;

fn marked_work() -> Vec<Op> {
    vec![Op::Mark(1), Op::Return(1)]
}

/// Runs in the pool, from a coroutine, and awaits that.
fn await_work() -> Vec<Stmt> {
    vec![Stmt::Do(run_in_executor()), Stmt::Await(Awaited::Local(0)), Stmt::Return(1)]
}

pub(in crate::models) fn work_for_a_coroutine() -> Program {
    program([list![pool(1), Op::NewLoop(0), run_in_executor(), run_until_complete(0), shutdown(),]])
        .coroutine(vec![Stmt::Await(Awaited::Local(0)), Stmt::Return(1)])
        .work(vec![Op::Return(1)])
}

pub(in crate::models) fn cancel_of_a_task() -> Program {
    program([list![
        pool(1),
        Op::NewLoop(0),
        create_task(0),
        turns(1),
        cancel_task(0),
        turns(1),
        shutdown(),
        Op::ResultLocal(Local::Task(0)),
    ]])
    .coroutine(await_work())
    .work(marked_work())
}

pub(in crate::models) fn cancel_of_a_submission() -> Program {
    program([
        list![
            pool(1),
            Op::NewLoop(0),
            submit(0),
            turns(2),
            Op::Start(1),
            turns(3),
            Op::Join(1),
            turns(3),
            shutdown(),
            is(Query::Ended, 0),
            result(0),
        ],
        list![Op::Cancel(0)],
    ])
    .coroutine(await_work())
    .work(marked_work())
}

pub(in crate::models) fn cancel_futures() -> Program {
    program([list![
        pool(1),
        Op::NewLoop(0),
        run_in_executor(),
        create_task(0),
        Op::Shutdown { pool: 0, wait: true, cancel: true },
        turns(3),
        Op::ResultLocal(Local::Task(0)),
    ]])
    .coroutine(vec![Stmt::Await(Awaited::Local(0)), Stmt::Return(1)])
    .work(marked_work())
}

pub(in crate::models) fn close_races_work() -> Program {
    program([list![
        pool(1),
        Op::NewLoop(0),
        run_in_executor(),
        turns(1),
        Op::Close(0),
        shutdown(),
        Op::ResultLocal(Local::Future(0)),
    ]])
    .work(marked_work())
}
