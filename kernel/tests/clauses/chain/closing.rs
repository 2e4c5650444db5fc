//! Clause C-8, and exits: chains whose loop goes.

use super::*;

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
