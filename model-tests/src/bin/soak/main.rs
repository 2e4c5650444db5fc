//! `cargo soak --minutes M`: everything at once, on real threads, for a long time; nothing may be lost.
//!
//! Loops live for a fraction of a second each, are stopped, closed, dropped, or die with their thread. Others
//! post to them, submit coroutines, cancel, set timers, use executors, and wait, all the time. Meanwhile signals
//! interrupt whatever waits, and now and then the process has no descriptor left.
//!
//! Every piece of work that is made has an entry in the books, and every entry ends: `books` has what may
//! become of it. What is not ended, was dropped by an open loop, ended twice, fired early or has the wrong value is
//! a failure; so are memory that grows and descriptors that stay. Time is measured and never judged.
//!
//! `books` accounts, `stage` is what all share, `actors` make work, `loops` live and die, `hardship` disturbs,
//! `vitals` takes the process's pulse, `report` tells.

#[cfg(not(any(loom, shuttle)))]
mod actors;
#[cfg(not(any(loom, shuttle)))]
mod books;
#[cfg(not(any(loom, shuttle)))]
mod hardship;
#[cfg(not(any(loom, shuttle)))]
mod loops;
#[cfg(not(any(loom, shuttle)))]
mod options;
#[cfg(not(any(loom, shuttle)))]
mod report;
#[cfg(not(any(loom, shuttle)))]
mod run;
#[cfg(not(any(loom, shuttle)))]
mod stage;
#[cfg(not(any(loom, shuttle)))]
mod vitals;

use std::process::ExitCode;

#[cfg(not(any(loom, shuttle)))]
fn main() -> ExitCode {
    run::main()
}

#[cfg(any(loom, shuttle))]
fn main() -> ExitCode {
    eprintln!(
        "error: an explorer has no real threads: build without its cfg, as `cargo soak` does"
    );
    ExitCode::from(2)
}
