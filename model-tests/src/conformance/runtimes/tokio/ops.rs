//! Operations that any thread may do.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use ::tokio::runtime::Builder;
use ::tokio::sync::oneshot;
use ::tokio::time::Sleep;

use super::here::Here;
use super::outcome::{Ended, Error, Joint, Outcome, Refused, attempt};
use super::script;
use super::world::{Entry, Pool, Scheduled, Slots, lock};
use crate::spec::program::{Limit, Op, Query};
use crate::spec::{Cause, Word};

impl Here {
    /// Does an operation.
    pub(super) fn operate(&self, op: &Op) {
        let world = &self.world;
        world.jitter();
        match *op {
            Op::Mark(number) => self.log(Word::Mark(number)),
            Op::Signal(gate) => world.signal(gate),
            Op::AwaitGate(gate) => world.await_gate(gate),
            Op::Start(thread) => world.start(thread),
            Op::Join(thread) => world.join(thread),
            Op::Post { on, callback, handle } => self.schedule(on, None, callback, handle),
            Op::PostLater { on, after, callback, handle } => {
                let sleep = world.loops.get(on).sleep_for(after);
                self.schedule(on, Some(sleep), callback, handle);
            }
            Op::CancelHandle(slot) => self.cancel_handle(slot),
            Op::Submit { on, coroutine, future } => {
                let script = script::coroutine(Arc::clone(world), coroutine);
                let task = Joint::of_task(world.loops.get(on).handle.spawn(script));
                self.accept(task, Cause::LoopClosed, &world.futures, future);
            }
            Op::Stop(on) => {
                let task = self.stop(on);
                self.log(if task.cancelled() { Word::Error(Cause::LoopClosed) } else { Word::Ok });
            }
            Op::NewPool { pool, workers, .. } => self.new_pool(pool, workers),
            Op::SubmitWork { pool, work, future } => {
                self.submit_work(pool, work, &world.futures, future);
            }
            Op::Shutdown { pool, wait, .. } => self.shutdown(pool, wait),
            ref op => self.operate_on_future(op),
        }
    }

    fn operate_on_future(&self, op: &Op) {
        let world = &self.world;
        match *op {
            Op::NewPromise(slot) => {
                let (sender, receiver) = oneshot::channel();
                world.promises.put(slot, sender);
                world.futures.put(slot, Joint::of_channel(receiver));
            }
            Op::SetResult { future, value } => self.send(&world.promises, future, Ok(value)),
            Op::SetException { future, exception } => {
                let raised = Error::Raised(world.exception(exception));
                self.send(&world.promises, future, Err(raised));
            }
            Op::Complete { future, value } => {
                let sent = world.promises.take(future).send(Ok(value));
                self.log(Word::of(sent.is_ok()));
            }
            Op::DropPromise(slot) => drop(world.promises.take(slot)),
            Op::Result { future, limit } => self.ask(future, limit, Outcome::word),
            Op::Exception { future, limit } => self.ask(future, limit, |outcome| {
                let exception = outcome.ended().err();
                exception.map_or(Word::None, |error| Word::Error(error.cause()))
            }),
            // A `JoinHandle` answers when its task is gone, and not before.
            Op::WaitEnded { future, limit } => self.ask(future, limit, |_| Word::Ok),
            Op::Cancel(slot) => {
                let future = world.futures.get(slot);
                future.abort();
                self.enter(Entry::Cancelled(future));
            }
            Op::Query { future, what } => {
                let future = world.futures.get(future);
                self.log(Word::of(match what {
                    Query::Cancelled => future.cancelled(),
                    _ => future.now().is_some(),
                }));
            }
            ref op => self.operate_locally(op),
        }
    }

    /// Puts what was spawned into its slot, if it was accepted.
    pub(super) fn accept(&self, task: Joint, refusal: Cause, slots: &Slots<Joint>, slot: u8) {
        if task.cancelled() {
            return self.log(Word::Error(refusal));
        }
        slots.put(slot, task);
        self.log(Word::Ok);
    }

    /// A callback, now or behind a timer.
    pub(super) fn schedule(&self, on: u8, sleep: Option<Sleep>, callback: u8, slot: u8) {
        let begun = Arc::new(AtomicBool::new(false));
        let begins = Arc::clone(&begun);
        let task = self.world.loops.get(on).handle.spawn(async move {
            if let Some(sleep) = sleep {
                sleep.await;
            }
            begins.store(true, Ordering::Release);
            Here::current().call(callback);
            Ok(0)
        });
        let task = Joint::of_task(task);
        if task.cancelled() {
            return self.log(Word::Error(Cause::LoopClosed));
        }
        let asked = Arc::new(AtomicBool::new(false));
        self.world.handles.put(slot, Scheduled { task, begun, asked });
        self.log(Word::Ok);
    }

    /// Tells whoever waits in a run of the loop, from its queue.
    pub(super) fn stop(&self, on: u8) -> Joint {
        let own = self.world.loops.get(on);
        let stop = own.stop;
        Joint::of_task(own.handle.spawn(async move {
            stop.notify_waiters();
            Ok(0)
        }))
    }

    fn cancel_handle(&self, slot: u8) {
        let handle = self.world.handles.get(slot);
        let late = handle.task.now().is_some() || handle.asked.swap(true, Ordering::AcqRel);
        handle.task.abort();
        self.enter(if late { Entry::Word(Word::False) } else { Entry::Unless(handle.begun) });
    }

    pub(super) fn send(&self, promises: &Slots<oneshot::Sender<Ended>>, slot: u8, ended: Ended) {
        let sent = promises.take(slot).send(ended);
        self.log(if sent.is_ok() { Word::Ok } else { Word::InvalidCancelled });
    }

    fn ask(&self, future: u8, limit: Limit, word: impl FnOnce(Outcome) -> Word) {
        let future = self.world.futures.get(future);
        self.log(match self.wait(&future, limit) {
            Ok(outcome) => outcome.map_or(Word::TimedOut, word),
            Err(Refused) => Word::WouldDeadlock,
        });
    }

    fn new_pool(&self, slot: u8, workers: u8) {
        let mut builder = Builder::new_current_thread();
        let Ok(builder) = attempt(|| builder.max_blocking_threads(workers.into())) else {
            return self.log(Word::Error(Cause::ZeroWorkers));
        };
        let runtime = builder.build().expect("a runtime without descriptors");
        let handle = runtime.handle().clone();
        let pool = Pool { handle, runtime: Mutex::new(Some(runtime)) };
        self.world.pools.put(slot, Arc::new(pool));
        self.log(Word::Ok);
    }

    pub(super) fn submit_work(&self, pool: u8, work: u8, slots: &Slots<Joint>, slot: u8) {
        let own = Arc::clone(&self.world);
        let pool = self.world.pools.get(pool);
        let task = pool.handle.spawn_blocking(move || Here::work(&own, work));
        self.accept(Joint::of_task(task), Cause::ShutDown, slots, slot);
    }

    fn shutdown(&self, pool: u8, wait: bool) {
        // One runtime can be shut down once, by whoever comes first.
        let runtime = lock(&self.world.pools.get(pool).runtime).take();
        match runtime {
            Some(runtime) if wait => drop(runtime),
            Some(runtime) => runtime.shutdown_background(),
            None => {}
        }
        self.log(Word::Ok);
    }
}
