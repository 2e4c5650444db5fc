//! Chapter F of SPEC.md: the thread-safe future, its waits, and awaiting it from any executor.

mod awaiting;
mod callbacks;
mod several;
mod states;
mod waiting;

use std::future::{Future, poll_fn};
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Barrier, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use loopgate::checkers::waits_for;
use loopgate::concurrent::{self, EmptySet, ReturnWhen, Unfinished, as_completed, promise, wait};
use loopgate::{
    BrokenPromise, Clock, ConcurrentFuture, Exception, InvalidState, ResultError, TimeoutError,
    yield_now,
};
use tracing_subscriber::layer::{Context as LayerContext, Layer, SubscriberExt};

use super::support::{Log, virtual_loop};

/// Only bounds a test that would otherwise hang; nothing is ordered by it.
pub(super) const GUARD: Duration = Duration::from_secs(60);
/// A timeout that only a broken wait reaches; virtual, so it costs nothing.
const HOUR: Duration = Duration::from_secs(3600);
const SECOND: Duration = Duration::from_secs(1);

/// The messages of the `tracing` events that `body` emits in this thread.
pub(super) fn events(body: impl FnOnce()) -> Vec<String> {
    struct Recorder(Arc<Mutex<Vec<String>>>);

    impl<S: tracing::Subscriber> Layer<S> for Recorder {
        fn on_event(&self, event: &tracing::Event<'_>, _: LayerContext<'_, S>) {
            struct Line<'a>(&'a mut String);
            impl tracing::field::Visit for Line<'_> {
                fn record_debug(
                    &mut self,
                    field: &tracing::field::Field,
                    value: &dyn std::fmt::Debug,
                ) {
                    self.0.push_str(&format!("{field}={value:?} "));
                }
            }
            let mut line = format!("{} ", event.metadata().level());
            event.record(&mut Line(&mut line));
            self.0.lock().unwrap().push(line);
        }
    }

    let recorded = Arc::new(Mutex::new(Vec::new()));
    let subscriber = tracing_subscriber::registry().with(Recorder(Arc::clone(&recorded)));
    tracing::subscriber::with_default(subscriber, body);

    recorded.lock().unwrap().clone()
}

/// What several threads noted, in order.
#[derive(Clone)]
pub(super) struct Notes<T>(Arc<Mutex<Vec<T>>>);

impl<T> Default for Notes<T> {
    fn default() -> Self {
        Notes(Arc::default())
    }
}

impl<T: Clone> Notes<T> {
    pub(super) fn note(&self, entry: T) {
        self.0.lock().unwrap().push(entry);
    }

    pub(super) fn entries(&self) -> Vec<T> {
        self.0.lock().unwrap().clone()
    }
}

type Part = Box<dyn FnOnce(&Clock) + Send>;

/// Runs the parts as threads of one virtual clock, whose time stands still until all have begun.
///
/// They begin in order, each when the one before has blocked or ended.
fn together(parts: Vec<Part>) {
    let clock = Clock::virtual_time();
    let threads = Arc::new(Mutex::new(Vec::new()));
    let (starter, started) = (clock.clone(), Arc::clone(&threads));
    let director = clock.spawn("director", move || {
        for part in parts {
            let own = starter.clone();
            let thread = starter.spawn("part", move || part(&own)).unwrap();
            started.lock().unwrap().push(thread);
        }
    });
    director.unwrap().join().unwrap();
    for thread in std::mem::take(&mut *threads.lock().unwrap()) {
        if let Err(payload) = thread.join() {
            resume_unwind(payload);
        }
    }
}

fn part(body: impl FnOnce(&Clock) + Send + 'static) -> Part {
    Box::new(body)
}

fn seconds(clock: &Clock) -> u64 {
    clock.now().as_nanos() / 1_000_000_000
}

/// A thread that is already blocked in `wait` when this returns; what the wait gave comes by channel.
///
/// `wait` must have no timeout: the clock behind this would let it pass at once.
fn blocked<R: Send + 'static>(wait: impl FnOnce() -> R + Send + 'static) -> Receiver<R> {
    let (sender, receiver) = mpsc::channel();
    Clock::virtual_time()
        .spawn("blocked", move || {
            let _ = sender.send(wait());
        })
        .unwrap();
    receiver
}

#[derive(Default)]
struct WakeCount(AtomicUsize);

impl WakeCount {
    fn waker() -> (Arc<WakeCount>, Waker) {
        let count = Arc::new(WakeCount::default());
        (Arc::clone(&count), Waker::from(count))
    }

    fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for WakeCount {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn poll<T: Clone + Send + 'static>(
    future: &mut ConcurrentFuture<T>,
    waker: &Waker,
) -> Poll<Result<T, Exception>> {
    Pin::new(future).poll(&mut Context::from_waker(waker))
}

fn is_timed_out<T>(result: &Result<T, ResultError>) -> bool {
    matches!(result, Err(ResultError::TimedOut))
}

fn is_cancelled<T>(result: &Result<T, ResultError>) -> bool {
    matches!(result, Err(ResultError::Cancelled(_)))
}

fn would_deadlock<T>(result: &Result<T, ResultError>) -> bool {
    matches!(result, Err(ResultError::WouldDeadlock))
}

fn deadlock_refused(exception: &Exception) -> bool {
    matches!(exception.downcast_ref::<ResultError>(), Some(ResultError::WouldDeadlock))
}

fn state<T>(future: &ConcurrentFuture<T>) -> (bool, bool, bool, bool) {
    (future.running(), future.cancelled(), future.done(), future.ended())
}

const PENDING: (bool, bool, bool, bool) = (false, false, false, false);
const RUNNING: (bool, bool, bool, bool) = (true, false, false, false);
const CANCELLED: (bool, bool, bool, bool) = (false, true, true, false);
const CANCELLED_ENDED: (bool, bool, bool, bool) = (false, true, true, true);
const FINISHED: (bool, bool, bool, bool) = (false, false, true, true);

// F-1: the states

// F-2 to F-5: cancel, start, and their races

// F-6, F-7: completion

// F-8 to F-11: timeouts

// F-12 to F-14: callbacks

struct PanickingWaker;

impl Wake for PanickingWaker {
    fn wake(self: Arc<Self>) {
        resume_unwind(Box::new("a foreign executor's waker"));
    }
}

struct PanicsWhenDropped;

impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        resume_unwind(Box::new("dropped"));
    }
}

// F-15, F-16: done and ended

// F-17 to F-20: several futures

/// What `wait` should find when it returns: at which second, which are done, which are not.
///
/// What the script does at second zero is done before the wait begins.
fn check_wait(
    when: ReturnWhen,
    script: Vec<(u64, usize, &'static str)>,
    expected: (u64, Vec<usize>, Vec<usize>),
) {
    let (works, futures): (Vec<_>, Vec<_>) = (0..4).map(|_| promise::<u32>()).unzip();
    let submitted = futures.clone();
    together(vec![
        part(move |clock| {
            for (second, index, how) in script {
                if second > seconds(clock) {
                    clock.sleep(Duration::from_secs(second - seconds(clock)));
                }
                match how {
                    "value" => works[index].set_result(1).unwrap(),
                    "exception" => works[index].set_exception(BrokenPromise).unwrap(),
                    _ => assert!(submitted[index].cancel()),
                }
            }
            // The producers stay, so that nothing else ends a future before the wait is over.
            clock.sleep(2 * HOUR);
        }),
        part(move |clock| {
            let split = wait(&futures, Some(HOUR), when).unwrap();
            let number = |one: &ConcurrentFuture<u32>| {
                futures.iter().position(|future| future.same_future(one)).unwrap()
            };
            let done: Vec<_> = split.done.iter().map(number).collect();
            let not_done: Vec<_> = split.not_done.iter().map(number).collect();
            assert_eq!((seconds(clock), done, not_done), expected, "{when:?}");
        }),
    ]);
}

// F-21: awaiting

fn current_thread_runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
}

/// A waker that asks a future when it is dropped.
struct AsksWhenDropped(ConcurrentFuture<u32>, Arc<AtomicUsize>);

impl Wake for AsksWhenDropped {
    fn wake(self: Arc<Self>) {}
}

impl Drop for AsksWhenDropped {
    fn drop(&mut self) {
        self.1.fetch_add(usize::from(!self.0.done()), Ordering::SeqCst);
    }
}

// F-22: the loop's own thread

fn check_refused(future: &ConcurrentFuture<u32>) {
    // With a timeout first: where that is not refused, the others would wait for ever.
    let short = Duration::from_millis(1);
    assert!(would_deadlock(&future.result_timeout(short)));
    assert!(would_deadlock(&future.exception_timeout(short)));
    assert!(would_deadlock(&future.wait_ended_timeout(short)));
    assert!(would_deadlock(&future.result()));
    assert!(would_deadlock(&future.exception()));
    assert!(would_deadlock(&future.wait_ended()));
    let all = [future.clone()];
    for timeout in [Some(short), None] {
        for when in
            [ReturnWhen::FirstCompleted, ReturnWhen::FirstException, ReturnWhen::AllCompleted]
        {
            let refused = wait(&all, timeout, when).expect_err("it waited");
            assert!(deadlock_refused(&refused));
        }
        let mut completed = as_completed(&all, timeout).unwrap();
        assert!(deadlock_refused(&completed.next().unwrap().unwrap_err()));
        assert!(completed.next().is_none());
    }
    assert!(!future.done(), "a refused wait changes nothing");
}

// ---- What the mutants of the future got past --------------------------------------------------------------

#[test]
fn a_future_shows_its_state_to_a_debugger() {
    let (work, future) = promise::<u32>();
    let shows = |name: &str| {
        let of_both = [format!("{future:?}"), format!("{work:?}")];
        assert!(of_both.iter().all(|text| text.contains(&format!("\"{name}\""))), "{of_both:?}");
    };
    shows("PENDING");
    future.cancel();
    shows("CANCELLED");
    assert!(!work.set_running_or_notify_cancel().unwrap());
    shows("CANCELLED_AND_NOTIFIED");
    let (work, future) = promise::<u32>();
    assert!(work.set_running_or_notify_cancel().unwrap());
    assert!(format!("{future:?}").contains("\"RUNNING\""), "{future:?}");
    work.set_result(3).unwrap();
    assert!(format!("{future:?}").contains("\"FINISHED\""), "{future:?}");
}
