//! Cancels, timeouts and shields in each other; see the library.

#![cfg_attr(fuzzing, no_main)]

loopgate_fuzz::target!(loopgate_fuzz::Program<loopgate_fuzz::ScopeOp>);
