//! Tasks: coroutines that the loop drives.
//!
//! Clauses T-1 to T-19: how a task is made is in `factory`, what its steps do in `step`, how it is cancelled in `cancel`,
//! and how it ends in `end`. States of a task:
//!
//! * *queued*: a step is in the queue; wakes that come meanwhile change nothing;
//! * *stepping*: the coroutine is being polled; a wake queues another step;
//! * *suspended*: nothing is queued; a wake or a cancel queues a step;
//! * *done*: the coroutine is dropped and the outcome is in the task's future. Final.
//!
//! Who touches what: a task belongs to its loop's thread. What other threads can reach is its waker.

mod alarm;
mod cancel;
mod current;
mod end;
mod factory;
mod slot;
mod step;
mod wait;

pub use current::{TaskRef, current_task};
pub use factory::{Coroutine, FactoryError, NewTask};
pub use wait::{NoRunningLoop, Sleep, YieldNow, sleep, yield_now};

pub(crate) use end::abandon_all;
pub(crate) use factory::set as set_factory;

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use crate::awaiting::{CancelPort, Taken, Target};
use crate::concurrent::Promise;
use crate::core::{AnyTask, LoopCore, Origin};
use crate::exception::{Cancelled, Exception, LoopClosed, ResultError};
use crate::future::{Completes, Completion, LoopFuture};
use crate::primitives::{Arc, unique_id};
use crate::ready_queue::Entry;
use crate::table::Key;
use crate::waker::TaskWaker;
use end::Delivery;
use slot::Slot;

/// A coroutine, erased.
pub(crate) type Body<T> = Pin<Box<dyn Future<Output = Result<T, Exception>>>>;

struct Shared<T: Clone + 'static> {
    completion: Completion<T>,
    id: u64,
    core: Rc<LoopCore>,
    /// `None` for the usual one, which is made of the id when somebody asks.
    name: Slot<Box<str>>,
    /// `None` while it is being polled, and once it is dropped.
    body: Slot<Body<T>>,
    /// What asked for the task, if another thread did: the first to be told of its end.
    submission: Slot<Promise<T>>,
    /// Set when the task gets its place in the loop's table.
    place: Cell<Option<Key>>,
    /// `None` until the first step, and once it is done.
    waker: Slot<Arc<TaskWaker>>,
    /// What the coroutine is polled with, from its second step on and between the steps.
    polled_with: Slot<Waker>,
    /// `None` until something needs it, while the task is being polled, and once it is done.
    port: Slot<Rc<CancelPort>>,
    started: Cell<bool>,
    /// The entry of a step that another thread posted is still to come, and a step has swallowed it.
    passes_over: Cell<bool>,
    cancel: cancel::CancelState,
}

/// A coroutine that its loop drives to an outcome; asyncio's `Task`.
///
/// Clones are handles on the same task; dropping them does not cancel it. Await it for its outcome;
/// cancelling the awaiting task then cancels this one too (clause T-10). Not `Send`: other threads hold
/// the [`ConcurrentFuture`](crate::ConcurrentFuture) of their submission.
///
/// ```
/// # let event_loop = loopgate::EventLoop::new()?;
/// let task = event_loop.create_task(async { Ok(6 * 7) })?;
/// assert_eq!(event_loop.run_until_complete(task)?, 42);
/// # Ok::<(), loopgate::Exception>(())
/// ```
pub struct Task<T: Clone + 'static> {
    shared: Rc<Shared<T>>,
    joined: LoopFuture<T>,
}

/// Makes a task of `body` with the loop's factory.
pub(crate) fn create_task<T: Clone + 'static>(
    core: &Rc<LoopCore>,
    body: Body<T>,
) -> Result<Task<T>, Exception> {
    core.queue.check_open()?;
    let shared = Rc::new(Shared {
        completion: Completion::new(&core.queue),
        id: unique_id(),
        core: Rc::clone(core),
        name: Slot::default(),
        body: Slot::new(Some(body)),
        submission: Slot::default(),
        place: Cell::default(),
        waker: Slot::default(),
        polled_with: Slot::default(),
        port: Slot::default(),
        started: Cell::new(false),
        passes_over: Cell::new(false),
        cancel: cancel::CancelState::default(),
    });
    factory::make(core, Rc::clone(&shared) as Rc<dyn AnyTask>)?;
    Ok(Task::of(shared))
}

