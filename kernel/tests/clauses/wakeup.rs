//! Chapter W: the gate and the wake, with real threads and a real pipe.

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

use loopgate::checkers::{break_pipe, census, drain_pipe, fill_pipe, spin};
use loopgate::{
    ConcurrentFuture, EventLoop, LoopClosed, LoopHandle, PostError, ResultError, Turn,
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

//= SPEC.md#w-1
//= type=test
//# A post MUST publish its entry before it wakes the loop.
#[test]
fn w1_a_readable_pipe_means_that_the_post_is_there() {
    let inner = real_loop();
    let outer = real_loop();
    let readable = Rc::new(Cell::new(false));
    let seen = Rc::clone(&readable);
    outer.add_reader(&inner, move || seen.set(true)).unwrap();
    let (go, gone) = mpsc::channel::<()>();
    let handle = inner.handle();
    let poster = thread::spawn(move || {
        while gone.recv().is_ok() {
            handle.call_soon_threadsafe(|| {}).unwrap();
        }
    });
    // Makes whoever needs the lock wait for it, and so widens the gap between a wake and what follows it.
    let enough = Arc::new(AtomicBool::new(false));
    let contenders = [(); 3].map(|()| {
        let (handle, enough) = (inner.handle(), Arc::clone(&enough));
        thread::spawn(move || while !enough.load(Ordering::SeqCst) && !handle.is_closed() {})
    });
    for _ in 0..300 {
        go.send(()).unwrap();
        // The inner loop is left alone until its pipe is readable, so no byte is a late one.
        while !readable.take() {
            let _turn = outer.run_once(Some(Duration::ZERO)).unwrap();
        }
        assert_eq!(inner.poll_timeout(), Some(Duration::ZERO), "woken, and nothing was posted");
        let _turn = inner.run_once(Some(Duration::ZERO)).unwrap();
        assert_eq!(drain_pipe(&inner), 0);
        // Its readiness was an edge: take it out of the outer loop before the next round.
        let _turn = outer.run_once(Some(Duration::ZERO)).unwrap();
        readable.set(false);
    }
    drop(go);
    poster.join().unwrap();
    enough.store(true, Ordering::SeqCst);
    for contender in contenders {
        contender.join().unwrap();
    }
}

//= SPEC.md#w-2
//= type=test
//# A post that is accepted while the loop sleeps, or is about to, MUST make that sleep end.
#[test]
fn w2_a_post_ends_an_endless_sleep() {
    guarded(|| {
        let event_loop = virtual_loop();
        let (clock, handle) = (event_loop.clock().clone(), event_loop.handle());
        event_loop
            .call_soon(move || {
                let own_clock = clock.clone();
                let poster = move || {
                    // On a virtual clock this returns only when the loop is asleep as well.
                    clock.sleep(Duration::from_secs(1));
                    let stop = || get_running_loop().unwrap().stop();
                    handle.call_soon_threadsafe(stop).unwrap();
                };
                own_clock.spawn("poster", poster).map(drop).unwrap();
            })
            .unwrap();
        event_loop.run_forever().unwrap();
    });
}

//= SPEC.md#w-2
//= type=test
//# A post that is accepted while the loop sleeps, or is about to, MUST make that sleep end.
#[test]
fn w2_a_post_ends_a_sleep_before_its_timer() {
    guarded(|| {
        let event_loop = virtual_loop();
        let (clock, handle) = (event_loop.clock().clone(), event_loop.handle());
        event_loop.call_later(Duration::from_secs(100), || unreachable!("too late")).unwrap();
        event_loop
            .call_soon(move || {
                let own_clock = clock.clone();
                let poster = move || {
                    clock.sleep(Duration::from_secs(1));
                    handle.stop().unwrap();
                };
                own_clock.spawn("poster", poster).map(drop).unwrap();
            })
            .unwrap();
        event_loop.run_forever().unwrap();
        assert_eq!(event_loop.time().as_nanos(), 1_000_000_000);
    });
}

//= SPEC.md#w-1
//= type=test
//# A post MUST publish its entry before it wakes the loop.
//= SPEC.md#w-2
//= type=test
//# A post that is accepted while the loop sleeps, or is about to, MUST make that sleep end.
#[test]
fn w2_thousands_of_posts_against_a_loop_that_sleeps_each_time() {
    let running = LoopThread::start();
    let (answers, answer) = mpsc::channel();
    for round in 0..5_000 {
        let answers = answers.clone();
        running.handle.call_soon_threadsafe(move || answers.send(round).unwrap()).unwrap();
        assert_eq!(answer.recv_timeout(GUARD), Ok(round), "a lost wake-up");
        dither(round);
    }
    running.stop();
}

//= SPEC.md#w-2
//= type=test
//# A post that is accepted while the loop sleeps, or is about to, MUST make that sleep end.
#[test]
fn w2_many_posters_against_one_sleeper() {
    let running = LoopThread::start();
    let posters: Vec<_> = (0..4)
        .map(|poster| {
            let handle = running.handle.clone();
            thread::spawn(move || {
                let (answers, answer) = mpsc::channel();
                for round in 0..1_000 {
                    let answers = answers.clone();
                    handle.call_soon_threadsafe(move || answers.send(()).unwrap()).unwrap();
                    assert_eq!(answer.recv_timeout(GUARD), Ok(()), "a lost wake-up");
                    dither(round + poster);
                }
            })
        })
        .collect();
    for poster in posters {
        poster.join().unwrap();
    }
    running.stop();
}

//= SPEC.md#w-2
//= type=test
//# A post that is accepted while the loop sleeps, or is about to, MUST make that sleep end.
#[test]
fn w2_posts_race_the_end_and_the_beginning_of_a_run() {
    const POSTS: usize = 3_000;
    guarded(|| {
        let event_loop = real_loop();
        let handle = event_loop.handle();
        let (answers, answer) = mpsc::channel();
        let poster = thread::spawn(move || {
            for round in 0..POSTS {
                let answers = answers.clone();
                handle.call_soon_threadsafe(move || answers.send(()).unwrap()).unwrap();
                dither(round);
            }
        });
        let mut answered = 0;
        while answered < POSTS {
            // Sleeps for ever if the wake of a post that it has not seen is lost.
            let _turn = event_loop.run_once(None).unwrap();
            answered += answer.try_iter().count();
        }
        poster.join().unwrap();
    });
}

//= SPEC.md#w-3
//= type=test
//# Between two moments at which the loop begins to sleep, posters MUST undertake at most one write
//# to the pipe.
#[test]
fn w3_many_posts_to_a_loop_that_does_not_run_write_one_byte() {
    let event_loop = real_loop();
    for _ in 0..50 {
        let begin = Barrier::new(4);
        thread::scope(|scope| {
            for _ in 0..4 {
                let (handle, begin) = (event_loop.handle(), &begin);
                scope.spawn(move || {
                    begin.wait();
                    for _ in 0..25 {
                        handle.call_soon_threadsafe(|| {}).unwrap();
                    }
                });
            }
        });
        assert_eq!(drain_pipe(&event_loop), 1);
        let _turn = event_loop.run_once(Some(Duration::ZERO)).unwrap();
    }
}

//= SPEC.md#w-3
//= type=test
//# Between two moments at which the loop begins to sleep, posters MUST undertake at most one write
//# to the pipe.
#[test]
fn w3_posts_to_a_loop_that_is_awake_write_nothing() {
    let event_loop = real_loop();
    let (handle, done) = (event_loop.handle(), Rc::new(Cell::new(0)));
    let rounds = Rc::clone(&done);
    fn post_and_count(handle: &LoopHandle, rounds: &Rc<Cell<u32>>) {
        let local = get_running_loop().unwrap();
        elsewhere(|| (0..100).for_each(|_| drop(handle.call_soon_threadsafe(|| {}).unwrap())));
        assert_eq!(drain_pipe(&local), 0);
        rounds.set(rounds.get() + 1);
        if rounds.get() < 3 {
            let (handle, rounds) = (handle.clone(), Rc::clone(rounds));
            local.call_soon(move || post_and_count(&handle, &rounds)).unwrap();
        } else {
            local.stop();
        }
    }
    event_loop.call_soon(move || post_and_count(&handle, &rounds)).unwrap();
    event_loop.run_forever().unwrap();
    assert_eq!(done.get(), 3);
}

//= SPEC.md#w-3
//= type=test
//# Between two moments at which the loop begins to sleep, posters MUST undertake at most one write
//# to the pipe.
#[test]
fn w3_posts_to_a_loop_that_spins_write_nothing() {
    guarded(|| {
        let event_loop = EventLoop::builder().spin(Duration::from_secs(2)).build().unwrap();
        let (handle, (spins, spin_begins)) = (event_loop.handle(), mpsc::channel());
        let ((posted, is_posted), (bytes, counted)) = (mpsc::channel(), mpsc::channel());
        let poster = thread::spawn(move || {
            spin_begins.recv().unwrap();
            // Nothing depends on it but how much this test sees: the loop is to be at its spin.
            thread::sleep(Duration::from_millis(20));
            let count = move || {
                let local = get_running_loop().unwrap();
                // The poster is quicker to publish than to write.
                is_posted.recv().unwrap();
                bytes.send(drain_pipe(&local)).unwrap();
                local.stop();
            };
            handle.call_soon_threadsafe(count).unwrap();
            posted.send(()).unwrap();
        });
        event_loop.call_soon(move || spins.send(()).unwrap()).unwrap();
        event_loop.run_forever().unwrap();
        poster.join().unwrap();
        // A turn that a spin has found mail for does not look at the pipe: a byte would still be there.
        assert_eq!(counted.recv().unwrap(), 0);
    });
}

//= SPEC.md#w-4
//= type=test
//# A full pipe MUST count as a delivered wake, and posting to it MUST NOT block or fail.
#[test]
fn w4_a_full_pipe_is_a_delivered_wake() {
    guarded(|| {
        let event_loop = real_loop();
        assert!(fill_pipe(&event_loop) > 1);
        let handle = event_loop.handle();
        let (runs, ran) = mpsc::channel();
        for number in 0..3 {
            let runs = runs.clone();
            let posted =
                elsewhere(|| handle.call_soon_threadsafe(move || runs.send(number).unwrap()));
            posted.unwrap();
        }
        let _turn = event_loop.run_once(None).unwrap();
        assert_eq!(ran.try_iter().collect::<Vec<_>>(), [0, 1, 2]);
    });
}

//= SPEC.md#w-4
//= type=test
//# A full pipe MUST count as a delivered wake, and posting to it MUST NOT block or fail.
#[test]
fn w4_a_pipe_that_was_full_wakes_the_loop_again() {
    let (locals, local) = mpsc::channel();
    let running = LoopThread::start();
    let handle = running.handle.clone();
    handle
        .call_soon_threadsafe(move || locals.send(fill_pipe(&get_running_loop().unwrap())).unwrap())
        .unwrap();
    assert!(local.recv_timeout(GUARD).unwrap() > 1);
    let (answers, answer) = mpsc::channel();
    for round in 0..100 {
        let answers = answers.clone();
        handle.call_soon_threadsafe(move || answers.send(round).unwrap()).unwrap();
        assert_eq!(answer.recv_timeout(GUARD), Ok(round));
    }
    running.stop();
}

//= SPEC.md#w-5
//= type=test
//# A loop that finds the pipe readable MUST drain it completely before it takes the inbox.
#[test]
fn w5_a_readable_pipe_is_drained_to_the_last_byte() {
    for bytes_are_all in [true, false] {
        let event_loop = real_loop();
        assert!(fill_pipe(&event_loop) > 1);
        if !bytes_are_all {
            // With a watched descriptor the loop polls although it need not sleep.
            let (reader, _writer) = UnixStream::pair().unwrap();
            event_loop.add_reader(&reader, || {}).unwrap();
            event_loop.call_soon(|| {}).unwrap();
            let _turn = event_loop.run_once(None).unwrap();
            assert!(event_loop.remove_reader(&reader));
        } else {
            let _turn = event_loop.run_once(None).unwrap();
        }
        assert_eq!(drain_pipe(&event_loop), 0);
    }
}

/// The child's part of the test below: sleeps, says so each time it woke, ends when a line comes in.
#[cfg(target_os = "linux")]
fn sleep_until_told() {
    let event_loop = real_loop();
    let (handle, told) = (event_loop.handle(), Arc::new(AtomicBool::new(false)));
    let end = Arc::clone(&told);
    thread::spawn(move || {
        std::io::stdin().lock().read_line(&mut String::new()).unwrap();
        handle.call_soon_threadsafe(move || end.store(true, Ordering::SeqCst)).unwrap();
    });
    println!("\nsleeps");
    while !told.load(Ordering::SeqCst) {
        assert_eq!(event_loop.run_once(None).unwrap(), Turn::Continue);
        println!("\nsleeps");
    }
}

//= SPEC.md#w-6
//= type=test
//# A write or a sleep that a signal interrupts MUST be retried or ended early, and never lost.
#[cfg(target_os = "linux")]
#[test]
fn w6_a_sleep_that_is_stopped_and_continued_loses_nothing() {
    const CHILD: &str = "LOOPGATE_TEST_SLEEPS";
    if std::env::var_os(CHILD).is_some() {
        return sleep_until_told();
    }
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture"])
        .arg("wakeup::w6_a_sleep_that_is_stopped_and_continued_loses_nothing")
        .env(CHILD, "1")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let (lines, line) = mpsc::channel();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let reader = thread::spawn(move || {
        for said in stdout.lines().map(Result::unwrap).filter(|said| said == "sleeps") {
            lines.send(said).unwrap();
        }
    });
    line.recv_timeout(GUARD).expect("the child's loop begins");
    let pid = child.id();
    let kill = |signal: &str| {
        let command = format!("kill -{signal} {pid}");
        assert!(
            std::process::Command::new("sh").args(["-c", &command]).status().unwrap().success()
        );
    };
    let stopped = || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let state = stat.rsplit(')').next().unwrap().trim_start().chars().next();
        assert_ne!(state, Some('Z'), "the child's loop ended");
        state == Some('T')
    };
    // A sleep in the kernel that is stopped and continued ends as if a signal had been handled.
    let mut interrupted = 0;
    while interrupted < 3 {
        kill("STOP");
        while !stopped() {
            thread::yield_now();
        }
        kill("CONT");
        while stopped() {
            thread::yield_now();
        }
        interrupted += line.try_iter().count();
    }
    child.stdin.take().unwrap().write_all(b"end\n").unwrap();
    assert!(child.wait().unwrap().success());
    reader.join().unwrap();
}

