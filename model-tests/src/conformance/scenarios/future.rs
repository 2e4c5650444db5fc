//! L: loop futures.

use super::words::*;
use super::{Scenario, scenario};
use crate::spec::program::Op::{self, *};
use crate::spec::program::{Awaited, Catch, Handler, Local, Query as Asks, Stmt};

pub(super) fn scenarios() -> Vec<Scenario> {
    let mut all = states();
    all.extend(callbacks());
    all.extend(awaited());
    all.extend(unretrieved());
    all.extend(closed());
    all
}

const FUTURE: Local = Local::Future(0);

/// Each thing that can be asked or done, in each state.
fn states() -> Vec<Scenario> {
    let reach: [(&str, &[Op]); 4] = [
        ("pending", &[]),
        ("finished", &[set_loop_result(0, 7)]),
        ("failed", &[set_loop_exception(0, 1)]),
        ("cancelled", &[CancelLocal(FUTURE)]),
    ];
    let query = |what| QueryLocal { of: FUTURE, what };
    let read = [query(Asks::Done), query(Asks::Cancelled), ResultLocal(FUTURE)];
    let cancel = [CancelLocal(FUTURE), CancelLocal(FUTURE), ResultLocal(FUTURE)];
    let set = [set_loop_result(0, 3), set_loop_result(0, 4), ResultLocal(FUTURE)];
    let fail = [set_loop_exception(0, 3), set_loop_exception(0, 4), ResultLocal(FUTURE)];
    let families = [
        ("l4_asked_when", "L-4", "What a loop future says, without blocking.", read),
        ("l3_cancelled_when", "L-3", "Whether a cancel succeeds, once and once more.", cancel),
        ("l3_completed_when", "L-3", "Whether a result is taken, once and once more.", set),
        ("l3_failed_when", "L-3", "Whether an exception is taken, once and once more.", fail),
    ];
    let mut all = Vec::new();
    for (family, clauses, about, then) in families {
        for (state, ops) in &reach {
            let begin = [NewLoop(0), new_future(0)];
            let ops = [&begin, *ops, &then].concat();
            all.push(scenario(format!("{family}_{state}"), clauses, about).thread(ops));
        }
    }
    all
}

fn callbacks() -> Vec<Scenario> {
    let queued = |name: &str, end: Op| {
        let ops = vec![
            NewLoop(0),
            new_future(0),
            on_future_done(0, 0),
            on_future_done(0, 1),
            end,
            Mark(9),
        ];
        scenario(name, "L-1 L-2", "Callbacks are queued, in their order, and not called at once.")
            .thread(all([ops, turns(2)]))
            .callback([Mark(0), future_result(0)])
            .callback([Mark(1)])
    };
    vec![
        queued("l1_queued_for_a_result", set_loop_result(0, 7)),
        queued("l1_queued_for_an_exception", set_loop_exception(0, 1)),
        queued("l1_queued_for_a_cancel", CancelLocal(FUTURE)),
        scenario("l1_added_to_a_done_one", "L-1", "One that comes too late is queued as well.")
            .thread(all([
                vec![
                    NewLoop(0),
                    new_future(0),
                    set_loop_result(0, 7),
                    on_future_done(0, 0),
                    Mark(9),
                ],
                turns(1),
            ]))
            .marks(1),
        scenario(
            "l1_added_by_a_callback",
            "L-1 Q-2",
            "One that a callback adds waits for the next iteration.",
        )
        .thread(all([
            vec![NewLoop(0), new_future(0), on_future_done(0, 0), set_loop_result(0, 7)],
            turn().into(),
            vec![Mark(9)],
            turns(1),
        ]))
        .callback([Mark(0), on_future_done(0, 1)])
        .callback([Mark(1)]),
        scenario(
            "l1_behind_what_is_queued",
            "L-1 Q-1",
            "Callbacks go behind what is queued already.",
        )
        .thread(all([
            vec![NewLoop(0), new_future(0), on_future_done(0, 0), soon(1), set_loop_result(0, 7)],
            vec![soon(2)],
            turns(2),
        ]))
        .marks(3),
        scenario(
            "l1_failing_callback",
            "L-1 Q-4",
            "One that fails is reported, and the next runs.",
        )
        .thread(all([
            vec![NewLoop(0), recording(), new_future(0), on_future_done(0, 0)],
            vec![on_future_done(0, 1), set_loop_result(0, 7)],
            turns(2),
        ]))
        .callback([Mark(0), Raise(1)])
        .callback([Mark(1)]),
        scenario("l1_called_once", "L-1 L-3", "A refused second result calls nobody again.")
            .thread(all([
                vec![NewLoop(0), new_future(0), on_future_done(0, 0), set_loop_result(0, 7)],
                vec![set_loop_result(0, 8), CancelLocal(FUTURE)],
                turns(2),
            ]))
            .marks(1),
    ]
}

