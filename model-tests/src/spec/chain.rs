//! What carries an outcome on: clauses C-1 to C-8, as far as they are rules about two futures.

use super::concurrent::{Concurrent, Out};
use super::word::Cause;

/// What the copy of a task's outcome to its submission came to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Copied<L> {
    /// The submission has it; these are told.
    Delivered(Vec<L>),
    /// The submission was cancelled, and now has ended; this is to be reported.
    TooLate(Option<Cause>),
}

/// Copies a task's outcome to its submission: one step against every cancel (C-2).
///
/// A cancelled task cancels its submission and marks it ended at once (C-4). An exception that comes too
/// late is reported (C-3), unless it only says that the loop was closed.
pub fn copy<L>(submission: &mut Concurrent<L>, out: Out, loop_closed: bool) -> Copied<L> {
    let exception = match out {
        Out::Cancelled => {
            let (cancelled, told) = submission.cancel(true);
            debug_assert!(cancelled, "a submission does not begin before it ends");
            return Copied::Delivered(told);
        }
        Out::Exception(cause) => Some(cause),
        Out::Value(_) => None,
    };
    match submission.complete(out, true) {
        Ok(told) => Copied::Delivered(told),
        Err(_) => {
            let closed = |cause: &Cause| loop_closed && *cause == Cause::LoopClosed;
            Copied::TooLate(exception.filter(|cause| !closed(cause)))
        }
    }
}
