//! The ledger: what each model came to when it was last accepted, to the execution.
//!
//! An exploration is a function of the sources. If a count moves though nobody meant it to, something
//! was left out or has come in; `cargo models --record` accepts it, and the diff shows what moved.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::harness::books::class::Class;
use crate::harness::books::histories::Histories;

const HEAD: &str = "\
# Generated: `cargo models --record` rewrites the rows of the models and the class that it runs.
# Every other run compares. Counts are exact: the same sources have the same interleavings.
";

/// Where it is kept.
pub(crate) fn path() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/ledger.toml"))
}

/// All rows, by the names of the models.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(crate) struct Ledger {
    rows: BTreeMap<String, Row>,
}

/// What is known of a model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    clauses: Vec<String>,
    threads: usize,
    quick: Option<Count>,
    nightly: Option<Count>,
    deep: Option<Count>,
}

/// What came of a model in one class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Count {
    /// `complete`, or what it was bounded at.
    pub(crate) exploration: String,
    pub(crate) executions: u64,
    pub(crate) histories: Histories,
    pub(crate) outcomes: BTreeMap<String, u64>,
}

/// A model that holds, as the ledger sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry<'a> {
    pub(crate) name: &'a str,
    pub(crate) clauses: &'a [&'a str],
    pub(crate) threads: usize,
    pub(crate) count: Count,
}

impl Row {
    fn count(&self, class: Class) -> Option<&Count> {
        match class {
            Class::Quick => self.quick.as_ref(),
            Class::Nightly => self.nightly.as_ref(),
            Class::Deep => self.deep.as_ref(),
        }
    }

    fn count_mut(&mut self, class: Class) -> &mut Option<Count> {
        match class {
            Class::Quick => &mut self.quick,
            Class::Nightly => &mut self.nightly,
            Class::Deep => &mut self.deep,
        }
    }
}

impl Ledger {
    /// Reads the file; one that does not exist has no rows.
    pub(crate) fn load() -> Result<Ledger, String> {
        match std::fs::read_to_string(path()) {
            Ok(text) => Ledger::parse(&text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Ledger::default()),
            Err(error) => Err(format!("the ledger cannot be read: {error}")),
        }
    }

    /// Writes the file.
    pub(crate) fn save(&self) -> Result<(), String> {
        std::fs::write(path(), self.text())
            .map_err(|error| format!("the ledger cannot be written: {error}"))
    }

    fn parse(text: &str) -> Result<Ledger, String> {
        toml::from_str(text).map_err(|error| {
            format!(
                "model-tests/ledger.toml is broken; remove it, and `cargo models --record` \
                 writes a new one\n{error}"
            )
        })
    }

    /// The file's text: sorted, a line a fact.
    fn text(&self) -> String {
        let mut text = String::from(HEAD);
        for (name, row) in &self.rows {
            let clauses: Vec<String> = row.clauses.iter().map(|clause| quoted(clause)).collect();
            // Writing to a string does not fail.
            let _ = writeln!(text, "\n[{}]\nclauses = [{}]", key(name), clauses.join(", "));
            let _ = writeln!(text, "threads = {}", row.threads);
            for class in Class::ALL {
                let Some(count) = row.count(class) else { continue };
                let _ = writeln!(text, "\n[{}.{class}]", key(name));
                let _ = writeln!(text, "exploration = {}", quoted(&count.exploration));
                let _ = writeln!(text, "executions = {}", count.executions);
                let _ = writeln!(text, "histories = \"{}\"", count.histories);
                for (outcome, count) in &count.outcomes {
                    let _ = writeln!(text, "outcomes.{} = {count}", key(outcome));
                }
            }
        }
        text
    }

    /// Replaces a model's count of that class.
    pub(crate) fn record(&mut self, class: Class, entry: &Entry<'_>) {
        let row = self.rows.entry(entry.name.into()).or_default();
        row.clauses = entry.clauses.iter().map(|clause| (*clause).into()).collect();
        row.threads = entry.threads;
        *row.count_mut(class) = Some(entry.count.clone());
    }

    /// Removes the rows of models that do not exist.
    pub(crate) fn retain(&mut self, names: &BTreeSet<&str>) {
        self.rows.retain(|name, _| names.contains(name.as_str()));
    }

