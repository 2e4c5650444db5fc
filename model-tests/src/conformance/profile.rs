//! What is known of a runtime: how its driver is started, what it lacks, and where it deviates.
//!
//! A profile is a TOML file. A deviation that is not in it fails, and so does one that is in it and does not
//! show any more: the file is true, or the suite fails.
//!
//! ```toml
//! name = "mine"
//! command = ["./my-driver", "--quiet"]
//!
//! [lacks]
//! post_later = "there are no timers for other threads"
//!
//! [[deviation]]
//! vectors = ["d2_eight_equal_timers"]
//! shows = "outcome"
//! reason = "timers are in a heap without a second key"
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::{fmt, fs};

use serde::Deserialize;

use crate::spec::Program;
use crate::spec::program::{Awaited, Op, Stmt};

/// One runtime's.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// That of the runtime; the driver says the same.
    pub name: String,
    /// How to start the driver, from the folder that this file's parent is in. `@self` is this program and
    /// `@python` the interpreter that has what `requirements` names.
    pub command: Vec<String>,
    /// A file for pip, with hashes: what the driver needs. It is installed in a folder for caches.
    #[serde(default)]
    pub requirements: Option<String>,
    /// Operations that the runtime does not have, by name, with a reason each. Programs with them do not
    /// apply to it.
    #[serde(default)]
    pub lacks: BTreeMap<String, String>,
    /// Where it does what SPEC.md does not allow.
    #[serde(default, rename = "deviation")]
    pub deviations: Vec<Deviation>,
}

/// Some vectors that a runtime does not pass, for one reason.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deviation {
    /// Their names.
    pub vectors: Vec<String>,
    /// How it can be seen.
    pub shows: Shows,
    /// Why the runtime is as it is.
    pub reason: String,
}

/// How a deviation can be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shows {
    /// By an outcome that is not allowed.
    Outcome,
    /// The program does not end.
    Hang,
}

impl fmt::Display for Shows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Shows::Outcome => "an outcome",
            Shows::Hang => "a hang",
        })
    }
}

impl Profile {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(path: &Path) -> Result<Profile, String> {
        let about = |why: String| format!("{}: {why}", path.display());
        let text = fs::read_to_string(path).map_err(|error| about(error.to_string()))?;
        Profile::parse(&text).map_err(about)
    }

    /// Reads the text of one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Profile, String> {
        let profile: Profile = toml::from_str(text).map_err(|error| error.to_string())?;
        if profile.command.is_empty() {
            return Err("`command` is empty".into());
        }
        let mut named = BTreeSet::new();
        for deviation in &profile.deviations {
            if deviation.reason.trim().is_empty() {
                let vectors = deviation.vectors.join(", ");
                return Err(format!("the deviation of {vectors} has no reason"));
            }
            for vector in &deviation.vectors {
                if !named.insert(vector) {
                    return Err(format!("{vector} has two deviations"));
                }
            }
        }
        if let Some((name, _)) = profile.lacks.iter().find(|(_, reason)| reason.trim().is_empty()) {
            return Err(format!("no reason is given why `{name}` is lacking"));
        }
        Ok(profile)
    }

    /// The deviation that a vector is named in.
    #[must_use]
    pub fn deviation(&self, vector: &str) -> Option<&Deviation> {
        self.deviations.iter().find(|one| one.vectors.iter().any(|name| name == vector))
    }

    /// The first operation of a program that the runtime lacks, with the reason.
    #[must_use]
    pub fn lacking(&self, program: &Program) -> Option<(&str, &str)> {
        let used = operations(program);
        let mut lacks = self.lacks.iter();
        lacks.find(|(name, _)| used.contains(*name)).map(|(name, reason)| (&**name, &**reason))
    }
}

/// The names of everything that a program does: of operations, statements and awaits.
#[must_use]
pub fn operations(program: &Program) -> BTreeSet<String> {
    let lists = [&program.threads, &program.callbacks, &program.works];
    let mut names: BTreeSet<String> = lists.into_iter().flatten().flatten().map(Op::name).collect();
    for script in &program.coroutines {
        statements(script, &mut names);
    }
    names
}

fn statements(block: &[Stmt], names: &mut BTreeSet<String>) {
    for stmt in block {
        names.insert(stmt.name());
        match stmt {
            Stmt::Do(op) => {
                names.insert(op.name());
            }
            Stmt::Await(what) | Stmt::WaitFor { what, .. } => {
                names.insert(Awaited::name(what));
            }
            Stmt::Timeout { body, .. } => statements(body, names),
            Stmt::Try { body, handler: other, .. } | Stmt::Finally { body, last: other } => {
                statements(body, names);
                statements(other, names);
            }
            Stmt::Return(_) | Stmt::Raise(_) | Stmt::Panic(_) | Stmt::RaiseCancelled => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::program::VERSION;

    const HEAD: &str = "name = \"mine\"\ncommand = [\"driver\"]\n";

    #[test]
    fn what_is_wrong_with_a_profile_is_said() {
        let deviation = |vectors: &str, reason: &str| {
            format!("[[deviation]]\nvectors = {vectors}\nshows = \"hang\"\nreason = \"{reason}\"\n")
        };
        let wrong = [
            ("name = \"mine\"\ncommand = []\n".to_owned(), "`command` is empty"),
            (format!("{HEAD}[lacks]\nmark = \" \"\n"), "why `mark` is lacking"),
            (format!("{HEAD}{}", deviation("[\"a\"]", "")), "of a has no reason"),
            (format!("{HEAD}{}", deviation("[\"a\", \"a\"]", "why")), "a has two deviations"),
            (format!("{HEAD}pass = true\n"), "unknown field"),
        ];
        for (text, piece) in wrong {
            let error = Profile::parse(&text).unwrap_err();
            assert!(error.contains(piece), "{error}");
        }
    }

    #[test]
    fn what_is_lacking_is_found_however_deep_it_is() {
        let text = format!("{HEAD}[lacks]\nforeign = \"none\"\ntimeout = \"none\"\n");
        let profile = Profile::parse(&text).unwrap();
        let program = |script: Vec<Stmt>| Program {
            version: VERSION,
            threads: vec![vec![Op::NewLoop(0)]],
            coroutines: vec![script],
            ..Program::default()
        };
        let inner = vec![Stmt::Await(Awaited::Foreign(0))];
        let deep = vec![Stmt::Finally { body: vec![], last: inner }];
        assert_eq!(profile.lacking(&program(deep)), Some(("foreign", "none")));
        assert_eq!(profile.lacking(&program(vec![Stmt::Await(Awaited::Yield)])), None);
    }
}
