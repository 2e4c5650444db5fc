//! Chapter F of SPEC.md: the thread-safe future, its waits, and awaiting it from any executor.

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

//= SPEC.md#f-1
//= type=test
//# A concurrent future MUST move only PENDING to RUNNING, PENDING or RUNNING to FINISHED, and
//# PENDING to CANCELLED; FINISHED and CANCELLED are final.
#[test]
fn f1_legal_moves() {
    let (work, future) = promise::<u32>();
    assert_eq!(state(&future), PENDING);
    assert!(work.set_running_or_notify_cancel().unwrap());
    assert_eq!(state(&future), RUNNING);
    work.set_result(1).unwrap();
    assert_eq!(state(&future), FINISHED);

    let (work, future) = promise::<u32>();
    work.set_exception(BrokenPromise).unwrap();
    assert_eq!(state(&future), FINISHED);

    let (work, future) = promise::<u32>();
    assert!(future.cancel());
    assert_eq!(state(&future), CANCELLED);
    assert!(work.cancelled());
}

//= SPEC.md#f-1
//= type=test
//# A concurrent future MUST move only PENDING to RUNNING, PENDING or RUNNING to FINISHED, and
//# PENDING to CANCELLED; FINISHED and CANCELLED are final.
#[test]
fn f1_finished_is_final() {
    let (work, future) = promise::<u32>();
    work.set_result(1).unwrap();
    assert!(!future.cancel());
    let refused = work.set_running_or_notify_cancel().unwrap_err();
    assert!(!refused.cancelled);
    assert!(work.set_exception(BrokenPromise).is_err());
    assert!(!work.try_complete(Ok(2)));
    drop(work);
    assert_eq!(state(&future), FINISHED);
    assert_eq!(future.result().unwrap(), 1);
}

//= SPEC.md#f-1
//= type=test
//# A concurrent future MUST move only PENDING to RUNNING, PENDING or RUNNING to FINISHED, and
//# PENDING to CANCELLED; FINISHED and CANCELLED are final.
#[test]
fn f1_cancelled_is_final() {
    let (work, future) = promise::<u32>();
    assert!(future.cancel());
    assert!(!work.set_running_or_notify_cancel().unwrap());
    assert!(work.set_result(1).is_err());
    assert!(work.set_exception(BrokenPromise).is_err());
    assert!(!work.try_complete(Ok(2)));
    drop(work);
    assert_eq!(state(&future), CANCELLED_ENDED);
    assert!(is_cancelled(&future.result()));
}

//= SPEC.md#f-1
//= type=test
//# A concurrent future MUST move only PENDING to RUNNING, PENDING or RUNNING to FINISHED, and
//# PENDING to CANCELLED; FINISHED and CANCELLED are final.
#[test]
fn f1_running_work_ends_only_finished() {
    let (work, future) = promise::<u32>();
    assert!(work.set_running_or_notify_cancel().unwrap());
    assert!(!future.cancel());
    assert_eq!(state(&future), RUNNING);
    drop(work);
    assert_eq!(state(&future), FINISHED);
}

// F-2 to F-5: cancel, start, and their races

//= SPEC.md#f-2
//= type=test
//# `cancel` on a PENDING future MUST succeed and release every waiter before it returns true; on a
//# RUNNING or FINISHED one it MUST return false and change nothing.
#[test]
fn f2_cancel_releases_every_waiter_before_it_returns() {
    let (_work, future) = promise::<u32>();
    let (one, two, three, four) = (future.clone(), future.clone(), future.clone(), future.clone());
    let by_result = blocked(move || one.result());
    let by_exception = blocked(move || two.exception());
    let by_wait = blocked(move || wait(&[three], None, ReturnWhen::AllCompleted).unwrap());
    let by_next = blocked(move || as_completed(&[four], None).unwrap().next().unwrap().unwrap());
    let (told, all_released) = mpsc::channel();
    // A callback runs inside `cancel`: whoever is released by now was released before it returned.
    future.add_done_callback(move |_| {
        told.send((
            by_result.recv_timeout(GUARD).is_ok_and(|result| is_cancelled(&result)),
            by_exception.recv_timeout(GUARD).is_ok_and(|result| is_cancelled(&result)),
            by_wait.recv_timeout(GUARD).is_ok_and(|split| split.done.len() == 1),
            by_next.recv_timeout(GUARD).is_ok_and(|done| done.cancelled()),
        ))
        .unwrap();
    });
    assert!(future.cancel());
    assert_eq!(all_released.try_recv().unwrap(), (true, true, true, true));
}

//= SPEC.md#f-2
//= type=test
//# `cancel` on a PENDING future MUST succeed and release every waiter before it returns true; on a
//# RUNNING or FINISHED one it MUST return false and change nothing.
#[test]
fn f2_cancel_of_running_or_finished_changes_nothing() {
    let (work, future) = promise::<u32>();
    let calls = Notes::default();
    let called = calls.clone();
    future.add_done_callback(move |done| called.note(done.cancelled()));
    let (wakes, waker) = WakeCount::waker();
    let mut awaited = future.clone();
    assert!(poll(&mut awaited, &waker).is_pending());
    assert!(work.set_running_or_notify_cancel().unwrap());

    assert!(!future.cancel());
    assert_eq!(state(&future), RUNNING);
    assert_eq!((calls.entries().len(), wakes.get()), (0, 0));

    work.set_result(1).unwrap();
    assert!(!future.cancel());
    assert_eq!(state(&future), FINISHED);
    assert_eq!(future.result().unwrap(), 1);
    assert_eq!((calls.entries(), wakes.get()), (vec![false], 1));
}

//= SPEC.md#f-3
//= type=test
//# `cancel` on a CANCELLED future MUST return true and run no callback again.
#[test]
fn f3_cancel_again_is_true_and_calls_nobody_again() {
    let (work, future) = promise::<u32>();
    let calls = Notes::default();
    let called = calls.clone();
    future.add_done_callback(move |_| called.note(()));
    assert!(future.cancel());
    assert!(future.cancel());
    assert!(future.clone().cancel());
    assert!(!work.set_running_or_notify_cancel().unwrap());
    assert!(future.cancel(), "also once its producer has acknowledged it");
    assert_eq!(calls.entries().len(), 1);
    assert_eq!(state(&future), CANCELLED_ENDED);
}

//= SPEC.md#f-3
//= type=test
//# `cancel` on a CANCELLED future MUST return true and run no callback again.
#[test]
fn f3_cancel_inside_a_callback_of_the_cancel() {
    let (_work, future) = promise::<u32>();
    let answers = Notes::default();
    for _ in 0..2 {
        let answered = answers.clone();
        future.add_done_callback(move |done| answered.note(done.cancel()));
    }
    assert!(future.cancel());
    assert_eq!(answers.entries(), [true, true]);
}

//= SPEC.md#f-4
//= type=test
//# Exactly one of a racing `cancel`, completion and start MUST win, and each loser MUST be told.
//= SPEC.md#f-1
//= type=test
//# A concurrent future MUST move only PENDING to RUNNING, PENDING or RUNNING to FINISHED, and
//# PENDING to CANCELLED; FINISHED and CANCELLED are final.
#[test]
fn f4_race_of_cancel_completion_and_start() {
    for _ in 0..300 {
        let (work, future) = promise::<u32>();
        let gate = Barrier::new(3);
        let (cancelled, started, completed) = thread::scope(|scope| {
            let cancelled = scope.spawn(|| {
                gate.wait();
                future.cancel()
            });
            let started = scope.spawn(|| {
                gate.wait();
                work.set_running_or_notify_cancel()
            });
            let completed = scope.spawn(|| {
                gate.wait();
                work.set_result(7)
            });
            (cancelled.join().unwrap(), started.join().unwrap(), completed.join().unwrap())
        });
        match completed {
            Ok(()) => {
                assert!(!cancelled, "the loser must be told");
                assert!(matches!(
                    started,
                    Ok(true) | Err(InvalidState { rejected: (), cancelled: false })
                ));
                assert_eq!(future.result().unwrap(), 7);
                assert_eq!(state(&future), FINISHED);
            }
            Err(refused) => {
                assert!(cancelled, "one of them must win");
                assert_eq!(refused, InvalidState { rejected: 7, cancelled: true });
                assert!(matches!(started, Ok(false)));
                assert_eq!(state(&future), CANCELLED_ENDED);
            }
        }
    }
}

