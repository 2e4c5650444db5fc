//! The raw limits: structures made by hand that do one thing of a loop's and nothing else.
//!
//! They know no cancelling, no handles, no panics and no closing. A ratio to one of them says what a
//! semantics costs.

mod executor;
mod ping_pong;
mod pool;
mod queue;
mod timers;

pub(crate) use executor::Bare;
pub(crate) use ping_pong::{eventfd_futex, spinning};
pub(crate) use pool::channel_throughput;
pub(crate) use queue::{
    allocator_pairs, boxed_callbacks, boxed_chain, fetch_add, function_pointers, mutexed,
};
pub(crate) use timers::{heap, wheel};
