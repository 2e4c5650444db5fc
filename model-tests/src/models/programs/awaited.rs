//! Of `concurrent::awaited`. A task stands for whoever polls, and a step of it for a poll.

use super::*;

/// Whether the second was ready shows in the turn in which it polled for the first time.
pub(in crate::models) fn two_await() -> Program {
    let done = |task| is_local(Query::Done, Local::Task(task));
    program([
        list![
            Op::NewLoop(0),
            Op::NewPromise(0),
            create_task(0),
            turns(1),
            create_task(1),
            Op::Start(1),
            turns(1),
            done(1),
            Op::Join(1),
            turns(1),
            done(0),
            done(1),
        ],
        list![set_result(0)],
    ])
    .coroutine(vec![Stmt::Await(Awaited::Future(0))])
    .coroutine(vec![Stmt::Await(Awaited::Future(0))])
}
