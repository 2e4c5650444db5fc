//! Clauses S-1 to S-5: running, stopping, and what a run returns.

use super::*;

//= SPEC.md#s-1
//= type=test
//# `stop` MUST let the running batch end, leave what it scheduled queued for the next run, and be
//# consumed by the run that it ends.
#[test]
fn s1_stop_lets_the_batch_end_and_leaves_what_it_scheduled() {
    let event_loop = virtual_loop();
    let log = Log::default();
    let noted = log.clone();
    event_loop
        .call_soon(move || {
            stop();
            note(&noted, "stopped")();
            get_running_loop().unwrap().call_soon(note(&noted, "scheduled")).unwrap();
        })
        .unwrap();
    event_loop.call_soon(note(&log, "of the batch")).unwrap();
    event_loop.call_at(Time::ZERO, note(&log, "timer of the batch")).unwrap();
    event_loop.run_forever().unwrap();
    assert_eq!(log.entries(), ["stopped", "of the batch", "timer of the batch"]);
    assert_eq!(census(&event_loop).queued, 1);
    // The stop is consumed: the next run ends by its own, some iterations later.
    event_loop.call_soon(|| count_down_and_stop(3)).unwrap();
    event_loop.call_soon(note(&log, "next run")).unwrap();
    event_loop.run_forever().unwrap();
    let expected = ["stopped", "of the batch", "timer of the batch", "scheduled", "next run"];
    assert_eq!(log.entries(), expected);
    assert_eq!(census(&event_loop).queued, 0);
}

//= SPEC.md#s-1
//= type=test
//# `stop` MUST let the running batch end, leave what it scheduled queued for the next run, and be
//# consumed by the run that it ends.
#[test]
fn s1_two_stops_in_one_batch_end_one_run() {
    let event_loop = virtual_loop();
    event_loop.call_soon(stop).unwrap();
    event_loop.call_soon(stop).unwrap();
    event_loop.run_forever().unwrap();
    assert_eq!(event_loop.run_once(NOW).unwrap(), Turn::Continue);
}

//= SPEC.md#s-2
//= type=test
//# A stop requested while the loop does not run MUST make the next run return after one iteration.
#[test]
fn s2_a_stop_before_the_run_lets_it_have_one_iteration() {
    guarded(|| {
        for posted in [false, true] {
            let event_loop = virtual_loop();
            let log = Log::default();
            let noted = log.clone();
            event_loop
                .call_soon(move || {
                    note(&noted, "queued")();
                    get_running_loop().unwrap().call_soon(note(&noted, "scheduled")).unwrap();
                })
                .unwrap();
            let handle = event_loop.handle();
            if posted {
                elsewhere(|| handle.stop().unwrap())
            } else {
                event_loop.stop()
            };
            event_loop.run_forever().unwrap();
            assert_eq!(log.entries(), ["queued"]);
            // With nothing at all to do it does not sleep either.
            let idle = virtual_loop();
            idle.stop();
            idle.call_later(Duration::from_secs(1), || unreachable!("slept")).unwrap();
            idle.run_forever().unwrap();
            assert_eq!(idle.time(), Time::ZERO);
            // Consumed: a second run goes on.
            event_loop.call_soon(|| count_down_and_stop(2)).unwrap();
            event_loop.run_forever().unwrap();
            assert_eq!(log.entries(), ["queued", "scheduled"]);
        }
    });
}

//= SPEC.md#s-2
//= type=test
//# A stop requested while the loop does not run MUST make the next run return after one iteration.
#[test]
fn s2_each_way_to_run_consumes_the_stop() {
    let event_loop = virtual_loop();
    event_loop.stop();
    assert_eq!(event_loop.run_once(None).unwrap(), Turn::Stop);
    assert_eq!(event_loop.run_once(NOW).unwrap(), Turn::Continue);
    event_loop.stop();
    let too_slow = event_loop.run_until_complete(async {
        yield_now().await?;
        Ok(1)
    });
    assert!(matches!(run_error(&too_slow.unwrap_err()), RunError::StoppedBeforeDone));
    event_loop.stop();
    assert_eq!(event_loop.run_until_complete(async { Ok(2) }).unwrap(), 2, "one step is enough");
    assert_eq!(event_loop.run_once(NOW).unwrap(), Turn::Continue);
}

