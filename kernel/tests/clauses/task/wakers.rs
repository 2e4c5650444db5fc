//! Clause T-4: wakes from anywhere.

use super::*;

//= SPEC.md#t-4
//= type=test
//# Any `std` future MUST make progress when its waker is called, from any thread, and wakes that
//# come before the task runs MUST be coalesced into one step.
#[test]
fn t4_a_waker_called_in_another_thread_makes_the_future_go_on() {
    let event_loop = EventLoop::new().unwrap();
    let (send_waker, wakers) = mpsc::channel::<Waker>();
    let open = Arc::new(AtomicBool::new(false));
    let opens = Arc::clone(&open);
    let thread = std::thread::spawn(move || {
        let waker = wakers.recv().unwrap();
        opens.store(true, Ordering::SeqCst);
        waker.wake();
    });
    let opened = poll_fn(move |cx| {
        if open.load(Ordering::SeqCst) {
            return Poll::Ready(Ok(3));
        }
        send_waker.send(cx.waker().clone()).unwrap();
        Poll::Pending
    });
    assert_eq!(event_loop.run_until_complete(timeout(secs(60), opened)).unwrap(), 3);
    thread.join().unwrap();
}

//= SPEC.md#t-4
//= type=test
//# Any `std` future MUST make progress when its waker is called, from any thread, and wakes that
//# come before the task runs MUST be coalesced into one step.
#[test]
fn t4_a_waker_called_by_a_callback_of_another_loop_reaches_its_own() {
    let (send_waker, wakers) = mpsc::channel::<Waker>();
    let open = Arc::new(AtomicBool::new(false));
    let opens = Arc::clone(&open);
    // A thread each, and each thread's first loop: they have everything alike that is not told apart.
    let woken = std::thread::spawn(move || {
        let opened = poll_fn(move |cx| {
            if open.load(Ordering::SeqCst) {
                return Poll::Ready(Ok(3));
            }
            send_waker.send(cx.waker().clone()).unwrap();
            Poll::Pending
        });
        EventLoop::new().unwrap().run_until_complete(timeout(secs(60), opened))
    });
    let waking = std::thread::spawn(move || {
        EventLoop::new().unwrap().run_until_complete(async move {
            let waker = wakers.recv().unwrap();
            opens.store(true, Ordering::SeqCst);
            waker.wake();
            Ok(())
        })
    });
    waking.join().unwrap().unwrap();
    assert_eq!(woken.join().unwrap().unwrap(), 3);
}

//= SPEC.md#t-4
//= type=test
//# Any `std` future MUST make progress when its waker is called, from any thread, and wakes that
//# come before the task runs MUST be coalesced into one step.
#[test]
fn t4_a_channel_of_another_runtime_works() {
    let event_loop = EventLoop::new().unwrap();
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let (reply, replies) = tokio::sync::oneshot::channel();
    let thread = std::thread::spawn(move || {
        sender.send(3).unwrap();
        assert_eq!(replies.blocking_recv(), Ok(4));
    });
    let sum = event_loop
        .run_until_complete(timeout(secs(60), async move {
            let three = receiver.await?;
            reply.send(three + 1).unwrap();
            Ok(three)
        }))
        .unwrap();
    assert_eq!(sum, 3);
    thread.join().unwrap();
}

//= SPEC.md#t-4
//= type=test
//# Any `std` future MUST make progress when its waker is called, from any thread, and wakes that
//# come before the task runs MUST be coalesced into one step.
#[test]
fn t4_wakes_before_the_step_are_one_step() {
    let event_loop = virtual_loop();
    let probe = Probe::default();
    let task = event_loop.create_task(probe.clone()).unwrap();
    turns(&event_loop, 1);
    assert_eq!(probe.polls(), 1);
    let waker = probe.waker();
    waker.wake_by_ref();
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let waker = waker.clone();
            std::thread::spawn(move || waker.wake())
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    turns(&event_loop, 3);
    assert_eq!(probe.polls(), 2, "five wakes, one step");
    // And once more: the coalescing does not outlive the step.
    waker.wake();
    turns(&event_loop, 3);
    assert_eq!(probe.polls(), 3);
    assert!(!task.done());
}

