//! The kernel and [`System`] told the same, one operation after the other: what `chains` and `tasks` have in common.
//!
//! A program is made of episodes. Each begins with new loops; what it fills are slots of the spec's alphabet, and
//! scripts of coroutines name only what is there when they are drawn. Whatever an operation logs, on the spot or
//! in the turns that it makes a loop run, must be what the spec logs, word for word.

use std::collections::BTreeSet;
use std::fmt;
use std::marker::PhantomData;

use loopgate::checkers::census;
use loopgate_model_tests::driver::Session;
use loopgate_model_tests::spec::concurrent::{Out, Phase};
use loopgate_model_tests::spec::program::{Handler, Local, Op, Program, Stmt, VERSION};
use loopgate_model_tests::spec::{System, Word};
use proptest::prelude::*;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};

use super::support::Reached;

/// What a suite draws.
pub(crate) trait Alphabet: Send + Sync + 'static {
    /// How many loops there are.
    const LOOPS: u8;

    /// What loops and futures call, by number.
    fn callbacks() -> Vec<Vec<Op>> {
        vec![
            vec![Op::Mark(20)],
            vec![Op::Mark(21), Op::Raise(PANIC)],
            vec![Op::Signal(0), Op::Mark(22)],
            vec![Op::Signal(1), Op::Mark(23)],
        ]
    }

    /// Operations that are possible now.
    fn operations(known: &Dialogue) -> BoxedStrategy<Operation>;

    /// The state that counts for an operation.
    fn state(known: &Dialogue, op: &Op) -> String;

    /// Where it is counted.
    fn reached() -> &'static Reached;
}

#[derive(Clone, Debug)]
pub(crate) enum Operation {
    Tell(Op),
    /// An operation with a coroutine, of which this is the script.
    Start(Op, Vec<Stmt>),
    /// Everything is dropped, and another episode begins.
    Restart,
}

/// A future of a slot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Future {
    pub(crate) slot: u8,
    /// The program holds the promise.
    pub(crate) promise: bool,
    pub(crate) submitted: bool,
}

/// A task or loop future of a slot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Own {
    pub(crate) slot: u8,
    pub(crate) promise: bool,
    /// It wraps a future.
    pub(crate) wraps: bool,
    pub(crate) held: bool,
}

/// What has been said so far.
#[derive(Clone)]
pub(crate) struct Dialogue {
    pub(crate) system: System,
    pub(crate) futures: Vec<Future>,
    pub(crate) locals: Vec<Own>,
    pub(crate) tasks: Vec<Own>,
    pub(crate) closed: Vec<bool>,
    /// How many slots of handles are taken.
    pub(crate) handles: u8,
    /// What some script names stays.
    pub(crate) named: BTreeSet<(bool, u8)>,
    answer: Vec<Word>,
    /// The operation, and the state before it.
    done: (String, String),
}

impl fmt::Debug for Dialogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an episode")
    }
}

/// How many callbacks there are, unless a suite has its own; and the gates that they raise.
pub(crate) const CALLBACKS: u8 = 4;
pub(crate) const GATES: u8 = 2;
/// What a callback raises.
pub(crate) const PANIC: u8 = 8;

fn program<A: Alphabet>() -> Program {
    let threads = vec![vec![]];
    Program { version: VERSION, threads, callbacks: A::callbacks(), ..Program::default() }
}

fn prelude(loops: u8) -> impl Iterator<Item = Op> {
    (0..loops).flat_map(|on| [Op::NewLoop(on), Op::SetHandler { on, handler: Handler::Recording }])
}

impl Dialogue {
    fn new<A: Alphabet>() -> Dialogue {
        let mut system = System::idle(&program::<A>()).expect("the program is well-formed");
        for op in prelude(A::LOOPS) {
            system.carry_out(&op).expect("loops can be made");
        }
        Dialogue {
            system,
            futures: Vec::new(),
            locals: Vec::new(),
            tasks: Vec::new(),
            closed: vec![false; usize::from(A::LOOPS)],
            handles: 0,
            named: BTreeSet::new(),
            answer: Vec::new(),
            done: Default::default(),
        }
    }

    /// Does an operation, if it is possible.
    fn take<A: Alphabet>(&mut self, operation: &Operation) -> bool {
        let op = match operation {
            Operation::Restart => {
                *self = Dialogue { done: self.done.clone(), ..Dialogue::new::<A>() };
                return true;
            }
            Operation::Tell(op) => op.clone(),
            Operation::Start(op, script) => {
                let coroutine = self.system.add_coroutine(script);
                script.iter().for_each(|stmt| self.name(stmt));
                with_coroutine(op, coroutine)
            }
        };
        let Ok(answer) = self.system.carry_out(&op) else { return false };
        self.note(&op, answer.first() == Some(&Word::Ok));
        self.answer = answer;
        true
    }

