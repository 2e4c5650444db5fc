//! `cargo refine`: see the help text in the library's `refinement`.

use std::process::ExitCode;

#[cfg(shuttle)]
fn main() -> ExitCode {
    loopgate_model_tests::refinement::main()
}

/// Without the explorer nothing is explored.
#[cfg(not(shuttle))]
fn main() -> ExitCode {
    eprintln!("error: run it as `cargo refine`, whose alias in .cargo/config.toml sets the cfg");
    ExitCode::from(2)
}
