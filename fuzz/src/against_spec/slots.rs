//! Gives out the numbers of slots, while letters are turned into a program of the spec.

use loopgate_model_tests::spec::program::{MAX_SLOTS, Op, Program, Stmt, VERSION};

use crate::program::Pick;

/// A program that grows, and what the thread whose letters are read can name.
#[derive(Clone, Debug, Default)]
pub(super) struct Slots {
    pub(super) program: Program,
    /// Futures, and which of them have a promise.
    pub(super) futures: Vec<(u8, bool)>,
    pub(super) tasks: Vec<u8>,
    /// Loop futures, and which of them have a promise.
    pub(super) locals: Vec<(u8, bool)>,
    /// Loops that are closed: what they are asked for they refuse, and its slot stays empty.
    pub(super) closed: [bool; 2],
    /// Work may be refused, by another thread's doing: then its slot must not be named.
    pub(super) may_refuse: bool,
    /// How many numbers of each kind are given out, by whichever thread.
    next: [u8; 4],
}

/// Kinds of slots.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Future,
    Task,
    Local,
    Handle,
}

impl Slots {
    pub(super) fn new() -> Slots {
        let program = Program { version: VERSION, ..Program::default() };
        Slots { program, ..Slots::default() }
    }

    /// A number that nobody has, if there is one left.
    pub(super) fn fresh(&mut self, kind: Kind) -> Option<u8> {
        let next = &mut self.next[kind as usize];
        let number = *next;
        (number < MAX_SLOTS).then(|| {
            *next += 1;
            number
        })
    }

    /// A new future, with a promise or as what somebody else completes.
    pub(super) fn future(&mut self, promise: bool) -> Option<u8> {
        let number = self.fresh(Kind::Future)?;
        self.futures.push((number, promise));
        Some(number)
    }

    pub(super) fn pick_future(&self, of: Pick) -> Option<u8> {
        Some(self.futures[of.index(self.futures.len())?].0)
    }

    /// The future that is meant, if it has a promise.
    pub(super) fn pick_promise(&self, of: Pick) -> Option<u8> {
        let (number, promise) = self.futures[of.index(self.futures.len())?];
        promise.then_some(number)
    }

    /// The same; it has none from here on.
    pub(super) fn take_promise(&mut self, of: Pick) -> Option<u8> {
        let index = of.index(self.futures.len())?;
        let (number, promise) = &mut self.futures[index];
        std::mem::take(promise).then_some(*number)
    }

    pub(super) fn pick_task(&self, of: Pick) -> Option<u8> {
        Some(self.tasks[of.index(self.tasks.len())?])
    }

    pub(super) fn pick_local(&self, of: Pick) -> Option<u8> {
        Some(self.locals[of.index(self.locals.len())?].0)
    }

    pub(super) fn pick_local_promise(&self, of: Pick) -> Option<u8> {
        let (number, promise) = self.locals[of.index(self.locals.len())?];
        promise.then_some(number)
    }

    /// Adds a callback; its number.
    pub(super) fn callback(&mut self, ops: Vec<Op>) -> Option<u8> {
        add(&mut self.program.callbacks, ops)
    }

    /// Adds a coroutine; its number.
    pub(super) fn coroutine(&mut self, script: Vec<Stmt>) -> Option<u8> {
        add(&mut self.program.coroutines, script)
    }

    /// Adds work for a pool; its number.
    pub(super) fn work(&mut self, ops: Vec<Op>) -> Option<u8> {
        add(&mut self.program.works, ops)
    }
}

/// As many lists as there may be slots.
fn add<T>(lists: &mut Vec<T>, list: T) -> Option<u8> {
    let number = u8::try_from(lists.len()).ok().filter(|number| *number < MAX_SLOTS)?;
    lists.push(list);
    Some(number)
}
