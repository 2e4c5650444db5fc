//! The arguments.

use std::num::NonZero;
use std::thread::available_parallelism;
use std::time::Duration;

use loopgate_model_tests::fuzzing::{TARGETS, Target};

const HELP: &str = "\
cargo campaign                   ten minutes of fuzzing, all targets in turn
cargo campaign --minutes M       so many; a fraction is fine

--target T      this target alone; may be given again
--jobs N        N fuzzers at once; else as many as there are cores
--seed N        where the fuzzers' random choices begin; else they choose, and the page tells
--sanitizer     with AddressSanitizer, but for targets with a schedule
--keep          put new inputs, minimised, into the committed corpora, under names in words
--no-clauses    do not look which clauses are reached; needs no LLVM tools

The time is shared out by weight, in brackets:
";

const STATUS: &str = "
What a campaign has found stays in target/campaign and is where the next one begins. The page is
target/campaign/report.html.

Exit status: 0 no crash, and the canary was found; 1 a crash, or no canary; 2 the arguments were not
understood.
";

/// What `--help` prints.
pub(crate) fn help() -> String {
    let rows = TARGETS.iter().map(|target| format!("  {} ({})\n", target.name, target.weight));
    format!("{HELP}{}{STATUS}", rows.collect::<String>())
}

#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) length: Duration,
    pub(crate) targets: Vec<&'static Target>,
    pub(crate) jobs: usize,
    pub(crate) seed: u32,
    pub(crate) sanitizer: bool,
    pub(crate) keep: bool,
    pub(crate) clauses: bool,
}

/// `None` if the help is wanted.
pub(crate) fn parse(arguments: &[String]) -> Result<Option<Options>, String> {
    let mut options = Options {
        length: Duration::from_secs(600),
        targets: Vec::new(),
        jobs: available_parallelism().map_or(1, NonZero::get),
        seed: 0,
        sanitizer: false,
        keep: false,
        clauses: true,
    };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut value = || rest.next().ok_or_else(|| format!("`{argument}` needs a value"));
        let wrong = |value: &str| format!("`{argument} {value}` is not understood");
        match &**argument {
            "--help" | "-h" => return Ok(None),
            "--sanitizer" => options.sanitizer = true,
            "--keep" => options.keep = true,
            "--no-clauses" => options.clauses = false,
            "--minutes" => {
                let value = value()?;
                let minutes: f64 = value.parse().map_err(|_| wrong(value))?;
                let length = Duration::try_from_secs_f64(minutes * 60.0);
                options.length =
                    length.ok().filter(|l| !l.is_zero()).ok_or_else(|| wrong(value))?;
            }
            "--jobs" => {
                let value = value()?;
                options.jobs =
                    value.parse().ok().filter(|jobs| *jobs > 0).ok_or_else(|| wrong(value))?;
            }
            "--seed" => {
                let value = value()?;
                options.seed = value.parse().map_err(|_| wrong(value))?;
            }
            "--target" => {
                let value = value()?;
                let target = TARGETS.iter().find(|target| target.name == *value);
                options
                    .targets
                    .push(target.ok_or_else(|| format!("there is no target `{value}`"))?);
            }
            _ => return Err(format!("`{argument}` is not understood")),
        }
    }
    if options.targets.is_empty() {
        options.targets = TARGETS.iter().collect();
    }
    Ok(Some(options))
}

impl Options {
    /// How long a target is fuzzed: its share of what all jobs together have.
    pub(crate) fn share(&self, target: &Target) -> Duration {
        let all: u32 = self.targets.iter().map(|target| target.weight).sum();
        let jobs = u32::try_from(self.jobs.min(self.targets.len())).unwrap_or(1);
        let share = self.length * jobs * target.weight / all;
        share.min(self.length).max(Duration::from_secs(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &str) -> Result<Option<Options>, String> {
        parse(&arguments.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn understands_what_the_help_says() {
        let all = "--minutes 0.5 --jobs 3 --seed 7 --sanitizer --keep --no-clauses --target timers";
        let options = parsed(all).unwrap().unwrap();
        assert_eq!((options.length, options.jobs, options.seed), (Duration::from_secs(30), 3, 7));
        assert!(options.sanitizer && options.keep && !options.clauses);
        assert_eq!(options.share(options.targets[0]), Duration::from_secs(30));
        assert!(parsed("-h").unwrap().is_none());
        assert_eq!(parsed("").unwrap().unwrap().targets.len(), TARGETS.len());
    }

    #[test]
    fn the_shares_of_one_job_are_its_time() {
        let options = parsed("--minutes 10 --jobs 1").unwrap().unwrap();
        let all: Duration = options.targets.iter().map(|target| options.share(target)).sum();
        assert!(all <= options.length && all > options.length.mul_f64(0.99), "{all:?}");
    }

    #[test]
    fn refuses_the_rest() {
        for wrong in ["--minutes", "--minutes 0", "--jobs 0", "--target x", "x", "--seed -1"] {
            assert!(parsed(wrong).is_err(), "{wrong}");
        }
    }
}
