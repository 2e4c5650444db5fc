//! What a runtime under test has to do, and how it can fail to.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::spec::{Outcome, Program};

/// The words of each log, as a runtime says them: a word that is not of the alphabet is an outcome that is
/// not allowed, and no reason to stop.
pub type Logs = Vec<Vec<String>>;

/// The logs as texts.
#[must_use]
pub fn logs(outcome: &Outcome) -> Logs {
    outcome.0.iter().map(|log| log.iter().map(ToString::to_string).collect()).collect()
}

/// The logs on one line, as [`Outcome`] prints them.
#[must_use]
pub fn line(logs: &Logs) -> String {
    logs.iter().map(|log| log.join("; ")).collect::<Vec<_>>().join(" | ")
}

/// Who is under test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Its name, which is also that of its [profile](super::Profile).
    pub runtime: String,
    /// Its version, for the report.
    pub version: String,
}

/// One execution that is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Unique within a suite, ascending.
    pub id: u64,
    /// What to do.
    pub program: &'a Program,
    /// Where threads race, what a runtime does to meet them in different orders begins with this number.
    pub seed: u64,
}

/// A runtime under test: something that runs programs of [`spec::program`](crate::spec::program).
///
/// Implement it for your runtime if that is written in Rust, and give it to [`serve`](super::serve) in a
/// program of its own: then a program that hangs or aborts costs one process, and not the suite. Runtimes in
/// other languages speak the protocol of [`wire`](super::wire) themselves.
pub trait Runtime {
    /// Who it is.
    ///
    /// # Errors
    /// It does not come up.
    fn identity(&mut self) -> Result<Identity, Failure>;

    /// Runs a program once, to its end, and yields the words that it wrote.
    ///
    /// # Errors
    /// Why there are none. The next program is asked for all the same.
    fn run(&mut self, request: Request<'_>) -> Result<Logs, Failure>;

    /// What it has said since, unasked, with the number of the request that it was about.
    fn afterthoughts(&mut self) -> Vec<(u64, Failure)> {
        Vec::new()
    }

    /// Nothing more will be asked; see `afterthoughts` for what it still says.
    fn finish(&mut self) {}

    /// From now on a program that takes longer than this hangs.
    fn set_patience(&mut self, _patience: Duration) {}
}

/// Why a runtime had no outcome for a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It says that it cannot do something.
    Unsupported(String),
    /// It says that it failed itself.
    Error(String),
    /// It could not be started.
    NotStarted(String),
    /// It ended before it answered.
    Crashed {
        /// How it ended.
        status: String,
        /// The last that it wrote to its standard error.
        stderr: String,
    },
    /// It did not answer in this time.
    Hung(Duration),
    /// It wrote a line that is no message.
    Garbage(String),
    /// What it said cannot be true.
    Lied(String),
}

impl Failure {
    /// One word for it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Failure::Unsupported(_) => "unsupported",
            Failure::Error(_) => "error",
            Failure::NotStarted(_) => "not started",
            Failure::Crashed { .. } => "crashed",
            Failure::Hung(_) => "hung",
            Failure::Garbage(_) => "garbage",
            Failure::Lied(_) => "lied",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Unsupported(what) => write!(
                f,
                "the driver says that it cannot do `{what}`; say so in the runtime's profile"
            ),
            Failure::Error(text) => write!(f, "the driver failed: {}", text.trim_end()),
            Failure::NotStarted(why) => write!(f, "the driver was not started: {why}"),
            Failure::Crashed { status, stderr } if stderr.is_empty() => {
                write!(f, "the driver ended ({status}) before it answered")
            }
            Failure::Crashed { status, stderr } => {
                write!(
                    f,
                    "the driver ended ({status}) before it answered; its last words: {stderr}"
                )
            }
            Failure::Hung(time) => {
                write!(f, "no answer within {:.1} s; the driver was ended", time.as_secs_f64())
            }
            Failure::Garbage(line) => {
                write!(f, "the driver wrote a line that is no message: {line}")
            }
            Failure::Lied(what) => write!(f, "the driver cannot be believed: {what}"),
        }
    }
}

impl std::error::Error for Failure {}
