//! The kernel's loop and its futures.

use std::cell::{Cell, RefCell};
use std::panic::resume_unwind;
use std::rc::Rc;
use std::time::Duration;

use loopgate::checkers::census;
use loopgate::{
    BrokenPromise, Clock, EventLoop, Exception, ForeignLoop, InvalidState, LoopClosed, LoopFuture,
    LoopPromise, ResultError, Turn,
};
use loopgate_model_tests::spec::concurrent::Out;
use loopgate_model_tests::spec::{Cause, Word};

use super::reference::{Callback, Event, HANDLES, Model, Operation, PANIC};

pub(super) struct World {
    event_loop: RefCell<EventLoop>,
    /// Whose tasks may not await futures of the first.
    other: EventLoop,
    promise: RefCell<Option<LoopPromise<u8>>>,
    handles: RefCell<[Option<LoopFuture<u8>>; HANDLES]>,
    numbers: Cell<usize>,
    log: Rc<RefCell<Vec<Event>>>,
    exceptions: Rc<[Exception; 4]>,
}

fn cause_of(exception: &Exception, exceptions: &[Exception; 4]) -> Cause {
    match exceptions.iter().position(|known| known.same_object(exception)) {
        Some(number) => Cause::Raised(u8::try_from(number).unwrap()),
        None if exception.is_cancelled() => Cause::Cancelled,
        None if exception.is::<BrokenPromise>() => Cause::BrokenPromise,
        None if exception.is::<LoopClosed>() => Cause::LoopClosed,
        None if exception.is::<ForeignLoop>() => Cause::ForeignLoop,
        None => panic!("where does this come from: {exception}"),
    }
}

fn result_word(result: Result<u8, ResultError>, exceptions: &[Exception; 4]) -> Word {
    match result {
        Ok(value) => Word::Value(value),
        Err(ResultError::Pending) => Word::Pending,
        Err(error) => Word::Error(cause_of(&error.into(), exceptions)),
    }
}

fn refused(cancelled: bool) -> Word {
    if cancelled { Word::InvalidCancelled } else { Word::InvalidFinished }
}

fn make_loop(log: &Rc<RefCell<Vec<Event>>>, exceptions: &Rc<[Exception; 4]>) -> EventLoop {
    let event_loop = EventLoop::with_clock(Clock::virtual_time()).unwrap();
    let (log, exceptions) = (Rc::clone(log), Rc::clone(exceptions));
    event_loop.set_exception_handler(move |context| {
        let exception = context.exception.as_ref().expect("nothing else is reported");
        log.borrow_mut().push(Event::Reported(cause_of(exception, &exceptions)));
    });
    event_loop
}

impl World {
    pub(super) fn new() -> Rc<World> {
        let log = Rc::default();
        let exceptions = Rc::new(["zero", "one", "two", "a panic"].map(Exception::new));
        let event_loop = make_loop(&log, &exceptions);
        let (promise, future) = event_loop.create_future();
        Rc::new(World {
            event_loop: RefCell::new(event_loop),
            other: EventLoop::with_clock(Clock::virtual_time()).unwrap(),
            promise: RefCell::new(Some(promise)),
            handles: RefCell::new([Some(future), None, None]),
            numbers: Cell::new(0),
            log,
            exceptions,
        })
    }

    fn handle(&self, handle: usize) -> LoopFuture<u8> {
        self.handles.borrow()[handle].clone().expect("the precondition of the operation")
    }

    fn number(&self, how_many: usize) -> usize {
        self.numbers.replace(self.numbers.get() + how_many)
    }

    pub(super) fn take(&self, operation: &Operation) -> Word {
        match *operation {
            Operation::SetResult(value) => self.set_result(value),
            Operation::SetException(number) => self.set_exception(number),
            Operation::Cancel(handle) => Word::of(self.handle(handle).cancel()),
            Operation::Result(handle) => {
                result_word(self.handle(handle).result(), &self.exceptions)
            }
            Operation::Exception(handle) => match self.handle(handle).exception() {
                Ok(None) => Word::None,
                Ok(Some(exception)) => Word::Error(cause_of(&exception, &self.exceptions)),
                Err(error) => result_word(Err(error), &self.exceptions),
            },
            Operation::Await(handle) => self.start_awaiter(handle),
            ref silent => {
                self.take_silently(silent);
                Word::Ok
            }
        }
    }

    fn set_result(&self, value: u8) -> Word {
        let promise = self.promise.borrow();
        match promise.as_ref().expect("the precondition of the operation").set_result(value) {
            Ok(()) => Word::Ok,
            Err(InvalidState { rejected, cancelled }) => {
                assert_eq!(rejected, value, "given back");
                refused(cancelled)
            }
        }
    }

