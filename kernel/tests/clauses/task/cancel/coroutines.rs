//! Clauses T-8 and T-9: a coroutine that swallows a cancel, and one that is dropped at a foreign await.

use super::*;

//= SPEC.md#t-8
//= type=test
//# A coroutine that swallows a cancel MUST be able to go on, to finish with a value, to raise
//# something else, and to be cancelled again.
#[test]
fn t8_a_swallowed_cancel_lets_it_finish_with_a_value() {
    let (event_loop, task) = cancelled_once(async {
        assert!(sleep(secs(9)).await.unwrap_err().is_cancelled());
        Ok(3)
    });
    run_dry(&event_loop);
    assert!(!task.cancelled());
    assert_eq!((task.result().unwrap(), task.cancelling()), (3, 1));
}

//= SPEC.md#t-8
//= type=test
//# A coroutine that swallows a cancel MUST be able to go on, to finish with a value, to raise
//# something else, and to be cancelled again.
#[test]
fn t8_a_swallowed_cancel_lets_it_go_on() {
    let (event_loop, task) = cancelled_once(async {
        let (_, child) = (sleep(secs(9)).await.unwrap_err(), sleep(secs(2)));
        child.await?;
        yield_now().await?;
        timeout(secs(5), sleep(secs(1))).await?;
        Ok(loopgate::get_running_loop()?.time().as_nanos())
    });
    run_dry(&event_loop);
    assert_eq!(u128::from(task.result().unwrap()), secs(3).as_nanos());
}

//= SPEC.md#t-8
//= type=test
//# A coroutine that swallows a cancel MUST be able to go on, to finish with a value, to raise
//# something else, and to be cancelled again.
#[test]
fn t8_a_swallowed_cancel_may_become_something_else() {
    let (event_loop, task) = cancelled_once(async {
        sleep(secs(9)).await.map_err(|cancelled| {
            assert!(cancelled.is_cancelled());
            Exception::from(Oops)
        })
    });
    run_dry(&event_loop);
    assert!(!task.cancelled());
    assert!(task.exception().unwrap().unwrap().is::<Oops>());
}

//= SPEC.md#t-8
//= type=test
//# A coroutine that swallows a cancel MUST be able to go on, to finish with a value, to raise
//# something else, and to be cancelled again.
#[test]
fn t8_a_panic_during_cleanup_is_the_outcome() {
    let (event_loop, task) = cancelled_once(async {
        let _cancelled = sleep(secs(9)).await;
        panic!("in the cleanup");
        #[allow(unreachable_code, reason = "it gives the coroutine its type")]
        Ok(())
    });
    run_dry(&event_loop);
    let exception = task.exception().unwrap().unwrap();
    assert_eq!(exception.panic_message(), Some("in the cleanup"));
}

//= SPEC.md#t-8
//= type=test
//# A coroutine that swallows a cancel MUST be able to go on, to finish with a value, to raise
//# something else, and to be cancelled again.
#[test]
fn t8_a_swallowed_cancel_can_be_followed_by_another() {
    let (event_loop, task) = cancelled_once(async {
        let mut swallowed = Vec::new();
        while swallowed.len() < 2 {
            swallowed.extend(message_of(&sleep(secs(9)).await));
        }
        sleep(secs(9)).await?;
        Ok(swallowed)
    });
    turns(&event_loop, 1);
    assert!(task.cancel_with_message("again"));
    turns(&event_loop, 1);
    assert!(!task.done());
    assert!(task.cancel_with_message("for good"));
    run_dry(&event_loop);
    assert!(task.cancelled());
    assert_eq!(message_of(&task.result().map_err(Exception::from)).unwrap(), "for good");
    assert_eq!(task.cancelling(), 3);
}

//= SPEC.md#t-8
//= type=test
//# A coroutine that swallows a cancel MUST be able to go on, to finish with a value, to raise
//# something else, and to be cancelled again.
#[test]
fn t8_cleaning_up_may_await_before_the_cancel_goes_on() {
    let log = Log::default();
    let event_loop = virtual_loop();
    let task = slow_to_end(&event_loop, &log);
    turns(&event_loop, 1);
    assert!(task.cancel_with_message("why"));
    turns(&event_loop, 1);
    assert!(!task.done() && !task.cancelled(), "still cleaning up");
    run_dry(&event_loop);
    assert_eq!(log.entries(), ["cleanup begins", "cleanup ends"]);
    assert_eq!(message_of(&task.result().map_err(Exception::from)).unwrap(), "why");
}

