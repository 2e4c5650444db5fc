//! Chapter O of SPEC.md: what encloses awaits and cancels them.

mod expiry;
mod gather;
mod nesting;
mod shield;
mod wait_for;

use std::cell::{Cell, OnceCell};
use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use loopgate::{
    DeadlineOverflow, EventLoop, Exception, ForeignLoop, NoRunningLoop, NotInTask, ResultError,
    Task, TimeoutError, concurrent, current_task, gather, get_running_loop, shield, sleep, timeout,
    wait_for, yield_now,
};

use crate::support::{Log, record_reports, virtual_loop};
use crate::task::{Boxed, Dropped, Oops, finish, join, message_of, run_dry, secs, turns};

/// Whole seconds that have passed on the loop's clock, which are all that pass in these tests.
fn elapsed(event_loop: &EventLoop) -> u64 {
    let nanos = event_loop.time().as_nanos();
    assert_eq!(nanos % 1_000_000_000, 0);
    nanos / 1_000_000_000
}

/// Has something happen when so much time has passed; ahead of timers that are set later for the same time.
fn at(event_loop: &EventLoop, seconds: u64, callback: impl FnOnce() + 'static) {
    let _timer = event_loop.call_later(secs(seconds), callback).unwrap();
}

/// What a scope yielded, in a word.
fn kind<T>(result: &Result<T, Exception>) -> &'static str {
    match result {
        Ok(_) => "value",
        Err(error) if error.is_cancelled() => "cancelled",
        Err(error) if error.is::<TimeoutError>() => "timeout",
        Err(_) => "error",
    }
}

/// A task that works for `work` seconds and, when cancelled, cleans up for another `cleanup` seconds.
fn worker(event_loop: &EventLoop, work: u64, cleanup: u64) -> Task<u64> {
    let coroutine = async move {
        if let Err(cancelled) = sleep(secs(work)).await {
            sleep(secs(cleanup)).await?;
            return Err(cancelled);
        }
        Ok(work)
    };
    event_loop.create_task(coroutine).unwrap()
}

fn limited(event_loop: &EventLoop, inner: Boxed<()>) -> Task<Option<String>> {
    event_loop
        .create_task(async move {
            let result = timeout(secs(2), inner).await;
            assert_eq!(get_running_loop()?.time().as_nanos(), 2_000_000_000);
            assert_eq!(kind(&result), "cancelled");
            // It was delivered by the scope, and not a second time.
            yield_now().await?;
            sleep(secs(1)).await?;
            Ok(message_of(&result))
        })
        .unwrap()
}

/// A task that fails after so many seconds.
fn failing(event_loop: &EventLoop, after: u64, message: &'static str) -> Task<u64> {
    event_loop
        .create_task(async move {
            sleep(secs(after)).await?;
            Err(Exception::new(message))
        })
        .unwrap()
}
