//! The examples are programs that people start from: each is run, and says what it should.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "the tests are foreign threads: they use the real ones"
)]
#![cfg(not(any(loom, shuttle)))]

use std::path::PathBuf;
use std::process::Command;

/// Where cargo put an example: beside this test's folder. `cargo test` builds them, `--test` alone does not.
fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows where it is");
    let profile = test.ancestors().nth(2).expect("target/PROFILE/deps/TEST");
    let path = profile.join("examples").join(name);
    assert!(path.exists(), "{} is missing: `cargo build --examples` first", path.display());
    path
}

/// Runs an example, which must succeed; its lines.
fn lines(name: &str, arguments: &[&str]) -> Vec<String> {
    let output = Command::new(example(name)).args(arguments).output().expect("it can be started");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} failed: {errors}");
    let text = String::from_utf8(output.stdout).expect("it prints text");
    text.lines().map(str::to_owned).collect()
}

/// The tutorial's lines, in its order.
const TUTORIAL: [&str; 11] = [
    "asyncio running",
    "thread running",
    ">task at 0",
    ">>task2 running",
    ">task at 1",
    ">task at 2",
    ">>task2 done",
    ">task at 3",
    "thread done",
    ">task at 4",
    "asyncio done",
];

/// Each ending of a submission: the value, a timeout with a cancel, an exception.
#[test]
fn run_coroutine_threadsafe() {
    assert_eq!(
        lines("run_coroutine_threadsafe", &[]),
        [
            "The coroutine returned: 3",
            "The coroutine took too long, cancelling the task...",
            "cancelled: true",
            "ended: true",
            "The coroutine raised an exception: invalid digit found in string",
        ]
    );
}

/// On a virtual clock the tutorial's order is the only one; a few runs, because it must be every time.
#[test]
fn coroutine_from_thread_in_virtual_time() {
    for _ in 0..20 {
        assert_eq!(lines("coroutine_from_thread", &["--virtual"]), TUTORIAL);
    }
}

/// In real time some lines race: they are all there, and those of one thread are in order.
#[test]
fn coroutine_from_thread_in_real_time() {
    let lines = lines("coroutine_from_thread", &["--scale", "20"]);
    let mut sorted = lines.clone();
    sorted.sort();
    let mut expected = TUTORIAL.map(str::to_owned);
    expected.sort();
    assert_eq!(sorted, expected);
    let of =
        |part: &str| lines.iter().filter(|line| line.contains(part)).cloned().collect::<Vec<_>>();
    let in_order: Vec<_> = (0..5).map(|i| format!(">task at {i}")).collect();
    assert_eq!(of(">task at"), in_order);
    assert_eq!(of("thread"), ["thread running", "thread done"]);
    assert_eq!(of("task2"), [">>task2 running", ">>task2 done"]);
    assert_eq!(of("asyncio"), ["asyncio running", "asyncio done"]);
}

/// Words that it does not understand are refused with its usage.
#[test]
fn coroutine_from_thread_refuses_other_arguments() {
    for arguments in [&["--scale"][..], &["--scale", "0"], &["--fast"]] {
        let output = Command::new(example("coroutine_from_thread")).args(arguments).output();
        let output = output.expect("it can be started");
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).starts_with("usage:"));
    }
}

/// Posting, cancelling, stopping, joining. The posted callback runs before the coroutine that follows it.
#[test]
fn post_and_cancel_from_thread() {
    let mut lines = lines("post_and_cancel_from_thread", &[]);
    // The main thread prints this while the loop may be running the callback.
    let timer = lines.iter().position(|line| line == "timer cancelled: true").expect("printed");
    assert!(timer <= 1);
    lines.remove(timer);
    // The cancel's own line and the coroutine's race, for they are of two threads.
    lines[2..4].sort();
    assert_eq!(
        lines,
        [
            "posted callback runs on the loop: true",
            "ticked 3 times",
            "Cancelled",
            "cancel: true",
            "cancelled: true, ended: true",
            "loop stopped, thread joined",
        ]
    );
}

/// The default pool, a pool of one's own, an error, and the default pool after its shutdown.
#[test]
fn run_in_executor() {
    assert_eq!(
        lines("run_in_executor", &[]),
        [
            "default thread pool: 100 bytes",
            "custom thread pool: 333332833333500000 in mine-0",
            "an error arrives as an exception: invalid digit found in string",
            "after the shutdown: the executor is shut down; make a new one",
        ]
    );
}

/// Caller and handler get one object, the handler once.
#[test]
fn task_factory_error() {
    assert_eq!(
        lines("task_factory_error", &[]),
        [
            "the submitter got: name 'wrong_name' is not defined",
            "the handler was called: 1 time(s)",
            "with the same object: true",
        ]
    );
}

/// Timers and foreign submissions both get their turns. Which is first is the clock's business.
#[test]
fn embed_in_foreign_loop() {
    let mut lines = lines("embed_in_foreign_loop", &[]);
    assert_eq!(lines.pop().as_deref(), Some("the host is done with its guest"));
    lines.sort();
    assert_eq!(
        lines,
        [
            "the guest runs a coroutine from another thread",
            "the guest's timer fired",
            "the other thread got 3",
        ]
    );
}

/// tokio gets the value, gives up on another, cancels it, and sees the cancellation.
#[test]
fn await_from_tokio() {
    assert_eq!(
        lines("await_from_tokio", &[]),
        [
            "tokio got 3",
            "tokio gave up: true",
            "cancelled: true",
            "the await then ends with: cancelled",
        ]
    );
}
