//! Clauses T-14 to T-16: task factories, and what happens when one fails.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use loopgate::{
    ConcurrentFuture, Coroutine, EventLoop, Exception, ExitRequest, FactoryError, NewTask,
    ResultError, RunError, Task, current_task, get_running_loop, sleep, yield_now,
};

use super::{Dropped, Oops, run_dry, secs, turns};
use crate::support::{record_reports, virtual_loop};

type Factory = Box<dyn Fn(Coroutine) -> Result<NewTask, Exception>>;

/// A task of `event_loop` that its creator was told nothing of.
fn stray_task(event_loop: &EventLoop) -> NewTask {
    let kept: Rc<RefCell<Option<NewTask>>> = Rc::default();
    let keep = Rc::clone(&kept);
    event_loop.set_task_factory(move |coroutine| {
        keep.replace(Some(coroutine.into_task()));
        Err(Exception::new("kept"))
    });
    let refused: Result<Task<()>, _> =
        event_loop.create_task(async { unreachable!("its creation failed") });
    assert_eq!(refused.unwrap_err().to_string(), "kept");
    event_loop.reset_task_factory();
    kept.take().unwrap()
}

/// Every way to fail, with what the exception must be; the second loop has to live as long.
fn failing_factories(
    event_loop: &EventLoop,
) -> Vec<(&'static str, Factory, fn(&Exception) -> bool)> {
    let other_loop = virtual_loop();
    let of_other_loop = RefCell::new(Some(stray_task(&other_loop)));
    let of_other_coroutine = RefCell::new(Some(stray_task(event_loop)));
    let kept = RefCell::new(Vec::new());
    vec![
        ("error", Box::new(|_| Err(Oops.into())), |e| e.is::<Oops>()),
        (
            "error after making the task",
            Box::new(|c| {
                let _made = c.into_task();
                Err(Oops.into())
            }),
            |e| e.is::<Oops>(),
        ),
        ("panic", Box::new(|_| panic!("wrong_name")), |e| e.panic_message() == Some("wrong_name")),
        (
            "panic after making the task",
            Box::new(|c| {
                let _made = c.into_task();
                panic!("wrong_name")
            }),
            |e| e.panic_message() == Some("wrong_name"),
        ),
        (
            "task of another loop",
            Box::new(move |_| {
                let _keep_alive = &other_loop;
                Ok(of_other_loop.take().expect("called once"))
            }),
            |e| e.downcast_ref() == Some(&FactoryError::OtherLoop),
        ),
        (
            "task of another coroutine",
            Box::new(move |_| Ok(of_other_coroutine.take().expect("called once"))),
            |e| e.downcast_ref() == Some(&FactoryError::OtherCoroutine),
        ),
        (
            "coroutine kept for later",
            Box::new(move |c| {
                kept.borrow_mut().push(c);
                Err(Oops.into())
            }),
            |e| e.is::<Oops>(),
        ),
    ]
}

// ---- T-14 ----------------------------------------------------------------------------------------------

//= SPEC.md#t-14
//= type=test
//# A task factory that fails, panics, or returns a task of another loop or of another coroutine
//# MUST make the creation fail with that exception, MUST drop the coroutine, and MUST NOT stop the
//# loop.
#[test]
fn t14_the_creation_fails_and_drops_the_coroutine_and_the_loop_goes_on() {
    for index in 0..failing_factories(&virtual_loop()).len() {
        let event_loop = virtual_loop();
        let reports = record_reports(&event_loop);
        let (name, factory, expected) = failing_factories(&event_loop).swap_remove(index);
        event_loop.set_task_factory(factory);
        let (begun, went_on) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(false)));
        let (note_begun, note_went_on) = (Rc::clone(&begun), Rc::clone(&went_on));
        event_loop
            .call_soon(move || {
                let guard = Dropped::default();
                let dropped = guard.flag();
                let failed = get_running_loop().unwrap().create_task(async move {
                    let _guard = guard;
                    note_begun.set(true);
                    yield_now().await
                });
                let exception = failed.unwrap_err();
                assert!(expected(&exception), "{name}: {exception}");
                assert!(dropped.get(), "{name}");
                note_went_on.set(true);
            })
            .unwrap();
        turns(&event_loop, 1);
        assert!(went_on.get(), "{name}");
        assert!(event_loop.all_tasks().is_empty(), "{name}");
        run_dry(&event_loop);
        assert!(!begun.get(), "{name}");
        // The creator was told, so nobody else is; and the loop makes tasks again.
        assert!(reports.entries().is_empty(), "{name}: {:?}", reports.entries());
        event_loop.reset_task_factory();
        assert_eq!(event_loop.run_until_complete(async { Ok(3) }).unwrap(), 3, "{name}");
    }
}

