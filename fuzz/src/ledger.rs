//! What the ready queue and the timers must hold, and so which callback must run next.
//!
//! The ledger mirrors the loop from the outside. It is told of everything that is scheduled at the
//! moment when that happens, and of every callback when it runs; in one thread that decides the order
//! exactly. It knows nothing of task steps and done-callbacks, which go through the same queue: they
//! change nothing in the order of the others.
//!
//! An iteration takes in the due timers before any user code runs, at a time that stands still until it
//! ends. So the ledger does the same when the first user code of the iteration reports, or at its end.

use std::collections::{BTreeSet, VecDeque};

use loopgate::Time;

/// Names a callback. Numbers follow the order of scheduling.
pub(crate) type CallId = usize;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CallState {
    /// Not accepted by the loop, or not yet.
    Unscheduled,
    Waiting,
    Ran,
    Cancelled,
    /// The loop closed first.
    Ended,
}

#[derive(Debug)]
struct Call {
    state: CallState,
    deadline: Option<Time>,
    dropped: bool,
}

#[derive(Clone, Copy, Debug)]
enum Queued {
    Call(CallId),
    Stop,
    /// A stop that may have had its turn before an exit request ended the iteration.
    MaybeStop,
}

/// Whether a run is to end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Stop {
    #[default]
    No,
    Maybe,
    Yes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// The loop does not run.
    None,
    /// It runs, and has not reported yet.
    Opened,
    /// So many entries at the front of the queue are still to run in this iteration.
    Batch(usize),
}

#[derive(Debug)]
pub(crate) struct Ledger {
    calls: Vec<Call>,
    queue: VecDeque<Queued>,
    /// Set and not yet taken in; ties in the order of scheduling.
    timers: BTreeSet<(Time, CallId)>,
    turn: Turn,
    stop: Stop,
    exit: bool,
    /// Asked for by something whose place in the queue is not known.
    exit_somewhere: bool,
}

/// How an iteration ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Continue,
    Stop,
    Exit,
}

/// How an iteration must have ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected {
    exit: bool,
    stop: Stop,
}

impl Expected {
    pub(crate) fn allows(self, ending: Ending) -> bool {
        match ending {
            Ending::Exit => self.exit,
            Ending::Stop => !self.exit && self.stop != Stop::No,
            Ending::Continue => !self.exit && self.stop != Stop::Yes,
        }
    }
}

impl Ledger {
    pub(crate) fn new() -> Ledger {
        Ledger {
            calls: Vec::new(),
            queue: VecDeque::new(),
            timers: BTreeSet::new(),
            turn: Turn::None,
            stop: Stop::No,
            exit: false,
            exit_somewhere: false,
        }
    }

    // ---- what is scheduled --------------------------------------------------------------------------

    /// A callback that is about to be scheduled.
    pub(crate) fn announce(&mut self) -> CallId {
        self.calls.push(Call { state: CallState::Unscheduled, deadline: None, dropped: false });
        self.calls.len() - 1
    }

    /// It was accepted for the next iteration.
    pub(crate) fn queued(&mut self, id: CallId) {
        self.calls[id].state = CallState::Waiting;
        self.queue.push_back(Queued::Call(id));
    }

    /// It was accepted for a moment.
    pub(crate) fn timer_set(&mut self, id: CallId, deadline: Time) {
        self.calls[id].state = CallState::Waiting;
        self.calls[id].deadline = Some(deadline);
        self.timers.insert((deadline, id));
    }

    pub(crate) fn stop_posted(&mut self) {
        self.queue.push_back(Queued::Stop);
    }

    pub(crate) fn stop_requested(&mut self) {
        self.stop = Stop::Yes;
    }

    /// The callback that runs asks for an exit.
    pub(crate) fn exits_here(&mut self) {
        self.exit = true;
    }

    /// A coroutine or a done-callback asks for an exit.
    pub(crate) fn exits_somewhere(&mut self) {
        self.exit = true;
        self.exit_somewhere = true;
    }

    /// It is being cancelled; whether that must prevent it.
    pub(crate) fn cancel(&mut self, id: CallId) -> bool {
        let call = &mut self.calls[id];
        if call.state != CallState::Waiting {
            return false;
        }
        call.state = CallState::Cancelled;
        if let Some(deadline) = call.deadline {
            self.timers.remove(&(deadline, id));
        }
        true
    }

    pub(crate) fn dropped(&mut self, id: CallId) {
        self.calls[id].dropped = true;
    }

    pub(crate) fn is_dropped(&self, id: CallId) -> bool {
        self.calls[id].dropped
    }

    // ---- what happens -------------------------------------------------------------------------------

