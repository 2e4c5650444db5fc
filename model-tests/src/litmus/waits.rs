//! Waiting: timeouts, wake-ups without a reason, who is notified, and joining.

use std::time::Duration;

use loopgate::checkers::model::{Arc, Condvar, Cures, Deadline, Environment, Mutex};

use crate::harness::{Change, Control, Model, Outcome, join, start, throw};

/// Nothing but what the model is about.
const PLAIN: Environment = Environment { spurious_wakeups: false, ..Environment::USUAL };

const NO_EARLY_TIMEOUTS: Environment =
    Environment { cures: Cures { early_timeouts: false, ..Cures::ALL }, ..PLAIN };

const NO_TIMEOUTS: Environment = Environment {
    cures: Cures { early_timeouts: false, late_timeouts: false, ..Cures::ALL },
    ..PLAIN
};

const FIRST_WAITER: Environment =
    Environment { cures: Cures { any_waiter: false, ..Cures::ALL }, ..PLAIN };

pub(super) static MODELS: &[Model] = &[
    Model {
        name: "litmus_timeout_at_any_moment",
        clauses: &["P-2"],
        question: "Does a timeout fire before, after and not at all, next to the event it waits for?",
        environment: PLAIN,
        outcomes: &["seen in time", "timed out", "timed out, but it had happened"],
        body: wait_for_an_event,
        controls: &[Control {
            name: "timeouts fire only if nobody can run",
            change: Change::Environment(NO_EARLY_TIMEOUTS),
            fails_with: "outcome never reached: timed out",
        }],
        ..Model::LITMUS
    },
    Model {
        name: "litmus_timeout_at_last",
        clauses: &["P-2"],
        question: "Does a timed wait end that nobody notifies?",
        threads: 1,
        environment: PLAIN,
        outcomes: &["timed out"],
        body: wait_for_nothing,
        controls: &[Control {
            name: "timeouts never fire",
            change: Change::Environment(NO_TIMEOUTS),
            fails_with: "deadlock",
        }],
        ..Model::LITMUS
    },
    Model {
        name: "litmus_spurious_wakeup",
        clauses: &["P-3"],
        question: "Does a wait also return without a notification?",
        outcomes: &["set before the wait", "notified", "woken without a reason"],
        body: wait_once,
        controls: &[Control {
            name: "no wake-up without a reason",
            change: Change::Environment(PLAIN),
            fails_with: "outcome never reached: woken without a reason",
        }],
        ..Model::LITMUS
    },
    Model {
        name: "litmus_notify_one_wakes_any",
        clauses: &["P-4"],
        question: "Of two waiters, can either be the one that is notified?",
        threads: 3,
        environment: PLAIN,
        outcomes: &["the first to wait", "the last to wait"],
        body: notify_one_of_two,
        controls: &[Control {
            name: "first come, first served",
            change: Change::Environment(FIRST_WAITER),
            fails_with: "outcome never reached: the last to wait",
        }],
        ..Model::LITMUS
    },
    Model {
        name: "litmus_no_wakeup_is_lost",
        clauses: &["P-2"],
        question: "Does a waiter that looks under the lock always learn of the event?",
        outcomes: &["seen"],
        body: || look_and_wait(true),
        controls: &[Control {
            name: "it looks before it takes the lock",
            change: Change::Body(|| look_and_wait(false)),
            fails_with: "deadlock",
        }],
        ..Model::LITMUS
    },
    Model {
        name: "litmus_join_gives_the_panic",
        clauses: &["P-1"],
        question: "Does joining a thread that panicked give the payload?",
        outcomes: &["boom"],
        body: || join_a_thread(true),
        controls: &[Control {
            name: "it does not panic",
            change: Change::Body(|| join_a_thread(false)),
            fails_with: "outcome not allowed: nothing",
        }],
        ..Model::LITMUS
    },
    Model {
        name: "litmus_a_thread_left_alone_ends",
        clauses: &["P-2"],
        question: "Is a thread that nobody joins waited for, and found if it is blocked for ever?",
        environment: PLAIN,
        outcomes: &["nobody joins"],
        body: || leave_a_thread(true),
        controls: &[Control {
            name: "it waits for what never comes",
            change: Change::Body(|| leave_a_thread(false)),
            fails_with: "deadlock",
        }],
        ..Model::LITMUS
    },
    Model {
        name: "litmus_nothing_is_left",
        clauses: &["P-9"],
        question: "Is a lock that an execution made and never dropped found at its end?",
        environment: PLAIN,
        outcomes: &["dropped"],
        body: || share_a_lock(false),
        controls: &[Control {
            name: "two locks that own each other",
            change: Change::Body(|| share_a_lock(true)),
            fails_with: "leaked: still there at the end of the execution",
        }],
        ..Model::LITMUS
    },
];

