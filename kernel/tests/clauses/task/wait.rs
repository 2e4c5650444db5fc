//! Clause T-18: letting time pass, and letting others go first.

use std::cell::RefCell;
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use loopgate::checkers::census;
use loopgate::{
    DeadlineOverflow, EventLoop, Exception, NoRunningLoop, Sleep, get_running_loop, sleep,
    yield_now,
};

use super::{run_dry, secs, turns};
use crate::support::{Log, virtual_loop};

//= SPEC.md#t-18
//= type=test
//# `sleep` MUST end not before its delay, and when cancelled MUST withdraw its timer; `yield_now`
//# MUST let everything that is queued run first.
#[test]
fn t18_sleep_ends_when_its_delay_has_passed_and_not_before() {
    for nanos in [1, 999, 1_000_000, 3_600_000_000_000] {
        let delay = Duration::from_nanos(nanos);
        let event_loop = virtual_loop();
        let task = event_loop.create_task(sleep(delay)).unwrap();
        turns(&event_loop, 3);
        assert!(!task.done());
        assert_eq!(event_loop.poll_timeout(), Some(delay));
        run_dry(&event_loop);
        task.result().unwrap();
        assert_eq!(event_loop.time().as_nanos(), nanos);
    }
}

//= SPEC.md#t-18
//= type=test
//# `sleep` MUST end not before its delay, and when cancelled MUST withdraw its timer; `yield_now`
//# MUST let everything that is queued run first.
#[test]
fn t18_sleep_is_never_early_by_the_real_clock() {
    let event_loop = EventLoop::new().unwrap();
    for delay in [1, 1_000, 999_999, 2_500_000].map(Duration::from_nanos) {
        let slept = event_loop
            .run_until_complete(async move {
                let local = get_running_loop()?;
                let begin = local.time();
                sleep(delay).await?;
                Ok(local.time().saturating_since(begin))
            })
            .unwrap();
        assert!(slept >= delay, "{slept:?} for {delay:?}");
    }
}

//= SPEC.md#t-18
//= type=test
//# `sleep` MUST end not before its delay, and when cancelled MUST withdraw its timer; `yield_now`
//# MUST let everything that is queued run first.
#[test]
fn t18_the_delay_counts_from_the_first_await() {
    let event_loop = virtual_loop();
    event_loop
        .run_until_complete(async {
            let made_early = sleep(secs(2));
            sleep(secs(5)).await?;
            made_early.await
        })
        .unwrap();
    assert_eq!(u128::from(event_loop.time().as_nanos()), secs(7).as_nanos());
}

//= SPEC.md#t-18
//= type=test
//# `sleep` MUST end not before its delay, and when cancelled MUST withdraw its timer; `yield_now`
//# MUST let everything that is queued run first.
#[test]
fn t18_equal_sleeps_end_in_the_order_in_which_they_began() {
    let event_loop = virtual_loop();
    let log = Log::default();
    for number in 0..5 {
        let noted = log.clone();
        let sleeper = async move { sleep(secs(1)).await.map(|()| noted.note(number)) };
        let _task = event_loop.create_task(sleeper).unwrap();
    }
    run_dry(&event_loop);
    assert_eq!(log.entries(), [0, 1, 2, 3, 4]);
}

//= SPEC.md#t-18
//= type=test
//# `sleep` MUST end not before its delay, and when cancelled MUST withdraw its timer; `yield_now`
//# MUST let everything that is queued run first.
#[test]
fn t18_a_cancelled_sleep_withdraws_its_timer() {
    let event_loop = virtual_loop();
    let task = event_loop.create_task(sleep(secs(3600))).unwrap();
    turns(&event_loop, 1);
    assert_eq!(census(&event_loop).timers, 1);
    task.cancel();
    turns(&event_loop, 1);
    assert!(task.cancelled());
    assert_eq!(event_loop.poll_timeout(), None, "nothing is waited for");
    assert_eq!(census(&event_loop).timers, 0);
}

//= SPEC.md#t-18
//= type=test
//# `sleep` MUST end not before its delay, and when cancelled MUST withdraw its timer; `yield_now`
//# MUST let everything that is queued run first.
#[test]
fn t18_a_dropped_sleep_withdraws_its_timer() {
    let event_loop = virtual_loop();
    let kept: Rc<RefCell<Option<Pin<Box<Sleep>>>>> = Rc::default();
    let filled = Rc::clone(&kept);
    let task = event_loop
        .create_task(std::future::poll_fn(move |cx| {
            let mut sleeping = Box::pin(sleep(secs(3600)));
            assert!(sleeping.as_mut().poll(cx).is_pending());
            // One is dropped within the step, the other one outside.
            let mut short = pin!(sleep(secs(1)));
            assert!(short.as_mut().poll(cx).is_pending());
            filled.replace(Some(sleeping));
            Poll::Ready(Ok::<(), Exception>(()))
        }))
        .unwrap();
    turns(&event_loop, 1);
    task.result().unwrap();
    assert_eq!(event_loop.poll_timeout(), Some(secs(3600)));
    kept.take();
    assert_eq!(event_loop.poll_timeout(), None);
}

