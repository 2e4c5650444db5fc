//! T: tasks, and how they are cancelled.

use super::words::*;
use super::{Scenario, scenario};
use crate::spec::program::Op::{self, *};
use crate::spec::program::{Awaited, Catch, Factory, Local, Query as Asks, Stmt};

pub(super) fn scenarios() -> Vec<Scenario> {
    let mut all = lives();
    all.extend(cancelled_in_time());
    all.extend(received());
    all.extend(unreceived());
    all.extend(awaited());
    all.extend(taken_back());
    all.extend(factories());
    all.extend(known());
    all.extend(sleeps());
    all
}

const CURRENT: Local = Local::Current;

fn asked(task: u8) -> [Stmt; 3] {
    let of = Local::Task(task);
    [
        run(QueryLocal { of, what: Asks::Done }),
        run(QueryLocal { of, what: Asks::Cancelled }),
        run(ResultLocal(of)),
    ]
}

/// Coroutine 0 makes a task of coroutine 1, lets it come to its first await, does something, and waits.
fn after_a_step(name: &str, clauses: &str, about: &str, then: &[Stmt]) -> Scenario {
    let begin = [run(task(1)), yields()];
    let end = [settle(1)];
    scenario(name, clauses, about).main([&begin, then, &end, &asked(1)].concat())
}

