//! A minimal event loop with asyncio's semantics at the gate between a loop and other threads, formally checked.
//!
//! Three promises:
//!
//! * **Nothing is stranded.** Whatever a loop accepted from another thread ends: with a value, an
//!   exception or a cancellation, also when the loop is stopped, closed, dropped, or its thread panics.
//! * **No wait hangs.** A cancelled future releases every waiter, a wait that timed out is its own error,
//!   and a wait that could never end is refused.
//! * **It is checked.** Every clause of `SPEC.md` is quoted above the code that keeps it and above the
//!   tests and models that would fail without it.
//!
//! The words are asyncio's. On the loop's own thread: [`EventLoop`] runs, [`LocalLoop`] schedules,
//! [`Task`] and [`LoopFuture`] are awaited. From any other thread: [`LoopHandle`] posts and submits,
//! [`ConcurrentFuture`] is waited for or cancelled.
//!
//! ```
//! use loopgate::{EventLoop, sleep};
//! use std::time::Duration;
//!
//! let event_loop = EventLoop::new()?;
//! let handle = event_loop.handle();
//! let thread = std::thread::spawn(move || {
//!     let future = handle.run_coroutine_threadsafe(async {
//!         sleep(Duration::from_millis(1)).await?;
//!         Ok(3)
//!     })?;
//!     let three = future.result_timeout(Duration::from_secs(60))?;
//!     handle.stop()?;
//!     Ok::<i32, loopgate::Exception>(three)
//! });
//! event_loop.run_forever()?;
//! assert_eq!(thread.join().unwrap()?, 3);
//! # Ok::<(), loopgate::Exception>(())
//! ```

#![forbid(unsafe_code)]

#[cfg(not(unix))]
compile_error!("loopgate needs a Unix: its loops are woken by a pipe");

// Floor 0: the switch.
mod primitives;
// Floor 1: parts that know nothing of a loop.
mod awaiting;
pub mod concurrent;
mod exception;
mod future;
mod handle;
mod ready_queue;
mod releases;
mod strip;
mod table;
mod timers;
mod wakeup;
// Floor 2: a loop's state, chains, executors.
mod chain;
mod core;
pub mod executor;
mod waker;
// Floor 3: what programs are made of.
mod scope;
mod submit;
mod task;
// Floor 4: the loop itself, inside and outside.
mod event_loop;
mod loop_handle;

#[cfg(feature = "checkers")]
#[doc(hidden)]
pub mod checkers;

pub use concurrent::{ConcurrentFuture, Promise};
pub use event_loop::{EventLoop, EventLoopBuilder, LocalLoop, Turn, WatchError, get_running_loop};
pub use exception::{
    BrokenPromise, Cancelled, Exception, ExceptionContext, ExitRequest, InvalidState, LoopClosed,
    ResultError, RunError,
};
pub use executor::{
    Executor, ShutdownError, SubmitError, ThreadPoolBuilder, ThreadPoolError, ThreadPoolExecutor,
};
pub use future::{ForeignLoop, LoopFuture, LoopPromise};
pub use handle::{Handle, ThreadsafeHandle, ThreadsafeTimerHandle, TimerHandle};
pub use loop_handle::LoopHandle;
pub use primitives::{Clock, JoinHandle, Time};
pub use scope::{Gather, NotInTask, Shield, TimeoutError, gather, shield, timeout, wait_for};
pub use submit::PostError;
pub use task::{
    AwaitsItself, Coroutine, FactoryError, NewTask, NoRunningLoop, Sleep, Task, TaskRef, YieldNow,
    current_task, sleep, yield_now,
};
pub use timers::DeadlineOverflow;

/// The README's program is compiled and run with the other examples of this crate.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