    /// Remembers what an operation has made.
    fn note(&mut self, op: &Op, ok: bool) {
        for on in 0..index(self.closed.len()) {
            self.closed[usize::from(on)] = self.system.is_closed(on);
        }
        let own = |slot, promise, wraps| Own { slot, promise, wraps, held: true };
        match *op {
            Op::NewPromise(slot) => {
                self.futures.push(Future { slot, promise: true, submitted: false });
            }
            Op::Submit { future: slot, .. } if ok => {
                self.futures.push(Future { slot, promise: false, submitted: true });
            }
            Op::WrapFuture { future: slot, .. } if ok => {
                self.locals.push(own(slot, false, true));
            }
            Op::NewFuture { future: slot, .. } => self.locals.push(own(slot, true, false)),
            Op::CreateTask { task: slot, .. } if ok => {
                self.tasks.push(own(slot, false, false));
            }
            Op::DropPromise(slot) => {
                self.futures
                    .iter_mut()
                    .filter(|it| it.slot == slot)
                    .for_each(|it| it.promise = false);
            }
            Op::DropLoopPromise(slot) => {
                self.locals
                    .iter_mut()
                    .filter(|it| it.slot == slot)
                    .for_each(|it| it.promise = false);
            }
            Op::Forget(Local::Task(slot)) => {
                self.tasks.iter_mut().filter(|it| it.slot == slot).for_each(|it| it.held = false);
            }
            Op::Forget(Local::Future(slot)) => {
                self.locals.iter_mut().filter(|it| it.slot == slot).for_each(|it| it.held = false);
            }
            Op::Post { .. } | Op::CallSoon { .. } | Op::CallLater { .. } => self.handles += 1,
            _ => {}
        }
    }

    /// Remembers which tasks and loop futures a statement names.
    fn name(&mut self, stmt: &Stmt) {
        use loopgate_model_tests::spec::program::Awaited;
        let mut of_op = |op: &Op| match *op {
            Op::CancelLocal(of) | Op::Uncancel(of) | Op::Cancelling(of) => match of {
                Local::Task(slot) => drop(self.named.insert((true, slot))),
                Local::Future(slot) => drop(self.named.insert((false, slot))),
                Local::Current => {}
            },
            Op::SetLoopResult { future, .. } => drop(self.named.insert((false, future))),
            _ => {}
        };
        match stmt {
            Stmt::Do(op) => of_op(op),
            Stmt::Await(what) | Stmt::WaitFor { what, .. } => match what {
                Awaited::Task(slot) | Awaited::Shield(slot) => {
                    self.named.insert((true, *slot));
                }
                Awaited::Gather(slots) => self.named.extend(slots.iter().map(|slot| (true, *slot))),
                Awaited::Local(slot) => drop(self.named.insert((false, *slot))),
                _ => {}
            },
            Stmt::Timeout { body, .. } => body.iter().for_each(|stmt| self.name(stmt)),
            Stmt::Try { body, handler: other, .. } | Stmt::Finally { body, last: other } => {
                body.iter().chain(other).for_each(|stmt| self.name(stmt));
            }
            _ => {}
        }
    }

    /// Whether nobody will name it any more.
    pub(crate) fn may_forget(&self, is_task: bool, own: Own) -> bool {
        own.held && !self.named.contains(&(is_task, own.slot))
    }

    pub(crate) fn open_loops(&self) -> Vec<u8> {
        (0..index(self.closed.len())).filter(|on| !self.closed[usize::from(*on)]).collect()
    }

    /// How a future of a slot stands, in a word or two.
    pub(crate) fn phase(&self, slot: u8) -> String {
        let census = self.system.census();
        let phase =
            census.futures.iter().find(|(known, _)| *known == slot).map(|(_, phase)| *phase);
        let submitted = self.futures.iter().any(|it| it.slot == slot && it.submitted);
        let role = if submitted { "submission" } else { "promise" };
        let state = match phase {
            None => return "none".to_owned(),
            Some(Phase::Pending) => "pending",
            Some(Phase::Running) => "running",
            Some(Phase::Cancelled { acknowledged: false }) => "cancelled",
            Some(Phase::Cancelled { acknowledged: true }) => "cancelled and ended",
            Some(Phase::Finished(Out::Value(_))) => "value",
            Some(Phase::Finished(_)) => "exception",
        };
        format!("{role}, {state}")
    }

    /// How a loop future of a slot stands.
    pub(crate) fn local_state(&self, slot: u8) -> String {
        let wraps = self.locals.iter().any(|it| it.slot == slot && it.wraps);
        let role = if wraps { "wrapper" } else { "own" };
        format!("{role}, {}", out_name(self.system.out(Local::Future(slot)).flatten()))
    }

