//! Clauses F-1 to F-7: who may complete, cancel and begin, and what is refused.

use super::*;

//= SPEC.md#f-1
//= type=test
//# A concurrent future MUST move only PENDING to RUNNING, PENDING or RUNNING to FINISHED, and
//# PENDING to CANCELLED; FINISHED and CANCELLED are final.
#[test]
fn f1_legal_moves() {
    let (work, future) = promise::<u32>();
    assert_eq!(state(&future), PENDING);
    assert!(work.set_running_or_notify_cancel().unwrap());
    assert_eq!(state(&future), RUNNING);
    work.set_result(1).unwrap();
    assert_eq!(state(&future), FINISHED);

    let (work, future) = promise::<u32>();
    work.set_exception(BrokenPromise).unwrap();
    assert_eq!(state(&future), FINISHED);

    let (work, future) = promise::<u32>();
    assert!(future.cancel());
    assert_eq!(state(&future), CANCELLED);
    assert!(work.cancelled());
}

//= SPEC.md#f-1
//= type=test
//# A concurrent future MUST move only PENDING to RUNNING, PENDING or RUNNING to FINISHED, and
//# PENDING to CANCELLED; FINISHED and CANCELLED are final.
#[test]
fn f1_finished_is_final() {
    let (work, future) = promise::<u32>();
    work.set_result(1).unwrap();
    assert!(!future.cancel());
    let refused = work.set_running_or_notify_cancel().unwrap_err();
    assert!(!refused.cancelled);
    assert!(work.set_exception(BrokenPromise).is_err());
    assert!(!work.try_complete(Ok(2)));
    drop(work);
    assert_eq!(state(&future), FINISHED);
    assert_eq!(future.result().unwrap(), 1);
}

//= SPEC.md#f-1
//= type=test
//# A concurrent future MUST move only PENDING to RUNNING, PENDING or RUNNING to FINISHED, and
//# PENDING to CANCELLED; FINISHED and CANCELLED are final.
#[test]
fn f1_cancelled_is_final() {
    let (work, future) = promise::<u32>();
    assert!(future.cancel());
    assert!(!work.set_running_or_notify_cancel().unwrap());
    assert!(work.set_result(1).is_err());
    assert!(work.set_exception(BrokenPromise).is_err());
    assert!(!work.try_complete(Ok(2)));
    drop(work);
    assert_eq!(state(&future), CANCELLED_ENDED);
    assert!(is_cancelled(&future.result()));
}

//= SPEC.md#f-1
//= type=test
//# A concurrent future MUST move only PENDING to RUNNING, PENDING or RUNNING to FINISHED, and
//# PENDING to CANCELLED; FINISHED and CANCELLED are final.
#[test]
fn f1_running_work_ends_only_finished() {
    let (work, future) = promise::<u32>();
    assert!(work.set_running_or_notify_cancel().unwrap());
    assert!(!future.cancel());
    assert_eq!(state(&future), RUNNING);
    drop(work);
    assert_eq!(state(&future), FINISHED);
}

//= SPEC.md#f-2
//= type=test
//# `cancel` on a PENDING future MUST succeed and release every waiter before it returns true; on a
//# RUNNING or FINISHED one it MUST return false and change nothing.
#[test]
fn f2_cancel_releases_every_waiter_before_it_returns() {
    let (_work, future) = promise::<u32>();
    let (one, two, three, four) = (future.clone(), future.clone(), future.clone(), future.clone());
    let by_result = blocked(move || one.result());
    let by_exception = blocked(move || two.exception());
    let by_wait = blocked(move || wait(&[three], None, ReturnWhen::AllCompleted).unwrap());
    let by_next = blocked(move || as_completed(&[four], None).unwrap().next().unwrap().unwrap());
    let (told, all_released) = mpsc::channel();
    // A callback runs inside `cancel`: whoever is released by now was released before it returned.
    future.add_done_callback(move |_| {
        told.send((
            by_result.recv_timeout(GUARD).is_ok_and(|result| is_cancelled(&result)),
            by_exception.recv_timeout(GUARD).is_ok_and(|result| is_cancelled(&result)),
            by_wait.recv_timeout(GUARD).is_ok_and(|split| split.done.len() == 1),
            by_next.recv_timeout(GUARD).is_ok_and(|done| done.cancelled()),
        ))
        .unwrap();
    });
    assert!(future.cancel());
    assert_eq!(all_released.try_recv().unwrap(), (true, true, true, true));
}

