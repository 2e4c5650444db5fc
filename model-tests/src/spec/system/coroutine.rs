//! A task's step: T-1 to T-9, T-11, C-5, C-6, S-9.
//!
//! The step looks whether the submission was cancelled, lowers the flag that says that it is queued, polls
//! what the coroutine is suspended on, and goes on with its statements up to the next await or the end.

use crate::spec::concurrent::Out;
use crate::spec::habits::Habit;
use crate::spec::program::{Awaited, Op, Units};
use crate::spec::scope::{self, Flow};
use crate::spec::seeded::Seeded;
use crate::spec::word::{Cause, Word};

use super::code::Line;
use super::state::{
    Act, Await, Begun, Ctl, Entry, Frame, Index, LocalListener, Poll, Slept, Timer,
};
use super::{Done, Malformed, Progress, System};

impl System {
    /// Carries a task's step on.
    pub(super) fn step_on(&mut self, thread: usize, task: Index, stage: Poll) -> Done {
        match stage {
            Poll::Probe => {
                let submission = self.task_of(task).submission.expect("only then it asks");
                let cancelled = self.future_of(submission).concurrent.is_cancelled();
                self.again(thread, task, Poll::Begin);
                let late = self.makes(Seeded::CancelOneStepLate) || self.has(Habit::CancelIsPosted);
                if cancelled && !late {
                    self.task_of(task).seen = true;
                    let mut acts = Vec::new();
                    self.cancel_task(task, &mut acts, &mut Vec::new());
                    self.push_acts(thread, acts);
                }
            }
            Poll::Begin => self.begin_step(thread, task),
            Poll::Await => return self.poll(thread, task, true),
            Poll::Look => return self.poll(thread, task, false),
            Poll::Run => self.next_statement(thread, task)?,
            Poll::Ended(flow) => self.unwind(thread, task, flow),
            Poll::InTime(flow, future) => {
                let out = self.future_of(future).concurrent.out();
                self.again(thread, task, Poll::Ended(scope::in_time(flow, out)));
            }
        }
        Ok(Progress::Made)
    }

    pub(super) fn is_private_step(&self, task: Index, stage: &Poll) -> bool {
        let body = &self.now.tasks[usize::from(task)].body;
        match stage {
            Poll::Probe | Poll::Begin | Poll::InTime(..) => false,
            Poll::Ended(_) => true,
            Poll::Run => match body.last() {
                Some(Ctl::Block { block, at }) => !matches!(
                    self.code.lines(*block).get(*at),
                    Some(Line::Timeout { .. } | Line::WaitFor { .. })
                ),
                _ => true,
            },
            Poll::Await | Poll::Look => match body.last() {
                Some(Ctl::Await(what)) => match what {
                    Await::Local { .. } | Await::Shield { .. } | Await::Gather { .. } => true,
                    Await::Sleep { state, .. } => *state != Slept::New,
                    _ => false,
                },
                _ => true,
            },
        }
    }

    pub(super) fn again(&mut self, thread: usize, task: Index, stage: Poll) {
        self.now.threads[thread].stack.push(Frame::Coroutine { task, stage });
    }

    fn begin_step(&mut self, thread: usize, task: Index) {
        let state = self.task_of(task);
        state.queued = false;
        if !std::mem::replace(&mut state.started, true) && state.levels.take_pending() {
            self.drop_body(task);
            return self.finish(thread, task, Flow::Raise(Cause::Cancelled));
        }
        let suspended = matches!(state.body.last(), Some(Ctl::Await(_)));
        let offers = state.levels.begin_step();
        let mut acts = Vec::new();
        for (scope, offer) in offers {
            // What goes inward from the task itself does not come back to it.
            let mut handing = if scope == 1 { vec![task] } else { Vec::new() };
            self.follow(task, offer, &mut acts, &mut handing);
        }
        self.task_of(task).levels.calm();
        self.again(thread, task, if suspended { Poll::Await } else { Poll::Run });
        self.push_acts(thread, acts);
    }

