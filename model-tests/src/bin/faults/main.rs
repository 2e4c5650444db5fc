//! `cargo faults`: puts known mistakes into the kernel, and sees that somebody catches each of them.
//!
//! `fault` reads a mistake, `diff` its change; `pattern` names what it is one of; `coverage` says what the
//! set has to reach. `copy` is where a mistake is put in, `checker` who may catch it, `models` how those are
//! asked, `fuzz` how fuzz targets are, `guard` how a checker that hangs is ended, `trial` how one is tried, `matrix` what came of all of them.

mod checker;
mod copy;
mod coverage;
mod diff;
mod fault;
mod fuzz;
mod guard;
mod matrix;
mod models;
mod options;
mod pattern;
mod trial;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, io};

use checker::{CHECKERS, Checked, Checker, Verdict};
use copy::Copy;
use fault::Fault;
use options::{Action, Options};
use trial::{Plan, Trial};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [first, command @ ..] = &arguments[..]
        && first == guard::GUARD
    {
        return guard::main(command);
    }
    let options = match options::parse(&arguments) {
        Ok(options) => options,
        Err(wrong) => {
            eprint!("cargo faults: {wrong}\n\n{}", options::help());
            return ExitCode::from(2);
        }
    };
    let done = match options.action {
        Action::Help => {
            say(&options::help());
            Ok(Outcome::Fine)
        }
        _ => act(&options),
    };
    match done {
        Ok(Outcome::Fine) => ExitCode::SUCCESS,
        Ok(Outcome::Mistakes(mistakes)) => {
            say(&mistakes.iter().map(|mistake| format!("error: {mistake}\n")).collect::<String>());
            ExitCode::FAILURE
        }
        Ok(Outcome::Misunderstood(wrong)) => {
            eprintln!("cargo faults: {wrong}");
            ExitCode::from(2)
        }
        Err(error) => {
            eprintln!("cargo faults: {error}");
            ExitCode::FAILURE
        }
    }
}

enum Outcome {
    Fine,
    Mistakes(Vec<String>),
    Misunderstood(String),
}

impl Outcome {
    fn of(mistakes: Vec<String>) -> Outcome {
        if mistakes.is_empty() { Outcome::Fine } else { Outcome::Mistakes(mistakes) }
    }
}

fn act(options: &Options) -> io::Result<Outcome> {
    let root = root()?;
    let folder = options.folder.clone().unwrap_or_else(|| root.join("model-tests/faults"));
    let faults = match fault::read_all(&folder) {
        Ok(faults) => faults,
        Err(mistakes) => return Ok(Outcome::Mistakes(mistakes)),
    };
    let chosen: Vec<&Fault> = match options.choose(&faults) {
        Ok(chosen) => chosen,
        Err(wrong) => return Ok(Outcome::Misunderstood(wrong)),
    };
    if options.action == Action::List {
        say(&list(&chosen));
        return Ok(Outcome::Fine);
    }
    let sources = copy::sources(&root)?;
    let mut mistakes = coverage::mistakes(&faults, &sources);
    let own = options.folder.is_none();
    if own {
        mistakes.extend(coverage::gaps(&faults, &sources));
    }
    if options.action == Action::Check {
        if mistakes.is_empty() {
            if own {
                say(&matrix::coverage(&faults, &sources));
            }
            say(&format!("{} faults apply\n", faults.len()));
        }
        return Ok(Outcome::of(mistakes));
    }
    let plan = Plan {
        root,
        sources: &sources,
        faults: chosen,
        full: options.full,
        with_fuzz: options.with_fuzz,
        checker: options.checker,
        jobs: options.jobs,
    };
    let trials = trial::run(&plan, |fault, trial| {
        eprint!("{}", line(fault, &trial.mistakes(fault, options.checker), trial));
    })?;
    // Of the others it was said above all that can be said without trying them.
    mistakes
        .retain(|mistake| !plan.faults.iter().any(|f| mistake.starts_with(&format!("{}: ", f.id))));
    report(options, &plan, &faults, &trials, &mut mistakes)?;
    Ok(Outcome::of(mistakes))
}

