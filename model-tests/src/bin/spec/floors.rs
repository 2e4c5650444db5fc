//! What the layout of the kernel promises, and what no crate of the workspace may contain.
//!
//! The kernel's files stand on floors and import from their own floor or from below. Test code is
//! exempt: a test may use the face. Doc comments are no imports.

use std::collections::HashSet;

use crate::lex::Token;
use crate::scan::{Source, attribute, closing};
use crate::{Finding, Tree};

/// The folder whose files stand on floors.
pub(crate) const KERNEL: &str = "kernel/src/";

/// The folder that alone may ask which side of the switch is built.
const SWITCH: &str = "kernel/src/primitives/";

/// The cfgs that only the switch may ask for.
const EXPLORERS: [&str; 2] = ["loom", "shuttle"];

/// The kernel's modules, from the bottom up. A new file gets its place here.
const FLOORS: [&[&str]; 6] = [
    &["primitives"],
    &[
        "ready_queue",
        "wakeup",
        "timers",
        "handle",
        "concurrent",
        "future",
        "exception",
        "awaiting",
        "releases",
        "strip",
        "table",
    ],
    &["core", "waker", "chain", "executor"],
    &["submit", "task", "scope"],
    &["event_loop", "loop_handle"],
    &["lib", "checkers"],
];

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|names| names.contains(&module))
}

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let sources: Vec<(&str, Source<'_>)> =
        tree.files.iter().map(|(path, text)| (&**path, Source::read(text))).collect();
    let tests = test_files(&sources);
    for (path, source) in &sources {
        unfinished(path, source, &mut findings);
        if path.starts_with(KERNEL) {
            no_unsafe(path, source, &mut findings);
            if !tests.iter().any(|test| path.starts_with(&**test)) {
                one_switch(path, source, &mut findings);
                imports(path, source, &mut findings);
            }
        }
    }
    findings
}

