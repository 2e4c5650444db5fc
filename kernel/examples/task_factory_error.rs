//! A task factory that fails: whoever submitted the coroutine gets the error, and so does the exception
//! handler, once, as the same object; the loop goes on.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "an example is a program of its own: its threads are the real ones"
)]

use std::cell::RefCell;
use std::rc::Rc;

use loopgate::{EventLoop, Exception, ResultError};

fn main() -> Result<(), Exception> {
    let event_loop = EventLoop::new()?;
    event_loop
        .set_task_factory(|_coroutine| Err(Exception::new("name 'wrong_name' is not defined")));
    let reported = Rc::new(RefCell::new(Vec::new()));
    let reports = Rc::clone(&reported);
    event_loop.set_exception_handler(move |context| {
        reports.borrow_mut().extend(context.exception.clone());
    });

    let handle = event_loop.handle();
    let submitter = std::thread::spawn(move || {
        let raised = handle.run_coroutine_threadsafe(async { Ok(3) })?.result();
        // The loop goes on: it takes a post, and this one ends it.
        handle.stop()?;
        match raised {
            Err(ResultError::Exception(exception)) => Ok::<_, Exception>(exception),
            other => panic!("the factory fails, but the result is {other:?}"),
        }
    });
    event_loop.run_forever()?;

    let raised = submitter.join().expect("the submitter does not panic")?;
    let reported = reported.borrow();
    println!("the submitter got: {raised}");
    println!("the handler was called: {} time(s)", reported.len());
    println!("with the same object: {}", reported[0].same_object(&raised));
    Ok(())
}