//= SPEC.md#f-2
//= type=test
//# `cancel` on a PENDING future MUST succeed and release every waiter before it returns true; on a
//# RUNNING or FINISHED one it MUST return false and change nothing.
#[test]
fn f2_cancel_of_running_or_finished_changes_nothing() {
    let (work, future) = promise::<u32>();
    let calls = Notes::default();
    let called = calls.clone();
    future.add_done_callback(move |done| called.note(done.cancelled()));
    let (wakes, waker) = WakeCount::waker();
    let mut awaited = future.clone();
    assert!(poll(&mut awaited, &waker).is_pending());
    assert!(work.set_running_or_notify_cancel().unwrap());

    assert!(!future.cancel());
    assert_eq!(state(&future), RUNNING);
    assert_eq!((calls.entries().len(), wakes.get()), (0, 0));

    work.set_result(1).unwrap();
    assert!(!future.cancel());
    assert_eq!(state(&future), FINISHED);
    assert_eq!(future.result().unwrap(), 1);
    assert_eq!((calls.entries(), wakes.get()), (vec![false], 1));
}

//= SPEC.md#f-3
//= type=test
//# `cancel` on a CANCELLED future MUST return true and run no callback again.
#[test]
fn f3_cancel_again_is_true_and_calls_nobody_again() {
    let (work, future) = promise::<u32>();
    let calls = Notes::default();
    let called = calls.clone();
    future.add_done_callback(move |_| called.note(()));
    assert!(future.cancel());
    assert!(future.cancel());
    assert!(future.clone().cancel());
    assert!(!work.set_running_or_notify_cancel().unwrap());
    assert!(future.cancel(), "also once its producer has acknowledged it");
    assert_eq!(calls.entries().len(), 1);
    assert_eq!(state(&future), CANCELLED_ENDED);
}

//= SPEC.md#f-3
//= type=test
//# `cancel` on a CANCELLED future MUST return true and run no callback again.
#[test]
fn f3_cancel_inside_a_callback_of_the_cancel() {
    let (_work, future) = promise::<u32>();
    let answers = Notes::default();
    for _ in 0..2 {
        let answered = answers.clone();
        future.add_done_callback(move |done| answered.note(done.cancel()));
    }
    assert!(future.cancel());
    assert_eq!(answers.entries(), [true, true]);
}

//= SPEC.md#f-4
//= type=test
//# Exactly one of a racing `cancel`, completion and start MUST win, and each loser MUST be told.
//= SPEC.md#f-1
//= type=test
//# A concurrent future MUST move only PENDING to RUNNING, PENDING or RUNNING to FINISHED, and
//# PENDING to CANCELLED; FINISHED and CANCELLED are final.
#[test]
fn f4_race_of_cancel_completion_and_start() {
    for _ in 0..300 {
        let (work, future) = promise::<u32>();
        let gate = Barrier::new(3);
        let (cancelled, started, completed) = thread::scope(|scope| {
            let cancelled = scope.spawn(|| {
                gate.wait();
                future.cancel()
            });
            let started = scope.spawn(|| {
                gate.wait();
                work.set_running_or_notify_cancel()
            });
            let completed = scope.spawn(|| {
                gate.wait();
                work.set_result(7)
            });
            (cancelled.join().unwrap(), started.join().unwrap(), completed.join().unwrap())
        });
        match completed {
            Ok(()) => {
                assert!(!cancelled, "the loser must be told");
                assert!(matches!(
                    started,
                    Ok(true) | Err(InvalidState { rejected: (), cancelled: false })
                ));
                assert_eq!(future.result().unwrap(), 7);
                assert_eq!(state(&future), FINISHED);
            }
            Err(refused) => {
                assert!(cancelled, "one of them must win");
                assert_eq!(refused, InvalidState { rejected: 7, cancelled: true });
                assert!(matches!(started, Ok(false)));
                assert_eq!(state(&future), CANCELLED_ENDED);
            }
        }
    }
}

//= SPEC.md#f-4
//= type=test
//# Exactly one of a racing `cancel`, completion and start MUST win, and each loser MUST be told.
//= SPEC.md#f-6
//= type=test
//# A second completion, and a completion after a cancel, MUST be refused with the rejected value
//# given back, and MUST change nothing.
#[test]
fn f4_race_of_two_completions() {
    for _ in 0..300 {
        let (work, future) = promise::<u32>();
        let gate = Barrier::new(2);
        let offer = |value: u32| {
            gate.wait();
            work.set_result(value)
        };
        let (one, two) = thread::scope(|scope| {
            let one = scope.spawn(|| offer(1));
            let two = scope.spawn(|| offer(2));
            (one.join().unwrap(), two.join().unwrap())
        });
        let (winner, loser) = match (&one, &two) {
            (Ok(()), Err(refused)) => (1, refused.clone()),
            (Err(refused), Ok(())) => (2, refused.clone()),
            _ => panic!("not exactly one won: {one:?}, {two:?}"),
        };
        assert_eq!(future.result().unwrap(), winner);
        assert_eq!(loser, InvalidState { rejected: 3 - winner, cancelled: false });
    }
}

