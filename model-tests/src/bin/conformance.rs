//! `cargo conformance`: measures runtimes against SPEC.md.

use std::process::ExitCode;

#[cfg(not(any(loom, shuttle)))]
fn main() -> ExitCode {
    loopgate_model_tests::conformance::command::main()
}

#[cfg(any(loom, shuttle))]
fn main() -> ExitCode {
    eprintln!(
        "error: runtimes are measured on real threads: build without an explorer's cfg, as `cargo \
         conformance` does"
    );
    ExitCode::from(2)
}
