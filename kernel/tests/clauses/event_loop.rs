//! Chapter S: run, stop, close, exit, descriptors.

use std::cell::{Cell, RefCell};
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::panic::resume_unwind;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use loopgate::checkers::{Census, census, drain_pipe};
use loopgate::{
    ConcurrentFuture, EventLoop, Exception, ExitRequest, LoopClosed, LoopHandle, ResultError,
    RunError, SubmitError, ThreadPoolExecutor, Time, Turn, WatchError, concurrent,
    get_running_loop, sleep, yield_now,
};

use crate::support::{Log, record_reports};
use crate::wakeup::{CheckedLoop, GUARD, OnDrop, elsewhere, guarded, real_loop, virtual_loop};

const NOW: Option<Duration> = Some(Duration::ZERO);

fn stop() {
    get_running_loop().unwrap().stop();
}

/// A callback that notes `entry`.
fn note<T: Clone + 'static>(log: &Log<T>, entry: T) -> impl FnOnce() + 'static + use<T> {
    let log = log.clone();
    move || log.note(entry)
}

/// Reschedules itself until it has run `left` times more, then stops the loop.
fn count_down_and_stop(left: u32) {
    if left == 0 {
        return stop();
    }
    let again = move || count_down_and_stop(left - 1);
    get_running_loop().unwrap().call_soon(again).unwrap();
}

fn run_error(exception: &Exception) -> &RunError {
    exception.downcast_ref().unwrap_or_else(|| panic!("not of the run: {exception}"))
}

/// A number that may or may not be a descriptor.
pub(crate) struct Fd(pub(crate) RawFd);

impl AsRawFd for Fd {
    fn as_raw_fd(&self) -> RawFd {
        self.0
    }
}

//= SPEC.md#s-1
//= type=test
//# `stop` MUST let the running batch end, leave what it scheduled queued for the next run, and be
//# consumed by the run that it ends.
#[test]
fn s1_stop_lets_the_batch_end_and_leaves_what_it_scheduled() {
    let event_loop = virtual_loop();
    let log = Log::default();
    let noted = log.clone();
    event_loop
        .call_soon(move || {
            stop();
            note(&noted, "stopped")();
            get_running_loop().unwrap().call_soon(note(&noted, "scheduled")).unwrap();
        })
        .unwrap();
    event_loop.call_soon(note(&log, "of the batch")).unwrap();
    event_loop.call_at(Time::ZERO, note(&log, "timer of the batch")).unwrap();
    event_loop.run_forever().unwrap();
    assert_eq!(log.entries(), ["stopped", "of the batch", "timer of the batch"]);
    assert_eq!(census(&event_loop).queued, 1);
    // The stop is consumed: the next run ends by its own, some iterations later.
    event_loop.call_soon(|| count_down_and_stop(3)).unwrap();
    event_loop.call_soon(note(&log, "next run")).unwrap();
    event_loop.run_forever().unwrap();
    let expected = ["stopped", "of the batch", "timer of the batch", "scheduled", "next run"];
    assert_eq!(log.entries(), expected);
    assert_eq!(census(&event_loop).queued, 0);
}

//= SPEC.md#s-1
//= type=test
//# `stop` MUST let the running batch end, leave what it scheduled queued for the next run, and be
//# consumed by the run that it ends.
#[test]
fn s1_two_stops_in_one_batch_end_one_run() {
    let event_loop = virtual_loop();
    event_loop.call_soon(stop).unwrap();
    event_loop.call_soon(stop).unwrap();
    event_loop.run_forever().unwrap();
    assert_eq!(event_loop.run_once(NOW).unwrap(), Turn::Continue);
}

//= SPEC.md#s-2
//= type=test
//# A stop requested while the loop does not run MUST make the next run return after one iteration.
#[test]
fn s2_a_stop_before_the_run_lets_it_have_one_iteration() {
    guarded(|| {
        for posted in [false, true] {
            let event_loop = virtual_loop();
            let log = Log::default();
            let noted = log.clone();
            event_loop
                .call_soon(move || {
                    note(&noted, "queued")();
                    get_running_loop().unwrap().call_soon(note(&noted, "scheduled")).unwrap();
                })
                .unwrap();
            let handle = event_loop.handle();
            if posted {
                elsewhere(|| handle.stop().unwrap())
            } else {
                event_loop.stop()
            };
            event_loop.run_forever().unwrap();
            assert_eq!(log.entries(), ["queued"]);
            // With nothing at all to do it does not sleep either.
            let idle = virtual_loop();
            idle.stop();
            idle.call_later(Duration::from_secs(1), || unreachable!("slept")).unwrap();
            idle.run_forever().unwrap();
            assert_eq!(idle.time(), Time::ZERO);
            // Consumed: a second run goes on.
            event_loop.call_soon(|| count_down_and_stop(2)).unwrap();
            event_loop.run_forever().unwrap();
            assert_eq!(log.entries(), ["queued", "scheduled"]);
        }
    });
}

//= SPEC.md#s-2
//= type=test
//# A stop requested while the loop does not run MUST make the next run return after one iteration.
#[test]
fn s2_each_way_to_run_consumes_the_stop() {
    let event_loop = virtual_loop();
    event_loop.stop();
    assert_eq!(event_loop.run_once(None).unwrap(), Turn::Stop);
    assert_eq!(event_loop.run_once(NOW).unwrap(), Turn::Continue);
    event_loop.stop();
    let too_slow = event_loop.run_until_complete(async {
        yield_now().await?;
        Ok(1)
    });
    assert!(matches!(run_error(&too_slow.unwrap_err()), RunError::StoppedBeforeDone));
    event_loop.stop();
    assert_eq!(event_loop.run_until_complete(async { Ok(2) }).unwrap(), 2, "one step is enough");
    assert_eq!(event_loop.run_once(NOW).unwrap(), Turn::Continue);
}

//= SPEC.md#s-3
//= type=test
//# Running a loop that runs, or while another loop runs in the same thread, MUST be refused and
//# MUST change nothing.
#[test]
fn s3_a_running_loop_cannot_be_run() {
    let event_loop = Rc::new(virtual_loop());
    let log = Log::default();
    let owned = Rc::new(());
    let attempt = {
        let (again, owned) = (Rc::clone(&event_loop), Rc::clone(&owned));
        move || {
            let before = census(&again);
            assert!(matches!(again.run_forever(), Err(RunError::AlreadyRunning)));
            assert!(matches!(again.run_once(NOW), Err(RunError::AlreadyRunning)));
            let coroutine_owns = Rc::clone(&owned);
            let refused = again.run_until_complete(async move {
                drop(coroutine_owns);
                Ok(())
            });
            assert!(matches!(run_error(&refused.unwrap_err()), RunError::AlreadyRunning));
            assert_eq!(census(&again), before, "the coroutine was not made into a task");
            assert!(again.is_running() && again.handle().is_running());
            assert_eq!(get_running_loop().unwrap().handle(), again.handle());
        }
    };
    event_loop.call_soon(attempt.clone()).unwrap();
    event_loop.call_soon(note(&log, "the batch goes on")).unwrap();
    let _turn = event_loop.run_once(NOW).unwrap();
    assert_eq!(log.entries(), ["the batch goes on"]);
    // From a coroutine, with a stop pending: the refused runs do not consume it.
    let in_step = attempt.clone();
    let stepping = async move {
        stop();
        in_step();
        yield_now().await
    };
    let error = event_loop.run_until_complete(stepping).unwrap_err();
    assert!(matches!(run_error(&error), RunError::StoppedBeforeDone));
    drop(attempt);
    let _turn = event_loop.run_once(NOW).unwrap();
    assert_eq!(Rc::strong_count(&owned), 1, "the refused coroutines are dropped");
}

