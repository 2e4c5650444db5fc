//! Chapter of SPEC.md with the same name: one test or more for each clause.

use std::cell::{Cell, OnceCell};
use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use loopgate::{
    DeadlineOverflow, EventLoop, Exception, ForeignLoop, NoRunningLoop, NotInTask, ResultError,
    Task, TimeoutError, concurrent, current_task, gather, get_running_loop, shield, sleep, timeout,
    wait_for, yield_now,
};

use crate::support::{Log, record_reports, virtual_loop};
use crate::task::{Boxed, Dropped, Oops, finish, join, message_of, run_dry, secs, turns};

/// Whole seconds that have passed on the loop's clock, which are all that pass in these tests.
fn elapsed(event_loop: &EventLoop) -> u64 {
    let nanos = event_loop.time().as_nanos();
    assert_eq!(nanos % 1_000_000_000, 0);
    nanos / 1_000_000_000
}

/// Has something happen when so much time has passed; ahead of timers that are set later for the same time.
fn at(event_loop: &EventLoop, seconds: u64, callback: impl FnOnce() + 'static) {
    let _timer = event_loop.call_later(secs(seconds), callback).unwrap();
}

/// What a scope yielded, in a word.
fn kind<T>(result: &Result<T, Exception>) -> &'static str {
    match result {
        Ok(_) => "value",
        Err(error) if error.is_cancelled() => "cancelled",
        Err(error) if error.is::<TimeoutError>() => "timeout",
        Err(_) => "error",
    }
}

/// A task that works for `work` seconds and, when cancelled, cleans up for another `cleanup` seconds.
fn worker(event_loop: &EventLoop, work: u64, cleanup: u64) -> Task<u64> {
    let coroutine = async move {
        if let Err(cancelled) = sleep(secs(work)).await {
            sleep(secs(cleanup)).await?;
            return Err(cancelled);
        }
        Ok(work)
    };
    event_loop.create_task(coroutine).unwrap()
}

/// Ways to wait for ever inside a scope.
fn endless(event_loop: &EventLoop) -> Vec<(&'static str, Boxed<()>)> {
    let (promise, future) = event_loop.create_future::<()>();
    let (pending_promise, pending_future) = concurrent::promise::<()>();
    let (running_promise, running_future) = concurrent::promise::<()>();
    assert!(running_promise.set_running_or_notify_cancel().unwrap());
    let sleeper = || event_loop.create_task(sleep(secs(3600))).unwrap();
    let (child, shielded, gathered) = (sleeper(), sleeper(), vec![sleeper(), sleeper()]);
    vec![
        ("sleep", Box::pin(sleep(secs(3600)))),
        ("loop future", Box::pin(async move { (future.await, promise).0 })),
        (
            "pending concurrent future",
            Box::pin(async { (pending_future.await, pending_promise).0 }),
        ),
        (
            "running concurrent future",
            Box::pin(async { (running_future.await, running_promise).0 }),
        ),
        ("task", Box::pin(child)),
        ("shield", Box::pin(shield(shielded))),
        ("gather", Box::pin(async { gather(gathered).await.map(drop) })),
        ("foreign", Box::pin(pending())),
        ("timeout", Box::pin(timeout(secs(7200), sleep(secs(3600))))),
        ("foreign in a timeout", Box::pin(timeout(secs(7200), pending()))),
        (
            "join",
            Box::pin(async {
                let (slept, never) = join(sleep(secs(3600)), sleep(secs(3600))).await;
                slept.and(never)
            }),
        ),
    ]
}

// ---- O-1 -----------------------------------------------------------------------------------------------

