//! Runs vectors on a runtime and judges what it did. Whatever happens, every vector gets a verdict.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::profile::{Clock, Deviation, Profile, Shows, measures_time};
use super::runtime::{Failure, Identity, Logs, Request, Runtime, line};
use super::vector::{NoVector, Vector};
use crate::spec::Program;

/// How vectors are run.
///
/// A program in which threads race is run several times, and one outcome that is not allowed fails it. But a machine that is
/// busy is late, and a runtime on a [real clock](Clock) cannot help what comes of that: of a program in which
/// [time is measured](measures_time) an outcome that is not allowed counts there only if it, or another one, comes in each
/// of five runs in a row. A deviation that is declared needs to show once.
#[derive(Clone, Copy, Debug)]
pub struct Suite {
    /// How often each program is run in which threads may make a difference.
    pub rounds: u32,
    /// What the first execution's seed is; each has another one.
    pub seed: u64,
    /// A program that takes longer hangs.
    pub patience: Duration,
    /// The same for one of which it is known that it hangs.
    pub patience_for_hangs: Duration,
}

impl Default for Suite {
    fn default() -> Suite {
        Suite {
            rounds: 20,
            seed: 1,
            patience: Duration::from_secs(10),
            patience_for_hangs: Duration::from_secs(1),
        }
    }
}

/// Programs in which nothing races are run so often.
const ROUNDS_WITHOUT_RACES: u32 = 2;
/// A deviation that needs a race gets so many times as many rounds to show: it is not to be missed.
const CHANCES: u32 = 50;
/// On a real clock a program in which time is measured is run so often in a row before an outcome that is not allowed
/// counts: a busy machine, which is late once, is not late each time.
const ATTEMPTS: u32 = 5;
/// So many allowed outcomes are shown beside one that is not.
const SHOWN: usize = 4;

/// What came of one vector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Judgement {
    /// Every outcome was allowed.
    Passed {
        /// How often it was run.
        rounds: u32,
        /// How many of the allowed outcomes came up.
        seen: usize,
    },
    /// It did what its profile says, which is not allowed.
    Deviates {
        /// What it did.
        observed: String,
        /// The profile's.
        reason: String,
    },
    /// It lacks an operation.
    NotApplicable {
        /// Which.
        lacks: String,
        /// The profile's.
        reason: String,
    },
    /// Everything else.
    Failed {
        /// One word for it.
        kind: &'static str,
        /// What it was.
        why: String,
    },
}

/// One row of a report.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// The vector's name.
    pub vector: String,
    /// Its clauses.
    pub clauses: Vec<String>,
    /// What it asks.
    pub about: String,
    /// Each list of its program on a line.
    pub program: Vec<String>,
    /// How many outcomes are allowed.
    pub allowed: usize,
    /// What came of it.
    #[serde(flatten)]
    pub judgement: Judgement,
}

/// What a suite found out about a runtime.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Who was under test.
    pub identity: Identity,
    /// One for each vector, in their order.
    pub verdicts: Vec<Verdict>,
    /// How long it took.
    pub seconds: f64,
}

impl Report {
    /// Whether nothing failed.
    #[must_use]
    pub fn holds(&self) -> bool {
        !self.verdicts.is_empty() && self.count(|one| matches!(one, Judgement::Failed { .. })) == 0
    }

    /// How many verdicts are of that kind.
    #[must_use]
    pub fn count(&self, kind: impl Fn(&Judgement) -> bool) -> usize {
        self.verdicts.iter().filter(|verdict| kind(&verdict.judgement)).count()
    }
}

impl Suite {
    /// Runs every vector. `told` hears of each verdict as it comes.
    ///
    /// # Errors
    /// The runtime does not come up at all, or is not the one of the profile.
    pub fn run(
        &self,
        runtime: &mut dyn Runtime,
        profile: &Profile,
        vectors: &[Result<Vector, NoVector>],
        mut told: impl FnMut(&Verdict),
    ) -> Result<Report, Failure> {
        let started = Instant::now();
        let identity = runtime.identity()?;
        if identity.runtime != profile.name {
            let what = format!("it is `{}` and not `{}`", identity.runtime, profile.name);
            return Err(Failure::Lied(what));
        }
        let mut run = Run { suite: self, runtime, profile, next: 0, first: BTreeMap::new() };
        let mut verdicts: Vec<Verdict> = Vec::new();
        for (index, vector) in vectors.iter().enumerate() {
            run.first.insert(run.next + 1, index);
            verdicts.push(run.verdict(vector));
            run.amend(&mut verdicts);
            told(&verdicts[index]);
        }
        run.runtime.finish();
        run.amend(&mut verdicts);
        verdicts.extend(unknown_deviations(profile, vectors));
        let seconds = started.elapsed().as_secs_f64();
        Ok(Report { identity, verdicts, seconds })
    }
}

