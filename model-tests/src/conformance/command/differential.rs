//! `cargo conformance --differential N`: draws programs, compares, and tells.

use std::collections::BTreeSet;
use std::time::Instant;

use super::options::Options;
use super::places::{self, Places};
use crate::conformance::differential::{
    Difference, Differential, ENOUGH, Expected, Reference, Side, Tally,
};
use crate::conformance::runtime::{Logs, line};
use crate::conformance::vector::Vector;
use crate::conformance::{Profile, lines_of};
use crate::spec::Habit;

/// So many expected outcomes are shown.
const SHOWN: usize = 4;

/// Whether everything agreed, and enough was reached.
pub(super) fn differential(
    places: &Places,
    options: &Options,
    programs: u64,
) -> Result<bool, String> {
    let started = Instant::now();
    let sides = sides(places, options)?;
    let seed = options.seed;
    let about = Differential { programs, seed, sides, reference: Reference::default() };
    match about.run() {
        Ok(tally) => {
            tell(&tally, seed, started.elapsed().as_secs_f64());
            Ok(enough(&tally))
        }
        Err(difference) => {
            tell_difference(places, &difference)?;
            Ok(false)
        }
    }
}

type Driver = (Side, Vec<String>, std::path::PathBuf);

fn sides(places: &Places, options: &Options) -> Result<Vec<Driver>, String> {
    let names: Vec<&str> = if options.runtimes.is_empty() {
        vec!["kernel", "asyncio"]
    } else {
        options.runtimes.iter().map(|name| &**name).collect()
    };
    let side = |name: &str| {
        let side = match name {
            "kernel" => Side::Kernel,
            "asyncio" => Side::Asyncio,
            other => {
                return Err(format!(
                    "of `{other}` it is not known what it does with any program: `--differential` \
                     runs on kernel and asyncio"
                ));
            }
        };
        let profile = Profile::read(&places.profile(name)?)?;
        Ok((side, places.command(&profile)?, places.kit.clone()))
    };
    names.into_iter().map(side).collect()
}

fn tell(tally: &Tally, seed: u64, seconds: f64) {
    let kinds = tally.kinds.iter().map(|(kind, count)| format!("{count} {}", kind.name()));
    println!("{} programs from seed {seed}, {seconds:.1} s", tally.programs());
    println!("  {}", kinds.collect::<Vec<_>>().join(", "));
    println!("  {} have several outcomes; {} were drawn anew", tally.races, tally.redrawn);
    println!("  reached: {}", tally.reach);
    if tally.asked == 0 {
        return;
    }
    println!(
        "  asyncio was asked {}: as SPEC.md says in {}, as its habits say in {}, and it hangs as they \
         say in {}",
        tally.asked,
        tally.asked - tally.different - tally.hangs,
        tally.different,
        tally.hangs
    );
    for habit in Habit::ALL {
        let count = tally.habits.get(habit).copied().unwrap_or(0);
        println!("  {count:>6}  {habit:?} ({})", habit.clauses());
    }
}

fn enough(tally: &Tally) -> bool {
    let missing = tally.missing();
    if tally.programs() < ENOUGH {
        if !missing.is_empty() {
            println!("  {} things were not reached; {ENOUGH} programs have to", missing.len());
        }
        return true;
    }
    for what in &missing {
        println!("never reached: {what}");
    }
    missing.is_empty()
}

fn tell_difference(places: &Places, difference: &Difference) -> Result<(), String> {
    let Difference { side, drawn, smallest, observed } = difference;
    let (name, by) = match side {
        Side::Kernel => ("kernel", "SPEC.md"),
        Side::Asyncio => ("asyncio", "SPEC.md with asyncio's habits"),
    };
    println!("{name} does not do with {} what {by} says.\n", drawn.program.name);
    println!("The smallest program that shows it:");
    for line in lines_of(&smallest.program) {
        println!("  {line}");
    }
    println!("{name}:\n  {observed}\nby {by}:");
    match smallest.expected(*side) {
        Some(Expected::Outcomes(outcomes)) => tell_outcomes(&outcomes),
        _ => println!("  it hangs"),
    }
    let vector = Vector {
        name: drawn.program.name.clone(),
        clauses: Vec::new(),
        about: "Drawn at random; name its clauses.".into(),
        program: smallest.program.clone(),
        allowed: smallest.allowed.clone(),
    };
    let folder = places.target.join("differential");
    let path = folder.join(vector.path());
    places::write(&path, &vector.text())?;
    println!("\nThe same as a vector, {}:\n\n{}", path.display(), vector.text());
    println!(
        "once more, as it was drawn:  cargo conformance --differential 1 --seed {}",
        drawn.seed
    );
    println!(
        "the small one alone:         cargo conformance --vectors {} --runtime {name} {}",
        folder.display(),
        vector.name
    );
    println!("to keep it, make it a scenario: see CONTRIBUTING.md");
    Ok(())
}

fn tell_outcomes(outcomes: &BTreeSet<Logs>) {
    for logs in outcomes.iter().take(SHOWN) {
        println!("  {}", line(logs));
    }
    if outcomes.len() > SHOWN {
        println!("  ...");
    }
}
