//! Runs that begin and end, and timers, while other threads post.

use loopgate::{PostError, Turn};

use super::programs::stopping as programs;
use super::support::{
    Cell, LOST_BYTES, NO_SPURIOUS, NOT_OBSERVED, Owned, SOON, count, event_loop, run_until_stopped,
    running, stop, turns,
};
use crate::harness::{Change, Control, Model, Outcome, Spec, join, start};

pub(super) static MODELS: &[Model] = &[
    Model {
        name: "g2_stop_races_sleep",
        clauses: &["G-2", "S-1", "S-2"],
        question: "Does a stop from another thread end the run, however it falls?",
        outcomes: &["the loop slept", "the loop did not sleep"],
        spec: Spec::allows(
            &[programs::stop_races_sleep],
            &[("the loop slept", "ok | ok"), ("the loop did not sleep", "ok | ok")],
        )
        .but_for("whether the loop sleeps"),
        body: stop_races_sleep,
        controls: &[Control {
            name: "the byte may vanish",
            change: Change::Environment(LOST_BYTES),
            fails_with: "deadlock",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "s1_post_races_stop",
        clauses: &["S-1", "W-10", "Q-5"],
        question: "Is a post that meets a stop run once, in that run or in the next?",
        outcomes: &["in the stopped run", "in the next run"],
        spec: Spec::allows(
            &[programs::post_races_stop],
            &[
                ("in the stopped run", "mark 1; ok; continue | ok"),
                ("in the next run", "ok; mark 1; continue | ok"),
            ],
        ),
        body: || post_races_stop(true),
        controls: &[Control {
            name: "there is no next run",
            change: Change::Body(|| post_races_stop(false)),
            fails_with: "run 0 times",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "w10_post_races_the_end_of_a_run",
        clauses: &["W-10", "W-2"],
        question: "Does a post that falls between two runs wake the second?",
        environment: NO_SPURIOUS,
        outcomes: &["in the first run", "in the second, at once", "in the second, after a sleep"],
        spec: Spec::allows(
            &[programs::post_races_the_end],
            &[
                ("in the first run", "mark 1; continue; ok; value 0 | ok"),
                ("in the second, at once", "continue; mark 1; ok; value 0 | ok"),
                ("in the second, after a sleep", "continue; mark 1; ok; value 0 | ok"),
            ],
        )
        .but_for("whether the second run sleeps"),
        body: post_races_the_end,
        controls: &[Control {
            name: "the byte may vanish",
            change: Change::Environment(LOST_BYTES),
            fails_with: "deadlock",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "g2_two_stops_end_one_run_or_two",
        clauses: &["G-2", "S-1", "S-2"],
        question: "Does a stop that comes too late for one run end the next?",
        environment: NO_SPURIOUS,
        outcomes: &["one run", "the next run as well"],
        spec: Spec::allows(
            &[programs::two_stops],
            &[
                ("one run", "ok; ok; continue; continue | ok"),
                ("the next run as well", "ok; ok; stop; continue | ok"),
            ],
        ),
        body: || two_stops(true),
        controls: &[Control {
            name: "both come before the run",
            change: Change::Body(|| two_stops(false)),
            fails_with: "outcome never reached: the next run as well",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "s5_limit_of_a_turn_races_post",
        clauses: &["S-5", "W-2"],
        question: "Does a turn with a limit end for a post, or at its limit without losing one?",
        environment: NO_SPURIOUS,
        outcomes: &["run in time", "run in the next turn"],
        spec: Spec::allows(
            &[programs::limited_turn],
            &[
                ("run in time", "mark 1; continue; continue | ok"),
                ("run in the next turn", "continue; mark 1; continue | ok"),
            ],
        ),
        body: || limited_turn(true),
        controls: &[Control {
            name: "there is no next turn",
            change: Change::Body(|| limited_turn(false)),
            fails_with: "the post was lost",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "d1_deadline_races_post",
        clauses: &["D-1", "W-2", "Q-5"],
        question: "Do a timer and a post that meet both run, the timer not early?",
        environment: NO_SPURIOUS,
        outcomes: &["post, timer", "timer, post"],
        spec: Spec::allows(
            &[programs::deadline_races_post],
            &[
                ("post, timer", "ok; mark 1; mark 2; ok; continue | ok"),
                ("timer, post", "ok; mark 2; ok; mark 1; continue | ok"),
            ],
        ),
        body: || deadline_races_post(true),
        controls: &[Control {
            name: "nothing is posted",
            change: Change::Body(|| deadline_races_post(false)),
            fails_with: "outcome not allowed: timer",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "d7_threadsafe_timer_races_cancel",
        clauses: &["D-7", "D-1", "H-1"],
        question: "Does a timer set from another thread fire once and not early, or is it cancelled?",
        outcomes: &["fired", "cancelled"],
        spec: Spec::allows(
            &[programs::timer_races_cancel],
            &[("fired", "mark 1; ok | ok; false; ok"), ("cancelled", "ok | ok; true; ok")],
        ),
        body: timer_races_cancel,
        controls: &[Control {
            name: "the byte may vanish",
            change: Change::Environment(LOST_BYTES),
            fails_with: "deadlock",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "d7_earlier_timer_races_sleep",
        clauses: &["D-7", "D-1", "W-2"],
        question: "Does a timer set from another thread fire before a later one that the loop sleeps for?",
        environment: NO_SPURIOUS,
        outcomes: &["earlier, then later", "later, then earlier"],
        spec: Spec::allows(
            &[programs::earlier_timer],
            &[
                ("earlier, then later", "ok; mark 1; mark 2; ok; .. | ok"),
                ("later, then earlier", "ok; mark 2; ok; mark 1; .. | ok"),
            ],
        ),
        body: || earlier_timer(true),
        controls: &[Control {
            name: "nobody sets the earlier one",
            change: Change::Body(|| earlier_timer(false)),
            fails_with: "outcome not allowed: later",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "d7_timer_races_close",
        clauses: &["D-7", "W-9", "S-6"],
        question: "Is a timer that another thread sets either refused or dropped by a loop that closes?",
        environment: NO_SPURIOUS,
        outcomes: &["refused", "accepted and dropped"],
        spec: Spec::allows(
            &[programs::timer_races_close],
            &[("refused", "ok | loop closed"), ("accepted and dropped", "ok | ok")],
        ),
        body: || timer_races_close(true),
        controls: &[Control {
            name: "the loop is not closed",
            change: Change::Body(|| timer_races_close(false)),
            fails_with: "the callback outlived the loop",
        }],
        ..Model::DEFAULTS
    },
];

//= SPEC.md#g-2
//= type=test
//# `stop` from any thread MUST wake the loop and MUST end the run after the batch in which it is
//# reached.
//= SPEC.md#s-1
//= type=test
//# `stop` MUST let the running batch end, leave what it scheduled queued for the next run, and be
//# consumed by the run that it ends.
//= SPEC.md#s-2
//= type=test
//# A stop requested while the loop does not run MUST make the next run return after one iteration.
fn stop_races_sleep() -> Outcome {
    run_until_stopped(event_loop(), stop)
}

//= SPEC.md#s-1
//= type=test
//# `stop` MUST let the running batch end, leave what it scheduled queued for the next run, and be
//# consumed by the run that it ends.
//= SPEC.md#w-10
//= type=test
//# A post to a loop that is open but not running MUST be accepted and MUST run in the first batch
//# of the next run.
//= SPEC.md#q-5
//= type=test
//# An accepted callback that is not cancelled MUST run exactly once if the loop goes on to run.
fn post_races_stop(again: bool) -> Outcome {
    let event_loop = event_loop();
    let (run, ran_in) = (Cell::new(1), Cell::new(Vec::new()));
    let poster = start("poster", {
        let (handle, run, ran_in) = (event_loop.handle(), run.clone(), ran_in.clone());
        move || {
            let note = move || ran_in.update(|ran_in| ran_in.push(run.get()));
            handle.call_soon_threadsafe(note).expect("the loop is open");
        }
    });
    event_loop.stop();
    event_loop.run_forever().expect("the run is stopped");
    run.set(2);
    join(poster);
    if again {
        turns(&event_loop, 1);
    }
    match ran_in.get()[..] {
        [1] => "in the stopped run".into(),
        [2] => "in the next run".into(),
        ref other => panic!("run {} times", other.len()),
    }
}

//= SPEC.md#w-10
//= type=test
//# A post to a loop that is open but not running MUST be accepted and MUST run in the first batch
//# of the next run.
//= SPEC.md#w-2
//= type=test
//# A post that is accepted while the loop sleeps, or is about to, MUST make that sleep end.
fn post_races_the_end() -> Outcome {
    let event_loop = event_loop();
    let ran = Cell::new(false);
    let poster = start("poster", {
        let (handle, ran) = (event_loop.handle(), ran.clone());
        move || {
            handle.call_soon_threadsafe(move || ran.set(true)).expect("the loop is open");
        }
    });
    turns(&event_loop, 1);
    let in_the_first = ran.get();
    while !ran.get() {
        assert_eq!(event_loop.run_once(None).expect("a turn"), Turn::Continue);
    }
    join(poster);
    match count("sleeps on", "Pipe") {
        _ if in_the_first => "in the first run".into(),
        Some(0) => "in the second, at once".into(),
        Some(_) => "in the second, after a sleep".into(),
        None => NOT_OBSERVED.into(),
    }
}

//= SPEC.md#g-2
//= type=test
//# `stop` from any thread MUST wake the loop and MUST end the run after the batch in which it is
//# reached.
//= SPEC.md#s-1
//= type=test
//# `stop` MUST let the running batch end, leave what it scheduled queued for the next run, and be
//# consumed by the run that it ends.
//= SPEC.md#s-2
//= type=test
//# A stop requested while the loop does not run MUST make the next run return after one iteration.
fn two_stops(raced: bool) -> Outcome {
    let event_loop = event_loop();
    let first = event_loop.handle();
    stop(&first);
    if !raced {
        stop(&first);
    }
    let stopper = start("stopper", move || {
        if raced {
            stop(&first);
        }
    });
    event_loop.run_forever().expect("the run is stopped");
    join(stopper);
    let now = Some(std::time::Duration::ZERO);
    let next = event_loop.run_once(now).expect("a turn");
    assert_eq!(event_loop.run_once(now).expect("a turn"), Turn::Continue, "a stop counted twice");
    if next == Turn::Stop { "the next run as well".into() } else { "one run".into() }
}

//= SPEC.md#s-5
//= type=test
//# `run_once` MUST run one iteration, sleeping no longer than its timeout.
//= SPEC.md#w-2
//= type=test
//# A post that is accepted while the loop sleeps, or is about to, MUST make that sleep end.
fn limited_turn(again: bool) -> Outcome {
    let event_loop = event_loop();
    let ran = Cell::new(false);
    let poster = start("poster", {
        let (handle, ran) = (event_loop.handle(), ran.clone());
        move || {
            handle.call_soon_threadsafe(move || ran.set(true)).expect("the loop is open");
        }
    });
    assert_eq!(event_loop.run_once(Some(SOON)).expect("a turn"), Turn::Continue);
    let in_time = ran.get();
    join(poster);
    turns(&event_loop, usize::from(again));
    assert!(ran.get(), "the post was lost");
    if in_time { "run in time".into() } else { "run in the next turn".into() }
}

//= SPEC.md#d-1
//= type=test
//# A timer MUST NOT fire before its deadline by the loop's clock.
//= SPEC.md#w-2
//= type=test
//# A post that is accepted while the loop sleeps, or is about to, MUST make that sleep end.
//= SPEC.md#q-5
//= type=test
//# An accepted callback that is not cancelled MUST run exactly once if the loop goes on to run.
fn deadline_races_post(post: bool) -> Outcome {
    let event_loop = event_loop();
    let order = Cell::new(Vec::new());
    let poster = start("poster", {
        let (handle, order) = (event_loop.handle(), order.clone());
        move || {
            if post {
                let note = move || order.update(|order| order.push("post"));
                handle.call_soon_threadsafe(note).expect("the loop is open");
            }
        }
    });
    let (when, noted) = (event_loop.time().checked_add(SOON).expect("soon"), order.clone());
    let fire = move || {
        assert!(running().time() >= when, "fired early");
        noted.update(|order| order.push("timer"));
        running().stop();
    };
    event_loop.call_at(when, fire).expect("the loop is open");
    event_loop.run_forever().expect("the run is stopped");
    join(poster);
    turns(&event_loop, 1);
    order.get().join(", ").into()
}

//= SPEC.md#d-7
//= type=test
//# `call_later_threadsafe` MUST count its delay from the call, wake the loop if needed, and return
//# a handle that any thread may cancel.
//= SPEC.md#d-1
//= type=test
//# A timer MUST NOT fire before its deadline by the loop's clock.
//= SPEC.md#h-1
//= type=test
//# A handle that was cancelled before its callback began MUST never run it.
fn timer_races_cancel() -> Outcome {
    let event_loop = event_loop();
    let fired = Cell::new(false);
    let canceller = start("canceller", {
        let (handle, fired) = (event_loop.handle(), fired.clone());
        move || {
            let clock = handle.clock().clone();
            let earliest = clock.now().checked_add(SOON).expect("soon");
            let note = move || {
                assert!(clock.now() >= earliest, "fired early");
                fired.set(true);
                running().stop();
            };
            let timer = handle.call_later_threadsafe(SOON, note).expect("the loop is open");
            if timer.cancel() {
                stop(&handle);
            } else {
                assert!(!timer.cancelled(), "a timer that fired was not cancelled");
            }
        }
    });
    event_loop.run_forever().expect("the run is stopped");
    join(canceller);
    if fired.get() { "fired".into() } else { "cancelled".into() }
}

//= SPEC.md#d-7
//= type=test
//# `call_later_threadsafe` MUST count its delay from the call, wake the loop if needed, and return
//# a handle that any thread may cancel.
//= SPEC.md#d-1
//= type=test
//# A timer MUST NOT fire before its deadline by the loop's clock.
//= SPEC.md#w-2
//= type=test
//# A post that is accepted while the loop sleeps, or is about to, MUST make that sleep end.
fn earlier_timer(set_it: bool) -> Outcome {
    let event_loop = event_loop();
    let order = Cell::new(Vec::new());
    let later = order.clone();
    let fire = move || {
        later.update(|order| order.push("later"));
        running().stop();
    };
    event_loop.call_later(2 * SOON, fire).expect("the loop is open");
    let poster = start("poster", {
        let (handle, order) = (event_loop.handle(), order.clone());
        move || {
            if set_it {
                let note = move || order.update(|order| order.push("earlier"));
                handle.call_later_threadsafe(SOON, note).expect("the loop is open");
            }
        }
    });
    event_loop.run_forever().expect("the run is stopped");
    join(poster);
    // What is left, if the later one was first: its time comes too.
    while set_it && order.get().len() < 2 {
        assert_eq!(event_loop.run_once(None).expect("a turn"), Turn::Continue);
    }
    order.get().join(", then ").into()
}

//= SPEC.md#d-7
//= type=test
//# `call_later_threadsafe` MUST count its delay from the call, wake the loop if needed, and return
//# a handle that any thread may cancel.
//= SPEC.md#w-9
//= type=test
//# Closing and posting MUST be atomic: a post is either refused, with nothing queued, or handed to
//# the loop, which runs it or ends it.
//= SPEC.md#s-6
//= type=test
//# `close` MUST be refused while the loop runs, MUST be idempotent, and MUST drop all queued work,
//# timers and tasks.
fn timer_races_close(close: bool) -> Outcome {
    let event_loop = event_loop();
    let (refused, drops) = (Cell::new(false), Cell::new(0));
    let poster = start("poster", {
        let (handle, refused) = (event_loop.handle(), refused.clone());
        let owned = Owned(drops.clone());
        move || {
            let callback = move || drop(owned);
            match handle.call_later_threadsafe(SOON, callback) {
                Ok(_) => {}
                Err(why) => {
                    assert!(matches!(why.downcast_ref(), Some(PostError::LoopClosed)), "{why}");
                    refused.set(true);
                }
            }
        }
    });
    if close {
        event_loop.close().expect("the loop does not run");
    }
    join(poster);
    assert_eq!(drops.get(), 1, "the callback outlived the loop");
    if refused.get() { "refused".into() } else { "accepted and dropped".into() }
}
