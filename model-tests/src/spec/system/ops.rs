//! Operations that any thread may do.

use crate::spec::concurrent::{Concurrent, Out, TooLate};
use crate::spec::executor::{Answer as PoolAnswer, Pool};
use crate::spec::habits::Habit;
use crate::spec::program::{Limit, Op};
use crate::spec::seeded::Seeded;
use crate::spec::word::{Cause, Word};

use super::code::OpId;
use super::state::{
    Act, Entry, Frame, FutureState, HandleState, Index, Job, Listener, PoolState, Role, Several,
    Slot, Status, Thread, Timer, WaitFor,
};
use super::{Done, Malformed, Progress, Slots, System, index};

impl System {
    /// Does an operation, or as much of it as is one step; its rest is put on the stack.
    pub(super) fn operate(&mut self, thread: usize, id: OpId, timeout: bool) -> Done {
        let code = std::sync::Arc::clone(&self.code);
        let op = code.get(id);
        match *op {
            Op::Mark(number) => self.log(thread, Word::Mark(number)),
            Op::Signal(gate) => {
                let gate = &mut self.now.gates[usize::from(gate)];
                gate.up = true;
                let tasks = std::mem::take(&mut gate.tasks);
                self.push_acts(thread, tasks.into_iter().map(Act::Wake));
            }
            Op::AwaitGate(gate) => {
                if !self.now.gates[usize::from(gate)].up {
                    return Ok(Progress::Blocked);
                }
            }
            Op::Start(other) => self.start(thread, other)?,
            Op::Join(other) => match self.now.threads[usize::from(other)].status {
                Status::Ended => {}
                Status::Live => return Ok(Progress::Blocked),
                Status::NotStarted => {
                    return Err(self.malformed(thread, "it joins a thread that was not started"));
                }
            },
            Op::Post { on, callback, handle } => {
                self.known_loop(thread, on)?;
                let entry = Entry::Call { callback, handle: self.new_handle() };
                self.publish(thread, on, entry, Slot::Handle, handle);
            }
            Op::PostLater { on, after, callback, handle } => {
                let now = self.known_loop(thread, on)?.now;
                let new = self.new_handle();
                let entry = Entry::Timer(now + after, Timer::Call { callback, handle: new });
                self.push_acts(thread, [Act::Publish(on, entry, Slot::Handle, handle, new)]);
            }
            Op::CancelHandle(handle) => {
                let handle = self.slot(thread, "handle", &self.now.handle_slots, handle)?;
                let prevented = self.now.handles[usize::from(handle)].handle.cancel();
                self.log(thread, Word::of(prevented));
            }
            Op::Submit { on, coroutine, future } => {
                self.known_loop(thread, on)?;
                let new = self.new_future(Some(on), false);
                let entry = Entry::Submission { future: new, coroutine };
                self.publish(thread, on, entry, Slot::Future, future);
            }
            Op::NewPromise(future) => {
                let new = self.new_future(None, true);
                self.fill(thread, Slot::Future, future, new)?;
            }
            Op::Stop(on) => {
                self.known_loop(thread, on)?;
                self.publish(thread, on, Entry::Stop, Slot::Nothing, 0);
            }
            Op::IsRunning(on) => {
                let running = self.known_loop(thread, on)?.life.is_running();
                self.log(thread, Word::of(running));
            }
            Op::IsClosed(on) => {
                let open = self.known_loop(thread, on)?.inbox.is_open();
                self.log(thread, Word::of(!open));
            }
            Op::Wait { ref futures, when, limit } => {
                let about = WaitFor { futures, limit, when: Some(when) };
                self.begin_wait(thread, id, &about)?;
            }
            Op::AsCompleted { ref futures, limit } => {
                self.begin_wait(thread, id, &WaitFor { futures, limit, when: None })?;
            }
            Op::NewPool { pool, workers, broken } => {
                self.new_pool(thread, pool, workers, broken)?
            }
            Op::SubmitWork { pool, work, future } => {
                let new = self.new_future(None, false);
                match self.execute(thread, pool, work, new)? {
                    Ok(()) => {
                        self.push_acts(
                            thread,
                            [Act::Fill(Slot::Future, future, new), Act::Log(Word::Ok)],
                        );
                    }
                    Err(cause) => self.log(thread, Word::Error(cause)),
                }
            }
            Op::Shutdown { pool, wait, cancel } => self.shut_down(thread, pool, wait, cancel)?,
            Op::Result { .. }
            | Op::Exception { .. }
            | Op::WaitEnded { .. }
            | Op::Cancel(_)
            | Op::Query { .. }
            | Op::OnDone { .. }
            | Op::SetRunning(_)
            | Op::SetResult { .. }
            | Op::SetException { .. }
            | Op::Complete { .. }
            | Op::DropPromise(_) => return self.operate_on_future(thread, op, timeout),
            ref op => self.operate_locally(thread, op)?,
        }
        Ok(Progress::Made)
    }

