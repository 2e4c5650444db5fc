//! The blocking round trip: a thread hands a coroutine to an idle loop in another thread and waits for
//! its result.
//!
//! The kernel's way is `run_coroutine_threadsafe(..).result()`. The peer is tokio's current-thread
//! runtime, driven by `Runtime::block_on` in its thread: `Handle::spawn`, and `Handle::block_on` of the
//! join handle. That is the fairest wait: the join handle is the spawned task's own, as the submission's
//! future is here, so neither side pays for a second channel; it tells of panics and cancellation, as
//! the submission's future does; and it blocks in the runtime's own way. It is also the
//! quickest: a oneshot channel with `blocking_recv` came out the same or slower, and a `std::sync::mpsc`
//! slower by 5 %. The coroutine adds one on both sides and never suspends.
//!
//! The peer is there twice. With its I/O driver its loop sleeps in a poll of descriptors, as the
//! kernel's does, and could serve sockets meanwhile: that is the like for like. Without it the loop
//! parks on a condition variable and can wait for nothing else.
//!
//! How it is measured. Each competitor's loop lives in a thread of its own and sleeps whenever it has
//! nothing to do. Most of a trip is the waking of two sleeping threads, and that costs several times
//! more when they run on two cores than when they share one. Left to itself the scheduler places one
//! competitor this way and the next one that way, so on Linux the threads are pinned and both placements
//! are measured; elsewhere they are not, and the ratio may be one of placements.
//!
//! Criterion measures one competitor after the other, which on a busy machine compares two moments more
//! than two loops. The table at the end has samples of its own: rounds, in each of which every
//! competitor makes the same number of trips, in an order that changes from round to round. A round's
//! figure is the median of its trips; the table shows the medians over the rounds, and the ratio is the
//! median of the ratios within each round, with its quartiles. Only the ratio travels from one machine
//! to another.
//!
//! ```text
//! cargo bench -p loopgate-benches               # everything
//! cargo bench -p loopgate-benches -- --quick    # the same, shorter
//! cargo bench -p loopgate-benches -- --test     # each once, nothing measured
//! ```

/// Nothing is measured in a model.
#[cfg(loom)]
fn main() {}

#[cfg(not(loom))]
fn main() {
    bench::main();
}

#[cfg(not(loom))]
mod bench {
    use std::sync::mpsc;
    use std::thread::JoinHandle;
    use std::time::{Duration, Instant};

    use criterion::Criterion;
    use loopgate::{EventLoop, LoopHandle};

    use super::placement::{self, Thread};

    pub(crate) fn main() {
        let competitors: Vec<Box<dyn Competitor>> = vec![
            Box::new(Kernel::start()),
            Box::new(Tokio::start(Driver::Io)),
            Box::new(Tokio::start(Driver::None)),
        ];
        let mut criterion = Criterion::default()
            .warm_up_time(Duration::from_millis(500))
            .measurement_time(Duration::from_secs(3))
            .configure_from_args();
        let rounds = Rounds::from_args();
        let mut table = Vec::new();
        for placement in placement::possible() {
            placement.pin(competitors.iter().map(|competitor| competitor.thread()));
            let workload = format!("round_trip{}", placement.suffix());
            for competitor in &competitors {
                criterion.bench_function(&format!("{workload}/{}", competitor.name()), |bencher| {
                    bencher.iter(|| competitor.round_trip(1));
                });
            }
            table.push((workload, rounds.measure(&competitors)));
        }
        criterion.final_summary();
        if rounds.count > 0 {
            print(&table, &competitors);
        }
    }

    // ---- the competitors ----------------------------------------------------------------------------

    /// A loop in a thread of its own, asleep unless it is asked for something.
    trait Competitor {
        fn name(&self) -> &'static str;
        fn thread(&self) -> Thread;
        /// Has the loop run a coroutine that adds one, and blocks until it has the sum.
        fn round_trip(&self, value: u64) -> u64;
    }

    struct Kernel {
        handle: LoopHandle,
        id: Thread,
        thread: Option<JoinHandle<()>>,
    }

