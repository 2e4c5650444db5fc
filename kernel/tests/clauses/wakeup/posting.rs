//! Clauses W-9 to W-11: posts to a loop that closes, does not run, or is busy.

use super::*;

//= SPEC.md#w-9
//= type=test
//# Closing and posting MUST be atomic: a post is either refused, with nothing queued, or handed to
//# the loop, which runs it or ends it.
#[test]
fn w9_posts_race_close_and_every_one_ends() {
    const MOST: usize = 3_000;
    let mut races = 0;
    for round in 0..400 {
        let event_loop = real_loop();
        let (alive, accepted) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let posters: Vec<_> = (0..2)
            .map(|_| {
                let handle = event_loop.handle();
                let (alive, accepted) = (Arc::clone(&alive), Arc::clone(&accepted));
                thread::spawn(move || {
                    let mut refused = false;
                    while !refused && accepted.load(Ordering::SeqCst) < MOST {
                        let token = Token::new(&alive);
                        refused = match handle.call_soon_threadsafe(move || drop(token)) {
                            Ok(_) => false,
                            Err(PostError::LoopClosed) => true,
                            Err(error) => panic!("{error}"),
                        };
                        accepted.fetch_add(usize::from(!refused), Ordering::SeqCst);
                    }
                    // The handle comes back: what it leads to stays while tokens are counted.
                    (handle, refused)
                })
            })
            .collect();
        // In the middle of their posting.
        while accepted.load(Ordering::SeqCst) < 1 + (round * 7) % 100 {
            std::hint::spin_loop();
        }
        for _ in 0..round % 3 {
            let _turn = event_loop.run_once(Some(Duration::ZERO)).unwrap();
        }
        event_loop.close().unwrap();
        let ended: Vec<_> = posters.into_iter().map(|poster| poster.join().unwrap()).collect();
        assert_eq!(alive.load(Ordering::SeqCst), 0, "accepted, and neither run nor dropped");
        races += ended.iter().filter(|(_, refused)| *refused).count();
    }
    assert!(races > 0, "every post came before its close");
}

//= SPEC.md#w-9
//= type=test
//# Closing and posting MUST be atomic: a post is either refused, with nothing queued, or handed to
//# the loop, which runs it or ends it.
#[test]
fn w9_submissions_race_close_and_every_one_ends() {
    for round in 0..200 {
        let event_loop = real_loop();
        let begin = Arc::new(Barrier::new(3));
        let submitters: Vec<_> = (0..2)
            .map(|_| {
                let (handle, begin) = (event_loop.handle(), Arc::clone(&begin));
                thread::spawn(move || {
                    begin.wait();
                    let mut futures: Vec<ConcurrentFuture<u32>> = Vec::new();
                    for _ in 0..50 {
                        let submitted = handle.run_coroutine_threadsafe(async {
                            sleep(Duration::from_secs(3600)).await?;
                            Ok(1)
                        });
                        match submitted {
                            Ok(future) => futures.push(future),
                            Err(PostError::LoopClosed) => break,
                            Err(error) => panic!("{error}"),
                        }
                    }
                    for future in futures {
                        match future.result_timeout(GUARD) {
                            Err(ResultError::Exception(why)) if why.is::<LoopClosed>() => {}
                            other => panic!("{other:?}"),
                        }
                    }
                })
            })
            .collect();
        begin.wait();
        for _ in 0..round % 3 {
            let _turn = event_loop.run_once(Some(Duration::ZERO)).unwrap();
        }
        event_loop.close().unwrap();
        for submitter in submitters {
            submitter.join().unwrap();
        }
    }
}

//= SPEC.md#w-9
//= type=test
//# Closing and posting MUST be atomic: a post is either refused, with nothing queued, or handed to
//# the loop, which runs it or ends it.
#[test]
fn w9_after_close_nothing_is_queued_and_nothing_was_changed() {
    let event_loop = real_loop();
    let (handle, alive) = (event_loop.handle(), Arc::new(AtomicUsize::new(0)));
    event_loop.close().unwrap();
    let token = Token::new(&alive);
    let refused = elsewhere(|| handle.call_soon_threadsafe(move || drop(token)));
    assert!(matches!(refused, Err(PostError::LoopClosed)));
    assert_eq!(alive.load(Ordering::SeqCst), 0);
    assert_eq!(census(&event_loop).queued, 0);
}

