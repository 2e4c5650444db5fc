//! How what pools, futures and threads have come to is read, and waited for where it has to be.

use std::fmt::Debug;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use loopgate::checkers::PoolCensus;
use loopgate::{ConcurrentFuture, Exception, ResultError, ShutdownError, SubmitError, Task};
use loopgate_model_tests::spec::program::Query;
use loopgate_model_tests::spec::{Cause, Word};

use super::reference::{Ended, Pool, Work};

/// Only bounds a program that would otherwise hang.
pub(super) const GUARD: Duration = Duration::from_secs(30);

/// A thread that waits; what it has got.
pub(super) type Thread<T> = (Receiver<T>, Option<T>);

/// Whether it is released only now.
pub(super) fn released<T>(thread: &mut Thread<T>, expected: Option<T>) -> bool
where
    T: PartialEq + Debug,
{
    let (receiver, got) = thread;
    match (&*got, expected) {
        (None, None) => {
            assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty), "released early");
            false
        }
        (None, Some(expected)) => {
            assert_eq!(receiver.recv_timeout(GUARD).as_ref(), Ok(&expected));
            *got = Some(expected);
            true
        }
        (Some(got), expected) => {
            assert_eq!(Some(got), expected.as_ref());
            false
        }
    }
}

pub(super) fn census(pool: &Pool) -> PoolCensus {
    PoolCensus {
        queued: pool.machine.iter().count(),
        workers: usize::from(pool.machine.workers()),
        idle: usize::from(pool.machine.idle()),
    }
}

/// What of a pool cannot be waited for in any other way is there in a moment.
pub(super) fn await_that<T: PartialEq + Debug>(look: impl Fn() -> T, expected: &T, of: &str) {
    let begun = Instant::now();
    loop {
        let seen = look();
        if seen == *expected {
            return;
        }
        assert!(begun.elapsed() < GUARD, "{seen:?}, and not {expected:?}, {of}");
        thread::yield_now();
    }
}

/// Its result, if it has one.
pub(super) fn check_queries(
    future: &ConcurrentFuture<u8>,
    work: &Work,
) -> Option<Result<u8, ResultError>> {
    assert_eq!(future.running(), work.future.query(Query::Running));
    assert_eq!(future.cancelled(), work.future.query(Query::Cancelled));
    assert_eq!(future.done(), work.future.query(Query::Done));
    assert_eq!(future.ended(), work.future.query(Query::Ended));
    future.done().then(|| future.result_timeout(Duration::ZERO))
}

pub(super) fn result_word(result: Result<u8, ResultError>, exceptions: &[Exception]) -> Word {
    let exception = match result {
        Ok(value) => return Word::Value(value),
        Err(ResultError::Pending) => return Word::Pending,
        Err(ResultError::Cancelled(_)) => return Word::Error(Cause::Cancelled),
        Err(ResultError::Exception(exception)) => exception,
        Err(other) => panic!("unexpected: {other}"),
    };
    let number = exceptions.iter().position(|known| known.same_object(&exception));
    Word::Error(match number {
        Some(number) => Cause::Raised(u8::try_from(number).unwrap()),
        None if matches!(exception.downcast_ref(), Some(SubmitError::Broken(_))) => {
            Cause::BrokenPool
        }
        None => panic!("where does this come from: {exception}"),
    })
}

pub(super) fn end_of(shutdown: &Task<()>) -> Option<Ended> {
    match shutdown.result() {
        Err(ResultError::Pending) => None,
        Ok(()) => Some(Ended::Well),
        Err(ResultError::Exception(exception)) => match exception.downcast_ref() {
            Some(ShutdownError::TimedOut { workers }) => Some(Ended::TimedOut(*workers)),
            _ => panic!("{exception}"),
        },
        Err(other) => panic!("{other}"),
    }
}
