//! Clauses F-17 to F-20: waits for several futures.

use super::*;

//= SPEC.md#f-17
//= type=test
//# `wait` MUST return as soon as its condition holds: one future done, one failed with an
//# exception, or all done; cancellation is no failure.
//= SPEC.md#f-11
//= type=test
//# A stray wake-up MUST NOT end a wait.
#[test]
fn f17_wait_returns_as_soon_as_its_condition_holds() {
    let script = || vec![(1, 2, "cancel"), (2, 0, "value"), (3, 3, "exception"), (4, 1, "value")];
    check_wait(ReturnWhen::FirstCompleted, script(), (1, vec![2], vec![0, 1, 3]));
    check_wait(ReturnWhen::FirstException, script(), (3, vec![0, 2, 3], vec![1]));
    check_wait(ReturnWhen::AllCompleted, script(), (4, vec![0, 1, 2, 3], vec![]));
}

//= SPEC.md#f-17
//= type=test
//# `wait` MUST return as soon as its condition holds: one future done, one failed with an
//# exception, or all done; cancellation is no failure.
#[test]
fn f17_without_a_failure_first_exception_waits_for_all() {
    let script = vec![(1, 3, "cancel"), (2, 2, "value"), (3, 1, "cancel"), (4, 0, "value")];
    check_wait(ReturnWhen::FirstException, script, (4, vec![0, 1, 2, 3], vec![]));
}

//= SPEC.md#f-17
//= type=test
//# `wait` MUST return as soon as its condition holds: one future done, one failed with an
//# exception, or all done; cancellation is no failure.
#[test]
fn f17_what_was_cancelled_before_the_wait_is_no_failure_either() {
    let script = || vec![(0, 3, "cancel"), (0, 2, "value"), (1, 1, "value"), (2, 0, "exception")];
    check_wait(ReturnWhen::FirstCompleted, script(), (0, vec![2, 3], vec![0, 1]));
    check_wait(ReturnWhen::FirstException, script(), (2, vec![0, 1, 2, 3], vec![]));
    let script = vec![(0, 3, "cancel"), (0, 2, "exception"), (1, 1, "value"), (1, 0, "value")];
    check_wait(ReturnWhen::FirstException, script, (0, vec![2, 3], vec![0, 1]));
}

//= SPEC.md#f-17
//= type=test
//# `wait` MUST return as soon as its condition holds: one future done, one failed with an
//# exception, or all done; cancellation is no failure.
#[test]
fn f17_what_is_done_already_counts() {
    let (work, done) = promise::<u32>();
    work.set_exception(BrokenPromise).unwrap();
    let (_work, open) = promise::<u32>();
    for when in [ReturnWhen::FirstCompleted, ReturnWhen::FirstException] {
        let split = wait(&[open.clone(), done.clone()], Some(GUARD), when).unwrap();
        assert!(split.done.len() == 1 && split.done[0].same_future(&done));
        assert!(split.not_done.len() == 1 && split.not_done[0].same_future(&open));
    }
    let split = wait(&[done], Some(GUARD), ReturnWhen::AllCompleted).unwrap();
    assert_eq!(split.done.len(), 1);
}

//= SPEC.md#f-18
//= type=test
//# `wait` that times out MUST return the split so far and MUST leave no trace in the futures.
#[test]
fn f18_wait_that_times_out_gives_the_split_so_far() {
    let script = vec![(1, 1, "value"), (2, 3, "cancel"), (7200, 0, "value")];
    check_wait(ReturnWhen::AllCompleted, script, (3600, vec![1, 3], vec![0, 2]));
}

//= SPEC.md#f-18
//= type=test
//# `wait` that times out MUST return the split so far and MUST leave no trace in the futures.
#[test]
fn f18_a_wait_that_timed_out_changes_nothing_for_the_next() {
    let (works, futures): (Vec<_>, Vec<_>) = (0..2).map(|_| promise::<u32>()).unzip();
    for _ in 0..3 {
        let split = wait(&futures, Some(Duration::ZERO), ReturnWhen::AllCompleted).unwrap();
        assert_eq!((split.done.len(), split.not_done.len()), (0, 2));
        assert!(futures.iter().all(|future| state(future) == PENDING));
    }
    for work in &works {
        work.set_result(1).unwrap();
    }
    let split = wait(&futures, Some(GUARD), ReturnWhen::AllCompleted).unwrap();
    assert_eq!(split.done.len(), 2);
}

