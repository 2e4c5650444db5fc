//! Chapter of SPEC.md with the same name: one test or more for each clause. Here T-1 to T-4, T-13 and T-17;
//! cancelling, making and waiting have files of their own.

mod cancel;
mod factory;
mod wait;

use std::cell::{Cell, OnceCell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use loopgate::{
    AwaitsItself, Cancelled, EventLoop, Exception, LoopClosed, ResultError, Task, current_task,
    gather, get_running_loop, shield, sleep, timeout, wait_for, yield_now,
};

use crate::support::{Log, virtual_loop};

// ---- what the tests of tasks, scopes and submissions share --------------------------------------------

/// A coroutine whatever it is made of.
pub(crate) type Boxed<T> = Pin<Box<dyn Future<Output = Result<T, Exception>>>>;

/// Seconds, which cost nothing on a virtual clock.
pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Runs so many iterations that do not sleep.
pub(crate) fn turns(event_loop: &EventLoop, count: usize) {
    for _ in 0..count {
        let _turn = event_loop.run_once(Some(Duration::ZERO)).expect("an open loop runs");
    }
}

/// Runs until nothing is queued and no timer is set. Never hangs: a program that goes on for ever fails.
pub(crate) fn run_dry(event_loop: &EventLoop) {
    for _ in 0..10_000 {
        let Some(wait) = event_loop.poll_timeout() else { return };
        let _turn = event_loop.run_once(Some(wait)).expect("an open loop runs");
    }
    panic!("the loop does not come to rest");
}

/// Runs `coroutine` as a task to its end, or until the loop comes to rest without it. Never hangs.
pub(crate) fn finish<T: Clone + 'static>(
    event_loop: &EventLoop,
    coroutine: impl Future<Output = Result<T, Exception>> + 'static,
) -> Result<T, Exception> {
    let task = event_loop.create_task(coroutine)?;
    for _ in 0..10_000 {
        let wait = event_loop.poll_timeout();
        if task.done() || wait.is_none() {
            break;
        }
        let _turn = event_loop.run_once(wait)?;
    }
    Ok(task.result()?)
}

/// The message of the cancel that a coroutine was yielded; `None` if it was something else.
pub(crate) fn message_of<T>(result: &Result<T, Exception>) -> Option<String> {
    let cancelled = result.as_ref().err()?.cancelled()?;
    Some(cancelled.message().unwrap_or("").to_owned())
}

/// Awaits two coroutines in one task, without the kernel's help.
pub(crate) async fn join<A, B>(a: impl Future<Output = A>, b: impl Future<Output = B>) -> (A, B) {
    let (mut a, mut b) = (pin!(a), pin!(b));
    let mut results = (None, None);
    poll_fn(move |cx| {
        if results.0.is_none()
            && let Poll::Ready(result) = a.as_mut().poll(cx)
        {
            results.0 = Some(result);
        }
        if results.1.is_none()
            && let Poll::Ready(result) = b.as_mut().poll(cx)
        {
            results.1 = Some(result);
        }
        match (results.0.take(), results.1.take()) {
            (Some(a), Some(b)) => Poll::Ready((a, b)),
            partly => {
                results = partly;
                Poll::Pending
            }
        }
    })
    .await
}

/// Tells that it was dropped.
#[derive(Default)]
pub(crate) struct Dropped(Rc<Cell<bool>>);

impl Dropped {
    /// What tells it.
    pub(crate) fn flag(&self) -> Rc<Cell<bool>> {
        Rc::clone(&self.0)
    }
}

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.set(true);
    }
}

/// Calls something when it is dropped.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// An error to recognise.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Oops;

impl std::fmt::Display for Oops {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("oops")
    }
}

impl std::error::Error for Oops {}

/// A future that counts its polls and shows its waker, and is ready when told so.
#[derive(Clone, Default)]
pub(crate) struct Probe {
    polls: Rc<Cell<usize>>,
    waker: Rc<RefCell<Option<Waker>>>,
    ready: Rc<Cell<bool>>,
}

