//! Short words for operations on loop 0.

use crate::spec::program::{
    Awaited, Callback, Catch, Coroutine, Factory, Future, Handler, Limit, Local, LoopFuture, Op,
    Raised, Sleep, Stmt, Task, Units, Value, When, WorkId,
};

pub(super) fn soon(callback: Callback) -> Op {
    Op::CallSoon { on: 0, callback, handle: callback }
}

pub(super) fn later(after: Units, callback: Callback) -> Op {
    Op::CallLater { on: 0, after, callback, handle: callback }
}

pub(super) fn at(at: Units, callback: Callback) -> Op {
    Op::CallAt { on: 0, at, callback, handle: callback }
}

pub(super) fn post(callback: Callback) -> Op {
    Op::Post { on: 0, callback, handle: callback }
}

pub(super) fn post_later(after: Units, callback: Callback) -> Op {
    Op::PostLater { on: 0, after, callback, handle: callback }
}

pub(super) fn submit(coroutine: Coroutine) -> Op {
    Op::Submit { on: 0, coroutine, future: coroutine }
}

/// `create_task`, into the slot of the coroutine's number.
pub(super) fn task(coroutine: Coroutine) -> Op {
    Op::CreateTask { on: 0, coroutine, task: coroutine }
}

pub(super) fn result(future: Future) -> Op {
    Op::Result { future, limit: Limit::Forever }
}

pub(super) fn result_now(future: Future) -> Op {
    Op::Result { future, limit: Limit::Zero }
}

pub(super) fn result_soon(future: Future) -> Op {
    Op::Result { future, limit: Limit::Finite }
}

pub(super) fn ended(future: Future) -> Op {
    Op::WaitEnded { future, limit: Limit::Forever }
}

pub(super) fn wait(futures: &[Future], when: When, limit: Limit) -> Op {
    Op::Wait { futures: futures.to_vec(), when, limit }
}

pub(super) fn set_result(future: Future, value: Value) -> Op {
    Op::SetResult { future, value }
}

pub(super) fn set_exception(future: Future, exception: Raised) -> Op {
    Op::SetException { future, exception }
}

pub(super) fn on_done(future: Future, callback: Callback) -> Op {
    Op::OnDone { future, callback }
}

pub(super) fn pool(workers: u8) -> Op {
    Op::NewPool { pool: 0, workers, broken: None }
}

/// Submits work to pool 0, into the slot of its number.
pub(super) fn work(work: WorkId) -> Op {
    Op::SubmitWork { pool: 0, work, future: work }
}

/// `run_in_executor` of pool 0, into the slot of the work's number.
pub(super) fn in_executor(work: WorkId) -> Op {
    Op::RunInExecutor { on: 0, pool: 0, work, future: work }
}

pub(super) fn shutdown(wait: bool, cancel: bool) -> Op {
    Op::Shutdown { pool: 0, wait, cancel }
}

pub(super) fn new_future(future: LoopFuture) -> Op {
    Op::NewFuture { on: 0, future }
}

pub(super) fn set_loop_result(future: LoopFuture, value: Value) -> Op {
    Op::SetLoopResult { future, value }
}

pub(super) fn set_loop_exception(future: LoopFuture, exception: Raised) -> Op {
    Op::SetLoopException { future, exception }
}

pub(super) fn wrap(source: Future) -> Op {
    Op::WrapFuture { on: 0, source, future: source }
}

pub(super) fn cancel_task(task: Task) -> Op {
    Op::CancelLocal(Local::Task(task))
}

pub(super) fn on_task_done(task: Task, callback: Callback) -> Op {
    Op::OnDoneLocal { of: Local::Task(task), callback }
}

pub(super) fn on_future_done(future: LoopFuture, callback: Callback) -> Op {
    Op::OnDoneLocal { of: Local::Future(future), callback }
}

pub(super) fn task_result(task: Task) -> Op {
    Op::ResultLocal(Local::Task(task))
}

pub(super) fn future_result(future: LoopFuture) -> Op {
    Op::ResultLocal(Local::Future(future))
}

pub(super) fn recording() -> Op {
    Op::SetHandler { on: 0, handler: Handler::Recording }
}

pub(super) fn factory(factory: Factory) -> Op {
    Op::SetFactory { on: 0, factory }
}

/// One iteration, in the words that every asyncio has: a stop, and a run that it ends (S-2).
pub(super) fn turn() -> [Op; 2] {
    [Op::StopLocal(0), Op::RunForever(0)]
}

/// So many iterations.
pub(super) fn turns(count: usize) -> Vec<Op> {
    std::iter::repeat_with(turn).take(count).flatten().collect()
}

pub(super) fn run_once(sleep: Sleep) -> Op {
    Op::RunOnce { on: 0, sleep }
}

pub(super) fn run_until_complete(coroutine: Coroutine) -> Op {
    Op::RunUntilComplete { on: 0, coroutine }
}

/// Lists of operations, one after the other.
pub(super) fn all<const N: usize>(lists: [Vec<Op>; N]) -> Vec<Op> {
    lists.into_iter().flatten().collect()
}

// ---- in coroutines ----

pub(super) fn run(op: Op) -> Stmt {
    Stmt::Do(op)
}

pub(super) fn mark(number: u8) -> Stmt {
    Stmt::Do(Op::Mark(number))
}

pub(super) fn yields() -> Stmt {
    Stmt::Await(Awaited::Yield)
}

pub(super) fn sleep(units: Units) -> Stmt {
    Stmt::Await(Awaited::Sleep(units))
}

pub(super) fn await_task(task: Task) -> Stmt {
    Stmt::Await(Awaited::Task(task))
}

pub(super) fn await_local(future: LoopFuture) -> Stmt {
    Stmt::Await(Awaited::Local(future))
}

/// Waits for a task however it ends, and goes on.
pub(super) fn settle(task: Task) -> Stmt {
    catching(Catch::All, [await_task(task)], [])
}

pub(super) fn timeout(after: Units, body: impl IntoIterator<Item = Stmt>) -> Stmt {
    Stmt::Timeout { after, body: body.into_iter().collect() }
}

pub(super) fn wait_for(after: Units, what: Awaited) -> Stmt {
    Stmt::WaitFor { after, what }
}

pub(super) fn catching(
    catch: Catch,
    body: impl IntoIterator<Item = Stmt>,
    handler: impl IntoIterator<Item = Stmt>,
) -> Stmt {
    let (body, handler) = (body.into_iter().collect(), handler.into_iter().collect());
    Stmt::Try { body, catch, handler, again: false }
}

pub(super) fn finally(
    body: impl IntoIterator<Item = Stmt>,
    last: impl IntoIterator<Item = Stmt>,
) -> Stmt {
    Stmt::Finally { body: body.into_iter().collect(), last: last.into_iter().collect() }
}
