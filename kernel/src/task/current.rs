//! Tasks whatever their result is, and the one whose step is being run.

use std::fmt;
use std::rc::Rc;

use crate::core::{AnyTask, LoopCore};

/// A task without its result type: what [`current_task`] and
/// [`LocalLoop::all_tasks`](crate::LocalLoop::all_tasks) give.
#[derive(Clone)]
pub struct TaskRef(Rc<dyn AnyTask>);

impl TaskRef {
    pub(crate) fn new(task: Rc<dyn AnyTask>) -> TaskRef {
        TaskRef(task)
    }

    /// Unique among all tasks of the process.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.0.id()
    }

    /// The task's name.
    #[must_use]
    pub fn name(&self) -> String {
        self.0.name()
    }

    /// Names the task.
    pub fn set_name(&self, name: &str) {
        self.0.set_name(name);
    }

    /// Whether the task has an outcome.
    #[must_use]
    pub fn done(&self) -> bool {
        self.0.is_done()
    }

    /// How many cancels were asked for and not taken back.
    #[must_use]
    pub fn cancelling(&self) -> usize {
        self.0.cancelling()
    }

    /// Takes one cancel back, as [`Task::uncancel`](super::Task::uncancel).
    pub fn uncancel(&self) -> usize {
        self.0.uncancel()
    }

    /// Cancels the task, as [`Task::cancel`](super::Task::cancel).
    pub fn cancel(&self) -> bool {
        self.0.cancel(None)
    }

    /// Cancels with a message, as [`Task::cancel_with_message`](super::Task::cancel_with_message).
    pub fn cancel_with_message(&self, message: &str) -> bool {
        self.0.cancel(Some(message))
    }
}

impl fmt::Debug for TaskRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskRef").field("name", &self.name()).field("done", &self.done()).finish()
    }
}

//= SPEC.md#t-17
//# `current_task` MUST name the task whose step is being run, and `all_tasks` every task that is
//# not done.
/// The task whose step is being run on this thread, if one is.
#[must_use]
pub fn current_task() -> Option<TaskRef> {
    LoopCore::current()?.current_task.borrow().clone().map(TaskRef)
}
