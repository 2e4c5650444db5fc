//! monoio, on io_uring where the system has it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use ::monoio::blocking::DefaultThreadPool;
use ::monoio::time::{Sleep, sleep};
use ::monoio::{FusionDriver, RuntimeBuilder};

use super::{Blocking, Local, Sleeping, Timers, poll_in_place, workers};
use crate::sample::Fired;

#[derive(Clone)]
pub(crate) struct Inside;

/// Whether a runtime can be built here.
pub(crate) fn works() -> bool {
    RuntimeBuilder::<FusionDriver>::new().enable_timer().build().is_ok()
}

impl Local for Inside {
    type Join<T: Clone + 'static> = ::monoio::task::JoinHandle<T>;

    fn run<T: Clone + 'static, F>(body: impl FnOnce(Self) -> F) -> T
    where
        F: Future<Output = T> + 'static,
    {
        let mut runtime = RuntimeBuilder::<FusionDriver>::new()
            .attach_thread_pool(Box::new(DefaultThreadPool::new(workers())))
            .enable_timer()
            .build()
            .expect("descriptors for a runtime");
        runtime.block_on(body(Inside))
    }

    fn call_soon(&self, callback: impl FnOnce() + 'static) {
        drop(::monoio::spawn(async move { callback() }));
    }

    fn spawn<T: Clone + 'static>(&self, task: impl Future<Output = T> + 'static) -> Self::Join<T> {
        ::monoio::spawn(task)
    }

    fn yield_now(&self) -> impl Future<Output = ()> + 'static {
        futures_lite::future::yield_now()
    }
}

impl Timers for Inside {
    type Timer = Pin<Box<Sleep>>;

    fn timer(&self, after: Duration, _: &Arc<Fired>) -> Self::Timer {
        Box::pin(sleep(after))
    }

    fn set(timer: &mut Self::Timer, fired: &Waker) {
        poll_in_place(timer, fired);
    }
}

impl Sleeping for Inside {
    fn sleep(&self, delay: Duration) -> impl Future<Output = ()> + 'static {
        sleep(delay)
    }
}

impl Blocking for Inside {
    fn blocking(&self, value: u64) -> impl Future<Output = u64> + 'static {
        let job = ::monoio::spawn_blocking(move || value + 1);
        async move { job.await.expect("nothing fails here") }
    }
}