    /// How much a loop has to do.
    pub(crate) fn loop_state(&self, on: u8) -> &'static str {
        match self.system.queued(on) {
            _ if self.closed[usize::from(on)] => "closed",
            Some((0, 0, _)) | None => "empty",
            Some((0, _, _)) => "posted",
            Some((_, 0, _)) => "queued",
            Some(_) => "queued and posted",
        }
    }
}

pub(crate) fn out_name(out: Option<Out>) -> &'static str {
    match out {
        None => "pending",
        Some(Out::Value(_)) => "value",
        Some(Out::Exception(_)) => "exception",
        Some(Out::Cancelled) => "cancelled",
    }
}

fn index(number: usize) -> u8 {
    u8::try_from(number).expect("programs are small")
}

/// The same operation of another coroutine.
fn with_coroutine(op: &Op, coroutine: u8) -> Op {
    match *op {
        Op::Submit { on, future, .. } => Op::Submit { on, coroutine, future },
        Op::CreateTask { on, task, .. } => Op::CreateTask { on, coroutine, task },
        Op::RunUntilComplete { on, .. } => Op::RunUntilComplete { on, coroutine },
        ref other => unreachable!("{other:?} has no coroutine"),
    }
}

/// A word without its numbers.
fn kind(word: &Word) -> String {
    let text = word.to_string();
    let words: Vec<&str> = text.split(' ').filter(|part| part.parse::<u32>().is_err()).collect();
    words.join(" ")
}

pub(crate) struct Talks<A>(PhantomData<A>);

impl<A: Alphabet> ReferenceStateMachine for Talks<A> {
    type State = Dialogue;
    type Transition = Operation;

    fn init_state() -> BoxedStrategy<Dialogue> {
        Just(()).prop_map(|()| Dialogue::new::<A>()).boxed()
    }

    fn transitions(known: &Dialogue) -> BoxedStrategy<Operation> {
        A::operations(known)
    }

    fn apply(mut known: Dialogue, operation: &Operation) -> Dialogue {
        known.done = match operation {
            Operation::Restart => ("restart".to_owned(), "any".to_owned()),
            Operation::Tell(op) | Operation::Start(op, _) => (op.name(), A::state(&known, op)),
        };
        known.answer.clear();
        assert!(known.take::<A>(operation), "the precondition of the operation");
        known
    }

    fn preconditions(known: &Dialogue, operation: &Operation) -> bool {
        known.clone().take::<A>(operation)
    }
}

pub(crate) struct Machine<A>(PhantomData<A>);

fn open_session<A: Alphabet>() -> Session {
    let session = Session::new(&program::<A>());
    for op in prelude(A::LOOPS) {
        assert_eq!(session.carry_out(&op), []);
    }
    session
}

impl<A: Alphabet> StateMachineTest for Machine<A> {
    type SystemUnderTest = Option<Session>;
    type Reference = Talks<A>;

    fn init_test(_: &Dialogue) -> Option<Session> {
        Some(open_session::<A>())
    }

    fn apply(
        mut session: Option<Session>,
        known: &Dialogue,
        operation: Operation,
    ) -> Option<Session> {
        let (name, state) = &known.done;
        A::reached().transition(name, state);
        // What callbacks log on the way is not the answer; in turns everything is.
        let all = known.answer.iter().filter(|_| name.starts_with("run_") || name == "close");
        let own = known.answer.last().filter(|word| !matches!(word, Word::Mark(_)));
        for word in all.chain(own) {
            A::reached().answer(name, &kind(word));
        }
        let current = session.as_ref().expect("one is open");
        let answer = match &operation {
            Operation::Restart => {
                // First the old one: a thread has one at a time.
                drop(session.take());
                session = Some(open_session::<A>());
                vec![]
            }
            Operation::Tell(op) => current.carry_out(op),
            Operation::Start(op, script) => {
                let coroutine = current.add_coroutine(script);
                current.carry_out(&with_coroutine(op, coroutine))
            }
        };
        let texts = |words: &[Word]| words.iter().map(Word::to_string).collect::<Vec<_>>();
        assert_eq!(texts(&answer), texts(&known.answer), "what {operation:?} logs");
        session
    }

    fn check_invariants(session: &Option<Session>, known: &Dialogue) {
        let session = session.as_ref().expect("one is open");
        for on in 0..A::LOOPS {
            let (ready, posted, timers) = known.system.queued(on).expect("the loop was made");
            let held = census(&session.local(on).expect("the loop was made"));
            // What was posted gets its place at any moment before the next that is behind it.
            assert!(held.queued <= ready + posted, "entries of loop {on}");
            assert!(held.timers >= timers, "timers of loop {on}");
        }
    }
}

/// A program that was found once, whatever is drawn by now.
pub(crate) fn replay<A: Alphabet>(operations: Vec<Operation>) {
    let config = ProptestConfig::default();
    Machine::<A>::test_sequential(config, Dialogue::new::<A>(), operations, None);
}
