//! SPEC.md, read: its chapters, its clauses, and the normative text of each clause.
//!
//! A chapter is `## W wakeup`, a clause is `### W-2`. The first paragraph of a clause is normative
//! and holds MUST; what follows explains it and binds nobody. Any other `##` heading is prose.

use crate::Finding;

/// The file that this module reads, as findings and citations name it.
pub(crate) const SPEC: &str = "SPEC.md";

/// The chapter of modelling assumptions: a table, without clauses.
const ASSUMPTIONS: &str = "P";

/// Starts the line that says why no test is needed.
const BY_TYPES: &str = "Checked by the type system:";

#[derive(Default)]
pub(crate) struct Spec {
    pub(crate) chapters: Vec<Chapter>,
    pub(crate) clauses: Vec<Clause>,
}

impl Spec {
    /// The clause that `SPEC.md#anchor` means.
    pub(crate) fn clause(&self, anchor: &str) -> Option<&Clause> {
        self.clauses.iter().find(|clause| clause.anchor() == anchor)
    }
}

pub(crate) struct Chapter {
    pub(crate) prefix: String,
    /// The file or folder of kernel/src, without `.rs`.
    pub(crate) name: String,
    pub(crate) line: usize,
}

pub(crate) struct Clause {
    /// As in the heading: `W-2`.
    pub(crate) id: String,
    pub(crate) line: usize,
    /// The normative paragraph, with one space between words.
    pub(crate) text: String,
    /// Why the compiler is test enough, if the clause says so.
    pub(crate) by_types: Option<String>,
}

impl Clause {
    /// The clause's address within SPEC.md, as Markdown makes it from the heading.
    pub(crate) fn anchor(&self) -> String {
        self.id.to_lowercase()
    }

    /// The sentences of the normative paragraph.
    pub(crate) fn sentences(&self) -> Vec<&str> {
        let mut sentences = Vec::new();
        let mut start = 0;
        for (at, _) in self.text.match_indices(' ') {
            let ended = self.text[..at].ends_with(['.', '!', '?']);
            let begins = !self.text[at + 1..].starts_with(|c: char| c.is_lowercase());
            if ended && begins {
                sentences.push(&self.text[start..at]);
                start = at + 1;
            }
        }
        sentences.push(&self.text[start..]);
        sentences
    }
}

/// A paragraph without the marks in bold at its end, as in `It MUST. **(differs)**`.
fn unmarked(text: &str) -> &str {
    match text.rsplit_once(' ') {
        Some((before, mark)) if mark.starts_with("**(") && mark.ends_with(")**") => {
            unmarked(before)
        }
        _ => text,
    }
}

/// Is one of the words MUST?
pub(crate) fn binds(text: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric()).any(|word| word == "MUST")
}

/// `text` with one space between words and none around.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Reads SPEC.md. What is wrong with the file itself comes second.
pub(crate) fn parse(text: &str) -> (Spec, Vec<Finding>) {
    let mut reader = Reader::default();
    for block in blocks(text) {
        match block.kind {
            Sort::Heading(2) => reader.chapter(&block),
            Sort::Heading(3) => reader.clause(&block),
            Sort::Heading(level) => reader.heading(level, &block),
            Sort::Paragraph | Sort::Other => reader.paragraph(&block),
        }
    }
    reader.end();
    (reader.spec, reader.findings)
}

#[derive(Default)]
struct Reader {
    spec: Spec,
    findings: Vec<Finding>,
    /// Is the text that comes next part of a chapter? Of a clause?
    in_chapter: bool,
    in_clause: bool,
    /// Has the clause had its first paragraph?
    begun: bool,
}

impl Reader {
    fn find(&mut self, line: usize, wrong: impl Into<String>, advice: impl Into<String>) {
        self.findings.push(Finding::new(SPEC, line, wrong, advice));
    }

    fn heading(&mut self, level: usize, block: &Block) {
        if level == 1 {
            self.end_chapter();
        } else if self.in_clause {
            self.find(
                block.line,
                format!("a heading inside a clause: {}", block.text),
                "write the rationale as paragraphs",
            );
        }
    }

