//! Who waits for a concurrent future, and is told when it is done.
//!
//! Clauses F-12 and F-21. Waits, awaits, callbacks and loops stand in one list under the future's lock. It
//! is taken out when the future is done, and everybody in it is told with the lock released.

use std::task::Waker;

use smallvec::SmallVec;

use super::ConcurrentFuture;
use super::wait::Waiter;
use crate::awaiting::RemoteAwaiter;
use crate::exception::shield_from_panic;
use crate::primitives::{Arc, Hold};
use crate::wakeup::{Gate, Posted};

type Callback<T> = Box<dyn FnOnce(&ConcurrentFuture<T>) + Send>;

pub(super) enum Listener<T> {
    /// A wait, and the future's place in it.
    Waiter(Arc<Waiter>, usize),
    Awaiter(Awaiter),
    Callback(Callback<T>),
    Notice(Notice),
}

/// Somebody who awaits the future.
pub(super) struct Awaiter {
    /// Of the handle that is awaited.
    pub(super) key: u64,
    /// Of the kernel task that awaits it, if it is one.
    pub(super) port: Option<u64>,
    pub(super) waker: Waker,
}

/// What a loop is to be told: a post, which needs no box and cannot fail.
pub(crate) struct Notice {
    pub(crate) gate: Arc<Gate>,
    pub(crate) of: Posted,
    /// Not if the future is finished.
    pub(crate) only_of_cancel: bool,
    /// Keeps a virtual clock still until the loop has been told.
    pub(crate) hold: Option<Hold>,
}

impl Notice {
    pub(super) fn give(self, end: End) {
        if end == End::Cancelled || !self.only_of_cancel {
            self.gate.post_or_keep(self.of);
        }
        drop(self.hold);
    }
}

/// How a future ended, as far as its audience is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Value,
    Exception,
    Cancelled,
}

/// Most futures have one listener at the most.
#[must_use]
pub(super) struct Audience<T>(SmallVec<[Listener<T>; 1]>);

impl<T> Default for Audience<T> {
    fn default() -> Self {
        Audience(SmallVec::new())
    }
}

impl<T> Audience<T> {
    pub(super) fn add(&mut self, listener: Listener<T>) {
        self.0.push(listener);
    }

    /// Whether nobody in it does anything when a future ends so.
    pub(super) fn is_deaf_to(&self, end: End) -> bool {
        let deaf = |known: &Listener<T>| matches!(known, Listener::Notice(notice) if notice.only_of_cancel && end != End::Cancelled);
        self.0.iter().all(deaf)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes a wait out again.
    pub(super) fn remove_waiter(&mut self, waiter: &Arc<Waiter>) {
        self.0.retain(
            |known| !matches!(known, Listener::Waiter(known, _) if Arc::ptr_eq(known, waiter)),
        );
    }

    /// The await of a handle, if it is by that port.
    pub(super) fn awaiter(&self, of: RemoteAwaiter) -> Option<&Awaiter> {
        self.awaiters().find(|known| known.key == of.key && known.port == Some(of.port))
    }

    pub(super) fn awaiters(&self) -> impl Iterator<Item = &Awaiter> {
        self.0.iter().filter_map(|known| match known {
            Listener::Awaiter(awaiter) => Some(awaiter),
            _ => None,
        })
    }

    /// Stores who awaits a handle; who did before is returned, to be dropped without the lock.
    pub(super) fn set_awaiter(&mut self, awaiter: Awaiter) -> Option<Awaiter> {
        for known in &mut self.0 {
            if let Listener::Awaiter(known) = known
                && known.key == awaiter.key
            {
                return Some(std::mem::replace(known, awaiter));
            }
        }
        self.add(Listener::Awaiter(awaiter));
        None
    }

    /// Takes the await of a handle out again; to be dropped without the lock.
    pub(super) fn remove_awaiter(&mut self, key: u64) -> Option<Listener<T>> {
        let of_handle =
            |known: &Listener<T>| matches!(known, Listener::Awaiter(known) if known.key == key);
        self.0.iter().position(of_handle).map(|index| self.0.remove(index))
    }

    /// How many there are of each kind.
    pub(super) fn census(&self) -> [(usize, &'static str); 4] {
        let count =
            |kind: fn(&Listener<T>) -> bool| self.0.iter().filter(|known| kind(known)).count();
        [
            (count(|known| matches!(known, Listener::Waiter(..))), "waits"),
            (count(|known| matches!(known, Listener::Awaiter(_))), "wakers"),
            (count(|known| matches!(known, Listener::Callback(_))), "callbacks"),
            (count(|known| matches!(known, Listener::Notice(_))), "loops"),
        ]
    }

    //= SPEC.md#f-12
    //# Done-callbacks MUST run once each, in order of registration, in the thread that completed or
    //# cancelled the future, after its waiters were released and with no lock held.
    /// Tells everybody, waiters first; no lock is held. Callbacks are called with the `future`.
    pub(super) fn tell(self, end: End, future: impl Fn() -> ConcurrentFuture<T>) {
        for listener in &self.0 {
            match listener {
                Listener::Waiter(waiter, index) => waiter.done(*index, end == End::Exception),
                Listener::Awaiter(awaiter) => {
                    shield_from_panic("a waker panicked", || awaiter.waker.wake_by_ref());
                }
                Listener::Callback(_) | Listener::Notice(_) => {}
            }
        }
        for listener in self.0 {
            match listener {
                Listener::Callback(callback) => future().call_back(callback),
                Listener::Notice(notice) => notice.give(end),
                told => shield_from_panic("a waker panicked when dropped", || drop(told)),
            }
        }
    }
}
