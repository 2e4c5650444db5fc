//! A fault: a file with a header, a story, and the diff that puts the mistake in.
//!
//! ```text
//! Id: wakeup-wake-before-publish
//! Clause: W-1
//! History: cpython#74224
//! Pattern: M1 publish and wake in the wrong order
//! Caught-by: models w2_post_races_sleep, tests wakeup::w1_publish_before_wake (hangs)
//!
//! What is wrong, and what shows it.
//!
//! --- a/kernel/src/wakeup.rs
//! ...
//! ```

use std::fs;
use std::path::Path;

use super::checker::CHECKERS;
use super::diff::{self, FileDiff};
use super::pattern;

#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) id: String,
    pub(crate) clauses: Vec<String>,
    pub(crate) history: String,
    /// The index of its pattern.
    pub(crate) pattern: usize,
    pub(crate) caught_by: Vec<Expectation>,
    pub(crate) story: String,
    pub(crate) diffs: Vec<FileDiff>,
    /// The diff as it is written.
    pub(crate) diff_text: String,
}

/// Who must catch it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expectation {
    /// An index of [`CHECKERS`].
    pub(crate) checker: usize,
    /// A model, a test.
    pub(crate) name: String,
    /// It catches the fault by not coming to an end.
    pub(crate) hangs: bool,
}

const KEYS: [&str; 5] = ["Id", "Clause", "History", "Pattern", "Caught-by"];

/// Reads the faults of a folder, in the order of their names; each error begins with a file's name.
pub(crate) fn read_all(folder: &Path) -> Result<Vec<Fault>, Vec<String>> {
    let unreadable = |error| vec![format!("{}: {error}", folder.display())];
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "patch") {
            paths.push(path);
        }
    }
    paths.sort();
    if paths.is_empty() {
        return Err(vec![format!("{}: there is no *.patch in it", folder.display())]);
    }
    let (mut faults, mut errors) = (Vec::new(), Vec::new());
    for path in paths {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        match fs::read_to_string(&path).map_err(|error| error.to_string()) {
            Ok(text) => match parse(&stem, &text) {
                Ok(fault) => faults.push(fault),
                Err(wrong) => errors.push(format!("{stem}.patch: {wrong}")),
            },
            Err(error) => errors.push(format!("{stem}.patch: {error}")),
        }
    }
    if errors.is_empty() { Ok(faults) } else { Err(errors) }
}

/// Reads one; `stem` is its file's name without the extension.
pub(crate) fn parse(stem: &str, text: &str) -> Result<Fault, String> {
    let begins_diff = |line: &str| line.starts_with("diff --git ") || line.starts_with("--- ");
    let body: usize =
        text.split_inclusive('\n').take_while(|line| !begins_diff(line)).map(str::len).sum();
    let (head, diff_text) = text.split_at(body);
    let (keys, story) = head.split_once("\n\n").ok_or("no empty line ends its header")?;
    let mut header = Header { lines: keys.lines().map(key_and_value).collect::<Result<_, _>>()? };
    let [id, clause, history, pattern] =
        ["Id", "Clause", "History", "Pattern"].map(|key| header.take(key));
    let (id, clause, history, pattern) = (id?, clause?, history?, pattern?);
    if id != stem {
        return Err(format!("`Id: {id}` is not the name of its file"));
    }
    let clauses: Vec<String> =
        clause.split([',', ' ']).filter(|c| !c.is_empty()).map(str::to_owned).collect();
    let known = history.starts_with("none: ")
        || history.split([',', ' ']).all(|word| word.is_empty() || is_issue(word));
    if !known {
        return Err(format!(
            "`History: {history}` is neither issues (repo#1, repo#2) nor `none: why`"
        ));
    }
    let pattern = pattern::find(pattern)
        .ok_or_else(|| format!("`Pattern: {pattern}` is not in the list of faults/README.md"))?;
    let mut caught_by = Vec::new();
    while let Ok(value) = header.take("Caught-by") {
        for one in value.split(',') {
            caught_by.push(expectation(one.trim())?);
        }
    }
    if caught_by.is_empty() {
        return Err("`Caught-by:` is missing: somebody must catch it".into());
    }
    if let Some((key, _)) = header.lines.first() {
        return Err(format!("`{key}:` is there twice"));
    }
    let story = story.trim();
    if story.is_empty() {
        return Err(
            "it does not say what is wrong: a paragraph goes between header and diff".into()
        );
    }
    let diffs = diff::parse(diff_text)?;
    for FileDiff { path, .. } in &diffs {
        if !path.starts_with("kernel/src/") || path.starts_with("kernel/src/primitives/model/") {
            return Err(format!("{path} is not a file of the kernel that ships"));
        }
    }
    Ok(Fault {
        id: id.to_owned(),
        clauses,
        history: history.to_owned(),
        pattern,
        caught_by,
        story: story.to_owned(),
        diffs,
        diff_text: diff_text.to_owned(),
    })
}

