//! Chapter E of SPEC.md: the thread pool, and executors of the program's own.

use std::cell::RefCell;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Barrier, Mutex};
use std::thread::{self, ThreadId};
use std::time::Duration;

use loopgate::concurrent::{ReturnWhen, wait};
use loopgate::executor::Work;
use loopgate::{
    BrokenPromise, ConcurrentFuture, EventLoop, Exception, Executor, ResultError, ShutdownError,
    SubmitError, ThreadPoolError, ThreadPoolExecutor, TimeoutError, get_running_loop, timeout,
};

use super::concurrent::{GUARD, Notes, events};
use super::support::{Log, virtual_loop};

fn pool_of(workers: usize) -> ThreadPoolExecutor {
    ThreadPoolExecutor::builder().max_workers(workers).build().unwrap()
}

/// A worker that is busy until it is let go.
struct Busy {
    go_on: Sender<()>,
    future: ConcurrentFuture<ThreadId>,
}

impl Busy {
    /// The work has begun when this returns.
    fn one_of(pool: &ThreadPoolExecutor) -> Busy {
        let (began, has_begun) = mpsc::channel();
        let (go_on, may_go_on) = mpsc::channel::<()>();
        let future = pool.submit(move || {
            began.send(()).unwrap();
            // The guard only bounds a test that failed.
            let _ = may_go_on.recv_timeout(GUARD);
            Ok(thread::current().id())
        });
        has_begun.recv_timeout(GUARD).expect("no worker took the work");
        Busy { go_on, future: future.unwrap() }
    }

    fn let_go(self) -> ThreadId {
        self.go_on.send(()).unwrap();
        self.future.result_timeout(GUARD).unwrap()
    }
}

/// Shuts the pool down; unlike a shutdown that waits it is over in a while even if a worker was lost.
fn end(pool: &ThreadPoolExecutor) {
    pool.shutdown(false, false).unwrap();
    pool.ended().result_timeout(GUARD).expect("a worker was lost");
    pool.shutdown(true, false).unwrap();
}

fn is_cancelled<T>(result: &Result<T, ResultError>) -> bool {
    matches!(result, Err(ResultError::Cancelled(_)))
}

// E-1: refusals

//= SPEC.md#e-1
//= type=test
//# A pool MUST refuse zero workers and work after shutdown, each with its own error, and the
//# refused work MUST NOT run.
#[test]
fn e1_zero_workers() {
    let refused = ThreadPoolExecutor::builder().max_workers(0).build();
    assert_eq!(refused.unwrap_err(), ThreadPoolError::ZeroWorkers);
}

//= SPEC.md#e-1
//= type=test
//# A pool MUST refuse zero workers and work after shutdown, each with its own error, and the
//# refused work MUST NOT run.
#[test]
fn e1_work_after_shutdown_is_refused_and_dropped_unrun() {
    let pool = pool_of(1);
    pool.shutdown(false, false).unwrap();
    let ran = Arc::new(AtomicBool::new(false));
    let runs = Arc::clone(&ran);
    let refused = pool.submit(move || {
        runs.store(true, Ordering::SeqCst);
        Ok(())
    });
    assert!(matches!(refused, Err(SubmitError::ShutDown)));
    assert_eq!(Arc::strong_count(&ran), 1, "the function is dropped");
    assert!(!ran.load(Ordering::SeqCst));
    assert_eq!(pool.workers(), 0);

    let (work, future) = Work::new(|| Ok(7));
    assert!(matches!(pool.execute(work), Err(SubmitError::ShutDown)));
    assert!(future.exception().unwrap().unwrap().is::<BrokenPromise>());
}

//= SPEC.md#e-1
//= type=test
//# A pool MUST refuse zero workers and work after shutdown, each with its own error, and the
//# refused work MUST NOT run.
//= SPEC.md#u-4
//= type=test
//# `run_in_executor` MUST return its errors at the call, and otherwise a loop future of the work's
//# outcome.
#[test]
fn e1_the_loop_passes_the_refusal_on() {
    let event_loop = virtual_loop();
    let pool = pool_of(1);
    pool.shutdown(true, false).unwrap();
    let refused = event_loop.run_in_executor(Some(&pool), || Ok(7));
    assert!(matches!(refused, Err(SubmitError::ShutDown)));
}

//= SPEC.md#e-1
//= type=test
//# A pool MUST refuse zero workers and work after shutdown, each with its own error, and the
//# refused work MUST NOT run.
#[test]
fn e1_submissions_race_the_shutdown() {
    for _ in 0..50 {
        let pool = pool_of(2);
        let runs = Arc::new(AtomicUsize::new(0));
        let start = Barrier::new(3);
        let accepted = thread::scope(|scope| {
            let submit = || {
                let mut accepted = 0;
                start.wait();
                loop {
                    let run = Arc::clone(&runs);
                    let work = move || {
                        run.fetch_add(1, Ordering::SeqCst);
                        Ok(())
                    };
                    match pool.submit(work) {
                        Ok(_) => accepted += 1,
                        Err(SubmitError::ShutDown) => return accepted,
                        Err(other) => panic!("{other}"),
                    }
                }
            };
            let submitters = [scope.spawn(submit), scope.spawn(submit)];
            start.wait();
            thread::yield_now();
            pool.shutdown(true, false).unwrap();
            submitters.map(|submitter| submitter.join().unwrap())
        });
        assert_eq!(runs.load(Ordering::SeqCst), accepted.into_iter().sum::<usize>());
    }
}

// E-2: order and workers

//= SPEC.md#e-2
//= type=test
//# Work MUST start in the order of submission, and a worker MUST be started only when none is idle
//# and the limit is not reached.
#[test]
fn e2_work_starts_in_the_order_of_submission() {
    let pool = pool_of(1);
    let busy = Busy::one_of(&pool);
    let order = Notes::default();
    for number in 0..20 {
        let noted = order.clone();
        let work = move || {
            noted.note(number);
            Ok(())
        };
        drop(pool.submit(work).unwrap());
    }
    busy.let_go();
    end(&pool);
    assert_eq!(order.entries(), (0..20).collect::<Vec<_>>());
}

