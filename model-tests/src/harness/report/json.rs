//! The verdicts for other programs. The form is part of the help text.

use serde_json::{Map, Value, json};

use crate::harness::books::class::Class;
use crate::harness::command::run::Verdict;
use crate::harness::report::table::exploration;

/// The whole file.
pub(crate) fn text(class: Class, verdicts: &[Verdict], stale: &[String]) -> String {
    let holds = stale.is_empty() && verdicts.iter().all(|verdict| verdict.failures.is_empty());
    let models: Vec<Value> = verdicts.iter().map(model).collect();
    let all = json!({ "class": class, "holds": holds, "stale": stale, "models": models });
    format!("{all:#}\n")
}

fn model(verdict: &Verdict) -> Value {
    let found = verdict.found.as_ref();
    let outcomes = found.map(|found| {
        let outcome = |(name, count): &(String, u64)| (name.clone(), Value::from(*count));
        found.outcomes.iter().map(outcome).collect::<Map<_, _>>()
    });
    let model = verdict.model;
    json!({
        "name": model.name,
        "clauses": model.clauses,
        "threads": model.threads,
        "class": verdict.class,
        "preemptions": verdict.class.preemptions(model.bound),
        "choices": verdict.class.choices(model.choices),
        "holds": verdict.failures.is_empty(),
        "exploration": exploration(verdict),
        "executions": found.map(|found| found.executions),
        "outcomes": outcomes,
        "histories": found.map(|found| found.histories),
        "spec": verdict.refinement.as_ref().map(ToString::to_string),
        "controls": { "number": model.controls.len(), "caught": verdict.caught },
        "seconds": verdict.elapsed.as_secs_f64(),
        "failures": verdict.failures,
    })
}
