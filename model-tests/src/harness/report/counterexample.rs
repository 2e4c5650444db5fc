//! A failure as people read it: as text, as a page, and as a file by which it is run again.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

use serde_json::Value;

use crate::harness::explore::child::{self, Request, Task};
use crate::harness::explore::failure::Failure;
use crate::harness::model::{Model, Variant};
use crate::harness::report::clause;
use crate::harness::report::columns::{columns, wrapped};
use crate::harness::report::html::page::{Chart, Page};
use crate::harness::report::interleaving::Interleaving;
use crate::harness::report::replay::{EXPLORER, LAST_STEPS, Replay, SOURCES};

/// Where the files of a variant are.
pub(crate) fn folder(model: &str, control: Option<&str>) -> PathBuf {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    let name = match control {
        None => model.into(),
        Some(control) => format!("{model}-{}", slug(control)),
    };
    let explored = if cfg!(shuttle) { "target/agree" } else { "target/models" };
    checkout.join(explored).join(name)
}

/// A name that any file system takes.
fn slug(name: &str) -> String {
    let words = name.split(|char: char| !char.is_ascii_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.join("-").to_ascii_lowercase()
}

/// The clauses of a model with their sentences.
pub(crate) fn clauses(model: &Model) -> Vec<(String, String)> {
    let sentence = |id: &&str| clause::sentence(id).unwrap_or_else(|| "is not in SPEC.md".into());
    model.clauses.iter().map(|id| ((*id).into(), sentence(id))).collect()
}

/// Model, question, clauses: what every report begins with.
pub(crate) fn heading(variant: Variant) -> String {
    let mut text = format!("{}\n", variant.title());
    // Writing to a string does not fail.
    let _ = writeln!(text, "  asks     {}", wrapped(variant.model.question, 11));
    for (id, sentence) in clauses(variant.model) {
        let _ = writeln!(text, "  {id:8} {}", wrapped(&sentence, 11));
    }
    text
}

/// The report as text.
pub(crate) fn text(variant: Variant, failure: &Failure) -> String {
    let mut text = heading(variant);
    let _ = writeln!(text, "  explored {}", bounds(variant));
    let answers = failure.interleaving.as_ref().map(Interleaving::answers).unwrap_or_default();
    for answer in &answers {
        let _ = writeln!(text, "  unusual  {answer}");
    }
    match &failure.interleaving {
        Some(interleaving) => text += &columns(interleaving),
        None => text.push('\n'),
    }
    let _ = writeln!(text, "{}", failure.message.trim_end());
    text
}

fn bounds(variant: Variant) -> String {
    let preemptions = match variant.bound() {
        None => "any number of preemptions".into(),
        Some(bound) => format!("up to {bound} preemptions"),
    };
    format!("class {}: {preemptions}, up to {} unusual answers", variant.class, variant.choices())
}

fn page(variant: Variant, failure: &Failure) -> String {
    let mut facts = vec![("explored", bounds(variant))];
    if let Some(position) = &failure.position {
        let (execution, answers) = (position.execution, &position.answers);
        facts.push(("execution", format!("number {execution} under the answers `{answers}`")));
    }
    facts.push(("explorer", EXPLORER.into()));
    let chart = failure.interleaving.as_ref().map(|interleaving| Chart {
        heading: String::new(),
        answers: interleaving.answers(),
        interleaving,
    });
    Page {
        title: variant.title(),
        question: variant.model.question,
        clauses: clauses(variant.model),
        facts,
        message: Some(failure.message.trim_end().into()),
        charts: chart.into_iter().collect(),
    }
    .html()
}

/// Writes a failure's files; the report, with where they are.
pub(crate) fn write(program: &Path, request: &Request, variant: Variant, of: &Failure) -> String {
    let mut report = text(variant, of);
    let control = variant.control.map(|control| control.name);
    let folder = folder(variant.model.name, control);
    let written = write_files(program, request, variant, of, &folder, &report);
    match written {
        Ok((files, remark)) => {
            for file in files {
                let _ = writeln!(report, "  {}", shown(&folder.join(file)));
            }
            if let Some(remark) = remark {
                let _ = writeln!(report, "  {remark}");
            }
        }
        Err(error) => {
            let _ = writeln!(report, "  its files cannot be written: {error}");
        }
    }
    report
}

fn write_files(
    program: &Path,
    request: &Request,
    variant: Variant,
    failure: &Failure,
    folder: &Path,
    report: &str,
) -> io::Result<(Vec<&'static str>, Option<String>)> {
    fs::create_dir_all(folder)?;
    remove(folder)?;
    fs::write(folder.join("counterexample.txt"), report)?;
    fs::write(folder.join("counterexample.html"), page(variant, failure))?;
    let mut files = vec!["counterexample.txt", "counterexample.html"];
    let remark = match locate(program, request, variant, failure, folder)? {
        None => None,
        Some(Err(why)) => Some(format!("there is no replay file: {why}")),
        Some(Ok(replay)) => {
            fs::write(folder.join("replay.json"), replay.text())?;
            files.push("replay.json");
            None
        }
    };
    Ok((files, remark))
}

/// Removes the files of an earlier failure.
pub(crate) fn remove(folder: &Path) -> io::Result<()> {
    for file in ["counterexample.txt", "counterexample.html", "replay.json"] {
        match fs::remove_file(folder.join(file)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Finds the schedule of a failure, and tries it; `None` if no execution in particular failed.
fn locate(
    program: &Path,
    request: &Request,
    variant: Variant,
    failure: &Failure,
    folder: &Path,
) -> io::Result<Option<Result<Replay, String>>> {
    let (Some(interleaving), Some(position)) = (&failure.interleaving, &failure.position) else {
        return Ok(None);
    };
    if position.execution == 0 {
        return Ok(None);
    }
    let schedule = folder.join("schedule.json");
    let _ = fs::remove_file(&schedule);
    let task = Task::Locate { position: position.clone(), schedule: schedule.clone() };
    let again = child::run(program, &Request { task, ..request.clone() }, |_| ())?;
    let text = fs::read_to_string(&schedule);
    let _ = fs::remove_file(&schedule);
    let value: Value = match text.map(|text| serde_json::from_str(&text)) {
        Ok(Ok(value)) => value,
        _ => return Ok(Some(Err("the explorer did not come to that execution again".into()))),
    };
    let replay = Replay {
        model: variant.model.name.into(),
        control: variant.control.map(|control| control.name.into()),
        class: variant.class,
        sources: SOURCES.into(),
        explorer: EXPLORER.into(),
        answers: position.answers.clone(),
        execution: position.execution,
        message: failure.message.clone(),
        steps: interleaving.steps.len(),
        last: interleaving.last(LAST_STEPS),
        schedule: value,
    };
    if let Err(difference) = same_place(&replay, again.result.err()) {
        return Ok(Some(Err(format!("explored again, {difference}"))));
    }
    let (_, compared) = run(program, request, &replay, folder)?;
    Ok(Some(compared.map(|()| replay).map_err(|difference| format!("run alone, {difference}"))))
}

/// Runs a replay; how it failed, and what is different from how it did before.
pub(crate) fn run(
    program: &Path,
    request: &Request,
    replay: &Replay,
    folder: &Path,
) -> io::Result<(Option<Failure>, Result<(), String>)> {
    fs::create_dir_all(folder)?;
    let schedule = folder.join("schedule.json");
    fs::write(&schedule, replay.schedule.to_string())?;
    let task = Task::Replay { answers: replay.answers.clone(), schedule: schedule.clone() };
    let ended = child::run(program, &Request { task, ..request.clone() }, |_| ());
    let _ = fs::remove_file(&schedule);
    let failure = ended?.result.err();
    let compared = same_place(replay, failure.clone());
    Ok((failure, compared))
}

fn same_place(replay: &Replay, failure: Option<Failure>) -> Result<(), String> {
    let Some(failure) = failure else { return Err("it passes".into()) };
    let interleaving = failure.interleaving.unwrap_or_default();
    if failure.message != replay.message {
        return Err(format!("it ends with: {}", failure.message));
    }
    let steps = interleaving.steps.len();
    if steps != replay.steps || interleaving.last(LAST_STEPS) != replay.last {
        return Err(format!("it takes {steps} steps and not {}, or others", replay.steps));
    }
    Ok(())
}

/// A path as short as it can be from here.
pub(crate) fn shown(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(&here).unwrap_or(path).display().to_string()
}
