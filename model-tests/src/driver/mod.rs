//! Runs a program of the spec's alphabet on this kernel, once, and writes down what it observed.
//!
//! Runs natively, on real threads, and as the body of a model under either explorer: what threads share
//! here are the kernel's own objects; slots and logs are touched in an order that the program itself keeps
//! (see [`program`](crate::spec::program)), so no explorer need know of them.
//!
//! Natively a program takes a clock. On a virtual one time passes when nobody can go on, which makes a
//! run repeatable; on the real one whatever the machine does decides.
//!
//! * `world`: what all threads share; `here`: what one thread has; `session`: one that is told what to do;
//! * `ops`, `local`: the operations; `script`: coroutines; `words`: what is written down.

mod here;
mod local;
mod ops;
mod script;
#[cfg(not(any(loom, shuttle)))]
mod session;
#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
mod words;
mod world;

use std::sync::Arc;

use loopgate::Clock;

use crate::spec::{Outcome, Program};
use here::Here;
use world::World;

#[cfg(not(any(loom, shuttle)))]
pub use session::Session;

/// Runs a program to its end; what it observed.
///
/// # Panics
/// If the program is malformed. Programs whose [`outcomes`](crate::spec::outcomes) the spec can compute are not.
#[must_use]
pub fn run(program: &Arc<Program>, clock: &Clock) -> Outcome {
    if let Err(malformed) = program.check() {
        panic!("{malformed}");
    }
    let world = World::new(Arc::clone(program), clock.clone());
    if cfg!(any(loom, shuttle)) {
        // The main thread of a model is there anyhow, and threads are dear.
        Here::live(&world, 0);
    } else {
        world.start(0);
    }
    world.finish()
}
