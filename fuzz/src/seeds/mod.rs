//! Inputs worth starting from: some for each part of an alphabet, and every input that found a bug.
//!
//! The committed corpora hold these, encoded; a test says so. After a change here or in an alphabet write
//! them anew with `cargo run --example write_corpus`. A name that begins with `found_` is a regression.

mod against_spec;
#[cfg(not(shuttle))]
mod documents;
#[cfg(not(shuttle))]
mod drawn;
mod loop_program;
mod pipe;
mod themes;

use crate::Input;

/// An input, by name.
#[derive(Clone, Debug)]
pub struct Seed {
    /// In words, with underscores: also the name of its file.
    pub name: &'static str,
    /// What it is encoded as.
    pub bytes: Vec<u8>,
}

fn encoded<I: Input>(named: impl IntoIterator<Item = (&'static str, I)>) -> Vec<Seed> {
    named.into_iter().map(|(name, input)| Seed { name, bytes: input.bytes() }).collect()
}

/// Every seed of a target; empty if there is no such target.
#[must_use]
pub fn of(target: &str) -> Vec<Seed> {
    match target {
        "loop_program" => encoded(loop_program::all()),
        "timers" => encoded(themes::timers()),
        "cancel_scopes" => encoded(themes::scopes()),
        "concurrent_future" => encoded(against_spec::futures()),
        "chain_graph" => encoded(against_spec::graph()),
        "executor_life" => encoded(against_spec::pool()),
        "interleavings" => encoded(against_spec::races()),
        "pipe" => encoded(pipe::all()),
        #[cfg(not(shuttle))]
        "whole_programs" => encoded(drawn::all()),
        #[cfg(not(shuttle))]
        "vectors" => encoded(documents::all()),
        "canary" => encoded(themes::canary()),
        _ => Vec::new(),
    }
}
