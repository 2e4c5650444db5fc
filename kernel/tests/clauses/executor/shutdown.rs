//! Clauses E-5 and E-8: the end of a pool, and who may wait for it.

use super::*;

// E-5, E-6, E-8: shutdown

/// Notes the end of the thread that has it.
struct NotesItsEnd(Notes<&'static str>);

impl Drop for NotesItsEnd {
    fn drop(&mut self) {
        self.0.note("worker ended");
    }
}

thread_local! {
    static AT_END: RefCell<Option<NotesItsEnd>> = const { RefCell::new(None) };
}

//= SPEC.md#e-5
//= type=test
//# `shutdown` MUST let queued work run, or cancel it when asked to, and when asked to wait MUST
//# return only after every worker has ended.
#[test]
fn e5_shutdown_lets_queued_work_run_and_waits_for_the_workers() {
    let pool = pool_of(1);
    let notes = Notes::default();
    let at_end = notes.clone();
    let busy = pool
        .submit(move || {
            AT_END.with_borrow_mut(|slot| *slot = Some(NotesItsEnd(at_end)));
            Ok(())
        })
        .unwrap();
    for _ in 0..3 {
        let noted = notes.clone();
        let work = move || {
            noted.note("work");
            Ok(())
        };
        drop(pool.submit(work).unwrap());
    }
    pool.shutdown(true, false).unwrap();
    assert_eq!(notes.entries(), ["work", "work", "work", "worker ended"]);
    assert!(busy.ended());
    assert_eq!(pool.workers(), 0);
    assert!(pool.ended().done());
    pool.shutdown(true, false).unwrap();
    pool.shutdown(false, true).unwrap();
}

//= SPEC.md#e-5
//= type=test
//# `shutdown` MUST let queued work run, or cancel it when asked to, and when asked to wait MUST
//# return only after every worker has ended.
#[test]
fn e5_shutdown_without_waiting_returns_while_work_goes_on() {
    let pool = pool_of(1);
    let busy = Busy::one_of(&pool);
    let queued = pool.submit(|| Ok(7)).unwrap();
    pool.shutdown(false, false).unwrap();
    assert!(matches!(pool.submit(|| Ok(8)), Err(SubmitError::ShutDown)));
    assert!(!queued.done() && !pool.ended().done());
    assert_eq!(pool.workers(), 1);
    busy.let_go();
    assert_eq!(queued.result_timeout(GUARD).unwrap(), 7);
    pool.ended().result_timeout(GUARD).unwrap();
}

//= SPEC.md#e-5
//= type=test
//# `shutdown` MUST let queued work run, or cancel it when asked to, and when asked to wait MUST
//# return only after every worker has ended.
#[test]
fn e5_shutdown_wakes_idle_workers() {
    let pool = pool_of(3);
    let busy: Vec<_> = (0..3).map(|_| Busy::one_of(&pool)).collect();
    for busy in busy {
        busy.let_go();
    }
    let ended = pool.ended();
    thread::spawn(move || pool.shutdown(true, false).unwrap());
    ended.result_timeout(GUARD).unwrap();
}

//= SPEC.md#e-5
//= type=test
//# `shutdown` MUST let queued work run, or cancel it when asked to, and when asked to wait MUST
//# return only after every worker has ended.
#[test]
fn e5_a_pool_that_never_worked_ends_at_once() {
    let pool = pool_of(1);
    assert!(!pool.ended().done());
    pool.shutdown(true, true).unwrap();
    pool.ended().result_timeout(Duration::ZERO).unwrap();
}

//= SPEC.md#e-5
//= type=test
//# `shutdown` MUST let queued work run, or cancel it when asked to, and when asked to wait MUST
//# return only after every worker has ended.
#[test]
fn e5_dropping_the_pool_lets_queued_work_run() {
    let pool = pool_of(1);
    let busy = Busy::one_of(&pool);
    let queued = pool.submit(|| Ok(7)).unwrap();
    let ended = pool.ended();
    drop(pool);
    assert!(!ended.done());
    busy.let_go();
    assert_eq!(queued.result_timeout(GUARD).unwrap(), 7);
    ended.result_timeout(GUARD).unwrap();
}

//= SPEC.md#e-5
//= type=test
//# `shutdown` MUST let queued work run, or cancel it when asked to, and when asked to wait MUST
//# return only after every worker has ended.
#[test]
fn e5_nobody_can_cancel_the_end_of_a_pool() {
    let pool = pool_of(1);
    let busy = Busy::one_of(&pool);
    assert!(!pool.ended().cancel());
    // Nor by giving up waiting for it in a task.
    let event_loop = EventLoop::new().unwrap();
    let (awaited, wrapped) = (pool.ended(), pool.ended());
    let limited = event_loop.run_until_complete(timeout(Duration::from_nanos(1), awaited));
    assert!(limited.unwrap_err().is::<TimeoutError>());
    let wrapped = event_loop.wrap_future(wrapped).unwrap();
    assert!(wrapped.cancel());
    assert!(!pool.ended().done());
    pool.shutdown(false, false).unwrap();
    busy.let_go();
    pool.shutdown(true, false).unwrap();
    pool.ended().result_timeout(Duration::ZERO).unwrap();
}

//= SPEC.md#e-5
//= type=test
//# `shutdown` MUST let queued work run, or cancel it when asked to, and when asked to wait MUST
//# return only after every worker has ended.
#[test]
fn e5_a_callback_of_the_end_may_ask_the_pool() {
    let pool = Arc::new(pool_of(1));
    pool.submit(|| Ok(())).unwrap().result_timeout(GUARD).unwrap();
    let (asks, (tell, told)) = (Arc::clone(&pool), mpsc::channel());
    pool.ended().add_done_callback(move |_| tell.send(asks.workers()).unwrap());
    pool.shutdown(false, false).unwrap();
    assert_eq!(told.recv_timeout(GUARD), Ok(0));
    end(&pool);
}

/// What `ask` answers in a worker of its own pool.
fn in_own_worker<R: Clone + Send + 'static>(
    pool: &Arc<ThreadPoolExecutor>,
    ask: impl FnOnce(&ThreadPoolExecutor) -> R + Send + 'static,
) -> R {
    let own = Arc::clone(pool);
    pool.submit(move || Ok(ask(&own))).unwrap().result_timeout(GUARD).unwrap()
}

