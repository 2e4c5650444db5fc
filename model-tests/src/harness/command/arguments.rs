//! The command line, read before anything is run.

use std::num::NonZero;
use std::path::PathBuf;
use std::thread::available_parallelism;

use crate::harness::books::class::Class;
use crate::harness::books::shard::Shard;

/// What `--help` prints.
pub(crate) const HELP: &str = "\
cargo models                 run every model and its controls, and compare with the ledger
cargo models run NAME...     run these models and their controls
cargo models list            name every model and what it asks
cargo models explain NAME    run one model; print its outcomes, how often each came up, and the
                             shortest interleaving of each; without its controls and the ledger
cargo models replay FILE     run the one execution of a replay.json again
cargo models --help          print this text

Every interleaving of a model's threads is explored, unless the table says `bounded`. A control is a
variant of a model that must fail. What a model comes to is compared with model-tests/ledger.toml, and
its outcomes with those that the executable spec allows: the first table has both.

  --class CLASS      quick (if none is named): the bounds that the models state;
                     nightly: one preemption more than they state; deep: any number of them.
                     Models without a bound are run in each class, controls at the stated bounds.
  --record           write the counts of this run into the ledger; what fails is not recorded
  --shard K/N        run the Kth of N parts of the suite; together they are all of it
  --json FILE        write the verdicts to FILE as well
  --keep-controls    write the counterexamples of the controls, too
  --jobs N           run N processes at once; else as many as there are cores

A failure is printed, and written to target/models/NAME, or NAME-CONTROL, in the checkout:
counterexample.txt and counterexample.html, and replay.json for `cargo models replay`. `explain` writes
target/models/NAME/explain.html.

The file of --json is one object: `class`; `holds`, false if anything failed; `stale`, the names in the
ledger that are no model; and `models`, an array of objects:
  name, clauses, threads   as in the list
  class, preemptions, choices
                           the bounds it was run with; preemptions is null if there is none
  holds                    whether the model, its controls and its row in the ledger are as they must be
  exploration              `complete`, `bounded at ...`, or `failed`
  executions, outcomes     exact numbers, null if the model failed; outcomes is an object
  histories                how many different things the threads did and saw, and a digest of them all,
                           as in the ledger; null if the model failed
  spec                     how its outcomes are what the spec allows, as text; null if they are not
  controls                 `number` of them, and how many were `caught`
  seconds                  the time of the model without its controls
  failures                 the reports, as text

Exit status: 0 everything holds; 1 something does not, or a replay failed as it had before; 2 the
arguments or the replay file cannot be used, and nothing was run; 3 a replay went another way.
";

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    List,
    Run(Run),
    Explain { name: String, class: Class },
    Replay { file: PathBuf },
}

/// How models are to be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// Which; empty is all.
    pub(crate) names: Vec<String>,
    pub(crate) class: Class,
    pub(crate) record: bool,
    pub(crate) shard: Option<Shard>,
    pub(crate) json: Option<PathBuf>,
    pub(crate) keep_controls: bool,
    pub(crate) jobs: usize,
}

/// The options, each as it was given.
#[derive(Default)]
struct Given {
    class: Option<Class>,
    record: Option<()>,
    shard: Option<Shard>,
    json: Option<PathBuf>,
    keep_controls: Option<()>,
    jobs: Option<usize>,
}

/// Reads the arguments; an error says what is wrong with them.
pub(crate) fn parse(arguments: &[String]) -> Result<Command, String> {
    let (words, given) = split(arguments)?;
    match words[..] {
        ["--help"] => Ok(Command::Help),
        ["list"] => given.only(&[]).map(|_| Command::List),
        ["replay", file] => given.only(&[]).map(|_| Command::Replay { file: file.into() }),
        ["replay", ..] => Err("replay needs the replay.json of one counterexample".into()),
        ["explain", name] => {
            let given = given.only(&["--class", "--jobs"])?;
            Ok(Command::Explain { name: name.into(), class: given.class.unwrap_or_default() })
        }
        ["explain", ..] => Err("explain needs the name of one model".into()),
        ["run"] => Err("run needs the names of models; without `run` all are run".into()),
        ["run", ref names @ ..] => {
            if let Some(name) = names
                .iter()
                .enumerate()
                .find_map(|(index, name)| names[..index].contains(name).then_some(name))
            {
                return Err(format!("`{name}` is named twice"));
            }
            if given.shard.is_some() {
                return Err(
                    "--shard is a part of the whole suite, and does not go with names".into()
                );
            }
            given.run(names)
        }
        [] => given.run(&[]),
        _ => Err(format!("`{}` is not understood", words.join(" "))),
    }
}

