//! The ready queue and its handles beside [`ReadyQueue`], [`Inbox`] and [`Handle`].
//!
//! A program schedules callbacks from the loop's thread and posts them as other threads do, cancels them before,
//! within and after their batch, and runs iterations. What a callback does in its turn, another callback may undo
//! or add to. A loop that is closed is followed by a new one; handles of the old one stay.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use loopgate::checkers::census;
use loopgate::{Clock, EventLoop, Exception, LoopClosed, LoopHandle, PostError, ThreadsafeHandle};
use loopgate_model_tests::spec::handle::{Action as OnHandle, Handle};
use loopgate_model_tests::spec::ready_queue::{self, ReadyQueue};
use loopgate_model_tests::spec::wakeup::{self, Inbox};
use loopgate_model_tests::spec::{Cause, Word};
use proptest::prelude::*;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};

use super::support::{Expected, Reached, Suite, regressions, run, take};

static REACHED: Reached = Reached::new();

const SUITE: Suite = Suite {
    name: "queue",
    regressions: regressions!("queue"),
    programs: 192,
    longest: 220,
    seed: 2,
};

const EXPECTED: Expected<'_> = Expected {
    operations: &["call_soon", "post", "cancel", "turn", "close", "new loop"],
    states: &["empty", "queued", "posted", "queued and posted", "closed"],
    impossible: &[("close", &["closed"]), ("turn", &["closed"])],
    transitions: &[],
    answers: &[
        ("call_soon", &["ok", "loop closed"]),
        ("post", &["ok", "loop closed"]),
        ("cancel", &["prevented", "had begun", "was cancelled"]),
        ("turn", &["nothing ran", "some ran"]),
        // In a batch.
        ("callback: call_soon", &["ok"]),
        ("callback: take back", &["behind it"]),
        ("callback: post", &["ok"]),
        ("callback: panic", &["reported"]),
        ("callback: cancel", &["itself", "had begun", "was cancelled", "in the batch"]),
    ],
};

/// Names a callback.
type Id = u16;

/// What a callback does when it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Script {
    Nothing,
    Panics,
    CallsSoon(Id),
    Posts(Id),
    Cancels(Id),
    /// Schedules one and cancels it.
    TakesBack(Id),
}

#[derive(Clone, Debug)]
enum Operation {
    CallSoon(Id, Script),
    Post(Id, Script),
    Cancel(Id),
    Turn,
    Close,
    NewLoop,
}

/// What a callback has seen, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Event {
    Called(Id),
    Scheduled(Word),
    /// A cancel, with what it prevented.
    Cancelled(bool),
    Reported,
}

#[derive(Clone, Debug)]
struct Call {
    handle: Handle,
    script: Script,
}

impl Call {
    /// The callback that it is to schedule.
    fn claims(&self) -> Option<Id> {
        self.script.claims()
    }
}

impl Script {
    fn claims(&self) -> Option<Id> {
        match *self {
            Script::CallsSoon(id) | Script::Posts(id) | Script::TakesBack(id) => Some(id),
            Script::Nothing | Script::Panics | Script::Cancels(_) => None,
        }
    }
}

#[derive(Clone, Debug)]
struct Model {
    ready: ReadyQueue<Id>,
    inbox: Inbox<Id>,
    closed: bool,
    calls: BTreeMap<Id, Call>,
    log: Vec<Event>,
    answer: Word,
    /// The state before the operation, and the name of what came of it.
    before: &'static str,
    outcome: &'static str,
    /// The same of what callbacks did.
    within: Vec<(&'static str, &'static str)>,
}

impl Model {
    fn new() -> Model {
        Model {
            ready: ReadyQueue::default(),
            inbox: Inbox::default(),
            closed: false,
            calls: BTreeMap::new(),
            log: Vec::new(),
            answer: Word::Ok,
            before: "empty",
            outcome: "",
            within: Vec::new(),
        }
    }