    /// Goes on with the next statement of the innermost block.
    fn next_statement(&mut self, thread: usize, task: Index) -> Result<(), Malformed> {
        let code = std::sync::Arc::clone(&self.code);
        let Some(Ctl::Block { block, at }) = self.task_of(task).body.last_mut() else {
            unreachable!("statements are in a block")
        };
        let (block, place) = (*block, *at);
        let Some(line) = code.lines(block).get(place) else {
            self.task_of(task).body.pop();
            self.again(thread, task, Poll::Ended(Flow::Next));
            return Ok(());
        };
        *at += 1;
        let inner = |block| Ctl::Block { block, at: 0 };
        let stage = match line {
            Line::Do(op) => match *code.get(*op) {
                Op::Raise(exception) => Poll::Ended(Flow::Raise(Cause::Raised(exception))),
                Op::Exit(exit) => Poll::Ended(Flow::Raise(Cause::Exit(exit))),
                _ => {
                    self.again(thread, task, Poll::Run);
                    self.push_acts(thread, [Act::Op(*op)]);
                    return Ok(());
                }
            },
            Line::Await(what) => {
                let (what, listen) = self.awaitable(thread, task, what)?;
                self.task_of(task).body.push(Ctl::Await(what));
                self.again(thread, task, Poll::Await);
                self.push_acts(thread, listen);
                return Ok(());
            }
            Line::Timeout { after: 0, .. } if !self.has(Habit::ZeroTimeoutBegins) => {
                Poll::Ended(Flow::Raise(Cause::Timeout))
            }
            Line::Timeout { after, body } => {
                self.enter_scope(task, *after, None);
                self.task_of(task).body.push(inner(*body));
                Poll::Run
            }
            Line::WaitFor { after, what } => return self.wait_for_it(thread, task, *after, what),
            Line::Try { body, .. } => {
                self.task_of(task).body.extend([Ctl::Try { block, at: place }, inner(*body)]);
                Poll::Run
            }
            Line::Finally { body, last } => {
                self.task_of(task).body.extend([Ctl::Finally(*last), inner(*body)]);
                Poll::Run
            }
            Line::Return(value) => Poll::Ended(Flow::Return(*value)),
            Line::Raise(exception) => Poll::Ended(Flow::Raise(Cause::Raised(*exception))),
            Line::Panic(exception) => Poll::Ended(Flow::Panic(Cause::Raised(*exception))),
            Line::RaiseCancelled => Poll::Ended(Flow::Raise(Cause::Cancelled)),
        };
        self.again(thread, task, stage);
        Ok(())
    }

    fn enter_scope(&mut self, task: Index, after: Units, begun: Option<Begun>) {
        let on = self.task_of(task).on;
        let serial = self.next_serial(task);
        let timer = Timer::Scope { task, serial };
        if after == 0 {
            let on = self.loop_of(on);
            on.take_in_mail();
            on.ready.push(Entry::Fire(timer));
        } else {
            let at = self.loop_of(on).now + after;
            self.set_timer(on, at, timer);
        }
        let deaf = self.makes(Seeded::EnteredScopeHearsNothing);
        let state = self.task_of(task);
        let requests = state.requests;
        state.levels.enter();
        if deaf {
            state.levels.hear_of_nothing();
        }
        state.body.push(Ctl::Scope { serial, begun, requests });
    }

    fn wait_for_it(
        &mut self,
        thread: usize,
        task: Index,
        after: Units,
        what: &Awaited,
    ) -> Result<(), Malformed> {
        if let Awaited::Coroutine(coroutine) = what {
            let stage = if after == 0 {
                Poll::Ended(Flow::Raise(Cause::Timeout))
            } else {
                self.enter_scope(task, after, None);
                let block = self.code.script(*coroutine);
                self.task_of(task).body.extend([Ctl::InPlace, Ctl::Block { block, at: 0 }]);
                Poll::Run
            };
            self.again(thread, task, stage);
            return Ok(());
        }
        let (awaited, mut acts) = self.awaitable(thread, task, what)?;
        let begun = match &awaited {
            Await::Local { local, .. } => Some(Begun::Local(*local)),
            Await::Future(future) => Some(Begun::Future(*future)),
            _ => None,
        };
        let stage = if after == 0 {
            self.end_now(task, awaited, begun, &mut acts)
        } else {
            self.enter_scope(task, after, begun);
            self.task_of(task).body.push(Ctl::Await(awaited));
            Poll::Await
        };
        self.again(thread, task, stage);
        self.push_acts(thread, acts);
        Ok(())
    }

