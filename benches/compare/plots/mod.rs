//! What is easier seen than read: the spread of round trips, the cost over N, producers over throughput.

mod chart;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::rounds::Measured;
use crate::rows::{Competitor, Row};
use crate::sample::{Sample, median};
use chart::{Axis, Line, Lines, Strip, Strips};

/// Makes the folder, if it is not there. It is seen from the top of the checkout, as cargo's own are: this
/// program is run below it.
pub(crate) fn folder(name: &Path) -> io::Result<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    fs::create_dir_all(&folder)?;
    folder.canonicalize()
}

/// Draws what was measured of that into the folder, and says which files those are.
pub(crate) fn draw(folder: &Path, measured: &[Measured]) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut write = |name: &str, svg: String| {
        let file = folder.join(name.to_owned() + ".svg");
        fs::write(&file, svg)?;
        files.push(file);
        io::Result::Ok(())
    };
    let round_trips = |measured: &&Measured| {
        measured.row.workload.starts_with("W3") && competitors(measured).next().is_some()
    };
    for measured in measured.iter().filter(round_trips) {
        write(&file_name(&measured.row.name()), latencies(measured).svg())?;
    }
    let operations = |_: &Row, operations: usize| operations;
    let producers = |row: &Row, _: usize| row.size.p;
    let (cost, throughput) = (|cost: f64| cost, |cost: f64| 1e3 / cost);
    let n = Axis { label: "N, operations", unit: chart::number };
    let p = Axis { label: "producers", unit: chart::number };
    let time = Axis { label: "processor time for an operation", unit: chart::time };
    let rate = Axis { label: "throughput, million items a second", unit: chart::number };
    for workload in ["W1 callbacks", "W7 timers"] {
        if let Some(lines) = over(measured, workload, operations, cost) {
            let title = format!("{workload}: cost over N");
            write(&file_name(&title), Lines { title, x: n, y: time, lines }.svg())?;
        }
    }
    if let Some(lines) = over(measured, "W2 submit", producers, throughput) {
        let title = String::from("W2 submit: throughput over producers");
        write(&file_name(&title), Lines { title, x: p, y: rate, lines }.svg())?;
    }
    Ok(files)
}

/// Letters and digits; a dash for whatever is between them.
fn file_name(title: &str) -> String {
    let words = title.split(|letter: char| !letter.is_ascii_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.join("-").to_ascii_lowercase()
}

/// The round trips of each competitor, over all rounds.
fn latencies(measured: &Measured) -> Strips<'_> {
    let strips = competitors(measured).map(|(competitor, samples)| {
        let trips = samples.iter().flat_map(|sample| &sample.latencies);
        let values = trips.map(|trip| f64::from(*trip)).collect();
        Strip { name: competitor.name, role: competitor.role, values }
    });
    let x = Axis { label: "time from the submission to its result", unit: chart::time };
    Strips { title: measured.row.name(), x, strips: strips.collect() }
}

/// A line a competitor through the rows of a workload, if there are any.
fn over<'a>(
    measured: &'a [Measured],
    workload: &str,
    x: impl Fn(&Row, usize) -> usize,
    y: impl Fn(f64) -> f64,
) -> Option<Vec<Line<'a>>> {
    let mut lines: Vec<(&Competitor, BTreeMap<usize, Vec<f64>>)> = Vec::new();
    for measured in measured.iter().filter(|measured| measured.row.workload == workload) {
        for (competitor, samples) in competitors(measured) {
            let x = x(&measured.row, competitor.operations(measured.row.size.n));
            let costs = samples.iter().map(|sample| sample.cost);
            let known = lines.iter().position(|(known, _)| known.name == competitor.name);
            let at = known.unwrap_or_else(|| {
                lines.push((competitor, BTreeMap::new()));
                lines.len() - 1
            });
            // Whoever does fewer operations than the rows say has some rows at one place.
            lines[at].1.entry(x).or_default().extend(costs);
        }
    }
    let lines = lines.into_iter().map(|(competitor, costs)| {
        let points = costs.into_iter().map(|(x, costs)| (x as f64, y(median(&costs))));
        Line { name: competitor.name, role: competitor.role, points: points.collect() }
    });
    let lines: Vec<_> = lines.collect();
    (!lines.is_empty()).then_some(lines)
}

fn competitors(measured: &Measured) -> impl Iterator<Item = (&Competitor, &[Sample])> {
    let all = measured.row.competitors.iter().zip(&measured.samples);
    all.map(|(competitor, samples)| (competitor, &samples[..]))
}
