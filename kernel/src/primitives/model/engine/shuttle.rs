//! Exploration by shuttle: its stackful threads, and a scheduler that the harness brings.
//!
//! Every step announces what it is about to touch and then lets shuttle switch. The scheduler reads the
//! announcements ([`announced`]) of the threads that can go on ([`able`]), and afterwards what a step really touched
//! ([`accesses`]): the announced object, and the locks it let go and the threads it woke on the way to
//! the next step. A lock that is held, a wait that nobody ended and a thread that runs are no business
//! of shuttle's: who is held up by them is not able.
//!
//! All memory is sequentially consistent here.

use std::cell::RefCell;
use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, TryLockError};

use shuttle::rand::RngCore;
use shuttle::sync::atomic::{AtomicUsize, Ordering};

use super::super::choice::Place;
use super::super::roster::{self, me};
use super::super::sync::Object;
use super::super::with;
use super::Effect;

pub(crate) use shuttle::thread_local;

/// The main thread included. Far more than any model has.
pub(in super::super) const MOST_THREADS: usize = 16;

/// Poisoning is looked through.
pub(in super::super) const UNWINDING_BREAKS_LOCKS: bool = false;

/// Something that steps of different threads can have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// A lock, a pipe, a flag: the n-th that this execution made.
    Object(usize),
    /// Whether a thread waits, runs or has ended.
    Thread(usize),
}

/// What a step did, or is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// To what.
    pub target: Target,
    /// Whether it may have changed it. Accesses that change nothing can change places.
    pub changes: bool,
}

/// What is announced, and what was done since the scheduler last asked.
#[derive(Default)]
struct Ledger {
    /// By thread; `None` before its first step, and between steps.
    announced: Vec<Option<Access>>,
    done: Vec<Access>,
    /// Threads whose handles were dropped: shuttle would forget them, and end without them.
    left: Vec<shuttle::thread::JoinHandle<()>>,
}

std::thread_local! {
    static LEDGER: RefCell<Ledger> = RefCell::default();
}

fn ledger<R>(look: impl FnOnce(&mut Ledger) -> R) -> R {
    LEDGER.with_borrow_mut(look)
}

/// The threads that can do their next step now, for a scheduler that is asked for the next one.
///
/// By the order of their starts; the main thread is 0. shuttle counts them alike.
#[must_use]
pub fn able() -> Vec<usize> {
    with(|run| run.roster.able())
}

/// What a thread's next step touches; `None` if it is not before a step.
#[must_use]
pub fn announced(thread: usize) -> Option<Access> {
    ledger(|ledger| ledger.announced.get(thread).copied().flatten())
}

/// What was touched since the last call.
#[must_use]
pub fn accesses() -> Vec<Access> {
    ledger(|ledger| std::mem::take(&mut ledger.done))
}

fn touched(target: Target, changes: bool) {
    ledger(|ledger| ledger.done.push(Access { target, changes }));
}

/// One step of the calling thread: here, and only here, another thread may go first.
fn step(target: Target, effect: Effect) {
    let me = me();
    let access = Access { target, changes: effect == Effect::Changes };
    ledger(|ledger| {
        if ledger.announced.len() <= me {
            ledger.announced.resize(me + 1, None);
        }
        ledger.announced[me] = Some(access);
    });
    SWITCH.with(|switch| switch.load(Ordering::SeqCst));
    ledger(|ledger| {
        ledger.announced[me] = None;
        ledger.done.push(access);
    });
}

shuttle::thread_local! {
    /// Accessing any of shuttle's atomics is a point at which it switches; this one is for that alone.
    static SWITCH: AtomicUsize = AtomicUsize::new(0);
}

/// A new execution begins.
pub(in super::super) fn restart() {
    ledger(|ledger| {
        ledger.announced.clear();
        ledger.done.clear();
    });
}

/// What makes a step.
#[derive(Debug)]
pub(in super::super) struct Gate(());

impl Gate {
    pub(in super::super) fn new() -> Gate {
        Gate(())
    }

    pub(in super::super) fn pass(&self, object: Object, effect: Effect) {
        step(Target::Object(object.0), effect);
    }
}

