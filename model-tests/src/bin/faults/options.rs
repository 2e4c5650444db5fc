//! The arguments.

use std::num::NonZero;
use std::path::PathBuf;
use std::thread::available_parallelism;

use super::checker::{CHECKERS, Checker};
use super::fault::Fault;

const HELP: &str = "\
cargo faults                 try every fault with the checks that its header names
cargo faults NAME...         some of them, and print what caught them
cargo faults list            name every fault and who must catch it
cargo faults --check         only read the headers and see that every patch applies
cargo faults --help          print this text

--full        every check of every checker, for the whole matrix
--checker C   this checker alone
--with fuzz   the fuzz targets as well, until one of them catches it: how long it takes them
--dir PATH    patches from there instead of model-tests/faults
--shard K/N   the K-th of N parts
--jobs N      N at once, each in a copy of its own; else as many as there are cores, at most 4

A fault is a patch that puts a mistake into the kernel. It is put into a copy under target/faults, which
stays there so that little has to be built; the checkout is only read. model-tests/faults/README.md says
how to write one. Who can catch it:

";

const STATUS: &str = "
Exit status: 0 every fault is caught by whom it names, 1 one is not, or does not apply or compile,
2 the arguments were not understood.
";

/// What `--help` prints.
pub(crate) fn help() -> String {
    let rows = CHECKERS.iter().map(|checker| format!("  {:8}  {}\n", checker.name, checker.about));
    format!("{HELP}{}{STATUS}", rows.collect::<String>())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Try,
    List,
    Check,
    Help,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) action: Action,
    /// All of them if empty.
    pub(crate) names: Vec<String>,
    pub(crate) folder: Option<PathBuf>,
    pub(crate) full: bool,
    pub(crate) with_fuzz: bool,
    /// The index of the one to be asked, if it is to be one.
    pub(crate) checker: Option<usize>,
    /// Which part, from zero, of how many.
    pub(crate) shard: Option<(usize, usize)>,
    pub(crate) jobs: usize,
}

pub(crate) fn parse(arguments: &[String]) -> Result<Options, String> {
    let jobs = available_parallelism().map_or(1, NonZero::get).min(4);
    let mut options = Options {
        action: Action::Try,
        names: Vec::new(),
        folder: None,
        full: false,
        with_fuzz: false,
        checker: None,
        shard: None,
        jobs,
    };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut value = || rest.next().ok_or_else(|| format!("`{argument}` needs a value"));
        match &**argument {
            "--help" | "-h" => options.action = Action::Help,
            "--check" => options.action = Action::Check,
            "--full" => options.full = true,
            "--with" => match value()? {
                what if what == "fuzz" => options.with_fuzz = true,
                other => return Err(format!("`--with {other}`: it can only be `fuzz`")),
            },
            "--checker" => {
                let value = value()?;
                let checker = Checker::find(value);
                options.checker =
                    Some(checker.ok_or_else(|| format!("there is no checker `{value}`"))?);
            }
            "--dir" => options.folder = Some(value()?.into()),
            "--shard" => {
                let value = value()?;
                let shard = parse_shard(value);
                options.shard = Some(shard.ok_or_else(|| format!("`--shard {value}` is not K/N"))?);
            }
            "--jobs" => {
                let value = value()?;
                let jobs = value.parse().ok().filter(|jobs| *jobs > 0);
                options.jobs =
                    jobs.ok_or_else(|| format!("`--jobs {value}` is no number of jobs"))?;
            }
            "list" if options.names.is_empty() => options.action = Action::List,
            name if name.starts_with('-') || name.is_empty() => {
                return Err(format!("`{name}` is not understood"));
            }
            name => options.names.push(name.to_owned()),
        }
    }
    let trying = options.action == Action::Try;
    if !trying && (options.full || options.with_fuzz || options.checker.is_some()) {
        return Err("`--full`, `--with` and `--checker` are about trying faults".into());
    }
    if options.action == Action::Check && (!options.names.is_empty() || options.shard.is_some()) {
        return Err("`--check` looks at all faults".into());
    }
    Ok(options)
}

fn parse_shard(text: &str) -> Option<(usize, usize)> {
    let (part, parts) = text.split_once('/')?;
    let (part, parts) = (part.parse::<usize>().ok()?, parts.parse::<usize>().ok()?);
    (1..=parts).contains(&part).then(|| (part - 1, parts))
}

impl Options {
    /// The faults that were asked for.
    pub(crate) fn choose<'a>(&self, faults: &'a [Fault]) -> Result<Vec<&'a Fault>, String> {
        for name in &self.names {
            if !faults.iter().any(|fault| fault.id == *name) {
                let like = faults.iter().map(|fault| &*fault.id).filter(|id| id.contains(&**name));
                let like: Vec<&str> = like.collect();
                let hint = if like.is_empty() {
                    "`cargo faults list` names them all".to_owned()
                } else {
                    format!("{}?", like.join(", "))
                };
                return Err(format!("there is no fault `{name}`: {hint}"));
            }
        }
        let named = faults.iter().filter(|f| self.names.is_empty() || self.names.contains(&f.id));
        let (part, parts) = self.shard.unwrap_or((0, 1));
        Ok(named.enumerate().filter(|(index, _)| index % parts == part).map(|(_, f)| f).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &str) -> Result<Options, String> {
        parse(&arguments.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn understands_what_the_help_says() {
        let options =
            parsed("a b --full --with fuzz --dir x --shard 2/3 --jobs 5 --checker tests").unwrap();
        assert_eq!((options.action, options.full, options.jobs), (Action::Try, true, 5));
        assert_eq!((&*options.names, options.checker), (&["a".into(), "b".into()][..], Some(0)));
        assert!(options.with_fuzz);
        assert_eq!((options.folder, options.shard), (Some("x".into()), Some((1, 3))));
        assert_eq!(parsed("list").unwrap().action, Action::List);
        assert_eq!(parsed("--check --dir x").unwrap().action, Action::Check);
        assert_eq!(parsed("-h").unwrap().action, Action::Help);
    }

    #[test]
    fn refuses_the_rest() {
        for wrong in [
            "--bogus",
            "--shard",
            "--shard 0/2",
            "--shard 3/2",
            "--shard 1",
            "--jobs 0",
            "--jobs x",
            "--dir",
            "--checker",
            "--checker model",
            "--with",
            "--with tests",
            "list --with fuzz",
            "--check --checker models",
            "--check --full",
            "list --full",
            "--check a",
            "--check --shard 1/2",
        ] {
            assert!(parsed(wrong).is_err(), "{wrong}");
        }
    }
}