    fn state(&self) -> &'static str {
        let posted = self.inbox.iter().next().is_some();
        match (self.closed, self.ready.is_empty(), posted) {
            (true, ..) => "closed",
            (false, true, false) => "empty",
            (false, false, false) => "queued",
            (false, true, true) => "posted",
            (false, false, true) => "queued and posted",
        }
    }

    /// No callback of this number, or that another is to schedule, was there before.
    fn fresh(&self) -> Id {
        let known = self.calls.keys().copied();
        known.chain(self.calls.values().filter_map(Call::claims)).max().map_or(0, |id| id + 1)
    }

    fn is_fresh(&self, id: Id) -> bool {
        !self.calls.contains_key(&id) && !self.calls.values().any(|call| call.claims() == Some(id))
    }

    fn call_soon(&mut self, id: Id, script: Script) -> Word {
        if self.closed {
            return Word::Error(Cause::LoopClosed);
        }
        // behind everything that was posted before.
        self.take_in_mail();
        take(&mut self.ready, &ready_queue::Action::Push(id));
        self.calls.insert(id, Call { handle: Handle::Pending, script });
        Word::Ok
    }

    fn post(&mut self, id: Id, script: Script) -> Word {
        match take(&mut self.inbox, &wakeup::Action::Publish(id)) {
            wakeup::Answer::Refused => Word::Error(Cause::LoopClosed),
            _ => {
                self.calls.insert(id, Call { handle: Handle::Pending, script });
                Word::Ok
            }
        }
    }

    fn take_in_mail(&mut self) {
        if let wakeup::Answer::Mail(mail) = take(&mut self.inbox, &wakeup::Action::TakeMail) {
            for id in mail {
                take(&mut self.ready, &ready_queue::Action::Push(id));
            }
        }
    }

    fn cancel(&mut self, id: Id) -> bool {
        let Some(call) = self.calls.get_mut(&id) else { return false };
        take(&mut call.handle, &OnHandle::Cancel)
    }

    /// What a cancel would come to, by name.
    fn cancel_name(&self, id: Id) -> &'static str {
        match self.calls.get(&id).map(|call| call.handle) {
            None | Some(Handle::Cancelled) => "was cancelled",
            Some(Handle::Begun) => "had begun",
            Some(Handle::Pending) => "prevented",
        }
    }

    fn turn(&mut self) {
        self.take_in_mail();
        take(&mut self.ready, &ready_queue::Action::BeginBatch);
        self.outcome = "nothing ran";
        let mut batch: Vec<Id> = self.ready.iter().copied().collect();
        while let ready_queue::Answer::Entry(id) = take(&mut self.ready, &ready_queue::Action::Pop)
        {
            batch.retain(|other| *other != id);
            let call = self.calls.get_mut(&id).expect("it was scheduled");
            if take(&mut call.handle, &OnHandle::Run) {
                let script = call.script.clone();
                self.outcome = "some ran";
                self.log.push(Event::Called(id));
                self.perform(id, script, &batch);
            }
        }
    }

    fn perform(&mut self, own: Id, script: Script, batch: &[Id]) {
        match script {
            Script::Nothing => {}
            Script::Panics => {
                self.within.push(("callback: panic", "reported"));
                self.log.push(Event::Reported);
            }
            Script::CallsSoon(id) => {
                self.within.push(("callback: call_soon", "ok"));
                let word = self.call_soon(id, Script::Nothing);
                self.log.push(Event::Scheduled(word));
            }
            Script::Posts(id) => {
                self.within.push(("callback: post", "ok"));
                let word = self.post(id, Script::Nothing);
                self.log.push(Event::Scheduled(word));
            }
            Script::TakesBack(id) => {
                self.within.push(("callback: take back", "behind it"));
                let word = self.call_soon(id, Script::Nothing);
                let prevented = self.cancel(id);
                self.log.extend([Event::Scheduled(word), Event::Cancelled(prevented)]);
            }
            Script::Cancels(id) => {
                let name = match self.cancel_name(id) {
                    _ if id == own => "itself",
                    "prevented" if batch.contains(&id) => "in the batch",
                    other => other,
                };
                self.within.push(("callback: cancel", name));
                let prevented = self.cancel(id);
                self.log.push(Event::Cancelled(prevented));
            }
        }
    }

    /// S-6: everything queued is dropped uncalled.
    fn close(&mut self) {
        let mut ended: Vec<Id> = self.ready.take().into();
        if let wakeup::Answer::Mail(mail) = take(&mut self.inbox, &wakeup::Action::Close) {
            ended.extend(mail);
        }
        for id in ended {
            self.cancel(id);
        }
        self.closed = true;
    }

    /// S-7: the old loop is dropped, and so it is closed.
    fn renew(&mut self) {
        self.close();
        (self.ready, self.inbox) = (ReadyQueue::default(), Inbox::default());
        self.closed = false;
    }
}

