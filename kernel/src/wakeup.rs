//! The gate's inner side: the inbox that any thread posts to, and the wake that makes the loop look.
//!
//! Clauses W-1 to W-11. The loop is in one of three states, kept in the inbox under its lock:
//!
//! * *awake*: it will take the inbox before it sleeps again, so a post writes nothing;
//! * *asleep*: it sleeps, is about to, or does not run at all; the next post must write a byte;
//! * *notified*: a post has undertaken to write that byte; further posts need not.
//!
//! Only the loop thread moves to *asleep* and *awake*; only a poster moves from *asleep* to *notified*.
//!
//! Linearization points: a post takes effect where it pushes under the lock (publish), and its byte is
//! written after the lock is released (wake), so no system call runs under it. `prepare_sleep` decides
//! to sleep under the same lock and only while the inbox is empty. Hence either the loop sees the entry
//! before it sleeps, or the poster sees *asleep* and writes. `close` takes the inbox and the pipe away
//! under the lock: every post is wholly before it or wholly after.
//!
//! A byte may arrive late, when the loop has long woken for another reason: it costs one empty turn.
//!
//! A loop that was told to spins before it sleeps: it looks at the hint `mail` for a while, still *awake*, so
//! that posters write nothing. What it sees there only saves it a sleep; whether it may sleep is decided under
//! the lock as ever.

use std::io;
use std::pin::Pin;
use std::time::Duration;

use crate::exception::{ExceptionContext, report_by_default};
use crate::handle::ArcCall;
use crate::primitives::{
    Arc, AtomicBool, Checked, Clock, Mutex, Ordering, Pipe, Time, checked_mutex, spin, thread,
    unique_id,
};
use crate::table::Key;

/// What other threads can ask of a loop.
pub(crate) enum Posted {
    /// Call a callback.
    Call(ArcCall),
    /// Begin a submission. It is cancelled through its future, so nobody else refers to this.
    Begin(Pin<Box<dyn Begin>>),
    /// Set a timer.
    Timer(Box<(Time, ArcCall)>),
    /// Step a task whose waker was called.
    Step(Key),
    /// Cancel a task whose submission was cancelled.
    Cancel(Key),
    /// Open a parcel: something kept on the loop for when foreign work is done.
    Parcel(Key),
    /// End the run after this batch.
    Stop,
    /// A post that was withdrawn because its wake failed.
    Withdrawn,
}

/// A submission on its way; dropped if the loop closes first.
pub(crate) trait Begin: Send {
    /// On the loop: its turn has come.
    fn begin(self: Pin<Box<Self>>);
}

/// Why a post was not accepted. The posted work is given back, to be dropped with no lock held.
pub(crate) struct Refused {
    pub(crate) posted: Posted,
    /// `None` if the loop is closed; else why it could not be woken.
    pub(crate) wake_error: Option<io::Error>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sleep {
    Awake,
    Asleep,
    Notified,
}

struct Inbox {
    queue: Vec<Posted>,
    /// How many posts were taken out before `queue[0]`: a post's number never changes.
    taken: u64,
    sleep: Sleep,
    running: bool,
    /// `None` once the loop is closed.
    pipe: Option<Arc<Pipe>>,
}

impl Checked for Inbox {
    fn check(&self) {
        let Inbox { queue, sleep, running, pipe, .. } = self;
        assert!(pipe.is_some() || queue.is_empty(), "a closed loop has no mail");
        assert!(pipe.is_some() || !running, "a closed loop does not run");
        assert!(*running || *sleep != Sleep::Awake, "a loop that does not run is to be woken");
        let withdrawn = matches!(queue.last(), Some(Posted::Withdrawn));
        assert!(!withdrawn, "what was withdrawn from the end is gone");
    }

