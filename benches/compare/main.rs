//! The kernel beside its peers and its limits, as ratios of one run.
//!
//! ```text
//! cargo bench -p loopgate-benches -- --quick    # the table, in a few minutes
//! cargo bench -p loopgate-benches               # more sizes, more rounds: a quarter of an hour
//! cargo bench -p loopgate-benches -- 'W5'       # the rows whose name has it
//! cargo bench -p loopgate-benches -- 'W5' --only loopgate --rounds 50    # for a profile
//! cargo bench -p loopgate-benches -- --test     # each once, nothing measured
//! ```
//!
//! With these flags there is more of it:
//!
//! ```text
//! --plots DIR    draws into that folder, seen from the top of the checkout: round trips as histograms,
//!                cost over N, producers over throughput
//! --system-calls bytes of wakes and system calls of W2; needs Linux, its tracepoints and the right to them
//! --sizes        W9 of a program: builds the least one on each loop
//! --models       W10: runs the quick class by `cargo models`, which takes minutes
//! --rounds N     so many rounds
//! --only NAME    that competitor alone
//! ```
//!
//! How it is measured: in rounds, in each of which every competitor runs the workload once, in an order
//! that changes from round to round; so what disturbs the machine disturbs all of them. The table shows
//! medians over the rounds. A ratio is the median of the ratios within each round, with its quartiles.
//! Only ratios travel from one machine to another.
//!
//! asyncio and uvloop are competitors in the same rounds, each in a process of its own that `benches/python`
//! is run by. They need a `python3` of 3.11 or newer, and pip to install uvloop once; if one of them does
//! not come up, that is said at the beginning and below the table. Where a row has many operations, they do
//! fewer, and the figure, which is for one operation, has a `*`.
//!
//! Every figure is also a criterion benchmark, named `row/competitor`, for its statistics and its
//! baselines: `cargo bench -p loopgate-benches -- --criterion 'W1.*/loopgate'`.

/// Nothing is measured in a model.
#[cfg(any(loom, shuttle))]
fn main() {}

#[cfg(not(any(loom, shuttle)))]
mod by_criterion;
#[cfg(not(any(loom, shuttle)))]
mod limits;
#[cfg(not(any(loom, shuttle)))]
mod machine;
#[cfg(not(any(loom, shuttle)))]
mod memory;
#[cfg(not(any(loom, shuttle)))]
mod on_request;
#[cfg(not(any(loom, shuttle)))]
mod peers;
#[cfg(not(any(loom, shuttle)))]
mod plots;
#[cfg(not(any(loom, shuttle)))]
mod request;
#[cfg(not(any(loom, shuttle)))]
mod rounds;
#[cfg(not(any(loom, shuttle)))]
mod rows;
#[cfg(not(any(loom, shuttle)))]
mod sample;
#[cfg(not(any(loom, shuttle)))]
mod table;
#[cfg(not(any(loom, shuttle)))]
mod workloads;

#[cfg(not(any(loom, shuttle)))]
fn main() {
    rounds::main();
}
