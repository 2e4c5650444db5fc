//! `cargo spec` as a command: its arguments, its exit status, what it reads and what it writes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const SPEC: &str = "## W wakeup\n\n### W-1\n\nA post MUST wake\nthe loop.\n";
const CITED: &str = "//! Wakeup.\n\n//= SPEC.md#w-1\nfn wake() {}\n";
const TESTED: &str = "//= SPEC.md#w-1\n//= type=test\n#[test]\nfn w1() {}\n";

/// A repository of one clause with its code, its test, and things that are not to be read.
fn repository(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("spec_command_{name}"));
    let _ = fs::remove_dir_all(&root);
    for (path, text) in [
        ("SPEC.md", SPEC),
        ("kernel/src/wakeup.rs", CITED),
        ("kernel/tests/deep/wakeup.rs", TESTED),
        ("kernel/target/debug/build.rs", "fn a() { todo!() }"),
        ("fuzz/corpus/a.rs/a.rs", "fn a() { todo!() }"),
        ("kernel/src/notes.txt", "//= SPEC.md#w-9"),
    ] {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    root
}

fn spec(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_spec"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("the command starts");
    (status.code(), String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned())
}

#[test]
fn findings_exit_1_and_fix_removes_them() {
    let root = repository("fix");
    // From a folder within, as a contributor would.
    let within = root.join("kernel/src");
    let (status, text) = spec(&within, &[]);
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains("kernel/src/wakeup.rs:3: the citation of W-1 quotes nothing"), "{text}");
    assert!(text.ends_with("; 2 findings\n"), "{text}");

    let (status, text) = spec(&within, &["--fix"]);
    assert_eq!(status, Some(0), "{text}");
    assert!(
        text.contains("fixed kernel/src/wakeup.rs\nfixed kernel/tests/deep/wakeup.rs\n"),
        "{text}"
    );
    let fixed = fs::read_to_string(root.join("kernel/src/wakeup.rs")).unwrap();
    assert_eq!(fixed, CITED.replace("#w-1\n", "#w-1\n//# A post MUST wake the loop.\n"));

    let (status, text) = spec(&root, &["--fix"]);
    assert_eq!((status, text.contains("fixed")), (Some(0), false), "{text}");
    assert_eq!(spec(&root, &[]), (status, text));
}

#[test]
fn a_changed_clause_fails_until_its_quotations_follow() {
    let root = repository("changed");
    assert_eq!(spec(&root, &["--fix"]).0, Some(0));
    fs::write(root.join("SPEC.md"), SPEC.replace("wake\n", "wake soon\n")).unwrap();
    let (status, text) = spec(&root, &[]);
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains("wake [soon] the loop."), "{text}");
}

#[test]
fn arguments_that_are_not_understood_exit_2() {
    let root = repository("arguments");
    for arguments in [&["--bogus"][..], &["--fix", "--fix"], &["fix"], &[""]] {
        let (status, text) = spec(&root, arguments);
        assert_eq!(status, Some(2), "{arguments:?} {text}");
        assert!(text.contains("cargo spec --fix"), "{text}");
    }
    let (status, text) = spec(&root, &["--help"]);
    assert_eq!(status, Some(0));
    assert!(text.starts_with("cargo spec ") && text.contains("Exit status"), "{text}");
}

#[test]
fn without_a_spec_nothing_passes() {
    let root = repository("missing");
    // Not removed but elsewhere: the search goes upward, and finds one in a checkout.
    let (status, text) = spec(Path::new("/"), &[]);
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains("no SPEC.md"), "{text}");
    fs::write(root.join("SPEC.md"), "").unwrap();
    assert_eq!(spec(&root, &[]).0, Some(1));
}
