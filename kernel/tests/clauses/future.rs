//! Chapter L of SPEC.md: the loop future, its callbacks and awaiters.

use std::future::{Future, poll_fn};
use std::panic::resume_unwind;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use loopgate::executor::Work;
use loopgate::{
    BrokenPromise, Cancelled, EventLoop, Exception, Executor, ForeignLoop, LoopClosed, LoopFuture,
    ResultError, SubmitError, Turn, concurrent, gather, shield, wait_for, yield_now,
};

use super::support::{Log, record_reports, virtual_loop};

/// One iteration that does not sleep.
fn turn(event_loop: &EventLoop) {
    assert_eq!(event_loop.run_once(Some(Duration::ZERO)).unwrap(), Turn::Continue);
}

fn poll<T: Clone + 'static>(
    future: &mut LoopFuture<T>,
    waker: &Waker,
) -> Poll<Result<T, Exception>> {
    Pin::new(future).poll(&mut Context::from_waker(waker))
}

/// A waker that notes its name when it is woken.
struct Named(&'static str, Arc<Mutex<Vec<&'static str>>>);

impl Wake for Named {
    fn wake(self: Arc<Self>) {
        self.1.lock().unwrap().push(self.0);
    }
}

// L-1, L-2: callbacks and awaiters

//= SPEC.md#l-1
//= type=test
//# A loop future's done-callbacks MUST be queued and never run inside the call that completed it or
//# added them.
#[test]
fn l1_callbacks_are_queued_by_the_completion() {
    for how in ["value", "exception", "cancel", "drop"] {
        let event_loop = virtual_loop();
        let (promise, future) = event_loop.create_future::<u32>();
        let log = Log::default();
        let called = log.clone();
        future.add_done_callback(move |done| called.note((done.done(), done.cancelled())));
        match how {
            "value" => promise.set_result(1).unwrap(),
            "exception" => promise.set_exception(BrokenPromise).unwrap(),
            "cancel" => assert!(future.cancel()),
            _ => drop(promise),
        }
        assert!(log.entries().is_empty(), "ran inside the call: {how}");
        turn(&event_loop);
        assert_eq!(log.entries(), [(true, how == "cancel")], "{how}");
        turn(&event_loop);
        assert_eq!(log.entries().len(), 1, "ran again: {how}");
        let _ = future.exception();
    }
}

//= SPEC.md#l-1
//= type=test
//# A loop future's done-callbacks MUST be queued and never run inside the call that completed it or
//# added them.
#[test]
fn l1_a_callback_added_to_a_done_future_is_queued() {
    let event_loop = virtual_loop();
    let (promise, future) = event_loop.create_future::<u32>();
    promise.set_result(1).unwrap();
    let log = Log::default();
    let (first, second) = (log.clone(), log.clone());
    event_loop.call_soon(move || first.note("queued before")).unwrap();
    future.add_done_callback(move |_| second.note("callback"));
    assert!(log.entries().is_empty());
    turn(&event_loop);
    assert_eq!(log.entries(), ["queued before", "callback"]);
}

//= SPEC.md#l-1
//= type=test
//# A loop future's done-callbacks MUST be queued and never run inside the call that completed it or
//# added them.
#[test]
fn l1_a_callback_that_completes_another_future_runs_none_of_its_callbacks() {
    let event_loop = virtual_loop();
    let (first_promise, first) = event_loop.create_future::<u32>();
    let (second_promise, second) = event_loop.create_future::<u32>();
    let log = Log::default();
    let (outer, inner) = (log.clone(), log.clone());
    second.add_done_callback(move |_| inner.note("inner"));
    first.add_done_callback(move |_| {
        outer.note("outer begins");
        second_promise.set_result(2).unwrap();
        outer.note("outer ends");
    });
    first_promise.set_result(1).unwrap();
    turn(&event_loop);
    assert_eq!(log.entries(), ["outer begins", "outer ends"], "in the next iteration (Q-2)");
    turn(&event_loop);
    assert_eq!(log.entries(), ["outer begins", "outer ends", "inner"]);
}

