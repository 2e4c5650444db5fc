//! Replays the committed corpora, and says that they have what the seeds are.

use loopgate_fuzz::{corpus, seeds};

#[test]
fn every_committed_input_keeps_the_specification() {
    match corpus::replay() {
        Ok(count) => {
            let least = corpus::targets_here().map(|target| seeds::of(target.name).len()).sum();
            assert!(count >= least, "{count} inputs are fewer than the {least} seeds");
        }
        Err(wrong) => panic!("{}", wrong.join("\n")),
    }
}

/// A changed alphabet changes what the committed bytes mean; this is what notices it.
#[test]
fn the_corpora_have_the_seeds() {
    for target in corpus::TARGETS {
        let committed = corpus::committed(target.name).expect("the corpus is committed");
        let seeds = seeds::of(target.name);
        assert!(!seeds.is_empty(), "{} has seeds", target.name);
        for seed in seeds {
            let survives = (target.again)(&seed.bytes).as_ref() == Some(&seed.bytes);
            assert!(survives, "{} survives its encoding", seed.name);
            assert!(
                committed.get(seed.name) == Some(&seed.bytes),
                "{}/{}: raise the version if the alphabet changed; then: cargo run --example write_corpus",
                target.name,
                seed.name
            );
        }
    }
}

/// An input that its oracle cannot judge holds, whatever the kernel does.
#[test]
fn every_seed_is_judged() {
    let all = corpus::TARGETS.iter().flat_map(|target| {
        let seeds = seeds::of(target.name).into_iter();
        let idle = seeds.filter(|seed| !(target.is_judged)(&seed.bytes));
        idle.map(|seed| format!("{}/{}", target.name, seed.name))
    });
    assert_eq!(all.collect::<Vec<_>>(), [""; 0]);
}

/// What one program shows must not depend on the one before.
#[test]
fn inputs_do_not_touch_each_other() {
    for target in corpus::targets_here() {
        for _ in 0..2 {
            for seed in seeds::of(target.name) {
                if let Err(violation) = (target.check)(&seed.bytes) {
                    panic!("{}: {violation}", seed.name);
                }
            }
        }
    }
}

/// The files, the manifest and the list name the same targets.
#[test]
fn every_target_is_listed() {
    let manifest = include_str!("../Cargo.toml");
    let paths = manifest.lines().filter_map(|line| line.strip_prefix("path = \"fuzz_targets/"));
    let mut bins: Vec<&str> = paths.filter_map(|path| path.strip_suffix(".rs\"")).collect();
    let mut names: Vec<&str> = corpus::TARGETS.iter().map(|target| target.name).collect();
    if cfg!(shuttle) {
        // They need the conformance kit, which is not there under an explorer.
        names.extend(["vectors", "whole_programs"]);
    }
    bins.sort_unstable();
    names.sort_unstable();
    assert_eq!(bins, names);
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz_targets");
    let files = std::fs::read_dir(folder).expect("the targets are there").count();
    assert_eq!(files, names.len());
}

#[test]
fn a_test_is_printed_that_can_be_pasted() {
    use loopgate_fuzz::*;
    let input = Program { ops: vec![Op::CallSoon(Then::Do(Box::new(Op::CancelCall(Pick(3)))))] };
    let printed = replay::test(&input);
    let expected = "Program { ops: vec![\n        \
        Op::CallSoon(Then::Do(Box::new(Op::CancelCall(Pick(3))))),\n    ] }";
    assert!(printed.contains(expected), "{printed}");
}
