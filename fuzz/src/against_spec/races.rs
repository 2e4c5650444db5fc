//! Programs of threads that race for futures and for a loop, each under a schedule: the input is both.
//!
//! The spec says once what a program may come to; the schedule decides which of it happens. Coverage of the kernel
//! then leads to schedules that get somewhere new, which no random draw does.

use loopgate_model_tests::spec::program::{Awaited, Catch, Limit, Op, Query, Sleep, Stmt};

use super::futures::{self, FutureOp};
use super::slots::{Kind, Slots};
use crate::Input;
use crate::alphabet::{Letter, alphabet, numbers};
use crate::program::Pick;
use crate::schedule::Scheduled;

alphabet! {
    /// What a thread does.
    RaceOp {
        /// Nothing more.
        End,
        /// An operation on futures, whose waits take no time.
        Now(op: FutureOp),
        /// The same; its waits take some time.
        Soon(op: FutureOp),
        /// The same; its waits have no limit.
        Ever(op: FutureOp),
        /// `call_soon_threadsafe`.
        Post,
        /// The same, of a callback that does something.
        PostDoing(op: FutureOp),
        /// `run_coroutine_threadsafe`.
        Submit(body: RaceBody),
        /// The handle's `stop`.
        Stop,
        /// Whether the loop is closed.
        IsClosed,
    }

    /// What a submitted coroutine does.
    RaceBody {
        /// Returns.
        Return(value: u8),
        /// Yields, and returns.
        Yield(value: u8),
        /// Awaits a future.
        Await(of: Pick),
        /// Awaits a future, and returns a value if it is cancelled meanwhile.
        Swallow(of: Pick),
        /// Fails.
        Raise,
    }
}

numbers! {
    /// How the first thread drives the loop: no loop, until it is stopped, turn by turn, not at all.
    Drive;
}

/// A program.
#[derive(arbitrary::Arbitrary, Clone, Debug, PartialEq, Eq)]
pub struct Races {
    /// What becomes of the loop.
    pub drive: Drive,
    /// How many futures there are to begin with, up to three.
    pub futures: u8,
    /// What is submitted to begin with, if there is a loop: this future all threads can name.
    pub submitted: RaceBody,
    /// What the second thread does, and the third one. The first one drives the loop, and drops it.
    pub threads: [[RaceOp; 2]; 2],
}

impl Letter for Races {
    fn encode(&self, bytes: &mut Vec<u8>) {
        self.drive.encode(bytes);
        self.futures.encode(bytes);
        self.submitted.encode(bytes);
        self.threads.iter().flatten().for_each(|op| op.encode(bytes));
    }

    fn source(&self) -> String {
        let Races { drive, futures, submitted, threads } = self;
        let list = |ops: &[RaceOp]| ops.iter().map(Letter::source).collect::<Vec<_>>().join(", ");
        let threads: Vec<_> = threads.iter().map(|ops| format!("[{}]", list(ops))).collect();
        format!(
            "Races {{ drive: {}, futures: {futures}, submitted: {}, threads: [{}] }}",
            drive.source(),
            submitted.source(),
            threads.join(", ")
        )
    }
}

const LOOP: u8 = 0;

fn op(slots: &mut Slots, letter: &RaceOp, has_loop: bool) -> Option<Op> {
    let future_op = |slots: &mut Slots, op: &FutureOp, limit| {
        // Another thread could name the promise that is gone.
        let dropped = matches!(op, FutureOp::DropPromise(_));
        if dropped { None } else { futures::op(slots, op, limit) }
    };
    let of_the_loop = !matches!(letter, RaceOp::Now(_) | RaceOp::Soon(_) | RaceOp::Ever(_));
    if of_the_loop && !has_loop {
        return None;
    }
    Some(match letter {
        RaceOp::End => return None,
        RaceOp::Now(op) => future_op(slots, op, Limit::Zero)?,
        RaceOp::Soon(op) => future_op(slots, op, Limit::Finite)?,
        RaceOp::Ever(op) => future_op(slots, op, Limit::Forever)?,
        RaceOp::Post => post(slots, None)?,
        RaceOp::PostDoing(op) => {
            let makes = matches!(op, FutureOp::New);
            let then = if makes { None } else { future_op(slots, op, Limit::Zero) };
            post(slots, then)?
        }
        RaceOp::Submit(body) => {
            let script = script(slots, body)?;
            let coroutine = slots.coroutine(script)?;
            // The loop may be closed by now, and the slot stay empty: nobody names it.
            Op::Submit { on: LOOP, coroutine, future: slots.fresh(Kind::Future)? }
        }
        RaceOp::Stop => Op::Stop(LOOP),
        RaceOp::IsClosed => Op::IsClosed(LOOP),
    })
}

