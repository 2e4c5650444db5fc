//! The paths that are counted: each does its operation `n` times, and everything around it once.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use loopgate::executor::{Executor, SubmitError, Work};
use loopgate::{Clock, EventLoop, LocalLoop, get_running_loop, yield_now};

/// A name, and what does the operation so often.
type Path = (&'static str, fn(usize));

/// What is counted.
pub(crate) const PATHS: [Path; 11] = [
    ("w1-callbacks", callbacks),
    ("w1-chain", chain),
    ("w2-posts", posts),
    ("w4-submissions", submissions),
    ("w5-spawn-join", spawn_join),
    ("w5-spawn-await", spawn_await),
    ("w5-yield", yields),
    ("w5-wake-self", wake_self),
    ("w6-cancels", cancels),
    ("w7-timers", timers),
    ("w8-jobs", jobs),
];

fn in_loop(body: impl AsyncFnOnce(LocalLoop) + 'static) {
    // Virtual time: nothing waits, and no path depends on how long it took.
    let event_loop = EventLoop::with_clock(Clock::virtual_time()).expect("descriptors for a loop");
    let body = async move {
        body(get_running_loop()?).await;
        Ok(())
    };
    event_loop.run_until_complete(body).expect("nothing fails here");
}

async fn wait_for(count: &Cell<usize>, expected: usize) {
    while count.get() < expected {
        yield_now().await.expect("nobody cancels");
    }
}

fn callbacks(n: usize) {
    in_loop(async move |local| {
        let count = Rc::new(Cell::new(0));
        for _ in 0..n {
            let count = Rc::clone(&count);
            local.call_soon(move || count.set(count.get() + 1)).expect("an open loop");
        }
        wait_for(&count, n).await;
    });
}

fn chain(n: usize) {
    fn link(local: LocalLoop, left: usize) {
        let own = local.clone();
        let next = move || match left {
            0 => own.stop(),
            left => link(own, left - 1),
        };
        local.call_soon(next).expect("an open loop");
    }
    let event_loop = EventLoop::with_clock(Clock::virtual_time()).expect("descriptors for a loop");
    link((*event_loop).clone(), n);
    event_loop.run_forever().expect("a loop that is stopped");
}

fn posts(n: usize) {
    let event_loop = EventLoop::with_clock(Clock::virtual_time()).expect("descriptors for a loop");
    let handle = event_loop.handle();
    for _ in 0..n {
        handle.call_soon_threadsafe(|| ()).expect("an open loop");
    }
    handle.stop().expect("an open loop");
    event_loop.run_forever().expect("a loop that is stopped");
}

fn submissions(n: usize) {
    let event_loop = EventLoop::with_clock(Clock::virtual_time()).expect("descriptors for a loop");
    let handle = event_loop.handle();
    let submit = |value| handle.run_coroutine_threadsafe(async move { Ok(value) });
    let submitted: Vec<_> = (0..n).map(|value| submit(value).expect("an open loop")).collect();
    event_loop.run_until_complete(async { yield_now().await }).expect("nothing fails here");
    event_loop.run_until_complete(async { yield_now().await }).expect("nothing fails here");
    for (value, future) in submitted.into_iter().enumerate() {
        assert_eq!(future.result().expect("it has run"), value);
    }
}

fn spawn_join(n: usize) {
    in_loop(async move |local| {
        let mut tasks = Vec::with_capacity(n);
        for value in 0..n {
            tasks.push(local.create_task(async move { Ok(value) }).expect("an open loop"));
        }
        for task in tasks {
            task.await.expect("nothing fails here");
        }
    });
}

fn spawn_await(n: usize) {
    in_loop(async move |local| {
        for value in 0..n {
            let task = local.create_task(async move { Ok(value) }).expect("an open loop");
            task.await.expect("nothing fails here");
        }
    });
}

fn yields(n: usize) {
    take_turns(n, || async { yield_now().await.expect("nobody cancels") });
}

fn wake_self(n: usize) {
    take_turns(n, || WakeSelf(false));
}

fn take_turns<F: Future<Output = ()> + 'static>(n: usize, switch: fn() -> F) {
    in_loop(async move |local| {
        let turns = move || async move {
            for _ in 0..n / 2 {
                switch().await;
            }
            Ok(())
        };
        let both = [(); 2].map(|()| local.create_task(turns()).expect("an open loop"));
        for task in both {
            task.await.expect("nothing fails here");
        }
    });
}

struct WakeSelf(bool);

impl Future for WakeSelf {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Has `n` coroutines sleep, cancels each through its submission.
fn cancels(n: usize) {
    let event_loop = EventLoop::with_clock(Clock::virtual_time()).expect("descriptors for a loop");
    let handle = event_loop.handle();
    let sleep = || handle.run_coroutine_threadsafe(loopgate::sleep(Duration::from_secs(3600)));
    let sleeping: Vec<_> = (0..n).map(|_| sleep().expect("an open loop")).collect();
    event_loop.run_until_complete(async { yield_now().await }).expect("nothing fails here");
    event_loop.run_until_complete(async { yield_now().await }).expect("nothing fails here");
    assert!(sleeping.iter().all(|future| future.cancel()));
    event_loop.run_until_complete(async { yield_now().await }).expect("nothing fails here");
    event_loop.run_until_complete(async { yield_now().await }).expect("nothing fails here");
    event_loop.run_until_complete(async { yield_now().await }).expect("nothing fails here");
    assert!(sleeping.iter().all(|future| future.ended()));
}

/// Sets `n` timers, cancels nine in ten, fires the rest.
fn timers(n: usize) {
    in_loop(async move |local| {
        let fired = Rc::new(Cell::new(0));
        let mut handles = Vec::with_capacity(n);
        // Scattered over a second, the same in each run.
        let mut scatter = 1_u64;
        for _ in 0..n {
            scatter =
                scatter.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            let delay = Duration::from_nanos(1_000_000 + (scatter >> 34));
            let fired = Rc::clone(&fired);
            let timer = local.call_later(delay, move || fired.set(fired.get() + 1));
            handles.push(timer.expect("an open loop"));
        }
        let cancelled = handles.iter().enumerate().filter(|(index, _)| index % 10 != 0);
        let cancelled = cancelled.filter(|(_, handle)| handle.cancel()).count();
        loopgate::sleep(Duration::from_secs(60)).await.expect("nobody cancels");
        assert_eq!(fired.get() + cancelled, n);
    });
}

/// Runs work where it is handed over: what a pool of threads takes is not counted.
struct Inline;

impl Executor for Inline {
    fn execute(&self, work: Work) -> Result<(), SubmitError> {
        work.run();
        Ok(())
    }
}

fn jobs(n: usize) {
    in_loop(async move |local| {
        let mut jobs = Vec::with_capacity(n);
        for value in 0..n {
            let job = local.run_in_executor(Some(&Inline), move || Ok(value));
            jobs.push(job.expect("an open loop"));
        }
        for job in jobs {
            job.await.expect("nothing fails here");
        }
    });
}
