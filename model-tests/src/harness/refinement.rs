//! A model's outcomes against those that the spec allows for the same scenario: they must be equal.
//!
//! An outcome that only the spec has means that the model does not reach what it should, or that the spec
//! is too wide; one that only the model has is a bug of the kernel, or the spec is too narrow. The run of a
//! model shows that what it reaches is what it lists, so it is the list that is compared here.

use std::collections::BTreeSet;
use std::fmt;

use crate::harness::model::{ELSEWHERE, Model, Row, Spec};
use crate::spec::{Program, Seeded, outcomes_with};

/// How a model that agrees with the spec does so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refinement {
    /// Both have the same outcomes.
    Equal {
        /// How many states the spec has for it.
        states: usize,
        /// What the model tells beyond that; empty if nothing.
        beneath: &'static str,
    },
    /// The spec cannot say, for this reason.
    Below(&'static str),
    /// The spec has no say.
    Explorers,
}

impl Refinement {
    /// In one word or two, for a column.
    #[must_use]
    pub fn column(&self) -> String {
        match self {
            Refinement::Equal { beneath: "", .. } => "equal".into(),
            Refinement::Equal { .. } => "equal above".into(),
            Refinement::Below(_) => "below".into(),
            Refinement::Explorers => String::new(),
        }
    }
}

impl fmt::Display for Refinement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refinement::Equal { states, beneath: "" } => write!(f, "= spec, {states} states"),
            Refinement::Equal { states, beneath } => {
                write!(f, "= spec, {states} states; below it: {beneath}")
            }
            Refinement::Below(why) => write!(f, "below the spec: {why}"),
            Refinement::Explorers => f.write_str("about the explorers"),
        }
    }
}

/// How many models agree with the spec, and how, in one line; `None` is one that does not agree.
pub fn counts<'a>(models: impl Iterator<Item = Option<&'a Refinement>>) -> String {
    let (mut equal, mut beneath, mut below, mut differ) = (0, 0, 0, 0);
    for refinement in models {
        match refinement {
            Some(Refinement::Equal { beneath: told, .. }) => {
                equal += 1;
                beneath += usize::from(!told.is_empty());
            }
            Some(Refinement::Below(_)) => below += 1,
            Some(Refinement::Explorers) => {}
            None => differ += 1,
        }
    }
    format!(
        "spec: the outcomes of {} models of the kernel: {equal} equal ({beneath} of them tell more than \
         the spec can), {below} below the spec, {differ} differ",
        equal + below + differ
    )
}

/// Compares a model with the spec.
///
/// # Errors
/// Everything in which they differ, a line each.
pub fn compare(model: &Model) -> Result<Refinement, Vec<String>> {
    compare_with(model, None)
}

/// The same with a spec that makes a mistake.
///
/// # Errors
/// Everything in which they differ, a line each.
pub fn compare_with(model: &Model, seeded: Option<Seeded>) -> Result<Refinement, Vec<String>> {
    let (programs, words, beneath) = match model.spec {
        Spec::Allows { programs, words, beneath } => (programs, words, beneath),
        Spec::Below("") => return Err(vec!["it is below the spec for no reason".into()]),
        Spec::Below(why) => return Ok(Refinement::Below(why)),
        Spec::Explorers => return Ok(Refinement::Explorers),
        Spec::Missing => return Err(vec!["nobody has asked the spec".into()]),
    };
    let (mut logs, mut states) = (BTreeSet::new(), 0);
    for program in programs {
        let program = Program { name: model.name.into(), ..program() };
        let found =
            outcomes_with(&program, seeded).map_err(|why| vec![format!("the spec: {why}")])?;
        logs.extend(found.allowed.iter().map(ToString::to_string));
        states += found.states;
    }
    let differences = differences(model.outcomes, words, beneath, &logs);
    if differences.is_empty() {
        Ok(Refinement::Equal { states, beneath })
    } else {
        Err(differences)
    }
}

fn differences(
    listed: &[&str],
    words: &'static [Row],
    beneath: &str,
    found: &BTreeSet<String>,
) -> Vec<String> {
    let mut differences = Vec::new();
    let mut allowed: BTreeSet<&str> = BTreeSet::new();
    let mut used: BTreeSet<&Row> = BTreeSet::new();
    let mut ambiguous = false;
    for logs in found {
        let rows: Vec<&Row> = words.iter().filter(|(_, pattern)| matches(pattern, logs)).collect();
        let own: BTreeSet<&str> = rows.iter().map(|(word, _)| *word).collect();
        if own.is_empty() {
            differences.push(format!("the spec allows what the model has no word for: {logs}"));
        } else if own.len() > 1 && beneath.is_empty() {
            differences.push(format!("the model has {own:?} for the same logs: {logs}"));
        }
        ambiguous |= own.len() > 1;
        allowed.extend(own.into_iter().filter(|word| *word != ELSEWHERE));
        used.extend(rows);
    }
    if !beneath.is_empty() && !ambiguous {
        differences.push(format!("nothing is below the spec, but it says so: {beneath}"));
    }
    let listed: BTreeSet<&str> = listed.iter().copied().collect();
    let only = |whose: &str, word: &&str| format!("{whose} alone allows: {word}");
    differences.extend(allowed.difference(&listed).map(|word| only("the spec", word)));
    differences.extend(listed.difference(&allowed).map(|word| only("the model", word)));
    let dead = words.iter().filter(|row| !used.contains(row));
    differences.extend(dead.map(|(word, pattern)| {
        format!("the spec allows no such logs, which stand for `{word}`: {pattern}")
    }));
    differences
}

