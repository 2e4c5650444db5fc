//! Chapter Q: one order, one batch an iteration.

use std::cell::Cell;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::panic::resume_unwind;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use loopgate::{Exception, Time, get_running_loop, yield_now};

use crate::support::{Log, record_reports};
use crate::wakeup::{LoopThread, OnDrop, elsewhere, real_loop, virtual_loop};

const NOW: Option<Duration> = Some(Duration::ZERO);

/// A log that other threads may write.
type Shared<T> = Arc<Mutex<Vec<T>>>;

fn note<T>(log: &Shared<T>, entry: T) -> impl FnOnce() + Send + 'static + use<T>
where
    T: Send + 'static,
{
    let log = Arc::clone(log);
    move || log.lock().unwrap().push(entry)
}

//= SPEC.md#q-1
//= type=test
//# If scheduling A happened before scheduling B, by whatever threads, then A MUST run before B.
#[test]
fn q1_one_order_for_callbacks_posts_steps_and_completions() {
    let event_loop = virtual_loop();
    let (handle, log) = (event_loop.handle(), Shared::default());
    let (promise, future) = event_loop.create_future::<()>();
    let done = note(&log, "done-callback");
    future.add_done_callback(move |_| done());

    event_loop.call_soon(note(&log, "callback")).unwrap();
    handle.call_soon_threadsafe(note(&log, "post")).unwrap();
    let step = note(&log, "step");
    let task = event_loop.create_task(async move {
        step();
        Ok(())
    });
    elsewhere(|| handle.call_soon_threadsafe(note(&log, "foreign post")).unwrap());
    promise.set_result(()).unwrap();
    handle.call_soon_threadsafe(note(&log, "last post")).unwrap();
    event_loop.call_soon(note(&log, "last callback")).unwrap();
    let _turn = event_loop.run_once(NOW).unwrap();
    assert!(task.unwrap().done());
    let expected =
        ["callback", "post", "step", "foreign post", "done-callback", "last post", "last callback"];
    assert_eq!(*log.lock().unwrap(), expected);
}

//= SPEC.md#q-1
//= type=test
//# If scheduling A happened before scheduling B, by whatever threads, then A MUST run before B.
#[test]
fn q1_a_post_that_happened_before_is_ahead_while_the_loop_runs() {
    let event_loop = virtual_loop();
    let (handle, log) = (event_loop.handle(), Shared::default());
    let noted = Arc::clone(&log);
    let scheduling = move || {
        let local = get_running_loop().unwrap();
        for round in 0..3 {
            local.call_soon(note(&noted, format!("own {round}"))).unwrap();
            let foreign = note(&noted, format!("foreign {round}"));
            elsewhere(|| handle.call_soon_threadsafe(foreign).unwrap());
            let task_note = note(&noted, format!("task {round}"));
            let task = local.create_task(async move {
                task_note();
                Ok(())
            });
            drop(task.unwrap());
            let foreign = note(&noted, format!("submission {round}"));
            let submission = move || {
                foreign();
                async { Ok(()) }
            };
            elsewhere(|| handle.run_coroutine_threadsafe_with(submission).map(drop).unwrap());
        }
    };
    event_loop.call_soon(scheduling).unwrap();
    for _ in 0..2 {
        let _turn = event_loop.run_once(NOW).unwrap();
    }
    let expected: Vec<String> = (0..3)
        .flat_map(|round| {
            ["own", "foreign", "task", "submission"].map(|kind| format!("{kind} {round}"))
        })
        .collect();
    assert_eq!(*log.lock().unwrap(), expected);
}

//= SPEC.md#q-1
//= type=test
//# If scheduling A happened before scheduling B, by whatever threads, then A MUST run before B.
#[test]
fn q1_a_wake_by_another_thread_keeps_its_place() {
    let event_loop = virtual_loop();
    let (handle, log) = (event_loop.handle(), Shared::default());
    let (wakers, waker) = mpsc::channel::<std::task::Waker>();
    let mut polled = false;
    let resumed = note(&log, "woken task");
    let task = event_loop
        .create_task(async move {
            std::future::poll_fn(|cx| {
                if std::mem::replace(&mut polled, true) {
                    return std::task::Poll::Ready(());
                }
                wakers.send(cx.waker().clone()).unwrap();
                std::task::Poll::Pending
            })
            .await;
            resumed();
            Ok(())
        })
        .unwrap();
    let _turn = event_loop.run_once(NOW).unwrap();
    let noted = Arc::clone(&log);
    event_loop
        .call_soon(move || {
            let local = get_running_loop().unwrap();
            let waker = waker.recv().unwrap();
            elsewhere(|| {
                handle.call_soon_threadsafe(note(&noted, "post before")).unwrap();
                waker.wake();
                handle.call_soon_threadsafe(note(&noted, "post after")).unwrap();
            });
            local.call_soon(note(&noted, "callback after")).unwrap();
        })
        .unwrap();
    let _turn = event_loop.run_once(NOW).unwrap();
    let _turn = event_loop.run_once(NOW).unwrap();
    assert!(task.done());
    let expected = ["post before", "woken task", "post after", "callback after"];
    assert_eq!(*log.lock().unwrap(), expected);
}

