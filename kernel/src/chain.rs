//! Carrying an outcome from one future to another, and a cancel the other way.
//!
//! Clauses C-1 to C-12. Two directions:
//!
//! * a task on the loop to the submitter's concurrent future ([`copy_to_submission`]);
//! * a concurrent future to a loop future that wraps it ([`concurrent_to_loop`]).
//!
//! Both ends are completed once; a copy that comes too late is told so and drops what
//! it carried. Either copy goes through the loop's queue, so it comes after everything that the
//! completing thread scheduled before (promise 10).
//!
//! Linearization points: the copy to a submitter is one `settle` on the promise, under the concurrent
//! future's lock, against which a racing cancel is either earlier or later. A submitter's cancel takes
//! effect there too; the task looks at it when a step begins, and the posted cancel only makes it step.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::{Rc, Weak};

use crate::awaiting::{Taken, Target};
use crate::concurrent::{ConcurrentFuture, Notice, Promise};
use crate::core::{LoopCore, Parcel};
use crate::exception::{Cancelled, Exception, ExceptionContext, LoopClosed, Outcome};
use crate::executor::SubmitError;
use crate::future::{self, Completes, Completion, LoopFuture};
use crate::primitives::{Arc, Hold};
use crate::table::Key;
use crate::wakeup::Posted;

//= SPEC.md#c-6
//# Cancelling a submission MUST be seen by its task no later than the beginning of the next
//# step that starts after the call returned, from any thread.
/// Has the cancel of a submission reach the task named by `task`, also while nothing makes it step.
pub(crate) fn cancel_with_submission<T>(core: &LoopCore, submission: &Promise<T>, task: Key) {
    submission.add_notice(Notice {
        gate: Arc::clone(core.gate()),
        of: Posted::Cancel(task),
        only_of_cancel: true,
        hold: None,
    });
}

/// Copies a task's outcome to its submission.
pub(crate) fn copy_to_submission<T: 'static>(
    core: &LoopCore,
    outcome: Outcome<T>,
    submission: Promise<T>,
    task: impl FnOnce() -> String,
) {
    //= SPEC.md#c-2
    //# The copy MUST be a single step against a racing cancel: either the submission is
    //# cancelled and the outcome dropped, or it is finished and the cancel refused.
    //= SPEC.md#c-4
    //# A task cancelled on the loop's side MUST cancel its submission and mark it ended in the
    //# same step.
    //= SPEC.md#c-7
    //# A submission cancelled while its task cleans up, or swallows the cancel, MUST stay
    //# cancelled, and MUST become ended only when the task has ended.
    let (settled, release) = submission.settle_later(outcome, || core.releases.release());
    core.releases.keep(release);
    let Err(rejected) = settled else { return };
    // What is dropped or called from here on is the program's.
    core.releases.release();
    let Outcome::Exception(exception) = rejected else { return };
    // Closing the loop is nobody's failure; a task of an open loop raised it itself.
    if core.queue.is_closed() && exception.is::<LoopClosed>() {
        return;
    }
    //= SPEC.md#c-3
    //# An exception that a task raised after its submission had been cancelled MUST be reported
    //# to the exception handler.
    let message = "a cancelled submission raised an exception that nobody will see";
    let context = ExceptionContext::new(message, Some(exception));
    core.queue.handler().report(&context.in_task(&task()));
}

/// A loop future of a concurrent future's outcome.
///
/// `hold` keeps a virtual clock still until the completion has been posted.
pub(crate) fn concurrent_to_loop<T: Clone + Send + 'static>(
    core: &Rc<LoopCore>,
    source: ConcurrentFuture<T>,
    hold: Hold,
) -> Result<LoopFuture<T>, LoopClosed> {
    let (wrapped, notice) = Wrapped::new(core, hold)?;
    wrapped.source.set(Some(source.clone()));
    source.add_notice(notice);
    Ok(LoopFuture::of(wrapped))
}

