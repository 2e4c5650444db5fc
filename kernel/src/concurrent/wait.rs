//! Waiting for several concurrent futures at once.
//!
//! Clauses F-17 to F-20. A waiter is put into every open future, each under that future's own lock, and
//! told by each as it is done: no two locks are ever held together, and no completion can be missed,
//! because a future that is done when it is asked is counted there and then.

use std::fmt;
use std::time::Duration;

use super::ConcurrentFuture;
use crate::exception::ResultError;
use crate::primitives::{Arc, Checked, Condvar, Deadline, Mutex, checked_mutex};

/// When [`wait`] returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReturnWhen {
    /// As soon as one future is done.
    FirstCompleted,
    /// As soon as one has failed with an exception, or all are done.
    FirstException,
    /// When all are done.
    AllCompleted,
}

/// What [`wait`] found: each future once, in the order of the arguments.
#[derive(Debug)]
pub struct Split<T> {
    /// Finished or cancelled.
    pub done: Vec<ConcurrentFuture<T>>,
    /// Not done when the wait ended.
    pub not_done: Vec<ConcurrentFuture<T>>,
}

/// There was nothing to wait for; pass at least one future (clause F-19).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EmptySet;

impl fmt::Display for EmptySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the set of futures to wait for is empty; pass at least one")
    }
}

impl std::error::Error for EmptySet {}

/// The time was up before every future was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// How many were not done.
    pub unfinished: usize,
    /// Of how many.
    pub total: usize,
}

impl fmt::Display for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (of {}) futures unfinished", self.unfinished, self.total)
    }
}

impl std::error::Error for Unfinished {}

/// Told by futures that they are done.
pub(super) struct Waiter {
    arrived: Mutex<Arrived>,
    changed: Condvar,
}

#[derive(Default)]
struct Arrived {
    /// Indices in the order of completion.
    order: Vec<usize>,
    failed: bool,
}

impl Checked for Arrived {
    fn check(&self) {
        let distinct: std::collections::HashSet<&usize> = self.order.iter().collect();
        assert_eq!(distinct.len(), self.order.len(), "a future arrives once");
    }

    fn state(&self) -> String {
        format!("arrived {:?}", self.order)
    }
}

impl Waiter {
    fn new() -> Arc<Waiter> {
        Arc::new(Waiter { arrived: checked_mutex(Arrived::default()), changed: Condvar::new() })
    }

    pub(super) fn done(&self, index: usize, failed: bool) {
        let mut arrived = self.arrived.lock();
        arrived.order.push(index);
        arrived.failed |= failed;
        self.changed.notify_all();
    }
}

/// A waiter in a set of distinct futures; leaves no trace in them when dropped.
struct Subscription<T> {
    waiter: Arc<Waiter>,
    futures: Vec<ConcurrentFuture<T>>,
}

impl<T> Subscription<T> {
    //= SPEC.md#f-19
    //# `wait` and `as_completed` MUST count a future once however often it is given, and MUST
    //# refuse an empty set.
    fn new(futures: &[ConcurrentFuture<T>]) -> Result<Subscription<T>, EmptySet> {
        if futures.is_empty() {
            return Err(EmptySet);
        }
        let mut distinct: Vec<ConcurrentFuture<T>> = Vec::with_capacity(futures.len());
        let mut seen = std::collections::HashSet::with_capacity(futures.len());
        for future in futures {
            if seen.insert(Arc::as_ptr(&future.shared)) {
                distinct.push(future.clone());
            }
        }
        let subscription = Subscription { waiter: Waiter::new(), futures: distinct };
        for (index, future) in subscription.futures.iter().enumerate() {
            if let Some(failed) = future.subscribe(&subscription.waiter, index) {
                subscription.waiter.done(index, failed);
            }
        }
        Ok(subscription)
    }

    /// Blocks until `ready` or the deadline; false if it was the deadline.
    fn block(
        &self,
        deadline: Option<Deadline>,
        ready: impl Fn(&Arrived) -> bool,
    ) -> Result<bool, ResultError> {
        if ready(&self.waiter.arrived.lock()) {
            return Ok(true);
        }
        let Some(deadline) = deadline else { return Ok(false) };
        for future in &self.futures {
            if !future.done() {
                future.check_may_block()?;
            }
        }
        let mut arrived = self.waiter.arrived.lock();
        let mut timed_out = false;
        while !ready(&arrived) {
            if timed_out {
                return Ok(false);
            }
            timed_out = self.waiter.changed.wait_until(&mut arrived, deadline);
        }
        Ok(true)
    }
}

impl<T> Drop for Subscription<T> {
    fn drop(&mut self) {
        for future in &self.futures {
            future.unsubscribe(&self.waiter);
        }
    }
}

