//! Clauses L-3 to L-5 and L-8: one outcome, seen or reported, and the one that close gives.

use super::*;

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