fn report(
    options: &Options,
    plan: &Plan<'_>,
    faults: &[Fault],
    trials: &[Trial],
    mistakes: &mut Vec<String>,
) -> io::Result<()> {
    if !options.names.is_empty() {
        for (fault, trial) in plan.faults.iter().zip(trials) {
            say(&counterexamples(fault, trial));
        }
    }
    say(&matrix::matrix(&plan.faults, trials));
    if options.with_fuzz {
        say(&matrix::found_by_search(trials));
    }
    let mut survivors = 0;
    for (fault, trial) in plan.faults.iter().zip(trials) {
        if trial.error.is_none() && !trial.is_caught(fault) {
            survivors += 1;
            mistakes.push(format!("{}: SURVIVES: nobody catches it", fault.id));
        }
        mistakes.extend(
            trial
                .mistakes(fault, options.checker)
                .iter()
                .map(|wrong| format!("{}: {wrong}", fault.id)),
        );
    }
    if options.names.is_empty() {
        if options.folder.is_none() {
            say(&matrix::coverage(faults, plan.sources));
        }
        let measured = (options.full && options.shard.is_none() && options.checker.is_none())
            .then_some(trials);
        say(&matrix::questioned(&models(plan)?, faults, measured));
    }
    let caught = plan.faults.iter().zip(trials).filter(|(fault, trial)| trial.is_caught(fault));
    say(&format!(
        "{} faults tried, {} caught, {survivors} survivors\n",
        trials.len(),
        caught.count()
    ));
    Ok(())
}

/// The models that the kernel has.
fn models(plan: &Plan<'_>) -> io::Result<Vec<String>> {
    let checker = &CHECKERS[Checker::find("models").expect("there are models")];
    let copy = Copy::open(&plan.root, 0, plan.sources)?;
    let program = checker.build(&copy)?.map_err(io::Error::other)?;
    checker.all(&copy, &program)
}

fn list(faults: &[&Fault]) -> String {
    let head = ["fault", "pattern", "clauses", "caught by"].map(String::from).to_vec();
    let rows = faults.iter().map(|fault| {
        let by =
            fault.caught_by.iter().map(|by| format!("{} {}", CHECKERS[by.checker].name, by.name));
        vec![
            fault.id.clone(),
            pattern::PATTERNS[fault.pattern].0.to_owned(),
            fault.clauses.join(" "),
            by.collect::<Vec<_>>().join(", "),
        ]
    });
    matrix::table(&std::iter::once(head).chain(rows).collect::<Vec<_>>())
}

/// For people who wait: how it went, and what is not as the header says.
fn line(fault: &Fault, mistakes: &[String], trial: &Trial) -> String {
    let how = match (trial.is_caught(fault), mistakes.is_empty()) {
        (true, true) => "caught",
        (true, false) => "caught, but not as its header says",
        (false, _) if trial.error.is_some() => "ERROR",
        (false, _) => "SURVIVES",
    };
    let details = mistakes.iter().filter_map(|mistake| mistake.lines().next());
    let details: String = details.map(|detail| format!("    {detail}\n")).collect();
    format!("{}: {how}\n{details}", fault.id)
}

/// The fault, and what those who caught it wrote.
fn counterexamples(fault: &Fault, trial: &Trial) -> String {
    let Fault { id, clauses, history, pattern, story, diff_text, .. } = fault;
    let (number, words) = pattern::PATTERNS[*pattern];
    let mut text = format!(
        "{id}\n  clauses  {}\n  history  {history}\n  pattern  {number} {words}\n\n{story}\n\n{diff_text}\n",
        clauses.join(", ")
    );
    let all = trial.checked.iter().flat_map(|(index, all)| all.iter().map(move |c| (*index, c)));
    for (index, Checked { name, verdict, report, .. }) in all {
        let who = CHECKERS[index].name;
        let named = |by: &fault::Expectation| by.checker == index && by.name == *name;
        match verdict {
            // All that catch it are named, but those that need not are not quoted.
            Verdict::Failed { .. } if !fault.caught_by.iter().any(named) => {
                text += &format!("-- caught by {who} {name}\n");
            }
            Verdict::Passed => {}
            Verdict::Failed { .. } => text += &format!("-- caught by {who} {name}\n\n{report}\n"),
            Verdict::Hung => text += &format!("-- {who} {name} hangs\n\n{report}\n"),
        }
    }
    text
}

/// A pipe that was closed early is no reason to panic.
fn say(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

/// The nearest folder upward that has a SPEC.md.
fn root() -> io::Result<PathBuf> {
    let here = env::current_dir()?;
    here.ancestors().find(|folder| folder.join("SPEC.md").is_file()).map(PathBuf::from).ok_or_else(
        || io::Error::other("no SPEC.md here or above: run it from within the repository"),
    )
}