fn is_wake_failed<T>(posted: Result<T, PostError>) -> bool {
    matches!(posted, Err(PostError::WakeFailed(_)))
}

//= SPEC.md#w-7
//= type=test
//# A post whose wake cannot be delivered MUST be withdrawn and refused with the reason, unless the
//# loop took the entry in the meantime.
#[test]
fn w7_a_post_that_cannot_wake_is_withdrawn_and_refused() {
    let event_loop = real_loop();
    let _pipe_is_broken = record_reports(&event_loop);
    let (handle, alive) = (event_loop.handle(), Arc::new(AtomicUsize::new(0)));
    let empty = census(&event_loop);
    break_pipe(&event_loop);
    // More than once: a poster that failed must not leave the loop counted as notified.
    for _ in 0..3 {
        let token = || Token::new(&alive);
        let (first, second, third) = (token(), token(), token());
        elsewhere(|| {
            let never = move || unreachable!("{}", first.0.load(Ordering::SeqCst));
            assert!(is_wake_failed(handle.call_soon_threadsafe(never)));
            let never = move || unreachable!("{}", second.0.load(Ordering::SeqCst));
            let refused = handle.call_later_threadsafe(Duration::ZERO, never).unwrap_err();
            let reason = refused.downcast_ref::<PostError>();
            assert!(matches!(reason, Some(PostError::WakeFailed(_))), "{refused}");
            assert!(is_wake_failed(handle.run_coroutine_threadsafe(async move {
                unreachable!("{}", third.0.load(Ordering::SeqCst));
                #[expect(unreachable_code, reason = "gives the coroutine its type")]
                Ok(())
            })));
            assert!(is_wake_failed(handle.stop()));
        });
        assert_eq!(alive.load(Ordering::SeqCst), 0, "refused work is dropped at once");
    }
    assert_eq!(event_loop.poll_timeout(), None, "nothing is queued");
    event_loop.call_soon(|| {}).unwrap();
    assert_eq!(census(&event_loop), loopgate::checkers::Census { queued: 1, ..empty });
    for _ in 0..3 {
        assert_eq!(event_loop.run_once(Some(Duration::ZERO)).unwrap(), Turn::Continue);
    }
}