//= SPEC.md#q-1
//= type=test
//# If scheduling A happened before scheduling B, by whatever threads, then A MUST run before B.
#[test]
fn q1_an_order_of_posts_through_several_threads_is_kept() {
    const ROUNDS: usize = 2_000;
    const THREADS: usize = 3;
    let running = LoopThread::start();
    let log = Shared::<usize>::default();
    // A ring: each thread posts after it heard that the one before it has posted.
    let links: Vec<_> = (0..THREADS).map(|_| mpsc::channel::<usize>()).collect();
    let (senders, receivers): (Vec<_>, Vec<_>) = links.into_iter().unzip();
    senders[0].send(0).unwrap();
    thread::scope(|scope| {
        for (index, receiver) in receivers.into_iter().enumerate() {
            let next = senders[(index + 1) % THREADS].clone();
            let (handle, log) = (running.handle.clone(), Arc::clone(&log));
            scope.spawn(move || {
                for _ in 0..ROUNDS {
                    let number = receiver.recv().unwrap();
                    handle.call_soon_threadsafe(note(&log, number)).unwrap();
                    // The first thread may have ended after the last round.
                    let _ = next.send(number + 1);
                }
            });
        }
    });
    running.stop();
    assert_eq!(*log.lock().unwrap(), (0..ROUNDS * THREADS).collect::<Vec<_>>());
}

//= SPEC.md#q-2
//= type=test
//# An iteration MUST run exactly the entries that were queued when its batch began; what is queued
//# during the batch MUST wait for the next iteration.
#[test]
fn q2_what_is_queued_during_the_batch_waits_for_the_next() {
    let event_loop = virtual_loop();
    let (handle, log) = (event_loop.handle(), Shared::default());
    let noted = Arc::clone(&log);
    let first = move || {
        let local = get_running_loop().unwrap();
        local.call_soon(note(&noted, "own")).unwrap();
        elsewhere(|| handle.call_soon_threadsafe(note(&noted, "foreign")).unwrap());
        local.call_later(Duration::ZERO, note(&noted, "timer")).unwrap();
        let step = note(&noted, "step");
        let task = local.create_task(async move {
            step();
            Ok(())
        });
        drop(task.unwrap());
    };
    event_loop.call_soon(first).unwrap();
    event_loop.call_soon(note(&log, "of the batch")).unwrap();
    let _turn = event_loop.run_once(NOW).unwrap();
    assert_eq!(*log.lock().unwrap(), ["of the batch"]);
    let _turn = event_loop.run_once(NOW).unwrap();
    assert_eq!(*log.lock().unwrap(), ["of the batch", "own", "foreign", "step", "timer"]);
}

//= SPEC.md#q-2
//= type=test
//# An iteration MUST run exactly the entries that were queued when its batch began; what is queued
//# during the batch MUST wait for the next iteration.
#[test]
fn q2_a_callback_that_reschedules_itself_starves_nobody() {
    fn again(count: &Rc<Cell<u32>>) {
        count.set(count.get() + 1);
        let next = Rc::clone(count);
        get_running_loop().unwrap().call_soon(move || again(&next)).unwrap();
    }
    let event_loop = real_loop();
    let count = Rc::new(Cell::new(0));
    let first = Rc::clone(&count);
    event_loop.call_soon(move || again(&first)).unwrap();
    let (reader, mut writer) = UnixStream::pair().unwrap();
    writer.write_all(b"x").unwrap();
    let log = Shared::default();
    let on_readable = {
        let log = Arc::clone(&log);
        move || log.lock().unwrap().push("descriptor")
    };
    event_loop.add_reader(&reader, on_readable).unwrap();
    event_loop.call_at(Time::ZERO, note(&log, "timer")).unwrap();
    let handle = event_loop.handle();
    elsewhere(|| handle.call_soon_threadsafe(note(&log, "post")).unwrap());
    let _turn = event_loop.run_once(None).unwrap();
    assert_eq!((count.get(), &**log.lock().unwrap()), (1, &["post", "descriptor", "timer"][..]));
    for turns in 2..5 {
        let _turn = event_loop.run_once(None).unwrap();
        assert_eq!(count.get(), turns, "once an iteration");
    }
}