//= SPEC.md#s-3
//= type=test
//# Running a loop that runs, or while another loop runs in the same thread, MUST be refused and
//# MUST change nothing.
#[test]
fn s3_a_loop_cannot_be_run_inside_another() {
    let (outer, inner) = (virtual_loop(), Rc::new(virtual_loop()));
    let log = Log::default();
    inner.call_soon(note(&log, "inner callback")).unwrap();
    inner.stop();
    let nested = Rc::clone(&inner);
    let attempt = move || {
        let before = census(&nested);
        assert!(matches!(nested.run_forever(), Err(RunError::OtherLoopRunning)));
        assert!(matches!(nested.run_once(NOW), Err(RunError::OtherLoopRunning)));
        let refused = nested.run_until_complete(async { Ok(()) }).unwrap_err();
        assert!(matches!(run_error(&refused), RunError::OtherLoopRunning));
        assert_eq!(census(&nested), before);
        assert!(!nested.is_running() && !nested.handle().is_running());
        get_running_loop().unwrap().handle()
    };
    let running = Rc::new(RefCell::new(None));
    let named = Rc::clone(&running);
    outer.call_soon(move || drop(named.replace(Some(attempt())))).unwrap();
    outer.call_soon(note(&log, "the outer batch goes on")).unwrap();
    let _turn = outer.run_once(NOW).unwrap();
    assert_eq!(running.take(), Some(outer.handle()), "the outer loop is still the running one");
    assert_eq!(log.entries(), ["the outer batch goes on"]);
    // Outside it runs, and the stop that was pending is there still.
    assert_eq!(inner.run_once(NOW).unwrap(), Turn::Stop);
    assert_eq!(log.entries(), ["the outer batch goes on", "inner callback"]);
}

//= SPEC.md#s-3
//= type=test
//# Running a loop that runs, or while another loop runs in the same thread, MUST be refused and
//# MUST change nothing.
#[test]
fn s3_two_threads_run_two_loops() {
    let event_loop = virtual_loop();
    event_loop
        .call_soon(|| {
            elsewhere(|| {
                assert!(get_running_loop().is_err());
                assert_eq!(virtual_loop().run_until_complete(async { Ok(1) }).unwrap(), 1);
            });
        })
        .unwrap();
    let _turn = event_loop.run_once(NOW).unwrap();
    assert!(get_running_loop().is_err(), "no loop runs any more");
}

//= SPEC.md#s-4
//= type=test
//# `run_until_complete` MUST return the outcome, or an error if the loop was stopped first, and
//# MUST leave nothing behind that stops a later run.
#[test]
fn s4_the_outcome_is_returned() {
    let event_loop = virtual_loop();
    let value = async {
        sleep(Duration::from_secs(1)).await?;
        Ok("value")
    };
    assert_eq!(event_loop.run_until_complete(value).unwrap(), "value");
    let raised = Exception::new("raised");
    let raises = {
        let raised = raised.clone();
        async move {
            yield_now().await?;
            Err::<(), _>(raised)
        }
    };
    assert!(event_loop.run_until_complete(raises).unwrap_err().same_object(&raised));
    let task = event_loop.create_task(sleep(Duration::from_secs(9))).unwrap();
    assert!(task.cancel_with_message("enough"));
    let cancelled = event_loop.run_until_complete(task).unwrap_err();
    assert_eq!(cancelled.cancelled().unwrap().message(), Some("enough"));
    assert_eq!(event_loop.run_once(NOW).unwrap(), Turn::Continue, "no stop is left");
}

//= SPEC.md#s-4
//= type=test
//# `run_until_complete` MUST return the outcome, or an error if the loop was stopped first, and
//# MUST leave nothing behind that stops a later run.
#[test]
fn s4_stopped_first_is_an_error_and_the_task_goes_on() {
    let event_loop = virtual_loop();
    let log = Log::default();
    let done = note(&log, "done");
    event_loop.call_later(Duration::from_secs(1), stop).unwrap();
    let slow = async move {
        sleep(Duration::from_secs(2)).await?;
        done();
        Ok(())
    };
    let error = event_loop.run_until_complete(slow).unwrap_err();
    assert!(matches!(run_error(&error), RunError::StoppedBeforeDone));
    // The orphan ends in a later run, and does not stop that.
    event_loop.call_later(Duration::from_secs(5), note(&log, "later")).unwrap();
    event_loop.call_later(Duration::from_secs(6), stop).unwrap();
    event_loop.run_forever().unwrap();
    assert_eq!(log.entries(), ["done", "later"]);
}

//= SPEC.md#s-4
//= type=test
//# `run_until_complete` MUST return the outcome, or an error if the loop was stopped first, and
//# MUST leave nothing behind that stops a later run.
#[test]
fn s4_a_run_that_an_exit_ended_leaves_no_stop_behind() {
    let event_loop = virtual_loop();
    let log = Log::default();
    // The task is done in the batch that the exit leaves, so its stop is queued and not yet run.
    let ends = async {
        get_running_loop()?.call_soon(|| ())?;
        Ok(())
    };
    event_loop
        .call_soon(|| {
            let raise = || ExitRequest { code: 3 }.raise();
            get_running_loop().unwrap().call_soon(raise).map(drop).unwrap();
        })
        .unwrap();
    event_loop
        .call_soon(|| {
            // Behind the task's first step.
            let local = get_running_loop().unwrap();
            local.call_soon(|| ()).unwrap();
        })
        .unwrap();
    let run = event_loop.run_until_complete(async move {
        yield_now().await?;
        ends.await
    });
    assert_eq!(run.unwrap_err().exit_request(), Some(ExitRequest { code: 3 }));
    event_loop.call_soon(|| count_down_and_stop(5)).unwrap();
    event_loop.call_later(Duration::ZERO, note(&log, "timer")).unwrap();
    let again = log.clone();
    event_loop
        .call_soon(move || {
            get_running_loop().unwrap().call_soon(note(&again, "second iteration")).unwrap();
        })
        .unwrap();
    event_loop.run_forever().unwrap();
    let mut entries = log.entries();
    entries.sort_unstable();
    assert_eq!(entries, ["second iteration", "timer"]);
    assert_eq!(census(&event_loop), Census { queued: 0, timers: 0, tasks: 0, parcels: 0 });
}

//= SPEC.md#s-2
//= type=test
//# A stop requested while the loop does not run MUST make the next run return after one iteration.
//= SPEC.md#s-4
//= type=test
//# `run_until_complete` MUST return the outcome, or an error if the loop was stopped first, and
//# MUST leave nothing behind that stops a later run.
#[test]
fn s4_a_coroutine_that_the_factory_refuses_is_not_run() {
    let event_loop = virtual_loop();
    let why = Exception::new("no tasks today");
    let refusal = why.clone();
    event_loop.set_task_factory(move |_| Err(refusal.clone()));
    let refused = event_loop.run_until_complete(async { Ok(()) }).unwrap_err();
    assert!(refused.same_object(&why));
    event_loop.reset_task_factory();
    assert!(!event_loop.is_running());
    // It had no iteration, so a stop that was requested before it is there still.
    event_loop.set_task_factory(|_| Err(Exception::new("no tasks today either")));
    event_loop.stop();
    event_loop.run_until_complete(async { Ok(()) }).unwrap_err();
    event_loop.reset_task_factory();
    assert_eq!(event_loop.run_once(NOW).unwrap(), Turn::Stop);
    assert_eq!(event_loop.run_until_complete(async { Ok(1) }).unwrap(), 1);
}

