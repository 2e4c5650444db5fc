//! Of `order`.

use super::*;

pub(in crate::models) fn wrap_in_a_task() -> Program {
    program([
        list![
            Op::NewLoop(0),
            Op::NewPromise(0),
            Op::Start(1),
            run_until_complete(0),
            Op::Join(1),
            turns(1),
        ],
        list![post(0), set_result(0)],
    ])
    .callback(list![Op::Mark(1)])
    .coroutine(vec![Stmt::Await(Awaited::Wrapped(0))])
}

pub(in crate::models) fn timeout_and_value() -> Program {
    program([list![Op::NewPromise(0), Op::Start(1), result_soon(0)], list![set_result(0)]])
}

/// Work that is accepted shows in its own log, and that there is none after the end in the last shutdown.
pub(in crate::models) fn work_against_the_end() -> Program {
    program([
        list![pool(1), Op::Start(1), submit_work(0), Op::Join(1), shutdown()],
        list![Op::Shutdown { pool: 0, wait: false, cancel: false }],
    ])
    .work(list![Op::Mark(1)])
}