/// The beginnings of the paths of kernel files that are test modules: `a/tests.rs`, `a/tests/`.
pub(crate) fn test_files(sources: &[(&str, Source<'_>)]) -> HashSet<String> {
    let mut files = HashSet::new();
    for (path, source) in sources {
        let stem = path.strip_suffix(".rs").unwrap_or(path);
        let folder = match stem.rsplit_once('/') {
            Some((folder, "lib" | "main" | "mod")) => folder,
            _ => stem,
        };
        for module in &source.test_modules {
            files.insert(format!("{folder}/{module}.rs"));
            files.insert(format!("{folder}/{module}/"));
        }
    }
    files
}

/// Tests that do not run, and code that is not there.
fn unfinished(path: &str, source: &Source<'_>, findings: &mut Vec<Finding>) {
    let tokens = &source.lexed.tokens;
    for (at, token) in tokens.iter().enumerate() {
        if let Some(attribute) = attribute(tokens, at) {
            let words = &tokens[attribute.words];
            let conditional = words.first().is_some_and(|word| word.is("cfg_attr"));
            let names = if conditional { words } else { &words[..words.len().min(1)] };
            if names.iter().any(|word| word.is("ignore")) {
                let advice = "make the test run, or remove it";
                findings.push(Finding::new(path, token.line, "a test that is ignored", advice));
            }
        }
        let called = tokens.get(at + 1).is_some_and(|next| next.is("!"));
        if called && ["todo", "unimplemented"].iter().any(|name| token.is(name)) {
            let wrong = format!("`{}!`", token.text);
            findings.push(Finding::new(path, token.line, wrong, "write the code"));
        }
    }
    for comment in source.lexed.comments.iter().filter(|comment| comment.is_doc()) {
        let fence = comment.text[1..].trim().strip_prefix("```").unwrap_or_default();
        if fence.split([',', ' ']).any(|word| word.starts_with("ignore")) {
            let advice = "make the example run; mark what is no Rust as `text`";
            let wrong = "an example that is ignored";
            findings.push(Finding::new(path, comment.line, wrong, advice));
        }
    }
}

fn no_unsafe(path: &str, source: &Source<'_>, findings: &mut Vec<Finding>) {
    for token in source.lexed.tokens.iter().filter(|token| token.is("unsafe")) {
        let advice = "use a well-kept crate that has done it, below the switch";
        findings.push(Finding::new(path, token.line, "`unsafe` in the kernel", advice));
    }
}

fn one_switch(path: &str, source: &Source<'_>, findings: &mut Vec<Finding>) {
    if path.starts_with(SWITCH) {
        return;
    }
    let tokens = &source.lexed.tokens;
    for (at, token) in tokens.iter().enumerate().filter(|it| !source.in_test[it.0]) {
        // `cfg(` of an attribute, `cfg_attr(`, and `cfg!(`.
        let open = at + 1 + usize::from(tokens.get(at + 1).is_some_and(|next| next.is("!")));
        let asks = (token.is("cfg") || token.is("cfg_attr"))
            && tokens.get(open).is_some_and(|next| next.is("("));
        if !asks {
            continue;
        }
        let words = &tokens[open..closing(tokens, open)];
        for explorer in EXPLORERS.iter().filter(|name| words.iter().any(|word| word.is(name))) {
            let advice = format!("give all sides of {SWITCH} the same name for what differs");
            let what = format!("`cfg({explorer})` above the switch");
            findings.push(Finding::new(path, token.line, what, advice));
        }
    }
}

fn imports(path: &str, source: &Source<'_>, findings: &mut Vec<Finding>) {
    let file = path.strip_prefix(KERNEL).unwrap_or(path).trim_end_matches(".rs");
    let mut module: Vec<&str> = file.split('/').collect();
    let own = module[0];
    let Some(here) = floor(own) else {
        let advice = "give it its place in FLOORS, model-tests/src/bin/spec/floors.rs";
        findings.push(Finding::new(path, 1, format!("{own} stands on no floor"), advice));
        return;
    };
    if matches!(module.last(), Some(&("mod" | "lib"))) {
        module.pop();
    }
    for (line, target) in references(source, &module) {
        // What is no module is a name that the face gives to users.
        let there = floor(target).unwrap_or(FLOORS.len() - 1);
        if there > here {
            let wrong = format!(
                "{own} (floor {here}) imports {} (floor {there}): imports point down only",
                if target == "lib" { "the crate's root" } else { target },
            );
            let advice = "move what both need to the lower floor, or hand it in as an argument; \
                          names of the face are imported from the module that defines them";
            findings.push(Finding::new(path, line, wrong, advice));
        }
    }
}

/// The first name after the crate's root, for each path from there that non-test code mentions.
fn references<'a>(source: &Source<'a>, module: &[&'a str]) -> Vec<(usize, &'a str)> {
    let tokens = &source.lexed.tokens;
    let mut walk = Walk { tokens, found: Vec::new() };
    // The modules around a token: the file's, then those within it, with the end of each.
    let mut inner: Vec<(&str, usize)> = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        while inner.last().is_some_and(|it| it.1 <= at) {
            inner.pop();
        }
        if tokens[at].is("mod") && tokens.get(at + 2).is_some_and(|token| token.is("{")) {
            inner.push((tokens[at + 1].text, closing(tokens, at + 2)));
        }
        let path = tokens.get(at + 1).is_some_and(|token| token.is("::"));
        let start = tokens[at].is("crate") || tokens[at].is("super");
        if !path || !start || source.in_test[at] {
            at += 1;
            continue;
        }
        let mut base = Vec::new();
        if tokens[at].is("super") {
            base.extend(module.iter().copied().chain(inner.iter().map(|it| it.0)));
            base.pop();
        }
        at = walk.tree(at + 2, base);
    }
    walk.found
}

struct Walk<'t, 'a> {
    tokens: &'t [Token<'a>],
    found: Vec<(usize, &'a str)>,
}

impl<'a> Walk<'_, 'a> {
    /// Reads the path or the `{...}` at `at`, within the module `base`. Returns where to go on.
    fn tree(&mut self, at: usize, mut base: Vec<&'a str>) -> usize {
        let Some(&token) = self.tokens.get(at) else { return at };
        if token.is("{") {
            let end = closing(self.tokens, at);
            let mut next = at + 1;
            while next < end {
                next = self.tree(next, base.clone());
                // Past `as name` and the rest of a path, to the next of the list.
                while next < end && !self.tokens[next].is(",") {
                    let group = self.tokens[next].is("{");
                    next = if group { closing(self.tokens, next) } else { next + 1 };
                }
                next += 1;
            }
            return end;
        }
        if token.is("super") {
            base.pop();
            if self.tokens.get(at + 1).is_some_and(|next| next.is("::")) {
                return self.tree(at + 2, base);
            }
        } else if !token.is("self") && !token.is("*") {
            base.push(token.text);
        }
        self.found.push((token.line, base.first().copied().unwrap_or("lib")));
        at + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let files = files.iter().map(|it| (it.0.to_owned(), it.1.to_owned())).collect();
        let findings = check(&Tree { spec: String::new(), files });
        findings.iter().map(|f| format!("{}:{} {}", f.path, f.line, f.wrong)).collect()
    }

    /// What the file `name` of the kernel is found to import from above, without the explanation.
    fn upward(name: &str, text: &str) -> Vec<String> {
        let path = format!("kernel/src/{name}");
        let all = found(&[(&path, text)]);
        all.iter()
            .map(|one| one.split(" imports ").nth(1).unwrap_or(one).to_owned())
            .map(|one| one.split(" (floor").next().unwrap_or_default().to_owned())
            .collect()
    }

    #[test]
    fn imports_may_point_down_and_sideways() {
        let text = "use crate::{primitives::{Arc, Mutex}, handle::Handle as H, core};\n\
                    pub(crate) fn a() { crate::timers::b(); super::chain::c(); self::d(); }";
        assert_eq!(upward("core.rs", text), [] as [&str; 0]);
        assert_eq!(
            upward("lib.rs", "use crate::event_loop::EventLoop; pub use task::Task;"),
            [""; 0]
        );
    }

    #[test]
    fn finds_each_way_to_point_up() {
        assert_eq!(upward("core.rs", "use crate::task::Task;"), ["task"]);
        assert_eq!(
            upward("core.rs", "use crate::{handle::{A, B}, task::{C}, scope};"),
            ["task", "scope"]
        );
        assert_eq!(upward("core.rs", "fn a(b: &crate::scope::B) {}"), ["scope"]);
        assert_eq!(upward("core.rs", "use super::loop_handle::A;"), ["loop_handle"]);
        assert_eq!(upward("core/mod.rs", "use super::task::A;"), ["task"]);
        assert_eq!(upward("core/a.rs", "use super::super::task::A; use super::b::C;"), ["task"]);
        assert_eq!(upward("core/a.rs", "use super::{super::{task}, b};"), ["task"]);
        assert_eq!(upward("core.rs", "mod a { use super::super::task; use super::b; }"), ["task"]);
        assert_eq!(upward("core.rs", "macro_rules! a { () => { $crate::task::b() } }"), ["task"]);
        assert_eq!(upward("core.rs", "use self::super::task::A;"), ["task"]);
        assert_eq!(
            upward("core.rs", "mod a { use super::super::b; } use super::scope;"),
            ["b", "scope"]
        );
        assert_eq!(upward("core.rs", "use crate::Task;"), ["Task"]);
        assert_eq!(upward("core.rs", "use crate::*; use super::*;"), ["the crate's root"; 2]);
        assert_eq!(upward("primitives/real/a.rs", "use crate::handle::A;"), ["handle"]);
    }

    #[test]
    fn says_which_floors_are_meant() {
        assert_eq!(
            found(&[("kernel/src/core.rs", "\nuse crate::Task;\nuse crate::*;")]),
            [
                "kernel/src/core.rs:2 core (floor 2) imports Task (floor 5): imports point down only",
                "kernel/src/core.rs:3 core (floor 2) imports the crate's root (floor 5): imports \
                 point down only",
            ]
        );
    }

    #[test]
    fn tests_docs_and_strings_import_nothing() {
        let text = "//! [`Task`](crate::Task)\n/// [crate::task::Task]\nfn a() { \"crate::task::A\"; }\n\
                    #[cfg(test)] mod tests { use crate::task::A; use super::super::scope; }\n\
                    #[cfg(test)] mod far;\n";
        let far = ("kernel/src/core/far.rs", "use crate::event_loop::A; #[cfg(loom)] fn a() {}");
        assert_eq!(found(&[("kernel/src/core.rs", text), far]), [""; 0]);
        assert_eq!(found(&[("kernel/src/core/mod.rs", text), far]), [""; 0]);
        assert_eq!(found(&[("kernel/src/chain.rs", text), far]).len(), 2);
    }

    #[test]
    fn finds_a_file_without_a_floor() {
        assert_eq!(
            found(&[("kernel/src/extra.rs", "")]),
            ["kernel/src/extra.rs:1 extra stands on no floor"]
        );
    }

    #[test]
    fn finds_the_switch_above_the_switch() {
        let texts = [
            "#[cfg(loom)] fn a() {}",
            "#![cfg_attr(not(loom), allow(b))]",
            "fn a() { if cfg!(loom) {} }",
            "#[cfg(any(test, loom))] fn a() {}",
        ];
        for text in texts {
            let all = found(&[("kernel/src/core.rs", text)]);
            assert_eq!(all, ["kernel/src/core.rs:1 `cfg(loom)` above the switch"], "{text}");
            assert_eq!(found(&[("kernel/src/primitives/mod.rs", text)]), [""; 0]);
            assert_eq!(found(&[("kernel/tests/a.rs", text)]), [""; 0]);
        }
        let both = found(&[("kernel/src/core.rs", "#[cfg(any(loom, shuttle))] fn a() {}")]);
        assert_eq!(
            both,
            ["loom", "shuttle"]
                .map(|name| format!("kernel/src/core.rs:1 `cfg({name})` above the switch"))
        );
        let tests = "#[cfg(all(test, not(loom)))] mod tests { #[cfg(loom)] fn a() {} }";
        assert_eq!(found(&[("kernel/src/core.rs", tests)]), [""; 0]);
    }

    #[test]
    fn finds_unsafe_in_the_kernel_and_in_its_tests() {
        let text = "#![forbid(unsafe_code)]\n// unsafe\n#[cfg(test)] mod a { unsafe fn b() {} }";
        assert_eq!(
            found(&[("kernel/src/core.rs", text)]),
            ["kernel/src/core.rs:3 `unsafe` in the kernel"]
        );
        assert_eq!(found(&[("fuzz/fuzz_targets/a.rs", text)]), [""; 0]);
    }

    #[test]
    fn finds_what_is_not_finished_in_every_crate() {
        let ignored = [
            "#[test] #[ignore] fn a() {}",
            "#[ignore = \"slow\"] fn a() {}",
            "#[cfg_attr(x, ignore)] fn a() {}",
        ];
        for text in ignored {
            assert_eq!(
                found(&[("benches/a.rs", text)]),
                ["benches/a.rs:1 a test that is ignored"],
                "{text}"
            );
        }
        assert_eq!(found(&[("fuzz/a.rs", "fn a() { todo!() }")]), ["fuzz/a.rs:1 `todo!`"]);
        assert_eq!(
            found(&[("model-tests/src/a.rs", "fn a() { unimplemented!(\"x\") }")]),
            ["model-tests/src/a.rs:1 `unimplemented!`"]
        );
        for fence in ["```ignore", "```rust,ignore", "```ignore-windows"] {
            let text = format!("/// {fence}\n/// ```\nfn a() {{}}");
            assert_eq!(
                found(&[("benches/a.rs", &text)]),
                ["benches/a.rs:1 an example that is ignored"]
            );
        }
        let clean =
            "/// ```no_run\n/// ```\n#[allow(x, reason = \"ignore\")] fn ignore() { todo(); }";
        assert_eq!(found(&[("benches/a.rs", clean)]), [""; 0]);
    }
}
