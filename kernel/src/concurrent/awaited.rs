//! Awaiting a concurrent future, from any executor, and cancelling a kernel task that does.
//!
//! Clause F-21, and T-6 where the task is of this crate: its cancel is delivered to the await, which ends,
//! and asks that the work not be done. The list of those who await is under the future's lock; wakers are
//! cloned, called and dropped outside it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::audience::Awaiter;
use super::{ConcurrentFuture, Shared};
use crate::awaiting::{RemoteAwaiter, RemoteTarget, Taken, current};
use crate::exception::Exception;
use crate::primitives::Arc;

//= SPEC.md#f-21
//# Awaiting a concurrent future from any executor MUST wake the last waker that polled it, and
//# dropping the handle MUST withdraw that waker.
impl<T: Clone + Send + 'static> Future for ConcurrentFuture<T> {
    type Output = Result<T, Exception>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(cancelled) = self.suspension.receive() {
            self.shared.cancel(false);
            self.suspension.end();
            return Poll::Ready(Err(cancelled.into()));
        }
        let shared = Arc::clone(&self.shared);
        // A waker's clone and drop are foreign code: not under the lock.
        let waker = cx.waker().clone();
        let mut state = shared.state.lock();
        if state.phase.is_done() {
            let outcome = Self::stored_outcome(&state.phase);
            drop(state);
            self.suspension.end();
            return Poll::Ready(outcome.into_result().map_err(Exception::from));
        }
        let key = *self.awaiter.get_or_insert_with(|| {
            state.next_awaiter += 1;
            state.next_awaiter
        });
        let awaiter = Awaiter { key, port: current::port_id(), waker };
        let replaced = state.audience.set_awaiter(awaiter);
        drop(state);
        drop(replaced);
        self.suspension.suspend(shared, key);
        Poll::Pending
    }
}

/// A kernel task is suspended on a concurrent future: its cancel also asks that the work not be done.
impl<T> RemoteTarget for Shared<T> {
    fn cancel_awaiter(self: Arc<Self>, awaiter: RemoteAwaiter) -> Taken {
        let state = self.state.lock();
        // The clone is of a task's own waker or of one that wraps it.
        let Some(waker) = state.audience.awaiter(awaiter).map(|found| found.waker.clone()) else {
            return Taken::Refused;
        };
        drop(state);
        // Work that runs goes on by itself and wakes nobody now; the await ends all the same.
        if !self.cancel(false) {
            waker.wake();
        }
        Taken::ToYield
    }

    fn is_stale(&self, awaiter: RemoteAwaiter) -> bool {
        let state = self.state.lock();
        !state.phase.is_done() && state.audience.awaiter(awaiter).is_none()
    }
}