//= SPEC.md#o-1
//= type=test
//# A `timeout` that expires MUST cancel what it encloses and turn that cancel, and no other, into
//# its own error.
#[test]
fn o1_the_time_is_up_and_the_cancel_is_used_up() {
    for index in 0..endless(&virtual_loop()).len() {
        let event_loop = virtual_loop();
        let (name, inner) = endless(&event_loop).swap_remove(index);
        let task = event_loop
            .create_task(async move {
                let result = timeout(secs(2), inner).await;
                let at = get_running_loop()?.time();
                // Nothing of the cancel is left for what comes afterwards.
                yield_now().await?;
                sleep(secs(1)).await?;
                Ok((kind(&result), at.as_nanos()))
            })
            .unwrap();
        let (kind, at) = finish(&event_loop, task.clone()).unwrap();
        assert_eq!((kind, u128::from(at)), ("timeout", secs(2).as_nanos()), "{name}");
        assert_eq!(task.cancelling(), 0, "{name}");
    }
}

//= SPEC.md#o-1
//= type=test
//# A `timeout` that expires MUST cancel what it encloses and turn that cancel, and no other, into
//# its own error.
#[test]
fn o1_what_is_enclosed_is_cancelled_at_its_await_and_may_clean_up() {
    let event_loop = virtual_loop();
    let log = Log::default();
    let noted = log.clone();
    let result = finish(
        &event_loop,
        timeout(secs(2), async move {
            let cancelled = sleep(secs(9)).await;
            noted.note(kind(&cancelled));
            noted.note(kind(&sleep(secs(5)).await));
            cancelled
        }),
    );
    assert_eq!(kind(&result), "timeout");
    assert_eq!(log.entries(), ["cancelled", "value"]);
}

//= SPEC.md#o-1
//= type=test
//# A `timeout` that expires MUST cancel what it encloses and turn that cancel, and no other, into
//# its own error.
#[test]
fn o1_the_scope_is_left_when_the_cleanup_has_ended() {
    let event_loop = virtual_loop();
    let result = finish(
        &event_loop,
        timeout(secs(2), async {
            let cancelled = sleep(secs(9)).await;
            sleep(secs(5)).await?;
            cancelled
        }),
    );
    assert_eq!((kind(&result), elapsed(&event_loop)), ("timeout", 7));
}

//= SPEC.md#o-1
//= type=test
//# A `timeout` that expires MUST cancel what it encloses and turn that cancel, and no other, into
//# its own error.
#[test]
fn o1_in_time_nothing_is_left_of_the_limit() {
    let event_loop = virtual_loop();
    let value = finish(&event_loop, timeout(secs(3600), async { Ok(3) })).unwrap();
    assert_eq!(value, 3);
    assert_eq!(event_loop.poll_timeout(), None, "its timer is withdrawn");
    let slept = finish(&event_loop, timeout(secs(3600), sleep(secs(1))));
    assert_eq!((kind(&slept), elapsed(&event_loop)), ("value", 1));
    let failed: Result<(), _> =
        finish(&event_loop, timeout(secs(3600), async { Err(Oops.into()) }));
    assert!(failed.unwrap_err().is::<Oops>());
    assert_eq!(event_loop.poll_timeout(), None);
}

//= SPEC.md#o-1
//= type=test
//# A `timeout` that expires MUST cancel what it encloses and turn that cancel, and no other, into
//# its own error.
#[test]
fn o1_a_scope_that_is_dropped_withdraws_its_timer_and_its_cancel() {
    let event_loop = virtual_loop();
    let task = event_loop
        .create_task(async {
            {
                let mut scope = pin!(timeout(secs(1), sleep(secs(9))));
                let polled = poll_fn(|cx| Poll::Ready(scope.as_mut().poll(cx).is_pending())).await;
                assert!(polled);
                // Dropped here, after time enough to expire had it been looked after.
            }
            sleep(secs(5)).await
        })
        .unwrap();
    run_dry(&event_loop);
    task.result().unwrap();
    assert_eq!((task.cancelling(), elapsed(&event_loop)), (0, 5));
}

