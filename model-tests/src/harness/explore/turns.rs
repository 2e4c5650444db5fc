//! Every order of steps and every answer, for shuttle: a scheduler that is complete by construction.
//!
//! An execution is a path in a tree. Its nodes are the moments at which somebody has to be chosen for the
//! next step, and the questions. The tree is walked depth first: each execution repeats the last path up
//! to its last node with something untried, tries that, and from there on takes what comes first.
//!
//! Two steps of different threads that touch nothing in common may change places without anybody
//! noticing, so only one of the two orders is tried. That is done by *sleep sets* (Godefroid): a thread
//! whose step was tried at a node sleeps in the node's later branches until somebody does a step that has
//! to do with its own; a thread that sleeps is not chosen. Where all threads that could go on sleep, all
//! that follows was seen elsewhere: the execution runs on to its end without branching, and counts as
//! *repeated*. There are no further reductions, no bounds, and no states that are compared. The tree can
//! also be walked *plain*, with nobody ever asleep; where that ends, both ways must see the same.
//!
//! What a step touches is announced by the primitives. It begins at an announcement and lasts until the
//! next one of the same thread; a thread that has announced nothing yet goes at once.

use loopgate::checkers::model::{Access, able, accesses, announced};
use serde::{Deserialize, Serialize};
use shuttle::scheduler::{Schedule, Scheduler, Task, TaskId};

/// What has been tried, and the execution that goes on.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    path: Vec<Node>,
    /// How many nodes of the path this execution has passed.
    depth: usize,
    /// The last turn that it passed.
    last_turn: Option<usize>,
    /// Everything that follows was seen elsewhere.
    repeats: bool,
    started: bool,
    done: bool,
    /// Nobody ever sleeps: each order is tried, whether it matters or not.
    plain: bool,
    /// The path was read from a file.
    given: bool,
    /// How many executions only repeated others.
    pub(crate) repeated: u64,
}

/// What was chosen at a node.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Choice {
    /// The answer to a question.
    Answer(bool),
    /// The thread that did the next step.
    Thread(usize),
}

#[derive(Debug)]
enum Node {
    Turn(Turn),
    Answer(bool),
}

/// Somebody has to be chosen.
#[derive(Debug, Default)]
struct Turn {
    able: Vec<usize>,
    asleep: Vec<Tried>,
    tried: Vec<Tried>,
    /// Whose turn it is in this execution.
    chosen: usize,
    /// What that step touched, under all answers so far.
    touched: Vec<Access>,
}

/// A thread's step and everything that may follow it were tried.
#[derive(Clone, Debug)]
struct Tried {
    thread: usize,
    touched: Vec<Access>,
}

impl Turn {
    /// Who is to be tried next.
    fn untried(&self) -> Option<usize> {
        let seen =
            |thread: usize| self.asleep.iter().chain(&self.tried).any(|t| t.thread == thread);
        self.able.iter().copied().find(|thread| !seen(*thread))
    }

    /// Who sleeps after the chosen thread's step, which touched this.
    fn asleep_after(&self, touched: &[Access]) -> Vec<Tried> {
        let all = self.asleep.iter().chain(&self.tried);
        all.filter(|tried| !meet(&tried.touched, touched)).cloned().collect()
    }
}

/// Whether the order of two steps can matter.
fn meet(one: &[Access], other: &[Access]) -> bool {
    let clash = |a: &Access, b: &Access| a.target == b.target && (a.changes || b.changes);
    one.iter().any(|a| other.iter().any(|b| clash(a, b)))
}

impl Tree {
    /// A tree without any reduction, which is hopeless but for the smallest models.
    pub(crate) fn plain() -> Tree {
        Tree { plain: true, ..Tree::default() }
    }

    /// A tree whose first execution goes this way.
    pub(crate) fn of(choices: Vec<Choice>) -> Tree {
        let node = |choice| match choice {
            Choice::Answer(answer) => Node::Answer(answer),
            Choice::Thread(chosen) => Node::Turn(Turn { chosen, ..Turn::default() }),
        };
        Tree { path: choices.into_iter().map(node).collect(), given: true, ..Tree::default() }
    }

    /// What the next execution chooses before it takes what comes first.
    pub(crate) fn choices(&self) -> Vec<Choice> {
        let choice = |node: &Node| match node {
            Node::Answer(answer) => Choice::Answer(*answer),
            Node::Turn(turn) => Choice::Thread(turn.chosen),
        };
        self.path.iter().map(choice).collect()
    }

    /// Whether everything was tried.
    pub(crate) fn is_done(&self) -> bool {
        self.done
    }

