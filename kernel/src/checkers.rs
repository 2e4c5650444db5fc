//! For checkers only: invariants of the representation, what a loop or a pool holds, and a pipe that can be broken on
//! purpose.
//!
//! Behind the feature `checkers`. Not part of the public promise: it may change in any release.

use crate::concurrent::ConcurrentFuture;
use crate::core::DefaultExecutor;
use crate::event_loop::LocalLoop;
use crate::executor::{PoolShared, ThreadPoolExecutor};
use crate::primitives::Arc;

pub use crate::primitives::checked as model;

/// What a loop holds, in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Census {
    /// Entries in the ready queue.
    pub queued: usize,
    /// Entries in the timer heap, husks included.
    pub timers: usize,
    /// Tasks that are not done.
    pub tasks: usize,
    /// Things kept for foreign work.
    pub parcels: usize,
}

/// Counts what the loop holds.
#[must_use]
pub fn census(local: &LocalLoop) -> Census {
    let core = local.core();
    Census {
        queued: core.queue.len(),
        timers: core.queue.timer_count(),
        tasks: core.tasks.borrow().len(),
        parcels: core.parcels.borrow().len(),
    }
}

/// What a thread pool holds, in numbers.
///
/// A worker that is not idle runs a function of the program's, or is on its way to look for work or to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolCensus {
    /// Work that nobody has picked up, also if its future is cancelled.
    pub queued: usize,
    /// Workers that have not ended.
    pub workers: usize,
    /// Workers that wait for work.
    pub idle: usize,
}

/// A view of a thread pool that outlives it, and does not keep it open.
pub struct PoolWatch(Arc<PoolShared>);

impl std::fmt::Debug for PoolWatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("PoolWatch").field(&self.census()).finish()
    }
}

impl PoolWatch {
    /// Counts what the pool holds.
    #[must_use]
    pub fn census(&self) -> PoolCensus {
        let [queued, workers, idle] = self.0.counts();
        PoolCensus { queued, workers, idle }
    }

    /// As [`ThreadPoolExecutor::ended`].
    pub fn ended(&self) -> ConcurrentFuture<()> {
        self.0.ended()
    }
}

/// A view of the pool.
#[must_use]
pub fn watch_pool(pool: &ThreadPoolExecutor) -> PoolWatch {
    PoolWatch(pool.shared())
}

/// A view of the thread pool that the loop has made for work without an executor, while it has one.
#[must_use]
pub fn watch_default_pool(local: &LocalLoop) -> Option<PoolWatch> {
    match &*local.core().executor.borrow() {
        DefaultExecutor::Pool(pool) => Some(watch_pool(pool)),
        _ => None,
    }
}

/// Checks what a loop is made of; done by itself at the end of every iteration and of `close`.
///
/// What other threads touch too is checked at each release of its lock, by the models.
///
/// # Panics
/// If an invariant of the representation is broken.
pub fn check(local: &LocalLoop) {
    local.core().check();
}

/// Breaks the wakeup pipe: from now on writes to it fail and it reads end-of-file.
pub fn break_pipe(local: &LocalLoop) {
    local.core().pipe.borrow().break_writer();
}

/// Fills the wakeup pipe until it refuses a byte; how many fitted.
#[must_use]
pub fn fill_pipe(local: &LocalLoop) -> usize {
    local.core().pipe.borrow().fill()
}

/// Takes every byte out of the wakeup pipe; how many there were.
#[must_use]
pub fn drain_pipe(local: &LocalLoop) -> usize {
    local.core().pipe.borrow().count_and_drain()
}

/// A promise whose future is waited for as a submission to a loop that spins.
pub fn promise_for_spinning<T>(
    longest: std::time::Duration,
) -> (crate::Promise<T>, ConcurrentFuture<T>) {
    crate::concurrent::pair_for(
        crate::concurrent::Doer::Anybody,
        || crate::BrokenPromise.into(),
        Some(longest),
    )
}

/// Spins as a thread does before it sleeps; whether it has come.
pub fn spin(longest: std::time::Duration, has_come: impl Fn() -> bool) -> bool {
    crate::primitives::spin(longest, has_come)
}

/// How many waits for several futures have the future among theirs.
#[must_use]
pub fn waits_for<T>(future: &ConcurrentFuture<T>) -> usize {
    future.waits()
}
