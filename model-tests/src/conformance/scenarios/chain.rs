//! C: what a task's end is to its submitter, and a source's end to who has wrapped it.

use super::words::*;
use super::{Scenario, scenario};
use crate::spec::program::Op::{self, *};
use crate::spec::program::{Awaited, Catch, Limit, Local, Query as Asks, Stmt};

pub(super) fn scenarios() -> Vec<Scenario> {
    let mut all = submissions();
    all.extend(cancelled_submissions());
    all.extend(closed_loops());
    all.extend(wrapped());
    all.extend(executors());
    all
}

const FUTURE: Local = Local::Future(0);

fn is_cancelled(future: u8) -> Op {
    Query { future, what: Asks::Cancelled }
}

/// The loop's thread runs until a submitter stops it.
fn runs(name: &str, clauses: &str, about: &str) -> Scenario {
    scenario(name, clauses, about).thread([NewLoop(0), Start(1), RunForever(0), Join(1)])
}

fn submissions() -> Vec<Scenario> {
    vec![
        runs("c4_value", "C-1 U-1 C-4", "A value reaches the submitter.")
            .thread([submit(0), result(0), result(0), Stop(0)])
            .coroutine([yields(), Stmt::Return(7)]),
        runs("c4_exception", "C-4 X-1 T-2", "So does the very exception.")
            .thread([
                submit(0),
                result(0),
                Exception { future: 0, limit: Limit::Forever },
                is_cancelled(0),
                Stop(0),
            ])
            .coroutine([yields(), Stmt::Raise(1)]),
        runs(
            "c4_cancelled_on_the_loop",
            "C-4",
            "A task that is cancelled on the loop cancels its submission.",
        )
        .thread([submit(0), result(0), is_cancelled(0), ended(0), Stop(0)])
        .coroutine([run(CancelLocal(Local::Current)), yields(), Stmt::Return(7)]),
        runs("c4_raises_cancelled", "C-4 T-2", "So does one that raises `cancelled` by itself.")
            .thread([submit(0), result(0), is_cancelled(0), Stop(0)])
            .coroutine([yields(), Stmt::RaiseCancelled]),
        runs(
            "c1_what_it_scheduled_runs_first",
            "C-1",
            "What the task queued runs before the submitter goes on.",
        )
        .thread([submit(0), result(0), Stop(0)])
        .coroutine([run(soon(0)), run(post(1)), Stmt::Return(7)])
        .marks(2),
        scenario(
            "c1_submitter_is_called_later",
            "C-1 Q-1",
            "A callback of the submission comes after it.",
        )
        .thread(all([vec![NewLoop(0), submit(0), on_done(0, 1)], turns(4)]))
        .coroutine([run(soon(0)), Stmt::Return(7)])
        .marks(2),
        scenario(
            "c4_pending_until_it_ends",
            "C-4 F-1",
            "Until the task ends the submission is pending.",
        )
        .thread(all([
            vec![NewLoop(0), submit(0)],
            turns(2),
            vec![Query { future: 0, what: Asks::Running }, Query { future: 0, what: Asks::Done }],
            vec![Close(0)],
        ]))
        .coroutine([mark(1), sleep(5)]),
    ]
}