//= SPEC.md#f-5
//= type=test
//# `set_running_or_notify_cancel` MUST answer true at most once, and after it did the future cannot
//# be cancelled any more.
#[test]
fn f5_start_is_true_once_and_then_nothing_cancels() {
    let (work, future) = promise::<u32>();
    assert!(work.set_running_or_notify_cancel().unwrap());
    let again = work.set_running_or_notify_cancel().unwrap_err();
    assert_eq!(again, InvalidState { rejected: (), cancelled: false });
    assert!(!future.cancel() && !future.clone().cancel());
    assert_eq!(state(&future), RUNNING);
}

//= SPEC.md#f-5
//= type=test
//# `set_running_or_notify_cancel` MUST answer true at most once, and after it did the future cannot
//# be cancelled any more.
#[test]
fn f5_start_of_cancelled_work_is_false_once() {
    let (work, future) = promise::<u32>();
    assert!(future.cancel());
    assert!(!work.set_running_or_notify_cancel().unwrap());
    let again = work.set_running_or_notify_cancel().unwrap_err();
    assert_eq!(again, InvalidState { rejected: (), cancelled: true });
}

//= SPEC.md#f-5
//= type=test
//# `set_running_or_notify_cancel` MUST answer true at most once, and after it did the future cannot
//# be cancelled any more.
//= SPEC.md#f-4
//= type=test
//# Exactly one of a racing `cancel`, completion and start MUST win, and each loser MUST be told.
#[test]
fn f5_race_of_two_starts_and_a_cancel() {
    for _ in 0..300 {
        let (work, future) = promise::<u32>();
        let gate = Barrier::new(3);
        let start = || {
            gate.wait();
            work.set_running_or_notify_cancel()
        };
        let (one, two, cancelled) = thread::scope(|scope| {
            let (one, two) = (scope.spawn(start), scope.spawn(start));
            let cancelled = scope.spawn(|| {
                gate.wait();
                future.cancel()
            });
            (one.join().unwrap(), two.join().unwrap(), cancelled.join().unwrap())
        });
        // One start is answered, with the opposite of the cancel; the other is refused.
        let answers: Vec<bool> = [&one, &two].into_iter().flatten().copied().collect();
        assert_eq!(answers, [!cancelled]);
        assert_eq!(state(&future), if cancelled { CANCELLED_ENDED } else { RUNNING });
    }
}

//= SPEC.md#f-6
//= type=test
//# A second completion, and a completion after a cancel, MUST be refused with the rejected value
//# given back, and MUST change nothing.
#[test]
fn f6_second_completion_gives_the_value_back() {
    let (work, future) = promise::<Arc<str>>();
    let calls = Notes::default();
    let called = calls.clone();
    future.add_done_callback(move |_| called.note(()));
    let first: Arc<str> = "first".into();
    work.set_result(Arc::clone(&first)).unwrap();

    let second: Arc<str> = "second".into();
    let refused = work.set_result(Arc::clone(&second)).unwrap_err();
    assert!(Arc::ptr_eq(&refused.rejected, &second));
    assert!(!refused.cancelled);
    let exception = Exception::new("late");
    let refused = work.set_exception(exception.clone()).unwrap_err();
    assert!(refused.rejected.same_object(&exception));
    assert!(!refused.cancelled);
    assert!(!work.try_complete(Ok(second)));
    assert!(!work.try_complete(Err(exception)));

    assert!(Arc::ptr_eq(&future.result().unwrap(), &first));
    assert!(future.exception().unwrap().is_none());
    assert_eq!(calls.entries().len(), 1);
}

//= SPEC.md#f-6
//= type=test
//# A second completion, and a completion after a cancel, MUST be refused with the rejected value
//# given back, and MUST change nothing.
#[test]
fn f6_completion_after_cancel_gives_the_value_back() {
    let (work, future) = promise::<Arc<str>>();
    let calls = Notes::default();
    let called = calls.clone();
    future.add_done_callback(move |_| called.note(()));
    assert!(future.cancel());

    let value: Arc<str> = "late".into();
    let refused = work.set_result(Arc::clone(&value)).unwrap_err();
    assert!(Arc::ptr_eq(&refused.rejected, &value) && refused.cancelled);
    let exception = Exception::new("late");
    let refused = work.set_exception(exception.clone()).unwrap_err();
    assert!(refused.rejected.same_object(&exception) && refused.cancelled);
    assert_eq!(state(&future), CANCELLED, "a refused completion does not end the work either");
    assert_eq!(calls.entries().len(), 1);
}

