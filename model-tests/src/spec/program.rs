//! What a program can do: a small alphabet, as plain data.
//!
//! A program is run by the spec, by this kernel under an explorer or on real threads, and by other
//! runtimes; whatever runs it writes down what each operation answered. It is made of
//!
//! * up to [`MAX_THREADS`] *threads*, each a list of [`Op`]s. Thread 0 begins; the others begin when some
//!   thread has started them. A thread that ends drops the loops that it still owns;
//! * *callbacks*: lists of operations that a loop, a timer, or a future calls;
//! * *coroutines*: lists of [`Stmt`]s that a loop drives as a task;
//! * *works*: lists of operations that the worker of a pool runs.
//!
//! # Slots
//!
//! What an operation makes is put into a slot, named by a small number of the program's choice: a number
//! for each kind ([`LoopId`], [`Future`], [`Task`], ...). Slots are shared by all threads. An operation
//! that names an empty slot makes the program malformed, and so does one that fills a slot twice; the spec
//! refuses a program in which some interleaving does that. So a program orders the threads itself where it
//! has to: with [`Op::Start`], or with gates.
//!
//! # Logs
//!
//! An operation that observes something adds one [`Word`](super::Word) to a log. Each thread has a log, into which goes
//! everything that runs on that thread, callbacks and coroutines included; each work has a log of its own,
//! because which worker runs it is nobody's business. An [`Outcome`](super::Outcome) is all the logs, and says nothing
//! about the order of words in different logs.
//!
//! # Time
//!
//! A number of units. Only [`Op::Busy`] and a loop that sleeps until a timer move it. A wait of a thread
//! that has a limit may run into it at any moment (P-2), and so may the sleep of a loop.
//!
//! # As JSON
//!
//! Operations are named in snake case with their fields beside them: `{"post":{"on":0,"callback":1,"handle":0}}`.
//! Fields that are left out take their [`Default`]. A runtime that cannot do an operation says so by its
//! name ([`Op::name`], [`Stmt::name`], [`Awaited::name`]), and the program does not apply to it.

use serde::{Deserialize, Serialize};

/// Of the form of programs. It grows when an operation changes its meaning or is taken away, and not when
/// one is added.
pub const VERSION: u32 = 1;

/// At most so many threads have lists of operations; workers of pools are not counted.
pub const MAX_THREADS: usize = 4;
/// At most so many loops.
pub const MAX_LOOPS: usize = 2;
/// Numbers of slots, callbacks, coroutines, works and gates are below this.
pub const MAX_SLOTS: u8 = 16;

/// A loop. The thread that made it owns it.
pub type LoopId = u8;
/// A list of [`Program::threads`].
pub type ThreadId = u8;
/// A list of [`Program::callbacks`].
pub type Callback = u8;
/// A script of [`Program::coroutines`].
pub type Coroutine = u8;
/// A list of [`Program::works`]. Each is submitted at most once.
pub type WorkId = u8;
/// A slot for what a scheduled callback can be cancelled by.
pub type Handle = u8;
/// A slot for a concurrent future; the promise of one that the program made has the same number.
pub type Future = u8;
/// A slot for a task.
pub type Task = u8;
/// A slot for a loop future; the promise of one that the program made has the same number.
pub type LoopFuture = u8;
/// A slot for a pool.
pub type Pool = u8;
/// A flag that is down at first and is raised once, for good.
pub type Gate = u8;
/// A result.
pub type Value = u8;
/// An exception. Of each number there is one object in an execution, whoever raises it: identity is
/// observed.
pub type Raised = u8;
/// Units of time.
pub type Units = u32;

/// A whole program.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Program {
    /// [`VERSION`].
    pub version: u32,
    /// What it is called, for reports.
    pub name: String,
    /// What each thread does.
    pub threads: Vec<Vec<Op>>,
    /// What loops, timers and futures call.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub callbacks: Vec<Vec<Op>>,
    /// What tasks do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub coroutines: Vec<Vec<Stmt>>,
    /// What workers of pools do. A work that does not end with [`Op::Return`] or [`Op::Raise`] yields 0.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub works: Vec<Vec<Op>>,
}

/// How long a thread waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// For ever.
    #[default]
    Forever,
    /// Not at all.
    Zero,
    /// Some time: it may be over at any moment.
    Finite,
}

