//! Who is told when a future is done: callbacks of users, and loops that have to do something about it.
//!
//! Clauses F-12 to F-14. A loop is told by a post, which needs no box and cannot fail.

use super::{ConcurrentFuture, Shared};
use crate::primitives::{Arc, Hold};
use crate::wakeup::{Gate, Posted};

/// What a loop is to be told, and when.
pub(crate) struct Notice {
    pub(crate) gate: Arc<Gate>,
    pub(crate) of: Posted,
    /// Not if the future is finished.
    pub(crate) only_of_cancel: bool,
    /// Keeps a virtual clock still until the loop has been told.
    pub(crate) hold: Option<Hold>,
}

impl Notice {
    pub(super) fn give(self, cancelled: bool) {
        if cancelled || !self.only_of_cancel {
            self.gate.post_or_keep(self.of);
        }
        drop(self.hold);
    }
}

pub(super) enum Callback<T> {
    Call(Box<dyn FnOnce(&ConcurrentFuture<T>) + Send>),
    Tell(Notice),
}

impl<T> Shared<T> {
    /// Tells a loop when the future is done, or now if it is.
    pub(super) fn add_notice(&self, notice: Notice) {
        let mut state = self.state.lock();
        if state.phase.is_done() {
            let cancelled = state.phase.is_cancelled();
            drop(state);
            notice.give(cancelled);
        } else {
            state.callbacks.push(Callback::Tell(notice));
        }
    }
}