struct Programs;

impl ReferenceStateMachine for Programs {
    type State = Model;
    type Transition = Operation;

    fn init_state() -> BoxedStrategy<Model> {
        Just(Model::new()).boxed()
    }

    fn transitions(model: &Model) -> BoxedStrategy<Operation> {
        let fresh = model.fresh();
        // Recent ones first: those are still to be called.
        let known: Vec<Id> = model.calls.keys().rev().take(12).copied().collect();
        let mut scripts = vec![
            (4, Just(Script::Nothing).boxed()),
            (1, Just(Script::Panics).boxed()),
            (2, Just(Script::CallsSoon(fresh + 1)).boxed()),
            (2, Just(Script::Posts(fresh + 1)).boxed()),
            (1, Just(Script::TakesBack(fresh + 1)).boxed()),
            (1, Just(Script::Cancels(fresh)).boxed()),
            // One that will be there when it is called.
            (2, Just(Script::Cancels(fresh + 1)).boxed()),
        ];
        let mut operations = vec![];
        if !known.is_empty() {
            let known = prop::sample::select(known);
            scripts.push((4, known.clone().prop_map(Script::Cancels).boxed()));
            operations.push((5, known.prop_map(Operation::Cancel).boxed()));
        }
        let script = prop::strategy::Union::new_weighted(scripts);
        let call_soon = script.clone().prop_map(move |script| Operation::CallSoon(fresh, script));
        operations.push((6, call_soon.boxed()));
        operations.push((6, script.prop_map(move |script| Operation::Post(fresh, script)).boxed()));
        let renew = if model.closed { 6 } else { 1 };
        operations.push((renew, Just(Operation::NewLoop).boxed()));
        if !model.closed {
            operations.push((4, Just(Operation::Turn).boxed()));
            operations.push((1, Just(Operation::Close).boxed()));
        }
        prop::strategy::Union::new_weighted(operations).boxed()
    }

    fn apply(mut model: Model, operation: &Operation) -> Model {
        model.before = model.state();
        model.within.clear();
        model.answer = match operation {
            Operation::CallSoon(id, script) => model.call_soon(*id, script.clone()),
            Operation::Post(id, script) => model.post(*id, script.clone()),
            Operation::Cancel(id) => {
                model.outcome = model.cancel_name(*id);
                Word::of(model.cancel(*id))
            }
            Operation::Turn => {
                model.turn();
                Word::Continue
            }
            Operation::Close => {
                model.close();
                Word::Ok
            }
            Operation::NewLoop => {
                model.renew();
                Word::Ok
            }
        };
        if matches!(operation, Operation::CallSoon(..) | Operation::Post(..)) {
            model.outcome = if model.answer == Word::Ok { "ok" } else { "loop closed" };
        }
        model
    }

    fn preconditions(model: &Model, operation: &Operation) -> bool {
        match operation {
            Operation::CallSoon(id, script) | Operation::Post(id, script) => {
                model.is_fresh(*id) && script.claims().is_none_or(|other| model.is_fresh(other))
            }
            Operation::Cancel(id) => model.calls.contains_key(id),
            Operation::Turn | Operation::Close => !model.closed,
            Operation::NewLoop => true,
        }
    }
}

/// What the kernel gave for a callback.
#[derive(Clone)]
enum Given {
    Local(loopgate::Handle),
    Posted(ThreadsafeHandle),
}

