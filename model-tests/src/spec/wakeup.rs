//! The inbox and the wake: clauses W-1 to W-5 and W-9 to W-11.
//!
//! The loop is *awake*, *asleep*, or *notified*: a post has undertaken to write the byte. A post takes
//! effect where it is published; its byte is written later. Going to sleep, taking the mail and closing
//! are one step each against it. Pipes that break or are full are not part of this: they change nothing
//! that a program can observe, or refuse a post (W-7), which no [`Op`](super::program::Op) can bring about.

use std::hash::Hash;

use super::machine::{Machine, only};

/// Whether posts must wake the loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sleep {
    /// It will look before it sleeps.
    Awake,
    /// It sleeps, is about to, or does not run.
    Asleep,
    /// A byte was undertaken.
    Notified,
}

/// What other threads hand to a loop.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Inbox<E> {
    mail: Vec<E>,
    sleep: Sleep,
    open: bool,
    /// A byte is in the pipe.
    readable: bool,
}

/// What can be done to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Action<E> {
    /// A thread posts.
    Publish(E),
    /// It writes the byte that it undertook to write.
    Write,
    /// The loop wants to sleep.
    PrepareSleep,
    /// The loop looks into the pipe and drains it.
    Drain,
    /// The loop is awake and takes the mail.
    WakeUp,
    /// The loop takes the mail without having slept.
    TakeMail,
    /// A run ends.
    Rest,
    /// The loop closes.
    Close,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Answer<E> {
    /// It was done.
    Done,
    /// Published; the byte is to be written.
    MustWrite,
    /// The loop is closed, nothing was queued.
    Refused,
    /// Yes or no: it may sleep, or the pipe was readable.
    Bool(bool),
    /// What was posted, in order.
    Mail(Vec<E>),
}

impl<E> Default for Inbox<E> {
    fn default() -> Self {
        Inbox { mail: Vec::new(), sleep: Sleep::Asleep, open: true, readable: false }
    }
}

impl<E> Inbox<E> {
    /// Queues a post; whether its byte is to be written, or the post back if the loop is closed.
    ///
    /// # Errors
    /// The post, refused.
    pub fn publish(&mut self, post: E) -> Result<bool, E> {
        if !self.open {
            return Err(post);
        }
        let must_write = self.sleep == Sleep::Asleep;
        if must_write {
            self.sleep = Sleep::Notified;
        }
        self.mail.push(post);
        Ok(must_write)
    }

    /// A byte arrives.
    pub fn write(&mut self) {
        // A closed loop has taken its pipe away.
        self.readable = self.open;
    }

    /// Whether the loop may sleep: nothing was posted.
    pub fn prepare_sleep(&mut self) -> bool {
        let nothing = self.mail.is_empty();
        if nothing {
            self.sleep = Sleep::Asleep;
        }
        nothing
    }

    /// Whether the pipe was readable; it is not any more.
    pub fn drain(&mut self) -> bool {
        std::mem::take(&mut self.readable)
    }

    /// Whether a sleeping loop has a reason to wake.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        self.readable
    }

    /// The loop is awake, and has everything posted so far.
    pub fn wake_up(&mut self) -> Vec<E> {
        self.sleep = Sleep::Awake;
        self.take_mail()
    }

    /// Everything posted so far.
    pub fn take_mail(&mut self) -> Vec<E> {
        std::mem::take(&mut self.mail)
    }

    /// Between runs the loop counts as asleep.
    pub fn rest(&mut self) {
        self.sleep = Sleep::Asleep;
    }

    /// Nothing is accepted from here on; what was is handed over.
    pub fn close(&mut self) -> Vec<E> {
        self.open = false;
        self.readable = false;
        self.take_mail()
    }

    /// Whether posts are accepted.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// What waits in it.
    pub fn iter(&self) -> impl Iterator<Item = &E> {
        self.mail.iter()
    }
}

impl<E: Clone + std::fmt::Debug + Eq + Hash> Machine for Inbox<E> {
    type Action = Action<E>;
    type Answer = Answer<E>;

    fn step(&self, action: &Action<E>) -> Vec<(Self, Answer<E>)> {
        only(self, |inbox| match action {
            Action::Publish(post) => match inbox.publish(post.clone()) {
                Ok(true) => Answer::MustWrite,
                Ok(false) => Answer::Done,
                Err(_) => Answer::Refused,
            },
            Action::Write => {
                inbox.write();
                Answer::Done
            }
            Action::PrepareSleep => Answer::Bool(inbox.prepare_sleep()),
            Action::Drain => Answer::Bool(inbox.drain()),
            Action::WakeUp => Answer::Mail(inbox.wake_up()),
            Action::TakeMail => Answer::Mail(inbox.take_mail()),
            Action::Rest => {
                inbox.rest();
                Answer::Done
            }
            Action::Close => Answer::Mail(inbox.close()),
        })
    }
}
