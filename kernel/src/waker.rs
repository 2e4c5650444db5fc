//! What wakes a task, from any thread: a flag, the task's key, and the way to its loop.
//!
//! Clause T-4. The flag is set by whoever queues a step and lowered by the step before it polls; both are
//! read-modify-writes, so the step sees all that happened before the wake it swallowed.

use std::task::Wake;

use crate::core::LoopCore;
use crate::primitives::{Arc, AtomicBool, Ordering};
use crate::table::Key;
use crate::wakeup::Gate;

/// Made when a task's first step begins: until then there is nobody who could wake it.
pub(crate) struct TaskWaker {
    gate: Arc<Gate>,
    key: Key,
    /// A step is queued, or posted.
    queued: AtomicBool,
}

impl TaskWaker {
    pub(crate) fn new(gate: &Arc<Gate>, key: Key) -> Arc<TaskWaker> {
        Arc::new(TaskWaker { gate: Arc::clone(gate), key, queued: AtomicBool::new(false) })
    }

    /// Makes it another task's waker, if nobody else has kept it; whether it did.
    pub(crate) fn start_over(self: &mut Arc<TaskWaker>, key: Key) -> bool {
        let Some(waker) = Arc::get_mut(self) else { return false };
        waker.key = key;
        // Relaxed: nobody else can see it.
        waker.queued.store(false, Ordering::Relaxed);
        true
    }

    /// A step begins: a wake after this point queues another.
    pub(crate) fn lower(&self) {
        // Ordering: AcqRel, see `Gate::post_step`.
        self.queued.swap(false, Ordering::AcqRel);
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
                core.queue.push_step(self.key, &self.queued);
            }
            own
        });
        if here != Some(true) {
            self.gate.post_step(self.key, &self.queued);
        }
    }
}