//= SPEC.md#f-4
//= type=test
//# Exactly one of a racing `cancel`, completion and start MUST win, and each loser MUST be told.
//= SPEC.md#f-6
//= type=test
//# A second completion, and a completion after a cancel, MUST be refused with the rejected value
//# given back, and MUST change nothing.
#[test]
fn f4_race_of_two_completions() {
    for _ in 0..300 {
        let (work, future) = promise::<u32>();
        let gate = Barrier::new(2);
        let offer = |value: u32| {
            gate.wait();
            work.set_result(value)
        };
        let (one, two) = thread::scope(|scope| {
            let one = scope.spawn(|| offer(1));
            let two = scope.spawn(|| offer(2));
            (one.join().unwrap(), two.join().unwrap())
        });
        let (winner, loser) = match (&one, &two) {
            (Ok(()), Err(refused)) => (1, refused.clone()),
            (Err(refused), Ok(())) => (2, refused.clone()),
            _ => panic!("not exactly one won: {one:?}, {two:?}"),
        };
        assert_eq!(future.result().unwrap(), winner);
        assert_eq!(loser, InvalidState { rejected: 3 - winner, cancelled: false });
    }
}

//= SPEC.md#f-5
//= type=test
//# `set_running_or_notify_cancel` MUST answer true at most once, and after it did the future cannot
//# be cancelled any more.
#[test]
fn f5_start_is_true_once_and_then_nothing_cancels() {
    let (work, future) = promise::<u32>();
    assert!(work.set_running_or_notify_cancel().unwrap());
    let again = work.set_running_or_notify_cancel().unwrap_err();
    assert_eq!(again, InvalidState { rejected: (), cancelled: false });
    assert!(!future.cancel() && !future.clone().cancel());
    assert_eq!(state(&future), RUNNING);
}

//= SPEC.md#f-5
//= type=test
//# `set_running_or_notify_cancel` MUST answer true at most once, and after it did the future cannot
//# be cancelled any more.
#[test]
fn f5_start_of_cancelled_work_is_false_once() {
    let (work, future) = promise::<u32>();
    assert!(future.cancel());
    assert!(!work.set_running_or_notify_cancel().unwrap());
    let again = work.set_running_or_notify_cancel().unwrap_err();
    assert_eq!(again, InvalidState { rejected: (), cancelled: true });
}

//= SPEC.md#f-5
//= type=test
//# `set_running_or_notify_cancel` MUST answer true at most once, and after it did the future cannot
//# be cancelled any more.
//= SPEC.md#f-4
//= type=test
//# Exactly one of a racing `cancel`, completion and start MUST win, and each loser MUST be told.
#[test]
fn f5_race_of_two_starts_and_a_cancel() {
    for _ in 0..300 {
        let (work, future) = promise::<u32>();
        let gate = Barrier::new(3);
        let start = || {
            gate.wait();
            work.set_running_or_notify_cancel()
        };
        let (one, two, cancelled) = thread::scope(|scope| {
            let (one, two) = (scope.spawn(start), scope.spawn(start));
            let cancelled = scope.spawn(|| {
                gate.wait();
                future.cancel()
            });
            (one.join().unwrap(), two.join().unwrap(), cancelled.join().unwrap())
        });
        // One start is answered, with the opposite of the cancel; the other is refused.
        let answers: Vec<bool> = [&one, &two].into_iter().flatten().copied().collect();
        assert_eq!(answers, [!cancelled]);
        assert_eq!(state(&future), if cancelled { CANCELLED_ENDED } else { RUNNING });
    }
}

// F-6, F-7: completion

//= SPEC.md#f-6
//= type=test
//# A second completion, and a completion after a cancel, MUST be refused with the rejected value
//# given back, and MUST change nothing.
#[test]
fn f6_second_completion_gives_the_value_back() {
    let (work, future) = promise::<Arc<str>>();
    let calls = Notes::default();
    let called = calls.clone();
    future.add_done_callback(move |_| called.note(()));
    let first: Arc<str> = "first".into();
    work.set_result(Arc::clone(&first)).unwrap();

    let second: Arc<str> = "second".into();
    let refused = work.set_result(Arc::clone(&second)).unwrap_err();
    assert!(Arc::ptr_eq(&refused.rejected, &second));
    assert!(!refused.cancelled);
    let exception = Exception::new("late");
    let refused = work.set_exception(exception.clone()).unwrap_err();
    assert!(refused.rejected.same_object(&exception));
    assert!(!refused.cancelled);
    assert!(!work.try_complete(Ok(second)));
    assert!(!work.try_complete(Err(exception)));

    assert!(Arc::ptr_eq(&future.result().unwrap(), &first));
    assert!(future.exception().unwrap().is_none());
    assert_eq!(calls.entries().len(), 1);
}

//= SPEC.md#f-6
//= type=test
//# A second completion, and a completion after a cancel, MUST be refused with the rejected value
//# given back, and MUST change nothing.
#[test]
fn f6_completion_after_cancel_gives_the_value_back() {
    let (work, future) = promise::<Arc<str>>();
    let calls = Notes::default();
    let called = calls.clone();
    future.add_done_callback(move |_| called.note(()));
    assert!(future.cancel());

    let value: Arc<str> = "late".into();
    let refused = work.set_result(Arc::clone(&value)).unwrap_err();
    assert!(Arc::ptr_eq(&refused.rejected, &value) && refused.cancelled);
    let exception = Exception::new("late");
    let refused = work.set_exception(exception.clone()).unwrap_err();
    assert!(refused.rejected.same_object(&exception) && refused.cancelled);
    assert_eq!(state(&future), CANCELLED, "a refused completion does not end the work either");
    assert_eq!(calls.entries().len(), 1);
}

//= SPEC.md#f-6
//= type=test
//# A second completion, and a completion after a cancel, MUST be refused with the rejected value
//# given back, and MUST change nothing.
//= SPEC.md#f-16
//= type=test
//# `wait_ended` MUST return only when the work has really ended: finished, or cancelled and
//# acknowledged by its producer.
#[test]
fn f6_try_complete_says_whether_it_won() {
    let (work, future) = promise::<u32>();
    assert!(work.set_running_or_notify_cancel().unwrap());
    assert!(work.try_complete(Ok(1)));
    assert!(!work.try_complete(Ok(2)));
    assert_eq!(future.result().unwrap(), 1);

    let (work, future) = promise::<u32>();
    let exception = Exception::new("no");
    assert!(work.try_complete(Err(exception.clone())));
    assert!(future.exception().unwrap().unwrap().same_object(&exception));

    // It comes from work that is over: a cancelled future has then ended.
    let (work, future) = promise::<u32>();
    assert!(future.cancel());
    assert!(!work.try_complete(Ok(1)));
    assert_eq!(state(&future), CANCELLED_ENDED);
}

//= SPEC.md#f-6
//= type=test
//# A second completion, and a completion after a cancel, MUST be refused with the rejected value
//# given back, and MUST change nothing.
#[test]
fn f6_a_cancellation_can_be_stored_as_an_exception() {
    let (work, future) = promise::<u32>();
    let cancelled = Exception::from(loopgate::Cancelled::with_message("by the work"));
    work.set_exception(cancelled.clone()).unwrap();
    assert_eq!(state(&future), FINISHED);
    assert!(future.exception().unwrap().unwrap().same_object(&cancelled));
    assert!(matches!(future.result(), Err(ResultError::Exception(e)) if e.same_object(&cancelled)));
}

//= SPEC.md#f-7
//= type=test
//# A producer dropped without completing MUST finish the future with an error that says so.
#[test]
fn f7_dropped_producer_finishes_the_future() {
    for start in [false, true] {
        let (work, future) = promise::<u32>();
        if start {
            assert!(work.set_running_or_notify_cancel().unwrap());
        }
        let waited = future.clone();
        let waiter = blocked(move || waited.result());
        drop(work);
        let Ok(Err(ResultError::Exception(exception))) = waiter.recv_timeout(GUARD) else {
            panic!("the waiter got no exception")
        };
        assert!(exception.is::<BrokenPromise>());
        assert_eq!(state(&future), FINISHED);
    }
}

