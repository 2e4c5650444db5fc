//! As much of Rust's lexical grammar as the gate needs: tokens and comments, each with its line.
//!
//! A citation in a string is no citation, and `unsafe` in a comment is no code. That is all a lexer
//! is here for. Text that rustc would refuse gives some answer, never a panic.

/// What a file is made of. Both lists are in the order of the text.
pub(crate) struct Lexed<'a> {
    pub(crate) tokens: Vec<Token<'a>>,
    pub(crate) comments: Vec<Comment<'a>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Ident,
    /// One character, except `::`, which is one token.
    Punct,
    /// Strings, characters, numbers, lifetimes. Their text is kept, and never compared.
    Literal,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    pub(crate) text: &'a str,
    /// Counted from 1.
    pub(crate) line: usize,
}

impl Token<'_> {
    /// Is this the identifier or the punctuation `text`?
    pub(crate) fn is(&self, text: &str) -> bool {
        self.kind != Kind::Literal && self.text == text
    }
}

/// A line comment. Block comments are skipped: they carry no citations.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Comment<'a> {
    /// What follows the two slashes, without the end of the line.
    pub(crate) text: &'a str,
    /// Counted from 1.
    pub(crate) line: usize,
    /// The white space before the slashes, or `None` if code stands there.
    pub(crate) indent: Option<&'a str>,
}

impl Comment<'_> {
    pub(crate) fn is_doc(&self) -> bool {
        self.text.starts_with('!') || (self.text.starts_with('/') && !self.text.starts_with("//"))
    }
}

pub(crate) fn lex(source: &str) -> Lexed<'_> {
    let mut lexer =
        Lexer { source, at: 0, line: 1, out: Lexed { tokens: vec![], comments: vec![] } };
    while lexer.at < source.len() {
        lexer.step();
    }
    lexer.out
}

struct Lexer<'a> {
    source: &'a str,
    at: usize,
    line: usize,
    out: Lexed<'a>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.source[self.at..]
    }

    fn step(&mut self) {
        let rest = self.rest();
        let first = rest.chars().next().unwrap_or(' ');
        if first.is_whitespace() {
            self.skip(first.len_utf8());
        } else if rest.starts_with("//") {
            self.line_comment();
        } else if rest.starts_with("/*") {
            self.skip(block_comment(rest));
        } else if let Some(length) = string(rest) {
            self.token(Kind::Literal, length);
        } else if first == '\'' {
            self.token(Kind::Literal, quote(rest));
        } else if first.is_ascii_digit() {
            self.token(Kind::Literal, word(rest));
        } else if rest.starts_with("r#") && word(&rest[2..]) > 0 {
            self.token(Kind::Ident, 2 + word(&rest[2..]));
        } else if word(rest) > 0 {
            self.token(Kind::Ident, word(rest));
        } else {
            let length = if rest.starts_with("::") { 2 } else { first.len_utf8() };
            self.token(Kind::Punct, length);
        }
    }

    fn skip(&mut self, length: usize) {
        self.line += self.rest()[..length].matches('\n').count();
        self.at += length;
    }

    fn token(&mut self, kind: Kind, length: usize) {
        let text = &self.rest()[..length];
        self.out.tokens.push(Token { kind, text, line: self.line });
        self.skip(length);
    }

    fn line_comment(&mut self) {
        let rest = self.rest();
        let length = rest.find('\n').unwrap_or(rest.len());
        let start = self.source[..self.at].rfind('\n').map_or(0, |end| end + 1);
        let before = &self.source[start..self.at];
        self.out.comments.push(Comment {
            text: rest[2..length].trim_end_matches('\r'),
            line: self.line,
            indent: before.trim().is_empty().then_some(before),
        });
        self.skip(length);
    }
}

/// The length of the identifier or number that `text` starts with.
fn word(text: &str) -> usize {
    text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len())
}

/// The length of the block comment that `text` starts with. They nest.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(found) = text[at..].find(['/', '*']) {
        at += found;
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    text.len()
}

