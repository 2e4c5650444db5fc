//! Chapter of SPEC.md with the same name: one test or more for each clause. Here T-1 to T-4, T-13 and T-17;
//! cancelling, making and waiting have files of their own.

mod cancel;
mod current;
mod factory;
mod steps;
mod wait;
mod wakers;

use std::cell::{Cell, OnceCell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use loopgate::checkers::{census, drain_pipe};
use loopgate::{
    AwaitsItself, Cancelled, EventLoop, Exception, LoopClosed, ResultError, Task, current_task,
    gather, get_running_loop, shield, sleep, timeout, wait_for, yield_now,
};

use crate::support::{Log, virtual_loop};

/// A coroutine whatever it is made of.
pub(crate) type Boxed<T> = Pin<Box<dyn Future<Output = Result<T, Exception>>>>;

/// Seconds, which cost nothing on a virtual clock.
pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Runs so many iterations that do not sleep.
pub(crate) fn turns(event_loop: &EventLoop, count: usize) {
    for _ in 0..count {
        let _turn = event_loop.run_once(Some(Duration::ZERO)).expect("an open loop runs");
    }
}

/// Runs until nothing is queued and no timer is set. Never hangs: a program that goes on for ever fails.
pub(crate) fn run_dry(event_loop: &EventLoop) {
    for _ in 0..10_000 {
        let Some(wait) = event_loop.poll_timeout() else { return };
        let _turn = event_loop.run_once(Some(wait)).expect("an open loop runs");
    }
    panic!("the loop does not come to rest");
}

/// Runs `coroutine` as a task to its end, or until the loop comes to rest without it. Never hangs.
pub(crate) fn finish<T: Clone + 'static>(
    event_loop: &EventLoop,
    coroutine: impl Future<Output = Result<T, Exception>> + 'static,
) -> Result<T, Exception> {
    let task = event_loop.create_task(coroutine)?;
    for _ in 0..10_000 {
        let wait = event_loop.poll_timeout();
        if task.done() || wait.is_none() {
            break;
        }
        let _turn = event_loop.run_once(wait)?;
    }
    Ok(task.result()?)
}

/// The message of the cancel that a coroutine was yielded; `None` if it was something else.
pub(crate) fn message_of<T>(result: &Result<T, Exception>) -> Option<String> {
    let cancelled = result.as_ref().err()?.cancelled()?;
    Some(cancelled.message().unwrap_or("").to_owned())
}

/// Awaits two coroutines in one task, without the kernel's help.
pub(crate) async fn join<A, B>(a: impl Future<Output = A>, b: impl Future<Output = B>) -> (A, B) {
    let (mut a, mut b) = (pin!(a), pin!(b));
    let mut results = (None, None);
    poll_fn(move |cx| {
        if results.0.is_none()
            && let Poll::Ready(result) = a.as_mut().poll(cx)
        {
            results.0 = Some(result);
        }
        if results.1.is_none()
            && let Poll::Ready(result) = b.as_mut().poll(cx)
        {
            results.1 = Some(result);
        }
        match (results.0.take(), results.1.take()) {
            (Some(a), Some(b)) => Poll::Ready((a, b)),
            partly => {
                results = partly;
                Poll::Pending
            }
        }
    })
    .await
}

/// Tells that it was dropped.
#[derive(Default)]
pub(crate) struct Dropped(Rc<Cell<bool>>);

impl Dropped {
    /// What tells it.
    pub(crate) fn flag(&self) -> Rc<Cell<bool>> {
        Rc::clone(&self.0)
    }
}

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.set(true);
    }
}

/// Calls something when it is dropped.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// An error to recognise.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Oops;

impl std::fmt::Display for Oops {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("oops")
    }
}

impl std::error::Error for Oops {}

/// A future that counts its polls and shows its waker, and is ready when told so.
#[derive(Clone, Default)]
pub(crate) struct Probe {
    polls: Rc<Cell<usize>>,
    waker: Rc<RefCell<Option<Waker>>>,
    ready: Rc<Cell<bool>>,
}

impl Probe {
    fn polls(&self) -> usize {
        self.polls.get()
    }

    fn waker(&self) -> Waker {
        self.waker.borrow().clone().expect("it was polled")
    }
}

impl Future for Probe {
    type Output = Result<(), Exception>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.polls.set(self.polls.get() + 1);
        self.waker.replace(Some(cx.waker().clone()));
        if self.ready.get() { Poll::Ready(Ok(())) } else { Poll::Pending }
    }
}
