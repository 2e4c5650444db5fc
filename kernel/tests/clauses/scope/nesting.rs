//! Clauses O-3 and O-4: what a timeout may enclose, and timeouts within timeouts.

use super::*;

//= SPEC.md#o-3
//= type=test
//# A `timeout` around a foreign awaitable MUST drop only that awaitable when it expires or is
//# cancelled.
#[test]
fn o3_an_expiry_drops_the_foreign_awaitable_and_nothing_else() {
    let event_loop = virtual_loop();
    let guard = Dropped::default();
    let dropped = guard.flag();
    let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
    let sender = Rc::new(sender);
    let observed = Rc::clone(&sender);
    let task = event_loop
        .create_task(async move {
            let _guard = guard;
            let result = timeout(secs(2), async { Ok(receiver.await?) }).await;
            assert!(observed.is_closed(), "dropped when the scope is left");
            sleep(secs(1)).await?;
            Ok(kind(&result))
        })
        .unwrap();
    turns(&event_loop, 1);
    assert!(!sender.is_closed());
    at(&event_loop, 2, {
        let dropped = Rc::clone(&dropped);
        move || assert!(!dropped.get())
    });
    run_dry(&event_loop);
    assert_eq!((task.result().unwrap(), elapsed(&event_loop)), ("timeout", 3));
    assert!(dropped.get());
}

//= SPEC.md#o-3
//= type=test
//# A `timeout` around a foreign awaitable MUST drop only that awaitable when it expires or is
//# cancelled.
#[test]
fn o3_a_cancel_drops_the_foreign_awaitable_and_the_coroutine_cleans_up() {
    let event_loop = virtual_loop();
    let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
    let task = event_loop
        .create_task(async move {
            let result = timeout(secs(9), async { Ok(receiver.await?) }).await;
            sleep(secs(1)).await?;
            Ok(message_of(&result))
        })
        .unwrap();
    turns(&event_loop, 1);
    assert!(task.cancel_with_message("why"));
    turns(&event_loop, 1);
    assert!(sender.is_closed() && !task.done());
    run_dry(&event_loop);
    assert_eq!(task.result().unwrap().as_deref(), Some("why"));
    assert_eq!(elapsed(&event_loop), 1);
}

//= SPEC.md#o-3
//= type=test
//# A `timeout` around a foreign awaitable MUST drop only that awaitable when it expires or is
//# cancelled.
#[test]
fn o3_only_the_innermost_scope_is_dropped() {
    let event_loop = virtual_loop();
    let task = event_loop
        .create_task(timeout(secs(9), async {
            let inner = timeout(secs(8), pending::<Result<(), Exception>>()).await;
            // The outer scope's coroutine goes on: it cleans up and gives a value.
            sleep(secs(1)).await?;
            Ok(message_of(&inner))
        }))
        .unwrap();
    turns(&event_loop, 1);
    task.cancel_with_message("why");
    run_dry(&event_loop);
    assert_eq!(task.result().unwrap().as_deref(), Some("why"));
}

//= SPEC.md#o-3
//= type=test
//# A `timeout` around a foreign awaitable MUST drop only that awaitable when it expires or is
//# cancelled.
#[test]
fn o3_an_outer_expiry_reaches_a_foreign_awaitable_through_the_inner_scope() {
    let event_loop = virtual_loop();
    let task = event_loop
        .create_task(timeout(secs(2), async {
            let inner = timeout(secs(8), pending::<Result<(), Exception>>()).await;
            assert_eq!(kind(&inner), "cancelled");
            inner
        }))
        .unwrap();
    run_dry(&event_loop);
    assert_eq!(kind(&task.result().map_err(Exception::from)), "timeout");
    assert_eq!(elapsed(&event_loop), 2);
}

//= SPEC.md#o-3
//= type=test
//# A `timeout` around a foreign awaitable MUST drop only that awaitable when it expires or is
//# cancelled.
#[test]
fn o3_wait_for_drops_a_foreign_awaitable_too() {
    let event_loop = virtual_loop();
    let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
    let result =
        finish(&event_loop, async { wait_for(secs(2), async { Ok(receiver.await?) }).await });
    assert_eq!((kind(&result), sender.is_closed()), ("timeout", true));
}

/// Two nested limits around `inner`: what the inner one yielded, and what the outer one.
fn nested(
    outer: u64,
    inner: u64,
    work: impl Future<Output = Result<i32, Exception>> + 'static,
) -> (&'static str, &'static str) {
    let event_loop = virtual_loop();
    let seen = Rc::new(Cell::new("nothing"));
    let noted = Rc::clone(&seen);
    let task = event_loop
        .create_task(async move {
            let result = timeout(secs(outer), async move {
                let result = timeout(secs(inner), work).await;
                noted.set(kind(&result));
                result
            });
            let result = result.await;
            // Neither leaves anything behind.
            yield_now().await?;
            sleep(secs(1)).await?;
            Ok(kind(&result))
        })
        .unwrap();
    run_dry(&event_loop);
    assert_eq!(task.cancelling(), 0);
    (seen.get(), task.result().unwrap())
}