//= SPEC.md#w-7
//= type=test
//# A post whose wake cannot be delivered MUST be withdrawn and refused with the reason, unless the
//# loop took the entry in the meantime.
#[test]
fn w7_what_needs_no_wake_is_not_refused() {
    let event_loop = real_loop();
    let _pipe_is_broken = record_reports(&event_loop);
    let handle = event_loop.handle();
    let (runs, ran) = mpsc::channel();
    let post = |name: &'static str| {
        let runs = runs.clone();
        elsewhere(|| handle.call_soon_threadsafe(move || runs.send(name).unwrap()).map(drop))
    };
    post("its byte is in the pipe").unwrap();
    break_pipe(&event_loop);
    post("behind that byte").unwrap();
    let _turn = event_loop.run_once(Some(Duration::ZERO)).unwrap();
    assert_eq!(ran.try_iter().collect::<Vec<_>>(), ["its byte is in the pipe", "behind that byte"]);
    let runs = runs.clone();
    let handle = event_loop.handle();
    event_loop
        .call_soon(move || {
            break_pipe(&get_running_loop().unwrap());
            let to_awake = move || runs.send("to a loop that is awake").unwrap();
            elsewhere(|| handle.call_soon_threadsafe(to_awake)).unwrap();
        })
        .unwrap();
    let _turn = event_loop.run_once(Some(Duration::ZERO)).unwrap();
    let _turn = event_loop.run_once(Some(Duration::ZERO)).unwrap();
    assert_eq!(ran.try_iter().collect::<Vec<_>>(), ["to a loop that is awake"]);
}

