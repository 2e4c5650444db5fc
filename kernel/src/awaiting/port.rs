//! The port of a task or of a scope: what a cancel goes in by.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use smallvec::SmallVec;

use super::{Suspended, Taken};
use crate::exception::Cancelled;
use crate::primitives::unique_id;

pub(crate) struct CancelPort {
    id: u64,
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

impl CancelPort {
    pub(crate) fn new() -> Rc<CancelPort> {
        Rc::new(CancelPort {
            id: unique_id(),
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

    pub(crate) fn id(&self) -> u64 {
        self.id
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
                self.withdraw(registration.key, false);
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

    /// Whether what the task is suspended on has refused the pending cancel, and is not to be asked again.
    pub(super) fn is_refused(&self) -> bool {
        self.refused.get()
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

    pub(super) fn receive_delivery(&self, key: u64) -> Option<Cancelled> {
        let mut delivered = self.delivered.borrow_mut();
        let index = delivered.iter().position(|(known, _)| *known == key)?;
        self.received.set(true);
        Some(delivered.remove(index).1)
    }

    pub(super) fn hand(&self, target: Suspended, cancelled: &Cancelled) -> Taken {
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

    pub(super) fn register(&self, target: Suspended) -> u64 {
        let key = self.registered.get() + 1;
        self.registered.set(key);
        self.targets.borrow_mut().push(Registration { key, target, handed_on: false });
        key
    }

    /// The awaitable behind the registration `key` is gone. If it `is_ready`, what its target had handed on has come
    /// back as that.
    pub(super) fn withdraw(&self, key: u64, is_ready: bool) {
        let mut targets = self.targets.borrow_mut();
        let found = targets.iter().position(|known| known.key == key);
        let removed = found.map(|index| targets.swap_remove(index));
        drop(targets);
        if is_ready && removed.as_ref().is_some_and(|removed| removed.handed_on) {
            self.received.set(true);
        }
        if !self.delivered.borrow().is_empty() {
            self.withdraw_delivery(key);
        }
        drop(removed);
    }

    fn withdraw_delivery(&self, key: u64) {
        let mut delivered = self.delivered.borrow_mut();
        let undelivered = delivered.iter().position(|(known, _)| *known == key);
        let undelivered = undelivered.map(|index| delivered.remove(index).1);
        drop(delivered);
        if let Some(cancelled) = undelivered {
            self.give_back(cancelled);
        }
    }
}
