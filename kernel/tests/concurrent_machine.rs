//! The concurrent future beside a pure model of it: random programs, every answer compared.
//!
//! The model is single-threaded and knows no locks. A program of up to sixty steps acts on one future:
//! its producer, up to four handles, threads that are blocked in it, wakers that polled it, and callbacks.
//! What each step answers, who has been woken, released and called, and what the future says of itself
//! must be what the model says. At the end of the run every step must have been taken in every state.
//!
//! Programs that failed once are kept in `proptest-regressions` and tried first.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "the tests are foreign threads: they use the real ones"
)]
#![cfg(not(any(loom, shuttle)))]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::future::Future;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use loopgate::concurrent::{self, EmptySet, ReturnWhen, Unfinished, as_completed, wait};
use loopgate::{
    BrokenPromise, Clock, ConcurrentFuture, Exception, InvalidState, Promise, ResultError,
};
use proptest::prelude::*;
use proptest::test_runner::{FileFailurePersistence, TestRunner};
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};

/// Only bounds a program that would otherwise hang.
const GUARD: Duration = Duration::from_secs(60);
const HANDLES: usize = 4;
const WAKERS: usize = 3;
const THREADS: usize = 3;

// The steps of a program

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Value(u8),
    /// One of the exceptions that the program owns; it keeps its identity.
    Raised(u8),
    /// The producer was dropped.
    Broken,
}

/// What a callback does besides noting that it was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Callback {
    Plain,
    Panics,
    /// Adds a plain callback.
    Adds,
    Cancels,
}

/// What a thread is blocked in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Block {
    Result,
    Exception,
    Ended,
    Wait,
    Next,
}

/// A member of a set to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Member {
    /// The future of the program, by any of its handles.
    Own,
    /// One that has failed long ago.
    Failed,
    /// One that is never done.
    Open,
}

#[derive(Clone, Debug)]
enum Step {
    // The producer's.
    Start,
    SetResult(u8),
    SetException(u8),
    TryComplete(Outcome),
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
    /// When nothing else is left.
    Rest,
}

#[derive(Clone, Copy, Debug)]
enum When {
    First,
    Failure,
    All,
}

impl Step {
    fn name(&self) -> &'static str {
        match self {
            Step::Start => "start",
            Step::SetResult(_) => "set_result",
            Step::SetException(_) => "set_exception",
            Step::TryComplete(_) => "try_complete",
            Step::AskProducer => "ask producer",
            Step::DropProducer => "drop producer",
            Step::Cancel(_) => "cancel",
            Step::AddCallback(..) => "add_done_callback",
            Step::Result(_) => "result",
            Step::Exception(_) => "exception",
            Step::Ended(_) => "wait_ended",
            Step::Poll(..) => "poll",
            Step::Clone(_) => "clone",
            Step::DropHandle(_) => "drop handle",
            Step::Block(..) => "block",
            Step::Wait(..) => "wait",
            Step::Completed(..) => "as_completed",
            Step::Rest => "rest",
        }
    }

    /// The handle that takes the step.
    fn handle(&self) -> Option<usize> {
        match *self {
            Step::Cancel(handle)
            | Step::AddCallback(handle, _)
            | Step::Result(handle)
            | Step::Exception(handle)
            | Step::Ended(handle)
            | Step::Poll(handle, _)
            | Step::Clone(handle)
            | Step::DropHandle(handle)
            | Step::Block(handle, _)
            | Step::Wait(handle, ..)
            | Step::Completed(handle, _) => Some(handle),
            _ => None,
        }
    }

    fn is_producers(&self) -> bool {
        self.handle().is_none() && !matches!(self, Step::Rest)
    }
}

const STEPS: [&str; 17] = [
    "start",
    "set_result",
    "set_exception",
    "try_complete",
    "ask producer",
    "drop producer",
    "cancel",
    "add_done_callback",
    "result",
    "exception",
    "wait_ended",
    "poll",
    "clone",
    "drop handle",
    "block",
    "wait",
    "as_completed",
];
const PHASES: [&str; 5] = ["pending", "running", "cancelled", "cancelled and ended", "finished"];

// What a step answers

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Outcome(Outcome),
    NoException,
    Cancelled,
    TimedOut,
    /// The wait was for the end, and there it is.
    Ended,
    /// The wait was for a set, and the future was among those done.
    Done,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Answer {
    Nothing,
    Said(bool),
    /// `Err` with whether the future was cancelled.
    Started(Result<bool, bool>),
    /// `Err` with what was given back, and whether the future was cancelled.
    Completed(Result<(), (Outcome, bool)>),
    Saw(Seen),
    Pending,
    Split {
        done: Vec<Member>,
        not_done: Vec<Member>,
    },
    /// Sorted: which of those done first comes first is nobody's promise.
    Yielded {
        done: Vec<Member>,
        unfinished: Option<(usize, usize)>,
    },
    EmptySet,
}

