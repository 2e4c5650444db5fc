//! `cargo faults` as a command: its arguments, its exit status, what it reads and what it leaves alone.
//!
//! Nothing is built here but by the last of them, which looks at the real set of faults and builds nothing either.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const KERNEL: &str = "fn wake() {\n    publish();\n    notify();\n}\n";
const TEST: &str = "#[test]\nfn w1_a() {}\n";
const FAULT: &str = "\
Id: wakeup-silent
Clause: W-1
History: cpython#74224
Pattern: M8 no wake on the way out
Caught-by: tests wakeup::w1_a

Nobody is notified.

--- a/kernel/src/wakeup.rs
+++ b/kernel/src/wakeup.rs
@@ -2,3 +2,2 @@
     publish();
-    notify();
 }
";

/// A repository with one clause, one file, one test, and the faults that are given.
fn repository(name: &str, faults: &[(&str, &str)]) -> PathBuf {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("faults_command_{name}"));
    let _ = fs::remove_dir_all(&root);
    let faults = faults.iter().map(|(id, text)| (format!("other/{id}.patch"), *text));
    let files = [
        ("SPEC.md", "### W-1\n"),
        ("kernel/src/wakeup.rs", KERNEL),
        ("kernel/tests/clauses/wakeup.rs", TEST),
        ("other/README.md", "not a patch\n"),
    ];
    for (path, text) in files.map(|(path, text)| (path.to_owned(), text)).into_iter().chain(faults)
    {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    root
}

fn faults(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_faults"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("the command starts");
    (status.code(), String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned())
}

#[test]
fn a_sound_folder_passes_the_check_and_is_listed() {
    let root = repository("sound", &[("wakeup-silent", FAULT)]);
    let (status, text) = faults(&root.join("kernel/src"), &["--check", "--dir", "../../other"]);
    assert_eq!((status, &*text), (Some(0), "1 faults apply\n"));
    let (status, text) = faults(&root, &["list", "--dir", "other"]);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("wakeup-silent  M8       W-1      tests wakeup::w1_a"), "{text}");
    // Looking leaves nothing behind and changes nothing.
    assert!(!root.join("target").exists());
    assert_eq!(fs::read_to_string(root.join("kernel/src/wakeup.rs")).unwrap(), KERNEL);
}

#[test]
fn every_malformed_header_is_named() {
    let no_pattern = FAULT.replace("Id: wakeup-silent", "Id: b").replace("M8", "M77");
    let no_catcher = FAULT.replace("Caught-by", "Caught");
    let root = repository("malformed", &[("a", FAULT), ("b", &no_pattern), ("c", &no_catcher)]);
    for arguments in [&["--check", "--dir", "other"][..], &["list", "--dir", "other"]] {
        let (status, text) = faults(&root, arguments);
        assert_eq!(status, Some(1), "{text}");
        assert!(
            text.contains("a.patch: `Id: wakeup-silent` is not the name of its file"),
            "{text}"
        );
        assert!(text.contains("b.patch: `Pattern: M77"), "{text}");
        assert!(text.contains("c.patch: `Caught: "), "{text}");
    }
}

#[test]
fn what_does_not_apply_or_names_what_is_not_there_is_named() {
    let root = repository("rotten", &[("wakeup-silent", FAULT)]);
    let check = || faults(&root, &["--check", "--dir", "other"]);
    fs::write(root.join("kernel/src/wakeup.rs"), KERNEL.replace("notify", "tell")).unwrap();
    let (status, text) = check();
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains("wakeup-silent: does not apply: kernel/src/wakeup.rs: "), "{text}");
    assert!(text.contains("`notify();`"), "{text}");

    fs::write(root.join("kernel/src/wakeup.rs"), KERNEL).unwrap();
    fs::write(root.join("kernel/tests/clauses/wakeup.rs"), TEST.replace("w1_a", "w1_b")).unwrap();
    fs::write(root.join("SPEC.md"), "### W-2\n").unwrap();
    let (status, text) = check();
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains("there is no `wakeup::w1_a` among the tests"), "{text}");
    assert!(text.contains("SPEC.md has no clause W-1"), "{text}");
}