//= SPEC.md#s-5
//= type=test
//# `run_once` MUST run one iteration, sleeping no longer than its timeout.
#[test]
fn s5_one_iteration_that_sleeps_no_longer_than_its_timeout() {
    let event_loop = virtual_loop();
    let log = Log::default();
    let second = Duration::from_secs(1);
    let at = |seconds: u64| Time::from_nanos(seconds * 1_000_000_000);
    assert_eq!(event_loop.run_once(NOW).unwrap(), Turn::Continue);
    assert_eq!(event_loop.time(), at(0));
    assert_eq!(event_loop.run_once(Some(5 * second)).unwrap(), Turn::Continue);
    assert_eq!(event_loop.time(), at(5), "nothing to do");
    event_loop.call_later(3 * second, note(&log, "timer")).unwrap();
    let _turn = event_loop.run_once(Some(second)).unwrap();
    assert_eq!((event_loop.time(), log.entries()), (at(6), vec![]), "too short for the timer");
    let _turn = event_loop.run_once(Some(10 * second)).unwrap();
    assert_eq!((event_loop.time(), log.entries()), (at(8), vec!["timer"]), "no longer than needed");
    event_loop.call_later(2 * second, note(&log, "another")).unwrap();
    let _turn = event_loop.run_once(None).unwrap();
    assert_eq!((event_loop.time(), log.entries()), (at(10), vec!["timer", "another"]));
    event_loop.call_soon(note(&log, "callback")).unwrap();
    let _turn = event_loop.run_once(Some(5 * second)).unwrap();
    assert_eq!(event_loop.time(), at(10), "with something to do it does not sleep");
    // Longer than the clock's range is as good as for ever.
    event_loop.call_later(second, note(&log, "last")).unwrap();
    let _turn = event_loop.run_once(Some(Duration::MAX)).unwrap();
    assert_eq!(log.entries(), ["timer", "another", "callback", "last"]);
}

//= SPEC.md#s-5
//= type=test
//# `run_once` MUST run one iteration, sleeping no longer than its timeout.
#[test]
fn s5_one_iteration_is_one_batch() {
    let event_loop = virtual_loop();
    let log = Log::default();
    let noted = log.clone();
    event_loop
        .call_soon(move || {
            get_running_loop().unwrap().call_soon(note(&noted, "second")).unwrap();
            note(&noted, "first")();
        })
        .unwrap();
    let _turn = event_loop.run_once(None).unwrap();
    assert_eq!(log.entries(), ["first"]);
    let _turn = event_loop.run_once(None).unwrap();
    assert_eq!(log.entries(), ["first", "second"]);
}

//= SPEC.md#s-6
//= type=test
//# `close` MUST be refused while the loop runs, MUST be idempotent, and MUST drop all queued work,
//# timers and tasks.
#[test]
fn s6_close_is_refused_while_the_loop_runs() {
    let event_loop = Rc::new(virtual_loop());
    let log = Log::default();
    let (again, noted) = (Rc::clone(&event_loop), log.clone());
    event_loop
        .call_soon(move || {
            assert!(matches!(again.close(), Err(RunError::AlreadyRunning)));
            assert!(!again.is_closed() && !again.handle().is_closed());
            again.call_soon(note(&noted, "still open")).unwrap();
        })
        .unwrap();
    event_loop.call_later(Duration::from_secs(1), note(&log, "timer")).unwrap();
    for _ in 0..3 {
        let _turn = event_loop.run_once(Some(Duration::from_secs(1))).unwrap();
    }
    assert_eq!(log.entries(), ["still open", "timer"]);
}

//= SPEC.md#s-6
//= type=test
//# `close` MUST be refused while the loop runs, MUST be idempotent, and MUST drop all queued work,
//# timers and tasks.
#[test]
fn s6_close_drops_queue_timers_tasks_and_watchers() {
    let event_loop = virtual_loop();
    let (handle, owned) = (event_loop.handle(), Arc::new(()));
    let work = || {
        let owned = Arc::clone(&owned);
        move || unreachable!("closed: {owned:?}")
    };
    let (reader, _writer) = UnixStream::pair().unwrap();
    // Every handle is kept: what it leads to goes all the same.
    let kept = (
        event_loop.call_soon(work()).unwrap(),
        event_loop.call_later(Duration::from_secs(1), work()).unwrap(),
        handle.call_soon_threadsafe(work()).unwrap(),
        handle.call_later_threadsafe(Duration::from_secs(1), work()).unwrap(),
    );
    event_loop.add_reader(&reader, work()).unwrap();
    event_loop.add_writer(&reader, work()).unwrap();
    let (suspended_owns, begun) = (Arc::clone(&owned), Rc::new(Cell::new(false)));
    let begin = Rc::clone(&begun);
    let suspended = event_loop
        .create_task(async move {
            let _owns = suspended_owns;
            begin.set(true);
            sleep(Duration::from_secs(5)).await
        })
        .unwrap();
    let (promise, source) = concurrent::promise::<u8>();
    let wrapped = event_loop.wrap_future(source).unwrap();
    let other = virtual_loop();
    // A turn for the task alone: the rest is scheduled again below.
    drop(other);
    event_loop.close().unwrap();
    assert!(!begun.get());
    assert_eq!(Arc::strong_count(&owned), 1);
    assert_eq!(census(&event_loop), Census { queued: 0, timers: 0, tasks: 0, parcels: 0 });
    assert!(suspended.exception().unwrap().unwrap().is::<LoopClosed>());
    assert!(wrapped.exception().unwrap().unwrap().is::<LoopClosed>());
    promise.set_result(1).unwrap();
    assert!(event_loop.all_tasks().is_empty());
    assert!(event_loop.is_closed() && handle.is_closed());
    assert_eq!(event_loop.poll_timeout(), None);
    drop(kept);
    event_loop.close().unwrap();
}

//= SPEC.md#s-6
//= type=test
//# `close` MUST be refused while the loop runs, MUST be idempotent, and MUST drop all queued work,
//# timers and tasks.
#[test]
fn s6_close_drops_a_suspended_coroutine() {
    let event_loop = virtual_loop();
    let owned = Rc::new(());
    let owns = Rc::clone(&owned);
    let task = event_loop
        .create_task(async move {
            let _owns = owns;
            sleep(Duration::from_secs(5)).await
        })
        .unwrap();
    let _turn = event_loop.run_once(NOW).unwrap();
    assert_eq!((Rc::strong_count(&owned), census(&event_loop).timers), (2, 1));
    event_loop.close().unwrap();
    assert_eq!((Rc::strong_count(&owned), census(&event_loop).timers), (1, 0));
    assert!(task.done());
}

//= SPEC.md#s-6
//= type=test
//# `close` MUST be refused while the loop runs, MUST be idempotent, and MUST drop all queued work,
//# timers and tasks.
#[test]
fn s6_close_survives_whatever_panics_when_it_is_dropped() {
    let event_loop = virtual_loop();
    let dropped = Arc::new(AtomicUsize::new(0));
    let bomb = || {
        let dropped = Arc::clone(&dropped);
        let bomb = OnDrop(move || {
            dropped.fetch_add(1, Ordering::SeqCst);
            resume_unwind(Box::new("dropped"));
        });
        move || _ = &bomb
    };
    // Two of each kind: a second panic while the first unwinds would abort the program.
    for delay in [1, 2] {
        event_loop.call_soon(bomb()).unwrap();
        event_loop.call_later(Duration::from_secs(delay), bomb()).unwrap();
        let owned = bomb();
        let coroutine = async move {
            owned();
            Ok(())
        };
        drop(event_loop.create_task(coroutine).unwrap());
        let handle = event_loop.handle();
        handle.call_soon_threadsafe(bomb()).unwrap();
        handle.call_later_threadsafe(Duration::from_secs(delay), bomb()).unwrap();
    }
    let (reader, _writer) = UnixStream::pair().unwrap();
    event_loop.add_reader(&reader, bomb()).unwrap();
    event_loop.add_writer(&reader, bomb()).unwrap();
    let in_handler = bomb();
    event_loop.set_exception_handler(move |_| in_handler());
    let in_factory = bomb();
    event_loop.set_task_factory(move |coroutine| {
        in_factory();
        Ok(coroutine.into_task())
    });
    event_loop.close().unwrap();
    assert_eq!(dropped.load(Ordering::SeqCst), 2 * 5 + 2 + 2);
    event_loop.close().unwrap();
    assert!(event_loop.is_closed());
}