impl Given {
    fn cancel(&self) -> bool {
        match self {
            Given::Local(handle) => handle.cancel(),
            Given::Posted(handle) => handle.cancel(),
        }
    }

    fn cancelled(&self) -> bool {
        match self {
            Given::Local(handle) => handle.cancelled(),
            Given::Posted(handle) => handle.cancelled(),
        }
    }
}

thread_local! {
    /// Posted callbacks are `Send`, so what they share with the program is found here.
    static WORLD: RefCell<Option<Rc<World>>> = const { RefCell::new(None) };
}

fn world() -> Rc<World> {
    WORLD.with_borrow(|world| Rc::clone(world.as_ref().expect("a program is running")))
}

struct World {
    event_loop: RefCell<EventLoop>,
    handle: RefCell<LoopHandle>,
    given: RefCell<BTreeMap<Id, (Given, Arc<()>)>>,
    log: RefCell<Vec<Event>>,
}

impl World {
    fn make_loop() -> EventLoop {
        let event_loop = EventLoop::with_clock(Clock::virtual_time()).unwrap();
        event_loop.set_exception_handler(|context| {
            assert!(context.exception.as_ref().is_some_and(|it| it.to_string() == "deliberate"));
            world().log.borrow_mut().push(Event::Reported);
        });
        event_loop
    }

    fn renew(&self) {
        let new = World::make_loop();
        self.handle.replace(new.handle());
        drop(self.event_loop.replace(new));
    }

    /// The callback, and what it owns: counted to see when it is dropped.
    fn callback(id: Id, script: Script) -> (impl FnOnce() + Send + 'static, Arc<()>) {
        let owned = Arc::new(());
        let kept = Arc::clone(&owned);
        let callback = move || {
            let _owned = owned;
            let world = world();
            world.log.borrow_mut().push(Event::Called(id));
            world.perform(script);
        };
        (callback, kept)
    }

    fn perform(&self, script: Script) {
        let event = match script {
            Script::Nothing => return,
            Script::Panics => resume_unwind(Box::new(Exception::new("deliberate"))),
            Script::CallsSoon(id) => Event::Scheduled(self.call_soon(id, Script::Nothing)),
            Script::Posts(id) => Event::Scheduled(self.post(id, Script::Nothing)),
            Script::Cancels(id) => Event::Cancelled(self.cancel(id)),
            Script::TakesBack(id) => {
                let scheduled = Event::Scheduled(self.call_soon(id, Script::Nothing));
                self.log.borrow_mut().push(scheduled);
                Event::Cancelled(self.cancel(id))
            }
        };
        self.log.borrow_mut().push(event);
    }

    fn call_soon(&self, id: Id, script: Script) -> Word {
        let (callback, kept) = World::callback(id, script);
        // Also while the loop runs: borrowed a second time.
        match self.event_loop.borrow().call_soon(callback) {
            Ok(handle) => self.keep(id, Given::Local(handle), kept),
            Err(LoopClosed) => {
                assert_eq!(Arc::strong_count(&kept), 1, "S-8: refused, it is dropped");
                Word::Error(Cause::LoopClosed)
            }
        }
    }

    fn post(&self, id: Id, script: Script) -> Word {
        let (callback, kept) = World::callback(id, script);
        match self.handle.borrow().call_soon_threadsafe(callback) {
            Ok(handle) => self.keep(id, Given::Posted(handle), kept),
            Err(PostError::LoopClosed) => {
                assert_eq!(Arc::strong_count(&kept), 1, "refused, it is dropped");
                Word::Error(Cause::LoopClosed)
            }
            Err(other) => panic!("{other}"),
        }
    }

    fn keep(&self, id: Id, given: Given, kept: Arc<()>) -> Word {
        self.given.borrow_mut().insert(id, (given, kept));
        Word::Ok
    }

    fn cancel(&self, id: Id) -> bool {
        let given = self.given.borrow().get(&id).map(|(given, _)| given.clone());
        given.is_some_and(|given| given.cancel())
    }
}

struct Machine;

impl StateMachineTest for Machine {
    type SystemUnderTest = Rc<World>;
    type Reference = Programs;

