//! The programs, and what the spec says of each operation.

use loopgate_model_tests::spec::concurrent::{Action, Answer, Concurrent, Out, Phase};
use loopgate_model_tests::spec::program::{Limit, Query};
use loopgate_model_tests::spec::{Cause, Word};
use proptest::prelude::*;
use proptest_state_machine::ReferenceStateMachine;

use crate::support::take;

pub(super) const HANDLES: usize = 4;
pub(super) const WAKERS: usize = 3;
const THREADS: usize = 3;

/// What a callback does besides noting that it was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Callback {
    Plain,
    Panics,
    /// Adds a plain callback.
    Adds,
    Cancels,
}

/// What a thread is blocked in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Block {
    Result,
    Exception,
    Ended,
    Wait,
    Next,
}

/// A member of a set to wait for. Its number is that of the future in the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Member {
    /// The future of the program, by any of its handles.
    Own,
    /// One that has failed long ago.
    Failed,
    /// One that is never done.
    Open,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum When {
    First,
    Failure,
    All,
}

#[derive(Clone, Debug)]
pub(super) enum Operation {
    // The producer's.
    Start,
    SetResult(u8),
    SetException(u8),
    TryComplete(Out),
    AskProducer,
    DropProducer,
    // A handle's, by its number.
    Cancel(usize),
    AddCallback(usize, Callback),
    Result(usize),
    Exception(usize),
    Ended(usize),
    Poll(usize, usize),
    Clone(usize),
    DropHandle(usize),
    Block(usize, Block),
    // Of sets; the handle stands for `Own`.
    Wait(usize, Vec<Member>, When),
    Completed(usize, Vec<Member>),
    /// Everything of this future is dropped, and there is another.
    Renew,
}

impl Operation {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Operation::Start => "start",
            Operation::SetResult(_) => "set_result",
            Operation::SetException(_) => "set_exception",
            Operation::TryComplete(_) => "try_complete",
            Operation::AskProducer => "ask producer",
            Operation::DropProducer => "drop producer",
            Operation::Cancel(_) => "cancel",
            Operation::AddCallback(..) => "add_done_callback",
            Operation::Result(_) => "result",
            Operation::Exception(_) => "exception",
            Operation::Ended(_) => "wait_ended",
            Operation::Poll(..) => "poll",
            Operation::Clone(_) => "clone",
            Operation::DropHandle(_) => "drop handle",
            Operation::Block(..) => "block",
            Operation::Wait(..) => "wait",
            Operation::Completed(..) => "as_completed",
            Operation::Renew => "renew",
        }
    }

    /// The handle that takes the step.
    fn handle(&self) -> Option<usize> {
        match *self {
            Operation::Cancel(handle)
            | Operation::AddCallback(handle, _)
            | Operation::Result(handle)
            | Operation::Exception(handle)
            | Operation::Ended(handle)
            | Operation::Poll(handle, _)
            | Operation::Clone(handle)
            | Operation::DropHandle(handle)
            | Operation::Block(handle, _)
            | Operation::Wait(handle, ..)
            | Operation::Completed(handle, _) => Some(handle),
            _ => None,
        }
    }
}

/// One call of a callback: its number, what it saw, and what its own cancel answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) number: usize,
    pub(super) saw: Word,
    pub(super) cancel: Option<Word>,
}

/// Who listens to the future, for the spec.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Listener {
    /// A handle was polled with a waker.
    Waker {
        handle: usize,
        waker: usize,
    },
    Callback(usize, Callback),
}

#[derive(Clone, Debug)]
pub(super) struct Model {
    future: Concurrent<Listener>,
    pub(super) has_producer: bool,
    /// Which handles there are, and the waker that each left when it was polled.
    pub(super) handles: [Option<Option<usize>>; HANDLES],
    /// How many callbacks were ever added, the nested ones included.
    added: usize,
    pub(super) calls: Vec<Call>,
    pub(super) wakes: [usize; WAKERS],
    /// Threads in the order in which they began to wait; with what it gave them once released.
    pub(super) threads: Vec<(Block, Option<Word>)>,
    pub(super) answer: Vec<Word>,
    /// The state before the operation.
    pub(super) before: &'static str,
}

impl Model {
    fn new() -> Model {
        Model {
            future: Concurrent::default(),
            has_producer: true,
            handles: one_handle(),
            added: 0,
            calls: Vec::new(),
            wakes: [0; WAKERS],
            threads: Vec::new(),
            answer: Vec::new(),
            before: "pending",
        }
    }

