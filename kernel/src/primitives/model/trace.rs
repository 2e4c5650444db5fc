//! The steps of the execution that is running: what a failure prints.
//!
//! Recorded after the operation took effect, so the order of the record is the order of the effects.
//! It is no part of what is explored, so no step may depend on it.

use std::borrow::Cow;
use std::panic::Location;

use super::roster::me;
use super::sync::Object;
use super::with;
use crate::primitives::record::{Interleaving, Step};

/// The step of a thread that finds a lock taken.
pub(super) const BLOCKED: &str = "is blocked by";

/// The steps so far.
#[derive(Debug, Default)]
pub(super) struct Trace {
    steps: Vec<Recorded>,
    /// How each object that shows itself looked last.
    states: Vec<(Object, String)>,
}

#[derive(Debug)]
struct Recorded {
    thread: usize,
    operation: &'static str,
    object: Option<Object>,
    value: Cow<'static, str>,
    at: Option<&'static Location<'static>>,
    state: Option<String>,
    answer: bool,
}

impl Trace {
    pub(super) fn restart(&mut self) {
        self.steps.clear();
        self.states.clear();
    }

    /// The state, if it is not what the object showed last.
    fn news(&mut self, object: Object, state: String) -> Option<String> {
        match self.states.iter_mut().find(|(of, _)| *of == object) {
            Some((_, last)) if *last == state => return None,
            Some((_, last)) => last.clone_from(&state),
            None => self.states.push((object, state.clone())),
        }
        Some(state)
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

/// A lock was let go, by a drop, which does not know where it is; with what it protects, if that shows
/// itself.
pub(super) fn record_unlock(object: Object, state: Option<String>) {
    push("unlock", Some(object), Cow::Borrowed(""), None, false);
    record_state(object, state);
}

/// What the lock of the calling thread's last step protects looks like this.
pub(super) fn record_state(object: Object, state: Option<String>) {
    let Some(state) = state else { return };
    with(|run| {
        let news = run.trace.news(object, state);
        if let Some(last) = run.trace.steps.last_mut() {
            last.state = news;
        }
    });
}

fn push(
    operation: &'static str,
    object: Option<Object>,
    value: Cow<'static, str>,
    at: Option<&'static Location<'static>>,
    answer: bool,
) {
    let thread = me();
    with(|run| {
        run.trace.steps.push(Recorded {
            thread,
            operation,
            object,
            value,
            at,
            answer,
            state: None,
        });
    });
}

/// FNV-1a: the same number in every release and on every machine.
#[derive(Clone, Copy)]
struct Digest(u64);

impl Default for Digest {
    fn default() -> Digest {
        Digest(0xcbf2_9ce4_8422_2325)
    }
}

impl Digest {
    /// Adds a piece, and that it ends.
    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes.iter().chain(&[0xff]) {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
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

/// What each thread did and saw, in its own order, as one number. Which thread was faster where it made no
/// difference is left out, so it is the same for all interleavings that amount to the same.
#[must_use]
pub fn history() -> u64 {
    with(|run| {
        let mut threads = vec![Digest::default(); run.roster.len()];
        // Whether a lock was free at once is the one thing in the record that is no part of what a
        // thread can see.
        for step in run.trace.steps.iter().filter(|step| step.operation != BLOCKED) {
            let Recorded { operation, value, state, .. } = step;
            for text in [operation, &**value, state.as_deref().unwrap_or_default()] {
                threads[step.thread].add(text.as_bytes());
            }
        }
        let of_thread = |(seat, digest): (usize, Digest)| (run.roster.descent(seat), digest.0);
        let mut threads: Vec<(u32, u64)> = threads.into_iter().enumerate().map(of_thread).collect();
        threads.sort_unstable();
        let mut all = Digest::default();
        for (descent, digest) in threads {
            all.add(&descent.to_le_bytes());
            all.add(&digest.to_le_bytes());
        }
        all.0
    })
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
            state: recorded.state.clone(),
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
