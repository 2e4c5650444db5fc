//! Coroutines made of a [`Body`], and the life of each, as far as it can be seen from inside.
//!
//! A cancel that was asked for is *owed* to the coroutine until one of its awaits yields it. Most kernel
//! awaitables must yield it when they go on next; one that hands the cancel to another task may be told
//! that the other went on; a foreign one cannot yield it at all.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use loopgate::{
    AwaitsItself, Exception, ExitRequest, Task, TimeoutError, gather, shield, sleep, timeout,
    wait_for, yield_now,
};

use crate::ledger::CallId;
use crate::program::{Body, Op};
use crate::world::{DELIBERATE, World, world};

/// Names a life in its world.
pub(crate) type LifeId = usize;

/// Whether a cancel was asked for and has not been yielded yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Owed {
    #[default]
    No,
    /// It may be yielded, or not.
    Maybe,
    Yes,
}

/// How creating the task failed.
pub(crate) enum FactoryFailure {
    /// With the exception of that number.
    Raised(usize),
    Panicked,
}

/// One coroutine: what was asked of it and what it did.
#[derive(Default)]
pub(crate) struct Life {
    /// Of its done-callbacks.
    pub(crate) watch: usize,
    /// Known from the creation, or from the first step of a submitted one.
    pub(crate) task: Cell<Option<u64>>,
    /// A loop has taken it.
    pub(crate) accepted: Cell<bool>,
    pub(crate) started: Cell<bool>,
    pub(crate) dropped: Cell<bool>,
    pub(crate) panicked: Cell<bool>,
    pub(crate) returned: RefCell<Option<Result<u8, Exception>>>,
    /// What was queued before it returned, and so runs before its submitter hears of that.
    queued_before: RefCell<Vec<CallId>>,
    pub(crate) factory_failure: RefCell<Option<FactoryFailure>>,
    /// Another task has awaited its submission, and may have cancelled it or carried its exception on.
    pub(crate) awaited: Cell<bool>,
    /// Somebody has asked for a cancel.
    pub(crate) cancelled: Cell<bool>,
    /// Cancelled before its first step.
    pub(crate) must_not_start: Cell<bool>,
    owed: Cell<Owed>,
    pub(crate) owed_at_return: Cell<Owed>,
    /// A cancel was taken back: from then on nothing is owed for certain.
    uncancelled: Cell<bool>,
    /// While it awaits something: whether that has happened.
    waits_for: RefCell<Option<Box<dyn Fn() -> bool>>>,
    on_cancel: Cell<OnCancel>,
    /// The tasks that it awaits and hands its cancels on to.
    awaits: RefCell<Vec<LifeId>>,
    /// It has been one of several that awaited each other in a circle.
    circled: Cell<bool>,
}

impl Life {
    pub(crate) fn new(watch: usize) -> Life {
        Life { watch, ..Life::default() }
    }

    /// A cancel is asked for, of the task or of its submission.
    pub(crate) fn cancel_requested(&self, certain: bool) {
        self.cancelled.set(true);
        if !self.started.get() {
            self.must_not_start.set(true);
        } else if certain && !self.uncancelled.get() {
            self.owed.set(Owed::Yes);
        } else {
            self.owed.set(Owed::Maybe);
        }
    }

    /// A cancel of its submission is asked for: a callback that runs meanwhile may find that it has not been told.
    /// What to do when the call has returned.
    pub(crate) fn cancel_begins(&self, certain: bool) -> impl FnOnce(&Life) + use<> {
        let uncertain_before = self.owed.get() == Owed::Maybe;
        self.cancel_requested(false);
        move |life| {
            let stands = life.owed.get() == Owed::Maybe && !uncertain_before;
            if certain && stands && !life.uncancelled.get() {
                life.owed.set(Owed::Yes);
            }
        }
    }

    /// A cancel is taken back, of which there may have been none; so many are left.
    pub(crate) fn cancel_taken_back(&self, before: usize, left: usize) {
        if self.may_start() {
            // Nobody can have received it yet: at zero it is as if nobody had asked.
            self.cancelled.set(left > 0);
            self.must_not_start.set(left > 0);
            return;
        }
        self.uncancelled.set(true);
        if before > 0 {
            // Somebody had asked; the count does not show it any more.
            self.cancelled.set(true);
        }
        if self.owed.get() == Owed::Yes {
            self.owed.set(Owed::Maybe);
        }
    }

