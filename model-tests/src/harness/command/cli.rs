//! The command: `cargo models`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use crate::harness::books::accept;
use crate::harness::books::class::Class;
use crate::harness::books::ledger::{Ledger, advice};
use crate::harness::command::arguments::{Command, HELP, Run, parse};
use crate::harness::command::run::{Options, Verdict, run};
use crate::harness::explore::child::{self, CHILD, Request, Task};
use crate::harness::model::{Model, Variant, mistakes};
use crate::harness::refinement::counts;
use crate::harness::report::counterexample;
use crate::harness::report::explain::explain;
use crate::harness::report::figures::{grouped, lines};
use crate::harness::report::json;
use crate::harness::report::replay::{Replay, again};
use crate::harness::report::table::{exploration, outcomes, table};

/// A replay went another way than it did before.
const DIFFERENT: u8 = 3;

/// Runs the command on the arguments of this process.
#[must_use]
pub fn main(models: &[&'static Model]) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mistakes = mistakes_of_all(models);
    if !mistakes.is_empty() {
        return refuse(&mistakes.join("\n"));
    }
    let result = match &arguments[..] {
        [child, request] if child == CHILD => {
            child::main(models, request).ok_or_else(|| "this request makes no sense".into())
        }
        _ => parse(&arguments).and_then(|command| obey(models, command)),
    };
    result.unwrap_or_else(|message| refuse(&message))
}

/// An error is about the arguments, and nothing was run.
fn obey(models: &[&'static Model], command: Command) -> Result<ExitCode, String> {
    match command {
        Command::Help => {
            print!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        Command::List => {
            list(models);
            Ok(ExitCode::SUCCESS)
        }
        Command::Run(run) => run_models(models, &run),
        Command::Explain { name, class } => {
            let model = find(models, &name)?;
            Ok(status(explain(model, &own(class)?)))
        }
        Command::Replay { file } => replay(models, &file),
    }
}

fn own(class: Class) -> Result<Options, String> {
    Options::own(class).map_err(|error| format!("this program cannot find itself: {error}"))
}

fn refuse(message: &str) -> ExitCode {
    eprintln!("error: {message}\n`cargo models --help` says what there is.");
    ExitCode::from(2)
}

fn status(holds: bool) -> ExitCode {
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What is wrong with the descriptions of the models, all together.
pub(crate) fn mistakes_of_all(models: &[&'static Model]) -> Vec<String> {
    let mut all: Vec<String> = models.iter().flat_map(|model| mistakes(model)).collect();
    for (index, model) in models.iter().enumerate() {
        if models[..index].iter().any(|other| other.name == model.name) {
            all.push(format!("two models are named `{}`", model.name));
        }
    }
    all
}

fn find(models: &[&'static Model], name: &str) -> Result<&'static Model, String> {
    models.iter().copied().find(|model| model.name == name).ok_or_else(|| {
        let like = models.iter().map(|model| model.name).filter(|other| other.contains(name));
        let like: Vec<&str> = like.collect();
        let hint = if like.is_empty() { "see `cargo models list`".into() } else { like.join(", ") };
        format!("there is no model `{name}`: {hint}")
    })
}

fn run_models(models: &[&'static Model], arguments: &Run) -> Result<ExitCode, String> {
    if arguments.record && cfg!(shuttle) {
        return Err(
            "--record is for `cargo models`: the ledger is what the first explorer found".into()
        );
    }
    let mut ledger = Ledger::load()?;
    let (chosen, stale) = choose(models, arguments, &ledger)?;
    if let Some(file) = &arguments.json {
        // Now, and not after minutes.
        fs::write(file, "")
            .map_err(|error| format!("{} cannot be written: {error}", file.display()))?;
    }
    let Run { class, keep_controls, jobs, .. } = *arguments;
    let mut verdicts = run(&chosen, &Options { keep_controls, jobs, ..own(class)? });
    let mut problems: Vec<String> = Vec::new();
    #[cfg(shuttle)]
    accept::compare_explorers(&mut verdicts, &ledger);
    if arguments.record {
        let names: BTreeSet<&str> = models.iter().map(|model| model.name).collect();
        let all = arguments.names.is_empty().then_some(&names);
        match accept::record(&verdicts, class, &mut ledger, all) {
            Ok(line) => eprintln!("{line}"),
            Err(problem) => problems.push(problem),
        }
    } else if cfg!(loom) {
        accept::compare(&mut verdicts, &ledger);
        problems.extend(stale.iter().map(|name| {
            format!(
                "{name}\nThe ledger has a row for it, but there is no such model.\n{}",
                advice(class, &[])
            )
        }));
    }
    if let Some(file) = &arguments.json {
        let stale = if arguments.record { &[][..] } else { &stale };
        if let Err(error) = fs::write(file, json::text(class, &verdicts, stale)) {
            problems.push(format!("{} cannot be written: {error}", file.display()));
        }
    }
    for kept in verdicts.iter().flat_map(|verdict| &verdict.kept) {
        println!("CAUGHT {kept}");
    }
    for failure in verdicts.iter().flat_map(|verdict| &verdict.failures).chain(&problems) {
        println!("FAILED {failure}");
    }
    print!("{}\n{}\n", outcomes(&verdicts), table(&verdicts));
    println!("{}", summary(&verdicts, class));
    let failed = |verdict: &Verdict| !verdict.failures.is_empty();
    Ok(status(problems.is_empty() && !verdicts.iter().any(failed)))
}

/// The models to be run, and the rows of the ledger to be looked at that have no model.
fn choose(
    models: &[&'static Model],
    arguments: &Run,
    ledger: &Ledger,
) -> Result<(Vec<&'static Model>, Vec<String>), String> {
    if !arguments.names.is_empty() {
        let chosen =
            arguments.names.iter().map(|name| find(models, name)).collect::<Result<_, _>>();
        return chosen.map(|chosen| (chosen, Vec::new()));
    }
    let is_model = |name: &str| models.iter().any(|model| model.name == name);
    let mut stale: Vec<String> =
        ledger.names().filter(|name| !is_model(name)).map(String::from).collect();
    let mut chosen = models.to_vec();
    if let Some(shard) = arguments.shard {
        let names = models.iter().map(|model| model.name);
        let names = names.chain(stale.iter().map(String::as_str));
        let costs: BTreeMap<&str, u64> =
            names.map(|name| (name, ledger.cost(name, arguments.class))).collect();
        let own: BTreeSet<String> = shard.of(&costs).into_iter().map(String::from).collect();
        chosen.retain(|model| own.contains(model.name));
        stale.retain(|name| own.contains(name));
    }
    Ok((chosen, stale))
}

fn summary(verdicts: &[Verdict], class: Class) -> String {
    let found = || verdicts.iter().filter_map(|verdict| verdict.found.as_ref());
    let executions: u64 = found().map(|found| found.executions).sum();
    let bounded = verdicts.iter().filter(|verdict| exploration(verdict).starts_with("bounded"));
    let caught: usize = verdicts.iter().map(|verdict| verdict.caught).sum();
    let controls: usize = verdicts.iter().map(|verdict| verdict.model.controls.len()).sum();
    format!(
        "class {class}: {} of {} models hold, {} of them bounded; {} executions; \
         {caught} of {controls} controls caught\n{}",
        found().count(),
        verdicts.len(),
        bounded.count(),
        grouped(executions),
        counts(verdicts.iter().map(|verdict| verdict.refinement.as_ref())),
    )
}

fn list(models: &[&'static Model]) {
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
}

fn replay(models: &[&'static Model], file: &Path) -> Result<ExitCode, String> {
    let text = fs::read_to_string(file)
        .map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
    let replay =
        Replay::parse(&text).map_err(|message| format!("{}: {message}", file.display()))?;
    let unknown = || {
        let again = again(Some(&replay.model), replay.control.is_some());
        format!("{}: there is no such model or control\n{again}", file.display())
    };
    let model = models.iter().copied().find(|model| model.name == replay.model);
    let model = model.ok_or_else(unknown)?;
    let named = |name: &String| model.controls.iter().position(|control| control.name == name);
    let number = match &replay.control {
        None => None,
        Some(name) => Some(named(name).ok_or_else(unknown)?),
    };
    let control = number.map(|number| &model.controls[number]);
    let variant = Variant { model, control, class: replay.class };
    let request = Request {
        model: model.name.into(),
        control: number,
        class: replay.class,
        task: Task::Explore { keep_shortest: false },
    };
    let folder = counterexample::folder(model.name, control.map(|control| control.name));
    let program = own(replay.class)?.program;
    let (failure, compared) = counterexample::run(&program, &request, &replay, &folder)
        .map_err(|error| format!("the execution cannot be run: {error}"))?;
    if let Some(failure) = &failure
        && failure.position.as_ref().is_some_and(|position| position.execution == 0)
    {
        let again = again(Some(model.name), control.is_some());
        let (file, message) = (file.display(), &failure.message);
        return Err(format!("{file}: this replay file is broken: {message}\n{again}"));
    }
    if let Some(failure) = failure {
        print!("{}", counterexample::text(variant, &failure));
    }
    match compared {
        Ok(()) => {
            println!("reproduced: the same failure after the same {} steps", replay.steps);
            Ok(ExitCode::FAILURE)
        }
        Err(difference) => {
            println!("NOT reproduced: {difference}\nit was: {}", replay.message);
            println!("{}", again(Some(model.name), control.is_some()));
            Ok(ExitCode::from(DIFFERENT))
        }
    }
}
