//! Clause S-9: exit requests.

use super::*;

/// Schedules what raises an exit request.
type Raise = fn(&EventLoop);

/// Every place from which an exit request may come.
const RAISERS: [(&str, Raise); 9] = [
    ("callback", |event_loop| {
        event_loop.call_soon(|| raise()).unwrap();
    }),
    ("post", |event_loop| {
        event_loop.handle().call_soon_threadsafe(|| raise()).unwrap();
    }),
    ("coroutine that returns it", |event_loop| {
        drop(event_loop.create_task(async { Err::<(), _>(EXIT.into()) }).unwrap());
    }),
    ("coroutine that unwinds", |event_loop| {
        drop(event_loop.create_task::<(), _>(async { raise() }).unwrap());
    }),
    ("done-callback", |event_loop| {
        let (promise, future) = event_loop.create_future();
        future.add_done_callback(|_| raise());
        promise.set_result(()).unwrap();
    }),
    ("exception handler", |event_loop| {
        event_loop.set_exception_handler(|_| raise());
        event_loop.call_soon(|| resume_unwind(Box::new("reported"))).unwrap();
    }),
    ("submission", |event_loop| {
        let unwind = || -> std::future::Ready<Result<(), Exception>> { raise() };
        drop(event_loop.handle().run_coroutine_threadsafe_with(unwind).unwrap());
    }),
    ("task factory of a submission", |event_loop| {
        event_loop.set_task_factory(|_| raise());
        drop(event_loop.handle().run_coroutine_threadsafe(async { Ok(()) }).unwrap());
    }),
    ("what a callback drops", |event_loop| {
        let owned = OnDrop(|| raise());
        event_loop.call_soon(move || drop(owned)).unwrap();
    }),
];

//= SPEC.md#s-9
//= type=test
//# An exit request MUST leave the run at once, after the future of the work that raised it is done,
//# with the rest of the batch still queued in order.
#[test]
fn s9_an_exit_request_leaves_at_once_and_the_rest_stays_in_order() {
    for (place, schedule) in RAISERS {
        let event_loop = virtual_loop();
        let log = Log::default();
        event_loop.call_soon(note(&log, "before")).unwrap();
        schedule(&event_loop);
        event_loop.call_soon(note(&log, "behind 1")).unwrap();
        event_loop.handle().call_soon_threadsafe(|| {}).unwrap();
        event_loop.call_soon(note(&log, "behind 2")).unwrap();
        event_loop.call_at(Time::ZERO, note(&log, "behind 3")).unwrap();
        let left = event_loop.run_forever().unwrap_err();
        assert_eq!(log.entries(), ["before"], "{place}");
        assert_eq!(Exception::from(left).exit_request(), Some(EXIT), "{place}");
        assert!(!event_loop.is_running(), "{place}");
        event_loop.reset_task_factory();
        event_loop.reset_exception_handler();
        event_loop.call_soon(note(&log, "scheduled between the runs")).unwrap();
        // The request is gone, and nothing is run twice.
        event_loop.call_soon(|| count_down_and_stop(3)).unwrap();
        event_loop.run_forever().unwrap_or_else(|error| panic!("{place}: {error}"));
        let expected = ["before", "behind 1", "behind 2", "behind 3", "scheduled between the runs"];
        assert_eq!(log.entries(), expected, "{place}");
    }
}

//= SPEC.md#s-9
//= type=test
//# An exit request MUST leave the run at once, after the future of the work that raised it is done,
//# with the rest of the batch still queued in order.
#[test]
fn s9_an_exit_request_from_a_timer_leaves_the_later_ones() {
    let event_loop = virtual_loop();
    let log = Log::default();
    event_loop.call_later(Duration::from_secs(1), || raise()).unwrap();
    event_loop.call_later(Duration::from_secs(1), note(&log, "same moment")).unwrap();
    let left = event_loop.run_until_complete(std::future::pending::<Result<(), Exception>>());
    assert_eq!(left.unwrap_err().exit_request(), Some(EXIT));
    assert_eq!(log.entries(), [""; 0]);
    let _turn = event_loop.run_once(NOW).unwrap();
    assert_eq!(log.entries(), ["same moment"]);
}

