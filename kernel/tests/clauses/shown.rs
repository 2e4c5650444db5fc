//! What a debugger shows: everything public has a `Debug` that says what it is, and none runs user code.

use std::time::Duration;

use loopgate::checkers::watch_pool;
use loopgate::concurrent::{self, as_completed};
use loopgate::executor::Work;
use loopgate::{
    Cancelled, Clock, EventLoop, Exception, ExitRequest, ThreadPoolExecutor, current_task, gather,
    shield, sleep,
};

use crate::support::virtual_loop;

fn shows(what: &dyn std::fmt::Debug, pieces: &[&str]) {
    let text = format!("{what:?}");
    assert!(pieces.iter().all(|piece| text.contains(piece)), "{pieces:?} of {text}");
}

#[test]
fn a_loop_and_what_belongs_to_it() {
    let event_loop = virtual_loop();
    let handle = event_loop.call_soon(|| {}).unwrap();
    shows(&event_loop, &["EventLoop", "LocalLoop", "running: false", "closed: false", "queued: 1"]);
    shows(&event_loop.handle(), &["LoopHandle", "id"]);
    shows(&handle, &["Handle", "cancelled: false"]);
    handle.cancel();
    shows(&handle, &["cancelled: true"]);
    shows(&Clock::virtual_time(), &["Clock", "virtual"]);
    shows(&Clock::real(), &["Clock", "real"]);
    shows(&EventLoop::builder(), &["EventLoopBuilder"]);
}

#[test]
fn futures_of_a_loop() {
    let event_loop = virtual_loop();
    let (promise, future) = event_loop.create_future::<u32>();
    shows(&promise, &["LoopPromise"]);
    shows(&future, &["LoopFuture", "PENDING"]);
    promise.set_result(1).unwrap();
    shows(&future, &["FINISHED"]);
    let (_promise, future) = event_loop.create_future::<u32>();
    future.cancel();
    shows(&future, &["CANCELLED"]);
}

#[test]
fn tasks_and_what_waits_for_them() {
    let event_loop = virtual_loop();
    event_loop.set_task_factory(|coroutine| {
        shows(&coroutine, &["Coroutine", "Task-"]);
        let task = coroutine.into_task();
        shows(&task, &["NewTask", "Task-"]);
        Ok(task)
    });
    let task = event_loop
        .create_task(async {
            shows(&current_task().unwrap(), &["TaskRef", "Task-", "done: false"]);
            sleep(Duration::from_secs(1)).await
        })
        .unwrap();
    shows(&sleep(Duration::from_secs(3)), &["Sleep", "3s"]);
    shows(&shield(task.clone()), &["Shield", "PENDING"]);
    shows(&gather(vec![task.clone()]), &["Gather", "Task"]);
    event_loop.run_until_complete(task).unwrap();
}

#[test]
fn exceptions_of_each_kind() {
    shows(&Exception::from(Cancelled::default()), &["Exception", "Cancelled"]);
    shows(&Exception::from(ExitRequest { code: 3 }), &["Exception", "ExitRequest", "3"]);
    let panic = Exception::from_panic(Box::new("oops"));
    shows(&panic, &["panic", "oops"]);
    assert!(panic.take_panic_payload().is_some());
    assert!(Exception::from(Cancelled::default()).take_panic_payload().is_none());
}

#[test]
fn pools_and_their_work() {
    let builder = ThreadPoolExecutor::builder().max_workers(2);
    shows(&builder, &["ThreadPoolBuilder", "2"]);
    let pool = builder.build().unwrap();
    shows(&pool, &["ThreadPoolExecutor", "workers: 0", "queued: 0"]);
    shows(&watch_pool(&pool), &["PoolWatch"]);
    let (work, future) = Work::new(|| Ok(1));
    shows(&work, &["Work"]);
    shows(&as_completed(&[future], None).unwrap(), &["AsCompleted", "yielded"]);
    work.cancel();
    let (promise, _future) = concurrent::promise::<u32>();
    shows(&promise, &["Promise", "PENDING"]);
}
