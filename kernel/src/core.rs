//! What one loop owns on its own thread: the state that every floor above works on.
//!
//! No clauses of its own: data and small accessors. The running loop's core is reachable from the code
//! it runs ([`LoopCore::current`]); while no loop runs on the thread there is none.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use crate::awaiting::{CurrentPort, EnteredLoop as EnteredPort};
use crate::exception::{Exception, LoopClosed};
use crate::executor::{Executor, ThreadPoolExecutor};
use crate::primitives::{Arc, Clock, Pipe, Poller, thread_local};
use crate::ready_queue::ReadyQueue;
use crate::releases::Releases;
use crate::table::{Key, Table};
use crate::waker;
use crate::wakeup::Gate;

/// Who had a task step.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The loop's own thread.
    Queued,
    /// Another one.
    Posted,
}

/// A task, whatever it yields.
pub(crate) trait AnyTask {
    /// Polls the coroutine once; never unwinds.
    fn step(self: Rc<Self>, origin: Origin);
    /// Its submission was cancelled: as a cancel, but once only.
    fn cancel_for_submission(&self);
    /// The loop is gone, or the factory misused it: drops the coroutine and fails the task.
    fn abandon(self: Rc<Self>, why: Exception);
    fn id(&self) -> u64;
    fn loop_id(&self) -> u64;
    fn name(&self) -> String;
    fn set_name(&self, name: &str);
    fn is_done(&self) -> bool;
    fn cancel(&self, message: Option<&str>) -> bool;
    fn cancelling(&self) -> usize;
    fn uncancel(&self) -> usize;
    /// Gives the task its place in the loop's table, and queues its first step.
    fn start(self: Rc<Self>, core: &Rc<LoopCore>);
}

/// Something kept on the loop until foreign work is done.
pub(crate) trait Parcel {
    /// The work is done.
    fn open(self: Rc<Self>);
    /// The loop closes first.
    fn lose(self: Rc<Self>);
}

/// Makes tasks of coroutines; both erased, see `task::factory`.
pub(crate) type RawFactory = Rc<dyn Fn(Rc<dyn AnyTask>) -> Result<Rc<dyn AnyTask>, Exception>>;
/// What watches a descriptor; see `event_loop::watch`.
pub(crate) type Watcher = Rc<RefCell<dyn FnMut()>>;

/// The watchers of one descriptor.
pub(crate) struct Watched {
    pub(crate) reader: Option<Watch>,
    pub(crate) writer: Option<Watch>,
}

/// One watcher of one descriptor in one direction.
pub(crate) struct Watch {
    /// Tells it from a later one of the same descriptor.
    pub(crate) serial: u64,
    /// An entry for it is in the queue.
    pub(crate) queued: Cell<bool>,
    pub(crate) callback: Watcher,
}

/// What `run_in_executor` uses when it is given no executor.
pub(crate) enum DefaultExecutor {
    /// A thread pool, made when it is first needed.
    Unset,
    Pool(Arc<ThreadPoolExecutor>),
    Custom(Arc<dyn Executor>),
    /// `shutdown_default_executor` was called, or the loop closed.
    ShutDown,
}

pub(crate) struct LoopCore {
    pub(crate) queue: Rc<ReadyQueue>,
    pub(crate) tasks: RefCell<Table<Rc<dyn AnyTask>>>,
    pub(crate) current_task: RefCell<Option<Rc<dyn AnyTask>>>,
    pub(crate) parcels: RefCell<Table<Rc<dyn Parcel>>>,
    pub(crate) factory: RefCell<Option<RawFactory>>,
    pub(crate) executor: RefCell<DefaultExecutor>,
    pub(crate) poller: RefCell<Poller>,
    pub(crate) pipe: RefCell<Arc<Pipe>>,
    /// The pipe is at end-of-file and could not be replaced yet.
    pub(crate) pipe_broken: Cell<bool>,
    /// By descriptor.
    pub(crate) watched: RefCell<HashMap<i32, Watched>>,
    /// Descriptors that reported, to be armed again before the next sleep.
    pub(crate) disarmed: RefCell<Vec<i32>>,
    /// Where awaits look.
    pub(crate) port: Rc<CurrentPort>,
    /// Left by a task that is done, for the next one.
    pub(crate) spare_waker: Cell<Option<waker::Pair>>,
    /// Posters may take the loop for asleep: it has not woken up since it went to sleep, or began to run.
    pub(crate) asleep: Cell<bool>,
    pub(crate) running: Cell<bool>,
    /// The run is to end after this batch.
    pub(crate) stopping: Cell<bool>,
    /// Who waits for what was just copied.
    pub(crate) releases: Releases,
}