//= SPEC.md#o-1
//= type=test
//# A `timeout` that expires MUST cancel what it encloses and turn that cancel, and no other, into
//# its own error.
#[test]
fn o1_an_expired_scope_that_is_dropped_takes_its_cancel_along() {
    let event_loop = virtual_loop();
    let (promise, gate) = event_loop.create_future::<()>();
    at(&event_loop, 1, move || promise.set_result(()).unwrap());
    let task = event_loop
        .create_task(async move {
            {
                // Whichever is first: the gate opens and the time is up in the same iteration.
                let mut scope = pin!(timeout(secs(1), pending::<Result<(), Exception>>()));
                let mut gate = pin!(shield_from_cancel(gate));
                poll_fn(|cx| {
                    if gate.as_mut().poll(cx).is_ready() {
                        return Poll::Ready(());
                    }
                    assert!(scope.as_mut().poll(cx).is_pending());
                    Poll::Pending
                })
                .await;
            }
            yield_now().await?;
            sleep(secs(1)).await
        })
        .unwrap();
    run_dry(&event_loop);
    assert_eq!(kind(&task.result().map_err(Exception::from)), "value");
    assert_eq!(task.cancelling(), 0);
}

/// A future that no cancel of the awaiting task reaches, as a foreign one.
async fn shield_from_cancel(future: loopgate::LoopFuture<()>) {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    future.add_done_callback(move |_| {
        let _ = sender.send(());
    });
    let _ = receiver.await;
}

//= SPEC.md#o-1
//= type=test
//# A `timeout` that expires MUST cancel what it encloses and turn that cancel, and no other, into
//# its own error.
#[test]
fn o1_a_cancelled_that_is_not_its_own_passes_through() {
    let event_loop = virtual_loop();
    let own_accord = finish(
        &event_loop,
        timeout(secs(9), async {
            Err::<(), Exception>(loopgate::Cancelled::with_message("mine").into())
        }),
    );
    assert_eq!(message_of(&own_accord).unwrap(), "mine");
    // Somebody else cancels what is awaited.
    let other = worker(&event_loop, 9, 0);
    let victim = other.clone();
    at(&event_loop, 1, move || assert!(victim.cancel_with_message("other's")));
    let awaited = finish(&event_loop, timeout(secs(5), other));
    assert_eq!((message_of(&awaited).unwrap().as_str(), elapsed(&event_loop)), ("other's", 1));
}

//= SPEC.md#o-1
//= type=test
//# A `timeout` that expires MUST cancel what it encloses and turn that cancel, and no other, into
//# its own error.
#[test]
fn o1_a_timeout_error_of_the_work_is_the_works() {
    let event_loop = virtual_loop();
    let task = event_loop.create_task(async {
        timeout(secs(9), async { Err::<(), Exception>(TimeoutError.into()) }).await
    });
    let task = task.unwrap();
    run_dry(&event_loop);
    assert!(task.exception().unwrap().unwrap().is::<TimeoutError>());
    assert_eq!(elapsed(&event_loop), 0);
}

//= SPEC.md#o-1
//= type=test
//# A `timeout` that expires MUST cancel what it encloses and turn that cancel, and no other, into
//# its own error.
#[test]
fn o1_an_expiry_cancels_nothing_beside_its_scope() {
    // Two limits in one task, side by side; each polled first once.
    for short_first in [true, false] {
        let event_loop = virtual_loop();
        let task = event_loop
            .create_task(async move {
                let short = timeout(secs(1), sleep(secs(9)));
                let long = timeout(secs(5), sleep(secs(3)));
                let plain = sleep(secs(4));
                let ((short, long), plain) = if short_first {
                    join(join(short, long), plain).await
                } else {
                    let (plain, (long, short)) = join(plain, join(long, short)).await;
                    ((short, long), plain)
                };
                Ok([kind(&short), kind(&long), kind(&plain)])
            })
            .unwrap();
        run_dry(&event_loop);
        let kinds = task.result().unwrap();
        assert_eq!(kinds, ["timeout", "value", "value"], "short first: {short_first}");
        assert_eq!((task.cancelling(), elapsed(&event_loop)), (0, 4));
    }
}

