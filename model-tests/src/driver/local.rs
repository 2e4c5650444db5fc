//! Operations of a loop's own thread, and of its owner.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use loopgate::{
    Clock, Coroutine, EventLoop, Exception, LocalLoop, LoopFuture, NewTask, Task, current_task,
};

use super::here::{Here, LocalHandle, Own, throw};
use super::script;
use super::words::completed;
use super::world::{World, fill, get};
use crate::spec::program::{Factory, Handler, Local, Op, Query, Sleep};
use crate::spec::{Cause, Word};

fn put<T>(slots: &Own<T>, slot: u8, new: T) {
    let old = slots.borrow_mut()[usize::from(slot)].replace(new);
    assert!(old.is_none(), "slot {slot} is filled a second time");
}

impl Here {
    pub(super) fn operate_locally(self: &Rc<Self>, op: &Op) {
        let world = &self.world;
        match *op {
            Op::Busy { on, units } => self.local(on).clock().sleep(world.units(units)),
            Op::CallSoon { on, callback, handle } => {
                let own = Arc::clone(world);
                match self.local(on).call_soon(move || Here::call(&own, callback)) {
                    Ok(new) => {
                        put(&self.handles, handle, LocalHandle::Soon(new));
                        self.log(Word::Ok);
                    }
                    Err(_) => self.log(Word::Error(Cause::LoopClosed)),
                }
            }
            Op::CallLater { on, after, callback, handle } => {
                let own = Arc::clone(world);
                let callback = move || Here::call(&own, callback);
                match self.local(on).call_later(world.units(after), callback) {
                    Ok(new) => {
                        put(&self.handles, handle, LocalHandle::Later(new));
                        self.log(Word::Ok);
                    }
                    Err(why) => self.log(Word::Error(world.cause(&why))),
                }
            }
            Op::CallAt { on, at, callback, handle } => {
                let own = Arc::clone(world);
                // A loop's clock begins with it.
                let at = loopgate::Time::ZERO.checked_add(world.units(at)).expect("it is near");
                match self.local(on).call_at(at, move || Here::call(&own, callback)) {
                    Ok(new) => {
                        put(&self.handles, handle, LocalHandle::Later(new));
                        self.log(Word::Ok);
                    }
                    Err(_) => self.log(Word::Error(Cause::LoopClosed)),
                }
            }
            Op::CreateTask { on, coroutine, task } => {
                let script = script::coroutine(Arc::clone(world), coroutine);
                match self.local(on).create_task(script) {
                    Ok(new) => {
                        put(&self.tasks, task, new);
                        self.log(Word::Ok);
                    }
                    Err(why) => self.log(Word::Error(world.cause(&why))),
                }
            }
            Op::NewFuture { on, future } => {
                let (promise, new) = self.local(on).create_future();
                put(&self.promises, future, Rc::new(promise));
                put(&self.futures, future, new);
            }
            Op::WrapFuture { on, source, future } => {
                match self.local(on).wrap_future(get(&world.futures, source)) {
                    Ok(new) => {
                        put(&self.futures, future, new);
                        self.log(Word::Ok);
                    }
                    Err(_) => self.log(Word::Error(Cause::LoopClosed)),
                }
            }
            Op::RunInExecutor { on, pool, work, future } => {
                let own = Arc::clone(world);
                let pool = get(&world.pools, pool);
                let function = move || Here::work(&own, work);
                match self.local(on).run_in_executor(Some(&*pool), function) {
                    Ok(new) => {
                        put(&self.futures, future, new);
                        self.log(Word::Ok);
                    }
                    Err(error) => self.refused(&error),
                }
            }
            Op::SetLoopResult { future, value } => {
                let result = self.promise(future).set_result(value);
                self.log(completed(&result));
            }
            Op::SetLoopException { future, exception } => {
                let result = self.promise(future).set_exception(world.exception(exception));
                self.log(completed(&result));
            }
            Op::DropLoopPromise(future) => {
                let promise = self.promises.borrow_mut()[usize::from(future)].take();
                drop(promise.expect("there is one"));
            }
            Op::AllTasks(on) => {
                let count = self.local(on).all_tasks().len();
                self.log(Word::Count(u8::try_from(count).expect("they are few")));
            }
            Op::StopLocal(on) => self.local(on).stop(),
            Op::SetFactory { on, factory } => self.set_factory(on, factory),
            Op::SetHandler { on, handler } => self.set_handler(on, handler),
            ref op => self.operate_on_local(op),
        }
    }

