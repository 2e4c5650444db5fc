//! Mistakes that the spec can be told to make: each breaks one property of the search, which must find it.

/// One mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Seeded {
    /// A done-callback is called a second time.
    CallbackTwice,
    /// A wait that runs out of time does not look again.
    TimeoutOverCompletion,
    /// Work that a shutdown cancels is not marked as ended.
    CancelledWorkNeverEnds,
    /// Work runs although it was cancelled.
    CancelledWorkRuns,
    /// A closed loop says that it accepts.
    AcceptsAfterClose,
    /// The byte that wakes a loop is lost.
    LosesTheByte,
    /// The exception handler is told twice.
    HandlerTwice,
    /// What a loop's thread schedules overtakes what was posted before.
    OwnOvertakesPosted,
    /// A value replaces a cancel.
    ValueAfterCancel,
    /// A loop sleeps although something was posted.
    SleepsOverMail,
    /// A timer fires before its time.
    EarlyTimer,
    /// A callback runs although its handle was cancelled.
    CancelledCallbackRuns,
    /// A closing loop forgets what was posted.
    CloseStrandsPosted,
    /// A shield hands the cancel on.
    ShieldHandsOn,
    /// A task's outcome is copied at once, not through the queue.
    CopiesAtOnce,
    /// A step does not look whether its submission was cancelled.
    CancelOneStepLate,
    /// The expiry of a timeout takes a foreign cancel for its own.
    ExpirySwallowsCancel,
    /// A future that is done is completed once more.
    CompletesTwice,
    /// A producer's acknowledgement of a cancel is forgotten.
    NeverAcknowledged,
    /// A closing loop forgets its tasks.
    CloseStrandsTasks,
    /// A scope that gives a cancel back notes that it was received.
    GivenBackCountsAsReceived,
    /// A scope hears of no cancel before it has suspended.
    EnteredScopeHearsNothing,
}

impl Seeded {
    /// Every mistake.
    pub const ALL: &[Seeded] = &[
        Seeded::CallbackTwice,
        Seeded::TimeoutOverCompletion,
        Seeded::CancelledWorkNeverEnds,
        Seeded::CancelledWorkRuns,
        Seeded::AcceptsAfterClose,
        Seeded::LosesTheByte,
        Seeded::HandlerTwice,
        Seeded::OwnOvertakesPosted,
        Seeded::ValueAfterCancel,
        Seeded::SleepsOverMail,
        Seeded::EarlyTimer,
        Seeded::CancelledCallbackRuns,
        Seeded::CloseStrandsPosted,
        Seeded::ShieldHandsOn,
        Seeded::CopiesAtOnce,
        Seeded::CancelOneStepLate,
        Seeded::ExpirySwallowsCancel,
        Seeded::CompletesTwice,
        Seeded::NeverAcknowledged,
        Seeded::CloseStrandsTasks,
        Seeded::GivenBackCountsAsReceived,
        Seeded::EnteredScopeHearsNothing,
    ];
}
