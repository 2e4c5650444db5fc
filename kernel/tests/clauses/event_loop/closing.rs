//! Clauses S-6 to S-8: closing, dropping, and what a closed loop refuses.

use super::*;

//= SPEC.md#s-6
//= type=test
//# `close` MUST be refused while the loop runs, MUST be idempotent, and MUST drop all queued work,
//# timers and tasks.
#[test]
fn s6_close_is_refused_while_the_loop_runs() {
    let event_loop = Rc::new(virtual_loop());
    let log = Log::default();
    let (again, noted) = (Rc::clone(&event_loop), log.clone());
    event_loop
        .call_soon(move || {
            assert!(matches!(again.close(), Err(RunError::AlreadyRunning)));
            assert!(!again.is_closed() && !again.handle().is_closed());
            again.call_soon(note(&noted, "still open")).unwrap();
        })
        .unwrap();
    event_loop.call_later(Duration::from_secs(1), note(&log, "timer")).unwrap();
    for _ in 0..3 {
        let _turn = event_loop.run_once(Some(Duration::from_secs(1))).unwrap();
    }
    assert_eq!(log.entries(), ["still open", "timer"]);
}

//= SPEC.md#s-6
//= type=test
//# `close` MUST be refused while the loop runs, MUST be idempotent, and MUST drop all queued work,
//# timers and tasks.
#[test]
fn s6_close_drops_queue_timers_tasks_and_watchers() {
    let event_loop = virtual_loop();
    let (handle, owned) = (event_loop.handle(), Arc::new(()));
    let work = || {
        let owned = Arc::clone(&owned);
        move || unreachable!("closed: {owned:?}")
    };
    let (reader, _writer) = UnixStream::pair().unwrap();
    // Every handle is kept: what it leads to goes all the same.
    let kept = (
        event_loop.call_soon(work()).unwrap(),
        event_loop.call_later(Duration::from_secs(1), work()).unwrap(),
        handle.call_soon_threadsafe(work()).unwrap(),
        handle.call_later_threadsafe(Duration::from_secs(1), work()).unwrap(),
    );
    event_loop.add_reader(&reader, work()).unwrap();
    event_loop.add_writer(&reader, work()).unwrap();
    let (suspended_owns, begun) = (Arc::clone(&owned), Rc::new(Cell::new(false)));
    let begin = Rc::clone(&begun);
    let suspended = event_loop
        .create_task(async move {
            let _owns = suspended_owns;
            begin.set(true);
            sleep(Duration::from_secs(5)).await
        })
        .unwrap();
    let (promise, source) = concurrent::promise::<u8>();
    let wrapped = event_loop.wrap_future(source).unwrap();
    let other = virtual_loop();
    // A turn for the task alone: the rest is scheduled again below.
    drop(other);
    event_loop.close().unwrap();
    assert!(!begun.get());
    assert_eq!(Arc::strong_count(&owned), 1);
    assert_eq!(census(&event_loop), Census { queued: 0, timers: 0, tasks: 0, parcels: 0 });
    assert!(suspended.exception().unwrap().unwrap().is::<LoopClosed>());
    assert!(wrapped.exception().unwrap().unwrap().is::<LoopClosed>());
    promise.set_result(1).unwrap();
    assert!(event_loop.all_tasks().is_empty());
    assert!(event_loop.is_closed() && handle.is_closed());
    assert_eq!(event_loop.poll_timeout(), None);
    drop(kept);
    event_loop.close().unwrap();
}

//= SPEC.md#s-6
//= type=test
//# `close` MUST be refused while the loop runs, MUST be idempotent, and MUST drop all queued work,
//# timers and tasks.
#[test]
fn s6_close_drops_a_suspended_coroutine() {
    let event_loop = virtual_loop();
    let owned = Rc::new(());
    let owns = Rc::clone(&owned);
    let task = event_loop
        .create_task(async move {
            let _owns = owns;
            sleep(Duration::from_secs(5)).await
        })
        .unwrap();
    let _turn = event_loop.run_once(NOW).unwrap();
    assert_eq!((Rc::strong_count(&owned), census(&event_loop).timers), (2, 1));
    event_loop.close().unwrap();
    assert_eq!((Rc::strong_count(&owned), census(&event_loop).timers), (1, 0));
    assert!(task.done());
}

