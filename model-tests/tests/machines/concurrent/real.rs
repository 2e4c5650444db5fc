//! The kernel's future, its handles, and the threads that wait for it.

use std::future::Future;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use loopgate::concurrent::{self, EmptySet, ReturnWhen, Unfinished, as_completed, wait};
use loopgate::{
    BrokenPromise, Clock, ConcurrentFuture, Exception, InvalidState, Promise, ResultError,
};
use loopgate_model_tests::spec::concurrent::Out;
use loopgate_model_tests::spec::program::Query;
use loopgate_model_tests::spec::{Cause, Word};

use super::reference::{
    Block, Call, Callback, HANDLES, Member, Model, Operation, WAKERS, When, distinct, number,
    word_name,
};
use crate::support::Reached;

/// Only bounds a program that would otherwise hang.
const GUARD: Duration = Duration::from_secs(60);

#[derive(Default)]
struct WakeCount(AtomicUsize);

impl Wake for WakeCount {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

pub(super) struct Real {
    producer: Option<Promise<u8>>,
    handles: [Option<ConcurrentFuture<u8>>; HANDLES],
    added: usize,
    calls: Arc<Mutex<Vec<Call>>>,
    wakes: [Arc<WakeCount>; WAKERS],
    wakers: [Waker; WAKERS],
    threads: Vec<(Receiver<Word>, Option<Word>)>,
    exceptions: Arc<[Exception; 3]>,
    failed: ConcurrentFuture<u8>,
    open: ConcurrentFuture<u8>,
    /// Keeps it open.
    _opens: Promise<u8>,
}

fn cause_of(exception: &Exception, exceptions: &[Exception; 3]) -> Cause {
    match exceptions.iter().position(|known| known.same_object(exception)) {
        Some(number) => Cause::Raised(u8::try_from(number).unwrap()),
        None if exception.is_cancelled() => Cause::Cancelled,
        None if exception.is::<BrokenPromise>() => Cause::BrokenPromise,
        None => panic!("where does this come from: {exception}"),
    }
}

fn word_of_error(error: &ResultError, exceptions: &[Exception; 3]) -> Word {
    match error {
        ResultError::Exception(exception) => Word::Error(cause_of(exception, exceptions)),
        ResultError::Cancelled(_) => Word::Error(Cause::Cancelled),
        ResultError::TimedOut => Word::TimedOut,
        other => panic!("unexpected: {other}"),
    }
}

fn result_word(result: Result<u8, ResultError>, exceptions: &[Exception; 3]) -> Word {
    result.map_or_else(|error| word_of_error(&error, exceptions), Word::Value)
}

fn exception_word(
    exception: Result<Option<Exception>, ResultError>,
    exceptions: &[Exception; 3],
) -> Word {
    match exception {
        Ok(None) => Word::None,
        Ok(Some(exception)) => Word::Error(cause_of(&exception, exceptions)),
        Err(error) => word_of_error(&error, exceptions),
    }
}

fn refused(cancelled: bool) -> Word {
    if cancelled { Word::InvalidCancelled } else { Word::InvalidFinished }
}

impl Real {
    pub(super) fn new() -> Real {
        let (producer, future) = concurrent::promise();
        let (fails, failed) = concurrent::promise();
        fails.set_exception(Exception::new("long ago")).unwrap();
        let (opens, open) = concurrent::promise();
        let wakes: [Arc<WakeCount>; WAKERS] = std::array::from_fn(|_| Arc::default());
        let wakers = std::array::from_fn(|waker| Waker::from(Arc::clone(&wakes[waker])));
        Real {
            producer: Some(producer),
            handles: [Some(future), None, None, None],
            added: 0,
            calls: Arc::default(),
            wakes,
            wakers,
            threads: Vec::new(),
            exceptions: Arc::new(["zero", "one", "two"].map(Exception::new)),
            failed,
            open,
            _opens: opens,
        }
    }

    fn producer(&self) -> &Promise<u8> {
        self.producer.as_ref().expect("the precondition of the operation")
    }

    fn handle(&self, handle: usize) -> &ConcurrentFuture<u8> {
        self.handles[handle].as_ref().expect("the precondition of the operation")
    }

