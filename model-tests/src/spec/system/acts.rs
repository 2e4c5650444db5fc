//! Carrying a thread on by one frame: which frames there are, which of them nobody else can see, and what
//! the rest of an operation does.

use crate::spec::chain::{Copied, copy};
use crate::spec::concurrent::Out;
use crate::spec::habits::Habit;
use crate::spec::program::{Handler, Op};
use crate::spec::seeded::Seeded;
use crate::spec::word::{Cause, Word};

use super::state::{Act, Entry, Frame, Index, Listener, Poll, Role, Slot, Stage, Status, Waiter};
use super::{Done, Malformed, Progress, System};

impl System {
    /// Carries the innermost frame of a thread on.
    pub(super) fn perform(&mut self, thread: usize, timeout: bool) -> Done {
        let Some(frame) = self.now.threads[thread].stack.pop() else {
            return Ok(Progress::Blocked);
        };
        let kept = frame.clone();
        let progress = match frame {
            Frame::List { list, at, role } => {
                self.next_operation(thread, list, at, role);
                Progress::Made
            }
            Frame::Act(act) => self.act(thread, act, timeout)?,
            Frame::Run { on, kind, stage } => self.run_on(thread, on, kind, stage, timeout),
            Frame::Coroutine { task, stage } => self.step_on(thread, task, stage)?,
            Frame::Worker { pool, idle } => self.look_for_work(thread, pool, idle),
        };
        if matches!(progress, Progress::Blocked) {
            // Whoever has to wait has done nothing.
            self.now.threads[thread].stack.push(kept);
        }
        Ok(progress)
    }

    /// Whether what the thread does next is of no concern to any other.
    pub(super) fn is_private(&self, thread: usize) -> bool {
        match self.now.threads[thread].stack.last() {
            Some(Frame::List { .. }) => true,
            Some(Frame::Act(act)) => self.is_private_act(act),
            Some(Frame::Run { stage, .. }) => match stage {
                Stage::Turn => true,
                Stage::Batch => self.batch_is_over(thread),
                _ => false,
            },
            Some(Frame::Coroutine { task, stage }) => self.is_private_step(*task, stage),
            Some(Frame::Worker { .. }) | None => false,
        }
    }

    fn is_private_act(&self, act: &Act) -> bool {
        match act {
            Act::Op(op) => is_private_op(self.code.get(*op)),
            Act::Log(_)
            | Act::Report(..)
            | Act::RequestExit(..)
            | Act::DropRest(_)
            | Act::Collect(_)
            | Act::AbandonAll(_)
            | Act::Abandon(_)
            | Act::DropParcels(_) => true,
            Act::Tell(listener) => matches!(listener, Listener::Callback(_)),
            _ => false,
        }
    }

    /// Whether the thread's wait, or its loop's sleep, may run out of time.
    pub(super) fn may_time_out(&self, thread: usize) -> bool {
        use crate::spec::program::Limit::Finite;
        match self.now.threads[thread].stack.last() {
            Some(Frame::Run { stage: Stage::Asleep(until), .. }) => until.is_some(),
            Some(Frame::Act(Act::Op(op))) => matches!(
                self.code.get(*op),
                Op::Result { limit: Finite, .. }
                    | Op::Exception { limit: Finite, .. }
                    | Op::WaitEnded { limit: Finite, .. }
            ),
            Some(Frame::Act(Act::Wait { op, .. })) => {
                let op = self.code.get(*op);
                matches!(op, Op::Wait { limit: Finite, .. } | Op::AsCompleted { limit: Finite, .. })
            }
            _ => false,
        }
    }

    /// A list goes on to its next operation, or is over.
    fn next_operation(&mut self, thread: usize, list: u16, at: usize, role: Role) {
        let code = std::sync::Arc::clone(&self.code);
        let Some(&op) = code.list(list).get(at) else {
            return self.end_list(thread, role, Ok(0));
        };
        match *code.get(op) {
            Op::Return(value) => self.end_list(thread, role, Ok(value)),
            Op::Raise(exception) => self.end_list(thread, role, Err(Cause::Raised(exception))),
            Op::Exit(exit) => self.end_list(thread, role, Err(Cause::Exit(exit))),
            _ => {
                let rest = Frame::List { list, at: at + 1, role };
                self.now.threads[thread].stack.push(rest);
                self.push_acts(thread, [Act::Op(op)]);
            }
        }
    }