    fn operate_on_future(&mut self, thread: usize, op: &Op, timeout: bool) -> Done {
        let at =
            |system: &System, slot| system.slot(thread, "future", &system.now.future_slots, slot);
        match *op {
            Op::Result { future, limit } => {
                let future = at(self, future)?;
                let mut over = self.future_of(future).concurrent.out().map(Out::word);
                if over == Some(Word::Error(Cause::Timeout)) && self.has(Habit::TimeoutsAreOne) {
                    over = Some(Word::TimedOut);
                }
                return Ok(self.wait_for(thread, future, limit, over, timeout));
            }
            Op::Exception { future, limit } => {
                let future = at(self, future)?;
                let over = self.future_of(future).concurrent.exception();
                return Ok(self.wait_for(thread, future, limit, over, timeout));
            }
            Op::WaitEnded { future, limit } => {
                let future = at(self, future)?;
                let over = self.future_of(future).concurrent.has_ended().then_some(Word::Ok);
                return Ok(self.wait_for(thread, future, limit, over, timeout));
            }
            Op::Cancel(future) => {
                let future = at(self, future)?;
                let (cancelled, told) = self.future_of(future).concurrent.cancel(false);
                self.tell(thread, told, Some(Word::of(cancelled)));
            }
            Op::Query { future, what } => {
                let future = at(self, future)?;
                let answer = self.future_of(future).concurrent.query(what);
                self.log(thread, Word::of(answer));
            }
            Op::OnDone { future, callback } => {
                let future = at(self, future)?;
                self.listen(thread, future, Listener::Callback(callback));
            }
            Op::SetRunning(future) => {
                let future = self.promise(thread, future)?;
                if self.makes(Seeded::NeverAcknowledged)
                    && self.future_of(future).concurrent.is_cancelled()
                {
                    self.log(thread, Word::False);
                    return Ok(Progress::Made);
                }
                let word = self.future_of(future).concurrent.set_running();
                self.log(thread, word.map_or_else(TooLate::word, Word::of));
            }
            Op::SetResult { future, value } => {
                let future = self.promise(thread, future)?;
                self.set(thread, future, Out::Value(value));
            }
            Op::SetException { future, exception } => {
                let future = self.promise(thread, future)?;
                self.set(thread, future, Out::Exception(Cause::Raised(exception)));
            }
            Op::Complete { future, value } => {
                let future = self.promise(thread, future)?;
                if self.makes(Seeded::CompletesTwice) {
                    self.future_of(future).concurrent.reopen();
                }
                let won = self.future_of(future).concurrent.complete(Out::Value(value), true);
                let word = Word::of(won.is_ok());
                self.tell(thread, won.unwrap_or_default(), Some(word));
            }
            Op::DropPromise(future) => {
                let future = self.promise(thread, future)?;
                self.future_of(future).promise = false;
                self.complete(thread, future, Out::Exception(Cause::BrokenPromise));
            }
            _ => unreachable!("only operations on futures come here"),
        }
        Ok(Progress::Made)
    }

    fn set(&mut self, thread: usize, future: Index, out: Out) {
        let concurrent = &mut self.now.futures[usize::from(future)].concurrent;
        match concurrent.complete(out, false) {
            Ok(told) => self.tell(thread, told, Some(Word::Ok)),
            Err(too_late) => self.log(thread, too_late.word()),
        }
    }

    /// Completes a future for good; the work has ended.
    pub(super) fn complete(&mut self, thread: usize, future: Index, out: Out) {
        let told = self.future_of(future).concurrent.complete(out, true);
        self.tell(thread, told.unwrap_or_default(), None);
    }

    /// Those who waited are told one by one, and then the caller has its answer.
    pub(super) fn tell(&mut self, thread: usize, mut told: Vec<Listener>, answer: Option<Word>) {
        if self.makes(Seeded::CallbackTwice)
            && let Some(callback) = told.iter().find(|told| matches!(told, Listener::Callback(_)))
        {
            told.push(*callback);
        }
        let answer = answer.map(Act::Log);
        self.push_acts(thread, told.into_iter().map(Act::Tell).chain(answer));
    }

    pub(super) fn listen(&mut self, thread: usize, future: Index, listener: Listener) {
        if let Some(now) = self.future_of(future).concurrent.add_callback(listener) {
            self.push_acts(thread, [Act::Tell(now)]);
        }
    }

