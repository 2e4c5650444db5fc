//! Time: the operating system's, or a virtual time that passes only while everybody sleeps.
//!
//! A virtual clock knows its parties: every loop that runs on it and every thread that it spawned.
//! A party is running, or blocked with or without a moment at which it wants to go on. When the last
//! running party blocks, time jumps to the earliest such moment and exactly one party goes on, ties in
//! the order in which they blocked. So a program of several threads runs at once, and the same way
//! each time.
//!
//! Who touches what: `State` only under its lock; a party's own thread blocks it, anybody unblocks it.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use slab::Slab;

use super::pipe::Pipe;
use super::thread::{self, JoinHandle};
use crate::primitives::Time;

/// The clock of a loop and of the threads around it: real, or virtual.
///
/// Clones show the same time. Thread-safe.
///
/// ```
/// use loopgate::Clock;
/// use std::time::Duration;
///
/// let clock = Clock::virtual_time();
/// let start = clock.now();
/// let year = Duration::from_secs(365 * 24 * 60 * 60);
/// let sleeper = { let clock = clock.clone(); clock.clone().spawn("sleeper", move || clock.sleep(year))? };
/// sleeper.join().unwrap();
/// assert_eq!(clock.now().saturating_since(start), year);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct Clock(Kind);

#[derive(Clone)]
enum Kind {
    Real(Instant),
    Virtual(Arc<Shared>),
}

impl Clock {
    /// The operating system's monotonic clock, its origin now.
    #[must_use]
    pub fn real() -> Clock {
        Clock(Kind::Real(Instant::now()))
    }

    /// A clock that stands still while anybody runs and jumps to the next deadline when nobody does.
    ///
    /// It waits for the loops that run on it, for threads started with [`Clock::spawn`] and for work
    /// handed to an executor by such a loop. Of any other thread it knows nothing.
    #[must_use]
    pub fn virtual_time() -> Clock {
        Clock(Kind::Virtual(Arc::new(Shared::default())))
    }

    /// The present moment.
    #[must_use]
    pub fn now(&self) -> Time {
        match &self.0 {
            Kind::Real(origin) => {
                // Past the range only after five centuries; then time stands still.
                Time::from_nanos(u64::try_from(origin.elapsed().as_nanos()).unwrap_or(u64::MAX))
            }
            Kind::Virtual(shared) => shared.state.lock().now,
        }
    }

    /// Whether time is virtual.
    #[must_use]
    pub fn is_virtual(&self) -> bool {
        matches!(self.0, Kind::Virtual(_))
    }

    /// Blocks the calling thread for `delay` of this clock's time.
    ///
    /// On a virtual clock call it from a thread that [`Clock::spawn`] started; from any other thread
    /// it returns at once, having moved the clock on by `delay` if nobody else was running.
    pub fn sleep(&self, delay: Duration) {
        match &self.0 {
            Kind::Real(_) => std::thread::sleep(delay),
            Kind::Virtual(shared) => {
                let (party, guest) = match current_party() {
                    Some(party) if Arc::ptr_eq(&party.shared, shared) => (party, false),
                    _ => (shared.join(Wake::thread()), true),
                };
                let until = party.now().checked_add(delay);
                party.block(until);
                party.wait_until_running();
                if guest {
                    party.leave();
                }
            }
        }
    }

    /// Starts a named thread that lives on this clock.
    ///
    /// On a virtual clock the new thread goes first: the call returns when the thread has slept,
    /// blocked in one of this crate's waits, or ended. That makes a virtual program repeatable.
    ///
    /// # Errors
    /// The operating system's, when it cannot start a thread.
    pub fn spawn(
        &self,
        name: &str,
        body: impl FnOnce() + Send + 'static,
    ) -> io::Result<JoinHandle> {
        let Kind::Virtual(shared) = &self.0 else { return thread::spawn(name.into(), body) };
        let party = shared.join(Wake::thread());
        let (own, first_block) = (party.clone(), Arc::downgrade(&party.shared));
        let spawned = thread::spawn(name.into(), move || {
            PARTY.set(Some(own.clone()));
            let _leave = LeaveOnDrop(own);
            body();
        });
        match spawned {
            Ok(thread) => {
                wait_for_first_block(&first_block, party.key);
                Ok(thread)
            }
            Err(error) => {
                party.leave();
                Err(error)
            }
        }
    }

    /// Keeps a virtual clock from jumping while work that it cannot see goes on.
    pub(crate) fn hold(&self) -> Hold {
        match &self.0 {
            Kind::Real(_) => Hold(None),
            Kind::Virtual(shared) => {
                shared.state.lock().holds += 1;
                Hold(Some(Arc::clone(shared)))
            }
        }
    }

