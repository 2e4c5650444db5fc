//! Deadlines: clauses D-1 to D-6.
//!
//! Timers in the order in which they will fire: by deadline, and ties by the order of setting. Husks of
//! cancelled timers (D-5) are not part of this: nobody can observe them but by counting.

use std::hash::Hash;

use super::machine::{Machine, only};
use super::program::Units;

/// The timers of a loop.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Timers<E> {
    /// Sorted.
    line: Vec<(Units, E)>,
}

/// What can be done to them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Action<E> {
    /// One is set.
    Insert(Units, E),
    /// The first whose deadline has come at that moment is taken out.
    PopDue(Units),
    /// One is cancelled.
    Remove(E),
}

impl<E> Default for Timers<E> {
    fn default() -> Self {
        Timers { line: Vec::new() }
    }
}

impl<E> Timers<E> {
    /// Sets a timer, behind those that have the same deadline.
    pub fn insert(&mut self, when: Units, timer: E) {
        let place = self.line.partition_point(|(other, _)| *other <= when);
        self.line.insert(place, (when, timer));
    }

    /// Takes out the first whose deadline has come.
    pub fn pop_due(&mut self, now: Units) -> Option<E> {
        let due = self.line.first().is_some_and(|(when, _)| *when <= now);
        due.then(|| self.line.remove(0).1)
    }

    /// Sets a timer of a heap that knows nothing but deadlines, as Python's `heapq` is.
    pub fn push_on_heap(&mut self, when: Units, timer: E) {
        self.line.push((when, timer));
        self.rise(0, self.line.len() - 1);
    }

    /// Takes the first out of such a heap, if its deadline has come.
    pub fn pop_due_from_heap(&mut self, now: Units) -> Option<E> {
        if self.line.first().is_none_or(|(when, _)| *when > now) {
            return None;
        }
        let first = self.line.swap_remove(0);
        let mut place = 0;
        // The gap goes down to a leaf, and what fills it up again.
        while let Some(left) = self.line.get(2 * place + 1) {
            let right = self.line.get(2 * place + 2);
            let child = 2 * place + 1 + usize::from(right.is_some_and(|right| right.0 <= left.0));
            self.line.swap(place, child);
            place = child;
        }
        if place < self.line.len() {
            self.rise(0, place);
        }
        Some(first.1)
    }

    /// A timer goes up as long as the one above it is later.
    fn rise(&mut self, top: usize, mut place: usize) {
        while place > top {
            let above = (place - 1) / 2;
            if self.line[above].0 <= self.line[place].0 {
                break;
            }
            self.line.swap(above, place);
            place = above;
        }
    }

    /// The earliest deadline.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Units> {
        self.line.first().map(|(when, _)| *when)
    }

    /// Takes out those that are not wanted any more; whether there were any.
    pub fn remove_if(&mut self, unwanted: impl Fn(&E) -> bool) -> bool {
        let before = self.line.len();
        self.line.retain(|(_, timer)| !unwanted(timer));
        self.line.len() < before
    }

    /// Those that are set, in order.
    pub fn iter(&self) -> impl Iterator<Item = &E> {
        self.line.iter().map(|(_, timer)| timer)
    }

    /// All of them, when the loop closes.
    pub fn take(&mut self) -> Vec<E> {
        std::mem::take(&mut self.line).into_iter().map(|(_, timer)| timer).collect()
    }
}

impl<E: Clone + std::fmt::Debug + Eq + Hash> Machine for Timers<E> {
    type Action = Action<E>;
    /// The timer that fires, or that was removed.
    type Answer = Option<E>;

    fn step(&self, action: &Action<E>) -> Vec<(Self, Option<E>)> {
        only(self, |timers| match action {
            Action::Insert(when, timer) => {
                timers.insert(*when, timer.clone());
                None
            }
            Action::PopDue(now) => timers.pop_due(*now),
            Action::Remove(timer) => {
                timers.remove_if(|other| other == timer).then(|| timer.clone())
            }
        })
    }
}
