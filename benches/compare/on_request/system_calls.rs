//! W2 once more, for what it asks of the operating system: bytes that wake a loop, and system calls.
//!
//! Both are counted for the whole process, by Linux itself, so a loop runs as fast as it does uncounted. From
//! each figure that of a run with one item a producer is taken, which starts and ends the same threads.

use std::fs;

use perf_event::events::Tracepoint;
use perf_event::{Builder, Counter};

use crate::machine::{self, Placement};
use crate::request::Request;
use crate::rows::{self, Competitor, Role, Row};
use crate::sample::{Size, median};

/// How often a loop falls asleep meanwhile is chance: the median of so many runs counts.
const RUNS: usize = 9;

/// Figures are for so many items.
const ITEMS: f64 = 1_000.0;

/// An error says what the machine does not have, or does not allow.
pub(crate) fn rows(request: &Request) -> Result<Vec<Row>, String> {
    let mut counters = Counters::start()?;
    machine::pin(Placement::Free);
    let submissions = rows::all(request.extent, &[]).into_iter();
    let mut counted = Vec::new();
    for row in submissions.filter(|row| row.workload == "W2 submit") {
        let loops = row.competitors.iter().filter(|competitor| competitor.role != Role::Limit);
        let mut costs = Vec::new();
        for competitor in loops.filter(|competitor| request.wants_competitor(competitor.name)) {
            costs.push((competitor, counters.cost(competitor, row.size)?));
        }
        let figures = |of: fn(&Counts) -> f64| {
            let figure = |(competitor, counts): &(&Competitor, Counts)| {
                (competitor.name, competitor.role, of(counts))
            };
            costs.iter().map(figure).collect::<Vec<_>>()
        };
        for (workload, unit, figures) in [
            ("W2 bytes a 1000 items,", "bytes", figures(|counts| counts.wake_bytes)),
            ("W2 calls a 1000 items,", "calls", figures(|counts| counts.system_calls)),
        ] {
            counted.push(Row::of_figures(workload, row.size, unit, figures));
        }
    }
    Ok(counted)
}

/// Since the process began, or for each thousand items.
struct Counts {
    wake_bytes: f64,
    system_calls: f64,
}

struct Counters {
    /// Of this thread, and of all that it starts from now on, and they.
    system_calls: Counter,
}

impl Counters {
    fn start() -> Result<Counters, String> {
        let mut builder = Builder::new(Tracepoint::with_id(tracepoint("raw_syscalls/sys_enter")?));
        // A system call is counted after it has entered the operating system.
        builder.observe_self().any_cpu().inherit(true).include_kernel();
        let refused =
            |error| format!("Linux does not let us count system calls: {error}; try as root");
        let mut system_calls = builder.build().map_err(refused)?;
        system_calls.enable().map_err(refused)?;
        Ok(Counters { system_calls })
    }

    /// The median of some runs.
    fn cost(&mut self, competitor: &Competitor, size: Size) -> Result<Counts, String> {
        let (mut wake_bytes, mut system_calls) = (Vec::new(), Vec::new());
        let items = size.n - size.p;
        for _ in 0..RUNS {
            let few = self.of_run(competitor, Size { n: size.p, ..size })?;
            let all = self.of_run(competitor, size)?;
            let per = |all: f64, few: f64| (all - few).max(0.0) * ITEMS / items.max(1) as f64;
            wake_bytes.push(per(all.wake_bytes, few.wake_bytes));
            system_calls.push(per(all.system_calls, few.system_calls));
        }
        Ok(Counts { wake_bytes: median(&wake_bytes), system_calls: median(&system_calls) })
    }

    fn of_run(&mut self, competitor: &Competitor, size: Size) -> Result<Counts, String> {
        let before = self.now()?;
        competitor.run(size);
        let after = self.now()?;
        Ok(Counts {
            wake_bytes: after.wake_bytes - before.wake_bytes,
            system_calls: after.system_calls - before.system_calls,
        })
    }

    fn now(&mut self) -> Result<Counts, String> {
        let system_calls = self.system_calls.read();
        let system_calls =
            system_calls.map_err(|error| format!("a count cannot be read: {error}"))?;
        Ok(Counts { wake_bytes: bytes_written()? as f64, system_calls: system_calls as f64 })
    }
}

/// By this process, into whatever: nothing but wakes while a workload runs.
fn bytes_written() -> Result<u64, String> {
    const FILE: &str = "/proc/self/io";
    let text = fs::read_to_string(FILE).map_err(|error| format!("{FILE}: {error}"))?;
    let written = text.lines().find_map(|line| line.strip_prefix("wchar: "));
    written.and_then(|number| number.parse().ok()).ok_or(format!("{FILE} has no `wchar`"))
}

/// By its name in the file system of tracepoints.
fn tracepoint(name: &str) -> Result<u64, String> {
    let folders = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];
    let mut ids = folders
        .iter()
        .filter_map(|folder| fs::read_to_string(format!("{folder}/events/{name}/id")).ok());
    let id = ids.next().ok_or(
        "Linux's tracepoints cannot be read; as root, `mount -t tracefs none /sys/kernel/tracing` shows them",
    )?;
    id.trim().parse().map_err(|error| format!("the number of {name}: {error}"))
}
