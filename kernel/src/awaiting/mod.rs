//! How a task's cancel reaches whatever the task is suspended on.
//!
//! A [`CancelPort`] belongs to one task, or to one scope within a task. While its code is polled the port is the
//! thread's current one (`current`), and a kernel awaitable that has to suspend registers a [`Target`] in it
//! (`suspension`). A cancel is offered to every target. What then becomes of it:
//!
//! * *delivered*: the awaitable behind a target will yield it, once, when it is next polled;
//! * handed on: the target passed it to somebody else, and the awaitable goes on waiting for their end;
//! * *pending*: no target took it; the next kernel awaitable that is polled receives it.
//!
//! What is still pending when a step ends, and a delivery that nobody came for in the step that followed
//! it, was refused by everything the coroutine is suspended on: the coroutine is then dropped, up to the
//! innermost scope (clauses T-9, O-3).
//!
//! Loop thread only. A registration outside a task, or while no loop runs, does nothing: kernel futures can be polled
//! by any executor that runs on the loop thread.

pub(crate) mod current;
mod port;
mod suspension;

pub(crate) use current::{CurrentPort, EnteredLoop};
pub(crate) use port::CancelPort;
pub(crate) use suspension::{RemoteSuspension, Suspension};

use std::rc::Rc;

use crate::exception::Cancelled;
use crate::primitives::Arc;

/// What became of a cancel that was offered to a target.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// There is nothing to cancel any more.
    Refused,
    /// Somebody else has it now; the awaitable waits for their end.
    HandedOn,
    /// The awaitable has been woken and will yield it.
    ToYield,
}

/// Something that a suspended task's cancel can be handed to.
pub(crate) trait Target {
    /// Takes the cancel and makes the task go on, or refuses it.
    fn cancel(self: Rc<Self>, cancelled: &Cancelled) -> Taken;

    /// The cancel that was handed on is withdrawn, as far as it has not been received.
    fn take_back(&self) {}

    /// Whether the task is no longer suspended on it: it moved elsewhere without saying so.
    fn is_stale(&self) -> bool {
        false
    }
}

/// The same where other threads may hold it too. It is asked about one await of it.
pub(crate) trait RemoteTarget {
    /// As [`Target::cancel`].
    fn cancel_awaiter(self: Arc<Self>, awaiter: RemoteAwaiter) -> Taken;

    /// As [`Target::is_stale`].
    fn is_stale(&self, awaiter: RemoteAwaiter) -> bool;
}

/// One await of a [`RemoteTarget`] by a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RemoteAwaiter {
    /// Of the task's port.
    pub(crate) port: u64,
    /// Tells it from others of the same target.
    pub(crate) key: u64,
}

/// What a task is suspended on.
#[derive(Clone)]
enum Suspended {
    Here(Rc<dyn Target>),
    Anywhere(Arc<dyn RemoteTarget>, RemoteAwaiter),
}

impl Suspended {
    fn cancel(self, cancelled: &Cancelled) -> Taken {
        match self {
            Suspended::Here(target) => target.cancel(cancelled),
            Suspended::Anywhere(target, awaiter) => target.cancel_awaiter(awaiter),
        }
    }

    fn take_back(&self) {
        if let Suspended::Here(target) = self {
            target.take_back();
        }
    }

    fn is_stale(&self) -> bool {
        match self {
            Suspended::Here(target) => target.is_stale(),
            Suspended::Anywhere(target, awaiter) => target.is_stale(*awaiter),
        }
    }
}
