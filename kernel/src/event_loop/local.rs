//! The loop as its own thread sees it.

use std::fmt;
use std::future::Future;
use std::os::fd::{AsRawFd, RawFd};
use std::rc::Rc;
use std::time::Duration;

use super::watch::{self, WatchError};
use crate::chain;
use crate::concurrent::ConcurrentFuture;
use crate::core::{DefaultExecutor, LoopCore};
use crate::exception::{Exception, ExceptionContext, LoopClosed};
use crate::executor::{Executor, ShutdownError, SubmitError};
use crate::future::{self, LoopFuture, LoopPromise};
use crate::handle::{Handle, LocalCall, TimerHandle};
use crate::loop_handle::LoopHandle;
use crate::primitives::{Arc, Clock, Time};
use crate::ready_queue::Direction;
use crate::scope::{TimeoutError, timeout as within};
use crate::submit;
use crate::task::{self, Coroutine, NewTask, NoRunningLoop, Task, TaskRef};
use crate::timers::{DeadlineOverflow, TimerCall};

/// What a loop offers on its own thread: to callbacks, coroutines and its owner.
///
/// From [`get_running_loop`], or through an [`EventLoop`](crate::EventLoop). Cheap to clone, not `Send`;
/// it does not keep the loop open. After close every method that would schedule something returns
/// [`LoopClosed`] (clause S-8).
#[derive(Clone)]
pub struct LocalLoop {
    core: Rc<LoopCore>,
}

/// The loop that is running on this thread.
///
/// # Errors
/// [`NoRunningLoop`].
pub fn get_running_loop() -> Result<LocalLoop, NoRunningLoop> {
    LoopCore::current().map(LocalLoop::new).ok_or(NoRunningLoop)
}

impl LocalLoop {
    pub(super) fn new(core: Rc<LoopCore>) -> LocalLoop {
        LocalLoop { core }
    }

    pub(crate) fn core(&self) -> &Rc<LoopCore> {
        &self.core
    }

    /// The loop as other threads may see it.
    #[must_use]
    pub fn handle(&self) -> LoopHandle {
        LoopHandle::new(Arc::clone(self.core.gate()))
    }