impl Probe {
    fn polls(&self) -> usize {
        self.polls.get()
    }

    fn waker(&self) -> Waker {
        self.waker.borrow().clone().expect("it was polled")
    }
}

impl Future for Probe {
    type Output = Result<(), Exception>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.polls.set(self.polls.get() + 1);
        self.waker.replace(Some(cx.waker().clone()));
        if self.ready.get() { Poll::Ready(Ok(())) } else { Poll::Pending }
    }
}

// ---- T-1 -----------------------------------------------------------------------------------------------

//= SPEC.md#t-1
//= type=test
//# Creating a task MUST queue its first step and MUST NOT run any of it.
#[test]
fn t1_creating_a_task_runs_nothing_of_it() {
    let event_loop = virtual_loop();
    let begun = Rc::new(Cell::new(false));
    let noted = Rc::clone(&begun);
    let task = event_loop
        .create_task(async move {
            noted.set(true);
            Ok(())
        })
        .unwrap();
    assert!(!begun.get() && !task.done());
    assert_eq!(event_loop.poll_timeout(), Some(Duration::ZERO), "its first step is queued");
    turns(&event_loop, 1);
    assert!(begun.get() && task.done());
}

//= SPEC.md#t-1
//= type=test
//# Creating a task MUST queue its first step and MUST NOT run any of it.
#[test]
fn t1_a_task_created_in_a_callback_begins_in_the_next_iteration() {
    let event_loop = virtual_loop();
    let log = Log::default();
    let noted = log.clone();
    event_loop
        .call_soon(move || {
            let in_task = noted.clone();
            let created = get_running_loop().unwrap().create_task(async move {
                in_task.note("step");
                Ok(())
            });
            noted.note("created");
            assert!(created.is_ok());
        })
        .unwrap();
    turns(&event_loop, 1);
    assert_eq!(log.entries(), ["created"]);
    turns(&event_loop, 1);
    assert_eq!(log.entries(), ["created", "step"]);
}

//= SPEC.md#t-1
//= type=test
//# Creating a task MUST queue its first step and MUST NOT run any of it.
#[test]
fn t1_the_first_step_has_its_turn_among_callbacks() {
    let event_loop = virtual_loop();
    let log = Log::default();
    let note = |entry| {
        let log = log.clone();
        move || log.note(entry)
    };
    event_loop.call_soon(note("before")).unwrap();
    let step = note("step");
    let _task = event_loop
        .create_task(async move {
            let _: () = step();
            Ok(())
        })
        .unwrap();
    event_loop.call_soon(note("after")).unwrap();
    turns(&event_loop, 1);
    assert_eq!(log.entries(), ["before", "step", "after"]);
}

//= SPEC.md#t-1
//= type=test
//# Creating a task MUST queue its first step and MUST NOT run any of it.
#[test]
fn t1_a_factory_does_not_run_the_first_step_either() {
    let event_loop = virtual_loop();
    event_loop.set_task_factory(|coroutine| Ok(coroutine.into_task()));
    let begun = Rc::new(Cell::new(false));
    let noted = Rc::clone(&begun);
    let task = event_loop
        .create_task(async move {
            noted.set(true);
            Ok(())
        })
        .unwrap();
    assert!(!begun.get());
    run_dry(&event_loop);
    assert!(begun.get() && task.done());
}

// ---- T-2 -----------------------------------------------------------------------------------------------

//= SPEC.md#t-2
//= type=test
//# A coroutine's `Err` MUST become the task's exception, its `Err(Cancelled)` MUST make the task
//# cancelled, and its value the result.
#[test]
fn t2_a_value_is_the_result() {
    let event_loop = virtual_loop();
    let task = event_loop.create_task(async { Ok("value".to_owned()) }).unwrap();
    assert!(matches!(task.result(), Err(ResultError::Pending)));
    run_dry(&event_loop);
    assert!(task.done() && !task.cancelled());
    assert_eq!(task.result().unwrap(), "value");
    assert!(task.exception().unwrap().is_none());
}