/// A suite that is being run.
struct Run<'a> {
    suite: &'a Suite,
    runtime: &'a mut dyn Runtime,
    profile: &'a Profile,
    /// The number of the last request.
    next: u64,
    /// The vector that each first request is about.
    first: BTreeMap<u64, usize>,
}

impl Run<'_> {
    fn verdict(&mut self, vector: &Result<Vector, NoVector>) -> Verdict {
        let vector = match vector {
            Ok(vector) => vector,
            Err(NoVector { name, why }) => {
                let why = format!("this is no vector: {why}");
                return failed_by_itself(name, "malformed", why);
            }
        };
        let judgement = match self.profile.lacking(&vector.program) {
            Some((lacks, reason)) => {
                Judgement::NotApplicable { lacks: lacks.into(), reason: reason.into() }
            }
            None => self.judge(vector),
        };
        Verdict {
            vector: vector.name.clone(),
            clauses: vector.clauses.clone(),
            about: vector.about.clone(),
            program: lines_of(&vector.program),
            allowed: vector.allowed.len(),
            judgement,
        }
    }

    fn judge(&mut self, vector: &Vector) -> Judgement {
        let declared = self.profile.deviation(&vector.name);
        let hangs = declared.is_some_and(|deviation| deviation.shows.by(Shows::Hang));
        let Suite { patience, patience_for_hangs, rounds, .. } = *self.suite;
        self.runtime.set_patience(if hangs { patience_for_hangs } else { patience });
        let rounds = match declared {
            Some(_) if vector.has_threads() => rounds.saturating_mul(CHANCES),
            None if vector.races() => rounds,
            _ => ROUNDS_WITHOUT_RACES.min(rounds),
        };
        let mut seen = BTreeSet::new();
        for _ in 0..rounds {
            let observed = match self.observe(vector, declared) {
                Ok(logs) => {
                    seen.insert(logs);
                    continue;
                }
                Err(observed) => observed,
            };
            return match declared {
                Some(known) if observed.shows.is_some_and(|shows| known.shows.by(shows)) => {
                    let reason = known.reason.clone();
                    Judgement::Deviates { observed: observed.what, reason }
                }
                Some(_) => self.failed(vector, observed),
                None => self.lacking(&observed).unwrap_or_else(|| self.failed(vector, observed)),
            };
        }
        match declared {
            None => Judgement::Passed { rounds, seen: seen.len() },
            Some(known) => Judgement::Failed {
                kind: "deviates no more",
                why: format!(
                    "its profile says that {} shows a deviation, which it did not in {rounds} rounds: {}",
                    known.shows, known.reason
                ),
            },
        }
    }

    /// One round: an outcome that is allowed, or what there is instead and counts.
    fn observe(&mut self, vector: &Vector, declared: Option<&Deviation>) -> Result<Logs, Observed> {
        let may_be_late = self.profile.clock == Clock::Real && measures_time(&vector.program);
        // What is declared needs to show once.
        let expected = declared.is_some_and(|deviation| deviation.shows.by(Shows::Outcome));
        let attempts = if may_be_late && !expected { ATTEMPTS } else { 1 };
        let mut attempt = 1;
        loop {
            let observed = match self.run(vector) {
                Ok(logs) if vector.allowed.contains(&logs) => return Ok(logs),
                Ok(logs) => Observed::outcome(&logs),
                Err(failure) => return Err(Observed::failure(&failure)),
            };
            if attempt == attempts {
                return Err(observed);
            }
            attempt += 1;
        }
    }

    /// What the driver says it cannot do is lacking if the profile knows.
    fn lacking(&self, observed: &Observed) -> Option<Judgement> {
        let lacks = observed.lacks.clone()?;
        let reason = self.profile.lacks.get(&lacks)?.clone();
        Some(Judgement::NotApplicable { lacks, reason })
    }

    fn run(&mut self, vector: &Vector) -> Result<Logs, Failure> {
        self.next += 1;
        let seed = self.suite.seed.wrapping_add(self.next);
        self.runtime.run(Request { id: self.next, program: &vector.program, seed })
    }

    fn failed(&self, vector: &Vector, observed: Observed) -> Judgement {
        let mut why = observed.what;
        if observed.kind == "not allowed" {
            why = format!("{why}\n  is not one of the {} that are allowed:", vector.allowed.len());
            for logs in vector.allowed.iter().take(SHOWN) {
                why += &format!("\n  {}", line(logs));
            }
            if vector.allowed.len() > SHOWN {
                why.push_str("\n  ...");
            }
        }
        why += &format!("\n  (seed {})", self.suite.seed.wrapping_add(self.next));
        Judgement::Failed { kind: observed.kind, why }
    }

    /// Verdicts that were premature: the runtime had more to say.
    fn amend(&mut self, verdicts: &mut [Verdict]) {
        for (request, failure) in self.runtime.afterthoughts() {
            let vector = self.first.range(..=request).next_back().map_or(0, |(_, index)| *index);
            let (kind, why) = (failure.kind(), failure.to_string());
            verdicts[vector].judgement = Judgement::Failed { kind, why };
        }
    }
}

