//! Clauses C-9 to C-12: foreign futures that a loop awaits.

use super::*;

//= SPEC.md#c-9
//= type=test
//# The outcome of a concurrent future MUST reach its loop future through the loop's queue, even if
//# it was done when it was wrapped.
#[test]
fn c9_cb1_value_and_exception() {
    let event_loop = virtual_loop();
    let (work, source) = concurrent::promise::<u32>();
    let wrapped = event_loop.wrap_future(source).unwrap();
    thread::spawn(move || work.set_result(7).unwrap()).join().unwrap();
    assert!(!wrapped.done(), "through the queue");
    turn(&event_loop);
    assert_eq!(wrapped.result().unwrap(), 7);

    let (work, source) = concurrent::promise::<u32>();
    let wrapped = event_loop.wrap_future(source).unwrap();
    let raised = Exception::new("raised");
    work.set_exception(raised.clone()).unwrap();
    turn(&event_loop);
    assert!(wrapped.exception().unwrap().unwrap().same_object(&raised));
}

//= SPEC.md#c-9
//= type=test
//# The outcome of a concurrent future MUST reach its loop future through the loop's queue, even if
//# it was done when it was wrapped.
//= SPEC.md#u-4
//= type=test
//# `run_in_executor` MUST return its errors at the call, and otherwise a loop future of the work's
//# outcome.
#[test]
fn c9_cb1_work_of_an_executor() {
    let event_loop = virtual_loop();
    let shelf = Arc::new(Shelf::default());
    let future = event_loop.run_in_executor(Some(&*shelf), || Ok(7)).unwrap();
    let log = Log::default();
    let resumed = log.clone();
    let task = event_loop
        .create_task(async move {
            let value = future.await?;
            resumed.note(value);
            Ok(value)
        })
        .unwrap();
    turn(&event_loop);
    let worker = Arc::clone(&shelf);
    thread::spawn(move || worker.take().run()).join().unwrap();
    turns(&event_loop, 2);
    assert_eq!(log.entries(), [7], "at the latest one iteration later");
    assert_eq!(task.result().unwrap(), 7);
}

//= SPEC.md#c-10
//= type=test
//# Cancelling a wrapped loop future MUST cancel its source at once if the source has not started,
//# and MUST leave running work to end by itself, its outcome dropped.
//= SPEC.md#e-4
//= type=test
//# Work whose future was cancelled before a worker picked it up MUST NOT run, and its future MUST
//# be marked ended.
#[test]
fn c10_cb2_cancelled_while_queued() {
    let event_loop = virtual_loop();
    let shelf = Shelf::default();
    let ran = Arc::new(AtomicBool::new(false));
    let runs = Arc::clone(&ran);
    let future = event_loop
        .run_in_executor(Some(&shelf), move || {
            runs.store(true, Ordering::SeqCst);
            Ok(7)
        })
        .unwrap();
    assert!(future.cancel());
    shelf.take().run();
    assert!(!ran.load(Ordering::SeqCst));
    assert_eq!(Arc::strong_count(&ran), 1, "the function is dropped");
    turn(&event_loop);
    assert!(future.cancelled());
}

//= SPEC.md#c-10
//= type=test
//# Cancelling a wrapped loop future MUST cancel its source at once if the source has not started,
//# and MUST leave running work to end by itself, its outcome dropped.
#[test]
fn c10_cb2_the_source_is_cancelled_at_once() {
    let event_loop = virtual_loop();
    let (work, source) = concurrent::promise::<u32>();
    let wrapped = event_loop.wrap_future(source.clone()).unwrap();
    assert!(wrapped.cancel());
    assert_eq!(state(&source), CANCELLED, "without a turn of the loop");
    assert!(!work.set_running_or_notify_cancel().unwrap());
    turn(&event_loop);
    assert!(wrapped.cancelled());
}

//= SPEC.md#c-10
//= type=test
//# Cancelling a wrapped loop future MUST cancel its source at once if the source has not started,
//# and MUST leave running work to end by itself, its outcome dropped.
#[test]
fn c10_cb2_cancelling_whoever_awaits_it() {
    let event_loop = virtual_loop();
    let (_work, source) = concurrent::promise::<u32>();
    let wrapped = event_loop.wrap_future(source.clone()).unwrap();
    let task = event_loop.create_task(wrapped).unwrap();
    turn(&event_loop);
    assert!(task.cancel());
    assert_eq!(state(&source), CANCELLED);
    turn(&event_loop);
    assert!(task.cancelled());
}

//= SPEC.md#c-10
//= type=test
//# Cancelling a wrapped loop future MUST cancel its source at once if the source has not started,
//# and MUST leave running work to end by itself, its outcome dropped.
#[test]
fn c10_cb3_cancelled_while_running() {
    for fails in [false, true] {
        let event_loop = virtual_loop();
        let reports = record_reports(&event_loop);
        let (work, source) = concurrent::promise::<u32>();
        let wrapped = event_loop.wrap_future(source.clone()).unwrap();
        assert!(work.set_running_or_notify_cancel().unwrap());
        assert!(wrapped.cancel());
        assert!(source.running(), "running work ends by itself");
        if fails {
            work.set_exception(Exception::new("nobody wants it")).unwrap();
        } else {
            work.set_result(7).unwrap();
        }
        turns(&event_loop, 2);
        assert!(wrapped.cancelled());
        drop(wrapped);
        turns(&event_loop, 2);
        assert!(reports.entries().is_empty(), "its outcome is dropped");
    }
}

