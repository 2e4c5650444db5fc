//! Callbacks that can be cancelled until they begin.
//!
//! Clauses H-1 to H-4. States of a callback:
//!
//! * *pending*: the slot holds the callback; cancel takes it out and drops it, run takes it out and calls it;
//! * *begun*: it was called, or is being called; cancel changes nothing and says so;
//! * *cancelled*: it was dropped unrun; running it does nothing.
//!
//! The one move out of *pending* is the linearization point of both `run` and `cancel`: a cell for callbacks
//! of the loop thread, a mutex for those that any thread may cancel. The callback is called and dropped
//! with neither held, so cancel never waits for it.
//!
//! What `call_soon` is given shares its allocation with others (`strip`). Timers, which stay for longer, and what
//! other threads post have one each.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use crate::primitives::{Arc, Checked, Mutex, Time, checked_mutex};
use crate::strip::Place;

enum Slot<F> {
    Pending(F),
    Begun,
    Cancelled,
}

impl<F> Checked for Slot<F> {
    fn check(&self) {}

    fn state(&self) -> String {
        let state = match self {
            Slot::Pending(_) => "pending",
            Slot::Begun => "begun",
            Slot::Cancelled => "cancelled",
        };
        state.to_owned()
    }
}

impl<F> Slot<F> {
    /// Takes a pending callback out, leaving `next`; any other state stays.
    fn take(&mut self, next: Slot<F>) -> Option<F> {
        if !matches!(self, Slot::Pending(_)) {
            return None;
        }
        match std::mem::replace(self, next) {
            Slot::Pending(callback) => Some(callback),
            Slot::Begun | Slot::Cancelled => None,
        }
    }
}

/// A callback behind either kind of slot.
pub(crate) trait Call {
    /// Calls it if it is pending. Unwinds as the callback does.
    fn run(&self);
    /// Drops it if it is pending; whether it was.
    fn cancel(&self) -> bool;
    fn cancelled(&self) -> bool;
}

/// A timer's callback that only the loop thread touches.
pub(crate) struct LocalCall<F>(RefCell<Slot<F>>);

impl<F: FnOnce() + 'static> LocalCall<F> {
    pub(crate) fn erased(callback: F) -> Rc<dyn Call> {
        Rc::new(LocalCall(RefCell::new(Slot::Pending(callback))))
    }
}

impl<F: FnOnce()> Call for LocalCall<F> {
    fn run(&self) {
        let callback = self.0.borrow_mut().take(Slot::Begun);
        if let Some(callback) = callback {
            callback();
        }
    }

    fn cancel(&self) -> bool {
        let callback = self.0.borrow_mut().take(Slot::Cancelled);
        callback.is_some()
    }

    fn cancelled(&self) -> bool {
        matches!(*self.0.borrow(), Slot::Cancelled)
    }
}

/// A callback that the loop runs and any thread may cancel.
pub(crate) struct SharedCall<F>(Mutex<Slot<F>>);

/// The object-safe face of a [`SharedCall`].
pub(crate) type ArcCall = Arc<dyn Call + Send + Sync>;

impl<F: FnOnce() + Send + 'static> SharedCall<F> {
    pub(crate) fn erased(callback: F) -> ArcCall {
        Arc::new(SharedCall(checked_mutex(Slot::Pending(callback))))
    }
}

//= SPEC.md#h-1
//# A handle that was cancelled before its callback began MUST never run it.
//= SPEC.md#h-2
//# Cancelling a handle MUST drop its callback, with everything the callback owns, before the call
//# returns.
//= SPEC.md#h-4
//# Cancelling a handle whose callback is running MUST NOT wait for it.
impl<F: FnOnce()> Call for SharedCall<F> {
    fn run(&self) {
        let callback = self.0.lock().take(Slot::Begun);
        if let Some(callback) = callback {
            callback();
        }
    }

