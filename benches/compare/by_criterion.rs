//! Each competitor of each row as a benchmark of criterion's, for its statistics and its baselines.
//!
//! Criterion reads the arguments of its process by itself, and knows no flag of ours. So with the flag this
//! program is run once more, without it.

use std::process::{Command, exit};
use std::time::Duration;

use criterion::Criterion;

use crate::machine;
use crate::peers::{python, set_workers};
use crate::request::CRITERION;
use crate::rows::{self, Extent, Row};

/// Set for the second run.
const VARIABLE: &str = "LOOPGATE_BY_CRITERION";

pub(crate) fn is_asked() -> bool {
    std::env::var_os(VARIABLE).is_some()
}

pub(crate) fn hand_over() -> ! {
    let arguments = std::env::args_os().skip(1).filter(|argument| argument != CRITERION);
    let program = std::env::current_exe().expect("a program that runs");
    let status = Command::new(program).args(arguments).env(VARIABLE, "1").status();
    exit(status.expect("the same program once more").code().unwrap_or(1))
}

pub(crate) fn measure() {
    let (runtimes, _) = python::start(|_| true);
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    for row in rows::all(Extent::Quick, &runtimes).iter().filter(|row| row.unit == "ns") {
        each_competitor(&mut criterion, row);
    }
    criterion.final_summary();
}

fn each_competitor(criterion: &mut Criterion, row: &Row) {
    for competitor in &row.competitors {
        let name = format!("{}/{}", row.name(), competitor.name);
        criterion.bench_function(&name, |bencher| {
            bencher.iter_custom(|iterations| {
                machine::pin(row.placement);
                set_workers(row.workers);
                let cost: f64 = (0..iterations).map(|_| competitor.run(row.size).cost).sum();
                Duration::from_nanos(cost as u64)
            });
        });
    }
}
