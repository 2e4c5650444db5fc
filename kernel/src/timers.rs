//! Deadlines: a heap ordered by moment, then by the order in which they were set.
//!
//! Clauses D-1 to D-7. A timer that is set waits in a plain list, and moves into the heap when the loop
//! wants to know what is due: one that is cancelled before that, as most are, costs next to nothing.
//!
//! A cancelled timer stays where it is as a husk that holds no callback. Husks are swept when there have
//! been as many insertions and iterations since the last sweep as that one left timers: these pay for it,
//! and no count of husks is kept that could diverge.
//!
//! Loop thread only. A timer that another thread sets comes in through the inbox.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::fmt;
use std::rc::Rc;

use crate::handle::{ArcCall, Call};
use crate::primitives::Time;

/// The deadline lies beyond the clock's range; nothing was scheduled. Use a shorter delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeadlineOverflow;

impl fmt::Display for DeadlineOverflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the deadline lies beyond the clock's range of 584 years; use a shorter delay")
    }
}

impl std::error::Error for DeadlineOverflow {}

/// The callback of a timer, set by this thread or by another.
#[derive(Clone)]
pub(crate) enum TimerCall {
    Local(Rc<dyn Call>),
    Shared(ArcCall),
}

impl TimerCall {
    fn cancelled(&self) -> bool {
        match self {
            TimerCall::Local(call) => call.cancelled(),
            TimerCall::Shared(call) => call.cancelled(),
        }
    }
}

struct Timer {
    when: Time,
    /// The order of insertion: equal deadlines fire first come, first served.
    order: u64,
    call: TimerCall,
}

//= SPEC.md#d-2
//# Timers with equal deadlines MUST fire in the order in which they were scheduled.
impl Ord for Timer {
    /// The heap's greatest is the one to fire first.
    fn cmp(&self, other: &Timer) -> Ordering {
        (other.when, other.order).cmp(&(self.when, self.order))
    }
}

impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Timer) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Timer {
    fn eq(&self, other: &Timer) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Timer {}

/// A heap that is shorter is not swept more often than one of this length.
const SMALLEST_SWEEP: usize = 64;

pub(crate) struct Timers {
    heap: BinaryHeap<Timer>,
    /// Not yet in the heap.
    fresh: Vec<Timer>,
    /// The earliest deadline in `fresh`, husks included; `Time::MAX` if it is empty.
    fresh_from: Time,
    inserted: u64,
    /// Insertions and iterations until the next sweep.
    until_sweep: usize,
}

impl Default for Timers {
    fn default() -> Self {
        Timers {
            heap: BinaryHeap::new(),
            fresh: Vec::new(),
            fresh_from: Time::MAX,
            inserted: 0,
            until_sweep: SMALLEST_SWEEP,
        }
    }
}

impl Timers {
    pub(crate) fn insert(&mut self, when: Time, call: TimerCall) {
        self.pay_for_sweep();
        self.inserted += 1;
        self.fresh.push(Timer { when, order: self.inserted, call });
        self.fresh_from = self.fresh_from.min(when);
    }

    //= SPEC.md#d-5
    //# A cancelled timer MUST be purged from the heap after at most as many insertions and
    //# iterations as the heap then had timers, or 64, at a cost that is amortised over these.
    /// One insertion or iteration is over.
    pub(crate) fn pay_for_sweep(&mut self) {
        let at_most = SMALLEST_SWEEP.max(self.len());
        // The shorter length first: this step counts already.
        self.until_sweep = self.until_sweep.min(at_most) - 1;
        if self.until_sweep == 0 {
            self.heap.retain(|timer| !timer.call.cancelled());
            self.fresh.retain(|timer| !timer.call.cancelled());
            self.until_sweep = SMALLEST_SWEEP.max(self.len());
        }
    }

    /// What was set and not cancelled moves into the heap.
    fn sort_in(&mut self) {
        self.heap.extend(self.fresh.drain(..).filter(|timer| !timer.call.cancelled()));
        self.fresh.shrink_to(SMALLEST_SWEEP);
        self.fresh_from = Time::MAX;
    }

    /// The earliest deadline of a timer that is not cancelled; drops the husks before it.
    pub(crate) fn next_deadline(&mut self) -> Option<Time> {
        self.sort_in();
        self.first_in_heap()
    }

    fn first_in_heap(&mut self) -> Option<Time> {
        while let Some(first) = self.heap.peek() {
            if !first.call.cancelled() {
                return Some(first.when);
            }
            self.heap.pop();
        }
        None
    }

    //= SPEC.md#d-1
    //# A timer MUST NOT fire before its deadline by the loop's clock.
    /// Takes out the first timer whose deadline has come.
    pub(crate) fn pop_due(&mut self, now: Time) -> Option<TimerCall> {
        if self.fresh_from <= now {
            self.sort_in();
        }
        if self.first_in_heap()? > now {
            return None;
        }
        self.heap.pop().map(|timer| timer.call)
    }

    /// Every callback, in no order.
    pub(crate) fn into_calls(self) -> impl Iterator<Item = TimerCall> {
        self.heap.into_iter().chain(self.fresh).map(|timer| timer.call)
    }

    /// Panics if the representation is broken.
    #[cfg(feature = "checkers")]
    pub(crate) fn check(&self) {
        let orders: std::collections::HashSet<u64> =
            self.heap.iter().chain(&self.fresh).map(|timer| timer.order).collect();
        assert_eq!(orders.len(), self.len(), "no two timers were set at once");
        let earliest = self.fresh.iter().map(|timer| timer.when).min();
        assert!(self.fresh_from <= earliest.unwrap_or(Time::MAX), "nothing fresh is due unseen");
        assert!(
            orders.iter().all(|order| *order <= self.inserted),
            "a timer was inserted and counted"
        );
        assert!(self.heap.iter().max() == self.heap.peek(), "the first to fire is on top");
        assert!(self.until_sweep > 0, "a sweep that was due has been");
    }

    /// How many there are, husks included.
    pub(crate) fn len(&self) -> usize {
        self.heap.len() + self.fresh.len()
    }
}
