//! What a program of timers comes to, by the spec.

use std::collections::BTreeMap;

use loopgate_model_tests::spec::handle::{Action as OnHandle, Handle};
use loopgate_model_tests::spec::ready_queue::{self, ReadyQueue};
use loopgate_model_tests::spec::timers::{self, Timers};
use loopgate_model_tests::spec::wakeup::{self, Inbox};
use loopgate_model_tests::spec::{Cause, Word};
use proptest::prelude::*;
use proptest_state_machine::ReferenceStateMachine;

use super::super::support::take;

pub(super) type Id = u16;
/// Milliseconds.
pub(super) type Units = u32;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Script {
    Nothing,
    /// Sets a timer at this moment, which may have passed.
    Sets(Id, Units),
    Cancels(Id),
}

/// How a callback is scheduled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    Soon,
    At(Units),
    Later(Units),
    FromOutside(Units),
}

#[derive(Clone, Debug)]
pub(super) enum Operation {
    Schedule(Id, How, Script),
    /// With a delay that the clock has no moment for; from outside or not.
    OutOfRange {
        outside: bool,
    },
    Cancel(Id),
    /// So many timers, set for later and cancelled at once.
    Many(u16),
    Passes(Units),
    Turn,
    TurnWithin(Units),
    TurnUntilTimer,
    Close,
    NewLoop,
}

impl Operation {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Operation::Schedule(_, How::Soon, _) => "call_soon",
            Operation::Schedule(_, How::At(_), _) => "call_at",
            Operation::Schedule(_, How::Later(_), _) => "call_later",
            Operation::Schedule(_, How::FromOutside(_), _) => "call_later_threadsafe",
            Operation::OutOfRange { .. } => "out of range",
            Operation::Cancel(_) => "cancel",
            Operation::Many(_) => "many, cancelled",
            Operation::Passes(_) => "time passes",
            Operation::Turn => "turn",
            Operation::TurnWithin(_) => "turn with a limit",
            Operation::TurnUntilTimer => "turn until a timer",
            Operation::Close => "close",
            Operation::NewLoop => "new loop",
        }
    }
}

/// What comes in by post.
type Posted = (Units, Id);

#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) handle: Handle,
    /// `None` of one that is no timer.
    pub(super) when: Option<Units>,
    pub(super) script: Script,
}

#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) timers: Timers<Id>,
    pub(super) ready: ReadyQueue<Id>,
    pub(super) inbox: Inbox<Posted>,
    pub(super) closed: bool,
    pub(super) now: Units,
    pub(super) calls: BTreeMap<Id, Call>,
    /// D-5: how many insertions and iterations each cancelled timer may still be in the heap.
    pub(super) husks: Vec<usize>,
    /// Called, at which moment.
    pub(super) log: Vec<(Id, Units)>,
    pub(super) answer: Word,
    pub(super) before: &'static str,
    pub(super) outcome: Option<&'static str>,
    pub(super) within: Vec<(&'static str, &'static str)>,
}

impl Model {
    fn new() -> Model {
        Model {
            timers: Timers::default(),
            ready: ReadyQueue::default(),
            inbox: Inbox::default(),
            closed: false,
            now: 0,
            calls: BTreeMap::new(),
            husks: Vec::new(),
            log: Vec::new(),
            answer: Word::Ok,
            before: "no timer",
            outcome: None,
            within: Vec::new(),
        }
    }

