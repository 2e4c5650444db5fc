//! Exploring one variant of a model: what an execution is, who explores, and in which process.
//!
//! * [`execution`]: one execution, and what all of them amount to;
//! * `first`, with `finished`: loom; * `second`, with `turns`: shuttle. They have the same functions;
//! * [`child`]: the process that explores, because a failure inside an explorer may end in an abort;
//!   [`failure`] is how it ends then.

pub(super) mod child;
pub(super) mod execution;
pub(super) mod failure;

#[cfg(loom)]
mod finished;
#[cfg(loom)]
mod first;
#[cfg(shuttle)]
pub(super) mod second;
#[cfg(shuttle)]
mod turns;