/// std's lock, which is never contended: who cannot have it is not scheduled.
pub(in super::super) struct Lock<T>(Mutex<T>);

pub(in super::super) type Locked<'a, T> = std::sync::MutexGuard<'a, T>;

impl<T> Lock<T> {
    pub(in super::super) fn new(value: T) -> Lock<T> {
        Lock(Mutex::new(value))
    }

    pub(in super::super) fn acquire(&self, object: Object) -> Locked<'_, T> {
        step(Target::Object(object.0), Effect::Changes);
        match self.0.try_lock() {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                panic!("{} is held, and its next holder was scheduled", object.name())
            }
        }
    }
}

/// A lock was let go: part of the step that is being done.
pub(in super::super) fn released(object: Object) {
    touched(Target::Object(object.0), true);
}

/// A flag; every order is the strongest one.
pub(in super::super) struct Flag(AtomicBool);

impl Flag {
    pub(in super::super) fn new(value: bool) -> Flag {
        Flag(AtomicBool::new(value))
    }

    pub(in super::super) fn load(&self, object: Object, _order: Ordering) -> bool {
        step(Target::Object(object.0), Effect::Looks);
        self.0.load(Ordering::SeqCst)
    }

    pub(in super::super) fn store(&self, object: Object, value: bool, _order: Ordering) {
        step(Target::Object(object.0), Effect::Changes);
        self.0.store(value, Ordering::SeqCst);
    }

    pub(in super::super) fn swap(&self, object: Object, value: bool, _order: Ordering) -> bool {
        step(Target::Object(object.0), Effect::Changes);
        self.0.swap(value, Ordering::SeqCst)
    }
}

/// A thread that was started.
pub(in super::super) struct Thread(Option<shuttle::thread::JoinHandle<()>>);

impl Thread {
    /// Waits until the thread has ended. It does not panic.
    pub(in super::super) fn join(mut self, seat: usize) {
        step(Target::Thread(seat), Effect::Changes);
        let thread = self.0.take().expect("joined once");
        thread.join().expect("the thread's body catches every panic");
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        if let Some(thread) = self.0.take() {
            ledger(|ledger| ledger.left.push(thread));
        }
    }
}

pub(in super::super) fn spawn(
    name: String,
    body: impl FnOnce() + Send + 'static,
) -> io::Result<Thread> {
    let thread = shuttle::thread::Builder::new().name(name).spawn(body)?;
    Ok(Thread(Some(thread)))
}

/// Ends the sleep of one thread.
pub(in super::super) struct Sleeper(());

impl Sleeper {
    /// For the calling thread, which is about to sleep.
    pub(in super::super) fn of_current() -> Sleeper {
        Sleeper(())
    }

    pub(in super::super) fn wake(self, seat: usize) {
        touched(Target::Thread(seat), true);
    }
}

/// Sleeps as long as `waiting` says so.
pub(in super::super) fn sleep(seat: usize, waiting: impl Fn() -> bool) {
    step(Target::Thread(seat), Effect::Changes);
    debug_assert!(!waiting(), "a thread that waits is not scheduled");
}

/// The calling thread has done its last step.
pub(in super::super) fn finished(seat: usize) {
    touched(Target::Thread(seat), true);
}

/// The main thread has nothing more to do: it waits for the others, so that shuttle does too.
pub(in super::super) fn linger() {
    if roster::others_live() {
        step(Target::Thread(me()), Effect::Looks);
    }
    let left = ledger(|ledger| std::mem::take(&mut ledger.left));
    for thread in left {
        thread.join().expect("the thread's body catches every panic");
    }
}

/// What the scheduler says, which explores both or draws one.
///
/// It is asked for a number and says yes by an odd one. Where the answer may not be the unusual one any
/// more, it is not asked.
pub(in super::super) fn answer(_place: Place) -> bool {
    let open = with(|run| run.answers.departures_left());
    let yes = open && shuttle::rand::thread_rng().next_u64() & 1 == 1;
    if yes {
        with(|run| run.answers.depart());
    }
    yes
}
