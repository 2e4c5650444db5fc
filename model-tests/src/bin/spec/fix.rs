//! `--fix`: writes the quotation under each citation, so that an author types one line.

use crate::Tree;
use crate::gate::{Standing, is_cited, standing};
use crate::parse::{Spec, parse};
use crate::scan::{Citation, Source};

/// The longest line that rustfmt leaves alone here.
const WIDTH: usize = 100;

/// The files that change, with their new text.
pub(crate) fn fix(tree: &Tree) -> Vec<(String, String)> {
    let (spec, _) = parse(&tree.spec);
    let files = tree.files.iter().filter(|(path, _)| is_cited(path));
    let fixed = files.map(|(path, text)| (path, text, fix_file(&spec, text)));
    fixed.filter(|it| *it.1 != it.2).map(|it| (it.0.clone(), it.2)).collect()
}

fn fix_file(spec: &Spec, text: &str) -> String {
    let lines: Vec<&str> = text.split('\n').collect();
    let mut out: Vec<String> = Vec::new();
    let mut copied = 0;
    for citation in Source::read(text).citations().found {
        let Some(quotation) = quotation(spec, &citation) else { continue };
        // Lines are counted from 1, and the ranges of citations too.
        let (start, end) = (citation.quote_lines.start - 1, citation.quote_lines.end - 1);
        out.extend(lines[copied..start].iter().map(ToString::to_string));
        // A last line without an end gets one before more lines follow it.
        let ending = if lines[start - 1].ends_with('\r') { "\r" } else { "" };
        out.extend(wrap(&quotation, citation.indent).into_iter().map(|line| line + ending));
        copied = end;
    }
    out.extend(lines[copied..].iter().map(ToString::to_string));
    out.join("\n")
}

/// What the citation is to quote: the sentences that it quotes already, else all of the clause.
///
/// `None` where nobody can tell: the clause is unknown, or its lines are not in order.
fn quotation(spec: &Spec, citation: &Citation<'_>) -> Option<String> {
    if citation.unknown.is_some() {
        return None;
    }
    match standing(spec, citation) {
        Standing::Right { quote, .. } => Some(quote),
        Standing::Missing(clause) | Standing::Wrong { clause, .. } => {
            Some(clause.text.clone()).filter(|text| !text.is_empty())
        }
        Standing::Unknown => None,
    }
}

/// `text` as comment lines that fit; a word that does not fit stands alone.
fn wrap(text: &str, indent: &str) -> Vec<String> {
    let start = format!("{indent}//#");
    let mut lines = vec![start.clone()];
    for word in text.split(' ') {
        let last = lines.last().map_or(0, |line| line.chars().count());
        if last + 1 + word.chars().count() > WIDTH && lines.last() != Some(&start) {
            lines.push(start.clone());
        }
        if let Some(line) = lines.last_mut() {
            line.push(' ');
            line.push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: &str =
        "## W w\n### W-1\nA post MUST\nwake. It MUST NOT\nspin.\n### W-2\nB MUST c.\n";

    fn fixed(text: &str) -> String {
        fix_file(&parse(SPEC).0, text)
    }

    #[test]
    fn writes_a_quotation_at_the_indentation_of_its_citation() {
        assert_eq!(
            fixed("fn a() {\n    //= SPEC.md#w-1\n    b();\n}\n"),
            "fn a() {\n    //= SPEC.md#w-1\n    //# A post MUST wake. It MUST NOT spin.\n    b();\n}\n"
        );
        assert_eq!(
            fixed("//= SPEC.md#w-1\n//= type=test\n//= SPEC.md#w-2\nfn a() {}"),
            "//= SPEC.md#w-1\n//= type=test\n//# A post MUST wake. It MUST NOT spin.\n\
             //= SPEC.md#w-2\n//# B MUST c.\nfn a() {}"
        );
    }

    #[test]
    fn replaces_a_wrong_quotation_and_keeps_whole_sentences() {
        let right = "//= SPEC.md#w-1\n//# A post MUST wake. It MUST NOT spin.\nfn a() {}\n";
        let sentence = "//= SPEC.md#w-1\n//# It MUST NOT spin.\nfn a() {}\n";
        assert_eq!(fixed("//= SPEC.md#w-1\n//# A post may\n//# wake.\nfn a() {}\n"), right);
        assert_eq!(fixed("//= SPEC.md#w-1\n//# It\n//#   MUST NOT spin.\nfn a() {}\n"), sentence);
    }

    #[test]
    fn does_nothing_twice_and_nothing_it_does_not_understand() {
        for text in [
            "//= SPEC.md#w-9\nfn a() {}\n",
            "//= SPEC.md#w-1\n//= type=todo\nfn a() {}\n",
            "//= OTHER.md#w-1\nfn a() {}\n",
            "\"\n//= SPEC.md#w-1\n\"",
            "",
        ] {
            assert_eq!(fixed(text), text);
        }
        let once = fixed("//= SPEC.md#w-1\r\nfn a() {}\r\n//= SPEC.md#w-2");
        assert!(once.contains("spin.\r\nfn a"), "{once:?}");
        assert_eq!(fixed(&once), once);
    }

    #[test]
    fn lines_fit() {
        let long = "word ".repeat(60) + &"x".repeat(120) + " end.";
        let lines = wrap(&long, "        ");
        assert!(lines.iter().all(|line| line.starts_with("        //# ")));
        let over: Vec<_> = lines.iter().filter(|line| line.len() > WIDTH).collect();
        assert_eq!(over.len(), 1, "only the word that is too long: {over:?}");
        assert_eq!(lines[0].len(), 8 + 3 + 17 * 5);
        let exact = wrap(&format!("{} bb", "a".repeat(WIDTH - 7)), "");
        assert_eq!(exact.len(), 1);
        assert_eq!(wrap(&format!("{} bbb", "a".repeat(WIDTH - 7)), "").len(), 2);
    }
}