    fn state(&self) -> &'static str {
        match self.timers.next_deadline() {
            _ if self.closed => "closed",
            _ if self.inbox.iter().next().is_some() => "one was posted",
            None => "no timer",
            Some(when) if when <= self.now => "one is due",
            Some(_) => "one waits",
        }
    }

    fn fresh(&self) -> Id {
        let sets = |call: &Call| match call.script {
            Script::Sets(id, _) => Some(id),
            _ => None,
        };
        let known = self.calls.keys().copied();
        known.chain(self.calls.values().filter_map(sets)).max().map_or(0, |id| id + 1)
    }

    fn is_fresh(&self, id: Id) -> bool {
        let sets = |call: &Call| matches!(call.script, Script::Sets(other, _) if other == id);
        !self.calls.contains_key(&id) && !self.calls.values().any(sets)
    }

    fn schedule(&mut self, id: Id, how: How, script: Script) -> Word {
        if self.closed {
            return Word::Error(Cause::LoopClosed);
        }
        let when = match how {
            How::Soon => None,
            How::At(at) => Some(at),
            How::Later(after) | How::FromOutside(after) => Some(self.now + after),
        };
        self.calls.insert(id, Call { handle: Handle::Pending, when, script });
        match (how, when) {
            (How::FromOutside(_), Some(when)) => {
                let published = take(&mut self.inbox, &wakeup::Action::Publish((when, id)));
                if published == wakeup::Answer::MustWrite {
                    take(&mut self.inbox, &wakeup::Action::Write);
                }
            }
            (_, when) => {
                // Behind everything that was posted before.
                let mail = take(&mut self.inbox, &wakeup::Action::TakeMail);
                self.take_in(mail);
                match when {
                    Some(when) => self.insert(when, id),
                    None => drop(take(&mut self.ready, &ready_queue::Action::Push(id))),
                }
            }
        }
        Word::Ok
    }

    fn take_in(&mut self, mail: wakeup::Answer<Posted>) {
        let wakeup::Answer::Mail(mail) = mail else { unreachable!("it was asked for the mail") };
        for (when, id) in mail {
            self.insert(when, id);
        }
    }

    fn insert(&mut self, when: Units, id: Id) {
        self.pay();
        if self.calls[&id].handle == Handle::Pending {
            take(&mut self.timers, &timers::Action::Insert(when, id));
        } else {
            self.leave_husk();
        }
    }

    /// An insertion, or an iteration.
    fn pay(&mut self) {
        for left in &mut self.husks {
            *left -= 1;
        }
        self.husks.retain(|left| *left > 0);
    }

    fn leave_husk(&mut self) {
        let heap = self.timers.iter().count() + self.husks.len() + 1;
        self.husks.push(heap.max(64));
    }

    fn cancel(&mut self, id: Id) -> bool {
        let Some(call) = self.calls.get_mut(&id) else { return false };
        let prevented = take(&mut call.handle, &OnHandle::Cancel);
        if prevented && take(&mut self.timers, &timers::Action::Remove(id)).is_some() {
            self.leave_husk();
        }
        prevented
    }

    fn out_of_range(&self) -> Word {
        // There is no word for it: nobody but the caller sees it.
        if self.closed { Word::Error(Cause::LoopClosed) } else { Word::None }
    }

    fn many(&mut self, number: u16) {
        let mail = take(&mut self.inbox, &wakeup::Action::TakeMail);
        self.take_in(mail);
        for _ in 0..number {
            self.pay();
            self.leave_husk();
        }
    }

    /// One iteration; `None` sleeps until there is something to do.
    fn turn(&mut self, longest: Option<Units>) {
        self.sleep(longest);
        let mail = take(&mut self.inbox, &wakeup::Action::WakeUp);
        self.take_in(mail);
        self.pay();
        while let Some(id) = take(&mut self.timers, &timers::Action::PopDue(self.now)) {
            take(&mut self.ready, &ready_queue::Action::Push(id));
        }
        self.batch();
        take(&mut self.inbox, &wakeup::Action::Rest);
    }

    fn sleep(&mut self, longest: Option<Units>) {
        let may_sleep = self.ready.is_empty()
            && longest != Some(0)
            && take(&mut self.inbox, &wakeup::Action::PrepareSleep) == wakeup::Answer::Bool(true);
        if !may_sleep {
            // Who drives the loop from outside wants its descriptor to be calm.
            if longest.is_some() {
                take(&mut self.inbox, &wakeup::Action::Drain);
            }
            return;
        }
        let limit = longest.map(|longest| self.now + longest);
        let until = self.timers.next_deadline().into_iter().chain(limit).min();
        // A byte of before the run is in the pipe, or not: a clock on which nobody else is goes on to the moment that
        // the sleep may last to (P-2: a sleep may run out of time at any moment).
        match until {
            Some(until) => self.now = self.now.max(until),
            None => assert!(self.inbox.is_readable(), "the precondition of the operation"),
        }
        take(&mut self.inbox, &wakeup::Action::Drain);
    }

    fn batch(&mut self) {
        take(&mut self.ready, &ready_queue::Action::BeginBatch);
        self.outcome = Some("nothing ran");
        let mut batch: Vec<Id> = self.ready.iter().copied().collect();
        while let ready_queue::Answer::Entry(id) = take(&mut self.ready, &ready_queue::Action::Pop)
        {
            batch.retain(|other| *other != id);
            let call = self.calls.get_mut(&id).expect("it was scheduled");
            if take(&mut call.handle, &OnHandle::Run) {
                let script = call.script.clone();
                self.outcome = Some("some ran");
                self.log.push((id, self.now));
                self.perform(script, &batch);
            }
        }
    }

    fn perform(&mut self, script: Script, batch: &[Id]) {
        match script {
            Script::Nothing => {}
            Script::Sets(id, at) => {
                let name = if at <= self.now { "in the past" } else { "later" };
                self.within.push(("callback: set", name));
                self.schedule(id, How::At(at), Script::Nothing);
            }
            Script::Cancels(id) => {
                let name = match self.calls.get(&id).map(|call| call.handle) {
                    Some(Handle::Pending) if batch.contains(&id) => "due in this batch",
                    Some(Handle::Pending) => "waiting",
                    _ => "too late",
                };
                self.within.push(("callback: cancel", name));
                self.cancel(id);
            }
        }
    }

    fn close(&mut self) {
        take(&mut self.inbox, &wakeup::Action::Close);
        self.timers.take();
        self.ready.take();
        self.husks.clear();
        for call in self.calls.values_mut() {
            take(&mut call.handle, &OnHandle::Cancel);
        }
        self.closed = true;
    }

    /// S-7: the old loop is dropped, and so it is closed.
    fn renew(&mut self) {
        self.close();
        let Model { calls, log, before, .. } = std::mem::replace(self, Model::new());
        *self = Model { calls, log, before, ..Model::new() };
    }

    /// Whether a turn without a limit comes to an end.
    fn ends(&self) -> bool {
        let mail = self.inbox.iter().next().is_some() || self.inbox.is_readable();
        !self.ready.is_empty() || mail || self.timers.next_deadline().is_some()
    }
}

