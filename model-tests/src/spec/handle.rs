//! A callback that can be cancelled until it begins: clauses H-1 to H-4.
//!
//! *Pending*, then *begun* or *cancelled*, for good. The move out of *pending* is the linearization point
//! of both run and cancel.

use super::machine::{Machine, only};

/// The states of a callback.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Handle {
    /// It will be called, unless it is cancelled.
    #[default]
    Pending,
    /// It was called.
    Begun,
    /// It was dropped uncalled.
    Cancelled,
}

/// What can be done to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// The loop comes to it. The answer is whether it is called.
    Run,
    /// Somebody cancels it. The answer is whether that prevented it.
    Cancel,
}

impl Handle {
    /// The loop comes to it; whether it is called.
    pub fn run(&mut self) -> bool {
        self.leave(Handle::Begun)
    }

    /// Somebody cancels it; whether that prevented it.
    pub fn cancel(&mut self) -> bool {
        self.leave(Handle::Cancelled)
    }

    fn leave(&mut self, next: Handle) -> bool {
        let pending = *self == Handle::Pending;
        if pending {
            *self = next;
        }
        pending
    }
}

impl Machine for Handle {
    type Action = Action;
    type Answer = bool;

    fn step(&self, action: &Action) -> Vec<(Handle, bool)> {
        only(self, |handle| match action {
            Action::Run => handle.run(),
            Action::Cancel => handle.cancel(),
        })
    }
}
