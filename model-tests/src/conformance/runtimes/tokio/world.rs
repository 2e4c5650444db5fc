//! What all threads of a program share.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use ::tokio::runtime::{Builder, Handle, Runtime};
use ::tokio::sync::oneshot::Sender;
use ::tokio::sync::{Notify, watch};
use ::tokio::time::{Instant, Sleep, sleep_until};
use fastrand::Rng;
use futures::executor::block_on;

use super::here::Here;
use super::outcome::{Ended, Joint, Raised};
use crate::conformance::runtime::Logs;
use crate::spec::program::{Limit, Units};
use crate::spec::{Program, Word};

/// How long one unit of a program's time is: the least that tokio's timers tell apart.
const UNIT: Duration = Duration::from_millis(1);

/// Slots of one kind.
pub(super) struct Slots<T>(Mutex<BTreeMap<u8, T>>);

impl<T> Slots<T> {
    pub(super) fn put(&self, slot: u8, new: T) {
        let old = lock(&self.0).insert(slot, new);
        assert!(old.is_none(), "slot {slot} is filled a second time");
    }

    pub(super) fn take(&self, slot: u8) -> T {
        let taken = lock(&self.0).remove(&slot);
        taken.unwrap_or_else(|| panic!("slot {slot} is empty"))
    }
}

impl<T: Clone> Slots<T> {
    pub(super) fn get(&self, slot: u8) -> T {
        let got = lock(&self.0).get(&slot).cloned();
        got.unwrap_or_else(|| panic!("slot {slot} is empty"))
    }
}

impl<T> Default for Slots<T> {
    fn default() -> Slots<T> {
        Slots(Mutex::default())
    }
}

/// What any thread has of a loop.
#[derive(Clone)]
pub(super) struct Loop {
    pub(super) handle: Handle,
    pub(super) stop: Arc<Notify>,
    /// When it was made, by its own clock.
    origin: Instant,
}

impl Loop {
    pub(super) fn sleep_for(&self, units: Units) -> Sleep {
        let _context = self.handle.enter();
        sleep_until(Instant::now() + duration(units))
    }

    pub(super) fn sleep_until(&self, units: Units) -> Sleep {
        let _context = self.handle.enter();
        sleep_until(self.origin + duration(units))
    }
}

/// A callback that was scheduled.
#[derive(Clone)]
pub(super) struct Scheduled {
    pub(super) task: Joint,
    pub(super) begun: Arc<AtomicBool>,
    /// Somebody has cancelled it before.
    pub(super) asked: Arc<AtomicBool>,
}

/// What a log has, for now.
pub(super) enum Entry {
    Word(Word),
    /// Whether this did not happen.
    Unless(Arc<AtomicBool>),
    /// Whether this ends cancelled.
    Cancelled(Joint),
}

impl Entry {
    fn word(&self) -> Word {
        match self {
            Entry::Word(word) => word.clone(),
            Entry::Unless(begun) => Word::of(!begun.load(Ordering::Acquire)),
            Entry::Cancelled(joint) => Word::of(joint.cancelled()),
        }
    }
}

pub(super) struct Pool {
    pub(super) handle: Handle,
    pub(super) runtime: Mutex<Option<Runtime>>,
}

pub(super) struct World {
    pub(super) program: Program,
    /// Nothing races.
    alone: bool,
    pub(super) loops: Slots<Loop>,
    pub(super) handles: Slots<Scheduled>,
    pub(super) tasks: Slots<Joint>,
    pub(super) futures: Slots<Joint>,
    pub(super) promises: Slots<Sender<Ended>>,
    pub(super) loop_futures: Slots<Joint>,
    pub(super) loop_promises: Slots<Sender<Ended>>,
    pub(super) pools: Slots<Arc<Pool>>,
    gates: Vec<watch::Sender<bool>>,
    /// Which threads have ended.
    ends: Vec<watch::Sender<bool>>,
    threads: Mutex<Vec<thread::JoinHandle<()>>>,
    exceptions: Mutex<BTreeMap<u8, Arc<Raised>>>,
    logs: Vec<Mutex<Vec<Entry>>>,
    random: Mutex<Rng>,
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn duration(units: Units) -> Duration {
    UNIT * units
}

impl World {
    pub(super) fn new(program: Program, seed: u64) -> Arc<World> {
        let flags = |count: usize| (0..count).map(|_| watch::Sender::new(false)).collect();
        let threads = program.threads.len();
        let logs = threads + program.works.len();
        Arc::new(World {
            alone: logs == 1,
            loops: Slots::default(),
            handles: Slots::default(),
            tasks: Slots::default(),
            futures: Slots::default(),
            promises: Slots::default(),
            loop_futures: Slots::default(),
            loop_promises: Slots::default(),
            pools: Slots::default(),
            gates: flags(program.gates().into()),
            ends: flags(threads),
            threads: Mutex::default(),
            exceptions: Mutex::default(),
            logs: (0..logs).map(|_| Mutex::default()).collect(),
            random: Mutex::new(Rng::with_seed(seed)),
            program,
        })
    }

