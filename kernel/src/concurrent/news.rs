//! What a change of phase brings about: whom to tell, and whom to release.
//!
//! Clauses F-2, F-9 and F-12. A change is made under the future's lock; its news is what is still to be done, with the
//! lock released. Threads that block come first, and none of them is notified if none blocks: how many do is counted
//! under the same lock. Then the audience is told.
//!
//! Whoever copies several outcomes in a row may keep the release of one who blocks for a little while: the outcome
//! is there, and whoever looks finds it. What must not happen meanwhile is any code of the program's, which could
//! wait for the thread that is kept back.

use super::audience::{Audience, End};
use super::{ConcurrentFuture, Shared};
use crate::primitives::Arc;

#[must_use]
pub(super) struct News<T> {
    pub(super) audience: Audience<T>,
    pub(super) end: End,
    /// Threads block that have to look again.
    pub(super) blocked: bool,
}

impl<T> News<T> {
    pub(super) fn none() -> News<T> {
        News::of_an_end(false)
    }

    /// Work that nobody wants any more has ended: who waits for that blocks.
    pub(super) fn of_an_end(blocked: bool) -> News<T> {
        News { audience: Audience::default(), end: End::Cancelled, blocked }
    }
}

/// Threads that block on a future that is done by now. They are notified when this is dropped.
#[must_use]
pub(crate) struct Release(Arc<dyn Unblock>);

trait Unblock {
    fn unblock(&self);
}

impl<T> Unblock for Shared<T> {
    fn unblock(&self) {
        self.changed.notify_all();
    }
}

impl Drop for Release {
    fn drop(&mut self) {
        self.0.unblock();
    }
}

impl<T> Shared<T> {
    pub(super) fn tell(self: &Arc<Self>, news: News<T>) {
        if news.blocked {
            self.unblock();
        }
        if !news.audience.is_empty() {
            news.audience.tell(news.end, || ConcurrentFuture::of(Arc::clone(self)));
        }
    }

    /// The same, but the release of those who block is the caller's. If somebody is told whose code then runs, `first` is
    /// done before, and nobody is kept back.
    pub(super) fn tell_later(
        self: &Arc<Self>,
        news: News<T>,
        first: impl FnOnce(),
    ) -> Option<Release>
    where
        T: 'static,
    {
        if news.audience.is_deaf_to(news.end) {
            return news.blocked.then(|| Release(Arc::clone(self) as Arc<dyn Unblock>));
        }
        first();
        self.tell(news);
        None
    }
}