//= SPEC.md#c-10
//= type=test
//# Cancelling a wrapped loop future MUST cancel its source at once if the source has not started,
//# and MUST leave running work to end by itself, its outcome dropped.
#[test]
fn c10_cb3_a_running_function_runs_to_its_end() {
    let event_loop = virtual_loop();
    let shelf = Arc::new(Shelf::default());
    let (began, has_begun) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let reached_end = Arc::new(AtomicBool::new(false));
    let reaches_end = Arc::clone(&reached_end);
    let future = event_loop
        .run_in_executor(Some(&*shelf), move || {
            began.send(()).unwrap();
            may_go_on.recv().unwrap();
            reaches_end.store(true, Ordering::SeqCst);
            Ok(7)
        })
        .unwrap();
    let worker = Arc::clone(&shelf);
    let working = thread::spawn(move || worker.take().run());
    has_begun.recv().unwrap();
    assert!(future.cancel());
    go_on.send(()).unwrap();
    working.join().unwrap();
    assert!(reached_end.load(Ordering::SeqCst));
    turns(&event_loop, 2);
    assert!(future.cancelled());
}

//= SPEC.md#c-10
//= type=test
//# Cancelling a wrapped loop future MUST cancel its source at once if the source has not started,
//# and MUST leave running work to end by itself, its outcome dropped.
#[test]
fn c10_cb4_cancelled_after_the_source_finished() {
    let event_loop = virtual_loop();
    let reports = record_reports(&event_loop);
    let (work, source) = concurrent::promise::<u32>();
    let wrapped = event_loop.wrap_future(source.clone()).unwrap();
    work.set_exception(Exception::new("nobody wants it")).unwrap();
    assert!(wrapped.cancel(), "the copy has not had its turn");
    turns(&event_loop, 3);
    assert!(wrapped.cancelled());
    assert_eq!(state(&source), FINISHED);
    assert!(reports.entries().is_empty());
}

//= SPEC.md#c-11
//= type=test
//# A cancelled source MUST cancel the loop future that wraps it.
#[test]
fn c11_cb5_source_cancelled_by_somebody_else() {
    let event_loop = virtual_loop();
    let shelf = Shelf::default();
    let check = |future: LoopFuture<u32>, cancel_source: &dyn Fn()| {
        let task = event_loop.create_task(future.clone()).unwrap();
        turn(&event_loop);
        cancel_source();
        assert!(!future.done(), "through the queue");
        turns(&event_loop, 2);
        assert!(future.cancelled());
        assert!(task.cancelled());
        assert_eq!(task.cancelling(), 0, "nobody cancelled the task");
    };
    let (_work, source) = concurrent::promise::<u32>();
    let wrapped = event_loop.wrap_future(source.clone()).unwrap();
    check(wrapped, &|| assert!(cancel_from_elsewhere(&source)));
    let queued = event_loop.run_in_executor(Some(&shelf), || Ok(7)).unwrap();
    check(queued, &|| shelf.take().cancel());
}

//= SPEC.md#c-11
//= type=test
//# A cancelled source MUST cancel the loop future that wraps it.
#[test]
fn c11_a_source_that_was_cancelled_when_it_was_wrapped() {
    let event_loop = virtual_loop();
    let (_work, source) = concurrent::promise::<u32>();
    assert!(source.cancel());
    let wrapped = event_loop.wrap_future(source).unwrap();
    assert!(!wrapped.done());
    turn(&event_loop);
    assert!(wrapped.cancelled());
}

//= SPEC.md#c-12
//= type=test
//# A source that ends after the loop closed MUST be ignored without an error.
//= SPEC.md#l-8
//= type=test
//# Closing the loop MUST end a pending loop future that the kernel made, with an error that says
//# so.
#[test]
fn c12_cb6_loop_closed_before_the_source_ends() {
    type End = fn(concurrent::Promise<u32>, ConcurrentFuture<u32>);
    let ways: [End; 4] = [
        |work, _| work.set_result(7).unwrap(),
        |work, _| work.set_exception(Exception::new("late")).unwrap(),
        |_, source| assert!(source.cancel()),
        |work, _| drop(work),
    ];
    for end in ways {
        let event_loop = virtual_loop();
        let reports = record_reports(&event_loop);
        let (work, source) = concurrent::promise::<u32>();
        let wrapped = event_loop.wrap_future(source.clone()).unwrap();
        event_loop.close().unwrap();
        assert!(is_loop_closed(&wrapped.result()));
        let told = events(|| end(work, source));
        assert!(told.is_empty(), "{told:?}");
        assert!(is_loop_closed(&wrapped.result()), "it keeps its outcome");
        assert!(reports.entries().is_empty());
    }
}

