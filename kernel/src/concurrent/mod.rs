//! The thread-safe future: a promise on one side, a future that can be waited for on the other.
//!
//! Clauses F-1 to F-22. States:
//!
//! * *pending*: nobody has begun the work for good; it can be cancelled;
//! * *running*: `set_running_or_notify_cancel` answered true; it cannot be cancelled any more;
//! * *cancelled*: the submitter wants no result. Done for every waiter. The work may still go on:
//!   `acknowledged` turns true when its producer has seen the cancel, and only then has it *ended*;
//! * *finished*: it has its outcome.
//!
//! Who touches what: everything is under `state`'s lock. The promise alone completes and acknowledges;
//! any future handle may cancel. Each method takes the lock once, and that is its linearization point;
//! wakers, `wait`'s waiters and callbacks are taken out there and called after the lock is released; so are
//! threads that block (`news`).
//! A lock is never taken while another is held.

mod audience;
mod awaited;
mod news;
mod promise;
mod wait;

pub(crate) use audience::Notice;
use audience::{Audience, End, Listener};
use news::News;
pub(crate) use news::Release;
pub use wait::{AsCompleted, EmptySet, ReturnWhen, Split, Unfinished, as_completed, wait};

use std::cell::Cell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use crate::awaiting::RemoteSuspension;
use crate::exception::{
    BrokenPromise, Cancelled, Exception, ExceptionContext, InvalidState, Outcome, ResultError,
    report_by_default,
};
use crate::primitives::{
    Arc, AtomicBool, Checked, Condvar, Deadline, Mutex, MutexGuard, Ordering, checked_mutex, spin,
    thread, thread_local,
};
use wait::Waiter;

enum Phase<T> {
    Pending,
    Running,
    Cancelled { acknowledged: bool },
    Finished(Outcome<T>),
}

impl<T> Phase<T> {
    fn is_done(&self) -> bool {
        matches!(self, Phase::Cancelled { .. } | Phase::Finished(_))
    }

    fn is_cancelled(&self) -> bool {
        matches!(self, Phase::Cancelled { .. })
    }

    fn end(&self) -> Option<End> {
        match self {
            Phase::Pending | Phase::Running => None,
            Phase::Cancelled { .. } => Some(End::Cancelled),
            Phase::Finished(Outcome::Exception(_)) => Some(End::Exception),
            Phase::Finished(_) => Some(End::Value),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Phase::Pending => "PENDING",
            Phase::Running => "RUNNING",
            Phase::Cancelled { acknowledged: false } => "CANCELLED",
            Phase::Cancelled { acknowledged: true } => "CANCELLED_AND_NOTIFIED",
            Phase::Finished(_) => "FINISHED",
        }
    }

    //= SPEC.md#f-16
    //# `wait_ended` MUST return only when the work has really ended: finished, or cancelled and
    //# acknowledged by its producer.
    fn has_ended(&self) -> bool {
        matches!(self, Phase::Cancelled { acknowledged: true } | Phase::Finished(_))
    }
}

struct State<T> {
    phase: Phase<T>,
    audience: Audience<T>,
    next_awaiter: u64,
    /// How many threads block until it is done, or has ended.
    blocked: usize,
}

impl<T> State<T> {
    /// The producer is through; a cancelled future has ended.
    fn acknowledge(&mut self) -> News<T> {
        match &mut self.phase {
            Phase::Cancelled { acknowledged } if !*acknowledged => {
                *acknowledged = true;
                News::of_an_end(self.blocked > 0)
            }
            _ => News::none(),
        }
    }
}

impl<T> Checked for State<T> {
    fn check(&self) {
        let State { phase, audience, next_awaiter, .. } = self;
        assert!(
            !phase.is_done() || audience.is_empty(),
            "whoever waits for a future is told when it is done"
        );
        assert!(
            audience.awaiters().count() as u64 <= *next_awaiter,
            "each awaited handle has a number of its own"
        );
    }

    fn state(&self) -> String {
        let mut state = String::from(self.phase.name());
        for (count, what) in self.audience.census().into_iter().filter(|(count, _)| *count > 0) {
            state.push_str(&format!(", {count} {what}"));
        }
        state
    }
}

struct Shared<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    /// How long a wait spins before it blocks, and what it looks at: a hint that the future is done.
    watched: Option<(Duration, AtomicBool)>,
    doer: Doer,
}