//= SPEC.md#s-6
//= type=test
//# `close` MUST be refused while the loop runs, MUST be idempotent, and MUST drop all queued work,
//# timers and tasks.
#[test]
fn s6_what_close_drops_finds_the_loop_closed() {
    let event_loop = Rc::new(virtual_loop());
    let visits = Rc::new(Cell::new(0));
    let nosy = || {
        let (event_loop, visits) = (Rc::clone(&event_loop), Rc::clone(&visits));
        OnDrop(move || {
            assert!(event_loop.is_closed() && event_loop.handle().is_closed());
            assert_eq!(event_loop.call_soon(|| ()).err(), Some(LoopClosed));
            event_loop.create_task(async { Ok(()) }).unwrap_err();
            assert!(event_loop.run_once(NOW).is_err());
            event_loop.close().unwrap();
            visits.set(visits.get() + 1);
        })
    };
    let (in_callback, in_timer, in_task) = (nosy(), nosy(), nosy());
    event_loop.call_soon(move || drop(in_callback)).unwrap();
    event_loop.call_later(Duration::from_secs(1), move || drop(in_timer)).unwrap();
    let coroutine = async move {
        drop(in_task);
        Ok(())
    };
    let task = event_loop.create_task(coroutine).unwrap();
    event_loop.close().unwrap();
    assert_eq!(visits.get(), 3);
    assert!(task.done());
}

/// A loop with a submission that will never end by itself.
fn with_endless_submission() -> (EventLoop, LoopHandle, ConcurrentFuture<()>) {
    // The bare type: a checked loop closes itself.
    let event_loop = EventLoop::new().unwrap();
    let handle = event_loop.handle();
    let future = elsewhere(|| {
        handle.run_coroutine_threadsafe(std::future::pending::<Result<(), Exception>>()).unwrap()
    });
    for _ in 0..2 {
        let _turn = event_loop.run_once(NOW).unwrap();
    }
    (event_loop, handle, future)
}

fn is_loop_closed<T>(result: &Result<T, ResultError>) -> bool {
    matches!(result, Err(ResultError::Exception(why)) if why.is::<LoopClosed>())
}

//= SPEC.md#s-7
//= type=test
//# Dropping the loop MUST close it.
#[test]
fn s7_dropping_the_loop_closes_it() {
    let (event_loop, handle, future) = with_endless_submission();
    assert!(!handle.is_closed());
    let waiter = {
        let future = future.clone();
        thread::spawn(move || future.result_timeout(GUARD))
    };
    drop(event_loop);
    assert!(handle.is_closed());
    assert!(is_loop_closed(&waiter.join().unwrap()));
    assert!(handle.call_soon_threadsafe(|| {}).is_err());
}

//= SPEC.md#s-7
//= type=test
//# Dropping the loop MUST close it.
#[test]
fn s7_the_loop_is_closed_when_its_thread_unwinds() {
    let (ends, end) = mpsc::channel();
    let thread = thread::spawn(move || {
        let (event_loop, handle, future) = with_endless_submission();
        // What panics when dropped must not abort a thread that is unwinding already.
        let bomb = OnDrop(|| resume_unwind(Box::new("dropped")));
        event_loop.call_soon(move || drop(bomb)).unwrap();
        let queued = elsewhere(|| handle.run_coroutine_threadsafe(async { Ok(1) }).unwrap());
        ends.send((handle, future, queued)).unwrap();
        resume_unwind(Box::new("the owner's thread panics"));
    });
    let (handle, future, queued) = end.recv().unwrap();
    assert!(is_loop_closed(&future.result_timeout(GUARD)));
    assert!(is_loop_closed(&queued.result_timeout(GUARD)));
    assert!(thread.join().is_err());
    assert!(handle.is_closed());
}

//= SPEC.md#s-7
//= type=test
//# Dropping the loop MUST close it.
#[test]
fn s7_a_handle_and_a_local_loop_do_not_keep_it_open() {
    let event_loop = EventLoop::new().unwrap();
    let (locals, slot) = (Rc::new(RefCell::new(None)), Rc::new(Cell::new(false)));
    let keep = Rc::clone(&locals);
    event_loop.call_soon(move || drop(keep.replace(get_running_loop().ok()))).unwrap();
    let _turn = event_loop.run_once(NOW).unwrap();
    let dropped = Rc::clone(&slot);
    let owned = OnDrop(move || dropped.set(true));
    event_loop.call_soon(move || drop(owned)).unwrap();
    drop(event_loop);
    assert!(slot.get());
    let local = locals.take().unwrap();
    assert!(local.is_closed());
    assert_eq!(local.call_soon(|| ()).err(), Some(LoopClosed));
}

//= SPEC.md#s-8
//= type=test
//# After close every operation that would schedule work MUST be refused with `LoopClosed`.
#[test]
fn s8_after_close_everything_that_would_schedule_is_refused() {
    let event_loop = virtual_loop();
    event_loop.close().unwrap();
    let owned = Arc::new(());
    let work = || {
        let owned = Arc::clone(&owned);
        move || unreachable!("refused: {owned:?}")
    };
    let coroutine = || {
        let owned = Arc::clone(&owned);
        async move { unreachable!("refused: {owned:?}") }
    };
    assert_eq!(event_loop.call_soon(work()).err(), Some(LoopClosed));
    assert_eq!(event_loop.call_at(Time::ZERO, work()).err(), Some(LoopClosed));
    for delay in [Duration::ZERO, Duration::from_secs(1), Duration::MAX] {
        let refused = event_loop.call_later(delay, work()).unwrap_err();
        assert!(refused.is::<LoopClosed>(), "{refused}");
    }
    assert!(event_loop.create_task::<(), _>(coroutine()).unwrap_err().is::<LoopClosed>());
    let (_promise, source) = concurrent::promise::<u8>();
    assert_eq!(event_loop.wrap_future(source).err(), Some(LoopClosed));
    let pool = Arc::new(ThreadPoolExecutor::builder().max_workers(1).build().unwrap());
    let function = || {
        let work = work();
        move || -> Result<(), Exception> {
            work();
            Ok(())
        }
    };
    let refused = event_loop.run_in_executor(None, function());
    assert!(matches!(refused, Err(SubmitError::LoopClosed)));
    let refused = event_loop.run_in_executor(Some(&*pool), function());
    assert!(matches!(refused, Err(SubmitError::LoopClosed)));
    assert_eq!(pool.workers(), 0);
    let refused = event_loop.set_default_executor(pool);
    assert!(matches!(refused, Err(SubmitError::LoopClosed)));
    let (reader, _writer) = UnixStream::pair().unwrap();
    assert!(matches!(event_loop.add_reader(&reader, work()), Err(WatchError::LoopClosed)));
    assert!(matches!(event_loop.add_writer(&reader, work()), Err(WatchError::LoopClosed)));
    assert!(!event_loop.remove_reader(&reader) && !event_loop.remove_writer(&reader));
    assert!(matches!(event_loop.run_forever(), Err(RunError::Closed)));
    assert!(matches!(event_loop.run_once(NOW), Err(RunError::Closed)));
    let refused = event_loop.run_until_complete::<(), _>(coroutine()).unwrap_err();
    assert!(matches!(run_error(&refused), RunError::Closed));
    assert_eq!(Arc::strong_count(&owned), 1, "refused work is dropped");
    // What schedules nothing does no harm.
    event_loop.stop();
    event_loop.set_task_factory(|coroutine| Ok(coroutine.into_task()));
    event_loop.reset_task_factory();
    event_loop.set_exception_handler(|_| ());
    event_loop.reset_exception_handler();
    assert!(event_loop.all_tasks().is_empty() && !event_loop.is_running());
    let (promise, future) = event_loop.create_future();
    future.add_done_callback(|_| unreachable!("there is no next iteration"));
    promise.set_result(1).unwrap();
    assert_eq!(future.result().unwrap(), 1);
    assert_eq!(census(&event_loop), Census { queued: 0, timers: 0, tasks: 0, parcels: 0 });
}

/// Schedules what raises an exit request.
type Raise = fn(&EventLoop);

