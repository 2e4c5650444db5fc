//! Locks, condition variables and atomics.
//!
//! The lock is the explorer's, which tries all orders. The condition variable is our own, on the roster: a
//! wait may time out at any moment and may return without a reason, and a notification may go to any
//! waiter. A wait that ends early never joins the waiters: it releases the lock and takes it again, with
//! anything happening in between, so it takes no notification away from others.
//!
//! One limit under loom: its lock wraps std's, which a panic poisons, and all threads of a model are one to std.
//! So a lock that is taken, and then let go while any thread unwinds, cannot be taken again; the next
//! `lock` fails the model, loudly. It takes a destructor that does a visible step while it is unwound,
//! or a panic under a lock, which the kernel promises not to have.

use std::any::type_name;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::thread::panicking;
use std::time::Duration;

use std::sync::atomic::Ordering;

use super::choice::{Question, flip, flip_once};
use super::engine::{self, Flag, Lock, Locked};
use super::gated::Gated;
use super::{roster, trace, with};
use crate::primitives::Checked;

/// A name for reports: an index into this execution's objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Object(pub(super) usize);

impl Object {
    pub(super) fn new(name: &'static str) -> Object {
        Object(with(|run| run.roster.add_object(name)))
    }

    /// Named after the last segment of a type's path, without its parameters.
    fn of<T>() -> Object {
        let path = type_name::<T>();
        let path = path.split_once('<').map_or(path, |(path, _)| path);
        Object::new(path.rsplit("::").next().unwrap_or(path))
    }

    pub(super) fn name(self) -> String {
        with(|run| run.roster.object_name(self))
    }

    /// It was dropped. What is never dropped in an execution is a leak.
    pub(super) fn gone(self) {
        roster::forget_object(self);
    }
}

/// Mutual exclusion; can only be taken, not tried.
pub struct Mutex<T> {
    inner: Lock<T>,
    object: Object,
    shown: Shown<T>,
}

/// How a protected value shows itself to a checker, each time that its lock is let go.
struct Shown<T> {
    invariant: fn(&T),
    state: Option<fn(&T) -> String>,
}

impl<T> Mutex<T> {
    /// A free lock.
    pub fn new(value: T) -> Mutex<T> {
        let shown = Shown { invariant: |_| (), state: None };
        Mutex { inner: Lock::new(value), object: Object::of::<T>(), shown }
    }

    /// Blocks until the lock is free and takes it.
    #[track_caller]
    pub fn lock(&self) -> MutexGuard<'_, T> {
        let at = Location::caller();
        let inner = Some(self.acquire(at));
        trace::record("lock", Some(self.object), "", at);
        MutexGuard { mutex: self, inner, acquired_in_panic: panicking() }
    }

    fn acquire(&self, at: &'static Location<'static>) -> Locked<'_, T> {
        roster::before_lock(self.object, at);
        let guard = self.inner.acquire(self.object);
        roster::after_lock(self.object);
        guard
    }
}

impl<T> Drop for Mutex<T> {
    fn drop(&mut self) {
        self.object.gone();
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Mutex<T> {
        Mutex::new(T::default())
    }
}

impl<T> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mutex").finish_non_exhaustive()
    }
}

/// A free lock around a value whose invariant is checked, and whose state is recorded, each time that
/// the lock is let go.
pub(crate) fn checked_mutex<T: Checked>(value: T) -> Mutex<T> {
    let shown = Shown { invariant: T::check, state: Some(T::state) };
    Mutex { inner: Lock::new(value), object: Object::of::<T>(), shown }
}

/// Holds a [`Mutex`] until dropped.
pub struct MutexGuard<'a, T> {
    mutex: &'a Mutex<T>,
    /// `None` only inside [`Condvar`]'s waits.
    inner: Option<Locked<'a, T>>,
    acquired_in_panic: bool,
}

impl<T> MutexGuard<'_, T> {
    /// Lets the lock go; what it protects, if that shows itself.
    fn release(&mut self) -> Option<String> {
        let value = self.inner.take()?;
        let object = self.mutex.object;
        if !panicking() {
            (self.mutex.shown.invariant)(&value);
        }
        let state = self.mutex.shown.state.map(|state| state(&value));
        drop(value);
        engine::released(object);
        roster::after_unlock(object, panicking() && !self.acquired_in_panic);
        state
    }

    fn acquire_again(&mut self, at: &'static Location<'static>) {
        self.inner = Some(self.mutex.acquire(at));
        self.acquired_in_panic = panicking();
    }
}

impl<T> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        let state = self.release();
        trace::record_unlock(self.mutex.object, state);
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.inner.as_ref().expect("held")
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.inner.as_mut().expect("held")
    }
}

impl<T: fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// Until when a thread is willing to wait.
///
/// Not tied to any clock: a timeout fires at any moment, whatever the loops' clocks show.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Option<Duration>);

impl Deadline {
    /// `timeout` from now; zero is past already; `None` is never.
    pub fn after(timeout: Option<Duration>) -> Deadline {
        Deadline(timeout)
    }
}

/// A condition variable.
#[derive(Debug)]
pub struct Condvar {
    gate: Gated<()>,
}

impl Condvar {
    /// A condition variable that nobody waits on.
    pub fn new() -> Condvar {
        Condvar { gate: Gated::new("Condvar", ()) }
    }

