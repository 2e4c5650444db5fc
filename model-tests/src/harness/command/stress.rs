//! Runs the bodies of models on real threads, many times over.
//!
//! Nothing is explored: which interleavings come up is up to the machine. What is checked is that the
//! bodies hold on the real side of the switch too, with its real locks, pipe and poll, and that nothing
//! happens there that the model does not allow. An outcome that does not come up is no failure.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::harness::model::Model;
use crate::harness::report::figures::grouped;

/// A round that takes longer than this hangs: none takes more than milliseconds.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs a body so many times; how often each outcome came up.
///
/// # Errors
/// What went wrong: an assertion of the body, an outcome that the model does not allow, or a hang.
pub fn stress(model: &'static Model, rounds: usize) -> Result<BTreeMap<String, usize>, String> {
    let outcomes = Arc::new(Mutex::new(BTreeMap::new()));
    let done = Arc::new(AtomicUsize::new(0));
    let (own_outcomes, own_done) = (Arc::clone(&outcomes), Arc::clone(&done));
    let runner = std::thread::Builder::new().name(model.name.into()).spawn(move || {
        for _ in 0..rounds {
            let outcome = (model.body)();
            (model.at_end)();
            let allowed = outcome == NOT_OBSERVED || model.outcomes.contains(&&*outcome);
            assert!(allowed, "outcome not allowed: {outcome}");
            let mut outcomes = own_outcomes.lock().unwrap_or_else(PoisonError::into_inner);
            *outcomes.entry(outcome.into_owned()).or_insert(0) += 1;
            own_done.fetch_add(1, Ordering::Relaxed);
        }
    });
    let runner = runner.map_err(|error| format!("no thread to run it: {error}"))?;
    wait(&runner, &done).map_err(|round| format!("it hangs in round {round}"))?;
    runner.join().map_err(|panic| message(&*panic))?;
    let outcomes = outcomes.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(outcomes.clone())
}

/// What a body says that can only be told from the record, natively.
pub(crate) const NOT_OBSERVED: &str = "not observed";

/// How often each body runs if nothing is said.
const ROUNDS: usize = 3_000;

/// Runs the command on the arguments of this process.
#[must_use]
pub fn main(models: &[&'static Model]) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match choose(models, &arguments) {
        Ok((rounds, chosen)) => run(&chosen, rounds),
        Err(message) => {
            eprintln!("error: {message}\nusage: cargo stress [ROUNDS [NAME...]]");
            ExitCode::from(2)
        }
    }
}

fn choose(
    models: &[&'static Model],
    arguments: &[String],
) -> Result<(usize, Vec<&'static Model>), String> {
    let Some((rounds, names)) = arguments.split_first() else {
        return Ok((ROUNDS, models.to_vec()));
    };
    let rounds = rounds.parse().ok().filter(|rounds| *rounds > 0);
    let rounds = rounds.ok_or("ROUNDS is how often each body is to run: a number, one or more")?;
    let find = |name: &String| {
        let found = models.iter().copied().find(|model| model.name == name);
        found.ok_or_else(|| format!("there is no model `{name}` that runs on real threads"))
    };
    let chosen: Vec<_> = names.iter().map(find).collect::<Result<_, _>>()?;
    Ok((rounds, if chosen.is_empty() { models.to_vec() } else { chosen }))
}

fn run(models: &[&'static Model], rounds: usize) -> ExitCode {
    let mut failures = 0;
    for model in models {
        match stress(model, rounds) {
            Ok(outcomes) => {
                let outcomes: Vec<String> = outcomes
                    .iter()
                    .map(|(outcome, count)| format!("{outcome} {}", grouped(*count as u64)))
                    .collect();
                println!("ok      {:50} {}", model.name, outcomes.join(", "));
            }
            Err(why) => {
                failures += 1;
                println!("FAILED  {:50} {why}", model.name);
            }
        }
    }
    println!("{} models, {rounds} rounds each; {failures} failed", models.len());
    if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Waits as long as there is progress; else the number of the round that makes none.
fn wait(runner: &std::thread::JoinHandle<()>, done: &AtomicUsize) -> Result<(), usize> {
    let tick = Duration::from_millis(5);
    let (mut last, mut idle) = (0, Duration::ZERO);
    while !runner.is_finished() {
        std::thread::sleep(tick);
        let now = done.load(Ordering::Relaxed);
        idle = if now == last { idle + tick } else { Duration::ZERO };
        last = now;
        if idle > PATIENCE {
            return Err(now + 1);
        }
    }
    Ok(())
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked").to_owned()
}
