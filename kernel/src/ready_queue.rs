//! What the loop will do next, in one order for every thread.
//!
//! Clauses. The queue is the loop thread's own; posts of other threads wait in the gate's
//! inbox and are appended here. Before the loop thread appends anything it takes in the mail, so that a
//! post which happened before is ahead of it (clause Q-1); one relaxed load pays for that.
//!
//! After `close` nothing is queued any more: completions and reports take effect at once, so that
//! nobody is stranded, and everything else is dropped.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use crate::exception::{ExceptionContext, HandlerSlot, LoopClosed, shield_from_panic};
use crate::handle::Call;
use crate::primitives::{Arc, Clock, Time};
use crate::strip::{Place, Strips};
use crate::table::Key;
use crate::timers::{TimerCall, Timers};
use crate::wakeup::{Gate, Posted};

/// One thing for the loop to do. Small, for it is moved in and out: what is large is boxed.
pub(crate) enum Entry {
    /// Call a callback of the loop thread.
    Call(Place),
    /// Call that of a timer which the loop thread set.
    Timer(Rc<dyn Call>),
    /// Step a task.
    Step(Key),
    /// Call what watches a descriptor, if it still does.
    Ready { fd: i32, serial: u64, direction: Direction },
    /// Copy a task's outcome to its submission. Also done when the loop closes.
    Copy(Rc<dyn Submitted>),
    /// Tell the exception handler. Also done when the loop closes.
    Report(Box<ExceptionContext>),
    /// What another thread asked for.
    Posted(Posted),
}

/// What was submitted, and is done.
pub(crate) trait Submitted {
    /// The submitter gets the outcome.
    fn deliver(self: Rc<Self>);
}

/// Which of a descriptor's watchers is meant.
#[derive(Clone, Copy)]
pub(crate) enum Direction {
    Read,
    Write,
}

pub(crate) struct ReadyQueue {
    gate: Arc<Gate>,
    entries: RefCell<VecDeque<Entry>>,
    /// How many entries were ever taken out.
    popped: Cell<u64>,
    callbacks: Strips,
    timers: RefCell<Timers>,
    handler: HandlerSlot,
    /// An empty vector, swapped with the inbox so that neither is allocated anew.
    spare: RefCell<Vec<Posted>>,
    closed: Cell<bool>,
}

impl ReadyQueue {
    pub(crate) fn new(gate: Arc<Gate>) -> Rc<ReadyQueue> {
        Rc::new(ReadyQueue {
            gate,
            entries: RefCell::default(),
            popped: Cell::new(0),
            callbacks: Strips::default(),
            timers: RefCell::default(),
            handler: HandlerSlot::default(),
            spare: RefCell::default(),
            closed: Cell::new(false),
        })
    }

    pub(crate) fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    pub(crate) fn clock(&self) -> &Clock {
        self.gate.clock()
    }

    pub(crate) fn handler(&self) -> &HandlerSlot {
        &self.handler
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.get()
    }

    pub(crate) fn check_open(&self) -> Result<(), LoopClosed> {
        if self.closed.get() { Err(LoopClosed) } else { Ok(()) }
    }

    /// Queues a callback.
    pub(crate) fn call_soon(&self, callback: impl FnOnce() + 'static) -> Result<Place, LoopClosed> {
        self.check_open()?;
        let call = self.callbacks.store(callback);
        self.push(Entry::Call(call.clone()));
        Ok(call)
    }

    //= SPEC.md#q-1
    //# If scheduling A happened before scheduling B, by whatever threads, then A MUST run before B.
    /// Appends behind everything that was scheduled before, by any thread.
    #[inline]
    pub(crate) fn push(&self, entry: Entry) {
        if self.closed.get() {
            return self.end(entry);
        }
        self.look_for_mail();
        self.entries.borrow_mut().push_back(entry);
    }

    //= SPEC.md#q-1
    //# If scheduling A happened before scheduling B, by whatever threads, then A MUST run before B.
    /// Has a task stepped, if it `must`: it need not where a step is on its way.
    #[inline]
    pub(crate) fn push_step(&self, task: Key, must: impl FnOnce() -> bool) {
        if self.closed.get() {
            return;
        }
        // Before that is asked: the entry of a step that was posted is then ahead of whatever comes next.
        self.look_for_mail();
        if must() {
            self.entries.borrow_mut().push_back(Entry::Step(task));
        }
    }

    /// Sets a timer; ties are in order with timers that other threads set before.
    pub(crate) fn insert_timer(&self, when: Time, call: TimerCall) {
        self.look_for_mail();
        self.timers.borrow_mut().insert(when, call);
    }