impl<T: Clone + 'static> AnyTask for Shared<T> {
    fn step(self: Rc<Self>, origin: Origin) {
        self.take_step(origin);
    }

    fn cancel_for_submission(&self) {
        if self.cancel.mark_submission_seen() {
            AnyTask::cancel(self, None);
        }
    }

    fn abandon(self: Rc<Self>, why: Exception) {
        self.end_abandoned(why);
    }

    fn id(&self) -> u64 {
        self.id
    }

    fn loop_id(&self) -> u64 {
        self.core.gate().id()
    }

    fn name(&self) -> String {
        self.name.look(|name| name.to_string()).unwrap_or_else(|| format!("Task-{}", self.id))
    }

    fn set_name(&self, name: &str) {
        self.name.put(name.into());
    }

    fn is_done(&self) -> bool {
        self.completion.is_done()
    }

    fn cancel(&self, message: Option<&str>) -> bool {
        let cancelled = message.map_or_else(Cancelled::default, Cancelled::with_message);
        self.cancel_with(cancelled)
    }

    fn cancelling(&self) -> usize {
        self.cancel.requests()
    }

    fn uncancel(&self) -> usize {
        self.take_back_cancel()
    }

    //= SPEC.md#t-1
    //# Creating a task MUST queue its first step and MUST NOT run any of it.
    fn start(self: Rc<Self>, core: &Rc<LoopCore>) {
        // A factory may keep the coroutine for later, when it was dropped or the loop is gone.
        if self.completion.is_done() || core.queue.is_closed() {
            return self.abandon(LoopClosed.into());
        }
        let task: Rc<dyn AnyTask> = Rc::clone(&self) as Rc<dyn AnyTask>;
        let key = core.tasks.borrow_mut().insert(task);
        self.place.set(Some(key));
        core.queue.push(Entry::Step(key));
    }
}

impl<T: Clone + 'static> Task<T> {
    fn of(shared: Rc<Shared<T>>) -> Task<T> {
        let joined = LoopFuture::of(Rc::clone(&shared) as Rc<dyn Completes<T>>);
        Task { shared, joined }
    }

    /// Unique among all tasks of the process.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.shared.id
    }

    /// The task's name; `Task-<id>` unless it was set.
    #[must_use]
    pub fn name(&self) -> String {
        AnyTask::name(&*self.shared)
    }

    /// Names the task.
    pub fn set_name(&self, name: &str) {
        AnyTask::set_name(&*self.shared, name);
    }

    /// Whether the task has an outcome.
    #[must_use]
    pub fn done(&self) -> bool {
        self.joined.done()
    }

    /// Whether the task ended cancelled.
    #[must_use]
    pub fn cancelled(&self) -> bool {
        self.joined.cancelled()
    }

    /// The result of a done task.
    ///
    /// # Errors
    /// [`ResultError::Pending`] if it is not done; otherwise what it ended with.
    pub fn result(&self) -> Result<T, ResultError> {
        self.joined.result()
    }

    /// The exception of a done task, if it has one.
    ///
    /// # Errors
    /// [`ResultError::Pending`] or [`ResultError::Cancelled`].
    pub fn exception(&self) -> Result<Option<Exception>, ResultError> {
        self.joined.exception()
    }

    /// Queues `callback` once for when the task is done.
    pub fn add_done_callback(&self, callback: impl FnOnce(&LoopFuture<T>) + 'static) {
        self.joined.add_done_callback(callback);
    }

    /// The task's outcome as a future, to be looked at: it must not be cancelled before it is done.
    pub(crate) fn outcome(&self) -> &LoopFuture<T> {
        &self.joined
    }

    /// Whether the step that runs is this task's own.
    pub(crate) fn is_current(&self) -> bool {
        self.shared.is_current()
    }

    /// Chains the task to the submission that asked for it.
    pub(crate) fn chain_to(&self, promise: Promise<T>)
    where
        T: Send,
    {
        self.shared.submission.put(promise);
        if self.done() {
            // A factory ran it to its end.
            self.shared.hand_over(Delivery::Queued);
        }
    }
}

/// Cancelling whoever awaits a task cancels the task.
impl<T: Clone + 'static> Target for Shared<T> {
    fn cancel(self: Rc<Self>, cancelled: &Cancelled) -> Taken {
        if self.cancel_handed_on(cancelled) { Taken::HandedOn } else { Taken::Refused }
    }
}

/// The task would wait for its own end (clause T-13).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AwaitsItself;

impl fmt::Display for AwaitsItself {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a task cannot await itself: it would never end")
    }
}

impl std::error::Error for AwaitsItself {}

//= SPEC.md#t-10
//# Cancelling a task that awaits another task MUST cancel that one and go on waiting for its end.
impl<T: Clone + 'static> Future for Task<T> {
    type Output = Result<T, Exception>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        //= SPEC.md#t-13
        //# A task that awaits itself MUST get an error.
        if self.is_current() {
            return Poll::Ready(Err(AwaitsItself.into()));
        }
        Pin::new(&mut self.joined).poll(cx)
    }
}

impl<T: Clone + 'static> Clone for Task<T> {
    fn clone(&self) -> Self {
        Task::of(Rc::clone(&self.shared))
    }
}

impl<T: Clone + 'static> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").field("name", &self.name()).field("outcome", &self.joined).finish()
    }
}