/// The same for work that `hand_over` hands to whoever does it, with the notice of its end.
pub(crate) fn work_to_loop<T: Clone + Send + 'static>(
    core: &Rc<LoopCore>,
    hold: Hold,
    hand_over: impl FnOnce(Notice) -> Result<ConcurrentFuture<T>, SubmitError>,
) -> Result<LoopFuture<T>, SubmitError> {
    let (wrapped, notice) =
        Wrapped::new(core, hold).map_err(|LoopClosed| SubmitError::LoopClosed)?;
    match hand_over(notice) {
        // An executor is the program's, and may have closed the loop.
        Ok(source) if !core.queue.is_closed() => {
            wrapped.source.set(Some(source));
            Ok(LoopFuture::of(wrapped))
        }
        Ok(_) => Err(SubmitError::LoopClosed),
        Err(refused) => {
            wrapped.forget();
            Err(refused)
        }
    }
}

/// A loop future that is completed by a concurrent one.
struct Wrapped<T> {
    completion: Completion<T>,
    /// `None` once its outcome is not waited for any more.
    source: Cell<Option<ConcurrentFuture<T>>>,
    core: Weak<LoopCore>,
    parcel: Cell<Option<Key>>,
}

impl<T: Clone + Send + 'static> Wrapped<T> {
    /// Without a source yet; and what its source must tell the loop.
    fn new(core: &Rc<LoopCore>, hold: Hold) -> Result<(Rc<Wrapped<T>>, Notice), LoopClosed> {
        let wrapped = Rc::new(Wrapped {
            completion: Completion::new(&core.queue),
            source: Cell::new(None),
            core: Rc::downgrade(core),
            parcel: Cell::new(None),
        });
        let parcel = core.keep_parcel(Rc::clone(&wrapped) as Rc<dyn Parcel>)?;
        wrapped.parcel.set(Some(parcel));
        //= SPEC.md#c-9
        //# The outcome of a concurrent future MUST reach its loop future through the loop's queue, even
        //# if it was done when it was wrapped.
        //= SPEC.md#c-12
        //# A source that ends after the loop closed MUST be ignored without an error.
        let notice = Notice {
            gate: Arc::clone(core.gate()),
            of: Posted::Parcel(parcel),
            only_of_cancel: false,
            hold: Some(hold),
        };
        Ok((wrapped, notice))
    }

    /// Its outcome is not waited for any more.
    fn forget(&self) {
        if let (Some(key), Some(core)) = (self.parcel.take(), self.core.upgrade()) {
            let parcel = core.parcels.borrow_mut().remove(key);
            drop(parcel);
        }
    }
}

impl<T: Clone + Send + 'static> Completes<T> for Wrapped<T> {
    fn completion(&self) -> &Completion<T> {
        &self.completion
    }

    //= SPEC.md#c-10
    //# Cancelling a wrapped loop future MUST cancel its source at once if the source has not
    //# started, and MUST leave running work to end by itself, its outcome dropped.
    fn on_cancel(&self) {
        if let Some(source) = self.source.take() {
            source.cancel();
        }
        self.forget();
    }
}

impl<T: Clone + Send + 'static> Target for Wrapped<T> {
    fn cancel(self: Rc<Self>, cancelled: &Cancelled) -> Taken {
        future::cancel_by_awaiter(self, cancelled)
    }
}

impl<T: Clone + Send + 'static> Parcel for Wrapped<T> {
    fn open(self: Rc<Self>) {
        let Some(source) = self.source.take() else { return };
        // The value's `clone` is user code.
        let outcome = catch_unwind(AssertUnwindSafe(|| source.outcome()))
            .unwrap_or_else(|payload| Some(Outcome::Exception(Exception::from_panic(payload))));
        if let Some(outcome) = outcome {
            //= SPEC.md#c-11
            //# A cancelled source MUST cancel the loop future that wraps it.
            // Too late if the destination was cancelled: the outcome is dropped.
            let _ = future::settle(&self, outcome);
        }
    }

    //= SPEC.md#l-8
    //# Closing the loop MUST end a pending loop future that the kernel made, with an error that says
    //# so.
    fn lose(self: Rc<Self>) {
        // Whoever closed the loop knows: not to be reported when nobody looks.
        self.completion.mark_retrieved();
        let _ = future::settle(&self, Outcome::Exception(LoopClosed.into()));
        drop(self.source.take());
    }
}
