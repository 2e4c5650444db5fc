//! What the suites share: how one is run, and the count of what it has reached.
//!
//! A suite draws programs from the reference, so each operation is possible where it stands, and names what it
//! acts on by a number that it keeps when others are taken away: a program that fails shrinks to the few operations
//! that it takes. Everything is drawn from a fixed seed, so two runs are the same run.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Mutex, PoisonError};

use loopgate_model_tests::spec::Machine;
use proptest::test_runner::{Config, FileFailurePersistence, RngSeed, TestRunner};
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};

/// Every program has at least so many operations, until it is shrunk.
pub(crate) const SHORTEST: usize = 100;

/// How a suite is run.
pub(crate) struct Suite {
    /// Of the report.
    pub(crate) name: &'static str,
    /// Seeds of programs that failed once: these go first. See [`regressions`].
    pub(crate) regressions: &'static str,
    /// How many programs; `PROPTEST_CASES` overrides it.
    pub(crate) programs: u32,
    /// How many operations the longest may have.
    pub(crate) longest: usize,
    /// What all programs are drawn from; `PROPTEST_RNG_SEED` overrides it.
    pub(crate) seed: u64,
}

/// The file of a suite's regressions, at a place that does not depend on where the tests are run.
macro_rules! regressions {
    ($name:literal) => {
        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/machines/regressions/", $name, ".txt")
    };
}
pub(crate) use regressions;

/// Runs the programs of a suite: those that failed once, then new ones.
///
/// The caller asks afterwards what was reached.
pub(crate) fn run<T>(suite: &Suite)
where
    T: StateMachineTest,
    <T::Reference as ReferenceStateMachine>::State: Debug,
{
    let known = std::fs::read_to_string(suite.regressions);
    assert!(known.is_ok(), "{}: no file of regressions at {}", suite.name, suite.regressions);
    let mut config = Config {
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(suite.regressions))),
        // Each attempt of one that makes a thread hang takes long.
        max_shrink_time: 20_000,
        ..Config::default()
    };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = suite.programs;
    }
    if matches!(config.rng_seed, RngSeed::Random) {
        config.rng_seed = RngSeed::Fixed(suite.seed);
    }
    let mut runner = TestRunner::new(config.clone());
    let programs = T::Reference::sequential_strategy(SHORTEST..=suite.longest);
    let result = runner.run(&programs, |(state, operations, seen)| {
        T::test_sequential(config.clone(), state, operations, seen);
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{}: {failure}", suite.name);
    }
}

/// How often what was reached: an operation in a state, an operation with an answer.
pub(crate) struct Reached(Mutex<BTreeMap<(Kind, String, String), u64>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    State,
    Answer,
}

/// What a suite must reach. An operation in a state in which it was not expected fails too; answers may be more.
pub(crate) struct Expected<'a> {
    pub(crate) operations: &'a [&'a str],
    pub(crate) states: &'a [&'a str],
    /// Operations with the states in which they cannot be done.
    pub(crate) impossible: &'a [(&'a str, &'a [&'a str])],
    /// Operations with their own states, where those of different operations have nothing in common.
    pub(crate) transitions: &'a [(&'a str, &'a [&'a str])],
    /// Operations with every answer that they can get.
    pub(crate) answers: &'a [(&'a str, &'a [&'a str])],
}

impl Reached {
    pub(crate) const fn new() -> Reached {
        Reached(Mutex::new(BTreeMap::new()))
    }

    /// An operation is done in a state.
    pub(crate) fn transition(&self, operation: &str, state: &str) {
        self.count(Kind::State, operation, state);
    }

    /// An operation gets an answer.
    pub(crate) fn answer(&self, operation: &str, answer: &str) {
        self.count(Kind::Answer, operation, answer);
    }

    fn count(&self, kind: Kind, operation: &str, what: &str) {
        // A program that fails poisons it, and the smaller ones are counted all the same.
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry((kind, operation.to_owned(), what.to_owned())).or_default() += 1;
    }

    /// A run that did not get everywhere has proved nothing of where it has not been.
    pub(crate) fn check(&self, suite: &Suite, expected: &Expected<'_>) {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = expected.all();
        let missing: Vec<String> =
            wanted.iter().filter(|key| !counts.contains_key(*key)).map(text).collect();
        let surplus: Vec<String> = counts
            .keys()
            .filter(|key| key.0 == Kind::State && !wanted.contains(*key))
            .map(text)
            .collect();
        let rarest = counts.iter().filter(|it| wanted.contains(it.0)).min_by_key(|it| *it.1);
        let table: Vec<String> =
            counts.iter().map(|(key, count)| format!("{count:>8} {}", text(key))).collect();
        println!("{}:\n{}", suite.name, table.join("\n"));
        assert!(
            missing.is_empty() && surplus.is_empty(),
            "{}: never reached: {missing:#?}; reached and not expected: {surplus:#?}",
            suite.name
        );
        if let Some((key, count)) = rarest {
            let (name, all) = (suite.name, wanted.len());
            println!("{name}: all {all} reached; the rarest, {count} times: {}", text(key));
        }
    }
}

fn text((kind, operation, what): &(Kind, String, String)) -> String {
    match kind {
        Kind::State => format!("{operation} when {what}"),
        Kind::Answer => format!("{operation} -> {what}"),
    }
}

impl Expected<'_> {
    fn all(&self) -> Vec<(Kind, String, String)> {
        let possible = |operation: &str, state: &str| {
            let mut of_it = self.impossible.iter().filter(|(known, _)| *known == operation);
            !of_it.any(|(_, states)| states.contains(&state))
        };
        let mut all = Vec::new();
        for operation in self.operations {
            for state in self.states {
                if possible(operation, state) {
                    all.push((Kind::State, (*operation).to_owned(), (*state).to_owned()));
                }
            }
        }
        for (kind, listed) in [(Kind::State, self.transitions), (Kind::Answer, self.answers)] {
            for (operation, names) in listed {
                let of_it = names.iter().map(|name| (*name).to_owned());
                all.extend(of_it.map(|name| (kind, (*operation).to_owned(), name)));
            }
        }
        all
    }
}

/// Lets a machine of the spec do what it can do in one way only.
pub(crate) fn take<M: Machine>(machine: &mut M, action: &M::Action) -> M::Answer {
    let mut allowed = machine.step(action);
    let (next, answer) = allowed.pop().expect("some step is always allowed");
    assert!(allowed.is_empty(), "the caller knows that there is one way only");
    *machine = next;
    answer
}
