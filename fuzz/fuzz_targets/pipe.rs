//! Threads that post through a pipe that fails; needs --cfg shuttle; see the library.

#![cfg_attr(fuzzing, no_main)]

loopgate_fuzz::target!(loopgate_fuzz::Scheduled<loopgate_fuzz::HostilePipe>);
