//! Chapter C of SPEC.md: every race of the two chains that can be written, named CAn and CBn as there.

mod cancels;
mod closing;
mod outcomes;
mod rows;
mod wrapping;

use std::collections::VecDeque;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use loopgate::executor::Work;
use loopgate::{
    Cancelled, ConcurrentFuture, EventLoop, Exception, Executor, ExitRequest, LoopClosed,
    LoopFuture, LoopHandle, PostError, ResultError, RunError, SubmitError, Turn, concurrent,
    current_task, get_running_loop, yield_now,
};

use super::concurrent::{GUARD, Notes, events};
use super::support::{Log, record_reports, virtual_loop};

/// One iteration that does not sleep.
fn turn(event_loop: &EventLoop) {
    assert_eq!(event_loop.run_once(Some(Duration::ZERO)).unwrap(), Turn::Continue);
}

fn turns(event_loop: &EventLoop, count: usize) {
    for _ in 0..count {
        turn(event_loop);
    }
}

fn is_cancelled<T>(result: &Result<T, ResultError>) -> bool {
    matches!(result, Err(ResultError::Cancelled(_)))
}

fn is_loop_closed<T>(result: &Result<T, ResultError>) -> bool {
    matches!(result, Err(ResultError::Exception(e)) if e.is::<LoopClosed>())
}

/// Done, cancelled, ended.
fn state<T>(future: &ConcurrentFuture<T>) -> (bool, bool, bool) {
    (future.done(), future.cancelled(), future.ended())
}

const PENDING: (bool, bool, bool) = (false, false, false);
const FINISHED: (bool, bool, bool) = (true, false, true);
const CANCELLED: (bool, bool, bool) = (true, true, false);
const CANCELLED_ENDED: (bool, bool, bool) = (true, true, true);

/// Cancels from a thread that is not the loop's.
fn cancel_from_elsewhere<T: Send + 'static>(future: &ConcurrentFuture<T>) -> bool {
    let future = future.clone();
    thread::spawn(move || future.cancel()).join().unwrap()
}

/// A loop that runs in a thread of its own until it is stopped.
struct Elsewhere {
    handle: LoopHandle,
    thread: thread::JoinHandle<()>,
}

impl Elsewhere {
    fn start() -> Elsewhere {
        let (sender, receiver) = mpsc::channel();
        let thread = thread::spawn(move || {
            let event_loop = EventLoop::new().unwrap();
            sender.send(event_loop.handle()).unwrap();
            event_loop.run_forever().unwrap();
        });
        Elsewhere { handle: receiver.recv().unwrap(), thread }
    }

    fn stop(self) {
        self.handle.stop().unwrap();
        self.thread.join().unwrap();
    }
}

// Direction A: from a task to its submission

//= SPEC.md#t-18
//= type=test
//# `sleep` MUST end not before its delay, and when cancelled MUST withdraw its timer; `yield_now`
//# MUST let everything that is queued run first.
#[test]
fn t18_a_task_that_cancelled_itself_yields_to_everything_queued() {
    let event_loop = virtual_loop();
    let order = Notes::default();
    let noted = order.clone();
    let handle = event_loop.handle();
    let future = event_loop
        .handle()
        .run_coroutine_threadsafe(async move {
            // Queues a step, which is there before what is to run first.
            current_task().unwrap().cancel();
            assert!(yield_now().await.unwrap_err().is_cancelled());
            let (queued, posted) = (noted.clone(), noted.clone());
            get_running_loop()?.call_soon(move || queued.note("queued"))?;
            handle.call_soon_threadsafe(move || posted.note("posted"))?;
            yield_now().await?;
            noted.note("resumed");
            Ok(7)
        })
        .unwrap();
    turns(&event_loop, 5);
    assert_eq!(order.entries(), ["queued", "posted", "resumed"]);
    assert_eq!(future.result().unwrap(), 7);
}

