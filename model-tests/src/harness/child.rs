//! The process that explores one variant, and what it tells its parent.
//!
//! A failure inside loom can end in an abort (a panic while another unwinds), so each variant has a
//! process of its own. It says everything in single lines on its standard output; what it writes to its
//! standard error is the report for people.

use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

#[cfg(loom)]
use super::explore::explore;
use super::failure;
use super::model::Variant;
#[cfg(shuttle)]
use super::second::explore;

/// What an exploration found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) executions: u64,
    /// How many vectors of answers started loom.
    pub(super) assignments: u64,
    /// The most threads of any execution.
    pub(super) threads: usize,
    /// Questions were left open because the limit on choices was reached.
    pub(super) choices_cut: bool,
    /// How often each outcome came up.
    pub(super) outcomes: Vec<(String, u64)>,
}

/// A line of a child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// So many executions so far.
    Progress(u64),
    /// It is done and everything holds.
    Found(Found),
    /// It failed; the message in one line.
    Failed(String),
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Line::Progress(executions) => write!(f, "progress\t{executions}"),
            Line::Failed(message) => write!(f, "failed\t{}", message.replace(['\n', '\t'], " ")),
            Line::Found(found) => {
                let cut = u8::from(found.choices_cut);
                let Found { executions, assignments, threads, .. } = found;
                write!(f, "found\t{executions}\t{assignments}\t{threads}\t{cut}")?;
                found.outcomes.iter().try_for_each(|(name, count)| write!(f, "\t{name}={count}"))
            }
        }
    }
}

impl Line {
    /// Tells the parent.
    pub(super) fn say(&self) {
        let mut out = std::io::stdout().lock();
        // If the parent is gone there is nobody to tell.
        let _ = writeln!(out, "{self}").and_then(|()| out.flush());
    }

    fn parse(line: &str) -> Option<Line> {
        let (kind, rest) = line.split_once('\t')?;
        match kind {
            "progress" => Some(Line::Progress(rest.parse().ok()?)),
            "failed" => Some(Line::Failed(rest.into())),
            "found" => Line::parse_found(rest).map(Line::Found),
            _ => None,
        }
    }

    fn parse_found(rest: &str) -> Option<Found> {
        let mut fields = rest.split('\t');
        Some(Found {
            executions: fields.next()?.parse().ok()?,
            assignments: fields.next()?.parse().ok()?,
            threads: fields.next()?.parse().ok()?,
            choices_cut: fields.next()? == "1",
            outcomes: fields
                .map(|field| {
                    let (name, count) = field.rsplit_once('=')?;
                    Some((name.to_owned(), count.parse().ok()?))
                })
                .collect::<Option<Vec<_>>>()?,
        })
    }
}

/// Explores a variant in this process.
pub(super) fn main(variant: Variant) -> ExitCode {
    failure::install(variant);
    match explore(variant) {
        Ok(found) => {
            Line::Found(found).say();
            ExitCode::SUCCESS
        }
        Err(message) => {
            failure::report(variant, None, &message);
            ExitCode::from(failure::EXIT_CODE)
        }
    }
}

/// How a child ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// What it found, or the message that it failed with.
    pub(super) result: Result<Found, String>,
    /// What it wrote for people; not empty if it failed.
    pub(super) report: String,
    pub(super) elapsed: Duration,
}

/// Explores a variant in a process of its own; `number` is its control's, `progress` is told executions.
pub(super) fn run(
    name: &str,
    number: Option<usize>,
    mut progress: impl FnMut(u64),
) -> std::io::Result<Ended> {
    let start = Instant::now();
    let mut child = spawn(name, number)?;
    let mut stderr = child.stderr.take().expect("piped");
    let report = thread::spawn(move || {
        let mut report = Vec::new();
        // What could be read is better than nothing.
        let _ = stderr.read_to_end(&mut report);
        String::from_utf8_lossy(&report).into_owned()
    });
    let mut last = None;
    for line in BufReader::new(child.stdout.take().expect("piped")).lines() {
        match Line::parse(&line?) {
            Some(Line::Progress(executions)) => progress(executions),
            Some(line) => last = Some(line),
            None => {}
        }
    }
    let mut report = report.join().expect("reading does not panic");
    let status = child.wait()?;
    let result = match last {
        Some(Line::Found(found)) if status.success() => Ok(found),
        Some(Line::Failed(message)) => Err(message),
        _ => {
            let message = format!("its process ended without a word: {status}");
            report = format!("{name}\n{report}{message}\n");
            Err(message)
        }
    };
    Ok(Ended { result, report, elapsed: start.elapsed() })
}

fn spawn(name: &str, number: Option<usize>) -> std::io::Result<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(super::cli::CHILD).arg(name).args(number.map(|number| number.to_string()));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // loom's variables may not steer a run whose report does not mention them.
    let of_loom = std::env::vars_os().map(|(name, _)| name);
    for name in of_loom.filter(|name| name.to_string_lossy().starts_with("LOOM_")) {
        command.env_remove(name);
    }
    command.spawn()
}
