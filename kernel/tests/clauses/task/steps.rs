//! Clauses T-1 to T-3: how a task begins, is polled and ends.

use super::*;

//= SPEC.md#t-1
//= type=test
//# Creating a task MUST queue its first step and MUST NOT run any of it.
#[test]
fn t1_creating_a_task_runs_nothing_of_it() {
    let event_loop = virtual_loop();
    let begun = Rc::new(Cell::new(false));
    let noted = Rc::clone(&begun);
    let task = event_loop
        .create_task(async move {
            noted.set(true);
            Ok(())
        })
        .unwrap();
    assert!(!begun.get() && !task.done());
    assert_eq!(event_loop.poll_timeout(), Some(Duration::ZERO), "its first step is queued");
    turns(&event_loop, 1);
    assert!(begun.get() && task.done());
}

//= SPEC.md#t-1
//= type=test
//# Creating a task MUST queue its first step and MUST NOT run any of it.
#[test]
fn t1_a_task_created_in_a_callback_begins_in_the_next_iteration() {
    let event_loop = virtual_loop();
    let log = Log::default();
    let noted = log.clone();
    event_loop
        .call_soon(move || {
            let in_task = noted.clone();
            let created = get_running_loop().unwrap().create_task(async move {
                in_task.note("step");
                Ok(())
            });
            noted.note("created");
            assert!(created.is_ok());
        })
        .unwrap();
    turns(&event_loop, 1);
    assert_eq!(log.entries(), ["created"]);
    turns(&event_loop, 1);
    assert_eq!(log.entries(), ["created", "step"]);
}

//= SPEC.md#t-1
//= type=test
//# Creating a task MUST queue its first step and MUST NOT run any of it.
#[test]
fn t1_the_first_step_has_its_turn_among_callbacks() {
    let event_loop = virtual_loop();
    let log = Log::default();
    let note = |entry| {
        let log = log.clone();
        move || log.note(entry)
    };
    event_loop.call_soon(note("before")).unwrap();
    let step = note("step");
    let _task = event_loop
        .create_task(async move {
            let _: () = step();
            Ok(())
        })
        .unwrap();
    event_loop.call_soon(note("after")).unwrap();
    turns(&event_loop, 1);
    assert_eq!(log.entries(), ["before", "step", "after"]);
}

//= SPEC.md#t-1
//= type=test
//# Creating a task MUST queue its first step and MUST NOT run any of it.
#[test]
fn t1_a_factory_does_not_run_the_first_step_either() {
    let event_loop = virtual_loop();
    event_loop.set_task_factory(|coroutine| Ok(coroutine.into_task()));
    let begun = Rc::new(Cell::new(false));
    let noted = Rc::clone(&begun);
    let task = event_loop
        .create_task(async move {
            noted.set(true);
            Ok(())
        })
        .unwrap();
    assert!(!begun.get());
    run_dry(&event_loop);
    assert!(begun.get() && task.done());
}

//= SPEC.md#t-2
//= type=test
//# A coroutine's `Err` MUST become the task's exception, its `Err(Cancelled)` MUST make the task
//# cancelled, and its value the result.
#[test]
fn t2_a_value_is_the_result() {
    let event_loop = virtual_loop();
    let task = event_loop.create_task(async { Ok("value".to_owned()) }).unwrap();
    assert!(matches!(task.result(), Err(ResultError::Pending)));
    run_dry(&event_loop);
    assert!(task.done() && !task.cancelled());
    assert_eq!(task.result().unwrap(), "value");
    assert!(task.exception().unwrap().is_none());
}

//= SPEC.md#t-2
//= type=test
//# A coroutine's `Err` MUST become the task's exception, its `Err(Cancelled)` MUST make the task
//# cancelled, and its value the result.
#[test]
fn t2_an_error_is_the_exception_and_the_same_object() {
    let event_loop = virtual_loop();
    let raised = Exception::from(Oops);
    let raise = raised.clone();
    let task = event_loop.create_task(async move { Err::<(), _>(raise) }).unwrap();
    run_dry(&event_loop);
    assert!(task.done() && !task.cancelled());
    assert!(task.exception().unwrap().unwrap().same_object(&raised));
    match task.result() {
        Err(ResultError::Exception(seen)) => assert!(seen.same_object(&raised)),
        other => panic!("{other:?}"),
    }
}

