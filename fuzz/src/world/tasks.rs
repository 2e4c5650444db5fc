//! Tasks, submissions, and the factories that make them.

use std::cell::Cell;
use std::panic::resume_unwind;
use std::rc::Rc;
use std::time::Duration;

use loopgate::{
    ConcurrentFuture, Coroutine, Exception, LoopClosed, NewTask, ResultError, Task, current_task,
};

use super::{DELIBERATE, World, world};
use crate::coroutine::{FactoryFailure, Life, LifeId, Owed, Presence, coroutine, sendable};
use crate::ledger::CallId;
use crate::program::{Body, Factory, Pick, Then};

/// A task that the program holds.
#[derive(Clone)]
pub(crate) struct KnownTask {
    pub(crate) task: Task<u8>,
    pub(crate) life: LifeId,
}

/// A submission that the program holds.
#[derive(Clone)]
pub(crate) struct KnownSubmission {
    pub(crate) future: ConcurrentFuture<u8>,
    pub(crate) life: LifeId,
    /// The program has cancelled it in time.
    cancelled: Rc<Cell<bool>>,
}

/// Builds a submitted coroutine on the loop; goes unbuilt if the loop closes first.
struct Builder {
    call: CallId,
    life: LifeId,
    /// `None` once it is built.
    body: Option<Body>,
}

impl Builder {
    fn body(&mut self) -> Body {
        if let Some(world) = world() {
            world.callback_runs(self.call);
            world.creating.set(Some(self.life));
        }
        self.body.take().expect("built once")
    }
}

impl Drop for Builder {
    fn drop(&mut self) {
        if let Some(world) = world() {
            world.ledger.borrow_mut().dropped(self.call);
        }
        if self.body.is_some() {
            drop(Presence(self.life));
        }
    }
}

impl World {
    fn new_life(&self) -> LifeId {
        let life = Life::new(self.new_watch());
        let mut lives = self.lives.borrow_mut();
        lives.push(Rc::new(life));
        lives.len() - 1
    }

    // ---- tasks --------------------------------------------------------------------------------------

    pub(super) fn create_task(&self, body: &Body) {
        let (id, before, closed) = (self.new_life(), self.snapshot(), self.local.is_closed());
        let life = self.life(id);
        self.creating.set(Some(id));
        let created = self.local.create_task(coroutine(id, body.clone()));
        self.creating.set(None);
        match created {
            Ok(task) => {
                life.task.set(Some(task.id()));
                life.accepted.set(true);
                if closed {
                    self.violated("create_task: accepted by a closed loop (S-8)");
                }
                // A factory may have closed the loop, or run it, in between.
                if self.undisturbed_since(before) && (life.started.get() || task.done()) {
                    self.violated("creating a task ran it (T-1)");
                }
                self.tasks.borrow_mut().push(KnownTask { task, life: id });
            }
            Err(error) => {
                self.recognise(&error);
                if life.started.get() || !life.dropped.get() {
                    self.violated("create_task: failed, and the coroutine lives (T-14)");
                }
                let expected = match &*life.factory_failure.borrow() {
                    None => error.is::<LoopClosed>(),
                    Some(failure) => self.is_failure(&error, failure),
                };
                if !expected {
                    self.violated(format!("create_task: failed with {error} (T-14)"));
                }
                // A task that was made and given up leaves its first step, which finds nothing.
                let made = *self.factory.borrow() == Factory::MakeThenFail && !closed;
                if !made {
                    self.unchanged("create_task", before);
                }
            }
        }
    }

    pub(super) fn cancel_task(&self, of: Pick) {
        let Some(KnownTask { task, life }) = self.pick(&self.tasks, of) else { return };
        let (done, cancelling, before) = (task.done(), task.cancelling(), self.snapshot());
        if !done {
            self.life(life).cancel_requested(true);
        }
        let cancelled = task.cancel();
        if cancelled == done {
            self.violated(format!("Task::cancel returned {cancelled} (T-5)"));
        }
        if done {
            self.unchanged("cancelling a task that is done", before);
        }
        let raised = task.cancelling() > cancelling;
        if self.undisturbed_since(before) && raised == done {
            self.violated("a cancel is not counted, or one in vain is (T-5)");
        }
    }

