//! Clauses C-1 to C-4, and their kin: the way of an outcome to its submitter.

use super::*;

//= SPEC.md#c-1
//= type=test
//# A task's outcome MUST be copied to its submission through the queue, so that everything the task
//# scheduled before it ended runs before the submitter is released.
#[test]
fn c1_ca1_value() {
    let event_loop = virtual_loop();
    let future = event_loop.handle().run_coroutine_threadsafe(async { Ok(7) }).unwrap();
    turns(&event_loop, 2);
    assert_eq!(state(&future), PENDING, "the task has ended; its outcome waits for its turn");
    assert!(!future.running(), "a submission stays cancellable until it is done");
    turn(&event_loop);
    assert_eq!(state(&future), FINISHED);
    assert_eq!(future.result().unwrap(), 7);
}

//= SPEC.md#c-1
//= type=test
//# A task's outcome MUST be copied to its submission through the queue, so that everything the task
//# scheduled before it ended runs before the submitter is released.
#[test]
fn c1_ca1_what_the_task_scheduled_runs_before_the_submitter_is_released() {
    let event_loop = virtual_loop();
    let order = Notes::default();
    let (handle, in_task, at_release) = (event_loop.handle(), order.clone(), order.clone());
    let poster = handle.clone();
    let future = handle
        .run_coroutine_threadsafe(async move {
            let (soon, posted) = (in_task.clone(), in_task.clone());
            get_running_loop()?.call_soon(move || soon.note("call_soon"))?;
            poster.call_soon_threadsafe(move || posted.note("call_soon_threadsafe"))?;
            get_running_loop()?.create_task(async move {
                in_task.note("task");
                Ok(())
            })?;
            Ok(7)
        })
        .unwrap();
    future.add_done_callback(move |_| at_release.note("released"));
    turns(&event_loop, 3);
    assert_eq!(order.entries(), ["call_soon", "call_soon_threadsafe", "task", "released"]);
}

//= SPEC.md#c-1
//= type=test
//# A task's outcome MUST be copied to its submission through the queue, so that everything the task
//# scheduled before it ended runs before the submitter is released.
//= SPEC.md#x-1
//= type=test
//# Every clone of an `Exception` MUST be the same object: identity is kept from the place that
//# raised it to every place that observes it.
//= SPEC.md#c-4
//= type=test
//# A task cancelled on the loop's side MUST cancel its submission and mark it ended in the same
//# step.
#[test]
fn c4_ca2_exception_is_the_same_object_and_reported_to_nobody_else() {
    let event_loop = virtual_loop();
    let reports = record_reports(&event_loop);
    let raised = Exception::new("raised");
    let returned = raised.clone();
    let future =
        event_loop.handle().run_coroutine_threadsafe(async { Err::<u32, _>(returned) }).unwrap();
    turns(&event_loop, 3);
    assert!(future.exception().unwrap().unwrap().same_object(&raised));
    assert!(matches!(future.result(), Err(ResultError::Exception(e)) if e.same_object(&raised)));

    let unseen = event_loop
        .handle()
        .run_coroutine_threadsafe(async { Err::<u32, _>(Exception::new("nobody looks")) })
        .unwrap();
    drop(unseen);
    turns(&event_loop, 4);
    assert!(reports.entries().is_empty());
}

//= SPEC.md#c-4
//= type=test
//# A task cancelled on the loop's side MUST cancel its submission and mark it ended in the same
//# step.
#[test]
fn c4_ca2_a_panic_is_the_exception() {
    let event_loop = virtual_loop();
    let future = event_loop
        .handle()
        .run_coroutine_threadsafe(async {
            if true {
                resume_unwind(Box::new("it broke"));
            }
            Ok(7)
        })
        .unwrap();
    turns(&event_loop, 3);
    assert_eq!(future.exception().unwrap().unwrap().panic_message(), Some("it broke"));
}