//= SPEC.md#t-2
//= type=test
//# A coroutine's `Err` MUST become the task's exception, its `Err(Cancelled)` MUST make the task
//# cancelled, and its value the result.
#[test]
fn t2_err_cancelled_makes_the_task_cancelled_without_a_request() {
    let event_loop = virtual_loop();
    let task = event_loop
        .create_task(async { Err::<(), Exception>(Cancelled::with_message("mine").into()) })
        .unwrap();
    run_dry(&event_loop);
    assert!(task.done() && task.cancelled());
    assert_eq!(task.cancelling(), 0);
    match task.result() {
        Err(ResultError::Cancelled(cancelled)) => assert_eq!(cancelled.message(), Some("mine")),
        other => panic!("{other:?}"),
    }
    assert!(matches!(task.exception(), Err(ResultError::Cancelled(_))));
}

//= SPEC.md#t-2
//= type=test
//# A coroutine's `Err` MUST become the task's exception, its `Err(Cancelled)` MUST make the task
//# cancelled, and its value the result.
#[test]
fn t2_a_cancel_found_in_a_result_cancels_through_the_question_mark() {
    let event_loop = virtual_loop();
    let (_promise, source) = event_loop.create_future::<()>();
    assert!(source.cancel_with_message("found"));
    let task = event_loop.create_task(async move { Ok(source.result()?) }).unwrap();
    run_dry(&event_loop);
    assert!(task.cancelled());
    assert_eq!(message_of(&task.result().map_err(Exception::from)).unwrap(), "found");
}

//= SPEC.md#t-2
//= type=test
//# A coroutine's `Err` MUST become the task's exception, its `Err(Cancelled)` MUST make the task
//# cancelled, and its value the result.
#[test]
fn t2_a_panic_is_the_exception() {
    let event_loop = virtual_loop();
    let task: Task<()> = event_loop.create_task(async { panic!("on purpose") }).unwrap();
    run_dry(&event_loop);
    let exception = task.exception().unwrap().unwrap();
    assert_eq!(exception.panic_message(), Some("on purpose"));
}

/// How a coroutine can come to its end, with what brings it about from outside.
fn endings() -> Vec<(&'static str, Boxed<()>, fn(&Task<()>))> {
    let leave: fn(&Task<()>) = |_| {};
    let cancel: fn(&Task<()>) = |task| assert!(task.cancel());
    vec![
        ("value", Box::pin(async { Ok(()) }), leave),
        ("error", Box::pin(async { Err(Oops.into()) }), leave),
        ("cancelled by itself", Box::pin(async { Err(Cancelled::default().into()) }), leave),
        ("panic", Box::pin(async { panic!("on purpose") }), leave),
        ("cancelled in a sleep", Box::pin(sleep(secs(1))), cancel),
        ("cancelled in a foreign await", Box::pin(pending()), cancel),
    ]
}

/// A task of `ending` that notes what others can see of it while its coroutine is being dropped.
fn observed_drop(event_loop: &EventLoop, ending: Boxed<()>, log: &Log<&'static str>) -> Task<()> {
    let itself: Rc<OnceCell<Task<()>>> = Rc::default();
    let (known, noted) = (Rc::clone(&itself), log.clone());
    let coroutine = async move {
        let _guard = OnDrop(move || {
            let task = known.get().unwrap();
            let hidden = !task.done() && matches!(task.result(), Err(ResultError::Pending));
            noted.note(if hidden { "dropped" } else { "dropped too late" });
        });
        ending.await
    };
    let task = event_loop.create_task(coroutine).unwrap();
    let noted = log.clone();
    task.add_done_callback(move |_| noted.note("observed"));
    itself.set(task.clone()).unwrap();
    task
}

