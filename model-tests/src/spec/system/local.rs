//! Operations of a loop's own thread, and of its owner.

use crate::spec::concurrent::{Out, TooLate};
use crate::spec::event_loop::Life;
use crate::spec::future::LoopFuture;
use crate::spec::habits::Habit;
use crate::spec::program::{Factory, Handler, Local, Op, Query, Sleep};
use crate::spec::ready_queue::ReadyQueue;
use crate::spec::timers::Timers;
use crate::spec::wakeup::Inbox;
use crate::spec::word::{Cause, Word};

use super::state::{
    Act, Ctl, Entry, Frame, Index, Listener, LocalListener, LocalState, Loop, Parcel, Role,
    RunKind, Slot, TaskState, Timer,
};
use super::{Malformed, System, index};

impl System {
    /// Does an operation of the loop's thread.
    pub(super) fn operate_locally(&mut self, thread: usize, op: &Op) -> Result<(), Malformed> {
        match *op {
            Op::Busy { on, units } => self.own_loop(thread, on)?.now += units,
            Op::CallSoon { on, callback, handle } => {
                self.own_loop(thread, on)?;
                let new = self.new_handle();
                let entry = Entry::Call { callback, handle: new };
                if self.accepts(thread, on) {
                    self.push(thread, on, entry);
                    self.accepted(thread, Slot::Handle, handle, new);
                }
            }
            Op::CallLater { on, after, callback, handle } => {
                let at = self.own_loop(thread, on)?.now + after;
                self.call_at(thread, on, at, callback, handle);
            }
            Op::CallAt { on, at, callback, handle } => {
                self.own_loop(thread, on)?;
                self.call_at(thread, on, at, callback, handle);
            }
            Op::CreateTask { on, coroutine, task } => {
                self.own_loop(thread, on)?;
                if self.accepts(thread, on) {
                    match self.make_task(thread, on, coroutine, None) {
                        Ok(new) => {
                            let local = self.task_of(new).local;
                            self.local_of(local).held = true;
                            self.accepted(thread, Slot::Task, task, new);
                        }
                        Err(cause) => self.log(thread, Word::Error(cause)),
                    }
                }
            }
            Op::NewFuture { on, future } => {
                self.own_loop(thread, on)?;
                let new = self.new_local(on, true);
                self.local_of(new).held = true;
                self.fill(thread, Slot::Local, future, new)?;
            }
            Op::WrapFuture { on, source, future } => {
                self.own_loop(thread, on)?;
                let source = self.slot(thread, "future", &self.now.future_slots, source)?;
                if self.accepts(thread, on) {
                    let new = self.wrap(thread, on, source);
                    self.local_of(new).held = true;
                    self.accepted_behind(thread, Slot::Local, future, new);
                }
            }
            Op::RunInExecutor { on, pool, work, future } => {
                self.own_loop(thread, on)?;
                if self.accepts(thread, on) {
                    let source = self.new_future(None, false);
                    match self.execute(thread, pool, work, source)? {
                        Err(cause) => self.log(thread, Word::Error(cause)),
                        Ok(()) => {
                            let new = self.wrap(thread, on, source);
                            self.local_of(new).held = true;
                            self.accepted_behind(thread, Slot::Local, future, new);
                        }
                    }
                }
            }
            Op::SetLoopResult { future, value } => {
                self.settle_promise(thread, future, Out::Value(value), true)?;
            }
            Op::SetLoopException { future, exception } => {
                let out = Out::Exception(Cause::Raised(exception));
                self.settle_promise(thread, future, out, true)?;
            }
            Op::DropLoopPromise(future) => self.drop_loop_promise(thread, future)?,
            Op::AllTasks(on) => {
                let tasks = self.own_loop(thread, on)?.places.iter().flatten().count();
                self.log(thread, Word::Count(index(tasks)));
            }
            Op::StopLocal(on) => self.own_loop(thread, on)?.life.stop(),
            Op::SetFactory { on, factory } => {
                let on = self.own_loop(thread, on)?;
                if !on.life.is_closed() {
                    on.factory = factory;
                }
            }
            Op::SetHandler { on, handler } => {
                let on = self.own_loop(thread, on)?;
                if !on.life.is_closed() {
                    on.handler = handler;
                }
            }
            ref op => return self.operate_on_local(thread, op),
        }
        Ok(())
    }

