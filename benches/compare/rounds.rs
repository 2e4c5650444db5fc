//! Running the rows, round by round.

use std::time::{Duration, Instant};

use criterion::Criterion;

use crate::machine;
use crate::peers::set_workers;
use crate::rows::{self, Extent, Row};
use crate::sample::Sample;
use crate::table;

/// What the command line asks for.
struct Request {
    extent: Extent,
    criterion: bool,
    filter: Option<String>,
    /// The only competitor, for a profile of it.
    only: Option<String>,
    rounds: Option<usize>,
}

impl Request {
    fn from_args() -> Request {
        let given: Vec<String> = std::env::args().skip(1).collect();
        let has = |flag: &str| given.iter().any(|argument| argument == flag);
        // As criterion sees it: cargo passes `--bench` when it is to be measured.
        let extent = if !has("--bench") || has("--test") {
            Extent::Smoke
        } else if has("--quick") {
            Extent::Quick
        } else {
            Extent::Full
        };
        let value = |flag: &str| {
            let at = given.iter().position(|argument| argument == flag)?;
            given.get(at + 1).cloned()
        };
        let rounds = value("--rounds").and_then(|rounds| rounds.parse().ok());
        let only = value("--only");
        let filter = given
            .iter()
            .enumerate()
            .find(|(at, argument)| {
                let valued = |before: &String| ["--rounds", "--only"].contains(&before.as_str());
                !argument.starts_with('-')
                    && !at.checked_sub(1).is_some_and(|at| valued(&given[at]))
            })
            .map(|(_, argument)| argument.clone());
        Request { extent, criterion: has("--criterion"), filter, only, rounds }
    }

    fn wants(&self, row: &Row) -> bool {
        self.filter.as_ref().is_none_or(|filter| row.name().contains(filter.as_str()))
    }
}

/// The samples of one row: by competitor, then by round.
pub(crate) struct Measured {
    pub(crate) row: Row,
    pub(crate) samples: Vec<Vec<Sample>>,
}

pub(crate) fn main() {
    let request = Request::from_args();
    if request.criterion {
        return by_criterion();
    }
    let rounds = request.rounds.unwrap_or(match request.extent {
        Extent::Smoke => 1,
        Extent::Quick => 5,
        Extent::Full => 15,
    });
    let start = Instant::now();
    let mut measured = Vec::new();
    for mut row in rows::all(request.extent).into_iter().filter(|row| request.wants(row)) {
        if let Some(only) = &request.only {
            row.competitors.retain(|competitor| competitor.name == only);
        }
        eprintln!("{:>4} s  {}", start.elapsed().as_secs(), row.name());
        let samples = measure(&row, rounds);
        measured.push(Measured { row, samples });
    }
    assert!(!measured.is_empty(), "no row has that in its name");
    if request.extent == Extent::Smoke {
        println!("Success: {} rows", measured.len());
    } else {
        table::print(&measured);
    }
}

fn measure(row: &Row, rounds: usize) -> Vec<Vec<Sample>> {
    machine::pin(row.placement);
    set_workers(row.workers);
    let count = row.competitors.len();
    let mut samples = vec![Vec::with_capacity(rounds); count];
    // What depends on no timing is measured once.
    let rounds = if row.unit == "bytes" { 1 } else { rounds };
    for round in 0..rounds {
        for turn in 0..count {
            let next = (round + turn) % count;
            samples[next].push((row.competitors[next].run)(row.size));
        }
    }
    samples
}

/// Each competitor of each row as a benchmark of criterion's.
fn by_criterion() {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    for row in rows::all(Extent::Quick).into_iter().filter(|row| row.unit == "ns") {
        for competitor in &row.competitors {
            let name = format!("{}/{}", row.name(), competitor.name);
            criterion.bench_function(&name, |bencher| {
                bencher.iter_custom(|iterations| {
                    machine::pin(row.placement);
                    set_workers(row.workers);
                    let cost: f64 = (0..iterations).map(|_| (competitor.run)(row.size).cost).sum();
                    Duration::from_nanos(cost as u64)
                });
            });
        }
    }
    criterion.final_summary();
}