impl Answer {
    fn name(&self) -> &'static str {
        match self {
            Answer::Nothing => "nothing",
            Answer::Said(true) => "true",
            Answer::Said(false) => "false",
            Answer::Started(Ok(true)) => "started",
            Answer::Started(Ok(false)) => "not wanted",
            Answer::Started(Err(true)) | Answer::Completed(Err((_, true))) => "refused: cancelled",
            Answer::Started(Err(false)) | Answer::Completed(Err((_, false))) => "refused: too late",
            Answer::Completed(Ok(())) => "stored",
            Answer::Saw(Seen::Outcome(Outcome::Value(_))) => "value",
            Answer::Saw(Seen::Outcome(Outcome::Raised(_))) => "exception",
            Answer::Saw(Seen::Outcome(Outcome::Broken)) => "broken promise",
            Answer::Saw(Seen::NoException) => "no exception",
            Answer::Saw(Seen::Cancelled) => "cancelled",
            Answer::Saw(Seen::TimedOut) => "timed out",
            Answer::Saw(Seen::Ended) => "ended",
            Answer::Saw(Seen::Done) => "done",
            Answer::Pending => "pending",
            Answer::Split { not_done, .. } if not_done.is_empty() => "all done",
            Answer::Split { done, .. } if done.is_empty() => "none done",
            Answer::Split { .. } => "some done",
            Answer::Yielded { unfinished: None, .. } => "all yielded",
            Answer::Yielded { .. } => "unfinished",
            Answer::EmptySet => "empty set",
        }
    }
}

/// Every answer that some program must have got.
const ANSWERS: [(&str, &[&str]); 15] = [
    ("start", &["started", "not wanted", "refused: cancelled", "refused: too late"]),
    ("set_result", &["stored", "refused: cancelled", "refused: too late"]),
    ("set_exception", &["stored", "refused: cancelled", "refused: too late"]),
    ("try_complete", &["true", "false"]),
    ("ask producer", &["true", "false"]),
    ("drop producer", &["nothing"]),
    ("cancel", &["true", "false"]),
    ("add_done_callback", &["nothing"]),
    ("result", &["value", "exception", "broken promise", "cancelled", "timed out"]),
    ("exception", &["no exception", "exception", "broken promise", "cancelled", "timed out"]),
    ("wait_ended", &["ended", "timed out"]),
    ("poll", &["value", "exception", "broken promise", "cancelled", "pending"]),
    (
        "block",
        &["value", "exception", "no exception", "broken promise", "cancelled", "ended", "done"],
    ),
    ("wait", &["all done", "none done", "some done", "empty set"]),
    ("as_completed", &["all yielded", "unfinished", "empty set"]),
];

/// One call of a callback: its number, what it saw, and what its own cancel answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Call {
    number: usize,
    saw: Seen,
    cancel: Option<bool>,
}

// The model

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Pending,
    Running,
    Cancelled { acknowledged: bool },
    Finished(Outcome),
}

#[derive(Clone, Debug)]
struct Model {
    phase: Phase,
    has_producer: bool,
    /// Which handles there are, and the waker that each left when it was polled.
    handles: [Option<Option<usize>>; HANDLES],
    /// Callbacks that have not been called.
    callbacks: Vec<(usize, Callback)>,
    /// How many callbacks were ever added, the nested ones included.
    added: usize,
    calls: Vec<Call>,
    wakes: [usize; WAKERS],
    /// Threads in the order in which they began to wait; with what it gave them once released.
    threads: Vec<(Block, Option<Seen>)>,
    answer: Answer,
}

impl Model {
    fn new() -> Model {
        let mut handles = [None; HANDLES];
        handles[0] = Some(None);
        Model {
            phase: Phase::Pending,
            has_producer: true,
            handles,
            callbacks: Vec::new(),
            added: 0,
            calls: Vec::new(),
            wakes: [0; WAKERS],
            threads: Vec::new(),
            answer: Answer::Nothing,
        }
    }