//= SPEC.md#c-4
//= type=test
//# A task cancelled on the loop's side MUST cancel its submission and mark it ended in the same
//# step.
#[test]
fn c4_ca3_task_cancelled_on_the_loop() {
    let event_loop = virtual_loop();
    let (_never, forever) = concurrent::promise::<u32>();
    let future = event_loop.handle().run_coroutine_threadsafe(forever).unwrap();
    turns(&event_loop, 2);
    let at_release = Notes::default();
    let noted = at_release.clone();
    future.add_done_callback(move |done| noted.note(state(done)));
    assert!(event_loop.all_tasks()[0].cancel());
    turns(&event_loop, 2);
    assert_eq!(at_release.entries(), [CANCELLED_ENDED], "cancelled and ended in one step");
    assert!(is_cancelled(&future.result()));
    future.wait_ended().unwrap();
}

//= SPEC.md#c-4
//= type=test
//# A task cancelled on the loop's side MUST cancel its submission and mark it ended in the same
//# step.
#[test]
fn c4_ca3_a_coroutine_that_returns_cancelled() {
    let event_loop = virtual_loop();
    let reports = record_reports(&event_loop);
    let future = event_loop
        .handle()
        .run_coroutine_threadsafe(async { Err::<u32, _>(Cancelled::default().into()) })
        .unwrap();
    turns(&event_loop, 3);
    assert_eq!(state(&future), CANCELLED_ENDED);
    assert!(reports.entries().is_empty());
}

//= SPEC.md#c-3
//= type=test
//# An exception that a task raised after its submission had been cancelled MUST be reported to the
//# exception handler.
//= SPEC.md#c-7
//= type=test
//# A submission cancelled while its task cleans up, or swallows the cancel, MUST stay cancelled,
//# and MUST become ended only when the task has ended.
#[test]
fn c3_ca7_raised_during_the_cleanup() {
    let event_loop = virtual_loop();
    let reports = record_reports(&event_loop);
    let raised = Exception::new("raised in the cleanup");
    let (returned, (_never, forever)) = (raised.clone(), concurrent::promise::<u32>());
    let future = event_loop
        .handle()
        .run_coroutine_threadsafe(async move {
            current_task().unwrap();
            assert!(forever.await.is_err());
            Err::<u32, _>(returned)
        })
        .unwrap();
    turns(&event_loop, 2);
    let name = event_loop.all_tasks()[0].name();
    assert!(cancel_from_elsewhere(&future));
    turns(&event_loop, 4);
    assert_eq!(state(&future), CANCELLED_ENDED);
    let reports = reports.entries();
    assert_eq!(reports.len(), 1);
    assert!(reports[0].exception.as_ref().unwrap().same_object(&raised));
    assert_eq!(reports[0].task.as_deref(), Some(&*name));
}

//= SPEC.md#c-3
//= type=test
//# An exception that a task raised after its submission had been cancelled MUST be reported to the
//# exception handler.
#[test]
fn c3_ca7_reported_even_if_nobody_holds_the_submission() {
    let event_loop = virtual_loop();
    let reports = record_reports(&event_loop);
    let (_never, forever) = concurrent::promise::<u32>();
    let future = event_loop
        .handle()
        .run_coroutine_threadsafe(async move {
            assert!(forever.await.is_err());
            Err::<u32, _>(Exception::new("unseen"))
        })
        .unwrap();
    turns(&event_loop, 2);
    assert!(future.cancel());
    drop(future);
    // Also if the loop closes before the report has its turn.
    turns(&event_loop, 2);
    event_loop.close().unwrap();
    assert_eq!(reports.entries().len(), 1);
}

