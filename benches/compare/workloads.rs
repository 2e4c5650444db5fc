//! The workloads, each once, over the traits of the competitors.
//!
//! Where everything happens on one thread the figure is the processor time of the process, so that
//! neighbours do not count; where threads talk to one another it is the time that passes.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::task::Waker;
use std::time::{Duration, Instant};

use crate::machine::loops_side;
use crate::memory;
use crate::peers::{Blocking, Local, Remote, RemoteCancel, Sleeping, Timers};
use crate::sample::{CpuTime, Fired, Random, RemoteTally, Sample, Size, Tally, WakeSelf};

/// W1: `n` callbacks are queued, then all are called.
pub(crate) fn callbacks<L: Local>(size: Size) -> Sample {
    L::run(move |local| async move {
        let tally = Tally::of(size.n);
        let start = CpuTime::start();
        for _ in 0..size.n {
            local.call_soon(move || tally.hit());
        }
        tally.complete().await;
        Sample::per_operation(start.elapsed(), size.n)
    })
}

/// W1: a callback that queues its successor, `n` times.
pub(crate) fn chain<L: Local>(size: Size) -> Sample {
    fn link<L: Local>(local: L, tally: &'static Tally) {
        let own = local.clone();
        local.call_soon(move || {
            tally.hit();
            if !tally.is_complete() {
                link(own, tally);
            }
        });
    }
    L::run(move |local| async move {
        let tally = Tally::of(size.n);
        let start = CpuTime::start();
        link(local, tally);
        tally.complete().await;
        Sample::per_operation(start.elapsed(), size.n)
    })
}

/// W2: `p` threads post `n` callbacks to a loop that was asleep.
pub(crate) fn submit<R: Remote>(size: Size) -> Sample {
    let running = loops_side(R::start);
    let each = size.n / size.p;
    let tally = RemoteTally::of(each * size.p);
    let together = Arc::new(Barrier::new(size.p + 1));
    let producers: Vec<_> = (0..size.p)
        .map(|_| {
            let (handle, together) = (running.handle.clone(), Arc::clone(&together));
            std::thread::spawn(move || {
                together.wait();
                for _ in 0..each {
                    handle.call_soon(move || tally.hit());
                }
            })
        })
        .collect();
    settle();
    let start = Instant::now();
    together.wait();
    tally.wait();
    let elapsed = start.elapsed();
    producers.into_iter().for_each(|producer| producer.join().expect("a producer"));
    (running.stop)();
    Sample::per_operation(elapsed, each * size.p)
}

/// Lets a loop that was just started come to its sleep.
fn settle() {
    std::thread::sleep(Duration::from_millis(2));
}

/// W3: hands a coroutine to an idle loop and blocks for its result.
pub(crate) fn round_trip<R: Remote>(size: Size) -> Sample {
    let running = loops_side(R::start);
    settle();
    let sample = Sample::of_round_trips(size.n, |value| {
        assert_eq!(R::wait(running.handle.submit(value)), value + 1);
    });
    (running.stop)();
    sample
}

/// W3: the same while `p` tasks use the processor for a microsecond at a time.
pub(crate) fn busy_round_trip<R: Remote>(size: Size) -> Sample {
    let running = loops_side(R::start);
    let stop: &'static AtomicBool = Box::leak(Box::new(AtomicBool::new(false)));
    running.handle.keep_busy(size.p, Duration::from_micros(1), stop);
    settle();
    let sample = Sample::of_round_trips(size.n, |value| {
        assert_eq!(R::wait(running.handle.submit(value)), value + 1);
    });
    stop.store(true, Ordering::Relaxed);
    (running.stop)();
    sample
}

/// W4: `n` coroutines, `p` of them on their way at a time.
pub(crate) fn window<R: Remote>(size: Size) -> Sample {
    let running = loops_side(R::start);
    settle();
    let mut tickets = VecDeque::with_capacity(size.p);
    let start = Instant::now();
    for value in 0..size.n as u64 {
        if tickets.len() == size.p {
            R::wait(tickets.pop_front().expect("a full window"));
        }
        tickets.push_back(running.handle.submit(value));
    }
    tickets.into_iter().for_each(|ticket| _ = R::wait(ticket));
    let sample = Sample::per_operation(start.elapsed(), size.n);
    (running.stop)();
    sample
}

/// W5: makes `n` tasks and waits for all.
pub(crate) fn spawn_join<L: Local>(size: Size) -> Sample {
    L::run(move |local| async move {
        let mut tasks = Vec::with_capacity(size.n);
        let start = CpuTime::start();
        for value in 0..size.n as u64 {
            tasks.push(local.spawn(async move { value }));
        }
        let mut sum = 0;
        for task in tasks {
            sum += task.await;
        }
        let sample = Sample::per_operation(start.elapsed(), size.n);
        assert_eq!(sum, (size.n as u64) * (size.n as u64 - 1) / 2);
        sample
    })
}

