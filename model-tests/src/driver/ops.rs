//! Operations that any thread may do.

use std::rc::Rc;
use std::sync::Arc;

use loopgate::concurrent::{self, ReturnWhen};
use loopgate::executor::SubmitError;
use loopgate::{ConcurrentFuture, Exception, PostError, ThreadPoolError, ThreadPoolExecutor};

use super::here::Here;
use super::script;
use super::words::{completed, invalid, posted, shut_down};
use super::world::{SharedHandle, fill, get, lock};
use crate::spec::program::{Limit, Op, Query, When};
use crate::spec::{Cause, Word};

impl Here {
    /// Does an operation.
    pub(super) fn operate(self: &Rc<Self>, op: &Op) {
        let world = &self.world;
        match *op {
            Op::Mark(number) => self.log(Word::Mark(number)),
            Op::Signal(gate) => world.signal(gate),
            Op::AwaitGate(gate) => world.await_gate(gate),
            Op::Start(thread) => world.start(thread),
            Op::Join(thread) => world.join(thread),
            Op::Post { on, callback, handle } => {
                let own = Arc::clone(world);
                let posts = get(&world.loops, on);
                let result = posts.call_soon_threadsafe(move || Here::call(&own, callback));
                let word = posted(&result);
                if let Ok(new) = result {
                    fill(&world.handles, handle, SharedHandle::Soon(Arc::new(new)));
                }
                self.log(word);
            }
            Op::PostLater { on, after, callback, handle } => {
                let own = Arc::clone(world);
                let (posts, delay) = (get(&world.loops, on), world.units(after));
                let callback = move || Here::call(&own, callback);
                match posts.call_later_threadsafe(delay, callback) {
                    Ok(new) => {
                        fill(&world.handles, handle, SharedHandle::Later(Arc::new(new)));
                        self.log(Word::Ok);
                    }
                    Err(why) if matches!(why.downcast_ref(), Some(PostError::LoopClosed)) => {
                        self.log(Word::Error(Cause::LoopClosed));
                    }
                    Err(why) => panic!("{why}"),
                }
            }
            Op::CancelHandle(handle) => {
                let prevented = match lock(&world.handles[usize::from(handle)]).clone() {
                    Some(SharedHandle::Soon(shared)) => shared.cancel(),
                    Some(SharedHandle::Later(shared)) => shared.cancel(),
                    None => self.cancel_own_handle(handle),
                };
                self.log(Word::of(prevented));
            }
            Op::Submit { on, coroutine, future } => {
                let own = Arc::clone(world);
                let build = move || script::coroutine(own, coroutine);
                let result = get(&world.loops, on).run_coroutine_threadsafe_with(build);
                let word = posted(&result);
                if let Ok(new) = result {
                    fill(&world.futures, future, new);
                }
                self.log(word);
            }
            Op::NewPromise(slot) => {
                let (promise, future) = concurrent::promise();
                fill(&world.promises, slot, Arc::new(promise));
                fill(&world.futures, slot, future);
            }
            Op::Stop(on) => {
                let result = get(&world.loops, on).stop();
                self.log(posted(&result));
            }
            Op::IsRunning(on) => self.log(Word::of(get(&world.loops, on).is_running())),
            Op::IsClosed(on) => self.log(Word::of(get(&world.loops, on).is_closed())),
            Op::Wait { ref futures, when, limit } => self.wait(futures, when, limit),
            Op::AsCompleted { ref futures, limit } => self.as_completed(futures, limit),
            Op::NewPool { pool, workers, broken } => self.new_pool(pool, workers, broken),
            Op::SubmitWork { pool, work, future } => {
                let own = Arc::clone(world);
                let pool = get(&world.pools, pool);
                *lock(&world.works[usize::from(future)]) = Some(work);
                match pool.submit(move || Here::work(&own, work)) {
                    Ok(new) => {
                        fill(&world.futures, future, new);
                        self.log(Word::Ok);
                    }
                    Err(error) => self.log(Word::Error(world.submit_cause(&error))),
                }
            }
            Op::Shutdown { pool, wait, cancel } => {
                let result = get(&world.pools, pool).shutdown(wait, cancel);
                self.log(shut_down(&result));
            }
            ref op => self.operate_on_future(op),
        }
    }