/// Who does the work, and therefore must not block on it.
#[derive(Clone, Copy)]
pub(crate) enum Doer {
    /// Nobody in particular.
    Anybody,
    /// The loop that lives on this thread.
    Thread(thread::ThreadId),
    /// Each worker of the pool with this number; see [`work_for`].
    Pool(u64),
}

thread_local! {
    #[allow(clippy::missing_const_for_thread_local, reason = "loom's macro takes no const block")]
    static POOL: Cell<u64> = Cell::new(0);
}

/// The calling thread is a worker of the pool with this number, for the rest of its life.
pub(crate) fn work_for(pool: u64) {
    POOL.with(|current| current.set(pool));
}

impl Doer {
    fn is_here(self) -> bool {
        match self {
            Doer::Anybody => false,
            Doer::Thread(id) => id == thread::current_id(),
            // A thread whose locals are being destroyed does no work any more.
            Doer::Pool(pool) => POOL.try_with(|current| current.get() == pool).unwrap_or(false),
        }
    }
}

/// The submitter's side of work that another thread does; asyncio's `concurrent.futures.Future`.
///
/// Clones are handles on the same future. Thread-safe: every method may be called from any thread, and
/// none holds a lock while a callback runs. Results are cloned out, which is done under the future's lock:
/// put what is dear or cannot be cloned into an `Arc`. It is also a [`std::future::Future`], so any executor can await it.
///
/// ```
/// use loopgate::concurrent;
///
/// let (promise, future) = concurrent::promise::<u32>();
/// assert!(promise.set_running_or_notify_cancel().unwrap());
/// promise.set_result(3).unwrap();
/// assert_eq!(future.result().unwrap(), 3);
/// ```
#[must_use = "dropping every handle loses the result; the work goes on"]
pub struct ConcurrentFuture<T> {
    shared: Arc<Shared<T>>,
    /// The handle's number among those that were awaited.
    awaiter: Option<u64>,
    suspension: RemoteSuspension,
}

/// The producer's side of a [`ConcurrentFuture`].
///
/// Not `Clone`: one producer completes. Dropping it uncompleted finishes the future with
/// [`BrokenPromise`] (clause F-7).
pub struct Promise<T> {
    /// `None` only while it is consumed.
    shared: Option<Arc<Shared<T>>>,
    /// What a drop finishes the future with.
    abandon: fn() -> Exception,
}

/// A new pending future and the promise that completes it.
pub fn promise<T>() -> (Promise<T>, ConcurrentFuture<T>) {
    pair(Doer::Anybody, || BrokenPromise.into())
}

/// The same for work that only `doer` does.
pub(crate) fn pair<T>(doer: Doer, abandon: fn() -> Exception) -> (Promise<T>, ConcurrentFuture<T>) {
    made(doer, abandon, None, Audience::default())
}

/// The same where whoever waits shall spin for a while before it blocks.
pub(crate) fn pair_for<T>(
    doer: Doer,
    abandon: fn() -> Exception,
    patience: Option<Duration>,
) -> (Promise<T>, ConcurrentFuture<T>) {
    made(doer, abandon, patience, Audience::default())
}

/// The same where a loop is to be told of the end.
pub(crate) fn pair_with_notice<T>(
    doer: Doer,
    abandon: fn() -> Exception,
    notice: Notice,
) -> (Promise<T>, ConcurrentFuture<T>) {
    let mut audience = Audience::default();
    audience.add(Listener::Notice(notice));
    made(doer, abandon, None, audience)
}

fn made<T>(
    doer: Doer,
    abandon: fn() -> Exception,
    patience: Option<Duration>,
    audience: Audience<T>,
) -> (Promise<T>, ConcurrentFuture<T>) {
    let shared = Arc::new(Shared {
        state: checked_mutex(State {
            phase: Phase::Pending,
            audience,
            next_awaiter: 0,
            blocked: 0,
        }),
        changed: Condvar::new(),
        watched: patience.map(|patience| (patience, AtomicBool::new(false))),
        doer,
    });
    let future = ConcurrentFuture::of(Arc::clone(&shared));
    (Promise { shared: Some(shared), abandon }, future)
}

