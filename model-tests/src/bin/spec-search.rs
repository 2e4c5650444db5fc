//! Searches every state of the spec's bounded configurations for one that breaks a property, and sees that
//! the search finds each mistake that the spec can be told to make.
//!
//! `spec-search [--trace] [WORD]`: only properties with that word in their name; with `--trace` the way to
//! each seeded mistake is printed.

use std::process::ExitCode;

#[cfg(not(any(loom, shuttle)))]
fn main() -> ExitCode {
    use loopgate_model_tests::spec::properties::PROPERTIES;
    use loopgate_model_tests::spec::searched::{Searched, search};

    let (options, words): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|argument| argument.starts_with("--"));
    if options.iter().any(|option| option != "--trace") || words.len() > 1 {
        eprintln!("usage: spec-search [--trace] [WORD]");
        return ExitCode::from(2);
    }
    let chosen: Vec<_> = PROPERTIES
        .iter()
        .filter(|property| words.iter().all(|word| property.name.contains(word.as_str())))
        .collect();
    if chosen.is_empty() {
        eprintln!("error: no property has that word in its name");
        return ExitCode::from(2);
    }
    let show = |searched: &Searched| {
        let (steps, logs) = searched.broken.as_ref().expect("there is one");
        steps.iter().for_each(|step| println!("    {step}"));
        println!("    logs: {logs}");
    };
    println!(
        "{:>8} {:>6} {:>9}  property, or the mistake that it must find",
        "states", "depth", "ms"
    );
    let (mut failures, mut mistakes, mut states) = (0, 0, 0);
    for property in &chosen {
        let searched = search(property, None);
        states += searched.states;
        let verdict = match &searched {
            _ if searched.holds() => "holds",
            Searched { applies: false, .. } => "VACUOUS: it never applies",
            Searched { ends: false, .. } => "AN EXECUTION GOES ON FOR EVER",
            _ => "BROKEN",
        };
        let Searched { states, depth, elapsed, .. } = searched;
        let (ms, clauses) = (elapsed.as_millis(), property.clauses.join(" "));
        println!("{states:>8} {depth:>6} {ms:>9}  {verdict}: {} ({clauses})", property.name);
        if searched.broken.is_some() {
            show(&searched);
        }
        failures += usize::from(!searched.holds());
        for mistake in property.mistakes {
            let searched = search(property, Some(*mistake));
            mistakes += 1;
            let Searched { states, depth, elapsed, .. } = searched;
            let found = searched.broken.is_some();
            let verdict = if found { "found" } else { "NOT FOUND" };
            println!("{states:>8} {depth:>6} {:>9}    {verdict}: {mistake:?}", elapsed.as_millis());
            if found && !options.is_empty() {
                show(&searched);
            }
            failures += usize::from(!found);
        }
    }
    println!(
        "{} properties over {states} states, {mistakes} seeded mistakes; {failures} failures",
        chosen.len()
    );
    if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The checker is not built for the explorers.
#[cfg(any(loom, shuttle))]
fn main() -> ExitCode {
    eprintln!(
        "error: this explores nothing of the kernel; build it without `--cfg loom` or `shuttle`"
    );
    ExitCode::from(2)
}