/// Splits the options off the words.
fn split(arguments: &[String]) -> Result<(Vec<&str>, Given), String> {
    let mut words = Vec::new();
    let mut given = Given::default();
    let mut rest = arguments.iter().map(String::as_str);
    while let Some(argument) = rest.next() {
        let (option, attached) = match argument.split_once('=') {
            Some((option, value)) if option.starts_with("--") => (option, Some(value)),
            _ => (argument, None),
        };
        let mut value = || {
            let value = attached.or_else(|| rest.next()).filter(|value| !value.is_empty());
            value.ok_or_else(|| format!("{option} needs a value"))
        };
        let again = match option {
            "--class" => given.class.replace(value()?.parse()?).is_some(),
            "--shard" => given.shard.replace(value()?.parse()?).is_some(),
            "--json" => given.json.replace(value()?.into()).is_some(),
            "--jobs" => given.jobs.replace(number(value()?)?).is_some(),
            "--record" if attached.is_none() => given.record.replace(()).is_some(),
            "--keep-controls" if attached.is_none() => given.keep_controls.replace(()).is_some(),
            "-h" | "--help" => {
                // Whoever asks for help gets it, whatever else is there.
                return Ok((vec!["--help"], Given::default()));
            }
            _ if argument.starts_with('-') => return Err(format!("`{argument}` is no option")),
            _ => {
                words.push(argument);
                false
            }
        };
        if again {
            return Err(format!("{option} is given twice"));
        }
    }
    Ok((words, given))
}

fn number(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| format!("--jobs needs a number of processes, not `{text}`"))
}

impl Given {
    /// Refuses every option but these.
    fn only(self, allowed: &[&str]) -> Result<Given, String> {
        let all = [
            ("--class", self.class.is_some()),
            ("--record", self.record.is_some()),
            ("--shard", self.shard.is_some()),
            ("--json", self.json.is_some()),
            ("--keep-controls", self.keep_controls.is_some()),
            ("--jobs", self.jobs.is_some()),
        ];
        match all.into_iter().find(|(option, given)| *given && !allowed.contains(option)) {
            Some((option, _)) => Err(format!("{option} does not go with this command")),
            None => Ok(self),
        }
    }

    fn run(self, names: &[&str]) -> Result<Command, String> {
        if self.record.is_some() && self.shard.is_some() {
            return Err(
                "--record does not go with --shard: the parts follow from the ledger".into()
            );
        }
        Ok(Command::Run(Run {
            names: names.iter().map(|name| (*name).into()).collect(),
            class: self.class.unwrap_or_default(),
            record: self.record.is_some(),
            shard: self.shard,
            json: self.json,
            keep_controls: self.keep_controls.is_some(),
            jobs: self.jobs.unwrap_or_else(|| available_parallelism().map_or(1, NonZero::get)),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Command, String> {
        let arguments: Vec<String> = line.split_whitespace().map(String::from).collect();
        parse(&arguments)
    }

    fn run(line: &str) -> Run {
        match read(line) {
            Ok(Command::Run(run)) => run,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn without_a_word_everything_is_run_in_the_quick_class() {
        let all = run("");
        assert_eq!((all.names.len(), all.class, all.record), (0, Class::Quick, false));
        assert_eq!((all.shard, all.json, all.keep_controls), (None, None, false));
        assert!(all.jobs > 0);
    }

    #[test]
    fn options_stand_anywhere_and_take_their_value_either_way() {
        let some = run("--class nightly run a --jobs=3 b --record --json out.json --keep-controls");
        assert_eq!(some.names, ["a", "b"]);
        assert_eq!((some.class, some.jobs), (Class::Nightly, 3));
        assert!(some.record && some.keep_controls);
        assert_eq!(some.json, Some("out.json".into()));
        assert_eq!(run("--shard 2/4").shard, "2/4".parse().ok());
        assert_eq!(
            read("explain a --class deep"),
            Ok(Command::Explain { name: "a".into(), class: Class::Deep })
        );
        assert_eq!(
            read("replay a/replay.json"),
            Ok(Command::Replay { file: "a/replay.json".into() })
        );
        assert_eq!(read("list"), Ok(Command::List));
        assert_eq!(read("run --help"), Ok(Command::Help));
    }

    #[test]
    fn what_is_not_understood_is_refused_and_named() {
        for (line, says) in [
            ("runs", "`runs` is not understood"),
            ("list all", "`list all` is not understood"),
            ("run", "run needs the names"),
            ("run a a", "`a` is named twice"),
            ("run a --shard 1/2", "--shard is a part of the whole suite"),
            ("--bogus", "`--bogus` is no option"),
            ("-v", "`-v` is no option"),
            ("--record=yes", "`--record=yes` is no option"),
            ("--class", "--class needs a value"),
            ("--json=", "--json needs a value"),
            ("--class fast", "there is no class `fast`"),
            ("--class deep --class deep", "--class is given twice"),
            ("--record --record", "--record is given twice"),
            ("--shard 5/4", "`5/4` is no shard"),
            ("--shard 1/2 --record", "--record does not go with --shard"),
            ("--jobs 0", "--jobs needs a number"),
            ("--jobs many", "--jobs needs a number"),
            ("explain", "explain needs the name"),
            ("explain a b", "explain needs the name"),
            ("explain a --record", "--record does not go with this command"),
            ("list --json a", "--json does not go with this command"),
            ("replay", "replay needs the replay.json"),
            ("replay a --class deep", "--class does not go with this command"),
        ] {
            match read(line) {
                Err(message) => assert!(message.contains(says), "{line}: {message}"),
                Ok(command) => panic!("{line}: {command:?}"),
            }
        }
    }
}