    /// A wait of a thread for one future.
    fn wait_for(
        &mut self,
        thread: usize,
        future: Index,
        limit: Limit,
        over: Option<Word>,
        timeout: bool,
    ) -> Progress {
        let word = match over {
            Some(_) if timeout && self.makes(Seeded::TimeoutOverCompletion) => Word::TimedOut,
            Some(word) if !timeout => word,
            Some(_) => return Progress::Blocked,
            None if timeout || limit == Limit::Zero => Word::TimedOut,
            None if self.would_deadlock(thread, future) => Word::WouldDeadlock,
            None => return Progress::Blocked,
        };
        self.log(thread, word);
        Progress::Made
    }

    /// Whether the work is done by the very thread that would wait for it.
    pub(super) fn would_deadlock(&self, thread: usize, future: Index) -> bool {
        let doer = self.now.futures[usize::from(future)].doer;
        let doer = doer.and_then(|on| self.now.loops[usize::from(on)].as_ref());
        doer.is_some_and(|on| usize::from(on.owner) == thread)
    }

    fn begin_wait(
        &mut self,
        thread: usize,
        op: OpId,
        about: &WaitFor<'_>,
    ) -> Result<(), Malformed> {
        for future in about.futures {
            self.slot(thread, "future", &self.now.future_slots, *future)?;
        }
        if about.futures.is_empty() {
            if !self.has(Habit::NothingIsDone) {
                self.log(thread, Word::EmptySet);
            } else if about.when.is_some() {
                self.log(thread, Word::Done(Vec::new()));
            }
            return Ok(());
        }
        let waiting = &mut self.now.threads[thread];
        waiting.waits += 1;
        let number = waiting.waits;
        waiting.waiter = Some(super::state::Waiter { number, ..Default::default() });
        self.push_acts(thread, [Act::Wait { op, stage: Several::Subscribe(0) }]);
        Ok(())
    }

    fn start(&mut self, thread: usize, other: u8) -> Result<(), Malformed> {
        let started = &mut self.now.threads[usize::from(other)];
        if started.status != Status::NotStarted {
            return Err(self.malformed(thread, "it starts a thread that was started before"));
        }
        started.status = Status::Live;
        self.settle_down(usize::from(other))
    }

    fn new_pool(
        &mut self,
        thread: usize,
        slot: u8,
        workers: u8,
        broken: Option<u8>,
    ) -> Result<(), Malformed> {
        let Some(pool) = Pool::new(workers) else {
            self.log(thread, Word::Error(Cause::ZeroWorkers));
            return Ok(());
        };
        if self.now.pools[usize::from(slot)].is_some() {
            return Err(self.malformed(thread, format!("it makes pool {slot} a second time")));
        }
        self.now.pools[usize::from(slot)] = Some(PoolState { pool, broken });
        self.log(thread, Word::Ok);
        Ok(())
    }

    fn pool(&mut self, thread: usize, slot: u8) -> Result<&mut PoolState, Malformed> {
        if self.now.pools[usize::from(slot)].is_none() {
            return Err(self.malformed(thread, format!("it names pool {slot}, which there is not")));
        }
        Ok(self.now.pools[usize::from(slot)].as_mut().expect("looked at above"))
    }

    /// Hands work to a pool; why it was refused.
    pub(super) fn execute(
        &mut self,
        thread: usize,
        slot: u8,
        work: u8,
        future: Index,
    ) -> Result<Result<(), Cause>, Malformed> {
        if std::mem::replace(&mut self.now.submitted[usize::from(work)], true) {
            return Err(self.malformed(thread, format!("work {work} is submitted a second time")));
        }
        let pool = self.pool(thread, slot)?;
        let broken = pool.broken.is_some();
        let start = match pool.pool.execute(Job { work, future }) {
            Ok(start) => start,
            Err(cause) => return Ok(Err(cause)),
        };
        if start {
            let mut stack = vec![Frame::Worker { pool: slot, idle: false }];
            stack.extend(broken.then_some(Frame::Act(Act::BreakDown(slot))));
            self.now.threads.push(Thread {
                status: Status::Live,
                stack,
                current: None,
                work: None,
                waiter: None,
                waits: 0,
                pool: Some(slot),
            });
        }
        Ok(Ok(()))
    }

    fn shut_down(
        &mut self,
        thread: usize,
        slot: u8,
        wait: bool,
        cancel: bool,
    ) -> Result<(), Malformed> {
        let own = self.now.threads[thread].pool == Some(slot);
        let pool = self.pool(thread, slot)?;
        if wait && own {
            self.log(thread, Word::Error(Cause::OwnWorker));
            return Ok(());
        }
        let cancelled = pool.pool.shut_down(cancel);
        let acknowledge = !self.makes(Seeded::CancelledWorkNeverEnds);
        let cancels = cancelled.into_iter().map(|job| Act::Cancel(job.future, acknowledge));
        let waits = wait.then_some(Act::WaitForPool(slot));
        self.push_acts(thread, cancels.chain(waits).chain([Act::Log(Word::Ok)]));
        Ok(())
    }

