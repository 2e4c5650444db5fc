//! Clauses T-13 and T-17: the task that runs, and the tasks there are; and tasks whose loop is closed.

use super::*;

/// A task that awaits itself in the way that `how` says, and then goes on.
fn awaits_itself(how: fn(Task<()>) -> Boxed<()>) {
    let event_loop = virtual_loop();
    let itself: Rc<OnceCell<Task<()>>> = Rc::default();
    let known = Rc::clone(&itself);
    let went_on = Rc::new(Cell::new(false));
    let noted = Rc::clone(&went_on);
    let task = event_loop
        .create_task(async move {
            let error = how(known.get().unwrap().clone()).await.unwrap_err();
            assert!(error.is::<AwaitsItself>(), "{error}");
            yield_now().await?;
            noted.set(true);
            Ok(())
        })
        .unwrap();
    itself.set(task.clone()).unwrap();
    run_dry(&event_loop);
    assert!(went_on.get(), "{task:?}");
    task.result().unwrap();
}

//= SPEC.md#t-13
//= type=test
//# A task that awaits itself MUST get an error.
#[test]
fn t13_a_task_that_awaits_itself_is_told() {
    awaits_itself(|task| Box::pin(task));
}

//= SPEC.md#t-13
//= type=test
//# A task that awaits itself MUST get an error.
#[test]
fn t13_awaiting_itself_within_limits_is_told_too() {
    awaits_itself(|task| Box::pin(timeout(secs(1), task)));
    awaits_itself(|task| Box::pin(wait_for(secs(1), task)));
}

//= SPEC.md#t-13
//= type=test
//# A task that awaits itself MUST get an error.
#[test]
fn t13_awaiting_itself_behind_a_shield_is_told_too() {
    awaits_itself(|task| Box::pin(shield(task)));
}

//= SPEC.md#t-13
//= type=test
//# A task that awaits itself MUST get an error.
#[test]
fn t13_gathering_itself_is_told_too() {
    awaits_itself(|task| Box::pin(async { gather(vec![task]).await.map(drop) }));
}

//= SPEC.md#t-13
//= type=test
//# A task that awaits itself MUST get an error.
#[test]
fn t13_another_task_may_await_it() {
    let event_loop = virtual_loop();
    let task = event_loop.create_task(async { yield_now().await.map(|()| 3) }).unwrap();
    let other = task.clone();
    assert_eq!(event_loop.run_until_complete(other).unwrap(), 3);
    assert_eq!(event_loop.run_until_complete(task).unwrap(), 3, "also once it is done");
}

//= SPEC.md#t-17
//= type=test
//# `current_task` MUST name the task whose step is being run, and `all_tasks` every task that is
//# not done.
#[test]
fn t17_current_task_names_the_task_that_is_stepped() {
    let event_loop = virtual_loop();
    let log = Log::default();
    let mut tasks = Vec::new();
    for _ in 0..2 {
        let noted = log.clone();
        let task = event_loop.create_task(async move {
            for _ in 0..2 {
                noted.note(current_task().map(|task| task.id()));
                yield_now().await?;
            }
            sleep(secs(1)).await?;
            noted.note(current_task().map(|task| task.id()));
            Ok(())
        });
        tasks.push(task.unwrap());
    }
    run_dry(&event_loop);
    let (a, b) = (Some(tasks[0].id()), Some(tasks[1].id()));
    assert_ne!(a, b);
    assert_eq!(log.entries(), [a, b, a, b, a, b]);
}

//= SPEC.md#t-17
//= type=test
//# `current_task` MUST name the task whose step is being run, and `all_tasks` every task that is
//# not done.
#[test]
fn t17_outside_a_step_no_task_is_current() {
    let event_loop = virtual_loop();
    assert!(current_task().is_none(), "no loop runs");
    let log = Log::default();
    let note = || {
        let log = log.clone();
        move || log.note(current_task().is_some())
    };
    let task = event_loop.create_task(async { Ok(()) }).unwrap();
    let callback = note();
    task.add_done_callback(move |_| callback());
    event_loop.call_soon(note()).unwrap();
    event_loop.call_later(secs(1), note()).unwrap();
    event_loop.set_exception_handler({
        let report = note();
        move |_| report()
    });
    event_loop.call_soon(|| panic!("for the handler")).unwrap();
    run_dry(&event_loop);
    assert_eq!(log.entries(), [false; 4]);
}

//= SPEC.md#t-17
//= type=test
//# `current_task` MUST name the task whose step is being run, and `all_tasks` every task that is
//# not done.
#[test]
fn t17_a_panicking_step_leaves_no_task_current() {
    let event_loop = virtual_loop();
    let task: Task<()> = event_loop.create_task(async { panic!("on purpose") }).unwrap();
    let seen = Rc::new(Cell::new(true));
    let noted = Rc::clone(&seen);
    event_loop.call_soon(move || noted.set(current_task().is_some())).unwrap();
    turns(&event_loop, 1);
    assert!(!seen.get());
    assert!(task.exception().unwrap().is_some());
}

