//! Coroutines: a script's statements, awaited one after the other.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use loopgate::{
    Cancelled, Exception, ExitRequest, TimeoutError, gather, get_running_loop, shield, sleep,
    timeout, wait_for, yield_now,
};

use super::here::{Here, throw};
use super::world::{World, get};
use crate::spec::Word;
use crate::spec::program::{Awaited, Catch, Op, Stmt};

/// How a block has ended, if it has not raised.
enum Flow {
    Next,
    Return(u8),
}

type Ended = Result<Flow, Exception>;

/// The coroutine of that number.
pub(super) async fn coroutine(world: Arc<World>, number: u8) -> Result<u8, Exception> {
    let program = world.program();
    // Asked for on the loop's thread, where it runs.
    let here = Here::current(&world);
    let ended = block(&here, &program.coroutines[usize::from(number)]).await;
    Ok(match ended? {
        Flow::Next => 0,
        Flow::Return(value) => value,
    })
}

fn block<'a>(
    here: &'a Rc<Here>,
    statements: &'a [Stmt],
) -> Pin<Box<dyn Future<Output = Ended> + 'a>> {
    Box::pin(async move {
        for statement in statements {
            if let Flow::Return(value) = self::statement(here, statement).await? {
                return Ok(Flow::Return(value));
            }
        }
        Ok(Flow::Next)
    })
}

async fn statement(here: &Rc<Here>, statement: &Stmt) -> Ended {
    let world = &here.world;
    match statement {
        Stmt::Do(Op::Raise(number)) | Stmt::Raise(number) => Err(world.exception(*number)),
        Stmt::Do(Op::Exit(code)) => Err(ExitRequest { code: i32::from(*code) }.into()),
        Stmt::Do(op) => {
            here.operate(op);
            Ok(Flow::Next)
        }
        Stmt::Await(what) => {
            let word = awaited(here, what).await?;
            here.log(word);
            Ok(Flow::Next)
        }
        Stmt::Timeout { after, body } => timeout(world.units(*after), block(here, body)).await,
        Stmt::WaitFor { after, what } => {
            let word = waited_for(here, *after, what).await?;
            here.log(word);
            Ok(Flow::Next)
        }
        Stmt::Try { body, catch, handler, again } => match block(here, body).await {
            Err(exception) if catches(*catch, &exception) => {
                here.log(Word::Caught(world.cause(&exception)));
                match block(here, handler).await? {
                    Flow::Next if *again => Err(exception),
                    flow => Ok(flow),
                }
            }
            ended => ended,
        },
        Stmt::Finally { body, last } => {
            let ended = block(here, body).await;
            match block(here, last).await? {
                Flow::Next => ended,
                flow => Ok(flow),
            }
        }
        Stmt::Return(value) => Ok(Flow::Return(*value)),
        Stmt::Panic(number) => throw(world.exception(*number)),
        Stmt::RaiseCancelled => Err(Cancelled::default().into()),
    }
}

fn catches(catch: Catch, exception: &Exception) -> bool {
    match catch {
        Catch::Cancelled => exception.is_cancelled(),
        Catch::Timeout => exception.is::<TimeoutError>(),
        Catch::Exception => !exception.is_cancelled() && exception.exit_request().is_none(),
        Catch::All => true,
    }
}

async fn awaited(here: &Rc<Here>, what: &Awaited) -> Result<Word, Exception> {
    let world = &here.world;
    match what {
        Awaited::Yield => yield_now().await.map(|()| Word::Ok),
        Awaited::Sleep(units) => sleep(world.units(*units)).await.map(|()| Word::Ok),
        Awaited::Future(slot) => get(&world.futures, *slot).await.map(Word::Value),
        Awaited::Wrapped(slot) => {
            let wrapped = get_running_loop()?.wrap_future(get(&world.futures, *slot))?;
            wrapped.await.map(Word::Value)
        }
        Awaited::Local(slot) => here.future(*slot).await.map(Word::Value),
        Awaited::Task(slot) => here.task(*slot).await.map(Word::Value),
        Awaited::Foreign(gate) => {
            world.foreign(*gate).await;
            Ok(Word::Ok)
        }
        Awaited::Shield(slot) => shield(here.task(*slot)).await.map(Word::Value),
        Awaited::Gather(slots) => {
            let tasks = slots.iter().map(|slot| here.task(*slot)).collect();
            gather(tasks).await.map(Word::Gathered)
        }
        Awaited::Coroutine(number) => coroutine(Arc::clone(world), *number).await.map(Word::Value),
    }
}

async fn waited_for(here: &Rc<Here>, after: u32, what: &Awaited) -> Result<Word, Exception> {
    let world = &here.world;
    let delay = world.units(after);
    // What goes on by itself is given as it is: the kernel knows it again.
    match what {
        Awaited::Future(slot) => wait_for(delay, get(&world.futures, *slot)).await.map(Word::Value),
        Awaited::Wrapped(slot) => {
            let wrapped = get_running_loop()?.wrap_future(get(&world.futures, *slot))?;
            wait_for(delay, wrapped).await.map(Word::Value)
        }
        Awaited::Local(slot) => wait_for(delay, here.future(*slot)).await.map(Word::Value),
        Awaited::Task(slot) => wait_for(delay, here.task(*slot)).await.map(Word::Value),
        Awaited::Coroutine(number) => {
            wait_for(delay, coroutine(Arc::clone(world), *number)).await.map(Word::Value)
        }
        other => {
            let (here, other) = (Rc::clone(here), other.clone());
            wait_for(delay, async move { awaited(&here, &other).await }).await
        }
    }
}