    /// Operations on tasks and loop futures.
    fn operate_on_local(&mut self, thread: usize, op: &Op) -> Result<(), Malformed> {
        match *op {
            Op::CancelLocal(of) => {
                let mut acts = Vec::new();
                let cancelled = match self.named(thread, of)? {
                    (_, Some(task)) => self.cancel_task(task, &mut acts, &mut Vec::new()),
                    (local, None) => self.cancel_local(local, &mut acts),
                };
                acts.push(Act::Log(Word::of(cancelled)));
                self.push_acts(thread, acts);
            }
            Op::Uncancel(of) => {
                let task = self.named_task(thread, of)?;
                let keeps = self.has(Habit::UncancelKeeps);
                let state = self.task_of(task);
                state.requests = state.requests.saturating_sub(1);
                let left = state.requests;
                if left == 0 && !keeps {
                    state.levels.take_back();
                }
                self.log(thread, Word::Count(left));
            }
            Op::Cancelling(of) => {
                let task = self.named_task(thread, of)?;
                let count = self.task_of(task).requests;
                self.log(thread, Word::Count(count));
            }
            Op::QueryLocal { of, what } => {
                let (local, _) = self.named(thread, of)?;
                let out = self.local_of(local).future.out();
                let answer = match what {
                    Query::Cancelled => out == Some(Out::Cancelled),
                    _ => out.is_some(),
                };
                self.log(thread, Word::of(answer));
            }
            Op::ResultLocal(of) => {
                let (local, _) = self.named(thread, of)?;
                let out = self.local_of(local).future.read();
                self.log(thread, out.map_or(Word::Pending, Out::word));
            }
            Op::OnDoneLocal { of, callback } => {
                let (local, _) = self.named(thread, of)?;
                let state = self.local_of(local);
                let on = state.on;
                if state.future.listen(LocalListener::Callback(callback)).is_some() {
                    self.push(thread, on, Entry::LoopCallback { callback, of: local });
                }
            }
            Op::Forget(of) => {
                let (local, _) = self.named(thread, of)?;
                let state = self.local_of(local);
                state.held = false;
                let on = state.on;
                self.push_acts(thread, [Act::Collect(on)]);
            }
            ref op => return self.operate_as_owner(thread, op),
        }
        Ok(())
    }

    fn operate_as_owner(&mut self, thread: usize, op: &Op) -> Result<(), Malformed> {
        match *op {
            Op::NewLoop(on) => {
                if self.now.loops[usize::from(on)].is_some() {
                    return Err(self.malformed(thread, format!("it makes loop {on} once more")));
                }
                self.now.loops[usize::from(on)] = Some(Loop::new(index(thread)));
            }
            Op::RunForever(on) => {
                self.undropped_loop(thread, on)?;
                if self.begin_run(thread, on) {
                    self.push_run(thread, on, RunKind::Forever);
                }
            }
            Op::RunOnce { on, sleep } => {
                self.undropped_loop(thread, on)?;
                if self.begin_run(thread, on) {
                    let longest = match sleep {
                        Sleep::Zero => Some(0),
                        Sleep::Units(units) => Some(units),
                        Sleep::Forever => None,
                    };
                    self.push_run(thread, on, RunKind::Once(longest));
                }
            }
            Op::RunUntilComplete { on, coroutine } => {
                self.undropped_loop(thread, on)?;
                if self.begin_run(thread, on) {
                    self.run_until_complete(thread, on, coroutine);
                }
            }
            Op::Close(on) => {
                self.undropped_loop(thread, on)?;
                self.close(thread, on, Some(Word::Ok));
            }
            Op::DropLoop(on) => {
                if self.undropped_loop(thread, on)?.life.is_running() {
                    return Err(self.malformed(thread, "it drops a loop that runs"));
                }
                self.drop_loop(thread, on)?;
            }
            ref op => unreachable!("an operation of no group: {op:?}"),
        }
        Ok(())
    }

    fn push_run(&mut self, thread: usize, on: Index, kind: RunKind) {
        let stage = super::state::Stage::Turn;
        self.now.threads[thread].stack.push(Frame::Run { on, kind, stage });
    }

