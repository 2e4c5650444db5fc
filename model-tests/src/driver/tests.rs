//! The kernel against the spec, in this process: programs drawn at random, in virtual time.
//!
//! `cargo conformance --differential` does the same with drivers, and many more of them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use loopgate::Clock;

use super::run;
use crate::conformance::differential::{Kind, program, smallest};
use crate::spec::{Program, outcomes_within};

/// What the two say, if they differ; `None` also if the program cannot be run.
fn difference(program: &Program) -> Option<String> {
    let allowed = outcomes_within(program, 1_000).ok()?.allowed;
    let own = Arc::new(program.clone());
    let outcome = catch_unwind(AssertUnwindSafe(|| run(&own, &Clock::virtual_time())));
    if outcome.as_ref().is_ok_and(|outcome| allowed.contains(outcome)) {
        return None;
    }
    let outcome = outcome.map_or("a panic".to_owned(), |outcome| outcome.to_string());
    let text = serde_json::to_string(program).expect("a program is data");
    let allowed: Vec<String> = allowed.iter().map(ToString::to_string).collect();
    Some(format!("of\n{text}\nthe kernel gives\n{outcome}\nand the spec\n{}", allowed.join("\n")))
}

#[test]
fn programs_of_one_thread_agree_with_the_spec() {
    let many = std::env::var("LOOPGATE_PROGRAMS").ok().and_then(|many| many.parse().ok());
    let many = many.unwrap_or(1_000);
    let mut compared = 0;
    for seed in 0..many {
        let (kind, program) = program(seed, 0);
        if kind == Kind::Threads {
            continue;
        }
        if difference(&program).is_some() {
            let small = smallest(program, &mut |other| difference(other).is_some());
            panic!("{}", difference(&small).expect("it was kept"));
        }
        compared += usize::from(outcomes_within(&program, 1_000).is_ok());
    }
    println!("{compared} of {many} programs compared");
    let few = usize::try_from(many).expect("few") / 2;
    assert!(compared > few, "only {compared} of {many} can be run");
}
