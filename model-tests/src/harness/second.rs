//! Explores one variant a second time, by shuttle.
//!
//! Every order of steps and every answer is tried, by [`turns`](super::turns). The claims are those of the
//! first exploration: each listed outcome comes up, and no other. So if both explorers agree with the
//! list they agree with each other, and if they do not, it is known which of them saw what.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use loopgate::checkers::model::{answers_were_cut, most_threads, prepare_open};
use shuttle::scheduler::{PctScheduler, RandomScheduler, Schedule, Scheduler, Task, TaskId};
use shuttle::{Config, FailurePersistence, MaxSteps, Runner};

use super::child::Found;
use super::execution::{Tally, check_claims, execution, lock};
use super::model::Variant;
use super::turns::{AbleOnly, Tree};

/// Far more steps than any model has, so that only an endless loop reaches it.
const MOST_STEPS: usize = 200_000;

/// Executions without reduction, in which a model that is small comes to its end.
const MOST_PLAIN_EXECUTIONS: u64 = 20_000;

/// Where the draws begin: fixed, so that a failure comes again.
const SEED: u64 = 0x6c6f_6f70;

/// How many times the second kind of draw changes its priorities.
const PREEMPTIONS: usize = 3;

/// For the deepest stack of a debug build.
const STACK: usize = 0x80_000;

/// More executions than this are not waited for: the model is then not compared, and the report says so.
const MOST_EXECUTIONS: u64 = 3_000_000;

/// Explores a variant completely; an error says what is missing.
///
/// An execution that goes wrong panics: the hook in `failure` prints it and ends the process.
pub(super) fn explore(variant: Variant, keep_shortest: bool) -> Result<Found, String> {
    if variant.model.drawn > 0 {
        return draw(variant, SEED, keep_shortest);
    }
    let (tally, tree) = walk(variant, Tree::default(), MOST_EXECUTIONS, keep_shortest);
    let found = found(&tally, tree.repeated);
    if !tree.is_done() {
        return Err(format!("not finished after {} executions", found.executions));
    }
    check_claims(variant, &found)?;
    check_reduction(variant, &tally)?;
    Ok(found)
}

fn walk(variant: Variant, tree: Tree, most: u64, keep_shortest: bool) -> (Arc<Mutex<Tally>>, Tree) {
    let tree = Rc::new(RefCell::new(tree));
    let tally = Arc::new(Mutex::new(Tally::new(keep_shortest)));
    run(variant, Walk { tree: Rc::clone(&tree), left: most }, &tally);
    (tally, tree.take())
}

/// Without its reduction, as far as that ends, the walk sees the very same histories.
fn check_reduction(variant: Variant, reduced: &Mutex<Tally>) -> Result<(), String> {
    let (plain, tree) = walk(variant, Tree::plain(), MOST_PLAIN_EXECUTIONS, false);
    let (plain, reduced) = (lock(&plain), lock(reduced));
    let missed = plain.histories.difference(&reduced.histories).count();
    if missed > 0 {
        return Err(format!(
            "shuttle's reduction misses {missed} histories that the plain walk sees"
        ));
    }
    if tree.is_done() && plain.histories != reduced.histories {
        return Err("the plain walk misses histories that shuttle's reduction sees".into());
    }
    eprintln!("PLAIN {} {}", tree.is_done(), plain.executions);
    Ok(())
}

/// Draws interleavings, half of them by each of two schedulers: for what is too large to be explored.
fn draw(variant: Variant, seed: u64, keep_shortest: bool) -> Result<Found, String> {
    let each = variant.model.drawn / 2;
    let tally = Arc::new(Mutex::new(Tally::new(keep_shortest)));
    run(variant, AbleOnly(RandomScheduler::new_from_seed(seed, each)), &tally);
    run(variant, AbleOnly(PctScheduler::new_from_seed(seed, PREEMPTIONS, each)), &tally);
    let found = found(&tally, 0);
    check_claims(variant, &found)?;
    Ok(found)
}

fn run(variant: Variant, scheduler: impl Scheduler + 'static, tally: &Arc<Mutex<Tally>>) {
    prepare_open(variant.environment(), variant.choices());
    let mut config = Config::new();
    config.stack_size = STACK;
    config.failure_persistence = FailurePersistence::None;
    config.max_steps = MaxSteps::FailAfter(MOST_STEPS);
    config.silence_warnings = true;
    let tally = Arc::clone(tally);
    Runner::new(scheduler, config).run(move || execution(variant, &tally));
}

fn found(tally: &Mutex<Tally>, repeated: u64) -> Found {
    let mut found = Found {
        assignments: repeated,
        threads: most_threads(),
        choices_cut: answers_were_cut(),
        ..Found::default()
    };
    lock(tally).hand_over(&mut found);
    found
}

/// shuttle's failures are not run again one by one: its draws and its walk are the same each time.
pub(super) fn locate(_: Variant, _: &str, _: u64, _: &Path) -> Result<Found, String> {
    Err("shuttle writes no schedule".into())
}

/// See [`locate`].
pub(super) fn replay(_: Variant, _: &str, _: &Path) -> Result<Found, String> {
    Err("shuttle reads no schedule".into())
}

/// The tree, which is looked at afterwards, and a limit.
#[derive(Debug)]
struct Walk {
    tree: Rc<RefCell<Tree>>,
    left: u64,
}

impl Scheduler for Walk {
    fn new_execution(&mut self) -> Option<Schedule> {
        self.left = self.left.checked_sub(1)?;
        self.tree.borrow_mut().new_execution()
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
