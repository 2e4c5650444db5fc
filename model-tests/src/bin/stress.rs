//! `cargo stress [ROUNDS [NAME...]]`: the bodies of the models on real threads, many times each.

use std::process::ExitCode;

#[cfg(not(any(loom, shuttle)))]
fn main() -> ExitCode {
    loopgate_model_tests::harness::stress::main(&loopgate_model_tests::models())
}

#[cfg(any(loom, shuttle))]
fn main() -> ExitCode {
    eprintln!(
        "error: an explorer has no real threads: build without its cfg, as `cargo stress` does"
    );
    ExitCode::from(2)
}
