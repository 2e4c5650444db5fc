//! Whatever a driver does, each vector gets a verdict, and the run goes on.

use std::collections::BTreeSet;
use std::time::Duration;

use loopgate_model_tests::conformance::{
    Failure, Judgement, NoVector, Process, Profile, Report, Suite, Vector,
};
use loopgate_model_tests::spec::Program;
use loopgate_model_tests::spec::program::{Op, VERSION};

const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/conformance");

/// Long enough for an interpreter on a busy machine to answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// For those that never answer.
const NO_PATIENCE: Duration = Duration::from_millis(300);

fn vector(name: &str, number: u8) -> Vector {
    let threads = vec![vec![Op::Mark(number)]];
    Vector {
        name: name.into(),
        clauses: vec!["Q-1".into()],
        about: "A mark.".into(),
        program: Program { version: VERSION, name: name.into(), threads, ..Program::default() },
        allowed: BTreeSet::from([vec![vec![format!("mark {number}")]]]),
    }
}

fn vectors() -> Vec<Result<Vector, NoVector>> {
    vec![Ok(vector("first", 1)), Ok(vector("second", 2)), Ok(vector("third", 3))]
}

fn profile(more: &str) -> Profile {
    Profile::parse(&format!("name = \"bad\"\ncommand = [\"python3\"]\n{more}")).unwrap()
}

fn measure(
    how: &str,
    profile: &Profile,
    vectors: &[Result<Vector, NoVector>],
) -> Result<(Report, usize), Failure> {
    let command = ["python3", "-IS", "bad_driver.py", how].map(String::from).to_vec();
    let mut process = Process::new(command, HERE);
    let patience = if how.starts_with("hangs") { NO_PATIENCE } else { PATIENCE };
    let suite = Suite { rounds: 1, patience, patience_for_hangs: NO_PATIENCE, ..Suite::default() };
    let report = suite.run(&mut process, profile, vectors, |_| {})?;
    Ok((report, process.starts()))
}

/// The kinds of the verdicts, and what was said of the second.
fn judged(report: &Report) -> (Vec<&'static str>, String) {
    let kinds = report.verdicts.iter().map(|verdict| match &verdict.judgement {
        Judgement::Passed { .. } => "passed",
        Judgement::Deviates { .. } => "deviates",
        Judgement::NotApplicable { .. } => "not applicable",
        Judgement::Failed { kind, .. } => kind,
    });
    let why = match &report.verdicts[1].judgement {
        Judgement::Failed { why, .. } => why.clone(),
        _ => String::new(),
    };
    (kinds.collect(), why)
}

#[test]
fn a_driver_that_misbehaves_fails_that_vector_and_no_other() {
    // How it misbehaves, what that is, a piece of what is said, and how often it was started.
    let cases = [
        ("crashes", "crashed", "out of ideas", 2),
        ("aborts", "crashed", "signal", 2),
        ("exits", "crashed", "exit status: 0", 2),
        ("closes its output", "crashed", "only closed its output", 2),
        ("hangs", "hung", "no answer within 0.3 s", 2),
        ("hangs in a line", "hung", "no answer within 0.3 s", 2),
        ("prints", "garbage", "thinking ...", 2),
        ("prints no text", "garbage", "no message", 2),
        ("prints json", "garbage", "[1, 2]", 2),
        ("answers for another run", "lied", "was not asked of it", 2),
        ("answers twice", "lied", "answers twice", 1),
        ("answers twice, differently", "lied", "answers twice", 1),
        ("answers too much", "lied", "exactly one of", 2),
        ("answers nothing", "lied", "exactly one of", 2),
        ("has a log too many", "lied", "2 logs; the program has 1 threads", 2),
        ("has no lists", "lied", "wrong form", 2),
        ("has numbers", "lied", "wrong form", 2),
        ("has a field of its own", "lied", "unknown field `passed`", 2),
        ("has another outcome", "not allowed", "mark 7", 1),
        ("has no word", "not allowed", "ZeroDivisionError", 1),
        ("cannot", "unsupported", "cannot do `mark`", 1),
        ("fails", "error", "Traceback", 1),
    ];
    for (how, kind, piece, starts) in cases {
        let (report, started) = measure(how, &profile(""), &vectors()).unwrap();
        let (kinds, why) = judged(&report);
        assert_eq!(kinds, ["passed", kind, "passed"], "{how}");
        assert!(why.contains(piece), "{how}: {why}");
        assert_eq!(started, starts, "{how}");
        assert!(!report.holds(), "{how}");
    }
}