//= SPEC.md#f-7
//= type=test
//# A producer dropped without completing MUST finish the future with an error that says so.
#[test]
fn f7_producer_whose_thread_panics() {
    let (work, future) = promise::<u32>();
    let thread = thread::spawn(move || {
        let _work = work;
        resume_unwind(Box::new("the producer dies"));
    });
    let exception = future.exception_timeout(GUARD).unwrap().unwrap();
    assert!(exception.is::<BrokenPromise>());
    assert!(thread.join().is_err());
}

//= SPEC.md#f-7
//= type=test
//# A producer dropped without completing MUST finish the future with an error that says so.
//= SPEC.md#f-16
//= type=test
//# `wait_ended` MUST return only when the work has really ended: finished, or cancelled and
//# acknowledged by its producer.
#[test]
fn f7_dropped_producer_ends_a_cancelled_future() {
    let (work, future) = promise::<u32>();
    assert!(future.cancel());
    let waited = future.clone();
    let waiter = blocked(move || waited.wait_ended());
    drop(work);
    waiter.recv_timeout(GUARD).unwrap().unwrap();
    assert_eq!(state(&future), CANCELLED_ENDED);
}

//= SPEC.md#f-7
//= type=test
//# A producer dropped without completing MUST finish the future with an error that says so.
#[test]
fn f7_dropped_producer_of_a_done_future_changes_nothing() {
    let (work, future) = promise::<u32>();
    let calls = Notes::default();
    let called = calls.clone();
    future.add_done_callback(move |_| called.note(()));
    work.set_result(1).unwrap();
    drop(work);
    assert_eq!(future.result().unwrap(), 1);
    assert_eq!(calls.entries().len(), 1);
}

// F-8 to F-11: timeouts

//= SPEC.md#f-8
//= type=test
//# A waiter that timed out MUST get an error of its own kind, distinct from every error that the
//# work can raise.
#[test]
fn f8_timeout_of_the_wait_is_no_error_of_the_work() {
    let raised: [Exception; 3] = [
        TimeoutError.into(),
        ResultError::TimedOut.into(),
        std::io::Error::from(std::io::ErrorKind::TimedOut).into(),
    ];
    for exception in raised {
        let (work, future) = promise::<u32>();
        assert!(is_timed_out(&future.result_timeout(Duration::ZERO)));
        work.set_exception(exception.clone()).unwrap();
        let result = future.result_timeout(Duration::ZERO);
        assert!(matches!(result, Err(ResultError::Exception(e)) if e.same_object(&exception)));
    }
}

//= SPEC.md#f-8
//= type=test
//# A waiter that timed out MUST get an error of its own kind, distinct from every error that the
//# work can raise.
//= SPEC.md#f-9
//= type=test
//# If completion came first, a waiter MUST get the outcome and never a timeout; a timeout MUST
//# leave the future as it was.
#[test]
fn f8_every_wait_times_out_alike_and_leaves_the_future_as_it_was() {
    let (work, future) = promise::<u32>();
    together(vec![part(move |clock| {
        assert!(work.set_running_or_notify_cancel().unwrap());
        assert!(is_timed_out(&future.result_timeout(SECOND)));
        assert!(is_timed_out(&future.exception_timeout(SECOND)));
        assert!(is_timed_out(&future.wait_ended_timeout(SECOND)));
        assert_eq!(seconds(clock), 3);
        assert_eq!(state(&future), RUNNING);
        work.set_result(1).unwrap();
        assert_eq!(future.result_timeout(SECOND).unwrap(), 1);
    })]);
}

//= SPEC.md#f-9
//= type=test
//# If completion came first, a waiter MUST get the outcome and never a timeout; a timeout MUST
//# leave the future as it was.
#[test]
fn f9_deadline_and_completion_at_one_moment_in_either_order() {
    // Ties of the virtual clock go to whoever blocked first.
    for completion_first in [false, true] {
        let (work, future) = promise::<u32>();
        let waiter = part(move |clock| {
            let result = future.result_timeout(SECOND);
            assert_eq!(seconds(clock), 1);
            if completion_first {
                assert_eq!(result.unwrap(), 7);
            } else {
                assert!(is_timed_out(&result));
                assert_eq!(state(&future), PENDING);
                assert_eq!(future.result_timeout(HOUR).unwrap(), 7);
                assert_eq!(seconds(clock), 1);
            }
        });
        let producer = part(move |clock| {
            clock.sleep(SECOND);
            work.set_result(7).unwrap();
        });
        together(if completion_first { vec![producer, waiter] } else { vec![waiter, producer] });
    }
}

//= SPEC.md#f-9
//= type=test
//# If completion came first, a waiter MUST get the outcome and never a timeout; a timeout MUST
//# leave the future as it was.
#[test]
fn f9_race_of_timeout_and_completion() {
    for round in 0..300 {
        let (work, future) = promise::<u32>();
        let gate = Barrier::new(2);
        thread::scope(|scope| {
            scope.spawn(|| {
                gate.wait();
                work.set_result(7).unwrap();
            });
            gate.wait();
            loop {
                let was_done = future.done();
                match future.result_timeout(Duration::from_nanos(100 * round)) {
                    Ok(value) => break assert_eq!(value, 7),
                    Err(ResultError::TimedOut) => assert!(!was_done, "it was done before the wait"),
                    Err(other) => panic!("neither outcome nor timeout: {other}"),
                }
            }
        });
    }
}

//= SPEC.md#f-9
//= type=test
//# If completion came first, a waiter MUST get the outcome and never a timeout; a timeout MUST
//# leave the future as it was.
#[test]
fn f9_done_futures_give_their_outcome_with_any_timeout() {
    let (work, future) = promise::<u32>();
    work.set_result(1).unwrap();
    for timeout in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
        assert_eq!(future.result_timeout(timeout).unwrap(), 1);
        assert!(future.exception_timeout(timeout).unwrap().is_none());
        future.wait_ended_timeout(timeout).unwrap();
    }
}

//= SPEC.md#f-10
//= type=test
//# A zero timeout MUST NOT block.
#[test]
fn f10_zero_timeout_does_not_block() {
    type Ask = fn(&ConcurrentFuture<u32>) -> bool;
    let ways: [Ask; 5] = [
        |future| is_timed_out(&future.result_timeout(Duration::ZERO)),
        |future| is_timed_out(&future.exception_timeout(Duration::ZERO)),
        |future| is_timed_out(&future.wait_ended_timeout(Duration::ZERO)),
        |future| {
            let all = [future.clone()];
            let split = wait(&all, Some(Duration::ZERO), ReturnWhen::FirstCompleted).unwrap();
            split.done.is_empty()
        },
        |future| {
            let all = [future.clone()];
            let next = as_completed(&all, Some(Duration::ZERO)).unwrap().next().unwrap();
            next.is_err_and(|over| over.is::<Unfinished>())
        },
    ];
    for ask in ways {
        let (work, future) = promise::<u32>();
        let (told, answer) = mpsc::channel();
        let clock = Clock::virtual_time();
        let starter = clock.clone();
        let producer = clock.spawn("producer", move || {
            let asking = move || told.send(ask(&future)).unwrap();
            // Returns when the thread has ended, or blocks: then it would find the future done.
            starter.spawn("asker", asking).unwrap();
            work.set_result(7).unwrap();
        });
        producer.unwrap().join().unwrap();
        assert_eq!(answer.recv_timeout(GUARD), Ok(true));
    }
}

//= SPEC.md#f-11
//= type=test
//# A stray wake-up MUST NOT end a wait.
//= SPEC.md#f-16
//= type=test
//# `wait_ended` MUST return only when the work has really ended: finished, or cancelled and
//# acknowledged by its producer.
#[test]
fn f11_a_notification_that_is_not_for_it_does_not_end_a_wait() {
    let (work, future) = promise::<u32>();
    let submitter = future.clone();
    together(vec![
        part(move |clock| {
            future.wait_ended_timeout(HOUR).unwrap();
            assert_eq!(seconds(clock), 2, "released by the acknowledgement and not by the cancel");
        }),
        part(move |clock| {
            clock.sleep(SECOND);
            assert!(submitter.cancel());
            clock.sleep(SECOND);
            assert!(!work.set_running_or_notify_cancel().unwrap());
        }),
    ]);
}