#[test]
fn an_empty_folder_is_no_success() {
    let root = repository("empty", &[]);
    let (status, text) = faults(&root, &["--check", "--dir", "other"]);
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains("there is no *.patch"), "{text}");
    assert_eq!(faults(&root, &["--check"]).0, Some(1));
}

#[test]
fn arguments_that_are_not_understood_exit_2() {
    let root = repository("arguments", &[("wakeup-silent", FAULT)]);
    for arguments in [
        &["--bogus"][..],
        &["--shard", "3/2"],
        &["--jobs", "0"],
        &["--check", "wakeup-silent"],
        &["--dir"],
        &["--dir", "other", "no-such-fault"],
    ] {
        let (status, text) = faults(&root, arguments);
        assert_eq!(status, Some(2), "{arguments:?} {text}");
    }
    let (_, text) = faults(&root, &["--dir", "other", "silent"]);
    assert!(text.contains("there is no fault `silent`: wakeup-silent?"), "{text}");
    let (status, text) = faults(&root, &["--help"]);
    assert_eq!(status, Some(0));
    assert!(text.starts_with("cargo faults ") && text.contains("Exit status"), "{text}");
}

/// A checker that hangs has children; all are gone when whoever started it is.
#[test]
fn the_guard_takes_all_with_it_when_its_input_ends() {
    let mut guard = Command::new(env!("CARGO_BIN_EXE_faults"))
        .args(["guard", "sh", "-c", "sleep 1000 & echo $!; wait"])
        .process_group_of_its_own()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let mut child = String::new();
    let mut byte = [0];
    let mut output = guard.stdout.take().unwrap();
    while output.read(&mut byte).unwrap() == 1 && byte != *b"\n" {
        child.push(byte[0].into());
    }
    let alive = || {
        let probe = Command::new("kill").args(["-0", &child]).stderr(Stdio::null()).status();
        // One that is dead and not yet buried is not alive.
        let state = fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        probe.unwrap().success() && !state.contains(") Z ")
    };
    assert!(alive());
    drop(guard.stdin.take());
    assert!(!guard.wait().unwrap().success());
    let patience = Instant::now() + Duration::from_secs(60);
    while alive() {
        assert!(Instant::now() < patience, "the child of the command lives on");
        std::thread::yield_now();
    }
}

#[test]
fn the_guard_passes_the_exit_status_on() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_faults"));
    let guard = command.args(["guard", "sh", "-c", "exit 7"]).process_group_of_its_own();
    let mut guard = guard.stdin(Stdio::piped()).spawn().expect("the command starts");
    let stdin = guard.stdin.take();
    assert_eq!(guard.wait().unwrap().code(), Some(7));
    drop(stdin);
}

trait OwnGroup {
    /// As the command starts its guards.
    fn process_group_of_its_own(&mut self) -> &mut Self;
}

impl OwnGroup for Command {
    fn process_group_of_its_own(&mut self) -> &mut Command {
        std::os::unix::process::CommandExt::process_group(self, 0)
    }
}

/// A patch that has rotted fails the tests of the change that made it rot.
#[test]
fn the_faults_of_this_repository_are_sound() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (status, text) = faults(here, &["--check"]);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.ends_with(" faults apply\n"), "{text}");
}

#[test]
fn the_list_of_patterns_is_the_one_that_headers_are_held_to() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(here.join("faults/README.md")).unwrap();
    let source = fs::read_to_string(here.join("src/bin/faults/pattern.rs")).unwrap();
    let listed = readme.lines().filter_map(|line| line.strip_prefix("| M"));
    let listed: Vec<String> = listed
        .map(|line| {
            let mut cells = line.split(" | ");
            format!("(\"M{}\", \"{}\")", cells.next().unwrap(), cells.next().unwrap())
        })
        .collect();
    assert_eq!(listed.len(), 16);
    for pattern in listed {
        assert!(source.contains(&pattern), "{pattern}");
    }
}
