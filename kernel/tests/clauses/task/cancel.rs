//! Clauses T-5 to T-12: what a cancel does to a task, wherever that is.

mod awaited;
mod coroutines;
mod delivery;
mod unreceived;

use std::any::Any;
use std::cell::{Cell, OnceCell, RefCell};
use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use loopgate::{
    Cancelled, EventLoop, Exception, LoopFuture, ResultError, Sleep, Task, concurrent,
    current_task, gather, shield, sleep, timeout, wait_for, yield_now,
};

use super::{Boxed, Dropped, Oops, finish, join, message_of, run_dry, secs, turns};
use crate::support::{Log, record_reports, virtual_loop};

// ---- T-5 -----------------------------------------------------------------------------------------------

// ---- T-6 -----------------------------------------------------------------------------------------------

/// Every way to be suspended that the kernel offers, by name, with what must be kept alive meanwhile.
fn suspensions(event_loop: &EventLoop) -> Vec<(&'static str, Boxed<()>, Box<dyn Any>)> {
    let (loop_promise, loop_future) = event_loop.create_future::<()>();
    let (pending_promise, pending_future) = concurrent::promise::<()>();
    let (running_promise, running_future) = concurrent::promise::<()>();
    assert!(running_promise.set_running_or_notify_cancel().unwrap());
    let (wrapped_promise, wrapped) = concurrent::promise::<()>();
    assert!(wrapped_promise.set_running_or_notify_cancel().unwrap());
    let wrapped = event_loop.wrap_future(wrapped).unwrap();
    let sleeper = || event_loop.create_task(sleep(secs(3600))).unwrap();
    let (child, shielded, gathered) = (sleeper(), sleeper(), vec![sleeper(), sleeper()]);
    vec![
        ("sleep", Box::pin(sleep(secs(3600))), Box::new(())),
        ("sleep(0)", Box::pin(sleep(secs(0))), Box::new(())),
        ("yield_now", Box::pin(yield_now()), Box::new(())),
        ("loop future", Box::pin(loop_future), Box::new(loop_promise)),
        ("pending concurrent future", Box::pin(pending_future), Box::new(pending_promise)),
        ("running concurrent future", Box::pin(running_future), Box::new(running_promise)),
        ("wrapped future", Box::pin(wrapped), Box::new(wrapped_promise)),
        ("task", Box::pin(child), Box::new(())),
        ("shield", Box::pin(shield(shielded.clone())), Box::new(shielded)),
        ("gather", Box::pin(async { gather(gathered).await.map(drop) }), Box::new(())),
        ("timeout", Box::pin(timeout(secs(7200), sleep(secs(3600)))), Box::new(())),
        ("foreign in a timeout", Box::pin(timeout(secs(7200), pending())), Box::new(())),
    ]
}

/// A task that takes its time when it is cancelled; it notes how that went.
fn slow_to_end(event_loop: &EventLoop, log: &Log<&'static str>) -> Task<()> {
    let log = log.clone();
    event_loop
        .create_task(async move {
            let cancelled = sleep(secs(3600)).await;
            log.note("cleanup begins");
            sleep(secs(1)).await.inspect_err(|_| log.note("cleanup interrupted"))?;
            log.note("cleanup ends");
            cancelled
        })
        .unwrap()
}

/// Polls both and yields the first that is ready; the other one is dropped.
async fn first<T>(a: impl Future<Output = T>, b: impl Future<Output = T>) -> T {
    let (mut a, mut b) = (std::pin::pin!(a), std::pin::pin!(b));
    std::future::poll_fn(|cx| match a.as_mut().poll(cx) {
        Poll::Pending => b.as_mut().poll(cx),
        ready => ready,
    })
    .await
}

/// Has its task suspended on two sleeps at once; when it goes on it does with them as `then` says.
async fn two_sleeps<F: Future<Output = Option<String>>>(
    then: fn(Pin<Box<Sleep>>, Pin<Box<Sleep>>) -> F,
) -> Result<Option<String>, Exception> {
    let mut sleeps = Some((Box::pin(sleep(secs(9))), Box::pin(sleep(secs(9)))));
    let mut polled = false;
    std::future::poll_fn(|cx| {
        let (a, b) = sleeps.as_mut().expect("polled until it is ready");
        if std::mem::replace(&mut polled, true) {
            return Poll::Ready(());
        }
        assert!(a.as_mut().poll(cx).is_pending() && b.as_mut().poll(cx).is_pending());
        Poll::Pending
    })
    .await;
    let (a, b) = sleeps.take().expect("not taken yet");
    let message = then(a, b).await;
    // Whoever received it, nobody does again.
    yield_now().await?;
    sleep(secs(1)).await?;
    Ok(message)
}

/// One branch of a combinator, with a waker of its own.
struct Branch<T> {
    future: Pin<Box<dyn Future<Output = T>>>,
    result: Option<T>,
    woken: Arc<Woken>,
}

/// Notes that a branch was woken, and wakes the task.
struct Woken {
    flag: AtomicBool,
    task: Mutex<Option<Waker>>,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.flag.store(true, Ordering::SeqCst);
        if let Some(task) = &*self.task.lock().unwrap() {
            task.wake_by_ref();
        }
    }
}

