//! Operating system threads.

use std::io;
use std::sync::Arc;

use super::sync::{Condvar, Mutex};

pub(crate) type ThreadId = std::thread::ThreadId;

/// A running thread that can be joined; from [`Clock::spawn`](crate::Clock::spawn).
#[derive(Debug)]
pub struct JoinHandle {
    thread: std::thread::JoinHandle<()>,
    ended: Arc<Ended>,
}

/// Told before the thread leaves its clock: a party of a virtual clock that joins it is blocked until then.
#[derive(Debug, Default)]
struct Ended {
    ended: Mutex<bool>,
    changed: Condvar,
}

impl JoinHandle {
    /// Waits until the thread has ended.
    ///
    /// # Errors
    /// The payload of the panic that ended the thread.
    pub fn join(self) -> Result<(), Box<dyn std::any::Any + Send>> {
        let mut ended = self.ended.ended.lock();
        while !*ended {
            self.ended.changed.wait(&mut ended);
        }
        drop(ended);
        self.thread.join()
    }

    /// Whether the thread is the one that calls.
    pub(crate) fn is_current(&self) -> bool {
        self.thread.thread().id() == current_id()
    }
}

struct TellEnd(Arc<Ended>);

impl Drop for TellEnd {
    fn drop(&mut self) {
        *self.0.ended.lock() = true;
        self.0.changed.notify_all();
    }
}

/// Starts a named thread.
pub(crate) fn spawn(name: String, body: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle> {
    spawn_with(name, (), body)
}

/// Starts a named thread; `last` is dropped there after whoever joins it has been told of its end.
pub(super) fn spawn_with(
    name: String,
    last: impl Send + 'static,
    body: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle> {
    if name.contains('\0') {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "a thread's name cannot contain NUL",
        ));
    }
    let ended = Arc::new(Ended::default());
    let tell = TellEnd(Arc::clone(&ended));
    let thread = std::thread::Builder::new().name(name).spawn(move || {
        let _last = last;
        let _tell = tell;
        body();
    })?;
    Ok(JoinHandle { thread, ended })
}

std::thread_local! {
    /// Kept, because to ask for it counts a reference up and down.
    static ID: ThreadId = std::thread::current().id();
}

/// The calling thread. Never reused within a process, so equality means the same thread.
pub(crate) fn current_id() -> ThreadId {
    // It has no destructor, and so is there also while the thread's other locals are being destroyed.
    ID.with(|id| *id)
}

/// How many threads can run at once here; at least one.
pub(crate) fn available_parallelism() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