//= SPEC.md#e-2
//= type=test
//# Work MUST start in the order of submission, and a worker MUST be started only when none is idle
//# and the limit is not reached.
#[test]
fn e2_a_burst_wakes_as_many_workers_as_it_needs() {
    let pool = pool_of(2);
    for round in 0..2_000 {
        // Work that needs both of them at once, and work that either may take from the other.
        let both = Arc::new(Barrier::new(2));
        let meeting = [(); 2].map(|()| {
            let both = Arc::clone(&both);
            let meet = move || {
                both.wait();
                Ok(())
            };
            pool.submit(meet).unwrap()
        });
        let rest: Vec<_> = (0..round % 4).map(|_| pool.submit(|| Ok(())).unwrap()).collect();
        for future in meeting.into_iter().chain(rest) {
            future.result_timeout(GUARD).expect("nobody came for the work");
        }
    }
}

//= SPEC.md#e-2
//= type=test
//# Work MUST start in the order of submission, and a worker MUST be started only when none is idle
//# and the limit is not reached.
#[test]
fn e2_workers_are_started_one_by_one_up_to_the_limit() {
    let pool = pool_of(3);
    assert_eq!(pool.workers(), 0, "none before there is work");
    let mut busy = Vec::new();
    for workers in 1..=3 {
        busy.push(Busy::one_of(&pool));
        assert_eq!(pool.workers(), workers);
    }
    let queued = pool.submit(|| Ok(thread::current().id())).unwrap();
    assert_eq!(pool.workers(), 3, "the limit is reached");
    assert!(!queued.running());
    let free = busy.remove(1).let_go();
    assert_eq!(queued.result_timeout(GUARD).unwrap(), free);
    for busy in busy {
        busy.let_go();
    }
}

//= SPEC.md#e-2
//= type=test
//# Work MUST start in the order of submission, and a worker MUST be started only when none is idle
//# and the limit is not reached.
#[test]
fn e2_an_idle_worker_is_used_again() {
    const LIMIT: usize = 200;
    let pool = pool_of(LIMIT);
    // When a result is there its worker may not be idle again yet, and another one may be started;
    // sooner or later it is, long before as many workers were started as there was work.
    loop {
        let workers = pool.workers();
        pool.submit(|| Ok(())).unwrap().result_timeout(GUARD).unwrap();
        if pool.workers() == workers {
            break;
        }
    }
    assert!(pool.workers() < LIMIT, "every submission started a worker");
}

//= SPEC.md#e-2
//= type=test
//# Work MUST start in the order of submission, and a worker MUST be started only when none is idle
//# and the limit is not reached.
#[test]
fn e2_two_submissions_do_not_count_on_one_idle_worker() {
    for round in 0..100 {
        let pool = pool_of(2);
        // This one's worker becomes idle before the next submissions, after them, or between.
        pool.submit(|| Ok(())).unwrap().result_timeout(GUARD).unwrap();
        for _ in 0..20 * round {
            thread::yield_now();
        }
        let (here, there) = mpsc::channel();
        let waits = pool.submit(move || Ok(there.recv_timeout(GUARD).is_ok())).unwrap();
        let tells = pool.submit(move || Ok(here.send(()).is_ok())).unwrap();
        assert!(waits.result_timeout(GUARD).unwrap(), "they did not run at the same time");
        assert!(tells.result_timeout(GUARD).unwrap());
    }
}

//= SPEC.md#e-2
//= type=test
//# Work MUST start in the order of submission, and a worker MUST be started only when none is idle
//# and the limit is not reached.
#[test]
fn e2_two_idle_workers_are_both_woken() {
    for round in 0..40 {
        let pool = pool_of(2);
        let both = Arc::new(Barrier::new(2));
        let meet = || {
            let both = Arc::clone(&both);
            pool.submit(move || Ok(_ = both.wait())).unwrap()
        };
        for met in [meet(), meet()] {
            met.result_timeout(GUARD).unwrap();
        }
        // Both become idle before the next submissions, after them, or between.
        for _ in 0..5 * round {
            thread::yield_now();
        }
        let (here, there) = mpsc::channel();
        let waits = pool.submit(move || Ok(there.recv_timeout(GUARD).is_ok())).unwrap();
        let tells = pool.submit(move || Ok(here.send(()).is_ok())).unwrap();
        assert!(waits.result_timeout(GUARD).unwrap(), "they did not run at the same time");
        assert!(tells.result_timeout(GUARD).unwrap());
    }
}

//= SPEC.md#e-2
//= type=test
//# Work MUST start in the order of submission, and a worker MUST be started only when none is idle
//# and the limit is not reached.
#[test]
fn e2_workers_are_named() {
    let pool =
        ThreadPoolExecutor::builder().max_workers(2).thread_name_prefix("crew").build().unwrap();
    let name = || Ok(thread::current().name().map(str::to_owned));
    let name = pool.submit(name).unwrap().result_timeout(GUARD).unwrap();
    assert_eq!(name.as_deref(), Some("crew-0"));
}

// E-3, E-4: one piece of work

//= SPEC.md#e-3
//= type=test
//# A function that panics MUST fail only its own future; the worker goes on.
//= SPEC.md#x-2
//= type=test
//# A panic in a coroutine, callback, factory or executor function MUST become an `Exception` that
//# carries the panic's payload and, when a message is known, its text.
#[test]
fn e3_a_panic_fails_its_own_future_and_the_worker_goes_on() {
    let pool = pool_of(1);
    let before = pool.submit(|| Ok(thread::current().id())).unwrap();
    let panics = pool
        .submit(|| -> Result<(), Exception> { resume_unwind(Box::new("the function broke")) })
        .unwrap();
    let after = pool.submit(|| Ok(thread::current().id())).unwrap();
    let exception = panics.exception_timeout(GUARD).unwrap().unwrap();
    assert_eq!(exception.panic_message(), Some("the function broke"));
    let (before, after) = (before.result_timeout(GUARD), after.result_timeout(GUARD));
    assert_eq!(before.unwrap(), after.unwrap());
    end(&pool);
}

