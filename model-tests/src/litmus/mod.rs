//! Models of the explorer itself: what loom lacks or gets wrong, and that it is made good.
//!
//! One model for each behaviour that the model side adds and for each cure. The control switches the
//! addition off, and an outcome is then missing, or an impossible one appears. Should a later loom no
//! longer need a cure, its control passes, and that is an error here: time to remove the cure.

mod choices;
mod memory;
mod pipes;
#[cfg(loom)]
mod raw;
mod waits;

use crate::harness::Model;

/// Every litmus model.
#[must_use]
pub fn models() -> Vec<&'static Model> {
    let made_good = [memory::MODELS, waits::MODELS, choices::MODELS, pipes::MODELS];
    let all = made_good.into_iter().flatten();
    #[cfg(loom)]
    let all = all.chain(raw::MODELS);
    all.collect()
}
