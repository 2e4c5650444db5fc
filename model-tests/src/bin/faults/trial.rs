//! Puts faults in, one after the other, and looks who catches them.
//!
//! A fault is worth nothing if its check fails anyway. So every check that is named runs first on a copy
//! without a fault, and must pass; that it did is remembered until the sources change. So is how long it
//! took: a check that takes many times as long with a fault hangs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fs, io, thread};

use super::checker::{CHECKERS, Checked, Checker, Verdict};
use super::copy::{Copy, Sources, fingerprint};
use super::fault::{Expectation, Fault};

/// What came of one fault.
#[derive(Debug)]
pub(crate) struct Trial {
    /// It could not be tried: it does not apply, or what it makes does not compile.
    pub(crate) error: Option<String>,
    /// By checker; only those that were run.
    pub(crate) checked: Vec<(usize, Vec<Checked>)>,
}

impl Trial {
    /// The check that an expectation names, if it was run.
    fn of(&self, by: &Expectation) -> Option<&Checked> {
        let (_, checked) = self.checked.iter().find(|(checker, _)| *checker == by.checker)?;
        checked.iter().find(|checked| checked.name == by.name)
    }

    /// What is not as the header says, of the one checker or of all: each line is a mistake.
    pub(crate) fn mistakes(&self, fault: &Fault, checker: Option<usize>) -> Vec<String> {
        if let Some(error) = &self.error {
            return vec![error.clone()];
        }
        let mut mistakes = Vec::new();
        for by in fault.caught_by.iter().filter(|by| checker.is_none_or(|c| c == by.checker)) {
            let who = format!("{} {}", CHECKERS[by.checker].name, by.name);
            match (self.of(by).map(|checked| &checked.verdict), by.hangs) {
                (Some(Verdict::Failed { .. }), _) | (Some(Verdict::Hung), true) => {}
                (Some(Verdict::Hung), false) => mistakes.push(format!(
                    "{who} does not come to an end; if that is how it is caught, say `(hangs)`"
                )),
                (Some(Verdict::Passed), _) => mistakes.push(format!("{who} does not catch it")),
                (None, _) => mistakes.push(format!("{who} was not run")),
            }
        }
        mistakes
    }

    /// Whether anybody caught it.
    pub(crate) fn is_caught(&self, fault: &Fault) -> bool {
        let hang_counts = |checker: usize, checked: &Checked| {
            fault
                .caught_by
                .iter()
                .any(|by| by.hangs && by.checker == checker && by.name == checked.name)
        };
        self.checked.iter().any(|(checker, all)| {
            all.iter().any(|checked| match checked.verdict {
                Verdict::Failed { .. } => true,
                Verdict::Hung => hang_counts(*checker, checked),
                Verdict::Passed => false,
            })
        })
    }
}

/// How to try.
pub(crate) struct Plan<'a> {
    pub(crate) root: PathBuf,
    pub(crate) sources: &'a Sources,
    pub(crate) faults: Vec<&'a Fault>,
    /// Every check of every checker, and not only the named ones.
    pub(crate) full: bool,
    /// The fuzz targets besides.
    pub(crate) with_fuzz: bool,
    /// This checker alone.
    pub(crate) checker: Option<usize>,
    pub(crate) jobs: usize,
}

/// A trial for each fault, in their order; `told` hears of each as it ends.
///
/// # Errors
/// A check that fails without any fault, or anything that keeps the command from working.
pub(crate) fn run(plan: &Plan<'_>, told: impl Fn(&Fault, &Trial) + Sync) -> io::Result<Vec<Trial>> {
    let jobs = plan.jobs.clamp(1, plan.faults.len().max(1));
    let copies: Vec<Copy> = (0..jobs)
        .map(|number| Copy::open(&plan.root, number, plan.sources))
        .collect::<io::Result<_>>()?;
    let usual = establish(plan, &copies)?;
    let slots: Vec<Mutex<Option<Trial>>> = plan.faults.iter().map(|_| Mutex::default()).collect();
    let queue = Mutex::new(plan.faults.iter().zip(&slots));
    in_parallel(&copies, |copy| {
        while let Some((fault, slot)) = next(&queue) {
            let trial = try_one(plan, copy, fault, &usual)?;
            told(fault, &trial);
            *lock(slot) = Some(trial);
        }
        Ok(())
    })?;
    let trials = slots.into_iter().map(|slot| slot.into_inner().ok().flatten());
    Ok(trials.map(|trial| trial.expect("every fault was tried")).collect())
}

