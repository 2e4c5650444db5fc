//! What a target's binary does when it is not built for fuzzing: replays files.
//!
//! `TARGET FILE...` carries them out; `TARGET --test FILE...` prints each as a test in Rust instead.

use std::fs;
use std::process::ExitCode;

use crate::{Input, decode};

/// Replays the files that the process was given.
#[must_use]
pub fn main<I: Input>() -> ExitCode {
    let mut files: Vec<String> = std::env::args().skip(1).collect();
    let as_test = files.first().is_some_and(|first| first == "--test");
    if as_test {
        files.remove(0);
    }
    if files.is_empty() || files.iter().any(|file| file.starts_with('-')) {
        eprintln!("usage: {} [--test] FILE...", I::TARGET);
        return ExitCode::from(2);
    }
    let mut failed = 0;
    for file in &files {
        let input = match fs::read(file) {
            Ok(bytes) => decode::<I>(&bytes),
            Err(error) => {
                eprintln!("{file}: {error}");
                return ExitCode::from(2);
            }
        };
        let Some(input) = input else {
            println!("{file}: no input of version {}", crate::VERSION);
            continue;
        };
        if as_test {
            print!("{}", test(&input));
        } else if let Err(violation) = input.check() {
            failed += 1;
            println!("{file}: {violation}\nof {input:#?}");
        } else {
            println!("{file}: holds");
        }
    }
    ExitCode::from(u8::from(failed > 0))
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
