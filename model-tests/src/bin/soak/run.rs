//! Sets everything going, waits for the end, and closes the books.

use std::process::ExitCode;
use std::sync::Arc;
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use crate::hardship::{self, Hardships};
use crate::options::{self, HELP, Options};
use crate::report::{self, Figures};
use crate::stage::{Stage, lock};
use crate::vitals::{self, Pulse};
use crate::{actors, loops};

/// Loops at a time.
const LOOPS: usize = 3;

/// Memory that rests above its early level by more than a tenth and this, in KiB, grows.
const MEMORY_SLACK: u64 = 8 << 10;

pub(crate) fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match options::parse(&arguments) {
        Ok(Some(options)) => match run(&options) {
            Ok(code) => code,
            Err(error) => {
                eprintln!("cargo soak: {error}");
                ExitCode::FAILURE
            }
        },
        Ok(None) => {
            print!("{HELP}");
            ExitCode::SUCCESS
        }
        Err(wrong) => {
            eprint!("cargo soak: {wrong}\n\n{HELP}");
            ExitCode::from(2)
        }
    }
}

fn run(options: &Options) -> Result<ExitCode, String> {
    hardship::limit_memory(options.memory)
        .map_err(|error| format!("no limit on memory: {error}"))?;
    let seed = options.seed.unwrap_or_else(|| fastrand::u64(..));
    println!("soaking for {:.0?}, seed {seed}, {} MiB of memory", options.length, options.memory);
    let before = vitals::now().ok_or("/proc says nothing of this process")?;
    let stage = Arc::new(Stage::new(options.length, seed));
    let began = Instant::now();
    let (hardships, pulses) = load(&stage, options.length);
    let after = settled(before);
    let figures = Figures {
        length: began.elapsed(),
        seed,
        books: &stage.books,
        round_trips: &lock(&stage.round_trips),
        hardships: &hardships,
        pulses: &pulses,
        before,
        after,
    };
    judge(&figures);
    print!("{}", report::text(&figures));
    report::write_page(&options.report, &figures)
        .map_err(|error| format!("{} cannot be written: {error}", options.report))?;
    println!("{}", options.report);
    let (failed, _) = stage.books.failures();
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Everything at once until the end.
fn load(stage: &Arc<Stage>, length: Duration) -> (Hardships, Vec<Pulse>) {
    thread::scope(|scope| {
        let mut threads: Vec<ScopedJoinHandle<'_, ()>> = Vec::new();
        for _ in 0..LOOPS {
            threads.push(scope.spawn(|| loops::lives(stage)));
        }
        for (_, count, acts) in actors::CAST {
            for _ in 0..count {
                threads.push(scope.spawn(|| stage.disturbed(|| actors::play(stage, acts))));
            }
        }
        threads.push(scope.spawn(|| stage.disturbed(|| actors::measure(stage))));
        let signals = scope.spawn(|| hardship::signals(stage));
        let descriptors = scope.spawn(|| hardship::descriptors(stage));
        let pulses = scope.spawn(|| vitals::take(stage, length));
        for thread in threads {
            if thread.join().is_err() {
                stage.books.fail("a thread of the load has died that had not to");
            }
        }
        let (starts, refused_starts) = descriptors.join().unwrap_or_default();
        let signals = signals.join().unwrap_or_default();
        (Hardships { signals, refused_starts, starts }, pulses.join().unwrap_or_default())
    })
}

/// The pulse once threads that are just ending have ended.
fn settled(before: Pulse) -> Pulse {
    let mut after = Pulse::default();
    for _ in 0..200 {
        after = vitals::now().unwrap_or_default();
        if after.threads == before.threads && after.descriptors <= before.descriptors {
            break;
        }
        thread::sleep(Duration::from_millis(10));
    }
    after
}

/// Everything has ended: what is open now is lost.
fn judge(figures: &Figures<'_>) {
    let books = figures.books;
    for (name, book) in books.all() {
        let unaccounted = book.unaccounted();
        if unaccounted != 0 {
            books.fail(format!("{name}: {unaccounted} unaccounted for"));
        }
    }
    for name in actors::idle(books) {
        books.fail(format!("{name}: there were none, so nothing was checked"));
    }
    let (before, after) = (figures.before, figures.after);
    if after.descriptors > before.descriptors {
        books.fail(format!(
            "descriptors: {} before, {} after",
            before.descriptors, after.descriptors
        ));
    }
    if after.threads != before.threads {
        books.fail(format!("threads: {} before, {} after", before.threads, after.threads));
    }
    match vitals::memory_early_and_late(figures.pulses) {
        Some((early, late)) if late > early + early / 10 + MEMORY_SLACK => {
            books.fail(format!("memory has grown from {early} KiB to {late} KiB"));
        }
        Some(_) => {}
        None => books.fail("too short to see whether memory grows"),
    }
    if figures.hardships.refused_starts == 0 {
        books.fail("no loop was ever short of descriptors");
    }
}
