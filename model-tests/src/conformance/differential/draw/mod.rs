//! Programs drawn at random, the same ones for the same seed; or by the choices of a fuzzer.
//!
//! There are six kinds, because each runtime can be asked only what it has and what SPEC.md decides:
//!
//! * [`Kind::Turns`]: one thread that runs a loop iteration by iteration, with tasks, timers and futures that meddle with each
//!   other. The order of all that is decided to the turn;
//! * [`Kind::Quiet`]: one task that waits in every way there is, `wait_for`, `shield` and `gather` among them. How many turns
//!   those take is not decided, so no two things happen at the same time: each delay is another power of two;
//! * [`Kind::Futures`]: concurrent futures and their waits, without a loop;
//! * [`Kind::Pools`]: one thread and a pool, with a loop or without;
//! * [`Kind::Threads`]: a loop, another thread, and a pool. What races has several outcomes;
//! * [`Kind::Whole`]: as `Turns`, of the whole alphabet: also what other runtimes lack.

mod choices;
mod futures;
mod quiet;
mod threads;
mod turns;

use crate::spec::Program;
use crate::spec::program::VERSION;
use choices::Choices;

/// What a program is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// One thread, to the turn.
    Turns,
    /// One thread, where only time orders.
    Quiet,
    /// One thread without a loop.
    Futures,
    /// One thread and a pool.
    Pools,
    /// Several threads.
    Threads,
    /// One thread, the whole alphabet.
    Whole,
}

impl Kind {
    /// Its name, for tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Kind::Turns => "turns",
            Kind::Quiet => "quiet",
            Kind::Futures => "futures",
            Kind::Pools => "pools",
            Kind::Threads => "threads",
            Kind::Whole => "whole",
        }
    }
}

/// A program of a seed: each attempt another one, because some cannot be run.
#[must_use]
pub fn program(seed: u64, attempt: u64) -> (Kind, Program) {
    // Neighbours are to have nothing in common.
    let mixed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d;
    let mixed = mixed ^ attempt.wrapping_mul(0xd1b5_4a32_d192_ed03);
    let mut draw = Draw { choices: Choices::random(mixed), in_place: false };
    let kind = match draw.below(20) {
        0..=7 => Kind::Turns,
        8..=11 => Kind::Quiet,
        12..=13 => Kind::Futures,
        14 => Kind::Pools,
        15 => Kind::Threads,
        _ => Kind::Whole,
    };
    let name = format!("drawn_{}_{seed}", kind.name());
    (kind, Program { version: VERSION, name, ..draw.program(kind) })
}

/// A program of this kind, by these choices: each byte is one, and what they do not decide is always the same. It may be
/// one that cannot be run.
#[must_use]
pub fn program_by(kind: Kind, choices: &[u8]) -> Program {
    let mut draw = Draw { choices: Choices::given(choices), in_place: false };
    Program { version: VERSION, ..draw.program(kind) }
}

/// Tasks, concurrent futures and loop futures that a program of one thread begins with.
const TASKS: u8 = 3;
const FUTURES: u8 = 3;
const LOCALS: u8 = 2;
/// Gates that something foreign waits for.
const GATES: u8 = 2;
const CALLBACKS: u8 = 3;
/// Of these futures the program holds the promise.
const PROMISES: u8 = 2;

struct Draw {
    choices: Choices,
    /// Of the quiet kind: a coroutine is awaited in place, which can be done once.
    in_place: bool,
}

/// Where an operation or statement stands.
#[derive(Clone, Copy)]
struct Place {
    /// The whole alphabet.
    whole: bool,
    /// In the coroutine of this number, which awaits only tasks below it.
    coroutine: Option<u8>,
}

impl Draw {
    fn program(&mut self, kind: Kind) -> Program {
        match kind {
            Kind::Turns => self.loop_program(false),
            Kind::Whole => self.loop_program(true),
            Kind::Quiet => self.quiet(),
            Kind::Futures => self.futures(),
            Kind::Pools => self.pool(),
            Kind::Threads => self.threads(),
        }
    }

    fn below(&mut self, bound: u32) -> u32 {
        self.choices.below(bound)
    }

    fn small(&mut self, bound: u8) -> u8 {
        self.choices.small(bound)
    }

    fn one_in(&mut self, many: u32) -> bool {
        self.below(many) == 0
    }

    fn of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.choices.index(choices.len())].clone()
    }
}
