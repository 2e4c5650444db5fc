//! The self-pipe: a non-blocking pipe whose readability is the only message it carries.
//!
//! Both ends live in one object behind an `Arc`. A poster that is about to write holds a clone, so the
//! descriptor cannot be closed and reused under it, and cannot raise SIGPIPE; the loop gives up its
//! clone at close, and the descriptors go with the last poster.

use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, RawFd};

use mio::unix::pipe::{Receiver, Sender};

use super::clock::Party;

/// What became of an attempt to write one byte.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// The byte is in the pipe.
    Byte,
    /// The pipe is full; it was readable already, so no wake-up is lost.
    Full,
}

/// What a drain found.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drained {
    /// Everything that was in the pipe, which may be nothing.
    Empty,
    /// The other end is gone: this pipe will stay readable for ever.
    EndOfFile,
}

#[derive(Debug)]
pub(crate) struct Pipe {
    reader: Receiver,
    /// None once the pipe is shut.
    writer: parking_lot::Mutex<Option<Sender>>,
    /// The loop that sleeps on this pipe, when its clock is virtual.
    sleeper: parking_lot::Mutex<Option<Party>>,
}

impl Pipe {
    pub(crate) fn new() -> io::Result<Pipe> {
        let (writer, reader) = mio::unix::pipe::new()?;
        let (writer, sleeper) = (parking_lot::Mutex::new(Some(writer)), Default::default());
        Ok(Pipe { reader, writer, sleeper })
    }

    /// Makes the pipe readable. Never blocks; retries when a signal interrupts the write.
    pub(crate) fn try_write(&self) -> io::Result<Written> {
        self.announce();
        self.write_byte()
    }

    /// A virtual clock has to know of a byte before it is there.
    fn announce(&self) {
        if let Some(party) = &*self.sleeper.lock() {
            party.expect_byte();
        }
    }

    /// Ends a virtual sleep; the clock has counted the loop as running already.
    pub(super) fn wake_by_clock(&self) {
        // A pipe that cannot be written is reported by the next poster; the clock has nobody to tell.
        let _ = self.write_byte();
    }

    fn write_byte(&self) -> io::Result<Written> {
        let writer = self.writer.lock();
        let mut writer = writer.as_ref().ok_or(io::ErrorKind::BrokenPipe)?;
        loop {
            match writer.write(&[0]) {
                Ok(1) => return Ok(Written::Byte),
                Ok(_) => return Err(io::ErrorKind::WriteZero.into()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(Written::Full);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes every byte out, however many there are.
    pub(crate) fn drain(&self) -> io::Result<Drained> {
        let mut bytes = [0; 512];
        loop {
            match (&self.reader).read(&mut bytes) {
                Ok(0) => return Ok(Drained::EndOfFile),
                // That was all of it, and what comes from now on is another edge. An end that is there
                // already may be in this one.
                Ok(n) if n < bytes.len() && !self.is_shut() => return Ok(Drained::Empty),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(Drained::Empty);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn is_shut(&self) -> bool {
        self.writer.lock().is_none()
    }

    /// Tells the pipe which virtual sleeper a byte wakes; `None` when nobody sleeps on it.
    pub(super) fn set_sleeper(&self, party: Option<Party>) {
        *self.sleeper.lock() = party;
    }

    /// Shuts the pipe: from now on writes fail and the reader finds end-of-file.
    pub(crate) fn break_writer(&self) {
        *self.writer.lock() = None;
    }

    /// Fills the pipe until a write is refused; returns how many bytes fitted.
    #[cfg(any(test, feature = "checkers"))]
    pub(crate) fn fill(&self) -> usize {
        self.announce();
        let writer = self.writer.lock();
        let Some(mut writer) = writer.as_ref() else { return 0 };
        let mut count = 0;
        // By the page as long as one fits: there is room for many.
        for piece in [&[0; 4096][..], &[0]] {
            while let Ok(n @ 1..) = writer.write(piece) {
                count += n;
            }
        }
        count
    }

    /// How many bytes a drain would find. Takes them out.
    #[cfg(any(test, feature = "checkers"))]
    pub(crate) fn count_and_drain(&self) -> usize {
        let mut bytes = [0; 4096];
        let mut count = 0;
        while let Ok(n @ 1..) = (&self.reader).read(&mut bytes) {
            count += n;
        }
        count
    }
}

impl AsRawFd for Pipe {
    /// The read end: the descriptor that turns readable when the loop has to look at its inbox.
    fn as_raw_fd(&self) -> RawFd {
        self.reader.as_raw_fd()
    }
}
