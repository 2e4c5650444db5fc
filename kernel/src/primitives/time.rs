//! Moments on a loop's clock, as integers: no rounding, no NaN, ties that are real ties.

use std::fmt;
use std::time::Duration;

/// A moment on a [`Clock`](crate::Clock): whole nanoseconds since that clock's origin.
///
/// Integers, so that two equal deadlines are equal and adding a delay never rounds (clause D-1).
/// The range is about 584 years; [`Time::checked_add`] says when a sum leaves it.
///
/// ```
/// use loopgate::Time;
/// use std::time::Duration;
/// let t = Time::from_nanos(5).checked_add(Duration::from_nanos(7)).unwrap();
/// assert_eq!(t.as_nanos(), 12);
/// assert!(t.checked_add(Duration::MAX).is_none());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// The clock's origin.
    pub const ZERO: Time = Time(0);
    /// The end of the clock's range.
    pub(crate) const MAX: Time = Time(u64::MAX);

    /// The moment `nanos` nanoseconds after the clock's origin.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Time {
        Time(nanos)
    }

    /// Nanoseconds since the clock's origin.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// This moment plus `delay`, or `None` if that is past the end of the range.
    #[must_use]
    pub fn checked_add(self, delay: Duration) -> Option<Time> {
        let nanos = u64::try_from(delay.as_nanos()).ok()?;
        self.0.checked_add(nanos).map(Time)
    }

    /// How long after `earlier` this moment is; zero if it is not after it.
    #[must_use]
    pub fn saturating_since(self, earlier: Time) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", Duration::from_nanos(self.0))
    }
}
