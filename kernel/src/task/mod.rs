//! Tasks: coroutines that the loop drives.
//!
//! Clauses T-1 to T-18 (cancelling in `cancel`, making in `factory`). States of a task:
//!
//! * *queued*: a step is in the queue; wakes that come meanwhile change nothing;
//! * *stepping*: the coroutine is being polled; a wake queues another step;
//! * *suspended*: nothing is queued; a wake or a cancel queues a step;
//! * *done*: the coroutine is dropped and the outcome is in the task's future. Final.
//!
//! Who touches what: a task belongs to its loop's thread. What other threads can reach is its waker.
//!
//! Many tasks end in their first step. The waker and the port are therefore made when that begins, and
//! handed on to the next task if nobody has kept anything of them. A port is handed on also by a task that is
//! suspended, if it is suspended on nothing that the port has to know.

mod alarm;
mod cancel;
mod factory;
mod slot;
mod wait;

pub use factory::{Coroutine, FactoryError, NewTask};
pub use wait::{NoRunningLoop, Sleep, YieldNow, sleep, yield_now};

pub(crate) use factory::set as set_factory;

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Wake, Waker};

use crate::awaiting::{CancelPort, Taken, Target};
use crate::chain;
use crate::concurrent::Promise;
use crate::core::{AnyTask, LoopCore, Origin};
use crate::exception::{Cancelled, Exception, LoopClosed, Outcome, ResultError, shield_from_panic};
use crate::future::{Completes, Completion, LoopFuture};
use crate::primitives::{Arc, unique_id};
use crate::ready_queue::{Entry, Submitted};
use crate::table::Key;
use crate::waker::TaskWaker;
use slot::Slot;