fn post(slots: &mut Slots, then: Option<Op>) -> Option<Op> {
    let mark = Op::Mark(u8::try_from(slots.program.callbacks.len()).ok()?);
    let callback = slots.callback(std::iter::once(mark).chain(then).collect())?;
    Some(Op::Post { on: LOOP, callback, handle: slots.fresh(Kind::Handle)? })
}

fn script(slots: &Slots, body: &RaceBody) -> Option<Vec<Stmt>> {
    Some(match body {
        RaceBody::Return(value) => vec![Stmt::Return(*value)],
        RaceBody::Yield(value) => vec![Stmt::Await(Awaited::Yield), Stmt::Return(*value)],
        RaceBody::Await(of) => vec![Stmt::Await(Awaited::Future(slots.pick_future(*of)?))],
        RaceBody::Swallow(of) => vec![Stmt::Try {
            body: vec![Stmt::Await(Awaited::Future(slots.pick_future(*of)?))],
            catch: Catch::Cancelled,
            handler: vec![Stmt::Return(5)],
            again: false,
        }],
        RaceBody::Raise => vec![Stmt::Raise(6)],
    })
}

impl Races {
    fn program(&self) -> super::SpecProgram {
        let mut slots = Slots::new();
        let drive = self.drive.0 % 4;
        let has_loop = drive != 0;
        let mut first: Vec<Op> = has_loop.then_some(Op::NewLoop(LOOP)).into_iter().collect();
        for _ in 0..self.futures % 4 {
            first.extend(slots.future(true).map(Op::NewPromise));
        }
        if has_loop && let Some(script) = script(&slots, &self.submitted) {
            let submitted = slots.coroutine(script).zip(slots.future(false));
            first.extend(submitted.map(|(coroutine, future)| Op::Submit {
                on: LOOP,
                coroutine,
                future,
            }));
        }
        let shared = slots.futures.clone();
        let mut others = Vec::new();
        for letters in &self.threads {
            // Each thread names what there was before it began, and what it has made.
            slots.futures.clone_from(&shared);
            let ops = letters.iter().take_while(|letter| **letter != RaceOp::End);
            others
                .push(ops.filter_map(|op| self::op(&mut slots, op, has_loop)).collect::<Vec<_>>());
        }
        first.extend([Op::Start(1), Op::Start(2)]);
        match drive {
            // A stop of its own, so that it ends whatever the others do.
            1 => first.extend([Op::Stop(LOOP), Op::RunForever(LOOP)]),
            2 => first.extend(vec![Op::RunOnce { on: LOOP, sleep: Sleep::Zero }; 3]),
            _ => {}
        }
        if has_loop {
            first.push(Op::DropLoop(LOOP));
        }
        first.extend([Op::Join(1), Op::Join(2)]);
        let made = shared.iter().map(|(future, _)| *future);
        first.extend(made.map(|future| Op::Query { future, what: Query::Done }));
        slots.program.threads = vec![first];
        slots.program.threads.extend(others);
        slots.program
    }
}

impl Input for Scheduled<Races> {
    const TARGET: &'static str = "interleavings";
    const SCHEDULED: bool = true;

    fn is_judged(&self) -> bool {
        super::allowed(&self.program.program()).is_some()
    }

    fn check(&self) -> Result<(), String> {
        super::check_scheduled(self.program.program(), &self.schedule)
    }

    fn bytes(&self) -> Vec<u8> {
        self.encode()
    }

    fn source(&self) -> String {
        self.expression()
    }
}
