//! What a target's binary does when it is not built for fuzzing: replays files.
//!
//! `TARGET FILE...` carries them out; `TARGET --test FILE...` prints each as a test in Rust instead; `TARGET --rewrite
//! FILE...` replaces each by the bytes that its program is encoded as, which are what may be committed, and
//! removes those that have none.

use std::process::ExitCode;
use std::{fs, io};

use crate::{Input, decode};

/// What is done with a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    Check,
    Test,
    Rewrite,
}

/// Replays the files that the process was given.
#[must_use]
pub fn main<I: Input>() -> ExitCode {
    let mut files: Vec<String> = std::env::args().skip(1).collect();
    let action = match files.first().map(String::as_str) {
        Some("--test") => Action::Test,
        Some("--rewrite") => Action::Rewrite,
        _ => Action::Check,
    };
    if action != Action::Check {
        files.remove(0);
    }
    if files.is_empty() || files.iter().any(|file| file.starts_with('-')) {
        eprintln!("usage: {} [--test | --rewrite] FILE...", I::TARGET);
        return ExitCode::from(2);
    }
    let mut failed = 0;
    for file in &files {
        match replay::<I>(action, file) {
            Ok(true) => {}
            Ok(false) => failed += 1,
            Err(error) => {
                eprintln!("{file}: {error}");
                return ExitCode::from(2);
            }
        }
    }
    ExitCode::from(u8::from(failed > 0))
}

/// Whether it holds.
fn replay<I: Input>(action: Action, file: &str) -> io::Result<bool> {
    let input = decode::<I>(&fs::read(file)?);
    if action == Action::Rewrite {
        rewrite(file, input)?;
        return Ok(true);
    }
    let Some(input) = input else {
        println!("{file}: no input of version {}", crate::VERSION);
        return Ok(true);
    };
    if action == Action::Test {
        print!("{}", test(&input));
    } else if let Err(violation) = input.check() {
        println!("{file}: {violation}\nof {input:#?}");
        return Ok(false);
    } else {
        println!("{file}: holds");
    }
    Ok(true)
}

/// Puts the bytes of the input into the file.
fn rewrite<I: Input>(file: &str, input: Option<I>) -> io::Result<()> {
    let bytes = input.map(|input| input.bytes());
    let same = |bytes: &Vec<u8>| decode::<I>(bytes).is_some_and(|again| again.bytes() == *bytes);
    match bytes.filter(same) {
        Some(bytes) => fs::write(file, bytes),
        None => {
            println!("{file}: cannot be encoded, and is removed");
            fs::remove_file(file)
        }
    }
}

/// A test that fails as long as the input does.
pub fn test<I: Input>(input: &I) -> String {
    let body = input.source().replace('\n', "\n    ");
    format!(
        "#[test]\nfn {}_found() {{\n    use loopgate_fuzz::*;\n    let input = {body};\n    \
         assert_eq!(input.check(), Ok(()));\n}}\n",
        I::TARGET
    )
}
