//! How a task's cancel reaches whatever the task is suspended on.
//!
//! The port belongs to one task. While the task is polled the port is the thread's current one, and a
//! kernel awaitable that has to suspend registers a [`Target`] in it. `cancel` offers the cancel to the
//! targets; if none takes it, it stays *pending* in the port and the next kernel awaitable that is
//! polled receives it (clause T-6). What is still pending when the poll returns was refused by
//! everything the coroutine is suspended on: the task then drops the coroutine (clause T-9).
//!
//! Loop thread only. A registration outside a task does nothing: kernel futures can be polled by any
//! executor that runs on the loop thread.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use crate::exception::Cancelled;
use crate::primitives::{thread_local, unique_id};

/// Something that a suspended task's cancel can be handed to.
pub(crate) trait Target {
    /// Takes the cancel, making the task go on; or refuses because there is nothing to cancel any more.
    fn cancel(&self, cancelled: &Cancelled) -> bool;

    /// Whether the task is no longer suspended on it: it moved elsewhere without saying so.
    fn is_stale(&self) -> bool {
        false
    }
}

pub(crate) struct CancelPort {
    id: u64,
    loop_id: u64,
    pending: RefCell<Option<Cancelled>>,
    /// The pending cancel came during this step: what was polled before it has yet to be asked.
    fresh: Cell<bool>,
    targets: RefCell<Vec<(u64, Rc<dyn Target>)>>,
    registered: Cell<u64>,
    /// A cancel is being handed to a target; if it comes back, tasks await in a circle.
    handing: Cell<bool>,
    /// What the task is suspended on has refused the pending cancel, and is not asked again.
    refused: Cell<bool>,
}

thread_local! {
    #[allow(clippy::missing_const_for_thread_local, reason = "loom's macro takes no const block")]
    static CURRENT: RefCell<Option<Rc<CancelPort>>> = RefCell::new(None);
}

impl CancelPort {
    pub(crate) fn new(loop_id: u64) -> Rc<CancelPort> {
        Rc::new(CancelPort {
            id: unique_id(),
            loop_id,
            pending: RefCell::new(None),
            fresh: Cell::new(false),
            targets: RefCell::new(Vec::new()),
            registered: Cell::new(0),
            handing: Cell::new(false),
            refused: Cell::new(false),
        })
    }

