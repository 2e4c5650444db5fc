//! A loop in a thread of its own; from outside, callbacks are posted, a coroutine is submitted and its
//! future cancelled, the loop is stopped and the thread joined.
//!
//! The questions that people have about this in asyncio, and the answers here: the loop needs no time to
//! start, because posting to a loop that does not run yet is accepted (clause W-10); what `submit` returns
//! is what cancels; `stop` may be called from any thread and wakes the loop (clause G-2).

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "an example is a program of its own: its threads are the real ones"
)]

use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use loopgate::{ConcurrentFuture, EventLoop, Exception, LoopHandle, get_running_loop, sleep};

/// A thread that runs a loop.
struct LoopThread {
    handle: LoopHandle,
    thread: JoinHandle<Result<(), Exception>>,
}

impl LoopThread {
    fn start() -> LoopThread {
        let (announce, announced) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let event_loop = EventLoop::new()?;
            announce.send(event_loop.handle()).expect("somebody waits for it");
            Ok(event_loop.run_forever()?)
        });
        LoopThread { handle: announced.recv().expect("the thread makes a loop"), thread }
    }

    /// Ticks until it is cancelled; cleans up; is then really cancelled.
    fn start_ticking(
        &self,
        ticks: mpsc::Sender<u32>,
    ) -> Result<ConcurrentFuture<()>, loopgate::PostError> {
        self.handle.run_coroutine_threadsafe(async move {
            for tick in 1.. {
                // Whoever counts has gone when this fails, and that is fine.
                let _ = ticks.send(tick);
                if let Err(cancelled) = sleep(Duration::from_millis(1)).await {
                    println!("Cancelled");
                    return Err(cancelled);
                }
            }
            unreachable!("ticks for ever")
        })
    }

    fn stop(self) -> Result<(), Exception> {
        self.handle.stop()?;
        self.thread.join().expect("the loop's thread does not panic")
    }
}

fn main() -> Result<(), Exception> {
    let loop_thread = LoopThread::start();

    loop_thread.handle.call_soon_threadsafe(|| {
        let running = get_running_loop().expect("callbacks are called by the loop");
        println!("posted callback runs on the loop: {}", running.is_running());
    })?;
    let never = loop_thread.handle.call_later_threadsafe(Duration::from_secs(3600), || {
        println!("this is cancelled in time");
    })?;
    println!("timer cancelled: {}", never.cancel());

    let (ticks, ticked) = mpsc::channel();
    let ticking = loop_thread.start_ticking(ticks)?;
    assert!(ticked.iter().any(|tick| tick == 3), "it ticks until it is cancelled");
    println!("ticked 3 times");
    println!("cancel: {}", ticking.cancel());
    ticking.wait_ended()?;
    println!("cancelled: {}, ended: {}", ticking.cancelled(), ticking.ended());

    loop_thread.stop()?;
    println!("loop stopped, thread joined");
    Ok(())
}
