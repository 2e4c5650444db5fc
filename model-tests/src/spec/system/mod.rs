//! The chapters put together: a whole program, run step by step.
//!
//! A [`System`] is a state. An [`Action`] lets one thread take one step: the next thing that it does with
//! something that other threads can see, and then everything that they cannot see. Those steps are the
//! linearization points that the kernel's headers name: a post is published, a byte is written, a future
//! is settled, each listener is told, a loop decides to sleep, and so on. What a thread does on its own
//! commutes with everything that others do, so it need not be a step.
//!
//! * `state`: what there is;
//! * `code`: the program, with numbers for its parts;
//! * `ops`: the operations of any thread; `local`: those of a loop's thread;
//! * `acts`: what an operation, or an entry, has as its rest;
//! * `turn`: runs and iterations; `closing`: the end of a loop;
//! * `coroutine`: a task's step; `awaits`: what it is suspended on; `cancelling`: where its cancel goes;
//! * `several`: waits for several futures;
//! * `told`: one operation after the other, for programs that are drawn as they go.

mod acts;
mod awaits;
mod cancelling;
mod closing;
mod code;
mod coroutine;
mod local;
mod ops;
mod several;
mod state;
mod told;
mod turn;
mod view;

use std::fmt;
use std::sync::Arc;

use super::check::Malformed;
use super::executor::Mode;
use super::habits::{Habit, Habits};
use super::program::{MAX_LOOPS, MAX_SLOTS, Program};
use super::seeded::Seeded;
use super::word::{Outcome, Word};
use code::Code;
use state::{
    Act, Frame, FutureState, GateState, HandleState, Index, LocalState, Loop, PoolState, Role,
    Status, TaskState, Thread,
};

pub use told::TaskView;
pub use view::{Census, Step};

/// One thread takes a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Action {
    /// Which one: the program's threads, then workers of pools in the order of their start.
    pub thread: u8,
    /// The time of its wait, or of its loop's sleep, is up.
    pub timeout: bool,
}

/// Slots of one kind.
type Slots = [Option<Index>; MAX_SLOTS as usize];

/// A program in the middle of one of its executions.
#[derive(Clone, Debug)]
pub struct System {
    code: Arc<Code>,
    now: Now,
}

/// What makes two states the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Now {
    threads: Vec<Thread>,
    loops: [Option<Loop>; MAX_LOOPS],
    futures: Vec<FutureState>,
    locals: Vec<LocalState>,
    tasks: Vec<TaskState>,
    handles: Vec<HandleState>,
    pools: Vec<Option<PoolState>>,
    gates: Vec<GateState>,
    future_slots: Slots,
    local_slots: Slots,
    task_slots: Slots,
    handle_slots: Slots,
    submitted: Vec<bool>,
    logs: Vec<Vec<Word>>,
}

impl PartialEq for System {
    fn eq(&self, other: &System) -> bool {
        self.now == other.now
    }
}

impl Eq for System {}

impl std::hash::Hash for System {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.now.hash(state);
    }
}

/// How one frame was carried on.
enum Progress {
    /// It was.
    Made,
    /// It has to wait for others.
    Blocked,
}

type Done = Result<Progress, Malformed>;

impl System {
    /// A program at its beginning.
    ///
    /// # Errors
    /// It is malformed, as far as can be seen without running it.
    pub fn new(program: &Program) -> Result<System, Malformed> {
        System::with_mistake(program, None)
    }

    /// The same, with a mistake that the spec is to make.
    ///
    /// # Errors
    /// As [`System::new`].
    pub fn with_mistake(program: &Program, seeded: Option<Seeded>) -> Result<System, Malformed> {
        System::of(Code::new(program, seeded, Habits::NONE)?)
    }

    /// The same, with habits that are not those of SPEC.md.
    ///
    /// # Errors
    /// As [`System::new`].
    pub fn with_habits(program: &Program, habits: Habits) -> Result<System, Malformed> {
        System::of(Code::new(program, None, habits)?)
    }

    fn of(code: Code) -> Result<System, Malformed> {
        let thread = |index: usize| Thread {
            status: if index == 0 { Status::Live } else { Status::NotStarted },
            stack: vec![
                Frame::Act(Act::EndThread),
                Frame::List { list: code.thread(index), at: 0, role: Role::Thread },
            ],
            current: None,
            work: None,
            waiter: None,
            waits: 0,
            pool: None,
        };
        let slots = usize::from(MAX_SLOTS);
        let now = Now {
            threads: (0..code.threads).map(thread).collect(),
            loops: [None, None],
            futures: Vec::new(),
            locals: Vec::new(),
            tasks: Vec::new(),
            handles: Vec::new(),
            pools: vec![None; slots],
            gates: vec![GateState::default(); slots],
            future_slots: [None; MAX_SLOTS as usize],
            local_slots: [None; MAX_SLOTS as usize],
            task_slots: [None; MAX_SLOTS as usize],
            handle_slots: [None; MAX_SLOTS as usize],
            submitted: vec![false; code.works],
            logs: vec![Vec::new(); code.threads + code.works],
        };
        let mut system = System { code: Arc::new(code), now };
        system.settle_down(0)?;
        Ok(system)
    }

