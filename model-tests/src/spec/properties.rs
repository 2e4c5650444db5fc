//! What holds in every state of the spec: safety and liveness, each in a bounded configuration.
//!
//! A property is about one configuration, a program, all of whose states are searched. It says when it
//! applies at all, so that one that holds only because nothing ever happens fails; and which mistakes of
//! the spec break it, each of which the search has to find. Liveness is safety of ends: every execution
//! is finite, because no state comes again, and where nobody can go on everybody has what he waited for.

use super::program::{Awaited, Catch, Factory, Handler, Limit, Local, Op, Program, Sleep, Stmt};
use super::{Cause, Phase, Seeded, System, Word};

/// One property with its configuration.
#[derive(Debug)]
pub struct Property {
    /// What holds, in a few words.
    pub name: &'static str,
    /// The clauses that say so.
    pub clauses: &'static [&'static str],
    /// The configuration.
    pub program: fn() -> Program,
    /// Where it applies: such a state has to be reached.
    pub applies: fn(&System) -> bool,
    /// What holds there.
    pub holds: fn(&System) -> bool,
    /// Mistakes that break it.
    pub mistakes: &'static [Seeded],
}

impl Property {
    /// Whether a state breaks it. A state in which nobody can go on must also be an end.
    ///
    /// # Panics
    /// If the configuration is malformed.
    #[must_use]
    pub fn is_broken(&self, state: &System) -> bool {
        if (self.applies)(state) && !(self.holds)(state) {
            return true;
        }
        let ended = state.is_over();
        let stuck = !ended && state.actions().expect("a configuration is well-formed").is_empty();
        stuck || ended && !all_ended(state)
    }
}

/// Where everybody has ended, so has the work behind every future.
fn all_ended(state: &System) -> bool {
    let ended = |phase: &Phase| {
        matches!(phase, Phase::Finished(_) | Phase::Cancelled { acknowledged: true })
    };
    // What a program completes by hand it may leave cancelled.
    state.census().submissions.iter().all(ended)
}

const FOREVER: Limit = Limit::Forever;

fn log(state: &System, thread: usize) -> Vec<Word> {
    state.outcome().0[thread].clone()
}

fn count(state: &System, thread: usize, word: &Word) -> usize {
    log(state, thread).iter().filter(|other| *other == word).count()
}

fn has(state: &System, thread: usize, word: &Word) -> bool {
    count(state, thread, word) > 0
}

fn mark(number: u8) -> Word {
    Word::Mark(number)
}

fn cancelled() -> Word {
    Word::Error(Cause::Cancelled)
}

/// Whether the one comes before the other, where both are.
fn in_order(state: &System, thread: usize, first: &Word, second: &Word) -> bool {
    let log = log(state, thread);
    let place = |word: &Word| log.iter().position(|other| other == word);
    match (place(first), place(second)) {
        (Some(first), Some(second)) => first < second,
        (None, Some(_)) => false,
        _ => true,
    }
}

/// A loop that runs until it is stopped, while another thread does this.
fn beside_a_loop(name: &str, other: Vec<Op>) -> Program {
    let owner = vec![Op::NewLoop(0), Op::Start(1), Op::RunForever(0), Op::Join(1)];
    Program::of(name, vec![owner, other])
}

fn post(callback: u8) -> Op {
    Op::Post { on: 0, callback, handle: callback }
}

fn submit() -> Op {
    Op::Submit { on: 0, coroutine: 0, future: 0 }
}

fn result(limit: Limit) -> Op {
    Op::Result { future: 0, limit }
}

const TURN: Op = Op::RunOnce { on: 0, sleep: Sleep::Zero };

/// A loop with one task: that is begun, meanwhile another thread does something, and this too is done; then the
/// task has its end, which is logged.
fn with_a_task(meanwhile: Vec<Op>) -> Vec<Op> {
    let task = Op::CreateTask { on: 0, coroutine: 0, task: 0 };
    let mut owner = vec![Op::NewLoop(0), task, Op::Start(1)];
    owner.extend(meanwhile);
    owner.push(Op::Join(1));
    owner.extend(vec![TURN; 3]);
    owner.push(Op::ResultLocal(Local::Task(0)));
    owner
}

