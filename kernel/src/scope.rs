//! Cancels with a border: timeouts, waiting with a limit, shields, and gathering.
//!
//! Clauses O-1 to O-8. A timeout is a scope with a cancel port of its own, in which everything that it
//! encloses registers. Its expiry is a cancel of that port alone, so nothing beside the scope hears of it;
//! a cancel of the task reaches the port through the scope, which notes that it was not its own. What
//! nothing inside takes stops at the scope: what it encloses is dropped there, not the whole coroutine.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::awaiting::{CancelPort, Suspension, Taken, Target};
use crate::concurrent::ConcurrentFuture;
use crate::core::LoopCore;
use crate::exception::{Cancelled, Exception, ResultError};
use crate::future::LoopFuture;
use crate::handle::{Call, LocalCall};
use crate::task::{AwaitsItself, NoRunningLoop, Task};
use crate::timers::{DeadlineOverflow, TimerCall};

/// The time was up; asyncio's `TimeoutError`.
///
/// From a timeout of the *work*. A wait of a thread that ends early is
/// [`ResultError::TimedOut`](crate::ResultError::TimedOut), so the two cannot be confused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeoutError;

impl fmt::Display for TimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the time was up")
    }
}

impl std::error::Error for TimeoutError {}

/// A timeout cancels the task around it, so there has to be one; await it in a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotInTask;

impl fmt::Display for NotInTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a timeout was awaited outside a task; create a task for it")
    }
}

impl std::error::Error for NotInTask {}

//= SPEC.md#o-1
//# A `timeout` that expires MUST cancel what it encloses and turn that cancel, and no other, into
//# its own error.
//= SPEC.md#o-2
//# A foreign cancel that arrives in addition to the expiry MUST win: the scope yields
//# `Err(Cancelled)`.
//= SPEC.md#o-4
//# Of nested timeouts that have expired only the one whose cancel is leaving MUST convert it; a
//# value or another exception MUST pass through.
/// Runs `future` in the current task for no longer than `delay`.
///
/// When the time is up the task is cancelled at its await inside `future`, which may clean up; the
/// cancel that then leaves becomes a [`TimeoutError`]. A value or another exception passes through, and
/// so does a cancel that somebody else asked for. With a zero delay `future` is not begun.
///
/// ```
/// use loopgate::{EventLoop, TimeoutError, sleep, timeout};
/// use std::time::Duration;
///
/// let event_loop = EventLoop::with_clock(loopgate::Clock::virtual_time())?;
/// let error = event_loop
///     .run_until_complete(timeout(Duration::from_secs(1), sleep(Duration::from_secs(60))))
///     .unwrap_err();
/// assert!(error.is::<TimeoutError>());
/// # Ok::<(), loopgate::Exception>(())
/// ```
///
/// # Errors
/// What `future` ended with, [`TimeoutError`], [`NoRunningLoop`], [`NotInTask`] or [`DeadlineOverflow`].
pub async fn timeout<T>(
    delay: Duration,
    future: impl Future<Output = Result<T, Exception>>,
) -> Result<T, Exception> {
    let core = LoopCore::current().ok_or(NoRunningLoop)?;
    if core.current_task.borrow().is_none() {
        return Err(NotInTask.into());
    }
    //= SPEC.md#o-6
    //# `wait_for` and `timeout` with a zero delay MUST NOT start a coroutine that has not begun.
    if delay.is_zero() {
        return Err(TimeoutError.into());
    }
    let when = core.clock().now().checked_add(delay).ok_or(DeadlineOverflow)?;
    let scope = Scope::new();
    let _timer = scope.expire_at(&core, when);
    match scope.run(future).await {
        Err(exception) if exception.is_cancelled() && scope.only_expired() => {
            Err(TimeoutError.into())
        }
        result => result,
    }
}

/// Part of a task that can be cancelled by itself.
struct Scope {
    port: Rc<CancelPort>,
    /// Of whoever polls it.
    waker: RefCell<Option<Waker>>,
    expired: Cell<bool>,
    /// A cancel came from outside.
    foreign: Cell<bool>,
}

/// A timer that goes with its scope.
struct ScopeTimer(Rc<dyn Call>);

impl Drop for ScopeTimer {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

impl Scope {
    fn new() -> Rc<Scope> {
        Rc::new(Scope {
            port: CancelPort::new(),
            waker: RefCell::default(),
            expired: Cell::new(false),
            foreign: Cell::new(false),
        })
    }

    fn expire_at(self: &Rc<Self>, core: &LoopCore, when: crate::primitives::Time) -> ScopeTimer {
        let scope = Rc::clone(self);
        let timer = LocalCall::erased(move || {
            scope.expired.set(true);
            scope.cancel_inside(&Cancelled::default());
        });
        core.queue.insert_timer(when, TimerCall::Local(Rc::clone(&timer)));
        ScopeTimer(timer)
    }

