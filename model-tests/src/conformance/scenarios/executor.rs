//! E: pools of threads.

use super::words::*;
use super::{Scenario, scenario};
use crate::spec::program::Op::{self, *};
use crate::spec::program::{Limit, Query as Asks, When};

pub(super) fn scenarios() -> Vec<Scenario> {
    let mut all = work_and_workers();
    all.extend(shutdowns());
    all.extend(broken());
    all
}

/// A pool whose initializer fails.
fn broken_pool() -> Op {
    NewPool { pool: 0, workers: 1, broken: Some(1) }
}

fn work_and_workers() -> Vec<Scenario> {
    vec![
        scenario("e2_result", "E-2", "Work runs, and its result is there.")
            .thread([pool(1), work(0), result(0), shutdown(true, false)])
            .work([Mark(0), Return(7)]),
        scenario("e3_failing_work", "E-3 X-2", "Work that fails fails alone; the worker goes on.")
            .thread([pool(1), work(0), work(1), result(0), result(1), shutdown(true, false)])
            .work([Raise(1)])
            .work([Return(7)]),
        scenario("e3_exit_of_work", "E-3", "An exit request is an exception like any other.")
            .thread([pool(1), work(0), work(1), result(0), result(1), shutdown(true, false)])
            .work([Exit(3)])
            .work([Return(7)]),
        scenario("e1_no_workers", "E-1", "A pool without workers is refused.").thread([pool(0)]),
        scenario("e1_after_shutdown", "E-1", "Work after a shutdown is refused, and does not run.")
            .thread([pool(1), shutdown(true, false), work(0)])
            .work([Mark(0)]),
        scenario("e2_in_order", "E-2", "One worker begins in the order of submission.")
            .thread([pool(1), work(0), work(1), work(2), result(2), shutdown(true, false)])
            .work([Signal(0), Mark(0)])
            .work([AwaitGate(0), Signal(1), Mark(1)])
            .work([AwaitGate(1), Mark(2)]),
        scenario("e2_two_workers", "E-2", "Two workers run two works that wait for each other.")
            .thread([pool(2), work(0), work(1), result(0), result(1), shutdown(true, false)])
            .work([Signal(0), AwaitGate(1), Return(1)])
            .work([Signal(1), AwaitGate(0), Return(2)]),
        scenario("e2_no_more_than_its_limit", "E-2", "A third work waits for one of two workers.")
            .thread([
                pool(2),
                work(0),
                work(1),
                work(2),
                AwaitGate(0),
                AwaitGate(1),
                Query { future: 2, what: Asks::Running },
                Query { future: 2, what: Asks::Done },
                Signal(2),
                result(2),
                shutdown(true, false),
            ])
            .work([Signal(0), AwaitGate(2)])
            .work([Signal(1), AwaitGate(2)])
            .work([Return(7)]),
        scenario("e2_a_worker_is_used_again", "E-2", "Work that comes later runs as well.")
            .thread([pool(1), work(0), result(0), work(1), result(1), shutdown(true, false)])
            .work([Return(1)])
            .work([Return(2)]),
        scenario("e4_cancelled_while_queued", "E-4 F-16", "It does not run, and is marked ended.")
            .thread([
                pool(1),
                work(0),
                work(1),
                Cancel(1),
                Signal(0),
                ended(1),
                shutdown(true, false),
                Query { future: 1, what: Asks::Ended },
            ])
            .work([AwaitGate(0)])
            .work([Mark(1)]),
        scenario("e4_cancelled_while_running", "E-4 F-2", "Work that runs is not cancelled.")
            .thread([
                pool(1),
                work(0),
                AwaitGate(0),
                Cancel(0),
                Query { future: 0, what: Asks::Running },
                Signal(1),
                result(0),
                shutdown(true, false),
            ])
            .work([Signal(0), AwaitGate(1), Return(7)]),
        scenario("e2_several_are_waited_for", "E-2 F-17", "A wait for the works of a pool.")
            .thread([
                pool(2),
                work(0),
                work(1),
                wait(&[0, 1], When::AllCompleted, Limit::Forever),
                shutdown(true, false),
            ])
            .work([Return(1)])
            .work([Raise(1)]),
        scenario("e2_work_that_submits", "E-2", "Work may submit more work.")
            .thread([pool(1), work(0), result(0), AwaitGate(0), result(1), shutdown(true, false)])
            .work([work(1), Signal(0), Return(1)])
            .work([Return(2)]),
        scenario("e3_done_callback_of_work", "F-12 E-3", "A callback of work runs once.")
            .thread([pool(1), work(0), on_done(0, 0), Signal(0), result(0), shutdown(true, false)])
            .work([AwaitGate(0), Return(7)])
            .marks(1),
    ]
}

