//! The arguments.

use std::time::Duration;

/// What `--help` prints.
pub(crate) const HELP: &str = "\
cargo soak                   ten minutes of everything at once, on real threads
cargo soak --minutes M       so many; a fraction is fine

--seed N        begins the random choices there, instead of at a seed that is printed
--memory MIB    the process may have so much memory, else 512; a leak ends it
--report PATH   the page with the figures; else target/soak/report.html

Exit status: 0 nothing was lost, 1 something was, 2 the arguments were not understood.
";

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Options {
    pub(crate) length: Duration,
    pub(crate) seed: Option<u64>,
    /// In MiB.
    pub(crate) memory: u64,
    pub(crate) report: String,
}

/// `None` if the help is wanted.
pub(crate) fn parse(arguments: &[String]) -> Result<Option<Options>, String> {
    let mut options = Options {
        length: Duration::from_secs(600),
        seed: None,
        memory: 512,
        report: "target/soak/report.html".into(),
    };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        if matches!(&**argument, "--help" | "-h") {
            return Ok(None);
        }
        let known = ["--minutes", "--seed", "--memory", "--report"].contains(&&**argument);
        let value = rest.next().filter(|_| known);
        let value =
            value.ok_or_else(|| format!("`{argument}` is not understood, or has no value"))?;
        let wrong = || format!("`{argument} {value}` is no such number");
        match &**argument {
            "--minutes" => {
                let minutes: f64 = value.parse().map_err(|_| wrong())?;
                let length = Duration::try_from_secs_f64(minutes * 60.0).map_err(|_| wrong())?;
                if length.is_zero() {
                    return Err(wrong());
                }
                options.length = length;
            }
            "--seed" => options.seed = Some(value.parse().map_err(|_| wrong())?),
            "--memory" => options.memory = value.parse().map_err(|_| wrong())?,
            _ => options.report.clone_from(value),
        }
    }
    Ok(Some(options))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &str) -> Result<Option<Options>, String> {
        parse(&arguments.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn understands_what_the_help_says() {
        let options = parsed("--minutes 0.5 --seed 7 --memory 64 --report x").unwrap().unwrap();
        assert_eq!(options.length, Duration::from_secs(30));
        assert_eq!((options.seed, options.memory, &*options.report), (Some(7), 64, "x"));
        assert_eq!(parsed("").unwrap().unwrap().length, Duration::from_secs(600));
        assert_eq!(parsed("-h"), Ok(None));
    }

    #[test]
    fn refuses_the_rest() {
        for wrong in [
            "--minutes",
            "--minutes x",
            "--minutes -1",
            "--minutes 0",
            "--seed x",
            "soak",
            "--bogus 1",
        ] {
            assert!(parsed(wrong).is_err(), "{wrong}");
        }
    }
}