//= SPEC.md#s-3
//= type=test
//# Running a loop that runs, or while another loop runs in the same thread, MUST be refused and
//# MUST change nothing.
#[test]
fn s3_a_running_loop_cannot_be_run() {
    let event_loop = Rc::new(virtual_loop());
    let log = Log::default();
    let owned = Rc::new(());
    let attempt = {
        let (again, owned) = (Rc::clone(&event_loop), Rc::clone(&owned));
        move || {
            let before = census(&again);
            assert!(matches!(again.run_forever(), Err(RunError::AlreadyRunning)));
            assert!(matches!(again.run_once(NOW), Err(RunError::AlreadyRunning)));
            let coroutine_owns = Rc::clone(&owned);
            let refused = again.run_until_complete(async move {
                drop(coroutine_owns);
                Ok(())
            });
            assert!(matches!(run_error(&refused.unwrap_err()), RunError::AlreadyRunning));
            assert_eq!(census(&again), before, "the coroutine was not made into a task");
            assert!(again.is_running() && again.handle().is_running());
            assert_eq!(get_running_loop().unwrap().handle(), again.handle());
        }
    };
    event_loop.call_soon(attempt.clone()).unwrap();
    event_loop.call_soon(note(&log, "the batch goes on")).unwrap();
    let _turn = event_loop.run_once(NOW).unwrap();
    assert_eq!(log.entries(), ["the batch goes on"]);
    // From a coroutine, with a stop pending: the refused runs do not consume it.
    let in_step = attempt.clone();
    let stepping = async move {
        stop();
        in_step();
        yield_now().await
    };
    let error = event_loop.run_until_complete(stepping).unwrap_err();
    assert!(matches!(run_error(&error), RunError::StoppedBeforeDone));
    drop(attempt);
    let _turn = event_loop.run_once(NOW).unwrap();
    assert_eq!(Rc::strong_count(&owned), 1, "the refused coroutines are dropped");
}

//= SPEC.md#s-3
//= type=test
//# Running a loop that runs, or while another loop runs in the same thread, MUST be refused and
//# MUST change nothing.
#[test]
fn s3_a_loop_cannot_be_run_inside_another() {
    let (outer, inner) = (virtual_loop(), Rc::new(virtual_loop()));
    let log = Log::default();
    inner.call_soon(note(&log, "inner callback")).unwrap();
    inner.stop();
    let nested = Rc::clone(&inner);
    let attempt = move || {
        let before = census(&nested);
        assert!(matches!(nested.run_forever(), Err(RunError::OtherLoopRunning)));
        assert!(matches!(nested.run_once(NOW), Err(RunError::OtherLoopRunning)));
        let refused = nested.run_until_complete(async { Ok(()) }).unwrap_err();
        assert!(matches!(run_error(&refused), RunError::OtherLoopRunning));
        assert_eq!(census(&nested), before);
        assert!(!nested.is_running() && !nested.handle().is_running());
        get_running_loop().unwrap().handle()
    };
    let running = Rc::new(RefCell::new(None));
    let named = Rc::clone(&running);
    outer.call_soon(move || drop(named.replace(Some(attempt())))).unwrap();
    outer.call_soon(note(&log, "the outer batch goes on")).unwrap();
    let _turn = outer.run_once(NOW).unwrap();
    assert_eq!(running.take(), Some(outer.handle()), "the outer loop is still the running one");
    assert_eq!(log.entries(), ["the outer batch goes on"]);
    // Outside it runs, and the stop that was pending is there still.
    assert_eq!(inner.run_once(NOW).unwrap(), Turn::Stop);
    assert_eq!(log.entries(), ["the outer batch goes on", "inner callback"]);
}

