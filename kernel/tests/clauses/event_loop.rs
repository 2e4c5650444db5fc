//! Chapter S of SPEC.md: run, stop, close, exit, descriptors.

mod closing;
mod descriptors;
mod driven;
mod exit;
mod run;

use std::cell::{Cell, RefCell};
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::panic::resume_unwind;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use loopgate::checkers::{Census, census, drain_pipe};
use loopgate::{
    ConcurrentFuture, EventLoop, Exception, ExitRequest, LoopClosed, LoopHandle, ResultError,
    RunError, SubmitError, ThreadPoolExecutor, Time, Turn, WatchError, concurrent,
    get_running_loop, sleep, yield_now,
};

use crate::support::{Log, record_reports};
use crate::wakeup::{CheckedLoop, GUARD, OnDrop, elsewhere, guarded, real_loop, virtual_loop};

const NOW: Option<Duration> = Some(Duration::ZERO);

fn stop() {
    get_running_loop().unwrap().stop();
}

/// A callback that notes `entry`.
fn note<T: Clone + 'static>(log: &Log<T>, entry: T) -> impl FnOnce() + 'static + use<T> {
    let log = log.clone();
    move || log.note(entry)
}

/// Reschedules itself until it has run `left` times more, then stops the loop.
fn count_down_and_stop(left: u32) {
    if left == 0 {
        return stop();
    }
    let again = move || count_down_and_stop(left - 1);
    get_running_loop().unwrap().call_soon(again).unwrap();
}

fn run_error(exception: &Exception) -> &RunError {
    exception.downcast_ref().unwrap_or_else(|| panic!("not of the run: {exception}"))
}

/// A number that may or may not be a descriptor.
pub(crate) struct Fd(pub(crate) RawFd);

impl AsRawFd for Fd {
    fn as_raw_fd(&self) -> RawFd {
        self.0
    }
}

const EXIT: ExitRequest = ExitRequest { code: 7 };

fn raise() -> ! {
    EXIT.raise()
}