type Body<T> = Pin<Box<dyn Future<Output = Result<T, Exception>>>>;

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
    /// `None` while it is not needed, and once it is done.
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
    body: impl Future<Output = Result<T, Exception>> + 'static,
) -> Result<Task<T>, Exception> {
    core.queue.check_open()?;
    let shared = Rc::new(Shared {
        completion: Completion::new(&core.queue),
        id: unique_id(),
        core: Rc::clone(core),
        name: Slot::default(),
        body: Slot::new(Some(Box::pin(body))),
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

impl<T: Clone + 'static> Shared<T> {
    /// Has the task step. Until its first step it need not be told.
    fn wake(&self) {
        if let Some(waker) = self.waker.look(Arc::clone) {
            waker.wake_by_ref();
        }
    }

    fn port(&self) -> Rc<CancelPort> {
        let port = self.port.take().or_else(|| self.core.spare_port.take());
        let port = port.unwrap_or_else(|| CancelPort::new(self.core.gate().id()));
        self.port.put(Rc::clone(&port));
        port
    }

    /// A step begins: what to poll the coroutine with. Made now if this is the first step.
    fn begin_step(&self, key: Key, origin: Origin) -> Waker {
        let waker = self.waker.take().unwrap_or_else(|| {
            let spare = self.core.spare_waker.take();
            let spare = spare.and_then(|mut spare| spare.start_over(key).then_some(spare));
            spare.unwrap_or_else(|| TaskWaker::new(self.core.gate(), key))
        });
        if waker.lower() && origin == Origin::Queued {
            let another = self.passes_over.replace(true);
            debug_assert!(!another, "a posted step is passed over before another is posted");
        }
        let polled_with = self.polled_with.take();
        let polled_with = polled_with.unwrap_or_else(|| Waker::from(Arc::clone(&waker)));
        self.waker.put(waker);
        polled_with
    }

    /// The task is done: whoever comes next may have what it leaves.
    fn leave_spares(&self) {
        let (port, waker) = (self.port.take(), self.waker.take());
        if let Some(port) = port
            && port.is_unused()
        {
            self.core.spare_port.set(Some(port));
        }
        self.core.spare_waker.set(waker);
    }

    /// Polls the coroutine as the loop's current task.
    fn poll_body(self: &Rc<Self>, mut body: Body<T>, waker: Waker) -> Option<Result<T, Exception>> {
        let port = self.port();
        let previous = self.core.current_task.replace(Some(Rc::clone(self) as Rc<dyn AnyTask>));
        let entered = port.enter();
        port.begin_step();
        let polled =
            catch_unwind(AssertUnwindSafe(|| body.as_mut().poll(&mut Context::from_waker(&waker))));
        let result = match polled {
            Ok(Poll::Pending) => match port.take_refused() {
                None => {
                    self.body.put(body);
                    self.polled_with.put(waker);
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
        drop(entered);
        self.core.current_task.replace(previous);
        if result.is_none() && port.is_unused() {
            // The task is suspended on nothing that the port has to know: the next step may use it.
            drop(port);
            self.core.spare_port.set(self.port.take());
        }
        result
    }

    //= SPEC.md#t-2
    //# A coroutine's `Err` MUST become the task's exception, its `Err(Cancelled)` MUST make the
    //# task cancelled, and its value the result.
    /// The coroutine is gone; stores how it ended and gives up the task's place.
    fn finish(self: &Rc<Self>, result: Result<T, Exception>) {
        let mut outcome = Outcome::from_result(result);
        //= SPEC.md#t-11
        //# A cancel that nobody received before the coroutine returned a value MUST make the task
        //# cancelled; if it returned an exception the exception stands.
        if let (Outcome::Value(_), Some(cancelled)) = (&outcome, self.port().take_unreceived()) {
            outcome = Outcome::Cancelled(cancelled);
        }
        let exit = match &outcome {
            Outcome::Exception(exception) if exception.exit_request().is_some() => {
                Some(exception.clone())
            }
            _ => None,
        };
        self.give_up_place();
        match exit {
            None => self.settle(outcome, Delivery::Queued),
            Some(exit) => {
                //= SPEC.md#s-9
                //# An exit request MUST leave the run at once, after the future of the work that
                //# raised it is done, with the rest of the batch still queued in order.
                self.completion.mark_retrieved();
                self.settle(outcome, Delivery::AtOnce);
                self.core.queue.handler().request_exit(exit);
            }
        }
    }

    /// Ends the task, if it has not ended: its submission is told first, then everybody else.
    fn settle(self: &Rc<Self>, outcome: Outcome<T>, delivery: Delivery) {
        if self.completion.complete(outcome).is_err() {
            return;
        }
        if self.submission.look(|_| ()).is_some() {
            self.hand_over(delivery);
        }
        self.completion.announce(|| LoopFuture::of(Rc::clone(self) as Rc<dyn Completes<T>>));
    }

    //= SPEC.md#c-1
    //# A task's outcome MUST be copied to its submission through the queue, so that everything the
    //# task scheduled before it ended runs before the submitter is released.
    /// The submission sees to the outcome: it need not be reported as unseen.
    fn hand_over(self: &Rc<Self>, delivery: Delivery) {
        self.completion.mark_retrieved();
        match delivery {
            Delivery::Queued => {
                self.core.queue.push(Entry::Copy(Rc::clone(self) as Rc<dyn Submitted>));
            }
            Delivery::AtOnce => Rc::clone(self).deliver(),
        }
    }

    /// Suspended for the first time: until now a step was on its way, which looks by itself whether the submission
    /// was cancelled. From now on the cancel has to make the task step.
    fn hear_of_cancel(&self, key: Key) {
        if let Some(submission) = self.submission.take() {
            chain::cancel_with_submission(&self.core, &submission, key);
            self.submission.put(submission);
        }
    }

    fn give_up_place(&self) {
        if let Some(key) = self.place.take() {
            let task = self.core.tasks.borrow_mut().remove(key);
            drop(task);
        }
    }

    fn drop_body(&self) {
        let body = self.body.take();
        shield_from_panic("a coroutine panicked when dropped", || drop(body));
    }
}

/// When a submission gets the outcome of its task.
#[derive(Clone, Copy)]
enum Delivery {
    /// In its turn, even if the loop closes first.
    Queued,
    /// Now: an exit request leaves the loop before the queue has its turn (clause S-9).
    AtOnce,
}

impl<T: Clone + 'static> Completes<T> for Shared<T> {
    fn completion(&self) -> &Completion<T> {
        &self.completion
    }
}

impl<T: Clone + 'static> Submitted for Shared<T> {
    fn deliver(mut self: Rc<Self>) {
        let Some(promise) = self.submission.take() else { return };
        // Mostly nobody else is interested, and nothing need be cloned.
        let outcome = Rc::get_mut(&mut self).and_then(|task| task.completion.take_outcome());
        let outcome = outcome.unwrap_or_else(|| {
            // The value's `clone` is the program's.
            self.core.releases.release();
            self.completion.carry_on()
        });
        chain::copy_to_submission(&self.core, outcome, promise, || self.name());
    }
}

impl<T: Clone + 'static> AnyTask for Shared<T> {
    fn step(self: Rc<Self>, origin: Origin) {
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
        let waker = self.begin_step(key, origin);
        //= SPEC.md#t-7
        //# A task cancelled before its first step MUST end cancelled without running a statement.
        //= SPEC.md#c-5
        //# A submission cancelled before its task began MUST end without running a statement of the
        //# coroutine.
        let first = !self.started.replace(true);
        if first && let Some(cancelled) = self.port().take_pending() {
            self.drop_body();
            return self.finish(Err(cancelled.into()));
        }
        // `None` only for a task that is done.
        let Some(body) = self.body.take() else { return };
        match self.poll_body(body, waker) {
            Some(result) => {
                self.finish(result);
                self.leave_spares();
            }
            None if first => self.hear_of_cancel(key),
            None => {}
        }
    }

    fn cancel_for_submission(&self) {
        if self.cancel.mark_submission_seen() {
            AnyTask::cancel(self, None);
        }
    }

    fn abandon(self: Rc<Self>, why: Exception) {
        self.drop_body();
        self.give_up_place();
        // Whoever abandons it reports it.
        self.completion.mark_retrieved();
        self.settle(Outcome::Exception(why), Delivery::Queued);
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
        let current = self.shared.core.current_task.borrow();
        current.as_ref().is_some_and(|current| current.id() == self.shared.id)
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

/// A task without its result type: what [`current_task`] and
/// [`LocalLoop::all_tasks`](crate::LocalLoop::all_tasks) give.
#[derive(Clone)]
pub struct TaskRef(Rc<dyn AnyTask>);

impl TaskRef {
    pub(crate) fn new(task: Rc<dyn AnyTask>) -> TaskRef {
        TaskRef(task)
    }

    /// Unique among all tasks of the process.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.0.id()
    }

    /// The task's name.
    #[must_use]
    pub fn name(&self) -> String {
        self.0.name()
    }

    /// Names the task.
    pub fn set_name(&self, name: &str) {
        self.0.set_name(name);
    }

    /// Whether the task has an outcome.
    #[must_use]
    pub fn done(&self) -> bool {
        self.0.is_done()
    }

    /// How many cancels were asked for and not taken back.
    #[must_use]
    pub fn cancelling(&self) -> usize {
        self.0.cancelling()
    }

    /// Takes one cancel back, as [`Task::uncancel`].
    pub fn uncancel(&self) -> usize {
        self.0.uncancel()
    }

    /// Cancels the task, as [`Task::cancel`].
    pub fn cancel(&self) -> bool {
        self.0.cancel(None)
    }

    /// Cancels with a message, as [`Task::cancel_with_message`].
    pub fn cancel_with_message(&self, message: &str) -> bool {
        self.0.cancel(Some(message))
    }
}

impl fmt::Debug for TaskRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskRef").field("name", &self.name()).field("done", &self.done()).finish()
    }
}

//= SPEC.md#t-17
//# `current_task` MUST name the task whose step is being run, and `all_tasks` every task that is
//# not done.
/// The task whose step is being run on this thread, if one is.
#[must_use]
pub fn current_task() -> Option<TaskRef> {
    LoopCore::current()?.current_task.borrow().clone().map(TaskRef)
}

/// Ends every task of a loop that closes.
pub(crate) fn abandon_all(core: &LoopCore) {
    loop {
        // In rounds: what a coroutine owns may cancel or finish others when it is dropped.
        let round: Vec<_> = core.tasks.borrow().values().cloned().collect();
        if round.is_empty() {
            return;
        }
        for task in round {
            task.abandon(LoopClosed.into());
        }
    }
}
