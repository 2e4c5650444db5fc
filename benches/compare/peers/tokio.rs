//! tokio: its current-thread runtime, with and without the I/O driver, and a `LocalSet` on it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ::tokio::runtime::{Builder, Handle, Runtime};
use ::tokio::task::{JoinHandle, LocalSet, spawn_blocking, spawn_local, yield_now};
use ::tokio::time::{Sleep, sleep};

use super::{
    Blocking, Local, Remote, RemoteCancel, Running, Sleeping, Timers, poll_in_place, workers,
};
use crate::sample::{Fired, burn};

/// `io`: it sleeps in a poll of descriptors, as the kernel's loop does; without it parks.
fn runtime(io: bool) -> Runtime {
    let mut builder = Builder::new_current_thread();
    builder.enable_time().max_blocking_threads(workers());
    if io {
        builder.enable_io();
    }
    builder.build().expect("descriptors for a runtime")
}

/// `spawn_local` in a `LocalSet`.
#[derive(Clone)]
pub(crate) struct Inside;

pub(crate) struct Join<T>(JoinHandle<T>);

impl<T> Future for Join<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        Pin::new(&mut self.0).poll(context).map(|result| result.expect("nothing fails here"))
    }
}

impl Local for Inside {
    type Join<T: Clone + 'static> = Join<T>;

    fn run<T: Clone + 'static, F>(body: impl FnOnce(Self) -> F) -> T
    where
        F: Future<Output = T> + 'static,
    {
        let runtime = runtime(true);
        LocalSet::new().block_on(&runtime, body(Inside))
    }

    fn call_soon(&self, callback: impl FnOnce() + 'static) {
        drop(spawn_local(async move { callback() }));
    }

    fn spawn<T: Clone + 'static>(&self, task: impl Future<Output = T> + 'static) -> Self::Join<T> {
        Join(spawn_local(task))
    }

    fn yield_now(&self) -> impl Future<Output = ()> + 'static {
        yield_now()
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
        Join(spawn_blocking(move || value + 1))
    }
}

/// `Handle::spawn` from other threads, and `Handle::block_on` of the join handle, which came out as the
/// quickest of tokio's ways to wait.
#[derive(Clone)]
pub(crate) struct Outside<const IO: bool>(Handle);

impl<const IO: bool> Remote for Outside<IO> {
    type Ticket = JoinHandle<u64>;

    fn start() -> Running<Self> {
        let runtime = runtime(IO);
        let handle = runtime.handle().clone();
        let (stop, stopped) = ::tokio::sync::oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            // An error is the sender's drop: the signal.
            let _stopped = runtime.block_on(stopped);
        });
        let stop = move || {
            drop(stop);
            thread.join().expect("the runtime's thread ends when it is told to");
        };
        Running { handle: Outside(handle), stop: Box::new(stop) }
    }

    fn call_soon(&self, callback: impl FnOnce() + Send + 'static) {
        drop(self.0.spawn(async move { callback() }));
    }

    fn submit(&self, value: u64) -> Self::Ticket {
        self.0.spawn(async move { value + 1 })
    }

    fn wait(ticket: Self::Ticket) -> u64 {
        futures_lite::future::block_on(ticket).expect("a sum")
    }

    fn keep_busy(&self, tasks: usize, work: Duration, stop: &'static AtomicBool) {
        for _ in 0..tasks {
            self.0.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    burn(work);
                    yield_now().await;
                }
            });
        }
    }
}

impl<const IO: bool> RemoteCancel for Outside<IO> {
    type Sleeper = JoinHandle<()>;

    fn sleeper(&self) -> Self::Sleeper {
        self.0.spawn(std::future::pending())
    }

    fn cancel(sleeper: &mut Self::Sleeper) {
        sleeper.abort();
    }

    fn join(sleeper: Self::Sleeper) -> bool {
        futures_lite::future::block_on(sleeper).is_err_and(|error| error.is_cancelled())
    }
}