    /// Goes to the next untried branch; false if there is none.
    fn next_branch(&mut self) -> bool {
        while let Some(node) = self.path.last_mut() {
            match node {
                Node::Answer(answer @ false) => {
                    *answer = true;
                    return true;
                }
                Node::Answer(true) => {}
                Node::Turn(turn) => {
                    let touched = std::mem::take(&mut turn.touched);
                    turn.tried.push(Tried { thread: turn.chosen, touched });
                    if let Some(next) = turn.untried() {
                        turn.chosen = next;
                        return true;
                    }
                }
            }
            self.path.pop();
        }
        false
    }

    /// A step has ended: what it touched is known.
    fn note_touched(&mut self) -> Vec<Access> {
        let touched = accesses();
        if let Some(last) = self.last_turn.filter(|_| !self.repeats)
            && let Node::Turn(turn) = &mut self.path[last]
        {
            for access in &touched {
                if !turn.touched.contains(access) {
                    turn.touched.push(*access);
                }
            }
        }
        touched
    }

    fn turn(&mut self) -> Option<usize> {
        let able = able();
        let touched = self.note_touched();
        if self.repeats {
            return able.first().copied();
        }
        if let Some(node) = self.path.get(self.depth) {
            let Node::Turn(turn) = node else { panic!("a model asked where it had a step before") };
            let same = if self.given { able.contains(&turn.chosen) } else { turn.able == able };
            assert!(same, "a model goes another way after the same choices");
            self.last_turn = Some(self.depth);
            self.depth += 1;
            return Some(turn.chosen);
        }
        let asleep = match self.last_turn.map(|last| &self.path[last]) {
            Some(Node::Turn(last)) if !self.plain => last.asleep_after(&touched),
            _ => Vec::new(),
        };
        let mut turn = Turn { able, asleep, tried: Vec::new(), chosen: 0, touched: Vec::new() };
        let Some(chosen) = turn.untried() else {
            self.repeats = true;
            self.repeated += 1;
            return turn.able.first().copied();
        };
        turn.chosen = chosen;
        self.path.push(Node::Turn(turn));
        self.last_turn = Some(self.depth);
        self.depth += 1;
        Some(chosen)
    }

    fn answer(&mut self) -> bool {
        if self.repeats {
            return false;
        }
        let depth = self.depth;
        self.depth += 1;
        match self.path.get(depth) {
            Some(Node::Answer(answer)) => *answer,
            Some(Node::Turn(_)) => panic!("a model had a step where it asked before"),
            None => {
                self.path.push(Node::Answer(false));
                false
            }
        }
    }
}

impl Scheduler for Tree {
    fn new_execution(&mut self) -> Option<Schedule> {
        if self.started {
            let _ = self.note_touched();
            if !self.next_branch() {
                self.done = true;
                return None;
            }
        }
        self.started = true;
        self.depth = 0;
        self.last_turn = None;
        self.repeats = false;
        Some(Schedule::new(0))
    }

    fn next_task(&mut self, tasks: &[&Task], _: Option<TaskId>, _: bool) -> Option<TaskId> {
        silent(tasks).or_else(|| {
            let thread = self.turn()?;
            tasks.iter().map(|task| task.id()).find(|id| usize::from(*id) == thread)
        })
    }

    fn next_u64(&mut self) -> u64 {
        u64::from(self.answer())
    }
}

/// A thread that has announced no step: it is new, or at a point where only shuttle would switch. It goes
/// on at once, for nobody can tell when it does.
pub(crate) fn silent(tasks: &[&Task]) -> Option<TaskId> {
    tasks.iter().map(|task| task.id()).find(|id| announced(usize::from(*id)).is_none())
}

/// Another scheduler, to which only those threads are shown that can do a step.
#[derive(Debug)]
pub(crate) struct AbleOnly<S>(pub(crate) S);

impl<S: Scheduler> Scheduler for AbleOnly<S> {
    fn new_execution(&mut self) -> Option<Schedule> {
        self.0.new_execution()
    }

    fn next_task(
        &mut self,
        tasks: &[&Task],
        current: Option<TaskId>,
        yields: bool,
    ) -> Option<TaskId> {
        let _ = accesses();
        silent(tasks).or_else(|| {
            let able = able();
            let is_able = |task: &Task| able.contains(&usize::from(task.id()));
            let able: Vec<&Task> = tasks.iter().copied().filter(|task| is_able(task)).collect();
            self.0.next_task(&able, current, yields)
        })
    }

    fn next_u64(&mut self) -> u64 {
        // An unusual answer now and then, not every other time.
        u64::from(self.0.next_u64().is_multiple_of(8))
    }
}
