//! Random programs: this kernel, the spec and CPython's asyncio on virtual time say the same of each.
//!
//! Where SPEC.md decides otherwise than asyncio, asyncio has a [`Habit`]: a rule by which the spec says what asyncio
//! does instead. So nothing is left out because it is different: a difference has to be the declared one, and to
//! show wherever the rule says so. How many programs met each habit is counted, and so is what was reached at all;
//! a habit, an operation or a kind of outcome that never came up fails a long run.
//!
//! `draw` makes the programs, `case` knows what may come of one, [`Differential`] runs them, `shrink` makes one that
//! failed small, `reach` counts.

mod case;
mod draw;
mod reach;
mod shrink;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::process::Process;
use super::runtime::{Failure, Logs, Request, Runtime};
use crate::spec::{Habit, Program, Seeded};

pub use case::{Case, Expected, Reference, Side};
pub use draw::{Kind, program, program_by};
pub use reach::{Reach, alphabet};
pub use shrink::smallest;

/// So many programs are run on a driver at once.
const CHUNK: u64 = 100;
/// Fewer programs than that need not reach everything.
pub const ENOUGH: u64 = 10_000;
/// Habits that a few programs in so many meet; they have to come up in ten times as many.
const RARE: [Habit; 3] = [Habit::CancelReadsTheResult, Habit::UncancelKeeps, Habit::RunLeavesAStop];
/// How often programs are run in which threads race.
const ROUNDS: u64 = 4;
/// Longer than any program takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// For one of which it is known that it hangs.
const PATIENCE_FOR_HANGS: Duration = Duration::from_millis(300);

/// A comparison of so many programs.
#[derive(Clone, Debug)]
pub struct Differential {
    /// How many.
    pub programs: u64,
    /// The seed of the first; each has the next one.
    pub seed: u64,
    /// Whom they are run on, with the command of its driver and the folder for that.
    pub sides: Vec<(Side, Vec<String>, std::path::PathBuf)>,
    /// What they are compared with.
    pub reference: Reference,
}

/// What was found out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Programs of each kind.
    pub kinds: BTreeMap<Kind, u64>,
    /// Those that were drawn anew, because they cannot be run, or have too many states.
    pub redrawn: u64,
    /// Programs with several outcomes.
    pub races: u64,
    /// Programs that asyncio was asked.
    pub asked: u64,
    /// Those of them in which it does what SPEC.md does not allow, as its habits say.
    pub different: u64,
    /// Those in which it hangs, as its habits say.
    pub hangs: u64,
    /// Programs in which each habit made a difference.
    pub habits: BTreeMap<Habit, u64>,
    /// What came up on the kernel.
    pub reach: Reach,
}

/// A program on which a side did not do what was expected.
#[derive(Clone, Debug)]
pub struct Difference {
    /// Which side.
    pub side: Side,
    /// The program as it was drawn.
    pub drawn: Case,
    /// The smallest in which a difference is left.
    pub smallest: Case,
    /// What the side did with that.
    pub observed: String,
}

impl Differential {
    /// Runs all programs; the first that shows a difference, made small, ends it.
    ///
    /// # Errors
    /// The difference.
    pub fn run(&self) -> Result<Tally, Box<Difference>> {
        let next = AtomicU64::new(0);
        let found: Mutex<BTreeMap<u64, (Side, Case)>> = Mutex::default();
        let tally: Mutex<Tally> = Mutex::default();
        let workers = thread::available_parallelism().map_or(1, usize::from);
        thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| {
                    let mut run = Run::new(self);
                    loop {
                        let first = next.fetch_add(CHUNK, Ordering::Relaxed);
                        if first >= self.programs {
                            break;
                        }
                        let last = (first + CHUNK).min(self.programs);
                        let wrong = run.chunk(first..last);
                        if let Some((side, case)) = wrong {
                            // Whoever comes later need not begin.
                            next.store(self.programs, Ordering::Relaxed);
                            lock(&found).insert(first, (side, case));
                        }
                    }
                    lock(&tally).add(&run.tally);
                });
            }
        });
        let first = found.into_inner().unwrap_or_else(PoisonError::into_inner).pop_first();
        match first {
            Some((_, (side, case))) => Err(Box::new(Run::new(self).small(side, case))),
            None => Ok(tally.into_inner().unwrap_or_else(PoisonError::into_inner)),
        }
    }

    fn asks(&self, side: Side) -> bool {
        self.sides.iter().any(|(asked, ..)| *asked == side)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What one worker has: drivers of its own.
struct Run<'a> {
    about: &'a Differential,
    drivers: Vec<(Side, Process)>,
    tally: Tally,
    /// The number of the last request.
    asked: u64,
}