    /// Whether a cancel that leaves now is the expiry's and nobody else's.
    fn only_expired(&self) -> bool {
        self.expired.get() && !self.foreign.get()
    }

    fn cancel_inside(&self, cancelled: &Cancelled) {
        if !self.port.offer(cancelled) {
            self.port.set_pending(cancelled.clone());
            let waker = self.waker.borrow().clone();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }

    fn cancel_from_outside(&self, cancelled: &Cancelled) {
        if !self.foreign.replace(true) {
            // An expiry that nobody has received yet has no message worth keeping.
            drop(self.port.take_pending());
        }
        self.cancel_inside(cancelled);
    }

    //= SPEC.md#o-3
    //# A `timeout` around a foreign awaitable MUST drop only that awaitable when it expires or is
    //# cancelled.
    /// Awaits `future` with this scope's port; a cancel that nothing in it takes drops it here.
    async fn run<T>(
        self: &Rc<Self>,
        future: impl Future<Output = Result<T, Exception>>,
    ) -> Result<T, Exception> {
        // Dropped last: until then what it encloses may still give something back to this scope.
        let mut place = Place { scope: self, suspension: Suspension::default() };
        let mut future = pin!(Some(future));
        let target = || Rc::clone(self) as Rc<dyn Target>;
        poll_fn(|cx| {
            if let Some(cancelled) = place.suspension.receive(target) {
                self.cancel_from_outside(&cancelled);
            }
            self.waker.replace(Some(cx.waker().clone()));
            // Before what is inside: it may cancel the task, and an await behind that looks into this scope's port.
            place.suspension.suspend(target);
            let polled = self.poll_inside(future.as_mut(), cx);
            if polled.is_ready() {
                place.leave();
            }
            polled
        })
        .await
    }

    fn poll_inside<T, F: Future<Output = Result<T, Exception>>>(
        &self,
        mut future: Pin<&mut Option<F>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<T, Exception>> {
        let Some(running) = future.as_mut().as_pin_mut() else {
            unreachable!("not polled again after it was ready")
        };
        let _entered = self.port.enter();
        self.port.begin_step();
        let mut polled = running.poll(cx);
        if polled.is_pending()
            && let Some(cancelled) = self.port.take_refused()
        {
            polled = Poll::Ready(Err(cancelled.into()));
        }
        if polled.is_ready() {
            future.set(None);
        }
        polled
    }

    /// Nothing in it is polled any more: the cancel from outside that it has not received.
    fn take_unreceived(&self) -> Option<Cancelled> {
        if self.foreign.get() { self.port.take_unreceived() } else { None }
    }
}

/// A scope's place in whatever is around it.
struct Place<'a> {
    scope: &'a Scope,
    suspension: Suspension,
}

impl Place<'_> {
    /// The scope has ended.
    fn leave(&mut self) {
        match self.scope.take_unreceived() {
            // Not noted as received: the next await of this very step may have to take it.
            Some(cancelled) => self.suspension.give_back(cancelled),
            None => self.suspension.ready(),
        }
    }
}

/// A scope may also be left by being dropped at its await, by whoever has it then.
impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(cancelled) = self.scope.take_unreceived() {
            self.suspension.give_back(cancelled);
        }
    }
}

impl Target for Scope {
    fn cancel(self: Rc<Self>, cancelled: &Cancelled) -> Taken {
        self.cancel_from_outside(cancelled);
        Taken::HandedOn
    }

    fn take_back(&self) {
        self.foreign.set(false);
        // An expiry is no request of anybody: it stays, with what it may have merged with.
        if !self.expired.get() {
            self.port.take_back();
        }
    }
}

//= SPEC.md#o-5
//# `wait_for` MUST return only after what it encloses has ended, and a result that came in time, or
//# in spite of the cancel, MUST be returned.
/// Waits for `future` no longer than `delay`, and returns only when it has really ended.
///
/// As [`timeout`], and with a zero delay: a [`Task`] or future of this crate that is done gives its
/// result, one that is not done is cancelled, the task waited for, and anything else is not begun.
///
/// # Errors
/// As [`timeout`].
pub async fn wait_for<T, F>(delay: Duration, future: F) -> Result<T, Exception>
where
    T: Clone + 'static,
    F: Future<Output = Result<T, Exception>> + 'static,
{
    let begun = Begun::find(&future);
    if delay.is_zero() {
        return match begun {
            Some(begun) => begun.end_now().await,
            None => Err(TimeoutError.into()),
        };
    }
    let result = timeout(delay, future).await;
    let timed_out = result.as_ref().is_err_and(Exception::is::<TimeoutError>);
    match begun.filter(|_| timed_out).and_then(|begun| begun.result()) {
        // It came in time; the cancel came before anybody looked.
        Some(in_time) if !in_time.as_ref().is_err_and(Exception::is_cancelled) => in_time,
        _ => result,
    }
}