    /// `wait_for` without any time: the result if there is one; else it is cancelled, a task waited for,
    /// and anything that has not begun is not begun.
    fn end_now(
        &mut self,
        task: Index,
        awaited: Await,
        begun: Option<Begun>,
        acts: &mut Vec<Act>,
    ) -> Poll {
        let known = match begun {
            None => None,
            Some(Begun::Local(local)) => self.local_of(local).future.read(),
            Some(Begun::Future(future)) => self.future_of(future).concurrent.out(),
        };
        if let Some(out) = known {
            return Poll::Ended(Flow::of(out));
        }
        match (&awaited, begun) {
            (Await::Local { task: Some(awaited_task), .. }, _) => {
                if *awaited_task == task {
                    return Poll::Ended(Flow::Raise(Cause::AwaitsItself));
                }
                let state = self.task_of(task);
                let requests = state.requests;
                let foreign = state.levels.take_pending();
                let cancelled = *awaited_task;
                state.body.extend([Ctl::CancelAndWait { foreign, requests }, Ctl::Await(awaited)]);
                self.cancel_task(cancelled, acts, &mut Vec::new());
                return Poll::Await;
            }
            (_, Some(Begun::Local(local))) => {
                self.cancel_local(local, acts);
            }
            (_, Some(Begun::Future(future))) => acts.push(Act::Cancel(future, false)),
            _ => {}
        }
        Poll::Ended(Flow::Raise(Cause::Timeout))
    }

    /// What is to be awaited, with what has to be done for that first.
    fn awaitable(
        &mut self,
        thread: usize,
        task: Index,
        what: &Awaited,
    ) -> Result<(Await, Vec<Act>), Malformed> {
        let future = |system: &System, slot: u8| {
            system.slot(thread, "future", &system.now.future_slots, slot)
        };
        let mut listen = Vec::new();
        let awaited = match *what {
            Awaited::Yield => Await::Yield(None),
            Awaited::Sleep(units) => Await::Sleep { units, state: Slept::New },
            Awaited::Future(slot) => Await::Future(future(self, slot)?),
            Awaited::Wrapped(slot) => {
                let source = future(self, slot)?;
                let on = self.task_of(task).on;
                let local = self.wrap(thread, on, source);
                let Some(Frame::Act(act)) = self.now.threads[thread].stack.pop() else {
                    unreachable!("it was put there")
                };
                listen.push(act);
                Await::Local { local, task: None }
            }
            Awaited::Local(slot) => {
                let local = self.slot(thread, "loop future", &self.now.local_slots, slot)?;
                self.check_held(thread, local)?;
                Await::Local { local, task: None }
            }
            Awaited::Task(slot) => {
                let awaited = self.awaited_task(thread, slot)?;
                let local = self.task_of(awaited).local;
                Await::Local { local, task: Some(awaited) }
            }
            Awaited::Foreign(gate) => Await::Foreign(gate),
            Awaited::Shield(slot) => {
                Await::Shield { task: self.awaited_task(thread, slot)?, told: false }
            }
            Awaited::Gather(ref slots) => {
                let tasks = slots.iter().map(|slot| self.awaited_task(thread, *slot));
                let tasks = tasks.collect::<Result<Vec<_>, _>>()?;
                let results = vec![None; tasks.len()];
                Await::Gather { tasks, results, cancelled: false }
            }
            Awaited::Coroutine(_) => unreachable!("checked: only in `wait_for`"),
        };
        Ok((awaited, listen))
    }

