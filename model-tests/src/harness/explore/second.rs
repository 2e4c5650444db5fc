//! Explores one variant with shuttle: every order of steps and every answer, by [`turns`](crate::harness::explore::turns).
//!
//! The claims are those of the first exploration: each listed outcome comes up, and no other. So if both
//! explorers agree with the list they agree with each other, and if they do not, it is known which of
//! them saw what. Where a model is small enough it is also explored without any reduction.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use loopgate::checkers::model::{
    Assignment, Environment, answers_were_cut, execute, most_threads, prepare_open,
};
use shuttle::scheduler::{PctScheduler, RandomScheduler, Schedule, Scheduler, Task, TaskId};
use shuttle::{Config, FailurePersistence, MaxSteps, Runner};

use crate::harness::explore::child::Found;
use crate::harness::explore::execution::{Tally, begin, check_claims, execution, lock};
use crate::harness::explore::turns::{AbleOnly, Choice, Tree};
use crate::harness::model::Variant;

/// Far more steps than any model has, so that only an endless loop reaches it.
const MOST_STEPS: usize = 200_000;

/// For the deepest stack of a debug build.
const STACK: usize = 0x80_000;

/// More executions than this are not waited for, and the model then fails: it is to be made smaller.
const MOST_EXECUTIONS: u64 = 10_000_000;

/// Executions without reduction, in which a model that is small comes to its end.
const MOST_PLAIN_EXECUTIONS: u64 = 20_000;

/// Where the draws begin: fixed, so that a failure comes again.
const SEED: u64 = 0x6c6f_6f70;

/// How many times the second kind of draw changes its priorities.
const PREEMPTIONS: usize = 3;

/// Explores a variant completely; an error says what is missing.
///
/// An execution that goes wrong panics: the hook in `failure` reports it and ends the process.
pub(crate) fn explore(variant: Variant, keep_shortest: bool) -> Result<Found, String> {
    let tally = Arc::new(Mutex::new(Tally::new(keep_shortest)));
    if variant.model.drawn > 0 {
        draw(variant, &tally);
        return hand_over(variant, &tally);
    }
    let tree = walk(variant, Tree::default(), MOST_EXECUTIONS, &tally);
    if !tree.is_done() {
        let executions = lock(&tally).executions;
        return Err(format!("not finished after {executions} executions"));
    }
    check_reduction(variant, &tally)?;
    hand_over(variant, &tally)
}

fn hand_over(variant: Variant, tally: &Mutex<Tally>) -> Result<Found, String> {
    let mut found =
        Found { threads: most_threads(), choices_cut: answers_were_cut(), ..Found::default() };
    lock(tally).hand_over(&mut found);
    check_claims(variant, &found)?;
    Ok(found)
}

fn walk(variant: Variant, tree: Tree, most: u64, tally: &Arc<Mutex<Tally>>) -> Tree {
    let tree = Rc::new(RefCell::new(tree));
    run(variant, Walk { tree: Rc::clone(&tree), left: most, wanted: None }, tally);
    tree.take()
}

/// Without its reduction, as far as that ends, the walk sees the very same histories.
fn check_reduction(variant: Variant, reduced: &Mutex<Tally>) -> Result<(), String> {
    let plain = Arc::new(Mutex::new(Tally::default()));
    let tree = walk(variant, Tree::plain(), MOST_PLAIN_EXECUTIONS, &plain);
    let (plain, reduced) = (lock(&plain), lock(reduced));
    let missed = plain.histories.difference(&reduced.histories).count();
    if missed > 0 {
        return Err(format!("the reduction misses {missed} histories that the plain walk sees"));
    }
    if tree.is_done() && plain.histories != reduced.histories {
        return Err("the plain walk misses histories that the reduction sees".into());
    }
    Ok(())
}

/// Draws interleavings, half of them by each of two schedulers: for what is too large to be explored.
fn draw(variant: Variant, tally: &Arc<Mutex<Tally>>) {
    let each = variant.model.drawn / 2;
    run(variant, AbleOnly(RandomScheduler::new_from_seed(SEED, each)), tally);
    run(variant, AbleOnly(PctScheduler::new_from_seed(SEED, PREEMPTIONS, each)), tally);
}

