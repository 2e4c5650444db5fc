//! Programs of more threads than can be explored: drawn at random under shuttle, and run natively.
//!
//! Nothing is complete here and no order is sure to come up. Each program accounts for all its work: what
//! was accepted ends, what was refused never ran. That is what goes wrong first when many threads meet.

use loopgate::checkers::model::{Arc, JoinHandle, choose};
use loopgate::concurrent::{self, ReturnWhen};
use loopgate::{
    ConcurrentFuture, LoopHandle, PostError, SubmitError, ThreadPoolExecutor, yield_now,
};

use super::support::{Cell, LOST_BYTES, event_loop, failure, running, stop};
use crate::harness::{Change, Control, Model, Outcome, Spec, join, start};

pub(super) static MODELS: &[Model] = &[
    Model {
        name: "wide_posters",
        clauses: &["Q-5", "W-2", "Q-1"],
        question: "Do six posters' posts all run once, each poster's in its order?",
        threads: 7,
        choices: usize::MAX,
        drawn: 4_000,
        outcomes: &["all ran"],
        spec: Spec::Below("more threads than can be searched"),
        body: posters,
        controls: &[Control {
            name: "the byte may vanish",
            change: Change::Environment(LOST_BYTES),
            fails_with: "deadlock",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "wide_submitters_against_a_drop",
        clauses: &["U-1", "C-8", "W-9", "S-7"],
        question: "Is every submission of four threads refused or ended when the loop is dropped under them?",
        threads: 6,
        choices: usize::MAX,
        drawn: 4_000,
        outcomes: &["all accounted for"],
        spec: Spec::Below("more threads than can be searched"),
        body: || submitters(true),
        controls: &[Control {
            name: "the loop is kept and does not run",
            change: Change::Body(|| submitters(false)),
            fails_with: "deadlock",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "wide_pool_against_shutdown",
        clauses: &["E-1", "E-2", "E-5", "E-6"],
        question: "Does all work of three threads in a pool of three end when it is shut down under them?",
        threads: 8,
        choices: usize::MAX,
        drawn: 4_000,
        outcomes: &["all accounted for"],
        spec: Spec::Below("more threads than can be searched"),
        body: || pool(true),
        controls: &[Control {
            name: "the work is counted before it has ended",
            change: Change::Body(|| pool(false)),
            fails_with: "not ended",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "wide_waiters_and_producers",
        clauses: &["F-12", "F-15", "F-17", "F-20"],
        question: "Do three kinds of wait return while three producers and a canceller meet?",
        threads: 8,
        choices: usize::MAX,
        drawn: 4_000,
        outcomes: &["all returned"],
        spec: Spec::Below("more threads than can be searched"),
        body: || waiters(true),
        controls: &[Control {
            name: "one producer keeps its promise to itself",
            change: Change::Body(|| waiters(false)),
            fails_with: "deadlock",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "wide_two_loops_submit_to_each_other",
        clauses: &["U-1", "C-9", "W-2"],
        question: "Do coroutines of two loops that await each other's all end?",
        threads: 5,
        choices: usize::MAX,
        drawn: 4_000,
        outcomes: &["all ended"],
        spec: Spec::Below("more threads than can be searched"),
        body: two_loops,
        controls: &[Control {
            name: "the byte may vanish",
            change: Change::Environment(LOST_BYTES),
            fails_with: "deadlock",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "wide_long_life_of_a_loop",
        clauses: &["Q-5", "H-1", "U-1", "C-2"],
        question: "Is nothing lost in a long life of posts, timers, submissions and cancels?",
        threads: 4,
        choices: usize::MAX,
        drawn: 1_000,
        outcomes: &["all accounted for"],
        spec: Spec::Below("more operations than can be searched"),
        body: long_life,
        controls: &[Control {
            name: "the byte may vanish",
            change: Change::Environment(LOST_BYTES),
            fails_with: "deadlock",
        }],
        ..Model::DEFAULTS
    },
];

fn posters() -> Outcome {
    const POSTERS: usize = 6;
    const POSTS: usize = 4;
    let event_loop = event_loop();
    let ran = Cell::new(Vec::new());
    let posters: Vec<JoinHandle> = (0..POSTERS)
        .map(|poster| {
            let (handle, ran) = (event_loop.handle(), ran.clone());
            start("poster", move || {
                for post in 0..POSTS {
                    let ran = ran.clone();
                    let note = move || {
                        ran.update(|ran| ran.push((poster, post)));
                        if ran.get().len() == POSTERS * POSTS {
                            running().stop();
                        }
                    };
                    handle.call_soon_threadsafe(note).expect("the loop is open");
                }
            })
        })
        .collect();
    event_loop.run_forever().expect("the run is stopped");
    posters.into_iter().for_each(join);
    let mut ran = ran.get();
    // Stable, so that each poster's own order stays.
    ran.sort_by_key(|(poster, _)| *poster);
    let expected: Vec<_> =
        (0..POSTERS).flat_map(|poster| (0..POSTS).map(move |post| (poster, post))).collect();
    assert_eq!(ran, expected, "lost, repeated, or out of order");
    "all ran".into()
}

fn submitters(drop_it: bool) -> Outcome {
    let event_loop = event_loop();
    let accounts = Cell::new(0);
    let submitters: Vec<JoinHandle> = (0..4)
        .map(|_| {
            let (handle, accounts) = (event_loop.handle(), accounts.clone());
            start("submitter", move || {
                for _ in 0..2 {
                    submit_and_account(&handle);
                    accounts.update(|accounts| *accounts += 1);
                }
            })
        })
        .collect();
    let stopper = start("stopper", {
        let handle = event_loop.handle();
        move || stop(&handle)
    });
    if drop_it {
        event_loop.run_forever().expect("the run is stopped");
        drop(event_loop);
        submitters.into_iter().for_each(join);
    } else {
        submitters.into_iter().for_each(join);
        drop(event_loop);
    }
    join(stopper);
    assert_eq!(accounts.get(), 8, "a submitter gave up");
    "all accounted for".into()
}

/// Submits, perhaps cancels, and waits for the end of what was accepted.
fn submit_and_account(handle: &LoopHandle) {
    let submitted = handle.run_coroutine_threadsafe_with(|| async {
        for _ in 0..3 {
            yield_now().await?;
        }
        Ok(1_u32)
    });
    match submitted {
        Err(PostError::LoopClosed) => {}
        Err(other) => panic!("{other}"),
        Ok(future) => {
            let cancels = choose("the submitter cancels") && future.cancel();
            future.wait_ended().expect("not on the loop's thread");
            assert_eq!(cancels, future.cancelled(), "told something else than happened");
        }
    }
}

fn pool(wait_for_the_end: bool) -> Outcome {
    let workers = ThreadPoolExecutor::builder().max_workers(3).build().expect("three workers");
    let pool = Arc::new(workers);
    let submitters: Vec<JoinHandle> = (0..3)
        .map(|_| {
            let pool = Arc::clone(&pool);
            start("submitter", move || {
                for _ in 0..2 {
                    let ran = Cell::new(false);
                    let noted = ran.clone();
                    let work = move || {
                        noted.set(true);
                        Ok(1_u32)
                    };
                    match pool.submit(work) {
                        Err(SubmitError::ShutDown) => assert!(!ran.get(), "refused and run"),
                        Err(other) => panic!("{other}"),
                        Ok(future) => {
                            if wait_for_the_end {
                                future.wait_ended().expect("not a worker");
                            }
                            assert!(future.ended(), "not ended");
                            assert_ne!(future.cancelled(), ran.get(), "run and cancelled");
                        }
                    }
                }
            })
        })
        .collect();
    let closer = start("closer", {
        let pool = Arc::clone(&pool);
        move || pool.shutdown(false, true).expect("does not wait")
    });
    submitters.into_iter().for_each(join);
    join(closer);
    pool.shutdown(true, false).expect("not a worker");
    assert_eq!(pool.workers(), 0, "a worker outlives the shutdown");
    "all accounted for".into()
}

fn waiters(keeps_promises: bool) -> Outcome {
    let (promises, futures): (Vec<_>, Vec<ConcurrentFuture<u32>>) =
        (0..3).map(|_| concurrent::promise::<u32>()).unzip();
    let kept = Cell::new(Vec::new());
    let mut threads: Vec<JoinHandle> = Vec::new();
    for (number, promise) in promises.into_iter().enumerate() {
        let kept = kept.clone();
        threads.push(start("producer", move || match number {
            0 if !keeps_promises => kept.update(|kept| kept.push(Arc::new(promise))),
            0 => drop(promise.set_result(0)),
            1 => drop(promise.set_exception(failure())),
            _ => drop(promise),
        }));
    }
    for kind in 0..3 {
        let futures = futures.clone();
        threads.push(start("waiter", move || match kind {
            0 => {
                let split = concurrent::wait(&futures, None, ReturnWhen::FirstCompleted);
                assert!(!split.expect("three futures").done.is_empty(), "returned too soon");
            }
            1 => {
                let split = concurrent::wait(&futures, None, ReturnWhen::AllCompleted);
                assert!(split.expect("three futures").not_done.is_empty(), "returned too soon");
            }
            _ => {
                let done = concurrent::as_completed(&futures, None).expect("three futures");
                assert_eq!(done.filter(Result::is_ok).count(), 3, "not each once");
            }
        }));
    }
    let last = futures[2].clone();
    threads.push(start("canceller", move || _ = last.cancel()));
    threads.into_iter().for_each(join);
    assert!(futures.iter().all(ConcurrentFuture::done), "a wait returned for what is not done");
    "all returned".into()
}

fn two_loops() -> Outcome {
    let (here, there) = (event_loop(), Cell::new(None));
    let mine = here.handle();
    let other = start("other loop", {
        let (there, mine) = (there.clone(), mine.clone());
        move || {
            let event_loop = event_loop();
            there.set(Some(event_loop.handle()));
            mine.call_soon_threadsafe(|| running().stop()).expect("the loop is open");
            event_loop.run_forever().expect("the run is stopped");
        }
    });
    // Until the other loop is there.
    here.run_forever().expect("the run is stopped");
    let theirs = there.get().expect("it was there before it posted");
    let submitters: Vec<JoinHandle> =
        [(mine.clone(), theirs.clone()), (theirs.clone(), mine.clone())]
            .into_iter()
            .map(|(near, far)| {
                start("submitter", move || {
                    let inner = far.clone();
                    let submitted = near.run_coroutine_threadsafe_with(move || async move {
                        let far = inner.run_coroutine_threadsafe(async { Ok(1_u32) });
                        let value = running().wrap_future(far.expect("the loop is open"));
                        Ok(value.expect("the loop is open").await? + 1)
                    });
                    let result = submitted.expect("the loop is open").result();
                    assert_eq!(result.expect("a value"), 2, "the other loop's value and one");
                })
            })
            .collect();
    let ender = start("ender", move || {
        submitters.into_iter().for_each(join);
        stop(&theirs);
        stop(&mine);
    });
    here.run_forever().expect("the run is stopped");
    join(ender);
    join(other);
    "all ended".into()
}

fn long_life() -> Outcome {
    const ROUNDS: usize = 12;
    let event_loop = event_loop();
    let (ran, cancelled) = (Cell::new(0), Cell::new(0));
    let clients: Vec<JoinHandle> = (0..2)
        .map(|_| {
            let (handle, ran, cancelled) = (event_loop.handle(), ran.clone(), cancelled.clone());
            start("client", move || {
                for round in 0..ROUNDS {
                    let ran = ran.clone();
                    let note = move || ran.update(|ran| *ran += 1);
                    let delay = std::time::Duration::from_micros(round as u64);
                    let late = if choose("a timer") {
                        handle
                            .call_later_threadsafe(delay, note)
                            .expect("the loop is open")
                            .cancel()
                    } else {
                        handle.call_soon_threadsafe(note).expect("the loop is open").cancel()
                    };
                    if late {
                        cancelled.update(|cancelled| *cancelled += 1);
                    }
                    submit_and_account(&handle);
                }
            })
        })
        .collect();
    let (handle, all) = (event_loop.handle(), (ran.clone(), cancelled.clone()));
    let ender = start("ender", move || {
        clients.into_iter().for_each(join);
        fn stop_when_all_ran(all: (Cell<usize>, Cell<usize>)) {
            if all.0.get() + all.1.get() == 2 * ROUNDS {
                running().stop();
                return;
            }
            let again = move || stop_when_all_ran(all);
            let soon = std::time::Duration::from_micros(1);
            running().call_later(soon, again).expect("a short delay");
        }
        handle.call_soon_threadsafe(move || stop_when_all_ran(all)).expect("the loop is open");
    });
    event_loop.run_forever().expect("the run is stopped");
    join(ender);
    assert_eq!(ran.get() + cancelled.get(), 2 * ROUNDS, "lost or repeated");
    "all accounted for".into()
}
