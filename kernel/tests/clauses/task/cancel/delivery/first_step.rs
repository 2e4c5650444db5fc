//! Clause T-7: cancelled before it began.

use super::*;

//= SPEC.md#t-7
//= type=test
//# A task cancelled before its first step MUST end cancelled without running a statement.
#[test]
fn t7_cancelled_before_the_first_step_runs_no_statement() {
    let event_loop = virtual_loop();
    let guard = Dropped::default();
    let (dropped, begun) = (guard.flag(), Rc::new(Cell::new(false)));
    let noted = Rc::clone(&begun);
    let task = event_loop
        .create_task(async move {
            noted.set(true);
            drop(guard);
            // Awaits nothing: nothing could yield the cancel.
            Ok(3)
        })
        .unwrap();
    assert!(task.cancel_with_message("too early"));
    run_dry(&event_loop);
    assert!(task.cancelled() && dropped.get() && !begun.get());
    assert_eq!(message_of(&task.result().map_err(Exception::from)).unwrap(), "too early");
}

//= SPEC.md#t-7
//= type=test
//# A task cancelled before its first step MUST end cancelled without running a statement.
#[test]
fn t7_cancelled_by_an_earlier_callback_of_the_same_batch() {
    let event_loop = virtual_loop();
    let slot: Rc<OnceCell<Task<()>>> = Rc::default();
    let victim = Rc::clone(&slot);
    event_loop.call_soon(move || assert!(victim.get().unwrap().cancel())).unwrap();
    let task = event_loop.create_task(async { unreachable!("cancelled before it began") }).unwrap();
    slot.set(task.clone()).unwrap();
    turns(&event_loop, 1);
    assert!(task.cancelled());
}

//= SPEC.md#t-7
//= type=test
//# A task cancelled before its first step MUST end cancelled without running a statement.
#[test]
fn t7_a_task_that_is_awaited_before_it_began_ends_cancelled_with_its_awaiter() {
    let event_loop = virtual_loop();
    let parent = event_loop
        .create_task(async {
            let local = loopgate::get_running_loop()?;
            let child: Task<()> =
                local.create_task(async { unreachable!("cancelled before it began") })?;
            current_task().unwrap().cancel();
            child.await
        })
        .unwrap();
    run_dry(&event_loop);
    assert!(parent.cancelled());
}
