//! Every outcome of a program: a complete search of its states, each visited once.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

// A state is hashed as some hundred small numbers: the standard hasher takes most of a search.
use rustc_hash::FxHashMap;

use super::check::Malformed;
use super::program::Program;
use super::seeded::Seeded;
use super::system::{Action, Step, System};
use super::word::Outcome;

/// More states than this, and the search gives up.
pub const MAX_STATES: usize = 2_000_000;

/// What a program can come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcomes {
    /// Everything that its logs may hold.
    pub allowed: BTreeSet<Outcome>,
    /// How many states there were.
    pub states: usize,
    /// How many steps the longest shortest way to one of them takes.
    pub depth: usize,
}

/// Why a program has no outcomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoOutcomes {
    /// It cannot be run.
    Malformed(Malformed),
    /// In some interleaving nobody can go on, and it is not over: the way there, and what was logged.
    Stuck(Vec<Step>, Outcome),
    /// There are more than [`MAX_STATES`], or than were asked for.
    TooLarge,
}

impl From<Malformed> for NoOutcomes {
    fn from(malformed: Malformed) -> NoOutcomes {
        NoOutcomes::Malformed(malformed)
    }
}

impl fmt::Display for NoOutcomes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoOutcomes::Malformed(malformed) => malformed.fmt(f),
            NoOutcomes::TooLarge => f.write_str("the program has too many states; make it smaller"),
            NoOutcomes::Stuck(steps, outcome) => {
                writeln!(f, "nobody can go on; the logs are: {outcome}")?;
                steps.iter().try_for_each(|step| writeln!(f, "{step}"))
            }
        }
    }
}

impl std::error::Error for NoOutcomes {}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  thread {}: {}", self.action.thread, self.what)
    }
}

/// Every outcome that the spec allows for a program.
///
/// # Errors
/// [`NoOutcomes`].
pub fn outcomes(program: &Program) -> Result<Outcomes, NoOutcomes> {
    outcomes_with(program, None)
}

/// The same of a spec that makes a mistake.
///
/// # Errors
/// [`NoOutcomes`].
pub fn outcomes_with(program: &Program, seeded: Option<Seeded>) -> Result<Outcomes, NoOutcomes> {
    outcomes_of(System::with_mistake(program, seeded)?, MAX_STATES)
}

/// The same for who has no time: with more than so many states the program counts as too large.
///
/// # Errors
/// [`NoOutcomes`].
pub fn outcomes_within(program: &Program, most: usize) -> Result<Outcomes, NoOutcomes> {
    outcomes_of(System::new(program)?, most)
}

/// Everything that a system may come to, with at most so many states.
///
/// # Errors
/// [`NoOutcomes`].
pub fn outcomes_of(first: System, most: usize) -> Result<Outcomes, NoOutcomes> {
    if let Some(found) = straight(&first, most)? {
        return Ok(found);
    }
    let first = Arc::new(first);
    // How each state was reached first, and from which.
    let mut known: FxHashMap<Arc<System>, Option<(usize, Action)>> = FxHashMap::default();
    let mut order = vec![Arc::clone(&first)];
    let mut levels = vec![0];
    known.insert(first, None);
    let mut found = Outcomes { allowed: BTreeSet::new(), states: 0, depth: 0 };
    let mut next = 0;
    while next < order.len() {
        let state = Arc::clone(&order[next]);
        let level: usize = levels[next];
        found.depth = found.depth.max(level);
        let successors = state.successors()?;
        if successors.is_empty() {
            if !state.is_over() {
                let steps = way_to(&order, &known, next);
                return Err(NoOutcomes::Stuck(steps, state.outcome()));
            }
            found.allowed.insert(state.outcome());
        }
        for (action, successor) in successors {
            if known.contains_key(&successor) {
                continue;
            }
            if order.len() == most {
                return Err(NoOutcomes::TooLarge);
            }
            let successor = Arc::new(successor);
            known.insert(Arc::clone(&successor), Some((next, action)));
            order.push(successor);
            levels.push(level + 1);
        }
        next += 1;
    }
    found.states = order.len();
    Ok(found)
}

/// The same of a system in which there is never a choice, without remembering where it has been.
fn straight(first: &System, most: usize) -> Result<Option<Outcomes>, NoOutcomes> {
    // Longer than any program that ends.
    const LONGEST: usize = 10_000;
    let mut state = first.clone();
    for depth in 0..most.min(LONGEST) {
        let mut successors = state.successors()?;
        match successors.pop() {
            None if state.is_over() => {
                let allowed = BTreeSet::from([state.outcome()]);
                return Ok(Some(Outcomes { allowed, states: depth + 1, depth }));
            }
            Some((_, next)) if successors.is_empty() => state = next,
            _ => break,
        }
    }
    Ok(None)
}

/// The steps from the beginning to a state.
fn way_to(
    order: &[Arc<System>],
    known: &FxHashMap<Arc<System>, Option<(usize, Action)>>,
    to: usize,
) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut at = to;
    while let Some(Some((before, action))) = known.get(&order[at]) {
        steps.push(order[*before].describe(*action));
        at = *before;
    }
    steps.reverse();
    steps
}

/// Whether every execution of a program ends: its states, each reached from the one before, are no circle.
///
/// # Panics
/// If the program is malformed.
#[must_use]
pub fn always_ends(program: &Program) -> bool {
    let successors = |state: &System| {
        let all = state.successors().expect("the program is well-formed");
        all.into_iter().map(|(_, next)| Arc::new(next)).collect::<Vec<_>>()
    };
    let first = Arc::new(System::new(program).expect("the program is well-formed"));
    // Depth first: a state is open as long as what follows it is looked at.
    let mut open: FxHashMap<Arc<System>, bool> = FxHashMap::from_iter([(Arc::clone(&first), true)]);
    let mut way = vec![(Arc::clone(&first), successors(&first))];
    while let Some((state, rest)) = way.last_mut() {
        let Some(next) = rest.pop() else {
            open.insert(Arc::clone(state), false);
            way.pop();
            continue;
        };
        match open.get(&next) {
            Some(true) => return false,
            Some(false) => {}
            None => {
                open.insert(Arc::clone(&next), true);
                let rest = successors(&next);
                way.push((next, rest));
            }
        }
    }
    true
}