//= SPEC.md#o-1
//= type=test
//# A `timeout` that expires MUST cancel what it encloses and turn that cancel, and no other, into
//# its own error.
#[test]
fn o1_limits_side_by_side_each_convert_their_own() {
    // The second expires while the first is still cleaning up.
    let event_loop = virtual_loop();
    let task = event_loop
        .create_task(async {
            let slow = timeout(secs(1), async {
                let cancelled = sleep(secs(9)).await;
                sleep(secs(5)).await?;
                cancelled
            });
            let quick = timeout(secs(2), sleep(secs(9)));
            let (slow, quick) = join(slow, quick).await;
            sleep(secs(1)).await?;
            Ok([kind(&slow), kind(&quick)])
        })
        .unwrap();
    run_dry(&event_loop);
    assert_eq!(task.result().unwrap(), ["timeout", "timeout"]);
    assert_eq!((task.cancelling(), elapsed(&event_loop)), (0, 7));
}

//= SPEC.md#o-1
//= type=test
//# A `timeout` that expires MUST cancel what it encloses and turn that cancel, and no other, into
//# its own error.
#[test]
fn o1_an_expiry_leaves_a_foreign_awaitable_beside_its_scope_alone() {
    let event_loop = virtual_loop();
    let (sender, receiver) = tokio::sync::oneshot::channel();
    at(&event_loop, 3, move || sender.send(3).unwrap());
    let task = event_loop
        .create_task(async {
            let limited = timeout(secs(1), pending::<Result<(), Exception>>());
            let (limited, received) = join(limited, receiver).await;
            Ok((kind(&limited), received?))
        })
        .unwrap();
    run_dry(&event_loop);
    assert_eq!(task.result().unwrap(), ("timeout", 3));
}

//= SPEC.md#o-1
//= type=test
//# A `timeout` that expires MUST cancel what it encloses and turn that cancel, and no other, into
//# its own error.
#[test]
fn o1_tasks_that_wait_for_each_other_run_out_of_time() {
    let event_loop = virtual_loop();
    let slots: [Rc<OnceCell<Task<()>>>; 2] = Default::default();
    for (index, slot) in slots.iter().enumerate() {
        let other = Rc::clone(&slots[1 - index]);
        let limited = async move { timeout(secs(1), other.get().unwrap().clone()).await };
        slot.set(event_loop.create_task(limited).unwrap()).unwrap();
    }
    run_dry(&event_loop);
    assert!(slots.iter().all(|slot| slot.get().unwrap().done()), "{slots:?}");
    assert_eq!(elapsed(&event_loop), 1);
    slots.iter().for_each(|slot| drop(slot.get().unwrap().result()));
}

//= SPEC.md#o-1
//= type=test
//# A `timeout` that expires MUST cancel what it encloses and turn that cancel, and no other, into
//# its own error.
#[test]
fn o1_a_limit_needs_a_task_and_a_loop_and_a_moment_within_range() {
    let mut outside = pin!(timeout(secs(1), sleep(secs(1))));
    match outside.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Err(error)) => assert!(error.is::<NoRunningLoop>()),
        other => panic!("{other:?}"),
    }
    let event_loop = virtual_loop();
    event_loop
        .call_soon(|| {
            let mut in_callback = pin!(timeout(secs(1), sleep(secs(1))));
            match in_callback.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(Err(error)) => assert!(error.is::<NotInTask>()),
                other => panic!("{other:?}"),
            }
        })
        .unwrap();
    let reports = record_reports(&event_loop);
    run_dry(&event_loop);
    assert!(reports.entries().is_empty());
    let too_far = finish(&event_loop, timeout(Duration::MAX, async { Ok(()) }));
    assert!(too_far.unwrap_err().is::<DeadlineOverflow>());
}

// ---- O-2 -----------------------------------------------------------------------------------------------

