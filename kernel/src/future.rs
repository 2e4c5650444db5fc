//! The loop future: awaitable, single-threaded, its callbacks always through the queue.
//!
//! Clauses L-1 to L-8. States: *pending*, then *done* with a value, an exception or a cancellation,
//! for ever. The promise completes, any handle may cancel; the first of them wins and the rest are
//! told. There is no running state: nothing here blocks and nothing is shared between threads.
//!
//! Callbacks and awaiters stand in one list in the order in which they came, and that is the order in
//! which they are queued at completion.
//!
//! A task has a future in it. What the two have in common is a [`Completion`], and a handle is on
//! whatever [`Completes`]: so a task and its future are one allocation.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use smallvec::SmallVec;

use crate::awaiting::{Suspension, Taken, Target, current};
use crate::exception::{
    BrokenPromise, Cancelled, Exception, ExceptionContext, InvalidState, LoopClosed, Outcome,
    ResultError, shield_from_panic,
};
use crate::ready_queue::ReadyQueue;

type Callback<T> = Box<dyn FnOnce(&LoopFuture<T>)>;

enum Listener<T> {
    Callback(Callback<T>),
    Awaiter(u64, Waker),
}

struct State<T> {
    outcome: Option<Outcome<T>>,
    /// Most futures have one.
    listeners: SmallVec<[Listener<T>; 1]>,
    next_awaiter: u64,
    /// Somebody has looked at the outcome, or carries it on: it need not be reported.
    retrieved: bool,
}

/// An outcome, or who waits for it.
pub(crate) struct Completion<T> {
    queue: Rc<ReadyQueue>,
    state: RefCell<State<T>>,
}

/// What a handle is on. As a target it says what a cancel of whoever awaits it means.
pub(crate) trait Completes<T>: Target {
    fn completion(&self) -> &Completion<T>;

    /// A handle has cancelled: the work behind the future hears of it before anybody who awaits it.
    fn on_cancel(&self) {}
}

/// Completes it unless it is done, and announces that; the outcome back if it is.
pub(crate) fn settle<T: Clone + 'static>(
    shared: &Rc<impl Completes<T> + 'static>,
    outcome: Outcome<T>,
) -> Result<(), Outcome<T>> {
    shared.completion().complete(outcome)?;
    shared.completion().announce(|| LoopFuture::of(Rc::clone(shared) as Rc<dyn Completes<T>>));
    Ok(())
}

/// A cancel of whoever awaits a future that is no task cancels the future, as in asyncio.
pub(crate) fn cancel_by_awaiter<T: Clone + 'static>(
    shared: Rc<dyn Completes<T>>,
    cancelled: &Cancelled,
) -> Taken {
    let future = LoopFuture::of(shared);
    if future.cancel_with(cancelled.clone()) { Taken::ToYield } else { Taken::Refused }
}

/// A future that is no task.
struct Plain<T>(Completion<T>);

impl<T: Clone + 'static> Completes<T> for Plain<T> {
    fn completion(&self) -> &Completion<T> {
        &self.0
    }
}

impl<T: Clone + 'static> Target for Plain<T> {
    fn cancel(self: Rc<Self>, cancelled: &Cancelled) -> Taken {
        cancel_by_awaiter(self, cancelled)
    }
}

/// The result of work on this loop, to be awaited; asyncio's `Future`.
///
/// Clones are handles on the same future. Not `Send`. Results are cloned out.
///
/// ```
/// # let event_loop = loopgate::EventLoop::new()?;
/// let (promise, future) = event_loop.create_future();
/// event_loop.call_soon(move || promise.set_result(3).unwrap())?;
/// assert_eq!(event_loop.run_until_complete(future)?, 3);
/// # Ok::<(), loopgate::Exception>(())
/// ```
#[must_use = "dropping every handle loses the result"]
pub struct LoopFuture<T> {
    shared: Rc<dyn Completes<T>>,
    awaiter: Option<u64>,
    suspension: Suspension,
}

/// The producer's side of a [`LoopFuture`]. Dropped uncompleted it fails the future (clause L-8).
pub struct LoopPromise<T: Clone + 'static> {
    shared: Rc<Plain<T>>,
}

