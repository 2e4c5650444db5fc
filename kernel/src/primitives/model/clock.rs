//! Time: a number that moves when a poll times out or a thread sleeps, and at no other moment.
//!
//! A model in which time is to pass at any moment has a thread that sleeps.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::gated::Gated;
use super::thread::{self, JoinHandle};
use super::trace;
use crate::primitives::Time;

/// The clock of a loop and of the threads around it. Clones show the same time.
#[derive(Clone)]
pub struct Clock {
    now: Arc<Gated<Time>>,
    is_virtual: bool,
}

impl Clock {
    /// What stands for the operating system's clock, its origin now.
    #[must_use]
    pub fn real() -> Clock {
        Clock { now: Arc::new(Gated::new("Clock", Time::ZERO)), is_virtual: false }
    }

    /// The same: in a model all time is virtual.
    #[must_use]
    pub fn virtual_time() -> Clock {
        Clock { is_virtual: true, ..Clock::real() }
    }

    /// The present moment.
    #[track_caller]
    #[must_use]
    pub fn now(&self) -> Time {
        let now = self.now.look(|now| *now);
        self.record("is read", now);
        now
    }

    /// Whether time is virtual on the real side.
    #[must_use]
    pub fn is_virtual(&self) -> bool {
        self.is_virtual
    }

    /// Moves time on by `delay`. Blocks nobody: whoever has waited can as well be slow.
    #[track_caller]
    pub fn sleep(&self, delay: Duration) {
        let now = self.now.step(|now| {
            *now = now.checked_add(delay).unwrap_or(Time::from_nanos(u64::MAX));
            *now
        });
        self.record("moves", now);
    }

    /// A timeout fired: it is now at least that moment.
    #[track_caller]
    pub(super) fn advance_to(&self, moment: Time) {
        let now = self.now.step(|now| {
            *now = moment.max(*now);
            *now
        });
        self.record("moves", now);
    }

    /// Starts a named thread.
    ///
    /// # Errors
    /// None here; the real side's.
    #[track_caller]
    pub fn spawn(
        &self,
        name: &str,
        body: impl FnOnce() + Send + 'static,
    ) -> io::Result<JoinHandle> {
        thread::spawn(name.into(), body)
    }

    /// Keeps a virtual clock from jumping on the real side; nothing here, where any thread may be slow.
    pub fn hold(&self) -> Hold {
        Hold(())
    }

    #[track_caller]
    fn record(&self, operation: &'static str, now: Time) {
        let at = std::panic::Location::caller();
        trace::record(operation, Some(self.now.object()), now.to_string(), at);
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").field("kind", &"model").finish_non_exhaustive()
    }
}

/// See [`Clock::hold`].
#[derive(Debug)]
pub struct Hold(());

impl Drop for Hold {
    /// As on the real side, where it ends the hold.
    fn drop(&mut self) {}
}
