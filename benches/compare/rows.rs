//! Which workload is run at which sizes by whom.

use std::rc::Rc;

use crate::limits;
use crate::machine::Placement;
use crate::peers::{channel, futures_rs, loopgate, python, smol, tokio};
#[cfg(all(feature = "uring", target_os = "linux"))]
use crate::peers::{glommio, monoio};
use crate::sample::{Sample, Size};
use crate::workloads as w;

/// What a competitor is to the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Kernel,
    /// The name of its column.
    Peer,
    /// Compared with, and no loop.
    Limit,
}

pub(crate) struct Competitor {
    pub(crate) name: &'static str,
    pub(crate) role: Role,
    /// More operations than that are not asked of it.
    pub(crate) at_most: usize,
    run: Box<dyn Fn(Size) -> Sample>,
}

impl Competitor {
    /// How many operations it does in a row of that many.
    pub(crate) fn operations(&self, n: usize) -> usize {
        n.min(self.at_most)
    }

    pub(crate) fn run(&self, size: Size) -> Sample {
        (self.run)(Size { n: self.operations(size.n), ..size })
    }
}

/// The same workload in Python.
struct Elsewhere {
    workload: &'static str,
    at_most: usize,
}

pub(crate) struct Row {
    pub(crate) workload: &'static str,
    pub(crate) size: Size,
    pub(crate) placement: Placement,
    /// Threads of the pools, in rows that have one.
    pub(crate) workers: usize,
    pub(crate) unit: &'static str,
    pub(crate) competitors: Vec<Competitor>,
    python: Option<Elsewhere>,
}

impl Row {
    /// With its sizes, as printed and as filtered.
    pub(crate) fn name(&self) -> String {
        let Row { workload, size, workers, .. } = self;
        if size.n == 1 {
            return String::from(*workload);
        }
        let n = short(size.n);
        let what = match *workload {
            "W3 round trip, busy" | "W5 yield" | "W5 wake self" => format!("{n}, {} tasks", size.p),
            "W4 window" => format!("{n} by {}", size.p),
            "W8 throughput" | "W8 round trip" => format!("{n}, {workers} workers"),
            _ if workload.starts_with("W2") => format!("{n} from {}", size.p),
            _ if workload.starts_with("W10") => format!("{n} models"),
            _ => n,
        };
        let place = match self.placement {
            Placement::Free => "",
            Placement::OneCore => ", one core",
            Placement::TwoCores => ", two cores",
        };
        format!("{workload} {what}{place}")
    }
}

fn short(n: usize) -> String {
    match n {
        0..1_000 => n.to_string(),
        1_000..1_000_000 => format!("{}k", n / 1_000),
        _ => format!("{}M", n / 1_000_000),
    }
}

macro_rules! competitors {
    ($($role:ident $name:literal $run:expr),* $(,)?) => {
        vec![$(Competitor {
            name: $name,
            role: Role::$role,
            at_most: usize::MAX,
            run: Box::new($run),
        }),*]
    };
}

/// A workload inside the loop, for every loop that has a way to do it.
macro_rules! inside {
    ($workload:ident, $($limit:tt)*) => {{
        #[allow(unused_mut, reason = "where the two on io_uring are not built")]
        let mut all = competitors![
            Kernel "loopgate" w::$workload::<loopgate::Inside>,
            Peer "tokio" w::$workload::<tokio::Inside>,
            Peer "smol" w::$workload::<smol::Inside>,
            $($limit)*
        ];
        #[cfg(all(feature = "uring", target_os = "linux"))]
        {
            if monoio::works() {
                all.extend(competitors![Peer "monoio" w::$workload::<monoio::Inside>]);
            }
            if glommio::works() {
                all.extend(competitors![Peer "glommio" w::$workload::<glommio::Inside>]);
            }
        }
        all
    }};
}

/// A workload from outside.
macro_rules! outside {
    ($workload:ident, $($limit:tt)*) => {{
        #[allow(unused_mut, reason = "where the two on io_uring are not built")]
        let mut all = competitors![
            Kernel "loopgate" w::$workload::<loopgate::Outside<false>>,
            Peer "tokio" w::$workload::<tokio::Outside<true>>,
            Peer "tokio-noio" w::$workload::<tokio::Outside<false>>,
            Peer "smol" w::$workload::<smol::Outside>,
            Peer "futures+mpsc" w::$workload::<channel::Fed<futures_rs::Inside>>,
            $($limit)*
        ];
        #[cfg(all(feature = "uring", target_os = "linux"))]
        {
            if monoio::works() {
                let run = w::$workload::<channel::Fed<monoio::Inside>>;
                all.extend(competitors![Peer "monoio+mpsc" run]);
            }
            if glommio::works() {
                let run = w::$workload::<channel::Fed<glommio::Inside>>;
                all.extend(competitors![Peer "glommio+mpsc" run]);
            }
        }
        all
    }};
}

