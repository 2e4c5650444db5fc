//! Operating system threads.

use std::io;

pub(crate) type ThreadId = std::thread::ThreadId;

/// A running thread that can be joined; from [`Clock::spawn`](crate::Clock::spawn).
#[derive(Debug)]
pub struct JoinHandle(std::thread::JoinHandle<()>);

impl JoinHandle {
    /// Waits until the thread has ended.
    ///
    /// # Errors
    /// The payload of the panic that ended the thread.
    pub fn join(self) -> Result<(), Box<dyn std::any::Any + Send>> {
        self.0.join()
    }

    /// Whether the thread is the one that calls.
    pub(crate) fn is_current(&self) -> bool {
        self.0.thread().id() == current_id()
    }
}

/// Starts a named thread.
pub(crate) fn spawn(name: String, body: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle> {
    std::thread::Builder::new().name(name).spawn(body).map(JoinHandle)
}

/// The calling thread. Never reused within a process, so equality means the same thread.
pub(crate) fn current_id() -> ThreadId {
    std::thread::current().id()
}

/// How many threads can run at once here; at least one.
pub(crate) fn available_parallelism() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
