//! The committed corpora, and everything that can be done with bytes whose target is known by name alone.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use crate::program::{Op, Program};
use crate::{
    Canary, FutureOp, GraphOp, HostilePipe, Input, Life, Races, Scheduled, ScopeOp, TimerOp, decode,
};

#[cfg(not(shuttle))]
use crate::{Document, Drawn};

/// A fuzz target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Of its file, its corpus, its binary.
    pub name: &'static str,
    /// Whether it has a schedule, which only an explorer follows.
    pub scheduled: bool,
    /// Whether anything is checked; see [`Input::is_judged`].
    pub is_judged: fn(&[u8]) -> bool,
    /// Carries an input out; see [`Input::check`]. Bytes that are no input hold.
    pub check: fn(&[u8]) -> Result<(), String>,
    /// The input that these bytes decode to, encoded again; `None` if they are no input.
    pub again: fn(&[u8]) -> Option<Vec<u8>>,
}

impl Target {
    const fn of<I: Input>() -> Target {
        Target {
            name: I::TARGET,
            scheduled: I::SCHEDULED,
            is_judged: |bytes| decode::<I>(bytes).is_some_and(|input| input.is_judged()),
            check: |bytes| decode::<I>(bytes).map_or(Ok(()), |input| input.check()),
            again: |bytes| Some(decode::<I>(bytes)?.bytes()),
        }
    }
}

/// The targets that can be carried out on this side of the switch: under an explorer those that it is for.
pub fn targets_here() -> impl Iterator<Item = &'static Target> {
    TARGETS.iter().filter(|target| target.scheduled || cfg!(not(shuttle)))
}

/// Every target, the canary last.
pub const TARGETS: &[Target] = &[
    Target::of::<Program<Op>>(),
    Target::of::<Program<TimerOp>>(),
    Target::of::<Program<ScopeOp>>(),
    Target::of::<Program<FutureOp>>(),
    Target::of::<Program<GraphOp>>(),
    Target::of::<Scheduled<Life>>(),
    Target::of::<Scheduled<Races>>(),
    Target::of::<Scheduled<HostilePipe>>(),
    // The kit, which these need, is not there under an explorer.
    #[cfg(not(shuttle))]
    Target::of::<Document>(),
    #[cfg(not(shuttle))]
    Target::of::<Drawn>(),
    Target::of::<Canary>(),
];

/// Where the corpus of a target is committed.
#[must_use]
pub fn folder(target: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target)
}

/// Every committed input of a target, by name. What a fuzzer has added there has no words in its name.
///
/// # Errors
/// The folder or a file cannot be read.
pub fn committed(target: &str) -> io::Result<BTreeMap<String, Vec<u8>>> {
    let mut inputs = BTreeMap::new();
    for entry in std::fs::read_dir(folder(target))? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.contains('_') {
            inputs.insert(name.to_owned(), std::fs::read(&path)?);
        }
    }
    Ok(inputs)
}

/// A fuzzer runs its inputs on a process's first thread, and programs may nest deeply.
const STACK: usize = 8 << 20;

/// Carries out every committed input of the [targets that can be](targets_here); how many there were.
///
/// # Errors
/// Each input that does not hold, with what it violates; corpora that are missing; a thread that cannot be
/// started, or that panicked.
pub fn replay() -> Result<usize, Vec<String>> {
    let thread = std::thread::Builder::new().stack_size(STACK).spawn(replay_here);
    let thread = thread.map_err(|error| vec![format!("no thread to replay on: {error}")])?;
    thread.join().unwrap_or_else(|_| Err(vec!["an input panicked".to_owned()]))
}

fn replay_here() -> Result<usize, Vec<String>> {
    let (mut count, mut wrong) = (0, Vec::new());
    for target in targets_here() {
        let inputs = match committed(target.name) {
            Ok(inputs) => inputs,
            Err(error) => {
                wrong.push(format!("the corpus of {}: {error}", target.name));
                continue;
            }
        };
        count += inputs.len();
        for (name, bytes) in inputs {
            let name = format!("{}/{name}", target.name);
            if (target.again)(&bytes).as_ref() != Some(&bytes) {
                wrong.push(format!("{name}: not of the present version"));
            } else if let Err(violation) = (target.check)(&bytes) {
                wrong.push(format!("{name}: {violation}"));
            }
        }
    }
    if wrong.is_empty() { Ok(count) } else { Err(wrong) }
}
