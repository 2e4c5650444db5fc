//! Clauses: the object that was raised, and what a panic becomes.

use super::*;

fn exception_of<T: std::fmt::Debug>(result: Result<T, ResultError>) -> Exception {
    match result {
        Err(ResultError::Exception(exception)) => exception,
        other => panic!("no exception: {other:?}"),
    }
}

//= SPEC.md#x-1
//= type=test
//# Every clone of an `Exception` MUST be the same object: identity is kept from the place that
//# raised it to every place that observes it.
#[test]
fn x1_a_clone_is_the_same_object_and_a_lookalike_is_not() {
    let exception = Exception::new("one");
    assert!(exception.same_object(&exception.clone().clone()));
    assert!(!exception.same_object(&Exception::new("one")));
    let elsewhere_cloned = elsewhere(|| exception.clone());
    assert!(exception.same_object(&elsewhere_cloned));
}

//= SPEC.md#x-1
//= type=test
//# Every clone of an `Exception` MUST be the same object: identity is kept from the place that
//# raised it to every place that observes it.
#[test]
fn x1_the_submitter_gets_the_object_that_was_raised() {
    let event_loop = virtual_loop();
    let (handle, raised) = (event_loop.handle(), Exception::new("raised"));
    let inner = raised.clone();
    // Through a task that awaits a task that awaits a future.
    let future = elsewhere(|| {
        handle
            .run_coroutine_threadsafe_with(move || async move {
                let local = get_running_loop()?;
                let (promise, future) = local.create_future::<()>();
                local.call_soon(move || promise.set_exception(inner).unwrap())?;
                let awaits_future = local.create_task(future)?;
                local.create_task(awaits_future)?.await
            })
            .unwrap()
    });
    let noted = Arc::new(Mutex::new(None));
    let note = Arc::clone(&noted);
    future.add_done_callback(move |done| *note.lock().unwrap() = done.exception().unwrap());
    turns(&event_loop, 10);
    assert!(exception_of(future.result()).same_object(&raised));
    let awaited = event_loop.run_until_complete(future.clone()).unwrap_err();
    assert!(awaited.same_object(&raised));
    elsewhere(|| assert!(exception_of(future.clone().result()).same_object(&raised)));
    assert!(noted.lock().unwrap().as_ref().unwrap().same_object(&raised));
}

//= SPEC.md#x-1
//= type=test
//# Every clone of an `Exception` MUST be the same object: identity is kept from the place that
//# raised it to every place that observes it.
#[test]
fn x1_the_handler_gets_the_object_that_was_raised() {
    let event_loop = virtual_loop();
    let reports = record_reports(&event_loop);
    let raised: Vec<_> = ["callback", "task", "factory"].map(Exception::new).into();
    // An exception that unwinds is not wrapped again.
    let unwinds = raised[0].clone();
    event_loop.call_soon(move || resume_unwind(Box::new(unwinds))).unwrap();
    let fails = raised[1].clone();
    drop(event_loop.create_task(async { Err::<(), _>(fails) }).unwrap());
    turns(&event_loop, 3);
    let refuses = raised[2].clone();
    event_loop.set_task_factory(move |_| Err(refuses.clone()));
    let handle = event_loop.handle();
    let future = elsewhere(|| handle.run_coroutine_threadsafe(async { Ok(()) }).unwrap());
    turns(&event_loop, 3);
    assert!(exception_of(future.result()).same_object(&raised[2]));
    let reported: Vec<_> =
        reports.entries().into_iter().map(|context| context.exception.unwrap()).collect();
    assert_eq!(reported.len(), 3);
    for (reported, raised) in reported.iter().zip(&raised) {
        assert!(reported.same_object(raised), "{reported} is not {raised}");
    }
}