//= SPEC.md#t-2
//= type=test
//# A coroutine's `Err` MUST become the task's exception, its `Err(Cancelled)` MUST make the task
//# cancelled, and its value the result.
#[test]
fn t2_an_error_is_the_exception_and_the_same_object() {
    let event_loop = virtual_loop();
    let raised = Exception::from(Oops);
    let raise = raised.clone();
    let task = event_loop.create_task(async move { Err::<(), _>(raise) }).unwrap();
    run_dry(&event_loop);
    assert!(task.done() && !task.cancelled());
    assert!(task.exception().unwrap().unwrap().same_object(&raised));
    match task.result() {
        Err(ResultError::Exception(seen)) => assert!(seen.same_object(&raised)),
        other => panic!("{other:?}"),
    }
}

//= SPEC.md#t-2
//= type=test
//# A coroutine's `Err` MUST become the task's exception, its `Err(Cancelled)` MUST make the task
//# cancelled, and its value the result.
#[test]
fn t2_err_cancelled_makes_the_task_cancelled_without_a_request() {
    let event_loop = virtual_loop();
    let task = event_loop
        .create_task(async { Err::<(), Exception>(Cancelled::with_message("mine").into()) })
        .unwrap();
    run_dry(&event_loop);
    assert!(task.done() && task.cancelled());
    assert_eq!(task.cancelling(), 0);
    match task.result() {
        Err(ResultError::Cancelled(cancelled)) => assert_eq!(cancelled.message(), Some("mine")),
        other => panic!("{other:?}"),
    }
    assert!(matches!(task.exception(), Err(ResultError::Cancelled(_))));
}

//= SPEC.md#t-2
//= type=test
//# A coroutine's `Err` MUST become the task's exception, its `Err(Cancelled)` MUST make the task
//# cancelled, and its value the result.
#[test]
fn t2_a_cancel_found_in_a_result_cancels_through_the_question_mark() {
    let event_loop = virtual_loop();
    let (_promise, source) = event_loop.create_future::<()>();
    assert!(source.cancel_with_message("found"));
    let task = event_loop.create_task(async move { Ok(source.result()?) }).unwrap();
    run_dry(&event_loop);
    assert!(task.cancelled());
    assert_eq!(message_of(&task.result().map_err(Exception::from)).unwrap(), "found");
}

//= SPEC.md#t-2
//= type=test
//# A coroutine's `Err` MUST become the task's exception, its `Err(Cancelled)` MUST make the task
//# cancelled, and its value the result.
#[test]
fn t2_a_panic_is_the_exception() {
    let event_loop = virtual_loop();
    let task: Task<()> = event_loop.create_task(async { panic!("on purpose") }).unwrap();
    run_dry(&event_loop);
    let exception = task.exception().unwrap().unwrap();
    assert_eq!(exception.panic_message(), Some("on purpose"));
}

// ---- T-3 -----------------------------------------------------------------------------------------------

/// How a coroutine can come to its end, with what brings it about from outside.
fn endings() -> Vec<(&'static str, Boxed<()>, fn(&Task<()>))> {
    let leave: fn(&Task<()>) = |_| {};
    let cancel: fn(&Task<()>) = |task| assert!(task.cancel());
    vec![
        ("value", Box::pin(async { Ok(()) }), leave),
        ("error", Box::pin(async { Err(Oops.into()) }), leave),
        ("cancelled by itself", Box::pin(async { Err(Cancelled::default().into()) }), leave),
        ("panic", Box::pin(async { panic!("on purpose") }), leave),
        ("cancelled in a sleep", Box::pin(sleep(secs(1))), cancel),
        ("cancelled in a foreign await", Box::pin(pending()), cancel),
    ]
}

