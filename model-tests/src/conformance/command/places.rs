//! Where things are, and what a profile's command means here.

use std::fs;
use std::path::{Path, PathBuf};

use super::venv;
use crate::conformance::Profile;

/// The runtimes that the project measures.
pub(super) const RUNTIMES: [&str; 4] = ["kernel", "asyncio", "uvloop", "tokio"];

pub(super) struct Places {
    /// What the kit has besides Rust: drivers, profiles, vectors.
    pub(super) kit: PathBuf,
    pub(super) vectors: PathBuf,
    pub(super) target: PathBuf,
}

impl Places {
    pub(super) fn new(vectors: Option<PathBuf>) -> Places {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let kit = package.join("conformance");
        let vectors = vectors.unwrap_or_else(|| kit.join("vectors"));
        Places { vectors, kit, target: package.with_file_name("target") }
    }

    pub(super) fn profile(&self, runtime: &str) -> Result<PathBuf, String> {
        let path = self.kit.join("runtimes").join(format!("{runtime}.toml"));
        if path.exists() {
            return Ok(path);
        }
        let known = RUNTIMES.join(", ");
        Err(format!("there is no runtime `{runtime}`; there are {known}, and `--profile FILE`"))
    }

    /// The command that starts a runtime's driver.
    pub(super) fn command(&self, profile: &Profile) -> Result<Vec<String>, String> {
        let words = profile.command.iter().map(|word| match &**word {
            "@self" => {
                let program = std::env::current_exe().map_err(|error| error.to_string())?;
                Ok(program.to_string_lossy().into_owned())
            }
            "@python" => {
                let requirements = profile.requirements.as_deref().map(|file| self.kit.join(file));
                let python = venv::python(requirements.as_deref())?;
                Ok(python.to_string_lossy().into_owned())
            }
            word => Ok(word.to_owned()),
        });
        words.collect()
    }
}

/// Writes a file, and the folder for it.
pub(super) fn write(path: &Path, text: &str) -> Result<(), String> {
    let about = |error: std::io::Error| format!("{}: {error}", path.display());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(about)?;
    }
    fs::write(path, text).map_err(about)
}