fn shutdowns() -> Vec<Scenario> {
    vec![
        scenario("e5_queued_work_still_runs", "E-5", "A shutdown lets queued work run.")
            .thread([pool(1), work(0), work(1), shutdown(false, false), Signal(0), result(1)])
            .work([AwaitGate(0), Return(1)])
            .work([Return(2)]),
        scenario("e5_waits_for_the_workers", "E-5", "One that waits returns after the last work.")
            .thread([
                pool(1),
                work(0),
                shutdown(true, false),
                Query { future: 0, what: Asks::Done },
            ])
            .work([Return(7)]),
        scenario("e5_twice", "E-5", "A second shutdown is no error.").thread([
            pool(1),
            shutdown(false, false),
            shutdown(true, false),
            shutdown(true, true),
        ]),
        scenario("e5_without_work", "E-5", "Nor is one of a pool that had nothing to do.")
            .thread([pool(2), shutdown(true, true)]),
        scenario(
            "e5_cancels_what_is_queued",
            "E-5 E-6",
            "Queued work is cancelled, what runs ends.",
        )
        .thread([
            pool(1),
            work(0),
            work(1),
            work(2),
            AwaitGate(0),
            shutdown(false, true),
            Query { future: 1, what: Asks::Cancelled },
            Query { future: 2, what: Asks::Cancelled },
            Signal(1),
            result(0),
            shutdown(true, false),
        ])
        .work([Signal(0), AwaitGate(1), Return(7)])
        .work([Mark(1)])
        .work([Mark(2)]),
        scenario(
            "e6_waiters_are_released",
            "E-6 F-15 F-16",
            "Who waits for a cancelled one is released.",
        )
        .thread([
            pool(1),
            work(0),
            work(1),
            AwaitGate(0),
            shutdown(false, true),
            wait(&[1], When::AllCompleted, Limit::Forever),
            result(1),
            ended(1),
            Signal(1),
            shutdown(true, false),
        ])
        .work([Signal(0), AwaitGate(1)])
        .work([Mark(1)]),
        scenario(
            "e6_only_cancelled_work_is_left",
            "E-6 E-5",
            "Nothing hangs if only cancelled work is left.",
        )
        .thread([
            pool(1),
            work(0),
            work(1),
            Cancel(1),
            Signal(0),
            shutdown(true, true),
            Query { future: 1, what: Asks::Done },
        ])
        .work([AwaitGate(0)])
        .work([Mark(1)]),
        scenario("e8_from_its_own_worker", "E-8", "A worker must not wait for its own end.")
            .thread([pool(1), work(0), result(0), shutdown(true, false)])
            .work([shutdown(true, false), Return(7)]),
        scenario("e8_without_waiting", "E-8 E-5", "It may shut its pool down without waiting.")
            .thread([pool(1), work(0), result(0), work(1), shutdown(true, false)])
            .work([shutdown(false, false), Return(7)])
            .work([Mark(1)]),
        scenario("e5_shutdown_races_work", "E-1 E-5", "Work is refused, or it runs.")
            .thread([pool(1), Start(1), shutdown(true, false), Join(1)])
            .thread([work(0)])
            .work([Mark(0)]),
    ]
}

fn broken() -> Vec<Scenario> {
    vec![
        scenario("e7_queued_work_fails", "E-7", "A failing initializer fails what is queued.")
            .thread([broken_pool(), work(0), result(0), shutdown(true, false)])
            .work([Mark(0)]),
        scenario("e7_later_work_is_refused", "E-7", "And what comes later is refused.")
            .thread([broken_pool(), work(0), result(0), work(1), shutdown(true, false)])
            .work([Mark(0)])
            .work([Mark(1)]),
        scenario("e7_with_a_shutdown", "E-7 E-5", "A broken pool can be shut down.")
            .thread([
                broken_pool(),
                work(0),
                result(0),
                shutdown(true, true),
                shutdown(true, false),
            ])
            .work([Mark(0)]),
    ]
}
