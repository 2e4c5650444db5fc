//! Runs, and their iterations: chapter S, and, W-2, W-5 where an iteration carries them out.
//!
//! An iteration decides whether it may sleep, sleeps, drains the pipe, takes the mail and the due timers,
//! and runs what is queued then.

use crate::spec::concurrent::Out;
use crate::spec::habits::Habit;
use crate::spec::handle::Handle;
use crate::spec::program::Units;
use crate::spec::seeded::Seeded;
use crate::spec::word::{Cause, Word};

use super::state::{
    Act, Await, Ctl, Ended, Entry, Frame, Index, LocalListener, Loop, Poll, RunKind, Slept, Stage,
    Timer,
};
use super::{Progress, System};

impl System {
    /// Begins a run; says so if it is refused.
    pub(super) fn begin_run(&mut self, thread: usize, on: Index) -> bool {
        let other = self.now.threads[thread].current.is_some_and(|current| current != on);
        match self.loop_of(on).life.begin(other) {
            Ok(()) => {
                self.loop_of(on).runs += 1;
                self.now.threads[thread].current = Some(on);
                true
            }
            Err(cause) => {
                self.log(thread, Word::Error(cause));
                false
            }
        }
    }

    pub(super) fn run_until_complete(&mut self, thread: usize, on: Index, coroutine: u8) {
        let serial = self.loop_of(on).runs;
        match self.make_task(thread, on, coroutine, None) {
            Ok(task) => {
                let local = self.task_of(task).local;
                let listener = LocalListener::StopRun(serial);
                let done = self.local_of(local).future.listen(listener);
                debug_assert!(done.is_none(), "it has not begun");
                let kind = RunKind::UntilComplete { task, serial };
                self.now.threads[thread].stack.push(Frame::Run { on, kind, stage: Stage::Turn });
            }
            Err(cause) => {
                self.end_of_run(thread, on);
                self.log(thread, Word::Error(cause));
            }
        }
    }

    /// Carries a run on by one stage.
    pub(super) fn run_on(
        &mut self,
        thread: usize,
        on: Index,
        kind: RunKind,
        stage: Stage,
        timeout: bool,
    ) -> Progress {
        let next = match stage {
            Stage::Turn => self.begin_turn(on, kind),
            Stage::Prepare => self.prepare(on, kind),
            Stage::Look => {
                self.loop_of(on).inbox.drain();
                Stage::Awake
            }
            Stage::Asleep(until) => {
                let state = self.loop_of(on);
                match until.filter(|_| timeout) {
                    Some(moment) => state.now = state.now.max(moment),
                    None if state.inbox.is_readable() => {}
                    None => return Progress::Blocked,
                }
                state.inbox.drain();
                Stage::Awake
            }
            Stage::Awake => {
                self.wake_up(on);
                Stage::Batch
            }
            Stage::Batch => return self.run_batch(thread, on, kind),
            Stage::End(ended) => {
                self.log_run(thread, on, kind, ended);
                return Progress::Made;
            }
        };
        self.now.threads[thread].stack.push(Frame::Run { on, kind, stage: next });
        Progress::Made
    }

    /// Not at all if there is work; else it wants to sleep.
    fn begin_turn(&mut self, on: Index, kind: RunKind) -> Stage {
        let state = self.loop_of(on);
        state.life.turn();
        if let Some(code) = state.life.take_exit() {
            return Stage::End(Ended::Exit(code));
        }
        let driven = matches!(kind, RunKind::Once(Some(_)));
        if !state.ready.is_empty() || state.life.is_stopping() || kind == RunKind::Once(Some(0)) {
            return if driven { Stage::Look } else { Stage::Awake };
        }
        Stage::Prepare
    }

    fn prepare(&mut self, on: Index, kind: RunKind) -> Stage {
        let sleeps_anyway = self.makes(Seeded::SleepsOverMail);
        let driven = matches!(kind, RunKind::Once(Some(_)));
        if !self.loop_of(on).inbox.prepare_sleep() && !sleeps_anyway {
            return if driven { Stage::Look } else { Stage::Awake };
        }
        self.drop_cancelled_timers(on);
        let state = self.loop_of(on);
        let limit = match kind {
            RunKind::Once(Some(units)) => Some(state.now + units),
            _ => None,
        };
        Stage::Asleep(state.timers.next_deadline().into_iter().chain(limit).min())
    }

