//! Where the callbacks of the next turns are stored: side by side, and not each in an allocation of its own.
//!
//! Clauses H-1 to H-4 for callbacks that only the loop thread touches; see `handle`, whose states these are.
//! A callback of up to three words lies in its place itself, a longer one in a box. A place is written once
//! while its strip is in use. A strip that nobody refers to any more is used again from its beginning.
//!
//! What may stay for long, a timer, is not stored here: it would keep its neighbours' places.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use stack_dst::ValueU;

/// How many callbacks share an allocation: what somebody who keeps a handle for long keeps with it.
const PLACES: usize = 16;

/// Calls and drops what it has; called again it does nothing.
trait Callback {
    fn call(&mut self);
}

impl<F: FnOnce()> Callback for Option<F> {
    fn call(&mut self) {
        if let Some(callback) = self.take() {
            callback();
        }
    }
}

/// Three words of a callback, and what it is.
type Inline = ValueU<dyn Callback, 4>;

fn inline<F: FnOnce() + 'static>(callback: F) -> Inline {
    // A place is aligned as a word is.
    if align_of::<Option<F>>() > align_of::<usize>() {
        return boxed(callback);
    }
    Inline::new_stable(Some(callback), |callback| callback)
        .unwrap_or_else(|callback| boxed(callback.expect("nobody has called it")))
}

fn boxed(callback: impl FnOnce() + 'static) -> Inline {
    let callback: Option<Box<dyn FnOnce()>> = Some(Box::new(callback));
    Inline::new_stable(callback, |callback| callback)
        .unwrap_or_else(|_| unreachable!("a box has two words"))
}

fn nothing() -> Inline {
    Inline::new_stable(None::<fn()>, |nothing| nothing)
        .unwrap_or_else(|_| unreachable!("a pointer has one word"))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Pending,
    Begun,
    Cancelled,
}

struct Strip {
    states: [Cell<State>; PLACES],
    callbacks: [Cell<Inline>; PLACES],
}

impl Strip {
    fn new() -> Rc<Strip> {
        Rc::new(Strip {
            states: [const { Cell::new(State::Begun) }; PLACES],
            callbacks: std::array::from_fn(|_| Cell::new(nothing())),
        })
    }
}

/// The strip that is being filled.
pub(crate) struct Strips {
    current: RefCell<Rc<Strip>>,
    used: Cell<usize>,
}

impl Default for Strips {
    fn default() -> Self {
        Strips { current: RefCell::new(Strip::new()), used: Cell::new(0) }
    }
}

impl Strips {
    /// Stores a pending callback.
    pub(crate) fn store(&self, callback: impl FnOnce() + 'static) -> Place {
        let callback = inline(callback);
        let mut current = self.current.borrow_mut();
        let mut index = self.used.get();
        if index == PLACES {
            if Rc::get_mut(&mut current).is_none() {
                *current = Strip::new();
            }
            index = 0;
        }
        self.used.set(index + 1);
        current.states[index].set(State::Pending);
        current.callbacks[index].set(callback);
        Place { strip: Rc::clone(&current), index }
    }
}

/// A callback that was stored.
#[derive(Clone)]
pub(crate) struct Place {
    strip: Rc<Strip>,
    index: usize,
}

impl Place {
    /// Calls it if it is pending. Unwinds as the callback does.
    pub(crate) fn run(&self) {
        if let Some(mut callback) = self.take(State::Begun) {
            callback.call();
        }
    }

    /// Drops it if it is pending; whether it was.
    pub(crate) fn cancel(&self) -> bool {
        self.take(State::Cancelled).is_some()
    }

    pub(crate) fn cancelled(&self) -> bool {
        self.strip.states[self.index].get() == State::Cancelled
    }

    /// Takes a pending callback out, leaving `next`; any other state stays.
    fn take(&self, next: State) -> Option<Inline> {
        let state = &self.strip.states[self.index];
        if state.get() != State::Pending {
            return None;
        }
        state.set(next);
        Some(self.strip.callbacks[self.index].replace(nothing()))
    }
}
