//! Programs of one thread as the conformance kit draws them at random, drawn by the fuzzer's bytes instead: each byte is a
//! choice. So they have the spec's whole alphabet: tasks that wait in every way there is, timers, callbacks, futures, runs
//! that are stopped, iterations one by one.

use arbitrary::{Arbitrary, Result, Unstructured};
use loopgate_model_tests::conformance::differential::{Kind, program_by};
use loopgate_model_tests::spec::Program;

use crate::alphabet::{Letter, alphabet};
use crate::program::begin;
use crate::{Input, against_spec};

alphabet! {
    /// What a program is about.
    Shape {
        /// A loop that is run iteration by iteration, with tasks, timers and futures that meddle with each other.
        Turns,
        /// The same, with what other runtimes lack.
        Whole,
        /// One task that waits, where only time orders.
        Quiet,
        /// Concurrent futures without a loop.
        Futures,
    }
}

/// The choices that draw a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drawn {
    /// Of what shape.
    pub shape: Shape,
    /// One after the other; those that are missing are always the same.
    pub choices: Vec<u8>,
}

impl Drawn {
    fn program(&self) -> Program {
        let kind = match self.shape {
            Shape::Turns => Kind::Turns,
            Shape::Whole => Kind::Whole,
            Shape::Quiet => Kind::Quiet,
            Shape::Futures => Kind::Futures,
        };
        program_by(kind, &self.choices)
    }
}

impl<'a> Arbitrary<'a> for Drawn {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Drawn> {
        begin(u)?;
        let shape = Shape::arbitrary(u)?;
        Ok(Drawn { shape, choices: u.bytes(u.len())?.to_vec() })
    }
}

impl Input for Drawn {
    const TARGET: &'static str = "whole_programs";

    fn is_judged(&self) -> bool {
        against_spec::is_judged(&self.program())
    }

    fn check(&self) -> std::result::Result<(), String> {
        against_spec::check_any(self.program())
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![crate::VERSION];
        self.shape.encode(&mut bytes);
        bytes.extend(&self.choices);
        bytes
    }

    fn source(&self) -> String {
        format!("Drawn {{ shape: {}, choices: vec!{:?} }}", self.shape.source(), self.choices)
    }
}
