//! A thread submits coroutines to a loop that runs in another thread, and waits for what comes of them.
//!
//! Three endings: the value in time; a wait that times out, after which the coroutine is cancelled; an
//! exception that the coroutine raised.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "an example is a program of its own: its threads are the real ones"
)]

use std::future::Future;
use std::time::Duration;

use loopgate::{EventLoop, Exception, LoopHandle, ResultError, sleep};

/// Submits, waits no longer than `timeout`, and says what came of it.
fn submit(
    handle: &LoopHandle,
    timeout: Duration,
    coroutine: impl Future<Output = Result<u32, Exception>> + Send + 'static,
) -> Result<(), Exception> {
    let future = handle.run_coroutine_threadsafe(coroutine)?;
    match future.result_timeout(timeout) {
        Ok(value) => println!("The coroutine returned: {value}"),
        Err(ResultError::TimedOut) => {
            println!("The coroutine took too long, cancelling the task...");
            println!("cancelled: {}", future.cancel());
            // The future is done at once; this waits until the task has really ended.
            future.wait_ended()?;
            println!("ended: {}", future.ended());
        }
        Err(ResultError::Exception(exception)) => {
            println!("The coroutine raised an exception: {exception}");
        }
        Err(other) => return Err(other.into()),
    }
    Ok(())
}

fn main() -> Result<(), Exception> {
    let (announce, announced) = std::sync::mpsc::channel();
    let runner = std::thread::spawn(move || {
        let event_loop = EventLoop::new()?;
        announce.send(event_loop.handle()).expect("main waits for it");
        Ok::<_, Exception>(event_loop.run_forever()?)
    });
    let handle = announced.recv().expect("the thread makes a loop");

    let minute = Duration::from_secs(60);
    submit(&handle, minute, async {
        sleep(Duration::from_millis(10)).await?;
        Ok(3)
    })?;
    submit(&handle, Duration::from_millis(10), async move {
        sleep(minute).await?;
        Ok(3)
    })?;
    submit(&handle, minute, async { Ok("three".parse::<u32>()?) })?;

    handle.stop()?;
    runner.join().expect("the loop's thread does not panic")
}