    /// Every action that is possible.
    ///
    /// # Errors
    /// One of them shows that the program is malformed.
    pub fn actions(&self) -> Result<Vec<Action>, Malformed> {
        Ok(self.successors()?.into_iter().map(|(action, _)| action).collect())
    }

    /// Every action that is possible, with what comes of it.
    ///
    /// # Errors
    /// One of them shows that the program is malformed.
    pub fn successors(&self) -> Result<Vec<(Action, System)>, Malformed> {
        let mut successors = Vec::new();
        for thread in 0..self.now.threads.len() {
            for timeout in [false, true] {
                let action = Action { thread: index(thread), timeout };
                successors.extend(self.step(action)?.map(|next| (action, next)));
            }
        }
        Ok(successors)
    }

    /// What comes of an action; `None` if it is not possible.
    ///
    /// # Errors
    /// It shows that the program is malformed.
    pub fn step(&self, action: Action) -> Result<Option<System>, Malformed> {
        let thread = usize::from(action.thread);
        if self.now.threads.get(thread).is_none_or(|thread| thread.status != Status::Live) {
            return Ok(None);
        }
        if action.timeout && !self.may_time_out(thread) {
            return Ok(None);
        }
        let mut next = self.clone();
        match next.perform(thread, action.timeout)? {
            Progress::Blocked => Ok(None),
            Progress::Made => {
                next.settle_down(thread)?;
                Ok(Some(next))
            }
        }
    }

    /// Whether the program is over: every thread and every worker has ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.now.threads.iter().all(|thread| thread.status != Status::Live)
    }

    /// What has been observed so far.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        Outcome(self.now.logs.clone())
    }

    /// Does what only this thread can see, up to its next step.
    fn settle_down(&mut self, thread: usize) -> Result<(), Malformed> {
        // A program is short; who never comes to an end of this is one that never ends.
        for _ in 0..100_000 {
            let private = self.is_private(thread) || self.is_alone(thread);
            let goes_on = private && self.now.threads[thread].status == Status::Live;
            if !goes_on || matches!(self.perform(thread, false)?, Progress::Blocked) {
                self.shut_pools_at_the_end();
                return Ok(());
            }
        }
        Err(self.malformed(thread, "it goes on for ever"))
    }

    /// Whether nobody else can do anything, nor time.
    fn is_alone(&self, thread: usize) -> bool {
        let live = self.now.threads.iter().filter(|thread| thread.status == Status::Live);
        live.count() == 1 && !self.may_time_out(thread)
    }

    /// When no thread is left that could submit work, pools end with what they have.
    fn shut_pools_at_the_end(&mut self) {
        let threads = &self.now.threads[..self.code.threads];
        if threads.iter().any(|thread| thread.status == Status::Live) {
            return;
        }
        for pool in self.now.pools.iter_mut().flatten() {
            if pool.pool.mode() == Mode::Open {
                pool.pool.shut_down(false);
            }
        }
    }

    fn malformed(&self, thread: usize, what: impl fmt::Display) -> Malformed {
        Malformed {
            place: format!("in some interleaving, thread {thread}"),
            what: what.to_string(),
        }
    }

    fn log(&mut self, thread: usize, word: Word) {
        let log = match self.now.threads[thread].work {
            Some(work) => self.code.threads + usize::from(work),
            None => thread,
        };
        self.now.logs[log].push(word);
    }

    /// Puts frames on a thread's stack, the first to be carried out first.
    fn push_acts(&mut self, thread: usize, acts: impl IntoIterator<Item = Act>) {
        let stack = &mut self.now.threads[thread].stack;
        let at = stack.len();
        stack.extend(acts.into_iter().map(Frame::Act));
        stack[at..].reverse();
    }

    fn push_list(&mut self, thread: usize, list: u16, role: Role) {
        self.now.threads[thread].stack.push(Frame::List { list, at: 0, role });
    }

    fn loop_of(&mut self, on: Index) -> &mut Loop {
        self.now.loops[usize::from(on)].as_mut().expect("a loop that is named exists")
    }

    fn task_of(&mut self, task: Index) -> &mut TaskState {
        &mut self.now.tasks[usize::from(task)]
    }

    fn local_of(&mut self, local: Index) -> &mut LocalState {
        &mut self.now.locals[usize::from(local)]
    }

    fn future_of(&mut self, future: Index) -> &mut FutureState {
        &mut self.now.futures[usize::from(future)]
    }

    /// The loop that a thread runs, if it is this one.
    fn runs(&self, thread: usize, on: Index) -> bool {
        self.now.threads[thread].current == Some(on)
    }

    fn makes(&self, seeded: Seeded) -> bool {
        self.code.seeded == Some(seeded)
    }

    fn has(&self, habit: Habit) -> bool {
        self.code.habits.has(habit)
    }
}

/// An index into a table; programs are small.
fn index(number: usize) -> Index {
    Index::try_from(number).expect("programs are small")
}
