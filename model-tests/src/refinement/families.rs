//! Every history of up to so many operations by so many threads, up to the exchange of threads that are alike.

use crate::spec::Seeded;
use crate::spec::program::{Limit, Op, Program, Sleep};

/// Programs of one kind.
#[derive(Debug)]
pub struct Family {
    /// What its programs are about.
    pub name: String,
    /// Every program.
    pub programs: Vec<Program>,
    /// A mistake of the spec that one of them must show.
    pub mistake: Seeded,
}

/// Which of them are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Few enough to be run at each change.
    Small,
    /// All.
    Full,
}

/// The families, in order.
#[must_use]
pub fn families(cut: Cut) -> Vec<Family> {
    let most = |full| if cut == Cut::Full { full } else { 2 };
    let mut families = vec![
        futures(
            2,
            most(3),
            &[Letter::Run, Letter::Set, Letter::Cancel, Letter::Complete, Letter::Look],
        ),
        futures(
            3,
            if cut == Cut::Full { 2 } else { 1 },
            &[Letter::Run, Letter::Set, Letter::Cancel, Letter::Wait],
        ),
        queue(1, most(3)),
        executor(most(3)),
    ];
    if cut == Cut::Full {
        families.push(futures(3, 3, &[Letter::Set, Letter::Cancel]));
        families.push(queue(2, 2));
    }
    families
}

/// An operation, as far as threads are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Letter {
    Run,
    Set,
    Cancel,
    Complete,
    Look,
    Wait,
    Post,
    CancelLast,
    Stop,
    Call,
    Turn,
    Close,
    Submit,
    Shutdown,
    ShutdownCancelling,
}

type History = Vec<Letter>;

/// Every history of one to so many letters.
fn histories(alphabet: &[Letter], most: usize) -> Vec<History> {
    let mut all: Vec<History> = Vec::new();
    let mut longest: Vec<History> = vec![vec![]];
    for _ in 0..most {
        longest = longest
            .iter()
            .flat_map(|history| {
                alphabet.iter().map(move |letter| {
                    let mut longer = history.clone();
                    longer.push(*letter);
                    longer
                })
            })
            .collect();
        all.extend(longest.iter().cloned());
    }
    // There must be something to cancel.
    all.retain(|history| {
        let first = |letters: &[Letter]| history.iter().position(|one| letters.contains(one));
        match (first(&[Letter::CancelLast]), first(&[Letter::Post, Letter::Submit])) {
            (Some(cancel), Some(made)) => made < cancel,
            (Some(_), None) => false,
            _ => true,
        }
    });
    all
}

/// Every choice of so many of these, where order does not matter.
fn choices(of: &[History], count: usize) -> Vec<Vec<&History>> {
    if count == 0 {
        return vec![vec![]];
    }
    of.iter()
        .enumerate()
        .flat_map(|(at, first)| {
            choices(&of[at..], count - 1).into_iter().map(move |mut rest| {
                rest.insert(0, first);
                rest
            })
        })
        .collect()
}

fn number(index: usize) -> u8 {
    u8::try_from(index).expect("programs are small")
}

/// A number of its own for each operation of a program.
fn own(thread: usize, place: usize) -> u8 {
    number(thread * 4 + place)
}

/// Operations on one concurrent future.
fn futures(threads: usize, most: usize, alphabet: &[Letter]) -> Family {
    let operation = |thread: usize, letter: Letter| match letter {
        Letter::Run => Op::SetRunning(0),
        Letter::Set => Op::SetResult { future: 0, value: number(thread + 1) },
        Letter::Complete => Op::Complete { future: 0, value: number(thread + 5) },
        Letter::Cancel => Op::Cancel(0),
        Letter::Look => Op::Result { future: 0, limit: Limit::Zero },
        Letter::Wait => Op::Result { future: 0, limit: Limit::Finite },
        other => unreachable!("{other:?} is not of this family"),
    };
    let all = histories(alphabet, most);
    let programs = choices(&all, threads).into_iter().map(|chosen| {
        let mut lists: Vec<Vec<Op>> = chosen
            .iter()
            .enumerate()
            .map(|(thread, history)| history.iter().map(|l| operation(thread, *l)).collect())
            .collect();
        let mut setup = vec![Op::NewPromise(0), Op::OnDone { future: 0, callback: 0 }];
        setup.extend((1..threads).map(|thread| Op::Start(number(thread))));
        lists[0].splice(0..0, setup);
        Program::of(&format!("future {chosen:?}"), lists).with_callbacks(vec![vec![Op::Mark(0)]])
    });
    Family {
        name: format!(
            "concurrent future: {threads} threads, up to {most} of {} operations",
            alphabet.len()
        ),
        programs: programs.collect(),
        mistake: Seeded::CallbackTwice,
    }
}