//= SPEC.md#s-9
//= type=test
//# An exit request MUST leave the run at once, after the future of the work that raised it is done,
//# with the rest of the batch still queued in order.
#[test]
fn s9_an_exit_request_from_a_reader_leaves_the_writer_for_the_next_run() {
    let event_loop = virtual_loop();
    let (reader, mut writer) = UnixStream::pair().unwrap();
    writer.write_all(b"x").unwrap();
    let log = Log::default();
    let (mut read_end, noted) = (reader.try_clone().unwrap(), log.clone());
    let on_readable = move || {
        read_end.read_exact(&mut [0]).unwrap();
        raise()
    };
    event_loop.add_reader(&reader, on_readable).unwrap();
    event_loop.add_writer(&reader, move || noted.note("writable")).unwrap();
    assert!(event_loop.run_once(NOW).is_err());
    assert_eq!(log.entries(), [""; 0], "the rest of the batch");
    let _turn = event_loop.run_once(NOW).unwrap();
    assert!(!log.entries().is_empty());
}

//= SPEC.md#s-9
//= type=test
//# An exit request MUST leave the run at once, after the future of the work that raised it is done,
//# with the rest of the batch still queued in order.
#[test]
fn s9_the_future_of_the_work_is_done_before_the_run_ends() {
    guarded(|| {
        let event_loop = virtual_loop();
        let handle = event_loop.handle();
        // Nobody runs the loop after the exit: the submitter must have its answer by then.
        let futures: Vec<ConcurrentFuture<()>> = elsewhere(|| {
            let returned = handle.run_coroutine_threadsafe(async { Err(EXIT.into()) });
            let unwound = handle.run_coroutine_threadsafe(async { raise() });
            let built =
                handle.run_coroutine_threadsafe_with::<_, std::future::Ready<_>>(|| raise());
            vec![returned.unwrap(), unwound.unwrap(), built.unwrap()]
        });
        let mut left: Vec<Exception> = Vec::new();
        while left.len() < 3 {
            if let Err(error) = event_loop.run_once(NOW) {
                left.push(error.into());
            }
        }
        for future in futures {
            assert!(future.done());
            match future.result() {
                Err(ResultError::Exception(exception)) => {
                    assert!(left.iter().any(|request| request.same_object(&exception)));
                }
                other => panic!("{other:?}"),
            }
        }
    });
}

//= SPEC.md#s-9
//= type=test
//# An exit request MUST leave the run at once, after the future of the work that raised it is done,
//# with the rest of the batch still queued in order.
#[test]
fn s9_the_task_is_done_and_its_run_returns_its_own_object() {
    let event_loop = virtual_loop();
    let request = Exception::from(EXIT);
    let returned = request.clone();
    let error = event_loop.run_until_complete(async move { Err::<(), _>(returned) }).unwrap_err();
    assert!(error.same_object(&request));
    let task = event_loop.create_task(async { Err::<(), _>(EXIT.into()) }).unwrap();
    let reports = record_reports(&event_loop);
    assert!(event_loop.run_once(NOW).is_err());
    assert!(task.done());
    assert_eq!(task.exception().unwrap().unwrap().exit_request(), Some(EXIT));
    drop(task);
    let _turn = event_loop.run_once(NOW).unwrap();
    assert_eq!(reports.entries().len(), 0, "whoever runs the loop was told");
}

//= SPEC.md#s-9
//= type=test
//# An exit request MUST leave the run at once, after the future of the work that raised it is done,
//# with the rest of the batch still queued in order.
#[test]
fn s9_a_report_of_the_kernel_itself_may_raise_it() {
    let event_loop = virtual_loop();
    let log = Log::default();
    event_loop.set_exception_handler(|_| raise());
    loopgate::checkers::break_pipe(&event_loop);
    event_loop.call_later(Duration::from_secs(1), note(&log, "timer")).unwrap();
    // The broken pipe is reported when the loop has slept, before the batch.
    let left = event_loop.run_once(None).unwrap_err();
    assert_eq!(Exception::from(left).exit_request(), Some(EXIT));
    assert_eq!(log.entries(), [""; 0]);
    let _turn = event_loop.run_once(None).unwrap();
    assert_eq!(log.entries(), ["timer"]);
}
