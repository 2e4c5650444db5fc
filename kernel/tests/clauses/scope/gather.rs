//! Clause O-8: several at once; and what is another loop's.

use super::*;

//= SPEC.md#l-7
//= type=test
//# A task of another loop that awaits the future MUST get an error and MUST NOT be suspended on it.
#[test]
fn l7_a_shield_or_gathering_of_another_loops_task_is_told() {
    let other = virtual_loop();
    let foreign = other.create_task(sleep(secs(1))).unwrap();
    let event_loop = virtual_loop();
    let shielded = event_loop.create_task(shield(foreign.clone())).unwrap();
    let gathered = gather(vec![foreign]);
    let gathered = event_loop.create_task(async { gathered.await.map(drop) }).unwrap();
    run_dry(&event_loop);
    for task in [shielded, gathered] {
        assert!(task.done(), "not suspended on it: {task:?}");
        assert!(task.exception().unwrap().unwrap().is::<ForeignLoop>());
    }
}

//= SPEC.md#o-8
//= type=test
//# `gather` MUST yield the results in the order of its arguments, MUST yield the first exception at
//# once and leave the others running, and MUST cancel all of them when it is cancelled.
#[test]
fn o8_the_results_are_in_the_order_of_the_arguments() {
    let event_loop = virtual_loop();
    let tasks = [3, 1, 2, 0].map(|work| worker(&event_loop, work, 0)).to_vec();
    let results = finish(&event_loop, gather(tasks)).unwrap();
    assert_eq!((results, elapsed(&event_loop)), (vec![3, 1, 2, 0], 3));
    let nothing: Vec<Task<()>> = Vec::new();
    assert!(finish(&event_loop, gather(nothing)).unwrap().is_empty());
    let twice = worker(&event_loop, 1, 0);
    let results = finish(&event_loop, gather(vec![twice.clone(), twice])).unwrap();
    assert_eq!(results, [1, 1]);
}

//= SPEC.md#o-8
//= type=test
//# `gather` MUST yield the results in the order of its arguments, MUST yield the first exception at
//# once and leave the others running, and MUST cancel all of them when it is cancelled.
#[test]
fn o8_the_first_exception_comes_at_once_and_the_others_go_on() {
    let event_loop = virtual_loop();
    let (slow, fails) = (worker(&event_loop, 9, 0), failing(&event_loop, 2, "first"));
    let result = finish(&event_loop, gather(vec![slow.clone(), fails.clone()]));
    let error = result.unwrap_err();
    assert!(error.same_object(&fails.exception().unwrap().unwrap()));
    assert_eq!(elapsed(&event_loop), 2);
    assert!(!slow.done() && slow.cancelling() == 0);
    run_dry(&event_loop);
    assert_eq!(slow.result().unwrap(), 9);
}

//= SPEC.md#o-8
//= type=test
//# `gather` MUST yield the results in the order of its arguments, MUST yield the first exception at
//# once and leave the others running, and MUST cancel all of them when it is cancelled.
#[test]
fn o8_the_first_exception_is_the_first_in_time() {
    let event_loop = virtual_loop();
    let late = failing(&event_loop, 3, "late");
    let early = failing(&event_loop, 2, "early");
    let error = finish(&event_loop, gather(vec![late.clone(), early])).unwrap_err();
    assert_eq!(error.to_string(), "early");
    run_dry(&event_loop);
    assert_eq!(late.exception().unwrap().unwrap().to_string(), "late");
}

//= SPEC.md#o-8
//= type=test
//# `gather` MUST yield the results in the order of its arguments, MUST yield the first exception at
//# once and leave the others running, and MUST cancel all of them when it is cancelled.
#[test]
fn o8_a_cancelled_member_counts_as_an_exception() {
    let event_loop = virtual_loop();
    let (slow, victim) = (worker(&event_loop, 9, 0), worker(&event_loop, 9, 0));
    let found = victim.clone();
    at(&event_loop, 2, move || assert!(found.cancel_with_message("member")));
    let gathered = gather(vec![slow.clone(), victim]);
    let task = event_loop.create_task(gathered).unwrap();
    let result = finish(&event_loop, task.clone());
    assert_eq!((message_of(&result).unwrap().as_str(), elapsed(&event_loop)), ("member", 2));
    assert_eq!(task.cancelling(), 0);
    run_dry(&event_loop);
    assert_eq!(slow.result().unwrap(), 9);
}

