//! Threads that make work for the loops, each of its own kind, until the end.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use loopgate::concurrent::{self, ReturnWhen};
use loopgate::{
    BrokenPromise, ConcurrentFuture, Exception, LoopClosed, LoopHandle, PostError, ResultError,
    SubmitError, ThreadPoolExecutor, TimeoutError, get_running_loop, shield, sleep, timeout,
    yield_now,
};

use crate::books::{Book, Books, Entry};
use crate::stage::{PATIENCE, Stage, latencies, lock};

type Choices = fastrand::Rng;

/// One turn of an actor.
type Act = fn(&Stage, &LoopHandle, &mut Choices);

/// What each kind of actor does, and how many threads do it.
pub(crate) const CAST: [(&str, usize, &[Act]); 5] = [
    (
        "producer",
        3,
        &[posts, awaited_posts, slow_submissions, many_at_once, failures, across_loops],
    ),
    ("canceller", 2, &[cancels]),
    ("timers", 1, &[timers]),
    ("executors", 1, &[in_default_executor, own_pool]),
    ("mortal", 1, &[dies_with_a_promise, dies_with_submissions]),
];

/// Acts until the end, on any loop that is open.
pub(crate) fn play(stage: &Stage, acts: &[Act]) {
    let mut choices = stage.choices();
    while let Some(handle) = stage.any_loop(&mut choices) {
        let act = acts[choices.usize(..acts.len())];
        act(stage, &handle, &mut choices);
    }
}

/// One after the other, coroutines that do nothing: how long each round trip takes.
pub(crate) fn measure(stage: &Stage) {
    let (mut choices, mut own) = (stage.choices(), latencies());
    while let Some(handle) = stage.any_loop(&mut choices) {
        for _ in 0..64 {
            round_trip(stage, &handle, &mut own);
        }
    }
    if lock(&stage.round_trips).add(own).is_err() {
        stage.books.fail("a round trip took longer than can be written down");
    }
}

fn round_trip(stage: &Stage, handle: &LoopHandle, latencies: &mut Histogram<u64>) {
    let began = Instant::now();
    let submitted = submit(stage, handle, |_| async { Ok(7) });
    let Some(future) = submitted else { return };
    if settle(stage, &future, handle, Expected::Value(7)) == Some("value") {
        let nanoseconds = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        latencies.saturating_record(nanoseconds);
    }
}

// ---- submissions ------------------------------------------------------------------------------------

/// How a submission may end, besides by the end of its loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Value(u64),
    Exception,
    Cancelled,
    /// Cancelled, or with its value if that came first.
    ValueOrCancelled(u64),
}

/// Submits a coroutine that has an entry of its own; `None` if the loop is closed.
fn submit<F>(
    stage: &Stage,
    handle: &LoopHandle,
    body: impl FnOnce(LoopHandle) -> F + Send + 'static,
) -> Option<ConcurrentFuture<u64>>
where
    F: Future<Output = Result<u64, Exception>> + 'static,
{
    stage.books.submissions.open();
    let entry = Entry::new(&stage.books, |books| &books.coroutines, handle);
    // Who is cancelled or ends with its loop is dropped where it is; that it was, is what counts.
    entry.cancelled().store(true, Ordering::Release);
    let own = handle.clone();
    let submitted = handle.run_coroutine_threadsafe_with(move || async move {
        let result = body(own).await;
        entry.end("returned");
        result
    });
    match submitted {
        Ok(future) => Some(future),
        Err(PostError::LoopClosed) => {
            stage.books.submissions.close("refused");
            None
        }
        Err(error) => {
            stage.books.fail(format!("an open loop has refused: {error}"));
            stage.books.submissions.close("refused");
            None
        }
    }
}

