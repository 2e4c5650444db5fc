//! State that the explorer does not know, behind a step that it does.

use std::panic::Location;
use std::sync::{Mutex, TryLockError};

use super::engine::{Effect, Gate};
use super::sync::Object;

/// A value whose every access is one step of its thread: visible to the explorer, ordered against every
/// other access of the same value, and not divisible.
#[derive(Debug)]
pub(super) struct Gated<T> {
    gate: Gate,
    state: Mutex<T>,
    object: Object,
}

impl<T> Gated<T> {
    pub(super) fn new(name: &'static str, state: T) -> Gated<T> {
        Gated { gate: Gate::new(), state: Mutex::new(state), object: Object::new(name) }
    }

    pub(super) fn object(&self) -> Object {
        self.object
    }

    /// One step. Nothing at which threads could be switched may happen inside.
    #[track_caller]
    pub(super) fn step<R>(&self, act: impl FnOnce(&mut T) -> R) -> R {
        self.gate.pass(self.object, Effect::Changes);
        self.breath(act)
    }

    /// One step that changes nothing.
    #[track_caller]
    pub(super) fn look<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        self.gate.pass(self.object, Effect::Looks);
        self.breath(|state| look(state))
    }

    #[track_caller]
    fn breath<R>(&self, act: impl FnOnce(&mut T) -> R) -> R {
        match self.state.try_lock() {
            Ok(mut state) => act(&mut state),
            Err(TryLockError::Poisoned(poisoned)) => act(&mut poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => {
                panic!("a step inside a step, from {}", Location::caller())
            }
        }
    }
}

impl<T> Drop for Gated<T> {
    fn drop(&mut self) {
        self.object.gone();
    }
}
