//! The models of loopgate: every interleaving of a small scenario, and what may come of it.
//!
//! `cargo models` runs them all, `cargo models --help` says what else it does. A model is a function
//! that starts a few threads and returns one word for what happened. loom runs it once per
//! interleaving; the words that came up must be exactly the words that the clause allows.
//!
//! * `harness`: runs a model and shows that the exploration is complete; begins with how to write one;
//! * `models`: the models of the kernel;
//! * `litmus`: models of the explorer itself, one for each thing that loom lacks or gets wrong;
//! * [`spec`]: what may happen, as a program: SPEC.md in a form that is executed;
//! * [`driver`]: runs programs of the spec's alphabet on the kernel;
//! * `fuzzing`: how the fuzz targets are built and run; `coverage`: which lines of the kernel were run;
//! * [`conformance`]: the kit that measures any runtime against SPEC.md;
//! * [`refinement`]: whether the kernel does all that the spec allows, and nothing else.
//!
//! What explores exists only under `cfg(loom)` and, a second time, under `cfg(shuttle)`, which the aliases
//! `cargo models` and `cargo agree` set. Without them the bodies of the models are run on real threads,
//! by `cargo stress` and `cargo test`.

#[cfg(not(any(loom, shuttle)))]
pub mod conformance;
pub mod coverage;
pub mod driver;
pub mod fuzzing;
pub mod harness;
#[cfg(any(loom, shuttle))]
pub mod litmus;
mod models;
pub mod refinement;
pub mod spec;

/// Every model that is explored, in the order of the tables: those of the kernel, then those of the
/// explorer itself.
#[cfg(loom)]
#[must_use]
pub fn models() -> Vec<&'static harness::Model> {
    models::models().chain(litmus::models()).collect()
}

/// The same for the second explorer, without what is about the first; and those that are only drawn.
#[cfg(shuttle)]
#[must_use]
pub fn models() -> Vec<&'static harness::Model> {
    let explored = models::models().chain(litmus::models()).filter(|model| !model.only_loom);
    explored.chain(models::wide()).collect()
}

/// Every model of the kernel whose body makes sense on real threads.
#[cfg(not(any(loom, shuttle)))]
#[must_use]
pub fn models() -> Vec<&'static harness::Model> {
    models::models().chain(models::wide()).filter(|model| model.native).collect()
}