impl<T> Shared<T> {
    /// Moves to a done phase; who is to be told of what. The caller has checked that the move is legal.
    fn settle(&self, state: &mut State<T>, phase: Phase<T>) -> News<T> {
        debug_assert!(!state.phase.is_done(), "only an open future is settled");
        let end = phase.end().expect("a future is settled for good");
        state.phase = phase;
        if let Some((_, done)) = &self.watched {
            // Relaxed: only a hint. Whoever sees it looks at the state itself, under the lock.
            done.store(true, Ordering::Relaxed);
        }
        News { audience: std::mem::take(&mut state.audience), end, blocked: state.blocked > 0 }
    }

    /// Tells a loop when the future is done, or now if it is.
    fn add_notice(&self, notice: Notice) {
        let mut state = self.state.lock();
        match state.phase.end() {
            Some(end) => {
                drop(state);
                notice.give(end);
            }
            None => state.audience.add(Listener::Notice(notice)),
        }
    }

    //= SPEC.md#f-1
    //# A concurrent future MUST move only PENDING to RUNNING, PENDING or RUNNING to FINISHED, and
    //# PENDING to CANCELLED; FINISHED and CANCELLED are final.
    //= SPEC.md#f-4
    //# Exactly one of a racing `cancel`, completion and start MUST win, and each loser MUST be
    //# told.
    /// Stores an outcome if the future is open; otherwise gives it back with whether it was cancelled.
    ///
    /// With `acknowledge` a cancelled future becomes ended: the producer says that it is through.
    fn store(
        &self,
        outcome: Outcome<T>,
        acknowledge: bool,
    ) -> (Result<(), InvalidState<Outcome<T>>>, News<T>) {
        let mut state = self.state.lock();
        if !state.phase.is_done() {
            return (Ok(()), self.settle(&mut state, Phase::Finished(outcome)));
        }
        let news = if acknowledge { state.acknowledge() } else { News::none() };
        let cancelled = state.phase.is_cancelled();
        (Err(InvalidState { rejected: outcome, cancelled }), news)
    }

    /// The same, and tells everybody.
    fn complete(
        self: &Arc<Self>,
        outcome: Outcome<T>,
        acknowledge: bool,
    ) -> Result<(), InvalidState<Outcome<T>>> {
        let (stored, news) = self.store(outcome, acknowledge);
        self.tell(news);
        stored
    }

    //= SPEC.md#f-2
    //# `cancel` on a PENDING future MUST succeed and release every waiter before it returns true;
    //# on a RUNNING or FINISHED one it MUST return false and change nothing.
    //= SPEC.md#f-3
    //# `cancel` on a CANCELLED future MUST return true and run no callback again.
    /// Cancels what has not begun; whether it is cancelled now.
    fn store_cancel(&self, acknowledge: bool) -> (bool, News<T>) {
        let mut state = self.state.lock();
        match state.phase {
            Phase::Pending => {
                let cancelled = Phase::Cancelled { acknowledged: acknowledge };
                (true, self.settle(&mut state, cancelled))
            }
            Phase::Cancelled { .. } if acknowledge => (true, state.acknowledge()),
            Phase::Cancelled { .. } => (true, News::none()),
            Phase::Running | Phase::Finished(_) => (false, News::none()),
        }
    }

    /// The same, and tells everybody.
    fn cancel(self: &Arc<Self>, acknowledge: bool) -> bool {
        let (cancelled, news) = self.store_cancel(acknowledge);
        self.tell(news);
        cancelled
    }
}

impl<T> ConcurrentFuture<T> {
    fn of(shared: Arc<Shared<T>>) -> ConcurrentFuture<T> {
        ConcurrentFuture { shared, awaiter: None, suspension: RemoteSuspension::default() }
    }

    /// Asks that the work not be done. Never blocks; runs callbacks in this thread if it succeeds.
    ///
    /// True if the future is now cancelled, also if it was before; false if it is running or finished.
    pub fn cancel(&self) -> bool {
        self.shared.cancel(false)
    }

    /// Whether the future is cancelled.
    #[must_use]
    pub fn cancelled(&self) -> bool {
        self.shared.state.lock().phase.is_cancelled()
    }

    /// Whether the work has begun and can no longer be cancelled.
    ///
    /// A submitted coroutine stays pending, and so cancellable, until it ends.
    #[must_use]
    pub fn running(&self) -> bool {
        matches!(self.shared.state.lock().phase, Phase::Running)
    }

