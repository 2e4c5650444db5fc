//! Atomics: every interleaving of accesses, weak memory, and what sequential consistency means.

use std::panic::AssertUnwindSafe;

use loopgate::checkers::model::{Arc, AtomicBool, Cures, Environment, Mutex, Ordering};

use crate::harness::{Change, Control, Model, Outcome, join, panics, start};

const NO_SHADOW: Environment =
    Environment { cures: Cures { shadow: false, ..Cures::ALL }, ..Environment::USUAL };

const SEQ_CST_ACCEPTED: Environment =
    Environment { cures: Cures { refuse_seq_cst: false, ..Cures::ALL }, ..Environment::USUAL };

pub(super) static MODELS: &[Model] = &[
    Model {
        name: "litmus_load_then_store",
        clauses: &["P-5"],
        question: "Are all orders tried of two threads that each load a flag and then store it?",
        only_loom: true,
        outcomes: &["both store", "only main stores", "only other stores"],
        body: load_then_store,
        controls: &[Control {
            name: "no shadow",
            change: Change::Environment(NO_SHADOW),
            fails_with: "outcome never reached",
        }],
        ..Model::LITMUS
    },
    Model {
        name: "litmus_stale_read",
        clauses: &["P-5"],
        question: "Can a relaxed load still read an old value, shadow or not?",
        only_loom: true,
        outcomes: &["neither", "first", "both", "second without first"],
        body: || pass_a_message(Ordering::Relaxed, Ordering::Relaxed),
        controls: &[Control {
            name: "release and acquire",
            change: Change::Body(|| pass_a_message(Ordering::Release, Ordering::Acquire)),
            fails_with: "outcome never reached: second without first",
        }],
        ..Model::LITMUS
    },
    Model {
        name: "litmus_dekker_by_swap",
        clauses: &["P-5"],
        question: "If each of two threads swaps its own flag and then the other's, does one see the other?",
        only_loom: true,
        outcomes: &["main sees", "other sees", "both see"],
        body: || dekker(swap, swap),
        controls: &[Control {
            name: "stores and loads",
            change: Change::Body(|| dekker(store, load)),
            fails_with: "outcome not allowed: neither sees",
        }],
        ..Model::LITMUS
    },
    Model {
        name: "litmus_seq_cst_is_refused",
        clauses: &["P-5"],
        question: "Is a sequentially consistent load refused, which loom would treat as an acquire?",
        threads: 1,
        outcomes: &["refused"],
        body: seq_cst_load,
        controls: &[Control {
            name: "not refused",
            change: Change::Environment(SEQ_CST_ACCEPTED),
            fails_with: "outcome not allowed: accepted",
        }],
        ..Model::LITMUS
    },
    Model {
        name: "litmus_lock_excludes",
        clauses: &["P-1"],
        question: "Do two read-modify-writes under a lock never overlap?",
        outcomes: &["two"],
        body: || count_to_two(true),
        controls: &[Control {
            name: "the lock is let go between reading and writing",
            change: Change::Body(|| count_to_two(false)),
            fails_with: "outcome not allowed: one",
        }],
        ..Model::LITMUS
    },
];

fn load_then_store() -> Outcome {
    fn store_unless_set(flag: &AtomicBool) -> bool {
        let was_set = flag.load(Ordering::Relaxed);
        if !was_set {
            flag.store(true, Ordering::Relaxed);
        }
        !was_set
    }
    let (flag, other_stored) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(false)));
    let other = start("other", {
        let (flag, stored) = (Arc::clone(&flag), Arc::clone(&other_stored));
        move || *stored.lock() = store_unless_set(&flag)
    });
    let main_stored = store_unless_set(&flag);
    join(other);
    match (main_stored, *other_stored.lock()) {
        (true, true) => "both store",
        (true, false) => "only main stores",
        (false, true) => "only other stores",
        (false, false) => "neither stores",
    }
    .into()
}

fn pass_a_message(write: Ordering, read: Ordering) -> Outcome {
    let flags = Arc::new((AtomicBool::new(false), AtomicBool::new(false)));
    let writer = start("writer", {
        let flags = Arc::clone(&flags);
        move || {
            flags.0.store(true, write);
            flags.1.store(true, write);
        }
    });
    let second = flags.1.load(read);
    let first = flags.0.load(read);
    join(writer);
    match (first, second) {
        (false, false) => "neither",
        (true, false) => "first",
        (true, true) => "both",
        (false, true) => "second without first",
    }
    .into()
}

fn swap(flag: &AtomicBool) -> bool {
    flag.swap(true, Ordering::SeqCst)
}

fn store(flag: &AtomicBool) -> bool {
    flag.store(true, Ordering::Release);
    false
}

fn load(flag: &AtomicBool) -> bool {
    flag.load(Ordering::Acquire)
}

fn dekker(raise: fn(&AtomicBool) -> bool, look: fn(&AtomicBool) -> bool) -> Outcome {
    let flags = Arc::new((AtomicBool::new(false), AtomicBool::new(false)));
    let other_saw = Arc::new(Mutex::new(false));
    let other = start("other", {
        let (flags, saw) = (Arc::clone(&flags), Arc::clone(&other_saw));
        move || {
            raise(&flags.1);
            *saw.lock() = look(&flags.0);
        }
    });
    raise(&flags.0);
    let main_saw = look(&flags.1);
    join(other);
    match (main_saw, *other_saw.lock()) {
        (true, true) => "both see",
        (true, false) => "main sees",
        (false, true) => "other sees",
        (false, false) => "neither sees",
    }
    .into()
}

fn seq_cst_load() -> Outcome {
    let flag = AtomicBool::new(false);
    match panics(AssertUnwindSafe(|| _ = flag.load(Ordering::SeqCst))) {
        Some(message) if message.contains("sequentially consistent") => "refused".into(),
        Some(message) => message.into(),
        None => "accepted".into(),
    }
}

fn count_to_two(hold: bool) -> Outcome {
    fn increment(number: &Mutex<u32>, hold: bool) {
        let mut guard = number.lock();
        let old = *guard;
        if !hold {
            drop(guard);
            guard = number.lock();
        }
        *guard = old + 1;
    }
    let number = Arc::new(Mutex::new(0));
    let other = start("other", {
        let number = Arc::clone(&number);
        move || increment(&number, hold)
    });
    increment(&number, hold);
    join(other);
    let number = *number.lock();
    if number == 2 { "two".into() } else { "one".into() }
}
