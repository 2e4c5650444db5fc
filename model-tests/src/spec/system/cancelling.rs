//! Where cancels go between tasks and futures: T-5, T-10, C-10, O-7, O-8.
//!
//! All of this is the loop thread's own and done at once; what others can see of it, steps that are queued
//! and concurrent futures that are cancelled, is put into a list of acts, in order.

use crate::spec::awaiting::{Offer, Taken};
use crate::spec::concurrent::Out;
use crate::spec::habits::Habit;
use crate::spec::seeded::Seeded;

use super::System;
use super::state::{Act, Await, Ctl, Entry, Index, LocalListener, Slept, Timer};

impl System {
    /// Cancels a task; false if it is done. `handing` are the tasks whose cancel is on its way inward.
    pub(super) fn cancel_task(
        &mut self,
        task: Index,
        acts: &mut Vec<Act>,
        handing: &mut Vec<Index>,
    ) -> bool {
        let local = self.task_of(task).local;
        if self.local_of(local).future.is_done() {
            // Whoever cancels a failed task knows of it.
            self.local_of(local).future.mark_retrieved();
            return false;
        }
        let waits = self.waits_for_a_suspension(task);
        let state = self.task_of(task);
        state.requests += 1;
        if waits {
            state.levels.cancel_at_next_suspension();
            return true;
        }
        let offer = state.levels.cancel();
        handing.push(task);
        self.follow(task, offer, acts, handing);
        handing.pop();
        true
    }

    /// What an offer asks for.
    pub(super) fn follow(
        &mut self,
        task: Index,
        offer: Offer,
        acts: &mut Vec<Act>,
        handing: &mut Vec<Index>,
    ) {
        match offer {
            Offer::Settled => {}
            Offer::Wake => acts.push(Act::Wake(task)),
            Offer::Ask => {
                let taken = self.ask(task, acts, handing);
                if let Some(taken) = taken
                    && self.task_of(task).levels.answer(taken)
                {
                    acts.push(Act::Wake(task));
                }
            }
        }
    }

    /// Whether the habit is to let a task that is not suspended go on to its next await.
    fn waits_for_a_suspension(&mut self, task: Index) -> bool {
        self.has(Habit::CancelWaitsForASuspension)
            && !matches!(self.task_of(task).body.last(), Some(Ctl::Await(_)))
    }

    /// Asks what a task is suspended on to take a cancel; `None` if it answers later.
    pub(super) fn ask(
        &mut self,
        task: Index,
        acts: &mut Vec<Act>,
        handing: &mut Vec<Index>,
    ) -> Option<Taken> {
        let Some(Ctl::Await(mut what)) = self.task_of(task).body.last().cloned() else {
            return Some(Taken::Refused);
        };
        let taken = match &mut what {
            Await::Yield(_) | Await::Foreign(_) => Taken::Refused,
            Await::Sleep { state, .. } => match *state {
                Slept::Waiting(serial) => {
                    *state = Slept::Cancelled(serial);
                    acts.push(Act::Wake(task));
                    Taken::ToYield
                }
                _ => Taken::Refused,
            },
            Await::Future(future) => {
                acts.push(Act::CancelAwaited(task, *future));
                return None;
            }
            Await::Local { local, task: None } => {
                if self.cancel_local(*local, acts) {
                    Taken::ToYield
                } else {
                    Taken::Refused
                }
            }
            Await::Local { task: Some(awaited), .. } => {
                if self.hand_on(*awaited, acts, handing) {
                    Taken::HandedOn
                } else {
                    Taken::Refused
                }
            }
            Await::Shield { told, task: shielded } => {
                if self.makes(Seeded::ShieldHandsOn) {
                    self.hand_on(*shielded, acts, handing);
                }
                if !std::mem::replace(told, true) {
                    acts.push(Act::Wake(task));
                }
                Taken::ToYield
            }
            Await::Gather { tasks, cancelled, .. } => {
                let mut taken = Taken::Refused;
                for gathered in tasks.clone() {
                    if self.hand_on(gathered, acts, handing) {
                        taken = Taken::HandedOn;
                    }
                }
                *cancelled |= taken == Taken::HandedOn;
                taken
            }
        };
        if let Some(Ctl::Await(known)) = self.task_of(task).body.last_mut() {
            *known = what;
        }
        Some(taken)
    }

    /// Cancels a task that another awaits, unless that comes round in a circle.
    fn hand_on(&mut self, task: Index, acts: &mut Vec<Act>, handing: &mut Vec<Index>) -> bool {
        let local = self.task_of(task).local;
        let done = self.local_of(local).future.is_done();
        !done && !handing.contains(&task) && self.cancel_task(task, acts, handing)
    }

    /// Cancels a loop future; the work behind it hears of it first.
    pub(super) fn cancel_local(&mut self, local: Index, acts: &mut Vec<Act>) -> bool {
        let state = self.local_of(local);
        let on = state.on;
        let Ok(listeners) = state.future.settle(Out::Cancelled) else { return false };
        if let Some((key, source)) = state.wraps.take() {
            self.loop_of(on).parcels.retain(|(known, _)| *known != key);
            acts.push(if self.has(Habit::SourceIsCancelledLater) {
                Act::Push(on, Entry::CancelSource(source))
            } else {
                Act::Cancel(source, false)
            });
        }
        self.announce(local, listeners, acts);
        true
    }