/// The length of the string that `text` starts with, of whichever of the six sorts.
fn string(text: &str) -> Option<usize> {
    let unprefixed = text.strip_prefix(['b', 'c']).unwrap_or(text);
    let prefix = text.len() - unprefixed.len();
    if let Some(body) = unprefixed.strip_prefix('"') {
        return Some(prefix + 1 + escaped(body, '"'));
    }
    let hashed = unprefixed.strip_prefix('r')?;
    let body = hashed.trim_start_matches('#');
    let hashes = &hashed[..hashed.len() - body.len()];
    let body = body.strip_prefix('"')?;
    let open = text.len() - body.len();
    let close = format!("\"{hashes}");
    Some(body.find(&close).map_or(text.len(), |end| open + end + close.len()))
}

/// The length of what comes before and including the first `end` that no backslash escapes.
fn escaped(text: &str, end: char) -> usize {
    let mut skip = false;
    for (at, c) in text.char_indices() {
        if !skip && c == end {
            return at + c.len_utf8();
        }
        skip = !skip && c == '\\';
    }
    text.len()
}

/// The length of the character or of the lifetime that `text` starts with.
fn quote(text: &str) -> usize {
    let mut after = text[1..].chars();
    match (after.next(), after.next()) {
        (Some('\\'), _) => 1 + escaped(&text[1..], '\''),
        (Some(c), Some('\'')) => 2 + c.len_utf8(),
        _ => 1 + word(&text[1..]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str) -> Vec<&str> {
        lex(source).tokens.iter().map(|token| token.text).collect()
    }

    #[test]
    fn tokens_and_their_lines() {
        let lexed = lex("fn a() {\n    b::c(1_0);\n}\n");
        let lines: Vec<usize> = lexed.tokens.iter().map(|token| token.line).collect();
        assert_eq!(
            texts("fn a() {\n    b::c(1_0);\n}\n"),
            ["fn", "a", "(", ")", "{", "b", "::", "c", "(", "1_0", ")", ";", "}"]
        );
        assert_eq!(lines, [1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 3]);
    }

    #[test]
    fn strings_of_every_sort_are_one_token() {
        for literal in [
            r#""a \" // b""#,
            "b\"x\"",
            "c\"x\"",
            "r\"x\\\"",
            "r#\"a \" unsafe\"#",
            "br##\"\"# \"##",
            "'x'",
            "'é'",
            r"'\''",
            r"b'\n'",
            "'\"'",
            "'\\\"'",
        ] {
            let source = format!("a {literal} z");
            let lexed = lex(&source);
            assert_eq!(lexed.tokens.last().unwrap().text, "z", "{literal}");
            assert!(!lexed.tokens.iter().any(|token| token.is("unsafe")), "{literal}");
            assert!(lexed.comments.is_empty(), "{literal}");
        }
    }

    #[test]
    fn lifetimes_and_raw_identifiers() {
        assert_eq!(texts("&'a r#type '_"), ["&", "'a", "r#type", "'_"]);
        assert_eq!(texts("'a: loop { break 'a }").len(), 7);
    }

    #[test]
    fn comments_know_their_line_and_what_stands_before_them() {
        let lexed =
            lex("a; // one\n  //= two\r\n/* /* // no */ // no */ b\n/// doc\n//! doc\n//// no");
        let seen: Vec<_> = lexed.comments.iter().map(|c| (c.line, c.text, c.indent)).collect();
        assert_eq!(seen[0], (1, " one", None));
        assert_eq!(seen[1], (2, "= two", Some("  ")));
        assert_eq!(seen[2], (4, "/ doc", Some("")));
        let docs: Vec<bool> = lexed.comments.iter().map(Comment::is_doc).collect();
        assert_eq!(docs, [false, false, true, true, false]);
        assert_eq!(lexed.tokens.iter().find(|t| t.text == "b").unwrap().line, 3);
    }

    #[test]
    fn unfinished_text_ends() {
        for source in ["\"abc", "r#\"abc", "/* abc", "'", "'\\", "b", "//", "é", "\u{feff}"] {
            lex(source);
        }
    }
}
