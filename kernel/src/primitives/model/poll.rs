//! The poll that a loop sleeps in. It sees the pipe and nothing else.

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::choice::{Question, flip, flip_once};
use super::clock::Clock;
use super::gated::Gated;
use super::pipe::{Content, Pipe};
use super::{roster, trace, with};
use crate::primitives::Time;

/// How long a poll may sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Not at all.
    Now,
    /// Until a moment of the loop's clock.
    Time(Time),
    /// Until something is ready.
    Ready,
}

/// Which directions of a descriptor are watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interest {
    /// Whether it can be read.
    pub read: bool,
    /// Whether it can be written.
    pub write: bool,
}

/// One descriptor that became ready, by the token it was registered with. There is none in a model.
#[derive(Clone, Copy, Debug)]
pub struct Readiness {
    /// What it was registered with.
    pub token: usize,
    /// It can be read.
    pub readable: bool,
    /// It can be written.
    pub writable: bool,
}

/// What a loop sleeps in.
#[derive(Debug)]
pub struct Poller {
    clock: Clock,
    pipe: Arc<Gated<Content>>,
}

/// How one look at the pipe ended.
enum Look {
    Readable,
    NotReadable,
    Asleep,
    TimesOut(Time),
}

impl Poller {
    /// A poll that wakes for `pipe`, and sleeps on `clock`.
    ///
    /// # Errors
    /// None here; the real side's.
    pub fn new(clock: &Clock, pipe: &Pipe) -> io::Result<Poller> {
        Ok(Poller { clock: clock.clone(), pipe: Arc::clone(&pipe.content) })
    }

    /// The loop begins to run.
    pub fn attend(&mut self, _pipe: &Arc<Pipe>) -> Attendance {
        Attendance(())
    }

    /// Replaces the pipe that wakes this poll.
    ///
    /// # Errors
    /// None here; the real side's.
    pub fn replace_pipe(&mut self, _old: &Pipe, new: &Pipe) -> io::Result<()> {
        self.pipe = Arc::clone(&new.content);
        Ok(())
    }

    /// Sleeps; returns whether the pipe was readable. A signal ends it early.
    ///
    /// # Errors
    /// None here; the real side's.
    #[track_caller]
    pub fn poll(&mut self, until: Until, _ready: &mut Vec<Readiness>) -> io::Result<bool> {
        let at = Location::caller();
        let object = self.pipe.object();
        let readable = match self.pipe.step(|content| self.look(content, until, at)) {
            Look::Readable => true,
            Look::NotReadable => false,
            Look::TimesOut(moment) => self.look_again(Some(moment)),
            Look::Asleep => {
                let timed_out = roster::sleep();
                self.look_again(until.moment().filter(|_| timed_out))
            }
        };
        let outcome = if readable { "readable" } else { "nothing" };
        trace::record("poll", Some(object), outcome, at);
        Ok(readable)
    }

    /// Looks at the pipe and, in the same step, decides how to go on.
    fn look(&self, content: &mut Content, until: Until, at: &'static Location<'static>) -> Look {
        let environment = with(|run| run.environment);
        let object = self.pipe.object();
        if environment.end_of_file && flip_once(Question::EndOfFile, object, at) {
            content.shut();
        }
        if content.is_readable() {
            return Look::Readable;
        }
        if until == Until::Now {
            return Look::NotReadable;
        }
        trace::record("sleeps on", Some(object), "", at);
        let early = environment.cures.early_timeouts;
        match until {
            _ if environment.interrupts && flip_once(Question::Interrupt, object, at) => {
                Look::NotReadable
            }
            Until::Time(moment) if early && flip(Question::Timeout, at) => Look::TimesOut(moment),
            _ => {
                let patience = until.moment().map(|moment| Duration::from_nanos(moment.as_nanos()));
                roster::wait(object, patience, at);
                Look::Asleep
            }
        }
    }

    /// The sleep is over, by a byte or, at that moment, by the timeout.
    #[track_caller]
    fn look_again(&self, timed_out: Option<Time>) -> bool {
        if let Some(moment) = timed_out {
            self.clock.advance_to(moment);
        }
        self.pipe.step(|content| content.is_readable())
    }

    /// Not modelled.
    ///
    /// # Errors
    /// Always.
    pub fn add(&self, _fd: RawFd, _token: usize, _interest: Interest) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Not modelled.
    ///
    /// # Errors
    /// Always.
    pub fn modify(&self, _fd: RawFd, _token: usize, _interest: Interest) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Not modelled.
    ///
    /// # Errors
    /// Always.
    pub fn remove(&self, _fd: RawFd) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl Until {
    fn moment(self) -> Option<Time> {
        match self {
            Until::Time(moment) => Some(moment),
            Until::Now | Until::Ready => None,
        }
    }
}

impl AsRawFd for Poller {
    /// No descriptor of any use.
    fn as_raw_fd(&self) -> RawFd {
        -1
    }
}

/// While this lives, the loop is running; see [`Poller::attend`].
#[derive(Debug)]
pub struct Attendance(());
