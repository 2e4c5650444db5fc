//! The end of a loop: S-6, S-7, W-9, C-8, L-8.
//!
//! First everything is refused, then everything is ended: what is queued, tasks, what was kept for
//! foreign work.

use crate::spec::concurrent::Out;
use crate::spec::habits::Habit;
use crate::spec::program::{Factory, Handler};
use crate::spec::seeded::Seeded;
use crate::spec::word::{Cause, Word};

use super::state::{Act, Await, Ctl, Entry, Index, Listener, Slept, Timer};
use super::{Malformed, System};

impl System {
    /// Closes a loop; logs the answer, if there is one to log.
    pub(super) fn close(&mut self, thread: usize, on: Index, answer: Option<Word>) {
        let acts = match self.loop_of(on).life.close() {
            Err(cause) => return self.log(thread, Word::Error(cause)),
            Ok(true) => vec![
                Act::CloseGate(on),
                Act::Collect(on),
                Act::AbandonAll(on),
                Act::DropParcels(on),
                Act::Collect(on),
                Act::DropRest(on),
            ],
            Ok(false) => vec![],
        };
        self.push_acts(thread, acts.into_iter().chain(answer.map(Act::Log)));
    }

    pub(super) fn drop_loop(&mut self, thread: usize, on: Index) -> Result<(), Malformed> {
        self.loop_of(on).dropped = true;
        self.close(thread, on, None);
        Ok(())
    }

    /// Nothing is accepted from here on; what was is ended.
    pub(super) fn close_gate(&mut self, thread: usize, on: Index) {
        let strands = self.makes(Seeded::CloseStrandsPosted);
        let strands_all = self.has(Habit::CloseStrands);
        let state = self.loop_of(on);
        let mut entries: Vec<Entry> = state.ready.take().into();
        let posted = state.inbox.close();
        if !strands {
            entries.extend(posted);
        }
        entries.extend(state.timers.take().into_iter().map(Entry::Fire));
        if strands_all {
            return;
        }
        self.push_acts(thread, entries.into_iter().map(|entry| Act::End(on, entry)));
    }

    /// What becomes of an entry that will not have its turn.
    pub(super) fn end_entry(&mut self, thread: usize, on: Index, entry: Entry) {
        match entry {
            Entry::Copy { future, out } => self.push_acts(thread, [Act::Copy { on, future, out }]),
            Entry::Report(cause) => self.report(thread, on, cause),
            Entry::Submission { future, .. } => {
                self.complete(thread, future, Out::Exception(Cause::LoopClosed));
            }
            Entry::Call { handle, .. }
            | Entry::Fire(Timer::Call { handle, .. })
            | Entry::Timer(_, Timer::Call { handle, .. }) => {
                self.now.handles[usize::from(handle)].handle.cancel();
            }
            _ => {}
        }
    }

    pub(super) fn abandon_all(&mut self, thread: usize, on: Index) {
        if self.makes(Seeded::CloseStrandsTasks) || self.has(Habit::CloseStrands) {
            return;
        }
        let tasks: Vec<Index> = self.loop_of(on).places.iter().flatten().copied().collect();
        self.push_acts(thread, tasks.into_iter().map(Act::Abandon));
    }

    pub(super) fn abandon(&mut self, thread: usize, task: Index) {
        self.drop_body(task);
        self.give_up_place(task);
        let local = self.task_of(task).local;
        // T-3: what the coroutine let go of is reported before its end is heard of.
        let mut acts = vec![Act::Collect(self.task_of(task).on)];
        let future = &mut self.local_of(local).future;
        future.mark_retrieved();
        if let Ok(listeners) = future.settle(Out::Exception(Cause::LoopClosed)) {
            self.announce(local, listeners, &mut acts);
        }
        self.push_acts(thread, acts);
    }

    pub(super) fn drop_parcels(&mut self, thread: usize, on: Index) {
        if self.has(Habit::CloseStrands) {
            return;
        }
        let parcels = std::mem::take(&mut self.loop_of(on).parcels);
        let mut acts = Vec::new();
        for (_, parcel) in parcels {
            let destination = self.local_of(parcel.destination);
            destination.wraps = None;
            destination.future.mark_retrieved();
            let closed = Out::Exception(Cause::LoopClosed);
            if let Ok(listeners) = destination.future.settle(closed) {
                self.announce(parcel.destination, listeners, &mut acts);
            }
        }
        self.push_acts(thread, acts);
    }

    pub(super) fn drop_rest(&mut self, on: Index) {
        let state = self.loop_of(on);
        state.factory = Factory::Default;
        state.handler = Handler::Default;
    }

    /// A coroutine is dropped where it stands.
    pub(super) fn drop_body(&mut self, task: Index) {
        let body = std::mem::take(&mut self.task_of(task).body);
        for ctl in body {
            match ctl {
                Ctl::Await(what) => self.let_go(task, &what),
                Ctl::Scope { serial, .. } => self.remove_timer(task, serial),
                _ => {}
            }
        }
    }

    /// What a coroutine was suspended on is dropped.
    pub(super) fn let_go(&mut self, task: Index, what: &Await) {
        let mine = |listener: &super::state::LocalListener| {
            *listener == super::state::LocalListener::Task(task)
        };
        match what {
            Await::Yield(_) => {}
            Await::Sleep { state, .. } => {
                if let Slept::Waiting(serial) | Slept::Cancelled(serial) = state {
                    self.remove_timer(task, *serial);
                }
            }
            Await::Future(future) => {
                let concurrent = &mut self.future_of(*future).concurrent;
                concurrent.withdraw(|listener| *listener == Listener::Task(task));
            }
            Await::Local { local, .. } => self.local_of(*local).future.withdraw(mine),
            Await::Foreign(gate) => {
                self.now.gates[usize::from(*gate)].tasks.retain(|other| *other != task);
            }
            Await::Shield { task: shielded, .. } => {
                let local = self.task_of(*shielded).local;
                self.local_of(local).future.withdraw(mine);
            }
            Await::Gather { tasks, .. } => {
                for gathered in tasks {
                    let local = self.task_of(*gathered).local;
                    self.local_of(local).future.withdraw(mine);
                }
            }
        }
    }

    /// A sleep's or a scope's timer goes with it.
    pub(super) fn remove_timer(&mut self, task: Index, serial: u8) {
        if self.has(Habit::TimersInAHeap) {
            return;
        }
        let on = self.task_of(task).on;
        let sleep = Timer::Sleep { task, serial };
        let scope = Timer::Scope { task, serial };
        self.loop_of(on).timers.remove_if(|timer| *timer == sleep || *timer == scope);
    }

    pub(super) fn give_up_place(&mut self, task: Index) {
        let state = self.task_of(task);
        let on = state.on;
        if let Some(place) = state.place.take() {
            let state = self.loop_of(on);
            state.places[usize::from(place)] = None;
            state.free.push(place);
        }
    }
}
