//! Programs of one task that waits, in which no two things happen at the same time.

use super::{Draw, TASKS};
use crate::spec::Program;
use crate::spec::program::{Awaited, Catch, Handler, Local, Op, Query, Stmt, Units};

impl Draw {
    /// A task waits; timers meddle with it and with what it waits for.
    pub(super) fn quiet(&mut self) -> Program {
        // The children, which write nothing, then the one that waits, then one that is awaited in place.
        // Sums of different powers of two are never equal.
        let mut delays: Vec<Units> = (0..18).map(|power| 1 << power).collect();
        self.choices.shuffle(&mut delays);
        let mut thread = vec![
            Op::NewLoop(0),
            Op::SetHandler { on: 0, handler: Handler::Recording },
            Op::NewPromise(0),
            Op::NewFuture { on: 0, future: 0 },
        ];
        let mut coroutines: Vec<Vec<Stmt>> = Vec::new();
        for task in 0..TASKS {
            let sleep = Stmt::Await(Awaited::Sleep(delays.pop().expect("enough")));
            let end = match self.below(6) {
                0 => Stmt::Raise(task),
                1 => Stmt::RaiseCancelled,
                _ => Stmt::Return(task + 1),
            };
            coroutines.push(vec![sleep, end]);
            thread.push(Op::CreateTask { on: 0, coroutine: task, task });
        }
        let in_place = TASKS + 1;
        let mut main = self.waits(&mut delays, 2, in_place);
        main.push(Stmt::Return(9));
        coroutines.push(main);
        let sleep = Stmt::Await(Awaited::Sleep(delays.pop().expect("enough")));
        coroutines.push(vec![sleep, Stmt::Return(8)]);
        thread.push(Op::CreateTask { on: 0, coroutine: TASKS, task: TASKS });
        let meddlers = self.small(3);
        let mut callbacks = Vec::new();
        for number in 0..=meddlers {
            let Some(after) = delays.pop() else { break };
            let child = Local::Task(self.small(TASKS));
            callbacks.push(vec![match self.below(7) {
                0 => Op::CancelLocal(child),
                1 | 2 => Op::CancelLocal(Local::Task(TASKS)),
                3 => Op::SetResult { future: 0, value: 5 },
                4 => Op::SetLoopResult { future: 0, value: 6 },
                5 => Op::SetLoopException { future: 0, exception: 7 },
                _ => Op::QueryLocal { of: child, what: Query::Done },
            }]);
            let (callback, handle) = (number, number);
            thread.push(Op::CallLater { on: 0, after, callback, handle });
        }
        // Whatever is not over when all of that has happened stays so.
        callbacks.push(vec![Op::StopLocal(0)]);
        let last = u8::try_from(callbacks.len() - 1).expect("few");
        thread.push(Op::CallLater { on: 0, after: 1 << 19, callback: last, handle: last });
        thread.push(Op::RunForever(0));
        thread.extend((0..=TASKS).map(|task| Op::ResultLocal(Local::Task(task))));
        Program { threads: vec![thread], callbacks, coroutines, ..Program::default() }
    }

    fn waits(&mut self, delays: &mut Vec<Units>, depth: u32, in_place: u8) -> Vec<Stmt> {
        let mut block = Vec::new();
        for _ in 0..=self.below(2) {
            // The last two belong to others.
            if delays.len() <= 6 {
                break;
            }
            let mut delay = || delays.pop().expect("it was looked");
            let task = self.small(TASKS);
            let what = match self.below(8) {
                0 => Awaited::Sleep(delay()),
                1 => Awaited::Local(0),
                2 => Awaited::Wrapped(0),
                3 => Awaited::Shield(task),
                4 => Awaited::Gather((0..TASKS).filter(|_| self.one_in(2)).collect()),
                5 if !self.in_place => {
                    self.in_place = true;
                    Awaited::Coroutine(in_place)
                }
                _ => Awaited::Task(task),
            };
            // Elsewhere `gather` and `shield` begin where they are written, here where they are awaited; and asyncio
            // reports a cancelled `gather` that `wait_for` was given. See FINDINGS.md.
            let begins = matches!(what, Awaited::Gather(_) | Awaited::Shield(_));
            let after = if !begins && self.one_in(8) { 0 } else { delay() };
            let in_place_only = matches!(what, Awaited::Coroutine(_));
            let gathers = matches!(what, Awaited::Gather(_));
            block.push(match self.below(if depth > 0 { 6 } else { 3 }) {
                _ if gathers => Stmt::Timeout { after, body: vec![Stmt::Await(what)] },
                0 | 1 => Stmt::WaitFor { after, what },
                _ if in_place_only => Stmt::WaitFor { after, what },
                2 => Stmt::Await(what),
                3 => {
                    let mut body = vec![Stmt::Await(what)];
                    body.extend(self.waits(delays, depth - 1, in_place));
                    Stmt::Timeout { after, body }
                }
                4 => Stmt::Finally {
                    body: vec![Stmt::Await(what)],
                    last: vec![Stmt::Do(Op::Mark(3))],
                },
                _ => Stmt::Try {
                    body: vec![Stmt::WaitFor { after, what }],
                    catch: self.of(&[
                        Catch::Cancelled,
                        Catch::Timeout,
                        Catch::Exception,
                        Catch::All,
                    ]),
                    handler: self.waits(delays, depth - 1, in_place),
                    again: self.one_in(3),
                },
            });
        }
        block
    }
}
