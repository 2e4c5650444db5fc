//! Models of the kernel's own races, a file a part of the gate.
//!
//! * [`wakeup`]: posting against sleeping, draining, stopping and closing;
//! * [`pipe`]: the same with a pipe that is full, interrupted, broken, or refuses to be written;
//! * [`concurrent`]: completing, cancelling and waiting, without a loop;
//! * [`chain`]: submissions: cancel, timeout, exception and close against the copy of the outcome;
//! * [`factory`]: a task factory that fails, against cancel, wait and close;
//! * [`executor`]: work in a pool against cancel and shutdown, and its way back to a loop;
//! * [`wide`]: programs of many threads, which are drawn at random instead of explored.

mod chain;
mod concurrent;
mod executor;
mod factory;
mod pipe;
mod support;
mod wakeup;
mod wide;

use crate::harness::Model;

/// Models of more threads than can be explored.
pub(crate) fn wide() -> impl Iterator<Item = &'static Model> {
    wide::MODELS.iter()
}

/// Every model of the kernel that is explored.
pub(crate) fn models() -> impl Iterator<Item = &'static Model> {
    [
        wakeup::MODELS,
        pipe::MODELS,
        concurrent::MODELS,
        chain::MODELS,
        factory::MODELS,
        executor::MODELS,
    ]
    .into_iter()
    .flatten()
}