    //= SPEC.md#f-15
    //# CANCELLED MUST count as done for `result`, `exception`, `wait`, `as_completed` and `await`
    //# alike.
    /// Whether the future is cancelled or finished.
    #[must_use]
    pub fn done(&self) -> bool {
        self.shared.state.lock().phase.is_done()
    }

    /// Whether the work has really ended: a cancelled future's may still be cleaning up (clause F-16).
    #[must_use]
    pub fn ended(&self) -> bool {
        self.shared.state.lock().phase.has_ended()
    }

    /// Whether both are handles on the same future.
    #[must_use]
    pub fn same_future(&self, other: &ConcurrentFuture<T>) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Calls `callback` once when the future is done: in the thread that completes or cancels it, or
    /// now, in this thread, if it is done already (clauses F-12 to F-14).
    ///
    /// A callback that panics is reported as a `tracing` event; its siblings run.
    pub fn add_done_callback(&self, callback: impl FnOnce(&ConcurrentFuture<T>) + Send + 'static) {
        let mut state = self.shared.state.lock();
        if state.phase.is_done() {
            drop(state);
            //= SPEC.md#f-14
            //# A callback added to a future that is done MUST run at once, in the calling thread.
            self.call_back(callback);
        } else {
            state.audience.add(Listener::Callback(Box::new(callback)));
        }
    }

    pub(crate) fn add_notice(&self, notice: Notice) {
        self.shared.add_notice(notice);
    }

    //= SPEC.md#f-13
    //# A done-callback that panics MUST NOT keep its siblings from running and MUST NOT change the
    //# outcome.
    fn call_back(&self, callback: impl FnOnce(&ConcurrentFuture<T>)) {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| callback(self))) {
            let exception = Some(Exception::from_panic(payload));
            report_by_default(&ExceptionContext::new("a done-callback panicked", exception), None);
        }
    }

    /// Waits until the work has really ended (clause F-16).
    ///
    /// # Errors
    /// [`ResultError::WouldDeadlock`] on the thread of the loop that does the work.
    pub fn wait_ended(&self) -> Result<(), ResultError> {
        self.block(None, Phase::has_ended).map(drop)
    }

    /// Waits until the work has really ended, but no longer than `timeout`; zero does not block.
    ///
    /// # Errors
    /// [`ResultError::TimedOut`], or as [`ConcurrentFuture::wait_ended`].
    pub fn wait_ended_timeout(&self, timeout: Duration) -> Result<(), ResultError> {
        self.block(Some(timeout), Phase::has_ended).map(drop)
    }

    //= SPEC.md#f-8
    //# A waiter that timed out MUST get an error of its own kind, distinct from every error that
    //# the work can raise.
    //= SPEC.md#f-9
    //# If completion came first, a waiter MUST get the outcome and never a timeout; a timeout MUST
    //# leave the future as it was.
    //= SPEC.md#f-10
    //# A zero timeout MUST NOT block.
    //= SPEC.md#f-11
    //# A stray wake-up MUST NOT end a wait.
    /// Blocks until `ready`, looking again under the lock after every wake-up and timeout.
    fn block(
        &self,
        timeout: Option<Duration>,
        ready: impl Fn(&Phase<T>) -> bool,
    ) -> Result<MutexGuard<'_, State<T>>, ResultError> {
        let mut state = self.shared.state.lock();
        if ready(&state.phase) {
            return Ok(state);
        }
        if timeout == Some(Duration::ZERO) {
            return Err(ResultError::TimedOut);
        }
        self.check_may_block()?;
        let deadline = Deadline::after(timeout);
        if let Some((patience, done)) = &self.shared.watched
            && timeout.is_none_or(|timeout| timeout > *patience)
        {
            drop(state);
            // Relaxed: see `settle`.
            spin(*patience, || done.load(Ordering::Relaxed));
            state = self.shared.state.lock();
            if ready(&state.phase) {
                return Ok(state);
            }
        }
        loop {
            state.blocked += 1;
            let timed_out = self.shared.changed.wait_until(&mut state, deadline);
            state.blocked -= 1;
            if ready(&state.phase) {
                return Ok(state);
            }
            if timed_out {
                return Err(ResultError::TimedOut);
            }
        }
    }

    //= SPEC.md#f-22
    //# A blocking wait on the loop thread for work of that loop that is not done MUST be refused
    //# with an error.
    fn check_may_block(&self) -> Result<(), ResultError> {
        if self.shared.doer.is_here() { Err(ResultError::WouldDeadlock) } else { Ok(()) }
    }

    fn subscribe(&self, waiter: &Arc<Waiter>, index: usize) -> Option<bool> {
        let mut state = self.shared.state.lock();
        if let Some(end) = state.phase.end() {
            return Some(end == End::Exception);
        }
        state.audience.add(Listener::Waiter(Arc::clone(waiter), index));
        None
    }

    fn unsubscribe(&self, waiter: &Arc<Waiter>) {
        self.shared.state.lock().audience.remove_waiter(waiter);
    }

    #[cfg(feature = "checkers")]
    pub(crate) fn waits(&self) -> usize {
        self.shared.state.lock().audience.census()[0].0
    }

    /// Waits for the exception, or for the news that there is none.
    ///
    /// # Errors
    /// [`ResultError::Cancelled`] or [`ResultError::WouldDeadlock`].
    pub fn exception(&self) -> Result<Option<Exception>, ResultError> {
        Self::stored_exception(&self.block(None, Phase::is_done)?.phase)
    }

    /// As [`ConcurrentFuture::exception`], but no longer than `timeout`; zero does not block.
    ///
    /// # Errors
    /// [`ResultError::TimedOut`] as well.
    pub fn exception_timeout(&self, timeout: Duration) -> Result<Option<Exception>, ResultError> {
        Self::stored_exception(&self.block(Some(timeout), Phase::is_done)?.phase)
    }

    fn stored_exception(phase: &Phase<T>) -> Result<Option<Exception>, ResultError> {
        match phase {
            Phase::Finished(Outcome::Exception(exception)) => Ok(Some(exception.clone())),
            Phase::Cancelled { .. } => Err(ResultError::Cancelled(Cancelled::default())),
            _ => Ok(None),
        }
    }
}

