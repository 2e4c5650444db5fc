//! `cargo campaign --minutes M`: every fuzz target in turn, and what came of it as a page.
//!
//! `options` reads the arguments, `run` builds and fuzzes, `crash` makes something of what was found, `reach` tells
//! which clauses the inputs get to, `report` writes the page. How a target is built and run is the library's
//! `fuzzing`.

mod crash;
mod options;
mod reach;
mod report;
mod run;

use std::process::ExitCode;

fn main() -> ExitCode {
    run::main()
}
