//! A pool of threads: clauses E-1 to E-8, without what its workers do.
//!
//! *Open*, *shut down*, or *broken*. Submitting, a worker's look for work, breaking down and shutting down
//! are one step each. `W` is a piece of work, whatever that is.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::hash::Hash;

use super::machine::{Machine, only};
use super::word::Cause;

/// Whether it takes work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// It does.
    #[default]
    Open,
    /// It was shut down.
    ShutDown,
    /// Its initializer failed.
    Broken,
}

/// A pool.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pool<W> {
    mode: Mode,
    queue: VecDeque<W>,
    limit: u8,
    /// Workers that have not ended.
    workers: u8,
    /// Workers that wait.
    idle: u8,
}

/// What can be done to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Action<W> {
    /// Somebody submits work.
    Execute(W),
    /// A worker looks for work.
    Look {
        /// It was waiting.
        idle: bool,
    },
    /// A worker's initializer failed.
    Break,
    /// Somebody shuts it down.
    Shutdown {
        /// What is queued is cancelled.
        cancel: bool,
    },
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Answer<W> {
    /// Accepted; whether a worker is started for it.
    Accepted {
        /// A worker is started.
        start: bool,
    },
    /// Refused.
    Refused(Cause),
    /// The worker has this to do.
    Work(W),
    /// The worker waits.
    Idle,
    /// The worker ends.
    End,
    /// This work is to be failed or cancelled.
    Rest(Vec<W>),
}

impl<W> Pool<W> {
    /// A pool of so many workers at most; `None` if that is none.
    #[must_use]
    pub fn new(limit: u8) -> Option<Pool<W>> {
        let queue = VecDeque::new();
        (limit > 0).then_some(Pool { mode: Mode::Open, queue, limit, workers: 0, idle: 0 })
    }

    /// Whether it takes work.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether it takes no work and every worker has ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.mode != Mode::Open && self.workers == 0
    }

    /// At most so many workers.
    #[must_use]
    pub fn limit(&self) -> u8 {
        self.limit
    }

    /// Workers that have not ended.
    #[must_use]
    pub fn workers(&self) -> u8 {
        self.workers
    }

    /// Workers that wait.
    #[must_use]
    pub fn idle(&self) -> u8 {
        self.idle
    }

    /// Whether a worker that waits has a reason to look.
    #[must_use]
    pub fn calls(&self) -> bool {
        !self.queue.is_empty() || self.mode != Mode::Open
    }

    /// What waits to be done.
    pub fn iter(&self) -> impl Iterator<Item = &W> {
        self.queue.iter()
    }

    /// Queues work; whether a worker is started for it.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn execute(&mut self, work: W) -> Result<bool, Cause> {
        match self.mode {
            Mode::Open => {}
            Mode::ShutDown => return Err(Cause::ShutDown),
            Mode::Broken => return Err(Cause::BrokenPool),
        }
        let start = self.queue.len() >= usize::from(self.idle) && self.workers < self.limit;
        self.workers += u8::from(start);
        self.queue.push_back(work);
        Ok(start)
    }

    /// A worker looks for work.
    pub fn look(&mut self, was_idle: bool) -> Answer<W> {
        self.idle -= u8::from(was_idle);
        if let Some(work) = self.queue.pop_front() {
            return Answer::Work(work);
        }
        if self.mode == Mode::Open {
            self.idle += 1;
            return Answer::Idle;
        }
        self.workers -= 1;
        Answer::End
    }

    /// The initializer failed; the work that fails with it.
    pub fn break_down(&mut self) -> Vec<W> {
        self.mode = Mode::Broken;
        self.queue.drain(..).collect()
    }

    /// Takes no more work; the work that is cancelled.
    pub fn shut_down(&mut self, cancel: bool) -> Vec<W> {
        if self.mode == Mode::Open {
            self.mode = Mode::ShutDown;
        }
        if cancel { self.queue.drain(..).collect() } else { Vec::new() }
    }
}

impl<W: Clone + Debug + Eq + Hash> Machine for Pool<W> {
    type Action = Action<W>;
    type Answer = Answer<W>;

    fn step(&self, action: &Action<W>) -> Vec<(Self, Answer<W>)> {
        only(self, |pool| match action {
            Action::Execute(work) => match pool.execute(work.clone()) {
                Ok(start) => Answer::Accepted { start },
                Err(cause) => Answer::Refused(cause),
            },
            Action::Look { idle } => pool.look(*idle),
            Action::Break => Answer::Rest(pool.break_down()),
            Action::Shutdown { cancel } => Answer::Rest(pool.shut_down(*cancel)),
        })
    }
}
