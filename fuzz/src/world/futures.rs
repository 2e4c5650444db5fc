//! Loop futures, the concurrent futures that some of them wrap, and done-callbacks of all kinds.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use loopgate::{ConcurrentFuture, LoopFuture, LoopPromise, Promise, ResultError, concurrent};

use super::{Caller, World, remove, world};
use crate::coroutine::LifeId;
use crate::program::{Pick, Then};

/// A loop future that the program holds.
#[derive(Clone)]
pub(crate) struct KnownFuture {
    pub(crate) future: LoopFuture<u8>,
    /// Behind a count, so that a picked one is the same.
    pub(super) promise: Option<Rc<LoopPromise<u8>>>,
    /// What it wraps.
    pub(super) source: Option<ConcurrentFuture<u8>>,
    pub(super) watch: usize,
}

/// A concurrent future that a loop future wraps.
#[derive(Clone)]
pub(super) struct Source {
    promise: Rc<Promise<u8>>,
    pub(super) future: ConcurrentFuture<u8>,
}

/// The done-callbacks of one future.
#[derive(Default)]
pub(super) struct Watch {
    registered: Cell<usize>,
    /// Registered and not run, in order.
    pub(super) expected: RefCell<VecDeque<usize>>,
    pub(super) out_of_order: Cell<bool>,
}

impl Watch {
    fn register(&self) -> usize {
        let number = self.registered.get();
        self.registered.set(number + 1);
        number
    }
}

/// A done-callback. It may run in any thread, and so names its watch by number.
struct DoneCallback {
    watch: usize,
    number: usize,
    then: Then,
    caller: Caller,
}

impl DoneCallback {
    fn run(self, done: bool) {
        let Some(world) = world() else { return };
        world.user_code();
        if !done {
            world.violated("a done-callback runs before its future is done (L-1, F-12)");
        }
        let watch = world.watch(self.watch);
        if watch.expected.borrow_mut().pop_front() != Some(self.number) {
            watch.out_of_order.set(true);
        }
        world.feel_for_borrows();
        world.act(&self.then, self.caller);
    }
}

impl Drop for DoneCallback {
    fn drop(&mut self) {
        let Some(world) = world() else { return };
        world.user_code();
        world.feel_for_borrows();
        if let Then::OnDrop(op) = &self.then {
            world.execute(op);
        }
    }
}

impl World {
    pub(super) fn new_watch(&self) -> usize {
        let mut watches = self.watches.borrow_mut();
        watches.push(Rc::default());
        watches.len() - 1
    }

    pub(super) fn watch(&self, number: usize) -> Rc<Watch> {
        Rc::clone(&self.watches.borrow()[number])
    }