//= SPEC.md#q-2
//= type=test
//# An iteration MUST run exactly the entries that were queued when its batch began; what is queued
//# during the batch MUST wait for the next iteration.
#[test]
fn q2_a_cancelled_entry_does_not_pull_one_in_from_the_next_batch() {
    let event_loop = virtual_loop();
    let log = Log::default();
    let (early, late) = (log.clone(), log.clone());
    event_loop
        .call_soon(move || {
            let late = late.clone();
            get_running_loop().unwrap().call_soon(move || late.note("next batch")).unwrap();
        })
        .unwrap();
    let cancelled = event_loop.call_soon(|| unreachable!("cancelled")).unwrap();
    event_loop.call_soon(move || early.note("this batch")).unwrap();
    assert!(cancelled.cancel());
    let _turn = event_loop.run_once(NOW).unwrap();
    assert_eq!(log.entries(), ["this batch"]);
    let _turn = event_loop.run_once(NOW).unwrap();
    assert_eq!(log.entries(), ["this batch", "next batch"]);
}

//= SPEC.md#q-3
//= type=test
//# Within one iteration, entries queued before the sleep MUST run before descriptors that became
//# ready, and these before timers that became due.
#[test]
fn q3_queued_before_descriptors_before_timers() {
    let event_loop = virtual_loop();
    let (reader, mut writer) = UnixStream::pair().unwrap();
    writer.write_all(b"x").unwrap();
    let log = Shared::default();
    let ready = |name| {
        let log = Arc::clone(&log);
        move || log.lock().unwrap().push(name)
    };
    // Against the order in which they are to run.
    event_loop.call_at(Time::ZERO, note(&log, "timer 1")).unwrap();
    event_loop.handle().call_later_threadsafe(Duration::ZERO, note(&log, "timer 2")).unwrap();
    event_loop.add_reader(&reader, ready("readable")).unwrap();
    event_loop.add_writer(&writer, ready("writable")).unwrap();
    event_loop.call_soon(note(&log, "callback")).unwrap();
    let handle = event_loop.handle();
    elsewhere(|| handle.call_soon_threadsafe(note(&log, "post")).unwrap());
    let _turn = event_loop.run_once(NOW).unwrap();
    let log = log.lock().unwrap();
    assert_eq!(log[..2], ["callback", "post"]);
    let mut descriptors = log[2..4].to_vec();
    descriptors.sort_unstable();
    assert_eq!(descriptors, ["readable", "writable"]);
    assert_eq!(log[4..], ["timer 1", "timer 2"]);
}

