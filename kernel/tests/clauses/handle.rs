//! Chapter H: cancelling callbacks.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::Duration;

use loopgate::{
    EventLoop, Handle, ThreadsafeHandle, ThreadsafeTimerHandle, TimerHandle, get_running_loop,
};

use crate::support::Log;
use crate::wakeup::{GUARD, LoopThread, OnDrop, elsewhere, guarded, real_loop, virtual_loop};

const NOW: Option<Duration> = Some(Duration::ZERO);

/// One callback scheduled in each of the four ways.
struct Four {
    local: Handle,
    posted: ThreadsafeHandle,
    timer: TimerHandle,
    posted_timer: ThreadsafeTimerHandle,
}

impl Four {
    fn schedule(
        event_loop: &EventLoop,
        callback: impl Fn() + Clone + Send + 'static,
        delay: Duration,
    ) -> Four {
        let handle = event_loop.handle();
        Four {
            local: event_loop.call_soon(callback.clone()).unwrap(),
            posted: handle.call_soon_threadsafe(callback.clone()).unwrap(),
            timer: event_loop.call_later(delay, callback.clone()).unwrap(),
            posted_timer: handle.call_later_threadsafe(delay, callback).unwrap(),
        }
    }

    fn cancel(&self) -> [bool; 4] {
        [self.local.cancel(), self.posted.cancel(), self.timer.cancel(), self.posted_timer.cancel()]
    }

    fn cancelled(&self) -> [bool; 4] {
        [
            self.local.cancelled(),
            self.posted.cancelled(),
            self.timer.cancelled(),
            self.posted_timer.cancelled(),
        ]
    }
}

//= SPEC.md#h-1
//= type=test
//# A handle that was cancelled before its callback began MUST never run it.
#[test]
fn h1_a_cancelled_callback_never_runs() {
    let event_loop = virtual_loop();
    let four = Four::schedule(&event_loop, || unreachable!("cancelled"), Duration::from_secs(1));
    assert_eq!(four.cancel(), [true; 4]);
    event_loop.call_later(Duration::from_secs(2), || get_running_loop().unwrap().stop()).unwrap();
    event_loop.run_forever().unwrap();
    assert_eq!(four.cancelled(), [true; 4]);
}

//= SPEC.md#h-1
//= type=test
//# A handle that was cancelled before its callback began MUST never run it.
#[test]
fn h1_cancelled_by_an_earlier_callback_of_its_own_batch() {
    let event_loop = virtual_loop();
    let victims = Rc::new(RefCell::new(None::<Four>));
    let (killer, told) = (Rc::clone(&victims), Rc::new(Cell::new([false; 4])));
    let tell = Rc::clone(&told);
    event_loop
        .call_soon(move || tell.set(killer.borrow().as_ref().map(Four::cancel).unwrap()))
        .unwrap();
    let four = Four::schedule(&event_loop, || unreachable!("cancelled"), Duration::ZERO);
    victims.replace(Some(four));
    // One iteration: all four are in the batch of the callback that cancels them.
    let _turn = event_loop.run_once(NOW).unwrap();
    assert_eq!(told.get(), [true; 4]);
    let _turn = event_loop.run_once(NOW).unwrap();
}

//= SPEC.md#h-1
//= type=test
//# A handle that was cancelled before its callback began MUST never run it.
#[test]
fn h1_cancelled_by_another_thread_while_its_batch_runs() {
    let event_loop = real_loop();
    let (handles, victim) = mpsc::channel::<ThreadsafeHandle>();
    event_loop
        .call_soon(move || {
            let victim = victim.recv().unwrap();
            assert!(elsewhere(move || victim.cancel()));
        })
        .unwrap();
    let in_batch = event_loop.handle().call_soon_threadsafe(|| unreachable!("cancelled")).unwrap();
    handles.send(in_batch.clone()).unwrap();
    let _turn = event_loop.run_once(NOW).unwrap();
    assert!(in_batch.cancelled());
}