//= SPEC.md#t-4
//= type=test
//# Any `std` future MUST make progress when its waker is called, from any thread, and wakes that
//# come before the task runs MUST be coalesced into one step.
#[test]
fn t4_a_wake_between_two_runs_finds_the_step_that_is_queued() {
    let event_loop = virtual_loop();
    let probe = Probe::default();
    let task = event_loop.create_task(probe.clone()).unwrap();
    turns(&event_loop, 1);
    let waker = probe.waker();
    event_loop.call_soon(move || waker.wake()).unwrap();
    turns(&event_loop, 1);
    assert_eq!(census(&event_loop).queued, 1, "a step");
    // Of this very thread, but while the loop does not run: in three ways.
    probe.waker().wake();
    let (waker, other) = (probe.waker(), virtual_loop());
    other.call_soon(move || waker.wake()).unwrap();
    turns(&other, 1);
    assert!(task.cancel());
    // A byte would end a later sleep, and an entry would have its turn for nothing. What is scheduled now is
    // behind all that was posted.
    event_loop.call_soon(|| {}).unwrap();
    assert_eq!((drain_pipe(&event_loop), census(&event_loop).queued), (0, 2));
    turns(&event_loop, 1);
    assert!(task.cancelled() && probe.polls() == 2);
}

//= SPEC.md#t-4
//= type=test
//# Any `std` future MUST make progress when its waker is called, from any thread, and wakes that
//# come before the task runs MUST be coalesced into one step.
#[test]
fn t4_wakes_while_the_loop_runs_are_one_step() {
    let event_loop = virtual_loop();
    let probe = Probe::default();
    let _task = event_loop.create_task(probe.clone()).unwrap();
    turns(&event_loop, 1);
    let waker = probe.waker();
    event_loop
        .call_soon(move || {
            waker.wake_by_ref();
            let other = waker.clone();
            std::thread::spawn(move || other.wake()).join().unwrap();
            waker.wake();
        })
        .unwrap();
    turns(&event_loop, 3);
    assert_eq!(probe.polls(), 2);
}

//= SPEC.md#t-4
//= type=test
//# Any `std` future MUST make progress when its waker is called, from any thread, and wakes that
//# come before the task runs MUST be coalesced into one step.
#[test]
fn t4_a_wake_during_the_step_is_another_step() {
    let event_loop = virtual_loop();
    let polls = Rc::new(Cell::new(0));
    let counted = Rc::clone(&polls);
    let task = event_loop
        .create_task(poll_fn(move |cx| {
            counted.set(counted.get() + 1);
            if counted.get() == 3 {
                return Poll::Ready(Ok(()));
            }
            cx.waker().wake_by_ref();
            cx.waker().wake_by_ref();
            Poll::Pending
        }))
        .unwrap();
    turns(&event_loop, 1);
    assert_eq!(polls.get(), 1);
    turns(&event_loop, 1);
    assert_eq!(polls.get(), 2);
    run_dry(&event_loop);
    assert_eq!(polls.get(), 3);
    assert!(task.done());
}

//= SPEC.md#t-4
//= type=test
//# Any `std` future MUST make progress when its waker is called, from any thread, and wakes that
//# come before the task runs MUST be coalesced into one step.
#[test]
fn t4_the_waker_of_a_task_that_is_done_wakes_nobody_else() {
    let event_loop = virtual_loop();
    let (first, second) = (Probe::default(), Probe::default());
    let done = event_loop.create_task(first.clone()).unwrap();
    turns(&event_loop, 1);
    let stale = first.waker();
    first.ready.set(true);
    stale.wake_by_ref();
    run_dry(&event_loop);
    assert!(done.done());
    // The new task has the place that the old one gave up.
    let _task = event_loop.create_task(second.clone()).unwrap();
    turns(&event_loop, 1);
    stale.wake_by_ref();
    let again = stale.clone();
    std::thread::spawn(move || again.wake()).join().unwrap();
    turns(&event_loop, 2);
    assert_eq!((first.polls(), second.polls()), (2, 1));
}