//= SPEC.md#w-7
//= type=test
//# A post whose wake cannot be delivered MUST be withdrawn and refused with the reason, unless the
//# loop took the entry in the meantime.
#[test]
fn w7_a_refused_post_leaves_its_neighbours_alone() {
    let event_loop = real_loop();
    let _pipe_is_broken = record_reports(&event_loop);
    let handle = event_loop.handle();
    let (runs, ran) = mpsc::channel();
    break_pipe(&event_loop);
    assert!(is_wake_failed(handle.call_soon_threadsafe(|| unreachable!("it was refused"))));
    // The loop thread needs no wake, so its own callbacks are queued around the refused posts.
    let first = runs.clone();
    event_loop.call_soon(move || first.send(1).unwrap()).unwrap();
    assert!(is_wake_failed(handle.call_soon_threadsafe(|| unreachable!("it was refused"))));
    event_loop.call_soon(move || runs.send(2).unwrap()).unwrap();
    let _turn = event_loop.run_once(Some(Duration::ZERO)).unwrap();
    assert_eq!(ran.try_iter().collect::<Vec<_>>(), [1, 2]);
}

//= SPEC.md#w-8
//= type=test
//# End-of-file on the pipe MUST be reported to the exception handler once and repaired with a new
//# pipe, and MUST NOT make the loop spin.
#[test]
fn w8_end_of_file_is_reported_once_and_does_not_spin() {
    guarded(|| {
        let event_loop = virtual_loop();
        let reports = record_reports(&event_loop);
        let fired = Rc::new(Cell::new(0));
        for seconds in [10, 20, 30] {
            let fired = Rc::clone(&fired);
            let count = move || fired.set(fired.get() + 1);
            event_loop.call_later(Duration::from_secs(seconds), count).unwrap();
        }
        for broken in 1..=3 {
            break_pipe(&event_loop);
            let mut turns = 0;
            while fired.get() < broken {
                let _turn = event_loop.run_once(None).unwrap();
                turns += 1;
                assert!(turns <= 2, "spins");
            }
            assert_eq!(reports.entries().len(), broken, "one report each time");
        }
        assert!(reports.entries()[0].message.contains("pipe"));
    });
}

