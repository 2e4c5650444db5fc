//! Chapter W of SPEC.md: the gate and the wake, with real threads and a real pipe.

mod pipe;
mod posting;
mod sleeping;
mod spinning;

use std::cell::{Cell, RefCell};
use std::io::{BufRead, BufReader, Read, Write};
use std::ops::Deref;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, Once, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use loopgate::checkers::{break_pipe, census, drain_pipe, fill_pipe, promise_for_spinning, spin};
use loopgate::{
    Clock, ConcurrentFuture, EventLoop, LoopClosed, LoopHandle, PostError, ResultError, Turn,
    get_running_loop, sleep,
};

use crate::support::{self, record_reports};

/// Only a guard against hanging: no test passes because it is over.
pub(crate) const GUARD: Duration = Duration::from_secs(60);

/// Runs `body` on a thread of its own; fails, instead of hanging, if it does not end.
pub(crate) fn guarded<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> T {
    let (ended, end) = mpsc::channel();
    let thread = thread::spawn(move || {
        let result = body();
        let _ = ended.send(());
        result
    });
    let hung = end.recv_timeout(GUARD) == Err(mpsc::RecvTimeoutError::Timeout);
    assert!(!hung, "hangs");
    thread.join().unwrap_or_else(|payload| std::panic::resume_unwind(payload))
}

/// A loop that tells its test what its exception handler was told, unless the test sets a handler.
///
/// A callback that panics does not end the run, so an assertion inside one would fail unheard.
pub(crate) struct CheckedLoop {
    event_loop: EventLoop,
    reports: Rc<RefCell<Vec<String>>>,
    _watched: Watched,
}

/// While this lives its thread must get on: a loop that sleeps for ever ends the tests, with a name.
struct Watched(u64);

/// The loops there are: a number, when it was made, by which thread.
static LOOPS: Mutex<Vec<(u64, Instant, String)>> = Mutex::new(Vec::new());

impl Watched {
    fn new() -> Watched {
        static WATCHDOG: Once = Once::new();
        static NEXT: AtomicU64 = AtomicU64::new(0);
        WATCHDOG.call_once(|| drop(thread::spawn(Watched::watch)));
        let number = NEXT.fetch_add(1, Ordering::SeqCst);
        let thread = thread::current().name().unwrap_or("a thread of a test").to_owned();
        LOOPS.lock().unwrap().push((number, Instant::now(), thread));
        Watched(number)
    }

    fn watch() {
        loop {
            thread::sleep(Duration::from_secs(1));
            for (_, since, thread) in &*LOOPS.lock().unwrap() {
                if since.elapsed() > 2 * GUARD {
                    eprintln!("{thread} hangs in a loop");
                    std::process::exit(102);
                }
            }
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        LOOPS.lock().unwrap().retain(|(number, ..)| *number != self.0);
    }
}

impl CheckedLoop {
    fn new(event_loop: EventLoop) -> CheckedLoop {
        let reports = Rc::<RefCell<Vec<String>>>::default();
        let noted = Rc::clone(&reports);
        event_loop.set_exception_handler(move |context| {
            let text = context.exception.as_ref().map(ToString::to_string).unwrap_or_default();
            noted.borrow_mut().push(format!("{}: {text}", context.message));
        });
        CheckedLoop { event_loop, reports, _watched: Watched::new() }
    }
}

impl Deref for CheckedLoop {
    type Target = EventLoop;

    fn deref(&self) -> &EventLoop {
        &self.event_loop
    }
}

impl AsRawFd for CheckedLoop {
    fn as_raw_fd(&self) -> RawFd {
        self.event_loop.as_raw_fd()
    }
}

impl Drop for CheckedLoop {
    fn drop(&mut self) {
        if !thread::panicking() {
            // What is still queued is reported now.
            self.event_loop.close().unwrap();
            assert_eq!(*self.reports.borrow(), [""; 0], "nobody expected these reports");
        }
    }
}

/// A loop on the real clock.
pub(crate) fn real_loop() -> CheckedLoop {
    CheckedLoop::new(EventLoop::new().unwrap())
}

/// A loop on a virtual clock of its own.
pub(crate) fn virtual_loop() -> CheckedLoop {
    CheckedLoop::new(support::virtual_loop())
}

/// A loop that runs for ever on a thread of its own, on the real clock.
pub(crate) struct LoopThread {
    pub(crate) handle: LoopHandle,
    thread: JoinHandle<()>,
    end: mpsc::Receiver<()>,
}

impl LoopThread {
    pub(crate) fn start() -> LoopThread {
        let (handles, handle) = mpsc::channel();
        let (ended, end) = mpsc::channel();
        let thread = thread::spawn(move || {
            let event_loop = real_loop();
            handles.send(event_loop.handle()).unwrap();
            event_loop.run_forever().unwrap();
            drop(event_loop);
            let _ = ended.send(());
        });
        LoopThread { handle: handle.recv().unwrap(), thread, end }
    }

    /// Stops the loop and waits for its thread.
    pub(crate) fn stop(self) {
        self.handle.stop().unwrap();
        let hung = self.end.recv_timeout(GUARD) == Err(mpsc::RecvTimeoutError::Timeout);
        assert!(!hung, "the loop does not stop");
        self.thread.join().unwrap();
    }
}

/// What a callback owns: counts those that exist.
struct Token(Arc<AtomicUsize>);

impl Token {
    fn new(alive: &Arc<AtomicUsize>) -> Token {
        alive.fetch_add(1, Ordering::SeqCst);
        Token(Arc::clone(alive))
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Calls a function when it is dropped.
pub(crate) struct OnDrop<F: FnMut()>(pub(crate) F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// A function that runs on another thread while this one waits.
pub(crate) fn elsewhere<T: Send>(body: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        scope.spawn(body).join().unwrap_or_else(|payload| std::panic::resume_unwind(payload))
    })
}

/// Some delays between nothing and a time slice, the same in each run.
fn dither(round: usize) {
    for _ in 0..(round * 37) % 400 {
        std::hint::spin_loop();
    }
    if round.is_multiple_of(7) {
        thread::yield_now();
    }
}

fn is_wake_failed<T>(posted: Result<T, PostError>) -> bool {
    matches!(posted, Err(PostError::WakeFailed(_)))
}
