//! Clauses T-5 to T-7: where a cancel arrives.

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

//= SPEC.md#t-6
//= type=test
//# A cancel MUST be delivered at the kernel awaitable that the task is suspended on, which then
//# yields `Err(Cancelled)` with the message.
#[test]
fn t6_one_cancel_reaches_each_branch_of_a_join_once() {
    // Whichever branch is polled first: it must not take what was meant for the other.
    for child_first in [true, false] {
        for index in 0..suspensions(&virtual_loop()).len() {
            let event_loop = virtual_loop();
            let (name, branch, _kept) = suspensions(&event_loop).swap_remove(index);
            if matches!(name, "sleep(0)" | "yield_now") {
                continue; // gone with the next step: nothing that a cancel could still find
            }
            let log = Log::default();
            let child = slow_to_end(&event_loop, &log);
            let awaited = child.clone();
            let branch = async move { message_of(&branch.await) };
            let awaited = async move { message_of(&awaited.await) };
            let task = event_loop
                .create_task(async move {
                    if child_first {
                        Ok(join(awaited, branch).await)
                    } else {
                        let (branch, awaited) = join(branch, awaited).await;
                        Ok((awaited, branch))
                    }
                })
                .unwrap();
            turns(&event_loop, 2);
            assert!(task.cancel_with_message("why"));
            let told = finish(&event_loop, task.clone()).unwrap();
            let why = Some("why".to_owned());
            assert_eq!(told, (why.clone(), why), "{name}, child first: {child_first}");
            assert_eq!(log.entries(), ["cleanup begins", "cleanup ends"], "{name}");
            assert_eq!(child.cancelling(), 1, "{name}, child first: {child_first}");
        }
    }
}

//= SPEC.md#t-6
//= type=test
//# A cancel MUST be delivered at the kernel awaitable that the task is suspended on, which then
//# yields `Err(Cancelled)` with the message.
#[test]
fn t6_a_branch_that_cancels_its_own_task_reaches_the_suspended_branch() {
    for index in 0..suspensions(&virtual_loop()).len() {
        let event_loop = virtual_loop();
        let (name, branch, _kept) = suspensions(&event_loop).swap_remove(index);
        let task = event_loop
            .create_task(async move {
                let suspended = async move {
                    let message = message_of(&branch.await);
                    // It may clean up, and it was told once.
                    sleep(secs(1)).await?;
                    Ok::<_, Exception>(message)
                };
                let cancels = async { current_task().unwrap().cancel_with_message("why") };
                join(suspended, cancels).await.0
            })
            .unwrap();
        let told = finish(&event_loop, task).map_err(|error| error.to_string());
        assert_eq!(told, Ok(Some("why".to_owned())), "{name}");
    }
}

//= SPEC.md#t-6
//= type=test
//# A cancel MUST be delivered at the kernel awaitable that the task is suspended on, which then
//# yields `Err(Cancelled)` with the message.
#[test]
fn t6_an_awaitable_that_was_given_up_takes_no_cancel() {
    let event_loop = virtual_loop();
    let (promise, given_up) = event_loop.create_future::<()>();
    let kept = given_up.clone();
    let told = Rc::new(RefCell::new(None));
    let noted = Rc::clone(&told);
    let task = event_loop
        .create_task(async move {
            let mut given_up = Box::pin(given_up);
            let polled_once = std::future::poll_fn(|cx| {
                assert!(given_up.as_mut().poll(cx).is_pending());
                Poll::Ready(())
            });
            polled_once.await;
            drop(given_up);
            noted.replace(message_of(&sleep(secs(9)).await));
            Ok(())
        })
        .unwrap();
    turns(&event_loop, 1);
    task.cancel_with_message("why");
    run_dry(&event_loop);
    assert!(!kept.done(), "it is nobody's await any more");
    assert_eq!(told.borrow().as_deref(), Some("why"));
    drop(promise);
    let _ = kept.exception();
}