//= SPEC.md#c-3
//= type=test
//# An exception that a task raised after its submission had been cancelled MUST be reported to the
//# exception handler.
//= SPEC.md#c-8
//= type=test
//# Closing a loop MUST finish every accepted submission that is not done, with an error that says
//# the loop was closed; an outcome that the task had already reached MUST be delivered.
#[test]
fn c3_the_end_by_close_is_not_raised_by_the_task() {
    let event_loop = virtual_loop();
    let reports = record_reports(&event_loop);
    let (_never, forever) = concurrent::promise::<u32>();
    let future = event_loop.handle().run_coroutine_threadsafe(forever).unwrap();
    turns(&event_loop, 2);
    assert!(future.cancel());
    event_loop.close().unwrap();
    assert_eq!(state(&future), CANCELLED_ENDED);
    assert!(reports.entries().is_empty(), "{:?}", reports.entries());
}

//= SPEC.md#c-3
//= type=test
//# An exception that a task raised after its submission had been cancelled MUST be reported to the
//# exception handler.
#[test]
fn c3_an_error_of_another_loop_that_is_closed_is_the_tasks_own() {
    let event_loop = virtual_loop();
    let reports = record_reports(&event_loop);
    let (_never, forever) = concurrent::promise::<u32>();
    let future = event_loop
        .handle()
        .run_coroutine_threadsafe(async move {
            assert!(forever.await.is_err());
            Err::<u32, _>(LoopClosed.into())
        })
        .unwrap();
    turns(&event_loop, 2);
    assert!(future.cancel());
    turns(&event_loop, 3);
    assert_eq!(reports.entries().len(), 1);
    assert!(reports.entries()[0].exception.as_ref().unwrap().is::<LoopClosed>());
}

//= SPEC.md#c-2
//= type=test
//# The copy MUST be a single step against a racing cancel: either the submission is cancelled and
//# the outcome dropped, or it is finished and the cancel refused.
#[test]
fn c2_ca8_cancelled_between_the_tasks_end_and_the_copy() {
    let event_loop = virtual_loop();
    let reports = record_reports(&event_loop);
    let future = event_loop.handle().run_coroutine_threadsafe(async { Ok(7) }).unwrap();
    turns(&event_loop, 2);
    assert!(event_loop.all_tasks().is_empty(), "the task has ended");
    assert!(cancel_from_elsewhere(&future));
    assert_eq!(state(&future), CANCELLED);
    turn(&event_loop);
    assert_eq!(state(&future), CANCELLED_ENDED);
    assert!(is_cancelled(&future.result()));
    turns(&event_loop, 2);
    assert!(reports.entries().is_empty());
}

//= SPEC.md#c-2
//= type=test
//# The copy MUST be a single step against a racing cancel: either the submission is cancelled and
//# the outcome dropped, or it is finished and the cancel refused.
#[test]
fn c2_ca9_cancel_after_the_copy_is_refused() {
    let event_loop = virtual_loop();
    let future = event_loop.handle().run_coroutine_threadsafe(async { Ok(7) }).unwrap();
    turns(&event_loop, 3);
    assert!(!cancel_from_elsewhere(&future));
    assert_eq!(future.result().unwrap(), 7);
}

//= SPEC.md#c-2
//= type=test
//# The copy MUST be a single step against a racing cancel: either the submission is cancelled and
//# the outcome dropped, or it is finished and the cancel refused.
#[test]
fn c2_ca9_cancel_races_the_copy() {
    let elsewhere = Elsewhere::start();
    for round in 0..500 {
        let future = elsewhere.handle.run_coroutine_threadsafe(async { Ok(7) }).unwrap();
        let calls = Notes::default();
        let called = calls.clone();
        future.add_done_callback(move |done| called.note(done.cancelled()));
        for _ in 0..round % 20 {
            thread::yield_now();
        }
        let cancelled = future.cancel();
        future.wait_ended_timeout(GUARD).unwrap();
        match future.result_timeout(Duration::ZERO) {
            Ok(7) => assert!(!cancelled),
            Err(ResultError::Cancelled(_)) => assert!(cancelled),
            other => panic!("neither: {other:?}"),
        }
        while calls.entries().is_empty() {
            thread::yield_now();
        }
        assert_eq!(calls.entries(), [cancelled]);
    }
    elsewhere.stop();
}