/// A pending future of the loop that owns `queue`.
pub(crate) fn pair<T: Clone + 'static>(queue: &Rc<ReadyQueue>) -> (LoopPromise<T>, LoopFuture<T>) {
    let shared = Rc::new(Plain(Completion::new(queue)));
    let future = LoopFuture::of(Rc::clone(&shared) as Rc<dyn Completes<T>>);
    (LoopPromise { shared }, future)
}

impl<T> Completion<T> {
    pub(crate) fn new(queue: &Rc<ReadyQueue>) -> Completion<T> {
        let state =
            State { outcome: None, listeners: SmallVec::new(), next_awaiter: 0, retrieved: false };
        Completion { queue: Rc::clone(queue), state: RefCell::new(state) }
    }

    //= SPEC.md#l-3
    //# `set_result`, `set_exception` and `cancel` on a loop future that is done MUST be refused and
    //# change nothing.
    /// Stores the outcome if there is none yet; otherwise gives it back.
    pub(crate) fn complete(&self, outcome: Outcome<T>) -> Result<(), Outcome<T>> {
        // Only borrowed: a value whose `clone` got here holds a borrow itself.
        if self.is_done() {
            return Err(outcome);
        }
        self.state.borrow_mut().outcome = Some(outcome);
        Ok(())
    }

    pub(crate) fn is_done(&self) -> bool {
        self.state.borrow().outcome.is_some()
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        matches!(self.state.borrow().outcome, Some(Outcome::Cancelled(_)))
    }

    /// The outcome of a future that nobody will look at any more.
    pub(crate) fn take_outcome(&mut self) -> Option<Outcome<T>> {
        self.state.get_mut().outcome.take()
    }

    /// Nobody needs to be told if the outcome is an exception.
    pub(crate) fn mark_retrieved(&self) {
        self.state.borrow_mut().retrieved = true;
    }
}

impl<T: Clone + 'static> Completion<T> {
    //= SPEC.md#l-1
    //# A loop future's done-callbacks MUST be queued and never run inside the call that completed
    //# it or added them.
    //= SPEC.md#l-2
    //# Callbacks and awaiters of one loop future MUST be served in the order in which they came.
    /// Queues everybody who waits, in the order in which they came; callbacks get a `handle` each.
    pub(crate) fn announce(&self, handle: impl Fn() -> LoopFuture<T>) {
        let mut state = self.state.borrow_mut();
        if state.listeners.is_empty() {
            return;
        }
        let listeners = std::mem::take(&mut state.listeners);
        drop(state);
        for listener in listeners {
            match listener {
                Listener::Callback(callback) => self.queue_callback(handle(), callback),
                Listener::Awaiter(_, waker) => {
                    shield_from_panic("a waker panicked", || waker.wake());
                }
            }
        }
    }

    fn queue_callback(&self, future: LoopFuture<T>, callback: Callback<T>) {
        let _closed = self.queue.call_soon(move || callback(&future));
    }

    /// The outcome of a done future, for somebody who will report it.
    pub(crate) fn carry_on(&self) -> Outcome<T> {
        self.mark_retrieved();
        let state = self.state.borrow();
        let outcome = state.outcome.as_ref().expect("only a done future is carried on");
        // The value's `clone` is user code.
        catch_unwind(AssertUnwindSafe(|| outcome.clone()))
            .unwrap_or_else(|payload| Outcome::Exception(Exception::from_panic(payload)))
    }
}