    /// The names that have a row.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.rows.keys().map(String::as_str)
    }

    /// How many executions a model had in that class; if that is not known, in another.
    pub(crate) fn cost(&self, name: &str, class: Class) -> u64 {
        let row = self.rows.get(name);
        let classes = [class].into_iter().chain(Class::ALL);
        let count = classes.filter_map(|class| row?.count(class)).next();
        count.map_or(0, |count| count.executions)
    }

    /// What a model that holds has to do with its row; empty if it is as recorded.
    pub(crate) fn compare(&self, class: Class, entry: &Entry<'_>) -> Vec<String> {
        let mut changes = Vec::new();
        if entry.count.executions == 0 {
            changes.push("it had no execution, so it shows nothing".into());
        }
        let Some(row) = self.rows.get(entry.name) else {
            changes.push("it has no row".into());
            return changes;
        };
        let mut compare = |what: &str, old: String, new: String| {
            if old != new {
                changes.push(format!("{what}: {old} recorded, {new} now"));
            }
        };
        compare("clauses", row.clauses.join(" "), entry.clauses.join(" "));
        compare("threads", row.threads.to_string(), entry.threads.to_string());
        let Some(count) = row.count(class) else {
            changes.push(format!("its row has nothing for the class {class}"));
            return changes;
        };
        compare("exploration", count.exploration.clone(), entry.count.exploration.clone());
        compare("executions", count.executions.to_string(), entry.count.executions.to_string());
        compare("histories", count.histories.to_string(), entry.count.histories.to_string());
        let outcomes: BTreeSet<&String> =
            count.outcomes.keys().chain(entry.count.outcomes.keys()).collect();
        for outcome in outcomes {
            let times = |count: &Count| {
                count
                    .outcomes
                    .get(outcome)
                    .map_or("never".into(), |number| format!("{number} times"))
            };
            compare(&format!("outcome `{outcome}`"), times(count), times(&entry.count));
        }
        changes
    }
}

/// What the second explorer has to say of what the first one recorded; empty if they agree.
///
/// It has no bound on preemptions. So where the first one had, it may see more histories, but never fewer
/// and never another outcome.
#[cfg_attr(loom, allow(dead_code, reason = "it is the first explorer that is compared with"))]
pub(crate) fn disagreements(ledger: &Ledger, class: Class, entry: &Entry<'_>) -> Vec<String> {
    let row = ledger.rows.get(entry.name);
    let Some(first) = row.and_then(|row| row.count(class).or_else(|| row.count(Class::Quick)))
    else {
        return vec!["the first explorer recorded nothing".into()];
    };
    let second = &entry.count;
    let mut disagreements = Vec::new();
    let names = |count: &Count| count.outcomes.keys().cloned().collect::<BTreeSet<String>>();
    let (of_first, of_second) = (names(first), names(second));
    disagreements.extend(of_first.difference(&of_second).map(|name| {
        format!("the first explorer (loom) reached `{name}`, the second (shuttle) did not")
    }));
    disagreements.extend(of_second.difference(&of_first).map(|name| {
        format!("the second explorer (shuttle) reached `{name}`, the first (loom) did not")
    }));
    let bounded = first.exploration.contains("preemptions");
    let agree = if bounded {
        first.histories.count <= second.histories.count
    } else {
        first.histories == second.histories
    };
    if !agree {
        let (first, second) = (first.histories, second.histories);
        disagreements.push(format!(
            "histories: {first} by the first explorer (loom), {second} by the second (shuttle)"
        ));
    }
    disagreements
}

/// How a change is accepted; `names` are the models that have one, none stands for all.
pub(crate) fn advice(class: Class, names: &[&str]) -> String {
    let run = if names.is_empty() { String::new() } else { format!(" run {}", names.join(" ")) };
    let class = if class == Class::Quick { String::new() } else { format!(" --class {class}") };
    format!("if that is as it should be, `cargo models{run}{class} --record` accepts it")
}

