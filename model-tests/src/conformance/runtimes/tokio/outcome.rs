//! What tasks, works and channels come to, and what it is called.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind, set_hook};
use std::sync::{Arc, Mutex, PoisonError};

use ::tokio::sync::oneshot::Receiver;
use ::tokio::task::{AbortHandle, JoinError, JoinHandle};
use futures::FutureExt as _;
use futures::executor::block_on;
use futures::future::{BoxFuture, Shared};

use crate::spec::{Cause, Word};

/// What programs raise. It cannot be cloned, and there is one for each number: who has the number has the object.
pub(super) struct Raised(pub(super) u8);

/// What a coroutine returns instead of a value.
#[derive(Clone)]
pub(super) enum Error {
    Raised(Arc<Raised>),
    /// Something that it awaited was cancelled.
    Cancelled,
    /// `Elapsed`.
    Timeout,
    /// `RecvError`.
    BrokenPromise,
}

pub(super) type Ended = Result<u8, Error>;

impl Error {
    pub(super) fn cause(&self) -> Cause {
        match self {
            Error::Raised(raised) => Cause::Raised(raised.0),
            Error::Cancelled => Cause::Cancelled,
            Error::Timeout => Cause::Timeout,
            Error::BrokenPromise => Cause::BrokenPromise,
        }
    }
}

/// What is to be had from a `JoinHandle` or a channel.
#[derive(Clone)]
pub(super) enum Outcome {
    Ended(Ended),
    /// The task was aborted, or went with its runtime: tokio does not tell which.
    Cancelled,
}

impl Outcome {
    pub(super) fn ended(self) -> Ended {
        match self {
            Outcome::Ended(ended) => ended,
            Outcome::Cancelled => Err(Error::Cancelled),
        }
    }

    pub(super) fn word(self) -> Word {
        self.ended().map_or_else(|error| Word::Error(error.cause()), Word::Value)
    }

    fn of_task(joined: Result<Ended, JoinError>) -> Outcome {
        match joined.map_err(JoinError::try_into_panic) {
            Ok(ended) => Outcome::Ended(ended),
            Err(Ok(payload)) => Outcome::Ended(Err(raised(payload))),
            Err(Err(_)) => Outcome::Cancelled,
        }
    }
}

/// What a panic carries.
fn raised(payload: Box<dyn Any + Send>) -> Error {
    match payload.downcast::<Arc<Raised>>() {
        Ok(raised) => Error::Raised(*raised),
        Err(payload) => resume_unwind(payload),
    }
}

/// Something that has an outcome, or will have one.
#[derive(Clone)]
pub(super) struct Joint {
    pub(super) outcome: Shared<BoxFuture<'static, Outcome>>,
    task: Option<AbortHandle>,
}

impl Joint {
    pub(super) fn of_task(join: JoinHandle<Ended>) -> Joint {
        let task = Some(join.abort_handle());
        Joint { outcome: join.map(Outcome::of_task).boxed().shared(), task }
    }

    pub(super) fn of_channel(receiver: Receiver<Ended>) -> Joint {
        let ended = receiver.map(|sent| sent.unwrap_or(Err(Error::BrokenPromise)));
        Joint { outcome: ended.map(Outcome::Ended).boxed().shared(), task: None }
    }

    /// The outcome, if there is one.
    pub(super) fn now(&self) -> Option<Outcome> {
        match &self.task {
            // Another thread may be looking, and who comes second would be told to come again.
            Some(task) => task.is_finished().then(|| block_on(self.outcome.clone())),
            // A channel has no such flag. No vector asks of one that another thread waits for.
            None => self.outcome.clone().now_or_never(),
        }
    }

    pub(super) fn cancelled(&self) -> bool {
        matches!(self.now(), Some(Outcome::Cancelled))
    }

    pub(super) fn abort(&self) {
        self.task.as_ref().expect("it is a task, or `beyond` would know").abort();
    }
}

/// How tokio refuses.
const REFUSALS: [&str; 3] = [
    "Cannot start a runtime from within a runtime",
    "Cannot drop a runtime in a context where blocking is not allowed",
    "Max blocking threads cannot be set to 0",
];

/// What was refused. It is the caller who panics, so it is the caller who may catch that.
pub(super) struct Refused;

pub(super) fn attempt<T>(what: impl FnOnce() -> T) -> Result<T, Refused> {
    catch_unwind(AssertUnwindSafe(what)).map_err(|payload| match message(&*payload) {
        Some(text) if refuses(text) => Refused,
        _ => resume_unwind(payload),
    })
}

fn refuses(text: &str) -> bool {
    REFUSALS.iter().any(|refusal| text.starts_with(refusal))
}

fn message(payload: &(dyn Any + Send)) -> Option<&str> {
    let text = payload.downcast_ref::<String>().map(|text| &**text);
    text.or_else(|| payload.downcast_ref::<&str>().copied())
}

/// The first panic that was none of the program's and no refusal: of this driver, which a task would swallow.
static HEARD: Mutex<Option<String>> = Mutex::new(None);

/// From now on panics are not printed, but [`heard`].
pub(super) fn hear_panics() {
    set_hook(Box::new(|info| {
        // Panics of programs do not come by here: they resume unwinding.
        if !message(info.payload()).is_some_and(refuses) {
            let mut heard = HEARD.lock().unwrap_or_else(PoisonError::into_inner);
            heard.get_or_insert_with(|| info.to_string());
        }
    }));
}

pub(super) fn heard() -> Option<String> {
    HEARD.lock().unwrap_or_else(PoisonError::into_inner).take()
}
