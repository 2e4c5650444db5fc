//! Replays the committed corpus, and says that it is what the seeds are.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use loopgate_fuzz::{Program, check, seeds};

/// Every committed file, by name. What the fuzzer has added here has no words in its name.
fn committed() -> BTreeMap<String, Vec<u8>> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/loop_program");
    let files = fs::read_dir(corpus).expect("the corpus is committed");
    let names = files.map(|file| file.expect("a readable folder").path());
    names
        .filter_map(|path| {
            let name = path.file_name()?.to_str()?.to_owned();
            name.contains('_').then(|| (name, fs::read(path).expect("a readable file")))
        })
        .collect()
}

#[test]
fn every_committed_program_keeps_the_specification() {
    let committed = committed();
    assert!(committed.len() >= 12, "the corpus is there");
    for (name, bytes) in committed {
        let program = Program::decode(&bytes).expect("of the present version");
        if let Err(violation) = check(&program) {
            panic!("{name}: {violation}");
        }
    }
}

/// A changed alphabet changes what the committed bytes mean; this is what notices it.
#[test]
fn the_corpus_is_the_seeds() {
    let seeds: BTreeMap<_, _> = seeds::all()
        .into_iter()
        .map(|(name, program)| {
            let bytes = program.encode();
            assert_eq!(Program::decode(&bytes), Some(program), "{name} survives its encoding");
            (name.to_owned(), bytes)
        })
        .collect();
    let fresh = seeds == committed();
    assert!(
        fresh,
        "raise the version if the alphabet changed; then: cargo run --example write_corpus"
    );
}

/// What one program shows must not depend on the one before.
#[test]
fn programs_do_not_touch_each_other() {
    for _ in 0..2 {
        for (name, program) in seeds::all() {
            if let Err(violation) = check(&program) {
                panic!("{name}: {violation}");
            }
        }
    }
}
