//! loom's own primitives, as they are without the model side: what it misses, and what it treats alike.
//!
//! The model side is built on these facts and cures most of them. They are pinned here so that another
//! release of loom in which one of them has changed fails a model, instead of leaving a cure that cures
//! nothing or a hole that nobody knows.

use std::time::Duration;

use loom::sync::atomic::{AtomicBool, Ordering};
use loom::sync::{Condvar, Mutex};
use loopgate::checkers::model::Arc;

use crate::harness::{Change, Control, Model, Outcome, join, start};

pub(super) static MODELS: &[Model] = &[
    Model {
        name: "litmus_loom_buffers_no_loads",
        clauses: &["P-5"],
        question: "Is a relaxed load never put behind the relaxed store that follows it?",
        only_loom: true,
        outcomes: &["neither sees", "main sees", "other sees"],
        body: || load_and_store(true),
        controls: &[Control {
            name: "the stores come first",
            change: Change::Body(|| load_and_store(false)),
            fails_with: "outcome not allowed: both see",
        }],
        ..Model::LITMUS
    },
    Model {
        name: "litmus_loom_weakens_seq_cst",
        clauses: &["P-5"],
        question: "Are sequentially consistent stores and loads treated as release and acquire?",
        only_loom: true,
        outcomes: &["neither sees", "main sees", "other sees", "both see"],
        body: || flags_of_two(Ordering::SeqCst, Ordering::SeqCst),
        controls: &[Control {
            name: "they are what they say, they say",
            change: Change::Forbid("neither sees"),
            fails_with: "outcome not allowed: neither sees",
        }],
        ..Model::LITMUS
    },
    Model {
        name: "litmus_loom_notifies_the_first",
        clauses: &["P-4"],
        question: "Does notify_one of loom's condition variable always wake who waited longest?",
        threads: 3,
        only_loom: true,
        outcomes: &["not both waiting", "the first wakes"],
        body: || two_waiters(Condvar::notify_one),
        controls: &[Control {
            name: "all are notified",
            change: Change::Body(|| two_waiters(Condvar::notify_all)),
            fails_with: "outcome not allowed: the second wakes",
        }],
        ..Model::LITMUS
    },
    Model {
        name: "litmus_loom_wakes_only_for_a_reason",
        clauses: &["P-3"],
        question: "Does a wait on loom's condition variable never return without a notification?",
        only_loom: true,
        outcomes: &["the flag is set"],
        body: || notify_and_set(true),
        controls: &[Control {
            name: "the notification comes before the flag",
            change: Change::Body(|| notify_and_set(false)),
            fails_with: "outcome not allowed: woken too early",
        }],
        ..Model::LITMUS
    },
    Model {
        name: "litmus_loom_never_times_out",
        clauses: &["P-2"],
        question: "Does a timed wait on loom's condition variable never time out?",
        only_loom: true,
        outcomes: &["notified"],
        body: || timed_wait(false),
        controls: &[Control {
            name: "the model side's condition variable",
            change: Change::Body(|| timed_wait(true)),
            fails_with: "outcome not allowed: timed out",
        }],
        ..Model::LITMUS
    },
    Model {
        name: "litmus_loom_shares_the_park_token",
        clauses: &["P-2"],
        question: "Does an unpark end a wait on loom's condition variable, which it must not?",
        only_loom: true,
        outcomes: &["woken by the unpark"],
        body: || unpark_a_waiter(true),
        controls: &[Control {
            name: "nobody unparks",
            change: Change::Body(|| unpark_a_waiter(false)),
            fails_with: "deadlock",
        }],
        ..Model::LITMUS
    },
];

fn who_saw(main: bool, other: bool) -> Outcome {
    match (main, other) {
        (false, false) => "neither sees",
        (true, false) => "main sees",
        (false, true) => "other sees",
        (true, true) => "both see",
    }
    .into()
}

fn load_and_store(load_first: bool) -> Outcome {
    let pass = move |own: &AtomicBool, others: &AtomicBool| {
        if !load_first {
            own.store(true, Ordering::Relaxed);
        }
        let saw = others.load(Ordering::Relaxed);
        if load_first {
            own.store(true, Ordering::Relaxed);
        }
        saw
    };
    two_threads(pass)
}

fn flags_of_two(write: Ordering, read: Ordering) -> Outcome {
    two_threads(move |own: &AtomicBool, others: &AtomicBool| {
        own.store(true, write);
        others.load(read)
    })
}

