//! Clause E-10: shutting down a loop's default executor.

use super::*;

// E-10: the loop's default executor

//= SPEC.md#e-10
//= type=test
//# `shutdown_default_executor` MUST refuse new default work from the call on, MUST NOT block the
//# loop, and MUST report a timeout as such.
#[test]
fn e10_default_work_is_refused_from_the_call_on() {
    let event_loop = virtual_loop();
    assert_eq!(
        event_loop
            .run_until_complete(async {
                get_running_loop()?.run_in_executor(None, || Ok(7))?.await
            })
            .unwrap(),
        7
    );
    let shutdown = event_loop.shutdown_default_executor(None);
    let refused = event_loop.run_in_executor(None, || Ok(7));
    assert!(matches!(refused, Err(SubmitError::ShutDown)), "before it is awaited");
    let refused = event_loop.set_default_executor(Arc::new(pool_of(1)));
    assert!(matches!(refused, Err(SubmitError::ShutDown)));
    event_loop.run_until_complete(shutdown).unwrap();
    // A pool of the program's own is no default.
    let pool = pool_of(1);
    let own = event_loop.run_in_executor(Some(&pool), || Ok(8)).unwrap();
    assert_eq!(event_loop.run_until_complete(own).unwrap(), 8);
}

//= SPEC.md#e-10
//= type=test
//# `shutdown_default_executor` MUST refuse new default work from the call on, MUST NOT block the
//# loop, and MUST report a timeout as such.
#[test]
fn e10_awaiting_the_shutdown_does_not_block_the_loop() {
    let event_loop = virtual_loop();
    let (go_on, may_go_on) = mpsc::channel();
    let work = event_loop
        .run_in_executor(None, move || Ok(may_go_on.recv_timeout(GUARD).is_ok()))
        .unwrap();
    let shutdown = event_loop.shutdown_default_executor(None);
    let log = Log::default();
    let (first, second) = (log.clone(), log.clone());
    let task = event_loop
        .create_task(async move {
            first.note("awaiting");
            shutdown.await?;
            first.note("shut down");
            Ok(())
        })
        .unwrap();
    event_loop
        .call_soon(move || {
            second.note("the loop goes on");
            go_on.send(()).unwrap();
        })
        .unwrap();
    event_loop.run_until_complete(task).unwrap();
    assert_eq!(log.entries(), ["awaiting", "the loop goes on", "shut down"]);
    assert!(event_loop.run_until_complete(work).unwrap(), "work that was accepted has run");
}

//= SPEC.md#e-10
//= type=test
//# `shutdown_default_executor` MUST refuse new default work from the call on, MUST NOT block the
//# loop, and MUST report a timeout as such.
#[test]
fn e10_a_timeout_is_reported_as_such() {
    let event_loop = EventLoop::new().unwrap();
    let (go_on, may_go_on) = mpsc::channel();
    let work = event_loop
        .run_in_executor(None, move || Ok(may_go_on.recv_timeout(GUARD).is_ok()))
        .unwrap();
    let shutdown = event_loop.shutdown_default_executor(Some(Duration::from_millis(1)));
    let timed_out = event_loop.run_until_complete(shutdown).unwrap_err();
    assert_eq!(timed_out.downcast_ref(), Some(&ShutdownError::TimedOut { workers: 1 }));
    // The worker ends by itself.
    go_on.send(()).unwrap();
    assert!(event_loop.run_until_complete(work).unwrap());
}

//= SPEC.md#e-10
//= type=test
//# `shutdown_default_executor` MUST refuse new default work from the call on, MUST NOT block the
//# loop, and MUST report a timeout as such.
#[test]
fn e10_a_cancel_of_the_shutdown_is_no_timeout() {
    let event_loop = EventLoop::new().unwrap();
    let (go_on, may_go_on) = mpsc::channel();
    let work = event_loop
        .run_in_executor(None, move || Ok(may_go_on.recv_timeout(GUARD).is_ok()))
        .unwrap();
    let shutdown = event_loop.shutdown_default_executor(Some(GUARD));
    let task = event_loop.create_task(shutdown).unwrap();
    let cancelled = task.clone();
    event_loop.call_soon(move || assert!(cancelled.cancel())).unwrap();
    assert!(event_loop.run_until_complete(task).unwrap_err().is_cancelled());
    go_on.send(()).unwrap();
    assert!(event_loop.run_until_complete(work).unwrap());
}

//= SPEC.md#e-10
//= type=test
//# `shutdown_default_executor` MUST refuse new default work from the call on, MUST NOT block the
//# loop, and MUST report a timeout as such.
#[test]
fn e10_an_executor_of_the_programs_own_is_let_go() {
    let event_loop = virtual_loop();
    let pool = Arc::new(pool_of(1));
    event_loop.set_default_executor(Arc::<ThreadPoolExecutor>::clone(&pool)).unwrap();
    let work = event_loop.run_in_executor(None, || Ok(7)).unwrap();
    assert_eq!(event_loop.run_until_complete(work).unwrap(), 7);
    assert_eq!(pool.workers(), 1, "it was used");
    let shutdown = event_loop.shutdown_default_executor(Some(Duration::from_secs(1)));
    assert_eq!(Arc::strong_count(&pool), 2, "kept until the shutdown is awaited or dropped");
    event_loop.run_until_complete(shutdown).unwrap();
    assert_eq!(Arc::strong_count(&pool), 1);
    assert_eq!(pool.submit(|| Ok(8)).unwrap().result_timeout(GUARD).unwrap(), 8);
}

//= SPEC.md#e-10
//= type=test
//# `shutdown_default_executor` MUST refuse new default work from the call on, MUST NOT block the
//# loop, and MUST report a timeout as such.
//= SPEC.md#s-8
//= type=test
//# After close every operation that would schedule work MUST be refused with `LoopClosed`.
#[test]
fn e10_a_closed_loop_says_that_it_is_closed() {
    let event_loop = virtual_loop();
    event_loop.close().unwrap();
    let refused = event_loop.run_in_executor(None, || Ok(7));
    assert!(matches!(refused, Err(SubmitError::LoopClosed)));
    let refused = event_loop.set_default_executor(Arc::new(pool_of(1)));
    assert!(matches!(refused, Err(SubmitError::LoopClosed)));
}
