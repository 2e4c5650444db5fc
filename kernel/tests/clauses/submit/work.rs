//! Clauses U-4 and U-5: `run_in_executor`.

use super::*;

/// Runs the loop, on the real clock, for no longer than a minute.
fn in_a_minute<T: Clone + 'static>(
    event_loop: &EventLoop,
    future: impl Future<Output = Result<T, Exception>> + 'static,
) -> Result<T, Exception> {
    event_loop.run_until_complete(timeout(secs(60), future))
}

/// Runs the work inside the call, in the calling thread.
struct Inline;

impl Executor for Inline {
    fn execute(&self, work: Work) -> Result<(), SubmitError> {
        work.run();
        Ok(())
    }
}

/// Runs the work in a thread of its own and waits for that thread.
struct Elsewhere;

impl Executor for Elsewhere {
    fn execute(&self, work: Work) -> Result<(), SubmitError> {
        std::thread::spawn(move || work.run()).join().expect("work never unwinds");
        Ok(())
    }
}

/// Takes the work and loses it.
struct Loses;

impl Executor for Loses {
    fn execute(&self, work: Work) -> Result<(), SubmitError> {
        drop(work);
        Ok(())
    }
}

/// Refuses everything.
struct Refuses;

impl Executor for Refuses {
    fn execute(&self, _work: Work) -> Result<(), SubmitError> {
        Err(SubmitError::ShutDown)
    }
}

fn executors() -> Vec<(&'static str, Option<Box<dyn Executor>>)> {
    vec![
        ("default", None),
        ("pool", Some(Box::new(ThreadPoolExecutor::new().unwrap()))),
        ("inline", Some(Box::new(Inline))),
        ("elsewhere", Some(Box::new(Elsewhere))),
    ]
}

//= SPEC.md#u-4
//= type=test
//# `run_in_executor` MUST return its errors at the call, and otherwise a loop future of the work's
//# outcome.
#[test]
fn u4_the_outcome_is_the_loop_futures() {
    for (name, executor) in executors() {
        let event_loop = EventLoop::new().unwrap();
        let executor = executor.as_deref();
        let value = event_loop.run_in_executor(executor, || Ok(3)).unwrap();
        assert_eq!(in_a_minute(&event_loop, value).unwrap(), 3, "{name}");
        let raised = Exception::from(Oops);
        let raise = raised.clone();
        let error = event_loop.run_in_executor(executor, move || Err::<(), _>(raise)).unwrap();
        let seen = in_a_minute(&event_loop, error).unwrap_err();
        assert!(seen.same_object(&raised), "{name}");
        let panic = event_loop
            .run_in_executor(executor, || -> Result<(), Exception> { panic!("on purpose") })
            .unwrap();
        let seen = in_a_minute(&event_loop, panic).unwrap_err();
        assert_eq!(seen.panic_message(), Some("on purpose"), "{name}");
    }
}

//= SPEC.md#u-4
//= type=test
//# `run_in_executor` MUST return its errors at the call, and otherwise a loop future of the work's
//# outcome.
#[test]
fn u4_work_runs_in_another_thread_and_the_loop_goes_on_meanwhile() {
    let event_loop = EventLoop::new().unwrap();
    let (go, gone) = mpsc::channel::<()>();
    let ticks = Rc::new(Cell::new(0));
    let ticked = Rc::clone(&ticks);
    let worked_in = in_a_minute(&event_loop, async move {
        let local = get_running_loop()?;
        let work = local.run_in_executor(None, move || {
            gone.recv()?;
            Ok(std::thread::current().id())
        })?;
        for _ in 0..3 {
            yield_now().await?;
            ticked.set(ticked.get() + 1);
        }
        assert!(!work.done(), "it waits for this very coroutine");
        go.send(())?;
        work.await
    })
    .unwrap();
    assert_ne!(Some(worked_in), here());
    assert_eq!(ticks.get(), 3);
}