//= SPEC.md#s-6
//= type=test
//# `close` MUST be refused while the loop runs, MUST be idempotent, and MUST drop all queued work,
//# timers and tasks.
#[test]
fn s6_close_survives_whatever_panics_when_it_is_dropped() {
    let event_loop = virtual_loop();
    let dropped = Arc::new(AtomicUsize::new(0));
    let bomb = || {
        let dropped = Arc::clone(&dropped);
        let bomb = OnDrop(move || {
            dropped.fetch_add(1, Ordering::SeqCst);
            resume_unwind(Box::new("dropped"));
        });
        move || _ = &bomb
    };
    // Two of each kind: a second panic while the first unwinds would abort the program.
    for delay in [1, 2] {
        event_loop.call_soon(bomb()).unwrap();
        event_loop.call_later(Duration::from_secs(delay), bomb()).unwrap();
        let owned = bomb();
        let coroutine = async move {
            owned();
            Ok(())
        };
        drop(event_loop.create_task(coroutine).unwrap());
        let handle = event_loop.handle();
        handle.call_soon_threadsafe(bomb()).unwrap();
        handle.call_later_threadsafe(Duration::from_secs(delay), bomb()).unwrap();
    }
    let (reader, _writer) = UnixStream::pair().unwrap();
    event_loop.add_reader(&reader, bomb()).unwrap();
    event_loop.add_writer(&reader, bomb()).unwrap();
    let in_handler = bomb();
    event_loop.set_exception_handler(move |_| in_handler());
    let in_factory = bomb();
    event_loop.set_task_factory(move |coroutine| {
        in_factory();
        Ok(coroutine.into_task())
    });
    event_loop.close().unwrap();
    assert_eq!(dropped.load(Ordering::SeqCst), 2 * 5 + 2 + 2);
    event_loop.close().unwrap();
    assert!(event_loop.is_closed());
}

//= SPEC.md#s-6
//= type=test
//# `close` MUST be refused while the loop runs, MUST be idempotent, and MUST drop all queued work,
//# timers and tasks.
#[test]
fn s6_what_close_drops_finds_the_loop_closed() {
    let event_loop = Rc::new(virtual_loop());
    let visits = Rc::new(Cell::new(0));
    let nosy = || {
        let (event_loop, visits) = (Rc::clone(&event_loop), Rc::clone(&visits));
        OnDrop(move || {
            assert!(event_loop.is_closed() && event_loop.handle().is_closed());
            assert_eq!(event_loop.call_soon(|| ()).err(), Some(LoopClosed));
            event_loop.create_task(async { Ok(()) }).unwrap_err();
            assert!(event_loop.run_once(NOW).is_err());
            event_loop.close().unwrap();
            visits.set(visits.get() + 1);
        })
    };
    let (in_callback, in_timer, in_task) = (nosy(), nosy(), nosy());
    event_loop.call_soon(move || drop(in_callback)).unwrap();
    event_loop.call_later(Duration::from_secs(1), move || drop(in_timer)).unwrap();
    let coroutine = async move {
        drop(in_task);
        Ok(())
    };
    let task = event_loop.create_task(coroutine).unwrap();
    event_loop.close().unwrap();
    assert_eq!(visits.get(), 3);
    assert!(task.done());
}

/// A loop with a submission that will never end by itself.
fn with_endless_submission() -> (EventLoop, LoopHandle, ConcurrentFuture<()>) {
    // The bare type: a checked loop closes itself.
    let event_loop = EventLoop::new().unwrap();
    let handle = event_loop.handle();
    let future = elsewhere(|| {
        handle.run_coroutine_threadsafe(std::future::pending::<Result<(), Exception>>()).unwrap()
    });
    for _ in 0..2 {
        let _turn = event_loop.run_once(NOW).unwrap();
    }
    (event_loop, handle, future)
}

fn is_loop_closed<T>(result: &Result<T, ResultError>) -> bool {
    matches!(result, Err(ResultError::Exception(why)) if why.is::<LoopClosed>())
}

//= SPEC.md#s-7
//= type=test
//# Dropping the loop MUST close it.
#[test]
fn s7_dropping_the_loop_closes_it() {
    let (event_loop, handle, future) = with_endless_submission();
    assert!(!handle.is_closed());
    let waiter = {
        let future = future.clone();
        thread::spawn(move || future.result_timeout(GUARD))
    };
    drop(event_loop);
    assert!(handle.is_closed());
    assert!(is_loop_closed(&waiter.join().unwrap()));
    assert!(handle.call_soon_threadsafe(|| {}).is_err());
}

//= SPEC.md#s-7
//= type=test
//# Dropping the loop MUST close it.
#[test]
fn s7_the_loop_is_closed_when_its_thread_unwinds() {
    let (ends, end) = mpsc::channel();
    let thread = thread::spawn(move || {
        let (event_loop, handle, future) = with_endless_submission();
        // What panics when dropped must not abort a thread that is unwinding already.
        let bomb = OnDrop(|| resume_unwind(Box::new("dropped")));
        event_loop.call_soon(move || drop(bomb)).unwrap();
        let queued = elsewhere(|| handle.run_coroutine_threadsafe(async { Ok(1) }).unwrap());
        ends.send((handle, future, queued)).unwrap();
        resume_unwind(Box::new("the owner's thread panics"));
    });
    let (handle, future, queued) = end.recv().unwrap();
    assert!(is_loop_closed(&future.result_timeout(GUARD)));
    assert!(is_loop_closed(&queued.result_timeout(GUARD)));
    assert!(thread.join().is_err());
    assert!(handle.is_closed());
}

