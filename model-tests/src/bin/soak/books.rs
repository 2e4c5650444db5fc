//! Double entry: what was made must have ended, each piece once, in a way that was open to it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use loopgate::LoopHandle;

/// More than so many failures are counted and not kept.
const MOST_FAILURES: usize = 20;

/// Everything that is accounted for.
#[derive(Debug, Default)]
pub(crate) struct Books {
    pub(crate) posts: Book,
    pub(crate) timers: Book,
    /// What submitters were told of their submissions.
    pub(crate) submissions: Book,
    /// The coroutines themselves: each that was made is dropped.
    pub(crate) coroutines: Book,
    pub(crate) executor_work: Book,
    pub(crate) promises: Book,
    pub(crate) loops: Book,
    failures: Mutex<Vec<String>>,
    failed: AtomicU64,
}

impl Books {
    /// Every book, with its name.
    pub(crate) fn all(&self) -> [(&'static str, &Book); 7] {
        [
            ("posts", &self.posts),
            ("timers", &self.timers),
            ("submissions", &self.submissions),
            ("coroutines", &self.coroutines),
            ("executor work", &self.executor_work),
            ("promises", &self.promises),
            ("loops", &self.loops),
        ]
    }

    /// Something that must not happen has happened.
    pub(crate) fn fail(&self, what: impl Into<String>) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() < MOST_FAILURES {
            failures.push(what.into());
        }
    }

    /// How many failures there were, and the first of them.
    pub(crate) fn failures(&self) -> (u64, Vec<String>) {
        let first = self.failures.lock().unwrap_or_else(PoisonError::into_inner).clone();
        (self.failed.load(Ordering::Relaxed), first)
    }
}

/// The entries of one kind.
#[derive(Debug, Default)]
pub(crate) struct Book {
    made: AtomicU64,
    ends: Mutex<BTreeMap<&'static str, u64>>,
}

impl Book {
    /// One more was made.
    pub(crate) fn open(&self) {
        self.made.fetch_add(1, Ordering::Relaxed);
    }

    /// One has ended so.
    pub(crate) fn close(&self, how: &'static str) {
        *self.ends.lock().unwrap_or_else(PoisonError::into_inner).entry(how).or_insert(0) += 1;
    }

    pub(crate) fn made(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
    }

    /// How many ended in which way.
    pub(crate) fn ends(&self) -> BTreeMap<&'static str, u64> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Those that are made and have not ended; negative if some have ended twice.
    pub(crate) fn unaccounted(&self) -> i64 {
        let ended: u64 = self.ends().values().sum();
        self.made().cast_signed() - ended.cast_signed()
    }
}

/// An entry that a callback or a coroutine owns: it ends when its owner runs, or is dropped.
pub(crate) struct Entry {
    books: Arc<Books>,
    book: fn(&Books) -> &Book,
    /// Who had accepted it; only a closed loop may drop it unrun.
    handle: LoopHandle,
    cancelled: Arc<AtomicBool>,
    ended: bool,
}

impl Entry {
    pub(crate) fn new(books: &Arc<Books>, book: fn(&Books) -> &Book, handle: &LoopHandle) -> Entry {
        book(books).open();
        let (books, handle) = (Arc::clone(books), handle.clone());
        Entry { books, book, handle, cancelled: Arc::default(), ended: false }
    }

    /// To be set before it is cancelled.
    pub(crate) fn cancelled(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.cancelled)
    }

    pub(crate) fn books(&self) -> &Books {
        &self.books
    }

    /// The owner did what it was for.
    pub(crate) fn end(mut self, how: &'static str) {
        self.ended = true;
        (self.book)(&self.books).close(how);
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let how = if self.cancelled.load(Ordering::Acquire) {
            "cancelled"
        } else if self.handle.is_closed() {
            "dropped by a closed loop"
        } else {
            self.books.fail("an open loop has dropped work that nobody cancelled");
            "dropped by an open loop"
        };
        (self.book)(&self.books).close(how);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use loopgate::EventLoop;

    #[test]
    fn what_is_lost_shows() {
        let event_loop = EventLoop::new().unwrap();
        let books = Arc::new(Books::default());
        let entry = |book| Entry::new(&books, book, &event_loop.handle());
        entry(|books| &books.posts).end("ran");
        let lost = entry(|books| &books.posts);
        assert_eq!(books.posts.unaccounted(), 1);
        assert_eq!(books.failures().0, 0);
        drop(lost);
        assert_eq!((books.posts.unaccounted(), books.failures().0), (0, 1));
        let cancelled = entry(|books| &books.timers);
        cancelled.cancelled().store(true, Ordering::Release);
        drop(cancelled);
        let closed = entry(|books| &books.timers);
        drop(event_loop);
        drop(closed);
        assert_eq!((books.timers.unaccounted(), books.failures().0), (0, 1));
        books.posts.close("twice");
        assert_eq!(books.posts.unaccounted(), -1);
    }
}