//= SPEC.md#t-6
//= type=test
//# A cancel MUST be delivered at the kernel awaitable that the task is suspended on, which then
//# yields `Err(Cancelled)` with the message.
#[test]
fn t6_a_cancel_on_its_way_to_an_awaitable_that_is_gone_is_yielded_by_the_next() {
    let in_scope: fn() -> Boxed<i32> =
        || Box::pin(async { timeout(secs(99), sleep(secs(9))).await.map(|()| 4) });
    let plain: fn() -> Boxed<i32> = || Box::pin(async { sleep(secs(9)).await.map(|()| 4) });
    let foreign: fn() -> Boxed<i32> = || Box::pin(timeout(secs(99), pending()));
    for other in [plain, in_scope, foreign] {
        let event_loop = virtual_loop();
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let task = event_loop
            .create_task(async move {
                let three = first(async { Ok(receiver.await?) }, other()).await?;
                Ok((three, message_of(&sleep(secs(1)).await)))
            })
            .unwrap();
        turns(&event_loop, 1);
        // The value comes in the iteration of the cancel, and is looked at first.
        sender.send(3).unwrap();
        task.cancel_with_message("why");
        run_dry(&event_loop);
        assert_eq!(task.result().unwrap(), (3, Some("why".to_owned())));
    }
}

//= SPEC.md#t-6
//= type=test
//# A cancel MUST be delivered at the kernel awaitable that the task is suspended on, which then
//# yields `Err(Cancelled)` with the message.
#[test]
fn t6_a_cancel_that_one_branch_received_is_not_yielded_again_for_a_branch_that_is_gone() {
    let count = suspensions(&virtual_loop()).len();
    for (one, other) in (0..count).flat_map(|one| (0..count).map(move |other| (one, other))) {
        let event_loop = virtual_loop();
        let ((name, one, _kept), (other_name, other, _kept_too)) = (
            suspensions(&event_loop).swap_remove(one),
            suspensions(&event_loop).swap_remove(other),
        );
        if [name, other_name].iter().any(|name| matches!(*name, "sleep(0)" | "yield_now")) {
            continue; // ready before the cancel
        }
        let task = event_loop
            .create_task(async move {
                // The first error ends it; the other branch is dropped with the cancel on its way.
                let message = message_of(&first(one, other).await);
                yield_now().await?;
                sleep(secs(1)).await?;
                Ok(message)
            })
            .unwrap();
        turns(&event_loop, 1);
        task.cancel_with_message("why");
        let message = finish(&event_loop, task.clone()).map_err(|error| error.to_string());
        assert_eq!(message, Ok(Some("why".to_owned())), "{name} and {other_name}");
    }
}

//= SPEC.md#t-6
//= type=test
//# A cancel MUST be delivered at the kernel awaitable that the task is suspended on, which then
//# yields `Err(Cancelled)` with the message.
#[test]
fn t6_of_two_awaitables_one_may_be_gone_or_both() {
    let one_gone = |a: Pin<Box<Sleep>>, b: Pin<Box<Sleep>>| async {
        drop(a);
        message_of(&b.await)
    };
    let one_gone_late = |a: Pin<Box<Sleep>>, b: Pin<Box<Sleep>>| async {
        let message = message_of(&b.await);
        drop(a);
        message
    };
    let both_gone = |a: Pin<Box<Sleep>>, b: Pin<Box<Sleep>>| async {
        drop((a, b));
        message_of(&sleep(secs(9)).await)
    };
    let event_loop = virtual_loop();
    let tasks = [
        event_loop.create_task(two_sleeps(one_gone)).unwrap(),
        event_loop.create_task(two_sleeps(one_gone_late)).unwrap(),
        event_loop.create_task(two_sleeps(both_gone)).unwrap(),
    ];
    turns(&event_loop, 1);
    assert!(tasks.iter().all(|task| task.cancel_with_message("why")));
    run_dry(&event_loop);
    for task in tasks {
        assert_eq!(task.result().unwrap().as_deref(), Some("why"));
    }
}

//= SPEC.md#t-6
//= type=test
//# A cancel MUST be delivered at the kernel awaitable that the task is suspended on, which then
//# yields `Err(Cancelled)` with the message.
#[test]
fn t6_a_cancel_wakes_every_branch_that_it_is_for() {
    let count = suspensions(&virtual_loop()).len();
    for (one, other) in (0..count).flat_map(|one| (0..count).map(move |other| (one, other))) {
        let event_loop = virtual_loop();
        let ((name, one, _kept), (other_name, other, _kept_too)) = (
            suspensions(&event_loop).swap_remove(one),
            suspensions(&event_loop).swap_remove(other),
        );
        if [name, other_name].iter().any(|name| matches!(*name, "sleep(0)" | "yield_now")) {
            continue; // ready before the cancel
        }
        let branch = |awaitable: Boxed<()>| async move {
            let told = message_of(&awaitable.await);
            let cleanup = message_of(&sleep(secs(1)).await);
            (told, cleanup)
        };
        let joined = join_woken(branch(one), branch(other));
        let task = event_loop.create_task(async { Ok(joined.await) }).unwrap();
        turns(&event_loop, 1);
        task.cancel_with_message("why");
        let told = finish(&event_loop, task.clone()).map_err(|error| error.to_string());
        let once = (Some("why".to_owned()), None);
        assert_eq!(told, Ok((once.clone(), once)), "{name} and {other_name}");
    }
}

