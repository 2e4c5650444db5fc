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
    assert!(count >= 4);
}

/// Rows of COVERAGE.md: what is covered, under its heading, and by what.
fn coverage() -> Vec<(String, String)> {
    let text = std::fs::read_to_string(kit().join("COVERAGE.md")).unwrap();
    let mut heading = String::new();
    let mut rows = Vec::new();
    for line in text.lines() {
        if let Some(next) = line.strip_prefix("## ") {
            heading = next.to_owned();
        }
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let ["", what, by, ""] = cells[..] else { continue };
        if what.starts_with("---") || by.starts_with("vectors, or") {
            continue;
        }
        let what = what.trim_matches('`');
        rows.push((format!("{heading}.{what}"), by.to_owned()));
    }
    rows
}

#[test]
fn every_test_of_cpython_is_accounted_for() {
    let names = include_str!("../../conformance/cpython_tests.txt");
    let rows = coverage();
    let count = names.lines().count();
    assert!(count > 250, "only {count} tests are listed");
    for name in names.lines() {
        let found = rows.iter().filter(|(what, by)| what == name && !by.is_empty()).count();
        assert_eq!(found, 1, "COVERAGE.md has {found} rows for {name}");
    }
    let own = rows.iter().filter(|(what, _)| what.contains(".test_")).count();
    assert_eq!(own, count, "COVERAGE.md has rows for tests that are not listed");
}

#[test]
fn every_vector_that_stands_for_something_exists() {
    let vectors: Vec<String> = read_all(&kit().join("vectors"))
        .unwrap()
        .into_iter()
        .map(|vector| vector.map_or_else(|none| none.name, |vector| vector.name))
        .collect();
    let mut named = 0;
    for (what, by) in coverage() {
        if !by.starts_with('`') {
            continue;
        }
        for name in by.split(", ").map(|name| name.trim_matches('`')) {
            let exists = match name.strip_suffix('*') {
                Some(family) => vectors.iter().any(|vector| vector.starts_with(family)),
                None => vectors.iter().any(|vector| vector == name),
            };
            assert!(exists, "{what} names {name}, and there is no such vector");
            named += 1;
        }
    }
    assert!(named > 200, "only {named} vectors are named");
}
