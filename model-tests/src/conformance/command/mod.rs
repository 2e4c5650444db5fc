//! `cargo conformance`.

mod differential;
mod options;
mod places;
mod venv;
mod write;

use std::process::ExitCode;

use options::{Action, Options};

use super::report::{detail, page, table};
use super::suite::{Judgement, Report, Suite};
use super::vector::{NoVector, Vector, read_all};
use super::{Process, Profile, runtimes};
use places::Places;

pub use write::drifted;

/// Runs the command on the arguments of this process.
#[must_use]
pub fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = options::parse(&arguments).and_then(|options| run(&options));
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("error: {message}\n`cargo conformance --help` says what is understood");
            ExitCode::from(2)
        }
    }
}

/// Whether everything held.
fn run(options: &Options) -> Result<bool, String> {
    let places = Places::new(options.vectors.clone());
    match options.action {
        Action::Help => {
            print!("{}", options::HELP);
            Ok(true)
        }
        Action::List => list(&places, options),
        Action::Write => write::write(&places).map(|()| true),
        Action::Serve(ref name) => {
            runtimes::serve_named(name).map(|()| true).map_err(|error| error.to_string())
        }
        Action::Measure => measure(&places, options),
        Action::Differential(programs) => differential::differential(&places, options, programs),
    }
}

fn list(places: &Places, options: &Options) -> Result<bool, String> {
    for vector in chosen(places, options)? {
        match vector {
            Ok(Vector { name, clauses, about, allowed, .. }) => {
                println!("{name} ({}), {} allowed: {about}", clauses.join(", "), allowed.len());
            }
            Err(NoVector { name, why }) => println!("{name}: malformed: {why}"),
        }
    }
    Ok(true)
}

/// The vectors whose names contain one of the words, or all.
fn chosen(places: &Places, options: &Options) -> Result<Vec<Result<Vector, NoVector>>, String> {
    let all = read_all(&places.vectors).map_err(|error| error.to_string())?;
    let named = |vector: &Result<Vector, NoVector>| {
        let name = vector.as_ref().map_or_else(|none| &none.name, |vector| &vector.name);
        options.names.is_empty() || options.names.iter().any(|word| name.contains(&**word))
    };
    let chosen: Vec<_> = all.into_iter().filter(named).collect();
    if chosen.is_empty() {
        return Err(format!("no vector is named {}", options.names.join(" or ")));
    }
    Ok(chosen)
}

fn measure(places: &Places, options: &Options) -> Result<bool, String> {
    let vectors = chosen(places, options)?;
    let profiles = profiles(places, options)?;
    let mut reports = Vec::new();
    for mut profile in profiles {
        if !options.names.is_empty() {
            // A deviation of a vector that was not asked for is not missing.
            for deviation in &mut profile.deviations {
                deviation
                    .vectors
                    .retain(|name| options.names.iter().any(|word| name.contains(&**word)));
            }
        }
        let command = places.command(&profile)?;
        let mut process = Process::new(command, &places.kit);
        let suite = Suite { rounds: options.rounds, seed: options.seed, ..Suite::default() };
        let report = suite.run(&mut process, &profile, &vectors, |verdict| {
            let shown = options.verbose || matches!(verdict.judgement, Judgement::Failed { .. });
            if shown {
                println!("{}", detail(verdict));
            }
        });
        let report = report.map_err(|failure| format!("{}: {failure}", profile.name))?;
        summary(&report, process.starts());
        reports.push(report);
    }
    write_files(places, options, &reports)?;
    Ok(reports.iter().all(Report::holds))
}

fn profiles(places: &Places, options: &Options) -> Result<Vec<Profile>, String> {
    if !options.profiles.is_empty() {
        return options.profiles.iter().map(|path| Profile::read(path)).collect();
    }
    let names = if options.runtimes.is_empty() {
        places::RUNTIMES.map(String::from).to_vec()
    } else {
        options.runtimes.clone()
    };
    names.iter().map(|name| Profile::read(&places.profile(name)?)).collect()
}

fn summary(report: &Report, starts: usize) {
    let Report { identity, seconds, .. } = report;
    let starts = if starts == 1 { String::new() } else { format!(", started {starts} times") };
    println!("\n{} ({}), {seconds:.1} s{starts}", identity.runtime, identity.version);
    print!("{}", table(report));
}

fn write_files(places: &Places, options: &Options, reports: &[Report]) -> Result<(), String> {
    let html = options.html.clone().unwrap_or_else(|| places.target.join("conformance.html"));
    places::write(&html, &page(reports))?;
    println!("\nthe report with every verdict: {}", html.display());
    if let Some(json) = &options.json {
        let text = serde_json::to_string_pretty(reports).expect("a report has a JSON form");
        places::write(json, &(text + "\n"))?;
    }
    Ok(())
}