/// W5: makes a task and waits for it, `n` times.
pub(crate) fn spawn_await<L: Local>(size: Size) -> Sample {
    L::run(move |local| async move {
        let start = CpuTime::start();
        let mut sum = 0;
        for value in 0..size.n as u64 {
            sum += local.spawn(async move { value }).await;
        }
        let sample = Sample::per_operation(start.elapsed(), size.n);
        assert_eq!(sum, (size.n as u64) * (size.n as u64 - 1) / 2);
        sample
    })
}

/// W5: `p` tasks take turns, by the competitor's own yield; per switch.
pub(crate) fn yields<L: Local>(size: Size) -> Sample {
    switches::<L, _>(size, |local| async move { local.yield_now().await })
}

/// W5: the same by waking oneself.
pub(crate) fn wake_self<L: Local>(size: Size) -> Sample {
    switches::<L, _>(size, |_| WakeSelf::once())
}

fn switches<L: Local, F>(size: Size, switch: fn(L) -> F) -> Sample
where
    F: Future<Output = ()> + 'static,
{
    L::run(move |local| async move {
        let each = size.n / size.p;
        let start = CpuTime::start();
        let tasks: Vec<_> = (0..size.p)
            .map(|_| {
                let own = local.clone();
                local.spawn(async move {
                    for _ in 0..each {
                        switch(own.clone()).await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await;
        }
        Sample::per_operation(start.elapsed(), each * size.p)
    })
}

/// W6: another thread cancels `n` suspended tasks and waits for the end of each.
pub(crate) fn cancel<R: RemoteCancel>(size: Size) -> Sample {
    let running = loops_side(R::start);
    let mut sleepers: Vec<_> = (0..size.n).map(|_| running.handle.sleeper()).collect();
    // Two trips behind them: all are suspended by then.
    (0..2).for_each(|value| _ = R::wait(running.handle.submit(value)));
    settle();
    let start = Instant::now();
    sleepers.iter_mut().for_each(R::cancel);
    let cancelled = sleepers.into_iter().map(R::join).filter(|cancelled| *cancelled).count();
    let sample = Sample::per_operation(start.elapsed(), size.n);
    assert_eq!(cancelled, size.n);
    (running.stop)();
    sample
}

/// Over how long the deadlines of W7 are spread.
pub(crate) const SPREAD: Duration = Duration::from_millis(50);

/// Ahead of the first deadline: setting and cancelling must be over by then.
pub(crate) fn lead(n: usize) -> Duration {
    Duration::from_millis(30) + Duration::from_micros(4) * u32::try_from(n).unwrap_or(u32::MAX)
}

/// W7: sets `n` timers with random deadlines, cancels nine in ten, fires the rest.
///
/// Processor time, with all threads: one competitor's timers fire on a thread of its own.
pub(crate) fn timers<L: Timers>(size: Size) -> Sample {
    L::run(move |local| async move {
        let mut random = Random::new(7);
        let delays: Vec<Duration> = (0..size.n)
            .map(|_| Duration::from_nanos(random.below(SPREAD.as_nanos() as u64)))
            .collect();
        let keep: Vec<bool> = (0..size.n).map(|_| random.below(10) == 0).collect();
        let kept = keep.iter().filter(|keep| **keep).count();
        let fired = Fired::of(kept);
        let waker = Waker::from(Arc::clone(&fired));
        let lead = lead(size.n);
        let mut timers: Vec<Option<L::Timer>> = Vec::with_capacity(size.n);
        let before = Instant::now();
        let start = CpuTime::start();
        for delay in &delays {
            let mut timer = local.timer(lead + *delay, &fired);
            L::set(&mut timer, &waker);
            timers.push(Some(timer));
        }
        for (timer, keep) in timers.iter_mut().zip(&keep) {
            if !keep {
                *timer = None;
            }
        }
        assert!(before.elapsed() < lead, "the first timer was due before the last was set");
        std::thread::sleep((lead + SPREAD + Duration::from_millis(2)) - before.elapsed());
        fired.complete().await;
        Sample::per_operation(start.elapsed(), size.n)
    })
}

/// W8: one job at a time on the pool.
pub(crate) fn blocking_round_trip<L: Blocking>(size: Size) -> Sample {
    L::run(move |local| async move {
        for value in 0..50 {
            local.blocking(value).await;
        }
        let mut latencies = Vec::with_capacity(size.n);
        let mut before = Instant::now();
        for value in 0..size.n as u64 {
            assert_eq!(local.blocking(value).await, value + 1);
            let now = Instant::now();
            latencies.push(u32::try_from((now - before).as_nanos()).unwrap_or(u32::MAX));
            before = now;
        }
        Sample::of_latencies(latencies)
    })
}

/// W8: `n` jobs handed to the pool at once, then all awaited.
pub(crate) fn blocking_throughput<L: Blocking>(size: Size) -> Sample {
    L::run(move |local| async move {
        let warm: Vec<_> = (0..1000).map(|value| local.blocking(value)).collect();
        for job in warm {
            job.await;
        }
        let mut jobs = Vec::with_capacity(size.n);
        let start = Instant::now();
        for value in 0..size.n as u64 {
            jobs.push(local.blocking(value));
        }
        let mut sum = 0;
        for job in jobs {
            sum += job.await;
        }
        let elapsed = start.elapsed();
        assert_eq!(sum, (size.n as u64) * (size.n as u64 + 1) / 2);
        Sample::per_operation(elapsed, size.n)
    })
}

/// W9: bytes of a task that is suspended for ever.
pub(crate) fn task_memory<L: Local>(size: Size) -> Sample {
    L::run(move |local| async move {
        let started = Tally::of(size.n);
        let mut tasks = Vec::with_capacity(size.n);
        let before = memory::in_use();
        for _ in 0..size.n {
            tasks.push(local.spawn(async move {
                started.hit();
                std::future::pending::<()>().await;
            }));
        }
        started.complete().await;
        memory::since(before, size.n)
    })
}

/// W9: bytes of a task that sleeps.
pub(crate) fn sleep_memory<L: Sleeping>(size: Size) -> Sample {
    L::run(move |local| async move {
        let started = Tally::of(size.n);
        let mut tasks = Vec::with_capacity(size.n);
        let before = memory::in_use();
        for _ in 0..size.n {
            let own = local.clone();
            tasks.push(local.spawn(async move {
                started.hit();
                own.sleep(Duration::from_secs(3600)).await;
            }));
        }
        started.complete().await;
        memory::since(before, size.n)
    })
}

/// W9: bytes of a callback that waits in the queue.
pub(crate) fn callback_memory<L: Local>(size: Size) -> Sample {
    L::run(move |local| async move {
        let tally = Tally::of(size.n);
        let before = memory::in_use();
        for _ in 0..size.n {
            local.call_soon(move || tally.hit());
        }
        let sample = memory::since(before, size.n);
        tally.complete().await;
        sample
    })
}

/// W9: bytes of a timer.
pub(crate) fn timer_memory<L: Timers>(size: Size) -> Sample {
    L::run(move |local| async move {
        let fired = Fired::of(size.n);
        let waker = Waker::from(Arc::clone(&fired));
        let mut timers = Vec::with_capacity(size.n);
        let before = memory::in_use();
        for _ in 0..size.n {
            timers.push(local.timer(Duration::from_secs(3600), &fired));
            L::set(timers.last_mut().expect("just pushed"), &waker);
        }
        memory::since(before, size.n)
    })
}

/// W9: bytes of a submission that the loop has not seen yet; `p` is 1 for a coroutine, else a callback.
pub(crate) fn submission_memory<R: Remote>(size: Size) -> Sample {
    let running = loops_side(R::start);
    let (reached, tally) = (Arc::new(Barrier::new(2)), RemoteTally::of(size.n));
    let held = Arc::clone(&reached);
    // The loop is held up in a callback meanwhile.
    running.handle.call_soon(move || {
        held.wait();
        held.wait();
    });
    reached.wait();
    let mut tickets = Vec::with_capacity(size.n);
    let before = memory::in_use();
    for value in 0..size.n as u64 {
        if size.p == 1 {
            tickets.push(running.handle.submit(value));
        } else {
            running.handle.call_soon(move || tally.hit());
        }
    }
    let sample = memory::since(before, size.n);
    reached.wait();
    if size.p == 1 {
        tickets.into_iter().for_each(|ticket| _ = R::wait(ticket));
    } else {
        tally.wait();
    }
    (running.stop)();
    sample
}

/// W9: bytes that a loop which has done something and is idle again takes, its thread's stack aside.
pub(crate) fn idle_memory<R: Remote>(_: Size) -> Sample {
    let before = memory::in_use();
    let running = loops_side(R::start);
    R::wait(running.handle.submit(1));
    settle();
    let sample = memory::since(before, 1);
    (running.stop)();
    sample
}
