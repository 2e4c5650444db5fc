//! Time: the operating system's, or a virtual time that passes only while everybody sleeps.
//!
//! A virtual clock knows its parties: every loop that runs on it and every thread that it spawned.
//! A party is running, or blocked with or without a moment at which it wants to go on. When the last
//! running party blocks, time jumps to the earliest such moment and exactly one party goes on, ties in
//! the order in which they blocked. So a program of several threads runs at once, and the same way
//! each time.
//!
//! A loop's thread is one party while the loop runs, whether it sleeps in its poll or one of its callbacks
//! blocks in `sleep` or in a wait: a post ends the first and not the others.
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
    /// Virtual time passes when every loop and thread of the clock is blocked; a thread that the clock
    /// did not spawn counts as one of them for as long as it sleeps here.
    pub fn sleep(&self, delay: Duration) {
        match &self.0 {
            Kind::Real(_) => std::thread::sleep(delay),
            Kind::Virtual(shared) => {
                let (party, guest) = match current_party() {
                    Some(party) if Arc::ptr_eq(&party.shared, shared) => (party, false),
                    _ => (shared.join(), true),
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
        let party = shared.join();
        let own = party.clone();
        let spawned = thread::spawn_with(name.into(), LeaveOnDrop(party.clone()), move || {
            PARTY.set(Some(own));
            body();
        });
        match spawned {
            Ok(thread) => {
                party.wait_for_first_block();
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

    /// A loop begins to run in this thread and will sleep on `pipe`.
    pub(super) fn attend(&self, pipe: &Arc<Pipe>) -> Option<Presence> {
        let Kind::Virtual(shared) = &self.0 else { return None };
        let before = current_party();
        let party = match &before {
            Some(party) if Arc::ptr_eq(&party.shared, shared) => party.clone(),
            _ => {
                let party = shared.join();
                PARTY.set(Some(party.clone()));
                party
            }
        };
        party.set_pipe(Some(pipe));
        Some(Presence { party, before })
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
    condvar: Arc<Condvar>,
    /// What its loop sleeps on, while one runs in its thread.
    pipe: Option<Weak<Pipe>>,
    /// `None` while running.
    blocked: Option<Block>,
    /// Let go by the clock and not by a notification.
    timed_out: bool,
    /// A byte that came before the loop slept; it must look again instead.
    pending: bool,
    ever_blocked: bool,
}

#[derive(Clone, Copy)]
struct Block {
    until: Option<Time>,
    order: u64,
    /// In the loop's poll, which a byte in the pipe ends.
    in_poll: bool,
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
            seat.timed_out = true;
            let in_poll = seat.blocked.take().is_some_and(|block| block.in_poll);
            match seat.pipe.as_ref().filter(|_| in_poll).and_then(Weak::upgrade) {
                Some(pipe) => pipe.wake_by_clock(),
                None => _ = seat.condvar.notify_all(),
            }
        }
    }
}

impl Shared {
    fn join(self: &Arc<Self>) -> Party {
        let mut state = self.state.lock();
        state.served += 1;
        let serial = state.served;
        let index = state.parties.insert(Seat {
            serial,
            condvar: Arc::new(Condvar::new()),
            pipe: None,
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

    /// The thread is about to wait.
    pub(super) fn block(&self, until: Option<Time>) {
        self.block_as(until, false);
    }

    /// The loop is about to sleep in its poll; false if a byte came first and it must look again.
    pub(super) fn block_in_poll(&self, until: Option<Time>) -> bool {
        self.block_as(until, true)
    }

    fn block_as(&self, until: Option<Time>, in_poll: bool) -> bool {
        let mut state = self.shared.state.lock();
        state.blocks += 1;
        let order = state.blocks;
        let Some(seat) = state.seat(self.key) else { return false };
        if in_poll && std::mem::take(&mut seat.pending) {
            return false;
        }
        seat.blocked = Some(Block { until, order, in_poll });
        seat.timed_out = false;
        if !std::mem::replace(&mut seat.ever_blocked, true) {
            self.shared.first_block.notify_all();
        }
        state.jump_if_idle();
        true
    }

    /// What the thread waits for has come: it counts as running from here on, scheduled or not.
    pub(super) fn unblock(&self) {
        let mut state = self.shared.state.lock();
        let Some(seat) = state.seat(self.key) else { return };
        if seat.blocked.take_if(|block| !block.in_poll).is_some() {
            seat.condvar.notify_all();
        }
    }

    /// A byte is about to be written for the loop: it counts as running, unless a callback of it waits.
    pub(super) fn expect_byte(&self) {
        let mut state = self.shared.state.lock();
        let Some(seat) = state.seat(self.key) else { return };
        if seat.blocked.take_if(|block| block.in_poll).is_none() {
            seat.pending = true;
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
            let condvar = Arc::clone(&seat.condvar);
            condvar.wait(&mut state);
        }
    }

    /// What a byte has to be written to when the loop's moment comes.
    pub(super) fn set_pipe(&self, pipe: Option<&Arc<Pipe>>) {
        if let Some(seat) = self.shared.state.lock().seat(self.key) {
            seat.pipe = pipe.map(Arc::downgrade);
        }
    }

    /// Returns when the party has blocked for the first time, or left.
    fn wait_for_first_block(&self) {
        let mut state = self.shared.state.lock();
        while state.seat(self.key).is_some_and(|seat| !seat.ever_blocked) {
            self.shared.first_block.wait(&mut state);
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

/// A loop runs in this thread; see [`Clock::attend`].
pub(super) struct Presence {
    pub(super) party: Party,
    before: Option<Party>,
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.party.set_pipe(None);
        let was_there = self.before.as_ref().is_some_and(|before| before.is(&self.party));
        if !was_there {
            // A thread whose locals are gone has no place to give back.
            let _ = PARTY.try_with(|current| current.replace(self.before.take()));
            self.party.leave();
        }
    }
}

thread_local! {
    /// Set in threads that a virtual clock spawned, and while a loop of one runs.
    static PARTY: RefCell<Option<Party>> = const { RefCell::new(None) };
}

/// The calling thread's place on a virtual clock, if it has one.
pub(super) fn current_party() -> Option<Party> {
    PARTY.try_with(|party| party.borrow().clone()).ok().flatten()
}