//= SPEC.md#h-2
//= type=test
//# Cancelling a handle MUST drop its callback, with everything the callback owns, before the call
//# returns.
#[test]
fn h2_cancel_drops_the_callback_before_it_returns() {
    let event_loop = virtual_loop();
    let owned = Arc::new(());
    let owns = Arc::clone(&owned);
    let callback = move || drop(Arc::clone(&owns));
    let century = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    let four = Four::schedule(&event_loop, callback, century);
    assert_eq!(Arc::strong_count(&owned), 5);
    assert!(four.local.cancel());
    assert_eq!(Arc::strong_count(&owned), 4);
    assert!(elsewhere(|| four.posted.cancel()));
    assert_eq!(Arc::strong_count(&owned), 3);
    assert!(four.timer.cancel());
    assert_eq!(Arc::strong_count(&owned), 2);
    assert!(elsewhere(|| four.posted_timer.cancel()));
    assert_eq!(Arc::strong_count(&owned), 1);
}

//= SPEC.md#h-2
//= type=test
//# Cancelling a handle MUST drop its callback, with everything the callback owns, before the call
//# returns.
#[test]
fn h2_what_the_callback_owns_is_dropped_with_nothing_held() {
    guarded(|| {
        let event_loop = virtual_loop();
        let seen = Arc::new(AtomicUsize::new(0));
        for round in 0..2 {
            let (slots, slot) = mpsc::channel::<ThreadsafeHandle>();
            let count = Arc::clone(&seen);
            let owned = OnDrop(move || {
                // Its own handle again, and the loop: a lock that is held would never be free.
                let own = slot.recv().unwrap();
                assert!(own.cancelled() && !own.cancel());
                count.fetch_add(1, Ordering::SeqCst);
            });
            let posted = event_loop.handle().call_soon_threadsafe(move || drop(owned)).unwrap();
            slots.send(posted.clone()).unwrap();
            if round == 0 {
                assert!(posted.cancel());
            } else {
                assert!(elsewhere(|| posted.cancel()));
            }
        }
        let (slot, count) = (Rc::new(RefCell::new(None::<Handle>)), Arc::clone(&seen));
        let own = Rc::clone(&slot);
        let owned = OnDrop(move || {
            let own = own.take().unwrap();
            assert!(own.cancelled() && !own.cancel());
            count.fetch_add(1, Ordering::SeqCst);
        });
        let local = event_loop.call_soon(move || drop(owned)).unwrap();
        slot.replace(Some(local.clone()));
        assert!(local.cancel());
        assert_eq!(seen.load(Ordering::SeqCst), 3);
    });
}

//= SPEC.md#h-3
//= type=test
//# Cancelling a handle MUST be idempotent, and MUST return whether this call prevented the
//# callback.
#[test]
fn h3_the_first_cancel_is_told_that_it_prevented_the_callback() {
    let event_loop = virtual_loop();
    let four = Four::schedule(&event_loop, || unreachable!("cancelled"), Duration::from_secs(1));
    assert_eq!(four.cancelled(), [false; 4]);
    assert_eq!(four.cancel(), [true; 4]);
    for _ in 0..2 {
        assert_eq!(four.cancel(), [false; 4]);
        assert_eq!(four.cancelled(), [true; 4]);
    }
    assert!(!four.local.clone().cancel(), "a clone is the same handle");
}

//= SPEC.md#h-3
//= type=test
//# Cancelling a handle MUST be idempotent, and MUST return whether this call prevented the
//# callback.
#[test]
fn h3_a_cancel_that_comes_too_late_prevents_nothing() {
    let event_loop = virtual_loop();
    let runs = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&runs);
    let callback = move || _ = count.fetch_add(1, Ordering::SeqCst);
    let four = Four::schedule(&event_loop, callback, Duration::ZERO);
    let _turn = event_loop.run_once(NOW).unwrap();
    assert_eq!(runs.load(Ordering::SeqCst), 4);
    assert_eq!(four.cancel(), [false; 4]);
    assert_eq!(four.cancelled(), [false; 4], "it ran");
}