/// Whether logs are as a row says.
fn matches(pattern: &str, logs: &str) -> bool {
    let (patterns, logs) = (pattern.split(" | "), logs.split(" | "));
    patterns.clone().count() == logs.clone().count()
        && patterns.zip(logs).all(|(pattern, log)| {
            let words = |text: &'_ str| -> Vec<String> {
                text.split("; ").filter(|word| !word.is_empty()).map(String::from).collect()
            };
            log_matches(&words(pattern), &words(log))
        })
}

fn log_matches(pattern: &[String], log: &[String]) -> bool {
    match pattern.split_first() {
        None => log.is_empty(),
        Some((first, rest)) if first == ".." => {
            (0..=log.len()).any(|from| log_matches(rest, &log[from..]))
        }
        Some((first, rest)) => log.first() == Some(first) && log_matches(rest, &log[1..]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::program::{Limit, Op, VERSION};

    fn program() -> Program {
        let wait = Op::Result { future: 0, limit: Limit::Finite };
        let complete = Op::SetResult { future: 0, value: 7 };
        let threads = vec![vec![Op::NewPromise(0), Op::Start(1), wait], vec![complete]];
        Program { version: VERSION, threads, ..Program::default() }
    }

    fn model(outcomes: &'static [&'static str], words: &'static [Row]) -> Model {
        let spec = Spec::Allows { programs: &[program], words, beneath: "" };
        Model { name: "a model", outcomes, spec, ..Model::DEFAULTS }
    }

    const GOT: Row = ("got it", "value 7 | ok");
    const NOT: Row = ("gave up", "timed out | ok");

    #[test]
    fn equal_sets_agree() {
        let agrees = compare(&model(&["got it", "gave up"], &[GOT, NOT])).unwrap();
        assert!(agrees.to_string().starts_with("= spec, "), "{agrees}");
    }

    #[test]
    fn every_difference_is_said() {
        for (outcomes, words, piece) in [
            (&["got it"][..], &[GOT, NOT][..], "the spec alone allows: gave up"),
            (&["got it", "gave up", "lost"], &[GOT, NOT], "the model alone allows: lost"),
            (&["got it"], &[GOT], "no word for: timed out | ok"),
            (&["got it", "gave up"], &[GOT, NOT, ("got it", "value 8 | ..")], "stand for `got it`"),
            (&["got it", "gave up"], &[GOT, NOT, ("gave up", ".. | ok")], "for the same logs"),
        ] {
            let differences = compare(&model(outcomes, words)).unwrap_err().join("\n");
            assert!(differences.contains(piece), "{differences}");
        }
    }

    #[test]
    fn what_is_below_the_spec_has_a_reason_and_is_there() {
        let below = Model { spec: Spec::Below(""), ..model(&[], &[]) };
        assert!(compare(&below).is_err());
        assert!(compare(&Model { spec: Spec::Missing, ..below }).is_err());
        let spec = Spec::Allows { programs: &[program], words: &[GOT, NOT], beneath: "nothing" };
        let claims = Model { spec, ..model(&["got it", "gave up"], &[]) };
        let differences = compare(&claims).unwrap_err().join("\n");
        assert!(differences.contains("nothing is below the spec"), "{differences}");
        let words = &[GOT, NOT, ("gave up late", "timed out | ok")];
        let spec = Spec::Allows { programs: &[program], words, beneath: "how late" };
        let told = Model { spec, ..model(&["got it", "gave up", "gave up late"], &[]) };
        assert!(compare(&told).is_ok());
    }

    #[test]
    fn two_dots_are_any_words_of_a_log() {
        assert!(matches("..; ok | ", "true; ok | ") && matches("..; ok | ", "ok | "));
        assert!(matches("true; .. | ok", "true; ok; none | ok"));
        assert!(!matches("..; ok", "ok; true") && !matches(".. | ok", "ok | true"));
        assert!(!matches("ok", "ok | ok"));
    }
}
