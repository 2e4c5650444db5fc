//! The least of a program with a loop: another thread has it run a coroutine. On tokio.

#[cfg(not(any(loom, shuttle)))]
fn main() {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().build().expect("descriptors for a loop");
    let handle = runtime.handle().clone();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let asking = std::thread::spawn(move || {
        let sum = handle.spawn(async { 41 + 1 });
        println!("{}", handle.block_on(sum).expect("a sum"));
        drop(stop);
    });
    // An error is the sender's drop: the signal.
    let _stopped = runtime.block_on(stopped);
    asking.join().expect("the thread that asks");
}

#[cfg(any(loom, shuttle))]
fn main() {}
