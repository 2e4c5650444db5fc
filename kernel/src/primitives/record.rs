//! The record of one execution, as checkers read it.

/// One visible step of one thread.
#[derive(Clone, Debug)]
pub struct Step {
    /// Index into [`Interleaving::threads`].
    pub thread: usize,
    /// What was done.
    pub operation: &'static str,
    /// To what: a type's name and a number within the execution; empty if to nothing.
    pub object: String,
    /// The value read or written, or the outcome; may be empty.
    pub value: String,
    /// The caller's `file.rs:line`; empty if it is not known.
    pub at: String,
    /// Nothing that the thread did, but the unusual answer to a question.
    pub answer: bool,
    /// What became of the object, where the step changed it and it shows itself.
    pub state: Option<String>,
}

/// An execution, as far as it went.
#[derive(Clone, Debug)]
pub struct Interleaving {
    /// The names of the threads, the main thread first.
    pub threads: Vec<String>,
    /// What they did, in order.
    pub steps: Vec<Step>,
}
