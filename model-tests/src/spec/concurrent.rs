//! The thread-safe future: clauses F-1 to F-22, for one future.
//!
//! *Pending*, *running*, *cancelled*, *finished*; a cancelled one has *ended* once its producer
//! acknowledged it. Each action is one step; those who wait are taken out in the step that settles the
//! future, and are told one by one after it: first waits, then wakers, then callbacks, in order.

use std::fmt::Debug;
use std::hash::Hash;

use super::machine::{Machine, only};
use super::program::{Limit, Query, Value};
use super::word::{Cause, Word};

/// How work ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Out {
    /// With a value.
    Value(Value),
    /// With an exception.
    Exception(Cause),
    /// Cancelled.
    Cancelled,
}

impl Out {
    /// As the answer of `result`.
    #[must_use]
    pub fn word(self) -> Word {
        match self {
            Out::Value(value) => Word::Value(value),
            Out::Exception(cause) => Word::Error(cause),
            Out::Cancelled => Word::Error(Cause::Cancelled),
        }
    }

    /// What a coroutine's end makes of its task: `Cancelled` as an exception is a cancellation (T-2).
    #[must_use]
    pub fn of(result: Result<Value, Cause>) -> Out {
        match result {
            Ok(value) => Out::Value(value),
            Err(Cause::Cancelled) => Out::Cancelled,
            Err(cause) => Out::Exception(cause),
        }
    }
}

/// Where the future stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Nobody has begun the work for good.
    #[default]
    Pending,
    /// It cannot be cancelled any more.
    Running,
    /// Nobody wants the result.
    Cancelled {
        /// The producer has seen that, so the work has ended.
        acknowledged: bool,
    },
    /// It has its outcome: a value or an exception.
    Finished(Out),
}

/// A future, with those who wait for it. `L` is a listener, whatever that is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Concurrent<L> {
    phase: Phase,
    waits: Vec<L>,
    wakers: Vec<L>,
    callbacks: Vec<L>,
}

/// What can be done to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Action<L> {
    /// The producer begins.
    SetRunning,
    /// The producer completes; with `acknowledge` it also says that the work has ended.
    Complete {
        /// A value or an exception.
        out: Out,
        /// The work has ended, whoever won.
        acknowledge: bool,
    },
    /// Somebody cancels; the producer itself with `acknowledge`.
    Cancel {
        /// The work has ended as well.
        acknowledge: bool,
    },
    /// The producer is dropped.
    Drop,
    /// A callback is added.
    AddCallback(L),
    /// A thread waits for the result.
    Result(Limit),
    /// A thread waits for the exception.
    Exception(Limit),
    /// A thread waits for the end of the work.
    WaitEnded(Limit),
    /// Somebody asks.
    Query(Query),
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Answer<L> {
    /// The word that the caller gets at once.
    Word(Word),
    /// The same, and these are told first.
    Told(Word, Vec<L>),
    /// The callback is kept for later.
    Kept,
    /// The callback is called now.
    CallNow(L),
    /// The wait goes on: ask again.
    Blocked,
}

impl<L> Default for Concurrent<L> {
    fn default() -> Self {
        let none = Vec::new;
        Concurrent { phase: Phase::Pending, waits: none(), wakers: none(), callbacks: none() }
    }
}

/// The producer came too late.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TooLate {
    /// Because the future is cancelled.
    pub cancelled: bool,
}

impl TooLate {
    /// As the answer of a producer's operation.
    #[must_use]
    pub fn word(self) -> Word {
        if self.cancelled { Word::InvalidCancelled } else { Word::InvalidFinished }
    }
}

