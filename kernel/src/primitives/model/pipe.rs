//! The self-pipe: a number of bytes, few, with the faults that the environment allows.
//!
//! Every operation is one step. It orders nothing but itself: who relies on a byte to publish memory is
//! found out.

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::panic::Location;
use std::sync::Arc;

use super::choice::{Question, flip_once};
use super::gated::Gated;
use super::{roster, trace, with};
use crate::primitives::environment::Environment;

/// What became of an attempt to write one byte.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// The byte is in the pipe.
    Byte,
    /// The pipe is full; it was readable already, so no wake-up is lost.
    Full,
}

/// What a drain found.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Everything that was in the pipe, which may be nothing.
    Empty,
    /// The other end is gone: this pipe will stay readable for ever.
    EndOfFile,
}

/// What is in a pipe; also who sleeps on it, by the roster, under the same gate.
#[derive(Debug, Default)]
pub(super) struct Content {
    bytes: usize,
    broken: bool,
}

impl Content {
    pub(super) fn is_readable(&self) -> bool {
        self.bytes > 0 || self.broken
    }

    pub(super) fn shut(&mut self) {
        self.broken = true;
    }
}

/// A pipe that is written by any thread and read by one.
#[derive(Debug)]
pub struct Pipe {
    /// Shared with the poll that sleeps on it.
    pub(super) content: Arc<Gated<Content>>,
}

impl Pipe {
    /// An empty pipe.
    ///
    /// # Errors
    /// None here; the real side's.
    pub fn new() -> io::Result<Pipe> {
        Ok(Pipe { content: Arc::new(Gated::new("Pipe", Content::default())) })
    }

    /// Makes the pipe readable. Never blocks.
    ///
    /// A signal that interrupts the write makes it slow, no more: it is tried again. Slow writes are
    /// explored anyway.
    ///
    /// # Errors
    /// The pipe is broken, or the environment says that the write fails.
    #[track_caller]
    pub fn try_write(&self) -> io::Result<Written> {
        let at = Location::caller();
        let environment = with(|run| run.environment);
        let object = self.content.object();
        if environment.failing_writes && flip_once(Question::FailedWrite, object, at) {
            return Err(io::Error::other("the model's environment let this write fail"));
        }
        let written = self.content.step(|content| self.write(content, environment, at));
        let outcome = match &written {
            Ok(Written::Byte) => "a byte",
            Ok(Written::Full) => "it is full",
            Err(_) => "it is broken",
        };
        trace::record("write", Some(object), outcome, at);
        written
    }

    fn write(
        &self,
        content: &mut Content,
        environment: Environment,
        at: &'static Location<'static>,
    ) -> io::Result<Written> {
        if content.broken {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if content.bytes >= environment.pipe_capacity {
            return Ok(Written::Full);
        }
        let lost =
            environment.lost_bytes && flip_once(Question::LostByte, self.content.object(), at);
        if !lost {
            content.bytes += 1;
            self.wake_sleepers();
        }
        Ok(Written::Byte)
    }

    /// Takes every byte out, however many there are.
    ///
    /// # Errors
    /// None here; the real side's.
    #[track_caller]
    pub fn drain(&self) -> io::Result<Drained> {
        let at = Location::caller();
        let object = self.content.object();
        let partial = with(|run| run.environment.partial_drains);
        let drained = self.content.step(|content| {
            let leaves =
                partial && content.bytes > 1 && flip_once(Question::PartialDrain, object, at);
            content.bytes = usize::from(leaves);
            if content.broken { Drained::EndOfFile } else { Drained::Empty }
        });
        let outcome = if drained == Drained::Empty { "" } else { "end-of-file" };
        trace::record("drain", Some(object), outcome, at);
        Ok(drained)
    }

    /// Breaks the pipe as an operating system can: from now on writes fail and reads find end-of-file.
    #[track_caller]
    pub fn break_writer(&self) {
        self.content.step(Content::shut);
        self.wake_sleepers();
        trace::record("breaks", Some(self.content.object()), "", Location::caller());
    }

    /// Fills the pipe until a write is refused; returns how many bytes fitted.
    #[track_caller]
    pub fn fill(&self) -> usize {
        let location = Location::caller();
        let room = self.content.step(|content| {
            let capacity = with(|run| run.environment.pipe_capacity);
            capacity - std::mem::replace(&mut content.bytes, capacity)
        });
        self.wake_sleepers();
        trace::record("fill", Some(self.content.object()), "", location);
        room
    }

    /// How many bytes a drain would find. Takes them out.
    #[track_caller]
    pub fn count_and_drain(&self) -> usize {
        let count = self.content.step(|content| std::mem::take(&mut content.bytes));
        trace::record("drain", Some(self.content.object()), "", Location::caller());
        count
    }

    fn wake_sleepers(&self) {
        roster::waiters(self.content.object()).into_iter().for_each(roster::wake);
    }
}

impl AsRawFd for Pipe {
    /// No descriptor of any use.
    fn as_raw_fd(&self) -> RawFd {
        -1
    }
}
