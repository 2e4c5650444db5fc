//! What models use besides the kernel, on real threads: for running their bodies many times.
//!
//! Nothing is recorded and nothing is steered here; what may go either way is drawn at random.

use std::borrow::Cow;
use std::hash::{BuildHasher, RandomState};

use crate::primitives::record::Interleaving;

/// A lock.
pub type Mutex<T> = parking_lot::Mutex<T>;

/// A condition variable.
#[derive(Debug, Default)]
pub struct Condvar(parking_lot::Condvar);

impl Condvar {
    /// A condition variable that nobody waits on.
    #[must_use]
    pub fn new() -> Condvar {
        Condvar::default()
    }

    /// Waits for a notification; may return without one.
    pub fn wait<T>(&self, guard: &mut parking_lot::MutexGuard<'_, T>) {
        self.0.wait(guard);
    }

    /// Wakes one waiter, if there is one.
    pub fn notify_one(&self) {
        self.0.notify_one();
    }

    /// Wakes every waiter.
    pub fn notify_all(&self) {
        self.0.notify_all();
    }
}

/// A question of the model's own: a coin.
#[must_use]
pub fn choose(_about: &'static str) -> bool {
    RandomState::new().hash_one(0) & 1 == 1
}

/// Real threads leave no record.
pub fn note(_text: impl Into<Cow<'static, str>>) {}

/// Real threads leave no record.
#[must_use]
pub fn interleaving() -> Option<Interleaving> {
    None
}

/// Threads of the operating system.
pub mod thread {
    use std::io;

    use crate::primitives::real::thread as real;

    /// The calling thread.
    pub use std::thread::ThreadId;

    /// Starts a named thread.
    ///
    /// # Errors
    /// The operating system's.
    pub fn spawn(
        name: String,
        body: impl FnOnce() + Send + 'static,
    ) -> io::Result<super::super::thread::JoinHandle> {
        real::spawn(name, body)
    }

    /// The calling thread.
    #[must_use]
    pub fn current_id() -> ThreadId {
        real::current_id()
    }
}