    pub(super) fn cancel_any_task(&self, of: Pick) {
        let tasks = self.local.all_tasks();
        let Some(index) = of.index(tasks.len()) else { return };
        let task = &tasks[index];
        let lives = self.lives.borrow().clone();
        let named = lives.iter().find(|life| life.task.get() == Some(task.id()));
        // A submitted coroutine shows which task it is in its first step.
        let unnamed = lives.iter().filter(|life| life.task.get().is_none() && life.may_start());
        let unnamed: Vec<_> = unnamed.collect();
        match (named, &unnamed[..]) {
            (Some(life), _) | (None, &[life]) => life.cancel_requested(true),
            (None, several) => several.iter().for_each(|life| life.cancelled.set(true)),
        }
        // A destructor may see a task that is just ending, but not a done one.
        if !task.cancel() {
            self.violated("all_tasks named one that is done (T-17, T-5)");
        }
    }

    pub(super) fn uncancel_task(&self, of: Pick) {
        let Some(KnownTask { task, life }) = self.pick(&self.tasks, of) else { return };
        let before = task.cancelling();
        let left = task.uncancel();
        self.life(life).cancel_taken_back(before, left);
        if left != before.saturating_sub(1) || task.cancelling() != left {
            self.violated(format!("uncancel made {left} of {before} (T-12)"));
        }
    }

    pub(super) fn read_task(&self, of: Pick) {
        if let Some(known) = self.pick(&self.tasks, of) {
            self.judge_task(&known);
        }
    }

    pub(super) fn on_task_done(&self, of: Pick, then: &Then) {
        let Some(KnownTask { task, life }) = self.pick(&self.tasks, of) else { return };
        let callback = self.queued_callback(self.life(life).watch, then);
        task.add_done_callback(callback);
    }

    pub(super) fn judge_task(&self, KnownTask { task, life }: &KnownTask) {
        let result = task.result();
        match result {
            Err(ResultError::Pending) if task.done() => {
                self.violated("a task is done and has no result");
            }
            Err(ResultError::Pending) => {}
            _ if !task.done() => self.violated("a task is not done and has a result (L-4)"),
            result => self.judge_end(&self.life(*life), task.cancelling() > 0, result),
        }
    }

    /// What a coroutine did must be what others see.
    fn judge_end(&self, life: &Life, cancelling: bool, seen: Result<u8, ResultError>) {
        let cancelling = cancelling || life.cancelled.get();
        let owed = life.owed_at_return.get();
        let returned = life.returned.borrow();
        if let Err(ResultError::Exception(exception)) = &seen {
            self.recognise(exception);
        }
        let as_it_must = match (&*returned, &seen) {
            (Some(Ok(value)), Ok(result)) => value == result && owed != Owed::Yes,
            (Some(Ok(_)), Err(ResultError::Cancelled(_))) => cancelling,
            (Some(Err(raised)), Err(ResultError::Cancelled(_))) => raised.is_cancelled(),
            (Some(Err(raised)), Err(ResultError::Exception(exception))) => {
                raised.same_object(exception)
            }
            // Never begun, or dropped at an await.
            (None, Err(ResultError::Cancelled(_))) => cancelling,
            (None, Err(ResultError::Exception(exception))) => {
                exception.is::<LoopClosed>() && self.local.is_closed()
                    || exception.panic_message() == Some(DELIBERATE) && life.panicked.get()
            }
            _ => false,
        };
        if !as_it_must {
            let returned = &*returned;
            self.violated(format!(
                "a coroutine returned {returned:?} and is seen as {seen:?} (T-2, T-11, C-2)"
            ));
        }
    }

    // ---- submissions --------------------------------------------------------------------------------