//= SPEC.md#t-17
//= type=test
//# `current_task` MUST name the task whose step is being run, and `all_tasks` every task that is
//# not done.
#[test]
fn t17_the_current_task_is_still_current_while_its_coroutine_is_dropped() {
    let event_loop = virtual_loop();
    let named = Rc::new(Cell::new(None));
    let noted = Rc::clone(&named);
    let task = event_loop
        .create_task(async move {
            let _guard = OnDrop(move || noted.set(current_task().map(|task| task.id())));
            pending::<Result<(), Exception>>().await
        })
        .unwrap();
    turns(&event_loop, 1);
    task.cancel();
    run_dry(&event_loop);
    assert_eq!(named.get(), Some(task.id()));
}

//= SPEC.md#t-17
//= type=test
//# `current_task` MUST name the task whose step is being run, and `all_tasks` every task that is
//# not done.
#[test]
fn t17_another_thread_has_no_current_task() {
    let event_loop = virtual_loop();
    event_loop
        .run_until_complete(async {
            assert!(current_task().is_some());
            let elsewhere = std::thread::spawn(|| current_task().is_some()).join().unwrap();
            assert!(!elsewhere);
            Ok(())
        })
        .unwrap();
}

/// The ids of all tasks, sorted.
fn ids(event_loop: &EventLoop) -> Vec<u64> {
    let mut ids: Vec<_> = event_loop.all_tasks().iter().map(loopgate::TaskRef::id).collect();
    ids.sort_unstable();
    ids
}

//= SPEC.md#t-17
//= type=test
//# `current_task` MUST name the task whose step is being run, and `all_tasks` every task that is
//# not done.
#[test]
fn t17_all_tasks_names_those_that_are_not_done() {
    let event_loop = virtual_loop();
    assert!(event_loop.all_tasks().is_empty());
    let unstarted = event_loop.create_task(async { Ok(()) }).unwrap();
    let sleeper = event_loop.create_task(sleep(secs(9))).unwrap();
    assert_eq!(ids(&event_loop), [unstarted.id(), sleeper.id()]);
    turns(&event_loop, 1);
    assert_eq!(ids(&event_loop), [sleeper.id()], "one is done");
    // Nobody holds this one but the loop.
    let forgotten = event_loop.create_task(sleep(secs(5))).unwrap().id();
    turns(&event_loop, 1);
    assert_eq!(ids(&event_loop), [sleeper.id(), forgotten]);
    sleeper.cancel();
    assert_eq!(ids(&event_loop), [sleeper.id(), forgotten], "asked to end is not ended");
    run_dry(&event_loop);
    assert!(event_loop.all_tasks().is_empty());
}

//= SPEC.md#t-17
//= type=test
//# `current_task` MUST name the task whose step is being run, and `all_tasks` every task that is
//# not done.
#[test]
fn t17_all_tasks_has_the_running_task_and_the_submitted_ones() {
    let event_loop = virtual_loop();
    let submitted = event_loop.handle().run_coroutine_threadsafe(sleep(secs(1))).unwrap();
    let counts = event_loop
        .run_until_complete(async {
            yield_now().await?;
            yield_now().await?;
            let local = get_running_loop()?;
            let here = current_task().unwrap().id();
            let tasks = local.all_tasks();
            assert!(tasks.iter().any(|task| task.id() == here && !task.done()));
            Ok(tasks.len())
        })
        .unwrap();
    assert_eq!(counts, 2);
    run_dry(&event_loop);
    assert!(submitted.done() && event_loop.all_tasks().is_empty());
}

//= SPEC.md#t-17
//= type=test
//# `current_task` MUST name the task whose step is being run, and `all_tasks` every task that is
//# not done.
#[test]
fn t17_whoever_observes_the_end_no_longer_finds_the_task() {
    let event_loop = virtual_loop();
    let task = event_loop.create_task(async { Ok(()) }).unwrap();
    let id = task.id();
    let waiter = event_loop
        .create_task(async move {
            task.await?;
            Ok(get_running_loop()?.all_tasks().iter().any(|task| task.id() == id))
        })
        .unwrap();
    assert!(!event_loop.run_until_complete(waiter).unwrap());
}

