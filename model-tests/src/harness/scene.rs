//! What the bodies of models are written with.

use loopgate::checkers::model::{JoinHandle, thread};

/// Starts a thread of a model.
#[track_caller]
pub fn start(name: &str, body: impl FnOnce() + Send + 'static) -> JoinHandle {
    thread::spawn(name.into(), body).expect("threads always start in a model")
}

/// Waits for a thread of a model, which must not have panicked.
#[track_caller]
pub fn join(thread: JoinHandle) {
    thread.join().expect("the thread ended by itself");
}

/// Panics in a way that does not fail the model: for code whose panic the kernel is to catch.
///
/// The payload is `message`, as with `panic!`.
pub fn throw(message: &'static str) -> ! {
    std::panic::resume_unwind(Box::new(message))
}
