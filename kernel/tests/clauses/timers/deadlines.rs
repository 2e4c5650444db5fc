//! Clauses D-1 to D-4 and D-6: when a timer fires, and which first.

use super::*;

//= SPEC.md#d-1
//= type=test
//# A timer MUST NOT fire before its deadline by the loop's clock.
#[test]
fn d1_a_timer_fires_at_its_deadline_and_not_before() {
    let event_loop = virtual_loop();
    let log = Log::<(u64, Time)>::default();
    for nanos in [7, 1, 3, 2_000_000, 1_999_999, 999] {
        let delay = Duration::from_nanos(nanos);
        let timer = event_loop.call_later(delay, note(&log, nanos)).unwrap();
        assert_eq!(timer.when(), Time::from_nanos(nanos));
    }
    event_loop.call_later(Duration::from_secs(1), stop).unwrap();
    event_loop.run_forever().unwrap();
    let expected = [1, 3, 7, 999, 1_999_999, 2_000_000].map(|n| (n, Time::from_nanos(n)));
    assert_eq!(log.entries(), expected);
}

//= SPEC.md#d-1
//= type=test
//# A timer MUST NOT fire before its deadline by the loop's clock.
#[test]
fn d1_a_deadline_that_is_now_is_due() {
    let event_loop = virtual_loop();
    let log = Log::default();
    event_loop.call_at(event_loop.time(), note(&log, "now")).unwrap();
    let next = event_loop.time().checked_add(Duration::from_nanos(1)).unwrap();
    event_loop.call_at(next, note(&log, "in a nanosecond")).unwrap();
    let _turn = event_loop.run_once(NOW).unwrap();
    assert_eq!(log.entries(), [("now", Time::ZERO)]);
}

//= SPEC.md#d-1
//= type=test
//# A timer MUST NOT fire before its deadline by the loop's clock.
#[test]
fn d1_a_loop_woken_before_the_deadline_does_not_fire() {
    guarded(|| {
        let event_loop = virtual_loop();
        let (clock, handle) = (event_loop.clock().clone(), event_loop.handle());
        let (log, wakes) = (Log::default(), Arc::new(std::sync::atomic::AtomicUsize::new(0)));
        event_loop.call_later(Duration::from_secs(10), note(&log, ())).unwrap();
        event_loop.call_later(Duration::from_secs(11), stop).unwrap();
        let counted = Arc::clone(&wakes);
        event_loop
            .call_soon(move || {
                let own = clock.clone();
                let waker = move || {
                    for _ in 0..9 {
                        clock.sleep(Duration::from_secs(1));
                        let counted = Arc::clone(&counted);
                        let count =
                            move || _ = counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                        handle.call_soon_threadsafe(count).unwrap();
                    }
                };
                own.spawn("waker", waker).map(drop).unwrap();
            })
            .unwrap();
        event_loop.run_forever().unwrap();
        assert_eq!(wakes.load(std::sync::atomic::Ordering::SeqCst), 9);
        assert_eq!(log.entries(), [((), Time::from_nanos(10_000_000_000))]);
    });
}

//= SPEC.md#d-1
//= type=test
//# A timer MUST NOT fire before its deadline by the loop's clock.
#[test]
fn d1_on_the_real_clock_a_poll_is_rounded_up() {
    let event_loop = real_loop();
    for micros in [1, 300, 999, 1_000, 1_001, 1_500, 2_999] {
        let fired = Rc::new(Cell::new(None));
        let (fire, clock) = (Rc::clone(&fired), event_loop.clock().clone());
        let delay = Duration::from_micros(micros);
        let timer = event_loop.call_later(delay, move || fire.set(Some(clock.now()))).unwrap();
        // Rounded down, the first sleep would end with nothing due.
        let _turn = event_loop.run_once(None).unwrap();
        assert!(fired.get().expect("one sleep is enough") >= timer.when());
    }
}

//= SPEC.md#d-2
//= type=test
//# Timers with equal deadlines MUST fire in the order in which they were scheduled.
#[test]
fn d2_equal_deadlines_fire_in_the_order_of_scheduling() {
    let event_loop = virtual_loop();
    let handle = event_loop.handle();
    let order = Arc::new(std::sync::Mutex::new(Vec::new()));
    let second = Duration::from_secs(1);
    for number in 0..300 {
        let order = Arc::clone(&order);
        let note = move || order.lock().unwrap().push(number);
        // Four ways to the same moment; other moments between them keep the heap busy.
        match number % 4 {
            0 => drop(event_loop.call_later(second, note).unwrap()),
            1 => drop(event_loop.call_at(Time::ZERO.checked_add(second).unwrap(), note).unwrap()),
            2 => drop(handle.call_later_threadsafe(second, note).unwrap()),
            _ => drop(elsewhere(|| handle.call_later_threadsafe(second, note).unwrap())),
        }
        let other = Duration::from_millis(500 + 7 * (number * 31 % 200));
        event_loop.call_later(other, || {}).unwrap().cancel();
        event_loop.call_later(other, || {}).unwrap();
    }
    event_loop.call_later(Duration::from_secs(5), stop).unwrap();
    event_loop.run_forever().unwrap();
    assert_eq!(*order.lock().unwrap(), (0..300).collect::<Vec<_>>());
}