//= SPEC.md#e-3
//= type=test
//# A function that panics MUST fail only its own future; the worker goes on.
//= SPEC.md#f-13
//= type=test
//# A done-callback that panics MUST NOT keep its siblings from running and MUST NOT change the
//# outcome.
#[test]
fn e3_a_callback_that_panics_spares_the_worker() {
    let pool = pool_of(1);
    let busy = Busy::one_of(&pool);
    let work = pool.submit(|| Ok(7)).unwrap();
    work.add_done_callback(|_| resume_unwind(Box::new("the callback broke")));
    let next = pool.submit(|| Ok(8)).unwrap();
    busy.let_go();
    assert_eq!(work.result_timeout(GUARD).unwrap(), 7);
    assert_eq!(next.result_timeout(GUARD).unwrap(), 8);
}

/// Something that a function owns, or returns, and that panics when it is dropped.
#[derive(Clone)]
struct PanicsWhenDropped;

impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        resume_unwind(Box::new("dropped"));
    }
}

//= SPEC.md#e-3
//= type=test
//# A function that panics MUST fail only its own future; the worker goes on.
//= SPEC.md#e-4
//= type=test
//# Work whose future was cancelled before a worker picked it up MUST NOT run, and its future MUST
//# be marked ended.
#[test]
fn e3_what_panics_when_dropped_spares_the_worker() {
    let pool = pool_of(1);
    let busy = Busy::one_of(&pool);
    // Dropped unrun, because its future was cancelled.
    let owned = PanicsWhenDropped;
    let cancelled = pool
        .submit(move || {
            let _owned = &owned;
            Ok(())
        })
        .unwrap();
    assert!(cancelled.cancel());
    // Dropped by the worker, because nobody holds the future of the result.
    drop(pool.submit(|| Ok(PanicsWhenDropped)).unwrap());
    let next = pool.submit(|| Ok(7)).unwrap();
    busy.let_go();
    cancelled.wait_ended_timeout(GUARD).unwrap();
    assert_eq!(next.result_timeout(GUARD).unwrap(), 7);
    end(&pool);
}

//= SPEC.md#e-4
//= type=test
//# Work whose future was cancelled before a worker picked it up MUST NOT run, and its future MUST
//# be marked ended.
#[test]
fn e4_cancelled_before_a_worker_picked_it_up() {
    let pool = pool_of(1);
    let busy = Busy::one_of(&pool);
    let ran = Arc::new(AtomicBool::new(false));
    let runs = Arc::clone(&ran);
    let future = pool
        .submit(move || {
            runs.store(true, Ordering::SeqCst);
            Ok(())
        })
        .unwrap();
    let next = pool.submit(|| Ok(7)).unwrap();
    assert!(future.cancel());
    assert!(!future.ended(), "it is still in the queue");
    busy.let_go();
    future.wait_ended_timeout(GUARD).unwrap();
    assert_eq!(next.result_timeout(GUARD).unwrap(), 7);
    assert!(!ran.load(Ordering::SeqCst));
    assert!(is_cancelled(&future.result()));
}

//= SPEC.md#e-4
//= type=test
//# Work whose future was cancelled before a worker picked it up MUST NOT run, and its future MUST
//# be marked ended.
//= SPEC.md#f-5
//= type=test
//# `set_running_or_notify_cancel` MUST answer true at most once, and after it did the future cannot
//# be cancelled any more.
#[test]
fn e4_work_that_began_cannot_be_cancelled() {
    let pool = pool_of(1);
    let busy = Busy::one_of(&pool);
    assert!(busy.future.running());
    assert!(!busy.future.cancel());
    busy.let_go();
}

//= SPEC.md#e-4
//= type=test
//# Work whose future was cancelled before a worker picked it up MUST NOT run, and its future MUST
//# be marked ended.
#[test]
fn e4_cancel_races_the_worker() {
    let pool = pool_of(1);
    for round in 0..300 {
        let ran = Arc::new(AtomicBool::new(false));
        let runs = Arc::clone(&ran);
        let future = pool
            .submit(move || {
                runs.store(true, Ordering::SeqCst);
                Ok(())
            })
            .unwrap();
        for _ in 0..round % 10 {
            thread::yield_now();
        }
        let cancelled = future.cancel();
        future.wait_ended_timeout(GUARD).unwrap();
        assert_eq!(ran.load(Ordering::SeqCst), !cancelled);
    }
}

// E-5, E-6, E-8: shutdown

