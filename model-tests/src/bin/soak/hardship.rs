//! What makes it hard: signals at any moment, no descriptors, a limit on memory.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use loopgate::EventLoop;
use nix::sys::pthread::pthread_kill;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;

use crate::loops::is_out_of_descriptors;
use crate::stage::Stage;
use crate::vitals;

/// How often the load was disturbed.
#[derive(Debug, Default)]
pub(crate) struct Hardships {
    pub(crate) signals: u64,
    /// Loops that could not start for want of a descriptor, of those that were tried then.
    pub(crate) refused_starts: u64,
    pub(crate) starts: u64,
}

/// A signal whose handler does next to nothing: it interrupts.
const SIGNAL: Signal = Signal::SIGUSR1;

/// Sends signals to threads of the load until the end.
pub(crate) fn signals(stage: &Stage) -> u64 {
    let seen = Arc::new(AtomicBool::new(false));
    if let Err(error) = signal_hook::flag::register(SIGNAL as i32, Arc::clone(&seen)) {
        stage.books.fail(format!("no handler for signals: {error}"));
        return 0;
    }
    let (mut choices, mut sent) = (stage.choices(), 0);
    while !stage.is_over() {
        stage.with_thread(&mut choices, |thread| match pthread_kill(thread, SIGNAL) {
            Ok(()) => sent += 1,
            Err(error) => stage.books.fail(format!("a signal could not be sent: {error}")),
        });
        thread::sleep(Duration::from_micros(choices.u64(100..3_000)));
    }
    if sent > 0 && !seen.load(Ordering::Relaxed) {
        stage.books.fail("signals were sent, and none arrived");
    }
    sent
}

/// Takes the descriptors away every now and then, so that loops cannot start; none may leak by that.
pub(crate) fn descriptors(stage: &Stage) -> (u64, u64) {
    let (mut choices, mut starts, mut refused) = (stage.choices(), 0, 0);
    while !stage.is_over() {
        thread::sleep(Duration::from_millis(choices.u64(200..1_500)));
        // Between none and all that a start needs are left.
        for left in 0..4 {
            starts += 1;
            match with_descriptors(left, EventLoop::new) {
                Ok(Ok(event_loop)) => drop(event_loop),
                Ok(Err(error)) if is_out_of_descriptors(&error) => refused += 1,
                Ok(Err(error)) => stage.books.fail(format!("not the error of exhaustion: {error}")),
                Err(error) => stage.books.fail(format!("no limit on descriptors: {error}")),
            }
        }
    }
    (starts, refused)
}

/// Runs `body` while the whole process has about so many descriptors left: others give some back meanwhile.
fn with_descriptors<T>(left: usize, body: impl FnOnce() -> T) -> nix::Result<T> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    let limit = vitals::highest_descriptor().unwrap_or(0) + 1;
    setrlimit(Resource::RLIMIT_NOFILE, limit.min(hard), hard)?;
    // The numbers below the limit that are free.
    let mut taken: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
    taken.truncate(taken.len().saturating_sub(left));
    let done = body();
    thread::sleep(Duration::from_millis(5));
    drop(taken);
    setrlimit(Resource::RLIMIT_NOFILE, soft, hard)?;
    Ok(done)
}

/// From here on the process cannot have more memory than this: what leaks ends it.
pub(crate) fn limit_memory(mebibytes: u64) -> nix::Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_DATA)?;
    setrlimit(Resource::RLIMIT_DATA, (mebibytes << 20).min(hard), hard)
}
