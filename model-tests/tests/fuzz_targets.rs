//! What else names the fuzz targets names all of them: the engine's build script, and the folders of corpora.

#![cfg(not(any(loom, shuttle)))]

use std::path::Path;
use std::process::Command;

use loopgate_model_tests::fuzzing::TARGETS;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace")
}

#[test]
fn the_engines_build_script_builds_every_target() {
    let script = root().join(".clusterfuzzlite/build.sh");
    let output = Command::new("bash").arg(script).arg("--list").output().expect("there is a bash");
    let text = String::from_utf8(output.stdout).expect("names are ASCII");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let listed: Vec<(&str, bool)> = text
        .lines()
        .map(|line| {
            let (name, flags) = line.split_once(' ').expect("a name, and its flags");
            (name, flags == "--cfg shuttle")
        })
        .collect();
    let there = TARGETS.iter().filter(|target| !target.canary);
    let mut there: Vec<_> = there.map(|target| (target.name, target.scheduled)).collect();
    let mut listed_sorted = listed.clone();
    there.sort_unstable();
    listed_sorted.sort_unstable();
    assert_eq!(listed_sorted, there);
}

#[test]
fn every_target_has_a_committed_corpus() {
    for target in TARGETS {
        let corpus = root().join("fuzz/corpus").join(target.name);
        let inputs =
            std::fs::read_dir(&corpus).unwrap_or_else(|error| panic!("{corpus:?}: {error}"));
        assert!(inputs.count() > 0, "{corpus:?} is empty");
    }
}

/// Every input that was ever committed, crashes among them, holds: here without a fuzzer, and without the
/// explorer that follows schedules. `fuzz/tests` replays those under it.
#[test]
fn every_committed_input_holds() {
    match loopgate_fuzz::corpus::replay() {
        Ok(count) => assert!(count > TARGETS.len(), "{count} inputs"),
        Err(wrong) => panic!("{}", wrong.join("\n")),
    }
}