/// A flag that is set once, and the condition variable that tells of it.
#[derive(Default)]
struct Event {
    happened: Mutex<bool>,
    changed: Condvar,
}

impl Event {
    fn happen(&self) {
        *self.happened.lock() = true;
        self.changed.notify_one();
    }
}

fn soon() -> Deadline {
    Deadline::after(Some(Duration::from_secs(1)))
}

fn wait_for_an_event() -> Outcome {
    let event = Arc::new(Event::default());
    let other = start("other", {
        let event = Arc::clone(&event);
        move || event.happen()
    });
    let mut happened = event.happened.lock();
    let mut timed_out = false;
    while !*happened && !timed_out {
        timed_out = event.changed.wait_until(&mut happened, soon());
    }
    let outcome = match (timed_out, *happened) {
        (false, _) => "seen in time",
        (true, false) => "timed out",
        (true, true) => "timed out, but it had happened",
    };
    drop(happened);
    join(other);
    outcome.into()
}

fn wait_for_nothing() -> Outcome {
    let event = Event::default();
    let mut happened = event.happened.lock();
    let timed_out = event.changed.wait_until(&mut happened, soon());
    if timed_out { "timed out".into() } else { "woken".into() }
}

fn wait_once() -> Outcome {
    let event = Arc::new(Event::default());
    let other = start("other", {
        let event = Arc::clone(&event);
        move || event.happen()
    });
    let mut happened = event.happened.lock();
    let before = *happened;
    if !before {
        event.changed.wait(&mut happened);
    }
    let outcome = match (before, *happened) {
        (true, _) => "set before the wait",
        (false, true) => "notified",
        (false, false) => "woken without a reason",
    };
    drop(happened);
    join(other);
    outcome.into()
}

/// Two waiters queue up for tokens.
#[derive(Default)]
struct Counter {
    queue: Mutex<Queue>,
    token: Condvar,
    progress: Condvar,
}

#[derive(Default)]
struct Queue {
    waiting: u32,
    tokens: u32,
    /// The places in the queue of those who got a token.
    served: Vec<u32>,
}

impl Counter {
    fn queue_up(&self) {
        let mut queue = self.queue.lock();
        let place = queue.waiting;
        queue.waiting += 1;
        self.progress.notify_one();
        while queue.tokens == 0 {
            self.token.wait(&mut queue);
        }
        queue.tokens -= 1;
        queue.served.push(place);
        self.progress.notify_one();
    }

    fn give(&self, reached: impl Fn(&Queue) -> bool) {
        let mut queue = self.queue.lock();
        while !reached(&queue) {
            self.progress.wait(&mut queue);
        }
        queue.tokens += 1;
        self.token.notify_one();
    }
}

fn notify_one_of_two() -> Outcome {
    let counter = Arc::new(Counter::default());
    let waiters = ["one", "two"].map(|name| {
        let counter = Arc::clone(&counter);
        start(name, move || counter.queue_up())
    });
    counter.give(|queue| queue.waiting == 2);
    counter.give(|queue| queue.served.len() == 1);
    waiters.into_iter().for_each(join);
    let first = counter.queue.lock().served[0];
    if first == 0 { "the first to wait".into() } else { "the last to wait".into() }
}

fn look_and_wait(look_under_the_lock: bool) -> Outcome {
    let event = Arc::new(Event::default());
    let other = start("other", {
        let event = Arc::clone(&event);
        move || event.happen()
    });
    let must_wait = !*event.happened.lock();
    let mut happened = event.happened.lock();
    if look_under_the_lock {
        while !*happened {
            event.changed.wait(&mut happened);
        }
    } else if must_wait {
        event.changed.wait(&mut happened);
    }
    drop(happened);
    join(other);
    "seen".into()
}

fn join_a_thread(panic: bool) -> Outcome {
    let thread = start("thread", move || {
        if panic {
            throw("boom");
        }
    });
    match thread.join() {
        Ok(()) => "nothing".into(),
        Err(payload) => (*payload.downcast_ref::<&str>().unwrap_or(&"another payload")).into(),
    }
}

fn leave_a_thread(notified: bool) -> Outcome {
    let event = Arc::new((Mutex::new(notified), Condvar::new()));
    drop(start("left alone", {
        let event = Arc::clone(&event);
        move || {
            let mut happened = event.0.lock();
            while !*happened {
                event.1.wait(&mut happened);
            }
        }
    }));
    "nobody joins".into()
}

/// A lock that may own another one.
struct Link(Option<Arc<Mutex<Link>>>);

fn share_a_lock(in_a_circle: bool) -> Outcome {
    let first = Arc::new(Mutex::new(Link(None)));
    let second = Arc::new(Mutex::new(Link(Some(Arc::clone(&first)))));
    if in_a_circle {
        first.lock().0 = Some(Arc::clone(&second));
    }
    join(start("other", move || drop(second.lock().0.clone())));
    "dropped".into()
}
