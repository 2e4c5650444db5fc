//! How often each line and each branch was run, by file.

use std::collections::BTreeMap;
use std::path::Path;

/// The files of a source folder, by their path in it.
#[derive(Clone, Debug, Default)]
pub struct Lines(pub BTreeMap<String, FileLines>);

/// One file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileLines {
    /// How often each line that has code was run.
    pub lines: BTreeMap<u32, u64>,
    /// How often each way of each branch was taken: line, number of the branch, way.
    pub branches: BTreeMap<(u32, u32, u32), u64>,
}

impl FileLines {
    /// The lines that have code and were never run.
    pub fn missed(&self) -> impl Iterator<Item = u32> {
        self.lines.iter().filter(|(_, count)| **count == 0).map(|(line, _)| *line)
    }

    /// How many of the lines were run, and how many there are.
    #[must_use]
    pub fn line_score(&self) -> (usize, usize) {
        (self.lines.values().filter(|count| **count > 0).count(), self.lines.len())
    }

    /// How many ways of branches were taken, and how many there are.
    #[must_use]
    pub fn branch_score(&self) -> (usize, usize) {
        (self.branches.values().filter(|count| **count > 0).count(), self.branches.len())
    }
}

impl Lines {
    /// Reads LLVM's report in the form of lcov.
    #[must_use]
    pub fn parse(lcov: &str, sources: &Path) -> Lines {
        let mut lines = Lines::default();
        let mut file = None;
        for line in lcov.lines() {
            if let Some(path) = line.strip_prefix("SF:") {
                let path = Path::new(path).strip_prefix(sources).ok();
                let name = path.map(|path| path.to_string_lossy().into_owned());
                file = name.map(|name| lines.0.entry(name).or_default());
            }
            let Some(file) = file.as_deref_mut() else { continue };
            let mut numbers = line
                .split_once(':')
                .map(|(_, rest)| rest)
                .unwrap_or_default()
                .split(',')
                // A branch of which no way was taken has no numbers but dashes.
                .map(|number| number.parse::<u64>().unwrap_or(0));
            let mut next = || numbers.next().unwrap_or(0);
            let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
            if line.starts_with("DA:") {
                let number = small(next());
                add(file.lines.entry(number).or_default(), next());
            } else if line.starts_with("BRDA:") {
                let branch = (small(next()), small(next()), small(next()));
                add(file.branches.entry(branch).or_default(), next());
            }
        }
        lines
    }

    /// Adds what other runs did.
    pub fn add(&mut self, other: &Lines) {
        for (path, file) in &other.0 {
            let own = self.0.entry(path.clone()).or_default();
            for (line, count) in &file.lines {
                add(own.lines.entry(*line).or_default(), *count);
            }
            for (branch, count) in &file.branches {
                add(own.branches.entry(*branch).or_default(), *count);
            }
        }
    }
}

/// Counts that LLVM derives from others come out negative if those were taken at different moments, which is a very
/// large number to it.
fn add(sum: &mut u64, count: u64) {
    *sum = sum.saturating_add(count);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_lcov_and_adds_runs() {
        let lcov = "SF:/k/src/a.rs\nFN:1,f\nDA:1,2\nDA:2,0\nBRDA:1,0,0,1\nBRDA:1,0,1,-\nend_of_record\n\
                    SF:/other/b.rs\nDA:1,1\nend_of_record\n";
        let mut lines = Lines::parse(lcov, Path::new("/k/src"));
        assert_eq!(lines.0.keys().collect::<Vec<_>>(), ["a.rs"]);
        let file = &lines.0["a.rs"];
        assert_eq!((file.line_score(), file.branch_score()), ((1, 2), (1, 2)));
        let again = Lines::parse("SF:/k/src/a.rs\nDA:2,1\nDA:3,0\n", Path::new("/k/src"));
        lines.add(&again);
        assert_eq!(lines.0["a.rs"].missed().collect::<Vec<_>>(), [3]);
    }
}