    /// Whether the first step is still to come.
    pub(crate) fn may_start(&self) -> bool {
        self.accepted.get() && !self.started.get() && !self.dropped.get()
    }

    fn begins(&self) {
        let Some(world) = world() else { return };
        world.user_code();
        self.task.set(loopgate::current_task().map(|task| task.id()));
        if self.must_not_start.get() {
            world.violated("a coroutine runs that was cancelled before its first step (T-7, C-5)");
        }
        if self.started.replace(true) {
            world.violated("a coroutine begins twice");
        }
    }

    fn returns(&self, result: &Result<u8, Exception>) {
        let Some(world) = world() else { return };
        world.user_code();
        self.owed_at_return.set(self.owed.get());
        if result.as_ref().is_err_and(|exception| exception.exit_request().is_some()) {
            world.ledger.borrow_mut().exits_somewhere();
        } else {
            self.queued_before.replace(world.ledger.borrow().waiting());
        }
        self.returned.replace(Some(result.clone()));
    }

    /// It is about to await these tasks.
    fn awaits(&self, world: &World, tasks: &[LifeId]) {
        self.awaits.replace(tasks.to_vec());
        let mut way = Vec::new();
        for task in tasks {
            self.find_circle(world, *task, &mut way);
        }
    }

    /// Marks everybody on a way from `from` back to this one.
    fn find_circle(&self, world: &World, from: LifeId, way: &mut Vec<LifeId>) {
        let life = world.life(from);
        if std::ptr::eq(&*life, self) {
            self.circled.set(true);
            way.iter().for_each(|id| world.life(*id).circled.set(true));
        } else if !way.contains(&from) {
            way.push(from);
            for next in &*life.awaits.borrow() {
                self.find_circle(world, *next, way);
            }
            way.pop();
        }
    }

    /// An await goes on.
    fn resumes(&self, exception: Option<&Exception>, on_cancel: OnCancel) {
        let Some(world) = world() else { return };
        world.user_code();
        self.waits_for.take();
        self.awaits.take();
        let cancelled = exception.is_some_and(Exception::is_cancelled);
        let yields = matches!(on_cancel, OnCancel::Yields | OnCancel::YieldsLater);
        if self.owed.get() == Owed::Yes && yields && !cancelled {
            world.violated("an await goes on although its task was cancelled (T-6, C-6)");
        }
        if cancelled || on_cancel == OnCancel::HandsOn {
            self.owed.set(Owed::No);
        }
    }

    /// A scope is left: what it enclosed may have been dropped.
    fn leaves_scope(&self, exception: Option<&Exception>) {
        if let Some(world) = world() {
            world.user_code();
        }
        self.waits_for.take();
        self.awaits.take();
        if exception.is_some_and(Exception::is_cancelled) {
            self.owed.set(Owed::No);
        }
    }

    /// Its submitter hears that it has returned.
    pub(crate) fn is_seen(&self, world: &World) {
        let queued_before = self.queued_before.take();
        if world.ledger.borrow().any_waits(&queued_before) {
            world.violated("a submitter was released before what came before (C-1)");
        }
    }

    /// For a loop that has nothing to do: whether it was cancelled and has not been told.
    pub(crate) fn waits_in_vain(&self) -> bool {
        let tells = matches!(self.on_cancel.get(), OnCancel::Yields | OnCancel::Deaf);
        !self.dropped.get() && self.owed.get() == Owed::Yes && tells
    }

    /// For a loop that has nothing to do: whether this one should still have had its turn.
    pub(crate) fn is_forgotten(&self) -> bool {
        if self.dropped.get() || !self.accepted.get() {
            return false;
        }
        let waits_for = self.waits_for.borrow();
        !self.started.get() || waits_for.as_ref().is_none_or(|happened| happened())
    }
}

/// What an await does with a cancel.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum OnCancel {
    #[default]
    Yields,
    /// It yields it when the tasks that it has handed it on to have ended.
    YieldsLater,
    /// It hands it on, and shows what comes of that.
    HandsOn,
    /// It does not hear of it, and is dropped.
    Deaf,
}

