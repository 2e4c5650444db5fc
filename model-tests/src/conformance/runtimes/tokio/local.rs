//! Operations of a loop's own thread, and of its owner.

use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;

use ::tokio::runtime::Runtime;
use ::tokio::sync::oneshot;
use ::tokio::time::advance;
use futures::FutureExt as _;
use futures::future::{Either, select};

use super::here::Here;
use super::outcome::{Error, Joint, Outcome, attempt};
use super::script;
use super::world::duration;
use crate::spec::program::{Local, Op, Query};
use crate::spec::{Cause, Word};

impl Here {
    pub(super) fn operate_locally(&self, op: &Op) {
        let world = &self.world;
        match *op {
            Op::Busy { on, units } => {
                // The clock is set at once; what is left is to let others run.
                let own = world.loops.get(on);
                let _context = own.handle.enter();
                let _yields = advance(duration(units)).now_or_never();
            }
            Op::CallSoon { on, callback, handle } => self.schedule(on, None, callback, handle),
            Op::CallLater { on, after, callback, handle } => {
                let sleep = world.loops.get(on).sleep_for(after);
                self.schedule(on, Some(sleep), callback, handle);
            }
            Op::CallAt { on, at, callback, handle } => {
                let sleep = world.loops.get(on).sleep_until(at);
                self.schedule(on, Some(sleep), callback, handle);
            }
            Op::CreateTask { on, coroutine, task } => {
                let script = script::coroutine(Arc::clone(world), coroutine);
                let new = Joint::of_task(world.loops.get(on).handle.spawn(script));
                self.accept(new, Cause::LoopClosed, &world.tasks, task);
            }
            Op::RunInExecutor { pool, work, future, .. } => {
                self.submit_work(pool, work, &world.loop_futures, future);
            }
            Op::NewFuture { future, .. } => {
                let (sender, receiver) = oneshot::channel();
                world.loop_promises.put(future, sender);
                world.loop_futures.put(future, Joint::of_channel(receiver));
            }
            Op::SetLoopResult { future, value } => {
                self.send(&world.loop_promises, future, Ok(value));
            }
            Op::SetLoopException { future, exception } => {
                let raised = Error::Raised(world.exception(exception));
                self.send(&world.loop_promises, future, Err(raised));
            }
            Op::DropLoopPromise(slot) => drop(world.loop_promises.take(slot)),
            Op::AllTasks(on) => {
                let count = world.loops.get(on).handle.metrics().num_alive_tasks();
                self.log(Word::Count(u8::try_from(count).expect("they are few")));
            }
            Op::StopLocal(on) => drop(self.stop(on)),
            ref op => self.operate_on_local(op),
        }
    }

    fn local(&self, of: Local) -> Joint {
        match of {
            Local::Task(slot) => self.world.tasks.get(slot),
            Local::Future(slot) => self.world.loop_futures.get(slot),
            Local::Current => unreachable!("`beyond` knows"),
        }
    }

    fn operate_on_local(&self, op: &Op) {
        match *op {
            Op::CancelLocal(of) => {
                let of = self.local(of);
                let live = of.now().is_none();
                of.abort();
                self.log(Word::of(live));
            }
            Op::QueryLocal { of, what: Query::Cancelled } => {
                self.log(Word::of(self.local(of).cancelled()));
            }
            Op::QueryLocal { of, .. } => self.log(Word::of(self.local(of).now().is_some())),
            Op::ResultLocal(of) => {
                self.log(self.local(of).now().map_or(Word::Pending, Outcome::word));
            }
            Op::Forget(Local::Task(slot)) => drop(self.world.tasks.take(slot)),
            Op::Forget(Local::Future(slot)) => drop(self.world.loop_futures.take(slot)),
            ref op => self.operate_as_owner(op),
        }
    }

    fn operate_as_owner(&self, op: &Op) {
        match *op {
            Op::NewLoop(on) => {
                let runtime = Rc::new(self.world.new_loop(on));
                self.owned.borrow_mut().insert(on, runtime);
            }
            Op::RunForever(on) => {
                let stop = self.world.loops.get(on).stop;
                self.run(on, stop.notified().map(|()| Word::Ok));
            }
            Op::RunUntilComplete { on, coroutine } => self.run_until_complete(on, coroutine),
            Op::Close(on) => {
                drop(self.owned.borrow_mut().remove(&on).expect("it is open"));
                self.log(Word::Ok);
            }
            Op::DropLoop(on) => drop(self.owned.borrow_mut().remove(&on)),
            ref op => unreachable!("lacking, by tokio's profile or by `beyond`: {op:?}"),
        }
    }

    fn run_until_complete(&self, on: u8, coroutine: u8) {
        let own = self.world.loops.get(on);
        let script = script::coroutine(Arc::clone(&self.world), coroutine);
        let task = Joint::of_task(own.handle.spawn(script));
        let ended = task.outcome.clone();
        let ran = self.run(on, async {
            match select(ended, pin!(own.stop.notified())).await {
                Either::Left((outcome, _)) => outcome.word(),
                Either::Right(_) => Word::Error(Cause::StoppedEarly),
            }
        });
        if !ran {
            task.abort();
        }
    }

    /// Runs a loop until that is over. Not if it is refused.
    fn run(&self, on: u8, until: impl Future<Output = Word>) -> bool {
        let runtime: Rc<Runtime> = Rc::clone(&self.owned.borrow()[&on]);
        let ran = attempt(|| runtime.block_on(until));
        let did = ran.is_ok();
        self.log(ran.unwrap_or(Word::Error(Cause::AlreadyRunning)));
        did
    }
}