    fn phase_name(&self) -> &'static str {
        match self.phase {
            Phase::Pending => "pending",
            Phase::Running => "running",
            Phase::Cancelled { acknowledged: false } => "cancelled",
            Phase::Cancelled { acknowledged: true } => "cancelled and ended",
            Phase::Finished(_) => "finished",
        }
    }

    fn is_cancelled(&self) -> bool {
        matches!(self.phase, Phase::Cancelled { .. })
    }

    fn is_done(&self) -> bool {
        matches!(self.phase, Phase::Cancelled { .. } | Phase::Finished(_))
    }

    fn has_ended(&self) -> bool {
        matches!(self.phase, Phase::Cancelled { acknowledged: true } | Phase::Finished(_))
    }

    fn live_handles(&self) -> Vec<usize> {
        (0..HANDLES).filter(|handle| self.handles[*handle].is_some()).collect()
    }

    fn waiting_threads(&self) -> usize {
        self.threads.iter().filter(|(_, released)| released.is_none()).count()
    }

    /// What `result` and an await would give.
    fn result(&self) -> Option<Seen> {
        match self.phase {
            Phase::Pending | Phase::Running => None,
            Phase::Cancelled { .. } => Some(Seen::Cancelled),
            Phase::Finished(outcome) => Some(Seen::Outcome(outcome)),
        }
    }

    fn exception(&self) -> Option<Seen> {
        match self.result() {
            Some(Seen::Outcome(Outcome::Value(_))) => Some(Seen::NoException),
            other => other,
        }
    }

    /// What a blocked thread gets, if the future lets it go.
    fn release(&self, block: Block) -> Option<Seen> {
        match block {
            Block::Result => self.result(),
            Block::Exception => self.exception(),
            Block::Ended => self.has_ended().then_some(Seen::Ended),
            Block::Wait | Block::Next => self.is_done().then_some(Seen::Done),
        }
    }

    fn release_threads(&mut self) {
        let model = self.clone();
        for (block, released) in &mut self.threads {
            *released = released.or_else(|| model.release(*block));
        }
    }

    /// F-1: the only way to be done. Threads and wakers first, then the callbacks (F-12).
    fn settle(&mut self, phase: Phase) {
        self.phase = phase;
        for handle in self.handles.iter_mut().flatten() {
            if let Some(waker) = handle.take() {
                self.wakes[waker] += 1;
            }
        }
        for (number, callback) in std::mem::take(&mut self.callbacks) {
            self.call(number, callback);
        }
    }

    fn call(&mut self, number: usize, callback: Callback) {
        let saw = self.result().expect("called when it is done");
        // F-2, F-3: a cancel inside a callback changes nothing any more.
        let cancel = (callback == Callback::Cancels).then(|| self.is_cancelled());
        self.calls.push(Call { number, saw, cancel });
        if callback == Callback::Adds {
            // F-14: at once, inside the one that adds it.
            self.calls.push(Call { number: number + 1, saw, cancel: None });
        }
    }

    /// F-6: stored, or given back with the reason.
    fn complete(&mut self, outcome: Outcome) -> Result<(), (Outcome, bool)> {
        match self.phase {
            Phase::Pending | Phase::Running => {
                self.settle(Phase::Finished(outcome));
                Ok(())
            }
            Phase::Cancelled { .. } => Err((outcome, true)),
            Phase::Finished(_) => Err((outcome, false)),
        }
    }

    /// F-16: the producer says that it is through.
    fn acknowledge(&mut self) {
        if self.is_cancelled() {
            self.phase = Phase::Cancelled { acknowledged: true };
        }
    }

    fn take(&mut self, step: &Step) -> Answer {
        match *step {
            Step::Start => Answer::Started(match self.phase {
                Phase::Pending => {
                    self.phase = Phase::Running;
                    Ok(true)
                }
                Phase::Cancelled { acknowledged: false } => {
                    self.acknowledge();
                    Ok(false)
                }
                Phase::Cancelled { acknowledged: true } => Err(true),
                Phase::Running | Phase::Finished(_) => Err(false),
            }),
            Step::SetResult(value) => Answer::Completed(self.complete(Outcome::Value(value))),
            Step::SetException(number) => Answer::Completed(self.complete(Outcome::Raised(number))),
            Step::TryComplete(outcome) => {
                let won = self.complete(outcome).is_ok();
                self.acknowledge();
                Answer::Said(won)
            }
            Step::AskProducer => Answer::Said(self.is_cancelled()),
            Step::DropProducer => {
                self.has_producer = false;
                let _ = self.complete(Outcome::Broken);
                self.acknowledge();
                Answer::Nothing
            }
            Step::Cancel(_) => {
                if self.phase == Phase::Pending {
                    self.settle(Phase::Cancelled { acknowledged: false });
                }
                Answer::Said(self.is_cancelled())
            }
            Step::AddCallback(_, callback) => {
                let number = self.added;
                self.added += 2;
                if self.is_done() {
                    self.call(number, callback);
                } else {
                    self.callbacks.push((number, callback));
                }
                Answer::Nothing
            }
            Step::Result(_) => Answer::Saw(self.result().unwrap_or(Seen::TimedOut)),
            Step::Exception(_) => Answer::Saw(self.exception().unwrap_or(Seen::TimedOut)),
            Step::Ended(_) => {
                Answer::Saw(if self.has_ended() { Seen::Ended } else { Seen::TimedOut })
            }
            Step::Poll(handle, waker) => match self.result() {
                Some(seen) => Answer::Saw(seen),
                None => {
                    self.handles[handle] = Some(Some(waker));
                    Answer::Pending
                }
            },
            Step::Clone(_) => {
                let free = self.handles.iter().position(Option::is_none).expect("a free place");
                self.handles[free] = Some(None);
                Answer::Nothing
            }
            Step::DropHandle(handle) => {
                self.handles[handle] = None;
                Answer::Nothing
            }
            Step::Block(_, block) => {
                self.threads.push((block, None));
                Answer::Nothing
            }
            Step::Wait(_, ref members, _) => self.split(members),
            Step::Completed(_, ref members) => match self.split(members) {
                Answer::Split { mut done, not_done } => {
                    done.sort_unstable();
                    let total = done.len() + not_done.len();
                    let unfinished = (!not_done.is_empty()).then_some((not_done.len(), total));
                    Answer::Yielded { done, unfinished }
                }
                refused => refused,
            },
            Step::Rest => Answer::Nothing,
        }
    }

    /// F-18, F-19: each once, in the order in which they were given.
    fn split(&self, members: &[Member]) -> Answer {
        let mut distinct: Vec<Member> = Vec::new();
        for member in members {
            if !distinct.contains(member) {
                distinct.push(*member);
            }
        }
        if distinct.is_empty() {
            return Answer::EmptySet;
        }
        let (done, not_done) = distinct.into_iter().partition(|member| match member {
            Member::Own => self.is_done(),
            Member::Failed => true,
            Member::Open => false,
        });
        Answer::Split { done, not_done }
    }
}

