//! A Rust file, read: the citations in its comments, and which of its code is test code.

use std::ops::Range;

use crate::lex::{Comment, Kind, Lexed, Token, lex};

/// A Rust file as the gate sees it.
pub(crate) struct Source<'a> {
    pub(crate) lexed: Lexed<'a>,
    /// Whether the token of the same index is compiled for tests only.
    pub(crate) in_test: Vec<bool>,
    /// `#[cfg(test)] mod name;`: the names.
    pub(crate) test_modules: Vec<&'a str>,
}

/// What a citation says it stands above.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Code,
    Test,
}

/// One `//=` line with the lines that belong to it.
#[derive(Debug)]
pub(crate) struct Citation<'a> {
    pub(crate) line: usize,
    /// What follows `//= `.
    pub(crate) target: &'a str,
    pub(crate) role: Role,
    /// A `//=` line under the citation that is not `type=test`.
    pub(crate) unknown: Option<(usize, &'a str)>,
    /// The white space before the slashes.
    pub(crate) indent: &'a str,
    /// The lines of the quotation; empty, and where it belongs, if there is none.
    pub(crate) quote_lines: Range<usize>,
    pub(crate) quote: Vec<&'a str>,
    /// Does the citation stand above code?
    pub(crate) above_code: bool,
    /// Is that code compiled for tests only?
    pub(crate) in_test: bool,
    /// Does it stand beside a doc comment that holds an example? Those are run as tests.
    pub(crate) at_example: bool,
}

/// The citations of a file, and the lines that look like a part of one and are not.
#[derive(Default)]
pub(crate) struct Citations<'a> {
    pub(crate) found: Vec<Citation<'a>>,
    pub(crate) stray: Vec<usize>,
}

impl<'a> Source<'a> {
    pub(crate) fn read(text: &'a str) -> Self {
        let lexed = lex(text);
        let (in_test, test_modules) = test_code(&lexed.tokens);
        Source { lexed, in_test, test_modules }
    }

    pub(crate) fn citations(&self) -> Citations<'a> {
        let mut citations = Citations::default();
        let mut comments =
            self.lexed.comments.iter().filter(|comment| comment.indent.is_some()).peekable();
        while let Some(comment) = comments.next() {
            let Some(target) = meta(comment) else {
                if quoted(comment).is_some() {
                    citations.stray.push(comment.line);
                }
                continue;
            };
            if target.contains('=') {
                citations.stray.push(comment.line);
                continue;
            }
            let mut citation = self.citation(comment, target);
            let mut line = comment.line + 1;
            while let Some(next) = comments.peek().filter(|next| next.line == line) {
                match (meta(next), quoted(next)) {
                    (Some("type=test"), _) if citation.quote.is_empty() => {
                        citation.role = Role::Test;
                    }
                    (Some(key), _) if key.contains('=') => {
                        citation.unknown = citation.unknown.or(Some((line, key)));
                    }
                    (_, Some(words)) => citation.quote.push(words),
                    _ => break,
                }
                comments.next();
                line += 1;
            }
            citation.quote_lines = line - citation.quote.len()..line;
            citations.found.push(citation);
        }
        citations
    }

    fn citation(&self, comment: &Comment<'a>, target: &'a str) -> Citation<'a> {
        let next = self.lexed.tokens.iter().position(|token| token.line > comment.line);
        let closes = |at: usize| ["}", ")", "]"].iter().any(|text| self.lexed.tokens[at].is(text));
        Citation {
            line: comment.line,
            target,
            role: Role::Code,
            unknown: None,
            indent: comment.indent.unwrap_or_default(),
            quote_lines: 0..0,
            quote: Vec::new(),
            above_code: next.is_some_and(|at| !closes(at)),
            in_test: next.is_some_and(|at| self.in_test[at]),
            at_example: self.at_example(comment.line),
        }
    }

    /// Does the run of comments and attributes around `line` hold a fenced example?
    fn at_example(&self, line: usize) -> bool {
        let comments = &self.lexed.comments;
        let Some(here) = comments.iter().position(|comment| comment.line == line) else {
            return false;
        };
        let beside = |pair: &[Comment<'_>]| pair[1].line <= pair[0].line + 1;
        let above = comments[..=here].windows(2).rev().take_while(|pair| beside(pair)).count();
        let below = comments[here..].windows(2).take_while(|pair| beside(pair)).count();
        comments[here - above..=here + below]
            .iter()
            .any(|comment| comment.is_doc() && comment.text[1..].trim().starts_with("```"))
    }
}

