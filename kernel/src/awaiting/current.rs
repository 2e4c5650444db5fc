//! Whose port an await looks into.
//!
//! Each loop has a [`CurrentPort`], and while the loop runs it is its thread's. During a step it has the port of the
//! task, if there is one: most steps suspend on nothing that a port has to know, so a port is made when something
//! first needs it. A scope within the task puts its own port in front for as long as it is polled.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::CancelPort;
use crate::exception::Cancelled;
use crate::primitives::thread_local;

pub(crate) struct CurrentPort {
    loop_id: u64,
    in_step: Cell<bool>,
    /// `None` between the steps, and while the task needs none.
    of_task: RefCell<Option<Rc<CancelPort>>>,
    /// Of the innermost scope that is being polled.
    of_scope: RefCell<Option<Rc<CancelPort>>>,
}

thread_local! {
    #[allow(clippy::missing_const_for_thread_local, reason = "loom's macro takes no const block")]
    static CURRENT: RefCell<Option<Rc<CurrentPort>>> = RefCell::new(None);
}

/// A short look, during which no port can be entered.
#[inline]
fn with_current<R>(look: impl FnOnce(&CurrentPort) -> R) -> Option<R> {
    // None also while the thread's locals are being destroyed.
    CURRENT.try_with(|current| current.borrow().as_deref().map(look)).ok().flatten()
}

/// The port of the scope or task that is being polled on this thread.
pub(crate) fn port() -> Option<Rc<CancelPort>> {
    with_current(CurrentPort::get).flatten()
}

/// The same, if it has been needed before: another has no cancel either.
pub(super) fn known_port() -> Option<Rc<CancelPort>> {
    with_current(|current| current.look(Rc::clone)).flatten()
}

/// Takes the cancel that waits for the next await.
#[inline]
pub(super) fn take_pending() -> Option<Cancelled> {
    with_current(|current| current.look(|port| port.take_pending()).flatten()).flatten()
}

/// The number of the current port.
pub(crate) fn port_id() -> Option<u64> {
    port().map(|port| port.id())
}

/// The loop of the task that is being polled on this thread.
pub(crate) fn loop_id() -> Option<u64> {
    with_current(|current| current.in_step.get().then_some(current.loop_id)).flatten()
}

impl CurrentPort {
    pub(crate) fn new(loop_id: u64) -> Rc<CurrentPort> {
        Rc::new(CurrentPort {
            loop_id,
            in_step: Cell::new(false),
            of_task: RefCell::default(),
            of_scope: RefCell::default(),
        })
    }

    /// The loop runs: awaits on this thread look in here until the guard is dropped.
    pub(crate) fn enter(self: &Rc<Self>) -> EnteredLoop {
        CURRENT.with(|current| current.replace(Some(Rc::clone(self))));
        EnteredLoop
    }

    /// A task is about to be polled, and this is its port.
    #[inline]
    pub(crate) fn begin_step(&self, port: Option<Rc<CancelPort>>) {
        debug_assert!(!self.in_step.get(), "a step within a step");
        if let Some(port) = &port {
            port.begin_step();
        }
        self.of_task.replace(port);
        self.in_step.set(true);
    }

    /// The task was polled: its port, which it may have got only now.
    #[inline]
    pub(crate) fn end_step(&self) -> Option<Rc<CancelPort>> {
        self.in_step.set(false);
        self.of_task.take()
    }

    /// As [`CancelPort::take_refused`] of the task's port.
    #[inline]
    pub(crate) fn take_refused(&self) -> Option<Cancelled> {
        self.of_task.borrow().as_ref().and_then(|port| port.take_refused())
    }

    /// The port of the task that is being polled, made now if need be.
    pub(crate) fn of_task(&self) -> Rc<CancelPort> {
        Rc::clone(self.of_task.borrow_mut().get_or_insert_with(CancelPort::new))
    }

    /// The same, if it has been needed before.
    pub(crate) fn known_of_task(&self) -> Option<Rc<CancelPort>> {
        self.of_task.borrow().clone()
    }

    fn get(&self) -> Option<Rc<CancelPort>> {
        let of_scope = self.of_scope.borrow().clone();
        of_scope.or_else(|| self.in_step.get().then(|| self.of_task()))
    }

    #[inline]
    fn look<R>(&self, look: impl FnOnce(&Rc<CancelPort>) -> R) -> Option<R> {
        match &*self.of_scope.borrow() {
            Some(port) => Some(look(port)),
            None => self.of_task.borrow().as_ref().map(look),
        }
    }
}

/// The loop does not run any more when it is dropped.
pub(crate) struct EnteredLoop;

impl Drop for EnteredLoop {
    fn drop(&mut self) {
        let _left = CURRENT.try_with(|current| current.take());
    }
}

impl CancelPort {
    /// Puts a scope's port in front until the guard is dropped.
    pub(crate) fn enter(self: &Rc<Self>) -> EnteredScope {
        let port = Some(Rc::clone(self));
        EnteredScope(with_current(|current| current.of_scope.replace(port)).flatten())
    }
}

/// Has the port in front again that was there before.
pub(crate) struct EnteredScope(Option<Rc<CancelPort>>);

impl Drop for EnteredScope {
    fn drop(&mut self) {
        let before = self.0.take();
        let _left = with_current(|current| current.of_scope.replace(before));
    }
}
