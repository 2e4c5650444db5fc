//! Clauses W-4 to W-8: the pipe that is full, drained, interrupted, broken or at its end.

use super::*;

//= SPEC.md#w-4
//= type=test
//# A full pipe MUST count as a delivered wake, and posting to it MUST NOT block or fail.
#[test]
fn w4_a_full_pipe_is_a_delivered_wake() {
    guarded(|| {
        let event_loop = real_loop();
        assert!(fill_pipe(&event_loop) > 1);
        let handle = event_loop.handle();
        let (runs, ran) = mpsc::channel();
        for number in 0..3 {
            let runs = runs.clone();
            let posted =
                elsewhere(|| handle.call_soon_threadsafe(move || runs.send(number).unwrap()));
            posted.unwrap();
        }
        let _turn = event_loop.run_once(None).unwrap();
        assert_eq!(ran.try_iter().collect::<Vec<_>>(), [0, 1, 2]);
    });
}

//= SPEC.md#w-4
//= type=test
//# A full pipe MUST count as a delivered wake, and posting to it MUST NOT block or fail.
#[test]
fn w4_a_pipe_that_was_full_wakes_the_loop_again() {
    let (locals, local) = mpsc::channel();
    let running = LoopThread::start();
    let handle = running.handle.clone();
    handle
        .call_soon_threadsafe(move || locals.send(fill_pipe(&get_running_loop().unwrap())).unwrap())
        .unwrap();
    assert!(local.recv_timeout(GUARD).unwrap() > 1);
    let (answers, answer) = mpsc::channel();
    for round in 0..100 {
        let answers = answers.clone();
        handle.call_soon_threadsafe(move || answers.send(round).unwrap()).unwrap();
        assert_eq!(answer.recv_timeout(GUARD), Ok(round));
    }
    running.stop();
}

//= SPEC.md#w-5
//= type=test
//# A loop that finds the pipe readable MUST drain it completely before it takes the inbox.
#[test]
fn w5_a_readable_pipe_is_drained_to_the_last_byte() {
    for bytes_are_all in [true, false] {
        let event_loop = real_loop();
        assert!(fill_pipe(&event_loop) > 1);
        if !bytes_are_all {
            // With a watched descriptor the loop polls although it need not sleep.
            let (reader, _writer) = UnixStream::pair().unwrap();
            event_loop.add_reader(&reader, || {}).unwrap();
            event_loop.call_soon(|| {}).unwrap();
            let _turn = event_loop.run_once(None).unwrap();
            assert!(event_loop.remove_reader(&reader));
        } else {
            let _turn = event_loop.run_once(None).unwrap();
        }
        assert_eq!(drain_pipe(&event_loop), 0);
    }
}

/// The child's part of the test below: sleeps, says so each time it woke, ends when a line comes in.
#[cfg(target_os = "linux")]
fn sleep_until_told() {
    let event_loop = real_loop();
    let (handle, told) = (event_loop.handle(), Arc::new(AtomicBool::new(false)));
    let end = Arc::clone(&told);
    thread::spawn(move || {
        std::io::stdin().lock().read_line(&mut String::new()).unwrap();
        handle.call_soon_threadsafe(move || end.store(true, Ordering::SeqCst)).unwrap();
    });
    println!("\nsleeps");
    while !told.load(Ordering::SeqCst) {
        assert_eq!(event_loop.run_once(None).unwrap(), Turn::Continue);
        println!("\nsleeps");
    }
}

