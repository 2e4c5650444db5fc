//! A program made ready to be run: every operation and every block has a number.

use std::sync::Arc;

use crate::spec::check::Malformed;
use crate::spec::habits::Habits;
use crate::spec::program::{Awaited, Catch, Op, Program, Raised, Stmt, Units, Value};
use crate::spec::seeded::Seeded;

/// Names an operation of [`Code::ops`].
pub(super) type OpId = u16;
/// Names a block of [`Code::blocks`].
pub(super) type BlockId = u16;

/// A program whose parts are named by numbers.
#[derive(Clone, Debug)]
pub(super) struct Code {
    ops: Vec<Op>,
    /// Lists of operations: threads, then callbacks, then works.
    lists: Vec<Vec<OpId>>,
    /// Shared by the copies: a block never changes.
    blocks: Vec<Arc<[Line]>>,
    /// The block of each coroutine.
    scripts: Vec<BlockId>,
    pub(super) threads: usize,
    callbacks: usize,
    pub(super) works: usize,
    /// A mistake that the spec is to make.
    pub(super) seeded: Option<Seeded>,
    pub(super) habits: Habits,
}

/// One statement.
#[derive(Clone, Debug)]
pub(super) enum Line {
    Do(OpId),
    Await(Awaited),
    Timeout { after: Units, body: BlockId },
    WaitFor { after: Units, what: Awaited },
    Try { body: BlockId, catch: Catch, handler: BlockId, again: bool },
    Finally { body: BlockId, last: BlockId },
    Return(Value),
    Raise(Raised),
    Panic(Raised),
    RaiseCancelled,
}

impl Code {
    pub(super) fn new(
        program: &Program,
        seeded: Option<Seeded>,
        habits: Habits,
    ) -> Result<Code, Malformed> {
        program.check()?;
        let mut code = Code {
            ops: Vec::new(),
            lists: Vec::new(),
            blocks: Vec::new(),
            scripts: Vec::new(),
            threads: program.threads.len(),
            callbacks: program.callbacks.len(),
            works: program.works.len(),
            seeded,
            habits,
        };
        for list in program.threads.iter().chain(&program.callbacks).chain(&program.works) {
            let list = list.iter().map(|op| code.op(op)).collect();
            code.lists.push(list);
        }
        for script in &program.coroutines {
            let block = code.block(script);
            code.scripts.push(block);
        }
        Ok(code)
    }

    pub(super) fn op(&mut self, op: &Op) -> OpId {
        self.ops.push(op.clone());
        number(self.ops.len() - 1)
    }

    /// A further coroutine; its number.
    pub(super) fn add_script(&mut self, script: &[Stmt]) -> u8 {
        let block = self.block(script);
        self.scripts.push(block);
        u8::try_from(self.scripts.len() - 1).expect("programs are small")
    }

    fn block(&mut self, statements: &[Stmt]) -> BlockId {
        let lines = statements.iter().map(|statement| self.line(statement)).collect();
        self.blocks.push(lines);
        number(self.blocks.len() - 1)
    }

    fn line(&mut self, statement: &Stmt) -> Line {
        match statement {
            Stmt::Do(op) => Line::Do(self.op(op)),
            Stmt::Await(what) => Line::Await(what.clone()),
            Stmt::Timeout { after, body } => {
                Line::Timeout { after: *after, body: self.block(body) }
            }
            Stmt::WaitFor { after, what } => Line::WaitFor { after: *after, what: what.clone() },
            Stmt::Try { body, catch, handler, again } => Line::Try {
                body: self.block(body),
                catch: *catch,
                handler: self.block(handler),
                again: *again,
            },
            Stmt::Finally { body, last } => {
                Line::Finally { body: self.block(body), last: self.block(last) }
            }
            Stmt::Return(value) => Line::Return(*value),
            Stmt::Raise(exception) => Line::Raise(*exception),
            Stmt::Panic(exception) => Line::Panic(*exception),
            Stmt::RaiseCancelled => Line::RaiseCancelled,
        }
    }

    pub(super) fn get(&self, op: OpId) -> &Op {
        &self.ops[usize::from(op)]
    }

    pub(super) fn thread(&self, thread: usize) -> u16 {
        number(thread)
    }

    pub(super) fn callback(&self, callback: u8) -> u16 {
        number(self.threads + usize::from(callback))
    }

    pub(super) fn work(&self, work: u8) -> u16 {
        number(self.threads + self.callbacks + usize::from(work))
    }

    pub(super) fn list(&self, list: u16) -> &[OpId] {
        &self.lists[usize::from(list)]
    }

    pub(super) fn script(&self, coroutine: u8) -> BlockId {
        self.scripts[usize::from(coroutine)]
    }

    pub(super) fn lines(&self, block: BlockId) -> &[Line] {
        &self.blocks[usize::from(block)]
    }
}

fn number(index: usize) -> u16 {
    u16::try_from(index).expect("programs are small")
}
