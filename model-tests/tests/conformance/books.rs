//! What is committed is true: the vectors, and the profiles.

use std::path::Path;

use loopgate_model_tests::conformance::{Profile, command, read_all};

fn kit() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/conformance"))
}

#[test]
fn the_vectors_are_what_the_spec_says() {
    match command::drifted(&kit().join("vectors")) {
        Ok(count) => assert!(count > 400, "only {count} vectors"),
        Err(drift) => panic!("{drift}"),
    }
}

#[test]
fn every_vector_names_clauses_of_the_spec() {
    let spec = std::fs::read_to_string(kit().join("../../SPEC.md")).unwrap();
    for vector in read_all(&kit().join("vectors")).unwrap() {
        let vector = vector.unwrap_or_else(|none| panic!("{}: {}", none.name, none.why));
        assert!(!vector.clauses.is_empty(), "{} is about nothing", vector.name);
        for clause in &vector.clauses {
            let heading = format!("\n### {clause}\n");
            assert!(spec.contains(&heading), "{}: SPEC.md has no {clause}", vector.name);
        }
    }
}

#[test]
fn every_profile_is_read() {
    let mut count = 0;
    for entry in std::fs::read_dir(kit().join("runtimes")).unwrap() {
        let path = entry.unwrap().path();
        let profile = Profile::read(&path).unwrap();
        assert_eq!(path.file_stem().unwrap().to_str(), Some(&*profile.name));
        count += 1;
    }
    assert!(count >= 2);
}
