//! A thread that is told what to do, one operation after the other: for programs that are drawn as they go.

use std::rc::Rc;
use std::sync::Arc;

use loopgate::{Clock, LocalLoop};

use super::here::Here;
use super::world::World;
use crate::spec::program::{Op, Stmt};
use crate::spec::{Program, Word};

/// A program of one thread, which the calling thread plays, in virtual time. One at a time on a thread.
///
/// The spec's side of it is [`System::carry_out`](crate::spec::System::carry_out).
///
/// ```
/// use loopgate_model_tests::driver::Session;
/// use loopgate_model_tests::spec::program::{Op, Sleep, Stmt, VERSION};
/// use loopgate_model_tests::spec::{Program, Word};
///
/// let program = Program { version: VERSION, threads: vec![vec![]], ..Program::default() };
/// let session = Session::new(&program);
/// assert_eq!(session.carry_out(&Op::NewLoop(0)), []);
/// let coroutine = session.add_coroutine(&[Stmt::Return(3)]);
/// assert_eq!(session.carry_out(&Op::CreateTask { on: 0, coroutine, task: 0 }), [Word::Ok]);
/// let turn = Op::RunOnce { on: 0, sleep: Sleep::Zero };
/// assert_eq!(session.carry_out(&turn), [Word::Continue]);
/// ```
pub struct Session {
    world: Arc<World>,
    here: Rc<Here>,
}

impl Session {
    /// A session with the callbacks and the coroutines of a program.
    ///
    /// # Panics
    /// The program is malformed.
    #[must_use]
    pub fn new(program: &Program) -> Session {
        if let Err(malformed) = program.check() {
            panic!("{malformed}");
        }
        let world = World::new(Arc::new(program.clone()), Clock::virtual_time());
        let here = Here::play(&world, 0);
        Session { world, here }
    }

    /// A further coroutine; its number.
    #[must_use]
    pub fn add_coroutine(&self, script: &[Stmt]) -> u8 {
        self.world.add_coroutine(script)
    }

    /// Does an operation to its end; what it logged.
    ///
    /// # Panics
    /// The operation is malformed here.
    #[must_use = "the log is to be compared"]
    pub fn carry_out(&self, op: &Op) -> Vec<Word> {
        self.here.operate(op);
        self.world.take_log(0)
    }

    /// A loop that the session has made.
    #[must_use]
    pub fn local(&self, on: u8) -> Option<LocalLoop> {
        self.here.loop_of(on)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.here.stop_playing();
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Session")
    }
}
