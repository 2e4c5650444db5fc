//! Clauses T-11 and T-12: a cancel that nobody received, and one that is taken back.

use super::*;

//= SPEC.md#t-11
//= type=test
//# A cancel that nobody received before the coroutine returned a value MUST make the task
//# cancelled; if it returned an exception the exception stands.
#[test]
fn t11_a_cancel_on_its_way_to_an_awaitable_that_is_gone_was_not_received() {
    let event_loop = virtual_loop();
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let sleeps = async { sleep(secs(9)).await.map(|()| 4) };
    let task = event_loop.create_task(first(async { Ok(receiver.await?) }, sleeps)).unwrap();
    turns(&event_loop, 1);
    sender.send(3).unwrap();
    task.cancel();
    run_dry(&event_loop);
    assert!(task.cancelled());
}

//= SPEC.md#t-11
//= type=test
//# A cancel that nobody received before the coroutine returned a value MUST make the task
//# cancelled; if it returned an exception the exception stands.
#[test]
fn t11_a_cancel_inside_two_scopes_that_are_dropped_was_not_received() {
    let event_loop = virtual_loop();
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let sleeps = async { sleep(secs(7)).await.map(|()| 4) };
    let scopes = timeout(secs(9), timeout(secs(8), sleeps));
    let task = event_loop.create_task(first(async { Ok(receiver.await?) }, scopes)).unwrap();
    turns(&event_loop, 1);
    sender.send(3).unwrap();
    task.cancel();
    run_dry(&event_loop);
    assert!(task.cancelled());
}

//= SPEC.md#t-6
//= type=test
//# A cancel MUST be delivered at the kernel awaitable that the task is suspended on, which then
//# yields `Err(Cancelled)` with the message.
#[test]
fn t6_a_cancel_stays_its_tasks_though_another_one_drops_the_scope() {
    let event_loop = virtual_loop();
    let scope: Boxed<()> = Box::pin(timeout(secs(9), sleep(secs(9))));
    let kept = Rc::new(RefCell::new(Some(scope)));
    let polled = Rc::clone(&kept);
    let owner = event_loop.create_task(async move {
        poll_fn(|cx| match &mut *polled.borrow_mut() {
            Some(scope) => scope.as_mut().poll(cx).map(drop),
            None => Poll::Ready(()),
        })
        .await;
        Ok(message_of(&yield_now().await))
    });
    let owner = owner.unwrap();
    turns(&event_loop, 1);
    // It has its step before the owner: the scope is gone by the time that the owner could receive the cancel.
    let other = event_loop
        .create_task(async move {
            drop(kept.take());
            yield_now().await
        })
        .unwrap();
    assert!(owner.cancel_with_message("why"));
    run_dry(&event_loop);
    assert_eq!(other.result().map_err(|error| error.to_string()), Ok(()));
    assert_eq!(owner.result().unwrap().as_deref(), Some("why"));
}

//= SPEC.md#t-11
//= type=test
//# A cancel that nobody received before the coroutine returned a value MUST make the task
//# cancelled; if it returned an exception the exception stands.
#[test]
fn t11_a_value_after_an_unreceived_cancel_is_a_cancelled_task() {
    let event_loop = virtual_loop();
    let task = event_loop
        .create_task(async {
            current_task().unwrap().cancel_with_message("late");
            Ok(3)
        })
        .unwrap();
    run_dry(&event_loop);
    assert!(task.cancelled());
    assert_eq!(message_of(&task.result().map_err(Exception::from)).unwrap(), "late");
}

//= SPEC.md#t-11
//= type=test
//# A cancel that nobody received before the coroutine returned a value MUST make the task
//# cancelled; if it returned an exception the exception stands.
#[test]
fn t11_an_exception_after_an_unreceived_cancel_stands() {
    let event_loop = virtual_loop();
    let task = event_loop
        .create_task(async {
            current_task().unwrap().cancel();
            Err::<(), _>(Oops.into())
        })
        .unwrap();
    let panics: Task<()> = event_loop
        .create_task(async {
            current_task().unwrap().cancel();
            panic!("on purpose")
        })
        .unwrap();
    run_dry(&event_loop);
    assert!(task.exception().unwrap().unwrap().is::<Oops>());
    assert_eq!(panics.exception().unwrap().unwrap().panic_message(), Some("on purpose"));
}