//= SPEC.md#f-11
//= type=test
//# A stray wake-up MUST NOT end a wait.
//= SPEC.md#f-8
//= type=test
//# A waiter that timed out MUST get an error of its own kind, distinct from every error that the
//# work can raise.
#[test]
fn f11_a_stray_notification_does_not_become_a_timeout() {
    let (_work, future) = promise::<u32>();
    let submitter = future.clone();
    together(vec![
        part(move |clock| {
            assert!(is_timed_out(&future.wait_ended_timeout(5 * SECOND)));
            assert_eq!(seconds(clock), 5);
        }),
        part(move |clock| {
            clock.sleep(SECOND);
            assert!(submitter.cancel());
            clock.sleep(HOUR);
        }),
    ]);
}

// F-12 to F-14: callbacks

//= SPEC.md#f-12
//= type=test
//# Done-callbacks MUST run once each, in order of registration, in the thread that completed or
//# cancelled the future, after its waiters were released and with no lock held.
#[test]
fn f12_callbacks_run_once_in_order_in_the_thread_that_completes() {
    type Complete = fn(&concurrent::Promise<u32>, &ConcurrentFuture<u32>);
    let ways: [Complete; 4] = [
        |work, _| work.set_result(1).unwrap(),
        |work, _| work.set_exception(BrokenPromise).unwrap(),
        |work, _| assert!(work.try_complete(Ok(1))),
        |_, future| assert!(future.cancel()),
    ];
    for complete in ways {
        let (work, future) = promise::<u32>();
        let calls = Notes::default();
        for number in 0..5 {
            let called = calls.clone();
            future.add_done_callback(move |done| {
                assert!(done.done());
                called.note((number, thread::current().id()));
            });
        }
        let completing = thread::spawn(move || {
            complete(&work, &future);
            let _ = work.try_complete(Ok(2));
            future.cancel();
            thread::current().id()
        });
        let there = completing.join().unwrap();
        assert_eq!(calls.entries(), [0, 1, 2, 3, 4].map(|number| (number, there)));
    }
}

//= SPEC.md#f-12
//= type=test
//# Done-callbacks MUST run once each, in order of registration, in the thread that completed or
//# cancelled the future, after its waiters were released and with no lock held.
//= SPEC.md#f-7
//= type=test
//# A producer dropped without completing MUST finish the future with an error that says so.
#[test]
fn f12_callbacks_run_in_the_thread_that_drops_the_producer() {
    let (work, future) = promise::<u32>();
    let calls = Notes::default();
    let called = calls.clone();
    future.add_done_callback(move |done| {
        called.note((done.exception().unwrap().is_some(), thread::current().id()));
    });
    let dropping = thread::spawn(move || {
        drop(work);
        thread::current().id()
    });
    let there = dropping.join().unwrap();
    assert_eq!(calls.entries(), [(true, there)]);
}

//= SPEC.md#f-12
//= type=test
//# Done-callbacks MUST run once each, in order of registration, in the thread that completed or
//# cancelled the future, after its waiters were released and with no lock held.
#[test]
fn f12_waiters_are_released_before_callbacks_run() {
    let (work, future) = promise::<u32>();
    let (one, two, three) = (future.clone(), future.clone(), future.clone());
    let by_result = blocked(move || one.result());
    let by_wait = blocked(move || wait(&[two], None, ReturnWhen::FirstCompleted).unwrap());
    let by_ended = blocked(move || three.wait_ended());
    let (wakes, waker) = WakeCount::waker();
    let mut awaited = future.clone();
    assert!(poll(&mut awaited, &waker).is_pending());
    let (told, released) = mpsc::channel();
    future.add_done_callback(move |_| {
        told.send((
            by_result.recv_timeout(GUARD).is_ok_and(|result| matches!(result, Ok(7))),
            by_wait.recv_timeout(GUARD).is_ok_and(|split| split.done.len() == 1),
            by_ended.recv_timeout(GUARD).is_ok_and(|ended| ended.is_ok()),
            wakes.get(),
        ))
        .unwrap();
    });
    work.set_result(7).unwrap();
    assert_eq!(released.try_recv().unwrap(), (true, true, true, 1));
}

//= SPEC.md#f-12
//= type=test
//# Done-callbacks MUST run once each, in order of registration, in the thread that completed or
//# cancelled the future, after its waiters were released and with no lock held.
#[test]
fn f12_callbacks_hold_no_lock() {
    let (work, future) = promise::<u32>();
    let work = Arc::new(work);
    let producer = Arc::clone(&work);
    let (told, answers) = mpsc::channel();
    future.add_done_callback(move |done| {
        let (asked, (sender, received)) = (done.clone(), mpsc::channel());
        // Asked from another thread, which alone would hang if a lock were held here.
        thread::spawn(move || {
            let (_, waker) = WakeCount::waker();
            let ready = poll(&mut asked.clone(), &waker).is_ready();
            asked.add_done_callback(|_| {});
            let late = producer.try_complete(Ok(8));
            let _ = sender.send((asked.result().ok(), asked.ended(), asked.cancel(), late, ready));
        });
        told.send(received.recv_timeout(GUARD)).unwrap();
    });
    work.set_result(7).unwrap();
    assert_eq!(answers.try_recv().unwrap(), Ok((Some(7), true, false, false, true)));
}

struct PanickingWaker;

impl Wake for PanickingWaker {
    fn wake(self: Arc<Self>) {
        resume_unwind(Box::new("a foreign executor's waker"));
    }
}

//= SPEC.md#f-12
//= type=test
//# Done-callbacks MUST run once each, in order of registration, in the thread that completed or
//# cancelled the future, after its waiters were released and with no lock held.
//= SPEC.md#f-21
//= type=test
//# Awaiting a concurrent future from any executor MUST wake the last waker that polled it, and
//# dropping the handle MUST withdraw that waker.
#[test]
fn f12_a_waker_that_panics_keeps_nobody_from_being_told() {
    let (work, future) = promise::<u32>();
    let mut broken = future.clone();
    assert!(poll(&mut broken, &Waker::from(Arc::new(PanickingWaker))).is_pending());
    let (wakes, waker) = WakeCount::waker();
    let mut awaited = future.clone();
    assert!(poll(&mut awaited, &waker).is_pending());
    let calls = Notes::default();
    let called = calls.clone();
    future.add_done_callback(move |_| called.note(()));
    work.set_result(7).unwrap();
    assert_eq!((wakes.get(), calls.entries().len()), (1, 1));
}

//= SPEC.md#f-13
//= type=test
//# A done-callback that panics MUST NOT keep its siblings from running and MUST NOT change the
//# outcome.
#[test]
fn f13_a_panicking_callback_spares_its_siblings_and_the_outcome() {
    for cancel in [false, true] {
        let (work, future) = promise::<u32>();
        let calls = Notes::default();
        let (before, after) = (calls.clone(), calls.clone());
        future.add_done_callback(move |_| before.note("before"));
        future.add_done_callback(|_| resume_unwind(Box::new("first")));
        future.add_done_callback(|_| resume_unwind(Box::new(String::from("second"))));
        future.add_done_callback(move |_| after.note("after"));
        let told = events(|| {
            if cancel {
                assert!(future.cancel());
            } else {
                work.set_result(1).unwrap();
            }
        });
        assert_eq!(calls.entries(), ["before", "after"]);
        assert_eq!(future.cancelled(), cancel);
        assert_eq!(future.result().ok(), (!cancel).then_some(1));
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].starts_with("ERROR") && told[0].contains("first"), "{told:?}");
        assert!(told[1].contains("second"), "{told:?}");
    }
}

//= SPEC.md#f-13
//= type=test
//# A done-callback that panics MUST NOT keep its siblings from running and MUST NOT change the
//# outcome.
//= SPEC.md#f-14
//= type=test
//# A callback added to a future that is done MUST run at once, in the calling thread.
#[test]
fn f13_a_callback_that_panics_at_once_is_reported_too() {
    let (work, future) = promise::<u32>();
    work.set_result(1).unwrap();
    let told = events(|| future.add_done_callback(|_| resume_unwind(Box::new("at once"))));
    assert!(told.len() == 1 && told[0].contains("at once"), "{told:?}");
    assert_eq!(future.result().unwrap(), 1);
}

struct PanicsWhenDropped;

impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        resume_unwind(Box::new("dropped"));
    }
}

