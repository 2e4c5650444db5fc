//! Programs of one thread that runs a loop iteration by iteration.

use super::{CALLBACKS, Draw, FUTURES, GATES, LOCALS, PROMISES, Place, TASKS};
use crate::spec::Program;
use crate::spec::program::{
    Awaited, Catch, Factory, Handler, Limit, Local, Op, Query, Sleep, Stmt,
};

impl Draw {
    fn op(&mut self, place: Place) -> Op {
        let task = Local::Task(self.small(TASKS));
        let local = Local::Future(self.small(LOCALS));
        let either = self.of(&[task, task, local]);
        let own = if place.coroutine.is_some() { self.of(&[task, Local::Current]) } else { task };
        let future = self.small(FUTURES);
        let made = self.small(PROMISES);
        // The last is for loops alone: it may exit.
        let callback = self.small(CALLBACKS - 1);
        let loop_future = self.small(LOCALS);
        let limit = if place.whole { self.of(&[Limit::Forever, Limit::Zero]) } else { Limit::Zero };
        match self.below(if place.whole { 33 } else { 29 }) {
            0 => Op::Cancel(future),
            1 => Op::SetResult { future: made, value: 1 },
            2 => Op::SetRunning(made),
            3 => Op::SetLoopResult { future: loop_future, value: 2 },
            4 => Op::SetLoopException { future: loop_future, exception: 3 },
            5 | 6 => Op::CancelLocal(own),
            7 => Op::CancelLocal(local),
            8 => Op::Uncancel(own),
            9 => Op::Cancelling(own),
            10 => Op::QueryLocal { of: either, what: self.of(&[Query::Done, Query::Cancelled]) },
            11 => Op::ResultLocal(either),
            12 => Op::OnDoneLocal { of: either, callback },
            13 => Op::OnDone { future, callback },
            14 => Op::Signal(self.small(GATES)),
            15 | 16 => {
                let what = [Query::Ended, Query::Cancelled, Query::Running, Query::Done];
                Op::Query { future, what: self.of(&what) }
            }
            17 => Op::SetException { future: made, exception: 4 },
            18 => Op::AllTasks(0),
            19 => Op::Result { future, limit },
            20 => Op::Exception { future, limit },
            21 => Op::Busy { on: 0, units: self.below(3) },
            22 => {
                let other = if place.whole { Factory::Wrong } else { Factory::Fails(6) };
                let factories = [Factory::Default, Factory::Default, Factory::Fails(5), other];
                Op::SetFactory { on: 0, factory: self.of(&factories) }
            }
            23 => self.of(&[Op::IsRunning(0), Op::IsClosed(0)]),
            24 => self.of(&[Op::StopLocal(0), Op::Stop(0)]),
            25 => Op::WaitEnded { future, limit: Limit::Zero },
            29 => Op::Complete { future: made, value: 4 },
            30 => Op::SetFactory { on: 0, factory: Factory::Panics(5) },
            31 => {
                let handlers = [Handler::Default, Handler::Recording, Handler::Panicking(6)];
                Op::SetHandler { on: 0, handler: self.of(&handlers) }
            }
            _ => Op::Mark(self.small(10)),
        }
    }

    fn awaited(&mut self, place: Place) -> Awaited {
        let below = place.coroutine.unwrap_or(0);
        let task = |draw: &mut Draw| {
            if place.whole { draw.small(TASKS) } else { draw.small(below) }
        };
        match self.below(if place.whole { 13 } else { 9 }) {
            0..=2 => Awaited::Sleep(self.below(4)),
            3 => Awaited::Yield,
            4 => Awaited::Wrapped(self.small(FUTURES)),
            5 => Awaited::Local(self.small(if place.whole { LOCALS + 1 } else { LOCALS })),
            6 | 7 if below > 0 || place.whole => Awaited::Task(task(self)),
            9 => Awaited::Future(self.small(FUTURES)),
            10 => Awaited::Foreign(self.small(GATES)),
            11 => Awaited::Shield(task(self)),
            12 => Awaited::Gather(vec![task(self), task(self)]),
            _ => Awaited::Yield,
        }
    }

    fn block(&mut self, place: Place, depth: u32) -> Vec<Stmt> {
        (0..=self.below(3)).map(|_| self.stmt(place, depth)).collect()
    }

    fn stmt(&mut self, place: Place, depth: u32) -> Stmt {
        match self.below(if depth > 0 { 18 } else { 12 }) {
            0..=3 => Stmt::Do(self.op(place)),
            9 if place.whole => Stmt::WaitFor { after: self.below(4), what: self.awaited(place) },
            10 => match self.below(8) {
                0 => Stmt::Raise(1),
                1 => Stmt::RaiseCancelled,
                2 if place.whole => Stmt::Panic(2),
                // Nobody awaits the submission.
                3 if place.whole || place.coroutine == Some(TASKS) => Stmt::Do(Op::Exit(1)),
                _ => Stmt::Return(7),
            },
            11 if place.whole => {
                Stmt::WaitFor { after: self.below(4), what: Awaited::Coroutine(4) }
            }
            4..=11 => Stmt::Await(self.awaited(place)),
            12..=14 => Stmt::Timeout { after: self.below(5), body: self.block(place, depth - 1) },
            15 => Stmt::Finally {
                body: self.block(place, depth - 1),
                last: self.block(place, depth - 1),
            },
            _ => Stmt::Try {
                body: self.block(place, depth - 1),
                catch: self.of(&[Catch::Cancelled, Catch::Timeout, Catch::Exception, Catch::All]),
                handler: self.block(place, depth - 1),
                again: self.one_in(2),
            },
        }
    }

