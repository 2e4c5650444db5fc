//! How the kit and a driver talk: JSON, a line a message, over the driver's standard input and output.
//!
//! A driver says [`Hello`] when it has started. Then it reads a [`Question`] a line and writes an [`Answer`]
//! for each, in the order of the questions, until its input ends; then it exits. What it writes to its
//! standard error is shown when it crashes.
//!
//! ```text
//! driver: {"protocol":1,"runtime":"mine","version":"0.3"}
//! kit:    {"run":1,"seed":77,"program":{"version":1,"threads":[[{"mark":3}]]}}
//! driver: {"run":1,"outcome":[["mark 3"]]}
//! kit:    {"run":2,"seed":78,"program":{...}}
//! driver: {"run":2,"unsupported":"post_later"}
//! kit:    {"run":3,"seed":79,"program":{...}}
//! driver: {"run":3,"error":"what went wrong in the driver"}
//! ```
//!
//! An outcome is a list for each thread of the program and then one for each of its works, of the words that
//! [`Word`](crate::spec::Word) lists.

use std::io::{BufRead, Write};

use serde::{Deserialize, Serialize};

use super::runtime::{Failure, Identity, Logs, Request, Runtime};
use crate::spec::Program;

/// Of the messages. A driver that says another number is not asked anything.
pub const PROTOCOL: u32 = 1;

/// The first line of a driver.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Hello {
    /// [`PROTOCOL`].
    pub protocol: u32,
    /// Who is under test.
    #[serde(flatten)]
    pub identity: Identity,
}

/// A line of the kit.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Question<P> {
    /// Names the execution; the answer has the same.
    pub run: u64,
    /// See [`Request::seed`].
    pub seed: u64,
    /// What to run.
    pub program: P,
}

/// A line of a driver after the first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// That of the question.
    pub run: u64,
    /// What the program wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Logs>,
    /// The name of an operation that the runtime does not have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsupported: Option<String>,
    /// What went wrong in the driver itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Answer {
    /// What it says of a program.
    ///
    /// # Errors
    /// Everything but an outcome of the right shape.
    pub fn judge(self, program: &Program) -> Result<Logs, Failure> {
        let logs = match (self.outcome, self.unsupported, self.error) {
            (Some(logs), None, None) => logs,
            (None, Some(what), None) => return Err(Failure::Unsupported(what)),
            (None, None, Some(text)) => return Err(Failure::Error(text)),
            _ => {
                let what = "an answer has exactly one of `outcome`, `unsupported`, `error`";
                return Err(Failure::Lied(what.into()));
            }
        };
        let expected = program.threads.len() + program.works.len();
        if logs.len() == expected {
            return Ok(logs);
        }
        let what = format!(
            "an outcome of {} logs; the program has {} threads and {} works",
            logs.len(),
            program.threads.len(),
            program.works.len()
        );
        Err(Failure::Lied(what))
    }
}

/// Makes a driver of a runtime in Rust: speaks for it until the input ends.
///
/// # Errors
/// The pipes break, or the other side does not speak the protocol.
pub fn serve(
    runtime: &mut impl Runtime,
    questions: impl BufRead,
    mut answers: impl Write,
) -> std::io::Result<()> {
    let identity = runtime.identity().map_err(std::io::Error::other)?;
    say(&mut answers, &Hello { protocol: PROTOCOL, identity })?;
    for line in questions.lines() {
        let question: Question<Program> = serde_json::from_str(&line?)?;
        let Question { run, seed, program } = &question;
        let mut answer = Answer { run: *run, outcome: None, unsupported: None, error: None };
        match runtime.run(Request { id: *run, program, seed: *seed }) {
            Ok(logs) => answer.outcome = Some(logs),
            Err(Failure::Unsupported(what)) => answer.unsupported = Some(what),
            Err(failure) => answer.error = Some(failure.to_string()),
        }
        say(&mut answers, &answer)?;
    }
    Ok(())
}

fn say(answers: &mut impl Write, message: &impl Serialize) -> std::io::Result<()> {
    let mut line = serde_json::to_string(message)?;
    line.push('\n');
    answers.write_all(line.as_bytes())?;
    answers.flush()
}
