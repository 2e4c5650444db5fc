//! What the tests share.

use std::cell::RefCell;
use std::rc::Rc;

use loopgate::{Clock, EventLoop, ExceptionContext};

/// A loop on a virtual clock of its own.
pub(crate) fn virtual_loop() -> EventLoop {
    EventLoop::with_clock(Clock::virtual_time()).expect("descriptors for a loop")
}

/// What callbacks noted, in order.
#[derive(Clone, Default)]
pub(crate) struct Log<T>(Rc<RefCell<Vec<T>>>);

impl<T: Clone> Log<T> {
    /// Appends.
    pub(crate) fn note(&self, entry: T) {
        self.0.borrow_mut().push(entry);
    }

    /// Everything noted so far.
    pub(crate) fn entries(&self) -> Vec<T> {
        self.0.borrow().clone()
    }
}

/// Has the loop's exception handler note every report.
pub(crate) fn record_reports(event_loop: &EventLoop) -> Log<ExceptionContext> {
    let log = Log(Rc::default());
    let noted = log.clone();
    event_loop.set_exception_handler(move |context| noted.note(context.clone()));
    log
}
