//! Programs of the spec's alphabet, drawn by choices; see the library.

#![cfg_attr(fuzzing, no_main)]

#[cfg(not(shuttle))]
loopgate_fuzz::target!(loopgate_fuzz::Drawn);

#[cfg(shuttle)]
fn main() {
    eprintln!("error: what this target is about is not there under an explorer");
    std::process::exit(2);
}
