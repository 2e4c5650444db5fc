//! Chapter of SPEC.md with the same name: one test or more for each clause.

use std::cell::Cell;
use std::future::pending;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread::ThreadId;
use std::time::Duration;

use loopgate::executor::Work;
use loopgate::{
    BrokenPromise, ConcurrentFuture, EventLoop, Exception, Executor, ExitRequest, LoopClosed,
    LoopHandle, PostError, ResultError, SubmitError, ThreadPoolExecutor, get_running_loop, sleep,
    timeout, yield_now,
};

use crate::support::{record_reports, virtual_loop};
use crate::task::{Boxed, Oops, finish, run_dry, secs, turns};

/// Notes in which thread it was dropped.
struct DroppedIn(Arc<Mutex<Option<ThreadId>>>);

impl DroppedIn {
    fn new() -> (DroppedIn, Arc<Mutex<Option<ThreadId>>>) {
        let place = Arc::default();
        (DroppedIn(Arc::clone(&place)), place)
    }
}

impl Drop for DroppedIn {
    fn drop(&mut self) {
        *self.0.lock().unwrap() = Some(std::thread::current().id());
    }
}

fn here() -> Option<ThreadId> {
    Some(std::thread::current().id())
}

/// Runs the loop, on the real clock, for no longer than a minute.
fn in_a_minute<T: Clone + 'static>(
    event_loop: &EventLoop,
    future: impl Future<Output = Result<T, Exception>> + 'static,
) -> Result<T, Exception> {
    event_loop.run_until_complete(timeout(secs(60), future))
}

/// The exception that a future ended with; no wait.
fn exception_of<T: Clone>(future: &ConcurrentFuture<T>) -> Exception {
    match future.result_timeout(Duration::ZERO) {
        Err(ResultError::Exception(exception)) => exception,
        Err(error) => panic!("{error:?}"),
        Ok(_) => panic!("a value"),
    }
}

// ---- U-1 -----------------------------------------------------------------------------------------------

/// Submits a coroutine of every kind: ready, suspended in one way or another, failing.
fn submit_all(handle: &LoopHandle) -> Vec<(&'static str, ConcurrentFuture<()>)> {
    let submit = |name, build: fn() -> Boxed<()>| {
        (name, handle.run_coroutine_threadsafe_with(build).expect("an open loop accepts"))
    };
    vec![
        submit("value", || Box::pin(async { Ok(()) })),
        submit("error", || Box::pin(async { Err(Oops.into()) })),
        submit("panic", || Box::pin(async { panic!("on purpose") })),
        submit("builder panics", || panic!("on purpose")),
        submit("sleep", || Box::pin(sleep(secs(3600)))),
        submit("yields for long", || {
            Box::pin(async {
                for _ in 0..10_000 {
                    yield_now().await?;
                }
                Ok(())
            })
        }),
        submit("foreign", || Box::pin(pending())),
        submit("awaits a task", || {
            Box::pin(async { get_running_loop()?.create_task(sleep(secs(3600)))?.await })
        }),
        submit("swallows its cancel", || {
            Box::pin(async {
                let _cancelled = sleep(secs(3600)).await;
                sleep(secs(3600)).await
            })
        }),
    ]
}

