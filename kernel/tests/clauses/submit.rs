//! Chapter U of SPEC.md: work that comes from other threads, or goes to them.

mod coroutines;
mod work;

use std::cell::Cell;
use std::future::pending;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread::ThreadId;
use std::time::Duration;

use loopgate::executor::Work;
use loopgate::{
    BrokenPromise, ConcurrentFuture, EventLoop, Exception, Executor, ExitRequest, LoopClosed,
    LoopHandle, PostError, ResultError, SubmitError, ThreadPoolExecutor, get_running_loop, sleep,
    timeout, yield_now,
};

use crate::support::{record_reports, virtual_loop};
use crate::task::{Boxed, Oops, finish, run_dry, secs, turns};

/// Notes in which thread it was dropped.
struct DroppedIn(Arc<Mutex<Option<ThreadId>>>);

impl DroppedIn {
    fn new() -> (DroppedIn, Arc<Mutex<Option<ThreadId>>>) {
        let place = Arc::default();
        (DroppedIn(Arc::clone(&place)), place)
    }
}

impl Drop for DroppedIn {
    fn drop(&mut self) {
        *self.0.lock().unwrap() = Some(std::thread::current().id());
    }
}

fn here() -> Option<ThreadId> {
    Some(std::thread::current().id())
}