//= SPEC.md#s-3
//= type=test
//# Running a loop that runs, or while another loop runs in the same thread, MUST be refused and
//# MUST change nothing.
#[test]
fn s3_two_threads_run_two_loops() {
    let event_loop = virtual_loop();
    event_loop
        .call_soon(|| {
            elsewhere(|| {
                assert!(get_running_loop().is_err());
                assert_eq!(virtual_loop().run_until_complete(async { Ok(1) }).unwrap(), 1);
            });
        })
        .unwrap();
    let _turn = event_loop.run_once(NOW).unwrap();
    assert!(get_running_loop().is_err(), "no loop runs any more");
}

//= SPEC.md#s-4
//= type=test
//# `run_until_complete` MUST return the outcome, or an error if the loop was stopped first, and
//# MUST leave nothing behind that stops a later run.
#[test]
fn s4_the_outcome_is_returned() {
    let event_loop = virtual_loop();
    let value = async {
        sleep(Duration::from_secs(1)).await?;
        Ok("value")
    };
    assert_eq!(event_loop.run_until_complete(value).unwrap(), "value");
    let raised = Exception::new("raised");
    let raises = {
        let raised = raised.clone();
        async move {
            yield_now().await?;
            Err::<(), _>(raised)
        }
    };
    assert!(event_loop.run_until_complete(raises).unwrap_err().same_object(&raised));
    let task = event_loop.create_task(sleep(Duration::from_secs(9))).unwrap();
    assert!(task.cancel_with_message("enough"));
    let cancelled = event_loop.run_until_complete(task).unwrap_err();
    assert_eq!(cancelled.cancelled().unwrap().message(), Some("enough"));
    assert_eq!(event_loop.run_once(NOW).unwrap(), Turn::Continue, "no stop is left");
}

//= SPEC.md#s-4
//= type=test
//# `run_until_complete` MUST return the outcome, or an error if the loop was stopped first, and
//# MUST leave nothing behind that stops a later run.
#[test]
fn s4_stopped_first_is_an_error_and_the_task_goes_on() {
    let event_loop = virtual_loop();
    let log = Log::default();
    let done = note(&log, "done");
    event_loop.call_later(Duration::from_secs(1), stop).unwrap();
    let slow = async move {
        sleep(Duration::from_secs(2)).await?;
        done();
        Ok(())
    };
    let error = event_loop.run_until_complete(slow).unwrap_err();
    assert!(matches!(run_error(&error), RunError::StoppedBeforeDone));
    // The orphan ends in a later run, and does not stop that.
    event_loop.call_later(Duration::from_secs(5), note(&log, "later")).unwrap();
    event_loop.call_later(Duration::from_secs(6), stop).unwrap();
    event_loop.run_forever().unwrap();
    assert_eq!(log.entries(), ["done", "later"]);
}

//= SPEC.md#s-4
//= type=test
//# `run_until_complete` MUST return the outcome, or an error if the loop was stopped first, and
//# MUST leave nothing behind that stops a later run.
#[test]
fn s4_a_run_that_an_exit_ended_leaves_no_stop_behind() {
    let event_loop = virtual_loop();
    let log = Log::default();
    // The task is done in the batch that the exit leaves, so its stop is queued and not yet run.
    let ends = async {
        get_running_loop()?.call_soon(|| ())?;
        Ok(())
    };
    event_loop
        .call_soon(|| {
            let raise = || ExitRequest { code: 3 }.raise();
            get_running_loop().unwrap().call_soon(raise).map(drop).unwrap();
        })
        .unwrap();
    event_loop
        .call_soon(|| {
            // Behind the task's first step.
            let local = get_running_loop().unwrap();
            local.call_soon(|| ()).unwrap();
        })
        .unwrap();
    let run = event_loop.run_until_complete(async move {
        yield_now().await?;
        ends.await
    });
    assert_eq!(run.unwrap_err().exit_request(), Some(ExitRequest { code: 3 }));
    event_loop.call_soon(|| count_down_and_stop(5)).unwrap();
    event_loop.call_later(Duration::ZERO, note(&log, "timer")).unwrap();
    let again = log.clone();
    event_loop
        .call_soon(move || {
            get_running_loop().unwrap().call_soon(note(&again, "second iteration")).unwrap();
        })
        .unwrap();
    event_loop.run_forever().unwrap();
    let mut entries = log.entries();
    entries.sort_unstable();
    assert_eq!(entries, ["second iteration", "timer"]);
    assert_eq!(census(&event_loop), Census { queued: 0, timers: 0, tasks: 0, parcels: 0 });
}