/// Notes the end of the thread that has it.
struct NotesItsEnd(Notes<&'static str>);

impl Drop for NotesItsEnd {
    fn drop(&mut self) {
        self.0.note("worker ended");
    }
}

thread_local! {
    static AT_END: RefCell<Option<NotesItsEnd>> = const { RefCell::new(None) };
}

//= SPEC.md#e-5
//= type=test
//# `shutdown` MUST let queued work run, or cancel it when asked to, and when asked to wait MUST
//# return only after every worker has ended.
#[test]
fn e5_shutdown_lets_queued_work_run_and_waits_for_the_workers() {
    let pool = pool_of(1);
    let notes = Notes::default();
    let at_end = notes.clone();
    let busy = pool
        .submit(move || {
            AT_END.with_borrow_mut(|slot| *slot = Some(NotesItsEnd(at_end)));
            Ok(())
        })
        .unwrap();
    for _ in 0..3 {
        let noted = notes.clone();
        let work = move || {
            noted.note("work");
            Ok(())
        };
        drop(pool.submit(work).unwrap());
    }
    pool.shutdown(true, false).unwrap();
    assert_eq!(notes.entries(), ["work", "work", "work", "worker ended"]);
    assert!(busy.ended());
    assert_eq!(pool.workers(), 0);
    assert!(pool.ended().done());
    pool.shutdown(true, false).unwrap();
    pool.shutdown(false, true).unwrap();
}

//= SPEC.md#e-5
//= type=test
//# `shutdown` MUST let queued work run, or cancel it when asked to, and when asked to wait MUST
//# return only after every worker has ended.
#[test]
fn e5_shutdown_without_waiting_returns_while_work_goes_on() {
    let pool = pool_of(1);
    let busy = Busy::one_of(&pool);
    let queued = pool.submit(|| Ok(7)).unwrap();
    pool.shutdown(false, false).unwrap();
    assert!(matches!(pool.submit(|| Ok(8)), Err(SubmitError::ShutDown)));
    assert!(!queued.done() && !pool.ended().done());
    assert_eq!(pool.workers(), 1);
    busy.let_go();
    assert_eq!(queued.result_timeout(GUARD).unwrap(), 7);
    pool.ended().result_timeout(GUARD).unwrap();
}

//= SPEC.md#e-5
//= type=test
//# `shutdown` MUST let queued work run, or cancel it when asked to, and when asked to wait MUST
//# return only after every worker has ended.
#[test]
fn e5_shutdown_wakes_idle_workers() {
    let pool = pool_of(3);
    let busy: Vec<_> = (0..3).map(|_| Busy::one_of(&pool)).collect();
    for busy in busy {
        busy.let_go();
    }
    let ended = pool.ended();
    thread::spawn(move || pool.shutdown(true, false).unwrap());
    ended.result_timeout(GUARD).unwrap();
}

//= SPEC.md#e-5
//= type=test
//# `shutdown` MUST let queued work run, or cancel it when asked to, and when asked to wait MUST
//# return only after every worker has ended.
#[test]
fn e5_a_pool_that_never_worked_ends_at_once() {
    let pool = pool_of(1);
    assert!(!pool.ended().done());
    pool.shutdown(true, true).unwrap();
    pool.ended().result_timeout(Duration::ZERO).unwrap();
}

//= SPEC.md#e-5
//= type=test
//# `shutdown` MUST let queued work run, or cancel it when asked to, and when asked to wait MUST
//# return only after every worker has ended.
#[test]
fn e5_dropping_the_pool_lets_queued_work_run() {
    let pool = pool_of(1);
    let busy = Busy::one_of(&pool);
    let queued = pool.submit(|| Ok(7)).unwrap();
    let ended = pool.ended();
    drop(pool);
    assert!(!ended.done());
    busy.let_go();
    assert_eq!(queued.result_timeout(GUARD).unwrap(), 7);
    ended.result_timeout(GUARD).unwrap();
}

//= SPEC.md#e-5
//= type=test
//# `shutdown` MUST let queued work run, or cancel it when asked to, and when asked to wait MUST
//# return only after every worker has ended.
#[test]
fn e5_nobody_can_cancel_the_end_of_a_pool() {
    let pool = pool_of(1);
    let busy = Busy::one_of(&pool);
    assert!(!pool.ended().cancel());
    // Nor by giving up waiting for it in a task.
    let event_loop = EventLoop::new().unwrap();
    let (awaited, wrapped) = (pool.ended(), pool.ended());
    let limited = event_loop.run_until_complete(timeout(Duration::from_nanos(1), awaited));
    assert!(limited.unwrap_err().is::<TimeoutError>());
    let wrapped = event_loop.wrap_future(wrapped).unwrap();
    assert!(wrapped.cancel());
    assert!(!pool.ended().done());
    pool.shutdown(false, false).unwrap();
    busy.let_go();
    pool.shutdown(true, false).unwrap();
    pool.ended().result_timeout(Duration::ZERO).unwrap();
}

//= SPEC.md#e-6
//= type=test
//# `shutdown` with `cancel_futures` MUST release every waiter of the cancelled futures and mark
//# them ended.
#[test]
fn e6_a_callback_of_cancelled_work_may_ask_the_pool() {
    let pool = Arc::new(pool_of(1));
    let busy = Busy::one_of(&pool);
    let (asks, told) = (Arc::clone(&pool), Arc::new(AtomicUsize::new(0)));
    let tell = Arc::clone(&told);
    let queued = pool.submit(|| Ok(())).unwrap();
    queued.add_done_callback(move |_| tell.store(asks.workers(), Ordering::SeqCst));
    pool.shutdown(false, true).unwrap();
    assert!(queued.cancelled());
    assert_eq!(told.load(Ordering::SeqCst), 1, "it was called inside the shutdown");
    busy.let_go();
    end(&pool);
}

//= SPEC.md#e-5
//= type=test
//# `shutdown` MUST let queued work run, or cancel it when asked to, and when asked to wait MUST
//# return only after every worker has ended.
#[test]
fn e5_a_callback_of_the_end_may_ask_the_pool() {
    let pool = Arc::new(pool_of(1));
    pool.submit(|| Ok(())).unwrap().result_timeout(GUARD).unwrap();
    let (asks, (tell, told)) = (Arc::clone(&pool), mpsc::channel());
    pool.ended().add_done_callback(move |_| tell.send(asks.workers()).unwrap());
    pool.shutdown(false, false).unwrap();
    assert_eq!(told.recv_timeout(GUARD), Ok(0));
    end(&pool);
}

//= SPEC.md#e-6
//= type=test
//# `shutdown` with `cancel_futures` MUST release every waiter of the cancelled futures and mark
//# them ended.
//= SPEC.md#e-5
//= type=test
//# `shutdown` MUST let queued work run, or cancel it when asked to, and when asked to wait MUST
//# return only after every worker has ended.
#[test]
fn e6_cancelled_futures_release_their_waiters_and_have_ended() {
    let pool = pool_of(1);
    let busy = Busy::one_of(&pool);
    let ran = Arc::new(AtomicBool::new(false));
    let queue: Vec<ConcurrentFuture<()>> = (0..3)
        .map(|_| {
            let runs = Arc::clone(&ran);
            pool.submit(move || {
                runs.store(true, Ordering::SeqCst);
                Ok(())
            })
            .unwrap()
        })
        .collect();
    // One of them was cancelled by its submitter: it is marked as ended all the same.
    assert!(queue[1].cancel());
    let released = thread::scope(|scope| {
        let result = scope.spawn(|| is_cancelled(&queue[0].result_timeout(GUARD)));
        let ended = scope.spawn(|| queue[1].wait_ended_timeout(GUARD).is_ok());
        let all = scope.spawn(|| {
            let split = wait(&queue, Some(GUARD), ReturnWhen::AllCompleted).unwrap();
            split.done.len() == 3
        });
        pool.shutdown(false, true).unwrap();
        [result, ended, all].map(|waiter| waiter.join().unwrap())
    });
    assert_eq!(released, [true; 3]);
    assert!(queue.iter().all(|future| future.cancelled() && future.ended()));
    assert_eq!(Arc::strong_count(&ran), 1, "their functions are dropped");
    assert!(!ran.load(Ordering::SeqCst));
    assert!(!busy.future.done(), "work that runs goes on");
    busy.let_go();
    end(&pool);
}

//= SPEC.md#e-6
//= type=test
//# `shutdown` with `cancel_futures` MUST release every waiter of the cancelled futures and mark
//# them ended.
//= SPEC.md#e-5
//= type=test
//# `shutdown` MUST let queued work run, or cancel it when asked to, and when asked to wait MUST
//# return only after every worker has ended.
#[test]
fn e6_a_later_shutdown_may_still_cancel() {
    let pool = pool_of(1);
    let busy = Busy::one_of(&pool);
    let queued = pool.submit(|| Ok(7)).unwrap();
    pool.shutdown(false, false).unwrap();
    assert!(!queued.done());
    pool.shutdown(false, true).unwrap();
    assert!(queued.cancelled() && queued.ended());
    busy.let_go();
    pool.shutdown(true, true).unwrap();
}

//= SPEC.md#e-6
//= type=test
//# `shutdown` with `cancel_futures` MUST release every waiter of the cancelled futures and mark
//# them ended.
#[test]
fn e6_functions_that_panic_when_dropped_strand_nobody() {
    let pool = pool_of(1);
    let busy = Busy::one_of(&pool);
    let owned = PanicsWhenDropped;
    let first = pool
        .submit(move || {
            let _owned = &owned;
            Ok(())
        })
        .unwrap();
    let second = pool.submit(|| Ok(7)).unwrap();
    pool.shutdown(false, true).unwrap();
    assert!(first.ended() && second.ended());
    busy.let_go();
    end(&pool);
}

/// What `ask` answers in a worker of its own pool.
fn in_own_worker<R: Clone + Send + 'static>(
    pool: &Arc<ThreadPoolExecutor>,
    ask: impl FnOnce(&ThreadPoolExecutor) -> R + Send + 'static,
) -> R {
    let own = Arc::clone(pool);
    pool.submit(move || Ok(ask(&own))).unwrap().result_timeout(GUARD).unwrap()
}

