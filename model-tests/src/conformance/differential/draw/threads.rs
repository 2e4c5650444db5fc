//! Programs of several threads, or of one thread and a pool.

use super::Draw;
use crate::spec::Program;
use crate::spec::program::{Awaited, Handler, Limit, Local, Op, Sleep, Stmt, When};

impl Draw {
    pub(super) fn pool(&mut self) -> Program {
        let with_loop = self.one_in(2);
        let broken = self.one_in(4).then_some(5);
        let workers = self.small(3);
        let mut thread = Vec::new();
        if with_loop {
            let handler = Op::SetHandler { on: 0, handler: Handler::Recording };
            thread.extend([Op::NewLoop(0), handler]);
        }
        thread.push(Op::NewPool { pool: 0, workers, broken });
        let mut works = Vec::new();
        let count = self.small(2) + 1;
        for work in 0..count {
            if workers == 0 {
                break;
            }
            let end = self.of(&[Op::Return(3), Op::Raise(2), Op::Exit(4), Op::Mark(1)]);
            // In CPython one that is refused shuts the pool down all the same: see FINDINGS.md.
            let wait = count == 1 && self.one_in(2);
            let shutdown = Op::Shutdown { pool: 0, wait, cancel: false };
            works.push(vec![if self.one_in(5) { shutdown } else { Op::Mark(40) }, end]);
            let submit = if with_loop {
                Op::RunInExecutor { on: 0, pool: 0, work, future: work }
            } else {
                Op::SubmitWork { pool: 0, work, future: work }
            };
            thread.push(submit);
            match self.below(4) {
                0 => {
                    let (wait, cancel) = (self.one_in(2), self.one_in(2));
                    thread.push(Op::Shutdown { pool: 0, wait, cancel });
                }
                1 if with_loop => thread.push(Op::CancelLocal(Local::Future(work))),
                2 if with_loop => thread.push(Op::RunOnce { on: 0, sleep: Sleep::Zero }),
                1 => thread.push(Op::Cancel(work)),
                2 => thread.push(Op::Result { future: work, limit: Limit::Forever }),
                _ => {}
            }
        }
        if with_loop {
            thread.push(Op::RunOnce { on: 0, sleep: Sleep::Zero });
        }
        Program { threads: vec![thread], works, ..Program::default() }
    }

    pub(super) fn threads(&mut self) -> Program {
        let mut owner = vec![
            Op::NewLoop(0),
            Op::SetHandler { on: 0, handler: Handler::Recording },
            Op::NewPromise(0),
        ];
        let pool = self.one_in(2);
        if pool {
            let broken = self.one_in(6).then_some(5);
            owner.push(Op::NewPool { pool: 0, workers: self.small(2), broken });
        }
        owner.push(Op::Start(1));
        let mut works = Vec::new();
        if pool && !matches!(owner[3], Op::NewPool { workers: 0, .. }) {
            let end = self.of(&[Op::Return(3), Op::Raise(2), Op::Exit(4), Op::Mark(1)]);
            let shutdown = Op::Shutdown { pool: 0, wait: true, cancel: false };
            let first = self.of(&[Op::Mark(40), Op::Mark(41), shutdown]);
            works.push(vec![first, end]);
            owner.push(self.of(&[
                Op::SubmitWork { pool: 0, work: 0, future: 1 },
                Op::RunInExecutor { on: 0, pool: 0, work: 0, future: 1 },
            ]));
            if self.one_in(3) {
                let (wait, cancel) = (self.one_in(2), self.one_in(2));
                owner.push(Op::Shutdown { pool: 0, wait, cancel });
            }
        }
        if self.one_in(2) {
            owner.push(Op::AwaitGate(0));
        }
        owner.push(match self.below(4) {
            0 => Op::RunUntilComplete { on: 0, coroutine: 1 },
            1 => Op::RunOnce { on: 0, sleep: Sleep::Zero },
            // The other thread stops it.
            _ => Op::RunForever(0),
        });
        if self.one_in(2) {
            owner.push(Op::Join(1));
            owner.push(Op::RunOnce { on: 0, sleep: Sleep::Zero });
        }
        owner.push(self.of(&[Op::Close(0), Op::Join(1)]));
        let mut other = Vec::new();
        let limit = self.of(&[Limit::Finite, Limit::Zero, Limit::Forever]);
        for step in 0..=self.small(2) {
            other.push(match self.below(4) {
                0 | 1 => Op::Post { on: 0, callback: 0, handle: step },
                2 => Op::Submit { on: 0, coroutine: 0, future: 2 + step },
                _ => Op::SetResult { future: 0, value: 1 },
            });
            if let Some(Op::Submit { future, .. }) = other.last() {
                let future = *future;
                other.push(self.of(&[
                    Op::Result { future, limit },
                    Op::Cancel(future),
                    Op::WaitEnded { future, limit },
                    Op::Wait { futures: vec![future, 0], when: When::FirstCompleted, limit },
                    Op::AsCompleted { futures: vec![future], limit },
                ]));
            }
        }
        other.push(Op::Signal(0));
        other.push(Op::Stop(0));
        let coroutines = vec![
            vec![Stmt::Await(Awaited::Yield), Stmt::Return(7)],
            vec![Stmt::Await(self.of(&[Awaited::Wrapped(0), Awaited::Sleep(1)])), Stmt::Return(9)],
        ];
        Program {
            threads: vec![owner, other],
            callbacks: vec![vec![Op::Mark(20)]],
            coroutines,
            works,
            ..Program::default()
        }
    }
}
