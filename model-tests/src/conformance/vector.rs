//! Vectors: a program, and every outcome that SPEC.md allows for it.
//!
//! A vector is a JSON file, in a folder for its chapter. The allowed outcomes are never written by hand: they
//! are what [`outcomes`](crate::spec) finds for the program.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::{Deserialize, Serialize};

use super::runtime::Logs;
use crate::spec::{Program, Word};

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vector {
    /// The clause and the scenario, as tests are named.
    pub name: String,
    /// The clauses of SPEC.md that it is about.
    pub clauses: Vec<String>,
    /// What it asks.
    pub about: String,
    /// What to run.
    pub program: Program,
    /// Whatever may come of it, sorted.
    pub allowed: BTreeSet<Logs>,
}

/// A file that is no vector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoVector {
    /// The file, without its extension.
    pub name: String,
    /// What is wrong with it.
    pub why: String,
}

impl Vector {
    /// Its JSON form.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a vector has a JSON form");
        text.push('\n');
        compact(&text)
    }

    /// Where it belongs, from the folder of all vectors.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        let chapter = self.name.chars().next().unwrap_or('_').to_string();
        PathBuf::from(chapter).join(format!("{}.json", self.name))
    }

    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(text: &str) -> Result<Vector, String> {
        let vector: Vector = serde_json::from_str(text).map_err(|error| error.to_string())?;
        vector.program.check().map_err(|error| error.to_string())?;
        if vector.allowed.is_empty() {
            return Err("no outcome is allowed: nothing could pass it".into());
        }
        let logs = vector.program.threads.len() + vector.program.works.len();
        for outcome in &vector.allowed {
            if outcome.len() != logs {
                return Err(format!("an allowed outcome has {} logs, not {logs}", outcome.len()));
            }
            for word in outcome.iter().flatten() {
                word.parse::<Word>().map_err(|error| error.to_string())?;
            }
        }
        Ok(vector)
    }

    /// Whether several threads are at work.
    #[must_use]
    pub fn has_threads(&self) -> bool {
        self.program.threads.len() > 1 || !self.program.works.is_empty()
    }

    /// Whether threads may make a difference.
    #[must_use]
    pub fn races(&self) -> bool {
        self.allowed.len() > 1
    }
}

/// Every vector of a folder, sorted by name, and every file that is none.
///
/// # Errors
/// The folder cannot be read, or there is nothing in it.
pub fn read_all(folder: &Path) -> io::Result<Vec<Result<Vector, NoVector>>> {
    let mut files = Vec::new();
    find(folder, &mut files)?;
    files.sort();
    if files.is_empty() {
        let text = format!("there are no vectors in {}", folder.display());
        return Err(io::Error::new(io::ErrorKind::NotFound, text));
    }
    let read = files.into_iter().map(|path| {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).map_err(|error| error.to_string());
        let vector = text.and_then(|text| Vector::read(&text)).and_then(|vector| {
            let matches = vector.name == name;
            matches.then_some(vector).ok_or_else(|| "its name is not that of its file".into())
        });
        vector.map_err(|why| NoVector { name, why })
    });
    Ok(read.collect())
}

fn find(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    let entries = fs::read_dir(folder)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", folder.display())))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
    Ok(())
}

/// Pretty JSON with every list or object that fits on a line on one line, so that an operation is a line.
fn compact(text: &str) -> String {
    const WIDTH: usize = 100;
    let lines: Vec<&str> = text.lines().collect();
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut out = String::new();
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at];
        if line.ends_with(['[', '{']) {
            let close = (at + 1..lines.len()).find(|next| indent(lines[*next]) == indent(line));
            let close = close.expect("what is opened is closed");
            let inner: Vec<&str> = lines[at..=close].iter().map(|line| line.trim()).collect();
            let one = join(&inner);
            if indent(line) > 0 && indent(line) + one.len() <= WIDTH {
                out.push_str(&" ".repeat(indent(line)));
                out.push_str(&one);
                out.push('\n');
                at = close + 1;
                continue;
            }
        }
        out.push_str(line);
        out.push('\n');
        at += 1;
    }
    out
}

fn join(parts: &[&str]) -> String {
    let mut one = String::new();
    for part in parts {
        if one.ends_with(',') {
            one.push(' ');
        }
        one.push_str(part);
    }
    one
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::program::{Op, VERSION};

    fn vector() -> Vector {
        let threads = vec![vec![Op::NewLoop(0), Op::RunForever(0)]];
        Vector {
            name: "s2_example".into(),
            clauses: vec!["S-2".into()],
            about: "An example.".into(),
            program: Program { version: VERSION, threads, ..Program::default() },
            allowed: BTreeSet::from([vec![vec!["ok".to_owned()]]]),
        }
    }

    #[test]
    fn a_vector_is_read_back_and_an_operation_is_a_line() {
        let text = vector().text();
        assert_eq!(Vector::read(&text), Ok(vector()));
        assert!(text.contains("[{\"new_loop\": 0}, {\"run_forever\": 0}]"), "{text}");
        assert_eq!(vector().path(), Path::new("s/s2_example.json"));
    }

    #[test]
    fn what_is_wrong_with_a_vector_is_said() {
        let wrong = |change: &dyn Fn(&mut Vector)| {
            let mut vector = vector();
            change(&mut vector);
            Vector::read(&vector.text()).unwrap_err()
        };
        assert!(wrong(&|vector| vector.allowed.clear()).contains("nothing could pass"));
        assert!(wrong(&|vector| vector.program.threads.clear()).contains("1 to 4 threads"));
        let two = wrong(&|vector| vector.program.threads.push(vec![]));
        assert!(two.contains("has 1 logs, not 2"), "{two}");
        let word = BTreeSet::from([vec![vec!["perhaps".to_owned()]]]);
        assert!(wrong(&|vector| vector.allowed = word.clone()).contains("`perhaps` is no word"));
        assert!(Vector::read("{\"name\": 3}").unwrap_err().contains("line 1"));
    }
}
