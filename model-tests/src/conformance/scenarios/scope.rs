//! O: `timeout`, `wait_for`, `shield`, `gather`.

use super::words::*;
use super::{Scenario, scenario};
use crate::spec::program::Op::*;
use crate::spec::program::{Awaited, Catch, Local, Query as Asks, Stmt};

pub(super) fn scenarios() -> Vec<Scenario> {
    let mut all = timeouts();
    all.extend(cancelled_timeouts());
    all.extend(nested_timeouts());
    all.extend(waits());
    all.extend(cancelled_waits());
    all.extend(shields());
    all.extend(gathers());
    all
}

const CURRENT: Local = Local::Current;

fn catch_timeout(body: impl IntoIterator<Item = Stmt>) -> Stmt {
    catching(Catch::Timeout, body, [run(Cancelling(CURRENT))])
}

fn timeouts() -> Vec<Scenario> {
    let main =
        |name: &str, clauses, about, script: Vec<Stmt>| scenario(name, clauses, about).main(script);
    vec![
        main(
            "o1_expires",
            "O-1",
            "An expiry becomes the timeout's own error.",
            vec![catch_timeout([timeout(2, [sleep(9)])]), mark(9)],
        ),
        main(
            "o1_body_sees_a_cancel",
            "O-1 T-6",
            "The body sees a cancel.",
            vec![catch_timeout([timeout(
                2,
                [finally(
                    [catching(Catch::Cancelled, [sleep(9)], [mark(1), Stmt::RaiseCancelled])],
                    [mark(2)],
                )],
            )])],
        ),
        main(
            "o1_does_not_expire",
            "O-1",
            "A body that ends in time leaves nothing behind.",
            vec![timeout(5, [sleep(1), mark(1)]), sleep(9), mark(2)],
        ),
        main(
            "o1_swallowed",
            "O-1 T-8",
            "A body that goes on has not timed out.",
            vec![
                timeout(2, [catching(Catch::Cancelled, [sleep(9)], [mark(1)]), sleep(1), mark(2)]),
                mark(3),
            ],
        ),
        main(
            "o1_cleanup_takes_time",
            "O-1",
            "A body may take its time to clean up.",
            vec![catch_timeout([timeout(2, [finally([sleep(9)], [sleep(3), mark(1)])])])],
        ),
        main(
            "o4_other_exception",
            "O-4",
            "Another exception passes through.",
            vec![catching(Catch::Exception, [timeout(5, [Stmt::Raise(1)])], [mark(1)])],
        ),
        main(
            "o4_exception_in_cleanup",
            "O-4",
            "Also one that is raised while it expires.",
            vec![catching(
                Catch::Exception,
                [timeout(2, [catching(Catch::Cancelled, [sleep(9)], [Stmt::Raise(1)])])],
                [mark(1)],
            )],
        ),
        main("o4_value", "O-4", "A value passes through.", vec![timeout(2, [Stmt::Return(7)])]),
        main(
            "o4_value_while_it_expires",
            "O-4 T-8",
            "Also one that is returned while it expires.",
            vec![timeout(2, [catching(Catch::Cancelled, [sleep(9)], [Stmt::Return(7)])])],
        ),
        main(
            "o6_no_time_and_a_sleep",
            "O-6 O-1",
            "Without any time the first await expires.",
            vec![catch_timeout([timeout(0, [yields(), yields(), yields(), mark(1)])]), mark(9)],
        ),
        main(
            "o1_after_a_timeout",
            "O-1 T-12",
            "A second timeout is not disturbed by the first.",
            vec![
                catch_timeout([timeout(2, [sleep(9)])]),
                timeout(5, [sleep(1), mark(1)]),
                catch_timeout([timeout(2, [sleep(9)])]),
            ],
        ),
        main(
            "o1_busy_past_its_end",
            "O-1 O-4",
            "A body that never awaits does not expire.",
            vec![timeout(2, [run(Busy { on: 0, units: 5 }), mark(1)]), mark(2)],
        ),
    ]
}

