//! The loop's owner: runs it, stops it, closes it.
//!
//! Clauses S-1 to S-12, and Q-2 to Q-5 where an iteration carries them out. States: *open* and not
//! running; *running*, while one of the `run` methods is on the stack; *closed*, for ever.
//!
//! An iteration (`turn`) is: decide how long to sleep, sleep, drain the pipe, take in the mail, the
//! ready descriptors and the due timers, in that order; then run exactly what is queued now.
//!
//! Checks come before the guard that marks the loop as running is made, so a refused run changes
//! nothing; the guard's drop undoes everything, whatever ends the run.

mod local;
mod turn;
mod watch;

pub use local::{LocalLoop, get_running_loop};
pub use watch::WatchError;

use std::fmt;
use std::future::Future;
use std::io;
use std::ops::Deref;
use std::os::fd::{AsRawFd, RawFd};
use std::rc::Rc;
use std::time::Duration;

use std::cell::Cell;

use crate::core::{DefaultExecutor, EnteredLoop, LoopCore};
use crate::exception::{Exception, RunError, shield_from_panic};
use crate::primitives::{Attendance, Clock};
use crate::task;

/// A single-threaded event loop; asyncio's, at the gate to other threads.
///
/// It belongs to the thread that made it (not `Send`). What the loop offers on its own thread is in
/// [`LocalLoop`], to which this dereferences; what it offers to other threads is in
/// [`LoopHandle`](crate::LoopHandle). Dropping it closes it (clause S-7).
///
/// ```
/// use loopgate::{EventLoop, sleep};
/// use std::time::Duration;
///
/// let event_loop = EventLoop::new()?;
/// let answer = event_loop.run_until_complete(async {
///     sleep(Duration::from_millis(1)).await?;
///     Ok(42)
/// })?;
/// assert_eq!(answer, 42);
/// # Ok::<(), loopgate::Exception>(())
/// ```
pub struct EventLoop {
    local: LocalLoop,
}

/// Makes an [`EventLoop`].
///
/// ```
/// use loopgate::EventLoop;
/// use std::time::Duration;
///
/// let event_loop = EventLoop::builder().spin(Duration::from_micros(20)).build()?;
/// assert_eq!(event_loop.run_until_complete(async { Ok(42) })?, 42);
/// # Ok::<(), loopgate::Exception>(())
/// ```
#[derive(Debug, Default)]
#[must_use]
pub struct EventLoopBuilder {
    clock: Option<Clock>,
    spin: Option<Duration>,
}

impl EventLoopBuilder {
    /// The loop's clock; by default the operating system's.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Has the loop look out for posts for so long before it sleeps, and whoever waits for a submission's
    /// result before it blocks. By default neither does.
    ///
    /// Where the two run on cores of their own a round trip then costs no waking of a core, and takes a
    /// small part of the time. The price is processor time: up to `longest` each time that a thread would
    /// sleep. Each thread gives it up while it does not pay, on one core for example, and then tries it on
    /// one occasion in 256 at the least. A few tens of microseconds are sensible: what waking a core costs.
    ///
    /// Semantics do not change. The loop does not spin on a virtual clock, in `run_once` with a timeout,
    /// while it watches descriptors, or when a timer is due within that time; and a wait does not if its
    /// own timeout is no longer than that.
    pub fn spin(mut self, longest: Duration) -> Self {
        self.spin = Some(longest);
        self
    }

    /// The loop, which belongs to the calling thread.
    ///
    /// # Errors
    /// The operating system's, when it has no descriptors left for the pipe and the poll.
    pub fn build(self) -> io::Result<EventLoop> {
        let clock = self.clock.unwrap_or_else(Clock::real);
        // Virtual time stands still while anybody runs: there is nothing to be gained.
        let patience = self.spin.filter(|longest| !longest.is_zero() && !clock.is_virtual());
        Ok(EventLoop { local: LocalLoop::new(LoopCore::new(clock, patience)?) })
    }
}

/// Whether a single iteration asks for more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Turn {
    /// Go on with another iteration when there is something to do.
    Continue,
    /// A stop was requested, and is consumed.
    Stop,
}

impl EventLoop {
    /// A loop on the operating system's clock.
    ///
    /// # Errors
    /// The operating system's, when it has no descriptors left for the pipe and the poll.
    pub fn new() -> io::Result<EventLoop> {
        EventLoop::builder().build()
    }

    /// A loop that differs from the usual one.
    pub fn builder() -> EventLoopBuilder {
        EventLoopBuilder::default()
    }

    /// A loop on the given clock, for example a virtual one.
    ///
    /// # Errors
    /// As [`EventLoop::new`].
    pub fn with_clock(clock: Clock) -> io::Result<EventLoop> {
        EventLoop::builder().clock(clock).build()
    }

    fn core(&self) -> &Rc<LoopCore> {
        self.local.core()
    }

    /// Runs until [`stop`](LocalLoop::stop) (clauses S-1, S-2).
    ///
    /// # Errors
    /// [`RunError`]: refused, unable to sleep, or ended by an exit request.
    pub fn run_forever(&self) -> Result<(), RunError> {
        let running = Running::begin(self.core())?;
        while running.turn(None)? == Turn::Continue {}
        Ok(())
    }

