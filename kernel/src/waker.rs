//! What wakes a task, from any thread: two flags, the task's key, and the way to its loop.
//!
//! Clause T-4. A step can be on its way in two manners, each with a flag:
//!
//! * *queued*, by a wake on the loop's own thread while the loop is the current one. That thread alone touches the
//!   flag: it costs no more than a plain one;
//! * *posted*, by any other wake. Set together with the entry, under the lock of the inbox, by a
//!   read-modify-write also when it is set already: the step that lowers it sees all that happened before
//!   each wake that it swallows. While it is set exactly one posted entry counts.
//!
//! Each step lowers both before it polls. A step that was queued may so swallow one that was posted behind it; the
//! task then passes over the posted entry when that has its turn. The other way round cannot be: a wake on the loop's
//! thread that finds *posted* queues nothing. Between two runs that thread posts as others do, unless it finds *queued*.

use std::task::{Wake, Waker};

use crate::core::LoopCore;
use crate::primitives::{Arc, AtomicBool, Ordering, is_held_here_only};
use crate::table::{Key, KeyLabel};
use crate::wakeup::Gate;

/// Made when a task's first step begins: until then there is nobody who could wake it.
pub(crate) struct TaskWaker {
    gate: Arc<Gate>,
    key: KeyLabel,
    /// A step is in the queue. Of the loop's thread alone.
    queued: AtomicBool,
    /// A step is posted, or was and is in the queue.
    posted: AtomicBool,
}

/// A waker for whoever has it, and what its task is polled with.
pub(crate) type Pair = (Arc<TaskWaker>, Waker);

impl TaskWaker {
    /// The waker of the task `key`: `spare`, if nobody has kept it, or a new one.
    pub(crate) fn pair(spare: Option<Pair>, gate: &Arc<Gate>, key: Key) -> Pair {
        // The one reference is the waker's own, the other that of what its task was polled with.
        let spare = spare.filter(|(waker, _)| is_held_here_only(waker, 2));
        let (waker, polled_with) = spare.unwrap_or_else(|| {
            let waker = Arc::new(TaskWaker {
                gate: Arc::clone(gate),
                key: KeyLabel::default(),
                queued: AtomicBool::new(false),
                posted: AtomicBool::new(false),
            });
            (Arc::clone(&waker), Waker::from(waker))
        });
        waker.key.set(key);
        // Relaxed: nobody else can see it.
        waker.queued.store(false, Ordering::Relaxed);
        waker.posted.store(false, Ordering::Relaxed);
        (waker, polled_with)
    }

    /// A step begins: a wake after this point has another follow. Whether one was posted.
    #[inline]
    pub(crate) fn lower(&self) -> bool {
        // Relaxed: of this thread alone.
        self.queued.store(false, Ordering::Relaxed);
        // Relaxed: a wake that is not seen here has posted an entry that is not swallowed.
        // Ordering: AcqRel, see `Gate::post_step`.
        self.posted.load(Ordering::Relaxed) && self.posted.swap(false, Ordering::AcqRel)
    }

    /// On the loop's thread, which has taken in the mail: whether a step has to be queued. If so, the caller does it.
    #[inline]
    pub(crate) fn must_queue(&self) -> bool {
        // Acquire: whoever finds a step posted, and then schedules something, must find its entry ahead.
        // Relaxed: of this thread alone.
        let on_its_way = self.queued.load(Ordering::Relaxed) || self.posted.load(Ordering::Acquire);
        if !on_its_way {
            // Relaxed: as above.
            self.queued.store(true, Ordering::Relaxed);
        }
        !on_its_way
    }

    /// The loop's own thread wakes while the loop is not the current one: a step that it queued before will do.
    /// A post beside it would be one too many, and its byte would end a later sleep early.
    fn is_queued_between_runs(&self) -> bool {
        // Relaxed: of this thread alone, once it is known to be this one.
        self.gate.is_owned_here() && self.queued.load(Ordering::Relaxed)
    }
}

//= SPEC.md#t-4
//# Any `std` future MUST make progress when its waker is called, from any thread, and wakes that
//# come before the task runs MUST be coalesced into one step.
impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let here = LoopCore::with_current(|core| {
            let own = core.gate().id() == self.gate.id();
            if own {
                core.queue.push_step(self.key.get(), || self.must_queue());
            }
            own
        });
        if here != Some(true) && !self.is_queued_between_runs() {
            self.gate.post_step(self.key.get(), &self.posted);
        }
    }
}
