//! Chapter C of SPEC.md: every race of the two chains that can be written, named CAn and CBn as there.

use std::collections::VecDeque;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use loopgate::executor::Work;
use loopgate::{
    Cancelled, ConcurrentFuture, EventLoop, Exception, Executor, ExitRequest, LoopClosed,
    LoopFuture, LoopHandle, PostError, ResultError, RunError, SubmitError, Turn, concurrent,
    current_task, get_running_loop, yield_now,
};

use super::concurrent::{GUARD, Notes, events};
use super::support::{Log, record_reports, virtual_loop};

/// One iteration that does not sleep.
fn turn(event_loop: &EventLoop) {
    assert_eq!(event_loop.run_once(Some(Duration::ZERO)).unwrap(), Turn::Continue);
}

fn turns(event_loop: &EventLoop, count: usize) {
    for _ in 0..count {
        turn(event_loop);
    }
}

fn is_cancelled<T>(result: &Result<T, ResultError>) -> bool {
    matches!(result, Err(ResultError::Cancelled(_)))
}

fn is_loop_closed<T>(result: &Result<T, ResultError>) -> bool {
    matches!(result, Err(ResultError::Exception(e)) if e.is::<LoopClosed>())
}

/// Done, cancelled, ended.
fn state<T>(future: &ConcurrentFuture<T>) -> (bool, bool, bool) {
    (future.done(), future.cancelled(), future.ended())
}

const PENDING: (bool, bool, bool) = (false, false, false);
const FINISHED: (bool, bool, bool) = (true, false, true);
const CANCELLED: (bool, bool, bool) = (true, true, false);
const CANCELLED_ENDED: (bool, bool, bool) = (true, true, true);

/// Cancels from a thread that is not the loop's.
fn cancel_from_elsewhere<T: Send + 'static>(future: &ConcurrentFuture<T>) -> bool {
    let future = future.clone();
    thread::spawn(move || future.cancel()).join().unwrap()
}

/// A loop that runs in a thread of its own until it is stopped.
struct Elsewhere {
    handle: LoopHandle,
    thread: thread::JoinHandle<()>,
}

impl Elsewhere {
    fn start() -> Elsewhere {
        let (sender, receiver) = mpsc::channel();
        let thread = thread::spawn(move || {
            let event_loop = EventLoop::new().unwrap();
            sender.send(event_loop.handle()).unwrap();
            event_loop.run_forever().unwrap();
        });
        Elsewhere { handle: receiver.recv().unwrap(), thread }
    }

    fn stop(self) {
        self.handle.stop().unwrap();
        self.thread.join().unwrap();
    }
}

// Direction A: from a task to its submission

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

