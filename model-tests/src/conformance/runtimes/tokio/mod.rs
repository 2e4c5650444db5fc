//! tokio's current_thread runtime, by what a user of tokio has for each operation.
//!
//! | operation | tokio |
//! |---|---|
//! | a loop | a current_thread [`Runtime`](::tokio::runtime::Runtime) with its clock paused: time passes when nothing is ready |
//! | a callback, of the loop's thread or of another | [`Handle::spawn`](::tokio::runtime::Handle::spawn) of a future that is ready at once |
//! | a timer | the same behind a `sleep_until`, whose deadline is that of the call |
//! | a task, a submission | `Handle::spawn` and its `JoinHandle` |
//! | work of a pool | `spawn_blocking` on a runtime that is there for its threads alone |
//! | a promise and its future | a `oneshot` channel |
//! | `stop` | a task that tells the run, which waits for a `Notify` |
//! | `run_forever`, `run_until_complete` | `block_on` of that, and of the task that was spawned |
//! | a thread that waits | `block_on` and `timeout` in a runtime of that thread |
//! | `close` | the drop of the runtime |
//! | `busy` | `tokio::time::advance` |
//!
//! The rest is lacking: what by its name, in tokio's profile; what by its arguments, in `beyond`. Nothing of asyncio is
//! made up here. Three answers are not tokio's, because tokio gives none:
//!
//! * a cancel: what `abort` has come to is seen from outside, when all is over, and logged then in its place;
//! * a refusal: `spawn` never refuses. It counts as refused if the task is cancelled when nobody can have aborted it;
//! * whether it is this runtime or another one that runs already: the panic is the same.
//!
//! A `JoinHandle` is awaited once and a channel has one receiver. Who wants to ask several times shares it, by
//! `futures::future::Shared`.
//!
//! `world`: what all threads share; `here`: what one thread has; `ops`, `local`: the operations; `script`: coroutines;
//! `outcome`: what they come to.

mod beyond;
mod here;
mod local;
mod ops;
mod outcome;
mod script;
mod world;

use crate::conformance::runtime::{Failure, Identity, Logs, Request, Runtime};
use world::World;

/// Says which tokio this was built with.
const LOCK_FILE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock"));

pub(super) struct Tokio;

impl Runtime for Tokio {
    fn identity(&mut self) -> Result<Identity, Failure> {
        outcome::hear_panics();
        let mut lines = LOCK_FILE.lines().skip_while(|line| *line != "name = \"tokio\"");
        let version = lines.nth(1).and_then(|line| line.split('"').nth(1));
        let version = version.ok_or_else(|| Failure::Error("no tokio in Cargo.lock".into()))?;
        Ok(Identity { runtime: "tokio".into(), version: version.into() })
    }

    fn run(&mut self, request: Request<'_>) -> Result<Logs, Failure> {
        if let Some(what) = beyond::reach(request.program) {
            return Err(Failure::Unsupported(what.into()));
        }
        let world = World::new(request.program.clone(), request.seed);
        world.start(0);
        let logs = world.finish();
        outcome::heard().map_or(Ok(logs), |panic| Err(Failure::Error(panic)))
    }
}
