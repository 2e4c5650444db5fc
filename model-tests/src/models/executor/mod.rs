//! Work in a pool.
//!
//! * [`pool`]: against cancel, shutdown, panics, a failing initializer, and other work;
//! * [`to_loop`]: on its way back to a loop, or with a loop that goes away.

pub(super) mod pool;
pub(super) mod to_loop;

use loopgate::ThreadPoolExecutor;

/// A pool of so many workers at most.
fn pool_of(workers: usize) -> ThreadPoolExecutor {
    ThreadPoolExecutor::builder().max_workers(workers).build().expect("some workers")
}
