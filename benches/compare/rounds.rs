//! Running the rows, round by round.

use std::path::Path;
use std::time::Instant;

use crate::machine;
use crate::peers::{python, set_workers};
use crate::request::Request;
use crate::rows::{self, Extent, Row};
use crate::sample::Sample;
use crate::{by_criterion, on_request, plots, table};

/// The samples of one row: by competitor, then by round.
pub(crate) struct Measured {
    pub(crate) row: Row,
    pub(crate) samples: Vec<Vec<Sample>>,
}

pub(crate) fn main() {
    if by_criterion::is_asked() {
        return by_criterion::measure();
    }
    let request = Request::from_args().unwrap_or_else(|mistake| {
        refuse(&format!("{mistake}; benches/compare/main.rs says what there is"))
    });
    if request.criterion {
        by_criterion::hand_over();
    }
    // Now, and not after minutes.
    let plots = request.plots.as_ref().map(|folder| {
        plots::folder(folder)
            .unwrap_or_else(|error| refuse(&format!("{}: {error}", folder.display())))
    });
    let (runtimes, mut notes) = python::start(|name| request.wants_competitor(name));
    let start = Instant::now();
    let mut measured = Vec::new();
    let mut rows = rows::all(request.extent, &runtimes);
    rows.retain(|row| request.wants(row));
    if rows.is_empty() && !request.wants_more() {
        refuse("no row has that in its name; `--sizes`, `--models` and `--system-calls` add some");
    }
    // The first of all: whose system calls are counted is settled before threads that outlive their row.
    let (requested, about) = on_request::rows(&request);
    notes.extend(about);
    for mut row in rows {
        row.competitors.retain(|competitor| request.wants_competitor(competitor.name));
        eprintln!("{:>4} s  {}", start.elapsed().as_secs(), row.name());
        let samples = measure(&row, request.rounds(&row));
        measured.push(Measured { row, samples });
    }
    measured.extend(requested.into_iter().map(|row| Measured { samples: measure(&row, 1), row }));
    if request.extent == Extent::Smoke {
        println!("Success: {} rows\n{}", measured.len(), notes.join("\n"));
    } else {
        table::print(&measured, &notes);
    }
    if let Some(folder) = plots {
        draw(&folder, &measured);
    }
}

/// Nothing was measured.
fn refuse(mistake: &str) -> ! {
    eprintln!("error: {mistake}");
    std::process::exit(2);
}

fn draw(folder: &Path, measured: &[Measured]) {
    match plots::draw(folder, measured) {
        Ok(files) if files.is_empty() => eprintln!("nothing was measured that is drawn"),
        Ok(files) => files.iter().for_each(|file| eprintln!("drawn: {}", file.display())),
        Err(error) => {
            eprintln!("error: {}: {error}", folder.display());
            std::process::exit(1);
        }
    }
}

fn measure(row: &Row, rounds: usize) -> Vec<Vec<Sample>> {
    machine::pin(row.placement);
    set_workers(row.workers);
    let count = row.competitors.len();
    let mut samples = vec![Vec::with_capacity(rounds); count];
    // What depends on no timing is measured once.
    let rounds = if row.unit == "ns" { rounds } else { 1 };
    for round in 0..rounds {
        for turn in 0..count {
            let next = (round + turn) % count;
            samples[next].push(row.competitors[next].run(row.size));
        }
    }
    samples
}
