//! H: handles, and who wins when one is cancelled.

use super::words::*;
use super::{Scenario, scenario};
use crate::spec::program::Op::*;

pub(super) fn scenarios() -> Vec<Scenario> {
    let mut all = before_it_runs();
    all.extend(while_and_after_it_runs());
    all.extend(from_other_threads());
    all
}

fn before_it_runs() -> Vec<Scenario> {
    vec![
        scenario("h1_cancelled_before_its_batch", "H-1", "A cancelled callback never runs.")
            .thread(all([vec![NewLoop(0), soon(0), soon(1), CancelHandle(0)], turns(2)]))
            .marks(2),
        scenario(
            "h1_cancelled_in_its_batch",
            "H-1",
            "One callback of a batch cancels a later one.",
        )
        .thread(all([vec![NewLoop(0), soon(0), soon(1), soon(2)], turns(2)]))
        .callback([Mark(0), CancelHandle(1)])
        .callback([Mark(1)])
        .callback([Mark(2)]),
        scenario("h1_cancelled_timer", "H-1", "A timer that is cancelled does not fire.")
            .thread([NewLoop(0), later(1, 0), later(2, 1), CancelHandle(0), RunForever(0)])
            .callback([Mark(0)])
            .callback([Mark(1), StopLocal(0)]),
        scenario("h1_cancelled_post", "H-1", "A post is cancelled in the loop's own thread.")
            .thread(all([vec![NewLoop(0), post(0), post(1), CancelHandle(0)], turns(2)]))
            .marks(2),
        scenario("h3_cancelled_twice", "H-3", "The second cancel prevents nothing.")
            .thread(all([vec![NewLoop(0), soon(0), CancelHandle(0), CancelHandle(0)], turns(1)]))
            .marks(1),
        scenario(
            "h3_timer_cancelled_twice",
            "H-3",
            "The second cancel of a timer prevents nothing.",
        )
        .thread(all([vec![NewLoop(0), later(5, 0), CancelHandle(0), CancelHandle(0)], turns(1)]))
        .marks(1),
    ]
}

fn while_and_after_it_runs() -> Vec<Scenario> {
    vec![
        scenario("h3_cancelled_after_it_ran", "H-3", "A callback that has run is not prevented.")
            .thread(all([vec![NewLoop(0), soon(0)], turns(1), vec![CancelHandle(0)]]))
            .marks(1),
        scenario("h3_timer_cancelled_after_it_fired", "H-3", "Nor is a timer that has fired.")
            .thread([NewLoop(0), later(1, 0), RunForever(0), CancelHandle(0)])
            .callback([Mark(0), StopLocal(0)]),
        scenario(
            "h3_cancels_itself",
            "H-3 H-4",
            "A callback that cancels its own handle runs to its end.",
        )
        .thread(all([vec![NewLoop(0), post(0)], turns(2)]))
        .callback([Mark(0), CancelHandle(0), Mark(1)]),
        scenario(
            "h4_cancelled_while_it_runs",
            "H-4 H-3",
            "Cancelling a callback that is running does not wait for it.",
        )
        .thread(all([vec![NewLoop(0), Start(1), post(0)], turns(1), vec![Join(1)]]))
        .thread([AwaitGate(0), CancelHandle(0), Signal(1)])
        .callback([Mark(0), Signal(0), AwaitGate(1), Mark(1)]),
    ]
}

fn from_other_threads() -> Vec<Scenario> {
    vec![
        scenario(
            "h1_cancelled_by_a_thread",
            "H-1",
            "Another thread cancels a post before the loop runs.",
        )
        .thread(all([vec![NewLoop(0), Start(1), Join(1)], turns(2)]))
        .thread([post(0), post(1), CancelHandle(0)])
        .marks(2),
        scenario(
            "h1_cancel_races_the_batch",
            "H-1 H-3",
            "Exactly one of a cancel and its callback wins.",
        )
        .thread(all([vec![NewLoop(0), post(0), Start(1)], turns(1), vec![Join(1)]]))
        .thread([CancelHandle(0)])
        .marks(1),
        scenario("h3_two_threads_cancel", "H-3", "Of two cancels one has prevented the callback.")
            .thread(all([vec![NewLoop(0), post(0), Start(1), CancelHandle(0), Join(1)], turns(1)]))
            .thread([CancelHandle(0)])
            .marks(1),
        scenario(
            "h1_timer_of_a_thread_cancelled",
            "H-1 D-7",
            "A thread cancels the timer that it set.",
        )
        .thread(all([vec![NewLoop(0), Start(1), Join(1), later(2, 1), RunForever(0)]]))
        .thread([post_later(1, 0), CancelHandle(0), CancelHandle(0)])
        .callback([Mark(0)])
        .callback([Mark(1), StopLocal(0)]),
    ]
}