//= SPEC.md#t-11
//= type=test
//# A cancel that nobody received before the coroutine returned a value MUST make the task
//# cancelled; if it returned an exception the exception stands.
#[test]
fn t11_a_cancel_in_the_iteration_of_the_value_cancels() {
    let event_loop = virtual_loop();
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let task = event_loop.create_task(async move { Ok(receiver.await?) }).unwrap();
    turns(&event_loop, 1);
    sender.send(3).unwrap();
    assert!(task.cancel(), "the value is there, but no step has seen it");
    run_dry(&event_loop);
    assert!(task.cancelled());
}

//= SPEC.md#t-11
//= type=test
//# A cancel that nobody received before the coroutine returned a value MUST make the task
//# cancelled; if it returned an exception the exception stands.
#[test]
fn t11_a_received_cancel_does_not_count_again() {
    let event_loop = virtual_loop();
    let task = event_loop
        .create_task(async {
            current_task().unwrap().cancel();
            assert!(yield_now().await.is_err());
            Ok(3)
        })
        .unwrap();
    run_dry(&event_loop);
    assert_eq!(task.result().unwrap(), 3);
}

//= SPEC.md#t-11
//= type=test
//# A cancel that nobody received before the coroutine returned a value MUST make the task
//# cancelled; if it returned an exception the exception stands.
#[test]
fn t11_a_cancel_received_in_the_same_step_does_not_stand_for_a_later_one() {
    /// Takes a cancel, and asks for another.
    async fn again() {
        assert!(sleep(secs(9)).await.is_err());
        assert!(current_task().unwrap().cancel());
    }
    let bodies: [(&str, Boxed<i32>); 2] = [
        (
            "handed to a scope that ends",
            Box::pin(async {
                again().await;
                timeout(secs(9), async { Ok(3) }).await
            }),
        ),
        (
            "on its way to an awaitable that is gone",
            Box::pin(async {
                let takes = async {
                    again().await;
                    Ok(3)
                };
                first(takes, async { sleep(secs(9)).await.map(|()| 4) }).await
            }),
        ),
    ];
    for (name, body) in bodies {
        let (event_loop, task) = cancelled_once(body);
        run_dry(&event_loop);
        assert!(task.cancelled(), "{name}: {task:?}");
    }
}

//= SPEC.md#t-11
//= type=test
//# A cancel that nobody received before the coroutine returned a value MUST make the task
//# cancelled; if it returned an exception the exception stands.
#[test]
fn t11_a_cancel_that_one_scope_gave_back_is_not_lost_in_the_next() {
    let event_loop = virtual_loop();
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let task = event_loop
        .create_task(async {
            timeout(secs(9), async { Ok(receiver.await?) }).await?;
            timeout(secs(9), async { Ok(4) }).await
        })
        .unwrap();
    turns(&event_loop, 1);
    // The value is there when the step begins: what the first scope encloses never hears of the cancel.
    sender.send(3).unwrap();
    task.cancel();
    run_dry(&event_loop);
    assert!(task.cancelled(), "{task:?}");
}

/// Awaits both to their ends.
async fn join<A, B>(a: impl Future<Output = A>, b: impl Future<Output = B>) -> (A, B) {
    let (mut a, mut b) = (std::pin::pin!(a), std::pin::pin!(b));
    let (mut of_a, mut of_b) = (None, None);
    std::future::poll_fn(|cx| {
        if of_a.is_none()
            && let Poll::Ready(ready) = a.as_mut().poll(cx)
        {
            of_a = Some(ready);
        }
        if of_b.is_none()
            && let Poll::Ready(ready) = b.as_mut().poll(cx)
        {
            of_b = Some(ready);
        }
        match (&of_a, &of_b) {
            (Some(_), Some(_)) => Poll::Ready(of_a.take().zip(of_b.take())),
            _ => Poll::Pending,
        }
    })
    .await
    .expect("both are there")
}