    fn drop_cancelled_timers(&mut self, on: Index) {
        if self.has(Habit::TimersInAHeap) {
            return self.drop_first_of_heap(on);
        }
        let Some(state) = self.now.loops[usize::from(on)].as_mut() else { return };
        let handles = &self.now.handles;
        state.timers.remove_if(|timer| match timer {
            Timer::Call { handle, .. } => handles[usize::from(*handle)].handle == Handle::Cancelled,
            _ => false,
        });
    }

    /// What is left of cancelled timers goes when it comes to the top.
    fn drop_first_of_heap(&mut self, on: Index) {
        loop {
            let first = self.loop_of(on).timers.iter().next().copied();
            let Some(first) = first else { return };
            let wanted = match first {
                Timer::Call { handle, .. } => {
                    self.now.handles[usize::from(handle)].handle != Handle::Cancelled
                }
                Timer::Sleep { task, serial } => matches!(
                    self.task_of(task).body.last(),
                    Some(Ctl::Await(Await::Sleep { state, .. })) if *state == Slept::Waiting(serial)
                ),
                Timer::Scope { task, serial } => {
                    self.task_of(task).body.iter().any(
                        |ctl| matches!(ctl, Ctl::Scope { serial: known, .. } if *known == serial),
                    )
                }
            };
            if wanted {
                return;
            }
            self.loop_of(on).timers.pop_due_from_heap(Units::MAX);
        }
    }

    fn wake_up(&mut self, on: Index) {
        self.drop_cancelled_timers(on);
        let grows = self.makes(Seeded::EarlyTimer);
        let heap = self.has(Habit::TimersInAHeap);
        let state = self.loop_of(on);
        let mail = state.inbox.wake_up();
        state.take_in(mail);
        let now = state.now + u32::from(grows);
        loop {
            let due =
                if heap { state.timers.pop_due_from_heap(now) } else { state.timers.pop_due(now) };
            let Some(timer) = due else { break };
            state.ready.push(Entry::Fire(timer));
        }
        state.ready.begin_batch();
    }

    /// Whether nothing is left of the batch, and nobody asked for the exit.
    pub(super) fn batch_is_over(&self, thread: usize) -> bool {
        let Some(Frame::Run { on, .. }) = self.now.threads[thread].stack.last() else {
            return false;
        };
        let state = self.now.loops[usize::from(*on)].as_ref();
        state.is_some_and(|state| state.ready.is_over())
    }

    fn run_batch(&mut self, thread: usize, on: Index, kind: RunKind) -> Progress {
        let ended = if let Some(code) = self.loop_of(on).life.take_exit() {
            Ended::Exit(code)
        } else if let Some(entry) = self.loop_of(on).ready.pop() {
            self.loop_of(on).popped += 1;
            let stage = Stage::Batch;
            self.now.threads[thread].stack.push(Frame::Run { on, kind, stage });
            self.push_acts(thread, [Act::Collect(on)]);
            self.enter(thread, on, entry);
            return Progress::Made;
        } else if self.loop_of(on).life.is_stopping() {
            Ended::Stopped
        } else if matches!(kind, RunKind::Once(_)) {
            Ended::Turned
        } else {
            self.now.threads[thread].stack.push(Frame::Run { on, kind, stage: Stage::Turn });
            return Progress::Made;
        };
        self.loop_of(on).ready.end_batch();
        let stage = Stage::End(ended);
        self.now.threads[thread].stack.push(Frame::Run { on, kind, stage });
        Progress::Made
    }