fn cancelled_submissions() -> Vec<Scenario> {
    let suspended = |name: &str, clauses, about, script: Vec<Stmt>| {
        runs(name, clauses, about)
            .thread([
                submit(0),
                AwaitGate(0),
                Cancel(0),
                Signal(1),
                is_cancelled(0),
                result(0),
                ended(0),
                Stop(0),
            ])
            .coroutine(script)
    };
    let waits = || [run(Signal(0)), sleep(1000)];
    vec![
        scenario("c5_before_it_began", "C-5 T-7", "It ends without running a statement.")
            .thread(all([
                vec![NewLoop(0), submit(0), Cancel(0)],
                turns(4),
                vec![result(0), ended(0)],
            ]))
            .coroutine([mark(1), yields(), mark(2)]),
        scenario("c5_by_a_thread_before_it_began", "C-5 T-7", "Also if another thread did both.")
            .thread(all([vec![NewLoop(0), Start(1), Join(1)], turns(4), vec![ended(0)]]))
            .thread([submit(0), Cancel(0)])
            .coroutine([mark(1), yields(), mark(2)]),
        scenario(
            "c5_cancel_races_the_first_step",
            "C-5 C-6",
            "It runs or it does not, and is cancelled.",
        )
        .thread(all([vec![NewLoop(0), submit(0), Start(1)], turns(2), vec![Join(1)], turns(4)]))
        .thread([Cancel(0), result(0)])
        .coroutine([
            mark(1),
            yields(),
            mark(2),
            yields(),
            mark(3),
            yields(),
            mark(4),
            yields(),
        ]),
        scenario("c6_seen_by_the_next_step", "C-6", "A step that starts after the cancel sees it.")
            .thread(all([
                vec![NewLoop(0), submit(0)],
                turns(1),
                vec![Cancel(0)],
                turns(4),
                vec![ended(0)],
            ]))
            .coroutine([mark(1), yields(), mark(2), yields(), mark(3)]),
        suspended(
            "c6_while_it_is_suspended",
            "C-6 C-7 F-16",
            "The task is cancelled at its await.",
            vec![catching(Catch::Cancelled, waits(), [mark(1)])],
        ),
        suspended(
            "c7_while_it_cleans_up",
            "C-7 F-16",
            "The submission is cancelled while the task still cleans up.",
            vec![finally(waits(), [yields(), mark(1), yields(), mark(2)])],
        ),
        suspended(
            "c7_swallowed",
            "C-7 T-8",
            "A task that goes on does not revive its submission.",
            vec![catching(Catch::Cancelled, waits(), [mark(1)]), yields(), Stmt::Return(7)],
        ),
        runs("c3_raises_in_its_cleanup", "C-3", "What it raises then is reported.")
            .thread([submit(0), AwaitGate(0), Cancel(0), result(0), ended(0), post(0)])
            .coroutine([run(recording()), catching(Catch::Cancelled, waits(), [Stmt::Raise(1)])])
            .callback([Mark(0), StopLocal(0)]),
        scenario(
            "c2_after_it_has_ended",
            "C-2",
            "A cancel before the copy wins, and the value is dropped.",
        )
        .thread(all([vec![NewLoop(0), submit(0)], turns(4), vec![result(0), ended(0)]]))
        .coroutine([run(soon(0)), Stmt::Return(7)])
        .callback([Cancel(0)]),
        scenario("c2_after_the_copy", "C-2 F-2", "A cancel after it is refused.")
            .thread(all([vec![NewLoop(0), submit(0)], turns(4), vec![Cancel(0), result(0)]]))
            .coroutine([Stmt::Return(7)]),
        scenario(
            "c2_cancel_races_the_end",
            "C-2 C-6",
            "A cancel from another thread wins or loses.",
        )
        .thread([NewLoop(0), submit(0), Start(1), RunForever(0), Join(1)])
        .thread([Cancel(0), result(0), Stop(0)])
        .coroutine([Stmt::Return(7)]),
        runs("c6_limited_wait_and_cancel", "C-6 F-9", "Who has waited long enough cancels.")
            .thread([submit(0), result_now(0), Cancel(0), result(0), ended(0), Stop(0)])
            .coroutine([sleep(1000)]),
        scenario(
            "c6_from_the_loops_thread",
            "C-6",
            "A cancel on the loop's thread is seen soon after.",
        )
        .thread(all([
            vec![NewLoop(0), submit(0), soon(0), RunForever(0), Mark(9)],
            turns(3),
            vec![Query { future: 0, what: Asks::Ended }],
        ]))
        .coroutine([catching(Catch::Cancelled, [sleep(1000)], [mark(1)])])
        .callback([soon(1)])
        .callback([Cancel(0), soon(2)])
        .callback([Mark(2), StopLocal(0)]),
    ]
}