/// A deadline from a timeout; `None` if it must not block at all.
fn deadline(timeout: Option<Duration>) -> Option<Deadline> {
    (timeout != Some(Duration::ZERO)).then(|| Deadline::after(timeout))
}

//= SPEC.md#f-17
//# `wait` MUST return as soon as its condition holds: one future done, one failed with an
//# exception, or all done; cancellation is no failure.
//= SPEC.md#f-18
//# `wait` that times out MUST return the split so far and MUST leave no trace in the futures.
/// Waits for several futures; `None` waits for ever, zero does not block.
///
/// A cancelled future is done; it is no failure. Timing out is no error: the split says what is done.
/// Thread-safe. Clauses F-15, F-17 to F-19.
///
/// ```
/// use loopgate::concurrent::{self, ReturnWhen};
///
/// let (promise, quick) = concurrent::promise::<u32>();
/// let (_keep, slow) = concurrent::promise::<u32>();
/// promise.set_result(1).unwrap();
/// let split = concurrent::wait(&[quick, slow], None, ReturnWhen::FirstCompleted)?;
/// assert_eq!((split.done.len(), split.not_done.len()), (1, 1));
/// # Ok::<(), loopgate::Exception>(())
/// ```
///
/// # Errors
/// An exception that is [`EmptySet`], or [`ResultError::WouldDeadlock`] if a future that is not done is
/// work of the loop that lives on this thread.
pub fn wait<T>(
    futures: &[ConcurrentFuture<T>],
    timeout: Option<Duration>,
    return_when: ReturnWhen,
) -> Result<Split<T>, crate::exception::Exception> {
    let subscription = Subscription::new(futures)?;
    let total = subscription.futures.len();
    subscription.block(deadline(timeout), |arrived| match return_when {
        ReturnWhen::FirstCompleted => !arrived.order.is_empty(),
        ReturnWhen::FirstException => arrived.failed || arrived.order.len() == total,
        ReturnWhen::AllCompleted => arrived.order.len() == total,
    })?;
    let (done, not_done) = subscription.futures.iter().cloned().partition(ConcurrentFuture::done);
    Ok(Split { done, not_done })
}

//= SPEC.md#f-20
//# `as_completed` MUST yield each future once, those that are done first, then in order of
//# completion.
/// Yields each future when it is done: those that are done first, then in order of completion.
///
/// The timeout counts from the first call of `next`; when it is up, one [`Unfinished`] is yielded and the
/// iteration ends. Clauses F-15, F-19, F-20.
///
/// ```
/// use loopgate::concurrent;
///
/// let (first, a) = concurrent::promise::<&str>();
/// let (second, b) = concurrent::promise::<&str>();
/// second.set_result("b").unwrap();
/// first.set_result("a").unwrap();
/// let mut done = Vec::new();
/// for future in concurrent::as_completed(&[a, b], None)? {
///     done.push(future?.result()?);
/// }
/// done.sort();
/// assert_eq!(done, ["a", "b"]);
/// # Ok::<(), loopgate::Exception>(())
/// ```
///
/// # Errors
/// [`EmptySet`].
pub fn as_completed<T>(
    futures: &[ConcurrentFuture<T>],
    timeout: Option<Duration>,
) -> Result<AsCompleted<T>, EmptySet> {
    let subscription = Subscription::new(futures)?;
    Ok(AsCompleted { subscription, timeout, deadline: None, yielded: 0, over: false })
}

/// The iterator of [`as_completed`].
pub struct AsCompleted<T> {
    subscription: Subscription<T>,
    timeout: Option<Duration>,
    /// Set by the first `next`.
    deadline: Option<Option<Deadline>>,
    yielded: usize,
    over: bool,
}

impl<T> Iterator for AsCompleted<T> {
    type Item = Result<ConcurrentFuture<T>, crate::exception::Exception>;

    fn next(&mut self) -> Option<Self::Item> {
        let total = self.subscription.futures.len();
        if self.over || self.yielded == total {
            return None;
        }
        let deadline = *self.deadline.get_or_insert_with(|| deadline(self.timeout));
        let yielded = self.yielded;
        match self.subscription.block(deadline, |arrived| arrived.order.len() > yielded) {
            Ok(true) => {
                let index = self.subscription.waiter.arrived.lock().order[yielded];
                self.yielded += 1;
                Some(Ok(self.subscription.futures[index].clone()))
            }
            Ok(false) => {
                self.over = true;
                let unfinished = total - self.yielded;
                Some(Err(Unfinished { unfinished, total }.into()))
            }
            Err(error) => {
                self.over = true;
                Some(Err(error.into()))
            }
        }
    }
}

impl<T> fmt::Debug for AsCompleted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsCompleted").field("yielded", &self.yielded).finish_non_exhaustive()
    }
}
