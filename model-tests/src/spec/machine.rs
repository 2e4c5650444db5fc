//! What every chapter of the spec is: a state, what can be done to it, and every answer that is allowed.

use std::fmt::Debug;
use std::hash::Hash;

/// A chapter by itself: a pure state machine, to be searched, or to be compared with an implementation.
///
/// ```
/// use loopgate_model_tests::spec::Machine;
/// use loopgate_model_tests::spec::handle::{Action, Handle};
///
/// let allowed = Handle::Pending.step(&Action::Cancel);
/// assert_eq!(allowed, [(Handle::Cancelled, true)]);
/// ```
pub trait Machine: Clone + Debug + Eq + Hash {
    /// What can be done.
    type Action;
    /// What the caller observes.
    type Answer;

    /// Every next state that is allowed, each with its answer. Never empty.
    fn step(&self, action: &Self::Action) -> Vec<(Self, Self::Answer)>;
}

/// The only allowed next state, made by changing a copy.
pub(crate) fn only<S: Clone, A>(state: &S, change: impl FnOnce(&mut S) -> A) -> Vec<(S, A)> {
    let mut next = state.clone();
    let answer = change(&mut next);
    vec![(next, answer)]
}
