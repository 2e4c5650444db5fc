//! What the command line asks for.

use std::path::PathBuf;

use crate::rows::{Extent, Row};

/// The flag behind which everything is for criterion.
pub(crate) const CRITERION: &str = "--criterion";

#[derive(Default)]
pub(crate) struct Request {
    pub(crate) extent: Extent,
    pub(crate) criterion: bool,
    filter: Option<String>,
    /// The only competitor, for a profile of it.
    pub(crate) only: Option<String>,
    rounds: Option<usize>,
    /// The folder for them.
    pub(crate) plots: Option<PathBuf>,
    /// W2's wakes and system calls too.
    pub(crate) system_calls: bool,
    /// W10 too.
    pub(crate) models: bool,
    /// W9 of a program too.
    pub(crate) sizes: bool,
}

impl Request {
    /// Of this process's arguments; an error says what is wrong with them.
    pub(crate) fn from_args() -> Result<Request, String> {
        parse(std::env::args().skip(1).collect())
    }

    pub(crate) fn wants(&self, row: &Row) -> bool {
        self.filter.as_ref().is_none_or(|filter| row.name().contains(filter.as_str()))
    }

    /// Figures that are there on request alone.
    pub(crate) fn wants_more(&self) -> bool {
        self.system_calls || self.models || self.sizes
    }

    pub(crate) fn wants_competitor(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only == name)
    }

    pub(crate) fn rounds(&self, row: &Row) -> usize {
        self.rounds.unwrap_or(match self.extent {
            Extent::Smoke => 1,
            Extent::Quick => 5,
            // They take half of the time otherwise.
            Extent::Full if row.size.n >= 1_000_000 => 5,
            Extent::Full => 15,
        })
    }
}

fn parse(given: Vec<String>) -> Result<Request, String> {
    let mut request = Request::default();
    // The rest is for criterion to read.
    if given.iter().any(|argument| argument == CRITERION) {
        return Ok(Request { criterion: true, ..request });
    }
    let (mut bench, mut test, mut quick) = (false, false, false);
    let mut given = given.into_iter();
    while let Some(argument) = given.next() {
        let mut value = |what: &str| given.next().ok_or(format!("{argument} needs {what}"));
        match &*argument {
            "--bench" => bench = true,
            "--test" => test = true,
            "--quick" => quick = true,
            "--rounds" => request.rounds = Some(number(&value("a number")?)?),
            "--plots" => request.plots = Some(value("a folder")?.into()),
            "--system-calls" => request.system_calls = true,
            "--models" => request.models = true,
            "--sizes" => request.sizes = true,
            "--only" => request.only = Some(value("the name of a competitor")?),
            flag if flag.starts_with('-') => return Err(format!("{flag} is not understood")),
            _ => request.filter = Some(argument),
        }
    }
    request.extent = match (bench && !test, quick) {
        // As criterion sees it: cargo passes `--bench` when it is to be measured.
        (false, _) => Extent::Smoke,
        (true, true) => Extent::Quick,
        (true, false) => Extent::Full,
    };
    Ok(request)
}

fn number(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|number| *number > 0).ok_or(format!("{text} is no number of rounds"))
}
