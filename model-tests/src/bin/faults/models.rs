//! How a model is asked to explore itself, and what its answer says.
//!
//! All that is known here of how the program of the models talks: the request is one argument, the answer
//! is in lines, both in JSON. A process that ended without a last line failed: the panic of an unwinding
//! thread ends in an abort.

use serde_json::{Value, json};

use super::checker::Verdict;
use super::guard::Ended;

/// The argument behind `explore`.
pub(crate) fn request(name: &str) -> String {
    let task = json!({ "Explore": { "keep_shortest": false } });
    json!({ "model": name, "control": null, "class": "quick", "task": task }).to_string()
}

/// `None` if there is no such model.
pub(crate) fn verdict(ended: &Ended) -> Option<Verdict> {
    match ended.status {
        None => Some(Verdict::Hung),
        Some(0) => Some(Verdict::Passed),
        Some(2) => None,
        Some(_) => Some(Verdict::Failed { executions: executions(ended) }),
    }
}

/// How many executions it took: those that it last told of, or more if the one that failed says so.
fn executions(ended: &Ended) -> Option<u64> {
    let told = lines(ended).filter_map(|line| line["Progress"].as_u64()).max();
    let failed = failure(ended).and_then(|line| line["position"]["execution"].as_u64());
    // Its number counts from the last vector of answers on.
    told.max(failed)
}

fn failure(ended: &Ended) -> Option<Value> {
    lines(ended).map(|mut line| line["Failed"].take()).find(|failed| !failed.is_null())
}

fn lines(ended: &Ended) -> impl Iterator<Item = Value> {
    ended.stdout.lines().filter_map(|line| serde_json::from_str(line).ok())
}

/// The execution that failed, a line a step, and why.
pub(crate) fn report(ended: &Ended) -> String {
    let Some(failed) = failure(ended) else { return ended.stderr.clone() };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let threads = &failed["interleaving"]["threads"];
    let mut report = String::new();
    for step in failed["interleaving"]["steps"].as_array().into_iter().flatten() {
        let thread = step["thread"].as_u64().and_then(|index| usize::try_from(index).ok());
        let thread = text(&threads[thread.unwrap_or(usize::MAX)]);
        let words = ["operation", "object", "value", "at"].map(|key| text(&step[key]));
        let words = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>();
        report += &format!("  {thread:12}  {}\n", words.join(" "));
    }
    format!("{report}\n{}\n", text(&failed["message"]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn ended(status: Option<i32>, stdout: &str) -> Ended {
        let (stdout, stderr) = (stdout.to_owned(), "aborted".to_owned());
        Ended { status, stdout, stderr, elapsed: Duration::ZERO }
    }

    #[test]
    fn the_last_word_of_a_model_counts() {
        let failed = "{\"Progress\":256}\n{\"Failed\":{\"message\":\"deadlock\",\"interleaving\":{\
            \"threads\":[\"main\"],\"steps\":[{\"thread\":0,\"operation\":\"lock\",\"object\":\"Inbox 1\",\
            \"value\":\"\",\"at\":\"wakeup.rs:1\"}]},\"position\":{\"answers\":\"\",\"execution\":300}}}\n";
        let failed = ended(Some(101), failed);
        assert_eq!(verdict(&failed), Some(Verdict::Failed { executions: Some(300) }));
        assert_eq!(report(&failed), "  main          lock Inbox 1 wakeup.rs:1\n\ndeadlock\n");
        assert_eq!(verdict(&ended(Some(0), "{\"Found\":{}}\n")), Some(Verdict::Passed));
        assert_eq!(verdict(&ended(Some(2), "")), None);
        assert_eq!(verdict(&ended(None, "{\"Progress\":256}\n")), Some(Verdict::Hung));
        let aborted = ended(Some(134), "");
        assert_eq!(verdict(&aborted), Some(Verdict::Failed { executions: None }));
        assert_eq!(report(&aborted), "aborted");
    }
}
