//! What is written into logs: a word for each thing that a program observes.
//!
//! A word is a short text, the same in every language; [`Display`](fmt::Display) and [`FromStr`] are inverse to each
//! other. An [`Outcome`] is what one execution of a program has written.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::program::{Future, Raised, Value};

/// An exception, or an error that stands for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cause {
    /// `raised n`: the very object that was raised under this number.
    Raised(Raised),
    /// `exit n`: an exit request.
    Exit(u8),
    /// `cancelled`
    Cancelled,
    /// `timeout`: the error of a `timeout` around work.
    Timeout,
    /// `loop closed`: refused, or ended, because the loop is closed.
    LoopClosed,
    /// `broken promise`: the producer was dropped.
    BrokenPromise,
    /// `broken pool`: the initializer failed.
    BrokenPool,
    /// `shut down`: the pool takes no more work.
    ShutDown,
    /// `zero workers`
    ZeroWorkers,
    /// `own worker`: a worker asked to wait for its own end.
    OwnWorker,
    /// `awaits itself`
    AwaitsItself,
    /// `foreign loop`: the future belongs to another loop.
    ForeignLoop,
    /// `other coroutine`: the factory returned another coroutine's task.
    OtherCoroutine,
    /// `stopped early`: the run ended before the coroutine did.
    StoppedEarly,
    /// `already running`
    AlreadyRunning,
    /// `other loop running`: another loop runs on this thread.
    OtherLoopRunning,
    /// `not in a task`: what needs a task around it has none.
    NotInTask,
}

/// What one operation has observed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Word {
    /// `ok`
    Ok,
    /// `true`
    True,
    /// `false`
    False,
    /// `none`: no exception.
    None,
    /// `mark n`
    Mark(u8),
    /// `value n`
    Value(Value),
    /// The exception by itself, as an answer.
    Error(Cause),
    /// `reported ...`: the exception handler was told.
    Reported(Cause),
    /// `caught ...`: a coroutine caught it.
    Caught(Cause),
    /// `count n`
    Count(u8),
    /// `continue`: an iteration that asks for more.
    Continue,
    /// `stop`: an iteration that consumed a stop.
    Stop,
    /// `pending`: not done.
    Pending,
    /// `timed out`: the wait, not the work.
    TimedOut,
    /// `would deadlock`: the wait was refused.
    WouldDeadlock,
    /// `invalid, cancelled`: too late, the future is cancelled.
    InvalidCancelled,
    /// `invalid, finished`: too late, the future is running or finished.
    InvalidFinished,
    /// `empty set`: nothing to wait for.
    EmptySet,
    /// `done n n ...`: which futures are done.
    Done(Vec<Future>),
    /// `completed n`
    Completed(Future),
    /// `unfinished n`
    Unfinished(u8),
    /// `gathered n n ...`: the values.
    Gathered(Vec<Value>),
}

impl Word {
    /// The kinds of words: each without its numbers, and an exception that is an answer by its name.
    pub const KINDS: &[&str] = &[
        "ok",
        "true",
        "false",
        "none",
        "continue",
        "stop",
        "pending",
        "timed out",
        "would deadlock",
        "invalid, cancelled",
        "invalid, finished",
        "empty set",
        "mark",
        "value",
        "reported",
        "caught",
        "count",
        "completed",
        "unfinished",
        "done",
        "gathered",
        "raised",
        "exit",
        "cancelled",
        "timeout",
        "loop closed",
        "broken promise",
        "broken pool",
        "shut down",
        "zero workers",
        "own worker",
        "awaits itself",
        "foreign loop",
        "other coroutine",
        "stopped early",
        "already running",
        "other loop running",
        "not in a task",
    ];

    /// Which of [`Word::KINDS`] it is.
    ///
    /// # Panics
    /// Never: every word is of a kind.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        let text = self.to_string();
        // No kind begins with another one and a space.
        let is = |kind: &&&str| {
            text == **kind || text.strip_prefix(**kind).is_some_and(|rest| rest.starts_with(' '))
        };
        Word::KINDS.iter().find(is).expect("every word is of a kind")
    }

    /// A word for a yes or a no.
    #[must_use]
    pub fn of(answer: bool) -> Word {
        if answer { Word::True } else { Word::False }
    }
}

/// What an execution wrote into each log: those of the threads, then those of the works, in the order of
/// the program.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Outcome(pub Vec<Vec<Word>>);

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, log) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(" | ")?;
            }
            let words: Vec<String> = log.iter().map(Word::to_string).collect();
            f.write_str(&words.join("; "))?;
        }
        Ok(())
    }
}

const CAUSES: [(Cause, &str); 15] = [
    (Cause::Cancelled, "cancelled"),
    (Cause::Timeout, "timeout"),
    (Cause::LoopClosed, "loop closed"),
    (Cause::BrokenPromise, "broken promise"),
    (Cause::BrokenPool, "broken pool"),
    (Cause::ShutDown, "shut down"),
    (Cause::ZeroWorkers, "zero workers"),
    (Cause::OwnWorker, "own worker"),
    (Cause::AwaitsItself, "awaits itself"),
    (Cause::ForeignLoop, "foreign loop"),
    (Cause::OtherCoroutine, "other coroutine"),
    (Cause::StoppedEarly, "stopped early"),
    (Cause::AlreadyRunning, "already running"),
    (Cause::OtherLoopRunning, "other loop running"),
    (Cause::NotInTask, "not in a task"),
];