/// What follows `//=`.
fn meta<'a>(comment: &Comment<'a>) -> Option<&'a str> {
    comment.text.strip_prefix('=').map(str::trim)
}

/// What follows `//#`. Commented-out attributes are not meant.
fn quoted<'a>(comment: &Comment<'a>) -> Option<&'a str> {
    let words = comment.text.strip_prefix('#')?;
    (words.is_empty() || words.starts_with(' ')).then_some(words.trim())
}

/// For each token whether it is compiled for tests only, and the modules that are.
fn test_code<'a>(tokens: &[Token<'a>]) -> (Vec<bool>, Vec<&'a str>) {
    let mut in_test = vec![false; tokens.len()];
    let mut modules = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let Some(attribute) = attribute(tokens, at) else {
            at += 1;
            continue;
        };
        if !only_for_tests(&tokens[attribute.words.clone()]) {
            at = attribute.words.end + 1;
            continue;
        }
        let end = if attribute.inner {
            enclosing_end(tokens, at)
        } else {
            let item = after_attributes(tokens, at).min(tokens.len());
            let keyword = (item..tokens.len()).find(|&i| tokens[i].is("mod") || ends(&tokens[i]));
            if let Some(name) = keyword.filter(|&i| tokens[i].is("mod"))
                && let [name, semicolon, ..] = &tokens[name + 1..]
                && semicolon.is(";")
            {
                modules.push(name.text);
            }
            item_end(tokens, item)
        };
        in_test[at..end].fill(true);
        at = end.max(at + 1);
    }
    (in_test, modules)
}

fn ends(token: &Token<'_>) -> bool {
    token.is("{") || token.is(";")
}

/// `#[words]` or, inner, `#![words]`.
pub(crate) struct Attribute {
    pub(crate) inner: bool,
    /// The indices of the tokens between the brackets.
    pub(crate) words: Range<usize>,
}

