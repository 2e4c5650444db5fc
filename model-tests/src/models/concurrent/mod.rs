//! The concurrent future without a loop.
//!
//! * [`completing`]: completing, cancelling, beginning and giving up, against each other;
//! * [`waiting`]: blocking for one future;
//! * [`several`]: blocking for several;
//! * [`awaited`]: awaiting one without a kernel task.

pub(super) mod awaited;
pub(super) mod completing;
pub(super) mod several;
pub(super) mod waiting;
