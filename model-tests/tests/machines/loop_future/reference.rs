//! The programs, and what the spec says of each operation.

use loopgate_model_tests::spec::concurrent::Out;
use loopgate_model_tests::spec::future::{Action, Answer, LoopFuture};
use loopgate_model_tests::spec::ready_queue::{self, ReadyQueue};
use loopgate_model_tests::spec::wakeup::{self, Inbox};
use loopgate_model_tests::spec::{Cause, Word};
use proptest::prelude::*;
use proptest_state_machine::ReferenceStateMachine;

use crate::support::take;

pub(super) const HANDLES: usize = 3;
/// What a callback of the program panics with.
pub(super) const PANIC: u8 = 3;

/// What a callback does besides noting that it was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Callback {
    Nothing,
    Reads,
    Panics,
    /// Adds one that does nothing.
    Adds,
    Cancels,
}

#[derive(Clone, Debug)]
pub(super) enum Operation {
    SetResult(u8),
    SetException(u8),
    DropPromise,
    // Of a handle.
    Cancel(usize),
    AddCallback(usize, Callback),
    Result(usize),
    Exception(usize),
    Clone(usize),
    DropHandle(usize),
    Await(usize),
    AwaitElsewhere(usize),
    // Of the loop.
    Turn,
    Close,
    /// Everything of this future is dropped, and there is another; of a new loop if this one is closed.
    Renew,
}

impl Operation {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Operation::SetResult(_) => "set_result",
            Operation::SetException(_) => "set_exception",
            Operation::DropPromise => "drop promise",
            Operation::Cancel(_) => "cancel",
            Operation::AddCallback(..) => "add_done_callback",
            Operation::Result(_) => "result",
            Operation::Exception(_) => "exception",
            Operation::Clone(_) => "clone",
            Operation::DropHandle(_) => "drop handle",
            Operation::Await(_) => "await",
            Operation::AwaitElsewhere(_) => "await from another loop",
            Operation::Turn => "turn",
            Operation::Close => "close",
            Operation::Renew => "renew",
        }
    }

    fn handle(&self) -> Option<usize> {
        match *self {
            Operation::Cancel(handle)
            | Operation::AddCallback(handle, _)
            | Operation::Result(handle)
            | Operation::Exception(handle)
            | Operation::Clone(handle)
            | Operation::DropHandle(handle)
            | Operation::Await(handle)
            | Operation::AwaitElsewhere(handle) => Some(handle),
            _ => None,
        }
    }
}

/// What the loop, or another, has run, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// By its number; with what it read, or what its cancel answered.
    Called(usize, Option<Word>),
    /// A task that awaited has got this.
    Awaited(usize, Word),
    Reported(Cause),
}

/// Who listens to a future.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Listener {
    Callback(usize, Callback),
    Awaiter(usize),
}

/// What is queued; the future by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Entry {
    Call { future: usize, number: usize, callback: Callback },
    Step { awaiter: usize },
    Report(Cause),
}

/// One future, with who keeps it alive.
#[derive(Clone, Debug)]
struct State {
    machine: LoopFuture<Listener>,
    has_promise: bool,
    handles: [bool; HANDLES],
    /// Queued callbacks and tasks that have it.
    held: usize,
    gone: bool,
}

/// A task that awaits a future.
#[derive(Clone, Copy, Debug)]
struct Awaiter {
    future: usize,
    /// In the loop's table, which decides who is dropped first.
    place: usize,
    suspended: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Model {
    ready: ReadyQueue<Entry>,
    /// A task that is woken while the loop does not run is stepped by post.
    inbox: Inbox<Entry>,
    closed: bool,
    futures: Vec<State>,
    /// Tasks that are not done.
    awaiters: Vec<(usize, Awaiter)>,
    free: Vec<usize>,
    places: usize,
    /// How many callbacks were added, and tasks made.
    numbers: usize,
    pub(super) log: Vec<Event>,
    pub(super) answer: Word,
    pub(super) before: &'static str,
    /// Operations with what came of them.
    pub(super) seen: Vec<(&'static str, &'static str)>,
}

impl Model {
    fn new() -> Model {
        Model {
            ready: ReadyQueue::default(),
            inbox: Inbox::default(),
            closed: false,
            futures: vec![State::new()],
            awaiters: Vec::new(),
            free: Vec::new(),
            places: 0,
            numbers: 0,
            log: Vec::new(),
            answer: Word::Ok,
            before: "pending",
            seen: Vec::new(),
        }
    }

