//! What a set of faults covers: the patterns, the files of the kernel, the clauses.

use std::collections::BTreeSet;

use super::checker::CHECKERS;
use super::copy::{Sources, apply};
use super::fault::Fault;
use super::pattern::PATTERNS;

/// Fewer faults than this are no measure.
pub(crate) const FEWEST: usize = 60;

/// A file of the kernel without a fault, and why it needs none.
pub(crate) type Exemption = (String, &'static str);

/// What can be told without a build: each line is a mistake.
pub(crate) fn mistakes(faults: &[Fault], sources: &Sources) -> Vec<String> {
    let spec = sources.get("SPEC.md").map(|text| String::from_utf8_lossy(text).into_owned());
    let clauses: BTreeSet<&str> =
        spec.iter().flat_map(|text| text.lines()).filter_map(clause).collect();
    let mut mistakes = Vec::new();
    for fault in faults {
        let mut wrong = |what: String| mistakes.push(format!("{}: {what}", fault.id));
        if let Err(why) = apply(sources, fault) {
            wrong(why);
        }
        for clause in fault.clauses.iter().filter(|clause| !clauses.contains(&***clause)) {
            wrong(format!("SPEC.md has no clause {clause}"));
        }
        for by in &fault.caught_by {
            if !CHECKERS[by.checker].knows(sources, &by.name) {
                wrong(format!("there is no `{}` among the {}", by.name, CHECKERS[by.checker].name));
            }
        }
    }
    mistakes
}

/// The clause that a line of SPEC.md begins: with a heading, or as a row of the table of assumptions.
fn clause(line: &str) -> Option<&str> {
    let row = || line.strip_prefix("| ")?.split(" |").next();
    line.strip_prefix("### ").or_else(row)
}

/// What the project's own set must have besides.
pub(crate) fn gaps(faults: &[Fault], sources: &Sources) -> Vec<String> {
    let mut gaps = Vec::new();
    if faults.len() < FEWEST {
        gaps.push(format!("{} faults are too few: {FEWEST} at least", faults.len()));
    }
    for (index, (number, words)) in PATTERNS.iter().enumerate() {
        if !faults.iter().any(|fault| fault.pattern == index) {
            gaps.push(format!("no fault has the pattern {number}, {words}"));
        }
    }
    let (required, _) = files(sources);
    for path in required {
        if count(faults, &path) == 0 {
            gaps.push(format!("no fault is in {path}"));
        }
    }
    gaps
}

/// How many faults are in a file.
pub(crate) fn count(faults: &[Fault], path: &str) -> usize {
    faults.iter().filter(|fault| fault.diffs.iter().any(|diff| diff.path == path)).count()
}

/// The files of the kernel that need a fault, and those that need none.
pub(crate) fn files(sources: &Sources) -> (Vec<String>, Vec<Exemption>) {
    let (mut required, mut exempt) = (Vec::new(), Vec::new());
    let kernel = sources.iter().filter(|(path, _)| path.starts_with("kernel/src/"));
    for (path, text) in kernel.filter(|(path, _)| path.ends_with(".rs")) {
        if FOR_EXPLORERS.iter().any(|begin| path.starts_with(begin)) {
            exempt.push((path.clone(), "explorers alone use it, and the litmus models check it"));
        } else if has_function(&String::from_utf8_lossy(text)) {
            required.push(path.clone());
        } else {
            exempt.push((path.clone(), "it has no function: it only names what others do"));
        }
    }
    (required, exempt)
}

/// What programs never run: the side of the switch that explorers use, and what both sides tell them.
const FOR_EXPLORERS: [&str; 4] = [
    "kernel/src/primitives/model/",
    "kernel/src/primitives/environment.rs",
    "kernel/src/primitives/record.rs",
    "kernel/src/primitives/real/checked.rs",
];

fn has_function(text: &str) -> bool {
    let code = text.lines().map(str::trim_start).filter(|line| !line.starts_with("//"));
    code.flat_map(|line| line.split(|c: char| !c.is_alphanumeric() && c != '_')).any(|w| w == "fn")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_without_functions_and_other_sides_are_exempt() {
        let texts = [
            ("kernel/src/lib.rs", "//! fn\n/// fn a()\nmod a;\npub use a::A;\n"),
            ("kernel/src/a.rs", "pub const fn a() {}\n"),
            ("kernel/src/primitives/mod.rs", "fn unique_id() {}\n"),
            ("kernel/src/primitives/real/pipe.rs", "fn drain() {}\n"),
            ("kernel/src/primitives/model/pipe.rs", "fn drain() {}\n"),
            ("kernel/src/notes.txt", "fn\n"),
            ("model-tests/src/lib.rs", "fn a() {}\n"),
        ];
        let sources = texts.map(|(path, text)| (path.to_owned(), text.into())).into();
        let (required, exempt) = files(&sources);
        assert_eq!(
            required,
            [
                "kernel/src/a.rs",
                "kernel/src/primitives/mod.rs",
                "kernel/src/primitives/real/pipe.rs"
            ]
        );
        let exempt: Vec<_> = exempt.iter().map(|(path, _)| &**path).collect();
        assert_eq!(exempt, ["kernel/src/lib.rs", "kernel/src/primitives/model/pipe.rs"]);
    }
}
