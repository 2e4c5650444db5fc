//! What the spec says of each operation.

use std::collections::{BTreeMap, BTreeSet};

use loopgate_model_tests::spec::concurrent::{Concurrent, Out, Phase};
use loopgate_model_tests::spec::executor::{Action, Answer, Mode, Pool as Machine};
use loopgate_model_tests::spec::{Cause, Word};

use super::programs::{Ending, Operation, Patience, Way};
use crate::support::take;

/// Names a piece of work.
pub(super) type Id = u16;
/// How many exceptions there are.
pub(super) const EXCEPTIONS: u8 = 3;
/// The smallest pool that a loop makes for itself has so many workers; it never has more to do.
const LOOPS_OWN: usize = 5;
/// So many threads at most wait for work, and as many for the end of the pool.
const THREADS: usize = 3;
/// So much work at most is queued.
const QUEUED: usize = 7;

/// Which pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Home {
    /// The program's.
    Program,
    /// The one that the loop has made for itself.
    Loop,
}

/// A worker that looks for work next, by what it comes from.
type Looks = &'static str;
const NEW: Looks = "takes work when new";
const FREE: Looks = "takes work when free again";
const IDLE: Looks = "takes work when idle";

#[derive(Clone, Debug)]
pub(super) struct Pool {
    pub(super) machine: Machine<Id>,
    pub(super) initializer: bool,
    /// How many workers there have been.
    pub(super) started: u8,
    /// Workers in their initializer, by number.
    pub(super) starting: BTreeSet<u8>,
    looking: Vec<Looks>,
    /// What the latest initializer that failed has failed with.
    pub(super) reason: Option<u8>,
}

impl Pool {
    fn new(limit: u8, initializer: bool) -> Pool {
        let machine = Machine::new(limit).expect("there is somebody to do the work");
        let (starting, looking) = (BTreeSet::new(), Vec::new());
        Pool { machine, initializer, started: 0, starting, looking, reason: None }
    }

    fn state(&self) -> &'static str {
        let machine = &self.machine;
        match (machine.mode(), machine.workers()) {
            (Mode::Open, 0) => "open, nobody",
            (Mode::Open, _) if machine.idle() > 0 => "open, some idle",
            (Mode::Open, workers) if workers < machine.limit() => "open, all busy",
            (Mode::Open, _) => "open, full",
            (Mode::ShutDown, 0) => "shut down",
            (Mode::ShutDown, _) => "shutting down",
            (Mode::Broken, 0) => "broken",
            (Mode::Broken, _) => "breaking",
        }
    }
}

/// What `run_in_executor` uses when it is given no pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Default {
    Unset,
    Programs,
    Loops,
    ShutDown,
}

#[derive(Clone, Debug)]
pub(super) struct Work {
    pub(super) home: Home,
    pub(super) future: Concurrent<()>,
    /// Of the loop future, if there is one: its outcome, if it has one.
    pub(super) seen: Option<Option<Out>>,
    pub(super) began: bool,
    /// The function is not dropped.
    pub(super) alive: bool,
    /// What the initializer failed with that broke the pool.
    pub(super) reason: Option<u8>,
}

impl Work {
    pub(super) fn is_running(&self) -> bool {
        self.future.phase() == Phase::Running
    }

    fn is_posted(&self) -> bool {
        self.seen == Some(None) && self.future.is_done()
    }

    fn state(&self) -> &'static str {
        match (self.seen, self.future.phase()) {
            (None, Phase::Pending) => "work queued",
            (None, Phase::Running) => "work running",
            (None, Phase::Cancelled { acknowledged: false }) => "work cancelled, queued",
            (None, Phase::Cancelled { acknowledged: true }) => "work cancelled",
            (None, Phase::Finished(_)) => "work done",
            (Some(Some(Out::Cancelled)), _) => "future cancelled",
            (Some(Some(_)), _) => "future done",
            (Some(None), Phase::Pending) => "future, work queued",
            (Some(None), Phase::Running) => "future, work running",
            (Some(None), _) => "future, outcome posted",
        }
    }
}

/// How `shutdown_default_executor` ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Well,
    /// With so many workers that had not ended.
    TimedOut(usize),
}

#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) own: Pool,
    /// The program has not let go of it.
    held: bool,
    pub(super) loops: Option<Pool>,
    default: Default,
    pub(super) works: BTreeMap<Id, Work>,
    /// What threads wait for, one each.
    pub(super) waiters: Vec<Id>,
    /// How many threads wait, or have waited, for the end of the program's pool.
    pub(super) closers: usize,
    pub(super) shutdowns: Vec<Option<Ended>>,
    pub(super) answer: Word,
    /// The state before the operation, and what came of it by name.
    pub(super) before: &'static str,
    pub(super) seen: Vec<(&'static str, &'static str)>,
}

