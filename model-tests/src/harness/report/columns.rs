//! An interleaving as text: one column per thread, one row per step.

use crate::harness::report::interleaving::{Interleaving, Step};

/// The last steps tell most; an endless loop has thousands.
const MOST_ROWS: usize = 200;

/// The rows, an empty line before and after.
pub(crate) fn columns(interleaving: &Interleaving) -> String {
    let left_out = interleaving.steps.len().saturating_sub(MOST_ROWS);
    let cells: Vec<(usize, String)> =
        interleaving.steps[left_out..].iter().flat_map(cells).collect();
    let widths: Vec<usize> = interleaving
        .threads
        .iter()
        .enumerate()
        .map(|(thread, name)| {
            let own = cells.iter().filter(|(of, _)| *of == thread).map(|(_, cell)| cell);
            own.chain([name]).map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let mut text = String::from("\n");
    let row = |columns: &dyn Fn(usize) -> String| {
        let padded = widths.iter().enumerate().map(|(thread, width)| {
            let column = columns(thread);
            format!("{column:width$}")
        });
        format!("  {}\n", padded.collect::<Vec<_>>().join(" | ").trim_end())
    };
    text += &row(&|thread| interleaving.threads[thread].clone());
    text += &row(&|thread| "-".repeat(widths[thread]));
    if left_out > 0 {
        text += &format!("  ... {left_out} steps before\n");
    }
    for (of, cell) in &cells {
        text += &row(&|thread| if thread == *of { cell.clone() } else { String::new() });
    }
    text.push('\n');
    text
}

/// A step, and under it what its object became.
fn cells(step: &Step) -> Vec<(usize, String)> {
    let state = step.state.as_ref().map(|state| (step.thread, format!("  = {state}")));
    std::iter::once((step.thread, step.line())).chain(state).collect()
}

/// Text in lines of at most 98 characters, where words allow it; each but the first is indented.
pub(crate) fn wrapped(text: &str, indent: usize) -> String {
    let mut lines = String::new();
    let mut width = indent;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if width > indent && width + 1 + length > 98 {
            lines.push('\n');
            lines.push_str(&" ".repeat(indent));
            width = indent;
        } else if width > indent {
            lines.push(' ');
            width += 1;
        }
        lines.push_str(word);
        width += length;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::report::interleaving::tests::steps;

    #[test]
    fn each_thread_has_its_column_and_each_step_its_row() {
        let mut interleaving = steps(&["main", "a"], &["main: lock Inbox#1", "a: load"]);
        interleaving.steps[0].state = Some("empty".into());
        let text = columns(&interleaving);
        assert_eq!(
            text,
            "\n  main         | a\n  ------------ | ----\n  lock Inbox#1 |\n    = empty    |\n  \
             \x20            | load\n\n"
        );
    }

    #[test]
    fn of_an_endless_loop_only_the_end_is_shown() {
        let text = columns(&steps(&["a"], &["a: load"; MOST_ROWS + 5]));
        assert!(text.contains("  ... 5 steps before\n"), "{text}");
        assert_eq!(text.matches("load").count(), MOST_ROWS);
    }

    #[test]
    fn long_text_is_broken_between_words() {
        let text = wrapped(&"word ".repeat(40), 4);
        assert!(text.lines().skip(1).all(|line| line.starts_with("    word")), "{text}");
        assert!(text.lines().all(|line| line.len() <= 98), "{text}");
        assert_eq!(text.split_whitespace().count(), 40);
        assert_eq!(wrapped("one", 4), "one");
    }
}
