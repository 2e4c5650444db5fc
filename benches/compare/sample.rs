//! What one run of a workload is given and gives back, and the small things that workloads share.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use crate::machine;

/// How much of what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// Operations.
    pub(crate) n: usize,
    /// What varies besides: producers, window, workers, tasks.
    pub(crate) p: usize,
}

/// What one run measured.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sample {
    /// Per operation: nanoseconds, or bytes where memory is measured.
    pub(crate) cost: f64,
    /// Of each round trip, in nanoseconds, where there are round trips.
    pub(crate) latencies: Vec<u32>,
}

impl Sample {
    pub(crate) fn per_operation(total: Duration, n: usize) -> Sample {
        Sample { cost: total.as_nanos() as f64 / n as f64, latencies: Vec::new() }
    }

    /// Measures `n` calls one by one, after some that do not count.
    pub(crate) fn of_round_trips(n: usize, mut trip: impl FnMut(u64)) -> Sample {
        (0..n.min(50)).for_each(|value| trip(value as u64));
        let mut latencies = Vec::with_capacity(n);
        let mut before = Instant::now();
        for value in 0..n {
            trip(value as u64);
            let now = Instant::now();
            latencies.push(u32::try_from((now - before).as_nanos()).unwrap_or(u32::MAX));
            before = now;
        }
        Sample::of_latencies(latencies)
    }

    /// The cost is the median.
    pub(crate) fn of_latencies(latencies: Vec<u32>) -> Sample {
        let mut sorted = latencies.clone();
        sorted.sort_unstable();
        Sample { cost: f64::from(sorted[sorted.len() / 2]), latencies }
    }
}

/// Time that this process has spent on processors: what its neighbours do does not count.
pub(crate) struct CpuTime(Duration);

impl CpuTime {
    pub(crate) fn start() -> CpuTime {
        CpuTime(machine::cpu_time())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        machine::cpu_time().saturating_sub(self.0)
    }
}

/// Counts what happens on one thread; whoever waits for the last of them is woken by it.
///
/// Leaked, so that a callback holds a plain reference and nobody pays for counting those.
pub(crate) struct Tally {
    expected: u64,
    seen: Cell<u64>,
    waiting: RefCell<Option<Waker>>,
}

impl Tally {
    pub(crate) fn of(expected: usize) -> &'static Tally {
        Box::leak(Box::new(Tally {
            expected: expected as u64,
            seen: Cell::new(0),
            waiting: RefCell::default(),
        }))
    }

    pub(crate) fn hit(&self) {
        let seen = self.seen.get() + 1;
        self.seen.set(seen);
        if seen == self.expected
            && let Some(waker) = self.waiting.take()
        {
            waker.wake();
        }
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.seen.get() >= self.expected
    }

    pub(crate) async fn complete(&'static self) {
        std::future::poll_fn(|context| {
            if self.is_complete() {
                return Poll::Ready(());
            }
            self.waiting.replace(Some(context.waker().clone()));
            Poll::Pending
        })
        .await;
    }
}

/// The same for callbacks that another thread waits for. Only one thread may hit it.
pub(crate) struct RemoteTally {
    expected: u64,
    seen: AtomicU64,
    waiting: Thread,
}

impl RemoteTally {
    /// The calling thread is the one that will wait.
    pub(crate) fn of(expected: usize) -> &'static RemoteTally {
        Box::leak(Box::new(RemoteTally {
            expected: expected as u64,
            seen: AtomicU64::new(0),
            waiting: std::thread::current(),
        }))
    }

    pub(crate) fn hit(&self) {
        // One writer: no read-modify-write is needed.
        let seen = self.seen.load(Ordering::Relaxed) + 1;
        self.seen.store(seen, Ordering::Release);
        if seen == self.expected {
            self.waiting.unpark();
        }
    }

    pub(crate) fn wait(&self) {
        while self.seen.load(Ordering::Acquire) < self.expected {
            std::thread::park();
        }
    }
}

/// A waker that counts, for timers that are polled by hand; the last call wakes whoever waits.
pub(crate) struct Fired {
    expected: u64,
    seen: AtomicU64,
    waiting: parking_lot::Mutex<Option<Waker>>,
}

impl Fired {
    pub(crate) fn of(expected: usize) -> Arc<Fired> {
        Arc::new(Fired {
            expected: expected as u64,
            seen: AtomicU64::new(0),
            waiting: parking_lot::Mutex::new(None),
        })
    }

    pub(crate) async fn complete(self: Arc<Self>) {
        std::future::poll_fn(|context| {
            *self.waiting.lock() = Some(context.waker().clone());
            if self.seen.load(Ordering::Acquire) >= self.expected {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }
}

impl Wake for Fired {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.seen.fetch_add(1, Ordering::AcqRel) + 1 == self.expected
            && let Some(waker) = self.waiting.lock().take()
        {
            waker.wake();
        }
    }
}

/// Wakes its own task and suspends it once: the yield that needs no runtime.
pub(crate) struct WakeSelf(bool);

impl WakeSelf {
    pub(crate) fn once() -> WakeSelf {
        WakeSelf(false)
    }
}

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

/// Uses the processor for a while.
pub(crate) fn burn(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        std::hint::spin_loop();
    }
}

/// Pseudo-random numbers, the same in each run (SplitMix64).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}

/// The sample below which `at` of them lie.
pub(crate) fn quantile(samples: &[f64], at: f64) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[((sorted.len() - 1) as f64 * at).round() as usize]
}

pub(crate) fn median(samples: &[f64]) -> f64 {
    quantile(samples, 0.5)
}