/// What a task or a future is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Query {
    /// Finished or cancelled?
    Done,
    /// Cancelled?
    Cancelled,
    /// Begun, and not to be cancelled any more? Of concurrent futures alone.
    Running,
    /// Has the work behind it ended? Of concurrent futures alone.
    Ended,
}

/// When a wait for several futures is over; see clause F-17.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// One is done.
    FirstCompleted,
    /// One has failed with an exception, or all are done.
    FirstException,
    /// All are done.
    #[default]
    AllCompleted,
}

/// How a loop makes tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Factory {
    /// As it does by itself.
    Default,
    /// Fails with the exception.
    Fails(Raised),
    /// Panics with the exception.
    Panics(Raised),
    /// Returns a task that was made of another coroutine.
    Wrong,
}

/// Whom a loop tells of what nobody else receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Handler {
    /// Nobody whom the program can observe.
    Default,
    /// One that logs `reported` and the exception.
    Recording,
    /// One that logs the same and then panics with the exception.
    Panicking(Raised),
}

/// Something on a loop that has an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Local {
    /// A task.
    Task(Task),
    /// The task whose step is being run; only in a coroutine.
    Current,
    /// A loop future.
    Future(LoopFuture),
}

/// One operation.
///
/// Those of the first group any thread may do, also from callbacks, coroutines and works. Those of the
/// second need the thread that owns the loop, or callbacks and coroutines that it runs. Those of the third
/// are for the owner's own list of operations.
///
/// *Logs* says what is added to the log of the thread that does it. Where it is not said, nothing is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[allow(missing_docs, reason = "the text of a variant names its fields")]
pub enum Op {
    // ---- any thread ----
    /// Logs `mark n`.
    Mark(u8),
    /// Raises a gate, and wakes whoever waits for it.
    Signal(Gate),
    /// Blocks until a gate is up.
    AwaitGate(Gate),
    /// Begins a thread.
    Start(ThreadId),
    /// Blocks until a thread has ended, the drop of its loops included.
    Join(ThreadId),
    /// `call_soon_threadsafe`. Logs `ok` or `loop closed`; the slot is filled only if it is accepted.
    Post { on: LoopId, callback: Callback, handle: Handle },
    /// `call_later_threadsafe`. Logs the same.
    PostLater { on: LoopId, after: Units, callback: Callback, handle: Handle },
    /// Cancels a handle of either kind; one of a loop's own operations only on its thread. Logs `true` if
    /// this call prevented the callback, else `false`.
    CancelHandle(Handle),
    /// `run_coroutine_threadsafe`. Logs `ok` or `loop closed`; the slot is filled only if it is accepted.
    Submit { on: LoopId, coroutine: Coroutine, future: Future },
    /// `result`. Logs `value n`, the exception, `cancelled`, `timed out` or `would deadlock`.
    Result { future: Future, limit: Limit },
    /// `exception`. Logs the exception, `none` if there is a value, or as `Result`.
    Exception { future: Future, limit: Limit },
    /// Waits until the work behind the future has really ended. Logs `ok`, `timed out` or `would deadlock`.
    WaitEnded { future: Future, limit: Limit },
    /// `cancel`. Logs `true` or `false`. Callbacks of the future that this runs log before that.
    Cancel(Future),
    /// Logs `true` or `false`.
    Query { future: Future, what: Query },
    /// `wait`. Logs `done` and the numbers of the futures that are done, in the order of the arguments; or
    /// `would deadlock`; or `empty set`.
    Wait { futures: Vec<Future>, when: When, limit: Limit },
    /// `as_completed`. Logs `completed n` for each future that it yields, `unfinished n` if the time is up,
    /// `would deadlock` or `empty set`.
    AsCompleted { futures: Vec<Future>, limit: Limit },
    /// `add_done_callback`. The callback runs at once if the future is done.
    OnDone { future: Future, callback: Callback },
    /// A new future, pending, and its promise.
    NewPromise(Future),
    /// `set_running_or_notify_cancel`. Logs `true`, `false`, `invalid, cancelled` or `invalid, finished`;
    /// the last also if it is running.
    SetRunning(Future),
    /// `set_result`. Logs `ok`, `invalid, cancelled` or `invalid, finished`. Callbacks log before that.
    SetResult { future: Future, value: Value },
    /// `set_exception`. Logs the same.
    SetException { future: Future, exception: Raised },
    /// `try_complete` with a value: also says that the work has ended. Logs `true` if it won, else `false`.
    Complete { future: Future, value: Value },
    /// Drops the promise; the slot of the future stays.
    DropPromise(Future),
    /// The handle's `stop`. Logs `ok` or `loop closed`.
    Stop(LoopId),
    /// Logs `true` or `false`.
    IsRunning(LoopId),
    /// Logs `true` or `false`.
    IsClosed(LoopId),
    /// A pool of so many threads at most. With `broken` its initializer fails with that exception. Logs `ok`, or
    /// `zero workers`; then the slot stays empty.
    NewPool { pool: Pool, workers: u8, broken: Option<Raised> },
    /// Submits work to a pool. Logs `ok`, `shut down` or `broken pool`; the slot is filled only if it is accepted.
    SubmitWork { pool: Pool, work: WorkId, future: Future },
    /// Shuts a pool down. Logs `ok`, or `own worker` if it may not wait here.
    Shutdown { pool: Pool, wait: bool, cancel: bool },
    /// Ends the list with a value; only in a work.
    Return(Value),
    /// Ends the list with an exception: a panic that carries it, or in a work its error.
    Raise(Raised),
    /// Ends the list with an exit request of that code; in a callback or a work that a loop runs.
    Exit(u8),

