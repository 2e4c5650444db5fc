//! Clauses W-1 to W-3: a loop that sleeps, or is about to.

use super::*;

//= SPEC.md#w-1
//= type=test
//# A post MUST publish its entry before it wakes the loop.
#[test]
fn w1_a_readable_pipe_means_that_the_post_is_there() {
    let inner = real_loop();
    let outer = real_loop();
    let readable = Rc::new(Cell::new(false));
    let seen = Rc::clone(&readable);
    outer.add_reader(&inner, move || seen.set(true)).unwrap();
    let (go, gone) = mpsc::channel::<()>();
    let handle = inner.handle();
    let poster = thread::spawn(move || {
        while gone.recv().is_ok() {
            handle.call_soon_threadsafe(|| {}).unwrap();
        }
    });
    // Makes whoever needs the lock wait for it, and so widens the gap between a wake and what follows it.
    let enough = Arc::new(AtomicBool::new(false));
    let contenders = [(); 3].map(|()| {
        let (handle, enough) = (inner.handle(), Arc::clone(&enough));
        thread::spawn(move || while !enough.load(Ordering::SeqCst) && !handle.is_closed() {})
    });
    for _ in 0..300 {
        go.send(()).unwrap();
        // The inner loop is left alone until its pipe is readable, so no byte is a late one.
        while !readable.take() {
            let _turn = outer.run_once(Some(Duration::ZERO)).unwrap();
        }
        assert_eq!(inner.poll_timeout(), Some(Duration::ZERO), "woken, and nothing was posted");
        let _turn = inner.run_once(Some(Duration::ZERO)).unwrap();
        assert_eq!(drain_pipe(&inner), 0);
        // Its readiness was an edge: take it out of the outer loop before the next round.
        let _turn = outer.run_once(Some(Duration::ZERO)).unwrap();
        readable.set(false);
    }
    drop(go);
    poster.join().unwrap();
    enough.store(true, Ordering::SeqCst);
    for contender in contenders {
        contender.join().unwrap();
    }
}

//= SPEC.md#w-2
//= type=test
//# A post that is accepted while the loop sleeps, or is about to, MUST make that sleep end.
#[test]
fn w2_a_post_ends_an_endless_sleep() {
    guarded(|| {
        let event_loop = virtual_loop();
        let (clock, handle) = (event_loop.clock().clone(), event_loop.handle());
        event_loop
            .call_soon(move || {
                let own_clock = clock.clone();
                let poster = move || {
                    // On a virtual clock this returns only when the loop is asleep as well.
                    clock.sleep(Duration::from_secs(1));
                    let stop = || get_running_loop().unwrap().stop();
                    handle.call_soon_threadsafe(stop).unwrap();
                };
                own_clock.spawn("poster", poster).map(drop).unwrap();
            })
            .unwrap();
        event_loop.run_forever().unwrap();
    });
}

//= SPEC.md#w-2
//= type=test
//# A post that is accepted while the loop sleeps, or is about to, MUST make that sleep end.
#[test]
fn w2_a_post_ends_a_sleep_before_its_timer() {
    guarded(|| {
        let event_loop = virtual_loop();
        let (clock, handle) = (event_loop.clock().clone(), event_loop.handle());
        event_loop.call_later(Duration::from_secs(100), || unreachable!("too late")).unwrap();
        event_loop
            .call_soon(move || {
                let own_clock = clock.clone();
                let poster = move || {
                    clock.sleep(Duration::from_secs(1));
                    handle.stop().unwrap();
                };
                own_clock.spawn("poster", poster).map(drop).unwrap();
            })
            .unwrap();
        event_loop.run_forever().unwrap();
        assert_eq!(event_loop.time().as_nanos(), 1_000_000_000);
    });
}

//= SPEC.md#w-1
//= type=test
//# A post MUST publish its entry before it wakes the loop.
//= SPEC.md#w-2
//= type=test
//# A post that is accepted while the loop sleeps, or is about to, MUST make that sleep end.
#[test]
fn w2_thousands_of_posts_against_a_loop_that_sleeps_each_time() {
    let running = LoopThread::start();
    let (answers, answer) = mpsc::channel();
    for round in 0..5_000 {
        let answers = answers.clone();
        running.handle.call_soon_threadsafe(move || answers.send(round).unwrap()).unwrap();
        assert_eq!(answer.recv_timeout(GUARD), Ok(round), "a lost wake-up");
        dither(round);
    }
    running.stop();
}

