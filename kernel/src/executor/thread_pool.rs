//! The thread pool: one queue, workers started only when none is idle.
//!
//! States of the pool: *open*; *shut down*, when no work is accepted and the workers end once the
//! queue is empty; *broken*, when an initializer failed: as shut down, but the queue was failed.
//!
//! Who touches what: everything is under one lock. A worker alone counts itself idle, for as long as it
//! waits; a submission compares that with the work not yet picked up, so two submissions never count
//! on one idle worker, and a busy worker that picks up work early leaves no count wrong.
//! Functions, initializers and drops of user data run with the lock released.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{Executor, SubmitError, Work};
use crate::concurrent::{self, ConcurrentFuture, Doer, Promise};
use crate::exception::{BrokenPromise, Exception, ExceptionContext, report_by_default};
use crate::primitives::{
    Arc, Checked, Condvar, JoinHandle, Mutex, MutexGuard, checked_mutex, thread, unique_id,
};

type Initializer = Arc<dyn Fn() -> Result<(), Exception> + Send + Sync>;

/// Threads that run blocking functions; asyncio's `ThreadPoolExecutor`.
///
/// Thread-safe. Dropping it shuts it down without waiting: queued work still runs.
///
/// ```
/// use loopgate::ThreadPoolExecutor;
///
/// let pool = ThreadPoolExecutor::new()?;
/// let future = pool.submit(|| Ok(6 * 7))?;
/// assert_eq!(future.result()?, 42);
/// pool.shutdown(true, false)?;
/// # Ok::<(), loopgate::Exception>(())
/// ```
pub struct ThreadPoolExecutor {
    shared: Arc<Shared>,
}

/// Why a pool could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ThreadPoolError {
    /// A pool of no workers would never run anything; ask for at least one.
    ZeroWorkers,
}

impl fmt::Display for ThreadPoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a pool needs at least one worker")
    }
}

impl std::error::Error for ThreadPoolError {}

/// Why a shutdown did not wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShutdownError {
    /// A worker cannot wait for its own end; shut down from another thread, or without waiting.
    FromOwnWorker,
    /// The time was up; so many workers were still running. They end by themselves.
    TimedOut {
        /// How many had not ended.
        workers: usize,
    },
}

impl fmt::Display for ShutdownError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ShutdownError::FromOwnWorker => f.write_str(
                "a worker of the pool cannot wait for the pool's end; shut down from another thread",
            ),
            ShutdownError::TimedOut { workers } => {
                write!(f, "the time was up with {workers} workers still running; they go on")
            }
        }
    }
}

impl std::error::Error for ShutdownError {}

/// Makes a [`ThreadPoolExecutor`].
#[derive(Default)]
#[must_use]
pub struct ThreadPoolBuilder {
    max_workers: Option<usize>,
    name: Option<String>,
    initializer: Option<Initializer>,
}

impl ThreadPoolBuilder {
    /// At most this many threads; by default the processors and four, but no more than 32.
    pub fn max_workers(mut self, workers: usize) -> Self {
        self.max_workers = Some(workers);
        self
    }

