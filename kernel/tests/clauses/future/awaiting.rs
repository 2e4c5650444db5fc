//! Clauses L-6 and L-7: awaiting what is done, and what is another loop's.

use super::*;

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