    fn init_test(_: &Model) -> Rc<World> {
        let event_loop = World::make_loop();
        let handle = RefCell::new(event_loop.handle());
        let world = Rc::new(World {
            event_loop: RefCell::new(event_loop),
            handle,
            given: RefCell::default(),
            log: RefCell::default(),
        });
        WORLD.set(Some(Rc::clone(&world)));
        world
    }

    fn apply(world: Rc<World>, model: &Model, operation: Operation) -> Rc<World> {
        let (name, has_answer) = match operation {
            Operation::CallSoon(..) => ("call_soon", true),
            Operation::Post(..) => ("post", true),
            Operation::Cancel(_) => ("cancel", true),
            Operation::Turn => ("turn", true),
            Operation::Close => ("close", false),
            Operation::NewLoop => ("new loop", false),
        };
        REACHED.transition(name, model.before);
        if has_answer {
            REACHED.answer(name, model.outcome);
        }
        for (operation, outcome) in &model.within {
            REACHED.answer(operation, outcome);
        }
        let answer = match operation {
            Operation::CallSoon(id, script) => world.call_soon(id, script),
            Operation::Post(id, script) => world.post(id, script),
            Operation::Cancel(id) => Word::of(world.cancel(id)),
            Operation::Turn => match world.event_loop.borrow().run_once(Some(Duration::ZERO)) {
                Ok(loopgate::Turn::Continue) => Word::Continue,
                other => panic!("{other:?}"),
            },
            Operation::Close => {
                world.event_loop.borrow().close().unwrap();
                Word::Ok
            }
            Operation::NewLoop => {
                world.renew();
                Word::Ok
            }
        };
        assert_eq!(answer, model.answer);
        world
    }

    fn check_invariants(world: &Rc<World>, model: &Model) {
        assert_eq!(*world.log.borrow(), model.log, "what ran, in order");
        let event_loop = world.event_loop.borrow();
        assert_eq!(census(&event_loop).queued, model.ready.len());
        assert_eq!(world.handle.borrow().is_closed(), model.closed);
        let given = world.given.borrow();
        assert!(given.keys().eq(model.calls.keys()), "what was accepted");
        for ((given, kept), (id, call)) in given.values().zip(&model.calls) {
            assert_eq!(given.cancelled(), call.handle == Handle::Cancelled, "{id}");
            // H-2: cancelled, or over, it owns nothing any more.
            let alive = Arc::strong_count(kept) == 2;
            assert_eq!(alive, call.handle == Handle::Pending, "what {id} owns");
        }
    }

    fn teardown(world: Rc<World>, mut model: Model) {
        world.renew();
        model.renew();
        Machine::check_invariants(&world, &model);
        WORLD.set(None);
    }
}

//= SPEC.md#h-1
//= type=test
//# A handle that was cancelled before its callback began MUST never run it.
//= SPEC.md#h-2
//= type=test
//# Cancelling a handle MUST drop its callback, with everything the callback owns, before the call
//# returns.
//= SPEC.md#h-3
//= type=test
//# Cancelling a handle MUST be idempotent, and MUST return whether this call prevented the
//# callback.
//= SPEC.md#q-1
//= type=test
//# If scheduling A happened before scheduling B, by whatever threads, then A MUST run before B.
//= SPEC.md#q-2
//= type=test
//# An iteration MUST run exactly the entries that were queued when its batch began; what is queued
//# during the batch MUST wait for the next iteration.
//= SPEC.md#q-4
//= type=test
//# A callback that panics MUST be reported to the exception handler, and the rest of the batch MUST
//# run.
//= SPEC.md#q-5
//= type=test
//# An accepted callback that is not cancelled MUST run exactly once if the loop goes on to run.
//= SPEC.md#w-10
//= type=test
//# A post to a loop that is open but not running MUST be accepted and MUST run in the first batch
//# of the next run.
#[test]
fn q1_queues_and_handles_behave_as_the_spec() {
    run::<Machine>(&SUITE);
    REACHED.check(&SUITE, &EXPECTED);
}
