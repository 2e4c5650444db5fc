//! Builds, fuzzes, and tells how it goes.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use loopgate_model_tests::fuzzing::{
    Flavour, Fuzzed, Limits, Status, Target, build, cover, fuzz, merge, minimize,
};

use crate::crash::{Crash, replayer};
use crate::options::{self, Options};
use crate::{reach, report};

/// How often a fuzzer's status is shown.
const STATUS_EVERY: Duration = Duration::from_secs(5);

/// A target that crashes goes on, but not for ever.
const MOST_CRASHES: usize = 3;

pub(crate) fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let done = match options::parse(&arguments) {
        Ok(Some(options)) => run(&options),
        Ok(None) => {
            print!("{}", options::help());
            return ExitCode::SUCCESS;
        }
        Err(wrong) => {
            eprint!("cargo campaign: {wrong}\n\n{}", options::help());
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("cargo campaign: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Where everything is.
pub(crate) struct Places {
    pub(crate) root: PathBuf,
    /// What is built for fuzzing.
    pub(crate) built: PathBuf,
    /// What a campaign leaves.
    pub(crate) folder: PathBuf,
}

impl Places {
    fn find() -> io::Result<Places> {
        let here = env::current_dir()?;
        let root = here.ancestors().find(|folder| folder.join("SPEC.md").is_file());
        let root = root.ok_or_else(|| io::Error::other("no SPEC.md here or above"))?.to_owned();
        Ok(Places { built: root.join("target/fuzz"), folder: root.join("target/campaign"), root })
    }

    pub(crate) fn committed(&self, target: &Target) -> PathBuf {
        self.root.join("fuzz/corpus").join(target.name)
    }

    /// What fuzzers have found so far.
    pub(crate) fn corpus(&self, target: &Target) -> PathBuf {
        self.folder.join(target.name).join("corpus")
    }
}

/// What came of one target.
pub(crate) struct Outcome {
    pub(crate) target: &'static Target,
    pub(crate) fuzzed: Fuzzed,
    /// One for each reason.
    pub(crate) crashes: Vec<Crash>,
}

impl Outcome {
    fn is_fine(&self) -> bool {
        // The canary is what has to be found.
        self.crashes.is_empty() != self.target.canary
    }
}

/// True if nothing was found but the canary.
fn run(options: &Options) -> io::Result<bool> {
    let places = Places::find()?;
    // What is missing is said before the time is spent.
    let reach =
        if options.clauses { Some(reach::prepare(&places, &options.targets)?) } else { None };
    let programs = build_all(&places, options)?;
    let outcomes = fuzz_all(&places, options, &programs)?;
    let reached = reach.map(|reach| reach.measure(&places, &options.targets)).transpose()?;
    if options.keep {
        let all = options.targets.iter().zip(&programs);
        for (target, program) in all.filter(|(target, _)| !target.canary) {
            let kept = keep(&places, target, program)?;
            println!("{}: {kept} inputs are new in its corpus", target.name);
        }
    }
    let page = places.folder.join("report.html");
    fs::write(&page, report::page(options, &outcomes, reached.as_ref()))?;
    print!("{}", report::text(&outcomes, reached.as_ref()));
    for crash in outcomes.iter().flat_map(|outcome| &outcome.crashes) {
        print!("{crash}");
    }
    println!("{}", page.display());
    Ok(outcomes.iter().all(Outcome::is_fine))
}

/// The fuzzer of each target.
fn build_all(places: &Places, options: &Options) -> io::Result<Vec<PathBuf>> {
    let flavour = |target: &Target| Flavour {
        sanitizer: options.sanitizer && !target.scheduled,
        ..target.flavour()
    };
    let mut programs = vec![PathBuf::new(); options.targets.len()];
    for scheduled in [false, true] {
        let of_it = options.targets.iter().filter(|target| target.scheduled == scheduled);
        let names: Vec<&str> = of_it.clone().map(|target| target.name).collect();
        let Some(first) = of_it.clone().next() else { continue };
        let (command, folder) = build(&places.root, &places.built, flavour(first), &names)?;
        finish(command)?;
        for (program, target) in programs.iter_mut().zip(&options.targets) {
            if target.scheduled == scheduled {
                *program = folder.join(target.name);
            }
        }
    }
    Ok(programs)
}

/// Runs a build, whose output is for whoever waits.
pub(crate) fn finish(mut command: Command) -> io::Result<()> {
    let status = command.status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other("the fuzz targets do not build")) }
}

/// As many targets at a time as there are jobs.
fn fuzz_all(places: &Places, options: &Options, programs: &[PathBuf]) -> io::Result<Vec<Outcome>> {
    let queue = Mutex::new(options.targets.iter().copied().zip(programs).enumerate());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let job = || {
        let mut done = Vec::new();
        while let Some((index, (target, program))) = next() {
            done.push((index, fuzz_one(places, options, target, program)?));
        }
        io::Result::Ok(done)
    };
    let done = thread::scope(|scope| {
        let jobs: Vec<_> = (0..options.jobs).map(|_| scope.spawn(job)).collect();
        let ended = jobs.into_iter().map(|job| job.join().expect("it returns its errors"));
        ended.collect::<io::Result<Vec<_>>>()
    })?;
    let mut outcomes: Vec<(usize, Outcome)> = done.into_iter().flatten().collect();
    outcomes.sort_by_key(|(index, _)| *index);
    Ok(outcomes.into_iter().map(|(_, outcome)| outcome).collect())
}

/// Fuzzes one target for its share of the time, and goes on after a crash.
fn fuzz_one(
    places: &Places,
    options: &Options,
    target: &'static Target,
    program: &Path,
) -> io::Result<Outcome> {
    let (corpus, committed) = (places.corpus(target), places.committed(target));
    let artifacts = places.folder.join(target.name).join("crashes");
    if target.canary {
        // Found anew each time.
        let _ = fs::remove_dir_all(&corpus);
    }
    fs::create_dir_all(&corpus)?;
    let (share, began) = (options.share(target), Instant::now());
    let mut outcome = Outcome { target, fuzzed: Fuzzed::default(), crashes: Vec::new() };
    while began.elapsed() < share && outcome.crashes.len() < MOST_CRASHES {
        let limits = Limits { time: share - began.elapsed(), seed: options.seed };
        let mut shown = Instant::now();
        let fuzzed = fuzz(program, &[&corpus, &committed], &artifacts, limits, |status| {
            if shown.elapsed() >= STATUS_EVERY {
                shown = Instant::now();
                show(target, began.elapsed(), status, outcome.crashes.len());
            }
        })?;
        show(target, began.elapsed(), &fuzzed.status, outcome.crashes.len());
        let crashed = fuzzed.crash.clone();
        outcome.add(fuzzed, began.elapsed());
        let Some(input) = crashed else { break };
        let small = minimize(program, &input, (share / 4).min(Duration::from_secs(30)))?;
        let crash = Crash::new(places, target, &small, &outcome.fuzzed.output)?;
        if target.canary || outcome.crashes.iter().any(|known| known.reason == crash.reason) {
            if target.canary {
                outcome.crashes.push(crash);
            }
            break;
        }
        outcome.crashes.push(crash);
    }
    if !target.canary {
        shrink(program, &corpus, &committed)?;
    }
    Ok(outcome)
}

impl Outcome {
    /// One run more.
    fn add(&mut self, fuzzed: Fuzzed, until: Duration) {
        let offset = (until - fuzzed.elapsed).as_secs_f64();
        let before = self.fuzzed.status.executions;
        let mut curve = std::mem::take(&mut self.fuzzed.curve);
        curve.extend(fuzzed.curve.iter().map(|(at, coverage)| (at + offset, *coverage)));
        let elapsed = self.fuzzed.elapsed + fuzzed.elapsed;
        self.fuzzed = Fuzzed { curve, elapsed, ..fuzzed };
        self.fuzzed.status.executions += before;
    }
}

/// A line for those who wait. Jobs take turns by lines.
fn show(target: &Target, elapsed: Duration, status: &Status, crashes: usize) {
    let mut line = String::new();
    let Status { executions, coverage, corpus, .. } = status;
    let rate = executions.checked_div(elapsed.as_secs()).unwrap_or(0);
    let _ =
        write!(line, "{:14} {:>4} s  {executions:>9} executions", target.name, elapsed.as_secs());
    let _ = write!(
        line,
        "  {rate:>6}/s  coverage {coverage:>5}  corpus {corpus:>5}  crashes {crashes}"
    );
    println!("{line}");
    let _ = io::stdout().flush();
}

/// Replaces the found corpus by as few inputs as reach the same, besides what is committed.
fn shrink(program: &Path, corpus: &Path, committed: &Path) -> io::Result<()> {
    let small = corpus.with_extension("small");
    let _ = fs::remove_dir_all(&small);
    // What is there already need not be kept twice: it goes in first and is taken out again.
    let there = copy_inputs(committed, &small)?;
    merge(program, &small, &[corpus])?;
    there.into_iter().try_for_each(fs::remove_file)?;
    fs::remove_dir_all(corpus)?;
    fs::rename(&small, corpus)
}

/// Copies every file of a folder into a new one; the copies.
fn copy_inputs(from: &Path, into: &Path) -> io::Result<Vec<PathBuf>> {
    fs::create_dir_all(into)?;
    let mut copies = Vec::new();
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let copy = into.join(path.file_name().unwrap_or_default());
        fs::copy(&path, &copy)?;
        copies.push(copy);
    }
    Ok(copies)
}

/// Adds to the committed corpus the fewest found inputs that reach what it does not, each under a name in words;
/// how many there were.
fn keep(places: &Places, target: &Target, program: &Path) -> io::Result<usize> {
    let (committed, chosen) =
        (places.committed(target), places.corpus(target).with_extension("kept"));
    let _ = fs::remove_dir_all(&chosen);
    let there = copy_inputs(&committed, &chosen)?;
    cover(program, &chosen, &[&places.corpus(target)])?;
    let rewriter = replayer(places, target)?;
    let mut count = 0;
    for entry in fs::read_dir(&chosen)? {
        let path = entry?.path();
        if there.contains(&path) {
            continue;
        }
        // As it is encoded, so that a change of the alphabet is noticed.
        let rewritten = Command::new(&rewriter).arg("--rewrite").arg(&path).output()?;
        if rewritten.status.success() && path.exists() {
            fs::copy(&path, committed.join(reach::name(places, target, &path)?))?;
            count += 1;
        }
    }
    Ok(count)
}