//= SPEC.md#q-4
//= type=test
//# A callback that panics MUST be reported to the exception handler, and the rest of the batch MUST
//# run.
#[test]
fn q4_a_panicking_callback_is_reported_and_the_batch_goes_on() {
    fn panicking(name: &'static str) -> impl FnMut() + Send + 'static {
        move || resume_unwind(Box::new(name))
    }
    let event_loop = virtual_loop();
    let reports = record_reports(&event_loop);
    let (handle, log) = (event_loop.handle(), Shared::default());
    let (reader, mut writer) = UnixStream::pair().unwrap();
    writer.write_all(b"x").unwrap();
    event_loop.add_reader(&reader, panicking("reader")).unwrap();
    event_loop.add_writer(&reader, panicking("writer")).unwrap();
    event_loop.call_soon(panicking("callback")).unwrap();
    event_loop.call_soon(note(&log, "callback")).unwrap();
    handle.call_soon_threadsafe(panicking("post")).unwrap();
    handle.call_soon_threadsafe(note(&log, "post")).unwrap();
    event_loop.call_at(Time::ZERO, panicking("timer")).unwrap();
    event_loop.call_at(Time::ZERO, note(&log, "timer")).unwrap();
    handle.call_later_threadsafe(Duration::ZERO, panicking("posted timer")).unwrap();
    handle.call_later_threadsafe(Duration::ZERO, note(&log, "posted timer")).unwrap();
    let (promise, future) = event_loop.create_future::<()>();
    let mut done = panicking("done-callback");
    future.add_done_callback(move |_| done());
    let after = note(&log, "done-callback");
    future.add_done_callback(move |_| after());
    promise.set_result(()).unwrap();
    let _turn = event_loop.run_once(NOW).unwrap();
    let expected = ["callback", "post", "done-callback", "timer", "posted timer"];
    assert_eq!(*log.lock().unwrap(), expected);
    let reported: Vec<_> = reports
        .entries()
        .iter()
        .map(|context| context.exception.as_ref().unwrap().panic_message().unwrap().to_owned())
        .collect();
    let expected =
        ["callback", "post", "done-callback", "reader", "writer", "timer", "posted timer"];
    assert_eq!(reported, expected);
}

//= SPEC.md#q-4
//= type=test
//# A callback that panics MUST be reported to the exception handler, and the rest of the batch MUST
//# run.
#[test]
fn q4_what_panics_when_it_is_dropped_does_not_leave_the_loop() {
    fn bomb() -> OnDrop<impl FnMut()> {
        OnDrop(|| resume_unwind(Box::new("dropped")))
    }
    let event_loop = virtual_loop();
    let reports = record_reports(&event_loop);
    let log = Shared::default();
    // A reader that removes itself is dropped when its call is over.
    let (reader, mut writer) = UnixStream::pair().unwrap();
    writer.write_all(b"x").unwrap();
    let reader = Rc::new(reader);
    let (owned, own) = (bomb(), Rc::clone(&reader));
    let on_readable = move || {
        let _owned = &owned;
        assert!(get_running_loop().unwrap().remove_reader(&own));
    };
    event_loop.add_reader(&reader, on_readable).unwrap();
    // A task's result is dropped with the task.
    drop(event_loop.create_task(async { Ok(Rc::new(bomb())) }).unwrap());
    let owned = bomb();
    event_loop.call_soon(move || drop(owned)).unwrap();
    event_loop.call_at(Time::ZERO, note(&log, "the rest")).unwrap();
    for _ in 0..3 {
        let _turn = event_loop.run_once(NOW).unwrap();
    }
    assert_eq!(*log.lock().unwrap(), ["the rest"]);
    assert!(!reports.entries().is_empty());
}

//= SPEC.md#q-5
//= type=test
//# An accepted callback that is not cancelled MUST run exactly once if the loop goes on to run.
#[test]
fn q5_every_accepted_callback_runs_once_through_stops_and_runs() {
    const POSTS: usize = 400;
    let event_loop = real_loop();
    let runs: Arc<Vec<AtomicUsize>> =
        Arc::new((0..3 * POSTS).map(|_| AtomicUsize::new(0)).collect());
    let posters: Vec<_> = (0..3)
        .map(|poster| {
            let (handle, runs) = (event_loop.handle(), Arc::clone(&runs));
            thread::spawn(move || {
                for number in poster * POSTS..(poster + 1) * POSTS {
                    let runs = Arc::clone(&runs);
                    let count = move || _ = runs[number].fetch_add(1, Ordering::SeqCst);
                    handle.call_soon_threadsafe(count).unwrap();
                    if number.is_multiple_of(10) {
                        // A posted stop ends the run in the middle of it all.
                        handle.stop().unwrap();
                    }
                }
            })
        })
        .collect();
    while !posters.iter().all(thread::JoinHandle::is_finished) {
        event_loop.stop();
        event_loop.run_forever().unwrap();
    }
    for poster in posters {
        poster.join().unwrap();
    }
    for _ in 0..2 {
        let _turn = event_loop.run_once(NOW).unwrap();
    }
    assert!(runs.iter().all(|count| count.load(Ordering::SeqCst) == 1));
}

//= SPEC.md#q-5
//= type=test
//# An accepted callback that is not cancelled MUST run exactly once if the loop goes on to run.
#[test]
fn q5_what_an_exit_left_behind_runs_once() {
    let event_loop = virtual_loop();
    let log = Log::default();
    for number in 0..4 {
        let noted = log.clone();
        event_loop
            .call_soon(move || {
                noted.note(number);
                if number % 2 == 0 {
                    loopgate::ExitRequest::default().raise();
                }
            })
            .unwrap();
    }
    for expected in [&[0][..], &[0, 1, 2]] {
        assert!(Exception::from(event_loop.run_once(NOW).unwrap_err()).exit_request().is_some());
        assert_eq!(log.entries(), expected);
    }
    for _ in 0..2 {
        let _turn = event_loop.run_once(NOW).unwrap();
    }
    assert_eq!(log.entries(), [0, 1, 2, 3]);
}

//= SPEC.md#q-5
//= type=test
//# An accepted callback that is not cancelled MUST run exactly once if the loop goes on to run.
#[test]
fn q5_a_task_step_runs_once_for_each_wake() {
    let event_loop = virtual_loop();
    let steps = Rc::new(Cell::new(0));
    let count = Rc::clone(&steps);
    let task = event_loop
        .create_task(async move {
            for _ in 0..5 {
                count.set(count.get() + 1);
                yield_now().await?;
            }
            Ok(())
        })
        .unwrap();
    for expected in [1, 2, 3, 4, 5, 5] {
        let _turn = event_loop.run_once(NOW).unwrap();
        assert_eq!(steps.get(), expected);
    }
    assert!(task.done());
}
