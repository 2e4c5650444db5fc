//! The steps of a task.
//!
//! A step looks whether the submission was cancelled, lowers the waker's flags, and polls the coroutine as the loop's
//! current task. The coroutine is then suspended until somebody wakes it, or the task ends (`end`).
//!
//! Many tasks end in their first step. The waker is therefore made when that begins, and handed on to the next
//! task if nobody has kept it; a port is made when something first needs it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::task::{Context, Poll, Wake, Waker};

use super::{Body, Shared};
use crate::awaiting::CancelPort;
use crate::chain;
use crate::core::{AnyTask, Origin};
use crate::exception::{Exception, shield_from_panic};
use crate::primitives::Arc;
use crate::table::Key;
use crate::waker::TaskWaker;

impl<T: Clone + 'static> Shared<T> {
    /// An entry of the task has its turn.
    pub(super) fn take_step(self: &Rc<Self>, origin: Origin) {
        let Some(key) = self.place.get() else { return };
        //= SPEC.md#t-4
        //# Any `std` future MUST make progress when its waker is called, from any thread, and wakes
        //# that come before the task runs MUST be coalesced into one step.
        if origin == Origin::Posted && self.passes_over.replace(false) {
            return;
        }
        //= SPEC.md#c-6
        //# Cancelling a submission MUST be seen by its task no later than the beginning of the next
        //# step that starts after the call returned, from any thread.
        // Before the flag is cleared: this very step delivers the cancel, no other need be queued.
        if self.submission_cancelled() {
            self.cancel_for_submission();
        }
        //= SPEC.md#t-7
        //# A task cancelled before its first step MUST end cancelled without running a statement.
        //= SPEC.md#c-5
        //# A submission cancelled before its task began MUST end without running a statement of the
        //# coroutine.
        let first = !self.started.replace(true);
        if first && let Some(cancelled) = self.known_port().and_then(|port| port.take_pending()) {
            self.drop_body();
            return self.finish(Err(cancelled.into()));
        }
        let waker = self.begin_step(key, origin);
        // `None` only for a task that is done.
        let Some(body) = self.body.take() else { return };
        match self.poll_body(body, waker) {
            Some(result) => {
                self.finish(result);
                self.leave_waker();
            }
            None if first => self.hear_of_cancel(key),
            None => {}
        }
    }

    /// Has the task step. Until its first step it need not be told.
    pub(super) fn wake(&self) {
        if let Some(waker) = self.waker.look(Arc::clone) {
            waker.wake_by_ref();
        }
    }

    /// The task's port, made now if need be. The loop has it while the task is being polled.
    pub(super) fn port(&self) -> Rc<CancelPort> {
        if self.is_current() {
            return self.core.port.of_task();
        }
        let port = self.port.take().unwrap_or_else(CancelPort::new);
        self.port.put(Rc::clone(&port));
        port
    }

    /// The same, if it has been needed before.
    pub(super) fn known_port(&self) -> Option<Rc<CancelPort>> {
        if self.is_current() {
            return self.core.port.known_of_task();
        }
        self.port.look(Rc::clone)
    }

    /// Whether the step that runs is this task's own.
    pub(super) fn is_current(&self) -> bool {
        self.core.current_task.borrow().as_ref().is_some_and(|task| task.id() == self.id)
    }

    /// A step begins: what to poll the coroutine with. Made now if this is the first step.
    fn begin_step(&self, key: Key, origin: Origin) -> Waker {
        let pair = self.waker.take().zip(self.polled_with.take());
        let (waker, polled_with) = pair.unwrap_or_else(|| {
            TaskWaker::pair(self.core.spare_waker.take(), self.core.gate(), key)
        });
        if waker.lower() && origin == Origin::Queued {
            let another = self.passes_over.replace(true);
            debug_assert!(!another, "a posted step is passed over before another is posted");
        }
        self.waker.put(waker);
        polled_with
    }

    /// The task is done: whoever comes next may have its waker.
    fn leave_waker(&self) {
        drop(self.port.take());
        self.core.spare_waker.set(self.waker.take().zip(self.polled_with.take()));
    }

    /// Polls the coroutine as the loop's current task.
    fn poll_body(self: &Rc<Self>, mut body: Body<T>, waker: Waker) -> Option<Result<T, Exception>> {
        self.core.port.begin_step(self.port.take());
        self.core.current_task.replace(Some(Rc::clone(self) as Rc<dyn AnyTask>));
        let polled =
            catch_unwind(AssertUnwindSafe(|| body.as_mut().poll(&mut Context::from_waker(&waker))));
        let result = match polled {
            Ok(Poll::Pending) => match self.core.port.take_refused() {
                None => {
                    self.body.put(body);
                    None
                }
                //= SPEC.md#t-9
                //# A coroutine suspended in a foreign awaitable MUST be dropped at that await when
                //# it is cancelled, and its task ends cancelled.
                Some(cancelled) => {
                    shield_from_panic("a coroutine panicked when dropped", || drop(body));
                    Some(Err(cancelled.into()))
                }
            },
            Ok(Poll::Ready(result)) => {
                //= SPEC.md#t-3
                //# A coroutine MUST be dropped before its outcome can be observed.
                shield_from_panic("a coroutine panicked when dropped", || drop(body));
                Some(result)
            }
            Err(payload) => {
                shield_from_panic("a coroutine panicked when dropped", || drop(body));
                Some(Err(Exception::from_panic(payload)))
            }
        };
        self.polled_with.put(waker);
        self.core.current_task.take();
        self.port.set(self.core.port.end_step());
        result
    }

    /// Suspended for the first time: until now a step was on its way, which looks by itself whether the submission
    /// was cancelled. From now on the cancel has to make the task step.
    fn hear_of_cancel(&self, key: Key) {
        if let Some(submission) = self.submission.take() {
            chain::cancel_with_submission(&self.core, &submission, key);
            self.submission.put(submission);
        }
    }
}
