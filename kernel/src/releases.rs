//! Threads that block on submissions, woken in rows.
//!
//! A loop copies outcomes one after another. A thread that waits for several of them in turn is woken by the first, finds
//! that the second is not there yet, and blocks again: a switch of threads for each. So who blocks is kept back
//! while copies follow one another. The row ends, and everybody is released,
//!
//! * before the loop does anything else than copy;
//! * before code of the program's is called: a done-callback, a value's `clone` or drop, the exception handler,
//!   for it could wait for a thread that is kept back;
//! * after so many copies that the first thread has waited long enough;
//! * with the batch, whatever ends it. Outside a batch nobody is kept back.
//!
//! Loop thread only. Outcomes are there when they are copied, and not when somebody is woken (clause C-1): this is about
//! who is told when, and no clause depends on it but that nobody is forgotten (F-9).

use std::cell::{Cell, RefCell};

use smallvec::SmallVec;

use crate::concurrent::Release;

/// How many outcomes are copied until who waits for the first is released.
const LONGEST_ROW: usize = 32;

#[derive(Default)]
pub(crate) struct Releases {
    kept: RefCell<SmallVec<[Release; 4]>>,
    /// Outcomes that were copied since somebody is kept back, counting that one.
    row: Cell<usize>,
    in_batch: Cell<bool>,
}

impl Releases {
    pub(crate) fn begin_batch(&self) -> Batch<'_> {
        self.in_batch.set(true);
        Batch(self)
    }

    /// An outcome was copied; who blocks on it may be kept back.
    pub(crate) fn keep(&self, release: Option<Release>) {
        if release.is_none() && !self.is_keeping() {
            return;
        }
        self.kept.borrow_mut().extend(release);
        self.row.set(self.row.get() + 1);
        if self.row.get() == LONGEST_ROW || !self.in_batch.get() {
            self.release();
        }
    }

    #[inline]
    pub(crate) fn is_keeping(&self) -> bool {
        self.row.get() > 0
    }

    /// The row ends here.
    pub(crate) fn release(&self) {
        if self.row.replace(0) > 0 {
            // Not under the borrow: a thread that is woken is none of this module's.
            let kept = self.kept.take();
            drop(kept);
        }
    }
}

/// A batch that is being run.
pub(crate) struct Batch<'a>(&'a Releases);

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        self.0.in_batch.set(false);
        self.0.release();
    }
}