//= SPEC.md#t-18
//= type=test
//# `sleep` MUST end not before its delay, and when cancelled MUST withdraw its timer; `yield_now`
//# MUST let everything that is queued run first.
#[test]
fn t18_a_sleep_beyond_the_clock_is_an_error_and_sets_no_timer() {
    let event_loop = virtual_loop();
    let error = event_loop.run_until_complete(sleep(Duration::MAX)).unwrap_err();
    assert!(error.is::<DeadlineOverflow>());
    assert_eq!(census(&event_loop).timers, 0);
}

//= SPEC.md#t-18
//= type=test
//# `sleep` MUST end not before its delay, and when cancelled MUST withdraw its timer; `yield_now`
//# MUST let everything that is queued run first.
#[test]
fn t18_without_a_running_loop_a_sleep_is_an_error() {
    let _not_running = virtual_loop();
    let mut sleeping = pin!(sleep(secs(1)));
    match sleeping.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Err(error)) => assert!(error.is::<NoRunningLoop>()),
        other => panic!("{other:?}"),
    }
}

/// What runs while a task waits by `wait`, which everything that is queued must precede.
fn runs_after_everything(wait: fn() -> Pin<Box<dyn Future<Output = Result<(), Exception>>>>) {
    let event_loop = virtual_loop();
    let log = Log::default();
    let note = |entry| {
        let log = log.clone();
        move || log.note(entry)
    };
    let (begin, end) = (note("begin"), note("end"));
    let task = event_loop
        .create_task(async move {
            begin();
            // Posted by another thread before the wait.
            let handle = get_running_loop()?.handle();
            std::thread::spawn(move || handle.call_soon_threadsafe(|| {})).join().unwrap()?;
            wait().await?;
            end();
            Ok(())
        })
        .unwrap();
    event_loop.call_soon(note("queued callback")).unwrap();
    let step = note("queued step");
    let _other = event_loop
        .create_task(async move {
            let _: () = step();
            Ok(())
        })
        .unwrap();
    turns(&event_loop, 1);
    assert_eq!(log.entries(), ["begin", "queued callback", "queued step"]);
    event_loop.call_soon(note("behind it")).unwrap();
    turns(&event_loop, 1);
    assert_eq!(log.entries()[3..], ["end", "behind it"], "one trip through the queue");
    task.result().unwrap();
    assert_eq!(event_loop.time().as_nanos(), 0);
}

//= SPEC.md#t-18
//= type=test
//# `sleep` MUST end not before its delay, and when cancelled MUST withdraw its timer; `yield_now`
//# MUST let everything that is queued run first.
#[test]
fn t18_yield_now_lets_everything_that_is_queued_go_first() {
    runs_after_everything(|| Box::pin(yield_now()));
}

//= SPEC.md#t-18
//= type=test
//# `sleep` MUST end not before its delay, and when cancelled MUST withdraw its timer; `yield_now`
//# MUST let everything that is queued run first.
#[test]
fn t18_a_sleep_of_nothing_is_a_yield() {
    runs_after_everything(|| Box::pin(sleep(Duration::ZERO)));
}

//= SPEC.md#t-18
//= type=test
//# `sleep` MUST end not before its delay, and when cancelled MUST withdraw its timer; `yield_now`
//# MUST let everything that is queued run first.
#[test]
fn t18_yield_now_lets_posts_of_other_threads_go_first() {
    let event_loop = virtual_loop();
    let order = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let noted = std::sync::Arc::clone(&order);
    event_loop
        .run_until_complete(async move {
            let handle = get_running_loop()?.handle();
            let posted = std::sync::Arc::clone(&noted);
            let post =
                move || handle.call_soon_threadsafe(move || posted.lock().unwrap().push("post"));
            std::thread::spawn(post).join().unwrap()?;
            yield_now().await?;
            noted.lock().unwrap().push("end");
            Ok(())
        })
        .unwrap();
    assert_eq!(*order.lock().unwrap(), ["post", "end"]);
}

//= SPEC.md#t-18
//= type=test
//# `sleep` MUST end not before its delay, and when cancelled MUST withdraw its timer; `yield_now`
//# MUST let everything that is queued run first.
#[test]
fn t18_tasks_that_yield_take_turns() {
    let event_loop = virtual_loop();
    let log = Log::default();
    for name in ["a", "b"] {
        let noted = log.clone();
        let _task = event_loop
            .create_task(async move {
                for round in 0..3 {
                    noted.note((name, round));
                    yield_now().await?;
                }
                Ok(())
            })
            .unwrap();
    }
    run_dry(&event_loop);
    let expected = [("a", 0), ("b", 0), ("a", 1), ("b", 1), ("a", 2), ("b", 2)];
    assert_eq!(log.entries(), expected);
}

//= SPEC.md#t-18
//= type=test
//# `sleep` MUST end not before its delay, and when cancelled MUST withdraw its timer; `yield_now`
//# MUST let everything that is queued run first.
#[test]
fn t18_a_yield_lets_each_of_the_others_run_once_and_then_ends() {
    let event_loop = virtual_loop();
    for _ in 0..7 {
        event_loop.call_soon(|| {}).unwrap();
    }
    turns(&event_loop, 1);
    let task = event_loop.create_task(yield_now()).unwrap();
    let log = Log::default();
    for name in ["one", "another"] {
        let noted = log.clone();
        event_loop.call_soon(move || noted.note(name)).unwrap();
    }
    turns(&event_loop, 1);
    assert!(!task.done());
    assert_eq!(log.entries(), ["one", "another"]);
    turns(&event_loop, 1);
    assert!(task.done(), "its turn has come");
}