    fn operate_on_local(self: &Rc<Self>, op: &Op) {
        match *op {
            Op::CancelLocal(of) => {
                let cancelled = match of {
                    Local::Task(slot) => self.task(slot).cancel(),
                    Local::Future(slot) => self.future(slot).cancel(),
                    Local::Current => current_task().expect("in a task").cancel(),
                };
                self.log(Word::of(cancelled));
            }
            Op::Uncancel(of) => {
                let left = match of {
                    Local::Task(slot) => self.task(slot).uncancel(),
                    _ => current_task().expect("in a task").uncancel(),
                };
                self.log(Word::Count(u8::try_from(left).expect("they are few")));
            }
            Op::Cancelling(of) => {
                let count = match of {
                    Local::Task(slot) => self.task(slot).cancelling(),
                    _ => current_task().expect("in a task").cancelling(),
                };
                self.log(Word::Count(u8::try_from(count).expect("they are few")));
            }
            Op::QueryLocal { of, what } => {
                let cancelled = what == Query::Cancelled;
                let answer = match of {
                    Local::Task(slot) if cancelled => self.task(slot).cancelled(),
                    Local::Task(slot) => self.task(slot).done(),
                    Local::Future(slot) if cancelled => self.future(slot).cancelled(),
                    Local::Future(slot) => self.future(slot).done(),
                    Local::Current => unreachable!("checked"),
                };
                self.log(Word::of(answer));
            }
            Op::ResultLocal(of) => {
                let result = match of {
                    Local::Task(slot) => self.task(slot).result(),
                    Local::Future(slot) => self.future(slot).result(),
                    Local::Current => unreachable!("checked"),
                };
                self.log(self.world.result(&result));
            }
            Op::OnDoneLocal { of, callback } => {
                let own = Arc::clone(&self.world);
                let callback = move |_: &LoopFuture<u8>| Here::call(&own, callback);
                match of {
                    Local::Task(slot) => self.task(slot).add_done_callback(callback),
                    Local::Future(slot) => self.future(slot).add_done_callback(callback),
                    Local::Current => unreachable!("checked"),
                }
            }
            Op::Forget(Local::Task(slot)) => {
                let task = self.tasks.borrow_mut()[usize::from(slot)].take();
                drop(task.expect("there is one"));
            }
            Op::Forget(Local::Future(slot)) => {
                let future = self.futures.borrow_mut()[usize::from(slot)].take();
                drop(future.expect("there is one"));
            }
            ref op => self.operate_as_owner(op),
        }
    }

    fn operate_as_owner(self: &Rc<Self>, op: &Op) {
        let world = &self.world;
        match *op {
            Op::NewLoop(on) => {
                let clock = if on == 0 { world.clock.clone() } else { world.another_clock() };
                let new = EventLoop::with_clock(clock).expect("descriptors for a loop");
                fill(&world.loops, on, new.handle());
                put(&self.loops, on, (*new).clone());
                put(&self.owned, on, Rc::new(new));
            }
            Op::RunForever(on) => {
                let result = self.owned(on).run_forever();
                self.log(world.ran(result));
            }
            Op::RunUntilComplete { on, coroutine } => {
                let script = script::coroutine(Arc::clone(world), coroutine);
                let result = self.owned(on).run_until_complete(script);
                self.log(world.ended(&result));
            }
            Op::RunOnce { on, sleep } => {
                let longest = match sleep {
                    Sleep::Zero => Some(Duration::ZERO),
                    Sleep::Units(units) => Some(world.units(units)),
                    Sleep::Forever => None,
                };
                let result = self.owned(on).run_once(longest);
                self.log(world.turned(result));
            }
            Op::Close(on) => {
                let result = self.owned(on).close();
                self.log(world.ran(result));
            }
            Op::DropLoop(on) => {
                let owned = self.owned.borrow_mut()[usize::from(on)].take();
                drop(owned.expect("there is one"));
            }
            ref op => unreachable!("an operation of no group: {op:?}"),
        }
    }

