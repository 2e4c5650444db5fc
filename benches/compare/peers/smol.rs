//! smol, by its parts: async-executor, async-io, blocking.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_executor::{Executor, LocalExecutor, StaticLocalExecutor, Task};
use async_io::Timer;
use futures_lite::future::{block_on, yield_now};

use super::{
    Blocking, Local, Remote, RemoteCancel, Running, Sleeping, Timers, poll_in_place, workers,
};
use crate::sample::{Fired, burn};

/// The leaked executor, its quickest, under async-io's `block_on`.
#[derive(Clone)]
pub(crate) struct Inside(&'static StaticLocalExecutor);

impl Local for Inside {
    type Join<T: Clone + 'static> = Task<T>;

    fn run<T: Clone + 'static, F>(body: impl FnOnce(Self) -> F) -> T
    where
        F: Future<Output = T> + 'static,
    {
        let threads = std::num::NonZeroUsize::new(workers()).expect("some workers");
        blocking::set_max_blocking_threads(threads);
        let executor = LocalExecutor::new().leak();
        async_io::block_on(executor.run(body(Inside(executor))))
    }

    fn call_soon(&self, callback: impl FnOnce() + 'static) {
        self.0.spawn(async move { callback() }).detach();
    }

    fn spawn<T: Clone + 'static>(&self, task: impl Future<Output = T> + 'static) -> Self::Join<T> {
        self.0.spawn(task)
    }

    fn yield_now(&self) -> impl Future<Output = ()> + 'static {
        yield_now()
    }
}

impl Timers for Inside {
    type Timer = Pin<Box<Timer>>;

    fn timer(&self, after: Duration, _: &Arc<Fired>) -> Self::Timer {
        Box::pin(Timer::after(after))
    }

    fn set(timer: &mut Self::Timer, fired: &Waker) {
        poll_in_place(timer, fired);
    }
}

impl Sleeping for Inside {
    fn sleep(&self, delay: Duration) -> impl Future<Output = ()> + 'static {
        let slept = Timer::after(delay);
        async { _ = slept.await }
    }
}

impl Blocking for Inside {
    fn blocking(&self, value: u64) -> impl Future<Output = u64> + 'static {
        blocking::unblock(move || value + 1)
    }
}

/// An executor that one thread drives, and others spawn on.
#[derive(Clone)]
pub(crate) struct Outside(Arc<Executor<'static>>);

impl Remote for Outside {
    type Ticket = Task<u64>;

    fn start() -> Running<Self> {
        let executor = Arc::new(Executor::new());
        let (stop, stopped) = futures::channel::oneshot::channel::<()>();
        let driven = Arc::clone(&executor);
        let thread = std::thread::spawn(move || {
            // An error is the sender's drop: the signal.
            let _stopped = async_io::block_on(driven.run(stopped));
        });
        let stop = move || {
            drop(stop);
            thread.join().expect("the executor's thread ends when it is told to");
        };
        Running { handle: Outside(executor), stop: Box::new(stop) }
    }

    fn call_soon(&self, callback: impl FnOnce() + Send + 'static) {
        self.0.spawn(async move { callback() }).detach();
    }

    fn submit(&self, value: u64) -> Self::Ticket {
        self.0.spawn(async move { value + 1 })
    }

    fn wait(ticket: Self::Ticket) -> u64 {
        block_on(ticket)
    }

    fn keep_busy(&self, tasks: usize, work: Duration, stop: &'static AtomicBool) {
        for _ in 0..tasks {
            let task = async move {
                while !stop.load(Ordering::Relaxed) {
                    burn(work);
                    yield_now().await;
                }
            };
            self.0.spawn(task).detach();
        }
    }
}

/// A task, and once it was asked to end the future that reports it.
pub(crate) enum Sleeper {
    Asleep(Option<Task<()>>),
    Cancelling(Pin<Box<dyn Future<Output = Option<()>> + Send>>),
}

impl RemoteCancel for Outside {
    type Sleeper = Sleeper;

    fn sleeper(&self) -> Self::Sleeper {
        Sleeper::Asleep(Some(self.0.spawn(std::future::pending())))
    }

    fn cancel(sleeper: &mut Self::Sleeper) {
        let Sleeper::Asleep(task) = sleeper else { return };
        let mut cancelling = Box::pin(task.take().expect("cancelled once").cancel());
        // It asks when it is polled for the first time.
        let polled = cancelling.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        *sleeper = match polled {
            Poll::Ready(result) => Sleeper::Cancelling(Box::pin(std::future::ready(result))),
            Poll::Pending => Sleeper::Cancelling(cancelling),
        };
    }

    fn join(sleeper: Self::Sleeper) -> bool {
        match sleeper {
            Sleeper::Asleep(_) => false,
            Sleeper::Cancelling(cancelling) => block_on(cancelling).is_none(),
        }
    }
}
