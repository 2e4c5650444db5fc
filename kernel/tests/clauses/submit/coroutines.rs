//! Clauses U-1 to U-3: `run_coroutine_threadsafe`.

use super::*;

/// The exception that a future ended with; no wait.
fn exception_of<T: Clone>(future: &ConcurrentFuture<T>) -> Exception {
    match future.result_timeout(Duration::ZERO) {
        Err(ResultError::Exception(exception)) => exception,
        Err(error) => panic!("{error:?}"),
        Ok(_) => panic!("a value"),
    }
}

/// Submits a coroutine of every kind: ready, suspended in one way or another, failing.
fn submit_all(handle: &LoopHandle) -> Vec<(&'static str, ConcurrentFuture<()>)> {
    let submit = |name, build: fn() -> Boxed<()>| {
        (name, handle.run_coroutine_threadsafe_with(build).expect("an open loop accepts"))
    };
    vec![
        submit("value", || Box::pin(async { Ok(()) })),
        submit("error", || Box::pin(async { Err(Oops.into()) })),
        submit("panic", || Box::pin(async { panic!("on purpose") })),
        submit("builder panics", || panic!("on purpose")),
        submit("sleep", || Box::pin(sleep(secs(3600)))),
        submit("yields for long", || {
            Box::pin(async {
                for _ in 0..10_000 {
                    yield_now().await?;
                }
                Ok(())
            })
        }),
        submit("foreign", || Box::pin(pending())),
        submit("awaits a task", || {
            Box::pin(async { get_running_loop()?.create_task(sleep(secs(3600)))?.await })
        }),
        submit("swallows its cancel", || {
            Box::pin(async {
                let _cancelled = sleep(secs(3600)).await;
                sleep(secs(3600)).await
            })
        }),
    ]
}

