//! A mistake that has to be found; see the library.

#![cfg_attr(fuzzing, no_main)]

loopgate_fuzz::target!(loopgate_fuzz::Canary);