// Programs

struct Programs;

fn members() -> BoxedStrategy<Vec<Member>> {
    let member = prop_oneof![Just(Member::Own), Just(Member::Failed), Just(Member::Open)];
    prop_oneof![
        4 => prop::collection::vec(member, 0..5),
        // So that all of them can be done.
        1 => prop::collection::vec(prop_oneof![Just(Member::Own), Just(Member::Failed)], 1..3),
    ]
    .boxed()
}

impl ReferenceStateMachine for Programs {
    type State = Model;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Model> {
        Just(Model::new()).boxed()
    }

    fn transitions(model: &Model) -> BoxedStrategy<Step> {
        let mut steps: Vec<(u32, BoxedStrategy<Step>)> = vec![(0, Just(Step::Rest).boxed())];
        if model.has_producer {
            // Rare enough that programs stay in every state for a while.
            let outcome = prop_oneof![
                any::<u8>().prop_map(Outcome::Value),
                (0..3u8).prop_map(Outcome::Raised)
            ];
            steps.push((3, Just(Step::Start).boxed()));
            steps.push((2, any::<u8>().prop_map(Step::SetResult).boxed()));
            steps.push((2, (0..3u8).prop_map(Step::SetException).boxed()));
            steps.push((2, outcome.prop_map(Step::TryComplete).boxed()));
            steps.push((2, Just(Step::AskProducer).boxed()));
            steps.push((1, Just(Step::DropProducer).boxed()));
        }
        let live = model.live_handles();
        if !live.is_empty() {
            let handle = prop::sample::select(live.clone());
            let callback = prop_oneof![
                Just(Callback::Plain),
                Just(Callback::Panics),
                Just(Callback::Adds),
                Just(Callback::Cancels)
            ];
            let when = prop_oneof![Just(When::First), Just(When::Failure), Just(When::All)];
            let of = |step: fn(usize) -> Step| handle.clone().prop_map(step).boxed();
            steps.push((2, of(Step::Cancel)));
            steps.push((3, of(Step::Result)));
            steps.push((3, of(Step::Exception)));
            steps.push((2, of(Step::Ended)));
            let added = (handle.clone(), callback);
            steps.push((
                4,
                added.prop_map(|(handle, what)| Step::AddCallback(handle, what)).boxed(),
            ));
            let polled = (handle.clone(), 0..WAKERS);
            steps.push((4, polled.prop_map(|(handle, waker)| Step::Poll(handle, waker)).boxed()));
            let waited = (handle.clone(), members(), when);
            steps.push((
                4,
                waited
                    .prop_map(|(handle, members, when)| Step::Wait(handle, members, when))
                    .boxed(),
            ));
            let completed = (handle.clone(), members());
            steps.push((
                3,
                completed.prop_map(|(handle, members)| Step::Completed(handle, members)).boxed(),
            ));
            if live.len() < HANDLES {
                steps.push((2, of(Step::Clone)));
            }
            steps.push((if live.len() > 1 { 2 } else { 1 }, of(Step::DropHandle)));
            if model.waiting_threads() < THREADS {
                let block = prop_oneof![
                    Just(Block::Result),
                    Just(Block::Exception),
                    Just(Block::Ended),
                    Just(Block::Wait),
                    Just(Block::Next)
                ];
                let blocked = (handle, block);
                steps.push((
                    2,
                    blocked.prop_map(|(handle, block)| Step::Block(handle, block)).boxed(),
                ));
            }
        }
        if steps.len() == 1 {
            return Just(Step::Rest).boxed();
        }
        prop::strategy::Union::new_weighted(steps.split_off(1)).boxed()
    }

    fn apply(mut model: Model, step: &Step) -> Model {
        model.answer = model.take(step);
        model.release_threads();
        model
    }

    fn preconditions(model: &Model, step: &Step) -> bool {
        let can_be_taken = match step.handle() {
            Some(handle) => model.handles[handle].is_some(),
            None => model.has_producer || !step.is_producers(),
        };
        let has_place = match step {
            Step::Clone(_) => model.handles.contains(&None),
            Step::Block(..) => model.waiting_threads() < THREADS,
            _ => true,
        };
        can_be_taken && has_place
    }
}

// The real thing

#[derive(Default)]
struct WakeCount(AtomicUsize);