//= SPEC.md#e-8
//= type=test
//# Waiting for a pool's shutdown from one of its own workers MUST be refused with an error.
#[test]
fn e8_shutdown_from_its_own_worker_cannot_wait() {
    let pool = Arc::new(pool_of(2));
    for cancel_futures in [false, true] {
        let refused = in_own_worker(&pool, move |own| own.shutdown(true, cancel_futures));
        assert_eq!(refused, Err(ShutdownError::FromOwnWorker));
    }
    // Nothing has changed: it still works.
    assert_eq!(pool.submit(|| Ok(7)).unwrap().result_timeout(GUARD).unwrap(), 7);
    assert_eq!(in_own_worker(&pool, |own| own.shutdown(false, false)), Ok(()));
    end(&pool);
}

//= SPEC.md#e-8
//= type=test
//# Waiting for a pool's shutdown from one of its own workers MUST be refused with an error.
#[test]
fn e8_a_worker_of_another_pool_may_wait() {
    let (pool, other) = (Arc::new(pool_of(1)), pool_of(1));
    pool.submit(|| Ok(())).unwrap().result_timeout(GUARD).unwrap();
    let own = Arc::clone(&pool);
    let waited = other.submit(move || Ok(own.shutdown(true, false))).unwrap();
    assert_eq!(waited.result_timeout(GUARD).unwrap(), Ok(()));
    assert!(pool.ended().done());
}

//= SPEC.md#e-8
//= type=test
//# Waiting for a pool's shutdown from one of its own workers MUST be refused with an error.
#[test]
fn e8_a_done_callback_in_its_own_worker_cannot_wait_either() {
    let pool = Arc::new(pool_of(1));
    let busy = Busy::one_of(&pool);
    let (told, answers) = mpsc::channel();
    let own = Arc::clone(&pool);
    busy.future.add_done_callback(move |_| told.send(own.shutdown(true, false)).unwrap());
    busy.let_go();
    assert_eq!(answers.recv_timeout(GUARD), Ok(Err(ShutdownError::FromOwnWorker)));
    end(&pool);
}

//= SPEC.md#e-8
//= type=test
//# Waiting for a pool's shutdown from one of its own workers MUST be refused with an error.
//= SPEC.md#f-22
//= type=test
//# A blocking wait on the loop thread for work of that loop that is not done MUST be refused with
//# an error.
#[test]
fn e8_the_end_of_its_pool_cannot_be_waited_for_by_a_worker() {
    let pool = Arc::new(pool_of(1));
    // The timeout only bounds the wait that should have been refused.
    let limit = Duration::from_millis(200);
    let (result, by_wait) = in_own_worker(&pool, move |own| {
        let by_wait = wait(&[own.ended()], Some(limit), ReturnWhen::AllCompleted);
        (own.ended().result_timeout(limit), by_wait.map(drop))
    });
    assert!(matches!(result, Err(ResultError::WouldDeadlock)), "{result:?}");
    let refused = by_wait.unwrap_err();
    assert!(matches!(refused.downcast_ref(), Some(ResultError::WouldDeadlock)));
    end(&pool);
    pool.ended().result_timeout(Duration::ZERO).unwrap();
}

// E-7: initializers

/// A pool of one worker, whose initializer waits until it is told how to fail.
fn failing_pool(
    workers: usize,
) -> (ThreadPoolExecutor, Sender<Box<dyn FnOnce() -> Exception + Send>>) {
    type Fail = Box<dyn FnOnce() -> Exception + Send>;
    let (sender, receiver): (Sender<Fail>, Receiver<Fail>) = mpsc::channel();
    let receiver = Mutex::new(receiver);
    let pool = ThreadPoolExecutor::builder()
        .max_workers(workers)
        .initializer(move || Err(receiver.lock().unwrap().recv_timeout(GUARD)?()))
        .build();
    (pool.unwrap(), sender)
}

fn broken_by(exception: &Exception) -> Exception {
    match exception.downcast_ref::<SubmitError>() {
        Some(SubmitError::Broken(why)) => why.clone(),
        other => panic!("not the error of a broken pool: {other:?}"),
    }
}

