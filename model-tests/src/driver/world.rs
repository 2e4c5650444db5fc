//! What all threads of a program share.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use loopgate::{
    Clock, ConcurrentFuture, Exception, JoinHandle, LoopHandle, Promise, ThreadPoolExecutor,
    ThreadsafeHandle, ThreadsafeTimerHandle, concurrent,
};

use super::here::Here;
use crate::spec::program::{Limit, MAX_LOOPS, MAX_SLOTS, Units, WorkId};
use crate::spec::{Outcome, Program, Word};

/// How long one unit of a program's time is.
const UNIT: Duration = Duration::from_millis(1);

/// Slots of one kind, which are filled once.
type Slots<T> = Vec<Mutex<Option<T>>>;

/// A handle that any thread may cancel.
#[derive(Clone)]
pub(super) enum SharedHandle {
    Soon(Arc<ThreadsafeHandle>),
    Later(Arc<ThreadsafeTimerHandle>),
}

pub(super) struct World {
    /// A session may add coroutines to it.
    program: Mutex<Arc<Program>>,
    pub(super) clock: Clock,
    pub(super) loops: Slots<LoopHandle>,
    pub(super) futures: Slots<ConcurrentFuture<u8>>,
    pub(super) promises: Slots<Arc<Promise<u8>>>,
    pub(super) handles: Slots<SharedHandle>,
    pub(super) pools: Slots<Arc<ThreadPoolExecutor>>,
    /// Which work is behind a future, if one is.
    pub(super) works: Slots<WorkId>,
    gates: Vec<Gate>,
    threads: Vec<Seat>,
    exceptions: Mutex<BTreeMap<u8, Exception>>,
    logs: Vec<Mutex<Vec<Word>>>,
}

/// A thread of the program.
struct Seat {
    thread: Mutex<Option<JoinHandle>>,
    /// Kept when its list is over and its loops are dropped.
    over: Promise<()>,
    ended: ConcurrentFuture<()>,
}

/// A flag that threads block on and coroutines await.
struct Gate {
    raise: Promise<()>,
    raised: ConcurrentFuture<()>,
    awaiting: Mutex<Awaiting>,
}

#[derive(Default)]
struct Awaiting {
    up: bool,
    /// With a number for each who awaits.
    wakers: Vec<(u64, Waker)>,
    next: u64,
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn empty<T>(count: usize) -> Slots<T> {
    (0..count).map(|_| Mutex::new(None)).collect()
}

impl World {
    pub(super) fn new(program: Arc<Program>, clock: Clock) -> Arc<World> {
        let slots = usize::from(MAX_SLOTS);
        let seat = || {
            let (over, ended) = concurrent::promise();
            Seat { thread: Mutex::new(None), over, ended }
        };
        let gate = || {
            let (raise, raised) = concurrent::promise();
            Gate { raise, raised, awaiting: Mutex::default() }
        };
        let logs = program.threads.len() + program.works.len();
        Arc::new(World {
            clock,
            loops: empty(MAX_LOOPS),
            futures: empty(slots),
            promises: empty(slots),
            handles: empty(slots),
            pools: empty(slots),
            works: empty(slots),
            gates: (0..program.gates()).map(|_| gate()).collect(),
            threads: program.threads.iter().map(|_| seat()).collect(),
            exceptions: Mutex::default(),
            logs: (0..logs).map(|_| Mutex::default()).collect(),
            program: Mutex::new(program),
        })
    }

    pub(super) fn program(&self) -> Arc<Program> {
        Arc::clone(&lock(&self.program))
    }

    /// A further coroutine; its number.
    #[cfg(not(any(loom, shuttle)))]
    pub(super) fn add_coroutine(&self, script: &[crate::spec::program::Stmt]) -> u8 {
        let mut program = lock(&self.program);
        let coroutines = &mut Arc::make_mut(&mut program).coroutines;
        coroutines.push(script.to_vec());
        u8::try_from(coroutines.len() - 1).expect("programs are small")
    }

    /// What a thread has logged since it was last asked.
    #[cfg(not(any(loom, shuttle)))]
    pub(super) fn take_log(&self, thread: u8) -> Vec<Word> {
        std::mem::take(&mut *lock(&self.logs[usize::from(thread)]))
    }

    /// Begins a thread of the program.
    pub(super) fn start(self: &Arc<Self>, thread: u8) {
        let world = Arc::clone(self);
        let name = format!("thread-{thread}");
        let seat = &self.threads[usize::from(thread)];
        let started = self.clock.spawn(&name, move || Here::live(&world, thread));
        *lock(&seat.thread) = Some(started.expect("threads can be started"));
    }

    /// The thread's list is over.
    pub(super) fn ends(&self, thread: u8) {
        self.threads[usize::from(thread)].over.try_complete(Ok(()));
    }

