//! Clauses F-21 and F-22: awaiting from any executor, and waits that could never end.

use super::*;

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
