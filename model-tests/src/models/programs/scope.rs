//! Of `scope`.

use super::*;

/// Another thread completes what a task awaits when its time is up.
fn complete_at_the_expiry(script: Vec<Stmt>) -> Program {
    program([
        list![
            Op::NewLoop(0),
            Op::NewPromise(0),
            create_task(0),
            turns(1),
            Op::Busy { on: 0, units: 1 },
            Op::Start(1),
            turns(2),
            Op::Join(1),
            turns(1),
            is(Query::Cancelled, 0),
            Op::ResultLocal(Local::Task(0)),
        ],
        list![set_result(0)],
    ])
    .coroutine(script)
}

pub(in crate::models) fn expiry_races_completion() -> Program {
    let body = vec![Stmt::Await(Awaited::Future(0))];
    complete_at_the_expiry(vec![Stmt::Timeout { after: 1, body }, Stmt::Return(1)])
}

pub(in crate::models) fn wait_for_races_completion() -> Program {
    let what = Awaited::Future(0);
    complete_at_the_expiry(vec![Stmt::WaitFor { after: 1, what }, Stmt::Return(1)])
}

/// A callback looks, called by a timer that is due just before the scope's.
pub(in crate::models) fn foreign_cancel_races_expiry() -> Program {
    let scope = Stmt::Timeout { after: 1, body: vec![never()] };
    program([
        list![
            Op::NewLoop(0),
            submit(0),
            turns(2),
            Op::Busy { on: 0, units: 1 },
            Op::Start(1),
            turns(2),
            Op::Join(1),
            turns(4),
            is(Query::Ended, 0),
            result(0),
        ],
        list![Op::Cancel(0)],
    ])
    .callback(list![is(Query::Cancelled, 0)])
    .coroutine(vec![
        Stmt::Do(Op::CallLater { on: 0, after: 1, callback: 0, handle: 0 }),
        Stmt::Try { body: vec![scope], catch: Catch::All, handler: vec![], again: true },
    ])
}

pub(in crate::models) fn shield_races_cancel() -> Program {
    program([
        list![
            Op::NewLoop(0),
            Op::NewPromise(1),
            submit(0),
            turns(3),
            Op::Start(1),
            turns(2),
            Op::Join(1),
            turns(3),
            is(Query::Ended, 0),
            result(0),
        ],
        list![Op::Cancel(0), complete(1)],
    ])
    .coroutine(vec![Stmt::Do(create_task(1)), Stmt::Await(Awaited::Shield(1))])
    .coroutine(vec![Stmt::Await(Awaited::Future(1)), mark(1)])
}

/// Coroutine 0 gathers two tasks, which await futures 1 and 2.
fn gathered(threads: [Vec<Op>; 2]) -> Program {
    let awaits = |number| vec![Stmt::Await(Awaited::Future(number)), Stmt::Return(number)];
    let create = [1, 2].map(|number| Stmt::Do(create_task(number)));
    let mut script = Vec::from(create);
    script.push(Stmt::Await(Awaited::Gather(vec![1, 2])));
    program(threads).coroutine(script).coroutine(awaits(1)).coroutine(awaits(2))
}

pub(in crate::models) fn gather_races_completions() -> Program {
    gathered([
        list![
            Op::NewLoop(0),
            Op::NewPromise(1),
            Op::NewPromise(2),
            create_task(0),
            turns(2),
            Op::Start(1),
            turns(1),
            Op::Join(1),
            turns(2),
            is_local(Query::Done, Local::Task(0)),
        ],
        list![set_result(2), set_result(1)],
    ])
}

pub(in crate::models) fn gather_races_cancel() -> Program {
    gathered([
        list![
            Op::NewLoop(0),
            Op::NewPromise(1),
            Op::NewPromise(2),
            submit(0),
            turns(3),
            set_result(1),
            Op::Start(1),
            turns(2),
            Op::Join(1),
            turns(4),
            is(Query::Ended, 0),
            is(Query::Cancelled, 2),
            result(0),
        ],
        list![Op::Cancel(0)],
    ])
}
