//! The figures, as text and as a page.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;
use std::{fs, io};

use hdrhistogram::Histogram;

use crate::books::Books;
use crate::hardship::Hardships;
use crate::vitals::{self, Pulse};

pub(crate) struct Figures<'a> {
    pub(crate) length: Duration,
    pub(crate) seed: u64,
    pub(crate) books: &'a Books,
    pub(crate) round_trips: &'a Histogram<u64>,
    pub(crate) hardships: &'a Hardships,
    pub(crate) pulses: &'a [Pulse],
    pub(crate) before: Pulse,
    pub(crate) after: Pulse,
}

/// The whole report as text.
pub(crate) fn text(figures: &Figures<'_>) -> String {
    let mut text = String::new();
    for (name, book) in figures.books.all() {
        let _ = write!(text, "{name:13}  {:>10} made", book.made());
        for (how, count) in book.ends() {
            let _ = write!(text, ", {count} {how}");
        }
        let _ = writeln!(text, "; {} unaccounted for", book.unaccounted());
    }
    let Hardships { signals, starts, refused_starts } = figures.hardships;
    let _ = writeln!(
        text,
        "hardships      {signals} signals; {refused_starts} of {starts} starts refused for want of descriptors"
    );
    if let Some((early, late)) = vitals::memory_early_and_late(figures.pulses) {
        let _ = writeln!(text, "memory         {early} KiB early, {late} KiB late");
    }
    let (before, after) = (figures.before, figures.after);
    let _ = writeln!(
        text,
        "descriptors    {} before, {} after; threads {} before, {} after",
        before.descriptors, after.descriptors, before.threads, after.threads
    );
    text += &histogram(figures.round_trips);
    let (failed, first) = figures.books.failures();
    for failure in first {
        let _ = writeln!(text, "FAILED  {failure}");
    }
    let _ = writeln!(text, "{failed} failures in {:.0?}", figures.length);
    text
}

/// The ranges of a histogram, each twice as long as the one before: its upper end and what is in it.
fn ranges(histogram: &Histogram<u64>) -> Vec<(u64, u64)> {
    let all = histogram.iter_log(1_000, 2.0);
    let ranges: Vec<_> =
        all.map(|step| (step.value_iterated_to() + 1, step.count_since_last_iteration())).collect();
    let first = ranges.iter().position(|(_, count)| *count > 0).unwrap_or(0);
    ranges[first..].to_vec()
}

/// A bar for each range, as long as the logarithm of what is in it: rare ones are to be seen.
fn histogram(round_trips: &Histogram<u64>) -> String {
    let mut text = format!("round trips    {}", round_trips.len());
    for (name, quantile) in [("median", 0.5), ("99 %", 0.99), ("99.9 %", 0.999), ("longest", 1.0)] {
        let time = Duration::from_nanos(round_trips.value_at_quantile(quantile));
        let _ = write!(text, ", {name} {time:.1?}");
    }
    text.push('\n');
    for (end, count) in ranges(round_trips) {
        let bar = "#".repeat(bar_length(count) / 8);
        let end = format!("{:.0?}", Duration::from_nanos(end));
        let _ = writeln!(text, "  < {end:>6} {count:>9}  {bar}");
    }
    text
}

/// Up to some hundreds.
fn bar_length(count: u64) -> usize {
    usize::try_from((count + 1).ilog2()).map_or(0, |log| 16 * log)
}

/// Writes the page.
pub(crate) fn write_page(path: &str, figures: &Figures<'_>) -> io::Result<()> {
    if let Some(folder) = Path::new(path).parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, page(figures))
}

fn page(figures: &Figures<'_>) -> String {
    let seed = figures.seed;
    let memory = line(figures.pulses, |pulse| pulse.memory);
    let descriptors = line(figures.pulses, |pulse| pulse.descriptors);
    let threads = line(figures.pulses, |pulse| pulse.threads);
    let (bars, text) = (bars(figures.round_trips), escaped(&text(figures)));
    format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>loopgate soak</title>\n\
         <style>body{{font:14px/1.5 system-ui,sans-serif;max-width:64em;margin:2em auto;padding:0 1em}}\
         svg{{width:100%;background:#f6f6f6}}pre{{overflow-x:auto}}\
         polyline{{fill:none;stroke:#369;stroke-width:2}}rect{{fill:#369}}text{{font-size:12px}}</style>\n\
         <h1>Soak, seed {seed}</h1>\n<pre>{text}</pre>\n\
         <h2>Round trips (logarithmic)</h2>\n{bars}\
         <h2>Memory, KiB</h2>\n{memory}<h2>Descriptors</h2>\n{descriptors}<h2>Threads</h2>\n{threads}</html>\n"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// A line over the whole length, from zero to the greatest value.
fn line(pulses: &[Pulse], value: fn(&Pulse) -> u64) -> String {
    let most = pulses.iter().map(value).max().unwrap_or(0).max(1);
    let last = pulses.last().map_or(1, |pulse| pulse.at.as_millis()).max(1);
    let point = |pulse: &Pulse| {
        let (x, y) = (pulse.at.as_millis() * 960 / last, 150 - value(pulse) * 140 / most);
        format!("{x},{y}")
    };
    let points: Vec<String> = pulses.iter().map(point).collect();
    format!(
        "<svg viewBox=\"0 0 960 160\"><polyline points=\"{}\"/><text x=\"4\" y=\"14\">{most}</text></svg>\n",
        points.join(" ")
    )
}

fn bars(round_trips: &Histogram<u64>) -> String {
    let mut svg = String::new();
    let ranges = ranges(round_trips);
    for (row, (end, count)) in ranges.iter().enumerate() {
        let (y, width) = (20 * row + 2, bar_length(*count));
        let end = Duration::from_nanos(*end);
        let _ = write!(
            svg,
            "<text x=\"4\" y=\"{}\">&lt; {end:.0?}</text><rect x=\"90\" y=\"{y}\" width=\"{width}\" height=\"16\"/>\
             <text x=\"{}\" y=\"{}\">{count}</text>",
            y + 12,
            width + 96,
            y + 12
        );
    }
    format!("<svg viewBox=\"0 0 960 {}\">{svg}</svg>\n", 20 * ranges.len() + 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::latencies;

    #[test]
    fn every_round_trip_is_drawn() {
        let mut round_trips = latencies();
        for nanoseconds in [1_500, 1_600, 30_000, 2_000_000] {
            round_trips.record(nanoseconds).unwrap();
        }
        let ranges = ranges(&round_trips);
        assert_eq!(ranges.iter().map(|(_, count)| count).sum::<u64>(), 4);
        assert_eq!(ranges[0].1, 2, "those of one range are together");
        let text = histogram(&round_trips);
        assert!(text.starts_with("round trips    4, median 1."), "{text}");
    }
}
