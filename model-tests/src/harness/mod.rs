//! Runs models: all interleavings, all answers to what loom cannot decide, and proof of both.
//!
//! # How to add a model
//!
//! A model is a `Model` in some list that `crate::models` joins. Write the body as a plain function:
//!
//! ```text
//! fn flag_is_seen() -> Outcome {
//!     let flag = Arc::new((Mutex::new(false), Condvar::new()));
//!     let setter = start("setter", { let flag = Arc::clone(&flag); move || { ... } });
//!     ...
//!     join(setter);
//!     if timed_out { "timed out".into() } else { "seen".into() }
//! }
//!
//! pub static MODELS: &[Model] = &[Model {
//!     name: "x9_flag_is_seen",                   // clause and scenario
//!     clauses: &["X-9"],
//!     question: "Can a flag that is set before the wait be missed?",
//!     threads: 2,                                // the main thread included; checked
//!     outcomes: &["seen", "timed out"],          // each must occur, nothing else may
//!     spec: Spec::allows(                        // and the spec allows exactly these
//!         &[programs::flag_is_seen],             // the scenario once more, as data
//!         &[("seen", "value 1 | ok"), ("timed out", "timed out | ok")],
//!     ),
//!     body: flag_is_seen,
//!     controls: &[Control {                      // must fail, for the reason given
//!         name: "no notification",
//!         change: Change::Body(flag_is_set_silently),
//!         fails_with: "deadlock",
//!     }],
//!     ..Model::DEFAULTS
//! }];
//! ```
//!
//! * Threads, locks, pipes and clocks must be the kernel's own or those of
//!   `loopgate::checkers::model`. Anything of `std` that threads share is invisible to loom; an `Arc`,
//!   and a value that only one thread writes and others read after joining it, are harmless.
//! * A body is a function of the interleaving and nothing else: no time of day, no random numbers, no
//!   order of a `HashMap`. What may go either way is asked with `choose`.
//! * `panic!`, `assert!` and `unwrap` in a body fail the model. A panic that the kernel is to catch is
//!   thrown with `throw`.
//! * Make it as small as the race allows: two threads where two can race. Each further thread or
//!   operation multiplies the executions. If it does not end, set `bound`; the report then says so.
//! * The `environment` says what the world may do: timeouts and wake-ups without a reason always, a
//!   pipe that breaks or fails only if asked. How long a timeout is does not matter (zero is past);
//!   a clock moves when a poll times out or a thread sleeps on it.
//! * Each question multiplies too. A model that is not about waiting can do without
//!   `spurious_wakeups`; `choices` limits how many answers of one execution are unusual.
//! * The program of the `spec` has the operations of the body, in the same threads and the same order
//!   (`crate::models::programs`). What the body asserts, the program lets into its logs; what the rows do
//!   not mention, the spec must not allow. Where the body tells more than logs can, such as whether the
//!   loop slept, several words stand for the same logs, and `but_for` names what is not told.
//! * `note` puts a remark into the record; a failure prints the record, a column per thread.
//! * A model without a control proves little: it might never reach the race. Break the protocol, or let
//!   the environment break it, and name a piece of the message that must come of it.
//!
//! # What is shown
//!
//! *Complete* means: loom said that it finished, for each vector of answers, after as many executions
//! as were counted; nothing was cut off by the bound on preemptions or by the limit on choices.
//! Everything else is reported as *bounded at n*.
//!
//! The suite has three *classes*. `quick` has the bounds that the models state; `nightly` one preemption
//! more; `deep` any number of preemptions. Models without a bound run in each of them, and controls always
//! at the stated bounds: to fail once is enough.
//!
//! `cargo agree` explores the same models a second time, under shuttle and without any bound on preemptions.
//! It must reach the same outcomes and see the same *histories*: what each thread did and saw, in its own
//! order. Where loom was bounded it may see more. Models that are only `drawn` have too many threads to be
//! explored; they run there under random schedulers, and in `cargo stress` on real threads.
//!
//! The outcomes that a model lists are compared with those that the spec allows for its scenario, before it is
//! run: see [`refinement`]. What it reaches is what it lists, or it fails; so all three are equal.
//!
//! What each model came to, to the execution, is in `model-tests/ledger.toml`. A run that comes to
//! anything else fails until `cargo models --record` accepts it. So an exploration cannot shrink unseen.
//!
//! # Rooms
//!
//! `model` says what a model is, `scene` has what bodies are written with. `refinement` compares a model
//! with the spec. `explore` runs one variant, `report` tells what came of it, `books` keeps it on record,
//! `command` has all of it done.

#![cfg_attr(
    not(any(loom, shuttle)),
    allow(dead_code, reason = "without an explorer only tests use these")
)]

mod books;
mod command;
#[cfg(any(loom, shuttle))]
mod explore;
mod model;
pub mod refinement;
mod report;
mod scene;

pub use books::class::Class;
#[cfg(not(any(loom, shuttle)))]
pub use command::stress;
#[cfg(any(loom, shuttle))]
pub use command::{cli, suite};
#[cfg(any(loom, shuttle))]
pub use explore::failure::panics;
#[cfg(shuttle)]
pub(crate) use explore::second::every_outcome;
pub use model::{Change, Control, ELSEWHERE, Model, Outcome, Row, Spec};
#[cfg(not(any(loom, shuttle)))]
pub(crate) use report::{figures::lines, html::escape};
pub use scene::{join, start, throw};
