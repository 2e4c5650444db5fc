//! Catches an execution that fails, tells the parent, and ends the process.
//!
//! At the first panic that nobody announced, from the panic hook: what comes after it, unwinding in one
//! of several threads that an explorer runs on one stack after another, often ends in an abort.

use std::cell::{Cell, RefCell};
use std::panic::{Location, PanicHookInfo, UnwindSafe, catch_unwind};

use loopgate::checkers::model;
use serde::{Deserialize, Serialize};

use crate::harness::explore::child::Line;
use crate::harness::explore::execution::{Position, position};
use crate::harness::report::interleaving::{Interleaving, Step};

/// The status of a process whose exploration failed.
pub(crate) const EXIT_CODE: u8 = 101;

/// Why an exploration failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failure {
    pub(crate) message: String,
    /// The execution that failed; `None` if it is none in particular.
    pub(crate) interleaving: Option<Interleaving>,
    pub(crate) position: Option<Position>,
}

thread_local! {
    static ANNOUNCED: Cell<bool> = const { Cell::new(false) };
    static MESSAGE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Makes a panic tell its interleaving and end the process.
pub(crate) fn install() {
    std::panic::set_hook(Box::new(move |panic| {
        let message = message(panic);
        if ANNOUNCED.get() {
            MESSAGE.set(Some(message));
            return;
        }
        let position = Some(position());
        let interleaving = model::interleaving();
        // On a stack of its own: an explorer's are small, and the report needs room.
        let reporting = std::thread::spawn(move || {
            let interleaving = interleaving.map(Interleaving::from);
            Line::Failed(Failure { message, interleaving, position }).say();
        });
        let _ = reporting.join();
        std::process::exit(EXIT_CODE.into());
    }));
}

/// Runs code that is expected to panic; its message, or `None` if it does not.
///
/// For models of refusals. Nothing that the explorer can switch at may happen inside.
pub fn panics(code: impl FnOnce() + UnwindSafe) -> Option<String> {
    ANNOUNCED.set(true);
    let panicked = catch_unwind(code).is_err();
    ANNOUNCED.set(false);
    MESSAGE.take().filter(|_| panicked)
}

fn message(panic: &PanicHookInfo<'_>) -> String {
    let text = panic.payload_as_str().unwrap_or("a panic without a message");
    // These say all there is to say themselves.
    let own = |at: &Location<'_>| {
        ["execution.rs", "first.rs", "second.rs", "roster.rs"]
            .iter()
            .any(|own| at.file().ends_with(own))
    };
    match panic.location() {
        Some(at) if !own(at) => format!("{text}\n  at {at}"),
        _ => text.to_owned(),
    }
}

impl From<model::Interleaving> for Interleaving {
    fn from(recorded: model::Interleaving) -> Interleaving {
        let steps = recorded.steps.into_iter().map(|step| Step {
            thread: step.thread,
            operation: step.operation.into(),
            object: step.object,
            value: step.value,
            at: step.at,
            answer: step.answer,
            state: step.state,
        });
        Interleaving { threads: recorded.threads, steps: steps.collect() }
    }
}