/// Asserts that a refused function was dropped unrun before the call returned.
fn assert_refused(
    event_loop: &EventLoop,
    executor: Option<&dyn Executor>,
    expected: fn(&SubmitError) -> bool,
) {
    let (guard, dropped) = DroppedIn::new();
    let refused = event_loop.run_in_executor::<(), _>(executor, move || {
        let _guard = guard;
        unreachable!("it was refused")
    });
    let error = refused.unwrap_err();
    assert!(expected(&error), "{error:?}");
    assert_eq!(*dropped.lock().unwrap(), here());
}

//= SPEC.md#u-4
//= type=test
//# `run_in_executor` MUST return its errors at the call, and otherwise a loop future of the work's
//# outcome.
#[test]
fn u4_errors_are_returned_at_the_call() {
    let event_loop = virtual_loop();
    let shut_down = ThreadPoolExecutor::new().unwrap();
    shut_down.shutdown(true, false).unwrap();
    assert_refused(&event_loop, Some(&shut_down), |e| matches!(e, SubmitError::ShutDown));
    let broken = ThreadPoolExecutor::builder().initializer(|| Err(Oops.into())).build().unwrap();
    let first = broken.submit(|| Ok(())).unwrap();
    assert!(first.result_timeout(secs(60)).is_err());
    assert_refused(
        &event_loop,
        Some(&broken),
        |e| matches!(e, SubmitError::Broken(why) if why.is::<Oops>()),
    );
    assert_refused(&event_loop, Some(&Refuses), |e| matches!(e, SubmitError::ShutDown));
    // After all that the default executor still works, until it is shut down.
    let works = event_loop.run_in_executor(None, || Ok(3)).unwrap();
    assert_eq!(in_a_minute(&event_loop, works).unwrap(), 3);
    in_a_minute(&event_loop, event_loop.shutdown_default_executor(None)).unwrap();
    assert_refused(&event_loop, None, |e| matches!(e, SubmitError::ShutDown));
    event_loop.close().unwrap();
    assert_refused(&event_loop, None, |e| matches!(e, SubmitError::LoopClosed));
    assert_refused(&event_loop, Some(&Inline), |e| matches!(e, SubmitError::LoopClosed));
}

//= SPEC.md#u-4
//= type=test
//# `run_in_executor` MUST return its errors at the call, and otherwise a loop future of the work's
//# outcome.
#[test]
fn u4_a_refusal_leaves_the_loop_as_it_was() {
    let event_loop = virtual_loop();
    let before = loopgate::checkers::census(&event_loop);
    assert_refused(&event_loop, Some(&Refuses), |e| matches!(e, SubmitError::ShutDown));
    assert_eq!(loopgate::checkers::census(&event_loop), before);
    // Nor does it hold the virtual clock.
    finish(&event_loop, sleep(secs(1))).unwrap();
}

//= SPEC.md#u-4
//= type=test
//# `run_in_executor` MUST return its errors at the call, and otherwise a loop future of the work's
//# outcome.
#[test]
fn u4_a_set_default_executor_is_used() {
    let event_loop = EventLoop::new().unwrap();
    let pool = ThreadPoolExecutor::builder().thread_name_prefix("mine").build().unwrap();
    event_loop.set_default_executor(Arc::new(pool)).unwrap();
    let name = event_loop
        .run_in_executor(None, || Ok(std::thread::current().name().unwrap_or_default().to_owned()));
    let name = in_a_minute(&event_loop, name.unwrap()).unwrap();
    assert!(name.starts_with("mine"), "{name}");
}

//= SPEC.md#u-4
//= type=test
//# `run_in_executor` MUST return its errors at the call, and otherwise a loop future of the work's
//# outcome.
#[test]
fn u4_work_that_an_executor_loses_fails() {
    let event_loop = virtual_loop();
    let future = event_loop.run_in_executor(Some(&Loses), || Ok(())).unwrap();
    assert!(finish(&event_loop, future).unwrap_err().is::<BrokenPromise>());
}