fn cancelled_timeouts() -> Vec<Scenario> {
    let main = |name: &str, clauses, about, then: Vec<Stmt>, script: Vec<Stmt>| {
        let begin = vec![run(task(1)), yields()];
        let end = vec![settle(1), run(QueryLocal { of: Local::Task(1), what: Asks::Cancelled })];
        scenario(name, clauses, about).main([begin, then, end].concat()).coroutine(script)
    };
    vec![
        main(
            "o2_cancelled_before_it_expires",
            "O-2",
            "A cancel before the expiry is a cancel.",
            vec![run(cancel_task(1))],
            vec![catch_timeout([timeout(5, [sleep(9)])])],
        ),
        main(
            "o2_cancelled_while_it_expires",
            "O-2",
            "A cancel in addition to the expiry wins.",
            vec![sleep(3), run(cancel_task(1))],
            vec![catch_timeout([timeout(
                2,
                [catching(Catch::Cancelled, [sleep(9)], [mark(1), sleep(5)])],
            )])],
        ),
        main(
            "o1_after_a_swallowed_cancel",
            "O-1 T-8",
            "After a cancel that was swallowed an expiry is an expiry.",
            vec![run(cancel_task(1))],
            vec![
                catching(Catch::Cancelled, [sleep(9)], []),
                catching(Catch::Timeout, [timeout(2, [sleep(9)])], [run(Cancelling(CURRENT))]),
                Stmt::Return(7),
            ],
        ),
        main(
            "o2_cancelled_after_a_swallowed_cancel",
            "O-2 T-8",
            "And another cancel is a cancel.",
            vec![run(cancel_task(1)), yields(), yields(), run(cancel_task(1))],
            vec![
                catching(Catch::Cancelled, [sleep(9)], []),
                catch_timeout([timeout(5, [sleep(9)])]),
            ],
        ),
    ]
}

fn nested_timeouts() -> Vec<Scenario> {
    let nested = |name: &str, about, outer, inner, body: Vec<Stmt>| {
        scenario(name, "O-4 O-1", about).main([
            catching(
                Catch::Timeout,
                [timeout(
                    outer,
                    [catching(Catch::Timeout, [timeout(inner, body)], [mark(1)]), mark(2)],
                )],
                [mark(3)],
            ),
            mark(9),
        ])
    };
    vec![
        nested("o4_inner_expires", "The inner timeout expires alone.", 9, 2, vec![sleep(20)]),
        nested(
            "o4_outer_expires",
            "The outer one expires: the inner lets it pass.",
            2,
            9,
            vec![sleep(20)],
        ),
        nested(
            "o4_both_expire_while_busy",
            "Both expire while the body is busy.",
            3,
            2,
            vec![run(Busy { on: 0, units: 5 }), yields(), yields()],
        ),
        nested(
            "o4_inner_expires_then_outer",
            "The outer one still works after the inner.",
            4,
            2,
            vec![finally([sleep(20)], [sleep(1)])],
        ),
        scenario("o4_timeout_in_cleanup", "O-4 O-1", "A timeout in the cleanup of another.").main(
            [catching(
                Catch::Timeout,
                [timeout(
                    2,
                    [finally(
                        [sleep(20)],
                        [catching(Catch::Timeout, [timeout(1, [sleep(20)])], [mark(1)])],
                    )],
                )],
                [mark(2)],
            )],
        ),
    ]
}

