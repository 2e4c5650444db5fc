//! Posting against a loop that has been awake: between its turns nothing is written, so what matters is
//! where it decides to sleep.
//!
//! A loop that has not run yet counts as asleep (clause W-10), and so it does between two calls of
//! `run_once`. A model of the decision to sleep therefore begins with a turn that has something to do.

use std::cell::{Cell as Counter, RefCell};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use loopgate::checkers::model::{Arc, AtomicBool, Ordering};

use super::programs::awake as programs;
use super::support::{LOST_BYTES, event_loop, post_a_stop, run_until_stopped, stop, turns};
use crate::harness::{Change, Control, Model, Outcome, Spec, join, start};

pub(super) static MODELS: &[Model] = &[
    Model {
        name: "w2_post_races_the_decision_to_sleep",
        clauses: &["W-2", "W-3"],
        question: "Does a post wake a loop that was awake a moment ago, and now decides to sleep?",
        outcomes: &["the loop slept", "the loop did not sleep"],
        spec: Spec::allows(
            &[programs::post_races_decision],
            &[("the loop slept", "ok; ok | ok"), ("the loop did not sleep", "ok; ok | ok")],
        )
        .but_for("whether the loop sleeps"),
        body: post_races_decision,
        controls: &[Control {
            name: "the byte may vanish",
            change: Change::Environment(LOST_BYTES),
            fails_with: "deadlock",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "g2_stop_races_the_decision_to_sleep",
        clauses: &["G-2", "W-2"],
        question: "Does a stop end the run of a loop that was awake a moment ago, and now decides to sleep?",
        outcomes: &["the loop slept", "the loop did not sleep"],
        spec: Spec::allows(
            &[programs::stop_races_decision],
            &[("the loop slept", "ok; ok | ok"), ("the loop did not sleep", "ok; ok | ok")],
        )
        .but_for("whether the loop sleeps"),
        body: stop_races_decision,
        controls: &[Control {
            name: "the byte may vanish",
            change: Change::Environment(LOST_BYTES),
            fails_with: "deadlock",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "t4_merged_wake_publishes_what_came_before",
        clauses: &["T-4"],
        question: "Does the step that a wake is merged into see what happened before that wake?",
        only_loom: true,
        outcomes: &["seen by the next step", "seen by a step of its own"],
        spec: Spec::allows(
            &[programs::wake_is_merged],
            &[
                ("seen by the next step", "..; true; continue; true | "),
                ("seen by a step of its own", "..; false; ok; continue; true | "),
            ],
        ),
        body: wake_is_merged,
        controls: &[Control {
            name: "it is always merged, they say",
            change: Change::Forbid("seen by a step of its own"),
            fails_with: "outcome not allowed: seen by a step of its own",
        }],
        ..Model::DEFAULTS
    },
];

/// A loop with something to do in its first turn.
fn busy_loop() -> loopgate::EventLoop {
    let event_loop = event_loop();
    let _handle = event_loop.call_soon(|| ()).expect("the loop is open");
    event_loop
}

//= SPEC.md#w-2
//= type=test
//# A post that is accepted while the loop sleeps, or is about to, MUST make that sleep end.
fn post_races_decision() -> Outcome {
    run_until_stopped(busy_loop(), post_a_stop)
}

//= SPEC.md#g-2
//= type=test
//# `stop` from any thread MUST wake the loop and MUST end the run after the batch in which it is
//# reached.
fn stop_races_decision() -> Outcome {
    run_until_stopped(busy_loop(), stop)
}

//= SPEC.md#t-4
//= type=test
//# Any `std` future MUST make progress when its waker is called, from any thread, and wakes that
//# come before the task runs MUST be coalesced into one step.
/// What a thread did before it woke a task is seen by the step that its wake was merged into.
///
/// The data is an atomic that synchronizes nothing by itself: the order is the waker's to give.
fn wake_is_merged() -> Outcome {
    let event_loop = event_loop();
    let data = Arc::new(AtomicBool::new(false));
    let waker = Rc::new(RefCell::new(None::<Waker>));
    let (polls, seen) = (Rc::new(Counter::new(0)), Rc::new(Counter::new(0)));
    let body = {
        let (data, waker) = (Arc::clone(&data), Rc::clone(&waker));
        let (polls, seen) = (Rc::clone(&polls), Rc::clone(&seen));
        move |cx: &mut Context<'_>| {
            polls.set(polls.get() + 1);
            // Relaxed: what is asked is whether the wake alone publishes it.
            if data.load(Ordering::Relaxed) {
                seen.set(polls.get());
                return Poll::Ready(Ok(()));
            }
            if polls.get() == 1 {
                waker.replace(Some(cx.waker().clone()));
            }
            Poll::Pending
        }
    };
    let _task = event_loop.create_task(std::future::poll_fn(body)).expect("the loop is open");
    turns(&event_loop, 1);
    let woken = waker.take().expect("it was polled");
    // The next step is posted already when the other thread wakes: between two runs every wake is a post.
    woken.wake_by_ref();
    let other = start("other", move || {
        data.store(true, Ordering::Relaxed);
        woken.wake();
    });
    turns(&event_loop, 1);
    join(other);
    // A wake that came too late to be merged has queued a step of its own.
    turns(&event_loop, 1);
    match seen.get() {
        2 => "seen by the next step".into(),
        3 => "seen by a step of its own".into(),
        _ => panic!("the wake is lost: {} polls saw nothing", polls.get()),
    }
}
