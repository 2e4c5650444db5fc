//! Figures that take long, or rights that not everybody has: only when the command line asks for them.

mod models;
mod sizes;
#[cfg(target_os = "linux")]
mod system_calls;

use std::path::Path;
use std::process::Command;

use crate::machine::{self, Placement};
use crate::request::Request;
use crate::rows::Row;

/// What was asked for, and what is to be said about it below the table.
pub(crate) fn rows(request: &Request) -> (Vec<Row>, Vec<String>) {
    type Measure = fn(&Request) -> Result<Vec<Row>, String>;
    let all: [(bool, &str, Measure, &str); 3] = [
        (
            request.system_calls,
            "W2 wakes",
            system_calls::rows,
            "beyond those of one item a producer",
        ),
        (request.sizes, "W9 minimal program", |_| sizes::rows(), "a release, stripped, no LTO"),
        (
            request.models,
            "W10",
            |_| models::rows(),
            "the quick class; the rate is that of one process",
        ),
    ];
    let (mut rows, mut notes) = (Vec::new(), Vec::new());
    // What cargo runs inherits it.
    machine::pin(Placement::Free);
    for (_, name, measure, note) in all.into_iter().filter(|(asked, ..)| *asked) {
        eprintln!("        {name}");
        match measure(request) {
            Ok(measured) => {
                rows.extend(measured);
                notes.push(format!("{name}: {note}."));
            }
            Err(error) => {
                let note = format!("{name} IS NOT MEASURED: {error}");
                eprintln!("{note}");
                notes.push(note);
            }
        }
    }
    (rows, notes)
}

#[cfg(not(target_os = "linux"))]
mod system_calls {
    pub(crate) fn rows(_: &super::Request) -> Result<Vec<super::Row>, String> {
        Err(String::from("only Linux counts them for us"))
    }
}

/// The cargo that runs the benches, where folders for what it builds are seen from.
fn cargo() -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    command
}
