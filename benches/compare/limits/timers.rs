//! Timers as numbers: a deadline and a key, no callback.

use crate::sample::{CpuTime, Random, Sample, Size};
use crate::workloads::{SPREAD, lead};

trait Timers: Default {
    fn insert(&mut self, at: u64) -> usize;
    fn cancel(&mut self, key: usize);
    /// Takes out what is due, and says how many those were.
    fn fire(&mut self, now: u64) -> usize;
}

/// As the workload of the loops: set `n`, cancel nine in ten, fire the rest, a millisecond at a time.
fn run<T: Timers>(size: Size) -> Sample {
    let mut random = Random::new(7);
    let lead = lead(size.n).as_nanos() as u64;
    let spread = SPREAD.as_nanos() as u64;
    let deadlines: Vec<u64> = (0..size.n).map(|_| lead + random.below(spread)).collect();
    let keep: Vec<bool> = (0..size.n).map(|_| random.below(10) == 0).collect();
    let mut keys = Vec::with_capacity(size.n);
    let mut timers = T::default();
    let start = CpuTime::start();
    keys.extend(deadlines.iter().map(|at| timers.insert(*at)));
    for (key, keep) in keys.iter().zip(&keep) {
        if !keep {
            timers.cancel(*key);
        }
    }
    let (mut fired, mut now) = (0, lead);
    while now < lead + spread + 2_000_000 {
        now += 1_000_000;
        fired += timers.fire(now);
    }
    let sample = Sample::per_operation(start.elapsed(), size.n);
    assert_eq!(fired, keep.iter().filter(|keep| **keep).count());
    sample
}

/// A heap of four children a node; what is cancelled is marked, and thrown away at the top.
pub(crate) fn heap(size: Size) -> Sample {
    run::<LazyHeap>(size)
}

#[derive(Default)]
struct LazyHeap {
    heap: Vec<(u64, usize)>,
    cancelled: Vec<bool>,
}

impl LazyHeap {
    fn pop(&mut self) {
        let last = self.heap.pop().expect("not empty");
        if self.heap.is_empty() {
            return;
        }
        let mut hole = 0;
        loop {
            let first = 4 * hole + 1;
            let children = first..(first + 4).min(self.heap.len());
            let Some(least) = children.min_by_key(|child| self.heap[*child]) else { break };
            if self.heap[least] >= last {
                break;
            }
            self.heap[hole] = self.heap[least];
            hole = least;
        }
        self.heap[hole] = last;
    }
}

impl Timers for LazyHeap {
    fn insert(&mut self, at: u64) -> usize {
        let key = self.cancelled.len();
        self.cancelled.push(false);
        let mut hole = self.heap.len();
        self.heap.push((at, key));
        while hole > 0 && self.heap[(hole - 1) / 4] > (at, key) {
            self.heap[hole] = self.heap[(hole - 1) / 4];
            hole = (hole - 1) / 4;
        }
        self.heap[hole] = (at, key);
        key
    }

    fn cancel(&mut self, key: usize) {
        self.cancelled[key] = true;
    }

    fn fire(&mut self, now: u64) -> usize {
        let mut fired = 0;
        while let Some((at, key)) = self.heap.first().copied()
            && (at <= now || self.cancelled[key])
        {
            fired += usize::from(!self.cancelled[key]);
            self.pop();
        }
        fired
    }
}

/// Four wheels of 64 slots, the finest in ticks of half a millisecond; lists through an array.
pub(crate) fn wheel(size: Size) -> Sample {
    run::<Wheel>(size)
}

const LEVELS: usize = 4;
const NONE: u32 = u32::MAX;

struct Entry {
    at: u64,
    next: u32,
    before: u32,
    slot: u32,
}

struct Wheel {
    entries: Vec<Entry>,
    slots: [u32; LEVELS * 64],
    tick: u64,
}

impl Default for Wheel {
    fn default() -> Self {
        Wheel { entries: Vec::new(), slots: [NONE; LEVELS * 64], tick: 0 }
    }
}

impl Wheel {
    const TICK: u32 = 19;

    fn link(&mut self, key: u32) {
        let tick = (self.entries[key as usize].at >> Self::TICK).max(self.tick);
        let distance = (tick ^ self.tick) | 63;
        let level = ((distance.ilog2() / 6) as usize).min(LEVELS - 1);
        let slot = level * 64 + ((tick >> (6 * level)) & 63) as usize;
        let next = std::mem::replace(&mut self.slots[slot], key);
        if next != NONE {
            self.entries[next as usize].before = key;
        }
        let entry = &mut self.entries[key as usize];
        (entry.next, entry.before, entry.slot) = (next, NONE, slot as u32);
    }

    fn empty(&mut self, slot: usize, mut each: impl FnMut(&mut Wheel, u32)) {
        let mut key = std::mem::replace(&mut self.slots[slot], NONE);
        while key != NONE {
            let next = self.entries[key as usize].next;
            each(self, key);
            key = next;
        }
    }
}

impl Timers for Wheel {
    fn insert(&mut self, at: u64) -> usize {
        let key = self.entries.len();
        self.entries.push(Entry { at, next: NONE, before: NONE, slot: 0 });
        self.link(key as u32);
        key
    }

    fn cancel(&mut self, key: usize) {
        let Entry { next, before, slot, .. } = self.entries[key];
        match before {
            NONE => self.slots[slot as usize] = next,
            before => self.entries[before as usize].next = next,
        }
        if next != NONE {
            self.entries[next as usize].before = before;
        }
    }

    fn fire(&mut self, now: u64) -> usize {
        let mut fired = 0;
        while self.tick <= now >> Self::TICK {
            self.empty((self.tick & 63) as usize, |_, _| fired += 1);
            self.tick += 1;
            for level in 1..LEVELS {
                if self.tick & ((1 << (6 * level)) - 1) != 0 {
                    break;
                }
                let slot = level * 64 + ((self.tick >> (6 * level)) & 63) as usize;
                self.empty(slot, Wheel::link);
            }
        }
        fired
    }
}
