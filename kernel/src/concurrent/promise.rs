//! The producer's side: begins the work, completes it, or gives it up.
//!
//! Clauses F-1, F-5 to F-7. Each method takes the future's lock once; see the chapter's header.

use super::news::{News, Release};
use super::{Notice, Phase, Promise, Shared};
use crate::exception::{Exception, InvalidState, Outcome};
use crate::primitives::Arc;

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
        let mut state = self.shared().state.lock();
        match &mut state.phase {
            phase @ Phase::Pending => {
                *phase = Phase::Running;
                Ok(true)
            }
            Phase::Cancelled { acknowledged: false } => {
                let news = state.acknowledge();
                drop(state);
                self.shared().tell(news);
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
        self.shared().complete(Outcome::Value(value), false).map_err(|error| {
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
        self.shared().complete(Outcome::Exception(exception.into()), false).map_err(|error| {
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
        self.shared().complete(outcome, true).is_ok()
    }

    /// The same for an outcome, which may be a cancellation; the outcome back if it came too late.
    pub(crate) fn settle(mut self, outcome: Outcome<T>) -> Result<(), Outcome<T>> {
        let shared = self.give_away();
        let (settled, news) = shared.settle_as(outcome);
        shared.tell(news);
        settled
    }

    /// The same, but threads that block are left to whoever gets the release; `first` is done before code of
    /// the program's runs.
    pub(crate) fn settle_later(
        mut self,
        outcome: Outcome<T>,
        first: impl FnOnce(),
    ) -> (Result<(), Outcome<T>>, Option<Release>)
    where
        T: 'static,
    {
        let shared = self.give_away();
        let (settled, news) = shared.settle_as(outcome);
        (settled, shared.tell_later(news, first))
    }

    /// The producer gives the work up: as a cancel, and the work has ended.
    pub(crate) fn cancel_and_acknowledge(&self) {
        self.shared().cancel(true);
    }

    pub(super) fn shared(&self) -> &Arc<Shared<T>> {
        self.shared.as_ref().expect("a promise that was given away is gone")
    }

    /// For whoever sees to the end: the drop that follows need not look whether it is there.
    fn give_away(&mut self) -> Arc<Shared<T>> {
        self.shared.take().expect("a promise that was given away is gone")
    }

    /// Whether the future has been cancelled: the producer may stop early.
    #[must_use]
    pub fn cancelled(&self) -> bool {
        self.shared().state.lock().phase.is_cancelled()
    }

    /// Tells a loop when the future is done, or now if it is.
    pub(crate) fn add_notice(&self, notice: Notice) {
        self.shared().add_notice(notice);
    }
}

impl<T> Shared<T> {
    /// As an outcome of the kernel's own work ends a future.
    fn settle_as(&self, outcome: Outcome<T>) -> (Result<(), Outcome<T>>, News<T>) {
        let outcome = match outcome {
            Outcome::Cancelled(cancelled) => {
                let (ended, news) = self.store_cancel(true);
                if ended {
                    return (Ok(()), news);
                }
                // Running work that ends cancelled can only say so as an exception.
                Outcome::Exception(cancelled.into())
            }
            outcome => outcome,
        };
        let (stored, news) = self.store(outcome, true);
        (stored.map_err(|error| error.rejected), news)
    }
}

//= SPEC.md#f-7
//# A producer dropped without completing MUST finish the future with an error that says so.
impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        let Some(shared) = self.shared.take() else { return };
        let open = !shared.state.lock().phase.has_ended();
        if open {
            // Another handle may cancel in between: then this acknowledges it.
            let _ = shared.complete(Outcome::Exception((self.abandon)()), true);
        }
    }
}
