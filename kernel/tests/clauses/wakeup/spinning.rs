//! Clause W-12: looking for a while before sleeping, and that it changes no other clause.

use super::*;

//= SPEC.md#w-3
//= type=test
//# Between two moments at which the loop begins to sleep, posters MUST undertake at most one write
//# to the pipe.
#[test]
fn w3_posts_to_a_loop_that_spins_write_nothing() {
    guarded(|| {
        let event_loop = EventLoop::builder().spin(Duration::from_secs(2)).build().unwrap();
        let (handle, (spins, spin_begins)) = (event_loop.handle(), mpsc::channel());
        let ((posted, is_posted), (bytes, counted)) = (mpsc::channel(), mpsc::channel());
        let poster = thread::spawn(move || {
            spin_begins.recv().unwrap();
            // Nothing depends on it but how much this test sees: the loop is to be at its spin.
            thread::sleep(Duration::from_millis(20));
            let count = move || {
                let local = get_running_loop().unwrap();
                // The poster is quicker to publish than to write.
                is_posted.recv().unwrap();
                bytes.send(drain_pipe(&local)).unwrap();
                local.stop();
            };
            handle.call_soon_threadsafe(count).unwrap();
            posted.send(()).unwrap();
        });
        event_loop.call_soon(move || spins.send(()).unwrap()).unwrap();
        event_loop.run_forever().unwrap();
        poster.join().unwrap();
        // A turn that a spin has found mail for does not look at the pipe: a byte would still be there.
        assert_eq!(counted.recv().unwrap(), 0);
    });
}

/// How often a thread that spins looks for what does not come, or does, on the next occasion.
fn looks(comes: bool) -> usize {
    let looks = Cell::new(0);
    let came = spin(Duration::ZERO, || {
        looks.set(looks.get() + 1);
        comes
    });
    assert_eq!(came, comes, "a spin says whether it came");
    looks.get()
}

//= SPEC.md#w-12
//= type=test
//# A thread whose spins are in vain MUST leave out up to 255 occasions between two of them, and one
//# that was not in vain MUST make the next occasion count again.
#[test]
fn w12_a_spin_that_does_not_pay_is_given_up_and_tried_again() {
    let spins = |occasions: usize| (0..occasions).filter(|_| looks(false) > 1).count();
    assert_eq!(spins(1), 1, "the first is tried");
    assert_eq!(spins(1 + 1), 1, "then one is left out");
    assert_eq!(spins(3 + 1), 1, "then three");
    spins(1_000);
    assert_eq!(spins(256), 1, "and never more than 255");
    // One that comes while it is being looked for is enough.
    while looks(false) == 1 {}
    (0..255).for_each(|_| _ = looks(true));
    looks(true);
    assert!(looks(false) > 1, "it pays, and is tried at the first occasion");
}

//= SPEC.md#w-2
//= type=test
//# A post that is accepted while the loop sleeps, or is about to, MUST make that sleep end.
#[test]
fn w2_posts_reach_a_loop_that_spins() {
    guarded(|| {
        let (started, has_started) = mpsc::channel();
        let thread = thread::spawn(move || {
            let event_loop = EventLoop::builder().spin(Duration::from_micros(20)).build().unwrap();
            started.send(event_loop.handle()).unwrap();
            event_loop.run_forever().unwrap();
        });
        let handle = has_started.recv().unwrap();
        for value in 0..2_000 {
            let future = handle.run_coroutine_threadsafe(async move { Ok(value) }).unwrap();
            assert_eq!(future.result().unwrap(), value);
            if value % 100 == 0 {
                // Long enough for the loop to have given up and to sleep.
                thread::sleep(Duration::from_millis(1));
            }
        }
        handle.stop().unwrap();
        thread.join().unwrap();
    });
}

/// Nothing that spins for so long ends by giving up.
const HOUR: Duration = Duration::from_secs(3600);

/// What Linux says of a thread: whether it has, or waits for, a processor.
#[cfg(target_os = "linux")]
struct State(std::path::PathBuf);

#[cfg(target_os = "linux")]
impl State {
    fn of_this_thread() -> State {
        let thread = std::fs::read_link("/proc/thread-self").unwrap();
        State(std::path::Path::new("/proc").join(thread).join("stat"))
    }

    fn is_runnable(&self) -> bool {
        let stat = std::fs::read_to_string(&self.0).unwrap();
        stat.rsplit(") ").next().unwrap().starts_with('R')
    }

    /// Whether it still is when everything has long been done that precedes a sleep.
    fn goes_on(&self) -> bool {
        thread::sleep(Duration::from_millis(100));
        (0..10).any(|_| self.is_runnable())
    }
}

