//! What all threads of a soak share: the loops that are open, the books, whom signals may reach.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use loopgate::LoopHandle;
use nix::sys::pthread::{Pthread, pthread_self};

use crate::books::Books;

/// Longer than this nothing takes: what is waited for so long is lost.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// In nanoseconds: up to a minute, with two digits.
pub(crate) fn latencies() -> Histogram<u64> {
    Histogram::new_with_bounds(100, 60_000_000_000, 2).expect("bounds that it can have")
}

pub(crate) struct Stage {
    end: Instant,
    loops: Mutex<Vec<LoopHandle>>,
    pub(crate) books: Arc<Books>,
    /// The threads of the load, while they live.
    threads: Mutex<Vec<Pthread>>,
    /// From a submission to its outcome, of coroutines that do nothing.
    pub(crate) round_trips: Mutex<Histogram<u64>>,
    seed: AtomicU64,
}

impl Stage {
    pub(crate) fn new(length: Duration, seed: u64) -> Stage {
        Stage {
            end: Instant::now() + length,
            loops: Mutex::default(),
            books: Arc::default(),
            threads: Mutex::default(),
            round_trips: Mutex::new(latencies()),
            seed: AtomicU64::new(seed),
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        Instant::now() >= self.end
    }

    /// A source of random choices for one thread.
    pub(crate) fn choices(&self) -> fastrand::Rng {
        fastrand::Rng::with_seed(self.seed.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn enter(&self, handle: LoopHandle) {
        lock(&self.loops).push(handle);
    }

    pub(crate) fn leave(&self, handle: &LoopHandle) {
        lock(&self.loops).retain(|other| other != handle);
    }

    /// One of the loops, which may close at any moment; waits for there to be one. `None` at the end.
    pub(crate) fn any_loop(&self, choices: &mut fastrand::Rng) -> Option<LoopHandle> {
        while !self.is_over() {
            if let Some(handle) = choices.choice(&*lock(&self.loops)) {
                return Some(handle.clone());
            }
            thread::sleep(Duration::from_micros(200));
        }
        None
    }

    /// Runs `body` in this thread; meanwhile signals may interrupt it.
    pub(crate) fn disturbed<T>(&self, body: impl FnOnce() -> T) -> T {
        let _place = Place::take(self);
        body()
    }

    /// Calls `signal` for one thread of the load, which lives as long as the call lasts.
    pub(crate) fn with_thread(&self, choices: &mut fastrand::Rng, signal: impl FnOnce(Pthread)) {
        let threads = lock(&self.threads);
        if let Some(thread) = choices.choice(&*threads) {
            signal(*thread);
        }
    }
}

/// Signals may reach the thread while this lives.
struct Place<'a>(&'a Stage, Pthread);

impl Place<'_> {
    fn take(stage: &Stage) -> Place<'_> {
        let me = pthread_self();
        lock(&stage.threads).push(me);
        Place(stage, me)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        lock(&self.0.threads).retain(|thread| *thread != self.1);
    }
}

/// Threads of the load die on purpose.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
