//! The steps of the execution that is running: what a failure prints.
//!
//! Recorded after the operation took effect, so the order of the record is the order of the effects.
//! It is no part of what is explored, so no step may depend on it.

use std::borrow::Cow;
use std::panic::Location;

use super::roster::me;
use super::sync::Object;
use super::with;

/// The steps so far.
#[derive(Debug, Default)]
pub(super) struct Trace {
    steps: Vec<Recorded>,
}

#[derive(Debug)]
struct Recorded {
    thread: usize,
    operation: &'static str,
    object: Option<Object>,
    value: Cow<'static, str>,
    at: Option<&'static Location<'static>>,
    answer: bool,
}

/// One visible step of one thread.
#[derive(Clone, Debug)]
pub struct Step {
    /// Index into [`Interleaving::threads`].
    pub thread: usize,
    /// What was done.
    pub operation: &'static str,
    /// To what: a type's name and a number within the execution; empty if to nothing.
    pub object: String,
    /// The value read or written, or the outcome; may be empty.
    pub value: String,
    /// The caller's `file.rs:line`; empty if it is not known.
    pub at: String,
    /// Nothing that the thread did, but the unusual answer to a question.
    pub answer: bool,
    /// What the object is after the step, if the step changed it and its type says so.
    pub state: Option<String>,
}

/// An execution, as far as it went.
#[derive(Clone, Debug)]
pub struct Interleaving {
    /// The names of the threads, the main thread first.
    pub threads: Vec<String>,
    /// What they did, in order.
    pub steps: Vec<Step>,
}

impl Trace {
    pub(super) fn restart(&mut self) {
        self.steps.clear();
    }
}

pub(super) fn record(
    operation: &'static str,
    object: Option<Object>,
    value: impl Into<Cow<'static, str>>,
    at: &'static Location<'static>,
) {
    push(operation, object, value.into(), Some(at), false);
}

/// A question was answered in the unusual way.
pub(super) fn record_answer(outcome: &'static str, at: &'static Location<'static>) {
    push(outcome, None, Cow::Borrowed(""), Some(at), true);
}

/// A step that is not at one place of the source.
pub(super) fn record_anywhere(operation: &'static str, value: impl Into<Cow<'static, str>>) {
    push(operation, None, value.into(), None, false);
}

/// A lock was let go, by a drop, which does not know where it is.
pub(super) fn record_unlock(object: Object) {
    push("unlock", Some(object), Cow::Borrowed(""), None, false);
}

fn push(
    operation: &'static str,
    object: Option<Object>,
    value: Cow<'static, str>,
    at: Option<&'static Location<'static>>,
    answer: bool,
) {
    let thread = me();
    with(|run| run.trace.steps.push(Recorded { thread, operation, object, value, at, answer }));
}

/// Adds a remark of the model's to the record of the calling thread.
#[track_caller]
pub fn note(text: impl Into<Cow<'static, str>>) {
    record("note:", None, text, Location::caller());
}

/// Adds what came of the execution to the record of the calling thread.
pub fn conclude(outcome: impl Into<Cow<'static, str>>) {
    record_anywhere("ends with:", outcome);
}

/// The execution so far; `None` if it cannot be looked at just now.
///
/// May be called by a panic hook. A model may count steps once its threads are joined, but not compare
/// steps of different threads: loom leaves out orders that make no difference to the program.
#[must_use]
pub fn interleaving() -> Option<Interleaving> {
    super::RUN.with(|run| {
        let run = run.try_borrow().ok()?;
        let steps = run.trace.steps.iter().map(|recorded| Step {
            thread: recorded.thread,
            operation: recorded.operation,
            object: recorded
                .object
                .map_or_else(String::new, |object| run.roster.object_name(object)),
            value: recorded.value.clone().into_owned(),
            at: recorded.at.map_or_else(String::new, short),
            answer: recorded.answer,
            state: None,
        });
        Some(Interleaving { threads: run.roster.names(), steps: steps.collect() })
    })
}

/// How many steps the execution has so far, and how often the next one was another thread's.
#[must_use]
pub fn measure() -> (usize, usize) {
    with(|run| {
        let steps = &run.trace.steps;
        let switches = steps.windows(2).filter(|pair| pair[0].thread != pair[1].thread).count();
        (steps.len(), switches)
    })
}

/// The file's name, with its folder where the name alone says nothing, and the line.
fn short(at: &'static Location<'static>) -> String {
    let mut parts = at.file().rsplit('/');
    let file = parts.next().unwrap_or_default();
    match parts.next() {
        Some(folder) if file == "mod.rs" || file == "lib.rs" => {
            format!("{folder}/{file}:{}", at.line())
        }
        _ => format!("{file}:{}", at.line()),
    }
}
