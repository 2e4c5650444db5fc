//! The fuzz targets as checkers: built from a copy with a fault in it, and run for a few seconds each.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use loopgate_model_tests::fuzzing::{self, Flavour, Limits, TARGETS, Target};

use super::checker::{Built, Verdict, cargo};
use super::copy::Copy;
use super::guard::{self, Ended};

/// What all targets together have for one fault.
const ALL: Duration = Duration::from_secs(60);

/// The same choices each time, as far as a fuzzer's run repeats at all.
const SEED: u32 = 1;

/// What a target is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effort {
    /// Run its committed inputs.
    Corpus,
    /// Go on from there, for its share of the time.
    Search,
}

/// Those that look for mistakes of the kernel.
pub(crate) fn targets() -> impl Iterator<Item = &'static Target> {
    TARGETS.iter().filter(|target| !target.canary)
}

fn flavour(scheduled: bool) -> Flavour {
    Flavour { hasty: true, ..if scheduled { Flavour::SCHEDULED } else { Flavour::PLAIN } }
}

/// Builds all targets; the folder under which they are.
pub(crate) fn build(copy: &Copy) -> io::Result<Built> {
    let folder = copy.folder().join("fuzz");
    for scheduled in [false, true] {
        let names: Vec<&str> =
            targets().filter(|t| t.scheduled == scheduled).map(|target| target.name).collect();
        let flavour = flavour(scheduled);
        let (arguments, _) = fuzzing::arguments(&copy.workspace(), &folder, flavour, &names)?;
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let ended = cargo(copy, &arguments)?;
        if ended.status != Some(0) {
            return Ok(Err(ended.stderr));
        }
    }
    Ok(Ok(folder))
}

/// Runs one.
pub(crate) fn run(
    copy: &Copy,
    folder: &Path,
    name: &str,
    effort: Effort,
    limit: Duration,
) -> io::Result<Ended> {
    let target = targets().find(|target| target.name == name);
    let target = target.ok_or_else(|| io::Error::other(format!("no fuzz target {name}")))?;
    let (_, binaries) =
        fuzzing::arguments(&copy.workspace(), folder, flavour(target.scheduled), &[])?;
    let (artifacts, found) = (folder.join("artifacts"), folder.join("corpus").join(name));
    let _ = std::fs::remove_dir_all(&found);
    std::fs::create_dir_all(&artifacts)?;
    std::fs::create_dir_all(&found)?;
    let time = ALL / u32::try_from(targets().count()).unwrap_or(1);
    let mut arguments = fuzzing::fuzzer_arguments(&artifacts, Limits { time, seed: SEED });
    if effort == Effort::Corpus {
        arguments.push("-runs=0".into());
    }
    let path = |path: PathBuf| path.to_string_lossy().into_owned();
    arguments.extend([path(found), path(copy.checkout().join("fuzz/corpus").join(name))]);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    guard::run(&binaries.join(name), &arguments, copy.folder(), copy.folder(), limit)
}

/// A fuzzer that ends with an error has found something.
pub(crate) fn verdict(ended: &Ended) -> Option<Verdict> {
    match ended.status {
        None => Some(Verdict::Hung),
        Some(0) => Some(Verdict::Passed),
        // The guard's: it could not be started.
        Some(127) => None,
        Some(_) => Some(Verdict::Failed { executions: executions(&ended.stderr) }),
    }
}

/// How many inputs a fuzzer has run, by its last words.
pub(crate) fn executions(report: &str) -> Option<u64> {
    report.lines().find_map(fuzzing::executions)
}

/// What it said, without a line for each input that it kept.
pub(crate) fn report(ended: &Ended) -> String {
    let lines = ended.stderr.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fuzzer_that_dies_has_caught_it() {
        let ended = |status, stderr: &str| Ended {
            status,
            stdout: String::new(),
            stderr: stderr.into(),
            elapsed: Duration::ZERO,
        };
        let died = ended(Some(77), "#7\tNEW\nstat::number_of_executed_units: 1234\n");
        assert_eq!(verdict(&died), Some(Verdict::Failed { executions: Some(1234) }));
        assert_eq!(report(&died), "stat::number_of_executed_units: 1234\n");
        assert_eq!(verdict(&ended(Some(0), "")), Some(Verdict::Passed));
        assert_eq!(verdict(&ended(None, "")), Some(Verdict::Hung));
        assert_eq!(verdict(&ended(Some(127), "")), None);
    }
}
