//! G: what other threads may do with a loop.

use super::words::*;
use super::{Scenario, scenario};
use crate::spec::program::Op::*;

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario(
            "g2_stop_wakes_an_idle_loop",
            "G-2",
            "A stop from another thread ends an idle run.",
        )
        .thread([NewLoop(0), Start(1), RunForever(0), Join(1)])
        .thread([Stop(0)]),
        scenario("g2_stop_wakes_before_a_timer", "G-2", "It does not wait for a timer.")
            .thread([NewLoop(0), later(1000, 0), Start(1), RunForever(0), Join(1)])
            .thread([Stop(0)])
            .marks(1),
        scenario(
            "g2_stop_comes_after_earlier_posts",
            "G-2 Q-1",
            "What was posted before it runs in that run.",
        )
        .thread([NewLoop(0), Start(1), RunForever(0), Mark(9), Join(1)])
        .thread([post(0), post(1), Stop(0)])
        .marks(2),
        scenario(
            "g2_stop_while_a_callback_runs",
            "G-2 S-1",
            "The batch in which it comes is finished.",
        )
        .thread([NewLoop(0), Start(1), soon(0), soon(1), RunForever(0), Mark(9), Join(1)])
        .thread([AwaitGate(0), Stop(0), Signal(1)])
        .callback([Mark(0), Signal(0), AwaitGate(1)])
        .callback([Mark(1)]),
        scenario("g2_two_threads_stop", "G-2 S-2", "Two stops end one run or two.")
            .thread([NewLoop(0), Start(1), Start(2), RunForever(0), Join(1), Join(2)])
            .thread([Stop(0)])
            .thread([Stop(0)]),
        scenario("g2_stop_of_a_closed_loop", "G-2 S-8", "A closed loop cannot be stopped.")
            .thread([NewLoop(0), Close(0), Start(1), Join(1)])
            .thread([Stop(0)]),
        scenario(
            "g2_stop_before_the_run",
            "G-2 S-2",
            "A stop before the run ends it after one iteration.",
        )
        .thread([NewLoop(0), Start(1), Join(1), soon(0), RunForever(0), Mark(9)])
        .thread([Stop(0)])
        .marks(1),
        scenario("g3_running_and_closed", "G-3", "Both are answered for the moment of the call.")
            .thread([
                NewLoop(0),
                IsRunning(0),
                soon(0),
                RunForever(0),
                IsRunning(0),
                Close(0),
                IsClosed(0),
            ])
            .callback([IsRunning(0), IsClosed(0), StopLocal(0)]),
        scenario("g3_seen_by_a_thread", "G-3", "Also from another thread.")
            .thread([NewLoop(0), Start(1), soon(0), RunForever(0), Signal(2), Join(1)])
            .thread([
                IsRunning(0),
                Signal(3),
                AwaitGate(0),
                IsRunning(0),
                IsClosed(0),
                Signal(1),
                AwaitGate(2),
                IsRunning(0),
            ])
            .callback([AwaitGate(3), Signal(0), AwaitGate(1), StopLocal(0)]),
    ]
}