    fn state(&self) -> String {
        let Inbox { queue, sleep, pipe, .. } = self;
        let closed = if pipe.is_some() { "" } else { ", closed" };
        format!("{sleep:?}, {} posted{closed}", queue.len())
    }
}

/// One loop's gate; shared by the loop and everything that may post to it.
pub(crate) struct Gate {
    id: u64,
    owner: thread::ThreadId,
    clock: Clock,
    /// How long the loop spins before it sleeps, and a submitter before it blocks; `None` if not at all.
    patience: Option<Duration>,
    inbox: Mutex<Inbox>,
    /// Whether the inbox may hold something: lets the loop thread keep one order without a lock.
    mail: AtomicBool,
}

impl Gate {
    /// The gate of a loop that belongs to the calling thread.
    pub(crate) fn new(clock: Clock, patience: Option<Duration>, pipe: Arc<Pipe>) -> Arc<Gate> {
        Arc::new(Gate {
            id: unique_id(),
            owner: thread::current_id(),
            clock,
            patience,
            inbox: checked_mutex(Inbox {
                queue: Vec::new(),
                taken: 0,
                sleep: Sleep::Asleep,
                running: false,
                pipe: Some(pipe),
            }),
            mail: AtomicBool::new(false),
        })
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn owner(&self) -> thread::ThreadId {
        self.owner
    }

    /// Whether this is the thread of the loop, running or not.
    pub(crate) fn is_owned_here(&self) -> bool {
        self.owner == thread::current_id()
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(crate) fn patience(&self) -> Option<Duration> {
        self.patience
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.inbox.lock().pipe.is_none()
    }

    pub(crate) fn is_running(&self) -> bool {
        self.inbox.lock().running
    }

    //= SPEC.md#w-7
    //# A post whose wake cannot be delivered MUST be withdrawn and refused with the reason, unless
    //# the loop took the entry in the meantime.
    //= SPEC.md#w-9
    //# Closing and posting MUST be atomic: a post is either refused, with nothing queued, or handed
    //# to the loop, which runs it or ends it.
    /// Hands work to the loop, or refuses it having changed nothing.
    pub(crate) fn post(&self, posted: Posted) -> Result<(), Refused> {
        let (number, wake) = self.publish(posted)?;
        match wake.map_or(Ok(()), |pipe| self.wake(&pipe)) {
            Ok(()) => Ok(()),
            Err(error) => self.withdraw(number, error),
        }
    }

    /// Hands over work that must not be lost: if the wake fails it stays queued for the next one.
    ///
    /// For completions, steps and cancels. Nothing is told to the caller, who could do nothing.
    pub(crate) fn post_or_keep(&self, posted: Posted) {
        // A closed loop has ended everything that could be meant.
        let Ok((_, Some(pipe))) = self.publish(posted) else { return };
        self.wake_or_tell(&pipe);
    }

    //= SPEC.md#q-1
    //# If scheduling A happened before scheduling B, by whatever threads, then A MUST run before B.
    /// Has the loop step a task, unless `queued` says that it will.
    ///
    /// The flag is set together with the entry: whoever finds it set, and then schedules something, must
    /// find the entry ahead of that.
    pub(crate) fn post_step(&self, task: Key, queued: &AtomicBool) {
        let mut inbox = self.inbox.lock();
        if inbox.pipe.is_none() {
            return;
        }
        let hint = inbox.queue.is_empty();
        if hint {
            // Relaxed: see `publish`. Before the flag, whose swap publishes it to the loop thread: that
            // keeps its order by this hint alone.
            self.mail.store(true, Ordering::Relaxed);
        }
        // Ordering: AcqRel pairs with the swap of the step, also when the answer is that one is queued
        // already: that step must see what happened before this wake (a plain load would lose it).
        if queued.swap(true, Ordering::AcqRel) {
            if hint {
                // Relaxed: see `publish`.
                self.mail.store(false, Ordering::Relaxed);
            }
            return;
        }
        let (_, wake) = self.push(&mut inbox, Posted::Step(task));
        drop(inbox);
        if let Some(pipe) = wake {
            self.wake_or_tell(&pipe);
        }
    }

    fn wake_or_tell(&self, pipe: &Pipe) {
        if let Err(error) = self.wake(pipe) {
            let exception = Some(error.into());
            report_by_default(
                &ExceptionContext::new("the event loop cannot be woken", exception),
                None,
            );
        }
    }

    //= SPEC.md#w-1
    //# A post MUST publish its entry before it wakes the loop.
    //= SPEC.md#w-11
    //# No foreign thread MUST be made to wait for the loop by a post.
    /// Queues the entry; the pipe to write to if the loop sleeps and nobody else has undertaken it.
    fn publish(&self, posted: Posted) -> Result<(u64, Option<Arc<Pipe>>), Refused> {
        let mut inbox = self.inbox.lock();
        if inbox.pipe.is_none() {
            drop(inbox);
            return Err(Refused { posted, wake_error: None });
        }
        Ok(self.push(&mut inbox, posted))
    }

    /// Queues an entry in an open inbox; its number, and the pipe to write to.
    fn push(&self, inbox: &mut Inbox, posted: Posted) -> (u64, Option<Arc<Pipe>>) {
        //= SPEC.md#w-3
        //# Between two moments at which the loop begins to sleep, posters MUST undertake at most
        //# one write to the pipe.
        let asleep = inbox.sleep == Sleep::Asleep;
        let wake = inbox.pipe.as_ref().filter(|_| asleep).map(Arc::clone);
        if wake.is_some() {
            inbox.sleep = Sleep::Notified;
        }
        let number = inbox.taken + inbox.queue.len() as u64;
        if inbox.queue.is_empty() {
            // Relaxed: only a hint. Whoever must see this post has the lock's or another
            // happens-before edge after it, and then coherence shows the store.
            self.mail.store(true, Ordering::Relaxed);
        }
        inbox.queue.push(posted);
        (number, wake)
    }

    //= SPEC.md#w-4
    //# A full pipe MUST count as a delivered wake, and posting to it MUST NOT block or fail.
    /// Writes the byte that this thread undertook to write; a full pipe is readable already.
    fn wake(&self, pipe: &Pipe) -> io::Result<()> {
        pipe.try_write().map(|_written| ()).inspect_err(|_| {
            let mut inbox = self.inbox.lock();
            if inbox.sleep == Sleep::Notified {
                // Nobody wakes the loop now: the next poster must try.
                inbox.sleep = Sleep::Asleep;
            }
            drop(inbox);
            // Others may have relied on this byte. End-of-file wakes the loop as well, and is repaired.
            pipe.break_writer();
        })
    }

    /// Takes a post back whose wake failed; if the loop has it already, it was delivered after all.
    fn withdraw(&self, number: u64, error: io::Error) -> Result<(), Refused> {
        let mut inbox = self.inbox.lock();
        let Some(index) = number.checked_sub(inbox.taken) else { return Ok(()) };
        let index = usize::try_from(index).expect("an index into a vector");
        let posted = std::mem::replace(&mut inbox.queue[index], Posted::Withdrawn);
        // Only from the end, so that the other posts keep their numbers.
        while let Some(Posted::Withdrawn) = inbox.queue.last() {
            inbox.queue.pop();
        }
        if inbox.queue.is_empty() {
            // Relaxed: see `publish`; posters write it under this same lock.
            self.mail.store(false, Ordering::Relaxed);
        }
        Err(Refused { posted, wake_error: Some(error) })
    }

    /// Whether the inbox may hold something. Never false if a post happened before this call.
    #[inline]
    pub(crate) fn has_mail(&self) -> bool {
        // Relaxed: see `publish`; the entries themselves are read under the lock.
        self.mail.load(Ordering::Relaxed)
    }

    /// Loop thread: looks out for mail for a while, if that pays and `soonest`, the next deadline, is not
    /// sooner; whether there is some.
    pub(crate) fn spin_for_mail(&self, soonest: Option<Time>) -> bool {
        let Some(patience) = self.patience else { return false };
        let late = |at: Time| at.saturating_since(self.clock.now()) < patience;
        !soonest.is_some_and(late) && spin(patience, || self.has_mail())
    }

    /// Loop thread: takes everything posted so far, into an empty vector.
    pub(crate) fn take_mail(&self, into: &mut Vec<Posted>) {
        debug_assert!(into.is_empty(), "mail that was not delivered");
        let mut inbox = self.inbox.lock();
        self.take(&mut inbox, into);
    }

    fn take(&self, inbox: &mut Inbox, into: &mut Vec<Posted>) {
        inbox.taken += inbox.queue.len() as u64;
        std::mem::swap(&mut inbox.queue, into);
        // Relaxed: see `publish`; posters write it under this same lock.
        self.mail.store(false, Ordering::Relaxed);
    }

    //= SPEC.md#w-2
    //# A post that is accepted while the loop sleeps, or is about to, MUST make that sleep end.
    /// Loop thread: goes to sleep unless something was posted; true if it may sleep.
    pub(crate) fn prepare_sleep(&self) -> bool {
        let mut inbox = self.inbox.lock();
        if inbox.queue.is_empty() {
            inbox.sleep = Sleep::Asleep;
            true
        } else {
            false
        }
    }

    /// Loop thread: it is awake, and has everything posted so far.
    pub(crate) fn wake_up(&self, into: &mut Vec<Posted>) {
        let mut inbox = self.inbox.lock();
        inbox.sleep = Sleep::Awake;
        self.take(&mut inbox, into);
    }

    /// Loop thread: a run begins or ends. Between runs the loop counts as asleep.
    //= SPEC.md#w-10
    //# A post to a loop that is open but not running MUST be accepted and MUST run in the first
    //# batch of the next run.
    pub(crate) fn set_running(&self, running: bool) {
        let mut inbox = self.inbox.lock();
        inbox.running = running;
        if !running {
            inbox.sleep = Sleep::Asleep;
        }
    }

    /// Loop thread: a new pipe in place of one that reached end-of-file.
    //= SPEC.md#w-8
    //# End-of-file on the pipe MUST be reported to the exception handler once and repaired with a
    //# new pipe, and MUST NOT make the loop spin.
    pub(crate) fn replace_pipe(&self, pipe: Arc<Pipe>) {
        // A byte that is missed went into the old pipe: the loop is awake to do this, and takes the
        // mail before it sleeps again.
        let old = self.inbox.lock().pipe.replace(pipe);
        drop(old);
    }

    //= SPEC.md#w-9
    //# Closing and posting MUST be atomic: a post is either refused, with nothing queued, or handed
    //# to the loop, which runs it or ends it.
    /// Loop thread: no post is accepted from here on; returns those that were, to be ended.
    pub(crate) fn close(&self) -> Vec<Posted> {
        let mut inbox = self.inbox.lock();
        let pipe = inbox.pipe.take();
        let mut rest = Vec::new();
        self.take(&mut inbox, &mut rest);
        drop(inbox);
        // The descriptors go here, or with the last poster that is just writing.
        drop(pipe);
        rest
    }
}
