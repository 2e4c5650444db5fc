//! Two loops in one thread, and what awaits what across them: tasks, loop futures, submissions, wrapped futures.

use loopgate_model_tests::spec::program::{Awaited, Catch, Limit, Local, Op, Sleep, Stmt};

use super::SpecProgram;
use super::slots::{Kind, Slots};
use crate::Input;
use crate::alphabet::alphabet;
use crate::program::{Pick, Program};

alphabet! {
    /// An operation; `right` says on which of the two loops.
    GraphOp {
        /// `run_coroutine_threadsafe`.
        Submit(right: bool, body: GraphBody),
        /// `create_task`.
        CreateTask(right: bool, body: GraphBody),
        /// `create_future`.
        CreateFuture(right: bool),
        /// `wrap_future`.
        Wrap(right: bool, of: Pick),
        /// A concurrent future, with its promise.
        NewPromise,
        /// Completes a concurrent future.
        SetResult(of: Pick, value: u8),
        /// Fails it.
        SetException(of: Pick),
        /// `set_running_or_notify_cancel`.
        SetRunning(of: Pick),
        /// Drops its promise.
        DropPromise(of: Pick),
        /// Cancels a concurrent future, be it a submission's.
        Cancel(of: Pick),
        /// Cancels a task.
        CancelTask(of: Pick),
        /// Takes a cancel of a task back.
        Uncancel(of: Pick),
        /// Cancels a loop future.
        CancelLocal(of: Pick),
        /// Completes a loop future.
        SetLocal(of: Pick, value: u8),
        /// A callback of a concurrent future.
        OnDone(of: Pick),
        /// A callback of a task.
        OnTaskDone(of: Pick),
        /// Asks a concurrent future for its result.
        Result(of: Pick),
        /// Asks a task.
        TaskResult(of: Pick),
        /// `call_soon`, of another operation.
        Soon(right: bool, then: Box<GraphOp>),
        /// `call_later`, of another operation.
        Later(right: bool, units: u8, then: Box<GraphOp>),
        /// `run_once`, without sleeping.
        Turn(right: bool),
        /// `run_once`, sleeping for so many units at most.
        Sleep(right: bool, units: u8),
        /// `close`.
        Close(right: bool),
    }

    /// What a task does.
    GraphBody {
        /// Returns.
        Return(value: u8),
        /// Fails.
        Raise(number: u8),
        /// Yields.
        Yield,
        /// Sleeps.
        Sleep(units: u8),
        /// Awaits a concurrent future.
        Await(of: Pick),
        /// Wraps a concurrent future for one await.
        AwaitWrapped(of: Pick),
        /// Awaits a task.
        AwaitTask(of: Pick),
        /// Awaits a loop future.
        AwaitLocal(of: Pick),
        /// Awaits a task through a shield.
        Shield(of: Pick),
        /// Awaits two tasks.
        Gather(one: Pick, other: Pick),
        /// A body in a `timeout`.
        Timeout(units: u8, body: Box<GraphBody>),
        /// A body, and another one if it is cancelled.
        Swallow(body: Box<GraphBody>, then: Box<GraphBody>),
        /// A body, and another one however it ends.
        Finally(body: Box<GraphBody>, last: Box<GraphBody>),
        /// An operation that any thread may do.
        Do(op: Box<GraphOp>),
        /// One after the other.
        Both(first: Box<GraphBody>, second: Box<GraphBody>),
    }
}

/// Short, so that ties are common.
const MOST_UNITS: u8 = 5;

fn units(number: u8) -> u32 {
    u32::from(number % MOST_UNITS)
}