//= SPEC.md#f-13
//= type=test
//# A done-callback that panics MUST NOT keep its siblings from running and MUST NOT change the
//# outcome.
#[test]
fn f13_a_panic_whose_payload_panics_when_dropped() {
    let (work, future) = promise::<u32>();
    let calls = Notes::default();
    let called = calls.clone();
    future.add_done_callback(|_| resume_unwind(Box::new(PanicsWhenDropped)));
    future.add_done_callback(move |_| called.note(()));
    work.set_result(1).unwrap();
    assert_eq!(calls.entries().len(), 1);
    assert_eq!(future.result().unwrap(), 1);
}

//= SPEC.md#f-14
//= type=test
//# A callback added to a future that is done MUST run at once, in the calling thread.
#[test]
fn f14_a_callback_added_to_a_done_future_runs_at_once_here() {
    let (work, finished) = promise::<u32>();
    thread::spawn(move || work.set_result(1).unwrap()).join().unwrap();
    let (_work, cancelled) = promise::<u32>();
    assert!(cancelled.cancel());
    for future in [finished, cancelled] {
        let calls = Notes::default();
        let called = calls.clone();
        future.add_done_callback(move |_| called.note(thread::current().id()));
        assert_eq!(calls.entries(), [thread::current().id()]);
    }
}

//= SPEC.md#f-14
//= type=test
//# A callback added to a future that is done MUST run at once, in the calling thread.
//= SPEC.md#f-12
//= type=test
//# Done-callbacks MUST run once each, in order of registration, in the thread that completed or
//# cancelled the future, after its waiters were released and with no lock held.
#[test]
fn f14_a_callback_added_by_a_callback_runs_inside_it() {
    let (work, future) = promise::<u32>();
    let calls = Notes::default();
    let (outer, last) = (calls.clone(), calls.clone());
    future.add_done_callback(move |done| {
        outer.note("outer begins");
        let inner = outer.clone();
        done.add_done_callback(move |_| inner.note("inner"));
        outer.note("outer ends");
    });
    future.add_done_callback(move |_| last.note("last"));
    work.set_result(1).unwrap();
    assert_eq!(calls.entries(), ["outer begins", "inner", "outer ends", "last"]);
}

// F-15, F-16: done and ended

//= SPEC.md#f-15
//= type=test
//# CANCELLED MUST count as done for `result`, `exception`, `wait`, `as_completed` and `await`
//# alike.
#[test]
fn f15_cancelled_is_done_for_every_wait() {
    // Nobody acknowledges the cancel: its producer is busy elsewhere.
    let (_work, future) = promise::<u32>();
    assert!(future.cancel());
    assert_eq!(state(&future), CANCELLED);
    assert!(is_cancelled(&future.result_timeout(Duration::ZERO)));
    assert!(is_cancelled(&future.exception_timeout(Duration::ZERO)));
    assert!(is_cancelled(&future.result()));
    assert!(is_cancelled(&future.exception()));
    for when in [ReturnWhen::FirstCompleted, ReturnWhen::FirstException, ReturnWhen::AllCompleted] {
        let split = wait(std::slice::from_ref(&future), Some(Duration::ZERO), when).unwrap();
        assert_eq!((split.done.len(), split.not_done.len()), (1, 0));
    }
    let mut done = as_completed(std::slice::from_ref(&future), Some(Duration::ZERO)).unwrap();
    assert!(done.next().unwrap().unwrap().same_future(&future));
    let (_, waker) = WakeCount::waker();
    let mut awaited = future.clone();
    let Poll::Ready(Err(exception)) = poll(&mut awaited, &waker) else {
        panic!("a cancelled future is ready")
    };
    assert!(exception.is_cancelled());
}

//= SPEC.md#f-15
//= type=test
//# CANCELLED MUST count as done for `result`, `exception`, `wait`, `as_completed` and `await`
//# alike.
#[test]
fn f15_a_task_that_awaits_a_cancelled_future_goes_on() {
    let event_loop = virtual_loop();
    let (_work, future) = promise::<u32>();
    let submitter = future.clone();
    event_loop.call_soon(move || assert!(submitter.cancel())).unwrap();
    let exception = event_loop.run_until_complete(future).unwrap_err();
    assert!(exception.is_cancelled());
}

//= SPEC.md#f-16
//= type=test
//# `wait_ended` MUST return only when the work has really ended: finished, or cancelled and
//# acknowledged by its producer.
#[test]
fn f16_wait_ended_waits_for_the_work_and_not_for_the_cancel() {
    type End = fn(concurrent::Promise<u32>);
    let ways: [End; 3] = [
        |work| assert!(!work.set_running_or_notify_cancel().unwrap()),
        |work| assert!(!work.try_complete(Ok(1))),
        drop,
    ];
    for end in ways {
        let (work, future) = promise::<u32>();
        let submitter = future.clone();
        together(vec![
            part(move |clock| {
                assert!(submitter.cancel());
                assert!(is_cancelled(&submitter.result_timeout(HOUR)));
                assert_eq!(state(&submitter), CANCELLED);
                assert!(is_timed_out(&submitter.wait_ended_timeout(SECOND)));
                submitter.wait_ended_timeout(HOUR).unwrap();
                assert_eq!(seconds(clock), 2);
                assert_eq!(state(&submitter), CANCELLED_ENDED);
            }),
            part(move |clock| {
                clock.sleep(2 * SECOND);
                end(work);
            }),
        ]);
    }
}

//= SPEC.md#f-16
//= type=test
//# `wait_ended` MUST return only when the work has really ended: finished, or cancelled and
//# acknowledged by its producer.
#[test]
fn f16_finished_work_has_ended() {
    let (work, future) = promise::<u32>();
    assert!(work.set_running_or_notify_cancel().unwrap());
    let waited = future.clone();
    together(vec![
        part(move |clock| {
            waited.wait_ended_timeout(HOUR).unwrap();
            assert_eq!(seconds(clock), 1);
        }),
        part(move |clock| {
            clock.sleep(SECOND);
            work.set_exception(BrokenPromise).unwrap();
        }),
    ]);
    assert_eq!(state(&future), FINISHED);
}

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

//= SPEC.md#f-17
//= type=test
//# `wait` MUST return as soon as its condition holds: one future done, one failed with an
//# exception, or all done; cancellation is no failure.
//= SPEC.md#f-11
//= type=test
//# A stray wake-up MUST NOT end a wait.
#[test]
fn f17_wait_returns_as_soon_as_its_condition_holds() {
    let script = || vec![(1, 2, "cancel"), (2, 0, "value"), (3, 3, "exception"), (4, 1, "value")];
    check_wait(ReturnWhen::FirstCompleted, script(), (1, vec![2], vec![0, 1, 3]));
    check_wait(ReturnWhen::FirstException, script(), (3, vec![0, 2, 3], vec![1]));
    check_wait(ReturnWhen::AllCompleted, script(), (4, vec![0, 1, 2, 3], vec![]));
}

//= SPEC.md#f-17
//= type=test
//# `wait` MUST return as soon as its condition holds: one future done, one failed with an
//# exception, or all done; cancellation is no failure.
#[test]
fn f17_without_a_failure_first_exception_waits_for_all() {
    let script = vec![(1, 3, "cancel"), (2, 2, "value"), (3, 1, "cancel"), (4, 0, "value")];
    check_wait(ReturnWhen::FirstException, script, (4, vec![0, 1, 2, 3], vec![]));
}

//= SPEC.md#f-17
//= type=test
//# `wait` MUST return as soon as its condition holds: one future done, one failed with an
//# exception, or all done; cancellation is no failure.
#[test]
fn f17_what_was_cancelled_before_the_wait_is_no_failure_either() {
    let script = || vec![(0, 3, "cancel"), (0, 2, "value"), (1, 1, "value"), (2, 0, "exception")];
    check_wait(ReturnWhen::FirstCompleted, script(), (0, vec![2, 3], vec![0, 1]));
    check_wait(ReturnWhen::FirstException, script(), (2, vec![0, 1, 2, 3], vec![]));
    let script = vec![(0, 3, "cancel"), (0, 2, "exception"), (1, 1, "value"), (1, 0, "value")];
    check_wait(ReturnWhen::FirstException, script, (0, vec![2, 3], vec![0, 1]));
}

