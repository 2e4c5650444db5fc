//! The patterns: the sixteen mistakes that the faults of event loops come down to.
//!
//! A header names its pattern by number and by these words, so that neither is mistyped.

/// Number, words, and what to look for. `faults/README.md` has the same list, and a test compares them.
pub(crate) const PATTERNS: [(&str, &str); 16] = [
    ("M1", "publish and wake in the wrong order"),
    ("M2", "check, then act on what may have changed"),
    ("M3", "a shortcut that skips the wake"),
    ("M4", "changed before it was refused"),
    ("M5", "one element ends the whole pass"),
    ("M6", "a list that changes under its iteration"),
    ("M7", "a count beside the container"),
    ("M8", "no wake on the way out"),
    ("M9", "clean-up of the wrong extent"),
    ("M10", "user code under an internal lock"),
    ("M11", "a wait that is waited for"),
    ("M12", "used after it was closed"),
    ("M13", "an ordering too weak"),
    ("M14", "a tie given to the wrong side"),
    ("M15", "at once instead of through the queue"),
    ("M16", "rounding, overflow and equal times"),
];

/// The index of the pattern that `text` names, as `M1 its words`.
pub(crate) fn find(text: &str) -> Option<usize> {
    let (number, words) = text.split_once(' ')?;
    PATTERNS.iter().position(|pattern| *pattern == (number, words.trim()))
}