impl<T: Clone + 'static> LoopPromise<T> {
    /// Completes the future with a value.
    ///
    /// # Errors
    /// [`InvalidState`] with the value, if the future is done. Nothing changes.
    pub fn set_result(&self, value: T) -> Result<(), InvalidState<T>> {
        self.settle(Outcome::Value(value)).map_err(|outcome| match outcome {
            Outcome::Value(rejected) => {
                InvalidState { rejected, cancelled: self.shared.0.is_cancelled() }
            }
            _ => unreachable!("the rejected outcome is the one that was offered"),
        })
    }

    /// Completes the future with an exception.
    ///
    /// # Errors
    /// [`InvalidState`] with the exception, if the future is done. Nothing changes.
    pub fn set_exception(
        &self,
        exception: impl Into<Exception>,
    ) -> Result<(), InvalidState<Exception>> {
        self.settle(Outcome::Exception(exception.into())).map_err(|outcome| match outcome {
            Outcome::Exception(rejected) => {
                InvalidState { rejected, cancelled: self.shared.0.is_cancelled() }
            }
            _ => unreachable!("the rejected outcome is the one that was offered"),
        })
    }

    /// Whether the future is done: cancelled by a handle, or completed.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.shared.0.is_done()
    }

    /// Completes the future unless it is done; the outcome back if it is.
    fn settle(&self, outcome: Outcome<T>) -> Result<(), Outcome<T>> {
        settle(&self.shared, outcome)
    }
}

//= SPEC.md#l-8
//# Closing the loop MUST end a pending loop future that the kernel made, with an error that says
//# so.
impl<T: Clone + 'static> Drop for LoopPromise<T> {
    fn drop(&mut self) {
        if self.is_done() {
            return;
        }
        let exception = if self.shared.0.queue.is_closed() {
            // Whoever closed the loop knows: not to be reported when nobody looks.
            self.shared.0.mark_retrieved();
            LoopClosed.into()
        } else {
            BrokenPromise.into()
        };
        // Nobody can have been faster: the loop thread is here.
        let _ = self.settle(Outcome::Exception(exception));
    }
}

impl<T> LoopFuture<T> {
    pub(crate) fn of(shared: Rc<dyn Completes<T>>) -> LoopFuture<T> {
        LoopFuture { shared, awaiter: None, suspension: Suspension::default() }
    }

    fn completion(&self) -> &Completion<T> {
        self.shared.completion()
    }

    /// Whether the future has an outcome.
    #[must_use]
    pub fn done(&self) -> bool {
        self.completion().is_done()
    }

    /// Whether the future was cancelled.
    #[must_use]
    pub fn cancelled(&self) -> bool {
        self.completion().is_cancelled()
    }

    /// Clause L-7: a task of another loop must not be suspended here.
    fn check_same_loop(&self) -> Result<(), ForeignLoop> {
        match current::loop_id() {
            Some(id) if id != self.completion().queue.gate().id() => Err(ForeignLoop),
            _ => Ok(()),
        }
    }
}

impl<T: Clone + 'static> LoopFuture<T> {
    /// Cancels the future; false, and no change, if it is done.
    pub fn cancel(&self) -> bool {
        self.cancel_with(Cancelled::default())
    }

    /// Cancels with a message, which awaiters find in their [`Cancelled`].
    pub fn cancel_with_message(&self, message: &str) -> bool {
        self.cancel_with(Cancelled::with_message(message))
    }

    fn cancel_with(&self, cancelled: Cancelled) -> bool {
        let won = self.completion().complete(Outcome::Cancelled(cancelled)).is_ok();
        if won {
            self.shared.on_cancel();
            self.completion().announce(|| self.clone());
        }
        won
    }

    //= SPEC.md#l-4
    //# Reading the result of a pending loop future MUST be an error and MUST NOT block.
    /// The result of a done future.
    ///
    /// # Errors
    /// [`ResultError::Pending`] if it is not done; otherwise the exception or cancellation it ended with.
    pub fn result(&self) -> Result<T, ResultError> {
        if !self.done() {
            return Err(ResultError::Pending);
        }
        self.completion().carry_on().into_result()
    }

    /// The exception of a done future, if it has one.
    ///
    /// # Errors
    /// [`ResultError::Pending`] or [`ResultError::Cancelled`].
    pub fn exception(&self) -> Result<Option<Exception>, ResultError> {
        match self.result() {
            Ok(_) => Ok(None),
            Err(ResultError::Exception(exception)) => Ok(Some(exception)),
            Err(error) => Err(error),
        }
    }

    /// Queues `callback` once for when the future is done, or now if it is (clauses L-1, L-2).
    pub fn add_done_callback(&self, callback: impl FnOnce(&LoopFuture<T>) + 'static) {
        let callback = Box::new(callback);
        if self.done() {
            self.completion().queue_callback(self.clone(), callback);
        } else {
            let mut state = self.completion().state.borrow_mut();
            state.listeners.push(Listener::Callback(callback));
        }
    }

    /// Polls for the outcome alone: the caller sees to cancels.
    pub(crate) fn poll_outcome(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, Exception>> {
        self.check_same_loop()?;
        //= SPEC.md#l-6
        //# Awaiting a loop future that is done MUST NOT suspend.
        if self.done() {
            return Poll::Ready(self.result().map_err(Exception::from));
        }
        self.register(cx.waker());
        Poll::Pending
    }

    fn register(&mut self, waker: &Waker) {
        // A waker's clone and drop are foreign code: nothing is borrowed meanwhile.
        let mut waker = waker.clone();
        let mut state = self.shared.completion().state.borrow_mut();
        for listener in &mut state.listeners {
            if let Listener::Awaiter(known, registered) = listener
                && Some(*known) == self.awaiter
            {
                std::mem::swap(registered, &mut waker);
                drop(state);
                return drop(waker);
            }
        }
        state.next_awaiter += 1;
        self.awaiter = Some(state.next_awaiter);
        let awaiter = state.next_awaiter;
        state.listeners.push(Listener::Awaiter(awaiter, waker));
    }
}