fn two_threads(act: impl Fn(&AtomicBool, &AtomicBool) -> bool + Copy + Send + 'static) -> Outcome {
    let flags = Arc::new((AtomicBool::new(false), AtomicBool::new(false)));
    let saw = Arc::new(Mutex::new(false));
    let other = start("other", {
        let (flags, saw) = (Arc::clone(&flags), Arc::clone(&saw));
        move || {
            let seen = act(&flags.1, &flags.0);
            *saw.lock().expect("nobody panics") = seen;
        }
    });
    let main = act(&flags.0, &flags.1);
    join(other);
    let other = *saw.lock().expect("nobody panics");
    who_saw(main, other)
}

#[derive(Default)]
struct Line {
    waiting: Vec<usize>,
    over: bool,
    first_woken: Option<usize>,
}

fn two_waiters(notify: fn(&Condvar)) -> Outcome {
    let line = Arc::new((Mutex::new(Line::default()), Condvar::new()));
    let waiters = [1, 2].map(|number| {
        let line = Arc::clone(&line);
        start("waiter", move || {
            let mut guard = line.0.lock().expect("nobody panics");
            if guard.over {
                return;
            }
            guard.waiting.push(number);
            guard = line.1.wait(guard).expect("nobody panics");
            if guard.first_woken.is_none() {
                guard.first_woken = Some(number);
            }
            guard.over = true;
            line.1.notify_all();
        })
    });
    let mut guard = line.0.lock().expect("nobody panics");
    let both = guard.waiting.len() == 2;
    if both {
        notify(&line.1);
    } else {
        guard.over = true;
        line.1.notify_all();
    }
    drop(guard);
    waiters.into_iter().for_each(join);
    let guard = line.0.lock().expect("nobody panics");
    match (both, guard.first_woken) {
        (false, _) => "not both waiting",
        (true, woken) if woken == guard.waiting.first().copied() => "the first wakes",
        (true, _) => "the second wakes",
    }
    .into()
}

fn notify_and_set(set_first: bool) -> Outcome {
    let flag = Arc::new((Mutex::new(false), Condvar::new()));
    let other = start("other", {
        let flag = Arc::clone(&flag);
        move || {
            if set_first {
                *flag.0.lock().expect("nobody panics") = true;
            }
            flag.1.notify_one();
            *flag.0.lock().expect("nobody panics") = true;
            flag.1.notify_one();
        }
    });
    let mut guard = flag.0.lock().expect("nobody panics");
    if !*guard {
        guard = flag.1.wait(guard).expect("nobody panics");
    }
    let set = *guard;
    drop(guard);
    join(other);
    if set { "the flag is set".into() } else { "woken too early".into() }
}

fn timed_wait(on_the_model_side: bool) -> Outcome {
    if on_the_model_side {
        use loopgate::checkers::model::{Condvar, Deadline, Mutex};
        let flag = Mutex::new(false);
        let mut guard = flag.lock();
        let deadline = Deadline::after(Some(Duration::from_secs(1)));
        let other = start("other", || ());
        let timed_out = Condvar::new().wait_until(&mut guard, deadline);
        drop(guard);
        join(other);
        return if timed_out { "timed out".into() } else { "woken for no reason".into() };
    }
    let flag = Arc::new((Mutex::new(false), Condvar::new()));
    let other = start("other", {
        let flag = Arc::clone(&flag);
        move || {
            *flag.0.lock().expect("nobody panics") = true;
            flag.1.notify_one();
        }
    });
    let mut guard = flag.0.lock().expect("nobody panics");
    let mut timed_out = false;
    while !*guard && !timed_out {
        let (again, ended) =
            flag.1.wait_timeout(guard, Duration::from_secs(1)).expect("nobody panics");
        (guard, timed_out) = (again, ended.timed_out());
    }
    drop(guard);
    join(other);
    if timed_out { "timed out".into() } else { "notified".into() }
}

fn unpark_a_waiter(unpark: bool) -> Outcome {
    let waiter = loom::thread::current();
    let other = start("other", move || {
        if unpark {
            waiter.unpark();
        }
    });
    let (lock, changed) = (Mutex::new(()), Condvar::new());
    drop(changed.wait(lock.lock().expect("nobody panics")).expect("nobody panics"));
    join(other);
    "woken by the unpark".into()
}
