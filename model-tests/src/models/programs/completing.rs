//! Of `concurrent::completing`.

use super::*;

pub(in crate::models) fn cancel_races_completion() -> Program {
    program([
        list![
            Op::NewPromise(0),
            on_done(0, 0),
            Op::Start(1),
            Op::Cancel(0),
            result(0),
            Op::Join(1),
            is(Query::Cancelled, 0),
        ],
        list![set_result(0)],
    ])
    .callback(list![Op::Mark(1)])
}

pub(in crate::models) fn cancel_races_exception() -> Program {
    let exception = Op::Exception { future: 0, limit: Limit::Forever };
    program([
        list![Op::NewPromise(0), Op::Start(1), Op::Cancel(0), exception],
        list![Op::SetException { future: 0, exception: 1 }],
    ])
}

/// The value is set only if the work may begin; else that is refused as well.
pub(in crate::models) fn cancel_races_start() -> Program {
    program([
        list![Op::NewPromise(0), Op::Start(1), Op::Cancel(0), wait_ended(0)],
        list![Op::SetRunning(0), set_result(0)],
    ])
}

pub(in crate::models) fn cancel_races_cancel() -> Program {
    program([
        list![
            Op::NewPromise(0),
            on_done(0, 0),
            Op::Start(1),
            Op::Cancel(0),
            Op::Join(1),
            is(Query::Cancelled, 0),
            is(Query::Ended, 0),
        ],
        // Its promise goes with this thread.
        list![Op::Cancel(0), Op::DropPromise(0)],
    ])
    .callback(list![Op::Mark(1)])
}

pub(in crate::models) fn try_complete_races_cancel() -> Program {
    program([
        list![Op::NewPromise(0), Op::Start(1), Op::Cancel(0), wait_ended(0), result(0)],
        list![complete(0)],
    ])
}

/// Of the future nothing but the callback is left when it completes.
pub(in crate::models) fn dropped_future_races_completion() -> Program {
    program([
        list![Op::NewPromise(0), on_done(0, 0), Op::Start(1), is(Query::Done, 0)],
        list![set_result(0)],
    ])
    .callback(list![Op::Mark(1)])
}

pub(in crate::models) fn dropped_promise_races_cancel() -> Program {
    program([
        list![Op::NewPromise(0), Op::Start(1), Op::Cancel(0), wait_ended(0), result(0)],
        list![Op::DropPromise(0)],
    ])
}

pub(in crate::models) fn add_callback_races_completion() -> Program {
    program([
        list![Op::NewPromise(0), Op::Start(1), on_done(0, 0), Op::Join(1)],
        list![complete(0)],
    ])
    .callback(list![is(Query::Done, 0), Op::Mark(1)])
}

pub(in crate::models) fn panicking_callback() -> Program {
    program([
        list![Op::NewPromise(0), on_done(0, 0), on_done(0, 1), Op::Start(1), result(0)],
        list![set_result(0)],
    ])
    .callback(list![Op::Raise(1)])
    .callback(list![Op::Mark(1)])
}

pub(in crate::models) fn callback_waits() -> Program {
    program([
        list![
            Op::NewPromise(0),
            Op::NewPromise(1),
            on_done(0, 0),
            Op::Start(1),
            result(0),
            set_result(1),
            Op::Join(1),
        ],
        list![set_result(0)],
    ])
    .callback(list![result(1)])
}
