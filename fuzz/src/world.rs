//! Carries a program out, and judges.
//!
//! Callbacks that may come from any thread cannot own anything of the loop's thread, so everything that
//! runs in the loop finds its world in a thread-local variable, and names things by number. No borrow of
//! the world is held while the kernel is called: the kernel may call back.
//!
//! The first violation counts. It is noted and not thrown, because the kernel catches what is thrown
//! through it; [`check`] returns it when the operation that it happened in is over.

mod calls;
mod futures;
mod runs;
mod tasks;

use std::cell::{Cell, RefCell};
use std::fmt::Display;
use std::panic::resume_unwind;
use std::rc::Rc;

use loopgate::checkers::{Census, census};
use loopgate::{
    Clock, Coroutine, EventLoop, Exception, ExceptionContext, ExitRequest, LocalLoop, LoopClosed,
    LoopHandle,
};

use crate::coroutine::{FactoryFailure, Life, LifeId};
use crate::ledger::Ledger;
use crate::program::{Factory, Held, Op, Pick, Program, Then};
use calls::Scheduled;
use futures::{KnownFuture, Source, Watch};
use tasks::{KnownSubmission, KnownTask};

/// The text of every panic that a program asks for.
pub(crate) const DELIBERATE: &str = "a deliberate panic";

/// More operations than that are not carried out, factories included: a program ends.
const MOST_OPERATIONS: usize = 250;

/// Carries the program out.
///
/// # Errors
/// The first violation of the specification, in words.
pub(crate) fn check(program: &Program) -> Result<(), String> {
    let world = Rc::new(World::new());
    world.local.set_exception_handler(|context| {
        if let Some(world) = self::world() {
            world.reported(context);
        }
    });
    let installed = Installed::new(&world);
    for op in &program.ops {
        world.execute(op);
        world.at_rest();
        if let Some(violation) = world.violation.take() {
            return Err(format!("{violation}\nat {op:?}"));
        }
    }
    world.end();
    drop(installed);
    world.violation.take().map_or(Ok(()), |violation| Err(format!("{violation}\nat the end")))
}

/// More awaits of several tasks are not made: a cancel goes every way down them, and every one that
/// gathers those before doubles the ways.
const MOST_GATHERS: usize = 10;

thread_local! {
    static WORLD: RefCell<Option<Rc<World>>> = const { RefCell::new(None) };
}

/// The world of the program that this thread carries out.
pub(crate) fn world() -> Option<Rc<World>> {
    WORLD.with_borrow(Clone::clone)
}

/// While it lives, code that runs in the loop finds its world.
struct Installed;

impl Installed {
    fn new(world: &Rc<World>) -> Installed {
        WORLD.set(Some(Rc::clone(world)));
        Installed
    }
}

impl Drop for Installed {
    fn drop(&mut self) {
        WORLD.set(None);
    }
}

/// The loop, everything that the program holds of it, and what must be true.
pub(crate) struct World {
    pub(crate) local: LocalLoop,
    handle: LoopHandle,
    /// Taken when it is dropped.
    owner: RefCell<Option<Rc<EventLoop>>>,
    pub(crate) ledger: RefCell<Ledger>,
    calls: RefCell<Vec<Scheduled>>,
    pub(crate) tasks: RefCell<Vec<KnownTask>>,
    pub(crate) futures: RefCell<Vec<KnownFuture>>,
    pub(crate) submissions: RefCell<Vec<KnownSubmission>>,
    sources: RefCell<Vec<Source>>,
    lives: RefCell<Vec<Rc<Life>>>,
    watches: RefCell<Vec<Rc<Watch>>>,
    raised: RefCell<Vec<Raised>>,
    factory: RefCell<Factory>,
    /// Coroutines that a factory kept.
    kept: RefCell<Vec<Coroutine>>,
    /// The life of the coroutine that the next factory call is about.
    creating: Cell<Option<LifeId>>,
    /// Failures of factory calls that were about a submitted coroutine without a builder: nothing tells
    /// which of them, so each must be seen by one.
    unclaimed: RefCell<Vec<FactoryFailure>>,
    in_factory: Cell<bool>,
    closing: Cell<bool>,
    executed: Cell<usize>,
    gathers: Cell<usize>,
    panics: Cell<usize>,
    panics_reported: Cell<usize>,
    violation: RefCell<Option<String>>,
}

