//! The file by which one execution is run again.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::harness::books::class::Class;

/// What this program was built from; a replay of other sources means nothing.
pub(crate) const SOURCES: &str = env!("LOOPGATE_SOURCES");

/// The explorer and its version.
pub(crate) const EXPLORER: &str = env!("LOOPGATE_EXPLORER");

/// How many of the last steps must be the same.
pub(crate) const LAST_STEPS: usize = 8;

/// One execution of one variant of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Replay {
    pub(crate) model: String,
    /// The control's name, if it is one of those.
    pub(crate) control: Option<String>,
    pub(crate) class: Class,
    /// The fingerprint of the sources.
    pub(crate) sources: String,
    pub(crate) explorer: String,
    /// The vector of answers.
    pub(crate) answers: String,
    /// Which execution under these answers it was.
    pub(crate) execution: u64,
    /// What it fails with.
    pub(crate) message: String,
    /// How many steps it has, and what the last ones are.
    pub(crate) steps: usize,
    pub(crate) last: Vec<String>,
    /// The explorer's own schedule.
    pub(crate) schedule: Value,
}

impl Replay {
    /// The file's text: a line per field.
    pub(crate) fn text(&self) -> String {
        let fields = match serde_json::to_value(self) {
            Ok(Value::Object(fields)) => fields,
            other => unreachable!("a struct is an object: {other:?}"),
        };
        let line = |(name, value): (String, Value)| format!("  \"{name}\": {value}");
        let lines: Vec<String> = fields.into_iter().map(line).collect();
        format!("{{\n{}\n}}\n", lines.join(",\n"))
    }

    /// Reads a file's text; refuses what this program cannot replay.
    pub(crate) fn parse(text: &str) -> Result<Replay, String> {
        Replay::parse_for(text, SOURCES, EXPLORER)
    }

    fn parse_for(text: &str, sources: &str, explorer: &str) -> Result<Replay, String> {
        // The names first: they say what to do about the rest.
        let value: Value = serde_json::from_str(text).map_err(|error| {
            format!(
                "this is no replay file: {error}\n\
                 `cargo models run NAME` writes one for each model that fails"
            )
        })?;
        let known = |field: &str| value.get(field).and_then(Value::as_str).map(String::from);
        let again = again(known("model").as_deref(), known("control").is_some());
        if known("sources").is_some_and(|of_file| of_file != sources)
            || known("explorer").is_some_and(|of_file| of_file != explorer)
        {
            return Err(format!(
                "this replay file is stale: it was made from other sources of the kernel, the models \
                 or the explorer,\nand its schedule means nothing in these\n{again}"
            ));
        }
        serde_json::from_value(value)
            .map_err(|error| format!("this replay file is broken: {error}\n{again}"))
    }
}

/// How to make a new file.
pub(crate) fn again(model: Option<&str>, control: bool) -> String {
    let name = model.unwrap_or("NAME");
    let keep = if control { " --keep-controls" } else { "" };
    format!("`cargo models run {name}{keep}` makes a new one if it still fails")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replay() -> Replay {
        Replay {
            model: "w2_post_races_sleep".into(),
            control: Some("the byte may vanish".into()),
            class: Class::Quick,
            sources: SOURCES.into(),
            explorer: EXPLORER.into(),
            answers: "yes 9.0 no".into(),
            execution: 3,
            message: "deadlock\n  \"main\"".into(),
            steps: 12,
            last: vec!["main: lock Inbox#1".into()],
            schedule: serde_json::json!({ "pos": 0, "branches": [1, 2] }),
        }
    }

    #[test]
    fn a_file_is_read_as_it_is_written() {
        let text = replay().text();
        assert_eq!(Replay::parse(&text), Ok(replay()), "{text}");
        assert_eq!(text.lines().count(), 13, "{text}");
    }

    #[test]
    fn a_stale_file_is_refused_and_says_how_to_make_another() {
        for (sources, explorer) in [("0000000000000000", EXPLORER), (SOURCES, "loom 0.0.0")] {
            let refusal = Replay::parse_for(&replay().text(), sources, explorer).unwrap_err();
            assert!(refusal.contains("stale"), "{refusal}");
            let command = "`cargo models run w2_post_races_sleep --keep-controls` makes a new one";
            assert!(refusal.contains(command), "{refusal}");
        }
        let mut model = replay();
        model.control = None;
        let refusal = Replay::parse_for(&model.text(), "other", EXPLORER).unwrap_err();
        assert!(refusal.contains("`cargo models run w2_post_races_sleep` makes"), "{refusal}");
    }

    #[test]
    fn a_stale_file_of_another_form_is_stale_and_not_broken() {
        let refusal = Replay::parse(r#"{"model": "a", "sources": "0", "older": 1}"#).unwrap_err();
        assert!(refusal.contains("stale"), "{refusal}");
    }

    #[test]
    fn a_broken_file_is_refused() {
        let whole = replay().text();
        for text in ["", "[", &whole[..whole.len() / 2]] {
            let refusal = Replay::parse(text).unwrap_err();
            assert!(refusal.contains("this is no replay file"), "{refusal}");
        }
        for text in ["[]", "{}", &whole.replace("\"steps\"", "\"stops\"")] {
            let refusal = Replay::parse(text).unwrap_err();
            assert!(refusal.contains("this replay file is broken"), "{refusal}");
            assert!(refusal.contains("makes a new one"), "{refusal}");
        }
    }

    #[test]
    fn the_sources_are_known() {
        assert_eq!(SOURCES.len(), 16);
        let known = ["loom 0.", "shuttle 0."].iter().any(|known| EXPLORER.starts_with(known));
        assert!(known, "{EXPLORER}");
    }
}
