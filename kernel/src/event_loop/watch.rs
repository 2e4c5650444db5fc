//! Callbacks for descriptors: asyncio's `add_reader` and `add_writer`.
//!
//! Clauses S-11, S-12. The poll reports edges; a descriptor that reported is armed again after the
//! batch, which makes it report in every iteration in which it is ready.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::os::fd::RawFd;
use std::rc::Rc;

use crate::core::{LoopCore, Watch, Watched, Watcher};
use crate::exception::{ExceptionContext, LoopClosed, shield_from_panic};
use crate::primitives::{Interest, Readiness, unique_id};
use crate::ready_queue::{Direction, Entry};

/// Why a descriptor is not watched. Nothing has changed.
#[derive(Debug)]
#[non_exhaustive]
pub enum WatchError {
    /// The descriptor is watched in this direction already; remove that watcher first.
    AlreadyWatched,
    /// The loop is closed; make a new one.
    LoopClosed,
    /// The operating system cannot watch it: not open, or a plain file.
    Os(io::Error),
}

impl fmt::Display for WatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WatchError::AlreadyWatched => f.write_str(
                "the descriptor is watched in this direction already; remove that watcher first",
            ),
            WatchError::LoopClosed => LoopClosed.fmt(f),
            WatchError::Os(error) => write!(f, "the descriptor cannot be watched: {error}"),
        }
    }
}

impl std::error::Error for WatchError {}

impl Watched {
    fn slot(&mut self, direction: Direction) -> &mut Option<Watch> {
        match direction {
            Direction::Read => &mut self.reader,
            Direction::Write => &mut self.writer,
        }
    }

    fn interest(&self) -> Interest {
        Interest { read: self.reader.is_some(), write: self.writer.is_some() }
    }
}

fn token(fd: RawFd) -> Option<usize> {
    usize::try_from(fd).ok()
}

//= SPEC.md#s-12
//# Watching a descriptor twice for the same direction MUST be refused.
pub(super) fn add(
    core: &LoopCore,
    fd: RawFd,
    direction: Direction,
    callback: impl FnMut() + 'static,
) -> Result<(), WatchError> {
    // Before the borrows: if it is refused it is dropped after them, with all that it owns.
    let callback: Watcher = Rc::new(RefCell::new(callback));
    let watch = Watch { serial: unique_id(), queued: Cell::new(false), callback };
    core.queue.check_open().map_err(|LoopClosed| WatchError::LoopClosed)?;
    let bad_descriptor = || WatchError::Os(io::Error::from(io::ErrorKind::InvalidInput));
    let token = token(fd).ok_or_else(bad_descriptor)?;
    let mut watched = core.watched.borrow_mut();
    match watched.get_mut(&fd) {
        Some(known) => {
            if known.slot(direction).is_some() {
                return Err(WatchError::AlreadyWatched);
            }
            let poller = core.poller.borrow();
            poller
                .modify(fd, token, Interest { read: true, write: true })
                .map_err(WatchError::Os)?;
            *known.slot(direction) = Some(watch);
        }
        None => {
            let mut new = Watched { reader: None, writer: None };
            let read = matches!(direction, Direction::Read);
            let added = core.poller.borrow_mut().add(fd, token, Interest { read, write: !read });
            added.map_err(WatchError::Os)?;
            *new.slot(direction) = Some(watch);
            watched.insert(fd, new);
        }
    }
    Ok(())
}

/// Whether there was a watcher to remove. It is dropped before this returns.
pub(super) fn remove(core: &LoopCore, fd: RawFd, direction: Direction) -> bool {
    let mut watched = core.watched.borrow_mut();
    let Some(known) = watched.get_mut(&fd) else { return false };
    let removed = known.slot(direction).take();
    if removed.is_none() {
        return false;
    }
    let interest = known.interest();
    let poller = core.poller.borrow();
    // The descriptor may be closed by now, and so gone from the poll: that is what was asked for.
    let _gone = if interest.read || interest.write {
        token(fd).map(|token| poller.modify(fd, token, interest))
    } else {
        watched.remove(&fd);
        Some(poller.remove(fd))
    };
    drop(poller);
    drop(watched);
    drop(removed);
    true
}

/// Queues what became ready.
pub(super) fn queue(core: &LoopCore, readiness: Readiness) {
    let Ok(fd) = RawFd::try_from(readiness.token) else { return };
    let mut watched = core.watched.borrow_mut();
    let Some(known) = watched.get_mut(&fd) else { return };
    core.disarmed.borrow_mut().push(fd);
    let Readiness { readable, writable, .. } = readiness;
    // An entry each: what the reader does, the writer's is part of the rest of the batch.
    for (ready, direction) in [(readable, Direction::Read), (writable, Direction::Write)] {
        // One that an exit request left in the queue is enough.
        if let Some(watch) = known.slot(direction).as_ref().filter(|_| ready)
            && !watch.queued.replace(true)
        {
            core.queue.push(Entry::Ready { fd, serial: watch.serial, direction });
        }
    }
}

//= SPEC.md#s-11
//# A watched descriptor's callback MUST be called in every iteration in which it is ready, and
//# never after it was removed.
/// Calls the watcher if it is still there.
pub(super) fn call(core: &LoopCore, fd: RawFd, serial: u64, direction: Direction) {
    let callback = {
        let mut watched = core.watched.borrow_mut();
        let watch = watched.get_mut(&fd).and_then(|known| known.slot(direction).as_ref());
        watch.filter(|watch| watch.serial == serial).map(|watch| {
            watch.queued.set(false);
            Rc::clone(&watch.callback)
        })
    };
    if let Some(callback) = callback {
        (callback.borrow_mut())();
    }
}

/// After the batch: what reported reports again if it is still ready.
pub(super) fn arm_again(core: &LoopCore) {
    if core.disarmed.borrow().is_empty() {
        return;
    }
    let disarmed = core.disarmed.take();
    for fd in disarmed {
        let interest = core.watched.borrow().get(&fd).map(Watched::interest);
        let (Some(interest), Some(token)) = (interest, token(fd)) else { continue };
        let armed = core.poller.borrow().modify(fd, token, interest);
        if let Err(error) = armed {
            let lost = core.watched.borrow_mut().remove(&fd);
            if let Some(lost) = lost {
                let_go(lost);
            }
            let message = "a watched descriptor was closed without removing its watchers";
            core.queue.report_later(ExceptionContext::new(message, Some(error.into())));
        }
    }
}

pub(super) fn forget_all(core: &LoopCore) {
    for (fd, watched) in core.watched.take() {
        // Closed ones are gone from the poll already.
        let _gone = core.poller.borrow().remove(fd);
        let_go(watched);
    }
}

/// Drops the watchers one by one: two that panic in one unwinding would abort the program.
fn let_go(watched: Watched) {
    for watch in [watched.reader, watched.writer] {
        shield_from_panic("a watcher panicked when dropped", || drop(watch));
    }
}
