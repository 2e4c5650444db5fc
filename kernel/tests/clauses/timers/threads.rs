//! Clause D-7: timers that other threads set.

use super::*;

//= SPEC.md#d-7
//= type=test
//# `call_later_threadsafe` MUST count its delay from the call, wake the loop if needed, and return
//# a handle that any thread may cancel.
#[test]
fn d7_the_delay_counts_from_the_call() {
    let event_loop = virtual_loop();
    let (clock, handle) = (event_loop.clock().clone(), event_loop.handle());
    let fired = Arc::new(std::sync::Mutex::new(None));
    let fire = {
        let (fired, clock) = (Arc::clone(&fired), clock.clone());
        move || *fired.lock().unwrap() = Some(clock.now())
    };
    let timer = elsewhere(|| handle.call_later_threadsafe(Duration::from_secs(5), fire).unwrap());
    assert_eq!(timer.when(), Time::from_nanos(5_000_000_000));
    // The loop comes to look three seconds later.
    clock.sleep(Duration::from_secs(3));
    event_loop.call_later(Duration::from_secs(10), stop).unwrap();
    event_loop.run_forever().unwrap();
    assert_eq!(*fired.lock().unwrap(), Some(timer.when()));
}

/// Has a thread of the loop's clock set a timer while the loop sleeps, and runs until that fires.
fn set_while_asleep(
    event_loop: &EventLoop,
    set: impl FnOnce(&LoopHandle, &Clock) + Send + 'static,
) -> Time {
    let (clock, handle) = (event_loop.clock().clone(), event_loop.handle());
    event_loop
        .call_soon(move || {
            let own = clock.clone();
            let setter = move || {
                // Returns when the loop is asleep as well.
                clock.sleep(Duration::from_secs(1));
                set(&handle, &clock);
            };
            own.spawn("setter", setter).map(drop).unwrap();
        })
        .unwrap();
    event_loop.run_forever().unwrap();
    event_loop.time()
}

//= SPEC.md#d-7
//= type=test
//# `call_later_threadsafe` MUST count its delay from the call, wake the loop if needed, and return
//# a handle that any thread may cancel.
#[test]
fn d7_a_loop_that_sleeps_without_end_is_woken_for_it() {
    guarded(|| {
        let ended = set_while_asleep(&virtual_loop(), |handle, _| {
            handle.call_later_threadsafe(Duration::from_secs(2), stop).unwrap();
        });
        assert_eq!(ended, Time::from_nanos(3_000_000_000));
    });
}

//= SPEC.md#d-7
//= type=test
//# `call_later_threadsafe` MUST count its delay from the call, wake the loop if needed, and return
//# a handle that any thread may cancel.
#[test]
fn d7_a_loop_that_sleeps_too_long_is_woken_for_it() {
    guarded(|| {
        let event_loop = virtual_loop();
        event_loop.call_later(Duration::from_secs(100), || unreachable!("too late")).unwrap();
        let ended = set_while_asleep(&event_loop, |handle, _| {
            handle.call_later_threadsafe(Duration::from_secs(2), stop).unwrap();
        });
        assert_eq!(ended, Time::from_nanos(3_000_000_000));
    });
}

//= SPEC.md#d-7
//= type=test
//# `call_later_threadsafe` MUST count its delay from the call, wake the loop if needed, and return
//# a handle that any thread may cancel.
#[test]
fn d7_on_the_real_clock_a_sleeping_loop_is_woken_for_it() {
    let running = LoopThread::start();
    let (answers, answer) = mpsc::channel();
    for round in 0..200 {
        let answers = answers.clone();
        let callback = move || answers.send(round).unwrap();
        running.handle.call_later_threadsafe(Duration::from_micros(round), callback).unwrap();
        assert_eq!(answer.recv_timeout(GUARD), Ok(round));
    }
    running.stop();
}

//= SPEC.md#d-7
//= type=test
//# `call_later_threadsafe` MUST count its delay from the call, wake the loop if needed, and return
//# a handle that any thread may cancel.
#[test]
fn d7_any_thread_may_cancel_it() {
    guarded(|| {
        let event_loop = virtual_loop();
        set_while_asleep(&event_loop, |handle, clock| {
            let second = Duration::from_secs(1);
            let timer = handle.call_later_threadsafe(second, || unreachable!("cancelled")).unwrap();
            let again = timer.clone();
            let canceller = clock.spawn("canceller", move || assert!(again.cancel())).unwrap();
            canceller.join().unwrap();
            assert!(timer.cancelled() && !timer.cancel());
            handle.call_later_threadsafe(2 * second, stop).unwrap();
        });
    });
}
