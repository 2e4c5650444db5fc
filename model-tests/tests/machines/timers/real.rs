//! The kernel's timers, as a program uses them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use loopgate::{
    Clock, DeadlineOverflow, EventLoop, Exception, LoopClosed, PostError, ThreadsafeTimerHandle,
    Time, TimerHandle, Turn,
};
use loopgate_model_tests::spec::{Cause, Word};

use super::reference::{How, Id, Script, Units};

pub(super) enum Given {
    Call(loopgate::Handle),
    Timer(TimerHandle),
    FromOutside(ThreadsafeTimerHandle),
}

impl Given {
    pub(super) fn cancel(&self) -> bool {
        match self {
            Given::Call(handle) => handle.cancel(),
            Given::Timer(handle) => handle.cancel(),
            Given::FromOutside(handle) => handle.cancel(),
        }
    }

    pub(super) fn cancelled(&self) -> bool {
        match self {
            Given::Call(handle) => handle.cancelled(),
            Given::Timer(handle) => handle.cancelled(),
            Given::FromOutside(handle) => handle.cancelled(),
        }
    }

    pub(super) fn when(&self) -> Option<Units> {
        match self {
            Given::Call(_) => None,
            Given::Timer(handle) => Some(units(handle.when())),
            Given::FromOutside(handle) => Some(units(handle.when())),
        }
    }
}

pub(super) fn units(time: Time) -> Units {
    let nanos = time.as_nanos();
    assert_eq!(nanos % 1_000_000, 0, "nothing is rounded");
    Units::try_from(nanos / 1_000_000).expect("programs are short")
}

pub(super) fn span(units: Units) -> Duration {
    Duration::from_millis(units.into())
}

thread_local! {
    /// Callbacks from outside are `Send`, so what they share with the program is found here.
    pub(super) static WORLD: RefCell<Option<Rc<World>>> = const { RefCell::new(None) };
}

pub(super) fn world() -> Rc<World> {
    WORLD.with_borrow(|world| Rc::clone(world.as_ref().expect("a program is running")))
}

pub(super) struct World {
    pub(super) event_loop: RefCell<EventLoop>,
    pub(super) given: RefCell<BTreeMap<Id, Given>>,
    pub(super) log: RefCell<Vec<(Id, Units)>>,
}

impl World {
    pub(super) fn make_loop() -> EventLoop {
        EventLoop::with_clock(Clock::virtual_time()).unwrap()
    }

    pub(super) fn schedule(&self, id: Id, how: How, script: Script) -> Word {
        let event_loop = self.event_loop.borrow();
        let callback = move || {
            let world = world();
            let now = units(world.event_loop.borrow().time());
            world.log.borrow_mut().push((id, now));
            world.perform(script);
        };
        let given = match how {
            How::Soon => event_loop.call_soon(callback).map(Given::Call).map_err(Exception::from),
            How::At(at) => event_loop
                .call_at(Time::from_nanos(u64::from(at) * 1_000_000), callback)
                .map(Given::Timer)
                .map_err(Exception::from),
            How::Later(after) => event_loop.call_later(span(after), callback).map(Given::Timer),
            How::FromOutside(after) => event_loop
                .handle()
                .call_later_threadsafe(span(after), callback)
                .map(Given::FromOutside),
        };
        match given {
            Ok(given) => {
                self.given.borrow_mut().insert(id, given);
                Word::Ok
            }
            Err(why) => refusal(&why),
        }
    }

    pub(super) fn perform(&self, script: Script) {
        match script {
            Script::Nothing => {}
            Script::Sets(id, at) => {
                assert_eq!(self.schedule(id, How::At(at), Script::Nothing), Word::Ok)
            }
            Script::Cancels(id) => {
                self.cancel(id);
            }
        }
    }

    pub(super) fn cancel(&self, id: Id) -> bool {
        self.given.borrow().get(&id).is_some_and(Given::cancel)
    }

    pub(super) fn many(&self, number: u16) {
        let event_loop = self.event_loop.borrow();
        for _ in 0..number {
            let far = event_loop.call_later(span(1_000_000), || unreachable!("cancelled")).unwrap();
            assert!(far.cancel());
        }
    }

    pub(super) fn turn(&self, longest: Option<Units>) {
        let turn = self.event_loop.borrow().run_once(longest.map(span)).unwrap();
        assert_eq!(turn, Turn::Continue);
    }
}

pub(super) fn refusal(why: &Exception) -> Word {
    let posted = matches!(why.downcast_ref(), Some(PostError::LoopClosed));
    if why.is::<DeadlineOverflow>() {
        return Word::None;
    }
    assert!(posted || why.is::<LoopClosed>(), "{why}");
    Word::Error(Cause::LoopClosed)
}
