//! Loops that live for a moment under load, and the ways in which they end.

use std::io;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use loopgate::checkers::{Census, census};
use loopgate::{EventLoop, RunError, Turn};
use nix::errno::Errno;

use crate::stage::Stage;

/// One life after another, each in a thread of its own.
pub(crate) fn lives(stage: &Arc<Stage>) {
    let mut choices = stage.choices();
    while !stage.is_over() {
        let (own, seed) = (Arc::clone(stage), choices.u64(..));
        let body =
            move || own.clone().disturbed(|| life(&own, &mut fastrand::Rng::with_seed(seed)));
        match thread::Builder::new().name("loop".into()).spawn(body) {
            // Some die of a panic, which is a way to end.
            Ok(life) => drop(life.join()),
            Err(error) => stage.books.fail(format!("no thread for a loop: {error}")),
        }
    }
}

fn life(stage: &Stage, choices: &mut fastrand::Rng) {
    let event_loop = match EventLoop::new() {
        Ok(event_loop) => event_loop,
        Err(error) if is_out_of_descriptors(&error) => {
            thread::sleep(Duration::from_millis(1));
            return;
        }
        Err(error) => return stage.books.fail(format!("a loop did not start: {error}")),
    };
    stage.books.loops.open();
    let handle = event_loop.handle();
    stage.enter(handle.clone());
    let lasts = Duration::from_millis(choices.u64(20..400));
    let local = event_loop.clone();
    let end = event_loop.call_later(lasts, move || local.stop());
    if end.is_err() {
        stage.books.fail("a loop that is open refused a timer");
    }
    let ran = if choices.bool() { event_loop.run_forever() } else { driven(&event_loop) };
    if let Err(error) = ran {
        stage.books.fail(format!("a run failed: {error}"));
    }
    // Some are closed while others still find them, some are not found any more.
    if choices.bool() {
        stage.leave(&handle);
    }
    let leave = Leave(stage, handle);
    match choices.u8(..4) {
        0 => drop(event_loop),
        1 => {
            // Declared in this order the loop dies first, by the unwinding.
            let (_leave, _event_loop) = (leave, event_loop);
            stage.books.loops.close("died with its thread");
            resume_unwind(Box::new("a loop's thread dies on purpose"));
        }
        _ => {
            if event_loop.close().is_err() {
                stage.books.fail("a loop that does not run refused to close");
            }
            let left = census(&event_loop);
            if left != (Census { queued: 0, timers: 0, tasks: 0, parcels: 0 }) {
                stage.books.fail(format!("a closed loop holds {left:?}"));
            }
        }
    }
    stage.books.loops.close("closed");
}

/// As a foreign loop drives it.
fn driven(event_loop: &EventLoop) -> Result<(), RunError> {
    loop {
        let longest = event_loop.poll_timeout().unwrap_or(Duration::from_millis(50));
        if event_loop.run_once(Some(longest.min(Duration::from_millis(50))))? == Turn::Stop {
            return Ok(());
        }
    }
}

/// Whether the operating system says that the process has no descriptor left.
pub(crate) fn is_out_of_descriptors(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::EMFILE as i32)
}

struct Leave<'a>(&'a Stage, loopgate::LoopHandle);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.leave(&self.1);
    }
}
