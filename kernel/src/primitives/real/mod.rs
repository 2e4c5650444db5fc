//! The side that ships: parking_lot, std's atomics and threads, an OS pipe, epoll or kqueue.

#[cfg(feature = "checkers")]
pub(crate) mod checked;
pub(crate) mod clock;
pub(crate) mod patience;
pub(crate) mod pipe;
pub(crate) mod poll;
pub(crate) mod sync;
pub(crate) mod thread;

/// std's, with a value that is there from the beginning: an access need not look whether it has been made.
macro_rules! const_thread_local {
    ($(#[$attribute:meta])* static $name:ident: $type:ty = $value:expr;) => {
        std::thread_local! { $(#[$attribute])* static $name: $type = const { $value }; }
    };
}
pub(crate) use const_thread_local as thread_local;