    fn state(&self) -> &'static str {
        match self.future.phase() {
            Phase::Pending => "pending",
            Phase::Running => "running",
            Phase::Cancelled { acknowledged: false } => "cancelled",
            Phase::Cancelled { acknowledged: true } => "cancelled and ended",
            Phase::Finished(_) => "finished",
        }
    }

    pub(super) fn says(&self, what: Query) -> bool {
        self.future.query(what)
    }

    /// The name of the answer, if operations of its kind have several.
    pub(super) fn answer_name(&self, operation: &Operation) -> Option<&'static str> {
        let done = |word: &Word| matches!(word, Word::Completed(_));
        Some(match (&self.answer[..], operation) {
            ([Word::EmptySet], _) => "empty set",
            ([Word::Done(done)], Operation::Wait(_, members, _)) => match done.len() {
                all if all == distinct(members).len() => "all done",
                0 => "none done",
                _ => "some done",
            },
            (words, Operation::Completed(..)) if words.iter().all(done) => "all yielded",
            (words, Operation::Completed(..)) if words.iter().any(done) => "some yielded",
            (_, Operation::Completed(..)) => "none yielded",
            ([word], _) => word_name(word),
            _ => return None,
        })
    }

    pub(super) fn waiting_threads(&self) -> usize {
        self.threads.iter().filter(|(_, released)| released.is_none()).count()
    }

    fn live_handles(&self) -> Vec<usize> {
        (0..HANDLES).filter(|handle| self.handles[*handle].is_some()).collect()
    }

    /// What a wait of a thread gives; `None` if it goes on.
    fn waits(&self, action: &Action<Listener>) -> Option<Word> {
        match take(&mut self.future.clone(), action) {
            Answer::Word(word) => Some(word),
            _ => None,
        }
    }

    /// What a blocked thread gets, if the future lets it go.
    fn release(&self, block: Block) -> Option<Word> {
        match block {
            Block::Result => self.waits(&Action::Result(Limit::Forever)),
            Block::Exception => self.waits(&Action::Exception(Limit::Forever)),
            Block::Ended => self.waits(&Action::WaitEnded(Limit::Forever)),
            Block::Wait | Block::Next => self.future.is_done().then(|| Word::Done(vec![0])),
        }
    }

    fn release_threads(&mut self) {
        let before = self.clone();
        for (block, released) in &mut self.threads {
            if released.is_none() {
                *released = before.release(*block);
            }
        }
    }

    /// An action of the producer or a canceller, and what those who are told do.
    fn act(&mut self, action: &Action<Listener>) -> Word {
        let (word, told) = match take(&mut self.future, action) {
            Answer::Word(word) => (word, Vec::new()),
            Answer::Told(word, told) => (word, told),
            other => unreachable!("no wait and no callback: {other:?}"),
        };
        // F-12: threads and wakers first, then the callbacks.
        for listener in told {
            match listener {
                Listener::Waker { handle, waker } => {
                    self.handles[handle] = Some(None);
                    self.wakes[waker] += 1;
                }
                Listener::Callback(number, callback) => self.call(number, callback),
            }
        }
        word
    }

    fn call(&mut self, number: usize, callback: Callback) {
        let saw = self.waits(&Action::Result(Limit::Zero)).expect("called when it is done");
        let cancel = (callback == Callback::Cancels)
            .then(|| self.act(&Action::Cancel { acknowledge: false }));
        self.calls.push(Call { number, saw: saw.clone(), cancel });
        if callback == Callback::Adds {
            // F-14: at once, inside the one that adds it.
            self.add_callback(number + 1, Callback::Plain);
        }
    }

    fn add_callback(&mut self, number: usize, callback: Callback) {
        let added = Action::AddCallback(Listener::Callback(number, callback));
        if let Answer::CallNow(_) = take(&mut self.future, &added) {
            self.call(number, callback);
        }
    }

    fn take(&mut self, operation: &Operation) -> Vec<Word> {
        let complete = |out, acknowledge| Action::Complete { out, acknowledge };
        vec![match *operation {
            Operation::Start => self.act(&Action::SetRunning),
            Operation::SetResult(value) => self.act(&complete(Out::Value(value), false)),
            Operation::SetException(number) => {
                self.act(&complete(Out::Exception(Cause::Raised(number)), false))
            }
            Operation::TryComplete(out) => Word::of(self.act(&complete(out, true)) == Word::Ok),
            Operation::AskProducer => self.act(&Action::Query(Query::Cancelled)),
            Operation::DropProducer => {
                self.drop_producer();
                return vec![];
            }
            Operation::Cancel(_) => self.act(&Action::Cancel { acknowledge: false }),
            Operation::AddCallback(_, callback) => {
                let number = self.added;
                self.added += 2;
                self.add_callback(number, callback);
                return vec![];
            }
            Operation::Result(_) => {
                self.waits(&Action::Result(Limit::Zero)).expect("it does not block")
            }
            Operation::Exception(_) => {
                self.waits(&Action::Exception(Limit::Zero)).expect("it does not block")
            }
            Operation::Ended(_) => {
                self.waits(&Action::WaitEnded(Limit::Zero)).expect("it does not block")
            }
            Operation::Poll(handle, waker) => self.poll(handle, waker),
            Operation::Clone(_) => {
                let free = self.handles.iter().position(Option::is_none).expect("a free place");
                self.handles[free] = Some(None);
                return vec![];
            }
            Operation::DropHandle(handle) => {
                self.drop_handle(handle);
                return vec![];
            }
            Operation::Block(_, block) => {
                self.threads.push((block, None));
                return vec![];
            }
            Operation::Wait(_, ref members, _) => self.split(members),
            Operation::Completed(_, ref members) => return self.completed(members),
            Operation::Renew => {
                self.drop_producer();
                self.release_threads();
                self.future = Concurrent::default();
                self.has_producer = true;
                self.handles = one_handle();
                return vec![];
            }
        }]
    }

    fn drop_producer(&mut self) {
        if std::mem::take(&mut self.has_producer) {
            self.act(&Action::Drop);
        }
    }

    fn poll(&mut self, handle: usize, waker: usize) -> Word {
        if let Some(word) = self.future.out().map(Out::word) {
            return word;
        }
        self.withdraw(handle);
        self.handles[handle] = Some(Some(waker));
        self.future.await_by(Listener::Waker { handle, waker });
        Word::Pending
    }

    fn drop_handle(&mut self, handle: usize) {
        self.withdraw(handle);
        self.handles[handle] = None;
    }

    /// F-21: only the last waker of a handle counts, and none of one that is gone.
    fn withdraw(&mut self, gone: usize) {
        self.future.withdraw(
            |listener| matches!(listener, Listener::Waker { handle, .. } if *handle == gone),
        );
    }

    fn is_done(&self, member: Member) -> bool {
        match member {
            Member::Own => self.future.is_done(),
            Member::Failed => true,
            Member::Open => false,
        }
    }

    /// F-18, F-19: each once, in the order in which they were given.
    fn split(&self, members: &[Member]) -> Word {
        if members.is_empty() {
            return Word::EmptySet;
        }
        let done = distinct(members).into_iter().filter(|member| self.is_done(*member));
        Word::Done(done.map(number).collect())
    }

    /// Sorted: which of those done first comes first is nobody's promise.
    fn completed(&self, members: &[Member]) -> Vec<Word> {
        let Word::Done(mut done) = self.split(members) else { return vec![Word::EmptySet] };
        done.sort_unstable();
        let left = distinct(members).len() - done.len();
        let unfinished = (left > 0).then(|| Word::Unfinished(u8::try_from(left).expect("three")));
        done.into_iter().map(Word::Completed).chain(unfinished).collect()
    }
}

