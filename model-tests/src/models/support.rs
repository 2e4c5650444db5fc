//! What the models of the kernel share.

use std::time::Duration;

use loopgate::checkers::model::thread::{self, ThreadId};
use loopgate::checkers::model::{Arc, Environment, Mutex, interleaving};
use loopgate::{EventLoop, Exception, LocalLoop, LoopHandle, ResultError, get_running_loop};

use crate::harness::{Outcome, join, start};

/// A byte that was written may never arrive: what no wake-up survives.
pub(super) const LOST_BYTES: Environment = Environment { lost_bytes: true, ..Environment::USUAL };

/// Waits return only for a reason: for models with many waits that are not about that.
pub(super) const NO_SPURIOUS: Environment =
    Environment { spurious_wakeups: false, ..Environment::USUAL };

/// Of such models the control in which the world loses a byte.
pub(super) const LOST_BYTES_ONLY: Environment = Environment { lost_bytes: true, ..NO_SPURIOUS };

/// Long enough to be a wait, short enough to pass: a model's timeouts fire at any moment.
pub(super) const SOON: Duration = Duration::from_micros(50);

/// The outcome where it takes the record of steps to tell, and there is none: on real threads.
pub(crate) const NOT_OBSERVED: &str = "not observed";

/// A loop of the calling thread.
pub(super) fn event_loop() -> EventLoop {
    EventLoop::new().expect("descriptors for a loop")
}

/// The loop that calls back.
pub(super) fn running() -> LocalLoop {
    get_running_loop().expect("called by a running loop")
}

/// Runs so many iterations, none of which sleeps.
///
/// A model whose race is in one iteration runs the others while no other thread is there: each
/// iteration that others can fall into multiplies the executions.
pub(super) fn turns(event_loop: &EventLoop, count: usize) {
    for _ in 0..count {
        let _ = event_loop.run_once(Some(Duration::ZERO)).expect("a turn");
    }
}

/// How often an operation was recorded in this execution, on an object whose name begins so.
///
/// `None` if nothing is recorded: on real threads.
pub(super) fn count(operation: &str, object: &str) -> Option<usize> {
    let steps = interleaving()?.steps;
    Some(steps.iter().filter(|s| s.operation == operation && s.object.starts_with(object)).count())
}

/// Whether the loop slept at any moment of this execution, if that was recorded.
pub(super) fn slept() -> Option<bool> {
    count("sleeps on", "Pipe").map(|sleeps| sleeps > 0)
}

/// Runs the loop while another thread has its run end, in one way or the other; whether it slept.
pub(super) fn run_until_stopped(event_loop: EventLoop, end: fn(&LoopHandle)) -> Outcome {
    let handle = event_loop.handle();
    let other = start("other", move || end(&handle));
    event_loop.run_forever().expect("the run is stopped");
    join(other);
    sleep_outcome()
}

/// Posts what ends the run.
pub(super) fn post_a_stop(handle: &LoopHandle) {
    handle.call_soon_threadsafe(|| running().stop()).expect("the loop is open");
}

/// The outcome of models that tell whether the loop slept.
pub(super) fn sleep_outcome() -> Outcome {
    match slept() {
        Some(true) => "the loop slept".into(),
        Some(false) => "the loop did not sleep".into(),
        None => NOT_OBSERVED.into(),
    }
}

/// The thread that asks.
pub(super) fn here() -> ThreadId {
    thread::current_id()
}

/// Notes in a cell how often something was dropped.
pub(super) struct Owned(pub(super) Cell<usize>);

impl Drop for Owned {
    fn drop(&mut self) {
        self.0.update(|drops| *drops += 1);
    }
}

/// A value that threads of a model share.
pub(super) struct Cell<T>(Arc<Mutex<T>>);

impl<T> Clone for Cell<T> {
    fn clone(&self) -> Self {
        Cell(Arc::clone(&self.0))
    }
}

impl<T: Clone> Cell<T> {
    pub(super) fn new(value: T) -> Cell<T> {
        Cell(Arc::new(Mutex::new(value)))
    }

    pub(super) fn set(&self, value: T) {
        *self.0.lock() = value;
    }

    pub(super) fn get(&self) -> T {
        self.0.lock().clone()
    }

    pub(super) fn update(&self, change: impl FnOnce(&mut T)) {
        change(&mut self.0.lock());
    }
}

/// Ends the run of a loop that is open.
pub(super) fn stop(handle: &LoopHandle) {
    handle.stop().expect("the loop is open and can be woken");
}

/// One word for how a wait for a number ended.
pub(super) fn word(result: &Result<u32, ResultError>) -> String {
    match result {
        Ok(value) => format!("value {value}"),
        Err(ResultError::Exception(exception)) => format!("exception {exception}"),
        Err(ResultError::Cancelled(_)) => "cancelled".into(),
        Err(ResultError::TimedOut) => "timed out".into(),
        Err(other) => panic!("no wait here may end with: {other}"),
    }
}

/// Whether an exception says that the loop was closed.
pub(super) fn says_closed(result: &Result<u32, ResultError>) -> bool {
    matches!(result, Err(ResultError::Exception(why)) if why.is::<loopgate::LoopClosed>())
}

/// An exception with a text.
pub(super) fn failure() -> Exception {
    Exception::new("wrong_name")
}