/// The lines that were not asked for yet.
struct Header<'a> {
    lines: Vec<(&'a str, &'a str)>,
}

impl<'a> Header<'a> {
    fn take(&mut self, key: &str) -> Result<&'a str, String> {
        let found = self.lines.iter().position(|(known, _)| *known == key);
        found.map(|index| self.lines.remove(index).1).ok_or_else(|| format!("`{key}:` is missing"))
    }
}

fn key_and_value(line: &str) -> Result<(&str, &str), String> {
    let (key, value) = line.split_once(": ").unwrap_or((line.trim_end_matches(':'), ""));
    if !KEYS.contains(&key) {
        return Err(format!("`{line}` is no line of a header; its keys are {}", KEYS.join(", ")));
    }
    match value.trim() {
        "" => Err(format!("`{key}:` has no value")),
        value => Ok((key, value)),
    }
}

/// `cpython#74224`
fn is_issue(word: &str) -> bool {
    word.split_once('#').is_some_and(|(repository, number)| {
        !repository.is_empty() && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
    })
}

/// `models NAME`, or `tests NAME (hangs)`.
fn expectation(text: &str) -> Result<Expectation, String> {
    let (rest, hangs) = match text.strip_suffix("(hangs)") {
        Some(rest) => (rest.trim_end(), true),
        None => (text, false),
    };
    let words: Vec<&str> = rest.split_whitespace().collect();
    if let [checker, name] = words[..]
        && let Some(checker) = CHECKERS.iter().position(|known| known.name == checker)
    {
        return Ok(Expectation { checker, name: name.to_owned(), hangs });
    }
    let known: Vec<String> =
        CHECKERS.iter().map(|known| format!("`{} NAME`", known.name)).collect();
    Err(format!("`Caught-by: {text}` names nobody; it is one of {}", known.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAULT: &str = "\
Id: a-fault
Clause: W-1, W-2
History: cpython#74224, tokio#1
Pattern: M1 publish and wake in the wrong order
Caught-by: models w2_a, tests wakeup::w1_b (hangs)
Caught-by: machine laws

The wake comes first.

--- a/kernel/src/wakeup.rs
+++ b/kernel/src/wakeup.rs
@@ -1 +1 @@
-a
+b
";

    #[test]
    fn reads_a_fault() {
        let fault = parse("a-fault", FAULT).unwrap();
        assert_eq!((&*fault.id, fault.pattern), ("a-fault", 0));
        assert_eq!(fault.clauses, ["W-1", "W-2"]);
        assert_eq!(fault.story, "The wake comes first.");
        assert_eq!(fault.diffs[0].path, "kernel/src/wakeup.rs");
        let by: Vec<_> = fault
            .caught_by
            .iter()
            .map(|by| (CHECKERS[by.checker].name, &*by.name, by.hangs))
            .collect();
        assert_eq!(
            by,
            [
                ("models", "w2_a", false),
                ("tests", "wakeup::w1_b", true),
                ("machine", "laws", false)
            ]
        );
    }

    #[test]
    fn says_what_is_wrong_with_a_header() {
        let cases = [
            ("Id: a-fault\n", "", "`Id:` is missing"),
            ("Id: a-fault", "Id: other", "not the name of its file"),
            ("Clause: W-1, W-2\n", "", "`Clause:` is missing"),
            ("Clause: W-1, W-2", "Clause: W-1\nClause: W-2", "`Clause:` is there twice"),
            ("Clause: W-1, W-2", "Clause:", "`Clause:` has no value"),
            ("Clause:", "Clauses:", "no line of a header"),
            ("cpython#74224, tokio#1", "a bug", "neither issues"),
            ("cpython#74224, tokio#1", "none:", "neither issues"),
            ("M1 publish", "M2 publish", "`Pattern: M2 publish and wake"),
            ("M1 publish and wake in the wrong order", "M17 else", "`Pattern: M17 else`"),
            ("models w2_a", "model w2_a", "names nobody; it is one of `tests NAME`"),
            ("models w2_a", "models", "names nobody"),
            ("\n\nThe wake comes first.\n\n", "\n", "no empty line"),
            ("The wake comes first.\n", "", "what is wrong"),
            ("kernel/src/wakeup.rs", "kernel/tests/wakeup.rs", "not a file of the kernel"),
            ("src/wakeup.rs", "src/primitives/model/pipe.rs", "not a file of the kernel"),
        ];
        for (right, wrong, message) in cases {
            let error = parse("a-fault", &FAULT.replace(right, wrong)).unwrap_err();
            assert!(error.contains(message), "{wrong}: {error}");
        }
        let nobody = FAULT.lines().filter(|line| !line.starts_with("Caught-by"));
        let nobody: String = nobody.map(|line| format!("{line}\n")).collect();
        assert!(parse("a-fault", &nobody).unwrap_err().contains("somebody must catch it"));
    }
}