/// Who calls a callback.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Caller {
    /// The loop, in an order that the ledger knows.
    Queue,
    /// The loop, in its turn.
    Loop,
    /// Whoever completes a concurrent future; the loop hears nothing of a panic.
    Completer,
}

/// What the loop holds, and how much of the program has been carried out.
#[derive(Clone, Copy)]
struct Snapshot {
    census: Census,
    executed: usize,
}

/// An exception of the program's own making.
struct Raised {
    exception: Exception,
    reports: usize,
}

/// What [`Raised`] carries: its number.
#[derive(Debug)]
struct Marker(usize);

impl Display for Marker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "exception {}", self.0)
    }
}

impl std::error::Error for Marker {}

impl World {
    fn new() -> World {
        let event_loop = EventLoop::with_clock(Clock::virtual_time()).expect("descriptors");
        World {
            local: event_loop.clone(),
            handle: event_loop.handle(),
            owner: RefCell::new(Some(Rc::new(event_loop))),
            ledger: RefCell::new(Ledger::new()),
            calls: RefCell::default(),
            tasks: RefCell::default(),
            futures: RefCell::default(),
            submissions: RefCell::default(),
            sources: RefCell::default(),
            lives: RefCell::default(),
            watches: RefCell::default(),
            raised: RefCell::default(),
            factory: RefCell::new(Factory::Default),
            kept: RefCell::default(),
            creating: Cell::new(None),
            unclaimed: RefCell::default(),
            in_factory: Cell::new(false),
            closing: Cell::new(false),
            executed: Cell::new(0),
            gathers: Cell::new(0),
            panics: Cell::new(0),
            panics_reported: Cell::new(0),
            violation: RefCell::new(None),
        }
    }

    pub(crate) fn execute(&self, op: &Op) {
        self.user_code();
        let executed = self.executed.get() + 1;
        if executed > MOST_OPERATIONS {
            return;
        }
        self.executed.set(executed);
        match op {
            Op::CallSoon(then) => self.call_soon(then),
            Op::CallSoonThreadsafe(then) => self.call_soon_threadsafe(then),
            Op::CallLater(delay, then) => self.call_later(*delay, then),
            Op::CallLaterThreadsafe(delay, then) => self.call_later_threadsafe(*delay, then),
            Op::CallLaterTooFar => self.call_later_too_far(),
            Op::CancelCall(of) => self.cancel_call(*of),
            Op::CreateTask(body) => self.create_task(body),
            Op::CancelTask(of) => self.cancel_task(*of),
            Op::CancelAnyTask(of) => self.cancel_any_task(*of),
            Op::UncancelTask(of) => self.uncancel_task(*of),
            Op::ReadTask(of) => self.read_task(*of),
            Op::OnTaskDone(of, then) => self.on_task_done(*of, then),
            Op::CreateFuture => self.create_future(),
            Op::SetResult(of, value) => self.set_result(*of, *value),
            Op::SetException(of) => self.set_exception(*of),
            Op::CancelFuture(of) => self.cancel_future(*of),
            Op::OnFutureDone(of, then) => self.on_future_done(*of, then),
            Op::Submit(body) => self.submit(body),
            Op::CancelSubmission(of) => self.cancel_submission(*of),
            Op::ReadSubmission(of) => self.read_submission(*of),
            Op::OnSubmissionDone(of, then) => self.on_submission_done(*of, then),
            Op::WrapSource => self.wrap_source(),
            Op::StartSource(of) => self.start_source(*of),
            Op::FinishSource(of, value) => self.finish_source(*of, *value),
            Op::CancelSource(of) => self.cancel_source(*of),
            Op::Stop => self.stop(),
            Op::StopThreadsafe => self.stop_threadsafe(),
            Op::RunOnce(longest) => {
                self.turn(longest.delay());
            }
            Op::RunUntilIdle => self.run_until_idle(),
            Op::SetFactory(factory) => self.set_factory(factory),
            Op::StartKept => self.start_kept(),
            Op::Close => self.close(),
            Op::Drop(of, which) => self.let_go(of, *which),
            Op::Repeat(times, op) => (0..*times).for_each(|_| self.execute(op)),
            Op::Both(first, second) => {
                self.execute(first);
                self.execute(second);
            }
        }
    }