    fn end_list(&mut self, thread: usize, role: Role, result: Result<u8, Cause>) {
        match (role, result) {
            (Role::Work(future), result) => {
                self.push_acts(thread, [Act::Complete(future, Out::of_work(result))]);
            }
            (Role::Loop(on), Err(Cause::Exit(code))) => self.loop_of(on).life.request_exit(code),
            (Role::Loop(on), Err(cause)) => self.report(thread, on, cause),
            (Role::Thread | Role::Done | Role::Loop(_), _) => {}
        }
    }

    /// Tells a loop's exception handler.
    pub(super) fn report(&mut self, thread: usize, on: Index, cause: Cause) {
        let twice = self.makes(Seeded::HandlerTwice);
        match self.loop_of(on).handler {
            Handler::Default => {}
            Handler::Recording | Handler::Panicking(_) => {
                self.log(thread, Word::Reported(cause));
                if twice {
                    self.log(thread, Word::Reported(cause));
                }
            }
        }
    }

    fn act(&mut self, thread: usize, act: Act, timeout: bool) -> Done {
        match act {
            Act::Op(op) => return self.operate(thread, op, timeout),
            Act::Wait { op, stage } => return self.wait_on(thread, op, stage, timeout),
            Act::Log(word) => self.log(thread, word),
            Act::Fill(kind, slot, new) => self.fill(thread, kind, slot, new)?,
            Act::Tell(listener) => self.tell_one(thread, listener),
            Act::Wake(task) => self.wake(thread, task),
            Act::Push(on, entry) => self.push(thread, on, entry),
            Act::Publish(on, entry, slot, number, new) => {
                self.publish_new(thread, on, entry, slot, number, new);
            }
            Act::WriteByte(on) => {
                if !self.makes(Seeded::LosesTheByte) {
                    self.loop_of(on).inbox.write();
                }
            }
            Act::Complete(future, out) => self.complete(thread, future, out),
            Act::Cancel(future, acknowledge) => {
                let (_, told) = self.future_of(future).concurrent.cancel(acknowledge);
                self.tell(thread, told, None);
            }
            Act::CancelAwaited(task, future) => self.cancel_awaited(thread, task, future),
            Act::Listen(future, listener) => self.listen(thread, future, listener),
            Act::Copy { on, future, out } => self.copy_to_submission(thread, on, future, out),
            Act::RequestExit(on, code) => self.loop_of(on).life.request_exit(code),
            Act::Report(on, cause) => self.report(thread, on, cause),
            Act::Collect(on) => self.collect(thread, on),
            Act::CloseGate(on) => self.close_gate(thread, on),
            Act::End(on, entry) => self.end_entry(thread, on, entry),
            Act::AbandonAll(on) => self.abandon_all(thread, on),
            Act::Abandon(task) => self.abandon(thread, task),
            Act::DropParcels(on) => self.drop_parcels(thread, on),
            Act::DropRest(on) => self.drop_rest(on),
            Act::EndThread => self.end_thread(thread)?,
            Act::BreakDown(pool) => self.break_down(thread, pool),
            Act::Fail(job) => {
                self.now.threads[thread].work = Some(job.work);
                self.complete(thread, job.future, Out::Exception(Cause::BrokenPool));
            }
            Act::Begin(job) => self.begin_work(thread, job),
            Act::WaitForPool(pool) => {
                let pool = self.now.pools[usize::from(pool)].as_ref().expect("it was shut down");
                if !pool.pool.is_over() {
                    return Ok(Progress::Blocked);
                }
            }
        }
        Ok(Progress::Made)
    }

    fn tell_one(&mut self, thread: usize, listener: Listener) {
        match listener {
            Listener::Wait { thread: waiting, wait, place, future } => {
                let failed = self.future_of(future).concurrent.has_failed();
                let waiter = self.now.threads[usize::from(waiting)].waiter.as_mut();
                if let Some(waiter) = waiter.filter(|waiter| waiter.number == wait) {
                    waiter.arrive(place, failed);
                }
            }
            Listener::Task(task) => self.wake(thread, task),
            Listener::Callback(callback) => {
                self.push_list(thread, self.code.callback(callback), Role::Done);
            }
            Listener::CancelTask(task) => {
                let submission = self.task_of(task).submission;
                let submission = submission.expect("only a submission's task is cancelled so");
                if self.future_of(submission).concurrent.is_cancelled() {
                    let on = self.task_of(task).on;
                    self.post(thread, on, Entry::CancelTask(task));
                }
            }
            Listener::Parcel(on, key) => self.post(thread, on, Entry::Parcel(key)),
        }
    }

    /// Posts something that must not be lost, and of which nobody is told.
    pub(super) fn post(&mut self, thread: usize, on: Index, entry: Entry) {
        if self.loop_of(on).inbox.publish(entry) == Ok(true) {
            self.push_acts(thread, [Act::WriteByte(on)]);
        }
    }

