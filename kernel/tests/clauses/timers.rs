//! Chapter D of SPEC.md: deadlines.

mod clocks;
mod deadlines;
mod sweeps;
mod threads;

use std::cell::Cell;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use loopgate::checkers::census;
use loopgate::{
    Clock, DeadlineOverflow, EventLoop, Exception, LoopHandle, ThreadsafeTimerHandle, Time,
    TimerHandle, Turn, get_running_loop, sleep,
};

use crate::support::Log;
use crate::wakeup::{GUARD, LoopThread, elsewhere, guarded, real_loop, virtual_loop};

const NOW: Option<Duration> = Some(Duration::ZERO);

fn stop() {
    get_running_loop().unwrap().stop();
}

/// A callback that notes `entry` and the moment.
fn note<T: Clone + 'static>(log: &Log<(T, Time)>, entry: T) -> impl FnOnce() + 'static + use<T> {
    let log = log.clone();
    move || log.note((entry, get_running_loop().unwrap().time()))
}
