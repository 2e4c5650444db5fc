//! The models as tests: one each, with its controls and its row in the ledger.
//!
//! `cargo test` and `cargo nextest run` list, filter and split them like any others. They exist only
//! under `cfg(loom)`; the aliases `models-test` and `models-nextest` set it.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial, run};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    match trials() {
        Ok(trials) => run(&arguments, trials).exit_code(),
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::from(2)
        }
    }
}

#[cfg(loom)]
fn trials() -> Result<Vec<Trial>, String> {
    use std::path::Path;

    use loopgate_model_tests::harness::suite;

    let class = suite::class()?;
    let program = Path::new(env!("CARGO_BIN_EXE_models"));
    let models = loopgate_model_tests::models();
    let test = |model: &&'static loopgate_model_tests::harness::Model| {
        let model = *model;
        Trial::test(model.name, move || Ok(suite::test(model, class, program)?))
    };
    let mut trials: Vec<Trial> = models.iter().map(test).collect();
    trials.push(Trial::test("ledger", move || Ok(suite::test_ledger(&models)?)));
    Ok(trials)
}

/// Without loom there is nothing to explore.
#[cfg(not(loom))]
fn trials() -> Result<Vec<Trial>, String> {
    Ok(Vec::new())
}
