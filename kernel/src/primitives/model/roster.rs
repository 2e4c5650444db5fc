//! Which thread waits for what; and what happens when nobody can run.
//!
//! A seat per thread. Its state is written by its own thread, except that another thread may end a
//! wait. All of it is read in the same breath as an operation that loom knows (the lock, or the gate of
//! a condition variable or pipe), with one exception: [`settle`], called by a thread that is about to
//! block, reads everybody's. It acts only if nobody can run, and that state is the same for every
//! order of the steps that led to it.
//!
//! Threads sleep by loom's `park`, and only here. loom keeps one wake-up token per thread for `park` and
//! for its own condition variable, and mixing the two loses tokens. So neither that condition variable
//! nor `park` is used anywhere else, and a thread is unparked only while it is parked: between the
//! moment it enters the roster as waiting and its `park` there is no operation of loom's.

use std::cell::Cell;
use std::fmt::Write;
use std::panic::Location;
use std::time::Duration;

use super::choice::Place;
use super::engine::{self, MOST_THREADS, Sleeper};
use super::sync::Object;
use super::{trace, with};

type At = &'static Location<'static>;

/// The threads of this execution, the main thread first.
#[derive(Default)]
pub(super) struct Roster {
    seats: Vec<Seat>,
    objects: Vec<Known>,
    /// Orders the waits.
    turns: u64,
}

struct Seat {
    name: String,
    /// A number made of the descent: the n-th child of that parent. Places of questions are named by it.
    descent: u32,
    children: u32,
    questions: u32,
    state: State,
    /// How the last wait ended.
    timed_out: bool,
}

enum State {
    Running,
    Locking(Object, At),
    Waiting(Wait),
    Joining(usize, At),
    /// The main thread, when it has nothing more to do.
    Lingering,
    Finished,
}

struct Wait {
    on: Object,
    turn: u64,
    /// How long the thread is willing to wait; `None` is for ever.
    patience: Option<Duration>,
    sleeper: Sleeper,
    at: At,
}

/// What is known of an object: its type's name, and for a lock who holds it.
struct Known {
    name: &'static str,
    holder: Option<usize>,
    /// Set once loom's own lock cannot be taken any more.
    broken: bool,
    /// Set when it was dropped.
    gone: bool,
}

impl Seat {
    fn new(name: String, descent: u32) -> Seat {
        let state = State::Running;
        Seat { name, descent, children: 0, questions: 0, state, timed_out: false }
    }
}

impl Roster {
    pub(super) fn restart(&mut self) {
        self.seats.clear();
        self.objects.clear();
        self.turns = 0;
        self.seats.push(Seat::new("main".into(), 1));
    }

    pub(super) fn len(&self) -> usize {
        self.seats.len()
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.seats.iter().map(|seat| seat.name.clone()).collect()
    }

    /// A thread's number by its descent: the same in every interleaving.
    pub(super) fn descent(&self, seat: usize) -> u32 {
        self.seats[seat].descent
    }

    pub(super) fn add_object(&mut self, name: &'static str) -> usize {
        self.objects.push(Known { name, holder: None, broken: false, gone: false });
        self.objects.len() - 1
    }

    /// `Inbox#1`: the first object of that type that this execution made.
    pub(super) fn object_name(&self, object: Object) -> String {
        let name = self.objects[object.0].name;
        let number = self.objects[..=object.0].iter().filter(|known| known.name == name).count();
        format!("{name}#{number}")
    }

    pub(super) fn next_question(&mut self, thread: usize) -> Place {
        let seat = &mut self.seats[thread];
        seat.questions += 1;
        Place { thread: seat.descent, nth: seat.questions - 1 }
    }

    fn can_run(&self, seat: &Seat) -> bool {
        match &seat.state {
            State::Running => true,
            State::Locking(object, _) => self.objects[object.0].holder.is_none(),
            State::Joining(other, _) => matches!(self.seats[*other].state, State::Finished),
            State::Lingering => !self.others_live(),
            State::Waiting(_) | State::Finished => false,
        }
    }

    /// The threads that can do a step.
    #[cfg_attr(loom, allow(dead_code, reason = "loom knows it for itself"))]
    pub(super) fn able(&self) -> Vec<usize> {
        let seats = self.seats.iter().enumerate();
        seats.filter(|(_, seat)| self.can_run(seat)).map(|(index, _)| index).collect()
    }

