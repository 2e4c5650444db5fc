//! What there is while a program runs: threads with what they have yet to do, loops, futures, tasks.
//!
//! Who touches what: a loop, its tasks and its loop futures belong to the thread that owns the loop; an
//! inbox, concurrent futures, handles, gates and pools are everybody's. A thread is a stack of frames: what
//! it is in the middle of, innermost last. Every frame is data, so a state can be copied and compared.

use crate::spec::awaiting::Levels;
use crate::spec::concurrent::{Concurrent, Out};
use crate::spec::event_loop::Life;
use crate::spec::executor::Pool;
use crate::spec::future::LoopFuture;
use crate::spec::handle::Handle;
use crate::spec::program::{Factory, Handler, Limit, Raised, Units, When, WorkId};
use crate::spec::ready_queue::ReadyQueue;
use crate::spec::scope::Flow;
use crate::spec::timers::Timers;
use crate::spec::wakeup::Inbox;
use crate::spec::word::{Cause, Word};

use super::code::{BlockId, OpId};

/// An index into one of the tables of the system.
pub(super) type Index = u8;

/// Where a thread stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Status {
    NotStarted,
    Live,
    Ended,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Thread {
    pub(super) status: Status,
    pub(super) stack: Vec<Frame>,
    /// The loop that it runs at the moment.
    pub(super) current: Option<Index>,
    /// Into whose log it writes, if not its own.
    pub(super) work: Option<WorkId>,
    /// It waits for several futures: these have told it so far.
    pub(super) waiter: Option<Waiter>,
    /// How often it has waited for several futures.
    pub(super) waits: u8,
    /// It is a worker of this pool.
    pub(super) pool: Option<Index>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Waiter {
    /// Told by futures of another wait of the thread, it does not listen.
    pub(super) number: u8,
    /// Indices into the arguments, in the order of completion.
    pub(super) order: Vec<Index>,
    pub(super) failed: bool,
}

/// What a thread is in the middle of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Frame {
    /// A list of operations.
    List { list: u16, at: usize, role: Role },
    /// One step.
    Act(Act),
    /// A run of a loop.
    Run { on: Index, kind: RunKind, stage: Stage },
    /// A step of a task.
    Coroutine { task: Index, stage: Poll },
    /// A worker's life.
    Worker { pool: Index, idle: bool },
}

/// On whose behalf a list is done: who hears of what it raises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Role {
    /// A thread's own.
    Thread,
    /// A loop called it.
    Loop(Index),
    /// A concurrent future called it: nobody hears.
    Done,
    /// A worker runs it: its future hears.
    Work(Index),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum RunKind {
    Forever,
    UntilComplete {
        task: Index,
        serial: u8,
    },
    /// With the longest sleep: none, or a number of units.
    Once(Option<Units>),
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Stage {
    /// An iteration begins.
    Turn,
    /// It wants to sleep.
    Prepare,
    /// It looks into the pipe without sleeping.
    Look,
    /// It sleeps, until this moment if there is one.
    Asleep(Option<Units>),
    /// It is awake.
    Awake,
    /// It runs its batch.
    Batch,
    /// It ends, with this to be logged.
    End(Ended),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Ended {
    Stopped,
    Turned,
    Exit(u8),
}

/// Where a task's step stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Poll {
    /// It asks whether its submission is cancelled.
    Probe,
    /// Wakes from here on queue another step.
    Begin,
    /// What it is suspended on is polled.
    Await,
    /// The same, behind the look for a cancel.
    Look,
    /// It goes on with its statements.
    Run,
    /// Something has ended in it.
    Ended(Flow),
    /// A `wait_for` that was too late looks once more at its concurrent future.
    InTime(Flow, Index),
}

/// A step that is not an operation of the program's, or the rest of one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Act {
    /// Does an operation.
    Op(OpId),
    /// Writes into the log.
    Log(Word),
    /// Fills a slot.
    Fill(Slot, u8, Index),
    /// Tells somebody who listened to a concurrent future.
    Tell(Listener),
    /// Has a task stepped.
    Wake(Index),
    /// Queues something on the loop's own thread.
    Push(Index, Entry),
    /// Posts something; logs whether it was accepted, and fills a slot if so.
    Publish(Index, Entry, Slot, u8, Index),
    /// Writes the byte.
    WriteByte(Index),
    /// Completes a concurrent future; this also ends the work.
    Complete(Index, Out),
    /// Cancels one; `true` if that ends the work.
    Cancel(Index, bool),
    /// Cancels the concurrent future that a task is suspended on.
    CancelAwaited(Index, Index),
    /// Adds a callback to a concurrent future.
    Listen(Index, Listener),
    /// Copies a task's outcome to its submission.
    Copy { on: Index, future: Index, out: Out },
    /// Has the loop leave its run.
    RequestExit(Index, u8),
    /// Tells the exception handler.
    Report(Index, Cause),
    /// A wait for several futures, as far as it is.
    Wait { op: OpId, stage: Several },
    /// Reports what nobody can retrieve any more.
    Collect(Index),
    /// A loop's gate is closed.
    CloseGate(Index),
    /// What becomes of an entry that will not have its turn.
    End(Index, Entry),
    /// A closing loop ends its tasks.
    AbandonAll(Index),
    /// One of them.
    Abandon(Index),
    /// A closing loop lets go of what it kept for foreign work.
    DropParcels(Index),
    /// A closing loop lets go of the rest.
    DropRest(Index),
    /// A thread's list is over.
    EndThread,
    /// A worker's initializer fails.
    BreakDown(Index),
    /// A worker fails a piece of work.
    Fail(Job),
    /// A worker takes up a piece of work.
    Begin(Job),
    /// Blocks until a pool has ended.
    WaitForPool(Index),
}

