//! What each model came to, on record.
//!
//! * [`ledger`]: the rows; [`accept`]: comparing verdicts with them, or recording them;
//! * [`histories`]: what two explorers must have seen alike;
//! * [`class`]: how far an exploration goes; [`shard`]: which part of the suite is run.

pub(super) mod class;
pub(super) mod histories;
pub(super) mod ledger;
pub(super) mod shard;

#[cfg(any(loom, shuttle))]
pub(super) mod accept;