/// The coroutine with that life.
pub(crate) fn coroutine(
    life: LifeId,
    body: Body,
) -> impl Future<Output = Result<u8, Exception>> + 'static {
    let presence = Presence(life);
    async move {
        let _presence = presence;
        let life = world().map(|world| world.life(life)).unwrap_or_default();
        life.begins();
        let result = perform(Rc::clone(&life), body).await;
        life.returns(&result);
        result
    }
}

/// The same for a body that only returns a value: it may come from any thread.
pub(crate) fn sendable(
    life: LifeId,
    value: u8,
) -> impl Future<Output = Result<u8, Exception>> + Send + 'static {
    let presence = Presence(life);
    async move {
        let _presence = presence;
        if let Some(world) = world() {
            let life = world.life(life);
            life.begins();
            life.returns(&Ok(value));
        }
        Ok(value)
    }
}

/// Goes with its coroutine, begun or not.
pub(crate) struct Presence(pub(crate) LifeId);

impl Drop for Presence {
    fn drop(&mut self) {
        let Some(world) = world() else { return };
        world.user_code();
        world.feel_for_borrows();
        let life = world.life(self.0);
        life.dropped.set(true);
        life.awaits.take();
        let waits_for = life.waits_for.take();
        drop(waits_for);
    }
}

type Performance = Pin<Box<dyn Future<Output = Result<u8, Exception>>>>;

fn perform(life: Rc<Life>, body: Body) -> Performance {
    Box::pin(async move {
        let Some(world) = world() else { return Ok(0) };
        match body {
            Body::Return(value) => Ok(value),
            Body::Raise => Err(world.raise().1),
            Body::Panic => {
                life.panicked.set(true);
                // Not `panic!`: the hook would take it for a bug.
                resume_unwind(Box::new(DELIBERATE))
            }
            Body::Exit => Err(ExitRequest { code: 1 }.into()),
            Body::Sleep(delay) => {
                let start = world.local.time();
                wait(&life, OnCancel::Yields, || true, sleep(delay.delay())).await?;
                if world.local.time().saturating_since(start) < delay.delay() {
                    world.violated("a sleep ended early (T-18)");
                }
                Ok(0)
            }
            Body::Yield(times) => {
                for _ in 0..times % 4 {
                    let queued = world.ledger.borrow().waiting();
                    wait(&life, OnCancel::Yields, || true, yield_now()).await?;
                    if world.ledger.borrow().any_waits(&queued) {
                        world.violated("a yield did not let everything run that was queued (T-18)");
                    }
                }
                Ok(times)
            }
            Body::AwaitFuture(of) => {
                // The future alone: a coroutine that held the promise would keep it from being dropped.
                let picked = world.pick(&world.futures, of).map(|known| known.future);
                let Some(future) = picked else { return Ok(0) };
                let awaited = future.clone();
                wait(&life, OnCancel::Yields, move || awaited.done(), future).await
            }
            Body::AwaitTask(of) => {
                let Some(known) = world.pick(&world.tasks, of) else { return Ok(0) };
                let task = known.task.clone();
                let itself = is_current(&task);
                let happened = move || itself || task.done();
                life.awaits(&world, &[known.life]);
                let result = wait(&life, OnCancel::HandsOn, happened, known.task.clone()).await;
                if !known.task.done() && !itself && !life.circled.get() {
                    world.violated("an await of a task returned before the task had ended (T-10)");
                }
                refuses_itself(itself, result)
            }
            Body::AwaitSubmission(of) => {
                let Some(known) = world.pick(&world.submissions, of) else { return Ok(0) };
                world.life(known.life).awaited.set(true);
                let future = known.future.clone();
                wait(&life, OnCancel::Yields, move || future.done(), known.future).await
            }
            Body::Shield(of) => {
                let Some(known) = world.pick(&world.tasks, of) else { return Ok(0) };
                let task = known.task.clone();
                let itself = is_current(&task);
                let happened = move || itself || task.done();
                let on_cancel = if itself { OnCancel::Deaf } else { OnCancel::Yields };
                let result = wait(&life, on_cancel, happened, shield(known.task)).await;
                refuses_itself(itself, result)
            }
            Body::Gather(first, second) => {
                let (Some(first), Some(second)) =
                    (world.pick(&world.tasks, first), world.pick(&world.tasks, second))
                else {
                    return Ok(0);
                };
                if !world.may_gather() {
                    return Ok(0);
                }
                life.awaits(&world, &[first.life, second.life]);
                let tasks = vec![first.task, second.task];
                let all = tasks.clone();
                let itself = all.iter().any(is_current);
                let happened = move || itself || all.iter().all(Task::done);
                let on_cancel = if itself { OnCancel::Deaf } else { OnCancel::YieldsLater };
                let results = wait(&life, on_cancel, happened, gather(tasks)).await;
                refuses_itself(itself, results.map(|results| results[0]))
            }
            Body::WaitFor(limit, of) => {
                let Some(known) = world.pick(&world.tasks, of) else { return Ok(0) };
                let (task, waited) = (known.task.clone(), wait_for(limit.delay(), known.task));
                let itself = is_current(&task);
                let ended = task.clone();
                let happened = move || itself || ended.done();
                life.awaits(&world, &[known.life]);
                let result = wait(&life, OnCancel::HandsOn, happened, waited).await;
                // Where several wait for each other one of them has to give up first.
                if !task.done() && !itself && !life.circled.get() {
                    world.violated("`wait_for` returned before what it encloses had ended (O-5)");
                }
                refuses_itself(itself, result)
            }
            Body::Timeout(limit, body) => {
                let begun = Rc::new(Cell::new(false));
                let inner = {
                    let (begun, life) = (Rc::clone(&begun), Rc::clone(&life));
                    async move {
                        begun.set(true);
                        perform(life, *body).await
                    }
                };
                let result = timeout(limit.delay(), inner).await;
                life.leaves_scope(result.as_ref().err());
                let timed_out = result.as_ref().is_err_and(Exception::is::<TimeoutError>);
                if limit.delay().is_zero() && (begun.get() || !timed_out) {
                    world.violated("a timeout of zero began what it encloses (O-6)");
                }
                result
            }
            Body::Swallow(delay, times) => {
                for _ in 0..=times % 4 {
                    match wait(&life, OnCancel::Yields, || true, sleep(delay.delay())).await {
                        Err(exception) if !exception.is_cancelled() => return Err(exception),
                        _ => {}
                    }
                }
                Ok(times)
            }
            Body::Foreign(ends) => {
                wait(&life, OnCancel::Deaf, move || ends, Foreign { ends, polled: false }).await
            }
            Body::Do(op) => {
                world.execute(&op);
                Ok(0)
            }
            Body::OnDrop(op, body) => {
                let _on_drop = OnDrop(*op);
                perform(life, *body).await
            }
            Body::Both(first, second) => {
                perform(Rc::clone(&life), *first).await?;
                perform(life, *second).await
            }
        }
    })
}

