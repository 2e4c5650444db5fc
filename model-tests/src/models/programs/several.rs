//! Of `concurrent::several`.

use super::*;

fn wait(futures: &[u8], when: When, limit: Limit) -> Op {
    Op::Wait { futures: futures.into(), when, limit }
}

fn two_promises() -> Vec<Op> {
    vec![Op::NewPromise(0), Op::NewPromise(1)]
}

pub(in crate::models) fn wait_races_cancel() -> Program {
    program([
        list![
            two_promises(),
            Op::Start(1),
            wait(&[0, 1], When::AllCompleted, Limit::Forever),
            result(0),
            result(1),
        ],
        list![Op::Cancel(1), set_result(0)],
    ])
}

pub(in crate::models) fn wait_for_the_first_exception() -> Program {
    program([
        list![two_promises(), Op::Start(1), wait(&[0, 1], When::FirstException, Limit::Forever),],
        list![Op::SetException { future: 0, exception: 1 }, set_result(1)],
    ])
}

pub(in crate::models) fn wait_races_both() -> Program {
    program([
        list![
            Op::NewPromise(0),
            Op::Start(1),
            Op::Start(2),
            wait(&[0], When::FirstCompleted, Limit::Forever),
            result(0),
        ],
        list![set_result(0)],
        list![Op::Cancel(0)],
    ])
}

pub(in crate::models) fn wait_timeout() -> Program {
    program([
        list![
            Op::NewPromise(0),
            Op::Start(1),
            wait(&[0], When::AllCompleted, Limit::Finite),
            Op::Join(1),
            result(0),
        ],
        list![set_result(0)],
    ])
}

pub(in crate::models) fn leave_while_completing() -> Program {
    program([
        list![
            Op::NewPromise(0),
            Op::Start(1),
            Op::Start(2),
            wait(&[0], When::FirstCompleted, Limit::Finite),
        ],
        list![wait(&[0], When::FirstCompleted, Limit::Forever)],
        list![set_result(0)],
    ])
}

pub(in crate::models) fn as_completed_races_cancel() -> Program {
    let as_completed = Op::AsCompleted { futures: vec![0, 1], limit: Limit::Forever };
    program([
        list![two_promises(), Op::Start(1), as_completed, result(0), result(1)],
        list![Op::Cancel(1), set_result(0)],
    ])
}
