//! The poll that a loop sleeps in: epoll or kqueue, through mio.
//!
//! mio reports edges. The pipe is drained to the last byte each time, so an edge is enough for it; a
//! user's descriptor is armed again after each report, which makes it level-triggered as in asyncio.

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Poll, Token};

use super::clock::{Clock, Party, Presence};
use super::pipe::Pipe;
use crate::primitives::{Arc, Time};

/// How long a poll may sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// Not at all.
    Now,
    /// Until a moment of the loop's clock.
    Time(Time),
    /// Until something is ready.
    Ready,
}

/// Which directions of a descriptor are watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Interest {
    pub(crate) read: bool,
    pub(crate) write: bool,
}

/// One descriptor that became ready, by the token it was registered with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Readiness {
    pub(crate) token: usize,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
}

/// The wakeup pipe's own token; users' tokens start below it.
const PIPE: Token = Token(usize::MAX - 1);
/// asyncio's cap on one sleep; longer timers take several polls.
const LONGEST_SLEEP: Duration = Duration::from_hours(24);

pub(crate) struct Poller {
    poll: Poll,
    events: Events,
    clock: Clock,
    party: Option<Party>,
}

impl Poller {
    /// A poll that wakes for `pipe`, and sleeps on `clock`.
    pub(crate) fn new(clock: &Clock, pipe: &Pipe) -> io::Result<Poller> {
        let poll = Poll::new()?;
        poll.registry().register(
            &mut SourceFd(&pipe.as_raw_fd()),
            PIPE,
            mio::Interest::READABLE,
        )?;
        Ok(Poller { poll, events: Events::with_capacity(256), clock: clock.clone(), party: None })
    }

    /// The loop begins to run: from here to the guard's drop a virtual clock waits for it.
    pub(crate) fn attend(&mut self, pipe: &Arc<Pipe>) -> Attendance {
        let presence = self.clock.attend(pipe);
        self.party = presence.as_ref().map(|presence| presence.party.clone());
        pipe.set_sleeper(self.party.clone());
        Attendance { _presence: presence }
    }

    /// Replaces the pipe that wakes this poll. `old` stays open until its last poster lets go.
    pub(crate) fn replace_pipe(&mut self, old: &Pipe, new: &Arc<Pipe>) -> io::Result<()> {
        self.poll.registry().register(
            &mut SourceFd(&new.as_raw_fd()),
            PIPE,
            mio::Interest::READABLE,
        )?;
        self.poll.registry().deregister(&mut SourceFd(&old.as_raw_fd()))?;
        old.set_sleeper(None);
        new.set_sleeper(self.party.clone());
        if let Some(party) = &self.party {
            party.set_pipe(Some(new));
        }
        Ok(())
    }

    /// Sleeps; returns whether the pipe was readable and pushes what else is. A signal ends it early.
    pub(crate) fn poll(&mut self, until: Until, ready: &mut Vec<Readiness>) -> io::Result<bool> {
        let at = match until {
            Until::Time(at) => Some(at),
            Until::Now | Until::Ready => None,
        };
        let timeout = match (&self.party, until) {
            (_, Until::Now) => Some(Duration::ZERO),
            // In virtual time the clock ends the sleep, by a byte in the pipe.
            (Some(party), _) => (!party.block_in_poll(at)).then_some(Duration::ZERO),
            (None, _) => at.map(|at| at.saturating_since(self.clock.now()).min(LONGEST_SLEEP)),
        };
        let polled = self.poll.poll(&mut self.events, timeout);
        if let Some(party) = &self.party {
            party.returned();
        }
        match polled {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(false),
            Err(error) => return Err(error),
            Ok(()) => {}
        }
        let mut pipe = false;
        for event in &self.events {
            if event.token() == PIPE {
                pipe = true;
            } else {
                ready.push(Readiness {
                    token: event.token().0,
                    // An error or a hang-up is for whoever is there to read or write it.
                    readable: event.is_readable() || event.is_read_closed() || event.is_error(),
                    writable: event.is_writable() || event.is_write_closed() || event.is_error(),
                });
            }
        }
        Ok(pipe)
    }

    /// Starts watching a descriptor.
    pub(crate) fn add(&mut self, fd: RawFd, token: usize, interest: Interest) -> io::Result<()> {
        self.poll.registry().register(&mut SourceFd(&fd), Token(token), mio_interest(interest))?;
        // One poll reports all that are ready. Their numbers are dense, so the highest says how many
        // there may be; kqueue tells of each direction by itself, and there is the pipe.
        let most = 2 * token + 3;
        if most > self.events.capacity() {
            self.events = Events::with_capacity(most.next_power_of_two());
        }
        Ok(())
    }

    /// Changes what is watched, or arms the same again: it reports at once if it is ready.
    pub(crate) fn modify(&self, fd: RawFd, token: usize, interest: Interest) -> io::Result<()> {
        self.poll.registry().reregister(&mut SourceFd(&fd), Token(token), mio_interest(interest))
    }

    /// Stops watching a descriptor.
    pub(crate) fn remove(&self, fd: RawFd) -> io::Result<()> {
        self.poll.registry().deregister(&mut SourceFd(&fd))
    }
}

fn mio_interest(interest: Interest) -> mio::Interest {
    match (interest.read, interest.write) {
        (true, true) => mio::Interest::READABLE | mio::Interest::WRITABLE,
        (false, true) => mio::Interest::WRITABLE,
        (_, false) => mio::Interest::READABLE,
    }
}

impl AsRawFd for Poller {
    /// Readable whenever the pipe or a watched descriptor is.
    fn as_raw_fd(&self) -> RawFd {
        self.poll.as_raw_fd()
    }
}

/// While this lives, the loop is running; see [`Poller::attend`].
pub(crate) struct Attendance {
    _presence: Option<Presence>,
}
