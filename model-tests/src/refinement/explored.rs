//! The command: runs every program of the families on the kernel, through all its interleavings.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use loopgate::Clock;
use loopgate::checkers::model::Environment;

use super::families::{Cut, Family, families};
use crate::driver;
use crate::harness::every_outcome;
use crate::spec::{NoOutcomes, Outcome, Program, outcomes, outcomes_with};

const HELP: &str = "\
cargo refine [--full] [WORD]

Runs every program of some families on the kernel, through all interleavings, and compares what came of
it with what the spec allows. Exits 1 if any of them differs, or if a mistake of the spec does not show.

  --full   all programs, for hours of a night; otherwise those that CI runs
  WORD     only families with that word in their name
";

/// Waits for nothing but a reason: what is awaited here is no condition variable of the program's.
const ENVIRONMENT: Environment = Environment { spurious_wakeups: false, ..Environment::USUAL };

/// Runs the command on the arguments of this process.
#[must_use]
pub fn main() -> ExitCode {
    let (options, words): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|argument| argument.starts_with('-'));
    let cut = match options.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => Cut::Small,
        ["--full"] => Cut::Full,
        ["--help" | "-h"] => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprint!("{HELP}");
            return ExitCode::from(2);
        }
    };
    let chosen: Vec<Family> = families(cut)
        .into_iter()
        .filter(|family| words.iter().all(|word| family.name.contains(word.as_str())))
        .collect();
    if chosen.is_empty() {
        eprintln!("error: no family has that word in its name");
        return ExitCode::from(2);
    }
    println!("programs  not run  interleavings  outcomes  seconds  family");
    let failures: usize = chosen.iter().map(run).sum();
    if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs a family; how many of its programs differ.
fn run(family: &Family) -> usize {
    let begun = Instant::now();
    let (mut not_run, mut interleavings, mut reached, mut failures) = (0, 0, 0, 0);
    let mut shown = false;
    for program in &family.programs {
        let allowed = match outcomes(program) {
            Ok(found) => found.allowed,
            // It names what an interleaving does not have, or waits for what never comes: no history.
            Err(NoOutcomes::Malformed(_) | NoOutcomes::Stuck(..)) => {
                not_run += 1;
                continue;
            }
            Err(error) => {
                println!("FAILED {}: {error}", program.name);
                failures += 1;
                continue;
            }
        };
        match explore(program) {
            Ok((seen, executions)) => {
                interleavings += executions;
                reached += seen.len();
                if seen != allowed {
                    failures += 1;
                    println!("FAILED {}\n{}", program.name, difference(program, &seen, &allowed));
                }
                if !shown {
                    let wrong = outcomes_with(program, Some(family.mistake));
                    shown = wrong.map_or(true, |wrong| wrong.allowed != seen);
                }
            }
            Err(error) => {
                failures += 1;
                println!("FAILED {}: {error}\n{}", program.name, text(program));
            }
        }
    }
    println!(
        "{:>8} {not_run:>8} {interleavings:>14} {reached:>9} {:>8}  {}",
        family.programs.len(),
        begun.elapsed().as_secs(),
        family.name,
    );
    if !shown {
        println!("FAILED the spec's mistake {:?} does not show", family.mistake);
        failures += 1;
    }
    failures
}

fn explore(program: &Program) -> Result<(BTreeSet<Outcome>, u64), String> {
    let program = Arc::new(program.clone());
    every_outcome(ENVIRONMENT, move || driver::run(&program, &Clock::virtual_time()))
}

fn text(program: &Program) -> String {
    serde_json::to_string(program).expect("a program is data")
}

/// What only one of the two has.
fn difference(program: &Program, seen: &BTreeSet<Outcome>, allowed: &BTreeSet<Outcome>) -> String {
    let extra = seen.difference(allowed).map(|outcome| format!("  only the kernel: {outcome}\n"));
    let missing = allowed.difference(seen).map(|outcome| format!("  only the spec: {outcome}\n"));
    extra.chain(missing).chain([format!("  {}\n", text(program))]).collect()
}
