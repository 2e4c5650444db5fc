//! Clauses E-3, E-7 and E-9: work that panics, initializers that fail, workers that cannot be started.

use super::*;

// E-3, E-4: one piece of work

//= SPEC.md#e-3
//= type=test
//# A function that panics MUST fail only its own future; the worker goes on.
//= SPEC.md#x-2
//= type=test
//# A panic in a coroutine, callback, factory or executor function MUST become an `Exception` that
//# carries the panic's payload and, when a message is known, its text.
#[test]
fn e3_a_panic_fails_its_own_future_and_the_worker_goes_on() {
    let pool = pool_of(1);
    let before = pool.submit(|| Ok(thread::current().id())).unwrap();
    let panics = pool
        .submit(|| -> Result<(), Exception> { resume_unwind(Box::new("the function broke")) })
        .unwrap();
    let after = pool.submit(|| Ok(thread::current().id())).unwrap();
    let exception = panics.exception_timeout(GUARD).unwrap().unwrap();
    assert_eq!(exception.panic_message(), Some("the function broke"));
    let (before, after) = (before.result_timeout(GUARD), after.result_timeout(GUARD));
    assert_eq!(before.unwrap(), after.unwrap());
    end(&pool);
}

//= SPEC.md#e-3
//= type=test
//# A function that panics MUST fail only its own future; the worker goes on.
//= SPEC.md#f-13
//= type=test
//# A done-callback that panics MUST NOT keep its siblings from running and MUST NOT change the
//# outcome.
#[test]
fn e3_a_callback_that_panics_spares_the_worker() {
    let pool = pool_of(1);
    let busy = Busy::one_of(&pool);
    let work = pool.submit(|| Ok(7)).unwrap();
    work.add_done_callback(|_| resume_unwind(Box::new("the callback broke")));
    let next = pool.submit(|| Ok(8)).unwrap();
    busy.let_go();
    assert_eq!(work.result_timeout(GUARD).unwrap(), 7);
    assert_eq!(next.result_timeout(GUARD).unwrap(), 8);
}

//= SPEC.md#e-3
//= type=test
//# A function that panics MUST fail only its own future; the worker goes on.
//= SPEC.md#e-4
//= type=test
//# Work whose future was cancelled before a worker picked it up MUST NOT run, and its future MUST
//# be marked ended.
#[test]
fn e3_what_panics_when_dropped_spares_the_worker() {
    let pool = pool_of(1);
    let busy = Busy::one_of(&pool);
    // Dropped unrun, because its future was cancelled.
    let owned = PanicsWhenDropped;
    let cancelled = pool
        .submit(move || {
            let _owned = &owned;
            Ok(())
        })
        .unwrap();
    assert!(cancelled.cancel());
    // Dropped by the worker, because nobody holds the future of the result.
    drop(pool.submit(|| Ok(PanicsWhenDropped)).unwrap());
    let next = pool.submit(|| Ok(7)).unwrap();
    busy.let_go();
    cancelled.wait_ended_timeout(GUARD).unwrap();
    assert_eq!(next.result_timeout(GUARD).unwrap(), 7);
    end(&pool);
}

// E-7: initializers

/// A pool of one worker, whose initializer waits until it is told how to fail.
fn failing_pool(
    workers: usize,
) -> (ThreadPoolExecutor, Sender<Box<dyn FnOnce() -> Exception + Send>>) {
    type Fail = Box<dyn FnOnce() -> Exception + Send>;
    let (sender, receiver): (Sender<Fail>, Receiver<Fail>) = mpsc::channel();
    let receiver = Mutex::new(receiver);
    let pool = ThreadPoolExecutor::builder()
        .max_workers(workers)
        .initializer(move || Err(receiver.lock().unwrap().recv_timeout(GUARD)?()))
        .build();
    (pool.unwrap(), sender)
}

fn broken_by(exception: &Exception) -> Exception {
    match exception.downcast_ref::<SubmitError>() {
        Some(SubmitError::Broken(why)) => why.clone(),
        other => panic!("not the error of a broken pool: {other:?}"),
    }
}

//= SPEC.md#e-7
//= type=test
//# A failing initializer MUST break the pool: every queued future fails with that reason, also
//# behind futures that were cancelled meanwhile, and later work is refused.
#[test]
fn e7_a_failing_initializer_fails_the_queue_also_behind_cancelled_futures() {
    let (pool, fail) = failing_pool(1);
    let runs = Arc::new(AtomicUsize::new(0));
    let queue: Vec<ConcurrentFuture<()>> = (0..5)
        .map(|_| {
            let run = Arc::clone(&runs);
            pool.submit(move || {
                run.fetch_add(1, Ordering::SeqCst);
                Ok(())
            })
            .unwrap()
        })
        .collect();
    assert!(queue[0].cancel() && queue[2].cancel());
    let why = Exception::new("no licence");
    let reason = why.clone();
    fail.send(Box::new(move || reason)).unwrap();
    for (index, future) in queue.iter().enumerate() {
        future.wait_ended_timeout(GUARD).unwrap();
        if index == 0 || index == 2 {
            assert!(future.cancelled());
        } else {
            assert!(broken_by(&future.exception().unwrap().unwrap()).same_object(&why));
        }
    }
    let refused = pool.submit(|| Ok(7)).unwrap_err();
    assert!(matches!(refused, SubmitError::Broken(ref reason) if reason.same_object(&why)));
    end(&pool);
    assert_eq!(runs.load(Ordering::SeqCst), 0);
    assert_eq!(Arc::strong_count(&runs), 1, "the functions are dropped");
    let refused = pool.submit(|| Ok(7)).unwrap_err();
    assert!(matches!(refused, SubmitError::Broken(_)), "it stays broken when it is shut down");
}