//= SPEC.md#t-14
//= type=test
//# A task factory that fails, panics, or returns a task of another loop or of another coroutine
//# MUST make the creation fail with that exception, MUST drop the coroutine, and MUST NOT stop the
//# loop.
#[test]
fn t14_the_creator_gets_the_very_exception() {
    let event_loop = virtual_loop();
    let raised = Exception::from(Oops);
    let raise = raised.clone();
    event_loop.set_task_factory(move |_| Err(raise.clone()));
    assert!(event_loop.create_task(async { Ok(()) }).unwrap_err().same_object(&raised));
    let raise = raised.clone();
    event_loop.set_task_factory(move |_| std::panic::panic_any(raise.clone()));
    assert!(event_loop.create_task(async { Ok(()) }).unwrap_err().same_object(&raised));
}

//= SPEC.md#t-14
//= type=test
//# A task factory that fails, panics, or returns a task of another loop or of another coroutine
//# MUST make the creation fail with that exception, MUST drop the coroutine, and MUST NOT stop the
//# loop.
#[test]
fn t14_a_run_whose_task_cannot_be_made_is_refused_and_leaves_nothing() {
    let event_loop = virtual_loop();
    event_loop.set_task_factory(|_| Err(Oops.into()));
    assert!(event_loop.run_until_complete(async { Ok(()) }).unwrap_err().is::<Oops>());
    event_loop.reset_task_factory();
    assert!(!event_loop.is_running());
    assert_eq!(event_loop.run_until_complete(async { Ok(3) }).unwrap(), 3);
}

//= SPEC.md#t-14
//= type=test
//# A task factory that fails, panics, or returns a task of another loop or of another coroutine
//# MUST make the creation fail with that exception, MUST drop the coroutine, and MUST NOT stop the
//# loop.
#[test]
fn t14_a_coroutine_kept_for_later_never_runs() {
    let event_loop = virtual_loop();
    let kept: Rc<RefCell<Vec<Coroutine>>> = Rc::default();
    let keep = Rc::clone(&kept);
    event_loop.set_task_factory(move |coroutine| {
        keep.borrow_mut().push(coroutine);
        Err(Oops.into())
    });
    let guard = Dropped::default();
    let dropped = guard.flag();
    let refused: Result<Task<()>, _> = event_loop.create_task(async move {
        let _guard = guard;
        unreachable!("its creation failed")
    });
    assert!(refused.is_err() && dropped.get());
    event_loop.reset_task_factory();
    let too_late = kept.borrow_mut().pop().unwrap().into_task();
    run_dry(&event_loop);
    assert!(event_loop.all_tasks().is_empty());
    // Nor can it stand in for another.
    let too_late = RefCell::new(Some(too_late));
    event_loop.set_task_factory(move |_| Ok(too_late.take().expect("called once")));
    let error = event_loop.create_task(async { Ok(()) }).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&FactoryError::OtherCoroutine));
}

