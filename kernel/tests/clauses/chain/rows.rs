//! Where several outcomes are copied in a row: whoever blocks on the first is not kept back while code of the
//! program's runs, which may wait for it. Clauses F-9 and C-1.

use std::sync::atomic::AtomicUsize;

use super::*;

/// How long that code waits. A fault keeps it waiting for so long.
const PATIENCE: Duration = Duration::from_secs(10);

/// Can be asked, once, to wait until a thread that blocks on a submission has its result.
#[derive(Clone)]
struct Meeting(Arc<(Mutex<mpsc::Receiver<()>>, AtomicUsize)>);

const TO_COME: usize = 0;
const WAITING: usize = 1;
const MET: usize = 2;

impl Meeting {
    /// Blocks on a submission that is the first of the loop's row.
    fn with_a_submitter(event_loop: &EventLoop) -> (Meeting, thread::JoinHandle<u32>) {
        let handle = event_loop.handle();
        let (submits, submitted) = mpsc::channel();
        let (gets, got) = mpsc::channel();
        let submitter = thread::spawn(move || {
            let future = handle.run_coroutine_threadsafe(async { Ok(1) }).unwrap();
            submits.send(()).unwrap();
            let value = future.result().unwrap();
            gets.send(()).unwrap();
            value
        });
        submitted.recv().unwrap();
        // So that it blocks, most likely; if it does not yet, nobody has to release it.
        thread::sleep(Duration::from_millis(100));
        (Meeting(Arc::new((Mutex::new(got), AtomicUsize::new(TO_COME)))), submitter)
    }

    fn wait(&self) {
        let (got, state) = &*self.0;
        let first = state.compare_exchange(TO_COME, WAITING, Ordering::SeqCst, Ordering::SeqCst);
        // Said by the state: a callback that panics would not fail its test.
        if first.is_ok() && got.lock().unwrap().recv_timeout(PATIENCE).is_ok() {
            state.store(MET, Ordering::SeqCst);
        }
    }

    /// The code that waits has been run, and the submitter was not kept back meanwhile.
    fn check(&self, submitter: thread::JoinHandle<u32>) {
        assert_eq!(submitter.join().unwrap(), 1);
        assert_eq!(self.0.1.load(Ordering::SeqCst), MET);
    }
}

/// A value that waits when it is cloned, or when it is dropped.
struct Value {
    on_clone: Option<Meeting>,
    on_drop: Option<Meeting>,
}

impl Clone for Value {
    fn clone(&self) -> Value {
        if let Some(meeting) = &self.on_clone {
            meeting.wait();
        }
        Value { on_clone: None, on_drop: None }
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        if let Some(meeting) = &self.on_drop {
            meeting.wait();
        }
    }
}

//= SPEC.md#f-9
//= type=test
//# If completion came first, a waiter MUST get the outcome and never a timeout; a timeout MUST leave
//# the future as it was.
#[test]
fn f9_a_callback_behind_a_copy_may_wait_for_the_submitter() {
    let event_loop = virtual_loop();
    let (meeting, submitter) = Meeting::with_a_submitter(&event_loop);
    let waits = meeting.clone();
    // One turn behind another, so that it stands behind the copy.
    event_loop
        .call_soon(move || {
            let local = get_running_loop().unwrap();
            let next = move || {
                get_running_loop().unwrap().call_soon(move || waits.wait()).unwrap();
            };
            local.call_soon(next).unwrap();
        })
        .unwrap();
    turns(&event_loop, 3);
    meeting.check(submitter);
}

//= SPEC.md#f-9
//= type=test
//# If completion came first, a waiter MUST get the outcome and never a timeout; a timeout MUST leave
//# the future as it was.
#[test]
fn f9_a_clone_in_the_row_may_wait_for_a_submitter() {
    let event_loop = virtual_loop();
    let (meeting, submitter) = Meeting::with_a_submitter(&event_loop);
    let value = Value { on_clone: Some(meeting.clone()), on_drop: None };
    let second = event_loop.handle().run_coroutine_threadsafe(async move { Ok(value) }).unwrap();
    turns(&event_loop, 1);
    // Somebody has the task in hand, so the outcome is cloned for the submission and not moved.
    let _in_hand = event_loop.all_tasks();
    turns(&event_loop, 2);
    meeting.check(submitter);
    assert!(second.done());
}

//= SPEC.md#f-12
//= type=test
//# Done-callbacks MUST run once each, in order of registration, in the thread that completed or
//# cancelled the future, after its waiters were released and with no lock held.
#[test]
fn f12_a_done_callback_in_the_row_may_wait_for_a_submitter() {
    let event_loop = virtual_loop();
    let (meeting, submitter) = Meeting::with_a_submitter(&event_loop);
    let second = event_loop.handle().run_coroutine_threadsafe(async { Ok(2) }).unwrap();
    let waits = meeting.clone();
    second.add_done_callback(move |_| waits.wait());
    turns(&event_loop, 3);
    meeting.check(submitter);
}

//= SPEC.md#c-2
//= type=test
//# The copy MUST be a single step against a racing cancel: either the submission is cancelled and
//# the outcome dropped, or it is finished and the cancel refused.
#[test]
fn c2_what_is_dropped_in_the_row_may_wait_for_a_submitter() {
    let event_loop = virtual_loop();
    let (meeting, submitter) = Meeting::with_a_submitter(&event_loop);
    let value = Value { on_clone: None, on_drop: Some(meeting.clone()) };
    let second = event_loop.handle().run_coroutine_threadsafe(async move { Ok(value) }).unwrap();
    turns(&event_loop, 2);
    assert!(second.cancel());
    turns(&event_loop, 1);
    meeting.check(submitter);
    assert!(second.cancelled());
}

//= SPEC.md#c-3
//= type=test
//# An exception that a task raised after its submission had been cancelled MUST be reported to the
//# exception handler.
#[test]
fn c3_a_handler_in_the_row_may_wait_for_a_submitter() {
    let event_loop = virtual_loop();
    let (meeting, submitter) = Meeting::with_a_submitter(&event_loop);
    let waits = meeting.clone();
    event_loop.set_exception_handler(move |_| waits.wait());
    let fails = async { Err::<(), _>(Exception::new("nobody will see it")) };
    let second = event_loop.handle().run_coroutine_threadsafe(fails).unwrap();
    turns(&event_loop, 2);
    assert!(second.cancel());
    turns(&event_loop, 1);
    meeting.check(submitter);
}

//= SPEC.md#c-1
//= type=test
//# A task's outcome MUST be copied to its submission through the queue, so that everything the task
//# scheduled before it ended runs before the submitter is released.
#[test]
fn c1_a_row_of_any_length_releases_everybody() {
    let event_loop = virtual_loop();
    let submitters: Vec<_> = (0..100_u32)
        .map(|value| {
            let handle = event_loop.handle();
            let (submits, submitted) = mpsc::channel();
            let submitter = thread::spawn(move || {
                let future = handle.run_coroutine_threadsafe(async move { Ok(value) }).unwrap();
                submits.send(()).unwrap();
                future.result_timeout(GUARD).unwrap()
            });
            submitted.recv().unwrap();
            submitter
        })
        .collect();
    turns(&event_loop, 3);
    for (value, submitter) in (0..).zip(submitters) {
        assert_eq!(submitter.join().unwrap(), value);
    }
}