    /// An entry has its turn.
    fn enter(&mut self, thread: usize, on: Index, entry: Entry) {
        match entry {
            Entry::Call { callback, handle } | Entry::Fire(Timer::Call { callback, handle }) => {
                let runs_cancelled = self.makes(Seeded::CancelledCallbackRuns);
                if self.now.handles[usize::from(handle)].handle.run() || runs_cancelled {
                    self.call(thread, on, callback);
                }
            }
            Entry::LoopCallback { callback, .. } => self.call(thread, on, callback),
            Entry::Step(task) => {
                if self.task_of(task).place.is_some() {
                    let state = self.task_of(task);
                    let stage = Poll::first(state.submission.is_some() && !state.seen);
                    self.now.threads[thread].stack.push(Frame::Coroutine { task, stage });
                }
            }
            Entry::CancelTask(task) => {
                let state = self.task_of(task);
                if state.place.is_some() && !std::mem::replace(&mut state.seen, true) {
                    let mut acts = Vec::new();
                    self.cancel_task(task, &mut acts, &mut Vec::new());
                    self.push_acts(thread, acts);
                }
            }
            Entry::Submission { future, coroutine } => self.begin(thread, on, future, coroutine),
            Entry::Parcel(key) => self.open_parcel(thread, on, key),
            Entry::CancelSource(source) => self.push_acts(thread, [Act::Cancel(source, false)]),
            Entry::Stop => self.loop_of(on).life.stop(),
            Entry::StopRun { serial, .. } => {
                let leaves = self.has(Habit::RunLeavesAStop);
                let state = self.loop_of(on);
                if state.runs == serial || leaves {
                    state.life.stop();
                }
            }
            Entry::Copy { future, out } => self.push_acts(thread, [Act::Copy { on, future, out }]),
            Entry::Report(cause) => self.report(thread, on, cause),
            Entry::Fire(timer) => self.fire(thread, timer),
            Entry::Timer(..) => unreachable!("taken in as a timer"),
        }
    }

    /// A submission has its turn: it becomes a task, and the two are chained.
    fn begin(&mut self, thread: usize, on: Index, future: Index, coroutine: u8) {
        match self.make_task(thread, on, coroutine, Some(future)) {
            Ok(task) => {
                let local = self.task_of(task).local;
                let listener = LocalListener::Copy(future);
                let done = self.local_of(local).future.listen(listener);
                debug_assert!(done.is_none(), "it has not begun");
                if self.has(Habit::CancelIsPosted) {
                    let heard = self.hear_of_cancel(task);
                    self.push_acts(thread, heard);
                }
            }
            Err(cause) => {
                let complete = Act::Complete(future, Out::Exception(cause));
                self.push_acts(thread, [complete, Act::Report(on, cause)]);
            }
        }
    }

    /// Foreign work is done: the loop future that wraps it hears of it.
    fn open_parcel(&mut self, thread: usize, on: Index, key: u8) {
        let state = self.loop_of(on);
        let Some(place) = state.parcels.iter().position(|(known, _)| *known == key) else { return };
        let (_, parcel) = state.parcels.remove(place);
        let out = self.future_of(parcel.source).concurrent.out().expect("it has told so");
        let destination = self.local_of(parcel.destination);
        destination.wraps = None;
        if let Ok(listeners) = destination.future.settle(out) {
            let mut acts = Vec::new();
            self.announce(parcel.destination, listeners, &mut acts);
            self.push_acts(thread, acts);
        }
    }

    /// The run is over: what it was asked for is logged.
    fn log_run(&mut self, thread: usize, on: Index, kind: RunKind, ended: Ended) {
        if let (RunKind::UntilComplete { task, serial }, true) =
            (kind, self.has(Habit::RunLeavesAStop))
        {
            let local = self.task_of(task).local;
            let mine = |listener: &LocalListener| *listener == LocalListener::StopRun(serial);
            self.local_of(local).future.withdraw(mine);
        }
        let word = match (kind, ended) {
            (_, Ended::Exit(code)) => Word::Error(Cause::Exit(code)),
            (RunKind::Forever, _) => Word::Ok,
            (RunKind::Once(_), Ended::Turned) => Word::Continue,
            (RunKind::Once(_), _) => Word::Stop,
            (RunKind::UntilComplete { task, .. }, _) => {
                let local = self.task_of(task).local;
                let out = self.local_of(local).future.read();
                out.map_or(Word::Error(Cause::StoppedEarly), Out::word)
            }
        };
        self.end_of_run(thread, on);
        self.push_acts(thread, [Act::Collect(on), Act::Log(word)]);
    }

    fn end_of_run(&mut self, thread: usize, on: Index) {
        let state = self.loop_of(on);
        // Its done-callback stops no later run.
        state.runs += 1;
        state.life.end();
        state.inbox.rest();
        self.now.threads[thread].current = None;
    }
}

impl Loop {
    /// Whether it has had every entry that was queued until then.
    pub(super) fn has_passed(&self, place: u32) -> bool {
        self.popped >= place
    }

    /// The place behind everything that is scheduled now.
    pub(super) fn end_of_line(&mut self) -> u32 {
        self.take_in_mail();
        self.popped + u32::try_from(self.ready.len()).expect("queues are short")
    }
}