/// The operation that a letter stands for. In callbacks and coroutines it may make nothing and run nothing.
fn op(slots: &mut Slots, letter: &GraphOp, nested: bool) -> Option<Op> {
    let on = |right: &bool| u8::from(*right);
    let plain = plain(slots, letter);
    if plain.is_some() || nested {
        return plain;
    }
    Some(match letter {
        GraphOp::Submit(right, body) => {
            let coroutine = coroutine(slots, body)?;
            let future = slots.fresh(Kind::Future)?;
            if !slots.closed[usize::from(*right)] {
                slots.futures.push((future, false));
            }
            Op::Submit { on: on(right), coroutine, future }
        }
        GraphOp::CreateTask(right, body) => {
            let coroutine = coroutine(slots, body)?;
            let task = slots.fresh(Kind::Task)?;
            if !slots.closed[usize::from(*right)] {
                slots.tasks.push(task);
            }
            Op::CreateTask { on: on(right), coroutine, task }
        }
        GraphOp::CreateFuture(right) => {
            let future = slots.fresh(Kind::Local)?;
            slots.locals.push((future, true));
            Op::NewFuture { on: on(right), future }
        }
        GraphOp::Wrap(right, of) => {
            let source = slots.pick_future(*of)?;
            let future = slots.fresh(Kind::Local)?;
            if !slots.closed[usize::from(*right)] {
                slots.locals.push((future, false));
            }
            Op::WrapFuture { on: on(right), source, future }
        }
        GraphOp::NewPromise => Op::NewPromise(slots.future(true)?),
        GraphOp::DropPromise(of) => Op::DropPromise(slots.take_promise(*of)?),
        GraphOp::OnDone(of) => {
            let future = slots.pick_future(*of)?;
            Op::OnDone { future, callback: mark(slots)? }
        }
        GraphOp::OnTaskDone(of) => {
            let of = Local::Task(slots.pick_task(*of)?);
            Op::OnDoneLocal { of, callback: mark(slots)? }
        }
        GraphOp::Soon(right, then) => {
            let (callback, handle) = (callback(slots, then)?, slots.fresh(Kind::Handle)?);
            Op::CallSoon { on: on(right), callback, handle }
        }
        GraphOp::Later(right, after, then) => {
            let (callback, handle) = (callback(slots, then)?, slots.fresh(Kind::Handle)?);
            Op::CallLater { on: on(right), after: units(*after), callback, handle }
        }
        GraphOp::Turn(right) => Op::RunOnce { on: on(right), sleep: Sleep::Zero },
        GraphOp::Sleep(right, longest) => {
            Op::RunOnce { on: on(right), sleep: Sleep::Units(units(*longest)) }
        }
        GraphOp::Close(right) => {
            slots.closed[usize::from(*right)] = true;
            Op::Close(on(right))
        }
        _ => return None,
    })
}

/// What only names what there is.
fn plain(slots: &Slots, letter: &GraphOp) -> Option<Op> {
    Some(match letter {
        GraphOp::SetResult(of, value) => {
            Op::SetResult { future: slots.pick_promise(*of)?, value: *value }
        }
        GraphOp::SetException(of) => {
            Op::SetException { future: slots.pick_promise(*of)?, exception: 9 }
        }
        GraphOp::SetRunning(of) => Op::SetRunning(slots.pick_promise(*of)?),
        GraphOp::Cancel(of) => Op::Cancel(slots.pick_future(*of)?),
        GraphOp::CancelTask(of) => Op::CancelLocal(Local::Task(slots.pick_task(*of)?)),
        GraphOp::Uncancel(of) => Op::Uncancel(Local::Task(slots.pick_task(*of)?)),
        GraphOp::CancelLocal(of) => Op::CancelLocal(Local::Future(slots.pick_local(*of)?)),
        GraphOp::SetLocal(of, value) => {
            Op::SetLoopResult { future: slots.pick_local_promise(*of)?, value: *value }
        }
        GraphOp::Result(of) => Op::Result { future: slots.pick_future(*of)?, limit: Limit::Zero },
        GraphOp::TaskResult(of) => Op::ResultLocal(Local::Task(slots.pick_task(*of)?)),
        _ => return None,
    })
}

fn mark(slots: &mut Slots) -> Option<u8> {
    let mark = Op::Mark(u8::try_from(slots.program.callbacks.len()).ok()?);
    slots.callback(vec![mark])
}