/// The attribute that starts at the token `at`.
pub(crate) fn attribute(tokens: &[Token<'_>], at: usize) -> Option<Attribute> {
    tokens.get(at).filter(|token| token.is("#"))?;
    let inner = tokens.get(at + 1)?.is("!");
    let open = at + 1 + usize::from(inner);
    tokens.get(open).filter(|token| token.is("["))?;
    Some(Attribute { inner, words: open + 1..closing(tokens, open) })
}

/// The index of the bracket that closes the one at `open`, or the end of the text.
pub(crate) fn closing(tokens: &[Token<'_>], open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open).filter(|it| it.1.kind == Kind::Punct) {
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    tokens.len()
}

/// Is an item with this attribute compiled for tests only?
pub(crate) fn only_for_tests(attribute: &[Token<'_>]) -> bool {
    match attribute {
        [name] => name.is("test"),
        [name, open, predicate @ .., _] if name.is("cfg") && open.is("(") => needs_test(predicate),
        _ => false,
    }
}

/// Does the `cfg` predicate hold in test builds only?
fn needs_test(predicate: &[Token<'_>]) -> bool {
    match predicate {
        [name] => name.is("test"),
        [name, open, arguments @ .., _] if open.is("(") => {
            let mut parts = split(arguments).into_iter();
            (name.is("all") && parts.clone().any(needs_test))
                || (name.is("any") && parts.len() > 0 && parts.all(needs_test))
        }
        _ => false,
    }
}

/// `tokens` at its commas, except those within brackets.
fn split<'t, 'a>(tokens: &'t [Token<'a>]) -> Vec<&'t [Token<'a>]> {
    let (mut parts, mut start, mut at) = (Vec::new(), 0, 0);
    while at < tokens.len() {
        if tokens[at].is("(") {
            at = closing(tokens, at);
        } else if tokens[at].is(",") {
            parts.push(&tokens[start..at]);
            start = at + 1;
        }
        at += 1;
    }
    if start < tokens.len() {
        parts.push(&tokens[start..]);
    }
    parts
}

fn after_attributes(tokens: &[Token<'_>], mut at: usize) -> usize {
    while let Some(attribute) = attribute(tokens, at) {
        at = attribute.words.end + 1;
    }
    at
}

/// One past the last token of the item, statement, field or arm that starts at `start`.
fn item_end(tokens: &[Token<'_>], start: usize) -> usize {
    // A field ends at a comma. An item does not: those of its generics are not in brackets.
    const FIRST: [&str; 15] = [
        "mod",
        "fn",
        "use",
        "struct",
        "enum",
        "union",
        "impl",
        "trait",
        "const",
        "static",
        "type",
        "macro_rules",
        "async",
        "extern",
        "let",
    ];
    // Far enough for `pub(in a::b) const fn`.
    let mut start_of_it = tokens[start..].iter().take(12).take_while(|token| !token.is(":"));
    let item = start_of_it.any(|token| FIRST.iter().any(|word| token.is(word)));
    let mut at = start;
    while at < tokens.len() {
        match tokens[at].text {
            "{" => return (closing(tokens, at) + 1).min(tokens.len()),
            "(" | "[" => at = closing(tokens, at),
            ";" => return at + 1,
            "," if !item => return at + 1,
            ")" | "]" | "}" => return at,
            _ => {}
        }
        at += 1;
    }
    tokens.len()
}

/// The index of the bracket that closes the block around `at`, or the end of the text.
fn enclosing_end(tokens: &[Token<'_>], at: usize) -> usize {
    let mut at = at;
    while at < tokens.len() {
        match tokens[at].text {
            "(" | "[" | "{" => at = closing(tokens, at),
            ")" | "]" | "}" => return at,
            _ => {}
        }
        at += 1;
    }
    tokens.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_citations_that_follow_each_other() {
        let text = "\
fn a() {
    //= SPEC.md#w-1
    //# It MUST wake
    //# the loop.
    //= SPEC.md#w-2
    //= type=test
    //# It MUST NOT.
    // More.
    b();
    //= SPEC.md#w-3
    c();
}
";
        let source = Source::read(text);
        let citations = source.citations();
        assert!(citations.stray.is_empty());
        let [one, two, three] = &citations.found[..] else { panic!("{:?}", citations.found) };
        assert_eq!((one.line, one.target, one.role.clone()), (2, "SPEC.md#w-1", Role::Code));
        assert_eq!((&one.quote[..], one.indent), (&["It MUST wake", "the loop."][..], "    "));
        assert_eq!(one.quote_lines, 3..5);
        assert_eq!((two.line, two.role.clone(), two.quote_lines.clone()), (5, Role::Test, 7..8));
        assert_eq!((three.quote.len(), three.quote_lines.clone()), (0, 11..11));
        assert!(citations.found.iter().all(|citation| citation.above_code && !citation.in_test));
    }

    #[test]
    fn strings_doc_comments_and_trailing_comments_cite_nothing() {
        let text = "\
const A: &str = \"
//= SPEC.md#w-1
\";
/// //= SPEC.md#w-1
///= SPEC.md#w-1
fn a() {} //= SPEC.md#w-1
//#[test]
fn b() {}
";
        let source = Source::read(text);
        let citations = source.citations();
        assert!(citations.found.is_empty() && citations.stray.is_empty());
    }

    #[test]
    fn parts_of_a_citation_without_one_are_stray() {
        let source = Source::read("//# It MUST.\nfn a() {}\n//= type=test\nfn b() {}\n");
        assert_eq!(source.citations().stray, [1, 3]);
        let source = Source::read("//= SPEC.md#w-1\n\n//# It MUST.\nfn a() {}\n");
        assert_eq!(source.citations().stray, [3]);
    }

    #[test]
    fn an_unknown_key_is_kept() {
        let text = "//= SPEC.md#w-1\n//= type=todo\n//# It MUST.\nfn a() {}\n";
        let source = Source::read(text);
        assert_eq!(source.citations().found[0].unknown, Some((2, "type=todo")));
        let text = "//= SPEC.md#w-1\n//# It MUST.\n//= type=test\nfn a() {}\n";
        let source = Source::read(text);
        assert_eq!(source.citations().found[0].unknown, Some((3, "type=test")));
    }

    #[test]
    fn a_citation_above_nothing_is_seen() {
        for text in ["//= SPEC.md#w-1\n", "fn a() {\n//= SPEC.md#w-1\n\n}\n"] {
            let source = Source::read(text);
            assert!(!source.citations().found[0].above_code, "{text}");
        }
    }

    #[test]
    fn examples_in_doc_comments_are_seen() {
        let yes = "/// Doc.\n/// ```compile_fail\n/// x\n/// ```\n//= SPEC.md#w-1\nfn a() {}\n";
        let no = "/// ```\n/// ```\nfn b() {}\n\n//= SPEC.md#w-1\n/// Doc.\nfn a() {}\n";
        assert!(Source::read(yes).citations().found[0].at_example);
        assert!(!Source::read(no).citations().found[0].at_example);
    }

    /// The identifiers of `text` that are compiled for tests only and are single letters.
    fn tested(text: &str) -> String {
        let source = Source::read(text);
        let tokens = source.lexed.tokens.iter().zip(&source.in_test);
        tokens
            .filter(|it| *it.1 && it.0.text.len() == 1 && it.0.kind == Kind::Ident)
            .map(|it| it.0.text)
            .collect()
    }

    #[test]
    fn test_code_is_what_cfg_test_covers() {
        assert_eq!(tested("fn a() {} #[cfg(test)] mod b { fn c() {} } fn d() {}"), "bc");
        assert_eq!(
            tested("#[cfg(all(test, not(loom)))] #[allow()] fn b<c, d>() { e } fn f() {}"),
            "bcde"
        );
        assert_eq!(tested("#[cfg(any(test, x))] fn a() {} #[cfg(not(test))] fn b() {}"), "");
        assert_eq!(tested("#[cfg(any(test, all(test, unix)))] fn a() {}"), "a");
        assert_eq!(tested("#[test] #[should_panic] fn a() {} fn b() {}"), "a");
        assert_eq!(tested("struct A { #[cfg(test)] a: [u8; 2], b: u8 }"), "a");
        assert_eq!(tested("struct A { b: u8, #[cfg(test)] pub(crate) a: u8 } fn c() {}"), "a");
        assert_eq!(tested("mod x { #![cfg(test)] fn a() {} } fn b() {}"), "a");
        assert_eq!(tested("#![cfg(test)] fn a() {} fn b() {}"), "ab");
        assert_eq!(tested("#[cfg(test)] use a::{b, c}; fn d() {}"), "abc");
        assert_eq!(tested("#[cfg(test)] const A: [u8; 2] = b; fn c() {}"), "Ab");
        assert_eq!(tested("#[cfg_attr(test, x)] fn a() {} #[allow(test)] fn b() {}"), "");
        assert_eq!(tested("#[cfg(feature = \"test\")] fn a() {}"), "");
    }

    #[test]
    fn test_modules_in_files_of_their_own_are_named() {
        for text in ["#[cfg(test)] fn a() {} mod b;", "#[cfg(test)] use a; mod b;"] {
            assert!(Source::read(text).test_modules.is_empty(), "{text}");
        }
        let text = "#[cfg(test)]\nmod tests;\n#[cfg(test)]\npub(crate) mod kit;\nmod real;\n";
        assert_eq!(Source::read(text).test_modules, ["tests", "kit"]);
    }
}
