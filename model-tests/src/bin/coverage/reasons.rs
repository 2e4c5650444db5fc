//! Why lines are not run: written down by hand, matched by the text of the line.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

use loopgate_model_tests::coverage::Lines;
use serde::Deserialize;

/// A reason, and the lines that it is for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reason {
    /// A file of `kernel/src`, or the beginning of several files' paths.
    file: String,
    /// Pieces of the lines' text; none means the whole file.
    #[serde(default)]
    lines: Vec<String>,
    reason: String,
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    reason: Vec<Reason>,
}

/// A line that is not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Missed {
    pub(crate) file: String,
    pub(crate) line: u32,
    pub(crate) text: String,
    pub(crate) reason: Option<String>,
}

/// Reads `model-tests/coverage.toml`.
pub(crate) fn read(root: &Path) -> io::Result<Vec<Reason>> {
    let text = fs::read_to_string(root.join("model-tests/coverage.toml"))?;
    let file: File = toml::from_str(&text).map_err(io::Error::other)?;
    Ok(file.reason)
}

/// Every line that is not run, each with its reason if it has one.
pub(crate) fn missed(all: &Lines, sources: &Path, reasons: &[Reason]) -> io::Result<Vec<Missed>> {
    let mut missed = Vec::new();
    for (file, lines) in &all.0 {
        let text = fs::read_to_string(sources.join(file))?;
        let texts: BTreeMap<u32, &str> = (1..).zip(text.lines()).collect();
        for line in lines.missed() {
            let text = texts.get(&line).map_or("", |text| text.trim());
            // The end of a block that is not run says nothing by itself.
            if text.chars().all(|c| "{}()[];,?".contains(c)) {
                continue;
            }
            let reason = reasons.iter().find(|reason| reason.is_for(file, text));
            let reason = reason.map(|reason| reason.reason.clone());
            missed.push(Missed { file: file.clone(), line, text: text.to_owned(), reason });
        }
    }
    Ok(missed)
}

impl Reason {
    fn is_for(&self, file: &str, text: &str) -> bool {
        file.starts_with(&self.file)
            && (self.lines.is_empty() || self.lines.iter().any(|piece| text.contains(piece)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_for_lines_of_its_file() {
        let text = "[[reason]]\nfile = \"real/\"\nlines = [\"panic!\"]\nreason = \"never\"\n";
        let reasons = toml::from_str::<File>(text).unwrap().reason;
        assert!(reasons[0].is_for("real/pipe.rs", "panic!(\"x\")"));
        assert!(!reasons[0].is_for("real/pipe.rs", "return"));
        assert!(!reasons[0].is_for("model/pipe.rs", "panic!(\"x\")"));
    }
}
