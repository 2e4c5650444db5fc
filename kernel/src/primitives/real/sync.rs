//! parking_lot's locks, std's atomics, and deadlines that follow the virtual clock where a thread has one.

use std::time::{Duration, Instant};

use super::clock::{Party, current_party};
use crate::primitives::{Checked, Time};

// Aliases and not re-exports: the lint that forbids these types elsewhere sees through a re-export.
pub(crate) type Mutex<T> = parking_lot::Mutex<T>;
pub(crate) type MutexGuard<'a, T> = parking_lot::MutexGuard<'a, T>;
pub(crate) type AtomicBool = std::sync::atomic::AtomicBool;

/// Until when a thread is willing to wait.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Deadline {
    Never,
    Real(Instant),
    Virtual(Time),
}

impl Deadline {
    /// `timeout` from now on the calling thread's clock; `None`, or a sum out of range, means never.
    pub(crate) fn after(timeout: Option<Duration>) -> Deadline {
        let Some(timeout) = timeout else { return Deadline::Never };
        match current_party() {
            Some(party) => {
                party.now().checked_add(timeout).map_or(Deadline::Never, Deadline::Virtual)
            }
            None => Instant::now().checked_add(timeout).map_or(Deadline::Never, Deadline::Real),
        }
    }
}

/// A condition variable that a thread of a virtual clock may wait on in virtual time.
///
/// Such a thread is counted as blocked by its clock, and whoever notifies counts it as running again
/// *before* it can be scheduled: otherwise the clock could see everybody asleep and jump too far.
#[derive(Debug, Default)]
pub(crate) struct Condvar {
    inner: parking_lot::Condvar,
    parties: parking_lot::Mutex<Vec<Party>>,
    has_parties: AtomicBool,
}

impl Condvar {
    pub(crate) fn new() -> Condvar {
        Condvar::default()
    }

    /// Waits for a notification; may return without one.
    pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        self.wait_until(guard, Deadline::Never);
    }

    /// Waits for a notification or the deadline; true if it was the deadline. May return early.
    pub(crate) fn wait_until<T>(&self, guard: &mut MutexGuard<'_, T>, deadline: Deadline) -> bool {
        match (current_party(), deadline) {
            (Some(party), _) => self.wait_virtual(&party, guard, deadline),
            (None, Deadline::Real(at)) => self.inner.wait_until(guard, at).timed_out(),
            (None, _) => {
                self.inner.wait(guard);
                false
            }
        }
    }

    fn wait_virtual<T>(
        &self,
        party: &Party,
        guard: &mut MutexGuard<'_, T>,
        until: Deadline,
    ) -> bool {
        let until = match until {
            Deadline::Virtual(at) => Some(at),
            Deadline::Never | Deadline::Real(_) => None,
        };
        self.parties.lock().push(party.clone());
        // Relaxed: set with the caller's mutex held, and a notifier that this wait must see has held it since.
        self.has_parties.store(true, std::sync::atomic::Ordering::Relaxed);
        party.block(until);
        let timed_out = MutexGuard::unlocked(guard, || party.wait_until_running());
        self.parties.lock().retain(|waiting| !waiting.is(party));
        timed_out
    }

    /// Wakes one waiter, if there is one.
    pub(crate) fn notify_one(&self) {
        self.release_parties();
        self.inner.notify_one();
    }

    /// Wakes every waiter.
    pub(crate) fn notify_all(&self) {
        self.release_parties();
        self.inner.notify_all();
    }

    fn release_parties(&self) {
        // Relaxed: see `wait_virtual`; without virtual threads this is the only cost.
        if self.has_parties.load(std::sync::atomic::Ordering::Relaxed) {
            for party in self.parties.lock().drain(..) {
                party.unblock();
            }
        }
    }
}

/// A free lock around a value that an explorer would look at.
pub(crate) fn checked_mutex<T: Checked>(value: T) -> Mutex<T> {
    Mutex::new(value)
}