/// Waits for the end of a submission and enters it; how it ended.
fn settle(
    stage: &Stage,
    future: &ConcurrentFuture<u64>,
    handle: &LoopHandle,
    expected: Expected,
) -> Option<&'static str> {
    let result = future.result_timeout(PATIENCE);
    let how = match (&result, expected) {
        (Ok(value), Expected::Value(wanted) | Expected::ValueOrCancelled(wanted))
            if *value == wanted =>
        {
            "value"
        }
        (Err(ResultError::Cancelled(_)), Expected::Cancelled | Expected::ValueOrCancelled(_)) => {
            "cancelled"
        }
        (Err(ResultError::Exception(error)), Expected::Exception)
            if error.is::<Deliberate>() || error.panic_message().is_some() =>
        {
            "exception"
        }
        (Err(ResultError::Exception(error)), _)
            if error.is::<LoopClosed>() && handle.is_closed() =>
        {
            "ended with its loop"
        }
        (Err(ResultError::TimedOut), _) => {
            stage.books.fail("a submission did not end within a minute");
            return None;
        }
        _ => {
            stage
                .books
                .fail(format!("a submission ended with {result:?}, and not as {expected:?}"));
            "wrongly"
        }
    };
    stage.books.submissions.close(how);
    if future.wait_ended_timeout(PATIENCE).is_err() {
        stage.books.fail("a submission's work did not end within a minute");
    }
    Some(how)
}

/// What coroutines fail with on purpose.
#[derive(Debug)]
struct Deliberate;

impl std::fmt::Display for Deliberate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a deliberate failure")
    }
}

impl std::error::Error for Deliberate {}

// ---- producers --------------------------------------------------------------------------------------

fn post(stage: &Stage, handle: &LoopHandle, then: impl FnOnce() + Send + 'static) {
    let entry = Entry::new(&stage.books, |books| &books.posts, handle);
    let posted = handle.call_soon_threadsafe(move || {
        then();
        entry.end("ran");
    });
    if let Err(error) = posted
        && !matches!(error, PostError::LoopClosed)
    {
        stage.books.fail(format!("an open loop has refused: {error}"));
    }
}

/// A burst, each of which must come after the one before it.
fn posts(stage: &Stage, handle: &LoopHandle, choices: &mut Choices) {
    let (last, books) = (Arc::new(AtomicU64::new(0)), Arc::clone(&stage.books));
    for number in 1..=choices.u64(1..64) {
        let (last, books) = (Arc::clone(&last), Arc::clone(&books));
        post(stage, handle, move || {
            if last.swap(number, Ordering::Relaxed) != number - 1 {
                books.fail("posts of one thread ran out of order");
            }
        });
    }
}

/// A burst, and one behind it that is waited for: by then all have run.
fn awaited_posts(stage: &Stage, handle: &LoopHandle, choices: &mut Choices) {
    let ran = Arc::new(AtomicU64::new(0));
    let count = choices.u64(1..32);
    for _ in 0..count {
        let ran = Arc::clone(&ran);
        let count = move || {
            ran.fetch_add(1, Ordering::Relaxed);
        };
        post(stage, handle, count);
    }
    let seen = Arc::clone(&ran);
    let future = submit(stage, handle, move |_| async move { Ok(seen.load(Ordering::Relaxed)) });
    if let Some(future) = future {
        settle(stage, &future, handle, Expected::Value(count));
    }
}

/// A wait that may time out, and then one that does not.
fn slow_submissions(stage: &Stage, handle: &LoopHandle, choices: &mut Choices) {
    let delay = Duration::from_micros(choices.u64(..5_000));
    let submitted = submit(stage, handle, move |_| async move {
        sleep(delay).await?;
        Ok(1)
    });
    let Some(future) = submitted else { return };
    // Whatever this says, the work goes on.
    let _early = future.result_timeout(Duration::from_micros(choices.u64(..3_000)));
    settle(stage, &future, handle, Expected::Value(1));
}

fn many_at_once(stage: &Stage, handle: &LoopHandle, choices: &mut Choices) {
    let one = |number: u64| {
        submit(stage, handle, move |_| async move {
            for _ in 0..number % 4 {
                yield_now().await?;
            }
            Ok(number)
        })
    };
    let futures: Vec<_> = (0..choices.u64(2..16)).map_while(one).collect();
    if futures.is_empty() {
        return;
    }
    let all = [ReturnWhen::AllCompleted, ReturnWhen::FirstCompleted, ReturnWhen::FirstException];
    let when = all[choices.usize(..all.len())];
    match concurrent::wait(&futures, Some(PATIENCE), when) {
        Ok(split) if split.done.is_empty() => stage.books.fail("nothing was done within a minute"),
        Ok(_) => {}
        Err(error) => stage.books.fail(format!("a wait for several failed: {error}")),
    }
    for (number, future) in (0..).zip(&futures) {
        settle(stage, future, handle, Expected::Value(number));
    }
}

