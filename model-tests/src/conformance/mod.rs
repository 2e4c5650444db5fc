//! Measures a runtime against SPEC.md. `cargo conformance --help` says how it is run.
//!
//! A *vector* is a program of the spec's [alphabet](crate::spec::program) with every outcome that SPEC.md allows
//! for it: threads, callbacks, coroutines, what they post, submit, cancel and await, and the words that they may
//! write. Vectors are JSON files in `model-tests/conformance/vectors`; no language is better at them than
//! another.
//!
//! # To test a runtime of yours
//!
//! 1. Write a *driver*: a program that reads programs and answers with what they wrote. In Rust, implement
//!    [`Runtime`] and call [`serve`]; in any other language, speak the protocol of [`wire`]. Operations that your
//!    runtime does not have you leave out.
//! 2. Write a [`Profile`]: how the driver is started, and which operations it lacks.
//! 3. Run `cargo conformance --profile FILE`. Whatever the driver does, crash, hang, or talk nonsense, each
//!    vector gets a verdict.
//! 4. Where your runtime is meant to be different, say so in the profile, with the reason. From then on the
//!    suite fails if there is another difference, or if that one is gone.
//!
//! ```
//! use loopgate_model_tests::conformance::{Failure, Identity, Logs, Request, Runtime};
//! use loopgate_model_tests::spec::program::Op;
//!
//! /// A runtime that can do nothing but `mark`.
//! struct Marks;
//!
//! impl Runtime for Marks {
//!     fn identity(&mut self) -> Result<Identity, Failure> {
//!         Ok(Identity { runtime: "marks".into(), version: "1".into() })
//!     }
//!
//!     fn run(&mut self, request: Request<'_>) -> Result<Logs, Failure> {
//!         let words = request.program.threads[0].iter().map(|op| match op {
//!             Op::Mark(number) => Ok(format!("mark {number}")),
//!             other => Err(Failure::Unsupported(other.name())),
//!         });
//!         Ok(vec![words.collect::<Result<_, _>>()?])
//!     }
//! }
//!
//! let question = r#"{"run":1,"seed":1,"program":{"version":1,"threads":[[{"mark":3}]]}}"#;
//! let mut answers = Vec::new();
//! loopgate_model_tests::conformance::serve(&mut Marks, question.as_bytes(), &mut answers)?;
//! let answers = String::from_utf8(answers)?;
//! assert!(answers.ends_with("{\"run\":1,\"outcome\":[[\"mark 3\"]]}\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Parts
//!
//! `vector` reads them, `profile` says what is known of a runtime, `runtime` is what has to be implemented,
//! `process` and [`wire`] talk to a driver, `suite` judges, `report` tells.

pub mod command;
pub mod differential;
mod process;
mod profile;
pub mod report;
mod runtime;
mod runtimes;
pub mod scenarios;
mod suite;
mod vector;
pub mod wire;

pub use process::Process;
pub use profile::{Clock, Deviation, Profile, Shows, measures_time, operations};
pub use runtime::{Failure, Identity, Logs, Request, Runtime, line, logs};
pub use suite::{Judgement, Report, Suite, Verdict, lines_of};
pub use vector::{NoVector, Vector, read_all};
pub use wire::serve;