    /// Makes a loop; what its owner has of it.
    pub(super) fn new_loop(self: &Arc<Self>, slot: u8) -> Runtime {
        let mut builder = Builder::new_current_thread();
        builder.enable_time().start_paused(true);
        if !self.alone {
            let world = Arc::clone(self);
            builder.on_thread_park(move || world.leave_a_moment());
        }
        let runtime = builder.build().expect("a runtime without descriptors");
        let origin = {
            let _context = runtime.enter();
            Instant::now()
        };
        let stop = Arc::new(Notify::new());
        self.loops.put(slot, Loop { handle: runtime.handle().clone(), stop, origin });
        runtime
    }

    /// A little real time, or none, so that threads meet in different orders.
    pub(super) fn jitter(&self) {
        if !self.alone {
            self.pause(|random| if random.bool() { random.u64(..1000) } else { 0 });
        }
    }

    /// A paused clock jumps as soon as a runtime is idle. This is what it leaves to other threads.
    fn leave_a_moment(&self) {
        self.pause(|random| *random.choice(&[0, 500, 3000]).expect("there are three"));
    }

    fn pause(&self, microseconds: impl FnOnce(&mut Rng) -> u64) {
        let pause = microseconds(&mut lock(&self.random));
        if pause > 0 {
            thread::sleep(Duration::from_micros(pause));
        }
    }

    /// A wait's limit in real time; `None` is for ever.
    pub(super) fn limit(&self, limit: Limit) -> Option<Duration> {
        match limit {
            Limit::Forever => None,
            Limit::Zero => Some(Duration::ZERO),
            Limit::Finite => {
                let millis = lock(&self.random).choice([1, 5, 30]).expect("there are three");
                Some(Duration::from_millis(millis))
            }
        }
    }

    /// Begins a thread of the program.
    pub(super) fn start(self: &Arc<Self>, thread: u8) {
        let world = Arc::clone(self);
        let started = thread::spawn(move || {
            Here::live(&world, thread);
            world.ends[usize::from(thread)].send_replace(true);
        });
        lock(&self.threads).push(started);
    }

    /// Blocks until a thread has ended.
    pub(super) fn join(&self, thread: u8) {
        wait_for(&self.ends[usize::from(thread)]);
    }

    /// Raises a gate.
    pub(super) fn signal(&self, gate: u8) {
        self.gates[usize::from(gate)].send_replace(true);
    }

    /// Blocks until a gate is up.
    pub(super) fn await_gate(&self, gate: u8) {
        wait_for(&self.gates[usize::from(gate)]);
    }

    /// Is ready when the gate is up.
    pub(super) async fn gate(&self, gate: u8) {
        raised(&self.gates[usize::from(gate)]).await;
    }

    /// The one exception of that number.
    pub(super) fn exception(&self, number: u8) -> Arc<Raised> {
        let mut known = lock(&self.exceptions);
        Arc::clone(known.entry(number).or_insert_with(|| Arc::new(Raised(number))))
    }

    pub(super) fn log(&self, log: usize, entry: Entry) {
        lock(&self.logs[log]).push(entry);
    }

    /// Waits for all that was started; what was logged. A thread that panicked was heard.
    pub(super) fn finish(&self) -> Logs {
        while let Some(thread) = { lock(&self.threads).pop() } {
            drop(thread.join());
        }
        for pool in lock(&self.pools.0).values() {
            drop(lock(&pool.runtime).take());
        }
        let words = |log: &Mutex<Vec<Entry>>| {
            lock(log).iter().map(|entry| entry.word().to_string()).collect()
        };
        self.logs.iter().map(words).collect()
    }
}

/// In earnest, also on the thread of a runtime.
fn wait_for(flag: &watch::Sender<bool>) {
    block_on(raised(flag));
}

async fn raised(flag: &watch::Sender<bool>) {
    let raised = flag.subscribe().wait_for(|up| *up).await.is_ok();
    assert!(raised, "its sender is there");
}