/// Runs `body` for each copy, in a thread each.
fn in_parallel(copies: &[Copy], body: impl Fn(&Copy) -> io::Result<()> + Sync) -> io::Result<()> {
    thread::scope(|scope| {
        let threads: Vec<_> = copies.iter().map(|copy| scope.spawn(|| body(copy))).collect();
        let ended = threads.into_iter().map(|thread| thread.join().expect("it returns its errors"));
        // All are waited for; the first error is told.
        ended.collect::<Vec<_>>().into_iter().collect()
    })
}

fn next<T>(queue: &Mutex<impl Iterator<Item = T>>) -> Option<T> {
    lock(queue).next()
}

/// The checkers that a fault is tried with, each with its named checks.
fn named(plan: &Plan<'_>, faults: &[&Fault]) -> Vec<(usize, BTreeSet<String>)> {
    let all = faults.iter().flat_map(|fault| &fault.caught_by);
    (0..CHECKERS.len())
        .filter(|index| plan.checker.is_none_or(|checker| checker == *index))
        .map(|index| {
            let of_it = all.clone().filter(|by| by.checker == index);
            (index, of_it.map(|by| by.name.clone()).collect::<BTreeSet<_>>())
        })
        .filter(|(index, names)| {
            let search = CHECKERS[*index].is_a_search();
            let wanted = if search { plan.with_fuzz } else { plan.full };
            wanted || !names.is_empty() || search && plan.checker == Some(*index)
        })
        .collect()
}

fn try_one(plan: &Plan<'_>, copy: &Copy, fault: &Fault, usual: &Usual) -> io::Result<Trial> {
    let mut trial = Trial { error: None, checked: Vec::new() };
    if let Err(why) = copy.put_in(fault)? {
        trial.error = Some(why);
        return Ok(trial);
    }
    for (index, names) in named(plan, &[fault]) {
        let checker = &CHECKERS[index];
        let program = match checker.build(copy)? {
            Ok(program) => program,
            Err(output) => {
                trial.error = Some(format!("does not compile:\n{}", output.trim_end()));
                break;
            }
        };
        let limit =
            |name: &str| usual.get(&(index, name.to_owned())).map(|usual| *usual * PATIENCE);
        let checked: io::Result<Vec<Checked>> = if plan.full || checker.is_a_search() {
            checker.check_all(copy, &program, limit)
        } else {
            names.iter().map(|name| checker.check(copy, &program, name, limit(name))).collect()
        };
        trial.checked.push((index, checked?));
    }
    copy.take_out(fault)?;
    Ok(trial)
}

/// How many times as long as usual a check may take. Machines are busy.
const PATIENCE: u32 = 20;

/// How long each check takes without a fault.
type Usual = BTreeMap<(usize, String), Duration>;

