//! Concurrent futures in one thread, against the spec; see the library.

#![cfg_attr(fuzzing, no_main)]

loopgate_fuzz::target!(loopgate_fuzz::Program<loopgate_fuzz::FutureOp>);
