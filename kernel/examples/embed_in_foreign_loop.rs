//! A loop that another event loop drives: the host watches the guest's descriptor and gives it a turn
//! whenever it is readable or its next timer is due.
//!
//! The host here is a second loop of this crate, for want of a smaller one; it knows of the guest only
//! what any event loop could: a descriptor, a timeout, and one function to call.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "an example is a program of its own: its threads are the real ones"
)]

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use loopgate::{EventLoop, Exception, Turn, sleep};

fn main() -> Result<(), Exception> {
    let host = EventLoop::new()?;
    let guest = EventLoop::new()?;

    // The host's side: all that it does is to note that the guest wants a turn.
    let wants_turn = Rc::new(Cell::new(true));
    let note = Rc::clone(&wants_turn);
    host.add_reader(&guest, move || note.set(true))?;

    let local = guest.create_task(async {
        sleep(Duration::from_millis(5)).await?;
        println!("the guest's timer fired");
        Ok(())
    })?;
    let handle = guest.handle();
    let submitter = std::thread::spawn(move || {
        let future = handle.run_coroutine_threadsafe(async {
            println!("the guest runs a coroutine from another thread");
            Ok(3)
        })?;
        println!("the other thread got {}", future.result()?);
        handle.stop()?;
        Ok::<_, Exception>(())
    });

    let mut stopped = false;
    while !(stopped && local.done()) {
        if wants_turn.replace(false) || guest.poll_timeout() == Some(Duration::ZERO) {
            stopped |= guest.run_once(Some(Duration::ZERO))? == Turn::Stop;
        } else {
            // The host sleeps in its own poll, as it would for its own descriptors and timers.
            let _ = host.run_once(guest.poll_timeout())?;
        }
    }
    submitter.join().expect("the submitter does not panic")?;
    host.remove_reader(&guest);
    println!("the host is done with its guest");
    Ok(())
}