//= SPEC.md#s-7
//= type=test
//# Dropping the loop MUST close it.
#[test]
fn s7_a_handle_and_a_local_loop_do_not_keep_it_open() {
    let event_loop = EventLoop::new().unwrap();
    let (locals, slot) = (Rc::new(RefCell::new(None)), Rc::new(Cell::new(false)));
    let keep = Rc::clone(&locals);
    event_loop.call_soon(move || drop(keep.replace(get_running_loop().ok()))).unwrap();
    let _turn = event_loop.run_once(NOW).unwrap();
    let dropped = Rc::clone(&slot);
    let owned = OnDrop(move || dropped.set(true));
    event_loop.call_soon(move || drop(owned)).unwrap();
    drop(event_loop);
    assert!(slot.get());
    let local = locals.take().unwrap();
    assert!(local.is_closed());
    assert_eq!(local.call_soon(|| ()).err(), Some(LoopClosed));
}

//= SPEC.md#s-8
//= type=test
//# After close every operation that would schedule work MUST be refused with `LoopClosed`.
#[test]
fn s8_after_close_everything_that_would_schedule_is_refused() {
    let event_loop = virtual_loop();
    event_loop.close().unwrap();
    let owned = Arc::new(());
    let work = || {
        let owned = Arc::clone(&owned);
        move || unreachable!("refused: {owned:?}")
    };
    let coroutine = || {
        let owned = Arc::clone(&owned);
        async move { unreachable!("refused: {owned:?}") }
    };
    assert_eq!(event_loop.call_soon(work()).err(), Some(LoopClosed));
    assert_eq!(event_loop.call_at(Time::ZERO, work()).err(), Some(LoopClosed));
    for delay in [Duration::ZERO, Duration::from_secs(1), Duration::MAX] {
        let refused = event_loop.call_later(delay, work()).unwrap_err();
        assert!(refused.is::<LoopClosed>(), "{refused}");
    }
    assert!(event_loop.create_task::<(), _>(coroutine()).unwrap_err().is::<LoopClosed>());
    let (_promise, source) = concurrent::promise::<u8>();
    assert_eq!(event_loop.wrap_future(source).err(), Some(LoopClosed));
    let pool = Arc::new(ThreadPoolExecutor::builder().max_workers(1).build().unwrap());
    let function = || {
        let work = work();
        move || -> Result<(), Exception> {
            work();
            Ok(())
        }
    };
    let refused = event_loop.run_in_executor(None, function());
    assert!(matches!(refused, Err(SubmitError::LoopClosed)));
    let refused = event_loop.run_in_executor(Some(&*pool), function());
    assert!(matches!(refused, Err(SubmitError::LoopClosed)));
    assert_eq!(pool.workers(), 0);
    let refused = event_loop.set_default_executor(pool);
    assert!(matches!(refused, Err(SubmitError::LoopClosed)));
    let (reader, _writer) = UnixStream::pair().unwrap();
    assert!(matches!(event_loop.add_reader(&reader, work()), Err(WatchError::LoopClosed)));
    assert!(matches!(event_loop.add_writer(&reader, work()), Err(WatchError::LoopClosed)));
    assert!(!event_loop.remove_reader(&reader) && !event_loop.remove_writer(&reader));
    assert!(matches!(event_loop.run_forever(), Err(RunError::Closed)));
    assert!(matches!(event_loop.run_once(NOW), Err(RunError::Closed)));
    let refused = event_loop.run_until_complete::<(), _>(coroutine()).unwrap_err();
    assert!(matches!(run_error(&refused), RunError::Closed));
    assert_eq!(Arc::strong_count(&owned), 1, "refused work is dropped");
    // What schedules nothing does no harm.
    event_loop.stop();
    event_loop.set_task_factory(|coroutine| Ok(coroutine.into_task()));
    event_loop.reset_task_factory();
    event_loop.set_exception_handler(|_| ());
    event_loop.reset_exception_handler();
    assert!(event_loop.all_tasks().is_empty() && !event_loop.is_running());
    let (promise, future) = event_loop.create_future();
    future.add_done_callback(|_| unreachable!("there is no next iteration"));
    promise.set_result(1).unwrap();
    assert_eq!(future.result().unwrap(), 1);
    assert_eq!(census(&event_loop), Census { queued: 0, timers: 0, tasks: 0, parcels: 0 });
}

//= SPEC.md#s-6
//= type=test
//# `close` MUST be refused while the loop runs, MUST be idempotent, and MUST drop all queued work,
//# timers and tasks.
#[test]
fn s6_what_a_loop_holds_is_there_before_close_and_gone_after_it() {
    let event_loop = virtual_loop();
    let (_promise, source) = concurrent::promise::<()>();
    let wrapped = event_loop.wrap_future(source).unwrap();
    let tasks = [(); 3].map(|()| event_loop.create_task(sleep(Duration::from_secs(1))).unwrap());
    event_loop.call_later(Duration::from_secs(1), || ()).unwrap();
    event_loop.call_later(Duration::from_secs(2), || ()).unwrap();
    assert_eq!(census(&event_loop), Census { queued: 3, timers: 2, tasks: 3, parcels: 1 });
    event_loop.close().unwrap();
    assert_eq!(census(&event_loop), Census { queued: 0, timers: 0, tasks: 0, parcels: 0 });
    assert!(wrapped.done() && tasks.iter().all(|task| task.done()));
}
