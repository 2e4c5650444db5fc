//! An execution as reports know it: who did what, in which order.

use serde::{Deserialize, Serialize};

/// The steps of an execution, as far as it went.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Interleaving {
    /// The names of the threads, the main thread first.
    pub(crate) threads: Vec<String>,
    pub(crate) steps: Vec<Step>,
}

/// One visible step of one thread.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Step {
    /// Index into the names of the threads.
    pub(crate) thread: usize,
    pub(crate) operation: String,
    /// `Inbox#1`; empty if the step is on no object.
    pub(crate) object: String,
    pub(crate) value: String,
    /// `file.rs:line`; empty if it is not known.
    pub(crate) at: String,
    /// An unusual answer of the environment.
    pub(crate) answer: bool,
    /// What the object is afterwards, if that changed.
    pub(crate) state: Option<String>,
}

impl Step {
    /// The step in a line: operation, object, value, place.
    pub(crate) fn line(&self) -> String {
        let at = if self.at.is_empty() { String::new() } else { format!("({})", self.at) };
        let parts = [&self.operation, &self.object, &self.value, &at];
        let parts = parts.into_iter().filter(|part| !part.is_empty());
        parts.map(String::as_str).collect::<Vec<_>>().join(" ")
    }
}

impl Interleaving {
    /// The name of the thread that did a step.
    pub(crate) fn actor(&self, step: &Step) -> &str {
        self.threads.get(step.thread).map_or("?", String::as_str)
    }

    /// What the environment answered in an unusual way, a line each.
    pub(crate) fn answers(&self) -> Vec<String> {
        let answers = self.steps.iter().filter(|step| step.answer);
        answers.map(|step| format!("{}: {}", self.actor(step), step.line())).collect()
    }

    /// The last steps, with who did them.
    pub(crate) fn last(&self, count: usize) -> Vec<String> {
        let first = self.steps.len().saturating_sub(count);
        let line = |step: &Step| format!("{}: {}", self.actor(step), step.line());
        self.steps[first..].iter().map(line).collect()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A step from `thread: operation [object] [= value]`.
    pub(in crate::harness) fn steps(threads: &[&str], lines: &[&str]) -> Interleaving {
        let step = |line: &&str| {
            let (thread, rest) = line.split_once(": ").expect("thread: step");
            let (rest, value) = rest.split_once(" = ").unwrap_or((rest, ""));
            let (operation, object) = match rest.rsplit_once(' ') {
                Some((operation, object)) if object.contains('#') => (operation, object),
                _ => (rest, ""),
            };
            Step {
                thread: threads.iter().position(|name| *name == thread).expect("a known thread"),
                operation: operation.into(),
                object: object.into(),
                value: value.into(),
                ..Step::default()
            }
        };
        Interleaving {
            threads: threads.iter().map(|name| (*name).into()).collect(),
            steps: lines.iter().map(step).collect(),
        }
    }

    #[test]
    fn a_line_has_what_is_known() {
        let mut interleaving =
            steps(&["main"], &["main: store AtomicBool#1 = true", "main: note:"]);
        interleaving.steps[0].at = "wakeup.rs:7".into();
        interleaving.steps[1].answer = true;
        let lines: Vec<String> = interleaving.steps.iter().map(Step::line).collect();
        assert_eq!(lines, ["store AtomicBool#1 true (wakeup.rs:7)", "note:"]);
        assert_eq!(interleaving.answers(), ["main: note:"]);
        assert_eq!(interleaving.last(1), ["main: note:"]);
        assert_eq!(interleaving.last(9).len(), 2);
    }
}
