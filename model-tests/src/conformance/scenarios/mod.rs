//! The scenarios: what the committed vectors are made of, a file a chapter of SPEC.md.
//!
//! A scenario is a program and what it asks; what is allowed is computed. To keep programs short, the
//! words of `words` name things by one number: loop 0, and for the slot that is filled the number of the
//! callback, coroutine or work.

mod chain;
mod concurrent;
mod event_loop;
mod exception;
mod executor;
mod future;
mod handle;
mod loop_handle;
mod ready_queue;
mod scope;
mod submit;
mod task;
mod timers;
mod wakeup;
mod words;

use crate::spec::Program;
use crate::spec::program::{Op, Stmt, VERSION};

/// A vector without its outcomes.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The clause and the scenario.
    pub name: String,
    /// The clauses of SPEC.md that it is about.
    pub clauses: Vec<String>,
    /// What it asks.
    pub about: String,
    /// What is run.
    pub program: Program,
}

/// Every scenario, in the order of SPEC.md's chapters.
#[must_use]
pub fn all() -> Vec<Scenario> {
    let chapters: [fn() -> Vec<Scenario>; 14] = [
        exception::scenarios,
        handle::scenarios,
        ready_queue::scenarios,
        wakeup::scenarios,
        timers::scenarios,
        concurrent::scenarios,
        future::scenarios,
        chain::scenarios,
        executor::scenarios,
        task::scenarios,
        scope::scenarios,
        loop_handle::scenarios,
        submit::scenarios,
        event_loop::scenarios,
    ];
    chapters.into_iter().flat_map(|chapter| chapter()).collect()
}

/// Begins a scenario. `clauses` are separated by spaces.
fn scenario(name: impl Into<String>, clauses: &str, about: impl Into<String>) -> Scenario {
    let name = name.into();
    Scenario {
        program: Program { version: VERSION, name: name.clone(), ..Program::default() },
        name,
        clauses: clauses.split_whitespace().map(String::from).collect(),
        about: about.into(),
    }
}

impl Scenario {
    /// The next thread.
    fn thread(mut self, ops: impl IntoIterator<Item = Op>) -> Scenario {
        self.program.threads.push(ops.into_iter().collect());
        self
    }

    /// The next callback.
    fn callback(mut self, ops: impl IntoIterator<Item = Op>) -> Scenario {
        self.program.callbacks.push(ops.into_iter().collect());
        self
    }

    /// Callbacks that only say their number, so many.
    fn marks(mut self, count: u8) -> Scenario {
        for _ in 0..count {
            let number = u8::try_from(self.program.callbacks.len()).expect("there are few");
            self = self.callback([Op::Mark(number)]);
        }
        self
    }

    /// The next coroutine.
    fn coroutine(mut self, script: impl IntoIterator<Item = Stmt>) -> Scenario {
        self.program.coroutines.push(script.into_iter().collect());
        self
    }

    /// The next work.
    fn work(mut self, ops: impl IntoIterator<Item = Op>) -> Scenario {
        self.program.works.push(ops.into_iter().collect());
        self
    }

    /// A thread that makes a loop and runs a coroutine to its end, which is coroutine 0.
    fn main(self, script: impl IntoIterator<Item = Stmt>) -> Scenario {
        self.thread([Op::NewLoop(0), Op::RunUntilComplete { on: 0, coroutine: 0 }])
            .coroutine(script)
    }

    /// The same, with a handler that notes what it is told.
    fn handled(self, script: impl IntoIterator<Item = Stmt>) -> Scenario {
        let run = Op::RunUntilComplete { on: 0, coroutine: 0 };
        self.thread([Op::NewLoop(0), words::recording(), run]).coroutine(script)
    }
}
