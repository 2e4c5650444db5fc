//! The commands: `cargo models` and `cargo agree`, and the same as tests; `cargo stress`.

pub(super) mod arguments;

#[cfg(any(loom, shuttle))]
pub mod cli;
#[cfg(any(loom, shuttle))]
pub(super) mod run;
#[cfg(not(any(loom, shuttle)))]
pub mod stress;
#[cfg(any(loom, shuttle))]
pub mod suite;