impl Wake for WakeCount {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

struct Real {
    producer: Option<Promise<u8>>,
    handles: [Option<ConcurrentFuture<u8>>; HANDLES],
    added: usize,
    calls: Arc<Mutex<Vec<Call>>>,
    wakes: [Arc<WakeCount>; WAKERS],
    wakers: [Waker; WAKERS],
    threads: Vec<(Receiver<Seen>, Option<Seen>)>,
    exceptions: Arc<[Exception; 3]>,
    failed: ConcurrentFuture<u8>,
    open: ConcurrentFuture<u8>,
    /// Keeps it open.
    _opens: Promise<u8>,
    /// The state before the step, for the count of what was reached.
    before: &'static str,
}

fn outcome_of(exception: &Exception, exceptions: &[Exception; 3]) -> Outcome {
    match exceptions.iter().position(|known| known.same_object(exception)) {
        Some(number) => Outcome::Raised(u8::try_from(number).unwrap()),
        None if exception.is::<BrokenPromise>() => Outcome::Broken,
        None => panic!("where does this come from: {exception}"),
    }
}

fn seen_of(error: &ResultError, exceptions: &[Exception; 3]) -> Seen {
    match error {
        ResultError::Exception(exception) => Seen::Outcome(outcome_of(exception, exceptions)),
        ResultError::Cancelled(_) => Seen::Cancelled,
        ResultError::TimedOut => Seen::TimedOut,
        other => panic!("unexpected: {other}"),
    }
}

fn result_seen(result: Result<u8, ResultError>, exceptions: &[Exception; 3]) -> Seen {
    match result {
        Ok(value) => Seen::Outcome(Outcome::Value(value)),
        Err(error) => seen_of(&error, exceptions),
    }
}

fn exception_seen(
    exception: Result<Option<Exception>, ResultError>,
    exceptions: &[Exception; 3],
) -> Seen {
    match exception {
        Ok(None) => Seen::NoException,
        Ok(Some(exception)) => Seen::Outcome(outcome_of(&exception, exceptions)),
        Err(error) => seen_of(&error, exceptions),
    }
}

impl Real {
    fn new() -> Real {
        let (producer, future) = concurrent::promise();
        let (fails, failed) = concurrent::promise();
        fails.set_exception(Exception::new("long ago")).unwrap();
        let (opens, open) = concurrent::promise();
        let wakes: [Arc<WakeCount>; WAKERS] = std::array::from_fn(|_| Arc::default());
        let wakers = std::array::from_fn(|waker| Waker::from(Arc::clone(&wakes[waker])));
        Real {
            producer: Some(producer),
            handles: [Some(future), None, None, None],
            added: 0,
            calls: Arc::default(),
            wakes,
            wakers,
            threads: Vec::new(),
            exceptions: Arc::new(["zero", "one", "two"].map(Exception::new)),
            failed,
            open,
            _opens: opens,
            before: "pending",
        }
    }

    fn producer(&self) -> &Promise<u8> {
        self.producer.as_ref().expect("the precondition of the step")
    }

    fn handle(&self, handle: usize) -> &ConcurrentFuture<u8> {
        self.handles[handle].as_ref().expect("the precondition of the step")
    }

    fn take(&mut self, step: &Step) -> Answer {
        match *step {
            Step::Start => Answer::Started(
                self.producer().set_running_or_notify_cancel().map_err(|refused| refused.cancelled),
            ),
            Step::SetResult(value) => Answer::Completed(self.producer().set_result(value).map_err(
                |InvalidState { rejected, cancelled }| (Outcome::Value(rejected), cancelled),
            )),
            Step::SetException(number) => {
                let exception = self.exceptions[usize::from(number)].clone();
                Answer::Completed(self.producer().set_exception(exception).map_err(
                    |InvalidState { rejected, cancelled }| {
                        (outcome_of(&rejected, &self.exceptions), cancelled)
                    },
                ))
            }
            Step::TryComplete(outcome) => {
                Answer::Said(self.producer().try_complete(match outcome {
                    Outcome::Value(value) => Ok(value),
                    Outcome::Raised(number) => Err(self.exceptions[usize::from(number)].clone()),
                    Outcome::Broken => unreachable!("only a drop breaks the promise"),
                }))
            }
            Step::AskProducer => Answer::Said(self.producer().cancelled()),
            Step::DropProducer => {
                drop(self.producer.take());
                Answer::Nothing
            }
            Step::Cancel(handle) => Answer::Said(self.handle(handle).cancel()),
            Step::AddCallback(handle, callback) => {
                self.add_callback(handle, callback);
                Answer::Nothing
            }
            Step::Result(handle) => {
                let result = self.handle(handle).result_timeout(Duration::ZERO);
                Answer::Saw(result_seen(result, &self.exceptions))
            }
            Step::Exception(handle) => {
                let exception = self.handle(handle).exception_timeout(Duration::ZERO);
                Answer::Saw(exception_seen(exception, &self.exceptions))
            }
            Step::Ended(handle) => {
                Answer::Saw(match self.handle(handle).wait_ended_timeout(Duration::ZERO) {
                    Ok(()) => Seen::Ended,
                    Err(error) => seen_of(&error, &self.exceptions),
                })
            }
            Step::Poll(handle, waker) => self.poll(handle, waker),
            Step::Clone(handle) => {
                let clone = self.handle(handle).clone();
                assert!(clone.same_future(self.handle(handle)));
                let free = self.handles.iter().position(Option::is_none).expect("a free place");
                self.handles[free] = Some(clone);
                Answer::Nothing
            }
            Step::DropHandle(handle) => {
                self.handles[handle] = None;
                Answer::Nothing
            }
            Step::Block(handle, block) => {
                self.block(handle, block);
                Answer::Nothing
            }
            Step::Wait(handle, ref members, when) => self.wait(handle, members, when),
            Step::Completed(handle, ref members) => self.completed(handle, members),
            Step::Rest => Answer::Nothing,
        }
    }