//= SPEC.md#u-4
//= type=test
//# `run_in_executor` MUST return its errors at the call, and otherwise a loop future of the work's
//# outcome.
#[test]
fn u4_work_may_itself_submit_to_the_loop_and_wait() {
    let event_loop = EventLoop::new().unwrap();
    let handle = event_loop.handle();
    let sum = in_a_minute(&event_loop, async move {
        let local = get_running_loop()?;
        let work = local.run_in_executor(None, move || {
            let submitted = handle.run_coroutine_threadsafe(async {
                yield_now().await?;
                Ok(3)
            })?;
            Ok(submitted.result_timeout(secs(60))? + 1)
        });
        work?.await
    })
    .unwrap();
    assert_eq!(sum, 4);
}

/// What work does before it ends in some way: posts, in order, and notes on the loop.
fn posts_then<T: 'static>(
    handle: LoopHandle,
    log: Arc<Mutex<Vec<String>>>,
    end: fn() -> Result<T, Exception>,
) -> impl FnOnce() -> Result<T, Exception> + Send + 'static {
    move || {
        for number in 0..3 {
            let log = Arc::clone(&log);
            handle
                .call_soon_threadsafe(move || log.lock().unwrap().push(format!("post {number}")))?;
        }
        end()
    }
}

/// Awaits work that posts before it ends; asserts that the end is seen after the posts.
fn posts_come_first(executor: Option<&dyn Executor>, end: fn() -> Result<(), Exception>) {
    let event_loop = EventLoop::new().unwrap();
    let log = Arc::new(Mutex::new(Vec::new()));
    let work = posts_then(event_loop.handle(), Arc::clone(&log), end);
    let future = event_loop.run_in_executor(executor, work).unwrap();
    let noted = Arc::clone(&log);
    in_a_minute(&event_loop, async move {
        let _outcome = future.await;
        noted.lock().unwrap().push("end".to_owned());
        Ok(())
    })
    .unwrap();
    assert_eq!(*log.lock().unwrap(), ["post 0", "post 1", "post 2", "end"]);
}

//= SPEC.md#u-5
//= type=test
//# A loop future MUST observe the completion of work after every post that the working thread made
//# before.
#[test]
fn u5_the_end_of_work_is_seen_after_its_posts() {
    for (_, executor) in executors() {
        posts_come_first(executor.as_deref(), || Ok(()));
        posts_come_first(executor.as_deref(), || Err(Oops.into()));
        posts_come_first(executor.as_deref(), || panic!("on purpose"));
    }
}

//= SPEC.md#u-5
//= type=test
//# A loop future MUST observe the completion of work after every post that the working thread made
//# before.
#[test]
fn u5_also_if_the_work_was_done_before_anybody_awaited_it() {
    // The executor has run the work when `run_in_executor` returns: its posts are in the inbox still.
    for executor in [&Inline as &dyn Executor, &Elsewhere] {
        let event_loop = virtual_loop();
        let log = Arc::new(Mutex::new(Vec::new()));
        let handle = event_loop.handle();
        let (posted, awaited) = (Arc::clone(&log), Arc::clone(&log));
        let future = event_loop
            .run_in_executor(executor.into(), move || {
                handle.call_soon_threadsafe(move || posted.lock().unwrap().push("post"))?;
                Ok(())
            })
            .unwrap();
        assert!(!future.done(), "the completion takes its turn");
        finish(&event_loop, async move {
            future.await?;
            awaited.lock().unwrap().push("end");
            Ok(())
        })
        .unwrap();
        assert_eq!(*log.lock().unwrap(), ["post", "end"]);
    }
}

//= SPEC.md#u-5
//= type=test
//# A loop future MUST observe the completion of work after every post that the working thread made
//# before.
#[test]
fn u5_a_done_callback_sees_the_posts_too() {
    let event_loop = virtual_loop();
    let log = Arc::new(Mutex::new(Vec::new()));
    let work = posts_then(event_loop.handle(), Arc::clone(&log), || Ok(()));
    let future = event_loop.run_in_executor(Some(&Elsewhere), work).unwrap();
    let noted = Arc::clone(&log);
    future.add_done_callback(move |_| noted.lock().unwrap().push("end".to_owned()));
    run_dry(&event_loop);
    assert_eq!(*log.lock().unwrap(), ["post 0", "post 1", "post 2", "end"]);
}
