//! The life of a pool, by a schedule; see the library. Needs `--cfg shuttle`.

#![cfg_attr(fuzzing, no_main)]

loopgate_fuzz::target!(loopgate_fuzz::Scheduled<loopgate_fuzz::Life>);