fn is_current(task: &Task<u8>) -> bool {
    loopgate::current_task().is_some_and(|current| current.id() == task.id())
}

/// What a task sees that awaited itself, in whatever way.
fn refuses_itself(itself: bool, seen: Result<u8, Exception>) -> Result<u8, Exception> {
    if itself
        && !seen.as_ref().is_err_and(Exception::is::<AwaitsItself>)
        && let Some(world) = world()
    {
        world.violated(format!("a task awaited itself, and saw {seen:?} (T-13)"));
    }
    seen
}

/// Awaits, and notes what is awaited and how it ends.
async fn wait<T>(
    life: &Life,
    on_cancel: OnCancel,
    happened: impl Fn() -> bool + 'static,
    awaitable: impl Future<Output = Result<T, Exception>>,
) -> Result<T, Exception> {
    life.waits_for.replace(Some(Box::new(happened)));
    life.on_cancel.set(on_cancel);
    let result = awaitable.await;
    life.resumes(result.as_ref().err(), on_cancel);
    result
}

/// An awaitable that the kernel has not made.
struct Foreign {
    ends: bool,
    polled: bool,
}

impl Future for Foreign {
    type Output = Result<u8, Exception>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = std::mem::replace(&mut self.polled, true);
        if !self.ends {
            return Poll::Pending;
        }
        if polled {
            return Poll::Ready(Ok(0));
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Carries out an operation when it is dropped.
struct OnDrop(Op);

impl Drop for OnDrop {
    fn drop(&mut self) {
        if let Some(world) = world() {
            world.execute(&self.0);
        }
    }
}
