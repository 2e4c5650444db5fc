//! The tables, as Markdown.

use std::fmt::Write as _;

use loopgate_model_tests::coverage::{FileLines, Lines};

use crate::reasons::Missed;

/// A row for each file of the kernel, and then each line that is not run.
pub(crate) fn markdown(by_part: &[(&str, Lines)], all: &Lines, missed: &[Missed]) -> String {
    let mut text = String::from(
        "# Coverage\n\nWhat of the kernel is run, by `cargo coverage`: the kernel's tests, the models' bodies on real \
         threads, the models under the\nsecond explorer, and the inputs of the fuzz targets, committed or found by campaigns on the machine that wrote this. Lines and ways of branches \
         that were run, of all there are; a column for\neach part alone counts lines. Written by the command.\n\n",
    );
    text += "| file | lines | branches |";
    by_part.iter().for_each(|(name, _)| text += &format!(" {name} |"));
    text += "\n|---|---|---|";
    by_part.iter().for_each(|_| text += "---|");
    let mut sums = (0, 0, 0, 0);
    for (file, lines) in &all.0 {
        let ((run, lines_there), (taken, ways)) = (lines.line_score(), lines.branch_score());
        sums = (sums.0 + run, sums.1 + lines_there, sums.2 + taken, sums.3 + ways);
        let _ = write!(text, "\n| {file} | {} | {} |", share(run, lines_there), share(taken, ways));
        for (_, part) in by_part {
            let run = part.0.get(file).map_or(0, |lines: &FileLines| lines.line_score().0);
            let _ = write!(text, " {run} |");
        }
    }
    let _ = write!(
        text,
        "\n| all | {} | {} |{}\n\n",
        share(sums.0, sums.1),
        share(sums.2, sums.3),
        " |".repeat(by_part.len())
    );
    let unexplained = missed.iter().filter(|missed| missed.reason.is_none()).count();
    let _ = writeln!(
        text,
        "## Lines that are not run\n\n{} lines, {unexplained} of them without a reason.\n",
        missed.len()
    );
    for Missed { file, line, text: source, reason } in missed {
        let reason = reason.as_deref().unwrap_or("**NO REASON**");
        let _ = writeln!(text, "- `{file}:{line}` `{}`: {reason}", source.replace('`', "'"));
    }
    text
}

fn share(some: usize, all: usize) -> String {
    if all == 0 {
        return "-".into();
    }
    format!("{some} of {all}, {} %", some * 100 / all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn a_row_has_all_parts_and_each_of_them() {
        let of = |lcov| Lines::parse(lcov, Path::new("/k"));
        let (tests, fuzz) =
            (of("SF:/k/a.rs\nDA:1,1\nDA:2,0\n"), of("SF:/k/a.rs\nDA:1,3\nDA:2,4\n"));
        let mut all = tests.clone();
        all.add(&fuzz);
        let text = markdown(&[("tests", tests), ("fuzz", fuzz)], &all, &[]);
        assert!(text.contains("| a.rs | 2 of 2, 100 % | - | 1 | 2 |"), "{text}");
    }
}