    //= SPEC.md#s-4
    //# `run_until_complete` MUST return the outcome, or an error if the loop was stopped first, and
    //# MUST leave nothing behind that stops a later run.
    /// Runs until `future` is done, as a task; its outcome.
    ///
    /// # Errors
    /// What the coroutine failed with; an exception that is [`Cancelled`](crate::Cancelled), or
    /// [`RunError`]. If the loop was stopped first the task stays, and goes on with the next run.
    pub fn run_until_complete<T, F>(&self, future: F) -> Result<T, Exception>
    where
        T: Clone + 'static,
        F: Future<Output = Result<T, Exception>> + 'static,
    {
        let running = Running::begin(self.core())?;
        let task = self.local.create_task(future)?;
        let armed = Disarm(Rc::new(Cell::new(true)));
        let (stop_armed, core) = (Rc::clone(&armed.0), Rc::clone(self.core()));
        task.add_done_callback(move |_| {
            if stop_armed.get() {
                core.stopping.set(true);
            }
        });
        while running.turn(None)? == Turn::Continue {}
        if !task.done() {
            return Err(RunError::StoppedBeforeDone.into());
        }
        Ok(task.result()?)
    }

    //= SPEC.md#s-5
    //# `run_once` MUST run one iteration, sleeping no longer than its timeout.
    /// Runs one iteration, sleeping no longer than `timeout`; `None` sleeps until there is work.
    ///
    /// With zero this is how a foreign event loop drives this one; see [`LocalLoop::poll_timeout`].
    ///
    /// # Errors
    /// As [`EventLoop::run_forever`].
    pub fn run_once(&self, timeout: Option<Duration>) -> Result<Turn, RunError> {
        let running = Running::begin(self.core())?;
        running.turn(timeout)
    }

    //= SPEC.md#s-6
    //# `close` MUST be refused while the loop runs, MUST be idempotent, and MUST drop all queued
    //# work, timers and tasks.
    /// Ends the loop: every accepted submission and every task ends, everything queued is dropped.
    ///
    /// Idempotent. The default executor is told to shut down, and not waited for.
    ///
    /// # Errors
    /// [`RunError::AlreadyRunning`] if the loop is running: stop it first. Nothing has changed.
    pub fn close(&self) -> Result<(), RunError> {
        let core = self.core();
        if core.running.get() {
            return Err(RunError::AlreadyRunning);
        }
        if !core.queue.is_closed() {
            close(core);
        }
        Ok(())
    }
}

/// The done-callback of a run that is over must not stop a later one.
struct Disarm(Rc<Cell<bool>>);

impl Drop for Disarm {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

impl Deref for EventLoop {
    type Target = LocalLoop;

    fn deref(&self) -> &LocalLoop {
        &self.local
    }
}

//= SPEC.md#s-7
//# Dropping the loop MUST close it.
impl Drop for EventLoop {
    fn drop(&mut self) {
        // A loop cannot be dropped while a run borrows it.
        let closed = self.close();
        debug_assert!(closed.is_ok(), "a running loop was dropped");
    }
}

impl AsRawFd for EventLoop {
    //= SPEC.md#s-10
    //# The loop's descriptor MUST be readable when the loop has been woken or a watched descriptor
    //# is ready, so that a foreign event loop can drive it with `run_once` and `poll_timeout`.
    /// Readable when the loop was woken or a watched descriptor is ready: for a foreign event loop to
    /// wait on. Timers and queued callbacks do not show; see [`LocalLoop::poll_timeout`].
    fn as_raw_fd(&self) -> RawFd {
        self.core().poller.borrow().as_raw_fd()
    }
}

impl fmt::Debug for EventLoop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventLoop").field("local", &self.local).finish()
    }
}

/// A run: while it lives the loop is the thread's current one.
struct Running<'a> {
    core: &'a Rc<LoopCore>,
    /// Whether there was an iteration: only then a stop request has been served.
    turned: Cell<bool>,
    _attendance: Attendance,
    _entered: EnteredLoop,
}

impl<'a> Running<'a> {
    //= SPEC.md#s-3
    //# Running a loop that runs, or while another loop runs in the same thread, MUST be refused and
    //# MUST change nothing.
    fn begin(core: &'a Rc<LoopCore>) -> Result<Running<'a>, RunError> {
        if core.running.get() {
            return Err(RunError::AlreadyRunning);
        }
        if LoopCore::any_current() {
            return Err(RunError::OtherLoopRunning);
        }
        if core.queue.is_closed() {
            return Err(RunError::Closed);
        }
        let entered = core.enter();
        core.running.set(true);
        core.gate().set_running(true);
        core.asleep.set(true);
        let attendance = core.poller.borrow_mut().attend(&core.pipe.borrow());
        Ok(Running { core, turned: Cell::new(false), _attendance: attendance, _entered: entered })
    }

    fn turn(&self, longest: Option<Duration>) -> Result<Turn, RunError> {
        self.turned.set(true);
        turn::turn(self.core, longest)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        //= SPEC.md#s-1
        //# `stop` MUST let the running batch end, leave what it scheduled queued for the next run,
        //# and be consumed by the run that it ends.
        if self.turned.get() {
            self.core.stopping.set(false);
        }
        self.core.running.set(false);
        self.core.gate().set_running(false);
    }
}

/// First everything is refused, then everything is ended; user code runs with nothing borrowed.
fn close(core: &Rc<LoopCore>) {
    core.queue.close();
    task::abandon_all(core);
    let parcels = core.parcels.take();
    let executor = core.executor.replace(DefaultExecutor::ShutDown);
    let factory = core.factory.take();
    if let DefaultExecutor::Pool(pool) = &executor {
        let told = pool.shutdown(false, false);
        debug_assert!(told.is_ok(), "only waiting can be refused");
    }
    // Each for itself: two that panic in one unwinding would abort the program.
    let what = "something panicked when dropped by a closing loop";
    for parcel in parcels.into_values() {
        shield_from_panic(what, || parcel.lose());
    }
    shield_from_panic(what, || drop(executor));
    shield_from_panic(what, || drop(factory));
    watch::forget_all(core);
    shield_from_panic(what, || core.queue.handler().set(None));
    #[cfg(feature = "checkers")]
    core.check();
}