//= SPEC.md#o-8
//= type=test
//# `gather` MUST yield the results in the order of its arguments, MUST yield the first exception at
//# once and leave the others running, and MUST cancel all of them when it is cancelled.
#[test]
fn o8_cancelling_the_gathering_cancels_all_and_waits_for_their_end() {
    let event_loop = virtual_loop();
    let (quick, slow, done) =
        (worker(&event_loop, 9, 1), worker(&event_loop, 9, 5), worker(&event_loop, 0, 0));
    let gathered = gather(vec![quick.clone(), slow.clone(), done.clone()]);
    let outer = event_loop.create_task(gathered).unwrap();
    let victim = outer.clone();
    at(&event_loop, 2, move || assert!(victim.cancel_with_message("all")));
    run_dry(&event_loop);
    assert_eq!(message_of(&outer.result().map_err(Exception::from)).unwrap(), "all");
    assert!(quick.cancelled() && slow.cancelled());
    assert_eq!(done.result().unwrap(), 0);
    assert_eq!(elapsed(&event_loop), 7);
    assert_eq!([quick.cancelling(), slow.cancelling(), done.cancelling()], [1, 1, 0]);
}

//= SPEC.md#o-8
//= type=test
//# `gather` MUST yield the results in the order of its arguments, MUST yield the first exception at
//# once and leave the others running, and MUST cancel all of them when it is cancelled.
#[test]
fn o8_a_cancelled_gathering_is_cancelled_whatever_its_members_make_of_it() {
    let event_loop = virtual_loop();
    let stubborn = event_loop
        .create_task(async {
            assert!(sleep(secs(9)).await.is_err());
            Ok(3)
        })
        .unwrap();
    let outer = event_loop.create_task(gather(vec![stubborn.clone()])).unwrap();
    turns(&event_loop, 1);
    outer.cancel();
    run_dry(&event_loop);
    assert!(outer.cancelled());
    assert_eq!(stubborn.result().unwrap(), 3);
}

//= SPEC.md#o-8
//= type=test
//# `gather` MUST yield the results in the order of its arguments, MUST yield the first exception at
//# once and leave the others running, and MUST cancel all of them when it is cancelled.
#[test]
fn o8_a_gathering_that_is_cancelled_before_its_members_began_runs_none_of_them() {
    let event_loop = virtual_loop();
    let outer = event_loop
        .create_task(async {
            let local = get_running_loop()?;
            let member = || -> Result<Task<()>, Exception> {
                local.create_task(async { unreachable!("cancelled before it began") })
            };
            let members = vec![member()?, member()?];
            current_task().unwrap().cancel();
            gather(members).await
        })
        .unwrap();
    run_dry(&event_loop);
    assert!(matches!(outer.result(), Err(ResultError::Cancelled(_))));
}

//= SPEC.md#o-8
//= type=test
//# `gather` MUST yield the results in the order of its arguments, MUST yield the first exception at
//# once and leave the others running, and MUST cancel all of them when it is cancelled.
#[test]
fn o8_a_gathering_in_a_timeout_times_out_when_all_have_ended() {
    let event_loop = virtual_loop();
    let members = vec![worker(&event_loop, 9, 1), worker(&event_loop, 9, 3)];
    let result = finish(&event_loop, timeout(secs(2), gather(members.clone())));
    assert_eq!((kind(&result), elapsed(&event_loop)), ("timeout", 5));
    assert!(members.iter().all(Task::cancelled));
}

//= SPEC.md#o-8
//= type=test
//# `gather` MUST yield the results in the order of its arguments, MUST yield the first exception at
//# once and leave the others running, and MUST cancel all of them when it is cancelled.
#[test]
fn o8_a_failure_that_came_after_the_first_is_reported_if_nobody_looks() {
    let event_loop = virtual_loop();
    let reports = record_reports(&event_loop);
    let members = vec![failing(&event_loop, 2, "first"), failing(&event_loop, 3, "second")];
    let error = finish(&event_loop, gather(members)).unwrap_err();
    assert_eq!(error.to_string(), "first");
    run_dry(&event_loop);
    let reports = reports.entries();
    assert_eq!(reports.len(), 1, "{reports:?}");
    assert_eq!(reports[0].exception.as_ref().unwrap().to_string(), "second");
}
