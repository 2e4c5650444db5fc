//! What is on the screen: how far the runs are, and the table at the end.

use std::io::{IsTerminal, Write};

use crate::harness::books::class;
use crate::harness::command::run::Verdict;
use crate::harness::model::Model;
use crate::harness::refinement::Refinement;
use crate::harness::report::figures::{grouped, lines};

/// The progress of the runs: one line that is rewritten on a terminal, a line per event elsewhere.
pub(crate) struct Screen {
    terminal: bool,
    quiet: bool,
    running: Vec<(String, u64)>,
    ended: usize,
    total: usize,
}

impl Screen {
    pub(crate) fn new(total: usize, quiet: bool) -> Screen {
        let terminal = std::io::stderr().is_terminal() && !quiet;
        Screen { terminal, quiet, running: Vec::new(), ended: 0, total }
    }

    pub(crate) fn started(&mut self, title: String) {
        if !self.terminal && !self.quiet {
            eprintln!("start  {title}");
        }
        self.running.push((title, 0));
        self.rewrite();
    }

    pub(crate) fn progress(&mut self, title: &str, executions: u64) {
        if let Some(running) = self.running.iter_mut().find(|(running, _)| running == title) {
            running.1 = executions;
        }
        self.rewrite();
    }

    pub(crate) fn ended(&mut self, title: &str, how: &str) {
        self.running.retain(|(running, _)| running != title);
        self.ended += 1;
        if !self.terminal && !self.quiet {
            eprintln!("end    {title}: {how}");
        }
        self.rewrite();
    }

    /// Leaves the line to what is printed next.
    pub(crate) fn clear(&self) {
        if self.terminal {
            eprint!("\r\x1b[2K");
        }
    }

    fn rewrite(&self) {
        if !self.terminal {
            return;
        }
        let running = self.running.iter().map(|(title, executions)| match executions {
            0 => title.clone(),
            number => format!("{title} {}", grouped(*number)),
        });
        let running = running.collect::<Vec<_>>().join("; ");
        let line = format!("{}/{}  {running}", self.ended, self.total);
        // Longer lines would wrap and could not be rewritten.
        let line: String = line.chars().take(100).collect();
        eprint!("\r\x1b[2K{line}");
        let _ = std::io::stderr().flush();
    }
}

/// The table of the verdicts.
pub(crate) fn table(verdicts: &[Verdict]) -> String {
    let head = [
        "model",
        "clauses",
        "threads",
        "executions",
        "time",
        "exploration",
        "controls caught",
        "spec",
    ];
    let mut rows = vec![head.map(String::from)];
    rows.extend(verdicts.iter().map(|verdict| {
        let Model { name, clauses, threads, controls, .. } = verdict.model;
        let executions =
            verdict.found.as_ref().map_or_else(String::new, |found| grouped(found.executions));
        [
            (*name).to_owned(),
            clauses.join(" "),
            threads.to_string(),
            executions,
            format!("{:.1} s", verdict.elapsed.as_secs_f64()),
            exploration(verdict),
            format!("{} of {}", verdict.caught, controls.len()),
            verdict.refinement.as_ref().map_or_else(|| "DIFFERS".into(), Refinement::column),
        ]
    }));
    let right = [false, false, true, true, true, false, true, false];
    lines(&rows, &right)
}

/// What each model of the kernel came to, and how that is what the spec allows.
pub(crate) fn outcomes(verdicts: &[Verdict]) -> String {
    let head = ["model", "outcomes, as often as they came up", "the spec"].map(String::from);
    let told = verdicts.iter().filter(|verdict| !verdict.is_about_explorers());
    let rows = told.map(|verdict| {
        let outcome = |(name, count): &(String, u64)| format!("{name} {}", grouped(*count));
        let found = verdict.found.iter().flat_map(|found| &found.outcomes).map(outcome);
        let spec =
            verdict.refinement.as_ref().map_or_else(|| "DIFFERS".into(), Refinement::to_string);
        [verdict.model.name.into(), found.collect::<Vec<_>>().join(", "), spec]
    });
    let rows: Vec<[String; 3]> = std::iter::once(head).chain(rows).collect();
    lines(&rows, &[false, false, false])
}

/// How thoroughly a model was explored.
pub(crate) fn exploration(verdict: &Verdict) -> String {
    let Some(found) = &verdict.found else { return "failed".into() };
    let Verdict { model, class, .. } = verdict;
    if model.drawn > 0 {
        return "drawn".into();
    }
    let choices = found.choices_cut.then(|| class.choices(model.choices));
    // The second explorer has no bound on preemptions.
    let preemptions = if cfg!(shuttle) { None } else { class.preemptions(model.bound) };
    class::bound(preemptions, choices)
}