    /// A loop begins to run and will sleep on `pipe`.
    pub(super) fn join_as_loop(&self, pipe: &Arc<Pipe>) -> Option<Party> {
        match &self.0 {
            Kind::Real(_) => None,
            Kind::Virtual(shared) => Some(shared.join(Wake::Loop(Arc::downgrade(pipe)))),
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_virtual() { "virtual" } else { "real" };
        f.debug_struct("Clock").field("kind", &kind).field("now", &self.now()).finish()
    }
}

/// See [`Clock::hold`]; ends when dropped.
pub(crate) struct Hold(Option<Arc<Shared>>);

impl Drop for Hold {
    fn drop(&mut self) {
        if let Some(shared) = self.0.take() {
            let mut state = shared.state.lock();
            state.holds -= 1;
            state.jump_if_idle();
        }
    }
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// Signalled when a spawned thread has blocked for the first time or ended.
    first_block: Condvar,
}

#[derive(Default)]
struct State {
    now: Time,
    /// Orders the parties that blocked, so that ties are served first come, first served.
    blocks: u64,
    holds: usize,
    parties: Slab<Seat>,
    served: u64,
}

struct Seat {
    serial: u64,
    wake: Wake,
    /// `None` while running.
    blocked: Option<Block>,
    /// Let go by the clock and not by a notification.
    timed_out: bool,
    /// A wake that came before the loop blocked; it must look again instead.
    pending: bool,
    ever_blocked: bool,
}

#[derive(Clone, Copy)]
struct Block {
    until: Option<Time>,
    order: u64,
}

enum Wake {
    Thread(Arc<Condvar>),
    Loop(Weak<Pipe>),
}

impl Wake {
    fn thread() -> Wake {
        Wake::Thread(Arc::new(Condvar::new()))
    }
}

impl State {
    fn seat(&mut self, key: Key) -> Option<&mut Seat> {
        self.parties.get_mut(key.index).filter(|seat| seat.serial == key.serial)
    }

    /// If nobody runs, time passes to the earliest moment that somebody waits for, and they go on.
    fn jump_if_idle(&mut self) {
        if self.holds > 0 || self.parties.iter().any(|(_, seat)| seat.blocked.is_none()) {
            return;
        }
        let next = self
            .parties
            .iter()
            .filter_map(|(index, seat)| {
                let block = seat.blocked?;
                Some((block.until?, block.order, index))
            })
            .min();
        if let Some((until, _, index)) = next {
            self.now = self.now.max(until);
            let seat = &mut self.parties[index];
            seat.blocked = None;
            seat.timed_out = true;
            match &seat.wake {
                Wake::Thread(condvar) => {
                    condvar.notify_all();
                }
                Wake::Loop(pipe) => {
                    if let Some(pipe) = pipe.upgrade() {
                        pipe.wake_by_clock();
                    }
                }
            }
        }
    }
}

impl Shared {
    fn join(self: &Arc<Self>, wake: Wake) -> Party {
        let mut state = self.state.lock();
        state.served += 1;
        let serial = state.served;
        let index = state.parties.insert(Seat {
            serial,
            wake,
            blocked: None,
            timed_out: false,
            pending: false,
            ever_blocked: false,
        });
        Party { shared: Arc::clone(self), key: Key { index, serial } }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Key {
    index: usize,
    serial: u64,
}

/// One loop or thread of a virtual clock.
#[derive(Clone)]
pub(crate) struct Party {
    shared: Arc<Shared>,
    key: Key,
}

impl Party {
    pub(super) fn now(&self) -> Time {
        self.shared.state.lock().now
    }

    pub(super) fn is(&self, other: &Party) -> bool {
        self.key == other.key && Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// The caller is about to sleep; false if a wake came first and it must look again.
    pub(super) fn block(&self, until: Option<Time>) -> bool {
        let mut state = self.shared.state.lock();
        state.blocks += 1;
        let order = state.blocks;
        let Some(seat) = state.seat(self.key) else { return false };
        if std::mem::take(&mut seat.pending) {
            return false;
        }
        seat.blocked = Some(Block { until, order });
        seat.timed_out = false;
        if !std::mem::replace(&mut seat.ever_blocked, true) {
            self.shared.first_block.notify_all();
        }
        state.jump_if_idle();
        true
    }

    /// The party has something to do: it counts as running from here on, scheduled or not.
    pub(super) fn unblock(&self) {
        let mut state = self.shared.state.lock();
        let Some(seat) = state.seat(self.key) else { return };
        match (&seat.wake, seat.blocked.take()) {
            (Wake::Thread(condvar), Some(_)) => {
                condvar.notify_all();
            }
            (Wake::Loop(_), None) => seat.pending = true,
            _ => {}
        }
    }

    /// The loop has returned from its poll, whatever woke it.
    pub(super) fn returned(&self) {
        let mut state = self.shared.state.lock();
        if let Some(seat) = state.seat(self.key) {
            seat.blocked = None;
            seat.pending = false;
        }
    }

    /// Sleeps until unblocked; true if the clock did it because the party's moment came.
    pub(super) fn wait_until_running(&self) -> bool {
        let mut state = self.shared.state.lock();
        loop {
            let Some(seat) = state.seat(self.key) else { return false };
            if seat.blocked.is_none() {
                return seat.timed_out;
            }
            let Wake::Thread(condvar) = &seat.wake else { return false };
            let condvar = Arc::clone(condvar);
            condvar.wait(&mut state);
        }
    }

    pub(super) fn leave(&self) {
        let mut state = self.shared.state.lock();
        if state.seat(self.key).is_some() {
            state.parties.remove(self.key.index);
        }
        self.shared.first_block.notify_all();
        state.jump_if_idle();
    }
}

impl fmt::Debug for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Party({})", self.key.serial)
    }
}

struct LeaveOnDrop(Party);

impl Drop for LeaveOnDrop {
    fn drop(&mut self) {
        self.0.leave();
    }
}

fn wait_for_first_block(shared: &Weak<Shared>, key: Key) {
    let Some(shared) = shared.upgrade() else { return };
    let mut state = shared.state.lock();
    while state.seat(key).is_some_and(|seat| !seat.ever_blocked) {
        shared.first_block.wait(&mut state);
    }
}

thread_local! {
    /// Set in threads that a virtual clock spawned.
    static PARTY: RefCell<Option<Party>> = const { RefCell::new(None) };
}

/// The calling thread's place on a virtual clock, if it has one.
pub(super) fn current_party() -> Option<Party> {
    PARTY.with_borrow(Clone::clone)
}