//= SPEC.md#t-17
//= type=test
//# `current_task` MUST name the task whose step is being run, and `all_tasks` every task that is
//# not done.
#[test]
fn t17_a_name_is_the_same_for_every_observer() {
    let event_loop = virtual_loop();
    let task = event_loop
        .create_task(async { Ok(current_task().map(|task| task.name()).unwrap_or_default()) })
        .unwrap();
    let other = event_loop.create_task(async { Ok(()) }).unwrap();
    assert_eq!(task.name(), format!("Task-{}", task.id()));
    assert_ne!(task.name(), other.name());
    task.clone().set_name("reader");
    assert_eq!(task.name(), "reader");
    assert!(event_loop.all_tasks().iter().any(|task| task.name() == "reader"));
    assert!(format!("{task:?}").contains("reader"));
    assert_eq!(event_loop.run_until_complete(task.clone()).unwrap(), "reader");
    assert_eq!(task.name(), "reader", "also once it is done");
}

//= SPEC.md#t-17
//= type=test
//# `current_task` MUST name the task whose step is being run, and `all_tasks` every task that is
//# not done.
#[test]
fn t17_a_task_can_be_cancelled_by_who_finds_it_in_all_tasks() {
    let event_loop = virtual_loop();
    let sleeper = event_loop.create_task(sleep(secs(1))).unwrap();
    turns(&event_loop, 1);
    let found = event_loop.all_tasks().pop().unwrap();
    assert!(found.cancel_with_message("found you"));
    assert_eq!(sleeper.cancelling(), 1);
    run_dry(&event_loop);
    assert!(found.done() && !found.cancel());
    assert_eq!(message_of(&sleeper.result().map_err(Exception::from)).unwrap(), "found you");
}

//= SPEC.md#s-8
//= type=test
//# After close every operation that would schedule work MUST be refused with `LoopClosed`.
#[test]
fn s8_a_closed_loop_makes_no_task_and_drops_the_coroutine() {
    let event_loop = virtual_loop();
    event_loop.close().unwrap();
    let guard = Dropped::default();
    let dropped = guard.flag();
    let refused = event_loop.create_task(async move {
        drop(guard);
        Ok(())
    });
    assert!(refused.unwrap_err().is::<LoopClosed>());
    assert!(dropped.get());
    assert!(event_loop.all_tasks().is_empty());
}

//= SPEC.md#s-6
//= type=test
//# `close` MUST be refused while the loop runs, MUST be idempotent, and MUST drop all queued work,
//# timers and tasks.
#[test]
fn s6_a_task_of_a_closed_loop_has_ended_and_can_be_asked_everything() {
    let event_loop = virtual_loop();
    let task = event_loop.create_task(pending::<Result<(), Exception>>()).unwrap();
    let awaited = task.clone();
    let other = event_loop.create_task(awaited).unwrap();
    turns(&event_loop, 1);
    event_loop.close().unwrap();
    for ended in [&task, &other] {
        assert!(ended.done() && !ended.cancelled() && !ended.cancel());
        assert!(ended.exception().unwrap().unwrap().is::<LoopClosed>());
        assert_eq!((ended.cancelling(), ended.uncancel()), (0, 0));
        assert!(ended.name().starts_with("Task-"));
        ended.add_done_callback(|_| unreachable!("the loop is closed"));
    }
    let second = virtual_loop();
    let error = second.run_until_complete(task).unwrap_err();
    assert!(error.is::<loopgate::ForeignLoop>(), "{error}");
}

//= SPEC.md#t-17
//= type=test
//# `current_task` MUST name the task whose step is being run, and `all_tasks` every task that is
//# not done.
#[test]
fn t17_a_task_is_named_through_any_reference() {
    let event_loop = virtual_loop();
    let task = event_loop.create_task(async { Ok(current_task().unwrap().name()) }).unwrap();
    let reference = event_loop.all_tasks().swap_remove(0);
    assert_eq!((reference.id(), reference.name()), (task.id(), task.name()));
    reference.set_name("by reference");
    assert_eq!(task.name(), "by reference");
    task.set_name("by task");
    assert_eq!(reference.name(), "by task");
    turns(&event_loop, 1);
    assert_eq!(task.result().unwrap(), "by task");
    assert!(reference.done());
}

//= SPEC.md#t-17
//= type=test
//# `current_task` MUST name the task whose step is being run, and `all_tasks` every task that is
//# not done.
#[test]
fn t17_no_two_tasks_of_any_thread_have_the_same_id() {
    // Many: blocks that overlap by one show once in some two thousand.
    let many = || {
        let event_loop = virtual_loop();
        let made = (0..10_000).map(|_| event_loop.create_task(async { Ok(()) }).unwrap().id());
        made.collect::<Vec<_>>()
    };
    let threads = [(); 4].map(|()| std::thread::spawn(many));
    let ids: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    let different: std::collections::HashSet<_> = ids.iter().collect();
    assert_eq!(different.len(), 40_000);
}
