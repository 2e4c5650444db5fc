//! Alphabets of one theme each: fewer letters, so that a fuzzer goes deep where the whole one goes wide.
//!
//! A theme's letters stand for operations of the whole alphabet, and its programs are carried out and judged
//! as those are.

use crate::alphabet::{Letter, alphabet};
use crate::program::{Body, Held, Millis, Op, Pick, Program, Then};
use crate::{Input, world};

/// An alphabet, and what its letters stand for.
pub trait Theme: Letter + std::fmt::Debug + Clone {
    /// The name of the target.
    const TARGET: &'static str;

    /// The operation that is meant.
    fn op(self) -> Op;
}

impl<L: Theme> Input for Program<L> {
    const TARGET: &'static str = L::TARGET;

    fn check(&self) -> Result<(), String> {
        let ops = self.ops.iter().cloned().map(Theme::op).collect();
        world::check(&Program { ops })
    }

    fn bytes(&self) -> Vec<u8> {
        self.encode()
    }

    fn source(&self) -> String {
        self.expression()
    }
}

impl Theme for Op {
    const TARGET: &'static str = "loop_program";

    fn op(self) -> Op {
        self
    }
}

alphabet! {
    /// Timers: ties, cancels at every moment, sleeps that end early, late and in time.
    TimerOp {
        /// `call_later`.
        Set(delay: Millis, then: TimerThen),
        /// `call_later_threadsafe`.
        SetThreadsafe(delay: Millis, then: TimerThen),
        /// Several at once, for the same moment.
        SetMany(count: u8, delay: Millis),
        /// Cancels one.
        Cancel(of: Pick),
        /// Cancels the newest ones, so many.
        CancelMany(count: u8),
        /// `call_later` beyond the clock's range.
        SetTooFar,
        /// `call_soon`.
        Soon(then: TimerThen),
        /// A task that sleeps.
        Sleep(delay: Millis),
        /// Cancels a task.
        CancelSleep(of: Pick),
        /// `run_once`, sleeping no longer than this.
        RunOnce(longest: Millis),
        /// Runs until there is nothing to do.
        RunUntilIdle,
        /// Lets go of a handle.
        Forget(of: Pick),
        /// `close`.
        Close,
    }

    /// What a timer does.
    TimerThen {
        /// Nothing.
        Nothing,
        /// Another operation.
        Do(op: Box<TimerOp>),
        /// An operation when it is dropped.
        OnDrop(op: Box<TimerOp>),
        /// It panics.
        Panic,
    }

    /// Cancel scopes: cancels, `uncancel`, timeouts, `wait_for` and shields, in each other.
    ScopeOp {
        /// `create_task`.
        Start(body: ScopeBody),
        /// `run_coroutine_threadsafe`.
        Submit(body: ScopeBody),
        /// `Task::cancel`.
        Cancel(of: Pick),
        /// `Task::uncancel`.
        Uncancel(of: Pick),
        /// Cancels a submission.
        CancelSubmission(of: Pick),
        /// `create_future`.
        NewFuture,
        /// Completes a future.
        SetResult(of: Pick),
        /// Cancels a future.
        CancelFuture(of: Pick),
        /// A callback that does an operation.
        Soon(op: Box<ScopeOp>),
        /// A timer that does an operation.
        Later(delay: Millis, op: Box<ScopeOp>),
        /// `run_once`, sleeping no longer than this.
        RunOnce(longest: Millis),
        /// Runs until there is nothing to do.
        RunUntilIdle,
        /// Reads a task.
        Read(of: Pick),
        /// Lets go of a task.
        Forget(of: Pick),
        /// `close`.
        Close,
    }

    /// What a task does.
    ScopeBody {
        /// Returns.
        Return,
        /// Fails.
        Raise,
        /// Sleeps.
        Sleep(delay: Millis),
        /// Yields.
        Yield,
        /// Awaits a future.
        AwaitFuture(of: Pick),
        /// Awaits a task.
        AwaitTask(of: Pick),
        /// Awaits a task through a shield.
        Shield(of: Pick),
        /// Awaits a task by `wait_for`.
        WaitFor(limit: Millis, of: Pick),
        /// A body in a `timeout`.
        Timeout(limit: Millis, body: Box<ScopeBody>),
        /// A timeout in a timeout.
        Nested(outer: Millis, inner: Millis, body: Box<ScopeBody>),
        /// Sleeps, and goes on when it is cancelled, so many times.
        Swallow(delay: Millis, times: u8),
        /// Awaits what the kernel knows nothing of.
        Foreign(ends: bool),
        /// Cancels a task, perhaps itself.
        Cancel(of: Pick),
        /// Takes a cancel of a task back, perhaps its own.
        Uncancel(of: Pick),
        /// An operation.
        Do(op: Box<ScopeOp>),
        /// A body, and an operation when it is left.
        Finally(op: Box<ScopeOp>, body: Box<ScopeBody>),
        /// One after the other.
        Both(first: Box<ScopeBody>, second: Box<ScopeBody>),
    }
}

