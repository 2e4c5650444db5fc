//! A task's waker in another thread, against whatever the task and its loop do meanwhile.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use loopgate::checkers::model::thread::ThreadId;
use loopgate::{EventLoop, Exception, LoopClosed, ResultError, Task};

use super::programs::wakers as programs;
use super::support::{
    Cell, LOST_BYTES, NO_SPURIOUS, NOT_OBSERVED, Owned, event_loop, here, running, slept, turns,
};
use crate::harness::{Change, Control, Model, Outcome, Spec, join, start};

pub(super) static MODELS: &[Model] = &[
    Model {
        name: "t4_foreign_waker_races_sleep",
        clauses: &["T-4", "W-2"],
        question: "Does a waker called by another thread make the task's next step happen?",
        outcomes: &["woken in its sleep", "woken before"],
        spec: Spec::allows(
            &[programs::foreign_waker],
            &[("woken in its sleep", "ok; value 0 | "), ("woken before", "ok; value 0 | ")],
        )
        .but_for("whether the loop sleeps"),
        body: foreign_waker,
        controls: &[Control {
            name: "the byte may vanish",
            change: Change::Environment(LOST_BYTES),
            fails_with: "deadlock",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "t4_two_wakes_are_not_lost",
        clauses: &["T-4"],
        question: "Does a task see what two wakes announced, in one step or in two?",
        environment: NO_SPURIOUS,
        outcomes: &["in one step", "in two steps"],
        spec: Spec::allows(
            &[programs::two_wakes],
            &[
                ("in one step", "..; mark 1; ok; mark 2; ..; true | "),
                ("in two steps", "..; mark 1; continue; ok; mark 2; ..; true | "),
            ],
        ),
        body: || two_wakes(true),
        controls: &[Control {
            name: "it wakes first and then sets what it announces",
            change: Change::Body(|| two_wakes(false)),
            fails_with: "a wake was lost",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "t4_wakes_of_both_sides_are_one_step",
        clauses: &["T-4"],
        question: "Is a task stepped once that its loop and another thread wake before it is stepped?",
        environment: NO_SPURIOUS,
        outcomes: &["in one step"],
        spec: Spec::allows(
            &[programs::wakes_of_both_sides],
            &[("in one step", "..; mark 1; ok; mark 2; ..; false | ")],
        ),
        body: || wakes_of_both_sides(true),
        controls: &[Control {
            name: "the other thread is not waited for",
            change: Change::Body(|| wakes_of_both_sides(false)),
            fails_with: "outcome not allowed: in two steps",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "t4_two_threads_wake_one_task",
        clauses: &["T-4"],
        question: "Does a task see what two threads announced, whichever of them queued its step?",
        threads: 3,
        bound: Some(2),
        environment: NO_SPURIOUS,
        outcomes: &["in one step", "in two steps"],
        spec: Spec::allows(
            &[programs::two_wakers],
            &[
                ("in one step", "..; mark 1; ok; mark 2; ..; true |  | "),
                ("in two steps", "..; mark 1; continue; ok; mark 2; ..; true |  | "),
            ],
        ),
        body: || two_wakers(true),
        controls: &[Control {
            name: "they wake first and then set what they announce",
            change: Change::Body(|| two_wakers(false)),
            fails_with: "a wake was lost",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "t4_late_wake_steps_nobody_else",
        clauses: &["T-4"],
        question: "Is a wake of a task that has ended lost on the one that has its place now?",
        environment: NO_SPURIOUS,
        outcomes: &["woken before the end", "woken after the end"],
        spec: Spec::allows(
            &[programs::late_wake],
            &[
                ("woken before the end", "..; true; continue | false"),
                ("woken after the end", "..; true; continue | true"),
            ],
        ),
        body: || late_wake(false),
        controls: &[Control {
            name: "the waker is the new task's",
            change: Change::Body(|| late_wake(true)),
            fails_with: "a step that nobody asked for",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "q1_wake_goes_before_a_later_call_soon",
        clauses: &["Q-1", "T-4"],
        question: "Does a step that the loop woke run before what it scheduled then, if another thread was just waking it?",
        environment: NO_SPURIOUS,
        outcomes: &["step, then call"],
        spec: Spec::Below("one waker called by two threads; a gate of the spec calls it once"),
        body: || wake_before_call(true),
        controls: &[Control {
            name: "it schedules before it wakes",
            change: Change::Body(|| wake_before_call(false)),
            fails_with: "outcome not allowed: call, then step",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "q1_wake_goes_before_a_later_post",
        clauses: &["Q-1", "T-4"],
        question: "Does a step that a thread woke run before what it posted then, if the loop was just waking it?",
        environment: NO_SPURIOUS,
        outcomes: &["step, then post"],
        spec: Spec::Below("one waker called by two threads; a gate of the spec calls it once"),
        body: || wake_before_post(true),
        controls: &[Control {
            name: "it posts before it wakes",
            change: Change::Body(|| wake_before_post(false)),
            fails_with: "outcome not allowed: post, then step",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "t9_foreign_waker_races_cancel",
        clauses: &["T-9", "T-4"],
        question: "Does a task end once, done or cancelled, when a wake falls into its cancel?",
        environment: NO_SPURIOUS,
        outcomes: &["value 1", "cancelled"],
        spec: Spec::allows(
            &[programs::waker_races_cancel],
            &[
                ("value 1", "..; false; continue; continue; value 1 | "),
                ("cancelled", "..; true; ..; cancelled | "),
            ],
        ),
        body: || waker_races_cancel(true),
        controls: &[Control {
            name: "nobody cancels",
            change: Change::Body(|| waker_races_cancel(false)),
            fails_with: "outcome never reached: cancelled",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "t4_foreign_waker_races_close",
        clauses: &["T-4", "S-6"],
        question: "Is a coroutine dropped once, on its loop's thread, when a wake falls into the close?",
        environment: NO_SPURIOUS,
        outcomes: &["value 1", "closed"],
        spec: Spec::allows(
            &[programs::waker_races_close],
            &[
                ("value 1", "ok; continue; ok; continue; ok; value 1 | "),
                ("closed", "ok; continue; continue; ok; loop closed | "),
            ],
        ),
        body: || waker_races_close(1),
        controls: &[Control {
            name: "it closes without a turn",
            change: Change::Body(|| waker_races_close(0)),
            fails_with: "outcome never reached: value 1",
        }],
        ..Model::DEFAULTS
    },
];

//= SPEC.md#t-4
//= type=test
//# Any `std` future MUST make progress when its waker is called, from any thread, and wakes that
//# come before the task runs MUST be coalesced into one step.
//= SPEC.md#w-2
//= type=test
//# A post that is accepted while the loop sleeps, or is about to, MUST make that sleep end.
fn foreign_waker() -> Outcome {
    let event_loop = event_loop();
    let (ready, waker) = (Cell::new(false), Cell::new(None::<Waker>));
    let other = start("other", {
        let (ready, waker) = (ready.clone(), waker.clone());
        move || {
            ready.set(true);
            if let Some(waker) = waker.get() {
                waker.wake();
            }
        }
    });
    let polled = event_loop.run_until_complete(poll_fn(move |cx| {
        waker.set(Some(cx.waker().clone()));
        if ready.get() { Poll::Ready(Ok(())) } else { Poll::Pending }
    }));
    polled.expect("the future has no error");
    join(other);
    match slept() {
        Some(true) => "woken in its sleep".into(),
        Some(false) => "woken before".into(),
        None => NOT_OBSERVED.into(),
    }
}

/// What a coroutine waits for that only a waker can announce.
#[derive(Clone)]
struct Flags(Cell<State>);

#[derive(Clone, Default)]
struct State {
    set: u32,
    polls: usize,
    waker: Option<Waker>,
}

impl Flags {
    fn new() -> Flags {
        Flags(Cell::new(State::default()))
    }

    /// Ready when so many were set.
    fn poll(&self, wanted: u32, cx: &Context<'_>) -> Poll<Result<u32, Exception>> {
        let mut ready = false;
        self.0.update(|state| {
            state.polls += 1;
            state.waker = Some(cx.waker().clone());
            ready = state.set >= wanted;
        });
        if ready { Poll::Ready(Ok(1)) } else { Poll::Pending }
    }

    fn set(&self) {
        self.0.update(|state| state.set += 1);
    }

    fn wake(&self) {
        if let Some(waker) = self.0.get().waker {
            waker.wake();
        }
    }

    /// Sets one more and then wakes, or in the wrong order.
    fn announce(&self, in_order: bool) {
        if in_order {
            self.set();
            self.wake();
        } else {
            self.wake();
            self.set();
        }
    }

    /// A task that has been polled once and found nothing.
    fn suspend(&self, event_loop: &EventLoop, wanted: u32) -> Task<u32> {
        let flags = self.clone();
        let waiting = poll_fn(move |cx| flags.poll(wanted, cx));
        let task = event_loop.create_task(waiting).expect("the loop is open");
        turns(event_loop, 1);
        task
    }

    /// How many steps the task took after the first.
    fn steps(&self) -> Outcome {
        match self.0.get().polls {
            2 => "in one step".into(),
            3 => "in two steps".into(),
            polls => format!("in {polls} polls").into(),
        }
    }
}

//= SPEC.md#t-4
//= type=test
//# Any `std` future MUST make progress when its waker is called, from any thread, and wakes that
//# come before the task runs MUST be coalesced into one step.
fn two_wakes(in_order: bool) -> Outcome {
    let event_loop = event_loop();
    let flags = Flags::new();
    let task = flags.suspend(&event_loop, 2);
    let other = start("other", {
        let flags = flags.clone();
        move || {
            flags.announce(in_order);
            flags.announce(in_order);
        }
    });
    // Whoever wakes a loop that sleeps is another model's subject.
    turns(&event_loop, 1);
    join(other);
    turns(&event_loop, 2);
    assert!(task.done(), "a wake was lost");
    flags.steps()
}

//= SPEC.md#t-4
//= type=test
//# Any `std` future MUST make progress when its waker is called, from any thread, and wakes that
//# come before the task runs MUST be coalesced into one step.
fn wakes_of_both_sides(waited_for: bool) -> Outcome {
    let event_loop = event_loop();
    let flags = Flags::new();
    let task = flags.suspend(&event_loop, 3);
    let own = flags.clone();
    let both = move || {
        let other = start("other", {
            let flags = own.clone();
            move || flags.announce(true)
        });
        own.announce(true);
        if waited_for {
            join(other);
        }
    };
    let _handle = event_loop.call_soon(both).expect("the loop is open");
    turns(&event_loop, 4);
    let steps = flags.steps();
    assert!(task.cancel(), "it waits for a third flag");
    turns(&event_loop, 1);
    steps
}

//= SPEC.md#t-4
//= type=test
//# Any `std` future MUST make progress when its waker is called, from any thread, and wakes that
//# come before the task runs MUST be coalesced into one step.
fn two_wakers(in_order: bool) -> Outcome {
    let event_loop = event_loop();
    let flags = Flags::new();
    let task = flags.suspend(&event_loop, 2);
    let others = ["one", "other"].map(|name| {
        let flags = flags.clone();
        start(name, move || flags.announce(in_order))
    });
    turns(&event_loop, 1);
    others.into_iter().for_each(join);
    turns(&event_loop, 2);
    assert!(task.done(), "a wake was lost");
    flags.steps()
}

//= SPEC.md#t-4
//= type=test
//# Any `std` future MUST make progress when its waker is called, from any thread, and wakes that
//# come before the task runs MUST be coalesced into one step.
fn late_wake(of_the_new: bool) -> Outcome {
    let event_loop = event_loop();
    let (first, second) = (Flags::new(), Flags::new());
    let (ended, task) = (Cell::new(false), first.suspend(&event_loop, 1));
    first.announce(true);
    let woken = if of_the_new { second.clone() } else { first.clone() };
    let after_end = Cell::new(false);
    let other = start("other", {
        let (ended, after_end) = (ended.clone(), after_end.clone());
        move || {
            after_end.set(ended.get());
            woken.wake();
        }
    });
    // The last step of the first task; then another one has its place in the table.
    turns(&event_loop, 1);
    assert!(task.done(), "it was woken");
    ended.set(true);
    let task = second.suspend(&event_loop, 1);
    join(other);
    turns(&event_loop, 2);
    assert_eq!(second.0.get().polls, 1, "a step that nobody asked for");
    assert!(task.cancel(), "it is suspended");
    turns(&event_loop, 1);
    if after_end.get() { "woken after the end".into() } else { "woken before the end".into() }
}

//= SPEC.md#t-9
//= type=test
//# A coroutine suspended in a foreign awaitable MUST be dropped at that await when it is cancelled,
//# and its task ends cancelled.
//= SPEC.md#t-4
//= type=test
//# Any `std` future MUST make progress when its waker is called, from any thread, and wakes that
//# come before the task runs MUST be coalesced into one step.
fn waker_races_cancel(cancel: bool) -> Outcome {
    let event_loop = event_loop();
    let flags = Flags::new();
    let task = flags.suspend(&event_loop, 1);
    let other = start("other", {
        let flags = flags.clone();
        move || flags.announce(true)
    });
    turns(&event_loop, 1);
    if cancel {
        task.cancel();
    }
    turns(&event_loop, 1);
    // A wake that is on its way takes the step of the cancel along, and may arrive only now.
    join(other);
    turns(&event_loop, 1);
    match task.result() {
        Ok(value) => format!("value {value}").into(),
        Err(ResultError::Cancelled(_)) => "cancelled".into(),
        Err(ResultError::Pending) => "pending".into(),
        Err(other) => panic!("{other}"),
    }
}

//= SPEC.md#t-4
//= type=test
//# Any `std` future MUST make progress when its waker is called, from any thread, and wakes that
//# come before the task runs MUST be coalesced into one step.
//= SPEC.md#s-6
//= type=test
//# `close` MUST be refused while the loop runs, MUST be idempotent, and MUST drop all queued work,
//# timers and tasks.
fn waker_races_close(count: usize) -> Outcome {
    /// Belongs to the coroutine and must go where that lives.
    struct Here(ThreadId);
    impl Drop for Here {
        fn drop(&mut self) {
            assert_eq!(here(), self.0, "dropped in another thread");
        }
    }
    let event_loop = event_loop();
    let (flags, drops) = (Flags::new(), Cell::new(0));
    let owned = (Owned(drops.clone()), Here(here()));
    let polled = flags.clone();
    let waiting = poll_fn(move |cx| {
        let _ = &owned;
        polled.poll(1, cx)
    });
    let task = event_loop.create_task(waiting).expect("the loop is open");
    turns(&event_loop, 1);
    let other = start("other", {
        let flags = flags.clone();
        move || flags.announce(true)
    });
    turns(&event_loop, count);
    event_loop.close().expect("the loop does not run");
    assert_eq!(drops.get(), 1, "the coroutine outlived its loop, or went twice");
    join(other);
    match task.result() {
        Ok(value) => format!("value {value}").into(),
        Err(ResultError::Exception(why)) if why.is::<LoopClosed>() => "closed".into(),
        Err(other) => panic!("{other}"),
    }
}

/// A task that is suspended, and notes its next step in a list that others note in as well.
fn noting_task(event_loop: &EventLoop) -> (Flags, Cell<Vec<&'static str>>) {
    let (flags, order) = (Flags::new(), Cell::new(Vec::new()));
    let (waited, noted) = (flags.clone(), order.clone());
    let waiting = poll_fn(move |cx| {
        let polled = waited.poll(1, cx);
        if polled.is_ready() {
            noted.update(|order| order.push("step"));
        }
        polled
    });
    let _task = event_loop.create_task(waiting).expect("the loop is open");
    turns(event_loop, 1);
    // It has only to be woken.
    flags.set();
    (flags, order)
}

//= SPEC.md#q-1
//= type=test
//# If scheduling A happened before scheduling B, by whatever threads, then A MUST run before B.
//= SPEC.md#t-4
//= type=test
//# Any `std` future MUST make progress when its waker is called, from any thread, and wakes that
//# come before the task runs MUST be coalesced into one step.
fn wake_before_call(in_order: bool) -> Outcome {
    let event_loop = event_loop();
    let (flags, order) = noting_task(&event_loop);
    let other = Rc::new(RefCell::new(None));
    let (noted, started) = (order.clone(), Rc::clone(&other));
    let both = move || {
        let waking = flags.clone();
        // From here, so that what the loop did before is not raced.
        *started.borrow_mut() = Some(start("other", move || waking.wake()));
        let call = move || noted.update(|order| order.push("call"));
        if in_order {
            flags.wake();
            running().call_soon(call).expect("the loop is open");
        } else {
            running().call_soon(call).expect("the loop is open");
            flags.wake();
        }
    };
    event_loop.call_soon(both).expect("the loop is open");
    turns(&event_loop, 1);
    join(other.take().expect("started in that turn"));
    turns(&event_loop, 2);
    order.get().join(", then ").into()
}

//= SPEC.md#q-1
//= type=test
//# If scheduling A happened before scheduling B, by whatever threads, then A MUST run before B.
//= SPEC.md#t-4
//= type=test
//# Any `std` future MUST make progress when its waker is called, from any thread, and wakes that
//# come before the task runs MUST be coalesced into one step.
fn wake_before_post(in_order: bool) -> Outcome {
    let event_loop = event_loop();
    let (flags, order) = noting_task(&event_loop);
    let other = start("other", {
        let (handle, flags, order) = (event_loop.handle(), flags.clone(), order.clone());
        move || {
            if in_order {
                flags.wake();
            }
            let note = move || order.update(|order| order.push("post"));
            handle.call_soon_threadsafe(note).expect("the loop is open");
            if !in_order {
                flags.wake();
            }
        }
    });
    // The loop wakes it as well, in a callback of its own.
    let waking = flags.clone();
    event_loop.call_soon(move || waking.wake()).expect("the loop is open");
    turns(&event_loop, 1);
    join(other);
    turns(&event_loop, 2);
    order.get().join(", then ").into()
}
