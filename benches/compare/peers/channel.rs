//! A loop that other threads cannot spawn on is fed through `futures::channel::mpsc`, as its users do.

use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::StreamExt;
use futures::channel::{mpsc, oneshot};
use futures::future::{AbortHandle, AbortRegistration, Abortable};
use futures_lite::future::block_on;

use super::{Local, Remote, RemoteCancel, Running};
use crate::sample::burn;

enum Message {
    Call(Box<dyn FnOnce() + Send>),
    Add(u64, oneshot::Sender<u64>),
    KeepBusy(usize, Duration, &'static AtomicBool),
    Sleep(AbortRegistration, oneshot::Sender<bool>),
    Stop,
}

pub(crate) struct Fed<L> {
    messages: mpsc::UnboundedSender<Message>,
    by: PhantomData<fn() -> L>,
}

impl<L> Clone for Fed<L> {
    fn clone(&self) -> Self {
        Fed { messages: self.messages.clone(), by: PhantomData }
    }
}

impl<L> Fed<L> {
    fn send(&self, message: Message) {
        self.messages.unbounded_send(message).expect("a loop that runs");
    }
}

fn obey<L: Local>(local: &L, message: Message) -> bool {
    match message {
        Message::Call(callback) => callback(),
        // Whoever asked may be gone.
        Message::Add(value, answer) => local.call_soon(move || _ = answer.send(value + 1)),
        Message::KeepBusy(tasks, work, stop) => {
            for _ in 0..tasks {
                let own = local.clone();
                drop(local.spawn(async move {
                    while !stop.load(Ordering::Relaxed) {
                        burn(work);
                        own.yield_now().await;
                    }
                }));
            }
        }
        Message::Sleep(registration, ended) => {
            let asleep = Abortable::new(std::future::pending::<()>(), registration);
            let task = async move { _ = ended.send(asleep.await.is_err()) };
            keep(local.spawn(task));
        }
        Message::Stop => return false,
    }
    true
}

/// Some join handles cancel when they are dropped.
fn keep<T>(join: T) {
    std::mem::forget(join);
}

impl<L: Local> Remote for Fed<L> {
    type Ticket = oneshot::Receiver<u64>;

    fn start() -> Running<Self> {
        let (messages, mut received) = mpsc::unbounded();
        let thread = std::thread::spawn(move || {
            L::run(|local: L| async move {
                while let Some(message) = received.next().await {
                    if !obey(&local, message) {
                        return;
                    }
                }
            });
        });
        let handle = Fed { messages, by: PhantomData };
        let stopping = handle.clone();
        let stop = move || {
            stopping.send(Message::Stop);
            thread.join().expect("the loop ends when it is told to");
        };
        Running { handle, stop: Box::new(stop) }
    }

    fn call_soon(&self, callback: impl FnOnce() + Send + 'static) {
        self.send(Message::Call(Box::new(callback)));
    }

    fn submit(&self, value: u64) -> Self::Ticket {
        let (answer, ticket) = oneshot::channel();
        self.send(Message::Add(value, answer));
        ticket
    }

    fn wait(ticket: Self::Ticket) -> u64 {
        block_on(ticket).expect("a sum")
    }

    fn keep_busy(&self, tasks: usize, work: Duration, stop: &'static AtomicBool) {
        self.send(Message::KeepBusy(tasks, work, stop));
    }
}

impl<L: Local> RemoteCancel for Fed<L> {
    type Sleeper = (AbortHandle, oneshot::Receiver<bool>);

    fn sleeper(&self) -> Self::Sleeper {
        let (handle, registration) = AbortHandle::new_pair();
        let (ended, end) = oneshot::channel();
        self.send(Message::Sleep(registration, ended));
        (handle, end)
    }

    fn cancel((handle, _): &mut Self::Sleeper) {
        handle.abort();
    }

    fn join((_, end): Self::Sleeper) -> bool {
        block_on(end).expect("reported")
    }
}