    fn let_go(&self, of: &Held, which: Pick) {
        match of {
            Held::Call => drop(remove(&self.calls, which)),
            Held::Task => drop(remove(&self.tasks, which)),
            Held::Future => drop(remove(&self.futures, which)),
            Held::Promise => self.drop_promise(which),
            Held::Submission => drop(remove(&self.submissions, which)),
            Held::Source => self.drop_source(which),
            Held::Kept => drop(remove(&self.kept, which)),
        }
    }

    // ---- what every part uses -----------------------------------------------------------------------

    /// A violation of the specification; the first one counts.
    pub(crate) fn violated(&self, what: impl Into<String>) {
        self.violation.borrow_mut().get_or_insert(what.into());
    }

    /// First thing wherever the kernel calls the program.
    pub(crate) fn user_code(&self) {
        // A factory is called next after the builder of its coroutine; no other code comes between.
        self.creating.set(None);
        self.ledger.borrow_mut().user_code(self.local.time());
    }

    /// Panics if the kernel holds a borrow, and hangs if it holds its lock, while it calls the program.
    pub(crate) fn feel_for_borrows(&self) {
        let _census = census(&self.local);
        let _tasks = self.local.all_tasks();
        let _timeout = self.local.poll_timeout();
        let _closed = self.handle.is_closed();
    }

    /// Does what a callback is to do.
    fn act(&self, then: &Then, caller: Caller) {
        match then {
            // Its turn comes when the callback is dropped.
            Then::Nothing | Then::OnDrop(_) => {}
            Then::Do(op) => self.execute(op),
            Then::Panic => {
                if caller != Caller::Completer {
                    self.panics.set(self.panics.get() + 1);
                }
                // Not `panic!`: the hook would take it for a bug.
                resume_unwind(Box::new(DELIBERATE));
            }
            Then::Exit => {
                match caller {
                    Caller::Queue => self.ledger.borrow_mut().exits_here(),
                    Caller::Loop => self.ledger.borrow_mut().exits_somewhere(),
                    Caller::Completer => {}
                }
                ExitRequest { code: 1 }.raise();
            }
        }
    }

    /// A copy of the one that is meant.
    pub(crate) fn pick<T: Clone>(&self, among: &RefCell<Vec<T>>, which: Pick) -> Option<T> {
        let among = among.borrow();
        Some(among[which.index(among.len())?].clone())
    }

    /// Whether one more task may await several.
    pub(crate) fn may_gather(&self) -> bool {
        self.gathers.set(self.gathers.get() + 1);
        self.gathers.get() <= MOST_GATHERS
    }

    pub(crate) fn life(&self, id: LifeId) -> Rc<Life> {
        Rc::clone(&self.lives.borrow()[id])
    }

    /// A new exception, and its number.
    pub(crate) fn raise(&self) -> (usize, Exception) {
        let mut raised = self.raised.borrow_mut();
        let number = raised.len();
        let exception = Exception::new(Marker(number));
        raised.push(Raised { exception: exception.clone(), reports: 0 });
        (number, exception)
    }

    /// An exception that came out of the kernel must be the one that went in.
    fn recognise(&self, exception: &Exception) {
        if let Some(text) = exception.panic_message()
            && text != DELIBERATE
        {
            self.violated(format!("a panic that nobody asked for: {text}"));
        }
        if let Some(Marker(number)) = exception.downcast_ref::<Marker>() {
            let same = self.raised.borrow()[*number].exception.same_object(exception);
            if !same {
                self.violated("an exception has lost its identity (X-1)");
            }
        }
    }

    /// The exception handler.
    fn reported(&self, context: &ExceptionContext) {
        self.user_code();
        self.feel_for_borrows();
        if context.message == "a callback panicked" {
            self.panics_reported.set(self.panics_reported.get() + 1);
        }
        let Some(exception) = &context.exception else { return };
        self.recognise(exception);
        if let Some(Marker(number)) = exception.downcast_ref::<Marker>() {
            self.raised.borrow_mut()[*number].reports += 1;
        }
    }

    /// Carries out what only a closed loop may refuse, and must; `None` if it was refused.
    fn attempt<T, E: Display>(
        &self,
        what: &str,
        operation: impl FnOnce() -> Result<T, E>,
    ) -> Option<T> {
        let (closed, before) = (self.local.is_closed(), self.snapshot());
        match operation() {
            Ok(done) => {
                if closed {
                    self.violated(format!("{what}: accepted by a closed loop (S-8)"));
                }
                Some(done)
            }
            Err(error) => {
                if !closed || error.to_string() != LoopClosed.to_string() {
                    self.violated(format!("{what}: refused: {error}"));
                }
                self.unchanged(what, before);
                None
            }
        }
    }

