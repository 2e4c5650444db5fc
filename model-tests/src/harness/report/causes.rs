//! What led to what in an interleaving: who woke whom, who held which lock, who could not go on.
//!
//! Read off the words that the primitives record; a word that is not known here draws nothing.

use crate::harness::report::interleaving::Interleaving;

/// Why a step could happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// A thread was started.
    Starts,
    /// A thread's end was waited for.
    Ends,
    /// A sleeper was woken.
    Wakes,
    /// A lock that somebody waited for was let go.
    HandsOver,
}

/// One step made another possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cause {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) why: Why,
}

/// A thread held a lock from one row to another, both included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hold {
    pub(crate) thread: usize,
    pub(crate) object: String,
    pub(crate) first: usize,
    pub(crate) last: usize,
}

/// A thread could not go on between two rows; `None` is for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pause {
    pub(crate) thread: usize,
    pub(crate) first: usize,
    pub(crate) last: Option<usize>,
}

/// All that is drawn between the rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Causes {
    pub(crate) causes: Vec<Cause>,
    pub(crate) holds: Vec<Hold>,
    pub(crate) pauses: Vec<Pause>,
    /// The row at which each thread exists, and the one of its last step; `None` if it never ran.
    pub(crate) lives: Vec<Option<(usize, usize)>>,
}

/// Reads an interleaving.
pub(crate) fn causes(interleaving: &Interleaving) -> Causes {
    let mut reader = Reader::new(interleaving);
    for row in 0..interleaving.steps.len() {
        reader.read(row);
    }
    reader.finish()
}