    pub(crate) fn turn_opens(&mut self) {
        self.turn = Turn::Opened;
    }

    /// User code runs: if it is the first of its iteration, the due timers have been taken in.
    pub(crate) fn user_code(&mut self, now: Time) {
        if self.turn != Turn::Opened {
            return;
        }
        while let Some((deadline, id)) = self.timers.first().copied() {
            if deadline > now {
                break;
            }
            self.timers.pop_first();
            self.queue.push_back(Queued::Call(id));
        }
        self.turn = Turn::Batch(self.queue.len());
    }

    /// A callback runs.
    pub(crate) fn runs(&mut self, id: CallId, now: Time) -> Result<(), String> {
        if self.exit {
            return Err(format!("callback {id} runs after an exit request (S-9)"));
        }
        if self.calls[id].deadline.is_some_and(|deadline| deadline > now) {
            return Err(format!("timer {id} fires before its deadline (D-1)"));
        }
        loop {
            let Some(next) = self.take_next() else {
                return Err(format!("callback {id} runs in an iteration it is not part of (Q-2)"));
            };
            let Queued::Call(next) = next else { continue };
            match self.calls[next].state {
                CallState::Cancelled => {}
                CallState::Waiting if next == id => {
                    self.calls[id].state = CallState::Ran;
                    return Ok(());
                }
                state => {
                    let seen = self.calls[id].state;
                    return Err(format!(
                        "callback {id} ({seen:?}) runs before {next} ({state:?}) (Q-1, Q-3, D-2)"
                    ));
                }
            }
        }
    }

    fn take_next(&mut self) -> Option<Queued> {
        match &mut self.turn {
            Turn::Batch(left) if *left > 0 => *left -= 1,
            _ => return None,
        }
        let next = self.queue.pop_front();
        match next {
            Some(Queued::Stop) => self.stop = Stop::Yes,
            Some(Queued::MaybeStop) => self.stop = self.stop.max(Stop::Maybe),
            _ => {}
        }
        next
    }

    /// An iteration is over.
    pub(crate) fn turn_ends(&mut self, now: Time) -> Result<Expected, String> {
        self.user_code(now);
        let exit = std::mem::take(&mut self.exit);
        if std::mem::take(&mut self.exit_somewhere) {
            self.doubt_stops();
        }
        while !exit && let Some(next) = self.take_next() {
            let Queued::Call(id) = next else { continue };
            if self.calls[id].state != CallState::Cancelled {
                return Err(format!("callback {id} did not run in its iteration (Q-2, Q-5)"));
            }
        }
        self.turn = Turn::None;
        Ok(Expected { exit, stop: std::mem::take(&mut self.stop) })
    }

    /// Stops that nothing which ran was behind.
    fn doubt_stops(&mut self) {
        let Turn::Batch(left) = self.turn else { return };
        for queued in self.queue.iter_mut().take(left) {
            match *queued {
                Queued::Call(id) if self.calls[id].state != CallState::Cancelled => return,
                Queued::Call(_) => {}
                Queued::Stop | Queued::MaybeStop => *queued = Queued::MaybeStop,
            }
        }
    }

    /// The loop is about to close: nothing runs any more.
    pub(crate) fn close(&mut self) {
        self.queue.clear();
        self.timers.clear();
        for call in &mut self.calls {
            if call.state == CallState::Waiting {
                call.state = CallState::Ended;
            }
        }
    }

    // ---- what must be so ----------------------------------------------------------------------------

    /// Whether something waits for the next iteration.
    pub(crate) fn has_work(&self) -> bool {
        self.stop == Stop::Yes
            || self.queue.iter().any(|queued| match queued {
                Queued::Call(id) => self.calls[*id].state == CallState::Waiting,
                Queued::Stop => true,
                Queued::MaybeStop => false,
            })
    }

    /// The earliest deadline of a timer that is to fire.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        self.timers.first().map(|(deadline, _)| *deadline)
    }

    /// Every callback that waits in the queue.
    pub(crate) fn waiting(&self) -> Vec<CallId> {
        let calls = self.queue.iter().filter_map(|queued| match queued {
            Queued::Call(id) => Some(*id),
            Queued::Stop | Queued::MaybeStop => None,
        });
        calls.filter(|id| self.calls[*id].state == CallState::Waiting).collect()
    }

    /// Whether one of these still waits.
    pub(crate) fn any_waits(&self, calls: &[CallId]) -> bool {
        calls.iter().any(|id| self.calls[*id].state == CallState::Waiting)
    }

    /// A callback that a closed loop still keeps.
    pub(crate) fn kept(&self) -> Option<CallId> {
        self.calls.iter().position(|call| !call.dropped)
    }
}
