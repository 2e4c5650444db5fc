//! Questions that are no matter of who goes first, and their answers.
//!
//! The usual answer is always no. shuttle's scheduler explores both. loom cannot, so its answers are fixed
//! before it starts: an [`Assignment`] says where it is yes instead. The harness starts with the empty assignment, learns which questions some execution asked, and adds one assignment for
//! each that has not been settled. So each vector of answers is explored in exactly one assignment.
//!
//! A question is known by the thread that asks and by how many that thread asked before: both are the
//! same in every interleaving. Were the questions numbered through, then which thread gets which answer
//! would depend on their relative speed. loom does not see that dependence and would leave out orders
//! that matter; the litmus model of `Cures::questions_by_thread` shows it.

use std::fmt;
use std::panic::Location;
use std::str::FromStr;

use super::engine;
use super::roster::me;
use super::sync::Object;
use super::{trace, with};

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Does this wait time out, whatever else happens?
    Timeout,
    /// Does this wait return without a reason?
    Spurious,
    /// Is the waiter that waited longest passed over?
    PassOver,
    /// Does a signal interrupt?
    Interrupt,
    /// Is a byte left in the pipe?
    PartialDrain,
    /// Does the pipe break?
    EndOfFile,
    /// Does the write fail?
    FailedWrite,
    /// Does the byte vanish?
    LostByte,
    /// A model's own question.
    Model(&'static str),
}

impl Question {
    /// What a yes looks like in a report.
    fn outcome(self) -> &'static str {
        match self {
            Question::Timeout => "the timeout fires",
            Question::Spurious => "wakes for no reason",
            Question::PassOver => "passes over a waiter",
            Question::Interrupt => "is interrupted",
            Question::PartialDrain => "leaves a byte",
            Question::EndOfFile => "the pipe breaks",
            Question::FailedWrite => "the write fails",
            Question::LostByte => "the byte vanishes",
            Question::Model(text) => text,
        }
    }
}

/// Where a question is asked: by which thread, and after how many others of that thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The thread, by its descent: the same in every interleaving.
    pub(super) thread: u32,
    /// How many questions the thread had asked before.
    pub(super) nth: u32,
}

/// Where the answer is yes, and where it is settled that it is no. Elsewhere it is no so far.
#[derive(Clone, Debug, Default)]
pub struct Assignment {
    yes: Vec<Place>,
    no: Vec<Place>,
}

impl Assignment {
    /// In how many places the answer is not the usual one.
    #[must_use]
    pub fn departures(&self) -> usize {
        self.yes.len()
    }

    /// The assignments that cover every other answer to `asked`, none of them twice.
    ///
    /// The first yes among `asked` decides which one covers a vector of answers: the places before it
    /// are settled to no in that assignment, those after it are open.
    #[must_use]
    pub fn extensions(&self, asked: &[Place]) -> Vec<Assignment> {
        let extension = |(index, place): (usize, &Place)| {
            let mut extended = self.clone();
            extended.no.extend(&asked[..index]);
            extended.yes.push(*place);
            extended
        };
        asked.iter().enumerate().map(extension).collect()
    }

    fn settles(&self, place: &Place) -> bool {
        self.yes.contains(place) || self.no.contains(place)
    }
}

/// `yes 1.0 9.2 no 9.0`: each place as its thread's descent and its number.
impl fmt::Display for Assignment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = |f: &mut fmt::Formatter<'_>, places: &[Place]| {
            places.iter().try_for_each(|place| write!(f, " {}.{}", place.thread, place.nth))
        };
        f.write_str("yes")?;
        places(f, &self.yes)?;
        f.write_str(" no")?;
        places(f, &self.no)
    }
}

/// The text was not written by [`Assignment`]'s `Display`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAnAssignment;

impl FromStr for Assignment {
    type Err = NotAnAssignment;

