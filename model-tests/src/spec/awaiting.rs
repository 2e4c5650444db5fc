//! Where a task's cancel goes: clauses T-6 to T-12 and O-1 to O-4, for one coroutine.
//!
//! A coroutine is suspended at one place, inside none or some scopes (`timeout`, `wait_for`). Each scope is
//! a level with a port of its own; level 0 is the task. A cancel enters at a level, the task's own at 0 and
//! an expiry at its scope's, and goes inward to what the coroutine is suspended on. There it is
//!
//! * *delivered*: the awaitable will yield it when it is polled;
//! * *handed on*: somebody else has it, and their end is waited for;
//! * *pending*, if nothing takes it: the next awaitable of that level that is polled receives it; what is
//!   still pending after a step that began with it drops whatever the level encloses.
//!
//! Everything here belongs to the loop's thread.

use super::machine::{Machine, only};

/// One level's port.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Port {
    /// Nothing has taken it yet.
    pending: bool,
    /// What is registered will yield it.
    delivered: bool,
    /// One was received in this step.
    received: bool,
    /// It came during this step.
    fresh: bool,
    /// What is registered has refused it.
    refused: bool,
    /// The awaitable, or the next scope inward, has suspended here.
    registered: bool,
    /// What is registered has handed one on.
    handed_on: bool,
}

/// One scope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Scope {
    /// Its time was up.
    pub expired: bool,
    /// A cancel came from outside.
    pub foreign: bool,
    /// It has been polled, so it can be woken.
    polled: bool,
}

/// The levels of one coroutine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Levels {
    ports: Vec<Port>,
    scopes: Vec<Scope>,
}

/// What becomes of a cancel that was offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Offer {
    /// It is where it has to be.
    Settled,
    /// It is pending: the task is to be stepped.
    Wake,
    /// What the coroutine is suspended on is asked; then [`Levels::answer`].
    Ask,
}

/// What an awaitable does with a cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Taken {
    /// There is nothing to cancel any more.
    Refused,
    /// Somebody else has it now.
    HandedOn,
    /// It will yield it.
    ToYield,
}

/// What an awaitable finds when it is polled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Received {
    /// No cancel.
    Nothing,
    /// The one that was delivered.
    Delivered,
    /// One that was pending, and has not been refused by it: it may hand it on.
    Pending,
    /// One that was pending, and that it has refused.
    Refused,
}

/// What can be done to the levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// The task is cancelled.
    Cancel,
    /// The time of a scope is up; scopes are counted from 1, inward.
    Expire(usize),
    /// The awaitable answers an [`Offer::Ask`].
    Answer(Taken),
    /// The last cancel is taken back.
    TakeBack,
    /// A step begins.
    BeginStep,
    /// The innermost awaitable is polled.
    Receive,
    /// It suspends; which level, if any, is dropped: see [`Levels::suspend`].
    Suspend,
    /// It is through.
    End,
    /// A scope is entered.
    Enter,
    /// The innermost scope is left.
    Leave,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// It was done.
    Done,
    /// To a cancel.
    Offer(Offer),
    /// To a step that begins: what was offered inward.
    Offers(Vec<(usize, Offer)>),
    /// To a poll.
    Received(Received),
    /// To a suspension.
    Dropped(Option<usize>),
    /// To a scope that is left.
    Left(Scope),
}

impl Default for Levels {
    fn default() -> Self {
        Levels { ports: vec![Port::default()], scopes: Vec::new() }
    }
}

impl Levels {
    /// The task is cancelled.
    pub fn cancel(&mut self) -> Offer {
        self.offer(0)
    }

    /// The task is cancelled while it runs, and is to hear of it at its next suspension.
    pub fn cancel_at_next_suspension(&mut self) {
        for scope in &mut self.scopes {
            scope.foreign = true;
        }
        self.innermost().set_pending();
    }

    /// The time of a scope is up.
    pub fn expire(&mut self, scope: usize) -> Offer {
        self.scopes[scope - 1].expired = true;
        self.offer(scope)
    }

    /// What is pending where the coroutine is drops nothing in this step.
    pub fn keep_pending(&mut self) {
        let port = self.innermost();
        port.fresh |= port.pending;
    }