fn lives() -> Vec<Scenario> {
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

fn cancelled_in_time() -> Vec<Scenario> {
    let made = |then: &[Stmt]| [&[run(task(1))], then, &[settle(1)], &asked(1)[..]].concat();
    vec![
        scenario("t7_before_its_first_step", "T-7 T-5", "It never runs a statement.")
            .main(made(&[run(cancel_task(1)), run(Cancelling(Local::Task(1)))]))
            .coroutine([mark(1)]),
        scenario("t7_twice_before_its_first_step", "T-7 T-5", "However often it was cancelled.")
            .main(made(&[
                run(cancel_task(1)),
                run(cancel_task(1)),
                run(Cancelling(Local::Task(1))),
            ]))
            .coroutine([mark(1)]),
        scenario("t5_of_a_done_task", "T-5", "Cancelling a task that is done does nothing.")
            .main([
                run(task(1)),
                settle(1),
                run(cancel_task(1)),
                run(Cancelling(Local::Task(1))),
                run(task_result(1)),
            ])
            .coroutine([Stmt::Return(7)]),
        scenario("t5_of_a_cancelled_task", "T-5", "Nor one that was cancelled.")
            .main([run(task(1)), run(cancel_task(1)), settle(1), run(cancel_task(1))])
            .coroutine([mark(1)]),
        after_a_step(
            "t5_counts",
            "T-5",
            "Each cancel of a live task counts.",
            &[
                run(cancel_task(1)),
                run(Cancelling(Local::Task(1))),
                run(cancel_task(1)),
                run(Cancelling(Local::Task(1))),
            ],
        )
        .coroutine([sleep(9)]),
        after_a_step(
            "t6_while_it_sleeps",
            "T-6 T-18",
            "A cancel ends a sleep.",
            &[run(cancel_task(1))],
        )
        .coroutine([mark(1), sleep(1000), mark(2)]),
        after_a_step("t6_between_yields", "T-6", "Or a yield.", &[run(cancel_task(1))])
            .coroutine([mark(1), yields(), mark(2), yields(), mark(3)]),
        after_a_step(
            "t6_cleanup_with_awaits",
            "T-6 T-8",
            "A task may await while it cleans up.",
            &[run(cancel_task(1))],
        )
        .coroutine([finally([sleep(1000)], [mark(1), yields(), mark(2), sleep(1), mark(3)])]),
    ]
}

fn received() -> Vec<Scenario> {
    let cancelled = |name: &str, clauses, about, script: Vec<Stmt>| {
        after_a_step(name, clauses, about, &[run(cancel_task(1))]).coroutine(script)
    };
    let forever = || [sleep(1000)];
    vec![
        cancelled(
            "t8_caught_and_returns",
            "T-8",
            "A task that catches the cancel may return a value.",
            vec![catching(Catch::Cancelled, forever(), [Stmt::Return(7)])],
        ),
        cancelled(
            "t8_caught_and_goes_on",
            "T-8",
            "Or go on.",
            vec![
                catching(Catch::Cancelled, forever(), [mark(1)]),
                sleep(1),
                mark(2),
                run(Cancelling(CURRENT)),
                Stmt::Return(7),
            ],
        ),
        cancelled(
            "t8_caught_and_raises",
            "T-8",
            "Or raise something else.",
            vec![catching(Catch::Cancelled, forever(), [Stmt::Raise(1)])],
        ),
        cancelled(
            "t8_caught_and_raised_again",
            "T-8 T-2",
            "Or raise it once more.",
            vec![Stmt::Try {
                body: forever().into(),
                catch: Catch::Cancelled,
                handler: vec![mark(1), yields()],
                again: true,
            }],
        ),
        after_a_step(
            "t8_cancelled_again",
            "T-8 T-6",
            "One that went on can be cancelled again.",
            &[run(cancel_task(1)), yields(), yields(), run(cancel_task(1))],
        )
        .coroutine([
            catching(Catch::Cancelled, forever(), [mark(1)]),
            sleep(1000),
            mark(2),
        ]),
        after_a_step(
            "t6_two_cancels_one_delivery",
            "T-6 T-5",
            "Two cancels at once are delivered once.",
            &[run(cancel_task(1)), run(cancel_task(1))],
        )
        .coroutine([
            catching(Catch::Cancelled, forever(), [mark(1)]),
            sleep(1),
            mark(2),
            run(Cancelling(CURRENT)),
        ]),
        cancelled(
            "t6_exit_in_cleanup",
            "S-9 T-8",
            "An exit request in the cleanup leaves the run.",
            vec![catching(Catch::Cancelled, forever(), [run(Exit(3))])],
        ),
    ]
}

fn unreceived() -> Vec<Scenario> {
    let itself = |name: &str, clauses, about, then: Vec<Stmt>| {
        let script = [vec![run(CancelLocal(CURRENT))], then].concat();
        let main = [vec![run(task(1)), settle(1)], asked(1).to_vec()].concat();
        scenario(name, clauses, about).main(main).coroutine(script)
    };
    vec![
        itself(
            "t11_then_returns",
            "T-11",
            "A cancel that nobody received makes the task cancelled.",
            vec![Stmt::Return(7)],
        ),
        itself("t11_then_raises", "T-11", "An exception stands.", vec![Stmt::Raise(1)]),
        itself(
            "t6_itself_then_yields",
            "T-6",
            "A task that cancels itself gets it at its next await.",
            vec![mark(1), yields(), mark(2)],
        ),
        itself(
            "t6_itself_then_awaits_a_task",
            "T-6 T-10",
            "And so does the task that it awaits then.",
            vec![run(task(2)), await_task(2), mark(2)],
        )
        .coroutine([catching(Catch::Cancelled, [sleep(1000)], [mark(3)])]),
        itself(
            "t6_itself_then_awaits_what_is_done",
            "T-6 L-6",
            "An await that does not suspend lets it wait.",
            vec![
                run(new_future(0)),
                run(set_loop_result(0, 7)),
                await_local(0),
                mark(1),
                yields(),
                mark(2),
            ],
        ),
    ]
}

fn awaited() -> Vec<Scenario> {
    let future = Local::Future(0);
    vec![
        after_a_step(
            "t6_cancels_the_future",
            "T-6 L-3",
            "The future that it awaits is cancelled.",
            &[run(cancel_task(1)), run(QueryLocal { of: future, what: Asks::Cancelled })],
        )
        .coroutine([run(new_future(0)), await_local(0)]),
        after_a_step(
            "t6_future_is_done_already",
            "T-6",
            "A cancel after the future was done is delivered.",
            &[run(set_loop_result(0, 7)), run(cancel_task(1)), run(future_result(0))],
        )
        .coroutine([run(new_future(0)), catching(Catch::Cancelled, [await_local(0)], [mark(1)])]),
        after_a_step(
            "t6_both_cancelled",
            "T-6",
            "The task and its future may both be cancelled.",
            &[run(CancelLocal(future)), run(cancel_task(1))],
        )
        .coroutine([run(new_future(0)), await_local(0)]),
        after_a_step(
            "t6_the_future_is_cancelled",
            "T-6 T-2",
            "Cancelling the future alone cancels the task.",
            &[run(CancelLocal(future)), run(Cancelling(Local::Task(1)))],
        )
        .coroutine([run(new_future(0)), await_local(0)]),
        scenario(
            "t6_a_shared_future",
            "T-6 L-2",
            "Others who await the same future are told as well.",
        )
        .main([
            run(new_future(0)),
            run(task(1)),
            run(task(2)),
            yields(),
            run(cancel_task(1)),
            settle(1),
            settle(2),
        ])
        .coroutine([await_local(0)])
        .coroutine([catching(
            Catch::Cancelled,
            [await_local(0)],
            [run(Cancelling(CURRENT))],
        )]),
        scenario("t10_goes_down", "T-10", "A cancel goes down to the task that is awaited.")
            .main([
                run(task(1)),
                yields(),
                yields(),
                run(cancel_task(1)),
                settle(1),
                run(task_result(2)),
            ])
            .coroutine([run(task(2)), await_task(2)])
            .coroutine([catching(
                Catch::Cancelled,
                [sleep(1000)],
                [mark(2), Stmt::RaiseCancelled],
            )]),
        scenario("t10_waits_for_its_end", "T-10", "And waits until that one has ended.")
            .main([run(task(1)), yields(), yields(), run(cancel_task(1)), settle(1), mark(9)])
            .coroutine([run(task(2)), finally([await_task(2)], [mark(1)])])
            .coroutine([finally([sleep(1000)], [sleep(2), mark(2)])]),
        scenario("t10_swallowed_below", "T-10 T-8", "If that one goes on, so does who awaits it.")
            .main([
                run(task(1)),
                yields(),
                yields(),
                run(cancel_task(1)),
                settle(1),
                run(task_result(1)),
            ])
            .coroutine([run(task(2)), await_task(2), Stmt::Return(8)])
            .coroutine([catching(Catch::Cancelled, [sleep(1000)], []), Stmt::Return(7)]),
        scenario(
            "t10_awaits_a_cancelled_task",
            "T-2 T-10",
            "Awaiting a task that was cancelled says so.",
        )
        .main([
            run(task(1)),
            yields(),
            run(cancel_task(1)),
            catching(Catch::Cancelled, [await_task(1)], [run(Cancelling(CURRENT))]),
        ])
        .coroutine([sleep(1000)]),
        scenario(
            "t2_awaits_a_failed_task",
            "T-2 X-1",
            "Awaiting one that failed raises its exception.",
        )
        .main([run(task(1)), catching(Catch::Exception, [await_task(1)], [mark(1)])])
        .coroutine([Stmt::Raise(1)]),
        scenario("t13_awaits_itself", "T-13", "A task that awaits itself is told so.")
            .main([run(task(1)), settle(1)])
            .coroutine([yields(), catching(Catch::Exception, [await_task(1)], [Stmt::Return(7)])]),
        scenario(
            "t9_foreign_await_is_dropped",
            "T-9",
            "A task in a foreign await is dropped there.",
        )
        .main([run(task(1)), yields(), run(cancel_task(1)), settle(1), run(task_result(1))])
        .coroutine([catching(Catch::All, [Stmt::Await(Awaited::Foreign(0))], [mark(1)])]),
        scenario(
            "t6_cancelled_in_an_executor_await",
            "T-6 C-10",
            "Work goes on when its awaiter is cancelled.",
        )
        .thread([NewLoop(0), pool(1), run_until_complete(0), Signal(1), shutdown(true, false)])
        .coroutine([
            run(task(1)),
            yields(),
            run(AwaitGate(0)),
            run(cancel_task(1)),
            settle(1),
            run(task_result(1)),
        ])
        .coroutine([run(in_executor(0)), await_local(0)])
        .work([Signal(0), AwaitGate(1), Mark(0)]),
    ]
}

fn taken_back() -> Vec<Scenario> {
    let itself = |name: &str, about, then: Vec<Stmt>| {
        scenario(name, "T-12", about).main([run(task(1)), settle(1)]).coroutine(then)
    };
    let uncancel = || run(Uncancel(CURRENT));
    let cancel = || run(CancelLocal(CURRENT));
    vec![
        itself(
            "t12_before_it_is_delivered",
            "At zero an undelivered cancel is withdrawn.",
            vec![cancel(), uncancel(), yields(), mark(1), Stmt::Return(7)],
        ),
        itself(
            "t12_not_below_zero",
            "The count does not go below zero.",
            vec![uncancel(), cancel(), run(Cancelling(CURRENT)), uncancel(), uncancel()],
        ),
        itself(
            "t12_one_of_two",
            "One of two cancels is still delivered.",
            vec![cancel(), cancel(), uncancel(), catching(Catch::Cancelled, [yields()], [mark(1)])],
        ),
        itself(
            "t12_after_it_was_caught",
            "A cancel that was caught can be taken back.",
            vec![
                cancel(),
                catching(Catch::Cancelled, [yields()], [run(Cancelling(CURRENT)), uncancel()]),
                yields(),
                mark(1),
                Stmt::Return(7),
            ],
        ),
        scenario("t12_of_a_done_task", "T-12 T-5", "Taking it back revives nobody.")
            .main([
                run(task(1)),
                run(cancel_task(1)),
                settle(1),
                run(Uncancel(Local::Task(1))),
                run(task_result(1)),
            ])
            .coroutine([mark(1)]),
        after_a_step(
            "t12_what_it_awaits_is_cancelled",
            "T-12 T-6",
            "Nor a future that was cancelled.",
            &[
                run(cancel_task(1)),
                run(Uncancel(Local::Task(1))),
                run(QueryLocal { of: Local::Future(0), what: Asks::Cancelled }),
            ],
        )
        .coroutine([
            run(new_future(0)),
            catching(Catch::Cancelled, [await_local(0)], [run(Cancelling(CURRENT))]),
        ]),
    ]
}

fn factories() -> Vec<Scenario> {
    let submitted = |name: &str, clauses, about, made: Op, then: Vec<Op>| {
        let begin = vec![NewLoop(0), recording(), made, submit(0)];
        scenario(name, clauses, about)
            .thread(all([begin, then, turns(3), vec![result(0), ended(0)]]))
            .coroutine([mark(1)])
    };
    vec![
        scenario("t14_fails", "T-14", "Creation fails with the factory's exception.")
            .thread(all([vec![NewLoop(0), factory(Factory::Fails(1)), task(0), soon(0)], turns(2)]))
            .coroutine([mark(1)])
            .callback([Mark(0), AllTasks(0)]),
        scenario("t14_panics", "T-14 X-2", "So does a factory that panics.")
            .thread(all([
                vec![NewLoop(0), factory(Factory::Panics(1)), task(0), soon(0)],
                turns(2),
            ]))
            .coroutine([mark(1)])
            .callback([Mark(0), AllTasks(0)]),
        scenario(
            "t14_another_coroutines_task",
            "T-14",
            "One that returns another task is refused.",
        )
        .main([run(factory(Factory::Wrong)), run(task(1)), yields(), yields()])
        .coroutine([mark(1)]),
        scenario("t14_taken_away", "T-14", "Without it tasks are made as before.")
            .thread(all([
                vec![NewLoop(0), factory(Factory::Fails(1)), factory(Factory::Default), task(0)],
                turns(2),
                vec![task_result(0)],
            ]))
            .coroutine([mark(1), Stmt::Return(7)]),
        submitted(
            "t15_of_a_submission",
            "T-15 X-1",
            "The submitter and the handler get the same exception.",
            factory(Factory::Fails(1)),
            vec![],
        ),
        submitted(
            "t15_panics",
            "T-15 X-2",
            "Also if the factory panicked.",
            factory(Factory::Panics(1)),
            vec![],
        ),
        submitted(
            "t16_of_a_cancelled_submission",
            "T-16",
            "If the submission was cancelled only the handler is told.",
            factory(Factory::Fails(1)),
            vec![Cancel(0)],
        ),
        scenario("t15_the_loop_goes_on", "T-15 T-14", "The next submission has a task again.")
            .thread(all([
                vec![NewLoop(0), recording(), factory(Factory::Fails(1)), submit(0)],
                turns(2),
                vec![factory(Factory::Default), submit(1)],
                turns(3),
                vec![result(0), result(1)],
            ]))
            .coroutine([mark(1)])
            .coroutine([mark(2), Stmt::Return(7)]),
        scenario("t15_by_another_thread", "T-15", "A thread that waits is told.")
            .thread([
                NewLoop(0),
                recording(),
                factory(Factory::Fails(1)),
                Start(1),
                RunForever(0),
                Join(1),
            ])
            .thread([submit(0), result(0), Stop(0)])
            .coroutine([mark(1)]),
    ]
}

fn known() -> Vec<Scenario> {
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

fn sleeps() -> Vec<Scenario> {
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