fn run(variant: Variant, scheduler: impl Scheduler + 'static, tally: &Arc<Mutex<Tally>>) {
    prepare_open(variant.environment(), variant.choices());
    begin(&Assignment::default());
    let tally = Arc::clone(tally);
    Runner::new(scheduler, config()).run(move || execution(variant, &tally));
}

/// Everything that may come of a body, over all its interleavings, and how many of those there were.
///
/// For bodies that are no models: nobody replays them, and nothing is recorded.
pub(crate) fn every_outcome<O: Ord + Send + 'static>(
    environment: Environment,
    body: impl Fn() -> O + Send + Sync + 'static,
) -> Result<(BTreeSet<O>, u64), String> {
    prepare_open(environment, usize::MAX);
    let tree = Rc::new(RefCell::new(Tree::default()));
    let walk = Walk { tree: Rc::clone(&tree), left: MOST_EXECUTIONS, wanted: None };
    let found = Arc::new(Mutex::new((BTreeSet::new(), 0)));
    let seen = Arc::clone(&found);
    let explored = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        Runner::new(walk, config()).run(move || {
            let outcome = execute(&body);
            let mut found = seen.lock().unwrap_or_else(PoisonError::into_inner);
            found.0.insert(outcome);
            found.1 += 1;
        });
    }));
    if let Err(payload) = explored {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
        return Err(text.unwrap_or("it panicked").to_owned());
    }
    if !tree.borrow().is_done() {
        return Err(format!("not finished after {MOST_EXECUTIONS} executions"));
    }
    let found = std::mem::take(&mut *found.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(found)
}

fn config() -> Config {
    let mut config = Config::new();
    config.stack_size = STACK;
    config.failure_persistence = FailurePersistence::None;
    config.max_steps = MaxSteps::FailAfter(MOST_STEPS);
    config.silence_warnings = true;
    config
}

/// Explores again up to an execution that failed, and writes what was chosen in it.
pub(crate) fn locate(
    variant: Variant,
    _answers: &str,
    execution: u64,
    schedule: &Path,
) -> Result<Found, String> {
    if variant.model.drawn > 0 {
        return Err("it was drawn; the same draws come again, but not by themselves".into());
    }
    let wanted = Some(schedule.to_owned());
    let walk = Walk { tree: Rc::default(), left: execution, wanted };
    run(variant, walk, &Arc::default());
    Err("it did not fail again: it does not depend on the interleaving alone".into())
}

/// Runs the one execution of a schedule that `locate` wrote.
pub(crate) fn replay(variant: Variant, _answers: &str, schedule: &Path) -> Result<Found, String> {
    let text = fs::read_to_string(schedule).map_err(|error| error.to_string())?;
    let choices: Vec<Choice> = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let tree = Rc::new(RefCell::new(Tree::of(choices)));
    run(variant, Walk { tree, left: 1, wanted: None }, &Arc::default());
    Err("the execution holds".into())
}

/// The tree, which is looked at afterwards, and a limit.
#[derive(Debug)]
struct Walk {
    tree: Rc<RefCell<Tree>>,
    left: u64,
    /// The last execution's choices are to be written here before it runs.
    wanted: Option<PathBuf>,
}

impl Scheduler for Walk {
    fn new_execution(&mut self) -> Option<Schedule> {
        self.left = self.left.checked_sub(1)?;
        let schedule = self.tree.borrow_mut().new_execution()?;
        if let Some(file) = self.wanted.as_ref().filter(|_| self.left == 0) {
            let choices = serde_json::to_string(&self.tree.borrow().choices());
            // Who reads it says so if it is not there.
            let _ = fs::write(file, choices.unwrap_or_default());
        }
        Some(schedule)
    }

    fn next_task(
        &mut self,
        tasks: &[&Task],
        current: Option<TaskId>,
        yields: bool,
    ) -> Option<TaskId> {
        self.tree.borrow_mut().next_task(tasks, current, yields)
    }

    fn next_u64(&mut self) -> u64 {
        self.tree.borrow_mut().next_u64()
    }
}