fn assert_ended(submissions: &[(&'static str, ConcurrentFuture<()>)]) {
    for (name, future) in submissions {
        assert!(future.done() && future.ended(), "{name}: {future:?}");
        let outcome = future.result_timeout(Duration::ZERO);
        assert!(!matches!(outcome, Err(ResultError::TimedOut)), "{name}");
    }
}

//= SPEC.md#u-1
//= type=test
//# `run_coroutine_threadsafe` MUST return a future that ends in a final state whatever becomes of
//# the loop, if the submission was accepted.
#[test]
fn u1_a_loop_that_is_closed_before_it_runs_ends_them_all() {
    let event_loop = virtual_loop();
    let submissions = submit_all(&event_loop.handle());
    event_loop.close().unwrap();
    assert_ended(&submissions);
    for (name, future) in &submissions {
        assert!(exception_of(future).is::<LoopClosed>(), "{name}");
    }
}

//= SPEC.md#u-1
//= type=test
//# `run_coroutine_threadsafe` MUST return a future that ends in a final state whatever becomes of
//# the loop, if the submission was accepted.
#[test]
fn u1_a_loop_that_is_closed_amid_its_work_ends_them_all() {
    for iterations in 1..5 {
        let event_loop = virtual_loop();
        let _reports = record_reports(&event_loop);
        let submissions = submit_all(&event_loop.handle());
        turns(&event_loop, iterations);
        event_loop.close().unwrap();
        assert_ended(&submissions);
        // An outcome that was reached is delivered, however late the close came.
        if iterations > 1 {
            assert!(submissions[0].1.result().is_ok());
            assert!(exception_of(&submissions[1].1).is::<Oops>());
            assert_eq!(exception_of(&submissions[2].1).panic_message(), Some("on purpose"));
        }
    }
}

//= SPEC.md#u-1
//= type=test
//# `run_coroutine_threadsafe` MUST return a future that ends in a final state whatever becomes of
//# the loop, if the submission was accepted.
#[test]
fn u1_a_loop_that_is_stopped_and_dropped_ends_them_all() {
    let event_loop = virtual_loop();
    let handle = event_loop.handle();
    let early = submit_all(&handle);
    handle.stop().unwrap();
    event_loop.run_forever().unwrap();
    // Accepted while it does not run, and it never will again.
    let late = submit_all(&handle);
    drop(event_loop);
    assert_ended(&early);
    assert_ended(&late);
}

//= SPEC.md#u-1
//= type=test
//# `run_coroutine_threadsafe` MUST return a future that ends in a final state whatever becomes of
//# the loop, if the submission was accepted.
#[test]
fn u1_cancelled_ones_end_too_when_the_loop_closes() {
    for iterations in 0..4 {
        let event_loop = virtual_loop();
        let _reports = record_reports(&event_loop);
        let submissions = submit_all(&event_loop.handle());
        turns(&event_loop, iterations);
        for (_, future) in &submissions {
            let done = future.done();
            assert_eq!(future.cancel(), !done || future.cancelled());
        }
        turns(&event_loop, 1);
        event_loop.close().unwrap();
        assert_ended(&submissions);
    }
}

//= SPEC.md#u-1
//= type=test
//# `run_coroutine_threadsafe` MUST return a future that ends in a final state whatever becomes of
//# the loop, if the submission was accepted.
//= SPEC.md#s-7
//= type=test
//# Dropping the loop MUST close it.
#[test]
fn u1_a_loop_whose_thread_panics_ends_them_all() {
    let (send_handle, handles) = mpsc::channel();
    let (go, gone) = mpsc::channel::<()>();
    let thread = std::thread::spawn(move || {
        let event_loop = virtual_loop();
        let _reports = record_reports(&event_loop);
        send_handle.send(event_loop.handle()).unwrap();
        gone.recv().unwrap();
        turns(&event_loop, 2);
        send_handle.send(event_loop.handle()).unwrap();
        gone.recv().unwrap();
        panic!("the loop's thread dies");
    });
    let early = submit_all(&handles.recv().unwrap());
    go.send(()).unwrap();
    let handle = handles.recv().unwrap();
    let late = submit_all(&handle);
    go.send(()).unwrap();
    // Released by the unwinding, not by the join.
    let outcome = late[4].1.result_timeout(secs(60));
    assert!(
        matches!(&outcome, Err(ResultError::Exception(e)) if e.is::<LoopClosed>()),
        "{outcome:?}"
    );
    assert!(thread.join().is_err());
    assert_ended(&early);
    assert_ended(&late);
    assert!(handle.is_closed());
}

//= SPEC.md#u-1
//= type=test
//# `run_coroutine_threadsafe` MUST return a future that ends in a final state whatever becomes of
//# the loop, if the submission was accepted.
#[test]
fn u1_an_exit_request_strands_nobody() {
    let event_loop = virtual_loop();
    let _reports = record_reports(&event_loop);
    let handle = event_loop.handle();
    let exits: ConcurrentFuture<()> =
        handle.run_coroutine_threadsafe(async { Err(ExitRequest { code: 3 }.into()) }).unwrap();
    let submissions = submit_all(&handle);
    assert!(event_loop.run_forever().is_err());
    let exit = exception_of(&exits).exit_request();
    assert_eq!(exit, Some(ExitRequest { code: 3 }), "done before the loop was left");
    event_loop.close().unwrap();
    assert_ended(&submissions);
}

//= SPEC.md#u-1
//= type=test
//# `run_coroutine_threadsafe` MUST return a future that ends in a final state whatever becomes of
//# the loop, if the submission was accepted.
#[test]
fn u1_what_is_submitted_while_the_loop_closes_is_refused_or_ends() {
    struct SubmitsAgain(LoopHandle, mpsc::Sender<Result<ConcurrentFuture<()>, PostError>>);
    impl Drop for SubmitsAgain {
        fn drop(&mut self) {
            let again = self.0.run_coroutine_threadsafe(async { Ok(()) });
            self.1.send(again).unwrap();
        }
    }
    let (send, results) = mpsc::channel();
    let event_loop = virtual_loop();
    let handle = event_loop.handle();
    for suspended in [true, false] {
        let guard = SubmitsAgain(handle.clone(), send.clone());
        let _task = event_loop
            .create_task(async move {
                let _guard = guard;
                pending::<Result<(), Exception>>().await
            })
            .unwrap();
        if suspended {
            turns(&event_loop, 1);
        }
    }
    drop(event_loop);
    for _ in 0..2 {
        match results.try_recv().expect("dropped with the loop") {
            Err(PostError::LoopClosed) => {}
            Err(error) => panic!("{error}"),
            Ok(future) => assert!(future.ended()),
        }
    }
}

//= SPEC.md#u-1
//= type=test
//# `run_coroutine_threadsafe` MUST return a future that ends in a final state whatever becomes of
//# the loop, if the submission was accepted.
#[test]
fn u1_racing_with_close_every_accepted_submission_ends() {
    const SUBMITTERS: usize = 3;
    const EACH: usize = 300;
    for round in 0..30_u64 {
        let event_loop = EventLoop::new().unwrap();
        let start = Arc::new(Barrier::new(SUBMITTERS + 1));
        let threads: Vec<_> = (0..SUBMITTERS)
            .map(|number| {
                let (handle, start) = (event_loop.handle(), Arc::clone(&start));
                std::thread::spawn(move || {
                    let mut accepted = Vec::new();
                    start.wait();
                    for _ in 0..EACH {
                        let submitted = handle.run_coroutine_threadsafe(async move {
                            for _ in 0..number {
                                yield_now().await?;
                            }
                            Ok(number)
                        });
                        match submitted {
                            Ok(future) => accepted.push(future),
                            Err(PostError::LoopClosed) => break,
                            Err(error) => panic!("{error}"),
                        }
                    }
                    for future in &accepted {
                        match future.result_timeout(secs(60)) {
                            Ok(value) => assert_eq!(value, number),
                            Err(ResultError::Exception(e)) => assert!(e.is::<LoopClosed>(), "{e}"),
                            Err(error) => panic!("{error:?}"),
                        }
                        assert!(future.ended());
                    }
                    accepted.len()
                })
            })
            .collect();
        start.wait();
        for _ in 0..round {
            let _turn = event_loop.run_once(Some(Duration::ZERO)).unwrap();
        }
        drop(event_loop);
        for thread in threads {
            let _accepted = thread.join().unwrap();
        }
    }
}

//= SPEC.md#u-1
//= type=test
//# `run_coroutine_threadsafe` MUST return a future that ends in a final state whatever becomes of
//# the loop, if the submission was accepted.
#[test]
fn u1_a_blocking_submitter_is_served() {
    let event_loop = EventLoop::new().unwrap();
    let handle = event_loop.handle();
    let submitter = std::thread::spawn(move || {
        let future = handle.run_coroutine_threadsafe(async {
            yield_now().await?;
            Ok(3)
        });
        let three = future.unwrap().result_timeout(secs(60));
        handle.stop().unwrap();
        three
    });
    event_loop.run_forever().unwrap();
    assert_eq!(submitter.join().unwrap().unwrap(), 3);
}

//= SPEC.md#u-1
//= type=test
//# `run_coroutine_threadsafe` MUST return a future that ends in a final state whatever becomes of
//# the loop, if the submission was accepted.
#[test]
fn u1_a_submission_that_nobody_holds_is_run_all_the_same() {
    let event_loop = virtual_loop();
    let ran = Arc::new(AtomicBool::new(false));
    let noted = Arc::clone(&ran);
    drop(event_loop.handle().run_coroutine_threadsafe(async move {
        yield_now().await?;
        noted.store(true, Ordering::SeqCst);
        Ok(())
    }));
    run_dry(&event_loop);
    assert!(ran.load(Ordering::SeqCst));
}

// ---- U-2 -----------------------------------------------------------------------------------------------

//= SPEC.md#u-2
//= type=test
//# Submitting to a closed loop MUST be refused in the submitting thread, and the coroutine MUST be
//# dropped unrun.
#[test]
fn u2_a_closed_loop_refuses_in_the_submitting_thread_and_drops_the_coroutine() {
    let event_loop = virtual_loop();
    let handle = event_loop.handle();
    event_loop.close().unwrap();
    let elsewhere = handle.clone();
    std::thread::spawn(move || {
        let (guard, dropped) = DroppedIn::new();
        let refused = elsewhere.run_coroutine_threadsafe::<(), _>(async move {
            let _guard = guard;
            unreachable!("the loop is closed")
        });
        assert!(matches!(refused, Err(PostError::LoopClosed)));
        assert_eq!(*dropped.lock().unwrap(), here(), "before the call returned");
    })
    .join()
    .unwrap();
    // The same on the loop's own thread, and once the loop is gone.
    drop(event_loop);
    let (guard, dropped) = DroppedIn::new();
    let refused = handle.run_coroutine_threadsafe(async move {
        drop(guard);
        Ok(())
    });
    let error = Exception::from(refused.unwrap_err());
    assert_eq!(error.to_string(), LoopClosed.to_string());
    assert_eq!(*dropped.lock().unwrap(), here());
}

//= SPEC.md#u-2
//= type=test
//# Submitting to a closed loop MUST be refused in the submitting thread, and the coroutine MUST be
//# dropped unrun.
#[test]
fn u2_a_closed_loop_does_not_call_a_builder() {
    let event_loop = virtual_loop();
    let handle = event_loop.handle();
    drop(event_loop);
    let (guard, dropped) = DroppedIn::new();
    let refused = handle.run_coroutine_threadsafe_with(move || {
        let _guard = guard;
        if true {
            unreachable!("the loop is closed");
        }
        yield_now()
    });
    assert!(matches!(refused, Err(PostError::LoopClosed)));
    assert_eq!(*dropped.lock().unwrap(), here());
}

//= SPEC.md#u-2
//= type=test
//# Submitting to a closed loop MUST be refused in the submitting thread, and the coroutine MUST be
//# dropped unrun.
#[test]
fn u2_everything_else_that_posts_is_refused_in_the_same_way() {
    let event_loop = virtual_loop();
    let handle = event_loop.handle();
    event_loop.close().unwrap();
    assert!(matches!(handle.call_soon_threadsafe(|| {}), Err(PostError::LoopClosed)));
    assert!(handle.call_later_threadsafe(secs(1), || {}).unwrap_err().is::<PostError>());
    assert!(matches!(handle.stop(), Err(PostError::LoopClosed)));
    assert!(handle.is_closed() && !handle.is_running());
}

// ---- U-3 -----------------------------------------------------------------------------------------------

//= SPEC.md#u-3
//= type=test
//# A coroutine that is not `Send` MUST be submittable as a `Send` closure that builds it on the
//# loop thread.
#[test]
fn u3_a_builder_makes_a_coroutine_that_stays_on_the_loop_thread() {
    let event_loop = EventLoop::new().unwrap();
    let handle = event_loop.handle();
    let submitter = std::thread::spawn(move || {
        let future = handle.run_coroutine_threadsafe_with(|| {
            // An `Rc` across an await: this future is not `Send`.
            let built_in = Rc::new(std::thread::current().id());
            async move {
                yield_now().await?;
                assert_eq!(*built_in, std::thread::current().id());
                Ok(*built_in)
            }
        });
        let built_in = future.unwrap().result_timeout(secs(60));
        handle.stop().unwrap();
        built_in.unwrap()
    });
    event_loop.run_forever().unwrap();
    assert_eq!(Some(submitter.join().unwrap()), here());
}

//= SPEC.md#u-3
//= type=test
//# A coroutine that is not `Send` MUST be submittable as a `Send` closure that builds it on the
//# loop thread.
#[test]
fn u3_a_builder_is_called_once_and_not_before_its_turn() {
    let event_loop = virtual_loop();
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let future = event_loop.handle().run_coroutine_threadsafe_with(move || {
        counted.fetch_add(1, Ordering::SeqCst);
        async { Ok(3) }
    });
    assert_eq!(calls.load(Ordering::SeqCst), 0);
    run_dry(&event_loop);
    assert_eq!((calls.load(Ordering::SeqCst), future.unwrap().result().unwrap()), (1, 3));
}

//= SPEC.md#u-3
//= type=test
//# A coroutine that is not `Send` MUST be submittable as a `Send` closure that builds it on the
//# loop thread.
//= SPEC.md#u-1
//= type=test
//# `run_coroutine_threadsafe` MUST return a future that ends in a final state whatever becomes of
//# the loop, if the submission was accepted.
#[test]
fn u3_a_builder_that_never_has_its_turn_is_dropped_uncalled() {
    let event_loop = virtual_loop();
    let (guard, dropped) = DroppedIn::new();
    let future = event_loop.handle().run_coroutine_threadsafe_with(move || {
        let _guard = guard;
        if true {
            unreachable!("the loop was closed before");
        }
        yield_now()
    });
    let future = future.unwrap();
    assert!(dropped.lock().unwrap().is_none());
    event_loop.close().unwrap();
    assert!(dropped.lock().unwrap().is_some());
    assert!(exception_of(&future).is::<LoopClosed>());
}

//= SPEC.md#u-3
//= type=test
//# A coroutine that is not `Send` MUST be submittable as a `Send` closure that builds it on the
//# loop thread.
#[test]
fn u3_a_builder_runs_within_the_loop() {
    let event_loop = virtual_loop();
    let future = event_loop.handle().run_coroutine_threadsafe_with(|| {
        get_running_loop().unwrap().create_task(sleep(secs(1))).unwrap()
    });
    run_dry(&event_loop);
    future.unwrap().result().unwrap();
    assert_eq!(u128::from(event_loop.time().as_nanos()), secs(1).as_nanos());
}

// ---- U-4 -----------------------------------------------------------------------------------------------

/// Runs the work inside the call, in the calling thread.
struct Inline;

impl Executor for Inline {
    fn execute(&self, work: Work) -> Result<(), SubmitError> {
        work.run();
        Ok(())
    }
}

/// Runs the work in a thread of its own and waits for that thread.
struct Elsewhere;

impl Executor for Elsewhere {
    fn execute(&self, work: Work) -> Result<(), SubmitError> {
        std::thread::spawn(move || work.run()).join().expect("work never unwinds");
        Ok(())
    }
}

/// Takes the work and loses it.
struct Loses;

impl Executor for Loses {
    fn execute(&self, work: Work) -> Result<(), SubmitError> {
        drop(work);
        Ok(())
    }
}

/// Refuses everything.
struct Refuses;

impl Executor for Refuses {
    fn execute(&self, _work: Work) -> Result<(), SubmitError> {
        Err(SubmitError::ShutDown)
    }
}

fn executors() -> Vec<(&'static str, Option<Box<dyn Executor>>)> {
    vec![
        ("default", None),
        ("pool", Some(Box::new(ThreadPoolExecutor::new().unwrap()))),
        ("inline", Some(Box::new(Inline))),
        ("elsewhere", Some(Box::new(Elsewhere))),
    ]
}

//= SPEC.md#u-4
//= type=test
//# `run_in_executor` MUST return its errors at the call, and otherwise a loop future of the work's
//# outcome.
#[test]
fn u4_the_outcome_is_the_loop_futures() {
    for (name, executor) in executors() {
        let event_loop = EventLoop::new().unwrap();
        let executor = executor.as_deref();
        let value = event_loop.run_in_executor(executor, || Ok(3)).unwrap();
        assert_eq!(in_a_minute(&event_loop, value).unwrap(), 3, "{name}");
        let raised = Exception::from(Oops);
        let raise = raised.clone();
        let error = event_loop.run_in_executor(executor, move || Err::<(), _>(raise)).unwrap();
        let seen = in_a_minute(&event_loop, error).unwrap_err();
        assert!(seen.same_object(&raised), "{name}");
        let panic = event_loop
            .run_in_executor(executor, || -> Result<(), Exception> { panic!("on purpose") })
            .unwrap();
        let seen = in_a_minute(&event_loop, panic).unwrap_err();
        assert_eq!(seen.panic_message(), Some("on purpose"), "{name}");
    }
}

//= SPEC.md#u-4
//= type=test
//# `run_in_executor` MUST return its errors at the call, and otherwise a loop future of the work's
//# outcome.
#[test]
fn u4_work_runs_in_another_thread_and_the_loop_goes_on_meanwhile() {
    let event_loop = EventLoop::new().unwrap();
    let (go, gone) = mpsc::channel::<()>();
    let ticks = Rc::new(Cell::new(0));
    let ticked = Rc::clone(&ticks);
    let worked_in = in_a_minute(&event_loop, async move {
        let local = get_running_loop()?;
        let work = local.run_in_executor(None, move || {
            gone.recv()?;
            Ok(std::thread::current().id())
        })?;
        for _ in 0..3 {
            yield_now().await?;
            ticked.set(ticked.get() + 1);
        }
        assert!(!work.done(), "it waits for this very coroutine");
        go.send(())?;
        work.await
    })
    .unwrap();
    assert_ne!(Some(worked_in), here());
    assert_eq!(ticks.get(), 3);
}

/// Asserts that a refused function was dropped unrun before the call returned.
fn assert_refused(
    event_loop: &EventLoop,
    executor: Option<&dyn Executor>,
    expected: fn(&SubmitError) -> bool,
) {
    let (guard, dropped) = DroppedIn::new();
    let refused = event_loop.run_in_executor::<(), _>(executor, move || {
        let _guard = guard;
        unreachable!("it was refused")
    });
    let error = refused.unwrap_err();
    assert!(expected(&error), "{error:?}");
    assert_eq!(*dropped.lock().unwrap(), here());
}

//= SPEC.md#u-4
//= type=test
//# `run_in_executor` MUST return its errors at the call, and otherwise a loop future of the work's
//# outcome.
#[test]
fn u4_errors_are_returned_at_the_call() {
    let event_loop = virtual_loop();
    let shut_down = ThreadPoolExecutor::new().unwrap();
    shut_down.shutdown(true, false).unwrap();
    assert_refused(&event_loop, Some(&shut_down), |e| matches!(e, SubmitError::ShutDown));
    let broken = ThreadPoolExecutor::builder().initializer(|| Err(Oops.into())).build().unwrap();
    let first = broken.submit(|| Ok(())).unwrap();
    assert!(first.result_timeout(secs(60)).is_err());
    assert_refused(
        &event_loop,
        Some(&broken),
        |e| matches!(e, SubmitError::Broken(why) if why.is::<Oops>()),
    );
    assert_refused(&event_loop, Some(&Refuses), |e| matches!(e, SubmitError::ShutDown));
    // After all that the default executor still works, until it is shut down.
    let works = event_loop.run_in_executor(None, || Ok(3)).unwrap();
    assert_eq!(in_a_minute(&event_loop, works).unwrap(), 3);
    in_a_minute(&event_loop, event_loop.shutdown_default_executor(None)).unwrap();
    assert_refused(&event_loop, None, |e| matches!(e, SubmitError::ShutDown));
    event_loop.close().unwrap();
    assert_refused(&event_loop, None, |e| matches!(e, SubmitError::LoopClosed));
    assert_refused(&event_loop, Some(&Inline), |e| matches!(e, SubmitError::LoopClosed));
}

//= SPEC.md#u-4
//= type=test
//# `run_in_executor` MUST return its errors at the call, and otherwise a loop future of the work's
//# outcome.
#[test]
fn u4_a_refusal_leaves_the_loop_as_it_was() {
    let event_loop = virtual_loop();
    let before = loopgate::checkers::census(&event_loop);
    assert_refused(&event_loop, Some(&Refuses), |e| matches!(e, SubmitError::ShutDown));
    assert_eq!(loopgate::checkers::census(&event_loop), before);
    // Nor does it hold the virtual clock.
    finish(&event_loop, sleep(secs(1))).unwrap();
}

//= SPEC.md#u-4
//= type=test
//# `run_in_executor` MUST return its errors at the call, and otherwise a loop future of the work's
//# outcome.
#[test]
fn u4_a_set_default_executor_is_used() {
    let event_loop = EventLoop::new().unwrap();
    let pool = ThreadPoolExecutor::builder().thread_name_prefix("mine").build().unwrap();
    event_loop.set_default_executor(Arc::new(pool)).unwrap();
    let name = event_loop
        .run_in_executor(None, || Ok(std::thread::current().name().unwrap_or_default().to_owned()));
    let name = in_a_minute(&event_loop, name.unwrap()).unwrap();
    assert!(name.starts_with("mine"), "{name}");
}

//= SPEC.md#u-4
//= type=test
//# `run_in_executor` MUST return its errors at the call, and otherwise a loop future of the work's
//# outcome.
#[test]
fn u4_work_that_an_executor_loses_fails() {
    let event_loop = virtual_loop();
    let future = event_loop.run_in_executor(Some(&Loses), || Ok(())).unwrap();
    assert!(finish(&event_loop, future).unwrap_err().is::<BrokenPromise>());
}

//= SPEC.md#u-4
//= type=test
//# `run_in_executor` MUST return its errors at the call, and otherwise a loop future of the work's
//# outcome.
#[test]
fn u4_work_may_itself_submit_to_the_loop_and_wait() {
    let event_loop = EventLoop::new().unwrap();
    let handle = event_loop.handle();
    let sum = in_a_minute(&event_loop, async move {
        let local = get_running_loop()?;
        let work = local.run_in_executor(None, move || {
            let submitted = handle.run_coroutine_threadsafe(async {
                yield_now().await?;
                Ok(3)
            })?;
            Ok(submitted.result_timeout(secs(60))? + 1)
        });
        work?.await
    })
    .unwrap();
    assert_eq!(sum, 4);
}

// ---- U-5 -----------------------------------------------------------------------------------------------

/// What work does before it ends in some way: posts, in order, and notes on the loop.
fn posts_then<T: 'static>(
    handle: LoopHandle,
    log: Arc<Mutex<Vec<String>>>,
    end: fn() -> Result<T, Exception>,
) -> impl FnOnce() -> Result<T, Exception> + Send + 'static {
    move || {
        for number in 0..3 {
            let log = Arc::clone(&log);
            handle
                .call_soon_threadsafe(move || log.lock().unwrap().push(format!("post {number}")))?;
        }
        end()
    }
}