    /// What the threads' names begin with; by default `loopgate`.
    pub fn thread_name_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.name = Some(prefix.into());
        self
    }

    /// Called in each thread before it takes work; if it fails the pool is broken (clause E-7).
    pub fn initializer(
        mut self,
        initializer: impl Fn() -> Result<(), Exception> + Send + Sync + 'static,
    ) -> Self {
        self.initializer = Some(Arc::new(initializer));
        self
    }

    //= SPEC.md#e-1
    //# A pool MUST refuse zero workers and work after shutdown, each with its own error, and the
    //# refused work MUST NOT run.
    /// The pool. No thread is started before there is work.
    ///
    /// # Errors
    /// [`ThreadPoolError::ZeroWorkers`].
    pub fn build(self) -> Result<ThreadPoolExecutor, ThreadPoolError> {
        let limit =
            self.max_workers.unwrap_or_else(|| (thread::available_parallelism() + 4).min(32));
        if limit == 0 {
            return Err(ThreadPoolError::ZeroWorkers);
        }
        let id = unique_id();
        let (ended_promise, ended) = concurrent::pair(Doer::Pool(id), || BrokenPromise.into());
        // The end is everybody's: nobody who waits for it may cancel it.
        let running = ended_promise.set_running_or_notify_cancel();
        debug_assert_eq!(running, Ok(true), "nobody else has seen it yet");
        let state = State {
            queue: VecDeque::new(),
            workers: 0,
            started: 0,
            idle: 0,
            waking: false,
            mode: Mode::Open,
            threads: Vec::new(),
            ended_promise: Some(ended_promise),
        };
        Ok(ThreadPoolExecutor {
            shared: Arc::new(Shared {
                id,
                state: checked_mutex(state),
                work: Condvar::new(),
                ended,
                limit,
                name: self.name.unwrap_or_else(|| "loopgate".to_owned()),
                initializer: self.initializer,
            }),
        })
    }
}

impl fmt::Debug for ThreadPoolBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadPoolBuilder").field("max_workers", &self.max_workers).finish()
    }
}

enum Mode {
    Open,
    ShutDown,
    Broken(Exception),
}

struct State {
    queue: VecDeque<Work>,
    /// Workers that have not ended.
    workers: usize,
    /// Workers ever started, for their names.
    started: usize,
    /// Workers that wait. One that was notified counts until it has run on, and so does the work it
    /// was notified for: `queue.len() < idle` is the test for somebody being free.
    idle: usize,
    /// A worker that waits was notified and has not run on yet.
    waking: bool,
    mode: Mode,
    /// Handles of workers, to be joined by whoever waits.
    threads: Vec<JoinHandle>,
    /// Kept until the last worker of a pool that takes no more work has ended.
    ended_promise: Option<Promise<()>>,
}

impl State {
    fn take_ended(&mut self) -> Option<Promise<()>> {
        let over = !matches!(self.mode, Mode::Open) && self.workers == 0;
        if over { self.ended_promise.take() } else { None }
    }
}

impl Checked for State {
    fn check(&self) {
        let State { queue, workers, started, idle, waking, mode, threads, ended_promise } = self;
        assert!(!waking || *idle > 0, "who was notified still counts as idle");
        assert!(
            idle <= workers && workers <= started,
            "who is idle is a worker, who works was started"
        );
        assert!(threads.len() <= *started, "a handle is of a worker that was started");
        assert!(queue.is_empty() || *workers > 0, "what is queued has somebody to do it");
        let over = !matches!(mode, Mode::Open) && *workers == 0;
        assert!(!over || ended_promise.is_none(), "the end is told when the last worker has ended");
    }

    fn state(&self) -> String {
        let mode = match self.mode {
            Mode::Open => "open",
            Mode::ShutDown => "shut down",
            Mode::Broken(_) => "broken",
        };
        let State { queue, workers, idle, .. } = self;
        format!("{mode}, {} queued, {workers} workers, {idle} idle", queue.len())
    }
}

pub(crate) struct Shared {
    id: u64,
    state: Mutex<State>,
    work: Condvar,
    /// Done when the pool takes no more work and every worker has ended.
    ended: ConcurrentFuture<()>,
    limit: usize,
    name: String,
    initializer: Option<Initializer>,
}

impl ThreadPoolExecutor {
    /// A pool of the default size.
    ///
    /// # Errors
    /// None; the signature is [`ThreadPoolBuilder::build`]'s.
    pub fn new() -> Result<ThreadPoolExecutor, ThreadPoolError> {
        ThreadPoolExecutor::builder().build()
    }

    /// A pool of another size, with names, with an initializer.
    pub fn builder() -> ThreadPoolBuilder {
        ThreadPoolBuilder::default()
    }