fn failures(stage: &Stage, handle: &LoopHandle, choices: &mut Choices) {
    let panics = choices.bool();
    let submitted = submit(stage, handle, move |_| async move {
        yield_now().await?;
        if panics {
            resume_unwind(Box::new("a coroutine panics on purpose"));
        }
        Err(Exception::new(Deliberate))
    });
    if let Some(future) = submitted {
        settle(stage, &future, handle, Expected::Exception);
    }
}

/// A coroutine on one loop that awaits one of another, in a scope, through a shield.
fn across_loops(stage: &Stage, handle: &LoopHandle, choices: &mut Choices) {
    let Some(other) = stage.any_loop(choices) else { return };
    let inner = submit(stage, &other, |_| async {
        sleep(Duration::from_micros(300)).await?;
        Ok(5)
    });
    let Some(inner) = inner else { return };
    let (awaited, limit) = (inner.clone(), Duration::from_millis(choices.u64(1..4)));
    let outer = submit(stage, handle, move |_| async move {
        let task = get_running_loop()?.create_task(awaited)?;
        match timeout(limit, shield(task)).await {
            // The other loop may close, the scope may expire: both are told here, and fine.
            Err(error) if error.is::<TimeoutError>() || error.is::<LoopClosed>() => Ok(5),
            result => result,
        }
    });
    if let Some(outer) = outer {
        settle(stage, &outer, handle, Expected::Value(5));
    }
    // The inner one is cancelled if its awaiter's loop closes.
    settle(stage, &inner, &other, Expected::ValueOrCancelled(5));
}

// ---- cancellers and timers --------------------------------------------------------------------------

fn cancels(stage: &Stage, handle: &LoopHandle, choices: &mut Choices) {
    let nested = choices.bool();
    let submitted = submit(stage, handle, move |_| async move {
        let hour = Duration::from_hours(1);
        if nested {
            timeout(2 * hour, async move { sleep(hour).await }).await?;
        } else {
            sleep(hour).await?;
        }
        Ok(0)
    });
    let Some(future) = submitted else { return };
    if choices.bool() {
        thread::sleep(Duration::from_micros(choices.u64(..2_000)));
    } else {
        (0..choices.u64(..2_000)).for_each(|_| std::hint::spin_loop());
    }
    let expected = if future.cancel() { Expected::Cancelled } else { Expected::Value(0) };
    settle(stage, &future, handle, expected);
}

fn timers(stage: &Stage, handle: &LoopHandle, choices: &mut Choices) {
    let mut kept = Vec::new();
    for _ in 0..choices.u64(1..32) {
        let delay = Duration::from_micros(choices.u64(..20_000));
        let entry = Entry::new(&stage.books, |books| &books.timers, handle);
        let (cancelled, due) = (entry.cancelled(), Instant::now() + delay);
        let set = handle.call_later_threadsafe(delay, move || {
            if Instant::now() < due {
                entry.books().fail("a timer fired early");
            }
            entry.end("fired");
        });
        match set {
            Ok(timer) => kept.push((timer, cancelled)),
            Err(_) if handle.is_closed() => {}
            Err(error) => stage.books.fail(format!("an open loop refused a timer: {error}")),
        }
    }
    thread::sleep(Duration::from_micros(choices.u64(..10_000)));
    for (timer, cancelled) in kept {
        if choices.bool() {
            cancelled.store(true, Ordering::Release);
            timer.cancel();
        }
    }
}

// ---- executors --------------------------------------------------------------------------------------

/// A coroutine that awaits a function in its loop's own pool.
fn in_default_executor(stage: &Stage, handle: &LoopHandle, choices: &mut Choices) {
    let (books, busy) = (Arc::clone(&stage.books), Duration::from_micros(choices.u64(..500)));
    let submitted = submit(stage, handle, move |_| async move {
        let work = Piece::new(&books);
        let ran = get_running_loop()?.run_in_executor(None, move || {
            thread::sleep(busy);
            work.end();
            Ok(9)
        })?;
        ran.await
    });
    if let Some(future) = submitted {
        settle(stage, &future, handle, Expected::Value(9));
    }
}