//= SPEC.md#l-2
//= type=test
//# Callbacks and awaiters of one loop future MUST be served in the order in which they came.
#[test]
fn l2_callbacks_and_awaiters_are_served_as_they_came() {
    let event_loop = virtual_loop();
    let (promise, future) = event_loop.create_future::<u32>();
    let log = Log::default();
    for (callback, task) in [("callback 1", "task 1"), ("callback 2", "task 2")] {
        let called = log.clone();
        future.add_done_callback(move |_| called.note(callback));
        let (awaited, resumed) = (future.clone(), log.clone());
        event_loop
            .create_task(async move {
                awaited.await?;
                resumed.note(task);
                Ok(())
            })
            .unwrap();
        // The task takes its place in the line only when it runs.
        turn(&event_loop);
    }
    promise.set_result(1).unwrap();
    turn(&event_loop);
    assert_eq!(log.entries(), ["callback 1", "task 1", "callback 2", "task 2"]);
}

//= SPEC.md#l-2
//= type=test
//# Callbacks and awaiters of one loop future MUST be served in the order in which they came.
#[test]
fn l2_an_awaiter_polled_again_keeps_its_place() {
    let event_loop = virtual_loop();
    let (promise, future) = event_loop.create_future::<u32>();
    let woken = Arc::new(Mutex::new(Vec::new()));
    let waker = |name| Waker::from(Arc::new(Named(name, Arc::clone(&woken))));
    let (mut one, mut two) = (future.clone(), future.clone());
    assert!(poll(&mut one, &waker("one, at first")).is_pending());
    assert!(poll(&mut two, &waker("two")).is_pending());
    assert!(poll(&mut one, &waker("one")).is_pending());
    promise.set_result(1).unwrap();
    assert_eq!(*woken.lock().unwrap(), ["one", "two"]);
}

//= SPEC.md#l-2
//= type=test
//# Callbacks and awaiters of one loop future MUST be served in the order in which they came.
#[test]
fn l2_an_awaiter_that_left_is_not_served() {
    let event_loop = virtual_loop();
    let (promise, future) = event_loop.create_future::<u32>();
    let woken = Arc::new(Mutex::new(Vec::new()));
    let waker = |name| Waker::from(Arc::new(Named(name, Arc::clone(&woken))));
    let mut awaiters = ["one", "two", "three", "four"].map(|name| (name, future.clone()));
    for (name, awaiter) in &mut awaiters {
        assert!(poll(awaiter, &waker(*name)).is_pending());
    }
    let [_one, two, _three, _four] = awaiters;
    drop(two);
    promise.set_result(1).unwrap();
    assert_eq!(*woken.lock().unwrap(), ["one", "three", "four"], "the others keep their places");
}

struct PanickingWaker;

impl Wake for PanickingWaker {
    fn wake(self: Arc<Self>) {
        resume_unwind(Box::new("a foreign executor's waker"));
    }
}

//= SPEC.md#l-2
//= type=test
//# Callbacks and awaiters of one loop future MUST be served in the order in which they came.
#[test]
fn l2_a_waker_that_panics_keeps_nobody_from_being_served() {
    let event_loop = virtual_loop();
    let (promise, future) = event_loop.create_future::<u32>();
    let log = Log::default();
    let called = log.clone();
    let mut broken = future.clone();
    assert!(poll(&mut broken, &Waker::from(Arc::new(PanickingWaker))).is_pending());
    future.add_done_callback(move |_| called.note("callback"));
    promise.set_result(1).unwrap();
    turn(&event_loop);
    assert_eq!(log.entries(), ["callback"]);
}

// L-3, L-4: refusals

