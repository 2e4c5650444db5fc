//! What is asked of the operating system: processors, and processor time.
//!
//! Two threads that hand work to one another need several times longer when a sleeping core has to be
//! woken for it, and the scheduler places one competitor this way and the next one that way. So on Linux
//! a row says where its threads run; elsewhere it is as it comes.

use std::time::Duration;

/// Where the threads of a workload run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placement {
    /// As the scheduler likes.
    Free,
    /// All on one core.
    OneCore,
    /// The loop on one core, whoever talks to it on another.
    TwoCores,
}

pub(crate) use system::{cpu_time, loops_side, pin, placed, possible};

#[cfg(target_os = "linux")]
mod system {
    use super::{Duration, Placement};
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
    use rustix::time::{ClockId, clock_gettime};
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// The core of the loops' side, and one more; zero for any.
    static LOOPS: AtomicUsize = AtomicUsize::new(0);
    static CALLER: AtomicUsize = AtomicUsize::new(0);

    fn cores() -> Vec<usize> {
        static ALL: std::sync::OnceLock<Vec<usize>> = std::sync::OnceLock::new();
        let all = ALL.get_or_init(|| {
            let allowed = sched_getaffinity(None).expect("the own thread's cores");
            (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core)).collect()
        });
        all.clone()
    }

    fn pin_to(chosen: &[usize]) {
        let mut set = CpuSet::new();
        chosen.iter().for_each(|core| set.set(*core));
        sched_setaffinity(None, &set).expect("cores that were allowed");
    }

    pub(crate) fn possible(placement: Placement) -> bool {
        placement != Placement::TwoCores || cores().len() > 1
    }

    /// Places the calling thread, and the loops that will be started.
    pub(crate) fn pin(placement: Placement) {
        let cores = cores();
        let (caller, loops) = match placement {
            Placement::Free => (0, 0),
            Placement::OneCore => (cores[0] + 1, cores[0] + 1),
            Placement::TwoCores => (cores[0] + 1, cores[1] + 1),
        };
        LOOPS.store(loops, Ordering::Relaxed);
        CALLER.store(caller, Ordering::Relaxed);
        if caller == 0 { pin_to(&cores) } else { pin_to(&[caller - 1]) }
    }

    /// Runs `start` with the affinity of the loops' side, which threads started in there inherit.
    pub(crate) fn loops_side<R>(start: impl FnOnce() -> R) -> R {
        let (caller, loops) = (CALLER.load(Ordering::Relaxed), LOOPS.load(Ordering::Relaxed));
        if loops == caller {
            return start();
        }
        pin_to(&[loops - 1]);
        let result = start();
        pin_to(&[caller - 1]);
        result
    }

    /// The cores of the caller and those of the loop, for a competitor in a process of its own.
    pub(crate) fn placed() -> [Vec<usize>; 2] {
        [&CALLER, &LOOPS].map(|side| match side.load(Ordering::Relaxed) {
            0 => cores(),
            core => vec![core - 1],
        })
    }

    pub(crate) fn cpu_time() -> Duration {
        let time = clock_gettime(ClockId::ProcessCPUTime);
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use super::{Duration, Placement};

    pub(crate) fn possible(placement: Placement) -> bool {
        placement == Placement::Free
    }

    pub(crate) fn pin(_: Placement) {}

    pub(crate) fn loops_side<R>(start: impl FnOnce() -> R) -> R {
        start()
    }

    /// Anywhere.
    pub(crate) fn placed() -> [Vec<usize>; 2] {
        Default::default()
    }

    /// Without a clock of the process's own: the time that passes.
    pub(crate) fn cpu_time() -> Duration {
        static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
        START.get_or_init(std::time::Instant::now).elapsed()
    }
}