/// Lets every kind of user code panic with `payload`, and collects what became of it.
fn panics_everywhere<P: Clone + Send + Sync + 'static>(
    payload: &P,
) -> Vec<(&'static str, Exception)> {
    let event_loop = virtual_loop();
    let reports = record_reports(&event_loop);
    let handle = event_loop.handle();
    let boom = || {
        let payload = payload.clone();
        move || -> () { panic_with(payload.clone()) }
    };
    let mut caught = Vec::new();

    let in_first_step = boom();
    let result = event_loop.run_until_complete(async move {
        in_first_step();
        Ok(())
    });
    caught.push(("coroutine", result.unwrap_err()));
    let in_second_step = boom();
    let result = event_loop.run_until_complete(async move {
        yield_now().await?;
        in_second_step();
        Ok(())
    });
    caught.push(("coroutine that went on", result.unwrap_err()));
    let in_submission = boom();
    let submitted = elsewhere(|| {
        handle
            .run_coroutine_threadsafe(async move {
                in_submission();
                Ok(())
            })
            .unwrap()
    });
    turns(&event_loop, 4);
    caught.push(("submission", exception_of(submitted.result())));
    let in_build = boom();
    let build = move || {
        in_build();
        std::future::ready(Ok(()))
    };
    let submitted = elsewhere(|| handle.run_coroutine_threadsafe_with(build).unwrap());
    turns(&event_loop, 4);
    caught.push(("builder of a submission", exception_of(submitted.result())));

    let in_factory = boom();
    event_loop.set_task_factory(move |_| {
        in_factory();
        unreachable!("panicked")
    });
    let refused = event_loop.create_task(async { Ok(()) }).unwrap_err();
    caught.push(("factory", refused));
    event_loop.reset_task_factory();

    let in_executor = boom();
    let function = move || -> Result<(), Exception> {
        in_executor();
        Ok(())
    };
    let work = event_loop.run_in_executor(None, function).unwrap();
    caught.push(("executor function", event_loop.run_until_complete(work).unwrap_err()));

    event_loop.call_soon(boom()).unwrap();
    handle.call_soon_threadsafe(boom()).unwrap();
    event_loop.call_later(Duration::ZERO, boom()).unwrap();
    let (reader, mut writer) = UnixStream::pair().unwrap();
    writer.write_all(b"x").unwrap();
    event_loop.add_reader(&reader, boom()).unwrap();
    let (promise, future) = event_loop.create_future();
    let in_done = boom();
    future.add_done_callback(move |_| in_done());
    promise.set_result(()).unwrap();
    let seen = reports.entries().len();
    turns(&event_loop, 1);
    let names = ["callback", "post", "done-callback", "reader", "timer"];
    let told = reports.entries().split_off(seen);
    assert_eq!(told.len(), names.len());
    let told = told.into_iter().map(|context| context.exception.unwrap());
    caught.extend(names.into_iter().zip(told));
    caught
}

//= SPEC.md#x-2
//= type=test
//# A panic in a coroutine, callback, factory or executor function MUST become an `Exception` that
//# carries the panic's payload and, when a message is known, its text.
#[test]
fn x2_a_panic_becomes_an_exception_with_its_text() {
    let texts =
        panics_everywhere(&"a text").into_iter().chain(panics_everywhere(&"a text".to_owned()));
    for (place, exception) in texts {
        assert_eq!(exception.panic_message(), Some("a text"), "{place}");
        assert!(exception.to_string().contains("a text"), "{place}: {exception}");
        assert!(!exception.is_cancelled(), "{place}");
    }
}

//= SPEC.md#x-2
//= type=test
//# A panic in a coroutine, callback, factory or executor function MUST become an `Exception` that
//# carries the panic's payload and, when a message is known, its text.
#[test]
fn x2_a_panic_becomes_an_exception_with_its_payload() {
    #[derive(Clone, Debug, PartialEq)]
    struct Payload(u32);
    for (place, exception) in panics_everywhere(&Payload(7)) {
        assert!(exception.panic_message().is_some(), "{place}");
        let clone = exception.clone();
        let payload = exception.take_panic_payload().unwrap_or_else(|| panic!("{place}: none"));
        assert_eq!(payload.downcast_ref(), Some(&Payload(7)), "{place}");
        assert!(clone.take_panic_payload().is_none(), "once, by whichever clone");
    }
}