//= SPEC.md#w-12
//= type=test
//# A thread whose spins are in vain MUST leave out up to 255 occasions between two of them, and one
//# that was not in vain MUST make the next occasion count again.
#[cfg(target_os = "linux")]
#[test]
fn w12_a_loop_looks_for_mail_before_it_sleeps_and_sleeps_when_none_comes() {
    for (longest, spins) in [(HOUR, true), (Duration::from_millis(1), false)] {
        guarded(move || {
            let ((started, has_started), (told, state)) = (mpsc::channel(), mpsc::channel());
            let thread = thread::spawn(move || {
                let event_loop = EventLoop::builder().spin(longest).build().unwrap();
                started.send(event_loop.handle()).unwrap();
                event_loop.call_soon(move || told.send(State::of_this_thread()).unwrap()).unwrap();
                event_loop.run_forever().unwrap();
            });
            let (handle, state) = (has_started.recv().unwrap(), state.recv().unwrap());
            if spins {
                assert!(state.goes_on());
            } else {
                // However slow the machine is, it gives up at some time.
                while state.is_runnable() {
                    thread::yield_now();
                }
            }
            handle.stop().unwrap();
            thread.join().unwrap();
        });
    }
}

//= SPEC.md#w-12
//= type=test
//# A thread whose spins are in vain MUST leave out up to 255 occasions between two of them, and one
//# that was not in vain MUST make the next occasion count again.
#[cfg(target_os = "linux")]
#[test]
fn w12_who_waits_for_a_submission_looks_for_its_end_before_it_blocks() {
    for timeout in [None, Some(2 * HOUR)] {
        guarded(move || {
            let event_loop = EventLoop::builder().spin(HOUR).build().unwrap();
            let (handle, (told, state)) = (event_loop.handle(), mpsc::channel());
            let submitter = thread::spawn(move || {
                let future = handle.run_coroutine_threadsafe(async { Ok(7) }).unwrap();
                told.send(State::of_this_thread()).unwrap();
                let result = match timeout {
                    None => future.result(),
                    Some(timeout) => future.result_timeout(timeout),
                };
                handle.stop().unwrap();
                result.unwrap()
            });
            assert!(state.recv().unwrap().goes_on());
            event_loop.run_forever().unwrap();
            assert_eq!(submitter.join().unwrap(), 7);
        });
    }
}

//= SPEC.md#w-12
//= type=test
//# A thread whose spins are in vain MUST leave out up to 255 occasions between two of them, and one
//# that was not in vain MUST make the next occasion count again.
#[test]
fn w12_no_spin_is_longer_than_the_time_to_the_next_deadline() {
    guarded(|| {
        let event_loop = EventLoop::builder().spin(HOUR).build().unwrap();
        let soon = Duration::from_millis(5);
        event_loop.call_later(soon, || get_running_loop().unwrap().stop()).unwrap();
        event_loop.run_forever().unwrap();
    });
}

//= SPEC.md#w-12
//= type=test
//# A thread whose spins are in vain MUST leave out up to 255 occasions between two of them, and one
//# that was not in vain MUST make the next occasion count again.
#[test]
fn w12_no_spin_is_longer_than_the_timeout_of_the_wait() {
    guarded(|| {
        let (_promise, future) = promise_for_spinning::<()>(HOUR);
        let result = future.result_timeout(Duration::from_millis(5));
        assert!(matches!(result, Err(ResultError::TimedOut)));
    });
}

//= SPEC.md#w-12
//= type=test
//# A thread whose spins are in vain MUST leave out up to 255 occasions between two of them, and one
//# that was not in vain MUST make the next occasion count again.
#[test]
fn w12_a_loop_in_virtual_time_does_not_spin() {
    guarded(|| {
        let builder = EventLoop::builder().clock(Clock::virtual_time()).spin(HOUR);
        let event_loop = builder.build().unwrap();
        event_loop.call_later(2 * HOUR, || get_running_loop().unwrap().stop()).unwrap();
        event_loop.run_forever().unwrap();
    });
}

//= SPEC.md#w-12
//= type=test
//# A thread whose spins are in vain MUST leave out up to 255 occasions between two of them, and one
//# that was not in vain MUST make the next occasion count again.
#[test]
fn w12_a_loop_that_has_more_to_look_for_than_mail_does_not_spin() {
    guarded(|| {
        let event_loop = EventLoop::builder().spin(HOUR).build().unwrap();
        let turn = event_loop.run_once(Some(Duration::from_millis(5))).unwrap();
        assert_eq!(turn, Turn::Continue);

        let (mut writer, reader) = UnixStream::pair().unwrap();
        let (runs, is_running) = mpsc::channel();
        let thread = thread::spawn(move || {
            is_running.recv().unwrap();
            writer.write_all(b"x").unwrap();
        });
        event_loop.add_reader(&reader, || get_running_loop().unwrap().stop()).unwrap();
        event_loop.call_soon(move || runs.send(()).unwrap()).unwrap();
        event_loop.run_forever().unwrap();
        thread.join().unwrap();
    });
}
