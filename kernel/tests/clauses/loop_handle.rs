//! Chapter G: what other threads may ask of a loop.

use std::rc::Rc;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use loopgate::{
    ConcurrentFuture, EventLoop, Exception, Handle, LocalLoop, LoopFuture, LoopHandle, LoopPromise,
    PostError, Promise, Task, TaskRef, ThreadsafeHandle, ThreadsafeTimerHandle, TimerHandle, Turn,
    get_running_loop, yield_now,
};

use crate::wakeup::{GUARD, LoopThread, elsewhere, guarded, real_loop, virtual_loop};

const NOW: Option<Duration> = Some(Duration::ZERO);

/// Two ways to have the method, if the type is `$marker`: then the call below is ambiguous.
macro_rules! assert_is_not {
    ($marker:ident: $($type:ty),*) => {{
        trait Ambiguous<A> {
            fn is_not() {}
        }
        impl<T: ?Sized> Ambiguous<()> for T {}
        impl<T: ?Sized + $marker> Ambiguous<u8> for T {}
        $(<$type as Ambiguous<_>>::is_not();)*
    }};
}

//= SPEC.md#g-1
//= type=test
//# A loop handle MUST offer only operations that any thread may call.
#[test]
fn g1_only_what_any_thread_may_use_can_cross_threads() {
    fn crosses<T: Send + Sync>() {}
    crosses::<LoopHandle>();
    crosses::<ThreadsafeHandle>();
    crosses::<ThreadsafeTimerHandle>();
    crosses::<ConcurrentFuture<u8>>();
    crosses::<Promise<u8>>();
    crosses::<Exception>();
    // Compiles only while none of these is.
    assert_is_not!(Send: EventLoop, LocalLoop, Task<u8>, TaskRef, LoopFuture<u8>, LoopPromise<u8>);
    assert_is_not!(Sync: EventLoop, LocalLoop, Task<u8>, TaskRef, LoopFuture<u8>, LoopPromise<u8>);
    assert_is_not!(Send: Handle, TimerHandle);
    assert_is_not!(Sync: Handle, TimerHandle);
}

//= SPEC.md#g-1
//= type=test
//# A loop handle MUST offer only operations that any thread may call.
#[test]
fn g1_a_handle_names_its_loop_and_does_not_keep_it_open() {
    let (one, other) = (virtual_loop(), virtual_loop());
    let handle = one.handle();
    assert_eq!(handle, one.handle());
    assert_eq!(handle.clone(), handle);
    assert_ne!(handle, other.handle());
    assert_eq!(handle.clock().now(), one.time());
    drop(one);
    assert!(handle.is_closed());
}

//= SPEC.md#g-2
//= type=test
//# `stop` from any thread MUST wake the loop and MUST end the run after the batch in which it is
//# reached.
#[test]
fn g2_stop_ends_an_endless_sleep() {
    guarded(|| {
        let event_loop = virtual_loop();
        let (clock, handle) = (event_loop.clock().clone(), event_loop.handle());
        event_loop
            .call_soon(move || {
                let own = clock.clone();
                let stopper = move || {
                    // Returns when the loop is asleep as well.
                    clock.sleep(Duration::from_secs(1));
                    handle.stop().unwrap();
                };
                own.spawn("stopper", stopper).map(drop).unwrap();
            })
            .unwrap();
        event_loop.run_forever().unwrap();
    });
}

//= SPEC.md#g-2
//= type=test
//# `stop` from any thread MUST wake the loop and MUST end the run after the batch in which it is
//# reached.
#[test]
fn g2_stop_wakes_a_loop_however_it_races_its_sleep() {
    for _ in 0..200 {
        LoopThread::start().stop();
    }
}

//= SPEC.md#g-2
//= type=test
//# `stop` from any thread MUST wake the loop and MUST end the run after the batch in which it is
//# reached.
#[test]
fn g2_stop_ends_the_run_after_the_batch_in_which_it_is_reached() {
    let event_loop = virtual_loop();
    let (handle, log) = (event_loop.handle(), Arc::new(Mutex::new(Vec::new())));
    let note = |name: &'static str| {
        let log = Arc::clone(&log);
        move || log.lock().unwrap().push(name)
    };
    let (before, after, late) = (note("posted before"), note("posted after"), note("late"));
    let (noted, scheduled) = (note("the stop is posted"), note("scheduled by its batch"));
    event_loop
        .call_soon(move || {
            noted();
            elsewhere(|| {
                handle.call_soon_threadsafe(before).unwrap();
                handle.stop().unwrap();
                let schedule = move || {
                    after();
                    get_running_loop().unwrap().call_soon(scheduled).unwrap();
                };
                handle.call_soon_threadsafe(schedule).unwrap();
            });
            get_running_loop().unwrap().call_soon(late).unwrap();
        })
        .unwrap();
    event_loop.run_forever().unwrap();
    let expected = ["the stop is posted", "posted before", "posted after", "late"];
    assert_eq!(*log.lock().unwrap(), expected);
    assert_eq!(event_loop.run_once(NOW).unwrap(), Turn::Continue, "the stop is consumed");
    assert_eq!(log.lock().unwrap().last(), Some(&"scheduled by its batch"));
}

//= SPEC.md#g-2
//= type=test
//# `stop` from any thread MUST wake the loop and MUST end the run after the batch in which it is
//# reached.
#[test]
fn g2_what_the_stopping_thread_posted_before_runs_first() {
    for round in 0..300 {
        let running = LoopThread::start();
        let (runs, ran) = mpsc::channel();
        for number in 0..round % 20 {
            let runs = runs.clone();
            running.handle.call_soon_threadsafe(move || runs.send(number).unwrap()).unwrap();
        }
        running.stop();
        assert_eq!(ran.try_iter().count(), round % 20);
    }
}