impl<L> Concurrent<L> {
    /// Where it stands.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Finished or cancelled.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self.phase, Phase::Cancelled { .. } | Phase::Finished(_))
    }

    /// Cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(self.phase, Phase::Cancelled { .. })
    }

    /// The work has ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        matches!(self.phase, Phase::Cancelled { acknowledged: true } | Phase::Finished(_))
    }

    /// How it ended, if it is done.
    #[must_use]
    pub fn out(&self) -> Option<Out> {
        match self.phase {
            Phase::Pending | Phase::Running => None,
            Phase::Cancelled { .. } => Some(Out::Cancelled),
            Phase::Finished(out) => Some(out),
        }
    }

    /// Whether it has failed with an exception; cancellation is no failure.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        matches!(self.phase, Phase::Finished(Out::Exception(_)))
    }

    /// The answer of `exception`.
    #[must_use]
    pub fn exception(&self) -> Option<Word> {
        Some(match self.out()? {
            Out::Value(_) => Word::None,
            out => out.word(),
        })
    }

    /// The answer to a question.
    #[must_use]
    pub fn query(&self, what: Query) -> bool {
        match what {
            Query::Done => self.is_done(),
            Query::Cancelled => self.is_cancelled(),
            Query::Running => self.phase == Phase::Running,
            Query::Ended => self.has_ended(),
        }
    }

    /// Forgets how it ended. For seeded mistakes alone.
    pub(crate) fn reopen(&mut self) {
        self.phase = Phase::Pending;
    }

    /// The producer begins: true once, false if nobody wants it.
    ///
    /// # Errors
    /// It began before, or the future is done.
    pub fn set_running(&mut self) -> Result<bool, TooLate> {
        match self.phase {
            Phase::Pending => {
                self.phase = Phase::Running;
                Ok(true)
            }
            Phase::Cancelled { acknowledged: false } => {
                self.phase = Phase::Cancelled { acknowledged: true };
                Ok(false)
            }
            Phase::Cancelled { .. } => Err(TooLate { cancelled: true }),
            Phase::Running | Phase::Finished(_) => Err(TooLate { cancelled: false }),
        }
    }

    /// The producer completes; those who are to be told.
    ///
    /// # Errors
    /// The future is done.
    pub fn complete(&mut self, out: Out, acknowledge: bool) -> Result<Vec<L>, TooLate> {
        match self.phase {
            Phase::Pending | Phase::Running => Ok(self.settle(Phase::Finished(out))),
            Phase::Cancelled { acknowledged } => {
                self.phase = Phase::Cancelled { acknowledged: acknowledged || acknowledge };
                Err(TooLate { cancelled: true })
            }
            Phase::Finished(_) => Err(TooLate { cancelled: false }),
        }
    }

    /// Somebody cancels; whether it is cancelled now, and those who are to be told.
    pub fn cancel(&mut self, acknowledge: bool) -> (bool, Vec<L>) {
        match self.phase {
            Phase::Pending => (true, self.settle(Phase::Cancelled { acknowledged: acknowledge })),
            Phase::Cancelled { acknowledged } => {
                self.phase = Phase::Cancelled { acknowledged: acknowledged || acknowledge };
                (true, Vec::new())
            }
            Phase::Running | Phase::Finished(_) => (false, Vec::new()),
        }
    }

    /// Becomes done; everybody is taken out.
    fn settle(&mut self, phase: Phase) -> Vec<L> {
        self.phase = phase;
        let mut told = std::mem::take(&mut self.waits);
        told.append(&mut self.wakers);
        told.append(&mut self.callbacks);
        told
    }

    /// Keeps a callback, or gives it back to be called now.
    pub fn add_callback(&mut self, callback: L) -> Option<L> {
        if self.is_done() {
            return Some(callback);
        }
        self.callbacks.push(callback);
        None
    }

    /// A wait for several futures joins; it is not kept if the future is done.
    pub fn subscribe(&mut self, wait: L) {
        if !self.is_done() {
            self.waits.push(wait);
        }
    }

    /// Somebody awaits.
    pub fn await_by(&mut self, waker: L)
    where
        L: PartialEq,
    {
        if !self.wakers.contains(&waker) {
            self.wakers.push(waker);
        }
    }

    /// Those listeners are gone.
    pub fn withdraw(&mut self, gone: impl Fn(&L) -> bool) {
        self.waits.retain(|listener| !gone(listener));
        self.wakers.retain(|listener| !gone(listener));
    }
}

/// A wait with a limit: what may come of it while it is not over.
fn waits<L>(limit: Limit, over: Option<Word>) -> Vec<Answer<L>> {
    match (over, limit) {
        (Some(word), _) => vec![Answer::Word(word)],
        (None, Limit::Forever) => vec![Answer::Blocked],
        (None, Limit::Zero) => vec![Answer::Word(Word::TimedOut)],
        (None, Limit::Finite) => vec![Answer::Blocked, Answer::Word(Word::TimedOut)],
    }
}

impl<L: Clone + Debug + Eq + Hash> Machine for Concurrent<L> {
    type Action = Action<L>;
    type Answer = Answer<L>;

    fn step(&self, action: &Action<L>) -> Vec<(Self, Answer<L>)> {
        let unchanged = |answers: Vec<Answer<L>>| {
            answers.into_iter().map(|answer| (self.clone(), answer)).collect()
        };
        let told = |result: Result<Vec<L>, TooLate>| match result {
            Ok(told) => Answer::Told(Word::Ok, told),
            Err(too_late) => Answer::Word(too_late.word()),
        };
        match action {
            Action::SetRunning => only(self, |future| {
                Answer::Word(future.set_running().map_or_else(TooLate::word, Word::of))
            }),
            Action::Complete { out, acknowledge } => {
                only(self, |future| told(future.complete(*out, *acknowledge)))
            }
            Action::Drop => only(self, |future| {
                told(future.complete(Out::Exception(Cause::BrokenPromise), true))
            }),
            Action::Cancel { acknowledge } => only(self, |future| {
                let (cancelled, told) = future.cancel(*acknowledge);
                Answer::Told(Word::of(cancelled), told)
            }),
            Action::AddCallback(callback) => only(self, |future| {
                future.add_callback(callback.clone()).map_or(Answer::Kept, Answer::CallNow)
            }),
            Action::Result(limit) => unchanged(waits(*limit, self.out().map(Out::word))),
            Action::Exception(limit) => unchanged(waits(*limit, self.exception())),
            Action::WaitEnded(limit) => {
                unchanged(waits(*limit, self.has_ended().then_some(Word::Ok)))
            }
            Action::Query(what) => unchanged(vec![Answer::Word(Word::of(self.query(*what)))]),
        }
    }
}