#[test]
fn what_is_said_after_the_last_answer_is_heard() {
    let good = [Ok(vector("first", 1)), Ok(vector("third", 3))];
    let (report, _) = measure("answers at the end", &profile(""), &good).unwrap();
    let (kinds, why) = judged(&report);
    assert_eq!(kinds, ["passed", "lied"]);
    assert!(why.contains("answers twice"), "{why}");
}

#[test]
fn a_driver_that_does_not_come_up_is_not_measured() {
    let cases = [
        ("is another runtime", "it is `other` and not `bad`"),
        ("speaks another protocol", "speaks protocol 7"),
        ("does not say who it is", "no message: hello"),
        ("dies at once", "no licence"),
    ];
    for (how, piece) in cases {
        let failure = measure(how, &profile(""), &vectors()).unwrap_err().to_string();
        assert!(failure.contains(piece), "{how}: {failure}");
    }
    let mut process = Process::new(vec!["./no-such-driver".into()], HERE);
    let failure = Suite::default().run(&mut process, &profile(""), &vectors(), |_| {}).unwrap_err();
    assert_eq!(failure.kind(), "not started");
}

fn deviation(vector: &str, shows: &str) -> Profile {
    profile(&format!(
        "[[deviation]]\nvectors = [\"{vector}\"]\nshows = \"{shows}\"\nreason = \"on purpose\"\n"
    ))
}

#[test]
fn a_deviation_has_to_be_declared_and_to_show() {
    let judged_with = |how: &str, profile: &Profile| {
        let (report, _) = measure(how, profile, &vectors()).unwrap();
        (judged(&report), report.holds())
    };
    let ((kinds, _), holds) = judged_with("has another outcome", &deviation("second", "outcome"));
    assert_eq!((kinds, holds), (vec!["passed", "deviates", "passed"], true));
    let ((kinds, _), holds) = judged_with("hangs", &deviation("second", "hang"));
    assert_eq!((kinds, holds), (vec!["passed", "deviates", "passed"], true));
    // Another one than the declared one.
    let ((kinds, _), holds) = judged_with("hangs", &deviation("second", "outcome"));
    assert_eq!((kinds, holds), (vec!["passed", "hung", "passed"], false));
    // A crash is never declared.
    let ((kinds, _), holds) = judged_with("crashes", &deviation("second", "outcome"));
    assert_eq!((kinds, holds), (vec!["passed", "crashed", "passed"], false));
    // One that is gone.
    let ((kinds, why), holds) = judged_with("answers twice", &deviation("first", "outcome"));
    assert_eq!((kinds, holds), (vec!["deviates no more", "lied", "passed"], false));
    assert!(why.contains("answers twice"), "{why}");
    // One of nothing.
    let ((kinds, _), holds) = judged_with("has another outcome", &deviation("fourth", "outcome"));
    assert_eq!(kinds, ["passed", "not allowed", "passed", "stale deviation"]);
    assert!(!holds);
}

#[test]
fn what_is_lacking_does_not_apply() {
    let (report, _) =
        measure("hangs", &profile("[lacks]\nmark = \"no marks\"\n"), &vectors()).unwrap();
    let (kinds, _) = judged(&report);
    assert_eq!(kinds, ["not applicable"; 3]);
}

#[test]
fn a_malformed_vector_fails_by_itself() {
    let bad = Err(NoVector { name: "second".into(), why: "expected a list".into() });
    let vectors = [Ok(vector("first", 1)), bad, Ok(vector("third", 3))];
    let (report, _) = measure("fails", &profile(""), &vectors).unwrap();
    let (kinds, why) = judged(&report);
    assert_eq!(kinds, ["passed", "malformed", "passed"]);
    assert!(why.contains("expected a list"), "{why}");
}

#[test]
fn the_reports_say_everything() {
    use loopgate_model_tests::conformance::report::{detail, page, table};
    let (report, _) = measure("has another outcome", &profile(""), &vectors()).unwrap();
    let table = table(&report);
    let all = table.lines().last().unwrap();
    assert_eq!(all.split_whitespace().collect::<Vec<_>>(), ["all", "2", "-", "-", "1"]);
    let detail = detail(&report.verdicts[1]);
    assert!(detail.contains("thread 0: {mark:2}") && detail.contains("mark 7"), "{detail}");
    let html = page(std::slice::from_ref(&report));
    assert!(html.contains("<code>second</code>") && html.contains("mark 7"), "{html}");
    assert!(!html.contains("http"), "the page loads nothing");
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["verdicts"][1]["verdict"], "failed");
    assert_eq!(json["verdicts"][1]["kind"], "not allowed");
    assert_eq!(json["identity"]["runtime"], "bad");
}
