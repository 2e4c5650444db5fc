//! Programs whose outcomes are known, one for each part of the spec.

use super::program::{
    Awaited, Catch, Factory, Handler, Limit, Local, Op, Program, Sleep, Stmt, VERSION, When,
};
use super::{Seeded, outcomes, outcomes_with};

fn program(threads: Vec<Vec<Op>>) -> Program {
    Program { version: VERSION, threads, ..Program::default() }
}

#[track_caller]
fn allows(program: &Program, expected: &[&str]) {
    let found = outcomes(program).unwrap_or_else(|error| panic!("{error}"));
    let allowed: Vec<String> = found.allowed.iter().map(ToString::to_string).collect();
    let mut expected: Vec<String> = expected.iter().map(|text| (*text).to_owned()).collect();
    let mut sorted = allowed.clone();
    sorted.sort();
    expected.sort();
    assert_eq!(sorted, expected, "after {} states", found.states);
}

const FOREVER: Limit = Limit::Forever;

fn mark(number: u8) -> Stmt {
    Stmt::Do(Op::Mark(number))
}

/// A loop whose thread submits a coroutine to it and runs it to its end in so many turns.
fn alone(coroutine: Vec<Stmt>, turns: usize) -> Program {
    let mut thread = vec![Op::NewLoop(0), Op::Submit { on: 0, coroutine: 0, future: 0 }];
    thread.extend(vec![Op::RunOnce { on: 0, sleep: Sleep::Zero }; turns]);
    thread.push(Op::Result { future: 0, limit: Limit::Zero });
    Program { coroutines: vec![coroutine], ..program(vec![thread]) }
}

#[test]
fn a_cancel_races_a_start() {
    let threads = vec![
        vec![Op::NewPromise(0), Op::Start(1), Op::SetRunning(0), Op::Join(1)],
        vec![Op::Cancel(0)],
    ];
    allows(&program(threads), &["true | false", "false | true"]);
}

#[test]
fn a_post_wakes_a_sleeping_loop() {
    let threads = vec![
        vec![Op::NewLoop(0), Op::Start(1), Op::RunForever(0), Op::Join(1)],
        vec![Op::Post { on: 0, callback: 0, handle: 0 }],
    ];
    let program =
        Program { callbacks: vec![vec![Op::Mark(1), Op::StopLocal(0)]], ..program(threads) };
    allows(&program, &["mark 1; ok | ok"]);
    assert!(outcomes_with(&program, Some(Seeded::LosesTheByte)).is_err());
}

#[test]
fn a_submission_yields_its_value() {
    let threads = vec![
        vec![Op::NewLoop(0), Op::Start(1), Op::RunForever(0), Op::Join(1)],
        vec![
            Op::Submit { on: 0, coroutine: 0, future: 0 },
            Op::Result { future: 0, limit: FOREVER },
            Op::Stop(0),
        ],
    ];
    let coroutines = vec![vec![Stmt::Await(Awaited::Yield), Stmt::Return(3)]];
    allows(&Program { coroutines, ..program(threads) }, &["ok; ok | ok; value 3; ok"]);
}

#[test]
fn a_close_races_a_submission() {
    let threads = vec![
        vec![Op::NewLoop(0), Op::Start(1), Op::Close(0), Op::Join(1)],
        vec![Op::Submit { on: 0, coroutine: 0, future: 0 }],
    ];
    let program = Program { coroutines: vec![vec![]], ..program(threads) };
    allows(&program, &["ok | ok", "ok | loop closed"]);
    let mut waits = program.clone();
    waits.threads[1] = vec![Op::AwaitGate(0), Op::Result { future: 0, limit: FOREVER }];
    waits.threads[0] = vec![
        Op::NewLoop(0),
        Op::Start(1),
        Op::Submit { on: 0, coroutine: 0, future: 0 },
        Op::Signal(0),
        Op::Close(0),
    ];
    allows(&waits, &["ok; ok | loop closed"]);
    assert!(outcomes_with(&waits, Some(Seeded::CloseStrandsPosted)).is_err());
}

#[test]
fn a_swallowed_cancel_lets_the_coroutine_go_on() {
    let script = vec![
        Stmt::Do(Op::CancelLocal(Local::Current)),
        Stmt::Try {
            body: vec![Stmt::Await(Awaited::Sleep(5))],
            catch: Catch::Cancelled,
            handler: vec![mark(1)],
            again: false,
        },
        Stmt::Do(Op::Cancelling(Local::Current)),
        Stmt::Do(Op::Uncancel(Local::Current)),
        Stmt::Return(4),
    ];
    let mut program = alone(script, 3);
    // `Current` is the task of a submission, of which nobody has a handle.
    program.threads[0][1] = Op::CreateTask { on: 0, coroutine: 0, task: 0 };
    program.threads[0].pop();
    program.threads[0].push(Op::ResultLocal(Local::Task(0)));
    allows(
        &program,
        &[
            "ok; true; caught cancelled; mark 1; count 1; count 0; continue; continue; continue; value 4",
        ],
    );
}

