//! The gate: what SPEC.md says against what the sources cite.
//!
//! A clause is covered when each of its MUST sentences is quoted by code in kernel/src and by a
//! test. A citation that is wrong gets a finding of its own and still counts: one mistake is not
//! reported twice.

use std::fmt;

use crate::floors::{KERNEL, check as check_floors, test_files};
use crate::parse::{Chapter, Clause, SPEC, Spec, binds, one_line, parse};
use crate::scan::{Citation, Role, Source};
use crate::{Finding, Tree};

/// The folders in which citations count.
const CITED: [&str; 6] = [
    KERNEL,
    "kernel/tests/",
    "kernel/examples/",
    "model-tests/src/",
    "model-tests/tests/",
    "fuzz/fuzz_targets/",
];

/// The folders whose tests are models: every interleaving of a scenario.
const MODELS: [&str; 2] = ["model-tests/src/models", "model-tests/src/litmus"];

/// The executable spec: its rules may cite their clause, and are neither code nor test.
const RULES: &str = "model-tests/src/spec/";

const RUN_FIX: &str = "run `cargo spec --fix`";

pub(crate) fn is_cited(path: &str) -> bool {
    CITED.iter().any(|folder| path.starts_with(folder))
}

/// What the gate has to say: the matrix and the findings.
pub(crate) struct Report {
    rows: Vec<Row>,
    chapters: usize,
    pub(crate) findings: Vec<Finding>,
}

/// One clause, and where it is kept and checked.
#[derive(Default)]
struct Row {
    id: String,
    by_types: bool,
    code: Vec<Place>,
    tests: Vec<Place>,
    models: Vec<Place>,
}

struct Place {
    path: String,
    line: usize,
    /// What is quoted there; all of the clause if that is wrong.
    quote: String,
}

