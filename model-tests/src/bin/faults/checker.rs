//! Who can catch a fault: a table, in order of cost. A further checker is a further row.
//!
//! Each is built from a copy of the workspace, and then asked for one of its checks or for all of them.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::copy::Copy;
use super::fuzz::{self, Effort};
use super::guard::{self, Ended};
use super::models;

pub(crate) struct Checker {
    /// As in `Caught-by:`, and the head of its column.
    pub(crate) name: &'static str,
    /// For the help text.
    pub(crate) about: &'static str,
    kind: Kind,
    /// The longest and the shortest time that one check may be given. In between it is a multiple of what
    /// the check takes without a fault.
    limits: (Duration, Duration),
}

enum Kind {
    /// A test target; a check is a test.
    Tests {
        package: &'static str,
        /// The package's folder.
        folder: &'static str,
        target: &'static str,
    },
    /// The models; a check is a model.
    Models,
    /// The fuzz targets; a check is a target.
    Fuzz,
}

/// Cheapest first.
pub(crate) const CHECKERS: [Checker; 4] = [
    Checker {
        name: "tests",
        about: "the clauses on real threads and virtual time: kernel/tests/clauses",
        kind: Kind::Tests { package: "loopgate", folder: "kernel", target: "clauses" },
        limits: (Duration::from_secs(240), Duration::from_secs(15)),
    },
    Checker {
        name: "machine",
        about: "random programs beside the executable spec: model-tests/tests/machines",
        kind: Kind::Tests {
            package: "loopgate-model-tests",
            folder: "model-tests",
            target: "machines",
        },
        limits: (Duration::from_secs(600), Duration::from_secs(60)),
    },
    Checker {
        name: "models",
        about: "every interleaving of the models, without their controls",
        kind: Kind::Models,
        limits: (Duration::from_secs(600), Duration::from_secs(60)),
    },
    Checker {
        name: "fuzz",
        about: "the fuzz targets, a minute for all of them; asked only by `--with fuzz`",
        kind: Kind::Fuzz,
        limits: (Duration::from_secs(120), Duration::from_secs(120)),
    },
];

/// Building may have to begin with the dependencies.
const BUILD_LIMIT: Duration = Duration::from_secs(1200);

/// How a check came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Passed,
    /// It failed, after so many executions if it counts them.
    Failed {
        executions: Option<u64>,
    },
    /// It did not come to an end in time.
    Hung,
}

/// One check.
#[derive(Clone, Debug)]
pub(crate) struct Checked {
    pub(crate) name: String,
    pub(crate) verdict: Verdict,
    pub(crate) elapsed: Duration,
    /// What it wrote: of a failure, the counterexample.
    pub(crate) report: String,
}

/// What a build gave, or its output if it failed.
pub(crate) type Built = Result<PathBuf, String>;

impl Checker {
    /// Which of all checkers this is.
    pub(crate) fn find(name: &str) -> Option<usize> {
        CHECKERS.iter().position(|checker| checker.name == name)
    }

    /// Does the text of the checkout know a check of this name? Cheap, for a look without a build.
    pub(crate) fn knows(&self, sources: &super::copy::Sources, name: &str) -> bool {
        let has = |within: &dyn Fn(&str) -> bool, text: &str| {
            sources.iter().any(|(known, source)| {
                within(known) && String::from_utf8_lossy(source).contains(text)
            })
        };
        match self.kind {
            Kind::Tests { folder, target, .. } => {
                let (path, function) = match name.rsplit_once("::") {
                    Some((module, function)) => {
                        (format!("{folder}/tests/{target}/{}", module.replace("::", "/")), function)
                    }
                    None => (format!("{folder}/tests/{target}"), name),
                };
                let file = |known: &str| {
                    let rest = known.strip_prefix(&path);
                    rest.is_some_and(|rest| [".rs", "/mod.rs", "/main.rs"].contains(&rest))
                };
                has(&file, &format!("fn {function}("))
            }
            Kind::Models => {
                has(&|known| known.starts_with("model-tests/src/"), &format!("\"{name}\""))
            }
            Kind::Fuzz => fuzz::targets().any(|target| target.name == name),
        }
    }