//= SPEC.md#f-18
//= type=test
//# `wait` that times out MUST return the split so far and MUST leave no trace in the futures.
#[test]
fn f18_a_wait_that_timed_out_takes_no_other_along() {
    let (work, future) = promise::<u32>();
    // In the future from here on; the limit is for a run in which nobody tells it.
    let mut other = as_completed(std::slice::from_ref(&future), Some(GUARD)).unwrap();
    let only = std::slice::from_ref(&future);
    let split = wait(only, Some(Duration::ZERO), ReturnWhen::AllCompleted).unwrap();
    assert_eq!(split.not_done.len(), 1);
    work.set_result(1).unwrap();
    assert_eq!(other.next().unwrap().unwrap().result().unwrap(), 1);
}

//= SPEC.md#f-19
//= type=test
//# `wait` and `as_completed` MUST count a future once however often it is given, and MUST refuse an
//# empty set.
#[test]
fn f19_an_empty_set_is_refused() {
    let none: [ConcurrentFuture<u32>; 0] = [];
    for timeout in [None, Some(Duration::ZERO), Some(SECOND)] {
        let refused = wait(&none, timeout, ReturnWhen::AllCompleted).unwrap_err();
        assert!(refused.is::<EmptySet>());
        assert_eq!(as_completed(&none, timeout).unwrap_err(), EmptySet);
    }
}

//= SPEC.md#f-19
//= type=test
//# `wait` and `as_completed` MUST count a future once however often it is given, and MUST refuse an
//# empty set.
#[test]
fn f19_a_future_given_twice_counts_once() {
    let (one, first) = promise::<u32>();
    let (_two, second) = promise::<u32>();
    let given = [first.clone(), second.clone(), first.clone(), first.clone()];
    one.set_result(1).unwrap();
    // Counted four times, the one that is done would look like all of them.
    for when in [ReturnWhen::AllCompleted, ReturnWhen::FirstException] {
        let split = wait(&given, Some(Duration::ZERO), when).unwrap();
        assert_eq!((split.done.len(), split.not_done.len()), (1, 1));
    }
    let mut completed = as_completed(&given, Some(Duration::ZERO)).unwrap();
    assert!(completed.next().unwrap().unwrap().same_future(&first));
    let over = completed.next().unwrap().unwrap_err();
    assert_eq!(over.downcast_ref(), Some(&Unfinished { unfinished: 1, total: 2 }));
    assert!(completed.next().is_none());
}

//= SPEC.md#f-19
//= type=test
//# `wait` and `as_completed` MUST count a future once however often it is given, and MUST refuse an
//# empty set.
//= SPEC.md#f-17
//= type=test
//# `wait` MUST return as soon as its condition holds: one future done, one failed with an
//# exception, or all done; cancellation is no failure.
#[test]
fn f19_a_pending_future_given_twice_completes_once() {
    let (one, first) = promise::<u32>();
    let (two, second) = promise::<u32>();
    let given = [first.clone(), first.clone(), second];
    let waiter = blocked(move || wait(&given, None, ReturnWhen::AllCompleted).unwrap());
    one.set_result(1).unwrap();
    two.set_result(2).unwrap();
    let split = waiter.recv_timeout(GUARD).unwrap();
    assert_eq!((split.done.len(), split.not_done.len()), (2, 0));
}

//= SPEC.md#f-20
//= type=test
//# `as_completed` MUST yield each future once, those that are done first, then in order of
//# completion.
#[test]
fn f20_done_first_then_in_order_of_completion_each_once() {
    let (works, futures): (Vec<_>, Vec<_>) = (0..5).map(|_| promise::<usize>()).unzip();
    works[3].set_result(3).unwrap();
    assert!(futures[1].cancel());
    let mut completed = as_completed(&futures, Some(Duration::ZERO)).unwrap();
    // Behind what is done already, however early they complete.
    works[4].set_result(4).unwrap();
    works[0].set_result(0).unwrap();
    works[2].set_exception(BrokenPromise).unwrap();
    let order: Vec<usize> = completed
        .by_ref()
        .map(|next| {
            let done = next.unwrap();
            futures.iter().position(|future| future.same_future(&done)).unwrap()
        })
        .collect();
    assert_eq!(order[2..], [4, 0, 2]);
    let mut first: Vec<_> = order[..2].to_vec();
    first.sort_unstable();
    assert_eq!(first, [1, 3]);
    assert!(completed.next().is_none());
}

