//! Clauses T-6 and T-19: the await that yields the cancel.

use super::*;

//= SPEC.md#t-6
//= type=test
//# A cancel MUST be delivered at the kernel awaitable that the task is suspended on, which then
//# yields `Err(Cancelled)` with the message.
#[test]
fn t6_every_kernel_awaitable_yields_the_cancel_with_its_message_once() {
    let count = suspensions(&virtual_loop()).len();
    for index in 0..count {
        let event_loop = virtual_loop();
        let (name, awaitable, _kept) = suspensions(&event_loop).swap_remove(index);
        let task = event_loop
            .create_task(async move {
                let result = awaitable.await;
                // Delivered once: what is awaited afterwards is left alone.
                yield_now().await?;
                sleep(secs(1)).await?;
                Ok(message_of(&result))
            })
            .unwrap();
        turns(&event_loop, 1);
        assert!(!task.done(), "{name}: suspended");
        assert!(task.cancel_with_message("why"), "{name}");
        // Not `run_dry`: what a shield keeps running sleeps for an hour.
        let message = finish(&event_loop, task.clone()).unwrap();
        assert_eq!(message.as_deref(), Some("why"), "{name}");
        assert_eq!(event_loop.time().as_nanos(), secs(1).as_nanos() as u64, "{name}");
        assert_eq!(task.cancelling(), 1, "{name}");
    }
}

//= SPEC.md#t-6
//= type=test
//# A cancel MUST be delivered at the kernel awaitable that the task is suspended on, which then
//# yields `Err(Cancelled)` with the message.
#[test]
fn t6_a_cancel_asked_for_while_running_is_yielded_by_the_next_await() {
    let count = suspensions(&virtual_loop()).len();
    for index in 0..count {
        let event_loop = virtual_loop();
        let (name, awaitable, _kept) = suspensions(&event_loop).swap_remove(index);
        let task = event_loop
            .create_task(async move {
                current_task().unwrap().cancel_with_message("why");
                let result = awaitable.await;
                yield_now().await?;
                sleep(secs(1)).await?;
                Ok(message_of(&result))
            })
            .unwrap();
        let message = finish(&event_loop, task.clone()).unwrap();
        assert_eq!(message.as_deref(), Some("why"), "{name}");
        assert_eq!(task.cancelling(), 1, "{name}");
    }
}

//= SPEC.md#t-19
//= type=test
//# A cancel asked for while its task runs MUST be yielded by the next kernel awaitable that the
//# task awaits, whether that one is done or not.
#[test]
fn t19_what_is_done_yields_the_cancel_all_the_same() {
    /// Everything that can be awaited, done.
    fn done(event_loop: &EventLoop) -> Vec<(&'static str, Boxed<()>)> {
        let (promise, future) = event_loop.create_future::<()>();
        promise.set_result(()).unwrap();
        let (promise, concurrent) = concurrent::promise::<()>();
        promise.set_result(()).unwrap();
        let task = event_loop.create_task(async { Ok(()) }).unwrap();
        run_dry(event_loop);
        assert!(task.done());
        let (gathered, in_time) = (gather(vec![task.clone()]), future.clone());
        vec![
            ("loop future", Box::pin(future)),
            ("concurrent future", Box::pin(concurrent)),
            ("task", Box::pin(task.clone())),
            ("shield", Box::pin(shield(task))),
            ("gather", Box::pin(async { gathered.await.map(drop) })),
            ("timeout", Box::pin(timeout(secs(1), in_time))),
        ]
    }
    for index in 0..done(&virtual_loop()).len() {
        let event_loop = virtual_loop();
        let (name, awaitable) = done(&event_loop).swap_remove(index);
        let task = event_loop
            .create_task(async move {
                current_task().unwrap().cancel_with_message("why");
                Ok(message_of(&awaitable.await))
            })
            .unwrap();
        let message = finish(&event_loop, task).unwrap();
        assert_eq!(message.as_deref(), Some("why"), "{name}");
    }
}

