//! Of `executor::pool`.

use super::*;

pub(in crate::models) fn cancel_races_pick_up() -> Program {
    program([list![pool(1), submit_work(0), Op::Cancel(0), wait_ended(0), shutdown()]])
        .work(list![Op::Mark(1)])
}

pub(in crate::models) fn cancel_futures_races_pick_up() -> Program {
    program([list![
        pool(1),
        submit_work(0),
        submit_work(1),
        Op::Shutdown { pool: 0, wait: true, cancel: true },
        Op::Wait { futures: vec![0, 1], when: When::AllCompleted, limit: Limit::Forever },
        is(Query::Ended, 0),
        is(Query::Ended, 1),
        is(Query::Cancelled, 0),
        is(Query::Cancelled, 1),
    ]])
    .work(list![Op::Mark(1)])
    .work(list![Op::Mark(2)])
}

fn shut_down_meanwhile() -> Op {
    Op::Shutdown { pool: 0, wait: false, cancel: false }
}

/// Whether it is refused; nobody waits for it if not.
pub(in crate::models) fn submit_races_shutdown() -> Program {
    program([
        list![pool(1), Op::Start(1), submit_work(0), Op::Join(1), shutdown()],
        list![shut_down_meanwhile()],
    ])
    .work(list![Op::Return(1)])
}

/// It is accepted, and waited for against the shutdown.
pub(in crate::models) fn shutdown_races_result() -> Program {
    program([
        list![
            pool(1),
            Op::Start(1),
            submit_work(0),
            Op::Signal(0),
            result(0),
            Op::Join(1),
            shutdown(),
        ],
        list![Op::AwaitGate(0), shut_down_meanwhile()],
    ])
    .work(list![Op::Return(1)])
}

pub(in crate::models) fn work_submits() -> Program {
    program([list![pool(1), submit_work(0), shutdown(), is(Query::Done, 0)]])
        .work(list![submit_work(1)])
        .work(list![Op::Mark(1)])
}

/// What the second tells the first is future 3.
pub(in crate::models) fn two_workers() -> Program {
    program([list![
        pool(2),
        submit_work(0),
        result(0),
        Op::NewPromise(3),
        submit_work(1),
        submit_work(2),
        result(1),
        result(2),
        shutdown(),
    ]])
    .work(list![])
    .work(list![result(3), Op::Return(1)])
    .work(list![set_result(3), Op::Return(2)])
}

/// What the second tells the first is future 4.
pub(in crate::models) fn woken_in_vain() -> Program {
    program([list![
        pool(2),
        Op::NewPromise(4),
        submit_work(0),
        submit_work(1),
        result(0),
        result(1),
        submit_work(2),
        result(2),
        submit_work(3),
        result(3),
        shutdown(),
    ]])
    .work(list![result(4), Op::Return(1)])
    .work(list![set_result(4), Op::Return(2)])
    .work(list![Op::Return(3)])
    .work(list![Op::Return(4)])
}

pub(in crate::models) fn two_shutdowns() -> Program {
    program([
        list![pool(1), submit_work(0), Op::Start(1), shutdown(), is(Query::Done, 0), Op::Join(1)],
        list![shutdown(), is(Query::Done, 0)],
    ])
    .work(list![Op::Return(1)])
}

/// The body also waits for the second if that was queued.
pub(in crate::models) fn failing_initializer() -> Program {
    program([list![
        Op::NewPool { pool: 0, workers: 1, broken: Some(1) },
        submit_work(0),
        Op::Cancel(0),
        submit_work(1),
        wait_ended(0),
        result(0),
        shutdown(),
    ]])
    .work(list![Op::Mark(1)])
    .work(list![Op::Mark(2)])
}

pub(in crate::models) fn panicking_work() -> Program {
    program([list![pool(1), submit_work(0), submit_work(1), result(0), result(1), shutdown(),]])
        .work(list![Op::Raise(1)])
        .work(list![Op::Return(2)])
}
