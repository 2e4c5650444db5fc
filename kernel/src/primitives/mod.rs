//! The switch: everything nondeterministic that the kernel touches, in one place.
//!
//! Locks, condition variables, atomics, threads, the clock, the self-pipe and the poll all come from
//! here and from nowhere else. A side implements the same names:
//!
//! * `real`: parking_lot, std's atomics, a pipe, epoll or kqueue through mio, and a clock
//!   that is the OS's or a virtual one shared by loops and threads;
//! * `model` (under `cfg(loom)` and `cfg(shuttle)`): an explorer of interleavings, plus what it lacks
//!   (timeouts that may fire at any moment, spurious wake-ups, a bounded pipe), plus cures for what
//!   hides interleavings from it. Which of the two explorers it is, only `model/engine` knows.
//!
//! Nothing above this folder names `loom`, `shuttle`, `std::sync`, `std::thread`, `Instant` or
//! parking_lot, and the two cfgs occur nowhere else. What a side approximates is a row of SPEC.md's chapter P.
//!
//! Rules that both sides keep, so that the models mean something:
//! a lock cannot be tried, only taken; no thread is ever parked, only waits on a condition variable;
//! no sequentially consistent load or store is offered, only read-modify-writes; `Arc` is std's on
//! both sides, its reference count an assumption (P rows of SPEC.md).

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "this is the one place that may name what is forbidden elsewhere"
)]

mod time;

#[cfg(not(any(loom, shuttle)))]
mod real;
#[cfg(not(any(loom, shuttle)))]
use real as side;

#[cfg(any(loom, shuttle))]
pub(crate) mod model;
#[cfg(any(loom, shuttle))]
use model as side;

#[cfg(any(loom, shuttle, feature = "checkers"))]
mod environment;
#[cfg(any(loom, shuttle, feature = "checkers"))]
mod record;

pub use side::clock::Clock;
pub use side::thread::JoinHandle;
pub use time::Time;

pub(crate) use side::clock::Hold;
pub(crate) use side::patience::spin;
pub(crate) use side::pipe::{Drained, Pipe};
pub(crate) use side::poll::{Attendance, Interest, Poller, Readiness, Until};
pub(crate) use side::sync::{AtomicBool, Condvar, Deadline, Mutex, MutexGuard, checked_mutex};
pub(crate) use side::thread;
pub(crate) use side::thread_local;
pub(crate) use std::sync::atomic::Ordering;

/// std's, on both sides: its counting is not modelled.
pub(crate) type Arc<T> = std::sync::Arc<T>;

/// Whether nobody but the caller can reach what he holds `count` references to. What others did with theirs has then
/// happened before.
pub(crate) fn is_held_here_only<T>(held: &Arc<T>, count: usize) -> bool {
    let only = Arc::strong_count(held) == count;
    // Ordering: Acquire pairs with the release by which an `Arc` is let go of.
    std::sync::atomic::fence(Ordering::Acquire);
    only
}

/// A number that is replaced only while nobody else can reach it ([`is_held_here_only`]). Not modelled.
#[derive(Default)]
pub(crate) struct Label(std::sync::atomic::AtomicU64);

impl Label {
    pub(crate) fn get(&self) -> u64 {
        // Relaxed: whoever reads it was handed the reference after it was written.
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn set(&self, number: u64) {
        // Relaxed: as above.
        self.0.store(number, Ordering::Relaxed);
    }
}

/// What a value behind a lock shows to an explorer, each time that its lock is let go.
///
/// Such a value is locked by [`checked_mutex`].
#[cfg_attr(
    not(any(loom, shuttle)),
    allow(dead_code, reason = "only an explorer looks at each release of a lock")
)]
pub(crate) trait Checked {
    /// Panics if the representation is broken.
    fn check(&self);

    /// What the reader of an interleaving wants to know of it, in a few words.
    fn state(&self) -> String;
}

/// How a checker steers a model and reads what happened in it; with the model side's own primitives,
/// for models of the model.
#[cfg(any(loom, shuttle))]
pub mod checked {
    pub use super::environment::{Cures, Environment};
    pub use super::model::choice::{Assignment, NotAnAssignment, Place, choose};
    pub use super::model::trace::{conclude, history, interleaving, measure, note};
    pub use super::model::{
        answers_were_cut, execute, most_threads, new_places, prepare, prepare_open,
    };
    pub use super::record::{Interleaving, Step};

    #[cfg(shuttle)]
    pub use super::model::engine::{Access, Target, able, accesses, announced};

    pub use super::model::clock::Clock;
    pub use super::model::pipe::{Drained, Pipe, Written};
    pub use super::model::poll::{Interest, Poller, Readiness, Until};
    pub use super::model::sync::{AtomicBool, Condvar, Deadline, Mutex, MutexGuard};
    pub use super::model::thread::{self, JoinHandle};
    pub use std::sync::{Arc, atomic::Ordering};
}

/// What of that there is on the real side, so that the bodies of models run there too.
#[cfg(all(not(any(loom, shuttle)), feature = "checkers"))]
pub mod checked {
    pub use super::environment::{Cures, Environment};
    pub use super::real::checked::{choose, interleaving, note};
    pub use super::record::{Interleaving, Step};

    pub use super::real::checked::{Condvar, Mutex, thread};
    pub use super::real::clock::Clock;
    pub use super::real::thread::JoinHandle;
    pub use std::sync::Arc;
    pub use std::sync::atomic::{AtomicBool, Ordering};
}

/// A number that no other call in this process returns.
///
/// Not modelled: nothing in the kernel branches on which number it gets, only on equality.
pub(crate) fn unique_id() -> u64 {
    use std::cell::Cell;
    use std::sync::atomic::AtomicU64;
    /// How many numbers a thread takes at once.
    const BLOCK: u64 = 64;
    static NEXT: AtomicU64 = AtomicU64::new(1);
    std::thread_local! { static OWN: Cell<u64> = const { Cell::new(1) }; }
    OWN.with(|own| {
        let mut number = own.get();
        if (number - 1).is_multiple_of(BLOCK) {
            // Relaxed: the number alone is used, nothing is published through it.
            number = NEXT.fetch_add(BLOCK, Ordering::Relaxed);
        }
        own.set(number + 1);
        number
    })
}