pub(super) struct Programs;

impl ReferenceStateMachine for Programs {
    type State = Model;
    type Transition = Operation;

    fn init_state() -> BoxedStrategy<Model> {
        Just(Model::new()).boxed()
    }

    fn transitions(model: &Model) -> BoxedStrategy<Operation> {
        let fresh = model.fresh();
        let now = model.now;
        let known: Vec<Id> = model.calls.keys().rev().take(12).copied().collect();
        // Few moments, so that many are equal; some have passed.
        let at = (now.saturating_sub(2)..now + 6).boxed();
        let sets = at.clone().prop_map(move |at| Script::Sets(fresh + 1, at + 1));
        let mut scripts = vec![
            (4, Just(Script::Nothing).boxed()),
            (2, sets.boxed()),
            (1, Just(Script::Cancels(fresh + 1)).boxed()),
        ];
        let mut operations = vec![];
        if !known.is_empty() {
            let known = prop::sample::select(known);
            scripts.push((4, known.clone().prop_map(Script::Cancels).boxed()));
            operations.push((5, known.prop_map(Operation::Cancel).boxed()));
        }
        let how = prop_oneof![
            1 => Just(How::Soon),
            2 => at.prop_map(How::At),
            2 => (0..5u32).prop_map(How::Later),
            2 => (0..5u32).prop_map(How::FromOutside),
        ];
        let scheduled = (how, prop::strategy::Union::new_weighted(scripts))
            .prop_map(move |(how, script)| Operation::Schedule(fresh, how, script));
        operations.push((12, scheduled.boxed()));
        operations
            .push((1, any::<bool>().prop_map(|outside| Operation::OutOfRange { outside }).boxed()));
        operations.push((2, (1..5u32).prop_map(Operation::Passes).boxed()));
        let renew = if model.closed { 6 } else { 1 };
        operations.push((renew, Just(Operation::NewLoop).boxed()));
        if !model.closed {
            operations.push((1, (1..200u16).prop_map(Operation::Many).boxed()));
            operations.push((2, Just(Operation::Turn).boxed()));
            operations.push((2, (1..5u32).prop_map(Operation::TurnWithin).boxed()));
            operations.push((1, Just(Operation::Close).boxed()));
            if model.ends() {
                operations.push((2, Just(Operation::TurnUntilTimer).boxed()));
            }
        }
        prop::strategy::Union::new_weighted(operations).boxed()
    }

    fn apply(mut model: Model, operation: &Operation) -> Model {
        model.before = model.state();
        model.outcome = None;
        model.within.clear();
        model.answer = Word::Ok;
        match operation {
            Operation::Schedule(id, how, script) => {
                model.answer = model.schedule(*id, *how, script.clone());
                model.outcome = Some(if model.answer == Word::Ok { "ok" } else { "loop closed" });
            }
            Operation::OutOfRange { .. } => {
                model.answer = model.out_of_range();
                model.outcome = Some(if model.closed { "loop closed" } else { "refused" });
            }
            Operation::Cancel(id) => {
                model.answer = Word::of(model.cancel(*id));
                let prevented = model.answer == Word::True;
                model.outcome = Some(if prevented { "prevented" } else { "too late" });
            }
            Operation::Many(number) => model.many(*number),
            Operation::Passes(units) => model.now += units,
            Operation::Turn => model.turn(Some(0)),
            Operation::TurnWithin(units) => model.turn(Some(*units)),
            Operation::TurnUntilTimer => model.turn(None),
            Operation::Close => model.close(),
            Operation::NewLoop => model.renew(),
        }
        model
    }

    fn preconditions(model: &Model, operation: &Operation) -> bool {
        match operation {
            Operation::Schedule(id, _, script) => {
                let sets = match script {
                    Script::Sets(other, _) => model.is_fresh(*other),
                    _ => true,
                };
                model.is_fresh(*id) && sets
            }
            Operation::Cancel(id) => model.calls.contains_key(id),
            Operation::OutOfRange { .. } | Operation::Passes(_) | Operation::NewLoop => true,
            Operation::TurnUntilTimer => !model.closed && model.ends(),
            _ => !model.closed,
        }
    }
}
