//! Threads that take jobs from a channel.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::peers::workers;
use crate::sample::{Sample, Size};

type Job = Box<dyn FnOnce() -> u64 + Send>;

/// `n` boxed jobs through one channel to the workers; they add up what the jobs return.
pub(crate) fn channel_throughput(size: Size) -> Sample {
    let (send, receive) = crossbeam_channel::unbounded::<Job>();
    let (sum, left) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(size.n as u64)));
    let main = std::thread::current();
    let threads: Vec<_> = (0..workers())
        .map(|_| {
            let (receive, sum, left) = (receive.clone(), Arc::clone(&sum), Arc::clone(&left));
            let main = main.clone();
            std::thread::spawn(move || {
                for job in receive {
                    sum.fetch_add(job(), Ordering::Relaxed);
                    if left.fetch_sub(1, Ordering::AcqRel) == 1 {
                        main.unpark();
                    }
                }
            })
        })
        .collect();
    let start = Instant::now();
    for value in 0..size.n as u64 {
        send.send(Box::new(move || value + 1)).expect("workers that listen");
    }
    while left.load(Ordering::Acquire) > 0 {
        std::thread::park();
    }
    let elapsed = start.elapsed();
    assert_eq!(sum.load(Ordering::Relaxed), (size.n as u64) * (size.n as u64 + 1) / 2);
    drop(send);
    threads.into_iter().for_each(|thread| thread.join().expect("a worker"));
    Sample::per_operation(elapsed, size.n)
}
