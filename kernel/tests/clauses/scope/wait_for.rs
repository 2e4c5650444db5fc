//! Clauses O-5 and O-6: the wait that lets the work end, and those that have no time at all.

use super::*;

//= SPEC.md#o-5
//= type=test
//# `wait_for` MUST return only after what it encloses has ended, and a result that came in time, or
//# in spite of the cancel, MUST be returned.
#[test]
fn o5_a_task_that_is_late_is_waited_for_until_it_has_ended() {
    let event_loop = virtual_loop();
    let late = worker(&event_loop, 9, 5);
    let result = finish(&event_loop, wait_for(secs(2), late.clone()));
    assert_eq!((kind(&result), elapsed(&event_loop)), ("timeout", 7));
    assert!(late.cancelled());
}

//= SPEC.md#o-5
//= type=test
//# `wait_for` MUST return only after what it encloses has ended, and a result that came in time, or
//# in spite of the cancel, MUST be returned.
#[test]
fn o5_without_time_a_task_that_has_begun_is_waited_for_too() {
    let event_loop = virtual_loop();
    let late = worker(&event_loop, 9, 5);
    turns(&event_loop, 1);
    let result = finish(&event_loop, wait_for(Duration::ZERO, late.clone()));
    assert_eq!((kind(&result), elapsed(&event_loop)), ("timeout", 5));
    assert!(late.cancelled());
}

//= SPEC.md#o-5
//= type=test
//# `wait_for` MUST return only after what it encloses has ended, and a result that came in time, or
//# in spite of the cancel, MUST be returned.
#[test]
fn o5_a_result_in_time_is_returned() {
    let event_loop = virtual_loop();
    let result = finish(&event_loop, wait_for(secs(5), worker(&event_loop, 2, 0)));
    assert_eq!((result.unwrap(), elapsed(&event_loop)), (2, 2));
    let failed: Result<(), _> = finish(&event_loop, wait_for(secs(5), async { Err(Oops.into()) }));
    assert!(failed.unwrap_err().is::<Oops>());
    assert_eq!(event_loop.poll_timeout(), None);
}

//= SPEC.md#o-5
//= type=test
//# `wait_for` MUST return only after what it encloses has ended, and a result that came in time, or
//# in spite of the cancel, MUST be returned.
#[test]
fn o5_a_result_in_spite_of_the_cancel_is_returned() {
    let event_loop = virtual_loop();
    let stubborn = || {
        event_loop
            .create_task(async {
                assert!(sleep(secs(9)).await.is_err());
                sleep(secs(1)).await?;
                Ok(3)
            })
            .unwrap()
    };
    assert_eq!(finish(&event_loop, wait_for(secs(2), stubborn())).unwrap(), 3);
    let begun = stubborn();
    turns(&event_loop, 1);
    assert_eq!(finish(&event_loop, wait_for(Duration::ZERO, begun)).unwrap(), 3);
    let raises = event_loop
        .create_task(async { sleep(secs(9)).await.map_err(|_| Exception::from(Oops)) })
        .unwrap();
    let raised = finish(&event_loop, wait_for(secs(2), raises)).unwrap_err();
    assert!(raised.is::<Oops>());
}

/// Futures that are done with 3 at the second second, just before a limit of two seconds expires.
fn done_at_two(event_loop: &EventLoop) -> Vec<(&'static str, Boxed<i32>)> {
    let (promise, future) = event_loop.create_future();
    let (concurrent_promise, concurrent_future) = concurrent::promise();
    at(event_loop, 2, move || {
        promise.set_result(3).unwrap();
        concurrent_promise.set_result(3).unwrap();
    });
    vec![
        ("loop future", Box::pin(wait_for(secs(2), future))),
        ("concurrent future", Box::pin(wait_for(secs(2), concurrent_future))),
    ]
}

//= SPEC.md#o-5
//= type=test
//# `wait_for` MUST return only after what it encloses has ended, and a result that came in time, or
//# in spite of the cancel, MUST be returned.
#[test]
fn o5_a_result_that_came_just_before_the_expiry_is_returned() {
    for index in 0..done_at_two(&virtual_loop()).len() {
        let event_loop = virtual_loop();
        let (name, waited) = done_at_two(&event_loop).swap_remove(index);
        let task = event_loop
            .create_task(async move {
                let three = waited.await?;
                yield_now().await?;
                Ok(three)
            })
            .unwrap();
        run_dry(&event_loop);
        assert_eq!(task.result().map_err(|e| e.to_string()), Ok(3), "{name}");
        assert_eq!(task.cancelling(), 0, "{name}");
    }
}

