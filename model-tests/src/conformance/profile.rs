//! What is known of a runtime: how its driver is started, what it lacks, and where it deviates.
//!
//! A profile is a TOML file. A deviation that is not in it fails, and so does one that is in it and does not
//! show any more: the file is true, or the suite fails.
//!
//! ```toml
//! name = "mine"
//! command = ["./my-driver", "--quiet"]
//! clock = "real"
//!
//! [lacks]
//! post_later = "there are no timers for other threads"
//!
//! [[deviation]]
//! vectors = ["d2_eight_equal_timers"]
//! shows = "outcome"
//! reason = "timers are in a heap without a second key"
//! ```
//!
//! `clock` says what a unit of a program is to the driver. On a `virtual` clock, which is what a profile that does not
//! say has, time passes when nothing else can happen, and no machine is ever late. On a `real` one a busy machine may let
//! a millisecond go by between two timers that were to be equal: there, what a program in which time is measured comes to
//! counts against the runtime only if [it keeps doing so](super::Suite).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::{fmt, fs};

use serde::Deserialize;

use crate::spec::Program;
use crate::spec::program::{Awaited, Op, Sleep, Stmt};

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
    /// Whether the machine can be late.
    #[serde(default)]
    pub clock: Clock,
    /// Operations that the runtime does not have, by name, with a reason each. Programs with them do not
    /// apply to it. What depends on more than the name of an operation has a name of the driver's own, by which
    /// it says that it cannot do it.
    #[serde(default)]
    pub lacks: BTreeMap<String, String>,
    /// Where it does what SPEC.md does not allow.
    #[serde(default, rename = "deviation")]
    pub deviations: Vec<Deviation>,
}

/// How time passes for a driver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// When nothing else can happen.
    #[default]
    Virtual,
    /// By itself.
    Real,
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
    /// The one or the other, as the race goes.
    Either,
}

impl Shows {
    /// Whether it can be seen by that.
    #[must_use]
    pub fn by(self, observed: Shows) -> bool {
        self == Shows::Either || self == observed
    }
}

impl fmt::Display for Shows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Shows::Outcome => "an outcome",
            Shows::Hang => "a hang",
            Shows::Either => "an outcome or a hang",
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
    let name = |step| match step {
        Step::Op(op) => Op::name(op),
        Step::Stmt(stmt) => Stmt::name(stmt),
        Step::Await(what) => Awaited::name(what),
    };
    steps(program).into_iter().map(name).collect()
}

/// Whether what comes of a program depends on how much time passes: something in it takes a number of units. Limits of
/// a thread's waits do not count, because any wait may run into its limit.
#[must_use]
pub fn measures_time(program: &Program) -> bool {
    steps(program).iter().any(|step| match step {
        Step::Op(op) => matches!(
            op,
            Op::Busy { .. }
                | Op::CallLater { .. }
                | Op::CallAt { .. }
                | Op::PostLater { .. }
                | Op::RunOnce { sleep: Sleep::Units(_), .. }
        ),
        Step::Stmt(stmt) => matches!(stmt, Stmt::Timeout { .. } | Stmt::WaitFor { .. }),
        Step::Await(what) => matches!(what, Awaited::Sleep(_)),
    })
}

/// One thing that a program does.
#[derive(Clone, Copy)]
pub(super) enum Step<'a> {
    Op(&'a Op),
    Stmt(&'a Stmt),
    Await(&'a Awaited),
}

/// Everything that a program does, however deep it is.
pub(super) fn steps(program: &Program) -> Vec<Step<'_>> {
    let lists = [&program.threads, &program.callbacks, &program.works];
    let mut steps: Vec<_> = lists.into_iter().flatten().flatten().map(Step::Op).collect();
    for script in &program.coroutines {
        statements(script, &mut steps);
    }
    steps
}

fn statements<'a>(block: &'a [Stmt], steps: &mut Vec<Step<'a>>) {
    for stmt in block {
        steps.push(Step::Stmt(stmt));
        match stmt {
            Stmt::Do(op) => steps.push(Step::Op(op)),
            Stmt::Await(what) | Stmt::WaitFor { what, .. } => steps.push(Step::Await(what)),
            Stmt::Timeout { body, .. } => statements(body, steps),
            Stmt::Try { body, handler: other, .. } | Stmt::Finally { body, last: other } => {
                statements(body, steps);
                statements(other, steps);
            }
            Stmt::Return(_) | Stmt::Raise(_) | Stmt::Panic(_) | Stmt::RaiseCancelled => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::program::{Limit, VERSION};

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

    #[test]
    fn a_clock_is_virtual_unless_it_is_said_to_be_real() {
        assert_eq!(Profile::parse(HEAD).unwrap().clock, Clock::Virtual);
        let real = Profile::parse(&format!("{HEAD}clock = \"real\"\n")).unwrap();
        assert_eq!(real.clock, Clock::Real);
        assert!(Profile::parse(&format!("{HEAD}clock = \"broken\"\n")).is_err());
    }

    #[test]
    fn programs_in_which_time_is_measured_are_known() {
        let with_script = |script: Vec<Stmt>| Program {
            version: VERSION,
            threads: vec![vec![Op::NewLoop(0)]],
            coroutines: vec![script],
            ..Program::default()
        };
        let with_op = |op: Op| Program::of("", vec![vec![Op::NewLoop(0), op]]);
        let inner = vec![Stmt::Await(Awaited::Sleep(1))];
        let deep = vec![Stmt::Finally { body: vec![], last: inner }];
        let body = vec![Stmt::Return(1)];
        let timed = [
            with_script(deep),
            with_script(vec![Stmt::Timeout { after: 1, body }]),
            with_script(vec![Stmt::WaitFor { after: 1, what: Awaited::Task(0) }]),
            with_op(Op::CallLater { on: 0, after: 0, callback: 0, handle: 0 }),
            with_op(Op::PostLater { on: 0, after: 0, callback: 0, handle: 0 }),
            with_op(Op::CallAt { on: 0, at: 0, callback: 0, handle: 0 }),
            with_op(Op::Busy { on: 0, units: 1 }),
            with_op(Op::RunOnce { on: 0, sleep: Sleep::Units(1) }),
        ];
        for program in timed {
            assert!(measures_time(&program), "{program:?}");
        }
        let untimed = [
            with_script(vec![Stmt::Await(Awaited::Yield)]),
            with_op(Op::RunOnce { on: 0, sleep: Sleep::Forever }),
            with_op(Op::Result { future: 0, limit: Limit::Finite }),
        ];
        for program in untimed {
            assert!(!measures_time(&program), "{program:?}");
        }
    }
}