    fn state(&self) -> &'static str {
        match (self.current().machine.out(), self.closed) {
            (None, false) => "pending",
            (Some(Out::Value(_)), false) => "value",
            (Some(Out::Exception(_)), false) => "exception",
            (Some(Out::Cancelled), false) => "cancelled",
            (None, true) => "pending, loop closed",
            (Some(Out::Value(_)), true) => "value, loop closed",
            (Some(Out::Exception(_)), true) => "exception, loop closed",
            (Some(Out::Cancelled), true) => "cancelled, loop closed",
        }
    }

    fn current(&self) -> &State {
        self.futures.last().expect("there always is one")
    }

    fn newest(&self) -> usize {
        self.futures.len() - 1
    }

    pub(super) fn has_promise(&self) -> bool {
        self.current().has_promise
    }

    pub(super) fn out(&self) -> Option<Out> {
        self.current().machine.out()
    }

    pub(super) fn queued(&self) -> usize {
        self.ready.len()
    }

    pub(super) fn tasks(&self) -> usize {
        self.awaiters.len()
    }

    fn live_handles(&self) -> Vec<usize> {
        (0..HANDLES).filter(|handle| self.current().handles[*handle]).collect()
    }

    fn saw(&mut self, operation: &'static str, answer: &'static str) {
        self.seen.push((operation, answer));
    }

    /// Settles a future; those who listen are queued, in their order.
    fn act(&mut self, future: usize, action: &Action<Listener>) -> Word {
        match take(&mut self.futures[future].machine, action) {
            Answer::Word(word) => word,
            Answer::Queued(word, listeners) => {
                for listener in listeners {
                    self.queue(future, listener);
                }
                word
            }
            Answer::Report(_) => unreachable!("only a drop reports"),
        }
    }

    fn queue(&mut self, future: usize, listener: Listener) {
        if self.closed {
            return;
        }
        match listener {
            Listener::Callback(number, callback) => {
                self.futures[future].held += 1;
                self.push(Entry::Call { future, number, callback });
            }
            Listener::Awaiter(awaiter) => {
                take(&mut self.inbox, &wakeup::Action::Publish(Entry::Step { awaiter }));
            }
        }
    }

    /// Behind everything that was posted before.
    fn push(&mut self, entry: Entry) {
        self.take_in_mail();
        take(&mut self.ready, &ready_queue::Action::Push(entry));
    }

    fn take_in_mail(&mut self) {
        if let wakeup::Answer::Mail(mail) = take(&mut self.inbox, &wakeup::Action::TakeMail) {
            for entry in mail {
                take(&mut self.ready, &ready_queue::Action::Push(entry));
            }
        }
    }

    fn add_callback(&mut self, future: usize, number: usize, callback: Callback) {
        self.act(future, &Action::Listen(Listener::Callback(number, callback)));
    }

    /// Somebody let go of a future: perhaps the last.
    fn released(&mut self, future: usize, closing: bool) {
        let state = &mut self.futures[future];
        let held = state.has_promise || state.held > 0 || state.handles.contains(&true);
        if held || std::mem::replace(&mut state.gone, true) {
            return;
        }
        let Answer::Report(report) = take(&mut state.machine, &Action::Drop) else {
            unreachable!("it was dropped")
        };
        match report {
            Some(cause) if closing => {
                self.saw("drop", "a report is made");
                self.log.push(Event::Reported(cause));
            }
            Some(cause) if !self.closed => {
                self.saw("drop", "a report is queued");
                self.push(Entry::Report(cause));
            }
            _ => self.saw("drop", "nobody is told"),
        }
    }

    fn drop_promise(&mut self) {
        let newest = self.newest();
        if !std::mem::take(&mut self.futures[newest].has_promise) {
            return;
        }
        if self.closed && self.out().is_none() {
            self.futures[newest].machine.mark_retrieved();
        }
        let cause = if self.closed { Cause::LoopClosed } else { Cause::BrokenPromise };
        self.act(newest, &Action::Settle(Out::Exception(cause)));
        self.released(newest, false);
    }

    fn drop_handle(&mut self, handle: usize) {
        let newest = self.newest();
        self.futures[newest].handles[handle] = false;
        self.released(newest, false);
    }