//= SPEC.md#o-5
//= type=test
//# `wait_for` MUST return only after what it encloses has ended, and a result that came in time, or
//# in spite of the cancel, MUST be returned.
#[test]
fn o5_a_task_that_ended_just_before_the_expiry_gives_its_result() {
    let event_loop = virtual_loop();
    let (promise, gate) = event_loop.create_future::<()>();
    let work = event_loop.create_task(async move { gate.await.map(|()| 3) }).unwrap();
    let waiter = event_loop.create_task(wait_for(secs(2), work.clone())).unwrap();
    turns(&event_loop, 2);
    promise.set_result(()).unwrap();
    // The last step of the work is queued, and then the time is up: one batch has both.
    event_loop.clock().sleep(secs(2));
    turns(&event_loop, 1);
    assert!(work.done() && !waiter.done());
    run_dry(&event_loop);
    assert_eq!(waiter.result().map_err(|error| error.to_string()), Ok(3));
    assert_eq!((work.cancelling(), waiter.cancelling()), (0, 0));
}

//= SPEC.md#o-5
//= type=test
//# `wait_for` MUST return only after what it encloses has ended, and a result that came in time, or
//# in spite of the cancel, MUST be returned.
#[test]
fn o5_without_time_what_is_done_gives_its_result() {
    let event_loop = virtual_loop();
    let (promise, future) = event_loop.create_future();
    promise.set_result(1).unwrap();
    let (failing, failed) = event_loop.create_future::<()>();
    failing.set_exception(Oops).unwrap();
    let (concurrent_promise, concurrent_future) = concurrent::promise();
    concurrent_promise.set_result(2).unwrap();
    let task = event_loop.create_task(async { Ok(3) }).unwrap();
    run_dry(&event_loop);
    let results = finish(&event_loop, async move {
        let error = wait_for(Duration::ZERO, failed).await.unwrap_err();
        assert!(error.is::<Oops>());
        Ok([
            wait_for(Duration::ZERO, future).await?,
            wait_for(Duration::ZERO, concurrent_future).await?,
            wait_for(Duration::ZERO, task).await?,
        ])
    })
    .unwrap();
    assert_eq!(results, [1, 2, 3]);
}

//= SPEC.md#o-5
//= type=test
//# `wait_for` MUST return only after what it encloses has ended, and a result that came in time, or
//# in spite of the cancel, MUST be returned.
#[test]
fn o5_without_time_what_is_pending_is_cancelled() {
    // As with any other delay: it has ended when `wait_for` returns.
    let event_loop = virtual_loop();
    let (promise, future) = event_loop.create_future::<()>();
    let (concurrent_promise, concurrent_future) = concurrent::promise::<()>();
    let (kept, kept_concurrent) = (future.clone(), concurrent_future.clone());
    let kinds = finish(&event_loop, async move {
        let first = wait_for(Duration::ZERO, future).await;
        let second = wait_for(Duration::ZERO, concurrent_future).await;
        Ok([kind(&first), kind(&second)])
    })
    .unwrap();
    assert_eq!(kinds, ["timeout", "timeout"]);
    assert!(kept.cancelled() && promise.is_done());
    assert!(kept_concurrent.cancelled() && concurrent_promise.cancelled());
}

//= SPEC.md#o-5
//= type=test
//# `wait_for` MUST return only after what it encloses has ended, and a result that came in time, or
//# in spite of the cancel, MUST be returned.
//= SPEC.md#o-2
//= type=test
//# A foreign cancel that arrives in addition to the expiry MUST win: the scope yields
//# `Err(Cancelled)`.
#[test]
fn o5_a_foreign_cancel_while_a_late_task_is_waited_for_wins() {
    for delay in [secs(2), Duration::ZERO] {
        let event_loop = virtual_loop();
        let late = worker(&event_loop, 9, 5);
        turns(&event_loop, 1);
        let waiter = event_loop.create_task(wait_for(delay, late.clone())).unwrap();
        let victim = waiter.clone();
        let _timer = event_loop
            .call_later(delay + secs(1), move || assert!(victim.cancel_with_message("foreign")))
            .unwrap();
        run_dry(&event_loop);
        assert!(late.done());
        assert!(waiter.cancelled(), "{delay:?}: {waiter:?}");
        assert_eq!(waiter.cancelling(), 1, "{delay:?}");
    }
}