impl Run<'_> {
    fn new(about: &Differential) -> Run<'_> {
        let driver = |(side, command, folder): &(Side, Vec<String>, std::path::PathBuf)| {
            (*side, Process::new(command.clone(), folder))
        };
        let drivers = about.sides.iter().map(driver).collect();
        Run { about, drivers, tally: Tally::default(), asked: 0 }
    }

    /// Runs some programs; the first that shows a difference, and on which side.
    fn chunk(&mut self, range: std::ops::Range<u64>) -> Option<(Side, Case)> {
        let reference = self.about.reference;
        let asks = self.about.asks(Side::Asyncio);
        let seeds = range.map(|index| self.about.seed.wrapping_add(index));
        let cases: Vec<Case> = seeds.map(|seed| reference.draw(seed, asks)).collect();
        let mut wrong: Option<usize> = None;
        let mut side = Side::Kernel;
        for driver in 0..self.drivers.len() {
            let of = self.drivers[driver].0;
            if let Some(index) = self.first_wrong(driver, &cases)
                && wrong.is_none_or(|wrong| index < wrong)
            {
                (wrong, side) = (Some(index), of);
            }
        }
        if let Some(index) = wrong {
            return Some((side, cases[index].clone()));
        }
        for case in &cases {
            self.tally.count(case, &reference.habits(case));
        }
        None
    }

    /// The first case of which a side does not do what is expected.
    fn first_wrong(&mut self, driver: usize, cases: &[Case]) -> Option<usize> {
        let side = self.drivers[driver].0;
        let asked = |case: &Case| match case.expected(side)? {
            Expected::Hang => Some(false),
            Expected::Outcomes(outcomes) => Some(outcomes.len() > 1),
        };
        let mut runs: Vec<usize> = Vec::new();
        let mut hangs: Vec<usize> = Vec::new();
        for (index, case) in cases.iter().enumerate() {
            match (case.expected(side), asked(case)) {
                (Some(Expected::Hang), _) => hangs.push(index),
                (_, Some(true)) => runs.extend((0..ROUNDS).map(|_| index)),
                (_, Some(false)) => runs.push(index),
                (_, None) => {}
            }
        }
        let wrong_run = self.run_all(driver, cases, &runs);
        let wrong_hang = hangs.into_iter().find(|index| {
            let answer = self.ask(driver, &cases[*index].program, cases[*index].seed, true);
            cases[*index].judge(side, &answer).is_some()
        });
        wrong_run.into_iter().chain(wrong_hang).min()
    }

    /// All of these at once, and what comes behind a failure again.
    fn run_all(&mut self, driver: usize, cases: &[Case], runs: &[usize]) -> Option<usize> {
        let first = self.asked + 1;
        self.asked += runs.len() as u64;
        let requests: Vec<Request<'_>> = (first..)
            .zip(runs)
            .map(|(id, index)| {
                let case = &cases[*index];
                Request { id, program: &case.program, seed: case.seed.wrapping_add(id) }
            })
            .collect();
        let (side, process) = &mut self.drivers[driver];
        process.set_patience(PATIENCE);
        let answers = match process.run_all(&requests) {
            Ok(answers) => answers,
            // The driver was ended at this one, and what came before it is lost with it.
            Err((at, failure)) => {
                let broken = cases[runs[at]].judge(*side, &Err(failure)).map(|_| runs[at]);
                let before = if at > 0 { self.run_all(driver, cases, &runs[..at]) } else { None };
                return before.or(broken);
            }
        };
        let mut judged = runs.iter().zip(answers);
        let wrong =
            judged.find(|(index, logs)| cases[**index].judge(*side, &Ok(logs.clone())).is_some());
        wrong.map(|(index, _)| *index)
    }

    fn ask(
        &mut self,
        driver: usize,
        program: &Program,
        seed: u64,
        hangs: bool,
    ) -> Result<Logs, Failure> {
        self.asked += 1;
        let process = &mut self.drivers[driver].1;
        process.set_patience(if hangs { PATIENCE_FOR_HANGS } else { PATIENCE });
        process.run(Request { id: self.asked, program, seed: seed.wrapping_add(self.asked) })
    }

    /// What a side does with a case that is not expected of it.
    fn wrong(&mut self, side: Side, case: &Case) -> Option<String> {
        let driver = self.drivers.iter().position(|(other, _)| *other == side)?;
        let hangs = case.expected(side)? == Expected::Hang;
        let rounds = if case.allowed.len() > 1 { ROUNDS } else { 1 };
        (0..rounds).find_map(|_| {
            let answer = self.ask(driver, &case.program, case.seed, hangs);
            case.judge(side, &answer)
        })
    }

    /// Takes away what the difference does not need.
    fn small(&mut self, side: Side, drawn: Case) -> Difference {
        let reference = self.about.reference;
        let case = |program: &Program| reference.case(drawn.seed, drawn.kind, program, true);
        // What comes and goes with a race is shown as it was seen last.
        let mut observed = self.wrong(side, &drawn);
        let program = smallest(drawn.program.clone(), &mut |program| {
            let wrong = case(program).and_then(|case| self.wrong(side, &case));
            observed = wrong.clone().or(observed.take());
            wrong.is_some()
        });
        let smallest = case(&program).expect("it was just looked at");
        let observed =
            observed.unwrap_or_else(|| "what is expected, now that it is asked again".into());
        Difference { side, drawn, smallest, observed }
    }
}

