//! Clause T-5: who may ask, and what is counted.

use super::*;

//= SPEC.md#t-5
//= type=test
//# `cancel` on a live task MUST return true and raise `cancelling` by one; on a task that is done
//# it MUST return false.
#[test]
fn t5_every_request_to_a_live_task_counts() {
    let event_loop = virtual_loop();
    let task = event_loop.create_task(sleep(secs(1))).unwrap();
    assert_eq!(task.cancelling(), 0);
    assert!(task.cancel());
    assert_eq!(task.cancelling(), 1, "before it began");
    assert!(task.cancel_with_message("again"));
    assert_eq!(task.clone().cancelling(), 2, "not yet delivered");
    run_dry(&event_loop);
    assert!(task.cancelled());
    assert_eq!(task.cancelling(), 2);
}

//= SPEC.md#t-5
//= type=test
//# `cancel` on a live task MUST return true and raise `cancelling` by one; on a task that is done
//# it MUST return false.
#[test]
fn t5_requests_to_a_suspended_task_count_before_and_after_delivery() {
    let event_loop = virtual_loop();
    let task = event_loop
        .create_task(async {
            assert!(sleep(secs(9)).await.is_err());
            sleep(secs(9)).await
        })
        .unwrap();
    turns(&event_loop, 1);
    assert!(task.cancel() && task.cancel());
    assert_eq!(task.cancelling(), 2);
    turns(&event_loop, 1);
    assert!(!task.done(), "two requests, one delivery");
    assert!(task.cancel());
    assert_eq!(task.cancelling(), 3);
    run_dry(&event_loop);
    assert!(task.cancelled());
}

//= SPEC.md#t-5
//= type=test
//# `cancel` on a live task MUST return true and raise `cancelling` by one; on a task that is done
//# it MUST return false.
#[test]
fn t5_a_task_that_is_done_refuses_and_stays_as_it_was() {
    let event_loop = virtual_loop();
    let ended: [(&str, Boxed<i32>); 3] = [
        ("value", Box::pin(async { Ok(3) })),
        ("error", Box::pin(async { Err(Oops.into()) })),
        ("cancelled", Box::pin(async { Err(Cancelled::default().into()) })),
    ];
    for (name, coroutine) in ended {
        let task = event_loop.create_task(coroutine).unwrap();
        run_dry(&event_loop);
        let before = format!("{:?}", task.result());
        assert!(!task.cancel() && !task.cancel_with_message("late"), "{name}");
        assert_eq!(task.cancelling(), 0, "{name}");
        assert_eq!(format!("{:?}", task.result()), before, "{name}");
        assert_eq!(event_loop.poll_timeout(), None, "{name}: nothing was queued");
    }
}

//= SPEC.md#t-5
//= type=test
//# `cancel` on a live task MUST return true and raise `cancelling` by one; on a task that is done
//# it MUST return false.
#[test]
fn t5_cancelling_from_outside_a_run_reaches_the_next_run() {
    let event_loop = virtual_loop();
    let task = event_loop.create_task(sleep(secs(9))).unwrap();
    turns(&event_loop, 1);
    assert!(task.cancel());
    assert!(!task.done(), "the call only asks");
    run_dry(&event_loop);
    assert!(task.cancelled());
    assert_eq!(event_loop.time().as_nanos(), 0, "no time passed");
}