    impl Kernel {
        fn start() -> Kernel {
            let (send, receive) = mpsc::channel();
            let thread = std::thread::spawn(move || {
                let event_loop = EventLoop::new().expect("descriptors for a loop");
                let started = (event_loop.handle(), Thread::current());
                send.send(started).expect("the starter waits for it");
                event_loop.run_forever().expect("a loop that sleeps and is stopped");
            });
            let (handle, id) = receive.recv().expect("the loop's thread sends it first");
            Kernel { handle, id, thread: Some(thread) }
        }
    }

    impl Competitor for Kernel {
        fn name(&self) -> &'static str {
            "loopgate"
        }

        fn thread(&self) -> Thread {
            self.id
        }

        fn round_trip(&self, value: u64) -> u64 {
            let submitted = self.handle.run_coroutine_threadsafe(async move { Ok(value + 1) });
            submitted.expect("an open loop").result().expect("a sum")
        }
    }

    impl Drop for Kernel {
        fn drop(&mut self) {
            self.handle.stop().expect("an open loop");
            join(&mut self.thread);
        }
    }

    #[derive(Clone, Copy)]
    enum Driver {
        /// The loop sleeps in a poll of descriptors.
        Io,
        /// The loop parks.
        None,
    }

    struct Tokio {
        driver: Driver,
        handle: tokio::runtime::Handle,
        id: Thread,
        /// Dropped, it ends the loop's run.
        stop: Option<tokio::sync::oneshot::Sender<()>>,
        thread: Option<JoinHandle<()>>,
    }

    impl Tokio {
        fn start(driver: Driver) -> Tokio {
            let mut builder = tokio::runtime::Builder::new_current_thread();
            if let Driver::Io = driver {
                builder.enable_io();
            }
            // Timers as well: the kernel's loop looks for due ones in every turn.
            let runtime = builder.enable_time().build().expect("descriptors for a runtime");
            let handle = runtime.handle().clone();
            let (stop, stopped) = tokio::sync::oneshot::channel();
            let (send, receive) = mpsc::channel();
            let thread = std::thread::spawn(move || {
                send.send(Thread::current()).expect("the starter waits for it");
                // An error is the sender's drop: the signal.
                let _stopped = runtime.block_on(stopped);
            });
            let id = receive.recv().expect("the loop's thread sends it first");
            Tokio { driver, handle, id, stop: Some(stop), thread: Some(thread) }
        }
    }

    impl Competitor for Tokio {
        fn name(&self) -> &'static str {
            match self.driver {
                Driver::Io => "tokio",
                Driver::None => "tokio-noio",
            }
        }

        fn thread(&self) -> Thread {
            self.id
        }

        fn round_trip(&self, value: u64) -> u64 {
            let task = self.handle.spawn(async move { value + 1 });
            self.handle.block_on(task).expect("a sum")
        }
    }

    impl Drop for Tokio {
        fn drop(&mut self) {
            drop(self.stop.take());
            join(&mut self.thread);
        }
    }

    fn join(thread: &mut Option<JoinHandle<()>>) {
        let thread = thread.take().expect("joined once");
        thread.join().expect("the loop's thread ends when it is told to");
    }

    // ---- the table ----------------------------------------------------------------------------------

    /// How much the table is made of.
    #[derive(Clone, Copy)]
    struct Rounds {
        /// None in a smoke test.
        count: usize,
        /// By each competitor in each round.
        trips: usize,
    }

    /// Nanoseconds: by competitor, then by round.
    type Medians = Vec<Vec<f64>>;

    impl Rounds {
        /// Whether to measure at all follows criterion's own rules.
        fn from_args() -> Rounds {
            let given = |flag: &str| std::env::args().any(|argument| argument == flag);
            let count = match given("--bench") && !given("--test") && !given("--list") {
                false => 0,
                true if given("--quick") => 60,
                true => 300,
            };
            Rounds { count, trips: 100 }
        }

        fn measure(self, competitors: &[Box<dyn Competitor>]) -> Medians {
            let mut medians = vec![Vec::with_capacity(self.count); competitors.len()];
            for round in 0..self.count {
                for turn in 0..competitors.len() {
                    let next = (round + turn) % competitors.len();
                    medians[next].push(self.one_round(&*competitors[next]));
                }
            }
            medians
        }

        fn one_round(self, competitor: &dyn Competitor) -> f64 {
            // The loop and its memory have gone cold while the others had their turns.
            for value in 0..10 {
                competitor.round_trip(value);
            }
            let trips = (0..self.trips as u64).map(|value| {
                let start = Instant::now();
                assert_eq!(competitor.round_trip(value), value + 1, "{}", competitor.name());
                start.elapsed().as_nanos() as f64
            });
            quantile(trips.collect(), 0.5)
        }
    }

    /// A row for each placement and peer; the kernel is the first competitor.
    fn print(table: &[(String, Medians)], competitors: &[Box<dyn Competitor>]) {
        println!(
            "\nalternating rounds; the ratio is paired within each, its quartiles in brackets\n"
        );
        println!("workload              peer           kernel ns     peer ns   kernel/peer");
        for (workload, medians) in table {
            let (kernel, peers) = medians.split_first().expect("the kernel competes");
            for (competitor, peer) in competitors[1..].iter().zip(peers) {
                let ratios: Vec<f64> = kernel.iter().zip(peer).map(|(k, p)| k / p).collect();
                let [low, ratio, high] = [0.25, 0.5, 0.75].map(|at| quantile(ratios.clone(), at));
                let [kernel, peer] = [kernel, peer].map(|samples| quantile(samples.clone(), 0.5));
                let name = competitor.name();
                println!(
                    "{workload:<21} {name:<11} {kernel:>12.0} {peer:>11.0} {ratio:>8.2} [{low:.2}, {high:.2}]"
                );
            }
        }
    }

    /// The sample below which `at` of them lie.
    fn quantile(mut samples: Vec<f64>, at: f64) -> f64 {
        samples.sort_by(f64::total_cmp);
        samples[((samples.len() - 1) as f64 * at).round() as usize]
    }
}