    /// Builds it from the copy.
    pub(crate) fn build(&self, copy: &Copy) -> io::Result<Built> {
        match self.kind {
            Kind::Tests { package, target, .. } => build_tests(copy, package, target),
            Kind::Models => build_models(copy),
            Kind::Fuzz => fuzz::build(copy),
        }
    }

    /// Whether headers need not name its checks: all of them are run, up to the first that catches.
    pub(crate) fn is_a_search(&self) -> bool {
        matches!(self.kind, Kind::Fuzz)
    }

    /// The names of all its checks.
    pub(crate) fn all(&self, copy: &Copy, program: &Path) -> io::Result<Vec<String>> {
        let arguments: &[&str] = match self.kind {
            Kind::Tests { .. } => &["--list", "--format", "terse"],
            Kind::Models => &["list"],
            Kind::Fuzz => {
                return Ok(fuzz::targets().map(|target| target.name.to_owned()).collect());
            }
        };
        let ended = run(copy, program, arguments, self.limits.0)?;
        if ended.status != Some(0) {
            return Err(io::Error::other(format!("no list of {}: {}", self.name, ended.stderr)));
        }
        let lines = ended.stdout.lines();
        Ok(match self.kind {
            Kind::Tests { .. } => {
                lines.filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect()
            }
            // The models of the explorer itself do not touch the kernel.
            Kind::Models => lines
                .skip(1)
                .filter_map(|line| line.split_whitespace().next())
                .filter(|name| !name.starts_with("litmus_"))
                .map(str::to_owned)
                .collect(),
            Kind::Fuzz => Vec::new(),
        })
    }

    /// Runs one check, for no longer than `limit` or what any check is given.
    pub(crate) fn check(
        &self,
        copy: &Copy,
        program: &Path,
        name: &str,
        limit: Option<Duration>,
    ) -> io::Result<Checked> {
        let (longest, shortest) = self.limits;
        let limit = limit.unwrap_or(longest).clamp(shortest, longest);
        let ended = match self.kind {
            Kind::Tests { .. } => run(copy, program, &[name, "--exact"], limit)?,
            Kind::Models => run(copy, program, &["explore", &models::request(name)], limit)?,
            Kind::Fuzz => fuzz::run(copy, program, name, Effort::Search, limit)?,
        };
        self.judge(name, ended)
    }

    fn judge(&self, name: &str, ended: Ended) -> io::Result<Checked> {
        let failed = match self.kind {
            Kind::Tests { .. } => test_verdict(&ended),
            Kind::Models => models::verdict(&ended),
            Kind::Fuzz => fuzz::verdict(&ended),
        };
        let verdict = failed.ok_or_else(|| {
            io::Error::other(format!(
                "there is no `{name}` among the {}: {}",
                self.name, ended.stderr
            ))
        })?;
        let report = match self.kind {
            Kind::Tests { .. } => ended.stdout + &ended.stderr,
            Kind::Models => models::report(&ended),
            Kind::Fuzz => fuzz::report(&ended),
        };
        Ok(Checked { name: name.to_owned(), verdict, elapsed: ended.elapsed, report })
    }
}

impl Checker {
    /// Runs all checks. Tests run in one process if they all come to an end there: it is much faster.
    pub(crate) fn check_all(
        &self,
        copy: &Copy,
        program: &Path,
        limit: impl Fn(&str) -> Option<Duration>,
    ) -> io::Result<Vec<Checked>> {
        let names = self.all(copy, program)?;
        if let Kind::Tests { .. } = self.kind {
            let ended = run(copy, program, &[], self.limits.1 * 4)?;
            let verdicts = verdicts_of_all(&ended.stdout);
            let one = |name: String| match verdicts.get(&*name) {
                Some(verdict) => {
                    let (verdict, report) = (verdict.clone(), String::new());
                    Ok(Checked { name, verdict, elapsed: ended.elapsed, report })
                }
                // One that hangs or aborts keeps others from their turn.
                None => self.check(copy, program, &name, limit(&name)),
            };
            return names.into_iter().map(one).collect();
        }
        if self.is_a_search() {
            return self.search(copy, program, &names);
        }
        names.iter().map(|name| self.check(copy, program, name, limit(name))).collect()
    }