/// Another handle on what `wait_for` was given, if that goes on without being polled.
enum Begun<T: Clone + 'static> {
    Task(Task<T>),
    Future(LoopFuture<T>),
    Concurrent(ConcurrentFuture<T>),
}

impl<T: Clone + 'static> Begun<T> {
    fn find(future: &dyn Any) -> Option<Begun<T>> {
        if let Some(task) = future.downcast_ref::<Task<T>>() {
            return Some(Begun::Task(task.clone()));
        }
        if let Some(future) = future.downcast_ref::<LoopFuture<T>>() {
            return Some(Begun::Future(future.clone()));
        }
        future.downcast_ref::<ConcurrentFuture<T>>().cloned().map(Begun::Concurrent)
    }

    /// What it ended with, if it has.
    fn result(&self) -> Option<Result<T, Exception>> {
        let result = match self {
            Begun::Task(task) => task.result(),
            Begun::Future(future) => future.result(),
            Begun::Concurrent(future) => future.outcome()?.into_result(),
        };
        match result {
            Err(ResultError::Pending) => None,
            ended => Some(ended.map_err(Exception::from)),
        }
    }

    /// There is no time at all: its result, or it is cancelled and its end waited for.
    async fn end_now(self) -> Result<T, Exception> {
        if let Some(result) = self.result() {
            return result;
        }
        match self {
            Begun::Task(task) => return cancel_and_wait(task).await,
            Begun::Future(future) => future.cancel(),
            Begun::Concurrent(future) => future.cancel(),
        };
        Err(TimeoutError.into())
    }
}

/// Its cancel becomes a [`TimeoutError`], unless the waiting task is cancelled too.
async fn cancel_and_wait<T: Clone + 'static>(task: Task<T>) -> Result<T, Exception> {
    if task.is_current() {
        return Err(AwaitsItself.into());
    }
    let waiting = LoopCore::current().and_then(|core| core.current_task.borrow().clone());
    let requests = || waiting.as_ref().map_or(0, |task| task.cancelling());
    let before = requests();
    let foreign = Suspension::receive_here();
    task.cancel();
    match task.await {
        Err(cancelled) if cancelled.is_cancelled() && foreign.is_none() && requests() == before => {
            Err(TimeoutError.into())
        }
        result => result,
    }
}

//= SPEC.md#o-7
//# Cancelling a task that awaits a `shield` MUST leave the shielded task running, and its later
//# failure MUST be reported if nobody retrieves it.
/// Awaits a task without handing it the awaiting task's cancel.
///
/// ```
/// use loopgate::{shield, sleep};
/// use std::time::Duration;
///
/// let event_loop = loopgate::EventLoop::with_clock(loopgate::Clock::virtual_time())?;
/// let inner = event_loop.create_task(async { sleep(Duration::from_secs(1)).await.map(|()| 3) })?;
/// let outer = event_loop.create_task(shield(inner.clone()))?;
/// event_loop.call_soon({ let outer = outer.clone(); move || { outer.cancel(); } })?;
/// assert_eq!(event_loop.run_until_complete(inner)?, 3);
/// assert!(outer.cancelled());
/// # Ok::<(), loopgate::Exception>(())
/// ```
pub fn shield<T: Clone + 'static>(task: Task<T>) -> Shield<T> {
    Shield {
        outcome: task.outcome().clone(),
        task,
        stopped: Rc::default(),
        suspension: Suspension::default(),
    }
}

/// The future of [`shield`].
#[must_use = "a shield does nothing unless awaited"]
pub struct Shield<T: Clone + 'static> {
    outcome: LoopFuture<T>,
    task: Task<T>,
    stopped: Rc<Stopped>,
    suspension: Suspension,
}

/// A cancel that ends the await and goes no further.
#[derive(Default)]
struct Stopped(RefCell<Option<Waker>>);

impl Target for Stopped {
    fn cancel(self: Rc<Self>, _: &Cancelled) -> Taken {
        // None if it was told already and has not been polled since.
        if let Some(waker) = self.0.take() {
            waker.wake();
        }
        Taken::ToYield
    }
}