/// Cancels the task that runs, and awaits what is done.
async fn cancelled_at_what_is_done(done: LoopFuture<()>) -> Result<Option<String>, Exception> {
    current_task().unwrap().cancel_with_message("why");
    Ok(message_of(&done.await))
}

//= SPEC.md#t-19
//= type=test
//# A cancel asked for while its task runs MUST be yielded by the next kernel awaitable that the
//# task awaits, whether that one is done or not.
#[test]
fn t19_inside_scopes_that_were_not_suspended_yet() {
    let event_loop = virtual_loop();
    let (promise, future) = event_loop.create_future();
    promise.set_result(()).unwrap();
    let scopes: [(&str, Boxed<Option<String>>); 4] = [
        ("timeout", Box::pin(timeout(secs(1), cancelled_at_what_is_done(future.clone())))),
        ("wait_for", Box::pin(wait_for(secs(1), cancelled_at_what_is_done(future.clone())))),
        ("one in another", {
            let inner = timeout(secs(1), cancelled_at_what_is_done(future.clone()));
            Box::pin(timeout(secs(2), inner))
        }),
        ("behind one that was left", {
            let (first, then) = (future.clone(), cancelled_at_what_is_done(future.clone()));
            Box::pin(timeout(secs(2), async {
                timeout(secs(1), first).await?;
                then.await
            }))
        }),
    ];
    for (name, scope) in scopes {
        let task = event_loop.create_task(scope).unwrap();
        turns(&event_loop, 1);
        assert_eq!(task.result().unwrap().as_deref(), Some("why"), "{name}");
        assert_eq!(task.cancelling(), 1, "{name}");
        run_dry(&event_loop);
    }
}

//= SPEC.md#t-19
//= type=test
//# A cancel asked for while its task runs MUST be yielded by the next kernel awaitable that the
//# task awaits, whether that one is done or not.
#[test]
fn t19_by_whatever_a_scope_is_suspended_on_already() {
    let event_loop = virtual_loop();
    // Polled one behind the other: the sleep is suspended when the other asks for the cancel.
    let both = async {
        let asks = async { current_task().unwrap().cancel_with_message("why") };
        let (slept, _asked) = join(sleep(secs(9)), asks).await;
        Ok(message_of(&slept))
    };
    let task = event_loop.create_task(timeout(secs(1), both)).unwrap();
    turns(&event_loop, 2);
    assert_eq!(task.result().unwrap().as_deref(), Some("why"));
    assert_eq!(event_loop.time().as_nanos(), 0, "no time has passed");
}

//= SPEC.md#t-6
//= type=test
//# A cancel MUST be delivered at the kernel awaitable that the task is suspended on, which then
//# yields `Err(Cancelled)` with the message.
#[test]
fn t6_of_two_requests_before_delivery_the_first_message_is_yielded() {
    let count = suspensions(&virtual_loop()).len();
    for index in 0..count {
        let event_loop = virtual_loop();
        let (name, awaitable, _kept) = suspensions(&event_loop).swap_remove(index);
        let task = event_loop
            .create_task(async move {
                let result = awaitable.await;
                yield_now().await?;
                Ok(message_of(&result))
            })
            .unwrap();
        turns(&event_loop, 1);
        assert!(task.cancel_with_message("first") && task.cancel_with_message("second"));
        let message = finish(&event_loop, task).unwrap();
        assert_eq!(message.as_deref(), Some("first"), "{name}");
    }
}

//= SPEC.md#t-6
//= type=test
//# A cancel MUST be delivered at the kernel awaitable that the task is suspended on, which then
//# yields `Err(Cancelled)` with the message.
#[test]
fn t6_a_cancel_between_completion_and_the_next_step_is_yielded() {
    let event_loop = virtual_loop();
    let (loop_promise, loop_future) = event_loop.create_future();
    let (promise, concurrent_future) = concurrent::promise();
    let (kept_loop, kept_concurrent) = (loop_future.clone(), concurrent_future.clone());
    let awaits_loop = event_loop.create_task(loop_future).unwrap();
    let awaits_concurrent = event_loop.create_task(concurrent_future).unwrap();
    turns(&event_loop, 1);
    loop_promise.set_result(3).unwrap();
    promise.set_result(4).unwrap();
    assert!(awaits_loop.cancel() && awaits_concurrent.cancel());
    run_dry(&event_loop);
    assert!(awaits_loop.cancelled() && awaits_concurrent.cancelled());
    // The outcome is lost to the task only.
    assert_eq!(kept_loop.result().unwrap(), 3);
    assert_eq!(kept_concurrent.result().unwrap(), 4);
}

