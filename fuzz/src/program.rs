//! The alphabet, and how a program is written in bytes.
//!
//! The first byte is the version of the encoding; input of any other version is no program. The rest is
//! decoded by the derived `Arbitrary` until it is used up. Whoever changes the alphabet, be it by a
//! variant at the end, changes what old bytes mean: raise [`VERSION`] and write the corpus anew.

use std::time::Duration;

use arbitrary::{Arbitrary, Error, Result, Unstructured};

/// The version of the encoding, and the first byte of every program.
pub const VERSION: u8 = 1;

/// The longest program, in bytes: it bounds the nesting, and with it the stack.
pub const LONGEST: usize = 1024;

/// What a loop is made to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Program {
    /// Carried out one after the other. A loop that is open at the end is dropped.
    pub ops: Vec<Op>,
}

impl Program {
    /// The program behind these bytes; `None` for another version and for too many bytes.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Program> {
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
}

impl<'a> Arbitrary<'a> for Program {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Program> {
        if u.len() > LONGEST || u8::arbitrary(u)? != VERSION {
            return Err(Error::IncorrectFormat);
        }
        let mut ops = Vec::new();
        while !u.is_empty() {
            // The bytes end in the middle of an operation: it does not count.
            let Ok(op) = Op::arbitrary(u) else { break };
            ops.push(op);
        }
        Ok(Program { ops })
    }
}

/// The other direction of `Arbitrary`, for the types of the alphabet.
trait Encode {
    fn encode(&self, bytes: &mut Vec<u8>);
}

impl Encode for u8 {
    fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.push(*self);
    }
}

impl<T: Encode> Encode for Box<T> {
    fn encode(&self, bytes: &mut Vec<u8>) {
        (**self).encode(bytes);
    }
}

/// The least number that the derived `Arbitrary` takes for variant `index` of `count`.
fn encode_variant(index: usize, count: usize, bytes: &mut Vec<u8>) {
    let (index, count) = (index as u64, count as u64);
    let number = (index << 32).div_ceil(count);
    let number = u32::try_from(number).expect("the index is less than the count");
    bytes.extend(number.to_le_bytes());
}

/// An enum whose variants have named fields by position, decoded by derive and encoded to match.
macro_rules! alphabet {
    ($(
        $(#[$about:meta])*
        $name:ident { $( $(#[$variant_about:meta])* $variant:ident $(($($field:ident: $type:ty),*))? ,)* }
    )*) => {$(
        $(#[$about])*
        #[derive(Arbitrary, Clone, Debug, PartialEq, Eq)]
        pub enum $name {
            $( $(#[$variant_about])* $variant $(($($type),*))? ,)*
        }

        impl Encode for $name {
            fn encode(&self, bytes: &mut Vec<u8>) {
                const VARIANTS: &[&str] = &[$(stringify!($variant)),*];
                match self {$(
                    $name::$variant $(($($field),*))? => {
                        let index = VARIANTS.iter().position(|name| *name == stringify!($variant));
                        encode_variant(index.expect("its own name"), VARIANTS.len(), bytes);
                        $($( $field.encode(bytes); )*)?
                    }
                )*}
            }
        }
    )*};
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

impl Encode for bool {
    fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.push(u8::from(*self));
    }
}

/// Names one of those that there are, the newest by zero.
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pick(pub u8);

impl Pick {
    /// The index of the one that is meant, if there is any.
    #[must_use]
    pub fn index(self, count: usize) -> Option<usize> {
        let back = usize::from(self.0).checked_rem(count)?;
        Some(count - 1 - back)
    }
}

impl Encode for Pick {
    fn encode(&self, bytes: &mut Vec<u8>) {
        self.0.encode(bytes);
    }
}

/// A delay. There are few of them, so that ties are common.
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Millis(pub u8);

impl Millis {
    /// From 0 to 7 ms.
    #[must_use]
    pub fn delay(self) -> Duration {
        Duration::from_millis(u64::from(self.0 % 8))
    }
}

impl Encode for Millis {
    fn encode(&self, bytes: &mut Vec<u8>) {
        self.0.encode(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_versions_and_endless_programs_are_rejected() {
        assert_eq!(Program::decode(&[VERSION]), Some(Program::default()));
        assert_eq!(Program::decode(&[]), None);
        assert_eq!(Program::decode(&[VERSION + 1, 0, 0, 0]), None);
        assert_eq!(Program::decode(&[VERSION; LONGEST + 1]), None);
    }

    #[test]
    fn picks_count_from_the_newest() {
        assert_eq!(Pick(0).index(0), None);
        assert_eq!(Pick(0).index(3), Some(2));
        assert_eq!(Pick(4).index(3), Some(1));
    }
}
