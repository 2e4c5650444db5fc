//! Models of the kernel's own races, a file a part of the gate.
//!
//! * [`wakeup`]: posting against sleeping, draining, stopping and closing;
//! * [`awake`]: the same with a loop that has been awake, where it decides to sleep;
//! * [`pipe`]: the same with a pipe that is full, interrupted, broken, or refuses to be written;
//! * [`concurrent`]: completing, cancelling and waiting, without a loop;
//! * [`chain`]: submissions: cancel, timeout, exception and close against the copy of the outcome;
//! * [`order`]: which of two came first, where the outcome alone does not say it;
//! * [`factory`]: a task factory that fails, against cancel, wait and close;
//! * [`executor`]: work in a pool against cancel and shutdown, and its way back to a loop.

mod awake;
mod chain;
mod concurrent;
mod executor;
mod factory;
mod order;
mod pipe;
mod support;
mod wakeup;

use crate::harness::Model;

/// Every model of the kernel.
pub(crate) fn models() -> impl Iterator<Item = &'static Model> {
    [
        wakeup::MODELS,
        awake::MODELS,
        pipe::MODELS,
        concurrent::MODELS,
        chain::MODELS,
        order::MODELS,
        factory::MODELS,
        executor::MODELS,
    ]
    .into_iter()
    .flatten()
}
