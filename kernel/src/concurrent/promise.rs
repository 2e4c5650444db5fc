//! The producer's side: begins the work, completes it, or gives it up.
//!
//! Clauses F-1, F-5 to F-7. Each method takes the future's lock once; see the chapter's header.

use super::{Notice, Phase, Promise};
use crate::exception::{Exception, InvalidState, Outcome};

impl<T> Promise<T> {
    //= SPEC.md#f-5
    //# `set_running_or_notify_cancel` MUST answer true at most once, and after it did the future
    //# cannot be cancelled any more.
    /// Begins the work, or learns that nobody wants it.
    ///
    /// True: the future is running and can no longer be cancelled. False: it was cancelled, is now marked
    /// as ended, and the work must not be done.
    ///
    /// # Errors
    /// [`InvalidState`] if this was answered before, or the future is finished. Nothing changes.
    pub fn set_running_or_notify_cancel(&self) -> Result<bool, InvalidState<()>> {
        let mut state = self.shared.state.lock();
        match &mut state.phase {
            phase @ Phase::Pending => {
                *phase = Phase::Running;
                Ok(true)
            }
            Phase::Cancelled { acknowledged } if !*acknowledged => {
                *acknowledged = true;
                self.shared.changed.notify_all();
                Ok(false)
            }
            Phase::Cancelled { .. } => Err(InvalidState { rejected: (), cancelled: true }),
            Phase::Running | Phase::Finished(_) => {
                Err(InvalidState { rejected: (), cancelled: false })
            }
        }
    }

    //= SPEC.md#f-6
    //# A second completion, and a completion after a cancel, MUST be refused with the rejected
    //# value given back, and MUST change nothing.
    /// Completes the future with a value and runs its callbacks in this thread.
    ///
    /// # Errors
    /// [`InvalidState`] with the value, if the future is cancelled or finished. Nothing changes.
    pub fn set_result(&self, value: T) -> Result<(), InvalidState<T>> {
        self.shared.complete(Outcome::Value(value), false).map_err(|error| {
            let InvalidState { rejected: Outcome::Value(value), cancelled } = error else {
                unreachable!("the rejected outcome is the one that was offered")
            };
            InvalidState { rejected: value, cancelled }
        })
    }

    /// Completes the future with an exception and runs its callbacks in this thread.
    ///
    /// A cancellation is stored as the exception that it is: only [`cancel`](super::ConcurrentFuture::cancel) cancels.
    ///
    /// # Errors
    /// [`InvalidState`] with the exception, if the future is cancelled or finished. Nothing changes.
    pub fn set_exception(
        &self,
        exception: impl Into<Exception>,
    ) -> Result<(), InvalidState<Exception>> {
        self.shared.complete(Outcome::Exception(exception.into()), false).map_err(|error| {
            let InvalidState { rejected: Outcome::Exception(exception), cancelled } = error else {
                unreachable!("the rejected outcome is the one that was offered")
            };
            InvalidState { rejected: exception, cancelled }
        })
    }

    /// Completes the future unless somebody was faster; whether this call won.
    ///
    /// Either way the work has ended: a cancelled future is marked so (clause F-16).
    pub fn try_complete(&self, result: Result<T, Exception>) -> bool {
        let outcome = result.map_or_else(Outcome::Exception, Outcome::Value);
        self.shared.complete(outcome, true).is_ok()
    }

    /// The same for an outcome, which may be a cancellation; the outcome back if it came too late.
    pub(crate) fn settle(&self, outcome: Outcome<T>) -> Result<(), Outcome<T>> {
        match outcome {
            Outcome::Cancelled(cancelled) => {
                if self.shared.cancel(true) {
                    Ok(())
                } else {
                    // Running work that ends cancelled can only say so as an exception.
                    self.settle(Outcome::Exception(cancelled.into()))
                }
            }
            outcome => self.shared.complete(outcome, true).map_err(|error| error.rejected),
        }
    }

    /// The producer gives the work up: as a cancel, and the work has ended.
    pub(crate) fn cancel_and_acknowledge(&self) {
        self.shared.cancel(true);
    }

    /// Whether the future has been cancelled: the producer may stop early.
    #[must_use]
    pub fn cancelled(&self) -> bool {
        self.shared.state.lock().phase.is_cancelled()
    }

    /// Tells a loop when the future is done, or now if it is.
    pub(crate) fn add_notice(&self, notice: Notice) {
        self.shared.add_notice(notice);
    }
}

//= SPEC.md#f-7
//# A producer dropped without completing MUST finish the future with an error that says so.
impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        let open = !self.shared.state.lock().phase.has_ended();
        if open {
            // Another handle may cancel in between: then this acknowledges it.
            let _ = self.shared.complete(Outcome::Exception((self.abandon)()), true);
        }
    }
}
