//! What the world around the kernel may do in a model.

/// What may happen in a model; every "may" is explored both ways.
///
/// The interruptions and faults happen at most once per thread and object in one execution, so that the
/// number of executions is finite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Environment {
    /// How many bytes the self-pipe holds. One, so that a full pipe is reached at once.
    pub pipe_capacity: usize,
    /// A wait on a condition variable may return without a reason.
    pub spurious_wakeups: bool,
    /// A poll may return without a reason.
    pub interrupts: bool,
    /// A drain may leave one byte of several.
    pub partial_drains: bool,
    /// The pipe may break: a poll then finds end-of-file, and writes fail.
    pub end_of_file: bool,
    /// A write may fail, having written nothing.
    pub failing_writes: bool,
    /// A byte may vanish though its write was reported done. No kernel survives it: for controls.
    pub lost_bytes: bool,
    /// What is done about loom's gaps.
    pub cures: Cures,
}

impl Environment {
    /// What real systems do: spurious wake-ups, a small pipe, and nothing fails.
    pub const USUAL: Environment = Environment {
        pipe_capacity: 1,
        spurious_wakeups: true,
        interrupts: false,
        partial_drains: false,
        end_of_file: false,
        failing_writes: false,
        lost_bytes: false,
        cures: Cures::ALL,
    };
}

impl Default for Environment {
    fn default() -> Environment {
        Environment::USUAL
    }
}

/// What is done about loom's gaps. Only litmus models switch one off, to show what it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cures {
    /// Announce each access to an atomic by a read-modify-write of a shadow: loom remembers one last
    /// access per atomic, so a load followed by a store hides races with the load.
    pub shadow: bool,
    /// Refuse sequentially consistent loads and stores, which loom treats as acquire and release.
    pub refuse_seq_cst: bool,
    /// Let a timeout fire at any moment. loom's own never fires.
    pub early_timeouts: bool,
    /// Let a timeout fire when nobody can run. Without this a timed wait that nobody ends is a deadlock.
    pub late_timeouts: bool,
    /// Let `notify_one` pick any waiter. loom's own picks the first.
    pub any_waiter: bool,
    /// Number the questions of each thread by themselves. Numbered through, the answer to one thread
    /// would depend on how fast another one is, which loom cannot see.
    pub questions_by_thread: bool,
}

impl Cures {
    /// Everything that is done.
    pub const ALL: Cures = Cures {
        shadow: true,
        refuse_seq_cst: true,
        early_timeouts: true,
        late_timeouts: true,
        any_waiter: true,
        questions_by_thread: true,
    };
}
