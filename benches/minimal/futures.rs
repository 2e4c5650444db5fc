//! The least of a program with a loop: another thread has it run a coroutine. On futures' LocalPool, which
//! others reach through a channel.

#[cfg(not(any(loom, shuttle)))]
fn main() {
    use futures::StreamExt;
    use futures::channel::{mpsc, oneshot};
    use futures::task::LocalSpawnExt;

    let (messages, mut received) = mpsc::unbounded::<oneshot::Sender<i32>>();
    let asking = std::thread::spawn(move || {
        let (answer, sum) = oneshot::channel();
        messages.unbounded_send(answer).expect("a loop that runs");
        println!("{}", futures::executor::block_on(sum).expect("a sum"));
    });
    let mut pool = futures::executor::LocalPool::new();
    let spawner = pool.spawner();
    // Ends when the other thread has dropped its sender.
    pool.run_until(async move {
        while let Some(answer) = received.next().await {
            let task = async move { _ = answer.send(41 + 1) };
            spawner.spawn_local(task).expect("an open pool");
        }
    });
    asking.join().expect("the thread that asks");
}

#[cfg(any(loom, shuttle))]
fn main() {}