/// A pool that is shut down while work waits in it.
fn own_pool(stage: &Stage, _: &LoopHandle, choices: &mut Choices) {
    let pool = ThreadPoolExecutor::builder().max_workers(choices.usize(1..4)).build();
    let pool = match pool {
        Ok(pool) => pool,
        Err(error) => return stage.books.fail(format!("no pool: {error}")),
    };
    let piece = |number: u64| {
        let work = Piece::new(&stage.books);
        pool.submit(move || {
            work.end();
            Ok(number)
        })
    };
    let submitted: Vec<_> = (0..choices.u64(1..20)).map(piece).collect();
    let (wait, cancel) = (choices.bool(), choices.bool());
    if let Err(error) = pool.shutdown(wait, cancel) {
        stage.books.fail(format!("a shutdown failed: {error}"));
    }
    for (number, submitted) in (0..).zip(submitted) {
        let result = submitted.map(|future| future.result_timeout(PATIENCE));
        match result {
            Ok(Ok(value)) if value == number => {}
            Ok(Err(ResultError::Cancelled(_))) if cancel => {}
            Err(SubmitError::NoThread(_)) => {}
            other => stage.books.fail(format!("work in a pool ended with {other:?}")),
        }
    }
    if pool.ended().result_timeout(PATIENCE).is_err() {
        stage.books.fail("a pool did not end within a minute");
    }
}

/// A function for an executor: it runs, or it is dropped unrun.
struct Piece {
    books: Arc<Books>,
    ran: bool,
}

impl Piece {
    fn new(books: &Arc<Books>) -> Piece {
        books.executor_work.open();
        Piece { books: Arc::clone(books), ran: false }
    }

    fn end(mut self) {
        self.ran = true;
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.books.executor_work.close(if self.ran { "ran" } else { "dropped unrun" });
    }
}

// ---- threads that die -------------------------------------------------------------------------------

/// Runs a body that ends in a panic, in a thread of its own.
fn die(stage: &Stage, body: impl FnOnce() + Send) {
    thread::scope(|scope| {
        let dying = scope.spawn(|| {
            stage.disturbed(body);
            resume_unwind(Box::new("a thread dies on purpose"));
        });
        if dying.join().is_ok() {
            stage.books.fail("a thread that had to die lives");
        }
    });
}

/// Whoever waits for a thread that dies hears of it.
fn dies_with_a_promise(stage: &Stage, _: &LoopHandle, choices: &mut Choices) {
    let (promise, future) = concurrent::promise::<u64>();
    stage.books.promises.open();
    let starts = choices.bool();
    die(stage, move || {
        if starts {
            // Running work cannot be cancelled, only break its promise.
            let _ = promise.set_running_or_notify_cancel();
        }
        resume_unwind(Box::new("with its promise"));
    });
    match future.result_timeout(PATIENCE) {
        Err(ResultError::Exception(error)) if error.is::<BrokenPromise>() => {
            stage.books.promises.close("broken");
        }
        other => stage.books.fail(format!("a broken promise shows as {other:?}")),
    }
}

/// Submissions of a thread that dies go on, and end.
fn dies_with_submissions(stage: &Stage, handle: &LoopHandle, choices: &mut Choices) {
    let count = choices.u64(1..8);
    let kept = std::sync::Mutex::new(Vec::new());
    die(stage, || {
        for number in 0..count {
            let submitted = submit(stage, handle, move |_| async move {
                sleep(Duration::from_micros(100 * number)).await?;
                Ok(number)
            });
            // One is kept where it outlives the thread, the other clone dies with it.
            if let Some(future) = submitted {
                let _dies_here = future.clone();
                lock(&kept).push((number, future));
            }
        }
    });
    for (number, future) in lock(&kept).drain(..) {
        settle(stage, &future, handle, Expected::Value(number));
    }
}

/// Every kind of entry that actors make; for a look at whether the load does what it is for.
pub(crate) fn idle(books: &Books) -> Vec<&'static str> {
    let all = books.all();
    all.into_iter()
        .filter(|(_, book): &(_, &Book)| book.made() == 0)
        .map(|(name, _)| name)
        .collect()
}
