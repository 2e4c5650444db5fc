//! `cargo spec`: every clause of SPEC.md is cited, word for word, by the code and by a test.
//!
//! Reads the sources as text and needs no other crate, so that it is fast and cannot be fooled by
//! what a build leaves out. `parse` reads SPEC.md, `lex` and `scan` read Rust, `gate` compares the
//! two, `floors` checks what the layout of the kernel promises, `fix` writes the quotations.

mod fix;
mod floors;
mod gate;
mod lex;
mod parse;
mod scan;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs, io};

const HELP: &str = "\
cargo spec          check SPEC.md against the citations in the sources; print the matrix
cargo spec --fix    first write the quotation under each `//= SPEC.md#...` line, then check
cargo spec --help   print this text

A citation is `//= SPEC.md#w-2` above the code that keeps clause W-2. Above a test or a model,
`//= type=test` follows it. The quotation, lines that start with `//#`, is written by --fix.

Exit status: 0 nothing found, 1 something found, 2 the arguments were not understood.
";

/// Something that is wrong, where it is, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    path: String,
    line: usize,
    wrong: String,
    advice: String,
}

impl Finding {
    fn new(path: &str, line: usize, wrong: impl Into<String>, advice: impl Into<String>) -> Self {
        Finding { path: path.to_owned(), line, wrong: wrong.into(), advice: advice.into() }
    }
}

/// SPEC.md and the Rust files of the repository, by their path from its root.
///
/// Held in memory: the checks never touch the disk, and their tests need no temporary folder.
#[derive(Default)]
pub(crate) struct Tree {
    spec: String,
    files: Vec<(String, String)>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let fix = match arguments[..] {
        [] => false,
        ["--fix"] => true,
        ["--help" | "-h"] => {
            say(HELP);
            return ExitCode::SUCCESS;
        }
        _ => {
            eprint!("cargo spec: arguments not understood: {}\n\n{HELP}", arguments.join(" "));
            return ExitCode::from(2);
        }
    };
    match check(fix) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("cargo spec: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the gate over the repository around the current folder. True if nothing was found.
fn check(fix: bool) -> io::Result<bool> {
    let root = root()?;
    let mut tree = load(&root)?;
    if fix {
        for (path, text) in fix::fix(&tree) {
            fs::write(root.join(&path), &text)?;
            say(&format!("fixed {path}\n"));
            for file in tree.files.iter_mut().filter(|file| file.0 == path) {
                file.1.clone_from(&text);
            }
        }
    }
    let report = gate::check(&tree);
    say(&report.to_string());
    Ok(report.findings.is_empty())
}

/// Prints, and does not mind a reader that went away (`cargo spec | head`): the exit status tells.
fn say(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

/// The nearest folder, from the current one upward, that holds SPEC.md.
fn root() -> io::Result<PathBuf> {
    let here = env::current_dir()?;
    here.ancestors().find(|folder| folder.join("SPEC.md").is_file()).map(PathBuf::from).ok_or_else(
        || io::Error::other("no SPEC.md here or above: run it from within the repository"),
    )
}

fn load(root: &Path) -> io::Result<Tree> {
    let mut tree = Tree { spec: fs::read_to_string(root.join("SPEC.md"))?, files: Vec::new() };
    for top in ["kernel", "model-tests", "fuzz", "benches"] {
        walk(&root.join(top), top, &mut tree.files)?;
    }
    tree.files.sort();
    Ok(tree)
}

fn walk(folder: &Path, name: &str, files: &mut Vec<(String, String)>) -> io::Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(file) = entry.file_name().into_string() else { continue };
        let path = format!("{name}/{file}");
        // What builds and fuzzing leave behind is large and holds no source of ours.
        let skipped = ["target", "corpus", "artifacts"].contains(&&*file) || file.starts_with('.');
        if entry.file_type()?.is_dir() && !skipped {
            walk(&entry.path(), &path, files)?;
        } else if file.ends_with(".rs") {
            files.push((path, fs::read_to_string(entry.path())?));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The help names each argument, and each exit status that `main` can return.
    #[test]
    fn help_is_complete() {
        for word in ["--fix", "--help", "0 nothing", "1 something", "2 the arguments"] {
            assert!(HELP.contains(word), "{word}");
        }
    }
}