    /// Queues those who listened to a loop future that is done, in order.
    pub(super) fn announce(
        &mut self,
        local: Index,
        listeners: Vec<LocalListener>,
        acts: &mut Vec<Act>,
    ) {
        let on = self.local_of(local).on;
        let at_once = self.makes(Seeded::CopiesAtOnce);
        for listener in listeners {
            acts.push(match listener {
                LocalListener::Task(task) => Act::Wake(task),
                LocalListener::Callback(callback) => {
                    Act::Push(on, Entry::LoopCallback { callback, of: local })
                }
                LocalListener::StopRun(serial) => {
                    Act::Push(on, Entry::StopRun { serial, of: local })
                }
                LocalListener::Copy(future) => {
                    let out = self.local_of(local).future.read().expect("it is done");
                    if at_once {
                        Act::Copy { on, future, out }
                    } else {
                        Act::Push(on, Entry::Copy { future, out })
                    }
                }
            });
        }
    }

    /// A cancel has come to a task that is suspended on a concurrent future.
    pub(super) fn cancel_awaited(&mut self, thread: usize, task: Index, future: Index) {
        if self.future_of(future).concurrent.is_done() {
            let wakes = self.task_of(task).levels.answer(Taken::Refused);
            self.push_acts(thread, wakes.then_some(Act::Wake(task)));
            return;
        }
        let (cancelled, told) = self.future_of(future).concurrent.cancel(false);
        self.task_of(task).levels.answer(Taken::ToYield);
        if cancelled {
            self.tell(thread, told, None);
        } else {
            self.push_acts(thread, [Act::Wake(task)]);
        }
    }

    /// A timer of a task: a sleep is over, or the time of a scope is up.
    pub(super) fn fire(&mut self, thread: usize, timer: Timer) {
        let mut acts = Vec::new();
        match timer {
            Timer::Sleep { task, serial } => {
                if let Some(Ctl::Await(Await::Sleep { state, .. })) =
                    self.task_of(task).body.last_mut()
                    && *state == Slept::Waiting(serial)
                {
                    *state = Slept::Fired;
                    acts.push(Act::Wake(task));
                }
            }
            Timer::Scope { task, serial } => {
                let scopes = self.task_of(task).body.iter().filter_map(|ctl| match ctl {
                    Ctl::Scope { serial, .. } => Some(*serial),
                    _ => None,
                });
                if let Some(place) = scopes.into_iter().position(|known| known == serial) {
                    let counted = self.has(Habit::ExpiryIsCounted);
                    self.task_of(task).requests += u8::from(counted);
                    let offer = self.task_of(task).levels.expire(place + 1);
                    self.follow(task, offer, &mut acts, &mut Vec::new());
                }
            }
            Timer::Call { .. } => unreachable!("called by the batch"),
        }
        self.push_acts(thread, acts);
    }

    /// Whether a loop has a failure that nobody has retrieved, and of which the program has no handle.
    pub(super) fn may_collect(&self, on: Index) -> bool {
        self.now
            .locals
            .iter()
            .any(|local| local.on == on && !local.held && local.future.has_failed_unseen())
    }

    /// Loop futures of which there is no handle any more.
    pub(super) fn forgotten(&self, on: Index) -> Vec<Index> {
        let Some(state) = &self.now.loops[usize::from(on)] else { return Vec::new() };
        let queued = |local: Index| {
            state
                .ready
                .iter()
                .chain(state.inbox.iter())
                .any(|entry| matches!(entry, Entry::LoopCallback { of, .. } | Entry::StopRun { of, .. } if *of == local))
        };
        let awaited = |local: Index| {
            self.now.tasks.iter().flat_map(|task| &task.body).any(|ctl| match ctl {
                Ctl::Await(Await::Local { local: awaited, .. }) => *awaited == local,
                Ctl::Await(Await::Shield { task, .. }) => self.outcome_of(*task) == local,
                Ctl::Await(Await::Gather { tasks, .. }) => {
                    tasks.iter().any(|task| self.outcome_of(*task) == local)
                }
                Ctl::Scope { begun: Some(super::state::Begun::Local(begun)), .. } => {
                    *begun == local
                }
                _ => false,
            })
        };
        let run = |local: Index| {
            self.now.threads.iter().flat_map(|thread| &thread.stack).any(|frame| match frame {
                super::state::Frame::Run {
                    kind: super::state::RunKind::UntilComplete { task, .. },
                    ..
                } => self.outcome_of(*task) == local,
                _ => false,
            })
        };
        let promised = |local: Index| self.now.locals[usize::from(local)].promise;
        (0..self.now.locals.len())
            .map(super::index)
            .filter(|local| {
                let state = &self.now.locals[usize::from(*local)];
                let gone = state.on == on && !state.held && state.future.is_done();
                gone && !queued(*local) && !awaited(*local) && !run(*local) && !promised(*local)
            })
            .collect()
    }

    fn outcome_of(&self, task: Index) -> Index {
        self.now.tasks[usize::from(task)].local
    }
}
