//! The loop future: awaitable, single-threaded, its callbacks always through the queue.
//!
//! Clauses L-1 to L-8. States: *pending*, then *done* with a value, an exception or a cancellation,
//! for ever. The promise completes, any handle may cancel; the first of them wins and the rest are
//! told. There is no running state: nothing here blocks and nothing is shared between threads.
//!
//! Callbacks and awaiters stand in one list in the order in which they came, and that is the order in
//! which they are queued at completion. A chain stands there too: it carries the outcome on, to another
//! future, and is queued as a completion that happens even if the loop closes first.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use smallvec::SmallVec;

use crate::awaiting::{CancelPort, Suspension, Taken, Target};
use crate::exception::{
    BrokenPromise, Cancelled, Exception, ExceptionContext, InvalidState, LoopClosed, Outcome,
    ResultError, shield_from_panic,
};
use crate::handle::LocalCall;
use crate::ready_queue::{Entry, ReadyQueue};

type Callback<T> = Box<dyn FnOnce(&LoopFuture<T>)>;
type Chain<T> = Box<dyn FnOnce(Outcome<T>)>;

enum Listener<T> {
    Callback(Callback<T>),
    Awaiter(u64, Waker),
    Chain(Chain<T>),
}

struct State<T> {
    outcome: Option<Outcome<T>>,
    /// Most futures have one.
    listeners: SmallVec<[Listener<T>; 1]>,
    next_awaiter: u64,
    /// Somebody has looked at the outcome, or carries it on: it need not be reported.
    retrieved: bool,
    /// Runs at once when a handle cancels: what the cancel means for the work behind this future.
    on_cancel: Option<Box<dyn FnOnce()>>,
}

struct Shared<T> {
    queue: Rc<ReadyQueue>,
    state: RefCell<State<T>>,
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
    shared: Rc<Shared<T>>,
    awaiter: Option<u64>,
    suspension: Suspension,
}

/// The producer's side of a [`LoopFuture`]. Dropped uncompleted it fails the future (clause L-8).
pub struct LoopPromise<T: Clone + 'static> {
    shared: Rc<Shared<T>>,
}

/// A pending future of the loop that owns `queue`.
pub(crate) fn pair<T: Clone + 'static>(queue: &Rc<ReadyQueue>) -> (LoopPromise<T>, LoopFuture<T>) {
    let state = State {
        outcome: None,
        listeners: SmallVec::new(),
        next_awaiter: 0,
        retrieved: false,
        on_cancel: None,
    };
    let shared = Rc::new(Shared { queue: Rc::clone(queue), state: RefCell::new(state) });
    (LoopPromise { shared: Rc::clone(&shared) }, LoopFuture::of(shared))
}

impl<T> Shared<T> {
    //= SPEC.md#l-3
    //# `set_result`, `set_exception` and `cancel` on a loop future that is done MUST be refused and
    //# change nothing.
    /// Stores the outcome if there is none yet; otherwise gives it back.
    fn complete(self: &Rc<Self>, outcome: Outcome<T>) -> Result<(), Outcome<T>> {
        // Only borrowed: a value whose `clone` got here holds a borrow itself.
        if self.state.borrow().outcome.is_some() {
            return Err(outcome);
        }
        let mut state = self.state.borrow_mut();
        state.outcome = Some(outcome);
        let on_cancel = state.on_cancel.take();
        drop(state);
        // Whatever the hook owns is user code's, so it goes with nothing borrowed.
        drop(on_cancel);
        Ok(())
    }

    fn is_cancelled(&self) -> bool {
        matches!(self.state.borrow().outcome, Some(Outcome::Cancelled(_)))
    }

    fn mark_retrieved(&self) {
        self.state.borrow_mut().retrieved = true;
    }
}