    fn from_str(text: &str) -> Result<Assignment, NotAnAssignment> {
        let places = |text: &str| {
            let place = |word: &str| {
                let (thread, nth) = word.split_once('.')?;
                Some(Place { thread: thread.parse().ok()?, nth: nth.parse().ok()? })
            };
            text.split_whitespace().map(place).collect::<Option<Vec<_>>>()
        };
        let both = text.strip_prefix("yes").and_then(|rest| rest.split_once("no"));
        let (yes, no) = both.ok_or(NotAnAssignment)?;
        let (yes, no) = places(yes).zip(places(no)).ok_or(NotAnAssignment)?;
        Ok(Assignment { yes, no })
    }
}

/// The answers of this run, and what the run asked.
#[derive(Debug, Default)]
pub(super) struct Answers {
    assignment: Assignment,
    /// Asked in some execution of this run, in the order of first asking, and not settled.
    new: Vec<Place>,
    /// Yes was said in this execution; kept where that may be once only.
    granted: Vec<(usize, Question, Object)>,
    /// How many questions this execution asked; used by the litmus model that numbers them through.
    asked: u32,
    /// How many unusual answers an execution may have, if they are found while it runs.
    limit: usize,
    /// How many it has had.
    departures: usize,
    /// An answer had to be the usual one because of the limit.
    cut: bool,
}

impl Answers {
    pub(super) fn new(assignment: Assignment, limit: usize) -> Answers {
        Answers { assignment, limit, ..Answers::default() }
    }

    /// A new execution begins.
    pub(super) fn restart(&mut self) {
        self.granted.clear();
        self.asked = 0;
        self.departures = 0;
    }

    pub(super) fn new_places(&self) -> Vec<Place> {
        self.new.clone()
    }

    /// The answer that was fixed, for an explorer that needs them so.
    #[cfg_attr(shuttle, allow(dead_code, reason = "shuttle's scheduler answers"))]
    pub(super) fn assigned(&mut self, place: Place) -> bool {
        if !self.assignment.settles(&place) && !self.new.contains(&place) {
            self.new.push(place);
        }
        self.assignment.yes.contains(&place)
    }

    /// Whether the answer may be the unusual one, for an explorer that finds them while it goes.
    #[cfg_attr(loom, allow(dead_code, reason = "loom's answers are fixed before it starts"))]
    pub(super) fn departures_left(&mut self) -> bool {
        let left = self.departures < self.limit;
        self.cut |= !left;
        left
    }

    /// The answer is the unusual one.
    #[cfg_attr(loom, allow(dead_code, reason = "loom's answers are fixed before it starts"))]
    pub(super) fn depart(&mut self) {
        self.departures += 1;
    }

    /// Whether the limit ever kept an answer from being the unusual one.
    pub(super) fn was_cut(&self) -> bool {
        self.cut
    }
}

/// Asks a question of the model's own: explored with no and with yes.
///
/// For a model whose threads may go one way or another for no reason inside the model.
#[track_caller]
#[must_use]
pub fn choose(about: &'static str) -> bool {
    flip(Question::Model(about), Location::caller())
}

/// Asks; true is the unusual answer.
pub(super) fn flip(question: Question, at: &'static Location<'static>) -> bool {
    let me = me();
    let place = with(|run| {
        let place = if run.environment.cures.questions_by_thread {
            run.roster.next_question(me)
        } else {
            Place { thread: 0, nth: run.answers.asked }
        };
        run.answers.asked += 1;
        place
    });
    let yes = engine::answer(place);
    if yes {
        trace::record_answer(question.outcome(), at);
    }
    yes
}

/// Asks, unless this thread has had a yes to this question about this object.
pub(super) fn flip_once(
    question: Question,
    object: Object,
    at: &'static Location<'static>,
) -> bool {
    let grant = (me(), question, object);
    if with(|run| run.answers.granted.contains(&grant)) {
        return false;
    }
    let yes = flip(question, at);
    if yes {
        with(|run| run.answers.granted.push(grant));
    }
    yes
}