/// Sees every check pass that the faults are to make fail.
fn establish(plan: &Plan<'_>, copies: &[Copy]) -> io::Result<Usual> {
    let memory = Memory::of(plan);
    let mut usual = memory.recall();
    let mut wanted = Vec::new();
    for (index, mut names) in named(plan, &plan.faults) {
        let checker = &CHECKERS[index];
        if plan.full || checker.is_a_search() {
            let program = checker.build(&copies[0])?.map_err(io::Error::other)?;
            names = checker.all(&copies[0], &program)?.into_iter().collect();
        }
        let unknown = names.into_iter().map(|name| (index, name));
        wanted.extend(unknown.filter(|check| !usual.contains_key(check)));
    }
    if wanted.is_empty() {
        return Ok(usual);
    }
    eprintln!("first without a fault: {} checks must pass", wanted.len());
    let (passed, failed) = (Mutex::new(Usual::new()), Mutex::new(Vec::new()));
    let queue = Mutex::new(wanted.into_iter());
    in_parallel(copies, |copy| {
        let mut programs: Vec<Option<PathBuf>> = vec![None; CHECKERS.len()];
        while let Some((index, name)) = next(&queue) {
            let checker = &CHECKERS[index];
            let program = match &mut programs[index] {
                Some(program) => program,
                none => none.insert(checker.build(copy)?.map_err(io::Error::other)?),
            };
            let checked = checker.check(copy, program, &name, None)?;
            if checked.verdict == Verdict::Passed {
                lock(&passed).insert((index, name), checked.elapsed);
            } else {
                let report = checked.report;
                lock(&failed)
                    .push(format!("{} {name} fails without a fault:\n{report}", checker.name));
            }
        }
        Ok(())
    })?;
    usual.append(&mut lock(&passed));
    memory.keep(&usual)?;
    let failed = lock(&failed);
    if failed.is_empty() { Ok(usual) } else { Err(io::Error::other(failed.join("\n"))) }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What passed, kept between runs: valid for the sources with which it was seen to.
struct Memory {
    file: PathBuf,
    head: String,
}

impl Memory {
    fn of(plan: &Plan<'_>) -> Memory {
        let file = plan.root.join("target/faults/passed");
        Memory { file, head: format!("{:016x}", fingerprint(plan.sources)) }
    }

    /// Nothing, if there is nothing to be trusted.
    fn recall(&self) -> Usual {
        let text = fs::read_to_string(&self.file).unwrap_or_default();
        let lines = text.strip_prefix(&self.head).into_iter().flat_map(str::lines);
        let entries = lines.filter_map(|line| {
            let mut fields = line.split(' ');
            let checker = Checker::find(fields.next()?)?;
            let name = fields.next()?.to_owned();
            let millis = fields.next()?.parse().ok()?;
            Some(((checker, name), Duration::from_millis(millis)))
        });
        entries.collect()
    }

    fn keep(&self, usual: &Usual) -> io::Result<()> {
        let line = |((checker, name), took): (&(usize, String), &Duration)| {
            format!("{} {name} {}\n", CHECKERS[*checker].name, took.as_millis())
        };
        fs::write(
            &self.file,
            format!("{}\n{}", self.head, usual.iter().map(line).collect::<String>()),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::parse;
    use std::time::Duration;

    fn fault(caught_by: &str) -> Fault {
        let text = format!(
            "Id: a\nClause: W-1\nHistory: none: made up\n\
             Pattern: M1 publish and wake in the wrong order\nCaught-by: {caught_by}\n\nWrong.\n\n\
             --- a/kernel/src/a.rs\n+++ b/kernel/src/a.rs\n@@ -1 +1 @@\n-a\n+b\n"
        );
        parse("a", &text).unwrap()
    }

    fn trial(name: &str, verdict: Verdict) -> Trial {
        let report = String::new();
        let checked = Checked { name: name.into(), verdict, elapsed: Duration::ZERO, report };
        Trial { error: None, checked: vec![(0, vec![checked])] }
    }

    #[test]
    fn a_hang_counts_only_if_it_is_announced() {
        let (says, does_not) = (fault("tests a (hangs)"), fault("tests a"));
        let hung = trial("a", Verdict::Hung);
        assert!(hung.mistakes(&says, None).is_empty() && hung.is_caught(&says));
        assert!(
            hung.mistakes(&does_not, None)[0].contains("(hangs)") && !hung.is_caught(&does_not)
        );
        let failed = trial("a", Verdict::Failed { executions: None });
        assert!(
            failed.mistakes(&says, None).is_empty() && failed.mistakes(&does_not, None).is_empty()
        );
    }

    #[test]
    fn who_is_named_must_catch_it() {
        let two = fault("tests a, tests b");
        let one = trial("a", Verdict::Failed { executions: None });
        assert_eq!(one.mistakes(&two, None), ["tests b was not run"]);
        assert!(one.is_caught(&two) && one.mistakes(&two, Some(1)).is_empty());
        let none = trial("a", Verdict::Passed);
        assert_eq!(none.mistakes(&fault("tests a"), None), ["tests a does not catch it"]);
        assert!(!none.is_caught(&fault("tests a")));
    }
}
