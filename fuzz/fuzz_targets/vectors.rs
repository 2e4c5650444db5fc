//! Texts as the conformance kit reads them; see the library.

#![cfg_attr(fuzzing, no_main)]

#[cfg(not(shuttle))]
loopgate_fuzz::target!(loopgate_fuzz::Document);

#[cfg(shuttle)]
fn main() {
    eprintln!("error: what this target is about is not there under an explorer");
    std::process::exit(2);
}