const WORDS: [(Word, &str); 12] = [
    (Word::Ok, "ok"),
    (Word::True, "true"),
    (Word::False, "false"),
    (Word::None, "none"),
    (Word::Continue, "continue"),
    (Word::Stop, "stop"),
    (Word::Pending, "pending"),
    (Word::TimedOut, "timed out"),
    (Word::WouldDeadlock, "would deadlock"),
    (Word::InvalidCancelled, "invalid, cancelled"),
    (Word::InvalidFinished, "invalid, finished"),
    (Word::EmptySet, "empty set"),
];

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Raised(number) => write!(f, "raised {number}"),
            Cause::Exit(code) => write!(f, "exit {code}"),
            fixed => {
                let known = CAUSES.iter().find(|(cause, _)| cause == fixed);
                f.write_str(known.expect("every other cause has a text").1)
            }
        }
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, name: &str, numbers: &[u8]| {
            f.write_str(name)?;
            numbers.iter().try_for_each(|number| write!(f, " {number}"))
        };
        match self {
            Word::Mark(number) => write!(f, "mark {number}"),
            Word::Value(value) => write!(f, "value {value}"),
            Word::Error(cause) => cause.fmt(f),
            Word::Reported(cause) => write!(f, "reported {cause}"),
            Word::Caught(cause) => write!(f, "caught {cause}"),
            Word::Count(count) => write!(f, "count {count}"),
            Word::Completed(future) => write!(f, "completed {future}"),
            Word::Unfinished(count) => write!(f, "unfinished {count}"),
            Word::Done(futures) => list(f, "done", futures),
            Word::Gathered(values) => list(f, "gathered", values),
            fixed => {
                let known = WORDS.iter().find(|(word, _)| word == fixed);
                f.write_str(known.expect("every other word has a text").1)
            }
        }
    }
}

/// A text that is no word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoWord(String);

impl fmt::Display for NoWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no word of the alphabet; see spec::Word", self.0)
    }
}

impl std::error::Error for NoWord {}

impl FromStr for Cause {
    type Err = NoWord;

    fn from_str(text: &str) -> Result<Cause, NoWord> {
        if let Some((cause, _)) = CAUSES.iter().find(|(_, known)| *known == text) {
            return Ok(*cause);
        }
        match text.split_once(' ').and_then(|(name, n)| Some((name, n.parse().ok()?))) {
            Some(("raised", number)) => Ok(Cause::Raised(number)),
            Some(("exit", code)) => Ok(Cause::Exit(code)),
            _ => Err(NoWord(text.to_owned())),
        }
    }
}

impl FromStr for Word {
    type Err = NoWord;

    fn from_str(text: &str) -> Result<Word, NoWord> {
        if let Some((word, _)) = WORDS.iter().find(|(_, known)| *known == text) {
            return Ok(word.clone());
        }
        if let Ok(cause) = text.parse() {
            return Ok(Word::Error(cause));
        }
        let (name, rest) = text.split_once(' ').unwrap_or((text, ""));
        let numbers: Option<Vec<u8>> =
            rest.split_whitespace().map(|number| number.parse().ok()).collect();
        let word = match (name, numbers.as_deref()) {
            ("reported", _) => rest.parse().ok().map(Word::Reported),
            ("caught", _) => rest.parse().ok().map(Word::Caught),
            ("mark", Some([number])) => Some(Word::Mark(*number)),
            ("value", Some([value])) => Some(Word::Value(*value)),
            ("count", Some([count])) => Some(Word::Count(*count)),
            ("completed", Some([future])) => Some(Word::Completed(*future)),
            ("unfinished", Some([count])) => Some(Word::Unfinished(*count)),
            ("done", Some(futures)) => Some(Word::Done(futures.to_vec())),
            ("gathered", Some(values)) => Some(Word::Gathered(values.to_vec())),
            _ => None,
        };
        word.ok_or_else(|| NoWord(text.to_owned()))
    }
}

impl From<Word> for String {
    fn from(word: Word) -> String {
        word.to_string()
    }
}

impl TryFrom<String> for Word {
    type Error = NoWord;

    fn try_from(text: String) -> Result<Word, NoWord> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_back() {
        let words = [
            Word::Mark(3),
            Word::Error(Cause::Raised(2)),
            Word::Error(Cause::LoopClosed),
            Word::Reported(Cause::Exit(1)),
            Word::Caught(Cause::Cancelled),
            Word::Done(vec![]),
            Word::Done(vec![0, 2]),
            Word::Gathered(vec![1]),
            Word::Unfinished(1),
        ];
        for word in words.into_iter().chain(WORDS.map(|(word, _)| word)) {
            assert_eq!(word.to_string().parse(), Ok(word.clone()), "{word}");
        }
        let causes = CAUSES.map(|(cause, _)| Word::Error(cause));
        for word in causes.into_iter().chain(WORDS.map(|(word, _)| word)) {
            assert_eq!(word.kind(), word.to_string());
        }
        assert_eq!(Word::Reported(Cause::Cancelled).kind(), "reported");
        assert_eq!(Word::Done(vec![]).kind(), "done");
        assert_eq!(Word::KINDS.len(), CAUSES.len() + 2 + WORDS.len() + 9);
        assert!("done x".parse::<Word>().is_err() && "wrong".parse::<Word>().is_err());
    }

    #[test]
    fn an_outcome_is_lists_of_texts() {
        let outcome = Outcome(vec![vec![Word::Ok, Word::Error(Cause::Timeout)], vec![]]);
        let text = serde_json::to_string(&outcome).unwrap();
        assert_eq!(text, r#"[["ok","timeout"],[]]"#);
        assert_eq!(serde_json::from_str::<Outcome>(&text).unwrap(), outcome);
    }
}
