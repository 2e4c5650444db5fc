//! A place of a task for something that is there or not.

use std::cell::Cell;

/// Something that is there or not. Looked at by taking it out and putting it back, which needs no count of borrows.
pub(super) struct Slot<V>(Cell<Option<V>>);

impl<V> Slot<V> {
    pub(super) fn new(value: Option<V>) -> Slot<V> {
        Slot(Cell::new(value))
    }

    pub(super) fn take(&self) -> Option<V> {
        self.0.take()
    }

    /// What was there is dropped when it is there no more.
    pub(super) fn put(&self, value: V) {
        drop(self.0.replace(Some(value)));
    }

    /// The same with what may be nothing.
    pub(super) fn set(&self, value: Option<V>) {
        drop(self.0.replace(value));
    }

    /// `look` must not reach this slot.
    pub(super) fn look<R>(&self, look: impl FnOnce(&V) -> R) -> Option<R> {
        let value = self.0.take()?;
        let result = look(&value);
        self.0.set(Some(value));
        Some(result)
    }
}

impl<V> Default for Slot<V> {
    fn default() -> Self {
        Slot::new(None)
    }
}
