//! Clauses F-8 to F-11: one thread that waits for one future.

use super::*;

//= SPEC.md#f-8
//= type=test
//# A waiter that timed out MUST get an error of its own kind, distinct from every error that the
//# work can raise.
#[test]
fn f8_timeout_of_the_wait_is_no_error_of_the_work() {
    let raised: [Exception; 3] = [
        TimeoutError.into(),
        ResultError::TimedOut.into(),
        std::io::Error::from(std::io::ErrorKind::TimedOut).into(),
    ];
    for exception in raised {
        let (work, future) = promise::<u32>();
        assert!(is_timed_out(&future.result_timeout(Duration::ZERO)));
        work.set_exception(exception.clone()).unwrap();
        let result = future.result_timeout(Duration::ZERO);
        assert!(matches!(result, Err(ResultError::Exception(e)) if e.same_object(&exception)));
    }
}

//= SPEC.md#f-8
//= type=test
//# A waiter that timed out MUST get an error of its own kind, distinct from every error that the
//# work can raise.
//= SPEC.md#f-9
//= type=test
//# If completion came first, a waiter MUST get the outcome and never a timeout; a timeout MUST
//# leave the future as it was.
#[test]
fn f8_every_wait_times_out_alike_and_leaves_the_future_as_it_was() {
    let (work, future) = promise::<u32>();
    together(vec![part(move |clock| {
        assert!(work.set_running_or_notify_cancel().unwrap());
        assert!(is_timed_out(&future.result_timeout(SECOND)));
        assert!(is_timed_out(&future.exception_timeout(SECOND)));
        assert!(is_timed_out(&future.wait_ended_timeout(SECOND)));
        assert_eq!(seconds(clock), 3);
        assert_eq!(state(&future), RUNNING);
        work.set_result(1).unwrap();
        assert_eq!(future.result_timeout(SECOND).unwrap(), 1);
    })]);
}

//= SPEC.md#f-9
//= type=test
//# If completion came first, a waiter MUST get the outcome and never a timeout; a timeout MUST
//# leave the future as it was.
#[test]
fn f9_deadline_and_completion_at_one_moment_in_either_order() {
    // Ties of the virtual clock go to whoever blocked first.
    for completion_first in [false, true] {
        let (work, future) = promise::<u32>();
        let waiter = part(move |clock| {
            let result = future.result_timeout(SECOND);
            assert_eq!(seconds(clock), 1);
            if completion_first {
                assert_eq!(result.unwrap(), 7);
            } else {
                assert!(is_timed_out(&result));
                assert_eq!(state(&future), PENDING);
                assert_eq!(future.result_timeout(HOUR).unwrap(), 7);
                assert_eq!(seconds(clock), 1);
            }
        });
        let producer = part(move |clock| {
            clock.sleep(SECOND);
            work.set_result(7).unwrap();
        });
        together(if completion_first { vec![producer, waiter] } else { vec![waiter, producer] });
    }
}

//= SPEC.md#f-9
//= type=test
//# If completion came first, a waiter MUST get the outcome and never a timeout; a timeout MUST
//# leave the future as it was.
#[test]
fn f9_race_of_timeout_and_completion() {
    for round in 0..300 {
        let (work, future) = promise::<u32>();
        let gate = Barrier::new(2);
        thread::scope(|scope| {
            scope.spawn(|| {
                gate.wait();
                work.set_result(7).unwrap();
            });
            gate.wait();
            loop {
                let was_done = future.done();
                match future.result_timeout(Duration::from_nanos(100 * round)) {
                    Ok(value) => break assert_eq!(value, 7),
                    Err(ResultError::TimedOut) => assert!(!was_done, "it was done before the wait"),
                    Err(other) => panic!("neither outcome nor timeout: {other}"),
                }
            }
        });
    }
}

//= SPEC.md#f-9
//= type=test
//# If completion came first, a waiter MUST get the outcome and never a timeout; a timeout MUST
//# leave the future as it was.
#[test]
fn f9_done_futures_give_their_outcome_with_any_timeout() {
    let (work, future) = promise::<u32>();
    work.set_result(1).unwrap();
    for timeout in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
        assert_eq!(future.result_timeout(timeout).unwrap(), 1);
        assert!(future.exception_timeout(timeout).unwrap().is_none());
        future.wait_ended_timeout(timeout).unwrap();
    }
}