    /// Whether a thread besides the main thread has not ended.
    fn others_live(&self) -> bool {
        self.seats[1..].iter().any(|seat| !matches!(seat.state, State::Finished))
    }

    /// What was made in this execution and not dropped.
    fn leaked(&self) -> Vec<String> {
        let objects = self.objects.iter().enumerate().filter(|(_, known)| !known.gone);
        objects.map(|(index, _)| self.object_name(Object(index))).collect()
    }

    fn is_stuck(&self) -> bool {
        !self.seats.iter().any(|seat| self.can_run(seat))
            && self.seats.iter().any(|seat| !matches!(seat.state, State::Finished))
    }

    /// The least patient waiter. Which of several goes first is arbitrary: that the others do is
    /// explored by timeouts that fire early.
    fn least_patient(&self) -> Option<usize> {
        let waits = self.seats.iter().enumerate().filter_map(|(index, seat)| match &seat.state {
            State::Waiting(wait) => Some((wait.patience?, wait.turn, index)),
            _ => None,
        });
        waits.min().map(|(_, _, index)| index)
    }

    fn describe_deadlock(&self) -> String {
        let mut text = String::from("deadlock: nobody can run");
        for seat in &self.seats {
            let name = &seat.name;
            let _ = match &seat.state {
                State::Running | State::Lingering | State::Finished => Ok(()),
                State::Locking(object, at) => {
                    let holder = self.objects[object.0].holder.map(|seat| &self.seats[seat].name);
                    let holder = holder.map_or("nobody", String::as_str);
                    let object = self.object_name(*object);
                    write!(
                        text,
                        "\n  {name} waits for the lock {object}, held by {holder}, at {at}"
                    )
                }
                State::Waiting(wait) => {
                    let object = self.object_name(wait.on);
                    write!(text, "\n  {name} waits to be woken through {object}, at {}", wait.at)
                }
                State::Joining(other, at) => {
                    let other = &self.seats[*other].name;
                    write!(text, "\n  {name} waits for thread {other} to end, at {at}")
                }
            };
        }
        text
    }
}

engine::thread_local! {
    /// The calling thread's seat.
    static ME: Cell<usize> = Cell::new(0);
}

/// A thread's name.
pub(super) fn name(seat: usize) -> String {
    with(|run| run.roster.seats[seat].name.clone())
}

/// The calling thread's seat.
pub(super) fn me() -> usize {
    ME.try_with(Cell::get)
        .expect("no thread does a visible step while its thread-locals are dropped")
}

/// The main thread takes its seat.
pub(super) fn begin() {
    ME.with(|me| me.set(0));
}

/// A seat for a thread that the caller is about to start.
pub(super) fn add_thread(name: String) -> usize {
    let parent = me();
    let full = with(|run| run.roster.len() == MOST_THREADS);
    assert!(!full, "a model has {MOST_THREADS} threads at most, those that have ended included");
    with(|run| {
        let parent = &mut run.roster.seats[parent];
        parent.children += 1;
        // Unique, because no thread has sixteen children.
        let descent = parent.descent * 16 + parent.children;
        run.roster.seats.push(Seat::new(name, descent));
        run.roster.seats.len() - 1
    })
}

/// A started thread takes its seat.
pub(super) fn take_seat(seat: usize) {
    ME.with(|me| me.set(seat));
}

/// The calling thread does nothing more that matters.
///
/// # Panics
/// If every other thread is blocked for ever, or if this was the last one and something was leaked.
pub(super) fn finish() {
    set_state(State::Finished);
    engine::finished(me());
    settle();
    check_leaks();
}

/// The main thread does nothing more that matters; it waits for the others.
pub(super) fn finish_main() {
    set_state(State::Lingering);
    settle();
    engine::linger();
    set_state(State::Finished);
    check_leaks();
}

/// Whether a thread besides the main thread has not ended.
pub(super) fn others_live() -> bool {
    with(|run| run.roster.others_live())
}

/// At the end of an execution: everything that it made is gone.
fn check_leaks() {
    let leaked = with(|run| {
        let over = run.roster.seats.iter().all(|seat| matches!(seat.state, State::Finished));
        if over { run.roster.leaked() } else { Vec::new() }
    });
    assert!(
        leaked.is_empty(),
        "leaked: still there at the end of the execution: {}",
        leaked.join(", ")
    );
}

