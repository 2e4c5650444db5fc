//! Cancelling a task: requests are counted, delivered once, and can be taken back until then.
//!
//! Clauses T-5 to T-12. A cancel goes to whatever the task is suspended on; if nothing takes it, it
//! waits in the task's port and a step is queued to deliver it. `cancelling` counts requests and is
//! lowered by `uncancel` alone: a scope that caused one can so tell its own cancel from anybody else's.
//!
//! The cancel of a submission comes in twice: as a posted message that makes the task step, and as the
//! submission's own state, looked at when a step begins. Whichever is first counts, once.

use std::cell::Cell;

use super::{Shared, Task};
use crate::concurrent::Promise;
use crate::exception::Cancelled;

#[derive(Default)]
pub(super) struct CancelState {
    requests: Cell<usize>,
    submission_seen: Cell<bool>,
}

impl CancelState {
    pub(super) fn requests(&self) -> usize {
        self.requests.get()
    }

    /// True for the first of the two ways in which the cancel arrives.
    pub(super) fn mark_submission_seen(&self) -> bool {
        !self.submission_seen.replace(true)
    }
}

impl<T: Clone + 'static> Shared<T> {
    /// Whether the submission was cancelled and the task does not know of it yet.
    pub(super) fn submission_cancelled(&self) -> bool {
        !self.cancel.submission_seen.get() && self.submission.look(Promise::cancelled) == Some(true)
    }

    //= SPEC.md#t-5
    //# `cancel` on a live task MUST return true and raise `cancelling` by one; on a task that is
    //# done it MUST return false.
    //= SPEC.md#t-6
    //# A cancel MUST be delivered at the kernel awaitable that the task is suspended on, which then
    //# yields `Err(Cancelled)` with the message.
    pub(super) fn cancel_with(&self, cancelled: Cancelled) -> bool {
        if self.completion.is_done() {
            // Whoever cancels a failed task knows of it.
            self.completion.mark_retrieved();
            return false;
        }
        self.cancel.requests.set(self.cancel.requests.get() + 1);
        let port = self.port();
        if !port.offer(&cancelled) {
            port.set_pending(cancelled);
            self.wake();
        }
        true
    }

    //= SPEC.md#t-10
    //# Cancelling a task that awaits another task MUST cancel that one and go on waiting for its
    //# end.
    /// A task that awaits this one was cancelled. If that goes back to this one's own cancel, tasks await
    /// in a circle: the awaiting task must take the cancel itself, or it would go round for ever.
    pub(super) fn cancel_handed_on(&self, cancelled: &Cancelled) -> bool {
        // A failure that nobody has looked at stays to be reported.
        !self.completion.is_done()
            && !self.known_port().is_some_and(|port| port.is_handing())
            && self.cancel_with(cancelled.clone())
    }

    //= SPEC.md#t-12
    //# `uncancel` MUST lower `cancelling`, not below zero, and at zero MUST withdraw a cancel that
    //# was not yet delivered.
    pub(super) fn take_back_cancel(&self) -> usize {
        let left = self.cancel.requests().saturating_sub(1);
        self.cancel.requests.set(left);
        if left == 0
            && let Some(port) = self.known_port()
        {
            port.take_back();
        }
        left
    }
}

impl<T: Clone + 'static> Task<T> {
    //= SPEC.md#t-8
    //# A coroutine that swallows a cancel MUST be able to go on, to finish with a value, to raise
    //# something else, and to be cancelled again.
    /// Asks the task to end: the kernel awaitable that it is suspended on yields `Err(Cancelled)`.
    ///
    /// The coroutine may clean up, go on, or fail (clause T-8); suspended in a foreign awaitable it is
    /// dropped (clause T-9). Returns at once; false if the task is done.
    pub fn cancel(&self) -> bool {
        self.shared.cancel_with(Cancelled::default())
    }

    /// Cancels with a message, which the coroutine finds in its [`Cancelled`].
    pub fn cancel_with_message(&self, message: &str) -> bool {
        self.shared.cancel_with(Cancelled::with_message(message))
    }

    /// As [`Task::cancel`], by a task that awaits this one.
    pub(crate) fn hand_on_cancel(&self, cancelled: &Cancelled) -> bool {
        self.shared.cancel_handed_on(cancelled)
    }

    /// How many cancels were asked for and not taken back.
    #[must_use]
    pub fn cancelling(&self) -> usize {
        self.shared.cancel.requests()
    }

    /// Takes one cancel back; returns how many are left. At zero an undelivered one is withdrawn
    /// (clause T-12).
    pub fn uncancel(&self) -> usize {
        self.shared.take_back_cancel()
    }
}