/// A task of `ending` that notes what others can see of it while its coroutine is being dropped.
fn observed_drop(event_loop: &EventLoop, ending: Boxed<()>, log: &Log<&'static str>) -> Task<()> {
    let itself: Rc<OnceCell<Task<()>>> = Rc::default();
    let (known, noted) = (Rc::clone(&itself), log.clone());
    let coroutine = async move {
        let _guard = OnDrop(move || {
            let task = known.get().unwrap();
            let hidden = !task.done() && matches!(task.result(), Err(ResultError::Pending));
            noted.note(if hidden { "dropped" } else { "dropped too late" });
        });
        ending.await
    };
    let task = event_loop.create_task(coroutine).unwrap();
    let noted = log.clone();
    task.add_done_callback(move |_| noted.note("observed"));
    itself.set(task.clone()).unwrap();
    task
}

//= SPEC.md#t-3
//= type=test
//# A coroutine MUST be dropped before its outcome can be observed.
#[test]
fn t3_the_coroutine_is_dropped_before_its_outcome_is_seen() {
    for (name, ending, bring_about) in endings() {
        let event_loop = virtual_loop();
        let log = Log::default();
        let task = observed_drop(&event_loop, ending, &log);
        turns(&event_loop, 1);
        if !task.done() {
            bring_about(&task);
        }
        run_dry(&event_loop);
        assert!(task.done(), "{name}");
        assert_eq!(log.entries(), ["dropped", "observed"], "{name}");
        // Somebody looks, so that nothing is reported.
        let _ = task.result();
    }
}

//= SPEC.md#t-3
//= type=test
//# A coroutine MUST be dropped before its outcome can be observed.
#[test]
fn t3_a_coroutine_that_never_began_is_dropped_before_its_outcome_is_seen() {
    let event_loop = virtual_loop();
    let itself: Rc<OnceCell<Task<()>>> = Rc::default();
    let (known, done_at_drop) = (Rc::clone(&itself), Rc::new(Cell::new(None)));
    let seen = Rc::clone(&done_at_drop);
    let guard = OnDrop(move || seen.set(Some(known.get().unwrap().done())));
    let task = event_loop
        .create_task(async move {
            drop(guard);
            Ok(())
        })
        .unwrap();
    itself.set(task.clone()).unwrap();
    assert!(task.cancel());
    assert_eq!(done_at_drop.get(), None, "not inside the call");
    run_dry(&event_loop);
    assert!(task.cancelled());
    assert_eq!(done_at_drop.get(), Some(false));
}

//= SPEC.md#t-3
//= type=test
//# A coroutine MUST be dropped before its outcome can be observed.
#[test]
fn t3_closing_the_loop_drops_the_coroutine_before_its_outcome_is_seen() {
    let event_loop = virtual_loop();
    let log = Log::default();
    let task = observed_drop(&event_loop, Box::pin(pending()), &log);
    turns(&event_loop, 1);
    event_loop.close().unwrap();
    assert_eq!(log.entries(), ["dropped"]);
    assert!(task.exception().unwrap().unwrap().is::<LoopClosed>());
}