/// Every place from which an exit request may come.
const RAISERS: [(&str, Raise); 9] = [
    ("callback", |event_loop| {
        event_loop.call_soon(|| raise()).unwrap();
    }),
    ("post", |event_loop| {
        event_loop.handle().call_soon_threadsafe(|| raise()).unwrap();
    }),
    ("coroutine that returns it", |event_loop| {
        drop(event_loop.create_task(async { Err::<(), _>(EXIT.into()) }).unwrap());
    }),
    ("coroutine that unwinds", |event_loop| {
        drop(event_loop.create_task::<(), _>(async { raise() }).unwrap());
    }),
    ("done-callback", |event_loop| {
        let (promise, future) = event_loop.create_future();
        future.add_done_callback(|_| raise());
        promise.set_result(()).unwrap();
    }),
    ("exception handler", |event_loop| {
        event_loop.set_exception_handler(|_| raise());
        event_loop.call_soon(|| resume_unwind(Box::new("reported"))).unwrap();
    }),
    ("submission", |event_loop| {
        let unwind = || -> std::future::Ready<Result<(), Exception>> { raise() };
        drop(event_loop.handle().run_coroutine_threadsafe_with(unwind).unwrap());
    }),
    ("task factory of a submission", |event_loop| {
        event_loop.set_task_factory(|_| raise());
        drop(event_loop.handle().run_coroutine_threadsafe(async { Ok(()) }).unwrap());
    }),
    ("what a callback drops", |event_loop| {
        let owned = OnDrop(|| raise());
        event_loop.call_soon(move || drop(owned)).unwrap();
    }),
];

const EXIT: ExitRequest = ExitRequest { code: 7 };

fn raise() -> ! {
    EXIT.raise()
}

//= SPEC.md#s-9
//= type=test
//# An exit request MUST leave the run at once, after the future of the work that raised it is done,
//# with the rest of the batch still queued in order.
#[test]
fn s9_an_exit_request_leaves_at_once_and_the_rest_stays_in_order() {
    for (place, schedule) in RAISERS {
        let event_loop = virtual_loop();
        let log = Log::default();
        event_loop.call_soon(note(&log, "before")).unwrap();
        schedule(&event_loop);
        event_loop.call_soon(note(&log, "behind 1")).unwrap();
        event_loop.handle().call_soon_threadsafe(|| {}).unwrap();
        event_loop.call_soon(note(&log, "behind 2")).unwrap();
        event_loop.call_at(Time::ZERO, note(&log, "behind 3")).unwrap();
        let left = event_loop.run_forever().unwrap_err();
        assert_eq!(log.entries(), ["before"], "{place}");
        assert_eq!(Exception::from(left).exit_request(), Some(EXIT), "{place}");
        assert!(!event_loop.is_running(), "{place}");
        event_loop.reset_task_factory();
        event_loop.reset_exception_handler();
        event_loop.call_soon(note(&log, "scheduled between the runs")).unwrap();
        // The request is gone, and nothing is run twice.
        event_loop.call_soon(|| count_down_and_stop(3)).unwrap();
        event_loop.run_forever().unwrap_or_else(|error| panic!("{place}: {error}"));
        let expected = ["before", "behind 1", "behind 2", "behind 3", "scheduled between the runs"];
        assert_eq!(log.entries(), expected, "{place}");
    }
}

//= SPEC.md#s-9
//= type=test
//# An exit request MUST leave the run at once, after the future of the work that raised it is done,
//# with the rest of the batch still queued in order.
#[test]
fn s9_an_exit_request_from_a_timer_leaves_the_later_ones() {
    let event_loop = virtual_loop();
    let log = Log::default();
    event_loop.call_later(Duration::from_secs(1), || raise()).unwrap();
    event_loop.call_later(Duration::from_secs(1), note(&log, "same moment")).unwrap();
    let left = event_loop.run_until_complete(std::future::pending::<Result<(), Exception>>());
    assert_eq!(left.unwrap_err().exit_request(), Some(EXIT));
    assert_eq!(log.entries(), [""; 0]);
    let _turn = event_loop.run_once(NOW).unwrap();
    assert_eq!(log.entries(), ["same moment"]);
}

//= SPEC.md#s-9
//= type=test
//# An exit request MUST leave the run at once, after the future of the work that raised it is done,
//# with the rest of the batch still queued in order.
#[test]
fn s9_an_exit_request_from_a_reader_leaves_the_writer_for_the_next_run() {
    let event_loop = virtual_loop();
    let (reader, mut writer) = UnixStream::pair().unwrap();
    writer.write_all(b"x").unwrap();
    let log = Log::default();
    let (mut read_end, noted) = (reader.try_clone().unwrap(), log.clone());
    let on_readable = move || {
        read_end.read_exact(&mut [0]).unwrap();
        raise()
    };
    event_loop.add_reader(&reader, on_readable).unwrap();
    event_loop.add_writer(&reader, move || noted.note("writable")).unwrap();
    assert!(event_loop.run_once(NOW).is_err());
    assert_eq!(log.entries(), [""; 0], "the rest of the batch");
    let _turn = event_loop.run_once(NOW).unwrap();
    assert!(!log.entries().is_empty());
}

//= SPEC.md#s-9
//= type=test
//# An exit request MUST leave the run at once, after the future of the work that raised it is done,
//# with the rest of the batch still queued in order.
#[test]
fn s9_the_future_of_the_work_is_done_before_the_run_ends() {
    guarded(|| {
        let event_loop = virtual_loop();
        let handle = event_loop.handle();
        // Nobody runs the loop after the exit: the submitter must have its answer by then.
        let futures: Vec<ConcurrentFuture<()>> = elsewhere(|| {
            let returned = handle.run_coroutine_threadsafe(async { Err(EXIT.into()) });
            let unwound = handle.run_coroutine_threadsafe(async { raise() });
            let built =
                handle.run_coroutine_threadsafe_with::<_, std::future::Ready<_>>(|| raise());
            vec![returned.unwrap(), unwound.unwrap(), built.unwrap()]
        });
        let mut left: Vec<Exception> = Vec::new();
        while left.len() < 3 {
            if let Err(error) = event_loop.run_once(NOW) {
                left.push(error.into());
            }
        }
        for future in futures {
            assert!(future.done());
            match future.result() {
                Err(ResultError::Exception(exception)) => {
                    assert!(left.iter().any(|request| request.same_object(&exception)));
                }
                other => panic!("{other:?}"),
            }
        }
    });
}

//= SPEC.md#s-9
//= type=test
//# An exit request MUST leave the run at once, after the future of the work that raised it is done,
//# with the rest of the batch still queued in order.
#[test]
fn s9_the_task_is_done_and_its_run_returns_its_own_object() {
    let event_loop = virtual_loop();
    let request = Exception::from(EXIT);
    let returned = request.clone();
    let error = event_loop.run_until_complete(async move { Err::<(), _>(returned) }).unwrap_err();
    assert!(error.same_object(&request));
    let task = event_loop.create_task(async { Err::<(), _>(EXIT.into()) }).unwrap();
    let reports = record_reports(&event_loop);
    assert!(event_loop.run_once(NOW).is_err());
    assert!(task.done());
    assert_eq!(task.exception().unwrap().unwrap().exit_request(), Some(EXIT));
    drop(task);
    let _turn = event_loop.run_once(NOW).unwrap();
    assert_eq!(reports.entries().len(), 0, "whoever runs the loop was told");
}

//= SPEC.md#s-9
//= type=test
//# An exit request MUST leave the run at once, after the future of the work that raised it is done,
//# with the rest of the batch still queued in order.
#[test]
fn s9_a_report_of_the_kernel_itself_may_raise_it() {
    let event_loop = virtual_loop();
    let log = Log::default();
    event_loop.set_exception_handler(|_| raise());
    loopgate::checkers::break_pipe(&event_loop);
    event_loop.call_later(Duration::from_secs(1), note(&log, "timer")).unwrap();
    // The broken pipe is reported when the loop has slept, before the batch.
    let left = event_loop.run_once(None).unwrap_err();
    assert_eq!(Exception::from(left).exit_request(), Some(EXIT));
    assert_eq!(log.entries(), [""; 0]);
    let _turn = event_loop.run_once(None).unwrap();
    assert_eq!(log.entries(), ["timer"]);
}