//= SPEC.md#e-8
//= type=test
//# Waiting for a pool's shutdown from one of its own workers MUST be refused with an error.
#[test]
fn e8_shutdown_from_its_own_worker_cannot_wait() {
    let pool = Arc::new(pool_of(2));
    for cancel_futures in [false, true] {
        let refused = in_own_worker(&pool, move |own| own.shutdown(true, cancel_futures));
        assert_eq!(refused, Err(ShutdownError::FromOwnWorker));
    }
    // Nothing has changed: it still works.
    assert_eq!(pool.submit(|| Ok(7)).unwrap().result_timeout(GUARD).unwrap(), 7);
    assert_eq!(in_own_worker(&pool, |own| own.shutdown(false, false)), Ok(()));
    end(&pool);
}

//= SPEC.md#e-8
//= type=test
//# Waiting for a pool's shutdown from one of its own workers MUST be refused with an error.
#[test]
fn e8_a_worker_of_another_pool_may_wait() {
    let (pool, other) = (Arc::new(pool_of(1)), pool_of(1));
    pool.submit(|| Ok(())).unwrap().result_timeout(GUARD).unwrap();
    let own = Arc::clone(&pool);
    let waited = other.submit(move || Ok(own.shutdown(true, false))).unwrap();
    assert_eq!(waited.result_timeout(GUARD).unwrap(), Ok(()));
    assert!(pool.ended().done());
}

//= SPEC.md#e-8
//= type=test
//# Waiting for a pool's shutdown from one of its own workers MUST be refused with an error.
#[test]
fn e8_a_done_callback_in_its_own_worker_cannot_wait_either() {
    let pool = Arc::new(pool_of(1));
    let busy = Busy::one_of(&pool);
    let (told, answers) = mpsc::channel();
    let own = Arc::clone(&pool);
    busy.future.add_done_callback(move |_| told.send(own.shutdown(true, false)).unwrap());
    busy.let_go();
    assert_eq!(answers.recv_timeout(GUARD), Ok(Err(ShutdownError::FromOwnWorker)));
    end(&pool);
}

//= SPEC.md#e-8
//= type=test
//# Waiting for a pool's shutdown from one of its own workers MUST be refused with an error.
//= SPEC.md#f-22
//= type=test
//# A blocking wait on the loop thread for work of that loop that is not done MUST be refused with
//# an error.
#[test]
fn e8_the_end_of_its_pool_cannot_be_waited_for_by_a_worker() {
    let pool = Arc::new(pool_of(1));
    // The timeout only bounds the wait that should have been refused.
    let limit = Duration::from_millis(200);
    let (result, by_wait) = in_own_worker(&pool, move |own| {
        let by_wait = wait(&[own.ended()], Some(limit), ReturnWhen::AllCompleted);
        (own.ended().result_timeout(limit), by_wait.map(drop))
    });
    assert!(matches!(result, Err(ResultError::WouldDeadlock)), "{result:?}");
    let refused = by_wait.unwrap_err();
    assert!(matches!(refused.downcast_ref(), Some(ResultError::WouldDeadlock)));
    end(&pool);
    pool.ended().result_timeout(Duration::ZERO).unwrap();
}
