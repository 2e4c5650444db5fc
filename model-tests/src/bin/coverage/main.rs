//! `cargo coverage`: which lines and branches of the kernel are run, by tests, by models, and by fuzzing.
//!
//! `parts` are the programs that run the kernel, each built with LLVM's instrumentation; `reasons` are those of
//! `model-tests/coverage.toml`, why a line is not run; `report` puts both together into `model-tests/COVERAGE.md`.

mod parts;
mod reasons;
mod report;

use std::env;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use loopgate_model_tests::coverage::{Lines, Llvm};

const HELP: &str = "\
cargo coverage           run everything, and print what of the kernel is run, file by file
cargo coverage --write   the same, and write model-tests/COVERAGE.md

Needs LLVM's tools: `rustup component add llvm-tools`. Takes as long as the tests and `cargo agree` together.

Exit status: 0 each line is run, or model-tests/coverage.toml says why not; 1 some are neither, or a part fails;
2 the arguments were not understood.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let known = ["--write", "--help", "-h"];
    if let Some(unknown) = arguments.iter().find(|argument| !known.contains(&&***argument)) {
        eprint!("cargo coverage: `{unknown}` is not understood\n\n{HELP}");
        return ExitCode::from(2);
    }
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    if has("--help") || has("-h") {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    match run(has("--write")) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("cargo coverage: {error}");
            ExitCode::FAILURE
        }
    }
}

/// True if every line is run or explained.
fn run(write: bool) -> io::Result<bool> {
    let root = root()?;
    let llvm = Llvm::find()?;
    let sources = root.join("kernel/src");
    let mut by_part = Vec::new();
    for part in parts::PARTS {
        eprintln!("{}: {}", part.name, part.about);
        let programs = part.run(&root)?;
        by_part.push((part.name, llvm.lines(&part.profiles(&root), &programs, &sources)?));
    }
    let mut all = Lines::default();
    by_part.iter().for_each(|(_, lines)| all.add(lines));
    let reasons = reasons::read(&root)?;
    let missed = reasons::missed(&all, &sources, &reasons)?;
    let text = report::markdown(&by_part, &all, &missed);
    print!("{text}");
    if write {
        std::fs::write(root.join("model-tests/COVERAGE.md"), text)?;
    }
    Ok(missed.iter().all(|missed| missed.reason.is_some()))
}

fn root() -> io::Result<PathBuf> {
    let here = env::current_dir()?;
    let root = here.ancestors().find(|folder| folder.join("SPEC.md").is_file());
    root.map(PathBuf::from).ok_or_else(|| io::Error::other("no SPEC.md here or above"))
}