    fn awaited_task(&mut self, thread: usize, slot: u8) -> Result<Index, Malformed> {
        let task = self.slot(thread, "task", &self.now.task_slots, slot)?;
        let local = self.task_of(task).local;
        self.check_held(thread, local)?;
        Ok(task)
    }

    /// Something has ended in the coroutine: goes outward to whatever goes on after it.
    fn unwind(&mut self, thread: usize, task: Index, mut flow: Flow) {
        loop {
            let Some(ctl) = self.task_of(task).body.pop() else {
                return self.finish(thread, task, flow);
            };
            match (ctl, flow) {
                (ctl @ Ctl::Block { .. }, Flow::Next) => {
                    self.task_of(task).body.push(ctl);
                    return self.again(thread, task, Poll::Run);
                }
                (ctl @ Ctl::Block { .. }, Flow::Yields(word)) => {
                    self.task_of(task).body.push(ctl);
                    self.log(thread, word);
                    return self.again(thread, task, Poll::Run);
                }
                (Ctl::Scope { serial, begun, requests }, ended) => {
                    flow = self.leave_scope(task, serial, requests, ended);
                    match begun.filter(|_| flow == Flow::Raise(Cause::Timeout)) {
                        Some(Begun::Future(future)) => {
                            return self.again(thread, task, Poll::InTime(flow, future));
                        }
                        Some(Begun::Local(local)) => {
                            let out = self.local_of(local).future.read();
                            flow = scope::in_time(flow, out);
                        }
                        None if begun.is_some() && self.may_collect(self.task_on(task)) => {
                            // It holds what it waited for no more.
                            self.again(thread, task, Poll::Ended(flow));
                            return self.collect_soon(thread, task);
                        }
                        None => {}
                    }
                }
                (Ctl::Try { block, at }, Flow::Raise(cause)) => {
                    let code = std::sync::Arc::clone(&self.code);
                    let Line::Try { catch, handler, again, .. } = &code.lines(block)[at] else {
                        unreachable!("it is one")
                    };
                    if scope::catches(*catch, cause) {
                        self.log(thread, Word::Caught(cause));
                        let handler = Ctl::Block { block: *handler, at: 0 };
                        let after = Ctl::Handler(again.then_some(cause));
                        self.task_of(task).body.extend([after, handler]);
                        return self.again(thread, task, Poll::Run);
                    }
                    flow = Flow::Raise(cause);
                }
                (Ctl::Handler(Some(cause)), Flow::Next) => flow = Flow::Raise(cause),
                (Ctl::Finally(last), ended) if !matches!(ended, Flow::Panic(_)) => {
                    let last = Ctl::Block { block: last, at: 0 };
                    self.task_of(task).body.extend([Ctl::Last(ended), last]);
                    return self.again(thread, task, Poll::Run);
                }
                (Ctl::Last(then), Flow::Next) => flow = then,
                (Ctl::InPlace, Flow::Next) => flow = Flow::Yields(Word::Value(0)),
                (Ctl::InPlace, Flow::Return(value)) => flow = Flow::Yields(Word::Value(value)),
                (Ctl::CancelAndWait { foreign, requests }, Flow::Raise(Cause::Cancelled)) => {
                    let alone = !foreign && self.task_of(task).requests == requests;
                    let cause = if alone { Cause::Timeout } else { Cause::Cancelled };
                    flow = Flow::Raise(cause);
                }
                (_, ended) => flow = ended,
            }
        }
    }