    /// Runs one check after the other, with little effort first, until one catches it: what that took is what
    /// all took together.
    fn search(&self, copy: &Copy, program: &Path, names: &[String]) -> io::Result<Vec<Checked>> {
        let (mut all, mut elapsed, mut before) = (Vec::new(), Duration::ZERO, 0);
        let efforts = [Effort::Corpus, Effort::Search].into_iter();
        for (effort, name) in
            efforts.flat_map(|effort| names.iter().map(move |name| (effort, name)))
        {
            let ended = fuzz::run(copy, program, name, effort, self.limits.0)?;
            let mut checked = self.judge(name, ended)?;
            elapsed += checked.elapsed;
            checked.elapsed = elapsed;
            match &mut checked.verdict {
                Verdict::Failed { executions: Some(executions) } => *executions += before,
                Verdict::Passed => before += fuzz::executions(&checked.report).unwrap_or(0),
                _ => {}
            }
            let caught = checked.verdict != Verdict::Passed;
            if caught || effort == Effort::Search {
                all.push(checked);
            }
            if caught {
                break;
            }
        }
        Ok(all)
    }
}

/// What a whole run of tests says of each.
fn verdicts_of_all(stdout: &str) -> HashMap<&str, Verdict> {
    let lines = stdout.lines().filter_map(|line| line.strip_prefix("test "));
    lines
        .filter_map(|line| {
            let (name, verdict) = line.split_once(" ... ")?;
            // A test that must panic says so after its name.
            let name = name.split(" - ").next()?;
            match verdict {
                "ok" => Some((name, Verdict::Passed)),
                "FAILED" => Some((name, Verdict::Failed { executions: None })),
                _ => None,
            }
        })
        .collect()
}

/// Tests open files by paths relative to the kernel.
fn run(copy: &Copy, program: &Path, arguments: &[&str], limit: Duration) -> io::Result<Ended> {
    guard::run(program, arguments, &copy.workspace().join("kernel"), copy.folder(), limit)
}

/// `None` if there is no such test.
fn test_verdict(ended: &Ended) -> Option<Verdict> {
    match ended.status {
        None => Some(Verdict::Hung),
        Some(0) if !ended.stdout.contains("running 1 test\n") => None,
        Some(0) => Some(Verdict::Passed),
        Some(_) => Some(Verdict::Failed { executions: None }),
    }
}

pub(crate) fn cargo(copy: &Copy, arguments: &[&str]) -> io::Result<Ended> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    guard::run(Path::new(&cargo), arguments, &copy.workspace(), copy.folder(), BUILD_LIMIT)
}

fn cargo_into(copy: &Copy, folder: &str, arguments: &[&str]) -> io::Result<Ended> {
    let target = copy.folder().join(folder);
    let target = target.to_string_lossy();
    let arguments: Vec<&str> = arguments.iter().copied().chain(["--target-dir", &target]).collect();
    cargo(copy, &arguments)
}

/// Why a build failed. One whose compiler was killed may say nothing, and nothing after it can be built.
fn complaint(ended: Ended) -> String {
    if ended.stderr.trim().is_empty() {
        let status = ended.status;
        return format!(
            "the build ended without a word, {status:?}; remove target/faults, which a killed run may \
             have left in pieces, and try again"
        );
    }
    ended.stderr
}

fn build_tests(copy: &Copy, package: &str, target: &str) -> io::Result<Built> {
    let arguments = [
        "test",
        "--locked",
        "--package",
        package,
        "--test",
        target,
        "--no-run",
        "--message-format",
        "json-render-diagnostics",
        // Nobody debugs these.
        "--config",
        "profile.dev.debug=0",
    ];
    let ended = cargo_into(copy, "native", &arguments)?;
    if ended.status != Some(0) {
        return Ok(Err(complaint(ended)));
    }
    let name = format!("\"name\":\"{target}\"");
    let program = ended.stdout.lines().filter(|line| line.contains(&name)).find_map(|line| {
        let path = line.split_once("\"executable\":\"")?.1.split_once('"')?.0;
        Some(PathBuf::from(path))
    });
    Ok(program.ok_or_else(|| format!("cargo named no executable of the test {target}")))
}

