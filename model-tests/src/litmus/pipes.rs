//! The self-pipe, the poll that sleeps on it, and time.

use std::time::Duration;

use loopgate::Time;
use loopgate::checkers::model::{
    Arc, Clock, Cures, Drained, Environment, Pipe, Poller, Until, Written,
};

use crate::harness::{Change, Control, Model, Outcome, join, start};

const ROOM_FOR_TWO: Environment = Environment { pipe_capacity: 2, ..Environment::USUAL };
const LOST_BYTES: Environment = Environment { lost_bytes: true, ..Environment::USUAL };
const FAILING_WRITES: Environment = Environment { failing_writes: true, ..Environment::USUAL };
const INTERRUPTS: Environment = Environment { interrupts: true, ..Environment::USUAL };
const END_OF_FILE: Environment = Environment { end_of_file: true, ..Environment::USUAL };
const PARTIAL_DRAINS: Environment = Environment { partial_drains: true, ..ROOM_FOR_TWO };
const NO_EARLY_TIMEOUTS: Environment =
    Environment { cures: Cures { early_timeouts: false, ..Cures::ALL }, ..Environment::USUAL };

pub(super) static MODELS: &[Model] = &[
    Model {
        name: "litmus_pipe_is_full",
        clauses: &["P-6"],
        question: "Is the pipe full after one byte?",
        threads: 1,
        outcomes: &["full"],
        body: write_twice,
        controls: &[Control {
            name: "room for two",
            change: Change::Environment(ROOM_FOR_TWO),
            fails_with: "outcome not allowed: room",
        }],
        ..Model::LITMUS
    },
    Model {
        name: "litmus_byte_wakes_poll",
        clauses: &["P-6", "P-8"],
        question: "Does a byte wake the poll, whichever comes first?",
        outcomes: &["readable"],
        body: || poll_for_a_byte(Until::Ready),
        controls: &[Control {
            name: "the byte may vanish",
            change: Change::Environment(LOST_BYTES),
            fails_with: "deadlock",
        }],
        ..Model::LITMUS
    },
    Model {
        name: "litmus_poll_times_out",
        clauses: &["P-8", "P-12"],
        question: "Does a poll time out before the byte, after it and not at all, and time move with it?",
        outcomes: &["readable at 0ns", "readable at 5ns", "nothing at 5ns"],
        body: poll_with_timeout,
        controls: &[Control {
            name: "timeouts fire only if nobody can run",
            change: Change::Environment(NO_EARLY_TIMEOUTS),
            fails_with: "outcome never reached: readable at 5ns; nothing at 5ns",
        }],
        ..Model::LITMUS
    },
    Model {
        name: "litmus_poll_is_interrupted",
        clauses: &["P-7"],
        question: "Does a poll also return without a reason?",
        environment: INTERRUPTS,
        outcomes: &["readable", "nothing"],
        body: || poll_for_a_byte(Until::Ready),
        controls: &[Control {
            name: "no signals",
            change: Change::Environment(Environment::USUAL),
            fails_with: "outcome never reached: nothing",
        }],
        ..Model::LITMUS
    },
    Model {
        name: "litmus_drain_leaves_a_byte",
        clauses: &["P-6"],
        question: "Does a drain also leave a byte of two?",
        threads: 1,
        environment: PARTIAL_DRAINS,
        outcomes: &["empty", "readable"],
        body: drain_two,
        controls: &[Control {
            name: "drains are complete",
            change: Change::Environment(ROOM_FOR_TWO),
            fails_with: "outcome never reached: readable",
        }],
        ..Model::LITMUS
    },
    Model {
        name: "litmus_pipe_breaks",
        clauses: &["P-6"],
        question: "Does the pipe break before and after the write, and never?",
        environment: END_OF_FILE,
        outcomes: &["byte", "end-of-file after the write", "end-of-file, the write fails"],
        body: drain_what_comes,
        controls: &[Control {
            name: "pipes do not break",
            change: Change::Environment(Environment::USUAL),
            fails_with: "outcome never reached: end-of-file",
        }],
        ..Model::LITMUS
    },
    Model {
        name: "litmus_write_fails",
        clauses: &["P-6"],
        question: "Does a write also fail, having written nothing?",
        threads: 1,
        environment: FAILING_WRITES,
        outcomes: &["written, readable", "failed, empty"],
        body: write_once,
        controls: &[Control {
            name: "writes do not fail",
            change: Change::Environment(Environment::USUAL),
            fails_with: "outcome never reached: failed",
        }],
        ..Model::LITMUS
    },
    Model {
        name: "litmus_byte_vanishes",
        clauses: &["P-6"],
        question: "Can a byte vanish, for controls that need it?",
        threads: 1,
        environment: LOST_BYTES,
        outcomes: &["written, readable", "written, empty"],
        body: write_once,
        controls: &[Control {
            name: "bytes do not vanish",
            change: Change::Environment(Environment::USUAL),
            fails_with: "outcome never reached: written, empty",
        }],
        ..Model::LITMUS
    },
    Model {
        name: "litmus_time_passes_in_between",
        clauses: &["P-12"],
        question: "Does time that another thread moves pass before, between and after two readings?",
        outcomes: &["0ns, 0ns", "0ns, 5ns", "5ns, 5ns"],
        body: || read_time_twice(Duration::from_nanos(5)),
        controls: &[Control {
            name: "time stands still",
            change: Change::Body(|| read_time_twice(Duration::ZERO)),
            fails_with: "outcome never reached: 0ns, 5ns",
        }],
        ..Model::LITMUS
    },
];

