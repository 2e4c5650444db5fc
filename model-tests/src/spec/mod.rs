//! What may happen, as a program: the executable form of SPEC.md.
//!
//! * [`program`]: the alphabet of programs, plain data with a JSON form; `check` reads them;
//! * [`Word`], [`Outcome`]: what an execution of a program has observed;
//! * one file a chapter, each a pure [`Machine`] that can be used by itself: [`handle`], [`ready_queue`],
//!   [`wakeup`], [`timers`], [`concurrent`], [`future`], [`chain`], [`executor`], [`awaiting`] (chapter T
//!   and O, where cancels go), [`scope`], [`event_loop`];
//! * [`system`]: the chapters put together, which run whole programs step by step;
//! * [`outcomes`]: everything that a program may come to, by a complete search;
//! * [`properties`]: what holds in every state, for `cargo run --bin spec-search`, and [`Seeded`] mistakes
//!   that break it;
//! * [`Habits`]: what asyncio does instead.
//!
//! Nothing here knows the kernel, or any lock, thread or clock: a step is a function from a state to the
//! states that are allowed next. What SPEC.md leaves open but a program can see, such as how many turns of
//! the queue a `gather` takes, is decided here as the kernel does it.
//!
//! ```
//! use loopgate_model_tests::spec::program::{Limit, Op, Program, VERSION};
//! use loopgate_model_tests::spec::outcomes;
//!
//! let program = Program {
//!     version: VERSION,
//!     name: "a wait races the completion".into(),
//!     threads: vec![
//!         vec![Op::NewPromise(0), Op::Start(1), Op::Result { future: 0, limit: Limit::Finite }],
//!         vec![Op::SetResult { future: 0, value: 7 }],
//!     ],
//!     ..Program::default()
//! };
//! let outcomes = outcomes(&program)?;
//! let allowed: Vec<String> = outcomes.allowed.iter().map(|o| o.to_string()).collect();
//! assert_eq!(allowed, ["value 7 | ok", "timed out | ok"]);
//! # Ok::<(), loopgate_model_tests::spec::NoOutcomes>(())
//! ```

pub mod awaiting;
pub mod chain;
mod check;
pub mod concurrent;
pub mod event_loop;
pub mod executor;
pub mod future;
mod habits;
pub mod handle;
mod machine;
pub mod program;
pub mod properties;
pub mod ready_queue;
pub mod scope;
mod search;
#[cfg(not(any(loom, shuttle)))]
pub mod searched;
mod seeded;
pub mod system;
#[cfg(test)]
mod tests;
pub mod timers;
pub mod wakeup;
mod word;

pub use check::{Group, Malformed};
pub use concurrent::Phase;
pub use habits::{Habit, Habits};
pub use machine::Machine;
pub use program::Program;
pub use search::{
    MAX_STATES, NoOutcomes, Outcomes, always_ends, outcomes, outcomes_of, outcomes_with,
    outcomes_within,
};
pub use seeded::Seeded;
pub use system::System;
pub use word::{Cause, NoWord, Outcome, Word};
