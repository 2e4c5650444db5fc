//! The kernel against the spec: programs of one thread, drawn at random, in virtual time.
//!
//! Such a program has one outcome. Longer ones, and those of several threads, are elsewhere.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use loopgate::Clock;

use super::run;
use crate::spec::outcomes;
use crate::spec::program::{
    Awaited, Catch, Factory, Handler, Limit, Local, Op, Program, Query, Sleep, Stmt, VERSION,
};

/// A small generator of numbers: the same ones on every machine.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        u32::try_from((self.0 >> 33) % u64::from(bound)).expect("it is below a u32")
    }

    fn small(&mut self, bound: u8) -> u8 {
        u8::try_from(self.below(u32::from(bound))).expect("it is below a u8")
    }

    fn of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(u32::try_from(choices.len()).expect("few")) as usize].clone()
    }
}

const TASKS: u8 = 3;
const FUTURES: u8 = 3;
const LOCALS: u8 = 2;

fn op(draw: &mut Draw, in_coroutine: bool) -> Op {
    let task = Local::Task(draw.small(TASKS));
    let local = Local::Future(draw.small(LOCALS));
    let either = draw.of(&[task, task, local]);
    let own = if in_coroutine { draw.of(&[task, Local::Current]) } else { task };
    let future = draw.small(FUTURES);
    match draw.below(24) {
        0 => Op::Cancel(future),
        1 => Op::SetResult { future: draw.small(2), value: 1 },
        2 => Op::SetRunning(draw.small(2)),
        3 => Op::SetLoopResult { future: draw.small(LOCALS), value: 2 },
        4 => Op::SetLoopException { future: draw.small(LOCALS), exception: 3 },
        5 | 6 => Op::CancelLocal(own),
        7 => Op::CancelLocal(local),
        8 => Op::Uncancel(own),
        9 => Op::Cancelling(own),
        10 => Op::QueryLocal { of: either, what: draw.of(&[Query::Done, Query::Cancelled]) },
        11 => Op::ResultLocal(either),
        12 => Op::OnDoneLocal { of: either, callback: draw.small(2) },
        13 => Op::OnDone { future, callback: draw.small(2) },
        14 => Op::Signal(draw.small(2)),
        15 => {
            Op::Query { future, what: draw.of(&[Query::Ended, Query::Cancelled, Query::Running]) }
        }
        16 => Op::Complete { future: draw.small(2), value: 4 },
        17 => Op::AllTasks(0),
        18 => Op::Result { future, limit: Limit::Forever },
        19 => Op::Busy { on: 0, units: draw.below(3) },
        20 => Op::SetFactory {
            on: 0,
            factory: draw.of(&[Factory::Default, Factory::Fails(5), Factory::Wrong]),
        },
        _ => Op::Mark(draw.small(10)),
    }
}

fn awaited(draw: &mut Draw) -> Awaited {
    match draw.below(11) {
        0 | 1 => Awaited::Sleep(draw.below(4)),
        2 => Awaited::Yield,
        3 => Awaited::Future(draw.small(FUTURES)),
        4 => Awaited::Wrapped(draw.small(FUTURES)),
        5 => Awaited::Local(draw.small(LOCALS)),
        6 | 7 => Awaited::Task(draw.small(TASKS)),
        8 => Awaited::Foreign(draw.small(2)),
        9 => Awaited::Shield(draw.small(TASKS)),
        _ => Awaited::Gather(vec![draw.small(TASKS), draw.small(TASKS)]),
    }
}

fn block(draw: &mut Draw, depth: u32) -> Vec<Stmt> {
    (0..=draw.below(3)).map(|_| stmt(draw, depth)).collect()
}

fn stmt(draw: &mut Draw, depth: u32) -> Stmt {
    let nested = if depth > 0 { 18 } else { 12 };
    match draw.below(nested) {
        0..=3 => Stmt::Do(op(draw, true)),
        4..=8 => Stmt::Await(awaited(draw)),
        9 => Stmt::WaitFor { after: draw.below(4), what: awaited(draw) },
        10 => match draw.below(6) {
            0 => Stmt::Raise(1),
            1 => Stmt::RaiseCancelled,
            2 => Stmt::Panic(2),
            _ => Stmt::Return(7),
        },
        11 => Stmt::WaitFor { after: draw.below(4), what: Awaited::Coroutine(4) },
        12..=14 => Stmt::Timeout { after: draw.below(5), body: block(draw, depth - 1) },
        15 => Stmt::Finally { body: block(draw, depth - 1), last: block(draw, depth - 1) },
        _ => Stmt::Try {
            body: block(draw, depth - 1),
            catch: draw.of(&[Catch::Cancelled, Catch::Timeout, Catch::Exception, Catch::All]),
            handler: block(draw, depth - 1),
            again: draw.below(2) == 0,
        },
    }
}