    fn add_callback(&mut self, handle: usize, callback: Callback) {
        let number = self.added;
        self.added += 2;
        let (calls, exceptions) = (Arc::clone(&self.calls), Arc::clone(&self.exceptions));
        self.handle(handle).add_done_callback(move |done| {
            let saw = result_seen(done.result_timeout(Duration::ZERO), &exceptions);
            let cancel = (callback == Callback::Cancels).then(|| done.cancel());
            calls.lock().unwrap().push(Call { number, saw, cancel });
            match callback {
                Callback::Plain | Callback::Cancels => {}
                Callback::Panics => resume_unwind(Box::new("a callback of the program")),
                Callback::Adds => done.add_done_callback(move |done| {
                    let saw = result_seen(done.result_timeout(Duration::ZERO), &exceptions);
                    let call = Call { number: number + 1, saw, cancel: None };
                    calls.lock().unwrap().push(call);
                }),
            }
        });
    }

    fn poll(&mut self, handle: usize, waker: usize) -> Answer {
        let future = self.handles[handle].as_mut().expect("the precondition of the step");
        match Pin::new(future).poll(&mut Context::from_waker(&self.wakers[waker])) {
            Poll::Pending => Answer::Pending,
            Poll::Ready(Ok(value)) => Answer::Saw(Seen::Outcome(Outcome::Value(value))),
            Poll::Ready(Err(exception)) if exception.is_cancelled() => Answer::Saw(Seen::Cancelled),
            Poll::Ready(Err(exception)) => {
                Answer::Saw(Seen::Outcome(outcome_of(&exception, &self.exceptions)))
            }
        }
    }

    /// Starts a thread that waits; it is blocked already when this returns, unless it need not wait.
    fn block(&mut self, handle: usize, block: Block) {
        let (future, exceptions) = (self.handle(handle).clone(), Arc::clone(&self.exceptions));
        let (sender, receiver) = mpsc::channel();
        let body = move || {
            let seen = match block {
                Block::Result => result_seen(future.result(), &exceptions),
                Block::Exception => exception_seen(future.exception(), &exceptions),
                Block::Ended => future.wait_ended().map(|()| Seen::Ended).unwrap(),
                Block::Wait => {
                    let split = wait(&[future], None, ReturnWhen::FirstCompleted).unwrap();
                    assert_eq!((split.done.len(), split.not_done.len()), (1, 0));
                    Seen::Done
                }
                Block::Next => {
                    let mut completed = as_completed(&[future], None).unwrap();
                    let done = completed.next().unwrap().unwrap();
                    assert!(done.done() && completed.next().is_none());
                    Seen::Done
                }
            };
            // Nobody listens any more if the program has failed.
            let _ = sender.send(seen);
        };
        Clock::virtual_time().spawn("blocked", body).unwrap();
        self.threads.push((receiver, None));
    }

    fn set(&self, handle: usize, members: &[Member]) -> Vec<ConcurrentFuture<u8>> {
        // Every other time by another handle of the same future.
        let mut own = self.handles.iter().flatten().cycle();
        let member = |member: &Member| match member {
            Member::Own => own.next().unwrap_or(self.handle(handle)).clone(),
            Member::Failed => self.failed.clone(),
            Member::Open => self.open.clone(),
        };
        members.iter().map(member).collect()
    }

    fn member(&self, future: &ConcurrentFuture<u8>) -> Member {
        if future.same_future(&self.failed) {
            Member::Failed
        } else if future.same_future(&self.open) {
            Member::Open
        } else {
            Member::Own
        }
    }

    fn wait(&self, handle: usize, members: &[Member], when: When) -> Answer {
        let when = match when {
            When::First => ReturnWhen::FirstCompleted,
            When::Failure => ReturnWhen::FirstException,
            When::All => ReturnWhen::AllCompleted,
        };
        let names = |futures: &[ConcurrentFuture<u8>]| {
            futures.iter().map(|future| self.member(future)).collect()
        };
        match wait(&self.set(handle, members), Some(Duration::ZERO), when) {
            Ok(split) => {
                Answer::Split { done: names(&split.done), not_done: names(&split.not_done) }
            }
            Err(refused) => {
                assert!(refused.is::<EmptySet>());
                Answer::EmptySet
            }
        }
    }

