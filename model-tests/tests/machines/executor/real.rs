//! The kernel's pools, with functions that run for as long as the program wants, and a loop.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};
use std::thread;
use std::time::Duration;

use loopgate::checkers::{PoolCensus, PoolWatch, watch_default_pool, watch_pool};
use loopgate::{
    Clock, ConcurrentFuture, EventLoop, Exception, LoopFuture, ResultError, ShutdownError,
    SubmitError, Task, ThreadPoolExecutor,
};
use loopgate_model_tests::spec::concurrent::Out;
use loopgate_model_tests::spec::{Cause, Word};

use super::observed::{
    GUARD, Thread, await_that, census, check_queries, end_of, released, result_word,
};
use super::programs::{Ending, Operation, Patience, Way};
use super::reference::{EXCEPTIONS, Ended, Id, Model, Work, name_of};
use crate::support::Reached;

/// More than anything that is posted takes to get where it goes.
const TURNS: usize = 8;

type Shutdown = Result<(), ShutdownError>;

/// What a function of the program's is told to do.
enum Instruction {
    End(Ending),
    Shutdown { pool: Arc<ThreadPoolExecutor>, wait: bool, cancel: bool, reply: Sender<Shutdown> },
}

enum Given {
    Future(ConcurrentFuture<u8>),
    OfLoop(LoopFuture<u8>),
}

struct Function {
    given: Given,
    instructions: Sender<Instruction>,
    began: bool,
    /// What it owns: counted to see when it is dropped.
    owned: Arc<()>,
}

pub(super) struct Real {
    pool: Option<Arc<ThreadPoolExecutor>>,
    watch: PoolWatch,
    ended: ConcurrentFuture<()>,
    event_loop: EventLoop,
    /// The loop's own pool, once it has made one.
    loops: Option<PoolWatch>,
    functions: BTreeMap<Id, Function>,
    /// Functions say that they have begun, and initializers of which worker.
    begun: (Sender<Id>, Receiver<Id>),
    entered: Receiver<(u8, Sender<Ending>)>,
    starting: BTreeMap<u8, Sender<Ending>>,
    waiters: Vec<Thread<Word>>,
    closers: Vec<Thread<Shutdown>>,
    shutdowns: Vec<Task<()>>,
    /// From callbacks behind those by which the loop learns of the end of its own pool.
    told: Vec<Receiver<()>>,
    /// What the loop's exception handler was told: nothing is for it.
    reports: Rc<Cell<usize>>,
    exceptions: Arc<[Exception; EXCEPTIONS as usize]>,
}

fn end(ending: Ending, exceptions: &[Exception]) -> Result<u8, Exception> {
    let exception = |number: u8| exceptions[usize::from(number)].clone();
    match ending {
        Ending::Returns(value) => Ok(value),
        Ending::Raises(number) => Err(exception(number)),
        Ending::Panics(number) => resume_unwind(Box::new(exception(number))),
    }
}

/// The number at the end of the thread's name.
fn own_number() -> u8 {
    let thread = thread::current();
    let number = thread.name().and_then(|name| name.strip_prefix("machine-"));
    number.and_then(|number| number.parse().ok()).expect("a worker has its pool's name")
}

impl Real {
    pub(super) fn new(model: &Model) -> Real {
        let exceptions = Arc::new(["zero", "one", "two"].map(Exception::new));
        let (enter, entered) = mpsc::channel();
        let limit = usize::from(model.own.machine.limit());
        let mut builder =
            ThreadPoolExecutor::builder().max_workers(limit).thread_name_prefix("machine");
        if model.own.initializer {
            let exceptions = Arc::clone(&exceptions);
            builder = builder.initializer(move || {
                let (let_in, wait) = mpsc::channel();
                // Nobody listens any more if the program has failed.
                let _ = enter.send((own_number(), let_in));
                end(wait.recv().unwrap_or(Ending::Returns(0)), &*exceptions).map(|_| ())
            });
        }
        let pool = builder.build().unwrap();
        let event_loop = EventLoop::new().unwrap();
        let reports = Rc::new(Cell::new(0));
        let count = Rc::clone(&reports);
        event_loop.set_exception_handler(move |_| count.set(count.get() + 1));
        Real {
            watch: watch_pool(&pool),
            ended: pool.ended(),
            pool: Some(Arc::new(pool)),
            event_loop,
            loops: None,
            functions: BTreeMap::new(),
            begun: mpsc::channel(),
            entered,
            starting: BTreeMap::new(),
            waiters: Vec::new(),
            closers: Vec::new(),
            shutdowns: Vec::new(),
            told: Vec::new(),
            reports,
            exceptions,
        }
    }

