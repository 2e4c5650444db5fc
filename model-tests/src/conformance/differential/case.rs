//! One program with what the spec says of it, and what a runtime made of it.

use std::collections::BTreeSet;

use super::draw::{self, Kind};
use crate::conformance::profile::operations;
use crate::conformance::runtime::{Failure, Logs, line, logs};
use crate::spec::{Habit, Habits, Malformed, NoOutcomes, Program, Seeded, System, outcomes_of};

/// A program with more states than that is drawn anew.
const STATES: usize = 200;

/// Whom a program is run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// This kernel, which does what the spec allows.
    Kernel,
    /// CPython's asyncio, which does what the spec with asyncio's habits allows.
    Asyncio,
}

/// What may come of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// One of these.
    Outcomes(BTreeSet<Logs>),
    /// Nobody can go on.
    Hang,
}

/// A program, and what is expected of it.
#[derive(Clone, Debug)]
pub struct Case {
    /// It is drawn again from this.
    pub seed: u64,
    /// How often it was drawn anew, because it could not be run.
    pub redrawn: u64,
    /// What it is about.
    pub kind: Kind,
    /// The program.
    pub program: Program,
    /// By SPEC.md.
    pub allowed: BTreeSet<Logs>,
    /// By the spec with asyncio's habits, if asyncio is asked.
    pub asyncio: Option<Expected>,
}

/// The spec that programs are compared with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reference {
    /// A mistake that it makes, to see whether that is found.
    pub mistake: Option<Seeded>,
}

impl Reference {
    /// What SPEC.md allows.
    fn allowed(self, program: &Program) -> Result<BTreeSet<Logs>, NoOutcomes> {
        self.of(System::with_mistake(program, self.mistake))
    }

    fn of(self, system: Result<System, Malformed>) -> Result<BTreeSet<Logs>, NoOutcomes> {
        let found = outcomes_of(system?, STATES)?;
        Ok(found.allowed.iter().map(logs).collect())
    }

    /// What asyncio does with these habits; `None` if that is too much to be found out.
    fn expected(self, program: &Program, habits: Habits) -> Option<Expected> {
        match self.of(System::with_habits(program, habits)) {
            Ok(outcomes) => Some(Expected::Outcomes(outcomes)),
            Err(NoOutcomes::Stuck(..)) => Some(Expected::Hang),
            Err(_) => None,
        }
    }

    /// The case of a program; `None` if it cannot be run, or is too large.
    #[must_use]
    pub fn case(self, seed: u64, kind: Kind, program: &Program, asks: bool) -> Option<Case> {
        let allowed = self.allowed(program).ok()?;
        let asyncio = if asks && kind != Kind::Whole {
            Some(self.expected(program, Habits::of_asyncio())?)
        } else {
            None
        };
        Some(Case { seed, redrawn: 0, kind, program: program.clone(), allowed, asyncio })
    }

    /// The case of a seed.
    #[must_use]
    pub fn draw(self, seed: u64, asks: bool) -> Case {
        let mut attempts = (0..).map(|attempt| (attempt, draw::program(seed, attempt)));
        let case = attempts.find_map(|(redrawn, (kind, program))| {
            let case = self.case(seed, kind, &program, asks)?;
            Some(Case { redrawn, ..case })
        });
        case.expect("there is always another attempt")
    }

    /// The habits that make a difference for a program: without one of them asyncio would do something else.
    #[must_use]
    pub fn habits(self, case: &Case) -> Vec<Habit> {
        let Some(expected) = &case.asyncio else { return Vec::new() };
        if *expected == Expected::Outcomes(case.allowed.clone()) {
            return Vec::new();
        }
        let all = Habits::of_asyncio();
        let without = |habit: &Habit| self.expected(&case.program, all.without(*habit));
        let alone = |habit: &Habit| self.expected(&case.program, Habits::NONE.with(*habit));
        let used = operations(&case.program);
        let possible = |habit: &&Habit| habit.needs().iter().any(|name| used.contains(*name));
        let possible: Vec<&Habit> = Habit::ALL.iter().filter(possible).collect();
        let needed = |habit: &&&Habit| without(habit).as_ref() != Some(expected);
        let habits: Vec<Habit> = possible.iter().filter(needed).map(|habit| **habit).collect();
        if !habits.is_empty() {
            return habits;
        }
        // Two of them come to the same: each by itself makes the difference.
        let allowed = Expected::Outcomes(case.allowed.clone());
        let differs = |habit: &&&Habit| alone(habit).as_ref() != Some(&allowed);
        possible.iter().filter(differs).map(|habit| **habit).collect()
    }
}

impl Case {
    /// What is expected of a side; `None` if it is not asked.
    #[must_use]
    pub fn expected(&self, side: Side) -> Option<Expected> {
        match side {
            Side::Kernel => Some(Expected::Outcomes(self.allowed.clone())),
            Side::Asyncio => self.asyncio.clone(),
        }
    }

    /// What is wrong with an answer, if something is.
    #[must_use]
    pub fn judge(&self, side: Side, answer: &Result<Logs, Failure>) -> Option<String> {
        match (self.expected(side)?, answer) {
            (Expected::Outcomes(outcomes), Ok(logs)) if outcomes.contains(logs) => None,
            (Expected::Hang, Err(Failure::Hung(_))) => None,
            (_, Ok(logs)) => Some(line(logs)),
            (_, Err(failure)) => Some(failure.to_string()),
        }
    }
}
