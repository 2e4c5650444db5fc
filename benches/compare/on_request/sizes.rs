//! W9: how large a program is that does the least one can do with a loop.

use std::path::PathBuf;
use std::process::Command;

use crate::rows::{Role, Row};
use crate::sample::Size;

/// The programs in `benches/minimal`, and whose they are.
const PROGRAMS: [(&str, Role); 5] = [
    ("loopgate", Role::Kernel),
    ("tokio", Role::Peer),
    ("smol", Role::Peer),
    ("futures", Role::Peer),
    ("thread", Role::Limit),
];

/// Builds each as cargo does for a release, which is without link-time optimisation over crates, and takes
/// its symbols away. An error is cargo's.
pub(crate) fn rows() -> Result<Vec<Row>, String> {
    let sizes = PROGRAMS.into_iter().map(|(name, role)| Ok((name, role, size(name)?)));
    let sizes = sizes.collect::<Result<_, String>>()?;
    Ok(vec![Row::of_figures("W9 minimal program", Size { n: 1, p: 1 }, "bytes", sizes)])
}

fn size(name: &str) -> Result<f64, String> {
    let about = |error: std::io::Error| format!("minimal program of {name}: {error}");
    let program = build(name)?;
    // One that does not work would be the smallest.
    let output = Command::new(&program).output().map_err(about)?;
    if output.stdout != b"42\n" {
        return Err(format!("{} does not add up: {output:?}", program.display()));
    }
    Ok(program.metadata().map_err(about)?.len() as f64)
}

fn build(name: &str) -> Result<PathBuf, String> {
    let mut cargo = super::cargo();
    cargo.args(["rustc", "--release", "--locked", "--message-format", "json-render-diagnostics"]);
    if !cfg!(feature = "uring") {
        cargo.arg("--no-default-features");
    }
    cargo.args(["--package", env!("CARGO_PKG_NAME")]);
    // For the program alone, so that what it needs is not built a second time.
    cargo.args(["--example", &format!("minimal-{name}"), "--", "-C", "strip=symbols"]);
    let output = cargo.stderr(std::process::Stdio::inherit()).output();
    let output = output.map_err(|error| format!("cargo: {error}"))?;
    let messages = String::from_utf8_lossy(&output.stdout);
    let mut executables = messages.lines().filter_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        message.get("executable")?.as_str().map(PathBuf::from)
    });
    let missing = || format!("cargo did not build the minimal program of {name}");
    executables.next_back().filter(|_| output.status.success()).ok_or_else(missing)
}