fn awaited() -> Vec<Scenario> {
    let awaits = |number: u8| [await_local(0), mark(number)];
    vec![
        scenario(
            "l6_done_before_it_is_awaited",
            "L-6",
            "Awaiting one that is done does not suspend.",
        )
        .main([
            run(new_future(0)),
            run(set_loop_result(0, 7)),
            run(soon(0)),
            await_local(0),
            mark(1),
            yields(),
        ])
        .marks(1),
        scenario("l6_failed_before_it_is_awaited", "L-6 X-1", "Nor does one that has failed.")
            .main([
                run(new_future(0)),
                run(set_loop_exception(0, 1)),
                catching(Catch::Exception, [await_local(0)], [mark(1)]),
            ]),
        scenario("l2_two_awaiters", "L-2", "Awaiters go on in the order in which they came.")
            .main([
                run(new_future(0)),
                run(task(1)),
                run(task(2)),
                yields(),
                run(set_loop_result(0, 7)),
                settle(2),
                settle(1),
            ])
            .coroutine(awaits(1))
            .coroutine(awaits(2)),
        scenario(
            "l2_awaiters_and_callbacks",
            "L-2",
            "Callbacks and awaiters are served in one order.",
        )
        .main([
            run(new_future(0)),
            run(on_future_done(0, 0)),
            run(task(1)),
            yields(),
            run(on_future_done(0, 1)),
            run(task(2)),
            yields(),
            run(set_loop_result(0, 7)),
            settle(2),
        ])
        .coroutine(awaits(11))
        .coroutine(awaits(12))
        .marks(2),
        scenario(
            "l2_an_awaiter_is_withdrawn",
            "L-2 T-6",
            "One that is cancelled does not disturb the others.",
        )
        .main([
            run(new_future(0)),
            run(new_future(1)),
            run(task(1)),
            run(task(2)),
            run(task(3)),
            yields(),
            run(set_loop_result(1, 7)),
            settle(2),
            run(set_loop_result(0, 7)),
            settle(1),
            settle(3),
        ])
        .coroutine(awaits(1))
        .coroutine([await_local(1), mark(2)])
        .coroutine(awaits(3)),
        scenario(
            "l6_cancelled_while_awaited",
            "L-3 T-6",
            "Cancelling the future cancels who awaits it.",
        )
        .main([run(new_future(0)), run(task(1)), yields(), run(CancelLocal(FUTURE)), settle(1)])
        .coroutine([catching(
            Catch::Cancelled,
            [await_local(0)],
            [run(Cancelling(Local::Current))],
        )]),
        scenario("l7_of_another_loop", "L-7", "A task of another loop is told so.")
            .thread([
                NewLoop(0),
                NewLoop(1),
                new_future(0),
                RunUntilComplete { on: 1, coroutine: 0 },
            ])
            .coroutine([catching(Catch::Exception, [await_local(0)], [])]),
        scenario("l6_awaited_twice", "L-6", "A future may be awaited again.").main([
            run(new_future(0)),
            run(set_loop_result(0, 7)),
            await_local(0),
            await_local(0),
        ]),
        scenario(
            "l6_completed_by_a_callback",
            "L-6 T-4",
            "A callback completes what a task awaits.",
        )
        .main([run(new_future(0)), run(later(2, 0)), await_local(0), Stmt::Return(3)])
        .callback([set_loop_result(0, 7)]),
        scenario("l6_broken_promise", "L-6", "A producer that is gone ends who awaits it.").main([
            run(new_future(0)),
            run(DropLoopPromise(0)),
            catching(Catch::Exception, [await_local(0)], []),
        ]),
    ]
}

