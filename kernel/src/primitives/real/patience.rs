//! Waiting by looking again and again, for what is about to come: dearer than sleeping, and sooner over.
//!
//! Clause W-12. Each thread learns for itself whether it pays. After a spin in vain the next 1, 3, 7, ... 255 occasions
//! are left out; one that was not in vain makes the next occasion count again.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// The most occasions that are left out in a row, as a power of two.
const MOST_LEFT_OUT: u32 = 8;
/// How many looks cost about as much as reading the clock.
const LOOKS: usize = 16;

thread_local! {
    static LEAVE_OUT: Cell<u32> = const { Cell::new(0) };
    static IN_VAIN: Cell<u32> = const { Cell::new(0) };
}

//= SPEC.md#w-12
//# A thread whose spins are in vain MUST leave out up to 255 occasions between two of them, and one
//# that was not in vain MUST make the next occasion count again.
/// Looks until it has come, but no longer than `longest`, and only while that has paid; whether it has.
pub(crate) fn spin(longest: Duration, has_come: impl Fn() -> bool) -> bool {
    if let Some(left) = LEAVE_OUT.get().checked_sub(1) {
        LEAVE_OUT.set(left);
        return has_come();
    }
    let start = Instant::now();
    loop {
        for _ in 0..LOOKS {
            if has_come() {
                IN_VAIN.set(0);
                return true;
            }
            std::hint::spin_loop();
        }
        if start.elapsed() >= longest {
            break;
        }
    }
    let in_vain = (IN_VAIN.get() + 1).min(MOST_LEFT_OUT);
    IN_VAIN.set(in_vain);
    LEAVE_OUT.set((1 << in_vain) - 1);
    false
}