//= SPEC.md#f-17
//= type=test
//# `wait` MUST return as soon as its condition holds: one future done, one failed with an
//# exception, or all done; cancellation is no failure.
#[test]
fn f17_what_is_done_already_counts() {
    let (work, done) = promise::<u32>();
    work.set_exception(BrokenPromise).unwrap();
    let (_work, open) = promise::<u32>();
    for when in [ReturnWhen::FirstCompleted, ReturnWhen::FirstException] {
        let split = wait(&[open.clone(), done.clone()], Some(GUARD), when).unwrap();
        assert!(split.done.len() == 1 && split.done[0].same_future(&done));
        assert!(split.not_done.len() == 1 && split.not_done[0].same_future(&open));
    }
    let split = wait(&[done], Some(GUARD), ReturnWhen::AllCompleted).unwrap();
    assert_eq!(split.done.len(), 1);
}

//= SPEC.md#f-18
//= type=test
//# `wait` that times out MUST return the split so far and MUST leave no trace in the futures.
#[test]
fn f18_wait_that_times_out_gives_the_split_so_far() {
    let script = vec![(1, 1, "value"), (2, 3, "cancel"), (7200, 0, "value")];
    check_wait(ReturnWhen::AllCompleted, script, (3600, vec![1, 3], vec![0, 2]));
}

//= SPEC.md#f-18
//= type=test
//# `wait` that times out MUST return the split so far and MUST leave no trace in the futures.
#[test]
fn f18_a_wait_that_timed_out_changes_nothing_for_the_next() {
    let (works, futures): (Vec<_>, Vec<_>) = (0..2).map(|_| promise::<u32>()).unzip();
    for _ in 0..3 {
        let split = wait(&futures, Some(Duration::ZERO), ReturnWhen::AllCompleted).unwrap();
        assert_eq!((split.done.len(), split.not_done.len()), (0, 2));
        assert!(futures.iter().all(|future| state(future) == PENDING));
    }
    for work in &works {
        work.set_result(1).unwrap();
    }
    let split = wait(&futures, Some(GUARD), ReturnWhen::AllCompleted).unwrap();
    assert_eq!(split.done.len(), 2);
}

//= SPEC.md#f-18
//= type=test
//# `wait` that times out MUST return the split so far and MUST leave no trace in the futures.
#[test]
fn f18_a_wait_that_timed_out_takes_no_other_along() {
    let (work, future) = promise::<u32>();
    // In the future from here on; the limit is for a run in which nobody tells it.
    let mut other = as_completed(std::slice::from_ref(&future), Some(GUARD)).unwrap();
    let only = std::slice::from_ref(&future);
    let split = wait(only, Some(Duration::ZERO), ReturnWhen::AllCompleted).unwrap();
    assert_eq!(split.not_done.len(), 1);
    work.set_result(1).unwrap();
    assert_eq!(other.next().unwrap().unwrap().result().unwrap(), 1);
}

//= SPEC.md#f-19
//= type=test
//# `wait` and `as_completed` MUST count a future once however often it is given, and MUST refuse an
//# empty set.
#[test]
fn f19_an_empty_set_is_refused() {
    let none: [ConcurrentFuture<u32>; 0] = [];
    for timeout in [None, Some(Duration::ZERO), Some(SECOND)] {
        let refused = wait(&none, timeout, ReturnWhen::AllCompleted).unwrap_err();
        assert!(refused.is::<EmptySet>());
        assert_eq!(as_completed(&none, timeout).unwrap_err(), EmptySet);
    }
}

//= SPEC.md#f-19
//= type=test
//# `wait` and `as_completed` MUST count a future once however often it is given, and MUST refuse an
//# empty set.
#[test]
fn f19_a_future_given_twice_counts_once() {
    let (one, first) = promise::<u32>();
    let (_two, second) = promise::<u32>();
    let given = [first.clone(), second.clone(), first.clone(), first.clone()];
    one.set_result(1).unwrap();
    // Counted four times, the one that is done would look like all of them.
    for when in [ReturnWhen::AllCompleted, ReturnWhen::FirstException] {
        let split = wait(&given, Some(Duration::ZERO), when).unwrap();
        assert_eq!((split.done.len(), split.not_done.len()), (1, 1));
    }
    let mut completed = as_completed(&given, Some(Duration::ZERO)).unwrap();
    assert!(completed.next().unwrap().unwrap().same_future(&first));
    let over = completed.next().unwrap().unwrap_err();
    assert_eq!(over.downcast_ref(), Some(&Unfinished { unfinished: 1, total: 2 }));
    assert!(completed.next().is_none());
}

//= SPEC.md#f-19
//= type=test
//# `wait` and `as_completed` MUST count a future once however often it is given, and MUST refuse an
//# empty set.
//= SPEC.md#f-17
//= type=test
//# `wait` MUST return as soon as its condition holds: one future done, one failed with an
//# exception, or all done; cancellation is no failure.
#[test]
fn f19_a_pending_future_given_twice_completes_once() {
    let (one, first) = promise::<u32>();
    let (two, second) = promise::<u32>();
    let given = [first.clone(), first.clone(), second];
    let waiter = blocked(move || wait(&given, None, ReturnWhen::AllCompleted).unwrap());
    one.set_result(1).unwrap();
    two.set_result(2).unwrap();
    let split = waiter.recv_timeout(GUARD).unwrap();
    assert_eq!((split.done.len(), split.not_done.len()), (2, 0));
}

//= SPEC.md#f-20
//= type=test
//# `as_completed` MUST yield each future once, those that are done first, then in order of
//# completion.
#[test]
fn f20_done_first_then_in_order_of_completion_each_once() {
    let (works, futures): (Vec<_>, Vec<_>) = (0..5).map(|_| promise::<usize>()).unzip();
    works[3].set_result(3).unwrap();
    assert!(futures[1].cancel());
    let mut completed = as_completed(&futures, Some(Duration::ZERO)).unwrap();
    // Behind what is done already, however early they complete.
    works[4].set_result(4).unwrap();
    works[0].set_result(0).unwrap();
    works[2].set_exception(BrokenPromise).unwrap();
    let order: Vec<usize> = completed
        .by_ref()
        .map(|next| {
            let done = next.unwrap();
            futures.iter().position(|future| future.same_future(&done)).unwrap()
        })
        .collect();
    assert_eq!(order[2..], [4, 0, 2]);
    let mut first: Vec<_> = order[..2].to_vec();
    first.sort_unstable();
    assert_eq!(first, [1, 3]);
    assert!(completed.next().is_none());
}

//= SPEC.md#f-20
//= type=test
//# `as_completed` MUST yield each future once, those that are done first, then in order of
//# completion.
#[test]
fn f20_a_blocked_iteration_yields_as_futures_complete() {
    let (works, futures): (Vec<_>, Vec<_>) = (0..3).map(|_| promise::<usize>()).unzip();
    together(vec![
        part(move |clock| {
            let mut seen = Vec::new();
            for next in as_completed(&futures, Some(HOUR)).unwrap() {
                seen.push((seconds(clock), next.unwrap().result().unwrap()));
            }
            assert_eq!(seen, [(1, 2), (2, 0), (3, 1)]);
        }),
        part(move |clock| {
            for index in [2, 0, 1] {
                clock.sleep(SECOND);
                works[index].set_result(index).unwrap();
            }
        }),
    ]);
}

//= SPEC.md#f-20
//= type=test
//# `as_completed` MUST yield each future once, those that are done first, then in order of
//# completion.
//= SPEC.md#f-8
//= type=test
//# A waiter that timed out MUST get an error of its own kind, distinct from every error that the
//# work can raise.
#[test]
fn f20_the_timeout_counts_from_the_first_next_and_is_told_once() {
    let (works, futures): (Vec<_>, Vec<_>) = (0..3).map(|_| promise::<u32>()).unzip();
    together(vec![part(move |clock| {
        let mut completed = as_completed(&futures, Some(2 * SECOND)).unwrap();
        clock.sleep(10 * SECOND);
        works[1].set_result(1).unwrap();
        assert!(completed.next().unwrap().unwrap().same_future(&futures[1]));
        assert_eq!(seconds(clock), 10);
        let over = completed.next().unwrap().unwrap_err();
        assert_eq!(seconds(clock), 12);
        assert_eq!(over.downcast_ref(), Some(&Unfinished { unfinished: 2, total: 3 }));
        assert_eq!(over.to_string(), "2 (of 3) futures unfinished");
        assert!(completed.next().is_none());
        assert!(futures.iter().filter(|future| state(future) == PENDING).count() == 2);
    })]);
}