//= SPEC.md#t-14
//= type=test
//# A task factory that fails, panics, or returns a task of another loop or of another coroutine
//# MUST make the creation fail with that exception, MUST drop the coroutine, and MUST NOT stop the
//# loop.
#[test]
fn t14_a_kept_coroutine_may_outlive_its_loop() {
    let kept: Rc<RefCell<Vec<Coroutine>>> = Rc::default();
    let keep = Rc::clone(&kept);
    let event_loop = virtual_loop();
    event_loop.set_task_factory(move |coroutine| {
        keep.borrow_mut().push(coroutine);
        Err(Oops.into())
    });
    let refused: Result<Task<()>, _> = event_loop.create_task(async { Ok(()) });
    assert!(refused.is_err());
    drop(event_loop);
    let coroutine = kept.borrow_mut().pop().unwrap();
    assert!(coroutine.name().starts_with("Task-"));
    let _made = coroutine.into_task();
}

//= SPEC.md#t-14
//= type=test
//# A task factory that fails, panics, or returns a task of another loop or of another coroutine
//# MUST make the creation fail with that exception, MUST drop the coroutine, and MUST NOT stop the
//# loop.
#[test]
fn t14_a_task_made_and_then_refused_is_not_stepped() {
    let event_loop = virtual_loop();
    let made: Rc<Cell<usize>> = Rc::default();
    let count = Rc::clone(&made);
    event_loop.set_task_factory(move |coroutine| {
        count.set(count.get() + 1);
        let task = coroutine.into_task();
        if count.get() == 1 { Err(Oops.into()) } else { Ok(task) }
    });
    let stepped = Rc::new(Cell::new(false));
    let note = Rc::clone(&stepped);
    // Not a panic: a task that nobody holds would keep it to itself.
    let refused = event_loop.create_task(async move {
        note.set(true);
        Ok(())
    });
    assert!(refused.is_err());
    let accepted = event_loop.create_task(async { Ok(3) }).unwrap();
    run_dry(&event_loop);
    assert_eq!(accepted.result().unwrap(), 3);
    assert!(!stepped.get(), "its creation failed, and it was stepped");
}

//= SPEC.md#t-14
//= type=test
//# A task factory that fails, panics, or returns a task of another loop or of another coroutine
//# MUST make the creation fail with that exception, MUST drop the coroutine, and MUST NOT stop the
//# loop.
#[test]
fn t14_a_factory_may_replace_itself() {
    let event_loop = virtual_loop();
    event_loop.set_task_factory(|coroutine| {
        get_running_loop()?.reset_task_factory();
        coroutine.set_name("made by the first");
        Ok(coroutine.into_task())
    });
    let made = event_loop.run_until_complete(async {
        let next = get_running_loop()?.create_task(async { Ok(()) })?;
        Ok((current_task().map(|task| task.name()), next.name()))
    });
    let (first, second) = made.unwrap();
    assert_eq!(first.as_deref(), Some("made by the first"));
    assert_ne!(second, "made by the first");
}

//= SPEC.md#t-14
//= type=test
//# A task factory that fails, panics, or returns a task of another loop or of another coroutine
//# MUST make the creation fail with that exception, MUST drop the coroutine, and MUST NOT stop the
//# loop.
#[test]
fn t14_a_factory_may_itself_make_tasks() {
    let event_loop = virtual_loop();
    let helping = Rc::new(Cell::new(false));
    event_loop.set_task_factory(move |coroutine| {
        if !helping.replace(true) {
            let local = get_running_loop()?;
            local.create_task(sleep(secs(1)))?.set_name("helper");
        }
        Ok(coroutine.into_task())
    });
    event_loop
        .call_soon(|| {
            let _task = get_running_loop().unwrap().create_task(sleep(secs(2))).unwrap();
        })
        .unwrap();
    turns(&event_loop, 1);
    let names: Vec<_> = event_loop.all_tasks().iter().map(loopgate::TaskRef::name).collect();
    assert_eq!(names.len(), 2);
    assert!(names.contains(&"helper".to_owned()));
    run_dry(&event_loop);
}

