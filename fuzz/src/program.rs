//! The alphabet, and how a program is written in bytes.
//!
//! The first byte is the version of the encoding; input of any other version is no program. The rest is
//! decoded by the derived `Arbitrary` until it is used up. Whoever changes an alphabet, be it by a
//! variant at the end, changes what old bytes mean: raise [`VERSION`] and write the corpora anew.

use std::time::Duration;

use arbitrary::{Arbitrary, Error, Result, Unstructured};

use crate::alphabet::{Letter, alphabet, numbers};

/// The version of the encoding, and the first byte of every program.
pub const VERSION: u8 = 2;

/// The longest program, in bytes: it bounds the nesting, and with it the stack.
pub const LONGEST: usize = 1024;

/// What a loop is made to do, in the letters of one alphabet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program<L = Op> {
    /// Carried out one after the other. A loop that is open at the end is dropped.
    pub ops: Vec<L>,
}

impl<L> Default for Program<L> {
    fn default() -> Program<L> {
        Program { ops: Vec::new() }
    }
}

impl<L: Letter> Program<L> {
    /// The program behind these bytes; `None` for another version and for too many bytes.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Program<L>> {
        Program::arbitrary_take_rest(Unstructured::new(bytes)).ok()
    }

    /// The bytes that [`Program::decode`] turns into this program.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        for op in &self.ops {
            op.encode(&mut bytes);
        }
        bytes
    }

    /// The Rust expression that makes this.
    #[must_use]
    pub fn expression(&self) -> String {
        let ops: String = self.ops.iter().map(|op| format!("    {},\n", op.source())).collect();
        format!("Program {{ ops: vec![\n{ops}] }}")
    }
}

impl<'a, L: Letter> Arbitrary<'a> for Program<L> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Program<L>> {
        begin(u)?;
        let mut ops = Vec::new();
        while !u.is_empty() {
            // The bytes end in the middle of an operation: it does not count.
            let Ok(op) = L::arbitrary(u) else { break };
            ops.push(op);
        }
        Ok(Program { ops })
    }
}

/// Every input begins with the version, and is not too long.
pub(crate) fn begin(u: &mut Unstructured<'_>) -> Result<()> {
    if u.len() > LONGEST || u8::arbitrary(u)? != VERSION {
        return Err(Error::IncorrectFormat);
    }
    Ok(())
}