//= SPEC.md#e-7
//= type=test
//# A failing initializer MUST break the pool: every queued future fails with that reason, also
//# behind futures that were cancelled meanwhile, and later work is refused.
//= SPEC.md#x-2
//= type=test
//# A panic in a coroutine, callback, factory or executor function MUST become an `Exception` that
//# carries the panic's payload and, when a message is known, its text.
#[test]
fn e7_a_panicking_initializer_breaks_the_pool_too() {
    let (pool, fail) = failing_pool(1);
    let cancelled = pool.submit(|| Ok(6)).unwrap();
    let queued = pool.submit(|| Ok(7)).unwrap();
    assert!(cancelled.cancel());
    fail.send(Box::new(|| resume_unwind(Box::new("no memory")))).unwrap();
    let why = broken_by(&queued.exception_timeout(GUARD).unwrap().unwrap());
    assert_eq!(why.panic_message(), Some("no memory"));
    cancelled.wait_ended_timeout(GUARD).unwrap();
    assert!(matches!(pool.submit(|| Ok(8)), Err(SubmitError::Broken(_))));
    end(&pool);
}

//= SPEC.md#e-7
//= type=test
//# A failing initializer MUST break the pool: every queued future fails with that reason, also
//# behind futures that were cancelled meanwhile, and later work is refused.
#[test]
fn e7_the_pool_ends_although_nobody_shuts_it_down() {
    let (pool, fail) = failing_pool(2);
    let queue = [pool.submit(|| Ok(6)).unwrap(), pool.submit(|| Ok(7)).unwrap()];
    for _ in 0..2 {
        fail.send(Box::new(|| Exception::new("no licence"))).unwrap();
    }
    for future in queue {
        broken_by(&future.exception_timeout(GUARD).unwrap().unwrap());
    }
    pool.ended().result_timeout(GUARD).unwrap();
    assert_eq!(pool.workers(), 0);
}

//= SPEC.md#e-7
//= type=test
//# A failing initializer MUST break the pool: every queued future fails with that reason, also
//# behind futures that were cancelled meanwhile, and later work is refused.
#[test]
fn e7_a_later_worker_that_fails_spares_the_work_that_runs() {
    let started = Arc::new(AtomicUsize::new(0));
    let starts = Arc::clone(&started);
    let pool = ThreadPoolExecutor::builder()
        .max_workers(2)
        .initializer(move || match starts.fetch_add(1, Ordering::SeqCst) {
            0 => Ok(()),
            _ => Err(Exception::new("only one")),
        })
        .build()
        .unwrap();
    let busy = Busy::one_of(&pool);
    let queued = pool.submit(|| Ok(7)).unwrap();
    broken_by(&queued.exception_timeout(GUARD).unwrap().unwrap());
    assert!(busy.future.running());
    busy.let_go();
    end(&pool);
    assert_eq!(started.load(Ordering::SeqCst), 2);
}

//= SPEC.md#e-7
//= type=test
//# A failing initializer MUST break the pool: every queued future fails with that reason, also
//# behind futures that were cancelled meanwhile, and later work is refused.
#[test]
fn e7_the_initializer_runs_in_every_worker_before_its_work() {
    thread_local! {
        static PREPARED: RefCell<bool> = const { RefCell::new(false) };
    }
    let pool = ThreadPoolExecutor::builder()
        .max_workers(2)
        .initializer(|| {
            PREPARED.set(true);
            Ok(())
        })
        .build()
        .unwrap();
    let _busy = Busy::one_of(&pool);
    let prepared = pool.submit(|| Ok(PREPARED.with_borrow(|prepared| *prepared))).unwrap();
    assert!(prepared.result_timeout(GUARD).unwrap());
}

//= SPEC.md#e-7
//= type=test
//# A failing initializer MUST break the pool: every queued future fails with that reason, also
//# behind futures that were cancelled meanwhile, and later work is refused.
//= SPEC.md#u-4
//= type=test
//# `run_in_executor` MUST return its errors at the call, and otherwise a loop future of the work's
//# outcome.
#[test]
fn e7_work_of_a_loop_in_a_pool_that_breaks() {
    let event_loop = virtual_loop();
    let (pool, fail) = failing_pool(1);
    let cancelled = event_loop.run_in_executor(Some(&pool), || Ok(6)).unwrap();
    let failed = event_loop.run_in_executor(Some(&pool), || Ok(7)).unwrap();
    assert!(cancelled.cancel());
    fail.send(Box::new(|| Exception::new("no licence"))).unwrap();
    broken_by(&event_loop.run_until_complete(failed).unwrap_err());
    let refused = event_loop.run_in_executor(Some(&pool), || Ok(8));
    assert!(matches!(refused, Err(SubmitError::Broken(_))));
}

