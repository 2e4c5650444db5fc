//! What one thread has of its own: its loops, and everything that belongs to them.

use std::cell::RefCell;
use std::panic::resume_unwind;
use std::rc::Rc;
use std::sync::Arc;

use loopgate::{
    EventLoop, Exception, ExitRequest, Handle, LocalLoop, LoopFuture, LoopPromise, Task,
    TimerHandle,
};

use super::world::World;
use crate::spec::Word;
use crate::spec::program::{MAX_LOOPS, MAX_SLOTS, Op, WorkId};

// Of the explorer's threads, which are all one thread of the operating system.
#[cfg(loom)]
use loom::thread_local;
#[cfg(shuttle)]
use shuttle::thread_local;
#[cfg(not(any(loom, shuttle)))]
use std::thread_local;

thread_local! {
    #[allow(clippy::missing_const_for_thread_local, reason = "loom's macro takes no const block")]
    static HERE: RefCell<Option<Rc<Here>>> = RefCell::new(None);
}

/// A handle that only its loop's thread may cancel.
pub(super) enum LocalHandle {
    Soon(Handle),
    Later(TimerHandle),
}

/// Slots whose content stays on its thread.
pub(super) type Own<T> = RefCell<Vec<Option<T>>>;

pub(super) struct Here {
    pub(super) world: Arc<World>,
    /// Where it writes.
    log: Log,
    pub(super) owned: Own<Rc<EventLoop>>,
    /// What is left of a loop that was dropped.
    pub(super) loops: Own<LocalLoop>,
    pub(super) handles: Own<LocalHandle>,
    pub(super) tasks: Own<Task<u8>>,
    pub(super) futures: Own<LoopFuture<u8>>,
    pub(super) promises: Own<Rc<LoopPromise<u8>>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Log {
    Thread(u8),
    Work(WorkId),
    /// A worker that has not run anything yet.
    Nowhere,
}

impl Here {
    fn new(world: &Arc<World>, log: Log) -> Rc<Here> {
        fn slots<T>(count: usize) -> Own<T> {
            RefCell::new((0..count).map(|_| None).collect())
        }
        let count = usize::from(MAX_SLOTS);
        Rc::new(Here {
            world: Arc::clone(world),
            log,
            owned: slots(MAX_LOOPS),
            loops: slots(MAX_LOOPS),
            handles: slots(count),
            tasks: slots(count),
            futures: slots(count),
            promises: slots(count),
        })
    }

    fn install(here: Option<Rc<Here>>) {
        let old = HERE.with(|slot| slot.replace(here));
        drop(old);
    }

    /// The calling thread plays a thread of the program, without its list.
    pub(super) fn play(world: &Arc<World>, thread: u8) -> Rc<Here> {
        let here = Here::new(world, Log::Thread(thread));
        Here::install(Some(Rc::clone(&here)));
        here
    }

    /// It does so no longer: its loops are dropped.
    pub(super) fn stop_playing(&self) {
        self.drop_everything();
        Here::install(None);
    }

    /// The life of a thread of the program.
    pub(super) fn live(world: &Arc<World>, thread: u8) {
        let here = Here::play(world, thread);
        let program = world.program();
        let ended = here.list(&program.threads[usize::from(thread)]);
        assert!(ended.is_ok(), "a thread's own list does not raise");
        here.stop_playing();
        drop(here);
        world.ends(thread);
    }

    /// The thread that calls, if it is one of the program's or has run work.
    pub(super) fn current(world: &Arc<World>) -> Rc<Here> {
        let known = HERE.with(|slot| slot.borrow().clone());
        known.unwrap_or_else(|| Here::new(world, Log::Nowhere))
    }

    /// A callback that a loop, a timer or a loop future calls: what it raises is a panic.
    pub(super) fn call(world: &Arc<World>, callback: u8) {
        let program = world.program();
        let here = Here::current(world);
        let ended = here.list(&program.callbacks[usize::from(callback)]);
        drop((here, program));
        if let Err(exception) = ended {
            throw(exception);
        }
    }

    /// A done-callback of a concurrent future, which this thread settles.
    pub(super) fn call_done(world: &Arc<World>, callback: u8, work: Option<WorkId>) {
        let here = Here::current(world);
        let Log::Nowhere = here.log else { return Here::call(world, callback) };
        // A worker that fails work without ever having run any writes into that work's log.
        Here::install(Some(Here::new(world, work.map_or(Log::Nowhere, Log::Work))));
        Here::call(world, callback);
        Here::install(None);
    }

    /// What a worker runs.
    pub(super) fn work(world: &Arc<World>, work: WorkId) -> Result<u8, Exception> {
        // It stays until the next: the future's callbacks write there too.
        let here = Here::new(world, Log::Work(work));
        Here::install(Some(Rc::clone(&here)));
        let program = world.program();
        here.list(&program.works[usize::from(work)])
    }

    /// Does a list of operations; what it returns or raises.
    fn list(self: &Rc<Self>, list: &[Op]) -> Result<u8, Exception> {
        for op in list {
            match *op {
                Op::Return(value) => return Ok(value),
                Op::Raise(number) => return Err(self.world.exception(number)),
                Op::Exit(code) => return Err(ExitRequest { code: i32::from(code) }.into()),
                ref op => self.operate(op),
            }
        }
        Ok(0)
    }

    /// A loop of this thread.
    #[cfg(not(any(loom, shuttle)))]
    pub(super) fn loop_of(&self, on: u8) -> Option<LocalLoop> {
        self.loops.borrow()[usize::from(on)].clone()
    }

    pub(super) fn log(&self, word: Word) {
        match self.log {
            Log::Thread(thread) => self.world.log_of_thread(thread, word),
            Log::Work(work) => self.world.log_of_work(work, word),
            Log::Nowhere => panic!("a worker that runs nothing observes {word}"),
        }
    }

    /// The thread's list is over: first its loops go, then what belonged to them.
    fn drop_everything(&self) {
        for on in 0..MAX_LOOPS {
            let owned = self.owned.borrow_mut()[on].take();
            drop(owned);
        }
        fn clear<T>(slots: &Own<T>) {
            let count = slots.borrow().len();
            for index in 0..count {
                let old = slots.borrow_mut()[index].take();
                drop(old);
            }
        }
        clear(&self.tasks);
        clear(&self.futures);
        clear(&self.promises);
        clear(&self.handles);
        clear(&self.loops);
    }
}

/// Unwinds with an exception, which the kernel catches and knows again.
pub(super) fn throw(exception: Exception) -> ! {
    if let Some(exit) = exception.exit_request() {
        exit.raise();
    }
    resume_unwind(Box::new(exception))
}