//= SPEC.md#t-6
//= type=test
//# A cancel MUST be delivered at the kernel awaitable that the task is suspended on, which then
//# yields `Err(Cancelled)` with the message.
#[test]
fn t6_a_cancel_that_one_gives_back_and_another_has_is_yielded_once() {
    type Other = fn(Task<i32>) -> Boxed<i32>;
    let others: [(&str, Other, i32); 3] = [
        (
            "an awaitable that yields it",
            |_| Box::pin(async { sleep(secs(9)).await.map(|()| 0) }),
            0,
        ),
        ("a task that it is handed on to", |task| Box::pin(task), 1),
        (
            "a scope that has it too",
            |_| Box::pin(timeout(secs(20), async { sleep(secs(9)).await.map(|()| 0) })),
            0,
        ),
    ];
    for (name, other, handed_on) in others {
        let event_loop = virtual_loop();
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let awaited = with_itself(&event_loop, |me| async move {
            let _cancelled = sleep(secs(9)).await;
            Ok(i32::try_from(me.cancelling())?)
        });
        let beside = other(awaited.clone());
        let task = event_loop
            .create_task(async move {
                let gives_back = timeout(secs(9), async { Ok(receiver.await?) });
                let (value, seen) = join(gives_back, beside).await;
                Ok((
                    value?,
                    seen.is_err_and(|seen| seen.is_cancelled()),
                    sleep(secs(1)).await.is_ok(),
                ))
            })
            .unwrap();
        turns(&event_loop, 1);
        sender.send(3).unwrap();
        task.cancel();
        run_dry(&event_loop);
        assert_eq!(task.result().unwrap(), (3, handed_on == 0, true), "{name}");
        assert_eq!(awaited.result().unwrap(), handed_on, "{name}");
    }
}

//= SPEC.md#t-11
//= type=test
//# A cancel that nobody received before the coroutine returned a value MUST make the task
//# cancelled; if it returned an exception the exception stands.
#[test]
fn t11_that_an_earlier_cancel_was_handed_on_does_not_stand_for_a_later_one() {
    let event_loop = virtual_loop();
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let awaited = event_loop
        .create_task(async {
            assert!(sleep(secs(9)).await.is_err());
            sleep(secs(1)).await.map(|()| 4)
        })
        .unwrap();
    let beside = awaited.clone();
    let task = event_loop
        .create_task(async move {
            let receives = async {
                assert!(sleep(secs(9)).await.is_err());
                timeout(secs(9), async { Ok(receiver.await?) }).await
            };
            let (value, of_task) = join(receives, beside).await;
            Ok(value? + of_task?)
        })
        .unwrap();
    // When the other task is done, and before the one that awaits it hears of that.
    let victim = task.clone();
    awaited.add_done_callback(move |_| {
        sender.send(3).unwrap();
        assert!(victim.cancel());
    });
    turns(&event_loop, 1);
    task.cancel();
    run_dry(&event_loop);
    assert_eq!(awaited.result().unwrap(), 4);
    assert!(task.cancelled(), "{task:?}");
}

//= SPEC.md#t-12
//= type=test
//# `uncancel` MUST lower `cancelling`, not below zero, and at zero MUST withdraw a cancel that was
//# not yet delivered.
#[test]
fn t12_uncancel_counts_down_to_zero_and_no_further() {
    let event_loop = virtual_loop();
    let task = event_loop.create_task(sleep(secs(1))).unwrap();
    assert_eq!(task.uncancel(), 0);
    task.cancel();
    task.cancel();
    assert_eq!((task.uncancel(), task.cancelling()), (1, 1));
    assert_eq!((task.uncancel(), task.cancelling()), (0, 0));
    assert_eq!((task.uncancel(), task.cancelling()), (0, 0));
    task.cancel();
    assert_eq!(task.cancelling(), 1, "no debt is carried over");
}