/// Works for nine seconds; cancelled, cleans up for so many.
async fn nine(cleanup: u64) -> Result<i32, Exception> {
    let worked = sleep(secs(9)).await;
    if worked.is_err() {
        sleep(secs(cleanup)).await?;
    }
    worked.map(|()| 9)
}

//= SPEC.md#o-4
//= type=test
//# Of nested timeouts that have expired only the one whose cancel is leaving MUST convert it; a
//# value or another exception MUST pass through.
#[test]
fn o4_the_inner_one_expires_first_and_converts() {
    // Its own error is no cancel: the outer one passes it on.
    assert_eq!(nested(5, 2, nine(0)), ("timeout", "timeout"));
}

//= SPEC.md#o-4
//= type=test
//# Of nested timeouts that have expired only the one whose cancel is leaving MUST convert it; a
//# value or another exception MUST pass through.
#[test]
fn o4_the_outer_one_expires_first_and_converts() {
    assert_eq!(nested(2, 5, nine(0)), ("cancelled", "timeout"));
}

//= SPEC.md#o-4
//= type=test
//# Of nested timeouts that have expired only the one whose cancel is leaving MUST convert it; a
//# value or another exception MUST pass through.
#[test]
fn o4_both_expire_at_once_and_the_outer_one_converts() {
    assert_eq!(nested(2, 2, nine(0)), ("cancelled", "timeout"));
    assert_eq!(nested(2, 2, pending()), ("cancelled", "timeout"));
}

//= SPEC.md#o-4
//= type=test
//# Of nested timeouts that have expired only the one whose cancel is leaving MUST convert it; a
//# value or another exception MUST pass through.
#[test]
fn o4_the_outer_one_expires_while_the_inner_one_cleans_up() {
    // The cleanup is interrupted at three seconds by the outer limit's cancel, which is then leaving.
    assert_eq!(nested(3, 2, nine(5)), ("cancelled", "timeout"));
    // And the other way round.
    assert_eq!(nested(2, 3, nine(5)), ("cancelled", "timeout"));
}

//= SPEC.md#o-4
//= type=test
//# Of nested timeouts that have expired only the one whose cancel is leaving MUST convert it; a
//# value or another exception MUST pass through.
#[test]
fn o4_a_value_passes_through_both() {
    let swallows = async {
        assert!(sleep(secs(9)).await.is_err());
        Ok(3)
    };
    assert_eq!(nested(2, 2, swallows), ("value", "value"));
    let swallows_twice = async {
        assert!(sleep(secs(9)).await.is_err());
        assert!(sleep(secs(9)).await.is_err());
        Ok(3)
    };
    assert_eq!(nested(3, 2, swallows_twice), ("value", "value"));
}

//= SPEC.md#o-4
//= type=test
//# Of nested timeouts that have expired only the one whose cancel is leaving MUST convert it; a
//# value or another exception MUST pass through.
#[test]
fn o4_another_exception_passes_through_both() {
    let raises = async { sleep(secs(9)).await.map(|()| 9).map_err(|_| Oops.into()) };
    assert_eq!(nested(2, 2, raises), ("error", "error"));
}

//= SPEC.md#o-4
//= type=test
//# Of nested timeouts that have expired only the one whose cancel is leaving MUST convert it; a
//# value or another exception MUST pass through.
#[test]
fn o4_a_value_that_comes_with_both_expiries_leaves_no_cancel_behind() {
    let event_loop = virtual_loop();
    let (sender, receiver) = tokio::sync::oneshot::channel();
    at(&event_loop, 2, move || sender.send(3).unwrap());
    let task = event_loop
        .create_task(async {
            let inner = timeout(secs(2), async { Ok(receiver.await?) });
            let value = timeout(secs(2), inner).await?;
            yield_now().await?;
            sleep(secs(1)).await?;
            Ok(value)
        })
        .unwrap();
    run_dry(&event_loop);
    assert_eq!((task.result().unwrap(), task.cancelling()), (3, 0));
}

//= SPEC.md#o-4
//= type=test
//# Of nested timeouts that have expired only the one whose cancel is leaving MUST convert it; a
//# value or another exception MUST pass through.
#[test]
fn o4_with_a_foreign_cancel_none_of_them_converts() {
    let event_loop = virtual_loop();
    let task = event_loop.create_task(timeout(secs(2), timeout(secs(2), nine(0)))).unwrap();
    let victim = task.clone();
    at(&event_loop, 2, move || assert!(victim.cancel()));
    run_dry(&event_loop);
    assert!(task.cancelled());
    assert_eq!(task.cancelling(), 1);
}