    fn leave_scope(&mut self, task: Index, serial: u8, requests: u8, flow: Flow) -> Flow {
        // By that habit what is pending stays so, whatever was received before it.
        let waits = self.has(Habit::CancelWaitsForASuspension);
        let levels = &mut self.task_of(task).levels;
        let kept = waits && levels.take_pending();
        let mut scope = levels.leave();
        if kept {
            levels.cancel_at_next_suspension();
        }
        if self.makes(Seeded::GivenBackCountsAsReceived) {
            self.task_of(task).levels.note_received();
        }
        self.remove_timer(task, serial);
        if self.has(Habit::ExpiryIsCounted) && scope.expired {
            let state = self.task_of(task);
            state.requests = state.requests.saturating_sub(1);
            scope.foreign = state.requests > requests;
        }
        scope.foreign &= !self.makes(Seeded::ExpirySwallowsCancel);
        scope::leave(scope, flow)
    }

    /// Nothing took a cancel: what a level encloses is dropped at its await.
    pub(super) fn drop_at(&mut self, thread: usize, task: Index, level: usize) {
        let cancelled = Flow::Raise(Cause::Cancelled);
        if level == 0 {
            self.drop_body(task);
            return self.finish(thread, task, cancelled);
        }
        loop {
            let depth = self.task_of(task).levels.depth();
            match self.task_of(task).body.pop().expect("the scope is among them") {
                Ctl::Await(what) => {
                    self.task_of(task).levels.end(false);
                    self.let_go(task, &what);
                }
                Ctl::Scope { serial, .. } if depth > level => {
                    self.task_of(task).levels.leave();
                    self.remove_timer(task, serial);
                }
                scope @ Ctl::Scope { .. } => {
                    self.task_of(task).body.push(scope);
                    self.again(thread, task, Poll::Ended(cancelled));
                    return self.collect_soon(thread, task);
                }
                _ => {}
            }
        }
    }

    /// The coroutine is gone; its outcome is stored.
    fn finish(&mut self, thread: usize, task: Index, flow: Flow) {
        let state = self.task_of(task);
        let (on, local) = (state.on, state.local);
        let out = match flow {
            Flow::Raise(cause) | Flow::Panic(cause) => Out::of(Err(cause)),
            _ if state.levels.take_unreceived() => Out::Cancelled,
            Flow::Return(value) => Out::Value(value),
            Flow::Next | Flow::Yields(_) => Out::Value(0),
        };
        self.give_up_place(task);
        let mut acts = Vec::new();
        let exit = match out {
            Out::Exception(Cause::Exit(code)) => Some(code),
            _ => None,
        };
        if exit.is_some() {
            self.local_of(local).future.mark_retrieved();
        }
        if let Ok(mut listeners) = self.local_of(local).future.settle(out) {
            if exit.is_some() && !self.has(Habit::ExitComesFirst) {
                // It leaves before the queue has its turn: what carries the outcome on goes first.
                for listener in &listeners {
                    if let LocalListener::Copy(future) = listener {
                        acts.push(Act::Copy { on, future: *future, out });
                    }
                }
                listeners.retain(|listener| !matches!(listener, LocalListener::Copy(_)));
            }
            self.announce(local, listeners, &mut acts);
        }
        acts.extend(exit.map(|code| Act::RequestExit(on, code)));
        self.push_acts(thread, acts);
    }

    /// Something was let go: its failure, if nobody has seen that, is reported there and then.
    pub(super) fn collect_soon(&mut self, thread: usize, task: Index) {
        let on = self.task_on(task);
        if self.may_collect(on) {
            self.push_acts(thread, [Act::Collect(on)]);
        }
    }

    fn task_on(&self, task: Index) -> Index {
        self.now.tasks[usize::from(task)].on
    }

    fn check_held(&self, thread: usize, local: Index) -> Result<(), Malformed> {
        let state = &self.now.locals[usize::from(local)];
        let owner = self.now.loops[usize::from(state.on)].as_ref().map(|on| on.owner);
        if !state.held || owner.map(usize::from) != Some(thread) {
            let what = "it awaits a task or future that it has no handle of";
            return Err(self.malformed(thread, what));
        }
        Ok(())
    }
}

impl Entry {
    /// Whether it is a task's step.
    pub(super) fn steps(&self) -> Option<Index> {
        match self {
            Entry::Step(task) => Some(*task),
            _ => None,
        }
    }
}
