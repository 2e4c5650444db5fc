//! How tasks are made, and what happens when that fails.
//!
//! Clauses T-14 to T-16. A factory is handed the coroutine and returns the task made of it with
//! [`Coroutine::into_task`]. It may look, name, count, or refuse. Whatever else it does, an error, a
//! panic, a task of another loop or of another coroutine, fails the creation, and the coroutine is
//! dropped: a task that nobody knows of never runs.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use crate::core::{AnyTask, LoopCore};
use crate::exception::{Exception, LoopClosed};

/// What a task factory is handed: a coroutine that no loop drives yet.
pub struct Coroutine {
    task: Rc<dyn AnyTask>,
    core: Rc<LoopCore>,
}

/// What a task factory returns: the task made of its coroutine.
pub struct NewTask(Rc<dyn AnyTask>);

impl Coroutine {
    /// The name that the task will have.
    #[must_use]
    pub fn name(&self) -> String {
        self.task.name()
    }

    /// Names the task to be.
    pub fn set_name(&self, name: &str) {
        self.task.set_name(name);
    }

    /// The task's id.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.task.id()
    }

    /// What the default factory does: makes the task and queues its first step.
    #[must_use = "return it from the factory"]
    pub fn into_task(self) -> NewTask {
        let Coroutine { task, core } = self;
        Rc::clone(&task).start(&core);
        NewTask(task)
    }
}

impl fmt::Debug for Coroutine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Coroutine").field("name", &self.name()).finish()
    }
}

impl fmt::Debug for NewTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewTask").field("name", &self.0.name()).finish()
    }
}

/// A task factory returned something that cannot be the task of its coroutine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FactoryError {
    /// The task belongs to another loop; make it with [`Coroutine::into_task`] of the coroutine given.
    OtherLoop,
    /// The task was made of another coroutine; return the one made of the coroutine given.
    OtherCoroutine,
}

impl fmt::Display for FactoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FactoryError::OtherLoop => {
                "the task factory returned a task of another loop; return the given coroutine's task"
            }
            FactoryError::OtherCoroutine => {
                "the task factory returned the task of another coroutine; return the given coroutine's"
            }
        })
    }
}

impl std::error::Error for FactoryError {}

/// Sets the loop's factory; `None` is the default one.
pub(crate) fn set<F>(core: &Rc<LoopCore>, factory: Option<F>)
where
    F: Fn(Coroutine) -> Result<NewTask, Exception> + 'static,
{
    let weak = Rc::downgrade(core);
    let raw = factory.map(|factory| {
        Rc::new(move |task| {
            let core = weak.upgrade().ok_or(LoopClosed)?;
            factory(Coroutine { task, core }).map(|made| made.0)
        }) as crate::core::RawFactory
    });
    let _old = core.factory.replace(raw);
}

//= SPEC.md#t-14
//# A task factory that fails, panics, or returns a task of another loop or of another coroutine
//# MUST make the creation fail with that exception, MUST drop the coroutine, and MUST NOT stop the
//# loop.
/// Has the factory make the task, and checks that it did.
pub(super) fn make(core: &Rc<LoopCore>, task: Rc<dyn AnyTask>) -> Result<(), Exception> {
    let factory = core.factory.borrow().clone();
    let Some(factory) = factory else {
        task.start(core);
        return Ok(());
    };
    let made = catch_unwind(AssertUnwindSafe(|| factory(Rc::clone(&task))))
        .unwrap_or_else(|payload| Err(Exception::from_panic(payload)))
        .and_then(|made| check(core, &task, &made));
    if let Err(why) = &made {
        Rc::clone(&task).abandon(why.clone());
    }
    made
}

fn check(core: &LoopCore, task: &Rc<dyn AnyTask>, made: &Rc<dyn AnyTask>) -> Result<(), Exception> {
    if made.loop_id() != core.gate().id() {
        return Err(FactoryError::OtherLoop.into());
    }
    if made.id() != task.id() {
        return Err(FactoryError::OtherCoroutine.into());
    }
    Ok(())
}