// E-9: threads that do not start

/// Runs one test of this program in a process whose address space is limited, in kilobytes.
#[cfg(target_os = "linux")]
fn run_with_little_memory(test: &str, kilobytes: usize) {
    let script = format!("ulimit -v {kilobytes} && exec \"$0\" \"$@\"");
    let child = std::process::Command::new("sh")
        .args(["-c", &script])
        .arg(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(LITTLE_MEMORY, "1")
        // The stack of a thread, so that its place in memory can be told from everything else.
        .env("RUST_MIN_STACK", STACK.to_string())
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&child.stdout);
    let complaint = String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success(), "{output}{complaint}");
    assert!(output.contains("1 passed"), "the test did not run: {output}{complaint}");
}

#[cfg(target_os = "linux")]
const LITTLE_MEMORY: &str = "LOOPGATE_TEST_LITTLE_MEMORY";

#[cfg(target_os = "linux")]
const STACK: usize = 256 << 20;

/// Takes address space until there is none for another stack.
#[cfg(target_os = "linux")]
fn take_memory() -> Vec<Vec<u8>> {
    let mut taken = Vec::new();
    loop {
        let mut piece = Vec::new();
        if piece.try_reserve_exact(STACK / 4).is_err() {
            return taken;
        }
        taken.push(piece);
    }
}

//= SPEC.md#e-9
//= type=test
//# A pool that cannot start a thread MUST refuse the work if it has no worker, and otherwise leave
//# it to the workers it has.
#[cfg(target_os = "linux")]
#[test]
fn e9_without_any_worker_the_work_is_refused() {
    if std::env::var_os(LITTLE_MEMORY).is_none() {
        let test = "executor::failures::e9_without_any_worker_the_work_is_refused";
        return run_with_little_memory(test, 4 * STACK / 1024);
    }
    let pool = pool_of(2);
    let alive = Arc::new(());
    let owned = Arc::clone(&alive);
    let taken = take_memory();
    let refused = pool.submit(move || {
        drop(owned);
        Ok(())
    });
    drop(taken);
    let refused = refused.unwrap_err();
    assert!(matches!(refused, SubmitError::NoThread(ref why) if why.is::<std::io::Error>()));
    assert_eq!(Arc::strong_count(&alive), 1, "the work is dropped");
    assert_eq!(pool.workers(), 0);
    // Nothing has changed: when there is memory again the pool works.
    assert_eq!(pool.submit(|| Ok(7)).unwrap().result_timeout(GUARD).unwrap(), 7);
    end(&pool);
}

//= SPEC.md#e-9
//= type=test
//# A pool that cannot start a thread MUST refuse the work if it has no worker, and otherwise leave
//# it to the workers it has.
#[cfg(target_os = "linux")]
#[test]
fn e9_otherwise_it_is_left_to_the_workers_there_are() {
    if std::env::var_os(LITTLE_MEMORY).is_none() {
        let test = "executor::failures::e9_otherwise_it_is_left_to_the_workers_there_are";
        return run_with_little_memory(test, 4 * STACK / 1024);
    }
    let pool = pool_of(2);
    let busy = Busy::one_of(&pool);
    let taken = take_memory();
    let queued = pool.submit(|| Ok(thread::current().id()));
    drop(taken);
    let queued = queued.unwrap();
    assert_eq!(pool.workers(), 1);
    let worker = busy.let_go();
    assert_eq!(queued.result_timeout(GUARD).unwrap(), worker);
    end(&pool);
}

// Work

//= SPEC.md#f-7
//= type=test
//# A producer dropped without completing MUST finish the future with an error that says so.
//= SPEC.md#e-3
//= type=test
//# A function that panics MUST fail only its own future; the worker goes on.
#[test]
fn f7_work_that_an_executor_loses_fails_its_future() {
    struct Loses;
    impl Executor for Loses {
        fn execute(&self, work: Work) -> Result<(), SubmitError> {
            drop(work);
            Ok(())
        }
    }
    let event_loop = virtual_loop();
    let future = event_loop.run_in_executor(Some(&Loses), || Ok(7)).unwrap();
    assert!(event_loop.run_until_complete(future).unwrap_err().is::<BrokenPromise>());
}

//= SPEC.md#e-7
//= type=test
//# A failing initializer MUST break the pool: every queued future fails with that reason, also
//# behind futures that were cancelled meanwhile, and later work is refused.
#[test]
fn e7_the_reason_is_told_as_an_event() {
    let (work, future) = Work::new(|| Ok(7));
    let told = events(|| work.fail(Exception::new("no licence")));
    assert!(told.is_empty(), "failing work is no event: its future tells");
    assert_eq!(future.exception().unwrap().unwrap().to_string(), "no licence");
}