    /// Has a task stepped, unless it will be. Once it is queued it is in its place for good.
    pub(super) fn wake(&mut self, thread: usize, task: Index) {
        let on = self.task_of(task).on;
        if self.loop_of(on).life.is_closed() || self.task_of(task).queued {
            return;
        }
        if self.runs(thread, on) {
            self.task_of(task).queued = true;
            self.push(thread, on, Entry::Step(task));
        } else if self.loop_of(on).inbox.is_open() {
            self.task_of(task).queued = true;
            self.post(thread, on, Entry::Step(task));
        }
    }

    /// Queues something on the loop's own thread, behind everything that was posted before.
    pub(super) fn push(&mut self, thread: usize, on: Index, entry: Entry) {
        if self.loop_of(on).life.is_closed() {
            return self.end_entry(thread, on, entry);
        }
        let overtakes = self.makes(Seeded::OwnOvertakesPosted);
        let on = self.loop_of(on);
        if !overtakes {
            on.take_in_mail();
        }
        on.ready.push(entry);
    }

    fn copy_to_submission(&mut self, thread: usize, on: Index, future: Index, out: Out) {
        let closed = self.loop_of(on).life.is_closed();
        if self.makes(Seeded::ValueAfterCancel) && out != Out::Cancelled {
            let concurrent = &mut self.future_of(future).concurrent;
            if concurrent.is_cancelled() {
                concurrent.reopen();
            }
        }
        match copy(&mut self.future_of(future).concurrent, out, closed) {
            Copied::Delivered(told) => self.tell(thread, told, None),
            Copied::TooLate(Some(_)) if self.has(Habit::LateFailureIsLost) => {}
            Copied::TooLate(Some(cause)) => self.report(thread, on, cause),
            Copied::TooLate(None) => {}
        }
    }

    /// Reports what nobody can retrieve any more, through the queue.
    fn collect(&mut self, thread: usize, on: Index) {
        if !self.may_collect(on) {
            return;
        }
        for local in self.forgotten(on) {
            if let Some(cause) = self.local_of(local).future.unretrieved() {
                self.push_acts(thread, [Act::Push(on, Entry::Report(cause))]);
            }
        }
    }

    fn break_down(&mut self, thread: usize, pool: Index) {
        let pool = self.now.pools[usize::from(pool)].as_mut().expect("a worker has a pool");
        let failed = pool.pool.break_down();
        self.push_acts(thread, failed.into_iter().map(Act::Fail));
    }

    /// A thread's list is over: it drops the loops that it still owns.
    fn end_thread(&mut self, thread: usize) -> Result<(), Malformed> {
        let open = self
            .now
            .loops
            .iter()
            .flatten()
            .position(|on| usize::from(on.owner) == thread && !on.dropped);
        let Some(position) = open else {
            self.now.threads[thread].status = Status::Ended;
            return Ok(());
        };
        let on = super::index(
            (0..self.now.loops.len())
                .filter(|on| self.now.loops[*on].is_some())
                .nth(position)
                .expect("it was found among those"),
        );
        self.now.threads[thread].stack.push(Frame::Act(Act::EndThread));
        self.drop_loop(thread, on)
    }
}

/// Whether an operation concerns nothing but its thread, or its loop's.
fn is_private_op(op: &Op) -> bool {
    matches!(
        op,
        Op::Mark(_)
            | Op::Wait { .. }
            | Op::AsCompleted { .. }
            | Op::CancelLocal(_)
            | Op::Uncancel(_)
            | Op::Cancelling(_)
            | Op::QueryLocal { .. }
            | Op::ResultLocal(_)
            | Op::SetLoopResult { .. }
            | Op::SetLoopException { .. }
            | Op::DropLoopPromise(_)
            | Op::AllTasks(_)
            | Op::StopLocal(_)
            | Op::SetFactory { .. }
            | Op::SetHandler { .. }
    )
}

impl Out {
    /// How a piece of work ends: what it returns or raises, and never cancelled.
    fn of_work(result: Result<u8, Cause>) -> Out {
        result.map_or_else(Out::Exception, Out::Value)
    }
}

impl Waiter {
    /// A future of those that are waited for is done.
    pub(super) fn arrive(&mut self, place: Index, failed: bool) {
        self.order.push(place);
        self.failed |= failed;
    }
}

impl Slot {
    /// Whether it is of those that are filled.
    pub(super) fn is_filled(self) -> bool {
        self != Slot::Nothing
    }
}

impl Poll {
    /// A step that begins.
    pub(super) fn first(submitted: bool) -> Poll {
        if submitted { Poll::Probe } else { Poll::Begin }
    }
}
