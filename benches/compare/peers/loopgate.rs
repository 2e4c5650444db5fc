//! The kernel.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ::loopgate::{
    ConcurrentFuture, EventLoop, LocalLoop, LoopFuture, LoopHandle, Task, ThreadPoolExecutor,
    TimerHandle, get_running_loop, sleep, yield_now,
};

use super::{Blocking, Local, Remote, RemoteCancel, Running, Sleeping, Timers, workers};
use crate::sample::{Fired, burn};

#[derive(Clone)]
pub(crate) struct Inside(LocalLoop);

/// A task or a loop future, without its error.
pub(crate) struct Join<F>(F);

impl<T, F: Future<Output = Result<T, ::loopgate::Exception>> + Unpin> Future for Join<F> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        Pin::new(&mut self.0).poll(context).map(|result| result.expect("nothing fails here"))
    }
}

impl Local for Inside {
    type Join<T: Clone + 'static> = Join<Task<T>>;

    fn run<T: Clone + 'static, F>(body: impl FnOnce(Self) -> F) -> T
    where
        F: Future<Output = T> + 'static,
    {
        let event_loop = EventLoop::new().expect("descriptors for a loop");
        let pool = ThreadPoolExecutor::builder().max_workers(workers()).build();
        let pool = Arc::new(pool.expect("a pool of some workers"));
        event_loop.set_default_executor(pool).expect("an open loop");
        let body = body(Inside((*event_loop).clone()));
        event_loop.run_until_complete(async move { Ok(body.await) }).expect("nothing fails here")
    }

    fn call_soon(&self, callback: impl FnOnce() + 'static) {
        self.0.call_soon(callback).expect("an open loop");
    }

    fn spawn<T: Clone + 'static>(&self, task: impl Future<Output = T> + 'static) -> Self::Join<T> {
        Join(self.0.create_task(async move { Ok(task.await) }).expect("an open loop"))
    }

    fn yield_now(&self) -> impl Future<Output = ()> + 'static {
        let turn = yield_now();
        async { turn.await.expect("nobody cancels") }
    }
}

/// Cancels when dropped, as the futures of others do.
pub(crate) struct Timer(TimerHandle);

impl Drop for Timer {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

impl Timers for Inside {
    type Timer = Timer;

    fn timer(&self, after: Duration, fired: &Arc<Fired>) -> Timer {
        let fired = Arc::clone(fired);
        let set = self.0.call_later(after, move || std::task::Wake::wake(fired));
        Timer(set.expect("an open loop"))
    }

    fn set(_: &mut Timer, _: &Waker) {}
}

impl Sleeping for Inside {
    fn sleep(&self, delay: Duration) -> impl Future<Output = ()> + 'static {
        let slept = sleep(delay);
        // Fails when the loop closes.
        async { _ = slept.await }
    }
}

impl Blocking for Inside {
    fn blocking(&self, value: u64) -> impl Future<Output = u64> + 'static {
        let future: LoopFuture<u64> =
            self.0.run_in_executor(None, move || Ok(value + 1)).expect("an open pool");
        Join(future)
    }
}

/// The loop in a thread of its own.
///
/// `SPIN`: its builder's option is switched on.
#[derive(Clone)]
pub(crate) struct Outside<const SPIN: bool>(LoopHandle);

/// As long as the raw limit spins.
pub(crate) const PATIENCE: Duration = Duration::from_micros(20);

fn start<const SPIN: bool>() -> Running<Outside<SPIN>> {
    let (send, receive) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        let builder = EventLoop::builder();
        let builder = if SPIN { builder.spin(PATIENCE) } else { builder };
        let event_loop = builder.build().expect("descriptors for a loop");
        send.send(event_loop.handle()).expect("the starter waits for it");
        event_loop.run_forever().expect("a loop that sleeps and is stopped");
    });
    let handle = receive.recv().expect("the loop's thread sends it first");
    let stopping = handle.clone();
    let stop = move || {
        stopping.stop().expect("an open loop");
        thread.join().expect("the loop ends when it is told to");
    };
    Running { handle: Outside(handle), stop: Box::new(stop) }
}

impl<const SPIN: bool> Remote for Outside<SPIN> {
    type Ticket = ConcurrentFuture<u64>;

    fn start() -> Running<Self> {
        start()
    }

    fn call_soon(&self, callback: impl FnOnce() + Send + 'static) {
        self.0.call_soon_threadsafe(callback).expect("an open loop");
    }

    fn submit(&self, value: u64) -> Self::Ticket {
        let submitted = self.0.run_coroutine_threadsafe(async move { Ok(value + 1) });
        submitted.expect("an open loop")
    }

    fn wait(ticket: Self::Ticket) -> u64 {
        ticket.result().expect("a sum")
    }

    fn keep_busy(&self, tasks: usize, work: Duration, stop: &'static AtomicBool) {
        let start = move || {
            let local = get_running_loop().expect("called by it");
            for _ in 0..tasks {
                let task = async move {
                    while !stop.load(Ordering::Relaxed) {
                        burn(work);
                        yield_now().await?;
                    }
                    Ok(())
                };
                local.create_task(task).expect("an open loop");
            }
        };
        self.call_soon(start);
    }
}

impl<const SPIN: bool> RemoteCancel for Outside<SPIN> {
    type Sleeper = ConcurrentFuture<()>;

    fn sleeper(&self) -> Self::Sleeper {
        let forever = async { std::future::pending().await };
        self.0.run_coroutine_threadsafe(forever).expect("an open loop")
    }

    fn cancel(sleeper: &mut Self::Sleeper) {
        sleeper.cancel();
    }

    fn join(sleeper: Self::Sleeper) -> bool {
        sleeper.wait_ended().expect("another thread's loop");
        sleeper.cancelled()
    }
}
