//! Exploration by loom: its threads, its lock, and its atomics.
//!
//! loom sees what goes through its own types. So a gate is an atomic that is changed at each step, and a
//! thread sleeps by `park`, which is used for nothing else.

use std::cell::Cell;
use std::io;

use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::super::choice::Place;
use super::super::roster;
use super::super::sync::Object;
use super::super::with;
use super::Effect;

pub(crate) use loom::thread_local;

/// The main thread included.
pub(in super::super) const MOST_THREADS: usize = loom::MAX_THREADS;

/// loom's lock wraps std's, which a panic poisons: let go by one that unwinds, it is gone.
pub(in super::super) const UNWINDING_BREAKS_LOCKS: bool = true;

/// What makes a step visible to loom.
#[derive(Debug)]
pub(in super::super) struct Gate(AtomicUsize);

impl Gate {
    pub(in super::super) fn new() -> Gate {
        Gate(AtomicUsize::new(0))
    }

    pub(in super::super) fn pass(&self, _object: Object, _effect: Effect) {
        // Relaxed, so that the step publishes nothing: the program may not rely on a pipe or a clock to
        // order its memory. A read-modify-write, because loom forgets nothing about an atomic that is
        // accessed in no other way.
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// loom's lock.
pub(in super::super) struct Lock<T>(loom::sync::Mutex<T>);

pub(in super::super) type Locked<'a, T> = loom::sync::MutexGuard<'a, T>;

impl<T> Lock<T> {
    pub(in super::super) fn new(value: T) -> Lock<T> {
        Lock(loom::sync::Mutex::new(value))
    }

    pub(in super::super) fn acquire(&self, _object: Object) -> Locked<'_, T> {
        self.0.lock().expect("loom never returns an error here")
    }
}

/// A lock was let go, which loom knows.
pub(in super::super) fn released(_object: Object) {}

/// A flag with C11's semantics, weak orders included.
///
/// Its shadow is changed before each access, so that loom sees every access as one that others depend
/// on; the flag itself keeps its stale reads.
pub(in super::super) struct Flag {
    value: AtomicBool,
    shadow: AtomicUsize,
}

impl Flag {
    pub(in super::super) fn new(value: bool) -> Flag {
        Flag { value: AtomicBool::new(value), shadow: AtomicUsize::new(0) }
    }

    pub(in super::super) fn load(&self, _object: Object, order: Ordering) -> bool {
        self.announce();
        self.value.load(order)
    }

    pub(in super::super) fn store(&self, _object: Object, value: bool, order: Ordering) {
        self.announce();
        self.value.store(value, order);
    }

    pub(in super::super) fn swap(&self, _object: Object, value: bool, order: Ordering) -> bool {
        self.announce();
        self.value.swap(value, order)
    }

    fn announce(&self) {
        if with(|run| run.environment.cures.shadow) {
            // Relaxed: it must order nothing but the exploration.
            self.shadow.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A thread that was started.
pub(in super::super) struct Thread(loom::thread::JoinHandle<()>);

impl Thread {
    /// Waits until the thread has ended. It does not panic.
    pub(in super::super) fn join(self, _seat: usize) {
        self.0.join().expect("the thread's body catches every panic");
    }
}

pub(in super::super) fn spawn(
    name: String,
    body: impl FnOnce() + Send + 'static,
) -> io::Result<Thread> {
    loom::thread::Builder::new().name(name).spawn(body).map(Thread)
}

/// Ends the sleep of one thread.
pub(in super::super) struct Sleeper(loom::thread::Thread);

impl Sleeper {
    /// For the calling thread, which is about to sleep.
    pub(in super::super) fn of_current() -> Sleeper {
        Sleeper(loom::thread::current())
    }

    pub(in super::super) fn wake(self, _seat: usize) {
        self.0.unpark();
    }
}

/// Sleeps as long as `waiting` says so.
pub(in super::super) fn sleep(_seat: usize, waiting: impl Fn() -> bool) {
    while waiting() {
        loom::thread::park();
    }
}

/// A new execution begins.
pub(in super::super) fn restart() {}

std::thread_local! {
    /// The main thread, while it waits for the others.
    static LINGERING: Cell<Option<loom::thread::Thread>> = const { Cell::new(None) };
}

/// The calling thread has done its last step.
pub(in super::super) fn finished(_seat: usize) {
    if !roster::others_live()
        && let Some(main) = LINGERING.take()
    {
        main.unpark();
    }
}

/// The main thread has nothing more to do: it waits for the others, so that the record is whole.
pub(in super::super) fn linger() {
    if roster::others_live() {
        LINGERING.set(Some(loom::thread::current()));
    }
    while roster::others_live() {
        loom::thread::park();
    }
}

/// What was fixed before loom started.
pub(in super::super) fn answer(place: Place) -> bool {
    with(|run| run.answers.assigned(place))
}
