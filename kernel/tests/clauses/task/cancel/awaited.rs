//! Clause T-10: a cancel of a task that awaits another.

use super::*;

//= SPEC.md#t-10
//= type=test
//# Cancelling a task that awaits another task MUST cancel that one and go on waiting for its end.
#[test]
fn t10_the_awaited_task_is_cancelled_and_waited_for() {
    let event_loop = virtual_loop();
    let log = Log::default();
    let child = slow_to_end(&event_loop, &log);
    let (awaited, noted) = (child.clone(), log.clone());
    let parent = event_loop
        .create_task(async move {
            let result = awaited.await;
            noted.note("parent goes on");
            result
        })
        .unwrap();
    turns(&event_loop, 1);
    assert!(parent.cancel_with_message("why"));
    assert_eq!((parent.cancelling(), child.cancelling()), (1, 1));
    turns(&event_loop, 3);
    assert!(!parent.done(), "the child is cleaning up");
    run_dry(&event_loop);
    assert_eq!(log.entries(), ["cleanup begins", "cleanup ends", "parent goes on"]);
    assert!(child.cancelled() && parent.cancelled());
    assert_eq!(message_of(&parent.result().map_err(Exception::from)).unwrap(), "why");
}

//= SPEC.md#t-10
//= type=test
//# Cancelling a task that awaits another task MUST cancel that one and go on waiting for its end.
#[test]
fn t10_a_child_that_swallows_the_cancel_gives_its_value() {
    let event_loop = virtual_loop();
    let child = event_loop
        .create_task(async {
            assert!(sleep(secs(9)).await.is_err());
            Ok(3)
        })
        .unwrap();
    let parent = event_loop
        .create_task(async move {
            let three = child.await?;
            yield_now().await?;
            Ok(three)
        })
        .unwrap();
    turns(&event_loop, 2);
    parent.cancel();
    run_dry(&event_loop);
    assert!(!parent.cancelled());
    assert_eq!((parent.result().unwrap(), parent.cancelling()), (3, 1));
}

//= SPEC.md#t-10
//= type=test
//# Cancelling a task that awaits another task MUST cancel that one and go on waiting for its end.
#[test]
fn t10_a_child_that_raises_in_its_cleanup_gives_its_exception() {
    let event_loop = virtual_loop();
    let reports = record_reports(&event_loop);
    let child = event_loop
        .create_task(async { sleep(secs(9)).await.map_err(|_| Exception::from(Oops)) })
        .unwrap();
    let awaited = child.clone();
    let parent = event_loop.create_task(awaited).unwrap();
    turns(&event_loop, 2);
    parent.cancel();
    run_dry(&event_loop);
    let raised = parent.exception().unwrap().unwrap();
    assert!(raised.is::<Oops>() && raised.same_object(&child.exception().unwrap().unwrap()));
    drop((parent, child));
    run_dry(&event_loop);
    assert!(reports.entries().is_empty(), "{:?}", reports.entries());
}

//= SPEC.md#t-10
//= type=test
//# Cancelling a task that awaits another task MUST cancel that one and go on waiting for its end.
#[test]
fn t10_a_second_cancel_reaches_the_child_that_cleans_up() {
    let event_loop = virtual_loop();
    let log = Log::default();
    let child = slow_to_end(&event_loop, &log);
    let parent = event_loop.create_task(child.clone()).unwrap();
    turns(&event_loop, 1);
    parent.cancel();
    turns(&event_loop, 2);
    parent.cancel();
    run_dry(&event_loop);
    assert_eq!(log.entries(), ["cleanup begins", "cleanup interrupted"]);
    assert_eq!(child.cancelling(), 2);
    assert!(parent.cancelled());
}

