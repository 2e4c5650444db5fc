//! Clauses C-5 to C-7: the way of a cancel to its task.

use super::*;

//= SPEC.md#c-5
//= type=test
//# A submission cancelled before its task began MUST end without running a statement of the
//# coroutine.
#[test]
fn c5_ca4_cancelled_before_the_task_began() {
    // Before its callback had its turn, or before the task made its first step.
    for turns_before in [0, 1] {
        let event_loop = virtual_loop();
        let reports = record_reports(&event_loop);
        let ran = Arc::new(AtomicBool::new(false));
        let runs = Arc::clone(&ran);
        let future = event_loop
            .handle()
            .run_coroutine_threadsafe(async move {
                runs.store(true, Ordering::SeqCst);
                Ok(7)
            })
            .unwrap();
        turns(&event_loop, turns_before);
        assert!(cancel_from_elsewhere(&future));
        assert_eq!(state(&future), CANCELLED);
        turns(&event_loop, 4);
        assert!(!ran.load(Ordering::SeqCst), "a statement ran");
        assert_eq!(Arc::strong_count(&ran), 1, "the coroutine is dropped");
        assert_eq!(state(&future), CANCELLED_ENDED);
        assert!(event_loop.all_tasks().is_empty());
        assert!(reports.entries().is_empty());
    }
}

//= SPEC.md#c-6
//= type=test
//# Cancelling a submission MUST be seen by its task no later than the beginning of the next step
//# that starts after the call returned, from any thread.
//= SPEC.md#c-7
//= type=test
//# A submission cancelled while its task cleans up, or swallows the cancel, MUST stay cancelled,
//# and MUST become ended only when the task has ended.
#[test]
fn c6_ca5_cancelled_while_suspended() {
    let event_loop = virtual_loop();
    let seen = Notes::default();
    let (noted, (_never, forever)) = (seen.clone(), concurrent::promise::<u32>());
    let future = event_loop
        .handle()
        .run_coroutine_threadsafe(async move {
            let interrupted = forever.await.unwrap_err();
            noted.note(("interrupted", interrupted.is_cancelled()));
            yield_now().await?;
            noted.note(("cleaned up", current_task().is_some()));
            Err::<u32, _>(interrupted)
        })
        .unwrap();
    turns(&event_loop, 2);
    assert!(cancel_from_elsewhere(&future));
    assert!(is_cancelled(&future.result()), "the submitter is released at once");
    turns(&event_loop, 2);
    assert_eq!(seen.entries(), [("interrupted", true)]);
    assert_eq!(state(&future), CANCELLED, "the task still cleans up");
    assert!(is_cancelled(&future.result()));
    turn(&event_loop);
    assert_eq!(seen.entries().len(), 2);
    assert_eq!(state(&future), CANCELLED, "the end takes its turn, like any outcome");
    turn(&event_loop);
    assert_eq!(state(&future), CANCELLED_ENDED);
}

//= SPEC.md#c-6
//= type=test
//# Cancelling a submission MUST be seen by its task no later than the beginning of the next step
//# that starts after the call returned, from any thread.
#[test]
fn c6_a_step_that_was_queued_before_the_cancel_sees_it() {
    let event_loop = virtual_loop();
    let (opens, gate) = concurrent::promise::<u32>();
    let seen = Notes::default();
    let noted = seen.clone();
    let future = event_loop
        .handle()
        .run_coroutine_threadsafe(async move {
            let awaited = gate.await;
            noted.note(awaited.as_ref().is_err_and(Exception::is_cancelled));
            awaited
        })
        .unwrap();
    turns(&event_loop, 2);
    // The step is posted by this, and the cancel behind it.
    opens.set_result(7).unwrap();
    assert!(cancel_from_elsewhere(&future));
    turn(&event_loop);
    assert_eq!(seen.entries(), [true]);
    turns(&event_loop, 2);
    assert_eq!(state(&future), CANCELLED_ENDED);
}

//= SPEC.md#c-6
//= type=test
//# Cancelling a submission MUST be seen by its task no later than the beginning of the next step
//# that starts after the call returned, from any thread.
#[test]
fn c6_a_task_that_only_yields_makes_no_step_more() {
    for from_the_loop in [false, true] {
        let event_loop = virtual_loop();
        let steps = Notes::default();
        let noted = steps.clone();
        let future = event_loop
            .handle()
            .run_coroutine_threadsafe(async move {
                for _ in 0..100 {
                    noted.note(());
                    yield_now().await?;
                }
                Ok(())
            })
            .unwrap();
        turns(&event_loop, 5);
        let before = steps.entries().len();
        assert!(before > 1);
        if from_the_loop {
            // The next step is queued already: this callback comes after it, and one more step.
            let submission = future.clone();
            event_loop.call_soon(move || assert!(submission.cancel())).unwrap();
            turn(&event_loop);
            assert_eq!(steps.entries().len(), before + 1);
        } else {
            assert!(cancel_from_elsewhere(&future));
        }
        let at_cancel = steps.entries().len();
        turns(&event_loop, 4);
        assert_eq!(steps.entries().len(), at_cancel);
        assert_eq!(state(&future), CANCELLED_ENDED);
    }
}