impl<T: Clone> ConcurrentFuture<T> {
    /// Waits for the result.
    ///
    /// # Errors
    /// What the work failed with ([`ResultError::Exception`]), [`ResultError::Cancelled`], or
    /// [`ResultError::WouldDeadlock`] on the thread of the loop that does the work (clause F-22).
    pub fn result(&self) -> Result<T, ResultError> {
        Self::stored_outcome(&self.block(None, Phase::is_done)?.phase).into_result()
    }

    /// Waits for the result, but no longer than `timeout`; zero does not block.
    ///
    /// # Errors
    /// [`ResultError::TimedOut`] if the wait ended first: the work goes on, and can be waited for again
    /// or cancelled. Otherwise as [`ConcurrentFuture::result`].
    pub fn result_timeout(&self, timeout: Duration) -> Result<T, ResultError> {
        Self::stored_outcome(&self.block(Some(timeout), Phase::is_done)?.phase).into_result()
    }

    /// The outcome of a done future.
    pub(crate) fn outcome(&self) -> Option<Outcome<T>> {
        let state = self.shared.state.lock();
        state.phase.is_done().then(|| Self::stored_outcome(&state.phase))
    }

    fn stored_outcome(phase: &Phase<T>) -> Outcome<T> {
        match phase {
            Phase::Finished(outcome) => outcome.clone(),
            Phase::Cancelled { .. } => Outcome::Cancelled(Cancelled::default()),
            Phase::Pending | Phase::Running => unreachable!("asked only of a done future"),
        }
    }
}

impl<T> Clone for ConcurrentFuture<T> {
    fn clone(&self) -> Self {
        ConcurrentFuture::of(Arc::clone(&self.shared))
    }
}

impl<T> Drop for ConcurrentFuture<T> {
    fn drop(&mut self) {
        self.suspension.end();
        if let Some(key) = self.awaiter.take() {
            let withdrawn = self.shared.state.lock().audience.remove_awaiter(key);
            // A waker's drop is foreign code: not under the lock.
            drop(withdrawn);
        }
    }
}

impl<T> fmt::Debug for ConcurrentFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConcurrentFuture").field("state", &self.shared.state_name()).finish()
    }
}

impl<T> fmt::Debug for Promise<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Promise").field("state", &self.shared().state_name()).finish()
    }
}

impl<T> Shared<T> {
    fn state_name(&self) -> &'static str {
        self.state.lock().phase.name()
    }
}
