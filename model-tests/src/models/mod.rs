//! Models of the kernel's own races, a file a part of the gate.
//!
//! * [`wakeup`]: posting against sleeping, draining and closing;
//! * [`awake`]: the same with a loop that has been awake, where it decides to sleep;
//! * [`stopping`]: runs that begin and end, and timers, against posts;
//! * [`pipe`]: the same with a pipe that is full, interrupted, broken, or refuses to be written;
//! * [`wakers`]: a task's waker in another thread;
//! * [`concurrent`]: completing, cancelling and waiting, without a loop;
//! * [`chain`]: submissions and wrapped futures: whatever may cross an outcome on its way;
//! * [`order`]: which of two came first, where the outcome alone does not say it;
//! * [`scope`]: timeouts, shields and gatherings, against what other threads complete or cancel;
//! * [`factory`]: a task factory that fails, against cancel, wait and close;
//! * [`executor`]: work in a pool against cancel and shutdown, and its way back to a loop;
//! * `wide`: programs of many threads, which are drawn at random instead of explored.

mod awake;
mod chain;
mod concurrent;
mod executor;
mod factory;
mod order;
mod pipe;
mod scope;
mod stopping;
pub(crate) mod support;
mod wakers;
mod wakeup;
#[cfg(not(loom))]
mod wide;

use crate::harness::Model;

/// Models of more threads than can be explored, and than loom has.
#[cfg(not(loom))]
pub(crate) fn wide() -> impl Iterator<Item = &'static Model> {
    wide::MODELS.iter()
}

/// Every model of the kernel that is explored.
pub(crate) fn models() -> impl Iterator<Item = &'static Model> {
    [
        wakeup::MODELS,
        awake::MODELS,
        stopping::MODELS,
        pipe::MODELS,
        wakers::MODELS,
        concurrent::completing::MODELS,
        concurrent::waiting::MODELS,
        concurrent::several::MODELS,
        concurrent::awaited::MODELS,
        chain::copy::MODELS,
        chain::cancel::MODELS,
        chain::close::MODELS,
        chain::wrap::MODELS,
        chain::loops::MODELS,
        order::MODELS,
        scope::MODELS,
        factory::MODELS,
        executor::pool::MODELS,
        executor::to_loop::MODELS,
    ]
    .into_iter()
    .flatten()
}
