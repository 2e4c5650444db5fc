//! Of `concurrent::waiting`.

use super::*;

pub(in crate::models) fn result_timeout_races_completion() -> Program {
    program([
        list![Op::NewPromise(0), Op::Start(1), result_soon(0), Op::Join(1), result(0)],
        list![set_result(0)],
    ])
}

pub(in crate::models) fn result_races_completion() -> Program {
    program([list![Op::NewPromise(0), Op::Start(1), result(0)], list![set_result(0)]])
}

pub(in crate::models) fn result_timeout_races_cancel() -> Program {
    program([
        list![
            Op::NewPromise(0),
            Op::Start(1),
            result_soon(0),
            Op::Join(1),
            is(Query::Cancelled, 0),
        ],
        list![Op::Cancel(0)],
    ])
}

pub(in crate::models) fn two_waiters() -> Program {
    program([
        list![Op::NewPromise(0), Op::Start(1), Op::Start(2), result(0)],
        list![result(0)],
        list![set_result(0)],
    ])
}

pub(in crate::models) fn one_gives_up() -> Program {
    program([
        list![Op::NewPromise(0), Op::Start(1), result_soon(0), set_result(0), Op::Join(1)],
        list![result(0)],
    ])
}

pub(in crate::models) fn cancel_releases_a_waiter() -> Program {
    program([
        list![Op::NewPromise(0), Op::Start(1), result(0)],
        list![Op::Cancel(0), Op::Cancel(0)],
    ])
}

pub(in crate::models) fn dropped_promise_races_wait() -> Program {
    program([list![Op::NewPromise(0), Op::Start(1), result(0)], list![Op::DropPromise(0)]])
}