fn closed_loops() -> Vec<Scenario> {
    vec![
        scenario("c8_closed_before_it_began", "C-8 U-1 W-9", "Close ends what was accepted.")
            .thread([NewLoop(0), submit(0), Close(0), result(0)])
            .coroutine([mark(1)]),
        scenario("c8_closed_while_it_is_suspended", "C-8 S-6", "Also what is suspended.")
            .thread(all([
                vec![NewLoop(0), submit(0)],
                turns(2),
                vec![Close(0), result(0), Cancel(0)],
            ]))
            .coroutine([mark(1), sleep(1000)]),
        scenario("c8_closed_with_a_waiter", "C-8 U-1", "A thread that waits is released.")
            .thread(all([vec![NewLoop(0), submit(0), Start(1)], turns(2), vec![Close(0), Join(1)]]))
            .thread([result(0)])
            .coroutine([sleep(1000)]),
        scenario("c8_closed_after_its_end", "C-8", "An outcome that was reached is delivered.")
            .thread(all([
                vec![NewLoop(0), submit(0), soon(0)],
                turns(1),
                vec![Close(0), result(0)],
            ]))
            .coroutine([Stmt::Return(7)])
            .callback([StopLocal(0)]),
        scenario("c8_stopped_and_closed", "C-8 W-10", "A loop that only stopped goes on later.")
            .thread(all([
                vec![NewLoop(0), submit(0)],
                turns(1),
                vec![Mark(9)],
                turns(3),
                vec![result(0)],
            ]))
            .coroutine([yields(), Stmt::Return(7)]),
        scenario("c8_submission_races_close", "C-8 U-1 U-2 W-9", "It is refused, or it ends.")
            .thread([NewLoop(0), Start(1), Close(0), Join(1)])
            .thread([submit(0), submit(1)])
            .coroutine([])
            .coroutine([]),
        scenario("c8_cancelled_then_closed", "C-8 C-7 F-16", "A cancelled one has ended then.")
            .thread(all([
                vec![NewLoop(0), submit(0)],
                turns(2),
                vec![Cancel(0), Close(0), result(0), ended(0)],
            ]))
            .coroutine([sleep(1000)]),
        scenario("c12_source_ends_after_close", "C-12", "A source that ends later harms nobody.")
            .thread([
                NewLoop(0),
                recording(),
                NewPromise(0),
                wrap(0),
                Close(0),
                set_result(0, 7),
                result(0),
            ]),
        scenario(
            "c12_cancelled_wrapper_and_close",
            "C-12 C-10",
            "Nor if the wrapper was cancelled.",
        )
        .thread([
            NewLoop(0),
            NewPromise(0),
            SetRunning(0),
            wrap(0),
            CancelLocal(FUTURE),
            Close(0),
            set_result(0, 7),
            result(0),
        ]),
    ]
}

fn wrapped() -> Vec<Scenario> {
    let pending = || vec![NewLoop(0), NewPromise(0), wrap(0)];
    vec![
        scenario(
            "c9_completed_by_a_thread",
            "C-9",
            "A result that another thread sets reaches the loop.",
        )
        .thread([NewLoop(0), NewPromise(0), Start(1), run_until_complete(0), Join(1)])
        .thread([set_result(0, 7)])
        .coroutine([Stmt::Await(Awaited::Wrapped(0))]),
        scenario("c9_failed_by_a_thread", "C-9 X-1", "So does an exception.")
            .thread([NewLoop(0), NewPromise(0), Start(1), run_until_complete(0), Join(1)])
            .thread([set_exception(0, 1)])
            .coroutine([catching(Catch::Exception, [Stmt::Await(Awaited::Wrapped(0))], [])]),
        scenario(
            "c9_through_the_queue",
            "C-9 Q-1",
            "It goes through the queue, behind what is there.",
        )
        .thread(all([
            pending(),
            vec![on_future_done(0, 1), post(0), set_result(0, 7), future_result(0)],
            turns(3),
        ]))
        .marks(2),
        scenario("c9_done_when_wrapped", "C-9", "Also if it was done when it was wrapped.")
            .thread(all([
                vec![
                    NewLoop(0),
                    NewPromise(0),
                    set_result(0, 7),
                    post(0),
                    wrap(0),
                    future_result(0),
                ],
                turns(2),
                vec![future_result(0)],
            ]))
            .marks(1),
        scenario(
            "c9_posts_come_first",
            "C-9 U-5",
            "Posts of the thread that completes come first.",
        )
        .thread([NewLoop(0), NewPromise(0), Start(1), run_until_complete(0), Join(1)])
        .thread([post(0), set_result(0, 7)])
        .coroutine([Stmt::Await(Awaited::Wrapped(0)), mark(9)])
        .marks(1),
        scenario(
            "c10_cancelled_before_it_started",
            "C-10",
            "Cancelling the wrapper cancels its source.",
        )
        .thread(all([pending(), vec![CancelLocal(FUTURE), soon(0)], turns(2), vec![result(0)]]))
        .marks(1),
        scenario("c10_source_at_once", "C-10", "It does so at once, and not through the queue.")
            .thread(all([pending(), vec![CancelLocal(FUTURE), is_cancelled(0)], turns(2)])),
        scenario("c10_cancelled_while_it_runs", "C-10", "Work that runs is left to end by itself.")
            .thread(all([
                pending(),
                vec![SetRunning(0), CancelLocal(FUTURE)],
                turns(2),
                vec![is_cancelled(0), set_result(0, 7), result(0)],
                turns(2),
                vec![future_result(0)],
            ])),
        scenario("c10_cancelled_after_it_finished", "C-10 C-9", "A finished source stays so.")
            .thread(all([
                pending(),
                vec![set_result(0, 7), CancelLocal(FUTURE)],
                turns(2),
                vec![result(0), future_result(0)],
            ])),
        scenario(
            "c10_late_exception_is_dropped",
            "C-10",
            "What running work raises then is dropped.",
        )
        .thread(all([
            vec![NewLoop(0), recording(), NewPromise(0), wrap(0)],
            vec![SetRunning(0), CancelLocal(FUTURE)],
            turns(2),
            vec![set_exception(0, 1)],
            turns(2),
            vec![future_result(0)],
        ])),
        scenario("c11_source_cancelled", "C-11", "A cancelled source cancels who has wrapped it.")
            .thread(all([pending(), vec![Cancel(0)], turns(2), vec![future_result(0)]])),
        scenario(
            "c11_awaiter_has_no_cancel_of_its_own",
            "C-11 T-5",
            "The awaiting task was not cancelled.",
        )
        .thread([NewLoop(0), NewPromise(0), Start(1), run_until_complete(0), Join(1)])
        .thread([Cancel(0)])
        .coroutine([catching(
            Catch::Cancelled,
            [Stmt::Await(Awaited::Wrapped(0))],
            [run(Cancelling(Local::Current))],
        )]),
        scenario(
            "c9_completed_by_the_loops_thread",
            "C-9",
            "The loop's thread may complete a source.",
        )
        .main([run(NewPromise(0)), run(soon(0)), Stmt::Await(Awaited::Wrapped(0)), mark(9)])
        .callback([set_result(0, 7), Mark(0)]),
        scenario(
            "c11_task_that_awaits_is_cancelled",
            "C-10 T-6",
            "Cancelling the awaiter cancels the source.",
        )
        .main([
            run(NewPromise(0)),
            run(task(1)),
            yields(),
            run(cancel_task(1)),
            settle(1),
            yields(),
            run(is_cancelled(0)),
        ])
        .coroutine([Stmt::Await(Awaited::Wrapped(0))]),
    ]
}

