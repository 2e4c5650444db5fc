//! What is told: tables, counterexamples, explanations.
//!
//! * [`interleaving`]: the steps of an execution; [`causes`]: what led to what; [`clause`]: what was promised;
//! * [`columns`]: an interleaving as text; [`html`]: as a page; [`counterexample`]: a failure in both, with
//!   [`replay`], by which it is had again, of the sources that [`fingerprint`] names;
//! * [`explain`]: the shortest interleaving of each outcome;
//! * [`table`], [`json`], [`figures`]: all models at once.

pub(super) mod causes;
pub(super) mod clause;
pub(super) mod columns;
pub(super) mod figures;
#[cfg(test)]
mod fingerprint;
pub(super) mod html;
pub(super) mod interleaving;
pub(super) mod replay;

#[cfg(any(loom, shuttle))]
pub(super) mod counterexample;
#[cfg(any(loom, shuttle))]
pub(super) mod explain;
#[cfg(any(loom, shuttle))]
pub(super) mod json;
#[cfg(any(loom, shuttle))]
pub(super) mod table;
