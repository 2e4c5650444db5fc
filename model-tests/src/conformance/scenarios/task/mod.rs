//! T: tasks, and how they are cancelled.

mod cancel;
mod factory;
mod life;

use super::words::*;
use super::{Scenario, scenario};
use crate::spec::program::Op::*;
use crate::spec::program::{Local, Query as Asks, Stmt};

pub(super) fn scenarios() -> Vec<Scenario> {
    let mut all = life::lives();
    all.extend(cancel::cancelled_in_time());
    all.extend(cancel::received());
    all.extend(cancel::unreceived());
    all.extend(cancel::awaited());
    all.extend(cancel::taken_back());
    all.extend(factory::factories());
    all.extend(life::known());
    all.extend(life::sleeps());
    all
}

const CURRENT: Local = Local::Current;

fn asked(task: u8) -> [Stmt; 3] {
    let of = Local::Task(task);
    [
        run(QueryLocal { of, what: Asks::Done }),
        run(QueryLocal { of, what: Asks::Cancelled }),
        run(ResultLocal(of)),
    ]
}

/// Coroutine 0 makes a task of coroutine 1, lets it come to its first await, does something, and waits.
fn after_a_step(name: &str, clauses: &str, about: &str, then: &[Stmt]) -> Scenario {
    let begin = [run(task(1)), yields()];
    let end = [settle(1)];
    scenario(name, clauses, about).main([&begin, then, &end, &asked(1)].concat())
}