//= SPEC.md#c-6
//= type=test
//# Cancelling a submission MUST be seen by its task no later than the beginning of the next step
//# that starts after the call returned, from any thread.
//= SPEC.md#t-5
//= type=test
//# `cancel` on a live task MUST return true and raise `cancelling` by one; on a task that is done
//# it MUST return false.
#[test]
fn c6_the_cancel_counts_once_although_it_comes_in_twice() {
    let event_loop = virtual_loop();
    let (opens, gate) = concurrent::promise::<u32>();
    let future = event_loop
        .handle()
        .run_coroutine_threadsafe(async move {
            assert!(gate.await.unwrap_err().is_cancelled());
            // A second delivery of the same cancel would end these.
            for _ in 0..3 {
                yield_now().await?;
            }
            Err::<u32, _>(Exception::new("got to its end"))
        })
        .unwrap();
    let reports = record_reports(&event_loop);
    turns(&event_loop, 2);
    opens.set_result(7).unwrap();
    assert!(cancel_from_elsewhere(&future));
    turns(&event_loop, 6);
    assert_eq!(state(&future), CANCELLED_ENDED);
    assert_eq!(reports.entries().len(), 1);
    assert_eq!(reports.entries()[0].exception.as_ref().unwrap().to_string(), "got to its end");
}

//= SPEC.md#c-6
//= type=test
//# Cancelling a submission MUST be seen by its task no later than the beginning of the next step
//# that starts after the call returned, from any thread.
//= SPEC.md#t-18
//= type=test
//# `sleep` MUST end not before its delay, and when cancelled MUST withdraw its timer; `yield_now`
//# MUST let everything that is queued run first.
#[test]
fn c6_a_cancel_seen_by_a_queued_step_does_not_shorten_its_next_yield() {
    let event_loop = virtual_loop();
    let (opens, gate) = concurrent::promise::<u32>();
    let order = Notes::default();
    let noted = order.clone();
    let future = event_loop
        .handle()
        .run_coroutine_threadsafe(async move {
            assert!(gate.await.unwrap_err().is_cancelled());
            let queued = noted.clone();
            get_running_loop()?.call_soon(move || queued.note("queued"))?;
            yield_now().await?;
            noted.note("resumed");
            Ok(())
        })
        .unwrap();
    turns(&event_loop, 2);
    opens.set_result(7).unwrap();
    assert!(cancel_from_elsewhere(&future));
    turns(&event_loop, 4);
    assert_eq!(order.entries(), ["queued", "resumed"]);
}

//= SPEC.md#c-7
//= type=test
//# A submission cancelled while its task cleans up, or swallows the cancel, MUST stay cancelled,
//# and MUST become ended only when the task has ended.
//= SPEC.md#t-8
//= type=test
//# A coroutine that swallows a cancel MUST be able to go on, to finish with a value, to raise
//# something else, and to be cancelled again.
#[test]
fn c7_ca6_swallowed_cancel_stays_cancelled() {
    let event_loop = virtual_loop();
    let reports = record_reports(&event_loop);
    let (_never, forever) = concurrent::promise::<u32>();
    let (opens, gate) = concurrent::promise::<u32>();
    let future = event_loop
        .handle()
        .run_coroutine_threadsafe(async move {
            assert!(forever.await.unwrap_err().is_cancelled());
            gate.await
        })
        .unwrap();
    turns(&event_loop, 2);
    assert!(cancel_from_elsewhere(&future));
    turns(&event_loop, 5);
    assert_eq!(state(&future), CANCELLED, "its task has swallowed the cancel and goes on");
    opens.set_result(7).unwrap();
    turns(&event_loop, 2);
    assert_eq!(state(&future), CANCELLED_ENDED);
    assert!(is_cancelled(&future.result()), "the value is dropped");
    assert!(reports.entries().is_empty());
}

//= SPEC.md#c-7
//= type=test
//# A submission cancelled while its task cleans up, or swallows the cancel, MUST stay cancelled,
//# and MUST become ended only when the task has ended.
//= SPEC.md#f-16
//= type=test
//# `wait_ended` MUST return only when the work has really ended: finished, or cancelled and
//# acknowledged by its producer.
#[test]
fn c7_ca5_the_end_of_the_cleanup_can_be_waited_for() {
    let elsewhere = Elsewhere::start();
    let (began, has_begun) = mpsc::channel();
    let (opens, gate) = concurrent::promise::<()>();
    let cleaned = Arc::new(AtomicBool::new(false));
    let (cleans, (_never, forever)) = (Arc::clone(&cleaned), concurrent::promise::<u32>());
    let future = elsewhere
        .handle
        .run_coroutine_threadsafe(async move {
            began.send(()).unwrap();
            let interrupted = forever.await.unwrap_err();
            gate.await?;
            cleans.store(true, Ordering::SeqCst);
            Err::<u32, _>(interrupted)
        })
        .unwrap();
    has_begun.recv().unwrap();
    assert!(future.cancel());
    assert!(is_cancelled(&future.result_timeout(GUARD)));
    assert!(matches!(future.wait_ended_timeout(Duration::ZERO), Err(ResultError::TimedOut)));
    opens.set_result(()).unwrap();
    future.wait_ended_timeout(GUARD).unwrap();
    assert!(cleaned.load(Ordering::SeqCst));
    elsewhere.stop();
}
