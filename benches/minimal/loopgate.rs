//! The least of a program with a loop: another thread has it run a coroutine. On the kernel.

#[cfg(not(any(loom, shuttle)))]
fn main() {
    let event_loop = loopgate::EventLoop::new().expect("descriptors for a loop");
    let handle = event_loop.handle();
    let asking = std::thread::spawn(move || {
        let sum = handle.run_coroutine_threadsafe(async { Ok(41 + 1) }).expect("an open loop");
        println!("{}", sum.result().expect("a sum"));
        handle.stop().expect("an open loop");
    });
    event_loop.run_forever().expect("a loop that is stopped");
    asking.join().expect("the thread that asks");
}

#[cfg(any(loom, shuttle))]
fn main() {}
