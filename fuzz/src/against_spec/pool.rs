//! A pool of workers, two threads that use it, and its end: by a schedule.

use loopgate_model_tests::spec::program::{Limit, Op, Query};

use super::SpecProgram;
use super::slots::{Kind, Slots};
use crate::Input;
use crate::alphabet::{Letter, alphabet, numbers};
use crate::program::Pick;
use crate::schedule::Scheduled;

alphabet! {
    /// What a thread does with the pool.
    PoolOp {
        /// Nothing more.
        End,
        /// `submit`, of a function that returns.
        Submit,
        /// The same, of one that fails.
        SubmitFailing,
        /// The same, of one that waits for the gate.
        SubmitWaiting,
        /// Lets those go on.
        OpenGate,
        /// Cancels one.
        Cancel(of: Pick),
        /// Waits for the outcome of one.
        Result(of: Pick),
        /// Waits for some time.
        ResultSoon(of: Pick),
        /// Waits for the end of one.
        WaitEnded(of: Pick),
        /// Whether it runs.
        Running(of: Pick),
        /// `shutdown`.
        Shutdown(wait: bool, cancel: bool),
    }
}

numbers! {
    /// How the pool is made: a second worker by the first bit, an initializer that fails by the next two.
    Workers;
}

/// The life of a pool.
#[derive(arbitrary::Arbitrary, Clone, Debug, PartialEq, Eq)]
pub struct Life {
    /// How it is made.
    pub workers: Workers,
    /// What the first thread does, and the second one.
    pub threads: [[PoolOp; 3]; 2],
}

impl Letter for Life {
    fn encode(&self, bytes: &mut Vec<u8>) {
        self.workers.encode(bytes);
        self.threads.iter().flatten().for_each(|op| op.encode(bytes));
    }

    fn source(&self) -> String {
        let list = |ops: &[PoolOp]| ops.iter().map(Letter::source).collect::<Vec<_>>().join(", ");
        let threads: Vec<_> = self.threads.iter().map(|ops| format!("[{}]", list(ops))).collect();
        let workers = self.workers.source();
        format!("Life {{ workers: {workers}, threads: [{}] }}", threads.join(", "))
    }
}

const POOL: u8 = 0;
const GATE: u8 = 0;

fn op(slots: &mut Slots, letter: &PoolOp) -> Option<Op> {
    let submit = |slots: &mut Slots, ops: Vec<Op>| {
        let (work, future) = (slots.work(ops)?, slots.fresh(Kind::Future)?);
        if !slots.may_refuse {
            slots.futures.push((future, false));
        }
        Some(Op::SubmitWork { pool: POOL, work, future })
    };
    let number = u8::try_from(slots.program.works.len()).ok()?;
    Some(match letter {
        PoolOp::End => return None,
        PoolOp::Submit => submit(slots, vec![Op::Return(number)])?,
        PoolOp::SubmitFailing => submit(slots, vec![Op::Raise(number)])?,
        PoolOp::SubmitWaiting => submit(slots, vec![Op::AwaitGate(GATE), Op::Return(number)])?,
        PoolOp::OpenGate => Op::Signal(GATE),
        PoolOp::Cancel(of) => Op::Cancel(slots.pick_future(*of)?),
        PoolOp::Result(of) => Op::Result { future: slots.pick_future(*of)?, limit: Limit::Forever },
        PoolOp::ResultSoon(of) => {
            Op::Result { future: slots.pick_future(*of)?, limit: Limit::Finite }
        }
        PoolOp::WaitEnded(of) => {
            Op::WaitEnded { future: slots.pick_future(*of)?, limit: Limit::Forever }
        }
        PoolOp::Running(of) => Op::Query { future: slots.pick_future(*of)?, what: Query::Running },
        PoolOp::Shutdown(wait, cancel) => Op::Shutdown { pool: POOL, wait: *wait, cancel: *cancel },
    })
}

fn program(life: &Life) -> SpecProgram {
    let Life { workers: Workers(workers), threads } = life;
    let mut slots = Slots::new();
    let broken = (workers >> 1 & 3 == 3).then_some(7);
    let mut first = vec![Op::NewPool { pool: POOL, workers: 1 + (workers & 1), broken }];
    // Before the second thread begins: what both can name.
    first.extend(op(&mut slots, &threads[0][0]));
    first.push(Op::Start(1));
    let shared = slots.futures.clone();
    let ends = |letter: &PoolOp| matches!(letter, PoolOp::Shutdown(..));
    slots.may_refuse = broken.is_some() || threads.iter().flatten().any(ends);
    first.extend(threads[0][1..].iter().filter_map(|letter| op(&mut slots, letter)));
    // The second thread names what there was before it began, and what it has made.
    slots.futures = shared;
    let second = threads[1].iter().filter_map(|letter| op(&mut slots, letter)).collect();
    first.extend([Op::Signal(GATE), Op::Join(1)]);
    first.push(Op::Shutdown { pool: POOL, wait: true, cancel: false });
    slots.program.threads = vec![first, second];
    slots.program
}

impl Input for Scheduled<Life> {
    const TARGET: &'static str = "executor_life";
    const SCHEDULED: bool = true;

    fn is_judged(&self) -> bool {
        super::allowed(&program(&self.program)).is_some()
    }

    fn check(&self) -> Result<(), String> {
        super::check_scheduled(program(&self.program), &self.schedule)
    }

    fn bytes(&self) -> Vec<u8> {
        self.encode()
    }

    fn source(&self) -> String {
        self.expression()
    }
}
