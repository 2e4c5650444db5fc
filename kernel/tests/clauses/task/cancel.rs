//! Clauses T-5 to T-12: what a cancel does to a task, wherever that is.

use std::any::Any;
use std::cell::{Cell, OnceCell, RefCell};
use std::future::pending;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use loopgate::{
    Cancelled, EventLoop, Exception, ResultError, Sleep, Task, concurrent, current_task, gather,
    shield, sleep, timeout, yield_now,
};

use super::{Boxed, Dropped, Oops, finish, join, message_of, run_dry, secs, turns};
use crate::support::{Log, record_reports, virtual_loop};

// ---- T-5 -----------------------------------------------------------------------------------------------

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

// ---- T-6 -----------------------------------------------------------------------------------------------

/// Every way to be suspended that the kernel offers, by name, with what must be kept alive meanwhile.
fn suspensions(event_loop: &EventLoop) -> Vec<(&'static str, Boxed<()>, Box<dyn Any>)> {
    let (loop_promise, loop_future) = event_loop.create_future::<()>();
    let (pending_promise, pending_future) = concurrent::promise::<()>();
    let (running_promise, running_future) = concurrent::promise::<()>();
    assert!(running_promise.set_running_or_notify_cancel().unwrap());
    let (wrapped_promise, wrapped) = concurrent::promise::<()>();
    assert!(wrapped_promise.set_running_or_notify_cancel().unwrap());
    let wrapped = event_loop.wrap_future(wrapped).unwrap();
    let sleeper = || event_loop.create_task(sleep(secs(3600))).unwrap();
    let (child, shielded, gathered) = (sleeper(), sleeper(), vec![sleeper(), sleeper()]);
    vec![
        ("sleep", Box::pin(sleep(secs(3600))), Box::new(())),
        ("sleep(0)", Box::pin(sleep(secs(0))), Box::new(())),
        ("yield_now", Box::pin(yield_now()), Box::new(())),
        ("loop future", Box::pin(loop_future), Box::new(loop_promise)),
        ("pending concurrent future", Box::pin(pending_future), Box::new(pending_promise)),
        ("running concurrent future", Box::pin(running_future), Box::new(running_promise)),
        ("wrapped future", Box::pin(wrapped), Box::new(wrapped_promise)),
        ("task", Box::pin(child), Box::new(())),
        ("shield", Box::pin(shield(shielded.clone())), Box::new(shielded)),
        ("gather", Box::pin(async { gather(gathered).await.map(drop) }), Box::new(())),
        ("timeout", Box::pin(timeout(secs(7200), sleep(secs(3600)))), Box::new(())),
        ("foreign in a timeout", Box::pin(timeout(secs(7200), pending())), Box::new(())),
    ]
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

/// A task that takes its time when it is cancelled; it notes how that went.
fn slow_to_end(event_loop: &EventLoop, log: &Log<&'static str>) -> Task<()> {
    let log = log.clone();
    event_loop
        .create_task(async move {
            let cancelled = sleep(secs(3600)).await;
            log.note("cleanup begins");
            sleep(secs(1)).await.inspect_err(|_| log.note("cleanup interrupted"))?;
            log.note("cleanup ends");
            cancelled
        })
        .unwrap()
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

/// Polls both and yields the first that is ready; the other one is dropped.
async fn first<T>(a: impl Future<Output = T>, b: impl Future<Output = T>) -> T {
    let (mut a, mut b) = (std::pin::pin!(a), std::pin::pin!(b));
    std::future::poll_fn(|cx| match a.as_mut().poll(cx) {
        Poll::Pending => b.as_mut().poll(cx),
        ready => ready,
    })
    .await
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

//= SPEC.md#t-11
//= type=test
//# A cancel that nobody received before the coroutine returned a value MUST make the task
//# cancelled; if it returned an exception the exception stands.
#[test]
fn t11_a_cancel_on_its_way_to_an_awaitable_that_is_gone_was_not_received() {
    let event_loop = virtual_loop();
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let sleeps = async { sleep(secs(9)).await.map(|()| 4) };
    let task = event_loop.create_task(first(async { Ok(receiver.await?) }, sleeps)).unwrap();
    turns(&event_loop, 1);
    sender.send(3).unwrap();
    task.cancel();
    run_dry(&event_loop);
    assert!(task.cancelled());
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

/// Has its task suspended on two sleeps at once; when it goes on it does with them as `then` says.
async fn two_sleeps<F: Future<Output = Option<String>>>(
    then: fn(Pin<Box<Sleep>>, Pin<Box<Sleep>>) -> F,
) -> Result<Option<String>, Exception> {
    let mut sleeps = Some((Box::pin(sleep(secs(9))), Box::pin(sleep(secs(9)))));
    let mut polled = false;
    std::future::poll_fn(|cx| {
        let (a, b) = sleeps.as_mut().expect("polled until it is ready");
        if std::mem::replace(&mut polled, true) {
            return Poll::Ready(());
        }
        assert!(a.as_mut().poll(cx).is_pending() && b.as_mut().poll(cx).is_pending());
        Poll::Pending
    })
    .await;
    let (a, b) = sleeps.take().expect("not taken yet");
    let message = then(a, b).await;
    // Whoever received it, nobody does again.
    yield_now().await?;
    sleep(secs(1)).await?;
    Ok(message)
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

/// One branch of a combinator, with a waker of its own.
struct Branch<T> {
    future: Pin<Box<dyn Future<Output = T>>>,
    result: Option<T>,
    woken: Arc<Woken>,
}

/// Notes that a branch was woken, and wakes the task.
struct Woken {
    flag: AtomicBool,
    task: Mutex<Option<Waker>>,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.flag.store(true, Ordering::SeqCst);
        if let Some(task) = &*self.task.lock().unwrap() {
            task.wake_by_ref();
        }
    }
}

impl<T> Branch<T> {
    fn new(future: impl Future<Output = T> + 'static) -> Branch<T> {
        let woken = Arc::new(Woken { flag: AtomicBool::new(true), task: Mutex::default() });
        Branch { future: Box::pin(future), result: None, woken }
    }

    /// Polls only if it was woken.
    fn poll(&mut self, cx: &mut Context<'_>) {
        *self.woken.task.lock().unwrap() = Some(cx.waker().clone());
        if self.result.is_some() || !self.woken.flag.swap(false, Ordering::SeqCst) {
            return;
        }
        let waker = Waker::from(Arc::clone(&self.woken));
        if let Poll::Ready(result) = self.future.as_mut().poll(&mut Context::from_waker(&waker)) {
            self.result = Some(result);
        }
    }
}

/// As `join`, but polls only the branches that were woken, as many a combinator does.
async fn join_woken<T>(
    a: impl Future<Output = T> + 'static,
    b: impl Future<Output = T> + 'static,
) -> (T, T) {
    let (mut a, mut b) = (Branch::new(a), Branch::new(b));
    std::future::poll_fn(move |cx| {
        a.poll(cx);
        b.poll(cx);
        if a.result.is_none() || b.result.is_none() {
            return Poll::Pending;
        }
        a.result.take().zip(b.result.take()).map_or(Poll::Pending, Poll::Ready)
    })
    .await
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

// ---- T-7 -----------------------------------------------------------------------------------------------

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

// ---- T-8 -----------------------------------------------------------------------------------------------

/// Starts a task and cancels it at its first await.
fn cancelled_once<T: Clone + 'static>(
    coroutine: impl Future<Output = Result<T, Exception>> + 'static,
) -> (EventLoop, Task<T>) {
    let event_loop = virtual_loop();
    let task = event_loop.create_task(coroutine).unwrap();
    turns(&event_loop, 1);
    assert!(task.cancel());
    (event_loop, task)
}

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

// ---- T-9 -----------------------------------------------------------------------------------------------

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

// ---- T-10 ----------------------------------------------------------------------------------------------

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

/// Two tasks that wait for each other in the way that `how` says.
fn a_cycle(how: fn(Task<()>) -> Boxed<()>) {
    let event_loop = virtual_loop();
    let slots: [Rc<OnceCell<Task<()>>>; 2] = Default::default();
    for (index, slot) in slots.iter().enumerate() {
        let other = Rc::clone(&slots[1 - index]);
        let task = event_loop.create_task(async move { how(other.get().unwrap().clone()).await });
        slot.set(task.unwrap()).unwrap();
    }
    turns(&event_loop, 2);
    let tasks = slots.map(|slot| slot.get().unwrap().clone());
    assert!(tasks[0].cancel());
    run_dry(&event_loop);
    assert!(tasks.iter().all(Task::cancelled), "{tasks:?}");
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

// ---- T-11 ----------------------------------------------------------------------------------------------

//= SPEC.md#t-11
//= type=test
//# A cancel that nobody received before the coroutine returned a value MUST make the task
//# cancelled; if it returned an exception the exception stands.
#[test]
fn t11_a_value_after_an_unreceived_cancel_is_a_cancelled_task() {
    let event_loop = virtual_loop();
    let task = event_loop
        .create_task(async {
            current_task().unwrap().cancel_with_message("late");
            Ok(3)
        })
        .unwrap();
    run_dry(&event_loop);
    assert!(task.cancelled());
    assert_eq!(message_of(&task.result().map_err(Exception::from)).unwrap(), "late");
}

//= SPEC.md#t-11
//= type=test
//# A cancel that nobody received before the coroutine returned a value MUST make the task
//# cancelled; if it returned an exception the exception stands.
#[test]
fn t11_an_exception_after_an_unreceived_cancel_stands() {
    let event_loop = virtual_loop();
    let task = event_loop
        .create_task(async {
            current_task().unwrap().cancel();
            Err::<(), _>(Oops.into())
        })
        .unwrap();
    let panics: Task<()> = event_loop
        .create_task(async {
            current_task().unwrap().cancel();
            panic!("on purpose")
        })
        .unwrap();
    run_dry(&event_loop);
    assert!(task.exception().unwrap().unwrap().is::<Oops>());
    assert_eq!(panics.exception().unwrap().unwrap().panic_message(), Some("on purpose"));
}

//= SPEC.md#t-11
//= type=test
//# A cancel that nobody received before the coroutine returned a value MUST make the task
//# cancelled; if it returned an exception the exception stands.
#[test]
fn t11_a_cancel_in_the_iteration_of_the_value_cancels() {
    let event_loop = virtual_loop();
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let task = event_loop.create_task(async move { Ok(receiver.await?) }).unwrap();
    turns(&event_loop, 1);
    sender.send(3).unwrap();
    assert!(task.cancel(), "the value is there, but no step has seen it");
    run_dry(&event_loop);
    assert!(task.cancelled());
}

//= SPEC.md#t-11
//= type=test
//# A cancel that nobody received before the coroutine returned a value MUST make the task
//# cancelled; if it returned an exception the exception stands.
#[test]
fn t11_a_received_cancel_does_not_count_again() {
    let event_loop = virtual_loop();
    let task = event_loop
        .create_task(async {
            current_task().unwrap().cancel();
            assert!(yield_now().await.is_err());
            Ok(3)
        })
        .unwrap();
    run_dry(&event_loop);
    assert_eq!(task.result().unwrap(), 3);
}

// ---- T-12 ----------------------------------------------------------------------------------------------

//= SPEC.md#t-12
//= type=test
//# `uncancel` MUST lower `cancelling`, not below zero, and at zero MUST withdraw a cancel that was
//# not yet delivered.
#[test]
fn t12_uncancel_counts_down_to_zero_and_no_further() {
    let event_loop = virtual_loop();
    let task = event_loop.create_task(sleep(secs(1))).unwrap();
    assert_eq!(task.uncancel(), 0);
    task.cancel();
    task.cancel();
    assert_eq!((task.uncancel(), task.cancelling()), (1, 1));
    assert_eq!((task.uncancel(), task.cancelling()), (0, 0));
    assert_eq!((task.uncancel(), task.cancelling()), (0, 0));
    task.cancel();
    assert_eq!(task.cancelling(), 1, "no debt is carried over");
}

//= SPEC.md#t-12
//= type=test
//# `uncancel` MUST lower `cancelling`, not below zero, and at zero MUST withdraw a cancel that was
//# not yet delivered.
#[test]
fn t12_at_zero_a_task_that_has_not_begun_begins_after_all() {
    let event_loop = virtual_loop();
    let task = event_loop
        .create_task(async {
            sleep(secs(1)).await?;
            Ok(3)
        })
        .unwrap();
    task.cancel();
    task.cancel();
    task.uncancel();
    task.uncancel();
    run_dry(&event_loop);
    assert_eq!(task.result().unwrap(), 3);
}

//= SPEC.md#t-12
//= type=test
//# `uncancel` MUST lower `cancelling`, not below zero, and at zero MUST withdraw a cancel that was
//# not yet delivered.
#[test]
fn t12_above_zero_the_cancel_is_still_delivered() {
    let event_loop = virtual_loop();
    let task = event_loop.create_task(async { Ok(3) }).unwrap();
    task.cancel_with_message("first");
    task.cancel_with_message("second");
    assert_eq!(task.uncancel(), 1);
    run_dry(&event_loop);
    assert!(task.cancelled());
    assert_eq!(message_of(&task.result().map_err(Exception::from)).unwrap(), "first");
}

/// A task that runs `body` with a handle on itself.
fn with_itself<F>(event_loop: &EventLoop, body: impl FnOnce(Task<i32>) -> F + 'static) -> Task<i32>
where
    F: Future<Output = Result<i32, Exception>> + 'static,
{
    let slot: Rc<OnceCell<Task<i32>>> = Rc::default();
    let known = Rc::clone(&slot);
    let task =
        event_loop.create_task(async move { body(known.get().unwrap().clone()).await }).unwrap();
    slot.set(task.clone()).unwrap();
    task
}

//= SPEC.md#t-12
//= type=test
//# `uncancel` MUST lower `cancelling`, not below zero, and at zero MUST withdraw a cancel that was
//# not yet delivered.
#[test]
fn t12_a_cancel_taken_back_in_the_same_step_is_not_received() {
    let event_loop = virtual_loop();
    let goes_on = with_itself(&event_loop, |me| async move {
        me.cancel();
        assert_eq!(me.uncancel(), 0);
        yield_now().await?;
        sleep(secs(1)).await?;
        Ok(3)
    });
    let returns = with_itself(&event_loop, |me| async move {
        me.cancel();
        me.uncancel();
        Ok(4)
    });
    run_dry(&event_loop);
    assert_eq!(goes_on.result().unwrap(), 3);
    assert_eq!(returns.result().unwrap(), 4);
}

//= SPEC.md#t-12
//= type=test
//# `uncancel` MUST lower `cancelling`, not below zero, and at zero MUST withdraw a cancel that was
//# not yet delivered.
#[test]
fn t12_a_cancel_taken_back_before_the_step_leaves_a_foreign_await_alone() {
    let event_loop = virtual_loop();
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let task = event_loop.create_task(async move { Ok(receiver.await?) }).unwrap();
    turns(&event_loop, 1);
    task.cancel();
    assert_eq!(task.uncancel(), 0);
    turns(&event_loop, 2);
    assert!(!task.done());
    sender.send(3).unwrap();
    run_dry(&event_loop);
    assert_eq!(task.result().unwrap(), 3);
}

//= SPEC.md#t-12
//= type=test
//# `uncancel` MUST lower `cancelling`, not below zero, and at zero MUST withdraw a cancel that was
//# not yet delivered.
#[test]
fn t12_a_cancel_taken_back_leaves_a_foreign_await_in_a_timeout_alone() {
    let event_loop = virtual_loop();
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let limited = timeout(secs(9), timeout(secs(8), async move { Ok(receiver.await?) }));
    let task = event_loop.create_task(limited).unwrap();
    turns(&event_loop, 1);
    task.cancel();
    assert_eq!(task.uncancel(), 0);
    turns(&event_loop, 2);
    assert!(!task.done());
    sender.send(3).unwrap();
    run_dry(&event_loop);
    assert_eq!(task.result().unwrap(), 3);
}

//= SPEC.md#t-12
//= type=test
//# `uncancel` MUST lower `cancelling`, not below zero, and at zero MUST withdraw a cancel that was
//# not yet delivered.
#[test]
fn t12_running_work_is_awaited_on_if_the_cancel_is_taken_back_in_time() {
    let event_loop = virtual_loop();
    let (promise, future) = concurrent::promise();
    assert!(promise.set_running_or_notify_cancel().unwrap());
    let task = event_loop.create_task(future).unwrap();
    turns(&event_loop, 1);
    task.cancel();
    task.uncancel();
    turns(&event_loop, 2);
    assert!(!task.done());
    promise.set_result(3).unwrap();
    run_dry(&event_loop);
    assert_eq!(task.result().unwrap(), 3);
}

//= SPEC.md#t-12
//= type=test
//# `uncancel` MUST lower `cancelling`, not below zero, and at zero MUST withdraw a cancel that was
//# not yet delivered.
#[test]
fn t12_uncancel_revives_no_task_that_is_done() {
    let event_loop = virtual_loop();
    let task = event_loop.create_task(sleep(secs(1))).unwrap();
    task.cancel();
    run_dry(&event_loop);
    assert_eq!(task.uncancel(), 0);
    run_dry(&event_loop);
    assert!(matches!(task.result(), Err(ResultError::Cancelled(_))));
}

//= SPEC.md#t-12
//= type=test
//# `uncancel` MUST lower `cancelling`, not below zero, and at zero MUST withdraw a cancel that was
//# not yet delivered.
#[test]
fn t12_uncancel_does_not_touch_a_future_that_is_cancelled_already() {
    let event_loop = virtual_loop();
    let (_promise, future) = event_loop.create_future::<()>();
    let kept = future.clone();
    let task = event_loop.create_task(future).unwrap();
    turns(&event_loop, 1);
    task.cancel();
    task.uncancel();
    run_dry(&event_loop);
    assert!(kept.cancelled() && task.cancelled());
    assert_eq!(task.cancelling(), 0);
}

// ---- What the mutants of the cancel ports got past -------------------------------------------------------

/// An awaitable that is pending, and whether what is behind it has been cancelled.
type Movable = (&'static str, Boxed<()>, Box<dyn Fn() -> bool>);

fn movables(event_loop: &EventLoop) -> Vec<Movable> {
    let (loop_promise, loop_future) = event_loop.create_future::<()>();
    let (promise, future) = concurrent::promise::<()>();
    let task = event_loop.create_task(sleep(secs(3600))).unwrap();
    let (loop_awaited, awaited, joined) = (loop_future.clone(), future.clone(), task.clone());
    vec![
        (
            "loop future",
            Box::pin(loop_awaited),
            Box::new(move || {
                let _kept = &loop_promise;
                loop_future.cancelled()
            }),
        ),
        (
            "concurrent future",
            Box::pin(awaited),
            Box::new(move || {
                let _kept = &promise;
                future.cancelled()
            }),
        ),
        ("task", Box::pin(joined), Box::new(move || task.cancelled())),
    ]
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

//= SPEC.md#t-12
//= type=test
//# `uncancel` MUST lower `cancelling`, not below zero, and at zero MUST withdraw a cancel that was
//# not yet delivered.
#[test]
fn t12_a_reference_without_a_type_counts_as_the_task_does() {
    let event_loop = virtual_loop();
    let task = event_loop.create_task(sleep(secs(9))).unwrap();
    let reference = event_loop.all_tasks().swap_remove(0);
    assert_eq!(reference.cancelling(), 0);
    for requests in 1..=3 {
        assert!(reference.cancel());
        assert_eq!((reference.cancelling(), task.cancelling()), (requests, requests));
    }
    for left in [2, 1, 0, 0] {
        assert_eq!(reference.uncancel(), left);
        assert_eq!((reference.cancelling(), task.cancelling()), (left, left));
    }
    run_dry(&event_loop);
    task.result().unwrap();
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

//= SPEC.md#t-11
//= type=test
//# A cancel that nobody received before the coroutine returned a value MUST make the task
//# cancelled; if it returned an exception the exception stands.
#[test]
fn t11_what_became_ready_by_itself_received_no_cancel() {
    for as_task in [false, true] {
        let event_loop = virtual_loop();
        let (promise, future) = event_loop.create_future::<i32>();
        let ready: Boxed<i32> = if as_task {
            Box::pin(event_loop.create_task(future).unwrap())
        } else {
            Box::pin(future)
        };
        let sleeps = async { sleep(secs(9)).await.map(|()| 4) };
        let task = event_loop.create_task(first(ready, sleeps)).unwrap();
        turns(&event_loop, 2);
        // The value is there before the cancel, which is on its way to the sleep alone.
        promise.set_result(3).unwrap();
        if as_task {
            turns(&event_loop, 1);
        }
        assert!(!task.done());
        task.cancel();
        run_dry(&event_loop);
        assert!(task.cancelled(), "as a task: {as_task}");
    }
}
