//! How a task's cancel reaches whatever the task is suspended on.
//!
//! The port belongs to one task, or to one scope within a task. While its code is polled the port is the
//! thread's current one, and a kernel awaitable that has to suspend registers a [`Target`] in it. A cancel
//! is offered to every target. What then becomes of it:
//!
//! * *delivered*: the awaitable behind a target will yield it, once, when it is next polled;
//! * handed on: the target passed it to somebody else, and the awaitable goes on waiting for their end;
//! * *pending*: no target took it; the next kernel awaitable that is polled receives it.
//!
//! What is still pending when a step ends, and a delivery that nobody came for in the step that followed
//! it, was refused by everything the coroutine is suspended on: the coroutine is then dropped, up to the
//! innermost scope (clauses T-9, O-3).
//!
//! Loop thread only. A registration outside a task does nothing: kernel futures can be polled by any
//! executor that runs on the loop thread.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use smallvec::SmallVec;

use crate::exception::Cancelled;
use crate::primitives::{Arc, thread_local, unique_id};

/// What became of a cancel that was offered to a target.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// There is nothing to cancel any more.
    Refused,
    /// Somebody else has it now; the awaitable waits for their end.
    HandedOn,
    /// The awaitable has been woken and will yield it.
    ToYield,
}

/// Something that a suspended task's cancel can be handed to.
pub(crate) trait Target {
    /// Takes the cancel and makes the task go on, or refuses it.
    fn cancel(self: Rc<Self>, cancelled: &Cancelled) -> Taken;

    /// The cancel that was handed on is withdrawn, as far as it has not been received.
    fn take_back(&self) {}

    /// Whether the task is no longer suspended on it: it moved elsewhere without saying so.
    fn is_stale(&self) -> bool {
        false
    }
}

/// The same where other threads may hold it too. It is asked about one await of it.
pub(crate) trait RemoteTarget {
    /// As [`Target::cancel`].
    fn cancel_awaiter(self: Arc<Self>, awaiter: RemoteAwaiter) -> Taken;

    /// As [`Target::is_stale`].
    fn is_stale(&self, awaiter: RemoteAwaiter) -> bool;
}

/// One await of a [`RemoteTarget`] by a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RemoteAwaiter {
    /// Of the task's port.
    pub(crate) port: u64,
    /// Tells it from others of the same target.
    pub(crate) key: u64,
}

/// What a task is suspended on.
#[derive(Clone)]
enum Suspended {
    Here(Rc<dyn Target>),
    Anywhere(Arc<dyn RemoteTarget>, RemoteAwaiter),
}

impl Suspended {
    fn cancel(self, cancelled: &Cancelled) -> Taken {
        match self {
            Suspended::Here(target) => target.cancel(cancelled),
            Suspended::Anywhere(target, awaiter) => target.cancel_awaiter(awaiter),
        }
    }

    fn take_back(&self) {
        if let Suspended::Here(target) = self {
            target.take_back();
        }
    }

    fn is_stale(&self) -> bool {
        match self {
            Suspended::Here(target) => target.is_stale(),
            Suspended::Anywhere(target, awaiter) => target.is_stale(*awaiter),
        }
    }
}

pub(crate) struct CancelPort {
    id: u64,
    loop_id: u64,
    pending: RefCell<Option<Cancelled>>,
    /// By registration; in the order in which they were offered.
    delivered: RefCell<Vec<(u64, Cancelled)>>,
    /// The latest cancel was received in this step, by whatever awaitable.
    received: Cell<bool>,
    /// A cancel came during this step: what was polled before it has yet to be asked.
    fresh: Cell<bool>,
    /// Most tasks are suspended on one thing at a time.
    targets: RefCell<SmallVec<[Registration; 1]>>,
    registered: Cell<u64>,
    /// A cancel is being handed to a target; if it comes back, tasks await in a circle.
    handing: Cell<bool>,
    /// What the task is suspended on has refused the pending cancel, and is not asked again.
    refused: Cell<bool>,
}

/// A place of a task's port.
#[derive(Clone)]
struct Registration {
    key: u64,
    target: Suspended,
    /// The target has handed the latest cancel on.
    handed_on: bool,
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
            delivered: RefCell::new(Vec::new()),
            received: Cell::new(false),
            fresh: Cell::new(false),
            targets: RefCell::default(),
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

    /// Whether it could as well be another task's: nothing was ever suspended on it, and it has no cancel.
    ///
    /// A number that a suspension knows may never be another port's.
    #[inline]
    pub(crate) fn is_unused(&self) -> bool {
        self.registered.get() == 0 && self.pending.borrow().is_none()
    }