alphabet! {
    /// An operation. In a callback or a coroutine it happens while the loop runs.
    ///
    /// One that picks something where there is nothing yet does nothing.
    Op {
        /// `call_soon`.
        CallSoon(then: Then),
        /// `call_soon_threadsafe`.
        CallSoonThreadsafe(then: Then),
        /// `call_later`.
        CallLater(delay: Millis, then: Then),
        /// `call_later_threadsafe`.
        CallLaterThreadsafe(delay: Millis, then: Then),
        /// `call_later` beyond the clock's range.
        CallLaterTooFar,
        /// Cancels a callback or a timer.
        CancelCall(of: Pick),
        /// `create_task`.
        CreateTask(body: Body),
        /// `Task::cancel`.
        CancelTask(of: Pick),
        /// Cancels one of `all_tasks`, submitted ones among them.
        CancelAnyTask(of: Pick),
        /// `Task::uncancel`.
        UncancelTask(of: Pick),
        /// `Task::result`.
        ReadTask(of: Pick),
        /// `Task::add_done_callback`.
        OnTaskDone(of: Pick, then: Then),
        /// `create_future`.
        CreateFuture,
        /// `LoopPromise::set_result`.
        SetResult(of: Pick, value: u8),
        /// `LoopPromise::set_exception`.
        SetException(of: Pick),
        /// `LoopFuture::cancel`.
        CancelFuture(of: Pick),
        /// `LoopFuture::add_done_callback`.
        OnFutureDone(of: Pick, then: Then),
        /// `run_coroutine_threadsafe`, from the loop's own thread.
        Submit(body: Body),
        /// `ConcurrentFuture::cancel` of a submission.
        CancelSubmission(of: Pick),
        /// `ConcurrentFuture::result_timeout` of a submission.
        ReadSubmission(of: Pick),
        /// `ConcurrentFuture::add_done_callback` of a submission.
        OnSubmissionDone(of: Pick, then: Then),
        /// A concurrent promise, and `wrap_future` of its future.
        WrapSource,
        /// `Promise::set_running_or_notify_cancel` of a wrapped source.
        StartSource(of: Pick),
        /// `Promise::set_result` of a wrapped source.
        FinishSource(of: Pick, value: u8),
        /// `ConcurrentFuture::cancel` of a wrapped source.
        CancelSource(of: Pick),
        /// `LocalLoop::stop`.
        Stop,
        /// `LoopHandle::stop`.
        StopThreadsafe,
        /// `run_once`, sleeping no longer than this.
        RunOnce(longest: Millis),
        /// `run_once` until there is nothing to do, a stop, or an exit request.
        RunUntilIdle,
        /// `set_task_factory`.
        SetFactory(factory: Factory),
        /// Makes the tasks of the coroutines that [`Factory::Keep`] kept.
        StartKept,
        /// `close`.
        Close,
        /// Lets go of a handle.
        Drop(of: Held, which: Pick),
        /// An operation, so many times.
        Repeat(times: u8, op: Box<Op>),
        /// One operation and then another.
        Both(first: Box<Op>, second: Box<Op>),
    }

    /// What a callback does.
    Then {
        /// Nothing more than to note that it ran.
        Nothing,
        /// An operation.
        Do(op: Box<Op>),
        /// An operation when the callback is dropped, whether it ran or not.
        OnDrop(op: Box<Op>),
        /// It panics.
        Panic,
        /// It asks the program to exit.
        Exit,
    }

    /// What a coroutine does. The awaits pass their errors on, except where something else is said.
    Body {
        /// Returns a value.
        Return(value: u8),
        /// Raises an exception of its own.
        Raise,
        /// Panics.
        Panic,
        /// Returns an exit request.
        Exit,
        /// Sleeps.
        Sleep(delay: Millis),
        /// Yields some times.
        Yield(times: u8),
        /// Awaits a loop future.
        AwaitFuture(of: Pick),
        /// Awaits a task.
        AwaitTask(of: Pick),
        /// Awaits a submission.
        AwaitSubmission(of: Pick),
        /// Awaits the `shield` of a task.
        Shield(of: Pick),
        /// Awaits the `gather` of two tasks.
        Gather(first: Pick, second: Pick),
        /// Awaits a task by `wait_for`.
        WaitFor(limit: Millis, of: Pick),
        /// Runs another body in a `timeout`.
        Timeout(limit: Millis, body: Box<Body>),
        /// Sleeps again and again, and goes on when it is cancelled, so many times.
        Swallow(delay: Millis, times: u8),
        /// Awaits something that the kernel knows nothing of, once or for ever.
        Foreign(ends: bool),
        /// An operation.
        Do(op: Box<Op>),
        /// A body, and an operation when the coroutine is dropped in it or has left it.
        OnDrop(op: Box<Op>, body: Box<Body>),
        /// One body after the other; the first one's value is lost.
        Both(first: Box<Body>, second: Box<Body>),
    }

    /// How tasks are made.
    Factory {
        /// The default one.
        Default,
        /// As the default one, with a name.
        Rename,
        /// It refuses.
        Fail,
        /// It panics.
        Panic,
        /// It makes the task, and then refuses.
        MakeThenFail,
        /// It refuses, and keeps the coroutine.
        Keep,
        /// It carries out an operation before it makes the task.
        Do(op: Box<Op>),
    }

    /// Kinds of handles that can be let go of.
    Held {
        /// Of a callback or a timer.
        Call,
        /// A task.
        Task,
        /// A loop future, with its promise.
        Future,
        /// Only the promise of a loop future.
        Promise,
        /// A submission.
        Submission,
        /// The promise of a wrapped source.
        Source,
        /// A coroutine that a factory kept.
        Kept,
    }
}

numbers! {
    /// Names one of those that there are, the newest by zero.
    Pick;
    /// A delay. Most are few milliseconds, so that ties are common; the others are at the edges.
    Millis;
}

impl Pick {
    /// The index of the one that is meant, if there is any.
    #[must_use]
    pub fn index(self, count: usize) -> Option<usize> {
        let back = usize::from(self.0).checked_rem(count)?;
        Some(count - 1 - back)
    }
}

impl Millis {
    /// From 0 to 7 ms by the lower half of the numbers, and something unusual by the upper one.
    #[must_use]
    pub fn delay(self) -> Duration {
        const UNUSUAL: [Duration; 8] = [
            Duration::from_nanos(1),
            Duration::from_nanos(999_999),
            Duration::from_nanos(1_000_001),
            Duration::from_micros(1_500),
            Duration::from_millis(60),
            Duration::from_secs(1),
            Duration::from_hours(1),
            // Longer than any one poll.
            Duration::from_hours(60),
        ];
        if self.0 < 128 {
            Duration::from_millis(u64::from(self.0 % 8))
        } else {
            UNUSUAL[usize::from(self.0 % 8)]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_versions_and_endless_programs_are_rejected() {
        assert_eq!(Program::<Op>::decode(&[VERSION]), Some(Program::default()));
        assert_eq!(Program::<Op>::decode(&[]), None);
        assert_eq!(Program::<Op>::decode(&[VERSION + 1, 0, 0, 0]), None);
        assert_eq!(Program::<Op>::decode(&[VERSION; LONGEST + 1]), None);
    }

    #[test]
    fn picks_count_from_the_newest() {
        assert_eq!(Pick(0).index(0), None);
        assert_eq!(Pick(0).index(3), Some(2));
        assert_eq!(Pick(4).index(3), Some(1));
    }
}