//= SPEC.md#t-12
//= type=test
//# `uncancel` MUST lower `cancelling`, not below zero, and at zero MUST withdraw a cancel that was
//# not yet delivered.
#[test]
fn t12_at_zero_a_task_that_has_not_begun_begins_after_all() {
    let event_loop = virtual_loop();
    let task = event_loop
        .create_task(async {
            sleep(secs(1)).await?;
            Ok(3)
        })
        .unwrap();
    task.cancel();
    task.cancel();
    task.uncancel();
    task.uncancel();
    run_dry(&event_loop);
    assert_eq!(task.result().unwrap(), 3);
}

//= SPEC.md#t-12
//= type=test
//# `uncancel` MUST lower `cancelling`, not below zero, and at zero MUST withdraw a cancel that was
//# not yet delivered.
#[test]
fn t12_above_zero_the_cancel_is_still_delivered() {
    let event_loop = virtual_loop();
    let task = event_loop.create_task(async { Ok(3) }).unwrap();
    task.cancel_with_message("first");
    task.cancel_with_message("second");
    assert_eq!(task.uncancel(), 1);
    run_dry(&event_loop);
    assert!(task.cancelled());
    assert_eq!(message_of(&task.result().map_err(Exception::from)).unwrap(), "first");
}

//= SPEC.md#t-12
//= type=test
//# `uncancel` MUST lower `cancelling`, not below zero, and at zero MUST withdraw a cancel that was
//# not yet delivered.
#[test]
fn t12_a_cancel_taken_back_in_the_same_step_is_not_received() {
    let event_loop = virtual_loop();
    let goes_on = with_itself(&event_loop, |me| async move {
        me.cancel();
        assert_eq!(me.uncancel(), 0);
        yield_now().await?;
        sleep(secs(1)).await?;
        Ok(3)
    });
    let returns = with_itself(&event_loop, |me| async move {
        me.cancel();
        me.uncancel();
        Ok(4)
    });
    run_dry(&event_loop);
    assert_eq!(goes_on.result().unwrap(), 3);
    assert_eq!(returns.result().unwrap(), 4);
}

//= SPEC.md#t-12
//= type=test
//# `uncancel` MUST lower `cancelling`, not below zero, and at zero MUST withdraw a cancel that was
//# not yet delivered.
#[test]
fn t12_a_cancel_taken_back_before_the_step_leaves_a_foreign_await_alone() {
    let event_loop = virtual_loop();
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let task = event_loop.create_task(async move { Ok(receiver.await?) }).unwrap();
    turns(&event_loop, 1);
    task.cancel();
    assert_eq!(task.uncancel(), 0);
    turns(&event_loop, 2);
    assert!(!task.done());
    sender.send(3).unwrap();
    run_dry(&event_loop);
    assert_eq!(task.result().unwrap(), 3);
}

//= SPEC.md#t-12
//= type=test
//# `uncancel` MUST lower `cancelling`, not below zero, and at zero MUST withdraw a cancel that was
//# not yet delivered.
#[test]
fn t12_a_cancel_taken_back_leaves_a_foreign_await_in_a_timeout_alone() {
    let event_loop = virtual_loop();
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let limited = timeout(secs(9), timeout(secs(8), async move { Ok(receiver.await?) }));
    let task = event_loop.create_task(limited).unwrap();
    turns(&event_loop, 1);
    task.cancel();
    assert_eq!(task.uncancel(), 0);
    turns(&event_loop, 2);
    assert!(!task.done());
    sender.send(3).unwrap();
    run_dry(&event_loop);
    assert_eq!(task.result().unwrap(), 3);
}