#[test]
fn a_timeout_turns_its_own_cancel_into_an_error() {
    let script = vec![Stmt::Timeout { after: 3, body: vec![Stmt::Await(Awaited::Sleep(9))] }];
    let mut program = alone(script, 0);
    program.threads[0] = vec![Op::NewLoop(0), Op::RunUntilComplete { on: 0, coroutine: 0 }];
    allows(&program, &["timeout"]);
}

#[test]
fn a_foreign_awaitable_is_dropped_at_the_scope() {
    let inner = Stmt::Timeout { after: 3, body: vec![Stmt::Await(Awaited::Foreign(0)), mark(1)] };
    let script = vec![
        Stmt::Try {
            body: vec![inner],
            catch: Catch::Timeout,
            handler: vec![mark(2)],
            again: false,
        },
        Stmt::Return(1),
    ];
    let mut program = alone(script, 0);
    program.threads[0] = vec![Op::NewLoop(0), Op::RunUntilComplete { on: 0, coroutine: 0 }];
    allows(&program, &["caught timeout; mark 2; value 1"]);
}

#[test]
fn a_factory_that_fails_tells_the_submitter_and_the_handler() {
    let threads = vec![vec![
        Op::NewLoop(0),
        Op::SetHandler { on: 0, handler: Handler::Recording },
        Op::SetFactory { on: 0, factory: Factory::Fails(1) },
        Op::Submit { on: 0, coroutine: 0, future: 0 },
        Op::RunOnce { on: 0, sleep: Sleep::Zero },
        Op::Result { future: 0, limit: Limit::Zero },
    ]];
    let program = Program { coroutines: vec![vec![]], ..program(threads) };
    allows(&program, &["ok; reported raised 1; continue; raised 1"]);
}

#[test]
fn a_pool_runs_work_and_a_loop_awaits_it() {
    let threads = vec![vec![
        Op::NewLoop(0),
        Op::NewPool { pool: 0, workers: 1, broken: None },
        Op::RunUntilComplete { on: 0, coroutine: 0 },
        Op::Shutdown { pool: 0, wait: true, cancel: false },
    ]];
    let program = Program {
        coroutines: vec![vec![
            Stmt::Do(Op::RunInExecutor { on: 0, pool: 0, work: 0, future: 0 }),
            Stmt::Await(Awaited::Local(0)),
        ]],
        works: vec![vec![Op::Mark(1), Op::Return(6)]],
        ..program(threads)
    };
    allows(&program, &["ok; ok; value 6; value 0; ok | mark 1"]);
}

#[test]
fn a_broken_pool_fails_what_is_queued() {
    let threads = vec![vec![
        Op::NewPool { pool: 0, workers: 1, broken: Some(1) },
        Op::SubmitWork { pool: 0, work: 0, future: 0 },
        Op::Result { future: 0, limit: FOREVER },
        Op::SubmitWork { pool: 0, work: 1, future: 1 },
    ]];
    let program = Program { works: vec![vec![], vec![]], ..program(threads) };
    allows(&program, &["ok; ok; broken pool; broken pool |  | "]);
}

#[test]
fn several_are_waited_for() {
    let threads = vec![
        vec![
            Op::NewPromise(0),
            Op::NewPromise(1),
            Op::Start(1),
            Op::Wait { futures: vec![0, 1, 0], when: When::FirstException, limit: FOREVER },
        ],
        vec![Op::SetException { future: 1, exception: 1 }, Op::SetResult { future: 0, value: 1 }],
    ];
    allows(&program(threads), &["done 1 | ok; ok", "done 0 1 | ok; ok"]);
}

#[test]
fn completions_come_in_order() {
    let threads = vec![
        vec![
            Op::NewPromise(0),
            Op::NewPromise(1),
            Op::Start(1),
            Op::AsCompleted { futures: vec![0, 1], limit: FOREVER },
        ],
        vec![Op::SetResult { future: 1, value: 1 }, Op::SetResult { future: 0, value: 1 }],
    ];
    allows(
        &program(threads),
        &["completed 0; completed 1 | ok; ok", "completed 1; completed 0 | ok; ok"],
    );
}

#[test]
fn an_empty_slot_is_malformed_in_the_interleaving_that_names_it() {
    let threads = vec![vec![Op::Start(1), Op::NewPromise(0)], vec![Op::Cancel(0)]];
    let error = outcomes(&program(threads)).unwrap_err().to_string();
    assert!(error.contains("thread 1: it names future 0, which is empty"), "{error}");
}

#[test]
fn who_waits_for_ever_is_found() {
    let threads = vec![vec![Op::NewPromise(0), Op::Result { future: 0, limit: FOREVER }]];
    let error = outcomes(&program(threads)).unwrap_err().to_string();
    assert!(error.contains("nobody can go on"), "{error}");
}