fn one_handle() -> [Option<Option<usize>>; HANDLES] {
    let mut handles = [None; HANDLES];
    handles[0] = Some(None);
    handles
}

pub(super) fn number(member: Member) -> u8 {
    member as u8
}

pub(super) fn distinct(members: &[Member]) -> Vec<Member> {
    let mut distinct = Vec::new();
    for member in members {
        if !distinct.contains(member) {
            distinct.push(*member);
        }
    }
    distinct
}

pub(super) fn word_name(word: &Word) -> &'static str {
    match word {
        Word::Ok => "ok",
        Word::True => "true",
        Word::False => "false",
        Word::None => "none",
        Word::Value(_) => "value",
        Word::Error(Cause::Raised(_)) => "exception",
        Word::Error(Cause::BrokenPromise) => "broken promise",
        Word::Error(Cause::Cancelled) => "cancelled",
        Word::Pending => "pending",
        Word::TimedOut => "timed out",
        Word::InvalidCancelled => "refused: cancelled",
        Word::InvalidFinished => "refused: too late",
        Word::Done(_) => "done",
        other => unreachable!("no answer of a concurrent future: {other}"),
    }
}

pub(super) struct Programs;

fn members() -> BoxedStrategy<Vec<Member>> {
    let member = prop_oneof![Just(Member::Own), Just(Member::Failed), Just(Member::Open)];
    prop_oneof![
        4 => prop::collection::vec(member, 0..5),
        // So that all of them can be done.
        1 => prop::collection::vec(prop_oneof![Just(Member::Own), Just(Member::Failed)], 1..3),
    ]
    .boxed()
}