    fn set_exception(&self, number: u8) -> Word {
        let exception = &self.exceptions[usize::from(number)];
        let promise = self.promise.borrow();
        let promise = promise.as_ref().expect("the precondition of the operation");
        match promise.set_exception(exception.clone()) {
            Ok(()) => Word::Ok,
            Err(InvalidState { rejected, cancelled }) => {
                assert!(rejected.same_object(exception), "given back");
                refused(cancelled)
            }
        }
    }

    fn take_silently(&self, operation: &Operation) {
        match *operation {
            Operation::AddCallback(handle, callback) => {
                let number = self.number(2);
                let (log, exceptions) = (Rc::clone(&self.log), Rc::clone(&self.exceptions));
                self.handle(handle).add_done_callback(move |future| {
                    called(future, number, callback, &log, &exceptions);
                });
            }
            Operation::DropPromise => drop(self.promise.take()),
            Operation::Clone(handle) => {
                let clone = self.handle(handle);
                let mut handles = self.handles.borrow_mut();
                *handles.iter_mut().find(|place| place.is_none()).expect("a free place") =
                    Some(clone);
            }
            Operation::DropHandle(handle) => {
                let dropped = self.handles.borrow_mut()[handle].take();
                drop(dropped);
            }
            Operation::AwaitElsewhere(handle) => self.await_elsewhere(handle),
            Operation::Turn => {
                let turn = self.event_loop.borrow().run_once(Some(Duration::ZERO));
                assert!(matches!(turn, Ok(Turn::Continue)), "{turn:?}");
            }
            Operation::Close => self.event_loop.borrow().close().unwrap(),
            Operation::Renew => self.renew(),
            ref other => unreachable!("{other:?} has an answer"),
        }
    }

    fn start_awaiter(&self, handle: usize) -> Word {
        let (future, number) = (self.handle(handle), self.numbers.get());
        let (log, exceptions) = (Rc::clone(&self.log), Rc::clone(&self.exceptions));
        let made = self.event_loop.borrow().create_task(async move {
            let word = awaited(future.await, &exceptions);
            log.borrow_mut().push(Event::Awaited(number, word));
            Ok(())
        });
        match made {
            Ok(_) => {
                self.number(1);
                Word::Ok
            }
            Err(why) => Word::Error(cause_of(&why, &self.exceptions)),
        }
    }

    fn await_elsewhere(&self, handle: usize) {
        let (future, number) = (self.handle(handle), self.number(1));
        let (log, exceptions) = (Rc::clone(&self.log), Rc::clone(&self.exceptions));
        let awaits = async move {
            let word = awaited(future.await, &exceptions);
            log.borrow_mut().push(Event::Awaited(number, word));
            Ok(())
        };
        self.other.create_task(awaits).map(drop).unwrap();
        let turn = self.other.run_once(Some(Duration::ZERO));
        assert!(matches!(turn, Ok(Turn::Continue)), "{turn:?}");
    }

    fn renew(&self) {
        drop(self.promise.take());
        for handle in 0..HANDLES {
            let dropped = self.handles.borrow_mut()[handle].take();
            drop(dropped);
        }
        if self.event_loop.borrow().is_closed() {
            drop(self.event_loop.replace(make_loop(&self.log, &self.exceptions)));
        }
        let (promise, future) = self.event_loop.borrow().create_future();
        self.promise.replace(Some(promise));
        self.handles.borrow_mut()[0] = Some(future);
    }

    pub(super) fn check(&self, model: &Model) {
        assert_eq!(*self.log.borrow(), model.log, "what ran, in order");
        for future in self.handles.borrow().iter().flatten() {
            assert_eq!(future.done(), model.out().is_some());
            assert_eq!(future.cancelled(), model.out() == Some(Out::Cancelled));
        }
        if let Some(promise) = &*self.promise.borrow() {
            assert_eq!(promise.is_done(), model.out().is_some());
        }
        let held = census(&self.event_loop.borrow());
        assert_eq!((held.queued, held.tasks), (model.queued(), model.tasks()));
    }
}

fn awaited(result: Result<u8, Exception>, exceptions: &[Exception; 4]) -> Word {
    result.map_or_else(|exception| Word::Error(cause_of(&exception, exceptions)), Word::Value)
}

fn called(
    future: &LoopFuture<u8>,
    number: usize,
    callback: Callback,
    log: &Rc<RefCell<Vec<Event>>>,
    exceptions: &Rc<[Exception; 4]>,
) {
    let word = match callback {
        Callback::Nothing | Callback::Panics | Callback::Adds => None,
        Callback::Reads => Some(result_word(future.result(), exceptions)),
        Callback::Cancels => Some(Word::of(future.cancel())),
    };
    log.borrow_mut().push(Event::Called(number, word));
    match callback {
        Callback::Panics => resume_unwind(Box::new(exceptions[usize::from(PANIC)].clone())),
        Callback::Adds => {
            let log = Rc::clone(log);
            future.add_done_callback(move |_| {
                log.borrow_mut().push(Event::Called(number + 1, None));
            });
        }
        _ => {}
    }
}
