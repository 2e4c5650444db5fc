//! Task factories that fail: T-14 to T-16.

use super::super::words::*;
use super::super::{Scenario, scenario};
use crate::spec::program::Op::{self, *};
use crate::spec::program::{Factory, Stmt};

pub(super) fn factories() -> Vec<Scenario> {
    let submitted = |name: &str, clauses, about, made: Op, then: Vec<Op>| {
        let begin = vec![NewLoop(0), recording(), made, submit(0)];
        scenario(name, clauses, about)
            .thread(all([begin, then, turns(3), vec![result(0), ended(0)]]))
            .coroutine([mark(1)])
    };
    vec![
        scenario("t14_fails", "T-14", "Creation fails with the factory's exception.")
            .thread(all([vec![NewLoop(0), factory(Factory::Fails(1)), task(0), soon(0)], turns(2)]))
            .coroutine([mark(1)])
            .callback([Mark(0), AllTasks(0)]),
        scenario("t14_panics", "T-14 X-2", "So does a factory that panics.")
            .thread(all([
                vec![NewLoop(0), factory(Factory::Panics(1)), task(0), soon(0)],
                turns(2),
            ]))
            .coroutine([mark(1)])
            .callback([Mark(0), AllTasks(0)]),
        scenario(
            "t14_another_coroutines_task",
            "T-14",
            "One that returns another task is refused.",
        )
        .main([run(factory(Factory::Wrong)), run(task(1)), yields(), yields()])
        .coroutine([mark(1)]),
        scenario("t14_taken_away", "T-14", "Without it tasks are made as before.")
            .thread(all([
                vec![NewLoop(0), factory(Factory::Fails(1)), factory(Factory::Default), task(0)],
                turns(2),
                vec![task_result(0)],
            ]))
            .coroutine([mark(1), Stmt::Return(7)]),
        submitted(
            "t15_of_a_submission",
            "T-15 X-1",
            "The submitter and the handler get the same exception.",
            factory(Factory::Fails(1)),
            vec![],
        ),
        submitted(
            "t15_panics",
            "T-15 X-2",
            "Also if the factory panicked.",
            factory(Factory::Panics(1)),
            vec![],
        ),
        submitted(
            "t16_of_a_cancelled_submission",
            "T-16",
            "If the submission was cancelled only the handler is told.",
            factory(Factory::Fails(1)),
            vec![Cancel(0)],
        ),
        scenario("t15_the_loop_goes_on", "T-15 T-14", "The next submission has a task again.")
            .thread(all([
                vec![NewLoop(0), recording(), factory(Factory::Fails(1)), submit(0)],
                turns(2),
                vec![factory(Factory::Default), submit(1)],
                turns(3),
                vec![result(0), result(1)],
            ]))
            .coroutine([mark(1)])
            .coroutine([mark(2), Stmt::Return(7)]),
        scenario("t15_by_another_thread", "T-15", "A thread that waits is told.")
            .thread([
                NewLoop(0),
                recording(),
                factory(Factory::Fails(1)),
                Start(1),
                RunForever(0),
                Join(1),
            ])
            .thread([submit(0), result(0), Stop(0)])
            .coroutine([mark(1)]),
    ]
}