//= SPEC.md#t-8
//= type=test
//# A coroutine that swallows a cancel MUST be able to go on, to finish with a value, to raise
//# something else, and to be cancelled again.
#[test]
fn t8_cleaning_up_can_be_interrupted_by_another_cancel() {
    let log = Log::default();
    let event_loop = virtual_loop();
    let task = slow_to_end(&event_loop, &log);
    turns(&event_loop, 1);
    task.cancel();
    turns(&event_loop, 1);
    task.cancel();
    run_dry(&event_loop);
    assert_eq!(log.entries(), ["cleanup begins", "cleanup interrupted"]);
    assert!(task.cancelled());
}

//= SPEC.md#t-9
//= type=test
//# A coroutine suspended in a foreign awaitable MUST be dropped at that await when it is cancelled,
//# and its task ends cancelled.
#[test]
fn t9_a_foreign_await_is_dropped_and_the_task_ends_cancelled() {
    let event_loop = virtual_loop();
    let guard = Dropped::default();
    let dropped = guard.flag();
    let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
    let task: Task<()> = event_loop
        .create_task(async move {
            let _guard = guard;
            let result = receiver.await;
            unreachable!("dropped at its await, not resumed with {result:?}")
        })
        .unwrap();
    turns(&event_loop, 1);
    assert!(task.cancel_with_message("why"));
    assert!(!sender.is_closed() && !dropped.get(), "not inside the call");
    turns(&event_loop, 1);
    assert!(sender.is_closed() && dropped.get());
    assert!(task.cancelled());
    assert_eq!(message_of(&task.result().map_err(Exception::from)).unwrap(), "why");
}

//= SPEC.md#t-9
//= type=test
//# A coroutine suspended in a foreign awaitable MUST be dropped at that await when it is cancelled,
//# and its task ends cancelled.
#[test]
fn t9_a_future_that_is_never_woken_can_be_cancelled() {
    let event_loop = virtual_loop();
    let task = event_loop.create_task(pending::<Result<(), Exception>>()).unwrap();
    turns(&event_loop, 2);
    assert!(task.cancel());
    run_dry(&event_loop);
    assert!(task.cancelled());
}

//= SPEC.md#t-9
//= type=test
//# A coroutine suspended in a foreign awaitable MUST be dropped at that await when it is cancelled,
//# and its task ends cancelled.
#[test]
fn t9_a_value_that_came_is_not_a_suspension() {
    // The foreign future is ready when the step comes: nothing is dropped, the next kernel await is told.
    let event_loop = virtual_loop();
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let task = event_loop
        .create_task(async move {
            let three = receiver.await?;
            Ok((three, message_of(&yield_now().await)))
        })
        .unwrap();
    turns(&event_loop, 1);
    sender.send(3).unwrap();
    task.cancel_with_message("why");
    run_dry(&event_loop);
    assert_eq!(task.result().unwrap(), (3, Some("why".to_owned())));
}

//= SPEC.md#t-9
//= type=test
//# A coroutine suspended in a foreign awaitable MUST be dropped at that await when it is cancelled,
//# and its task ends cancelled.
#[test]
fn t9_beside_a_kernel_await_a_foreign_one_is_not_dropped() {
    let event_loop = virtual_loop();
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let task = event_loop
        .create_task(async move {
            let (slept, received) = join(sleep(secs(9)), receiver).await;
            Ok((message_of(&slept), received?))
        })
        .unwrap();
    turns(&event_loop, 1);
    task.cancel_with_message("why");
    turns(&event_loop, 2);
    assert!(!task.done() && !sender.is_closed(), "the sleep took the cancel");
    sender.send(3).unwrap();
    run_dry(&event_loop);
    assert_eq!(task.result().unwrap(), (Some("why".to_owned()), 3));
}

//= SPEC.md#t-9
//= type=test
//# A coroutine suspended in a foreign awaitable MUST be dropped at that await when it is cancelled,
//# and its task ends cancelled.
#[test]
fn t9_whoever_awaits_the_dropped_coroutine_is_told_and_may_go_on() {
    let event_loop = virtual_loop();
    let child = event_loop.create_task(pending::<Result<(), Exception>>()).unwrap();
    let awaited = child.clone();
    let parent = event_loop
        .create_task(async move {
            let message = message_of(&awaited.await);
            sleep(secs(1)).await?;
            Ok(message)
        })
        .unwrap();
    turns(&event_loop, 1);
    parent.cancel_with_message("why");
    run_dry(&event_loop);
    assert!(child.cancelled());
    assert_eq!(parent.result().unwrap().as_deref(), Some("why"));
}
