//! W: posts that wake a loop, and loops that are closed meanwhile.

use super::words::*;
use super::{Scenario, scenario};
use crate::spec::program::Op::*;
use crate::spec::program::Sleep;

pub(super) fn scenarios() -> Vec<Scenario> {
    let mut all = wakes();
    all.extend(open_and_closed());
    all
}

fn wakes() -> Vec<Scenario> {
    vec![
        scenario(
            "w2_post_wakes_an_idle_loop",
            "W-2 W-1",
            "A loop that has nothing to do runs the post.",
        )
        .thread([NewLoop(0), Start(1), RunForever(0), Join(1)])
        .thread([post(0)])
        .callback([Mark(0), StopLocal(0)]),
        scenario(
            "w2_post_wakes_before_a_timer",
            "W-2",
            "A post ends a sleep that a timer would end.",
        )
        .thread([NewLoop(0), later(1000, 0), Start(1), RunForever(0), Join(1)])
        .thread([post(1)])
        .callback([Mark(0), StopLocal(0)])
        .callback([Mark(1), StopLocal(0)]),
        scenario("w2_two_posters", "W-2 W-3", "Both posts run, in either order.")
            .thread([NewLoop(0), Start(1), Start(2), Start(3), RunForever(0), Join(3)])
            .thread([post(0)])
            .thread([post(1)])
            .thread([Join(1), Join(2), Stop(0)])
            .marks(2),
        scenario(
            "w2_post_after_a_post",
            "W-2",
            "A second post, after the first has run, wakes again.",
        )
        .thread([NewLoop(0), Start(1), RunForever(0), Join(1)])
        .thread([post(0), AwaitGate(0), post(1)])
        .callback([Mark(0), Signal(0)])
        .callback([Mark(1), StopLocal(0)]),
        scenario("w2_post_in_a_post", "W-2 Q-1", "A post may post, on the loop's own thread.")
            .thread([NewLoop(0), Start(1), RunForever(0), Join(1)])
            .thread([post(0)])
            .callback([Mark(0), post(1)])
            .callback([Mark(1), StopLocal(0)]),
        scenario("w2_one_sleep", "W-2", "A sleep without end ends for a post.")
            .thread([
                NewLoop(0),
                Start(1),
                run_once(Sleep::Forever),
                Join(1),
                run_once(Sleep::Zero),
            ])
            .thread([post(0)])
            .marks(1),
    ]
}

fn open_and_closed() -> Vec<Scenario> {
    vec![
        scenario("w9_post_to_a_closed_loop", "W-9 S-8", "It is refused in the thread that posts.")
            .thread([NewLoop(0), Close(0), Start(1), Join(1), IsClosed(0)])
            .thread([post(0)])
            .marks(1),
        scenario("w9_post_races_close", "W-9", "A post is refused or accepted, and does not run.")
            .thread([NewLoop(0), Start(1), Close(0), Join(1)])
            .thread([post(0)])
            .marks(1),
        scenario(
            "w9_accepted_post_of_a_closed_loop",
            "W-9 S-6",
            "What was queued is dropped by close.",
        )
        .thread([NewLoop(0), soon(0), post(1), later(1, 2), Close(0), IsClosed(0)])
        .marks(3),
        scenario("w10_post_before_the_first_run", "W-10", "It runs in the first batch.")
            .thread(all([vec![NewLoop(0), Start(1), Join(1)], turns(1)]))
            .thread([post(0)])
            .marks(1),
        scenario("w10_post_between_two_runs", "W-10 S-1", "It waits for the next run.")
            .thread(all([vec![NewLoop(0)], turns(1), vec![Start(1), Join(1), Mark(9)], turns(1)]))
            .thread([post(0)])
            .marks(1),
        scenario(
            "w10_post_races_stop",
            "W-10 G-2",
            "A post beside a stop runs in this run or in the next.",
        )
        .thread(all([vec![NewLoop(0), Start(1), RunForever(0), Join(1), Mark(9)], turns(1)]))
        .thread([Stop(0), post(0)])
        .marks(1),
        scenario("w11_poster_does_not_wait", "W-11", "A post returns while the loop is busy.")
            .thread(all([vec![NewLoop(0), Start(1), soon(0)], turns(2), vec![Join(1)]]))
            .thread([AwaitGate(0), post(1), Mark(5), Signal(1)])
            .callback([Mark(0), Signal(0), AwaitGate(1)])
            .callback([Mark(1)]),
    ]
}
