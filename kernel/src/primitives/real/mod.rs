//! The side that ships: parking_lot, std's atomics and threads, an OS pipe, epoll or kqueue.

#[cfg(feature = "checkers")]
pub(crate) mod checked;
pub(crate) mod clock;
pub(crate) mod patience;
pub(crate) mod pipe;
pub(crate) mod poll;
pub(crate) mod sync;
pub(crate) mod thread;

pub(crate) use std::thread_local;