fn callback(slots: &mut Slots, then: &GraphOp) -> Option<u8> {
    let mark = Op::Mark(u8::try_from(slots.program.callbacks.len()).ok()?);
    let then = op(slots, then, true);
    slots.callback(std::iter::once(mark).chain(then).collect())
}

fn coroutine(slots: &mut Slots, body: &GraphBody) -> Option<u8> {
    let mut script = Vec::new();
    write(slots, body, &mut script);
    slots.coroutine(script)
}

fn block(slots: &mut Slots, body: &GraphBody) -> Vec<Stmt> {
    let mut script = Vec::new();
    write(slots, body, &mut script);
    script
}

/// What names nothing that there is does nothing.
fn write(slots: &mut Slots, body: &GraphBody, script: &mut Vec<Stmt>) {
    let awaited = |what: Option<Awaited>| what.map(Stmt::Await);
    let stmt = match body {
        GraphBody::Return(value) => Some(Stmt::Return(*value)),
        GraphBody::Raise(number) => Some(Stmt::Raise(number % 8)),
        GraphBody::Yield => Some(Stmt::Await(Awaited::Yield)),
        GraphBody::Sleep(number) => Some(Stmt::Await(Awaited::Sleep(units(*number)))),
        GraphBody::Await(of) => awaited(slots.pick_future(*of).map(Awaited::Future)),
        GraphBody::AwaitWrapped(of) => awaited(slots.pick_future(*of).map(Awaited::Wrapped)),
        GraphBody::AwaitTask(of) => awaited(slots.pick_task(*of).map(Awaited::Task)),
        GraphBody::AwaitLocal(of) => awaited(slots.pick_local(*of).map(Awaited::Local)),
        GraphBody::Shield(of) => awaited(slots.pick_task(*of).map(Awaited::Shield)),
        GraphBody::Gather(one, other) => {
            let tasks = slots.pick_task(*one).zip(slots.pick_task(*other));
            awaited(tasks.map(|(one, other)| Awaited::Gather(vec![one, other])))
        }
        GraphBody::Timeout(after, body) => {
            Some(Stmt::Timeout { after: units(*after), body: block(slots, body) })
        }
        GraphBody::Swallow(body, then) => Some(Stmt::Try {
            body: block(slots, body),
            catch: Catch::Cancelled,
            handler: block(slots, then),
            again: false,
        }),
        GraphBody::Finally(body, last) => {
            Some(Stmt::Finally { body: block(slots, body), last: block(slots, last) })
        }
        GraphBody::Do(op) => self::op(slots, op, true).map(Stmt::Do),
        GraphBody::Both(first, second) => {
            write(slots, first, script);
            write(slots, second, script);
            None
        }
    };
    script.extend(stmt);
}

/// More than so many letters are not read.
const MOST: usize = 60;

fn program(letters: &[GraphOp]) -> SpecProgram {
    let mut slots = Slots::new();
    let mut thread = vec![Op::NewLoop(0), Op::NewLoop(1)];
    for letter in letters.iter().take(MOST) {
        thread.extend(op(&mut slots, letter, false));
    }
    // Some turns to come to rest, and then everything has to end.
    for _ in 0..3 {
        thread.extend([0, 1].map(|on| Op::RunOnce { on, sleep: Sleep::Units(8) }));
    }
    thread.extend([Op::DropLoop(1), Op::DropLoop(0)]);
    let results = slots.futures.iter();
    thread.extend(results.map(|(future, _)| Op::Result { future: *future, limit: Limit::Zero }));
    slots.program.threads = vec![thread];
    slots.program
}

impl Input for Program<GraphOp> {
    const TARGET: &'static str = "chain_graph";

    fn is_judged(&self) -> bool {
        super::allowed(&program(&self.ops)).is_some()
    }

    fn check(&self) -> Result<(), String> {
        super::check(program(&self.ops))
    }

    fn bytes(&self) -> Vec<u8> {
        self.encode()
    }

    fn source(&self) -> String {
        self.expression()
    }
}
