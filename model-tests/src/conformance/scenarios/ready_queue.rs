//! Q: one queue, and what a batch is.

use super::words::*;
use super::{Scenario, scenario};
use crate::spec::program::Op::*;
use crate::spec::program::Sleep;

pub(super) fn scenarios() -> Vec<Scenario> {
    let mut all = one_queue();
    all.extend(batches());
    all.extend(failures());
    all
}

fn one_queue() -> Vec<Scenario> {
    vec![
        scenario("q1_callbacks_in_order", "Q-1 Q-5", "Callbacks run in the order of `call_soon`.")
            .thread(all([vec![NewLoop(0), soon(0), soon(1), soon(2), soon(3)], turns(2)]))
            .marks(4),
        scenario("q1_posts_in_order", "Q-1 Q-5", "Posts of one thread run in its order.")
            .thread(all([vec![NewLoop(0), Start(1), Join(1)], turns(2)]))
            .thread([post(0), post(1), post(2), post(3)])
            .marks(4),
        scenario(
            "q1_posts_and_callbacks",
            "Q-1",
            "Posts and `call_soon` of one thread are one queue.",
        )
        .thread(all([vec![NewLoop(0), post(0), soon(1), post(2), soon(3)], turns(2)]))
        .marks(4),
        scenario(
            "q1_post_before_a_later_callback",
            "Q-1",
            "A post that happened before goes before.",
        )
        .thread(all([vec![NewLoop(0), Start(1), Join(1), soon(1)], turns(1)]))
        .thread([post(0)])
        .marks(2),
        scenario("q1_callback_before_a_later_post", "Q-1", "And a callback before a later post.")
            .thread(all([vec![NewLoop(0), soon(0), Start(1), Join(1), soon(2)], turns(1)]))
            .thread([post(1)])
            .marks(3),
        scenario("q1_two_posters", "Q-1", "Posts of two threads keep the order of each.")
            .thread(all([vec![NewLoop(0), Start(1), Start(2), Join(1), Join(2)], turns(1)]))
            .thread([post(0), post(1)])
            .thread([post(2), post(3)])
            .marks(4),
        scenario(
            "q1_posters_in_turn",
            "Q-1",
            "Threads that wait for each other post in that order.",
        )
        .thread(all([vec![NewLoop(0), Start(1), Start(2), Join(1), Join(2)], turns(1)]))
        .thread([post(0), Signal(0), AwaitGate(1), post(2)])
        .thread([AwaitGate(0), post(1), Signal(1)])
        .marks(3),
        scenario("q1_tasks_and_callbacks", "Q-1 T-1", "First steps and callbacks are one queue.")
            .thread(all([vec![NewLoop(0), soon(0), task(0), soon(1), task(1)], turns(3)]))
            .marks(2)
            .coroutine([mark(10)])
            .coroutine([mark(11)]),
        scenario(
            "q1_submissions_and_posts",
            "Q-1 U-1",
            "Submissions and posts of a thread are one queue.",
        )
        .thread(all([vec![NewLoop(0), Start(1), Join(1)], turns(3)]))
        .thread([post(0), submit(0), post(1)])
        .marks(2)
        .coroutine([mark(10)]),
    ]
}

