//! Threads that post through a pipe which is full, fails, breaks, and returns for no reason.
//!
//! Clauses W-1 to W-11. The pipe is the explorer's: full after a byte or a few; an interrupted poll, a drain that
//! leaves a byte, a write that fails and an end-of-file come whenever the schedule says so. What must be so
//! whatever happens:
//!
//! * every post that was accepted runs, once, in the order of its thread; a refused one never does;
//! * every submission that was accepted ends, and a cancel of it takes effect;
//! * nobody waits for ever, and the loop does not spin.
//!
//! On real threads the pipe is a real one and fails seldom.

use std::num::NonZero;

use loopgate::checkers::model::{Arc, Environment, JoinHandle, Mutex, thread};
use loopgate::{EventLoop, LoopHandle, PostError, ResultError, yield_now};

use crate::Input;
use crate::alphabet::{Letter, alphabet, numbers};
use crate::schedule::{self, Scheduled};

alphabet! {
    /// What a thread does to the loop.
    PosterOp {
        /// Nothing more: the thread ends.
        End,
        /// `call_soon_threadsafe`.
        Post,
        /// `run_coroutine_threadsafe`, and the wait for its end.
        Submit,
        /// The same, cancelled at once.
        SubmitAndCancel,
        /// Two posts, and a submission behind them.
        Burst,
        /// `stop`, which ends a run and not the program.
        Stop,
    }
}

numbers! {
    /// What the world may do, a bit for each thing; the highest two are how many bytes more than one the pipe holds.
    Faults;
}

impl Faults {
    fn environment(self) -> Environment {
        let bit = |bit: u8| self.0 >> bit & 1 == 1;
        Environment {
            pipe_capacity: 1 + usize::from(self.0 >> 6),
            failing_writes: bit(0),
            end_of_file: bit(1),
            interrupts: bit(2),
            partial_drains: bit(3),
            spurious_wakeups: bit(4),
            ..Environment::USUAL
        }
    }
}

/// What the threads do: up to so many operations of each, up to its `End`.
#[derive(arbitrary::Arbitrary, Clone, Debug, PartialEq, Eq)]
pub struct HostilePipe {
    /// Of the pipe, and of waits.
    pub faults: Faults,
    /// Each a thread.
    pub posters: [[PosterOp; 4]; 3],
}

impl Letter for HostilePipe {
    fn encode(&self, bytes: &mut Vec<u8>) {
        self.faults.encode(bytes);
        self.posters.iter().flatten().for_each(|op| op.encode(bytes));
    }

    fn source(&self) -> String {
        let list = |ops: &[PosterOp]| ops.iter().map(Letter::source).collect::<Vec<_>>().join(", ");
        let posters: Vec<_> = self.posters.iter().map(|ops| format!("[{}]", list(ops))).collect();
        let faults = self.faults.source();
        format!("HostilePipe {{ faults: {faults}, posters: [{}] }}", posters.join(", "))
    }
}

impl Input for Scheduled<HostilePipe> {
    const TARGET: &'static str = "pipe";
    const SCHEDULED: bool = true;

    fn check(&self) -> Result<(), String> {
        let posters: Vec<Vec<PosterOp>> =
            self.program.posters.iter().map(|ops| used(ops)).collect();
        let environment = self.program.faults.environment();
        schedule::run(&self.schedule, environment, move || body(&posters))
    }

    fn bytes(&self) -> Vec<u8> {
        self.encode()
    }

    fn source(&self) -> String {
        self.expression()
    }
}

fn used(ops: &[PosterOp]) -> Vec<PosterOp> {
    ops.iter().take_while(|op| **op != PosterOp::End).cloned().collect()
}

/// A post: whose, and which of its posts.
type Post = (usize, usize);

#[derive(Default)]
struct Accounts {
    accepted: Vec<Post>,
    ran: Vec<Post>,
    /// Posters that have not ended.
    busy: Option<NonZero<usize>>,
    /// Nobody runs the loop any more, so nobody mends its pipe either.
    over: bool,
}

