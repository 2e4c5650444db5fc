//! State that loom does not know, behind an operation that it does.

use std::panic::Location;
use std::sync::{Mutex, TryLockError};

use loom::sync::atomic::{AtomicUsize, Ordering};

use super::sync::Object;

/// A value whose every access is one step of its thread: visible to loom, ordered against every other
/// access of the same value, and not divisible.
#[derive(Debug)]
pub(super) struct Gated<T> {
    gate: AtomicUsize,
    state: Mutex<T>,
    object: Object,
}

impl<T> Gated<T> {
    pub(super) fn new(name: &'static str, state: T) -> Gated<T> {
        Gated { gate: AtomicUsize::new(0), state: Mutex::new(state), object: Object::new(name) }
    }

    pub(super) fn object(&self) -> Object {
        self.object
    }

    /// One step. Nothing at which loom could switch threads may happen inside.
    #[track_caller]
    pub(super) fn step<R>(&self, act: impl FnOnce(&mut T) -> R) -> R {
        // Relaxed, so that the step publishes nothing: the program may not rely on a pipe or a clock to
        // order its memory. A read-modify-write, because loom forgets nothing about an atomic that is
        // accessed in no other way.
        self.gate.fetch_add(1, Ordering::Relaxed);
        match self.state.try_lock() {
            Ok(mut state) => act(&mut state),
            Err(TryLockError::Poisoned(poisoned)) => act(&mut poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => {
                panic!("a step inside a step, from {}", Location::caller())
            }
        }
    }
}
