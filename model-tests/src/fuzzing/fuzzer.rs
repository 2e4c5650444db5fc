//! Runs a fuzzer for a while, and reads what it says.

use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long a fuzzer runs, and what on.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// It stops by itself after this.
    pub time: Duration,
    /// Where its random choices begin; zero lets it choose.
    pub seed: u32,
}

/// A line of a fuzzer's own: how far it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Inputs that were run.
    pub executions: u64,
    /// Edges that were reached.
    pub coverage: u64,
    /// Inputs that are kept.
    pub corpus: u64,
    /// At present.
    pub per_second: u64,
}

/// What came of a run.
#[derive(Clone, Debug, Default)]
pub struct Fuzzed {
    /// The last that was said.
    pub status: Status,
    /// How long it ran.
    pub elapsed: Duration,
    /// Coverage over time, in seconds.
    pub curve: Vec<(f64, u64)>,
    /// The input that it died of, if it did.
    pub crash: Option<PathBuf>,
    /// What it wrote besides its status: of a crash, the reason.
    pub output: String,
}

/// The longest input, in bytes; targets refuse longer ones.
const LONGEST: &str = "-max_len=1024";

/// Seconds that one input may take.
const PATIENCE: &str = "-timeout=10";

/// Runs a fuzzer. New inputs go to the first corpus, the others are only read; what kills it is put into
/// `artifacts`. `told` hears of each status.
///
/// # Errors
/// The fuzzer cannot be run, or it ended neither by its limit nor by a crash.
pub fn fuzz(
    program: &Path,
    corpora: &[&Path],
    artifacts: &Path,
    limits: Limits,
    mut told: impl FnMut(&Status),
) -> io::Result<Fuzzed> {
    std::fs::create_dir_all(artifacts)?;
    let mut command = Command::new(program);
    command.args(fuzzer_arguments(artifacts, limits)).args(corpora);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let began = Instant::now();
    let mut child = command.spawn()?;
    let stderr = child.stderr.take().expect("it is piped");
    let mut fuzzed = Fuzzed::default();
    let mut lines = BufReader::new(stderr).split(b'\n');
    while let Some(line) = lines.next().transpose()? {
        let line = String::from_utf8_lossy(&line);
        if let Some(status) = status(&line) {
            fuzzed.curve.push((began.elapsed().as_secs_f64(), status.coverage));
            told(&status);
            fuzzed.status = status;
        } else if let Some(executions) = executions(&line) {
            fuzzed.status.executions = executions;
        } else {
            if let Some((_, path)) = line.split_once("Test unit written to ") {
                fuzzed.crash = Some(path.trim().into());
            }
            fuzzed.output += &line;
            fuzzed.output.push('\n');
        }
    }
    let ended = child.wait()?;
    fuzzed.elapsed = began.elapsed();
    if !ended.success() && fuzzed.crash.is_none() {
        let program = program.display();
        return Err(io::Error::other(format!("{program} ended with {ended}:\n{}", fuzzed.output)));
    }
    Ok(fuzzed)
}

/// What a fuzzer is told besides its corpora.
#[must_use]
pub fn fuzzer_arguments(artifacts: &Path, limits: Limits) -> Vec<String> {
    let mut arguments: Vec<String> =
        [LONGEST, PATIENCE, "-print_final_stats=1", "-rss_limit_mb=2048"].map(String::from).into();
    arguments.push(format!("-max_total_time={}", limits.time.as_secs().max(1)));
    arguments.push(format!("-artifact_prefix={}/", artifacts.display()));
    arguments.push(format!("-seed={}", limits.seed));
    arguments
}

/// How many inputs were run, in the line with which a fuzzer ends, alive or dead.
#[must_use]
pub fn executions(line: &str) -> Option<u64> {
    line.strip_prefix("stat::number_of_executed_units: ")?.trim().parse().ok()
}

/// `#1234 NEW cov: 56 ft: 78 corp: 9/10b lim: 11 exec/s: 12 rss: 13Mb`, with a tab behind the number.
fn status(line: &str) -> Option<Status> {
    let (executions, rest) = line.strip_prefix('#')?.split_once('\t')?;
    let mut status = Status { executions: executions.parse().ok()?, ..Status::default() };
    let mut words = rest.split_whitespace();
    while let Some(word) = words.next() {
        let mut number = || words.next()?.split('/').next()?.parse().ok();
        match word {
            "cov:" => status.coverage = number()?,
            "corp:" => status.corpus = number()?,
            "exec/s:" => status.per_second = number()?,
            _ => {}
        }
    }
    (status.coverage > 0).then_some(status)
}

/// Puts as few inputs of the corpora into `into` as reach all that they reach together.
///
/// # Errors
/// The fuzzer cannot be run, or it fails.
pub fn merge(program: &Path, into: &Path, corpora: &[&Path]) -> io::Result<()> {
    merge_by(&["-merge=1"], program, into, corpora)
}

/// The same with the fewest inputs that reach each edge, however often: small enough to be committed.
///
/// # Errors
/// The fuzzer cannot be run, or it fails.
pub fn cover(program: &Path, into: &Path, corpora: &[&Path]) -> io::Result<()> {
    merge_by(&["-set_cover_merge=1", "-use_counters=0"], program, into, corpora)
}

fn merge_by(how: &[&str], program: &Path, into: &Path, corpora: &[&Path]) -> io::Result<()> {
    std::fs::create_dir_all(into)?;
    let mut command = Command::new(program);
    command.args(how).args([LONGEST, PATIENCE]).arg(into).args(corpora);
    run(command)
}

/// Makes an input that kills the fuzzer as small as `time` allows; the file of the small one.
///
/// # Errors
/// The fuzzer cannot be run.
pub fn minimize(program: &Path, crash: &Path, time: Duration) -> io::Result<PathBuf> {
    let small = crash.with_extension("small");
    let mut command = Command::new(program);
    command.args(["-minimize_crash=1", PATIENCE]).arg(crash);
    command.arg(format!("-max_total_time={}", time.as_secs().max(1)));
    command.arg(format!("-exact_artifact_path={}", small.display()));
    // It fails if nothing smaller was found: then the crash is small already.
    let _ = run(command);
    Ok(if small.is_file() { small } else { crash.to_owned() })
}

fn run(mut command: Command) -> io::Result<()> {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(io::Error::other(format!("{command:?} ended with {}:\n{text}", output.status)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_libfuzzer_says() {
        let line = "#4096\tpulse  cov: 1713 ft: 5060 corp: 210/14Kb lim: 74 exec/s: 2048 rss: 61Mb";
        let read = Status { executions: 4096, coverage: 1713, corpus: 210, per_second: 2048 };
        assert_eq!(status(line), Some(read));
        assert_eq!(status("INFO: Seed: 1"), None);
        assert_eq!(status("#1 is no status"), None);
        assert_eq!(status("#2\tINITED exec/s: 0 rss: 30Mb"), None);
    }
}
