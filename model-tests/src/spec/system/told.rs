//! A system that is told what to do, one operation after the other: for programs that are drawn as they go.

use std::sync::Arc;

use super::state::{Act, TaskState};
use super::{Malformed, Progress, System};
use crate::spec::concurrent::Out;
use crate::spec::program::{Local, Op, Program, Stmt};
use crate::spec::word::Word;

/// Where a task stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskView {
    /// Its outcome.
    pub out: Option<Out>,
    /// A step is queued.
    pub queued: bool,
    /// Its first step has been.
    pub started: bool,
    /// In how many scopes it is suspended.
    pub scopes: usize,
    /// The awaitable that it is suspended on, by its name in the alphabet.
    pub awaits: Option<&'static str>,
}

impl System {
    /// A system of one thread, which does nothing but what it is told. Of the program its callbacks count, and the
    /// coroutines with which it begins.
    ///
    /// # Errors
    /// The program is malformed.
    pub fn idle(program: &Program) -> Result<System, Malformed> {
        let one = Program { threads: vec![vec![]], works: vec![], ..program.clone() };
        let mut system = System::new(&one)?;
        system.now.threads[0].status = super::Status::Live;
        system.now.threads[0].stack.clear();
        Ok(system)
    }

    /// A further coroutine; its number.
    ///
    /// # Panics
    /// There are too many.
    pub fn add_coroutine(&mut self, script: &[Stmt]) -> u8 {
        Arc::make_mut(&mut self.code).add_script(script)
    }

    /// Does an operation to its end; what it logged. A sleep lasts as long as it may: nobody else moves the clock.
    ///
    /// # Errors
    /// The operation is malformed here, or it would never come to an end. Then the system is of no use any more.
    pub fn carry_out(&mut self, op: &Op) -> Result<Vec<Word>, Malformed> {
        let id = Arc::make_mut(&mut self.code).op(op);
        let before = self.now.logs[0].len();
        self.push_acts(0, [Act::Op(id)]);
        while !self.now.threads[0].stack.is_empty() {
            let timeout = self.may_time_out(0);
            let made = matches!(self.perform(0, timeout)?, Progress::Made);
            if !made && (!timeout || matches!(self.perform(0, false)?, Progress::Blocked)) {
                return Err(self.malformed(0, format!("{op:?} never comes to an end")));
            }
        }
        Ok(self.now.logs[0].split_off(before))
    }

    /// How a task or loop future of a slot has ended, if it has; `None` if the slot is empty.
    #[must_use]
    pub fn out(&self, of: Local) -> Option<Option<Out>> {
        let local = match of {
            Local::Task(slot) => self.task_in(slot)?.local,
            Local::Future(slot) => self.now.local_slots[usize::from(slot)]?,
            Local::Current => return None,
        };
        Some(self.now.locals[usize::from(local)].future.out())
    }

    /// Where the task of a slot stands.
    #[must_use]
    pub fn task(&self, slot: u8) -> Option<TaskView> {
        let task = self.task_in(slot)?;
        let awaits = match task.body.last() {
            Some(super::state::Ctl::Await(what)) => Some(what.name()),
            _ => None,
        };
        Some(TaskView {
            out: self.now.locals[usize::from(task.local)].future.out(),
            queued: task.queued && task.place.is_some(),
            started: task.started,
            scopes: task.levels.depth(),
            awaits,
        })
    }

    fn task_in(&self, slot: u8) -> Option<&TaskState> {
        self.now.task_slots[usize::from(slot)].map(|task| &self.now.tasks[usize::from(task)])
    }

    /// Whether a loop is closed.
    #[must_use]
    pub fn is_closed(&self, on: u8) -> bool {
        self.now.loops[usize::from(on)].as_ref().is_some_and(|on| on.life.is_closed())
    }

    /// Whether a loop was stopped, and has not been in a run since that could end of it.
    #[must_use]
    pub fn is_stopping(&self, on: u8) -> bool {
        self.now.loops[usize::from(on)].as_ref().is_some_and(|on| on.life.is_stopping())
    }

    /// How much a loop has to do: entries in its queue and inbox, and timers.
    #[must_use]
    pub fn queued(&self, on: u8) -> Option<(usize, usize, usize)> {
        let on = self.now.loops[usize::from(on)].as_ref()?;
        Some((on.ready.len(), on.inbox.iter().count(), on.timers.iter().count()))
    }
}