/// Every property, in the order of the chapters.
pub static PROPERTIES: &[Property] = &[
    Property {
        name: "a cancelled callback never runs",
        clauses: &["H-1", "H-3"],
        program: || {
            let owner = vec![Op::NewLoop(0), post(0), Op::Start(1), TURN, Op::Join(1)];
            let threads = vec![owner, vec![Op::CancelHandle(0)]];
            Program::of("a cancel races the callback", threads)
                .with_callbacks(vec![vec![Op::Mark(1)]])
        },
        applies: |state| has(state, 1, &Word::True),
        holds: |state| !has(state, 0, &mark(1)),
        mistakes: &[Seeded::CancelledCallbackRuns],
    },
    Property {
        name: "what was scheduled first runs first",
        clauses: &["Q-1"],
        program: || {
            let call = Op::CallSoon { on: 0, callback: 1, handle: 1 };
            let owner = vec![Op::NewLoop(0), Op::Start(1), Op::AwaitGate(0), call, TURN];
            Program::of("a post before a call", vec![owner, vec![post(0), Op::Signal(0)]])
                .with_callbacks(vec![vec![Op::Mark(1)], vec![Op::Mark(2)]])
        },
        applies: |state| has(state, 0, &mark(2)),
        holds: |state| in_order(state, 0, &mark(1), &mark(2)),
        mistakes: &[Seeded::OwnOvertakesPosted],
    },
    Property {
        name: "a post ends the loop's sleep",
        clauses: &["W-1", "W-2", "W-5"],
        program: || {
            let other = vec![post(0), Op::AwaitGate(0), post(1), Op::Stop(0)];
            beside_a_loop("posts to a loop that sleeps", other)
                .with_callbacks(vec![vec![Op::Signal(0)], vec![Op::Mark(1)]])
        },
        applies: |state| has(state, 0, &Word::Ok),
        holds: |state| has(state, 0, &mark(1)),
        mistakes: &[Seeded::LosesTheByte, Seeded::SleepsOverMail],
    },
    Property {
        name: "nothing is accepted after a close",
        clauses: &["W-9", "S-8"],
        program: || {
            let owner = vec![Op::NewLoop(0), Op::Start(1), Op::Close(0), Op::Join(1)];
            let other = vec![Op::IsClosed(0), post(0), submit()];
            Program::of("a close races posts", vec![owner, other])
                .with_callbacks(vec![vec![]])
                .with_coroutines(vec![vec![]])
        },
        applies: |state| has(state, 1, &Word::True),
        holds: |state| !has(state, 1, &Word::Ok) && state.census().queued_when_closed == 0,
        mistakes: &[Seeded::AcceptsAfterClose],
    },
    Property {
        name: "no timer fires early",
        clauses: &["D-1", "D-2"],
        program: || {
            let later =
                |after, callback| Op::CallLater { on: 0, after, callback, handle: callback };
            let mut owner = vec![Op::NewLoop(0), later(2, 0), later(1, 1)];
            owner.extend(vec![Op::RunOnce { on: 0, sleep: Sleep::Forever }; 3]);
            let soon = Op::CallSoon { on: 0, callback: 2, handle: 2 };
            Program::of("two timers", vec![owner]).with_callbacks(vec![
                vec![Op::Mark(1)],
                vec![Op::Mark(2), soon],
                vec![Op::Mark(3)],
            ])
        },
        applies: |state| has(state, 0, &mark(1)),
        holds: |state| in_order(state, 0, &mark(3), &mark(1)),
        mistakes: &[Seeded::EarlyTimer],
    },
    Property {
        name: "a future has one terminal outcome, and one winner",
        clauses: &["F-1", "F-2", "F-4", "F-6"],
        program: || {
            let producer = vec![
                Op::NewPromise(0),
                Op::Start(1),
                Op::Start(2),
                Op::SetResult { future: 0, value: 1 },
                result(FOREVER),
                result(FOREVER),
                Op::Join(1),
                Op::Join(2),
            ];
            let completer = vec![Op::Complete { future: 0, value: 2 }, result(FOREVER)];
            Program::of("three settle", vec![producer, completer, vec![Op::Cancel(0)]])
        },
        applies: |state| log(state, 0).len() == 3 && log(state, 1).len() == 2,
        holds: |state| {
            let (first, second) = (log(state, 0), log(state, 1));
            first[1] == first[2] && first[1] == second[1]
        },
        mistakes: &[Seeded::CompletesTwice],
    },
    Property {
        name: "exactly one of three who settle wins",
        clauses: &["F-4"],
        program: || {
            let producer = vec![
                Op::NewPromise(0),
                Op::Start(1),
                Op::Start(2),
                Op::SetResult { future: 0, value: 1 },
            ];
            let completer = vec![Op::Complete { future: 0, value: 2 }];
            Program::of("three settle", vec![producer, completer, vec![Op::Cancel(0)]])
        },
        applies: System::is_over,
        holds: |state| {
            let won = [(0, Word::Ok), (1, Word::True), (2, Word::True)];
            won.iter().map(|(thread, word)| count(state, *thread, word)).sum::<usize>() == 1
        },
        mistakes: &[Seeded::CompletesTwice],
    },
    Property {
        name: "completion that came first is never a timeout",
        clauses: &["F-8", "F-9"],
        program: || {
            let producer = vec![
                Op::NewPromise(0),
                Op::Start(1),
                Op::SetResult { future: 0, value: 1 },
                Op::Signal(0),
            ];
            let waiter = vec![Op::AwaitGate(0), result(Limit::Finite)];
            Program::of("a wait after the completion", vec![producer, waiter])
        },
        applies: |state| !log(state, 1).is_empty(),
        holds: |state| !has(state, 1, &Word::TimedOut),
        mistakes: &[Seeded::TimeoutOverCompletion],
    },
    Property {
        name: "a done-callback runs exactly once",
        clauses: &["F-12", "F-14"],
        program: || {
            let producer = vec![
                Op::NewPromise(0),
                Op::OnDone { future: 0, callback: 0 },
                Op::Start(1),
                Op::Complete { future: 0, value: 1 },
            ];
            let threads =
                vec![producer, vec![Op::Cancel(0), Op::OnDone { future: 0, callback: 1 }]];
            Program::of("callbacks of a race", threads)
                .with_callbacks(vec![vec![Op::Mark(1)], vec![Op::Mark(2)]])
        },
        applies: System::is_over,
        holds: |state| {
            [mark(1), mark(2)]
                .iter()
                .all(|mark| (0..2).map(|thread| count(state, thread, mark)).sum::<usize>() == 1)
        },
        mistakes: &[Seeded::CallbackTwice],
    },
    Property {
        name: "every waiter returns",
        clauses: &["F-2", "F-15", "F-16"],
        program: || {
            let owner = vec![
                Op::NewPromise(0),
                Op::Start(1),
                Op::Start(2),
                Op::Cancel(0),
                Op::SetRunning(0),
            ];
            let threads = vec![
                owner,
                vec![result(FOREVER)],
                vec![Op::WaitEnded { future: 0, limit: FOREVER }],
            ];
            Program::of("a cancel that is acknowledged", threads)
        },
        applies: System::is_over,
        holds: |state| has(state, 1, &cancelled()) && has(state, 2, &Word::Ok),
        mistakes: &[Seeded::NeverAcknowledged],
    },
    Property {
        name: "what a task scheduled runs before its submitter is released",
        clauses: &["C-1"],
        program: || {
            let other =
                vec![submit(), Op::OnDone { future: 0, callback: 1 }, result(FOREVER), Op::Stop(0)];
            let call = Op::CallSoon { on: 0, callback: 0, handle: 0 };
            beside_a_loop("a task that schedules", other)
                .with_callbacks(vec![vec![Op::Mark(1)], vec![Op::Mark(2)]])
                .with_coroutines(vec![vec![Stmt::Do(call)]])
        },
        applies: |state| has(state, 0, &mark(2)),
        holds: |state| in_order(state, 0, &mark(1), &mark(2)),
        mistakes: &[Seeded::CopiesAtOnce],
    },
    Property {
        name: "no value after a cancel",
        clauses: &["C-2", "C-7"],
        program: || {
            let other = vec![
                submit(),
                Op::Cancel(0),
                result(FOREVER),
                Op::WaitEnded { future: 0, limit: FOREVER },
                result(FOREVER),
                Op::Stop(0),
            ];
            let swallows = Stmt::Try {
                body: vec![Stmt::Await(Awaited::Yield)],
                catch: super::program::Catch::Cancelled,
                handler: vec![],
                again: false,
            };
            beside_a_loop("a cancel races the outcome", other)
                .with_coroutines(vec![vec![swallows, Stmt::Return(1)]])
        },
        applies: |state| has(state, 1, &Word::True),
        holds: |state| !has(state, 1, &Word::Value(1)),
        mistakes: &[Seeded::ValueAfterCancel],
    },
    Property {
        name: "a cancel is seen by the next step that begins",
        clauses: &["C-6"],
        program: || {
            let other = vec![
                Op::NewPromise(1),
                submit(),
                // Raises the gate behind the task's first step.
                post(1),
                Op::AwaitGate(0),
                post(0),
                Op::SetResult { future: 1, value: 1 },
                Op::Cancel(0),
                Op::Signal(1),
                Op::WaitEnded { future: 0, limit: FOREVER },
                Op::Stop(0),
            ];
            let behind = Op::CallSoon { on: 0, callback: 2, handle: 2 };
            beside_a_loop("a step is queued before the cancel", other)
                .with_callbacks(vec![vec![Op::AwaitGate(1)], vec![behind], vec![Op::Signal(0)]])
                .with_coroutines(vec![vec![Stmt::Await(Awaited::Future(1)), Stmt::Do(Op::Mark(1))]])
        },
        applies: |state| has(state, 1, &Word::True),
        holds: |state| !has(state, 0, &mark(1)),
        mistakes: &[Seeded::CancelOneStepLate],
    },
    Property {
        name: "every accepted submission ends, also when the loop is closed",
        clauses: &["C-8", "U-1", "W-9"],
        program: || {
            let owner = vec![Op::NewLoop(0), submit(), Op::Start(1), TURN, Op::Close(0)];
            Program::of("a close races a wait", vec![owner, vec![result(FOREVER)]])
                .with_coroutines(vec![vec![Stmt::Await(Awaited::Foreign(0))]])
        },
        applies: |state| !log(state, 1).is_empty(),
        holds: |state| has(state, 1, &Word::Error(Cause::LoopClosed)),
        mistakes: &[Seeded::CloseStrandsTasks],
    },
    Property {
        name: "what is posted as the loop closes is refused or ends",
        clauses: &["W-9", "C-8"],
        program: || {
            let owner = vec![Op::NewLoop(0), Op::Start(1), Op::Close(0), Op::Join(1)];
            let other = vec![submit(), Op::Signal(0)];
            Program::of("a close races a submission", vec![owner, other])
                .with_coroutines(vec![vec![]])
        },
        applies: |state| has(state, 1, &Word::Ok),
        holds: |_| true,
        mistakes: &[Seeded::CloseStrandsPosted],
    },
    Property {
        name: "a stopped loop strands nobody when it is closed",
        clauses: &["S-1", "S-7", "C-8"],
        program: || {
            let owner = vec![Op::NewLoop(0), Op::Start(1), Op::RunForever(0), Op::Close(0)];
            let other = vec![submit(), Op::Stop(0), result(FOREVER)];
            Program::of("a stop before the outcome", vec![owner, other])
                .with_coroutines(vec![vec![Stmt::Await(Awaited::Yield), Stmt::Return(1)]])
        },
        applies: System::is_over,
        holds: |state| log(state, 1).len() == 3,
        mistakes: &[Seeded::CloseStrandsTasks],
    },
    Property {
        name: "work that was cancelled before it began never runs",
        clauses: &["E-4"],
        program: || {
            let owner = vec![
                Op::NewPool { pool: 0, workers: 1, broken: None },
                Op::SubmitWork { pool: 0, work: 0, future: 0 },
                Op::Cancel(0),
            ];
            Program::of("a cancel races the work", vec![owner]).with_works(vec![vec![Op::Mark(1)]])
        },
        applies: |state| has(state, 0, &Word::True),
        holds: |state| !has(state, 1, &mark(1)),
        mistakes: &[Seeded::CancelledWorkRuns],
    },
    Property {
        name: "a shutdown that cancels releases everybody",
        clauses: &["E-5", "E-6"],
        program: || {
            let owner = vec![
                Op::NewPool { pool: 0, workers: 1, broken: None },
                Op::SubmitWork { pool: 0, work: 0, future: 0 },
                Op::SubmitWork { pool: 0, work: 1, future: 1 },
                Op::Start(1),
                Op::Shutdown { pool: 0, wait: true, cancel: true },
            ];
            let waiter = vec![Op::WaitEnded { future: 1, limit: FOREVER }];
            Program::of("a shutdown with work queued", vec![owner, waiter])
                .with_works(vec![vec![], vec![]])
        },
        applies: System::is_over,
        holds: |state| has(state, 1, &Word::Ok),
        mistakes: &[Seeded::CancelledWorkNeverEnds],
    },
    Property {
        name: "the exception handler hears of a failure once",
        clauses: &["T-15", "T-16"],
        program: || {
            let owner = vec![
                Op::NewLoop(0),
                Op::SetHandler { on: 0, handler: Handler::Recording },
                Op::SetFactory { on: 0, factory: Factory::Fails(1) },
                Op::Start(1),
                Op::RunForever(0),
                Op::Join(1),
            ];
            let other = vec![submit(), Op::Cancel(0), Op::Stop(0)];
            Program::of("a factory that fails", vec![owner, other]).with_coroutines(vec![vec![]])
        },
        applies: System::is_over,
        holds: |state| count(state, 0, &Word::Reported(Cause::Raised(1))) == 1,
        mistakes: &[Seeded::HandlerTwice],
    },
    Property {
        name: "a shield keeps a cancel from its task",
        clauses: &["O-7"],
        program: || {
            let mut owner = vec![
                Op::NewLoop(0),
                Op::CreateTask { on: 0, coroutine: 0, task: 0 },
                Op::Start(1),
                Op::RunForever(0),
                Op::Join(1),
            ];
            // The shielded task may have some way to go when its submitter is content.
            owner.extend(vec![TURN; 6]);
            owner.push(Op::ResultLocal(Local::Task(0)));
            let other = vec![
                Op::Submit { on: 0, coroutine: 1, future: 0 },
                Op::Cancel(0),
                Op::WaitEnded { future: 0, limit: FOREVER },
                Op::Stop(0),
            ];
            let threads = vec![owner, other];
            // Long enough for the cancel to find it at work.
            let mut shielded = vec![Stmt::Await(Awaited::Yield); 5];
            shielded.push(Stmt::Return(1));
            Program::of("a cancel stops at a shield", threads).with_coroutines(vec![
                shielded,
                vec![Stmt::Do(Op::Mark(1)), Stmt::Await(Awaited::Shield(0))],
            ])
        },
        // The cancel came, and not before the shield was there.
        applies: |state| state.is_over() && has(state, 1, &Word::True) && has(state, 0, &mark(1)),
        holds: |state| has(state, 0, &Word::Value(1)),
        mistakes: &[Seeded::ShieldHandsOn],
    },
    Property {
        name: "a cancel that nobody received outlives every scope",
        clauses: &["T-11", "O-2"],
        program: || {
            let owner = with_a_task(vec![TURN, Op::CancelLocal(Local::Task(0)), TURN, TURN, TURN]);
            // What it awaits first may be ready when the cancel comes, and nothing after it awaits.
            let first = vec![Stmt::Await(Awaited::Foreign(0))];
            let scope = |body| Stmt::Timeout { after: 9, body };
            let coroutine = vec![scope(first), scope(vec![]), Stmt::Return(1)];
            Program::of("a cancel beside two scopes", vec![owner, vec![Op::Signal(0)]])
                .with_coroutines(vec![coroutine])
        },
        applies: |state| state.is_over() && has(state, 0, &Word::True),
        holds: |state| has(state, 0, &cancelled()),
        mistakes: &[Seeded::GivenBackCountsAsReceived],
    },
    Property {
        name: "a cancel asked for after one was received counts",
        clauses: &["T-8", "T-11"],
        program: || {
            let mut owner =
                vec![Op::NewLoop(0), Op::CreateTask { on: 0, coroutine: 0, task: 0 }, Op::Start(1)];
            owner.extend(vec![TURN; 2]);
            owner.push(Op::Join(1));
            owner.extend(vec![TURN; 3]);
            owner.push(Op::ResultLocal(Local::Task(0)));
            let cancel = || Op::CancelLocal(Local::Task(0));
            let scope = || Stmt::Timeout { after: 9, body: vec![] };
            let swallows = Stmt::Try {
                body: vec![Stmt::Await(Awaited::Sleep(5))],
                catch: Catch::Cancelled,
                handler: vec![Stmt::Do(cancel()), scope(), scope(), Stmt::Do(Op::Mark(1))],
                again: false,
            };
            Program::of("a second cancel in one step", vec![owner, vec![post(0)]])
                .with_callbacks(vec![vec![cancel()]])
                .with_coroutines(vec![vec![swallows, Stmt::Return(1)]])
        },
        applies: |state| state.is_over() && has(state, 0, &mark(1)),
        holds: |state| has(state, 0, &cancelled()),
        mistakes: &[Seeded::GivenBackCountsAsReceived],
    },
    Property {
        name: "a cancel asked for inside a scope is yielded by the next await there",
        clauses: &["T-19", "O-1"],
        program: || {
            let owner = with_a_task(vec![
                Op::NewFuture { on: 0, future: 0 },
                Op::SetLoopResult { future: 0, value: 7 },
                TURN,
            ]);
            let cancel = Stmt::Do(Op::CancelLocal(Local::Task(0)));
            let is_done = Stmt::Await(Awaited::Local(0));
            let body = vec![Stmt::Await(Awaited::Foreign(0)), cancel, is_done];
            Program::of("a cancel in a scope", vec![owner, vec![Op::Signal(0)]])
                .with_coroutines(vec![vec![Stmt::Timeout { after: 9, body }, Stmt::Return(1)]])
        },
        applies: |state| state.is_over() && has(state, 0, &Word::True),
        // What it awaits says nothing more, and no statement is run behind it.
        holds: |state| !has(state, 0, &Word::Value(7)) && has(state, 0, &cancelled()),
        mistakes: &[Seeded::EnteredScopeHearsNothing],
    },
    Property {
        name: "a foreign cancel wins over an expiry",
        clauses: &["O-1", "O-2"],
        program: || {
            let owner = with_a_task(vec![TURN, Op::Busy { on: 0, units: 3 }, TURN, TURN, TURN]);
            let body = vec![Stmt::Await(Awaited::Sleep(9))];
            Program::of("a cancel beside an expiry", vec![owner, vec![post(0)]])
                .with_callbacks(vec![vec![Op::CancelLocal(Local::Task(0))]])
                .with_coroutines(vec![vec![Stmt::Timeout { after: 2, body }]])
        },
        // A cancel of a task that is done is refused.
        applies: |state| state.is_over() && has(state, 0, &Word::True),
        holds: |state| has(state, 0, &cancelled()),
        mistakes: &[Seeded::ExpirySwallowsCancel],
    },
];