fn batches() -> Vec<Scenario> {
    vec![
        scenario("q2_what_is_queued_in_a_batch", "Q-2", "It waits for the next iteration.")
            .thread(all([
                vec![NewLoop(0), soon(0), soon(1)],
                turn().into(),
                vec![Mark(9)],
                turns(1),
            ]))
            .callback([Mark(0), soon(2)])
            .callback([Mark(1)])
            .callback([Mark(2)]),
        scenario("q2_what_is_posted_in_a_batch", "Q-2", "It waits too, from the loop's thread.")
            .thread(all([
                vec![NewLoop(0), soon(0), soon(1)],
                turn().into(),
                vec![Mark(9)],
                turns(1),
            ]))
            .callback([Mark(0), post(2)])
            .callback([Mark(1)])
            .callback([Mark(2)]),
        scenario("q2_a_thread_posts_in_a_batch", "Q-2", "And from another thread.")
            .thread(all([
                vec![NewLoop(0), Start(1), soon(0), soon(1)],
                turn().into(),
                vec![Mark(9)],
                turns(1),
                vec![Join(1)],
            ]))
            .thread([AwaitGate(0), post(2), Signal(1)])
            .callback([Mark(0), Signal(0), AwaitGate(1)])
            .callback([Mark(1)])
            .callback([Mark(2)]),
        scenario(
            "q2_no_starvation",
            "Q-2",
            "Callbacks that queue each other let a due timer fire in between.",
        )
        .thread([NewLoop(0), later(0, 3), soon(0), RunForever(0)])
        .callback([Mark(0), soon(1)])
        .callback([Mark(1), soon(2)])
        .callback([Mark(2)])
        .callback([Mark(3), StopLocal(0)]),
        scenario(
            "q2_a_step_queued_in_a_batch",
            "Q-2 T-1",
            "A task made in a batch begins in the next one.",
        )
        .thread(all([vec![NewLoop(0), soon(0), soon(1)], turn().into(), vec![Mark(9)], turns(2)]))
        .callback([Mark(0), task(0)])
        .callback([Mark(1)])
        .coroutine([mark(10)]),
        scenario("q3_queued_before_due", "Q-3", "What is queued runs before a timer that is due.")
            .thread(all([
                vec![NewLoop(0), later(1, 0), Busy { on: 0, units: 2 }, soon(1)],
                turns(1),
            ]))
            .marks(2),
        scenario(
            "q3_due_in_this_iteration",
            "Q-3 Q-2",
            "A due timer runs at once; what it queues does not.",
        )
        .thread(all([
            vec![NewLoop(0), later(1, 0), Busy { on: 0, units: 2 }],
            turn().into(),
            vec![Mark(9)],
            turns(1),
        ]))
        .callback([Mark(0), soon(1)])
        .callback([Mark(1)]),
        scenario(
            "q3_after_a_sleep",
            "Q-3 D-1",
            "A timer that ended the sleep runs in that iteration.",
        )
        .thread([NewLoop(0), later(3, 0), run_once(Sleep::Forever), Mark(9)])
        .marks(1),
        scenario(
            "q5_once_over_two_runs",
            "Q-5 S-1",
            "A callback runs once, however often the loop runs.",
        )
        .thread(all([vec![NewLoop(0), soon(0)], turns(3)]))
        .marks(1),
    ]
}

fn failures() -> Vec<Scenario> {
    vec![
        scenario("q4_failing_callback", "Q-4 X-4", "It is reported, and the batch goes on.")
            .thread(all([vec![NewLoop(0), recording(), soon(0), soon(1)], turns(1)]))
            .callback([Mark(0), Raise(1)])
            .callback([Mark(1)]),
        scenario("q4_failing_post", "Q-4", "So is a post that fails.")
            .thread(all([vec![NewLoop(0), recording(), Start(1), Join(1)], turns(1)]))
            .thread([post(0), post(1)])
            .callback([Raise(1)])
            .callback([Mark(1)]),
        scenario("q4_failing_timer", "Q-4", "So is a timer that fails.")
            .thread([NewLoop(0), recording(), later(1, 0), later(2, 1), RunForever(0)])
            .callback([Raise(1)])
            .callback([Mark(1), StopLocal(0)]),
        scenario(
            "q4_failing_callback_without_handler",
            "Q-4",
            "The default handler lets the loop go on.",
        )
        .thread(all([vec![NewLoop(0), soon(0), soon(1)], turns(1)]))
        .callback([Mark(0), Raise(1)])
        .callback([Mark(1)]),
        scenario("q4_every_failure_is_reported", "Q-4", "Each by itself, in their order.")
            .thread(all([vec![NewLoop(0), recording(), soon(0), soon(1), soon(2)], turns(1)]))
            .callback([Raise(1)])
            .callback([Raise(2)])
            .callback([Mark(2)]),
    ]
}