    pub(super) fn cancel_own_handle(&self, slot: u8) -> bool {
        let handle = self.handles.borrow_mut()[usize::from(slot)].take();
        let handle = handle.unwrap_or_else(|| panic!("handle {slot} is empty"));
        let prevented = match &handle {
            LocalHandle::Soon(handle) => handle.cancel(),
            LocalHandle::Later(handle) => handle.cancel(),
        };
        put(&self.handles, slot, handle);
        prevented
    }

    fn set_factory(&self, on: u8, factory: Factory) {
        let own = Arc::clone(&self.world);
        let local = self.local(on);
        match factory {
            Factory::Default => local.reset_task_factory(),
            Factory::Fails(number) => {
                local.set_task_factory(move |_| Err(own.exception(number)));
            }
            Factory::Panics(number) => {
                local.set_task_factory(move |_| throw(own.exception(number)));
            }
            Factory::Wrong => {
                let wrong = WrongFactory::default();
                local.set_task_factory(move |coroutine| wrong.make(coroutine));
            }
        }
    }

    fn set_handler(&self, on: u8, handler: Handler) {
        let own = Arc::clone(&self.world);
        let local = self.local(on);
        let tell = move |world: &Arc<World>, exception: Option<&Exception>| {
            let cause = world.cause(exception.expect("the kernel reports exceptions"));
            Here::current(world).log(Word::Reported(cause));
        };
        match handler {
            Handler::Default => local.reset_exception_handler(),
            Handler::Recording => {
                local.set_exception_handler(move |context| tell(&own, context.exception.as_ref()));
            }
            Handler::Panicking(number) => local.set_exception_handler(move |context| {
                tell(&own, context.exception.as_ref());
                throw(own.exception(number));
            }),
        }
    }

    fn local(&self, on: u8) -> LocalLoop {
        self.loops.borrow()[usize::from(on)].clone().expect("the loop is of this thread")
    }

    fn owned(&self, on: u8) -> Rc<EventLoop> {
        self.owned.borrow()[usize::from(on)].clone().expect("the loop is owned here")
    }

    pub(super) fn task(&self, slot: u8) -> Task<u8> {
        self.tasks.borrow()[usize::from(slot)].clone().expect("the task is of this thread")
    }

    pub(super) fn future(&self, slot: u8) -> LoopFuture<u8> {
        self.futures.borrow()[usize::from(slot)].clone().expect("the future is of this thread")
    }

    fn promise(&self, slot: u8) -> Rc<loopgate::LoopPromise<u8>> {
        self.promises.borrow()[usize::from(slot)].clone().expect("the promise is of this thread")
    }
}

/// Returns the task of a coroutine of its own: to get one, it has a task made while it is being asked.
#[derive(Default)]
struct WrongFactory {
    /// What it was handed for the coroutine of its own.
    kept: RefCell<Option<Coroutine>>,
    asked: std::cell::Cell<bool>,
}

impl WrongFactory {
    fn make(&self, coroutine: Coroutine) -> Result<NewTask, Exception> {
        if self.asked.replace(true) {
            self.kept.replace(Some(coroutine));
            return Err(Exception::new("kept for later"));
        }
        let running = loopgate::get_running_loop()?;
        let refused = running.create_task(async { Ok(()) });
        debug_assert!(refused.is_err(), "it was kept");
        self.asked.set(false);
        let kept = self.kept.take().expect("it was handed over");
        Ok(kept.into_task())
    }
}

impl World {
    /// A clock of its own for a second loop.
    fn another_clock(&self) -> Clock {
        if self.clock.is_virtual() { Clock::virtual_time() } else { Clock::real() }
    }
}