//= SPEC.md#f-10
//= type=test
//# A zero timeout MUST NOT block.
#[test]
fn f10_zero_timeout_does_not_block() {
    type Ask = fn(&ConcurrentFuture<u32>) -> bool;
    let ways: [Ask; 5] = [
        |future| is_timed_out(&future.result_timeout(Duration::ZERO)),
        |future| is_timed_out(&future.exception_timeout(Duration::ZERO)),
        |future| is_timed_out(&future.wait_ended_timeout(Duration::ZERO)),
        |future| {
            let all = [future.clone()];
            let split = wait(&all, Some(Duration::ZERO), ReturnWhen::FirstCompleted).unwrap();
            split.done.is_empty()
        },
        |future| {
            let all = [future.clone()];
            let next = as_completed(&all, Some(Duration::ZERO)).unwrap().next().unwrap();
            next.is_err_and(|over| over.is::<Unfinished>())
        },
    ];
    for ask in ways {
        let (work, future) = promise::<u32>();
        let (told, answer) = mpsc::channel();
        let clock = Clock::virtual_time();
        let starter = clock.clone();
        let producer = clock.spawn("producer", move || {
            let asking = move || told.send(ask(&future)).unwrap();
            // Returns when the thread has ended, or blocks: then it would find the future done.
            starter.spawn("asker", asking).unwrap();
            work.set_result(7).unwrap();
        });
        producer.unwrap().join().unwrap();
        assert_eq!(answer.recv_timeout(GUARD), Ok(true));
    }
}

//= SPEC.md#f-11
//= type=test
//# A stray wake-up MUST NOT end a wait.
//= SPEC.md#f-16
//= type=test
//# `wait_ended` MUST return only when the work has really ended: finished, or cancelled and
//# acknowledged by its producer.
#[test]
fn f11_a_notification_that_is_not_for_it_does_not_end_a_wait() {
    let (work, future) = promise::<u32>();
    let submitter = future.clone();
    together(vec![
        part(move |clock| {
            future.wait_ended_timeout(HOUR).unwrap();
            assert_eq!(seconds(clock), 2, "released by the acknowledgement and not by the cancel");
        }),
        part(move |clock| {
            clock.sleep(SECOND);
            assert!(submitter.cancel());
            clock.sleep(SECOND);
            assert!(!work.set_running_or_notify_cancel().unwrap());
        }),
    ]);
}

//= SPEC.md#f-11
//= type=test
//# A stray wake-up MUST NOT end a wait.
//= SPEC.md#f-8
//= type=test
//# A waiter that timed out MUST get an error of its own kind, distinct from every error that the
//# work can raise.
#[test]
fn f11_a_stray_notification_does_not_become_a_timeout() {
    let (_work, future) = promise::<u32>();
    let submitter = future.clone();
    together(vec![
        part(move |clock| {
            assert!(is_timed_out(&future.wait_ended_timeout(5 * SECOND)));
            assert_eq!(seconds(clock), 5);
        }),
        part(move |clock| {
            clock.sleep(SECOND);
            assert!(submitter.cancel());
            clock.sleep(HOUR);
        }),
    ]);
}

//= SPEC.md#f-9
//= type=test
//# If completion came first, a waiter MUST get the outcome and never a timeout; a timeout MUST
//# leave the future as it was.
#[test]
fn f9_a_wait_that_timed_out_leaves_the_other_waiter_and_its_own_thread_alone() {
    let (work, future) = promise::<u32>();
    let timed_out = future.clone();
    let gives_up = part(move |clock| {
        assert!(is_timed_out(&timed_out.result_timeout(SECOND)));
        // What becomes of the future is not its business any more.
        clock.sleep(10 * SECOND);
        assert_eq!(seconds(clock), 11);
    });
    let goes_on_waiting = part(move |clock| {
        assert_eq!(future.result_timeout(HOUR).unwrap(), 7);
        assert_eq!(seconds(clock), 5);
    });
    let producer = part(move |clock| {
        clock.sleep(5 * SECOND);
        work.set_result(7).unwrap();
    });
    together(vec![gives_up, goes_on_waiting, producer]);
}