    pub(super) fn submit(&self, body: &Body) {
        let id = self.new_life();
        let life = self.life(id);
        let submitted = if let Body::Return(value) = body {
            let coroutine = sendable(id, *value);
            self.attempt("run_coroutine_threadsafe", || {
                self.handle.run_coroutine_threadsafe(coroutine)
            })
        } else {
            let call = self.ledger.borrow_mut().announce();
            let mut builder = Builder { call, life: id, body: Some(body.clone()) };
            let submitted = self.attempt("run_coroutine_threadsafe_with", || {
                self.handle
                    .run_coroutine_threadsafe_with(move || coroutine(builder.life, builder.body()))
            });
            if submitted.is_some() {
                self.ledger.borrow_mut().queued(call);
            }
            submitted
        };
        let Some(future) = submitted else {
            if !life.dropped.get() {
                self.violated("a refused submission keeps its coroutine (U-2)");
            }
            return;
        };
        if life.started.get() || future.done() {
            self.violated("submitting ran the coroutine");
        }
        life.accepted.set(true);
        let cancelled = Rc::new(Cell::new(false));
        self.submissions.borrow_mut().push(KnownSubmission { future, life: id, cancelled });
    }

    pub(super) fn cancel_submission(&self, of: Pick) {
        let Some(known) = self.pick(&self.submissions, of) else { return };
        let (done, cancelled) = (known.future.done(), known.future.cancelled());
        let life = self.life(known.life);
        let returned = (!done).then(|| {
            known.cancelled.set(true);
            // Its own step that is under way need not hear of it yet.
            let this = current_task().map(|task| task.id());
            life.cancel_begins(this.is_none() || this != life.task.get())
        });
        let succeeded = known.future.cancel();
        if let Some(returned) = returned {
            returned(&life);
        }
        if succeeded != (!done || cancelled) {
            self.violated(format!("cancelling a submission returned {succeeded} (F-2, F-3)"));
        }
        if succeeded && !(known.future.done() && known.future.cancelled()) {
            self.violated("a cancelled submission is not done, or not cancelled (F-15)");
        }
    }

    pub(super) fn read_submission(&self, of: Pick) {
        let Some(known) = self.pick(&self.submissions, of) else { return };
        if known.future.done() {
            return self.judge_submission(&known);
        }
        // If that were not refused it would block: nobody else runs the loop.
        let minute = Duration::from_secs(60);
        let result = known.future.result_timeout(minute).map(drop);
        let exception = known.future.exception_timeout(minute).map(drop);
        for waited in [result, exception, known.future.wait_ended()] {
            if !matches!(waited, Err(ResultError::WouldDeadlock)) {
                self.violated(format!("a wait on the loop's thread: {waited:?} (F-22)"));
            }
        }
    }

    pub(super) fn on_submission_done(&self, of: Pick, then: &Then) {
        let Some(known) = self.pick(&self.submissions, of) else { return };
        // Callbacks of the same future that a program adds through several handles share its order.
        self.add_direct_callback(&known.future, known.life, then);
    }

    /// Between operations: what a submission shows must fit together.
    pub(super) fn inspect_submission(&self, known: &KnownSubmission) {
        let life = self.life(known.life);
        if known.cancelled.get() && !known.future.cancelled() {
            self.violated("a cancelled submission did not stay cancelled (C-7)");
        }
        if known.future.ended() && !life.dropped.get() {
            self.violated("a submission has ended before its coroutine (C-7, F-16)");
        }
        if known.future.done() && !self.watch(life.watch).expected.borrow().is_empty() {
            self.violated("a submission is done and its callbacks did not run (F-12)");
        }
    }

    pub(super) fn judge_submission(&self, known: &KnownSubmission) {
        let life = self.life(known.life);
        let seen = known.future.result_timeout(Duration::ZERO);
        if known.cancelled.get() {
            if !matches!(seen, Err(ResultError::Cancelled(_))) {
                self.violated(format!("a cancelled submission is seen as {seen:?} (C-2, C-7)"));
            }
            return;
        }
        if let (true, Err(ResultError::Cancelled(_))) = (life.awaited.get(), &seen) {
            return;
        }
        if life.factory_failure.borrow().is_none() && !life.started.get() {
            self.claim_failure(&life, &seen);
        }
        match (&*life.factory_failure.borrow(), seen) {
            (None, seen) => self.judge_end(&life, false, seen),
            (Some(failure), Err(ResultError::Exception(exception)))
                if self.is_failure(&exception, failure) => {}
            (Some(_), seen) => {
                self.violated(format!("a factory failed, and the submitter sees {seen:?} (T-15)"));
            }
        }
    }

