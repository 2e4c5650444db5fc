//! Posting against whatever the loop is doing.

use loopgate::checkers::census;
use loopgate::{EventLoop, PostError, Turn};

use super::programs::wakeup as programs;
use super::support::{
    Cell, LOST_BYTES, NOT_OBSERVED, Owned, SOON, count, event_loop, post_a_stop, run_until_stopped,
    running, slept,
};
use crate::harness::{Change, Control, Model, Outcome, Spec, join, start};

pub(super) static MODELS: &[Model] = &[
    Model {
        name: "w2_post_races_sleep",
        clauses: &["W-1", "W-2", "Q-5"],
        question: "Does a post wake the loop, however it falls against the loop's going to sleep?",
        outcomes: &["the loop slept", "the loop did not sleep"],
        spec: Spec::allows(
            &[programs::post_races_sleep],
            &[("the loop slept", "ok | ok"), ("the loop did not sleep", "ok | ok")],
        )
        .but_for("whether the loop sleeps"),
        body: post_races_sleep,
        controls: &[
            Control {
                name: "the byte may vanish",
                change: Change::Environment(LOST_BYTES),
                fails_with: "deadlock",
            },
            Control {
                name: "it never sleeps, they say",
                change: Change::Forbid("the loop slept"),
                fails_with: "outcome not allowed: the loop slept",
            },
        ],
        ..Model::DEFAULTS
    },
    Model {
        name: "w2_post_races_spin",
        clauses: &["W-1", "W-2", "W-3"],
        question: "Does a post reach a loop that spins before it sleeps, and without a byte while it spins?",
        outcomes: &["seen, no byte", "seen, 1 byte", "slept, 1 byte"],
        spec: Spec::allows(
            &[programs::post_races_sleep],
            &[
                ("seen, no byte", "ok | ok"),
                ("seen, 1 byte", "ok | ok"),
                ("slept, 1 byte", "ok | ok"),
            ],
        )
        .but_for("whether the loop sleeps, and what is written"),
        body: post_races_spin,
        controls: &[
            Control {
                name: "the byte may vanish",
                change: Change::Environment(LOST_BYTES),
                fails_with: "deadlock",
            },
            Control {
                name: "every post writes, they say",
                change: Change::Forbid("seen, no byte"),
                fails_with: "outcome not allowed: seen, no byte",
            },
        ],
        ..Model::DEFAULTS
    },
    Model {
        name: "w3_two_posters_share_a_byte",
        clauses: &["W-2", "W-3"],
        question: "Do two posters write at most one byte between two sleeps, and wake the loop?",
        threads: 3,
        outcomes: &["1 byte", "2 bytes"],
        spec: Spec::allows(
            &[programs::two_posters_share_a_byte],
            &[("1 byte", "..; value 0 | ok | ok"), ("2 bytes", "..; value 0 | ok | ok")],
        )
        .but_for("how many bytes are written"),
        body: two_posters_share_a_byte,
        controls: &[Control {
            name: "the byte may vanish",
            change: Change::Environment(LOST_BYTES),
            fails_with: "deadlock",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "q1_post_goes_before_a_later_call_soon",
        clauses: &["Q-1"],
        question: "Does a post that happened before a call_soon also run before it?",
        outcomes: &["post, then call", "post alone"],
        spec: Spec::allows(
            &[programs::post_before_call_soon],
            &[
                ("post, then call", "..; mark 1; ..; mark 2; continue | ok"),
                ("post alone", "..; mark 1; ..; ok; continue | ok"),
            ],
        ),
        body: || post_before_call_soon(true),
        controls: &[Control {
            name: "the post comes after the flag",
            change: Change::Body(|| post_before_call_soon(false)),
            fails_with: "the call_soon overtook the post",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "w5_post_races_drain",
        clauses: &["W-2", "W-5", "Q-1"],
        question: "Is a post that falls into the drain of an earlier one's byte still run?",
        outcomes: &["in one turn", "in two turns"],
        spec: Spec::allows(
            &[programs::post_races_drain],
            &[
                ("in one turn", "mark 1; mark 2; continue; continue | ok; ok"),
                ("in two turns", "mark 1; continue; mark 2; continue | ok; ok"),
            ],
        ),
        body: post_races_drain,
        controls: &[Control {
            name: "the byte may vanish",
            change: Change::Environment(LOST_BYTES),
            fails_with: "deadlock",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "w9_post_races_close",
        clauses: &["W-9", "S-6", "S-8"],
        question: "Is a post against close either refused or handed over, and never left behind?",
        outcomes: &["refused", "accepted and dropped"],
        spec: Spec::allows(
            &[programs::post_races_close],
            &[("refused", "ok | loop closed"), ("accepted and dropped", "ok | ok")],
        ),
        body: || post_races_close(true),
        controls: &[Control {
            name: "the loop is not closed",
            change: Change::Body(|| post_races_close(false)),
            fails_with: "the callback outlived the loop",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "h4_cancel_races_run",
        clauses: &["H-1", "H-2", "H-3", "H-4"],
        question: "Is a callback either run or cancelled, and is the canceller told which?",
        outcomes: &["ran", "cancelled"],
        spec: Spec::allows(
            &[programs::cancel_races_run],
            &[("ran", "ok; mark 1; continue | false"), ("cancelled", "ok; continue | true")],
        ),
        body: || cancel_races_run(true),
        controls: &[Control {
            name: "nobody cancels",
            change: Change::Body(|| cancel_races_run(false)),
            fails_with: "outcome never reached: cancelled",
        }],
        ..Model::DEFAULTS
    },
    Model {
        name: "h2_cancel_races_close",
        clauses: &["H-2", "H-3", "S-6"],
        question: "Is a callback dropped once when another thread cancels it while the loop closes?",
        outcomes: &["by the canceller", "by the loop"],
        spec: Spec::allows(
            &[programs::cancel_races_close],
            &[("by the canceller", "ok; ok | true"), ("by the loop", "ok; ok | false")],
        ),
        body: || cancel_races_close(true),
        controls: &[Control {
            name: "nobody cancels",
            change: Change::Body(|| cancel_races_close(false)),
            fails_with: "outcome never reached: by the canceller",
        }],
        ..Model::DEFAULTS
    },
];

//= SPEC.md#w-1
//= type=test
//# A post MUST publish its entry before it wakes the loop.
//= SPEC.md#w-2
//= type=test
//# A post that is accepted while the loop sleeps, or is about to, MUST make that sleep end.
//= SPEC.md#q-5
//= type=test
//# An accepted callback that is not cancelled MUST run exactly once if the loop goes on to run.
fn post_races_sleep() -> Outcome {
    run_until_stopped(event_loop(), post_a_stop)
}

//= SPEC.md#w-2
//= type=test
//# A post that is accepted while the loop sleeps, or is about to, MUST make that sleep end.
//= SPEC.md#w-3
//= type=test
//# Between two moments at which the loop begins to sleep, posters MUST undertake at most one write
//# to the pipe.
fn post_races_spin() -> Outcome {
    let event_loop = EventLoop::builder().spin(SOON).build().expect("descriptors for a loop");
    // A turn with something to do: from then on the loop counts as awake until it sleeps.
    event_loop.call_soon(|| ()).expect("the loop is open");
    run_until_stopped(event_loop, post_a_stop);
    let (Some(slept), Some(bytes)) = (slept(), count("write", "Pipe")) else {
        return NOT_OBSERVED.into();
    };
    match (slept, bytes) {
        (true, 1) => "slept, 1 byte".into(),
        (false, 0) => "seen, no byte".into(),
        // Posted before the first turn.
        (false, 1) => "seen, 1 byte".into(),
        other => panic!("slept, bytes: {other:?}"),
    }
}

//= SPEC.md#w-3
//= type=test
//# Between two moments at which the loop begins to sleep, posters MUST undertake at most one write
//# to the pipe.
//= SPEC.md#w-2
//= type=test
//# A post that is accepted while the loop sleeps, or is about to, MUST make that sleep end.
fn two_posters_share_a_byte() -> Outcome {
    let event_loop = event_loop();
    let ran = Cell::new(0);
    let posters = ["poster 1", "poster 2"].map(|name| {
        let (handle, ran) = (event_loop.handle(), ran.clone());
        start(name, move || {
            let note = move || {
                ran.update(|ran| *ran += 1);
                if ran.get() == 2 {
                    running().stop();
                }
            };
            handle.call_soon_threadsafe(note).expect("the loop is open");
        })
    });
    event_loop.run_forever().expect("the run is stopped");
    posters.into_iter().for_each(join);
    let (Some(bytes), Some(polls)) = (count("write", "Pipe"), count("poll", "Pipe")) else {
        return NOT_OBSERVED.into();
    };
    // It polls only to sleep; and before its first sleep it counts as asleep, for it has not run yet.
    assert!(bytes <= 1 + polls, "{bytes} bytes for the sleeps there were");
    if bytes == 1 { "1 byte".into() } else { format!("{bytes} bytes").into() }
}

//= SPEC.md#q-1
//= type=test
//# If scheduling A happened before scheduling B, by whatever threads, then A MUST run before B.
fn post_before_call_soon(post_first: bool) -> Outcome {
    let event_loop = event_loop();
    let (flag, order) = (Cell::new(false), Cell::new(Vec::new()));
    let poster = start("poster", {
        let (handle, flag, order) = (event_loop.handle(), flag.clone(), order.clone());
        move || {
            if !post_first {
                flag.set(true);
            }
            let note = move || order.update(|order| order.push("post"));
            handle.call_soon_threadsafe(note).expect("the loop is open");
            flag.set(true);
        }
    });
    let (seen, noted) = (flag.clone(), order.clone());
    event_loop
        .call_soon(move || {
            if seen.get() {
                let note = move || noted.update(|order| order.push("call"));
                running().call_soon(note).expect("the loop is open");
            }
        })
        .expect("the loop is open");
    let now = Some(std::time::Duration::ZERO);
    assert_eq!(event_loop.run_once(now).expect("a turn"), Turn::Continue);
    join(poster);
    assert_eq!(event_loop.run_once(now).expect("a turn"), Turn::Continue);
    match order.get()[..] {
        ["post", "call"] => "post, then call".into(),
        ["post"] => "post alone".into(),
        ["call", ..] => panic!("the call_soon overtook the post"),
        ref other => panic!("something ran twice or not at all: {other:?}"),
    }
}

//= SPEC.md#w-5
//= type=test
//# A loop that finds the pipe readable MUST drain it completely before it takes the inbox.
//= SPEC.md#w-2
//= type=test
//# A post that is accepted while the loop sleeps, or is about to, MUST make that sleep end.
//= SPEC.md#q-1
//= type=test
//# If scheduling A happened before scheduling B, by whatever threads, then A MUST run before B.
fn post_races_drain() -> Outcome {
    let event_loop = event_loop();
    let turn = Cell::new(0);
    let ran_in = Cell::new(Vec::new());
    let poster = start("poster", {
        let (handle, turn, ran_in) = (event_loop.handle(), turn.clone(), ran_in.clone());
        move || {
            for _ in 0..2 {
                let (turn, ran_in) = (turn.clone(), ran_in.clone());
                let note = move || ran_in.update(|ran_in| ran_in.push(turn.get()));
                handle.call_soon_threadsafe(note).expect("the loop is open");
            }
        }
    });
    while ran_in.get().len() < 2 {
        turn.update(|turn| *turn += 1);
        assert_eq!(event_loop.run_once(None).expect("a turn"), Turn::Continue);
    }
    join(poster);
    let ran_in = ran_in.get();
    if ran_in[0] == ran_in[1] { "in one turn".into() } else { "in two turns".into() }
}

//= SPEC.md#w-9
//= type=test
//# Closing and posting MUST be atomic: a post is either refused, with nothing queued, or handed to
//# the loop, which runs it or ends it.
//= SPEC.md#s-6
//= type=test
//# `close` MUST be refused while the loop runs, MUST be idempotent, and MUST drop all queued work,
//# timers and tasks.
//= SPEC.md#s-8
//= type=test
//# After close every operation that would schedule work MUST be refused with `LoopClosed`.
fn post_races_close(close: bool) -> Outcome {
    let event_loop = event_loop();
    let (refused, dropped) = (Cell::new(false), Cell::new(0));
    let poster = start("poster", {
        let (handle, refused) = (event_loop.handle(), refused.clone());
        let owned = Owned(dropped.clone());
        move || {
            let callback = move || {
                let _ = &owned;
                panic!("the loop never ran");
            };
            match handle.call_soon_threadsafe(callback) {
                Ok(_) => {}
                Err(PostError::LoopClosed) => refused.set(true),
                Err(other) => panic!("{other}"),
            }
        }
    });
    if close {
        event_loop.close().expect("the loop does not run");
    }
    join(poster);
    assert_eq!(dropped.get(), 1, "the callback outlived the loop");
    assert_eq!(census(&event_loop).queued, 0, "something was queued on a closed loop");
    if refused.get() { "refused".into() } else { "accepted and dropped".into() }
}

//= SPEC.md#h-1
//= type=test
//# A handle that was cancelled before its callback began MUST never run it.
//= SPEC.md#h-3
//= type=test
//# Cancelling a handle MUST be idempotent, and MUST return whether this call prevented the
//# callback.
//= SPEC.md#h-4
//= type=test
//# Cancelling a handle whose callback is running MUST NOT wait for it.
//= SPEC.md#h-2
//= type=test
//# Cancelling a handle MUST drop its callback, with everything the callback owns, before the call
//# returns.
fn cancel_races_run(cancel: bool) -> Outcome {
    let event_loop = event_loop();
    let (ran, drops) = (Cell::new(false), Cell::new(0));
    let (noted, owned) = (ran.clone(), Owned(drops.clone()));
    let callback = move || {
        let _owned = owned;
        noted.set(true);
    };
    let handle = event_loop.handle().call_soon_threadsafe(callback).expect("the loop is open");
    let prevented = Cell::new(false);
    let canceller = start("canceller", {
        let (prevented, drops) = (prevented.clone(), drops.clone());
        move || {
            prevented.set(if cancel { handle.cancel() } else { handle.cancelled() });
            if prevented.get() {
                assert_eq!(drops.get(), 1, "cancelled, and what it owns is still there");
            }
        }
    });
    let turn = event_loop.run_once(Some(std::time::Duration::ZERO)).expect("a turn");
    assert_eq!(turn, Turn::Continue);
    join(canceller);
    assert_ne!(ran.get(), prevented.get(), "run and cancelled, or neither");
    assert_eq!(drops.get(), 1, "what it owned is still there");
    if ran.get() { "ran".into() } else { "cancelled".into() }
}

//= SPEC.md#h-2
//= type=test
//# Cancelling a handle MUST drop its callback, with everything the callback owns, before the call
//# returns.
//= SPEC.md#h-3
//= type=test
//# Cancelling a handle MUST be idempotent, and MUST return whether this call prevented the
//# callback.
//= SPEC.md#s-6
//= type=test
//# `close` MUST be refused while the loop runs, MUST be idempotent, and MUST drop all queued work,
//# timers and tasks.
fn cancel_races_close(cancel: bool) -> Outcome {
    let event_loop = event_loop();
    let drops = Cell::new(0);
    let owned = Owned(drops.clone());
    let callback = move || {
        let _owned = owned;
        panic!("the loop never ran");
    };
    let handle = event_loop.handle().call_soon_threadsafe(callback).expect("the loop is open");
    let prevented = Cell::new(false);
    let canceller = start("canceller", {
        let prevented = prevented.clone();
        move || prevented.set(cancel && handle.cancel())
    });
    event_loop.close().expect("the loop does not run");
    join(canceller);
    assert_eq!(drops.get(), 1, "dropped {} times", drops.get());
    if prevented.get() { "by the canceller".into() } else { "by the loop".into() }
}