/// A key of TOML: bare if it may be.
fn key(text: &str) -> String {
    let bare = |char: char| char.is_ascii_alphanumeric() || char == '_' || char == '-';
    if !text.is_empty() && text.chars().all(bare) { text.into() } else { quoted(text) }
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for char in text.chars() {
        match char {
            '"' | '\\' => quoted.extend(['\\', char]),
            char if char.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", char as u32);
            }
            char => quoted.push(char),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, executions: u64) -> Entry<'_> {
        let outcomes = [("woken".into(), executions), ("a \"b\" \\ =".into(), 1)].into();
        let histories = Histories::default();
        let count = Count { exploration: "complete".into(), executions, histories, outcomes };
        Entry { name, clauses: &["W-1", "W-2"], threads: 2, count }
    }

    fn ledger() -> Ledger {
        let mut ledger = Ledger::default();
        ledger.record(Class::Quick, &entry("w2_b", 7));
        ledger.record(Class::Nightly, &entry("w2_b", 70));
        ledger.record(Class::Quick, &entry("w1_a", 3));
        ledger
    }

    #[test]
    fn it_is_read_as_it_is_written_and_sorted() {
        let text = ledger().text();
        assert_eq!(Ledger::parse(&text), Ok(ledger()), "{text}");
        let at = |piece: &str| text.find(piece).unwrap_or_else(|| panic!("{piece} in {text}"));
        assert!(at("[w1_a]") < at("[w2_b]"), "{text}");
        assert!(at("[w2_b.quick]") < at("[w2_b.nightly]"), "{text}");
        assert!(text.contains("\noutcomes.woken = 7\n"), "{text}");
    }

    #[test]
    fn what_is_as_recorded_passes() {
        assert_eq!(ledger().compare(Class::Quick, &entry("w2_b", 7)), [""; 0]);
        assert_eq!(ledger().compare(Class::Nightly, &entry("w2_b", 70)), [""; 0]);
    }

    #[test]
    fn drift_is_named() {
        assert_eq!(
            ledger().compare(Class::Quick, &entry("w2_b", 8)),
            ["executions: 7 recorded, 8 now", "outcome `woken`: 7 times recorded, 8 times now",]
        );
        let mut other = entry("w2_b", 7);
        other.threads = 3;
        other.clauses = &["W-1"];
        other.count.exploration = "bounded at 2 preemptions".into();
        other.count.outcomes.remove("woken");
        other.count.outcomes.insert("lost".into(), 7);
        assert_eq!(
            ledger().compare(Class::Quick, &other),
            [
                "clauses: W-1 W-2 recorded, W-1 now",
                "threads: 2 recorded, 3 now",
                "exploration: complete recorded, bounded at 2 preemptions now",
                "outcome `lost`: never recorded, 7 times now",
                "outcome `woken`: 7 times recorded, never now",
            ]
        );
    }

    #[test]
    fn what_has_no_row_and_what_explored_nothing_fail() {
        assert_eq!(ledger().compare(Class::Quick, &entry("new", 1)), ["it has no row"]);
        assert_eq!(
            ledger().compare(Class::Deep, &entry("w2_b", 7)),
            ["its row has nothing for the class deep"]
        );
        let mut ledger = ledger();
        ledger.record(Class::Quick, &entry("w1_a", 0));
        assert_eq!(
            ledger.compare(Class::Quick, &entry("w1_a", 0)),
            ["it had no execution, so it shows nothing"]
        );
    }

    #[test]
    fn recording_replaces_one_class_of_one_model() {
        let mut ledger = ledger();
        ledger.record(Class::Quick, &entry("w2_b", 9));
        assert_eq!(ledger.cost("w2_b", Class::Quick), 9);
        assert_eq!(ledger.cost("w2_b", Class::Nightly), 70);
        assert_eq!(ledger.cost("w2_b", Class::Deep), 9);
        assert_eq!(ledger.cost("w1_a", Class::Quick), 3);
        assert_eq!(ledger.cost("unknown", Class::Quick), 0);
    }

    #[test]
    fn rows_of_models_that_are_gone_can_be_removed() {
        let mut ledger = ledger();
        ledger.retain(&["w1_a"].into());
        assert!(ledger.names().eq(["w1_a"]));
    }

    #[test]
    fn a_broken_file_is_refused() {
        for text in ["a", "[m]\nclauses = []", "[m]\nclauses = []\nthreads = 1\nother = 1"] {
            assert!(Ledger::parse(text).is_err_and(|e| e.contains("ledger.toml is broken")));
        }
        assert_eq!(Ledger::parse(""), Ok(Ledger::default()));
    }

    #[test]
    fn the_advice_is_the_command() {
        assert!(advice(Class::Quick, &[]).contains("`cargo models --record`"));
        let deep = advice(Class::Deep, &["a", "b"]);
        assert!(deep.contains("`cargo models run a b --class deep --record`"), "{deep}");
    }
}