impl<T> Branch<T> {
    fn new(future: impl Future<Output = T> + 'static) -> Branch<T> {
        let woken = Arc::new(Woken { flag: AtomicBool::new(true), task: Mutex::default() });
        Branch { future: Box::pin(future), result: None, woken }
    }

    /// Polls only if it was woken.
    fn poll(&mut self, cx: &mut Context<'_>) {
        *self.woken.task.lock().unwrap() = Some(cx.waker().clone());
        if self.result.is_some() || !self.woken.flag.swap(false, Ordering::SeqCst) {
            return;
        }
        let waker = Waker::from(Arc::clone(&self.woken));
        if let Poll::Ready(result) = self.future.as_mut().poll(&mut Context::from_waker(&waker)) {
            self.result = Some(result);
        }
    }
}

/// As `join`, but polls only the branches that were woken, as many a combinator does.
async fn join_woken<T>(
    a: impl Future<Output = T> + 'static,
    b: impl Future<Output = T> + 'static,
) -> (T, T) {
    let (mut a, mut b) = (Branch::new(a), Branch::new(b));
    std::future::poll_fn(move |cx| {
        a.poll(cx);
        b.poll(cx);
        if a.result.is_none() || b.result.is_none() {
            return Poll::Pending;
        }
        a.result.take().zip(b.result.take()).map_or(Poll::Pending, Poll::Ready)
    })
    .await
}

// ---- T-7 -----------------------------------------------------------------------------------------------

// ---- T-8 -----------------------------------------------------------------------------------------------

/// Starts a task and cancels it at its first await.
fn cancelled_once<T: Clone + 'static>(
    coroutine: impl Future<Output = Result<T, Exception>> + 'static,
) -> (EventLoop, Task<T>) {
    let event_loop = virtual_loop();
    let task = event_loop.create_task(coroutine).unwrap();
    turns(&event_loop, 1);
    assert!(task.cancel());
    (event_loop, task)
}

// ---- T-9 -----------------------------------------------------------------------------------------------

// ---- T-10 ----------------------------------------------------------------------------------------------

/// Two tasks that wait for each other in the way that `how` says.
fn a_cycle(how: fn(Task<()>) -> Boxed<()>) {
    let event_loop = virtual_loop();
    let slots: [Rc<OnceCell<Task<()>>>; 2] = Default::default();
    for (index, slot) in slots.iter().enumerate() {
        let other = Rc::clone(&slots[1 - index]);
        let task = event_loop.create_task(async move { how(other.get().unwrap().clone()).await });
        slot.set(task.unwrap()).unwrap();
    }
    turns(&event_loop, 2);
    let tasks = slots.map(|slot| slot.get().unwrap().clone());
    assert!(tasks[0].cancel());
    run_dry(&event_loop);
    assert!(tasks.iter().all(Task::cancelled), "{tasks:?}");
}

// ---- T-11 ----------------------------------------------------------------------------------------------

// ---- T-12 ----------------------------------------------------------------------------------------------

/// A task that runs `body` with a handle on itself.
fn with_itself<F>(event_loop: &EventLoop, body: impl FnOnce(Task<i32>) -> F + 'static) -> Task<i32>
where
    F: Future<Output = Result<i32, Exception>> + 'static,
{
    let slot: Rc<OnceCell<Task<i32>>> = Rc::default();
    let known = Rc::clone(&slot);
    let task =
        event_loop.create_task(async move { body(known.get().unwrap().clone()).await }).unwrap();
    slot.set(task.clone()).unwrap();
    task
}

// ---- What the mutants of the cancel ports got past -------------------------------------------------------

/// An awaitable that is pending, and whether what is behind it has been cancelled.
type Movable = (&'static str, Boxed<()>, Box<dyn Fn() -> bool>);

fn movables(event_loop: &EventLoop) -> Vec<Movable> {
    let (loop_promise, loop_future) = event_loop.create_future::<()>();
    let (promise, future) = concurrent::promise::<()>();
    let task = event_loop.create_task(sleep(secs(3600))).unwrap();
    let (loop_awaited, awaited, joined) = (loop_future.clone(), future.clone(), task.clone());
    // Nothing outside holds a sleep: it says itself how it ended.
    let cancelled = Rc::new(Cell::new(false));
    let was_cancelled = Rc::clone(&cancelled);
    let slept = async move {
        let slept = sleep(secs(3600)).await;
        cancelled.set(slept.as_ref().is_err_and(Exception::is_cancelled));
        slept
    };
    vec![
        (
            "loop future",
            Box::pin(loop_awaited),
            Box::new(move || {
                let _kept = &loop_promise;
                loop_future.cancelled()
            }),
        ),
        (
            "concurrent future",
            Box::pin(awaited),
            Box::new(move || {
                let _kept = &promise;
                future.cancelled()
            }),
        ),
        ("task", Box::pin(joined), Box::new(move || task.cancelled())),
        ("sleep", Box::pin(slept), Box::new(move || was_cancelled.get())),
    ]
}