struct Reader<'a> {
    interleaving: &'a Interleaving,
    found: Causes,
    /// Who holds what, since when.
    held: Vec<(usize, &'a str, usize)>,
    /// Locks that a thread will have back when its wait on a condition variable ends.
    lent: Vec<(usize, &'a str)>,
    /// Who last let a lock go, and where.
    released: Vec<(&'a str, usize, usize)>,
    /// Who sleeps on what, since when, and what woke them.
    asleep: Vec<Sleeper<'a>>,
    /// Who waits for which lock.
    blocked: Vec<(usize, &'a str)>,
    spawned: usize,
    joined: Vec<usize>,
}

struct Sleeper<'a> {
    thread: usize,
    on: &'a str,
    since: usize,
    woken: Option<usize>,
}

impl<'a> Reader<'a> {
    fn new(interleaving: &'a Interleaving) -> Reader<'a> {
        Reader {
            interleaving,
            found: Causes { lives: vec![None; interleaving.threads.len()], ..Causes::default() },
            held: Vec::new(),
            lent: Vec::new(),
            released: Vec::new(),
            asleep: Vec::new(),
            blocked: Vec::new(),
            spawned: 0,
            joined: Vec::new(),
        }
    }

    fn read(&mut self, row: usize) {
        let step = &self.interleaving.steps[row];
        let (thread, object) = (step.thread, step.object.as_str());
        self.goes_on(thread, row);
        match step.operation.as_str() {
            "spawns" => self.spawn(row),
            "joins" => self.join(row, &step.value),
            "is blocked by" => self.blocked.push((thread, object)),
            "lock" => self.acquire(thread, object, row),
            "unlock" => self.release(thread, object, row),
            "waits on" => self.wait(thread, object, row),
            "stops waiting on" => self.stop_waiting(thread, row),
            "sleeps on" => self.sleep(thread, object, row),
            "notify one of" => self.wake(object, row, 1),
            "notify all of" | "breaks" | "fill" => self.wake(object, row, usize::MAX),
            "write" if step.value == "a byte" && !self.byte_vanished(thread, row) => {
                self.wake(object, row, usize::MAX);
            }
            "nobody can run: a timeout fires for" => self.time_out(row, &step.value),
            _ => {}
        }
    }

    /// A thread that does a step is neither asleep nor blocked any more.
    fn goes_on(&mut self, thread: usize, row: usize) {
        if let Some(life) = self.found.lives.get_mut(thread) {
            *life = Some((life.map_or(row, |(first, _)| first), row));
        }
        if let Some(index) = self.asleep.iter().position(|sleeper| sleeper.thread == thread) {
            let sleeper = self.asleep.swap_remove(index);
            self.found.pauses.push(Pause { thread, first: sleeper.since, last: Some(row) });
            if let Some(from) = sleeper.woken {
                self.cause(from, row, Why::Wakes);
            }
        }
        for pause in &mut self.found.pauses {
            if pause.thread == thread && pause.last.is_none() {
                pause.last = Some(row);
            }
        }
    }

    fn cause(&mut self, from: usize, to: usize, why: Why) {
        self.found.causes.push(Cause { from, to, why });
    }

    /// The threads are named in the order in which they were started.
    fn spawn(&mut self, row: usize) {
        self.spawned += 1;
        let child = self.spawned;
        let later = self.interleaving.steps.iter().enumerate().skip(row + 1);
        let first = later.clone().find(|(_, step)| step.thread == child);
        if let Some((first, _)) = first {
            self.cause(row, first, Why::Starts);
        }
        if let Some(life) = self.found.lives.get_mut(child) {
            *life = Some((row, row));
        }
    }

    fn join(&mut self, row: usize, name: &str) {
        let mut threads = self.interleaving.threads.iter().enumerate().filter(|(_, n)| *n == name);
        let Some((other, _)) = threads.find(|(other, _)| !self.joined.contains(other)) else {
            return;
        };
        self.joined.push(other);
        if let Some((_, last)) = self.found.lives[other] {
            self.cause(last, row, Why::Ends);
        }
        let thread = self.interleaving.steps[row].thread;
        let before = &self.interleaving.steps[..row];
        if let Some(first) = before.iter().rposition(|step| step.thread == thread) {
            self.found.pauses.push(Pause { thread, first, last: Some(row) });
        }
    }

    fn acquire(&mut self, thread: usize, object: &'a str, row: usize) {
        self.held.push((thread, object, row));
        if let Some(index) = self.blocked.iter().position(|blocked| *blocked == (thread, object)) {
            self.blocked.swap_remove(index);
            let of = self.released.iter().rfind(|(of, by, _)| *of == object && *by != thread);
            if let Some(from) = of.map(|(_, _, from)| *from) {
                self.cause(from, row, Why::HandsOver);
            }
            let before = &self.interleaving.steps[..row];
            let first = before.iter().rposition(|step| step.thread == thread);
            let first = first.unwrap_or(row);
            self.found.pauses.push(Pause { thread, first, last: Some(row) });
        }
    }

    fn release(&mut self, thread: usize, object: &'a str, row: usize) {
        let held = |(by, held, _): &(usize, &str, usize)| *by == thread && *held == object;
        if let Some(index) = self.held.iter().rposition(held) {
            let (_, _, first) = self.held.remove(index);
            self.found.holds.push(Hold { thread, object: object.into(), first, last: row });
        }
        self.released.push((object, thread, row));
    }

    /// Waiting on a condition variable lets the lock go that was taken last.
    fn wait(&mut self, thread: usize, on: &'a str, row: usize) {
        let innermost = self.held.iter().rfind(|(by, _, _)| *by == thread);
        if let Some(lock) = innermost.map(|(_, lock, _)| *lock) {
            self.release(thread, lock, row);
            self.lent.push((thread, lock));
        }
        self.sleep(thread, on, row);
    }

    /// The lock is taken again that the wait gave away; one that ended by itself did so by an unlock.
    fn stop_waiting(&mut self, thread: usize, row: usize) {
        let lent = self.lent.iter().rposition(|(of, _)| *of == thread);
        let lock = match lent {
            Some(index) => Some(self.lent.remove(index).1),
            None => {
                let before = self.interleaving.steps[..row].iter().rev();
                let mut own = before.filter(|step| step.thread == thread);
                let last = own.find(|step| step.operation != "is blocked by");
                let unlock = last.filter(|step| step.operation == "unlock");
                unlock.map(|step| step.object.as_str())
            }
        };
        if let Some(lock) = lock {
            self.acquire(thread, lock, row);
        }
    }

    fn sleep(&mut self, thread: usize, on: &'a str, since: usize) {
        self.asleep.push(Sleeper { thread, on, since, woken: None });
    }

    fn wake(&mut self, object: &str, row: usize, most: usize) {
        let sleepers = self.asleep.iter_mut();
        let sleepers = sleepers.filter(|sleeper| sleeper.on == object && sleeper.woken.is_none());
        sleepers.take(most).for_each(|sleeper| sleeper.woken = Some(row));
    }

    fn time_out(&mut self, row: usize, name: &str) {
        let threads = &self.interleaving.threads;
        let sleeper = |sleeper: &&mut Sleeper<'_>| {
            sleeper.woken.is_none() && threads.get(sleeper.thread).is_some_and(|n| n == name)
        };
        if let Some(sleeper) = self.asleep.iter_mut().find(sleeper) {
            sleeper.woken = Some(row);
        }
    }

    fn byte_vanished(&self, thread: usize, row: usize) -> bool {
        let before = &self.interleaving.steps[..row];
        let before = before.iter().rfind(|step| step.thread == thread);
        before.is_some_and(|step| step.operation == "the byte vanishes")
    }

    /// What is still open stays open to the end.
    fn finish(mut self) -> Causes {
        let end = self.interleaving.steps.len().saturating_sub(1);
        for (thread, object, first) in self.held {
            self.found.holds.push(Hold { thread, object: object.into(), first, last: end });
        }
        for sleeper in self.asleep.iter().filter(|sleeper| sleeper.woken.is_none()) {
            let Sleeper { thread, since: first, .. } = *sleeper;
            self.found.pauses.push(Pause { thread, first, last: None });
        }
        for (thread, _) in self.blocked {
            let steps = &self.interleaving.steps;
            if let Some(first) = steps.iter().rposition(|step| step.thread == thread) {
                self.found.pauses.push(Pause { thread, first, last: None });
            }
        }
        self.found.holds.sort_by_key(|hold| (hold.thread, hold.first));
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::report::interleaving::tests::steps;

    fn read(threads: &[&str], lines: &[&str]) -> Causes {
        causes(&steps(threads, lines))
    }

    fn cause(from: usize, to: usize, why: Why) -> Cause {
        Cause { from, to, why }
    }

    #[test]
    fn a_thread_starts_at_its_spawn_and_is_joined_at_its_end() {
        let found = read(
            &["main", "other"],
            &["main: spawns = other", "main: lock A#1", "other: load B#1", "main: joins = other"],
        );
        assert_eq!(found.causes, [cause(0, 2, Why::Starts), cause(2, 3, Why::Ends)]);
        assert_eq!(found.lives, [Some((0, 3)), Some((0, 2))]);
        assert_eq!(found.pauses, [Pause { thread: 0, first: 1, last: Some(3) }]);
    }

    #[test]
    fn a_lock_is_held_from_lock_to_unlock_and_handed_to_who_waits() {
        let found = read(
            &["a", "b"],
            &["a: lock L#1", "b: is blocked by L#1", "a: unlock L#1", "b: lock L#1"],
        );
        let hold = |thread, first, last| Hold { thread, object: "L#1".into(), first, last };
        assert_eq!(found.holds, [hold(0, 0, 2), hold(1, 3, 3)]);
        assert_eq!(found.causes, [cause(2, 3, Why::HandsOver)]);
        assert_eq!(found.pauses, [Pause { thread: 1, first: 1, last: Some(3) }]);
    }

    #[test]
    fn a_wait_gives_its_lock_away_and_a_notification_ends_it() {
        let found = read(
            &["a", "b"],
            &[
                "a: lock L#1",
                "a: waits on Condvar#1",
                "b: lock L#1",
                "b: notify all of Condvar#1 = 1 waits",
                "b: unlock L#1",
                "a: stops waiting on Condvar#1 = woken",
                "a: unlock L#1",
            ],
        );
        assert_eq!(found.causes, [cause(3, 5, Why::Wakes)]);
        let held: Vec<_> = found.holds.iter().map(|h| (h.thread, h.first, h.last)).collect();
        assert_eq!(held, [(0, 0, 1), (0, 5, 6), (1, 2, 4)]);
        assert_eq!(found.pauses, [Pause { thread: 0, first: 1, last: Some(5) }]);
    }

    #[test]
    fn a_wait_that_ends_by_itself_gives_its_lock_away_too() {
        let found = read(
            &["a", "b"],
            &[
                "a: lock L#1",
                "a: the timeout fires",
                "a: unlock L#1",
                "b: lock L#1",
                "a: is blocked by L#1",
                "b: unlock L#1",
                "a: stops waiting on Condvar#1 = timed out",
                "a: unlock L#1",
            ],
        );
        let held: Vec<_> = found.holds.iter().map(|h| (h.thread, h.first, h.last)).collect();
        assert_eq!(held, [(0, 0, 2), (0, 6, 7), (1, 3, 5)]);
        assert_eq!(found.causes, [cause(5, 6, Why::HandsOver)]);
        assert_eq!(found.pauses, [Pause { thread: 0, first: 4, last: Some(6) }]);
    }

    #[test]
    fn a_byte_wakes_the_sleeper_unless_it_vanishes() {
        let threads = ["loop", "poster"];
        let woken =
            ["loop: sleeps on Pipe#1", "poster: write Pipe#1 = a byte", "loop: poll Pipe#1"];
        assert_eq!(read(&threads, &woken).causes, [cause(1, 2, Why::Wakes)]);
        let lost = [
            "loop: sleeps on Pipe#1",
            "poster: the byte vanishes",
            "poster: write Pipe#1 = a byte",
        ];
        let found = read(&threads, &lost);
        assert_eq!(found.causes, []);
        assert_eq!(found.pauses, [Pause { thread: 0, first: 0, last: None }]);
    }

    #[test]
    fn one_notification_wakes_one_and_a_timeout_who_it_is_for() {
        let found = read(
            &["a", "b", "c"],
            &[
                "a: waits on Condvar#1",
                "b: waits on Condvar#1",
                "c: notify one of Condvar#1 = 2 wait",
                "a: stops waiting on Condvar#1 = woken",
                "c: nobody can run: a timeout fires for = b",
                "b: stops waiting on Condvar#1 = timed out",
            ],
        );
        assert_eq!(found.causes, [cause(2, 3, Why::Wakes), cause(4, 5, Why::Wakes)]);
    }

    #[test]
    fn words_that_are_not_known_draw_nothing() {
        let found = read(&["a"], &["a: is read Clock#1 = 0 ns", "a: dances"]);
        assert_eq!((found.causes, found.holds, found.pauses), (vec![], vec![], vec![]));
        assert_eq!(causes(&Interleaving::default()), Causes::default());
    }
}
