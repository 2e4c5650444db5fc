//! The kernel beside SPEC.md as a program: long random programs, every answer compared.
//!
//! Each suite is a proptest state machine whose reference is made of the machines of
//! [`spec`](loopgate_model_tests::spec), and asks at the end whether every operation was done in every state in
//! which it can be done:
//!
//! * `queue`: the ready queue and handles (H, Q, W-10, S-8);
//! * `timers`: deadlines in virtual time (D);
//! * `concurrent`: the thread-safe future, with threads that wait for it (F);
//! * `loop_future`: the future of a loop (L);
//! * `chains`: outcomes and cancels between futures of two loops (C, U);
//! * `tasks`: coroutines, cancels, timeouts, shields (T, O);
//! * `life`: runs, stops, exits, closes of two loops in one thread (S, G);
//! * `executor`: pools of threads, a program's own and a loop's (E, U-4, C-10).
//!
//! Nothing depends on time or on the scheduler: clocks are virtual, and threads are waited for.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "the tests are foreign threads: they use the real ones"
)]
#![cfg(not(any(loom, shuttle)))]

mod chains;
mod concurrent;
mod dialogue;
mod executor;
mod life;
mod loop_future;
mod memory;
mod queue;
mod support;
mod tasks;
mod timers;