//= SPEC.md#e-7
//= type=test
//# A failing initializer MUST break the pool: every queued future fails with that reason, also
//# behind futures that were cancelled meanwhile, and later work is refused.
#[test]
fn e7_a_failing_initializer_fails_the_queue_also_behind_cancelled_futures() {
    let (pool, fail) = failing_pool(1);
    let runs = Arc::new(AtomicUsize::new(0));
    let queue: Vec<ConcurrentFuture<()>> = (0..5)
        .map(|_| {
            let run = Arc::clone(&runs);
            pool.submit(move || {
                run.fetch_add(1, Ordering::SeqCst);
                Ok(())
            })
            .unwrap()
        })
        .collect();
    assert!(queue[0].cancel() && queue[2].cancel());
    let why = Exception::new("no licence");
    let reason = why.clone();
    fail.send(Box::new(move || reason)).unwrap();
    for (index, future) in queue.iter().enumerate() {
        future.wait_ended_timeout(GUARD).unwrap();
        if index == 0 || index == 2 {
            assert!(future.cancelled());
        } else {
            assert!(broken_by(&future.exception().unwrap().unwrap()).same_object(&why));
        }
    }
    let refused = pool.submit(|| Ok(7)).unwrap_err();
    assert!(matches!(refused, SubmitError::Broken(ref reason) if reason.same_object(&why)));
    end(&pool);
    assert_eq!(runs.load(Ordering::SeqCst), 0);
    assert_eq!(Arc::strong_count(&runs), 1, "the functions are dropped");
    let refused = pool.submit(|| Ok(7)).unwrap_err();
    assert!(matches!(refused, SubmitError::Broken(_)), "it stays broken when it is shut down");
}

//= SPEC.md#e-7
//= type=test
//# A failing initializer MUST break the pool: every queued future fails with that reason, also
//# behind futures that were cancelled meanwhile, and later work is refused.
//= SPEC.md#x-2
//= type=test
//# A panic in a coroutine, callback, factory or executor function MUST become an `Exception` that
//# carries the panic's payload and, when a message is known, its text.
#[test]
fn e7_a_panicking_initializer_breaks_the_pool_too() {
    let (pool, fail) = failing_pool(1);
    let cancelled = pool.submit(|| Ok(6)).unwrap();
    let queued = pool.submit(|| Ok(7)).unwrap();
    assert!(cancelled.cancel());
    fail.send(Box::new(|| resume_unwind(Box::new("no memory")))).unwrap();
    let why = broken_by(&queued.exception_timeout(GUARD).unwrap().unwrap());
    assert_eq!(why.panic_message(), Some("no memory"));
    cancelled.wait_ended_timeout(GUARD).unwrap();
    assert!(matches!(pool.submit(|| Ok(8)), Err(SubmitError::Broken(_))));
    end(&pool);
}

//= SPEC.md#e-7
//= type=test
//# A failing initializer MUST break the pool: every queued future fails with that reason, also
//# behind futures that were cancelled meanwhile, and later work is refused.
#[test]
fn e7_the_pool_ends_although_nobody_shuts_it_down() {
    let (pool, fail) = failing_pool(2);
    let queue = [pool.submit(|| Ok(6)).unwrap(), pool.submit(|| Ok(7)).unwrap()];
    for _ in 0..2 {
        fail.send(Box::new(|| Exception::new("no licence"))).unwrap();
    }
    for future in queue {
        broken_by(&future.exception_timeout(GUARD).unwrap().unwrap());
    }
    pool.ended().result_timeout(GUARD).unwrap();
    assert_eq!(pool.workers(), 0);
}

//= SPEC.md#e-7
//= type=test
//# A failing initializer MUST break the pool: every queued future fails with that reason, also
//# behind futures that were cancelled meanwhile, and later work is refused.
#[test]
fn e7_a_later_worker_that_fails_spares_the_work_that_runs() {
    let started = Arc::new(AtomicUsize::new(0));
    let starts = Arc::clone(&started);
    let pool = ThreadPoolExecutor::builder()
        .max_workers(2)
        .initializer(move || match starts.fetch_add(1, Ordering::SeqCst) {
            0 => Ok(()),
            _ => Err(Exception::new("only one")),
        })
        .build()
        .unwrap();
    let busy = Busy::one_of(&pool);
    let queued = pool.submit(|| Ok(7)).unwrap();
    broken_by(&queued.exception_timeout(GUARD).unwrap().unwrap());
    assert!(busy.future.running());
    busy.let_go();
    end(&pool);
    assert_eq!(started.load(Ordering::SeqCst), 2);
}

//= SPEC.md#e-7
//= type=test
//# A failing initializer MUST break the pool: every queued future fails with that reason, also
//# behind futures that were cancelled meanwhile, and later work is refused.
#[test]
fn e7_the_initializer_runs_in_every_worker_before_its_work() {
    thread_local! {
        static PREPARED: RefCell<bool> = const { RefCell::new(false) };
    }
    let pool = ThreadPoolExecutor::builder()
        .max_workers(2)
        .initializer(|| {
            PREPARED.set(true);
            Ok(())
        })
        .build()
        .unwrap();
    let _busy = Busy::one_of(&pool);
    let prepared = pool.submit(|| Ok(PREPARED.with_borrow(|prepared| *prepared))).unwrap();
    assert!(prepared.result_timeout(GUARD).unwrap());
}

//= SPEC.md#e-7
//= type=test
//# A failing initializer MUST break the pool: every queued future fails with that reason, also
//# behind futures that were cancelled meanwhile, and later work is refused.
//= SPEC.md#u-4
//= type=test
//# `run_in_executor` MUST return its errors at the call, and otherwise a loop future of the work's
//# outcome.
#[test]
fn e7_work_of_a_loop_in_a_pool_that_breaks() {
    let event_loop = virtual_loop();
    let (pool, fail) = failing_pool(1);
    let cancelled = event_loop.run_in_executor(Some(&pool), || Ok(6)).unwrap();
    let failed = event_loop.run_in_executor(Some(&pool), || Ok(7)).unwrap();
    assert!(cancelled.cancel());
    fail.send(Box::new(|| Exception::new("no licence"))).unwrap();
    broken_by(&event_loop.run_until_complete(failed).unwrap_err());
    let refused = event_loop.run_in_executor(Some(&pool), || Ok(8));
    assert!(matches!(refused, Err(SubmitError::Broken(_))));
}