fn waits() -> Vec<Scenario> {
    vec![
        scenario("o5_in_time", "O-5", "What ends in time yields its value.")
            .main([run(task(1)), wait_for(5, Awaited::Task(1))])
            .coroutine([sleep(2), Stmt::Return(7)]),
        scenario("o5_expires", "O-5 O-1", "What does not is cancelled.")
            .main([
                run(task(1)),
                catch_timeout([wait_for(2, Awaited::Task(1))]),
                run(QueryLocal { of: Local::Task(1), what: Asks::Cancelled }),
            ])
            .coroutine([catching(Catch::Cancelled, [sleep(9)], [mark(1), Stmt::RaiseCancelled])]),
        scenario("o5_waits_for_the_cleanup", "O-5", "It returns after the task's cleanup.")
            .main([run(task(1)), catch_timeout([wait_for(2, Awaited::Task(1))]), mark(9)])
            .coroutine([finally([sleep(9)], [sleep(3), mark(1)])]),
        scenario(
            "o5_value_in_spite_of_the_cancel",
            "O-5 T-8",
            "A value in spite of the cancel is returned.",
        )
        .main([run(task(1)), wait_for(2, Awaited::Task(1)), mark(9)])
        .coroutine([catching(Catch::Cancelled, [sleep(9)], []), Stmt::Return(7)]),
        scenario("o5_exception_in_cleanup", "O-5", "An exception of the cleanup is raised.")
            .main([
                run(task(1)),
                catching(Catch::Exception, [wait_for(2, Awaited::Task(1))], [mark(9)]),
            ])
            .coroutine([catching(Catch::Cancelled, [sleep(9)], [Stmt::Raise(1)])]),
        scenario("o5_exception_in_time", "O-5", "An exception in time is raised.")
            .main([
                run(task(1)),
                catching(Catch::Exception, [wait_for(5, Awaited::Task(1))], [mark(9)]),
            ])
            .coroutine([sleep(1), Stmt::Raise(1)]),
        scenario("o6_no_time_and_a_done_future", "O-6 O-5", "What is done needs no time.").main([
            run(new_future(0)),
            run(set_loop_result(0, 7)),
            wait_for(0, Awaited::Local(0)),
        ]),
        scenario("o6_no_time_and_a_coroutine", "O-6", "A coroutine is not begun without time.")
            .main([catch_timeout([wait_for(0, Awaited::Coroutine(1))])])
            .coroutine([mark(1)]),
        scenario(
            "o6_no_time_and_a_task",
            "O-6 O-5",
            "A task that runs is cancelled and waited for.",
        )
        .main([run(task(1)), yields(), catch_timeout([wait_for(0, Awaited::Task(1))]), mark(9)])
        .coroutine([finally([sleep(9)], [yields(), mark(1)])]),
        scenario("o5_a_coroutine", "O-5", "A coroutine is awaited in place.")
            .main([wait_for(5, Awaited::Coroutine(1))])
            .coroutine([sleep(1), Stmt::Return(7)]),
        scenario(
            "o5_in_the_moment_of_the_expiry",
            "O-5",
            "A result in the iteration of the expiry is returned.",
        )
        .main([
            run(new_future(0)),
            run(later(2, 0)),
            catch_timeout([wait_for(2, Awaited::Local(0))]),
        ])
        .callback([set_loop_result(0, 7)]),
    ]
}

fn cancelled_waits() -> Vec<Scenario> {
    let waits = || wait_for(50, Awaited::Task(2));
    let main = |name: &str, about, then: Vec<Stmt>, inner: Vec<Stmt>| {
        let begin = vec![run(task(2)), run(task(1)), yields(), yields()];
        let end = vec![
            settle(1),
            run(QueryLocal { of: Local::Task(1), what: Asks::Cancelled }),
            run(QueryLocal { of: Local::Task(2), what: Asks::Cancelled }),
        ];
        scenario(name, "O-5 T-10", about)
            .main([begin, then, end].concat())
            .coroutine([waits()])
            .coroutine(inner)
    };
    vec![
        main(
            "o5_cancelled",
            "Cancelling who waits cancels what it waits for.",
            vec![run(cancel_task(1))],
            vec![sleep(9)],
        ),
        main(
            "o5_cancelled_and_cleanup",
            "It returns after the cleanup of that.",
            vec![run(cancel_task(1)), mark(8)],
            vec![finally([sleep(9)], [sleep(2), mark(1)])],
        ),
        main(
            "o5_cancelled_and_swallowed",
            "A value in spite of that cancel is returned.",
            vec![run(cancel_task(1))],
            vec![catching(Catch::Cancelled, [sleep(9)], []), Stmt::Return(7)],
        ),
        main(
            "o5_cancelled_when_it_has_just_ended",
            "A cancel in the moment of the end is not lost.",
            vec![run(set_loop_result(0, 7)), yields(), run(cancel_task(1))],
            vec![run(new_future(0)), await_local(0), Stmt::Return(7)],
        ),
    ]
}

