//! What a coroutine is suspended on, polled: T-6, T-9, T-10, T-13, T-18, L-6, L-7, C-10, O-7, O-8.
//!
//! A poll first looks whether a cancel has come to the awaitable, and then for what it waits for.

use crate::spec::awaiting::{Received, Taken};
use crate::spec::concurrent::Out;
use crate::spec::habits::Habit;
use crate::spec::scope::Flow;
use crate::spec::word::{Cause, Word};

use super::state::{Act, Await, Ctl, Index, Listener, LocalListener, Poll, Slept, Timer};
use super::{Done, Progress, System};

/// What a poll came to.
pub(super) enum Polled {
    /// It is over; `true` if what it waited for ended by itself.
    Ready(Flow, bool),
    /// It suspends; `true` if a cancel can be handed to it.
    Pending(bool),
    /// It is to be looked at again.
    Again,
}

impl System {
    /// Polls what the coroutine is suspended on.
    pub(super) fn poll(&mut self, thread: usize, task: Index, looks_for_cancel: bool) -> Done {
        let mut acts = Vec::new();
        let polled = match self.refused_await(task) {
            Some(cause) => Polled::Ready(Flow::Raise(cause), false),
            None => {
                let received = if looks_for_cancel { self.receive(task, &mut acts) } else { None };
                match received {
                    Some(flow) => Polled::Ready(flow, false),
                    None if !acts.is_empty() => {
                        // What was handed on goes its way first.
                        self.again(thread, task, Poll::Look);
                        self.push_acts(thread, acts);
                        return Ok(Progress::Made);
                    }
                    None => self.look(task, &mut acts),
                }
            }
        };
        match polled {
            Polled::Again => self.again(thread, task, Poll::Await),
            Polled::Ready(flow, by_itself) => {
                self.task_of(task).levels.end(by_itself);
                let Some(Ctl::Await(what)) = self.task_of(task).body.pop() else {
                    unreachable!("it was polled")
                };
                self.let_go(task, &what);
                self.again(thread, task, Poll::Ended(flow));
                self.collect_soon(thread, task);
            }
            Polled::Pending(registers) => {
                if self.has(Habit::CancelWaitsForASuspension) {
                    self.task_of(task).levels.keep_pending();
                }
                let dropped = self.task_of(task).levels.suspend(registers);
                if let Some(level) = dropped {
                    self.drop_at(thread, task, level);
                } else {
                    self.offer_what_is_pending(task, &mut acts);
                    acts.extend(self.hear_of_cancel(task));
                }
            }
        }
        self.push_acts(thread, acts);
        Ok(Progress::Made)
    }

    /// From its first suspension on the cancel of its submission has to make the task step (C-6): until then a step
    /// is on its way, which looks by itself.
    pub(super) fn hear_of_cancel(&mut self, task: Index) -> Option<Act> {
        let state = self.task_of(task);
        let submission = state.submission.filter(|_| !state.hears)?;
        state.hears = true;
        Some(Act::Listen(submission, Listener::CancelTask(task)))
    }

    fn awaited(&mut self, task: Index) -> &mut Await {
        match self.task_of(task).body.last_mut() {
            Some(Ctl::Await(what)) => what,
            other => unreachable!("the coroutine is not suspended but at {other:?}"),
        }
    }

    /// What may not be awaited here at all.
    fn refused_await(&mut self, task: Index) -> Option<Cause> {
        let own = self.task_of(task).on;
        match self.awaited(task).clone() {
            Await::Local { task: Some(awaited), .. } | Await::Shield { task: awaited, .. }
                if awaited == task =>
            {
                Some(Cause::AwaitsItself)
            }
            Await::Gather { tasks, .. } if tasks.contains(&task) => Some(Cause::AwaitsItself),
            Await::Local { local, .. } if self.local_of(local).on != own => {
                Some(Cause::ForeignLoop)
            }
            _ => None,
        }
    }

    /// The cancel that has come to what is awaited; what it hands on is put into `acts`.
    fn receive(&mut self, task: Index, acts: &mut Vec<Act>) -> Option<Flow> {
        let cancelled = Some(Flow::Raise(Cause::Cancelled));
        if self.leaves_it_pending(task) {
            return None;
        }
        match self.awaited(task).clone() {
            Await::Foreign(_) => None,
            Await::Yield(_) | Await::Sleep { state: Slept::New, .. } => {
                let pending = self.task_of(task).levels.take_pending();
                cancelled.filter(|_| pending)
            }
            Await::Sleep { .. } => {
                let received = self.task_of(task).levels.receive();
                cancelled.filter(|_| received != Received::Nothing)
            }
            Await::Future(future) => {
                if self.task_of(task).levels.receive() == Received::Nothing {
                    return None;
                }
                let (_, told) = self.future_of(future).concurrent.cancel(false);
                acts.extend(
                    told.into_iter().filter(|told| *told != Listener::Task(task)).map(Act::Tell),
                );
                cancelled
            }
            Await::Local { .. } | Await::Shield { .. } | Await::Gather { .. } => {
                match self.task_of(task).levels.receive() {
                    Received::Nothing => return None,
                    Received::Pending => {
                        let alone = self.task_of(task).levels.depth() == 0;
                        let mut handing = if alone { vec![task] } else { Vec::new() };
                        let taken = self.ask(task, acts, &mut handing);
                        if taken == Some(Taken::HandedOn) {
                            return None;
                        }
                    }
                    Received::Delivered | Received::Refused => {}
                }
                if self.has(Habit::CancelReadsTheResult)
                    && let Await::Local { local, .. } = *self.awaited(task)
                {
                    self.local_of(local).future.read();
                }
                // If an earlier request has cancelled the future, that is what it yields.
                cancelled
            }
        }
    }

