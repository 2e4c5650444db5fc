//! Where the choices of a drawn program come from: bytes that are given, and then a generator.

use std::collections::VecDeque;

use fastrand::Rng;

/// Choices, one after the other.
pub(super) struct Choices {
    given: VecDeque<u8>,
    random: Rng,
}

impl Choices {
    pub(super) fn random(seed: u64) -> Choices {
        Choices { given: VecDeque::new(), random: Rng::with_seed(seed) }
    }

    /// Those of the bytes. Programs are trees, which never end if nothing is chosen any more: so the rest is drawn,
    /// always from the same seed.
    pub(super) fn given(bytes: &[u8]) -> Choices {
        Choices { given: bytes.iter().copied().collect(), random: Rng::with_seed(0) }
    }

    /// The next that is given. What has more than 256 possibilities takes two bytes.
    fn next(&mut self, bound: usize) -> Option<usize> {
        let first = usize::from(self.given.pop_front()?);
        if bound <= 256 {
            return Some(first % bound);
        }
        let second = usize::from(self.given.pop_front().unwrap_or(0));
        Some((first << 8 | second) % bound)
    }

    pub(super) fn below(&mut self, bound: u32) -> u32 {
        match self.next(bound as usize) {
            Some(choice) => u32::try_from(choice).expect("below a small bound"),
            None => self.random.u32(..bound),
        }
    }

    pub(super) fn small(&mut self, bound: u8) -> u8 {
        match self.next(bound.into()) {
            Some(choice) => u8::try_from(choice).expect("below a small bound"),
            None => self.random.u8(..bound),
        }
    }

    pub(super) fn index(&mut self, length: usize) -> usize {
        self.next(length).unwrap_or_else(|| self.random.usize(..length))
    }

    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        if self.given.is_empty() {
            return self.random.shuffle(items);
        }
        for last in (1..items.len()).rev() {
            items.swap(last, self.index(last + 1));
        }
    }
}