//= SPEC.md#h-3
//= type=test
//# Cancelling a handle MUST be idempotent, and MUST return whether this call prevented the
//# callback.
#[test]
fn h3_a_running_callback_cannot_prevent_itself() {
    let event_loop = virtual_loop();
    let log = Log::default();
    let (slot, noted) = (Rc::new(RefCell::new(None::<Handle>)), log.clone());
    let own = Rc::clone(&slot);
    let local = event_loop
        .call_soon(move || {
            let own = own.borrow().clone().unwrap();
            noted.note((own.cancel(), own.cancelled()));
        })
        .unwrap();
    slot.replace(Some(local));
    let _turn = event_loop.run_once(NOW).unwrap();
    assert_eq!(log.entries(), [(false, false)]);
}

//= SPEC.md#h-1
//= type=test
//# A handle that was cancelled before its callback began MUST never run it.
//= SPEC.md#h-3
//= type=test
//# Cancelling a handle MUST be idempotent, and MUST return whether this call prevented the
//# callback.
#[test]
fn h3_of_racing_cancels_and_the_run_exactly_one_wins() {
    let running = LoopThread::start();
    let (mut ran_ever, mut prevented_ever) = (0, 0);
    for round in 0..1_500 {
        let runs = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&runs);
        let callback = move || _ = count.fetch_add(1, Ordering::SeqCst);
        let contested = running.handle.call_soon_threadsafe(callback).unwrap();
        let begin = Barrier::new(2);
        let prevented = thread::scope(|scope| {
            let racer = scope.spawn(|| {
                begin.wait();
                usize::from(contested.cancel())
            });
            begin.wait();
            for _ in 0..(round * 13) % 200 {
                std::hint::spin_loop();
            }
            usize::from(contested.cancel()) + racer.join().unwrap()
        });
        // The callback's turn is over once a later one had its own.
        let (turns, turn) = mpsc::channel();
        running.handle.call_soon_threadsafe(move || turns.send(()).unwrap()).unwrap();
        turn.recv_timeout(GUARD).unwrap();
        let ran = runs.load(Ordering::SeqCst);
        assert_eq!(ran + prevented, 1, "ran {ran} times, prevented by {prevented}");
        assert_eq!(contested.cancelled(), prevented == 1);
        ran_ever += ran;
        prevented_ever += prevented;
    }
    running.stop();
    assert_eq!(ran_ever + prevented_ever, 1_500);
}

//= SPEC.md#h-4
//= type=test
//# Cancelling a handle whose callback is running MUST NOT wait for it.
#[test]
fn h4_cancel_returns_while_the_callback_runs() {
    guarded(|| {
        let event_loop = real_loop();
        let (handles, own_handle) = mpsc::channel::<ThreadsafeHandle>();
        let told = Arc::new(AtomicUsize::new(0));
        let tell = Arc::clone(&told);
        let callback = move || {
            let own = own_handle.recv().unwrap();
            // Waits for its canceller: were that to wait for the callback, both would wait for ever.
            let (prevented, cancelled) = elsewhere(move || (own.cancel(), own.cancelled()));
            assert!(!prevented && !cancelled);
            tell.fetch_add(1, Ordering::SeqCst);
        };
        let handle = event_loop.handle();
        let posted = handle.call_soon_threadsafe(callback).unwrap();
        handles.send(posted).unwrap();
        let _turn = event_loop.run_once(NOW).unwrap();
        assert_eq!(told.load(Ordering::SeqCst), 1);
    });
}

//= SPEC.md#h-4
//= type=test
//# Cancelling a handle whose callback is running MUST NOT wait for it.
#[test]
fn h4_cancel_of_a_timer_returns_while_it_runs() {
    guarded(|| {
        let event_loop = real_loop();
        let (handles, own_handle) = mpsc::channel::<ThreadsafeTimerHandle>();
        let callback = move || {
            let own = own_handle.recv().unwrap();
            assert!(!elsewhere(move || own.cancel()));
            get_running_loop().unwrap().stop();
        };
        let timer = event_loop.handle().call_later_threadsafe(Duration::ZERO, callback).unwrap();
        handles.send(timer).unwrap();
        event_loop.run_forever().unwrap();
    });
}