fn program(seed: u64) -> Program {
    let draw = &mut Draw(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851);
    let mut thread = vec![
        Op::NewLoop(0),
        Op::SetHandler { on: 0, handler: Handler::Recording },
        Op::NewPromise(0),
        Op::NewPromise(1),
        Op::NewFuture { on: 0, future: 0 },
        Op::NewFuture { on: 0, future: 1 },
        Op::Submit { on: 0, coroutine: 3, future: 2 },
    ];
    for task in 0..TASKS {
        thread.push(Op::CreateTask { on: 0, coroutine: task, task });
    }
    let mut handle = 0;
    for _ in 0..draw.below(14) + 6 {
        match draw.below(6) {
            0 => thread.push(op(draw, false)),
            1 if handle < 8 => {
                let callback = draw.small(3);
                thread.push(draw.of(&[
                    Op::CallSoon { on: 0, callback, handle },
                    Op::Post { on: 0, callback, handle },
                    Op::CallLater { on: 0, after: 2, callback, handle },
                    Op::PostLater { on: 0, after: 1, callback, handle },
                ]));
                if draw.below(3) == 0 {
                    thread.push(Op::CancelHandle(handle));
                }
                handle += 1;
            }
            _ => {
                let sleep = draw.of(&[Sleep::Zero, Sleep::Zero, Sleep::Units(2)]);
                thread.push(Op::RunOnce { on: 0, sleep });
            }
        }
    }
    thread.extend((0..TASKS).map(|task| Op::ResultLocal(Local::Task(task))));
    thread.extend([Op::Forget(Local::Task(0)), Op::Forget(Local::Future(0))]);
    thread.extend([Op::RunOnce { on: 0, sleep: Sleep::Zero }, Op::Close(0)]);
    thread.extend((1..TASKS).map(|task| Op::ResultLocal(Local::Task(task))));
    thread.push(Op::Result { future: 2, limit: Limit::Zero });
    let callbacks = (0..3)
        .map(|number| {
            let mut list: Vec<Op> = (0..draw.below(3)).map(|_| op(draw, false)).collect();
            list.push(Op::Mark(20 + number));
            list.extend((draw.below(4) == 0).then_some(Op::Raise(6)));
            list
        })
        .collect();
    let coroutines = (0..4)
        .map(|_| block(draw, 2))
        .chain([vec![Stmt::Await(Awaited::Sleep(2)), Stmt::Return(9)]])
        .collect();
    Program {
        version: VERSION,
        name: format!("drawn from {seed}"),
        threads: vec![thread],
        callbacks,
        coroutines,
        works: vec![],
    }
}

/// What the two say, if they differ; `None` also if the program cannot be run.
fn difference(program: &Program) -> Option<String> {
    let allowed = outcomes(program).ok()?.allowed;
    let own = Arc::new(program.clone());
    let outcome = catch_unwind(AssertUnwindSafe(|| run(&own, &Clock::virtual_time())));
    if outcome.as_ref().is_ok_and(|outcome| allowed.contains(outcome)) {
        return None;
    }
    let outcome = outcome.map_or("a panic".to_owned(), |outcome| outcome.to_string());
    let text = serde_json::to_string(program).expect("a program is data");
    let allowed: Vec<String> = allowed.iter().map(ToString::to_string).collect();
    Some(format!("of\n{text}\nthe kernel gives\n{outcome}\nand the spec\n{}", allowed.join("\n")))
}

/// Every block with one statement less, or with what is inside it in its place.
fn smaller(block: &[Stmt]) -> Vec<Vec<Stmt>> {
    let mut all = Vec::new();
    for (at, stmt) in block.iter().enumerate() {
        let with = |new: Vec<Stmt>| {
            let mut other = block.to_vec();
            other.splice(at..=at, new);
            other
        };
        all.push(with(vec![]));
        let inside = |body: &Vec<Stmt>, wrap: &dyn Fn(Vec<Stmt>) -> Stmt| {
            let wrapped = smaller(body).into_iter().map(|body| with(vec![wrap(body)]));
            std::iter::once(with(body.clone())).chain(wrapped).collect::<Vec<_>>()
        };
        match stmt.clone() {
            Stmt::Timeout { after, body } => {
                all.extend(inside(&body, &|body| Stmt::Timeout { after, body }));
            }
            Stmt::Finally { body, last } => {
                let other = last.clone();
                all.extend(inside(&body, &|body| Stmt::Finally { body, last: other.clone() }));
                all.extend(inside(&last, &|last| Stmt::Finally { body: body.clone(), last }));
            }
            Stmt::Try { body, catch, handler, again } => {
                let other = handler.clone();
                all.extend(inside(&body, &|body| Stmt::Try {
                    body,
                    catch,
                    handler: other.clone(),
                    again,
                }));
                all.extend(inside(&handler, &|handler| Stmt::Try {
                    body: body.clone(),
                    catch,
                    handler,
                    again,
                }));
            }
            _ => {}
        }
    }
    all
}

/// Takes away whatever the difference does not need.
fn shrink(mut program: Program) -> Program {
    loop {
        let mut candidates = Vec::new();
        for (lists, which) in [(&program.threads, 0), (&program.callbacks, 1)] {
            for (list, ops) in lists.iter().enumerate() {
                for at in 0..ops.len() {
                    let mut other = program.clone();
                    let lists = if which == 0 { &mut other.threads } else { &mut other.callbacks };
                    lists[list].remove(at);
                    candidates.push(other);
                }
            }
        }
        for (script, block) in program.coroutines.iter().enumerate() {
            for block in smaller(block) {
                let mut other = program.clone();
                other.coroutines[script] = block;
                candidates.push(other);
            }
        }
        match candidates.into_iter().find(|other| difference(other).is_some()) {
            Some(smaller) => program = smaller,
            None => return program,
        }
    }
}

/// Compares so many programs; how many of them could be run.
fn compare(seeds: std::ops::Range<u64>) -> usize {
    let mut compared = 0;
    for seed in seeds {
        let program = program(seed);
        if difference(&program).is_some() {
            let small = shrink(program);
            panic!("{}", difference(&small).expect("it was kept"));
        }
        compared += usize::from(outcomes(&program).is_ok());
    }
    compared
}

#[test]
fn programs_of_one_thread_agree_with_the_spec() {
    let many = std::env::var("LOOPGATE_PROGRAMS").ok().and_then(|many| many.parse().ok());
    let many = many.unwrap_or(1_000);
    let compared = compare(0..many);
    println!("{compared} of {many} programs compared");
    let few = usize::try_from(many).expect("few") / 4;
    assert!(compared > few, "only {compared} of {many} can be run");
}
