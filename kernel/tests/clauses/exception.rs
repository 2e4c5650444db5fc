//! Chapter X of SPEC.md: exceptions keep their identity, and the handler hears of what nobody else does.

mod identity;
mod reports;

use std::cell::Cell;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::panic::resume_unwind;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use loopgate::checkers::break_pipe;
use loopgate::{
    AwaitsItself, BrokenPromise, Cancelled, DeadlineOverflow, EventLoop, Exception,
    ExceptionContext, ExitRequest, FactoryError, ForeignLoop, InvalidState, LoopClosed,
    NoRunningLoop, NotInTask, PostError, ResultError, RunError, ShutdownError, SubmitError,
    ThreadPoolError, ThreadPoolExecutor, TimeoutError, WatchError, concurrent, get_running_loop,
    sleep, yield_now,
};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use crate::event_loop::Fd;
use crate::support::{self, Log, record_reports};
use crate::wakeup::{elsewhere, guarded, real_loop, virtual_loop};

const NOW: Option<Duration> = Some(Duration::ZERO);

fn turns(event_loop: &EventLoop, count: u32) {
    for _ in 0..count {
        let _turn = event_loop.run_once(NOW).unwrap();
    }
}

/// A panic that prints nothing.
fn panic_with(payload: impl Send + 'static) -> ! {
    resume_unwind(Box::new(payload))
}