//= SPEC.md#t-14
//= type=test
//# A task factory that fails, panics, or returns a task of another loop or of another coroutine
//# MUST make the creation fail with that exception, MUST drop the coroutine, and MUST NOT stop the
//# loop.
#[test]
fn t14_a_factory_that_succeeds_has_its_way() {
    let event_loop = virtual_loop();
    let seen: Rc<RefCell<Vec<u64>>> = Rc::default();
    let note = Rc::clone(&seen);
    event_loop.set_task_factory(move |coroutine| {
        note.borrow_mut().push(coroutine.id());
        coroutine.set_name(&format!("made-{}", note.borrow().len()));
        Ok(coroutine.into_task())
    });
    let first = event_loop.create_task(async { Ok(1) }).unwrap();
    let submitted = event_loop.handle().run_coroutine_threadsafe(async {
        Ok(current_task().map(|task| task.name()).unwrap_or_default())
    });
    run_dry(&event_loop);
    assert_eq!((first.name().as_str(), first.result().unwrap()), ("made-1", 1));
    assert_eq!(submitted.unwrap().result().unwrap(), "made-2");
    assert_eq!(seen.borrow().len(), 2);
    assert_eq!(seen.borrow()[0], first.id());
}

// ---- T-15 ----------------------------------------------------------------------------------------------

/// The exception that a submission ended with.
fn exception_of(future: &ConcurrentFuture<()>) -> Exception {
    match future.result_timeout(secs(60)) {
        Err(ResultError::Exception(exception)) => exception,
        other => panic!("{other:?}"),
    }
}

//= SPEC.md#t-15
//= type=test
//# When a factory fails for a submission, the submitter's future and the exception handler MUST get
//# the same exception object, the handler exactly once.
#[test]
fn t15_submitter_and_handler_get_the_same_exception_and_the_handler_once() {
    for index in 0..failing_factories(&virtual_loop()).len() {
        let event_loop = virtual_loop();
        let reports = record_reports(&event_loop);
        let (name, factory, expected) = failing_factories(&event_loop).swap_remove(index);
        event_loop.set_task_factory(factory);
        let handle = event_loop.handle();
        let submitter = std::thread::spawn(move || {
            let future = handle.run_coroutine_threadsafe(async { unreachable!("it has no task") });
            let exception = exception_of(&future.unwrap());
            handle.stop().unwrap();
            exception
        });
        event_loop.run_forever().unwrap();
        let exception = submitter.join().unwrap();
        assert!(expected(&exception), "{name}: {exception}");
        // Whatever is still queued, or dropped with the loop, adds nothing.
        run_dry(&event_loop);
        event_loop.close().unwrap();
        drop(event_loop);
        let reports = reports.entries();
        assert_eq!(reports.len(), 1, "{name}: {reports:?}");
        assert!(reports[0].exception.as_ref().unwrap().same_object(&exception), "{name}");
    }
}

