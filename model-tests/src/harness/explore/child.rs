//! The process that explores one variant, and what it tells its parent.
//!
//! A failure inside the explorer can end in an abort (a panic while another unwinds), so each variant
//! has a process of its own. It is told what to do in one argument, and says everything in single lines
//! on its standard output, all in JSON; what it writes to its standard error is shown if it breaks down.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::harness::books::class::Class;
use crate::harness::books::histories::Histories;
use crate::harness::explore::execution::Position;
use crate::harness::explore::failure::{self, Failure};
#[cfg(loom)]
use crate::harness::explore::first as explorer;
#[cfg(shuttle)]
use crate::harness::explore::second as explorer;
use crate::harness::model::{Model, Variant};
use crate::harness::report::interleaving::Interleaving;

/// The hidden subcommand by which the program runs itself; a [`Request`] follows.
pub(crate) const CHILD: &str = "explore";

/// What an exploration found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Found {
    pub(crate) executions: u64,
    /// How many vectors of answers started the explorer.
    pub(crate) assignments: u64,
    /// The most threads of any execution.
    pub(crate) threads: usize,
    /// Questions were left open because the limit on choices was reached.
    pub(crate) choices_cut: bool,
    /// What the threads did and saw.
    pub(crate) histories: Histories,
    /// How often each outcome came up, sorted.
    pub(crate) outcomes: Vec<(String, u64)>,
    /// The shortest interleaving of each outcome, if they were asked for.
    pub(crate) shortest: Vec<(String, Interleaving)>,
}

/// What a child is to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) model: String,
    /// The control's number.
    pub(crate) control: Option<usize>,
    pub(crate) class: Class,
    pub(crate) task: Task,
}

/// What is to be done with a variant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Task {
    /// Explore it.
    Explore { keep_shortest: bool },
    /// Find an execution again, and write its schedule.
    Locate { position: Position, schedule: PathBuf },
    /// Run the one execution of a schedule.
    Replay { answers: String, schedule: PathBuf },
}

/// A line of a child.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Line {
    /// So many executions so far.
    Progress(u64),
    /// It is done and everything holds.
    Found(Found),
    /// It failed.
    Failed(Failure),
}

impl Line {
    /// Tells the parent.
    pub(crate) fn say(&self) {
        let line = serde_json::to_string(self).expect("every line can be written");
        let mut out = std::io::stdout().lock();
        if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
            // The parent is gone: there is nobody to explore for.
            std::process::exit(failure::EXIT_CODE.into());
        }
    }
}

impl Request {
    /// The variant that is meant, if there is one.
    fn variant(&self, models: &[&'static Model]) -> Option<Variant> {
        let model = models.iter().copied().find(|model| model.name == self.model)?;
        let control = match self.control {
            None => None,
            Some(number) => Some(model.controls.get(number)?),
        };
        Some(Variant { model, control, class: self.class })
    }
}

/// Does what the parent asked, in this process; `None` if that makes no sense.
pub(crate) fn main(models: &[&'static Model], request: &str) -> Option<ExitCode> {
    let request: Request = serde_json::from_str(request).ok()?;
    let variant = request.variant(models)?;
    failure::install();
    let result = match &request.task {
        Task::Explore { keep_shortest } => explorer::explore(variant, *keep_shortest),
        Task::Locate { position: Position { answers, execution }, schedule } => {
            explorer::locate(variant, answers, *execution, schedule)
        }
        Task::Replay { answers, schedule } => explorer::replay(variant, answers, schedule),
    };
    match result {
        Ok(found) => {
            Line::Found(found).say();
            Some(ExitCode::SUCCESS)
        }
        Err(message) => {
            Line::Failed(Failure { message, ..Failure::default() }).say();
            Some(ExitCode::from(failure::EXIT_CODE))
        }
    }
}

/// How a child ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) result: Result<Found, Failure>,
    pub(crate) elapsed: Duration,
}

/// Has a child of `program` do something; `progress` is told executions.
pub(crate) fn run(
    program: &Path,
    request: &Request,
    mut progress: impl FnMut(u64),
) -> std::io::Result<Ended> {
    let start = Instant::now();
    let mut child = spawn(program, request)?;
    let mut stderr = child.stderr.take().expect("piped");
    let complaint = thread::spawn(move || {
        let mut complaint = Vec::new();
        // What could be read is better than nothing.
        let _ = stderr.read_to_end(&mut complaint);
        String::from_utf8_lossy(&complaint).into_owned()
    });
    let mut last = None;
    for line in BufReader::new(child.stdout.take().expect("piped")).lines() {
        match serde_json::from_str(&line?) {
            Ok(Line::Progress(executions)) => progress(executions),
            Ok(line) => last = Some(line),
            Err(_) => {}
        }
    }
    let complaint = complaint.join().expect("reading does not panic");
    let status = child.wait()?;
    let result = match last {
        Some(Line::Found(found)) if status.success() => Ok(found),
        Some(Line::Failed(failure)) => Err(failure),
        _ => {
            let message = format!("its process ended without a word: {status}\n{complaint}");
            Err(Failure { message, ..Failure::default() })
        }
    };
    Ok(Ended { result, elapsed: start.elapsed() })
}

fn spawn(program: &Path, request: &Request) -> std::io::Result<Child> {
    let mut command = Command::new(program);
    command.arg(CHILD).arg(serde_json::to_string(request).expect("every request can be written"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // loom's variables may not steer a run whose report does not mention them.
    let of_loom = std::env::vars_os().map(|(name, _)| name);
    for name in of_loom.filter(|name| name.to_string_lossy().starts_with("LOOM_")) {
        command.env_remove(name);
    }
    command.spawn()
}
