//! What the loop will do next: clauses.
//!
//! One line of entries, and how many of them belong to the batch that is being run. Appending is the
//! linearization point of scheduling; the batch is fixed when it begins.

use std::collections::VecDeque;
use std::hash::Hash;

use super::machine::{Machine, only};

/// The line.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReadyQueue<E> {
    entries: VecDeque<E>,
    /// How many at the front belong to the batch.
    batch: usize,
}

/// What can be done to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Action<E> {
    /// Something is scheduled.
    Push(E),
    /// An iteration begins its batch.
    BeginBatch,
    /// The loop takes the next entry of the batch.
    Pop,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Answer<E> {
    /// It was done.
    Done,
    /// The entry whose turn it is.
    Entry(E),
    /// The batch is over.
    Over,
}

impl<E> Default for ReadyQueue<E> {
    fn default() -> Self {
        ReadyQueue { entries: VecDeque::new(), batch: 0 }
    }
}

impl<E> ReadyQueue<E> {
    /// Appends an entry, behind everything that was scheduled before.
    pub fn push(&mut self, entry: E) {
        self.entries.push_back(entry);
    }

    /// The batch is what is queued now.
    pub fn begin_batch(&mut self) {
        self.batch = self.entries.len();
    }

    /// The next entry of the batch.
    pub fn pop(&mut self) -> Option<E> {
        self.batch = self.batch.checked_sub(1)?;
        self.entries.pop_front()
    }

    /// What is left of the batch stays queued, and is no batch any more.
    pub fn end_batch(&mut self) {
        self.batch = 0;
    }

    /// Whether nothing is left of the batch.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.batch == 0
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entries, in order.
    pub fn iter(&self) -> impl Iterator<Item = &E> {
        self.entries.iter()
    }

    /// Everything that is queued, when the loop closes.
    pub fn take(&mut self) -> VecDeque<E> {
        self.batch = 0;
        std::mem::take(&mut self.entries)
    }
}

impl<E: Clone + std::fmt::Debug + Eq + Hash> Machine for ReadyQueue<E> {
    type Action = Action<E>;
    type Answer = Answer<E>;

    fn step(&self, action: &Action<E>) -> Vec<(Self, Answer<E>)> {
        only(self, |queue| match action {
            Action::Push(entry) => {
                queue.push(entry.clone());
                Answer::Done
            }
            Action::BeginBatch => {
                queue.begin_batch();
                Answer::Done
            }
            Action::Pop => queue.pop().map_or(Answer::Over, Answer::Entry),
        })
    }
}