//= SPEC.md#t-7
//= type=test
//# A task cancelled before its first step MUST end cancelled without running a statement.
#[test]
fn t7_cancelled_before_the_first_step_runs_no_statement() {
    let event_loop = virtual_loop();
    let guard = Dropped::default();
    let (dropped, begun) = (guard.flag(), Rc::new(Cell::new(false)));
    let noted = Rc::clone(&begun);
    let task = event_loop
        .create_task(async move {
            noted.set(true);
            drop(guard);
            // Awaits nothing: nothing could yield the cancel.
            Ok(3)
        })
        .unwrap();
    assert!(task.cancel_with_message("too early"));
    run_dry(&event_loop);
    assert!(task.cancelled() && dropped.get() && !begun.get());
    assert_eq!(message_of(&task.result().map_err(Exception::from)).unwrap(), "too early");
}

//= SPEC.md#t-7
//= type=test
//# A task cancelled before its first step MUST end cancelled without running a statement.
#[test]
fn t7_cancelled_by_an_earlier_callback_of_the_same_batch() {
    let event_loop = virtual_loop();
    let slot: Rc<OnceCell<Task<()>>> = Rc::default();
    let victim = Rc::clone(&slot);
    event_loop.call_soon(move || assert!(victim.get().unwrap().cancel())).unwrap();
    let task = event_loop.create_task(async { unreachable!("cancelled before it began") }).unwrap();
    slot.set(task.clone()).unwrap();
    turns(&event_loop, 1);
    assert!(task.cancelled());
}

//= SPEC.md#t-7
//= type=test
//# A task cancelled before its first step MUST end cancelled without running a statement.
#[test]
fn t7_a_task_that_is_awaited_before_it_began_ends_cancelled_with_its_awaiter() {
    let event_loop = virtual_loop();
    let parent = event_loop
        .create_task(async {
            let local = loopgate::get_running_loop()?;
            let child: Task<()> =
                local.create_task(async { unreachable!("cancelled before it began") })?;
            current_task().unwrap().cancel();
            child.await
        })
        .unwrap();
    run_dry(&event_loop);
    assert!(parent.cancelled());
}

//= SPEC.md#t-6
//= type=test
//# A cancel MUST be delivered at the kernel awaitable that the task is suspended on, which then
//# yields `Err(Cancelled)` with the message.
#[test]
fn t6_an_awaitable_that_moved_hears_only_of_the_task_that_awaits_it_now() {
    for index in 0..movables(&virtual_loop()).len() {
        let event_loop = virtual_loop();
        let (name, awaitable, is_cancelled) = movables(&event_loop).swap_remove(index);
        let shared = Rc::new(RefCell::new(Some(awaitable)));
        let (begun, taken) = (Rc::clone(&shared), shared);
        let first = event_loop
            .create_task(async move {
                let polled_once = std::future::poll_fn(|cx| {
                    let mut awaitable = begun.borrow_mut();
                    assert!(awaitable.as_mut().unwrap().as_mut().poll(cx).is_pending());
                    Poll::Ready(())
                });
                polled_once.await;
                sleep(secs(9)).await
            })
            .unwrap();
        turns(&event_loop, 2);
        // A branch with a waker of its own is polled only if the cancel is offered to what it awaits.
        let second = event_loop
            .create_task(async move {
                let moved = taken.borrow_mut().take().unwrap();
                let others = async { message_of(&sleep(secs(99)).await) };
                Ok(join_woken(async move { message_of(&moved.await) }, others).await.0)
            })
            .unwrap();
        turns(&event_loop, 2);
        first.cancel_with_message("first");
        turns(&event_loop, 2);
        assert!(first.cancelled(), "{name}");
        assert!(!is_cancelled() && !second.done(), "{name}: it is the other's await now");
        second.cancel_with_message("second");
        let told = finish(&event_loop, second).unwrap();
        assert!(is_cancelled(), "{name}");
        assert_eq!(told.as_deref(), Some("second"), "{name}");
    }
}