type Shared = Arc<Mutex<Accounts>>;

fn body(posters: &[Vec<PosterOp>]) {
    let event_loop = EventLoop::new().expect("descriptors for a loop");
    // What the pipe reports is no failure here.
    event_loop.set_exception_handler(|_| {});
    let accounts = Shared::new(Mutex::new(Accounts::default()));
    accounts.lock().busy = NonZero::new(posters.len());
    let threads: Vec<JoinHandle> = posters
        .iter()
        .enumerate()
        .map(|(number, ops)| {
            let poster = Poster { number, handle: event_loop.handle(), accounts: accounts.clone() };
            let ops = ops.clone();
            thread::spawn(format!("poster {number}"), move || poster.run(&ops)).expect("a thread")
        })
        .collect();
    while accounts.lock().busy.is_some() {
        event_loop.run_forever().expect("a run that is stopped");
    }
    accounts.lock().over = true;
    threads.into_iter().for_each(|thread| thread.join().expect("a poster does not panic"));
    // What came between the last stop and the last poster's end.
    while event_loop.poll_timeout().is_some_and(|timeout| timeout.is_zero()) {
        let _ = event_loop.run_once(Some(std::time::Duration::ZERO)).expect("a turn");
    }
    drop(event_loop);
    let mut accounts = accounts.lock();
    // Stable, so that each poster's own order stays.
    accounts.ran.sort_by_key(|(poster, _)| *poster);
    accounts.accepted.sort_by_key(|(poster, _)| *poster);
    let Accounts { accepted, ran, .. } = &*accounts;
    assert_eq!(
        ran, accepted,
        "what was accepted and nothing else runs, once, in order (W-2, Q-5, W-7)"
    );
}

struct Poster {
    number: usize,
    handle: LoopHandle,
    accounts: Shared,
}

impl Poster {
    fn run(&self, ops: &[PosterOp]) {
        for (index, op) in ops.iter().enumerate() {
            match op {
                PosterOp::End => {}
                PosterOp::Post => self.post(4 * index),
                PosterOp::Submit => self.submit(false),
                PosterOp::SubmitAndCancel => self.submit(true),
                PosterOp::Burst => {
                    self.post(4 * index);
                    self.post(4 * index + 1);
                    self.submit(false);
                }
                PosterOp::Stop => {
                    self.stop();
                }
            }
        }
        let mut accounts = self.accounts.lock();
        accounts.busy = accounts.busy.and_then(|busy| NonZero::new(busy.get() - 1));
        let last = accounts.busy.is_none();
        drop(accounts);
        if last {
            while !self.stop() && !self.accounts.lock().over {}
        }
    }

    fn post(&self, number: usize) {
        let (post, accounts) = ((self.number, number), self.accounts.clone());
        let posted = self.handle.call_soon_threadsafe(move || accounts.lock().ran.push(post));
        match posted {
            Ok(_) => self.accounts.lock().accepted.push(post),
            // The loop lives until all posters have ended.
            Err(error) => assert!(matches!(error, PostError::WakeFailed(_)), "{error}"),
        }
    }

    fn submit(&self, cancel: bool) {
        let submitted = self.handle.run_coroutine_threadsafe(async {
            yield_now().await?;
            Ok(1)
        });
        let Ok(future) = submitted else { return };
        let cancelled = cancel && future.cancel();
        match future.result() {
            Ok(1) if !cancelled => {}
            Err(ResultError::Cancelled(_)) if cancelled => {}
            other => panic!("a submission ended with {other:?}, cancelled: {cancelled} (C-6, U-1)"),
        }
        future.wait_ended().expect("the work behind it ends");
    }

    /// Whether it is sure to end a run: accepted, or there is none any more.
    fn stop(&self) -> bool {
        !matches!(self.handle.stop(), Err(PostError::WakeFailed(_)))
    }
}
