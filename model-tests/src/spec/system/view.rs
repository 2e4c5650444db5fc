//! What can be seen of a state from outside: for properties, and for traces.

use std::fmt::Write;

use crate::spec::concurrent::Phase;
use crate::spec::program::Future;

use super::state::{Act, Frame, Index, Status};
use super::{Action, System};

/// What there is at some moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Census {
    /// How each future of a slot stands.
    pub futures: Vec<(Future, Phase)>,
    /// How those of them stand behind which there is work: of a loop, or of a pool.
    pub submissions: Vec<Phase>,
    /// Loops that are closed.
    pub closed: Vec<u8>,
    /// Entries that wait in the queues and inboxes of closed loops.
    pub queued_when_closed: usize,
    /// Threads that have not ended.
    pub live: Vec<u8>,
}

/// One step of an execution, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Who.
    pub action: Action,
    /// What.
    pub what: String,
}

impl System {
    /// Counts what there is.
    #[must_use]
    pub fn census(&self) -> Census {
        let slots = self.now.future_slots.iter();
        let known = |future: Index| &self.now.futures[usize::from(future)];
        let futures = slots.clone().enumerate().filter_map(|(slot, future)| {
            Some((super::index(slot), known((*future)?).concurrent.phase()))
        });
        let works = slots.flatten().filter(|future| !known(**future).by_hand);
        let closed = |on: usize| self.now.loops[on].as_ref().filter(|on| !on.inbox.is_open());
        let closed_loops: Vec<usize> = (0..2).filter(|on| closed(*on).is_some()).collect();
        let live = self.now.threads.iter().enumerate();
        Census {
            submissions: works.map(|future| known(*future).concurrent.phase()).collect(),
            futures: futures.collect(),
            queued_when_closed: closed_loops
                .iter()
                .filter_map(|on| closed(*on))
                .map(|on| on.ready.len() + on.inbox.iter().count() + on.timers.iter().count())
                .sum(),
            closed: closed_loops.into_iter().map(super::index).collect(),
            live: live
                .filter(|(_, thread)| thread.status == Status::Live)
                .map(|(index, _)| super::index(index))
                .collect(),
        }
    }

    /// What an action would do, in words.
    #[must_use]
    pub fn describe(&self, action: Action) -> Step {
        let thread = &self.now.threads[usize::from(action.thread)];
        let mut what = match thread.stack.last() {
            None => "nothing".to_owned(),
            Some(Frame::Act(Act::Op(op))) => format!("{:?}", self.code.get(*op)),
            Some(Frame::Act(act)) => format!("{act:?}"),
            Some(Frame::Run { on, stage, .. }) => {
                let next = self.now.loops[usize::from(*on)].as_ref();
                let next = next.and_then(|on| on.ready.iter().next());
                match (stage, next) {
                    (super::state::Stage::Batch, Some(entry)) => {
                        let step = entry.steps().map(|task| format!("task {task} is stepped"));
                        format!("loop {on}: {}", step.unwrap_or_else(|| format!("{entry:?}")))
                    }
                    _ => format!("loop {on}: {stage:?}"),
                }
            }
            Some(Frame::Coroutine { task, stage }) => format!("task {task}: {stage:?}"),
            Some(Frame::Worker { .. }) => "the worker looks for work".to_owned(),
            Some(Frame::List { .. }) => "the list goes on".to_owned(),
        };
        if action.timeout {
            let _ = write!(what, " (the time is up)");
        }
        Step { action, what }
    }
}