//= SPEC.md#f-20
//= type=test
//# `as_completed` MUST yield each future once, those that are done first, then in order of
//# completion.
#[test]
fn f20_a_blocked_iteration_yields_as_futures_complete() {
    let (works, futures): (Vec<_>, Vec<_>) = (0..3).map(|_| promise::<usize>()).unzip();
    together(vec![
        part(move |clock| {
            let mut seen = Vec::new();
            for next in as_completed(&futures, Some(HOUR)).unwrap() {
                seen.push((seconds(clock), next.unwrap().result().unwrap()));
            }
            assert_eq!(seen, [(1, 2), (2, 0), (3, 1)]);
        }),
        part(move |clock| {
            for index in [2, 0, 1] {
                clock.sleep(SECOND);
                works[index].set_result(index).unwrap();
            }
        }),
    ]);
}

//= SPEC.md#f-20
//= type=test
//# `as_completed` MUST yield each future once, those that are done first, then in order of
//# completion.
//= SPEC.md#f-8
//= type=test
//# A waiter that timed out MUST get an error of its own kind, distinct from every error that the
//# work can raise.
#[test]
fn f20_the_timeout_counts_from_the_first_next_and_is_told_once() {
    let (works, futures): (Vec<_>, Vec<_>) = (0..3).map(|_| promise::<u32>()).unzip();
    together(vec![part(move |clock| {
        let mut completed = as_completed(&futures, Some(2 * SECOND)).unwrap();
        clock.sleep(10 * SECOND);
        works[1].set_result(1).unwrap();
        assert!(completed.next().unwrap().unwrap().same_future(&futures[1]));
        assert_eq!(seconds(clock), 10);
        let over = completed.next().unwrap().unwrap_err();
        assert_eq!(seconds(clock), 12);
        assert_eq!(over.downcast_ref(), Some(&Unfinished { unfinished: 2, total: 3 }));
        assert_eq!(over.to_string(), "2 (of 3) futures unfinished");
        assert!(completed.next().is_none());
        assert!(futures.iter().filter(|future| state(future) == PENDING).count() == 2);
    })]);
}

//= SPEC.md#f-18
//= type=test
//# `wait` that times out MUST return the split so far and MUST leave no trace in the futures.
#[test]
fn f18_a_wait_that_times_out_leaves_the_other_waits_alone() {
    let (work, future) = promise::<u32>();
    let futures = [future];
    let mut earlier = as_completed(&futures, Some(Duration::ZERO)).unwrap();
    let split = wait(&futures, Some(Duration::ZERO), ReturnWhen::AllCompleted).unwrap();
    assert_eq!(split.not_done.len(), 1);
    let mut later = as_completed(&futures, Some(Duration::ZERO)).unwrap();
    drop(as_completed(&futures, None).unwrap());
    work.set_result(3).unwrap();
    for waiting in [&mut earlier, &mut later] {
        assert_eq!(waiting.next().unwrap().unwrap().result().unwrap(), 3);
    }
}

//= SPEC.md#f-18
//= type=test
//# `wait` that times out MUST return the split so far and MUST leave no trace in the futures.
#[test]
fn f18_whoever_stops_waiting_is_in_no_future_any_more() {
    let (works, futures): (Vec<_>, Vec<_>) = (0..3).map(|_| promise::<u32>()).unzip();
    let waits = || futures.iter().map(waits_for).collect::<Vec<_>>();
    let iterating = as_completed(&futures, Some(Duration::ZERO)).unwrap();
    assert_eq!(waits(), [1, 1, 1]);
    let timed_out = wait(&futures, Some(Duration::ZERO), ReturnWhen::FirstCompleted).unwrap();
    assert_eq!((timed_out.done.len(), waits()), (0, vec![1, 1, 1]));
    works[0].set_result(1).unwrap();
    let one_done = wait(&futures, None, ReturnWhen::FirstCompleted).unwrap();
    assert_eq!((one_done.done.len(), waits()), (1, vec![0, 1, 1]));
    drop(iterating);
    assert_eq!(waits(), [0, 0, 0]);
}
