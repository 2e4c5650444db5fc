//! `cargo models` and `cargo agree`: see the help text in the harness's `arguments`.

use std::process::ExitCode;

#[cfg(any(loom, shuttle))]
fn main() -> ExitCode {
    loopgate_model_tests::harness::cli::main(&loopgate_model_tests::models())
}

/// Without an explorer nothing is explored, and a run that explores nothing must not look like success.
#[cfg(not(any(loom, shuttle)))]
fn main() -> ExitCode {
    eprintln!(
        "error: this binary was built without `--cfg loom` and without `--cfg shuttle`, so it explores \
         nothing.\n\
         Run it as `cargo models` or `cargo agree`, whose aliases in .cargo/config.toml set the cfg.\n\
         If you did: a RUSTFLAGS variable in the environment overrides the alias without a word.\n\
         Unset it, or add the cfg to it: RUSTFLAGS=\"$RUSTFLAGS --cfg loom\" cargo models"
    );
    ExitCode::from(2)
}
