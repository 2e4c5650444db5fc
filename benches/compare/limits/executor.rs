//! The least that runs tasks on one thread: an allocation a task, a swapped-out Vec, nothing else.
//!
//! No cancelling, no list of tasks, no outcome but a value, no panic caught, no other thread.

use std::cell::{Cell, RefCell, UnsafeCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};

use crate::peers::Local;

/// What the queue and wakers see of a task.
trait Runnable {
    fn run(self: Rc<Self>);
}

/// A task and its result, in one allocation.
struct Task<T, F> {
    queued: Cell<bool>,
    waiting: RefCell<Option<Waker>>,
    result: Cell<Option<T>>,
    /// `None` when it is done.
    future: UnsafeCell<Option<F>>,
}

/// What a join handle sees of it.
trait Joined<T> {
    fn poll(&self, context: &mut Context<'_>) -> Poll<T>;
}

impl<T, F> Joined<T> for Task<T, F> {
    fn poll(&self, context: &mut Context<'_>) -> Poll<T> {
        if let Some(value) = self.result.take() {
            return Poll::Ready(value);
        }
        self.waiting.replace(Some(context.waker().clone()));
        Poll::Pending
    }
}

thread_local! {
    static QUEUE: RefCell<Vec<Rc<dyn Runnable>>> = const { RefCell::new(Vec::new()) };
}

fn queue(task: Rc<dyn Runnable>) {
    QUEUE.with_borrow_mut(|queue| queue.push(task));
}

impl<T: 'static, F: Future<Output = T> + 'static> Task<T, F> {
    /// Wakers of this type of task: a counted reference without atomics, good on this thread alone.
    const WAKER: RawWakerVTable = RawWakerVTable::new(
        |at| {
            // SAFETY: `at` is from `Rc::into_raw`, and the waker that is cloned keeps it alive.
            unsafe { Rc::increment_strong_count(at.cast::<Self>()) };
            RawWaker::new(at, &Self::WAKER)
        },
        // SAFETY: the waker gives up its reference.
        |at| unsafe { Rc::from_raw(at.cast::<Self>()) }.wake(),
        |at| {
            // SAFETY: the waker keeps its reference.
            let task = std::mem::ManuallyDrop::new(unsafe { Rc::from_raw(at.cast::<Self>()) });
            Rc::clone(&task).wake();
        },
        // SAFETY: the waker gives up its reference.
        |at| drop(unsafe { Rc::from_raw(at.cast::<Self>()) }),
    );

    fn wake(self: Rc<Self>) {
        if !self.queued.replace(true) {
            queue(self);
        }
    }
}

impl<T: 'static, F: Future<Output = T> + 'static> Runnable for Task<T, F> {
    fn run(self: Rc<Self>) {
        self.queued.set(false);
        let raw = RawWaker::new(Rc::as_ptr(&self).cast(), &Self::WAKER);
        // SAFETY: never dropped, so that it uses up no reference; `self` outlives it.
        let waker = std::mem::ManuallyDrop::new(unsafe { Waker::from_raw(raw) });
        // SAFETY: a task runs on one thread, and not within itself: the queue holds it once.
        let slot = unsafe { &mut *self.future.get() };
        let Some(future) = slot else { return };
        // SAFETY: the future stays where it is until it is dropped there.
        let future = unsafe { Pin::new_unchecked(future) };
        if let Poll::Ready(value) = future.poll(&mut Context::from_waker(&waker)) {
            *slot = None;
            self.result.set(Some(value));
            if let Some(waker) = self.waiting.take() {
                waker.wake();
            }
        }
    }
}

/// The executor, whose queue is the thread's.
#[derive(Clone)]
pub(crate) struct Bare;

pub(crate) struct Join<T>(Rc<dyn Joined<T>>);

impl<T> Future for Join<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        self.0.poll(context)
    }
}

fn start<T: 'static, F: Future<Output = T> + 'static>(future: F) -> Rc<Task<T, F>> {
    let task = Rc::new(Task {
        queued: Cell::new(true),
        waiting: RefCell::default(),
        result: Cell::new(None),
        future: UnsafeCell::new(Some(future)),
    });
    queue(Rc::clone(&task) as Rc<dyn Runnable>);
    task
}

impl Local for Bare {
    type Join<T: Clone + 'static> = Join<T>;

    fn run<T: Clone + 'static, F>(body: impl FnOnce(Self) -> F) -> T
    where
        F: Future<Output = T> + 'static,
    {
        let root = start(body(Bare));
        let mut batch: Vec<Rc<dyn Runnable>> = Vec::new();
        loop {
            QUEUE.with_borrow_mut(|queue| std::mem::swap(queue, &mut batch));
            batch.drain(..).for_each(Runnable::run);
            if let Some(result) = root.result.take() {
                return result;
            }
        }
    }

    fn call_soon(&self, callback: impl FnOnce() + 'static) {
        drop(start(async move { callback() }));
    }

    fn spawn<T: Clone + 'static>(&self, task: impl Future<Output = T> + 'static) -> Self::Join<T> {
        Join(start(task))
    }

    fn yield_now(&self) -> impl Future<Output = ()> + 'static {
        crate::sample::WakeSelf::once()
    }
}
