//! Clause O-7: work that a cancel of its awaiter does not reach.

use super::*;

//= SPEC.md#o-7
//= type=test
//# Cancelling a task that awaits a `shield` MUST leave the shielded task running, and its later
//# failure MUST be reported if nobody retrieves it.
#[test]
fn o7_the_shielded_task_goes_on_when_its_awaiter_is_cancelled() {
    let event_loop = virtual_loop();
    let inner = worker(&event_loop, 2, 0);
    let outer = event_loop.create_task(shield(inner.clone())).unwrap();
    let victim = outer.clone();
    at(&event_loop, 1, move || assert!(victim.cancel_with_message("why")));
    let ended_at = Rc::new(Cell::new(0));
    let noted = Rc::clone(&ended_at);
    outer.add_done_callback(move |_| {
        noted.set(get_running_loop().unwrap().time().as_nanos());
    });
    run_dry(&event_loop);
    assert_eq!(u128::from(ended_at.get()), secs(1).as_nanos(), "the awaiter does not wait");
    assert_eq!(message_of(&outer.result().map_err(Exception::from)).unwrap(), "why");
    assert_eq!((inner.result().unwrap(), inner.cancelling()), (2, 0));
}

//= SPEC.md#o-7
//= type=test
//# Cancelling a task that awaits a `shield` MUST leave the shielded task running, and its later
//# failure MUST be reported if nobody retrieves it.
#[test]
fn o7_a_shield_yields_what_its_task_ends_with() {
    let event_loop = virtual_loop();
    let value = finish(&event_loop, shield(worker(&event_loop, 2, 0)));
    assert_eq!(value.unwrap(), 2);
    let raised = Exception::from(Oops);
    let raise = raised.clone();
    let failing = event_loop.create_task(async move { Err::<(), _>(raise) }).unwrap();
    let error = finish(&event_loop, shield(failing)).unwrap_err();
    assert!(error.same_object(&raised));
    // The other direction: cancelling the inner task is no cancel of the awaiter.
    let inner = worker(&event_loop, 9, 0);
    inner.cancel_with_message("inner");
    let outer = event_loop.create_task(shield(inner)).unwrap();
    run_dry(&event_loop);
    assert_eq!(message_of(&outer.result().map_err(Exception::from)).unwrap(), "inner");
    assert_eq!(outer.cancelling(), 0);
}

/// A task that fails after two seconds, behind a shield whose awaiter is cancelled after one.
fn abandoned_failure() -> (EventLoop, Task<()>, Log<loopgate::ExceptionContext>) {
    let event_loop = virtual_loop();
    let reports = record_reports(&event_loop);
    let inner = event_loop
        .create_task(async {
            sleep(secs(2)).await?;
            Err::<(), _>(Oops.into())
        })
        .unwrap();
    let outer = event_loop.create_task(shield(inner.clone())).unwrap();
    at(&event_loop, 1, move || assert!(outer.cancel()));
    (event_loop, inner, reports)
}

//= SPEC.md#o-7
//= type=test
//# Cancelling a task that awaits a `shield` MUST leave the shielded task running, and its later
//# failure MUST be reported if nobody retrieves it.
#[test]
fn o7_a_later_failure_that_nobody_retrieves_is_reported() {
    let (event_loop, inner, reports) = abandoned_failure();
    drop(inner);
    run_dry(&event_loop);
    let reports = reports.entries();
    assert_eq!(reports.len(), 1, "{reports:?}");
    assert!(reports[0].exception.as_ref().unwrap().is::<Oops>());
}

//= SPEC.md#o-7
//= type=test
//# Cancelling a task that awaits a `shield` MUST leave the shielded task running, and its later
//# failure MUST be reported if nobody retrieves it.
#[test]
fn o7_a_later_failure_that_somebody_retrieves_is_not_reported() {
    let (event_loop, inner, reports) = abandoned_failure();
    run_dry(&event_loop);
    assert!(inner.exception().unwrap().unwrap().is::<Oops>());
    drop(inner);
    run_dry(&event_loop);
    assert!(reports.entries().is_empty());
}

//= SPEC.md#o-7
//= type=test
//# Cancelling a task that awaits a `shield` MUST leave the shielded task running, and its later
//# failure MUST be reported if nobody retrieves it.
#[test]
fn o7_a_shield_in_a_timeout_saves_the_task() {
    let event_loop = virtual_loop();
    let inner = worker(&event_loop, 5, 0);
    let result = finish(&event_loop, timeout(secs(2), shield(inner.clone())));
    assert_eq!((kind(&result), elapsed(&event_loop)), ("timeout", 2));
    run_dry(&event_loop);
    assert_eq!(inner.result().unwrap(), 5);
}

//= SPEC.md#o-7
//= type=test
//# Cancelling a task that awaits a `shield` MUST leave the shielded task running, and its later
//# failure MUST be reported if nobody retrieves it.
#[test]
fn o7_a_shield_can_be_awaited_again_behind_another() {
    let event_loop = virtual_loop();
    let inner = worker(&event_loop, 5, 0);
    let awaited = inner.clone();
    let outer = event_loop
        .create_task(async move {
            assert_eq!(kind(&shield(awaited.clone()).await), "cancelled");
            shield(awaited).await
        })
        .unwrap();
    let victim = outer.clone();
    at(&event_loop, 1, move || assert!(victim.cancel()));
    run_dry(&event_loop);
    assert_eq!(outer.result().unwrap(), 5);
}