//= SPEC.md#w-6
//= type=test
//# A write or a sleep that a signal interrupts MUST be retried or ended early, and never lost.
#[cfg(target_os = "linux")]
#[test]
fn w6_a_sleep_that_is_stopped_and_continued_loses_nothing() {
    const CHILD: &str = "LOOPGATE_TEST_SLEEPS";
    if std::env::var_os(CHILD).is_some() {
        return sleep_until_told();
    }
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture"])
        .arg("wakeup::pipe::w6_a_sleep_that_is_stopped_and_continued_loses_nothing")
        .env(CHILD, "1")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let (lines, line) = mpsc::channel();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let reader = thread::spawn(move || {
        for said in stdout.lines().map(Result::unwrap).filter(|said| said == "sleeps") {
            lines.send(said).unwrap();
        }
    });
    line.recv_timeout(GUARD).expect("the child's loop begins");
    let pid = child.id();
    let kill = |signal: &str| {
        let command = format!("kill -{signal} {pid}");
        assert!(
            std::process::Command::new("sh").args(["-c", &command]).status().unwrap().success()
        );
    };
    let stopped = || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let state = stat.rsplit(')').next().unwrap().trim_start().chars().next();
        assert_ne!(state, Some('Z'), "the child's loop ended");
        state == Some('T')
    };
    // A sleep in the kernel that is stopped and continued ends as if a signal had been handled.
    let mut interrupted = 0;
    while interrupted < 3 {
        kill("STOP");
        while !stopped() {
            thread::yield_now();
        }
        kill("CONT");
        while stopped() {
            thread::yield_now();
        }
        interrupted += line.try_iter().count();
    }
    child.stdin.take().unwrap().write_all(b"end\n").unwrap();
    assert!(child.wait().unwrap().success());
    reader.join().unwrap();
}

//= SPEC.md#w-7
//= type=test
//# A post whose wake cannot be delivered MUST be withdrawn and refused with the reason, unless the
//# loop took the entry in the meantime.
#[test]
fn w7_a_post_that_cannot_wake_is_withdrawn_and_refused() {
    let event_loop = real_loop();
    let _pipe_is_broken = record_reports(&event_loop);
    let (handle, alive) = (event_loop.handle(), Arc::new(AtomicUsize::new(0)));
    let empty = census(&event_loop);
    break_pipe(&event_loop);
    // More than once: a poster that failed must not leave the loop counted as notified.
    for _ in 0..3 {
        let token = || Token::new(&alive);
        let (first, second, third) = (token(), token(), token());
        elsewhere(|| {
            let never = move || unreachable!("{}", first.0.load(Ordering::SeqCst));
            assert!(is_wake_failed(handle.call_soon_threadsafe(never)));
            let never = move || unreachable!("{}", second.0.load(Ordering::SeqCst));
            let refused = handle.call_later_threadsafe(Duration::ZERO, never).unwrap_err();
            let reason = refused.downcast_ref::<PostError>();
            assert!(matches!(reason, Some(PostError::WakeFailed(_))), "{refused}");
            assert!(is_wake_failed(handle.run_coroutine_threadsafe(async move {
                unreachable!("{}", third.0.load(Ordering::SeqCst));
                #[expect(unreachable_code, reason = "gives the coroutine its type")]
                Ok(())
            })));
            assert!(is_wake_failed(handle.stop()));
        });
        assert_eq!(alive.load(Ordering::SeqCst), 0, "refused work is dropped at once");
    }
    assert_eq!(event_loop.poll_timeout(), None, "nothing is queued");
    event_loop.call_soon(|| {}).unwrap();
    assert_eq!(census(&event_loop), loopgate::checkers::Census { queued: 1, ..empty });
    for _ in 0..3 {
        assert_eq!(event_loop.run_once(Some(Duration::ZERO)).unwrap(), Turn::Continue);
    }
}