fn row(workload: &'static str, n: usize, p: usize, competitors: Vec<Competitor>) -> Row {
    let size = Size { n, p };
    let (placement, unit) = (Placement::Free, "ns");
    Row { workload, size, placement, workers: 6, unit, competitors, python: None }
}

impl Row {
    fn on(self, placement: Placement) -> Row {
        Row { placement, ..self }
    }

    fn workers(self, workers: usize) -> Row {
        Row { workers, ..self }
    }

    fn bytes(self) -> Row {
        Row { unit: "bytes", ..self }
    }

    /// Of what was measured elsewhere, and once.
    pub(crate) fn of_figures(
        workload: &'static str,
        size: Size,
        unit: &'static str,
        figures: Vec<(&'static str, Role, f64)>,
    ) -> Row {
        let competitors = figures.into_iter().map(|(name, role, cost)| {
            let run = Box::new(move |_| Sample { cost, latencies: Vec::new() });
            Competitor { name, role, at_most: usize::MAX, run }
        });
        Row { unit, ..row(workload, size.n, size.p, competitors.collect()) }
    }

    /// Python has it too. It is slow, and asked for no more operations than make a figure.
    fn in_python(self, workload: &'static str, at_most: usize) -> Row {
        Row { python: Some(Elsewhere { workload, at_most }), ..self }
    }

    fn add_python(&mut self, runtimes: &[Rc<python::Runtime>]) {
        let Some(Elsewhere { workload, at_most }) = self.python else { return };
        self.competitors.extend(runtimes.iter().map(|runtime| {
            let (name, role, runtime) = (runtime.name, Role::Peer, Rc::clone(runtime));
            let run = Box::new(move |size| runtime.run(workload, size));
            Competitor { name, role, at_most, run }
        }));
    }
}

/// How much is measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Everything once and small, to see that it works.
    #[default]
    Smoke,
    Quick,
    Full,
}

/// Every row, in the order of the table, with those of Python's runtimes that are up.
pub(crate) fn all(extent: Extent, runtimes: &[Rc<python::Runtime>]) -> Vec<Row> {
    let mut rows = Vec::new();
    inside_rows(extent, &mut rows);
    outside_rows(extent, &mut rows);
    blocking_rows(extent, &mut rows);
    memory_rows(extent, &mut rows);
    rows.iter_mut().for_each(|row| row.add_python(runtimes));
    rows
}

/// The sizes of one extent.
fn sizes<const Q: usize, const F: usize>(
    extent: Extent,
    quick: [usize; Q],
    full: [usize; F],
) -> Vec<usize> {
    match extent {
        Extent::Smoke => vec![10],
        Extent::Quick => quick.to_vec(),
        Extent::Full => full.to_vec(),
    }
}

fn inside_rows(extent: Extent, rows: &mut Vec<Row>) {
    for n in
        sizes(extent, [1_000, 100_000, 1_000_000], [1_000, 10_000, 100_000, 1_000_000, 10_000_000])
    {
        let mut competitors = inside!(callbacks,
            Peer "futures" w::callbacks::<futures_rs::Inside>,
            Limit "boxed Vec" limits::boxed_callbacks,
            Limit "fn pointers" limits::function_pointers,
            Limit "allocator pair" limits::allocator_pairs,
        );
        competitors.sort_by_key(|competitor| competitor.role as u8);
        rows.push(row("W1 callbacks", n, 1, competitors).in_python("callbacks", 100_000));
    }
    for n in sizes(extent, [100_000], [1_000, 100_000, 1_000_000]) {
        let competitors = inside!(chain,
            Peer "futures" w::chain::<futures_rs::Inside>,
            Limit "boxed Vec" limits::boxed_chain,
        );
        rows.push(row("W1 chain", n, 1, competitors).in_python("chain", 100_000));
    }
    for n in sizes(extent, [1_000, 100_000], [1_000, 100_000, 1_000_000]) {
        let competitors = inside!(spawn_join,
            Peer "futures" w::spawn_join::<futures_rs::Inside>,
            Limit "raw executor" w::spawn_join::<limits::Bare>,
        );
        rows.push(row("W5 spawn, join", n, 1, competitors).in_python("spawn_join", 20_000));
    }
    for n in sizes(extent, [100_000], [100_000]) {
        // A smol task that is awaited where it was spawned is scanned for in a list that grows.
        let n = n.min(100_000);
        let competitors = inside!(spawn_await,
            Peer "futures" w::spawn_await::<futures_rs::Inside>,
            Limit "raw executor" w::spawn_await::<limits::Bare>,
        );
        rows.push(row("W5 spawn, await", n, 1, competitors).in_python("spawn_await", 20_000));
    }
    for tasks in sizes(extent, [2], [2, 100, 10_000]) {
        let n = if extent == Extent::Smoke { 100 } else { 100_000.max(10 * tasks) };
        let competitors = inside!(yields,
            Peer "futures" w::yields::<futures_rs::Inside>,
            Limit "raw executor" w::yields::<limits::Bare>,
        );
        rows.push(row("W5 yield", n, tasks, competitors).in_python("yields", 100_000));
        let competitors = inside!(wake_self,
            Peer "futures" w::wake_self::<futures_rs::Inside>,
            Limit "raw executor" w::wake_self::<limits::Bare>,
        );
        rows.push(row("W5 wake self", n, tasks, competitors).in_python("wake_self", 100_000));
    }
    for n in sizes(extent, [1_000, 100_000], [1_000, 10_000, 100_000, 1_000_000]) {
        let competitors = inside!(timers,
            Limit "wheel" limits::wheel,
            Limit "4-ary heap" limits::heap,
        );
        rows.push(row("W7 timers", n, 1, competitors).in_python("timers", 10_000));
    }
}

