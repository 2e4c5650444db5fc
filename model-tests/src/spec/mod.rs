//! What may happen, as a program: the executable form of SPEC.md.
//!
//! * [`program`]: the alphabet of programs, plain data with a JSON form;
//! * [`Word`], [`Outcome`]: what an execution of a program has observed;
//! * `check`: reads a program before anybody runs it.

mod check;
pub mod program;
mod word;

pub use check::{Group, Malformed};
pub use program::Program;
pub use word::{Cause, NoWord, Outcome, Word};