    /// A worker looks for work.
    pub(super) fn look_for_work(&mut self, thread: usize, slot: u8, idle: bool) -> Progress {
        let pool = self.now.pools[usize::from(slot)].as_mut().expect("a worker has a pool");
        if idle && !pool.pool.calls() {
            return Progress::Blocked;
        }
        let answer = pool.pool.look(idle);
        self.now.threads[thread].work = None;
        let stays = |idle| Frame::Worker { pool: slot, idle };
        match answer {
            PoolAnswer::Work(job) => {
                self.now.threads[thread].stack.push(stays(false));
                self.push_acts(thread, [Act::Begin(job)]);
            }
            PoolAnswer::Idle => self.now.threads[thread].stack.push(stays(true)),
            _ => self.now.threads[thread].status = Status::Ended,
        }
        Progress::Made
    }

    /// A worker takes a piece of work up: it runs unless it was cancelled.
    pub(super) fn begin_work(&mut self, thread: usize, job: Job) {
        self.now.threads[thread].work = Some(job.work);
        let runs_cancelled = self.makes(Seeded::CancelledWorkRuns);
        let begun = self.future_of(job.future).concurrent.set_running();
        if begun == Ok(true) || begun == Ok(false) && runs_cancelled {
            self.push_list(thread, self.code.work(job.work), Role::Work(job.future));
        }
    }

    /// Posts something; its rest is on the stack.
    fn publish(&mut self, thread: usize, on: Index, entry: Entry, slot: Slot, number: u8) {
        let new = match entry {
            Entry::Call { handle, .. } => handle,
            Entry::Submission { future, .. } => future,
            _ => 0,
        };
        self.publish_new(thread, on, entry, slot, number, new);
    }

    pub(super) fn publish_new(
        &mut self,
        thread: usize,
        on: Index,
        entry: Entry,
        slot: Slot,
        number: u8,
        new: Index,
    ) {
        let accepts_closed = self.makes(Seeded::AcceptsAfterClose);
        match self.loop_of(on).inbox.publish(entry) {
            Err(_) if accepts_closed => {
                self.push_acts(thread, [Act::Fill(slot, number, new), Act::Log(Word::Ok)]);
            }
            Err(_) => self.log(thread, Word::Error(Cause::LoopClosed)),
            Ok(must_write) => {
                let byte = must_write.then_some(Act::WriteByte(on));
                let rest = [Act::Fill(slot, number, new), Act::Log(Word::Ok)];
                self.push_acts(thread, byte.into_iter().chain(rest));
            }
        }
    }

    pub(super) fn new_handle(&mut self) -> Index {
        self.now.handles.push(HandleState::default());
        index(self.now.handles.len() - 1)
    }

    pub(super) fn new_future(&mut self, doer: Option<Index>, promise: bool) -> Index {
        let concurrent = Concurrent::default();
        self.now.futures.push(FutureState { concurrent, doer, promise, by_hand: promise });
        index(self.now.futures.len() - 1)
    }

    /// The future whose promise the program holds.
    fn promise(&self, thread: usize, slot: u8) -> Result<Index, Malformed> {
        let future = self.slot(thread, "future", &self.now.future_slots, slot)?;
        if !self.now.futures[usize::from(future)].promise {
            let what = format!("it has no promise of future {slot}");
            return Err(self.malformed(thread, what));
        }
        Ok(future)
    }

    pub(super) fn slot(
        &self,
        thread: usize,
        kind: &str,
        slots: &Slots,
        slot: u8,
    ) -> Result<Index, Malformed> {
        let what = || format!("it names {kind} {slot}, which is empty");
        slots[usize::from(slot)].ok_or_else(|| self.malformed(thread, what()))
    }

    pub(super) fn fill(
        &mut self,
        thread: usize,
        kind: Slot,
        slot: u8,
        new: Index,
    ) -> Result<(), Malformed> {
        let (name, slots) = match kind {
            Slot::Handle => ("handle", &mut self.now.handle_slots),
            Slot::Future => ("future", &mut self.now.future_slots),
            Slot::Task => ("task", &mut self.now.task_slots),
            Slot::Local => ("loop future", &mut self.now.local_slots),
            Slot::Nothing => return Ok(()),
        };
        if slots[usize::from(slot)].replace(new).is_some() {
            return Err(self.malformed(thread, format!("it fills {name} {slot} a second time")));
        }
        Ok(())
    }

    pub(super) fn known_loop(
        &self,
        thread: usize,
        on: u8,
    ) -> Result<&super::state::Loop, Malformed> {
        let what = || format!("it names loop {on}, which there is not");
        self.now.loops[usize::from(on)].as_ref().ok_or_else(|| self.malformed(thread, what()))
    }
}