    fn completed(&self, handle: usize, members: &[Member]) -> Answer {
        let completed = match as_completed(&self.set(handle, members), Some(Duration::ZERO)) {
            Ok(completed) => completed,
            Err(EmptySet) => return Answer::EmptySet,
        };
        let (mut done, mut over) = (Vec::new(), None);
        for next in completed {
            assert_eq!(over, None, "nothing comes after the end");
            match next {
                Ok(future) => done.push(self.member(&future)),
                Err(end) => {
                    let Unfinished { unfinished, total } = *end.downcast_ref().unwrap();
                    over = Some((unfinished, total));
                }
            }
        }
        done.sort_unstable();
        Answer::Yielded { done, unfinished: over }
    }

    /// Threads are released exactly when the model says so, with what it says.
    fn check_threads(&mut self, model: &Model) {
        assert_eq!(self.threads.len(), model.threads.len());
        for ((receiver, got), (block, released)) in self.threads.iter_mut().zip(&model.threads) {
            match (*got, *released) {
                (None, None) => {
                    let early = receiver.try_recv();
                    assert_eq!(early, Err(TryRecvError::Empty), "{block:?} was released early");
                }
                (None, Some(expected)) => {
                    let seen = receiver.recv_timeout(GUARD);
                    assert_eq!(seen, Ok(expected), "{block:?}");
                    count(&format!("block -> {}", Answer::Saw(expected).name()));
                    *got = Some(expected);
                }
                (Some(got), released) => assert_eq!(Some(got), released),
            }
        }
    }
}

/// How often what was reached.
static REACHED: Mutex<BTreeMap<String, usize>> = Mutex::new(BTreeMap::new());

fn count(what: &str) {
    *REACHED.lock().unwrap().entry(what.to_owned()).or_default() += 1;
}

struct Machine;

impl StateMachineTest for Machine {
    type SystemUnderTest = Real;
    type Reference = Programs;

    fn init_test(_: &Model) -> Real {
        Real::new()
    }

    fn apply(mut real: Real, model: &Model, step: Step) -> Real {
        count(&format!("{} when {}", step.name(), real.before));
        count(&format!("{} -> {}", step.name(), model.answer.name()));
        let answer = real.take(&step);
        assert_eq!(answer, model.answer, "the answer of {step:?}");
        real.check_threads(model);
        real.before = model.phase_name();
        real
    }

    fn check_invariants(real: &Real, model: &Model) {
        assert_eq!(*real.calls.lock().unwrap(), model.calls, "who was called");
        for (waker, count) in real.wakes.iter().enumerate() {
            assert_eq!(count.0.load(Ordering::SeqCst), model.wakes[waker], "wakes of {waker}");
            // Besides the two of this program only the handles that it polled may hold it.
            let polled =
                model.handles.iter().flatten().filter(|left| **left == Some(waker)).count();
            assert_eq!(Arc::strong_count(count), 2 + polled, "holders of waker {waker}");
        }
        for future in real.handles.iter().flatten() {
            assert_eq!(future.running(), model.phase == Phase::Running);
            assert_eq!(future.cancelled(), model.is_cancelled());
            assert_eq!(future.done(), model.is_done());
            assert_eq!(future.ended(), model.has_ended());
        }
        assert!(!real.open.done() && real.failed.done(), "its companions are left alone");
    }

