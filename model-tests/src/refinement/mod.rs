//! Whether the kernel does all that the spec allows, and nothing else.
//!
//! A program is run on the kernel through every interleaving that the second explorer has, without a bound;
//! what came of it must be exactly what [`outcomes`](crate::spec::outcomes) computes. The programs are those
//! of [`families`]: *all* histories of up to so many operations by two or three threads, for the concurrent
//! future, the queue and the executor. That every outcome of concurrent operations is one that the spec has,
//! whose every step is atomic, is what linearizability means; that none is missing shows that the spec is not
//! wider than the kernel.
//!
//! `cargo refine` runs the small cut, `cargo refine --full` all of it, each with a mistake of the spec per family
//! that has to show.

pub mod families;

#[cfg(shuttle)]
mod explored;

#[cfg(shuttle)]
pub use explored::main;