impl<T: Clone + 'static> Shared<T> {
    //= SPEC.md#l-1
    //# A loop future's done-callbacks MUST be queued and never run inside the call that completed
    //# it or added them.
    //= SPEC.md#l-2
    //# Callbacks and awaiters of one loop future MUST be served in the order in which they came.
    /// Queues everybody who waits, in the order in which they came.
    fn announce(self: &Rc<Self>) {
        let listeners = std::mem::take(&mut self.state.borrow_mut().listeners);
        for listener in listeners {
            match listener {
                Listener::Callback(callback) => self.queue_callback(callback),
                Listener::Awaiter(_, waker) => {
                    shield_from_panic("a waker panicked", || waker.wake());
                }
                Listener::Chain(chain) => {
                    let outcome = self.carry_on();
                    self.queue.push(Entry::Copy(Box::new(move || chain(outcome))));
                }
            }
        }
    }

    fn queue_callback(self: &Rc<Self>, callback: Callback<T>) {
        let future = LoopFuture::of(Rc::clone(self));
        self.queue.push(Entry::Call(LocalCall::erased(move || callback(&future))));
    }

    /// The outcome of a done future, for somebody who will report it.
    fn carry_on(&self) -> Outcome<T> {
        self.mark_retrieved();
        let state = self.state.borrow();
        let outcome = state.outcome.as_ref().expect("only a done future is carried on");
        // The value's `clone` is user code.
        catch_unwind(AssertUnwindSafe(|| outcome.clone()))
            .unwrap_or_else(|payload| Outcome::Exception(Exception::from_panic(payload)))
    }

    /// A handle cancels: the work behind the future hears of it before anybody who awaits it.
    fn cancel_by_handle(self: &Rc<Self>, cancelled: Cancelled) -> bool {
        if self.state.borrow().outcome.is_some() {
            return false;
        }
        let hook = self.state.borrow_mut().on_cancel.take();
        let won = self.complete(Outcome::Cancelled(cancelled)).is_ok();
        if let Some(hook) = hook {
            hook();
        }
        if won {
            self.announce();
        }
        won
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
                InvalidState { rejected, cancelled: self.shared.is_cancelled() }
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
                InvalidState { rejected, cancelled: self.shared.is_cancelled() }
            }
            _ => unreachable!("the rejected outcome is the one that was offered"),
        })
    }

    /// Whether the future is done: cancelled by a handle, or completed.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.shared.state.borrow().outcome.is_some()
    }

    /// Completes the future unless it is done; the outcome back if it is.
    pub(crate) fn settle(&self, outcome: Outcome<T>) -> Result<(), Outcome<T>> {
        self.shared.complete(outcome)?;
        self.shared.announce();
        Ok(())
    }

    /// Carries the outcome on at once instead of through the queue; everything else is queued.
    ///
    /// For an exit request, which leaves the loop before the queue has its turn (clause S-9).
    pub(crate) fn settle_and_carry_on(&self, outcome: Outcome<T>) {
        if self.shared.complete(outcome).is_err() {
            return;
        }
        let listeners = std::mem::take(&mut self.shared.state.borrow_mut().listeners);
        let (chains, others): (SmallVec<[_; 1]>, SmallVec<[_; 1]>) =
            listeners.into_iter().partition(|listener| matches!(listener, Listener::Chain(_)));
        for listener in chains {
            if let Listener::Chain(chain) = listener {
                chain(self.shared.carry_on());
            }
        }
        self.shared.state.borrow_mut().listeners = others;
        self.shared.announce();
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
        let exception = if self.shared.queue.is_closed() {
            // Whoever closed the loop knows: not to be reported when nobody looks.
            self.shared.mark_retrieved();
            LoopClosed.into()
        } else {
            BrokenPromise.into()
        };
        // Nobody can have been faster: the loop thread is here.
        let _ = self.settle(Outcome::Exception(exception));
    }
}

impl<T> LoopFuture<T> {
    fn of(shared: Rc<Shared<T>>) -> LoopFuture<T> {
        LoopFuture { shared, awaiter: None, suspension: Suspension::default() }
    }