//= SPEC.md#f-6
//= type=test
//# A second completion, and a completion after a cancel, MUST be refused with the rejected value
//# given back, and MUST change nothing.
//= SPEC.md#f-16
//= type=test
//# `wait_ended` MUST return only when the work has really ended: finished, or cancelled and
//# acknowledged by its producer.
#[test]
fn f6_try_complete_says_whether_it_won() {
    let (work, future) = promise::<u32>();
    assert!(work.set_running_or_notify_cancel().unwrap());
    assert!(work.try_complete(Ok(1)));
    assert!(!work.try_complete(Ok(2)));
    assert_eq!(future.result().unwrap(), 1);

    let (work, future) = promise::<u32>();
    let exception = Exception::new("no");
    assert!(work.try_complete(Err(exception.clone())));
    assert!(future.exception().unwrap().unwrap().same_object(&exception));

    // It comes from work that is over: a cancelled future has then ended.
    let (work, future) = promise::<u32>();
    assert!(future.cancel());
    assert!(!work.try_complete(Ok(1)));
    assert_eq!(state(&future), CANCELLED_ENDED);
}

//= SPEC.md#f-6
//= type=test
//# A second completion, and a completion after a cancel, MUST be refused with the rejected value
//# given back, and MUST change nothing.
#[test]
fn f6_a_cancellation_can_be_stored_as_an_exception() {
    let (work, future) = promise::<u32>();
    let cancelled = Exception::from(loopgate::Cancelled::with_message("by the work"));
    work.set_exception(cancelled.clone()).unwrap();
    assert_eq!(state(&future), FINISHED);
    assert!(future.exception().unwrap().unwrap().same_object(&cancelled));
    assert!(matches!(future.result(), Err(ResultError::Exception(e)) if e.same_object(&cancelled)));
}

//= SPEC.md#f-7
//= type=test
//# A producer dropped without completing MUST finish the future with an error that says so.
#[test]
fn f7_dropped_producer_finishes_the_future() {
    for start in [false, true] {
        let (work, future) = promise::<u32>();
        if start {
            assert!(work.set_running_or_notify_cancel().unwrap());
        }
        let waited = future.clone();
        let waiter = blocked(move || waited.result());
        drop(work);
        let Ok(Err(ResultError::Exception(exception))) = waiter.recv_timeout(GUARD) else {
            panic!("the waiter got no exception")
        };
        assert!(exception.is::<BrokenPromise>());
        assert_eq!(state(&future), FINISHED);
    }
}

//= SPEC.md#f-7
//= type=test
//# A producer dropped without completing MUST finish the future with an error that says so.
#[test]
fn f7_producer_whose_thread_panics() {
    let (work, future) = promise::<u32>();
    let thread = thread::spawn(move || {
        let _work = work;
        resume_unwind(Box::new("the producer dies"));
    });
    let exception = future.exception_timeout(GUARD).unwrap().unwrap();
    assert!(exception.is::<BrokenPromise>());
    assert!(thread.join().is_err());
}

//= SPEC.md#f-7
//= type=test
//# A producer dropped without completing MUST finish the future with an error that says so.
//= SPEC.md#f-16
//= type=test
//# `wait_ended` MUST return only when the work has really ended: finished, or cancelled and
//# acknowledged by its producer.
#[test]
fn f7_dropped_producer_ends_a_cancelled_future() {
    let (work, future) = promise::<u32>();
    assert!(future.cancel());
    let waited = future.clone();
    let waiter = blocked(move || waited.wait_ended());
    drop(work);
    waiter.recv_timeout(GUARD).unwrap().unwrap();
    assert_eq!(state(&future), CANCELLED_ENDED);
}

//= SPEC.md#f-7
//= type=test
//# A producer dropped without completing MUST finish the future with an error that says so.
#[test]
fn f7_dropped_producer_of_a_done_future_changes_nothing() {
    let (work, future) = promise::<u32>();
    let calls = Notes::default();
    let called = calls.clone();
    future.add_done_callback(move |_| called.note(()));
    work.set_result(1).unwrap();
    drop(work);
    assert_eq!(future.result().unwrap(), 1);
    assert_eq!(calls.entries().len(), 1);
}

//= SPEC.md#f-1
//= type=test
//# A concurrent future MUST move only PENDING to RUNNING, PENDING or RUNNING to FINISHED, and
//# PENDING to CANCELLED; FINISHED and CANCELLED are final.
#[test]
fn f1_the_producer_sees_a_cancel_and_nothing_else_as_one() {
    let (work, future) = promise::<u32>();
    assert!(!work.cancelled());
    assert!(future.cancel());
    assert!(work.cancelled());
    let (work, future) = promise::<u32>();
    assert!(work.set_running_or_notify_cancel().unwrap());
    assert!(!future.cancel() && !work.cancelled());
    work.set_result(3).unwrap();
    assert!(!work.cancelled());
}
