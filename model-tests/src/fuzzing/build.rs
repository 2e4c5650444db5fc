//! Builds fuzz targets, as cargo-fuzz does, but on the stable compiler: only sanitizers and branches that are counted need more, and
//! that every compiler has.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How a target is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flavour {
    /// With coverage that a fuzzer follows, and the fuzzer; else a program that replays files.
    pub fuzzing: bool,
    /// On the explorer's side of the switch.
    pub scheduled: bool,
    /// With AddressSanitizer.
    pub sanitizer: bool,
    /// With coverage that LLVM's tools report.
    pub covered: bool,
    /// As fast as it can be built, and not as fast as it can run.
    pub hasty: bool,
}

impl Flavour {
    /// A fuzzer.
    pub const PLAIN: Flavour =
        Flavour { fuzzing: true, scheduled: false, sanitizer: false, covered: false, hasty: false };
    /// A fuzzer of a target with a schedule.
    pub const SCHEDULED: Flavour = Flavour { scheduled: true, ..Flavour::PLAIN };

    /// The name of its folder: flags differ, so nothing can be shared.
    fn folder(self) -> String {
        let parts = [
            (self.fuzzing, "fuzzing"),
            (self.scheduled, "scheduled"),
            (self.sanitizer, "sanitizer"),
            (self.covered, "covered"),
        ];
        let parts: Vec<&str> = parts.iter().filter(|(on, _)| *on).map(|(_, part)| *part).collect();
        parts.join("-")
    }

    fn flags(self) -> Vec<&'static str> {
        let mut flags = Vec::new();
        if self.fuzzing {
            // libFuzzer's: counters at edges, a table of them, and what comparisons compare.
            flags.extend([
                "--cfg=fuzzing",
                "-Cpasses=sancov-module",
                "-Cllvm-args=-sanitizer-coverage-level=4",
                "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
                "-Cllvm-args=-sanitizer-coverage-pc-table",
                "-Cllvm-args=-sanitizer-coverage-trace-compares",
                "-Cllvm-args=-simplifycfg-branch-fold-threshold=0",
            ]);
        }
        // Units of their own are built again alone, and at the same time.
        if self.fuzzing && !self.hasty {
            flags.push("-Ccodegen-units=1");
        }
        if self.scheduled {
            flags.push("--cfg=shuttle");
        }
        if self.sanitizer {
            flags.push("-Zsanitizer=address");
        }
        if self.covered {
            flags.extend(["-Cinstrument-coverage", "-Zcoverage-options=branch"]);
        }
        flags
    }
}

/// The triple of this machine. Building for it by name keeps flags from build scripts.
///
/// # Errors
/// rustc cannot be asked.
pub fn host() -> io::Result<String> {
    let output = Command::new("rustc").arg("-vV").output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find_map(|line| line.strip_prefix("host: "));
    line.map(str::to_owned).ok_or_else(|| io::Error::other("rustc names no host"))
}

/// The arguments to cargo that build targets of `workspace/fuzz` under `target`, and the folder of the binaries.
///
/// `RUSTFLAGS` must not be set, and for a sanitizer or coverage `RUSTC_BOOTSTRAP` must be.
///
/// # Errors
/// rustc cannot be asked for its host.
pub fn arguments(
    workspace: &Path,
    target: &Path,
    flavour: Flavour,
    names: &[&str],
) -> io::Result<(Vec<String>, PathBuf)> {
    let host = host()?;
    let target = target.join(flavour.folder());
    let manifest = workspace.join("fuzz/Cargo.toml");
    let path = |path: &Path| path.to_string_lossy().into_owned();
    let mut arguments: Vec<String> =
        ["build", "--quiet", "--release", "--locked", "--target", &host].map(String::from).into();
    arguments.extend(["--manifest-path".into(), path(&manifest)]);
    arguments.extend(["--target-dir".into(), path(&target)]);
    arguments.extend(names.iter().flat_map(|name| ["--bin".to_owned(), (*name).to_owned()]));
    let mut config = |setting: String| arguments.extend(["--config".into(), setting]);
    config(format!("build.rustflags={:?}", flavour.flags()));
    if flavour.hasty {
        config("profile.release.opt-level=1".into());
        config("profile.release.debug=0".into());
        config("profile.release.incremental=true".into());
    }
    Ok((arguments, target.join(host).join("release")))
}

/// The command that builds targets, and the folder of the binaries; see [`arguments`].
///
/// # Errors
/// rustc cannot be asked for its host.
pub fn build(
    workspace: &Path,
    target: &Path,
    flavour: Flavour,
    names: &[&str],
) -> io::Result<(Command, PathBuf)> {
    let (arguments, folder) = arguments(workspace, target, flavour, names)?;
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    if flavour.sanitizer || flavour.covered {
        // Unstable, and there in every compiler.
        command.env("RUSTC_BOOTSTRAP", "1");
    }
    Ok((command, folder))
}
