//! Clauses E-1 and E-2: submitting, and the workers that it starts.

use super::*;

// E-1: refusals

//= SPEC.md#e-1
//= type=test
//# A pool MUST refuse zero workers and work after shutdown, each with its own error, and the
//# refused work MUST NOT run.
#[test]
fn e1_zero_workers() {
    let refused = ThreadPoolExecutor::builder().max_workers(0).build();
    assert_eq!(refused.unwrap_err(), ThreadPoolError::ZeroWorkers);
}

//= SPEC.md#e-1
//= type=test
//# A pool MUST refuse zero workers and work after shutdown, each with its own error, and the
//# refused work MUST NOT run.
#[test]
fn e1_work_after_shutdown_is_refused_and_dropped_unrun() {
    let pool = pool_of(1);
    pool.shutdown(false, false).unwrap();
    let ran = Arc::new(AtomicBool::new(false));
    let runs = Arc::clone(&ran);
    let refused = pool.submit(move || {
        runs.store(true, Ordering::SeqCst);
        Ok(())
    });
    assert!(matches!(refused, Err(SubmitError::ShutDown)));
    assert_eq!(Arc::strong_count(&ran), 1, "the function is dropped");
    assert!(!ran.load(Ordering::SeqCst));
    assert_eq!(pool.workers(), 0);

    let (work, future) = Work::new(|| Ok(7));
    assert!(matches!(pool.execute(work), Err(SubmitError::ShutDown)));
    assert!(future.exception().unwrap().unwrap().is::<BrokenPromise>());
}

//= SPEC.md#e-1
//= type=test
//# A pool MUST refuse zero workers and work after shutdown, each with its own error, and the
//# refused work MUST NOT run.
//= SPEC.md#u-4
//= type=test
//# `run_in_executor` MUST return its errors at the call, and otherwise a loop future of the work's
//# outcome.
#[test]
fn e1_the_loop_passes_the_refusal_on() {
    let event_loop = virtual_loop();
    let pool = pool_of(1);
    pool.shutdown(true, false).unwrap();
    let refused = event_loop.run_in_executor(Some(&pool), || Ok(7));
    assert!(matches!(refused, Err(SubmitError::ShutDown)));
}

//= SPEC.md#e-1
//= type=test
//# A pool MUST refuse zero workers and work after shutdown, each with its own error, and the
//# refused work MUST NOT run.
#[test]
fn e1_submissions_race_the_shutdown() {
    for _ in 0..50 {
        let pool = pool_of(2);
        let runs = Arc::new(AtomicUsize::new(0));
        let start = Barrier::new(3);
        let accepted = thread::scope(|scope| {
            let submit = || {
                let mut accepted = 0;
                start.wait();
                loop {
                    let run = Arc::clone(&runs);
                    let work = move || {
                        run.fetch_add(1, Ordering::SeqCst);
                        Ok(())
                    };
                    match pool.submit(work) {
                        Ok(_) => accepted += 1,
                        Err(SubmitError::ShutDown) => return accepted,
                        Err(other) => panic!("{other}"),
                    }
                }
            };
            let submitters = [scope.spawn(submit), scope.spawn(submit)];
            start.wait();
            thread::yield_now();
            pool.shutdown(true, false).unwrap();
            submitters.map(|submitter| submitter.join().unwrap())
        });
        assert_eq!(runs.load(Ordering::SeqCst), accepted.into_iter().sum::<usize>());
    }
}

// E-2: order and workers

//= SPEC.md#e-2
//= type=test
//# Work MUST start in the order of submission, and a worker MUST be started only when none is idle
//# and the limit is not reached.
#[test]
fn e2_work_starts_in_the_order_of_submission() {
    let pool = pool_of(1);
    let busy = Busy::one_of(&pool);
    let order = Notes::default();
    for number in 0..20 {
        let noted = order.clone();
        let work = move || {
            noted.note(number);
            Ok(())
        };
        drop(pool.submit(work).unwrap());
    }
    busy.let_go();
    end(&pool);
    assert_eq!(order.entries(), (0..20).collect::<Vec<_>>());
}

//= SPEC.md#e-2
//= type=test
//# Work MUST start in the order of submission, and a worker MUST be started only when none is idle
//# and the limit is not reached.
#[test]
fn e2_a_burst_wakes_as_many_workers_as_it_needs() {
    let pool = pool_of(2);
    for round in 0..2_000 {
        // Work that needs both of them at once, and work that either may take from the other.
        let both = Arc::new(Barrier::new(2));
        let meeting = [(); 2].map(|()| {
            let both = Arc::clone(&both);
            let meet = move || {
                both.wait();
                Ok(())
            };
            pool.submit(meet).unwrap()
        });
        let rest: Vec<_> = (0..round % 4).map(|_| pool.submit(|| Ok(())).unwrap()).collect();
        for future in meeting.into_iter().chain(rest) {
            future.result_timeout(GUARD).expect("nobody came for the work");
        }
    }
}