    /// Blocks until a thread has ended.
    pub(super) fn join(&self, thread: u8) {
        let ended = self.threads[usize::from(thread)].ended.result();
        ended.expect("the promise of a thread's end is kept");
    }

    /// Waits for all that was started, and lets pools end with what they have.
    pub(super) fn finish(&self) -> Outcome {
        for seat in &self.threads {
            let thread = lock(&seat.thread).take();
            if let Some(thread) = thread
                && let Err(payload) = thread.join()
            {
                std::panic::resume_unwind(payload);
            }
        }
        for pool in &self.pools {
            // It stays in its slot: work that still runs may name it.
            let pool = lock(pool).clone();
            if let Some(pool) = pool {
                pool.shutdown(true, false).expect("this is no worker");
            }
        }
        Outcome(self.logs.iter().map(|log| lock(log).clone()).collect())
    }

    pub(super) fn log_of_thread(&self, thread: u8, word: Word) {
        lock(&self.logs[usize::from(thread)]).push(word);
    }

    pub(super) fn log_of_work(&self, work: WorkId, word: Word) {
        let log = self.threads.len() + usize::from(work);
        lock(&self.logs[log]).push(word);
    }

    /// The one exception of that number.
    pub(super) fn exception(&self, number: u8) -> Exception {
        let mut known = lock(&self.exceptions);
        known.entry(number).or_insert_with(|| Exception::new(format!("raised {number}"))).clone()
    }

    /// The number of an exception, if it is one of the program's.
    pub(super) fn number_of(&self, exception: &Exception) -> Option<u8> {
        let known = lock(&self.exceptions);
        known.iter().find(|(_, other)| other.same_object(exception)).map(|(number, _)| *number)
    }

    pub(super) fn units(&self, units: Units) -> Duration {
        UNIT * units
    }

    /// A wait's limit as the kernel takes it; `None` is for ever.
    pub(super) fn limit(&self, limit: Limit) -> Option<Duration> {
        match limit {
            Limit::Forever => None,
            Limit::Zero => Some(Duration::ZERO),
            // Virtual time is free: whoever can go on goes first.
            Limit::Finite if self.clock.is_virtual() => Some(UNIT * 1000),
            Limit::Finite => Some(UNIT / 2),
        }
    }

    /// Raises a gate.
    pub(super) fn signal(&self, gate: u8) {
        let gate = &self.gates[usize::from(gate)];
        let wakers = {
            let mut awaiting = lock(&gate.awaiting);
            awaiting.up = true;
            std::mem::take(&mut awaiting.wakers)
        };
        gate.raise.try_complete(Ok(()));
        for (_, waker) in wakers {
            waker.wake();
        }
    }

    /// Blocks until a gate is up.
    pub(super) fn await_gate(&self, gate: u8) {
        self.gates[usize::from(gate)].raised.result().expect("a gate is raised, or never is");
    }

    /// Something that the kernel knows nothing of, and that is ready when the gate is up.
    pub(super) fn foreign(self: &Arc<Self>, gate: u8) -> Foreign {
        Foreign { world: Arc::clone(self), gate, known: None }
    }
}

/// What is in a slot.
#[track_caller]
pub(super) fn get<T: Clone>(slots: &Slots<T>, slot: u8) -> T {
    lock(&slots[usize::from(slot)]).clone().unwrap_or_else(|| panic!("slot {slot} is empty"))
}

#[track_caller]
pub(super) fn fill<T>(slots: &Slots<T>, slot: u8, new: T) {
    let old = lock(&slots[usize::from(slot)]).replace(new);
    assert!(old.is_none(), "slot {slot} is filled a second time");
}

pub(super) struct Foreign {
    world: Arc<World>,
    gate: u8,
    known: Option<u64>,
}

impl Foreign {
    fn awaiting(&self) -> MutexGuard<'_, Awaiting> {
        lock(&self.world.gates[usize::from(self.gate)].awaiting)
    }
}

impl Future for Foreign {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // A step that explorers know, in the same breath as the look at what they do not.
        let up = self.world.gates[usize::from(self.gate)].raised.done();
        let waker = cx.waker().clone();
        let known = self.known;
        let mut awaiting = self.awaiting();
        if up || awaiting.up {
            return Poll::Ready(());
        }
        let number = known.unwrap_or_else(|| {
            awaiting.next += 1;
            awaiting.next
        });
        match awaiting.wakers.iter_mut().find(|(other, _)| *other == number) {
            Some((_, registered)) => *registered = waker,
            None => awaiting.wakers.push((number, waker)),
        }
        drop(awaiting);
        self.known = Some(number);
        Poll::Pending
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        let known = self.known;
        self.awaiting().wakers.retain(|(number, _)| Some(*number) != known);
    }
}