    /// A callback for a loop future or a task: it has its turn, or is dropped with the loop.
    pub(super) fn queued_callback(
        &self,
        watch: usize,
        then: &Then,
    ) -> impl FnOnce(&LoopFuture<u8>) + 'static {
        let number = self.watch(watch).register();
        self.watch(watch).expected.borrow_mut().push_back(number);
        let callback = DoneCallback { watch, number, then: then.clone(), caller: Caller::Loop };
        move |future| callback.run(future.done())
    }

    /// Adds a callback to a concurrent future; on one that is done it runs at once, before any other.
    pub(super) fn add_direct_callback(
        &self,
        future: &ConcurrentFuture<u8>,
        life: LifeId,
        then: &Then,
    ) {
        let watch = self.life(life).watch;
        let watched = self.watch(watch);
        let number = watched.register();
        let done = future.done();
        if done {
            watched.expected.borrow_mut().push_front(number);
        } else {
            watched.expected.borrow_mut().push_back(number);
        }
        let callback =
            DoneCallback { watch, number, then: then.clone(), caller: Caller::Completer };
        future.add_done_callback(move |future| {
            if let (Some(world), false) = (world(), future.cancelled()) {
                world.life(life).is_seen(&world);
            }
            callback.run(future.done());
        });
        if done && watched.expected.borrow().contains(&number) {
            self.violated("a callback added to a future that is done did not run (F-14)");
        }
    }

    pub(super) fn create_future(&self) {
        let (promise, future) = self.local.create_future();
        self.futures.borrow_mut().push(KnownFuture {
            future,
            promise: Some(Rc::new(promise)),
            source: None,
            watch: self.new_watch(),
        });
    }

    pub(super) fn set_result(&self, of: Pick, value: u8) {
        let Some(KnownFuture { future, promise: Some(promise), .. }) = self.pick(&self.futures, of)
        else {
            return;
        };
        let (done, before) = (future.done(), self.snapshot());
        match promise.set_result(value) {
            Ok(()) if done => self.violated("a loop future was completed twice (L-3)"),
            Ok(()) => {
                if !matches!(future.result(), Ok(result) if result == value) {
                    self.violated("a loop future has another result than it was given");
                }
            }
            Err(refused) => {
                if !done || refused.rejected != value || refused.cancelled != future.cancelled() {
                    self.violated(format!("set_result: {refused:?} (L-3)"));
                }
                self.unchanged("set_result", before);
            }
        }
    }

    pub(super) fn set_exception(&self, of: Pick) {
        let Some(KnownFuture { future, promise: Some(promise), .. }) = self.pick(&self.futures, of)
        else {
            return;
        };
        let (done, before) = (future.done(), self.snapshot());
        let (_, exception) = self.raise();
        match promise.set_exception(exception.clone()) {
            Ok(()) if done => self.violated("a loop future was completed twice (L-3)"),
            Ok(()) if !future.done() => self.violated("a completed loop future is not done"),
            Ok(()) => {}
            Err(refused) => {
                if !done || !refused.rejected.same_object(&exception) {
                    self.violated(format!("set_exception: {refused:?} (L-3)"));
                }
                self.unchanged("set_exception", before);
            }
        }
    }

    pub(super) fn cancel_future(&self, of: Pick) {
        let Some(KnownFuture { future, source, .. }) = self.pick(&self.futures, of) else { return };
        let (done, before) = (future.done(), self.snapshot());
        if !done && !matches!(future.result(), Err(ResultError::Pending)) {
            self.violated("a pending loop future has a result (L-4)");
        }
        let stops = source.as_ref().is_some_and(|source| !source.done() && !source.running());
        let cancelled = future.cancel();
        if cancelled == done {
            self.violated(format!("cancelling a loop future returned {cancelled} (L-3)"));
        }
        if done {
            self.unchanged("cancelling a loop future that is done", before);
        } else if !future.cancelled() {
            self.violated("a cancelled loop future is not cancelled");
        }
        if cancelled && stops && source.is_some_and(|source| !source.cancelled()) {
            self.violated("a wrapper was cancelled, and its source goes on (C-10)");
        }
    }

    pub(super) fn on_future_done(&self, of: Pick, then: &Then) {
        let Some(known) = self.pick(&self.futures, of) else { return };
        let callback = self.queued_callback(known.watch, then);
        known.future.add_done_callback(callback);
    }

    pub(super) fn drop_promise(&self, which: Pick) {
        let index = which.index(self.futures.borrow().len());
        let Some(index) = index else { return };
        let (future, promise) = {
            let known = &mut self.futures.borrow_mut()[index];
            (known.future.clone(), known.promise.take())
        };
        let Some(promise) = promise else { return };
        // An operation that is under way may hold it as well.
        let last = Rc::strong_count(&promise) == 1;
        drop(promise);
        if last && !future.done() {
            self.violated("a loop future waits for a producer that is gone (F-7)");
        }
    }

    // ---- sources ------------------------------------------------------------------------------------

    pub(super) fn wrap_source(&self) {
        let (promise, source) = concurrent::promise();
        let wrapped = self.attempt("wrap_future", || self.local.wrap_future(source.clone()));
        let Some(future) = wrapped else { return };
        let watch = self.new_watch();
        let known = KnownFuture { future, promise: None, source: Some(source.clone()), watch };
        self.futures.borrow_mut().push(known);
        self.sources.borrow_mut().push(Source { promise: Rc::new(promise), future: source });
    }

    pub(super) fn start_source(&self, of: Pick) {
        let Some(Source { promise, future }) = self.pick(&self.sources, of) else { return };
        let (done, cancelled, running) = (future.done(), future.cancelled(), future.running());
        let started = promise.set_running_or_notify_cancel();
        let as_it_must = match started {
            Ok(true) => !done && !running,
            Ok(false) => cancelled,
            Err(_) => done || running,
        };
        if !as_it_must {
            self.violated(format!("set_running_or_notify_cancel: {started:?} (F-5)"));
        }
    }

    pub(super) fn finish_source(&self, of: Pick, value: u8) {
        let Some(Source { promise, future }) = self.pick(&self.sources, of) else { return };
        let done = future.done();
        if promise.set_result(value).is_ok() == done {
            self.violated("a concurrent future was completed twice, or not at all (F-6)");
        }
    }

    pub(super) fn cancel_source(&self, of: Pick) {
        let Some(Source { future, .. }) = self.pick(&self.sources, of) else { return };
        let refuses = future.running() || (future.done() && !future.cancelled());
        if future.cancel() == refuses {
            self.violated("cancelling a concurrent future (F-2, F-3)");
        }
    }

    pub(super) fn drop_source(&self, which: Pick) {
        let Some(Source { promise, future }) = remove(&self.sources, which) else { return };
        let last = Rc::strong_count(&promise) == 1;
        drop(promise);
        if last && !future.ended() {
            self.violated("a concurrent future waits for a producer that is gone (F-7)");
        }
    }
}