impl<T: Clone + 'static> Future for LoopFuture<T> {
    type Output = Result<T, Exception>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        //= SPEC.md#l-7
        //# A task of another loop that awaits the future MUST get an error and MUST NOT be
        //# suspended on it.
        self.check_same_loop()?;
        let received = self.suspension.receive(|| Rc::clone(&self.shared) as Rc<dyn Target>);
        if let Some(cancelled) = received {
            self.suspension.end();
            // If an earlier request has cancelled the future, its message is the one to yield.
            if !self.cancelled() {
                return Poll::Ready(Err(cancelled.into()));
            }
        }
        let polled = self.poll_outcome(cx);
        let LoopFuture { shared, suspension, .. } = &mut *self;
        match polled {
            Poll::Ready(_) => suspension.ready(),
            Poll::Pending => suspension.suspend(|| Rc::clone(shared) as Rc<dyn Target>),
        }
        polled
    }
}

impl<T> Clone for LoopFuture<T> {
    fn clone(&self) -> Self {
        LoopFuture::of(Rc::clone(&self.shared))
    }
}

impl<T> Drop for LoopFuture<T> {
    fn drop(&mut self) {
        if let Some(awaiter) = self.awaiter {
            let mut state = self.completion().state.borrow_mut();
            let found = state
                .listeners
                .iter()
                .position(|l| matches!(l, Listener::Awaiter(known, _) if *known == awaiter));
            let withdrawn = found.map(|index| state.listeners.remove(index));
            drop(state);
            drop(withdrawn);
        }
    }
}

//= SPEC.md#l-5
//# An exception that nobody retrieved MUST be reported to the exception handler when the last
//# handle of its future is dropped.
impl<T> Drop for Completion<T> {
    fn drop(&mut self) {
        let state = self.state.get_mut();
        if state.retrieved {
            return;
        }
        if let Some(Outcome::Exception(exception)) = state.outcome.take() {
            let message = "the exception of a future was never retrieved";
            self.queue.report_later(ExceptionContext::new(message, Some(exception)));
        }
    }
}

/// The awaited future belongs to another loop; submit the work to that loop instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForeignLoop;

impl fmt::Display for ForeignLoop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the future or task belongs to another event loop; submit the work there")
    }
}

impl std::error::Error for ForeignLoop {}

impl<T> fmt::Debug for LoopFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.completion().state.borrow().outcome {
            None => "PENDING",
            Some(Outcome::Cancelled(_)) => "CANCELLED",
            Some(_) => "FINISHED",
        };
        f.debug_struct("LoopFuture").field("state", &state).finish()
    }
}

impl<T: Clone + 'static> fmt::Debug for LoopPromise<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoopPromise").finish_non_exhaustive()
    }
}
