//! A Python that has what a driver needs, in a folder for caches.
//!
//! pip installs by hash alone, so what was installed once under a file of requirements is what the file
//! says for ever. A folder is only used if it was finished.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

/// The system's interpreter.
pub(super) const PYTHON: &str = "python3";

/// An interpreter with these requirements installed; the system's if there are none.
pub(super) fn python(requirements: Option<&Path>) -> Result<PathBuf, String> {
    let Some(requirements) = requirements else { return Ok(PYTHON.into()) };
    let text = fs::read_to_string(requirements)
        .map_err(|error| format!("{}: {error}", requirements.display()))?;
    let version = output(Command::new(PYTHON).arg("--version"))?;
    let folder = cache()?.join(format!("venv-{:016x}", hash(&[&version, &text])));
    let finished = folder.join("finished");
    let python = folder.join("bin").join("python");
    if !finished.exists() {
        install(&folder, &python, requirements)?;
        fs::write(&finished, &version).map_err(|error| error.to_string())?;
    }
    Ok(python)
}

fn install(folder: &Path, python: &Path, requirements: &Path) -> Result<(), String> {
    eprintln!("installing {} in {}", requirements.display(), folder.display());
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    output(Command::new(PYTHON).args(["-m", "venv"]).arg(folder))?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    let only = ["--require-hashes", "--only-binary", ":all:", "--no-deps", "--requirement"];
    output(Command::new(python).args(pip).args(only).arg(requirements))?;
    Ok(())
}

fn cache() -> Result<PathBuf, String> {
    if let Some(folder) = env::var_os("LOOPGATE_CI_CACHE") {
        return Ok(folder.into());
    }
    let home = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache")));
    let home =
        home.ok_or("neither HOME nor XDG_CACHE_HOME is set: there is no folder for caches")?;
    Ok(home.join("loopgate-conformance"))
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

/// FNV-1a: the same in every build.
fn hash(texts: &[&str]) -> u64 {
    let bytes = texts.iter().flat_map(|text| text.bytes().chain([0]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