    /// Takes in what was posted, as far as it happened before.
    #[inline]
    pub(crate) fn look_for_mail(&self) {
        if self.gate.has_mail() {
            self.take_in_mail(|gate, mail| gate.take_mail(mail));
        }
    }

    /// The loop has woken: takes in the mail, and posts to come need not wake it.
    pub(crate) fn wake_up(&self) {
        self.take_in_mail(|gate, mail| gate.wake_up(mail));
    }

    fn take_in_mail(&self, take: impl FnOnce(&Gate, &mut Vec<Posted>)) {
        let mut mail = self.spare.take();
        take(&self.gate, &mut mail);
        for posted in mail.drain(..) {
            match posted {
                Posted::Timer(timer) => {
                    let (when, call) = *timer;
                    self.timers.borrow_mut().insert(when, TimerCall::Shared(call));
                }
                Posted::Withdrawn => {}
                posted => self.entries.borrow_mut().push_back(Entry::Posted(posted)),
            }
        }
        self.spare.replace(mail);
    }

    //= SPEC.md#q-3
    //# Within one iteration, entries queued before the sleep MUST run before descriptors that
    //# became ready, and these before timers that became due.
    /// Appends the timers whose deadline has come, behind everything else that is ready.
    pub(crate) fn take_in_timers(&self) {
        if self.timers.borrow().len() == 0 {
            return;
        }
        let now = self.clock().now();
        self.timers.borrow_mut().pay_for_sweep();
        loop {
            let due = self.timers.borrow_mut().pop_due(now);
            let entry = match due {
                None => return,
                Some(TimerCall::Local(call)) => Entry::Timer(call),
                Some(TimerCall::Shared(call)) => Entry::Posted(Posted::Call(call)),
            };
            self.entries.borrow_mut().push_back(entry);
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<Time> {
        self.timers.borrow_mut().next_deadline()
    }

    #[inline]
    pub(crate) fn pop(&self) -> Option<Entry> {
        let entry = self.entries.borrow_mut().pop_front();
        self.popped.set(self.popped.get() + u64::from(entry.is_some()));
        entry
    }

    /// Whether the next entry copies an outcome.
    pub(crate) fn copies_next(&self) -> bool {
        matches!(self.entries.borrow().front(), Some(Entry::Copy(_)))
    }

    /// The place behind everything that was scheduled until now, by any thread.
    #[inline]
    pub(crate) fn end_of_line(&self) -> u64 {
        self.look_for_mail();
        self.popped.get() + self.len() as u64
    }

    /// Whether everything before that place has had its turn.
    #[inline]
    pub(crate) fn has_passed(&self, place: u64) -> bool {
        self.popped.get() >= place
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.entries.borrow().len()
    }

    /// Panics if the representation is broken.
    #[cfg(feature = "checkers")]
    pub(crate) fn check(&self) {
        let timers = self.timers.borrow();
        timers.check();
        assert!(self.spare.borrow().is_empty(), "the mail that was taken was delivered");
        let empty = self.entries.borrow().is_empty() && timers.len() == 0;
        assert!(!self.closed.get() || empty, "nothing is queued on a closed loop");
    }

    #[cfg(feature = "checkers")]
    pub(crate) fn timer_count(&self) -> usize {
        self.timers.borrow().len()
    }

    /// Tells the exception handler in a later turn: for reports that arise where it must not be called.
    pub(crate) fn report_later(&self, context: ExceptionContext) {
        self.push(Entry::Report(Box::new(context)));
    }

    /// Refuses everything from here on and ends what is queued.
    pub(crate) fn close(&self) {
        self.closed.set(true);
        let posted = self.gate.close();
        let entries = self.entries.take();
        let timers = self.timers.take().into_calls();
        let timers = timers.map(|timer| match timer {
            TimerCall::Local(call) => Entry::Timer(call),
            TimerCall::Shared(call) => Entry::Posted(Posted::Call(call)),
        });
        for entry in entries.into_iter().chain(posted.into_iter().map(Entry::Posted)).chain(timers)
        {
            self.end(entry);
        }
    }

    /// What becomes of an entry that will never have its turn: outcomes and reports arrive all the same,
    /// and a callback is dropped even if somebody holds its handle.
    fn end(&self, entry: Entry) {
        shield_from_panic("a callback panicked when the loop closed", || match entry {
            Entry::Copy(task) => task.deliver(),
            Entry::Report(context) => self.handler.report(&context),
            Entry::Call(call) => drop(call.cancel()),
            Entry::Timer(call) => drop(call.cancel()),
            Entry::Posted(Posted::Call(call)) => drop(call.cancel()),
            Entry::Posted(Posted::Timer(timer)) => drop(timer.1.cancel()),
            Entry::Step(_) | Entry::Ready { .. } | Entry::Posted(_) => {}
        });
    }
}
