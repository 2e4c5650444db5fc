//! What CPython's asyncio does where SPEC.md decides otherwise, as rules of the spec.
//!
//! With its habits switched on the spec says what asyncio does: not that it may differ, but how. Random programs are
//! compared with that by `cargo conformance --differential`, so that a difference that SPEC.md declares has to show as it
//! is declared. All of this is CPython 3.11.

/// One habit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Habit {
    /// The cancel of a submission is posted, behind steps that are queued.
    CancelIsPosted,
    /// Taking back the last cancel does not withdraw it.
    UncancelKeeps,
    /// The expiry of a `timeout` cancels the task itself, is counted as a cancel, and taken back when the scope is left.
    ExpiryIsCounted,
    /// A `timeout` without any time begins its body, and expires in the next iteration.
    ZeroTimeoutBegins,
    /// Timers are in a heap by their deadlines alone.
    TimersInAHeap,
    /// Close drops what is queued, and nobody is told.
    CloseStrands,
    /// A cancel that is pending waits for an await that suspends, and is delivered to what that is suspended on.
    CancelWaitsForASuspension,
    /// A task that is cancelled when what it awaits is done retrieves that, and it is not reported.
    CancelReadsTheResult,
    /// A cancelled wrapper cancels its source an iteration later.
    SourceIsCancelledLater,
    /// `wait` and `as_completed` return at once if there is nothing to wait for.
    NothingIsDone,
    /// `wait` and `as_completed` do not count a cancelled future that was not acknowledged.
    CancelledIsNotDone,
    /// What a task raises after its submission was cancelled is reported to nobody.
    LateFailureIsLost,
    /// An exit request leaves the run before the submitter is told.
    ExitComesFirst,
    /// A run that was stopped when what it ran had just ended leaves a stop behind for the next run.
    RunLeavesAStop,
    /// A timeout of the work and one of the wait for it are the same exception.
    TimeoutsAreOne,
}

impl Habit {
    /// Every habit.
    pub const ALL: &[Habit] = &[
        Habit::CancelIsPosted,
        Habit::UncancelKeeps,
        Habit::ExpiryIsCounted,
        Habit::ZeroTimeoutBegins,
        Habit::TimersInAHeap,
        Habit::CloseStrands,
        Habit::CancelWaitsForASuspension,
        Habit::CancelReadsTheResult,
        Habit::SourceIsCancelledLater,
        Habit::NothingIsDone,
        Habit::CancelledIsNotDone,
        Habit::LateFailureIsLost,
        Habit::ExitComesFirst,
        Habit::RunLeavesAStop,
        Habit::TimeoutsAreOne,
    ];

    /// The clauses that it is against.
    #[must_use]
    pub fn clauses(self) -> &'static str {
        match self {
            Habit::CancelIsPosted => "C-5, C-6",
            Habit::UncancelKeeps => "T-12",
            Habit::ExpiryIsCounted => "O-1",
            Habit::ZeroTimeoutBegins => "O-6",
            Habit::TimersInAHeap => "D-2",
            Habit::CloseStrands => "C-8, L-8, S-6",
            Habit::CancelWaitsForASuspension => "T-6",
            Habit::CancelReadsTheResult => "L-5",
            Habit::SourceIsCancelledLater => "C-10",
            Habit::NothingIsDone => "F-19",
            Habit::CancelledIsNotDone => "F-15",
            Habit::LateFailureIsLost => "C-3",
            Habit::ExitComesFirst => "S-9",
            Habit::RunLeavesAStop => "S-4",
            Habit::TimeoutsAreOne => "F-8",
        }
    }

    /// Without any of these operations a program does not meet it.
    #[must_use]
    pub fn needs(self) -> &'static [&'static str] {
        match self {
            Habit::CancelIsPosted | Habit::LateFailureIsLost => &["cancel"],
            Habit::UncancelKeeps => &["uncancel"],
            Habit::ExpiryIsCounted | Habit::ZeroTimeoutBegins | Habit::TimeoutsAreOne => {
                &["timeout", "wait_for"]
            }
            Habit::TimersInAHeap => &["call_later", "call_at", "sleep", "timeout", "wait_for"],
            Habit::CloseStrands => &["new_loop"],
            Habit::CancelWaitsForASuspension => &["cancel_local", "cancel"],
            Habit::CancelReadsTheResult => &["local", "wrapped", "task"],
            Habit::SourceIsCancelledLater => &["wrapped", "wrap_future", "run_in_executor"],
            Habit::NothingIsDone | Habit::CancelledIsNotDone => &["wait", "as_completed"],
            Habit::ExitComesFirst => &["exit"],
            Habit::RunLeavesAStop => &["run_until_complete"],
        }
    }
}

/// Some of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Habits(u16);

impl Habits {
    /// None: what SPEC.md says.
    pub const NONE: Habits = Habits(0);

    /// All of asyncio's.
    #[must_use]
    pub fn of_asyncio() -> Habits {
        Habit::ALL.iter().fold(Habits::NONE, |habits, habit| habits.with(*habit))
    }

    /// These and one more.
    #[must_use]
    pub fn with(self, habit: Habit) -> Habits {
        Habits(self.0 | 1 << habit as u16)
    }

    /// These without one.
    #[must_use]
    pub fn without(self, habit: Habit) -> Habits {
        Habits(self.0 & !(1 << habit as u16))
    }

    /// Whether one is among them.
    #[must_use]
    pub fn has(self, habit: Habit) -> bool {
        self.0 & 1 << habit as u16 != 0
    }
}
