//! What a sleep waits for: a timer that wakes whoever awaits it.
//!
//! Clause T-18, and T-6 where the task that sleeps is cancelled. States:
//!
//! * *set*: the timer is to come;
//! * *rung*: it came;
//! * *cancelled*: so was the task that sleeps;
//! * *lost*: the timer was withdrawn, with its sleep or with its loop.
//!
//! All but the first are final. A sleep can be made in one thread and awaited in another, so all of it is
//! under one lock. Each method takes that once, and there it takes effect; wakers are cloned, called and
//! dropped without it.

use std::task::{Context, Poll, Waker};

use crate::awaiting::{RemoteAwaiter, RemoteSuspension, RemoteTarget, Taken, current};
use crate::core::LoopCore;
use crate::exception::{BrokenPromise, Cancelled, Exception, shield_from_panic};
use crate::handle::{ArcCall, Call};
use crate::primitives::{Arc, Checked, Mutex, Time, checked_mutex};
use crate::timers::TimerCall;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Set,
    Rung,
    Cancelled,
    Lost,
}

struct State {
    phase: Phase,
    awaiter: Option<Awaiter>,
}

struct Awaiter {
    /// Of the kernel task that sleeps, if it is one.
    port: Option<u64>,
    waker: Waker,
}

impl Checked for State {
    fn check(&self) {
        assert!(
            self.phase == Phase::Set || self.awaiter.is_none(),
            "whoever awaits an alarm is told of its end"
        );
    }

    fn state(&self) -> String {
        format!("{:?}", self.phase)
    }
}

impl State {
    fn is_awaited_in(&self, port: u64) -> bool {
        self.awaiter.as_ref().is_some_and(|awaiter| awaiter.port == Some(port))
    }
}

struct Shared(Mutex<State>);

impl Shared {
    /// Ends it if it is set and `applies`, and wakes whoever awaits it; whether this call did.
    fn end(&self, phase: Phase, applies: impl FnOnce(&State) -> bool) -> bool {
        let mut state = self.0.lock();
        if state.phase != Phase::Set || !applies(&state) {
            return false;
        }
        state.phase = phase;
        let awaiter = state.awaiter.take();
        drop(state);
        if let Some(awaiter) = awaiter {
            shield_from_panic("a waker panicked", || awaiter.waker.wake());
        }
        true
    }

    /// The same where whoever awaits it is here, and need not be woken.
    fn end_quietly(&self, phase: Phase) {
        let mut state = self.0.lock();
        let awaiter = state.awaiter.take();
        if state.phase == Phase::Set {
            state.phase = phase;
        }
        drop(state);
        drop(awaiter);
    }
}

/// As which the loop's timers have it.
impl Call for Shared {
    fn run(&self) {
        self.end(Phase::Rung, |_| true);
    }

    fn cancel(&self) -> bool {
        self.end(Phase::Lost, |_| true)
    }

    fn cancelled(&self) -> bool {
        matches!(self.0.lock().phase, Phase::Cancelled | Phase::Lost)
    }
}

/// A kernel task sleeps: its cancel ends the sleep.
impl RemoteTarget for Shared {
    fn cancel_awaiter(self: Arc<Self>, awaiter: RemoteAwaiter) -> Taken {
        let ended = self.end(Phase::Cancelled, |state| state.is_awaited_in(awaiter.port));
        if ended { Taken::ToYield } else { Taken::Refused }
    }

    fn is_stale(&self, awaiter: RemoteAwaiter) -> bool {
        let state = self.0.lock();
        state.phase == Phase::Set && !state.is_awaited_in(awaiter.port)
    }
}

/// A timer to be awaited; withdrawn when it is dropped.
pub(super) struct Alarm {
    shared: Arc<Shared>,
    suspension: RemoteSuspension,
}

impl Alarm {
    pub(super) fn set(core: &LoopCore, when: Time) -> Alarm {
        let state = State { phase: Phase::Set, awaiter: None };
        let shared = Arc::new(Shared(checked_mutex(state)));
        core.queue.insert_timer(when, TimerCall::Shared(Arc::clone(&shared) as ArcCall));
        Alarm { shared, suspension: RemoteSuspension::default() }
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Exception>> {
        if let Some(cancelled) = self.suspension.receive() {
            self.shared.end_quietly(Phase::Cancelled);
            self.suspension.end();
            return Poll::Ready(Err(cancelled.into()));
        }
        let awaiter = Awaiter { port: current::port_id(), waker: cx.waker().clone() };
        let mut state = self.shared.0.lock();
        let (phase, unused) = match state.phase {
            Phase::Set => (Phase::Set, state.awaiter.replace(awaiter)),
            ended => (ended, Some(awaiter)),
        };
        drop(state);
        drop(unused);
        let result = match phase {
            Phase::Set => {
                self.suspension.suspend(Arc::clone(&self.shared) as Arc<dyn RemoteTarget>, 0);
                return Poll::Pending;
            }
            Phase::Rung => Ok(()),
            Phase::Cancelled => Err(Cancelled::default().into()),
            Phase::Lost => Err(BrokenPromise.into()),
        };
        self.suspension.end();
        Poll::Ready(result)
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.suspension.end();
        self.shared.end_quietly(Phase::Lost);
    }
}
