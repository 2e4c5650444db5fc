//! The loop's life: clauses S-1 to S-9, without what it runs.
//!
//! *Open* and at rest, *running*, or *closed* for good. A stop is remembered until a run that had an
//! iteration ends; an exit request until the next moment at which the loop looks for one.

use super::machine::{Machine, only};
use super::word::{Cause, Word};

/// The life of a loop.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Life {
    running: bool,
    closed: bool,
    stopping: bool,
    exit: Option<u8>,
    /// Whether the run has had an iteration.
    turned: bool,
}

/// What can be done.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// A run begins.
    Begin {
        /// Another loop runs on this thread.
        other_running: bool,
    },
    /// An iteration begins.
    Turn,
    /// An iteration is over.
    TurnOver,
    /// A run ends.
    End,
    /// Somebody on the loop's thread stops it, or a posted stop is reached.
    Stop,
    /// The work raises an exit request.
    RequestExit(u8),
    /// The loop looks for one.
    LeaveIfAsked,
    /// The owner closes it.
    Close,
}

impl Life {
    /// A run begins.
    ///
    /// # Errors
    /// Why it is refused; nothing has changed.
    pub fn begin(&mut self, other_running: bool) -> Result<(), Cause> {
        if self.running {
            return Err(Cause::AlreadyRunning);
        }
        if other_running {
            return Err(Cause::OtherLoopRunning);
        }
        if self.closed {
            return Err(Cause::LoopClosed);
        }
        self.running = true;
        self.turned = false;
        Ok(())
    }

    /// An iteration begins.
    pub fn turn(&mut self) {
        self.turned = true;
    }

    /// An iteration is over; whether the run is to end.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// A run ends: a stop is consumed if it could be served.
    pub fn end(&mut self) {
        self.running = false;
        self.stopping &= !self.turned;
        self.turned = false;
    }

    /// The run, or the next one, is to end.
    pub fn stop(&mut self) {
        self.stopping = true;
    }

    /// The run is to end at once; the first request counts.
    pub fn request_exit(&mut self, code: u8) {
        self.exit.get_or_insert(code);
    }

    /// The loop looks for an exit request.
    pub fn take_exit(&mut self) -> Option<u8> {
        self.exit.take()
    }

    /// The owner closes it; whether it was open.
    ///
    /// # Errors
    /// It runs; nothing has changed.
    pub fn close(&mut self) -> Result<bool, Cause> {
        if self.running {
            return Err(Cause::AlreadyRunning);
        }
        Ok(!std::mem::replace(&mut self.closed, true))
    }

    /// Whether it runs.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.running
    }

    /// Whether it is closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed
    }
}

impl Machine for Life {
    type Action = Action;
    type Answer = Word;

    fn step(&self, action: &Action) -> Vec<(Life, Word)> {
        let word = |result: Result<(), Cause>| result.map_or_else(Word::Error, |()| Word::Ok);
        only(self, |life| match action {
            Action::Begin { other_running } => word(life.begin(*other_running)),
            Action::Turn => {
                life.turn();
                Word::Ok
            }
            Action::TurnOver if life.is_stopping() => Word::Stop,
            Action::TurnOver => Word::Continue,
            Action::End => {
                life.end();
                Word::Ok
            }
            Action::Stop => {
                life.stop();
                Word::Ok
            }
            Action::RequestExit(code) => {
                life.request_exit(*code);
                Word::Ok
            }
            Action::LeaveIfAsked => {
                life.take_exit().map_or(Word::None, |code| Word::Error(Cause::Exit(code)))
            }
            Action::Close => word(life.close().map(|_| ())),
        })
    }
}