    fn schedule(&mut self, whole: bool, handle: u8) -> Op {
        let callback = self.small(CALLBACKS);
        let after = self.below(4);
        match self.below(if whole { 5 } else { 4 }) {
            0 => Op::CallSoon { on: 0, callback, handle },
            1 => Op::Post { on: 0, callback, handle },
            2 => Op::CallLater { on: 0, after, callback, handle },
            3 => Op::CallAt { on: 0, at: after, callback, handle },
            _ => Op::PostLater { on: 0, after, callback, handle },
        }
    }

    pub(super) fn loop_program(&mut self, whole: bool) -> Program {
        let place = Place { whole, coroutine: None };
        let mut thread = vec![
            Op::NewLoop(0),
            Op::SetHandler { on: 0, handler: Handler::Recording },
            Op::NewPromise(0),
            Op::NewPromise(1),
            Op::NewFuture { on: 0, future: 0 },
            Op::NewFuture { on: 0, future: 1 },
            Op::Submit { on: 0, coroutine: 3, future: 2 },
        ];
        if self.one_in(3) {
            thread.push(Op::WrapFuture { on: 0, source: self.small(FUTURES), future: 4 });
            thread.push(Op::OnDoneLocal { of: Local::Future(4), callback: 0 });
        }
        if whole {
            thread.extend([Op::NewLoop(1), Op::NewFuture { on: 1, future: LOCALS }]);
        }
        for task in 0..TASKS {
            thread.push(Op::CreateTask { on: 0, coroutine: task, task });
        }
        let mut handle = 0;
        for _ in 0..self.below(14) + 6 {
            match self.below(8) {
                0 | 1 => thread.push(self.op(place)),
                2 if handle < 8 => {
                    thread.push(self.schedule(whole, handle));
                    if self.one_in(3) {
                        thread.push(Op::CancelHandle(handle));
                    }
                    handle += 1;
                }
                3 if self.one_in(3) => thread.extend(match self.below(3) {
                    0 => vec![Op::RunUntilComplete { on: 0, coroutine: 4 }],
                    _ => vec![Op::StopLocal(0), Op::RunForever(0)],
                }),
                _ => {
                    let sleep = self.of(&[Sleep::Zero, Sleep::Zero, Sleep::Units(2)]);
                    thread.push(Op::RunOnce { on: 0, sleep });
                }
            }
        }
        thread.extend((0..TASKS).map(|task| Op::ResultLocal(Local::Task(task))));
        if whole {
            thread.extend([Op::Forget(Local::Task(0)), Op::Forget(Local::Future(0))]);
            thread.push(Op::RunOnce { on: 0, sleep: Sleep::Zero });
            thread.push(self.of(&[Op::Close(0), Op::DropLoop(0), Op::DropLoopPromise(1)]));
            if self.one_in(2) {
                thread.push(Op::DropPromise(1));
                thread.push(Op::Result { future: 1, limit: Limit::Zero });
            }
        } else {
            thread.push(self.of(&[Op::Close(0), Op::DropLoop(0), Op::Mark(30)]));
        }
        thread.extend((1..TASKS).map(|task| Op::ResultLocal(Local::Task(task))));
        thread.push(Op::Result { future: 2, limit: Limit::Zero });
        let callbacks = (0..CALLBACKS).map(|number| self.callback(place, number)).collect();
        let coroutines = (0..4)
            .map(|number| {
                let number = if number == 3 { TASKS } else { number };
                self.block(Place { whole, coroutine: Some(number) }, 2)
            })
            .chain([vec![Stmt::Await(Awaited::Sleep(2)), Stmt::Return(9)]])
            .collect();
        let mut program =
            Program { threads: vec![thread], callbacks, coroutines, ..Program::default() };
        if !whole && format!("{program:?}").contains("Exit(") {
            // An exit leaves in asyncio's queue what reads the byte of a post: an empty turn, which W-3 allows and which
            // a sleep of this one would be lost to.
            for op in &mut program.threads[0] {
                if let Op::RunOnce { sleep, .. } = op {
                    *sleep = Sleep::Zero;
                }
            }
        }
        program
    }

    fn callback(&mut self, place: Place, number: u8) -> Vec<Op> {
        let mut list: Vec<Op> = (0..self.below(3)).map(|_| self.op(place)).collect();
        list.push(Op::Mark(20 + number));
        let other = u8::from(place.whole);
        if self.one_in(12) {
            list.push(self.of(&[Op::RunForever(0), Op::Close(0), Op::RunForever(other)]));
        }
        match self.below(12) {
            0 | 1 => list.push(Op::Raise(6)),
            2 | 3 if number == CALLBACKS - 1 => list.push(Op::Exit(2)),
            _ => {}
        }
        list
    }
}