    fn operate_on_future(self: &Rc<Self>, op: &Op) {
        let world = &self.world;
        let future = |slot| get(&world.futures, slot);
        let promise = |slot| get(&world.promises, slot);
        match *op {
            Op::Result { future: slot, limit } => {
                let result = match world.limit(limit) {
                    None => future(slot).result(),
                    Some(limit) => future(slot).result_timeout(limit),
                };
                self.log(world.result(&result));
            }
            Op::Exception { future: slot, limit } => {
                let result = match world.limit(limit) {
                    None => future(slot).exception(),
                    Some(limit) => future(slot).exception_timeout(limit),
                };
                self.log(world.exception_of(&result));
            }
            Op::WaitEnded { future: slot, limit } => {
                let result = match world.limit(limit) {
                    None => future(slot).wait_ended(),
                    Some(limit) => future(slot).wait_ended_timeout(limit),
                };
                self.log(result.map_or_else(|error| world.result_error(&error), |()| Word::Ok));
            }
            Op::Cancel(slot) => {
                let cancelled = future(slot).cancel();
                self.log(Word::of(cancelled));
            }
            Op::Query { future: slot, what } => {
                let future = future(slot);
                self.log(Word::of(match what {
                    Query::Done => future.done(),
                    Query::Cancelled => future.cancelled(),
                    Query::Running => future.running(),
                    Query::Ended => future.ended(),
                }));
            }
            Op::OnDone { future: slot, callback } => {
                // The future is in the world, so its callback must not keep that.
                let own = Arc::downgrade(world);
                let work = *lock(&world.works[usize::from(slot)]);
                future(slot).add_done_callback(move |_| {
                    if let Some(world) = own.upgrade() {
                        Here::call_done(&world, callback, work);
                    }
                });
            }
            Op::SetRunning(slot) => {
                let result = promise(slot).set_running_or_notify_cancel();
                self.log(result.map_or_else(|error| invalid(&error), Word::of));
            }
            Op::SetResult { future: slot, value } => {
                let result = promise(slot).set_result(value);
                self.log(completed(&result));
            }
            Op::SetException { future: slot, exception } => {
                let result = promise(slot).set_exception(world.exception(exception));
                self.log(completed(&result));
            }
            Op::Complete { future: slot, value } => {
                let won = promise(slot).try_complete(Ok(value));
                self.log(Word::of(won));
            }
            Op::DropPromise(slot) => {
                let promise = lock(&world.promises[usize::from(slot)]).take();
                drop(promise.expect("there is one"));
            }
            ref op => self.operate_locally(op),
        }
    }

    fn all(&self, slots: &[u8]) -> Vec<ConcurrentFuture<u8>> {
        slots.iter().map(|slot| get(&self.world.futures, *slot)).collect()
    }

    /// The slot of one of these.
    fn slot_of(&self, slots: &[u8], future: &ConcurrentFuture<u8>) -> u8 {
        let same = |slot: &&u8| get(&self.world.futures, **slot).same_future(future);
        *slots.iter().find(same).expect("it is one of those that were given")
    }

    fn wait(&self, slots: &[u8], when: When, limit: Limit) {
        let when = match when {
            When::FirstCompleted => ReturnWhen::FirstCompleted,
            When::FirstException => ReturnWhen::FirstException,
            When::AllCompleted => ReturnWhen::AllCompleted,
        };
        let futures = self.all(slots);
        match concurrent::wait(&futures, self.world.limit(limit), when) {
            Ok(split) => {
                let done = split.done.iter().map(|future| self.slot_of(slots, future));
                self.log(Word::Done(done.collect()));
            }
            Err(exception) => self.log(self.world.several(&exception)),
        }
    }

    fn as_completed(&self, slots: &[u8], limit: Limit) {
        let futures = self.all(slots);
        let Ok(completions) = concurrent::as_completed(&futures, self.world.limit(limit)) else {
            return self.log(Word::EmptySet);
        };
        for completion in completions {
            match completion {
                Ok(future) => self.log(Word::Completed(self.slot_of(slots, &future))),
                Err(exception) => self.log(self.world.several(&exception)),
            }
        }
    }

    fn new_pool(&self, slot: u8, workers: u8, broken: Option<u8>) {
        let builder = ThreadPoolExecutor::builder().max_workers(usize::from(workers));
        let why: Option<Exception> = broken.map(|number| self.world.exception(number));
        let builder = match why {
            Some(why) => builder.initializer(move || Err(why.clone())),
            None => builder,
        };
        match builder.build() {
            Ok(pool) => {
                fill(&self.world.pools, slot, Arc::new(pool));
                self.log(Word::Ok);
            }
            Err(ThreadPoolError::ZeroWorkers) => self.log(Word::Error(Cause::ZeroWorkers)),
            Err(other) => panic!("{other}"),
        }
    }

    /// Work that a loop hands to a pool.
    pub(super) fn refused(&self, error: &SubmitError) {
        self.log(Word::Error(self.world.submit_cause(error)));
    }
}
