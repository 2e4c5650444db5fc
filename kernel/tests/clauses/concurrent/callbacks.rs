//! Clauses F-12 to F-16: callbacks, and when a future counts as ended.

use super::*;

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
