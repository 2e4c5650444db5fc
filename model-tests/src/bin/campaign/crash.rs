//! A crash: why, and what to do with it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use loopgate_model_tests::fuzzing::{Flavour, Target, build};

use crate::run::{Places, finish};

/// What a fuzzer died of.
pub(crate) struct Crash {
    /// In a line: the violation or the panic. Crashes for the same reason are one crash.
    pub(crate) reason: String,
    pub(crate) input: PathBuf,
    /// What runs it again.
    pub(crate) command: String,
    /// A test in Rust that fails as long as it does.
    pub(crate) test: String,
}

impl Crash {
    pub(crate) fn new(
        places: &Places,
        target: &Target,
        input: &Path,
        output: &str,
    ) -> io::Result<Crash> {
        let program = replayer(places, target)?;
        let printed = Command::new(program).arg("--test").arg(input).output()?;
        let test = String::from_utf8_lossy(&printed.stdout).into_owned();
        let shown = input.strip_prefix(&places.root).unwrap_or(input).display();
        let explorer = if target.scheduled { "RUSTFLAGS='--cfg shuttle' " } else { "" };
        let command = format!(
            "{explorer}cargo run --manifest-path fuzz/Cargo.toml --bin {} -- {shown}",
            target.name
        );
        Ok(Crash { reason: reason(output), input: input.to_owned(), command, test })
    }
}

/// The program that replays a target's inputs.
pub(crate) fn replayer(places: &Places, target: &Target) -> io::Result<PathBuf> {
    let flavour = Flavour { fuzzing: false, hasty: true, ..target.flavour() };
    let (command, folder) = build(&places.root, &places.built, flavour, &[target.name])?;
    finish(command)?;
    Ok(folder.join(target.name))
}

/// What a panic said, or libFuzzer: `SUMMARY: libFuzzer: timeout`.
fn reason(output: &str) -> String {
    let mut lines = output.lines();
    let panicked = lines.by_ref().any(|line| line.contains("panicked at"));
    let text = if panicked { lines.next() } else { None };
    let summary = || output.lines().find(|line| line.starts_with("SUMMARY: "));
    text.or_else(summary).unwrap_or("it died without a word").trim().to_owned()
}

impl fmt::Display for Crash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Crash { reason, input, command, test } = self;
        writeln!(f, "\ncrash: {reason}\n  {}\nreproduce it:\n  {command}", input.display())?;
        writeln!(f, "as a test, for fuzz/tests:\n{test}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_what_the_panic_said() {
        let output = "INFO: x\nthread '<unnamed>' panicked at a.rs:1:2:\na violation (T-3)\nof Program\n\
                      SUMMARY: libFuzzer: deadly signal\n";
        assert_eq!(reason(output), "a violation (T-3)");
        assert_eq!(reason("x\nSUMMARY: libFuzzer: timeout\n"), "SUMMARY: libFuzzer: timeout");
    }
}