//= SPEC.md#c-12
//= type=test
//# A source that ends after the loop closed MUST be ignored without an error.
#[test]
fn c12_cb6_work_of_an_executor_that_outlives_the_loop() {
    let event_loop = virtual_loop();
    let shelf = Shelf::default();
    let future = event_loop.run_in_executor(Some(&shelf), || Ok(7)).unwrap();
    drop(event_loop);
    let told = events(|| shelf.take().run());
    assert!(told.is_empty(), "{told:?}");
    assert!(is_loop_closed(&future.result()));
}

//= SPEC.md#c-12
//= type=test
//# A source that ends after the loop closed MUST be ignored without an error.
//= SPEC.md#l-8
//= type=test
//# Closing the loop MUST end a pending loop future that the kernel made, with an error that says
//# so.
#[test]
fn c12_cb7_close_races_the_end_of_the_source() {
    let start = Arc::new(Barrier::new(2));
    let (sender, works) = mpsc::channel::<concurrent::Promise<u32>>();
    let ready = Arc::clone(&start);
    let worker = thread::spawn(move || {
        let mut told = Vec::new();
        for work in works {
            ready.wait();
            told.extend(events(|| work.set_result(7).unwrap()));
        }
        told
    });
    for _ in 0..200 {
        let event_loop = virtual_loop();
        let (work, source) = concurrent::promise::<u32>();
        let wrapped = event_loop.wrap_future(source.clone()).unwrap();
        sender.send(work).unwrap();
        start.wait();
        turn(&event_loop);
        event_loop.close().unwrap();
        let result = wrapped.result();
        assert!(is_loop_closed(&result) || matches!(result, Ok(7)), "{result:?}");
        assert_eq!(source.result_timeout(GUARD).unwrap(), 7);
    }
    drop(sender);
    assert!(worker.join().unwrap().is_empty());
}

//= SPEC.md#c-9
//= type=test
//# The outcome of a concurrent future MUST reach its loop future through the loop's queue, even if
//# it was done when it was wrapped.
#[test]
fn c9_cb8_done_when_it_was_wrapped() {
    let event_loop = virtual_loop();
    let handle = event_loop.handle();
    let order = Notes::default();
    let (work, source) = concurrent::promise::<u32>();
    let (posted, soon, copied) = (order.clone(), order.clone(), order.clone());
    event_loop.call_soon(move || soon.note("call_soon")).unwrap();
    thread::spawn(move || {
        handle.call_soon_threadsafe(move || posted.note("posted")).unwrap();
        work.set_result(7).unwrap();
    })
    .join()
    .unwrap();
    let wrapped = event_loop.wrap_future(source).unwrap();
    assert!(!wrapped.done(), "it must not overtake what was posted");
    let task = event_loop
        .create_task(async move {
            let value = wrapped.await?;
            copied.note("copied");
            Ok(value)
        })
        .unwrap();
    turns(&event_loop, 3);
    assert_eq!(order.entries(), ["call_soon", "posted", "copied"]);
    assert_eq!(task.result().unwrap(), 7);
}

//= SPEC.md#c-9
//= type=test
//# The outcome of a concurrent future MUST reach its loop future through the loop's queue, even if
//# it was done when it was wrapped.
#[test]
fn c9_cb9_completed_by_the_loop_thread() {
    let event_loop = virtual_loop();
    let order = Notes::default();
    let (work, source) = concurrent::promise::<u32>();
    let wrapped = event_loop.wrap_future(source).unwrap();
    let (before, done) = (order.clone(), order.clone());
    let probe = wrapped.clone();
    event_loop
        .call_soon(move || {
            let queued = before.clone();
            get_running_loop().unwrap().call_soon(move || queued.note("queued before")).unwrap();
            work.set_result(7).unwrap();
            assert!(!probe.done(), "not inside the completion");
        })
        .unwrap();
    wrapped.add_done_callback(move |_| done.note("done"));
    turns(&event_loop, 3);
    assert_eq!(order.entries(), ["queued before", "done"]);
    assert_eq!(wrapped.result().unwrap(), 7);
}

//= SPEC.md#c-9
//= type=test
//# The outcome of a concurrent future MUST reach its loop future through the loop's queue, even if
//# it was done when it was wrapped.
#[test]
fn c9_a_wrapped_future_of_a_virtual_thread_arrives() {
    let (sender, receiver) = mpsc::channel();
    // In a thread of its own: if virtual time stood still for the wrapped future, it would for ever.
    thread::spawn(move || {
        let event_loop = virtual_loop();
        let clock = event_loop.clock().clone();
        let result = event_loop.run_until_complete(async move {
            let (work, source) = concurrent::promise::<u32>();
            let sleeper = clock.clone();
            clock.spawn("producer", move || {
                sleeper.sleep(Duration::from_secs(1));
                work.set_result(7).unwrap();
            })?;
            get_running_loop()?.wrap_future(source)?.await
        });
        sender.send((result.ok(), event_loop.time().as_nanos())).unwrap();
    });
    assert_eq!(receiver.recv_timeout(GUARD), Ok((Some(7), 1_000_000_000)));
}