/// Something large, or aligned as no word is; those that there are, are counted.
struct Cargo<T>(T, Rc<Cell<i32>>);

impl<T> Cargo<T> {
    /// So that a closure owns all of it.
    fn get(&self) -> &T {
        &self.0
    }
}

impl<T> Drop for Cargo<T> {
    fn drop(&mut self) {
        self.1.set(self.1.get() - 1);
    }
}

#[derive(Clone, Copy)]
#[repr(align(64))]
struct Aligned(u8);

/// Callbacks that own such a value: each third is cancelled, the others are called.
fn call_or_cancel<T: Copy + 'static>(value: T, is_whole: fn(&T) -> bool) {
    let event_loop = virtual_loop();
    let (alive, called) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let schedule = || {
        alive.set(alive.get() + 1);
        let (cargo, called) = (Cargo(value, Rc::clone(&alive)), Rc::clone(&called));
        let callback = move || {
            let value = cargo.get();
            assert!(is_whole(value) && (&raw const *value).is_aligned());
            called.set(called.get() + 1);
        };
        event_loop.call_soon(callback).unwrap()
    };
    let handles: Vec<_> = (0..48).map(|_| schedule()).collect();
    let cancelled: Vec<_> = handles.iter().step_by(3).map(Handle::cancel).collect();
    assert_eq!(cancelled, [true; 16]);
    assert_eq!((alive.get(), called.get()), (32, 0));
    let _turn = event_loop.run_once(NOW).unwrap();
    assert_eq!((alive.get(), called.get()), (0, 32));
    let cancelled = handles.iter().enumerate().all(|(i, h)| h.cancelled() == (i % 3 == 0));
    assert!(cancelled && !handles.iter().any(Handle::cancel));
}

//= SPEC.md#h-2
//= type=test
//# Cancelling a handle MUST drop its callback, with everything the callback owns, before the call
//# returns.
//= SPEC.md#q-5
//= type=test
//# An accepted callback that is not cancelled MUST run exactly once if the loop goes on to run.
#[test]
fn h2_callbacks_of_every_size_and_alignment() {
    call_or_cancel((), |()| true);
    call_or_cancel(7_u8, |value| *value == 7);
    call_or_cancel(7_usize, |value| *value == 7);
    call_or_cancel([7_usize; 2], |value| *value == [7; 2]);
    call_or_cancel([7_usize; 3], |value| *value == [7; 3]);
    call_or_cancel([7_usize; 40], |value| *value == [7; 40]);
    call_or_cancel(7_u128, |value| *value == 7);
    call_or_cancel(Aligned(7), |value| value.0 == 7);
}

//= SPEC.md#h-1
//= type=test
//# A handle that was cancelled before its callback began MUST never run it.
//= SPEC.md#h-3
//= type=test
//# Cancelling a handle MUST be idempotent, and MUST return whether this call prevented the
//# callback.
#[test]
fn h3_a_handle_that_is_kept_answers_for_its_own_callback() {
    let event_loop = virtual_loop();
    let called = Log::default();
    let mut kept = Vec::new();
    for round in 0..100 {
        // Most handles are dropped at once, some are kept for long, their callbacks called or cancelled.
        for index in 0..7 {
            let called = called.clone();
            let callback = move || called.note((round, index));
            let handle = event_loop.call_soon(callback).unwrap();
            if index == 3 {
                kept.push(handle);
            }
        }
        let cancels = round % 2 == 1;
        if cancels {
            assert!(kept[round].cancel());
        }
        let _turn = event_loop.run_once(NOW).unwrap();
        let of_round: Vec<_> = (0..7).filter(|i| !(cancels && *i == 3)).collect();
        let called: Vec<_> = called.entries().into_iter().filter(|(r, _)| *r == round).collect();
        assert_eq!(called, of_round.iter().map(|i| (round, *i)).collect::<Vec<_>>());
        for (round, handle) in kept.iter().enumerate() {
            assert_eq!(handle.cancelled(), round % 2 == 1, "{round}");
            assert!(!handle.cancel());
        }
    }
}