    fn pool(&self) -> &Arc<ThreadPoolExecutor> {
        self.pool.as_ref().expect("the precondition of the operation")
    }

    pub(super) fn take(&mut self, operation: &Operation, model: &Model) -> Word {
        match *operation {
            Operation::Submit(id, way) => return self.submit(id, way, model),
            Operation::SubmitMany(first, many) => {
                let ids = first..first + Id::from(many);
                let words = ids.map(|id| self.submit(id, Way::Submit, model));
                return words.last().expect("there are some");
            }
            Operation::Cancel(id) => {
                return Word::of(match &self.functions[&id].given {
                    Given::Future(future) => future.cancel(),
                    Given::OfLoop(future) => future.cancel(),
                });
            }
            Operation::Wait(id) => self.wait(id),
            Operation::Finish(id, ending) => self.instruct(id, Instruction::End(ending)),
            Operation::LetIn(worker, ending) => {
                let let_in = self.starting.remove(&worker).expect("it has entered");
                let_in.send(ending).expect("it waits");
            }
            Operation::Shutdown { wait: false, cancel } => {
                assert_eq!(self.pool().shutdown(false, cancel), Ok(()));
            }
            Operation::Shutdown { wait: true, cancel } => self.close(cancel),
            Operation::ShutdownWithin { work, wait, cancel } => {
                let (reply, replied) = mpsc::channel();
                let pool = Arc::clone(self.pool());
                self.instruct(work, Instruction::Shutdown { pool, wait, cancel, reply });
                return match replied.recv_timeout(GUARD).expect("it does not wait") {
                    Ok(()) => Word::Ok,
                    Err(ShutdownError::FromOwnWorker) => Word::Error(Cause::OwnWorker),
                    Err(other) => panic!("{other}"),
                };
            }
            Operation::Drop => self.pool = None,
            Operation::SetDefault => {
                let pool = Arc::<ThreadPoolExecutor>::clone(self.pool());
                return match self.event_loop.set_default_executor(pool) {
                    Ok(()) => Word::Ok,
                    Err(why) => self.refused(&why, model),
                };
            }
            Operation::ShutdownDefault(patience) => self.shut_down_default(patience, model),
            Operation::Turns => self.turn(),
            Operation::Renew { .. } => {
                let old = std::mem::replace(self, Real::new(model));
                old.end();
            }
        }
        Word::Ok
    }

    fn refused(&self, why: &SubmitError, model: &Model) -> Word {
        match why {
            SubmitError::ShutDown => Word::Error(Cause::ShutDown),
            SubmitError::Broken(reason) => {
                self.check_reason(reason, model.own.reason);
                Word::Error(Cause::BrokenPool)
            }
            other => panic!("{other}"),
        }
    }

    fn check_reason(&self, why: &Exception, expected: Option<u8>) {
        let known = self.exceptions.iter().position(|known| known.same_object(why));
        assert_eq!(known, expected.map(usize::from), "the reason: {why}");
    }

    fn submit(&mut self, id: Id, way: Way, model: &Model) -> Word {
        let (instructions, instructed) = mpsc::channel();
        let (begun, exceptions) = (self.begun.0.clone(), Arc::clone(&self.exceptions));
        let owned = Arc::new(());
        let owns = Arc::clone(&owned);
        let function = move || {
            let _owns = owns;
            let _ = begun.send(id);
            loop {
                // A program that has failed lets everybody go.
                match instructed.recv().unwrap_or(Instruction::End(Ending::Returns(0))) {
                    Instruction::End(ending) => return end(ending, &*exceptions),
                    Instruction::Shutdown { pool, wait, cancel, reply } => {
                        let result = pool.shutdown(wait, cancel);
                        drop(pool);
                        let _ = reply.send(result);
                    }
                }
            }
        };
        let given = match way {
            Way::Submit => self.pool().submit(function).map(Given::Future),
            Way::InExecutor => {
                let pool = Arc::clone(self.pool());
                self.event_loop.run_in_executor(Some(&*pool), function).map(Given::OfLoop)
            }
            Way::Default => self.event_loop.run_in_executor(None, function).map(Given::OfLoop),
        };
        let given = match given {
            Ok(given) => given,
            Err(why) => {
                assert_eq!(Arc::strong_count(&owned), 1, "E-1: refused, it is dropped");
                return self.refused(&why, model);
            }
        };
        if self.loops.is_none() {
            self.loops = watch_default_pool(&self.event_loop);
        }
        self.functions.insert(id, Function { given, instructions, began: false, owned });
        Word::Ok
    }

