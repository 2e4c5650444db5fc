//! Programs decoded from a fuzzer's bytes, carried out on the kernel, and judged.
//!
//! A fuzz target is an [`Input`]: what its bytes decode to, and how that is judged. All begin with the byte
//! [`VERSION`] and are made of letters of an [`alphabet`](Letter).
//!
//! * `program`: the alphabet of operations on one loop; `themes`: parts of it, for targets of their own;
//! * `world`: carries a program out on a real kernel, in virtual time, and judges. Its parts are `coroutine` and
//!   `ledger`;
//! * `pipe`: threads that post through a pipe which fails in every way, and `schedule`: how bytes decide who
//!   goes next;
//! * `against_spec`: programs of the executable spec's alphabet, which says everything that they may come to;
//! * `drawn`: programs of the same alphabet, drawn as the conformance kit draws its random ones;
//! * `documents`: texts as the conformance kit reads them;
//! * `canary`: a target with a mistake in it, to see that a campaign finds mistakes;
//! * [`seeds`]: inputs worth starting from, and those that found something; [`corpus`]: what is committed.
//!
//! What `world` judges, in the interpreter and at the end of a program:
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
//! The same interpreters serve the fuzz targets, the replay of the committed corpora by plain
//! `cargo test`, and anybody who builds an input by hand. Everything is deterministic: an input
//! alone decides what happens. Inputs with a schedule are so under an explorer, `--cfg shuttle`; without it they
//! run on real threads.

mod against_spec;
mod alphabet;
mod canary;
mod coroutine;
pub mod corpus;
#[cfg(not(shuttle))]
mod documents;
#[cfg(not(shuttle))]
mod drawn;
mod ledger;
mod pipe;
mod program;
pub mod replay;
mod schedule;
pub mod seeds;
mod themes;
mod world;

use std::fmt::Debug;

use arbitrary::{Arbitrary, Unstructured};

pub use against_spec::{
    Drive, FutureOp, GraphBody, GraphOp, Life, PoolOp, RaceBody, RaceOp, Races, When, Workers,
};
pub use alphabet::Letter;
pub use canary::Canary;
#[cfg(not(shuttle))]
pub use documents::{Document, Reader};
#[cfg(not(shuttle))]
pub use drawn::{Drawn, Shape};
pub use pipe::{Faults, HostilePipe, PosterOp};
pub use program::{Body, Factory, Held, LONGEST, Millis, Op, Pick, Program, Then, VERSION};
pub use schedule::Scheduled;
pub use themes::{ScopeBody, ScopeOp, Theme, TimerOp, TimerThen};

/// What a fuzz target is given, decoded.
pub trait Input: for<'a> Arbitrary<'a> + Debug {
    /// The name of the target: of its file, its corpus, its binary.
    const TARGET: &'static str;

    /// Whether it has a schedule, which only an explorer follows.
    const SCHEDULED: bool = false;

    /// Whether anything is checked: an input may be no program, or too large for its oracle.
    fn is_judged(&self) -> bool {
        true
    }

    /// Carries it out.
    ///
    /// # Errors
    /// The first violation of the specification, in words.
    fn check(&self) -> Result<(), String>;

    /// The bytes that decode to this.
    fn bytes(&self) -> Vec<u8>;

    /// The Rust expression that makes this.
    fn source(&self) -> String;
}

/// The input behind these bytes; `None` for another version and for too many bytes.
#[must_use]
pub fn decode<I: Input>(bytes: &[u8]) -> Option<I> {
    I::arbitrary_take_rest(Unstructured::new(bytes)).ok()
}

/// Carries an input out.
///
/// # Panics
/// With the violation and the input.
pub fn run<I: Input>(input: &I) {
    if I::SCHEDULED && !cfg!(shuttle) {
        eprintln!(
            "{} follows its schedule under an explorer alone: build it with RUSTFLAGS='--cfg shuttle', \
             as `cargo campaign --target {0}` does",
            I::TARGET
        );
        std::process::exit(2);
    }
    if let Err(violation) = input.check() {
        panic!("{violation}\nof {input:#?}");
    }
}

/// A binary of one target: a fuzzer if it is built for fuzzing, else a program that replays files.
#[macro_export]
macro_rules! target {
    ($input:ty) => {
        #[cfg(fuzzing)]
        libfuzzer_sys::fuzz_target!(|input: $input| $crate::run(&input));

        #[cfg(not(fuzzing))]
        fn main() -> std::process::ExitCode {
            $crate::replay::main::<$input>()
        }
    };
}
