//! Programs of operations on one loop, in virtual time and in one thread; see the library.

#![cfg_attr(fuzzing, no_main)]

loopgate_fuzz::target!(loopgate_fuzz::Program);
