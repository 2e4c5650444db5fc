//! The clocks of a loop: virtual and real.

use super::*;

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
