//! Clauses L-1 and L-2: callbacks and awaiters, in their order.

use super::*;

/// A waker that notes its name when it is woken.
struct Named(&'static str, Arc<Mutex<Vec<&'static str>>>);

impl Wake for Named {
    fn wake(self: Arc<Self>) {
        self.1.lock().unwrap().push(self.0);
    }
}

// L-1, L-2: callbacks and awaiters

//= SPEC.md#l-1
//= type=test
//# A loop future's done-callbacks MUST be queued and never run inside the call that completed it or
//# added them.
#[test]
fn l1_callbacks_are_queued_by_the_completion() {
    for how in ["value", "exception", "cancel", "drop"] {
        let event_loop = virtual_loop();
        let (promise, future) = event_loop.create_future::<u32>();
        let log = Log::default();
        let called = log.clone();
        future.add_done_callback(move |done| called.note((done.done(), done.cancelled())));
        match how {
            "value" => promise.set_result(1).unwrap(),
            "exception" => promise.set_exception(BrokenPromise).unwrap(),
            "cancel" => assert!(future.cancel()),
            _ => drop(promise),
        }
        assert!(log.entries().is_empty(), "ran inside the call: {how}");
        turn(&event_loop);
        assert_eq!(log.entries(), [(true, how == "cancel")], "{how}");
        turn(&event_loop);
        assert_eq!(log.entries().len(), 1, "ran again: {how}");
        let _ = future.exception();
    }
}

//= SPEC.md#l-1
//= type=test
//# A loop future's done-callbacks MUST be queued and never run inside the call that completed it or
//# added them.
#[test]
fn l1_a_callback_added_to_a_done_future_is_queued() {
    let event_loop = virtual_loop();
    let (promise, future) = event_loop.create_future::<u32>();
    promise.set_result(1).unwrap();
    let log = Log::default();
    let (first, second) = (log.clone(), log.clone());
    event_loop.call_soon(move || first.note("queued before")).unwrap();
    future.add_done_callback(move |_| second.note("callback"));
    assert!(log.entries().is_empty());
    turn(&event_loop);
    assert_eq!(log.entries(), ["queued before", "callback"]);
}

//= SPEC.md#l-1
//= type=test
//# A loop future's done-callbacks MUST be queued and never run inside the call that completed it or
//# added them.
#[test]
fn l1_a_callback_that_completes_another_future_runs_none_of_its_callbacks() {
    let event_loop = virtual_loop();
    let (first_promise, first) = event_loop.create_future::<u32>();
    let (second_promise, second) = event_loop.create_future::<u32>();
    let log = Log::default();
    let (outer, inner) = (log.clone(), log.clone());
    second.add_done_callback(move |_| inner.note("inner"));
    first.add_done_callback(move |_| {
        outer.note("outer begins");
        second_promise.set_result(2).unwrap();
        outer.note("outer ends");
    });
    first_promise.set_result(1).unwrap();
    turn(&event_loop);
    assert_eq!(log.entries(), ["outer begins", "outer ends"], "in the next iteration (Q-2)");
    turn(&event_loop);
    assert_eq!(log.entries(), ["outer begins", "outer ends", "inner"]);
}

//= SPEC.md#l-2
//= type=test
//# Callbacks and awaiters of one loop future MUST be served in the order in which they came.
#[test]
fn l2_callbacks_and_awaiters_are_served_as_they_came() {
    let event_loop = virtual_loop();
    let (promise, future) = event_loop.create_future::<u32>();
    let log = Log::default();
    for (callback, task) in [("callback 1", "task 1"), ("callback 2", "task 2")] {
        let called = log.clone();
        future.add_done_callback(move |_| called.note(callback));
        let (awaited, resumed) = (future.clone(), log.clone());
        event_loop
            .create_task(async move {
                awaited.await?;
                resumed.note(task);
                Ok(())
            })
            .unwrap();
        // The task takes its place in the line only when it runs.
        turn(&event_loop);
    }
    promise.set_result(1).unwrap();
    turn(&event_loop);
    assert_eq!(log.entries(), ["callback 1", "task 1", "callback 2", "task 2"]);
}

//= SPEC.md#l-2
//= type=test
//# Callbacks and awaiters of one loop future MUST be served in the order in which they came.
#[test]
fn l2_an_awaiter_polled_again_keeps_its_place() {
    let event_loop = virtual_loop();
    let (promise, future) = event_loop.create_future::<u32>();
    let woken = Arc::new(Mutex::new(Vec::new()));
    let waker = |name| Waker::from(Arc::new(Named(name, Arc::clone(&woken))));
    let (mut one, mut two) = (future.clone(), future.clone());
    assert!(poll(&mut one, &waker("one, at first")).is_pending());
    assert!(poll(&mut two, &waker("two")).is_pending());
    assert!(poll(&mut one, &waker("one")).is_pending());
    promise.set_result(1).unwrap();
    assert_eq!(*woken.lock().unwrap(), ["one", "two"]);
}

//= SPEC.md#l-2
//= type=test
//# Callbacks and awaiters of one loop future MUST be served in the order in which they came.
#[test]
fn l2_an_awaiter_that_left_is_not_served() {
    let event_loop = virtual_loop();
    let (promise, future) = event_loop.create_future::<u32>();
    let woken = Arc::new(Mutex::new(Vec::new()));
    let waker = |name| Waker::from(Arc::new(Named(name, Arc::clone(&woken))));
    let mut awaiters = ["one", "two", "three", "four"].map(|name| (name, future.clone()));
    for (name, awaiter) in &mut awaiters {
        assert!(poll(awaiter, &waker(*name)).is_pending());
    }
    let [_one, two, _three, _four] = awaiters;
    drop(two);
    promise.set_result(1).unwrap();
    assert_eq!(*woken.lock().unwrap(), ["one", "three", "four"], "the others keep their places");
}

struct PanickingWaker;

impl Wake for PanickingWaker {
    fn wake(self: Arc<Self>) {
        resume_unwind(Box::new("a foreign executor's waker"));
    }
}

//= SPEC.md#l-2
//= type=test
//# Callbacks and awaiters of one loop future MUST be served in the order in which they came.
#[test]
fn l2_a_waker_that_panics_keeps_nobody_from_being_served() {
    let event_loop = virtual_loop();
    let (promise, future) = event_loop.create_future::<u32>();
    let log = Log::default();
    let called = log.clone();
    let mut broken = future.clone();
    assert!(poll(&mut broken, &Waker::from(Arc::new(PanickingWaker))).is_pending());
    future.add_done_callback(move |_| called.note("callback"));
    promise.set_result(1).unwrap();
    turn(&event_loop);
    assert_eq!(log.entries(), ["callback"]);
}
