//! Programs for one loop: decoded from a fuzzer's bytes, carried out in virtual time, and judged.
//!
//! * [`Program`] is the alphabet of operations, its encoding, and its limits;
//! * [`check`] carries a program out on a real kernel and says what was wrong; [`run`] panics with it;
//! * [`seeds`] are programs worth starting from, and those that found something.
//!
//! What is judged, in the interpreter and at the end of a program:
//!
//! * nothing panics but what a program panics with on purpose, and no user code runs under a borrow or
//!   a lock of the kernel;
//! * callbacks, posts, submissions and due timers run in exactly the order and in exactly the iteration
//!   that `SPEC.md` gives them, once each, and not at all if they were cancelled;
//! * a coroutine's end, and every cancel on the way, is what its task and its submission show;
//! * done-callbacks run once each and in order;
//! * a loop with nothing to do has left nobody waiting for something that has happened;
//! * whatever is refused has changed nothing;
//! * after close, nothing is left, and everything accepted has ended.
//!
//! The same interpreter serves the fuzz targets, the replay of the committed corpus by plain
//! `cargo test`, and anybody who builds a [`Program`] by hand. Everything is deterministic: a program
//! alone decides what happens.

mod coroutine;
mod ledger;
mod program;
pub mod seeds;
mod world;

pub use program::{Body, Factory, Held, LONGEST, Millis, Op, Pick, Program, Then, VERSION};
pub use world::{check, run};