//= SPEC.md#t-12
//= type=test
//# `uncancel` MUST lower `cancelling`, not below zero, and at zero MUST withdraw a cancel that was
//# not yet delivered.
#[test]
fn t12_running_work_is_awaited_on_if_the_cancel_is_taken_back_in_time() {
    let event_loop = virtual_loop();
    let (promise, future) = concurrent::promise();
    assert!(promise.set_running_or_notify_cancel().unwrap());
    let task = event_loop.create_task(future).unwrap();
    turns(&event_loop, 1);
    task.cancel();
    task.uncancel();
    turns(&event_loop, 2);
    assert!(!task.done());
    promise.set_result(3).unwrap();
    run_dry(&event_loop);
    assert_eq!(task.result().unwrap(), 3);
}

//= SPEC.md#t-12
//= type=test
//# `uncancel` MUST lower `cancelling`, not below zero, and at zero MUST withdraw a cancel that was
//# not yet delivered.
#[test]
fn t12_uncancel_revives_no_task_that_is_done() {
    let event_loop = virtual_loop();
    let task = event_loop.create_task(sleep(secs(1))).unwrap();
    task.cancel();
    run_dry(&event_loop);
    assert_eq!(task.uncancel(), 0);
    run_dry(&event_loop);
    assert!(matches!(task.result(), Err(ResultError::Cancelled(_))));
}

//= SPEC.md#t-12
//= type=test
//# `uncancel` MUST lower `cancelling`, not below zero, and at zero MUST withdraw a cancel that was
//# not yet delivered.
#[test]
fn t12_uncancel_does_not_touch_a_future_that_is_cancelled_already() {
    let event_loop = virtual_loop();
    let (_promise, future) = event_loop.create_future::<()>();
    let kept = future.clone();
    let task = event_loop.create_task(future).unwrap();
    turns(&event_loop, 1);
    task.cancel();
    task.uncancel();
    run_dry(&event_loop);
    assert!(kept.cancelled() && task.cancelled());
    assert_eq!(task.cancelling(), 0);
}

//= SPEC.md#t-12
//= type=test
//# `uncancel` MUST lower `cancelling`, not below zero, and at zero MUST withdraw a cancel that was
//# not yet delivered.
#[test]
fn t12_a_reference_without_a_type_counts_as_the_task_does() {
    let event_loop = virtual_loop();
    let task = event_loop.create_task(sleep(secs(9))).unwrap();
    let reference = event_loop.all_tasks().swap_remove(0);
    assert_eq!(reference.cancelling(), 0);
    for requests in 1..=3 {
        assert!(reference.cancel());
        assert_eq!((reference.cancelling(), task.cancelling()), (requests, requests));
    }
    for left in [2, 1, 0, 0] {
        assert_eq!(reference.uncancel(), left);
        assert_eq!((reference.cancelling(), task.cancelling()), (left, left));
    }
    run_dry(&event_loop);
    task.result().unwrap();
}

//= SPEC.md#t-11
//= type=test
//# A cancel that nobody received before the coroutine returned a value MUST make the task
//# cancelled; if it returned an exception the exception stands.
#[test]
fn t11_what_became_ready_by_itself_received_no_cancel() {
    for as_task in [false, true] {
        let event_loop = virtual_loop();
        let (promise, future) = event_loop.create_future::<i32>();
        let ready: Boxed<i32> = if as_task {
            Box::pin(event_loop.create_task(future).unwrap())
        } else {
            Box::pin(future)
        };
        let sleeps = async { sleep(secs(9)).await.map(|()| 4) };
        let task = event_loop.create_task(first(ready, sleeps)).unwrap();
        turns(&event_loop, 2);
        // The value is there before the cancel, which is on its way to the sleep alone.
        promise.set_result(3).unwrap();
        if as_task {
            turns(&event_loop, 1);
        }
        assert!(!task.done());
        task.cancel();
        run_dry(&event_loop);
        assert!(task.cancelled(), "as a task: {as_task}");
    }
}
