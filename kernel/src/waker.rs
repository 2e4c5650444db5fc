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
//! thread that finds *posted* queues nothing.

use std::task::Wake;

use crate::core::LoopCore;
use crate::primitives::{Arc, AtomicBool, Ordering};
use crate::table::Key;
use crate::wakeup::Gate;

/// Made when a task's first step begins: until then there is nobody who could wake it.
pub(crate) struct TaskWaker {
    gate: Arc<Gate>,
    key: Key,
    /// A step is in the queue. Of the loop's thread alone.
    queued: AtomicBool,
    /// A step is posted, or was and is in the queue.
    posted: AtomicBool,
}

impl TaskWaker {
    pub(crate) fn new(gate: &Arc<Gate>, key: Key) -> Arc<TaskWaker> {
        Arc::new(TaskWaker {
            gate: Arc::clone(gate),
            key,
            queued: AtomicBool::new(false),
            posted: AtomicBool::new(false),
        })
    }

    /// Makes it another task's waker, if nobody else has kept it; whether it did.
    pub(crate) fn start_over(self: &mut Arc<TaskWaker>, key: Key) -> bool {
        let Some(waker) = Arc::get_mut(self) else { return false };
        waker.key = key;
        // Relaxed: nobody else can see it.
        waker.queued.store(false, Ordering::Relaxed);
        waker.posted.store(false, Ordering::Relaxed);
        true
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
                core.queue.push_step(self.key, || self.must_queue());
            }
            own
        });
        if here != Some(true) && !self.is_queued_between_runs() {
            self.gate.post_step(self.key, &self.posted);
        }
    }
}