    /// The number of the current port.
    pub(crate) fn current_id() -> Option<u64> {
        CancelPort::with_current(|port| port.id())
    }

    /// The loop of the task that is being polled on this thread.
    pub(crate) fn current_loop() -> Option<u64> {
        CancelPort::with_current(|port| port.loop_id)
    }

    /// The same for a short look, during which no other port can be entered.
    #[inline]
    fn with_current<R>(look: impl FnOnce(&Rc<CancelPort>) -> R) -> Option<R> {
        CURRENT.try_with(|current| current.borrow().as_ref().map(look)).ok().flatten()
    }

    /// Makes this the current port until the guard is dropped.
    #[inline]
    pub(crate) fn enter(self: &Rc<Self>) -> Entered {
        Entered(CURRENT.try_with(|current| current.replace(Some(Rc::clone(self)))).ok().flatten())
    }

    /// Offers the cancel to whatever the task is suspended on; true if something took it.
    pub(crate) fn offer(&self, cancelled: &Cancelled) -> bool {
        // That one before it was received says nothing of this one.
        self.received.set(false);
        // A target may wake the task and so reach this port again: no borrow is held meanwhile.
        let mut targets = self.targets.borrow().clone();
        targets.retain(|registration| {
            let stale = registration.target.is_stale();
            if stale {
                self.withdraw(registration.key);
            }
            !stale
        });
        let (asked, mut taken) = (!targets.is_empty(), false);
        for Registration { key, target, .. } in targets {
            if self.delivered.borrow().iter().any(|(known, _)| *known == key) {
                // One before it is still on its way there, and its message stays.
                taken = true;
                continue;
            }
            let by_target = self.hand(target, cancelled);
            self.note_handed_on(key, by_target == Taken::HandedOn);
            match by_target {
                Taken::Refused => continue,
                Taken::HandedOn => {}
                Taken::ToYield => self.deliver(key, cancelled),
            }
            taken = true;
        }
        if asked && !taken {
            self.refused.set(true);
        }
        taken
    }

    fn note_handed_on(&self, key: u64, handed_on: bool) {
        let mut targets = self.targets.borrow_mut();
        if let Some(registration) = targets.iter_mut().find(|known| known.key == key) {
            registration.handed_on = handed_on;
        }
    }

    /// The awaitable behind the registration `key` will yield it.
    fn deliver(&self, key: u64, cancelled: &Cancelled) {
        self.fresh.set(true);
        self.delivered.borrow_mut().push((key, cancelled.clone()));
    }

    fn receive_delivery(&self, key: u64) -> Option<Cancelled> {
        let mut delivered = self.delivered.borrow_mut();
        let index = delivered.iter().position(|(known, _)| *known == key)?;
        self.received.set(true);
        Some(delivered.remove(index).1)
    }