fn unretrieved() -> Vec<Scenario> {
    let failed = |then: &[Op]| {
        let begin = [NewLoop(0), recording(), new_future(0), set_loop_exception(0, 1)];
        [&begin, then, &[DropLoopPromise(0), Forget(FUTURE), Mark(9)]].concat()
    };
    let about = "An exception that nobody has retrieved is reported when its future is dropped.";
    vec![
        scenario("l5_reported", "L-5 X-4", about).thread(failed(&[])),
        scenario("l5_retrieved", "L-5", "One that was retrieved is not.")
            .thread(failed(&[ResultLocal(FUTURE)])),
        scenario("l5_a_result_is_not_reported", "L-5", "A result never is.").thread([
            NewLoop(0),
            recording(),
            new_future(0),
            set_loop_result(0, 7),
            DropLoopPromise(0),
            Forget(FUTURE),
            Mark(9),
        ]),
        scenario("l5_a_cancel_is_not_reported", "L-5", "A cancel never is.").thread([
            NewLoop(0),
            recording(),
            new_future(0),
            CancelLocal(FUTURE),
            DropLoopPromise(0),
            Forget(FUTURE),
            Mark(9),
        ]),
        scenario("l5_of_a_task", "L-5 T-2", "The exception of a task is reported as well.")
            .handled([
                run(task(1)),
                yields(),
                yields(),
                run(Forget(Local::Task(1))),
                yields(),
                mark(9),
            ])
            .coroutine([Stmt::Raise(1)]),
        scenario("l5_of_an_awaited_task", "L-5 T-2", "Not if somebody has awaited it.")
            .handled([run(task(1)), settle(1), run(Forget(Local::Task(1))), yields(), mark(9)])
            .coroutine([Stmt::Raise(1)]),
        scenario("l5_handler_of_the_moment", "L-5 X-4", "The handler is the one of that moment.")
            .thread([
                NewLoop(0),
                SetHandler { on: 0, handler: Handler::Default },
                new_future(0),
                set_loop_exception(0, 1),
                recording(),
                DropLoopPromise(0),
                Forget(FUTURE),
            ]),
    ]
}

fn closed() -> Vec<Scenario> {
    vec![
        scenario(
            "l8_wrapped_future_of_a_closed_loop",
            "L-8 C-12",
            "Close ends the futures that it made.",
        )
        .thread([
            NewLoop(0),
            NewPromise(0),
            wrap(0),
            Close(0),
            future_result(0),
            set_result(0, 7),
        ]),
        scenario(
            "l8_executor_future_of_a_closed_loop",
            "L-8",
            "Also those of work in an executor.",
        )
        .thread([
            NewLoop(0),
            pool(1),
            in_executor(0),
            Close(0),
            future_result(0),
            Signal(0),
            shutdown(true, false),
        ])
        .work([AwaitGate(0), Mark(0)]),
        scenario(
            "l3_completed_after_close",
            "L-3 S-8",
            "A future of a closed loop can still be completed.",
        )
        .thread([
            NewLoop(0),
            new_future(0),
            Close(0),
            set_loop_result(0, 7),
            set_loop_result(0, 8),
            future_result(0),
        ]),
        scenario(
            "l3_completed_after_close_with_callbacks",
            "L-3 L-1",
            "Also if somebody waits for it.",
        )
        .thread([
            NewLoop(0),
            new_future(0),
            on_future_done(0, 0),
            Close(0),
            set_loop_result(0, 7),
            future_result(0),
        ])
        .marks(1),
        scenario("l6_awaits_in_wait_for", "L-6 O-5", "A done future is taken without a wait.")
            .main([run(new_future(0)), run(set_loop_result(0, 7)), wait_for(3, Awaited::Local(0))]),
    ]
}
