//! F: concurrent futures: their states, waiters, callbacks, and waits for several.

use super::words::*;
use super::{Scenario, scenario};
use crate::spec::program::Op::{self, *};
use crate::spec::program::{Awaited, Catch, Limit, Query as Asks, Stmt, When};

pub(super) fn scenarios() -> Vec<Scenario> {
    let mut all = states();
    all.extend(waiters());
    all.extend(races());
    all.extend(callbacks());
    all.extend(several());
    all.extend(as_completed());
    all.extend(ends());
    all.extend(on_the_loop());
    all
}

/// Every state, and how a future comes into it.
fn every_state() -> [(&'static str, Vec<Op>); 6] {
    let fresh = |then: &[Op]| [&[NewPromise(0)], then].concat();
    [
        ("pending", fresh(&[])),
        ("running", fresh(&[SetRunning(0)])),
        ("finished", fresh(&[SetRunning(0), set_result(0, 7)])),
        ("failed", fresh(&[SetRunning(0), set_exception(0, 1)])),
        ("cancelled", fresh(&[Cancel(0)])),
        ("cancelled_and_notified", fresh(&[Cancel(0), SetRunning(0)])),
    ]
}

/// Each thing that can be asked, in each state.
fn states() -> Vec<Scenario> {
    let query = |what| Query { future: 0, what };
    let asked = [query(Asks::Done), query(Asks::Cancelled), query(Asks::Running)];
    let exception_now = Exception { future: 0, limit: Limit::Zero };
    let families: [(&str, &str, &str, Vec<Op>); 8] = [
        ("f1_asked_when", "F-1", "What a future says of its state.", asked.to_vec()),
        (
            "f2_cancelled_when",
            "F-2 F-3",
            "Whether `cancel` succeeds, once and once more.",
            [vec![Cancel(0), Cancel(0)], asked.to_vec()].concat(),
        ),
        (
            "f10_result_when",
            "F-10 F-8 F-15",
            "A wait without time does not block.",
            vec![result_now(0)],
        ),
        (
            "f10_exception_when",
            "F-10 F-8 F-15",
            "Nor does one for the exception.",
            vec![exception_now],
        ),
        (
            "f5_started_when",
            "F-5 F-1",
            "Whether work may begin, once and once more.",
            [vec![SetRunning(0), SetRunning(0)], asked.to_vec()].concat(),
        ),
        (
            "f6_completed_when",
            "F-6 F-1",
            "Whether a result is taken, once and once more.",
            vec![set_result(0, 3), set_result(0, 4), result_now(0)],
        ),
        (
            "f6_failed_when",
            "F-6 F-1",
            "Whether an exception is taken, once and once more.",
            vec![set_exception(0, 3), set_exception(0, 4), result_now(0)],
        ),
        (
            "f6_tried_when",
            "F-6",
            "Whether `try_complete` wins.",
            vec![Complete { future: 0, value: 3 }, result_now(0)],
        ),
    ];
    let mut all = Vec::new();
    for (family, clauses, about, then) in families {
        for (state, ops) in every_state() {
            let ops = [ops, then.clone()].concat();
            all.push(scenario(format!("{family}_{state}"), clauses, about).thread(ops));
        }
    }
    all
}

fn waiters() -> Vec<Scenario> {
    let exception = |limit| Exception { future: 0, limit };
    vec![
        scenario("f9_released_by_a_result", "F-9 F-8", "A waiter gets the result.")
            .thread([NewPromise(0), Start(1), set_result(0, 7), Join(1)])
            .thread([result(0)]),
        scenario("f9_released_by_an_exception", "F-9 X-1", "Or the very exception.")
            .thread([NewPromise(0), Start(1), set_exception(0, 1), Join(1)])
            .thread([result(0), exception(Limit::Forever), result(0)]),
        scenario(
            "f9_exception_of_a_result",
            "F-9",
            "A waiter for the exception is released by a result.",
        )
        .thread([NewPromise(0), Start(1), set_result(0, 7), Join(1)])
        .thread([exception(Limit::Forever)]),
        scenario("f2_released_by_a_cancel", "F-2 F-15", "A cancel releases every waiter.")
            .thread([NewPromise(0), Start(1), Start(2), Cancel(0), Join(1), Join(2)])
            .thread([result(0)])
            .thread([exception(Limit::Forever)]),
        scenario("f9_released_all", "F-9", "A result releases every waiter.")
            .thread([NewPromise(0), Start(1), Start(2), set_result(0, 7), Join(1), Join(2)])
            .thread([result(0)])
            .thread([result(0)]),
        scenario("f9_timed_out_and_unharmed", "F-9 F-8", "A wait that timed out changes nothing.")
            .thread([
                NewPromise(0),
                result_soon(0),
                Query { future: 0, what: Asks::Done },
                set_result(0, 7),
                result(0),
                result_soon(0),
            ]),
        scenario("f9_cancelled_after_a_timeout", "F-9 F-2", "It can be cancelled afterwards.")
            .thread([NewPromise(0), result_now(0), Cancel(0), result(0)]),
        scenario(
            "f8_wait_and_work_time_out",
            "F-8",
            "A timeout of the work is not one of the wait.",
        )
        .thread([NewLoop(0), submit(0), Start(1), RunForever(0), Join(1)])
        .thread([result(0), Stop(0)])
        .coroutine([timeout(1, [sleep(9)])]),
    ]
}

fn races() -> Vec<Scenario> {
    vec![
        scenario(
            "f9_timeout_races_the_result",
            "F-9 F-8",
            "A limited wait ends in one of two ways.",
        )
        .thread([NewPromise(0), Start(1), set_result(0, 7), Join(1)])
        .thread([result_soon(0), result(0)]),
        scenario("f4_cancel_races_the_result", "F-4 F-6", "A cancel or a result wins, never both.")
            .thread([NewPromise(0), Start(1), set_result(0, 7), Join(1), result(0)])
            .thread([Cancel(0)]),
        scenario(
            "f4_cancel_races_the_start",
            "F-4 F-5",
            "Work that has begun cannot be cancelled.",
        )
        .thread([NewPromise(0), Start(1), SetRunning(0), Join(1)])
        .thread([Cancel(0)]),
        scenario("f4_two_results", "F-4 F-6", "Of two results one is taken.")
            .thread([NewPromise(0), Start(1), set_result(0, 3), Join(1), result(0)])
            .thread([set_result(0, 4)]),
        scenario("f3_two_cancels", "F-4 F-3", "Two cancels both succeed.")
            .thread([NewPromise(0), Start(1), Cancel(0), Join(1), result(0)])
            .thread([Cancel(0)]),
        scenario("f4_cancel_races_work_of_a_pool", "F-4 E-4", "Work runs, or its cancel succeeds.")
            .thread([
                pool(1),
                Start(1),
                work(0),
                Signal(0),
                Join(1),
                result(0),
                shutdown(true, false),
            ])
            .thread([AwaitGate(0), Cancel(0)])
            .work([Mark(0), Return(7)]),
    ]
}

fn callbacks() -> Vec<Scenario> {
    let ended = |name: &str, clauses, about, end: Op| {
        scenario(name, clauses, about)
            .thread([NewPromise(0), on_done(0, 0), on_done(0, 1), end, Mark(9)])
            .callback([Mark(0), result_now(0)])
            .callback([Mark(1)])
    };
    let late = |name: &str, end: Op| {
        scenario(name, "F-14", "A callback that comes too late runs at once.")
            .thread([NewPromise(0), end, Mark(8), on_done(0, 0), Mark(9)])
            .callback([Mark(0), result_now(0)])
    };
    let in_order = "Callbacks run in order, before the call returns.";
    vec![
        ended("f12_called_for_a_result", "F-12", in_order, set_result(0, 7)),
        ended("f12_called_for_an_exception", "F-12", in_order, set_exception(0, 1)),
        ended("f12_called_for_a_cancel", "F-12 F-2", in_order, Cancel(0)),
        late("f14_added_to_a_finished_one", set_result(0, 7)),
        late("f14_added_to_a_failed_one", set_exception(0, 1)),
        late("f14_added_to_a_cancelled_one", Cancel(0)),
        scenario("f3_called_once", "F-3 F-12", "A second cancel calls nobody again.")
            .thread([NewPromise(0), on_done(0, 0), Cancel(0), Cancel(0), SetRunning(0)])
            .marks(1),
        scenario(
            "f13_failing_callback",
            "F-13",
            "One that fails does not keep the next from running.",
        )
        .thread([NewPromise(0), on_done(0, 0), on_done(0, 1), set_result(0, 7), result(0)])
        .callback([Mark(0), Raise(1)])
        .callback([Mark(1)]),
        scenario("f13_failing_callback_of_a_cancel", "F-13 F-2", "Nor does it change a cancel.")
            .thread([NewPromise(0), on_done(0, 0), on_done(0, 1), Cancel(0), result(0)])
            .callback([Mark(0), Raise(1)])
            .callback([Mark(1)]),
        scenario(
            "f13_failing_callback_that_is_late",
            "F-13 F-14",
            "Added late it fails by itself.",
        )
        .thread([NewPromise(0), set_result(0, 7), on_done(0, 0), on_done(0, 1), result(0)])
        .callback([Mark(0), Raise(1)])
        .callback([Mark(1)]),
        scenario(
            "f14_added_by_a_callback",
            "F-14 F-12",
            "One that a callback adds runs inside it.",
        )
        .thread([NewPromise(0), on_done(0, 0), on_done(0, 2), set_result(0, 7)])
        .callback([Mark(0), on_done(0, 1), Mark(3)])
        .callback([Mark(1)])
        .callback([Mark(2)]),
        scenario(
            "f12_in_the_thread_that_completes",
            "F-12",
            "Callbacks run where the future is completed.",
        )
        .thread([NewPromise(0), on_done(0, 0), Start(1), Join(1)])
        .thread([set_result(0, 7)])
        .marks(1),
        scenario("f12_waiters_first", "F-12", "Waiters are released before callbacks run.")
            .thread([NewPromise(0), on_done(0, 0), Start(1), set_result(0, 7), Join(1)])
            .thread([result(0), Signal(0)])
            .callback([AwaitGate(0), Mark(0)]),
        scenario(
            "f14_added_while_it_completes",
            "F-14 F-12",
            "A callback runs in one of two threads.",
        )
        .thread([NewPromise(0), Start(1), set_result(0, 7), Join(1)])
        .thread([on_done(0, 0)])
        .marks(1),
    ]
}

/// Futures 0 to 3 and what became of them: one is pending, one finished, one failed, one cancelled.
fn four() -> Vec<Op> {
    vec![
        NewPromise(0),
        NewPromise(1),
        NewPromise(2),
        NewPromise(3),
        set_result(1, 7),
        set_exception(2, 1),
        Cancel(3),
    ]
}

fn several() -> Vec<Scenario> {
    let waits = |name: &str, clauses: &str, about: &str, futures: &[u8], when| {
        let ops = [four(), vec![wait(futures, when, Limit::Zero)]].concat();
        scenario(name, clauses, about).thread(ops)
    };
    use When::{AllCompleted, FirstCompleted, FirstException};
    let mut all = vec![
        waits("f17_one_is_done", "F-17", "One is done already.", &[0, 1], FirstCompleted),
        waits("f17_none_is_done", "F-17 F-18", "None is.", &[0], FirstCompleted),
        waits("f17_one_has_failed", "F-17", "One has failed already.", &[0, 1, 2], FirstException),
        waits(
            "f17_none_has_failed",
            "F-17 F-18",
            "One is done, none has failed.",
            &[0, 1],
            FirstException,
        ),
        waits("f17_all_are_done", "F-17", "All are done already.", &[1, 2], AllCompleted),
        waits("f17_not_all_are_done", "F-17 F-18", "Not all are.", &[0, 1, 2], AllCompleted),
        waits("f15_cancelled_is_done", "F-15 F-17", "A cancelled one is done.", &[3], AllCompleted),
        waits(
            "f15_first_is_cancelled",
            "F-15 F-17",
            "It can be the first.",
            &[0, 3],
            FirstCompleted,
        ),
        waits(
            "f15_cancelled_is_no_failure",
            "F-15 F-17",
            "It is no failure.",
            &[0, 3],
            FirstException,
        ),
        waits(
            "f19_given_twice",
            "F-19",
            "One that is given twice counts once.",
            &[1, 1, 0, 1],
            FirstCompleted,
        ),
        waits("f19_nothing_to_wait_for", "F-19", "An empty set is refused.", &[], AllCompleted),
    ];
    let two = [NewPromise(0), NewPromise(1), Start(1)];
    let joined = |then: &[Op]| [&two, then, &[Join(1)]].concat();
    let forever = |when| [wait(&[0, 1], when, Limit::Forever)];
    all.extend([
        scenario("f17_until_the_first_result", "F-17", "A wait ends for the first that is done.")
            .thread(joined(&[set_result(1, 7)]))
            .thread(forever(FirstCompleted)),
        scenario("f17_until_the_first_exception", "F-17", "Or for the first that fails.")
            .thread(joined(&[set_exception(1, 1)]))
            .thread(forever(FirstException)),
        scenario(
            "f17_result_then_exception",
            "F-17",
            "A result does not end a wait for a failure; all do.",
        )
        .thread(joined(&[set_result(0, 7), set_result(1, 7)]))
        .thread(forever(FirstException)),
        scenario("f17_until_all", "F-17", "A wait for all ends with the last.")
            .thread(joined(&[set_result(1, 7), set_exception(0, 1)]))
            .thread(forever(AllCompleted)),
        scenario("f15_cancel_ends_a_wait", "F-15 F-17", "A cancel ends a wait, unacknowledged.")
            .thread(joined(&[Cancel(0), Cancel(1)]))
            .thread(forever(AllCompleted)),
        scenario(
            "f17_two_threads_complete",
            "F-17",
            "The last of two threads that complete ends it.",
        )
        .thread([NewPromise(0), NewPromise(1), Start(1), Start(2), Start(3), Join(1)])
        .thread(forever(AllCompleted))
        .thread([set_result(0, 3)])
        .thread([set_result(1, 4)]),
        scenario(
            "f18_partial",
            "F-18",
            "A wait that times out tells what is done, and leaves no trace.",
        )
        .thread([
            NewPromise(0),
            NewPromise(1),
            set_result(0, 7),
            wait(&[0, 1], AllCompleted, Limit::Finite),
            set_result(1, 7),
            wait(&[0, 1], AllCompleted, Limit::Forever),
        ]),
    ]);
    all
}

fn as_completed() -> Vec<Scenario> {
    let completed = |futures: &[u8], limit| AsCompleted { futures: futures.to_vec(), limit };
    vec![
        scenario("f20_in_the_order_of_completion", "F-20", "They are yielded as they complete.")
            .thread([NewPromise(0), NewPromise(1), Start(1), AwaitGate(0), set_result(1, 7)])
            .thread([Start(2), completed(&[0, 1], Limit::Forever)])
            .thread([set_result(0, 7), Signal(0)]),
        scenario("f20_done_first", "F-20", "One that is done already comes first.")
            .thread([
                NewPromise(0),
                NewPromise(1),
                set_result(1, 7),
                Start(1),
                set_result(0, 7),
                Join(1),
            ])
            .thread([completed(&[0, 1], Limit::Forever)]),
        scenario("f20_times_out", "F-20 F-18", "When the time is up it says how many are left.")
            .thread([
                NewPromise(0),
                NewPromise(1),
                set_result(1, 7),
                completed(&[0, 1], Limit::Finite),
            ]),
        scenario("f19_completed_once", "F-19 F-20", "One that is given twice is yielded once.")
            .thread([NewPromise(0), set_result(0, 7), completed(&[0, 0], Limit::Forever)]),
        scenario("f19_nothing_completes", "F-19", "An empty set is refused.")
            .thread([completed(&[], Limit::Forever)]),
        scenario("f15_cancelled_is_completed", "F-15 F-20", "A cancelled one is yielded.")
            .thread([NewPromise(0), Cancel(0), completed(&[0], Limit::Forever)]),
        scenario("f20_failed_is_completed", "F-20", "So is one that failed.").thread([
            NewPromise(0),
            set_exception(0, 1),
            completed(&[0], Limit::Forever),
        ]),
    ]
}

/// The end of the work, which is not the end of the future (promise 2).
fn ends() -> Vec<Scenario> {
    let is_ended = Query { future: 0, what: Asks::Ended };
    vec![
        scenario("f16_finished_has_ended", "F-16", "What is finished has ended.").thread([
            NewPromise(0),
            set_result(0, 7),
            is_ended.clone(),
            ended(0),
        ]),
        scenario(
            "f16_cancelled_has_not_ended",
            "F-16",
            "What is cancelled ends when that is acknowledged.",
        )
        .thread([
            NewPromise(0),
            Cancel(0),
            is_ended.clone(),
            WaitEnded { future: 0, limit: Limit::Zero },
            SetRunning(0),
            is_ended.clone(),
            ended(0),
        ]),
        scenario(
            "f16_waits_for_the_acknowledgement",
            "F-16",
            "A waiter for the end is released by that.",
        )
        .thread([NewPromise(0), Cancel(0), Start(1), SetRunning(0), Join(1)])
        .thread([ended(0)]),
        scenario("f16_running_has_not_ended", "F-16", "Nor has what is running.").thread([
            NewPromise(0),
            SetRunning(0),
            is_ended.clone(),
            WaitEnded { future: 0, limit: Limit::Finite },
        ]),
        scenario("f7_producer_dropped", "F-7", "A producer that is gone has said so.")
            .thread([NewPromise(0), on_done(0, 0), DropPromise(0), result(0), is_ended.clone()])
            .marks(1),
        scenario("f7_producer_dropped_while_running", "F-7", "Also while the work ran.").thread([
            NewPromise(0),
            SetRunning(0),
            DropPromise(0),
            result(0),
            is_ended.clone(),
        ]),
        scenario(
            "f7_producer_of_a_cancelled_one",
            "F-7 F-16",
            "Or it has acknowledged the cancel.",
        )
        .thread([
            NewPromise(0),
            Cancel(0),
            DropPromise(0),
            result(0),
            is_ended.clone(),
            ended(0),
        ]),
        scenario(
            "f6_try_acknowledges",
            "F-6 F-16",
            "A completion that lost says that the work has ended.",
        )
        .thread([
            NewPromise(0),
            Cancel(0),
            Complete { future: 0, value: 3 },
            is_ended,
            ended(0),
        ]),
    ]
}

fn on_the_loop() -> Vec<Scenario> {
    let wrapped = |future| Stmt::Await(Awaited::Wrapped(future));
    vec![
        scenario(
            "f22_own_work_on_the_loops_thread",
            "F-22",
            "A wait that could never end is refused.",
        )
        .main([run(submit(1)), run(result(1)), run(result_now(1))])
        .coroutine([Stmt::Return(3)]),
        scenario("f22_exception_on_the_loops_thread", "F-22", "Also one for the exception.")
            .main([run(submit(1)), run(Exception { future: 1, limit: Limit::Forever })])
            .coroutine([Stmt::Return(3)]),
        scenario("f22_wait_on_the_loops_thread", "F-22 F-17", "And a wait for several.")
            .main([run(submit(1)), run(wait(&[1], When::AllCompleted, Limit::Forever))])
            .coroutine([Stmt::Return(3)]),
        scenario(
            "f22_done_work_on_the_loops_thread",
            "F-22",
            "What is done may be asked for anywhere.",
        )
        .main([run(submit(1)), yields(), yields(), yields(), run(result(1))])
        .coroutine([Stmt::Return(3)]),
        scenario(
            "f22_work_of_others",
            "F-22",
            "Other work may be waited for, on the loop's thread too.",
        )
        .thread([NewLoop(0), NewPromise(0), Start(1), run_until_complete(0), Join(1)])
        .thread([set_result(0, 7)])
        .coroutine([run(result(0))]),
        scenario("f21_awaited_itself", "F-21", "A concurrent future is awaited as it is.")
            .thread([NewLoop(0), NewPromise(0), Start(1), run_until_complete(0), Join(1)])
            .thread([set_result(0, 7)])
            .coroutine([Stmt::Await(Awaited::Future(0))]),
        scenario(
            "f21_awaited_and_cancelled",
            "F-21 F-15",
            "Cancelled by somebody else, it says so.",
        )
        .thread([NewLoop(0), NewPromise(0), Start(1), run_until_complete(0), Join(1)])
        .thread([Cancel(0)])
        .coroutine([catching(
            Catch::Cancelled,
            [Stmt::Await(Awaited::Future(0))],
            [mark(1)],
        )]),
        scenario("f15_wrapped_and_cancelled", "F-15 C-11", "So does one that is wrapped.")
            .thread([NewLoop(0), NewPromise(0), Start(1), run_until_complete(0), Join(1)])
            .thread([Cancel(0)])
            .coroutine([catching(Catch::Cancelled, [wrapped(0)], [mark(1)])]),
    ]
}
