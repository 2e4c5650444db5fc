//! The models of loopgate: every interleaving of a small scenario, and what may come of it.
//!
//! `cargo models` runs them all, `cargo models --help` says what else it does. A model is a function
//! that starts a few threads and returns one word for what happened. loom runs it once per
//! interleaving; the words that came up must be exactly the words that the clause allows.
//!
//! * `harness`: runs a model and shows that the exploration is complete; begins with how to write one;
//! * `models`: the models of the kernel;
//! * `litmus`: models of the explorer itself, one for each thing that loom lacks or gets wrong.
//!
//! The models and what explores them exist only under `cfg(loom)`, which the alias `cargo models` sets,
//! and under `cfg(shuttle)`; the rest of the harness, its reports and its books, is built and tested
//! without either as well.

pub mod harness;
#[cfg(any(loom, shuttle))]
pub mod litmus;
#[cfg(any(loom, shuttle))]
mod models;

/// Every model of more threads than can be explored.
#[cfg(any(loom, shuttle))]
#[must_use]
pub fn wide() -> Vec<&'static harness::Model> {
    models::wide().collect()
}

/// Every model that `cargo models` runs, in the order of its table.
#[cfg(any(loom, shuttle))]
#[must_use]
pub fn models() -> Vec<&'static harness::Model> {
    models::models().chain(litmus::models()).collect()
}
