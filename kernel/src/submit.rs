//! Work that crosses threads, each way a few lines over `chain`.
//!
//! Clauses U-1 to U-5. A submission is posted as its coroutine, or what builds that, with the promise of its result: it
//! begins, or is dropped when the loop closes, and a dropped promise finishes its future. So whatever becomes
//! of the loop, an accepted submission ends. What is posted is pinned, and the task is made of it as it is.

use std::fmt;
use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::chain;
use crate::concurrent::{self, ConcurrentFuture, Doer, Promise};
use crate::core::{DefaultExecutor, LoopCore};
use crate::exception::{Exception, ExceptionContext, LoopClosed, Outcome};
use crate::executor::{Executor, SubmitError, ThreadPoolExecutor, Work};
use crate::future::LoopFuture;
use crate::handle::{ArcCall, SharedCall};
use crate::primitives::{Arc, Time};
use crate::task::{self, Task};
use crate::wakeup::{Begin, Gate, Posted, Refused};

/// Why a loop did not take what another thread handed it. Nothing was queued.
#[derive(Debug)]
#[non_exhaustive]
pub enum PostError {
    /// The loop is closed; make a new one.
    LoopClosed,
    /// The loop sleeps and could not be woken; the work was withdrawn (clause W-7).
    WakeFailed(io::Error),
}

impl fmt::Display for PostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PostError::LoopClosed => LoopClosed.fmt(f),
            PostError::WakeFailed(error) => {
                write!(f, "the event loop cannot be woken, the work was withdrawn: {error}")
            }
        }
    }
}

impl std::error::Error for PostError {}

/// Posts a callback; refused it is dropped before this returns.
pub(crate) fn post(gate: &Gate, posted: Posted) -> Result<(), PostError> {
    gate.post(posted).map_err(|Refused { posted, wake_error }| {
        drop(posted);
        wake_error.map_or(PostError::LoopClosed, PostError::WakeFailed)
    })
}

/// Posts a callback to be called now, or at a moment.
pub(crate) fn post_call(
    gate: &Gate,
    when: Option<Time>,
    callback: impl FnOnce() + Send + 'static,
) -> Result<ArcCall, PostError> {
    let call = SharedCall::erased(callback);
    let posted = match when {
        None => Posted::Call(Arc::clone(&call)),
        Some(when) => Posted::Timer(Box::new((when, Arc::clone(&call)))),
    };
    post(gate, posted)?;
    Ok(call)
}

//= SPEC.md#u-1
//# `run_coroutine_threadsafe` MUST return a future that ends in a final state whatever becomes of
//# the loop, if the submission was accepted.
//= SPEC.md#u-2
//# Submitting to a closed loop MUST be refused in the submitting thread, and the coroutine MUST be
//# dropped unrun.
/// Has the loop make a task of a coroutine, and chain that to the returned future.
pub(crate) fn run_coroutine_threadsafe<T, F>(
    gate: &Arc<Gate>,
    coroutine: F,
) -> Result<ConcurrentFuture<T>, PostError>
where
    T: Clone + Send + 'static,
    F: Future<Output = Result<T, Exception>> + Send + 'static,
{
    let (promise, future) = pair(gate);
    post(gate, Posted::Begin(Box::pin(Submission { coroutine, promise: Some(promise) })))?;
    Ok(future)
}

//= SPEC.md#u-3
//# A coroutine that is not `Send` MUST be submittable as a `Send` closure that builds it on the
//# loop thread.
/// The same for a coroutine that the loop has to build first.
pub(crate) fn run_coroutine_threadsafe_with<T, F>(
    gate: &Arc<Gate>,
    build: impl FnOnce() -> F + Send + 'static,
) -> Result<ConcurrentFuture<T>, PostError>
where
    T: Clone + Send + 'static,
    F: Future<Output = Result<T, Exception>> + 'static,
{
    let (promise, future) = pair(gate);
    post(gate, Posted::Begin(Box::pin(ToBeBuilt { build, promise })))?;
    Ok(future)
}

//= SPEC.md#c-8
//# Closing a loop MUST finish every accepted submission that is not done, with an error that
//# says the loop was closed; an outcome that the task had already reached MUST be delivered.
fn pair<T>(gate: &Arc<Gate>) -> (Promise<T>, ConcurrentFuture<T>) {
    concurrent::pair_for(Doer::Thread(gate.owner()), || LoopClosed.into(), gate.patience())
}

