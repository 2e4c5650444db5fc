//! Waits for several futures: F-17 to F-20.
//!
//! The wait joins each future in turn; each tells it when it is done. When its condition holds, or its time
//! is up, it looks at each once more and says which are done.

use crate::spec::habits::Habit;
use crate::spec::program::{Limit, Op, When};
use crate::spec::word::Word;

use super::code::OpId;
use super::state::{Act, Index, Listener, Several, WaitFor, Waiter};
use super::{Done, Progress, System, index};

impl System {
    /// Carries such a wait on.
    pub(super) fn wait_on(
        &mut self,
        thread: usize,
        op: OpId,
        stage: Several,
        timeout: bool,
    ) -> Done {
        let code = std::sync::Arc::clone(&self.code);
        let about = match code.get(op) {
            Op::Wait { futures, when, limit } => {
                WaitFor { futures, limit: *limit, when: Some(*when) }
            }
            Op::AsCompleted { futures, limit } => WaitFor { futures, limit: *limit, when: None },
            _ => unreachable!("only these wait for several"),
        };
        let slots = about.distinct();
        let futures: Vec<Index> = slots
            .iter()
            .map(|slot| self.now.future_slots[usize::from(*slot)].expect("looked at before"))
            .collect();
        let next = match stage {
            // Only what waits can run out of time.
            Several::Subscribe(_) | Several::Split(..) if timeout => return Ok(Progress::Blocked),
            Several::Subscribe(place) => {
                self.subscribe(thread, futures[place], place);
                match (place + 1 < futures.len(), about.when) {
                    (true, _) => Some(Several::Subscribe(place + 1)),
                    (false, Some(_)) => Some(Several::Block),
                    (false, None) => Some(Several::Yield(0)),
                }
            }
            Several::Block => {
                let over = about.is_over(self.waiter(thread), futures.len());
                match self.waits(thread, over, about.limit, timeout, &futures) {
                    Wait::Over | Wait::TimedOut => Some(Several::Split(0, Vec::new())),
                    Wait::Refused => self.refuse(thread),
                    Wait::Blocked => return Ok(Progress::Blocked),
                }
            }
            Several::Split(place, mut done) => {
                if self.counts_as_done(futures[place]) {
                    done.push(slots[place]);
                }
                if place + 1 < futures.len() {
                    Some(Several::Split(place + 1, done))
                } else {
                    self.log(thread, Word::Done(done));
                    None
                }
            }
            Several::Yield(yielded) if yielded == futures.len() => None,
            Several::Yield(yielded) => {
                let arrived = self.waiter(thread).order.get(yielded).copied();
                match self.waits(thread, arrived.is_some(), about.limit, timeout, &futures) {
                    Wait::Over => {
                        let place = arrived.expect("it has arrived");
                        self.log(thread, Word::Completed(slots[usize::from(place)]));
                        Some(Several::Yield(yielded + 1))
                    }
                    Wait::TimedOut => {
                        self.log(thread, Word::Unfinished(index(futures.len() - yielded)));
                        None
                    }
                    Wait::Refused => self.refuse(thread),
                    Wait::Blocked => return Ok(Progress::Blocked),
                }
            }
        };
        match next {
            Some(stage) => self.push_acts(thread, [Act::Wait { op, stage }]),
            None => self.leave(thread, &futures),
        }
        Ok(Progress::Made)
    }

    fn counts_as_done(&self, future: Index) -> bool {
        let concurrent = &self.now.futures[usize::from(future)].concurrent;
        if self.has(Habit::CancelledIsNotDone) {
            concurrent.has_ended()
        } else {
            concurrent.is_done()
        }
    }

    fn waiter(&self, thread: usize) -> &Waiter {
        self.now.threads[thread].waiter.as_ref().expect("it waits")
    }

    fn subscribe(&mut self, thread: usize, future: Index, place: usize) {
        let wait = self.waiter(thread).number;
        let done = self.counts_as_done(future);
        let concurrent = &mut self.future_of(future).concurrent;
        if done {
            let failed = concurrent.has_failed();
            let waiter = self.now.threads[thread].waiter.as_mut().expect("it waits");
            waiter.arrive(index(place), failed);
        } else {
            let (thread, place) = (index(thread), index(place));
            concurrent.subscribe(Listener::Wait { thread, wait, place, future });
        }
    }

    fn waits(
        &self,
        thread: usize,
        over: bool,
        limit: Limit,
        timeout: bool,
        futures: &[Index],
    ) -> Wait {
        let open = |future: &&Index| !self.now.futures[usize::from(**future)].concurrent.is_done();
        if over {
            if timeout { Wait::Blocked } else { Wait::Over }
        } else if timeout || limit == Limit::Zero {
            Wait::TimedOut
        } else if futures.iter().filter(open).any(|future| self.would_deadlock(thread, *future)) {
            Wait::Refused
        } else {
            Wait::Blocked
        }
    }

    fn refuse(&mut self, thread: usize) -> Option<Several> {
        self.log(thread, Word::WouldDeadlock);
        None
    }

    /// The wait leaves no trace.
    fn leave(&mut self, thread: usize, futures: &[Index]) {
        let number = self.waiter(thread).number;
        for future in futures {
            let mine = |listener: &Listener| {
                let me = usize::from(index(thread));
                matches!(listener, Listener::Wait { thread, wait, .. }
                    if usize::from(*thread) == me && *wait == number)
            };
            self.future_of(*future).concurrent.withdraw(mine);
        }
        self.now.threads[thread].waiter = None;
    }
}

/// What a wait comes to at this moment.
enum Wait {
    Over,
    TimedOut,
    Refused,
    Blocked,
}

impl WaitFor<'_> {
    /// Each future once, in the order of the arguments.
    fn distinct(&self) -> Vec<u8> {
        let mut distinct = Vec::new();
        for future in self.futures {
            if !distinct.contains(future) {
                distinct.push(*future);
            }
        }
        distinct
    }

    fn is_over(&self, waiter: &Waiter, total: usize) -> bool {
        let all = waiter.order.len() == total;
        match self.when.expect("only `wait` has a condition") {
            When::FirstCompleted => !waiter.order.is_empty(),
            When::FirstException => waiter.failed || all,
            When::AllCompleted => all,
        }
    }
}
