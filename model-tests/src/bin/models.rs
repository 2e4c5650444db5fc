//! `cargo models`: see the help text in the harness's `cli`.

use std::process::ExitCode;

#[cfg(any(loom, shuttle))]
fn main() -> ExitCode {
    let mut models = loopgate_model_tests::models();
    if cfg!(shuttle) {
        models.extend(loopgate_model_tests::wide());
    }
    loopgate_model_tests::harness::cli::main(&models)
}

/// Without loom there is nothing to explore, and a run that explores nothing must not look like success.
#[cfg(not(any(loom, shuttle)))]
fn main() -> ExitCode {
    eprintln!(
        "error: this binary was built without `--cfg loom`, so it has no models.\n\
         Run it as `cargo models`, whose alias in .cargo/config.toml sets the cfg.\n\
         If you did: a RUSTFLAGS variable in the environment overrides the alias without a word.\n\
         Unset it, or add the cfg to it: RUSTFLAGS=\"$RUSTFLAGS --cfg loom\" cargo models"
    );
    ExitCode::from(2)
}
