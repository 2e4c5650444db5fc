//! The least of a program with a loop: another thread has it run a coroutine. On smol, by its parts.

#[cfg(not(any(loom, shuttle)))]
fn main() {
    let executor = std::sync::Arc::new(async_executor::Executor::new());
    let asked = std::sync::Arc::clone(&executor);
    let (stop, stopped) = futures::channel::oneshot::channel::<()>();
    let asking = std::thread::spawn(move || {
        let sum = asked.spawn(async { 41 + 1 });
        println!("{}", futures_lite::future::block_on(sum));
        drop(stop);
    });
    // An error is the sender's drop: the signal.
    let _stopped = async_io::block_on(executor.run(stopped));
    asking.join().expect("the thread that asks");
}

#[cfg(any(loom, shuttle))]
fn main() {}