/// The producer's operations: rare enough that programs stay in every state for a while.
fn of_producer() -> BoxedStrategy<Operation> {
    let out = prop_oneof![
        any::<u8>().prop_map(Out::Value),
        (0..3u8).prop_map(|number| Out::Exception(Cause::Raised(number)))
    ];
    prop_oneof![
        3 => Just(Operation::Start),
        2 => any::<u8>().prop_map(Operation::SetResult),
        2 => (0..3u8).prop_map(Operation::SetException),
        2 => out.prop_map(Operation::TryComplete),
        2 => Just(Operation::AskProducer),
        1 => Just(Operation::DropProducer),
    ]
    .boxed()
}

fn of_handles(model: &Model) -> BoxedStrategy<Operation> {
    let live = model.live_handles();
    let handle = prop::sample::select(live.clone());
    let callback = prop_oneof![
        Just(Callback::Plain),
        Just(Callback::Panics),
        Just(Callback::Adds),
        Just(Callback::Cancels)
    ];
    let when = prop_oneof![Just(When::First), Just(When::Failure), Just(When::All)];
    let of = |operation: fn(usize) -> Operation| handle.clone().prop_map(operation).boxed();
    let mut operations = vec![
        (2, of(Operation::Cancel)),
        (3, of(Operation::Result)),
        (3, of(Operation::Exception)),
        (2, of(Operation::Ended)),
        (2, of(Operation::DropHandle)),
        (
            4,
            (handle.clone(), callback)
                .prop_map(|(handle, what)| Operation::AddCallback(handle, what))
                .boxed(),
        ),
        (
            4,
            (handle.clone(), 0..WAKERS)
                .prop_map(|(handle, waker)| Operation::Poll(handle, waker))
                .boxed(),
        ),
        (
            4,
            (handle.clone(), members(), when)
                .prop_map(|(handle, members, when)| Operation::Wait(handle, members, when))
                .boxed(),
        ),
        (
            3,
            (handle.clone(), members())
                .prop_map(|(handle, members)| Operation::Completed(handle, members))
                .boxed(),
        ),
    ];
    if live.len() < HANDLES {
        operations.push((3, of(Operation::Clone)));
    }
    if model.waiting_threads() < THREADS {
        let block = prop_oneof![
            Just(Block::Result),
            Just(Block::Exception),
            Just(Block::Ended),
            Just(Block::Wait),
            Just(Block::Next)
        ];
        let blocked = (handle, block).prop_map(|(handle, block)| Operation::Block(handle, block));
        operations.push((2, blocked.boxed()));
    }
    prop::strategy::Union::new_weighted(operations).boxed()
}

impl ReferenceStateMachine for Programs {
    type State = Model;
    type Transition = Operation;

    fn init_state() -> BoxedStrategy<Model> {
        Just(Model::new()).boxed()
    }

    fn transitions(model: &Model) -> BoxedStrategy<Operation> {
        let renew = if model.future.is_done() { 4 } else { 1 };
        let mut operations = vec![(renew, Just(Operation::Renew).boxed())];
        if model.has_producer {
            operations.push((12, of_producer()));
        }
        if !model.live_handles().is_empty() {
            operations.push((36, of_handles(model)));
        }
        prop::strategy::Union::new_weighted(operations).boxed()
    }

    fn apply(mut model: Model, operation: &Operation) -> Model {
        model.before = model.state();
        model.answer = model.take(operation);
        model.release_threads();
        model
    }

    fn preconditions(model: &Model, operation: &Operation) -> bool {
        let can_be_taken = match operation.handle() {
            Some(handle) => model.handles[handle].is_some(),
            None => model.has_producer || matches!(operation, Operation::Renew),
        };
        let has_place = match operation {
            Operation::Clone(_) => model.handles.contains(&None),
            Operation::Block(..) => model.waiting_threads() < THREADS,
            _ => true,
        };
        can_be_taken && has_place
    }
}