    fn take(&mut self, operation: &Operation) -> Word {
        let newest = self.newest();
        let word = match *operation {
            Operation::SetResult(value) => self.act(newest, &Action::Settle(Out::Value(value))),
            Operation::SetException(number) => {
                let out = Out::Exception(Cause::Raised(number));
                self.act(newest, &Action::Settle(out))
            }
            Operation::Cancel(_) => self.act(newest, &Action::Cancel),
            Operation::Result(_) => self.act(newest, &Action::Result),
            Operation::Exception(_) => match self.act(newest, &Action::Result) {
                Word::Value(_) => Word::None,
                word => word,
            },
            Operation::Await(_) => self.start_awaiter(),
            ref silent => {
                self.take_silently(silent);
                return Word::Ok;
            }
        };
        self.saw(operation.name(), word_name(&word));
        word
    }

    fn take_silently(&mut self, operation: &Operation) {
        let newest = self.newest();
        match *operation {
            Operation::AddCallback(_, callback) => {
                let number = self.numbers;
                self.numbers += 2;
                self.add_callback(newest, number, callback);
            }
            Operation::DropPromise => self.drop_promise(),
            Operation::Clone(_) => {
                let handles = &mut self.futures[newest].handles;
                *handles.iter_mut().find(|there| !**there).expect("a free place") = true;
            }
            Operation::DropHandle(handle) => self.drop_handle(handle),
            // L-7: whether it is done or not.
            Operation::AwaitElsewhere(_) => {
                let number = self.numbers;
                self.numbers += 1;
                self.log.push(Event::Awaited(number, Word::Error(Cause::ForeignLoop)));
            }
            Operation::Turn => self.turn(),
            Operation::Close => self.close(),
            Operation::Renew => {
                self.drop_promise();
                for handle in self.live_handles() {
                    self.drop_handle(handle);
                }
                if std::mem::take(&mut self.closed) {
                    (self.ready, self.inbox) = (ReadyQueue::default(), Inbox::default());
                    self.places = 0;
                    self.free.clear();
                }
                self.futures.push(State::new());
            }
            ref other => unreachable!("{other:?} has an answer"),
        }
    }

    fn start_awaiter(&mut self) -> Word {
        if self.closed {
            return Word::Error(Cause::LoopClosed);
        }
        let (number, future) = (self.numbers, self.newest());
        self.numbers += 1;
        let place = self.free.pop().unwrap_or_else(|| {
            self.places += 1;
            self.places - 1
        });
        self.futures[future].held += 1;
        self.awaiters.push((number, Awaiter { future, place, suspended: false }));
        self.push(Entry::Step { awaiter: number });
        Word::Ok
    }

    fn turn(&mut self) {
        self.take_in_mail();
        take(&mut self.ready, &ready_queue::Action::BeginBatch);
        while let ready_queue::Answer::Entry(entry) =
            take(&mut self.ready, &ready_queue::Action::Pop)
        {
            match entry {
                Entry::Call { future, number, callback } => {
                    self.call(future, number, callback);
                    self.futures[future].held -= 1;
                    self.released(future, false);
                }
                Entry::Step { awaiter } => self.step(awaiter),
                Entry::Report(cause) => {
                    self.saw("turn", "a report");
                    self.log.push(Event::Reported(cause));
                }
            }
        }
    }

    fn call(&mut self, future: usize, number: usize, callback: Callback) {
        let (name, word) = match callback {
            Callback::Nothing | Callback::Panics | Callback::Adds => {
                ("a callback did nothing", None)
            }
            Callback::Reads => ("a callback read", Some(self.act(future, &Action::Result))),
            Callback::Cancels => ("a callback cancelled", Some(self.act(future, &Action::Cancel))),
        };
        self.log.push(Event::Called(number, word));
        match callback {
            Callback::Panics => {
                self.saw("turn", "a callback panicked");
                self.log.push(Event::Reported(Cause::Raised(PANIC)));
            }
            Callback::Adds => {
                self.saw("turn", "a callback added one");
                self.add_callback(future, number + 1, Callback::Nothing);
            }
            _ => self.saw("turn", name),
        }
    }

    fn step(&mut self, number: usize) {
        let at = self.awaiters.iter().position(|(known, _)| *known == number);
        let at = at.expect("a step is queued of tasks that are not done");
        let Awaiter { future, place, suspended } = self.awaiters[at].1;
        match self.act(future, &Action::Result) {
            Word::Pending => {
                self.saw("turn", "an awaiter suspended");
                self.awaiters[at].1.suspended = true;
                self.futures[future].machine.await_by(Listener::Awaiter(number));
            }
            word => {
                let name =
                    if suspended { "an awaiter went on" } else { "an awaiter did not suspend" };
                self.saw("turn", name);
                self.log.push(Event::Awaited(number, word));
                self.awaiters.remove(at);
                self.free.push(place);
                self.futures[future].held -= 1;
                self.released(future, false);
            }
        }
    }