    /// Waits for a notification; may return without one.
    #[track_caller]
    pub fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        self.wait_until(guard, Deadline(None));
    }

    /// Waits for a notification or the deadline; true if it was the deadline. May return early.
    #[track_caller]
    pub fn wait_until<T>(&self, guard: &mut MutexGuard<'_, T>, deadline: Deadline) -> bool {
        let at = Location::caller();
        let early = self.ends_early(deadline, at);
        if early.is_none() {
            self.gate.step(|()| roster::wait(self.gate.object(), deadline.0, at));
            trace::record("waits on", Some(self.gate.object()), "", at);
        }
        let state = guard.release();
        match early {
            None => trace::record_state(guard.mutex.object, state),
            Some(_) => trace::record_unlock(guard.mutex.object, state),
        }
        let timed_out = early.unwrap_or_else(roster::sleep);
        guard.acquire_again(at);
        let outcome = if timed_out { "timed out" } else { "woken" };
        trace::record("stops waiting on", Some(self.gate.object()), outcome, at);
        timed_out
    }

    /// Whether this wait ends by itself, and if so whether by its timeout.
    fn ends_early(&self, deadline: Deadline, at: &'static Location<'static>) -> Option<bool> {
        let (cures, spurious) =
            with(|run| (run.environment.cures, run.environment.spurious_wakeups));
        let fires = match deadline.0 {
            Some(Duration::ZERO) => true,
            Some(_) => cures.early_timeouts && flip(Question::Timeout, at),
            None => false,
        };
        if fires {
            Some(true)
        } else if spurious && flip_once(Question::Spurious, self.gate.object(), at) {
            Some(false)
        } else {
            None
        }
    }

    /// Wakes one waiter, if there is one: any of them.
    #[track_caller]
    pub fn notify_one(&self) {
        let at = Location::caller();
        let waiters = self.gate.step(|()| roster::waiters(self.gate.object()));
        let any = with(|run| run.environment.cures.any_waiter);
        let mut candidates = waiters.iter();
        let mut chosen = candidates.next();
        for next in candidates {
            if !any || !flip(Question::PassOver, at) {
                break;
            }
            chosen = Some(next);
        }
        chosen.into_iter().copied().for_each(roster::wake);
        trace::record("notify one of", Some(self.gate.object()), waiting(waiters.len()), at);
    }

    /// Wakes every waiter.
    #[track_caller]
    pub fn notify_all(&self) {
        let at = Location::caller();
        let waiters = self.gate.step(|()| roster::waiters(self.gate.object()));
        waiters.iter().copied().for_each(roster::wake);
        trace::record("notify all of", Some(self.gate.object()), waiting(waiters.len()), at);
    }
}

fn waiting(count: usize) -> &'static str {
    ["nobody waits", "1 waits", "2 wait", "3 wait"].get(count).unwrap_or(&"many wait")
}

impl Default for Condvar {
    fn default() -> Condvar {
        Condvar::new()
    }
}

/// A flag: under loom with C11's semantics, weak orders included.
pub struct AtomicBool {
    flag: Flag,
    object: Object,
}

impl AtomicBool {
    /// A flag.
    pub fn new(value: bool) -> AtomicBool {
        AtomicBool { flag: Flag::new(value), object: Object::new("AtomicBool") }
    }

    /// Reads the flag.
    ///
    /// # Panics
    /// If `order` is sequentially consistent: use a swap.
    #[track_caller]
    pub fn load(&self, order: Ordering) -> bool {
        refuse_seq_cst(order);
        let value = self.flag.load(self.object, order);
        self.record("load", value);
        value
    }

    /// Writes the flag.
    ///
    /// # Panics
    /// If `order` is sequentially consistent: use a swap.
    #[track_caller]
    pub fn store(&self, value: bool, order: Ordering) {
        refuse_seq_cst(order);
        self.flag.store(self.object, value, order);
        self.record("store", value);
    }

    /// Writes the flag and returns what it was.
    #[track_caller]
    pub fn swap(&self, value: bool, order: Ordering) -> bool {
        let old = self.flag.swap(self.object, value, order);
        let change = format!("{old} -> {value}");
        trace::record("swap", Some(self.object), change, Location::caller());
        old
    }

    #[track_caller]
    fn record(&self, operation: &'static str, value: bool) {
        let value = if value { "true" } else { "false" };
        trace::record(operation, Some(self.object), value, Location::caller());
    }
}

/// loom treats such accesses as acquire and release, so a program that needs more would pass unseen.
#[track_caller]
fn refuse_seq_cst(order: Ordering) {
    let refuses = with(|run| run.environment.cures.refuse_seq_cst);
    assert!(
        !refuses || order != Ordering::SeqCst,
        "a sequentially consistent load or store, which loom treats as acquire and release: \
         use a read-modify-write (at {})",
        Location::caller()
    );
}

impl Drop for AtomicBool {
    fn drop(&mut self) {
        self.object.gone();
    }
}

impl Default for AtomicBool {
    fn default() -> AtomicBool {
        AtomicBool::new(false)
    }
}

impl fmt::Debug for AtomicBool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AtomicBool").finish_non_exhaustive()
    }
}