/// A foreign event loop that drives another: outside its own runs, since runs do not nest.
struct Driver {
    outer: CheckedLoop,
    inner: CheckedLoop,
    shown: Rc<Cell<u32>>,
}

impl Driver {
    fn new(inner: CheckedLoop) -> Driver {
        let (outer, shown) = (real_loop(), Rc::new(Cell::new(0)));
        let seen = Rc::clone(&shown);
        outer.add_reader(&inner, move || seen.set(seen.get() + 1)).unwrap();
        Driver { outer, inner, shown }
    }

    /// Whether the inner loop's descriptor is readable now.
    fn readable(&self) -> bool {
        let before = self.shown.get();
        let _turn = self.outer.run_once(NOW).unwrap();
        self.shown.get() > before
    }

    /// Waits as the inner loop asks for, and gives it its turn.
    fn step(&self) {
        let _turn = self.outer.run_once(self.inner.poll_timeout()).unwrap();
        let _turn = self.inner.run_once(NOW).unwrap();
    }
}

//= SPEC.md#s-10
//= type=test
//# The loop's descriptor MUST be readable when the loop has been woken or a watched descriptor is
//# ready, so that a foreign event loop can drive it with `run_once` and `poll_timeout`.
#[test]
fn s10_the_descriptor_shows_a_post_until_the_loop_has_looked() {
    let driver = Driver::new(real_loop());
    let handle = driver.inner.handle();
    assert!(!driver.readable());
    assert_eq!(driver.inner.poll_timeout(), None);
    for _ in 0..3 {
        elsewhere(|| handle.call_soon_threadsafe(|| {}).unwrap());
        assert!(driver.readable() && driver.readable());
        assert_eq!(driver.inner.poll_timeout(), Some(Duration::ZERO));
        let _turn = driver.inner.run_once(NOW).unwrap();
        assert_eq!(driver.inner.poll_timeout(), None);
        assert!(!driver.readable(), "a foreign loop would spin");
    }
    assert_eq!(drain_pipe(&driver.inner), 0);
}

//= SPEC.md#s-10
//= type=test
//# The loop's descriptor MUST be readable when the loop has been woken or a watched descriptor is
//# ready, so that a foreign event loop can drive it with `run_once` and `poll_timeout`.
#[test]
fn s10_the_descriptor_shows_a_ready_descriptor_until_it_is_served() {
    let driver = Driver::new(real_loop());
    let (reader, mut writer) = UnixStream::pair().unwrap();
    let mut read_end = reader.try_clone().unwrap();
    let reads = Rc::new(Cell::new(0));
    let count = Rc::clone(&reads);
    let on_readable = move || {
        read_end.read_exact(&mut [0]).unwrap();
        count.set(count.get() + 1);
    };
    driver.inner.add_reader(&reader, on_readable).unwrap();
    assert!(!driver.readable());
    writer.write_all(b"abc").unwrap();
    for round in 1..=3 {
        assert!(driver.readable(), "ready still");
        let _turn = driver.inner.run_once(NOW).unwrap();
        assert_eq!(reads.get(), round);
    }
    assert!(!driver.readable());
    // Ready, but removed: nothing to show.
    writer.write_all(b"d").unwrap();
    assert!(driver.readable());
    assert!(driver.inner.remove_reader(&reader));
    assert!(!driver.readable());
}

//= SPEC.md#s-10
//= type=test
//# The loop's descriptor MUST be readable when the loop has been woken or a watched descriptor is
//# ready, so that a foreign event loop can drive it with `run_once` and `poll_timeout`.
#[test]
fn s10_poll_timeout_says_when_there_is_work() {
    let inner = virtual_loop();
    assert_eq!(inner.poll_timeout(), None);
    let timer = inner.call_later(Duration::from_secs(9), || {}).unwrap();
    let near = inner.call_later(Duration::from_secs(4), || {}).unwrap();
    assert_eq!(inner.poll_timeout(), Some(Duration::from_secs(4)));
    inner.clock().sleep(Duration::from_secs(1));
    assert_eq!(inner.poll_timeout(), Some(Duration::from_secs(3)));
    near.cancel();
    assert_eq!(inner.poll_timeout(), Some(Duration::from_secs(8)));
    inner.clock().sleep(Duration::from_secs(100));
    assert_eq!(inner.poll_timeout(), Some(Duration::ZERO), "overdue");
    timer.cancel();
    assert_eq!(inner.poll_timeout(), None);
    inner.call_soon(|| {}).unwrap();
    assert_eq!(inner.poll_timeout(), Some(Duration::ZERO));
    let _turn = inner.run_once(NOW).unwrap();
    assert_eq!(inner.poll_timeout(), None);
    inner.stop();
    assert_eq!(inner.poll_timeout(), Some(Duration::ZERO));
    let _turn = inner.run_once(NOW).unwrap();
    inner.handle().call_later_threadsafe(Duration::from_secs(1), || {}).unwrap();
    assert_eq!(inner.poll_timeout(), Some(Duration::ZERO), "mail to be looked at");
    let _turn = inner.run_once(NOW).unwrap();
    assert_eq!(inner.poll_timeout(), Some(Duration::from_secs(1)));
}

//= SPEC.md#s-10
//= type=test
//# The loop's descriptor MUST be readable when the loop has been woken or a watched descriptor is
//# ready, so that a foreign event loop can drive it with `run_once` and `poll_timeout`.
#[test]
fn s10_a_foreign_loop_drives_everything_to_its_end() {
    const POSTS: u32 = 1_000;
    guarded(|| {
        let driver = Driver::new(real_loop());
        let handle = driver.inner.handle();
        let runs = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&runs);
        let poster = thread::spawn(move || {
            for round in 0..POSTS {
                let counted = Arc::clone(&counted);
                let count = move || _ = counted.fetch_add(1, Ordering::SeqCst);
                if round.is_multiple_of(2) {
                    handle.call_soon_threadsafe(count).unwrap();
                } else {
                    let delay = Duration::from_micros(u64::from(round % 100));
                    handle.call_later_threadsafe(delay, count).unwrap();
                }
                if round.is_multiple_of(5) {
                    // The driver sleeps by now, or is about to.
                    thread::yield_now();
                }
            }
            let future = handle.run_coroutine_threadsafe_with(|| async {
                sleep(Duration::from_millis(1)).await?;
                let in_pool = || Ok::<_, Exception>(5);
                get_running_loop()?.run_in_executor(None, in_pool)?.await
            });
            future.unwrap().result_timeout(GUARD)
        });
        while !poster.is_finished() || driver.inner.poll_timeout().is_some() {
            // Wakes for the end of the thread as well, which shows in no descriptor.
            let longest = driver.inner.poll_timeout().unwrap_or(Duration::from_millis(1));
            let _turn = driver.outer.run_once(Some(longest)).unwrap();
            let _turn = driver.inner.run_once(NOW).unwrap();
        }
        assert_eq!(poster.join().unwrap().unwrap(), 5);
        assert_eq!(runs.load(Ordering::SeqCst), POSTS as usize);
    });
}

//= SPEC.md#s-10
//= type=test
//# The loop's descriptor MUST be readable when the loop has been woken or a watched descriptor is
//# ready, so that a foreign event loop can drive it with `run_once` and `poll_timeout`.
#[test]
fn s10_no_wake_is_lost_between_the_turns_of_a_driven_loop() {
    guarded(|| {
        let driver = Driver::new(real_loop());
        let handle = driver.inner.handle();
        let (answers, answer) = mpsc::channel();
        let poster = thread::spawn(move || {
            for round in 0..2_000 {
                let answers = answers.clone();
                handle.call_soon_threadsafe(move || answers.send(round).unwrap()).unwrap();
                for _ in 0..(round * 37) % 400 {
                    std::hint::spin_loop();
                }
            }
        });
        let mut expected = 0;
        while expected < 2_000 {
            // Sleeps for ever if the descriptor does not show a post.
            driver.step();
            for round in answer.try_iter() {
                assert_eq!(round, expected);
                expected += 1;
            }
        }
        poster.join().unwrap();
    });
}

