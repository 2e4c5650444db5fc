//! Tasks from their first step to their end: T-1 to T-4, T-17, T-18.

use super::super::words::*;
use super::super::{Scenario, scenario};
use super::{CURRENT, asked};
use crate::spec::program::Op::*;
use crate::spec::program::{Awaited, Local, Stmt};

pub(super) fn lives() -> Vec<Scenario> {
    let ends = |name: &str, clauses, about, script: Vec<Stmt>| {
        let main = [vec![run(task(1)), mark(9), settle(1)], asked(1).to_vec()].concat();
        scenario(name, clauses, about).main(main).coroutine(script)
    };
    vec![
        ends(
            "t1_begins_later",
            "T-1 T-2",
            "Creating a task runs nothing of it.",
            vec![mark(1), Stmt::Return(7)],
        ),
        ends(
            "t2_value_after_awaits",
            "T-2",
            "Its value is the result.",
            vec![yields(), yields(), Stmt::Return(7)],
        ),
        ends(
            "t2_exception",
            "T-2 X-1",
            "What it raises is its exception.",
            vec![yields(), Stmt::Raise(1)],
        ),
        ends(
            "t2_raises_cancelled",
            "T-2",
            "Raising `cancelled` makes it cancelled.",
            vec![Stmt::RaiseCancelled],
        ),
        ends("t2_panics", "T-2 X-2", "A panic is an exception.", vec![yields(), Stmt::Panic(1)]),
        ends(
            "t2_without_a_statement",
            "T-2",
            "A coroutine without statements has a result.",
            vec![],
        ),
        scenario("t2_nested_values", "T-2", "Tasks await tasks.")
            .main([run(task(1)), await_task(1), Stmt::Return(9)])
            .coroutine([run(task(2)), await_task(2), Stmt::Return(8)])
            .coroutine([Stmt::Return(7)]),
        scenario(
            "t1_first_steps_in_order",
            "T-1 Q-1",
            "First steps come in the order of creation.",
        )
        .main([run(task(1)), run(task(2)), run(task(3)), mark(9), settle(3)])
        .coroutine([mark(1)])
        .coroutine([mark(2)])
        .coroutine([mark(3)]),
        scenario("t1_interleaved", "T-1 T-18", "Tasks that yield take turns.")
            .main([run(task(1)), run(task(2)), settle(1), settle(2)])
            .coroutine([mark(1), yields(), mark(2), yields(), mark(3)])
            .coroutine([mark(11), yields(), mark(12), yields(), mark(13)]),
        scenario("t3_callback_of_a_task", "L-1 T-2", "A task's callback is queued when it ends.")
            .main([run(task(1)), run(on_task_done(1, 0)), settle(1), yields(), yields()])
            .coroutine([mark(1), Stmt::Return(7)])
            .callback([Mark(0), task_result(1)]),
        scenario(
            "t4_an_awaited_gate",
            "T-4",
            "A foreign awaitable wakes its task from another thread.",
        )
        .thread([NewLoop(0), Start(1), run_until_complete(0), Join(1)])
        .thread([Signal(0)])
        .coroutine([Stmt::Await(Awaited::Foreign(0)), Stmt::Return(7)]),
    ]
}

pub(super) fn known() -> Vec<Scenario> {
    let count = || run(AllTasks(0));
    vec![
        scenario("t17_all_that_are_not_done", "T-17", "`all_tasks` counts what is not done.")
            .main([
                count(),
                run(task(1)),
                run(task(2)),
                count(),
                settle(1),
                count(),
                run(cancel_task(2)),
                settle(2),
                count(),
            ])
            .coroutine([])
            .coroutine([sleep(1000)]),
        scenario("t17_current", "T-17", "The current task is the one that runs, turn by turn.")
            .main([run(task(1)), run(task(2)), yields(), settle(1), settle(2), run(task_result(2))])
            .coroutine([yields(), run(CancelLocal(CURRENT)), Stmt::Return(7)])
            .coroutine([yields(), run(Cancelling(CURRENT)), Stmt::Return(8)]),
        scenario("t17_a_task_that_was_dropped", "T-17", "A task lives on without its handle.")
            .main([
                run(task(1)),
                run(Forget(Local::Task(1))),
                yields(),
                count(),
                yields(),
                yields(),
            ])
            .coroutine([yields(), mark(1)]),
    ]
}

pub(super) fn sleeps() -> Vec<Scenario> {
    vec![
        scenario("t18_sleeps_end_in_order", "T-18 D-1", "Sleeps end by their deadlines.")
            .main([run(task(1)), run(task(2)), run(task(3)), settle(1), settle(2), settle(3)])
            .coroutine([sleep(3), mark(1)])
            .coroutine([sleep(1), mark(2)])
            .coroutine([sleep(2), mark(3)]),
        scenario("t18_equal_sleeps", "T-18 D-2", "Equal ones in the order in which they began.")
            .main([run(task(1)), run(task(2)), run(task(3)), run(task(4)), settle(1), settle(4)])
            .coroutine([sleep(3), mark(1)])
            .coroutine([sleep(3), mark(2)])
            .coroutine([sleep(3), mark(3)])
            .coroutine([sleep(3), mark(4)]),
        scenario("t18_not_early", "T-18 D-1", "A sleep does not end before a timer of less.")
            .main([run(later(2, 0)), sleep(3), mark(9)])
            .marks(1),
        scenario("t18_yield_lets_all_run", "T-18", "A yield lets everything run that is queued.")
            .main([run(soon(0)), run(soon(1)), yields(), mark(9)])
            .marks(2),
        scenario("t18_one_turn", "T-18 Q-2", "And no more than that.")
            .main([run(soon(0)), yields(), mark(9), yields()])
            .callback([Mark(0), soon(1)])
            .callback([Mark(1)]),
        scenario("t18_two_half_sleeps", "T-18", "Two sleeps are as long as their sum.")
            .main([run(later(3, 0)), sleep(2), mark(8), sleep(2), mark(9)])
            .marks(1),
        scenario("t18_sleep_of_nothing", "T-18", "A sleep without a delay ends.")
            .main([sleep(0), mark(9)]),
    ]
}
