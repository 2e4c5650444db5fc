//! Every clause of SPEC.md, tested on the real side of the primitives: a file a chapter, a test named after
//! its clause and its scenario. No test sleeps to get its order: it uses a virtual clock or a handshake.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "the tests are foreign threads: they use the real ones"
)]
#![allow(clippy::type_complexity, reason = "a table of cases has the type that it has")]
#![cfg(not(any(loom, shuttle)))]

mod chain;
mod concurrent;
mod event_loop;
mod exception;
mod executor;
mod future;
mod handle;
mod loop_handle;
mod ready_queue;
mod scope;
mod shown;
mod submit;
mod support;
mod task;
mod timers;
mod wakeup;
