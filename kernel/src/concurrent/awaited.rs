//! Awaiting a concurrent future, from any executor, and cancelling a kernel task that does.
//!
//! Clause F-21, and T-6 where the task is of this crate: its cancel is delivered to the await, which ends,
//! and asks that the work not be done. The list of those who await is under the future's lock; wakers are
//! cloned, called and dropped outside it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::{ConcurrentFuture, Shared, State};
use crate::awaiting::{CancelPort, RemoteAwaiter, RemoteTarget, Taken};
use crate::exception::Exception;
use crate::primitives::Arc;

/// Somebody who awaits the future.
pub(super) struct Awaiter {
    /// Of the handle that is awaited.
    pub(super) key: u64,
    /// Of the kernel task that awaits it, if it is one.
    port: Option<u64>,
    pub(super) waker: Waker,
}

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
        let port = CancelPort::current_id();
        let (key, replaced) = self.register(&mut state, port, waker);
        drop(state);
        drop(replaced);
        self.suspension.suspend(shared, key);
        Poll::Pending
    }
}

impl<T> ConcurrentFuture<T> {
    /// Stores who awaits this handle; who did before is returned, to be dropped without the lock.
    fn register(
        &mut self,
        state: &mut State<T>,
        port: Option<u64>,
        waker: Waker,
    ) -> (u64, Option<Awaiter>) {
        if let Some(key) = self.waker
            && let Some(known) = state.wakers.iter_mut().find(|awaiter| awaiter.key == key)
        {
            return (key, Some(std::mem::replace(known, Awaiter { key, port, waker })));
        }
        state.next_waker += 1;
        let key = state.next_waker;
        state.wakers.push(Awaiter { key, port, waker });
        self.waker = Some(key);
        (key, None)
    }
}

impl<T> State<T> {
    /// A task's entry among those who await; none if the handle was dropped or is awaited elsewhere.
    fn awaiter(&self, of: RemoteAwaiter) -> Option<&Awaiter> {
        self.wakers.iter().find(|awaiter| awaiter.key == of.key && awaiter.port == Some(of.port))
    }
}

/// A kernel task is suspended on a concurrent future: its cancel also asks that the work not be done.
impl<T> RemoteTarget for Shared<T> {
    fn cancel_awaiter(self: Arc<Self>, awaiter: RemoteAwaiter) -> Taken {
        let state = self.state.lock();
        // The clone is of a task's own waker or of one that wraps it.
        let Some(waker) = state.awaiter(awaiter).map(|awaiter| awaiter.waker.clone()) else {
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
        !state.phase.is_done() && state.awaiter(awaiter).is_none()
    }
}