fn assert_ended(submissions: &[(&'static str, ConcurrentFuture<()>)]) {
    for (name, future) in submissions {
        assert!(future.done() && future.ended(), "{name}: {future:?}");
        let outcome = future.result_timeout(Duration::ZERO);
        assert!(!matches!(outcome, Err(ResultError::TimedOut)), "{name}");
    }
}

//= SPEC.md#u-1
//= type=test
//# `run_coroutine_threadsafe` MUST return a future that ends in a final state whatever becomes of
//# the loop, if the submission was accepted.
#[test]
fn u1_a_loop_that_is_closed_before_it_runs_ends_them_all() {
    let event_loop = virtual_loop();
    let submissions = submit_all(&event_loop.handle());
    event_loop.close().unwrap();
    assert_ended(&submissions);
    for (name, future) in &submissions {
        assert!(exception_of(future).is::<LoopClosed>(), "{name}");
    }
}

//= SPEC.md#u-1
//= type=test
//# `run_coroutine_threadsafe` MUST return a future that ends in a final state whatever becomes of
//# the loop, if the submission was accepted.
#[test]
fn u1_a_loop_that_is_closed_amid_its_work_ends_them_all() {
    for iterations in 1..5 {
        let event_loop = virtual_loop();
        let _reports = record_reports(&event_loop);
        let submissions = submit_all(&event_loop.handle());
        turns(&event_loop, iterations);
        event_loop.close().unwrap();
        assert_ended(&submissions);
        // An outcome that was reached is delivered, however late the close came.
        if iterations > 1 {
            assert!(submissions[0].1.result().is_ok());
            assert!(exception_of(&submissions[1].1).is::<Oops>());
            assert_eq!(exception_of(&submissions[2].1).panic_message(), Some("on purpose"));
        }
    }
}

//= SPEC.md#u-1
//= type=test
//# `run_coroutine_threadsafe` MUST return a future that ends in a final state whatever becomes of
//# the loop, if the submission was accepted.
#[test]
fn u1_a_loop_that_is_stopped_and_dropped_ends_them_all() {
    let event_loop = virtual_loop();
    let handle = event_loop.handle();
    let early = submit_all(&handle);
    handle.stop().unwrap();
    event_loop.run_forever().unwrap();
    // Accepted while it does not run, and it never will again.
    let late = submit_all(&handle);
    drop(event_loop);
    assert_ended(&early);
    assert_ended(&late);
}

//= SPEC.md#u-1
//= type=test
//# `run_coroutine_threadsafe` MUST return a future that ends in a final state whatever becomes of
//# the loop, if the submission was accepted.
#[test]
fn u1_cancelled_ones_end_too_when_the_loop_closes() {
    for iterations in 0..4 {
        let event_loop = virtual_loop();
        let _reports = record_reports(&event_loop);
        let submissions = submit_all(&event_loop.handle());
        turns(&event_loop, iterations);
        for (_, future) in &submissions {
            let done = future.done();
            assert_eq!(future.cancel(), !done || future.cancelled());
        }
        turns(&event_loop, 1);
        event_loop.close().unwrap();
        assert_ended(&submissions);
    }
}

//= SPEC.md#u-1
//= type=test
//# `run_coroutine_threadsafe` MUST return a future that ends in a final state whatever becomes of
//# the loop, if the submission was accepted.
//= SPEC.md#s-7
//= type=test
//# Dropping the loop MUST close it.
#[test]
fn u1_a_loop_whose_thread_panics_ends_them_all() {
    let (send_handle, handles) = mpsc::channel();
    let (go, gone) = mpsc::channel::<()>();
    let thread = std::thread::spawn(move || {
        let event_loop = virtual_loop();
        let _reports = record_reports(&event_loop);
        send_handle.send(event_loop.handle()).unwrap();
        gone.recv().unwrap();
        turns(&event_loop, 2);
        send_handle.send(event_loop.handle()).unwrap();
        gone.recv().unwrap();
        panic!("the loop's thread dies");
    });
    let early = submit_all(&handles.recv().unwrap());
    go.send(()).unwrap();
    let handle = handles.recv().unwrap();
    let late = submit_all(&handle);
    go.send(()).unwrap();
    // Released by the unwinding, not by the join.
    let outcome = late[4].1.result_timeout(secs(60));
    assert!(
        matches!(&outcome, Err(ResultError::Exception(e)) if e.is::<LoopClosed>()),
        "{outcome:?}"
    );
    assert!(thread.join().is_err());
    assert_ended(&early);
    assert_ended(&late);
    assert!(handle.is_closed());
}

//= SPEC.md#u-1
//= type=test
//# `run_coroutine_threadsafe` MUST return a future that ends in a final state whatever becomes of
//# the loop, if the submission was accepted.
#[test]
fn u1_an_exit_request_strands_nobody() {
    let event_loop = virtual_loop();
    let _reports = record_reports(&event_loop);
    let handle = event_loop.handle();
    let exits: ConcurrentFuture<()> =
        handle.run_coroutine_threadsafe(async { Err(ExitRequest { code: 3 }.into()) }).unwrap();
    let submissions = submit_all(&handle);
    assert!(event_loop.run_forever().is_err());
    let exit = exception_of(&exits).exit_request();
    assert_eq!(exit, Some(ExitRequest { code: 3 }), "done before the loop was left");
    event_loop.close().unwrap();
    assert_ended(&submissions);
}

//= SPEC.md#u-1
//= type=test
//# `run_coroutine_threadsafe` MUST return a future that ends in a final state whatever becomes of
//# the loop, if the submission was accepted.
#[test]
fn u1_what_is_submitted_while_the_loop_closes_is_refused_or_ends() {
    struct SubmitsAgain(LoopHandle, mpsc::Sender<Result<ConcurrentFuture<()>, PostError>>);
    impl Drop for SubmitsAgain {
        fn drop(&mut self) {
            let again = self.0.run_coroutine_threadsafe(async { Ok(()) });
            self.1.send(again).unwrap();
        }
    }
    let (send, results) = mpsc::channel();
    let event_loop = virtual_loop();
    let handle = event_loop.handle();
    for suspended in [true, false] {
        let guard = SubmitsAgain(handle.clone(), send.clone());
        let _task = event_loop
            .create_task(async move {
                let _guard = guard;
                pending::<Result<(), Exception>>().await
            })
            .unwrap();
        if suspended {
            turns(&event_loop, 1);
        }
    }
    drop(event_loop);
    for _ in 0..2 {
        match results.try_recv().expect("dropped with the loop") {
            Err(PostError::LoopClosed) => {}
            Err(error) => panic!("{error}"),
            Ok(future) => assert!(future.ended()),
        }
    }
}

//= SPEC.md#u-1
//= type=test
//# `run_coroutine_threadsafe` MUST return a future that ends in a final state whatever becomes of
//# the loop, if the submission was accepted.
#[test]
fn u1_racing_with_close_every_accepted_submission_ends() {
    const SUBMITTERS: usize = 3;
    const EACH: usize = 300;
    for round in 0..30_u64 {
        let event_loop = EventLoop::new().unwrap();
        let start = Arc::new(Barrier::new(SUBMITTERS + 1));
        let threads: Vec<_> = (0..SUBMITTERS)
            .map(|number| {
                let (handle, start) = (event_loop.handle(), Arc::clone(&start));
                std::thread::spawn(move || {
                    let mut accepted = Vec::new();
                    start.wait();
                    for _ in 0..EACH {
                        let submitted = handle.run_coroutine_threadsafe(async move {
                            for _ in 0..number {
                                yield_now().await?;
                            }
                            Ok(number)
                        });
                        match submitted {
                            Ok(future) => accepted.push(future),
                            Err(PostError::LoopClosed) => break,
                            Err(error) => panic!("{error}"),
                        }
                    }
                    for future in &accepted {
                        match future.result_timeout(secs(60)) {
                            Ok(value) => assert_eq!(value, number),
                            Err(ResultError::Exception(e)) => assert!(e.is::<LoopClosed>(), "{e}"),
                            Err(error) => panic!("{error:?}"),
                        }
                        assert!(future.ended());
                    }
                    accepted.len()
                })
            })
            .collect();
        start.wait();
        for _ in 0..round {
            let _turn = event_loop.run_once(Some(Duration::ZERO)).unwrap();
        }
        drop(event_loop);
        for thread in threads {
            let _accepted = thread.join().unwrap();
        }
    }
}

//= SPEC.md#u-1
//= type=test
//# `run_coroutine_threadsafe` MUST return a future that ends in a final state whatever becomes of
//# the loop, if the submission was accepted.
#[test]
fn u1_a_blocking_submitter_is_served() {
    let event_loop = EventLoop::new().unwrap();
    let handle = event_loop.handle();
    let submitter = std::thread::spawn(move || {
        let future = handle.run_coroutine_threadsafe(async {
            yield_now().await?;
            Ok(3)
        });
        let three = future.unwrap().result_timeout(secs(60));
        handle.stop().unwrap();
        three
    });
    event_loop.run_forever().unwrap();
    assert_eq!(submitter.join().unwrap().unwrap(), 3);
}

//= SPEC.md#u-1
//= type=test
//# `run_coroutine_threadsafe` MUST return a future that ends in a final state whatever becomes of
//# the loop, if the submission was accepted.
#[test]
fn u1_a_submission_that_nobody_holds_is_run_all_the_same() {
    let event_loop = virtual_loop();
    let ran = Arc::new(AtomicBool::new(false));
    let noted = Arc::clone(&ran);
    drop(event_loop.handle().run_coroutine_threadsafe(async move {
        yield_now().await?;
        noted.store(true, Ordering::SeqCst);
        Ok(())
    }));
    run_dry(&event_loop);
    assert!(ran.load(Ordering::SeqCst));
}

//= SPEC.md#u-2
//= type=test
//# Submitting to a closed loop MUST be refused in the submitting thread, and the coroutine MUST be
//# dropped unrun.
#[test]
fn u2_a_closed_loop_refuses_in_the_submitting_thread_and_drops_the_coroutine() {
    let event_loop = virtual_loop();
    let handle = event_loop.handle();
    event_loop.close().unwrap();
    let elsewhere = handle.clone();
    std::thread::spawn(move || {
        let (guard, dropped) = DroppedIn::new();
        let refused = elsewhere.run_coroutine_threadsafe::<(), _>(async move {
            let _guard = guard;
            unreachable!("the loop is closed")
        });
        assert!(matches!(refused, Err(PostError::LoopClosed)));
        assert_eq!(*dropped.lock().unwrap(), here(), "before the call returned");
    })
    .join()
    .unwrap();
    // The same on the loop's own thread, and once the loop is gone.
    drop(event_loop);
    let (guard, dropped) = DroppedIn::new();
    let refused = handle.run_coroutine_threadsafe(async move {
        drop(guard);
        Ok(())
    });
    let error = Exception::from(refused.unwrap_err());
    assert_eq!(error.to_string(), LoopClosed.to_string());
    assert_eq!(*dropped.lock().unwrap(), here());
}

//= SPEC.md#u-2
//= type=test
//# Submitting to a closed loop MUST be refused in the submitting thread, and the coroutine MUST be
//# dropped unrun.
#[test]
fn u2_a_closed_loop_does_not_call_a_builder() {
    let event_loop = virtual_loop();
    let handle = event_loop.handle();
    drop(event_loop);
    let (guard, dropped) = DroppedIn::new();
    let refused = handle.run_coroutine_threadsafe_with(move || {
        let _guard = guard;
        if true {
            unreachable!("the loop is closed");
        }
        yield_now()
    });
    assert!(matches!(refused, Err(PostError::LoopClosed)));
    assert_eq!(*dropped.lock().unwrap(), here());
}

//= SPEC.md#u-2
//= type=test
//# Submitting to a closed loop MUST be refused in the submitting thread, and the coroutine MUST be
//# dropped unrun.
#[test]
fn u2_everything_else_that_posts_is_refused_in_the_same_way() {
    let event_loop = virtual_loop();
    let handle = event_loop.handle();
    event_loop.close().unwrap();
    assert!(matches!(handle.call_soon_threadsafe(|| {}), Err(PostError::LoopClosed)));
    assert!(handle.call_later_threadsafe(secs(1), || {}).unwrap_err().is::<PostError>());
    assert!(matches!(handle.stop(), Err(PostError::LoopClosed)));
    assert!(handle.is_closed() && !handle.is_running());
}

//= SPEC.md#u-3
//= type=test
//# A coroutine that is not `Send` MUST be submittable as a `Send` closure that builds it on the
//# loop thread.
#[test]
fn u3_a_builder_makes_a_coroutine_that_stays_on_the_loop_thread() {
    let event_loop = EventLoop::new().unwrap();
    let handle = event_loop.handle();
    let submitter = std::thread::spawn(move || {
        let future = handle.run_coroutine_threadsafe_with(|| {
            // An `Rc` across an await: this future is not `Send`.
            let built_in = Rc::new(std::thread::current().id());
            async move {
                yield_now().await?;
                assert_eq!(*built_in, std::thread::current().id());
                Ok(*built_in)
            }
        });
        let built_in = future.unwrap().result_timeout(secs(60));
        handle.stop().unwrap();
        built_in.unwrap()
    });
    event_loop.run_forever().unwrap();
    assert_eq!(Some(submitter.join().unwrap()), here());
}

//= SPEC.md#u-3
//= type=test
//# A coroutine that is not `Send` MUST be submittable as a `Send` closure that builds it on the
//# loop thread.
#[test]
fn u3_a_builder_is_called_once_and_not_before_its_turn() {
    let event_loop = virtual_loop();
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let future = event_loop.handle().run_coroutine_threadsafe_with(move || {
        counted.fetch_add(1, Ordering::SeqCst);
        async { Ok(3) }
    });
    assert_eq!(calls.load(Ordering::SeqCst), 0);
    run_dry(&event_loop);
    assert_eq!((calls.load(Ordering::SeqCst), future.unwrap().result().unwrap()), (1, 3));
}

//= SPEC.md#u-3
//= type=test
//# A coroutine that is not `Send` MUST be submittable as a `Send` closure that builds it on the
//# loop thread.
//= SPEC.md#u-1
//= type=test
//# `run_coroutine_threadsafe` MUST return a future that ends in a final state whatever becomes of
//# the loop, if the submission was accepted.
#[test]
fn u3_a_builder_that_never_has_its_turn_is_dropped_uncalled() {
    let event_loop = virtual_loop();
    let (guard, dropped) = DroppedIn::new();
    let future = event_loop.handle().run_coroutine_threadsafe_with(move || {
        let _guard = guard;
        if true {
            unreachable!("the loop was closed before");
        }
        yield_now()
    });
    let future = future.unwrap();
    assert!(dropped.lock().unwrap().is_none());
    event_loop.close().unwrap();
    assert!(dropped.lock().unwrap().is_some());
    assert!(exception_of(&future).is::<LoopClosed>());
}

//= SPEC.md#u-3
//= type=test
//# A coroutine that is not `Send` MUST be submittable as a `Send` closure that builds it on the
//# loop thread.
#[test]
fn u3_a_builder_runs_within_the_loop() {
    let event_loop = virtual_loop();
    let future = event_loop.handle().run_coroutine_threadsafe_with(|| {
        get_running_loop().unwrap().create_task(sleep(secs(1))).unwrap()
    });
    run_dry(&event_loop);
    future.unwrap().result().unwrap();
    assert_eq!(u128::from(event_loop.time().as_nanos()), secs(1).as_nanos());
}