    // ---- the loop's thread ----
    /// Lets so many units of the loop's time pass without running anything.
    Busy { on: LoopId, units: Units },
    /// `call_soon`. Logs `ok` or `loop closed`; the slot is filled only if it is accepted.
    CallSoon { on: LoopId, callback: Callback, handle: Handle },
    /// `call_later`. Logs the same.
    CallLater { on: LoopId, after: Units, callback: Callback, handle: Handle },
    /// `call_at`, at a moment since the loop was made. Logs the same.
    CallAt { on: LoopId, at: Units, callback: Callback, handle: Handle },
    /// `create_task`. Logs `ok`, `loop closed`, or what the factory failed with; the slot is filled only
    /// if there is a task.
    CreateTask { on: LoopId, coroutine: Coroutine, task: Task },
    /// `create_future`: a pending loop future and its promise.
    NewFuture { on: LoopId, future: LoopFuture },
    /// `wrap_future`. Logs `ok` or `loop closed`; the slot is filled only if it is accepted.
    WrapFuture { on: LoopId, source: Future, future: LoopFuture },
    /// `run_in_executor`. Logs `ok`, `loop closed`, `shut down` or `broken pool`; the slot is filled only if it
    /// is accepted.
    RunInExecutor { on: LoopId, pool: Pool, work: WorkId, future: LoopFuture },
    /// Completes a loop future with a value. Logs `ok`, `invalid, cancelled` or `invalid, finished`.
    SetLoopResult { future: LoopFuture, value: Value },
    /// Completes a loop future with an exception. Logs the same.
    SetLoopException { future: LoopFuture, exception: Raised },
    /// Drops the promise of a loop future.
    DropLoopPromise(LoopFuture),
    /// Cancels a task or a loop future. Logs `true` or `false`.
    CancelLocal(Local),
    /// Takes back one cancel of a task. Logs `count n`: how many are left.
    Uncancel(Local),
    /// How many cancels of a task were asked for and not taken back. Logs `count n`.
    Cancelling(Local),
    /// `done` or `cancelled`, of a task or loop future. Logs `true` or `false`.
    QueryLocal { of: Local, what: Query },
    /// `result`. Logs `value n`, the exception, `cancelled` or `pending`.
    ResultLocal(Local),
    /// `add_done_callback`: the callback is queued, now or later.
    OnDoneLocal { of: Local, callback: Callback },
    /// Lets go of the program's handle on a task or loop future; the slot must not be named again.
    Forget(Local),
    /// How many tasks of the loop are not done. Logs `count n`.
    AllTasks(LoopId),
    /// The loop's own `stop`.
    StopLocal(LoopId),
    /// Replaces the task factory.
    SetFactory { on: LoopId, factory: Factory },
    /// Replaces the exception handler.
    SetHandler { on: LoopId, handler: Handler },

