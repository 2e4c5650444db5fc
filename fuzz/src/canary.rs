//! A target with a mistake in it: a campaign that does not find it finds nothing.
//!
//! The oracle of this target takes something ordinary for a violation: a timer that is set, and then, in this
//! order and whatever lies between, a coroutine submitted, a cancel of it, a close. A fuzzer that goes by
//! coverage takes these steps one by one; one that guesses has one chance in a million for each four operations.

use arbitrary::{Arbitrary, Result, Unstructured};

use crate::Input;
use crate::program::{Op, Program};

/// Four operations that are not to come in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canary {
    /// The program that is looked at, and not carried out.
    pub program: Program,
}

impl<'a> Arbitrary<'a> for Canary {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Canary> {
        Ok(Canary { program: Program::arbitrary(u)? })
    }
}

impl Input for Canary {
    const TARGET: &'static str = "canary";

    fn check(&self) -> std::result::Result<(), String> {
        let ops = &mut self.program.ops.iter();
        // Each step is a branch of its own, which is how coverage leads to the last one.
        if !ops.any(|op| matches!(op, Op::CallLater(..))) {
            return Ok(());
        }
        if !ops.any(|op| matches!(op, Op::Submit(_))) {
            return Ok(());
        }
        if !ops.any(|op| matches!(op, Op::CancelSubmission(_))) {
            return Ok(());
        }
        if !ops.any(|op| matches!(op, Op::Close)) {
            return Ok(());
        }
        Err("the canary was found".into())
    }

    fn bytes(&self) -> Vec<u8> {
        self.program.encode()
    }

    fn source(&self) -> String {
        format!("Canary {{ program: {} }}", self.program.expression())
    }
}