//= SPEC.md#l-3
//= type=test
//# `set_result`, `set_exception` and `cancel` on a loop future that is done MUST be refused and
//# change nothing.
#[test]
fn l3_completion_of_a_done_future_is_refused_and_given_back() {
    for how in ["value", "exception", "cancel"] {
        let event_loop = virtual_loop();
        let (promise, future) = event_loop.create_future::<Rc<str>>();
        let log = Log::default();
        let called = log.clone();
        future.add_done_callback(move |_| called.note(()));
        let first = Exception::new("first");
        match how {
            "value" => promise.set_result("first".into()).unwrap(),
            "exception" => promise.set_exception(first.clone()).unwrap(),
            _ => assert!(future.cancel_with_message("first")),
        }
        let late: Rc<str> = "late".into();
        let refused = promise.set_result(Rc::clone(&late)).unwrap_err();
        assert!(Rc::ptr_eq(&refused.rejected, &late));
        assert_eq!(refused.cancelled, how == "cancel");
        let late = Exception::new("late");
        let refused = promise.set_exception(late.clone()).unwrap_err();
        assert!(refused.rejected.same_object(&late));
        assert_eq!(refused.cancelled, how == "cancel");
        assert!(!future.cancel(), "false also for a cancelled one: {how}");
        assert!(!future.cancel_with_message("late"));
        drop(promise);

        assert_eq!(future.cancelled(), how == "cancel");
        match future.result() {
            Ok(value) => assert!(how == "value" && &*value == "first"),
            Err(ResultError::Exception(exception)) => assert!(exception.same_object(&first)),
            Err(ResultError::Cancelled(cancelled)) => {
                assert_eq!(cancelled.message(), Some("first"))
            }
            Err(other) => panic!("{other}"),
        }
        turn(&event_loop);
        turn(&event_loop);
        assert_eq!(log.entries().len(), 1);
    }
}

//= SPEC.md#l-4
//= type=test
//# Reading the result of a pending loop future MUST be an error and MUST NOT block.
#[test]
fn l4_the_result_of_a_pending_future_is_an_error() {
    let event_loop = virtual_loop();
    let (promise, future) = event_loop.create_future::<u32>();
    assert!(!promise.is_done());
    assert!(matches!(future.result(), Err(ResultError::Pending)));
    assert!(matches!(future.exception(), Err(ResultError::Pending)));
    promise.set_result(1).unwrap();
    assert!(promise.is_done());
    assert_eq!(future.result().unwrap(), 1);
    assert!(future.exception().unwrap().is_none());
}

//= SPEC.md#l-4
//= type=test
//# Reading the result of a pending loop future MUST be an error and MUST NOT block.
#[test]
fn l4_a_cancelled_future_says_so() {
    let event_loop = virtual_loop();
    let (promise, future) = event_loop.create_future::<u32>();
    assert!(future.cancel_with_message("enough"));
    assert!(promise.is_done() && future.done() && future.cancelled());
    let expected = Cancelled::with_message("enough");
    assert!(matches!(future.result(), Err(ResultError::Cancelled(c)) if c == expected));
    assert!(matches!(future.exception(), Err(ResultError::Cancelled(c)) if c == expected));
}

// L-5: exceptions that nobody looked at

//= SPEC.md#l-5
//= type=test
//# An exception that nobody retrieved MUST be reported to the exception handler when the last
//# handle of its future is dropped.
#[test]
fn l5_a_lost_exception_is_reported_when_the_last_handle_goes() {
    let event_loop = virtual_loop();
    let reports = record_reports(&event_loop);
    let (promise, future) = event_loop.create_future::<u32>();
    let lost = Exception::new("lost");
    let other = future.clone();
    promise.set_exception(lost.clone()).unwrap();
    drop(promise);
    assert!(future.done(), "asking whether it is done is not looking");
    drop(future);
    turn(&event_loop);
    assert!(reports.entries().is_empty(), "a handle is left");
    drop(other);
    turn(&event_loop);
    turn(&event_loop);
    let reports = reports.entries();
    assert_eq!(reports.len(), 1);
    assert!(reports[0].exception.as_ref().unwrap().same_object(&lost));
}

