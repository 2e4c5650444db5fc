//! The pulse of the process: memory, descriptors, threads, once in a while.

use std::time::Duration;
use std::{fs, thread};

use crate::stage::Stage;

/// A moment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pulse {
    pub(crate) at: Duration,
    /// Resident, in KiB.
    pub(crate) memory: u64,
    pub(crate) descriptors: u64,
    pub(crate) threads: u64,
}

/// So many moments are kept, whatever the length: the page draws them.
const MOMENTS: u32 = 400;

/// Takes the pulse until the end.
pub(crate) fn take(stage: &Stage, length: Duration) -> Vec<Pulse> {
    let interval = (length / MOMENTS).max(Duration::from_millis(100));
    let mut pulses = Vec::new();
    let mut at = Duration::ZERO;
    while !stage.is_over() {
        thread::sleep(interval);
        at += interval;
        // There may be no descriptor to look with.
        pulses.extend(now().map(|pulse| Pulse { at, ..pulse }));
    }
    pulses
}

/// This moment; `None` if the process has no descriptor left to look with.
pub(crate) fn now() -> Option<Pulse> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim_start_matches(':').split_whitespace().next()?.parse().ok()
    };
    Some(Pulse {
        at: Duration::ZERO,
        memory: field("VmRSS")?,
        threads: field("Threads")?,
        // Without the one that it is read by.
        descriptors: fs::read_dir("/proc/self/fd").ok()?.count() as u64 - 1,
    })
}

/// The greatest number of an open descriptor.
pub(crate) fn highest_descriptor() -> Option<u64> {
    let names = fs::read_dir("/proc/self/fd").ok()?;
    names.filter_map(|name| name.ok()?.file_name().to_str()?.parse().ok()).max()
}

/// What memory rested at early on and late, in KiB: the least of a stretch of time, each.
pub(crate) fn memory_early_and_late(pulses: &[Pulse]) -> Option<(u64, u64)> {
    // The first fifth warms up.
    let warm = &pulses[pulses.len() / 5..];
    let quarter = warm.len() / 4;
    let least = |pulses: &[Pulse]| pulses.iter().map(|pulse| pulse.memory).min();
    Some((least(&warm[..quarter])?, least(&warm[warm.len() - quarter..])?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_leak_shows_and_a_warm_up_does_not() {
        let pulse = |memory| Pulse { memory, ..Pulse::default() };
        let leak: Vec<Pulse> = (0..100).map(|second| pulse(1000 + 10 * second)).collect();
        let (early, late) = memory_early_and_late(&leak).unwrap();
        assert_eq!((early, late), (1200, 1800));
        let warm_up: Vec<Pulse> = (0..100).map(|second| pulse(100 + second.min(20))).collect();
        assert_eq!(memory_early_and_late(&warm_up), Some((120, 120)));
        assert_eq!(memory_early_and_late(&[]), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn open_descriptors_are_counted() {
        // The other tests open and close a few while this one counts.
        const OPENED: u64 = 64;
        const OTHERS: u64 = 16;
        let before = now().unwrap();
        let files: Vec<_> =
            (0..OPENED).map(|_| std::fs::File::open("/proc/self/status").unwrap()).collect();
        let opened = now().unwrap();
        drop(files);
        let closed = now().unwrap();
        assert!(
            opened.descriptors + OTHERS >= before.descriptors + OPENED,
            "{before:?}, {opened:?}"
        );
        assert!(closed.descriptors <= before.descriptors + OTHERS, "{before:?}, {closed:?}");
        assert!(before.memory > 0 && before.threads > 0, "{before:?}");
    }
}
