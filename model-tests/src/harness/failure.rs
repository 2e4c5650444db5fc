//! Prints an execution that failed, and ends the process.
//!
//! At the first panic that nobody announced, from the panic hook: what comes after it, unwinding in one
//! of several threads that loom runs on one stack after another, often ends in an abort.

use std::cell::{Cell, RefCell};
use std::fmt::Write as _;
use std::io::Write as _;
use std::panic::{Location, PanicHookInfo, UnwindSafe, catch_unwind};

use loopgate::checkers::model::{Interleaving, Step, interleaving};

use super::child::Line;
use super::explore::executions_begun;
use super::model::Variant;

/// The status of a process whose exploration failed.
pub(super) const EXIT_CODE: u8 = 101;

/// The last steps tell most; an endless loop has thousands.
const MOST_ROWS: usize = 200;

thread_local! {
    static ANNOUNCED: Cell<bool> = const { Cell::new(false) };
    static MESSAGE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Makes a panic print its interleaving and end the process.
pub(super) fn install(variant: Variant) {
    std::panic::set_hook(Box::new(move |panic| {
        let message = message(panic);
        if ANNOUNCED.get() {
            MESSAGE.set(Some(message));
            return;
        }
        let interleaving = interleaving();
        // On a stack of its own: loom's are small, and the report needs room.
        let reporting = std::thread::spawn(move || report(variant, interleaving, &message));
        let _ = reporting.join();
        std::process::exit(EXIT_CODE.into());
    }));
}

/// Runs code that is expected to panic; its message, or `None` if it does not.
///
/// For models of refusals. Nothing that loom can switch at may happen inside.
pub fn panics(code: impl FnOnce() + UnwindSafe) -> Option<String> {
    ANNOUNCED.set(true);
    let panicked = catch_unwind(code).is_err();
    ANNOUNCED.set(false);
    MESSAGE.take().filter(|_| panicked)
}

fn message(panic: &PanicHookInfo<'_>) -> String {
    let text = panic.payload_as_str().unwrap_or("a panic without a message");
    // These say all there is to say themselves.
    let own =
        |at: &Location<'_>| ["explore.rs", "roster.rs"].iter().any(|own| at.file().ends_with(own));
    match panic.location() {
        Some(at) if !own(at) => format!("{text}\n  at {at}"),
        _ => text.to_owned(),
    }
}

/// Tells the parent in a line and people at length.
pub(super) fn report(variant: Variant, interleaving: Option<Interleaving>, message: &str) {
    let model = variant.model;
    let mut text = format!("{}\n", variant.title());
    // Writing to a string does not fail.
    let _ = writeln!(text, "  asks     {}", model.question);
    let _ = writeln!(text, "  clauses  {}", model.clauses.join(", "));
    match interleaving {
        Some(interleaving) => text.push_str(&columns(&interleaving)),
        None => text.push('\n'),
    }
    let _ = writeln!(text, "{message}");
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
    // How many it took to find it.
    Line::Progress(executions_begun()).say();
    Line::Failed(message.to_owned()).say();
}

/// One column per thread, one row per step.
fn columns(interleaving: &Interleaving) -> String {
    let left_out = interleaving.steps.len().saturating_sub(MOST_ROWS);
    let cells: Vec<(usize, String)> =
        interleaving.steps[left_out..].iter().map(|step| (step.thread, cell(step))).collect();
    let widths: Vec<usize> = interleaving
        .threads
        .iter()
        .enumerate()
        .map(|(thread, name)| {
            let own = cells.iter().filter(|(of, _)| *of == thread);
            own.map(|(_, cell)| cell.chars().count()).chain([name.len()]).max().unwrap_or(0)
        })
        .collect();
    let mut text = String::from("\n");
    let row = |columns: &dyn Fn(usize) -> String| {
        let padded = widths.iter().enumerate().map(|(thread, width)| {
            let column = columns(thread);
            format!("{column:width$}")
        });
        format!("  {}\n", padded.collect::<Vec<_>>().join(" | ").trim_end())
    };
    text += &row(&|thread| interleaving.threads[thread].clone());
    text += &row(&|thread| "-".repeat(widths[thread]));
    if left_out > 0 {
        text += &format!("  ... {left_out} steps before\n");
    }
    for (of, cell) in &cells {
        text += &row(&|thread| if thread == *of { cell.clone() } else { String::new() });
    }
    text.push('\n');
    text
}

fn cell(step: &Step) -> String {
    let at = if step.at.is_empty() { String::new() } else { format!("({})", step.at) };
    let parts = [step.operation, &step.object, &step.value, &at];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}
