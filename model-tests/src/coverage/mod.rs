//! Which lines and branches of the kernel were run: by LLVM's own instrumentation, read from its own tools.
//!
//! `llvm` finds the tools and asks them, `lines` is what they say of each file, `clauses` goes from lines of the kernel
//! to the clauses that are quoted above them.

mod clauses;
mod lines;
mod llvm;

pub use clauses::{Clauses, clauses};
pub use lines::{FileLines, Lines};
pub use llvm::{Llvm, replay};