// E-9: threads that do not start

/// Runs one test of this program in a process whose address space is limited, in kilobytes.
#[cfg(target_os = "linux")]
fn run_with_little_memory(test: &str, kilobytes: usize) {
    let script = format!("ulimit -v {kilobytes} && exec \"$0\" \"$@\"");
    let child = std::process::Command::new("sh")
        .args(["-c", &script])
        .arg(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(LITTLE_MEMORY, "1")
        // The stack of a thread, so that its place in memory can be told from everything else.
        .env("RUST_MIN_STACK", STACK.to_string())
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&child.stdout);
    let complaint = String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success(), "{output}{complaint}");
    assert!(output.contains("1 passed"), "the test did not run: {output}{complaint}");
}

#[cfg(target_os = "linux")]
const LITTLE_MEMORY: &str = "LOOPGATE_TEST_LITTLE_MEMORY";
#[cfg(target_os = "linux")]
const STACK: usize = 256 << 20;

/// Takes address space until there is none for another stack.
#[cfg(target_os = "linux")]
fn take_memory() -> Vec<Vec<u8>> {
    let mut taken = Vec::new();
    loop {
        let mut piece = Vec::new();
        if piece.try_reserve_exact(STACK / 4).is_err() {
            return taken;
        }
        taken.push(piece);
    }
}

//= SPEC.md#e-9
//= type=test
//# A pool that cannot start a thread MUST refuse the work if it has no worker, and otherwise leave
//# it to the workers it has.
#[cfg(target_os = "linux")]
#[test]
fn e9_without_any_worker_the_work_is_refused() {
    if std::env::var_os(LITTLE_MEMORY).is_none() {
        let test = "executor::e9_without_any_worker_the_work_is_refused";
        return run_with_little_memory(test, 4 * STACK / 1024);
    }
    let pool = pool_of(2);
    let alive = Arc::new(());
    let owned = Arc::clone(&alive);
    let taken = take_memory();
    let refused = pool.submit(move || {
        drop(owned);
        Ok(())
    });
    drop(taken);
    let refused = refused.unwrap_err();
    assert!(matches!(refused, SubmitError::NoThread(ref why) if why.is::<std::io::Error>()));
    assert_eq!(Arc::strong_count(&alive), 1, "the work is dropped");
    assert_eq!(pool.workers(), 0);
    // Nothing has changed: when there is memory again the pool works.
    assert_eq!(pool.submit(|| Ok(7)).unwrap().result_timeout(GUARD).unwrap(), 7);
    end(&pool);
}

//= SPEC.md#e-9
//= type=test
//# A pool that cannot start a thread MUST refuse the work if it has no worker, and otherwise leave
//# it to the workers it has.
#[cfg(target_os = "linux")]
#[test]
fn e9_otherwise_it_is_left_to_the_workers_there_are() {
    if std::env::var_os(LITTLE_MEMORY).is_none() {
        let test = "executor::e9_otherwise_it_is_left_to_the_workers_there_are";
        return run_with_little_memory(test, 4 * STACK / 1024);
    }
    let pool = pool_of(2);
    let busy = Busy::one_of(&pool);
    let taken = take_memory();
    let queued = pool.submit(|| Ok(thread::current().id()));
    drop(taken);
    let queued = queued.unwrap();
    assert_eq!(pool.workers(), 1);
    let worker = busy.let_go();
    assert_eq!(queued.result_timeout(GUARD).unwrap(), worker);
    end(&pool);
}

// E-10: the loop's default executor

//= SPEC.md#e-10
//= type=test
//# `shutdown_default_executor` MUST refuse new default work from the call on, MUST NOT block the
//# loop, and MUST report a timeout as such.
#[test]
fn e10_default_work_is_refused_from_the_call_on() {
    let event_loop = virtual_loop();
    assert_eq!(
        event_loop
            .run_until_complete(async {
                get_running_loop()?.run_in_executor(None, || Ok(7))?.await
            })
            .unwrap(),
        7
    );
    let shutdown = event_loop.shutdown_default_executor(None);
    let refused = event_loop.run_in_executor(None, || Ok(7));
    assert!(matches!(refused, Err(SubmitError::ShutDown)), "before it is awaited");
    let refused = event_loop.set_default_executor(Arc::new(pool_of(1)));
    assert!(matches!(refused, Err(SubmitError::ShutDown)));
    event_loop.run_until_complete(shutdown).unwrap();
    // A pool of the program's own is no default.
    let pool = pool_of(1);
    let own = event_loop.run_in_executor(Some(&pool), || Ok(8)).unwrap();
    assert_eq!(event_loop.run_until_complete(own).unwrap(), 8);
}

//= SPEC.md#e-10
//= type=test
//# `shutdown_default_executor` MUST refuse new default work from the call on, MUST NOT block the
//# loop, and MUST report a timeout as such.
#[test]
fn e10_awaiting_the_shutdown_does_not_block_the_loop() {
    let event_loop = virtual_loop();
    let (go_on, may_go_on) = mpsc::channel();
    let work = event_loop
        .run_in_executor(None, move || Ok(may_go_on.recv_timeout(GUARD).is_ok()))
        .unwrap();
    let shutdown = event_loop.shutdown_default_executor(None);
    let log = Log::default();
    let (first, second) = (log.clone(), log.clone());
    let task = event_loop
        .create_task(async move {
            first.note("awaiting");
            shutdown.await?;
            first.note("shut down");
            Ok(())
        })
        .unwrap();
    event_loop
        .call_soon(move || {
            second.note("the loop goes on");
            go_on.send(()).unwrap();
        })
        .unwrap();
    event_loop.run_until_complete(task).unwrap();
    assert_eq!(log.entries(), ["awaiting", "the loop goes on", "shut down"]);
    assert!(event_loop.run_until_complete(work).unwrap(), "work that was accepted has run");
}

