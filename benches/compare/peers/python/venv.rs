//! A Python that has uvloop, among what is built.
//!
//! The version and the hashes are those of the conformance kit, so that what is measured is what is
//! tested. pip installs by hash alone: what was installed once is what the requirements say for ever.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The system's interpreter.
pub(super) const PYTHON: &str = "python3";

const REQUIREMENTS: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../model-tests/conformance/drivers/uvloop.txt");

/// Its interpreter; installs it if it is not there, or is there for other requirements.
pub(super) fn python() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("uvloop");
    let requirements =
        fs::read_to_string(REQUIREMENTS).map_err(|error| format!("{REQUIREMENTS}: {error}"))?;
    let wanted = output(Command::new(PYTHON).arg("--version"))? + &requirements;
    let finished = folder.join("finished");
    let python = folder.join("bin").join("python");
    if fs::read_to_string(&finished).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    eprintln!("installing uvloop in {}", folder.display());
    let venv = ["-m", "venv", "--clear"];
    output(Command::new(PYTHON).args(venv).arg(&folder))?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    let only = ["--require-hashes", "--only-binary", ":all:", "--no-deps", "--requirement"];
    output(Command::new(&python).args(pip).args(only).arg(REQUIREMENTS))?;
    fs::write(&finished, wanted).map_err(|error| format!("{}: {error}", finished.display()))?;
    Ok(python)
}

fn output(command: &mut Command) -> Result<String, String> {
    let shown = format!("{command:?}");
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{shown}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let stderr = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(format!("{shown} failed, {}: {stderr}", output.status))
}
