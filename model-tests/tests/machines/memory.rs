//! What waits and polls leave behind cannot be seen through a future, only in the memory that it holds.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use loopgate::concurrent::{self, ReturnWhen, Unfinished, as_completed, wait};

thread_local! {
    /// Bytes that this thread has allocated and not freed.
    static LIVE: Cell<isize> = const { Cell::new(0) };
}

struct Counting;

fn account(change: isize) {
    // A thread that is just ending may have no counter any more; nobody asks for it either.
    let _ = LIVE.try_with(|live| live.set(live.get() + change));
}

fn bytes(size: usize) -> isize {
    isize::try_from(size).unwrap_or(isize::MAX)
}

// SAFETY: every call is passed on to the system's allocator as it came; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        account(bytes(layout.size()));
        // SAFETY: the caller keeps the contract of `alloc`, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        account(-bytes(layout.size()));
        // SAFETY: the memory came from `System` with this layout, as the caller promises.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

//= SPEC.md#f-18
//= type=test
//# `wait` that times out MUST return the split so far and MUST leave no trace in the futures.
#[test]
fn f18_waits_that_timed_out_leave_no_trace() {
    let (_one, first) = concurrent::promise::<u8>();
    let (_two, second) = concurrent::promise::<u8>();
    let set = [first, second];
    let wait_in_vain = || {
        for when in [ReturnWhen::FirstCompleted, ReturnWhen::AllCompleted] {
            let split = wait(&set, Some(Duration::ZERO), when).unwrap();
            assert_eq!(split.not_done.len(), 2);
        }
        let over = as_completed(&set, Some(Duration::ZERO)).unwrap().next().unwrap();
        assert!(over.unwrap_err().is::<Unfinished>());
        drop(as_completed(&set, None).unwrap());
    };
    // The first time may make room that is used again.
    wait_in_vain();
    let before = LIVE.get();
    for _ in 0..100 {
        wait_in_vain();
    }
    assert_eq!(LIVE.get(), before);
}

//= SPEC.md#f-21
//= type=test
//# Awaiting a concurrent future from any executor MUST wake the last waker that polled it, and
//# dropping the handle MUST withdraw that waker.
#[test]
fn f21_polls_that_were_given_up_leave_no_trace() {
    let (_work, future) = concurrent::promise::<u8>();
    let poll_in_vain = || {
        let mut polled = future.clone();
        let waker = Waker::from(Arc::new(Ignored));
        assert!(Pin::new(&mut polled).poll(&mut Context::from_waker(&waker)).is_pending());
    };
    poll_in_vain();
    let before = LIVE.get();
    for _ in 0..100 {
        poll_in_vain();
    }
    assert_eq!(LIVE.get(), before);
}

#[derive(Default)]
struct Ignored;

impl Wake for Ignored {
    fn wake(self: Arc<Self>) {}
}
