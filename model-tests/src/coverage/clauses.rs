//! From lines of the kernel to the clauses that are quoted above them.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

use super::lines::Lines;

/// Where the code of each clause begins: file and line of the first code under each of its quotations.
#[derive(Clone, Debug, Default)]
pub struct Clauses(pub BTreeMap<String, Vec<(String, u32)>>);

/// Reads the quotations in the kernel's sources; a clause is named as in SPEC.md.
///
/// # Errors
/// A source cannot be read.
pub fn clauses(sources: &Path) -> io::Result<Clauses> {
    let mut clauses = Clauses::default();
    read(sources, sources, &mut clauses)?;
    Ok(clauses)
}

fn read(folder: &Path, root: &Path, clauses: &mut Clauses) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            read(&path, root, clauses)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
            for (clause, line) in quotations(&fs::read_to_string(&path)?) {
                clauses.0.entry(clause).or_default().push((name.clone(), line));
            }
        }
    }
    Ok(())
}

/// Each quotation that is no test's: the clause, and the line it stands on.
fn quotations(text: &str) -> Vec<(String, u32)> {
    let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
    let of_a_test =
        |index: usize| lines.get(index + 1).is_some_and(|next| *next == "//= type=test");
    let quotation = |(index, line): (usize, &&str)| {
        let clause = line.strip_prefix("//= SPEC.md#").filter(|_| !of_a_test(index))?;
        Some((clause.to_uppercase(), u32::try_from(index + 1).ok()?))
    };
    lines.iter().enumerate().filter_map(quotation).collect()
}

impl Clauses {
    /// How often the code of a clause was run: the first line with code under a quotation, whichever ran most.
    #[must_use]
    pub fn runs(&self, clause: &str, lines: &Lines) -> u64 {
        let places = self.0.get(clause).map(Vec::as_slice).unwrap_or_default();
        let count = |(file, quotation): &(String, u32)| {
            let (_, count) = lines.0.get(file)?.lines.range(quotation + 1..).next()?;
            Some(*count)
        };
        places.iter().filter_map(count).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_under_a_quotation_counts_for_its_clause() {
        let text = "//= SPEC.md#w-2\n//# It MUST.\nfn a() {}\n    //= SPEC.md#w-3\n//= type=test\nfn b() {}\n";
        assert_eq!(quotations(text), [("W-2".to_owned(), 1)]);
        let mut clauses = Clauses::default();
        clauses.0.insert("W-2".into(), vec![("a.rs".into(), 1)]);
        let lines = Lines::parse("SF:/s/a.rs\nDA:3,5\nDA:6,9\n", Path::new("/s"));
        assert_eq!((clauses.runs("W-2", &lines), clauses.runs("W-3", &lines)), (5, 0));
    }
}