//= SPEC.md#w-10
//= type=test
//# A post to a loop that is open but not running MUST be accepted and MUST run in the first batch
//# of the next run.
#[test]
fn w10_a_post_before_the_run_runs_in_its_first_batch() {
    let event_loop = real_loop();
    let handle = event_loop.handle();
    for already_ran in [false, true] {
        let (runs, ran) = mpsc::channel();
        let submitted = runs.clone();
        elsewhere(|| {
            handle.call_soon_threadsafe(move || runs.send("post").unwrap()).unwrap();
            let coroutine = async move { Ok(submitted.send("submission")?) };
            handle.run_coroutine_threadsafe(coroutine).map(drop).unwrap();
        });
        assert_eq!(ran.try_iter().count(), 0, "a loop that does not run runs nothing");
        // The stop lets the run have one batch. The submission's turn makes a task, which is next.
        event_loop.stop();
        event_loop.run_forever().unwrap();
        assert_eq!(ran.try_iter().collect::<Vec<_>>(), ["post"], "ran before: {already_ran}");
        event_loop.stop();
        event_loop.run_forever().unwrap();
        assert_eq!(ran.try_iter().collect::<Vec<_>>(), ["submission"]);
    }
}

//= SPEC.md#w-11
//= type=test
//# No foreign thread MUST be made to wait for the loop by a post.
#[test]
fn w11_a_post_returns_while_the_loop_is_inside_user_code() {
    guarded(|| {
        let event_loop = real_loop();
        let visited = Arc::new(AtomicUsize::new(0));
        let post = {
            let (handle, visited) = (event_loop.handle(), Arc::clone(&visited));
            // Waits for the poster: were the poster to wait for the loop, both would wait for ever.
            move || {
                elsewhere(|| {
                    handle.call_soon_threadsafe(|| {}).unwrap();
                    handle.call_later_threadsafe(Duration::ZERO, || {}).unwrap();
                    handle.run_coroutine_threadsafe(async { Ok(()) }).map(drop).unwrap();
                    assert!(handle.is_running() && !handle.is_closed());
                });
                visited.fetch_add(1, Ordering::SeqCst);
            }
        };
        event_loop.call_soon(post.clone()).unwrap();
        event_loop.call_later(Duration::ZERO, post.clone()).unwrap();
        event_loop.handle().call_soon_threadsafe(post.clone()).unwrap();
        let (reader, mut writer) = UnixStream::pair().unwrap();
        writer.write_all(b"x").unwrap();
        let (mut read_end, read_post) = (reader.try_clone().unwrap(), post.clone());
        let on_readable = move || {
            read_end.read_exact(&mut [0]).unwrap();
            read_post();
        };
        event_loop.add_reader(&reader, on_readable).unwrap();
        let in_handler = post.clone();
        event_loop.set_exception_handler(move |_| in_handler());
        event_loop.call_soon(|| std::panic::resume_unwind(Box::new("reported"))).unwrap();
        let (in_factory, first) = (post.clone(), Cell::new(true));
        event_loop.set_task_factory(move |coroutine| {
            // Once: what is submitted from here is made into tasks here.
            if first.replace(false) {
                in_factory();
            }
            Ok(coroutine.into_task())
        });
        let in_step = post.clone();
        let task = async move {
            in_step();
            Ok(())
        };
        event_loop.run_until_complete(task).unwrap();
        let in_drop = OnDrop(post);
        event_loop.call_soon(move || drop(in_drop)).unwrap();
        for _ in 0..4 {
            let _turn = event_loop.run_once(Some(Duration::ZERO)).unwrap();
        }
        assert_eq!(visited.load(Ordering::SeqCst), 8);
    });
}

//= SPEC.md#w-11
//= type=test
//# No foreign thread MUST be made to wait for the loop by a post.
#[test]
fn w11_no_lock_is_held_while_refused_or_dropped_work_is_dropped() {
    guarded(|| {
        let event_loop = real_loop();
        let _pipe_is_broken = record_reports(&event_loop);
        let dropped = Arc::new(AtomicUsize::new(0));
        let work = |handle: &LoopHandle| {
            let (handle, dropped) = (handle.clone(), Arc::clone(&dropped));
            let reenter = OnDrop(move || {
                // Every one of these takes the gate's lock.
                let _refused = handle.call_soon_threadsafe(|| {});
                assert!(!handle.is_running());
                dropped.fetch_add(1, Ordering::SeqCst);
            });
            move || drop(reenter)
        };
        let handle = event_loop.handle();
        break_pipe(&event_loop);
        assert!(is_wake_failed(handle.call_soon_threadsafe(work(&handle))));
        assert_eq!(dropped.load(Ordering::SeqCst), 1);
        let _turn = event_loop.run_once(Some(Duration::ZERO)).unwrap();
        let _turn = event_loop.run_once(Some(Duration::ZERO)).unwrap();
        handle.call_soon_threadsafe(work(&handle)).unwrap();
        handle.call_later_threadsafe(Duration::from_secs(3600), work(&handle)).unwrap();
        event_loop.close().unwrap();
        assert_eq!(dropped.load(Ordering::SeqCst), 3);
        let refused = handle.call_soon_threadsafe(work(&handle));
        assert!(matches!(refused, Err(PostError::LoopClosed)));
        assert_eq!(dropped.load(Ordering::SeqCst), 4);
    });
}