/// Awaits work that posts before it ends; asserts that the end is seen after the posts.
fn posts_come_first(executor: Option<&dyn Executor>, end: fn() -> Result<(), Exception>) {
    let event_loop = EventLoop::new().unwrap();
    let log = Arc::new(Mutex::new(Vec::new()));
    let work = posts_then(event_loop.handle(), Arc::clone(&log), end);
    let future = event_loop.run_in_executor(executor, work).unwrap();
    let noted = Arc::clone(&log);
    in_a_minute(&event_loop, async move {
        let _outcome = future.await;
        noted.lock().unwrap().push("end".to_owned());
        Ok(())
    })
    .unwrap();
    assert_eq!(*log.lock().unwrap(), ["post 0", "post 1", "post 2", "end"]);
}

//= SPEC.md#u-5
//= type=test
//# A loop future MUST observe the completion of work after every post that the working thread made
//# before.
#[test]
fn u5_the_end_of_work_is_seen_after_its_posts() {
    for (_, executor) in executors() {
        posts_come_first(executor.as_deref(), || Ok(()));
        posts_come_first(executor.as_deref(), || Err(Oops.into()));
        posts_come_first(executor.as_deref(), || panic!("on purpose"));
    }
}

//= SPEC.md#u-5
//= type=test
//# A loop future MUST observe the completion of work after every post that the working thread made
//# before.
#[test]
fn u5_also_if_the_work_was_done_before_anybody_awaited_it() {
    // The executor has run the work when `run_in_executor` returns: its posts are in the inbox still.
    for executor in [&Inline as &dyn Executor, &Elsewhere] {
        let event_loop = virtual_loop();
        let log = Arc::new(Mutex::new(Vec::new()));
        let handle = event_loop.handle();
        let (posted, awaited) = (Arc::clone(&log), Arc::clone(&log));
        let future = event_loop
            .run_in_executor(executor.into(), move || {
                handle.call_soon_threadsafe(move || posted.lock().unwrap().push("post"))?;
                Ok(())
            })
            .unwrap();
        assert!(!future.done(), "the completion takes its turn");
        finish(&event_loop, async move {
            future.await?;
            awaited.lock().unwrap().push("end");
            Ok(())
        })
        .unwrap();
        assert_eq!(*log.lock().unwrap(), ["post", "end"]);
    }
}

//= SPEC.md#u-5
//= type=test
//# A loop future MUST observe the completion of work after every post that the working thread made
//# before.
#[test]
fn u5_a_done_callback_sees_the_posts_too() {
    let event_loop = virtual_loop();
    let log = Arc::new(Mutex::new(Vec::new()));
    let work = posts_then(event_loop.handle(), Arc::clone(&log), || Ok(()));
    let future = event_loop.run_in_executor(Some(&Elsewhere), work).unwrap();
    let noted = Arc::clone(&log);
    future.add_done_callback(move |_| noted.lock().unwrap().push("end".to_owned()));
    run_dry(&event_loop);
    assert_eq!(*log.lock().unwrap(), ["post 0", "post 1", "post 2", "end"]);
}
