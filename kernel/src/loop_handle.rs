//! The gate: what other threads may ask of a loop, and nothing else.
//!
//! Clauses G-1 to G-3. A handle is the gate behind an `Arc`; it keeps no loop alive.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use crate::concurrent::ConcurrentFuture;
use crate::exception::Exception;
use crate::handle::{ThreadsafeHandle, ThreadsafeTimerHandle};
use crate::primitives::{Arc, Clock};
use crate::submit::{self, PostError};
use crate::timers::DeadlineOverflow;
use crate::wakeup::{Gate, Posted};

//= SPEC.md#g-1
//# A loop handle MUST offer only operations that any thread may call.
/// A loop as any thread may see it; from [`LocalLoop::handle`](crate::LocalLoop::handle).
///
/// Cheap to clone, `Send` and `Sync`. It does not keep the loop open. Every method may be called from
/// any thread, the loop's own included, and none waits for the loop.
///
/// ```
/// use loopgate::EventLoop;
///
/// let event_loop = EventLoop::new()?;
/// let handle = event_loop.handle();
/// let submitter = std::thread::spawn(move || {
///     let future = handle.run_coroutine_threadsafe(async { Ok(3) })?;
///     let result = future.result();
///     handle.stop()?;
///     Ok::<u32, loopgate::Exception>(result?)
/// });
/// event_loop.run_forever()?;
/// assert_eq!(submitter.join().unwrap()?, 3);
/// # Ok::<(), loopgate::Exception>(())
/// ```
#[derive(Clone)]
pub struct LoopHandle {
    gate: Arc<Gate>,
}

impl LoopHandle {
    pub(crate) fn new(gate: Arc<Gate>) -> LoopHandle {
        LoopHandle { gate }
    }

    /// Has the loop call `callback` in its next batch, and wakes it if it sleeps (clauses W-1 to W-11).
    ///
    /// # Errors
    /// [`PostError`]; then the callback was dropped unrun.
    pub fn call_soon_threadsafe(
        &self,
        callback: impl FnOnce() + Send + 'static,
    ) -> Result<ThreadsafeHandle, PostError> {
        submit::post_call(&self.gate, None, callback).map(ThreadsafeHandle)
    }

    //= SPEC.md#d-7
    //# `call_later_threadsafe` MUST count its delay from the call, wake the loop if needed, and
    //# return a handle that any thread may cancel.
    //= SPEC.md#d-3
    //# A deadline beyond the clock's range MUST be refused with an error that changes nothing.
    /// Has the loop call `callback` once `delay` has passed since this call.
    ///
    /// # Errors
    /// An exception that is [`DeadlineOverflow`] or [`PostError`]; then the callback was dropped unrun.
    pub fn call_later_threadsafe(
        &self,
        delay: Duration,
        callback: impl FnOnce() + Send + 'static,
    ) -> Result<ThreadsafeTimerHandle, Exception> {
        let when = self.gate.clock().now().checked_add(delay).ok_or_else(|| {
            if self.is_closed() {
                PostError::LoopClosed.into()
            } else {
                Exception::from(DeadlineOverflow)
            }
        })?;
        let call = submit::post_call(&self.gate, Some(when), callback)?;
        Ok(ThreadsafeTimerHandle { call, when })
    }

    /// Submits a coroutine; the future of its outcome, to be waited for, cancelled, or dropped.
    ///
    /// Cancelling it cancels the task at its await (clause C-6). The future ends whatever becomes of the
    /// loop (clause U-1).
    ///
    /// # Errors
    /// [`PostError`]; then the coroutine was dropped unrun.
    pub fn run_coroutine_threadsafe<T, F>(
        &self,
        coroutine: F,
    ) -> Result<ConcurrentFuture<T>, PostError>
    where
        T: Clone + Send + 'static,
        F: Future<Output = Result<T, Exception>> + Send + 'static,
    {
        submit::run_coroutine_threadsafe(&self.gate, coroutine)
    }

    /// The same for a coroutine that is not `Send`: `build` is called on the loop thread.
    ///
    /// ```
    /// use std::rc::Rc;
    /// # let event_loop = loopgate::EventLoop::new()?;
    /// # let handle = event_loop.handle();
    /// let future = handle.run_coroutine_threadsafe_with(|| async {
    ///     let local = Rc::new(3);
    ///     loopgate::yield_now().await?;
    ///     Ok(*local)
    /// })?;
    /// # let waiting = future.clone();
    /// # event_loop.run_until_complete(async move { waiting.await })?;
    /// assert_eq!(future.result()?, 3);
    /// # Ok::<(), loopgate::Exception>(())
    /// ```
    ///
    /// # Errors
    /// [`PostError`]; then `build` was dropped uncalled.
    pub fn run_coroutine_threadsafe_with<T, F>(
        &self,
        build: impl FnOnce() -> F + Send + 'static,
    ) -> Result<ConcurrentFuture<T>, PostError>
    where
        T: Clone + Send + 'static,
        F: Future<Output = Result<T, Exception>> + 'static,
    {
        submit::run_coroutine_threadsafe_with(&self.gate, build)
    }

    //= SPEC.md#g-2
    //# `stop` from any thread MUST wake the loop and MUST end the run after the batch in which it
    //# is reached.
    /// Ends the run after the batch in which this is reached; wakes the loop.
    ///
    /// What this thread posted before runs before the run ends. A loop that does not run consumes the stop
    /// in its next run (clause S-2).
    ///
    /// # Errors
    /// [`PostError`].
    pub fn stop(&self) -> Result<(), PostError> {
        submit::post(&self.gate, Posted::Stop)
    }

    //= SPEC.md#g-3
    //# `is_running` and `is_closed` MUST answer for the moment of the call, from any thread.
    /// Whether the loop is running at this moment.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.gate.is_running()
    }

    /// Whether the loop is closed. A false answer may be out of date when it arrives: just submit, and
    /// see whether that is refused.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.gate.is_closed()
    }

    /// The loop's clock.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        self.gate.clock()
    }
}

impl PartialEq for LoopHandle {
    /// Whether both are handles of the same loop.
    fn eq(&self, other: &LoopHandle) -> bool {
        self.gate.id() == other.gate.id()
    }
}

impl Eq for LoopHandle {}

impl fmt::Debug for LoopHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoopHandle").field("id", &self.gate.id()).finish_non_exhaustive()
    }
}
