//! Clauses E-4 and E-6: cancelled before it began, or by the shutdown.

use super::*;

//= SPEC.md#e-4
//= type=test
//# Work whose future was cancelled before a worker picked it up MUST NOT run, and its future MUST
//# be marked ended.
#[test]
fn e4_cancelled_before_a_worker_picked_it_up() {
    let pool = pool_of(1);
    let busy = Busy::one_of(&pool);
    let ran = Arc::new(AtomicBool::new(false));
    let runs = Arc::clone(&ran);
    let future = pool
        .submit(move || {
            runs.store(true, Ordering::SeqCst);
            Ok(())
        })
        .unwrap();
    let next = pool.submit(|| Ok(7)).unwrap();
    assert!(future.cancel());
    assert!(!future.ended(), "it is still in the queue");
    busy.let_go();
    future.wait_ended_timeout(GUARD).unwrap();
    assert_eq!(next.result_timeout(GUARD).unwrap(), 7);
    assert!(!ran.load(Ordering::SeqCst));
    assert!(is_cancelled(&future.result()));
}

//= SPEC.md#e-4
//= type=test
//# Work whose future was cancelled before a worker picked it up MUST NOT run, and its future MUST
//# be marked ended.
//= SPEC.md#f-5
//= type=test
//# `set_running_or_notify_cancel` MUST answer true at most once, and after it did the future cannot
//# be cancelled any more.
#[test]
fn e4_work_that_began_cannot_be_cancelled() {
    let pool = pool_of(1);
    let busy = Busy::one_of(&pool);
    assert!(busy.future.running());
    assert!(!busy.future.cancel());
    busy.let_go();
}

//= SPEC.md#e-4
//= type=test
//# Work whose future was cancelled before a worker picked it up MUST NOT run, and its future MUST
//# be marked ended.
#[test]
fn e4_cancel_races_the_worker() {
    let pool = pool_of(1);
    for round in 0..300 {
        let ran = Arc::new(AtomicBool::new(false));
        let runs = Arc::clone(&ran);
        let future = pool
            .submit(move || {
                runs.store(true, Ordering::SeqCst);
                Ok(())
            })
            .unwrap();
        for _ in 0..round % 10 {
            thread::yield_now();
        }
        let cancelled = future.cancel();
        future.wait_ended_timeout(GUARD).unwrap();
        assert_eq!(ran.load(Ordering::SeqCst), !cancelled);
    }
}

//= SPEC.md#e-6
//= type=test
//# `shutdown` with `cancel_futures` MUST release every waiter of the cancelled futures and mark
//# them ended.
#[test]
fn e6_a_callback_of_cancelled_work_may_ask_the_pool() {
    let pool = Arc::new(pool_of(1));
    let busy = Busy::one_of(&pool);
    let (asks, told) = (Arc::clone(&pool), Arc::new(AtomicUsize::new(0)));
    let tell = Arc::clone(&told);
    let queued = pool.submit(|| Ok(())).unwrap();
    queued.add_done_callback(move |_| tell.store(asks.workers(), Ordering::SeqCst));
    pool.shutdown(false, true).unwrap();
    assert!(queued.cancelled());
    assert_eq!(told.load(Ordering::SeqCst), 1, "it was called inside the shutdown");
    busy.let_go();
    end(&pool);
}

//= SPEC.md#e-6
//= type=test
//# `shutdown` with `cancel_futures` MUST release every waiter of the cancelled futures and mark
//# them ended.
//= SPEC.md#e-5
//= type=test
//# `shutdown` MUST let queued work run, or cancel it when asked to, and when asked to wait MUST
//# return only after every worker has ended.
#[test]
fn e6_cancelled_futures_release_their_waiters_and_have_ended() {
    let pool = pool_of(1);
    let busy = Busy::one_of(&pool);
    let ran = Arc::new(AtomicBool::new(false));
    let queue: Vec<ConcurrentFuture<()>> = (0..3)
        .map(|_| {
            let runs = Arc::clone(&ran);
            pool.submit(move || {
                runs.store(true, Ordering::SeqCst);
                Ok(())
            })
            .unwrap()
        })
        .collect();
    // One of them was cancelled by its submitter: it is marked as ended all the same.
    assert!(queue[1].cancel());
    let released = thread::scope(|scope| {
        let result = scope.spawn(|| is_cancelled(&queue[0].result_timeout(GUARD)));
        let ended = scope.spawn(|| queue[1].wait_ended_timeout(GUARD).is_ok());
        let all = scope.spawn(|| {
            let split = wait(&queue, Some(GUARD), ReturnWhen::AllCompleted).unwrap();
            split.done.len() == 3
        });
        pool.shutdown(false, true).unwrap();
        [result, ended, all].map(|waiter| waiter.join().unwrap())
    });
    assert_eq!(released, [true; 3]);
    assert!(queue.iter().all(|future| future.cancelled() && future.ended()));
    assert_eq!(Arc::strong_count(&ran), 1, "their functions are dropped");
    assert!(!ran.load(Ordering::SeqCst));
    assert!(!busy.future.done(), "work that runs goes on");
    busy.let_go();
    end(&pool);
}

//= SPEC.md#e-6
//= type=test
//# `shutdown` with `cancel_futures` MUST release every waiter of the cancelled futures and mark
//# them ended.
//= SPEC.md#e-5
//= type=test
//# `shutdown` MUST let queued work run, or cancel it when asked to, and when asked to wait MUST
//# return only after every worker has ended.
#[test]
fn e6_a_later_shutdown_may_still_cancel() {
    let pool = pool_of(1);
    let busy = Busy::one_of(&pool);
    let queued = pool.submit(|| Ok(7)).unwrap();
    pool.shutdown(false, false).unwrap();
    assert!(!queued.done());
    pool.shutdown(false, true).unwrap();
    assert!(queued.cancelled() && queued.ended());
    busy.let_go();
    pool.shutdown(true, true).unwrap();
}

//= SPEC.md#e-6
//= type=test
//# `shutdown` with `cancel_futures` MUST release every waiter of the cancelled futures and mark
//# them ended.
#[test]
fn e6_functions_that_panic_when_dropped_strand_nobody() {
    let pool = pool_of(1);
    let busy = Busy::one_of(&pool);
    let owned = PanicsWhenDropped;
    let first = pool
        .submit(move || {
            let _owned = &owned;
            Ok(())
        })
        .unwrap();
    let second = pool.submit(|| Ok(7)).unwrap();
    pool.shutdown(false, true).unwrap();
    assert!(first.ended() && second.ended());
    busy.let_go();
    end(&pool);
}
