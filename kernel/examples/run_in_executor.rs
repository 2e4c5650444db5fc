//! Blocking functions, run where they do not block the loop: in its default pool, and in one of your own.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "an example is a program of its own: its threads are the real ones"
)]

use std::io::Read;

use loopgate::{EventLoop, Exception, ThreadPoolExecutor, get_running_loop};

/// Waits for a device: would block the loop.
fn read_random_bytes() -> Result<usize, Exception> {
    let mut bytes = [0; 100];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.len())
}

/// Keeps a processor busy: would block the loop as well.
fn sum_of_squares() -> Result<u64, Exception> {
    Ok((0..1_000_000_u64).map(|i| i * i).sum())
}

async fn program() -> Result<(), Exception> {
    let event_loop = get_running_loop()?;
    let thread_name = || Ok(std::thread::current().name().unwrap_or("?").to_owned());

    let bytes = event_loop.run_in_executor(None, read_random_bytes)?.await?;
    println!("default thread pool: {bytes} bytes");

    let pool = ThreadPoolExecutor::builder().max_workers(1).thread_name_prefix("mine").build()?;
    let name = event_loop.run_in_executor(Some(&pool), thread_name)?;
    let sum = event_loop.run_in_executor(Some(&pool), sum_of_squares)?;
    println!("custom thread pool: {} in {}", sum.await?, name.await?);

    let failed = event_loop.run_in_executor(Some(&pool), || Ok("seven".parse::<u8>()?))?;
    println!("an error arrives as an exception: {}", failed.await.unwrap_err());

    pool.shutdown(true, false)?;
    event_loop.shutdown_default_executor(None).await?;
    let refused = event_loop.run_in_executor(None, sum_of_squares).map(drop);
    println!("after the shutdown: {}", refused.unwrap_err());
    Ok(())
}

fn main() -> Result<(), Exception> {
    EventLoop::new()?.run_until_complete(program())
}
