//! Threads: at most as many in one execution as the explorer can have, the main thread included.
//!
//! A thread ends by returning or by a panic that the panic hook does not see (`resume_unwind`); `join`
//! then has the payload. Any other panic is for the harness, whose hook ends the model.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use super::{engine, roster, trace};

type Payload = Box<dyn Any + Send>;

/// A running thread that can be joined; from [`Clock::spawn`](crate::Clock::spawn).
pub struct JoinHandle {
    inner: engine::Thread,
    seat: usize,
    /// Written before the thread ends and read after it was joined.
    payload: Arc<Mutex<Option<Payload>>>,
}

impl JoinHandle {
    /// Waits until the thread has ended.
    ///
    /// # Errors
    /// The payload of the panic that ended the thread.
    #[track_caller]
    pub fn join(self) -> Result<(), Box<dyn Any + Send>> {
        roster::before_join(self.seat, Location::caller());
        self.inner.join(self.seat);
        roster::after_join();
        trace::record("joins", None, roster::name(self.seat), Location::caller());
        match self.payload.lock().unwrap_or_else(PoisonError::into_inner).take() {
            None => Ok(()),
            Some(payload) => Err(payload),
        }
    }

    /// Whether the thread is the one that calls.
    pub fn is_current(&self) -> bool {
        self.seat == roster::me()
    }
}

impl std::fmt::Debug for JoinHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("JoinHandle").field(&self.seat).finish()
    }
}

/// A thread of this execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ThreadId(usize);

/// Starts a named thread. It always starts.
///
/// # Errors
/// None here; the real side's.
#[track_caller]
pub fn spawn(name: String, body: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle> {
    let at = Location::caller();
    let seat = roster::add_thread(name.clone());
    trace::record("spawns", None, name.clone(), at);
    let payload = Arc::new(Mutex::new(None));
    let own_payload = Arc::clone(&payload);
    let inner = engine::spawn(name, move || {
        roster::take_seat(seat);
        if let Err(payload) = catch_unwind(AssertUnwindSafe(body)) {
            *own_payload.lock().unwrap_or_else(PoisonError::into_inner) = Some(payload);
        }
        roster::finish();
    })?;
    Ok(JoinHandle { inner, seat, payload })
}

/// The calling thread.
pub fn current_id() -> ThreadId {
    ThreadId(roster::me())
}

/// Two, so that a pool of as many threads stays within loom's limit.
pub fn available_parallelism() -> usize {
    2
}