    /// Whether the loop takes anything; it says so if not.
    fn accepts(&mut self, thread: usize, on: Index) -> bool {
        let closed = self.loop_of(on).life.is_closed();
        if closed {
            self.log(thread, Word::Error(Cause::LoopClosed));
        }
        !closed
    }

    fn accepted(&mut self, thread: usize, slot: Slot, number: u8, new: Index) {
        debug_assert!(slot.is_filled(), "something was made");
        self.push_acts(thread, [Act::Fill(slot, number, new), Act::Log(Word::Ok)]);
    }

    /// The same where something is on the stack that comes first.
    fn accepted_behind(&mut self, thread: usize, slot: Slot, number: u8, new: Index) {
        let first = self.now.threads[thread].stack.pop().expect("it was put there");
        self.accepted(thread, slot, number, new);
        self.now.threads[thread].stack.push(first);
    }

    fn call_at(&mut self, thread: usize, on: Index, at: u32, callback: u8, handle: u8) {
        let new = self.new_handle();
        if self.accepts(thread, on) {
            self.set_timer(on, at, Timer::Call { callback, handle: new });
            self.accepted(thread, Slot::Handle, handle, new);
        }
    }

    /// Sets a timer, behind those that were posted before.
    pub(super) fn set_timer(&mut self, on: Index, at: u32, timer: Timer) {
        let heap = self.has(Habit::TimersInAHeap);
        let on = self.loop_of(on);
        on.take_in_mail();
        if heap {
            on.timers.push_on_heap(at, timer);
        } else {
            on.timers.insert(at, timer);
        }
    }

    /// Makes a task with the loop's factory and queues its first step.
    pub(super) fn make_task(
        &mut self,
        thread: usize,
        on: Index,
        coroutine: u8,
        submission: Option<Index>,
    ) -> Result<Index, Cause> {
        match self.loop_of(on).factory {
            Factory::Default => {}
            Factory::Fails(exception) | Factory::Panics(exception) => {
                return Err(Cause::Raised(exception));
            }
            Factory::Wrong => return Err(Cause::OtherCoroutine),
        }
        let local = self.new_local(on, false);
        let task = index(self.now.tasks.len());
        let state = self.loop_of(on);
        let place = state.free.pop().unwrap_or_else(|| {
            state.places.push(None);
            index(state.places.len() - 1)
        });
        state.places[usize::from(place)] = Some(task);
        let block = self.code.script(coroutine);
        self.now.tasks.push(TaskState {
            on,
            local,
            place: Some(place),
            queued: true,
            started: false,
            submission,
            seen: false,
            hears: false,
            requests: 0,
            levels: crate::spec::awaiting::Levels::default(),
            body: vec![Ctl::Block { block, at: 0 }],
            serials: 0,
        });
        self.push(thread, on, Entry::Step(task));
        Ok(task)
    }

    pub(super) fn new_local(&mut self, on: Index, promise: bool) -> Index {
        let future = LoopFuture::default();
        self.now.locals.push(LocalState { on, future, wraps: None, promise, held: false });
        index(self.now.locals.len() - 1)
    }

    /// A loop future of a concurrent one; to listen to that is on the stack.
    pub(super) fn wrap(&mut self, thread: usize, on: Index, source: Index) -> Index {
        let destination = self.new_local(on, false);
        let state = self.loop_of(on);
        state.next_key += 1;
        let key = state.next_key;
        state.parcels.push((key, Parcel { source, destination }));
        self.local_of(destination).wraps = Some((key, source));
        self.push_acts(thread, [Act::Listen(source, Listener::Parcel(on, key))]);
        destination
    }

    fn settle_promise(
        &mut self,
        thread: usize,
        slot: u8,
        out: Out,
        answers: bool,
    ) -> Result<(), Malformed> {
        let local = self.slot(thread, "loop future", &self.now.local_slots, slot)?;
        if !self.local_of(local).promise {
            let what = format!("it has no promise of loop future {slot}");
            return Err(self.malformed(thread, what));
        }
        self.local_of(local).promise &= answers;
        let mut acts = Vec::new();
        let word = match self.local_of(local).future.settle(out) {
            Ok(listeners) => {
                self.announce(local, listeners, &mut acts);
                Word::Ok
            }
            Err(too_late) => TooLate::word(too_late),
        };
        acts.extend(answers.then_some(Act::Log(word)));
        self.push_acts(thread, acts);
        Ok(())
    }