//= SPEC.md#s-10
//= type=test
//# The loop's descriptor MUST be readable when the loop has been woken or a watched descriptor is
//# ready, so that a foreign event loop can drive it with `run_once` and `poll_timeout`.
#[test]
fn s10_the_wakeup_descriptor_is_readable_after_a_post() {
    let (outer, inner) = (real_loop(), real_loop());
    let shown = Rc::new(Cell::new(false));
    let seen = Rc::clone(&shown);
    let wakeup = Fd(inner.wakeup_fd());
    outer.add_reader(&wakeup, move || seen.set(true)).unwrap();
    let _turn = outer.run_once(NOW).unwrap();
    assert!(!shown.get());
    let handle = inner.handle();
    elsewhere(|| handle.call_soon_threadsafe(|| {}).unwrap());
    let _turn = outer.run_once(NOW).unwrap();
    assert!(shown.get());
    assert!(outer.remove_reader(&wakeup));
}

//= SPEC.md#s-11
//= type=test
//# A watched descriptor's callback MUST be called in every iteration in which it is ready, and
//# never after it was removed.
#[test]
fn s11_called_in_every_iteration_in_which_it_is_ready() {
    let event_loop = real_loop();
    let (reader, mut writer) = UnixStream::pair().unwrap();
    let (reads, writes) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let (count_reads, count_writes) = (Rc::clone(&reads), Rc::clone(&writes));
    event_loop.add_reader(&reader, move || count_reads.set(count_reads.get() + 1)).unwrap();
    let _turn = event_loop.run_once(NOW).unwrap();
    assert_eq!(reads.get(), 0, "not ready");
    writer.write_all(b"x").unwrap();
    for turns in 1..=4 {
        // Never read, so ready each time; with work that is queued, or without.
        if turns % 2 == 0 {
            event_loop.call_soon(|| {}).unwrap();
        }
        let _turn = event_loop.run_once(None).unwrap();
        assert_eq!(reads.get(), turns);
    }
    event_loop.add_writer(&reader, move || count_writes.set(count_writes.get() + 1)).unwrap();
    for turns in 1..=3 {
        let _turn = event_loop.run_once(None).unwrap();
        assert_eq!((reads.get(), writes.get()), (4 + turns, turns));
    }
    assert!(event_loop.remove_writer(&reader));
    let _turn = event_loop.run_once(None).unwrap();
    assert_eq!((reads.get(), writes.get()), (8, 3));
    (&reader).read_exact(&mut [0]).unwrap();
    let _turn = event_loop.run_once(NOW).unwrap();
    assert_eq!(reads.get(), 8, "not ready any more");
    drop(writer);
    for turns in 9..=10 {
        let _turn = event_loop.run_once(None).unwrap();
        assert_eq!(reads.get(), turns, "the end of the stream can be read");
    }
}

//= SPEC.md#s-11
//= type=test
//# A watched descriptor's callback MUST be called in every iteration in which it is ready, and
//# never after it was removed.
#[test]
fn s11_however_many_are_ready_all_are_called() {
    const MANY: usize = 600;
    let event_loop = real_loop();
    let (reader, mut writer) = UnixStream::pair().unwrap();
    writer.write_all(b"x").unwrap();
    let calls: Rc<Vec<Cell<u32>>> = Rc::new((0..MANY).map(|_| Cell::new(0)).collect());
    let copies: Vec<_> = (0..MANY).map(|_| reader.try_clone().unwrap()).collect();
    for (index, copy) in copies.iter().enumerate() {
        let calls = Rc::clone(&calls);
        event_loop.add_reader(copy, move || calls[index].set(calls[index].get() + 1)).unwrap();
    }
    for turns in 1..=3 {
        let _turn = event_loop.run_once(NOW).unwrap();
        let missed = calls.iter().filter(|count| count.get() != turns).count();
        assert_eq!(missed, 0, "in iteration {turns}");
    }
    copies.iter().for_each(|copy| assert!(event_loop.remove_reader(copy)));
}

//= SPEC.md#s-11
//= type=test
//# A watched descriptor's callback MUST be called in every iteration in which it is ready, and
//# never after it was removed.
#[test]
fn s11_never_called_after_it_was_removed() {
    let event_loop = real_loop();
    let (reader, mut writer) = UnixStream::pair().unwrap();
    writer.write_all(b"x").unwrap();
    let reader = Rc::new(reader);
    event_loop.add_reader(&reader, || unreachable!("removed")).unwrap();
    event_loop.add_writer(&reader, || unreachable!("removed")).unwrap();
    // Ready, but removed before the poll.
    assert!(event_loop.remove_reader(&reader) && !event_loop.remove_reader(&reader));
    assert!(event_loop.remove_writer(&reader) && !event_loop.remove_writer(&reader));
    let _turn = event_loop.run_once(NOW).unwrap();
    // Removed by what is ahead of it in the very batch.
    let log = Log::default();
    let (own, noted) = (Rc::clone(&reader), log.clone());
    event_loop
        .call_soon(move || {
            let local = get_running_loop().unwrap();
            noted.note((local.remove_reader(&own), local.remove_writer(&own)));
        })
        .unwrap();
    event_loop.add_reader(&reader, || unreachable!("removed")).unwrap();
    event_loop.add_writer(&reader, || unreachable!("removed")).unwrap();
    let _turn = event_loop.run_once(NOW).unwrap();
    assert_eq!(log.entries(), [(true, true)]);
    let _turn = event_loop.run_once(NOW).unwrap();
}

//= SPEC.md#s-11
//= type=test
//# A watched descriptor's callback MUST be called in every iteration in which it is ready, and
//# never after it was removed.
#[test]
fn s11_a_reader_may_remove_itself_and_the_writer() {
    let event_loop = real_loop();
    let (reader, mut writer) = UnixStream::pair().unwrap();
    writer.write_all(b"x").unwrap();
    let reader = Rc::new(reader);
    let calls = Rc::new(Cell::new(0));
    let (own, count) = (Rc::clone(&reader), Rc::clone(&calls));
    let on_readable = move || {
        let local = get_running_loop().unwrap();
        assert!(local.remove_reader(&own) && local.remove_writer(&own));
        count.set(count.get() + 1);
    };
    event_loop.add_reader(&reader, on_readable).unwrap();
    event_loop.add_writer(&reader, || unreachable!("removed by the reader")).unwrap();
    for _ in 0..3 {
        let _turn = event_loop.run_once(NOW).unwrap();
    }
    assert_eq!(calls.get(), 1);
}

//= SPEC.md#s-11
//= type=test
//# A watched descriptor's callback MUST be called in every iteration in which it is ready, and
//# never after it was removed.
#[test]
fn s11_a_watcher_that_took_the_place_of_a_removed_one_is_called() {
    let event_loop = real_loop();
    let (reader, mut writer) = UnixStream::pair().unwrap();
    writer.write_all(b"x").unwrap();
    let reader = Rc::new(reader);
    let log = Log::default();
    let (own, noted) = (Rc::clone(&reader), log.clone());
    let on_readable = move || {
        let local = get_running_loop().unwrap();
        noted.note("first");
        assert!(local.remove_reader(&own));
        let noted = noted.clone();
        local.add_reader(&own, move || noted.note("second")).unwrap();
    };
    event_loop.add_reader(&reader, on_readable).unwrap();
    for _ in 0..3 {
        let _turn = event_loop.run_once(NOW).unwrap();
    }
    assert_eq!(log.entries(), ["first", "second", "second"]);
}

//= SPEC.md#s-11
//= type=test
//# A watched descriptor's callback MUST be called in every iteration in which it is ready, and
//# never after it was removed.
#[test]
fn s11_a_number_that_is_used_again_is_another_descriptor() {
    let event_loop = real_loop();
    let log = Log::default();
    let (first, _keeps_first_open) = UnixStream::pair().unwrap();
    let noted = log.clone();
    event_loop.add_reader(&first, move || noted.note("first")).unwrap();
    let number = first.as_raw_fd();
    assert!(event_loop.remove_reader(&first));
    drop(first);
    // Other tests open descriptors too, so the number may be somebody else's by now.
    let mut others = Vec::new();
    let pair = loop {
        let pair = UnixStream::pair().unwrap();
        if pair.0.as_raw_fd() == number || others.len() == 20 {
            break pair;
        }
        others.push(pair);
    };
    let (second, mut writer) = pair;
    let noted = log.clone();
    event_loop.add_reader(&second, move || noted.note("second")).unwrap();
    writer.write_all(b"x").unwrap();
    let _turn = event_loop.run_once(NOW).unwrap();
    assert_eq!(log.entries(), ["second"]);
}

