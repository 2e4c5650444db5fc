//! Concurrent futures in one thread: every state, every question, callbacks in callbacks, waits for several.

use loopgate_model_tests::spec::program::{self, Limit, Op, Query};

use super::SpecProgram;
use super::slots::Slots;
use crate::Input;
use crate::alphabet::alphabet;
use crate::program::{Pick, Program};

alphabet! {
    /// An operation on concurrent futures.
    FutureOp {
        /// A new one, with its promise.
        New,
        /// `set_running_or_notify_cancel`.
        SetRunning(of: Pick),
        /// `set_result`.
        SetResult(of: Pick, value: u8),
        /// `set_exception`.
        SetException(of: Pick, number: u8),
        /// `try_complete`.
        Complete(of: Pick, value: u8),
        /// `cancel`.
        Cancel(of: Pick),
        /// Drops the promise.
        DropPromise(of: Pick),
        /// `add_done_callback`: it does another operation.
        OnDone(of: Pick, then: Box<FutureOp>),
        /// `done`.
        Done(of: Pick),
        /// `cancelled`.
        Cancelled(of: Pick),
        /// `running`.
        Running(of: Pick),
        /// `ended`.
        Ended(of: Pick),
        /// `result`.
        Result(of: Pick),
        /// `exception`.
        Exception(of: Pick),
        /// `wait_ended`.
        WaitEnded(of: Pick),
        /// `wait` for two.
        Wait(one: Pick, other: Pick, when: When),
        /// `as_completed` of two.
        AsCompleted(one: Pick, other: Pick),
    }

    /// When a wait for several is over.
    When {
        /// One is done.
        First,
        /// One has failed, or all are done.
        Exception,
        /// All are done.
        All,
    }
}

impl When {
    fn of_the_spec(&self) -> program::When {
        match self {
            When::First => program::When::FirstCompleted,
            When::Exception => program::When::FirstException,
            When::All => program::When::AllCompleted,
        }
    }
}

/// Exceptions are told apart by number; a few are enough.
const EXCEPTIONS: u8 = 4;

/// The operation that a letter stands for; `None` if there is nothing that it could be about.
pub(super) fn op(slots: &mut Slots, letter: &FutureOp, limit: Limit) -> Option<Op> {
    let query =
        |slots: &Slots, of: &Pick, what| Some(Op::Query { future: slots.pick_future(*of)?, what });
    Some(match letter {
        FutureOp::New => Op::NewPromise(slots.future(true)?),
        FutureOp::SetRunning(of) => Op::SetRunning(slots.pick_promise(*of)?),
        FutureOp::SetResult(of, value) => {
            Op::SetResult { future: slots.pick_promise(*of)?, value: *value }
        }
        FutureOp::SetException(of, number) => {
            let exception = number % EXCEPTIONS;
            Op::SetException { future: slots.pick_promise(*of)?, exception }
        }
        FutureOp::Complete(of, value) => {
            Op::Complete { future: slots.pick_promise(*of)?, value: *value }
        }
        FutureOp::Cancel(of) => Op::Cancel(slots.pick_future(*of)?),
        FutureOp::DropPromise(of) => Op::DropPromise(slots.take_promise(*of)?),
        FutureOp::OnDone(of, then) => {
            let future = slots.pick_future(*of)?;
            Op::OnDone { future, callback: callback(slots, then)? }
        }
        FutureOp::Done(of) => query(slots, of, Query::Done)?,
        FutureOp::Cancelled(of) => query(slots, of, Query::Cancelled)?,
        FutureOp::Running(of) => query(slots, of, Query::Running)?,
        FutureOp::Ended(of) => query(slots, of, Query::Ended)?,
        FutureOp::Result(of) => Op::Result { future: slots.pick_future(*of)?, limit },
        FutureOp::Exception(of) => Op::Exception { future: slots.pick_future(*of)?, limit },
        FutureOp::WaitEnded(of) => Op::WaitEnded { future: slots.pick_future(*of)?, limit },
        FutureOp::Wait(one, other, when) => {
            let futures = vec![slots.pick_future(*one)?, slots.pick_future(*other)?];
            Op::Wait { futures, when: when.of_the_spec(), limit }
        }
        FutureOp::AsCompleted(one, other) => {
            let futures = vec![slots.pick_future(*one)?, slots.pick_future(*other)?];
            Op::AsCompleted { futures, limit }
        }
    })
}

/// A callback that says that it ran, and does one thing. What it could make nobody could name.
fn callback(slots: &mut Slots, then: &FutureOp) -> Option<u8> {
    let mark = Op::Mark(u8::try_from(slots.program.callbacks.len()).ok()?);
    let makes = matches!(then, FutureOp::New | FutureOp::DropPromise(_));
    let then = if makes { None } else { op(slots, then, Limit::Zero) };
    slots.callback(std::iter::once(mark).chain(then).collect())
}

fn program(letters: &[FutureOp]) -> SpecProgram {
    let mut slots = Slots::new();
    // A search of one thread's states is quick, but not of a thousand operations.
    let ops = letters.iter().take(80);
    let thread = ops.filter_map(|letter| op(&mut slots, letter, Limit::Zero)).collect();
    slots.program.threads = vec![thread];
    slots.program
}

impl Input for Program<FutureOp> {
    const TARGET: &'static str = "concurrent_future";

    fn is_judged(&self) -> bool {
        super::allowed(&program(&self.ops)).is_some()
    }

    fn check(&self) -> Result<(), String> {
        super::check(program(&self.ops))
    }

    fn bytes(&self) -> Vec<u8> {
        self.encode()
    }

    fn source(&self) -> String {
        self.expression()
    }
}