thread_local! {
    #[allow(clippy::missing_const_for_thread_local, reason = "loom's macro takes no const block")]
    static CURRENT: RefCell<Option<Rc<LoopCore>>> = RefCell::new(None);
}

impl LoopCore {
    pub(crate) fn new(clock: Clock, patience: Option<Duration>) -> io::Result<Rc<LoopCore>> {
        let pipe = Arc::new(Pipe::new()?);
        let poller = Poller::new(&clock, &pipe)?;
        let gate = Gate::new(clock, patience, Arc::clone(&pipe));
        let port = CurrentPort::new(gate.id());
        Ok(Rc::new(LoopCore {
            queue: ReadyQueue::new(gate),
            tasks: RefCell::default(),
            current_task: RefCell::default(),
            parcels: RefCell::default(),
            factory: RefCell::default(),
            executor: RefCell::new(DefaultExecutor::Unset),
            poller: RefCell::new(poller),
            pipe: RefCell::new(pipe),
            pipe_broken: Cell::new(false),
            watched: RefCell::default(),
            disarmed: RefCell::default(),
            port,
            spare_waker: Cell::default(),
            asleep: Cell::new(true),
            running: Cell::new(false),
            stopping: Cell::new(false),
            releases: Releases::default(),
        }))
    }

    pub(crate) fn gate(&self) -> &Arc<Gate> {
        self.queue.gate()
    }

    pub(crate) fn clock(&self) -> &Clock {
        self.queue.clock()
    }

    /// The loop that is running on this thread.
    pub(crate) fn current() -> Option<Rc<LoopCore>> {
        // None also while the thread's locals are being destroyed.
        CURRENT.try_with(|current| current.borrow().clone()).ok().flatten()
    }

    /// The same for a short look, during which the loop can be neither entered nor left.
    #[inline]
    pub(crate) fn with_current<R>(look: impl FnOnce(&Rc<LoopCore>) -> R) -> Option<R> {
        CURRENT.try_with(|current| current.borrow().as_ref().map(look)).ok().flatten()
    }

    /// Whether some loop is running on this thread.
    pub(crate) fn any_current() -> bool {
        LoopCore::current().is_some()
    }

    /// Makes this the thread's running loop until the guard is dropped.
    pub(crate) fn enter(self: &Rc<Self>) -> EnteredLoop {
        CURRENT.with(|current| *current.borrow_mut() = Some(Rc::clone(self)));
        EnteredLoop { _port: self.port.enter() }
    }

    /// Keeps a parcel until its key is posted, or the loop closes.
    pub(crate) fn keep_parcel(&self, parcel: Rc<dyn Parcel>) -> Result<Key, LoopClosed> {
        self.queue.check_open()?;
        Ok(self.parcels.borrow_mut().insert(parcel))
    }

    /// Panics if the representation is broken.
    #[cfg(feature = "checkers")]
    pub(crate) fn check(&self) {
        self.queue.check();
        let (tasks, parcels) = (self.tasks.borrow(), self.parcels.borrow());
        tasks.check();
        parcels.check();
        assert!(
            !tasks.values().any(|task| task.is_done()),
            "a task that is done is not in the table"
        );
        let closed = self.queue.is_closed();
        assert!(!closed || tasks.len() == 0, "a closed loop has no task");
        assert!(!closed || parcels.len() == 0, "a closed loop keeps nothing for foreign work");
    }
}

/// The loop is its thread's no more when it is dropped.
pub(crate) struct EnteredLoop {
    _port: EnteredPort,
}

impl Drop for EnteredLoop {
    fn drop(&mut self) {
        let _left = CURRENT.try_with(|current| current.borrow_mut().take());
    }
}