//= SPEC.md#t-3
//= type=test
//# A coroutine MUST be dropped before its outcome can be observed.
#[test]
fn t3_a_submitter_sees_the_outcome_after_the_drop() {
    struct Tell(Arc<AtomicBool>);
    impl Drop for Tell {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    for fails in [false, true] {
        let event_loop = virtual_loop();
        let dropped = Arc::new(AtomicBool::new(false));
        let guard = Tell(Arc::clone(&dropped));
        let future = event_loop.handle().run_coroutine_threadsafe(async move {
            let _guard = guard;
            yield_now().await?;
            if fails { Err(Oops.into()) } else { Ok(()) }
        });
        let (seen, when_done) = (Arc::new(AtomicBool::new(false)), Arc::clone(&dropped));
        let noted = Arc::clone(&seen);
        let future = future.unwrap();
        future.add_done_callback(move |_| {
            noted.store(when_done.load(Ordering::SeqCst), Ordering::SeqCst);
        });
        run_dry(&event_loop);
        assert!(future.done());
        assert!(seen.load(Ordering::SeqCst), "the outcome came before the drop");
    }
}

//= SPEC.md#t-3
//= type=test
//# A coroutine MUST be dropped before its outcome can be observed.
#[test]
fn t3_a_coroutine_that_panics_when_dropped_keeps_its_outcome() {
    let event_loop = virtual_loop();
    let guard = OnDrop(|| panic!("dropped on purpose"));
    let task = event_loop
        .create_task(poll_fn(move |_| {
            // Owned by the future itself: it goes with the coroutine and not with a statement.
            let _kept = &guard;
            Poll::Ready(Ok(3))
        }))
        .unwrap();
    run_dry(&event_loop);
    assert_eq!(task.result().unwrap(), 3);
}

// ---- T-4 -----------------------------------------------------------------------------------------------

//= SPEC.md#t-4
//= type=test
//# Any `std` future MUST make progress when its waker is called, from any thread, and wakes that
//# come before the task runs MUST be coalesced into one step.
#[test]
fn t4_a_waker_called_in_another_thread_makes_the_future_go_on() {
    let event_loop = EventLoop::new().unwrap();
    let (send_waker, wakers) = mpsc::channel::<Waker>();
    let open = Arc::new(AtomicBool::new(false));
    let opens = Arc::clone(&open);
    let thread = std::thread::spawn(move || {
        let waker = wakers.recv().unwrap();
        opens.store(true, Ordering::SeqCst);
        waker.wake();
    });
    let opened = poll_fn(move |cx| {
        if open.load(Ordering::SeqCst) {
            return Poll::Ready(Ok(3));
        }
        send_waker.send(cx.waker().clone()).unwrap();
        Poll::Pending
    });
    assert_eq!(event_loop.run_until_complete(timeout(secs(60), opened)).unwrap(), 3);
    thread.join().unwrap();
}

//= SPEC.md#t-4
//= type=test
//# Any `std` future MUST make progress when its waker is called, from any thread, and wakes that
//# come before the task runs MUST be coalesced into one step.
#[test]
fn t4_a_waker_called_by_a_callback_of_another_loop_reaches_its_own() {
    let (send_waker, wakers) = mpsc::channel::<Waker>();
    let open = Arc::new(AtomicBool::new(false));
    let opens = Arc::clone(&open);
    // A thread each, and each thread's first loop: they have everything alike that is not told apart.
    let woken = std::thread::spawn(move || {
        let opened = poll_fn(move |cx| {
            if open.load(Ordering::SeqCst) {
                return Poll::Ready(Ok(3));
            }
            send_waker.send(cx.waker().clone()).unwrap();
            Poll::Pending
        });
        EventLoop::new().unwrap().run_until_complete(timeout(secs(60), opened))
    });
    let waking = std::thread::spawn(move || {
        EventLoop::new().unwrap().run_until_complete(async move {
            let waker = wakers.recv().unwrap();
            opens.store(true, Ordering::SeqCst);
            waker.wake();
            Ok(())
        })
    });
    waking.join().unwrap().unwrap();
    assert_eq!(woken.join().unwrap().unwrap(), 3);
}

//= SPEC.md#t-4
//= type=test
//# Any `std` future MUST make progress when its waker is called, from any thread, and wakes that
//# come before the task runs MUST be coalesced into one step.
#[test]
fn t4_a_channel_of_another_runtime_works() {
    let event_loop = EventLoop::new().unwrap();
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let (reply, replies) = tokio::sync::oneshot::channel();
    let thread = std::thread::spawn(move || {
        sender.send(3).unwrap();
        assert_eq!(replies.blocking_recv(), Ok(4));
    });
    let sum = event_loop
        .run_until_complete(timeout(secs(60), async move {
            let three = receiver.await?;
            reply.send(three + 1).unwrap();
            Ok(three)
        }))
        .unwrap();
    assert_eq!(sum, 3);
    thread.join().unwrap();
}

//= SPEC.md#t-4
//= type=test
//# Any `std` future MUST make progress when its waker is called, from any thread, and wakes that
//# come before the task runs MUST be coalesced into one step.
#[test]
fn t4_wakes_before_the_step_are_one_step() {
    let event_loop = virtual_loop();
    let probe = Probe::default();
    let task = event_loop.create_task(probe.clone()).unwrap();
    turns(&event_loop, 1);
    assert_eq!(probe.polls(), 1);
    let waker = probe.waker();
    waker.wake_by_ref();
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let waker = waker.clone();
            std::thread::spawn(move || waker.wake())
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    turns(&event_loop, 3);
    assert_eq!(probe.polls(), 2, "five wakes, one step");
    // And once more: the coalescing does not outlive the step.
    waker.wake();
    turns(&event_loop, 3);
    assert_eq!(probe.polls(), 3);
    assert!(!task.done());
}

//= SPEC.md#t-4
//= type=test
//# Any `std` future MUST make progress when its waker is called, from any thread, and wakes that
//# come before the task runs MUST be coalesced into one step.
#[test]
fn t4_wakes_while_the_loop_runs_are_one_step() {
    let event_loop = virtual_loop();
    let probe = Probe::default();
    let _task = event_loop.create_task(probe.clone()).unwrap();
    turns(&event_loop, 1);
    let waker = probe.waker();
    event_loop
        .call_soon(move || {
            waker.wake_by_ref();
            let other = waker.clone();
            std::thread::spawn(move || other.wake()).join().unwrap();
            waker.wake();
        })
        .unwrap();
    turns(&event_loop, 3);
    assert_eq!(probe.polls(), 2);
}

//= SPEC.md#t-4
//= type=test
//# Any `std` future MUST make progress when its waker is called, from any thread, and wakes that
//# come before the task runs MUST be coalesced into one step.
#[test]
fn t4_a_wake_during_the_step_is_another_step() {
    let event_loop = virtual_loop();
    let polls = Rc::new(Cell::new(0));
    let counted = Rc::clone(&polls);
    let task = event_loop
        .create_task(poll_fn(move |cx| {
            counted.set(counted.get() + 1);
            if counted.get() == 3 {
                return Poll::Ready(Ok(()));
            }
            cx.waker().wake_by_ref();
            cx.waker().wake_by_ref();
            Poll::Pending
        }))
        .unwrap();
    turns(&event_loop, 1);
    assert_eq!(polls.get(), 1);
    turns(&event_loop, 1);
    assert_eq!(polls.get(), 2);
    run_dry(&event_loop);
    assert_eq!(polls.get(), 3);
    assert!(task.done());
}

//= SPEC.md#t-4
//= type=test
//# Any `std` future MUST make progress when its waker is called, from any thread, and wakes that
//# come before the task runs MUST be coalesced into one step.
#[test]
fn t4_the_waker_of_a_task_that_is_done_wakes_nobody_else() {
    let event_loop = virtual_loop();
    let (first, second) = (Probe::default(), Probe::default());
    let done = event_loop.create_task(first.clone()).unwrap();
    turns(&event_loop, 1);
    let stale = first.waker();
    first.ready.set(true);
    stale.wake_by_ref();
    run_dry(&event_loop);
    assert!(done.done());
    // The new task has the place that the old one gave up.
    let _task = event_loop.create_task(second.clone()).unwrap();
    turns(&event_loop, 1);
    stale.wake_by_ref();
    let again = stale.clone();
    std::thread::spawn(move || again.wake()).join().unwrap();
    turns(&event_loop, 2);
    assert_eq!((first.polls(), second.polls()), (2, 1));
}

//= SPEC.md#t-4
//= type=test
//# Any `std` future MUST make progress when its waker is called, from any thread, and wakes that
//# come before the task runs MUST be coalesced into one step.
#[test]
fn t4_a_waker_may_outlive_its_loop() {
    let event_loop = virtual_loop();
    let probe = Probe::default();
    let _task = event_loop.create_task(probe.clone()).unwrap();
    turns(&event_loop, 1);
    let waker = probe.waker();
    event_loop.close().unwrap();
    waker.wake_by_ref();
    drop(event_loop);
    waker.wake();
    assert_eq!(probe.polls(), 1);
}

//= SPEC.md#t-4
//= type=test
//# Any `std` future MUST make progress when its waker is called, from any thread, and wakes that
//# come before the task runs MUST be coalesced into one step.
#[test]
fn t4_many_threads_wake_and_no_wake_is_lost() {
    const THREADS: usize = 4;
    const EACH: usize = 200;
    let event_loop = EventLoop::new().unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let (send_waker, wakers) = mpsc::channel::<Waker>();
    let counted = Arc::clone(&count);
    let spawner = std::thread::spawn(move || {
        let waker = wakers.recv().unwrap();
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                let (waker, count) = (waker.clone(), Arc::clone(&counted));
                std::thread::spawn(move || {
                    for _ in 0..EACH {
                        count.fetch_add(1, Ordering::SeqCst);
                        waker.wake_by_ref();
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
    let mut first = Some(send_waker);
    let polled = poll_fn(move |cx| {
        if let Some(send_waker) = first.take() {
            send_waker.send(cx.waker().clone()).unwrap();
        }
        // Were the wake after the last addition lost, this would never be asked again.
        if count.load(Ordering::SeqCst) == THREADS * EACH {
            Poll::Ready(Ok(()))
        } else {
            Poll::Pending
        }
    });
    event_loop.run_until_complete(timeout(secs(60), polled)).unwrap();
    spawner.join().unwrap();
}

// ---- T-13 ----------------------------------------------------------------------------------------------

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

// ---- T-17 ----------------------------------------------------------------------------------------------

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

// ---- after close ---------------------------------------------------------------------------------------

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

//= SPEC.md#t-4
//= type=test
//# Any `std` future MUST make progress when its waker is called, from any thread, and wakes that
//# come before the task runs MUST be coalesced into one step.
#[test]
fn t4_a_wake_by_code_of_another_loop_makes_a_step_of_its_own() {
    let event_loop = virtual_loop();
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let task = event_loop.create_task(async { Ok(receiver.await?) }).unwrap();
    turns(&event_loop, 2);
    assert!(!task.done());
    let wakes = move || {
        let other = virtual_loop();
        // It has a task too, in the same place of its table.
        let suspended = other.create_task(std::future::pending::<Result<(), _>>()).unwrap();
        other.call_soon(move || sender.send(3).unwrap()).unwrap();
        turns(&other, 3);
        assert!(!suspended.done());
    };
    std::thread::spawn(wakes).join().unwrap();
    turns(&event_loop, 1);
    assert_eq!(task.result().unwrap(), 3);
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

//= SPEC.md#t-4
//= type=test
//# Any `std` future MUST make progress when its waker is called, from any thread, and wakes that
//# come before the task runs MUST be coalesced into one step.
#[test]
fn t4_a_kept_waker_is_not_the_next_tasks() {
    let event_loop = virtual_loop();
    let kept = Rc::new(OnceCell::new());
    let keeps = Rc::clone(&kept);
    let first = poll_fn(move |cx| {
        keeps.set(cx.waker().clone()).expect("polled once");
        Poll::Ready(Ok(()))
    });
    event_loop.run_until_complete(first).unwrap();
    let (woken, polls) = (Rc::new(OnceCell::new()), Rc::new(Cell::new(0)));
    let (wakes, counts) = (Rc::clone(&woken), Rc::clone(&polls));
    let second = event_loop.create_task(poll_fn(move |cx| {
        counts.set(counts.get() + 1);
        if wakes.set(cx.waker().clone()).is_ok() { Poll::Pending } else { Poll::Ready(Ok(())) }
    }));
    let second = second.unwrap();
    turns(&event_loop, 2);
    kept.get().expect("the first task ran").wake_by_ref();
    turns(&event_loop, 2);
    assert_eq!(polls.get(), 1, "the second was woken by the first one's waker");
    woken.get().expect("the second task ran").wake_by_ref();
    turns(&event_loop, 2);
    assert!(second.done(), "the second was not woken by its own");
}