    fn cancel(&self) -> bool {
        // Dropped after the lock and before the return.
        let callback = self.0.lock().take(Slot::Cancelled);
        callback.is_some()
    }

    fn cancelled(&self) -> bool {
        matches!(*self.0.lock(), Slot::Cancelled)
    }
}

/// A callback scheduled by the loop thread; from [`LocalLoop::call_soon`](crate::LocalLoop::call_soon).
///
/// Dropping the handle does not cancel. Not `Send`: a foreign thread gets a [`ThreadsafeHandle`].
///
/// ```
/// # let event_loop = loopgate::EventLoop::new()?;
/// let handle = event_loop.call_soon(|| unreachable!("cancelled in time"))?;
/// assert!(handle.cancel());
/// assert!(handle.cancelled() && !handle.cancel());
/// # Ok::<(), loopgate::Exception>(())
/// ```
#[derive(Clone)]
pub struct Handle(pub(crate) Place);

impl Handle {
    //= SPEC.md#h-3
    //# Cancelling a handle MUST be idempotent, and MUST return whether this call prevented the
    //# callback.
    /// Drops the callback if it has not begun; returns whether this call prevented it (clauses H-1 to H-4).
    pub fn cancel(&self) -> bool {
        self.0.cancel()
    }

    /// Whether the callback was cancelled before it began.
    #[must_use]
    pub fn cancelled(&self) -> bool {
        self.0.cancelled()
    }
}

/// A callback that any thread may cancel; from
/// [`LoopHandle::call_soon_threadsafe`](crate::LoopHandle::call_soon_threadsafe).
///
/// Cancelling never blocks, also while the callback is running (clause H-4). Dropping the handle does
/// not cancel.
#[derive(Clone)]
pub struct ThreadsafeHandle(pub(crate) ArcCall);

impl ThreadsafeHandle {
    /// Drops the callback if it has not begun; returns whether this call prevented it (clauses H-1 to H-4).
    pub fn cancel(&self) -> bool {
        self.0.cancel()
    }

    /// Whether the callback was cancelled before it began.
    #[must_use]
    pub fn cancelled(&self) -> bool {
        self.0.cancelled()
    }
}

/// A timer set by the loop thread; from [`LocalLoop::call_later`](crate::LocalLoop::call_later).
#[derive(Clone)]
pub struct TimerHandle {
    pub(crate) call: Rc<dyn Call>,
    pub(crate) when: Time,
}

impl TimerHandle {
    /// Drops the callback if it has not begun; returns whether this call prevented it.
    pub fn cancel(&self) -> bool {
        self.call.cancel()
    }

    /// Whether the timer was cancelled before its callback began.
    #[must_use]
    pub fn cancelled(&self) -> bool {
        self.call.cancelled()
    }

    /// The deadline, on the loop's clock.
    #[must_use]
    pub fn when(&self) -> Time {
        self.when
    }
}

/// A timer that any thread may cancel; from
/// [`LoopHandle::call_later_threadsafe`](crate::LoopHandle::call_later_threadsafe).
#[derive(Clone)]
pub struct ThreadsafeTimerHandle {
    pub(crate) call: ArcCall,
    pub(crate) when: Time,
}

impl ThreadsafeTimerHandle {
    /// Drops the callback if it has not begun; returns whether this call prevented it. Never blocks.
    pub fn cancel(&self) -> bool {
        self.call.cancel()
    }

    /// Whether the timer was cancelled before its callback began.
    #[must_use]
    pub fn cancelled(&self) -> bool {
        self.call.cancelled()
    }

    /// The deadline, on the loop's clock.
    #[must_use]
    pub fn when(&self) -> Time {
        self.when
    }
}

macro_rules! debug_as_state {
    ($($handle:ident),*) => {$(
        impl fmt::Debug for $handle {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($handle)).field("cancelled", &self.cancelled()).finish()
            }
        }
    )*};
}
debug_as_state!(Handle, ThreadsafeHandle, TimerHandle, ThreadsafeTimerHandle);