//= SPEC.md#w-8
//= type=test
//# End-of-file on the pipe MUST be reported to the exception handler once and repaired with a new
//# pipe, and MUST NOT make the loop spin.
#[test]
fn w8_the_next_post_wakes_through_the_new_pipe() {
    let running = LoopThread::start();
    let (reports, report) = mpsc::channel();
    running
        .handle
        .call_soon_threadsafe(move || {
            let local = get_running_loop().unwrap();
            local.set_exception_handler(move |context| {
                reports.send(context.message.clone()).unwrap()
            });
            break_pipe(&local);
        })
        .unwrap();
    report.recv_timeout(GUARD).expect("end-of-file is reported");
    let (answers, answer) = mpsc::channel();
    for round in 0..500 {
        let answers = answers.clone();
        running.handle.call_soon_threadsafe(move || answers.send(round).unwrap()).unwrap();
        assert_eq!(answer.recv_timeout(GUARD), Ok(round));
        dither(round);
    }
    running.stop();
    assert_eq!(report.try_iter().count(), 0, "reported more than once");
}

//= SPEC.md#w-8
//= type=test
//# End-of-file on the pipe MUST be reported to the exception handler once and repaired with a new
//# pipe, and MUST NOT make the loop spin.
#[test]
fn w8_a_loop_that_is_driven_from_outside_repairs_its_pipe_too() {
    let inner = real_loop();
    let outer = real_loop();
    let reports = record_reports(&inner);
    let readable = Rc::new(Cell::new(0));
    let seen = Rc::clone(&readable);
    outer.add_reader(&inner, move || seen.set(seen.get() + 1)).unwrap();
    break_pipe(&inner);
    for _ in 0..20 {
        let before = readable.get();
        let _turn = outer.run_once(Some(Duration::ZERO)).unwrap();
        if readable.get() > before {
            let _turn = inner.run_once(Some(Duration::ZERO)).unwrap();
        }
    }
    assert_eq!(readable.get(), 1, "readable until it is repaired, and no longer");
    assert_eq!(reports.entries().len(), 1);
    let handle = inner.handle();
    elsewhere(|| handle.call_soon_threadsafe(|| {}).unwrap());
    let _turn = outer.run_once(Some(Duration::ZERO)).unwrap();
    assert_eq!(readable.get(), 2, "the new pipe shows through the same descriptor");
}

