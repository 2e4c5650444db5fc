//! Chapter L of SPEC.md: the loop future, its callbacks and awaiters.

mod awaiting;
mod callbacks;
mod outcomes;

use std::future::{Future, poll_fn};
use std::panic::resume_unwind;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use loopgate::executor::Work;
use loopgate::{
    BrokenPromise, Cancelled, EventLoop, Exception, Executor, ForeignLoop, LoopClosed, LoopFuture,
    ResultError, SubmitError, Turn, concurrent, gather, shield, wait_for, yield_now,
};

use super::support::{Log, record_reports, virtual_loop};

/// One iteration that does not sleep.
fn turn(event_loop: &EventLoop) {
    assert_eq!(event_loop.run_once(Some(Duration::ZERO)).unwrap(), Turn::Continue);
}

fn poll<T: Clone + 'static>(
    future: &mut LoopFuture<T>,
    waker: &Waker,
) -> Poll<Result<T, Exception>> {
    Pin::new(future).poll(&mut Context::from_waker(waker))
}