    fn drop_loop_promise(&mut self, thread: usize, slot: u8) -> Result<(), Malformed> {
        let local = self.slot(thread, "loop future", &self.now.local_slots, slot)?;
        let on = self.local_of(local).on;
        let cause = if self.loop_of(on).life.is_closed() {
            if !self.local_of(local).future.is_done() {
                self.local_of(local).future.mark_retrieved();
            }
            Cause::LoopClosed
        } else {
            Cause::BrokenPromise
        };
        self.settle_promise(thread, slot, Out::Exception(cause), false)
    }

    /// A task or loop future by its name: its outcome, and the task if it is one.
    fn named(&self, thread: usize, of: Local) -> Result<(Index, Option<Index>), Malformed> {
        let (local, task) = match of {
            Local::Task(slot) => {
                let task = self.slot(thread, "task", &self.now.task_slots, slot)?;
                (self.now.tasks[usize::from(task)].local, Some(task))
            }
            Local::Current => {
                let current =
                    self.now.threads[thread].stack.iter().rev().find_map(|frame| match frame {
                        Frame::Coroutine { task, .. } => Some(*task),
                        _ => None,
                    });
                let task = current
                    .ok_or_else(|| self.malformed(thread, "it is not in a task that it names"))?;
                return Ok((self.now.tasks[usize::from(task)].local, Some(task)));
            }
            Local::Future(slot) => {
                (self.slot(thread, "loop future", &self.now.local_slots, slot)?, None)
            }
        };
        let state = &self.now.locals[usize::from(local)];
        if !state.held {
            return Err(self.malformed(thread, "it names a task or future that was forgotten"));
        }
        self.check_owner(thread, state.on)?;
        Ok((local, task))
    }

    fn named_task(&self, thread: usize, of: Local) -> Result<Index, Malformed> {
        let (_, task) = self.named(thread, of)?;
        task.ok_or_else(|| self.malformed(thread, "it names a future where only a task will do"))
    }

    fn check_owner(&self, thread: usize, on: Index) -> Result<(), Malformed> {
        let owner = self.now.loops[usize::from(on)].as_ref().map(|on| usize::from(on.owner));
        if owner != Some(thread) {
            return Err(self.malformed(thread, format!("it does not own loop {on}")));
        }
        Ok(())
    }

    fn own_loop(&mut self, thread: usize, on: u8) -> Result<&mut Loop, Malformed> {
        self.known_loop(thread, on)?;
        self.check_owner(thread, on)?;
        Ok(self.loop_of(on))
    }

    fn undropped_loop(&mut self, thread: usize, on: u8) -> Result<&mut Loop, Malformed> {
        if self.own_loop(thread, on)?.dropped {
            return Err(self.malformed(thread, format!("it has dropped loop {on}")));
        }
        Ok(self.loop_of(on))
    }

    /// A callback that a loop calls.
    pub(super) fn call(&mut self, thread: usize, on: Index, callback: u8) {
        self.push_list(thread, self.code.callback(callback), Role::Loop(on));
    }
}

impl Loop {
    fn new(owner: Index) -> Loop {
        Loop {
            owner,
            life: Life::default(),
            inbox: Inbox::default(),
            ready: ReadyQueue::default(),
            timers: Timers::default(),
            now: 0,
            popped: 0,
            places: Vec::new(),
            free: Vec::new(),
            parcels: Vec::new(),
            next_key: 0,
            runs: 0,
            factory: Factory::Default,
            handler: Handler::Default,
            dropped: false,
        }
    }

    /// What was posted gets its place in the queue, or among the timers.
    pub(super) fn take_in_mail(&mut self) {
        let mail = self.inbox.take_mail();
        self.take_in(mail);
    }

    pub(super) fn take_in(&mut self, mail: Vec<Entry>) {
        for entry in mail {
            match entry {
                Entry::Timer(when, timer) => self.timers.insert(when, timer),
                entry => self.ready.push(entry),
            }
        }
    }
}
