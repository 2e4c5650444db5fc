//! Tells the program which sources it was built from: a replay file is only good for the same ones.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

#[path = "src/harness/report/fingerprint.rs"]
#[allow(dead_code, reason = "its tests are the library's")]
mod fingerprint;

use fingerprint::Fingerprint;

/// What decides which interleavings there are, from the folder of this package.
const SOURCES: [&str; 2] = ["../kernel/src", "src"];

fn main() {
    let package = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let mut all = Fingerprint::EMPTY;
    for folder in SOURCES {
        println!("cargo::rerun-if-changed={folder}");
        all = sources(&package.join(folder), all).expect("the sources can be read");
    }
    let lock = "../Cargo.lock";
    println!("cargo::rerun-if-changed={lock}");
    let explorer = if env::var_os("CARGO_CFG_SHUTTLE").is_some() { "shuttle" } else { "loom" };
    let explorer = version(&fs::read_to_string(package.join(lock)).unwrap_or_default(), explorer);
    println!("cargo::rustc-env=LOOPGATE_EXPLORER={explorer}");
    println!("cargo::rustc-env=LOOPGATE_SOURCES={}", all.with(explorer.as_bytes()).text());
}

/// Takes in every Rust file of a folder, sorted, each after its name.
fn sources(folder: &Path, mut all: Fingerprint) -> io::Result<Fingerprint> {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    entries.sort();
    for path in entries {
        if path.is_dir() {
            all = sources(&path, all)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            all = all.with(name.as_bytes()).with(&fs::read(&path)?);
        }
    }
    Ok(all)
}

/// An explorer with its version, from the lock file.
fn version(lock: &str, explorer: &str) -> String {
    let version = lock
        .split_once(&format!("name = \"{explorer}\"\nversion = \""))
        .and_then(|(_, rest)| rest.split_once('"'))
        .map_or("unknown", |(version, _)| version);
    format!("{explorer} {version}")
}
