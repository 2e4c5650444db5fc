//! Coroutines: a script's statements, awaited one after the other.

use std::panic::resume_unwind;
use std::sync::Arc;

use ::tokio::task::yield_now;
use ::tokio::time::{sleep, timeout};
use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::here::Here;
use super::outcome::{Ended, Error};
use super::world::{World, duration};
use crate::spec::Word;
use crate::spec::program::{Awaited, Catch, Op, Stmt};

/// How a block has ended, if it has not raised.
enum Flow {
    Next,
    Return(u8),
}

/// The coroutine of that number.
pub(super) async fn coroutine(world: Arc<World>, number: u8) -> Ended {
    let ended = block(&world, &world.program.coroutines[usize::from(number)]).await;
    Ok(match ended? {
        Flow::Next => 0,
        Flow::Return(value) => value,
    })
}

fn block<'a>(world: &'a Arc<World>, statements: &'a [Stmt]) -> BoxFuture<'a, Result<Flow, Error>> {
    async move {
        for statement in statements {
            if let Flow::Return(value) = self::statement(world, statement).await? {
                return Ok(Flow::Return(value));
            }
        }
        Ok(Flow::Next)
    }
    .boxed()
}

async fn statement(world: &Arc<World>, statement: &Stmt) -> Result<Flow, Error> {
    match statement {
        Stmt::Do(Op::Raise(number)) | Stmt::Raise(number) => {
            return Err(Error::Raised(world.exception(*number)));
        }
        Stmt::Do(op) => Here::current().operate(op),
        Stmt::Await(what) => {
            let word = awaited(world, what).await?;
            Here::current().log(word);
        }
        Stmt::WaitFor { after, what } => {
            let word = timeout(duration(*after), awaited(world, what)).await;
            Here::current().log(word.unwrap_or(Err(Error::Timeout))?);
        }
        Stmt::Timeout { after, body } => {
            let ended = timeout(duration(*after), block(world, body)).await;
            return ended.unwrap_or(Err(Error::Timeout));
        }
        Stmt::Try { body, catch, handler, again } => match block(world, body).await {
            Err(error) if catches(*catch, &error) => {
                Here::current().log(Word::Caught(error.cause()));
                return match block(world, handler).await? {
                    Flow::Next if *again => Err(error),
                    flow => Ok(flow),
                };
            }
            ended => return ended,
        },
        Stmt::Finally { body, last } => {
            let ended = block(world, body).await;
            return match block(world, last).await? {
                Flow::Next => ended,
                flow => Ok(flow),
            };
        }
        Stmt::Return(value) => return Ok(Flow::Return(*value)),
        Stmt::Panic(number) => resume_unwind(Box::new(world.exception(*number))),
        Stmt::RaiseCancelled => unreachable!("lacking, by tokio's profile"),
    }
    Ok(Flow::Next)
}

fn catches(catch: Catch, error: &Error) -> bool {
    match catch {
        Catch::Cancelled => matches!(error, Error::Cancelled),
        Catch::Timeout => matches!(error, Error::Timeout),
        Catch::Exception => !matches!(error, Error::Cancelled),
        Catch::All => true,
    }
}

async fn awaited(world: &Arc<World>, what: &Awaited) -> Result<Word, Error> {
    world.jitter();
    let joint = match what {
        Awaited::Yield => {
            yield_now().await;
            return Ok(Word::Ok);
        }
        Awaited::Sleep(units) => {
            sleep(duration(*units)).await;
            return Ok(Word::Ok);
        }
        Awaited::Foreign(gate) => {
            world.gate(*gate).await;
            return Ok(Word::Ok);
        }
        Awaited::Coroutine(number) => {
            return coroutine(Arc::clone(world), *number).await.map(Word::Value);
        }
        // Whatever it is of, it can be awaited as it is.
        Awaited::Future(slot) | Awaited::Wrapped(slot) => world.futures.get(*slot),
        Awaited::Local(slot) => world.loop_futures.get(*slot),
        // Who awaits a task and is cancelled lets go of it, and no more: every task is shielded.
        Awaited::Task(slot) | Awaited::Shield(slot) => world.tasks.get(*slot),
        Awaited::Gather(_) => unreachable!("lacking, by tokio's profile"),
    };
    joint.outcome.await.ended().map(Word::Value)
}