    /// The loop's clock.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        self.core.clock()
    }

    /// The present moment of the loop's clock.
    #[must_use]
    pub fn time(&self) -> Time {
        self.core.clock().now()
    }

    /// Whether the loop is running.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.core.running.get()
    }

    /// Whether the loop is closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.core.queue.is_closed()
    }

    //= SPEC.md#s-1
    //# `stop` MUST let the running batch end, leave what it scheduled queued for the next run, and
    //# be consumed by the run that it ends.
    /// Ends the run after the batch that is running; a loop that does not run, after one iteration of
    /// its next run (clause S-2).
    pub fn stop(&self) {
        self.core.stopping.set(true);
    }

    //= SPEC.md#s-8
    //# After close every operation that would schedule work MUST be refused with `LoopClosed`.
    /// Queues `callback` for the next iteration (clauses Q-1 to Q-5).
    ///
    /// # Errors
    /// [`LoopClosed`]; then the callback was dropped unrun.
    pub fn call_soon(&self, callback: impl FnOnce() + 'static) -> Result<Handle, LoopClosed> {
        self.core.queue.call_soon(callback).map(Handle)
    }

    /// Calls `callback` once `delay` has passed (clauses D-1 to D-6).
    ///
    /// # Errors
    /// An exception that is [`LoopClosed`] or [`DeadlineOverflow`]; then the callback was dropped unrun.
    pub fn call_later(
        &self,
        delay: Duration,
        callback: impl FnOnce() + 'static,
    ) -> Result<TimerHandle, Exception> {
        self.core.queue.check_open()?;
        //= SPEC.md#d-3
        //# A deadline beyond the clock's range MUST be refused with an error that changes nothing.
        let when = self.time().checked_add(delay).ok_or(DeadlineOverflow)?;
        Ok(self.call_at(when, callback)?)
    }

    //= SPEC.md#d-4
    //# A timer that is due but is cancelled by an earlier callback of its batch MUST NOT run.
    //= SPEC.md#d-6
    //# A deadline that has passed when a timer is set MUST make it due in the next iteration, and
    //# never run it inside the call.
    /// Calls `callback` at a moment of the loop's clock; one that has passed is due in the next iteration.
    ///
    /// # Errors
    /// [`LoopClosed`]; then the callback was dropped unrun.
    pub fn call_at(
        &self,
        when: Time,
        callback: impl FnOnce() + 'static,
    ) -> Result<TimerHandle, LoopClosed> {
        self.core.queue.check_open()?;
        let call = LocalCall::erased(callback);
        self.core.queue.insert_timer(when, TimerCall::Local(Rc::clone(&call)));
        Ok(TimerHandle { call, when })
    }

    /// A pending future of this loop, and the promise that completes it.
    pub fn create_future<T: Clone + 'static>(&self) -> (LoopPromise<T>, LoopFuture<T>) {
        future::pair(&self.core.queue)
    }

    /// A loop future that follows a concurrent one, and cancels it when cancelled (clauses C-9 to C-12).
    ///
    /// # Errors
    /// [`LoopClosed`].
    pub fn wrap_future<T: Clone + Send + 'static>(
        &self,
        future: ConcurrentFuture<T>,
    ) -> Result<LoopFuture<T>, LoopClosed> {
        self.core.queue.check_open()?;
        // Whoever completes it may sleep on the loop's own virtual clock: that must not be held.
        chain::concurrent_to_loop(&self.core, future, Clock::real().hold())
    }

    /// Makes a task of a coroutine with the loop's task factory (clauses T-1, T-14).
    ///
    /// # Errors
    /// What the factory failed with, or an exception that is [`LoopClosed`]; the coroutine was dropped.
    pub fn create_task<T, F>(&self, coroutine: F) -> Result<Task<T>, Exception>
    where
        T: Clone + 'static,
        F: Future<Output = Result<T, Exception>> + 'static,
    {
        task::create_task(&self.core, Box::pin(coroutine))
    }

    /// Every task that is not done.
    #[must_use]
    pub fn all_tasks(&self) -> Vec<TaskRef> {
        self.core.tasks.borrow().values().cloned().map(TaskRef::new).collect()
    }

    /// Has `factory` make every task from here on.
    ///
    /// ```
    /// let event_loop = loopgate::EventLoop::new()?;
    /// event_loop.set_task_factory(|coroutine| {
    ///     coroutine.set_name("mine");
    ///     Ok(coroutine.into_task())
    /// });
    /// assert_eq!(event_loop.create_task(async { Ok(()) })?.name(), "mine");
    /// # Ok::<(), loopgate::Exception>(())
    /// ```
    pub fn set_task_factory(
        &self,
        factory: impl Fn(Coroutine) -> Result<NewTask, Exception> + 'static,
    ) {
        if !self.is_closed() {
            task::set_factory(&self.core, Some(factory));
        }
    }

    /// Back to the default task factory.
    pub fn reset_task_factory(&self) {
        task::set_factory(&self.core, None::<fn(Coroutine) -> Result<NewTask, Exception>>);
    }

    /// Has `handler` told of every exception that nobody else receives (clauses X-4, X-5).
    pub fn set_exception_handler(&self, handler: impl Fn(&ExceptionContext) + 'static) {
        // A closed loop has nothing to report, and a handler that owns the loop would keep it for ever.
        if !self.is_closed() {
            self.core.queue.handler().set(Some(Rc::new(handler)));
        }
    }

    /// Back to the default handler, which emits a `tracing` event.
    pub fn reset_exception_handler(&self) {
        self.core.queue.handler().set(None);
    }

    /// Tells the exception handler, now.
    pub fn call_exception_handler(&self, context: &ExceptionContext) {
        self.core.queue.handler().report(context);
    }

    /// Runs a blocking function elsewhere; `None` is the loop's default thread pool.
    ///
    /// Cancelling the future keeps a function that has not begun from running; one that runs goes on.
    ///
    /// # Errors
    /// [`SubmitError`]; then the function was dropped unrun.
    pub fn run_in_executor<T, F>(
        &self,
        executor: Option<&dyn Executor>,
        function: F,
    ) -> Result<LoopFuture<T>, SubmitError>
    where
        T: Clone + Send + 'static,
        F: FnOnce() -> Result<T, Exception> + Send + 'static,
    {
        submit::run_in_executor(&self.core, executor, function)
    }

    /// What `run_in_executor(None, ..)` uses from here on.
    ///
    /// # Errors
    /// [`SubmitError::ShutDown`] after [`LocalLoop::shutdown_default_executor`];
    /// [`SubmitError::LoopClosed`].
    pub fn set_default_executor(&self, executor: Arc<dyn Executor>) -> Result<(), SubmitError> {
        if self.is_closed() {
            return Err(SubmitError::LoopClosed);
        }
        let mut slot = self.core.executor.borrow_mut();
        if matches!(*slot, DefaultExecutor::ShutDown) {
            return Err(SubmitError::ShutDown);
        }
        let old = std::mem::replace(&mut *slot, DefaultExecutor::Custom(executor));
        drop(slot);
        drop(old);
        Ok(())
    }

    //= SPEC.md#e-10
    //# `shutdown_default_executor` MUST refuse new default work from the call on, MUST NOT block
    //# the loop, and MUST report a timeout as such.
    /// Refuses default work from this call on; await the result for the end of the pool's workers.
    ///
    /// `None` waits for ever. An executor set with [`LocalLoop::set_default_executor`] is the program's
    /// own: it is let go, not shut down.
    ///
    /// # Errors
    /// When awaited: an exception that is [`ShutdownError::TimedOut`]; the workers then end by themselves.
    pub fn shutdown_default_executor(
        &self,
        timeout: Option<Duration>,
    ) -> impl Future<Output = Result<(), Exception>> + 'static {
        let old = self.core.executor.replace(DefaultExecutor::ShutDown);
        let told = match &old {
            DefaultExecutor::Pool(pool) => pool.shutdown(false, false),
            _ => Ok(()),
        };
        debug_assert!(told.is_ok(), "only waiting can be refused");
        let core = Rc::clone(&self.core);
        async move {
            let DefaultExecutor::Pool(pool) = old else { return Ok(()) };
            if pool.ended().done() {
                return Ok(());
            }
            // Without a limit a virtual clock waits for the workers; with one it must be able to pass.
            let hold = if timeout.is_none() { core.clock().hold() } else { Clock::real().hold() };
            let ended = chain::concurrent_to_loop(&core, pool.ended(), hold)?;
            let Some(timeout) = timeout else { return ended.await };
            match within(timeout, ended).await {
                Err(error) if error.is::<TimeoutError>() => match pool.workers() {
                    // The last one has ended, and was about to say so when the time was up.
                    0 => Ok(()),
                    workers => Err(ShutdownError::TimedOut { workers }.into()),
                },
                result => result,
            }
        }
    }

    /// Calls `callback` in every iteration in which the descriptor is readable (clauses S-11, S-12).
    ///
    /// Remove it before the descriptor is closed.
    ///
    /// # Errors
    /// [`WatchError`]; nothing has changed.
    pub fn add_reader(
        &self,
        fd: &impl AsRawFd,
        callback: impl FnMut() + 'static,
    ) -> Result<(), WatchError> {
        watch::add(&self.core, fd.as_raw_fd(), Direction::Read, callback)
    }

    /// Calls `callback` in every iteration in which the descriptor is writable (clauses S-11, S-12).
    ///
    /// Remove it before the descriptor is closed.
    ///
    /// # Errors
    /// [`WatchError`]; nothing has changed.
    pub fn add_writer(
        &self,
        fd: &impl AsRawFd,
        callback: impl FnMut() + 'static,
    ) -> Result<(), WatchError> {
        watch::add(&self.core, fd.as_raw_fd(), Direction::Write, callback)
    }

    /// Stops calling the reader; whether there was one. It is not called after this returns.
    pub fn remove_reader(&self, fd: &impl AsRawFd) -> bool {
        watch::remove(&self.core, fd.as_raw_fd(), Direction::Read)
    }

    /// Stops calling the writer; whether there was one. It is not called after this returns.
    pub fn remove_writer(&self, fd: &impl AsRawFd) -> bool {
        watch::remove(&self.core, fd.as_raw_fd(), Direction::Write)
    }

    /// How long a foreign event loop may wait for the loop's descriptor before it calls
    /// [`EventLoop::run_once`](crate::EventLoop::run_once): zero if there is work, `None` for ever.
    ///
    /// Ask after every `run_once`: from then on a post makes the descriptor readable.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        let core = &self.core;
        if core.queue.len() > 0 || core.stopping.get() || core.gate().has_mail() {
            return Some(Duration::ZERO);
        }
        core.queue.next_deadline().map(|at| at.saturating_since(self.time()))
    }

    /// The read end of the wakeup pipe: readable after a post to a loop that is not awake.
    ///
    /// Never read from it. To drive the loop from outside, wait on the loop's own descriptor
    /// ([`AsRawFd`] of [`EventLoop`](crate::EventLoop)), which also shows watched descriptors.
    #[must_use]
    pub fn wakeup_fd(&self) -> RawFd {
        self.core.pipe.borrow().as_raw_fd()
    }
}

impl fmt::Debug for LocalLoop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalLoop")
            .field("running", &self.is_running())
            .field("closed", &self.is_closed())
            .field("queued", &self.core.queue.len())
            .finish_non_exhaustive()
    }
}
