//! How a task ends, and who is told of it.
//!
//! In this order: the coroutine is dropped, the task leaves the loop's table, the outcome is stored, the copy for its
//! submission is queued, and whoever awaits the task is woken. It is done from where the outcome is stored.

use std::rc::Rc;

use super::Shared;
use crate::chain;
use crate::core::{AnyTask, LoopCore};
use crate::exception::{Exception, LoopClosed, Outcome, shield_from_panic};
use crate::future::{Completes, Completion, LoopFuture};
use crate::ready_queue::{Entry, Submitted};

impl<T: Clone + 'static> Shared<T> {
    //= SPEC.md#t-2
    //# A coroutine's `Err` MUST become the task's exception, its `Err(Cancelled)` MUST make the
    //# task cancelled, and its value the result.
    /// The coroutine is gone; stores how it ended and gives up the task's place.
    pub(super) fn finish(self: &Rc<Self>, result: Result<T, Exception>) {
        let mut outcome = Outcome::from_result(result);
        //= SPEC.md#t-11
        //# A cancel that nobody received before the coroutine returned a value MUST make the task
        //# cancelled; if it returned an exception the exception stands.
        let unreceived = self.known_port().and_then(|port| port.take_unreceived());
        if let (Outcome::Value(_), Some(cancelled)) = (&outcome, unreceived) {
            outcome = Outcome::Cancelled(cancelled);
        }
        let exit = match &outcome {
            Outcome::Exception(exception) if exception.exit_request().is_some() => {
                Some(exception.clone())
            }
            _ => None,
        };
        self.give_up_place();
        match exit {
            None => self.settle(outcome, Delivery::Queued),
            Some(exit) => {
                //= SPEC.md#s-9
                //# An exit request MUST leave the run at once, after the future of the work that
                //# raised it is done, with the rest of the batch still queued in order.
                self.completion.mark_retrieved();
                self.settle(outcome, Delivery::AtOnce);
                self.core.queue.handler().request_exit(exit);
            }
        }
    }

    /// Ends the task, if it has not ended: its submission is told first, then everybody else.
    fn settle(self: &Rc<Self>, outcome: Outcome<T>, delivery: Delivery) {
        if self.completion.complete(outcome).is_err() {
            return;
        }
        if self.submission.look(|_| ()).is_some() {
            self.hand_over(delivery);
        }
        self.completion.announce(|| LoopFuture::of(Rc::clone(self) as Rc<dyn Completes<T>>));
    }

    //= SPEC.md#c-1
    //# A task's outcome MUST be copied to its submission through the queue, so that everything the
    //# task scheduled before it ended runs before the submitter is released.
    /// The submission sees to the outcome: it need not be reported as unseen.
    pub(super) fn hand_over(self: &Rc<Self>, delivery: Delivery) {
        self.completion.mark_retrieved();
        match delivery {
            Delivery::Queued => {
                self.core.queue.push(Entry::Copy(Rc::clone(self) as Rc<dyn Submitted>));
            }
            Delivery::AtOnce => Rc::clone(self).deliver(),
        }
    }

    /// Ends the task wherever it is, because of what befell its loop or its making.
    pub(super) fn end_abandoned(self: &Rc<Self>, why: Exception) {
        self.drop_body();
        self.give_up_place();
        // Whoever abandons it reports it.
        self.completion.mark_retrieved();
        self.settle(Outcome::Exception(why), Delivery::Queued);
    }

    fn give_up_place(&self) {
        if let Some(key) = self.place.take() {
            let task = self.core.tasks.borrow_mut().remove(key);
            drop(task);
        }
    }

    pub(super) fn drop_body(&self) {
        let body = self.body.take();
        shield_from_panic("a coroutine panicked when dropped", || drop(body));
    }
}

/// When a submission gets the outcome of its task.
#[derive(Clone, Copy)]
pub(super) enum Delivery {
    /// In its turn, even if the loop closes first.
    Queued,
    /// Now: an exit request leaves the loop before the queue has its turn (clause S-9).
    AtOnce,
}

impl<T: Clone + 'static> Completes<T> for Shared<T> {
    fn completion(&self) -> &Completion<T> {
        &self.completion
    }
}

impl<T: Clone + 'static> Submitted for Shared<T> {
    fn deliver(mut self: Rc<Self>) {
        let Some(promise) = self.submission.take() else { return };
        // Mostly nobody else is interested, and nothing need be cloned.
        let outcome = Rc::get_mut(&mut self).and_then(|task| task.completion.take_outcome());
        let outcome = outcome.unwrap_or_else(|| {
            // The value's `clone` is the program's.
            self.core.releases.release();
            self.completion.carry_on()
        });
        chain::copy_to_submission(&self.core, outcome, promise, || self.name());
    }
}

/// Ends every task of a loop that closes.
pub(crate) fn abandon_all(core: &LoopCore) {
    loop {
        // In rounds: what a coroutine owns may cancel or finish others when it is dropped.
        let round: Vec<_> = core.tasks.borrow().values().cloned().collect();
        if round.is_empty() {
            return;
        }
        for task in round {
            task.abandon(LoopClosed.into());
        }
    }
}