    /// Queues `function`; the future of its result.
    ///
    /// # Errors
    /// [`SubmitError`]; then the function is dropped unrun.
    pub fn submit<T, F>(&self, function: F) -> Result<ConcurrentFuture<T>, SubmitError>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, Exception> + Send + 'static,
    {
        let (work, future) = Work::new(function);
        self.execute(work)?;
        Ok(future)
    }

    //= SPEC.md#e-5
    //# `shutdown` MUST let queued work run, or cancel it when asked to, and when asked to wait MUST
    //# return only after every worker has ended.
    //= SPEC.md#e-6
    //# `shutdown` with `cancel_futures` MUST release every waiter of the cancelled futures and mark
    //# them ended.
    /// Accepts no more work; with `cancel_futures` cancels what is queued; with `wait` returns only after
    /// every worker has ended. Idempotent.
    ///
    /// # Errors
    /// [`ShutdownError::FromOwnWorker`] if a worker of this pool asks to wait; nothing has changed.
    pub fn shutdown(&self, wait: bool, cancel_futures: bool) -> Result<(), ShutdownError> {
        let mut state = self.shared.state.lock();
        //= SPEC.md#e-8
        //# Waiting for a pool's shutdown from one of its own workers MUST be refused with an error.
        if wait && state.threads.iter().any(JoinHandle::is_current) {
            return Err(ShutdownError::FromOwnWorker);
        }
        if matches!(state.mode, Mode::Open) {
            state.mode = Mode::ShutDown;
        }
        let cancelled =
            if cancel_futures { std::mem::take(&mut state.queue) } else { VecDeque::new() };
        self.shared.work.notify_all();
        let over = state.take_ended();
        drop(state);
        cancelled.into_iter().for_each(Work::cancel);
        complete(over);
        if wait {
            self.join();
        }
        Ok(())
    }

    /// Done when the pool has been shut down and every worker has ended. Awaitable by any executor.
    pub fn ended(&self) -> ConcurrentFuture<()> {
        self.shared.ended.clone()
    }

    /// How many workers have not ended.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.shared.state.lock().workers
    }

    fn join(&self) {
        // Another thread may be joining the same handles: the future is what all can wait for.
        let ended = self.shared.ended.result();
        debug_assert!(ended.is_ok(), "the promise of the end is always kept");
        let threads = std::mem::take(&mut self.shared.state.lock().threads);
        for thread in threads {
            // A worker never unwinds: functions and initializers are caught.
            let _ = thread.join();
        }
    }
}

#[cfg(feature = "checkers")]
impl ThreadPoolExecutor {
    /// What the pool's threads share; it does not keep the pool open.
    pub(crate) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }
}

#[cfg(feature = "checkers")]
impl Shared {
    /// How much is queued, and how many workers there are and wait.
    pub(crate) fn counts(&self) -> [usize; 3] {
        let state = self.state.lock();
        [state.queue.len(), state.workers, state.idle]
    }

    pub(crate) fn ended(&self) -> ConcurrentFuture<()> {
        self.ended.clone()
    }
}

impl Executor for ThreadPoolExecutor {
    //= SPEC.md#e-2
    //# Work MUST start in the order of submission, and a worker MUST be started only when none is
    //# idle and the limit is not reached.
    //= SPEC.md#e-9
    //# A pool that cannot start a thread MUST refuse the work if it has no worker, and otherwise
    //# leave it to the workers it has.
    fn execute(&self, work: Work) -> Result<(), SubmitError> {
        let mut state = self.shared.state.lock();
        match &state.mode {
            Mode::Open => {}
            // The refused work is dropped after the lock: it is the caller's.
            Mode::ShutDown => return refuse(state, work, SubmitError::ShutDown),
            Mode::Broken(why) => {
                let error = SubmitError::Broken(why.clone());
                return refuse(state, work, error);
            }
        }
        let all_taken = state.queue.len() >= state.idle;
        if all_taken && state.workers < self.shared.limit {
            match self.start_worker(&mut state) {
                Err(error) if state.workers == 0 => {
                    return refuse(state, work, SubmitError::no_thread(error));
                }
                // The workers that there are will come to it.
                _ => {}
            }
        }
        state.queue.push_back(work);
        self.shared.wake_one(&mut state);
        Ok(())
    }
}

