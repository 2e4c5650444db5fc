//! The models as tests, for runners that list, filter and split tests.

use std::path::Path;

use crate::harness::books::accept;
use crate::harness::books::class::Class;
use crate::harness::books::ledger::Ledger;
use crate::harness::command::cli::mistakes_of_all;
use crate::harness::command::run::{Options, run};
use crate::harness::model::Model;

/// The variable that names the class; quick if it is not set.
const CLASS: &str = "LOOPGATE_MODELS_CLASS";

/// The class to be tested.
///
/// # Errors
/// The variable `LOOPGATE_MODELS_CLASS` names no class.
pub fn class() -> Result<Class, String> {
    match std::env::var(CLASS) {
        Ok(name) => name.parse().map_err(|error| format!("{CLASS}: {error}")),
        Err(_) => Ok(Class::default()),
    }
}

/// Runs one model and its controls, and compares with the ledger; the children are of `program`.
///
/// # Errors
/// The reports of what went wrong.
pub fn test(model: &'static Model, class: Class, program: &Path) -> Result<(), String> {
    let mistakes = mistakes_of_all(&[model]);
    if !mistakes.is_empty() {
        return Err(mistakes.join("\n"));
    }
    let ledger = Ledger::load()?;
    let options = Options { quiet: true, ..Options::of(program.into(), class) };
    let mut verdicts = run(&[model], &options);
    accept::compare(&mut verdicts, &ledger);
    let failures: Vec<String> = verdicts.into_iter().flat_map(|verdict| verdict.failures).collect();
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n")) }
}

/// The names in the ledger are exactly those of the models.
///
/// # Errors
/// Which are not.
pub fn test_ledger(models: &[&'static Model]) -> Result<(), String> {
    let mistakes = mistakes_of_all(models);
    let ledger = Ledger::load()?;
    let stale = ledger.names().filter(|name| !models.iter().any(|model| model.name == *name));
    let stale = stale.map(|name| format!("the ledger has a row for `{name}`, which is no model"));
    let wrong: Vec<String> = mistakes.into_iter().chain(stale).collect();
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}
