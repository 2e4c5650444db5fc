//! What a program asks of tokio that cannot be written there, and that the names of its operations do not tell.

use std::collections::BTreeSet;

use crate::conformance::profile::{Step, steps};
use crate::spec::Program;
use crate::spec::program::{Local, Op, Query};

/// The first such thing, by the name that it has in tokio's profile.
pub(super) fn reach(program: &Program) -> Option<&'static str> {
    let of_closed = program.threads.iter().find_map(|list| of_closed_loop(list));
    of_closed.or_else(|| of_running_loop(program)).or_else(|| of_slots(program))
}

/// A runtime that was dropped is not there any more to be named by its owner.
fn of_closed_loop(list: &[Op]) -> Option<&'static str> {
    let mut closed = BTreeSet::new();
    for op in list {
        match op {
            Op::Close(on) | Op::DropLoop(on) if !closed.insert(on) => return Some("close_twice"),
            Op::RunForever(on) | Op::RunUntilComplete { on, .. } if closed.contains(on) => {
                return Some("run_closed");
            }
            _ => {}
        }
    }
    None
}

/// One that runs is borrowed.
fn of_running_loop(program: &Program) -> Option<&'static str> {
    let within = Program { threads: Vec::new(), ..program.clone() };
    let closes = |step: &Step<'_>| matches!(step, Step::Op(Op::Close(_)));
    steps(&within).iter().any(closes).then_some("close_running")
}

fn of_slots(program: &Program) -> Option<&'static str> {
    let ops = || {
        steps(program).into_iter().filter_map(|step| match step {
            Step::Op(op) => Some(op),
            _ => None,
        })
    };
    let promise = |slot: u8| ops().any(|op| *op == Op::NewPromise(slot));
    let loop_promise =
        |slot: u8| ops().any(|op| matches!(op, Op::NewFuture { future, .. } if *future == slot));
    let mut used = BTreeSet::new();
    ops().find_map(|op| match *op {
        Op::Cancel(slot) if promise(slot) => Some("cancel_channel"),
        Op::CancelLocal(Local::Future(slot)) if loop_promise(slot) => Some("cancel_channel"),
        Op::CancelLocal(Local::Current) => Some("cancel_current"),
        Op::Query { what: Query::Running, .. } => Some("query_running"),
        Op::Query { future, what: Query::Ended } | Op::WaitEnded { future, .. }
            if promise(future) =>
        {
            Some("ended_channel")
        }
        Op::SetResult { future, .. }
        | Op::SetException { future, .. }
        | Op::Complete { future, .. }
        | Op::DropPromise(future) => (!used.insert(("promise", future))).then_some("send_twice"),
        Op::SetLoopResult { future, .. }
        | Op::SetLoopException { future, .. }
        | Op::DropLoopPromise(future) => {
            (!used.insert(("loop promise", future))).then_some("send_twice")
        }
        Op::NewPool { broken: Some(_), .. } => Some("initializer"),
        _ => None,
    })
}
