//! Running, stopping and closing.

use std::rc::Rc;
use std::time::Duration;

use loopgate::checkers::census;
use loopgate::{RunError, Turn};

use super::World;
use crate::ledger::Ending;

/// A run until idle gives up after so many iterations; a program has far fewer.
const MOST_TURNS: usize = 10_000;

impl World {
    pub(super) fn stop(&self) {
        self.local.stop();
        if !self.local.is_closed() {
            self.ledger.borrow_mut().stop_requested();
        }
    }

    pub(super) fn stop_threadsafe(&self) {
        if self.attempt("stop", || self.handle.stop()).is_some() {
            self.ledger.borrow_mut().stop_posted();
        }
    }

    /// One iteration; how it ended, if it was not refused.
    pub(super) fn turn(&self, longest: Duration) -> Option<Ending> {
        let owner = self.owner.borrow().clone()?;
        if self.local.is_running() || self.local.is_closed() {
            let before = self.snapshot();
            self.refused_turn(&owner.run_once(Some(longest)));
            self.unchanged("a run inside a run, or after close", before);
            return None;
        }
        let (start, work) = (self.local.time(), self.foresee_work());
        let sleeps = work.map_or(longest, |work| work.min(longest));
        self.ledger.borrow_mut().turn_opens();
        let ended = owner.run_once(Some(longest));
        let now = self.local.time();
        let expected = self.ledger.borrow_mut().turn_ends(now);
        let ending = match ended {
            Ok(Turn::Continue) => Ending::Continue,
            Ok(Turn::Stop) => Ending::Stop,
            Err(RunError::Exit(_)) => Ending::Exit,
            Err(error) => {
                self.violated(format!("an iteration failed: {error}"));
                return None;
            }
        };
        match expected {
            Err(violation) => self.violated(violation),
            Ok(expected) if !expected.allows(ending) => self.violated(format!(
                "an iteration ended with {ending:?} and not {expected:?} (S-1, S-2, S-9, G-2)"
            )),
            Ok(_) => {}
        }
        let slept = now.saturating_since(start);
        if slept != sleeps {
            self.violated(format!("an iteration slept {slept:?} and not {sleeps:?} (S-5)"));
        }
        if self.local.is_running() || self.handle.is_running() {
            self.violated("a loop runs after its run (G-3)");
        }
        Some(ending)
    }

    fn refused_turn(&self, refused: &Result<Turn, RunError>) {
        match refused {
            Err(RunError::AlreadyRunning) if self.local.is_running() => {}
            Err(RunError::Closed) if self.local.is_closed() => {}
            other => self.violated(format!("a run inside a run, or after close: {other:?} (S-3)")),
        }
    }

    /// What `poll_timeout` says, and whether that can be.
    fn foresee_work(&self) -> Option<Duration> {
        let foreseen = self.local.poll_timeout();
        let (has_work, deadline) = {
            let ledger = self.ledger.borrow();
            (ledger.has_work(), ledger.next_deadline())
        };
        let due = deadline.map(|deadline| deadline.saturating_since(self.local.time()));
        let latest = if has_work { Some(Duration::ZERO) } else { due };
        if latest.is_some_and(|latest| foreseen.is_none_or(|foreseen| foreseen > latest)) {
            self.violated(format!("poll_timeout is {foreseen:?}, with work in {latest:?} (S-10)"));
        }
        foreseen
    }

    pub(super) fn run_until_idle(&self) {
        for _ in 0..MOST_TURNS {
            let work = self.foresee_work();
            let (Some(work), false) = (work, self.local.is_closed()) else { break };
            if self.turn(work) != Some(Ending::Continue) {
                return;
            }
        }
        if self.local.is_running() || self.local.is_closed() {
            // To see that refused.
            self.turn(Duration::ZERO);
        } else if self.local.poll_timeout().is_none() {
            self.inspect_idle();
        } else {
            self.violated("the loop finds something to do for ever");
        }
    }

    /// A loop with nothing to do has forgotten nobody.
    fn inspect_idle(&self) {
        let left = census(&self.local);
        if left.queued != 0 {
            self.violated(format!("an idle loop holds {left:?}"));
        }
        for (id, life) in self.lives.borrow().iter().enumerate() {
            if life.waits_in_vain() {
                self.violated(format!("coroutine {id} was cancelled and not told (T-6, T-9)"));
            }
            if life.is_forgotten() {
                self.violated(format!("coroutine {id} waits for what has happened (T-4, L-2)"));
            }
        }
        for known in self.tasks.borrow().iter() {
            if known.task.done() {
                self.all_ran(self.life(known.life).watch);
            }
        }
        for known in self.futures.borrow().iter() {
            if known.future.done() {
                self.all_ran(known.watch);
            }
            if known.source.as_ref().is_some_and(|source| source.done()) && !known.future.done() {
                self.violated("a source's outcome has not reached its wrapper (C-9, C-11)");
            }
        }
        for known in self.submissions.borrow().iter() {
            let life = self.life(known.life);
            if life.dropped.get() && !known.future.ended() {
                self.violated("a coroutine's outcome has not reached its submission (C-1)");
            }
        }
    }

    fn all_ran(&self, watch: usize) {
        if !self.watch(watch).expected.borrow().is_empty() {
            self.violated("a done-callback was forgotten (L-1)");
        }
    }

    /// The ledger's part, before anything of the loop is dropped.
    pub(super) fn before_close(&self) {
        self.closing.set(true);
        self.ledger.borrow_mut().close();
    }

    pub(super) fn close(&self) {
        let Some(owner) = self.owner.borrow().as_ref().map(Rc::clone) else { return };
        if self.local.is_running() {
            let before = self.snapshot();
            let refused = owner.close();
            if !matches!(refused, Err(RunError::AlreadyRunning)) {
                self.violated(format!("close of a running loop: {refused:?} (S-6)"));
            }
            return self.unchanged("close of a running loop", before);
        }
        let first = !self.local.is_closed();
        if first {
            self.before_close();
        }
        if let Err(error) = owner.close() {
            self.violated(format!("close: {error} (S-6)"));
        }
        if first {
            self.closing.set(false);
        }
    }
}