    // ---- factories ----------------------------------------------------------------------------------

    pub(super) fn set_factory(&self, factory: &Factory) {
        self.factory.replace(factory.clone());
        if *factory == Factory::Default {
            return self.local.reset_task_factory();
        }
        let factory = factory.clone();
        self.local.set_task_factory(move |coroutine| match world() {
            Some(world) => world.make_task(&factory, coroutine),
            None => Ok(coroutine.into_task()),
        });
    }

    fn make_task(&self, factory: &Factory, coroutine: Coroutine) -> Result<NewTask, Exception> {
        let life = self.creating.take().map(|id| self.life(id));
        self.user_code();
        self.feel_for_borrows();
        let fails = |failure| match &life {
            Some(life) => drop(life.factory_failure.replace(Some(failure))),
            None => self.unclaimed.borrow_mut().push(failure),
        };
        let refuses = || {
            let (number, exception) = self.raise();
            fails(FactoryFailure::Raised(number));
            Err(exception)
        };
        match factory {
            Factory::Default => Ok(coroutine.into_task()),
            Factory::Rename => {
                coroutine.set_name("renamed");
                Ok(coroutine.into_task())
            }
            Factory::Fail => refuses(),
            Factory::Panic => {
                fails(FactoryFailure::Panicked);
                resume_unwind(Box::new(DELIBERATE))
            }
            Factory::MakeThenFail => {
                let _made = coroutine.into_task();
                refuses()
            }
            Factory::Keep => {
                self.kept.borrow_mut().push(coroutine);
                refuses()
            }
            Factory::Do(op) => {
                if !self.in_factory.replace(true) {
                    self.execute(op);
                    self.in_factory.set(false);
                }
                Ok(coroutine.into_task())
            }
        }
    }

    fn is_failure(&self, exception: &Exception, failure: &FactoryFailure) -> bool {
        match failure {
            FactoryFailure::Panicked => exception.panic_message() == Some(DELIBERATE),
            FactoryFailure::Raised(number) => {
                self.raised.borrow()[*number].exception.same_object(exception)
            }
        }
    }

    /// A coroutine that was never begun may be one of those whose factory failed.
    fn claim_failure(&self, life: &Life, seen: &Result<u8, ResultError>) {
        let Err(ResultError::Exception(exception)) = seen else { return };
        let mut unclaimed = self.unclaimed.borrow_mut();
        let found = unclaimed.iter().position(|failure| self.is_failure(exception, failure));
        if let Some(index) = found {
            life.factory_failure.replace(Some(unclaimed.remove(index)));
        }
    }

    pub(super) fn start_kept(&self) {
        let (kept, before) = (self.kept.take(), self.snapshot());
        for coroutine in kept {
            let _made = coroutine.into_task();
        }
        self.unchanged("making tasks of coroutines that were given up", before);
    }

    /// Of a failed factory the submitter's exception handler hears once, a creator's never.
    pub(super) fn judge_factories(&self) {
        for (id, life) in self.lives.borrow().iter().enumerate() {
            let Some(FactoryFailure::Raised(number)) = &*life.factory_failure.borrow() else {
                continue;
            };
            let reports = self.raised.borrow()[*number].reports;
            // Whoever awaited the submission may have failed with the same exception.
            let as_it_must = match life.accepted.get() {
                false => reports == 0,
                true => reports == 1 || life.awaited.get() && reports > 1,
            };
            if !as_it_must {
                self.violated(format!(
                    "factory failure of {id} was reported {reports} times (T-15)"
                ));
            }
        }
    }
}