fn shields() -> Vec<Scenario> {
    let shielded = |task| Stmt::Await(Awaited::Shield(task));
    vec![
        scenario("o7_value", "O-7", "A shield passes the value on.")
            .main([run(task(1)), shielded(1)])
            .coroutine([sleep(1), Stmt::Return(7)]),
        scenario("o7_exception", "O-7", "And the exception.")
            .main([run(task(1)), catching(Catch::Exception, [shielded(1)], [])])
            .coroutine([sleep(1), Stmt::Raise(1)]),
        scenario("o7_outer_cancelled", "O-7", "A cancel of the awaiter leaves the task running.")
            .main([run(task(2)), run(task(1)), yields(), run(cancel_task(1)), settle(1), settle(2)])
            .coroutine([shielded(2)])
            .coroutine([sleep(3), mark(2), Stmt::Return(7)]),
        scenario("o7_inner_cancelled", "O-7 T-2", "A cancel of the task is seen by the awaiter.")
            .main([run(task(2)), run(task(1)), yields(), run(cancel_task(2)), settle(1)])
            .coroutine([catching(Catch::Cancelled, [shielded(2)], [run(Cancelling(CURRENT))])])
            .coroutine([sleep(9)]),
        scenario(
            "o7_late_failure",
            "O-7 L-5",
            "A failure after that is reported, if nobody retrieves it.",
        )
        .handled([
            run(task(2)),
            run(task(1)),
            yields(),
            run(cancel_task(1)),
            settle(1),
            run(Forget(Local::Task(2))),
            sleep(5),
            yields(),
            mark(9),
        ])
        .coroutine([shielded(2)])
        .coroutine([sleep(3), Stmt::Raise(1)]),
        scenario("o7_late_value", "O-7", "A value after that is silent.")
            .handled([
                run(task(2)),
                run(task(1)),
                yields(),
                run(cancel_task(1)),
                settle(1),
                run(Forget(Local::Task(2))),
                sleep(5),
                mark(9),
            ])
            .coroutine([shielded(2)])
            .coroutine([sleep(3), Stmt::Return(7)]),
        scenario("o7_in_wait_for", "O-7 O-5", "A limit around a shield leaves the task running.")
            .main([
                run(task(1)),
                catch_timeout([wait_for(2, Awaited::Shield(1))]),
                mark(9),
                settle(1),
            ])
            .coroutine([sleep(4), mark(1), Stmt::Return(7)]),
        scenario("o7_done_already", "O-7 L-6", "A shield of what is done yields at once.")
            .main([run(task(1)), settle(1), run(soon(0)), shielded(1), mark(9), yields()])
            .coroutine([Stmt::Return(7)])
            .marks(1),
    ]
}

fn gathers() -> Vec<Scenario> {
    let gathered = |tasks: &[u8]| Stmt::Await(Awaited::Gather(tasks.to_vec()));
    vec![
        scenario(
            "o8_in_the_order_of_its_arguments",
            "O-8",
            "Values come in the order of the arguments.",
        )
        .main([run(task(1)), run(task(2)), gathered(&[1, 2])])
        .coroutine([sleep(3), Stmt::Return(1)])
        .coroutine([sleep(1), Stmt::Return(2)]),
        scenario(
            "o8_first_exception",
            "O-8",
            "The first exception comes at once, the others go on.",
        )
        .main([
            run(task(1)),
            run(task(2)),
            catching(Catch::Exception, [gathered(&[1, 2])], [mark(1)]),
            run(QueryLocal { of: Local::Task(1), what: Asks::Done }),
            settle(1),
        ])
        .coroutine([sleep(3), mark(3), Stmt::Return(1)])
        .coroutine([sleep(1), Stmt::Raise(1)]),
        scenario("o8_cancelled", "O-8 T-10", "A cancel goes to all of them.")
            .main([
                run(task(2)),
                run(task(3)),
                run(task(1)),
                yields(),
                run(cancel_task(1)),
                settle(1),
                run(QueryLocal { of: Local::Task(2), what: Asks::Cancelled }),
                run(QueryLocal { of: Local::Task(3), what: Asks::Cancelled }),
            ])
            .coroutine([gathered(&[2, 3])])
            .coroutine([sleep(9)])
            .coroutine([sleep(9)]),
        scenario(
            "o8_one_is_cancelled",
            "O-8 T-2",
            "One that is cancelled by itself ends the gather.",
        )
        .main([
            run(task(1)),
            run(task(2)),
            run(later(1, 0)),
            catching(Catch::All, [gathered(&[1, 2])], [run(Cancelling(CURRENT))]),
            settle(1),
        ])
        .coroutine([sleep(3), mark(1)])
        .coroutine([sleep(9)])
        .callback([cancel_task(2)]),
        scenario("o8_nothing_to_gather", "O-8", "A gather of nothing is done.")
            .main([gathered(&[]), mark(9)]),
        scenario("o8_given_twice", "O-8", "A task that is given twice is there twice.")
            .main([run(task(1)), gathered(&[1, 1])])
            .coroutine([sleep(1), Stmt::Return(7)]),
    ]
}