impl Model {
    pub(super) fn new(limit: u8, initializer: bool) -> Model {
        Model {
            own: Pool::new(limit, initializer),
            held: true,
            loops: None,
            default: Default::Unset,
            works: BTreeMap::new(),
            waiters: Vec::new(),
            closers: 0,
            shutdowns: Vec::new(),
            answer: Word::Ok,
            before: "any",
            seen: Vec::new(),
        }
    }

    fn pool(&mut self, home: Home) -> &mut Pool {
        match home {
            Home::Program => &mut self.own,
            Home::Loop => self.loops.as_mut().expect("work of the loop's own pool is in it"),
        }
    }

    fn work(&mut self, id: Id) -> &mut Work {
        self.works.get_mut(&id).expect("it was accepted")
    }

    pub(super) fn state(&self, operation: &Operation) -> &'static str {
        match operation {
            Operation::Submit(_, Way::Default)
            | Operation::SetDefault
            | Operation::ShutdownDefault(_) => match self.default {
                Default::Unset => "unset",
                Default::Programs => "the program's",
                Default::Loops => "the loop's",
                Default::ShutDown => "shut down",
            },
            Operation::Cancel(id) | Operation::Wait(id) => self.works[id].state(),
            Operation::Finish(id, _) if self.works[id].home == Home::Loop => "of the loop's pool",
            Operation::Turns | Operation::Renew { .. } => "any",
            _ => self.own.state(),
        }
    }

    fn submit(&mut self, id: Id, way: Way) -> Word {
        let home = match (way, self.default) {
            (Way::Submit | Way::InExecutor, _) | (Way::Default, Default::Programs) => Home::Program,
            (Way::Default, Default::ShutDown) => return Word::Error(Cause::ShutDown),
            (Way::Default, Default::Loops) => Home::Loop,
            (Way::Default, Default::Unset) => {
                self.default = Default::Loops;
                self.loops = Some(Pool::new(default_limit(), false));
                Home::Loop
            }
        };
        let pool = self.pool(home);
        match take(&mut pool.machine, &Action::Execute(id)) {
            Answer::Refused(cause) => return Word::Error(cause),
            Answer::Accepted { start: false } => {}
            Answer::Accepted { start: true } => {
                if pool.initializer {
                    pool.starting.insert(pool.started);
                } else {
                    pool.looking.push(NEW);
                }
                pool.started += 1;
            }
            other => unreachable!("{other:?}"),
        }
        let seen = (way != Way::Submit).then_some(None);
        let future = Concurrent::default();
        let work = Work { home, future, seen, began: false, alive: true, reason: None };
        self.works.insert(id, work);
        Word::Ok
    }

    /// Workers look for work until each of them has some, waits, or has ended.
    ///
    /// Which of those that wait and those that do not comes first makes no difference to what is left.
    fn settle(&mut self, home: Home) {
        loop {
            let pool = self.pool(home);
            let looks = pool.looking.pop();
            if looks.is_none() && (pool.machine.idle() == 0 || !pool.machine.calls()) {
                return;
            }
            match take(&mut pool.machine, &Action::Look { idle: looks.is_none() }) {
                Answer::Work(id) => {
                    let looks = looks.unwrap_or(IDLE);
                    let work = self.work(id);
                    let wanted = work.future.set_running().expect("nobody else begins it");
                    (work.began, work.alive) = (wanted, wanted);
                    if wanted {
                        self.seen.push(("worker", looks));
                    } else {
                        self.seen.push(("worker", "passes over cancelled work"));
                        self.pool(home).looking.push(looks);
                    }
                }
                Answer::Idle => self.seen.push(("worker", "waits")),
                Answer::End => self.seen.push(("worker", "ends")),
                other => unreachable!("{other:?}"),
            }
        }
    }

    fn finish(&mut self, id: Id, ending: Ending) {
        let (out, name) = match ending {
            Ending::Returns(value) => (Out::Value(value), "value"),
            Ending::Raises(number) => (Out::Exception(Cause::Raised(number)), "raised"),
            Ending::Panics(number) => (Out::Exception(Cause::Raised(number)), "panicked"),
        };
        let work = self.work(id);
        work.future.complete(out, true).expect("running work cannot be cancelled");
        work.alive = false;
        let home = work.home;
        self.pool(home).looking.push(FREE);
        self.seen.push(("finish", name));
    }

    fn let_in(&mut self, worker: u8, ending: Ending) {
        self.own.starting.remove(&worker);
        self.own.looking.push(NEW);
        let (reason, name) = match ending {
            Ending::Returns(_) => return self.seen.push(("let in", "ok")),
            Ending::Raises(number) => (number, "raised"),
            Ending::Panics(number) => (number, "panicked"),
        };
        self.seen.push(("let in", name));
        self.own.reason = Some(reason);
        let Answer::Rest(rest) = take(&mut self.own.machine, &Action::Break) else {
            unreachable!("a pool can always break");
        };
        for id in rest {
            let work = self.work(id);
            work.alive = false;
            // One that is cancelled has ended by that.
            let failed = work.future.complete(Out::Exception(Cause::BrokenPool), true).is_ok();
            work.reason = failed.then_some(reason);
            let name = if failed { "fails queued work" } else { "passes over cancelled work" };
            self.seen.push(("let in", name));
        }
    }

    fn shut_down(&mut self, home: Home, cancel: bool) {
        let machine = &mut self.pool(home).machine;
        let Answer::Rest(rest) = take(machine, &Action::Shutdown { cancel }) else {
            unreachable!("a pool can always be shut down");
        };
        if cancel {
            let name = if rest.is_empty() { "finds nothing to cancel" } else { "cancels" };
            self.seen.push(("shut down", name));
        }
        for id in rest {
            let work = self.work(id);
            work.alive = false;
            assert!(work.future.cancel(true).0, "it is queued");
        }
    }

    fn shut_down_within(&mut self, wait: bool, cancel: bool) -> Word {
        if wait {
            return Word::Error(Cause::OwnWorker);
        }
        self.shut_down(Home::Program, cancel);
        Word::Ok
    }

    /// Neither the program nor the loop holds it: it is shut down.
    fn let_go(&mut self) {
        if !self.held && self.default != Default::Programs {
            self.shut_down(Home::Program, false);
        }
    }

    fn set_default(&mut self) -> Word {
        if self.default == Default::ShutDown {
            return Word::Error(Cause::ShutDown);
        }
        if self.default == Default::Loops {
            self.shut_down(Home::Loop, false);
        }
        self.default = Default::Programs;
        Word::Ok
    }

    fn shut_down_default(&mut self, patience: Patience) {
        let old = std::mem::replace(&mut self.default, Default::ShutDown);
        let mut ended = Some(Ended::Well);
        if old == Default::Loops {
            self.shut_down(Home::Loop, false);
            self.settle(Home::Loop);
            let workers = usize::from(self.pool(Home::Loop).machine.workers());
            ended = match patience {
                _ if workers == 0 => ended,
                Patience::Endless | Patience::Long => None,
                Patience::Short | Patience::Zero => Some(Ended::TimedOut(workers)),
            };
        }
        self.let_go();
        self.turns();
        let name = match ended {
            None => "waits",
            Some(Ended::Well) => "ok",
            Some(Ended::TimedOut(_)) => "timed out",
        };
        self.seen.push(("default shut down", name));
        self.shutdowns.push(ended);
    }

    fn turns(&mut self) {
        for work in self.works.values_mut().filter(|work| work.is_posted()) {
            let out = work.future.out().expect("it is done");
            work.seen = Some(Some(out));
            self.seen.push(("turns", name_of(out)));
        }
        if self.loops.as_ref().is_some_and(|pool| pool.machine.is_over()) {
            for shutdown in self.shutdowns.iter_mut().filter(|shutdown| shutdown.is_none()) {
                *shutdown = Some(Ended::Well);
                self.seen.push(("turns", "the end of the loop's pool"));
            }
        }
    }

    fn cancel(&mut self, id: Id) -> Word {
        let work = self.work(id);
        let word = match work.seen {
            None => Word::of(work.future.cancel(false).0),
            Some(Some(_)) => Word::False,
            Some(None) => {
                work.seen = Some(Some(Out::Cancelled));
                // Whether or not it comes in time.
                work.future.cancel(false);
                Word::True
            }
        };
        self.seen.push(("cancel", if word == Word::True { "true" } else { "false" }));
        word
    }

    fn renew(&mut self, limit: u8, initializer: bool) {
        self.shut_down(Home::Program, false);
        self.settle(Home::Program);
        assert!(self.own.machine.is_over(), "the precondition of the operation");
        if self.loops.is_some() {
            self.shut_down(Home::Loop, false);
            self.settle(Home::Loop);
        }
        let before = std::mem::replace(self, Model::new(limit, initializer));
        (self.seen, self.before) = (before.seen, before.before);
    }

    pub(super) fn take(&mut self, operation: &Operation) -> Word {
        let mut answer = Word::Ok;
        match *operation {
            Operation::Submit(id, way) => answer = self.submit(id, way),
            Operation::SubmitMany(first, many) => {
                (first..first + Id::from(many)).for_each(|id| answer = self.submit(id, Way::Submit))
            }
            Operation::Cancel(id) => answer = self.cancel(id),
            Operation::Wait(id) => self.waiters.push(id),
            Operation::Finish(id, ending) => self.finish(id, ending),
            Operation::LetIn(worker, ending) => self.let_in(worker, ending),
            Operation::Shutdown { wait, cancel } => {
                self.closers += usize::from(wait);
                self.shut_down(Home::Program, cancel);
            }
            Operation::ShutdownWithin { wait, cancel, .. } => {
                answer = self.shut_down_within(wait, cancel);
            }
            Operation::Drop => {
                self.held = false;
                self.let_go();
            }
            Operation::SetDefault => answer = self.set_default(),
            Operation::ShutdownDefault(patience) => self.shut_down_default(patience),
            Operation::Turns => self.turns(),
            Operation::Renew { limit, initializer } => self.renew(limit, initializer),
        }
        self.settle(Home::Program);
        if self.loops.is_some() {
            self.settle(Home::Loop);
        }
        answer
    }

    /// What the program can end next; after it everything that is accepted ends by itself.
    pub(super) fn next_end(&self) -> Option<Operation> {
        let ending = Ending::Returns(0);
        let mut starting = self.own.starting.iter();
        let running = || self.works.iter().find(|(_, work)| work.is_running());
        starting
            .next()
            .map(|worker| Operation::LetIn(*worker, ending))
            .or_else(|| running().map(|(id, _)| Operation::Finish(*id, ending)))
    }

    pub(super) fn running(&self, home: Option<Home>) -> Vec<Id> {
        let of_home = |work: &Work| home.is_none_or(|home| work.home == home);
        let running = self.works.iter().filter(|(_, work)| work.is_running() && of_home(work));
        running.map(|(id, _)| *id).collect()
    }

    pub(super) fn fresh(&self) -> Id {
        self.works.last_key_value().map_or(0, |(id, _)| id + 1)
    }

    fn is_fresh(&self, id: Id, many: u8) -> bool {
        self.works.range(id..id + Id::from(many)).next().is_none()
    }

    /// A pool that may have so much more has room for it.
    fn has_room(&self, way: Way, many: u8) -> bool {
        match (way, self.default) {
            (Way::Default, Default::ShutDown) => true,
            (Way::Default, Default::Unset | Default::Loops) => {
                self.running(Some(Home::Loop)).len() < LOOPS_OWN
            }
            (Way::Default, Default::Programs) | (Way::Submit | Way::InExecutor, _) => {
                self.own.machine.iter().count() + usize::from(many) <= QUEUED
            }
        }
    }

    fn waiting(&self) -> usize {
        self.waiters.iter().filter(|id| !self.works[id].future.is_done()).count()
    }

    pub(super) fn allows(&self, operation: &Operation) -> bool {
        match *operation {
            Operation::Submit(id, way) => {
                self.is_fresh(id, 1) && self.has_room(way, 1) && (self.held || way == Way::Default)
            }
            Operation::SubmitMany(id, many) => {
                self.held && self.is_fresh(id, many) && self.has_room(Way::Submit, many)
            }
            Operation::Cancel(id) => self.works.contains_key(&id),
            Operation::Wait(id) => {
                self.waiting() < THREADS
                    && self.works.get(&id).is_some_and(|work| work.seen.is_none())
            }
            Operation::Finish(id, _) => self.works.get(&id).is_some_and(Work::is_running),
            Operation::LetIn(worker, _) => self.own.starting.contains(&worker),
            Operation::Shutdown { wait, .. } => {
                self.held && (!wait || self.own.machine.is_over() || self.closers < THREADS)
            }
            Operation::ShutdownWithin { work, .. } => {
                self.held && self.running(Some(Home::Program)).contains(&work)
            }
            Operation::Drop | Operation::SetDefault => self.held,
            Operation::ShutdownDefault(_) | Operation::Turns => true,
            Operation::Renew { .. } => self.next_end().is_none(),
        }
    }
}

/// As the documentation says: the processors and four, but no more than 32.
fn default_limit() -> u8 {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    u8::try_from((processors + 4).min(32)).expect("no more than 32")
}

pub(super) fn name_of(out: Out) -> &'static str {
    match out {
        Out::Value(_) => "value",
        Out::Exception(Cause::BrokenPool) => "broken pool",
        Out::Exception(_) => "raised",
        Out::Cancelled => "cancelled",
    }
}

pub(super) fn answer_name(word: &Word) -> &'static str {
    match word {
        Word::Ok => "ok",
        Word::True => "true",
        Word::False => "false",
        Word::Error(Cause::ShutDown) => "shut down",
        Word::Error(Cause::BrokenPool) => "broken pool",
        Word::Error(Cause::OwnWorker) => "own worker",
        other => unreachable!("no answer of an executor: {other}"),
    }
}