    fn instruct(&self, id: Id, instruction: Instruction) {
        let sent = self.functions[&id].instructions.send(instruction);
        assert!(sent.is_ok(), "{id} is running");
    }

    /// Starts a thread that is blocked already when this returns, unless it need not wait.
    fn wait(&mut self, id: Id) {
        let Given::Future(future) = &self.functions[&id].given else {
            unreachable!("the precondition of the operation");
        };
        let (future, exceptions) = (future.clone(), Arc::clone(&self.exceptions));
        let (sender, receiver) = mpsc::channel();
        let body = move || {
            let _ = sender.send(result_word(future.result(), &*exceptions));
        };
        Clock::virtual_time().spawn("waiter", body).unwrap();
        self.waiters.push((receiver, None));
    }

    /// As [`Real::wait`], for the end of the pool.
    fn close(&mut self, cancel: bool) {
        let pool = Arc::clone(self.pool());
        let (sender, receiver) = mpsc::channel();
        let body = move || {
            let _ = sender.send(pool.shutdown(true, cancel));
        };
        Clock::virtual_time().spawn("closer", body).unwrap();
        self.closers.push((receiver, None));
    }

    fn shut_down_default(&mut self, patience: Patience, model: &Model) {
        let timeout = match patience {
            Patience::Endless => None,
            Patience::Long => Some(Duration::from_secs(24 * 60 * 60)),
            Patience::Short => Some(Duration::from_millis(1)),
            Patience::Zero => Some(Duration::ZERO),
        };
        let shutdown = self.event_loop.shutdown_default_executor(timeout);
        let refused = self.event_loop.run_in_executor(None, || Ok(0));
        assert!(matches!(refused, Err(SubmitError::ShutDown)), "E-10: from the call on");
        // Those that wait end of themselves, and how fast they do is not the question.
        self.await_loops(model);
        // Where there is a limit, a worker that has not yet said so has ended all the same.
        if matches!(patience, Patience::Endless | Patience::Long) {
            self.await_loops_end(model);
        }
        let task = self.event_loop.create_task(shutdown).unwrap();
        if patience == Patience::Short {
            let result = self.event_loop.run_until_complete(task.clone());
            assert_eq!(result.is_ok(), model.shutdowns.last() == Some(&Some(Ended::Well)));
        }
        self.shutdowns.push(task);
        self.turn();
        if let Some(watch) = &self.loops {
            let (tell, told) = mpsc::channel();
            // Nobody listens any more if the program has been renewed.
            watch.ended().add_done_callback(move |_| _ = tell.send(()));
            self.told.push(told);
        }
    }

    fn turn(&self) {
        for _ in 0..TURNS {
            let turn = self.event_loop.run_once(Some(Duration::ZERO));
            assert!(matches!(turn, Ok(loopgate::Turn::Continue)), "{turn:?}");
        }
    }

    /// Everything that is accepted has ended when the program has let go of it all.
    fn end(self) {
        drop(self.event_loop);
        drop(self.pool);
        self.ended.result_timeout(GUARD).expect("every worker ends");
        let nobody = PoolCensus { queued: 0, workers: 0, idle: 0 };
        for watch in [Some(self.watch), self.loops].into_iter().flatten() {
            await_that(|| watch.census(), &nobody, "the end of a pool");
        }
        for (receiver, got) in self.closers {
            assert!(got.is_some() || receiver.recv_timeout(GUARD) == Ok(Ok(())));
        }
        for (id, function) in self.functions {
            assert_eq!(Arc::strong_count(&function.owned), 1, "{id} is dropped");
        }
    }

