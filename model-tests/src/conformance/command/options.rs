//! The arguments.

use std::path::PathBuf;

pub(super) const HELP: &str = "\
cargo conformance                  every runtime of the project on every vector
cargo conformance NAME...          the vectors whose names contain one of the words
cargo conformance list             name the vectors
cargo conformance --differential N draw N programs and compare the kernel, the spec and asyncio
cargo conformance --write          compute what is allowed, and write the vectors anew
cargo conformance --help           print this text

--runtime NAME    this runtime: kernel, asyncio, uvloop or tokio; may be given again
--profile FILE    a runtime of yours, by its profile
--vectors DIR     vectors from there instead of model-tests/conformance/vectors
--rounds N        how often a program with races is run, instead of 20
--seed N          where the random numbers begin, instead of 1
--json FILE       write every verdict there as JSON
--html FILE       write the page there, instead of target/conformance.html
--verbose         print every verdict, and not only failures
--serve NAME      be the driver of kernel or tokio, for others who know the protocol

Exit status: 0 everything is as it should be or as its profile says, 1 something is not, 2 the arguments
were not understood or a runtime did not come up.
";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Measure,
    List,
    Write,
    /// Draw so many programs and compare.
    Differential(u64),
    /// Be the driver of a runtime.
    Serve(String),
    Help,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) action: Action,
    pub(super) names: Vec<String>,
    pub(super) runtimes: Vec<String>,
    pub(super) profiles: Vec<PathBuf>,
    pub(super) vectors: Option<PathBuf>,
    pub(super) rounds: u32,
    pub(super) seed: u64,
    pub(super) json: Option<PathBuf>,
    pub(super) html: Option<PathBuf>,
    pub(super) verbose: bool,
}

pub(super) fn parse(arguments: &[String]) -> Result<Options, String> {
    let mut options = Options {
        action: Action::Measure,
        names: Vec::new(),
        runtimes: Vec::new(),
        profiles: Vec::new(),
        vectors: None,
        rounds: 20,
        seed: 1,
        json: None,
        html: None,
        verbose: false,
    };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut value = || rest.next().ok_or_else(|| format!("`{argument}` needs a value"));
        match &**argument {
            "--help" | "-h" => options.action = Action::Help,
            "--write" => options.action = Action::Write,
            "--differential" => {
                let value = value()?;
                let programs = value.parse().ok().filter(|programs| *programs > 0);
                let programs = programs
                    .ok_or_else(|| format!("`--differential {value}` is no number of programs"))?;
                options.action = Action::Differential(programs);
            }
            "--serve" => options.action = Action::Serve(value()?.clone()),
            "--runtime" => options.runtimes.push(value()?.clone()),
            "--profile" => options.profiles.push(value()?.into()),
            "--vectors" => options.vectors = Some(value()?.into()),
            "--json" => options.json = Some(value()?.into()),
            "--html" => options.html = Some(value()?.into()),
            "--verbose" => options.verbose = true,
            "--rounds" => {
                let value = value()?;
                let rounds = value.parse().ok().filter(|rounds| *rounds > 0);
                options.rounds =
                    rounds.ok_or_else(|| format!("`--rounds {value}` is no number of rounds"))?;
            }
            "--seed" => {
                let value = value()?;
                options.seed =
                    value.parse().map_err(|_| format!("`--seed {value}` is no number"))?;
            }
            "list" if options.names.is_empty() => options.action = Action::List,
            name if name.starts_with('-') || name.is_empty() => {
                return Err(format!("`{name}` is not understood"));
            }
            name => options.names.push(name.to_owned()),
        }
    }
    if let Action::Differential(_) = options.action {
        refuse_for_differential(&options)?;
    }
    if !options.profiles.is_empty() && !options.runtimes.is_empty() {
        return Err("`--profile` is instead of `--runtime`".into());
    }
    Ok(options)
}

/// What makes no sense for programs that are drawn.
fn refuse_for_differential(options: &Options) -> Result<(), String> {
    let wrong = [
        (!options.names.is_empty(), "the name of a vector"),
        (!options.profiles.is_empty(), "`--profile`"),
        (options.vectors.is_some(), "`--vectors`"),
        (options.json.is_some(), "`--json`"),
        (options.html.is_some(), "`--html`"),
    ];
    match wrong.iter().find(|(given, _)| *given) {
        Some((_, what)) => {
            Err(format!("`--differential` draws its programs: it does not go with {what}"))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &str) -> Result<Options, String> {
        parse(&arguments.split_whitespace().map(String::from).collect::<Vec<_>>())
    }

    #[test]
    fn arguments_are_understood_or_refused() {
        let options = parsed("--runtime uvloop f9 --rounds 3 --json out.json h1").unwrap();
        assert_eq!(options.names, ["f9", "h1"]);
        assert_eq!(options.rounds, 3);
        assert_eq!(parsed("list h1").unwrap().action, Action::List);
        let drawn = parsed("--differential 9 --seed 4").unwrap();
        assert_eq!((drawn.action, drawn.seed), (Action::Differential(9), 4));
        let wrong = [
            ("--rounds 0", "no number of rounds"),
            ("--differential", "needs a value"),
            ("--differential some", "no number of programs"),
            ("--differential 0", "no number of programs"),
            ("--differential 9 h1", "does not go with the name of a vector"),
            ("--differential 9 --json out.json", "does not go with `--json`"),
            ("--seed x", "no number"),
            ("--json", "needs a value"),
            ("--fast", "not understood"),
            ("--runtime uvloop --profile mine.toml", "instead of"),
        ];
        for (arguments, piece) in wrong {
            let error = parsed(arguments).unwrap_err();
            assert!(error.contains(piece), "{error}");
        }
    }
}