    fn teardown(mut real: Real, mut model: Model) {
        // Whatever the program did: without its producer nobody is left waiting.
        drop(real.producer.take());
        if model.has_producer {
            model = Programs::apply(model, &Step::DropProducer);
        }
        real.check_threads(&model);
        Self::check_invariants(&real, &model);
        assert_eq!(model.waiting_threads(), 0);
        assert!(model.callbacks.is_empty());
    }
}

//= SPEC.md#f-1
//= type=test
//# A concurrent future MUST move only PENDING to RUNNING, PENDING or RUNNING to FINISHED, and
//# PENDING to CANCELLED; FINISHED and CANCELLED are final.
//= SPEC.md#f-2
//= type=test
//# `cancel` on a PENDING future MUST succeed and release every waiter before it returns true; on a
//# RUNNING or FINISHED one it MUST return false and change nothing.
//= SPEC.md#f-3
//= type=test
//# `cancel` on a CANCELLED future MUST return true and run no callback again.
//= SPEC.md#f-5
//= type=test
//# `set_running_or_notify_cancel` MUST answer true at most once, and after it did the future cannot
//# be cancelled any more.
//= SPEC.md#f-6
//= type=test
//# A second completion, and a completion after a cancel, MUST be refused with the rejected value
//# given back, and MUST change nothing.
//= SPEC.md#f-7
//= type=test
//# A producer dropped without completing MUST finish the future with an error that says so.
//= SPEC.md#f-9
//= type=test
//# If completion came first, a waiter MUST get the outcome and never a timeout; a timeout MUST
//# leave the future as it was.
//= SPEC.md#f-10
//= type=test
//# A zero timeout MUST NOT block.
//= SPEC.md#f-12
//= type=test
//# Done-callbacks MUST run once each, in order of registration, in the thread that completed or
//# cancelled the future, after its waiters were released and with no lock held.
//= SPEC.md#f-13
//= type=test
//# A done-callback that panics MUST NOT keep its siblings from running and MUST NOT change the
//# outcome.
//= SPEC.md#f-14
//= type=test
//# A callback added to a future that is done MUST run at once, in the calling thread.
//= SPEC.md#f-15
//= type=test
//# CANCELLED MUST count as done for `result`, `exception`, `wait`, `as_completed` and `await`
//# alike.
//= SPEC.md#f-16
//= type=test
//# `wait_ended` MUST return only when the work has really ended: finished, or cancelled and
//# acknowledged by its producer.
//= SPEC.md#f-18
//= type=test
//# `wait` that times out MUST return the split so far and MUST leave no trace in the futures.
//= SPEC.md#f-19
//= type=test
//# `wait` and `as_completed` MUST count a future once however often it is given, and MUST refuse an
//# empty set.
//= SPEC.md#f-20
//= type=test
//# `as_completed` MUST yield each future once, those that are done first, then in order of
//# completion.
//= SPEC.md#f-21
//= type=test
//# Awaiting a concurrent future from any executor MUST wake the last waker that polled it, and
//# dropping the handle MUST withdraw that waker.
#[test]
fn f1_random_programs_behave_as_the_model() {
    let mut config = ProptestConfig::default();
    config.cases = config.cases.max(512);
    config.failure_persistence = Some(Box::new(FileFailurePersistence::Direct(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/proptest-regressions/concurrent_machine.txt"
    ))));
    let mut runner = TestRunner::new(config.clone());
    let programs = Programs::sequential_strategy(1..=60);
    let run = runner.run(&programs, |(model, steps, seen)| {
        Machine::test_sequential(config.clone(), model, steps, seen);
        Ok(())
    });
    if let Err(failure) = run {
        panic!("{failure}");
    }
    check_reached(&REACHED.lock().unwrap());
}

/// A run that did not get everywhere has proved nothing of where it has not been.
fn check_reached(reached: &BTreeMap<String, usize>) {
    let mut missing = Vec::new();
    let mut expect = |what: String| {
        if !reached.contains_key(&what) {
            missing.push(what);
        }
    };
    for step in STEPS {
        for phase in PHASES {
            expect(format!("{step} when {phase}"));
        }
    }
    for (step, answers) in ANSWERS {
        for answer in answers {
            expect(format!("{step} -> {answer}"));
        }
    }
    assert!(missing.is_empty(), "never reached: {missing:#?}\nreached: {reached:#?}");
}

// What a wait leaves behind cannot be seen through the future, only in the memory that it holds.

thread_local! {
    /// Bytes that this thread has allocated and not freed.
    static LIVE: Cell<isize> = const { Cell::new(0) };
}

struct Counting;

fn account(change: isize) {
    // A thread that is just ending may have no counter any more; nobody asks for it either.
    let _ = LIVE.try_with(|live| live.set(live.get() + change));
}

fn bytes(size: usize) -> isize {
    isize::try_from(size).unwrap_or(isize::MAX)
}

// SAFETY: every call is passed on to the system's allocator as it came; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        account(bytes(layout.size()));
        // SAFETY: the caller keeps the contract of `alloc`, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        account(-bytes(layout.size()));
        // SAFETY: the memory came from `System` with this layout, as the caller promises.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

//= SPEC.md#f-18
//= type=test
//# `wait` that times out MUST return the split so far and MUST leave no trace in the futures.
#[test]
fn f18_waits_that_timed_out_leave_no_trace() {
    let (_one, first) = concurrent::promise::<u8>();
    let (_two, second) = concurrent::promise::<u8>();
    let set = [first, second];
    let wait_in_vain = || {
        for when in [ReturnWhen::FirstCompleted, ReturnWhen::AllCompleted] {
            let split = wait(&set, Some(Duration::ZERO), when).unwrap();
            assert_eq!(split.not_done.len(), 2);
        }
        let over = as_completed(&set, Some(Duration::ZERO)).unwrap().next().unwrap();
        assert!(over.unwrap_err().is::<Unfinished>());
        drop(as_completed(&set, None).unwrap());
    };
    // The first time may make room that is used again.
    wait_in_vain();
    let before = LIVE.get();
    for _ in 0..100 {
        wait_in_vain();
    }
    assert_eq!(LIVE.get(), before);
}

//= SPEC.md#f-21
//= type=test
//# Awaiting a concurrent future from any executor MUST wake the last waker that polled it, and
//# dropping the handle MUST withdraw that waker.
#[test]
fn f21_polls_that_were_given_up_leave_no_trace() {
    let (_work, future) = concurrent::promise::<u8>();
    let poll_in_vain = || {
        let mut polled = future.clone();
        let waker = Waker::from(Arc::new(WakeCount::default()));
        assert!(Pin::new(&mut polled).poll(&mut Context::from_waker(&waker)).is_pending());
    };
    poll_in_vain();
    let before = LIVE.get();
    for _ in 0..100 {
        poll_in_vain();
    }
    assert_eq!(LIVE.get(), before);
}