//= SPEC.md#t-10
//= type=test
//# Cancelling a task that awaits another task MUST cancel that one and go on waiting for its end.
#[test]
fn t10_through_a_chain_of_tasks_the_last_is_cancelled_first() {
    let event_loop = virtual_loop();
    let log = Log::default();
    let mut last = event_loop.create_task(sleep(secs(3600))).unwrap();
    for number in 0..50 {
        let (awaited, noted) = (last, log.clone());
        last = event_loop
            .create_task(async move {
                let result = awaited.await;
                noted.note(number);
                result
            })
            .unwrap();
    }
    turns(&event_loop, 1);
    assert!(last.cancel_with_message("all of you"));
    run_dry(&event_loop);
    assert!(last.cancelled());
    assert_eq!(message_of(&last.result().map_err(Exception::from)).unwrap(), "all of you");
    assert_eq!(log.entries(), (0..50).collect::<Vec<_>>());
    assert_eq!(event_loop.time().as_nanos(), 0);
}

//= SPEC.md#t-10
//= type=test
//# Cancelling a task that awaits another task MUST cancel that one and go on waiting for its end.
#[test]
fn t10_other_awaiters_of_the_cancelled_task_are_told() {
    let event_loop = virtual_loop();
    let child = event_loop.create_task(sleep(secs(9))).unwrap();
    let one = event_loop.create_task(child.clone()).unwrap();
    let other = event_loop.create_task(child.clone()).unwrap();
    turns(&event_loop, 1);
    one.cancel();
    run_dry(&event_loop);
    assert!(child.cancelled() && one.cancelled() && other.cancelled());
    assert_eq!((one.cancelling(), other.cancelling()), (1, 0));
}

//= SPEC.md#t-10
//= type=test
//# Cancelling a task that awaits another task MUST cancel that one and go on waiting for its end.
#[test]
fn t10_tasks_that_wait_for_each_other_can_be_cancelled() {
    a_cycle(|other| Box::pin(other));
    a_cycle(|other| Box::pin(async { gather(vec![other]).await.map(drop) }));
    a_cycle(|other| Box::pin(timeout(secs(3600), other)));
    a_cycle(|other| Box::pin(shield(other)));
}

//= SPEC.md#t-10
//= type=test
//# Cancelling a task that awaits another task MUST cancel that one and go on waiting for its end.
#[test]
fn t10_a_cancel_asked_for_while_running_is_handed_on_to_the_task_awaited_next() {
    let event_loop = virtual_loop();
    let log = Log::default();
    let child = slow_to_end(&event_loop, &log);
    turns(&event_loop, 1);
    let (awaited, noted) = (child.clone(), log.clone());
    let parent = event_loop
        .create_task(async move {
            current_task().unwrap().cancel();
            let result = awaited.await;
            noted.note("parent goes on");
            result
        })
        .unwrap();
    run_dry(&event_loop);
    assert_eq!(log.entries(), ["cleanup begins", "cleanup ends", "parent goes on"]);
    assert!(child.cancelled() && parent.cancelled());
}

//= SPEC.md#t-10
//= type=test
//# Cancelling a task that awaits another task MUST cancel that one and go on waiting for its end.
#[test]
fn t10_a_cancel_is_handed_on_though_an_earlier_awaitable_was_given_away() {
    let event_loop = virtual_loop();
    let log = Log::default();
    let child = slow_to_end(&event_loop, &log);
    let (_promise, future) = concurrent::promise::<()>();
    let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
    let (awaited, noted) = (child.clone(), log.clone());
    let kept = Rc::new(RefCell::new(None));
    let given = Rc::clone(&kept);
    let parent = event_loop
        .create_task(async move {
            let mut future = Box::pin(future);
            let polled_once = std::future::poll_fn(|cx| {
                assert!(future.as_mut().poll(cx).is_pending());
                Poll::Ready(())
            });
            polled_once.await;
            given.replace(Some(future));
            receiver.await?;
            let result = awaited.await;
            noted.note("parent goes on");
            result
        })
        .unwrap();
    turns(&event_loop, 2);
    // Another thread has it now, and drops it.
    let given_away = kept.take().unwrap();
    std::thread::spawn(move || drop(given_away)).join().unwrap();
    parent.cancel();
    sender.send(()).unwrap();
    run_dry(&event_loop);
    assert_eq!(log.entries(), ["cleanup begins", "cleanup ends", "parent goes on"]);
    assert!(child.cancelled() && parent.cancelled());
}