fn outside_rows(extent: Extent, rows: &mut Vec<Row>) {
    for producers in [1, 2, 4, 8] {
        for n in sizes(extent, [100_000], [100_000]) {
            let competitors = outside!(submit,
                Limit "mutexed Vec" limits::mutexed,
                Limit "fetch-add" limits::fetch_add,
            );
            let row = row("W2 submit", n.max(producers), producers, competitors);
            rows.push(row.in_python("submit", 20_000));
        }
    }
    for placement in [Placement::OneCore, Placement::TwoCores] {
        if !crate::machine::possible(placement) {
            continue;
        }
        for n in sizes(extent, [500], [2_000]) {
            let competitors = outside!(round_trip,
                Kernel "loopgate, spinning" w::round_trip::<loopgate::Outside<true>>,
                Limit "eventfd+futex" limits::eventfd_futex,
                Limit "spin" limits::spinning,
            );
            let row = row("W3 round trip", n, 1, competitors).on(placement);
            rows.push(row.in_python("round_trip", 500));
        }
    }
    for n in sizes(extent, [500], [2_000]) {
        for tasks in [1, 16] {
            let competitors = outside!(busy_round_trip,);
            // Two of the peers take no message while they are busy, or only at each tick of a timer.
            let competitors = competitors
                .into_iter()
                .filter(|competitor| !matches!(competitor.name, "monoio+mpsc" | "glommio+mpsc"));
            let row = row("W3 round trip, busy", n, tasks, competitors.collect());
            rows.push(row.in_python("busy_round_trip", 500));
        }
    }
    for window in [10, 1_000] {
        for n in sizes(extent, [20_000], [50_000]) {
            let competitors = outside!(window,);
            rows.push(row("W4 window", n, window, competitors).in_python("window", 5_000));
        }
    }
    for n in sizes(extent, [10_000], [1_000, 10_000, 100_000]) {
        let competitors = outside!(cancel,);
        rows.push(row("W6 cancel", n, 1, competitors).in_python("cancel", 10_000));
    }
}

fn blocking_rows(extent: Extent, rows: &mut Vec<Row>) {
    for workers in [1, 6] {
        for n in sizes(extent, [500], [2_000]) {
            let competitors = inside!(blocking_round_trip,
                Peer "futures" w::blocking_round_trip::<futures_rs::Inside>,
            );
            let row = row("W8 round trip", n, 1, competitors).workers(workers);
            rows.push(row.in_python("blocking_round_trip", 500));
        }
        for n in sizes(extent, [10_000], [1_000, 10_000, 100_000]) {
            let competitors = inside!(blocking_throughput,
                Peer "futures" w::blocking_throughput::<futures_rs::Inside>,
                Limit "channel" limits::channel_throughput,
            );
            let row = row("W8 throughput", n, 1, competitors).workers(workers);
            rows.push(row.in_python("blocking_throughput", 2_000));
        }
    }
}

fn memory_rows(extent: Extent, rows: &mut Vec<Row>) {
    for n in sizes(extent, [100_000], [100_000]) {
        let competitors =
            inside!(callback_memory, Peer "futures" w::callback_memory::<futures_rs::Inside>,);
        rows.push(row("W9 queued callback", n, 1, competitors).bytes());
        let competitors =
            inside!(task_memory, Peer "futures" w::task_memory::<futures_rs::Inside>,);
        rows.push(row("W9 suspended task", n, 1, competitors).bytes());
        rows.push(row("W9 sleeping task", n, 1, inside!(sleep_memory,)).bytes());
        rows.push(row("W9 timer", n, 1, inside!(timer_memory,)).bytes());
        let competitors = outside!(submission_memory,);
        rows.push(row("W9 posted callback", n, 0, competitors).bytes());
        let competitors = outside!(submission_memory,);
        rows.push(row("W9 pending submission", n, 1, competitors).bytes());
    }
    rows.push(row("W9 idle loop", 1, 1, outside!(idle_memory,)).bytes());
}
