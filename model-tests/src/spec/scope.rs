//! What leaves a scope: clauses O-1, O-2, O-4 and O-5.
//!
//! How a coroutine's statements hand each other their end ([`Flow`]), and what a `timeout` or `wait_for`
//! makes of it. Where the cancels inside come from is in [`awaiting`](super::awaiting).

use super::awaiting::Scope;
use super::concurrent::Out;
use super::program::{Catch, Value};
use super::word::{Cause, Word};

/// How a statement, or what it awaits, has ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Flow {
    /// Normally: the next statement is done.
    Next,
    /// An awaitable has yielded this.
    Yields(Word),
    /// The coroutine ends with a value.
    Return(Value),
    /// It raises.
    Raise(Cause),
    /// It panics: nothing of it is done any more.
    Panic(Cause),
}

impl Flow {
    /// What awaiting something that has ended comes to.
    #[must_use]
    pub fn of(out: Out) -> Flow {
        match out {
            Out::Value(value) => Flow::Yields(Word::Value(value)),
            Out::Exception(cause) => Flow::Raise(cause),
            Out::Cancelled => Flow::Raise(Cause::Cancelled),
        }
    }
}

/// What leaves a scope: its own cancel becomes its error, and nothing else does.
#[must_use]
pub fn leave(scope: Scope, flow: Flow) -> Flow {
    match flow {
        Flow::Raise(Cause::Cancelled) if scope.expired && !scope.foreign => {
            Flow::Raise(Cause::Timeout)
        }
        flow => flow,
    }
}

/// What leaves a `wait_for` around something that goes on by itself, and now stands like this.
#[must_use]
pub fn in_time(flow: Flow, out: Option<Out>) -> Flow {
    match (flow, out) {
        (Flow::Raise(Cause::Timeout), Some(out)) if out != Out::Cancelled => Flow::of(out),
        (flow, _) => flow,
    }
}

/// Whether a statement that catches such things catches this.
#[must_use]
pub fn catches(catch: Catch, cause: Cause) -> bool {
    match catch {
        Catch::Cancelled => cause == Cause::Cancelled,
        Catch::Timeout => cause == Cause::Timeout,
        Catch::Exception => !matches!(cause, Cause::Cancelled | Cause::Exit(_)),
        Catch::All => true,
    }
}
