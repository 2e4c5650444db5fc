//! Work on a loop in a thread of its own, awaited by tokio: what `run_coroutine_threadsafe` returns is also
//! a standard future.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "an example is a program of its own: its threads are the real ones"
)]

#[cfg(not(any(loom, shuttle)))]
fn main() -> Result<(), loopgate::Exception> {
    use loopgate::{EventLoop, Exception, sleep};
    use std::time::Duration;

    let (announce, announced) = std::sync::mpsc::channel();
    let runner = std::thread::spawn(move || {
        let event_loop = EventLoop::new()?;
        announce.send(event_loop.handle()).expect("main waits for it");
        Ok::<_, Exception>(event_loop.run_forever()?)
    });
    let handle = announced.recv().expect("the thread makes a loop");

    let tokio = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    tokio.block_on(async {
        let future = handle.run_coroutine_threadsafe(async {
            sleep(Duration::from_millis(1)).await?;
            Ok(3)
        })?;
        println!("tokio got {}", future.await?);

        let endless = handle.run_coroutine_threadsafe(async {
            sleep(Duration::from_secs(3600)).await?;
            Ok(3)
        })?;
        let waited = tokio::time::timeout(Duration::from_millis(1), endless.clone()).await;
        println!("tokio gave up: {}", waited.is_err());
        println!("cancelled: {}", endless.cancel());
        let ended = endless.await.unwrap_err();
        println!("the await then ends with: {ended}");
        Ok::<_, Exception>(())
    })?;

    handle.stop()?;
    runner.join().expect("the loop's thread does not panic")
}

#[cfg(any(loom, shuttle))]
fn main() {
    eprintln!("tokio is not part of a build for the models");
}