    pub(super) fn take(&mut self, operation: &Operation) -> Vec<Word> {
        let word = match *operation {
            Operation::Start => match self.producer().set_running_or_notify_cancel() {
                Ok(wanted) => Word::of(wanted),
                Err(why) => refused(why.cancelled),
            },
            Operation::SetResult(value) => match self.producer().set_result(value) {
                Ok(()) => Word::Ok,
                Err(InvalidState { rejected, cancelled }) => {
                    assert_eq!(rejected, value, "given back");
                    refused(cancelled)
                }
            },
            Operation::SetException(number) => self.set_exception(number),
            Operation::TryComplete(out) => Word::of(self.producer().try_complete(match out {
                Out::Value(value) => Ok(value),
                Out::Exception(Cause::Raised(number)) => Err(self.exception(number)),
                other => unreachable!("not drawn: {other:?}"),
            })),
            Operation::AskProducer => Word::of(self.producer().cancelled()),
            Operation::Cancel(handle) => Word::of(self.handle(handle).cancel()),
            Operation::Result(handle) => {
                let result = self.handle(handle).result_timeout(Duration::ZERO);
                result_word(result, &self.exceptions)
            }
            Operation::Exception(handle) => {
                let exception = self.handle(handle).exception_timeout(Duration::ZERO);
                exception_word(exception, &self.exceptions)
            }
            Operation::Ended(handle) => {
                match self.handle(handle).wait_ended_timeout(Duration::ZERO) {
                    Ok(()) => Word::Ok,
                    Err(error) => word_of_error(&error, &self.exceptions),
                }
            }
            Operation::Poll(handle, waker) => self.poll(handle, waker),
            Operation::Wait(handle, ref members, when) => self.wait(handle, members, when),
            Operation::Completed(handle, ref members) => return self.completed(handle, members),
            ref silent => {
                self.take_silently(silent);
                return vec![];
            }
        };
        vec![word]
    }

    /// Operations without an answer.
    fn take_silently(&mut self, operation: &Operation) {
        match *operation {
            Operation::DropProducer => drop(self.producer.take()),
            Operation::AddCallback(handle, callback) => self.add_callback(handle, callback),
            Operation::Clone(handle) => {
                let clone = self.handle(handle).clone();
                assert!(clone.same_future(self.handle(handle)));
                let free = self.handles.iter().position(Option::is_none).expect("a free place");
                self.handles[free] = Some(clone);
            }
            Operation::DropHandle(handle) => self.handles[handle] = None,
            Operation::Block(handle, block) => self.block(handle, block),
            Operation::Renew => {
                drop(self.producer.take());
                let (producer, future) = concurrent::promise();
                self.producer = Some(producer);
                self.handles = [Some(future), None, None, None];
            }
            ref other => unreachable!("{other:?} has an answer"),
        }
    }

    fn exception(&self, number: u8) -> Exception {
        self.exceptions[usize::from(number)].clone()
    }

    fn set_exception(&self, number: u8) -> Word {
        match self.producer().set_exception(self.exception(number)) {
            Ok(()) => Word::Ok,
            Err(InvalidState { rejected, cancelled }) => {
                assert!(rejected.same_object(&self.exception(number)), "given back");
                refused(cancelled)
            }
        }
    }

    fn add_callback(&mut self, handle: usize, callback: Callback) {
        let number = self.added;
        self.added += 2;
        let (calls, exceptions) = (Arc::clone(&self.calls), Arc::clone(&self.exceptions));
        self.handle(handle).add_done_callback(move |done| {
            let saw = result_word(done.result_timeout(Duration::ZERO), &exceptions);
            let cancel = (callback == Callback::Cancels).then(|| Word::of(done.cancel()));
            calls.lock().unwrap().push(Call { number, saw, cancel });
            match callback {
                Callback::Plain | Callback::Cancels => {}
                Callback::Panics => resume_unwind(Box::new("a callback of the program")),
                Callback::Adds => done.add_done_callback(move |done| {
                    let saw = result_word(done.result_timeout(Duration::ZERO), &exceptions);
                    let call = Call { number: number + 1, saw, cancel: None };
                    calls.lock().unwrap().push(call);
                }),
            }
        });
    }

    fn poll(&mut self, handle: usize, waker: usize) -> Word {
        let future = self.handles[handle].as_mut().expect("the precondition of the operation");
        match Pin::new(future).poll(&mut Context::from_waker(&self.wakers[waker])) {
            Poll::Pending => Word::Pending,
            Poll::Ready(Ok(value)) => Word::Value(value),
            Poll::Ready(Err(exception)) => Word::Error(cause_of(&exception, &self.exceptions)),
        }
    }

    /// Starts a thread that waits; it is blocked already when this returns, unless it need not wait.
    fn block(&mut self, handle: usize, block: Block) {
        let (future, exceptions) = (self.handle(handle).clone(), Arc::clone(&self.exceptions));
        let (sender, receiver) = mpsc::channel();
        let body = move || {
            let word = match block {
                Block::Result => result_word(future.result(), &exceptions),
                Block::Exception => exception_word(future.exception(), &exceptions),
                Block::Ended => future.wait_ended().map(|()| Word::Ok).unwrap(),
                Block::Wait => {
                    let split = wait(&[future], None, ReturnWhen::FirstCompleted).unwrap();
                    assert_eq!((split.done.len(), split.not_done.len()), (1, 0));
                    Word::Done(vec![0])
                }
                Block::Next => {
                    let mut completed = as_completed(&[future], None).unwrap();
                    let done = completed.next().unwrap().unwrap();
                    assert!(done.done() && completed.next().is_none());
                    Word::Done(vec![0])
                }
            };
            // Nobody listens any more if the program has failed.
            let _ = sender.send(word);
        };
        Clock::virtual_time().spawn("blocked", body).unwrap();
        self.threads.push((receiver, None));
    }

