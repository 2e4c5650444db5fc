//! Clause D-5: timers that were cancelled.

use super::*;

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
