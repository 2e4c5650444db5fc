//! Where blocking functions run, so that the loop does not block.
//!
//! Clauses E-1 to E-10. An executor is handed [`Work`]: a function with the promise of its result
//! inside. Whatever becomes of the work, its future ends: run, cancelled, failed, or dropped.

mod thread_pool;

#[cfg(feature = "checkers")]
pub(crate) use thread_pool::Shared as PoolShared;
pub use thread_pool::{ShutdownError, ThreadPoolBuilder, ThreadPoolError, ThreadPoolExecutor};

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::concurrent::{self, ConcurrentFuture, Doer, Notice, Promise};
use crate::exception::{BrokenPromise, Exception, Outcome};

/// Runs work elsewhere; [`ThreadPoolExecutor`] is one.
///
/// Thread-safe. Implement it to bring your own pool, also one of processes.
pub trait Executor: Send + Sync {
    /// Takes the work, to [`run`](Work::run) it once on some thread.
    ///
    /// # Errors
    /// Why the work is refused; then it must not run, and the future that nobody has seen yet is dropped.
    fn execute(&self, work: Work) -> Result<(), SubmitError>;
}

/// Why an executor refused work. Nothing was queued.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SubmitError {
    /// The pool was shut down; make a new one.
    ShutDown,
    /// The pool's initializer failed; the reason. Make a new one.
    Broken(Exception),
    /// The system could not start a thread and the pool has none; try again when it has resources.
    NoThread(Exception),
    /// The loop is closed.
    LoopClosed,
}

impl SubmitError {
    fn no_thread(error: io::Error) -> SubmitError {
        SubmitError::NoThread(error.into())
    }
}

impl fmt::Display for SubmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SubmitError::ShutDown => f.write_str("the executor is shut down; make a new one"),
            SubmitError::Broken(why) => {
                write!(f, "the executor is broken, its initializer failed: {why}; make a new one")
            }
            SubmitError::NoThread(why) => {
                write!(f, "no thread could be started for the work: {why}; try again later")
            }
            SubmitError::LoopClosed => f.write_str("the event loop is closed; make a new one"),
        }
    }
}

impl std::error::Error for SubmitError {}

/// A function to run elsewhere, with the promise of its result.
///
/// Dropping it unrun fails its future with [`BrokenPromise`].
#[must_use = "work that is dropped fails its future"]
pub struct Work(Box<dyn WorkItem>);

impl Work {
    /// Work for `function`, and the future of its result.
    ///
    /// ```
    /// use loopgate::executor::Work;
    ///
    /// let (work, future) = Work::new(|| Ok(3));
    /// work.run();
    /// assert_eq!(future.result().unwrap(), 3);
    /// ```
    pub fn new<T, F>(function: F) -> (Work, ConcurrentFuture<T>)
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, Exception> + Send + 'static,
    {
        let (promise, future) = concurrent::pair(Doer::Anybody, || BrokenPromise.into());
        (Work(Box::new(Item { function, promise })), future)
    }

    /// The same where a loop is to be told of the end.
    pub(crate) fn with_notice<T, F>(function: F, notice: Notice) -> (Work, ConcurrentFuture<T>)
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, Exception> + Send + 'static,
    {
        let broken = || BrokenPromise.into();
        let (promise, future) = concurrent::pair_with_notice(Doer::Anybody, broken, notice);
        (Work(Box::new(Item { function, promise })), future)
    }

    //= SPEC.md#e-3
    //# A function that panics MUST fail only its own future; the worker goes on.
    //= SPEC.md#e-4
    //# Work whose future was cancelled before a worker picked it up MUST NOT run, and its future
    //# MUST be marked ended.
    /// Runs the function, unless its future was cancelled, and completes the future. Never unwinds.
    pub fn run(self) {
        // What the function owned, or returned to nobody, is dropped in there.
        crate::exception::shield_from_panic("work panicked when dropped", || self.0.run());
    }

    /// Cancels the future and marks it as ended; the function is dropped unrun.
    pub fn cancel(self) {
        self.0.cancel();
    }

    /// Fails the future; the function is dropped unrun. A cancelled future is marked as ended.
    pub fn fail(self, why: Exception) {
        self.0.fail(why);
    }
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Work")
    }
}

trait WorkItem: Send {
    fn run(self: Box<Self>);
    fn cancel(self: Box<Self>);
    fn fail(self: Box<Self>, why: Exception);
}

struct Item<T, F> {
    function: F,
    promise: Promise<T>,
}

impl<T, F> WorkItem for Item<T, F>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, Exception> + Send + 'static,
{
    fn run(self: Box<Self>) {
        let Item { function, promise } = *self;
        // An error means that somebody ran the work before: impossible, it is consumed.
        if !promise.set_running_or_notify_cancel().unwrap_or(false) {
            return;
        }
        let result = catch_unwind(AssertUnwindSafe(function))
            .unwrap_or_else(|payload| Err(Exception::from_panic(payload)));
        let _ = promise.settle(result.map_or_else(Outcome::Exception, Outcome::Value));
    }

    fn cancel(self: Box<Self>) {
        let Item { function, promise } = *self;
        crate::exception::shield_from_panic("work panicked when dropped", || drop(function));
        promise.cancel_and_acknowledge();
    }

    fn fail(self: Box<Self>, why: Exception) {
        let Item { function, promise } = *self;
        crate::exception::shield_from_panic("work panicked when dropped", || drop(function));
        promise.try_complete(Err(why));
    }
}