//= SPEC.md#o-5
//= type=test
//# `wait_for` MUST return only after what it encloses has ended, and a result that came in time, or
//# in spite of the cancel, MUST be returned.
//= SPEC.md#o-2
//= type=test
//# A foreign cancel that arrives in addition to the expiry MUST win: the scope yields
//# `Err(Cancelled)`.
#[test]
fn o5_without_time_a_cancel_that_came_before_is_not_the_times() {
    let event_loop = virtual_loop();
    let late = worker(&event_loop, 9, 5);
    turns(&event_loop, 1);
    let awaited = late.clone();
    let waiter = event_loop
        .create_task(async move {
            current_task().unwrap().cancel_with_message("foreign");
            wait_for(Duration::ZERO, awaited).await
        })
        .unwrap();
    run_dry(&event_loop);
    assert!(late.cancelled() && waiter.cancelled());
    assert_eq!((late.cancelling(), waiter.cancelling(), elapsed(&event_loop)), (1, 1, 5));
}

//= SPEC.md#o-5
//= type=test
//# `wait_for` MUST return only after what it encloses has ended, and a result that came in time, or
//# in spite of the cancel, MUST be returned.
#[test]
fn o5_cancelling_the_waiter_cancels_the_work_and_waits_for_its_end() {
    let event_loop = virtual_loop();
    let work = worker(&event_loop, 9, 5);
    let waiter = event_loop.create_task(wait_for(secs(20), work.clone())).unwrap();
    let victim = waiter.clone();
    at(&event_loop, 1, move || assert!(victim.cancel()));
    run_dry(&event_loop);
    assert!(work.cancelled() && waiter.cancelled());
    assert_eq!(elapsed(&event_loop), 6);
}

//= SPEC.md#o-6
//= type=test
//# `wait_for` and `timeout` with a zero delay MUST NOT start a coroutine that has not begun.
#[test]
fn o6_without_time_a_coroutine_is_not_begun() {
    let event_loop = virtual_loop();
    let begun = Rc::new(Cell::new(0));
    let coroutine = || {
        let begun = Rc::clone(&begun);
        async move {
            begun.set(begun.get() + 1);
            Ok(())
        }
    };
    let limited = finish(&event_loop, timeout(Duration::ZERO, coroutine()));
    let waited = finish(&event_loop, wait_for(Duration::ZERO, coroutine()));
    assert_eq!((kind(&limited), kind(&waited), begun.get()), ("timeout", "timeout", 0));
}

//= SPEC.md#o-6
//= type=test
//# `wait_for` and `timeout` with a zero delay MUST NOT start a coroutine that has not begun.
#[test]
fn o6_without_time_a_task_that_has_not_begun_never_does() {
    let event_loop = virtual_loop();
    let result = finish(&event_loop, async {
        let child: Task<()> =
            get_running_loop()?.create_task(async { unreachable!("there was no time") })?;
        let result = wait_for(Duration::ZERO, child.clone()).await;
        assert!(child.cancelled());
        result
    });
    assert_eq!(kind(&result), "timeout");
}

//= SPEC.md#o-6
//= type=test
//# `wait_for` and `timeout` with a zero delay MUST NOT start a coroutine that has not begun.
#[test]
fn o6_a_scope_without_time_drops_what_it_was_given() {
    let event_loop = virtual_loop();
    let guard = Dropped::default();
    let dropped = guard.flag();
    let after = Rc::clone(&dropped);
    let result = finish(&event_loop, async move {
        let never = async move {
            let _guard = guard;
            Ok(())
        };
        let result = timeout(Duration::ZERO, never).await;
        assert!(after.get());
        result
    });
    assert_eq!((kind(&result), dropped.get()), ("timeout", true));
}
