//! A slab whose keys are never taken for one another: plain numbers that may cross threads.

use std::num::NonZeroU64;

use slab::Slab;

use crate::primitives::Label;

/// Names one entry of one [`Table`], for ever: a removed entry's key finds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    index: usize,
    serial: NonZeroU64,
}

/// The place of a [`Key`] in what several threads hold; replaced only while nobody else can reach it.
#[derive(Default)]
pub(crate) struct KeyLabel {
    index: Label,
    serial: Label,
}

impl KeyLabel {
    pub(crate) fn get(&self) -> Key {
        let serial = NonZeroU64::new(self.serial.get()).expect("written before it is read");
        let index = self.index.get().try_into().expect("an index into a slab");
        Key { index, serial }
    }

    pub(crate) fn set(&self, key: Key) {
        self.index.set(key.index as u64);
        self.serial.set(key.serial.get());
    }
}

pub(crate) struct Table<V> {
    slab: Slab<(NonZeroU64, V)>,
    inserted: u64,
}

impl<V> Default for Table<V> {
    fn default() -> Self {
        Table { slab: Slab::new(), inserted: 0 }
    }
}

impl<V> Table<V> {
    pub(crate) fn insert(&mut self, value: V) -> Key {
        self.inserted += 1;
        let serial = NonZeroU64::new(self.inserted).expect("counted from one");
        Key { index: self.slab.insert((serial, value)), serial }
    }

    pub(crate) fn get(&self, key: Key) -> Option<&V> {
        self.slab.get(key.index).filter(|(serial, _)| *serial == key.serial).map(|(_, value)| value)
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<V> {
        self.get(key)?;
        Some(self.slab.remove(key.index).1)
    }

    pub(crate) fn into_values(self) -> impl Iterator<Item = V> {
        self.slab.into_iter().map(|(_, (_, value))| value)
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.slab.iter().map(|(_, (_, value))| value)
    }

    /// Panics if the representation is broken.
    #[cfg(feature = "checkers")]
    pub(crate) fn check(&self) {
        let serials: std::collections::HashSet<u64> =
            self.slab.iter().map(|(_, (serial, _))| serial.get()).collect();
        assert_eq!(serials.len(), self.slab.len(), "no two entries have one serial");
        assert!(
            serials.iter().all(|serial| *serial <= self.inserted),
            "an entry was inserted and counted"
        );
    }

    #[cfg(feature = "checkers")]
    pub(crate) fn len(&self) -> usize {
        self.slab.len()
    }
}