    /// Whether the future has an outcome.
    #[must_use]
    pub fn done(&self) -> bool {
        self.shared.state.borrow().outcome.is_some()
    }

    /// Whether the future was cancelled.
    #[must_use]
    pub fn cancelled(&self) -> bool {
        self.shared.is_cancelled()
    }

    /// Sets what a cancel means for the work behind the future; it runs inside `cancel`.
    pub(crate) fn on_cancel(&self, hook: impl FnOnce() + 'static) {
        self.shared.state.borrow_mut().on_cancel = Some(Box::new(hook));
    }

    /// Nobody needs to be told if the outcome is an exception.
    pub(crate) fn mark_retrieved(&self) {
        self.shared.mark_retrieved();
    }

    /// Clause L-7: a task of another loop must not be suspended here.
    fn check_same_loop(&self) -> Result<(), ForeignLoop> {
        match CancelPort::current() {
            Some(port) if port.loop_id() != self.shared.queue.gate().id() => Err(ForeignLoop),
            _ => Ok(()),
        }
    }
}

impl<T: Clone + 'static> LoopFuture<T> {
    /// Cancels the future; false, and no change, if it is done.
    pub fn cancel(&self) -> bool {
        self.shared.cancel_by_handle(Cancelled::default())
    }

    /// Cancels with a message, which awaiters find in their [`Cancelled`].
    pub fn cancel_with_message(&self, message: &str) -> bool {
        self.shared.cancel_by_handle(Cancelled::with_message(message))
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
        self.shared.carry_on().into_result()
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
        if self.done() {
            self.shared.queue_callback(Box::new(callback));
        } else {
            let mut state = self.shared.state.borrow_mut();
            state.listeners.push(Listener::Callback(Box::new(callback)));
        }
    }

    /// Carries the outcome on when the future is done, through the queue, even if the loop closes.
    pub(crate) fn chain(&self, chain: impl FnOnce(Outcome<T>) + 'static) {
        let chain = Box::new(chain);
        if self.done() {
            let outcome = self.shared.carry_on();
            self.shared.queue.push(Entry::Copy(Box::new(move || chain(outcome))));
        } else {
            self.shared.state.borrow_mut().listeners.push(Listener::Chain(chain));
        }
    }

    /// Polls; a cancel of the task that awaits goes to `target`, which need not be this future.
    pub(crate) fn poll_with_target(
        &mut self,
        cx: &mut Context<'_>,
        target: impl Fn() -> Rc<dyn Target>,
    ) -> Poll<Result<T, Exception>> {
        //= SPEC.md#l-7
        //# A task of another loop that awaits the future MUST get an error and MUST NOT be
        //# suspended on it.
        self.check_same_loop()?;
        if let Some(cancelled) = self.suspension.receive(&target) {
            self.suspension.end();
            // If an earlier request has cancelled the future, its message is the one to yield.
            if !self.cancelled() {
                return Poll::Ready(Err(cancelled.into()));
            }
        }
        let polled = self.poll_outcome(cx);
        match polled {
            Poll::Ready(_) => self.suspension.ready(),
            Poll::Pending => self.suspension.suspend(target),
        }
        polled
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
        let mut state = self.shared.state.borrow_mut();
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

/// A task is suspended on a loop future: its cancel cancels the future, as in asyncio.
impl<T: Clone + 'static> Target for Shared<T> {
    fn cancel(self: Rc<Self>, cancelled: &Cancelled) -> Taken {
        if self.cancel_by_handle(cancelled.clone()) { Taken::ToYield } else { Taken::Refused }
    }
}

impl<T: Clone + 'static> Future for LoopFuture<T> {
    type Output = Result<T, Exception>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let shared = Rc::clone(&self.shared);
        self.poll_with_target(cx, || Rc::clone(&shared) as Rc<dyn Target>)
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
            let mut state = self.shared.state.borrow_mut();
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
impl<T> Drop for Shared<T> {
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
        let state = match &self.shared.state.borrow().outcome {
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
