//! Clause S-10: a loop that another one drives.

use super::*;

/// A foreign event loop that drives another: outside its own runs, since runs do not nest.
struct Driver {
    outer: CheckedLoop,
    inner: CheckedLoop,
    shown: Rc<Cell<u32>>,
}

impl Driver {
    fn new(inner: CheckedLoop) -> Driver {
        let (outer, shown) = (real_loop(), Rc::new(Cell::new(0)));
        let seen = Rc::clone(&shown);
        outer.add_reader(&inner, move || seen.set(seen.get() + 1)).unwrap();
        Driver { outer, inner, shown }
    }

    /// Whether the inner loop's descriptor is readable now.
    fn readable(&self) -> bool {
        let before = self.shown.get();
        let _turn = self.outer.run_once(NOW).unwrap();
        self.shown.get() > before
    }

    /// Waits as the inner loop asks for, and gives it its turn.
    fn step(&self) {
        let _turn = self.outer.run_once(self.inner.poll_timeout()).unwrap();
        let _turn = self.inner.run_once(NOW).unwrap();
    }
}

//= SPEC.md#s-10
//= type=test
//# The loop's descriptor MUST be readable when the loop has been woken or a watched descriptor is
//# ready, so that a foreign event loop can drive it with `run_once` and `poll_timeout`.
#[test]
fn s10_the_descriptor_shows_a_post_until_the_loop_has_looked() {
    let driver = Driver::new(real_loop());
    let handle = driver.inner.handle();
    assert!(!driver.readable());
    assert_eq!(driver.inner.poll_timeout(), None);
    for _ in 0..3 {
        elsewhere(|| handle.call_soon_threadsafe(|| {}).unwrap());
        assert!(driver.readable() && driver.readable());
        assert_eq!(driver.inner.poll_timeout(), Some(Duration::ZERO));
        let _turn = driver.inner.run_once(NOW).unwrap();
        assert_eq!(driver.inner.poll_timeout(), None);
        assert!(!driver.readable(), "a foreign loop would spin");
    }
    assert_eq!(drain_pipe(&driver.inner), 0);
}

//= SPEC.md#s-10
//= type=test
//# The loop's descriptor MUST be readable when the loop has been woken or a watched descriptor is
//# ready, so that a foreign event loop can drive it with `run_once` and `poll_timeout`.
#[test]
fn s10_the_descriptor_shows_a_ready_descriptor_until_it_is_served() {
    let driver = Driver::new(real_loop());
    let (reader, mut writer) = UnixStream::pair().unwrap();
    let mut read_end = reader.try_clone().unwrap();
    let reads = Rc::new(Cell::new(0));
    let count = Rc::clone(&reads);
    let on_readable = move || {
        read_end.read_exact(&mut [0]).unwrap();
        count.set(count.get() + 1);
    };
    driver.inner.add_reader(&reader, on_readable).unwrap();
    assert!(!driver.readable());
    writer.write_all(b"abc").unwrap();
    for round in 1..=3 {
        assert!(driver.readable(), "ready still");
        let _turn = driver.inner.run_once(NOW).unwrap();
        assert_eq!(reads.get(), round);
    }
    assert!(!driver.readable());
    // Ready, but removed: nothing to show.
    writer.write_all(b"d").unwrap();
    assert!(driver.readable());
    assert!(driver.inner.remove_reader(&reader));
    assert!(!driver.readable());
}

//= SPEC.md#s-10
//= type=test
//# The loop's descriptor MUST be readable when the loop has been woken or a watched descriptor is
//# ready, so that a foreign event loop can drive it with `run_once` and `poll_timeout`.
#[test]
fn s10_poll_timeout_says_when_there_is_work() {
    let inner = virtual_loop();
    assert_eq!(inner.poll_timeout(), None);
    let timer = inner.call_later(Duration::from_secs(9), || {}).unwrap();
    let near = inner.call_later(Duration::from_secs(4), || {}).unwrap();
    assert_eq!(inner.poll_timeout(), Some(Duration::from_secs(4)));
    inner.clock().sleep(Duration::from_secs(1));
    assert_eq!(inner.poll_timeout(), Some(Duration::from_secs(3)));
    near.cancel();
    assert_eq!(inner.poll_timeout(), Some(Duration::from_secs(8)));
    inner.clock().sleep(Duration::from_secs(100));
    assert_eq!(inner.poll_timeout(), Some(Duration::ZERO), "overdue");
    timer.cancel();
    assert_eq!(inner.poll_timeout(), None);
    inner.call_soon(|| {}).unwrap();
    assert_eq!(inner.poll_timeout(), Some(Duration::ZERO));
    let _turn = inner.run_once(NOW).unwrap();
    assert_eq!(inner.poll_timeout(), None);
    inner.stop();
    assert_eq!(inner.poll_timeout(), Some(Duration::ZERO));
    let _turn = inner.run_once(NOW).unwrap();
    inner.handle().call_later_threadsafe(Duration::from_secs(1), || {}).unwrap();
    assert_eq!(inner.poll_timeout(), Some(Duration::ZERO), "mail to be looked at");
    let _turn = inner.run_once(NOW).unwrap();
    assert_eq!(inner.poll_timeout(), Some(Duration::from_secs(1)));
}

