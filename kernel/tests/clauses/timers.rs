//! Chapter D: deadlines.

use std::cell::Cell;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use loopgate::checkers::census;
use loopgate::{
    Clock, DeadlineOverflow, EventLoop, Exception, LoopHandle, ThreadsafeTimerHandle, Time,
    TimerHandle, Turn, get_running_loop, sleep,
};

use crate::support::Log;
use crate::wakeup::{GUARD, LoopThread, elsewhere, guarded, real_loop, virtual_loop};

const NOW: Option<Duration> = Some(Duration::ZERO);

fn stop() {
    get_running_loop().unwrap().stop();
}

/// A callback that notes `entry` and the moment.
fn note<T: Clone + 'static>(log: &Log<(T, Time)>, entry: T) -> impl FnOnce() + 'static + use<T> {
    let log = log.clone();
    move || log.note((entry, get_running_loop().unwrap().time()))
}

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

/// Shorter heaps are not swept more often than one of this length.
const SHORTEST: usize = 64;

//= SPEC.md#d-5
//= type=test
//# A cancelled timer MUST be purged from the heap after at most as many insertions and iterations
//# as the heap then had timers, or 64, at a cost that is amortised over these.
#[test]
fn d5_cancelled_timers_are_purged_while_timers_come_and_go() {
    let event_loop = virtual_loop();
    let handle = event_loop.handle();
    for live in [0, 1, 100, 1_000] {
        let kept: Vec<_> = (0..live)
            .map(|number| event_loop.call_later(Duration::from_secs(1 + number), || {}).unwrap())
            .collect();
        // Some end before those that stay, most after; the loop never has a turn.
        for number in 0..20_000 {
            let delay = Duration::from_millis(number % 5_000);
            match number % 2 {
                0 => assert!(event_loop.call_later(delay, || {}).unwrap().cancel()),
                _ => assert!(handle.call_later_threadsafe(delay, || {}).unwrap().cancel()),
            }
            // Those that were cancelled before the last sweep are gone, and it was not long ago.
            let held = census(&event_loop).timers;
            assert!(held <= 2 * kept.len() + 2 * SHORTEST, "{held} for {live} live ones");
        }
        for timer in kept {
            timer.cancel();
        }
        let _turn = event_loop.run_once(NOW).unwrap();
    }
}

//= SPEC.md#d-5
//= type=test
//# A cancelled timer MUST be purged from the heap after at most as many insertions and iterations
//# as the heap then had timers, or 64, at a cost that is amortised over these.
#[test]
fn d5_many_cancels_at_once_are_purged_in_time() {
    let far = Duration::from_secs(1_000);
    // Whether the heap was larger once, how many are cancelled, and which steps pay for the sweep.
    for (before, cancelled) in [(0, 1), (0, 63), (0, 500), (2_000, 1), (2_000, 100), (300, 2_000)] {
        for (inserting, iterating) in [(true, false), (false, true), (true, true)] {
            let event_loop = virtual_loop();
            // The one that stays is the first to come, so the husks are not at the top of the heap.
            event_loop.call_later(far, || {}).unwrap();
            let timers: Vec<_> =
                (0..cancelled).map(|_| event_loop.call_later(2 * far, || {}).unwrap()).collect();
            for _ in 0..before {
                event_loop.call_later(Duration::ZERO, || {}).unwrap();
            }
            let _turn = event_loop.run_once(NOW).unwrap();
            assert_eq!(census(&event_loop).timers, 1 + cancelled);
            assert!(timers.iter().all(TimerHandle::cancel));
            let mut live = 1;
            for step in 0..SHORTEST.max(census(&event_loop).timers) {
                if inserting && (!iterating || step % 3 == 0) {
                    event_loop.call_later(far, || {}).unwrap();
                    live += 1;
                } else {
                    let _turn = event_loop.run_once(NOW).unwrap();
                }
            }
            let held = census(&event_loop).timers;
            assert_eq!(
                held, live,
                "{before} before, {cancelled} cancelled, {inserting} {iterating}"
            );
        }
    }
}