/// Runs `inner` in a limit of two seconds and cancels the task from outside at that very moment, before or
/// after the limit expires. Yields what the scope gave, and what is left of the cancel.
fn cancelled_at_the_expiry(before: bool, index: usize) -> (&'static str, Task<Option<String>>) {
    let event_loop = virtual_loop();
    let (name, inner) = endless(&event_loop).swap_remove(index);
    let slot: Rc<OnceCell<Task<Option<String>>>> = Rc::default();
    let victim = Rc::clone(&slot);
    let cancel = move || assert!(victim.get().unwrap().cancel_with_message("foreign"));
    if before {
        at(&event_loop, 2, cancel);
        let task = limited(&event_loop, inner);
        slot.set(task).unwrap();
    } else {
        // Its timer is set after the scope's.
        let task = limited(&event_loop, inner);
        slot.set(task).unwrap();
        turns(&event_loop, 1);
        at(&event_loop, 2, cancel);
    }
    let task = slot.get().unwrap().clone();
    let _ended = finish(&event_loop, task.clone());
    (name, task)
}

fn limited(event_loop: &EventLoop, inner: Boxed<()>) -> Task<Option<String>> {
    event_loop
        .create_task(async move {
            let result = timeout(secs(2), inner).await;
            assert_eq!(get_running_loop()?.time().as_nanos(), 2_000_000_000);
            assert_eq!(kind(&result), "cancelled");
            // It was delivered by the scope, and not a second time.
            yield_now().await?;
            sleep(secs(1)).await?;
            Ok(message_of(&result))
        })
        .unwrap()
}

//= SPEC.md#o-2
//= type=test
//# A foreign cancel that arrives in addition to the expiry MUST win: the scope yields
//# `Err(Cancelled)`.
#[test]
fn o2_a_foreign_cancel_in_the_iteration_of_the_expiry_wins() {
    for before in [true, false] {
        for index in 0..endless(&virtual_loop()).len() {
            let (name, task) = cancelled_at_the_expiry(before, index);
            let result = task.result();
            assert!(matches!(result, Ok(Some(_))), "{name}, before: {before}: {result:?}");
            // What was on its way has no message if it was the expiry; what had yet to go has the foreign one.
            if before || name == "foreign" {
                assert_eq!(result.unwrap().as_deref(), Some("foreign"), "{name}, before: {before}");
            }
            assert_eq!(task.cancelling(), 1, "{name}, before: {before}");
        }
    }
}

//= SPEC.md#o-2
//= type=test
//# A foreign cancel that arrives in addition to the expiry MUST win: the scope yields
//# `Err(Cancelled)`.
#[test]
fn o2_a_foreign_cancel_before_the_expiry_is_no_timeout() {
    for index in 0..endless(&virtual_loop()).len() {
        let event_loop = virtual_loop();
        let (name, inner) = endless(&event_loop).swap_remove(index);
        let task = event_loop.create_task(timeout(secs(2), inner)).unwrap();
        let victim = task.clone();
        at(&event_loop, 1, move || assert!(victim.cancel_with_message("foreign")));
        let result = finish(&event_loop, async move {
            let result = task.clone().await;
            Ok((message_of(&result), task.cancelling()))
        });
        assert_eq!(result.unwrap(), (Some("foreign".to_owned()), 1), "{name}");
    }
}

//= SPEC.md#o-2
//= type=test
//# A foreign cancel that arrives in addition to the expiry MUST win: the scope yields
//# `Err(Cancelled)`.
#[test]
fn o2_a_foreign_cancel_during_the_cleanup_after_an_expiry_wins() {
    let event_loop = virtual_loop();
    let interrupted = Rc::new(Cell::new(false));
    let noted = Rc::clone(&interrupted);
    let task = event_loop
        .create_task(timeout(secs(2), async move {
            let cancelled = sleep(secs(9)).await;
            noted.set(sleep(secs(9)).await.is_err());
            cancelled
        }))
        .unwrap();
    let victim = task.clone();
    at(&event_loop, 3, move || assert!(victim.cancel()));
    run_dry(&event_loop);
    assert!(interrupted.get() && task.cancelled());
    assert_eq!((task.cancelling(), elapsed(&event_loop)), (1, 3));
}