//= SPEC.md#w-7
//= type=test
//# A post whose wake cannot be delivered MUST be withdrawn and refused with the reason, unless the
//# loop took the entry in the meantime.
#[test]
fn w7_what_needs_no_wake_is_not_refused() {
    let event_loop = real_loop();
    let _pipe_is_broken = record_reports(&event_loop);
    let handle = event_loop.handle();
    let (runs, ran) = mpsc::channel();
    let post = |name: &'static str| {
        let runs = runs.clone();
        elsewhere(|| handle.call_soon_threadsafe(move || runs.send(name).unwrap()).map(drop))
    };
    post("its byte is in the pipe").unwrap();
    break_pipe(&event_loop);
    post("behind that byte").unwrap();
    let _turn = event_loop.run_once(Some(Duration::ZERO)).unwrap();
    assert_eq!(ran.try_iter().collect::<Vec<_>>(), ["its byte is in the pipe", "behind that byte"]);
    let runs = runs.clone();
    let handle = event_loop.handle();
    event_loop
        .call_soon(move || {
            break_pipe(&get_running_loop().unwrap());
            let to_awake = move || runs.send("to a loop that is awake").unwrap();
            elsewhere(|| handle.call_soon_threadsafe(to_awake)).unwrap();
        })
        .unwrap();
    let _turn = event_loop.run_once(Some(Duration::ZERO)).unwrap();
    let _turn = event_loop.run_once(Some(Duration::ZERO)).unwrap();
    assert_eq!(ran.try_iter().collect::<Vec<_>>(), ["to a loop that is awake"]);
}

//= SPEC.md#w-7
//= type=test
//# A post whose wake cannot be delivered MUST be withdrawn and refused with the reason, unless the
//# loop took the entry in the meantime.
#[test]
fn w7_a_refused_post_leaves_its_neighbours_alone() {
    let event_loop = real_loop();
    let _pipe_is_broken = record_reports(&event_loop);
    let handle = event_loop.handle();
    let (runs, ran) = mpsc::channel();
    break_pipe(&event_loop);
    assert!(is_wake_failed(handle.call_soon_threadsafe(|| unreachable!("it was refused"))));
    // The loop thread needs no wake, so its own callbacks are queued around the refused posts.
    let first = runs.clone();
    event_loop.call_soon(move || first.send(1).unwrap()).unwrap();
    assert!(is_wake_failed(handle.call_soon_threadsafe(|| unreachable!("it was refused"))));
    event_loop.call_soon(move || runs.send(2).unwrap()).unwrap();
    let _turn = event_loop.run_once(Some(Duration::ZERO)).unwrap();
    assert_eq!(ran.try_iter().collect::<Vec<_>>(), [1, 2]);
}

//= SPEC.md#w-8
//= type=test
//# End-of-file on the pipe MUST be reported to the exception handler once and repaired with a new
//# pipe, and MUST NOT make the loop spin.
#[test]
fn w8_end_of_file_is_reported_once_and_does_not_spin() {
    guarded(|| {
        let event_loop = virtual_loop();
        let reports = record_reports(&event_loop);
        let fired = Rc::new(Cell::new(0));
        for seconds in [10, 20, 30] {
            let fired = Rc::clone(&fired);
            let count = move || fired.set(fired.get() + 1);
            event_loop.call_later(Duration::from_secs(seconds), count).unwrap();
        }
        for broken in 1..=3 {
            break_pipe(&event_loop);
            let mut turns = 0;
            while fired.get() < broken {
                let _turn = event_loop.run_once(None).unwrap();
                turns += 1;
                assert!(turns <= 2, "spins");
            }
            assert_eq!(reports.entries().len(), broken, "one report each time");
        }
        assert!(reports.entries()[0].message.contains("pipe"));
    });
}

//= SPEC.md#w-8
//= type=test
//# End-of-file on the pipe MUST be reported to the exception handler once and repaired with a new
//# pipe, and MUST NOT make the loop spin.
#[test]
fn w8_end_of_file_behind_a_byte_is_found_as_well() {
    for bytes_before_it in [1, 2_000] {
        let event_loop = real_loop();
        let reports = record_reports(&event_loop);
        let (handle, ran) = (event_loop.handle(), Arc::new(AtomicUsize::new(0)));
        let post = || {
            let ran = Arc::clone(&ran);
            elsewhere(|| {
                handle
                    .call_soon_threadsafe(move || _ = ran.fetch_add(1, Ordering::SeqCst))
                    .unwrap();
            });
        };
        if bytes_before_it > 1 {
            assert!(fill_pipe(&event_loop) >= bytes_before_it);
        }
        post();
        // The loop has not looked since: one edge is both.
        break_pipe(&event_loop);
        for _ in 0..2 {
            let _turn = event_loop.run_once(Some(Duration::ZERO)).unwrap();
        }
        assert_eq!(reports.entries().len(), 1);
        post();
        let _turn = event_loop.run_once(Some(Duration::ZERO)).unwrap();
        assert_eq!(ran.load(Ordering::SeqCst), 2, "woken through the new pipe");
    }
}

