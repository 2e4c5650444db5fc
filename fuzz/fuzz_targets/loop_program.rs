//! Programs of operations on one loop, in virtual time and in one thread; see the library.

#![no_main]

use loopgate_fuzz::{Program, run};

libfuzzer_sys::fuzz_target!(|program: Program| run(&program));