//= SPEC.md#s-10
//= type=test
//# The loop's descriptor MUST be readable when the loop has been woken or a watched descriptor is
//# ready, so that a foreign event loop can drive it with `run_once` and `poll_timeout`.
#[test]
fn s10_a_foreign_loop_drives_everything_to_its_end() {
    const POSTS: u32 = 1_000;
    guarded(|| {
        let driver = Driver::new(real_loop());
        let handle = driver.inner.handle();
        let runs = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&runs);
        let poster = thread::spawn(move || {
            for round in 0..POSTS {
                let counted = Arc::clone(&counted);
                let count = move || _ = counted.fetch_add(1, Ordering::SeqCst);
                if round.is_multiple_of(2) {
                    handle.call_soon_threadsafe(count).unwrap();
                } else {
                    let delay = Duration::from_micros(u64::from(round % 100));
                    handle.call_later_threadsafe(delay, count).unwrap();
                }
                if round.is_multiple_of(5) {
                    // The driver sleeps by now, or is about to.
                    thread::yield_now();
                }
            }
            let future = handle.run_coroutine_threadsafe_with(|| async {
                sleep(Duration::from_millis(1)).await?;
                let in_pool = || Ok::<_, Exception>(5);
                get_running_loop()?.run_in_executor(None, in_pool)?.await
            });
            future.unwrap().result_timeout(GUARD)
        });
        while !poster.is_finished() || driver.inner.poll_timeout().is_some() {
            // Wakes for the end of the thread as well, which shows in no descriptor.
            let longest = driver.inner.poll_timeout().unwrap_or(Duration::from_millis(1));
            let _turn = driver.outer.run_once(Some(longest)).unwrap();
            let _turn = driver.inner.run_once(NOW).unwrap();
        }
        assert_eq!(poster.join().unwrap().unwrap(), 5);
        assert_eq!(runs.load(Ordering::SeqCst), POSTS as usize);
    });
}

//= SPEC.md#s-10
//= type=test
//# The loop's descriptor MUST be readable when the loop has been woken or a watched descriptor is
//# ready, so that a foreign event loop can drive it with `run_once` and `poll_timeout`.
#[test]
fn s10_no_wake_is_lost_between_the_turns_of_a_driven_loop() {
    guarded(|| {
        let driver = Driver::new(real_loop());
        let handle = driver.inner.handle();
        let (answers, answer) = mpsc::channel();
        let poster = thread::spawn(move || {
            for round in 0..2_000 {
                let answers = answers.clone();
                handle.call_soon_threadsafe(move || answers.send(round).unwrap()).unwrap();
                for _ in 0..(round * 37) % 400 {
                    std::hint::spin_loop();
                }
            }
        });
        let mut expected = 0;
        while expected < 2_000 {
            // Sleeps for ever if the descriptor does not show a post.
            driver.step();
            for round in answer.try_iter() {
                assert_eq!(round, expected);
                expected += 1;
            }
        }
        poster.join().unwrap();
    });
}

//= SPEC.md#s-10
//= type=test
//# The loop's descriptor MUST be readable when the loop has been woken or a watched descriptor is
//# ready, so that a foreign event loop can drive it with `run_once` and `poll_timeout`.
#[test]
fn s10_the_wakeup_descriptor_is_readable_after_a_post() {
    let (outer, inner) = (real_loop(), real_loop());
    let shown = Rc::new(Cell::new(false));
    let seen = Rc::clone(&shown);
    let wakeup = Fd(inner.wakeup_fd());
    outer.add_reader(&wakeup, move || seen.set(true)).unwrap();
    let _turn = outer.run_once(NOW).unwrap();
    assert!(!shown.get());
    let handle = inner.handle();
    elsewhere(|| handle.call_soon_threadsafe(|| {}).unwrap());
    let _turn = outer.run_once(NOW).unwrap();
    assert!(shown.get());
    assert!(outer.remove_reader(&wakeup));
}
