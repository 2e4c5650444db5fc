//! Clause T-6: several awaitables at once, and such as are gone.

use super::*;

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

//= SPEC.md#t-6
//= type=test
//# A cancel MUST be delivered at the kernel awaitable that the task is suspended on, which then yields
//# `Err(Cancelled)` with the message.
#[test]
fn t6_what_a_task_that_ended_awaited_is_the_next_tasks_if_it_awaits_it_and_else_nobodys() {
    for index in 0..movables(&virtual_loop()).len() {
        for moves in [true, false] {
            let event_loop = virtual_loop();
            let (name, awaitable, is_cancelled) = movables(&event_loop).swap_remove(index);
            let shared = Rc::new(RefCell::new(awaitable));
            let (begun, taken) = (Rc::clone(&shared), Rc::clone(&shared));
            // It ends without having been suspended, and leaves its awaitable as it is.
            let first = event_loop
                .create_task(std::future::poll_fn(move |cx| {
                    assert!(begun.borrow_mut().as_mut().poll(cx).is_pending());
                    Poll::Ready(Ok(()))
                }))
                .unwrap();
            finish(&event_loop, first).unwrap();
            let second = event_loop
                .create_task(async move {
                    if moves {
                        let polled = |cx: &mut Context<'_>| taken.borrow_mut().as_mut().poll(cx);
                        Ok(message_of(&std::future::poll_fn(polled).await))
                    } else {
                        Ok(message_of(&sleep(secs(9)).await))
                    }
                })
                .unwrap();
            turns(&event_loop, 2);
            second.cancel_with_message("second");
            let told = finish(&event_loop, second).unwrap();
            assert_eq!(told.as_deref(), Some("second"), "{name}");
            assert_eq!(is_cancelled(), moves, "{name}");
        }
    }
}

//= SPEC.md#t-6
//= type=test
//# A cancel MUST be delivered at the kernel awaitable that the task is suspended on, which then yields
//# `Err(Cancelled)` with the message.
#[test]
fn t6_a_cancel_that_a_task_left_behind_is_not_the_next_tasks() {
    let ends: [fn() -> Result<(), Exception>; 3] =
        [|| Ok(()), || Err(Oops.into()), || std::panic::resume_unwind(Box::new("oops"))];
    for end in ends {
        let event_loop = virtual_loop();
        let first = event_loop
            .create_task(async move {
                current_task().unwrap().cancel();
                end()
            })
            .unwrap();
        turns(&event_loop, 2);
        assert!(first.done());
        _ = first.exception();
        let second = event_loop.create_task(async { sleep(secs(1)).await }).unwrap();
        finish(&event_loop, second).unwrap();
    }
}