//= SPEC.md#t-18
//= type=test
//# `sleep` MUST end not before its delay, and when cancelled MUST withdraw its timer; `yield_now`
//# MUST let everything that is queued run first.
#[test]
fn t18_a_task_that_cancelled_itself_yields_to_everything_queued() {
    let event_loop = virtual_loop();
    let order = Notes::default();
    let noted = order.clone();
    let handle = event_loop.handle();
    let future = event_loop
        .handle()
        .run_coroutine_threadsafe(async move {
            // Queues a step, which is there before what is to run first.
            current_task().unwrap().cancel();
            assert!(yield_now().await.unwrap_err().is_cancelled());
            let (queued, posted) = (noted.clone(), noted.clone());
            get_running_loop()?.call_soon(move || queued.note("queued"))?;
            handle.call_soon_threadsafe(move || posted.note("posted"))?;
            yield_now().await?;
            noted.note("resumed");
            Ok(7)
        })
        .unwrap();
    turns(&event_loop, 5);
    assert_eq!(order.entries(), ["queued", "posted", "resumed"]);
    assert_eq!(future.result().unwrap(), 7);
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

//= SPEC.md#c-8
//= type=test
//# Closing a loop MUST finish every accepted submission that is not done, with an error that says
//# the loop was closed; an outcome that the task had already reached MUST be delivered.
#[test]
fn c8_ca10_closed_before_the_callback_had_its_turn() {
    let event_loop = virtual_loop();
    let alive = Arc::new(());
    let owned = Arc::clone(&alive);
    let future = event_loop
        .handle()
        .run_coroutine_threadsafe(async move {
            drop(owned);
            Ok(7)
        })
        .unwrap();
    event_loop.close().unwrap();
    assert_eq!(Arc::strong_count(&alive), 1, "the coroutine is dropped");
    assert_eq!(state(&future), FINISHED);
    assert!(is_loop_closed(&future.result()));
}

//= SPEC.md#c-8
//= type=test
//# Closing a loop MUST finish every accepted submission that is not done, with an error that says
//# the loop was closed; an outcome that the task had already reached MUST be delivered.
//= SPEC.md#s-7
//= type=test
//# Dropping the loop MUST close it.
#[test]
fn c8_ca10_dropping_the_loop_is_closing_it() {
    let event_loop = virtual_loop();
    let future = event_loop.handle().run_coroutine_threadsafe(async { Ok(7) }).unwrap();
    drop(event_loop);
    assert!(is_loop_closed(&future.result()));
}

//= SPEC.md#c-8
//= type=test
//# Closing a loop MUST finish every accepted submission that is not done, with an error that says
//# the loop was closed; an outcome that the task had already reached MUST be delivered.
//= SPEC.md#w-10
//= type=test
//# A post to a loop that is open but not running MUST be accepted and MUST run in the first batch
//# of the next run.
#[test]
fn c8_ca11_stopped_and_not_closed() {
    let event_loop = virtual_loop();
    let handle = event_loop.handle();
    event_loop.stop();
    event_loop.run_forever().unwrap();
    let runs = handle.run_coroutine_threadsafe(async { Ok(7) }).unwrap();
    assert_eq!(state(&runs), PENDING, "it waits for the next run");
    let awaited = runs.clone();
    assert_eq!(event_loop.run_until_complete(awaited).unwrap(), 7);

    let ends = handle.run_coroutine_threadsafe(async { Ok(7) }).unwrap();
    event_loop.close().unwrap();
    assert!(is_loop_closed(&ends.result()), "or for the close");
}

//= SPEC.md#c-8
//= type=test
//# Closing a loop MUST finish every accepted submission that is not done, with an error that says
//# the loop was closed; an outcome that the task had already reached MUST be delivered.
#[test]
fn c8_ca12_closed_while_suspended_then_cancelled() {
    let event_loop = virtual_loop();
    let alive = Arc::new(());
    let (owned, (_never, forever)) = (Arc::clone(&alive), concurrent::promise::<u32>());
    let future = event_loop
        .handle()
        .run_coroutine_threadsafe(async move {
            let _owned = owned;
            forever.await
        })
        .unwrap();
    turns(&event_loop, 2);
    let told = events(|| {
        event_loop.close().unwrap();
        assert!(!cancel_from_elsewhere(&future), "it is done");
    });
    assert!(told.is_empty(), "{told:?}");
    assert_eq!(Arc::strong_count(&alive), 1, "the coroutine is dropped");
    assert!(is_loop_closed(&future.result()));
    future.wait_ended().unwrap();
}

//= SPEC.md#c-8
//= type=test
//# Closing a loop MUST finish every accepted submission that is not done, with an error that says
//# the loop was closed; an outcome that the task had already reached MUST be delivered.
//= SPEC.md#c-7
//= type=test
//# A submission cancelled while its task cleans up, or swallows the cancel, MUST stay cancelled,
//# and MUST become ended only when the task has ended.
#[test]
fn c8_ca12_cancelled_then_closed_during_the_cleanup() {
    let event_loop = virtual_loop();
    let (_one, forever) = concurrent::promise::<u32>();
    let (_two, cleanup) = concurrent::promise::<u32>();
    let future = event_loop
        .handle()
        .run_coroutine_threadsafe(async move {
            assert!(forever.await.is_err());
            cleanup.await
        })
        .unwrap();
    turns(&event_loop, 2);
    assert!(cancel_from_elsewhere(&future));
    turns(&event_loop, 3);
    assert_eq!(state(&future), CANCELLED);
    event_loop.close().unwrap();
    assert_eq!(state(&future), CANCELLED_ENDED, "nobody hangs on its end either");
}

//= SPEC.md#c-8
//= type=test
//# Closing a loop MUST finish every accepted submission that is not done, with an error that says
//# the loop was closed; an outcome that the task had already reached MUST be delivered.
//= SPEC.md#c-1
//= type=test
//# A task's outcome MUST be copied to its submission through the queue, so that everything the task
//# scheduled before it ended runs before the submitter is released.
#[test]
fn c8_an_outcome_that_was_reached_is_delivered_by_close() {
    let event_loop = virtual_loop();
    let handle = event_loop.handle();
    let raised = Exception::new("raised");
    let returned = raised.clone();
    let value = handle.run_coroutine_threadsafe(async { Ok(7) }).unwrap();
    let exception = handle.run_coroutine_threadsafe(async { Err::<u32, _>(returned) }).unwrap();
    let cancelled =
        handle.run_coroutine_threadsafe(async { Err::<u32, _>(Cancelled::default().into()) });
    let cancelled = cancelled.unwrap();
    turns(&event_loop, 2);
    assert_eq!([&value, &exception, &cancelled].map(state), [PENDING; 3]);
    event_loop.close().unwrap();
    assert_eq!(value.result().unwrap(), 7);
    assert!(exception.exception().unwrap().unwrap().same_object(&raised));
    assert_eq!(state(&cancelled), CANCELLED_ENDED);
}

//= SPEC.md#c-8
//= type=test
//# Closing a loop MUST finish every accepted submission that is not done, with an error that says
//# the loop was closed; an outcome that the task had already reached MUST be delivered.
//= SPEC.md#w-9
//= type=test
//# Closing and posting MUST be atomic: a post is either refused, with nothing queued, or handed to
//# the loop, which runs it or ends it.
//= SPEC.md#u-1
//= type=test
//# `run_coroutine_threadsafe` MUST return a future that ends in a final state whatever becomes of
//# the loop, if the submission was accepted.
#[test]
fn c8_close_races_submissions_and_strands_none() {
    let (mut finished, mut ended, mut refused) = (0, 0, 0);
    for round in 0..60 {
        let event_loop = EventLoop::new().unwrap();
        let handle = event_loop.handle();
        let start = Barrier::new(3);
        let submit = || {
            start.wait();
            let submit =
                |_| handle.run_coroutine_threadsafe(async { yield_now().await.map(|()| 7) });
            (0..100).map(submit).collect::<Vec<_>>()
        };
        let submitted = thread::scope(|scope| {
            let submitters = [scope.spawn(submit), scope.spawn(submit)];
            start.wait();
            turns(&event_loop, round);
            event_loop.close().unwrap();
            submitters.map(|submitter| submitter.join().unwrap())
        });
        for submission in submitted.into_iter().flatten() {
            match submission {
                Err(PostError::LoopClosed) => refused += 1,
                Err(other) => panic!("{other}"),
                Ok(future) => match future.result_timeout(Duration::ZERO) {
                    Ok(7) => finished += 1,
                    result if is_loop_closed(&result) => ended += 1,
                    other => panic!("stranded: {other:?}"),
                },
            }
        }
    }
    assert_eq!(finished + ended + refused, 60 * 200);
    assert!(finished > 0 && ended + refused > 0, "no race: {finished} {ended} {refused}");
}

//= SPEC.md#u-2
//= type=test
//# Submitting to a closed loop MUST be refused in the submitting thread, and the coroutine MUST be
//# dropped unrun.
#[test]
fn u2_ca13_closed_at_submission() {
    let event_loop = virtual_loop();
    let handle = event_loop.handle();
    event_loop.close().unwrap();
    let alive = Arc::new(AtomicBool::new(false));
    let ran = Arc::clone(&alive);
    let refused = handle.run_coroutine_threadsafe(async move {
        ran.store(true, Ordering::SeqCst);
        Ok(7)
    });
    assert!(matches!(refused, Err(PostError::LoopClosed)));
    assert!(!alive.load(Ordering::SeqCst));
    assert_eq!(Arc::strong_count(&alive), 1, "the coroutine is dropped");
}

//= SPEC.md#s-9
//= type=test
//# An exit request MUST leave the run at once, after the future of the work that raised it is done,
//# with the rest of the batch still queued in order.
//= SPEC.md#x-1
//= type=test
//# Every clone of an `Exception` MUST be the same object: identity is kept from the place that
//# raised it to every place that observes it.
#[test]
fn s9_ca14_exit_request() {
    for by_panic in [false, true] {
        let event_loop = virtual_loop();
        let future = event_loop
            .handle()
            .run_coroutine_threadsafe(async move {
                if by_panic {
                    ExitRequest { code: 3 }.raise();
                }
                Err::<u32, _>(ExitRequest { code: 3 }.into())
            })
            .unwrap();
        let Err(RunError::Exit(exit)) = event_loop.run_forever() else {
            panic!("the run must end with the request")
        };
        assert_eq!(exit.exit_request(), Some(ExitRequest { code: 3 }));
        // Nobody runs the loop again, and the submitter has it all the same.
        assert!(future.exception().unwrap().unwrap().same_object(&exit));
    }
}

//= SPEC.md#f-9
//= type=test
//# If completion came first, a waiter MUST get the outcome and never a timeout; a timeout MUST
//# leave the future as it was.
//= SPEC.md#f-8
//= type=test
//# A waiter that timed out MUST get an error of its own kind, distinct from every error that the
//# work can raise.
#[test]
fn f9_ca17_wait_timed_out() {
    let elsewhere = Elsewhere::start();
    let (opens, gate) = concurrent::promise::<u32>();
    let future = elsewhere.handle.run_coroutine_threadsafe(gate).unwrap();
    let timed_out = future.result_timeout(Duration::from_nanos(1));
    assert!(matches!(timed_out, Err(ResultError::TimedOut)));
    assert_eq!(state(&future), PENDING, "the work goes on");
    opens.set_result(7).unwrap();
    assert_eq!(future.result_timeout(GUARD).unwrap(), 7);
    elsewhere.stop();
}

// Direction B: from a concurrent future to the loop future that wraps it

/// An executor whose work is run, or not, by the test.
#[derive(Default)]
struct Shelf(Mutex<VecDeque<Work>>);

impl Shelf {
    fn take(&self) -> Work {
        self.0.lock().unwrap().pop_front().expect("work on the shelf")
    }
}

impl Executor for Shelf {
    fn execute(&self, work: Work) -> Result<(), SubmitError> {
        self.0.lock().unwrap().push_back(work);
        Ok(())
    }
}

/// An executor that is done before it has been handed the work.
struct AtOnce;

impl Executor for AtOnce {
    fn execute(&self, work: Work) -> Result<(), SubmitError> {
        work.run();
        Ok(())
    }
}

//= SPEC.md#c-9
//= type=test
//# The outcome of a concurrent future MUST reach its loop future through the loop's queue, even if
//# it was done when it was wrapped.
#[test]
fn c9_cb1_value_and_exception() {
    let event_loop = virtual_loop();
    let (work, source) = concurrent::promise::<u32>();
    let wrapped = event_loop.wrap_future(source).unwrap();
    thread::spawn(move || work.set_result(7).unwrap()).join().unwrap();
    assert!(!wrapped.done(), "through the queue");
    turn(&event_loop);
    assert_eq!(wrapped.result().unwrap(), 7);

    let (work, source) = concurrent::promise::<u32>();
    let wrapped = event_loop.wrap_future(source).unwrap();
    let raised = Exception::new("raised");
    work.set_exception(raised.clone()).unwrap();
    turn(&event_loop);
    assert!(wrapped.exception().unwrap().unwrap().same_object(&raised));
}

//= SPEC.md#c-9
//= type=test
//# The outcome of a concurrent future MUST reach its loop future through the loop's queue, even if
//# it was done when it was wrapped.
//= SPEC.md#u-4
//= type=test
//# `run_in_executor` MUST return its errors at the call, and otherwise a loop future of the work's
//# outcome.
#[test]
fn c9_cb1_work_of_an_executor() {
    let event_loop = virtual_loop();
    let shelf = Arc::new(Shelf::default());
    let future = event_loop.run_in_executor(Some(&*shelf), || Ok(7)).unwrap();
    let log = Log::default();
    let resumed = log.clone();
    let task = event_loop
        .create_task(async move {
            let value = future.await?;
            resumed.note(value);
            Ok(value)
        })
        .unwrap();
    turn(&event_loop);
    let worker = Arc::clone(&shelf);
    thread::spawn(move || worker.take().run()).join().unwrap();
    turns(&event_loop, 2);
    assert_eq!(log.entries(), [7], "at the latest one iteration later");
    assert_eq!(task.result().unwrap(), 7);
}

//= SPEC.md#c-10
//= type=test
//# Cancelling a wrapped loop future MUST cancel its source at once if the source has not started,
//# and MUST leave running work to end by itself, its outcome dropped.
//= SPEC.md#e-4
//= type=test
//# Work whose future was cancelled before a worker picked it up MUST NOT run, and its future MUST
//# be marked ended.
#[test]
fn c10_cb2_cancelled_while_queued() {
    let event_loop = virtual_loop();
    let shelf = Shelf::default();
    let ran = Arc::new(AtomicBool::new(false));
    let runs = Arc::clone(&ran);
    let future = event_loop
        .run_in_executor(Some(&shelf), move || {
            runs.store(true, Ordering::SeqCst);
            Ok(7)
        })
        .unwrap();
    assert!(future.cancel());
    shelf.take().run();
    assert!(!ran.load(Ordering::SeqCst));
    assert_eq!(Arc::strong_count(&ran), 1, "the function is dropped");
    turn(&event_loop);
    assert!(future.cancelled());
}

//= SPEC.md#c-10
//= type=test
//# Cancelling a wrapped loop future MUST cancel its source at once if the source has not started,
//# and MUST leave running work to end by itself, its outcome dropped.
#[test]
fn c10_cb2_the_source_is_cancelled_at_once() {
    let event_loop = virtual_loop();
    let (work, source) = concurrent::promise::<u32>();
    let wrapped = event_loop.wrap_future(source.clone()).unwrap();
    assert!(wrapped.cancel());
    assert_eq!(state(&source), CANCELLED, "without a turn of the loop");
    assert!(!work.set_running_or_notify_cancel().unwrap());
    turn(&event_loop);
    assert!(wrapped.cancelled());
}

//= SPEC.md#c-10
//= type=test
//# Cancelling a wrapped loop future MUST cancel its source at once if the source has not started,
//# and MUST leave running work to end by itself, its outcome dropped.
#[test]
fn c10_cb2_cancelling_whoever_awaits_it() {
    let event_loop = virtual_loop();
    let (_work, source) = concurrent::promise::<u32>();
    let wrapped = event_loop.wrap_future(source.clone()).unwrap();
    let task = event_loop.create_task(wrapped).unwrap();
    turn(&event_loop);
    assert!(task.cancel());
    assert_eq!(state(&source), CANCELLED);
    turn(&event_loop);
    assert!(task.cancelled());
}

//= SPEC.md#c-10
//= type=test
//# Cancelling a wrapped loop future MUST cancel its source at once if the source has not started,
//# and MUST leave running work to end by itself, its outcome dropped.
#[test]
fn c10_cb3_cancelled_while_running() {
    for fails in [false, true] {
        let event_loop = virtual_loop();
        let reports = record_reports(&event_loop);
        let (work, source) = concurrent::promise::<u32>();
        let wrapped = event_loop.wrap_future(source.clone()).unwrap();
        assert!(work.set_running_or_notify_cancel().unwrap());
        assert!(wrapped.cancel());
        assert!(source.running(), "running work ends by itself");
        if fails {
            work.set_exception(Exception::new("nobody wants it")).unwrap();
        } else {
            work.set_result(7).unwrap();
        }
        turns(&event_loop, 2);
        assert!(wrapped.cancelled());
        drop(wrapped);
        turns(&event_loop, 2);
        assert!(reports.entries().is_empty(), "its outcome is dropped");
    }
}

//= SPEC.md#c-10
//= type=test
//# Cancelling a wrapped loop future MUST cancel its source at once if the source has not started,
//# and MUST leave running work to end by itself, its outcome dropped.
#[test]
fn c10_cb3_a_running_function_runs_to_its_end() {
    let event_loop = virtual_loop();
    let shelf = Arc::new(Shelf::default());
    let (began, has_begun) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let reached_end = Arc::new(AtomicBool::new(false));
    let reaches_end = Arc::clone(&reached_end);
    let future = event_loop
        .run_in_executor(Some(&*shelf), move || {
            began.send(()).unwrap();
            may_go_on.recv().unwrap();
            reaches_end.store(true, Ordering::SeqCst);
            Ok(7)
        })
        .unwrap();
    let worker = Arc::clone(&shelf);
    let working = thread::spawn(move || worker.take().run());
    has_begun.recv().unwrap();
    assert!(future.cancel());
    go_on.send(()).unwrap();
    working.join().unwrap();
    assert!(reached_end.load(Ordering::SeqCst));
    turns(&event_loop, 2);
    assert!(future.cancelled());
}

//= SPEC.md#c-10
//= type=test
//# Cancelling a wrapped loop future MUST cancel its source at once if the source has not started,
//# and MUST leave running work to end by itself, its outcome dropped.
#[test]
fn c10_cb4_cancelled_after_the_source_finished() {
    let event_loop = virtual_loop();
    let reports = record_reports(&event_loop);
    let (work, source) = concurrent::promise::<u32>();
    let wrapped = event_loop.wrap_future(source.clone()).unwrap();
    work.set_exception(Exception::new("nobody wants it")).unwrap();
    assert!(wrapped.cancel(), "the copy has not had its turn");
    turns(&event_loop, 3);
    assert!(wrapped.cancelled());
    assert_eq!(state(&source), FINISHED);
    assert!(reports.entries().is_empty());
}

//= SPEC.md#c-11
//= type=test
//# A cancelled source MUST cancel the loop future that wraps it.
#[test]
fn c11_cb5_source_cancelled_by_somebody_else() {
    let event_loop = virtual_loop();
    let shelf = Shelf::default();
    let check = |future: LoopFuture<u32>, cancel_source: &dyn Fn()| {
        let task = event_loop.create_task(future.clone()).unwrap();
        turn(&event_loop);
        cancel_source();
        assert!(!future.done(), "through the queue");
        turns(&event_loop, 2);
        assert!(future.cancelled());
        assert!(task.cancelled());
        assert_eq!(task.cancelling(), 0, "nobody cancelled the task");
    };
    let (_work, source) = concurrent::promise::<u32>();
    let wrapped = event_loop.wrap_future(source.clone()).unwrap();
    check(wrapped, &|| assert!(cancel_from_elsewhere(&source)));
    let queued = event_loop.run_in_executor(Some(&shelf), || Ok(7)).unwrap();
    check(queued, &|| shelf.take().cancel());
}

//= SPEC.md#c-11
//= type=test
//# A cancelled source MUST cancel the loop future that wraps it.
#[test]
fn c11_a_source_that_was_cancelled_when_it_was_wrapped() {
    let event_loop = virtual_loop();
    let (_work, source) = concurrent::promise::<u32>();
    assert!(source.cancel());
    let wrapped = event_loop.wrap_future(source).unwrap();
    assert!(!wrapped.done());
    turn(&event_loop);
    assert!(wrapped.cancelled());
}

//= SPEC.md#c-12
//= type=test
//# A source that ends after the loop closed MUST be ignored without an error.
//= SPEC.md#l-8
//= type=test
//# Closing the loop MUST end a pending loop future that the kernel made, with an error that says
//# so.
#[test]
fn c12_cb6_loop_closed_before_the_source_ends() {
    type End = fn(concurrent::Promise<u32>, ConcurrentFuture<u32>);
    let ways: [End; 4] = [
        |work, _| work.set_result(7).unwrap(),
        |work, _| work.set_exception(Exception::new("late")).unwrap(),
        |_, source| assert!(source.cancel()),
        |work, _| drop(work),
    ];
    for end in ways {
        let event_loop = virtual_loop();
        let reports = record_reports(&event_loop);
        let (work, source) = concurrent::promise::<u32>();
        let wrapped = event_loop.wrap_future(source.clone()).unwrap();
        event_loop.close().unwrap();
        assert!(is_loop_closed(&wrapped.result()));
        let told = events(|| end(work, source));
        assert!(told.is_empty(), "{told:?}");
        assert!(is_loop_closed(&wrapped.result()), "it keeps its outcome");
        assert!(reports.entries().is_empty());
    }
}

//= SPEC.md#c-12
//= type=test
//# A source that ends after the loop closed MUST be ignored without an error.
#[test]
fn c12_cb6_work_of_an_executor_that_outlives_the_loop() {
    let event_loop = virtual_loop();
    let shelf = Shelf::default();
    let future = event_loop.run_in_executor(Some(&shelf), || Ok(7)).unwrap();
    drop(event_loop);
    let told = events(|| shelf.take().run());
    assert!(told.is_empty(), "{told:?}");
    assert!(is_loop_closed(&future.result()));
}

//= SPEC.md#c-12
//= type=test
//# A source that ends after the loop closed MUST be ignored without an error.
//= SPEC.md#l-8
//= type=test
//# Closing the loop MUST end a pending loop future that the kernel made, with an error that says
//# so.
#[test]
fn c12_cb7_close_races_the_end_of_the_source() {
    let start = Arc::new(Barrier::new(2));
    let (sender, works) = mpsc::channel::<concurrent::Promise<u32>>();
    let ready = Arc::clone(&start);
    let worker = thread::spawn(move || {
        let mut told = Vec::new();
        for work in works {
            ready.wait();
            told.extend(events(|| work.set_result(7).unwrap()));
        }
        told
    });
    for _ in 0..200 {
        let event_loop = virtual_loop();
        let (work, source) = concurrent::promise::<u32>();
        let wrapped = event_loop.wrap_future(source.clone()).unwrap();
        sender.send(work).unwrap();
        start.wait();
        turn(&event_loop);
        event_loop.close().unwrap();
        let result = wrapped.result();
        assert!(is_loop_closed(&result) || matches!(result, Ok(7)), "{result:?}");
        assert_eq!(source.result_timeout(GUARD).unwrap(), 7);
    }
    drop(sender);
    assert!(worker.join().unwrap().is_empty());
}

//= SPEC.md#c-9
//= type=test
//# The outcome of a concurrent future MUST reach its loop future through the loop's queue, even if
//# it was done when it was wrapped.
#[test]
fn c9_cb8_done_when_it_was_wrapped() {
    let event_loop = virtual_loop();
    let handle = event_loop.handle();
    let order = Notes::default();
    let (work, source) = concurrent::promise::<u32>();
    let (posted, soon, copied) = (order.clone(), order.clone(), order.clone());
    event_loop.call_soon(move || soon.note("call_soon")).unwrap();
    thread::spawn(move || {
        handle.call_soon_threadsafe(move || posted.note("posted")).unwrap();
        work.set_result(7).unwrap();
    })
    .join()
    .unwrap();
    let wrapped = event_loop.wrap_future(source).unwrap();
    assert!(!wrapped.done(), "it must not overtake what was posted");
    let task = event_loop
        .create_task(async move {
            let value = wrapped.await?;
            copied.note("copied");
            Ok(value)
        })
        .unwrap();
    turns(&event_loop, 3);
    assert_eq!(order.entries(), ["call_soon", "posted", "copied"]);
    assert_eq!(task.result().unwrap(), 7);
}

//= SPEC.md#c-9
//= type=test
//# The outcome of a concurrent future MUST reach its loop future through the loop's queue, even if
//# it was done when it was wrapped.
#[test]
fn c9_cb9_completed_by_the_loop_thread() {
    let event_loop = virtual_loop();
    let order = Notes::default();
    let (work, source) = concurrent::promise::<u32>();
    let wrapped = event_loop.wrap_future(source).unwrap();
    let (before, done) = (order.clone(), order.clone());
    let probe = wrapped.clone();
    event_loop
        .call_soon(move || {
            let queued = before.clone();
            get_running_loop().unwrap().call_soon(move || queued.note("queued before")).unwrap();
            work.set_result(7).unwrap();
            assert!(!probe.done(), "not inside the completion");
        })
        .unwrap();
    wrapped.add_done_callback(move |_| done.note("done"));
    turns(&event_loop, 3);
    assert_eq!(order.entries(), ["queued before", "done"]);
    assert_eq!(wrapped.result().unwrap(), 7);
}

//= SPEC.md#s-9
//= type=test
//# An exit request MUST leave the run at once, after the future of the work that raised it is done,
//# with the rest of the batch still queued in order.
#[test]
fn s9_cb12_exit_request_raised_by_the_work() {
    let event_loop = virtual_loop();
    let shelf = Shelf::default();
    let work = || Err::<u32, _>(ExitRequest { code: 3 }.into());
    let looked_at = event_loop.run_in_executor(Some(&shelf), work).unwrap();
    let awaited = event_loop.run_in_executor(Some(&shelf), work).unwrap();
    shelf.take().run();
    shelf.take().run();
    // An exception like any other ...
    turns(&event_loop, 2);
    let exit = looked_at.exception().unwrap().unwrap();
    assert_eq!(exit.exit_request(), Some(ExitRequest { code: 3 }));
    // ... until a coroutine returns it.
    let task = event_loop.create_task(awaited).unwrap();
    let Err(RunError::Exit(exit)) = event_loop.run_forever() else {
        panic!("the run must end with the request")
    };
    assert!(task.exception().unwrap().unwrap().same_object(&exit));
}

//= SPEC.md#u-5
//= type=test
//# A loop future MUST observe the completion of work after every post that the working thread made
//# before.
//= SPEC.md#c-9
//= type=test
//# The outcome of a concurrent future MUST reach its loop future through the loop's queue, even if
//# it was done when it was wrapped.
#[test]
fn u5_cb13_posts_before_the_completion() {
    let shelf = Arc::new(Shelf::default());
    let executors: [&dyn Executor; 2] = [&*shelf, &AtOnce];
    for executor in executors {
        let event_loop = virtual_loop();
        let order = Notes::default();
        let (handle, posted, done) = (event_loop.handle(), order.clone(), order.clone());
        let future = event_loop
            .run_in_executor(Some(executor), move || {
                for number in 0..3 {
                    let posted = posted.clone();
                    handle.call_soon_threadsafe(move || posted.note(number))?;
                }
                Ok(())
            })
            .unwrap();
        let task = event_loop
            .create_task(async move {
                future.await?;
                done.note(100);
                Ok(())
            })
            .unwrap();
        turn(&event_loop);
        let waiting = !shelf.0.lock().unwrap().is_empty();
        if waiting {
            let worker = Arc::clone(&shelf);
            thread::spawn(move || worker.take().run()).join().unwrap();
        }
        turns(&event_loop, 3);
        assert_eq!(order.entries(), [0, 1, 2, 100]);
        task.result().unwrap();
    }
}

//= SPEC.md#c-9
//= type=test
//# The outcome of a concurrent future MUST reach its loop future through the loop's queue, even if
//# it was done when it was wrapped.
#[test]
fn c9_a_wrapped_future_of_a_virtual_thread_arrives() {
    let (sender, receiver) = mpsc::channel();
    // In a thread of its own: if virtual time stood still for the wrapped future, it would for ever.
    thread::spawn(move || {
        let event_loop = virtual_loop();
        let clock = event_loop.clock().clone();
        let result = event_loop.run_until_complete(async move {
            let (work, source) = concurrent::promise::<u32>();
            let sleeper = clock.clone();
            clock.spawn("producer", move || {
                sleeper.sleep(Duration::from_secs(1));
                work.set_result(7).unwrap();
            })?;
            get_running_loop()?.wrap_future(source)?.await
        });
        sender.send((result.ok(), event_loop.time().as_nanos())).unwrap();
    });
    assert_eq!(receiver.recv_timeout(GUARD), Ok((Some(7), 1_000_000_000)));
}