//= SPEC.md#o-2
//= type=test
//# A foreign cancel that arrives in addition to the expiry MUST win: the scope yields
//# `Err(Cancelled)`.
#[test]
fn o2_a_cancel_swallowed_before_the_scope_does_not_count_against_it() {
    let event_loop = virtual_loop();
    let task = event_loop
        .create_task(async {
            assert!(sleep(secs(9)).await.is_err());
            let result = timeout(secs(2), sleep(secs(9))).await;
            Ok(kind(&result))
        })
        .unwrap();
    turns(&event_loop, 1);
    task.cancel();
    run_dry(&event_loop);
    assert_eq!(task.result().unwrap(), "timeout");
    assert_eq!(task.cancelling(), 1);
}

//= SPEC.md#o-2
//= type=test
//# A foreign cancel that arrives in addition to the expiry MUST win: the scope yields
//# `Err(Cancelled)`.
#[test]
fn o2_a_foreign_cancel_that_nothing_received_outlives_the_scope() {
    // Inside, a value comes in the iteration of both cancels: the foreign one is for what follows.
    let event_loop = virtual_loop();
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let task = event_loop
        .create_task(async move {
            let value = timeout(secs(2), async { Ok(receiver.await?) }).await?;
            Ok((value, message_of(&sleep(secs(1)).await)))
        })
        .unwrap();
    turns(&event_loop, 1);
    let victim = task.clone();
    at(&event_loop, 2, move || {
        sender.send(3).unwrap();
        assert!(victim.cancel_with_message("foreign"));
    });
    run_dry(&event_loop);
    let (value, message) = task.result().unwrap();
    assert_eq!((value, message.is_some(), task.cancelling()), (3, true, 1));
}

//= SPEC.md#o-2
//= type=test
//# A foreign cancel that arrives in addition to the expiry MUST win: the scope yields
//# `Err(Cancelled)`.
//= SPEC.md#t-12
//= type=test
//# `uncancel` MUST lower `cancelling`, not below zero, and at zero MUST withdraw a cancel that was
//# not yet delivered.
#[test]
fn o2_a_foreign_cancel_that_is_taken_back_leaves_the_expiry() {
    for before in [true, false] {
        for index in 0..endless(&virtual_loop()).len() {
            let event_loop = virtual_loop();
            let (name, inner) = endless(&event_loop).swap_remove(index);
            let slot: Rc<OnceCell<Task<&'static str>>> = Rc::default();
            let victim = Rc::clone(&slot);
            let cancel = move || {
                let victim = victim.get().unwrap();
                assert!(victim.cancel());
                assert_eq!(victim.uncancel(), 0);
            };
            let limited = async move { Ok(kind(&timeout(secs(2), inner).await)) };
            if before {
                at(&event_loop, 2, cancel);
                slot.set(event_loop.create_task(limited).unwrap()).unwrap();
            } else {
                slot.set(event_loop.create_task(limited).unwrap()).unwrap();
                turns(&event_loop, 1);
                at(&event_loop, 2, cancel);
            }
            let task = slot.get().unwrap().clone();
            let ended = finish(&event_loop, task).map_err(|error| error.to_string());
            assert_eq!(ended, Ok("timeout"), "{name}, before: {before}");
        }
    }
}

// ---- O-3 -----------------------------------------------------------------------------------------------

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

// ---- O-4 -----------------------------------------------------------------------------------------------

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

// ---- O-5 -----------------------------------------------------------------------------------------------

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

// ---- O-6 -----------------------------------------------------------------------------------------------

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

// ---- O-7 -----------------------------------------------------------------------------------------------

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

//= SPEC.md#l-7
//= type=test
//# A task of another loop that awaits the future MUST get an error and MUST NOT be suspended on it.
#[test]
fn l7_a_shield_or_gathering_of_another_loops_task_is_told() {
    let other = virtual_loop();
    let foreign = other.create_task(sleep(secs(1))).unwrap();
    let event_loop = virtual_loop();
    let shielded = event_loop.create_task(shield(foreign.clone())).unwrap();
    let gathered = gather(vec![foreign]);
    let gathered = event_loop.create_task(async { gathered.await.map(drop) }).unwrap();
    run_dry(&event_loop);
    for task in [shielded, gathered] {
        assert!(task.done(), "not suspended on it: {task:?}");
        assert!(task.exception().unwrap().unwrap().is::<ForeignLoop>());
    }
}