pin_project! {
    /// A coroutine on its way to the loop, which the task is then made of as it is.
    struct Submission<F, T> {
        #[pin]
        coroutine: F,
        // `None` once the task has it.
        promise: Option<Promise<T>>,
    }
}

impl<F: Future, T> Future for Submission<F, T> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.project().coroutine.poll(cx)
    }
}

impl<F, T> Begin for Submission<F, T>
where
    T: Clone + Send + 'static,
    F: Future<Output = Result<T, Exception>> + Send + 'static,
{
    fn begin(mut self: Pin<Box<Self>>) {
        if let Some(promise) = self.as_mut().project().promise.take() {
            chain_to(promise, |core| task::create_task(core, self));
        }
    }
}

/// What builds a coroutine, on its way to the loop.
struct ToBeBuilt<B, T> {
    build: B,
    promise: Promise<T>,
}

/// Nothing of it is polled.
impl<B, T> Unpin for ToBeBuilt<B, T> {}

impl<B, F, T> Begin for ToBeBuilt<B, T>
where
    T: Clone + Send + 'static,
    F: Future<Output = Result<T, Exception>> + 'static,
    B: FnOnce() -> F + Send,
{
    fn begin(self: Pin<Box<Self>>) {
        let ToBeBuilt { build, promise } = *Pin::into_inner(self);
        let built = catch_unwind(AssertUnwindSafe(build)).map_err(Exception::from_panic);
        chain_to(promise, |core| task::create_task(core, Box::pin(built?)));
    }
}

/// Makes the submission's task, or tells why there is none.
fn chain_to<T: Clone + Send + 'static>(
    promise: Promise<T>,
    make: impl FnOnce(&Rc<LoopCore>) -> Result<Task<T>, Exception>,
) {
    let Some(core) = LoopCore::current() else { return };
    match make(&core) {
        Ok(task) => task.chain_to(promise),
        //= SPEC.md#t-15
        //# When a factory fails for a submission, the submitter's future and the exception handler
        //# MUST get the same exception object, the handler exactly once.
        //= SPEC.md#t-16
        //# When a factory fails for a submission that was already cancelled, only the exception
        //# handler MUST get the exception.
        Err(exception) => {
            // The submitter first: an exit request that follows must not strand it.
            let _ = promise.settle(Outcome::Exception(exception.clone()));
            let handler = core.queue.handler();
            if exception.exit_request().is_some() {
                return handler.request_exit(exception);
            }
            let message = "a submitted coroutine could not be made into a task";
            handler.report(&ExceptionContext::new(message, Some(exception)));
        }
    }
}

//= SPEC.md#u-4
//# `run_in_executor` MUST return its errors at the call, and otherwise a loop future of the work's
//# outcome.
//= SPEC.md#u-5
//# A loop future MUST observe the completion of work after every post that the working thread made
//# before.
/// Runs `function` elsewhere and gives a loop future of its result.
pub(crate) fn run_in_executor<T>(
    core: &Rc<LoopCore>,
    executor: Option<&dyn Executor>,
    function: impl FnOnce() -> Result<T, Exception> + Send + 'static,
) -> Result<LoopFuture<T>, SubmitError>
where
    T: Clone + Send + 'static,
{
    chain::work_to_loop(core, core.clock().hold(), |notice| {
        let (work, future) = Work::with_notice(function, notice);
        match executor {
            Some(executor) => executor.execute(work)?,
            None => default_executor(core)?.execute(work)?,
        }
        Ok(future)
    })
}

fn default_executor(core: &LoopCore) -> Result<Arc<dyn Executor>, SubmitError> {
    let mut slot = core.executor.borrow_mut();
    match &*slot {
        DefaultExecutor::Custom(executor) => Ok(Arc::clone(executor)),
        DefaultExecutor::Pool(pool) => Ok(Arc::clone(pool) as Arc<dyn Executor>),
        DefaultExecutor::ShutDown => Err(SubmitError::ShutDown),
        DefaultExecutor::Unset => {
            let pool = ThreadPoolExecutor::new().expect("the default size is not zero");
            let pool = Arc::new(pool);
            *slot = DefaultExecutor::Pool(Arc::clone(&pool));
            Ok(pool)
        }
    }
}
