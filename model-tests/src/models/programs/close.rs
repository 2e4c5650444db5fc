//! Of `chain::close`.
//!
//! A program cannot go on in one way if a submission is refused, and in another if it is accepted. Where the
//! body does, there are two: in the one the submission races the close, and nobody waits for it; in
//! the other it comes before the close, whatever else it races, and the submitter waits.

use super::*;

/// The submitter is done with it when it has its answer.
fn submitters_are_told(end: Op, turned: usize) -> Program {
    program([
        list![Op::NewLoop(0), Op::Start(1), turns(turned), end, Op::Join(1)],
        list![submit(0)],
    ])
    .coroutine(yields())
}

/// Gate 0 is up when the submission was accepted.
fn submitters_wait(end: Op, turned: usize) -> Program {
    program([
        list![Op::NewLoop(0), Op::Start(1), turns(turned), Op::AwaitGate(0), end, Op::Join(1)],
        list![submit(0), Op::Signal(0), result(0), wait_ended(0)],
    ])
    .coroutine(yields())
}

fn yields() -> Vec<Stmt> {
    vec![Stmt::Await(Awaited::Yield), Stmt::Return(1)]
}

pub(in crate::models) fn close_races_submission() -> Program {
    submitters_are_told(Op::Close(0), 0)
}

pub(in crate::models) fn close_races_result() -> Program {
    submitters_wait(Op::Close(0), 0)
}

pub(in crate::models) fn two_submissions() -> Program {
    program([
        list![
            Op::NewLoop(0),
            Op::Start(1),
            Op::Start(2),
            Op::DropLoop(0),
            Op::Join(1),
            Op::Join(2),
        ],
        list![submit(0)],
        list![submit(1)],
    ])
    .coroutine(yields())
    .coroutine(yields())
}

pub(in crate::models) fn two_results() -> Program {
    program([
        list![
            Op::NewLoop(0),
            Op::Start(1),
            Op::Start(2),
            Op::AwaitGate(0),
            Op::AwaitGate(1),
            Op::DropLoop(0),
            Op::Join(1),
            Op::Join(2),
        ],
        list![submit(0), Op::Signal(0), result(0), wait_ended(0)],
        list![submit(1), Op::Signal(1), result(1), wait_ended(1)],
    ])
    .coroutine(yields())
    .coroutine(yields())
}

pub(in crate::models) fn drop_races_submission() -> Program {
    submitters_are_told(Op::DropLoop(0), 3)
}

pub(in crate::models) fn drop_races_result() -> Program {
    submitters_wait(Op::DropLoop(0), 3)
}

pub(in crate::models) fn close_races_cancel() -> Program {
    program([
        list![
            Op::NewLoop(0),
            submit(0),
            turns(2),
            Op::Start(1),
            Op::Close(0),
            Op::Join(1),
            result(0),
        ],
        list![Op::Cancel(0), wait_ended(0), is(Query::Cancelled, 0)],
    ])
    .coroutine(vec![never()])
}

pub(in crate::models) fn close_before_the_copy() -> Program {
    program([
        list![Op::NewLoop(0), submit(0), turns(2), Op::Start(1), Op::Close(0), Op::Join(1)],
        list![result(0)],
    ])
    .coroutine(vec![Stmt::Return(1)])
}

/// A task that was made in the first run has its step in the first turn of the second.
pub(in crate::models) fn stop_races_submission() -> Program {
    program([
        list![
            Op::NewLoop(0),
            Op::Start(1),
            Op::StopLocal(0),
            Op::RunForever(0),
            Op::Join(1),
            turns(3),
            is(Query::Done, 0),
            result(0),
        ],
        list![submit(0)],
    ])
    .coroutine(vec![mark(1), Stmt::Return(1)])
}

pub(in crate::models) fn exit_releases() -> Program {
    program([
        list![
            Op::NewLoop(0),
            submit(0),
            submit(1),
            turns(1),
            Op::Start(1),
            Op::RunForever(0),
            Op::Join(1),
            is(Query::Done, 1),
        ],
        list![result(0)],
    ])
    .coroutine(vec![Stmt::Do(Op::Exit(3))])
    .coroutine(vec![Stmt::Return(1)])
}

pub(in crate::models) fn exit_races_cancel() -> Program {
    program([
        list![
            Op::NewLoop(0),
            submit(0),
            turns(1),
            Op::Start(1),
            turns(1),
            Op::Join(1),
            is(Query::Cancelled, 0),
            is(Query::Ended, 0),
        ],
        list![Op::Cancel(0)],
    ])
    .coroutine(vec![mark(1), Stmt::Do(Op::Exit(3))])
}

pub(in crate::models) fn seen_closed() -> Program {
    program([
        list![Op::NewLoop(0), Op::Start(1), Op::Close(0), Op::Join(1)],
        list![Op::IsClosed(0), submit(0)],
    ])
    .coroutine(vec![never()])
}

pub(in crate::models) fn seen_open() -> Program {
    program([
        list![Op::NewLoop(0), Op::Start(1), Op::AwaitGate(0), Op::Close(0), Op::Join(1)],
        list![Op::IsClosed(0), submit(0), Op::Signal(0), result(0)],
    ])
    .coroutine(vec![never()])
}