//= SPEC.md#t-3
//= type=test
//# A coroutine MUST be dropped before its outcome can be observed.
#[test]
fn t3_the_coroutine_is_dropped_before_its_outcome_is_seen() {
    for (name, ending, bring_about) in endings() {
        let event_loop = virtual_loop();
        let log = Log::default();
        let task = observed_drop(&event_loop, ending, &log);
        turns(&event_loop, 1);
        if !task.done() {
            bring_about(&task);
        }
        run_dry(&event_loop);
        assert!(task.done(), "{name}");
        assert_eq!(log.entries(), ["dropped", "observed"], "{name}");
        // Somebody looks, so that nothing is reported.
        let _ = task.result();
    }
}

//= SPEC.md#t-3
//= type=test
//# A coroutine MUST be dropped before its outcome can be observed.
#[test]
fn t3_a_coroutine_that_never_began_is_dropped_before_its_outcome_is_seen() {
    let event_loop = virtual_loop();
    let itself: Rc<OnceCell<Task<()>>> = Rc::default();
    let (known, done_at_drop) = (Rc::clone(&itself), Rc::new(Cell::new(None)));
    let seen = Rc::clone(&done_at_drop);
    let guard = OnDrop(move || seen.set(Some(known.get().unwrap().done())));
    let task = event_loop
        .create_task(async move {
            drop(guard);
            Ok(())
        })
        .unwrap();
    itself.set(task.clone()).unwrap();
    assert!(task.cancel());
    assert_eq!(done_at_drop.get(), None, "not inside the call");
    run_dry(&event_loop);
    assert!(task.cancelled());
    assert_eq!(done_at_drop.get(), Some(false));
}

//= SPEC.md#t-3
//= type=test
//# A coroutine MUST be dropped before its outcome can be observed.
#[test]
fn t3_closing_the_loop_drops_the_coroutine_before_its_outcome_is_seen() {
    let event_loop = virtual_loop();
    let log = Log::default();
    let task = observed_drop(&event_loop, Box::pin(pending()), &log);
    turns(&event_loop, 1);
    event_loop.close().unwrap();
    assert_eq!(log.entries(), ["dropped"]);
    assert!(task.exception().unwrap().unwrap().is::<LoopClosed>());
}

//= SPEC.md#t-3
//= type=test
//# A coroutine MUST be dropped before its outcome can be observed.
#[test]
fn t3_a_submitter_sees_the_outcome_after_the_drop() {
    struct Tell(Arc<AtomicBool>);
    impl Drop for Tell {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    for fails in [false, true] {
        let event_loop = virtual_loop();
        let dropped = Arc::new(AtomicBool::new(false));
        let guard = Tell(Arc::clone(&dropped));
        let future = event_loop.handle().run_coroutine_threadsafe(async move {
            let _guard = guard;
            yield_now().await?;
            if fails { Err(Oops.into()) } else { Ok(()) }
        });
        let (seen, when_done) = (Arc::new(AtomicBool::new(false)), Arc::clone(&dropped));
        let noted = Arc::clone(&seen);
        let future = future.unwrap();
        future.add_done_callback(move |_| {
            noted.store(when_done.load(Ordering::SeqCst), Ordering::SeqCst);
        });
        run_dry(&event_loop);
        assert!(future.done());
        assert!(seen.load(Ordering::SeqCst), "the outcome came before the drop");
    }
}

//= SPEC.md#t-3
//= type=test
//# A coroutine MUST be dropped before its outcome can be observed.
#[test]
fn t3_a_coroutine_that_panics_when_dropped_keeps_its_outcome() {
    let event_loop = virtual_loop();
    let guard = OnDrop(|| panic!("dropped on purpose"));
    let task = event_loop
        .create_task(poll_fn(move |_| {
            // Owned by the future itself: it goes with the coroutine and not with a statement.
            let _kept = &guard;
            Poll::Ready(Ok(3))
        }))
        .unwrap();
    run_dry(&event_loop);
    assert_eq!(task.result().unwrap(), 3);
}
