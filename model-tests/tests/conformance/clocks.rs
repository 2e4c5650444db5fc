//! What a machine that is late may do to a verdict, and what only the driver knows to be lacking.

use std::collections::BTreeSet;

use loopgate_model_tests::conformance::{
    Failure, Identity, Judgement, Logs, Profile, Request, Runtime, Suite, Vector,
};
use loopgate_model_tests::spec::Program;
use loopgate_model_tests::spec::program::Op;

/// Answers as it is told to, run by run; then always as the last time.
struct Told {
    answers: Vec<Result<&'static str, Failure>>,
    runs: usize,
}

impl Runtime for Told {
    fn identity(&mut self) -> Result<Identity, Failure> {
        Ok(Identity { runtime: "told".into(), version: "1".into() })
    }

    fn run(&mut self, _: Request<'_>) -> Result<Logs, Failure> {
        let answer = self.answers[self.runs.min(self.answers.len() - 1)].clone();
        self.runs += 1;
        answer.map(|word| vec![vec![word.to_owned()]])
    }
}

const RIGHT: Result<&str, Failure> = Ok("ok");
const WRONG: Result<&str, Failure> = Ok("mark 1");

fn vector(ops: Vec<Op>) -> Vector {
    Vector {
        name: "vector".into(),
        clauses: vec!["D-1".into()],
        about: "Something.".into(),
        program: Program::of("vector", vec![ops]),
        allowed: BTreeSet::from([vec![vec!["ok".to_owned()]]]),
    }
}

fn timed() -> Vector {
    vector(vec![Op::NewLoop(0), Op::Busy { on: 0, units: 3 }])
}

fn untimed() -> Vector {
    vector(vec![Op::NewLoop(0)])
}

/// The verdict, in a word, and how often the program was run.
fn judged(
    profile: &str,
    vector: Vector,
    answers: &[Result<&'static str, Failure>],
) -> (&'static str, usize) {
    let text = format!("name = \"told\"\ncommand = [\"told\"]\n{profile}");
    let profile = Profile::parse(&text).unwrap();
    let mut told = Told { answers: answers.to_vec(), runs: 0 };
    let report = Suite::default().run(&mut told, &profile, &[Ok(vector)], |_| {}).unwrap();
    let word = match report.verdicts[0].judgement {
        Judgement::Passed { .. } => "passed",
        Judgement::Deviates { .. } => "deviates",
        Judgement::NotApplicable { .. } => "not applicable",
        Judgement::Failed { kind, .. } => kind,
    };
    (word, told.runs)
}

const REAL: &str = "clock = \"real\"\n";

#[test]
fn on_a_real_clock_who_is_late_once_is_not_wrong() {
    // Two rounds, the first of which needs a second attempt.
    assert_eq!(judged(REAL, timed(), &[WRONG, RIGHT]), ("passed", 3));
    // Or a fifth.
    let late = [WRONG, WRONG, WRONG, WRONG, RIGHT];
    assert_eq!(judged(REAL, timed(), &late), ("passed", 6));
    // Late in each round.
    assert_eq!(judged(REAL, timed(), &[WRONG, RIGHT, WRONG, RIGHT]), ("passed", 4));
}

#[test]
fn on_a_real_clock_who_is_always_wrong_is_wrong() {
    assert_eq!(judged(REAL, timed(), &[WRONG]), ("not allowed", 5));
    // In another way each time, and in a later round.
    let wrong = [RIGHT, WRONG, Ok("mark 2"), WRONG, Ok("mark 3"), WRONG, RIGHT];
    assert_eq!(judged(REAL, timed(), &wrong), ("not allowed", 6));
}

#[test]
fn there_is_no_second_attempt_without_a_clock_that_can_be_late() {
    for clock in ["", "clock = \"virtual\"\n"] {
        assert_eq!(judged(clock, timed(), &[WRONG, RIGHT]), ("not allowed", 1));
    }
    assert_eq!(judged(REAL, untimed(), &[WRONG, RIGHT]), ("not allowed", 1));
}

#[test]
fn lateness_excuses_an_outcome_and_nothing_else() {
    let failures = [
        ("error", Failure::Error("no".into())),
        ("hung", Failure::Hung(std::time::Duration::ZERO)),
        ("lied", Failure::Lied("no".into())),
    ];
    for (kind, failure) in failures {
        assert_eq!(judged(REAL, timed(), &[Err(failure), RIGHT]), (kind, 1));
    }
}

fn deviation(shows: &str) -> String {
    let reason = "reason = \"on purpose\"\n";
    format!("[[deviation]]\nvectors = [\"vector\"]\nshows = \"{shows}\"\n{reason}")
}

#[test]
fn a_declared_deviation_needs_to_show_once() {
    let outcome = format!("{REAL}{}", deviation("outcome"));
    assert_eq!(judged(&outcome, timed(), &[RIGHT, WRONG, RIGHT]), ("deviates", 2));
    assert_eq!(judged(&outcome, timed(), &[RIGHT]), ("deviates no more", 2));
    // Another one than the declared one is as if none were.
    let hang = format!("{REAL}{}", deviation("hang"));
    assert_eq!(judged(&hang, timed(), &[WRONG, RIGHT]), ("deviates no more", 3));
    assert_eq!(judged(&hang, timed(), &[WRONG]), ("not allowed", 5));
}

#[test]
fn a_deviation_may_show_in_either_way() {
    let hang = Err(Failure::Hung(std::time::Duration::ZERO));
    for answer in [WRONG, hang] {
        assert_eq!(judged(&deviation("either"), untimed(), &[RIGHT, answer]), ("deviates", 2));
    }
    let error = Err(Failure::Error("no".into()));
    assert_eq!(judged(&deviation("either"), untimed(), &[error]), ("error", 1));
    assert_eq!(judged(&deviation("either"), untimed(), &[RIGHT]), ("deviates no more", 2));
}

#[test]
fn what_the_driver_cannot_do_does_not_apply_if_the_profile_says_so() {
    let cannot = Err(Failure::Unsupported("busy_twice".into()));
    let lacks = "[lacks]\nbusy_twice = \"once is enough\"\n";
    assert_eq!(judged(lacks, timed(), std::slice::from_ref(&cannot)), ("not applicable", 1));
    assert_eq!(judged("", timed(), std::slice::from_ref(&cannot)), ("unsupported", 1));
    // It cannot deviate as well.
    let both = format!("{lacks}{}", deviation("outcome"));
    assert_eq!(judged(&both, timed(), &[cannot]), ("unsupported", 1));
}
