//! W10: how quickly the models are explored, by the command that explores them.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use serde::Deserialize;

use crate::rows::{Role, Row};
use crate::sample::Size;

#[derive(Deserialize)]
struct Verdicts {
    holds: bool,
    models: Vec<Model>,
}

#[derive(Deserialize)]
struct Model {
    /// None if it failed.
    executions: Option<u64>,
    /// Without its controls.
    seconds: f64,
}

/// Runs the quick class. An error says why there is no figure: also a model that does not hold, because it
/// was not explored to its end.
pub(crate) fn rows() -> Result<Vec<Row>, String> {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("models.json");
    // Built before the clock is started.
    models(super::cargo().args(["models", "list"]))?;
    let start = Instant::now();
    models(super::cargo().args(["models", "--json"]).arg(&file))?;
    let wall_time = start.elapsed();
    let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let Verdicts { holds, models } = serde_json::from_str(&text)
        .map_err(|error| format!("what `cargo models --json` wrote: {error}"))?;
    let executions = models.iter().map(|model| model.executions).sum::<Option<u64>>();
    let executions = executions.filter(|_| holds).ok_or("a model does not hold")?;
    // Models run beside one another: the rate is that of one process.
    let rate = executions as f64 / models.iter().map(|model| model.seconds).sum::<f64>();
    let row = |workload, unit, figure| {
        Row::of_figures(
            workload,
            Size { n: models.len(), p: 1 },
            unit,
            vec![("loopgate", Role::Kernel, figure)],
        )
    };
    Ok(vec![
        row("W10 executions a second,", "executions", rate),
        row("W10 seconds of wall time,", "seconds", wall_time.as_secs_f64()),
    ])
}

fn models(command: &mut Command) -> Result<(), String> {
    let status = command.stdout(Stdio::null()).status();
    let status = status.map_err(|error| format!("cargo: {error}"))?;
    status.success().then_some(()).ok_or(format!("`cargo models` failed, {status}"))
}