/// Which kind of slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Slot {
    Handle,
    Future,
    Task,
    Local,
    /// None is filled.
    Nothing,
}

/// How far a wait for several futures is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Several {
    /// It joins this future next.
    Subscribe(usize),
    /// It waits.
    Block,
    /// It looks which are done: this one next, these are.
    Split(usize, Vec<u8>),
    /// So many were yielded; it goes on to the next.
    Yield(usize),
}

/// What a wait for several futures is about.
pub(super) struct WaitFor<'a> {
    pub(super) futures: &'a [u8],
    pub(super) limit: Limit,
    /// `None` for `as_completed`.
    pub(super) when: Option<When>,
}

/// Who listens to a concurrent future.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Listener {
    /// A thread's wait for several, with its number, in which this future has this place.
    Wait { thread: Index, wait: u8, place: Index, future: Index },
    /// A task that awaits it.
    Task(Index),
    /// A callback of the program.
    Callback(u8),
    /// A submission: its task is to be cancelled with it.
    CancelTask(Index),
    /// It is wrapped.
    Parcel(Index, u8),
}

/// Who listens to a loop future.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum LocalListener {
    /// A task that awaits it.
    Task(Index),
    /// A callback of the program.
    Callback(u8),
    /// The outcome is copied to this submission.
    Copy(Index),
    /// A run ends with it.
    StopRun(u8),
}

/// What a loop has to do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Entry {
    Call {
        callback: u8,
        handle: Index,
    },
    /// A timer that comes in by post.
    Timer(Units, Timer),
    /// A timer's turn has come.
    Fire(Timer),
    Step(Index),
    Submission {
        future: Index,
        coroutine: u8,
    },
    CancelTask(Index),
    Parcel(u8),
    /// The source of a wrapper that was cancelled.
    CancelSource(Index),
    Stop,
    Copy {
        future: Index,
        out: Out,
    },
    Report(Cause),
    /// The done-callback of a loop future, which it keeps alive.
    LoopCallback {
        callback: u8,
        of: Index,
    },
    /// The done-callback of a run, which keeps the outcome alive as others do.
    StopRun {
        serial: u8,
        of: Index,
    },
}