/// At most so many timers are set, or cancelled, by one letter.
const MANY: u8 = 70;

impl Theme for TimerOp {
    const TARGET: &'static str = "timers";

    fn op(self) -> Op {
        match self {
            TimerOp::Set(delay, then) => Op::CallLater(delay, then.then()),
            TimerOp::SetThreadsafe(delay, then) => Op::CallLaterThreadsafe(delay, then.then()),
            TimerOp::SetMany(count, delay) => {
                Op::Repeat(count % MANY, Box::new(Op::CallLater(delay, Then::Nothing)))
            }
            TimerOp::Cancel(of) => Op::CancelCall(of),
            TimerOp::CancelMany(count) => {
                // The newest one each time, which is let go of: so the next one is the newest.
                let cancel = Op::CancelCall(Pick(0));
                let forget = Op::Drop(Held::Call, Pick(0));
                let both = Op::Both(Box::new(cancel), Box::new(forget));
                Op::Repeat(count % MANY, Box::new(both))
            }
            TimerOp::SetTooFar => Op::CallLaterTooFar,
            TimerOp::Soon(then) => Op::CallSoon(then.then()),
            TimerOp::Sleep(delay) => Op::CreateTask(Body::Sleep(delay)),
            TimerOp::CancelSleep(of) => Op::CancelTask(of),
            TimerOp::RunOnce(longest) => Op::RunOnce(longest),
            TimerOp::RunUntilIdle => Op::RunUntilIdle,
            TimerOp::Forget(of) => Op::Drop(Held::Call, of),
            TimerOp::Close => Op::Close,
        }
    }
}

impl TimerThen {
    fn then(self) -> Then {
        match self {
            TimerThen::Nothing => Then::Nothing,
            TimerThen::Do(op) => Then::Do(Box::new(op.op())),
            TimerThen::OnDrop(op) => Then::OnDrop(Box::new(op.op())),
            TimerThen::Panic => Then::Panic,
        }
    }
}

impl Theme for ScopeOp {
    const TARGET: &'static str = "cancel_scopes";

    fn op(self) -> Op {
        match self {
            ScopeOp::Start(body) => Op::CreateTask(body.body()),
            ScopeOp::Submit(body) => Op::Submit(body.body()),
            ScopeOp::Cancel(of) => Op::CancelTask(of),
            ScopeOp::Uncancel(of) => Op::UncancelTask(of),
            ScopeOp::CancelSubmission(of) => Op::CancelSubmission(of),
            ScopeOp::NewFuture => Op::CreateFuture,
            ScopeOp::SetResult(of) => Op::SetResult(of, 1),
            ScopeOp::CancelFuture(of) => Op::CancelFuture(of),
            ScopeOp::Soon(op) => Op::CallSoon(Then::Do(Box::new(op.op()))),
            ScopeOp::Later(delay, op) => Op::CallLater(delay, Then::Do(Box::new(op.op()))),
            ScopeOp::RunOnce(longest) => Op::RunOnce(longest),
            ScopeOp::RunUntilIdle => Op::RunUntilIdle,
            ScopeOp::Read(of) => Op::ReadTask(of),
            ScopeOp::Forget(of) => Op::Drop(Held::Task, of),
            ScopeOp::Close => Op::Close,
        }
    }
}

impl ScopeBody {
    fn body(self) -> Body {
        let within = |limit, body: Body| Body::Timeout(limit, Box::new(body));
        match self {
            ScopeBody::Return => Body::Return(1),
            ScopeBody::Raise => Body::Raise,
            ScopeBody::Sleep(delay) => Body::Sleep(delay),
            ScopeBody::Yield => Body::Yield(1),
            ScopeBody::AwaitFuture(of) => Body::AwaitFuture(of),
            ScopeBody::AwaitTask(of) => Body::AwaitTask(of),
            ScopeBody::Shield(of) => Body::Shield(of),
            ScopeBody::WaitFor(limit, of) => Body::WaitFor(limit, of),
            ScopeBody::Timeout(limit, body) => within(limit, body.body()),
            ScopeBody::Nested(outer, inner, body) => within(outer, within(inner, body.body())),
            ScopeBody::Swallow(delay, times) => Body::Swallow(delay, times),
            ScopeBody::Foreign(ends) => Body::Foreign(ends),
            ScopeBody::Cancel(of) => Body::Do(Box::new(Op::CancelTask(of))),
            ScopeBody::Uncancel(of) => Body::Do(Box::new(Op::UncancelTask(of))),
            ScopeBody::Do(op) => Body::Do(Box::new(op.op())),
            ScopeBody::Finally(op, body) => Body::OnDrop(Box::new(op.op()), Box::new(body.body())),
            ScopeBody::Both(first, second) => {
                Body::Both(Box::new(first.body()), Box::new(second.body()))
            }
        }
    }
}