    /// Returns when everything has come about that the spec says, and every worker waits or is in the hands of
    /// the program.
    pub(super) fn settle(&mut self, model: &Model, reached: &Reached) {
        for (id, work) in &model.works {
            if work.is_running() {
                self.await_begin(*id);
            }
            if let Given::Future(future) = &self.functions[id].given
                && work.future.has_ended()
            {
                let ended = future.wait_ended_timeout(GUARD);
                assert!(ended.is_ok(), "the work of {id} ends");
            }
        }
        for worker in &model.own.starting {
            while !self.starting.contains_key(worker) {
                let entered = self.entered.recv_timeout(GUARD);
                let (number, let_in) = entered.expect("a worker calls the initializer");
                assert!(self.starting.insert(number, let_in).is_none(), "once each");
            }
        }
        await_that(|| self.watch.census(), &census(&model.own), "of the program's pool");
        self.await_loops(model);
        if model.own.machine.is_over() {
            self.ended.result_timeout(GUARD).expect("the end is told");
        }
        if model.loops.as_ref().is_some_and(|pool| pool.machine.is_over()) {
            for told in self.told.drain(..) {
                told.recv_timeout(GUARD).expect("the loop is told of the end");
            }
        }
        self.check_threads(model, reached);
    }

    fn await_begin(&mut self, id: Id) {
        while !self.functions[&id].began {
            let begun = self.begun.1.recv_timeout(GUARD).expect("a worker picks up the work");
            let function = self.functions.get_mut(&begun).expect("what begins was accepted");
            assert!(!std::mem::replace(&mut function.began, true), "{begun} runs once");
        }
    }

    fn await_loops(&self, model: &Model) {
        assert_eq!(self.loops.is_some(), model.loops.is_some());
        if let Some((watch, pool)) = self.loops.as_ref().zip(model.loops.as_ref()) {
            await_that(|| watch.census(), &census(pool), "of the loop's pool");
        }
    }

    fn await_loops_end(&self, model: &Model) {
        let over = model.loops.as_ref().is_some_and(|pool| pool.machine.is_over());
        if let Some(watch) = self.loops.as_ref().filter(|_| over) {
            watch.ended().result_timeout(GUARD).expect("the end is told");
        }
    }

    /// Threads that wait are released exactly when the spec says so, with what it says.
    fn check_threads(&mut self, model: &Model, reached: &Reached) {
        assert_eq!(self.waiters.len(), model.waiters.len());
        for (thread, id) in self.waiters.iter_mut().zip(&model.waiters) {
            let out = model.works[id].future.out();
            if released(thread, out.map(Out::word)) {
                reached.answer("wait", name_of(out.expect("it is released")));
            }
        }
        assert_eq!(self.closers.len(), model.closers);
        let over = model.own.machine.is_over();
        for thread in &mut self.closers {
            if released(thread, over.then_some(Ok(()))) {
                reached.answer("shut down", "a thread has waited for the end");
            }
        }
    }

    /// What can be seen at any time.
    pub(super) fn check(&self, model: &Model) {
        assert_eq!(self.begun.1.try_recv(), Err(TryRecvError::Empty), "nobody else begins");
        assert!(
            self.entered.try_recv().is_err() && self.starting.len() == model.own.starting.len()
        );
        assert_eq!(self.ended.done(), model.own.machine.is_over());
        assert_eq!(self.functions.len(), model.works.len());
        for (id, work) in &model.works {
            let function = &self.functions[id];
            assert_eq!(function.began, work.began, "whether {id} has begun");
            assert_eq!(Arc::strong_count(&function.owned) == 2, work.alive, "what {id} owns");
            let result = match &function.given {
                Given::Future(future) => check_queries(future, work),
                Given::OfLoop(future) => Some(future.result()),
            };
            let out = work.seen.unwrap_or(work.future.out());
            let expected = out.map_or(Word::Pending, Out::word);
            match result {
                None => assert_eq!(expected, Word::Pending, "{id}"),
                Some(result) => {
                    self.check_broken(&result, work);
                    assert_eq!(result_word(result, &*self.exceptions), expected, "of {id}");
                }
            }
        }
        assert_eq!(self.reports.get(), 0, "every failure has somebody who hears of it");
        assert_eq!(self.shutdowns.len(), model.shutdowns.len());
        for (task, ended) in self.shutdowns.iter().zip(&model.shutdowns) {
            assert_eq!(end_of(task), *ended, "a shutdown of the loop's pool");
        }
    }

    /// Work that a failing initializer has failed says why.
    fn check_broken(&self, result: &Result<u8, ResultError>, work: &Work) {
        let Err(ResultError::Exception(exception)) = result else { return };
        if let Some(SubmitError::Broken(why)) = exception.downcast_ref() {
            self.check_reason(why, work.reason);
        }
    }
}