    fn chapter(&mut self, block: &Block) {
        self.end_chapter();
        let Some((prefix, name)) = chapter_heading(&block.text) else { return };
        if let Some(first) = self.spec.chapters.iter().find(|chapter| chapter.prefix == prefix) {
            let wrong = format!("chapter {prefix} occurs twice, first in line {}", first.line);
            self.find(block.line, wrong, "give the second one another letter");
        }
        let (prefix, name) = (prefix.to_owned(), name.to_owned());
        self.spec.chapters.push(Chapter { prefix, name, line: block.line });
        self.in_chapter = true;
    }

    fn clause(&mut self, block: &Block) {
        self.end_clause();
        let Some((prefix, number)) = clause_heading(&block.text) else {
            if self.in_chapter || block.text.contains("-") && block.text.ends_with(digit) {
                let wrong = format!("a heading that is no clause id: {}", block.text);
                self.find(block.line, wrong, "write the id alone, as in `### W-2`");
            }
            return;
        };
        let id = block.text.clone();
        let chapter = self.spec.chapters.last().filter(|_| self.in_chapter);
        let home = chapter.map(|chapter| chapter.prefix.clone());
        if home.as_deref() != Some(prefix) {
            let wrong = format!("clause {id} stands outside chapter {prefix}");
            self.find(block.line, wrong, format!("move it under `## {prefix} ...`"));
        } else if prefix == ASSUMPTIONS {
            let wrong = format!("clause {id} in the chapter of assumptions");
            self.find(block.line, wrong, "make it a row of the table, or move it to a chapter");
        }
        if let Some(first) = self.spec.clauses.iter().find(|clause| clause.id == id) {
            let wrong = format!("clause {id} occurs twice, first in line {}", first.line);
            self.find(block.line, wrong, "give the newer one the next free number");
        } else if let Some(before) = self.highest(prefix).filter(|&before| before > number) {
            let wrong = format!("clause {id} comes after {prefix}-{before}");
            let advice =
                "order the clauses by number; a number that was given away is never reused";
            self.find(block.line, wrong, advice);
        }
        let text = String::new();
        self.spec.clauses.push(Clause { id, line: block.line, text, by_types: None });
        (self.in_clause, self.begun) = (true, false);
    }

    fn highest(&self, prefix: &str) -> Option<u32> {
        let ids = self.spec.clauses.iter().filter_map(|clause| clause_heading(&clause.id));
        ids.filter(|id| id.0 == prefix).map(|id| id.1).max()
    }

    fn paragraph(&mut self, block: &Block) {
        let assumptions = self.spec.chapters.last().is_some_and(|c| c.prefix == ASSUMPTIONS);
        let first = self.in_clause && !self.begun;
        self.begun = true;
        if first && block.kind == Sort::Paragraph && binds(&block.text) {
            if let Some(clause) = self.spec.clauses.last_mut() {
                clause.text = unmarked(&block.text).to_owned();
            }
        } else if let Some(reason) = block.text.strip_prefix(BY_TYPES).filter(|_| self.in_clause) {
            let reason = reason.trim().to_owned();
            if reason.is_empty() {
                self.find(block.line, "no reason after the colon", "say which types refuse what");
            } else if let Some(clause) = self.spec.clauses.last_mut() {
                clause.by_types = Some(reason);
            }
            // A clause cannot begin with it: `end_clause` then finds the MUST missing.
        } else if self.in_chapter && !assumptions && binds(&block.text) {
            self.find(
                block.line,
                "MUST outside the first paragraph of a clause",
                "make it a clause, or say it without MUST: explanations bind nobody",
            );
        }
    }

    fn end_clause(&mut self) {
        if self.in_clause
            && let Some(clause) = self.spec.clauses.last().filter(|clause| clause.text.is_empty())
        {
            let (line, id) = (clause.line, clause.id.clone());
            let advice =
                "begin the clause with one sentence that says what MUST or MUST NOT happen";
            self.find(line, format!("clause {id} does not begin with a MUST"), advice);
        }
        self.in_clause = false;
    }

    fn end_chapter(&mut self) {
        self.end_clause();
        if self.in_chapter
            && let Some(chapter) = self.spec.chapters.last()
            && chapter.prefix != ASSUMPTIONS
            && self.highest(&chapter.prefix).is_none()
        {
            let wrong = format!("chapter {} has no clause", chapter.prefix);
            self.find(chapter.line, wrong, "write one, or remove the chapter");
        }
        self.in_chapter = false;
    }

    fn end(&mut self) {
        self.end_chapter();
        if self.spec.clauses.is_empty() {
            self.find(1, "no clauses", "a clause is a heading `### W-2` under `## W wakeup`");
        }
    }
}