/// How a citation stands to the clause that it names.
pub(crate) enum Standing<'s> {
    Right { clause: &'s Clause, quote: String },
    Missing(&'s Clause),
    Wrong { clause: &'s Clause, quote: String },
    Unknown,
}

pub(crate) fn standing<'s>(spec: &'s Spec, citation: &Citation<'_>) -> Standing<'s> {
    let anchor = citation.target.strip_prefix(SPEC).and_then(|rest| rest.strip_prefix('#'));
    let Some(clause) = anchor.and_then(|anchor| spec.clause(anchor)) else {
        return Standing::Unknown;
    };
    let quote = one_line(&citation.quote.join(" "));
    if quote.is_empty() {
        return Standing::Missing(clause);
    }
    let sentences = clause.sentences();
    let whole = (0..sentences.len())
        .flat_map(|from| (from..sentences.len()).map(move |to| (from, to)))
        .any(|(from, to)| sentences[from..=to].join(" ") == quote);
    if whole && binds(&quote) {
        Standing::Right { clause, quote }
    } else {
        Standing::Wrong { clause, quote }
    }
}

pub(crate) fn check(tree: &Tree) -> Report {
    let (spec, mut findings) = parse(&tree.spec);
    let row = |clause: &Clause| Row {
        id: clause.id.clone(),
        by_types: clause.by_types.is_some(),
        ..Row::default()
    };
    let mut rows: Vec<Row> = spec.clauses.iter().map(row).collect();
    let files = tree.files.iter().filter(|(path, _)| is_cited(path));
    let sources: Vec<(&str, Source<'_>)> =
        files.map(|(path, text)| (&**path, Source::read(text))).collect();
    let tests = test_files(&sources);
    for (path, source) in &sources {
        let test_file = tests.iter().any(|test| path.starts_with(&**test));
        let citations = source.citations();
        for line in citations.stray {
            let wrong = "a part of a citation without its first line";
            let advice = "write `//= SPEC.md#...` in the line above it, or remove it";
            findings.push(Finding::new(path, line, wrong, advice));
        }
        for mut citation in citations.found {
            citation.in_test |= test_file;
            cite(&spec, path, &citation, &mut rows, &mut findings);
        }
    }
    for (clause, row) in spec.clauses.iter().zip(&rows) {
        covered(clause, row, &mut findings);
    }
    findings.extend(spec.chapters.iter().filter_map(|chapter| has_file(tree, chapter)));
    findings.extend(check_floors(tree));
    findings.sort();
    findings.dedup();
    Report { rows, chapters: spec.chapters.len(), findings }
}

/// Judges one citation and enters it in its clause's row.
fn cite(
    spec: &Spec,
    path: &str,
    citation: &Citation<'_>,
    rows: &mut [Row],
    findings: &mut Vec<Finding>,
) {
    let line = citation.line;
    let mut find = |line, wrong: String, advice: &str| {
        findings.push(Finding::new(path, line, wrong, advice));
    };
    let (clause, quote) = match standing(spec, citation) {
        Standing::Right { clause, quote } => (clause, quote),
        Standing::Missing(clause) => {
            find(line, format!("the citation of {} quotes nothing", clause.id), RUN_FIX);
            (clause, clause.text.clone())
        }
        Standing::Wrong { clause, quote } => {
            let wrong = format!("the citation of {} is no sentence of it", clause.id);
            find(line, wrong + &difference(&clause.text, &quote), RUN_FIX);
            (clause, clause.text.clone())
        }
        Standing::Unknown => {
            let wrong = format!("no such clause: {}", citation.target);
            find(line, wrong, "name a clause of SPEC.md, as in `//= SPEC.md#w-2`");
            return;
        }
    };
    if let Some((line, key)) = citation.unknown {
        let advice = "only `type=test` is known, between the citation and its quotation";
        find(line, format!("not understood: {key}"), advice);
        return;
    }
    if !citation.above_code {
        let wrong = format!("the citation of {} stands above no code", clause.id);
        find(line, wrong, "move it above what keeps or checks the clause, or remove it");
    }
    let Some(row) = rows.iter_mut().find(|row| row.id == clause.id) else { return };
    let kernel = path.starts_with(KERNEL);
    let places = match citation.role {
        Role::Code if path.starts_with(RULES) => return,
        Role::Code if kernel && !citation.in_test => &mut row.code,
        Role::Code => {
            let wrong = format!("{} is cited as code where there is only test code", clause.id);
            find(line, wrong, "write `//= type=test` in the next line, or move it to kernel/src");
            return;
        }
        Role::Test if kernel && !citation.in_test && !citation.at_example => {
            let wrong = format!("{} is cited as test where there is no test", clause.id);
            find(
                line,
                wrong,
                "remove `//= type=test`, or move it to a test or a documented example",
            );
            return;
        }
        Role::Test if MODELS.iter().any(|folder| path.starts_with(folder)) => &mut row.models,
        Role::Test => &mut row.tests,
    };
    places.push(Place { path: path.to_owned(), line, quote });
}

/// Where two texts part and where they meet again.
fn difference(clause: &str, quote: &str) -> String {
    let (a, b): (Vec<&str>, Vec<&str>) = (clause.split(' ').collect(), quote.split(' ').collect());
    let same = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let rest = a.len().min(b.len()) - same;
    let again = a.iter().rev().zip(b.iter().rev()).take(rest).take_while(|(a, b)| a == b).count();
    let show = |words: &[&str]| {
        let from = same.saturating_sub(3);
        let end = words.len() - again;
        let to = (end + 3).min(words.len());
        let dots = |cut: bool| if cut { "... " } else { "" };
        let before = words[from..same].join(" ");
        let marked = format!("[{}]", words[same..end].join(" "));
        let after = words[end..to].join(" ");
        let middle = one_line(&format!("{before} {marked} {after}"));
        format!("{}{middle}{}", dots(from > 0), if to < words.len() { " ..." } else { "" })
    };
    format!("\n    clause: {}\n    quoted: {}", show(&a), show(&b))
}

/// Is each MUST sentence of the clause quoted by code and by a test?
fn covered(clause: &Clause, row: &Row, findings: &mut Vec<Finding>) {
    let tests = [&row.tests[..], &row.models[..]];
    let wanted = [
        ("code", &[&row.code[..]][..], false, "//= SPEC.md#", " in kernel/src"),
        ("test", &tests[..], row.by_types, "//= SPEC.md#", " and `//= type=test`"),
    ];
    for (what, places, waived, notation, more) in wanted {
        let quoted = |sentence: &str| places.iter().any(|it| cites(it, sentence));
        let sentences = clause.sentences();
        let left: Vec<&&str> = sentences.iter().filter(|it| binds(it) && !quoted(it)).collect();
        if left.is_empty() || waived {
            continue;
        }
        let wrong = if places.iter().all(|places| places.is_empty()) {
            format!("clause {} is cited by no {what}", clause.id)
        } else {
            format!("a sentence of clause {} is cited by no {what}: {}", clause.id, left[0])
        };
        let aim = if what == "code" { "what keeps it" } else { "what checks it" };
        let advice =
            format!("write `{notation}{}`{more} above {aim}, then {RUN_FIX}", clause.anchor());
        findings.push(Finding::new(SPEC, clause.line, wrong, advice));
    }
}

fn cites(places: &[Place], sentence: &str) -> bool {
    places.iter().any(|place| place.quote.contains(sentence))
}

/// A chapter is named after the file that keeps it.
fn has_file(tree: &Tree, chapter: &Chapter) -> Option<Finding> {
    let (file, folder) =
        (format!("{KERNEL}{}.rs", chapter.name), format!("{KERNEL}{}/", chapter.name));
    let found = tree.files.iter().any(|(path, _)| *path == file || path.starts_with(&folder));
    let wrong = format!("chapter {} has no file {file}", chapter.prefix);
    let advice = "name the chapter after the file, or write the file";
    (!found).then(|| Finding::new(SPEC, chapter.line, wrong, advice))
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code: Vec<String> = self.rows.iter().map(|row| code_places(&row.code)).collect();
        let width = code.iter().map(|cell| cell.chars().count()).chain([4]).max().unwrap_or(0);
        writeln!(f, "{:8}  {:width$}  {:>7}  {:>6}", "clause", "code", "tests", "models")?;
        for (row, code) in self.rows.iter().zip(&code) {
            let tests = match row.tests.len() {
                0 if row.by_types => "by type".to_owned(),
                count => count.to_string(),
            };
            writeln!(f, "{:8}  {code:width$}  {tests:>7}  {:>6}", row.id, row.models.len())?;
        }
        for finding in &self.findings {
            let Finding { path, line, wrong, advice } = finding;
            write!(f, "\n{path}:{line}: {wrong}\n    {advice}\n")?;
        }
        let sum = |count: fn(&Row) -> usize| self.rows.iter().map(count).sum::<usize>();
        let places =
            [sum(|row| row.code.len()), sum(|row| row.tests.len()), sum(|row| row.models.len())];
        write!(f, "\n{} clauses in {} chapters: ", self.rows.len(), self.chapters)?;
        write!(f, "{} code places, {} tests, {} models", places[0], places[1], places[2])?;
        writeln!(f, "; {} findings", self.findings.len())
    }
}

/// `wakeup.rs:12 core.rs:40 +2`
fn code_places(places: &[Place]) -> String {
    const SHOWN: usize = 3;
    let name = |place: &Place| {
        format!("{}:{}", place.path.strip_prefix(KERNEL).unwrap_or(&place.path), place.line)
    };
    let mut names: Vec<String> = places.iter().take(SHOWN).map(name).collect();
    if places.len() > SHOWN {
        names.push(format!("+{}", places.len() - SHOWN));
    }
    names.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHAPTER: &str = "## W wakeup\n\n### W-1\n\nA post MUST wake the loop.\n";
    const CODE: (&str, &str) = (
        "kernel/src/wakeup.rs",
        "//= SPEC.md#w-1\n//# A post MUST\n//# wake the loop.\nfn wake() {}\n",
    );
    const TEST: (&str, &str) = (
        "kernel/tests/wakeup.rs",
        "//= SPEC.md#w-1\n//= type=test\n//# A post MUST wake the loop.\n#[test]\nfn w1() {}\n",
    );

    fn run(spec: &str, files: &[(&str, &str)]) -> Report {
        let files = files.iter().map(|it| (it.0.to_owned(), it.1.to_owned())).collect();
        check(&Tree { spec: spec.to_owned(), files })
    }

    fn found(spec: &str, files: &[(&str, &str)]) -> Vec<String> {
        let findings = run(spec, files).findings;
        assert!(findings.iter().all(|finding| !finding.advice.is_empty() && finding.line > 0));
        findings.iter().map(|f| format!("{}:{} {}", f.path, f.line, f.wrong)).collect()
    }

    #[test]
    fn a_clause_that_is_cited_by_code_and_test_passes() {
        let report = run(CHAPTER, &[CODE, TEST]);
        assert_eq!(report.findings, []);
        let text = report.to_string();
        assert!(text.starts_with("clause    code         "), "{text}");
        assert!(text.contains("\nW-1       wakeup.rs:1        1       0\n"), "{text}");
        assert!(
            text.ends_with(
                "1 clauses in 1 chapters: 1 code places, 1 tests, 0 models; 0 findings\n"
            )
        );
    }

    #[test]
    fn the_matrix_shows_the_first_places() {
        let place = |line| Place { path: "kernel/src/a.rs".to_owned(), line, quote: String::new() };
        let places: Vec<Place> = (1..=5).map(place).collect();
        assert_eq!(code_places(&places[..3]), "a.rs:1 a.rs:2 a.rs:3");
        assert_eq!(code_places(&places), "a.rs:1 a.rs:2 a.rs:3 +2");
    }

    #[test]
    fn finds_a_clause_without_code_or_without_a_test() {
        assert_eq!(
            found(CHAPTER, &[("kernel/src/wakeup.rs", ""), TEST]),
            ["SPEC.md:3 clause W-1 is cited by no code"]
        );
        assert_eq!(found(CHAPTER, &[CODE]), ["SPEC.md:3 clause W-1 is cited by no test"]);
        let report = run(CHAPTER, &[("kernel/src/wakeup.rs", "")]);
        let advice: Vec<&str> = report.findings.iter().map(|finding| &*finding.advice).collect();
        assert!(
            advice[0].contains("`//= SPEC.md#w-1` in kernel/src above what keeps it"),
            "{advice:?}"
        );
        assert!(advice[1].contains("and `//= type=test` above what checks it"), "{advice:?}");
        assert!(report.to_string().contains("\nW-1                   0       0\n"), "{report}");
    }

    #[test]
    fn a_model_is_a_test_and_counted_apart() {
        for path in ["model-tests/src/models/wakeup.rs", "model-tests/src/litmus.rs"] {
            let report = run(CHAPTER, &[CODE, (path, TEST.1)]);
            assert_eq!(report.findings, []);
            assert!(report.to_string().contains("0 tests, 1 models"));
        }
    }

    #[test]
    fn the_type_system_replaces_a_test_and_not_the_code() {
        let spec = format!("{CHAPTER}\nChecked by the type system: private.\n");
        let report = run(&spec, &[CODE]);
        assert_eq!(report.findings, []);
        assert!(report.to_string().contains("by type"));
        assert_eq!(
            found(&spec, &[("kernel/src/wakeup.rs", "")]),
            ["SPEC.md:3 clause W-1 is cited by no code"]
        );
    }

    #[test]
    fn finds_a_citation_of_an_unknown_clause() {
        for target in ["SPEC.md#w-2", "SPEC.md#W-1", "OTHER.md#w-1", "w-1"] {
            let text = format!("//= {target}\n//# x\nfn a() {{}}\n");
            assert_eq!(
                found(CHAPTER, &[CODE, TEST, ("kernel/src/core.rs", &text)]),
                [format!("kernel/src/core.rs:1 no such clause: {target}")]
            );
        }
    }

    #[test]
    fn finds_a_citation_that_quotes_nothing() {
        let text = "//= SPEC.md#w-1\nfn a() {}\n";
        assert_eq!(
            found(CHAPTER, &[("kernel/src/wakeup.rs", text), TEST]),
            ["kernel/src/wakeup.rs:1 the citation of W-1 quotes nothing"]
        );
    }

    #[test]
    fn finds_a_wrong_quotation_and_shows_where() {
        let text = "//= SPEC.md#w-1\n//# A post MUST rouse the loop.\nfn a() {}\n";
        assert_eq!(
            found(CHAPTER, &[("kernel/src/wakeup.rs", text), TEST]),
            ["kernel/src/wakeup.rs:1 the citation of W-1 is no sentence of it\
              \n    clause: A post MUST [wake] the loop.\
              \n    quoted: A post MUST [rouse] the loop."]
        );
        for part in
            ["post MUST wake the loop.", "A post MUST wake", "A post MUST wake the loop. Or."]
        {
            let text = format!("//= SPEC.md#w-1\n//# {part}\nfn a() {{}}\n");
            let found = found(CHAPTER, &[("kernel/src/wakeup.rs", &text), TEST]);
            assert_eq!(found.len(), 1, "{part}: {found:?}");
        }
    }

    #[test]
    fn differences_are_cut_to_what_matters() {
        assert_eq!(
            difference("a b c d e f g h i", "a b c d X f g h i"),
            "\n    clause: ... b c d [e] f g h ...\n    quoted: ... b c d [X] f g h ..."
        );
        assert_eq!(difference("a b", "a"), "\n    clause: a [b]\n    quoted: a []");
        assert_eq!(difference("a a", "a a a"), "\n    clause: a a []\n    quoted: a a [a]");
    }

    #[test]
    fn each_must_sentence_needs_its_code_and_its_test() {
        let spec = "## W wakeup\n### W-1\nA MUST b. C MUST d. Fine.\n";
        let cite =
            |role: &str, quote: &str| format!("//= SPEC.md#w-1\n{role}//# {quote}\nfn a() {{}}\n");
        let (all, one) = (cite("", "A MUST b. C MUST d. Fine."), cite("", "A MUST b."));
        let test = cite("//= type=test\n", "A MUST b. C MUST d.");
        let files = |code: &str| {
            found(spec, &[("kernel/src/wakeup.rs", code), ("kernel/tests/a.rs", &test)])
        };
        assert_eq!(files(&all), [""; 0]);
        assert_eq!(
            files(&one),
            ["SPEC.md:2 a sentence of clause W-1 is cited by no code: C MUST d."]
        );
        assert_eq!(files(&(one + &cite("", "C MUST d."))), [""; 0]);
        assert!(files(&cite("", "Fine."))[0].contains("is no sentence of it"));
    }

    #[test]
    fn finds_a_citation_whose_role_is_not_what_its_place_is() {
        let extra = |path: &str, text: &str| found(CHAPTER, &[CODE, TEST, (path, text)]);
        let (code, test) = (CODE.1, TEST.1.replace("#[test]\n", ""));
        let as_code = "W-1 is cited as code where there is only test code";
        for path in [
            "kernel/tests/a.rs",
            "kernel/examples/a.rs",
            "model-tests/src/a.rs",
            "fuzz/fuzz_targets/a.rs",
        ] {
            assert_eq!(extra(path, code), [format!("{path}:1 {as_code}")]);
            assert_eq!(extra(path, &test), [""; 0]);
        }
        let within = |text: &str| format!("#[cfg(test)]\nmod tests {{\n{text}}}\n");
        assert_eq!(
            extra("kernel/src/core.rs", &within(code)),
            [format!("kernel/src/core.rs:3 {as_code}")]
        );
        assert_eq!(extra("kernel/src/core.rs", &within(&test)), [""; 0]);
        assert_eq!(
            extra("kernel/src/core.rs", &test),
            ["kernel/src/core.rs:1 W-1 is cited as test where there is no test"]
        );
        assert_eq!(extra("kernel/src/core.rs", TEST.1), [""; 0]);
        let example = format!("/// ```compile_fail\n/// x\n/// ```\n{test}");
        assert_eq!(extra("kernel/src/core.rs", &example), [""; 0]);
        assert_eq!(extra("model-tests/src/spec/wakeup.rs", code), [""; 0]);
        assert_eq!(extra("benches/a.rs", "//= SPEC.md#w-7\nfn a() {}\n"), [""; 0]);
    }

    #[test]
    fn a_rule_of_the_executable_spec_is_neither_code_nor_test() {
        let rule = ("model-tests/src/spec/wakeup.rs", CODE.1);
        assert_eq!(
            found(CHAPTER, &[("kernel/src/wakeup.rs", ""), TEST, rule]),
            ["SPEC.md:3 clause W-1 is cited by no code"]
        );
    }

    #[test]
    fn test_modules_in_files_of_their_own_are_test_code() {
        let parent = ("kernel/src/core.rs", "#[cfg(test)]\nmod tests;\n");
        let child = ("kernel/src/core/tests.rs", TEST.1.trim_end());
        assert_eq!(found(CHAPTER, &[CODE, parent, child]), [""; 0]);
    }

    #[test]
    fn finds_stray_parts_and_unknown_keys_and_citations_of_nothing() {
        let extra = |text: &str| found(CHAPTER, &[CODE, TEST, ("kernel/src/core.rs", text)]);
        assert_eq!(
            extra("//# x\nfn a() {}\n"),
            ["kernel/src/core.rs:1 a part of a citation without its first line"]
        );
        let todo = CODE.1.replacen('\n', "\n//= type=todo\n", 1);
        assert_eq!(extra(&todo), ["kernel/src/core.rs:2 not understood: type=todo"]);
        let nothing = CODE.1.replace("fn wake() {}\n", "");
        assert_eq!(
            extra(&nothing),
            ["kernel/src/core.rs:1 the citation of W-1 stands above no code"]
        );
    }

    #[test]
    fn finds_a_chapter_without_its_file() {
        let spec = format!("{CHAPTER}## P primitives\n");
        assert_eq!(
            found(&spec, &[CODE, TEST]),
            ["SPEC.md:6 chapter P has no file kernel/src/primitives.rs"]
        );
        assert_eq!(found(&spec, &[CODE, TEST, ("kernel/src/primitives/mod.rs", "")]), [""; 0]);
    }

    #[test]
    fn findings_of_the_spec_and_of_the_floors_are_reported() {
        let spec = format!("{CHAPTER}### W-1\nAgain it MUST.\n");
        let upward = ("kernel/src/core.rs", "use crate::task::A;\n");
        let found = found(&spec, &[CODE, TEST, upward]);
        assert!(found.iter().any(|one| one.contains("W-1 occurs twice")));
        assert!(found.iter().any(|one| one.contains("imports point down only")));
    }
}
