//! Clauses O-1 and O-2: a timeout that expires, alone and beside a cancel from elsewhere.

use super::*;

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
