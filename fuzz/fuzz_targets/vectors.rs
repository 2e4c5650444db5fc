//! Texts as the conformance kit reads them; see the library.

#![cfg_attr(fuzzing, no_main)]

loopgate_fuzz::target!(loopgate_fuzz::Document);