    fn snapshot(&self) -> Snapshot {
        // It sweeps husks off the top of the timers, and whoever feels for borrows asks for it as well.
        let _timeout = self.local.poll_timeout();
        Snapshot { census: census(&self.local), executed: self.executed.get() }
    }

    /// Whether no operation has been carried out since, by a destructor say.
    fn undisturbed_since(&self, before: Snapshot) -> bool {
        self.executed.get() == before.executed
    }

    /// Whatever was refused has changed nothing.
    fn unchanged(&self, what: &str, before: Snapshot) {
        let (before, after, undisturbed) =
            (before.census, census(&self.local), self.undisturbed_since(before));
        if undisturbed && after != before {
            self.violated(format!("{what}: refused, and changed {before:?} to {after:?}"));
        }
    }

    // ---- what must be so ----------------------------------------------------------------------------

    /// After each operation of the program, when no user code is under way.
    fn at_rest(&self) {
        for known in self.tasks.borrow().iter() {
            let life = self.life(known.life);
            if known.task.done() && !life.dropped.get() {
                self.violated("a task is done and its coroutine is not dropped (T-3)");
            }
        }
        for known in self.submissions.borrow().iter() {
            self.inspect_submission(known);
        }
        for watch in self.watches.borrow().iter() {
            if watch.out_of_order.get() {
                self.violated("done-callbacks ran out of order (L-2, F-12)");
            }
        }
        if self.panics.get() != self.panics_reported.get() {
            self.violated("a callback's panic was not reported, or twice (Q-4)");
        }
        if self.local.is_closed() {
            self.inspect_closed();
        }
    }

    /// After close: nothing is left, and everything accepted has ended.
    fn inspect_closed(&self) {
        let left = census(&self.local);
        if left != (Census { queued: 0, timers: 0, tasks: 0, parcels: 0 }) {
            self.violated(format!("a closed loop holds {left:?} (S-6)"));
        }
        for (id, life) in self.lives.borrow().iter().enumerate() {
            if !life.dropped.get() {
                self.violated(format!("a closed loop keeps coroutine {id} (S-6)"));
            }
        }
        if let Some(id) = self.ledger.borrow().kept() {
            self.violated(format!("a closed loop keeps callback {id} (S-6)"));
        }
        for known in self.tasks.borrow().iter() {
            if !known.task.done() {
                self.violated("a task outlives its loop (S-6)");
            }
        }
        for known in self.futures.borrow().iter() {
            if known.source.is_some() && !known.future.done() {
                self.violated("a wrapped future outlives its loop (L-8)");
            }
        }
        for known in self.submissions.borrow().iter() {
            if !known.future.done() || !known.future.ended() {
                self.violated("a submission has not ended with its loop (C-8, U-1)");
            }
        }
    }

    /// The program is over: the loop is dropped, and everything that ended is looked at.
    fn end(&self) {
        if !self.local.is_closed() {
            self.before_close();
        }
        let owner = self.owner.take();
        drop(owner);
        self.closing.set(false);
        self.at_rest();
        let (tasks, submissions) = (self.tasks.take(), self.submissions.take());
        for known in &tasks {
            self.judge_task(known);
        }
        for known in &submissions {
            self.judge_submission(known);
        }
        self.judge_factories();
        drop((tasks, submissions));
        self.let_everything_go();
        self.inspect_closed();
    }

    /// Destructors may carry out operations that make new things, but only so many.
    fn let_everything_go(&self) {
        loop {
            let held = (self.calls.take(), self.tasks.take(), self.futures.take());
            let more = (self.submissions.take(), self.sources.take(), self.kept.take());
            let empty = held.0.is_empty() && held.1.is_empty() && held.2.is_empty();
            if empty && more.0.is_empty() && more.1.is_empty() && more.2.is_empty() {
                return;
            }
        }
    }
}

/// Takes the one that is meant out.
fn remove<T>(among: &RefCell<Vec<T>>, which: Pick) -> Option<T> {
    let mut among = among.borrow_mut();
    let index = which.index(among.len())?;
    Some(among.remove(index))
}
