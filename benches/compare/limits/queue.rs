//! Storing callbacks and calling them.

use std::cell::RefCell;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::Mutex;

use crate::sample::{CpuTime, Sample, Size, Tally};

/// A function pointer and what it is called with: what a loop in C stores.
type Raw = (fn(&Tally), &'static Tally);

/// Those in a Vec, called.
pub(crate) fn function_pointers(size: Size) -> Sample {
    let tally = Tally::of(size.n);
    let mut queue: Vec<Raw> = Vec::new();
    let start = CpuTime::start();
    for _ in 0..size.n {
        queue.push((black_box(Tally::hit), tally));
    }
    queue.drain(..).for_each(|(call, tally)| call(tally));
    Sample::per_operation(start.elapsed(), size.n)
}

type Boxed = Box<dyn FnOnce()>;

/// Boxed closures in a Vec, swapped out and called.
pub(crate) fn boxed_callbacks(size: Size) -> Sample {
    let tally = Tally::of(size.n);
    let (mut queue, mut batch): (Vec<Boxed>, Vec<Boxed>) = Default::default();
    let start = CpuTime::start();
    for _ in 0..size.n {
        queue.push(black_box(Box::new(move || tally.hit())));
    }
    while !queue.is_empty() {
        std::mem::swap(&mut queue, &mut batch);
        batch.drain(..).for_each(|call| call());
    }
    Sample::per_operation(start.elapsed(), size.n)
}

/// The same, where each callback queues the next.
pub(crate) fn boxed_chain(size: Size) -> Sample {
    type Queue = &'static RefCell<Vec<Boxed>>;
    fn link(queue: Queue, tally: &'static Tally) {
        queue.borrow_mut().push(Box::new(move || {
            tally.hit();
            if !tally.is_complete() {
                link(queue, tally);
            }
        }));
    }
    let (queue, tally) = (Queue::from(Box::leak(Box::default())), Tally::of(size.n));
    let mut batch = Vec::new();
    let start = CpuTime::start();
    link(queue, tally);
    while !queue.borrow().is_empty() {
        std::mem::swap(&mut *queue.borrow_mut(), &mut batch);
        batch.drain(..).for_each(|call| call());
    }
    Sample::per_operation(start.elapsed(), size.n)
}

/// A block allocated and freed, as many at a time as there are callbacks.
pub(crate) fn allocator_pairs(size: Size) -> Sample {
    let mut blocks: Vec<Box<[usize; 3]>> = Vec::with_capacity(size.n);
    let start = CpuTime::start();
    for index in 0..size.n {
        blocks.push(Box::new(black_box([index; 3])));
    }
    blocks.clear();
    Sample::per_operation(start.elapsed(), size.n)
}

/// Boxed closures pushed one by one under a lock that nobody else wants, then swapped out and called.
pub(crate) fn mutexed(size: Size) -> Sample {
    let counted = Arc::new(AtomicU64::new(0));
    let queue: Mutex<Vec<Box<dyn FnOnce() + Send>>> = Mutex::default();
    let start = Instant::now();
    for _ in 0..size.n {
        let counted = Arc::clone(&counted);
        queue.lock().push(Box::new(move || {
            counted.fetch_add(1, Ordering::Relaxed);
        }));
    }
    let mut batch = std::mem::take(&mut *queue.lock());
    batch.drain(..).for_each(|call| call());
    let elapsed = start.elapsed();
    assert_eq!(counted.load(Ordering::Relaxed), size.n as u64);
    Sample::per_operation(elapsed, size.n)
}

/// `p` threads that count up one word.
pub(crate) fn fetch_add(size: Size) -> Sample {
    let (word, each) = (AtomicU64::new(0), size.n / size.p);
    let together = std::sync::Barrier::new(size.p + 1);
    let elapsed = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..size.p)
            .map(|_| {
                scope.spawn(|| {
                    together.wait();
                    for _ in 0..each {
                        word.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        let start = Instant::now();
        together.wait();
        threads.into_iter().for_each(|thread| thread.join().expect("it counts"));
        start.elapsed()
    });
    Sample::per_operation(elapsed, each * size.p)
}
