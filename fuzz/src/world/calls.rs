//! Callbacks and timers.

use std::time::Duration;

use loopgate::{
    DeadlineOverflow, Exception, Handle, LoopClosed, ThreadsafeHandle, ThreadsafeTimerHandle, Time,
    TimerHandle,
};

use super::{Caller, World, world};
use crate::ledger::CallId;
use crate::program::{Millis, Pick, Then};

/// A callback that the loop has accepted.
#[derive(Clone)]
pub(super) struct Scheduled {
    id: CallId,
    handle: AnyHandle,
}

#[derive(Clone)]
enum AnyHandle {
    Soon(Handle),
    SoonThreadsafe(ThreadsafeHandle),
    Later(TimerHandle),
    LaterThreadsafe(ThreadsafeTimerHandle),
}

impl AnyHandle {
    fn cancel(&self) -> bool {
        match self {
            AnyHandle::Soon(handle) => handle.cancel(),
            AnyHandle::SoonThreadsafe(handle) => handle.cancel(),
            AnyHandle::Later(handle) => handle.cancel(),
            AnyHandle::LaterThreadsafe(handle) => handle.cancel(),
        }
    }

    fn cancelled(&self) -> bool {
        match self {
            AnyHandle::Soon(handle) => handle.cancelled(),
            AnyHandle::SoonThreadsafe(handle) => handle.cancelled(),
            AnyHandle::Later(handle) => handle.cancelled(),
            AnyHandle::LaterThreadsafe(handle) => handle.cancelled(),
        }
    }
}

/// What is scheduled: notes that it runs, does what it is to do, and notes when it is dropped.
struct Callback {
    id: CallId,
    then: Then,
}

impl Callback {
    fn run(self) {
        let Some(world) = world() else { return };
        world.callback_runs(self.id);
        world.act(&self.then, Caller::Queue);
    }
}

impl Drop for Callback {
    fn drop(&mut self) {
        let Some(world) = world() else { return };
        world.user_code();
        world.feel_for_borrows();
        world.ledger.borrow_mut().dropped(self.id);
        if let Then::OnDrop(op) = &self.then {
            world.execute(op);
        }
    }
}

impl World {
    /// The loop calls a callback, or the builder of a submitted coroutine.
    pub(super) fn callback_runs(&self, id: CallId) {
        self.user_code();
        let now = self.local.time();
        let judged = self.ledger.borrow_mut().runs(id, now);
        if let Err(violation) = judged {
            self.violated(violation);
        }
        if !self.local.is_running() || !self.handle.is_running() {
            self.violated("a callback runs in a loop that does not (G-3)");
        }
    }

    fn callback(&self, then: &Then) -> (CallId, Callback) {
        let id = self.ledger.borrow_mut().announce();
        (id, Callback { id, then: then.clone() })
    }

    fn accepted(&self, id: CallId, handle: AnyHandle, deadline: Option<Time>) {
        match deadline {
            None => self.ledger.borrow_mut().queued(id),
            Some(deadline) => self.ledger.borrow_mut().timer_set(id, deadline),
        }
        self.calls.borrow_mut().push(Scheduled { id, handle });
    }

    pub(super) fn call_soon(&self, then: &Then) {
        let (id, callback) = self.callback(then);
        if let Some(handle) =
            self.attempt("call_soon", || self.local.call_soon(move || callback.run()))
        {
            self.accepted(id, AnyHandle::Soon(handle), None);
        }
    }

    pub(super) fn call_soon_threadsafe(&self, then: &Then) {
        let (id, callback) = self.callback(then);
        if let Some(handle) = self.attempt("call_soon_threadsafe", || {
            self.handle.call_soon_threadsafe(move || callback.run())
        }) {
            self.accepted(id, AnyHandle::SoonThreadsafe(handle), None);
        }
    }

    pub(super) fn call_later(&self, delay: Millis, then: &Then) {
        let (id, callback) = self.callback(then);
        let deadline = self.deadline(delay);
        if let Some(handle) = self
            .attempt("call_later", || self.local.call_later(delay.delay(), move || callback.run()))
        {
            self.same_deadline(handle.when(), deadline);
            self.accepted(id, AnyHandle::Later(handle), Some(deadline));
        }
    }

    pub(super) fn call_later_threadsafe(&self, delay: Millis, then: &Then) {
        let (id, callback) = self.callback(then);
        let deadline = self.deadline(delay);
        if let Some(handle) = self.attempt("call_later_threadsafe", || {
            self.handle.call_later_threadsafe(delay.delay(), move || callback.run())
        }) {
            self.same_deadline(handle.when(), deadline);
            self.accepted(id, AnyHandle::LaterThreadsafe(handle), Some(deadline));
        }
    }

    fn deadline(&self, delay: Millis) -> Time {
        self.local.time().checked_add(delay.delay()).expect("virtual time begins at zero")
    }

    fn same_deadline(&self, seen: Time, expected: Time) {
        if seen != expected {
            self.violated(format!("a timer is due at {seen} and not at {expected} (D-1, D-7)"));
        }
    }

    pub(super) fn call_later_too_far(&self) {
        let (id, callback) = self.callback(&Then::Nothing);
        let before = self.snapshot();
        let refused = |error: Exception| {
            if !error.is::<DeadlineOverflow>() && !error.is::<LoopClosed>() {
                self.violated(format!("call_later: refused a far deadline with {error}"));
            }
        };
        // A moment after the origin, so that the sum overflows and not only the delay.
        match self.local.call_later(Duration::MAX, move || callback.run()) {
            Ok(_) => self.violated("call_later: a deadline beyond the clock's range (D-3)"),
            Err(error) => refused(error),
        }
        self.unchanged("call_later beyond the clock's range", before);
        if !self.ledger.borrow().is_dropped(id) {
            self.violated("call_later: refused, and kept the callback (D-3)");
        }
    }

    pub(super) fn cancel_call(&self, of: Pick) {
        let Some(Scheduled { id, handle }) = self.pick(&self.calls, of) else { return };
        let before = self.snapshot();
        // Noted first: dropping the callback may run more of the program.
        let prevents = self.ledger.borrow_mut().cancel(id);
        let prevented = handle.cancel();
        // While the loop closes, callbacks end one after the other.
        if self.closing.get() {
            return;
        }
        if prevented != prevents {
            self.violated(format!("cancelling callback {id} returned {prevented} (H-3)"));
        }
        if !prevents {
            self.unchanged("cancelling in vain", before);
        } else if !self.ledger.borrow().is_dropped(id) {
            self.violated(format!("callback {id} was cancelled and not dropped (H-2)"));
        }
        if prevents && !handle.cancelled() {
            self.violated(format!("callback {id} does not count as cancelled (H-3)"));
        }
    }
}