//= SPEC.md#w-2
//= type=test
//# A post that is accepted while the loop sleeps, or is about to, MUST make that sleep end.
#[test]
fn w2_many_posters_against_one_sleeper() {
    let running = LoopThread::start();
    let posters: Vec<_> = (0..4)
        .map(|poster| {
            let handle = running.handle.clone();
            thread::spawn(move || {
                let (answers, answer) = mpsc::channel();
                for round in 0..1_000 {
                    let answers = answers.clone();
                    handle.call_soon_threadsafe(move || answers.send(()).unwrap()).unwrap();
                    assert_eq!(answer.recv_timeout(GUARD), Ok(()), "a lost wake-up");
                    dither(round + poster);
                }
            })
        })
        .collect();
    for poster in posters {
        poster.join().unwrap();
    }
    running.stop();
}

//= SPEC.md#w-2
//= type=test
//# A post that is accepted while the loop sleeps, or is about to, MUST make that sleep end.
#[test]
fn w2_posts_race_the_end_and_the_beginning_of_a_run() {
    const POSTS: usize = 3_000;
    guarded(|| {
        let event_loop = real_loop();
        let handle = event_loop.handle();
        let (answers, answer) = mpsc::channel();
        let poster = thread::spawn(move || {
            for round in 0..POSTS {
                let answers = answers.clone();
                handle.call_soon_threadsafe(move || answers.send(()).unwrap()).unwrap();
                dither(round);
            }
        });
        let mut answered = 0;
        while answered < POSTS {
            // Sleeps for ever if the wake of a post that it has not seen is lost.
            let _turn = event_loop.run_once(None).unwrap();
            answered += answer.try_iter().count();
        }
        poster.join().unwrap();
    });
}

//= SPEC.md#w-3
//= type=test
//# Between two moments at which the loop begins to sleep, posters MUST undertake at most one write
//# to the pipe.
#[test]
fn w3_many_posts_to_a_loop_that_does_not_run_write_one_byte() {
    let event_loop = real_loop();
    for _ in 0..50 {
        let begin = Barrier::new(4);
        thread::scope(|scope| {
            for _ in 0..4 {
                let (handle, begin) = (event_loop.handle(), &begin);
                scope.spawn(move || {
                    begin.wait();
                    for _ in 0..25 {
                        handle.call_soon_threadsafe(|| {}).unwrap();
                    }
                });
            }
        });
        assert_eq!(drain_pipe(&event_loop), 1);
        let _turn = event_loop.run_once(Some(Duration::ZERO)).unwrap();
    }
}

//= SPEC.md#w-3
//= type=test
//# Between two moments at which the loop begins to sleep, posters MUST undertake at most one write
//# to the pipe.
#[test]
fn w3_posts_to_a_loop_that_is_awake_write_nothing() {
    let event_loop = real_loop();
    let (handle, done) = (event_loop.handle(), Rc::new(Cell::new(0)));
    let rounds = Rc::clone(&done);
    fn post_and_count(handle: &LoopHandle, rounds: &Rc<Cell<u32>>) {
        let local = get_running_loop().unwrap();
        elsewhere(|| (0..100).for_each(|_| drop(handle.call_soon_threadsafe(|| {}).unwrap())));
        assert_eq!(drain_pipe(&local), 0);
        rounds.set(rounds.get() + 1);
        if rounds.get() < 3 {
            let (handle, rounds) = (handle.clone(), Rc::clone(rounds));
            local.call_soon(move || post_and_count(&handle, &rounds)).unwrap();
        } else {
            local.stop();
        }
    }
    event_loop.call_soon(move || post_and_count(&handle, &rounds)).unwrap();
    event_loop.run_forever().unwrap();
    assert_eq!(done.get(), 3);
}