fn executors() -> Vec<Scenario> {
    let begun = || [NewLoop(0), pool(1)];
    let ends = || [shutdown(true, false)];
    let program = |name: &str, clauses, about, then: Vec<Op>| {
        scenario(name, clauses, about).thread([begun().to_vec(), then, ends().to_vec()].concat())
    };
    vec![
        program(
            "c9_work_of_a_pool",
            "C-9 U-4",
            "A pool's result reaches the loop.",
            vec![run_until_complete(0)],
        )
        .coroutine([run(in_executor(0)), await_local(0)])
        .work([Mark(0), Return(7)]),
        program(
            "c9_failing_work",
            "C-9 E-3",
            "So does its exception.",
            vec![run_until_complete(0)],
        )
        .coroutine([run(in_executor(0)), catching(Catch::Exception, [await_local(0)], [])])
        .work([Raise(1)]),
        program(
            "c9_exit_of_work",
            "C-9 S-9",
            "An exit request of work leaves the run when it is returned.",
            vec![run_until_complete(0)],
        )
        .coroutine([run(in_executor(0)), await_local(0)])
        .work([Exit(3)]),
        program(
            "u5_posts_of_work_come_first",
            "U-5 C-9",
            "What the work posted runs before its result is seen.",
            vec![run_until_complete(0)],
        )
        .coroutine([run(in_executor(0)), await_local(0), mark(9)])
        .work([post(0), post(1), Return(7)])
        .marks(2),
        program(
            "c10_queued_work_is_cancelled",
            "C-10 E-4",
            "Work that is queued never runs.",
            all([
                vec![in_executor(0), in_executor(1), CancelLocal(Local::Future(1))],
                turns(2),
                vec![Signal(0), future_result(1)],
            ]),
        )
        .work([AwaitGate(0), Mark(0)])
        .work([Mark(1)]),
        program(
            "c10_running_work_is_cancelled",
            "C-10 E-4",
            "Work that runs goes on, and its outcome is dropped.",
            all([
                vec![in_executor(0), AwaitGate(0), CancelLocal(Local::Future(0))],
                turns(2),
                vec![Signal(1), future_result(0)],
            ]),
        )
        .work([Signal(0), AwaitGate(1), Mark(0), Return(7)]),
    ]
}
