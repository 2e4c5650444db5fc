//! Of `chain::copy`.

use super::*;

pub(in crate::models) fn submit_and_wait() -> Program {
    program([
        list![Op::NewLoop(0), Op::Start(1), Op::RunForever(0), Op::Join(1)],
        list![submit(0), result(0), Op::Stop(0)],
    ])
    .coroutine(vec![Stmt::Return(1)])
}

/// That it ran is future 1: the waiter asks for it when it is released.
pub(in crate::models) fn released_after() -> Program {
    program([
        list![
            Op::NewLoop(0),
            Op::NewPromise(1),
            submit(0),
            turns(2),
            Op::Start(1),
            turns(2),
            Op::Join(1),
        ],
        list![result(0), is(Query::Done, 1)],
    ])
    .callback(list![set_result(1)])
    .coroutine(vec![Stmt::Do(call_soon(0)), Stmt::Return(1)])
}

pub(in crate::models) fn copies_in_a_row() -> Program {
    program([
        list![
            Op::NewLoop(0),
            submit(0),
            submit(1),
            turns(2),
            Op::Start(1),
            Op::Start(2),
            turns(1),
            Op::Join(1),
            Op::Join(2),
        ],
        list![result(0)],
        list![result(1)],
    ])
    .coroutine(vec![Stmt::Return(1)])
    .coroutine(vec![Stmt::Return(2)])
}

pub(in crate::models) fn callback_in_a_row() -> Program {
    program([
        list![
            Op::NewLoop(0),
            submit(0),
            submit(1),
            turns(2),
            Op::Start(1),
            Op::OnDone { future: 1, callback: 0 },
            turns(1),
        ],
        list![result(0)],
    ])
    .callback(list![Op::Join(1)])
    .coroutine(vec![Stmt::Return(1)])
    .coroutine(vec![Stmt::Return(2)])
}

pub(in crate::models) fn exception_releases() -> Program {
    program([
        list![Op::NewLoop(0), submit(0), turns(2), Op::Start(1), turns(1), Op::Join(1)],
        list![Op::Exception { future: 0, limit: Limit::Forever }],
    ])
    .coroutine(vec![Stmt::Raise(1)])
}

/// No operation names the task of a submission: it cancels itself, in the step that the loop has it take.
fn cancels_itself() -> Vec<Stmt> {
    vec![
        Stmt::Await(Awaited::Foreign(0)),
        Stmt::Do(Op::CancelLocal(Local::Current)),
        Stmt::Await(Awaited::Yield),
    ]
}

pub(in crate::models) fn cancel_on_the_loop() -> Program {
    program([
        list![
            Op::NewLoop(0),
            submit(0),
            turns(2),
            Op::Start(1),
            Op::Signal(0),
            turns(3),
            Op::Join(1),
        ],
        list![result(0), is(Query::Ended, 0)],
    ])
    .coroutine(cancels_itself())
}

pub(in crate::models) fn both_cancel() -> Program {
    program([
        list![
            Op::NewLoop(0),
            submit(0),
            turns(2),
            on_done(0, 0),
            Op::Start(1),
            Op::Signal(0),
            turns(2),
            Op::Join(1),
            is(Query::Cancelled, 0),
            is(Query::Ended, 0),
        ],
        list![Op::Cancel(0)],
    ])
    .callback(list![Op::Mark(1)])
    .coroutine(cancels_itself())
}

/// The copy is what is raced.
fn against_the_copy(submitter: Vec<Op>) -> Program {
    program([
        list![
            Op::NewLoop(0),
            submit(0),
            turns(2),
            Op::Start(1),
            turns(1),
            Op::Join(1),
            is(Query::Ended, 0),
        ],
        submitter,
    ])
    .coroutine(vec![Stmt::Return(1)])
}

/// It cancels in any case, which is refused if the value was in time.
pub(in crate::models) fn timeout_then_cancel() -> Program {
    against_the_copy(list![result_soon(0), Op::Cancel(0)])
}

/// It waits again in any case.
pub(in crate::models) fn wait_again() -> Program {
    against_the_copy(list![result_soon(0), result(0)])
}