/// `W wakeup` or `C task/cancel`.
fn chapter_heading(text: &str) -> Option<(&str, &str)> {
    let (prefix, name) = text.split_once(' ')?;
    let letters = (1..=3).contains(&prefix.len()) && prefix.bytes().all(|b| b.is_ascii_uppercase());
    let path =
        name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_/".contains(&b));
    (letters && path && !name.is_empty()).then_some((prefix, name))
}

/// `W-2`.
fn clause_heading(text: &str) -> Option<(&str, u32)> {
    let (prefix, number) = text.split_once('-')?;
    let letters = (1..=3).contains(&prefix.len()) && prefix.bytes().all(|b| b.is_ascii_uppercase());
    let plain = number.bytes().all(|b| b.is_ascii_digit()) && !number.starts_with('0');
    number.parse().ok().filter(|_| letters && plain).map(|number| (prefix, number))
}

fn digit(c: char) -> bool {
    c.is_ascii_digit()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Heading(usize),
    Paragraph,
    /// A list item, a row of a table, a quotation.
    Other,
}

struct Block {
    kind: Sort,
    line: usize,
    /// On one line; a heading without its marks.
    text: String,
}

/// As much of Markdown's block structure as SPEC.md uses. Fenced code belongs to no block.
fn blocks(text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let (mut fenced, mut open) = (false, false);
    for (line, text) in (1..).zip(text.lines().map(str::trim)) {
        if text.starts_with("```") {
            (fenced, open) = (!fenced, false);
            continue;
        }
        if fenced || text.is_empty() {
            open = false;
            continue;
        }
        let marks = text.len() - text.trim_start_matches('#').len();
        let kind = if marks > 0 && text[marks..].starts_with(' ') {
            Sort::Heading(marks)
        } else if text.starts_with(['|', '>']) || text.starts_with("- ") || text.starts_with("* ") {
            Sort::Other
        } else {
            Sort::Paragraph
        };
        match blocks.last_mut() {
            Some(last) if open && kind == Sort::Paragraph && !text.starts_with(BY_TYPES) => {
                last.text = format!("{} {}", last.text, one_line(text));
            }
            _ => {
                let words = if let Sort::Heading(marks) = kind { &text[marks..] } else { text };
                blocks.push(Block { kind, line, text: one_line(words) });
            }
        }
        open = !matches!(kind, Sort::Heading(_));
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `parse` finds, as `line: wrong`.
    fn found(text: &str) -> Vec<String> {
        parse(text).1.iter().map(|f| format!("{}: {}", f.line, f.wrong)).collect()
    }

    #[test]
    fn reads_chapters_clauses_and_their_first_paragraph() {
        let (spec, findings) = parse(
            "# Title\n\n## How to read this\n\nMUST is binding.\n\n## W wakeup\n\nAbout.\n\n### W-1\n\n\
             A post MUST wake\n  the loop.\n\nBecause.\n- a list\n\n### W-4\nIt MUST NOT\nspin.\n\
             Checked by the type system: the method\nis private.\n\n## C task/cancel\n### C-1\nX MUST y.\n\
             ## P primitives\n\n| a MUST | b |\n\n```\n### W-9\n```\n",
        );
        assert_eq!(findings, []);
        let names: Vec<_> = spec.chapters.iter().map(|c| (&*c.prefix, &*c.name, c.line)).collect();
        assert_eq!(names, [("W", "wakeup", 7), ("C", "task/cancel", 25), ("P", "primitives", 28)]);
        let ids: Vec<_> = spec.clauses.iter().map(|c| (&*c.id, &*c.text, c.line)).collect();
        assert_eq!(ids[0], ("W-1", "A post MUST wake the loop.", 11));
        assert_eq!(ids[1], ("W-4", "It MUST NOT spin.", 19));
        assert_eq!(ids.len(), 3);
        assert_eq!(spec.clauses[1].by_types.as_deref(), Some("the method is private."));
        assert!(spec.clause("w-4").is_some() && spec.clause("W-4").is_none());
    }

    #[test]
    fn sentences_end_at_a_full_stop_before_a_capital() {
        let (spec, _) = parse("## W w\n### W-1\nA MUST b, e.g. c. `D` MUST e! F is 1.5 g.\n");
        assert_eq!(
            spec.clauses[0].sentences(),
            ["A MUST b, e.g. c.", "`D` MUST e!", "F is 1.5 g."]
        );
    }

    #[test]
    fn a_mark_at_the_end_is_not_quoted() {
        let (spec, _) = parse("## W w\n### W-1\nIt **MUST** (so).\n**(differs)**\n\nBecause.\n");
        assert_eq!(spec.clauses[0].text, "It **MUST** (so).");
        for text in ["It MUST **(so) now**.", "It MUST (so)**", "It MUST **(so"] {
            let (spec, _) = parse(&format!("## W w\n### W-1\n{text}\n"));
            assert_eq!(spec.clauses[0].text, text);
        }
    }

    #[test]
    fn finds_a_clause_that_does_not_begin_with_must() {
        let none = "## W w\n### W-1\nIt should.\n\nIt MUST.\n";
        assert_eq!(
            found(none),
            [
                "5: MUST outside the first paragraph of a clause",
                "2: clause W-1 does not begin with a MUST"
            ]
        );
        for body in ["", "It mUST.\n", "MUSTARD.\n", "- It MUST.\n", "```\nMUST\n```\n"] {
            let found = found(&format!("## W w\n### W-1\n{body}"));
            let last = found.last().expect(body);
            assert_eq!(last, "2: clause W-1 does not begin with a MUST", "{body}");
        }
    }

    #[test]
    fn finds_ids_that_repeat_or_descend_or_stray() {
        let body = "\nIt MUST.\n";
        let text = |ids: &[&str]| {
            ids.iter().fold("## W w\n".to_owned(), |all, id| format!("{all}### {id}{body}"))
        };
        assert_eq!(found(&text(&["W-1", "W-3", "W-10"])), [] as [&str; 0]);
        assert_eq!(found(&text(&["W-1", "W-1"])), ["4: clause W-1 occurs twice, first in line 2"]);
        assert_eq!(found(&text(&["W-2", "W-1"])), ["4: clause W-1 comes after W-2"]);
        assert_eq!(found(&text(&["W-1", "X-1"])), ["4: clause X-1 stands outside chapter X"]);
        for id in ["W-02", "w-2", "W-2 Wake", "W2", "LONG-1"] {
            let wrong = format!("4: a heading that is no clause id: {id}");
            assert_eq!(found(&text(&["W-1", id]))[0], wrong);
        }
        let before = format!("### W-1{body}\n## W w\n### W-2{body}");
        assert_eq!(found(&before), ["1: clause W-1 stands outside chapter W"]);
        for heading in ["Well-known", "2", "W-02"] {
            let stray = heading.ends_with(digit) && heading.contains('-');
            assert_eq!(
                found(&format!("### {heading}\n## W w\n### W-1{body}")).len(),
                usize::from(stray)
            );
        }
        let sub = format!("## W w\n### W-1{body}#### More\n");
        assert_eq!(found(&sub), ["4: a heading inside a clause: More"]);
    }

    #[test]
    fn finds_what_is_wrong_with_a_chapter() {
        let clause = "### W-1\nIt MUST.\n";
        assert_eq!(found(""), ["1: no clauses"]);
        for prose in ["Prose", "Wa wakeup", "LONG wakeup", "W Wakeup", "W two words", "W "] {
            assert_eq!(found(&format!("## {prose}\nIt MUST.\n")), ["1: no clauses"], "{prose}");
        }
        assert_eq!(found(&format!("## W w\n{clause}#1 is text.\n")), [""; 0]);
        assert_eq!(found(&format!("## W w\n{clause}## X x\n")), ["4: chapter X has no clause"]);
        assert_eq!(
            found(&format!("## W w\nIt MUST.\n{clause}")),
            ["2: MUST outside the first paragraph of a clause"]
        );
        assert_eq!(
            found(&format!("## W w\n{clause}## P primitives\n### P-1\nIt MUST.\n")),
            ["5: clause P-1 in the chapter of assumptions"]
        );
        let twice = format!("## W w\n{clause}## W w\n### W-2\nIt MUST.\n");
        assert_eq!(found(&twice), ["4: chapter W occurs twice, first in line 1"]);
    }

    #[test]
    fn finds_an_empty_reason() {
        let text = "## W w\n### W-1\nIt MUST.\n\nChecked by the type system:\n";
        assert_eq!(found(text), ["5: no reason after the colon"]);
    }
}