/// Posts against the owner's own calls, turns, and close.
fn queue(posters: usize, most: usize) -> Family {
    let owners = histories(&[Letter::Call, Letter::Turn, Letter::Close], most);
    let alphabet: &[Letter] = if posters == 1 {
        &[Letter::Post, Letter::CancelLast, Letter::Stop]
    } else {
        &[Letter::Post, Letter::Stop]
    };
    let others = histories(alphabet, most);
    let turn = Op::RunOnce { on: 0, sleep: Sleep::Zero };
    let operations = |thread: usize, history: &History| {
        let mut last = 0;
        history
            .iter()
            .enumerate()
            .map(|(place, letter)| {
                let handle = own(thread, place);
                match letter {
                    Letter::Post => {
                        last = handle;
                        Op::Post { on: 0, callback: handle, handle }
                    }
                    Letter::CancelLast => Op::CancelHandle(last),
                    Letter::Stop => Op::Stop(0),
                    Letter::Call => Op::CallSoon { on: 0, callback: handle, handle },
                    Letter::Turn => Op::RunOnce { on: 0, sleep: Sleep::Zero },
                    Letter::Close => Op::Close(0),
                    other => unreachable!("{other:?} is not of this family"),
                }
            })
            .collect::<Vec<Op>>()
    };
    let mut programs = Vec::new();
    for owner in &owners {
        for chosen in choices(&others, posters) {
            let mut first = vec![Op::NewLoop(0)];
            first.extend((1..=posters).map(|thread| Op::Start(number(thread))));
            first.extend(operations(0, owner));
            first.extend((1..=posters).map(|thread| Op::Join(number(thread))));
            // What is left has its turn.
            first.push(turn.clone());
            let lists = chosen.iter().enumerate().map(|(at, history)| operations(at + 1, history));
            let lists = std::iter::once(first).chain(lists).collect();
            let callbacks = (0..16).map(|number| vec![Op::Mark(number)]).collect();
            let name = format!("queue {owner:?} {chosen:?}");
            programs.push(Program::of(&name, lists).with_callbacks(callbacks));
        }
    }
    Family {
        name: format!("queue: an owner and {posters} posters, up to {most} of 3 operations each"),
        programs,
        mistake: Seeded::OwnOvertakesPosted,
    }
}

/// Submissions to a pool of one worker, cancels, and shutdowns.
fn executor(most: usize) -> Family {
    let alphabet =
        [Letter::Submit, Letter::CancelLast, Letter::Shutdown, Letter::ShutdownCancelling];
    let all = histories(&alphabet, most);
    let programs = choices(&all, 2).into_iter().map(|chosen| {
        let mut works = 0;
        let mut lists = Vec::new();
        for (thread, history) in chosen.iter().enumerate() {
            let mut last = 0;
            let operations = history.iter().enumerate().map(|(place, letter)| match letter {
                Letter::Submit => {
                    last = own(thread, place);
                    works += 1;
                    Op::SubmitWork { pool: 0, work: works - 1, future: last }
                }
                Letter::CancelLast => Op::Cancel(last),
                Letter::Shutdown => Op::Shutdown { pool: 0, wait: true, cancel: false },
                Letter::ShutdownCancelling => Op::Shutdown { pool: 0, wait: false, cancel: true },
                other => unreachable!("{other:?} is not of this family"),
            });
            lists.push(operations.collect::<Vec<Op>>());
        }
        let setup = [Op::NewPool { pool: 0, workers: 1, broken: None }, Op::Start(1)];
        lists[0].splice(0..0, setup);
        let works = (0..works).map(|number| vec![Op::Mark(number)]).collect();
        Program::of(&format!("executor {chosen:?}"), lists).with_works(works)
    });
    Family {
        name: format!("executor: one worker, 2 threads, up to {most} of 4 operations"),
        programs: programs.collect(),
        mistake: Seeded::CancelledWorkRuns,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{outcomes, outcomes_with};

    #[test]
    fn every_program_is_there_once_and_most_can_be_run() {
        for family in families(Cut::Small) {
            let names: std::collections::BTreeSet<&str> =
                family.programs.iter().map(|program| program.name.as_str()).collect();
            assert_eq!(names.len(), family.programs.len(), "{}", family.name);
            let runs = family.programs.iter().filter(|program| outcomes(program).is_ok()).count();
            assert!(runs * 2 > family.programs.len(), "{}: only {runs} can be run", family.name);
        }
    }

    #[test]
    fn every_mistake_shows() {
        for family in families(Cut::Small) {
            let shows = family.programs.iter().any(|program| {
                let right = outcomes(program).map(|found| found.allowed);
                let wrong = outcomes_with(program, Some(family.mistake)).map(|found| found.allowed);
                right.is_ok() && right != wrong
            });
            assert!(shows, "{}: {:?} changes nothing", family.name, family.mistake);
        }
    }
}
