//! What one thread has of its own: its runtimes, and the log that it writes.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::rc::Rc;
use std::sync::Arc;

use ::tokio::runtime::{Builder, Runtime};
use ::tokio::time::timeout;

use super::outcome::{Ended, Error, Joint, Outcome, Refused, attempt};
use super::world::{Entry, World};
use crate::spec::Word;
use crate::spec::program::{Limit, Op, WorkId};

thread_local! {
    static HERE: RefCell<Option<Rc<Here>>> = const { RefCell::new(None) };
}

pub(super) struct Here {
    pub(super) world: Arc<World>,
    log: usize,
    pub(super) owned: RefCell<BTreeMap<u8, Rc<Runtime>>>,
    /// Where it waits for what goes on elsewhere.
    waits: OnceCell<Runtime>,
}

impl Here {
    /// Does something as the writer of that log.
    fn be<T>(world: &Arc<World>, log: usize, what: impl FnOnce(&Here) -> T) -> T {
        let (world, owned, waits) = (Arc::clone(world), RefCell::default(), OnceCell::new());
        let here = Rc::new(Here { world, log, owned, waits });
        HERE.set(Some(Rc::clone(&here)));
        let done = what(&here);
        HERE.set(None);
        done
    }

    /// The life of a thread of the program.
    pub(super) fn live(world: &Arc<World>, thread: u8) {
        let thread = usize::from(thread);
        Here::be(world, thread, |here| {
            let ended = here.list(&world.program.threads[thread]);
            assert!(ended.is_ok(), "a thread's own list does not raise");
            while let Some((_, runtime)) = { here.owned.borrow_mut().pop_first() } {
                drop(runtime);
            }
        });
    }

    /// What a thread of a pool runs.
    pub(super) fn work(world: &Arc<World>, work: WorkId) -> Ended {
        let work = usize::from(work);
        let log = world.program.threads.len() + work;
        Here::be(world, log, |here| here.list(&world.program.works[work]))
    }

    /// The thread that calls.
    pub(super) fn current() -> Rc<Here> {
        HERE.with_borrow(|here| here.clone()).expect("it is a thread of the program")
    }

    /// A callback: what it raises is a panic.
    pub(super) fn call(&self, callback: u8) {
        let list = &self.world.program.callbacks[usize::from(callback)];
        if let Err(Error::Raised(raised)) = self.list(list) {
            resume_unwind(Box::new(raised));
        }
    }

    fn list(&self, list: &[Op]) -> Ended {
        for op in list {
            match *op {
                Op::Return(value) => return Ok(value),
                Op::Raise(number) => return Err(Error::Raised(self.world.exception(number))),
                ref op => self.operate(op),
            }
        }
        Ok(0)
    }

    pub(super) fn log(&self, word: Word) {
        self.enter(Entry::Word(word));
    }

    pub(super) fn enter(&self, entry: Entry) {
        self.world.log(self.log, entry);
    }

    /// Waits for an outcome; `None` if the time is up.
    pub(super) fn wait(&self, joint: &Joint, limit: Limit) -> Result<Option<Outcome>, Refused> {
        let limit = self.world.limit(limit);
        let outcome = joint.outcome.clone();
        let waits = self.waits.get_or_init(|| {
            Builder::new_current_thread().enable_time().build().expect("one without descriptors")
        });
        attempt(|| {
            waits.block_on(async {
                match limit {
                    None => Some(outcome.await),
                    Some(limit) => timeout(limit, outcome).await.ok(),
                }
            })
        })
    }
}