//= SPEC.md#e-10
//= type=test
//# `shutdown_default_executor` MUST refuse new default work from the call on, MUST NOT block the
//# loop, and MUST report a timeout as such.
#[test]
fn e10_a_timeout_is_reported_as_such() {
    let event_loop = EventLoop::new().unwrap();
    let (go_on, may_go_on) = mpsc::channel();
    let work = event_loop
        .run_in_executor(None, move || Ok(may_go_on.recv_timeout(GUARD).is_ok()))
        .unwrap();
    let shutdown = event_loop.shutdown_default_executor(Some(Duration::from_millis(1)));
    let timed_out = event_loop.run_until_complete(shutdown).unwrap_err();
    assert_eq!(timed_out.downcast_ref(), Some(&ShutdownError::TimedOut { workers: 1 }));
    // The worker ends by itself.
    go_on.send(()).unwrap();
    assert!(event_loop.run_until_complete(work).unwrap());
}

//= SPEC.md#e-10
//= type=test
//# `shutdown_default_executor` MUST refuse new default work from the call on, MUST NOT block the
//# loop, and MUST report a timeout as such.
#[test]
fn e10_a_cancel_of_the_shutdown_is_no_timeout() {
    let event_loop = EventLoop::new().unwrap();
    let (go_on, may_go_on) = mpsc::channel();
    let work = event_loop
        .run_in_executor(None, move || Ok(may_go_on.recv_timeout(GUARD).is_ok()))
        .unwrap();
    let shutdown = event_loop.shutdown_default_executor(Some(GUARD));
    let task = event_loop.create_task(shutdown).unwrap();
    let cancelled = task.clone();
    event_loop.call_soon(move || assert!(cancelled.cancel())).unwrap();
    assert!(event_loop.run_until_complete(task).unwrap_err().is_cancelled());
    go_on.send(()).unwrap();
    assert!(event_loop.run_until_complete(work).unwrap());
}

//= SPEC.md#e-10
//= type=test
//# `shutdown_default_executor` MUST refuse new default work from the call on, MUST NOT block the
//# loop, and MUST report a timeout as such.
#[test]
fn e10_an_executor_of_the_programs_own_is_let_go() {
    let event_loop = virtual_loop();
    let pool = Arc::new(pool_of(1));
    event_loop.set_default_executor(Arc::<ThreadPoolExecutor>::clone(&pool)).unwrap();
    let work = event_loop.run_in_executor(None, || Ok(7)).unwrap();
    assert_eq!(event_loop.run_until_complete(work).unwrap(), 7);
    assert_eq!(pool.workers(), 1, "it was used");
    let shutdown = event_loop.shutdown_default_executor(Some(Duration::from_secs(1)));
    assert_eq!(Arc::strong_count(&pool), 2, "kept until the shutdown is awaited or dropped");
    event_loop.run_until_complete(shutdown).unwrap();
    assert_eq!(Arc::strong_count(&pool), 1);
    assert_eq!(pool.submit(|| Ok(8)).unwrap().result_timeout(GUARD).unwrap(), 8);
}

//= SPEC.md#e-10
//= type=test
//# `shutdown_default_executor` MUST refuse new default work from the call on, MUST NOT block the
//# loop, and MUST report a timeout as such.
//= SPEC.md#s-8
//= type=test
//# After close every operation that would schedule work MUST be refused with `LoopClosed`.
#[test]
fn e10_a_closed_loop_says_that_it_is_closed() {
    let event_loop = virtual_loop();
    event_loop.close().unwrap();
    let refused = event_loop.run_in_executor(None, || Ok(7));
    assert!(matches!(refused, Err(SubmitError::LoopClosed)));
    let refused = event_loop.set_default_executor(Arc::new(pool_of(1)));
    assert!(matches!(refused, Err(SubmitError::LoopClosed)));
}

// Work

//= SPEC.md#f-7
//= type=test
//# A producer dropped without completing MUST finish the future with an error that says so.
//= SPEC.md#e-3
//= type=test
//# A function that panics MUST fail only its own future; the worker goes on.
#[test]
fn f7_work_that_an_executor_loses_fails_its_future() {
    struct Loses;
    impl Executor for Loses {
        fn execute(&self, work: Work) -> Result<(), SubmitError> {
            drop(work);
            Ok(())
        }
    }
    let event_loop = virtual_loop();
    let future = event_loop.run_in_executor(Some(&Loses), || Ok(7)).unwrap();
    assert!(event_loop.run_until_complete(future).unwrap_err().is::<BrokenPromise>());
}

//= SPEC.md#e-7
//= type=test
//# A failing initializer MUST break the pool: every queued future fails with that reason, also
//# behind futures that were cancelled meanwhile, and later work is refused.
#[test]
fn e7_the_reason_is_told_as_an_event() {
    let (work, future) = Work::new(|| Ok(7));
    let told = events(|| work.fail(Exception::new("no licence")));
    assert!(told.is_empty(), "failing work is no event: its future tells");
    assert_eq!(future.exception().unwrap().unwrap().to_string(), "no licence");
}

#[test]
fn by_default_a_pool_has_as_many_workers_as_processors_and_four() {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let pool = ThreadPoolExecutor::new().unwrap();
    let (release, released) = mpsc::channel::<()>();
    let released = Arc::new(Mutex::new(released));
    for submitted in 1..=40 {
        let blocks = Arc::clone(&released);
        let _future = pool
            .submit(move || {
                let _hung_up = blocks.lock().unwrap().recv();
                Ok(())
            })
            .unwrap();
        assert_eq!(pool.workers(), submitted.min(32).min(processors + 4));
    }
    drop(release);
    end(&pool);
}

//= SPEC.md#e-2
//= type=test
//# Work MUST start in the order of submission, and a worker MUST be started only when none is idle
//# and the limit is not reached.
#[test]
fn e2_each_worker_has_a_name_of_its_own() {
    let pool =
        ThreadPoolExecutor::builder().max_workers(3).thread_name_prefix("crew").build().unwrap();
    let all_there = Arc::new(Barrier::new(3));
    let names: Vec<_> = (0..3)
        .map(|_| {
            let all_there = Arc::clone(&all_there);
            let waits = move || {
                all_there.wait();
                Ok(thread::current().name().map(str::to_owned))
            };
            pool.submit(waits).unwrap()
        })
        .collect();
    let mut names: Vec<_> =
        names.into_iter().map(|name| name.result_timeout(GUARD).unwrap().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["crew-0", "crew-1", "crew-2"]);
}