    /// Offers what is pending where the coroutine has just suspended.
    pub fn offer_pending(&mut self) -> Option<Offer> {
        let innermost = self.ports.len() - 1;
        let port = &mut self.ports[innermost];
        (port.registered && port.take_pending()).then(|| self.offer(innermost))
    }

    /// Offers a cancel at a level.
    fn offer(&mut self, level: usize) -> Offer {
        let innermost = level + 1 == self.ports.len();
        let port = &mut self.ports[level];
        // That one before it was received says nothing of this one.
        port.received = false;
        if !port.registered {
            port.set_pending();
            let can_wake = level == 0 || self.scopes[level - 1].polled;
            return if can_wake { Offer::Wake } else { Offer::Settled };
        }
        if innermost {
            return if port.delivered { Offer::Settled } else { Offer::Ask };
        }
        port.handed_on = true;
        self.enter_from_outside(level + 1)
    }

    /// A scope hears of a cancel that is not its own.
    fn enter_from_outside(&mut self, scope: usize) -> Offer {
        if !std::mem::replace(&mut self.scopes[scope - 1].foreign, true) {
            self.ports[scope].take_pending();
        }
        self.offer(scope)
    }

    /// What the coroutine is suspended on was asked; whether the task is to be stepped.
    pub fn answer(&mut self, taken: Taken) -> bool {
        let port = self.innermost();
        match taken {
            Taken::ToYield => {
                port.fresh = true;
                port.delivered = true;
            }
            Taken::HandedOn => port.handed_on = true,
            Taken::Refused => {
                port.refused = true;
                port.set_pending();
                return true;
            }
        }
        false
    }

    fn innermost(&mut self) -> &mut Port {
        self.ports.last_mut().expect("level 0 is never left")
    }

    /// The last request was taken back: what was not received is withdrawn.
    pub fn take_back(&mut self) {
        for level in 0..self.ports.len() {
            let port = &mut self.ports[level];
            port.take_pending();
            port.delivered = false;
            if !port.registered || level + 1 == self.ports.len() {
                return;
            }
            let scope = &mut self.scopes[level];
            scope.foreign = false;
            if scope.expired {
                return;
            }
        }
    }

    /// A step begins: each scope takes what is pending outside it. What was offered, by scope.
    pub fn begin_step(&mut self) -> Vec<(usize, Offer)> {
        self.ports[0].begin_step();
        let mut offers = Vec::new();
        for scope in 1..self.ports.len() {
            offers.extend(self.take_inside(scope).map(|offer| (scope, offer)));
        }
        offers
    }

    /// What was offered when the step began was there from its beginning.
    pub fn calm(&mut self) {
        self.innermost().fresh = false;
    }

    /// A scope is polled.
    fn take_inside(&mut self, scope: usize) -> Option<Offer> {
        let pending = self.ports[scope - 1].take_pending();
        let offer = pending.then(|| self.enter_from_outside(scope));
        self.scopes[scope - 1].polled = true;
        self.ports[scope].begin_step();
        offer
    }

    /// Whether the innermost awaitable has suspended.
    #[must_use]
    pub fn is_registered(&self) -> bool {
        self.ports.last().is_some_and(|port| port.registered)
    }

    /// The innermost awaitable is polled.
    pub fn receive(&mut self) -> Received {
        let port = self.innermost();
        if port.registered && std::mem::take(&mut port.delivered) {
            port.received = true;
            return Received::Delivered;
        }
        let refused = port.refused;
        match (port.take_pending(), refused) {
            (false, _) => Received::Nothing,
            (true, false) => Received::Pending,
            (true, true) => Received::Refused,
        }
    }

    /// The innermost awaitable suspends, registered unless it is of a foreign kind.
    ///
    /// The level whose content is dropped at this await, if nothing in it came for a cancel that was there
    /// from the beginning of the step. Level 0 is the whole coroutine.
    pub fn suspend(&mut self, registers: bool) -> Option<usize> {
        let innermost = self.ports.len() - 1;
        if registers {
            self.register(innermost);
        }
        self.suspend_from(innermost)
    }

