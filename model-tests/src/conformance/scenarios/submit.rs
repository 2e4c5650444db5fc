//! U: submissions, and work in executors.

use super::words::*;
use super::{Scenario, scenario};
use crate::spec::program::Op::{self, *};
use crate::spec::program::{Catch, Stmt};

pub(super) fn scenarios() -> Vec<Scenario> {
    let mut all = submissions();
    all.extend(executors());
    all
}

fn submissions() -> Vec<Scenario> {
    vec![
        scenario("u1_two_threads", "U-1 Q-1", "Two threads submit, and each gets its own.")
            .thread([NewLoop(0), Start(1), Start(2), Start(3), RunForever(0), Join(3)])
            .thread([submit(0), result(0)])
            .thread([submit(1), result(1)])
            .thread([Join(1), Join(2), Stop(0)])
            .coroutine([yields(), Stmt::Return(1)])
            .coroutine([yields(), Stmt::Raise(2)]),
        scenario(
            "u1_several_of_one_thread",
            "U-1 Q-1",
            "One thread submits several; they begin in its order.",
        )
        .thread([NewLoop(0), Start(1), RunForever(0), Join(1)])
        .thread([submit(0), submit(1), submit(2), result(2), result(1), result(0), Stop(0)])
        .coroutine([mark(0), Stmt::Return(1)])
        .coroutine([mark(1), Stmt::Return(2)])
        .coroutine([mark(2), Stmt::Return(3)]),
        scenario("u1_from_the_loops_thread", "U-1", "The loop's own thread may submit, and await.")
            .main([run(submit(1)), Stmt::Await(crate::spec::program::Awaited::Wrapped(1))])
            .coroutine([yields(), Stmt::Return(7)]),
        scenario("u1_before_the_loop_runs", "U-1 W-10", "A submission waits for the first run.")
            .thread(all([vec![NewLoop(0), Start(1), Join(1)], turns(3), vec![result(0)]]))
            .thread([submit(0)])
            .coroutine([mark(1), Stmt::Return(7)]),
        scenario("u1_to_two_loops", "U-1", "A thread submits to two loops.")
            .thread([NewLoop(0), Start(1), AwaitGate(0), Start(2), RunForever(0), Join(1), Join(2)])
            .thread([NewLoop(1), Signal(0), RunForever(1)])
            .thread([
                submit(0),
                Submit { on: 1, coroutine: 1, future: 1 },
                result(1),
                result(0),
                Stop(0),
                Stop(1),
            ])
            .coroutine([Stmt::Return(1)])
            .coroutine([Stmt::Return(2)]),
        scenario("u2_to_a_closed_loop", "U-2 S-8", "It is refused in the thread that submits.")
            .thread([NewLoop(0), Close(0), Start(1), Join(1)])
            .thread([submit(0)])
            .coroutine([mark(1)]),
        scenario(
            "u1_after_a_stop",
            "U-1 S-1",
            "A submission to a stopped loop ends in its next run.",
        )
        .thread(all([
            vec![NewLoop(0)],
            turns(1),
            vec![Start(1), Join(1), Mark(9)],
            turns(3),
            vec![result(0)],
        ]))
        .thread([submit(0)])
        .coroutine([Stmt::Return(7)]),
    ]
}

fn executors() -> Vec<Scenario> {
    let refused = |name: &str, clauses, about, then: Vec<Op>| {
        scenario(name, clauses, about)
            .thread([vec![NewLoop(0), pool(1)], then].concat())
            .work([Mark(0), Return(7)])
    };
    vec![
        refused(
            "u4_shut_down",
            "U-4 E-1",
            "A pool that is shut down refuses at the call.",
            vec![shutdown(true, false), in_executor(0)],
        ),
        refused(
            "u4_loop_is_closed",
            "U-4 S-8",
            "So does a loop that is closed.",
            vec![Close(0), in_executor(0), shutdown(true, false)],
        ),
        scenario("u4_broken_pool", "U-4 E-7", "So does a pool that is broken.")
            .thread([
                NewLoop(0),
                NewPool { pool: 0, workers: 1, broken: Some(1) },
                work(0),
                result(0),
                in_executor(1),
                shutdown(true, false),
            ])
            .work([Mark(0)])
            .work([Mark(1)]),
        scenario("u4_several_works", "U-4 O-8", "Works of a pool are awaited one after the other.")
            .thread([NewLoop(0), pool(2), run_until_complete(0), shutdown(true, false)])
            .coroutine([
                run(in_executor(0)),
                run(in_executor(1)),
                await_local(0),
                catching(Catch::Exception, [await_local(1)], []),
            ])
            .work([Return(1)])
            .work([Raise(2)]),
        scenario("u4_the_loop_goes_on", "U-4", "The loop runs while work is done.")
            .thread([NewLoop(0), pool(1), run_until_complete(0), shutdown(true, false)])
            .coroutine([run(in_executor(0)), run(soon(0)), await_local(0)])
            .callback([Mark(0), Signal(0)])
            .work([AwaitGate(0), Return(7)]),
    ]
}