/// Which cores the two threads of a trip run on.
#[cfg(all(not(loom), target_os = "linux"))]
mod placement {
    use rustix::thread::{CpuSet, Pid, gettid, sched_getaffinity, sched_setaffinity};

    /// A thread, to be pinned.
    #[derive(Clone, Copy)]
    pub(crate) struct Thread(Pid);

    impl Thread {
        pub(crate) fn current() -> Thread {
            Thread(gettid())
        }
    }

    /// The core of the submitting thread and that of the loops.
    #[derive(Clone, Copy)]
    pub(crate) struct Placement {
        submitter: usize,
        loops: usize,
    }

    /// One core for both, and two if there are.
    pub(crate) fn possible() -> Vec<Placement> {
        let allowed = sched_getaffinity(None).expect("the own thread's cores");
        let mut cores = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
        let first = cores.next().expect("the program runs on some core");
        let one = Placement { submitter: first, loops: first };
        let two = cores.next().map(|second| Placement { submitter: first, loops: second });
        std::iter::once(one).chain(two).collect()
    }

    impl Placement {
        pub(crate) fn suffix(self) -> &'static str {
            if self.submitter == self.loops { "/one-core" } else { "/two-cores" }
        }

        pub(crate) fn pin(self, loops: impl Iterator<Item = Thread>) {
            let only = |core| {
                let mut set = CpuSet::new();
                set.set(core);
                set
            };
            sched_setaffinity(None, &only(self.submitter)).expect("an allowed core");
            for Thread(id) in loops {
                sched_setaffinity(Some(id), &only(self.loops)).expect("an allowed core");
            }
        }
    }
}

/// Left to the scheduler.
#[cfg(all(not(loom), not(target_os = "linux")))]
mod placement {
    #[derive(Clone, Copy)]
    pub(crate) struct Thread;

    impl Thread {
        pub(crate) fn current() -> Thread {
            Thread
        }
    }

    #[derive(Clone, Copy)]
    pub(crate) struct Placement;

    pub(crate) fn possible() -> Vec<Placement> {
        vec![Placement]
    }

    impl Placement {
        pub(crate) fn suffix(self) -> &'static str {
            ""
        }

        pub(crate) fn pin(self, _loops: impl Iterator<Item = Thread>) {}
    }
}