// ---- O-8 -----------------------------------------------------------------------------------------------

//= SPEC.md#o-8
//= type=test
//# `gather` MUST yield the results in the order of its arguments, MUST yield the first exception at
//# once and leave the others running, and MUST cancel all of them when it is cancelled.
#[test]
fn o8_the_results_are_in_the_order_of_the_arguments() {
    let event_loop = virtual_loop();
    let tasks = [3, 1, 2, 0].map(|work| worker(&event_loop, work, 0)).to_vec();
    let results = finish(&event_loop, gather(tasks)).unwrap();
    assert_eq!((results, elapsed(&event_loop)), (vec![3, 1, 2, 0], 3));
    let nothing: Vec<Task<()>> = Vec::new();
    assert!(finish(&event_loop, gather(nothing)).unwrap().is_empty());
    let twice = worker(&event_loop, 1, 0);
    let results = finish(&event_loop, gather(vec![twice.clone(), twice])).unwrap();
    assert_eq!(results, [1, 1]);
}

/// A task that fails after so many seconds.
fn failing(event_loop: &EventLoop, after: u64, message: &'static str) -> Task<u64> {
    event_loop
        .create_task(async move {
            sleep(secs(after)).await?;
            Err(Exception::new(message))
        })
        .unwrap()
}

//= SPEC.md#o-8
//= type=test
//# `gather` MUST yield the results in the order of its arguments, MUST yield the first exception at
//# once and leave the others running, and MUST cancel all of them when it is cancelled.
#[test]
fn o8_the_first_exception_comes_at_once_and_the_others_go_on() {
    let event_loop = virtual_loop();
    let (slow, fails) = (worker(&event_loop, 9, 0), failing(&event_loop, 2, "first"));
    let result = finish(&event_loop, gather(vec![slow.clone(), fails.clone()]));
    let error = result.unwrap_err();
    assert!(error.same_object(&fails.exception().unwrap().unwrap()));
    assert_eq!(elapsed(&event_loop), 2);
    assert!(!slow.done() && slow.cancelling() == 0);
    run_dry(&event_loop);
    assert_eq!(slow.result().unwrap(), 9);
}

//= SPEC.md#o-8
//= type=test
//# `gather` MUST yield the results in the order of its arguments, MUST yield the first exception at
//# once and leave the others running, and MUST cancel all of them when it is cancelled.
#[test]
fn o8_the_first_exception_is_the_first_in_time() {
    let event_loop = virtual_loop();
    let late = failing(&event_loop, 3, "late");
    let early = failing(&event_loop, 2, "early");
    let error = finish(&event_loop, gather(vec![late.clone(), early])).unwrap_err();
    assert_eq!(error.to_string(), "early");
    run_dry(&event_loop);
    assert_eq!(late.exception().unwrap().unwrap().to_string(), "late");
}

//= SPEC.md#o-8
//= type=test
//# `gather` MUST yield the results in the order of its arguments, MUST yield the first exception at
//# once and leave the others running, and MUST cancel all of them when it is cancelled.
#[test]
fn o8_a_cancelled_member_counts_as_an_exception() {
    let event_loop = virtual_loop();
    let (slow, victim) = (worker(&event_loop, 9, 0), worker(&event_loop, 9, 0));
    let found = victim.clone();
    at(&event_loop, 2, move || assert!(found.cancel_with_message("member")));
    let gathered = gather(vec![slow.clone(), victim]);
    let task = event_loop.create_task(gathered).unwrap();
    let result = finish(&event_loop, task.clone());
    assert_eq!((message_of(&result).unwrap().as_str(), elapsed(&event_loop)), ("member", 2));
    assert_eq!(task.cancelling(), 0);
    run_dry(&event_loop);
    assert_eq!(slow.result().unwrap(), 9);
}