/// What is not allowed.
struct Observed {
    shows: Option<Shows>,
    kind: &'static str,
    what: String,
    /// What the driver says it cannot do.
    lacks: Option<String>,
}

impl Observed {
    fn outcome(logs: &Logs) -> Observed {
        let (shows, what) = (Some(Shows::Outcome), line(logs));
        Observed { shows, kind: "not allowed", what, lacks: None }
    }

    fn failure(failure: &Failure) -> Observed {
        Observed {
            shows: matches!(failure, Failure::Hung(_)).then_some(Shows::Hang),
            kind: failure.kind(),
            what: failure.to_string(),
            lacks: match failure {
                Failure::Unsupported(what) => Some(what.clone()),
                _ => None,
            },
        }
    }
}

/// Each list of a program on a line.
#[must_use]
pub fn lines_of(program: &Program) -> Vec<String> {
    let mut lines = Vec::new();
    let mut add = |name: &str, number: usize, parts: Vec<String>| {
        lines.push(format!("{name} {number}: {}", parts.join("  ")));
    };
    let text = |value: &dyn Fn() -> serde_json::Result<String>| {
        value().expect("an operation has a JSON form").replace('"', "")
    };
    let lists =
        [("thread", &program.threads), ("callback", &program.callbacks), ("work", &program.works)];
    for (name, lists) in lists {
        for (number, list) in lists.iter().enumerate() {
            let parts = list.iter().map(|op| text(&|| serde_json::to_string(op))).collect();
            add(name, number, parts);
        }
    }
    for (number, script) in program.coroutines.iter().enumerate() {
        let parts = script.iter().map(|stmt| text(&|| serde_json::to_string(stmt))).collect();
        add("coroutine", number, parts);
    }
    lines
}

fn failed_by_itself(vector: &str, kind: &'static str, why: String) -> Verdict {
    Verdict {
        vector: vector.into(),
        clauses: Vec::new(),
        about: String::new(),
        program: Vec::new(),
        allowed: 0,
        judgement: Judgement::Failed { kind, why },
    }
}

/// A failure for each vector that the profile names and that does not exist or does not apply.
fn unknown_deviations(profile: &Profile, vectors: &[Result<Vector, NoVector>]) -> Vec<Verdict> {
    let mut failures = Vec::new();
    for name in profile.deviations.iter().flat_map(|deviation| &deviation.vectors) {
        let found = vectors.iter().find(|vector| match vector {
            Ok(vector) => vector.name == *name,
            Err(no_vector) => no_vector.name == *name,
        });
        let why = match found {
            None => "the profile has a deviation for it, and there is no such vector",
            Some(Ok(vector)) if profile.lacking(&vector.program).is_some() => {
                "the profile has a deviation for it, and lacks one of its operations"
            }
            _ => continue,
        };
        failures.push(failed_by_itself(name, "stale deviation", why.into()));
    }
    failures
}
