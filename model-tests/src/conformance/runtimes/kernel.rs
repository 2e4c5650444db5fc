//! This kernel.
//!
//! On virtual time a program is never slow, but its threads begin one after the other, the same way each
//! time. So a program with several threads is run on real time every other time, where they race as they
//! will, if it does not last long.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use loopgate::{Clock, Exception};
use serde_json::Value;

use crate::conformance::runtime::{Failure, Identity, Logs, Request, Runtime, logs};
use crate::driver;
use crate::spec::Program;
use crate::spec::program::Op;

/// The longest program, in units, that is run on real time.
const LONG: u64 = 100;

pub(super) struct Kernel;

impl Runtime for Kernel {
    fn identity(&mut self) -> Result<Identity, Failure> {
        Ok(Identity { runtime: "kernel".into(), version: env!("CARGO_PKG_VERSION").into() })
    }

    fn run(&mut self, request: Request<'_>) -> Result<Logs, Failure> {
        let clock = clock(request.program, request.seed);
        let program = Arc::new(request.program.clone());
        let outcome = catch_unwind(AssertUnwindSafe(|| driver::run(&program, &clock)));
        outcome.map(|outcome| logs(&outcome)).map_err(|payload| {
            let exception = Exception::from_panic(payload);
            Failure::Error(exception.panic_message().unwrap_or("it panicked").to_owned())
        })
    }
}

fn clock(program: &Program, seed: u64) -> Clock {
    let several = program.threads.len() > 1 || !program.works.is_empty();
    // A virtual clock waits for all that is on it, and a second loop is on another one.
    let loops = program.threads.iter().flatten().filter(|op| matches!(op, Op::NewLoop(_))).count();
    let races = several && !seed.is_multiple_of(2) && lasts(program) <= LONG;
    if several && loops > 1 || races { Clock::real() } else { Clock::virtual_time() }
}

/// At least as many units as the program can take: all of its delays together.
fn lasts(program: &Program) -> u64 {
    fn sum(value: &Value) -> u64 {
        match value {
            Value::Array(values) => values.iter().map(sum).sum(),
            Value::Object(fields) => {
                let own =
                    ["after", "at", "units", "sleep"].iter().filter_map(|name| fields.get(*name));
                let own: u64 = own.filter_map(Value::as_u64).sum();
                own + fields.values().map(sum).sum::<u64>()
            }
            _ => 0,
        }
    }
    sum(&serde_json::to_value(program).expect("a program has a JSON form"))
}
