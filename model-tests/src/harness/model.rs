//! What a model is, and how a control differs from it.

use std::borrow::Cow;

use loopgate::checkers::model::Environment;

use crate::harness::books::class::Class;
use crate::spec::Program;

/// One word or a few for what happened in an execution. No tab, no line break, no `=`.
pub type Outcome = Cow<'static, str>;

/// A scenario, all of whose interleavings are explored.
#[derive(Debug)]
pub struct Model {
    /// The clause and the scenario: `w2_post_races_sleep`.
    pub name: &'static str,
    /// The clauses that it checks.
    pub clauses: &'static [&'static str],
    /// What it asks, in one sentence.
    pub question: &'static str,
    /// How many threads it has, the main thread included. At most five.
    pub threads: usize,
    /// How many preemptions an execution may have in the quick class; `None` is any number, in every
    /// class.
    pub bound: Option<usize>,
    /// How many interleavings are drawn at random, where there are too many to explore: for shuttle and
    /// real threads alone. Zero means that all are explored.
    pub drawn: usize,
    /// Whether shuttle is not asked: it is about loom itself, or about weak memory, so that shuttle sees something
    /// else; or it has too many interleavings to be explored without a bound, which shuttle has not.
    pub only_loom: bool,
    /// In how many places of an execution the answer to a question may be the unusual one, in the quick
    /// class.
    pub choices: usize,
    /// What the world may do.
    pub environment: Environment,
    /// Whether the body also makes sense on real threads, where it is run many times as a stress test.
    pub native: bool,
    /// The scenario. Runs once per execution.
    pub body: fn() -> Outcome,
    /// What may come of it. Each must be reached; nothing else may happen.
    pub outcomes: &'static [&'static str],
    /// What the spec allows for the same scenario: exactly the same.
    pub spec: Spec,
    /// Runs after the body and all its values are gone: asserts that nothing is left over.
    pub at_end: fn(),
    /// Variants that must fail. At least one.
    pub controls: &'static [Control],
}

impl Model {
    /// What most models leave as it is. The empty fields must be filled in.
    pub const DEFAULTS: Model = Model {
        name: "",
        clauses: &[],
        question: "",
        threads: 2,
        bound: None,
        drawn: 0,
        only_loom: false,
        choices: 4,
        environment: Environment::USUAL,
        native: true,
        body: || Cow::Borrowed(""),
        outcomes: &[],
        spec: Spec::Missing,
        at_end: || (),
        controls: &[],
    };

    /// The same for what is about the explorers, of which the spec knows nothing.
    pub const LITMUS: Model = Model { spec: Spec::Explorers, ..Model::DEFAULTS };
}

/// What the executable spec says of a model's scenario.
#[derive(Clone, Copy, Debug)]
pub enum Spec {
    /// Nobody has asked it: a mistake.
    Missing,
    /// It has no say, for the model is about the explorers themselves.
    Explorers,
    /// What these programs may come to, in the model's words, is what the model lists.
    Allows {
        /// The scenario, operation by operation. Whatever the body asserts shows in its logs. There is one;
        /// two where the body goes on in different ways, which a program cannot.
        programs: &'static [fn() -> Program],
        /// The model's words, each with logs of a program that it stands for.
        words: &'static [Row],
        /// What the model tells that the logs do not: that is below the spec. Empty if there is nothing.
        beneath: &'static str,
    },
    /// All that the model tells is below the spec, and why.
    Below(&'static str),
}

impl Spec {
    /// Of these programs, whose logs tell all that the model tells.
    #[must_use]
    pub const fn allows(programs: &'static [fn() -> Program], words: &'static [Row]) -> Spec {
        Spec::Allows { programs, words, beneath: "" }
    }