//= SPEC.md#x-2
//= type=test
//# A panic in a coroutine, callback, factory or executor function MUST become an `Exception` that
//# carries the panic's payload and, when a message is known, its text.
#[test]
fn x2_an_exception_that_unwinds_stays_what_it_is() {
    let raised = Exception::new("raised");
    for (place, exception) in panics_everywhere(&raised) {
        assert!(exception.same_object(&raised), "{place}");
    }
}

//= SPEC.md#x-3
//= type=test
//# Converting a `ResultError` or a `RunError` that carries an `Exception` into an `Exception` MUST
//# yield the carried object and not a wrapper around it.
#[test]
fn x3_a_result_error_yields_the_exception_that_it_carries() {
    let raised = Exception::new("raised");
    assert!(Exception::from(ResultError::Exception(raised.clone())).same_object(&raised));
    assert!(Exception::new(ResultError::Exception(raised.clone())).same_object(&raised));
    assert!(Exception::from(RunError::Exit(raised.clone())).same_object(&raised));
    assert!(Exception::new(RunError::Exit(raised.clone())).same_object(&raised));
    let cancelled = Cancelled::with_message("why");
    for converted in [
        Exception::from(ResultError::Cancelled(cancelled.clone())),
        Exception::new(ResultError::Cancelled(cancelled.clone())),
        Exception::from(cancelled.clone()),
        Exception::new(cancelled.clone()),
    ] {
        assert_eq!(converted.cancelled(), Some(&cancelled), "a cancellation stays one");
    }
    let exit = ExitRequest { code: 2 };
    assert_eq!(Exception::from(exit).exit_request(), Some(exit));
    assert_eq!(Exception::new(exit).exit_request(), Some(exit));
    // Those that carry none are errors like any other.
    let timed_out = Exception::from(ResultError::TimedOut);
    assert!(matches!(timed_out.downcast_ref(), Some(ResultError::TimedOut)));
    let closed = Exception::from(RunError::Closed);
    assert!(matches!(closed.downcast_ref(), Some(RunError::Closed)));
}

//= SPEC.md#x-3
//= type=test
//# Converting a `ResultError` or a `RunError` that carries an `Exception` into an `Exception` MUST
//# yield the carried object and not a wrapper around it.
#[test]
fn x3_the_question_mark_keeps_identity_and_cancellation() {
    let event_loop = virtual_loop();
    let raised = Exception::new("raised");
    let (promise, source) = concurrent::promise::<()>();
    promise.set_exception(raised.clone()).unwrap();
    // A wait, and a join, inside a coroutine.
    let waits = async move { Ok(source.result()?) };
    assert!(event_loop.run_until_complete(waits).unwrap_err().same_object(&raised));
    let (promise, source) = concurrent::promise::<()>();
    assert!(source.cancel());
    drop(promise);
    let waits = async move { Ok(source.result()?) };
    let task = event_loop.create_task(waits).unwrap();
    assert!(event_loop.run_until_complete(task.clone()).unwrap_err().is_cancelled());
    assert!(task.cancelled(), "the cancellation is the task's own outcome");
    let sleeps = event_loop.create_task(sleep(Duration::from_secs(1))).unwrap();
    assert!(sleeps.cancel());
    let joins = async move {
        sleeps.clone().await.unwrap_err();
        Ok(sleeps.result()?)
    };
    let task = event_loop.create_task(joins).unwrap();
    event_loop.run_until_complete(task.clone()).unwrap_err();
    assert!(task.cancelled());
    // The run of another loop, on a thread of its own.
    let exit = elsewhere(|| {
        let other = virtual_loop();
        let ends = |event_loop: &EventLoop| -> Result<(), Exception> {
            event_loop.call_soon(|| ExitRequest { code: 5 }.raise())?;
            Ok(event_loop.run_forever()?)
        };
        ends(&other).unwrap_err()
    });
    assert_eq!(exit.exit_request(), Some(ExitRequest { code: 5 }));
}

