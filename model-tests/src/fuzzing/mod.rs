//! What commands need to know of the fuzz targets in `fuzz/`: which there are, how they are built, how one is run.
//!
//! The targets are a workspace of their own, which this one does not depend on: they are built and run as programs.

mod build;
mod fuzzer;

pub use build::{Flavour, arguments, build, host};
pub use fuzzer::{
    Fuzzed, Limits, Status, cover, executions, fuzz, fuzzer_arguments, merge, minimize,
};

/// A fuzz target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Of its file in `fuzz/fuzz_targets`, its corpus, its binary.
    pub name: &'static str,
    /// Its share of a campaign.
    pub weight: u32,
    /// Whether its inputs have a schedule: built for shuttle.
    pub scheduled: bool,
    /// Whether there is a mistake in it that has to be found.
    pub canary: bool,
}

impl Target {
    const fn new(name: &'static str, weight: u32) -> Target {
        Target { name, weight, scheduled: false, canary: false }
    }

    const fn scheduled(name: &'static str, weight: u32) -> Target {
        Target { scheduled: true, ..Target::new(name, weight) }
    }

    /// What it is built as, without a sanitizer.
    #[must_use]
    pub fn flavour(&self) -> Flavour {
        if self.scheduled { Flavour::SCHEDULED } else { Flavour::PLAIN }
    }
}

/// Every target, and how much of a campaign it gets: more where an alphabet is larger.
pub const TARGETS: &[Target] = &[
    Target::new("loop_program", 4),
    Target::new("timers", 2),
    Target::new("cancel_scopes", 3),
    Target::new("concurrent_future", 2),
    Target::new("chain_graph", 3),
    Target::scheduled("executor_life", 2),
    Target::scheduled("interleavings", 4),
    Target::scheduled("pipe", 2),
    Target::new("vectors", 1),
    Target::new("whole_programs", 3),
    Target { canary: true, ..Target::new("canary", 1) },
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The manifest of `fuzz/` is the other list; its own test compares it with the files.
    #[test]
    fn the_targets_are_those_that_there_are() {
        let manifest = include_str!("../../../fuzz/Cargo.toml");
        let paths = manifest.lines().filter_map(|line| line.strip_prefix("path = \"fuzz_targets/"));
        let mut there: Vec<&str> = paths.filter_map(|path| path.strip_suffix(".rs\"")).collect();
        let mut listed: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
        there.sort_unstable();
        listed.sort_unstable();
        assert_eq!(there, listed);
        assert_eq!(TARGETS.iter().filter(|target| target.canary).count(), 1);
    }
}
