//! The command: `cargo models`.

use std::num::NonZero;
use std::process::ExitCode;
use std::thread::available_parallelism;

use super::child;
use super::model::{Model, Variant, mistakes};
use super::run::{Verdict, run};
use super::table::{exploration, grouped, lines, table};

const HELP: &str = "\
cargo models                 run every model and its controls
cargo models run NAME...     run these models and their controls
cargo models list            name every model and what it asks
cargo models explain NAME    run one model and say what came of it, outcome by outcome
cargo models --help          print this text

Every interleaving of a model's threads is explored, unless the table says `bounded`. A control is a
variant of a model that must fail. --jobs N runs N processes at once; else as many as there are cores.

Exit status: 0 everything holds, 1 something does not, 2 the arguments were not understood.
";

/// The hidden subcommand by which the program runs itself: explores one variant.
pub(super) const CHILD: &str = "explore";

/// Runs the command on the arguments of this process.
#[must_use]
pub fn main(models: &[&'static Model]) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mistakes = mistakes_of_all(models);
    if !mistakes.is_empty() {
        return refuse(&mistakes.join("\n"));
    }
    let (arguments, jobs) = match take_jobs(&arguments) {
        Ok(taken) => taken,
        Err(message) => return refuse(&message),
    };
    match arguments[..] {
        [] => run_all(models, jobs),
        ["--help" | "-h"] => {
            print!("{HELP}");
            ExitCode::SUCCESS
        }
        ["list"] => list(models),
        ["run", ref names @ ..] if !names.is_empty() => match find(models, names) {
            Ok(chosen) => run_all(&chosen, jobs),
            Err(message) => refuse(&message),
        },
        ["explain", name] => match find(models, &[name]) {
            Ok(chosen) => explain(chosen[0]),
            Err(message) => refuse(&message),
        },
        [CHILD, name] => explore(models, name, None),
        [CHILD, name, control] => explore(models, name, Some(control)),
        _ => refuse(&format!("`{}` is not understood", arguments.join(" "))),
    }
}

fn refuse(message: &str) -> ExitCode {
    eprintln!("error: {message}\n`cargo models --help` says what there is.");
    ExitCode::from(2)
}

fn mistakes_of_all(models: &[&'static Model]) -> Vec<String> {
    let mut all: Vec<String> = models.iter().flat_map(|model| mistakes(model)).collect();
    for (index, model) in models.iter().enumerate() {
        if models[..index].iter().any(|other| other.name == model.name) {
            all.push(format!("two models are named `{}`", model.name));
        }
    }
    all
}

/// Splits `--jobs N` off the arguments.
fn take_jobs<'a>(arguments: &[&'a str]) -> Result<(Vec<&'a str>, usize), String> {
    let mut rest = arguments.to_vec();
    let Some(position) = rest.iter().position(|argument| *argument == "--jobs") else {
        return Ok((rest, available_parallelism().map_or(1, NonZero::get)));
    };
    let number = rest.get(position + 1).and_then(|number| number.parse().ok()).filter(|n| *n > 0);
    let number = number.ok_or("--jobs needs a number of processes")?;
    rest.drain(position..position + 2);
    Ok((rest, number))
}

fn find(models: &[&'static Model], names: &[&str]) -> Result<Vec<&'static Model>, String> {
    let find = |name: &&str| {
        models.iter().copied().find(|model| model.name == *name).ok_or_else(|| {
            let like = models.iter().map(|model| model.name).filter(|other| other.contains(*name));
            let like: Vec<&str> = like.collect();
            let hint =
                if like.is_empty() { "see `cargo models list`".into() } else { like.join(", ") };
            format!("there is no model `{name}`: {hint}")
        })
    };
    names.iter().map(find).collect()
}

fn run_all(models: &[&'static Model], jobs: usize) -> ExitCode {
    let verdicts = run(models, true, jobs);
    for failure in verdicts.iter().flat_map(|verdict| &verdict.failures) {
        println!("FAILED {failure}");
    }
    print!("{}", table(&verdicts));
    println!("{}", summary(&verdicts));
    exit_code(&verdicts)
}

fn exit_code(verdicts: &[Verdict]) -> ExitCode {
    if verdicts.iter().all(|verdict| verdict.failures.is_empty()) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn summary(verdicts: &[Verdict]) -> String {
    let found = || verdicts.iter().filter_map(|verdict| verdict.found.as_ref());
    let executions: u64 = found().map(|found| found.executions).sum();
    let bounded = verdicts.iter().filter(|verdict| exploration(verdict).starts_with("bounded"));
    let caught: usize = verdicts.iter().map(|verdict| verdict.caught).sum();
    let controls: usize = verdicts.iter().map(|verdict| verdict.model.controls.len()).sum();
    format!(
        "{} of {} models hold, {} of them bounded; {} executions; {caught} of {controls} controls caught",
        found().count(),
        verdicts.len(),
        bounded.count(),
        grouped(executions),
    )
}

fn list(models: &[&'static Model]) -> ExitCode {
    let rows = models.iter().map(|model| {
        [
            model.name.into(),
            model.clauses.join(" "),
            model.threads.to_string(),
            model.question.into(),
        ]
    });
    let head = ["model", "clauses", "threads", "question"].map(String::from);
    let rows: Vec<[String; 4]> = std::iter::once(head).chain(rows).collect();
    print!("{}", lines(&rows, &[false, false, true, false]));
    ExitCode::SUCCESS
}

fn explain(model: &'static Model) -> ExitCode {
    println!(
        "{}\n  asks     {}\n  clauses  {}",
        model.name,
        model.question,
        model.clauses.join(", ")
    );
    let verdicts = run(&[model], false, 1);
    let verdict = &verdicts[0];
    for failure in &verdict.failures {
        println!("\nFAILED {failure}");
    }
    if let Some(found) = &verdict.found {
        println!(
            "  explored {} executions of {} threads in {:.1} s, under {} vectors of answers: {}\n",
            grouped(found.executions),
            found.threads,
            verdict.elapsed.as_secs_f64(),
            grouped(found.assignments),
            exploration(verdict),
        );
        let rows: Vec<[String; 2]> =
            found.outcomes.iter().map(|(name, count)| [grouped(*count), name.clone()]).collect();
        print!("{}", lines(&rows, &[true, false]));
    }
    for control in model.controls {
        println!("  control: {}; must fail with `{}`", control.name, control.fails_with);
    }
    exit_code(&verdicts)
}

fn explore(models: &[&'static Model], name: &str, number: Option<&str>) -> ExitCode {
    let model = match find(models, &[name]) {
        Ok(chosen) => chosen[0],
        Err(message) => return refuse(&message),
    };
    let control = |number: &str| model.controls.get(number.parse::<usize>().ok()?);
    match number.map(|number| control(number).ok_or(number)) {
        None => child::main(Variant { model, control: None }),
        Some(Ok(control)) => child::main(Variant { model, control: Some(control) }),
        Some(Err(number)) => refuse(&format!("`{name}` has no control {number}")),
    }
}
