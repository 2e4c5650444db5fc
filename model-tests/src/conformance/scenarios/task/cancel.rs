//! Tasks that are cancelled, and what becomes of it: T-5 to T-13.

use super::super::words::*;
use super::super::{Scenario, scenario};
use super::{CURRENT, after_a_step, asked};
use crate::spec::program::Op::*;
use crate::spec::program::{Awaited, Catch, Local, Query as Asks, Stmt};

pub(super) fn cancelled_in_time() -> Vec<Scenario> {
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

pub(super) fn received() -> Vec<Scenario> {
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

pub(super) fn unreceived() -> Vec<Scenario> {
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

pub(super) fn awaited() -> Vec<Scenario> {
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

pub(super) fn taken_back() -> Vec<Scenario> {
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
