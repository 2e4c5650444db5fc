//! The loop future: clauses L-1 to L-5, for one future.
//!
//! *Pending*, then done for good. It belongs to one thread, so every action is a step by itself. Those who
//! listen, callbacks, awaiters and chains, stand in one line, and are queued in that order.

use std::fmt::Debug;
use std::hash::Hash;

use super::concurrent::{Out, TooLate};
use super::machine::{Machine, only};
use super::word::{Cause, Word};

/// A future of a loop. `L` is a listener, whatever that is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LoopFuture<L> {
    out: Option<Out>,
    listeners: Vec<L>,
    retrieved: bool,
}

/// What can be done to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Action<L> {
    /// The promise completes it.
    Settle(Out),
    /// A handle cancels it.
    Cancel,
    /// Somebody wants to be queued when it is done.
    Listen(L),
    /// Somebody reads the result.
    Result,
    /// The last handle is dropped.
    Drop,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Answer<L> {
    /// The word that the caller gets.
    Word(Word),
    /// The same, and these are queued, in order.
    Queued(Word, Vec<L>),
    /// Nothing, or what has to be reported.
    Report(Option<Cause>),
}

impl<L> Default for LoopFuture<L> {
    fn default() -> Self {
        LoopFuture { out: None, listeners: Vec::new(), retrieved: false }
    }
}

impl<L> LoopFuture<L> {
    /// Whether it is done.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.out.is_some()
    }

    /// How it ended.
    #[must_use]
    pub fn out(&self) -> Option<Out> {
        self.out
    }

    /// How it ended, for somebody who will tell: it need not be reported.
    pub fn read(&mut self) -> Option<Out> {
        self.retrieved |= self.out.is_some();
        self.out
    }

    /// Nobody needs to be told if it ends with an exception.
    pub fn mark_retrieved(&mut self) {
        self.retrieved = true;
    }

    /// Stores an outcome; those who are to be queued.
    ///
    /// # Errors
    /// It is done.
    pub fn settle(&mut self, out: Out) -> Result<Vec<L>, TooLate> {
        if let Some(known) = self.out {
            return Err(TooLate { cancelled: known == Out::Cancelled });
        }
        self.out = Some(out);
        Ok(std::mem::take(&mut self.listeners))
    }

    /// Somebody listens; given back, to be queued now, if it is done.
    pub fn listen(&mut self, listener: L) -> Option<L> {
        if self.is_done() {
            return Some(listener);
        }
        self.listeners.push(listener);
        None
    }

    /// Somebody awaits, who may have done so before.
    pub fn await_by(&mut self, listener: L)
    where
        L: PartialEq,
    {
        if !self.listeners.contains(&listener) {
            self.listeners.push(listener);
        }
    }

    /// Those listeners are gone.
    pub fn withdraw(&mut self, gone: impl Fn(&L) -> bool) {
        self.listeners.retain(|listener| !gone(listener));
    }

    /// Whether it has failed and nobody has looked.
    #[must_use]
    pub fn has_failed_unseen(&self) -> bool {
        matches!(self.out, Some(Out::Exception(_))) && !self.retrieved
    }

    /// What is to be reported when the last handle is dropped. Once.
    pub fn unretrieved(&mut self) -> Option<Cause> {
        match self.out {
            Some(Out::Exception(cause)) if !self.retrieved => {
                self.retrieved = true;
                Some(cause)
            }
            _ => None,
        }
    }
}

impl<L: Clone + Debug + Eq + Hash> Machine for LoopFuture<L> {
    type Action = Action<L>;
    type Answer = Answer<L>;

    fn step(&self, action: &Action<L>) -> Vec<(Self, Answer<L>)> {
        only(self, |future| match action {
            Action::Settle(out) => match future.settle(*out) {
                Ok(queued) => Answer::Queued(Word::Ok, queued),
                Err(too_late) => Answer::Word(too_late.word()),
            },
            Action::Cancel => match future.settle(Out::Cancelled) {
                Ok(queued) => Answer::Queued(Word::True, queued),
                Err(_) => Answer::Word(Word::False),
            },
            Action::Listen(listener) => {
                let now = future.listen(listener.clone());
                Answer::Queued(Word::Ok, now.into_iter().collect())
            }
            Action::Result => Answer::Word(future.read().map_or(Word::Pending, Out::word)),
            Action::Drop => Answer::Report(future.unretrieved()),
        })
    }
}