//= SPEC.md#t-15
//= type=test
//# When a factory fails for a submission, the submitter's future and the exception handler MUST get
//# the same exception object, the handler exactly once.
#[test]
fn t15_the_coroutine_is_dropped_unrun_and_the_loop_serves_the_next() {
    struct Tell(Arc<AtomicBool>);
    impl Drop for Tell {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let event_loop = virtual_loop();
    let _reports = record_reports(&event_loop);
    let calls = Cell::new(0);
    event_loop.set_task_factory(move |coroutine| {
        calls.set(calls.get() + 1);
        if calls.get() == 1 { Err(Oops.into()) } else { Ok(coroutine.into_task()) }
    });
    let dropped = Arc::new(AtomicBool::new(false));
    let guard = Tell(Arc::clone(&dropped));
    let handle = event_loop.handle();
    let refused = handle.run_coroutine_threadsafe(async move {
        let _guard = guard;
        unreachable!("it has no task")
    });
    let refused: ConcurrentFuture<()> = refused.unwrap();
    let served = handle.run_coroutine_threadsafe(async { Ok(3) }).unwrap();
    run_dry(&event_loop);
    assert!(exception_of(&refused).is::<Oops>() && refused.ended());
    assert!(dropped.load(Ordering::SeqCst));
    assert_eq!(served.result().unwrap(), 3);
}

//= SPEC.md#t-15
//= type=test
//# When a factory fails for a submission, the submitter's future and the exception handler MUST get
//# the same exception object, the handler exactly once.
#[test]
fn t15_a_builder_that_panics_fails_its_submission_in_the_same_way() {
    let event_loop = virtual_loop();
    let reports = record_reports(&event_loop);
    let future = event_loop.handle().run_coroutine_threadsafe_with(|| {
        if true {
            panic!("wrong_name")
        }
        yield_now()
    });
    let future = future.unwrap();
    run_dry(&event_loop);
    let exception = exception_of(&future);
    assert_eq!(exception.panic_message(), Some("wrong_name"));
    let reports = reports.entries();
    assert_eq!(reports.len(), 1);
    assert!(reports[0].exception.as_ref().unwrap().same_object(&exception));
}

//= SPEC.md#t-15
//= type=test
//# When a factory fails for a submission, the submitter's future and the exception handler MUST get
//# the same exception object, the handler exactly once.
//= SPEC.md#s-9
//= type=test
//# An exit request MUST leave the run at once, after the future of the work that raised it is done,
//# with the rest of the batch still queued in order.
#[test]
fn t15_an_exit_request_of_the_factory_reaches_the_submitter_and_ends_the_run() {
    let event_loop = virtual_loop();
    let reports = record_reports(&event_loop);
    event_loop.set_task_factory(|_| ExitRequest { code: 7 }.raise());
    let future = event_loop.handle().run_coroutine_threadsafe(async { Ok(()) }).unwrap();
    let exit = match event_loop.run_forever() {
        Err(RunError::Exit(exit)) => exit,
        other => panic!("{other:?}"),
    };
    assert_eq!(exit.exit_request(), Some(ExitRequest { code: 7 }));
    assert!(exception_of(&future).same_object(&exit));
    assert!(reports.entries().is_empty());
}

// ---- T-16 ----------------------------------------------------------------------------------------------

//= SPEC.md#t-16
//= type=test
//# When a factory fails for a submission that was already cancelled, only the exception handler
//# MUST get the exception.
#[test]
fn t16_a_cancelled_submission_leaves_the_exception_to_the_handler() {
    for index in 0..failing_factories(&virtual_loop()).len() {
        let event_loop = virtual_loop();
        let reports = record_reports(&event_loop);
        let (name, factory, expected) = failing_factories(&event_loop).swap_remove(index);
        event_loop.set_task_factory(factory);
        let future: ConcurrentFuture<()> = event_loop
            .handle()
            .run_coroutine_threadsafe(async { unreachable!("it has no task") })
            .unwrap();
        assert!(future.cancel());
        assert!(!future.ended(), "the loop has not seen it");
        run_dry(&event_loop);
        assert!(future.cancelled() && future.ended(), "{name}");
        assert!(matches!(future.result(), Err(ResultError::Cancelled(_))), "{name}");
        drop(event_loop);
        let reports = reports.entries();
        assert_eq!(reports.len(), 1, "{name}: {reports:?}");
        assert!(expected(reports[0].exception.as_ref().unwrap()), "{name}");
    }
}

//= SPEC.md#t-16
//= type=test
//# When a factory fails for a submission that was already cancelled, only the exception handler
//# MUST get the exception.
#[test]
fn t16_a_submission_cancelled_inside_the_factory_counts_as_cancelled() {
    let event_loop = virtual_loop();
    let reports = record_reports(&event_loop);
    let submitted: Rc<RefCell<Option<ConcurrentFuture<()>>>> = Rc::default();
    let cancels = Rc::clone(&submitted);
    event_loop.set_task_factory(move |_| {
        assert!(cancels.borrow().as_ref().unwrap().cancel());
        Err(Oops.into())
    });
    let future = event_loop.handle().run_coroutine_threadsafe(async { Ok(()) }).unwrap();
    submitted.replace(Some(future.clone()));
    run_dry(&event_loop);
    assert!(future.cancelled() && future.ended());
    assert_eq!(reports.entries().len(), 1);
}