    /// The same, but for what is below the spec.
    ///
    /// # Panics
    /// If it has no programs.
    #[must_use]
    pub const fn but_for(self, beneath: &'static str) -> Spec {
        match self {
            Spec::Allows { programs, words, .. } => Spec::Allows { programs, words, beneath },
            _ => panic!("there are no programs whose logs could leave something out"),
        }
    }
}

/// A model's word, and logs of the spec's program for which it stands.
///
/// Logs are written as an [`Outcome`](crate::spec::Outcome) is, and `..` stands for any words of one log:
/// `("ran", "..; true | mark 1; ok")`. A word can have several rows. Logs that several rows
/// match stand for the words of all of them; those of [`ELSEWHERE`] for none.
pub type Row = (&'static str, &'static str);

/// In place of a word: what comes of that is told by another of the programs.
pub const ELSEWHERE: &str = "";

/// A variant of a model that must fail. If it passes, the model would not have noticed either.
#[derive(Debug)]
pub struct Control {
    /// What is wrong in it.
    pub name: &'static str,
    /// How it differs from the model.
    pub change: Change,
    /// A piece of the message that it must fail with: a control that fails for another reason shows
    /// nothing.
    pub fails_with: &'static str,
}

/// How a control differs from its model.
#[derive(Debug)]
pub enum Change {
    /// The world does what the clause does not survive.
    Environment(Environment),
    /// The claim is wrong: this outcome, which does occur, is not allowed.
    Forbid(&'static str),
    /// The protocol is wrong.
    Body(fn() -> Outcome),
}

/// What is explored: a model, or one of its controls.
#[derive(Clone, Copy, Debug)]
pub(super) struct Variant {
    pub(super) model: &'static Model,
    pub(super) control: Option<&'static Control>,
    pub(super) class: Class,
}

impl Variant {
    /// How many preemptions an execution may have.
    pub(super) fn bound(self) -> Option<usize> {
        self.bounds().preemptions(self.model.bound)
    }

    /// How many answers of an execution may be unusual.
    pub(super) fn choices(self) -> usize {
        self.bounds().choices(self.model.choices)
    }

    /// A control shows that its model can fail, and once is enough for that.
    fn bounds(self) -> Class {
        if self.control.is_some() { Class::Quick } else { self.class }
    }

    /// Whether this is a control, and the message the one it must fail with.
    pub(super) fn fails_as_it_must(self, message: &str) -> bool {
        self.control.is_some_and(|control| message.contains(control.fails_with))
    }

    pub(super) fn environment(self) -> Environment {
        match self.control.map(|control| &control.change) {
            Some(Change::Environment(environment)) => *environment,
            _ => self.model.environment,
        }
    }

    pub(super) fn body(self) -> fn() -> Outcome {
        match self.control.map(|control| &control.change) {
            Some(Change::Body(body)) => *body,
            _ => self.model.body,
        }
    }

    pub(super) fn allows(self, outcome: &str) -> bool {
        let forbidden = match self.control.map(|control| &control.change) {
            Some(Change::Forbid(outcome)) => Some(*outcome),
            _ => None,
        };
        self.model.outcomes.contains(&outcome) && forbidden != Some(outcome)
    }

    /// The model's name, with the control's if it is one.
    pub(super) fn title(self) -> String {
        let name = self.model.name;
        self.control.map_or(name.into(), |control| format!("{name}, control: {}", control.name))
    }
}

/// What is wrong with the description of a model; empty if nothing is.
pub(super) fn mistakes(model: &Model) -> Vec<String> {
    let mut mistakes = Vec::new();
    let mut check = |fine: bool, mistake: &str| {
        if !fine {
            mistakes.push(format!("model `{}`: {mistake}", model.name));
        }
    };
    check(!model.name.is_empty(), "it has no name");
    check(!model.clauses.is_empty(), "it names no clause");
    check(!model.question.is_empty(), "it asks no question");
    check(!model.outcomes.is_empty(), "it allows no outcome, so it cannot pass");
    let most = if model.drawn == 0 { 5 } else { 16 };
    check((1..=most).contains(&model.threads), "loom has one to five threads, shuttle sixteen");
    check(!model.controls.is_empty(), "it has no control, so nobody knows whether it can fail");
    let forbids_known = |control: &Control| match control.change {
        Change::Forbid(outcome) => model.outcomes.contains(&outcome),
        _ => true,
    };
    check(
        model.controls.iter().all(forbids_known),
        "a control forbids an outcome it does not list",
    );
    let has_reason = |control: &Control| !control.fails_with.is_empty();
    check(model.controls.iter().all(has_reason), "a control fails for no particular reason");
    mistakes
}