//= SPEC.md#g-2
//= type=test
//# `stop` from any thread MUST wake the loop and MUST end the run after the batch in which it is
//# reached.
#[test]
fn g2_stop_ends_a_run_until_complete() {
    let event_loop = virtual_loop();
    let handle = event_loop.handle();
    let stopped = event_loop.run_until_complete(async move {
        elsewhere(|| handle.stop().unwrap());
        loop {
            yield_now().await?;
        }
        #[expect(unreachable_code, reason = "gives the coroutine its type")]
        Ok(())
    });
    let error = stopped.unwrap_err();
    let reason = error.downcast_ref::<loopgate::RunError>();
    assert!(matches!(reason, Some(loopgate::RunError::StoppedBeforeDone)));
}

//= SPEC.md#g-3
//= type=test
//# `is_running` and `is_closed` MUST answer for the moment of the call, from any thread.
#[test]
fn g3_the_answers_are_those_of_the_moment() {
    guarded(|| {
        let event_loop = Rc::new(real_loop());
        let handle = event_loop.handle();
        let ask = {
            let handle = handle.clone();
            move || elsewhere(|| (handle.is_running(), handle.is_closed()))
        };
        assert_eq!(ask(), (false, false));
        assert!(!event_loop.is_running() && !event_loop.is_closed());
        let answers = Rc::new(std::cell::RefCell::new(Vec::new()));
        let (inside, noted) = (ask.clone(), Rc::clone(&answers));
        let in_run = move || {
            let local = get_running_loop().unwrap();
            assert!(local.is_running() && !local.is_closed());
            noted.borrow_mut().push(inside());
            local.stop();
        };
        event_loop.call_soon(in_run.clone()).unwrap();
        event_loop.run_forever().unwrap();
        assert_eq!(ask(), (false, false));
        event_loop.call_soon(in_run.clone()).unwrap();
        assert_eq!(event_loop.run_once(NOW).unwrap(), Turn::Stop);
        assert_eq!(ask(), (false, false));
        let inside = in_run.clone();
        let stopped = event_loop.run_until_complete(async move {
            inside();
            Ok(())
        });
        stopped.unwrap();
        assert_eq!(ask(), (false, false));
        // A run that an exit request ends is over as well, and so is one that is refused.
        event_loop.call_soon(|| loopgate::ExitRequest::default().raise()).unwrap();
        event_loop.run_forever().unwrap_err();
        assert_eq!(ask(), (false, false));
        let again = Rc::clone(&event_loop);
        let refused_inside = ask.clone();
        event_loop
            .call_soon(move || {
                again.run_once(NOW).unwrap_err();
                again.close().unwrap_err();
                assert_eq!(refused_inside(), (true, false));
            })
            .unwrap();
        let _turn = event_loop.run_once(NOW).unwrap();
        assert_eq!(*answers.borrow(), [(true, false); 3]);
        event_loop.close().unwrap();
        assert_eq!(ask(), (false, true));
        assert!(!event_loop.is_running() && event_loop.is_closed());
        drop(event_loop);
        assert_eq!(ask(), (false, true));
    });
}

//= SPEC.md#g-3
//= type=test
//# `is_running` and `is_closed` MUST answer for the moment of the call, from any thread.
#[test]
fn g3_a_sleeping_loop_is_running() {
    let running = LoopThread::start();
    // Its answer comes from inside the run, which then goes on.
    let (answers, answer) = mpsc::channel();
    running.handle.call_soon_threadsafe(move || answers.send(()).unwrap()).unwrap();
    answer.recv_timeout(GUARD).unwrap();
    for _ in 0..1_000 {
        assert!(running.handle.is_running() && !running.handle.is_closed());
    }
    let handle = running.handle.clone();
    running.stop();
    assert!(!handle.is_running() && handle.is_closed());
}

//= SPEC.md#g-2
//= type=test
//# `stop` from any thread MUST wake the loop and MUST end the run after the batch in which it is
//# reached.
//= SPEC.md#s-8
//= type=test
//# After close every operation that would schedule work MUST be refused with `LoopClosed`.
#[test]
fn g2_after_close_every_request_is_refused() {
    let event_loop = virtual_loop();
    let (handle, owned) = (event_loop.handle(), Arc::new(()));
    event_loop.close().unwrap();
    elsewhere(|| {
        let work = || {
            let owned = Arc::clone(&owned);
            move || unreachable!("refused: {owned:?}")
        };
        assert!(matches!(handle.call_soon_threadsafe(work()), Err(PostError::LoopClosed)));
        for delay in [Duration::ZERO, Duration::from_secs(1), Duration::MAX] {
            let refused = handle.call_later_threadsafe(delay, work()).unwrap_err();
            assert!(matches!(refused.downcast_ref(), Some(PostError::LoopClosed)), "{refused}");
        }
        let coroutine = {
            let owned = Arc::clone(&owned);
            async move { unreachable!("refused: {owned:?}") }
        };
        let refused = handle.run_coroutine_threadsafe::<(), _>(coroutine);
        assert!(matches!(refused, Err(PostError::LoopClosed)));
        let build = {
            let owned = Arc::clone(&owned);
            move || async move { unreachable!("refused: {owned:?}") }
        };
        let refused = handle.run_coroutine_threadsafe_with::<(), _>(build);
        assert!(matches!(refused, Err(PostError::LoopClosed)));
        assert!(matches!(handle.stop(), Err(PostError::LoopClosed)));
        assert!(handle.is_closed() && !handle.is_running());
    });
    assert_eq!(Arc::strong_count(&owned), 1, "refused work is dropped");
}
