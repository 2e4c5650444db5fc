//! X: exceptions, and the handler that is told of them.

use super::words::*;
use super::{Scenario, scenario};
use crate::spec::program::Op::*;
use crate::spec::program::{Awaited, Catch, Handler, Limit, Stmt};

pub(super) fn scenarios() -> Vec<Scenario> {
    let panicking = SetHandler { on: 0, handler: Handler::Panicking(2) };
    vec![
        scenario(
            "x1_the_same_everywhere",
            "X-1",
            "Submitter and awaiter see one and the same object.",
        )
        .thread([NewLoop(0), submit(0), Start(1), run_until_complete(1), Join(1)])
        .thread([result(0), Exception { future: 0, limit: Limit::Forever }])
        .coroutine([yields(), Stmt::Raise(1)])
        .coroutine([catching(Catch::Exception, [Stmt::Await(Awaited::Wrapped(0))], [])]),
        scenario("x1_raised_twice", "X-1", "One object that is raised twice is one object.").main(
            [
                catching(Catch::Exception, [Stmt::Raise(1)], []),
                catching(Catch::Exception, [Stmt::Raise(1)], []),
                catching(Catch::Exception, [Stmt::Raise(2)], []),
            ],
        ),
        scenario("x1_through_three_tasks", "X-1 X-3", "It passes through tasks unwrapped.")
            .main([run(task(1)), catching(Catch::Exception, [await_task(1)], [])])
            .coroutine([run(task(2)), await_task(2)])
            .coroutine([run(task(3)), await_task(3)])
            .coroutine([yields(), Stmt::Raise(1)]),
        scenario(
            "x3_cancelled_work_stays_cancelled",
            "X-3 F-15",
            "A cancelled wait makes its coroutine cancelled.",
        )
        .thread([NewLoop(0), NewPromise(0), Cancel(0), run_until_complete(0)])
        .coroutine([Stmt::Await(Awaited::Wrapped(0))]),
        scenario(
            "x4_handler_schedules",
            "X-4 Q-4",
            "What fails after a handler was set is told to it.",
        )
        .thread(all([vec![NewLoop(0), soon(0), soon(1)], turns(1)]))
        .callback([recording()])
        .callback([Raise(1)]),
        scenario("x5_failing_handler", "X-5", "A handler that fails does not stop the loop.")
            .thread(all([vec![NewLoop(0), panicking.clone(), soon(0), soon(1)], turns(1)]))
            .callback([Raise(1)])
            .callback([Mark(1)]),
        scenario(
            "x5_failing_handler_is_called_again",
            "X-5",
            "It is asked again for the next failure.",
        )
        .thread(all([vec![NewLoop(0), panicking, soon(0), soon(1), soon(2)], turns(1)]))
        .callback([Raise(1)])
        .callback([Raise(3)])
        .callback([Mark(2)]),
        scenario("x4_handler_taken_away", "X-4", "Without a handler nobody is told.")
            .thread(all([
                vec![
                    NewLoop(0),
                    recording(),
                    SetHandler { on: 0, handler: Handler::Default },
                    soon(0),
                    soon(1),
                ],
                turns(1),
            ]))
            .callback([Raise(1)])
            .callback([Mark(1)]),
        scenario(
            "x2_failing_callbacks_of_all_kinds",
            "X-2 Q-4",
            "Whatever fails is reported as it was raised.",
        )
        .thread(all([
            vec![NewLoop(0), recording(), soon(0), post(1), later(0, 2), new_future(0)],
            vec![on_future_done(0, 3), set_loop_result(0, 7)],
            turns(2),
        ]))
        .callback([Raise(1)])
        .callback([Raise(2)])
        .callback([Raise(3)])
        .callback([Raise(4)]),
    ]
}