    /// Whether the habit is not to look for a pending cancel before it is known that this await suspends.
    fn leaves_it_pending(&mut self, task: Index) -> bool {
        let begins = !self.task_of(task).levels.is_registered()
            && !matches!(self.awaited(task), Await::Yield(Some(_)));
        begins && self.has(Habit::CancelWaitsForASuspension)
    }

    /// And then to offer it to what the task is suspended on.
    fn offer_what_is_pending(&mut self, task: Index, acts: &mut Vec<Act>) {
        if self.has(Habit::CancelWaitsForASuspension)
            && let Some(offer) = self.task_of(task).levels.offer_pending()
        {
            self.follow(task, offer, acts, &mut vec![task]);
        }
    }

    /// Looks for what is awaited.
    fn look(&mut self, task: Index, acts: &mut Vec<Act>) -> Polled {
        let yields_ok = || Polled::Ready(Flow::Yields(Word::Ok), false);
        let on = self.task_of(task).on;
        match self.awaited(task).clone() {
            Await::Yield(place) => {
                let place = match place {
                    None => self.loop_of(on).end_of_line(),
                    Some(place) if self.loop_of(on).has_passed(place) => return yields_ok(),
                    Some(place) => place,
                };
                *self.awaited(task) = Await::Yield(Some(place));
                acts.push(Act::Wake(task));
                Polled::Pending(false)
            }
            Await::Sleep { units, state } => match state {
                Slept::New if units == 0 => {
                    *self.awaited(task) = Await::Yield(None);
                    Polled::Again
                }
                Slept::New => {
                    let serial = self.next_serial(task);
                    let at = self.loop_of(on).now + units;
                    self.set_timer(on, at, Timer::Sleep { task, serial });
                    *self.awaited(task) = Await::Sleep { units, state: Slept::Waiting(serial) };
                    Polled::Pending(true)
                }
                Slept::Waiting(_) => Polled::Pending(true),
                Slept::Fired => yields_ok(),
                Slept::Cancelled(_) => Polled::Ready(Flow::Raise(Cause::Cancelled), false),
            },
            Await::Future(future) => {
                let concurrent = &mut self.future_of(future).concurrent;
                match concurrent.out() {
                    Some(out) => Polled::Ready(Flow::of(out), false),
                    None => {
                        concurrent.await_by(Listener::Task(task));
                        Polled::Pending(true)
                    }
                }
            }
            Await::Local { local, .. } => match self.outcome_or_await(task, local) {
                Some(out) => Polled::Ready(Flow::of(out), true),
                None => Polled::Pending(true),
            },
            Await::Shield { task: shielded, .. } => {
                let local = self.task_of(shielded).local;
                if self.local_of(local).on != on {
                    return Polled::Ready(Flow::Raise(Cause::ForeignLoop), false);
                }
                *self.awaited(task) = Await::Shield { task: shielded, told: false };
                match self.outcome_or_await(task, local) {
                    Some(out) => Polled::Ready(Flow::of(out), false),
                    None => Polled::Pending(true),
                }
            }
            Await::Foreign(gate) => {
                let gate = &mut self.now.gates[usize::from(gate)];
                if gate.up {
                    return yields_ok();
                }
                if !gate.tasks.contains(&task) {
                    gate.tasks.push(task);
                }
                Polled::Pending(false)
            }
            Await::Gather { tasks, results, cancelled } => {
                self.look_at_all(task, tasks, results, cancelled)
            }
        }
    }

    fn look_at_all(
        &mut self,
        task: Index,
        tasks: Vec<Index>,
        mut results: Vec<Option<Out>>,
        cancelled: bool,
    ) -> Polled {
        let on = self.task_of(task).on;
        for (gathered, result) in tasks.iter().zip(&mut results) {
            if result.is_none() {
                let local = self.task_of(*gathered).local;
                *result = if self.local_of(local).on == on {
                    self.outcome_or_await(task, local)
                } else {
                    Some(Out::Exception(Cause::ForeignLoop))
                };
            }
        }
        let all = results.iter().all(Option::is_some);
        let failed = results.iter().flatten().find_map(|out| match out {
            Out::Value(_) => None,
            Out::Exception(cause) => Some(*cause),
            Out::Cancelled => Some(Cause::Cancelled),
        });
        let flow = match failed {
            _ if cancelled && all => Flow::Raise(Cause::Cancelled),
            Some(cause) if !cancelled => Flow::Raise(cause),
            None if all => {
                let values = results.iter().flatten().filter_map(|out| match out {
                    Out::Value(value) => Some(*value),
                    _ => None,
                });
                Flow::Yields(Word::Gathered(values.collect()))
            }
            _ => {
                *self.awaited(task) = Await::Gather { tasks, results, cancelled };
                return Polled::Pending(true);
            }
        };
        Polled::Ready(flow, true)
    }

    /// The outcome of a loop future, or the task listens to it.
    fn outcome_or_await(&mut self, task: Index, local: Index) -> Option<Out> {
        let future = &mut self.local_of(local).future;
        let out = future.read();
        if out.is_none() {
            future.await_by(LocalListener::Task(task));
        }
        out
    }

    pub(super) fn next_serial(&mut self, task: Index) -> u8 {
        let state = self.task_of(task);
        state.serials += 1;
        state.serials
    }
}