//= SPEC.md#w-9
//= type=test
//# Closing and posting MUST be atomic: a post is either refused, with nothing queued, or handed to
//# the loop, which runs it or ends it.
#[test]
fn w9_posts_race_close_and_every_one_ends() {
    const MOST: usize = 3_000;
    let mut races = 0;
    for round in 0..400 {
        let event_loop = real_loop();
        let (alive, accepted) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let posters: Vec<_> = (0..2)
            .map(|_| {
                let handle = event_loop.handle();
                let (alive, accepted) = (Arc::clone(&alive), Arc::clone(&accepted));
                thread::spawn(move || {
                    let mut refused = false;
                    while !refused && accepted.load(Ordering::SeqCst) < MOST {
                        let token = Token::new(&alive);
                        refused = match handle.call_soon_threadsafe(move || drop(token)) {
                            Ok(_) => false,
                            Err(PostError::LoopClosed) => true,
                            Err(error) => panic!("{error}"),
                        };
                        accepted.fetch_add(usize::from(!refused), Ordering::SeqCst);
                    }
                    // The handle comes back: what it leads to stays while tokens are counted.
                    (handle, refused)
                })
            })
            .collect();
        // In the middle of their posting.
        while accepted.load(Ordering::SeqCst) < 1 + (round * 7) % 100 {
            std::hint::spin_loop();
        }
        for _ in 0..round % 3 {
            let _turn = event_loop.run_once(Some(Duration::ZERO)).unwrap();
        }
        event_loop.close().unwrap();
        let ended: Vec<_> = posters.into_iter().map(|poster| poster.join().unwrap()).collect();
        assert_eq!(alive.load(Ordering::SeqCst), 0, "accepted, and neither run nor dropped");
        races += ended.iter().filter(|(_, refused)| *refused).count();
    }
    assert!(races > 0, "every post came before its close");
}

//= SPEC.md#w-9
//= type=test
//# Closing and posting MUST be atomic: a post is either refused, with nothing queued, or handed to
//# the loop, which runs it or ends it.
#[test]
fn w9_submissions_race_close_and_every_one_ends() {
    for round in 0..200 {
        let event_loop = real_loop();
        let begin = Arc::new(Barrier::new(3));
        let submitters: Vec<_> = (0..2)
            .map(|_| {
                let (handle, begin) = (event_loop.handle(), Arc::clone(&begin));
                thread::spawn(move || {
                    begin.wait();
                    let mut futures: Vec<ConcurrentFuture<u32>> = Vec::new();
                    for _ in 0..50 {
                        let submitted = handle.run_coroutine_threadsafe(async {
                            sleep(Duration::from_secs(3600)).await?;
                            Ok(1)
                        });
                        match submitted {
                            Ok(future) => futures.push(future),
                            Err(PostError::LoopClosed) => break,
                            Err(error) => panic!("{error}"),
                        }
                    }
                    for future in futures {
                        match future.result_timeout(GUARD) {
                            Err(ResultError::Exception(why)) if why.is::<LoopClosed>() => {}
                            other => panic!("{other:?}"),
                        }
                    }
                })
            })
            .collect();
        begin.wait();
        for _ in 0..round % 3 {
            let _turn = event_loop.run_once(Some(Duration::ZERO)).unwrap();
        }
        event_loop.close().unwrap();
        for submitter in submitters {
            submitter.join().unwrap();
        }
    }
}

//= SPEC.md#w-9
//= type=test
//# Closing and posting MUST be atomic: a post is either refused, with nothing queued, or handed to
//# the loop, which runs it or ends it.
#[test]
fn w9_after_close_nothing_is_queued_and_nothing_was_changed() {
    let event_loop = real_loop();
    let (handle, alive) = (event_loop.handle(), Arc::new(AtomicUsize::new(0)));
    event_loop.close().unwrap();
    let token = Token::new(&alive);
    let refused = elsewhere(|| handle.call_soon_threadsafe(move || drop(token)));
    assert!(matches!(refused, Err(PostError::LoopClosed)));
    assert_eq!(alive.load(Ordering::SeqCst), 0);
    assert_eq!(census(&event_loop).queued, 0);
}