//= SPEC.md#s-11
//= type=test
//# A watched descriptor's callback MUST be called in every iteration in which it is ready, and
//# never after it was removed.
#[test]
fn s11_a_descriptor_closed_without_removal_is_reported_and_forgotten() {
    let event_loop = real_loop();
    let reports = record_reports(&event_loop);
    let (reader, mut writer) = UnixStream::pair().unwrap();
    writer.write_all(b"x").unwrap();
    let (calls, slot) = (Rc::new(Cell::new(0)), Rc::new(RefCell::new(Some(reader))));
    let (count, own) = (Rc::clone(&calls), Rc::clone(&slot));
    let number = slot.borrow().as_ref().unwrap().as_raw_fd();
    // Dropped by the kernel when it forgets the descriptor: not with anything borrowed.
    let watched = OnDrop(|| {
        let local = get_running_loop().unwrap();
        assert!(!local.remove_writer(&Fd(-1)));
        resume_unwind(Box::new("dropped"));
    });
    let on_readable = move || {
        let _watched = &watched;
        count.set(count.get() + 1);
        drop(own.take());
    };
    event_loop.add_reader(&Fd(number), on_readable).unwrap();
    for _ in 0..4 {
        let _turn = event_loop.run_once(NOW).unwrap();
    }
    assert_eq!(calls.get(), 1);
    let messages: Vec<_> = reports.entries().into_iter().map(|context| context.message).collect();
    assert!(messages.iter().any(|message| message.contains("closed")), "{messages:?}");
}

//= SPEC.md#s-12
//= type=test
//# Watching a descriptor twice for the same direction MUST be refused.
#[test]
fn s12_watching_twice_is_refused_and_changes_nothing() {
    let event_loop = real_loop();
    let (reader, mut writer) = UnixStream::pair().unwrap();
    writer.write_all(b"x").unwrap();
    let log = Log::default();
    let (reads, writes) = (log.clone(), log.clone());
    event_loop.add_reader(&reader, move || reads.note("reader")).unwrap();
    let owned = Rc::new(());
    let second = || {
        let owned = Rc::clone(&owned);
        move || unreachable!("refused: {owned:?}")
    };
    assert!(matches!(event_loop.add_reader(&reader, second()), Err(WatchError::AlreadyWatched)));
    event_loop.add_writer(&reader, move || writes.note("writer")).unwrap();
    assert!(matches!(event_loop.add_writer(&reader, second()), Err(WatchError::AlreadyWatched)));
    assert!(matches!(event_loop.add_reader(&reader, second()), Err(WatchError::AlreadyWatched)));
    assert_eq!(Rc::strong_count(&owned), 1, "what was refused is dropped");
    let _turn = event_loop.run_once(NOW).unwrap();
    assert_eq!(log.entries(), ["reader", "writer"]);
    // The other direction, another descriptor, or the same one after its removal is no second time.
    assert!(event_loop.remove_reader(&reader));
    event_loop.add_reader(&reader, || {}).unwrap();
    event_loop.add_reader(&writer, || {}).unwrap();
}

//= SPEC.md#s-12
//= type=test
//# Watching a descriptor twice for the same direction MUST be refused.
#[test]
fn s12_a_descriptor_that_cannot_be_watched_is_refused() {
    let event_loop = real_loop();
    let owned = Rc::new(());
    let watcher = || {
        let owned = Rc::clone(&owned);
        move || unreachable!("refused: {owned:?}")
    };
    let file = std::fs::File::open(std::env::current_exe().unwrap()).unwrap();
    // Never a descriptor, not open, and one that is always ready and so cannot be watched.
    for bad in [Fd(-1), Fd(RawFd::MIN), Fd(RawFd::MAX), Fd(file.as_raw_fd())] {
        assert!(matches!(event_loop.add_reader(&bad, watcher()), Err(WatchError::Os(_))));
        assert!(matches!(event_loop.add_writer(&bad, watcher()), Err(WatchError::Os(_))));
        assert!(!event_loop.remove_reader(&bad) && !event_loop.remove_writer(&bad));
    }
    assert_eq!(Rc::strong_count(&owned), 1);
    let (reader, writer) = UnixStream::pair().unwrap();
    event_loop.add_reader(&reader, || {}).unwrap();
    drop(writer);
    let _turn = event_loop.run_once(NOW).unwrap();
}

//= SPEC.md#s-12
//= type=test
//# Watching a descriptor twice for the same direction MUST be refused.
#[test]
fn s12_what_is_refused_is_dropped_with_nothing_borrowed() {
    let event_loop = Rc::new(real_loop());
    let (reader, _writer) = UnixStream::pair().unwrap();
    let reader = Rc::new(reader);
    event_loop.add_reader(&reader, || {}).unwrap();
    let dropped = Rc::new(Cell::new(0));
    let nosy = || {
        let (event_loop, reader) = (Rc::clone(&event_loop), Rc::clone(&reader));
        let dropped = Rc::clone(&dropped);
        let reenter = OnDrop(move || {
            // Uses all that the refusing call has used.
            event_loop.add_writer(&reader, || {}).unwrap();
            assert!(event_loop.remove_writer(&reader));
            dropped.set(dropped.get() + 1);
        });
        move || _ = &reenter
    };
    assert!(matches!(event_loop.add_reader(&reader, nosy()), Err(WatchError::AlreadyWatched)));
    assert!(matches!(event_loop.add_reader(&Fd(-1), nosy()), Err(WatchError::Os(_))));
    assert!(matches!(event_loop.add_reader(&Fd(RawFd::MAX), nosy()), Err(WatchError::Os(_))));
    assert_eq!(dropped.get(), 3);
}

//= SPEC.md#s-6
//= type=test
//# `close` MUST be refused while the loop runs, MUST be idempotent, and MUST drop all queued work,
//# timers and tasks.
#[test]
fn s6_what_a_loop_holds_is_there_before_close_and_gone_after_it() {
    let event_loop = virtual_loop();
    let (_promise, source) = concurrent::promise::<()>();
    let wrapped = event_loop.wrap_future(source).unwrap();
    let tasks = [(); 3].map(|()| event_loop.create_task(sleep(Duration::from_secs(1))).unwrap());
    event_loop.call_later(Duration::from_secs(1), || ()).unwrap();
    event_loop.call_later(Duration::from_secs(2), || ()).unwrap();
    assert_eq!(census(&event_loop), Census { queued: 3, timers: 2, tasks: 3, parcels: 1 });
    event_loop.close().unwrap();
    assert_eq!(census(&event_loop), Census { queued: 0, timers: 0, tasks: 0, parcels: 0 });
    assert!(wrapped.done() && tasks.iter().all(|task| task.done()));
}

//= SPEC.md#s-11
//= type=test
//# A watched descriptor's callback MUST be called in every iteration in which it is ready, and
//# never after it was removed.
#[test]
fn s11_a_reader_hears_that_whoever_wrote_is_gone() {
    let event_loop = virtual_loop();
    // Nothing was written: of a pipe the poll says only that it was hung up.
    let (reader, writer) = std::io::pipe().unwrap();
    let log = Log::default();
    let noted = log.clone();
    event_loop.add_reader(&reader, move || noted.note("gone")).unwrap();
    let _turn = event_loop.run_once(NOW).unwrap();
    assert!(log.entries().is_empty());
    drop(writer);
    for _ in 0..2 {
        let _turn = event_loop.run_once(NOW).unwrap();
    }
    assert_eq!(log.entries(), ["gone", "gone"]);
}