//= SPEC.md#l-5
//= type=test
//# An exception that nobody retrieved MUST be reported to the exception handler when the last
//# handle of its future is dropped.
#[test]
fn l5_an_exception_that_somebody_saw_is_not_reported() {
    type Look = fn(&EventLoop, LoopFuture<u32>);
    let ways: [Look; 4] = [
        |_, future| assert!(future.result().is_err()),
        |_, future| assert!(future.exception().unwrap().is_some()),
        |event_loop, future| {
            let awaited = event_loop.run_until_complete(future);
            assert!(awaited.unwrap_err().is::<BrokenPromise>());
        },
        |event_loop, future| {
            future.add_done_callback(|done| assert!(done.exception().unwrap().is_some()));
            turn(event_loop);
        },
    ];
    for look in ways {
        let event_loop = virtual_loop();
        let reports = record_reports(&event_loop);
        let (promise, future) = event_loop.create_future::<u32>();
        promise.set_exception(BrokenPromise).unwrap();
        look(&event_loop, future);
        drop(promise);
        turn(&event_loop);
        turn(&event_loop);
        assert!(reports.entries().is_empty());
    }
}

//= SPEC.md#l-5
//= type=test
//# An exception that nobody retrieved MUST be reported to the exception handler when the last
//# handle of its future is dropped.
#[test]
fn l5_values_and_cancellations_are_not_reported() {
    let event_loop = virtual_loop();
    let reports = record_reports(&event_loop);
    let (promise, future) = event_loop.create_future::<u32>();
    promise.set_result(1).unwrap();
    drop((promise, future));
    let (promise, future) = event_loop.create_future::<u32>();
    assert!(future.cancel());
    drop((promise, future));
    turn(&event_loop);
    assert!(reports.entries().is_empty());
}

//= SPEC.md#l-5
//= type=test
//# An exception that nobody retrieved MUST be reported to the exception handler when the last
//# handle of its future is dropped.
#[test]
fn l5_a_producer_that_is_lost_behind_the_last_handle_is_reported() {
    let event_loop = virtual_loop();
    let reports = record_reports(&event_loop);
    let (promise, future) = event_loop.create_future::<u32>();
    drop(future);
    drop(promise);
    turn(&event_loop);
    assert_eq!(reports.entries().len(), 1);
    assert!(reports.entries()[0].exception.as_ref().unwrap().is::<BrokenPromise>());
}

//= SPEC.md#l-5
//= type=test
//# An exception that nobody retrieved MUST be reported to the exception handler when the last
//# handle of its future is dropped.
#[test]
fn l5_a_report_that_the_loop_had_no_turn_for_is_made_by_close() {
    let event_loop = virtual_loop();
    let reports = record_reports(&event_loop);
    let (promise, future) = event_loop.create_future::<u32>();
    promise.set_exception(BrokenPromise).unwrap();
    drop((promise, future));
    event_loop.close().unwrap();
    assert_eq!(reports.entries().len(), 1);
}

//= SPEC.md#l-5
//= type=test
//# An exception that nobody retrieved MUST be reported to the exception handler when the last
//# handle of its future is dropped.
#[test]
fn l5_a_failure_of_work_whose_future_was_let_go_is_reported() {
    let event_loop = virtual_loop();
    let reports = record_reports(&event_loop);
    let shelf = Shelf::default();
    let lost = Exception::new("lost");
    let raised = lost.clone();
    drop(event_loop.run_in_executor(Some(&shelf), || Err::<u32, _>(raised)).unwrap());
    shelf.0.lock().unwrap().remove(0).run();
    turn(&event_loop);
    turn(&event_loop);
    assert_eq!(reports.entries().len(), 1);
    assert!(reports.entries()[0].exception.as_ref().unwrap().same_object(&lost));
}

// L-6, L-7: awaiting