fn refuse(state: MutexGuard<'_, State>, work: Work, why: SubmitError) -> Result<(), SubmitError> {
    drop(state);
    drop(work);
    Err(why)
}

fn complete(ended: Option<Promise<()>>) {
    if let Some(ended) = ended {
        ended.try_complete(Ok(()));
    }
}

impl ThreadPoolExecutor {
    fn start_worker(&self, state: &mut State) -> std::io::Result<()> {
        let shared = Arc::clone(&self.shared);
        let name = format!("{}-{}", self.shared.name, state.started);
        let thread = thread::spawn(name, move || shared.work())?;
        state.threads.push(thread);
        state.started += 1;
        state.workers += 1;
        Ok(())
    }
}

impl Drop for ThreadPoolExecutor {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock();
        if matches!(state.mode, Mode::Open) {
            state.mode = Mode::ShutDown;
        }
        self.shared.work.notify_all();
        let over = state.take_ended();
        drop(state);
        complete(over);
    }
}

impl Shared {
    /// A worker's life.
    fn work(&self) {
        concurrent::work_for(self.id);
        if let Some(initializer) = &self.initializer {
            let result = catch_unwind(AssertUnwindSafe(|| initializer()))
                .unwrap_or_else(|payload| Err(Exception::from_panic(payload)));
            if let Err(why) = result {
                self.break_down(why);
            }
        }
        let mut state = self.state.lock();
        loop {
            if let Some(work) = state.queue.pop_front() {
                drop(state);
                work.run();
                state = self.state.lock();
            } else if matches!(state.mode, Mode::Open) {
                state = self.wait_for_work(state);
            } else {
                break;
            }
        }
        state.workers -= 1;
        let over = state.take_ended();
        drop(state);
        complete(over);
    }

    /// Wakes a worker that waits, unless one is on its way already: that one wakes the next.
    ///
    /// A burst of work then costs a few wake-ups and not one for each.
    fn wake_one(&self, state: &mut State) {
        if state.idle > 0 && !state.waking {
            state.waking = true;
            self.work.notify_one();
        }
    }

    /// Idle until there is work or the pool ends.
    fn wait_for_work<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        state.idle += 1;
        while state.queue.is_empty() && matches!(state.mode, Mode::Open) {
            self.work.wait(&mut state);
            // Whether or not something is left for it: whoever comes next must wake somebody.
            state.waking = false;
        }
        state.idle -= 1;
        if state.queue.len() > 1 {
            self.wake_one(&mut state);
        }
        state
    }

    //= SPEC.md#e-7
    //# A failing initializer MUST break the pool: every queued future fails with that reason, also
    //# behind futures that were cancelled meanwhile, and later work is refused.
    /// The initializer failed: fails everything that is queued and refuses the rest.
    fn break_down(&self, why: Exception) {
        let context =
            ExceptionContext::new("a thread pool's initializer failed", Some(why.clone()));
        report_by_default(&context, None);
        let mut state = self.state.lock();
        state.mode = Mode::Broken(why.clone());
        let queue = std::mem::take(&mut state.queue);
        self.work.notify_all();
        drop(state);
        for work in queue {
            work.fail(SubmitError::Broken(why.clone()).into());
        }
    }
}

impl fmt::Debug for ThreadPoolExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.state.lock();
        f.debug_struct("ThreadPoolExecutor")
            .field("workers", &state.workers)
            .field("queued", &state.queue.len())
            .finish_non_exhaustive()
    }
}
