//! Awaiting a concurrent future without a kernel task: by wakers alone.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use loopgate::concurrent;

use super::super::programs::awaited as programs;
use super::super::support::Cell;
use crate::harness::{Change, Control, Model, Outcome, Spec, join, start};

pub(in crate::models) static MODELS: &[Model] = &[
    Model {
        name: "f21_await_wakes_the_last_waker",
        clauses: &["F-21"],
        question: "Is the waker of the second poll the one that is called, if that poll saw nothing?",
        outcomes: &["ready at the second poll", "woken by the last waker"],
        spec: Spec::Below("which of two wakers is called; to the spec a task is one"),
        body: || await_wakes_the_last_waker(true),
        controls: &[Control {
            name: "the second poll brings the first waker again",
            change: Change::Body(|| await_wakes_the_last_waker(false)),
            fails_with: "the last waker was called 0 times",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "f21_two_await_one_future",
        clauses: &["F-21"],
        question: "Is everybody woken who awaits, however the second comes in against completion?",
        outcomes: &["both woken", "the second was ready"],
        spec: Spec::allows(
            &[programs::two_await],
            &[
                ("both woken", "..; false; value 1; value 1; continue; true; true | ok"),
                ("the second was ready", "..; true; continue; true; true | ok"),
                ("the second was ready", "..; true; value 1; continue; true; true | ok"),
            ],
        ),
        body: || two_await(true),
        controls: &[Control {
            name: "the second polls a handle that it drops",
            change: Change::Body(|| two_await(false)),
            fails_with: "the second was woken 0 times",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "f21_dropped_await_races_completion",
        clauses: &["F-21"],
        question: "Is a waker withdrawn with its await, and kept by nobody?",
        outcomes: &["woken", "withdrawn"],
        spec: Spec::Below("whether a waker was called that leads nowhere any more"),
        body: || dropped_await_races_completion(true),
        controls: &[Control {
            name: "the await is kept",
            change: Change::Body(|| dropped_await_races_completion(false)),
            fails_with: "the waker is still held",
        }],
        ..Model::DEFAULTS
    },
];

/// A waker that counts.
struct Noted(Cell<usize>);

impl Noted {
    fn new() -> Arc<Noted> {
        Arc::new(Noted(Cell::new(0)))
    }
}

impl Wake for Noted {
    fn wake(self: Arc<Self>) {
        self.0.update(|wakes| *wakes += 1);
    }
}

/// Polls once for a value.
fn poll(
    future: &mut concurrent::ConcurrentFuture<u32>,
    waker: &Arc<Noted>,
) -> Poll<Result<u32, loopgate::Exception>> {
    pin!(future).poll(&mut Context::from_waker(&Waker::from(Arc::clone(waker))))
}

//= SPEC.md#f-21
//= type=test
//# Awaiting a concurrent future from any executor MUST wake the last waker that polled it, and
//# dropping the handle MUST withdraw that waker.
fn await_wakes_the_last_waker(another: bool) -> Outcome {
    let (promise, mut future) = concurrent::promise::<u32>();
    let (first, second) = (Noted::new(), Noted::new());
    assert!(poll(&mut future, &first).is_pending(), "nobody has completed it");
    let producer = start("producer", move || promise.set_result(1).expect("nobody cancels"));
    let polled = poll(&mut future, if another { &second } else { &first });
    join(producer);
    let (first, second) = (first.0.get(), second.0.get());
    if polled.is_ready() {
        assert_eq!((first, second), (1, 0), "the waker that stood there is called once");
        return "ready at the second poll".into();
    }
    assert_eq!(second, 1, "the last waker was called {second} times");
    assert_eq!(first, 0, "a waker was called that another has replaced");
    "woken by the last waker".into()
}

//= SPEC.md#f-21
//= type=test
//# Awaiting a concurrent future from any executor MUST wake the last waker that polled it, and
//# dropping the handle MUST withdraw that waker.
fn two_await(keep: bool) -> Outcome {
    let (promise, mut future) = concurrent::promise::<u32>();
    let mut other = future.clone();
    let (first, second) = (Noted::new(), Noted::new());
    assert!(poll(&mut future, &first).is_pending(), "nobody has completed it");
    let producer = start("producer", move || promise.set_result(1).expect("nobody cancels"));
    let polled = if keep { poll(&mut other, &second) } else { poll(&mut other.clone(), &second) };
    join(producer);
    assert_eq!(first.0.get(), 1, "the first is woken once");
    if polled.is_ready() {
        return "the second was ready".into();
    }
    assert_eq!(second.0.get(), 1, "the second was woken {} times", second.0.get());
    "both woken".into()
}

//= SPEC.md#f-21
//= type=test
//# Awaiting a concurrent future from any executor MUST wake the last waker that polled it, and
//# dropping the handle MUST withdraw that waker.
fn dropped_await_races_completion(dropped: bool) -> Outcome {
    let (promise, mut future) = concurrent::promise::<u32>();
    let waker = Noted::new();
    assert!(poll(&mut future, &waker).is_pending(), "nobody has completed it");
    let kept_promise = Cell::new(None);
    let producer = start("producer", {
        let kept_promise = kept_promise.clone();
        move || {
            if dropped {
                promise.set_result(1).expect("nobody cancels");
            }
            kept_promise.set(Some(Arc::new(promise)));
        }
    });
    let kept = if dropped {
        drop(future);
        None
    } else {
        Some(future)
    };
    join(producer);
    assert_eq!(Arc::strong_count(&waker), 1, "the waker is still held");
    drop(kept);
    if waker.0.get() == 1 { "woken".into() } else { "withdrawn".into() }
}