//= SPEC.md#w-10
//= type=test
//# A post to a loop that is open but not running MUST be accepted and MUST run in the first batch
//# of the next run.
#[test]
fn w10_a_post_before_the_run_runs_in_its_first_batch() {
    let event_loop = real_loop();
    let handle = event_loop.handle();
    for already_ran in [false, true] {
        let (runs, ran) = mpsc::channel();
        let submitted = runs.clone();
        elsewhere(|| {
            handle.call_soon_threadsafe(move || runs.send("post").unwrap()).unwrap();
            let coroutine = async move { Ok(submitted.send("submission")?) };
            handle.run_coroutine_threadsafe(coroutine).map(drop).unwrap();
        });
        assert_eq!(ran.try_iter().count(), 0, "a loop that does not run runs nothing");
        // The stop lets the run have one batch. The submission's turn makes a task, which is next.
        event_loop.stop();
        event_loop.run_forever().unwrap();
        assert_eq!(ran.try_iter().collect::<Vec<_>>(), ["post"], "ran before: {already_ran}");
        event_loop.stop();
        event_loop.run_forever().unwrap();
        assert_eq!(ran.try_iter().collect::<Vec<_>>(), ["submission"]);
    }
}

//= SPEC.md#w-11
//= type=test
//# No foreign thread MUST be made to wait for the loop by a post.
#[test]
fn w11_a_post_returns_while_the_loop_is_inside_user_code() {
    guarded(|| {
        let event_loop = real_loop();
        let visited = Arc::new(AtomicUsize::new(0));
        let post = {
            let (handle, visited) = (event_loop.handle(), Arc::clone(&visited));
            // Waits for the poster: were the poster to wait for the loop, both would wait for ever.
            move || {
                elsewhere(|| {
                    handle.call_soon_threadsafe(|| {}).unwrap();
                    handle.call_later_threadsafe(Duration::ZERO, || {}).unwrap();
                    handle.run_coroutine_threadsafe(async { Ok(()) }).map(drop).unwrap();
                    assert!(handle.is_running() && !handle.is_closed());
                });
                visited.fetch_add(1, Ordering::SeqCst);
            }
        };
        event_loop.call_soon(post.clone()).unwrap();
        event_loop.call_later(Duration::ZERO, post.clone()).unwrap();
        event_loop.handle().call_soon_threadsafe(post.clone()).unwrap();
        let (reader, mut writer) = UnixStream::pair().unwrap();
        writer.write_all(b"x").unwrap();
        let (mut read_end, read_post) = (reader.try_clone().unwrap(), post.clone());
        let on_readable = move || {
            read_end.read_exact(&mut [0]).unwrap();
            read_post();
        };
        event_loop.add_reader(&reader, on_readable).unwrap();
        let in_handler = post.clone();
        event_loop.set_exception_handler(move |_| in_handler());
        event_loop.call_soon(|| std::panic::resume_unwind(Box::new("reported"))).unwrap();
        let (in_factory, first) = (post.clone(), Cell::new(true));
        event_loop.set_task_factory(move |coroutine| {
            // Once: what is submitted from here is made into tasks here.
            if first.replace(false) {
                in_factory();
            }
            Ok(coroutine.into_task())
        });
        let in_step = post.clone();
        let task = async move {
            in_step();
            Ok(())
        };
        event_loop.run_until_complete(task).unwrap();
        let in_drop = OnDrop(post);
        event_loop.call_soon(move || drop(in_drop)).unwrap();
        for _ in 0..4 {
            let _turn = event_loop.run_once(Some(Duration::ZERO)).unwrap();
        }
        assert_eq!(visited.load(Ordering::SeqCst), 8);
    });
}