//= SPEC.md#d-5
//= type=test
//# A cancelled timer MUST be purged from the heap after at most as many insertions and iterations
//# as the heap then had timers, or 64, at a cost that is amortised over these.
#[test]
fn d5_a_sweep_takes_cancelled_timers_and_no_others() {
    let event_loop = virtual_loop();
    let log = Log::default();
    let mut cancelled = Vec::new();
    for number in 0..1_000 {
        let delay = Duration::from_secs(1 + (number * 617) % 1_000);
        let timer = event_loop.call_later(delay, note(&log, 1 + (number * 617) % 1_000)).unwrap();
        if number % 3 == 0 {
            cancelled.push(timer);
        }
    }
    assert!(cancelled.iter().all(TimerHandle::cancel));
    let live = 1_000 - cancelled.len();
    for _ in 0..5_000 {
        assert!(event_loop.call_later(Duration::ZERO, || {}).unwrap().cancel());
    }
    event_loop.call_later(Duration::from_secs(2_000), stop).unwrap();
    event_loop.run_forever().unwrap();
    let fired = log.entries();
    assert_eq!(fired.len(), live);
    assert!(fired.windows(2).all(|pair| pair[0].0 < pair[1].0), "in order");
    assert!(fired.iter().all(|(second, at)| at.as_nanos() == second * 1_000_000_000));
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

//= SPEC.md#d-5
//= type=test
//# A cancelled timer MUST be purged from the heap after at most as many insertions and iterations
//# as the heap then had timers, or 64, at a cost that is amortised over these.
#[test]
fn d5_no_single_step_pays_for_a_whole_sweep() {
    let event_loop = virtual_loop();
    let far = Duration::from_secs(1_000);
    event_loop.call_later(far, || {}).unwrap();
    let timers: Vec<_> = (0..100).map(|_| event_loop.call_later(2 * far, || {}).unwrap()).collect();
    assert!(timers.iter().all(TimerHandle::cancel));
    // Were each insertion to look through the heap, there would be nothing left for the next one.
    let mut sweeps = 0;
    let mut held = census(&event_loop).timers;
    for _ in 0..1_000 {
        assert!(event_loop.call_later(2 * far, || {}).unwrap().cancel());
        let now = census(&event_loop).timers;
        sweeps += usize::from(now <= held);
        held = now;
    }
    assert!(sweeps <= 2 * 1_000 / SHORTEST, "{sweeps} sweeps in 1000 insertions");
}

#[test]
fn a_moment_is_shown_as_the_time_since_the_clocks_origin() {
    assert_eq!(Time::ZERO.to_string(), "0ns");
    assert_eq!(Time::from_nanos(1_500_000_000).to_string(), "1.5s");
}

// The virtual clock that these tests run on.

#[test]
fn ties_of_a_virtual_clock_go_to_whoever_blocked_first() {
    let clock = Clock::virtual_time();
    let order = Arc::new(Mutex::new(Vec::new()));
    let sleeper = |name: &'static str, naps: &'static [u64]| {
        let (clock, order) = (clock.clone(), Arc::clone(&order));
        move || {
            naps.iter().for_each(|seconds| clock.sleep(Duration::from_secs(*seconds)));
            order.lock().unwrap().push(name);
        }
    };
    let (two_naps, one_nap) = (sleeper("two naps", &[1, 1]), sleeper("one nap", &[2]));
    let starter = clock.clone();
    let director = clock.spawn("director", move || {
        let threads = [starter.spawn("a", two_naps).unwrap(), starter.spawn("b", one_nap).unwrap()];
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
    director.unwrap().join().unwrap();
    assert_eq!(*order.lock().unwrap(), ["one nap", "two naps"]);
}

#[test]
fn time_stands_still_while_a_loop_runs_that_a_descriptor_woke() {
    let event_loop = virtual_loop();
    let (reader, mut writer) = UnixStream::pair().unwrap();
    writer.write_all(&[1]).unwrap();
    let moments = Rc::new(Cell::new(None));
    let noted = Rc::clone(&moments);
    event_loop
        .add_reader(&reader, move || {
            let local = get_running_loop().unwrap();
            let (before, clock) = (local.time(), local.clock().clone());
            let sleeping = clock.clone();
            let slept = move || sleeping.sleep(Duration::from_secs(5));
            let thread = clock.spawn("sleeper", slept).unwrap();
            noted.set(Some((before, local.time())));
            thread.join().unwrap();
            assert_eq!(local.time().saturating_since(before), Duration::from_secs(5));
        })
        .unwrap();
    let _turn = event_loop.run_once(None).unwrap();
    let (before, after) = moments.get().expect("the descriptor was ready");
    assert_eq!(before, after);
}

#[test]
fn a_post_to_a_loop_that_does_not_run_leaves_the_time_of_others_alone() {
    guarded(|| {
        let clock = Clock::virtual_time();
        let (go_on, may_go_on) = mpsc::channel::<LoopHandle>();
        let own = clock.clone();
        let (announces, announced) = mpsc::channel();
        let director = move || {
            announces.send(()).unwrap();
            let idle = may_go_on.recv().unwrap();
            let of_another = own.clone();
            let another = own.spawn("another loop", move || {
                let event_loop = EventLoop::with_clock(of_another.clone()).unwrap();
                event_loop.run_until_complete(sleep(Duration::from_secs(5))).unwrap();
                assert_eq!(of_another.now(), Time::from_nanos(5_000_000_000));
            });
            idle.call_soon_threadsafe(|| {}).unwrap();
            another.unwrap().join().unwrap();
        };
        // Its first block comes only when the other loop is there: so it is started by a thread.
        let starts = clock.clone();
        let started = thread::spawn(move || starts.spawn("director", director).unwrap().join());
        announced.recv().unwrap();
        let event_loop = EventLoop::with_clock(clock).unwrap();
        let _turn = event_loop.run_once(Some(Duration::ZERO)).unwrap();
        go_on.send(event_loop.handle()).unwrap();
        started.join().unwrap().unwrap();
    });
}

#[test]
fn a_loop_in_virtual_time_sleeps_until_it_is_woken() {
    let event_loop = virtual_loop();
    let handle = event_loop.handle();
    let poster = thread::spawn(move || {
        // No order depends on it; it gives a loop that does not sleep the time to be seen.
        thread::sleep(Duration::from_millis(20));
        handle.stop().unwrap();
    });
    let mut turns = 1;
    while event_loop.run_once(None).unwrap() == Turn::Continue {
        turns += 1;
    }
    assert!(turns <= 2, "{turns} turns");
    poster.join().unwrap();
}

#[test]
fn a_thread_of_one_clock_may_sleep_and_run_a_loop_on_another() {
    guarded(|| {
        let (own, other) = (Clock::virtual_time(), Clock::virtual_time());
        let (stands_still, passes) = (own.clone(), other);
        let thread = own.spawn("of its own clock", move || {
            let second = Duration::from_secs(1);
            passes.sleep(second);
            assert_eq!(passes.now(), Time::from_nanos(1_000_000_000));
            let event_loop = EventLoop::with_clock(passes.clone()).unwrap();
            event_loop.run_until_complete(sleep(second)).unwrap();
            assert_eq!(passes.now(), Time::from_nanos(2_000_000_000));
            assert_eq!(stands_still.now(), Time::ZERO);
            // And it is still a thread of its own clock.
            stands_still.sleep(second);
            assert_eq!(stands_still.now(), Time::from_nanos(1_000_000_000));
            assert_eq!(passes.now(), Time::from_nanos(2_000_000_000));
        });
        thread.unwrap().join().unwrap();
    });
}

#[test]
fn a_clock_says_of_which_kind_it_is() {
    assert!(!Clock::real().is_virtual() && Clock::virtual_time().is_virtual());
}

#[test]
fn a_loop_on_the_real_clock_sleeps_until_its_timer() {
    let event_loop = real_loop();
    event_loop.call_later(Duration::from_millis(20), stop).unwrap();
    let mut turns = 1;
    while event_loop.run_once(None).unwrap() == Turn::Continue {
        turns += 1;
    }
    assert!(turns <= 3, "{turns} turns");
}
