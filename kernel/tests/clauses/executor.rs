//! Chapter E of SPEC.md: the thread pool, and executors of the program's own.

mod cancelling;
mod default_executor;
mod failures;
mod shutdown;
mod workers;

use std::cell::RefCell;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Barrier, Mutex};
use std::thread::{self, ThreadId};
use std::time::Duration;

use loopgate::concurrent::{ReturnWhen, wait};
use loopgate::executor::Work;
use loopgate::{
    BrokenPromise, ConcurrentFuture, EventLoop, Exception, Executor, ResultError, ShutdownError,
    SubmitError, ThreadPoolError, ThreadPoolExecutor, TimeoutError, get_running_loop, timeout,
};

use super::concurrent::{GUARD, Notes, events};
use super::support::{Log, virtual_loop};

fn pool_of(workers: usize) -> ThreadPoolExecutor {
    ThreadPoolExecutor::builder().max_workers(workers).build().unwrap()
}

/// A worker that is busy until it is let go.
struct Busy {
    go_on: Sender<()>,
    future: ConcurrentFuture<ThreadId>,
}

impl Busy {
    /// The work has begun when this returns.
    fn one_of(pool: &ThreadPoolExecutor) -> Busy {
        let (began, has_begun) = mpsc::channel();
        let (go_on, may_go_on) = mpsc::channel::<()>();
        let future = pool.submit(move || {
            began.send(()).unwrap();
            // The guard only bounds a test that failed.
            let _ = may_go_on.recv_timeout(GUARD);
            Ok(thread::current().id())
        });
        has_begun.recv_timeout(GUARD).expect("no worker took the work");
        Busy { go_on, future: future.unwrap() }
    }

    fn let_go(self) -> ThreadId {
        self.go_on.send(()).unwrap();
        self.future.result_timeout(GUARD).unwrap()
    }
}

/// Shuts the pool down; unlike a shutdown that waits it is over in a while even if a worker was lost.
fn end(pool: &ThreadPoolExecutor) {
    pool.shutdown(false, false).unwrap();
    pool.ended().result_timeout(GUARD).expect("a worker was lost");
    pool.shutdown(true, false).unwrap();
}

fn is_cancelled<T>(result: &Result<T, ResultError>) -> bool {
    matches!(result, Err(ResultError::Cancelled(_)))
}

/// Something that a function owns, or returns, and that panics when it is dropped.
#[derive(Clone)]
struct PanicsWhenDropped;

impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        resume_unwind(Box::new("dropped"));
    }
}