/// An object was dropped. Those of an earlier execution, which a failure left behind, are nobody's.
pub(super) fn forget_object(object: Object) {
    with(|run| {
        if let Some(known) = run.roster.objects.get_mut(object.0) {
            known.gone = true;
        }
    });
}

fn set_state(state: State) {
    let me = me();
    with(|run| run.roster.seats[me].state = state);
}

/// The calling thread goes for a lock.
pub(super) fn before_lock(object: Object, at: At) {
    let (holder, broken) = with(|run| {
        let known = &run.roster.objects[object.0];
        (known.holder, known.broken)
    });
    assert!(
        !broken,
        "{} was unlocked while some thread was unwinding: loom cannot lock it again",
        object.name()
    );
    set_state(State::Locking(object, at));
    if holder.is_some() {
        trace::record(trace::BLOCKED, Some(object), "", at);
        settle();
    }
}

/// The calling thread has the lock.
pub(super) fn after_lock(object: Object) {
    let me = me();
    with(|run| {
        run.roster.objects[object.0].holder = Some(me);
        run.roster.seats[me].state = State::Running;
    });
}

/// The lock is free; `broken` if loom will not be able to take it again.
pub(super) fn after_unlock(object: Object, broken: bool) {
    with(|run| {
        let known = &mut run.roster.objects[object.0];
        known.holder = None;
        known.broken |= broken && engine::UNWINDING_BREAKS_LOCKS;
    });
}

/// The calling thread starts to wait. No operation of loom may come between this and [`sleep`].
pub(super) fn wait(on: Object, patience: Option<Duration>, at: At) {
    let me = me();
    let sleeper = Sleeper::of_current();
    with(|run| {
        run.roster.turns += 1;
        let turn = run.roster.turns;
        run.roster.seats[me].state = State::Waiting(Wait { on, turn, patience, sleeper, at });
    });
}

/// Sleeps until the wait is ended; true if that was the timeout.
pub(super) fn sleep() -> bool {
    let me = me();
    settle();
    engine::sleep(me, || with(|run| matches!(run.roster.seats[me].state, State::Waiting(_))));
    with(|run| run.roster.seats[me].timed_out)
}

/// Those who wait on an object, the longest first.
pub(super) fn waiters(on: Object) -> Vec<usize> {
    with(|run| {
        let seats = run.roster.seats.iter().enumerate();
        let mut waiters: Vec<(u64, usize)> = seats
            .filter_map(|(index, seat)| match &seat.state {
                State::Waiting(wait) if wait.on == on => Some((wait.turn, index)),
                _ => None,
            })
            .collect();
        waiters.sort_unstable();
        waiters.into_iter().map(|(_, index)| index).collect()
    })
}

/// Ends a wait.
pub(super) fn wake(seat: usize) {
    end_wait(seat, false);
}

fn end_wait(seat: usize, timed_out: bool) {
    let waiter = seat;
    let state = with(|run| {
        let seat = &mut run.roster.seats[seat];
        seat.timed_out = timed_out;
        std::mem::replace(&mut seat.state, State::Running)
    });
    // A thread that ends its own wait has not parked yet.
    if let State::Waiting(wait) = state
        && waiter != me()
    {
        wait.sleeper.wake(waiter);
    }
}

/// The calling thread goes to join another.
pub(super) fn before_join(other: usize, at: At) {
    set_state(State::Joining(other, at));
    settle();
}

/// The other thread has ended.
pub(super) fn after_join() {
    set_state(State::Running);
}

/// To be called where the calling thread cannot go on. If nobody else can, time passes until a timeout
/// fires; if nobody waits for one, this is a deadlock.
fn settle() {
    let stuck = with(|run| run.roster.is_stuck());
    if !stuck {
        return;
    }
    let late_timeouts = with(|run| run.environment.cures.late_timeouts);
    match with(|run| run.roster.least_patient()).filter(|_| late_timeouts) {
        Some(seat) => {
            trace::record_anywhere("nobody can run: a timeout fires for", name(seat));
            end_wait(seat, true);
        }
        None => {
            let deadlock = with(|run| run.roster.describe_deadlock());
            panic!("{deadlock}");
        }
    }
}
