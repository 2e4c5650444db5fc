//! A copy of the workspace, for mistakes to be put into. The checkout itself is only read.
//!
//! Copies stay between runs, so that what changed is built and nothing else: `target/faults/N` has the
//! sources in `workspace` and what is built of them beside it. A run begins by making the copy equal to
//! the checkout, whatever an earlier run left in it; a file that is equal keeps its time of change.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, TryLockError};
use std::hash::{Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};

use super::fault::Fault;

/// Folders that neither a build nor a check reads, outside of `src`.
const SKIPPED: [&str; 6] = ["target", "corpus", "artifacts", "coverage", "faults", "replays"];

/// The sources of a checkout, by path.
pub(crate) type Sources = BTreeMap<String, Vec<u8>>;

/// Reads what a copy consists of.
pub(crate) fn sources(root: &Path) -> io::Result<Sources> {
    let mut files = Sources::new();
    walk(root, "", &mut files)?;
    Ok(files)
}

fn walk(folder: &Path, name: &str, files: &mut Sources) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(file) = entry.file_name().into_string() else { continue };
        let path = if name.is_empty() { file.clone() } else { format!("{name}/{file}") };
        let kind = entry.file_type()?;
        // Sources may be in folders of these names.
        let skipped = SKIPPED.contains(&&*file) && !name.split('/').any(|part| part == "src");
        if kind.is_dir() && !skipped && (!file.starts_with('.') || file == ".cargo") {
            walk(&entry.path(), &path, files)?;
        } else if kind.is_file() && !file.starts_with('.') || path == ".cargo/config.toml" {
            files.insert(path, fs::read(entry.path())?);
        }
    }
    Ok(())
}

/// A number that differs when the sources do.
pub(crate) fn fingerprint(sources: &Sources) -> u64 {
    let mut hasher = DefaultHasher::new();
    sources.hash(&mut hasher);
    hasher.finish()
}

/// One copy; nobody else uses it while this lives.
pub(crate) struct Copy {
    checkout: PathBuf,
    folder: PathBuf,
    sources: Sources,
    _lock: File,
}

impl Copy {
    /// Makes the copy `number` equal to the checkout.
    pub(crate) fn open(root: &Path, number: usize, sources: &Sources) -> io::Result<Copy> {
        let folder = root.join("target/faults").join(number.to_string());
        fs::create_dir_all(folder.join("workspace"))?;
        let lock = File::create(folder.join("lock"))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::Error(error) => error,
            TryLockError::WouldBlock => io::Error::other(format!(
                "{} is in use: another `cargo faults` is running here",
                folder.display()
            )),
        })?;
        let checkout = root.to_owned();
        let copy = Copy { checkout, folder, sources: sources.clone(), _lock: lock };
        let mut there = Sources::new();
        walk(&copy.workspace(), "", &mut there)?;
        let names: BTreeSet<&String> = sources.keys().chain(there.keys()).collect();
        for path in names {
            match (sources.get(path), there.get(path)) {
                (Some(wanted), found) if Some(wanted) != found => copy.write(path, wanted)?,
                (None, _) => fs::remove_file(copy.workspace().join(path))?,
                _ => {}
            }
        }
        Ok(copy)
    }

    /// Where the sources are.
    pub(crate) fn workspace(&self) -> PathBuf {
        self.folder.join("workspace")
    }

    /// What it is a copy of.
    pub(crate) fn checkout(&self) -> &Path {
        &self.checkout
    }

    /// Beside the sources: what is built, what is written.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    fn write(&self, path: &str, text: &[u8]) -> io::Result<()> {
        let path = self.workspace().join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, text)
    }

    /// Puts a fault in, or says why that cannot be done; then the copy is as it was.
    pub(crate) fn put_in(&self, fault: &Fault) -> io::Result<Result<(), String>> {
        match apply(&self.sources, fault) {
            Ok(changed) => {
                for (path, text) in changed {
                    self.write(&path, text.as_bytes())?;
                }
                Ok(Ok(()))
            }
            Err(why) => Ok(Err(why)),
        }
    }

    /// Takes a fault out again.
    pub(crate) fn take_out(&self, fault: &Fault) -> io::Result<()> {
        fault.diffs.iter().try_for_each(|diff| self.write(&diff.path, &self.sources[&diff.path]))
    }
}

/// The files that a fault changes, changed.
pub(crate) fn apply(sources: &Sources, fault: &Fault) -> Result<Vec<(String, String)>, String> {
    let one = |diff: &super::diff::FileDiff| {
        let path = &diff.path;
        let text = sources.get(path).ok_or_else(|| format!("there is no {path}"))?;
        let text = std::str::from_utf8(text).map_err(|_| format!("{path} is no text"))?;
        let changed = diff.apply(text).map_err(|why| format!("{path}: {why}"))?;
        Ok((path.clone(), changed))
    };
    let changed: Result<Vec<_>, String> = fault.diffs.iter().map(one).collect();
    changed.map_err(|why| format!("does not apply: {why}"))
}
