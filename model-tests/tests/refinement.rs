//! The small cut of the refinement: every short history of a future, a queue and a pool, through every interleaving.
//!
//! The explorer is another side of the switch, so this builds and runs `cargo refine` in a target folder of its own.

#![cfg(not(any(loom, shuttle)))]

use std::process::Command;

#[test]
fn the_kernel_does_all_that_the_spec_allows_and_nothing_else() {
    let ran = Command::new(env!("CARGO"))
        .arg("refine")
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .env_remove("RUSTFLAGS")
        .output()
        .expect("cargo starts");
    let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{out}{err}");
    for family in ["concurrent future: 2 threads", "concurrent future: 3", "queue", "executor"] {
        assert!(out.contains(family), "nothing of {family}:\n{out}");
    }
}
