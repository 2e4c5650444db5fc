//! A program on a loop starts a thread, and the thread runs a coroutine in the loop it came from.
//!
//! In real time the thread's one-second sleep and the loop's are two clocks that tick together: two pairs
//! of lines race, and may swap. With `--virtual` thread and loop share one virtual clock: the lines come
//! in one order, at once. `--scale MILLIS` sets how long a second is in real time.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "an example is a program of its own: its threads are the real ones"
)]

use std::cell::RefCell;
use std::process::ExitCode;
use std::time::Duration;

use loopgate::{Clock, EventLoop, Exception, JoinHandle, LoopHandle, get_running_loop, sleep};

/// Submitted by the thread.
async fn second_task(second: Duration) -> Result<(), Exception> {
    println!(">>task2 running");
    sleep(2 * second).await?;
    println!(">>task2 done");
    Ok(())
}

/// What the loop does all along.
async fn first_task(second: Duration) -> Result<(), Exception> {
    for i in 0..5 {
        println!(">task at {i}");
        sleep(second).await?;
    }
    Ok(())
}

/// The thread: it has a handle, and so can do what is thread-safe and nothing else.
fn thread(handle: &LoopHandle, second: Duration) -> Result<(), Exception> {
    println!("thread running");
    handle.clock().sleep(second);
    handle.run_coroutine_threadsafe(second_task(second))?.result()?;
    println!("thread done");
    Ok(())
}

thread_local! {
    /// Joined at the end of the program.
    static THREAD: RefCell<Option<JoinHandle>> = const { RefCell::new(None) };
}

async fn program(second: Duration) -> Result<(), Exception> {
    println!("asyncio running");
    let handle = get_running_loop()?.handle();
    let clock = handle.clock().clone();
    let spawned = clock.spawn("submitter", move || {
        if let Err(error) = thread(&handle, second) {
            println!("thread failed: {error}");
        }
    })?;
    THREAD.set(Some(spawned));
    first_task(second).await?;
    println!("asyncio done");
    Ok(())
}

fn run(clock: Clock, second: Duration) -> Result<(), Exception> {
    let event_loop = EventLoop::with_clock(clock)?;
    event_loop.run_until_complete(program(second))?;
    if let Some(thread) = THREAD.take() {
        thread.join().expect("the thread does not panic");
    }
    Ok(())
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let ran = match words[..] {
        [] => run(Clock::real(), Duration::from_secs(1)),
        ["--virtual"] => run(Clock::virtual_time(), Duration::from_secs(1)),
        ["--scale", millis] if millis.parse::<u64>().is_ok_and(|millis| millis > 0) => {
            run(Clock::real(), Duration::from_millis(millis.parse().expect("just parsed")))
        }
        _ => {
            eprintln!(
                "usage: coroutine_from_thread [--virtual | --scale MILLIS], MILLIS at least 1"
            );
            return ExitCode::from(2);
        }
    };
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("failed: {error}");
            ExitCode::FAILURE
        }
    }
}