//= SPEC.md#o-8
//= type=test
//# `gather` MUST yield the results in the order of its arguments, MUST yield the first exception at
//# once and leave the others running, and MUST cancel all of them when it is cancelled.
#[test]
fn o8_cancelling_the_gathering_cancels_all_and_waits_for_their_end() {
    let event_loop = virtual_loop();
    let (quick, slow, done) =
        (worker(&event_loop, 9, 1), worker(&event_loop, 9, 5), worker(&event_loop, 0, 0));
    let gathered = gather(vec![quick.clone(), slow.clone(), done.clone()]);
    let outer = event_loop.create_task(gathered).unwrap();
    let victim = outer.clone();
    at(&event_loop, 2, move || assert!(victim.cancel_with_message("all")));
    run_dry(&event_loop);
    assert_eq!(message_of(&outer.result().map_err(Exception::from)).unwrap(), "all");
    assert!(quick.cancelled() && slow.cancelled());
    assert_eq!(done.result().unwrap(), 0);
    assert_eq!(elapsed(&event_loop), 7);
    assert_eq!([quick.cancelling(), slow.cancelling(), done.cancelling()], [1, 1, 0]);
}

//= SPEC.md#o-8
//= type=test
//# `gather` MUST yield the results in the order of its arguments, MUST yield the first exception at
//# once and leave the others running, and MUST cancel all of them when it is cancelled.
#[test]
fn o8_a_cancelled_gathering_is_cancelled_whatever_its_members_make_of_it() {
    let event_loop = virtual_loop();
    let stubborn = event_loop
        .create_task(async {
            assert!(sleep(secs(9)).await.is_err());
            Ok(3)
        })
        .unwrap();
    let outer = event_loop.create_task(gather(vec![stubborn.clone()])).unwrap();
    turns(&event_loop, 1);
    outer.cancel();
    run_dry(&event_loop);
    assert!(outer.cancelled());
    assert_eq!(stubborn.result().unwrap(), 3);
}

//= SPEC.md#o-8
//= type=test
//# `gather` MUST yield the results in the order of its arguments, MUST yield the first exception at
//# once and leave the others running, and MUST cancel all of them when it is cancelled.
#[test]
fn o8_a_gathering_that_is_cancelled_before_its_members_began_runs_none_of_them() {
    let event_loop = virtual_loop();
    let outer = event_loop
        .create_task(async {
            let local = get_running_loop()?;
            let member = || -> Result<Task<()>, Exception> {
                local.create_task(async { unreachable!("cancelled before it began") })
            };
            let members = vec![member()?, member()?];
            current_task().unwrap().cancel();
            gather(members).await
        })
        .unwrap();
    run_dry(&event_loop);
    assert!(matches!(outer.result(), Err(ResultError::Cancelled(_))));
}

//= SPEC.md#o-8
//= type=test
//# `gather` MUST yield the results in the order of its arguments, MUST yield the first exception at
//# once and leave the others running, and MUST cancel all of them when it is cancelled.
#[test]
fn o8_a_gathering_in_a_timeout_times_out_when_all_have_ended() {
    let event_loop = virtual_loop();
    let members = vec![worker(&event_loop, 9, 1), worker(&event_loop, 9, 3)];
    let result = finish(&event_loop, timeout(secs(2), gather(members.clone())));
    assert_eq!((kind(&result), elapsed(&event_loop)), ("timeout", 5));
    assert!(members.iter().all(Task::cancelled));
}

//= SPEC.md#o-8
//= type=test
//# `gather` MUST yield the results in the order of its arguments, MUST yield the first exception at
//# once and leave the others running, and MUST cancel all of them when it is cancelled.
#[test]
fn o8_a_failure_that_came_after_the_first_is_reported_if_nobody_looks() {
    let event_loop = virtual_loop();
    let reports = record_reports(&event_loop);
    let members = vec![failing(&event_loop, 2, "first"), failing(&event_loop, 3, "second")];
    let error = finish(&event_loop, gather(members)).unwrap_err();
    assert_eq!(error.to_string(), "first");
    run_dry(&event_loop);
    let reports = reports.entries();
    assert_eq!(reports.len(), 1, "{reports:?}");
    assert_eq!(reports[0].exception.as_ref().unwrap().to_string(), "second");
}