    fn hand(&self, target: Suspended, cancelled: &Cancelled) -> Taken {
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

    #[inline]
    pub(crate) fn take_pending(&self) -> Option<Cancelled> {
        self.refused.set(false);
        // Mostly there is none, and to take it would cost more than to look.
        if self.pending.borrow().is_none() {
            return None;
        }
        self.pending.borrow_mut().take()
    }

    /// Withdraws what has not been received.
    pub(crate) fn take_back(&self) {
        drop((self.take_pending(), self.delivered.take()));
        let targets = self.targets.borrow().clone();
        targets.iter().for_each(|registration| registration.target.take_back());
    }

    /// What had taken a cancel is gone without having received it: the next awaitable will, unless another
    /// one has received it or has it too.
    pub(crate) fn give_back(&self, cancelled: Cancelled) {
        let others = !self.delivered.borrow().is_empty()
            || self.targets.borrow().iter().any(|registration| registration.handed_on);
        if !others && !self.received.get() {
            self.pending.borrow_mut().get_or_insert(cancelled);
        }
    }

    /// A step begins: everything that is polled in it can receive what there is.
    #[inline]
    pub(crate) fn begin_step(&self) {
        self.fresh.set(false);
        self.received.set(false);
    }

    /// The step has ended: the cancel that nothing in it came for, though it was there from the beginning.
    #[inline]
    pub(crate) fn take_refused(&self) -> Option<Cancelled> {
        if self.fresh.get() { None } else { self.take_unreceived() }
    }

    /// A cancel that was asked for and that no awaitable has received.
    #[inline]
    pub(crate) fn take_unreceived(&self) -> Option<Cancelled> {
        if self.delivered.borrow().is_empty() {
            return self.take_pending();
        }
        // Where several were offered it, one that received it is enough.
        let unclaimed = self.delivered.take().into_iter().next().map(|(_, cancelled)| cancelled);
        self.take_pending().or(unclaimed.filter(|_| !self.received.get()))
    }

    fn register(&self, target: Suspended) -> u64 {
        let key = self.registered.get() + 1;
        self.registered.set(key);
        self.targets.borrow_mut().push(Registration { key, target, handed_on: false });
        key
    }

    fn withdraw(&self, key: u64) {
        let mut targets = self.targets.borrow_mut();
        let found = targets.iter().position(|known| known.key == key);
        let removed = found.map(|index| targets.swap_remove(index));
        drop(targets);
        let mut delivered = self.delivered.borrow_mut();
        let undelivered = delivered.iter().position(|(known, _)| *known == key);
        let undelivered = undelivered.map(|index| delivered.remove(index).1);
        drop(delivered);
        if let Some(cancelled) = undelivered {
            self.give_back(cancelled);
        }
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
    //= SPEC.md#t-19
    //# A cancel asked for while its task runs MUST be yielded by the next kernel awaitable that the
    //# task awaits, whether that one is done or not.
    /// First thing in a poll: the cancel that was delivered here, to be yielded; or one that is pending,
    /// which is offered to `target` first, so that awaiting a task hands it on and waits for its end.
    pub(crate) fn receive(&self, target: impl Fn() -> Rc<dyn Target>) -> Option<Cancelled> {
        let port = CancelPort::current()?;
        if let Some((known, key)) = &self.0
            && known.as_ptr() == Rc::as_ptr(&port)
            && let Some(cancelled) = port.receive_delivery(*key)
        {
            return Some(cancelled);
        }
        let refused = port.refused.get();
        let cancelled = port.take_pending()?;
        let handed_on =
            !refused && port.hand(Suspended::Here(target()), &cancelled) == Taken::HandedOn;
        (!handed_on).then_some(cancelled)
    }

    /// The same where there is nothing to hand a cancel to: it is yielded.
    pub(crate) fn receive_here() -> Option<Cancelled> {
        CancelPort::with_current(|port| port.take_pending())?
    }

    /// The poll is about to return `Pending`.
    pub(crate) fn suspend(&mut self, target: impl FnOnce() -> Rc<dyn Target>) {
        let Some(port) = CancelPort::current() else { return };
        if self.0.as_ref().is_some_and(|(known, _)| known.as_ptr() == Rc::as_ptr(&port)) {
            return;
        }
        self.end();
        let key = port.register(Suspended::Here(target()));
        self.0 = Some((Rc::downgrade(&port), key));
    }

    /// The awaitable is ready: what its target had handed on has come back as this.
    pub(crate) fn ready(&mut self) {
        if let Some((port, key)) = &self.0
            && let Some(port) = port.upgrade()
            && port.targets.borrow().iter().any(|known| known.key == *key && known.handed_on)
        {
            port.received.set(true);
        }
        self.end();
    }

    /// The awaitable is gone, or yields a cancel.
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
#[derive(Default)]
pub(crate) struct RemoteSuspension(Option<(u64, u64)>);

impl RemoteSuspension {
    /// First thing in a poll: the cancel that was delivered here, or one that is pending.
    pub(crate) fn receive(&self) -> Option<Cancelled> {
        let port = CancelPort::current()?;
        let delivered = self.0.filter(|(id, _)| *id == port.id());
        delivered.and_then(|(_, key)| port.receive_delivery(key)).or_else(|| port.take_pending())
    }

    /// The poll is about to return `Pending`; `target` knows the await as `key`.
    pub(crate) fn suspend(&mut self, target: Arc<dyn RemoteTarget>, key: u64) {
        let Some(port) = CancelPort::current() else { return };
        let id = port.id();
        if self.0.is_some_and(|(known, _)| known == id) {
            return;
        }
        let awaiter = RemoteAwaiter { port: id, key };
        self.0 = Some((id, port.register(Suspended::Anywhere(target, awaiter))));
    }

    /// The awaitable is ready, or gone. Elsewhere than in its task it has nothing to withdraw from.
    pub(crate) fn end(&mut self) {
        if let Some((id, key)) = self.0.take()
            && let Some(port) = CancelPort::current()
            && port.id() == id
        {
            port.withdraw(key);
        }
    }
}