fn build_models(copy: &Copy) -> io::Result<Built> {
    let arguments = [
        "build",
        "--locked",
        "--package",
        "loopgate-model-tests",
        "--bin",
        "models",
        "--profile",
        "models",
        "--config",
        "build.rustflags=['--cfg','loom']",
        // Most of a fault's time is building: what changes with each is built fast, loom to be fast.
        "--config",
        "profile.models.opt-level=1",
        "--config",
        "profile.models.incremental=true",
        "--config",
        "profile.models.package.loom.opt-level=3",
        "--config",
        "profile.models.package.generator.opt-level=3",
    ];
    let ended = cargo_into(copy, "loom", &arguments)?;
    Ok(match ended.status {
        Some(0) => Ok(copy.folder().join("loom/models/models")),
        _ => Err(complaint(ended)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(status: Option<i32>, stdout: &str) -> Ended {
        let (stdout, stderr) = (stdout.to_owned(), String::new());
        Ended { status, stdout, stderr, elapsed: Duration::ZERO }
    }

    #[test]
    fn a_build_that_says_nothing_is_explained() {
        assert!(complaint(ended(Some(101), "")).contains("remove target/faults"));
        let told = Ended { stderr: "error: no such thing".into(), ..ended(Some(101), "") };
        assert_eq!(complaint(told), "error: no such thing");
    }

    #[test]
    fn a_test_that_did_not_run_did_not_pass() {
        let verdict = |status, stdout| test_verdict(&ended(status, stdout));
        assert_eq!(verdict(Some(0), "\nrunning 1 test\ntest a ... ok\n"), Some(Verdict::Passed));
        assert_eq!(verdict(Some(0), "\nrunning 0 tests\n"), None);
        assert_eq!(verdict(None, "\nrunning 1 test\n"), Some(Verdict::Hung));
        let failed = Some(Verdict::Failed { executions: None });
        assert_eq!(verdict(Some(101), "\nrunning 1 test\n"), failed);
        assert_eq!(verdict(Some(134), "\nrunning 1 test\n"), failed);
    }

    #[test]
    fn a_whole_run_is_read_test_by_test() {
        let text =
            "running 3 tests\ntest a ... ok\ntest b::c ... FAILED\ntest d - should panic ... ok\n";
        let verdicts = verdicts_of_all(text);
        assert_eq!(verdicts["a"], Verdict::Passed);
        assert_eq!(verdicts["b::c"], Verdict::Failed { executions: None });
        assert_eq!((&verdicts["d"], verdicts.len()), (&Verdict::Passed, 3));
    }

    #[test]
    fn cheap_looks_find_checks_by_their_text() {
        let sources = [
            ("kernel/tests/clauses/task/wait.rs", "fn t18_a() {}"),
            ("model-tests/tests/machines/laws.rs", "fn laws() {}"),
            ("model-tests/tests/machines/more/mod.rs", "fn rules() {}"),
            ("model-tests/src/models/wakeup.rs", "name: \"w2_a\","),
        ];
        let sources = sources.map(|(path, text)| (path.to_owned(), text.into())).into();
        let knows =
            |checker: &str, name| CHECKERS[Checker::find(checker).unwrap()].knows(&sources, name);
        assert!(knows("tests", "task::wait::t18_a") && !knows("tests", "task::wait::t18"));
        assert!(!knows("tests", "task::t18_a"));
        assert!(knows("machine", "laws::laws") && !knows("machine", "laws::law"));
        assert!(knows("machine", "more::rules") && !knows("machine", "rules"));
        assert!(knows("models", "w2_a") && !knows("models", "w2"));
    }
}
