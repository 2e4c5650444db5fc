//! The table: a line a row, with the kernel, every peer, and two ratios.

use crate::rounds::Measured;
use crate::rows::Role;
use crate::sample::{median, quantile};

/// The columns of peers; `+mpsc` and `-noio` variants share that of their runtime, the quicker one counts.
const PEERS: [&str; 7] = ["tokio", "smol", "futures", "monoio", "glommio", "asyncio", "uvloop"];

/// One competitor's medians, over rounds.
struct Column<'a> {
    name: &'a str,
    costs: Vec<f64>,
    /// It did fewer operations than the row says.
    fewer: bool,
}

impl Column<'_> {
    fn median(&self) -> f64 {
        median(&self.costs)
    }

    fn cell(&self) -> String {
        figure(self.median()) + if self.fewer { "*" } else { "" }
    }
}

/// A ratio paired by rounds, with its quartiles.
pub(crate) struct Ratio {
    pub(crate) median: f64,
    low: f64,
    high: f64,
}

impl Ratio {
    fn of(above: &Column<'_>, below: &Column<'_>) -> Ratio {
        let ratios: Vec<f64> =
            above.costs.iter().zip(&below.costs).map(|(above, below)| above / below).collect();
        let [low, median, high] = [0.25, 0.5, 0.75].map(|at| quantile(&ratios, at));
        Ratio { median, low, high }
    }
}

impl std::fmt::Display for Ratio {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.2} [{:.2}, {:.2}]", self.median, self.low, self.high)
    }
}

impl Measured {
    fn columns(&self, role: Role) -> Vec<Column<'_>> {
        self.row
            .competitors
            .iter()
            .zip(&self.samples)
            .filter(|(competitor, samples)| competitor.role == role && !samples.is_empty())
            .map(|(competitor, samples)| Column {
                name: competitor.name,
                costs: samples.iter().map(|sample| sample.cost).collect(),
                fewer: competitor.operations(self.row.size.n) < self.row.size.n,
            })
            .collect()
    }
}

impl Measured {
    /// The name of the line for one variant of the kernel.
    fn line(&self, kernel: &Column<'_>) -> String {
        self.row.name() + kernel.name.trim_start_matches("loopgate")
    }

    /// Of the round trips of one competitor, over all rounds.
    fn p99(&self, name: &str) -> Option<f64> {
        let at = self.row.competitors.iter().position(|competitor| competitor.name == name)?;
        let trips = self.samples[at].iter().flat_map(|sample| &sample.latencies);
        let trips: Vec<f64> = trips.map(|trip| f64::from(*trip)).collect();
        (!trips.is_empty()).then(|| quantile(&trips, 0.99))
    }
}

fn best<'a, 'b>(columns: impl Iterator<Item = &'b Column<'a>>) -> Option<&'b Column<'a>>
where
    'a: 'b,
{
    columns.min_by(|a, b| a.median().total_cmp(&b.median()))
}

fn figure(value: f64) -> String {
    if value < 1.0 {
        format!("{value:.2}")
    } else if value < 100.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

/// Prints it, and the notes below.
pub(crate) fn print(table: &[Measured], notes: &[String]) {
    let names = table.iter().flat_map(|measured| {
        let kernels = measured.columns(Role::Kernel);
        kernels.into_iter().map(|kernel| measured.line(&kernel).len())
    });
    let widest = names.max().unwrap_or(0);
    let mut header = format!("{:<widest$} {:>9}", "workload", "loopgate");
    PEERS.iter().for_each(|peer| header.push_str(&format!(" {peer:>9}")));
    println!(
        "\nNanoseconds an operation, or bytes (W9), or as a row says; ratios are of the same round, [quartiles].\n"
    );
    println!("{header}  {:<30}  loopgate / limit", "best peer / loopgate");
    for measured in table {
        print_row(measured, widest);
    }
    println!("\n* of fewer operations than the row says: more would take long and tell no more.");
    notes.iter().for_each(|note| println!("{note}"));
}

fn print_row(measured: &Measured, widest: usize) {
    let peers = measured.columns(Role::Peer);
    let limits = measured.columns(Role::Limit);
    for kernel in measured.columns(Role::Kernel) {
        let name = measured.line(&kernel);
        let mut line = format!("{name:<widest$} {:>9}", figure(kernel.median()));
        for peer in PEERS {
            let same = peers.iter().filter(|column| column.name.starts_with(peer));
            let cell = best(same).map_or(String::from("-"), Column::cell);
            line.push_str(&format!(" {cell:>9}"));
        }
        // Of nothing there is no ratio: a count may be zero.
        if let Some(best) = best(peers.iter()).filter(|_| kernel.median() > 0.0) {
            let ratio = Ratio::of(best, &kernel);
            line.push_str(&format!("  {:<30}", format!("{ratio} {}", best.name)));
        }
        for limit in &limits {
            let ratio = Ratio::of(&kernel, limit);
            line.push_str(&format!("  {ratio} {} {}", limit.name, figure(limit.median())));
        }
        if let Some(p99) = measured.p99(kernel.name) {
            line.push_str(&format!("  99th percentile {}", figure(p99)));
        }
        println!("{line}");
    }
}
