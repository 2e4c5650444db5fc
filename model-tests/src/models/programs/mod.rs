//! The models' scenarios as programs of the spec, operation by operation.
//!
//! Each function has the name of the body that it mirrors, and each file that of the body's. What a
//! body asserts, its program does not: it lets the answer into a log, and the rows of the model's `spec`
//! say which logs there may be. Threads, callbacks, coroutines and futures have the numbers in which
//! they come up in the body. A thread of the model is started where the body starts it.

pub(super) mod awaited;
pub(super) mod awake;
pub(super) mod cancel;
pub(super) mod close;
pub(super) mod completing;
pub(super) mod copy;
pub(super) mod factory;
pub(super) mod loops;
pub(super) mod order;
pub(super) mod pipe;
pub(super) mod pool;
pub(super) mod scope;
pub(super) mod several;
pub(super) mod stopping;
pub(super) mod to_loop;
pub(super) mod waiting;
pub(super) mod wakers;
pub(super) mod wakeup;
pub(super) mod wrap;

use crate::spec::program::{
    Awaited, Catch, Factory, Handler, Limit, Local, Op, Program, Query, Sleep, Stmt, VERSION, When,
};

/// A program of these threads; each callback, coroutine and work is added with its list.
fn program<const N: usize>(threads: [Vec<Op>; N]) -> Program {
    Program { version: VERSION, threads: threads.into(), ..Program::default() }
}

impl Program {
    fn callback(mut self, list: Vec<Op>) -> Program {
        self.callbacks.push(list);
        self
    }

    fn coroutine(mut self, script: Vec<Stmt>) -> Program {
        self.coroutines.push(script);
        self
    }

    fn work(mut self, list: Vec<Op>) -> Program {
        self.works.push(list);
        self
    }
}

/// A list of operations: of single ones, and of lists that helpers make.
macro_rules! list {
    ($($part:expr),* $(,)?) => {{
        #[allow(unused_mut, reason = "an empty list")]
        let mut list = Vec::new();
        $(crate::models::programs::Part::join($part, &mut list);)*
        list
    }};
}
use list;

trait Part<T> {
    fn join(self, list: &mut Vec<T>);
}

impl Part<Op> for Op {
    fn join(self, list: &mut Vec<Op>) {
        list.push(self);
    }
}

impl Part<Op> for Vec<Op> {
    fn join(self, list: &mut Vec<Op>) {
        list.extend(self);
    }
}

/// So many iterations of loop 0, none of which sleeps.
fn turns(count: usize) -> Vec<Op> {
    vec![Op::RunOnce { on: 0, sleep: Sleep::Zero }; count]
}

/// Waits for the result, for ever.
fn result(future: u8) -> Op {
    Op::Result { future, limit: Limit::Forever }
}

/// Waits for the result, for some time.
fn result_soon(future: u8) -> Op {
    Op::Result { future, limit: Limit::Finite }
}

/// Waits until the work has ended.
fn wait_ended(future: u8) -> Op {
    Op::WaitEnded { future, limit: Limit::Forever }
}

fn is(what: Query, future: u8) -> Op {
    Op::Query { future, what }
}

fn set_result(future: u8) -> Op {
    Op::SetResult { future, value: 1 }
}

fn complete(future: u8) -> Op {
    Op::Complete { future, value: 1 }
}

fn on_done(future: u8, callback: u8) -> Op {
    Op::OnDone { future, callback }
}

/// Posts a callback, whose handle has its number.
fn post(callback: u8) -> Op {
    Op::Post { on: 0, callback, handle: callback }
}

/// Schedules a callback on the loop's own thread; the same.
fn call_soon(callback: u8) -> Op {
    Op::CallSoon { on: 0, callback, handle: callback }
}

/// Submits a coroutine, whose future has its number.
fn submit(coroutine: u8) -> Op {
    Op::Submit { on: 0, coroutine, future: coroutine }
}

/// Makes a task of a coroutine, with its number.
fn create_task(coroutine: u8) -> Op {
    Op::CreateTask { on: 0, coroutine, task: coroutine }
}

/// Hands a piece of work to pool 0; its future has its number.
fn submit_work(work: u8) -> Op {
    Op::SubmitWork { pool: 0, work, future: work }
}

/// A pool of so many workers.
fn pool(workers: u8) -> Op {
    Op::NewPool { pool: 0, workers, broken: None }
}

/// Shuts pool 0 down and waits for it; its queued work is done.
fn shutdown() -> Op {
    Op::Shutdown { pool: 0, wait: true, cancel: false }
}

/// A task or a loop future of this number.
fn is_local(what: Query, of: Local) -> Op {
    Op::QueryLocal { of, what }
}

/// Wraps a concurrent future into the loop future of the same number.
fn wrap(source: u8) -> Op {
    Op::WrapFuture { on: 0, source, future: source }
}

/// Runs work 0 in pool 0, for loop future 0.
fn run_in_executor() -> Op {
    Op::RunInExecutor { on: 0, pool: 0, work: 0, future: 0 }
}

fn run_until_complete(coroutine: u8) -> Op {
    Op::RunUntilComplete { on: 0, coroutine }
}

fn cancel_task(task: u8) -> Op {
    Op::CancelLocal(Local::Task(task))
}

/// What never comes.
fn never() -> Stmt {
    Stmt::Await(Awaited::Foreign(NEVER))
}

/// A gate that nobody raises.
const NEVER: u8 = 15;

fn mark(number: u8) -> Stmt {
    Stmt::Do(Op::Mark(number))
}
