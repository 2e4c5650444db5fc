//! Letting time pass, and letting others go first.
//!
//! Clause T-18. A sleep is a future that a timer completes; a yield is one trip to the end of the
//! queue.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::alarm::Alarm;
use crate::awaiting::Suspension;
use crate::core::LoopCore;
use crate::exception::Exception;
use crate::timers::DeadlineOverflow;

/// No loop is running on this thread; await this in a task of an [`EventLoop`](crate::EventLoop).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRunningLoop;

impl std::fmt::Display for NoRunningLoop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no event loop is running on this thread; await this in a task of one")
    }
}

impl std::error::Error for NoRunningLoop {}

/// Suspends the task for `delay`, at least; zero lets everything that is queued run first.
///
/// The delay counts from the first poll, on the running loop's clock.
///
/// ```
/// use std::time::Duration;
/// # let event_loop = loopgate::EventLoop::new()?;
/// event_loop.run_until_complete(async {
///     loopgate::sleep(Duration::from_millis(1)).await
/// })?;
/// # Ok::<(), loopgate::Exception>(())
/// ```
///
/// # Errors
/// When awaited: [`Cancelled`](crate::Cancelled), [`NoRunningLoop`], or [`DeadlineOverflow`], as an [`Exception`].
pub fn sleep(delay: Duration) -> Sleep {
    Sleep { delay, state: SleepState::New }
}

/// The future of [`sleep`].
#[must_use = "a sleep that is not awaited does nothing"]
pub struct Sleep {
    delay: Duration,
    state: SleepState,
}

/// `Send`, so that a coroutine that sleeps can be submitted from another thread as it is.
enum SleepState {
    New,
    Yielding(YieldNow),
    Waiting(Alarm),
}

impl Sleep {
    fn start(&self) -> Result<SleepState, Exception> {
        let core = LoopCore::current().ok_or(NoRunningLoop)?;
        if self.delay.is_zero() {
            return Ok(SleepState::Yielding(yield_now()));
        }
        core.queue.check_open()?;
        let when = core.clock().now().checked_add(self.delay).ok_or(DeadlineOverflow)?;
        Ok(SleepState::Waiting(Alarm::set(&core, when)))
    }
}

//= SPEC.md#t-18
//# `sleep` MUST end not before its delay, and when cancelled MUST withdraw its timer; `yield_now`
//# MUST let everything that is queued run first.
impl Future for Sleep {
    type Output = Result<(), Exception>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if matches!(self.state, SleepState::New) {
            if let Some(cancelled) = Suspension::receive_here() {
                return Poll::Ready(Err(cancelled.into()));
            }
            self.state = self.start()?;
        }
        match &mut self.state {
            SleepState::New => unreachable!("started above"),
            SleepState::Yielding(yielding) => Pin::new(yielding).poll(cx),
            SleepState::Waiting(alarm) => alarm.poll(cx),
        }
    }
}

impl std::fmt::Debug for Sleep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sleep").field("delay", &self.delay).finish_non_exhaustive()
    }
}

/// Lets everything that is queued run before the task goes on; asyncio's `sleep(0)`.
///
/// # Errors
/// When awaited: [`Cancelled`](crate::Cancelled), as an [`Exception`].
pub fn yield_now() -> YieldNow {
    YieldNow { place: None }
}

/// The future of [`yield_now`].
#[derive(Debug)]
#[must_use = "a yield that is not awaited does nothing"]
pub struct YieldNow {
    /// Where the queue ended at the first poll. A step that was queued before, for another reason, is
    /// not yet the one that this waits for.
    place: Option<u64>,
}

impl Future for YieldNow {
    type Output = Result<(), Exception>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(cancelled) = Suspension::receive_here() {
            return Poll::Ready(Err(cancelled.into()));
        }
        match self.place {
            None => {
                let end = LoopCore::with_current(|core| core.queue.end_of_line());
                self.place = Some(end.unwrap_or(0));
            }
            Some(place) => {
                let passed = LoopCore::with_current(|core| core.queue.has_passed(place));
                if passed.unwrap_or(true) {
                    return Poll::Ready(Ok(()));
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
