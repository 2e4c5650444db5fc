//! A request to another thread and its answer, with nothing around them.
//!
//! The answering thread waits as a loop does that could also serve descriptors: in a poll, on an eventfd.
//! The asking thread waits on a futex. When they spin first, it is with the same patience that the
//! kernel has.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use rustix::buffer::spare_capacity;
use rustix::event::epoll;
use rustix::event::{EventfdFlags, eventfd};
use rustix::fd::OwnedFd;
use rustix::thread::futex;

use crate::machine::loops_side;
use crate::peers::loopgate::PATIENCE;
use crate::sample::{Sample, Size};

struct Line {
    bell: OwnedFd,
    asked: AtomicU32,
    answered: AtomicU32,
    /// Whether the answering thread is in its poll, the asking one in its futex.
    asleep: [AtomicU32; 2],
}

const STOP: u32 = u32::MAX;

impl Line {
    fn new() -> Arc<Line> {
        let flags = EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC;
        let bell = eventfd(0, flags).expect("a descriptor");
        let (asked, answered) = (AtomicU32::new(0), AtomicU32::new(0));
        Arc::new(Line { bell, asked, answered, asleep: Default::default() })
    }

    fn ring(&self) {
        rustix::io::write(&self.bell, &1u64.to_ne_bytes()).expect("room in a counter");
    }

    fn poll(&self, epoll: &OwnedFd) {
        let mut events: Vec<epoll::Event> = Vec::with_capacity(4);
        epoll::wait(epoll, spare_capacity(&mut events), None).expect("a poll");
        let mut count = [0; 8];
        rustix::io::read(&self.bell, &mut count).expect("a counter that was rung");
    }

    fn epoll(&self) -> OwnedFd {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).expect("a descriptor");
        let data = epoll::EventData::new_u64(0);
        epoll::add(&epoll, &self.bell, data, epoll::EventFlags::IN).expect("an eventfd");
        epoll
    }

    fn await_answer(&self, value: u32) {
        loop {
            let seen = self.answered.load(Ordering::Acquire);
            if seen == value {
                return;
            }
            // An error is an answer that was quicker.
            let _ = futex::wait(&self.answered, futex::Flags::PRIVATE, seen, None);
        }
    }

    fn answer(&self, value: u32) {
        self.answered.store(value, Ordering::Release);
        futex::wake(&self.answered, futex::Flags::PRIVATE, 1).expect("a word");
    }
}

/// Both sleep.
pub(crate) fn eventfd_futex(size: Size) -> Sample {
    let line = Line::new();
    let other = Arc::clone(&line);
    let answering = loops_side(|| {
        std::thread::spawn(move || {
            let epoll = other.epoll();
            loop {
                other.poll(&epoll);
                match other.asked.load(Ordering::Acquire) {
                    STOP => return,
                    value => other.answer(value),
                }
            }
        })
    });
    let mut value = 0;
    let sample = Sample::of_round_trips(size.n, |_| {
        value += 1;
        line.asked.store(value, Ordering::Release);
        line.ring();
        line.await_answer(value);
    });
    line.asked.store(STOP, Ordering::Release);
    line.ring();
    answering.join().expect("it answers until it is told to stop");
    sample
}

/// Spins while that pays: a vain spin doubles how many of the next are left out.
#[derive(Default)]
struct Patience {
    leave_out: u32,
    vain: u32,
}

impl Patience {
    /// Whether it came while spinning.
    fn spin(&mut self, came: impl Fn() -> bool) -> bool {
        if self.leave_out > 0 {
            self.leave_out -= 1;
            return came();
        }
        let start = Instant::now();
        loop {
            if came() {
                self.vain = 0;
                return true;
            }
            if start.elapsed() > PATIENCE {
                break;
            }
            (0..16).for_each(|_| std::hint::spin_loop());
        }
        self.vain = (self.vain + 1).min(8);
        self.leave_out = (1 << self.vain) - 1;
        false
    }
}

/// Both spin while it pays, and then sleep.
pub(crate) fn spinning(size: Size) -> Sample {
    let line = Line::new();
    let other = Arc::clone(&line);
    let answering = loops_side(|| {
        std::thread::spawn(move || {
            let (epoll, mut patience, mut done) = (other.epoll(), Patience::default(), 0);
            loop {
                let came = || other.asked.load(Ordering::Acquire) != done;
                if !patience.spin(came) {
                    other.asleep[0].swap(1, Ordering::SeqCst);
                    if !came() {
                        other.poll(&epoll);
                    }
                    other.asleep[0].swap(0, Ordering::SeqCst);
                }
                match other.asked.load(Ordering::Acquire) {
                    STOP => return,
                    value if value != done => {
                        done = value;
                        other.answered.swap(value, Ordering::SeqCst);
                        if other.asleep[1].swap(0, Ordering::SeqCst) == 1 {
                            futex::wake(&other.answered, futex::Flags::PRIVATE, 1).expect("a word");
                        }
                    }
                    _ => {}
                }
            }
        })
    });
    let (mut value, mut patience) = (0, Patience::default());
    let ask = |value| {
        line.asked.swap(value, Ordering::SeqCst);
        if line.asleep[0].swap(0, Ordering::SeqCst) == 1 {
            line.ring();
        }
    };
    let sample = Sample::of_round_trips(size.n, |_| {
        value += 1;
        ask(value);
        if !patience.spin(|| line.answered.load(Ordering::Acquire) == value) {
            line.asleep[1].swap(1, Ordering::SeqCst);
            line.await_answer(value);
            line.asleep[1].swap(0, Ordering::SeqCst);
        }
    });
    ask(STOP);
    line.ring();
    answering.join().expect("it answers until it is told to stop");
    sample
}