// F-21: awaiting

fn current_thread_runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
}

//= SPEC.md#f-21
//= type=test
//# Awaiting a concurrent future from any executor MUST wake the last waker that polled it, and
//# dropping the handle MUST withdraw that waker.
#[test]
fn f21_awaited_by_another_runtime() {
    let (work, mut future) = promise::<u32>();
    let (polled, go) = mpsc::channel();
    let producer = thread::spawn(move || {
        go.recv().unwrap();
        work.set_result(7).unwrap();
    });
    let result = current_thread_runtime().block_on(async move {
        // Suspended once for certain, so that the wake has to come from the other thread.
        poll_fn(|cx| {
            assert!(Pin::new(&mut future).poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        polled.send(()).unwrap();
        tokio::time::timeout(GUARD, future).await.expect("nobody woke the runtime")
    });
    assert_eq!(result.unwrap(), 7);
    producer.join().unwrap();
}

//= SPEC.md#f-21
//= type=test
//# Awaiting a concurrent future from any executor MUST wake the last waker that polled it, and
//# dropping the handle MUST withdraw that waker.
#[test]
fn f21_moved_from_one_task_of_a_runtime_to_another() {
    let (work, mut future) = promise::<u32>();
    let result = current_thread_runtime().block_on(async move {
        poll_fn(|cx| {
            assert!(Pin::new(&mut future).poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        let (suspended, is_suspended) = tokio::sync::oneshot::channel();
        let task = tokio::spawn(async move {
            let mut suspended = Some(suspended);
            poll_fn(|cx| {
                let polled = Pin::new(&mut future).poll(cx);
                if let Some(suspended) = suspended.take() {
                    suspended.send(()).unwrap();
                }
                polled
            })
            .await
        });
        is_suspended.await.unwrap();
        let producer = tokio::task::spawn_blocking(move || work.set_result(7).unwrap());
        producer.await.unwrap();
        tokio::time::timeout(GUARD, task).await.expect("the old task was woken").unwrap()
    });
    assert_eq!(result.unwrap(), 7);
}

//= SPEC.md#f-21
//= type=test
//# Awaiting a concurrent future from any executor MUST wake the last waker that polled it, and
//# dropping the handle MUST withdraw that waker.
#[test]
fn f21_a_cancel_and_a_lost_producer_wake_another_runtime() {
    let runtime = current_thread_runtime();
    for cancel in [false, true] {
        let (work, future) = promise::<u32>();
        let submitter = future.clone();
        let exception = runtime.block_on(async move {
            let task = tokio::spawn(future);
            tokio::task::yield_now().await;
            thread::spawn(move || {
                if cancel {
                    assert!(submitter.cancel());
                }
                drop(work);
            });
            tokio::time::timeout(GUARD, task).await.expect("nobody woke the task").unwrap()
        });
        assert_eq!(exception.unwrap_err().is_cancelled(), cancel);
    }
}

//= SPEC.md#f-21
//= type=test
//# Awaiting a concurrent future from any executor MUST wake the last waker that polled it, and
//# dropping the handle MUST withdraw that waker.
#[test]
fn f21_only_the_last_waker_is_woken() {
    let (work, mut future) = promise::<u32>();
    let (first_wakes, first) = WakeCount::waker();
    let (last_wakes, last) = WakeCount::waker();
    assert!(poll(&mut future, &first).is_pending());
    assert!(poll(&mut future, &last).is_pending());
    assert_eq!(Arc::strong_count(&first_wakes), 2, "the waker that was replaced is let go");
    assert!(poll(&mut future, &last).is_pending());
    work.set_result(1).unwrap();
    assert_eq!((first_wakes.get(), last_wakes.get()), (0, 1));
    assert!(matches!(poll(&mut future, &first), Poll::Ready(Ok(1))));
}

//= SPEC.md#f-21
//= type=test
//# Awaiting a concurrent future from any executor MUST wake the last waker that polled it, and
//# dropping the handle MUST withdraw that waker.
#[test]
fn f21_every_handle_has_a_waker_of_its_own() {
    let (work, mut one) = promise::<u32>();
    let mut two = one.clone();
    let (one_wakes, one_waker) = WakeCount::waker();
    let (two_wakes, two_waker) = WakeCount::waker();
    assert!(poll(&mut one, &one_waker).is_pending());
    assert!(poll(&mut two, &two_waker).is_pending());
    // A clone of a handle that was polled starts without a waker.
    let three = two.clone();
    drop(three);
    work.set_result(1).unwrap();
    assert_eq!((one_wakes.get(), two_wakes.get()), (1, 1));
}

//= SPEC.md#f-21
//= type=test
//# Awaiting a concurrent future from any executor MUST wake the last waker that polled it, and
//# dropping the handle MUST withdraw that waker.
#[test]
fn f21_dropping_the_handle_withdraws_its_waker() {
    let (work, future) = promise::<u32>();
    let (wakes, waker) = WakeCount::waker();
    let (other_wakes, other_waker) = WakeCount::waker();
    let mut awaited = future.clone();
    let mut other = future.clone();
    assert!(poll(&mut other, &other_waker).is_pending());
    assert!(poll(&mut awaited, &waker).is_pending());
    drop(waker);
    drop(awaited);
    assert_eq!(Arc::strong_count(&wakes), 1, "the waker is let go");
    work.set_result(1).unwrap();
    assert_eq!((wakes.get(), other_wakes.get()), (0, 1));
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

//= SPEC.md#f-21
//= type=test
//# Awaiting a concurrent future from any executor MUST wake the last waker that polled it, and
//# dropping the handle MUST withdraw that waker.
#[test]
fn f21_a_waker_that_is_withdrawn_may_ask_the_future() {
    let (_work, future) = promise::<u32>();
    let asked = Arc::new(AtomicUsize::new(0));
    let waker = || Waker::from(Arc::new(AsksWhenDropped(future.clone(), Arc::clone(&asked))));
    let mut awaited = future.clone();
    assert!(poll(&mut awaited, &waker()).is_pending());
    assert!(poll(&mut awaited, &waker()).is_pending());
    assert_eq!(asked.load(Ordering::SeqCst), 1, "the first one was replaced");
    drop(awaited);
    assert_eq!(asked.load(Ordering::SeqCst), 2, "the second one was withdrawn");
}

//= SPEC.md#f-21
//= type=test
//# Awaiting a concurrent future from any executor MUST wake the last waker that polled it, and
//# dropping the handle MUST withdraw that waker.
#[test]
fn f21_dropping_the_await_does_not_cancel_the_work() {
    let (work, future) = promise::<u32>();
    current_thread_runtime().block_on(async {
        let awaited = future.clone();
        assert!(tokio::time::timeout(Duration::from_nanos(1), awaited).await.is_err());
    });
    assert_eq!(state(&future), PENDING);
    work.set_result(1).unwrap();
    assert_eq!(future.result().unwrap(), 1);
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

//= SPEC.md#f-22
//= type=test
//# A blocking wait on the loop thread for work of that loop that is not done MUST be refused with
//# an error.
#[test]
fn f22_refused_between_runs_of_the_loop() {
    let event_loop = virtual_loop();
    let handle = event_loop.handle();
    let future = handle.run_coroutine_threadsafe(async { Ok(7) }).unwrap();
    check_refused(&future);
    // It is this thread that must not wait: any other may.
    let waited = future.clone();
    let elsewhere = thread::spawn(move || waited.result_timeout(GUARD));
    let awaited = future.clone();
    assert_eq!(event_loop.run_until_complete(awaited).unwrap(), 7);
    assert_eq!(elsewhere.join().unwrap().unwrap(), 7);
    // What is done is no wait.
    assert_eq!(future.result().unwrap(), 7);
    assert!(future.exception().unwrap().is_none());
    future.wait_ended().unwrap();
    wait(std::slice::from_ref(&future), None, ReturnWhen::AllCompleted).unwrap();
    assert_eq!(as_completed(&[future], None).unwrap().count(), 1);
}

//= SPEC.md#f-22
//= type=test
//# A blocking wait on the loop thread for work of that loop that is not done MUST be refused with
//# an error.
#[test]
fn f22_refused_in_callbacks_and_tasks_of_the_loop() {
    let event_loop = virtual_loop();
    let handle = event_loop.handle();
    let checks = Log::default();
    let (in_callback, noted) = (
        handle
            .run_coroutine_threadsafe(async {
                for _ in 0..5 {
                    yield_now().await?;
                }
                Ok(7)
            })
            .unwrap(),
        checks.clone(),
    );
    let in_task = in_callback.clone();
    event_loop
        .call_soon(move || {
            check_refused(&in_callback);
            noted.note("callback");
        })
        .unwrap();
    let noted = checks.clone();
    let result = event_loop.run_until_complete(async move {
        yield_now().await?;
        check_refused(&in_task);
        noted.note("task");
        in_task.await
    });
    assert_eq!(result.unwrap(), 7);
    assert_eq!(checks.entries(), ["callback", "task"]);
}

//= SPEC.md#f-22
//= type=test
//# A blocking wait on the loop thread for work of that loop that is not done MUST be refused with
//# an error.
//= SPEC.md#f-16
//= type=test
//# `wait_ended` MUST return only when the work has really ended: finished, or cancelled and
//# acknowledged by its producer.
#[test]
fn f22_a_cancelled_submission_that_has_not_ended_cannot_be_waited_out_here() {
    let event_loop = virtual_loop();
    let future = event_loop.handle().run_coroutine_threadsafe(async { Ok(7) }).unwrap();
    assert!(future.cancel());
    assert!(is_cancelled(&future.result()), "it is done: that is no wait");
    assert!(would_deadlock(&future.wait_ended()));
    drop(event_loop);
    future.wait_ended().unwrap();
}

//= SPEC.md#f-10
//= type=test
//# A zero timeout MUST NOT block.
//= SPEC.md#f-22
//= type=test
//# A blocking wait on the loop thread for work of that loop that is not done MUST be refused with
//# an error.
#[test]
fn f22_asking_with_a_zero_timeout_is_no_wait() {
    let event_loop = virtual_loop();
    let future = event_loop.handle().run_coroutine_threadsafe(async { Ok(7) }).unwrap();
    assert!(is_timed_out(&future.result_timeout(Duration::ZERO)));
    assert!(is_timed_out(&future.exception_timeout(Duration::ZERO)));
    assert!(is_timed_out(&future.wait_ended_timeout(Duration::ZERO)));
    let all = [future];
    let split = wait(&all, Some(Duration::ZERO), ReturnWhen::AllCompleted).unwrap();
    assert_eq!((split.done.len(), split.not_done.len()), (0, 1));
    let next = as_completed(&all, Some(Duration::ZERO)).unwrap().next().unwrap();
    assert!(next.unwrap_err().is::<Unfinished>());
}

//= SPEC.md#f-22
//= type=test
//# A blocking wait on the loop thread for work of that loop that is not done MUST be refused with
//# an error.
#[test]
fn f22_one_deadlock_in_a_set_refuses_the_wait() {
    let event_loop = virtual_loop();
    let own = event_loop.handle().run_coroutine_threadsafe(async { Ok(7) }).unwrap();
    let (work, foreign) = promise::<u32>();
    let set = [foreign, own];
    for timeout in [Some(Duration::from_millis(1)), None] {
        let refused = wait(&set, timeout, ReturnWhen::FirstCompleted).expect_err("it waited");
        assert!(deadlock_refused(&refused));
    }
    work.set_result(1).unwrap();
    // Now the condition holds already, and there is nothing to wait for.
    let split = wait(&set, None, ReturnWhen::FirstCompleted).unwrap();
    assert_eq!((split.done.len(), split.not_done.len()), (1, 1));
    let mut completed = as_completed(&set, None).unwrap();
    assert!(completed.next().unwrap().unwrap().same_future(&set[0]));
    assert!(deadlock_refused(&completed.next().unwrap().unwrap_err()));
    assert!(completed.next().is_none());
}

//= SPEC.md#f-22
//= type=test
//# A blocking wait on the loop thread for work of that loop that is not done MUST be refused with
//# an error.
#[test]
fn f22_work_of_others_may_be_waited_for_on_a_loop_thread() {
    let event_loop = virtual_loop();
    let (work, future) = promise::<u32>();
    event_loop
        .call_soon(move || {
            thread::spawn(move || work.set_result(7).unwrap());
            assert_eq!(future.result_timeout(GUARD).unwrap(), 7);
        })
        .unwrap();
    let _turn = event_loop.run_once(Some(Duration::ZERO)).unwrap();
}

// ---- What the mutants of the future got past --------------------------------------------------------------

//= SPEC.md#f-18
//= type=test
//# `wait` that times out MUST return the split so far and MUST leave no trace in the futures.
#[test]
fn f18_a_wait_that_times_out_leaves_the_other_waits_alone() {
    let (work, future) = promise::<u32>();
    let futures = [future];
    let mut earlier = as_completed(&futures, Some(Duration::ZERO)).unwrap();
    let split = wait(&futures, Some(Duration::ZERO), ReturnWhen::AllCompleted).unwrap();
    assert_eq!(split.not_done.len(), 1);
    let mut later = as_completed(&futures, Some(Duration::ZERO)).unwrap();
    drop(as_completed(&futures, None).unwrap());
    work.set_result(3).unwrap();
    for waiting in [&mut earlier, &mut later] {
        assert_eq!(waiting.next().unwrap().unwrap().result().unwrap(), 3);
    }
}

//= SPEC.md#f-18
//= type=test
//# `wait` that times out MUST return the split so far and MUST leave no trace in the futures.
#[test]
fn f18_whoever_stops_waiting_is_in_no_future_any_more() {
    let (works, futures): (Vec<_>, Vec<_>) = (0..3).map(|_| promise::<u32>()).unzip();
    let waits = || futures.iter().map(waits_for).collect::<Vec<_>>();
    let iterating = as_completed(&futures, Some(Duration::ZERO)).unwrap();
    assert_eq!(waits(), [1, 1, 1]);
    let timed_out = wait(&futures, Some(Duration::ZERO), ReturnWhen::FirstCompleted).unwrap();
    assert_eq!((timed_out.done.len(), waits()), (0, vec![1, 1, 1]));
    works[0].set_result(1).unwrap();
    let one_done = wait(&futures, None, ReturnWhen::FirstCompleted).unwrap();
    assert_eq!((one_done.done.len(), waits()), (1, vec![0, 1, 1]));
    drop(iterating);
    assert_eq!(waits(), [0, 0, 0]);
}

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

//= SPEC.md#f-9
//= type=test
//# If completion came first, a waiter MUST get the outcome and never a timeout; a timeout MUST
//# leave the future as it was.
#[test]
fn f9_a_wait_that_timed_out_leaves_the_other_waiter_and_its_own_thread_alone() {
    let (work, future) = promise::<u32>();
    let timed_out = future.clone();
    let gives_up = part(move |clock| {
        assert!(is_timed_out(&timed_out.result_timeout(SECOND)));
        // What becomes of the future is not its business any more.
        clock.sleep(10 * SECOND);
        assert_eq!(seconds(clock), 11);
    });
    let goes_on_waiting = part(move |clock| {
        assert_eq!(future.result_timeout(HOUR).unwrap(), 7);
        assert_eq!(seconds(clock), 5);
    });
    let producer = part(move |clock| {
        clock.sleep(5 * SECOND);
        work.set_result(7).unwrap();
    });
    together(vec![gives_up, goes_on_waiting, producer]);
}

//= SPEC.md#f-1
//= type=test
//# A concurrent future MUST move only PENDING to RUNNING, PENDING or RUNNING to FINISHED, and
//# PENDING to CANCELLED; FINISHED and CANCELLED are final.
#[test]
fn f1_the_producer_sees_a_cancel_and_nothing_else_as_one() {
    let (work, future) = promise::<u32>();
    assert!(!work.cancelled());
    assert!(future.cancel());
    assert!(work.cancelled());
    let (work, future) = promise::<u32>();
    assert!(work.set_running_or_notify_cancel().unwrap());
    assert!(!future.cancel() && !work.cancelled());
    work.set_result(3).unwrap();
    assert!(!work.cancelled());
}