//= SPEC.md#u-2
//= type=test
//# Submitting to a closed loop MUST be refused in the submitting thread, and the coroutine MUST be
//# dropped unrun.
#[test]
fn u2_ca13_closed_at_submission() {
    let event_loop = virtual_loop();
    let handle = event_loop.handle();
    event_loop.close().unwrap();
    let alive = Arc::new(AtomicBool::new(false));
    let ran = Arc::clone(&alive);
    let refused = handle.run_coroutine_threadsafe(async move {
        ran.store(true, Ordering::SeqCst);
        Ok(7)
    });
    assert!(matches!(refused, Err(PostError::LoopClosed)));
    assert!(!alive.load(Ordering::SeqCst));
    assert_eq!(Arc::strong_count(&alive), 1, "the coroutine is dropped");
}

//= SPEC.md#f-9
//= type=test
//# If completion came first, a waiter MUST get the outcome and never a timeout; a timeout MUST
//# leave the future as it was.
//= SPEC.md#f-8
//= type=test
//# A waiter that timed out MUST get an error of its own kind, distinct from every error that the
//# work can raise.
#[test]
fn f9_ca17_wait_timed_out() {
    let elsewhere = Elsewhere::start();
    let (opens, gate) = concurrent::promise::<u32>();
    let future = elsewhere.handle.run_coroutine_threadsafe(gate).unwrap();
    let timed_out = future.result_timeout(Duration::from_nanos(1));
    assert!(matches!(timed_out, Err(ResultError::TimedOut)));
    assert_eq!(state(&future), PENDING, "the work goes on");
    opens.set_result(7).unwrap();
    assert_eq!(future.result_timeout(GUARD).unwrap(), 7);
    elsewhere.stop();
}

// Direction B: from a concurrent future to the loop future that wraps it

/// An executor whose work is run, or not, by the test.
#[derive(Default)]
struct Shelf(Mutex<VecDeque<Work>>);

impl Shelf {
    fn take(&self) -> Work {
        self.0.lock().unwrap().pop_front().expect("work on the shelf")
    }
}

impl Executor for Shelf {
    fn execute(&self, work: Work) -> Result<(), SubmitError> {
        self.0.lock().unwrap().push_back(work);
        Ok(())
    }
}

/// An executor that is done before it has been handed the work.
struct AtOnce;

impl Executor for AtOnce {
    fn execute(&self, work: Work) -> Result<(), SubmitError> {
        work.run();
        Ok(())
    }
}

//= SPEC.md#u-5
//= type=test
//# A loop future MUST observe the completion of work after every post that the working thread made
//# before.
//= SPEC.md#c-9
//= type=test
//# The outcome of a concurrent future MUST reach its loop future through the loop's queue, even if
//# it was done when it was wrapped.
#[test]
fn u5_cb13_posts_before_the_completion() {
    let shelf = Arc::new(Shelf::default());
    let executors: [&dyn Executor; 2] = [&*shelf, &AtOnce];
    for executor in executors {
        let event_loop = virtual_loop();
        let order = Notes::default();
        let (handle, posted, done) = (event_loop.handle(), order.clone(), order.clone());
        let future = event_loop
            .run_in_executor(Some(executor), move || {
                for number in 0..3 {
                    let posted = posted.clone();
                    handle.call_soon_threadsafe(move || posted.note(number))?;
                }
                Ok(())
            })
            .unwrap();
        let task = event_loop
            .create_task(async move {
                future.await?;
                done.note(100);
                Ok(())
            })
            .unwrap();
        turn(&event_loop);
        let waiting = !shelf.0.lock().unwrap().is_empty();
        if waiting {
            let worker = Arc::clone(&shelf);
            thread::spawn(move || worker.take().run()).join().unwrap();
        }
        turns(&event_loop, 3);
        assert_eq!(order.entries(), [0, 1, 2, 100]);
        task.result().unwrap();
    }
}