//= SPEC.md#w-11
//= type=test
//# No foreign thread MUST be made to wait for the loop by a post.
#[test]
fn w11_no_lock_is_held_while_refused_or_dropped_work_is_dropped() {
    guarded(|| {
        let event_loop = real_loop();
        let _pipe_is_broken = record_reports(&event_loop);
        let dropped = Arc::new(AtomicUsize::new(0));
        let work = |handle: &LoopHandle| {
            let (handle, dropped) = (handle.clone(), Arc::clone(&dropped));
            let reenter = OnDrop(move || {
                // Every one of these takes the gate's lock.
                let _refused = handle.call_soon_threadsafe(|| {});
                assert!(!handle.is_running());
                dropped.fetch_add(1, Ordering::SeqCst);
            });
            move || drop(reenter)
        };
        let handle = event_loop.handle();
        break_pipe(&event_loop);
        assert!(is_wake_failed(handle.call_soon_threadsafe(work(&handle))));
        assert_eq!(dropped.load(Ordering::SeqCst), 1);
        let _turn = event_loop.run_once(Some(Duration::ZERO)).unwrap();
        let _turn = event_loop.run_once(Some(Duration::ZERO)).unwrap();
        handle.call_soon_threadsafe(work(&handle)).unwrap();
        handle.call_later_threadsafe(Duration::from_secs(3600), work(&handle)).unwrap();
        event_loop.close().unwrap();
        assert_eq!(dropped.load(Ordering::SeqCst), 3);
        let refused = handle.call_soon_threadsafe(work(&handle));
        assert!(matches!(refused, Err(PostError::LoopClosed)));
        assert_eq!(dropped.load(Ordering::SeqCst), 4);
    });
}

//= SPEC.md#w-7
//= type=test
//# A post whose wake cannot be delivered MUST be withdrawn and refused with the reason, unless the
//# loop took the entry in the meantime.
#[test]
fn w7_a_post_is_refused_alike_after_others_were_taken() {
    let event_loop = real_loop();
    let _pipe_is_broken = record_reports(&event_loop);
    let handle = event_loop.handle();
    let (runs, ran) = mpsc::channel();
    for number in 0..3 {
        let runs = runs.clone();
        elsewhere(|| handle.call_soon_threadsafe(move || runs.send(number).unwrap()).unwrap());
        let _turn = event_loop.run_once(Some(Duration::ZERO)).unwrap();
    }
    break_pipe(&event_loop);
    assert!(is_wake_failed(handle.call_soon_threadsafe(|| unreachable!("it was refused"))));
    let _turn = event_loop.run_once(Some(Duration::ZERO)).unwrap();
    elsewhere(|| handle.call_soon_threadsafe(move || runs.send(3).unwrap()).unwrap());
    let _turn = event_loop.run_once(Some(Duration::ZERO)).unwrap();
    assert_eq!(ran.try_iter().collect::<Vec<_>>(), [0, 1, 2, 3]);
}

/// How often a thread that spins looks for what does not come, or does, on the next occasion.
fn looks(comes: bool) -> usize {
    let looks = Cell::new(0);
    let came = spin(Duration::ZERO, || {
        looks.set(looks.get() + 1);
        comes
    });
    assert_eq!(came, comes, "a spin says whether it came");
    looks.get()
}

//= SPEC.md#w-12
//= type=test
//# A thread whose spins are in vain MUST leave out up to 255 occasions between two of them, and one
//# that was not in vain MUST make the next occasion count again.
#[test]
fn w12_a_spin_that_does_not_pay_is_given_up_and_tried_again() {
    let spins = |occasions: usize| (0..occasions).filter(|_| looks(false) > 1).count();
    assert_eq!(spins(1), 1, "the first is tried");
    assert_eq!(spins(1 + 1), 1, "then one is left out");
    assert_eq!(spins(3 + 1), 1, "then three");
    spins(1_000);
    assert_eq!(spins(256), 1, "and never more than 255");
    // One that comes while it is being looked for is enough.
    while looks(false) == 1 {}
    (0..255).for_each(|_| _ = looks(true));
    looks(true);
    assert!(looks(false) > 1, "it pays, and is tried at the first occasion");
}

//= SPEC.md#w-2
//= type=test
//# A post that is accepted while the loop sleeps, or is about to, MUST make that sleep end.
#[test]
fn w2_posts_reach_a_loop_that_spins() {
    guarded(|| {
        let (started, has_started) = mpsc::channel();
        let thread = thread::spawn(move || {
            let event_loop = EventLoop::builder().spin(Duration::from_micros(20)).build().unwrap();
            started.send(event_loop.handle()).unwrap();
            event_loop.run_forever().unwrap();
        });
        let handle = has_started.recv().unwrap();
        for value in 0..2_000 {
            let future = handle.run_coroutine_threadsafe(async move { Ok(value) }).unwrap();
            assert_eq!(future.result().unwrap(), value);
            if value % 100 == 0 {
                // Long enough for the loop to have given up and to sleep.
                thread::sleep(Duration::from_millis(1));
            }
        }
        handle.stop().unwrap();
        thread.join().unwrap();
    });
}