    /// The levels from this one outward suspend.
    fn suspend_from(&mut self, innermost: usize) -> Option<usize> {
        for level in (0..=innermost).rev() {
            let port = &mut self.ports[level];
            if !port.fresh && port.take_unreceived() {
                return Some(level);
            }
            if level > 0 {
                self.register(level - 1);
            }
        }
        None
    }

    /// The innermost awaitable is through. If it came to an end by itself, what it had handed on has come
    /// back as that.
    pub fn end(&mut self, by_itself: bool) {
        let port = self.innermost();
        port.received |= by_itself && port.registered && port.handed_on;
        if std::mem::take(&mut port.registered) && std::mem::take(&mut port.delivered) {
            port.give_back();
        }
        port.handed_on = false;
    }

    /// A scope is entered, and polled for the first time.
    pub fn enter(&mut self) {
        self.ports.push(Port::default());
        self.scopes.push(Scope::default());
        let offer = self.take_inside(self.scopes.len());
        debug_assert!(offer != Some(Offer::Ask), "nothing has suspended in it yet");
        // From now on: what it encloses may cancel the task before it suspends.
        self.register(self.scopes.len() - 1);
    }

    /// A mistake can be that a scope hears of nothing before it has suspended.
    pub fn hear_of_nothing(&mut self) {
        let outside = self.scopes.len() - 1;
        self.ports[outside].registered = false;
    }

    /// What is inside a level is what a cancel of it goes to.
    fn register(&mut self, level: usize) {
        let port = &mut self.ports[level];
        if !port.registered {
            port.registered = true;
            port.handed_on = false;
        }
    }

    /// The innermost scope is left; what its result is to be judged by.
    pub fn leave(&mut self) -> Scope {
        let (mut port, scope) =
            self.ports.pop().zip(self.scopes.pop()).expect("a scope that was entered");
        let outside = self.innermost();
        let unreceived = scope.foreign && port.take_unreceived();
        if unreceived {
            outside.give_back();
        }
        self.end(!unreceived);
        scope
    }

    /// A mistake can be that what was only given back counts as received.
    pub fn note_received(&mut self) {
        self.innermost().received = true;
    }

    /// How many scopes there are.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.scopes.len()
    }

    /// Takes a cancel of the task that nobody has received.
    pub fn take_unreceived(&mut self) -> bool {
        self.ports[0].take_unreceived()
    }

    /// Takes a cancel that is pending where the coroutine is.
    pub fn take_pending(&mut self) -> bool {
        self.innermost().take_pending()
    }
}

impl Port {
    fn set_pending(&mut self) {
        self.fresh |= !self.pending;
        self.pending = true;
    }

    fn take_pending(&mut self) -> bool {
        self.refused = false;
        std::mem::take(&mut self.pending)
    }

    fn give_back(&mut self) {
        self.pending |= !self.received;
    }

    fn begin_step(&mut self) {
        self.fresh = false;
        self.received = false;
    }

    fn take_unreceived(&mut self) -> bool {
        let delivered = std::mem::take(&mut self.delivered);
        self.take_pending() || delivered && !self.received
    }
}

impl Machine for Levels {
    type Action = Action;
    type Answer = Answer;

    fn step(&self, action: &Action) -> Vec<(Levels, Answer)> {
        only(self, |levels| match *action {
            Action::Cancel => Answer::Offer(levels.cancel()),
            Action::Expire(scope) => Answer::Offer(levels.expire(scope)),
            Action::Answer(taken) => {
                let wake = levels.answer(taken);
                Answer::Offer(if wake { Offer::Wake } else { Offer::Settled })
            }
            Action::TakeBack => {
                levels.take_back();
                Answer::Done
            }
            Action::BeginStep => Answer::Offers(levels.begin_step()),
            Action::Receive => Answer::Received(levels.receive()),
            Action::Suspend => Answer::Dropped(levels.suspend(true)),
            Action::End => {
                levels.end(true);
                Answer::Done
            }
            Action::Enter => {
                levels.enter();
                Answer::Done
            }
            Action::Leave => Answer::Left(levels.leave()),
        })
    }
}