/// What a timer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Timer {
    Call {
        callback: u8,
        handle: Index,
    },
    /// A sleep of a task is over; each has a number.
    Sleep {
        task: Index,
        serial: u8,
    },
    /// The time of a scope of a task is up.
    Scope {
        task: Index,
        serial: u8,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Loop {
    pub(super) owner: Index,
    pub(super) life: Life,
    pub(super) inbox: Inbox<Entry>,
    pub(super) ready: ReadyQueue<Entry>,
    pub(super) timers: Timers<Timer>,
    pub(super) now: Units,
    /// How many entries have had their turn.
    pub(super) popped: u32,
    /// By place; a place that was left is taken again first.
    pub(super) places: Vec<Option<Index>>,
    pub(super) free: Vec<u8>,
    /// Loop futures that wait for foreign work, by key.
    pub(super) parcels: Vec<(u8, Parcel)>,
    pub(super) next_key: u8,
    pub(super) runs: u8,
    pub(super) factory: Factory,
    pub(super) handler: Handler,
    pub(super) dropped: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Parcel {
    pub(super) source: Index,
    pub(super) destination: Index,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct FutureState {
    pub(super) concurrent: Concurrent<Listener>,
    /// The loop that does the work: a wait on its thread is refused.
    pub(super) doer: Option<Index>,
    /// The program holds the promise.
    pub(super) promise: bool,
    /// The program made it by itself: there is no work behind it.
    pub(super) by_hand: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct LocalState {
    pub(super) on: Index,
    pub(super) future: LoopFuture<LocalListener>,
    /// What it wraps: the parcel's key, and the source that is cancelled with it.
    pub(super) wraps: Option<(u8, Index)>,
    /// The program holds the promise.
    pub(super) promise: bool,
    /// The program holds a handle.
    pub(super) held: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct TaskState {
    pub(super) on: Index,
    /// Its outcome.
    pub(super) local: Index,
    /// In the loop's table, while it is not done.
    pub(super) place: Option<u8>,
    pub(super) queued: bool,
    pub(super) started: bool,
    pub(super) submission: Option<Index>,
    /// The cancel of its submission has been counted.
    pub(super) seen: bool,
    /// The cancel of its submission will be posted to its loop.
    pub(super) hears: bool,
    pub(super) requests: u8,
    pub(super) levels: Levels,
    /// Where its coroutine stands, innermost last; empty once that is dropped.
    pub(super) body: Vec<Ctl>,
    pub(super) serials: u8,
}

/// What a coroutine is in the middle of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Ctl {
    Block {
        block: BlockId,
        at: usize,
    },
    Scope {
        serial: u8,
        begun: Option<Begun>,
        /// How many cancels had been asked for when it was entered.
        requests: u8,
    },
    Try {
        block: BlockId,
        at: usize,
    },
    /// A handler runs; then this is raised again.
    Handler(Option<Cause>),
    Finally(BlockId),
    /// The last block runs; then it goes on like this.
    Last(Flow),
    /// A coroutine that is awaited in place.
    InPlace,
    Await(Await),
    /// `wait_for` without any time: the task was cancelled and is waited for.
    CancelAndWait {
        foreign: bool,
        requests: u8,
    },
}

/// What a `wait_for` was given that goes on without being polled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Begun {
    Local(Index),
    Future(Index),
}

/// What a coroutine is suspended on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Await {
    /// With the place in the queue that it waits for.
    Yield(Option<u32>),
    Sleep {
        units: Units,
        state: Slept,
    },
    Future(Index),
    /// A loop future; of a task, if that is to be cancelled in its stead.
    Local {
        local: Index,
        task: Option<Index>,
    },
    Foreign(u8),
    Shield {
        task: Index,
        told: bool,
    },
    Gather {
        tasks: Vec<Index>,
        results: Vec<Option<Out>>,
        cancelled: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Slept {
    New,
    Waiting(u8),
    Fired,
    /// Its timer goes when it is polled.
    Cancelled(u8),
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct HandleState {
    pub(super) handle: Handle,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct GateState {
    pub(super) up: bool,
    pub(super) tasks: Vec<Index>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct PoolState {
    pub(super) pool: Pool<Job>,
    pub(super) broken: Option<Raised>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Job {
    pub(super) work: WorkId,
    pub(super) future: Index,
}

impl Await {
    /// Its name in the alphabet.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Await::Yield(_) => "yield",
            Await::Sleep { .. } => "sleep",
            Await::Future(_) => "future",
            Await::Local { task: None, .. } => "local",
            Await::Local { task: Some(_), .. } => "task",
            Await::Foreign(_) => "foreign",
            Await::Shield { .. } => "shield",
            Await::Gather { .. } => "gather",
        }
    }
}