    fn set(&self, handle: usize, members: &[Member]) -> Vec<ConcurrentFuture<u8>> {
        // Every other time by another handle of the same future.
        let mut own = self.handles.iter().flatten().cycle();
        let member = |member: &Member| match member {
            Member::Own => own.next().unwrap_or(self.handle(handle)).clone(),
            Member::Failed => self.failed.clone(),
            Member::Open => self.open.clone(),
        };
        members.iter().map(member).collect()
    }

    fn member(&self, future: &ConcurrentFuture<u8>) -> Member {
        if future.same_future(&self.failed) {
            Member::Failed
        } else if future.same_future(&self.open) {
            Member::Open
        } else {
            Member::Own
        }
    }

    fn wait(&self, handle: usize, members: &[Member], when: When) -> Word {
        let when = match when {
            When::First => ReturnWhen::FirstCompleted,
            When::Failure => ReturnWhen::FirstException,
            When::All => ReturnWhen::AllCompleted,
        };
        let split = match wait(&self.set(handle, members), Some(Duration::ZERO), when) {
            Ok(split) => split,
            Err(why) => {
                assert!(why.is::<EmptySet>());
                return Word::EmptySet;
            }
        };
        let names = |futures: &[ConcurrentFuture<u8>]| -> Vec<Member> {
            futures.iter().map(|future| self.member(future)).collect()
        };
        let (done, rest) = (names(&split.done), names(&split.not_done));
        let in_order = |part: &[Member]| {
            distinct(members).into_iter().filter(|member| part.contains(member)).eq(part.to_vec())
        };
        assert!(in_order(&done) && in_order(&rest), "in the order of the arguments");
        assert_eq!(done.len() + rest.len(), distinct(members).len(), "each once");
        Word::Done(done.into_iter().map(number).collect())
    }

    fn completed(&self, handle: usize, members: &[Member]) -> Vec<Word> {
        let completed = match as_completed(&self.set(handle, members), Some(Duration::ZERO)) {
            Ok(completed) => completed,
            Err(EmptySet) => return vec![Word::EmptySet],
        };
        let (mut done, mut over) = (Vec::new(), None);
        for next in completed {
            assert_eq!(over, None, "nothing comes after the end");
            match next {
                Ok(future) => done.push(number(self.member(&future))),
                Err(end) => {
                    let Unfinished { unfinished, total } = *end.downcast_ref().unwrap();
                    assert_eq!(total, distinct(members).len());
                    over = Some(Word::Unfinished(u8::try_from(unfinished).unwrap()));
                }
            }
        }
        done.sort_unstable();
        done.into_iter().map(Word::Completed).chain(over).collect()
    }

    /// Threads are released exactly when the spec says so, with what it says.
    pub(super) fn check_threads(&mut self, model: &Model, reached: &Reached) {
        assert_eq!(self.threads.len(), model.threads.len());
        for ((receiver, got), (block, released)) in self.threads.iter_mut().zip(&model.threads) {
            match (&*got, released) {
                (None, None) => {
                    let early = receiver.try_recv();
                    assert_eq!(early, Err(TryRecvError::Empty), "{block:?} was released early");
                }
                (None, Some(expected)) => {
                    let word = receiver.recv_timeout(GUARD);
                    assert_eq!(word.as_ref(), Ok(expected), "{block:?}");
                    reached.answer("block", word_name(expected));
                    *got = Some(expected.clone());
                }
                (Some(_), released) => assert_eq!(got, released),
            }
        }
    }

    /// What can be seen of the future at any time.
    pub(super) fn check(&self, model: &Model) {
        assert_eq!(*self.calls.lock().unwrap(), model.calls, "who was called");
        for (waker, count) in self.wakes.iter().enumerate() {
            assert_eq!(count.0.load(Ordering::SeqCst), model.wakes[waker], "wakes of {waker}");
            // Besides the two of this program only the handles that it polled may hold it.
            let polled =
                model.handles.iter().flatten().filter(|left| **left == Some(waker)).count();
            assert_eq!(Arc::strong_count(count), 2 + polled, "holders of waker {waker}");
        }
        for future in self.handles.iter().flatten() {
            assert_eq!(future.running(), model.says(Query::Running));
            assert_eq!(future.cancelled(), model.says(Query::Cancelled));
            assert_eq!(future.done(), model.says(Query::Done));
            assert_eq!(future.ended(), model.says(Query::Ended));
        }
        assert!(!self.open.done() && self.failed.done(), "its companions are left alone");
    }
}