//= SPEC.md#e-2
//= type=test
//# Work MUST start in the order of submission, and a worker MUST be started only when none is idle
//# and the limit is not reached.
#[test]
fn e2_workers_are_started_one_by_one_up_to_the_limit() {
    let pool = pool_of(3);
    assert_eq!(pool.workers(), 0, "none before there is work");
    let mut busy = Vec::new();
    for workers in 1..=3 {
        busy.push(Busy::one_of(&pool));
        assert_eq!(pool.workers(), workers);
    }
    let queued = pool.submit(|| Ok(thread::current().id())).unwrap();
    assert_eq!(pool.workers(), 3, "the limit is reached");
    assert!(!queued.running());
    let free = busy.remove(1).let_go();
    assert_eq!(queued.result_timeout(GUARD).unwrap(), free);
    for busy in busy {
        busy.let_go();
    }
}

//= SPEC.md#e-2
//= type=test
//# Work MUST start in the order of submission, and a worker MUST be started only when none is idle
//# and the limit is not reached.
#[test]
fn e2_an_idle_worker_is_used_again() {
    const LIMIT: usize = 200;
    let pool = pool_of(LIMIT);
    // When a result is there its worker may not be idle again yet, and another one may be started;
    // sooner or later it is, long before as many workers were started as there was work.
    loop {
        let workers = pool.workers();
        pool.submit(|| Ok(())).unwrap().result_timeout(GUARD).unwrap();
        if pool.workers() == workers {
            break;
        }
    }
    assert!(pool.workers() < LIMIT, "every submission started a worker");
}

//= SPEC.md#e-2
//= type=test
//# Work MUST start in the order of submission, and a worker MUST be started only when none is idle
//# and the limit is not reached.
#[test]
fn e2_two_submissions_do_not_count_on_one_idle_worker() {
    for round in 0..100 {
        let pool = pool_of(2);
        // This one's worker becomes idle before the next submissions, after them, or between.
        pool.submit(|| Ok(())).unwrap().result_timeout(GUARD).unwrap();
        for _ in 0..20 * round {
            thread::yield_now();
        }
        let (here, there) = mpsc::channel();
        let waits = pool.submit(move || Ok(there.recv_timeout(GUARD).is_ok())).unwrap();
        let tells = pool.submit(move || Ok(here.send(()).is_ok())).unwrap();
        assert!(waits.result_timeout(GUARD).unwrap(), "they did not run at the same time");
        assert!(tells.result_timeout(GUARD).unwrap());
    }
}

//= SPEC.md#e-2
//= type=test
//# Work MUST start in the order of submission, and a worker MUST be started only when none is idle
//# and the limit is not reached.
#[test]
fn e2_two_idle_workers_are_both_woken() {
    for round in 0..40 {
        let pool = pool_of(2);
        let both = Arc::new(Barrier::new(2));
        let meet = || {
            let both = Arc::clone(&both);
            pool.submit(move || Ok(_ = both.wait())).unwrap()
        };
        for met in [meet(), meet()] {
            met.result_timeout(GUARD).unwrap();
        }
        // Both become idle before the next submissions, after them, or between.
        for _ in 0..5 * round {
            thread::yield_now();
        }
        let (here, there) = mpsc::channel();
        let waits = pool.submit(move || Ok(there.recv_timeout(GUARD).is_ok())).unwrap();
        let tells = pool.submit(move || Ok(here.send(()).is_ok())).unwrap();
        assert!(waits.result_timeout(GUARD).unwrap(), "they did not run at the same time");
        assert!(tells.result_timeout(GUARD).unwrap());
    }
}

//= SPEC.md#e-2
//= type=test
//# Work MUST start in the order of submission, and a worker MUST be started only when none is idle
//# and the limit is not reached.
#[test]
fn e2_workers_are_named() {
    let pool =
        ThreadPoolExecutor::builder().max_workers(2).thread_name_prefix("crew").build().unwrap();
    let name = || Ok(thread::current().name().map(str::to_owned));
    let name = pool.submit(name).unwrap().result_timeout(GUARD).unwrap();
    assert_eq!(name.as_deref(), Some("crew-0"));
}

#[test]
fn by_default_a_pool_has_as_many_workers_as_processors_and_four() {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let pool = ThreadPoolExecutor::new().unwrap();
    let (release, released) = mpsc::channel::<()>();
    let released = Arc::new(Mutex::new(released));
    for submitted in 1..=40 {
        let blocks = Arc::clone(&released);
        let _future = pool
            .submit(move || {
                let _hung_up = blocks.lock().unwrap().recv();
                Ok(())
            })
            .unwrap();
        assert_eq!(pool.workers(), submitted.min(32).min(processors + 4));
    }
    drop(release);
    end(&pool);
}

//= SPEC.md#e-2
//= type=test
//# Work MUST start in the order of submission, and a worker MUST be started only when none is idle
//# and the limit is not reached.
#[test]
fn e2_each_worker_has_a_name_of_its_own() {
    let pool =
        ThreadPoolExecutor::builder().max_workers(3).thread_name_prefix("crew").build().unwrap();
    let all_there = Arc::new(Barrier::new(3));
    let names: Vec<_> = (0..3)
        .map(|_| {
            let all_there = Arc::clone(&all_there);
            let waits = move || {
                all_there.wait();
                Ok(thread::current().name().map(str::to_owned))
            };
            pool.submit(waits).unwrap()
        })
        .collect();
    let mut names: Vec<_> =
        names.into_iter().map(|name| name.result_timeout(GUARD).unwrap().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["crew-0", "crew-1", "crew-2"]);
}
