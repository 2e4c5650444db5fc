//! Programs of one thread without a loop.

use super::{CALLBACKS, Draw};
use crate::spec::Program;
use crate::spec::program::{Limit, Op, Query, When};

impl Draw {
    pub(super) fn futures(&mut self) -> Program {
        const MADE: u8 = 4;
        let mut thread: Vec<Op> = (0..MADE).map(Op::NewPromise).collect();
        for _ in 0..self.below(12) + 4 {
            let op = self.future_op(MADE, true);
            thread.push(op);
        }
        let callbacks = (0..CALLBACKS)
            .map(|number| {
                let mut list = vec![Op::Mark(20 + number)];
                if self.one_in(2) {
                    list.push(self.future_op(MADE, false));
                }
                list.extend(self.one_in(6).then_some(Op::Raise(6)));
                list
            })
            .collect();
        Program { threads: vec![thread], callbacks, ..Program::default() }
    }

    fn future_op(&mut self, made: u8, listens: bool) -> Op {
        let future = self.small(made);
        let some = |draw: &mut Draw| (0..draw.below(4)).map(|_| draw.small(made)).collect();
        let limit = Limit::Zero;
        match self.below(16) {
            0 | 1 => Op::Cancel(future),
            2 => Op::SetRunning(future),
            3 | 4 => Op::SetResult { future, value: self.small(4) },
            5 => Op::SetException { future, exception: self.small(4) },
            6 => Op::Result { future, limit },
            7 => Op::Exception { future, limit },
            8 => {
                let what = [Query::Ended, Query::Cancelled, Query::Running, Query::Done];
                Op::Query { future, what: self.of(&what) }
            }
            9 => Op::WaitEnded { future, limit },
            10..=12 => {
                let when = [When::FirstCompleted, When::FirstException, When::AllCompleted];
                Op::Wait { futures: some(self), when: self.of(&when), limit }
            }
            // Those that are done when it begins come in any order: one is enough to ask about.
            13 => Op::AsCompleted { futures: vec![future; self.choices.index(3)], limit },
            _ if listens => Op::OnDone { future, callback: self.small(CALLBACKS) },
            _ => Op::Mark(self.small(10)),
        }
    }
}