//= SPEC.md#s-2
//= type=test
//# A stop requested while the loop does not run MUST make the next run return after one iteration.
//= SPEC.md#s-4
//= type=test
//# `run_until_complete` MUST return the outcome, or an error if the loop was stopped first, and
//# MUST leave nothing behind that stops a later run.
#[test]
fn s4_a_coroutine_that_the_factory_refuses_is_not_run() {
    let event_loop = virtual_loop();
    let why = Exception::new("no tasks today");
    let refusal = why.clone();
    event_loop.set_task_factory(move |_| Err(refusal.clone()));
    let refused = event_loop.run_until_complete(async { Ok(()) }).unwrap_err();
    assert!(refused.same_object(&why));
    event_loop.reset_task_factory();
    assert!(!event_loop.is_running());
    // It had no iteration, so a stop that was requested before it is there still.
    event_loop.set_task_factory(|_| Err(Exception::new("no tasks today either")));
    event_loop.stop();
    event_loop.run_until_complete(async { Ok(()) }).unwrap_err();
    event_loop.reset_task_factory();
    assert_eq!(event_loop.run_once(NOW).unwrap(), Turn::Stop);
    assert_eq!(event_loop.run_until_complete(async { Ok(1) }).unwrap(), 1);
}

//= SPEC.md#s-5
//= type=test
//# `run_once` MUST run one iteration, sleeping no longer than its timeout.
#[test]
fn s5_one_iteration_that_sleeps_no_longer_than_its_timeout() {
    let event_loop = virtual_loop();
    let log = Log::default();
    let second = Duration::from_secs(1);
    let at = |seconds: u64| Time::from_nanos(seconds * 1_000_000_000);
    assert_eq!(event_loop.run_once(NOW).unwrap(), Turn::Continue);
    assert_eq!(event_loop.time(), at(0));
    assert_eq!(event_loop.run_once(Some(5 * second)).unwrap(), Turn::Continue);
    assert_eq!(event_loop.time(), at(5), "nothing to do");
    event_loop.call_later(3 * second, note(&log, "timer")).unwrap();
    let _turn = event_loop.run_once(Some(second)).unwrap();
    assert_eq!((event_loop.time(), log.entries()), (at(6), vec![]), "too short for the timer");
    let _turn = event_loop.run_once(Some(10 * second)).unwrap();
    assert_eq!((event_loop.time(), log.entries()), (at(8), vec!["timer"]), "no longer than needed");
    event_loop.call_later(2 * second, note(&log, "another")).unwrap();
    let _turn = event_loop.run_once(None).unwrap();
    assert_eq!((event_loop.time(), log.entries()), (at(10), vec!["timer", "another"]));
    event_loop.call_soon(note(&log, "callback")).unwrap();
    let _turn = event_loop.run_once(Some(5 * second)).unwrap();
    assert_eq!(event_loop.time(), at(10), "with something to do it does not sleep");
    // Longer than the clock's range is as good as for ever.
    event_loop.call_later(second, note(&log, "last")).unwrap();
    let _turn = event_loop.run_once(Some(Duration::MAX)).unwrap();
    assert_eq!(log.entries(), ["timer", "another", "callback", "last"]);
}

//= SPEC.md#s-5
//= type=test
//# `run_once` MUST run one iteration, sleeping no longer than its timeout.
#[test]
fn s5_one_iteration_is_one_batch() {
    let event_loop = virtual_loop();
    let log = Log::default();
    let noted = log.clone();
    event_loop
        .call_soon(move || {
            get_running_loop().unwrap().call_soon(note(&noted, "second")).unwrap();
            note(&noted, "first")();
        })
        .unwrap();
    let _turn = event_loop.run_once(None).unwrap();
    assert_eq!(log.entries(), ["first"]);
    let _turn = event_loop.run_once(None).unwrap();
    assert_eq!(log.entries(), ["first", "second"]);
}