//= SPEC.md#t-4
//= type=test
//# Any `std` future MUST make progress when its waker is called, from any thread, and wakes that
//# come before the task runs MUST be coalesced into one step.
#[test]
fn t4_a_waker_may_outlive_its_loop() {
    let event_loop = virtual_loop();
    let probe = Probe::default();
    let _task = event_loop.create_task(probe.clone()).unwrap();
    turns(&event_loop, 1);
    let waker = probe.waker();
    event_loop.close().unwrap();
    waker.wake_by_ref();
    drop(event_loop);
    waker.wake();
    assert_eq!(probe.polls(), 1);
}

//= SPEC.md#t-4
//= type=test
//# Any `std` future MUST make progress when its waker is called, from any thread, and wakes that
//# come before the task runs MUST be coalesced into one step.
#[test]
fn t4_many_threads_wake_and_no_wake_is_lost() {
    const THREADS: usize = 4;
    const EACH: usize = 200;
    let event_loop = EventLoop::new().unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let (send_waker, wakers) = mpsc::channel::<Waker>();
    let counted = Arc::clone(&count);
    let spawner = std::thread::spawn(move || {
        let waker = wakers.recv().unwrap();
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                let (waker, count) = (waker.clone(), Arc::clone(&counted));
                std::thread::spawn(move || {
                    for _ in 0..EACH {
                        count.fetch_add(1, Ordering::SeqCst);
                        waker.wake_by_ref();
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
    let mut first = Some(send_waker);
    let polled = poll_fn(move |cx| {
        if let Some(send_waker) = first.take() {
            send_waker.send(cx.waker().clone()).unwrap();
        }
        // Were the wake after the last addition lost, this would never be asked again.
        if count.load(Ordering::SeqCst) == THREADS * EACH {
            Poll::Ready(Ok(()))
        } else {
            Poll::Pending
        }
    });
    event_loop.run_until_complete(timeout(secs(60), polled)).unwrap();
    spawner.join().unwrap();
}

//= SPEC.md#t-4
//= type=test
//# Any `std` future MUST make progress when its waker is called, from any thread, and wakes that
//# come before the task runs MUST be coalesced into one step.
#[test]
fn t4_a_wake_by_code_of_another_loop_makes_a_step_of_its_own() {
    let event_loop = virtual_loop();
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let task = event_loop.create_task(async { Ok(receiver.await?) }).unwrap();
    turns(&event_loop, 2);
    assert!(!task.done());
    let wakes = move || {
        let other = virtual_loop();
        // It has a task too, in the same place of its table.
        let suspended = other.create_task(std::future::pending::<Result<(), _>>()).unwrap();
        other.call_soon(move || sender.send(3).unwrap()).unwrap();
        turns(&other, 3);
        assert!(!suspended.done());
    };
    std::thread::spawn(wakes).join().unwrap();
    turns(&event_loop, 1);
    assert_eq!(task.result().unwrap(), 3);
}

//= SPEC.md#t-4
//= type=test
//# Any `std` future MUST make progress when its waker is called, from any thread, and wakes that
//# come before the task runs MUST be coalesced into one step.
#[test]
fn t4_a_kept_waker_is_not_the_next_tasks() {
    let event_loop = virtual_loop();
    let kept = Rc::new(OnceCell::new());
    let keeps = Rc::clone(&kept);
    let first = poll_fn(move |cx| {
        keeps.set(cx.waker().clone()).expect("polled once");
        Poll::Ready(Ok(()))
    });
    event_loop.run_until_complete(first).unwrap();
    let (woken, polls) = (Rc::new(OnceCell::new()), Rc::new(Cell::new(0)));
    let (wakes, counts) = (Rc::clone(&woken), Rc::clone(&polls));
    let second = event_loop.create_task(poll_fn(move |cx| {
        counts.set(counts.get() + 1);
        if wakes.set(cx.waker().clone()).is_ok() { Poll::Pending } else { Poll::Ready(Ok(())) }
    }));
    let second = second.unwrap();
    turns(&event_loop, 2);
    kept.get().expect("the first task ran").wake_by_ref();
    turns(&event_loop, 2);
    assert_eq!(polls.get(), 1, "the second was woken by the first one's waker");
    woken.get().expect("the second task ran").wake_by_ref();
    turns(&event_loop, 2);
    assert!(second.done(), "the second was not woken by its own");
}

//= SPEC.md#t-4
//= type=test
//# Any `std` future MUST make progress when its waker is called, from any thread, and wakes that
//# come before the task runs MUST be coalesced into one step.
#[test]
fn t4_wakes_of_its_own_thread_and_of_others_are_one_step() {
    const HERE: bool = true;
    const ELSEWHERE: bool = false;
    let event_loop = virtual_loop();
    let (polls, kept) = (Rc::new(Cell::new(0)), Rc::new(RefCell::new(None::<Waker>)));
    let (counted, keeps) = (Rc::clone(&polls), Rc::clone(&kept));
    let task = event_loop.create_task(poll_fn(move |cx| -> Poll<Result<(), Exception>> {
        counted.set(counted.get() + 1);
        keeps.replace(Some(cx.waker().clone()));
        Poll::Pending
    }));
    turns(&event_loop, 1);
    assert_eq!(polls.get(), 1);
    let orders: [&[bool]; 8] = [
        &[HERE],
        &[ELSEWHERE],
        &[HERE, ELSEWHERE],
        &[HERE],
        &[ELSEWHERE, HERE],
        &[HERE, ELSEWHERE, HERE, ELSEWHERE],
        &[ELSEWHERE, ELSEWHERE, HERE],
        &[ELSEWHERE],
    ];
    for (order, before) in orders.into_iter().zip(1..) {
        let waker = kept.borrow().clone().unwrap();
        let wakes = move || {
            for here in order {
                if *here {
                    waker.wake_by_ref();
                } else {
                    std::thread::scope(|scope| scope.spawn(|| waker.wake_by_ref()).join().unwrap());
                }
            }
        };
        event_loop.call_soon(wakes).unwrap();
        turns(&event_loop, 4);
        assert_eq!(polls.get(), before + 1, "{order:?}");
    }
    assert!(task.unwrap().cancel());
    turns(&event_loop, 2);
}

//= SPEC.md#t-4
//= type=test
//# Any `std` future MUST make progress when its waker is called, from any thread, and wakes that
//# come before the task runs MUST be coalesced into one step.
//= SPEC.md#q-1
//= type=test
//# If scheduling A happened before scheduling B, by whatever threads, then A MUST run before B.
#[test]
fn t4_a_step_that_was_swallowed_does_not_bring_the_next_one_forward() {
    let event_loop = virtual_loop();
    let (order, kept) = (Log::default(), Rc::new(RefCell::new(None::<Waker>)));
    let (noted, keeps) = (order.clone(), Rc::clone(&kept));
    let _task = event_loop.create_task(poll_fn(move |cx| -> Poll<Result<(), Exception>> {
        noted.note("step");
        keeps.replace(Some(cx.waker().clone()));
        Poll::Pending
    }));
    turns(&event_loop, 1);
    let waker = kept.borrow().clone().unwrap();
    let (again, noted, local) = (waker.clone(), order.clone(), (*event_loop).clone());
    // In the queue then: the step, a callback that wakes again, the posted entry that the step swallows.
    event_loop
        .call_soon(move || {
            let elsewhere = waker.clone();
            waker.wake_by_ref();
            let next = move || {
                local.call_soon(move || noted.note("callback")).unwrap();
                again.wake_by_ref();
            };
            get_running_loop().unwrap().call_soon(next).unwrap();
            std::thread::spawn(move || elsewhere.wake()).join().unwrap();
        })
        .unwrap();
    turns(&event_loop, 4);
    assert_eq!(order.entries(), ["step", "step", "callback", "step"]);
}