    /// The port of the task that is being polled on this thread.
    pub(crate) fn current() -> Option<Rc<CancelPort>> {
        // None also while the thread's locals are being destroyed.
        CURRENT.try_with(|current| current.borrow().clone()).ok().flatten()
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn loop_id(&self) -> u64 {
        self.loop_id
    }

    /// Makes this the current port until the guard is dropped.
    pub(crate) fn enter(self: &Rc<Self>) -> Entered {
        Entered(CURRENT.try_with(|current| current.replace(Some(Rc::clone(self)))).ok().flatten())
    }

    /// Offers the cancel to whatever the task is suspended on; true if something took it.
    pub(crate) fn offer(&self, cancelled: &Cancelled) -> bool {
        // A target may wake the task and so reach this port again: no borrow is held meanwhile.
        let mut targets = self.targets.borrow().clone();
        targets.retain(|(key, target)| {
            let stale = target.is_stale();
            if stale {
                self.withdraw(*key);
            }
            !stale
        });
        let mut taken = false;
        for (_, target) in &targets {
            taken |= self.hand(&**target, cancelled);
        }
        if !taken && !targets.is_empty() {
            self.refused.set(true);
        }
        taken
    }

    fn hand(&self, target: &dyn Target, cancelled: &Cancelled) -> bool {
        let outer = self.handing.replace(true);
        let taken = target.cancel(cancelled);
        self.handing.set(outer);
        taken
    }

    /// Whether a cancel is on its way from this task to what it awaits.
    pub(crate) fn is_handing(&self) -> bool {
        self.handing.get()
    }

    /// Nothing took the cancel: it waits for the next kernel awaitable. The first message stays.
    pub(crate) fn set_pending(&self, cancelled: Cancelled) {
        self.pending.borrow_mut().get_or_insert_with(|| {
            self.fresh.set(true);
            cancelled
        });
    }

    pub(crate) fn take_pending(&self) -> Option<Cancelled> {
        self.refused.set(false);
        self.pending.borrow_mut().take()
    }

    /// A step begins: everything that is polled in it can receive what is pending.
    pub(crate) fn begin_step(&self) {
        self.fresh.set(false);
    }

    /// The cancel that was pending all through the step, so that nothing in it takes it.
    pub(crate) fn take_refused(&self) -> Option<Cancelled> {
        if self.fresh.get() { None } else { self.take_pending() }
    }

    fn register(&self, target: Rc<dyn Target>) -> u64 {
        let key = self.registered.get() + 1;
        self.registered.set(key);
        self.targets.borrow_mut().push((key, target));
        key
    }

    fn withdraw(&self, key: u64) {
        let mut targets = self.targets.borrow_mut();
        let found = targets.iter().position(|(k, _)| *k == key);
        let removed = found.map(|index| targets.swap_remove(index));
        drop(targets);
        drop(removed);
    }
}

/// Restores the port that was current before.
pub(crate) struct Entered(Option<Rc<CancelPort>>);

impl Drop for Entered {
    fn drop(&mut self) {
        let previous = self.0.take();
        let _left = CURRENT.try_with(|current| current.replace(previous));
    }
}

/// An awaitable's place in the port of the task that it suspended.
#[derive(Default)]
pub(crate) struct Suspension(Option<(Weak<CancelPort>, u64)>);

impl Suspension {
    /// First thing in a poll: a cancel that waits is handed to `target`, or returned to be yielded.
    ///
    /// The target goes first, so that awaiting a task hands it the cancel and waits for its end.
    pub(crate) fn receive(target: impl Fn() -> Rc<dyn Target>) -> Option<Cancelled> {
        let port = CancelPort::current()?;
        let refused = port.refused.get();
        let cancelled = port.take_pending()?;
        if !refused && port.hand(&*target(), &cancelled) {
            // A future that was cancelled by this has left it pending, for whoever awaits it: that is here.
            port.take_pending()
        } else {
            Some(cancelled)
        }
    }

    /// The same where there is nothing to hand a cancel to: it is yielded.
    pub(crate) fn receive_here() -> Option<Cancelled> {
        CancelPort::current()?.take_pending()
    }

    /// The poll is about to return `Pending`.
    pub(crate) fn suspend(&mut self, target: impl FnOnce() -> Rc<dyn Target>) {
        let Some(port) = CancelPort::current() else { return };
        if self.0.as_ref().is_some_and(|(known, _)| known.as_ptr() == Rc::as_ptr(&port)) {
            return;
        }
        self.end();
        let key = port.register(target());
        self.0 = Some((Rc::downgrade(&port), key));
    }

    /// The awaitable is ready, or gone.
    pub(crate) fn end(&mut self) {
        if let Some((port, key)) = self.0.take()
            && let Some(port) = port.upgrade()
        {
            port.withdraw(key);
        }
    }
}

impl Drop for Suspension {
    fn drop(&mut self) {
        self.end();
    }
}

/// The same for an awaitable that may move between threads: numbers only.
///
/// Its target cannot tell it anything directly, so the port keeps what was delivered.
#[derive(Default)]
pub(crate) struct RemoteSuspension(Option<(u64, u64)>);

impl RemoteSuspension {
    /// The poll is about to return `Pending`.
    pub(crate) fn suspend(&mut self, target: impl FnOnce(&Rc<CancelPort>) -> Rc<dyn Target>) {
        let Some(port) = CancelPort::current() else { return };
        if self.0.is_some_and(|(id, _)| id == port.id) {
            return;
        }
        let key = port.register(target(&port));
        self.0 = Some((port.id, key));
    }

    /// The awaitable is ready, or gone. Elsewhere than in its task it has nothing to withdraw from.
    pub(crate) fn end(&mut self) {
        if let Some((id, key)) = self.0.take()
            && let Some(port) = CancelPort::current()
            && port.id == id
        {
            port.withdraw(key);
        }
    }
}