//= SPEC.md#w-8
//= type=test
//# End-of-file on the pipe MUST be reported to the exception handler once and repaired with a new
//# pipe, and MUST NOT make the loop spin.
#[test]
fn w8_the_next_post_wakes_through_the_new_pipe() {
    let running = LoopThread::start();
    let (reports, report) = mpsc::channel();
    running
        .handle
        .call_soon_threadsafe(move || {
            let local = get_running_loop().unwrap();
            local.set_exception_handler(move |context| {
                reports.send(context.message.clone()).unwrap()
            });
            break_pipe(&local);
        })
        .unwrap();
    report.recv_timeout(GUARD).expect("end-of-file is reported");
    let (answers, answer) = mpsc::channel();
    for round in 0..500 {
        let answers = answers.clone();
        running.handle.call_soon_threadsafe(move || answers.send(round).unwrap()).unwrap();
        assert_eq!(answer.recv_timeout(GUARD), Ok(round));
        dither(round);
    }
    running.stop();
    assert_eq!(report.try_iter().count(), 0, "reported more than once");
}

//= SPEC.md#w-8
//= type=test
//# End-of-file on the pipe MUST be reported to the exception handler once and repaired with a new
//# pipe, and MUST NOT make the loop spin.
#[test]
fn w8_a_loop_that_is_driven_from_outside_repairs_its_pipe_too() {
    let inner = real_loop();
    let outer = real_loop();
    let reports = record_reports(&inner);
    let readable = Rc::new(Cell::new(0));
    let seen = Rc::clone(&readable);
    outer.add_reader(&inner, move || seen.set(seen.get() + 1)).unwrap();
    break_pipe(&inner);
    for _ in 0..20 {
        let before = readable.get();
        let _turn = outer.run_once(Some(Duration::ZERO)).unwrap();
        if readable.get() > before {
            let _turn = inner.run_once(Some(Duration::ZERO)).unwrap();
        }
    }
    assert_eq!(readable.get(), 1, "readable until it is repaired, and no longer");
    assert_eq!(reports.entries().len(), 1);
    let handle = inner.handle();
    elsewhere(|| handle.call_soon_threadsafe(|| {}).unwrap());
    let _turn = outer.run_once(Some(Duration::ZERO)).unwrap();
    assert_eq!(readable.get(), 2, "the new pipe shows through the same descriptor");
}

//= SPEC.md#w-7
//= type=test
//# A post whose wake cannot be delivered MUST be withdrawn and refused with the reason, unless the
//# loop took the entry in the meantime.
#[test]
fn w7_a_post_is_refused_alike_after_others_were_taken() {
    let event_loop = real_loop();
    let _pipe_is_broken = record_reports(&event_loop);
    let handle = event_loop.handle();
    let (runs, ran) = mpsc::channel();
    for number in 0..3 {
        let runs = runs.clone();
        elsewhere(|| handle.call_soon_threadsafe(move || runs.send(number).unwrap()).unwrap());
        let _turn = event_loop.run_once(Some(Duration::ZERO)).unwrap();
    }
    break_pipe(&event_loop);
    assert!(is_wake_failed(handle.call_soon_threadsafe(|| unreachable!("it was refused"))));
    let _turn = event_loop.run_once(Some(Duration::ZERO)).unwrap();
    elsewhere(|| handle.call_soon_threadsafe(move || runs.send(3).unwrap()).unwrap());
    let _turn = event_loop.run_once(Some(Duration::ZERO)).unwrap();
    assert_eq!(ran.try_iter().collect::<Vec<_>>(), [0, 1, 2, 3]);
}
