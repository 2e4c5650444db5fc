//! Schedules that are made of bytes: who does the next step, and what the world answers.
//!
//! A byte picks among the threads that can do a step, if there are several; a bit answers a question. When the bytes
//! are used up threads take long turns, and the world does nothing unusual any more. So a short schedule is one with
//! few switches, a fuzzer's mutations move single switches, and its coverage tells which of them matter.

use arbitrary::{Arbitrary, Result, Unstructured};
#[cfg(not(shuttle))]
use loopgate::checkers::model::Environment;

use crate::alphabet::Letter;
use crate::program::begin;

/// A program of several threads, and a schedule for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scheduled<P> {
    /// What the threads do.
    pub program: P,
    /// Who goes next; see the module.
    pub schedule: Vec<u8>,
}

impl<P: Letter> Scheduled<P> {
    /// The bytes that `Arbitrary` turns into this.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![crate::VERSION];
        self.program.encode(&mut bytes);
        bytes.extend(&self.schedule);
        bytes
    }

    /// The Rust expression that makes this.
    #[must_use]
    pub fn expression(&self) -> String {
        let Scheduled { program, schedule } = self;
        format!("Scheduled {{ program: {}, schedule: vec!{schedule:?} }}", program.source())
    }
}

impl<'a, P: Letter> Arbitrary<'a> for Scheduled<P> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Scheduled<P>> {
        begin(u)?;
        let program = P::arbitrary(u)?;
        let rest = u.len();
        Ok(Scheduled { program, schedule: u.bytes(rest)?.to_vec() })
    }
}

/// Runs a body whose threads are the kernel's, by a schedule; natively, as the machine has it.
///
/// # Errors
/// What the body panicked with, or that nobody can run any more.
#[cfg(not(shuttle))]
pub(crate) fn run(
    _: &[u8],
    _: Environment,
    body: impl Fn() + Send + Sync + 'static,
) -> std::result::Result<(), String> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)).map_err(|panic| text(&*panic))
}

#[cfg(shuttle)]
pub(crate) use explored::run;

#[cfg(shuttle)]
mod explored {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use loopgate::checkers::model::{
        Environment, able, accesses, announced, execute, prepare_open,
    };
    use shuttle::scheduler::{Schedule, Scheduler, Task, TaskId};
    use shuttle::{Config, FailurePersistence, MaxSteps, Runner};

    /// Far more steps than any program has: only one that never ends gets there.
    const MOST_STEPS: usize = 20_000;

    /// So many steps a thread goes on when the bytes are used up: one that waits by asking must not keep others
    /// from what it waits for.
    const TURN: u32 = 64;

    /// For the deepest stack of a debug build.
    const STACK: usize = 0x80_000;

    /// The same by a schedule, in one thread.
    pub(crate) fn run(
        schedule: &[u8],
        environment: Environment,
        body: impl Fn() + Send + Sync + 'static,
    ) -> Result<(), String> {
        prepare_open(environment, usize::MAX);
        let mut config = Config::new();
        config.stack_size = STACK;
        config.failure_persistence = FailurePersistence::None;
        config.max_steps = MaxSteps::FailAfter(MOST_STEPS);
        config.silence_warnings = true;
        let bytes = Bytes { left: schedule.to_vec().into_iter(), bits: 0, steps: 0, ran: false };
        let explored = catch_unwind(AssertUnwindSafe(|| {
            Runner::new(bytes, config).run(move || execute(&body));
        }));
        explored.map_err(|panic| super::text(&*panic))
    }

    /// The scheduler that follows bytes through one execution.
    struct Bytes {
        left: std::vec::IntoIter<u8>,
        /// Bits that answer questions, under a one that tells how many are left.
        bits: u32,
        /// Of the turn that is taken when there are no bytes.
        steps: u32,
        ran: bool,
    }

    impl Scheduler for Bytes {
        fn new_execution(&mut self) -> Option<Schedule> {
            let first = !std::mem::replace(&mut self.ran, true);
            first.then(|| Schedule::new(0))
        }

        fn next_task(
            &mut self,
            tasks: &[&Task],
            current: Option<TaskId>,
            _: bool,
        ) -> Option<TaskId> {
            // What was touched is for schedulers that reduce.
            drop(accesses());
            let ids = || tasks.iter().map(|task| task.id());
            // A thread that has announced no step goes on at once, for nobody can tell when it does.
            let silent = ids().find(|id| announced(usize::from(*id)).is_none());
            if silent.is_some() {
                return silent;
            }
            let able = able();
            let able: Vec<TaskId> = ids().filter(|id| able.contains(&usize::from(*id))).collect();
            if able.len() < 2 {
                return able.first().copied();
            }
            // Whoever runs comes first, so that a zero goes on.
            let mine = able.iter().position(|id| Some(*id) == current).unwrap_or(0);
            let pick = self.left.next().map_or_else(
                || {
                    self.steps = (self.steps + 1) % TURN;
                    usize::from(self.steps == 0)
                },
                usize::from,
            );
            able.get((mine + pick) % able.len()).copied()
        }

        fn next_u64(&mut self) -> u64 {
            if self.bits <= 1 {
                self.bits = 0x100 | self.left.next().map_or(0, u32::from);
            }
            let answer = self.bits & 1;
            self.bits >>= 1;
            u64::from(answer)
        }
    }
}

fn text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a text")
        .into()
}