//= SPEC.md#l-6
//= type=test
//# Awaiting a loop future that is done MUST NOT suspend.
#[test]
fn l6_awaiting_a_done_future_does_not_suspend() {
    let event_loop = virtual_loop();
    let (value_promise, value) = event_loop.create_future::<u32>();
    value_promise.set_result(1).unwrap();
    let (_promise, cancelled) = event_loop.create_future::<u32>();
    assert!(cancelled.cancel());
    let (failed_promise, failed) = event_loop.create_future::<u32>();
    failed_promise.set_exception(BrokenPromise).unwrap();
    let polls = Log::default();
    let counted = polls.clone();
    let task = event_loop
        .create_task(async move {
            let mut body = Box::pin(async move {
                assert_eq!(value.await.unwrap(), 1);
                assert!(cancelled.await.unwrap_err().is_cancelled());
                assert!(failed.await.unwrap_err().is::<BrokenPromise>());
                Ok(())
            });
            poll_fn(move |cx| {
                counted.note(());
                body.as_mut().poll(cx)
            })
            .await
        })
        .unwrap();
    turn(&event_loop);
    task.result().unwrap();
    assert_eq!(polls.entries().len(), 1);
}

//= SPEC.md#l-7
//= type=test
//# A task of another loop that awaits the future MUST get an error and MUST NOT be suspended on it.
#[test]
fn l7_a_task_of_another_loop_is_refused() {
    for done in [false, true] {
        let (here, there) = (virtual_loop(), virtual_loop());
        let (promise, future) = there.create_future::<u32>();
        if done {
            promise.set_result(1).unwrap();
        }
        let again = future.clone();
        let task = here.create_task(future).unwrap();
        turn(&here);
        let Err(ResultError::Exception(exception)) = task.result() else {
            panic!("the task was suspended, or got the value")
        };
        assert!(exception.is::<ForeignLoop>());
        // In its own loop it is as good as before.
        if !done {
            promise.set_result(1).unwrap();
        }
        assert_eq!(there.run_until_complete(again).unwrap(), 1);
    }
}

//= SPEC.md#l-7
//= type=test
//# A task of another loop that awaits the future MUST get an error and MUST NOT be suspended on it.
#[test]
fn l7_a_task_of_another_loop_is_refused_as_an_awaitable_too() {
    let (here, there) = (virtual_loop(), virtual_loop());
    let foreign = there.create_task(async { Ok(1) }).unwrap();
    let awaiting = here.create_task(foreign.clone()).unwrap();
    turn(&here);
    let exception = awaiting.exception().unwrap().unwrap();
    assert!(exception.is::<ForeignLoop>());
    assert_eq!(there.run_until_complete(foreign).unwrap(), 1);
}

//= SPEC.md#l-7
//= type=test
//# A task of another loop that awaits the future MUST get an error and MUST NOT be suspended on it.
#[test]
fn l7_no_scope_hides_that_the_loop_is_another() {
    let (here, there) = (virtual_loop(), virtual_loop());
    let foreign = there.create_task(async { Ok(1) }).unwrap();
    let (one, two, three) = (foreign.clone(), foreign.clone(), foreign.clone());
    let shielded = here.create_task(shield(one)).unwrap();
    let gathered = here.create_task(gather(vec![two])).unwrap();
    let limited = here.create_task(wait_for(Duration::from_secs(1), three)).unwrap();
    turn(&here);
    for exception in [shielded.exception(), gathered.exception(), limited.exception()] {
        assert!(exception.expect("suspended on it").unwrap().is::<ForeignLoop>());
    }
    assert_eq!(there.run_until_complete(foreign).unwrap(), 1);
}

//= SPEC.md#l-7
//= type=test
//# A task of another loop that awaits the future MUST get an error and MUST NOT be suspended on it.
#[test]
fn l7_a_pending_cancel_does_not_reach_the_foreign_future() {
    let (here, there) = (virtual_loop(), virtual_loop());
    let (promise, future) = there.create_future::<u32>();
    let awaited = future.clone();
    let task = here
        .create_task(async move {
            // Delivered at the next await, which is refused first.
            loopgate::current_task().unwrap().cancel();
            awaited.await
        })
        .unwrap();
    turn(&here);
    assert!(task.done());
    assert!(!future.done());
    promise.set_result(1).unwrap();
}

// L-8: the kernel's own futures end with the loop

/// Takes work and never runs it.
#[derive(Default)]
struct Shelf(Mutex<Vec<Work>>);

impl Executor for Shelf {
    fn execute(&self, work: Work) -> Result<(), SubmitError> {
        self.0.lock().unwrap().push(work);
        Ok(())
    }
}