impl Tally {
    fn count(&mut self, case: &Case, habits: &[Habit]) {
        *self.kinds.entry(case.kind).or_default() += 1;
        self.redrawn += case.redrawn;
        self.races += u64::from(case.allowed.len() > 1);
        if let Some(expected) = &case.asyncio {
            self.asked += 1;
            let hangs = *expected == Expected::Hang;
            self.hangs += u64::from(hangs);
            let same = *expected == Expected::Outcomes(case.allowed.clone());
            self.different += u64::from(!same && !hangs);
        }
        for habit in habits {
            *self.habits.entry(*habit).or_default() += 1;
        }
        for logs in &case.allowed {
            self.reach.count(&case.program, logs);
        }
    }

    fn add(&mut self, other: &Tally) {
        fn sum<K: Ord + Copy>(all: &mut BTreeMap<K, u64>, more: &BTreeMap<K, u64>) {
            for (key, count) in more {
                *all.entry(*key).or_default() += count;
            }
        }
        sum(&mut self.kinds, &other.kinds);
        sum(&mut self.habits, &other.habits);
        self.redrawn += other.redrawn;
        self.races += other.races;
        self.asked += other.asked;
        self.different += other.different;
        self.hangs += other.hangs;
        self.reach.add(&other.reach);
    }

    /// How many programs there were.
    #[must_use]
    pub fn programs(&self) -> u64 {
        self.kinds.values().sum()
    }

    /// What a run of [`ENOUGH`] programs has to reach, and this one has not.
    #[must_use]
    pub fn missing(&self) -> Vec<String> {
        let mut missing = self.reach.missing();
        if self.asked > 0 {
            let many = self.programs() >= 10 * ENOUGH;
            let met = |habit: &Habit| self.habits.contains_key(habit);
            let due = |habit: &Habit| many || !RARE.contains(habit);
            let habits = Habit::ALL.iter().filter(|habit| due(habit) && !met(habit));
            missing.extend(habits.map(|habit| format!("the habit {habit:?} of asyncio")));
        }
        missing
    }
}

/// The spec with one mistake, to see that a comparison finds it.
impl From<Seeded> for Reference {
    fn from(mistake: Seeded) -> Reference {
        Reference { mistake: Some(mistake) }
    }
}