struct Loop {
    clock: Clock,
    pipe: Arc<Pipe>,
    poller: Poller,
}

impl Loop {
    fn new() -> Loop {
        let (clock, pipe) = (Clock::real(), Arc::new(Pipe::new().expect("a pipe")));
        let poller = Poller::new(&clock, &pipe).expect("a poller");
        Loop { clock, pipe, poller }
    }

    fn poll(&mut self, until: Until) -> &'static str {
        match self.poller.poll(until, &mut Vec::new()).expect("a poll") {
            true => "readable",
            false => "nothing",
        }
    }
}

fn write_twice() -> Outcome {
    let pipe = Pipe::new().expect("a pipe");
    assert_eq!(pipe.try_write().expect("a write"), Written::Byte);
    match pipe.try_write().expect("a write") {
        Written::Byte => "room".into(),
        Written::Full => "full".into(),
    }
}

fn poll_for_a_byte(until: Until) -> Outcome {
    let mut looped = Loop::new();
    let pipe = Arc::clone(&looped.pipe);
    let writer = start("writer", move || _ = pipe.try_write().expect("a write"));
    let outcome = looped.poll(until);
    join(writer);
    outcome.into()
}

fn poll_with_timeout() -> Outcome {
    let mut looped = Loop::new();
    let pipe = Arc::clone(&looped.pipe);
    let writer = start("writer", move || _ = pipe.try_write().expect("a write"));
    let outcome = looped.poll(Until::Time(Time::from_nanos(5)));
    let now = looped.clock.now();
    join(writer);
    format!("{outcome} at {now}").into()
}

fn drain_two() -> Outcome {
    let mut looped = Loop::new();
    assert_eq!(looped.pipe.fill(), 2);
    assert_eq!(looped.pipe.drain().expect("a drain"), Drained::Empty);
    if looped.poll(Until::Now) == "readable" { "readable".into() } else { "empty".into() }
}

fn drain_what_comes() -> Outcome {
    let mut looped = Loop::new();
    let result = Arc::new(loopgate::checkers::model::Mutex::new(None));
    let writer = start("writer", {
        let (pipe, result) = (Arc::clone(&looped.pipe), Arc::clone(&result));
        move || *result.lock() = Some(pipe.try_write().is_ok())
    });
    assert_eq!(looped.poll(Until::Ready), "readable");
    let drained = looped.pipe.drain().expect("a drain");
    join(writer);
    let written = result.lock().expect("the writer has ended");
    match (drained, written) {
        (Drained::Empty, true) => "byte",
        (Drained::EndOfFile, true) => "end-of-file after the write",
        (Drained::EndOfFile, false) => "end-of-file, the write fails",
        (Drained::Empty, false) => "nothing, the write fails",
    }
    .into()
}

fn write_once() -> Outcome {
    let mut looped = Loop::new();
    let written = if looped.pipe.try_write().is_ok() { "written" } else { "failed" };
    let readable = if looped.poll(Until::Now) == "readable" { "readable" } else { "empty" };
    format!("{written}, {readable}").into()
}

fn read_time_twice(pause: Duration) -> Outcome {
    let clock = Clock::real();
    let sleeper = start("sleeper", {
        let clock = clock.clone();
        move || clock.sleep(pause)
    });
    let first = clock.now();
    let second = clock.now();
    join(sleeper);
    format!("{first}, {second}").into()
}
