//! The models as tests, one each: on real threads or, under `cfg(loom)`, explored.
//!
//! `cargo test` and `cargo nextest run` list, filter and split them like any others. The aliases
//! `models-test` and `models-nextest` set the cfg; a model is then explored with its controls and compared
//! with its row in the ledger. Without it the model's body runs a number of times on real threads.

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

/// Each body on real threads, as often as a test has time for; `cargo stress` has more.
#[cfg(not(any(loom, shuttle)))]
fn trials() -> Result<Vec<Trial>, String> {
    use loopgate_model_tests::harness::stress::stress;

    let test = |model: &&'static loopgate_model_tests::harness::Model| {
        let model = *model;
        Trial::test(model.name, move || Ok(drop(stress(model, 50)?)))
    };
    Ok(loopgate_model_tests::models().iter().map(test).collect())
}

/// `cargo agree` compares the second explorer with what the first one recorded.
#[cfg(shuttle)]
fn trials() -> Result<Vec<Trial>, String> {
    Err("these tests are for loom and for real threads; the second explorer is `cargo agree`"
        .into())
}
