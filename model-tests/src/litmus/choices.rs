//! The answers to what loom cannot decide: all of them, each once, whatever the threads do.

use std::collections::BTreeSet;
use std::sync::{Mutex as StdMutex, PoisonError};

use loopgate::checkers::model::{Arc, Cures, Environment, Mutex, choose};

use crate::harness::{Change, Control, Model, Outcome, join, start};

const NUMBERED_THROUGH: Environment =
    Environment { cures: Cures { questions_by_thread: false, ..Cures::ALL }, ..Environment::USUAL };

pub(super) static MODELS: &[Model] = &[
    Model {
        name: "litmus_answers_once_each",
        clauses: &["P-2"],
        question: "Is every answer to three questions explored, and none of them twice?",
        threads: 1,
        only_loom: true,
        outcomes: &["nnn", "nny", "nyn", "nyy", "ynn", "yny", "yyn", "yyy"],
        body: || three_questions(choose),
        controls: &[Control {
            name: "the last answer is always no",
            change: Change::Body(|| three_questions(|about| about != "third" && choose(about))),
            fails_with: "outcome never reached: nny",
        }],
        ..Model::LITMUS
    },
    Model {
        name: "litmus_answers_hide_no_order",
        clauses: &["P-2"],
        question: "Is each answer of one thread combined with each order of what the other does?",
        only_loom: true,
        outcomes: &[
            "m, then no",
            "m, then yes",
            "mo, then no",
            "mo, then yes",
            "om, then no",
            "om, then yes",
        ],
        body: ask_in_two_threads,
        controls: &[Control {
            name: "questions numbered through",
            change: Change::Environment(NUMBERED_THROUGH),
            fails_with: "outcome never reached: om, then yes",
        }],
        ..Model::LITMUS
    },
];

fn three_questions(ask: fn(&'static str) -> bool) -> Outcome {
    // Outlives the executions, which is the point; a single thread cannot be misled by it.
    static SEEN: StdMutex<BTreeSet<String>> = StdMutex::new(BTreeSet::new());
    let answers = ["first", "second", "third"].map(|about| if ask(about) { 'y' } else { 'n' });
    let answers = String::from_iter(answers);
    let new = SEEN.lock().unwrap_or_else(PoisonError::into_inner).insert(answers.clone());
    if new { answers.into() } else { format!("{answers} again").into() }
}

/// The other thread's question decides whether it takes part in the race; the main thread's question
/// comes after the race. In the order `om` the other thread asks first, else the main thread does.
fn ask_in_two_threads() -> Outcome {
    let order = Arc::new(Mutex::new(String::new()));
    let other = start("other", {
        let order = Arc::clone(&order);
        move || {
            if !choose("stay out of it") {
                order.lock().push('o');
            }
        }
    });
    order.lock().push('m');
    let answer = choose("say yes");
    join(other);
    let order = order.lock().clone();
    format!("{order}, then {}", if answer { "yes" } else { "no" }).into()
}