//= SPEC.md#d-2
//= type=test
//# Timers with equal deadlines MUST fire in the order in which they were scheduled.
#[test]
fn d2_ties_that_are_overdue_keep_their_order_too() {
    let event_loop = virtual_loop();
    let log = Log::default();
    event_loop.clock().sleep(Duration::from_secs(9));
    for number in 0..5 {
        event_loop.call_at(Time::from_nanos(5), note(&log, number)).unwrap();
    }
    event_loop.call_at(Time::from_nanos(4), note(&log, -1)).unwrap();
    let _turn = event_loop.run_once(NOW).unwrap();
    let order: Vec<_> = log.entries().into_iter().map(|(number, _)| number).collect();
    assert_eq!(order, [-1, 0, 1, 2, 3, 4]);
}

//= SPEC.md#d-3
//= type=test
//# A deadline beyond the clock's range MUST be refused with an error that changes nothing.
#[test]
fn d3_a_deadline_beyond_the_range_is_refused_and_changes_nothing() {
    let event_loop = virtual_loop();
    let (handle, before) = (event_loop.handle(), census(&event_loop));
    event_loop.clock().sleep(Duration::from_nanos(10));
    let owned = Arc::new(());
    let callback = || {
        let owned = Arc::clone(&owned);
        move || unreachable!("refused: {owned:?}")
    };
    let too_far = Duration::from_nanos(u64::MAX - 9);
    for delay in [too_far, Duration::from_secs(u64::MAX), Duration::MAX] {
        let refused: Exception = event_loop.call_later(delay, callback()).unwrap_err();
        assert!(refused.is::<DeadlineOverflow>());
        let refused = elsewhere(|| handle.call_later_threadsafe(delay, callback())).unwrap_err();
        assert!(refused.is::<DeadlineOverflow>());
        assert_eq!(Arc::strong_count(&owned), 1, "dropped at once");
        let slept = event_loop.run_until_complete(sleep(delay)).unwrap_err();
        assert!(slept.is::<DeadlineOverflow>());
    }
    assert_eq!(census(&event_loop), before);
    assert_eq!(event_loop.poll_timeout(), None);
    let last = event_loop.call_later(Duration::from_nanos(u64::MAX - 10), || {}).unwrap();
    assert_eq!(last.when(), Time::from_nanos(u64::MAX));
}

//= SPEC.md#d-3
//= type=test
//# A deadline beyond the clock's range MUST be refused with an error that changes nothing.
#[test]
fn d3_the_last_moment_of_the_range_can_be_waited_for() {
    let event_loop = virtual_loop();
    let log = Log::default();
    event_loop.call_at(Time::from_nanos(u64::MAX), note(&log, ())).unwrap();
    event_loop.call_at(Time::from_nanos(u64::MAX), stop).unwrap();
    event_loop.run_forever().unwrap();
    assert_eq!(log.entries(), [((), Time::from_nanos(u64::MAX))]);
}

//= SPEC.md#d-4
//= type=test
//# A timer that is due but is cancelled by an earlier callback of its batch MUST NOT run.
#[test]
fn d4_a_due_timer_that_its_batch_cancels_does_not_run() {
    let event_loop = virtual_loop();
    let second = Duration::from_secs(1);
    let victims: Rc<Cell<Option<(TimerHandle, ThreadsafeTimerHandle)>>> = Rc::default();
    let told = Rc::new(Cell::new(None));
    let (killer, tell) = (Rc::clone(&victims), Rc::clone(&told));
    event_loop
        .call_later(second, move || {
            let (local, posted) = killer.take().unwrap();
            tell.set(Some((local.cancel(), posted.cancel())));
        })
        .unwrap();
    let local = event_loop.call_later(second, || unreachable!("cancelled")).unwrap();
    let posted = event_loop.handle().call_later_threadsafe(second, || unreachable!("cancelled"));
    victims.set(Some((local, posted.unwrap())));
    event_loop.call_later(second, stop).unwrap();
    event_loop.run_forever().unwrap();
    assert_eq!(told.get(), Some((true, true)));
}

//= SPEC.md#d-6
//= type=test
//# A deadline that has passed when a timer is set MUST make it due in the next iteration, and never
//# run it inside the call.
#[test]
fn d6_a_past_deadline_is_due_in_the_next_iteration() {
    let event_loop = virtual_loop();
    event_loop.clock().sleep(Duration::from_secs(5));
    let log = Log::default();
    event_loop.call_at(Time::from_nanos(1), note(&log, "past")).unwrap();
    event_loop.call_later(Duration::ZERO, note(&log, "no delay")).unwrap();
    assert!(log.entries().is_empty(), "not inside the call");
    assert_eq!(event_loop.poll_timeout(), Some(Duration::ZERO));
    // The sleep is no sleep, although nothing is queued and there is no limit.
    let _turn = event_loop.run_once(None).unwrap();
    let now = Time::from_nanos(5_000_000_000);
    assert_eq!(log.entries(), [("past", now), ("no delay", now)]);
}

//= SPEC.md#d-6
//= type=test
//# A deadline that has passed when a timer is set MUST make it due in the next iteration, and never
//# run it inside the call.
#[test]
fn d6_a_past_deadline_set_by_a_callback_waits_for_the_next_iteration() {
    let event_loop = virtual_loop();
    let log = Log::default();
    let noted = log.clone();
    event_loop
        .call_soon(move || {
            let local = get_running_loop().unwrap();
            local.call_at(Time::ZERO, note(&noted, "timer")).unwrap();
            note(&noted, "inside")();
        })
        .unwrap();
    event_loop.call_soon(note(&log, "of the batch")).unwrap();
    let _turn = event_loop.run_once(NOW).unwrap();
    let names = || log.entries().into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names(), ["inside", "of the batch"]);
    let _turn = event_loop.run_once(NOW).unwrap();
    assert_eq!(names(), ["inside", "of the batch", "timer"]);
}