    /// S-6: what is queued is dropped, but for reports; then the tasks.
    fn close(&mut self) {
        self.closed = true;
        take(&mut self.inbox, &wakeup::Action::Close);
        for entry in self.ready.take() {
            match entry {
                Entry::Call { future, .. } => {
                    self.futures[future].held -= 1;
                    self.released(future, true);
                }
                Entry::Step { .. } => {}
                Entry::Report(cause) => self.log.push(Event::Reported(cause)),
            }
        }
        let mut awaiters = std::mem::take(&mut self.awaiters);
        awaiters.sort_by_key(|(_, awaiter)| awaiter.place);
        for (number, awaiter) in awaiters {
            let state = &mut self.futures[awaiter.future];
            state.machine.withdraw(|listener| *listener == Listener::Awaiter(number));
            state.held -= 1;
            self.released(awaiter.future, true);
        }
    }
}

impl State {
    fn new() -> State {
        let machine = LoopFuture::default();
        State { machine, has_promise: true, handles: [true, false, false], held: 0, gone: false }
    }
}

fn word_name(word: &Word) -> &'static str {
    match word {
        Word::Ok => "ok",
        Word::True => "true",
        Word::False => "false",
        Word::None => "none",
        Word::Value(_) => "value",
        Word::Pending => "pending",
        Word::Error(Cause::Raised(_)) => "raised",
        Word::Error(Cause::BrokenPromise) => "broken promise",
        Word::Error(Cause::LoopClosed) => "loop closed",
        Word::Error(Cause::Cancelled) => "cancelled",
        Word::InvalidCancelled => "refused: cancelled",
        Word::InvalidFinished => "refused: too late",
        other => unreachable!("no answer of a loop future: {other}"),
    }
}

pub(super) struct Programs;

fn of_handles(live: Vec<usize>) -> BoxedStrategy<Operation> {
    let handle = prop::sample::select(live);
    let callback = prop_oneof![
        Just(Callback::Nothing),
        Just(Callback::Reads),
        Just(Callback::Panics),
        Just(Callback::Adds),
        Just(Callback::Cancels)
    ];
    let of = |operation: fn(usize) -> Operation| handle.clone().prop_map(operation).boxed();
    let added = (handle.clone(), callback);
    prop_oneof![
        1 => of(Operation::Cancel),
        6 => added.prop_map(|(handle, callback)| Operation::AddCallback(handle, callback)),
        2 => of(Operation::Result),
        2 => of(Operation::Exception),
        2 => of(Operation::Clone),
        3 => of(Operation::DropHandle),
        5 => of(Operation::Await),
        1 => of(Operation::AwaitElsewhere),
    ]
    .boxed()
}

impl ReferenceStateMachine for Programs {
    type State = Model;
    type Transition = Operation;

    fn init_state() -> BoxedStrategy<Model> {
        Just(Model::new()).boxed()
    }

    fn transitions(model: &Model) -> BoxedStrategy<Operation> {
        let live = model.live_handles();
        // Of the closed loop only a little is interesting.
        let renew = match (model.closed, model.out()) {
            (true, _) => 8,
            (false, None) => 1,
            (false, Some(_)) => 4,
        };
        let mut operations = vec![(renew, Just(Operation::Renew).boxed())];
        if model.has_promise() {
            let of_promise = prop_oneof![
                any::<u8>().prop_map(Operation::SetResult),
                (0..PANIC).prop_map(Operation::SetException),
                Just(Operation::DropPromise),
            ];
            operations.push((4, of_promise.boxed()));
        }
        if !live.is_empty() {
            operations.push((22, of_handles(live)));
        }
        if !model.closed {
            operations.push((6, Just(Operation::Turn).boxed()));
            operations.push((1, Just(Operation::Close).boxed()));
        }
        prop::strategy::Union::new_weighted(operations).boxed()
    }

    fn apply(mut model: Model, operation: &Operation) -> Model {
        model.before = model.state();
        model.seen.clear();
        model.answer = model.take(operation);
        model
    }

    fn preconditions(model: &Model, operation: &Operation) -> bool {
        match operation {
            Operation::SetResult(_) | Operation::SetException(_) | Operation::DropPromise => {
                model.has_promise()
            }
            Operation::Clone(handle) => {
                let handles = model.current().handles;
                handles[*handle] && handles.contains(&false)
            }
            Operation::Turn | Operation::Close => !model.closed,
            Operation::Renew => true,
            other => other.handle().is_some_and(|handle| model.current().handles[handle]),
        }
    }
}
