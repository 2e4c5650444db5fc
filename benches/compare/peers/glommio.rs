//! glommio, on io_uring.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ::glommio::timer::Timer;
use ::glommio::{LocalExecutorBuilder, Placement, PoolPlacement, executor, spawn_local_into};

use super::{Blocking, Local, Sleeping, Timers, poll_in_place, workers};
use crate::sample::Fired;

#[derive(Clone)]
pub(crate) struct Inside;

pub(crate) struct Join<T>(::glommio::Task<T>);

impl<T> Future for Join<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        Pin::new(&mut self.0).poll(context)
    }
}

/// Whether an executor can be built here: it needs io_uring, and memory that it may lock.
pub(crate) fn works() -> bool {
    std::panic::catch_unwind(|| LocalExecutorBuilder::new(Placement::Unbound).make().is_ok())
        .unwrap_or(false)
}

/// Queued, as others do it: `spawn_local` itself polls the task on the stack of whoever spawns it.
fn queue<T: 'static>(task: impl Future<Output = T> + 'static) -> ::glommio::Task<T> {
    spawn_local_into(task, executor().current_task_queue()).expect("the queue that runs this")
}

impl Local for Inside {
    type Join<T: Clone + 'static> = Join<T>;

    fn run<T: Clone + 'static, F>(body: impl FnOnce(Self) -> F) -> T
    where
        F: Future<Output = T> + 'static,
    {
        let executor = LocalExecutorBuilder::new(Placement::Unbound)
            .blocking_thread_pool_placement(PoolPlacement::Unbound(workers()))
            .make()
            .expect("io_uring");
        executor.run(body(Inside))
    }

    fn call_soon(&self, callback: impl FnOnce() + 'static) {
        queue(async move { callback() }).detach();
    }

    fn spawn<T: Clone + 'static>(&self, task: impl Future<Output = T> + 'static) -> Self::Join<T> {
        Join(queue(task))
    }

    fn yield_now(&self) -> impl Future<Output = ()> + 'static {
        futures_lite::future::yield_now()
    }
}

impl Timers for Inside {
    type Timer = Pin<Box<Timer>>;

    fn timer(&self, after: Duration, _: &Arc<Fired>) -> Self::Timer {
        Box::pin(Timer::new(after))
    }

    fn set(timer: &mut Self::Timer, fired: &Waker) {
        poll_in_place(timer, fired);
    }
}

impl Sleeping for Inside {
    fn sleep(&self, delay: Duration) -> impl Future<Output = ()> + 'static {
        let slept = Timer::new(delay);
        async { _ = slept.await }
    }
}

impl Blocking for Inside {
    fn blocking(&self, value: u64) -> impl Future<Output = u64> + 'static {
        executor().spawn_blocking(move || value + 1)
    }
}
