//! An awaitable's side of the port that it has suspended.

use std::rc::{Rc, Weak};

use super::{CancelPort, RemoteAwaiter, RemoteTarget, Suspended, Taken, Target, current};
use crate::exception::Cancelled;
use crate::primitives::Arc;

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
        let port = current::known_port()?;
        if let Some((known, key)) = &self.0
            && known.as_ptr() == Rc::as_ptr(&port)
            && let Some(cancelled) = port.receive_delivery(*key)
        {
            return Some(cancelled);
        }
        let refused = port.is_refused();
        let cancelled = port.take_pending()?;
        let handed_on =
            !refused && port.hand(Suspended::Here(target()), &cancelled) == Taken::HandedOn;
        (!handed_on).then_some(cancelled)
    }

    /// The same where there is nothing to hand a cancel to: it is yielded.
    pub(crate) fn receive_here() -> Option<Cancelled> {
        current::take_pending()
    }

    /// The poll is about to return `Pending`.
    pub(crate) fn suspend(&mut self, target: impl FnOnce() -> Rc<dyn Target>) {
        let Some(port) = current::port() else { return };
        if self.0.as_ref().is_some_and(|(known, _)| known.as_ptr() == Rc::as_ptr(&port)) {
            return;
        }
        self.end();
        let key = port.register(Suspended::Here(target()));
        self.0 = Some((Rc::downgrade(&port), key));
    }

    /// The awaitable is ready: what its target had handed on has come back as this.
    pub(crate) fn ready(&mut self) {
        self.withdraw(true);
    }

    /// The awaitable is gone, or yields a cancel.
    pub(crate) fn end(&mut self) {
        self.withdraw(false);
    }

    /// The awaitable is gone, and with it a cancel that its target had taken and nobody has received: that goes back to
    /// where it came from, whoever's code is running.
    pub(crate) fn give_back(&mut self, cancelled: Cancelled) {
        let port = self.0.as_ref().and_then(|(port, _)| port.upgrade());
        // First: as long as the target counts as having it, nobody else is given it.
        self.end();
        if let Some(port) = port {
            port.give_back(cancelled);
        }
    }

    fn withdraw(&mut self, is_ready: bool) {
        if let Some((port, key)) = self.0.take()
            && let Some(port) = port.upgrade()
        {
            port.withdraw(key, is_ready);
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
        let port = current::known_port()?;
        let delivered = self.0.filter(|(id, _)| *id == port.id());
        delivered.and_then(|(_, key)| port.receive_delivery(key)).or_else(|| port.take_pending())
    }

    /// The poll is about to return `Pending`; `target` knows the await as `key`.
    pub(crate) fn suspend(&mut self, target: Arc<dyn RemoteTarget>, key: u64) {
        let Some(port) = current::port() else { return };
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
            && let Some(port) = current::known_port()
            && port.id() == id
        {
            port.withdraw(key, false);
        }
    }
}