//= SPEC.md#t-6
//= type=test
//# A cancel MUST be delivered at the kernel awaitable that the task is suspended on, which then
//# yields `Err(Cancelled)` with the message.
#[test]
fn t6_a_cancel_after_an_awaited_task_ended_is_yielded() {
    let event_loop = virtual_loop();
    let (promise, gate) = event_loop.create_future::<()>();
    let child = event_loop.create_task(async move { gate.await.map(|()| 3) }).unwrap();
    let parents = [
        event_loop.create_task(child.clone()).unwrap(),
        event_loop.create_task(shield(child.clone())).unwrap(),
        event_loop
            .create_task({
                let gathered = gather(vec![child.clone()]);
                async { gathered.await.map(|results| results[0]) }
            })
            .unwrap(),
    ];
    turns(&event_loop, 2);
    promise.set_result(()).unwrap();
    turns(&event_loop, 1);
    assert!(child.done() && parents.iter().all(|parent| !parent.done()));
    assert!(parents.iter().all(Task::cancel));
    run_dry(&event_loop);
    assert!(parents.iter().all(Task::cancelled));
    assert_eq!((child.result().unwrap(), child.cancelling()), (3, 0));
}

//= SPEC.md#t-6
//= type=test
//# A cancel MUST be delivered at the kernel awaitable that the task is suspended on, which then
//# yields `Err(Cancelled)` with the message.
#[test]
fn t6_cancelling_an_awaiter_cancels_the_loop_future_for_all() {
    let event_loop = virtual_loop();
    let (promise, future) = event_loop.create_future::<()>();
    let (one, other) = (future.clone(), future.clone());
    let one = event_loop.create_task(one).unwrap();
    let other = event_loop.create_task(other).unwrap();
    turns(&event_loop, 1);
    one.cancel();
    assert!(future.cancelled() && promise.is_done());
    run_dry(&event_loop);
    assert!(one.cancelled() && other.cancelled());
    assert_eq!((one.cancelling(), other.cancelling()), (1, 0));
}

//= SPEC.md#t-6
//= type=test
//# A cancel MUST be delivered at the kernel awaitable that the task is suspended on, which then
//# yields `Err(Cancelled)` with the message.
#[test]
fn t6_cancelling_an_awaiter_cancels_a_concurrent_future_that_has_not_begun() {
    let event_loop = virtual_loop();
    let (promise, future) = concurrent::promise::<()>();
    let task = event_loop.create_task(future.clone()).unwrap();
    turns(&event_loop, 1);
    task.cancel();
    assert!(future.cancelled() && !future.ended());
    assert!(!promise.set_running_or_notify_cancel().unwrap(), "the work need not be done");
    run_dry(&event_loop);
    assert!(task.cancelled());
}

//= SPEC.md#t-6
//= type=test
//# A cancel MUST be delivered at the kernel awaitable that the task is suspended on, which then
//# yields `Err(Cancelled)` with the message.
#[test]
fn t6_cancelling_an_awaiter_leaves_running_work_alone() {
    let event_loop = virtual_loop();
    let (promise, future) = concurrent::promise();
    assert!(promise.set_running_or_notify_cancel().unwrap());
    let task = event_loop.create_task(future.clone()).unwrap();
    turns(&event_loop, 1);
    task.cancel();
    run_dry(&event_loop);
    assert!(task.cancelled() && future.running());
    promise.set_result(3).unwrap();
    assert_eq!(future.result().unwrap(), 3);
}