/// Each says what happened, and those of the user's making what to do instead.
#[test]
fn every_error_has_a_text_of_its_own() {
    let os = || std::io::Error::other("no descriptors");
    let why = || Exception::new("no licence");
    let texts: Vec<(Exception, &str)> = vec![
        (Cancelled::default().into(), "cancelled"),
        (Cancelled::with_message("enough").into(), "cancelled: enough"),
        (ExitRequest { code: 3 }.into(), "code 3"),
        (Exception::from_panic(Box::new("oh")), "panicked: oh"),
        (ResultError::TimedOut.into(), "timed out"),
        (ResultError::Pending.into(), "pending; await it"),
        (ResultError::WouldDeadlock.into(), "deadlock"),
        (RunError::AlreadyRunning.into(), "already running"),
        (RunError::OtherLoopRunning.into(), "another event loop"),
        (RunError::Closed.into(), "closed"),
        (RunError::StoppedBeforeDone.into(), "stopped before"),
        (RunError::Poll(os()).into(), "cannot sleep: no descriptors"),
        (LoopClosed.into(), "the event loop is closed; make a new one"),
        (BrokenPromise.into(), "dropped before it completed"),
        (InvalidState { rejected: 3, cancelled: true }.into(), "cancelled"),
        (InvalidState { rejected: 3, cancelled: false }.into(), "completed already"),
        (concurrent::EmptySet.into(), "empty"),
        (concurrent::Unfinished { unfinished: 2, total: 5 }.into(), "2 (of 5) futures unfinished"),
        (SubmitError::ShutDown.into(), "shut down"),
        (SubmitError::Broken(why()).into(), "initializer failed: no licence"),
        (
            SubmitError::NoThread(why()).into(),
            "no thread could be started for the work: no licence",
        ),
        (SubmitError::LoopClosed.into(), "closed"),
        (ThreadPoolError::ZeroWorkers.into(), "at least one worker"),
        (ShutdownError::FromOwnWorker.into(), "from another thread"),
        (ShutdownError::TimedOut { workers: 7 }.into(), "7 workers"),
        (ForeignLoop.into(), "another event loop"),
        (WatchError::AlreadyWatched.into(), "watched in this direction already"),
        (WatchError::LoopClosed.into(), "closed"),
        (WatchError::Os(os()).into(), "cannot be watched: no descriptors"),
        (DeadlineOverflow.into(), "beyond the clock's range"),
        (PostError::LoopClosed.into(), "closed"),
        (PostError::WakeFailed(os()).into(), "cannot be woken, the work was withdrawn: no desc"),
        (TimeoutError.into(), "the time was up"),
        (NotInTask.into(), "outside a task"),
        (AwaitsItself.into(), "cannot await itself"),
        (NoRunningLoop.into(), "no event loop is running"),
        (FactoryError::OtherLoop.into(), "of another loop"),
        (FactoryError::OtherCoroutine.into(), "of another coroutine"),
    ];
    for (error, text) in texts {
        assert!(error.to_string().contains(text), "{error:?} says {:?}", error.to_string());
    }
    // The carried exception speaks for itself, also where it is not unpacked.
    assert_eq!(ResultError::Exception(why()).to_string(), "no licence");
    assert_eq!(ResultError::Cancelled(Cancelled::default()).to_string(), "cancelled");
    assert_eq!(
        RunError::Exit(ExitRequest { code: 4 }.into()).to_string(),
        "exit requested with code 4"
    );
}