    // ---- the owner ----
    /// Makes a loop, which this thread owns.
    NewLoop(LoopId),
    /// `run_forever`. Logs `ok`, `exit n`, `loop closed`, `already running` or `other loop running`. The
    /// last two only where it is called by what a loop runs.
    RunForever(LoopId),
    /// `run_until_complete`. Logs the outcome of the coroutine, `stopped early`, or as `RunForever`.
    RunUntilComplete { on: LoopId, coroutine: Coroutine },
    /// `run_once`: sleeps for ever, not at all, or for no longer than so many units. Logs `continue`,
    /// `stop`, or as `RunForever`.
    RunOnce { on: LoopId, sleep: Sleep },
    /// `close`. Logs `ok` or `already running`.
    Close(LoopId),
    /// Drops the loop, which must not run.
    DropLoop(LoopId),
}

/// How long one iteration may sleep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sleep {
    /// Not at all.
    #[default]
    Zero,
    /// So many units.
    Units(Units),
    /// Until there is something to do.
    Forever,
}

/// One statement of a coroutine.
///
/// A statement ends normally, or with a value for the whole coroutine, or it raises: an exception, or
/// `cancelled`. What is raised leaves the statements around it until a [`Stmt::Try`] catches it. A
/// coroutine whose statements have all ended yields 0.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[allow(missing_docs, reason = "the text of a variant names its fields")]
pub enum Stmt {
    /// An operation; not one of the owner's. It never raises, but for [`Op::Raise`] and [`Op::Exit`], which
    /// return an error from the coroutine and do not panic.
    Do(Op),
    /// Awaits. Logs the result unless it raises.
    Await(Awaited),
    /// `timeout`: the body, for no longer than so many units.
    Timeout { after: Units, body: Vec<Stmt> },
    /// `wait_for`: awaits for no longer than so many units. Logs the result unless it raises.
    WaitFor { after: Units, what: Awaited },
    /// The body; if it raises what is to be caught, logs `caught` and what it was, and does the handler.
    /// Then raises it once more if `again`. A coroutine that is dropped at its await (T-9) does no handler.
    Try { body: Vec<Stmt>, catch: Catch, handler: Vec<Stmt>, again: bool },
    /// The body, and then, however that ended, what is to be done last; then goes on as the body ended.
    Finally { body: Vec<Stmt>, last: Vec<Stmt> },
    /// Ends the coroutine with a value.
    Return(Value),
    /// Raises an exception.
    Raise(Raised),
    /// Panics with the exception: nothing catches that, but a [`Stmt::Finally`] is not done either.
    Panic(Raised),
    /// Raises `cancelled`, without anybody having asked for it.
    RaiseCancelled,
}

/// What a [`Stmt::Try`] catches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Catch {
    /// `cancelled`.
    Cancelled,
    /// The error of a `timeout` or `wait_for`.
    Timeout,
    /// Every exception but `cancelled` and exit requests.
    Exception,
    /// Everything.
    All,
}

/// What a coroutine can be suspended on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Awaited {
    /// `yield_now`; asyncio's `sleep(0)`. Yields `ok`.
    Yield,
    /// `sleep`. Yields `ok`.
    Sleep(Units),
    /// A concurrent future itself.
    Future(Future),
    /// A concurrent future, wrapped for this await alone.
    Wrapped(Future),
    /// A loop future.
    Local(LoopFuture),
    /// A task.
    Task(Task),
    /// A coroutine, in place: no task is made for it. Only in [`Stmt::WaitFor`].
    Coroutine(Coroutine),
    /// Something that is not of this kernel, and cannot be cancelled, only dropped: it is ready when a gate
    /// is up, and yields `ok`.
    Foreign(Gate),
    /// A task, behind a shield.
    Shield(Task),
    /// Several tasks: `gathered` and their values.
    Gather(Vec<Task>),
}

impl Program {
    /// A program of these threads and nothing else.
    #[must_use]
    pub fn of(name: &str, threads: Vec<Vec<Op>>) -> Program {
        Program { version: VERSION, name: name.into(), threads, ..Program::default() }
    }

    /// The same with these callbacks.
    #[must_use]
    pub fn with_callbacks(self, callbacks: Vec<Vec<Op>>) -> Program {
        Program { callbacks, ..self }
    }

    /// The same with these coroutines.
    #[must_use]
    pub fn with_coroutines(self, coroutines: Vec<Vec<Stmt>>) -> Program {
        Program { coroutines, ..self }
    }

    /// The same with these works.
    #[must_use]
    pub fn with_works(self, works: Vec<Vec<Op>>) -> Program {
        Program { works, ..self }
    }
}
