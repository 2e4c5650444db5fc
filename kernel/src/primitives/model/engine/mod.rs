//! What explores: the only two places that name loom or shuttle.
//!
//! Both sides offer the same few things, and the rest of this folder is written against them:
//!
//! * [`Gate::pass`]: one step. Threads change at steps and nowhere else; what follows a step, up to the
//!   next, is done in the same breath;
//! * [`Lock`]: mutual exclusion, whose acquisition is a step;
//! * [`Flag`]: an atomic flag, each access a step;
//! * [`spawn`], [`sleep`] with a [`Sleeper`] to end it, and [`linger`];
//! * [`answer`]: what is answered to a question.
//!
//! `loom` reduces the orders it tries by its own analysis of what it sees, and knows weak memory.
//! `shuttle` knows neither: each step announces what it touches, and the scheduler that the harness
//! brings decides from that alone who may go next and which orders amount to the same. So a hole in
//! the one is not a hole in the other.

#[cfg(loom)]
mod loom;
#[cfg(loom)]
pub(crate) use self::loom::thread_local;
#[cfg(loom)]
pub(super) use self::loom::*;

#[cfg(shuttle)]
mod shuttle;
#[cfg(shuttle)]
pub(crate) use self::shuttle::thread_local;
#[cfg(shuttle)]
pub(super) use self::shuttle::*;
#[cfg(shuttle)]
pub use self::shuttle::{Access, Target, able, accesses, announced};

#[cfg(all(loom, shuttle))]
compile_error!("one explorer at a time: build with `--cfg loom` or with `--cfg shuttle`");

/// What a step does to the object that it is a step of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// It only looks: such steps can change places with each other.
    #[cfg_attr(loom, allow(dead_code, reason = "loom finds out for itself what a step does"))]
    Looks,
    /// It may change something.
    Changes,
}