fn ended_by_close(future: &LoopFuture<u32>) -> bool {
    matches!(future.result(), Err(ResultError::Exception(e)) if e.is::<LoopClosed>())
}

//= SPEC.md#l-8
//= type=test
//# Closing the loop MUST end a pending loop future that the kernel made, with an error that says
//# so.
#[test]
fn l8_close_ends_futures_of_executors_and_wrapped_ones() {
    let event_loop = virtual_loop();
    let shelf = Shelf::default();
    let work = event_loop.run_in_executor(Some(&shelf), || Ok(1)).unwrap();
    let (_promise, source) = concurrent::promise::<u32>();
    let wrapped = event_loop.wrap_future(source.clone()).unwrap();
    event_loop.close().unwrap();
    assert!(ended_by_close(&work));
    assert!(ended_by_close(&wrapped));
    assert!(!source.done(), "it belongs to somebody else");
    assert!(!work.cancel() && !wrapped.cancel());
}

//= SPEC.md#l-8
//= type=test
//# Closing the loop MUST end a pending loop future that the kernel made, with an error that says
//# so.
#[test]
fn l8_dropping_the_loop_ends_them_as_well() {
    let event_loop = virtual_loop();
    let (_promise, source) = concurrent::promise::<u32>();
    let wrapped = event_loop.wrap_future(source).unwrap();
    drop(event_loop);
    assert!(ended_by_close(&wrapped));
}

//= SPEC.md#l-8
//= type=test
//# Closing the loop MUST end a pending loop future that the kernel made, with an error that says
//# so.
//= SPEC.md#l-5
//= type=test
//# An exception that nobody retrieved MUST be reported to the exception handler when the last
//# handle of its future is dropped.
#[test]
fn l8_the_end_by_close_is_not_reported() {
    let event_loop = virtual_loop();
    let reports = record_reports(&event_loop);
    let (_promise, source) = concurrent::promise::<u32>();
    drop(event_loop.wrap_future(source).unwrap());
    event_loop.close().unwrap();
    assert!(reports.entries().is_empty());
}

//= SPEC.md#l-8
//= type=test
//# Closing the loop MUST end a pending loop future that the kernel made, with an error that says
//# so.
#[test]
fn l8_a_producer_dropped_on_an_open_loop_is_another_error() {
    let event_loop = virtual_loop();
    let (promise, future) = event_loop.create_future::<u32>();
    let awaited = event_loop.create_task(future).unwrap();
    turn(&event_loop);
    drop(promise);
    turn(&event_loop);
    assert!(awaited.exception().unwrap().unwrap().is::<BrokenPromise>());
}

//= SPEC.md#l-8
//= type=test
//# Closing the loop MUST end a pending loop future that the kernel made, with an error that says
//# so.
#[test]
fn l8_a_future_whose_producer_is_the_programs_own_stays() {
    let event_loop = virtual_loop();
    let (promise, future) = event_loop.create_future::<u32>();
    event_loop.close().unwrap();
    assert!(!future.done());
    promise.set_result(1).unwrap();
    assert_eq!(future.result().unwrap(), 1);
}

//= SPEC.md#l-3
//= type=test
//# `set_result`, `set_exception` and `cancel` on a loop future that is done MUST be refused and
//# change nothing.
//= SPEC.md#l-6
//= type=test
//# Awaiting a loop future that is done MUST NOT suspend.
#[test]
fn l3_cancelling_the_awaiting_task_cancels_the_future() {
    let event_loop = virtual_loop();
    let (promise, future) = event_loop.create_future::<u32>();
    let awaited = future.clone();
    let task = event_loop
        .create_task(async move {
            let seen = awaited.await.unwrap_err();
            yield_now().await?;
            Err::<u32, _>(seen)
        })
        .unwrap();
    turn(&event_loop);
    assert!(task.cancel());
    assert!(future.cancelled(), "at once, as in asyncio");
    assert!(promise.set_result(1).unwrap_err().cancelled);
    turn(&event_loop);
    turn(&event_loop);
    assert!(task.cancelled());
}
