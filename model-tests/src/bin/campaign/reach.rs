//! Which clauses the corpora get to: their inputs replayed by programs that count each line of the kernel.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, str};

use loopgate_model_tests::coverage::{Clauses, Lines, Llvm, clauses, replay};
use loopgate_model_tests::fuzzing::{Flavour, Target, build};

use crate::crash::replayer;
use crate::run::{Places, finish};

/// The programs, ready to replay.
pub(crate) struct Reach {
    llvm: Llvm,
    programs: Vec<PathBuf>,
}

/// How often the code of each clause was run.
pub(crate) struct Reached {
    /// By target, in their order.
    pub(crate) clauses: BTreeMap<String, Vec<u64>>,
}

/// Builds them.
pub(crate) fn prepare(places: &Places, targets: &[&'static Target]) -> io::Result<Reach> {
    let llvm = Llvm::find()?;
    let mut programs = Vec::new();
    for target in targets {
        let flavour = Flavour { fuzzing: false, covered: true, hasty: true, ..target.flavour() };
        let (command, folder) = build(&places.root, &places.built, flavour, &[target.name])?;
        finish(command)?;
        programs.push(folder.join(target.name));
    }
    Ok(Reach { llvm, programs })
}

impl Reach {
    /// Replays the corpus of each target, the committed one and the found one.
    pub(crate) fn measure(
        self,
        places: &Places,
        targets: &[&'static Target],
    ) -> io::Result<Reached> {
        let sources = places.root.join("kernel/src");
        let clauses = clauses(&sources)?;
        let mut reached = Reached { clauses: BTreeMap::new() };
        for (target, program) in targets.iter().zip(&self.programs) {
            let lines = self.lines(places, target, program, &sources)?;
            reached.add(&clauses, &lines);
        }
        Ok(reached)
    }

    fn lines(
        &self,
        places: &Places,
        target: &Target,
        program: &Path,
        sources: &Path,
    ) -> io::Result<Lines> {
        if target.canary {
            // It looks at its programs and does not carry them out.
            return Ok(Lines::default());
        }
        let profiles = places.folder.join(target.name).join("profiles");
        let _ = fs::remove_dir_all(&profiles);
        fs::create_dir_all(&profiles)?;
        let mut inputs = Vec::new();
        for folder in [places.committed(target), places.corpus(target)] {
            for entry in fs::read_dir(folder)? {
                inputs.push(entry?.path());
            }
        }
        // That an input fails is no matter here.
        let _hold = replay(program, &inputs, &profiles)?;
        self.llvm.lines(&profiles, &[program.to_owned()], sources)
    }
}

impl Reached {
    fn add(&mut self, clauses: &Clauses, lines: &Lines) {
        for clause in clauses.0.keys() {
            self.clauses.entry(clause.clone()).or_default().push(clauses.runs(clause, lines));
        }
    }

    /// How many clauses any target got to, and how many have code.
    pub(crate) fn score(&self) -> (usize, usize) {
        let reached = self.clauses.values().filter(|runs| runs.iter().any(|runs| *runs > 0));
        (reached.count(), self.clauses.len())
    }
}

/// A name in words for an input: what it is made of, and a number that tells it from others.
pub(crate) fn name(places: &Places, target: &Target, input: &Path) -> io::Result<String> {
    let printed = Command::new(replayer(places, target)?).arg("--test").arg(input).output()?;
    let source = str::from_utf8(&printed.stdout).map_err(io::Error::other)?;
    let number = fs::read(input)?.iter().fold(0_u32, |hash, byte| {
        // FNV-1a: the same in every run.
        (hash ^ 0x811c_9dc5 ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    });
    Ok(format!("{}_{number:08x}", outline(source)))
}

/// The first few letters of a program, in snake case.
fn outline(source: &str) -> String {
    let letters = source
        .split("::")
        .skip(1)
        .map(|rest| rest.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default());
    let mut words: Vec<String> = Vec::new();
    for letter in letters.filter(|letter| letter.starts_with(char::is_uppercase)) {
        let mut word = String::new();
        for (index, c) in letter.chars().enumerate() {
            if c.is_uppercase() && index > 0 {
                word.push('_');
            }
            word.extend(c.to_lowercase());
        }
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words.truncate(5);
    if words.is_empty() { "empty".into() } else { words.join("_") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outline_names_what_a_program_is_made_of() {
        let source = "Program { ops: vec![\n    Op::CallSoon(Then::Do(Box::new(Op::Stop))),\n    Op::Stop,\n] }";
        assert_eq!(outline(source), "call_soon_do_stop");
        assert_eq!(outline("Program { ops: vec![\n] }"), "empty");
    }
}