impl<T: Clone + 'static> Future for Shield<T> {
    type Output = Result<T, Exception>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        //= SPEC.md#t-13
        //# A task that awaits itself MUST get an error.
        if self.task.is_current() {
            return Poll::Ready(Err(AwaitsItself.into()));
        }
        let stopped = Rc::clone(&self.stopped);
        if let Some(cancelled) = self.suspension.receive(|| Rc::clone(&stopped) as Rc<dyn Target>) {
            self.suspension.end();
            return Poll::Ready(Err(cancelled.into()));
        }
        let polled = self.outcome.poll_outcome(cx);
        match polled {
            Poll::Ready(_) => self.suspension.end(),
            Poll::Pending => {
                stopped.0.replace(Some(cx.waker().clone()));
                self.suspension.suspend(|| stopped);
            }
        }
        polled
    }
}

impl<T: Clone + 'static> fmt::Debug for Shield<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shield").field("outcome", &self.outcome).finish()
    }
}

//= SPEC.md#o-8
//# `gather` MUST yield the results in the order of its arguments, MUST yield the first exception at
//# once and leave the others running, and MUST cancel all of them when it is cancelled.
/// Awaits several tasks at once; their results in the order of the arguments.
///
/// The first exception is yielded at once and the other tasks go on. Cancelling the awaiting task
/// cancels them all, and waits for their end.
///
/// ```
/// let event_loop = loopgate::EventLoop::new()?;
/// let tasks = vec![event_loop.create_task(async { Ok(1) })?, event_loop.create_task(async { Ok(2) })?];
/// assert_eq!(event_loop.run_until_complete(loopgate::gather(tasks))?, [1, 2]);
/// # Ok::<(), loopgate::Exception>(())
/// ```
pub fn gather<T: Clone + 'static>(tasks: Vec<Task<T>>) -> Gather<T> {
    let outcomes = tasks.iter().map(|task| Some(task.outcome().clone())).collect();
    let results = tasks.iter().map(|_| None).collect();
    Gather {
        outcomes,
        results,
        all: Rc::new(All { tasks, cancelled: RefCell::new(None) }),
        suspension: Suspension::default(),
    }
}

/// The future of [`gather`].
#[must_use = "a gathering does nothing unless awaited"]
pub struct Gather<T: Clone + 'static> {
    /// `None` once the result is there.
    outcomes: Vec<Option<LoopFuture<T>>>,
    results: Vec<Option<Result<T, Exception>>>,
    all: Rc<All<T>>,
    suspension: Suspension,
}

struct All<T: Clone + 'static> {
    tasks: Vec<Task<T>>,
    /// Set when the awaiting task was cancelled: then the end of all is waited for.
    cancelled: RefCell<Option<Cancelled>>,
}

impl<T: Clone + 'static> Target for All<T> {
    fn cancel(self: Rc<Self>, cancelled: &Cancelled) -> Taken {
        let mut taken = Taken::Refused;
        for task in &self.tasks {
            if task.hand_on_cancel(cancelled) {
                taken = Taken::HandedOn;
            }
        }
        if taken == Taken::HandedOn {
            self.cancelled.borrow_mut().get_or_insert_with(|| cancelled.clone());
        }
        taken
    }
}

// Nothing in it is polled in place.
impl<T: Clone + 'static> Unpin for Gather<T> {}

impl<T: Clone + 'static> Future for Gather<T> {
    type Output = Result<Vec<T>, Exception>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        //= SPEC.md#t-13
        //# A task that awaits itself MUST get an error.
        if self.all.tasks.iter().any(Task::is_current) {
            return Poll::Ready(Err(AwaitsItself.into()));
        }
        let all = Rc::clone(&self.all);
        if let Some(cancelled) = self.suspension.receive(|| Rc::clone(&all) as Rc<dyn Target>) {
            self.suspension.end();
            return Poll::Ready(Err(cancelled.into()));
        }
        let this = &mut *self;
        for (outcome, result) in this.outcomes.iter_mut().zip(&mut this.results) {
            if let Some(future) = outcome
                && let Poll::Ready(ready) = future.poll_outcome(cx)
            {
                *outcome = None;
                *result = Some(ready);
            }
        }
        let all_ended = this.outcomes.iter().all(Option::is_none);
        let cancelled = all.cancelled.borrow().clone();
        let failed =
            this.results.iter().flatten().find_map(|result| result.as_ref().err().cloned());
        let ready = match (cancelled, failed) {
            (Some(cancelled), _) if all_ended => Some(Err(cancelled.into())),
            (Some(_), _) => None,
            (None, Some(exception)) => Some(Err(exception)),
            (None, None) if all_ended => Some(this.results.drain(..).flatten().collect()),
            (None, None) => None,
        };
        match ready {
            Some(ready) => {
                this.suspension.ready();
                Poll::Ready(ready)
            }
            None => {
                this.suspension.suspend(|| all);
                Poll::Pending
            }
        }
    }
}

impl<T: Clone + 'static> fmt::Debug for Gather<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gather").field("tasks", &self.all.tasks).finish()
    }
}
