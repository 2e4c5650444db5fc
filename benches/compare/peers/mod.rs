//! The competitors. A workload is written once, over the traits in here; each competitor implements
//! those that it can.

pub(crate) mod channel;
pub(crate) mod futures_rs;
#[cfg(all(feature = "uring", target_os = "linux"))]
pub(crate) mod glommio;
pub(crate) mod loopgate;
#[cfg(all(feature = "uring", target_os = "linux"))]
pub(crate) mod monoio;
pub(crate) mod python;
pub(crate) mod smol;
pub(crate) mod tokio;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::sample::Fired;

/// A loop from inside: everything on one thread.
pub(crate) trait Local: Clone + 'static {
    /// A task that can be waited for.
    type Join<T: Clone + 'static>: Future<Output = T>;

    /// Builds a loop on this thread and runs the body in it, as its first task.
    fn run<T: Clone + 'static, F>(body: impl FnOnce(Self) -> F) -> T
    where
        F: Future<Output = T> + 'static;

    /// Has the loop call `callback` in a later turn. A loop without callbacks makes a task that nobody
    /// waits for, which is what its users do.
    fn call_soon(&self, callback: impl FnOnce() + 'static);

    fn spawn<T: Clone + 'static>(&self, task: impl Future<Output = T> + 'static) -> Self::Join<T>;

    /// The competitor's own way of letting others go first.
    fn yield_now(&self) -> impl Future<Output = ()> + 'static;
}

/// Its timers.
pub(crate) trait Timers: Local {
    /// Dropped, it is cancelled.
    type Timer: 'static;

    /// A timer that tells `fired`, unless it is dropped first. Not yet set, if it is set by polling it.
    fn timer(&self, after: Duration, fired: &Arc<Fired>) -> Self::Timer;

    /// Sets it, in the place where it stays.
    fn set(timer: &mut Self::Timer, fired: &std::task::Waker);
}

/// Its way to run blocking functions; [`workers`] says on how many threads.
pub(crate) trait Blocking: Local {
    fn blocking(&self, value: u64) -> impl Future<Output = u64> + 'static;
}

/// A task that sleeps until it is dropped, for the memory that it takes.
pub(crate) trait Sleeping: Local {
    fn sleep(&self, delay: Duration) -> impl Future<Output = ()> + 'static;
}

/// A loop from outside: what any thread may do with it.
pub(crate) trait Remote: Clone + Send + Sync + 'static {
    /// A result to be waited for.
    type Ticket: Send;

    /// Starts a loop on a thread of its own.
    fn start() -> Running<Self>;

    fn call_soon(&self, callback: impl FnOnce() + Send + 'static);

    /// Has the loop run a coroutine that adds one.
    fn submit(&self, value: u64) -> Self::Ticket;

    /// Blocks until the sum is there.
    fn wait(ticket: Self::Ticket) -> u64;

    /// Starts tasks that each use the processor for a while and yield, until they are told to stop.
    fn keep_busy(&self, tasks: usize, work: Duration, stop: &'static AtomicBool);
}

/// Cancelling from other threads.
pub(crate) trait RemoteCancel: Remote {
    type Sleeper: Send;

    /// A task that never ends by itself.
    fn sleeper(&self) -> Self::Sleeper;

    /// Asks it to end, without waiting.
    fn cancel(sleeper: &mut Self::Sleeper);

    /// Blocks until its end is reported: whether it was cancelled.
    fn join(sleeper: Self::Sleeper) -> bool;
}

/// A started loop.
pub(crate) struct Running<R> {
    pub(crate) handle: R,
    pub(crate) stop: Box<dyn FnOnce()>,
}

static WORKERS: AtomicUsize = AtomicUsize::new(6);

/// Threads of each competitor's pool in the runs to come.
pub(crate) fn set_workers(workers: usize) {
    WORKERS.store(workers, Ordering::Relaxed);
}

pub(crate) fn workers() -> usize {
    WORKERS.load(Ordering::Relaxed)
}

/// For timers that are futures: polls one for the first time, where it will stay.
pub(crate) fn poll_in_place(
    timer: &mut std::pin::Pin<Box<impl Future + ?Sized>>,
    waker: &std::task::Waker,
) {
    let polled = timer.as_mut().poll(&mut std::task::Context::from_waker(waker));
    assert!(polled.is_pending(), "a timer was due when it was set");
}
