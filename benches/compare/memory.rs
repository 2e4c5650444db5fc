//! How many bytes are allocated: the system's allocator, counted while somebody wants to know.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use crate::sample::Sample;

struct Counting;

static COUNTING: AtomicBool = AtomicBool::new(false);
static IN_USE: AtomicI64 = AtomicI64::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn count(bytes: i64) {
    // Relaxed: a statistic. Not counting costs one load, the same for every competitor.
    if COUNTING.load(Ordering::Relaxed) {
        IN_USE.fetch_add(bytes, Ordering::Relaxed);
    }
}

// SAFETY: everything is the system allocator's doing; the counters touch no memory of its.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: the caller's promise, handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(-(layout.size() as i64));
        // SAFETY: the caller's promise, handed on.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as i64 - layout.size() as i64);
        // SAFETY: the caller's promise, handed on.
        unsafe { System.realloc(at, layout, size) }
    }
}

/// Bytes allocated by now; counting begins with the first call.
pub(crate) fn in_use() -> i64 {
    COUNTING.store(true, Ordering::Relaxed);
    IN_USE.load(Ordering::Relaxed)
}

/// Bytes allocated since, for each of `n`.
pub(crate) fn since(before: i64, n: usize) -> Sample {
    let now = IN_USE.load(Ordering::Relaxed);
    COUNTING.store(false, Ordering::Relaxed);
    Sample { cost: (now - before) as f64 / n as f64, latencies: Vec::new() }
}
