//! The conformance kit itself: drivers that misbehave, profiles that are not true, vectors that drift.
#![cfg(not(any(loom, shuttle)))]

mod books;
mod clocks;
mod differential;
mod drivers;
mod hazards;
